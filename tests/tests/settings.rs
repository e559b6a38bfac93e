//! Answers do not depend on the settings of a session, nor on what another role has planted along its search path; only the
//! text of a caller's own query is read as the session reads it.

use postgres::Client;
use rand::prelude::*;
use strata_tests::{analyst, fresh_database, refusal, run, superuser, value};

/// Settings that could change how values and names are read, printed, planned or compared.
const SETTINGS: [(&str, &[&str]); 22] = [
    ("standard_conforming_strings", &["on", "off"]),
    ("quote_all_identifiers", &["off", "on"]),
    ("datestyle", &["'ISO, YMD'", "'SQL, DMY'", "'German'", "'Postgres, MDY'"]),
    ("intervalstyle", &["postgres", "sql_standard", "iso_8601"]),
    ("timezone", &["'UTC'", "'Asia/Shanghai'", "'America/Los_Angeles'"]),
    ("extra_float_digits", &["1", "-10", "3"]),
    ("transform_null_equals", &["off", "on"]),
    ("backslash_quote", &["safe_encoding", "off", "on"]),
    ("bytea_output", &["hex", "escape"]),
    ("xmloption", &["content", "document"]),
    ("enable_hashagg", &["on", "off"]),
    ("enable_sort", &["on", "off"]),
    ("enable_seqscan", &["on", "off"]),
    ("enable_nestloop", &["on", "off"]),
    ("jit", &["off", "on"]),
    ("jit_above_cost", &["100000", "0"]),
    ("max_parallel_workers_per_gather", &["0", "2"]),
    ("parallel_setup_cost", &["1000", "0"]),
    ("min_parallel_table_scan_size", &["'8MB'", "0"]),
    ("row_security", &["on", "off"]),
    ("default_transaction_isolation", &["'read committed'", "'repeatable read'", "serializable"]),
    ("search_path", &["public, strata", "''", "planted, pg_catalog, strata, public", "planted, public"]),
];

/// What is asked under all of them. All names are qualified: what the caller writes is read as the caller's session does.
const QUESTIONS: [&str; 27] = [
    "SELECT * FROM strata.ledgers('SELECT user_id, at, amount FROM public.events')",
    "SELECT * FROM strata.ledgers('SELECT user_id, at, amount FROM public.events', NULL::bigint)",
    "SELECT * FROM strata.ledgers('SELECT note, moment, ratio FROM public.events', 'America/New_York')",
    "SELECT * FROM strata.ledgers('SELECT name, orders FROM public.users')",
    "SELECT * FROM strata.ledgers('SELECT key, at FROM public.events', NULL::pg_catalog.uuid)",
    "SELECT * FROM strata.rfm('SELECT user_id, at, amount FROM public.events', '2024-06-30')",
    "SELECT * FROM strata.rfm('SELECT user_id, at, amount FROM public.events', '2024-06-30', NULL::integer, window_days => 90)",
    "SELECT * FROM strata.rfm('SELECT name, orders FROM public.users', '2024-06-30', lang => 'zh')",
    "SELECT * FROM strata.rfm_summary('SELECT user_id, moment, ratio FROM public.events', '2024-06-30', 'Asia/Shanghai', scheme => 'eight')",
    "SELECT strata.explain(u, m.model, '2024-03-31') FROM public.users AS u, public.models AS m",
    "SELECT strata.explain_text(u, m.model, '2024-03-31', 'zh') FROM public.users AS u, public.models AS m",
    "SELECT strata.distance(u, m.model, 'silver', '2024-03-31') FROM public.users AS u, public.models AS m",
    "SELECT strata.evaluate(u, m.model, '2024-03-31') FROM public.users AS u, public.models AS m",
    "SELECT strata.metrics(u, m.model, '2024-03-31') FROM public.users AS u, public.models AS m",
    "SELECT u.name, strata.layer_assign(u, m.model, '2024-03-31') FROM public.users AS u, public.models AS m",
    "SELECT strata.model_check(m.model), strata.describe(m.model) FROM public.models AS m",
    "SELECT m.model::pg_catalog.text, m.model::pg_catalog.jsonb FROM public.models AS m",
    "SELECT strata.calibrate_agg(u, m.model, '2024-03-31') FROM public.users AS u, public.models AS m",
    "SELECT u.orders::pg_catalog.text, strata.clip(u.orders, '2024-01-06', NULL), strata.recency(u.orders, '2024-04-01'),
            strata.monetary(u.orders, '2024-04-01'), strata.average_amount(u.orders, '2024-04-01') FROM public.users AS u",
    "SELECT u.name, e.* FROM public.users AS u, LATERAL strata.entries(u.orders) AS e",
    "SELECT e.user_id, strata.ledger_agg(e.moment, e.amount, 'Asia/Shanghai') FROM public.events AS e GROUP BY e.user_id",
    "SELECT strata.cuts_agg(e.amount), strata.cuts_agg(e.amount, 4, 'mid', 'low') FROM public.events AS e",
    "SELECT e.number, strata.quantile_score(e.ratio, 5) OVER (ORDER BY e.ratio) FROM public.events AS e",
    "SELECT s.* FROM public.users AS u, LATERAL strata.purchase_summary(u.orders, '2024-04-01') AS s",
    "SELECT strata.p_alive('{\"r\": 0.243, \"alpha\": 4.414, \"a\": 0.793, \"b\": 2.426, \"unit\": \"week\"}'::strata.bgnbd, u.orders, '2024-06-01')
     FROM public.users AS u",
    "SELECT strata.last_events_agg(pg_catalog.timezone('UTC', e.moment), e.note, 5) FROM public.events AS e",
    "SELECT p.* FROM strata.presets() AS p",
];

