//! The laws of what cannot be counted: the words are those of the error that counting would end in, for each row by
//! itself; and what is not the row's fault is raised.

use std::fs;
use std::time::{Duration, Instant};

use postgres::Client;
use strata_tests::{fresh_database, refusal, repository, run, superuser, value};

fn database(name: &str) -> Client {
    let client = fresh_database(name);
    let mut superuser = superuser(name);
    run(&mut superuser, "CREATE SCHEMA IF NOT EXISTS strata_internal; GRANT USAGE ON SCHEMA strata_internal TO PUBLIC");
    let missing = "SELECT to_regprocedure('strata_internal.is_beyond(strata.ledger)') IS NULL";
    if value::<bool>(&mut superuser, missing) {
        let path = repository().join("sql/internal/row_problem.sql");
        let text = fs::read_to_string(path).expect("the declaration is there");
        run(&mut superuser, &text.replace("MODULE_PATHNAME", "$libdir/pg_strata"));
    }
    client
}

/// The problems of a table's rows, in the order of their column `id`.
fn problems(client: &mut Client, table: &str, arguments: &str) -> Vec<Option<String>> {
    let question = format!(
        "SELECT strata_internal.row_problem(user_row, '{table}', {arguments}) FROM {table} AS user_row ORDER BY user_row.id"
    );
    let rows = client.query(&question, &[]).unwrap_or_else(|error| panic!("{question}: {error}"));
    rows.iter().map(|row| row.get(0)).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn the_words_are_those_of_counting() {
    let mut client = database("problem_words");
    let client = &mut client;
    run(
        client,
        "CREATE TABLE o (id int, who bigint, at timestamp, amount numeric);
         INSERT INTO o VALUES (1, 1, '2024-01-01', 5), (2, 1, 'infinity', 5), (3, 1, '-infinity', NULL), (4, 1, '2024-01-01', 'NaN'),
             (5, 1, '2024-01-01', 'Infinity'), (6, 1, '2024-01-01', 0.1234567), (7, 1, '2024-01-01', 1e19), (8, 1, '2024-01-01', 0.1234560),
             (9, NULL, '2024-01-01', 'NaN'), (10, 1, NULL, 'NaN'), (11, 1, '2024-01-01', 1000000000000.5), (12, 1, '2024-01-01', 1000000000000),
             (13, 1, '2024-01-01', -1000000000000.000001), (14, 1, '2024-01-01', -1e12)",
    );
    let told = problems(client, "o", "'who', 'at', 'amount', NULL, NULL");
    let mut expected = vec![None; 14];
    for place in [1, 2] {
        expected[place] = some("an event at infinity has no day");
    }
    expected[3] = some("amount NaN is not a finite number");
    expected[4] = some("amount Infinity is not a finite number");
    expected[5] = some("amount 0.1234567 has more than 6 decimals");
    expected[6] = some("amount 10000000000000000000 is out of range");
    expected[10] = some("amount 1000000000000.5 is beyond 1000000000000");
    expected[12] = some("amount -1000000000000.000001 is beyond 1000000000000");
    assert_eq!(told, expected);
    // what counting says of the same rows
    for (place, problem) in told.iter().enumerate().filter(|(place, _)| ![8, 9, 10, 12].contains(place)) {
        let counted =
            client.query(&format!("SELECT strata.ledger_agg(at, amount) FROM o WHERE id = {}", place + 1), &[]);
        let error = counted.err().and_then(|error| error.as_db_error().map(|error| error.message().to_owned()));
        assert_eq!(&error, problem, "row {}", place + 1);
    }
    // of other types
    run(
        client,
        "CREATE DOMAIN money_like AS double precision;
         CREATE TABLE d (id int, who text, at timestamptz, amount money_like);
         INSERT INTO d VALUES (1, 'a', '2024-01-01', 'NaN'), (2, 'a', '2024-01-01', 2e12), (3, 'a', '2024-01-01', 0.1234567), (4, 'a', 'infinity', 1)",
    );
    let told = problems(client, "d", "'who', 'at', 'amount', NULL, 'Asia/Shanghai'");
    let far = "an event at infinity has no day";
    assert_eq!(
        told,
        [
            some("amount NaN is not a finite number"),
            some("amount 2000000000000 is beyond 1000000000000"),
            None,
            some(far)
        ]
    );
    assert_eq!(
        refusal(client, "SELECT strata_internal.row_problem(d, 'd', 'who', 'at', 'amount', NULL, NULL) FROM d"),
        "22023"
    );
    assert_eq!(
        refusal(client, "SELECT strata_internal.row_problem(d, 'd', 'who', 'who', 'amount', NULL, NULL) FROM d"),
        "42804"
    );
    assert_eq!(
        refusal(client, "SELECT strata_internal.row_problem(d, 'd', 'who', 'at', 'amount', 'who', 'UTC') FROM d"),
        "42804"
    );
    assert_eq!(
        refusal(client, "SELECT strata_internal.row_problem(d, 'd', 'nobody', 'at', 'amount', NULL, 'UTC') FROM d"),
        "42703"
    );
    assert_eq!(
        refusal(client, "SELECT strata_internal.row_problem(ROW(1), 'd', 'who', 'at', 'amount', NULL, 'UTC')"),
        "42804"
    );
}

#[test]
fn an_error_belongs_to_its_row() {
    let mut client = database("problem_errors");
    let client = &mut client;
    run(
        client,
        "CREATE TABLE o (id int, gone int, who text, at text, amount text, kind text);
         ALTER TABLE o DROP COLUMN gone;
         INSERT INTO o VALUES (1, '1', '2024-01-01', '5', 'sale'), (2, 'x', '2024-01-01', '5', 'sale'), (3, '3', '2024-13-01', '5', 'sale'),
             (4, '4', '2024-01-01', 'five', 'sale'), (5, 'x', 'x', 'x', 'note'), (6, '6', '2024-01-01', '1e13', 'sale'), (7, '7', '2024-01-01', '5', NULL);
         CREATE FUNCTION number_of(text) RETURNS bigint IMMUTABLE LANGUAGE sql AS $$ SELECT CASE WHEN $1 = 'never' THEN 0 ELSE $1::bigint END $$;
         CREATE FUNCTION stored_number(t text) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN t::numeric; END $$",
    );
    let arguments = "'number_of(who)', 'make_date(split_part(at, ''-'', 1)::int, split_part(at, ''-'', 2)::int, 1)', 'stored_number(amount)', 'kind = ''sale''', NULL";
    let told = problems(client, "o", arguments);
    let expected = [
        None,
        some("invalid input syntax for type bigint: \"x\""),
        some("date field value out of range: 2024-13-01"),
        some("invalid input syntax for type numeric: \"five\""),
        None,
        some("amount 10000000000000 is beyond 1000000000000"),
        None,
    ];
    assert_eq!(told, expected);
    // the rows of another order of columns, with other columns beside
    let other =
        "SELECT count(strata_internal.row_problem(r, 'o', 'who::bigint', 'DATE ''2024-01-01''', NULL, NULL, NULL))
                 FROM (SELECT 1.5 AS strata_problem, kind, who, id FROM o ORDER BY id) AS r";
    assert_eq!(value::<i64>(client, other), 2);
    // the transaction goes on as it was
    run(
        client,
        "BEGIN; CREATE TEMPORARY TABLE told AS SELECT strata_internal.row_problem(o, 'o', 'who::bigint', 'at::date', NULL, NULL, NULL) AS p FROM o; COMMIT",
    );
    assert_eq!(value::<i64>(client, "SELECT count(p) FROM told"), 3);
}

#[test]
fn columns_may_have_any_name() {
    let mut client = database("problem_names");
    let client = &mut client;
    run(
        client,
        r#"CREATE TABLE o (id int, strata_problem bigint, "$1" date, "strata" numeric, o text);
           INSERT INTO o VALUES (1, 1, '2024-01-01', 1e15, 'x'), (2, 2, 'infinity', 1, 'y'), (3, 3, '2024-01-01', 1, 'z')"#,
    );
    let told = problems(client, "public.o", r#"'strata_problem', '"$1"', 'strata', 'o <> ''w''', NULL"#);
    assert_eq!(
        told,
        [some("amount 1000000000000000 is beyond 1000000000000"), some("an event at infinity has no day"), None]
    );
}

#[test]
fn what_is_not_the_rows_fault_is_raised() {
    let mut client = database("problem_raised");
    let client = &mut client;
    run(
        client,
        "CREATE TABLE o (id int, who int); INSERT INTO o SELECT n, n FROM generate_series(1, 5) AS n;
         CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(10); RETURN 1; END $$;
         CREATE FUNCTION full_up(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE 'full' USING ERRCODE = 'disk_full'; END $$;
         CREATE FUNCTION wrong(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE 'wrong %', $1; END $$;
         SET statement_timeout = '200ms'",
    );
    let asked = |user: &str| {
        format!("SELECT strata_internal.row_problem(o, 'o', '{user}', 'DATE ''2024-01-01''', NULL, NULL, NULL) FROM o")
    };
    assert_eq!(refusal(client, &asked("slow(who)")), "57014");
    run(client, "RESET statement_timeout");
    assert_eq!(refusal(client, &asked("full_up(who)")), "53100");
    // the subtransactions around have ended
    run(
        client,
        &format!(
            "DO $$ BEGIN PERFORM * FROM ({}) AS t; EXCEPTION WHEN disk_full THEN NULL; END $$",
            asked("full_up(who)")
        ),
    );
    assert_eq!(problems(client, "o", "'wrong(who)', 'DATE ''2024-01-01''', NULL, NULL, NULL")[4], some("wrong 5"));
    assert_eq!(refusal(client, &asked("(SELECT 1)")), "0A000");
}

#[test]
fn it_is_cheap() {
    let mut client = database("problem_cost");
    let client = &mut client;
    run(
        client,
        "CREATE TABLE o (id bigint, who bigint, at timestamptz, amount numeric, kind text);
         INSERT INTO o SELECT n, n % 1000, '2024-01-01'::timestamptz + n * interval '1 min', n, 'sale' FROM generate_series(1, 300000) AS n; ANALYZE o",
    );
    let mut timed = |arguments: &str| {
        let started = Instant::now();
        let question = format!("SELECT count(strata_internal.row_problem(o, 'o', {arguments})) FROM o");
        assert_eq!(value::<i64>(client, &question), 0);
        started.elapsed()
    };
    let plain = timed("'who', 'at', 'amount', NULL, 'Asia/Shanghai'");
    let expressions = timed("'who', '(at AT TIME ZONE ''UTC'')::date', 'amount * 2', 'kind = ''sale''', NULL");
    strata_tests::visible(&format!("row_problem, 300,000 rows: plain {plain:?}, expressions {expressions:?}"));
    assert!(plain < Duration::from_secs(3) && expressions < Duration::from_secs(12));
}

#[test]
fn a_ledger_says_whether_a_row_could_hide() {
    let mut client = database("problem_ledgers");
    let client = &mut client;
    for (ledger, beyond) in [
        (r#"{}"#, false),
        (r#"{"2024-01-01": [1, 5], "2024-01-02": [1, 1000000000000]}"#, false),
        (r#"{"2024-01-01": [1, 5], "2024-01-02": [1, 1000000000000.01]}"#, true),
        (r#"{"2024-01-01": [1, 0.000001, 1000000000001]}"#, true),
        (r#"{"2024-01-01": [0, 0, 1000000000000]}"#, false),
    ] {
        let question = format!("SELECT strata_internal.is_beyond('{ledger}'::strata.ledger)");
        assert_eq!(value::<bool>(client, &question), beyond, "{ledger}");
    }
}
