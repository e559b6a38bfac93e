//! The law of `ledger_agg`: on any rows, in any order, its entries are what plain
//! SQL counts and adds up per user and day, for every type of time and amount;
//! and the day of an instant in a time zone is `(at AT TIME ZONE zone)::date`.
//!
//! The rows are random, from a fixed seed. Another one: SEED=number make test.

use std::fmt::Write;

use postgres::Client;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use strata_tests::{assert_same_rows, copy_in, fresh_database, run};

const ROWS: usize = 8_000;

fn random() -> StdRng {
    let seed = std::env::var("SEED").map_or(20_111_209, |seed| seed.parse().expect("SEED is a number"));
    // where the test fails, the harness shows it
    println!("SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// `value`, or NULL in one row of `chance`.
fn or_null(random: &mut StdRng, chance: u32, value: String) -> String {
    if random.random_ratio(1, chance) { "\\N".to_owned() } else { value }
}

/// A decimal number of up to six decimals, from a millionth to a trillion, sometimes with zeros that say nothing.
fn exact(random: &mut StdRng) -> String {
    let scale = random.random_range(0..=6u32);
    let digits = random.random_range(1..=12u32);
    let sign = if random.random_ratio(1, 4) { "-" } else { "" };
    let mantissa = random.random_range(0..10u64.pow(digits));
    let (whole, fraction) = (mantissa / 10u64.pow(scale), mantissa % 10u64.pow(scale));
    let zeros = "0".repeat(if random.random_ratio(1, 5) { random.random_range(1..9) } else { 0 });
    match scale {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction:0width$}{zeros}", width = scale as usize),
    }
}

/// A double: cents, whole numbers, ties at the seventh decimal, numbers that round to nothing, any digits.
fn approximate(random: &mut StdRng) -> f64 {
    let sign = if random.random_ratio(1, 4) { -1.0 } else { 1.0 };
    sign * match random.random_range(0..5) {
        0 => random.random_range(0..100_000_000u64) as f64 / 100.0,
        1 => random.random_range(0..1_000_000_000_000u64) as f64,
        2 => random.random_range(0..10_000_000u64) as f64 / 1e6 + 5e-7,
        3 => random.random::<f64>() * 1e-6,
        _ => random.random::<f64>() * 10f64.powi(random.random_range(-7..9)),
    }
}

/// One column of each type of amount, beside one of each type of time.
#[test]
fn every_type_of_time_and_amount() {
    let mut random = random();
    let mut client = fresh_database("random_types");
    run(
        &mut client,
        "CREATE TABLE events (
             user_id integer, date date, timestamp timestamp, instant timestamptz,
             numeric numeric, bigint bigint, integer integer, double double precision)",
    );
    let mut rows = String::new();
    for _ in 0..ROWS {
        // squared: some users with one row, some with hundreds
        let user = (random.random::<f64>().powi(2) * 150.0) as u32;
        let (day, microsecond) = (random.random_range(-400..400), random.random_range(0..86_400_000_000u64));
        // as seconds: PostgreSQL 14 reads no unit that counts beyond an integer
        let timestamp = format!("{}.{:06} seconds", microsecond / 1_000_000, microsecond % 1_000_000);
        let date = or_null(&mut random, 40, day.to_string());
        let small = random.random_range(1..10);
        let columns = [
            exact(&mut random),
            (random.random_range(-1i64 << 40..1 << 44) >> (4 * small)).to_string(),
            (random.random::<i32>() >> (2 * small)).to_string(),
            approximate(&mut random).to_string(),
        ]
        .map(|amount| or_null(&mut random, 30, amount));
        writeln!(rows, "{user}\t{date}\t{timestamp}\t{}", columns.join("\t")).expect("a String takes all");
    }
    run(
        &mut client,
        "CREATE TEMPORARY TABLE raw (user_id integer, day integer, time interval,
             numeric numeric, bigint bigint, integer integer, double double precision)",
    );
    copy_in(&mut client, "COPY raw FROM STDIN", rows.as_bytes());
    run(
        &mut client,
        "INSERT INTO events
         SELECT user_id, DATE '2012-02-29' + day, DATE '2012-02-29' + day + time,
                (DATE '2012-02-29' + day + time) AT TIME ZONE 'UTC', numeric, bigint, integer, double
         FROM raw",
    );

    // An amount of another type than numeric, as the plain SQL that it has to equal.
    let amounts = [
        ("numeric", "numeric"),
        ("bigint", "bigint::numeric"),
        ("integer", "integer::numeric"),
        ("double", "round(double::text::numeric, 6)"),
    ];
    let times = [
        ("date", "date", None),
        ("timestamp", "timestamp::date", None),
        ("instant", "(instant AT TIME ZONE 'Asia/Shanghai')::date", Some("'Asia/Shanghai'")),
    ];
    for (time, day, zone) in times {
        for (amount, exact) in amounts {
            let arguments: Vec<&str> = [time, amount].into_iter().chain(zone).collect();
            assert_entries(&mut client, &arguments.join(", "), day, exact);
        }
        let arguments: Vec<&str> = [time].into_iter().chain(zone).collect();
        assert_entries(&mut client, &arguments.join(", "), day, "NULL::numeric");
    }
}