/// Tables to ask about.
fn fill(client: &mut Client) {
    run(
        client,
        "CREATE TABLE public.events AS
         SELECT n AS number, n % 40 AS user_id, DATE '2024-01-01' + n * 37 % 170 AS at,
                TIMESTAMPTZ '2024-01-01 03:04:05 UTC' + n * interval '1 hour 7 minutes' AS moment,
                (n % 90 - 10) * 0.25 AS amount, (n % 90 * 1.1)::double precision AS ratio,
                'it''s \"' || n % 7 || '\\' AS note, md5((n % 11)::text)::uuid AS key
         FROM generate_series(1, 3000) AS n;
         CREATE TABLE public.users (name text, is_test boolean, since date, orders strata.ledger);
         INSERT INTO public.users VALUES
             ('ann', false, '2024-01-02', '{\"2024-01-05\": [1, 120], \"2024-03-28\": [2, 280]}'),
             ('bob', false, '2024-03-04', '{\"2024-03-01\": [2, 418.25]}'), ('cem', false, NULL, NULL),
             ('dee', true, '2024-03-04', '{\"2024-03-31\": [9, 900]}');
         CREATE TABLE public.models (model strata.model);
         INSERT INTO public.models VALUES ('{
             \"name\": \"loyalty\", \"sources\": [\"orders\"], \"attributes\": {\"is_test\": \"boolean\", \"since\": \"date\"}, \"population\": \"not is_test\",
             \"metrics\": {\"idle\": \"recency(orders)\", \"spent\": \"monetary(orders, 365)\", \"known\": \"as_of - since\"},
             \"scores\": {\"spending\": {\"of\": \"spent\", \"cuts\": [1, 100, 300]}},
             \"layers\": [{\"name\": \"gold\", \"label\": {\"en\": \"Gold\", \"zh\": \"金卡\"}, \"when\": \"spending = 4 and idle < 30\"},
                          {\"name\": \"silver\", \"when\": \"spending >= 3\"}],
             \"default\": {\"name\": \"silent\"}}');
         ANALYZE public.events",
    );
}

/// Another role's functions, operators and types with the names that one would use, and better matches for what we call.
/// Whatever runs one of them fails.
fn plant(database: &str, schema: &str) {
    let mut administrator = superuser(database);
    run(
        &mut administrator,
        &format!(
            "DO $$ BEGIN
                 IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'planter') THEN CREATE ROLE planter LOGIN; END IF;
             EXCEPTION WHEN unique_violation OR duplicate_object THEN NULL; END $$;
             CREATE SCHEMA IF NOT EXISTS {schema}; GRANT ALL ON SCHEMA {schema} TO planter; GRANT USAGE ON SCHEMA {schema} TO PUBLIC;
             SET ROLE planter; SET search_path = pg_catalog;
             CREATE FUNCTION {schema}.planted() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;
             CREATE FUNCTION {schema}.added(date, integer) RETURNS date LANGUAGE sql AS 'SELECT CASE WHEN {schema}.planted() THEN $1 END';
             CREATE FUNCTION {schema}.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT {schema}.planted()';
             CREATE FUNCTION {schema}.same(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT {schema}.planted()';
             CREATE FUNCTION {schema}.same(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT {schema}.planted()';
             CREATE OPERATOR {schema}.+ (LEFTARG = date, RIGHTARG = integer, FUNCTION = {schema}.added);
             CREATE OPERATOR {schema}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = {schema}.same);
             CREATE OPERATOR {schema}.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = {schema}.same);
             CREATE OPERATOR {schema}.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = {schema}.same);
             CREATE FUNCTION {schema}.bulk_agg(bigint, date, numeric, text, date, integer) RETURNS boolean LANGUAGE sql AS 'SELECT {schema}.planted()';
             CREATE FUNCTION {schema}.bulk_agg(text, date, numeric, text, date, integer) RETURNS boolean LANGUAGE sql AS 'SELECT {schema}.planted()';
             CREATE FUNCTION {schema}.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT CASE WHEN {schema}.planted() THEN 1 END';
             CREATE FUNCTION {schema}.lower(text) RETURNS text LANGUAGE sql AS 'SELECT CASE WHEN {schema}.planted() THEN $1 END';
             CREATE FUNCTION {schema}.text(bigint) RETURNS text LANGUAGE sql AS 'SELECT CASE WHEN {schema}.planted() THEN $1::text END';
             CREATE DOMAIN {schema}.date AS text CHECK ({schema}.planted());
             CREATE DOMAIN {schema}.text AS integer CHECK ({schema}.planted());
             CREATE DOMAIN {schema}.int4 AS text CHECK ({schema}.planted());
             CREATE DOMAIN {schema}.int8 AS text CHECK ({schema}.planted());
             CREATE DOMAIN {schema}.numeric AS text CHECK ({schema}.planted());
             CREATE DOMAIN {schema}.ledger AS integer CHECK ({schema}.planted())"
        ),
    );
}

