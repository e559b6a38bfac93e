//! The law of patience: a statement that its user ends, by Ctrl-C or through
//! statement_timeout, ends within about a second with 57014, wherever it is, and
//! the session goes on.
//!
//! Every long call is ended at several points spread over its running time, so
//! that its last phase (a sort, a final function) is hit as well. What it took is
//! printed. One test, one statement at a time: nothing else should be measured.

use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use strata_tests::{explained, fresh_database, refusal, run, value, visible};

/// About a second: the machine may be busy with something else.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A call, and where in its running time it is ended.
const CALLS: [(&str, &str, &[f64]); 7] = [
    (
        "ledger_agg of a million users",
        "SELECT count(ledger) FROM (SELECT strata.ledger_agg(at, amount, 'Asia/Shanghai') AS ledger
                                    FROM events GROUP BY user_id) AS ledgers",
        &[0.3, 0.8],
    ),
    ("ledger_agg of one user", "SELECT strata.ledger_agg(at, amount, 'Asia/Shanghai') FROM events", &[0.3, 0.6, 0.8]),
    (
        "quantile_score of doubles",
        "SELECT count(score) FROM (SELECT strata.quantile_score(double, 5) OVER () AS score FROM numbers) AS scores",
        &PHASES,
    ),
    (
        "quantile_score of numerics",
        "SELECT count(score) FROM (SELECT strata.quantile_score(numeric, 5) OVER () AS score FROM numbers) AS scores",
        &PHASES,
    ),
    ("cuts_agg of distinct values", "SELECT strata.cuts_agg(numeric, 10) FROM numbers", &PHASES),
    ("rfm_cuts_agg of distinct values", "SELECT strata.rfm_cuts_agg(n, n::bigint, numeric) FROM numbers", &PHASES),
    (
        "rfm of a million users",
        "SELECT count(*) FROM strata.rfm('SELECT user_id, at, amount FROM events', as_of => DATE '2025-01-01',
                                         time_zone => 'Asia/Shanghai')",
        &[0.2, 0.6, 0.75, 0.9],
    ),
];

/// Calls that read their rows first and sort them afterwards.
const PHASES: [f64; 5] = [0.2, 0.45, 0.6, 0.75, 0.9];

#[test]
fn long_calls_can_be_ended() {
    let mut client = fresh_database("cancel");
    run(
        &mut client,
        "SELECT setseed(0.7);
         CREATE UNLOGGED TABLE events AS
         SELECT (random() * 1000000)::integer AS user_id,
                timestamptz '2024-01-01 00:00 UTC' + random() * interval '365 days' AS at,
                round((random() * 900 - 20)::numeric, 2) AS amount
         FROM generate_series(1, 3000000);
         CREATE UNLOGGED TABLE numbers AS
         SELECT n, random() AS double, (random() * 1000000000)::bigint + n / 1e7 AS numeric
         FROM generate_series(1, 2000000) AS n;
         SET work_mem = '256MB'",
    );
    run(&mut client, "ANALYZE");
    let mut worst = Duration::ZERO;
    for (name, call, points) in CALLS {
        let started = Instant::now();
        run(&mut client, call);
        let whole = started.elapsed();

        let mut latencies = Vec::new();
        for (number, point) in points.iter().enumerate() {
            let after = whole.mul_f64(*point);
            // by turns
            let answer =
                if number % 2 == 0 { timeout(&mut client, call, after) } else { cancel(&mut client, call, after) };
            // A call that came to its end before was faster this time.
            latencies.extend(answer.map(|latency| (latency, point)));
            assert_eq!(
                value::<i64>(&mut client, "SELECT strata.frequency('{\"2024-01-01\": [42, 1]}', '2024-01-02')"),
                42
            );
        }
        let ended = latencies.len();
        let (latency, point) = latencies.into_iter().max_by_key(|(latency, _)| *latency).expect("ended at least once");
        visible(&format!(
            "{name}: {whole:.2?}, ended {ended} times, at worst within {latency:.2?}, {:.0} % of the way",
            100.0 * point
        ));
        assert!(ended * 2 >= points.len(), "{name} was ended only {ended} times");
        worst = worst.max(latency);
    }
    visible(&format!("the longest wait for the end of a call: {worst:.2?}"));
    assert!(worst < PATIENCE, "a call went on for {worst:.2?} after its end was asked for");
}

/// Ends the call by statement_timeout: how long it went on after that.
fn timeout(client: &mut Client, call: &str, after: Duration) -> Option<Duration> {
    run(client, &format!("BEGIN; SET LOCAL statement_timeout = {}", after.as_millis().max(1)));
    let started = Instant::now();
    let answer = client.batch_execute(call);
    let took = started.elapsed();
    // Where the call came to its end, the timeout still holds for this, the first time.
    let _ = client.batch_execute("ROLLBACK");
    run(client, "ROLLBACK");
    ended(call, answer).then(|| took.saturating_sub(after))
}

/// Ends the call as psql's Ctrl-C does.
fn cancel(client: &mut Client, call: &str, after: Duration) -> Option<Duration> {
    let token = client.cancel_token();
    let canceller = thread::spawn(move || {
        thread::sleep(after);
        let asked = Instant::now();
        token.cancel_query(NoTls).expect("the server takes the request");
        asked
    });
    let answer = client.batch_execute(call);
    let end = Instant::now();
    let asked = canceller.join().expect("the request is sent");
    if ended(call, answer) {
        return Some(end.saturating_duration_since(asked));
    }
    // The request came too late for the call; it may yet come for the next statement.
    let _ = client.batch_execute("SELECT pg_sleep(0.2)");
    None
}

/// Whether the answer is that the call was ended; any other error is a failure.
fn ended(call: &str, answer: Result<(), postgres::Error>) -> bool {
    match answer {
        Ok(()) => false,
        Err(error) => {
            let code = error.code().map(|code| code.code());
            assert_eq!(code, Some("57014"), "{call}: {}", explained(&error));
            true
        }
    }
}

/// Law: whatever ends a call, the session goes on: nothing of the call is left open.
#[test]
fn a_session_goes_on_after_a_call_that_was_stopped() {
    let mut client = fresh_database("cancel_living");
    run(
        &mut client,
        "CREATE TABLE orders (customer_id bigint, ordered_at date, amount int);
         CREATE FUNCTION slowly(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
             $$ BEGIN IF $1 < 0 THEN PERFORM pg_sleep(10); END IF; RETURN $1; END $$;
         SELECT strata.add_source('orders', 'orders', 'customer_id', 'ordered_at', 'public.slowly(amount)');
         INSERT INTO orders VALUES (1, '2024-01-01', -1)",
    );
    for stopped in ["sync", "rebuild", "verify"] {
        run(&mut client, "SET statement_timeout = '300ms'");
        assert_eq!(refusal(&mut client, &format!("SELECT strata.{stopped}('orders')")), "57014", "{stopped}");
        run(&mut client, "RESET statement_timeout");
    }
    run(
        &mut client,
        "CREATE OR REPLACE FUNCTION slowly(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$",
    );
    assert_eq!(value::<i64>(&mut client, "SELECT strata.sync('orders')"), 1);
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.verify('orders')"), 0);
}
