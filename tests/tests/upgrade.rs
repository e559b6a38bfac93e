//! The laws of versions: what one version has stored, every later one reads; what users made of it survives an update,
//! which ends where a new installation does; dumps restore into the newest; released scripts never change.
//! tests/upgrade/README.md says which file is what.
//!
//! While a version is in the making, UPGRADE_ACCEPT=1 writes its corpus anew: read the diff.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use postgres::Client;
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use sha2::{Digest, Sha256};
use strata_tests::{
    analyst, copy_out, empty_database, explained, fresh_database, pg_regress, plan_as_run, program, refusal,
    repository, run, server, superuser, value, visible,
};

fn upgrade() -> PathBuf {
    repository().join("tests/upgrade")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The version in the making, which the control file names.
fn version() -> String {
    let control = read(&repository().join("pg_strata.control"));
    let version = control.lines().find_map(|line| line.strip_prefix("default_version = '")?.strip_suffix('\''));
    version.expect("the control file names a version").to_owned()
}

/// The scripts below `directory`, by the part of their names after `pg_strata--`.
fn scripts(directory: &str) -> BTreeSet<String> {
    let listed = fs::read_dir(repository().join(directory)).expect("a directory of scripts");
    let names = listed.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let part = |name: String| name.strip_prefix("pg_strata--")?.strip_suffix(".sql").map(str::to_owned);
    names.map(|name| part(name.clone()).unwrap_or_else(|| panic!("{directory}/{name}: no script's name"))).collect()
}

// ---------------------------------------------------------------------------------------------------------------------
// Frozen scripts

/// Law: a released script never changes, and every version but the one in the making is released.
#[test]
fn released_scripts_are_frozen() {
    let list = read(&upgrade().join("frozen.sha256"));
    let mut frozen = BTreeSet::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let (sum, file) = line.split_once("  ").expect("a sum and a file");
        let bytes = fs::read(repository().join(file)).unwrap_or_else(|error| panic!("{file} is gone: {error}"));
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sum, "{file} is released, and was changed: write an upgrade script instead");
        frozen.insert(file.to_owned());
    }
    let now = version();
    for released in scripts("sql/install").iter().filter(|script| **script != now) {
        let file = format!("sql/install/pg_strata--{released}.sql");
        assert!(frozen.contains(&file), "{file} is not in tests/upgrade/frozen.sha256");
    }
    for step in scripts("sql/upgrade").iter().filter(|step| !step.ends_with(&format!("--{now}"))) {
        let file = format!("sql/upgrade/pg_strata--{step}.sql");
        assert!(frozen.contains(&file), "{file} is not in tests/upgrade/frozen.sha256");
    }
}

/// Law: 0.1.0 promised nothing; its update says so, and what to do.
#[test]
fn the_first_version_is_refused() {
    let mut client = superuser("postgres");
    let paths = "SELECT path FROM pg_extension_update_paths('pg_strata') WHERE source = '0.1.0' AND target = '0.2.0'";
    assert_eq!(value::<String>(&mut client, paths), "0.1.0--0.2.0");
    let script = read(&repository().join("sql/upgrade/pg_strata--0.1.0--0.2.0.sql"));
    // what stands behind the line that keeps psql out
    let (_, refusal) = script.split_once("\\quit\n").expect("the usual first line");
    let error = client.batch_execute(refusal).expect_err("a refusal");
    let error = error.as_db_error().expect("the server's words");
    assert_eq!(error.code().code(), "0A000");
    assert!(error.hint().is_some_and(|hint| hint.contains("DROP EXTENSION pg_strata CASCADE")), "{error:?}");
}

// ---------------------------------------------------------------------------------------------------------------------
// The corpus

/// The public types that are stored.
const TYPES: [&str; 10] =
    ["ledger", "cuts", "rfm_cuts", "model", "bgnbd", "pareto_nbd", "bgbb", "gamma_gamma", "last_events", "centroid"];

