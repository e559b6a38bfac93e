//! The law of storage: what a table holds leaves the server and comes back as it
//! was, through pg_dump in both of its forms and through binary COPY; and bytes
//! that are no value are refused, whoever sends them, while the session goes on.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::process::{Command, Stdio};

use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Statement};
use strata_tests::{
    analyst, assert_same_rows, copy_in, copy_out, empty_database, fresh_database, plan_as_run, program, run, value,
};

/// Tables with a column of each type: full, empty, NULL and out of line; indexes, a constraint, a default, a generated
/// column, a view and a materialized view that need the functions.
///
/// Everything is written with its schema: pg_dump restores with an empty search path.
const CONTENTS: &str = "
    CREATE TABLE public.orders (customer_id bigint, ordered_at timestamp, amount numeric(12, 2));
    SELECT setseed(0.5);
    INSERT INTO public.orders
    SELECT 1 + random() ^ 2 * 300, timestamp '2020-01-01' + random() * interval '4 years', random() * 500 - 30
    FROM generate_series(1, 8000);
    -- one customer whose ledger is too long for a row
    INSERT INTO public.orders SELECT 0, timestamp '2000-01-01' + n * interval '1 day', n % 9973 - 0.01
    FROM generate_series(1, 9000) AS n;

    CREATE TABLE public.ledgers (
        customer_id bigint PRIMARY KEY,
        ledger strata.ledger DEFAULT '{\"2024-02-29\": [1, 12.5], \"2024-03-01\": [0, 0, 0.000001]}',
        last_day date GENERATED ALWAYS AS (strata.last_day(ledger, DATE '9999-12-31')) STORED,
        CHECK (strata.frequency(ledger, DATE '9999-12-31') < 10000)
    );
    INSERT INTO public.ledgers (customer_id, ledger)
    SELECT customer_id, strata.ledger_agg(ordered_at, amount) FROM public.orders GROUP BY 1;
    INSERT INTO public.ledgers (customer_id, ledger) VALUES (-1, '{}'), (-2, NULL), (-3, DEFAULT);
    -- of the others: an entry of a btree has to fit into a third of a page
    CREATE INDEX ledgers_by_order ON public.ledgers (ledger) WHERE customer_id <> 0;
    CREATE INDEX ledgers_by_hash ON public.ledgers USING hash (ledger);
    CREATE UNIQUE INDEX ledgers_by_events ON public.ledgers
        (strata.frequency(ledger, DATE '2024-01-01'), customer_id) WHERE ledger IS NOT NULL;

    CREATE TABLE public.scored (
        as_of date, metric text, cuts strata.cuts, rfm_cuts strata.rfm_cuts,
        scores strata.rfm_scores, all_scores strata.rfm_scores[]
    );
    INSERT INTO public.scored
    SELECT as_of, 'monetary', cuts, rfm_cuts, strata.rfm_score(30, 4, 100.25, rfm_cuts),
           ARRAY[strata.rfm_score(1, 9, 999, rfm_cuts), NULL, ROW(NULL, NULL, NULL)::strata.rfm_scores]
    FROM generate_series(DATE '2021-01-01', DATE '2024-01-01', interval '1 year') AS day,
         LATERAL (SELECT day::date) AS d (as_of),
         LATERAL (SELECT strata.cuts_agg(strata.monetary(ledger, as_of), 7, 'mid', 'low'),
                         strata.rfm_cuts_agg(strata.recency(ledger, as_of), strata.frequency(ledger, as_of),
                                             strata.monetary(ledger, as_of), 5, 'max')
                  FROM public.ledgers) AS c (cuts, rfm_cuts);
    INSERT INTO public.scored DEFAULT VALUES;

    CREATE VIEW public.recencies AS
    SELECT customer_id, strata.recency(ledger, DATE '2024-01-01', 365) AS recency FROM public.ledgers;
    CREATE MATERIALIZED VIEW public.segments AS
    SELECT * FROM strata.rfm('SELECT customer_id, ordered_at, amount FROM public.orders', as_of => DATE '2024-01-01');
    CREATE UNIQUE INDEX ON public.segments (user_id);";

const RELATIONS: [&str; 5] = ["orders", "ledgers", "scored", "recencies", "segments"];

fn source(name: &str) -> Client {
    let mut client = fresh_database(name);
    run(&mut client, CONTENTS);
    client
}

