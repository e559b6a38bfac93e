//! The laws of rights over living layers: a stranger reads nothing, changes nothing and learns no name; a reader reads
//! and changes nothing; those who write to the shop's table need no right on what follows it; expressions cannot
//! smuggle anything in. And nothing is left behind: dump and restore bring everything back, dropping takes everything away.

use std::fs;
use std::process::Command;

use postgres::Client;
use strata_tests::{
    analyst, assert_same_rows, empty_database, explained, fresh_database, program, refusal, run, server, superuser,
    value,
};

/// A role that can log in, beside the analyst. Roles belong to the whole cluster: names of their own for every test.
fn role(database: &str, name: &str) -> String {
    let role = format!("{database}_{name}");
    let exists = format!("SELECT count(*) > 0 FROM pg_roles WHERE rolname = '{role}'");
    let mut client = superuser("postgres");
    if !value::<bool>(&mut client, &exists) {
        run(&mut client, &format!("CREATE ROLE {role} LOGIN"));
    }
    run(&mut client, &format!("GRANT {role} TO {}", server().analyst));
    role
}

const MODEL: &str = r#"{"name": "care", "sources": ["orders"], "attributes": {"city": "text"}, "metrics": {"n": "frequency(orders, 30)"},
    "layers": [{"name": "hot", "when": "n >= 3"}, {"name": "far", "when": "n < 3 and city = 'Chengdu'"}], "default": {"name": "rest"}}"#;

const SHOP: &str = "
    CREATE TABLE shop.orders (order_id bigserial PRIMARY KEY, customer_id bigint, ordered_at date, amount integer);
    CREATE TABLE shop.customers (user_id bigint PRIMARY KEY, city text);
    INSERT INTO shop.customers SELECT n, (ARRAY['Shanghai', 'Chengdu'])[1 + n % 2] FROM generate_series(1, 50) AS n;
    INSERT INTO shop.orders (customer_id, ordered_at, amount) SELECT n % 60, DATE '2024-01-01' + n % 60, n FROM generate_series(1, 400) AS n";

fn living(client: &mut Client) {
    run(client, SHOP);
    run(
        client,
        &format!(
            "SET search_path = analytics;
             SELECT strata.add_source('orders', 'shop.orders', 'customer_id', 'ordered_at', 'amount');
             SELECT strata.create_model('care', $m${MODEL}$m$, attributes => 'shop.customers');
             SELECT strata.refresh('care', '2024-03-01')"
        ),
    );
}

/// A database in which a role of its own has a shop and follows it.
fn owned(database: &str) -> (Client, String) {
    let mut client = fresh_database(database);
    let owner = role(database, "owner");
    run(
        &mut client,
        &format!(
            "CREATE SCHEMA shop AUTHORIZATION {owner}; CREATE SCHEMA analytics AUTHORIZATION {owner}; SET ROLE {owner}"
        ),
    );
    living(&mut client);
    (client, owner)
}

const TABLES: [&str; 9] = [
    "care_members",
    "care_history",
    "care_periods",
    "orders_ledger",
    "orders_queue",
    "orders_changes",
    "orders_rejects",
    "care_attributes_queue",
    "care_attributes_changes",
];

/// What stands beside them for all sources and models of a schema: the registry, and the views of readers.
const REGISTRY: [&str; 7] = [
    "strata_registry",
    "strata_sources",
    "strata_models",
    "strata_versions",
    "strata_model_sources",
    "strata_refreshes",
    "strata_layers",
];
const VIEWS: [&str; 4] = ["strata_members", "strata_periods", "strata_moves", "strata_sizes"];

/// What a caller is told, with `…` for the name that he asked for.
fn told(client: &mut Client, statement: &str, name: &str) -> (String, String, Option<String>) {
    let error = client.batch_execute(statement).expect_err(statement);
    let error = error.as_db_error().expect("the server refuses");
    (error.code().code().to_owned(), error.message().replace(name, "…"), error.hint().map(str::to_owned))
}