/// States of aggregates that are flat bytes, each with its final function: shards of several versions exchange them.
const STATES: [(&str, &str, &str); 7] = [
    ("cuts_agg", "numeric, integer, text, text", "cuts_agg_final"),
    ("rfm_cuts_agg", "integer, bigint, numeric, integer, text", "rfm_cuts_agg_final"),
    ("calibrate_agg", "record, strata.model, date", "calibrate_agg_final"),
    ("replay_agg", "record, strata.model, date, date, integer, date", "replay_agg_final"),
    ("centroid_agg", "record, strata.model, text, date", "centroid_agg_final"),
    ("purchases_fit", "bigint, double precision, double precision, bigint, text", "bgnbd_fit_final"),
    ("gamma_gamma_fit", "bigint, double precision, bigint", "gamma_gamma_fit_final"),
];

/// The values: (type or state, name, expression over the table `users`, or over none).
const VALUES: [(&str, &str, &str); 31] = [
    ("ledger", "empty", "SELECT '{}'::strata.ledger"),
    ("ledger", "events alone", "SELECT '{\"2024-02-29\": [3, 0]}'::strata.ledger"),
    ("ledger", "credits alone", "SELECT '{\"2024-02-29\": [0, 0, 12.5]}'::strata.ledger"),
    (
        "ledger",
        "everything",
        "SELECT '{\"0001-01-01\": [1, 0.000001], \"1969-12-31\": [4294967295, 12], \"2024-03-01\": [2, 9000000000000, 0.5]}'::strata.ledger",
    ),
    (
        "ledger",
        "a thousand days",
        "SELECT strata.ledger_agg(DATE '2020-01-01' + n, n % 97 - 3.25) FROM generate_series(1, 1000) AS n",
    ),
    (
        "ledger",
        "open",
        "SELECT test.ledger_state(DATE '2024-01-01' + n % 10, n % 7 - 1.5) FROM generate_series(1, 40) AS n",
    ),
    ("ledger", "open after a merge", "SELECT test.ledger_merge(orders) FROM users"),
    ("cuts", "min", "SELECT strata.cuts_agg(n, 5, 'min') FROM generate_series(1, 50) AS n"),
    ("cuts", "mid, low", "SELECT strata.cuts_agg(n % 7 / 4.0, 10, 'mid', 'low') FROM generate_series(1, 50) AS n"),
    ("cuts", "max, all alike", "SELECT strata.cuts_agg(-0.5, 2, 'max') FROM generate_series(1, 3)"),
    (
        "rfm_cuts",
        "usual",
        "SELECT strata.rfm_cuts_agg(n % 90, n % 11, n % 31 - 2.25) FROM generate_series(1, 200) AS n",
    ),
    ("model", "preset", "SELECT strata.preset('five_layer')"),
    ("model", "overlapping preset", "SELECT strata.preset('persona')"),
    ("model", "set parameters", "SELECT strata.preset('lifecycle', '{}')"),
    (
        "model",
        "calibrated",
        "SELECT strata.calibrate_agg(u, strata.preset('rfm_eleven'), '2024-12-31') FROM users AS u",
    ),
    ("model", "fitted", "SELECT strata.calibrate_agg(u, strata.preset('churn_risk'), '2024-12-31') FROM users AS u"),
    ("bgnbd", "given", "SELECT '{\"r\": 0.25, \"alpha\": 4.5, \"a\": 0.75, \"b\": 2.5}'::strata.bgnbd"),
    (
        "bgnbd",
        "fitted",
        "SELECT strata.bgnbd_fit_agg(x, t_x, t, 1, 'week') FROM users, strata.purchase_summary(orders, '2024-12-31')",
    ),
    (
        "pareto_nbd",
        "fitted",
        "SELECT strata.pareto_nbd_fit_agg(x, t_x, t) FROM users, strata.purchase_summary(orders, '2024-12-31')",
    ),
    (
        "bgbb",
        "fitted",
        "SELECT strata.bgbb_fit_agg(n % 6, CASE n % 6 WHEN 0 THEN 0 ELSE 5 + n % 2 END, 6) FROM generate_series(1, 60) AS n",
    ),
    (
        "gamma_gamma",
        "fitted",
        "SELECT strata.gamma_gamma_fit_agg(x, mean_amount) FROM users, strata.purchase_summary(orders, '2024-12-31')",
    ),
    (
        "last_events",
        "three",
        "SELECT strata.last_events_agg(timestamp '2024-01-01' + n * interval '7 hours', 'kind ' || n % 3, 3) FROM generate_series(1, 9) AS n",
    ),
    (
        "centroid",
        "usual",
        "SELECT strata.centroid_agg(u, strata.preset('five_layer'), 'growing', '2024-12-31') FROM users AS u",
    ),
    ("cuts_agg", "mid, low", "SELECT test.cuts_agg(n % 7 / 4.0, 10, 'mid', 'low') FROM generate_series(1, 50) AS n"),
    (
        "rfm_cuts_agg",
        "max",
        "SELECT test.rfm_cuts_agg((n % 90)::integer, n % 11, n % 31 - 2.25, 5, 'max') FROM generate_series(1, 200) AS n",
    ),
    (
        "calibrate_agg",
        "quantiles",
        "SELECT test.calibrate_agg(u, strata.preset('rfm_eleven'), '2024-12-31') FROM users AS u",
    ),
    (
        "calibrate_agg",
        "fits",
        "SELECT test.calibrate_agg(u, strata.preset('churn_risk'), '2024-12-31') FROM users AS u",
    ),
    (
        "replay_agg",
        "usual",
        "SELECT test.replay_agg(u, strata.preset('lifecycle'), '2024-06-01', '2024-12-31', 30, NULL) FROM users AS u",
    ),
    (
        "centroid_agg",
        "usual",
        "SELECT test.centroid_agg(u, strata.preset('five_layer'), 'growing', '2024-12-31') FROM users AS u",
    ),
    (
        "purchases_fit",
        "usual",
        "SELECT test.purchases_fit(x, t_x, t, 1, 'day') FROM users, strata.purchase_summary(orders, '2024-12-31')",
    ),
    (
        "gamma_gamma_fit",
        "usual",
        "SELECT test.gamma_gamma_fit(x, mean_amount, 2) FROM users, strata.purchase_summary(orders, '2024-12-31')",
    ),
];