/// The entries of `ledger_agg(arguments)` by user are what plain SQL says of `day` and `amount`.
fn assert_entries(client: &mut Client, arguments: &str, day: &str, amount: &str) {
    assert_same_rows(
        client,
        &format!("ledger_agg({arguments})"),
        &format!(
            "SELECT user_id, entry.day, entry.events, entry.gross_amount, entry.credit_amount
             FROM (SELECT user_id, strata.ledger_agg({arguments}) AS ledger FROM events GROUP BY user_id) AS ledgers,
                  strata.entries(ledger) AS entry"
        ),
        &format!(
            "SELECT user_id, day, count(*) FILTER (WHERE amount >= 0),
                    coalesce(sum(amount) FILTER (WHERE amount >= 0), 0),
                    coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)
             FROM (SELECT user_id, {day} AS day, coalesce({amount}, 0) AS amount FROM events) AS rows
             WHERE day IS NOT NULL
             GROUP BY user_id, day"
        ),
    );
}

/// Zones with summer time, without, with half an hour of it, that skipped a day or had one twice, with historic offsets
/// in seconds, and POSIX rules.
const ZONES: [&str; 18] = [
    "UTC",
    "Asia/Shanghai",
    "asia/shanghai",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Africa/Monrovia",
    "Europe/Amsterdam",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Asia/Tehran",
    "Etc/GMT+12",
    "Etc/GMT-14",
    "EST5EDT,M3.2.0,M11.1.0",
];

/// Days around which some of these clocks jumped.
const JUMPS: [&str; 12] = [
    "2024-03-10",
    "2024-11-03",
    "2024-04-07",
    "2024-10-06",
    "2011-12-30",
    "1993-08-21",
    "1901-01-01",
    "1919-04-15",
    "1972-01-07",
    "1940-05-16",
    "1991-04-14",
    "2037-11-01",
];

/// Law: the day is that of `AT TIME ZONE`, whatever the order in which the seasons come.
#[test]
fn the_day_of_an_instant_in_a_zone() {
    let mut random = random();
    let mut client = fresh_database("random_zones");
    run(&mut client, "CREATE TABLE events (user_id integer, at timestamptz)");
    let mut rows = String::new();
    for number in 0..ROWS {
        let user = random.random_range(0..3);
        let second = random.random_range(0..86_400);
        let at = match number % 4 {
            // within two days of a jump of some clock
            0 => {
                let day = JUMPS[random.random_range(0..JUMPS.len())];
                format!("{day} 00:00:00+00\t{} seconds", random.random_range(-172_800..172_800))
            }
            // around midnight somewhere
            1 => format!(
                "{}-07-01 {:02}:00:00+00\t{} microseconds",
                random.random_range(1880..2100),
                random.random_range(0..24),
                random.random_range(-2..2)
            ),
            2 => format!(
                "{}-01-01 00:00:00+00\t{} days {second} seconds",
                random.random_range(1970..2040),
                random.random_range(0..366)
            ),
            _ => format!(
                "{:04}-01-01 00:00:00+00\t{} days {second} seconds",
                random.random_range(1..9999),
                random.random_range(0..366)
            ),
        };
        writeln!(rows, "{user}\t{at}").expect("a String takes all");
    }
    run(&mut client, "CREATE TEMPORARY TABLE raw (user_id integer, start timestamptz, later interval)");
    copy_in(&mut client, "COPY raw FROM STDIN", rows.as_bytes());
    run(&mut client, "INSERT INTO events SELECT user_id, start + later FROM raw");
    for zone in ZONES {
        assert_entries(
            &mut client,
            &format!("at, '{zone}'"),
            &format!("(at AT TIME ZONE '{zone}')::date"),
            "NULL::numeric",
        );
    }
    // The session's own zone is no part of it.
    run(&mut client, "SET timezone = 'America/Los_Angeles'");
    assert_entries(&mut client, "at, 'Asia/Tokyo'", "(at AT TIME ZONE 'Asia/Tokyo')::date", "NULL::numeric");
}