/// Law: a stranger reads nothing, learns no name, changes nothing, and may use every name himself.
#[test]
fn a_stranger_learns_nothing() {
    let (mut client, owner) = owned("living_stranger");
    let stranger = role("living_stranger", "stranger");
    run(&mut client, &format!("RESET ROLE; CREATE SCHEMA elsewhere AUTHORIZATION {stranger}; SET ROLE {stranger}"));
    // neither where the schema is closed nor where it is open to all
    for opening in ["REVOKE USAGE ON SCHEMA analytics FROM PUBLIC", "GRANT USAGE ON SCHEMA analytics TO PUBLIC"] {
        run(&mut client, &format!("RESET ROLE; SET ROLE {owner}; {opening}; RESET ROLE; SET ROLE {stranger}"));
        for path in ["elsewhere", "elsewhere, analytics"] {
            run(&mut client, &format!("SET search_path = {path}"));
            for function in ["source_status()", "model_status()"] {
                let seen: i64 = value(&mut client, &format!("SELECT count(*) FROM strata.{function}"));
                assert_eq!(seen, 0, "{function}");
            }
        }
        for table in TABLES.into_iter().chain(REGISTRY).chain(VIEWS) {
            assert_eq!(refusal(&mut client, &format!("SELECT FROM analytics.{table}")), "42501", "{table}");
        }
    }
    // the same words for what he may not see as for what there is not
    for (call, hidden, missing) in [
        ("sync('…')", "orders", "nought"),
        ("rebuild('…')", "orders", "nought"),
        ("verify('…')", "orders", "nought"),
        ("drop_source('…')", "orders", "nought"),
        (
            "create_model('mine', '{\"name\": \"n\", \"sources\": [\"s\"], \"default\": {\"name\": \"rest\"}, \"layers\": [{\"name\": \"a\", \"when\": \"frequency(s) > 1\"}]}', sources => '{\"s\": \"…\"}')",
            "orders",
            "nought",
        ),
        ("refresh('…')", "care", "cold"),
        ("alter_model('…', strata.preset('rfm_eight'))", "care", "cold"),
        ("calibrate('…')", "care", "cold"),
        ("activate('…', 1)", "care", "cold"),
        ("drop_model('…')", "care", "cold"),
        ("members('…')", "care", "cold"),
        ("transitions('…', '2024-01-01', '2024-03-01')", "care", "cold"),
        ("layer_at('…', '1'::text, '2024-03-01')", "care", "cold"),
        ("entered('…', 'hot')", "care", "cold"),
        ("\"left\"('…', 'hot')", "care", "cold"),
        ("explain('…', '1'::text)", "care", "cold"),
        ("explain_text('…', '1'::text)", "care", "cold"),
        ("replay('…', '2024-01-01', '2024-03-01')", "care", "cold"),
        ("backtest('…', '2024-01-01', 30)", "care", "cold"),
        ("compare_models('…', '…@1')", "care", "cold"),
        ("schedule('…', '5 0 * * *')", "care", "cold"),
        ("unschedule('…')", "care", "cold"),
        ("grant_read('…', 'public')", "care", "cold"),
        ("revoke_read('…', 'public')", "care", "cold"),
    ] {
        // by the bare name, from either schema, and by the name with its schema
        for (path, schema) in [("elsewhere", ""), ("elsewhere, analytics", ""), ("elsewhere", "analytics.")] {
            let ask = |name: &str| {
                format!("SET search_path = {path}; SELECT strata.{}", call.replace('…', &format!("{schema}{name}")))
            };
            let answer = told(&mut client, &ask(hidden), hidden);
            assert_eq!(answer, told(&mut client, &ask(missing), missing), "{call}");
            assert_eq!(answer.0, "42704", "{call}: {answer:?}");
        }
    }
    // the registry is the owner's: nothing in it can be written, read, locked
    for table in REGISTRY {
        for statement in [
            format!("INSERT INTO analytics.{table} DEFAULT VALUES"),
            format!("DELETE FROM analytics.{table}"),
            format!("TRUNCATE analytics.{table}"),
            format!("BEGIN; LOCK TABLE analytics.{table} IN ACCESS SHARE MODE"),
            format!("ALTER TABLE analytics.{table} DISABLE TRIGGER ALL"),
        ] {
            assert_eq!(refusal(&mut client, &statement), "42501", "{statement}");
            run(&mut client, "ROLLBACK");
        }
    }
    for statement in [
        "UPDATE analytics.strata_sources SET name = 'x'",
        "UPDATE analytics.strata_models SET as_of = NULL",
        "SELECT strata.add_source('o', 'shop.orders', 'customer_id', 'ordered_at', schema => 'elsewhere')",
        "SELECT strata.add_source('o', 'elsewhere.bait', 'customer_id', 'ordered_at', schema => 'analytics')",
    ] {
        run(
            &mut client,
            "CREATE TABLE IF NOT EXISTS elsewhere.bait (customer_id bigint, ordered_at date, amount integer)",
        );
        assert_eq!(refusal(&mut client, statement), "42501", "{statement}");
    }

    // every name is free for him
    run(&mut client, "RESET ROLE");
    run(&mut client, &format!("CREATE SCHEMA other_shop AUTHORIZATION {stranger}; SET ROLE {stranger}"));
    run(&mut client, &SHOP.replace("shop.", "other_shop."));
    run(
        &mut client,
        &format!(
            "SET search_path = elsewhere; SELECT strata.add_source('orders', 'other_shop.orders', 'customer_id', 'ordered_at');
             SELECT strata.create_model('care', $m${MODEL}$m$, attributes => 'other_shop.customers'); SELECT strata.refresh('care', '2024-03-05')"
        ),
    );
    // what he writes into his own registry opens nothing of the owner's
    for (forged, call) in [
        (
            "strata_sources SET relation_schema = 'shop', relation_name = 'orders', relation = OF('shop.orders')",
            "sync('orders')",
        ),
        (
            "strata_sources SET relation_schema = 'shop', relation_name = 'orders', relation = OF('shop.orders')",
            "rebuild('orders')",
        ),
        ("strata_sources SET ledger = OF('analytics.orders_ledger')", "verify('orders')"),
        ("strata_sources SET ledger = OF('analytics.orders_ledger')", "sync('orders')"),
        ("strata_models SET members = OF('analytics.care_members')", "members('care')"),
        ("strata_models SET history = OF('analytics.care_history')", "entered('care', 'hot')"),
        ("strata_models SET history = OF('analytics.care_history')", "transitions('care', '2024-01-01', '2024-03-01')"),
        ("strata_models SET members = OF('analytics.care_members')", "refresh('care', '2024-03-06')"),
    ] {
        // the number is no secret: superusers, logs and locks tell it
        let mut numbers = superuser("living_stranger");
        let mut statement = format!("UPDATE {forged}");
        for name in ["shop.orders", "analytics.orders_ledger", "analytics.care_members", "analytics.care_history"] {
            let number: u32 = value(&mut numbers, &format!("SELECT '{name}'::regclass::oid"));
            statement = statement.replace(&format!("OF('{name}')"), &format!("{number}::regclass"));
        }
        run(&mut client, &format!("BEGIN; {statement}"));
        let code = refusal(&mut client, &format!("SELECT strata.{call}"));
        assert!(["42501", "55000", "42P01"].contains(&code.as_str()), "{forged}, {call}: {code}");
        run(&mut client, "ROLLBACK");
    }
    run(&mut client, "SELECT strata.drop_model('care'); SELECT strata.drop_source('orders')");
    // nor can he write to the owner's queue by a trigger that says what the owner's says
    let like: String = value(
        &mut superuser("living_stranger"),
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'shop.orders'::regclass AND tgname ~ '^strata_insert_'",
    );
    let queued = "SELECT count(*) FROM analytics.orders_queue";
    let before: i64 = value(&mut superuser("living_stranger"), queued);
    run(&mut client, &like.replace("ON shop.orders", "ON elsewhere.bait"));
    // it writes, or it is told why not; the owner's queue has nothing of it
    let _ = client.batch_execute("INSERT INTO elsewhere.bait VALUES (1, '2024-02-28', 7)");
    assert_eq!(value::<i64>(&mut superuser("living_stranger"), queued), before);
    assert_eq!(refusal(&mut client, &like.replace("strata_insert_", "another_")), "42501");
    assert_eq!(refusal(&mut client, "SELECT strata_internal.capture()"), "39P01");
    run(
        &mut client,
        &format!(
            "RESET ROLE; SET ROLE {owner}; SET search_path = analytics; SELECT strata.refresh('care', '2024-03-01'); SELECT strata.drop_model('care'); SELECT strata.drop_source('orders')"
        ),
    );
}