/// The rows of an answer, sorted; in the form that values are sent in, which knows no settings.
fn answer(client: &mut Client, question: &str) -> Vec<Vec<u8>> {
    let sent = format!("SELECT pg_catalog.record_send(answer) FROM ({question}) AS answer");
    let rows =
        client.query(&sent, &[]).unwrap_or_else(|error| panic!("{question}: {}", strata_tests::explained(&error)));
    let mut rows: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
    rows.sort();
    rows
}

/// The first combination is each setting's other value, the rest are drawn.
fn combinations() -> Vec<String> {
    let mut random = StdRng::seed_from_u64(11);
    (0..6)
        .map(|number| {
            let chosen = SETTINGS.iter().map(|(name, values)| {
                let value = if number == 0 { values.last() } else { values.choose(&mut random) };
                format!("SET {name} = {};", value.expect("a value"))
            });
            chosen.collect()
        })
        .collect()
}

#[test]
fn answers_do_not_depend_on_settings() {
    let mut client = fresh_database("settings_answers");
    fill(&mut client);
    plant("settings_answers", "planted");
    let expected: Vec<_> = QUESTIONS.iter().map(|question| answer(&mut client, question)).collect();
    for settings in combinations() {
        let mut client = analyst("settings_answers");
        run(&mut client, &settings);
        for (question, expected) in QUESTIONS.iter().zip(&expected) {
            assert!(!expected.is_empty(), "{question} has no rows");
            assert_eq!(&answer(&mut client, question), expected, "{question} under {settings}");
        }
    }
}

