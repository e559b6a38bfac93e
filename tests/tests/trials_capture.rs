//! The law of capture: no committed change is lost silently. What was committed is counted at the next sync, or the writer's
//! statement fails, or the sync says what is wrong: whatever happens to disks, locks, names, columns, partitions, schemas.

use std::process::Command;
use std::time::Duration;

use postgres::Client;
use strata_tests::roles::{Stage, attempt, told};
use strata_tests::{assert_same_rows, refusal, run, server, value, visible};

/// An owner with a shop of his own, whose orders he follows from schema `analytics`.
fn shop(database: &'static str) -> (Stage, Client) {
    let mut stage = Stage::new(database, &["owner", "writer", "other"]);
    stage.root(
        "CREATE SCHEMA shop AUTHORIZATION {owner}; CREATE SCHEMA analytics AUTHORIZATION {owner};
         GRANT CREATE ON DATABASE current_database() TO {owner}"
            .replace("current_database()", &format!("\"{database}\""))
            .as_str(),
    );
    let mut owner = stage.client("owner");
    run(
        &mut owner,
        "SET search_path = analytics; SET client_min_messages = warning;
         CREATE TABLE shop.orders (order_id bigserial PRIMARY KEY, customer_id bigint, ordered_at date, amount integer);
         INSERT INTO shop.orders (customer_id, ordered_at, amount)
         SELECT n % 60, DATE '2024-01-01' + n % 60, n FROM generate_series(1, 600) AS n;
         SELECT strata.add_source('orders', 'shop.orders', 'customer_id', 'ordered_at', 'amount')",
    );
    stage.root(
        "GRANT USAGE ON SCHEMA shop TO {writer}; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON shop.orders TO {writer};
         GRANT USAGE ON SEQUENCE shop.orders_order_id_seq TO {writer}",
    );
    (stage, owner)
}

const ORDERS: &str = "SELECT customer_id, strata.ledger_agg(ordered_at, amount) FROM shop.orders WHERE customer_id IS NOT NULL GROUP BY 1";

/// After a sync the ledgers are those of the rows, counted by plain SQL; and `verify` finds nothing.
fn assert_counted(client: &mut Client, law: &str) {
    run(client, "SELECT strata.sync('orders')");
    assert_same_rows(client, law, "TABLE orders_ledger", ORDERS);
    assert_eq!(value::<i64>(client, "SELECT count(*) FROM strata.verify('orders')"), 0, "{law}: verify");
}

/// A row by a writer, on day `day` of March.
fn order(user: i64, day: u32) -> String {
    format!("INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES ({user}, '2024-03-{day:02}', 7)")
}

/// Whether source `orders` says that something is wrong.
fn problem(client: &mut Client) -> Option<String> {
    value(client, "SELECT problem FROM strata.source_status() WHERE source = 'orders'")
}

/// Law: where the queue has no room, the write fails with the server's own error, and nothing of it is committed.
#[test]
fn a_full_disk_fails_the_writer() {
    let (stage, mut owner) = shop("trials_disk");
    // the queue is larger than the process may write, its table is not
    run(
        &mut owner,
        "INSERT INTO orders_queue (strata_change, customer_id, ordered_at, amount)
         SELECT (-1) ^ n, 1, DATE '2024-01-01', 1 FROM generate_series(1, 600000) AS n",
    );
    let size: i64 = value(&mut owner, "SELECT pg_relation_size('orders_queue')");
    let limit = size / 8192 * 8192;
    assert!(limit > 16 << 20, "files of the write-ahead log would be as long");
    let mut writer = stage.client("writer");
    let pid: i32 = value(&mut writer, "SELECT pg_backend_pid()");
    let limited = Command::new("prlimit").args(["--pid", &pid.to_string(), &format!("--fsize={limit}")]).status();
    if !limited.is_ok_and(|status| status.success()) {
        return visible("skipped: a_full_disk_fails_the_writer needs prlimit");
    }
    let rows = "SELECT count(*) FROM shop.orders";
    let before: i64 = value(&mut owner, rows);
    let much = "INSERT INTO shop.orders (customer_id, ordered_at, amount) SELECT n % 60, '2024-03-01', 5 FROM generate_series(1, 5000) AS n";
    let (code, message, _) = told(&mut writer, much);
    assert!(message.contains("could not extend file") || message.contains("could not write"), "{code}: {message}");
    assert_eq!(value::<i64>(&mut owner, rows), before, "a write that is not in the queue was committed");
    assert_counted(&mut owner, "after the failure");
    // and goes on where there is room again
    run(&mut stage.client("writer"), much);
    assert_counted(&mut owner, "with room again");
}

/// Law: a writer whose patience ends at the queue is told so, and his row is not there.
#[test]
fn impatient_writers_are_told() {
    let (stage, mut owner) = shop("trials_patience");
    let mut holder = stage.client("owner");
    for (setting, code) in [("lock_timeout", "55P03"), ("statement_timeout", "57014")] {
        run(&mut holder, "BEGIN; LOCK TABLE analytics.orders_queue IN ACCESS EXCLUSIVE MODE");
        let mut writer = stage.client("writer");
        run(&mut writer, &format!("SET {setting} = '200ms'"));
        assert_eq!(refusal(&mut writer, &order(8, 1)), code, "{setting}");
        assert_eq!(refusal(&mut writer, "TRUNCATE shop.orders"), code, "{setting}");
        // in a subtransaction, too: it is undone with what it wrote
        run(&mut writer, "BEGIN; SAVEPOINT s");
        assert_eq!(refusal(&mut writer, &order(9, 1)), code, "{setting}");
        run(&mut writer, "ROLLBACK TO s; COMMIT; RESET ALL");
        run(&mut holder, "COMMIT");
        run(&mut writer, &order(10, 1));
        assert_counted(&mut owner, setting);
    }
}