/// Law: who may read members reads them through everything, and changes nothing.
#[test]
fn a_reader_reads() {
    let (mut client, owner) = owned("living_reader");
    let reader = role("living_reader", "reader");
    run(&mut client, &format!("SELECT strata.grant_read('care', '{reader}'); RESET ROLE; SET ROLE {reader}"));
    for query in [
        "SELECT count(*) FROM analytics.care_members",
        "SELECT count(*) FROM analytics.care_history",
        "SELECT count(*) FROM analytics.care_periods",
        "SELECT count(*) FROM analytics.strata_members",
        "SELECT count(*) FROM analytics.strata_periods",
        "SELECT count(*) FROM analytics.strata_sizes WHERE model = 'care'",
        // who entered a layer, and where a user was on a day
        "SELECT count(*) FROM analytics.strata_moves WHERE model = 'care' AND layer = 'hot'",
        "SELECT count(layer) FROM analytics.strata_periods WHERE user_id = 1 AND valid_from <= '2024-03-01' AND (valid_to > '2024-03-01') IS NOT FALSE",
        "SELECT count(*) FROM analytics.strata_layers",
    ] {
        assert!(value::<i64>(&mut client, query) > 0, "{query}");
    }
    // functions are the owner's; who reads is told whose
    run(&mut client, "SET search_path = analytics");
    for call in [
        "sync('orders')",
        "rebuild('orders')",
        "verify('orders')",
        "drop_source('orders')",
        "refresh('care')",
        "calibrate('care')",
        "activate('care', 1)",
        "drop_model('care')",
        "alter_model('care', strata.preset('rfm_eight'))",
        "members('care')",
        "entered('care', 'hot')",
        "explain('care', '1'::text)",
        "schedule('care', '5 0 * * *')",
        "grant_read('care', 'public')",
    ] {
        let (code, message, hint) = told(&mut client, &format!("SELECT strata.{call}"), "…");
        assert_eq!(code, "42704", "{call}: {message}");
        assert!(hint.is_some_and(|hint| hint.contains(&format!("SET ROLE {owner};"))), "{call}");
    }
    for table in TABLES.into_iter().chain(REGISTRY).chain(VIEWS) {
        for statement in [format!("DELETE FROM {table}"), format!("UPDATE {table} SET user_id = 1")] {
            let code = refusal(&mut client, &statement);
            // a view that nobody can write to, and a column that is not there, are seen before the rights are
            let is_view = table == "care_periods" || VIEWS.contains(&table);
            let expected = if is_view { "55000" } else { "42501" };
            assert!(code == expected || code == "42703" && statement.starts_with("UPDATE"), "{statement}: {code}");
        }
    }
    for table in
        ["orders_queue", "orders_ledger", "orders_changes", "strata_sources", "strata_models", "strata_versions"]
    {
        assert_eq!(refusal(&mut client, &format!("SELECT FROM {table}")), "42501", "{table}");
    }
    // the superuser is told whose it is
    let mut superuser = superuser("living_reader");
    let (code, _, hint) = told(&mut superuser, "SET search_path = analytics; SELECT strata.refresh('care')", "…");
    assert_eq!(code, "42704");
    assert!(hint.as_ref().is_some_and(|hint| hint.contains(&format!("SET ROLE {owner};"))), "{hint:?}");
    // what was granted can be taken back
    run(
        &mut client,
        &format!(
            "RESET ROLE; SET ROLE {owner}; SELECT strata.revoke_read('care', '{reader}'); RESET ROLE; SET ROLE {reader}"
        ),
    );
    assert_eq!(refusal(&mut client, "SELECT FROM analytics.care_members"), "42501");
    assert_eq!(refusal(&mut client, "SELECT FROM analytics.strata_members"), "42501");
}

