//! The law of numbers: ledgers equal a full recomputation, whatever the settings of a session, the size of amounts, the number of
//! rows that are alike, the type of a key; one user's bad data is put aside by one rule, and never stops the others; and what is
//! paid is for what changed.

use std::time::{Duration, Instant};

use postgres::Client;
use strata_tests::roles::{Stage, attempt, told};
use strata_tests::{assert_same_rows, explained, fresh_database, run, server, superuser, value, visible};

/// Settings of every session, each of which could make a text or a plan another one.
const SETTINGS: &[&str] = &[
    "standard_conforming_strings = off",
    "intervalstyle = 'sql_standard'",
    "intervalstyle = 'iso_8601'",
    "datestyle = 'SQL, DMY'",
    "datestyle = 'German'",
    "quote_all_identifiers = on",
    "extra_float_digits = -15",
    "bytea_output = 'escape'",
    "timezone = 'Pacific/Kiritimati'",
    "timezone = 'America/Los_Angeles'",
    "transform_null_equals = on",
    "enable_hashjoin = off",
    "enable_mergejoin = off; SET enable_nestloop = off",
    "enable_indexscan = off; SET enable_bitmapscan = off",
    "enable_seqscan = off",
    "plan_cache_mode = 'force_generic_plan'",
    "search_path = ''",
    "search_path = pg_temp, public",
    "default_transaction_isolation = 'serializable'",
    "jit = on; SET jit_above_cost = 0",
    "row_security = off",
    "xmloption = document",
    "array_nulls = off",
    "escape_string_warning = on; SET backslash_quote = on",
    "lc_monetary = 'C'; SET lc_numeric = 'C'",
    "statement_timeout = '10min'; SET lock_timeout = '1min'",
    "default_with_oids = off",
    "check_function_bodies = off",
    "force_parallel_mode = on",
    "work_mem = '64kB'",
];

/// A source whose texts hold all that settings change: escapes, intervals, dates, floats, bytes, booleans, quoted names.
const TEXTS: &str = r#"
    CREATE SCHEMA "Shop"; CREATE TABLE "Shop"."Orders" (c bigint, ts timestamp, at timestamptz, t text, f double precision, b bytea, n numeric);
    INSERT INTO "Shop"."Orders" SELECT n % 40, timestamp '2024-01-01' + n * interval '7 hours', timestamptz '2024-01-01 UTC' + n * interval '5 hours', (ARRAY['1', 'd', E'\\', NULL])[1 + n % 4],
        n / 3.0::double precision, decode(lpad(to_hex(n), 4, '0'), 'hex'), n FROM generate_series(1, 300) AS n;
"#;