/// Law: each row has its own zone, where it comes from a column.
#[test]
fn a_zone_per_row() {
    let mut client = fresh_database("random_zone_per_row");
    let zones = ZONES.map(|zone| format!("'{zone}'")).join(", ");
    run(
        &mut client,
        &format!(
            "CREATE TABLE events AS
             SELECT n % 5 AS user_id, timestamptz '2024-01-01 00:00 UTC' + n * interval '97 minutes' AS at,
                    (ARRAY[{zones}])[1 + n * n % {count}] AS zone
             FROM generate_series(1, 5000) AS n",
            count = ZONES.len()
        ),
    );
    assert_entries(&mut client, "at, zone", "(at AT TIME ZONE zone)::date", "NULL::numeric");
}

/// Laws: the sum of the parts is the sum of the rows, in whatever order and number of parts; taking one part out leaves
/// the others.
#[test]
fn parts_in_any_order() {
    let mut random = random();
    let mut client = fresh_database("random_parts");
    let mut rows = String::new();
    for _ in 0..ROWS {
        let (user, part) = (random.random_range(0..60), random.random_range(0..7));
        let day = random.random_range(0..120);
        let amount = exact(&mut random);
        writeln!(rows, "{user}\t{part}\t{day}\t{}", or_null(&mut random, 30, amount)).expect("a String takes all");
    }
    run(&mut client, "CREATE TABLE raw (user_id integer, part integer, day integer, amount numeric)");
    copy_in(&mut client, "COPY raw FROM STDIN", rows.as_bytes());
    run(
        &mut client,
        "CREATE TABLE events AS SELECT user_id, part, DATE '2024-01-01' + day AS at, amount FROM raw;
         CREATE TABLE parts AS SELECT user_id, part, strata.ledger_agg(at, amount) AS ledger FROM events GROUP BY 1, 2",
    );
    let whole = "SELECT user_id, strata.ledger_agg(at, amount) AS ledger FROM events GROUP BY user_id";
    for order in ["part", "part DESC", "hashint4(part)"] {
        let parts =
            format!("SELECT user_id, strata.rollup(ledger ORDER BY {order}) AS ledger FROM parts GROUP BY user_id");
        assert_same_rows(&mut client, "parts", &parts, whole);
    }
    for order in ["at", "at DESC", "amount", "hashint4(at - DATE '2000-01-01')"] {
        let rows =
            format!("SELECT user_id, strata.ledger_agg(at, amount ORDER BY {order}) AS ledger FROM events GROUP BY 1");
        assert_same_rows(&mut client, "rows", &rows, whole);
    }
    assert_same_rows(
        &mut client,
        "without a part",
        &format!(
            "SELECT user_id, part, w.ledger OPERATOR(strata.-) p.ledger AS ledger
             FROM parts AS p JOIN ({whole}) AS w USING (user_id)"
        ),
        "SELECT p.user_id, p.part, strata.ledger_agg(e.at, e.amount)
         FROM parts AS p JOIN events AS e ON e.user_id = p.user_id AND e.part <> p.part
         GROUP BY p.user_id, p.part",
    );
    assert_same_rows(
        &mut client,
        "a + b = b + a, (a + b) + c = a + (b + c)",
        "SELECT a.user_id, a.ledger OPERATOR(strata.+) b.ledger AS ab,
                (a.ledger OPERATOR(strata.+) b.ledger) OPERATOR(strata.+) c.ledger AS abc
         FROM parts AS a JOIN parts AS b USING (user_id) JOIN parts AS c USING (user_id)
         WHERE a.part = 0 AND b.part = 3 AND c.part = 5",
        "SELECT a.user_id, b.ledger OPERATOR(strata.+) a.ledger,
                a.ledger OPERATOR(strata.+) (b.ledger OPERATOR(strata.+) c.ledger)
         FROM parts AS a JOIN parts AS b USING (user_id) JOIN parts AS c USING (user_id)
         WHERE a.part = 0 AND b.part = 3 AND c.part = 5",
    );
}