/// Law: who may write to the shop's table needs no other right, and what he writes is counted.
#[test]
fn a_writer_needs_no_right_on_the_queue() {
    let (mut client, owner) = owned("living_writer");
    let writer = role("living_writer", "writer");
    run(
        &mut superuser("living_writer"),
        &format!(
            "REVOKE USAGE ON SCHEMA strata, strata_internal FROM PUBLIC; GRANT USAGE ON SCHEMA strata, strata_internal TO {owner}"
        ),
    );
    run(
        &mut client,
        &format!(
            "GRANT USAGE ON SCHEMA shop TO {writer}; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON shop.orders TO {writer};
             GRANT USAGE ON SEQUENCE shop.orders_order_id_seq TO {writer};
             RESET ROLE; SET ROLE {writer};
             -- objects of his own are not what the trigger finds
             CREATE TEMPORARY TABLE orders_queue (strata_change smallint, customer_id bigint, ordered_at date, amount integer);
             INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (1000, '2024-02-28', 5);
             UPDATE shop.orders SET amount = 7 WHERE customer_id < 9; DELETE FROM shop.orders WHERE customer_id = 11;
             RESET ROLE; SET ROLE {owner}; SET search_path = analytics; SELECT strata.sync('orders')"
        ),
    );
    let counted = "SELECT customer_id, strata.ledger_agg(ordered_at, amount) FROM shop.orders GROUP BY 1";
    assert_same_rows(&mut client, "after the writer", "TABLE analytics.orders_ledger", counted);
    run(
        &mut client,
        &format!(
            "RESET ROLE; SET ROLE {writer}; TRUNCATE shop.orders; INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (3, '2024-02-28', 5)"
        ),
    );
    run(
        &mut client,
        &format!("RESET ROLE; SET ROLE {owner}; SET search_path = analytics; SELECT strata.sync('orders')"),
    );
    assert_same_rows(&mut client, "after the truncation", "TABLE analytics.orders_ledger", counted);
}

