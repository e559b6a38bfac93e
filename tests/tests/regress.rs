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
use std::path::{Path, PathBuf};
use std::process::Command;

use strata_tests::{empty_database, repository, server, visible};

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

    let server = server();
    let run = Command::new(pg_regress())
        .arg("--use-existing")
        .arg(format!("--dbname={database}"))
        .arg(format!("--user={}", server.analyst))
        .arg(format!("--host={}", server.host))
        .arg(format!("--port={}", server.port))
        .arg(format!("--bindir={}", server.programs.display()))
        .arg(format!("--inputdir={}", tests.display()))
        .arg(format!("--outputdir={}", output.display()))
        .arg("--launcher=env PGDATESTYLE=ISO,YMD")
        .args(&names)
        .output()
        .expect("pg_regress runs");

    if accept {
        for name in &names {
            let results = output.join(format!("results/{name}.out"));
            fs::copy(results, tests.join(format!("expected/{name}.out"))).expect("a result");
        }
        visible("accepted: see git diff tests/expected");
    } else if !run.status.success() {
        let differences = fs::read_to_string(output.join("regression.diffs")).unwrap_or_default();
        panic!(
            "pg_regress failed\n{}{}\n{differences}",
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr),
        );
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

/// pg_regress comes with the server's development files, beside its pgxs.mk.
fn pg_regress() -> PathBuf {
    let answer = Command::new(&server().pg_config).arg("--pgxs").output().expect("pg_config runs");
    let pgxs = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    // …/pgxs/src/makefiles/pgxs.mk -> …/pgxs/src/test/regress/pg_regress
    let source = pgxs.ancestors().nth(2).expect("pgxs.mk lies in src/makefiles");
    source.join("test/regress/pg_regress")
}