/// A database in which bytes can stand for values and values for bytes, as they lie in tables; with aggregates that end
/// with their states, and users to ask about.
fn corpus_database(name: &str) -> Client {
    empty_database(name);
    let mut client = superuser(name);
    run(&mut client, "CREATE EXTENSION pg_strata; CREATE SCHEMA test");
    for kind in TYPES {
        run(
            &mut client,
            &format!(
                "CREATE CAST (strata.{kind} AS bytea) WITHOUT FUNCTION; CREATE CAST (bytea AS strata.{kind}) WITHOUT FUNCTION"
            ),
        );
    }
    for (state, arguments, _) in STATES {
        run(
            &mut client,
            &format!(
                "CREATE AGGREGATE test.{state}({arguments}) (SFUNC = strata_internal.{state}_transition, STYPE = bytea)"
            ),
        );
    }
    run(
        &mut client,
        "CREATE AGGREGATE test.ledger_state(date, numeric) (SFUNC = strata_internal.ledger_agg_transition, STYPE = strata.ledger);
         CREATE AGGREGATE test.ledger_merge(strata.ledger) (SFUNC = strata_internal.ledger_merge, STYPE = strata.ledger);
         CREATE TABLE users AS
         SELECT orders, strata.clip(orders, DATE '2024-03-01', NULL) AS visits, DATE '2023-12-01' + u::integer AS registered_on
         FROM (SELECT u, strata.ledger_agg(DATE '2024-01-01' + (u * 37 % 200 + k * (5 + u % 61))::integer,
                                           5 + u * 13 % 40 + k * 7 % 11) AS orders
               FROM generate_series(1, 120) AS u, generate_series(0, u * u % 11) AS k GROUP BY u) AS o",
    );
    client
}