/// Law: a key, a day, an amount of any domain is captured, also where the domain takes no NULL, and where its checks have
/// become narrower than what is there.
#[test]
fn domains_are_captured() {
    let (_stage, mut client) = shop("trials_domains");
    run(
        &mut client,
        "CREATE DOMAIN shop.cust AS bigint NOT NULL; CREATE DOMAIN shop.customer AS shop.cust CHECK (VALUE > 0);
         CREATE DOMAIN shop.day AS date NOT NULL; CREATE DOMAIN shop.price AS numeric(12,2) CHECK (VALUE >= 0);
         CREATE DOMAIN shop.tag AS varchar(8) NOT NULL;
         CREATE TABLE shop.dom (customer shop.customer, at shop.day, amount shop.price, tag shop.tag);
         INSERT INTO shop.dom SELECT n, '2024-01-01', 1, 'x' FROM generate_series(1, 5) AS n;
         SELECT strata.add_source('dom', 'shop.dom', 'customer', 'at', 'amount', where_clause => 'tag <> ''y''')",
    );
    assert_eq!(value::<String>(&mut client, "SELECT capture FROM strata_sources WHERE name = 'dom'"), "trigger");
    let law = |client: &mut Client, law: &str| {
        run(client, "SELECT strata.sync('dom')");
        let rows = "SELECT customer::bigint, strata.ledger_agg(at::date, amount::numeric) FROM shop.dom WHERE tag <> 'y' GROUP BY 1
                    UNION ALL SELECT 0, '{}'";
        assert_same_rows(client, law, "TABLE dom_ledger UNION ALL SELECT 0, '{}'", rows);
        assert_eq!(value::<i64>(client, "SELECT count(*) FROM strata.verify('dom')"), 0, "{law}");
    };
    run(&mut client, "TRUNCATE shop.dom");
    law(&mut client, "truncated");
    run(
        &mut client,
        "INSERT INTO shop.dom VALUES (7, '2024-01-02', 3.5, 'x'), (8, '2024-01-02', 3.5, 'y'), (7, '2024-01-03', 1, 'z')",
    );
    law(&mut client, "inserted");
    // what is in the table is there, whatever the domain says by now
    run(
        &mut client,
        "ALTER DOMAIN shop.customer ADD CHECK (VALUE < 7) NOT VALID; DELETE FROM shop.dom WHERE at = '2024-01-03'",
    );
    law(&mut client, "deleted under a narrower domain");
    run(&mut client, "UPDATE shop.dom SET amount = 9 WHERE customer = 8");
    law(&mut client, "updated");
    // no domain of the relation binds the tables of the source
    let bound = "SELECT count(*) FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = atttypid
                 WHERE attrelid IN ('dom_queue'::regclass, 'dom_ledger'::regclass, 'dom_changes'::regclass, 'dom_rejects'::regclass) AND typtype = 'd'";
    assert_eq!(value::<i64>(&mut client, bound), 0);
}

/// Law: a schema that is renamed is followed: the registry's, the relation's, there and back, and both.
#[test]
fn renamed_schemas_are_followed() {
    let (stage, mut client) = shop("trials_schemas");
    let mut writer = stage.client("writer");
    run(
        &mut client,
        "CREATE SCHEMA other; CREATE TABLE other.visits (who bigint, at date); SELECT strata.add_source('visits', 'other.visits', 'who', 'at')",
    );
    // there and back, with a row in between
    run(&mut client, "ALTER SCHEMA analytics RENAME TO away");
    run(&mut writer, &order(77, 3));
    run(&mut client, "ALTER SCHEMA away RENAME TO analytics");
    assert_counted(&mut client, "the registry's schema, there and back");
    run(&mut client, "ALTER SCHEMA shop RENAME TO elsewhere");
    run(&mut writer, &order(78, 3).replace("shop.", "elsewhere."));
    run(&mut client, "ALTER SCHEMA elsewhere RENAME TO shop");
    assert_counted(&mut client, "the relation's schema, there and back");
    // while it is away everything goes on, and other sources are told of
    run(
        &mut client,
        "ALTER SCHEMA shop RENAME TO elsewhere; ALTER SCHEMA analytics RENAME TO away; SET search_path = away",
    );
    run(&mut writer, &order(79, 4).replace("shop.", "elsewhere."));
    run(
        &mut client,
        "INSERT INTO other.visits VALUES (1, '2024-03-01'); SELECT strata.sync('visits'); SELECT strata.sync('orders')",
    );
    assert_same_rows(&mut client, "both renamed", "TABLE orders_ledger", &ORDERS.replace("shop.", "elsewhere."));
    run(&mut writer, &order(80, 5).replace("shop.", "elsewhere."));
    run(&mut client, "SELECT strata.rebuild('orders')");
    run(&mut writer, &order(81, 5).replace("shop.", "elsewhere."));
    run(&mut client, "SELECT strata.sync('orders')");
    assert_same_rows(&mut client, "after a rebuild", "TABLE orders_ledger", &ORDERS.replace("shop.", "elsewhere."));
    // another schema of the old name is not mistaken for it
    run(
        &mut client,
        "CREATE SCHEMA analytics; CREATE TABLE analytics.orders_queue (strata_change smallint, customer_id bigint, ordered_at date, amount integer)",
    );
    run(&mut writer, &order(82, 6).replace("shop.", "elsewhere."));
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM analytics.orders_queue"), 0);
    run(&mut client, "SELECT strata.sync('orders')");
    assert_same_rows(&mut client, "beside a namesake", "TABLE orders_ledger", &ORDERS.replace("shop.", "elsewhere."));
    run(&mut client, "SELECT strata.drop_source('orders'); SELECT strata.drop_source('visits')");
    run(&mut writer, &order(83, 6).replace("shop.", "elsewhere."));
}

