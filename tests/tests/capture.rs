//! The laws of capture: what a statement did to the relation is in the queue, or the statement fails. The queue and the
//! triggers are made by hand here.

use std::fs;
use std::thread;

use postgres::Client;
use strata_tests::{
    analyst, assert_same_rows, copy_in, fresh_database, refusal, repository, run, server, superuser, value,
};

const UUID: &str = "6f1c3a52-8d0e-4b7a-9c55-0123456789ab";

/// A database with the extension and its trigger function.
fn database(name: &str) -> Client {
    let client = fresh_database(name);
    let mut superuser = superuser(name);
    run(&mut superuser, "CREATE SCHEMA IF NOT EXISTS strata_internal; GRANT USAGE ON SCHEMA strata_internal TO PUBLIC");
    if value::<bool>(&mut superuser, "SELECT to_regprocedure('strata_internal.capture()') IS NULL") {
        let text = fs::read_to_string(repository().join("sql/internal/capture.sql")).expect("the declaration is there");
        run(&mut superuser, &text.replace("MODULE_PATHNAME", "$libdir/pg_strata"));
    }
    client
}

/// Makes the queue `q.orders_queue` with these columns.
fn make_queue(client: &mut Client, columns: &str) {
    run(
        client,
        &format!(
            "CREATE SCHEMA IF NOT EXISTS q;
             CREATE TABLE q.orders_queue (strata_change smallint NOT NULL, {columns}) USING heap;
             COMMENT ON TABLE q.orders_queue IS 'pg_strata {UUID}: changes of orders'"
        ),
    );
}

/// Puts the four triggers on a relation.
fn attach(client: &mut Client, relation: &str) {
    attach_to(client, relation, "q", "orders_queue", UUID);
}

fn attach_to(client: &mut Client, relation: &str, schema: &str, queue: &str, uuid: &str) {
    let [schema, queue] = [schema, queue].map(|name| name.replace('\'', "''"));
    let number: String =
        value(client, &format!("SELECT COALESCE(to_regclass(format('%I.%I', '{schema}', '{queue}'))::oid, 0)::text"));
    for (event, tables) in [
        ("insert", "REFERENCING NEW TABLE AS strata_new"),
        ("update", "REFERENCING OLD TABLE AS strata_old NEW TABLE AS strata_new"),
        ("delete", "REFERENCING OLD TABLE AS strata_old"),
        ("truncate", ""),
    ] {
        run(
            client,
            &format!(
                "CREATE TRIGGER strata_{event}_orders AFTER {event} ON {relation} {tables} FOR EACH STATEMENT
                 EXECUTE FUNCTION strata_internal.capture('{schema}', 'orders', '{queue}', '{number}', '{uuid}');
                 ALTER TABLE {relation} ENABLE ALWAYS TRIGGER strata_{event}_orders"
            ),
        );
    }
}

/// The shop: orders in `shop.orders`, followed in three of their columns.
fn shop(name: &str) -> Client {
    let mut client = database(name);
    run(
        &mut client,
        "CREATE SCHEMA shop;
         CREATE TABLE shop.orders (id bigserial PRIMARY KEY, customer bigint, note text, at date, amount numeric)",
    );
    make_queue(&mut client, "customer bigint, at date, amount numeric");
    attach(&mut client, "shop.orders");
    client
}

/// All that the queue says of a column, sorted, and empties it.
fn taken(client: &mut Client, column: &str) -> String {
    let question = format!(
        "WITH gone AS (DELETE FROM q.orders_queue RETURNING *)
         SELECT COALESCE(string_agg(line, ' ' ORDER BY line COLLATE \"C\"), '') FROM (
             SELECT strata_change || ':' || COALESCE({column}::text, 'null') AS line FROM gone) AS lines"
    );
    value(client, &question)
}

const COLUMNS: &str = "customer, at, amount";

/// Runs statements, and holds the queue to what they changed.
fn assert_accounted(client: &mut Client, relation: &str, columns: &str, statements: &str) {
    run(client, &format!("DELETE FROM q.orders_queue; CREATE TABLE before AS SELECT {columns} FROM {relation}"));
    run(client, statements);
    let sums = "HAVING sum(strata_change) <> 0";
    assert_same_rows(
        client,
        statements,
        &format!("SELECT {columns}, sum(strata_change) FROM q.orders_queue GROUP BY {columns} {sums}"),
        &format!(
            "SELECT {columns}, sum(strata_change) FROM (
                 SELECT {columns}, 1 AS strata_change FROM {relation} UNION ALL SELECT {columns}, -1 FROM before) AS both_tables
             GROUP BY {columns} {sums}"
        ),
    );
    run(client, "DROP TABLE before; DELETE FROM q.orders_queue");
}

