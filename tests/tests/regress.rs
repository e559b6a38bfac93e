//! Runs `tests/sql/*.sql` with the server's pg_regress and compares with
//! `tests/expected/*.out`.
//!
//! All files run in one database, one after the other, as the analyst:
//! `install` first, which leaves the extension installed, then the others by
//! name. Each file makes and drops what it needs, so that their order says
//! nothing. Dates are printed in ISO form; the session's time zone is
//! pg_regress's own, America/Los_Angeles, so that an answer that silently
//! depended on it would show.
//!
//! One file, or a few: `REGRESS="ledger rfm" make test`. To take what they print
//! as expected from now on, set REGRESS_ACCEPT=1, and read the diff.

use std::fs::{self, OpenOptions};
use std::path::Path;

use strata_tests::{empty_database, pg_regress, repository, visible};

#[test]
fn sql_files_print_what_is_expected() {
    let tests = repository().join("tests");
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("regress");
    fs::create_dir_all(&output).expect("a directory for the results");

    let database = "regress";
    empty_database(database);

    let names = schedule(&tests.join("sql"));
    let accept = std::env::var_os("REGRESS_ACCEPT").is_some();
    if accept {
        // pg_regress gives up at the first file without an expected output.
        for name in &names {
            let expected = tests.join(format!("expected/{name}.out"));
            OpenOptions::new().append(true).create(true).open(expected).expect("tests/expected is writable");
        }
    }

    let run = pg_regress(database, &tests, &output, &names);

    if accept {
        for name in &names {
            let results = output.join(format!("results/{name}.out"));
            fs::copy(results, tests.join(format!("expected/{name}.out"))).expect("a result");
        }
        visible("accepted: see git diff tests/expected");
    } else if let Err(differences) = run {
        panic!("{differences}");
    }
}

/// The files to run, without `.sql`: `install` first, then those named in the
/// variable REGRESS, or all.
fn schedule(sql: &Path) -> Vec<String> {
    let mut names: Vec<String> = match std::env::var("REGRESS") {
        Ok(chosen) if !chosen.trim().is_empty() => chosen.split_whitespace().map(str::to_owned).collect(),
        _ => fs::read_dir(sql)
            .expect("tests/sql is there")
            .map(|entry| entry.expect("a readable entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect(),
    };
    names.retain(|name| name != "install");
    names.sort();
    names.insert(0, "install".to_owned());
    names
}
