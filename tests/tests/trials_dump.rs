//! The law of what databases go through: a dump in any form and order, another owner, schemas renamed, dropped and doubled,
//! a switch to a copy: sources and models come back as they were and go on, or the next sync says so; and what is dropped is what
//! was made, no more and no less.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use postgres::Client;
use strata_tests::roles::{Stage, attempt, told};
use strata_tests::{assert_same_rows, connect, empty_database, explained, program, run, server, superuser, value};

const MODEL: &str = r#"{"name": "care", "sources": ["orders"], "attributes": {"city": "text"}, "metrics": {"n": "frequency(orders, 30)"},
    "layers": [{"name": "hot", "when": "n >= 3"}, {"name": "far", "when": "n < 3 and city = 'Chengdu'"}], "default": {"name": "rest"}}"#;

fn shop(schema: &str) -> String {
    format!(
        "CREATE TABLE {schema}.orders (order_id bigserial PRIMARY KEY, customer_id bigint, ordered_at date, amount integer);
         CREATE TABLE {schema}.customers (user_id bigint PRIMARY KEY, city text);
         INSERT INTO {schema}.customers SELECT n, (ARRAY['Shanghai', 'Chengdu'])[1 + n % 2] FROM generate_series(1, 50) AS n;
         INSERT INTO {schema}.orders (customer_id, ordered_at, amount) SELECT n % 60, DATE '2024-01-01' + n % 60, n FROM generate_series(1, 400) AS n"
    )
}

fn living(shop: &str, schema: &str) -> String {
    format!(
        "SET search_path = {schema}; SET client_min_messages = error;
         SELECT strata.add_source('orders', '{shop}.orders', 'customer_id', 'ordered_at', 'amount');
         SELECT strata.create_model('care', $m${MODEL}$m$, attributes => '{shop}.customers');
         SELECT strata.refresh('care', '2024-03-01'); SELECT strata.refresh('care', '2024-03-02')"
    )
}