/// Law: an expression is one value of one row. Anything else is refused, and nothing of it has happened.
#[test]
fn expressions_smuggle_nothing_in() {
    let mut client = fresh_database("living_expressions");
    run(
        &mut client,
        "CREATE TABLE orders (customer_id bigint, ordered_at date, amount integer); CREATE TABLE victim (n int); INSERT INTO victim VALUES (1);
         CREATE FUNCTION shouted(n integer) RETURNS integer VOLATILE LANGUAGE plpgsql AS $$ BEGIN DELETE FROM victim; RETURN n; END $$;
         CREATE FUNCTION looked_up(n integer) RETURNS integer STABLE LANGUAGE sql AS 'SELECT count(*)::integer + $1 FROM victim'",
    );
    for expression in [
        "amount); DROP TABLE victim; --",
        "amount) FROM orders; DROP TABLE victim; SELECT (1",
        "amount FROM victim --",
        "amount /* ",
        "amount, customer_id",
        "amount AS a",
        "(SELECT count(*) FROM victim)",
        "amount + (SELECT 1)",
        "EXISTS (SELECT FROM victim)::int",
        "shouted(amount)",
        "looked_up(amount)",
        "random()::int",
        "count(*)",
        "sum(amount) OVER ()",
        "generate_series(1, amount)",
        "$1",
        "victim.n",
        "orders.tableoid::bigint + nothing",
        "",
        "nothing",
        ";",
    ] {
        let quoted = expression.replace('\'', "''");
        for arguments in [
            format!("'customer_id', 'ordered_at', '{quoted}'"),
            format!("'{quoted}', 'ordered_at', 'amount'"),
            format!("'customer_id', '{quoted}', 'amount'"),
            format!("'customer_id', 'ordered_at', 'amount', where_clause => '{quoted}'"),
        ] {
            let code = refusal(&mut client, &format!("SELECT strata.add_source('orders', 'orders', {arguments})"));
            assert!(!code.starts_with("XX"), "{arguments}: {code}");
        }
    }
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM victim"), 1);
    // what is allowed is read as the caller reads it, and stays what it was
    run(
        &mut client,
        "CREATE SCHEMA mine; SET search_path = mine, public;
         CREATE FUNCTION mine.doubled(n integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 2 * n';
         CREATE FUNCTION public.doubled(n integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 100 * n';
         SELECT strata.add_source('orders', 'orders', 'customer_id', 'ordered_at', 'doubled(amount) % 1000', where_clause => 'customer_id % 7 < 3');
         SET search_path = public; INSERT INTO orders VALUES (1, '2024-01-01', 5), (6, '2024-01-01', 5); SELECT strata.sync('mine.orders')",
    );
    assert_eq!(
        value::<String>(&mut client, "SELECT ledger::text FROM mine.orders_ledger"),
        r#"{"2024-01-01": [1, 10]}"#
    );
}

/// Law: names are taken as they are, or refused with what is wrong about them; none of them does anything.
#[test]
fn hostile_names() {
    let mut client = fresh_database("living_names");
    run(
        &mut client,
        "CREATE TABLE orders (customer_id bigint, ordered_at date); INSERT INTO orders VALUES (1, '2024-01-01'); CREATE TABLE victim ();
         CREATE SCHEMA \"Schöne \"\"Daten\"\".x\"; SET search_path = \"Schöne \"\"Daten\"\".x\", public",
    );
    let too_long = ["x".repeat(49), "用".repeat(17), "x".repeat(63), String::new()];
    for name in too_long {
        let code =
            refusal(&mut client, &format!("SELECT strata.add_source('{name}', 'orders', 'customer_id', 'ordered_at')"));
        assert!(["42622", "22023"].contains(&code.as_str()), "{name}: {code}");
        let code = refusal(&mut client, &format!("SELECT strata.create_model('{name}', strata.preset('rfm_eight'))"));
        assert!(["42622", "22023"].contains(&code.as_str()), "{name}: {code}");
    }
    for name in [
        "x".repeat(44),
        "用".repeat(14),
        "a\"b".to_owned(),
        "a.b".to_owned(),
        "it's".to_owned(),
        "\"; DROP TABLE victim; --".to_owned(),
        "$q$; DROP TABLE victim; $q$".to_owned(),
        "$body$".to_owned(),
        "%I %s %1$s".to_owned(),
        "back\\slash".to_owned(),
        "Select".to_owned(),
        " ".to_owned(),
        "😀".to_owned(),
        "new\nline".to_owned(),
    ] {
        let quoted = format!("'{}'", name.replace('\'', "''"));
        let ours = format!(
            "SELECT strata.add_source({quoted}, 'orders', 'customer_id', 'ordered_at', schema => 'Schöne \"Daten\".x');
             SELECT strata.create_model({quoted}, '{{\"name\": \"n\", \"sources\": [\"s\"], \"layers\": [{{\"name\": \"some\", \"when\": \"frequency(s) > 0\"}}], \"default\": {{\"name\": \"rest\"}}}}',
                                        sources => jsonb_build_object('s', {quoted}), schema => 'Schöne \"Daten\".x');
             SELECT strata.refresh({quoted}, '2024-01-02'); INSERT INTO orders VALUES (2, '2024-01-02'); SELECT strata.refresh({quoted}, '2024-01-02');
             SELECT strata.calibrate({quoted}, '2024-01-02'); SELECT strata.refresh({quoted}, '2024-01-04'); SELECT strata.rebuild({quoted});
             SELECT strata.verify({quoted}), strata.source_status()"
        );
        run(&mut client, &ours);
        let seen: String = value(&mut client, "SELECT string_agg(DISTINCT model, ' ') FROM strata_members");
        assert_eq!(seen, name);
        run(
            &mut client,
            &format!(
                "SELECT strata.drop_model({quoted}); SELECT strata.drop_source({quoted}); INSERT INTO orders VALUES (3, '2024-01-02')"
            ),
        );
        let left: i64 = value(
            &mut client,
            "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = '\"Schöne \"\"Daten\"\".x\"'::regnamespace AND NOT starts_with(relname, 'strata_'))
                  + (SELECT count(*) FROM strata_sources) + (SELECT count(*) FROM strata_models) + (SELECT count(*) FROM strata_layers)
                  + (SELECT count(*) FROM strata_members)",
        );
        assert_eq!(left, 0, "{name} leaves relations behind");
    }
    // columns, too: of somebody else's table
    run(
        &mut client,
        r#"SET search_path = public;
           CREATE TABLE traps ("$body$; DROP TABLE victim; SELECT $body$" bigint, "at; %s %L" date, "a$q$" numeric, "$f$" text);
           INSERT INTO traps VALUES (1, '2024-01-01', 'NaN', 'x'), (2, '2024-01-01', 3, 'x');
           SELECT strata.add_source(capture, 'traps', '"$body$; DROP TABLE victim; SELECT $body$"', '"at; %s %L"', '"a$q$"', where_clause => '"$f$" = ''x''',
                                    capture => capture) FROM unnest(ARRAY['trigger', 'none']) AS capture;
           INSERT INTO traps VALUES (1, '2024-01-01', 'NaN', 'x'), (2, '2024-01-01', 4, 'x'); SELECT strata.sync('trigger'); SELECT strata.rebuild('none')"#,
    );
    for source in ["trigger", "none"] {
        let ledgers: String =
            value(&mut client, &format!("SELECT string_agg(user_id || ledger::text, ' ') FROM {source}_ledger"));
        assert_eq!(ledgers, r#"2{"2024-01-01": [2, 7]}"#, "{source}");
    }
    run(&mut client, "TABLE victim");
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("the server's program runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

const SEEN: &str = "SELECT 'm' AS of, to_jsonb(m) AS seen FROM analytics.care_members AS m UNION ALL SELECT 'h', to_jsonb(h) FROM analytics.care_history AS h
    UNION ALL SELECT 'l', to_jsonb(l) FROM (SELECT user_id, ledger::text FROM analytics.orders_ledger) AS l
    UNION ALL SELECT 'q', to_jsonb(q) FROM analytics.orders_queue AS q
    UNION ALL SELECT 's', to_jsonb(s) FROM analytics.strata_sources AS s UNION ALL SELECT 'v', to_jsonb(v) FROM (SELECT model, version, definition::text FROM analytics.strata_versions) AS v
    UNION ALL SELECT 'x', to_jsonb(x) FROM analytics.strata_model_sources AS x UNION ALL SELECT 'o', to_jsonb(o) FROM analytics.strata_models AS o
    UNION ALL SELECT 'r', to_jsonb(r) FROM analytics.strata_refreshes AS r UNION ALL SELECT 'y', to_jsonb(y) FROM analytics.strata_layers AS y
    UNION ALL SELECT 'w', to_jsonb(w) FROM analytics.strata_members AS w UNION ALL SELECT 'p', to_jsonb(p) FROM analytics.strata_sizes AS p";

/// Law: a restored database goes on where the dumped one was: the same rows, working triggers, numbers that go on, and a
/// refresh that is incremental and right, also of what waited in the queue.
#[test]
fn dump_and_restore() {
    let (mut client, owner) = owned("living_dump");
    run(&mut client, "SET search_path = analytics; SELECT strata.calibrate('care', '2024-03-01'); SELECT strata.refresh('care', '2024-03-02');
        INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (5, '2024-03-02', 9), (777, '2024-03-03', 8)");
    // a map and its source, whose rows have moved since they were added
    run(
        &mut client,
        "CREATE TABLE shop.likes (alias text, at date); CREATE TABLE shop.aliases (alias text, user_id bigint);
         INSERT INTO shop.likes VALUES ('a', '2024-02-01'), ('b', '2024-02-02'); INSERT INTO shop.aliases VALUES ('a', 1);
         SELECT strata.add_source('likes', 'shop.likes', 'alias', 'at', user_map => 'shop.aliases');
         SELECT strata.sync('likes'); SELECT strata.sync('likes')",
    );
    run(
        &mut client,
        "UPDATE strata_sources SET margin = NULL WHERE name = 'likes_map'; INSERT INTO shop.aliases VALUES ('b', 1)",
    );
    let expected: Vec<String> = seen(&mut superuser("living_dump"));
    let file = std::env::temp_dir().join(format!("living_dump_{}", std::process::id()));
    let file = file.to_str().expect("UTF-8");
    for (number, (user, format)) in [("", "plain"), ("", "custom"), (owner.as_str(), "plain")].into_iter().enumerate() {
        let restored = format!("living_dump_{number}");
        let law = format!("{format} by {}", if user.is_empty() { "the superuser" } else { user });
        let mut dump = program("pg_dump");
        dump.env("PGUSER", if user.is_empty() { &server().superuser } else { user });
        dump.args(["--format", format, "--file", file]);
        succeed(dump.arg("living_dump"));
        empty_database(&restored);
        let mut restore = program(if format == "plain" { "psql" } else { "pg_restore" });
        restore.env("PGUSER", &server().superuser);
        if format == "plain" {
            restore.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-f", file]);
        } else {
            restore.args(["--exit-on-error", file]);
        }
        succeed(restore.args(["-d", &restored]));
        let _ = fs::remove_file(file);
        assert_eq!(seen(&mut superuser(&restored)), expected, "{law}");

        let mut client = analyst(&restored);
        run(&mut client, &format!("SET ROLE {owner}; SET search_path = analytics"));
        run(
            &mut client,
            "INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (6, '2024-03-03', 1); UPDATE shop.customers SET city = 'Chengdu' WHERE user_id = 8",
        );
        let answer = client.query_one(
            "SELECT kind, examined, day::text, previous_day::text FROM strata.refresh('care', '2024-03-03')",
            &[],
        );
        let answer = answer.unwrap_or_else(|error| panic!("{law}: {}", explained(&error)));
        assert_eq!(answer.get::<_, &str>(0), "incremental", "{law}");
        // of attributes nothing is kept that they could be compared with: everyone is looked at, once
        assert!(answer.get::<_, i64>(1) < 70, "{law}: {} users examined", answer.get::<_, i64>(1));
        run(
            &mut client,
            "INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (9, '2024-03-03', 1); UPDATE shop.customers SET city = 'Chengdu' WHERE user_id = 10",
        );
        let examined: i64 = value(&mut client, "SELECT examined FROM strata.refresh('care', '2024-03-03')");
        assert_eq!(examined, 2, "{law}");
        assert_same_rows(
            &mut client,
            &law,
            "SELECT user_id, layer FROM care_members WHERE layer IS NOT NULL",
            &format!(
                "SELECT user_id, strata.layer_assign(f, $m${MODEL}$m$, '2024-03-03')
                 FROM (SELECT customer_id AS user_id, strata.ledger_agg(ordered_at, amount) AS ledger FROM shop.orders WHERE ordered_at <= '2024-03-03' GROUP BY 1) AS o
                      LEFT JOIN shop.customers USING (user_id) CROSS JOIN LATERAL (SELECT ledger AS orders, city) AS f"
            ),
        );
        run(&mut client, "SELECT strata.sync('likes')");
        let liked: i64 =
            value(&mut client, "SELECT strata.frequency(ledger, '2024-03-03') FROM likes_ledger WHERE user_id = 1");
        assert_eq!(liked, 2, "{law}: the map");
        // numbers go on
        run(
            &mut client,
            "SELECT strata.add_source('again', 'shop.orders', 'customer_id', 'ordered_at'); SELECT strata.create_model('again', strata.preset('rfm_eleven'), sources => '{\"orders\": \"again\"}'); SELECT strata.refresh('again', '2024-03-03')",
        );
        let grown: bool = value(
            &mut client,
            "SELECT count(*) FILTER (WHERE change_id <= last AND recorded_at = latest) = 0 FROM (SELECT *, max(recorded_at) OVER () AS latest, max(change_id) FILTER (WHERE valid_from < '2024-03-03') OVER () AS last FROM care_history) AS h",
        );
        assert!(grown, "{law}: change_id does not go on");
        run(
            &mut client,
            "SELECT strata.drop_model('again'); SELECT strata.drop_source('again'); SELECT strata.drop_model('care'); SELECT strata.drop_source('orders')",
        );
    }
}

fn seen(client: &mut Client) -> Vec<String> {
    let rows = client.query(&format!("SELECT of || ' ' || seen FROM ({SEEN}) AS s ORDER BY 1"), &[]);
    rows.unwrap_or_else(|error| panic!("{}", explained(&error))).iter().map(|row| row.get(0)).collect()
}

/// Law: what is dropped leaves nothing behind that the shop would stumble over.
#[test]
fn dropping_leaves_nothing_behind() {
    let (mut client, owner) = owned("living_drop");
    run(&mut client, &format!("SET search_path = analytics; RESET ROLE; SET ROLE {owner}"));
    let write = "INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (5, '2024-03-02', 9); UPDATE shop.orders SET amount = 3 WHERE customer_id = 4;
                 DELETE FROM shop.orders WHERE customer_id = 4; UPDATE shop.customers SET city = NULL; TRUNCATE shop.orders";
    // a source that a model reads stays
    let (code, message, _) = told(&mut client, "SELECT strata.drop_source('orders')", "…");
    assert_eq!(code, "2BP01");
    assert!(message.contains("care"), "{message}");
    let dropped: String = value(&mut client, "SELECT strata.drop_model('care')");
    assert!(dropped.contains("care_members") && dropped.contains("care_history"), "{dropped}");
    let dropped: String = value(&mut client, "SELECT strata.drop_source('orders')");
    assert!(dropped.contains("orders_ledger") && dropped.contains("triggers"), "{dropped}");
    let left = "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND NOT starts_with(relname, 'strata_')) +
                (SELECT count(*) FROM strata_sources) + (SELECT count(*) FROM strata_models) + (SELECT count(*) FROM strata_versions) +
                (SELECT count(*) FROM strata_refreshes) + (SELECT count(*) FROM strata_layers) + (SELECT count(*) FROM strata_members) + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'analytics'::regnamespace)
                + (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)";
    assert_eq!(value::<i64>(&mut client, left), 0);
    run(&mut client, write);
    run(&mut client, "DROP TABLE shop.orders, shop.customers");

    // the extension does not go while ledgers are of its type
    living(&mut client);
    run(&mut client, "RESET ROLE");
    assert_eq!(refusal(&mut client, "DROP EXTENSION pg_strata"), "2BP01");
    run(&mut client, "DROP EXTENSION pg_strata CASCADE");
    run(&mut client, write);
    let triggers: i64 = value(&mut client, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal");
    assert_eq!(triggers, 0, "triggers fill a queue that nobody empties");
    // and it can come back
    run(
        &mut client,
        &format!(
            "CREATE EXTENSION pg_strata; DROP SCHEMA analytics CASCADE; CREATE SCHEMA analytics AUTHORIZATION {owner}; DROP TABLE shop.orders, shop.customers; SET ROLE {owner}"
        ),
    );
    living(&mut client);
}

/// Law: a table that is dropped, or taken from the owner, is an error that says so; the source can still be dropped.
#[test]
fn a_relation_that_is_gone() {
    let (mut client, owner) = owned("living_gone");
    run(&mut client, &format!("SET ROLE {owner}; DROP TABLE shop.orders"));
    for call in ["sync('orders')", "verify('orders')", "rebuild('orders')", "refresh('care')"] {
        let (_, message, hint) = told(&mut client, &format!("SELECT strata.{call}"), "…");
        assert!(message.contains("shop.orders") && hint.is_some(), "{call}: {message}");
    }
    run(
        &mut client,
        "SELECT strata.source_status(), strata.model_status(); SELECT strata.drop_model('care'); SELECT strata.drop_source('orders')",
    );
}
