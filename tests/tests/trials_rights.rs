//! The laws of rights: no call, view, trigger or plan of ours runs code that one role chose with the rights of another, whatever
//! stands in a table's place, whichever setting, lock, type or overload; and a stranger can neither learn, block, forge, squat
//! nor break anything of another's.

use std::thread;
use std::time::Duration;

use postgres::Client;
use strata_tests::roles::{Stage, attempt, told};
use strata_tests::{assert_same_rows, explained, run, superuser, value};

const LURE: &str = r#"{"name": "m", "sources": ["ev"], "attributes": {"city": "text"}, "metrics": {"n": "frequency(ev, 30)"},
    "layers": [{"name": "a", "when": "n > 0"}], "default": {"name": "b"}}"#;

/// Functions of the hostile role, to be put wherever somebody else could run them. Who does is caught: the sequence has moved,
/// also where everything else is undone.
const EVIL: &str = "
    CREATE SEQUENCE h.caught; GRANT USAGE ON SEQUENCE h.caught TO PUBLIC;
    CREATE FUNCTION h.evil(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN IF current_user <> '{hostile}' THEN PERFORM nextval('h.caught'); END IF; RETURN true; END $$;
    CREATE FUNCTION h.evil_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM h.evil('trigger'); RETURN coalesce(NEW, OLD); END $$;
    CREATE FUNCTION h.evil_text(bigint) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM h.evil('text'); RETURN $1::pg_catalog.text; END $$;
    CREATE FUNCTION h.evil_key(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM h.evil('key'); RETURN $1; END $$;
    CREATE DOMAIN h.evil_type AS bigint CHECK (h.evil(VALUE::text))";

/// A hostile role with a source and a model of his own, which everybody may look at; and an owner with the same names.
fn stage(database: &'static str) -> Stage {
    let mut stage = Stage::new(database, &["owner", "reader", "stranger", "hostile", "writer"]);
    stage.root("CREATE SCHEMA h AUTHORIZATION {hostile}; GRANT USAGE ON SCHEMA h TO PUBLIC; CREATE SCHEMA mine AUTHORIZATION {owner}; GRANT USAGE ON SCHEMA mine TO PUBLIC");
    for (role, schema) in [("hostile", "h"), ("owner", "mine")] {
        stage.by(
            role,
            &format!(
                "SET search_path = {schema}; SET client_min_messages = warning;
                 CREATE TABLE ev (u bigint, at date); INSERT INTO ev SELECT n, '2024-01-01' FROM generate_series(1, 5) AS n;
                 CREATE TABLE people (user_id bigint, city text); INSERT INTO people SELECT n, 'x' FROM generate_series(1, 5) AS n;
                 SELECT strata.add_source('ev', 'ev', 'u', 'at');
                 SELECT strata.create_model('lure', $m${LURE}$m$, attributes => 'people');
                 SELECT strata.refresh('lure', '2024-01-05'); SELECT strata.refresh('lure', '2024-01-06')"
            ),
        );
    }
    stage.by("hostile", EVIL);
    stage.by("hostile", "GRANT ALL ON ALL TABLES IN SCHEMA h TO PUBLIC");
    stage
}

fn is_caught(stage: &mut Stage) -> bool {
    let caught: bool = value(&mut stage.root, "SELECT is_called FROM h.caught");
    run(&mut stage.root, "SELECT setval('h.caught', 1, false)");
    caught
}

/// Every way to ask for something of a registered model or source; `…` stands for the schema that qualifies a name.
const CALLS: [&str; 29] = [
    "sync('…ev')",
    "verify('…ev')",
    "rebuild('…ev')",
    "drop_source('…ev')",
    "source_status()",
    "model_status()",
    "refresh('…lure', '2024-01-07')",
    "refresh('…lure', '2024-01-07', true)",
    "members('…lure')",
    "members('…lure', '2024-01-02')",
    "entered('…lure', 'a')",
    "\"left\"('…lure', 'a')",
    "transitions('…lure', '2024-01-01', '2024-01-05')",
    "layer_at('…lure', '1', '2024-01-05')",
    "explain('…lure', '1')",
    "explain_text('…lure', '1')",
    "replay('…lure', '2024-01-01', '2024-01-05')",
    "backtest('…lure', '2024-01-01', 3)",
    "compare_models('…lure', '…lure@1')",
    "calibrate('…lure')",
    "activate('…lure', 1)",
    "alter_model('…lure', strata.preset('rfm_eight'))",
    "grant_read('…lure', 'public')",
    "revoke_read('…lure', 'public')",
    "schedule('…lure', '5 3 * * *')",
    "unschedule('…lure')",
    "upgrade('h')",
    "create_model('second', $m${\"name\": \"m\", \"sources\": [\"ev\"], \"metrics\": {\"n\": \"frequency(ev, 30)\"}, \"layers\": [{\"name\": \"a\", \"when\": \"n > 0\"}], \"default\": {\"name\": \"b\"}}$m$, schema => 'h')",
    "drop_model('…lure')",
];

/// Runs all calls as somebody: by bare names with the hostile schema first on his path, and by qualified ones.
fn call_everything(client: &mut Client, law: &str) {
    for (path, schema) in [("h, pg_catalog", ""), ("pg_catalog", "h."), ("h", "h."), ("mine, h", "h.")] {
        run(
            client,
            &format!("SET search_path = {path}; SET statement_timeout = '20s'; SET client_min_messages = warning"),
        );
        for call in CALLS {
            let call = format!("SELECT * FROM strata.{}", call.replace('…', schema));
            if let Some((code, message, _)) = attempt(client, &format!("BEGIN; {call}; ROLLBACK")) {
                run(client, "ROLLBACK");
                assert!(
                    !["42883", "42601", "42P18", "42725", "57014", "55P03"].contains(&code.as_str())
                        && !code.starts_with("XX"),
                    "{law}: {call}: {code} {message}"
                );
            }
        }
    }
}

/// What the hostile role puts in the way, and how he takes it back.
const TRAPS: [(&str, &str, &str); 12] = [
    (
        "predicates of indexes",
        "CREATE INDEX evil_1 ON h.lure_members (since) WHERE h.evil('z'); CREATE INDEX evil_2 ON h.lure_history (valid_from) WHERE h.evil('z');
         CREATE INDEX evil_3 ON h.ev_ledger (user_id) WHERE h.evil('z'); CREATE INDEX evil_4 ON h.strata_models (name) WHERE h.evil('z');
         CREATE INDEX evil_5 ON h.strata_sources (name) WHERE h.evil('z'); CREATE INDEX evil_6 ON h.people (user_id) WHERE h.evil('z');
         CREATE INDEX evil_7 ON h.ev (h.evil_key(u))",
        "DROP INDEX h.evil_1, h.evil_2, h.evil_3, h.evil_4, h.evil_5, h.evil_6, h.evil_7",
    ),
    (
        "views in the place of a model's tables",
        "ALTER TABLE h.lure_history RENAME TO real; CREATE VIEW h.lure_history AS SELECT * FROM h.real WHERE h.evil('y');
         ALTER TABLE h.lure_members RENAME TO real_2; CREATE VIEW h.lure_members AS SELECT * FROM h.real_2 WHERE h.evil('y'); GRANT ALL ON h.lure_history, h.lure_members TO PUBLIC",
        "DROP VIEW h.lure_history, h.lure_members; ALTER TABLE h.real RENAME TO lure_history; ALTER TABLE h.real_2 RENAME TO lure_members",
    ),
    (
        "views in the place of a source's tables",
        "ALTER TABLE h.ev_ledger RENAME TO real; CREATE VIEW h.ev_ledger AS SELECT * FROM h.real WHERE h.evil('y');
         ALTER TABLE h.ev RENAME TO real_2; CREATE VIEW h.ev AS SELECT * FROM h.real_2 WHERE h.evil('y'); GRANT ALL ON h.ev_ledger, h.ev TO PUBLIC",
        "DROP VIEW h.ev_ledger, h.ev; ALTER TABLE h.real RENAME TO ev_ledger; ALTER TABLE h.real_2 RENAME TO ev",
    ),
    (
        "views in the place of the registry",
        "ALTER TABLE h.strata_models RENAME TO real; CREATE VIEW h.strata_models AS SELECT * FROM h.real WHERE h.evil('y');
         ALTER TABLE h.strata_sources RENAME TO real_2; CREATE VIEW h.strata_sources AS SELECT * FROM h.real_2 WHERE h.evil('y'); GRANT ALL ON h.strata_models, h.strata_sources TO PUBLIC",
        "DROP VIEW h.strata_models, h.strata_sources; ALTER TABLE h.real RENAME TO strata_models; ALTER TABLE h.real_2 RENAME TO strata_sources",
    ),
    (
        "a view in the place of the layout",
        "ALTER TABLE h.strata_registry RENAME TO real; CREATE VIEW h.strata_registry AS SELECT * FROM h.real WHERE h.evil('y'); GRANT ALL ON h.strata_registry TO PUBLIC",
        "DROP VIEW h.strata_registry; ALTER TABLE h.real RENAME TO strata_registry",
    ),
    (
        "a key of his own type",
        "UPDATE h.strata_models SET key_type = 'h.evil_type'; UPDATE h.strata_sources SET key_type = 'h.evil_type', alias_type = 'h.evil_type'",
        "UPDATE h.strata_models SET key_type = 'bigint'; UPDATE h.strata_sources SET key_type = 'bigint', alias_type = 'bigint'",
    ),
    (
        "expressions in the registry",
        "UPDATE h.strata_sources SET user_expression = 'h.evil_key(u)', where_clause = 'h.evil(''w'')' WHERE name = 'ev'",
        "UPDATE h.strata_sources SET user_expression = 'u', where_clause = NULL WHERE name = 'ev'",
    ),
    (
        "queries in the registry",
        "UPDATE h.strata_models SET attributes_query = 'SELECT user_id, city FROM h.people WHERE h.evil(city)', users_query = 'SELECT h.evil_key(1) AS user_id'",
        "UPDATE h.strata_models SET attributes_query = NULL, users_query = NULL",
    ),
    (
        "triggers on everything",
        "DO $$ DECLARE t text; BEGIN FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'h'::regnamespace AND relkind = 'r' LOOP
           EXECUTE format('CREATE TRIGGER evil BEFORE INSERT OR UPDATE OR DELETE ON h.%I FOR EACH ROW EXECUTE FUNCTION h.evil_trigger()', t);
           EXECUTE format('CREATE TRIGGER evil_2 BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON h.%I FOR EACH STATEMENT EXECUTE FUNCTION h.evil_trigger()', t);
         END LOOP; END $$",
        "DO $$ DECLARE t text; BEGIN FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'h'::regnamespace AND relkind = 'r' LOOP
           EXECUTE format('DROP TRIGGER evil ON h.%I', t); EXECUTE format('DROP TRIGGER evil_2 ON h.%I', t);
         END LOOP; END $$",
    ),
    (
        "rules",
        "CREATE RULE evil AS ON UPDATE TO h.strata_sources DO ALSO SELECT h.evil('rule'); CREATE RULE evil AS ON INSERT TO h.ev_ledger DO ALSO SELECT h.evil('rule');
         CREATE RULE evil AS ON DELETE TO h.ev_queue DO ALSO SELECT h.evil('rule'); CREATE RULE evil AS ON INSERT TO h.lure_history DO ALSO SELECT h.evil('rule')",
        "DROP RULE evil ON h.strata_sources; DROP RULE evil ON h.ev_ledger; DROP RULE evil ON h.ev_queue; DROP RULE evil ON h.lure_history",
    ),
    (
        "policies",
        "DO $$ DECLARE t text; BEGIN FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'h'::regnamespace AND relkind = 'r' LOOP
           EXECUTE format('CREATE POLICY evil ON h.%I USING (h.evil(''policy''))', t); EXECUTE format('ALTER TABLE h.%I ENABLE ROW LEVEL SECURITY', t);
         END LOOP; END $$",
        "DO $$ DECLARE t text; BEGIN FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'h'::regnamespace AND relkind = 'r' LOOP
           EXECUTE format('DROP POLICY evil ON h.%I', t); EXECUTE format('ALTER TABLE h.%I DISABLE ROW LEVEL SECURITY', t);
         END LOOP; END $$",
    ),
    (
        "functions, types and operators called as PostgreSQL's own",
        "CREATE FUNCTION h.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM h.evil('f'); RETURN pg_catalog.format($1, VARIADIC $2); END $$;
         CREATE FUNCTION h.max(smallint) RETURNS smallint LANGUAGE plpgsql AS $$ BEGIN PERFORM h.evil('f'); RETURN $1; END $$;
         CREATE FUNCTION h.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM h.evil('f'); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
         CREATE OPERATOR h.= (LEFTARG = text, RIGHTARG = text, FUNCTION = h.eq);
         CREATE FUNCTION h.first_difference(a text, b strata.ledger) RETURNS date LANGUAGE plpgsql AS $$ BEGIN PERFORM h.evil('f'); RETURN NULL; END $$;
         CREATE FUNCTION h.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM h.evil('f'); RETURN pg_catalog.lower($1); END $$",
        "DROP FUNCTION h.format(text, text[]), h.max(smallint), h.first_difference(text, strata.ledger), h.lower(text); DROP OPERATOR h.= (text, text); DROP FUNCTION h.eq(text, text)",
    ),
];

/// Law: whatever stands in the tables of a hostile role, nobody else runs it by a call of ours: no superuser, no reader, no owner
/// of models of the same names.
#[test]
fn nobody_runs_what_a_hostile_role_put_in_the_way() {
    let mut stage = stage("trials_traps");
    // the trap works on whoever looks at such a table by himself
    stage.by("hostile", "CREATE INDEX evil ON h.lure_members (since) WHERE h.evil('z')");
    stage.root("SELECT count(*) FROM h.lure_members WHERE since > '2000-01-01'");
    assert!(is_caught(&mut stage), "the trap is none");
    stage.by("hostile", "DROP INDEX h.evil");
    for (trap, set, take) in TRAPS {
        stage.by("hostile", set);
        let _ = is_caught(&mut stage);
        for role in ["postgres", "reader", "owner"] {
            let mut client = match role {
                "postgres" => superuser(stage.database),
                role => stage.client(role),
            };
            let law = format!("{trap}: {role}");
            call_everything(&mut client, &law);
            assert!(!is_caught(&mut stage), "{law}");
        }
        stage.by("hostile", take);
    }
    // with settings that make texts mean something else
    stage.by("hostile", TRAPS[0].1);
    let mut client = superuser(stage.database);
    run(
        &mut client,
        "SET standard_conforming_strings = off; SET quote_all_identifiers = on; SET row_security = off; SET transform_null_equals = on",
    );
    call_everything(&mut client, "settings");
    assert!(!is_caught(&mut stage), "settings");
    // and the owner's own calls, with the hostile schema first on his path
    stage.by("hostile", TRAPS[11].1);
    let _ = is_caught(&mut stage);
    stage.by(
        "owner",
        "SET search_path = h, mine, pg_catalog; SELECT strata.sync('mine.ev'); SELECT strata.refresh('mine.lure', '2024-01-08'); SELECT * FROM strata.source_status();
         SELECT * FROM strata.members('mine.lure'); SELECT strata.add_source('second', 'mine.ev', 'u', 'at', schema => 'mine'); SELECT strata.drop_source('mine.second')",
    );
    assert!(!is_caught(&mut stage), "overloads");
}

/// Law: a lock that a hostile role holds on his own tables makes nobody wait: what is his is not looked at. And what he changes
/// meanwhile is not run.
#[test]
fn locks_of_others_stop_nobody() {
    let mut stage = stage("trials_locks");
    let mut hostile = stage.client("hostile");
    run(
        &mut hostile,
        "BEGIN; LOCK TABLE h.lure_members, h.lure_history, h.ev_ledger, h.ev, h.strata_sources, h.strata_models, h.strata_registry, h.strata_versions IN ACCESS EXCLUSIVE MODE;
         CREATE INDEX ON h.lure_members (since) WHERE h.evil('z'); CREATE INDEX ON h.strata_models (name) WHERE h.evil('z'); CREATE INDEX ON h.strata_sources (name) WHERE h.evil('z')",
    );
    for role in ["postgres", "reader", "owner"] {
        let mut client = match role {
            "postgres" => superuser(stage.database),
            role => stage.client(role),
        };
        run(&mut client, "SET lock_timeout = '2s'");
        call_everything(&mut client, role);
    }
    stage.by("owner", "SET search_path = mine; SET lock_timeout = '2s'; SELECT strata.sync('ev'); SELECT strata.refresh('lure', '2024-01-08'); SELECT strata.add_source('new', 'ev', 'u', 'at');
                       SELECT strata.drop_source('new'); SELECT count(*) FROM strata_members; SELECT count(*) FROM strata_moves");
    run(&mut hostile, "COMMIT");
    assert!(!is_caught(&mut stage));
    // nor has a stranger any lock to take on what is not his
    let mut stranger = stage.client("stranger");
    let tables: Vec<String> = stage
        .root
        .query("SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace IN ('mine'::regnamespace, 'strata'::regnamespace, 'strata_internal'::regnamespace)", &[])
        .expect("tables")
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(tables.len() > 10);
    for table in tables {
        let (code, ..) = told(&mut stranger, &format!("BEGIN; LOCK TABLE {table} IN ACCESS SHARE MODE"));
        assert_eq!(code, "42501", "{table}");
        run(&mut stranger, "ROLLBACK");
    }
    // what anybody could lock, we do not wait for
    let mut owner = stage.client("owner");
    run(
        &mut owner,
        "SET search_path = mine; BEGIN; SELECT strata.sync('ev'); SELECT strata.refresh('lure', '2024-01-09')",
    );
    let advisory: i64 =
        value(&mut owner, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()");
    assert_eq!(advisory, 0);
    run(&mut owner, "COMMIT");
}

/// Runs a call in a session of its own, which has to wait, and something else before that session may go on.
fn while_it_waits(
    stage: &mut Stage,
    role: &str,
    call: &str,
    holder: &mut Client,
    meanwhile: &str,
) -> Option<(String, String, String)> {
    let mut client = match role {
        "postgres" => superuser(stage.database),
        role => stage.client(role),
    };
    let call = call.to_owned();
    let pid: i32 = value(&mut client, "SELECT pg_backend_pid()");
    let waiting = thread::spawn(move || attempt(&mut client, &call));
    for _ in 0..100 {
        let question = format!("SELECT count(*) > 0 FROM pg_locks WHERE pid = {pid} AND NOT granted");
        if value(&mut stage.root, &question) {
            break;
        }
        if waiting.is_finished() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    run(holder, meanwhile);
    waiting.join().expect("it answers")
}

/// Law: a schema that is exchanged for another while a call waits is noticed: nothing that stands in the other is run or read.
#[test]
fn a_schema_that_is_exchanged() {
    let mut stage = Stage::new("trials_schema_swap", &["owner", "hostile", "reader"]);
    stage.root("GRANT CREATE ON DATABASE trials_schema_swap TO {hostile}");
    for (role, call) in [
        ("postgres", "SELECT strata.sync('h.ev')"),
        ("postgres", "SELECT strata.rebuild('h.ev')"),
        ("postgres", "SELECT strata.refresh('h.lure', '2024-01-06')"),
        ("postgres", "SELECT count(*) FROM strata.verify('h.ev')"),
        ("owner", "SELECT strata.refresh('h.lure', '2024-01-06')"),
    ] {
        let by = if role == "owner" { stage.role("owner") } else { "postgres".to_owned() };
        stage.root(&format!(
            "DROP SCHEMA IF EXISTS h, h2 CASCADE; CREATE SCHEMA h AUTHORIZATION {{hostile}}; GRANT USAGE, CREATE ON SCHEMA h TO PUBLIC;
             DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop AUTHORIZATION {by}; GRANT USAGE ON SCHEMA shop TO PUBLIC"
        ));
        stage.by("hostile", EVIL);
        stage.root(&format!(
            "SET ROLE {by}; SET client_min_messages = warning;
             CREATE TABLE shop.ev (u bigint, at date); INSERT INTO shop.ev SELECT n, '2024-01-01' FROM generate_series(1, 5) AS n;
             CREATE TABLE shop.people (user_id bigint, city text); INSERT INTO shop.people SELECT n, 'x' FROM generate_series(1, 5) AS n;
             SELECT strata.add_source('ev', 'shop.ev', 'u', 'at', schema => 'h');
             SELECT strata.create_model('lure', $m${LURE}$m$, attributes => 'shop.people', schema => 'h'); SELECT strata.refresh('h.lure', '2024-01-05');
             INSERT INTO shop.ev VALUES (7, '2024-01-04'); GRANT ALL ON shop.ev TO PUBLIC;
             GRANT SELECT ON ALL TABLES IN SCHEMA h TO PUBLIC; RESET ROLE"
        ));
        let mut hostile = stage.client("hostile");
        run(&mut hostile, "BEGIN; LOCK TABLE shop.ev IN ACCESS EXCLUSIVE MODE");
        // the same tables with the same rows, and something on each
        let tables = [
            "strata_registry",
            "strata_sources",
            "strata_models",
            "strata_versions",
            "strata_model_sources",
            "strata_refreshes",
            "strata_layers",
            "ev_ledger",
            "ev_queue",
            "ev_changes",
            "ev_rejects",
            "lure_members",
            "lure_history",
        ];
        let copies: String = tables
            .iter()
            .map(|table| {
                format!(
                    "CREATE TABLE h.{table} AS TABLE h2.{table}; GRANT ALL ON h.{table} TO PUBLIC;
                     CREATE INDEX ON h.{table} ((1)) WHERE h2.evil('z');
                     CREATE TRIGGER evil BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON h.{table} FOR EACH STATEMENT EXECUTE FUNCTION h2.evil_trigger();"
                )
            })
            .collect();
        let exchange =
            format!("ALTER SCHEMA h RENAME TO h2; CREATE SCHEMA h; GRANT USAGE ON SCHEMA h TO PUBLIC; {copies} COMMIT");
        let told = while_it_waits(&mut stage, role, call, &mut hostile, &exchange);
        stage.root("DROP SCHEMA h CASCADE; ALTER SCHEMA h2 RENAME TO h");
        assert!(!is_caught(&mut stage), "{role}: {call}: {told:?}");
        let (code, message, _) = told.unwrap_or_else(|| panic!("{role}: {call}: went on in another schema"));
        assert_eq!(code, "55006", "{role}: {call}: {message}");
    }
}

/// Law: whose schema it is may drop what others have there, and put his own in its place; his own is never run as theirs, however
/// he times it with locks.
#[test]
fn a_hostile_owner_of_the_schema() {
    let mut stage = Stage::new("trials_schema_owner", &["owner", "hostile", "reader"]);
    stage.root("CREATE SCHEMA h AUTHORIZATION {hostile}; GRANT USAGE, CREATE ON SCHEMA h TO PUBLIC; CREATE SCHEMA shop AUTHORIZATION {owner}");
    stage.by("hostile", EVIL);
    let setup = format!(
        "SET client_min_messages = warning; CREATE TABLE shop.ev (u bigint, at date); INSERT INTO shop.ev SELECT n, '2024-01-01' FROM generate_series(1, 5) AS n;
         CREATE TABLE shop.people (user_id bigint, city text); INSERT INTO shop.people SELECT n, 'x' FROM generate_series(1, 5) AS n;
         SELECT strata.add_source('ev', 'shop.ev', 'u', 'at', schema => 'h');
         SELECT strata.create_model('lure', $m${LURE}$m$, attributes => 'shop.people', schema => 'h'); SELECT strata.refresh('h.lure', '2024-01-05')"
    );
    for role in ["owner", "postgres"] {
        for table in [
            "ev_ledger",
            "ev_queue",
            "ev_changes",
            "ev_rejects",
            "lure_members",
            "lure_history",
            "strata_sources",
            "strata_models",
            "strata_versions",
            "strata_model_sources",
            "strata_refreshes",
            "strata_layers",
            "strata_registry",
        ] {
            for call in [
                "INSERT INTO shop.ev VALUES (7, '2024-01-04'); SELECT strata.sync('h.ev')",
                "INSERT INTO shop.ev VALUES (7, '2024-01-04'); SELECT strata.refresh('h.lure', '2024-01-06')",
                "SELECT count(*) FROM strata.verify('h.ev')",
                "SELECT count(*) FROM strata.entered('h.lure', 'a')",
                "SELECT strata.rebuild('h.ev')",
                "SELECT count(*) FROM strata.members('h.lure')",
            ] {
                let by = if role == "owner" { stage.role("owner") } else { "postgres".to_owned() };
                stage.root(&format!("DROP SCHEMA h CASCADE; CREATE SCHEMA h AUTHORIZATION {{hostile}}; GRANT USAGE, CREATE ON SCHEMA h TO PUBLIC; DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop AUTHORIZATION {by}"));
                stage.by("hostile", EVIL);
                stage.root(&format!("SET ROLE {by}; {setup}; RESET ROLE"));
                let mut hostile = stage.client("hostile");
                // columns as they were, so that a statement for the one fits the other
                run(
                    &mut stage.root,
                    &format!("CREATE TABLE h.shape AS TABLE h.{table}; GRANT SELECT ON h.shape TO PUBLIC"),
                );
                let cascade = if table.starts_with("strata_") { "DROP SCHEMA IF EXISTS none CASCADE;" } else { "" };
                let taken = attempt(
                    &mut hostile,
                    &format!(
                        "BEGIN; {cascade} DROP TABLE h.{table} CASCADE; CREATE TABLE h.{table} AS TABLE h.shape; GRANT ALL ON h.{table} TO PUBLIC;
                         CREATE INDEX ON h.{table} ((1)) WHERE h.evil('z');
                         CREATE TRIGGER evil BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON h.{table} FOR EACH STATEMENT EXECUTE FUNCTION h.evil_trigger()"
                    ),
                );
                assert!(taken.is_none(), "{table}: {taken:?}");
                let told = while_it_waits(&mut stage, role, call, &mut hostile, "COMMIT");
                assert!(!is_caught(&mut stage), "{role}: {table}: {call}: {told:?}");
                if let Some((code, message, _)) = told {
                    assert!(!code.starts_with("XX"), "{role}: {table}: {call}: {code} {message}");
                }
                // and once it stands there
                let mut client = if role == "owner" { stage.client("owner") } else { superuser(stage.database) };
                let told = attempt(&mut client, call);
                assert!(!is_caught(&mut stage), "{role}: {table} in place: {call}: {told:?}");
            }
        }
    }
}

/// Law: a user is of a type that no other role has in his hand: its casts, its checks would run wherever users are counted.
#[test]
fn types_of_others_are_no_keys() {
    let mut stage = stage("trials_key_types");
    stage.by(
        "hostile",
        "CREATE TYPE h.e AS ENUM ('a', 'b');
         CREATE FUNCTION h.e_text(h.e) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM h.evil('cast'); RETURN 'a'; END $$;
         CREATE CAST (h.e AS text) WITH FUNCTION h.e_text(h.e) AS IMPLICIT;
         CREATE DOMAIN h.d AS bigint; CREATE DOMAIN h.day AS date; CREATE DOMAIN h.price AS numeric; GRANT USAGE ON TYPE h.e, h.d, h.day, h.price TO PUBLIC",
    );
    let mut owner = stage.client("owner");
    run(
        &mut owner,
        "SET search_path = mine; CREATE TABLE by_enum (u h.e, at date); INSERT INTO by_enum VALUES ('a', '2024-01-01')",
    );
    let _ = is_caught(&mut stage);
    let steps = |source: &str, more: &str| {
        format!(
            "SELECT strata.add_source('{source}', '{source}', 'u', 'at'{more}); INSERT INTO {source} SELECT * FROM {source}; SELECT strata.sync('{source}');
             SELECT strata.verify('{source}'); SELECT strata.rebuild('{source}'); SELECT * FROM strata.source_status(); DELETE FROM {source}; SELECT strata.sync('{source}')"
        )
    };
    let refused = attempt(&mut owner, &steps("by_enum", ""));
    assert!(!is_caught(&mut stage), "an enumeration: {refused:?}");
    if let Some((code, message, _)) = &refused {
        assert!(code == "42804" && message.contains("h.e"), "{code}: {message}");
    }
    // a domain that its owner makes narrower afterwards
    run(
        &mut owner,
        "CREATE TABLE by_domain (u h.d, at h.day, n h.price); INSERT INTO by_domain VALUES (1, '2024-01-01', 2)",
    );
    let first = attempt(&mut owner, "SELECT strata.add_source('by_domain', 'by_domain', 'u', 'at', 'n')");
    stage.by(
        "hostile",
        "ALTER DOMAIN h.d ADD CHECK (h.evil('d')) NOT VALID; ALTER DOMAIN h.day ADD CHECK (h.evil('d')) NOT VALID; ALTER DOMAIN h.price ADD CHECK (h.evil('d')) NOT VALID",
    );
    // who writes runs it by himself: that is PostgreSQL's own
    run(&mut owner, "INSERT INTO by_domain VALUES (2, '2024-01-01', 2)");
    let _ = is_caught(&mut stage);
    if first.is_none() {
        let told = attempt(
            &mut owner,
            "SELECT strata.sync('by_domain'); SELECT strata.verify('by_domain'); SELECT strata.rebuild('by_domain'); DELETE FROM by_domain; SELECT strata.sync('by_domain')",
        );
        assert!(!is_caught(&mut stage), "a domain: {told:?}");
    }
}

/// Law: a table that has come into another's hands, or whose name another has taken, is not read with the rights of who followed
/// it once: he is told.
#[test]
fn another_in_the_place_of_the_relation() {
    let mut stage = Stage::new("trials_place", &["owner", "hostile", "reader"]);
    stage.root("CREATE SCHEMA h AUTHORIZATION {hostile}; GRANT USAGE, CREATE ON SCHEMA h TO PUBLIC; CREATE SCHEMA mine AUTHORIZATION {owner}");
    stage.by("hostile", EVIL);
    for role in ["owner", "postgres"] {
        let mut client = if role == "owner" { stage.client("owner") } else { superuser(stage.database) };
        let schema = if role == "owner" { "mine" } else { "public" };
        run(
            &mut client,
            &format!(
                "SET search_path = {schema}; SET client_min_messages = warning; CREATE TABLE h.ev (u bigint, at date); INSERT INTO h.ev VALUES (1, '2024-01-01');
                 CREATE TABLE h.people (user_id bigint, city text); SELECT strata.add_source('ev', 'h.ev', 'u', 'at');
                 SELECT strata.create_model('lure', $m${LURE}$m$, attributes => 'h.people'); SELECT strata.refresh('lure', '2024-01-05')"
            ),
        );
        // whose schema it is may drop it, and put a view of his own in its place
        stage.by(
            "hostile",
            "DROP TABLE h.ev, h.people; CREATE VIEW h.ev AS SELECT 1::bigint AS u, DATE '2024-01-01' AS at WHERE h.evil('x');
             CREATE VIEW h.people AS SELECT 1::bigint AS user_id, 'x'::text AS city WHERE h.evil('x'); GRANT ALL ON h.ev, h.people TO PUBLIC",
        );
        let _ = is_caught(&mut stage);
        for call in [
            "SELECT strata.sync('ev')",
            "SELECT strata.refresh('lure', '2024-01-06')",
            "SELECT strata.verify('ev')",
            "SELECT strata.rebuild('ev')",
            "SELECT * FROM strata.source_status()",
            "SELECT * FROM strata.model_status()",
            "SELECT * FROM strata.members('lure')",
            "SELECT * FROM strata.members('lure', '2024-01-03')",
            "SELECT strata.explain('lure', '1')",
        ] {
            let told = attempt(&mut client, call);
            assert!(!is_caught(&mut stage), "{role}: {call}: {told:?}");
        }
        run(&mut client, "SELECT strata.drop_model('lure'); SELECT strata.drop_source('ev')");
        assert!(!is_caught(&mut stage), "{role}: drops");
        stage.by("hostile", "DROP VIEW h.ev, h.people");
    }
}

/// Law: whoever created the extension, nothing of it is in his hand: he makes nothing in its schemas, changes nothing of them,
/// and a superuser who uses it runs nothing of his.
#[test]
fn the_creator_of_the_extension() {
    let database = "trials_creator";
    let mut stage = Stage::new(database, &["dbo", "hostile"]);
    stage.root("DROP EXTENSION pg_strata CASCADE; CREATE SCHEMA IF NOT EXISTS h");
    stage.root(&format!("ALTER DATABASE {database} OWNER TO {{dbo}}; ALTER SCHEMA h OWNER TO {{hostile}}; GRANT USAGE ON SCHEMA h TO PUBLIC"));
    stage.by("hostile", EVIL);
    let mut dbo = stage.client("dbo");
    for schema in ["strata", "strata_internal"] {
        run(&mut dbo, &format!("CREATE SCHEMA {schema}"));
        let (code, message, hint) = told(&mut dbo, "CREATE EXTENSION pg_strata");
        assert!(code == "42P06" && message.contains(schema) && !hint.is_empty(), "{code}: {message} {hint}");
        run(&mut dbo, &format!("DROP SCHEMA {schema}"));
    }
    run(
        &mut dbo,
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO PUBLIC; CREATE EXTENSION pg_strata",
    );
    for schema in ["strata", "strata_internal"] {
        for statement in [
            format!("CREATE FUNCTION {schema}.boom() RETURNS void LANGUAGE sql AS ''"),
            format!("CREATE TABLE {schema}.t ()"),
            format!("CREATE TYPE {schema}.t AS ENUM ()"),
            format!("CREATE OPERATOR {schema}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)"),
            format!("ALTER SCHEMA {schema} RENAME TO other"),
            format!("ALTER SCHEMA {schema} OWNER TO {}", stage.role("dbo")),
            format!("GRANT CREATE ON SCHEMA {schema} TO PUBLIC"),
            format!("DROP SCHEMA {schema} CASCADE"),
            format!("COMMENT ON SCHEMA {schema} IS 'mine'"),
        ] {
            let told = attempt(&mut dbo, &statement);
            // GRANT by who may not grant is a warning
            assert!(
                told.is_some_and(|(code, ..)| code == "42501" || code == "2BP01") || statement.starts_with("GRANT"),
                "{statement}"
            );
        }
        let may: bool = value(
            &mut dbo,
            &format!(
                "SELECT has_schema_privilege('public', '{schema}', 'CREATE') OR has_schema_privilege('{schema}', 'CREATE')"
            ),
        );
        assert!(!may, "{schema}");
    }
    let owned: i64 = value(
        &mut stage.root,
        "SELECT count(*) FROM pg_depend AS d LEFT JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid LEFT JOIN pg_type AS t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
                LEFT JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid LEFT JOIN pg_operator AS o ON d.classid = 'pg_operator'::regclass AND o.oid = d.objid
                LEFT JOIN pg_namespace AS n ON d.classid = 'pg_namespace'::regclass AND n.oid = d.objid
         WHERE d.deptype = 'e' AND coalesce(proowner, typowner, relowner, oprowner, nspowner, 10) <> 10",
    );
    assert_eq!(owned, 0, "objects of the extension in other hands");
    let definer: i64 = value(
        &mut stage.root,
        "SELECT count(*) FROM pg_proc WHERE prosecdef AND pronamespace IN ('strata'::regnamespace, 'strata_internal'::regnamespace)",
    );
    assert_eq!(definer, 0, "functions that run as their owner");
    // what the owner of a database can do to every session in it
    stage.root(&format!(
        "SET ROLE {{dbo}}; ALTER DATABASE {database} SET standard_conforming_strings = off; ALTER DATABASE {database} SET search_path = trap, public;
         ALTER DATABASE {database} SET quote_all_identifiers = on; CREATE SCHEMA trap; GRANT USAGE ON SCHEMA trap TO PUBLIC; RESET ROLE"
    ));
    let mut dbo = stage.client("dbo");
    let evil = "RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM h.evil('f'); RETURN true; END $$";
    run(
        &mut dbo,
        &format!(
            "CREATE FUNCTION trap.eq(text, text) {evil}; CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.eq);
             CREATE FUNCTION trap.eq_2(name, text) {evil}; CREATE OPERATOR trap.= (LEFTARG = name, RIGHTARG = text, FUNCTION = trap.eq_2);
             CREATE FUNCTION trap.eq_3(bigint, bigint) {evil}; CREATE OPERATOR trap.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = trap.eq_3);
             CREATE FUNCTION trap.count(bigint) {evil}; CREATE FUNCTION trap.first_difference(text, strata.ledger) {evil}; CREATE FUNCTION trap.now() {evil};
             CREATE FUNCTION trap.plus(date, integer) {evil}; CREATE OPERATOR trap.+ (LEFTARG = date, RIGHTARG = integer, FUNCTION = trap.plus);
             CREATE FUNCTION trap.frequency(strata.ledger, date) {evil}; CREATE FUNCTION trap.has_table_privilege(regclass, text) {evil}"
        ),
    );
    stage.root(
        "SET search_path = public; CREATE TABLE o (c bigint, at date); CREATE TABLE people (user_id bigint, city text)",
    );
    let mut root = superuser(database);
    run(
        &mut root,
        &format!(
            "SET client_min_messages = warning; INSERT INTO o VALUES (1, '2024-01-01'), (2, '2024-01-02'); INSERT INTO people VALUES (1, 'x');
             SELECT strata.add_source('ev', 'public.o', 'c', 'at', schema => 'public'); SELECT strata.create_model('lm', $m${LURE}$m$, schema => 'public', attributes => 'public.people');
             SELECT strata.refresh('lm', '2024-01-02'); INSERT INTO o VALUES (1, '2024-01-03'); SELECT strata.refresh('lm', '2024-01-03'); SELECT strata.verify('ev');
             SELECT strata.source_status(); SELECT strata.model_status(); SELECT strata.members('lm'); SELECT strata.entered('lm', 'a'); SELECT strata.transitions('lm', '2024-01-01', '2024-01-03');
             SELECT strata.layer_at('lm', '1', '2024-01-02'); SELECT strata.replay('lm', '2024-01-01', '2024-01-03'); SELECT strata.explain('lm', '1'); SELECT strata.calibrate('lm');
             SELECT strata.compare_models('lm@1', 'lm'); SELECT count(*) FROM public.strata_members; SELECT count(*) FROM public.strata_sizes; SELECT count(*) FROM public.strata_moves; SELECT count(*) FROM public.strata_periods;
             SELECT strata.rebuild('ev'); SELECT strata.drop_model('lm'); SELECT strata.drop_source('ev')"
        ),
    );
    assert!(!is_caught(&mut stage), "the superuser ran what the owner of the database made");
    run(&mut dbo, "DROP EXTENSION pg_strata CASCADE");
}

/// Law: what one owner breaks in his own registry is one row with a problem in his lists, and nothing to anybody else.
#[test]
fn a_broken_row_is_one_row() {
    let stage = stage("trials_broken");
    let mut owner = stage.client("owner");
    let setup = format!(
        "SET search_path = mine; SET client_min_messages = warning; CREATE TABLE ev_2 (u bigint, at date); SELECT strata.add_source('good', 'ev_2', 'u', 'at');
         SELECT strata.create_model('fine', $m${LURE}$m$, sources => '{{\"ev\": \"good\"}}', attributes => 'people'); SELECT strata.refresh('fine', '2024-01-05')"
    );
    run(&mut owner, &setup);
    for (breaks, mends) in [
        (
            "UPDATE strata_models SET time_zone = 'nowhere' WHERE name = 'lure'",
            "UPDATE strata_models SET time_zone = 'UTC' WHERE name = 'lure'",
        ),
        (
            "UPDATE strata_sources SET time_expression = 'nothing' WHERE name = 'ev'",
            "UPDATE strata_sources SET time_expression = 'at' WHERE name = 'ev'",
        ),
        (
            "UPDATE strata_sources SET compare_every = '1 day', place = 'x' WHERE name = 'ev'",
            "UPDATE strata_sources SET compare_every = NULL WHERE name = 'ev'",
        ),
        ("ALTER TABLE ev_ledger RENAME COLUMN ledger TO x", "ALTER TABLE ev_ledger RENAME COLUMN x TO ledger"),
        ("COMMENT ON TABLE ev_ledger IS 'mine'", ""),
        ("DROP TABLE ev_queue", ""),
        ("DROP TABLE lure_members CASCADE", ""),
        ("DROP TABLE ev CASCADE", ""),
    ] {
        run(&mut owner, breaks);
        for (list, column, healthy) in [("source_status", "source", "good"), ("model_status", "model", "fine")] {
            let rows = owner.query(&format!("SELECT {column}::text, problem FROM strata.{list}()"), &[]);
            let rows = rows.unwrap_or_else(|error| panic!("{breaks}: {list}: {}", explained(&error)));
            assert_eq!(rows.len(), 2, "{breaks}: {list}");
            let well: Option<String> =
                rows.iter().find(|row| row.get::<_, &str>(0) == healthy).expect("the healthy one").get(1);
            assert_eq!(well, None, "{breaks}: {list}");
        }
        run(&mut owner, "SELECT strata.sync('good'); SELECT strata.refresh('fine', '2024-01-05')");
        run(&mut owner, mends);
    }
    run(&mut owner, "SELECT strata.drop_model('lure'); SELECT strata.drop_source('ev')");
    // the hostile one's is nothing to others
    stage.by("hostile", "UPDATE h.strata_models SET time_zone = 'nowhere'; DROP TABLE h.ev_ledger CASCADE");
    run(
        &mut owner,
        "SET search_path = mine, h; SELECT * FROM strata.source_status(); SELECT * FROM strata.model_status(); SELECT count(*) FROM strata_members",
    );
}

/// Law: names are the owner's schema's: who takes the same name elsewhere stops neither the owner nor his readers, and finds nobody.
#[test]
fn names_cannot_be_squatted() {
    let mut stage = stage("trials_squat");
    stage.root("CREATE SCHEMA shared; GRANT USAGE, CREATE ON SCHEMA shared TO PUBLIC");
    let mut owner = stage.client("owner");
    run(
        &mut owner,
        "SET search_path = mine, h, shared; SELECT strata.grant_read('lure', 'PUBLIC_ROLE')"
            .replace("PUBLIC_ROLE", &stage.role("reader"))
            .as_str(),
    );
    let mut reader = stage.client("reader");
    for (day, path) in [(8, "h, mine"), (9, "mine, h")] {
        run(&mut reader, &format!("SET search_path = {path}"));
        assert_eq!(
            value::<i64>(&mut reader, "SELECT count(*) FROM mine.strata_members WHERE model = 'lure' AND layer = 'a'"),
            5
        );
        assert_eq!(value::<i64>(&mut reader, "SELECT count(*) FROM mine.strata_moves WHERE model = 'lure'"), 5);
        run(&mut owner, &format!("SET search_path = {path}; SELECT strata.sync('ev')"));
        assert_eq!(
            value::<String>(&mut owner, &format!("SELECT refreshed FROM strata.refresh('lure', '2024-01-0{day}')")),
            "lure"
        );
    }
    // names of tables and indexes in a schema that others can create in
    let squatted = [
        "bx_members_pkey",
        "bx_history_pkey",
        "bx_members_due",
        "bx_history_polled",
        "bs_ledger_pkey",
        "bs_changes_sync_id_idx",
        "strata_sources_pkey",
        "strata_models_pkey",
        "strata_versions_pkey",
        "strata_layers_pkey",
        "strata_refreshes_pkey",
        "strata_model_sources_pkey",
        "strata_registry_pkey",
        "strata_sources_id_key",
    ];
    for name in squatted {
        stage.by("stranger", &format!("CREATE TABLE shared.{name} (x integer)"));
    }
    let model = LURE.replace("\"ev\"", "\"bs\"").replace("(ev,", "(bs,");
    run(
        &mut owner,
        &format!(
            "SET search_path = shared, mine; SET client_min_messages = warning; SELECT strata.add_source('bs', 'mine.ev', 'u', 'at'); SELECT strata.create_model('bx', $m${model}$m$, attributes => 'mine.people');
             SELECT strata.refresh('bx', '2024-01-05'); SELECT strata.refresh('bx', '2024-01-06', true); INSERT INTO mine.ev VALUES (9, '2024-01-06'); SELECT strata.refresh('bx', '2024-01-07');
             SELECT strata.calibrate('bx'); SELECT strata.rebuild('bs')"
        ),
    );
    assert_eq!(value::<i64>(&mut owner, "SELECT count(*) FROM strata_members WHERE model = 'bx'"), 6);
    run(&mut owner, "SELECT strata.drop_model('bx'); SELECT strata.drop_source('bs')");
    // tables of the names that a source or model would have: told whose they are, nothing of them is touched
    for name in ["cx_ledger", "cx_queue", "cx_changes", "cx_rejects"] {
        stage.by("stranger", &format!("CREATE TABLE shared.{name} (x integer); GRANT ALL ON shared.{name} TO PUBLIC"));
        let (code, message, hint) = told(&mut owner, "SELECT strata.add_source('cx', 'mine.ev', 'u', 'at')");
        assert!(
            code == "42P07" && message.contains(name) && hint.contains(&stage.role("stranger")),
            "{code} {message} {hint}"
        );
        stage.by("stranger", &format!("TABLE shared.{name}; DROP TABLE shared.{name}"));
    }
    for name in ["strata_sources", "strata_registry", "strata_layers"] {
        stage.root("CREATE SCHEMA taken; GRANT USAGE, CREATE ON SCHEMA taken TO PUBLIC");
        stage.by(
            "stranger",
            &format!("CREATE TABLE taken.{name} (layout smallint, name text); GRANT ALL ON taken.{name} TO PUBLIC"),
        );
        let (code, message, hint) =
            told(&mut owner, "SELECT strata.add_source('cx', 'mine.ev', 'u', 'at', schema => 'taken')");
        assert!(["42501", "42P07"].contains(&code.as_str()), "{name}: {code} {message} {hint}");
        stage.by("stranger", &format!("DROP TABLE taken.{name}"));
        stage.root("DROP SCHEMA taken CASCADE");
    }
}

/// Law: the function of the triggers serves the owner's own tables: with whatever arguments, on whatever table, nobody else makes
/// it write into a queue; and what he made of it does not stop the owner.
#[test]
fn changes_cannot_be_forged() {
    let mut stage = stage("trials_forge");
    stage.root(
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA strata_internal TO PUBLIC; GRANT USAGE ON SCHEMA mine TO {hostile}",
    );
    stage.by("owner", "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mine TO {hostile}; GRANT SELECT ON ALL TABLES IN SCHEMA mine TO PUBLIC");
    let row = stage
        .root
        .query_one("SELECT id::text, queue::oid::text, name FROM mine.strata_sources WHERE name = 'ev'", &[])
        .expect("the source");
    let (id, queue): (String, String) = (row.get(0), row.get(1));
    let mut hostile = stage.client("hostile");
    run(&mut hostile, "CREATE TABLE h.bait (u bigint, at date)");
    for event in ["INSERT", "UPDATE", "DELETE", "TRUNCATE"] {
        let tables = match event {
            "INSERT" => "REFERENCING NEW TABLE AS strata_new",
            "UPDATE" => "REFERENCING OLD TABLE AS strata_old NEW TABLE AS strata_new",
            "DELETE" => "REFERENCING OLD TABLE AS strata_old",
            _ => "",
        };
        run(
            &mut hostile,
            &format!(
                "CREATE TRIGGER \"strata_{}_{id}\" AFTER {event} ON h.bait {tables} FOR EACH STATEMENT EXECUTE FUNCTION strata_internal.capture('mine', 'ev', 'ev_queue', '{queue}', '{id}')",
                event.to_lowercase()
            ),
        );
    }
    run(
        &mut hostile,
        "INSERT INTO h.bait VALUES (666, '2024-01-03'); UPDATE h.bait SET at = '2024-01-04'; DELETE FROM h.bait; TRUNCATE h.bait",
    );
    // nor by a table that the owner's own is made to have a part in
    let (code, ..) = told(&mut hostile, "CREATE TABLE h.child () INHERITS (mine.ev)");
    assert_eq!(code, "42501");
    let (code, ..) = told(
        &mut hostile,
        "CREATE TRIGGER t AFTER INSERT ON mine.ev FOR EACH STATEMENT EXECUTE FUNCTION h.evil_trigger()",
    );
    assert_eq!(code, "42501");
    for statement in [
        "SELECT strata_internal.capture()".to_owned(),
        format!(
            "CREATE TRIGGER t AFTER INSERT ON h.bait FOR EACH ROW EXECUTE FUNCTION strata_internal.capture('mine', 'ev', 'ev_queue', '{queue}', '{id}')"
        ),
    ] {
        let told = attempt(&mut hostile, &format!("{statement}; INSERT INTO h.bait VALUES (666, '2024-01-03')"));
        assert!(told.is_some_and(|(code, ..)| code == "0A000" || code == "39P01"), "{statement}");
        let _ = attempt(&mut hostile, "DROP TRIGGER t ON h.bait");
    }
    let mut owner = stage.client("owner");
    run(&mut owner, "SET search_path = mine");
    assert_eq!(value::<i64>(&mut owner, "SELECT count(*) FROM ev_queue"), 0, "somebody else wrote into the queue");
    run(&mut owner, "SELECT strata.sync('ev'); SELECT strata.rebuild('ev')");
    assert_same_rows(
        &mut owner,
        "nothing forged",
        "TABLE ev_ledger",
        "SELECT u, strata.ledger_agg(at) FROM ev GROUP BY 1",
    );
    run(&mut owner, "SELECT strata.drop_model('lure'); SELECT strata.drop_source('ev')");
    // a superuser's tables are no bridge either
    run(&mut hostile, "INSERT INTO h.bait VALUES (667, '2024-01-03'); DROP TABLE h.bait");
}

/// Law: a stranger reads nothing, learns no name, changes nothing: every table and view of ours is the owner's, and without a grant
/// nobody else's.
#[test]
fn a_stranger_learns_nothing() {
    let mut stage = stage("trials_stranger");
    let mut stranger = stage.client("stranger");
    run(&mut stranger, "SET search_path = mine, h");
    let relations = "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'v', 'm') AND relnamespace = 'mine'::regnamespace";
    let relations: Vec<String> =
        stage.root.query(relations, &[]).expect("relations").iter().map(|row| row.get(0)).collect();
    for relation in relations {
        for statement in [
            format!("SELECT FROM {relation}"),
            format!("DELETE FROM {relation}"),
            format!("EXPLAIN ANALYZE SELECT FROM {relation}"),
        ] {
            let (code, message, _) = told(&mut stranger, &statement);
            // of a view that cannot be written to, that is said first
            assert!(
                code == "42501" || code == "55000" && message.contains("cannot delete from view"),
                "{statement}: {code} {message}"
            );
        }
    }
    for list in ["source_status", "model_status"] {
        assert_eq!(value::<i64>(&mut stranger, &format!("SELECT count(*) FROM strata.{list}()")), 0, "{list}");
    }
    // nothing of ours keeps rows of everybody in one table
    let kept = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'm', 'v', 'S') AND relnamespace IN ('strata'::regnamespace, 'strata_internal'::regnamespace)";
    assert_eq!(value::<i64>(&mut stranger, kept), 0);
    // the same words for what another has as for what there is not
    let told_of = |stranger: &mut Client, call: &str, name: &str| {
        let (code, message, hint) = told(stranger, &format!("SELECT strata.{}", call.replace('…', name)));
        (code, message.replace(name, "…"), hint)
    };
    for call in ["sync('…')", "rebuild('…')", "verify('…')", "drop_source('…')"] {
        assert_eq!(told_of(&mut stranger, call, "ev"), told_of(&mut stranger, call, "nought"), "{call}");
    }
    for call in [
        "refresh('…')",
        "calibrate('…')",
        "activate('…', 1)",
        "drop_model('…')",
        "members('…')",
        "entered('…', 'a')",
        "explain('…', '1')",
    ] {
        assert_eq!(told_of(&mut stranger, call, "lure"), told_of(&mut stranger, call, "nought"), "{call}");
    }
}

/// Law: a text that is one query, or one name, is that and nothing else: it smuggles no statement in, whoever calls.
#[test]
fn queries_smuggle_nothing_in() {
    let stage = stage("trials_smuggle");
    let mut owner = stage.client("owner");
    run(
        &mut owner,
        "SET search_path = mine; SET client_min_messages = warning; CREATE TABLE victim (n integer); INSERT INTO victim VALUES (1); CREATE SEQUENCE sq",
    );
    let model = LURE.replace("\"attributes\": {\"city\": \"text\"}, ", "");
    for (argument, text) in [
        ("attributes", "SELECT user_id, city FROM people; DELETE FROM victim"),
        ("users", "SELECT user_id FROM people; DELETE FROM victim"),
        ("attributes", "WITH gone AS (DELETE FROM victim RETURNING n) SELECT user_id, city FROM people, gone"),
        ("users", "WITH gone AS (DELETE FROM victim RETURNING n) SELECT n::bigint AS user_id FROM gone"),
        ("users", "SELECT user_id INTO stolen FROM people"),
        ("attributes", "SELECT user_id, city FROM people FOR UPDATE; DROP TABLE victim"),
        ("attributes", "people; DELETE FROM victim"),
        ("attributes", "people) AS p; DELETE FROM victim; --"),
        ("users", "SELECT $1::bigint AS user_id"),
        ("users", "VALUES (1)); DROP TABLE victim; --"),
        ("users", "COPY victim TO '/tmp/x'"),
        ("users", ""),
    ] {
        let call = format!("SELECT strata.create_model('m', $m${model}$m$, {argument} => $q${text}$q$)");
        let told = told(&mut owner, &call);
        assert!(!told.0.starts_with("XX"), "{text}: {told:?}");
        assert_eq!(value::<i64>(&mut owner, "SELECT count(*) FROM victim"), 1, "{text}");
    }
    for column in [
        "user_id) AS k FROM people LIMIT 0) AS u ON true; SELECT nextval('sq'); SELECT 'bigint'::text --",
        "user_id; SELECT nextval('sq')",
        "nextval('sq')",
        "(SELECT nextval('sq'))",
        "user_id, nextval('sq')",
    ] {
        let quoted = column.replace('\'', "''");
        let told = told(
            &mut owner,
            &format!(
                "SELECT strata.create_model('m', $m${LURE}$m$, attributes => 'people', user_column => '{quoted}')"
            ),
        );
        assert!(!told.0.starts_with("XX"), "{column}: {told:?}");
    }
    assert!(!value::<bool>(&mut owner, "SELECT is_called FROM sq"), "something ran");
    assert_eq!(value::<i64>(&mut owner, "SELECT count(*) FROM strata_models"), 1);
    // names of layers, models, columns in views that are composed of them
    run(
        &mut owner,
        r#"SELECT strata.create_model('it''s "x"; DROP TABLE victim; --', '{"name": "n", "sources": ["ev"], "metrics": {"n": "frequency(ev, 30)"},
             "layers": [{"name": "a''; DROP TABLE victim; --", "label": {"en": "$$;'';", "zh": "\\''"}, "when": "n > 0"}], "default": {"name": "\\"}}');
           SELECT strata.refresh('it''s "x"; DROP TABLE victim; --', '2024-01-05'); SELECT count(*) FROM strata_members; SELECT count(*) FROM strata_sizes; TABLE victim;
           SELECT strata.drop_model('it''s "x"; DROP TABLE victim; --')"#,
    );
}

/// Law: a refresh needs no right on the database, no temporary table, and finds none that is called as its own are.
#[test]
fn temporary_tables_are_neither_needed_nor_found() {
    let mut stage = stage("trials_temporary");
    stage.root("REVOKE TEMPORARY ON DATABASE trials_temporary FROM PUBLIC");
    stage.by(
        "owner",
        "SET search_path = mine; INSERT INTO ev VALUES (9, '2024-01-06'); SELECT strata.sync('ev'); SELECT strata.refresh('lure', '2024-01-07'); SELECT strata.refresh('lure', '2024-01-08', true);
         SELECT strata.verify('ev'); SELECT strata.calibrate('lure'); SELECT * FROM strata.replay('lure', '2024-01-01', '2024-01-05'); SELECT * FROM strata.compare_models('lure', 'lure@1');
         SELECT * FROM strata.backtest('lure', '2024-01-01', 3)",
    );
    stage.root("GRANT TEMPORARY ON DATABASE trials_temporary TO PUBLIC");
    let mut owner = stage.client("owner");
    run(&mut owner, "SET search_path = mine");
    let ours: Vec<String> = owner
        .query("SELECT relname::text FROM pg_class WHERE relnamespace = 'mine'::regnamespace AND relkind = 'r'", &[])
        .expect("tables")
        .iter()
        .map(|row| row.get(0))
        .collect();
    for table in ours.iter().map(String::as_str).chain([
        "strata_examined",
        "strata_answers",
        "pg_class",
        "pg_attribute",
        "pg_trigger",
        "pg_namespace",
        "pg_roles",
        "pg_type",
    ]) {
        run(&mut owner, &format!("CREATE TEMPORARY TABLE {table} (x integer)"));
    }
    run(&mut owner, "SET search_path = mine, pg_temp");
    run(
        &mut owner,
        "INSERT INTO mine.ev VALUES (10, '2024-01-09'); SELECT strata.sync('ev'); SELECT strata.refresh('lure', '2024-01-10'); SELECT strata.refresh('lure', '2024-01-11', true); SELECT * FROM strata.source_status();
         SELECT * FROM strata.members('lure'); SELECT strata.rebuild('ev')",
    );
    assert_same_rows(
        &mut owner,
        "the owner's tables",
        "TABLE mine.ev_ledger",
        "SELECT u, strata.ledger_agg(at) FROM mine.ev GROUP BY 1",
    );
    // nor is one followed: it ends with its session
    run(
        &mut owner,
        "CREATE TEMPORARY TABLE tt (u bigint, at date, user_id bigint, city text); CREATE TEMPORARY VIEW tv AS TABLE tt; CREATE VIEW over_it AS SELECT * FROM tt",
    );
    for relation in ["tt", "tv", "over_it"] {
        for call in [
            format!("add_source('t', '{relation}', 'u', 'at')"),
            format!("add_source('t', 'mine.ev', 'u', 'at', user_map => '{relation}', map_alias => 'u')"),
            format!("create_model('t', $m${LURE}$m$, attributes => '{relation}')"),
            format!(
                "create_model('t', $m${LURE}$m$, users => 'SELECT user_id FROM {relation}', attributes => 'people')"
            ),
        ] {
            let (code, message, _) = told(&mut owner, &format!("SELECT strata.{call}"));
            assert!(["42809", "42P16", "0A000"].contains(&code.as_str()), "{call}: {code} {message}");
        }
    }
}
