//! The laws of errors that do not depend on which error it is.

use strata_tests::{fresh_database, run, superuser, value};

/// Law: whatever RUST_BACKTRACE says in the server's environment, no error carries a backtrace, and the variable stays
/// what it is. (scripts/cluster sets it for every test.)
#[test]
fn no_error_carries_a_backtrace() {
    let mut client = fresh_database("errors_backtrace");
    for statement in [
        // an error of the core, one of the extension's own, one that PostgreSQL raises below our code
        "SELECT strata.ledger '{'",
        "SELECT strata.ledger_agg(now(), 1::numeric)",
        "SELECT * FROM strata.rfm('SELECT 1/0, DATE ''2024-01-01'', 1', as_of => DATE '2024-01-01')",
    ] {
        let error = client.batch_execute(statement).expect_err(statement);
        let error = error.as_db_error().unwrap_or_else(|| panic!("{statement}: {error}"));
        assert_eq!(error.detail(), None, "{statement}: {error}");
    }

    let mut superuser = superuser("errors_backtrace");
    run(
        &mut superuser,
        "CREATE TEMPORARY TABLE environment (line text);
         SELECT strata.ledger '{}';
         COPY environment FROM PROGRAM 'echo $RUST_BACKTRACE'",
    );
    assert_eq!(value::<String>(&mut superuser, "SELECT line FROM environment"), "full");
}