/// Every relation as text.
fn contents(client: &mut Client) -> BTreeMap<&'static str, Vec<String>> {
    RELATIONS
        .into_iter()
        .map(|relation| {
            let text = copy_out(client, &format!("COPY (SELECT * FROM public.{relation}) TO STDOUT"));
            let mut lines: Vec<String> = String::from_utf8(text).expect("UTF-8").lines().map(str::to_owned).collect();
            lines.sort();
            assert!(!lines.is_empty(), "{relation} is empty");
            (relation, lines)
        })
        .collect()
}

/// Runs a program of the server to its end, feeding it `input`, and returns what it prints.
fn output(command: &mut Command, input: Vec<u8>) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    // pg_restore may stop reading at its first error: the status tells
    let feed = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("the program ends");
    let _ = feed.join();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A dump by the analyst, who is no superuser.
fn dump(database: &str, arguments: &[&str]) -> Vec<u8> {
    output(program("pg_dump").arg("--dbname").arg(database).args(arguments), Vec::new())
}

/// A plain dump without what differs from run to run: psql's random key of restriction.
fn lasting(dump: &[u8]) -> String {
    let text = String::from_utf8_lossy(dump);
    let lines = text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The restored database holds the same, works, and dumps to the same text again.
fn assert_restored(original: &mut Client, database: &str, dumped: &str) {
    let mut restored = analyst(database);
    assert_eq!(contents(&mut restored), contents(original));
    assert_eq!(lasting(&dump(database, &[])), dumped);

    // the indexes were built on the restored values, and find them
    run(&mut restored, "ANALYZE; SET enable_seqscan = off");
    for (index, condition) in [("ledgers_by_order", "AND customer_id <> 0"), ("ledgers_by_hash", "")] {
        let other = if index == "ledgers_by_order" { "ledgers_by_hash" } else { "ledgers_by_order" };
        let find = format!(
            "SELECT count(*) FROM public.ledgers
             WHERE ledger OPERATOR(strata.=) '{{\"2024-02-29\": [1, 12.5], \"2024-03-01\": [0, 0, 0.000001]}}' {condition}"
        );
        run(&mut restored, &format!("BEGIN; DROP INDEX public.{other}"));
        let plan = plan_as_run(&mut restored, &find);
        assert!(plan.contains(index), "no {index}\n{plan}");
        assert_eq!(value::<i64>(&mut restored, &find), 1);
        run(&mut restored, "ROLLBACK");
    }
    run(&mut restored, "REFRESH MATERIALIZED VIEW CONCURRENTLY public.segments");
    assert_eq!(contents(&mut restored), contents(original));
}

#[test]
fn a_plain_dump_restores_equal() {
    let mut original = source("dump_plain");
    let dumped = dump("dump_plain", &[]);
    empty_database("dump_plain_restored");
    output(
        program("psql").args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname=dump_plain_restored"]),
        dumped.clone(),
    );
    assert_restored(&mut original, "dump_plain_restored", &lasting(&dumped));
}

#[test]
fn a_custom_dump_restores_equal() {
    let mut original = source("dump_custom");
    empty_database("dump_custom_restored");
    output(
        program("pg_restore").args(["--exit-on-error", "--dbname=dump_custom_restored"]),
        dump("dump_custom", &["--format=custom"]),
    );
    assert_restored(&mut original, "dump_custom_restored", &lasting(&dump("dump_custom", &[])));
}

/// Law: what COPY writes in binary form, it reads as the same values, and as the same bytes.
#[test]
fn binary_copy_comes_back() {
    let mut client = source("dump_binary");
    for (table, columns) in
        [("ledgers", "customer_id, ledger"), ("scored", "as_of, metric, cuts, rfm_cuts, scores, all_scores")]
    {
        run(&mut client, &format!("CREATE TABLE again (LIKE public.{table})"));
        let bytes = copy_out(&mut client, &format!("COPY public.{table} ({columns}) TO STDOUT (FORMAT binary)"));
        copy_in(&mut client, &format!("COPY again ({columns}) FROM STDIN (FORMAT binary)"), &bytes);
        assert_same_rows(
            &mut client,
            table,
            "SELECT row_to_json(again)::jsonb - 'last_day' FROM again",
            &format!("SELECT row_to_json({table})::jsonb - 'last_day' FROM public.{table}"),
        );
        let again = copy_out(&mut client, &format!("COPY again ({columns}) TO STDOUT (FORMAT binary)"));
        assert!(again == bytes, "other bytes for {table}");
        run(&mut client, "DROP TABLE again");
    }
}

/// A value of any type as the bytes that travel.
#[derive(Debug, Clone, PartialEq)]
struct Raw(Vec<u8>);

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Raw, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Sends bytes as a value: `Some` of what the server sends back, `None` where it refuses them as it should.
fn echoed(client: &mut Client, echo: &Statement, bytes: &Raw) -> Option<(Raw, String)> {
    match client.query_one(echo, &[bytes]) {
        Ok(row) => Some((row.get(0), row.get(1))),
        Err(error) => {
            let code = error.code().unwrap_or_else(|| panic!("the connection is lost by {:02x?}: {error}", bytes.0));
            assert_eq!(code.code(), "22P03", "{:02x?}: {error}", bytes.0);
            None
        }
    }
}

/// Law: of all byte strings, the server takes those alone that it sends itself for the value; every other one is refused
/// with 22P03, and the session goes on.
#[test]
fn malformed_binary_is_refused() {
    let mut client = source("dump_malformed");
    for (kind, samples) in [
        (
            "ledger",
            "SELECT DISTINCT ledger FROM public.ledgers WHERE customer_id BETWEEN -3 AND 12 AND customer_id <> 0",
        ),
        ("cuts", "SELECT cuts FROM public.scored"),
        ("rfm_cuts", "SELECT rfm_cuts FROM public.scored"),
    ] {
        let samples = client.query(samples, &[]).expect("samples");
        let samples: Vec<Raw> = samples.iter().filter_map(|row| row.get::<_, Option<Raw>>(0)).collect();
        assert!(samples.len() > 2, "{} samples of {kind}", samples.len());
        let echo = client.prepare(&format!("SELECT $1::strata.{kind}, ($1::strata.{kind})::text")).expect("the echo");
        let mut tried = 0;
        let mut try_bytes = |client: &mut Client, bytes: Vec<u8>| {
            tried += 1;
            let bytes = Raw(bytes);
            if let Some((echo, text)) = echoed(client, &echo, &bytes) {
                assert_eq!(echo, bytes, "{kind} has two forms of {text}");
            }
        };
        for Raw(sample) in &samples {
            assert_eq!(
                echoed(&mut client, &echo, &Raw(sample.clone())).map(|(echo, _)| echo),
                Some(Raw(sample.clone()))
            );
            let short = &sample[..sample.len().min(150)];
            for length in 0..short.len() {
                let truncated = sample[..length].to_vec();
                // a ledger of fewer days may be a ledger: then it is that one, and no other
                try_bytes(&mut client, truncated);
            }
            for place in 0..short.len() {
                for other in [0x00, 0x01, 0x7f, 0x80, 0xff, sample[place] ^ 0x01, sample[place] ^ 0x40] {
                    let mut changed = sample.clone();
                    changed[place] = other;
                    try_bytes(&mut client, changed);
                }
            }
            for more in [0x00, 0x01, 0x80, 0xff] {
                try_bytes(&mut client, [sample.as_slice(), &[more]].concat());
            }
        }
        try_bytes(&mut client, Vec::new());
        try_bytes(&mut client, vec![0xff; 10_000]);
        try_bytes(&mut client, vec![0x01; 10_000]);
        assert!(tried > 1_000, "only {tried} byte strings of {kind}");
    }
}

/// Law: a COPY with one malformed value among good ones leaves no row behind, and the session goes on.
#[test]
fn a_malformed_row_takes_the_copy_with_it() {
    let mut client = fresh_database("dump_malformed_copy");
    run(&mut client, "CREATE TABLE ledgers (ledger strata.ledger); INSERT INTO ledgers VALUES ('{}')");
    let good = copy_out(&mut client, "COPY ledgers TO STDOUT (FORMAT binary)");
    // signature, flags, length of the extension; then per row the number of columns and their lengths; -1 at the end
    let mut bad = good[..good.len() - 2].to_vec();
    bad.extend([0, 1, 0, 0, 0, 3, 0xfe, 0xdc, 0xba, 0xff, 0xff]);
    let mut copy = client.copy_in("COPY ledgers FROM STDIN (FORMAT binary)").expect("COPY starts");
    copy.write_all(&bad).expect("the client takes everything");
    let error = copy.finish().expect_err("a malformed ledger");
    assert_eq!(error.code().map(|code| code.code()), Some("22P03"), "{error}");
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM ledgers"), 1);
    copy_in(&mut client, "COPY ledgers FROM STDIN (FORMAT binary)", &good);
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM ledgers"), 2);
}
