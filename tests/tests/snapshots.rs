//! What the query inside of `ledgers`, `rfm` and `rfm_summary` sees: what plain SQL in the same place sees, while its tables
//! are reloaded, swapped or rewritten, for any isolation of the transaction, and of what the same command has written.

use std::thread;
use std::time::Duration;

use postgres::Client;
use strata_tests::{analyst, explained, fresh_database, run, value};

const LOADED: &str =
    "SELECT 'user ' || n AS who, DATE '2025-01-01' + n % 9 AS day, n AS amount FROM generate_series(1, 50) AS n";

/// The number of users of `load`, by plain SQL and by each function.
const COUNTS: [&str; 6] = [
    "SELECT count(DISTINCT who) FROM load",
    "SELECT count(*) FROM strata.ledgers('SELECT who, day, amount FROM load')",
    "SELECT count(*) FROM strata.rfm('SELECT who, day, amount FROM load', as_of => '2025-02-01')",
    "SELECT sum(users)::bigint FROM strata.rfm_summary('SELECT who, day, amount FROM load', as_of => '2025-02-01')",
    "SELECT count(*) FROM strata.ledgers('SELECT who, day, amount FROM seen')",
    "SELECT count(*) FROM strata.ledgers('SELECT who, day, amount FROM load UNION ALL SELECT ''user 1'', day, 1 FROM days')",
];

/// Ways to have other rows in `load`, each with 50 users afterwards.
const RELOADS: [(&str, &str); 6] = [
    ("reload", "TRUNCATE load; INSERT INTO load SELECT * FROM loaded"),
    (
        "swap",
        "CREATE TABLE load_new AS SELECT * FROM loaded; ALTER TABLE load RENAME TO load_old; ALTER TABLE load_new RENAME TO load;
         CREATE OR REPLACE VIEW seen AS SELECT who, day, amount FROM load",
    ),
    ("drop", "DROP TABLE load CASCADE; CREATE TABLE load AS SELECT * FROM loaded; CREATE VIEW seen AS TABLE load"),
    ("another type", "DROP VIEW seen; ALTER TABLE load ALTER amount TYPE numeric(12,2); CREATE VIEW seen AS TABLE load"),
    ("locked", "LOCK TABLE load IN ACCESS EXCLUSIVE MODE; DELETE FROM load; INSERT INTO load SELECT * FROM loaded"),
    (
        "partition",
        "ALTER TABLE load RENAME TO first; CREATE TABLE load (LIKE first) PARTITION BY RANGE (day);
         CREATE OR REPLACE VIEW seen AS SELECT who, day, amount FROM load;
         TRUNCATE first; INSERT INTO first SELECT * FROM loaded; ALTER TABLE load ATTACH PARTITION first DEFAULT",
    ),
];

/// A database with the table `load` of 30 users (of 50 where another type needs their rows), and a view of it.
fn prepare(name: &str, way: &str) -> Client {
    let mut client = fresh_database(name);
    let before = if way == "another type" { 50 } else { 30 };
    run(
        &mut client,
        &format!(
            "CREATE TABLE loaded AS {LOADED}; CREATE TABLE load AS SELECT * FROM loaded WHERE amount <= {before};
             CREATE TABLE days AS SELECT DATE '2025-01-01' AS day; CREATE VIEW seen AS TABLE load"
        ),
    );
    client
}

