//! The law of retention: with `keep_before`, days before it stay as they were counted, whatever is removed, changed or added below
//! them, and however they are counted; the days from it on follow the rows.

use postgres::Client;
use strata_tests::{assert_same_rows, fresh_database, run, value};

const LEDGERS: &str = "SELECT user_id, ledger::text FROM kept_ledger";

/// What the ledgers say of January, before it is dropped.
fn january(client: &mut Client) {
    run(
        client,
        "CREATE TABLE january AS SELECT user_id, strata.clip(ledger, '2024-01-01', '2024-01-31')::text AS ledger FROM kept_ledger
         WHERE strata.first_day(ledger, '2024-01-31') IS NOT NULL",
    );
}

fn assert_frozen(client: &mut Client, law: &str) {
    assert_same_rows(
        client,
        law,
        "SELECT user_id, strata.clip(ledger, '2024-01-01', '2024-01-31')::text FROM kept_ledger
         WHERE strata.first_day(ledger, '2024-01-31') IS NOT NULL",
        "SELECT user_id, ledger FROM january",
    );
    let differing: i64 = value(client, "SELECT count(*) FROM strata.verify('kept')");
    assert_eq!(differing, 0, "{law}: what is frozen is no difference");
}

fn orders(client: &mut Client, capture: &str) {
    run(
        client,
        &format!(
            "CREATE TABLE orders (order_id serial, customer_id bigint, ordered_at timestamptz, amount numeric) PARTITION BY RANGE (ordered_at);
             CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2023-12-31 16:00+00') TO ('2024-01-31 16:00+00');
             CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM ('2024-01-31 16:00+00') TO ('2024-02-29 16:00+00');
             INSERT INTO orders (customer_id, ordered_at, amount)
             SELECT n % 7, '2024-01-01 00:00+08'::timestamptz + n * interval '18 hours', n FROM generate_series(1, 75) AS n;
             SELECT strata.add_source('kept', 'orders', 'customer_id', 'ordered_at', 'amount', time_zone => 'Asia/Shanghai',
                                      capture => '{capture}', keep_before => '2024-02-01')"
        ),
    );
    january(client);
}

#[test]
fn frozen_days_outlive_their_rows() {
    let mut client = fresh_database("retention");
    orders(&mut client, "trigger");
    // what is removed and changed below the day is not followed, what is added is not counted
    run(
        &mut client,
        "DELETE FROM orders WHERE customer_id = 3 AND ordered_at < '2024-01-20';
         UPDATE orders SET amount = amount + 100 WHERE customer_id = 4 AND ordered_at < '2024-01-31 16:00+00';
         INSERT INTO orders (customer_id, ordered_at, amount) VALUES (5, '2024-01-15 12:00+08', 999), (6, '2024-02-10 12:00+08', 1)",
    );
    assert_eq!(value::<i64>(&mut client, "SELECT strata.sync('kept')"), 1, "February alone is followed");
    assert_frozen(&mut client, "folded");
    // the first instant of the day in its zone is of the day
    run(&mut client, "INSERT INTO orders (customer_id, ordered_at, amount) VALUES (77, '2024-02-01 00:00+08', 5)");
    assert_eq!(value::<i64>(&mut client, "SELECT strata.sync('kept')"), 1);
    // a partition that is dropped makes everyone be counted anew
    run(&mut client, "DROP TABLE orders_1");
    assert_eq!(value::<i64>(&mut client, "SELECT strata.sync('kept')"), 0);
    assert_frozen(&mut client, "without its partition");
    let before: String =
        value(&mut client, &format!("SELECT string_agg(l::text, ' ' ORDER BY user_id) FROM ({LEDGERS}) AS l"));
    assert_eq!(value::<i64>(&mut client, "SELECT strata.rebuild('kept')"), 0);
    assert_frozen(&mut client, "rebuilt");
    run(&mut client, "TRUNCATE orders; SELECT strata.sync('kept')");
    assert_frozen(&mut client, "after everything was emptied");
    let february: i64 = value(
        &mut client,
        "SELECT count(*) FROM kept_ledger WHERE strata.last_day(ledger, '2024-12-31') >= '2024-02-01'",
    );
    assert_eq!((february, before.is_empty()), (0, false), "from the day on the ledgers follow the rows");
}

#[test]
fn frozen_days_hold_where_rows_are_compared() {
    let mut client = fresh_database("retention_compared");
    orders(&mut client, "compare");
    run(&mut client, "DELETE FROM orders WHERE ordered_at < '2024-01-31 16:00+00'");
    assert_eq!(value::<i64>(&mut client, "SELECT strata.sync('kept')"), 0);
    assert_frozen(&mut client, "compared");
    // the owner moves the day, as the rows that his raw tables keep do
    run(&mut client, "UPDATE strata_sources SET keep_before = '2024-02-15' WHERE name = 'kept'; DELETE FROM orders");
    run(&mut client, "SELECT strata.sync('kept')");
    let kept: (String, String) = (
        value(&mut client, "SELECT max(strata.last_day(ledger, '2024-12-31'))::text FROM kept_ledger"),
        value(&mut client, "SELECT count(*)::text FROM strata.verify('kept')"),
    );
    assert_eq!(kept, ("2024-02-14".to_owned(), "0".to_owned()));
}