/// What is kept of a value: its text, what it sends, and its bytes as a table stores them.
struct Kept {
    kind: String,
    name: String,
    text: String,
    sent: Option<Vec<u8>>,
    stored: Vec<u8>,
}

fn final_function(kind: &str) -> Option<&'static str> {
    STATES.iter().find(|(state, ..)| *state == kind).map(|(.., function)| *function)
}

/// Today's values, as today's library keeps them.
fn kept_today(client: &mut Client) -> Vec<Kept> {
    let kept = VALUES.iter().map(|(kind, name, expression)| {
        let parts = match final_function(kind) {
            None => format!("value::text, strata_internal.{kind}_send(value), value::bytea"),
            Some(function) => format!("strata_internal.{function}(value)::text, NULL::bytea, value"),
        };
        let question = format!("SELECT {parts} FROM ({expression}) AS made (value)");
        let row = client.query_one(&question, &[]);
        let row = row.unwrap_or_else(|error| panic!("{kind}, {name}: {}", explained(&error)));
        Kept {
            kind: (*kind).to_owned(),
            name: (*name).to_owned(),
            text: row.get(0),
            sent: row.get(1),
            stored: row.get(2),
        }
    });
    kept.collect()
}

/// Bytes that are sent as they are for a parameter of any type.
#[derive(Debug)]
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

/// What the library reads in each of the forms that a version has kept; all as text.
fn readings(client: &mut Client, kept: &Kept) -> Vec<(&'static str, String)> {
    let Kept { kind, text, sent, stored, .. } = kept;
    let mut ask = |form: &'static str, question: String, parameter: &(dyn ToSql + Sync)| {
        let row = client.query_one(&question, &[parameter]);
        let row = row.unwrap_or_else(|error| panic!("{kind}, {}, {form}: {}", kept.name, explained(&error)));
        (form, row.get::<_, String>(0))
    };
    match final_function(kind) {
        Some(function) => {
            vec![ask("stored", format!("SELECT strata_internal.{function}($1::bytea)::text"), stored)]
        }
        None => {
            let sent = Raw(sent.clone().expect("a type sends"));
            vec![
                ask("stored", format!("SELECT ($1::bytea)::strata.{kind}::text"), stored),
                ask("text", format!("SELECT ($1::text)::strata.{kind}::text"), text),
                ask("sent", format!("SELECT ($1::strata.{kind})::text"), &sent),
            ]
        }
    }
}

fn parse(corpus: &Path) -> Vec<Kept> {
    let bytes = |hex: &str| -> Vec<u8> {
        let hex = hex.strip_prefix("\\\\x").expect("bytes in hexadecimal digits");
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("digits")).collect()
    };
    let unescaped = |text: &str| text.replace("\\n", "\n").replace("\\\\", "\\");
    let line = |line: &str| {
        let [kind, name, text, sent, stored] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        Kept {
            kind: kind.to_owned(),
            name: name.to_owned(),
            text: unescaped(text),
            sent: (sent != "\\N").then(|| bytes(sent)),
            stored: bytes(stored),
        }
    };
    read(corpus).lines().map(line).collect()
}

fn print(kept: &[Kept]) -> String {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('\n', "\\n");
    kept.iter()
        .map(|Kept { kind, name, text, sent, stored }| {
            let sent = sent.as_ref().map_or("\\N".to_owned(), |sent| format!("\\\\x{}", hex(sent)));
            format!("{kind}\t{name}\t{}\t{sent}\t\\\\x{}\n", escaped(text), hex(stored))
        })
        .collect()
}

/// Whether reading computes numbers, whose last digits are the machine's.
fn is_computed(kept: &Kept) -> bool {
    final_function(&kept.kind).is_some()
        && (kept.kind.ends_with("_fit") || kept.text.contains("\"fit\"") || kept.kind == "centroid_agg")
}

