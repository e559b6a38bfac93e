//! A database without an encoding: a text of any bytes in one row stops nobody's answer.

use postgres::Client;
use strata_tests::{analyst, empty_database, refusal, run, server, superuser, value};

/// A database of encoding SQL_ASCII with the extension in it.
fn without_encoding(name: &str) -> Client {
    empty_database(name);
    let owner = &server().analyst;
    let mut administrator = superuser("postgres");
    for statement in [
        format!("DROP DATABASE {name}"),
        format!(
            "CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
        ),
    ] {
        run(&mut administrator, &statement);
    }
    let mut client = analyst(name);
    run(&mut client, "CREATE EXTENSION pg_strata");
    client
}

/// Users of whom two have a city that is no UTF-8, one of a string type, one padded; the last has no city.
const USERS: &str = r#"
    CREATE TABLE users (name text, city text, kind char(4), code varchar(9), orders strata.ledger);
    INSERT INTO users VALUES
        ('ann', 'Bonn', 'new', 'a', '{"2024-01-05": [1, 120]}'),
        (E'b\xb1', E'\xb1\xb1\xbe\xa9', E'\xb1', E'\xb1', '{"2024-01-05": [1, 120]}'),
        (E'c\xb1', E'Bonn\xff', 'new', E'\xfe', '{"2024-03-05": [1, 20]}'),
        ('dee', NULL, NULL, NULL, NULL);
    CREATE TABLE models (model strata.model);
    INSERT INTO models VALUES ('{
        "name": "cities", "sources": ["orders"], "attributes": {"city": "text", "kind": "text", "code": "text"},
        "metrics": {"spent": "monetary(orders)"}, "scores": {"s": {"of": "spent", "quantile": 2}},
        "layers": [{"name": "local", "when": "city = ''Bonn'' and kind = ''new'' and code = ''a''"},
                   {"name": "elsewhere", "when": "city <> ''Bonn'' or kind <> ''new'' or code <> ''a''"},
                   {"name": "unknown", "when": "city is null"}],
        "default": {"name": "others"}}')"#;

#[test]
fn a_text_that_is_no_utf_8_is_unknown() {
    let mut client = without_encoding("encoding_models");
    run(&mut client, USERS);
    let layers =
        "SELECT string_agg(strata.layer_assign(u, model, '2024-04-01'), ' ' ORDER BY orders::text, ascii(name))
                  FROM users AS u, models";
    assert_eq!(value::<String>(&mut client, layers), "local unknown unknown unknown");
    run(&mut client, "SET search_path = public, strata, strata_internal");
    run(&mut client, "UPDATE models SET model = (SELECT strata.calibrate_agg(u, model, '2024-04-01') FROM users AS u)");
    for every_row in [
        "SELECT count(strata.explain(u, model, '2024-04-01')) FROM users AS u, models",
        "SELECT count(strata.explain_text(u, model, '2024-04-01')) FROM users AS u, models",
        "SELECT count(strata.metrics(u, model, '2024-04-01')) FROM users AS u, models",
        "SELECT count(coalesce(strata.distance(u, model, 'elsewhere', '2024-04-01')::text, '')) FROM users AS u, models",
        "SELECT count(DISTINCT u.name) FROM users AS u, models, LATERAL walk(u, model, '2024-01-01', '2024-04-01')",
    ] {
        assert_eq!(value::<i64>(&mut client, every_row), 4, "{every_row}");
    }
}

#[test]
fn keys_are_bytes() {
    let mut client = without_encoding("encoding_keys");
    run(
        &mut client,
        r"CREATE TABLE events (u text, at date, kind text);
          INSERT INTO events VALUES ('a', '2024-01-01', 'x'), (E'\xb1', '2024-01-01', E'\xb1'), (E'\xb1', '2024-01-02', 'y'),
              (E'\xb2', '2024-01-01', 'x')",
    );
    let users = "SELECT count(*) FROM strata.ledgers('TABLE events') AS l (u) NATURAL JOIN (SELECT DISTINCT u FROM events) AS e";
    run(&mut client, "ALTER TABLE events RENAME kind TO amount; ALTER TABLE events ALTER amount TYPE integer USING 1");
    assert_eq!(value::<i64>(&mut client, users), 3);
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.rfm('TABLE events', '2024-02-01')"), 3);
}

#[test]
fn events_of_an_unreadable_kind_are_left_out() {
    let mut client = without_encoding("encoding_kinds");
    let kinds = r"SELECT array_to_string(strata.last_events_agg(at, kind, 5)::text[], ' ')
        FROM (VALUES (TIMESTAMP '2024-01-01', 'x'), ('2024-01-02', E'\xb1'), ('2024-01-03', 'y')) AS events (at, kind)";
    assert_eq!(value::<String>(&mut client, kinds), "x y");
}

#[test]
fn unreadable_names_of_other_columns_do_not_matter() {
    let mut client = without_encoding("encoding_names");
    run(&mut client, USERS);
    run(
        &mut client,
        r"DO $$ BEGIN
              EXECUTE format('ALTER TABLE users ADD %I integer, ADD %I integer', E'\xb1', E'\xb2');
              EXECUTE format('CREATE VIEW events AS SELECT name AS %I, DATE ''2024-01-01'' AS at FROM users', E'\xb1');
          END $$",
    );
    let layers = "SELECT count(strata.layer_assign(u, model, '2024-04-01')) FROM users AS u, models";
    assert_eq!(value::<i64>(&mut client, layers), 4);
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.ledgers('TABLE events')"), 4);
}

#[test]
fn an_expression_that_cannot_be_kept_is_refused() {
    let mut client = without_encoding("encoding_expressions");
    run(&mut client, "CREATE TABLE events (u text)");
    let schema: String = value(
        &mut client,
        "SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname = 'row_expression' ORDER BY 1 LIMIT 1",
    );
    let call = format!(r"SELECT * FROM {schema}.row_expression('events', 'u = E''\xb1''')");
    assert_eq!(refusal(&mut client, &call), "42P17");
}
