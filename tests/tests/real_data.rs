//! The laws of ledgers and of scores on real purchases, against computations in
//! plain SQL that share no code with the extension.
//!
//! The tables are those of `strata_tests::purchases`, each (customer, at, amount).
//!
//! CDNOW and Online Retail lie outside the repository: without them the tests
//! of those tables are ignored, and cargo says so.

use std::sync::OnceLock;

use postgres::Client;
use strata_tests::purchases::{load_cdnow, load_online_retail, load_orders};
use strata_tests::{analyst, assert_same_rows, fresh_database, refusal, run, value};

const DATABASE: &str = "real_data";

/// A table of purchases and what is known of it from its publishers.
struct Source {
    table: &'static str,
    /// The last day of the data.
    end: &'static str,
    /// (as_of, window_days) to read at: first and last day, between, before and after the data.
    asked: &'static str,
}

const CDNOW: Source = Source {
    table: "cdnow",
    end: "1998-06-30",
    asked: "SELECT as_of::date, window_days
                FROM unnest(ARRAY['1996-12-31', '1997-01-01', '1997-09-30', '1998-06-30', '1999-12-31']) AS as_of,
                     unnest(ARRAY[NULL, 1, 91, 273]) AS window_days",
};

const LINES: Source = Source {
    table: "lines",
    end: "2011-12-09",
    asked: "VALUES (DATE '2011-12-09', NULL::int), ('2011-12-09', 90), ('2011-06-15', NULL), ('2011-06-15', 30)",
};

const ORDERS: Source = Source {
    table: "orders",
    end: "2011-12-09",
    asked: "SELECT as_of::date, window_days
                FROM unnest(ARRAY['2010-12-01', '2011-03-31', '2011-12-09', '2012-06-30']) AS as_of,
                     unnest(ARRAY[NULL, 1, 7, 30, 365]) AS window_days",
};

/// Loads what is there, once; each test connects to it.
fn database() -> Client {
    static LOADED: OnceLock<()> = OnceLock::new();
    LOADED.get_or_init(|| {
        let mut client = fresh_database(DATABASE);
        if cfg!(has_cdnow) {
            load_cdnow(&mut client);
            finish(&mut client, "cdnow");
        }
        if cfg!(has_online_retail) {
            load_online_retail(&mut client);
            finish(&mut client, "lines");
        }
        load_orders(&mut client);
        finish(&mut client, "orders");
    });
    analyst(DATABASE)
}

/// A test of each law for each table; without its data it is ignored.
macro_rules! laws {
    (of $($table:ident),+: $laws:tt) => {
        $(laws!(@$table $laws);)+
    };
    (@orders [$($law:ident),+]) => {
        mod orders {
            $(#[test]
            fn $law() {
                super::$law(&super::ORDERS);
            })+
        }
    };
    (@cdnow [$($law:ident),+]) => {
        mod cdnow {
            $(#[test]
            #[cfg_attr(not(has_cdnow), ignore = "needs cdnow of the shared data")]
            fn $law() {
                super::$law(&super::CDNOW);
            })+
        }
    };
    (@lines [$($law:ident),+]) => {
        mod lines {
            $(#[test]
            #[cfg_attr(not(has_online_retail), ignore = "needs online_retail of the shared data")]
            fn $law() {
                super::$law(&super::LINES);
            })+
        }
    };
}

laws!(of orders, cdnow: [
    published_totals_hold, readers_equal_plain_sql, entries_are_the_days, the_main_job_equals_a_naive_reference,
    the_summary_is_the_sum_of_its_users, first_amount_equals_plain_sql, months_add_up_and_subtract,
    scores_equal_a_naive_reference, the_past_does_not_know_the_future
]);
laws!(of lines: [
    published_totals_hold, readers_equal_plain_sql, entries_are_the_days, the_main_job_equals_a_naive_reference,
    the_summary_is_the_sum_of_its_users
]);