/// A text with its numbers to six digits.
fn rounded(text: &str) -> String {
    let is_of_number = |letter: char| letter.is_ascii_digit() || ".eE+-".contains(letter);
    let mut rounded = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let length = rest.find(|letter| !is_of_number(letter)).unwrap_or(rest.len());
        let length = if length == 0 { letter.len_utf8() } else { length };
        let (part, after) = rest.split_at(length);
        match part.parse::<f64>() {
            Ok(number) => rounded += &format!("{number:.5e}"),
            Err(_) => rounded += part,
        }
        rest = after;
    }
    rounded
}

/// Law: what any version stored, sent or printed, this one reads, and all three as the same value.
#[test]
fn values_of_every_version_are_read() {
    let mut client = corpus_database("upgrade_corpus");
    let now = version();
    let current = upgrade().join(format!("corpus/{now}.tsv"));
    if std::env::var_os("UPGRADE_ACCEPT").is_some() {
        fs::write(&current, print(&kept_today(&mut client))).expect("the corpus is writable");
        visible("accepted: see git diff tests/upgrade");
    }
    let corpora = fs::read_dir(upgrade().join("corpus")).expect("the corpora");
    let corpora: BTreeSet<PathBuf> = corpora.map(|entry| entry.expect("an entry").path()).collect();
    assert!(corpora.contains(&current), "no corpus of {now}: UPGRADE_ACCEPT=1 make test");
    for corpus in &corpora {
        let kept = parse(corpus);
        assert!(kept.len() >= 31, "{}: little is shown", corpus.display());
        for kept in &kept {
            for (form, text) in readings(&mut client, kept) {
                let what = format!("{}: {}, {}, {form}", corpus.display(), kept.kind, kept.name);
                match is_computed(kept) {
                    true => assert_eq!(rounded(&text), rounded(&kept.text), "{what}"),
                    false => assert_eq!(text, kept.text, "{what}"),
                }
            }
        }
    }
}

/// Law: the corpus of the version in the making is what it keeps, so that a change of a format shows.
#[test]
fn the_corpus_is_of_today() {
    let mut client = corpus_database("upgrade_today");
    let kept = parse(&upgrade().join(format!("corpus/{}.tsv", version())));
    let today = kept_today(&mut client);
    for (kept, today) in kept.iter().zip(&today) {
        assert_eq!((&kept.kind, &kept.name), (&today.kind, &today.name));
        // the last digits of a fit are the machine's
        if !kept.text.contains("\"fit\"") && !kept.kind.ends_with("_fit") && !kept.kind.starts_with("centroid") {
            assert_eq!(kept.text, today.text, "{}, {}", kept.kind, kept.name);
            assert_eq!(kept.stored, today.stored, "{}, {}: stored otherwise", kept.kind, kept.name);
            assert_eq!(kept.sent, today.sent, "{}, {}: sent otherwise", kept.kind, kept.name);
        }
    }
    assert_eq!(kept.len(), today.len());
}

/// Law: the corpus holds every public type that is stored as bytes of ours.
#[test]
fn the_corpus_holds_every_type() {
    let mut client = fresh_database("upgrade_types");
    let types = "SELECT typname::text FROM pg_type WHERE typnamespace = 'strata'::regnamespace AND typtype = 'b' AND typcategory <> 'A'";
    let types: BTreeSet<String> = client.query(types, &[]).expect("types").iter().map(|row| row.get(0)).collect();
    assert_eq!(types, TYPES.into_iter().map(str::to_owned).collect());
    let kept = parse(&upgrade().join(format!("corpus/{}.tsv", version())));
    let kinds: BTreeSet<&str> = kept.iter().map(|kept| &*kept.kind).collect();
    assert!(TYPES.iter().chain(STATES.iter().map(|(state, ..)| state)).all(|kind| kinds.contains(kind)), "{kinds:?}");
}

// ---------------------------------------------------------------------------------------------------------------------
// From one version to the next

/// All that the extension consists of in a database.
fn catalog(client: &mut Client) -> BTreeSet<String> {
    run(client, "SET search_path = pg_catalog");
    let parts = client.query(&read(&upgrade().join("catalog.sql")), &[]).expect("the catalog can be read");
    run(client, "RESET search_path");
    parts.iter().map(|row| row.get(0)).collect()
}