#[test]
fn what_others_plant_in_public_is_not_run() {
    let mut client = fresh_database("settings_planted");
    fill(&mut client);
    let expected: Vec<_> = QUESTIONS.iter().map(|question| answer(&mut client, question)).collect();
    plant("settings_planted", "public");
    for path in ["public, pg_catalog, strata", "public, strata"] {
        run(&mut client, &format!("SET search_path = {path}"));
        if path.starts_with("public, pg_catalog") {
            assert_eq!(refusal(&mut client, "SELECT 1 = 1"), "P0001", "what is planted is on the path");
        }
        for (question, expected) in QUESTIONS.iter().zip(&expected) {
            assert_eq!(&answer(&mut client, question), expected, "{question} along {path}");
        }
    }
}

#[test]
fn a_cast_by_another_role_is_not_run() {
    let mut client = fresh_database("settings_cast");
    plant("settings_cast", "planted");
    let mut administrator = superuser("settings_cast");
    run(
        &mut administrator,
        "SET ROLE planter; CREATE TYPE planted.plan AS ENUM ('free', 'paid'); CREATE TYPE planted.tier AS ENUM ('free', 'paid');
         CREATE FUNCTION planted.shown(planted.plan) RETURNS text LANGUAGE sql AS $$ SELECT CASE WHEN planted.planted() THEN 'x' END $$;
         CREATE FUNCTION planted.counted(planted.plan) RETURNS bigint LANGUAGE sql AS $$ SELECT CASE WHEN planted.planted() THEN 1 END $$;
         CREATE CAST (planted.plan AS text) WITH FUNCTION planted.shown(planted.plan);
         CREATE CAST (planted.plan AS bigint) WITH FUNCTION planted.counted(planted.plan);
         CREATE TABLE planted.events (u planted.plan, t planted.tier, at date);
         INSERT INTO planted.events VALUES ('free', 'free', '2024-01-01'), ('paid', 'paid', '2024-01-01');
         GRANT SELECT ON planted.events TO PUBLIC",
    );
    for call in [
        "SELECT * FROM strata.ledgers('SELECT u, at FROM planted.events')",
        "SELECT * FROM strata.ledgers('SELECT u, at FROM planted.events', NULL::bigint)",
        "SELECT * FROM strata.rfm('SELECT u, at FROM planted.events', '2024-02-01')",
        "SELECT * FROM strata.rfm_summary('SELECT u, at FROM planted.events', '2024-02-01')",
    ] {
        assert_eq!(refusal(&mut client, call), "42501", "{call}");
    }
    // the text that PostgreSQL itself makes of a value is no function of theirs
    let plain = "SELECT count(*) FROM strata.ledgers('SELECT t, at FROM planted.events')";
    assert_eq!(value::<i64>(&mut client, plain), 2);
    // and what the caller writes is the caller's affair
    assert_eq!(refusal(&mut client, "SELECT * FROM strata.ledgers('SELECT u::text, at FROM planted.events')"), "P0001");
}