/// The table's ledgers, and per customer the three values by plain SQL, to be scored.
fn finish(client: &mut Client, table: &str) {
    run(
        client,
        &format!(
            "CREATE TABLE {table}_ledgers AS
             SELECT customer, strata.ledger_agg(at, amount) AS ledger FROM {table} GROUP BY customer;
             ANALYZE {table};
             ANALYZE {table}_ledgers"
        ),
    );
}

/// Per customer with any row until `as_of`: recency, frequency and monetary by plain SQL; with a window, frequency and
/// monetary of its days alone.
fn users(table: &str, as_of: &str, window_days: Option<i32>) -> String {
    let within = window_days.map_or("true".to_owned(), |days| format!("at::date > DATE '{as_of}' - {days}"));
    format!(
        "SELECT customer,
                DATE '{as_of}' - max(at::date) FILTER (WHERE amount >= 0) AS recency,
                count(*) FILTER (WHERE amount >= 0 AND {within}) AS frequency,
                coalesce(sum(amount) FILTER (WHERE {within}), 0) AS monetary
         FROM {table}
         WHERE at::date <= DATE '{as_of}' AND customer IS NOT NULL
         GROUP BY customer"
    )
}

/// The score of a row that has `worse` rows strictly below it and `equal` rows (itself included) at its value.
fn naive_score(ties: &str, bins: i32, worse: &str, equal: &str, rows: &str) -> String {
    match ties {
        "min" => format!("(1 + {bins} * {worse} / {rows})::smallint"),
        "max" => format!("(({bins} * ({worse} + {equal}) + {rows} - 1) / {rows})::smallint"),
        "mid" => format!("(1 + {bins} * (2 * {worse} + {equal}) / (2 * {rows}))::smallint"),
        _ => panic!("no tie policy {ties}"),
    }
}

const TIES: [&str; 3] = ["min", "max", "mid"];

/// Law: the published totals of the data come out of the ledgers.
fn published_totals_hold(source: &Source) {
    let mut client = database();
    let mut total = |table: &str, condition: &str, end: &str| -> (i64, String) {
        let row = client
            .query_one(
                &format!(
                    "SELECT count(*), sum(strata.monetary(ledger, '{end}'))::text
                     FROM {table}_ledgers WHERE {condition}"
                ),
                &[],
            )
            .expect("the totals");
        (row.get(0), row.get(1))
    };
    let Source { table, end, .. } = source;
    match *table {
        "cdnow" => assert_eq!(total(table, "true", end), (23_570, "2500315.63".to_owned())),
        "lines" => {
            assert_eq!(total(table, "customer IS NOT NULL", end), (4_372, "8300065.814".to_owned()));
            assert_eq!(total(table, "true", end), (4_373, "9747747.934".to_owned()));
        }
        _ => assert_eq!(total(table, "true", end), (4_372, "8300065.814".to_owned())),
    }
}

/// Law: so does the usual clean set of the literature, whose gross is that of the ledgers' own credits rule.
#[test]
#[cfg_attr(not(has_online_retail), ignore = "needs online_retail of the shared data")]
fn the_clean_set_holds() {
    let clean: String = value(
        &mut database(),
        "SELECT count(*) || ' customers ' || sum(strata.gross_amount(ledger, '2011-12-09'))
         FROM (SELECT strata.ledger_agg(at, amount) AS ledger FROM lines
               WHERE customer IS NOT NULL AND quantity > 0 AND price > 0 GROUP BY customer) AS clean",
    );
    assert_eq!(clean, "4338 customers 8911407.904");
}

/// Law: the demo's orders are the invoices of Online Retail's known customers.
#[test]
#[cfg_attr(not(has_online_retail), ignore = "needs online_retail of the shared data")]
fn demo_orders_are_the_invoices() {
    let mut client = database();
    let invoices = assert_same_rows(
        &mut client,
        "one order per invoice",
        "SELECT invoice, customer, at, country, amount FROM orders",
        "SELECT invoice, customer, min(at), country, sum(amount) FROM lines
         WHERE customer IS NOT NULL GROUP BY invoice, customer, country",
    );
    assert_eq!(invoices, 22_190);
}