fn assert_same_catalog(updated: &BTreeSet<String>, fresh: &BTreeSet<String>) {
    let updated_alone: Vec<_> = updated.difference(fresh).collect();
    let fresh_alone: Vec<_> = fresh.difference(updated).collect();
    assert!(
        updated_alone.is_empty() && fresh_alone.is_empty(),
        "an update does not end where an installation does\nonly after the update: {updated_alone:#?}\nonly installed: {fresh_alone:#?}"
    );
    assert!(fresh.len() > 200, "little is compared");
}

fn create(database: &str, version: &str) -> Client {
    empty_database(database);
    let mut client = analyst(database);
    run(&mut client, &format!("CREATE EXTENSION pg_strata VERSION '{version}'"));
    client
}

/// The relations of `objects.sql`, as text.
fn contents(client: &mut Client) -> Vec<(String, Vec<String>)> {
    let relations = client
        .query(
            "SELECT format('%I.%I', nspname, relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
             WHERE nspname = 'shop' AND relkind IN ('r', 'v', 'm') ORDER BY relname",
            &[],
        )
        .expect("the relations");
    let relations: Vec<String> = relations.iter().map(|row| row.get(0)).collect();
    assert!(relations.len() >= 8, "{relations:?}");
    let rows = |relation: String| {
        let text = copy_out(client, &format!("COPY (SELECT * FROM {relation}) TO STDOUT"));
        let mut rows: Vec<String> = String::from_utf8(text).expect("UTF-8").lines().map(str::to_owned).collect();
        rows.sort();
        assert!(!rows.is_empty(), "{relation} is empty");
        (relation, rows)
    };
    relations.into_iter().map(rows).collect()
}

/// Indexes find, constraints refuse, and what is defined over the extension goes on working.
fn assert_works(client: &mut Client) {
    run(client, "REFRESH MATERIALIZED VIEW CONCURRENTLY shop.segments");
    // under the name that the function has by now
    let first: String = value(client, "SELECT pg_get_indexdef('shop.ledgers_by_first'::regclass, 1, false)");
    let like_the_fifth = "(SELECT plain FROM shop.ledgers WHERE customer_id = 5)";
    for (index, condition) in [
        ("ledgers_by_", format!("plain OPERATOR(strata.=) {like_the_fifth}")),
        ("ledgers_by_order", format!("plain OPERATOR(strata.>) {like_the_fifth}")),
        ("ledgers_by_first", format!("plain IS NOT NULL AND {first} > 300")),
    ] {
        let find = format!("SELECT count(*) FROM shop.ledgers WHERE {condition}");
        let without = value::<i64>(client, &find);
        run(client, "SET enable_seqscan = off");
        let plan = plan_as_run(client, &find);
        assert!(plan.contains(index), "no {index}\n{plan}");
        assert_eq!(value::<i64>(client, &find), without, "{find}");
        assert!(without > 0, "{find}");
        run(client, "RESET enable_seqscan");
    }
    run(client, "REINDEX SCHEMA shop");
    run(client, "INSERT INTO shop.ledgers (customer_id, plain) VALUES (-7, '{\"2024-05-05\": [1, 99.5]}')");
    let row: String = value(
        client,
        "SELECT concat_ws(' ', first_spent, orders, shop.spent(plain), shop.spent_by_name(plain)) FROM shop.ledgers WHERE customer_id = -7",
    );
    assert_eq!(row, "99.5 {\"2024-02-29\": [1, 12.5], \"2024-03-01\": [0, 0, 0.000001]} 199.0 199.0");
    assert_eq!(refusal(client, "INSERT INTO shop.ledgers (customer_id, plain) VALUES (-8, 'no ledger')"), "22P02");
    run(client, "DELETE FROM shop.ledgers WHERE customer_id = -7");
}

fn output(command: &mut Command, input: Vec<u8>) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    let feed = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("the program ends");
    let _ = feed.join();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Restores a plain dump into a database in which `version` is installed, and compares.