/// Waits until so many other sessions of the database wait for a lock.
fn wait_for_waiting(client: &mut Client, sessions: i64) {
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (
                       SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    for _ in 0..600 {
        if value::<i64>(client, waiting) == sessions {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{sessions} sessions should wait for a lock");
}

fn counted(client: &mut Client, question: &str) -> i64 {
    match client.query_one(question, &[]) {
        Ok(row) => row.get(0),
        Err(error) => panic!("{question}: {}", explained(&error)),
    }
}

#[test]
fn a_reload_that_is_waited_for_is_seen() {
    for (place, (way, reload)) in RELOADS.iter().enumerate() {
        let database = format!("snapshots_waited_{place}");
        let mut writer = prepare(&database, way);
        run(&mut writer, &format!("BEGIN; {reload}"));
        let sessions: Vec<_> = COUNTS
            .iter()
            .map(|question| {
                let mut reader = analyst(&database);
                thread::spawn(move || (question, counted(&mut reader, question)))
            })
            .collect();
        wait_for_waiting(&mut writer, COUNTS.len() as i64);
        run(&mut writer, "COMMIT");
        for session in sessions {
            let (question, users) = session.join().expect("the reader ends");
            assert_eq!(users, 50, "{way}: {question}");
        }
    }
}

#[test]
fn a_reload_before_the_locks_is_seen() {
    for (place, (way, reload)) in RELOADS.iter().enumerate() {
        // nothing tells of rows that other rows took the place of: the statement's snapshot still has the old ones
        if *way == "locked" {
            continue;
        }
        let database = format!("snapshots_missed_{place}");
        let mut writer = prepare(&database, way);
        run(&mut writer, "SELECT pg_advisory_lock(7)");
        let sessions: Vec<_> = COUNTS[1..]
            .iter()
            .map(|question| {
                let mut reader = analyst(&database);
                // the statement has its snapshot, and waits before the function runs
                let late = format!("SELECT ({question}) FROM (SELECT pg_advisory_lock_shared(7) OFFSET 0) AS waited");
                thread::spawn(move || (question, counted(&mut reader, &late)))
            })
            .collect();
        wait_for_waiting(&mut writer, sessions.len() as i64);
        run(&mut writer, &format!("BEGIN; {reload}; COMMIT; SELECT pg_advisory_unlock(7)"));
        for session in sessions {
            let (question, users) = session.join().expect("the reader ends");
            assert_eq!(users, 50, "{way}: {question}");
        }
    }
}

#[test]
fn without_a_reload_a_statement_has_one_snapshot() {
    let mut writer = prepare("snapshots_one", "");
    for question in &COUNTS[1..4] {
        run(&mut writer, "SELECT pg_advisory_lock(7)");
        let mut reader = analyst("snapshots_one");
        let statement = format!(
            "SELECT (({question}) - (SELECT count(*) FROM load)) * 1000000 + before - ({question})
             FROM (SELECT ({question}) AS before, pg_advisory_xact_lock(7) OFFSET 0) AS early"
        );
        let session = thread::spawn(move || counted(&mut reader, &statement));
        wait_for_waiting(&mut writer, 1);
        run(
            &mut writer,
            "INSERT INTO load VALUES (gen_random_uuid()::text, '2025-01-01', 5); SELECT pg_advisory_unlock(7)",
        );
        assert_eq!(session.join().expect("the reader ends"), 0, "{question}");
    }
}

#[test]
fn a_transaction_with_one_snapshot_keeps_it() {
    for isolation in ["REPEATABLE READ", "SERIALIZABLE"] {
        let mut writer = prepare("snapshots_isolation", "");
        let mut reader = analyst("snapshots_isolation");
        run(&mut reader, &format!("BEGIN ISOLATION LEVEL {isolation}; SELECT count(*) FROM days"));
        run(&mut writer, "INSERT INTO load SELECT who || ' too', day, amount FROM loaded; ANALYZE load");
        for question in COUNTS {
            assert_eq!(counted(&mut reader, question), 30, "{isolation}: {question}");
        }
        run(&mut writer, "CREATE TABLE another AS TABLE load; TRUNCATE another; INSERT INTO another TABLE load");
        let plain = counted(&mut reader, "SELECT count(DISTINCT who) FROM another");
        let ours = counted(&mut reader, "SELECT count(*) FROM strata.ledgers('SELECT who, day, amount FROM another')");
        assert_eq!(ours, plain, "{isolation}");
    }
}

#[test]
fn rows_of_the_same_command_are_seen_as_by_plain_sql() {
    let mut client = prepare("snapshots_command", "");
    run(
        &mut client,
        "CREATE TABLE own (who text, day date, amount integer);
         CREATE FUNCTION put_one() RETURNS integer LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO own VALUES (gen_random_uuid(), '2025-01-01', 1); RETURN 1; END $$;
         CREATE FUNCTION put_and_count() RETURNS bigint LANGUAGE plpgsql AS $$
         BEGIN PERFORM put_one(); RETURN (SELECT count(*) FROM strata.ledgers('TABLE own')); END $$",
    );
    // a volatile function sees what it has written, a statement does not
    assert_eq!(counted(&mut client, "SELECT put_and_count()"), 1);
    assert_eq!(counted(&mut client, "SELECT put_and_count()"), 2);
    let ours = "(SELECT count(*) FROM strata.ledgers('SELECT * FROM own UNION ALL SELECT * FROM load'))";
    let plain = "(SELECT count(DISTINCT who) FROM (SELECT * FROM own UNION ALL SELECT * FROM load) AS both_of_them)";
    for question in [
        "SELECT (WHAT) * put_one()",
        "SELECT (WHAT) FROM (SELECT put_one() OFFSET 0) AS early",
        "WITH new AS (INSERT INTO own VALUES (gen_random_uuid(), '2025-01-01', 1) RETURNING 1)
         SELECT (WHAT) FROM (SELECT count(*) FROM new OFFSET 0) AS early",
    ] {
        let before = counted(&mut client, &format!("SELECT {plain}"));
        assert_eq!(counted(&mut client, &question.replace("WHAT", plain)), before, "{question}");
        assert_eq!(counted(&mut client, &question.replace("WHAT", ours)), before + 1, "{question}");
        assert_eq!(counted(&mut client, &format!("SELECT {ours}")), before + 2, "{question}");
    }
    run(&mut client, "INSERT INTO own SELECT user_id, '2025-01-01', 1 FROM strata.ledgers('TABLE own')");
    assert_eq!(counted(&mut client, "SELECT count(*) FROM own"), 16);

    // the same under a new snapshot, after a wait
    let mut writer = analyst("snapshots_command");
    run(&mut writer, "BEGIN; TRUNCATE load; INSERT INTO load SELECT * FROM loaded");
    let before = counted(&mut client, "SELECT count(DISTINCT who) FROM own");
    let waiting = format!("SELECT {ours} FROM (SELECT put_one() OFFSET 0) AS early");
    let session = thread::spawn(move || counted(&mut client, &waiting));
    wait_for_waiting(&mut writer, 1);
    run(&mut writer, "COMMIT");
    assert_eq!(session.join().expect("the reader ends"), before + 50);
}

#[test]
fn nothing_is_left_after_an_error() {
    let mut writer = prepare("snapshots_error", "");
    let mut reader = analyst("snapshots_error");
    run(
        &mut reader,
        "CREATE FUNCTION attempt(query text) RETURNS bigint LANGUAGE plpgsql AS $$
         BEGIN RETURN (SELECT count(*) FROM strata.ledgers(query)); EXCEPTION WHEN division_by_zero THEN RETURN -1; END $$",
    );
    run(&mut writer, "BEGIN; TRUNCATE load; INSERT INTO load SELECT * FROM loaded");
    let session = thread::spawn(move || {
        let failed = counted(&mut reader, "SELECT attempt('SELECT who, day, 1 / (amount - amount) FROM load')");
        (failed, counted(&mut reader, "SELECT attempt('SELECT who, day, amount FROM load')"))
    });
    wait_for_waiting(&mut writer, 1);
    run(&mut writer, "COMMIT");
    assert_eq!(session.join().expect("the reader ends"), (-1, 50));
}