/// An owner with a shop and a model of it.
fn owned(database: &'static str) -> (Stage, Client) {
    let mut stage = Stage::new(database, &["owner", "other", "reader", "leaver"]);
    stage.root(&format!("CREATE SCHEMA shop AUTHORIZATION {{owner}}; CREATE SCHEMA analytics AUTHORIZATION {{owner}}; GRANT CREATE ON DATABASE {database} TO {{owner}}"));
    let mut owner = stage.client("owner");
    run(&mut owner, &shop("shop"));
    run(&mut owner, &living("shop", "analytics"));
    (stage, owner)
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("the server's program runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn as_user(name: &str, user: &str) -> Command {
    let mut command = program(name);
    command.env("PGUSER", user);
    command
}

/// A place for a dump.
fn place(name: &str) -> PathBuf {
    let place = std::env::temp_dir().join(format!("{name}_{}", std::process::id()));
    remove(&place);
    place
}

fn remove(place: &Path) {
    let _ = std::fs::remove_file(place);
    let _ = std::fs::remove_dir_all(place);
}

/// What is kept, as text, apart from numbers of tables and of the database.
fn seen(client: &mut Client, schema: &str) -> Vec<String> {
    // under no path, so that names of tables are printed alike
    run(client, "SET search_path = pg_catalog");
    let query = format!(
        "SELECT 'm' || to_jsonb(m)::text FROM {schema}.care_members AS m UNION ALL SELECT 'h' || to_jsonb(h)::text FROM {schema}.care_history AS h
         UNION ALL SELECT 'l' || l.user_id || l.ledger::text FROM {schema}.orders_ledger AS l UNION ALL SELECT 'q' || to_jsonb(q)::text FROM {schema}.orders_queue AS q
         UNION ALL SELECT 'v' || v.model || v.version || v.definition::text FROM {schema}.strata_versions AS v UNION ALL SELECT 's' || to_jsonb(s)::text FROM {schema}.strata_model_sources AS s
         UNION ALL SELECT 'r' || to_jsonb(r)::text FROM {schema}.strata_refreshes AS r UNION ALL SELECT 'y' || to_jsonb(y)::text FROM {schema}.strata_layers AS y
         UNION ALL SELECT 'o' || (to_jsonb(o) - 'family' - 'relation')::text FROM {schema}.strata_sources AS o UNION ALL SELECT 'z' || to_jsonb(z)::text FROM {schema}.strata_models AS z ORDER BY 1"
    );
    let rows = client.query(&query, &[]).unwrap_or_else(|error| panic!("{}", explained(&error)));
    rows.iter().map(|row| row.get(0)).collect()
}

/// The restored database goes on: what waited and what comes is counted, the refresh examines few and is right.
fn assert_goes_on(client: &mut Client, law: &str, shop: &str, schema: &str, few: bool) {
    run(
        client,
        &format!(
            "SET search_path = {schema}; SET client_min_messages = error;
             INSERT INTO {shop}.orders (customer_id, ordered_at, amount) VALUES (6, '2024-03-03', 1), (7, '2024-03-03', 1), (7, '2024-03-03', 1); UPDATE {shop}.customers SET city = 'Chengdu' WHERE user_id = 8"
        ),
    );
    let answer = client.query_one("SELECT kind FROM strata.refresh('care', '2024-03-03')", &[]);
    let answer = answer.unwrap_or_else(|error| panic!("{law}: {}", explained(&error)));
    if few {
        assert_eq!(answer.get::<_, &str>(0), "incremental", "{law}");
        let written: i64 = value(
            client,
            "SELECT count(*) FROM care_history WHERE recorded_at = (SELECT max(recorded_at) FROM care_history)",
        );
        assert!(written < 25, "{law}: {written} changes written");
    }
    assert_right(client, law, shop);
    assert_eq!(
        value::<Option<String>>(client, "SELECT problem FROM strata.source_status() WHERE source = 'orders'"),
        None,
        "{law}"
    );
}

fn assert_right(client: &mut Client, law: &str, shop: &str) {
    assert_same_rows(
        client,
        law,
        "SELECT user_id, layer FROM care_members WHERE layer IS NOT NULL",
        &format!(
            "SELECT user_id, strata.layer_assign(f, $m${MODEL}$m$, '2024-03-03')
             FROM (SELECT customer_id AS user_id, strata.ledger_agg(ordered_at, amount) AS ledger FROM {shop}.orders WHERE ordered_at <= '2024-03-03' GROUP BY 1) AS o
                  LEFT JOIN {shop}.customers USING (user_id) CROSS JOIN LATERAL (SELECT ledger AS orders, city) AS f"
        ),
    );
    assert_same_rows(
        client,
        law,
        "TABLE orders_ledger",
        &format!("SELECT customer_id, strata.ledger_agg(ordered_at, amount) FROM {shop}.orders GROUP BY 1"),
    );
    assert_eq!(value::<i64>(client, "SELECT count(*) FROM strata.verify('orders')"), 0, "{law}");
}

/// Law: a dump restores in any form and in any order: plain, custom, directory, parallel, by sections; with all rows, and what
/// waited in the queue.
#[test]
fn dumps_restore_in_any_order() {
    let (stage, mut owner) = owned("trials_restore");
    run(
        &mut owner,
        "INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (5, '2024-03-02', 9), (777, '2024-03-03', 8)",
    );
    // many objects, so that jobs have something to do side by side
    for number in 0..12 {
        run(
            &mut owner,
            &format!(
                "SELECT strata.create_model('other_{number}', $m${MODEL}$m$, attributes => 'shop.customers'); SELECT strata.refresh('other_{number}', '2024-03-01')"
            ),
        );
    }
    let expected = seen(&mut superuser(stage.database), "analytics");
    let root = &server().superuser;
    let file = place("trials_restore");
    for (number, (format, jobs, ways)) in [
        ("custom", "1", &[&["-j2"] as &[&str]] as &[&[&str]]),
        ("custom", "1", &[&["-j4"]]),
        ("directory", "4", &[&["-j4"]]),
        ("directory", "2", &[&["-j2"]]),
        ("custom", "1", &[&["--section=pre-data"], &["--section=data", "-j4"], &["--section=post-data", "-j4"]]),
        ("tar", "1", &[&["--single-transaction"]]),
        ("custom", "1", &[&["--disable-triggers", "-j2"]]),
    ]
    .into_iter()
    .enumerate()
    {
        remove(&file);
        succeed(
            as_user("pg_dump", root).args(["--format", format, "-j", jobs, "--file"]).arg(&file).arg(stage.database),
        );
        let restored: &'static str = format!("trials_restore_{number}").leak();
        empty_database(restored);
        let law = format!("{format} -j{jobs} {ways:?}");
        for way in ways {
            succeed(as_user("pg_restore", root).args(["--exit-on-error", "-d", restored]).args(*way).arg(&file));
        }
        assert_eq!(seen(&mut superuser(restored), "analytics"), expected, "{law}");
        let mut client = connect(restored, &stage.role("owner"));
        assert_goes_on(&mut client, &law, "shop", "analytics", true);
        run(&mut client, "SELECT strata.drop_model('other_3'); SELECT strata.drop_model('care')");
        run(&mut superuser("postgres"), &format!("DROP DATABASE {restored} WITH (FORCE)"));
    }
    remove(&file);
}

/// Law: a schema-only dump and a data-only one make the whole; and a data-only restore with triggers firing doubles nothing.
#[test]
fn schema_and_data_apart() {
    let (stage, mut owner) = owned("trials_apart");
    run(&mut owner, "INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (5, '2024-03-02', 9)");
    let root = &server().superuser;
    let (schema, data) = (place("trials_apart_schema"), place("trials_apart_data"));
    succeed(as_user("pg_dump", root).args(["--schema-only", "--file"]).arg(&schema).arg(stage.database));
    for (number, more) in [&[] as &[&str], &["--disable-triggers"], &["--inserts"]].into_iter().enumerate() {
        succeed(as_user("pg_dump", root).args(["--data-only", "--file"]).arg(&data).args(more).arg(stage.database));
        let restored: &'static str = format!("trials_apart_{number}").leak();
        empty_database(restored);
        succeed(as_user("psql", root).args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", restored, "-f"]).arg(&schema));
        succeed(as_user("psql", root).args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", restored, "-f"]).arg(&data));
        let mut client = connect(restored, &stage.role("owner"));
        assert_goes_on(&mut client, &format!("{more:?}"), "shop", "analytics", true);
        run(&mut superuser("postgres"), &format!("DROP DATABASE {restored} WITH (FORCE)"));
    }
    remove(&schema);
    remove(&data);
}

/// Law: an owner who is no superuser dumps and restores what is his, and all of it.
#[test]
fn an_owner_dumps_his_own() {
    let (stage, mut owner) = owned("trials_own");
    run(&mut owner, "INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (5, '2024-03-02', 9)");
    let expected = seen(&mut owner, "analytics");
    let role = stage.role("owner");
    let file = place("trials_own");
    for (number, (format, jobs)) in [("plain", ""), ("custom", "-j2"), ("directory", "-j4")].into_iter().enumerate() {
        remove(&file);
        succeed(
            as_user("pg_dump", &role)
                .args(["--format", format, "-n", "shop", "-n", "analytics", "--file"])
                .arg(&file)
                .arg(stage.database),
        );
        let restored: &'static str = format!("trials_own_{number}").leak();
        let mut target = Stage::new(restored, &[]);
        target.root(&format!("GRANT CREATE ON DATABASE {restored} TO {role}"));
        if format == "plain" {
            succeed(as_user("psql", &role).args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", restored, "-f"]).arg(&file));
        } else {
            succeed(as_user("pg_restore", &role).args(["--exit-on-error", "-d", restored, jobs]).arg(&file));
        }
        let mut client = connect(restored, &role);
        assert_eq!(seen(&mut client, "analytics"), expected, "{format}");
        assert_goes_on(&mut client, format, "shop", "analytics", true);
        drop(client);
        run(&mut superuser("postgres"), &format!("DROP DATABASE {restored} WITH (FORCE)"));
    }
    remove(&file);
}

/// Law: restored without owners, everything is the one's who restores it, and works for him.
#[test]
fn restored_by_another() {
    let (stage, _owner) = owned("trials_no_owner");
    let file = place("trials_no_owner");
    succeed(
        as_user("pg_dump", &server().superuser).args(["--format", "custom", "--file"]).arg(&file).arg(stage.database),
    );
    let restored = "trials_no_owner_2";
    let mut target = Stage::new(restored, &["other"]);
    target.root(&format!("DROP EXTENSION pg_strata; GRANT CREATE ON DATABASE {restored} TO {{other}}; ALTER DATABASE {restored} OWNER TO {{other}}"));
    let other = target.role("other");
    succeed(
        as_user("pg_restore", &other)
            .args(["--no-owner", "--no-privileges", "--no-comments", "-d", restored, "--section=pre-data"])
            .arg(&file),
    );
    drop(target);
    // with the comments, which bear the marks; those of the extension and the public schema are not his to write
    let restored = "trials_no_owner_3";
    let mut target = Stage::new(restored, &["other"]);
    target.root(&format!("ALTER DATABASE {restored} OWNER TO {{other}}"));
    let other = target.role("other");
    let list = place("trials_no_owner_list");
    let contents = as_user("pg_restore", &other).arg("-l").arg(&file).output().expect("pg_restore");
    let lines: Vec<String> = String::from_utf8_lossy(&contents.stdout)
        .lines()
        .filter(|line| !line.contains("EXTENSION"))
        .map(str::to_owned)
        .collect();
    std::fs::write(&list, lines.join("\n")).expect("written");
    succeed(
        as_user("pg_restore", &other)
            .args(["--exit-on-error", "--no-owner", "--no-privileges", "-d", restored, "-L"])
            .arg(&list)
            .arg(&file),
    );
    let mut client = connect(restored, &other);
    assert_goes_on(&mut client, "another owner", "shop", "analytics", true);
    run(
        &mut client,
        "SELECT strata.rebuild('orders'); SELECT strata.calibrate('care'); SELECT strata.drop_model('care'); SELECT strata.drop_source('orders')",
    );
    remove(&file);
    remove(&list);
}

/// Law: materialized views over the views and functions of a model come back filled from anybody's restore.
#[test]
fn materialized_views_come_back_filled() {
    let (stage, mut owner) = owned("trials_materialized");
    run(
        &mut owner,
        "CREATE MATERIALIZED VIEW analytics.sizes AS SELECT layer, count(*) AS users FROM analytics.strata_members GROUP BY layer;
         CREATE MATERIALIZED VIEW analytics.daily AS SELECT * FROM analytics.strata_sizes;
         CREATE MATERIALIZED VIEW analytics.moved AS SELECT * FROM analytics.strata_moves;
         CREATE MATERIALIZED VIEW analytics.of_function AS SELECT user_id, layer FROM strata.members('analytics.care')",
    );
    let views = ["sizes", "daily", "moved", "of_function"];
    let before: Vec<i64> =
        views.iter().map(|view| value(&mut owner, &format!("SELECT count(*) FROM analytics.{view}"))).collect();
    assert!(before.iter().all(|rows| *rows > 0), "{before:?}");
    let file = place("trials_materialized");
    succeed(
        as_user("pg_dump", &server().superuser).args(["--format", "custom", "--file"]).arg(&file).arg(stage.database),
    );
    let restored = "trials_materialized_2";
    empty_database(restored);
    succeed(as_user("pg_restore", &server().superuser).args(["--exit-on-error", "-j2", "-d", restored]).arg(&file));
    let mut client = connect(restored, &stage.role("owner"));
    let after: Vec<i64> =
        views.iter().map(|view| value(&mut client, &format!("SELECT count(*) FROM analytics.{view}"))).collect();
    assert_eq!(after, before);
    run(&mut client, "REFRESH MATERIALIZED VIEW analytics.of_function; REFRESH MATERIALIZED VIEW analytics.daily");
    remove(&file);
}

/// Law: what belongs to another by now is his, sources and models with it, however it came to him; and where only a part came to
/// him, he is told whose the rest is.
#[test]
fn another_owner() {
    let mut stage = Stage::new("trials_reassign", &["leaver", "other", "reader"]);
    stage.root("CREATE SCHEMA shop AUTHORIZATION {leaver}; CREATE SCHEMA analytics AUTHORIZATION {leaver}");
    stage.by("leaver", &shop("shop"));
    stage.by("leaver", &living("shop", "analytics"));
    stage.root("REASSIGN OWNED BY {leaver} TO {other}; DROP OWNED BY {leaver}; DROP ROLE {leaver}");
    let mut other = stage.client("other");
    assert_goes_on(&mut other, "reassigned", "shop", "analytics", true);
    run(
        &mut other,
        "SELECT count(*) FROM strata_members; SELECT strata.rebuild('orders'); SELECT strata.calibrate('care')",
    );
    assert_right(&mut other, "reassigned", "shop");
    run(&mut other, "SELECT strata.drop_model('care'); SELECT strata.drop_source('orders')");
    let left =
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'analytics'::regnamespace AND relname NOT LIKE 'strata%'";
    assert_eq!(value::<i64>(&mut other, left), 0);
    // table by table, by ALTER OWNER
    stage.add("leaver");
    stage.root("CREATE SCHEMA a2 AUTHORIZATION {leaver}; CREATE SCHEMA s2 AUTHORIZATION {leaver}");
    stage.by("leaver", &shop("s2"));
    stage.by("leaver", &living("s2", "a2"));
    stage.root("GRANT USAGE ON SCHEMA a2 TO {other}; ALTER TABLE a2.strata_sources OWNER TO {other}");
    let mut leaver = stage.client("leaver");
    for mut client in [stage.client("leaver"), stage.client("other")] {
        run(&mut client, "SET search_path = a2; SELECT * FROM strata.source_status()");
        let (code, _, hint) = told(&mut client, "SELECT strata.sync('orders')");
        assert!(code == "42704" && hint.contains("SET ROLE"), "{code}: {hint}");
    }
    stage.root(
        "DO $$ DECLARE t text; BEGIN FOR t IN SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname IN ('a2', 's2') AND relkind IN ('r', 'v')
         LOOP EXECUTE 'ALTER TABLE ' || t || ' OWNER TO {other}'; END LOOP; END $$; ALTER SCHEMA a2 OWNER TO {other}; ALTER SCHEMA s2 OWNER TO {other}",
    );
    assert_goes_on(&mut other, "altered", "s2", "a2", true);
    let (code, ..) = told(&mut leaver, "SET search_path = a2; SELECT strata.sync('orders')");
    assert_eq!(code, "42704");
    // DROP OWNED takes it all, and the shop of another goes on
    stage.root("ALTER TABLE s2.orders OWNER TO {reader}; GRANT USAGE ON SCHEMA s2 TO {reader}; GRANT USAGE ON SEQUENCE s2.orders_order_id_seq TO {reader}");
    stage.by("reader", "INSERT INTO s2.orders (customer_id, ordered_at, amount) VALUES (1, '2024-03-03', 1)");
    stage.root(
        "ALTER SCHEMA s2 OWNER TO {reader}; ALTER TABLE s2.orders OWNER TO {other}; DROP OWNED BY {other} CASCADE",
    );
    let left: i64 = value(&mut stage.root, "SELECT count(*) FROM pg_namespace WHERE nspname = 'a2'");
    assert_eq!(left, 0);
}

/// Law: what a drop takes is what was made, told by its mark and not by its name; tables of the user's own stay, with their rows.
#[test]
fn drops_take_what_was_made() {
    let (_stage, mut owner) = owned("trials_drop");
    run(
        &mut owner,
        "CREATE TABLE web_queue (job integer); INSERT INTO web_queue SELECT generate_series(1, 1000); CREATE TABLE web_aliases (a text); INSERT INTO web_aliases VALUES ('mine');
         CREATE VIEW v_orders AS SELECT customer_id, ordered_at FROM shop.orders; SELECT strata.add_source('web', 'v_orders', 'customer_id', 'ordered_at'); SELECT strata.drop_source('web')",
    );
    assert_eq!(value::<i64>(&mut owner, "SELECT count(*) FROM web_queue"), 1000);
    assert_eq!(value::<i64>(&mut owner, "SELECT count(*) FROM web_aliases"), 1);
    // x_alias and x's alias_changes
    run(
        &mut owner,
        "SELECT strata.add_source('v', 'v_orders', 'customer_id', 'ordered_at'); SELECT strata.add_source('v_alias', 'shop.orders', 'customer_id', 'ordered_at'); SELECT strata.drop_source('v'); SELECT strata.sync('v_alias');
         SELECT strata.verify('v_alias')",
    );
    // the user's own view of registered users, and of attributes
    let bare = MODEL.replace("\"attributes\": {\"city\": \"text\"}, ", "").replace("city = 'Chengdu'", "n = 1");
    run(
        &mut owner,
        &format!(
            "CREATE VIEW mine_users AS SELECT user_id FROM shop.customers; CREATE VIEW mine_attributes AS SELECT user_id, city FROM shop.customers;
             SELECT strata.create_model('mine', $m${bare}$m$, users => 'mine_users'); SELECT strata.refresh('mine', '2024-03-01'); SELECT strata.drop_model('mine');
             TABLE mine_users; TABLE mine_attributes"
        ),
    );
    // a table of the user's own that has taken the place of one of ours
    run(
        &mut owner,
        "SELECT strata.add_source('x', 'shop.orders', 'customer_id', 'ordered_at'); DROP TABLE x_rejects; CREATE TABLE x_rejects (mine integer); INSERT INTO x_rejects VALUES (1)",
    );
    let gone: String = value(&mut owner, "SELECT strata.drop_source('x')");
    assert!(gone.contains("x_ledger"), "{gone}");
    assert_eq!(value::<i64>(&mut owner, "SELECT count(*) FROM x_rejects"), 1);
    // one of ours that bears another name by now
    run(
        &mut owner,
        "SELECT strata.add_source('y', 'shop.orders', 'customer_id', 'ordered_at'); ALTER TABLE y_ledger RENAME TO kept; CREATE VIEW y_ledger AS SELECT 1 AS mine; SELECT strata.drop_source('y'); TABLE y_ledger",
    );
    assert_eq!(value::<Option<String>>(&mut owner, "SELECT to_regclass('kept')::text"), None);
    // views on what is dropped: told, and nothing is gone
    run(&mut owner, "CREATE VIEW on_members AS SELECT * FROM care_members");
    let (code, ..) = told(&mut owner, "SELECT strata.drop_model('care')");
    assert_eq!(code, "2BP01");
    run(
        &mut owner,
        "SELECT strata.refresh('care', '2024-03-03'); DROP VIEW on_members; SELECT strata.drop_model('care')",
    );
    // the comment is the mark: who takes it off keeps the table
    run(&mut owner, "COMMENT ON TABLE orders_ledger IS 'mine'");
    let gone = attempt(&mut owner, "SELECT strata.drop_source('orders')");
    assert_eq!(gone, None);
    assert!(value::<i64>(&mut owner, "SELECT count(*) FROM orders_ledger") > 0);
    run(&mut owner, "INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (1, '2024-03-03', 1)");
}

/// Law: a tool that swaps tables with CASCADE takes the views of a model's queries; the next refresh makes them again.
#[test]
fn views_of_queries_come_back() {
    let (_stage, mut owner) = owned("trials_cascade");
    run(
        &mut owner,
        &format!(
            "SELECT strata.create_model('q', $m${MODEL}$m$, attributes => 'SELECT user_id, city FROM shop.customers', users => 'SELECT user_id FROM shop.customers WHERE user_id > 10'); SELECT strata.refresh('q', '2024-03-02')"
        ),
    );
    let layers = "SELECT string_agg(layer || ' ' || n, ' ' ORDER BY layer) FROM (SELECT layer, count(*) AS n FROM q_members WHERE layer IS NOT NULL GROUP BY 1) AS s";
    let before: String = value(&mut owner, layers);
    run(
        &mut owner,
        "BEGIN; CREATE TABLE shop.customers_new AS TABLE shop.customers; DROP TABLE shop.customers CASCADE; ALTER TABLE shop.customers_new RENAME TO customers; COMMIT",
    );
    let views = "SELECT count(*) FROM pg_class WHERE relkind = 'v' AND relname IN ('q_attributes', 'q_users')";
    assert_eq!(value::<i64>(&mut owner, views), 0);
    run(
        &mut owner,
        "SELECT * FROM strata.model_status(); SELECT * FROM strata.source_status(); SELECT strata.refresh('q', '2024-03-02')",
    );
    assert_eq!(value::<i64>(&mut owner, views), 2);
    assert_eq!(value::<String>(&mut owner, layers), before);
    run(&mut owner, "UPDATE shop.customers SET city = 'Chengdu'; SELECT strata.refresh('q', '2024-03-03')");
    let others: i64 =
        value(&mut owner, "SELECT count(*) FROM q_members WHERE layer = 'rest' AND user_id BETWEEN 1 AND 50");
    assert_eq!(others, 0, "changed attributes are not seen");
    // and what has the name by then is not taken for it
    run(&mut owner, "DROP VIEW q_users; CREATE VIEW q_users AS SELECT 1::bigint AS user_id");
    let told = attempt(&mut owner, "SELECT strata.refresh('q', '2024-03-04')");
    assert!(told.is_none_or(|(code, message, _)| !code.starts_with("XX") && message.contains("q_users")));
    run(&mut owner, "SELECT strata.drop_model('q'); TABLE q_users");
}

/// Law: one role has the same sources and models in as many schemas as it likes: development, CI, production; each goes by itself.
#[test]
fn many_schemas_of_one_role() {
    let mut stage = Stage::new("trials_many", &["owner"]);
    for schema in ["dev", "ci", "prod"] {
        stage.root(&format!("CREATE SCHEMA {schema} AUTHORIZATION {{owner}}"));
        stage.by("owner", &shop(schema));
        stage.by("owner", &living(schema, schema));
    }
    let mut owner = stage.client("owner");
    run(&mut owner, "INSERT INTO ci.orders (customer_id, ordered_at, amount) VALUES (888, '2024-03-02', 1)");
    for schema in ["dev", "ci", "prod"] {
        run(&mut owner, &format!("SET search_path = {schema}; SELECT strata.sync('orders')"));
        let counted: i64 = value(&mut owner, "SELECT count(*) FROM orders_ledger WHERE user_id = 888");
        assert_eq!(counted, i64::from(schema == "ci"), "{schema}");
    }
    // the first on the path, or the one that is named
    run(
        &mut owner,
        "SET search_path = prod, dev; SELECT strata.refresh('care', '2024-03-03'); SELECT strata.refresh('ci.care', '2024-03-04')",
    );
    let as_of = |owner: &mut Client, schema: &str| {
        value::<String>(owner, &format!("SELECT as_of::text FROM {schema}.strata_models WHERE name = 'care'"))
    };
    assert_eq!(
        [as_of(&mut owner, "dev"), as_of(&mut owner, "ci"), as_of(&mut owner, "prod")],
        ["2024-03-02", "2024-03-04", "2024-03-03"]
    );
    // lists name them apart
    run(&mut owner, "SET search_path = prod, dev, ci");
    assert_eq!(value::<i64>(&mut owner, "SELECT count(*) FROM strata.source_status() WHERE source = 'orders'"), 3);
    assert_eq!(value::<i64>(&mut owner, "SELECT count(DISTINCT schema) FROM strata.model_status()"), 3);
    for schema in ["dev", "ci"] {
        run(
            &mut owner,
            &format!("SELECT strata.drop_model('{schema}.care'); SELECT strata.drop_source('{schema}.orders')"),
        );
    }
    run(&mut owner, "SET search_path = prod");
    assert_goes_on(&mut owner, "the others are gone", "prod", "prod", true);
}

/// Law: a schema that is renamed takes its sources, models, views and readers with it; dropped, it takes everything, and the shop
/// goes on.
#[test]
fn schemas_renamed_and_dropped() {
    let (mut stage, mut owner) = owned("trials_rename");
    run(&mut owner, &format!("SELECT strata.grant_read('care', '{}')", stage.role("reader")));
    let mut reader = stage.client("reader");
    let members: i64 = value(&mut reader, "SELECT count(*) FROM analytics.strata_members");
    assert!(members > 0);
    run(
        &mut owner,
        "ALTER SCHEMA analytics RENAME TO insight; ALTER SCHEMA shop RENAME TO store; SET search_path = insight",
    );
    for view in ["strata_members", "strata_periods", "strata_moves", "strata_sizes"] {
        assert!(value::<i64>(&mut reader, &format!("SELECT count(*) FROM insight.{view}")) > 0, "{view}");
    }
    assert_eq!(value::<i64>(&mut reader, "SELECT count(*) FROM insight.strata_members"), members);
    assert_goes_on(&mut owner, "renamed", "store", "insight", true);
    run(
        &mut owner,
        "SELECT * FROM strata.members('care'); SELECT * FROM strata.members('insight.care', '2024-02-01'); SELECT strata.explain('care', '7'); SELECT * FROM strata.entered('care', 'hot')",
    );
    // a model more, in the schema as it is called now
    run(
        &mut owner,
        &format!(
            "SELECT strata.create_model('second', $m${MODEL}$m$, attributes => 'store.customers'); SELECT strata.refresh('second', '2024-03-03'); SELECT count(*) FROM strata_members WHERE model = 'second'"
        ),
    );
    // another of the old name does not matter
    stage.root("CREATE SCHEMA analytics AUTHORIZATION {owner}; CREATE SCHEMA shop AUTHORIZATION {owner}");
    run(&mut owner, &shop("shop"));
    run(&mut owner, "INSERT INTO store.orders (customer_id, ordered_at, amount) VALUES (999, '2024-03-03', 1)");
    let synced = attempt(&mut owner, "SET search_path = insight; SELECT strata.sync('orders')");
    assert_eq!(synced, None);
    run(&mut owner, "DROP SCHEMA insight CASCADE");
    run(
        &mut owner,
        "INSERT INTO store.orders (customer_id, ordered_at, amount) VALUES (998, '2024-03-03', 1); UPDATE store.customers SET city = 'x'; DELETE FROM store.orders WHERE customer_id = 998; TRUNCATE store.orders",
    );
    // what is left of triggers does no harm, and a new start finds none in its way
    run(&mut owner, &living("store", "analytics"));
    run(&mut owner, "SELECT strata.verify('orders')");
    // everything of the extension goes
    run(&mut owner, "DROP SCHEMA analytics CASCADE; DROP SCHEMA store CASCADE; DROP SCHEMA shop CASCADE");
    stage.root("DROP EXTENSION pg_strata");
}

/// A cluster that prepares transactions, and whose databases subscribe to each other.
struct Own {
    host: String,
}

impl Own {
    const NAME: &str = "trialsdump";

    fn cluster(arguments: &[&str]) -> String {
        let output = Command::new(strata_tests::repository().join("scripts/cluster")).args(arguments).output();
        let output = output.expect("scripts/cluster");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn start() -> Own {
        let settings = strata_tests::repository().join("pg_test_config/logical.conf");
        Self::cluster(&["stop", Self::NAME]);
        Self::cluster(&["start", Self::NAME, "--conf", settings.to_str().expect("UTF-8")]);
        let environment = Self::cluster(&["env", Self::NAME]);
        let host = environment.lines().find_map(|line| line.strip_prefix("export STRATA_PGHOST=")).expect("its socket");
        Own { host: host.to_owned() }
    }

    fn connect(&self, database: &str) -> Client {
        let mut config = Client::configure();
        config.host(&self.host).port(5432).user("postgres").dbname(database).connect_timeout(Duration::from_secs(20));
        config.connect(postgres::NoTls).unwrap_or_else(|error| panic!("{database}: {error}"))
    }

    fn program(&self, name: &str) -> Command {
        let mut command = program(name);
        command.env("PGHOST", &self.host).env("PGPORT", "5432").env("PGUSER", "postgres");
        command
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = Command::new(strata_tests::repository().join("scripts/cluster")).args(["stop", Self::NAME]).output();
    }
}

fn wait_for(client: &mut Client, question: &str) {
    for _ in 0..400 {
        if value(client, question) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("never true: {question}");
}

/// Law: a refresh can be part of a transaction that is prepared and committed by another session; and a switch to a copy that
/// logical replication has filled, registry included, ends in an incremental refresh that is right.
#[test]
fn prepared_transactions_and_blue_green() {
    let cluster = Own::start();
    let mut client = cluster.connect("warehouse");
    run(&mut client, "CREATE EXTENSION pg_strata; CREATE SCHEMA shop; CREATE SCHEMA analytics");
    run(&mut client, &shop("shop"));
    run(&mut client, &living("shop", "analytics"));
    // sources and models in public, too, whose names need no schema where the search path has it
    run(&mut client, "SET search_path = public");
    run(&mut client, &shop("public"));
    run(
        &mut client,
        "SELECT strata.add_source('orders', 'orders', 'customer_id', 'ordered_at', 'amount'); SET search_path = analytics",
    );

    for statement in [
        "BEGIN; INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (7, '2024-03-02', 1); SELECT strata.sync('orders'); SELECT strata.refresh('care', '2024-03-02'); PREPARE TRANSACTION 'refresh'",
        "COMMIT PREPARED 'refresh'",
        "BEGIN; SELECT strata.rebuild('orders'); SELECT strata.refresh('care', '2024-03-02', true); SELECT strata.calibrate('care'); SELECT * FROM strata.replay('care', '2024-01-01', '2024-01-05'); SELECT strata.verify('orders'); PREPARE TRANSACTION 'more'",
        "ROLLBACK PREPARED 'more'",
    ] {
        run(&mut client, statement);
    }
    assert_same_rows(
        &mut client,
        "prepared",
        "TABLE orders_ledger",
        "SELECT customer_id, strata.ledger_agg(ordered_at, amount) FROM shop.orders GROUP BY 1",
    );

    // blue and green: the schema, then all rows by replication
    run(&mut client, "INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (9, '2024-03-02', 1)");
    let file = place("trials_green");
    succeed(cluster.program("pg_dump").args(["--schema-only", "--file"]).arg(&file).arg("warehouse"));
    run(&mut client, "CREATE DATABASE green TEMPLATE template0");
    succeed(cluster.program("psql").args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", "green", "-f"]).arg(&file));
    remove(&file);
    run(&mut client, "CREATE PUBLICATION everything FOR ALL TABLES");
    client.query("SELECT pg_create_logical_replication_slot('green', 'pgoutput')", &[]).expect("a slot");
    let mut green = cluster.connect("green");
    run(
        &mut green,
        &format!(
            "CREATE SUBSCRIPTION green CONNECTION 'host={} dbname=warehouse user=postgres' PUBLICATION everything WITH (create_slot = false, slot_name = green)",
            cluster.host
        ),
    );
    wait_for(&mut green, "SELECT count(*) > 10 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel");
    // life goes on in blue: rows, syncs, refreshes, a new version
    for day in 3..5 {
        run(
            &mut client,
            &format!(
                "INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES ({day}, '2024-03-03', 1), (44, '2024-03-03', 1); UPDATE shop.orders SET amount = amount + 1 WHERE customer_id = {day};
                 DELETE FROM shop.orders WHERE customer_id = 20 + {day}; UPDATE shop.customers SET city = 'x' WHERE user_id = {day}; SELECT strata.sync('orders'); SELECT strata.refresh('care', '2024-03-02');
                 INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (50 + {day}, '2024-03-03', 1)"
            ),
        );
    }
    run(&mut client, "CREATE TABLE public.done (n integer PRIMARY KEY)");
    run(&mut green, "CREATE TABLE public.done (n integer PRIMARY KEY)");
    let last: String = value(&mut client, "SELECT pg_current_wal_lsn()::text");
    wait_for(&mut client, &format!("SELECT bool_and(confirmed_flush_lsn >= '{last}') FROM pg_replication_slots"));
    // what has been confirmed need not have been applied to every table yet
    let state = "(SELECT concat_ws(' ', (SELECT count(*) FROM shop.orders), (SELECT sum(amount) FROM shop.orders),
        (SELECT extract(epoch FROM max(refreshed_at)) FROM analytics.strata_models),
        (SELECT count(*) FROM analytics.care_history)))";
    let blue: String = value(&mut client, &format!("SELECT {state}"));
    wait_for(&mut green, &format!("SELECT {state} = '{blue}'"));
    // the switch
    run(
        &mut green,
        "ALTER SUBSCRIPTION green DISABLE; ALTER SUBSCRIPTION green SET (slot_name = NONE); DROP SUBSCRIPTION green",
    );
    run(
        &mut green,
        "SET search_path = analytics; SET client_min_messages = error; SELECT * FROM strata.source_status(); SELECT * FROM strata.model_status()",
    );
    // numbers of sequences are not replicated: whoever switches moves them on
    run(&mut green, "SELECT setval('shop.orders_order_id_seq', 10000), setval('public.orders_order_id_seq', 10000)");
    let orders = "SELECT count(*) FROM shop.orders";
    assert_eq!(value::<i64>(&mut green, orders), value::<i64>(&mut client, orders));
    assert_goes_on(&mut green, "green", "shop", "analytics", true);
    run(&mut green, "SET search_path = public; SELECT strata.sync('orders'); SELECT strata.verify('orders')");
}