/// Law: for every customer, day and window, what is read from the ledger is what plain SQL counts, to the last digit.
fn readers_equal_plain_sql(source: &Source) {
    let mut client = database();
    let Source { table, asked, .. } = source;
    assert_same_rows(
            &mut client,
            &format!("readers on {table}"),
            &format!(
                "SELECT customer, as_of, window_days,
                        strata.recency(ledger, as_of, window_days) AS recency,
                        strata.frequency(ledger, as_of, window_days) AS frequency,
                        strata.active_days(ledger, as_of, window_days) AS active_days,
                        strata.gross_amount(ledger, as_of, window_days) AS gross_amount,
                        strata.credit_amount(ledger, as_of, window_days) AS credit_amount,
                        strata.monetary(ledger, as_of, window_days) AS monetary,
                        strata.average_amount(ledger, as_of, window_days)::text AS average_amount,
                        strata.first_day(ledger, as_of, window_days) AS first_day,
                        strata.last_day(ledger, as_of, window_days) AS last_day,
                        strata.tenure(ledger, as_of, window_days) AS tenure
                 FROM {table}_ledgers, ({asked}) AS asked (as_of, window_days)"
            ),
            &format!(
                "SELECT customer, as_of, window_days,
                        as_of - max(day),
                        count(day),
                        count(DISTINCT day)::integer,
                        coalesce(sum(amount) FILTER (WHERE amount >= 0), 0),
                        coalesce(-sum(amount) FILTER (WHERE amount < 0), 0),
                        coalesce(sum(amount), 0),
                        (sum(amount) / nullif(count(day), 0))::text,
                        min(day),
                        max(day),
                        as_of - min(day)
                 FROM (SELECT customer, as_of, window_days,
                              CASE WHEN inside THEN amount END AS amount,
                              CASE WHEN inside AND amount >= 0 THEN at::date END AS day
                       FROM {table}, ({asked}) AS asked (as_of, window_days),
                            LATERAL (SELECT at::date <= as_of
                                            AND (window_days IS NULL OR at::date >= as_of - window_days + 1)) AS i (inside)
                      ) AS seen
                 GROUP BY customer, as_of, window_days"
            ),
        );
}

/// Law: the first amount is the net of the first active day, the day's credits included.
fn first_amount_equals_plain_sql(source: &Source) {
    let mut client = database();
    let Source { table, asked, .. } = source;
    assert_same_rows(
        &mut client,
        &format!("first_amount on {table}"),
        &format!(
            "SELECT customer, as_of, window_days, strata.first_amount(ledger, as_of, window_days) AS amount
                 FROM {table}_ledgers, ({asked}) AS asked (as_of, window_days)
                 WHERE strata.first_amount(ledger, as_of, window_days) IS NOT NULL"
        ),
        &format!(
            "SELECT customer, as_of, window_days, sum(amount)
                 FROM (SELECT *, min(at::date) FILTER (WHERE amount >= 0)
                                     OVER (PARTITION BY customer, as_of, window_days) AS first_day
                       FROM {table}, ({asked}) AS asked (as_of, window_days)
                       WHERE at::date <= as_of AND (window_days IS NULL OR at::date > as_of - window_days)) AS seen
                 WHERE at::date = first_day
                 GROUP BY customer, as_of, window_days"
        ),
    );
}

/// Law: a ledger's entries are the customer's days.
fn entries_are_the_days(source: &Source) {
    let mut client = database();
    let Source { table, .. } = source;
    assert_same_rows(
        &mut client,
        &format!("entries of {table}"),
        &format!(
            "SELECT customer, entry.day, entry.events, entry.gross_amount, entry.credit_amount
                 FROM {table}_ledgers, strata.entries(ledger) AS entry"
        ),
        &format!(
            "SELECT customer, at::date, count(*) FILTER (WHERE amount >= 0),
                        coalesce(sum(amount) FILTER (WHERE amount >= 0), 0),
                        coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)
                 FROM {table} GROUP BY customer, at::date"
        ),
    );
}