/// Law: a table of ours that is gone is told by the next sync or made good by it, never passed over; writers go on; a drop always
/// gets through.
#[test]
fn tables_of_ours_that_are_gone() {
    let (stage, mut client) = shop("trials_gone");
    let mut writer = stage.client("writer");
    run(&mut client, "DROP TABLE orders_queue");
    run(&mut writer, &order(70, 1));
    assert!(problem(&mut client).is_some_and(|problem| problem.contains("orders_queue")));
    assert_counted(&mut client, "a queue that is gone is made again");
    run(&mut writer, &order(71, 1));
    assert_counted(&mut client, "and is written to");
    // renamed it is still the queue, moved to another schema, too
    run(&mut client, "ALTER TABLE orders_queue RENAME TO waiting");
    run(&mut writer, &order(72, 1));
    assert_counted(&mut client, "a queue that is renamed");
    run(&mut client, "CREATE SCHEMA attic; ALTER TABLE waiting SET SCHEMA attic");
    run(&mut writer, &order(73, 1));
    assert_counted(&mut client, "a queue that is moved");
    // another table in its place is not written to, and not dropped
    run(
        &mut client,
        "DROP TABLE attic.waiting; CREATE TABLE orders_queue (strata_change smallint, customer_id bigint, ordered_at date, amount integer)",
    );
    run(&mut writer, &order(74, 1));
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM orders_queue"), 0);
    assert!(problem(&mut client).is_some());
    let (code, message, hint) = told(&mut client, "SELECT strata.sync('orders')");
    assert!(code == "42P07" && message.contains("orders_queue") && !hint.is_empty(), "{code} {message} {hint}");
    run(&mut client, "DROP TABLE orders_queue");
    assert_counted(&mut client, "and goes on without it");
    for table in ["orders_changes", "orders_rejects", "orders_ledger"] {
        run(&mut client, &format!("DROP TABLE {table}"));
        run(&mut writer, &order(75, 1));
        assert!(problem(&mut client).is_some_and(|problem| problem.contains(table)), "{table}");
        let (_, message, hint) = told(&mut client, "SELECT strata.sync('orders')");
        assert!(message.contains(table) && hint.contains("drop_source"), "{table}: {message} {hint}");
        run(
            &mut client,
            "SELECT strata.drop_source('orders'); SELECT strata.add_source('orders', 'shop.orders', 'customer_id', 'ordered_at', 'amount')",
        );
        assert_counted(&mut client, table);
    }
    // the queue has lost a column
    run(&mut client, "ALTER TABLE orders_queue DROP COLUMN strata_change");
    let (code, message, hint) = told(&mut writer, &order(75, 1));
    assert!(code == "55000" && message.contains("orders_queue") && !hint.is_empty(), "{code} {message}");
    run(&mut client, "DROP TABLE orders_queue");
    run(&mut writer, &order(75, 1));
    assert_counted(&mut client, "without that queue");
}

/// Columns whose names are those of PL/pgSQL's variables, of our queries, of parameters: every one of them is just a column.
const NAMES: &[&str] = &[
    "found",
    "tg_op",
    "new",
    "old",
    "row",
    "excluded",
    "strata_problem",
    "$1",
    "$body$",
    "user_id",
    "at",
    "amount",
    "ledger",
    "place",
    "before",
    "after",
    "cause",
    "first_day",
    "mark",
    "guests",
    "alias",
    "mapped",
    "is_ambiguous",
    "taken",
    "events",
    "moved",
    "counted",
    "differing",
    "marks",
    "wanted",
    "e",
    "t",
    "l",
    "q",
    "strata_place",
    "strata_user",
    "queued",
    "countable",
    "problem",
    "rejected_row",
    "change",
    "sync_id",
    "strata_new",
    "strata_old",
    "current_user",
    "select",
    "Größe",
    "a b",
    "x\"y",
    "day",
    "added",
    "removed",
    "members",
    "user",
    "none",
];

/// Law: no name of a column stops a source, whether all rows can be counted or some are put aside.
#[test]
fn columns_of_any_name() {
    let (_stage, mut client) = shop("trials_columns");
    let ident = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut failed = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        let column = ident(name);
        // as the key, as the amount, in the condition
        let variants = [
            format!("CREATE TABLE shop.odd_{number} ({column} bigint, some_day date, some_amount numeric)"),
            format!("CREATE TABLE shop.odd_{number} (some_user bigint, some_day date, {column} numeric)"),
            format!("CREATE TABLE shop.odd_{number} (some_user bigint, {column} date, some_amount numeric)"),
            format!(
                "CREATE TABLE shop.odd_{number} (some_user bigint, some_day date, some_amount numeric, {column} boolean DEFAULT true)"
            ),
        ];
        let quoted = column.replace('\'', "''");
        let arguments = [
            format!("'{quoted}', 'some_day', 'some_amount'"),
            format!("'some_user', 'some_day', '{quoted}'"),
            format!("'some_user', '{quoted}', 'some_amount'"),
            format!("'some_user', 'some_day', 'some_amount', where_clause => '{quoted}'"),
        ];
        for (table, arguments) in variants.iter().zip(arguments) {
            let steps = format!(
                "DROP TABLE IF EXISTS shop.odd_{number}; {table}; INSERT INTO shop.odd_{number} VALUES (1, '2024-01-01', 2);
                 SELECT strata.add_source('odd', 'shop.odd_{number}', {arguments});
                 INSERT INTO shop.odd_{number} VALUES (1, '2024-01-02', 3), (2, '2024-01-02', 4); SELECT strata.sync('odd');
                 INSERT INTO shop.odd_{number} VALUES (2, '2024-01-03', 'NaN'), (2, '2024-01-03', 1); SELECT strata.sync('odd');
                 SELECT strata.rebuild('odd')"
            );
            if let Some((code, message, _)) = attempt(&mut client, &steps) {
                failed.push(format!("{arguments}: {code} {message}"));
                let _ = attempt(&mut client, "SELECT strata.drop_source('odd')");
                continue;
            }
            let ledgers: String = value(
                &mut client,
                "SELECT (SELECT string_agg(user_id || ledger::text, ' ' ORDER BY user_id) FROM odd_ledger) || (SELECT count(*) FROM strata.verify('odd'))
                     || (SELECT count(*) FROM odd_queue)",
            );
            let expected =
                r#"1{"2024-01-01": [1, 2], "2024-01-02": [1, 3]} 2{"2024-01-02": [1, 4], "2024-01-03": [1, 1]}00"#;
            if ledgers != expected {
                failed.push(format!("{arguments}: {ledgers}"));
            }
            run(&mut client, "SELECT strata.drop_source('odd')");
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), NAMES.len() * 4, failed.join("\n"));
    // the one name that the queue needs is refused, and said
    run(&mut client, "CREATE TABLE shop.odd (strata_change bigint, at date)");
    let (code, message, _) = told(&mut client, "SELECT strata.add_source('odd', 'shop.odd', 'strata_change', 'at')");
    assert!(code == "42939" && message.contains("strata_change"), "{code}: {message}");
}

