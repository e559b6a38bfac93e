//! The laws of the bulk builder: `ledgers` gives the bytes that `ledger_agg`
//! gives, and `rfm` what the aggregate's ledgers read, for every type of user and
//! any memory, with and without parallel workers; memory is bounded, temporary
//! files are PostgreSQL's own, and every stage can be ended.

use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use strata_tests::purchases::load_cdnow;
use strata_tests::{analyst, copy_in, demo_orders, explained, fresh_database, refusal, run, superuser, value, visible};

/// Differing users of `ledgers` over a query of (user_id, at, amount) against the aggregate, byte for byte.
fn differences(client: &mut Client, user_type: &str, rows: &str, zone: &str) -> i64 {
    let literal = rows.replace('\'', "''");
    value(
        client,
        &format!(
            "SELECT count(*) FROM (
                 SELECT user_id::{user_type} AS user_id, strata_internal.ledger_send(strata.ledger_agg(at, amount, '{zone}')) AS bytes
                 FROM ({rows}) AS rows (user_id, at, amount) WHERE user_id IS NOT NULL GROUP BY 1
             ) AS expected FULL JOIN (
                 SELECT user_id, strata_internal.ledger_send(ledger) AS bytes
                 FROM strata.ledgers('{literal}', user_type => NULL::{user_type}, time_zone => '{zone}')
             ) AS found USING (user_id)
             WHERE expected.bytes IS DISTINCT FROM found.bytes"
        ),
    )
}

/// A table of random events: some users have thousands, most have a few, some rows have no user or no time.
fn random_events(client: &mut Client, rows: u32) {
    run(
        client,
        &format!(
            "SELECT setseed(0.42);
             CREATE TABLE events AS
             SELECT CASE WHEN random() < 0.02 THEN NULL
                         WHEN random() < 0.1 THEN (random() * 3)::bigint
                         ELSE (random() * {rows} / 5)::bigint * 7919 - 100000 END AS user_id,
                    CASE WHEN random() < 0.01 THEN NULL
                         ELSE timestamptz '2023-01-01 00:00 UTC' + random() * interval '900 days' END AS at,
                    CASE WHEN random() < 0.02 THEN NULL
                         ELSE round((random() * 900 - 60)::numeric, (random() * 4)::integer) END AS amount
             FROM generate_series(1, {rows});
             ANALYZE events"
        ),
    );
}

#[test]
fn ledgers_are_the_aggregates_byte_for_byte() {
    let mut client = fresh_database("bulk_bytes");
    random_events(&mut client, 200_000);
    run(&mut client, "SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0");
    for workers in [0, 2] {
        for work_mem in ["64kB", "1MB", "256MB"] {
            run(&mut client, &format!("SET max_parallel_workers_per_gather = {workers}; SET work_mem = '{work_mem}'"));
            for (user_type, user) in [
                ("bigint", "user_id"),
                ("integer", "user_id::integer"),
                ("uuid", "md5(user_id::text)::uuid"),
                ("text", "'customer ' || user_id"),
            ] {
                let rows = format!("SELECT {user}, at, amount FROM events");
                for zone in ["UTC", "America/New_York"] {
                    assert_eq!(
                        differences(&mut client, user_type, &rows, zone),
                        0,
                        "{user_type}, {work_mem}, {workers}"
                    );
                }
            }
        }
    }
}

#[test]
fn ledgers_are_the_aggregates_on_real_data() {
    let mut client = fresh_database("bulk_real");
    run(&mut client, "CREATE TABLE orders (invoice text, customer text, at timestamp, country text, amount numeric)");
    copy_in(&mut client, "COPY orders FROM STDIN WITH (FORMAT csv, HEADER)", demo_orders().as_bytes());
    let orders = "SELECT customer, at, amount FROM orders";
    assert_eq!(differences(&mut client, "text", orders, "UTC"), 0);
    assert_eq!(differences(&mut client, "bigint", "SELECT customer::bigint, at, amount FROM orders", "UTC"), 0);
}

#[test]
#[cfg_attr(not(has_cdnow), ignore = "needs cdnow of the shared data")]
fn ledgers_are_the_aggregates_on_cdnow() {
    let mut client = fresh_database("bulk_cdnow");
    load_cdnow(&mut client);
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM cdnow"), 69_659);
    assert_eq!(differences(&mut client, "bigint", "SELECT customer, at, amount FROM cdnow", "UTC"), 0);
    assert_eq!(differences(&mut client, "text", "SELECT customer::text, at, amount FROM cdnow", "UTC"), 0);
}