/// Laws: the ledgers of the months roll up to the ledger of all, in any order; all without a month is the ledger of the
/// other months, and that month added again is all; a clip is the ledger of its days.
fn months_add_up_and_subtract(source: &Source) {
    let mut client = database();
    let Source { table, .. } = source;
    run(
        &mut client,
        &format!(
            "CREATE TABLE {table}_months AS
                 SELECT customer, date_trunc('month', at)::date AS month, strata.ledger_agg(at, amount) AS ledger
                 FROM {table} GROUP BY 1, 2"
        ),
    );
    for order in ["", "ORDER BY month", "ORDER BY month DESC"] {
        assert_same_rows(
            &mut client,
            &format!("rollup of the months of {table} {order}"),
            &format!("SELECT customer, strata.rollup(ledger {order}) AS ledger FROM {table}_months GROUP BY customer"),
            &format!("SELECT customer, ledger FROM {table}_ledgers"),
        );
    }
    assert_same_rows(
            &mut client,
            &format!("{table} less a month"),
            &format!(
                "SELECT customer, month, others, others OPERATOR(strata.+) m.ledger AS again
                 FROM {table}_ledgers AS a JOIN {table}_months AS m USING (customer),
                      LATERAL (SELECT a.ledger OPERATOR(strata.-) m.ledger) AS o (others)"
            ),
            &format!(
                "SELECT m.customer, m.month,
                        coalesce(strata.ledger_agg(t.at, t.amount) FILTER (WHERE date_trunc('month', t.at) <> m.month), '{{}}'),
                        strata.ledger_agg(t.at, t.amount)
                 FROM {table}_months AS m JOIN {table} AS t USING (customer)
                 GROUP BY m.customer, m.month"
            ),
        );
    assert_same_rows(
        &mut client,
        &format!("a clip of {table}"),
        &format!(
            "SELECT customer, month, strata.clip(a.ledger, month, (month + interval '1 month - 1 day')::date) AS ledger
                 FROM {table}_ledgers AS a JOIN {table}_months AS m USING (customer)"
        ),
        &format!("SELECT customer, month, ledger FROM {table}_months"),
    );
}

/// Law: a month that is not in a ledger cannot be taken out of it, and the session goes on.
#[test]
fn a_month_is_subtracted_once() {
    let mut client = database();
    let state = refusal(
        &mut client,
        "SELECT l.ledger OPERATOR(strata.-) l.ledger OPERATOR(strata.-) l.ledger
         FROM orders_ledgers AS l WHERE strata.frequency(l.ledger, '2011-12-09') > 0",
    );
    assert!(state.starts_with("22"), "{state}");
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM orders_ledgers"), 4_372);
}