#[test]
fn every_kind_of_statement_is_in_the_queue() {
    let mut client = shop("capture_statements");
    let client = &mut client;
    let mut accounted = |statements: &str| assert_accounted(client, "shop.orders", COLUMNS, statements);
    accounted(
        "INSERT INTO shop.orders (customer, at, amount) VALUES (1, '2024-01-01', 5), (2, '2024-01-02', NULL), (NULL, NULL, 7)",
    );
    accounted(
        "INSERT INTO shop.orders (customer, at, amount) SELECT n % 100, DATE '2024-01-01' + n % 50, n FROM generate_series(1, 5000) AS n",
    );
    accounted("UPDATE shop.orders SET amount = amount + 1 WHERE customer < 50");
    accounted("UPDATE shop.orders SET customer = NULL WHERE customer = 3");
    accounted("DELETE FROM shop.orders WHERE customer = 7");
    accounted(
        "INSERT INTO shop.orders (id, customer, at, amount) SELECT n, 500, '2024-06-01', n FROM generate_series(4990, 5010) AS n
         ON CONFLICT (id) DO UPDATE SET customer = excluded.customer",
    );
    accounted(
        "SELECT setval('shop.orders_id_seq', 10000);
         WITH gone AS (DELETE FROM shop.orders WHERE customer = 8 RETURNING *)
         INSERT INTO shop.orders (customer, at, amount) SELECT 800, at, amount FROM gone",
    );
    accounted("UPDATE shop.orders AS o SET amount = 1 FROM generate_series(20, 30) AS n WHERE o.customer = n");
    accounted(
        "DO $$ BEGIN
             FOR n IN 1..20 LOOP INSERT INTO shop.orders (customer, at) VALUES (n, '2024-07-01'); END LOOP;
         END $$",
    );
    if value::<i32>(client, "SELECT current_setting('server_version_num')::int") >= 150_000 {
        assert_accounted(
            client,
            "shop.orders",
            COLUMNS,
            "MERGE INTO shop.orders AS o USING generate_series(4980, 6020) AS n ON o.id = n
             WHEN MATCHED AND n % 2 = 0 THEN UPDATE SET amount = -1
             WHEN MATCHED THEN DELETE
             WHEN NOT MATCHED THEN INSERT (customer, at, amount) VALUES (n, '2024-08-01', 3)",
        );
    }
    run(client, "CREATE TABLE before AS SELECT customer, at, amount FROM shop.orders");
    let rows: String = (1..=20_000).map(|n| format!("{}\t2024-02-01\t{n}.5\n", n % 300)).collect();
    copy_in(client, "COPY shop.orders (customer, at, amount) FROM STDIN", rows.as_bytes());
    assert_same_rows(
        client,
        "COPY",
        "SELECT customer, at, amount, strata_change FROM q.orders_queue",
        "SELECT customer, at, amount, 1::smallint FROM (TABLE shop.orders EXCEPT ALL SELECT o.* FROM shop.orders AS o WHERE at <> '2024-02-01' OR at IS NULL) AS o WHERE amount::text LIKE '%.5'",
    );
}

#[test]
fn what_is_not_followed_does_not_grow_the_queue() {
    let mut client = shop("capture_unchanged");
    run(
        &mut client,
        "INSERT INTO shop.orders (customer, at, amount) SELECT n, '2024-01-01', n FROM generate_series(1, 3000) AS n; DELETE FROM q.orders_queue",
    );
    run(&mut client, "UPDATE shop.orders SET note = 'seen'");
    assert_eq!(taken(&mut client, "customer"), "");
    run(&mut client, "UPDATE shop.orders SET amount = amount, note = 'again'; DELETE FROM shop.orders WHERE false");
    assert_eq!(taken(&mut client, "customer"), "");
    // the same number in another form is another value: which one is kept is not for us to say
    run(&mut client, "UPDATE shop.orders SET amount = 1.00 WHERE customer = 1");
    assert_eq!(taken(&mut client, "amount"), "-1:1 1:1.00");
    // some change and some do not
    run(
        &mut client,
        "UPDATE shop.orders SET amount = CASE WHEN customer = 5 THEN 0 ELSE amount END WHERE customer < 10",
    );
    assert_eq!(taken(&mut client, "customer"), "-1:5 1:5");
    run(
        &mut client,
        "INSERT INTO shop.orders (id, customer, at) SELECT id, customer, at FROM shop.orders WHERE customer < 10 ON CONFLICT (id) DO UPDATE SET note = 'x'",
    );
    assert_eq!(taken(&mut client, "customer"), "");
}