#[test]
fn rfm_is_what_the_ledgers_read() {
    let mut client = fresh_database("bulk_rfm");
    random_events(&mut client, 100_000);
    run(
        &mut client,
        "CREATE TABLE stored AS SELECT * FROM strata.ledgers('TABLE events', NULL::bigint, 'UTC');
         SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0",
    );
    for workers in [0, 2] {
        for work_mem in ["64kB", "256MB"] {
            run(&mut client, &format!("SET max_parallel_workers_per_gather = {workers}; SET work_mem = '{work_mem}'"));
            for (as_of, window) in [("2025-12-31", "NULL"), ("2024-03-01", "90"), ("2022-12-31", "NULL")] {
                let differing: i64 = value(
                    &mut client,
                    &format!(
                        "WITH expected AS (
                             SELECT user_id, strata.recency(ledger, '{as_of}') AS recency,
                                    strata.frequency(ledger, '{as_of}', {window}) AS frequency,
                                    strata.monetary(ledger, '{as_of}', {window}) AS monetary
                             FROM stored
                             WHERE strata.clip(ledger, NULL, '{as_of}') OPERATOR(strata.<>) strata.ledger '{{}}'
                         ), scored AS (
                             SELECT expected.*, strata.rfm_code(strata.rfm_score(recency, frequency, monetary, cuts)) AS code
                             FROM expected, (SELECT strata.rfm_cuts_agg(recency, frequency, monetary) AS cuts FROM expected) AS all_users
                         ), found AS (
                             SELECT user_id, recency, frequency, monetary, code
                             FROM strata.rfm('TABLE events', as_of => '{as_of}', time_zone => 'UTC',
                                             window_days => {window}, user_type => NULL::bigint)
                         ), from_ledgers AS (
                             SELECT user_id, recency, frequency, monetary, code
                             FROM strata.rfm('TABLE stored', as_of => '{as_of}', window_days => {window},
                                             user_type => NULL::bigint)
                         )
                         SELECT (SELECT count(*) FROM (TABLE scored EXCEPT TABLE found) AS missing)
                              + (SELECT count(*) FROM (TABLE found EXCEPT TABLE scored) AS invented)
                              + (SELECT count(*) FROM (TABLE scored EXCEPT TABLE from_ledgers) AS missing)
                              + (SELECT count(*) FROM (TABLE from_ledgers EXCEPT TABLE scored) AS invented)"
                    ),
                );
                assert_eq!(differing, 0, "as of {as_of}, window {window}, {work_mem}, {workers} workers");
            }
        }
    }
}

#[test]
fn the_query_runs_in_parallel() {
    let mut client = fresh_database("bulk_parallel");
    random_events(&mut client, 50_000);
    run(&mut client, "SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0");
    let plan: Vec<String> = client
        .query(
            "EXPLAIN (COSTS OFF) SELECT strata_internal.bulk_agg(user_id, at, amount, 'UTC', NULL, NULL) FROM events",
            &[],
        )
        .expect("a plan")
        .iter()
        .map(|row| row.get::<_, String>(0).trim().trim_start_matches("->  ").to_owned())
        .collect();
    assert_eq!(plan[..3], ["Finalize Aggregate", "Gather", "Workers Planned: 2"], "{plan:?}");
    // outside of the functions that start it, it says so
    assert_eq!(
        refusal(&mut client, "SELECT strata_internal.bulk_agg(user_id, at, amount, 'UTC', NULL, NULL) FROM events"),
        "55000"
    );
}

#[test]
fn beyond_its_memory_it_writes_temporary_files_of_the_server() {
    let mut client = fresh_database("bulk_spill");
    random_events(&mut client, 300_000);
    let count = "SELECT count(*) FROM strata.ledgers('TABLE events', NULL::bigint, 'UTC')";
    run(&mut client, "SET max_parallel_workers_per_gather = 0; SET work_mem = '256MB'");
    let users: i64 = value(&mut client, count);
    run(&mut client, "SET work_mem = '1MB'");
    assert_eq!(value::<i64>(&mut client, count), users);

    // temp_file_limit holds for them, which shows that they are written, and an error leaves none
    let mut administrator = superuser("bulk_spill");
    let owner: String = value(&mut client, "SELECT current_user::text");
    run(&mut administrator, &format!("ALTER ROLE {owner} IN DATABASE bulk_spill SET temp_file_limit = '256kB'"));
    let mut limited = analyst("bulk_spill");
    run(&mut limited, "SET max_parallel_workers_per_gather = 0; SET work_mem = '1MB'");
    assert_eq!(
        refusal(&mut limited, "SELECT count(*) FROM strata.rfm_summary('TABLE events', '2025-12-31', 'UTC')"),
        "53400"
    );
    assert_eq!(value::<i64>(&mut limited, "SELECT 1::bigint"), 1);
    let pid: i32 = value(&mut limited, "SELECT pg_backend_pid()");
    let left: i64 =
        value(&mut administrator, &format!("SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql\\_tmp{pid}.%'"));
    assert_eq!(left, 0);
}