/// Law: a score is the integer formula of the rows that are worse and equal, for every number of bins, tie policy and
/// direction; `score` by the cuts and `quantile_score` agree on it; a NULL has no score and counts nowhere.
///
/// The reference counts by joining every value with every other on the orders, by `rank()` on CDNOW.
fn scores_equal_a_naive_reference(source: &Source) {
    let mut client = database();
    let Source { table, end, .. } = source;
    run(
        &mut client,
        &format!(
            "CREATE TABLE {table}_values AS
                 WITH users AS ({})
                 SELECT metric, customer, value
                 FROM users, LATERAL (VALUES ('recency', recency), ('frequency', frequency), ('monetary', monetary))
                             AS v (metric, value);
                 ANALYZE {table}_values",
            users(table, end, None)
        ),
    );
    let counted = match *table {
        "orders" => {
            "SELECT metric, one.value,
                        coalesce(sum(other.n) FILTER (WHERE other.value < one.value), 0)::bigint AS below,
                        coalesce(sum(other.n) FILTER (WHERE other.value > one.value), 0)::bigint AS above,
                        one.n AS equal, sum(other.n)::bigint AS rows
                 FROM values AS one JOIN values AS other USING (metric)
                 GROUP BY metric, one.value, one.n"
        }
        _ => {
            "SELECT metric, value, n AS equal,
                        (sum(n) OVER (PARTITION BY metric ORDER BY value) - n)::bigint AS below,
                        (sum(n) OVER (PARTITION BY metric ORDER BY value DESC) - n)::bigint AS above,
                        sum(n) OVER (PARTITION BY metric)::bigint AS rows
                 FROM values"
        }
    };
    run(
        &mut client,
        &format!(
            "CREATE TABLE {table}_counted AS
                 WITH values AS (SELECT metric, value, count(*) AS n FROM {table}_values
                                 WHERE value IS NOT NULL GROUP BY metric, value)
                 {}",
            counted.replace(
                "SELECT metric, value,\n                        coalesce",
                "SELECT metric, one.value,\n coalesce"
            )
        ),
    );
    for (bins, ties, best) in [2, 5, 7, 10]
        .into_iter()
        .flat_map(|bins| TIES.map(|ties| (bins, ties)))
        .flat_map(|(bins, ties)| ["high", "low"].map(|best| (bins, ties, best)))
    {
        let worse = if best == "high" { "below" } else { "above" };
        let naive = naive_score(ties, bins, worse, "equal", "rows");
        assert_same_rows(
                &mut client,
                &format!("{bins} bins, ties {ties}, best {best} on {table}"),
                &format!(
                    "SELECT metric, customer, strata.score(value, cuts) AS score,
                            strata.quantile_score(value, {bins}, '{ties}', '{best}') OVER (PARTITION BY metric) AS quantile
                     FROM {table}_values
                     JOIN (SELECT metric, strata.cuts_agg(value, {bins}, '{ties}', '{best}') AS cuts
                           FROM {table}_values GROUP BY metric) AS c USING (metric)"
                ),
                &format!(
                    "SELECT metric, customer, {naive}, {naive}
                     FROM {table}_values LEFT JOIN {table}_counted USING (metric, value)"
                ),
            );
    }
}

/// Law: the type in which a value comes does not change its score.
#[test]
fn quantile_scores_do_not_depend_on_the_type() {
    let mut client = database();
    let typed = |value: &str| format!("strata.quantile_score({value}, 5, 'mid', 'high') OVER (PARTITION BY country)");
    let columns = |exact: &str, typed: &str| format!("{exact} AS exact, {typed} AS typed");
    let source = "(SELECT country, customer, sum(amount) AS monetary, count(*) AS frequency, max(at) AS last
                   FROM orders GROUP BY country, customer) AS users";
    for (exact, other) in [
        ("monetary", "monetary::double precision"),
        ("round(monetary)", "monetary::integer"),
        ("frequency::numeric", "frequency"),
        ("frequency::numeric", "frequency::smallint"),
        ("frequency::numeric", "frequency::real"),
        ("(last::date - DATE '2000-01-01')::numeric", "last::date"),
        ("extract(epoch FROM last)::numeric", "last"),
        ("extract(epoch FROM last)::numeric", "last AT TIME ZONE 'UTC'"),
    ] {
        assert_same_rows(
            &mut client,
            &format!("{other} like {exact}"),
            &format!("SELECT country, customer, {} FROM {source}", columns(&typed(exact), &typed(other))),
            &format!("SELECT country, customer, {} FROM {source}", columns(&typed(exact), &typed(exact))),
        );
    }
    // dates run against recency
    assert_same_rows(
        &mut client,
        "a late last day is a low recency",
        "SELECT customer, strata.quantile_score(max(at::date), 5, 'max', 'high') OVER () FROM orders GROUP BY customer",
        "SELECT customer, strata.quantile_score('2011-12-09' - max(at::date), 5, 'max', 'low') OVER ()
         FROM orders GROUP BY customer",
    );
}