fn assert_restores(dump: Vec<u8>, database: &str, version: &str, original: &[(String, Vec<String>)]) {
    let mut restored = create(database, version);
    let psql = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", database];
    output(program("psql").args(psql), dump);
    assert_eq!(contents(&mut restored), original, "{database}");
    assert_works(&mut restored);
}

/// From version to version: what users made survives, works and is dumped; the catalog is that of an installation.
fn assert_updates(from: &str, to: &str, name: &str) -> Client {
    let mut client = create(name, from);
    run(&mut client, &read(&upgrade().join("objects.sql")));
    let before = contents(&mut client);
    assert_works(&mut client);
    let dump = |name: &str| output(program("pg_dump").args(["--dbname", name]), Vec::new());
    let dumped_before = dump(name);

    run(&mut client, &format!("ALTER EXTENSION pg_strata UPDATE TO '{to}'"));
    assert_eq!(contents(&mut client), before, "{from} to {to}");
    assert_works(&mut client);
    assert_same_catalog(&catalog(&mut client), &catalog(&mut create(&format!("{name}_fresh"), to)));
    // a session that saw the old version goes on; a new one sees the same
    assert_eq!(contents(&mut analyst(name)), before);

    assert_restores(dumped_before, &format!("{name}_restored"), to, &before);
    assert_restores(dump(name), &format!("{name}_restored_again"), to, &before);
    client
}

/// Law: every released version updates to the one in the making.
#[test]
fn released_versions_update() {
    let now = version();
    for released in scripts("sql/install").iter().filter(|script| **script != now) {
        assert_updates(released, &now, &format!("upgrade_{}", released.replace('.', "_")));
    }
}

/// Law: the SQL tests of every released version pass with the newest library under that version's scripts.
#[test]
fn suites_of_released_versions_pass() {
    let suites = upgrade().join("suites");
    let now = version();
    for released in scripts("sql/install").iter().filter(|script| **script != now) {
        let suite = suites.join(released);
        assert_passes(&suite, &format!("upgrade_suite_{}", released.replace('.', "_")), released, |_| true);
    }
}

/// Runs the SQL files of a directory in a database in which `version` is installed.
fn assert_passes(suite: &Path, database: &str, version: &str, chosen: impl Fn(&str) -> bool) {
    create(database, version);
    let files = fs::read_dir(suite.join("sql")).unwrap_or_else(|error| panic!("{}: {error}", suite.display()));
    let names = files.map(|entry| entry.expect("an entry").path().file_stem().unwrap().to_string_lossy().into_owned());
    // install is of the version in the making, and makes it
    let names: BTreeSet<String> = names.filter(|name| name != "install" && chosen(name)).collect();
    assert!(!names.is_empty(), "{}", suite.display());
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join(database);
    fs::create_dir_all(&results).expect("a directory for the results");
    let names: Vec<String> = names.into_iter().collect();
    pg_regress(database, suite, &results, &names).unwrap_or_else(|differences| panic!("{version}: {differences}"));
}

// ---------------------------------------------------------------------------------------------------------------------
// A made-up next version

const NEXT: &str = "0.3.0-test";

/// Scripts of a made-up version among those of the server, gone when it is dropped.
struct MadeUp(Vec<PathBuf>);

impl MadeUp {
    fn install() -> MadeUp {
        let now = version();
        let next = read(&upgrade().join("next.sql"));
        let answer = Command::new(&server().pg_config).arg("--sharedir").output().expect("pg_config runs");
        let directory = Path::new(String::from_utf8_lossy(&answer.stdout).trim()).join("extension");
        let mut made_up = MadeUp(Vec::new());
        for (name, script) in [
            (format!("pg_strata--{now}--{NEXT}.sql"), next),
            (format!("pg_strata--{NEXT}.sql"), installation_of_next(&now)),
        ] {
            let file = directory.join(name);
            made_up.0.push(file.clone());
            if let Err(error) = fs::write(&file, &script) {
                // as scripts/install does
                let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join("made_up.sql");
                fs::write(&here, &script).expect("a file of our own");
                let sudo = Command::new("sudo").args(["-n", "install", "-m", "644"]).arg(here).arg(&file).status();
                assert!(sudo.is_ok_and(|status| status.success()), "{}: {error}", file.display());
            }
        }
        made_up
    }
}