#[test]
fn other_queries_are_refused_and_the_session_goes_on() {
    let mut client = fresh_database("bulk_refused");
    run(
        &mut client,
        "CREATE TABLE events (user_id bigint, at date, amount numeric); INSERT INTO events VALUES (1, '2024-01-01', 5)",
    );
    for (query, code) in [
        ("DELETE FROM events RETURNING user_id, at, amount", "42601"),
        ("WITH gone AS (DELETE FROM events RETURNING *) TABLE gone", "42601"),
        ("SELECT user_id, at, amount FROM events FOR UPDATE", "0A000"),
        ("SELECT user_id, at, amount FROM events; SELECT 1", "42601"),
        ("", "42601"),
        ("SELECT user_id FROM events", "42804"),
        ("SELECT user_id, at, amount, 1 FROM events", "42804"),
        ("SELECT user_id, amount, at FROM events", "42804"),
        ("SELECT user_id, at, amount / 0 FROM events", "22012"),
        ("SELECT user_id, at, 'NaN'::numeric FROM events", "22023"),
        ("SELECT user_id, 'infinity'::date, amount FROM events", "22008"),
        ("SELECT user_id, at::timestamptz, amount FROM events", "22023"),
        ("SELECT 'x', at, amount FROM events", "22P02"),
        ("SELECT nobody, at, amount FROM events", "42703"),
    ] {
        let literal = query.replace('\'', "''");
        let call = format!("SELECT * FROM strata.ledgers('{literal}', user_type => NULL::bigint)");
        assert_eq!(refusal(&mut client, &call), code, "{query}");
    }
    assert_eq!(refusal(&mut client, "SELECT * FROM strata.ledgers(NULL)"), "22004");
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM events"), 1);
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.ledgers('TABLE events')"), 1);
    // an empty table has no users
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.ledgers('SELECT * FROM events WHERE false')"), 0);
    // a query may call the function itself
    let nested = "SELECT count(*) FROM strata.ledgers(
        'SELECT user_id, at, monetary FROM strata.rfm(''TABLE events'', ''2024-02-01'', NULL::bigint), events AS e (u, at, m)')";
    assert_eq!(value::<i64>(&mut client, nested), 1);
}

#[test]
fn texts_under_a_nondeterministic_collation_are_refused() {
    let mut client = fresh_database("bulk_collation");
    // a server built without ICU has none
    if client
        .batch_execute(
            "CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        )
        .is_err()
    {
        visible("skipped: this server knows no nondeterministic collation");
        return;
    }
    run(&mut client, "CREATE TABLE events (user_id text COLLATE ignoring_case, at date)");
    assert_eq!(refusal(&mut client, "SELECT * FROM strata.ledgers('TABLE events')"), "0A000");
    run(&mut client, "SELECT * FROM strata.ledgers('SELECT user_id COLLATE \"C\", at FROM events')");
}

/// A building of ledgers is ended at points over its whole time.
#[test]
fn every_stage_can_be_ended() {
    const PATIENCE: Duration = Duration::from_millis(200);
    let mut client = fresh_database("bulk_cancel");
    random_events(&mut client, 2_000_000);
    let mut latencies = Vec::new();
    for (workers, work_mem) in [(0, "256MB"), (0, "4MB"), (2, "256MB")] {
        run(
            &mut client,
            &format!(
                "SET max_parallel_workers_per_gather = {workers}; SET work_mem = '{work_mem}'; SET statement_timeout = 0"
            ),
        );
        for call in [
            "SELECT count(*) FROM strata.ledgers('TABLE events', NULL::bigint, 'UTC')",
            "SELECT count(*) FROM strata.rfm('SELECT ''user '' || user_id, at, amount FROM events', '2025-12-31', 'UTC')",
        ] {
            let started = Instant::now();
            run(&mut client, call);
            let whole = started.elapsed();
            for tenth in [2, 4, 6, 7, 8, 9] {
                let after = whole * tenth / 10;
                let token = client.cancel_token();
                let canceller = std::thread::spawn(move || {
                    std::thread::sleep(after);
                    let _ = token.cancel_query(NoTls);
                    Instant::now()
                });
                let answer = client.batch_execute(call);
                let answered = Instant::now();
                let asked = canceller.join().expect("the canceller ends");
                if let Err(error) = answer {
                    assert_eq!(error.code().map(|code| code.code()), Some("57014"), "{}", explained(&error));
                    latencies.push(answered.saturating_duration_since(asked));
                }
                // a cancellation that came too late ends this one instead
                let _ = client.batch_execute("SELECT pg_sleep(0.05)");
            }
        }
    }
    latencies.sort();
    let worst = latencies.last().copied().expect("some call was ended");
    visible(&format!("bulk builder: {} calls ended, the slowest after {worst:?}", latencies.len()));
    // the machine may be busy with something else: all but the slowest tenth
    assert!(latencies[latencies.len() * 9 / 10] < PATIENCE, "{latencies:?}");
}