/// The rows that rfm() has to return, by plain SQL and integer arithmetic alone; only the map from scores to a segment
/// is the extension's own, which has a test of its own.
fn naive_rfm(table: &str, as_of: &str, window_days: Option<i32>, ties: &str) -> String {
    let score = |metric: &str, direction: &str| {
        naive_score(
            ties,
            5,
            &format!("(rank() OVER (ORDER BY {metric} {direction}) - 1)"),
            &format!("count(*) OVER (PARTITION BY {metric})"),
            "count(*) OVER ()",
        )
    };
    format!(
        "SELECT customer AS user_id, u.recency, u.frequency, u.monetary, s.r, s.f, s.m,
                s.r::text || s.f || s.m AS code,
                CASE WHEN s.r IS NULL THEN 'prospect'
                     ELSE strata.rfm_segment(ROW(s.r, s.f, s.m)::strata.rfm_scores) END AS segment
         FROM ({users}) AS u
         LEFT JOIN (SELECT customer, {r} AS r, {f} AS f, {m} AS m
                    FROM ({users}) AS complete WHERE recency IS NOT NULL) AS s USING (customer)",
        users = users(table, as_of, window_days),
        r = score("recency", "DESC"),
        f = score("frequency", "ASC"),
        m = score("monetary", "ASC"),
    )
}

/// Law: the main job's rows are what plain SQL says, at the end of the data and in the past, with and without a window.
fn the_main_job_equals_a_naive_reference(source: &Source) {
    let mut client = database();
    let Source { table, end, .. } = source;
    let past = if *table == "cdnow" { "1997-09-30" } else { "2011-06-15" };
    for (as_of, window_days, ties) in [
        (*end, None, "min"),
        (*end, None, "max"),
        (*end, None, "mid"),
        (*end, Some(90), "min"),
        (past, None, "min"),
        (past, Some(30), "mid"),
    ] {
        let window = window_days.map_or("NULL".to_owned(), |days| days.to_string());
        assert_same_rows(
            &mut client,
            &format!("rfm() on {table} as of {as_of}, window {window}, ties {ties}"),
            &format!(
                "SELECT * FROM strata.rfm('SELECT customer, at, amount FROM {table}', as_of => DATE '{as_of}',
                         user_type => NULL::bigint, ties => '{ties}', window_days => {window})"
            ),
            &naive_rfm(table, as_of, window_days, ties),
        );
    }
}

/// Law: as of a past day, everything later does not exist: the job equals the job on the data cut to that day.
fn the_past_does_not_know_the_future(source: &Source) {
    let mut client = database();
    let Source { table, .. } = source;
    let days = if *table == "cdnow" { ["1997-03-31", "1997-09-30"] } else { ["2011-02-28", "2011-09-30"] };
    for day in days {
        for window in ["NULL", "60"] {
            for job in ["rfm", "rfm_summary"] {
                let call = |condition: &str| {
                    format!(
                        "SELECT * FROM strata.{job}('SELECT customer, at, amount FROM {table} {condition}',
                                 as_of => DATE '{day}', window_days => {window})"
                    )
                };
                assert_same_rows(
                    &mut client,
                    &format!("{job}() on {table} as of {day}, window {window}"),
                    &call(""),
                    &call(&format!("WHERE at < DATE ''{day}'' + 1")),
                );
            }
        }
    }
}