#[test]
fn the_text_of_a_query_is_read_as_the_session_reads_it() {
    let mut client = fresh_database("settings_text");
    run(
        &mut client,
        "CREATE TABLE events (user_id text, at date);
         INSERT INTO events VALUES ('7', '2024-01-02'), ('d', '2024-01-02'), ('\\', '2024-01-02'), ('late', '2024-02-01')",
    );
    for settings in [
        "SET standard_conforming_strings = on; SET datestyle = 'ISO, YMD'; SET transform_null_equals = off",
        "SET standard_conforming_strings = off; SET datestyle = 'SQL, DMY'; SET transform_null_equals = off",
        "SET standard_conforming_strings = off; SET datestyle = 'SQL, MDY'; SET transform_null_equals = on",
    ] {
        run(&mut client, settings);
        for query in [
            r"SELECT user_id, at FROM events WHERE user_id ~ '^\d'",
            r"SELECT user_id, at FROM events WHERE user_id = E'\\'",
            r"SELECT user_id || '\\' AS user_id, at FROM events -- the end",
            r"SELECT user_id, at FROM events WHERE NOT (user_id = NULL)",
            r"SELECT user_id, at FROM events WHERE at = '01/02/2024' /* the end */;",
        ] {
            if settings.contains("YMD") && query.contains("01/02") {
                continue;
            }
            let plain =
                format!("SELECT array_agg(user_id ORDER BY user_id) FROM ({}\n) AS rows", query.trim_end_matches(';'));
            let plain: Option<Vec<String>> = value(&mut client, &plain);
            let ours = "SELECT array_agg(user_id ORDER BY user_id) FROM strata.ledgers($1)";
            let ours: Option<Vec<String>> = client.query_one(ours, &[&query]).expect("an answer").get(0);
            assert_eq!(ours, plain, "{query} under {settings}");
        }
    }
}

#[test]
fn an_expression_has_one_text() {
    let mut client = fresh_database("settings_expression");
    run(&mut client, "CREATE TABLE events (user_id text, at date, moment timestamp, amount numeric)");
    let schema: String = value(
        &mut client,
        "SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname = 'row_expression' ORDER BY 1 LIMIT 1",
    );
    let question = format!("SELECT found.canonical FROM {schema}.row_expression('public.events', $1) AS found");
    let expressions = [
        r"user_id ~ E'^\\d\\'",
        "moment + interval '-1 day' + interval '-2 hours'",
        "(moment + interval '1 year 3 days 04:05:06')::date",
        "at > DATE '2024-02-01'",
        "moment AT TIME ZONE 'Asia/Shanghai' > TIMESTAMPTZ '2024-02-01 03:04:05+00'",
        "amount::double precision * (1::double precision / 3)",
        r"decode(user_id, 'hex') > BYTEA E'a\\134b' || decode('ff00', 'hex')",
        "amount IS NOT DISTINCT FROM NULL",
    ];
    let mut canonical = |settings: &str| {
        run(&mut client, settings);
        expressions.map(|expression| {
            let row = client.query_one(&question, &[&expression]);
            row.unwrap_or_else(|error| panic!("{expression}: {}", strata_tests::explained(&error))).get::<_, String>(0)
        })
    };
    let expected = canonical("SELECT 1");
    for settings in combinations() {
        let settings: String = settings.split_inclusive(';').filter(|set| !set.contains("search_path")).collect();
        // how the text that is given is read stays as it is
        assert_eq!(canonical(&(settings.clone() + "SET standard_conforming_strings = on")), expected, "{settings}");
        let (printed_off, printed) =
            (canonical(&(settings.clone() + "SET standard_conforming_strings = off")), &expected);
        assert_eq!(printed_off[0], printed[0], "{settings}");
    }
}

#[test]
fn a_session_outlives_the_extension() {
    let mut client = fresh_database("settings_anew");
    for _ in 0..2 {
        let ledgers = "SELECT count(*) FROM strata.ledgers('SELECT 1, strata.ledger ''{\"2024-01-01\": [1, 2]}''')";
        assert_eq!(value::<i64>(&mut client, ledgers), 1);
        run(&mut client, "DROP EXTENSION pg_strata CASCADE; CREATE EXTENSION pg_strata");
        run(&mut client, "SET quote_all_identifiers = on");
    }
}