const SOURCES: &[(&str, &str)] = &[
    ("escapes", r#"'c', 'ts', 'n', where_clause => 't ~ ''^\d'' OR t = ''\'''"#),
    ("intervals", r#"'c', '(ts + interval ''-1 day -2 hours'')', 'n'"#),
    (
        "dates",
        r#"'c', 'ts', 'n', where_clause => 'ts > date ''2024-02-01'' AND ts < timestamp ''2024-03-04 05:06:07'''"#,
    ),
    (
        "instants",
        r#"'c', 'at', 'n', time_zone => 'Asia/Shanghai', where_clause => 'at > timestamptz ''2024-01-05 03:00:00+00'''"#,
    ),
    ("floats", r#"'c', 'ts', 'f', where_clause => 'f > 1.1::double precision / 3'"#),
    ("bytes", r#"'c', 'ts', 'n', where_clause => 'b > ''\x0010''::bytea'"#),
    ("nulls", r#"'c', 'ts', 'n', where_clause => '(t = NULL) IS NULL'"#),
    ("arrays", r#"'c', 'ts', 'n', where_clause => 't = ANY (''{1,d}''::text[])'"#),
];

fn sources(client: &mut Client) -> Vec<String> {
    let names: Vec<String> = SOURCES.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (name, arguments) in SOURCES {
        run(
            client,
            &format!("SELECT strata.add_source('{name}', '\"Shop\".\"Orders\"', {arguments}, schema => 'public')"),
        );
    }
    names
}

fn ledgers(client: &mut Client, name: &str) -> Vec<String> {
    let rows =
        client.query(&format!("SELECT user_id || ' ' || ledger::text FROM public.{name}_ledger ORDER BY 1"), &[]);
    rows.unwrap_or_else(|error| panic!("{name}: {}", explained(&error))).iter().map(|row| row.get(0)).collect()
}

/// Law: what a source is made, synced, verified and rebuilt under changes nothing: under any two sessions' settings the ledgers are
/// the same.
#[test]
fn settings_of_a_session_change_nothing() {
    let database = "trials_settings";
    let mut plain = fresh_database(database);
    run(&mut plain, "SET client_min_messages = error");
    run(&mut plain, TEXTS);
    let names = sources(&mut plain);
    let model = r#"{"name": "m", "sources": ["escapes", "instants"], "attributes": {"t": "text"}, "metrics": {"n": "frequency(escapes, 30)"}, "layers": [{"name": "a\\'\"", "when": "n > 1 and t <> '\\'"}, {"name": "b", "when": "n > 0"}], "default": {"name": "c"}}"#;
    let with_model = attempt(
        &mut plain,
        &format!(
            "SELECT strata.create_model('m', $m${model}$m$, attributes => 'SELECT DISTINCT ON (c) c AS user_id, t FROM \"Shop\".\"Orders\" WHERE t ~ ''^\\d'' ORDER BY c, t', schema => 'public')"
        ),
    );
    assert_eq!(with_model, None);
    let mut round = 0;
    for setting in SETTINGS {
        let mut client = strata_tests::analyst(database);
        run(&mut client, "SET client_min_messages = error");
        for statement in setting.split("; SET ") {
            // a setting that this version does not have
            let _ = attempt(&mut client, &format!("SET {statement}"));
        }
        round += 1;
        run(
            &mut client,
            &format!(
                "INSERT INTO \"Shop\".\"Orders\" SELECT n % 44, timestamp '2024-02-01 00:00' + n * interval '9 hours', timestamptz '2024-02-01 00:00+00' + n * interval '5 hours', (ARRAY['2', 'd', chr(92)])[1 + n % 3], n / 7.0, decode('00', 'hex'), {round}
                 FROM generate_series(1, 20) AS n; DELETE FROM \"Shop\".\"Orders\" WHERE c = {round} AND n < 50"
            ),
        );
        // in a transaction of its own each, as a session that is serializable puts no triggers in place
        for name in &names {
            let synced = attempt(&mut client, &format!("SELECT strata.sync('public.{name}')"));
            assert_eq!(synced, None, "{setting}: {name}");
            let differing: i64 = value(&mut client, &format!("SELECT count(*) FROM strata.verify('public.{name}')"));
            assert_eq!(differing, 0, "{setting}: {name}");
            let kept = ledgers(&mut plain, name);
            assert!(kept.len() > 3, "{name}");
            run(&mut plain, &format!("SELECT strata.rebuild('{name}')"));
            assert_eq!(ledgers(&mut plain, name), kept, "{setting}: {name}: rebuilt under plain settings");
        }
        assert_eq!(attempt(&mut client, "SELECT strata.refresh('public.m', '2024-03-01')"), None, "{setting}");
        let members = "SELECT coalesce(jsonb_object_agg(user_id, layer)::text, '') FROM public.m_members";
        let kept: String = value(&mut plain, members);
        run(&mut plain, "SELECT strata.refresh('m', '2024-03-01', true)");
        assert_eq!(value::<String>(&mut plain, members), kept, "{setting}: refreshed anew under plain settings");
        // and added under them
        let isolation: String = value(&mut client, "SELECT current_setting('transaction_isolation')");
        if isolation == "read committed" {
            for (name, arguments) in SOURCES {
                let added = attempt(
                    &mut client,
                    &format!(
                        "SELECT strata.add_source('{name}_2', '\"Shop\".\"Orders\"', {arguments}, schema => 'public')"
                    ),
                );
                match added {
                    None => {
                        run(&mut plain, &format!("SELECT strata.rebuild('{name}_2')"));
                        let texts = |name: &str| {
                            format!(
                                "SELECT concat_ws(' ', user_expression, time_expression, amount_expression, where_clause) FROM public.strata_sources WHERE name = '{name}'"
                            )
                        };
                        let differing: i64 =
                            value(&mut plain, &format!("SELECT count(*) FROM strata.verify('{name}_2')"));
                        assert_eq!(differing, 0, "{setting}: {name}");
                        // where the session reads the caller's text as another does, what is kept is the same
                        if !setting.starts_with("standard")
                            && !setting.contains("style = 'SQL")
                            && !setting.contains("German")
                            && !setting.starts_with("transform")
                            && !setting.starts_with("array")
                        {
                            assert_eq!(
                                value::<String>(&mut plain, &texts(&format!("{name}_2"))),
                                value::<String>(&mut plain, &texts(name)),
                                "{setting}"
                            );
                        }
                        run(&mut client, &format!("SELECT strata.drop_source('public.{name}_2')"));
                    }
                    Some((code, message, _)) => assert!(
                        !code.starts_with("XX") && !setting.starts_with("datestyle"),
                        "{setting}: {name}: {code} {message}"
                    ),
                }
            }
        }
    }
}

const EVENTS: &str = "CREATE TABLE e (a text, at date, n numeric); INSERT INTO e VALUES ('u1', '2024-01-01', 5), ('u2', '2024-01-01', 1);
    SELECT strata.add_source('e', 'e', 'a', 'at', 'n')";

/// What is kept equals what a rebuild would keep; returned as text.
fn settled(client: &mut Client, source: &str, law: &str) -> String {
    assert_eq!(value::<i64>(client, &format!("SELECT count(*) FROM strata.verify('{source}')")), 0, "{law}: verify");
    let ledgers =
        format!("SELECT coalesce(string_agg(user_id || ledger::text, ' ' ORDER BY user_id), '') FROM {source}_ledger");
    let kept: String = value(client, &ledgers);
    run(client, &format!("SELECT strata.rebuild('{source}')"));
    assert_eq!(value::<String>(client, &ledgers), kept, "{law}: rebuilt");
    assert_eq!(
        value::<i64>(client, &format!("SELECT count(*) FROM strata.verify('{source}')")),
        0,
        "{law}: verify after rebuild"
    );
    kept
}

/// Law: an amount beyond what a row may hold is put aside by itself, in one batch or many, in any order; the same in folding and in
/// counting anew; everything else of the user stays.
#[test]
fn amounts_beyond_a_row() {
    let mut client = fresh_database("trials_amounts");
    run(&mut client, "SET client_min_messages = error");
    run(&mut client, EVENTS);
    run(
        &mut client,
        "INSERT INTO e VALUES ('u1', '2024-01-02', 1e18), ('u1', '2024-01-02', 0.1); SELECT strata.sync('e')",
    );
    let kept = settled(&mut client, "e", "one batch");
    assert_eq!(kept, r#"u1{"2024-01-01": [1, 5], "2024-01-02": [1, 0.1]} u2{"2024-01-01": [1, 1]}"#);
    // in batches, and away again
    run(
        &mut client,
        "DELETE FROM e WHERE n = 1e18; SELECT strata.sync('e'); INSERT INTO e VALUES ('u1', '2024-01-02', -1e18); SELECT strata.sync('e')",
    );
    assert_eq!(settled(&mut client, "e", "a credit"), kept);
    run(&mut client, "DELETE FROM e WHERE n = 0.1; SELECT strata.sync('e')");
    assert_eq!(settled(&mut client, "e", "deleted"), r#"u1{"2024-01-01": [1, 5]} u2{"2024-01-01": [1, 1]}"#);
    run(&mut client, "INSERT INTO e VALUES ('u1', '2024-01-05', 7); SELECT strata.sync('e')");
    assert_eq!(
        settled(&mut client, "e", "goes on"),
        r#"u1{"2024-01-01": [1, 5], "2024-01-05": [1, 7]} u2{"2024-01-01": [1, 1]}"#
    );
    let rejected: i64 = value(&mut client, "SELECT rejected FROM strata.source_status() WHERE source = 'e'");
    assert_eq!(rejected, 1);
    run(&mut client, "DELETE FROM e WHERE n = -1e18; SELECT strata.sync('e')");
    assert_eq!(value::<i64>(&mut client, "SELECT rejected FROM strata.source_status() WHERE source = 'e'"), 0);
    // near the bound, from both sides, with decimals
    for amount in [
        "1000000000000",
        "-1000000000000",
        "1000000000000.000001",
        "999999999999.999999",
        "1e13",
        "-1e13",
        "9.2e12",
        "9.3e12",
        "1e400",
        "'Infinity'",
        "'NaN'",
        "0.0000001",
    ] {
        run(
            &mut client,
            &format!(
                "INSERT INTO e VALUES ('u3', '2024-01-05', {amount}), ('u3', '2024-01-05', 0.5), ('u4', '2024-01-05', {amount}); SELECT strata.sync('e')"
            ),
        );
        settled(&mut client, "e", amount);
        run(
            &mut client,
            &format!(
                "DELETE FROM e WHERE a = 'u4'; INSERT INTO e VALUES ('u4', '2024-01-05', {amount}); SELECT strata.sync('e')"
            ),
        );
        settled(&mut client, "e", amount);
    }
    // other types of amounts
    for (number, (of, amount)) in [
        ("bigint", "9223372036854775807"),
        ("bigint", "-9223372036854775808"),
        ("double precision", "1e300"),
        ("double precision", "'-Infinity'"),
        ("real", "'3.4e38'"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("t{number}");
        run(
            &mut client,
            &format!(
                "CREATE TABLE {name} (a text, at date, n {of}); INSERT INTO {name} VALUES ('u1', '2024-01-01', 5), ('u1', '2024-01-02', {amount}); SELECT strata.add_source('{name}', '{name}', 'a', 'at', 'n');
                 INSERT INTO {name} VALUES ('u1', '2024-01-03', 5), ('u2', '2024-01-03', {amount}), ('u2', '2024-01-03', 1); SELECT strata.sync('{name}')"
            ),
        );
        assert_eq!(
            settled(&mut client, &name, of),
            r#"u1{"2024-01-01": [1, 5], "2024-01-03": [1, 5]} u2{"2024-01-03": [1, 1]}"#,
            "{of} {amount}"
        );
    }
}

/// Law: a user whose rows are all within bounds, but not together, is put aside as a whole, told and counted, until they fit; the
/// same in folding and in counting anew; nobody else waits for him.
#[test]
fn users_beyond_a_ledger() {
    let mut client = fresh_database("trials_beyond");
    run(&mut client, "SET client_min_messages = error");
    run(&mut client, EVENTS);
    let problem = |client: &mut Client| {
        value::<Option<String>>(client, "SELECT problem FROM strata.source_status() WHERE source = 'e'")
    };
    run(
        &mut client,
        "INSERT INTO e SELECT 'u1', '2024-01-02', 1e12 - 0.000001 FROM generate_series(1, 20); INSERT INTO e VALUES ('u2', '2024-01-02', 3); SELECT strata.sync('e')",
    );
    assert_eq!(settled(&mut client, "e", "in one batch"), r#"u2{"2024-01-01": [1, 1], "2024-01-02": [1, 3]}"#);
    assert!(problem(&mut client).is_some_and(|problem| problem.contains("u1")));
    run(&mut client, "INSERT INTO e VALUES ('u1', '2024-01-09', 1), ('u2', '2024-01-09', 1); SELECT strata.sync('e')");
    assert_eq!(
        settled(&mut client, "e", "more of him"),
        r#"u2{"2024-01-01": [1, 1], "2024-01-02": [1, 3], "2024-01-09": [1, 1]}"#
    );
    run(&mut client, "DELETE FROM e WHERE a = 'u1' AND n > 1e11; SELECT strata.sync('e')");
    assert_eq!(
        settled(&mut client, "e", "they fit again"),
        r#"u1{"2024-01-01": [1, 5], "2024-01-09": [1, 1]} u2{"2024-01-01": [1, 1], "2024-01-02": [1, 3], "2024-01-09": [1, 1]}"#
    );
    assert_eq!(problem(&mut client), None);
    // step by step, over the bound and back
    for _ in 0..12 {
        run(&mut client, "INSERT INTO e VALUES ('u3', '2024-02-01', 999999999999.5); SELECT strata.sync('e')");
        settled(&mut client, "e", "step by step");
    }
    for left in (0..12).rev() {
        run(
            &mut client,
            &format!(
                "DELETE FROM e WHERE ctid = (SELECT min(ctid) FROM e WHERE a = 'u3'); SELECT strata.sync('e'); SELECT {left}"
            ),
        );
        settled(&mut client, "e", "step by step back");
    }
}

/// Law: in a mapped source, too: aliases whose ledgers do not fit together, rows beyond the bound; they stop nobody.
#[test]
fn mapped_users_beyond_a_ledger() {
    let mut client = fresh_database("trials_mapped");
    run(&mut client, "SET client_min_messages = error");
    run(
        &mut client,
        "CREATE TABLE e (a text, at date, n numeric); CREATE TABLE m (alias text, user_id text); INSERT INTO m VALUES ('a1', 'u'), ('a2', 'u');
         SELECT strata.add_source('mp', 'e', 'a', 'at', 'n', user_map => 'm');
         INSERT INTO e VALUES ('a1', '2024-01-02', 9e18), ('a2', '2024-01-02', 9e18), ('a3', '2024-01-02', 1); SELECT strata.sync('mp')",
    );
    assert_eq!(settled(&mut client, "mp", "rows beyond"), r#"a3{"2024-01-02": [1, 1]}"#);
    run(
        &mut client,
        "DELETE FROM e WHERE n > 1e15; INSERT INTO e SELECT a, '2024-01-02', 999999999999.999999 FROM generate_series(1, 6), unnest(ARRAY['a1', 'a2']) AS a; INSERT INTO e VALUES ('a3', '2024-01-03', 2); SELECT strata.sync('mp')",
    );
    assert_eq!(
        settled(&mut client, "mp", "aliases beyond together"),
        r#"a3{"2024-01-02": [1, 1], "2024-01-03": [1, 2]}"#
    );
    assert!(value::<Option<String>>(&mut client, "SELECT problem FROM strata.source_status()").is_some());
    run(&mut client, "UPDATE m SET user_id = 'other' WHERE alias = 'a2'; SELECT strata.sync('mp')");
    let kept = settled(&mut client, "mp", "apart");
    assert!(kept.contains("other{") && kept.contains(" u{"), "{kept}");
    assert_eq!(value::<Option<String>>(&mut client, "SELECT problem FROM strata.source_status()"), None);
    run(&mut client, "UPDATE m SET user_id = 'u' WHERE alias = 'a2'; SELECT strata.sync('mp')");
    settled(&mut client, "mp", "together again");
    run(&mut client, "DELETE FROM e WHERE a = 'a2' AND n > 1e11; SELECT strata.sync('mp')");
    let kept = settled(&mut client, "mp", "one of them smaller");
    assert!(kept.contains("u{"), "{kept}");
}

/// How long something takes.
fn seconds(mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

/// Law: rows that cannot be counted and are alike cost as any others: twice as many, about twice the time.
#[test]
fn equal_rejects_are_linear() {
    let mut client = fresh_database("trials_rejects");
    run(&mut client, "SET client_min_messages = error; SET statement_timeout = '60s'");
    let mut times = Vec::new();
    for rows in [4_000, 8_000, 16_000] {
        run(
            &mut client,
            &format!(
                "CREATE TABLE e (a text, at date, n numeric); INSERT INTO e SELECT 'u1', '2024-01-01', 'NaN' FROM generate_series(1, {rows}); INSERT INTO e VALUES ('u2', '2024-01-01', 1);
                 SELECT strata.add_source('q', 'e', 'a', 'at', 'n')"
            ),
        );
        let taken = seconds(|| {
            run(
                &mut client,
                "SELECT count(*) FROM strata.verify('q'); SELECT strata.rebuild('q'); DELETE FROM e; SELECT strata.sync('q')",
            );
        });
        assert_eq!(value::<i64>(&mut client, "SELECT coalesce(sum(change), 0) FROM q_rejects"), 0);
        run(
            &mut client,
            &format!(
                "INSERT INTO e SELECT 'u1', '2024-01-01', 'NaN' FROM generate_series(1, {rows}); SELECT strata.sync('q')"
            ),
        );
        assert_eq!(value::<i64>(&mut client, "SELECT coalesce(sum(change), 0) FROM q_rejects"), rows);
        run(&mut client, "UPDATE e SET n = 1 WHERE a = 'u1'; SELECT strata.sync('q')");
        assert_eq!(value::<i64>(&mut client, "SELECT coalesce(sum(change), 0) FROM q_rejects"), 0);
        run(&mut client, "SELECT strata.drop_source('q'); DROP TABLE e");
        times.push(taken);
    }
    visible(&format!("4k, 8k, 16k equal rejects: {times:.3?} s"));
    // 16 times as long would be the square; 4 is linear
    assert!(times[2] < 7.0 * times[0].max(0.05), "{times:?}");
}

/// Law: a margin is a number or a duration as the column has it, and one that the column's type could not hold is no error.
#[test]
fn margins_of_any_size() {
    let mut client = fresh_database("trials_margins");
    run(&mut client, "SET client_min_messages = error");
    for (number, (of, least, margin)) in [
        ("bigint", "1", "0.5"),
        ("smallint", "-30000", ""),
        ("smallint", "32767", "0"),
        ("integer", "-2147483648", "1"),
        ("integer", "5", "99999999999999999999"),
        ("bigint", "-9223372036854775808", "10"),
        ("numeric", "0.25", "0.5"),
        ("numeric", "1e300", "0.5"),
        ("date", "'-infinity'", "1 day"),
        ("timestamp", "'infinity'", "1 hour"),
        ("timestamptz", "'4713-01-01 BC'", "1 day"),
        ("date", "'5874897-12-31'", "1 hour"),
        ("smallint", "3", "-1"),
    ]
    .into_iter()
    .enumerate()
    {
        let margin = if margin.is_empty() { String::new() } else { format!(", margin => '{margin}'") };
        run(
            &mut client,
            &format!(
                "CREATE TABLE m{number} (customer bigint, at date, seen {of}); INSERT INTO m{number} VALUES (1, '2024-01-01', {least});
                 SELECT strata.add_source('m{number}', 'm{number}', 'customer', 'at', capture => 'column', \"column\" => 'seen'{margin});
                 SELECT strata.sync('m{number}'); INSERT INTO m{number} VALUES (2, '2024-01-02', {least}); SELECT strata.sync('m{number}'); SELECT strata.rebuild('m{number}')"
            ),
        );
        assert_eq!(
            value::<i64>(&mut client, &format!("SELECT count(*) FROM m{number}_ledger")),
            2,
            "{of} {least}{margin}"
        );
    }
    for (of, margin) in [
        ("bigint", "1 hour"),
        ("timestamp", "10"),
        ("bigint", "'"),
        ("date", ""),
        ("bigint", "NaN; SELECT 1"),
        ("timestamp", "soon"),
    ] {
        run(
            &mut client,
            &format!("DROP TABLE IF EXISTS wrong; CREATE TABLE wrong (customer bigint, at date, seen {of})"),
        );
        let quoted = margin.replace('\'', "''");
        let told = attempt(
            &mut client,
            &format!(
                "SELECT strata.add_source('wrong', 'wrong', 'customer', 'at', capture => 'column', \"column\" => 'seen', margin => '{quoted}')"
            ),
        );
        match told {
            Some((code, ..)) => assert!(code.starts_with("22"), "{of} {margin}: {code}"),
            // '10' is ten seconds to an interval
            None => {
                run(
                    &mut client,
                    "INSERT INTO wrong VALUES (1, '2024-01-01', NULL); SELECT strata.sync('wrong'); SELECT strata.drop_source('wrong')",
                );
            }
        }
    }
}

/// Law: bytes that are no text of the database's encoding stop nobody: in attributes they are unknown, in keys they are keys.
#[test]
fn databases_without_an_encoding() {
    let name = "trials_ascii";
    let mut root = superuser("postgres");
    run(&mut root, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    run(
        &mut root,
        &format!(
            "CREATE DATABASE {name} OWNER {} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'",
            server().analyst
        ),
    );
    let mut client = strata_tests::analyst(name);
    run(&mut client, "CREATE EXTENSION pg_strata; SET client_min_messages = error");
    run(
        &mut client,
        r#"CREATE TABLE e (u text, at date); CREATE TABLE people (user_id text, city text);
           INSERT INTO e VALUES ('a', '2024-01-01'), (E'\xe4\xff', '2024-01-01'), ('b', '2024-01-01'); INSERT INTO people VALUES ('a', E'K\xf6ln'), ('b', 'Bonn'), (E'\xe4\xff', 'Bonn');
           SELECT strata.add_source('e', 'e', 'u', 'at'); INSERT INTO e VALUES (E'\xe4\xff', '2024-01-02'); SELECT strata.sync('e');
           SELECT strata.create_model('m', '{"name": "m", "sources": ["e"], "attributes": {"city": "text"}, "metrics": {"n": "frequency(e, 30)"}, "layers": [{"name": "bonn", "when": "city = ''Bonn''"}, {"name": "other", "when": "city <> ''Bonn''"}], "default": {"name": "unknown"}}', attributes => 'people');
           SELECT strata.refresh('m', '2024-01-03'); INSERT INTO e VALUES ('c', '2024-01-03'); SELECT strata.refresh('m', '2024-01-04')"#,
    );
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM e_ledger"), 4);
    let layers: String = value(
        &mut client,
        "SELECT string_agg(layer || ' ' || n, ', ' ORDER BY layer) FROM (SELECT layer, count(*) AS n FROM m_members GROUP BY 1) AS s",
    );
    assert_eq!(layers, "bonn 2, unknown 2");
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.verify('e')"), 0);
    run(
        &mut client,
        r#"DELETE FROM e WHERE u = E'\xe4\xff'; SELECT strata.sync('e'); SELECT * FROM strata.source_status(); SELECT * FROM strata.model_status()"#,
    );
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM e_ledger"), 3);
}

/// Law: numbers that are equal are one user, called by the shortest of their names, whichever came first.
#[test]
fn numeric_keys() {
    let mut client = fresh_database("trials_numeric");
    run(&mut client, "SET client_min_messages = error");
    run(
        &mut client,
        "CREATE TABLE e (u numeric, at date); INSERT INTO e VALUES (177.00, '2024-01-01'), (1e3, '2024-01-01'), (-0.0, '2024-01-01'), (0.10, '2024-01-01');
         SELECT strata.add_source('e', 'e', 'u', 'at'); INSERT INTO e VALUES (177, '2024-01-02'), (1000.0, '2024-01-02'), (0, '2024-01-02'), (0.1, '2024-01-02'), ('NaN', '2024-01-02'), (12345678901234567890.50, '2024-01-02');
         SELECT strata.sync('e')",
    );
    let users = "SELECT string_agg(user_id::text, ' ' ORDER BY user_id) FROM e_ledger";
    assert_eq!(value::<String>(&mut client, users), "0 0.1 177 1000 12345678901234567890.5 NaN");
    settled(&mut client, "e", "numeric");
    run(&mut client, "DELETE FROM e WHERE at = '2024-01-02'; SELECT strata.sync('e')");
    assert_eq!(value::<String>(&mut client, users), "0 0.1 177 1000");
    settled(&mut client, "e", "deleted by another name");
    // a model finds them, by whichever name it is asked for
    run(
        &mut client,
        r#"CREATE TABLE people (user_id numeric, city text); INSERT INTO people VALUES (177.0, 'x');
           SELECT strata.create_model('m', '{"name": "m", "sources": ["e"], "attributes": {"city": "text"}, "metrics": {"n": "frequency(e, 30)"}, "layers": [{"name": "x", "when": "city = ''x''"}], "default": {"name": "rest"}}', attributes => 'people');
           SELECT strata.refresh('m', '2024-01-03')"#,
    );
    assert_eq!(value::<String>(&mut client, "SELECT user_id::text FROM m_members WHERE layer = 'x'"), "177");
    assert_eq!(
        value::<Option<String>>(&mut client, "SELECT strata.layer_at('m', '177.000', '2024-01-03')"),
        Some("x".to_owned())
    );
}

/// Law: an alias that stands for several users belongs to nobody, a user with two rows of attributes has those of a stated rule:
/// told and counted, and everyone else goes on.
#[test]
fn one_users_ambiguity_stops_nobody() {
    let mut client = fresh_database("trials_ambiguous");
    run(&mut client, "SET client_min_messages = error");
    run(
        &mut client,
        "CREATE TABLE likes (mail text, at date); CREATE TABLE accounts (alias text, user_id bigint); INSERT INTO likes SELECT 'm' || n % 9, DATE '2024-01-01' + n FROM generate_series(1, 30) AS n;
         INSERT INTO accounts SELECT 'm' || n, n FROM generate_series(0, 8) AS n; SELECT strata.add_source('likes', 'likes', 'mail', 'at', user_map => 'accounts')",
    );
    let law = |client: &mut Client, law: &str, ambiguous: i64| {
        run(client, "SELECT strata.sync('likes')");
        assert_same_rows(
            client,
            law,
            "TABLE likes_ledger",
            "SELECT user_id, strata.ledger_agg(at) FROM likes JOIN (SELECT alias, min(user_id) AS user_id FROM accounts GROUP BY 1 HAVING count(DISTINCT user_id) = 1) AS a ON alias = mail GROUP BY 1",
        );
        assert_eq!(value::<i64>(client, "SELECT count(*) FROM likes_aliases WHERE is_ambiguous"), ambiguous, "{law}");
        let problem: Option<String> =
            value(client, "SELECT problem FROM strata.source_status() WHERE source = 'likes'");
        assert_eq!(problem.is_some(), ambiguous > 0, "{law}: {problem:?}");
        settled(client, "likes", law);
    };
    law(&mut client, "clear", 0);
    run(&mut client, "INSERT INTO accounts VALUES ('m3', 100), ('m4', 4), ('m5', NULL)");
    law(&mut client, "a second account", 1);
    run(
        &mut client,
        "INSERT INTO likes VALUES ('m3', '2024-03-01'), ('m1', '2024-03-01'); INSERT INTO accounts VALUES ('m1', 101), ('m1', 102)",
    );
    law(&mut client, "with events and another", 2);
    run(&mut client, "DELETE FROM accounts WHERE user_id = 100; UPDATE accounts SET user_id = 103 WHERE alias = 'm1'");
    law(&mut client, "resolved", 0);
    // attributes
    run(
        &mut client,
        r#"CREATE TABLE people (user_id bigint, city text); INSERT INTO people SELECT n, 'x' FROM generate_series(0, 8) AS n;
           SELECT strata.create_model('m', '{"name": "m", "sources": ["likes"], "attributes": {"city": "text"}, "metrics": {"n": "frequency(likes, 3000)"}, "layers": [{"name": "x", "when": "city = ''x''"}, {"name": "y", "when": "city <> ''x''"}], "default": {"name": "unknown"}}', attributes => 'people');
           SELECT strata.refresh('m', '2024-03-02'); INSERT INTO people VALUES (3, 'y'), (4, 'x'), (NULL, 'z'), (NULL, 'y'); INSERT INTO likes VALUES ('m7', '2024-03-02')"#,
    );
    run(&mut client, "SELECT strata.refresh('m', '2024-03-03')");
    let first: String = value(&mut client, "SELECT string_agg(user_id || layer, ' ' ORDER BY user_id) FROM m_members");
    assert_eq!(
        value::<i64>(
            &mut client,
            "SELECT count(*) FROM m_members WHERE user_id NOT IN (3, 4) AND layer <> 'x' AND user_id < 9"
        ),
        0,
        "{first}"
    );
    let problem: Option<String> = value(&mut client, "SELECT problem FROM strata.model_status() WHERE model = 'm'");
    assert!(
        problem.as_ref().is_some_and(|problem| problem.contains("2 users have several rows")),
        "doubled attributes are not told: {problem:?}"
    );
    // the same rule in a full refresh, in members of a day, in explain, in replay
    run(&mut client, "SELECT strata.refresh('m', '2024-03-03', true)");
    assert_eq!(
        value::<String>(&mut client, "SELECT string_agg(user_id || layer, ' ' ORDER BY user_id) FROM m_members"),
        first
    );
    run(
        &mut client,
        "SELECT * FROM strata.members('m'); SELECT strata.explain('m', '3'); SELECT * FROM strata.replay('m', '2024-03-01', '2024-03-03'); SELECT strata.calibrate('m')",
    );
    assert_eq!(
        value::<i64>(&mut client, "SELECT count(*) - count(DISTINCT user_id) FROM strata.members('m')"),
        0,
        "a user twice"
    );
    run(
        &mut client,
        "DELETE FROM people WHERE user_id = 3 AND city = 'y' OR user_id IS NULL; DELETE FROM people WHERE ctid = (SELECT min(ctid) FROM people WHERE user_id = 4); SELECT strata.refresh('m', '2024-03-04')",
    );
    assert_eq!(
        value::<Option<String>>(&mut client, "SELECT problem FROM strata.model_status() WHERE model = 'm'"),
        None
    );
}

/// Law: a sync costs what changed, not what there is: the same hundred changes beside 1,000, 10,000 and 100,000 users, on a ledger
/// that nobody has ever analysed; and twice the changes about twice the time.
#[test]
fn syncs_are_linear() {
    let mut client = fresh_database("trials_linear");
    run(&mut client, "SET client_min_messages = error");
    let mut by_users = Vec::new();
    for users in [1_000, 10_000, 100_000] {
        run(
            &mut client,
            &format!(
                "CREATE TABLE e (u bigint, at date, n integer) WITH (autovacuum_enabled = off); SELECT strata.add_source('e', 'e', 'u', 'at', 'n');
                 ALTER TABLE e_ledger SET (autovacuum_enabled = off); ALTER TABLE e_queue SET (autovacuum_enabled = off);
                 INSERT INTO e SELECT n, DATE '2024-01-01' + n % 50, 1 FROM generate_series(1, {users}) AS n; SELECT strata.sync('e')"
            ),
        );
        let never: bool = value(&mut client, "SELECT reltuples <= 0 FROM pg_class WHERE relname = 'e_ledger'");
        assert!(never, "the ledger was analysed");
        // plain VACUUM, so that what the first rows left in the queue is not what is measured
        run(&mut client, "VACUUM e_queue");
        let best = (0..7)
            .map(|round| {
                run(&mut client, &format!("INSERT INTO e SELECT 1 + n * 7 % {users}, '2024-03-01', {round} FROM generate_series(1, 100) AS n"));
                seconds(|| run(&mut client, "SELECT strata.sync('e')"))
            })
            .fold(f64::INFINITY, f64::min);
        by_users.push(best);
        if users == 100_000 {
            let mut by_changes = Vec::new();
            for changes in [5_000, 10_000, 20_000] {
                let best = (0..3)
                    .map(|round| {
                        run(&mut client, &format!("INSERT INTO e SELECT 1 + n * 7 % {users}, '2024-03-01', {round} FROM generate_series(1, {changes}) AS n"));
                        seconds(|| run(&mut client, "SELECT strata.sync('e')"))
                    })
                    .fold(f64::INFINITY, f64::min);
                by_changes.push(best);
            }
            visible(&format!("sync of 5k, 10k, 20k changes of 100k users: {by_changes:.4?} s"));
            assert!(by_changes[2] < 7.0 * by_changes[0], "{by_changes:?}");
        }
        assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.verify('e')"), 0);
        run(&mut client, "SELECT strata.drop_source('e'); DROP TABLE e");
    }
    visible(&format!("sync of 100 changes beside 1k, 10k, 100k users: {by_users:.4?} s"));
    assert!(by_users[2] < 4.0 * by_users[0].max(0.005), "{by_users:?}");
}

/// Law: a long queue is folded in bounded memory, however long it is, and the ledgers are those of the rows.
#[test]
fn long_queues_in_bounded_memory() {
    let mut client = fresh_database("trials_long_queue");
    run(&mut client, "SET client_min_messages = error");
    run(
        &mut client,
        "CREATE TABLE e (u bigint, at date, n integer); SELECT strata.add_source('e', 'e', 'u', 'at', 'n'); SELECT strata.sync('e');
         -- never analysed: nobody takes the whole table for the shorter way
         ALTER TABLE e SET (autovacuum_enabled = off); ALTER TABLE e_queue SET (autovacuum_enabled = off)",
    );
    let mut peaks = Vec::new();
    for rows in [200_000, 1_200_000] {
        run(
            &mut client,
            &format!(
                "INSERT INTO e SELECT n % 5000, DATE '2024-01-01' + n % 97, 1 FROM generate_series(1, {rows}) AS n"
            ),
        );
        let mut fresh = strata_tests::analyst("trials_long_queue");
        run(&mut fresh, "SET client_min_messages = error");
        let pid: i32 = value(&mut fresh, "SELECT pg_backend_pid()");
        let peak = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            // memory of its own: shared buffers are counted elsewhere
            let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
            line.split_whitespace().nth(1)?.parse::<i64>().ok()
        };
        let syncing = std::thread::spawn(move || run(&mut fresh, "SELECT strata.sync('e')"));
        let mut most = 0;
        while !syncing.is_finished() {
            most = most.max(peak().unwrap_or(0));
            std::thread::sleep(Duration::from_millis(5));
        }
        syncing.join().expect("synced");
        peaks.push(most);
        assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM e_queue"), 0);
    }
    assert_same_rows(
        &mut client,
        "folded in parts",
        "TABLE e_ledger",
        "SELECT u, strata.ledger_agg(at, n) FROM e GROUP BY 1",
    );
    visible(&format!("peaks of 200k and 1.2 M queued rows: {peaks:?} kB"));
    if peaks[0] > 0 {
        assert!(peaks[1] < 2 * peaks[0] + 40_000, "{peaks:?} kB");
    }
}

/// Law: what waits is counted once, whatever happens between the parts: a part of the queue that cannot be folded is counted anew,
/// and the rest with it.
#[test]
fn long_queues_with_bad_rows() {
    let stage = Stage::new("trials_long_bad", &["owner"]);
    let mut client = superuser(stage.database);
    run(&mut client, "SET client_min_messages = error; CREATE TABLE e (u bigint, at date, n numeric); SELECT strata.add_source('e', 'e', 'u', 'at', 'n');
        ALTER TABLE e SET (autovacuum_enabled = off); INSERT INTO e SELECT n % 500, DATE '2024-01-01' + n % 97, 1 FROM generate_series(1, 400000) AS n;
        INSERT INTO e VALUES (3, '2024-01-01', 'NaN'), (4, '2024-01-01', 1e15); INSERT INTO e SELECT 5, '2024-01-01', 999999999999.999999 FROM generate_series(1, 20);
        INSERT INTO e SELECT n % 500, DATE '2024-01-01' + n % 97, 1 FROM generate_series(1, 400000) AS n; SELECT strata.sync('e')");
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM e_queue"), 0);
    assert_same_rows(
        &mut client,
        "with bad rows",
        "TABLE e_ledger",
        "SELECT u, strata.ledger_agg(at, n) FROM e WHERE u <> 5 AND n < 1e12 GROUP BY 1",
    );
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.verify('e')"), 0);
    let told = told(&mut client, "SELECT strata.sync('nothing')");
    assert_eq!(told.0, "42704");
}