/// Law: the summary is the sum of the job's rows; nobody is counted twice or lost.
fn the_summary_is_the_sum_of_its_users(source: &Source) {
    let mut client = database();
    let Source { table, end, .. } = source;
    for scheme in ["eleven", "ten"] {
        for window in ["NULL", "90"] {
            let call = |job: &str| {
                format!(
                    "strata.{job}('SELECT customer, at, amount FROM {table}', as_of => DATE '{end}',
                             scheme => '{scheme}', window_days => {window})"
                )
            };
            assert_same_rows(
                &mut client,
                &format!("rfm_summary() on {table}, scheme {scheme}, window {window}"),
                &format!("SELECT * FROM {}", call("rfm_summary")),
                &format!(
                    "SELECT segment, count(*), round(count(*) / sum(count(*)) OVER (), 4),
                                sum(monetary), round(sum(monetary) / sum(sum(monetary)) OVER (), 4),
                                round(avg(recency), 2), round(avg(frequency), 2), round(avg(monetary), 2)
                         FROM {} GROUP BY segment",
                    call("rfm")
                ),
            );
            assert_same_rows(
                    &mut client,
                    &format!("totals of rfm_summary() on {table}, scheme {scheme}, window {window}"),
                    &format!(
                        "SELECT sum(users)::bigint, sum(revenue), abs(sum(share) - 1) < 0.001 AS shares,
                                abs(sum(revenue_share) - 1) < 0.001 AS revenue_shares
                         FROM {}",
                        call("rfm_summary")
                    ),
                    &format!(
                        "SELECT count(DISTINCT customer),
                                sum(amount) FILTER (WHERE {window} IS NULL OR at::date > DATE '{end}' - {window}::integer),
                                true, true
                         FROM {table} WHERE customer IS NOT NULL"
                    ),
                );
        }
    }
}

/// Law: the one call, the composable SQL and the materialized view give the same segments.
#[test]
fn one_call_and_composed_steps_agree() {
    let mut client = database();
    let call = "strata.rfm('SELECT customer, at, amount FROM public.orders', as_of => DATE '2011-12-09',
                           user_type => NULL::bigint)";
    let composed = "
        WITH users AS (
            SELECT customer, strata.recency(ledger, '2011-12-09') AS recency,
                   strata.frequency(ledger, '2011-12-09') AS frequency,
                   strata.monetary(ledger, '2011-12-09') AS monetary
            FROM orders_ledgers
        ), cuts AS (
            SELECT strata.rfm_cuts_agg(recency, frequency, monetary) AS cuts FROM users
        ), scored AS (
            SELECT *, strata.rfm_score(recency, frequency, monetary, cuts) AS scores FROM users, cuts
        )
        SELECT customer AS user_id, recency, frequency, monetary, (scores).r, (scores).f, (scores).m,
               strata.rfm_code(scores) AS code, strata.rfm_segment(scores, 'eleven', 'en') AS segment
        FROM scored";
    run(
        &mut client,
        &format!(
            "CREATE MATERIALIZED VIEW segments AS SELECT * FROM {call};
             CREATE UNIQUE INDEX ON segments (user_id)"
        ),
    );
    assert_same_rows(&mut client, "composed SQL", &format!("SELECT * FROM {call}"), composed);
    assert_same_rows(&mut client, "the materialized view", "SELECT * FROM segments", composed);
    run(&mut client, "REFRESH MATERIALIZED VIEW CONCURRENTLY segments");
    assert_same_rows(&mut client, "the refreshed view", "SELECT * FROM segments", composed);
}

/// Law: named arguments have no order, and user_type is one of them.
#[test]
fn user_type_may_stand_anywhere_among_the_arguments() {
    let mut client = database();
    let query = "'SELECT customer, at, amount FROM orders'";
    let third = format!(
        "SELECT * FROM strata.rfm({query}, as_of => DATE '2011-12-09', user_type => NULL::bigint, ties => 'max')"
    );
    for arguments in [
        "as_of => DATE '2011-12-09', ties => 'max', user_type => NULL::bigint",
        "user_type => NULL::bigint, as_of => DATE '2011-12-09', ties => 'max'",
        "ties => 'max', bins => 5, user_type => NULL::bigint, as_of => DATE '2011-12-09'",
    ] {
        let call = format!("SELECT * FROM strata.rfm({query}, {arguments})");
        assert_same_rows(&mut client, arguments, &call, &third);
    }
}
