//! Real purchases as tables, each (customer, at, amount).

use postgres::Client;

use crate::{copy_in, demo_orders, run, shared_data};

/// The CDNOW master, 69,659 purchases by the day, into the table `cdnow`.
///
/// # Panics
/// Where the data are not there.
pub fn load_cdnow(client: &mut Client) {
    let text = shared_data("cdnow/CDNOW_master.txt.xz");
    let rows: String = text
        .lines()
        .skip(1)
        .map(|line| {
            let [customer, day, _, dollars] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                panic!("not four columns: {line}");
            };
            format!("{customer}\t{day}\t{dollars}\n")
        })
        .collect();
    run(client, "CREATE TABLE cdnow (customer bigint NOT NULL, at date NOT NULL, amount numeric NOT NULL)");
    copy_in(client, "COPY cdnow FROM STDIN", rows.as_bytes());
    run(client, "ANALYZE cdnow");
}

/// Online Retail, 541,909 invoice lines with returns, into the table `lines`; the lines of unknown customers stand as
/// one NULL customer.
///
/// # Panics
/// As [`load_cdnow`].
pub fn load_online_retail(client: &mut Client) {
    let text = shared_data("online_retail/online_retail.csv.xz");
    run(
        client,
        "CREATE TABLE lines (
             invoice text NOT NULL, stock_code text NOT NULL, description text, quantity integer NOT NULL,
             at timestamp NOT NULL, price numeric NOT NULL, customer bigint, country text NOT NULL,
             amount numeric GENERATED ALWAYS AS (quantity * price) STORED)",
    );
    let copy = "COPY lines (invoice, stock_code, description, quantity, at, price, customer, country)
                FROM STDIN (FORMAT csv, HEADER)";
    copy_in(client, copy, text.as_bytes());
    run(client, "ANALYZE lines");
}

/// The demo's orders, the same shop by the invoice, into the table `orders`.
pub fn load_orders(client: &mut Client) {
    run(
        client,
        "CREATE TABLE orders (
             invoice text PRIMARY KEY, customer bigint NOT NULL, at timestamp NOT NULL, country text NOT NULL,
             amount numeric NOT NULL)",
    );
    copy_in(client, "COPY orders FROM STDIN (FORMAT csv, HEADER)", demo_orders().as_bytes());
    run(client, "ANALYZE orders");
}