/// Law: the longest names of sources are told apart, also where source and map follow one relation.
#[test]
fn the_longest_names() {
    let (_stage, mut client) = shop("trials_long_names");
    run(
        &mut client,
        "CREATE TABLE shop.both (alias text, user_id bigint, at date);
         INSERT INTO shop.both VALUES ('a', 1, '2024-01-01'), ('b', 1, '2024-01-02'), ('c', 2, '2024-01-03')",
    );
    for name in ["x".repeat(47), "用".repeat(15), format!("{}y", "x".repeat(42))] {
        run(
            &mut client,
            &format!("SELECT strata.add_source('{name}', 'shop.both', 'alias', 'at', user_map => 'shop.both')"),
        );
        run(
            &mut client,
            &format!(
                "INSERT INTO shop.both VALUES ('d', 2, '2024-01-04'); UPDATE shop.both SET user_id = 3 WHERE alias = 'c';
                 SELECT strata.sync('{name}'); DELETE FROM shop.both WHERE alias = 'd'; SELECT strata.sync('{name}')"
            ),
        );
        assert_same_rows(
            &mut client,
            &name,
            &format!("TABLE \"{name}_ledger\""),
            "SELECT user_id, strata.ledger_agg(at) FROM shop.both GROUP BY 1",
        );
        run(&mut client, "TRUNCATE shop.both");
        run(&mut client, &format!("SELECT strata.sync('{name}')"));
        assert_eq!(value::<i64>(&mut client, &format!("SELECT count(*) FROM \"{name}_ledger\"")), 0);
        run(&mut client, "INSERT INTO shop.both VALUES ('a', 1, '2024-01-01'), ('c', 2, '2024-01-03')");
    }
    // what a name and an ending make is not another's
    run(
        &mut client,
        "SELECT strata.add_source('v', 'shop.both', 'alias', 'at'); SELECT strata.add_source('v_alias', 'shop.both', 'alias', 'at');
         SELECT strata.drop_source('v'); INSERT INTO shop.both VALUES ('z', 1, '2024-01-01'); SELECT strata.sync('v_alias')",
    );
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.verify('v_alias')"), 0);
}

/// Law: a publication of all tables stops nothing: every table that is deleted from has an identity.
#[test]
fn publications_for_all_tables() {
    let (mut stage, mut client) = shop("trials_published");
    run(
        &mut client,
        "CREATE TABLE shop.likes (alias text, at date, n numeric); CREATE TABLE shop.aliases (alias text, user_id bigint);
         INSERT INTO shop.likes VALUES ('a', '2024-01-01', 1), ('b', '2024-01-01', 1); INSERT INTO shop.aliases VALUES ('a', 1), ('b', 1);
         SELECT strata.add_source('likes', 'shop.likes', 'alias', 'at', 'n', user_map => 'shop.aliases');
         -- the shop's own tables need theirs for updates
         ALTER TABLE shop.likes REPLICA IDENTITY FULL; ALTER TABLE shop.aliases REPLICA IDENTITY FULL",
    );
    stage.root("CREATE PUBLICATION everything FOR ALL TABLES");
    run(
        &mut client,
        "UPDATE shop.orders SET amount = 1 WHERE customer_id = 3; DELETE FROM shop.orders WHERE customer_id = 4;
         SELECT strata.sync('orders'); SELECT strata.rebuild('orders');
         INSERT INTO shop.likes VALUES ('a', '2024-01-02', 'NaN'), ('c', '2024-01-02', 2); SELECT strata.sync('likes');
         DELETE FROM shop.likes WHERE n = 'NaN'; UPDATE shop.aliases SET user_id = 2 WHERE alias = 'b'; SELECT strata.sync('likes');
         SELECT strata.rebuild('likes'); SELECT strata.verify('likes'); TRUNCATE shop.orders; SELECT strata.sync('orders')",
    );
    run(&mut client, &order(5, 1));
    assert_counted(&mut client, "published");
    let without = "SELECT coalesce(string_agg(c.relname, ' '), '') FROM pg_class AS c
                   WHERE relnamespace = 'analytics'::regnamespace AND relkind = 'r' AND relreplident <> 'f'
                     AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)";
    assert_eq!(value::<String>(&mut client, without), "", "tables without an identity");
    run(&mut client, "SELECT strata.drop_source('likes'); SELECT strata.drop_source('orders')");
}

/// Law: capture is seen in every session, also in those that replicate; and costs a transaction no numbers of its own.
#[test]
fn replicating_sessions_are_seen() {
    let (stage, mut client) = shop("trials_replica");
    let mut root = strata_tests::superuser(stage.database);
    run(
        &mut root,
        &format!(
            "SET session_replication_role = replica; {}; UPDATE shop.orders SET amount = 3 WHERE customer_id = 2; DELETE FROM shop.orders WHERE customer_id = 5",
            order(200, 2)
        ),
    );
    assert_counted(&mut client, "replica");
    run(&mut root, &format!("TRUNCATE shop.orders; {}", order(202, 2)));
    assert_counted(&mut client, "truncated as replica");
    run(&mut root, &format!("SET session_replication_role = local; {}", order(201, 2)));
    assert_counted(&mut client, "local");
    // one number for a transaction, however many statements it has
    run(&mut client, "SELECT strata.add_source('again', 'shop.orders', 'customer_id', 'ordered_at')");
    let next = "SELECT (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint";
    let before: i64 = value(&mut root, next);
    let statements: String = (0..50).map(|n| order(n, 3) + ";").collect();
    run(&mut client, &format!("BEGIN; {statements} COMMIT"));
    let used = value::<i64>(&mut root, next) - before;
    assert!(used < 20, "50 statements used {used} numbers of transactions");
}

/// Law: a generated column that is stored is captured like any other; one that is not is followed by comparing.
#[test]
fn generated_columns() {
    let (_stage, mut client) = shop("trials_generated");
    run(
        &mut client,
        "CREATE TABLE shop.lines (customer bigint, at date, price numeric, pieces integer, total numeric GENERATED ALWAYS AS (price * pieces) STORED);
         SELECT strata.add_source('lines', 'shop.lines', 'customer', 'at', 'total');
         INSERT INTO shop.lines VALUES (1, '2024-01-01', 2.5, 4), (2, '2024-01-01', 1, 1); UPDATE shop.lines SET pieces = 3 WHERE customer = 1;
         DELETE FROM shop.lines WHERE customer = 2; SELECT strata.sync('lines')",
    );
    assert_eq!(value::<String>(&mut client, "SELECT capture FROM strata_sources WHERE name = 'lines'"), "trigger");
    let counted = "SELECT customer, strata.ledger_agg(at, total) FROM shop.lines GROUP BY 1";
    assert_same_rows(&mut client, "stored", "TABLE lines_ledger", counted);
    let version: i32 = value(&mut client, "SELECT current_setting('server_version_num')::integer");
    if version < 180_000 {
        return;
    }
    let table = "CREATE TABLE shop.virtual_lines (customer bigint, at date, price numeric, pieces integer, total numeric GENERATED ALWAYS AS (price * pieces) VIRTUAL)";
    run(
        &mut client,
        &format!("{table}; SELECT strata.add_source('virtual', 'shop.virtual_lines', 'customer', 'at', 'total')"),
    );
    assert_eq!(value::<String>(&mut client, "SELECT capture FROM strata_sources WHERE name = 'virtual'"), "compare");
    run(&mut client, "INSERT INTO shop.virtual_lines VALUES (1, '2024-01-01', 2.5, 4); SELECT strata.sync('virtual')");
    let counted = "SELECT customer, strata.ledger_agg(at, total) FROM shop.virtual_lines GROUP BY 1";
    assert_same_rows(&mut client, "virtual", "TABLE virtual_ledger", counted);
    let (code, ..) = told(
        &mut client,
        "SELECT strata.add_source('forced', 'shop.virtual_lines', 'customer', 'at', 'total', capture => 'trigger')",
    );
    assert_eq!(code, "42809");
}

