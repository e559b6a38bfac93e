//! The examples of the documents are true: every ```sql block of README.md and of docs/*.md runs, in order, in a
//! database of its own, and prints the ```text block that follows it. A block without one prints nothing.
//!
//! After a change, DOCS_ACCEPT=1 writes what the examples print into the documents: read the diff.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use strata_tests::{empty_database, fresh_database, program, repository, visible};

#[test]
fn readme_examples_print_what_it_says() {
    check(&repository().join("README.md"), "docs_readme");
}

#[test]
fn reference_examples_print_what_it_says() {
    check(&repository().join("docs/reference.md"), "docs_reference");
}

#[test]
fn model_examples_print_what_it_says() {
    check(&repository().join("docs/models.md"), "docs_models");
}

#[test]
fn preset_examples_print_what_it_says() {
    check(&repository().join("docs/presets.md"), "docs_presets");
}

#[test]
fn living_examples_print_what_it_says() {
    check(&repository().join("docs/living.md"), "docs_living");
}

#[test]
fn living_reference_examples_print_what_it_says() {
    check(&repository().join("docs/reference-living.md"), "docs_reference_living");
}

#[test]
fn reference_names_every_public_function() {
    let reference: String = ["docs/reference.md", "docs/reference-living.md"]
        .iter()
        .map(|page| fs::read_to_string(repository().join(page)).unwrap_or_else(|error| panic!("{page}: {error}")))
        .collect();
    let mut client = fresh_database("docs_functions");
    let functions = client
        .query(
            "SELECT DISTINCT proname::text FROM pg_proc
             WHERE pronamespace = 'strata'::regnamespace",
            &[],
        )
        .expect("the catalog can be read");
    let missing: Vec<String> = functions
        .iter()
        .map(|row| row.get(0))
        .filter(|name: &String| !reference.contains(&format!("`{name}(")))
        .collect();
    assert!(functions.len() > 20, "the catalog lists the public functions");
    assert!(missing.is_empty(), "the reference does not describe {missing:?}");
}

/// A stretch of a document.
enum Part {
    /// Lines that are no example.
    Prose(String),
    /// An example, and what the document says it prints.
    Example { line: usize, sql: String, output: String },
}

fn check(document: &Path, database: &str) {
    let text = fs::read_to_string(document).unwrap_or_else(|error| panic!("{}: {error}", document.display()));
    let mut parts = parse(&text);
    let accept = std::env::var_os("DOCS_ACCEPT").is_some();
    assert!(accept || print(&parts) == text, "{}: examples are not written as they are read", document.display());

    empty_database(database);
    let printed = run(&parts, database);

    let mut differences = String::new();
    let examples = parts.iter_mut().filter_map(|part| match part {
        Part::Prose(_) => None,
        Part::Example { line, sql, output } => Some((line, sql, output)),
    });
    for ((line, sql, output), printed) in examples.zip(printed) {
        if *output != printed && !accept {
            let document = document.display();
            differences += &format!("{document}:{line}:\n{sql}says\n{output}but it prints\n{printed}\n");
        }
        *output = printed;
    }
    assert!(differences.is_empty(), "{differences}To accept: DOCS_ACCEPT=1 make test");
    if accept {
        fs::write(document, print(&parts)).expect("the document is writable");
        visible("accepted: see git diff README.md docs");
    }
}

/// Splits a document at its examples.
fn parse(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut prose = String::new();
    let mut lines = text.split_inclusive('\n').enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if line != "```sql\n" {
            prose += line;
            continue;
        }
        let mut block =
            || -> String { lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```\n").collect() };
        let sql = block();
        // The output follows at once, or after an empty line.
        let rest: String = lines.clone().take(2).map(|(_, line)| line).collect();
        let output = match rest.strip_prefix('\n').unwrap_or(&rest).starts_with("```text\n") {
            true => {
                lines.by_ref().find(|(_, line)| *line == "```text\n");
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```\n").collect()
            }
            false => String::new(),
        };
        parts.push(Part::Prose(std::mem::take(&mut prose)));
        parts.push(Part::Example { line: number + 1, sql, output });
    }
    parts.push(Part::Prose(prose));
    parts
}

/// The document again.
fn print(parts: &[Part]) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Prose(prose) => prose.clone(),
            Part::Example { sql, output, .. } if output.is_empty() => format!("```sql\n{sql}```\n"),
            Part::Example { sql, output, .. } => format!("```sql\n{sql}```\n```text\n{output}```\n"),
        })
        .collect()
}

/// What each example prints, errors included, when psql runs them one after the other in one session.
fn run(parts: &[Part], database: &str) -> Vec<String> {
    const END: &str = "---- end of example ----";
    let script: String = parts
        .iter()
        .filter_map(|part| match part {
            Part::Prose(_) => None,
            Part::Example { sql, .. } => Some(format!("{sql}\\echo '{END}'\n")),
        })
        .collect();
    let examples = script.matches(END).count();
    assert!(examples > 0, "the document has examples");

    // One stream for results and errors, as on a terminal.
    let (mut results, output) = std::io::pipe().expect("a pipe");
    let mut psql = program("psql")
        .env("PGTZ", "America/Los_Angeles")
        .env("PGDATESTYLE", "ISO,YMD")
        .env("PGCLIENTENCODING", "UTF8")
        .args(["--no-psqlrc", "--quiet", "--dbname", database])
        .stdin(Stdio::piped())
        .stdout(output.try_clone().expect("the pipe's end"))
        .stderr(output)
        .spawn()
        .expect("psql starts");
    let mut input = psql.stdin.take().expect("psql reads its standard input");
    let writer = std::thread::spawn(move || input.write_all(script.as_bytes()).expect("psql reads the examples"));
    let mut output = String::new();
    results.read_to_string(&mut output).expect("psql prints UTF-8");
    psql.wait().expect("psql ends");
    writer.join().expect("the examples are written");

    let mut printed: Vec<String> = output.split(&format!("{END}\n")).map(tidy).collect();
    let after_the_last = printed.pop();
    assert_eq!((printed.len(), after_the_last.as_deref()), (examples, Some("")), "psql ran all examples:\n{output}");
    printed
}

/// Without spaces at the ends of lines and empty lines at the end, which an editor would take away.
fn tidy(output: &str) -> String {
    let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
    let text = lines.join("\n");
    match text.trim_end() {
        "" => String::new(),
        text => format!("{text}\n"),
    }
}
