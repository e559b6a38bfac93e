//! What happens between two sessions: runs `tests/isolation/specs/*.spec` with the server's pg_isolation_regress and compares with
//! `tests/isolation/expected/*.out`. To take what they print as expected from now on, set REGRESS_ACCEPT=1, and read the diff.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Command;

use strata_tests::{fresh_database, repository, server, visible};

const SPECS: [&str; 5] =
    ["calibrate_and_refresh", "drop_and_sync", "rename_and_sync", "sync_and_writers", "two_refreshes"];

#[test]
fn sessions_meet_as_expected() {
    let isolation = repository().join("tests/isolation");
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("isolation");
    fs::create_dir_all(&output).expect("a directory for the results");
    drop(fresh_database("isolation"));
    let accept = std::env::var_os("REGRESS_ACCEPT").is_some();
    if accept {
        for spec in SPECS {
            let expected = isolation.join(format!("expected/{spec}.out"));
            OpenOptions::new().append(true).create(true).open(expected).expect("expected files are writable");
        }
    }
    let server = server();
    let answer = Command::new(&server.pg_config).arg("--pgxs").output().expect("pg_config runs");
    let pgxs = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    let source = Path::new(&pgxs).ancestors().nth(2).expect("pgxs.mk lies in src/makefiles");
    let run = Command::new(source.join("test/isolation/pg_isolation_regress"))
        .arg("--use-existing")
        .arg("--dbname=isolation")
        .arg(format!("--user={}", server.analyst))
        .arg(format!("--host={}", server.host))
        .arg(format!("--port={}", server.port))
        .arg(format!("--bindir={}", server.programs.display()))
        .arg(format!("--inputdir={}", isolation.display()))
        .arg(format!("--outputdir={}", output.display()))
        .args(SPECS)
        .output()
        .expect("pg_isolation_regress runs");
    if accept {
        for spec in SPECS {
            let results = output.join(format!("results/{spec}.out"));
            fs::copy(results, isolation.join(format!("expected/{spec}.out"))).expect("a result");
        }
        visible("accepted: see git diff tests/isolation/expected");
    } else if !run.status.success() {
        let differences = fs::read_to_string(output.join("regression.diffs")).unwrap_or_default();
        panic!(
            "pg_isolation_regress failed\n{}{}\n{differences}",
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr),
        );
    }
}