/// Law: a renamed table is followed, a swapped one is taken for what it is: triggers come back by themselves, and nothing of
/// either is lost.
#[test]
fn renames_and_swaps() {
    let (stage, mut client) = shop("trials_swaps");
    let mut writer = stage.client("writer");
    run(&mut client, "ALTER TABLE shop.orders RENAME TO sales");
    run(&mut writer, &order(90, 1).replace("shop.orders", "shop.sales"));
    run(&mut client, "SELECT strata.sync('orders')");
    assert_same_rows(&mut client, "renamed", "TABLE orders_ledger", &ORDERS.replace("shop.orders", "shop.sales"));
    run(&mut client, "ALTER TABLE shop.sales RENAME TO orders");
    assert_counted(&mut client, "renamed back");
    // a swap as tools do it, and with the views on it gone
    for (round, (gone, new)) in [
        ("ALTER TABLE shop.orders RENAME TO orders_old", "ALTER TABLE shop.orders_new RENAME TO orders"),
        (
            "DROP TABLE IF EXISTS shop.orders_old; DROP TABLE shop.orders CASCADE",
            "ALTER TABLE shop.orders_new RENAME TO orders",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        run(
            &mut client,
            &format!(
                "DROP VIEW IF EXISTS shop.recent; CREATE VIEW shop.recent AS SELECT * FROM shop.orders;
                 BEGIN; CREATE TABLE shop.orders_new (amount integer, order_id bigint, ordered_at date, note text, customer_id bigint);
                 INSERT INTO shop.orders_new SELECT amount, order_id, ordered_at, 'x', customer_id FROM shop.orders WHERE customer_id % 7 <> {round};
                 {gone}; {new}; COMMIT;
                 INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES ({}, '2024-03-09', 4)",
                300 + round
            ),
        );
        assert_counted(&mut client, gone);
        run(
            &mut client,
            "INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (310, '2024-03-10', 4); UPDATE shop.orders SET amount = amount + 1 WHERE customer_id = 9",
        );
        assert!(
            value::<i64>(&mut client, "SELECT count(*) FROM orders_queue WHERE strata_change IN (1, -1)") > 1,
            "{gone}: no triggers"
        );
        assert_counted(&mut client, "triggers came back");
    }
    // a column is renamed: said, not lost; and as it was
    run(
        &mut client,
        "ALTER TABLE shop.orders RENAME COLUMN amount TO total; INSERT INTO shop.orders (customer_id, ordered_at, total) VALUES (320, '2024-03-11', 4)",
    );
    assert!(problem(&mut client).is_some_and(|problem| problem.contains("amount")));
    let (code, message, hint) = told(&mut client, "SELECT strata.sync('orders')");
    assert!(code == "55000" && message.contains("amount") && !hint.is_empty(), "{code} {message}");
    run(&mut client, "ALTER TABLE shop.orders RENAME COLUMN total TO amount");
    assert_counted(&mut client, "a column renamed and renamed back");
    run(
        &mut client,
        "ALTER TABLE shop.orders ALTER amount TYPE text USING amount::text; INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (321, '2024-03-11', '4')",
    );
    assert!(problem(&mut client).is_some());
    assert_eq!(told(&mut client, "SELECT strata.sync('orders')").0, "55000");
    run(&mut client, "ALTER TABLE shop.orders ALTER amount TYPE integer USING amount::integer");
    assert_counted(&mut client, "a type changed and changed back");
    // another column of that name, another order of columns
    run(
        &mut client,
        "ALTER TABLE shop.orders ADD COLUMN amount_2 integer; UPDATE shop.orders SET amount_2 = amount; ALTER TABLE shop.orders DROP COLUMN amount; ALTER TABLE shop.orders RENAME COLUMN amount_2 TO amount; UPDATE shop.orders SET amount = amount + 1 WHERE customer_id < 5",
    );
    assert_counted(&mut client, "another column of the same name");
    // a view in its place: compared
    run(
        &mut client,
        "ALTER TABLE shop.orders RENAME TO orders_base; CREATE VIEW shop.orders AS SELECT customer_id, ordered_at, amount FROM shop.orders_base WHERE customer_id % 2 = 0",
    );
    assert_counted(&mut client, "a view");
    run(&mut client, "INSERT INTO shop.orders_base (customer_id, ordered_at, amount) VALUES (400, '2024-03-11', 4)");
    assert_counted(&mut client, "a view, again");
    run(
        &mut client,
        "DROP VIEW shop.orders; ALTER TABLE shop.orders_base RENAME TO orders; INSERT INTO shop.orders (customer_id, ordered_at, amount) VALUES (401, '2024-03-11', 4)",
    );
    assert_counted(&mut client, "a table again");
}

/// Law: triggers that somebody took off, disabled or half removed are told or made good, never passed over.
#[test]
fn tampered_triggers() {
    let (_stage, mut client) = shop("trials_triggers");
    let names: Vec<String> = client
        .query(
            "SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'shop.orders'::regclass AND tgname LIKE 'strata%'",
            &[],
        )
        .expect("triggers")
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(names.len(), 4);
    for name in &names {
        for tamper in [
            format!("DROP TRIGGER \"{name}\" ON shop.orders"),
            format!("ALTER TABLE shop.orders DISABLE TRIGGER \"{name}\""),
            format!("ALTER TABLE shop.orders ENABLE REPLICA TRIGGER \"{name}\""),
            format!("ALTER TRIGGER \"{name}\" ON shop.orders RENAME TO another"),
        ] {
            run(&mut client, &tamper);
            run(
                &mut client,
                &format!(
                    "{}; UPDATE shop.orders SET amount = amount + 1 WHERE customer_id = 7; DELETE FROM shop.orders WHERE order_id % 97 = 5",
                    order(500, 1)
                ),
            );
            assert!(problem(&mut client).is_some(), "{tamper}");
            assert_counted(&mut client, &tamper);
            assert!(problem(&mut client).is_none(), "{tamper}");
            run(&mut client, "DROP TRIGGER IF EXISTS another ON shop.orders");
        }
    }
    // asked for by name, it is told
    run(&mut client, "SELECT strata.drop_source('orders'); SELECT strata.add_source('orders', 'shop.orders', 'customer_id', 'ordered_at', 'amount', capture => 'trigger');
                      ALTER TABLE shop.orders DISABLE TRIGGER USER");
    run(&mut client, &order(501, 1));
    let (code, _, hint) = told(&mut client, "SELECT strata.sync('orders')");
    assert!(code == "55000" && hint.contains("rebuild"), "{code} {hint}");
    run(&mut client, "SELECT strata.rebuild('orders')");
    assert_counted(&mut client, "rebuilt");
}

const PARTITIONS: &str = "
    CREATE TABLE shop.visits (who bigint, at date, n integer) PARTITION BY RANGE (at);
    CREATE TABLE shop.visits_1 PARTITION OF shop.visits FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
    CREATE TABLE shop.visits_2 PARTITION OF shop.visits FOR VALUES FROM ('2024-02-01') TO ('2024-03-01') PARTITION BY LIST (who);
    CREATE TABLE shop.visits_2a PARTITION OF shop.visits_2 FOR VALUES IN (1, 2, 3);
    CREATE TABLE shop.visits_2b PARTITION OF shop.visits_2 DEFAULT;
    INSERT INTO shop.visits SELECT n % 9, DATE '2024-01-01' + n % 59, n FROM generate_series(1, 200) AS n;
    SELECT strata.add_source('visits', 'shop.visits', 'who', 'at', 'n')";

/// Law: partitions may come and go between two syncs, with rows that came through the parent or straight into them, and what is
/// counted is what the parent holds.
#[test]
fn partitions_that_come_and_go() {
    let (_stage, mut client) = shop("trials_partitions");
    run(&mut client, PARTITIONS);
    let fresh = "CREATE TABLE shop.visits_9 PARTITION OF shop.visits FOR VALUES FROM ('2024-09-01') TO ('2024-10-01')";
    let rows = "INSERT INTO shop.visits VALUES (1, '2024-09-03', 4), (20, '2024-09-04', 5)";
    let direct = "INSERT INTO shop.visits_9 VALUES (2, '2024-09-03', 4), (21, '2024-09-04', 5)";
    let detach = "ALTER TABLE shop.visits DETACH PARTITION shop.visits_9";
    let steps: &[(&str, Vec<&str>)] = &[
        ("came, got rows through the parent, was dropped", vec![fresh, rows, "DROP TABLE shop.visits_9"]),
        ("came, got rows of its own, was dropped", vec![fresh, direct, "DROP TABLE shop.visits_9"]),
        ("was detached", vec![fresh, rows, direct, detach]),
        (
            "was attached again with other rows",
            vec![
                "DELETE FROM shop.visits_9 WHERE who = 1",
                "INSERT INTO shop.visits_9 VALUES (30, '2024-09-05', 1)",
                "ALTER TABLE shop.visits ATTACH PARTITION shop.visits_9 FOR VALUES FROM ('2024-09-01') TO ('2024-10-01')",
            ],
        ),
        (
            "left and came back between two syncs, changed meanwhile",
            vec![
                detach,
                "UPDATE shop.visits_9 SET n = n + 1",
                "ALTER TABLE shop.visits ATTACH PARTITION shop.visits_9 FOR VALUES FROM ('2024-09-01') TO ('2024-10-01')",
            ],
        ),
        ("was truncated by itself", vec!["TRUNCATE shop.visits_9", rows]),
        (
            "was updated through the parent into another",
            vec!["UPDATE shop.visits SET at = '2024-01-05' WHERE at > '2024-09-01'"],
        ),
        ("was dropped", vec![rows, direct, "DROP TABLE shop.visits_9"]),
        (
            "came within another",
            vec![
                "ALTER TABLE shop.visits_2 DETACH PARTITION shop.visits_2b",
                "CREATE TABLE shop.visits_2c PARTITION OF shop.visits_2 FOR VALUES IN (4, 5)",
                "INSERT INTO shop.visits VALUES (4, '2024-02-02', 1)",
                "INSERT INTO shop.visits_2 VALUES (5, '2024-02-02', 1)",
                "INSERT INTO shop.visits_2c VALUES (5, '2024-02-03', 1)",
            ],
        ),
        (
            "a whole branch left",
            vec![
                "INSERT INTO shop.visits_2 VALUES (5, '2024-02-02', 1)",
                "ALTER TABLE shop.visits DETACH PARTITION shop.visits_2",
                "INSERT INTO shop.visits_2 VALUES (5, '2024-02-02', 1)",
            ],
        ),
        (
            "the branch came back",
            vec![
                "ALTER TABLE shop.visits ATTACH PARTITION shop.visits_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')",
                "INSERT INTO shop.visits_2a VALUES (1, '2024-02-02', 1)",
            ],
        ),
        (
            "two at once, one stays",
            vec![
                fresh,
                "CREATE TABLE shop.visits_8 PARTITION OF shop.visits FOR VALUES FROM ('2024-08-01') TO ('2024-09-01')",
                rows,
                "INSERT INTO shop.visits VALUES (1, '2024-08-03', 4), (40, '2024-08-04', 5)",
                "DROP TABLE shop.visits_9",
            ],
        ),
        (
            "in one transaction",
            vec![
                "BEGIN; CREATE TABLE shop.visits_9 PARTITION OF shop.visits FOR VALUES FROM ('2024-09-01') TO ('2024-10-01'); INSERT INTO shop.visits VALUES (1, '2024-09-03', 4), (50, '2024-09-04', 5); ALTER TABLE shop.visits DETACH PARTITION shop.visits_9; COMMIT",
                "DROP TABLE shop.visits_9",
            ],
        ),
        (
            "in a subtransaction that is undone",
            vec![
                fresh,
                "BEGIN; SAVEPOINT s; INSERT INTO shop.visits VALUES (51, '2024-09-03', 4); ROLLBACK TO s; INSERT INTO shop.visits VALUES (52, '2024-09-03', 4); COMMIT",
                "DROP TABLE shop.visits_9",
            ],
        ),
    ];
    let counted = "SELECT who, strata.ledger_agg(at, n) FROM shop.visits GROUP BY 1";
    for (law, steps) in steps {
        for step in steps {
            run(&mut client, step);
        }
        run(&mut client, "SELECT strata.sync('visits')");
        assert_same_rows(&mut client, law, "TABLE visits_ledger", counted);
        let problem: Option<String> =
            value(&mut client, "SELECT problem FROM strata.source_status() WHERE source = 'visits'");
        assert_eq!(problem, None, "{law}");
    }
    run(&mut client, "SELECT strata.drop_source('visits')");
    let left = "SELECT count(*) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid WHERE relname LIKE 'visits%' AND NOT tgisinternal";
    assert_eq!(value::<i64>(&mut client, left), 0, "triggers are left");
}

/// Law: plain inheritance is followed as partitions are: children that come, go, and are written to straight.
#[test]
fn children_of_a_table() {
    let (_stage, mut client) = shop("trials_children");
    run(
        &mut client,
        "CREATE TABLE shop.archive () INHERITS (shop.orders); INSERT INTO shop.archive VALUES (9001, 61, '2024-03-01', 5)",
    );
    assert_counted(&mut client, "a child that came");
    run(
        &mut client,
        "INSERT INTO shop.archive VALUES (9002, 62, '2024-03-01', 5); UPDATE shop.orders SET amount = 6 WHERE customer_id = 61",
    );
    assert_counted(&mut client, "written to");
    run(
        &mut client,
        "ALTER TABLE shop.archive NO INHERIT shop.orders; INSERT INTO shop.archive VALUES (9003, 63, '2024-03-01', 5)",
    );
    assert_counted(&mut client, "a child that went");
    run(&mut client, "ALTER TABLE shop.archive INHERIT shop.orders; DROP TABLE shop.archive");
    assert_counted(&mut client, "came back and was dropped");
}

/// Law: rows that row-level security hides from the owner are not taken for none: he is told.
#[test]
fn forced_row_level_security() {
    let (_stage, mut client) = shop("trials_policies");
    run(
        &mut client,
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.orders FORCE ROW LEVEL SECURITY;
         CREATE POLICY part ON shop.orders USING (customer_id < 10) WITH CHECK (true)",
    );
    let before: i64 = value(&mut client, "SELECT count(*) FROM orders_ledger");
    for call in
        ["rebuild('orders')", "add_source('again', 'shop.orders', 'customer_id', 'ordered_at')", "verify('orders')"]
    {
        let (code, message, _) = told(&mut client, &format!("SELECT strata.{call}"));
        assert!(code == "42501" && message.contains("row-level security"), "{call}: {code} {message}");
    }
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM orders_ledger"), before);
    // what triggers see needs no such look
    run(&mut client, &order(5, 2));
    let _ = attempt(&mut client, "SELECT strata.sync('orders')");
    run(&mut client, "ALTER TABLE shop.orders NO FORCE ROW LEVEL SECURITY");
    assert_counted(&mut client, "not forced");
}

/// Law: a table that changes hands tells its old owner nothing more, he is told, and can still drop what is his.
#[test]
fn a_table_that_changes_hands() {
    let (mut stage, mut client) = shop("trials_hands");
    run(
        &mut client,
        "CREATE TABLE shop.kept (customer_id bigint, at date); SELECT strata.add_source('kept', 'shop.kept', 'customer_id', 'at')",
    );
    stage.root("ALTER TABLE shop.orders OWNER TO {other}; GRANT USAGE, CREATE ON SCHEMA shop TO {other}");
    let mut other = stage.client("other");
    run(&mut other, &order(4242, 1));
    let seen = "SELECT count(*) FROM orders_queue WHERE customer_id = 4242";
    assert_eq!(value::<i64>(&mut client, seen), 0, "the old owner reads the rows");
    let (_, message, _) = told(&mut client, "SELECT strata.sync('orders')");
    assert!(message.contains(&stage.role("other")), "{message}");
    assert!(problem(&mut client).is_some_and(|problem| problem.contains(&stage.role("other"))));
    // others of his go on
    run(&mut client, "INSERT INTO shop.kept VALUES (1, '2024-01-01'); SELECT strata.sync('kept')");
    // the new owner can follow it himself, beside what the old one left there
    run(
        &mut other,
        "SET search_path = shop; SELECT strata.add_source('mine', 'shop.orders', 'customer_id', 'ordered_at')",
    );
    run(&mut client, "SELECT strata.drop_source('orders')");
    run(&mut other, &format!("{}; SELECT strata.sync('mine'); SELECT strata.drop_source('mine')", order(4243, 1)));
    run(&mut other, &order(4244, 1));
    // and given back it is as it was
    stage.root("ALTER TABLE shop.orders OWNER TO {owner}");
    run(&mut client, "SELECT strata.add_source('orders', 'shop.orders', 'customer_id', 'ordered_at', 'amount')");
    assert_counted(&mut client, "given back");
}

/// Law: a table that another's child inherits from, or that is in somebody else's hands in part, is not followed by triggers.
#[test]
fn a_partition_of_another() {
    let (mut stage, mut client) = shop("trials_foreign_part");
    run(&mut client, PARTITIONS);
    stage.root("ALTER TABLE shop.visits_1 OWNER TO {other}; GRANT USAGE ON SCHEMA shop TO {other}");
    let mut other = stage.client("other");
    run(&mut other, "INSERT INTO shop.visits_1 VALUES (99, '2024-01-03', 5)");
    run(&mut client, "INSERT INTO shop.visits VALUES (98, '2024-01-03', 5)");
    match attempt(&mut client, "SELECT strata.sync('visits')") {
        Some((code, message, _)) => {
            assert!(code == "55000" && message.contains(&stage.role("other")), "{code} {message}")
        }
        None => {
            assert_same_rows(
                &mut client,
                "compared",
                "TABLE visits_ledger",
                "SELECT who, strata.ledger_agg(at, n) FROM shop.visits GROUP BY 1",
            );
        }
    }
}

/// A cluster whose databases can subscribe to each other.
struct Logical {
    host: String,
}

impl Logical {
    const NAME: &str = "trialscapture";

    fn cluster(arguments: &[&str]) -> String {
        let output = Command::new(strata_tests::repository().join("scripts/cluster")).args(arguments).output();
        let output = output.expect("scripts/cluster");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn start() -> Logical {
        let settings = strata_tests::repository().join("pg_test_config/logical.conf");
        Self::cluster(&["stop", Self::NAME]);
        Self::cluster(&["start", Self::NAME, "--conf", settings.to_str().expect("UTF-8")]);
        let environment = Self::cluster(&["env", Self::NAME]);
        let host = environment.lines().find_map(|line| line.strip_prefix("export STRATA_PGHOST=")).expect("its socket");
        Logical { host: host.to_owned() }
    }

    fn connect(&self, database: &str, user: &str) -> Client {
        let mut config = Client::configure();
        config.host(&self.host).port(5432).user(user).dbname(database).connect_timeout(Duration::from_secs(20));
        config.connect(postgres::NoTls).unwrap_or_else(|error| panic!("{database} as {user}: {error}"))
    }
}

impl Drop for Logical {
    fn drop(&mut self) {
        let _ = Command::new(strata_tests::repository().join("scripts/cluster")).args(["stop", Self::NAME]).output();
    }
}

/// Waits until a question is answered with true.
fn wait_for(client: &mut Client, question: &str) {
    for _ in 0..300 {
        if value(client, question) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("never true: {question}");
}

/// Law: a table that a subscription fills, from the first day or later, is never taken for one that triggers see: its rows are
/// counted by comparing, or the sync says what is wrong. So are the attributes of a model.
#[test]
fn subscriptions() {
    let cluster = Logical::start();
    run(&mut cluster.connect("warehouse", "postgres"), "CREATE DATABASE shop");
    let mut shop = cluster.connect("shop", "postgres");
    run(
        &mut shop,
        "CREATE TABLE orders (id bigserial PRIMARY KEY, customer_id bigint, ordered_at date);
         CREATE TABLE late (id bigserial PRIMARY KEY, customer_id bigint, ordered_at date);
         INSERT INTO orders (customer_id, ordered_at) SELECT n, '2024-01-01' FROM generate_series(1, 50) AS n;
         INSERT INTO late (customer_id, ordered_at) SELECT n, '2024-01-01' FROM generate_series(1, 50) AS n;
         CREATE PUBLICATION all_of_it FOR TABLE orders, late",
    );
    shop.query("SELECT pg_create_logical_replication_slot('all_of_it', 'pgoutput')", &[]).expect("a slot");
    let mut client = cluster.connect("warehouse", "postgres");
    run(
        &mut client,
        "CREATE EXTENSION pg_strata; SET client_min_messages = warning;
         CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, ordered_at date);
         CREATE TABLE late (id bigint PRIMARY KEY, customer_id bigint, ordered_at date);
         -- before its table is one of the subscription's
         SELECT strata.add_source('late', 'late', 'customer_id', 'ordered_at')",
    );
    run(
        &mut client,
        &format!(
            "CREATE SUBSCRIPTION here CONNECTION 'host={} dbname=shop user=postgres' PUBLICATION all_of_it WITH (create_slot = false, slot_name = all_of_it)",
            cluster.host
        ),
    );
    let ready = "SELECT count(*) = 2 FROM pg_subscription_rel WHERE srsubstate = 'r'";
    wait_for(&mut client, ready);
    run(&mut client, "SELECT strata.add_source('orders', 'orders', 'customer_id', 'ordered_at')");
    assert_eq!(value::<String>(&mut client, "SELECT capture FROM strata_sources WHERE name = 'orders'"), "compare");
    for round in 1..3 {
        run(
            &mut shop,
            &format!(
                "INSERT INTO orders (customer_id, ordered_at) SELECT {round}00 + n, '2024-01-0{round}' FROM generate_series(1, 9) AS n;
                 DELETE FROM late WHERE customer_id = {round}; UPDATE late SET ordered_at = '2024-02-01' WHERE customer_id = 1{round};
                 INSERT INTO late (customer_id, ordered_at) SELECT {round}00 + n, '2024-01-0{round}' FROM generate_series(1, 9) AS n"
            ),
        );
        for table in ["orders", "late"] {
            let all: i64 = value(&mut shop, &format!("SELECT count(*) FROM {table}"));
            let last: i64 = value(&mut shop, &format!("SELECT max(id) FROM {table}"));
            wait_for(&mut client, &format!("SELECT count(*) = {all} AND max(id) = {last} FROM {table}"));
            run(&mut client, &format!("SELECT strata.sync('{table}')"));
            assert_same_rows(
                &mut client,
                &format!("{table} {round}"),
                &format!("TABLE {table}_ledger"),
                &format!("SELECT customer_id, strata.ledger_agg(ordered_at) FROM {table} GROUP BY 1"),
            );
        }
    }
    // asked for by name, it is told
    let (code, message, _) = told(
        &mut client,
        "SELECT strata.add_source('forced', 'orders', 'customer_id', 'ordered_at', capture => 'trigger')",
    );
    assert!(code == "42809" && message.contains("replication"), "{code}: {message}");
    run(&mut client, "DROP SUBSCRIPTION here");
    // on its own again, 'auto' puts triggers back
    run(&mut client, "INSERT INTO late VALUES (9999, 7, '2024-02-02'); SELECT strata.sync('late')");
    assert_eq!(value::<String>(&mut client, "SELECT capture FROM strata_sources WHERE name = 'late'"), "trigger");
    run(&mut client, "INSERT INTO late VALUES (9998, 7, '2024-02-03'); SELECT strata.sync('late')");
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.verify('late')"), 0);
}

/// Law: `pg_dump -t` of a followed table restores where the extension is, writes go on, and nothing is said to be counted.
#[test]
fn a_table_dumped_by_itself() {
    let (stage, _client) = shop("trials_one_table");
    let dump = strata_tests::program("pg_dump")
        .env("PGUSER", &server().superuser)
        .args(["-t", "shop.orders", stage.database])
        .output()
        .expect("pg_dump");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let mut target = Stage::new("trials_one_table_2", &[]);
    target.root("CREATE SCHEMA shop");
    let file = std::env::temp_dir().join(format!("trials_one_table_{}", std::process::id()));
    std::fs::write(&file, &dump.stdout).expect("written");
    let restore = strata_tests::program("psql")
        .env("PGUSER", &server().superuser)
        .args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", target.database, "-f"])
        .arg(&file)
        .output()
        .expect("psql");
    let _ = std::fs::remove_file(&file);
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    target.root(&order(5, 1));
    target.root("UPDATE shop.orders SET amount = 2 WHERE customer_id = 5; DELETE FROM shop.orders WHERE customer_id = 5; TRUNCATE shop.orders");
}