#[test]
fn truncating_counts_everyone_anew() {
    let mut client = shop("capture_truncate");
    run(
        &mut client,
        "CREATE TABLE shop.customers (customer bigint PRIMARY KEY);
         ALTER TABLE shop.orders ADD FOREIGN KEY (customer) REFERENCES shop.customers;
         TRUNCATE shop.customers CASCADE",
    );
    assert_eq!(taken(&mut client, "customer"), "0:null");
    run(&mut client, "BEGIN; TRUNCATE shop.orders; ROLLBACK");
    assert_eq!(taken(&mut client, "customer"), "");
}

#[test]
fn names_and_columns_may_be_anything() {
    let mut client = database("capture_names");
    let client = &mut client;
    // 63 bytes in all
    let long = "订单订单订单订单订单订单订单订单订单订单订";
    assert_eq!(long.len(), 63);
    run(
        client,
        &format!(
            r#"CREATE SCHEMA "Sch""a'q";
               CREATE DOMAIN key AS bigint NOT NULL; CREATE DOMAIN later_key AS key CHECK (VALUE > 0);
               CREATE TABLE "Sch""a'q"."{long}" (
                   gone_1 text, found later_key, new text, gone_2 int, old bigint[], tg_op boolean DEFAULT true, strata_new timestamptz,
                   "{long}" numeric, "quote'""s" char(10), twice bigint GENERATED ALWAYS AS (found * 2) STORED, gone_3 text);
               INSERT INTO "Sch""a'q"."{long}" (found) VALUES (77);
               ALTER TABLE "Sch""a'q"."{long}" DROP COLUMN gone_1, DROP COLUMN gone_2, DROP COLUMN gone_3, ADD COLUMN added int DEFAULT 42;
               CREATE TABLE "Sch""a'q"."q'""{long}" (
                   strata_change smallint NOT NULL, added int, gone int, "quote'""s" char(10), found bigint, new text, old bigint[], tg_op boolean, strata_new timestamptz,
                   "{long}" numeric, twice bigint);
               ALTER TABLE "Sch""a'q"."q'""{long}" DROP COLUMN gone;
               COMMENT ON TABLE "Sch""a'q"."q'""{long}" IS 'pg_strata {UUID}'"#,
        ),
    );
    let queue: String = value(client, "SELECT relname::text FROM pg_class WHERE relname LIKE 'q''%'");
    attach_to(client, &format!(r#""Sch""a'q"."{long}""#), "Sch\"a'q", &queue, UUID);
    run(
        client,
        &format!(
            r#"UPDATE "Sch""a'q"."{long}" SET new = 'n' WHERE found = 77;
               INSERT INTO "Sch""a'q"."{long}" (found, new, old, strata_new, "{long}", "quote'""s")
               VALUES (1, 'x', '{{1,2}}', '2024-01-01', 1.5, 'abc')"#
        ),
    );
    let lines: Vec<String> = client
        .query(&format!(r#"SELECT q::text FROM "Sch""a'q"."{}" AS q"#, queue.replace('"', "\"\"")), &[])
        .expect("the queue can be read")
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(
        lines,
        [
            "(-1,42,,77,,,t,,,154)",
            "(1,42,,77,n,,t,,,154)",
            "(1,42,\"abc       \",1,x,\"{1,2}\",t,\"2024-01-01 00:00:00+00\",1.5,2)"
        ]
    );
    // NULL in a column of a domain without NULLs is no problem for the queue
    run(client, &format!(r#"TRUNCATE "Sch""a'q"."{long}""#));
}

#[test]
fn large_values_are_stored_again() {
    let mut client = database("capture_toast");
    let client = &mut client;
    run(client, "CREATE TABLE texts (id int, word text, other int); ALTER TABLE texts ALTER word SET STORAGE EXTERNAL");
    make_queue(client, "id int, word text");
    attach(client, "texts");
    run(client, "INSERT INTO texts SELECT n, repeat(chr(64 + n), 1000000) FROM generate_series(1, 20) AS n");
    run(client, "UPDATE texts SET other = 1");
    run(client, "UPDATE texts SET word = word || '!' WHERE id = 1");
    run(client, "DELETE FROM texts WHERE id = 2; TRUNCATE texts");
    let lines = "SELECT string_agg(strata_change || ':' || id || ':' || length(word) || ':' || left(word, 1) || right(word, 1), ' ' ORDER BY id, strata_change) FROM q.orders_queue WHERE id < 3 ";
    let told: String = value(client, lines);
    assert_eq!(told, "-1:1:1000000:AA 1:1:1000000:AA 1:1:1000001:A! -1:2:1000000:BB 1:2:1000000:BB");
    assert_eq!(value::<i64>(client, "SELECT count(*) FROM q.orders_queue"), 24);
}

#[test]
fn a_shape_that_changed_leaves_a_mark() {
    let mut client = shop("capture_shape");
    let client = &mut client;
    let insert = "INSERT INTO shop.orders (at) VALUES ('2024-01-01')";
    run(client, &format!("ALTER TABLE shop.orders RENAME customer TO client; {insert}"));
    assert_eq!(taken(client, "at"), "0:null");
    run(client, &format!("ALTER TABLE shop.orders RENAME client TO customer; {insert}"));
    assert_eq!(taken(client, "at"), "1:2024-01-01");
    run(
        client,
        &format!(
            "ALTER TABLE shop.orders ALTER customer TYPE integer; {insert}; UPDATE shop.orders SET at = at; DELETE FROM shop.orders"
        ),
    );
    assert_eq!(taken(client, "at"), "0:null 0:null 0:null");
    run(client, &format!("ALTER TABLE shop.orders ALTER customer TYPE bigint; {insert}"));
    assert_eq!(taken(client, "at"), "1:2024-01-01");
    // a domain is what it stands for
    run(client, &format!("CREATE DOMAIN who AS bigint; ALTER TABLE shop.orders ALTER customer TYPE who; {insert}"));
    assert_eq!(taken(client, "at"), "1:2024-01-01");
    run(client, &format!("ALTER TABLE shop.orders DROP customer; {insert}"));
    assert_eq!(taken(client, "at"), "0:null");
}

#[test]
fn the_queue_is_found_wherever_it_goes() {
    let mut client = shop("capture_renames");
    let client = &mut client;
    let insert = "INSERT INTO shop.orders (customer) VALUES (1)";
    run(client, &format!("ALTER SCHEMA q RENAME TO elsewhere; {insert}; ALTER SCHEMA elsewhere RENAME TO q"));
    run(
        client,
        &format!("ALTER TABLE q.orders_queue RENAME TO other; {insert}; ALTER TABLE q.other RENAME TO orders_queue"),
    );
    run(
        client,
        &format!(
            "ALTER SCHEMA shop RENAME TO shop2; ALTER TABLE shop2.orders RENAME TO o; {}",
            insert.replace("shop.orders", "shop2.o")
        ),
    );
    run(client, "ALTER TABLE shop2.o RENAME TO orders; ALTER SCHEMA shop2 RENAME TO shop");
    assert_eq!(taken(client, "customer"), "1:1 1:1 1:1");
    // another table in its place has not the mark
    run(
        client,
        &format!("ALTER TABLE q.orders_queue RENAME TO other; CREATE TABLE q.orders_queue (LIKE q.other); {insert}"),
    );
    assert_eq!(taken(client, "customer"), "");
    run(client, "DROP TABLE q.orders_queue; ALTER TABLE q.other RENAME TO orders_queue");
    assert_eq!(taken(client, "customer"), "1:1");
    // as after a dump and restore: another number, the same name and mark
    run(
        client,
        &format!(
            "CREATE TABLE q.other (LIKE q.orders_queue); DROP TABLE q.orders_queue; ALTER TABLE q.other RENAME TO orders_queue;
             {insert}; COMMENT ON TABLE q.orders_queue IS 'pg_strata {UUID}-1'; {insert}; COMMENT ON TABLE q.orders_queue IS 'pg_strata {UUID}'; {insert}"
        ),
    );
    assert_eq!(taken(client, "customer"), "1:1");
    // without a queue the shop goes on
    run(
        client,
        &format!("DROP TABLE q.orders_queue; {insert}; UPDATE shop.orders SET customer = 2; TRUNCATE shop.orders"),
    );
    run(client, &format!("CREATE VIEW q.orders_queue AS SELECT 1::smallint AS strata_change; {insert}"));
}

#[test]
fn an_error_fails_the_statement() {
    let mut client = shop("capture_errors");
    let client = &mut client;
    let count = "SELECT count(*) FROM shop.orders";
    let mut owner = analyst("capture_errors");
    run(&mut owner, "BEGIN; LOCK TABLE q.orders_queue IN ACCESS EXCLUSIVE MODE");
    run(client, "SET lock_timeout = '100ms'");
    assert_eq!(refusal(client, "INSERT INTO shop.orders (customer) VALUES (1)"), "55P03");
    assert_eq!(value::<i64>(client, count), 0);
    run(client, "SET lock_timeout = 0; SET statement_timeout = '100ms'");
    assert_eq!(refusal(client, "INSERT INTO shop.orders (customer) VALUES (1)"), "57014");
    run(client, "RESET statement_timeout");
    run(&mut owner, "COMMIT");
    assert_eq!(value::<i64>(client, count), 0);
    run(client, "INSERT INTO shop.orders (customer) VALUES (1)");
    assert_eq!(taken(client, "customer"), "1:1");
    // an index would have to be kept up to date, by code that may be anybody's
    run(client, "CREATE INDEX made_by_somebody ON q.orders_queue (customer)");
    assert_eq!(refusal(client, "INSERT INTO shop.orders (customer) VALUES (1)"), "55000");
    run(client, "DROP INDEX q.made_by_somebody; INSERT INTO shop.orders (customer) VALUES (2)");
    assert_eq!(taken(client, "customer"), "1:2");
    run(client, "ALTER TABLE q.orders_queue RENAME strata_change TO c");
    assert_eq!(refusal(client, "INSERT INTO shop.orders (customer) VALUES (1)"), "55000");
}

#[test]
fn it_is_called_by_triggers_after_statements_alone() {
    let mut client = database("capture_protocol");
    let client = &mut client;
    run(client, "CREATE TABLE t (a int)");
    assert_eq!(refusal(client, "SELECT strata_internal.capture()"), "39P01");
    let arguments = "'q', 'orders', 'orders_queue', '0', 'x'";
    for (clauses, arguments) in [
        ("BEFORE INSERT ON t FOR EACH STATEMENT", arguments),
        ("AFTER INSERT ON t FOR EACH ROW", arguments),
        ("BEFORE INSERT ON t FOR EACH ROW", arguments),
        ("AFTER INSERT ON t FOR EACH STATEMENT", arguments),
        ("AFTER INSERT ON t REFERENCING NEW TABLE AS n FOR EACH STATEMENT", ""),
    ] {
        run(client, &format!("CREATE TRIGGER x {clauses} EXECUTE FUNCTION strata_internal.capture({arguments})"));
        assert_eq!(refusal(client, "INSERT INTO t VALUES (1)"), "39P01", "{clauses}");
        run(client, "DROP TRIGGER x ON t");
    }
}

#[test]
fn nobody_writes_into_the_queue_of_another() {
    let mut client = shop("capture_forged");
    let client = &mut client;
    let roles = ["capture_forger", "capture_writer", "capture_newowner"];
    let mut root = superuser("capture_forged");
    for role in roles {
        if !value::<bool>(&mut root, &format!("SELECT count(*) > 0 FROM pg_roles WHERE rolname = '{role}'")) {
            run(&mut root, &format!("CREATE ROLE {role} LOGIN"));
        }
        run(&mut root, &format!("GRANT CREATE ON SCHEMA public TO {role}; GRANT {role} TO {}", server().analyst));
    }
    run(&mut root, "SET ROLE capture_forger; CREATE TABLE bait (customer bigint, at date, amount numeric)");
    let number: String = value(client, "SELECT 'q.orders_queue'::regclass::oid::text");
    run(
        &mut root,
        &format!(
            "CREATE TRIGGER forged AFTER INSERT ON bait REFERENCING NEW TABLE AS n FOR EACH STATEMENT
             EXECUTE FUNCTION strata_internal.capture('q', 'orders', 'orders_queue', '{number}', '{UUID}')"
        ),
    );
    // nothing is written, and the lock of the queue is not even asked for
    run(client, "BEGIN; LOCK TABLE q.orders_queue IN ACCESS EXCLUSIVE MODE");
    run(&mut root, "SET lock_timeout = '100ms'; INSERT INTO bait VALUES (666, '2024-01-01', 1000000)");
    run(client, "COMMIT");
    assert_eq!(taken(client, "customer"), "");
    // one who writes to the shop needs no right on the queue, and gets none
    run(
        client,
        "GRANT USAGE ON SCHEMA shop TO capture_writer; GRANT INSERT ON shop.orders TO capture_writer; GRANT USAGE ON SEQUENCE shop.orders_id_seq TO capture_writer",
    );
    run(client, "SET ROLE capture_writer; INSERT INTO shop.orders (customer) VALUES (1)");
    assert_eq!(refusal(client, "TABLE q.orders_queue"), "42501");
    run(client, "RESET ROLE");
    assert_eq!(taken(client, "customer"), "1:1");
    // a trigger or a check on the queue is not run, whoever made it
    run(
        client,
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'run'; END $$;
         CREATE TRIGGER t BEFORE INSERT ON q.orders_queue FOR EACH ROW EXECUTE FUNCTION fail();
         ALTER TABLE q.orders_queue ENABLE ALWAYS TRIGGER t, ADD CHECK (customer < 0) NOT VALID;
         INSERT INTO shop.orders (customer) VALUES (3)",
    );
    assert_eq!(taken(client, "customer"), "1:3");
    // a table that was given away tells its old owner nothing
    run(
        &mut root,
        "RESET ROLE; ALTER TABLE shop.orders OWNER TO capture_newowner; INSERT INTO shop.orders (customer) VALUES (4)",
    );
    assert_eq!(taken(client, "customer"), "");
    run(
        &mut root,
        &format!(
            "ALTER TABLE shop.orders OWNER TO {}; INSERT INTO shop.orders (customer) VALUES (5)",
            server().analyst
        ),
    );
    assert_eq!(taken(client, "customer"), "1:5");
}

#[test]
fn transactions_of_every_kind() {
    let mut client = shop("capture_transactions");
    let client = &mut client;
    let insert = |customer: i32| format!("INSERT INTO shop.orders (customer) VALUES ({customer})");
    run(
        client,
        &format!(
            "BEGIN; {}; SAVEPOINT s; {}; ROLLBACK TO s; {}; SAVEPOINT t; {}; RELEASE t; COMMIT",
            insert(1),
            insert(2),
            insert(3),
            insert(4)
        ),
    );
    assert_eq!(taken(client, "customer"), "1:1 1:3 1:4");
    run(
        client,
        &format!(
            "DO $$ BEGIN {}; BEGIN {}; RAISE division_by_zero; EXCEPTION WHEN OTHERS THEN {}; END; END $$",
            insert(5),
            insert(6),
            insert(7)
        ),
    );
    assert_eq!(taken(client, "customer"), "1:5 1:7");
    run(client, &format!("BEGIN ISOLATION LEVEL SERIALIZABLE; {}; COMMIT", insert(8)));
    run(&mut superuser("capture_transactions"), &format!("SET session_replication_role = replica; {}", insert(10)));
    assert_eq!(taken(client, "customer"), "1:10 1:8");
}

#[test]
fn settings_change_nothing() {
    let mut client = shop("capture_settings");
    let client = &mut client;
    run(
        client,
        "SET search_path = ''; SET standard_conforming_strings = off; SET datestyle = 'SQL, DMY'; SET transform_null_equals = on; SET quote_all_identifiers = on; SET row_security = off; SET default_toast_compression = pglz; SET check_function_bodies = off; SET enable_seqscan = off",
    );
    run(client, "INSERT INTO shop.orders (customer, at) VALUES (1, NULL)");
    run(client, "RESET ALL");
    assert_eq!(taken(client, "customer"), "1:1");
    // whatever is replicated, what is written can be taken away
    run(
        &mut superuser("capture_settings"),
        "ALTER TABLE q.orders_queue REPLICA IDENTITY FULL; CREATE PUBLICATION everything FOR ALL TABLES",
    );
    run(
        client,
        "ALTER TABLE shop.orders REPLICA IDENTITY FULL; INSERT INTO shop.orders (customer) VALUES (2); UPDATE shop.orders SET customer = 3 WHERE customer = 2",
    );
    assert_eq!(taken(client, "customer"), "-1:2 1:2 1:3");
    run(
        client,
        "ALTER TABLE q.orders_queue ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; INSERT INTO shop.orders (customer) VALUES (4); ALTER TABLE q.orders_queue DISABLE ROW LEVEL SECURITY",
    );
    assert_eq!(taken(client, "customer"), "1:4");
}

#[test]
fn many_writers_lose_nothing() {
    let mut client = shop("capture_writers");
    let writers: Vec<_> = (0..10)
        .map(|writer| {
            thread::spawn(move || {
                let mut client = analyst("capture_writers");
                for n in 0..100 {
                    run(&mut client, &format!("INSERT INTO shop.orders (customer, amount) VALUES ({writer}, {n})"));
                    if n % 10 == 9 {
                        run(
                            &mut client,
                            &format!("UPDATE shop.orders SET amount = amount + 1 WHERE customer = {writer}"),
                        );
                        run(
                            &mut client,
                            &format!("DELETE FROM shop.orders WHERE customer = {writer} AND amount % 7 = 0"),
                        );
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().expect("no writer fails");
    }
    assert_same_rows(
        &mut client,
        "the queue is the relation",
        "SELECT customer, amount, sum(strata_change) FROM q.orders_queue GROUP BY 1, 2 HAVING sum(strata_change) <> 0",
        "SELECT customer, amount, count(*) FROM shop.orders GROUP BY 1, 2",
    );
}

/// Orders in partitions by customer, whose columns stand at other places than the parent's.
fn partitioned(name: &str) -> Client {
    let mut client = database(name);
    run(
        &mut client,
        "CREATE TABLE orders (at date, gone int, customer bigint, amount numeric) PARTITION BY RANGE (customer);
         ALTER TABLE orders DROP COLUMN gone;
         CREATE TABLE low PARTITION OF orders FOR VALUES FROM (0) TO (100);
         CREATE TABLE high (amount numeric, x int, customer bigint, y int, at date);
         ALTER TABLE high DROP COLUMN x, DROP COLUMN y;
         ALTER TABLE orders ATTACH PARTITION high FOR VALUES FROM (100) TO (1000)",
    );
    make_queue(&mut client, "customer bigint, at date, amount numeric");
    for relation in ["orders", "low", "high"] {
        attach(&mut client, relation);
    }
    client
}

#[test]
fn partitions_are_one_relation() {
    let mut client = partitioned("capture_partitions");
    let client = &mut client;
    let mut accounted = |statements: &str| assert_accounted(client, "orders", COLUMNS, statements);
    accounted("INSERT INTO orders SELECT DATE '2024-01-01' + n % 9, n, n FROM generate_series(0, 999) AS n");
    accounted("UPDATE orders SET amount = amount * 2 WHERE customer % 3 = 0");
    // across partitions: gone here, come there
    accounted("UPDATE orders SET customer = customer + 50 WHERE customer BETWEEN 80 AND 120");
    accounted(
        "UPDATE low SET amount = 7 WHERE customer < 20; DELETE FROM high WHERE customer > 990; INSERT INTO high VALUES (4, 500, '2024-02-02')",
    );
    accounted("DELETE FROM orders WHERE customer % 5 = 0");
    if value::<i32>(client, "SELECT current_setting('server_version_num')::int") >= 150_000 {
        assert_accounted(
            client,
            "orders",
            COLUMNS,
            "MERGE INTO orders AS o USING generate_series(1, 200) AS n ON o.customer = n
             WHEN MATCHED THEN UPDATE SET amount = -n WHEN NOT MATCHED THEN INSERT VALUES ('2024-03-03', n, 1)",
        );
        // PostgreSQL shows a trigger no rows that MERGE moves to another partition
        run(
            client,
            "MERGE INTO orders AS o USING generate_series(1, 20) AS n ON o.customer = n WHEN MATCHED THEN UPDATE SET customer = 300 + n",
        );
        assert_eq!(taken(client, "customer"), "0:null");
        let moved = "UPDATE orders SET customer = customer + 1 WHERE customer = 301";
        run(client, &format!("DO $$ BEGIN {moved}; END $$"));
        assert_eq!(taken(client, "customer"), "0:null");
        run(client, "DO $$ BEGIN UPDATE orders SET amount = 77.7 WHERE customer = 304; END $$");
        assert!(taken(client, "customer").starts_with("-1:304 "));
        run(
            client,
            &format!(
                "{}; PREPARE moved AS {}; EXECUTE moved",
                moved.replace("301", "302"),
                moved.replace("301", "303")
            ),
        );
        assert!(taken(client, "customer").contains("1:303"));
    }
    // a trigger that keeps a row out of the partition that it moves to: old and new are not side by side
    run(
        client,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN new.customer % 2 = 0 THEN new END; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON high FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    assert_accounted(
        client,
        "orders",
        COLUMNS,
        "UPDATE orders SET customer = customer + 90, amount = 1 WHERE customer < 100",
    );
    run(client, "TRUNCATE orders");
    assert!(taken(client, "customer").contains("0:null"));
}

#[test]
fn members_without_triggers_leave_a_mark() {
    let mut client = partitioned("capture_members");
    let client = &mut client;
    let insert = |customer: i32| format!("INSERT INTO orders (customer) VALUES ({customer})");
    run(client, &insert(1));
    assert_eq!(taken(client, "customer"), "1:1");
    run(client, &format!("CREATE TABLE top PARTITION OF orders FOR VALUES FROM (1000) TO (2000); {}", insert(1500)));
    assert_eq!(taken(client, "customer"), "1:1500 2:null");
    // also known to a session that was there before, and once in a transaction
    let mut other = analyst("capture_members");
    run(&mut other, &insert(2));
    assert_eq!(taken(client, "customer"), "1:2 2:null");
    run(
        client,
        &format!("BEGIN; {}; {}; UPDATE orders SET amount = 1 WHERE customer = 1; COMMIT", insert(3), insert(4)),
    );
    assert_eq!(taken(client, "customer"), "-1:1 1:1 1:3 1:4 2:null 2:null");
    // a mark that is rolled back is made again
    run(client, &format!("BEGIN; SAVEPOINT s; {}; ROLLBACK TO s; {}; COMMIT", insert(5), insert(6)));
    assert_eq!(taken(client, "customer"), "1:6 2:null");
    // nothing changed, nothing marked; partitions speak for themselves
    run(client, "UPDATE orders SET amount = amount; INSERT INTO low (customer) VALUES (7)");
    assert_eq!(taken(client, "customer"), "1:7");
    attach(client, "top");
    run(&mut other, &insert(8));
    assert_eq!(taken(client, "customer"), "1:8");
    run(client, &format!("ALTER TABLE top DISABLE TRIGGER strata_delete_orders; {}", insert(9)));
    assert_eq!(taken(client, "customer"), "1:9 2:null");
    run(client, "ALTER TABLE top ENABLE ALWAYS TRIGGER strata_delete_orders");
    // triggers of another source do not count
    run(
        client,
        "ALTER TABLE orders DETACH PARTITION top; CREATE TABLE other PARTITION OF orders FOR VALUES FROM (1000) TO (2000)",
    );
    attach_to(client, "other", "q", "orders_queue", "00000000-0000-4000-8000-000000000000");
    run(&mut other, &insert(10));
    assert_eq!(taken(client, "customer"), "1:10 2:null");
    // children, too, however deep
    run(
        client,
        "DROP TABLE other; CREATE TABLE deep PARTITION OF orders FOR VALUES FROM (1000) TO (2000) PARTITION BY LIST (at)",
    );
    attach(client, "deep");
    run(&mut other, &insert(11));
    assert_eq!(taken(client, "customer"), "1:11");
    run(client, "CREATE TABLE deepest PARTITION OF deep DEFAULT");
    run(&mut other, &insert(12));
    assert_eq!(taken(client, "customer"), "1:12 2:null");
}

#[test]
fn inherited_tables_are_members() {
    let mut client = shop("capture_inherited");
    let client = &mut client;
    run(
        client,
        "CREATE TABLE shop.archive (extra text) INHERITS (shop.orders); INSERT INTO shop.orders (customer) VALUES (1)",
    );
    assert_eq!(taken(client, "customer"), "1:1 2:null");
    attach(client, "shop.archive");
    run(
        client,
        "INSERT INTO shop.archive (customer, extra) VALUES (2, 'x'); UPDATE shop.orders SET customer = customer + 1",
    );
    assert_eq!(taken(client, "customer"), "-1:1 -1:2 1:2 1:2 1:3");
}