impl Drop for MadeUp {
    fn drop(&mut self) {
        for file in &self.0 {
            if fs::remove_file(file).is_err() {
                let _ = Command::new("sudo").args(["-n", "rm", "-f"]).arg(file).status();
            }
        }
    }
}

/// The install script of the made-up version: what `next.sql` changes, changed here.
fn installation_of_next(now: &str) -> String {
    let mut script = read(&repository().join(format!("sql/install/pg_strata--{now}.sql")));
    let mut change = |times: usize, from: &str, to: &str| {
        assert_eq!(script.matches(from).count(), times, "{from}");
        script = script.replace(from, to);
    };
    change(2, "FUNCTION strata.first_amount(", "FUNCTION strata_internal.first_amount(");
    change(
        1,
        "IMMUTABLE PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'monetary_wrapper'",
        "IMMUTABLE PARALLEL SAFE COST 2 LANGUAGE c AS 'MODULE_PATHNAME', 'monetary_wrapper'",
    );
    let rollup = "CREATE AGGREGATE strata.rollup(ledger strata.ledger) (\n    SFUNC = strata_internal.ledger_merge, STYPE = strata.ledger, SSPACE = ";
    change(1, &format!("{rollup}256"), &format!("{rollup}512"));
    // what is new stands at the end, before the owner is seen to
    let next = read(&upgrade().join("next.sql"));
    let (_, new) = next.split_once("SET SCHEMA strata_internal;\n").expect("what is new");
    let (new, _) = new.split_once("-- Costs and states").expect("its end");
    let (parts, owner) = script.split_once("-- sql/internal/owner.sql").expect("the last part");
    format!("{parts}\n{new}\n-- sql/internal/owner.sql{owner}")
}

/// Law: the machinery finds what it should: a made-up version updates, and its mistakes are seen.
#[test]
fn a_made_up_version_updates() {
    let _made_up = MadeUp::install();
    let now = version();
    let mut updated = assert_updates(&now, NEXT, "upgrade_next");
    // what hung on the function that moved went with it, and the public name is there for others
    let view: String = value(&mut updated, "SELECT pg_get_viewdef('shop.firsts'::regclass)");
    assert!(view.contains("strata_internal.first_amount("), "{view}");
    run(
        &mut updated,
        "CREATE VIEW shop.later AS SELECT strata.first_amount(plain, DATE '2024-01-01') FROM shop.ledgers",
    );
    assert_eq!(
        value::<i64>(
            &mut updated,
            "SELECT count(*) FROM shop.ledgers WHERE strata.net_amount_per_day(plain, '2024-12-31') > 0"
        ),
        value::<i64>(&mut updated, "SELECT count(*) FROM shop.ledgers WHERE strata.monetary(plain, '2024-12-31') > 0")
    );

    // the tests of this version pass under the next one's scripts
    let tests = repository().join("tests");
    let chosen = ["cuts", "ledger_algebra", "ledger_io", "ledger_readers", "lifecycle", "rfm"];
    assert_passes(&tests, "upgrade_next_suite", NEXT, |name| chosen.contains(&name));

    // a step that an update forgets is seen
    let mut forgetful = create("upgrade_forgetful", &now);
    run(&mut forgetful, &format!("ALTER EXTENSION pg_strata UPDATE TO '{NEXT}'"));
    let mut owner = superuser("upgrade_forgetful");
    run(&mut owner, "ALTER FUNCTION strata.monetary(strata.ledger, date, integer) COST 1");
    let fresh = catalog(&mut create("upgrade_complete", NEXT));
    assert_eq!(catalog(&mut forgetful).difference(&fresh).count(), 1);
    // and there is no way back
    assert_eq!(refusal(&mut forgetful, &format!("ALTER EXTENSION pg_strata UPDATE TO '{now}'")), "22023");
}
