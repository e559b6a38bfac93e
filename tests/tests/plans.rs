//! The law of plans: however PostgreSQL chooses to run an aggregate (in parallel
//! workers, spilling to disk, sorted, by partition, over a moving frame), the
//! answer is that of the simplest plan. Each test looks into the plan as it ran,
//! so that it cannot pass by having compared a simple plan with itself.

use std::sync::OnceLock;

use postgres::Client;
use strata_tests::{analyst, assert_same_rows, fresh_database, plan_as_run, run, value};

const DATABASE: &str = "plans";

/// 300,000 events of 30,000 users in 400 shops over three years; credits, NULL amounts, NULL times, a user and a shop
/// of whom nothing is known but NULLs. The same events in four partitions, and ledgers per user and shop: small ones
/// with a short header, and large ones out of line.
fn database() -> Client {
    static LOADED: OnceLock<()> = OnceLock::new();
    LOADED.get_or_init(|| {
        run(
            &mut fresh_database(DATABASE),
            "SELECT setseed(0.2011);
             CREATE TABLE events (user_id integer, shop integer, at timestamptz, amount numeric)
                 WITH (parallel_workers = 3);
             INSERT INTO events
             SELECT 1 + random() ^ 2 * 29999, 1 + random() * 399,
                    CASE WHEN random() < 0.98
                         THEN timestamptz '2009-01-01 00:00 UTC' + random() * interval '1095 days' END,
                    CASE WHEN random() < 0.97 THEN round((random() ^ 3 * 1000 - 20)::numeric, n % 4) END
             FROM generate_series(1, 300000) AS n;
             INSERT INTO events SELECT -1, -1, NULL, 1 FROM generate_series(1, 100);

             CREATE TABLE parted (LIKE events) PARTITION BY HASH (user_id);
             CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 4, REMAINDER 0);
             CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 4, REMAINDER 1);
             CREATE TABLE parted_2 PARTITION OF parted FOR VALUES WITH (MODULUS 4, REMAINDER 2);
             CREATE TABLE parted_3 PARTITION OF parted FOR VALUES WITH (MODULUS 4, REMAINDER 3);
             INSERT INTO parted TABLE events;

             CREATE TABLE ledgers (user_id integer, shop integer, ledger strata.ledger) WITH (parallel_workers = 3);
             ALTER TABLE ledgers ALTER ledger SET STORAGE EXTERNAL;
             INSERT INTO ledgers
             SELECT user_id, shop, strata.ledger_agg(at, amount, 'UTC') FROM events WHERE user_id % 3 = 0 GROUP BY 1, 2;
             INSERT INTO ledgers SELECT NULL, shop, strata.ledger_agg(at, amount, 'UTC') FROM events GROUP BY 2;

             CREATE TABLE users (user_id integer, shop integer, recency integer, frequency bigint, monetary numeric)
                 WITH (parallel_workers = 3);
             INSERT INTO users
             SELECT user_id, min(shop), DATE '2012-01-01' - max(at)::date, count(at), sum(amount)
             FROM events GROUP BY user_id;",
        );
        // VACUUM, for which a string of several statements has no room
        run(&mut analyst(DATABASE), "ANALYZE");
    });
    analyst(DATABASE)
}

const SERIAL: &str = "
    SET max_parallel_workers_per_gather = 0;
    SET work_mem = '256MB'";

const PARALLEL: &str = "
    SET max_parallel_workers_per_gather = 2;
    SET parallel_setup_cost = 0;
    SET parallel_tuple_cost = 0;
    SET min_parallel_table_scan_size = 0";

/// 1 MB, all told.
const SPILLING: &str = "
    SET max_parallel_workers_per_gather = 0;
    SET work_mem = '1MB';
    SET hash_mem_multiplier = 1;
    SET enable_sort = off";

/// Writes the answer of `select` under `settings` into a temporary table, and returns the plan by which it was got.
fn answer(client: &mut Client, table: &str, settings: &str, select: &str) -> String {
    run(client, &format!("DROP TABLE IF EXISTS {table}; RESET ALL; {settings}"));
    let plan = plan_as_run(client, &format!("CREATE TEMPORARY TABLE {table} AS {select}"));
    run(client, "RESET ALL");
    plan
}

/// Runs `select` by the simplest plan and under `settings`, looks whether the plan shows `signs`, and compares.
fn assert_plan(client: &mut Client, settings: &str, signs: fn(&str) -> bool, select: &str) {
    let simple = answer(client, "simple", SERIAL, select);
    assert!(!simple.contains("Partial") && !spilled(&simple), "not the simplest plan\n{simple}");
    let plan = answer(client, "special", settings, select);
    assert!(signs(&plan), "not the plan that was wanted, with {settings}\n{select}\n{plan}");
    assert_same_rows(client, &format!("{select}\nby {plan}"), "TABLE special", "TABLE simple");
}

/// At least one worker ran a part, and the parts were combined.
fn in_parallel(plan: &str) -> bool {
    let launched = numbers(plan, "Workers Launched: ").any(|workers| workers >= 1);
    launched && plan.contains("Finalize") && plan.contains("Partial")
}

/// A hash table went to disk.
fn spilled(plan: &str) -> bool {
    numbers(plan, "Batches: ").any(|batches| batches > 1) && plan.contains("Disk Usage: ")
}

fn numbers<'a>(plan: &'a str, label: &'a str) -> impl Iterator<Item = u64> + 'a {
    plan.split(label).skip(1).filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
}

/// One of each aggregate, by user and by shop. Cuts have no equality of their own: they are compared as printed.
const SELECTS: [&str; 7] = [
    "SELECT user_id, strata.ledger_agg(at, amount, 'Asia/Shanghai') AS ledger FROM events GROUP BY user_id",
    "SELECT shop, strata.ledger_agg(at, amount, 'America/New_York') AS ledger FROM events GROUP BY shop",
    "SELECT strata.ledger_agg(at, 'UTC') AS ledger FROM events",
    "SELECT user_id, strata.rollup(ledger) AS ledger FROM ledgers GROUP BY user_id",
    "SELECT shop, strata.rollup(ledger) AS ledger FROM ledgers GROUP BY shop",
    "SELECT shop, strata.cuts_agg(amount, 4, 'mid', 'low')::text AS cuts FROM events GROUP BY shop",
    "SELECT strata.rfm_cuts_agg(recency, frequency, monetary, 5, 'max')::text AS cuts FROM users",
];

#[test]
fn parallel_workers_give_the_serial_answer() {
    let mut client = database();
    for select in SELECTS {
        assert_plan(&mut client, PARALLEL, in_parallel, select);
        // all states come from workers then, none from the leader itself
        let workers_only = format!("{PARALLEL}; SET parallel_leader_participation = off");
        assert_plan(&mut client, &workers_only, in_parallel, select);
    }
}

#[test]
fn sorted_parallel_workers_give_the_serial_answer() {
    let mut client = database();
    let sorted = format!("{PARALLEL}; SET enable_hashagg = off");
    let signs = |plan: &str| in_parallel(plan) && plan.contains("Finalize GroupAggregate");
    for select in SELECTS.iter().filter(|select| select.contains("GROUP BY")) {
        assert_plan(&mut client, &sorted, signs, select);
    }
}

#[test]
fn a_hash_table_that_spills_gives_the_answer_in_memory() {
    let mut client = database();
    // A hash table goes to disk when groups come that have no room: there have to be many.
    for select in [
        SELECTS[0],
        SELECTS[3],
        "SELECT user_id, strata.cuts_agg(amount, 4, 'mid', 'low')::text AS cuts FROM events GROUP BY user_id",
        "SELECT user_id, strata.rfm_cuts_agg(shop, shop, amount, 3)::text AS cuts FROM events GROUP BY user_id",
    ] {
        assert_plan(&mut client, SPILLING, spilled, select);
    }
    // every worker, and then the leader
    let both = format!("{SPILLING}; {PARALLEL}");
    assert_plan(&mut client, &both, |plan| in_parallel(plan) && spilled(plan), SELECTS[0]);
}

#[test]
fn a_sorted_aggregate_gives_the_hashed_answer() {
    let mut client = database();
    let sorted = format!("{SERIAL}; SET enable_hashagg = off");
    for select in SELECTS.iter().filter(|select| select.contains("GROUP BY")) {
        assert_plan(&mut client, &sorted, |plan| plan.contains("GroupAggregate"), select);
    }
}

#[test]
fn partitions_give_the_answer_of_the_whole() {
    let mut client = database();
    let partitionwise = format!("{SERIAL}; SET enable_partitionwise_aggregate = on");
    let signs = |plan: &str| plan.find("Append").is_some_and(|append| plan[append..].contains("Aggregate"));
    for select in &SELECTS[..3] {
        assert_plan(&mut client, &partitionwise, signs, &select.replace("events", "parted"));
    }
    let both = format!("{PARALLEL}; SET enable_partitionwise_aggregate = on");
    assert_plan(
        &mut client,
        &both,
        |plan| in_parallel(plan) && plan.contains("Append"),
        &SELECTS[1].replace("events", "parted"),
    );
}

#[test]
fn grouping_sets_give_the_answers_of_their_groupings() {
    let mut client = database();
    let sets = "SELECT user_id, shop, strata.ledger_agg(at, amount, 'UTC') AS ledger
                FROM events WHERE user_id < 500 GROUP BY GROUPING SETS ((user_id, shop), (user_id), (shop), ())";
    let one = |keys: &str, grouping: &str| {
        format!("SELECT {keys}, strata.ledger_agg(at, amount, 'UTC') FROM events WHERE user_id < 500 {grouping}")
    };
    let groupings = [
        one("user_id, shop", "GROUP BY user_id, shop"),
        one("user_id, NULL", "GROUP BY user_id"),
        one("NULL, shop", "GROUP BY shop"),
        one("NULL, NULL", ""),
    ]
    .join(" UNION ALL ");
    answer(&mut client, "one_by_one", SERIAL, &groupings);
    for (settings, sign) in
        [(SERIAL.to_owned(), "MixedAggregate"), (format!("{SERIAL}; SET enable_hashagg = off"), "GroupAggregate")]
    {
        let plan = answer(&mut client, "at_once", &settings, sets);
        assert!(plan.contains(sign), "no {sign}\n{plan}");
        assert_same_rows(&mut client, &plan, "TABLE at_once", "TABLE one_by_one");
    }
}

/// Laws: FILTER is WHERE, DISTINCT is SELECT DISTINCT, ORDER BY changes nothing.
#[test]
fn filter_distinct_and_order_by() {
    let mut client = database();
    run(&mut client, SERIAL);
    let few = "(SELECT user_id, shop, date_trunc('month', at) AS at, round(amount, -2) AS amount
                FROM events WHERE user_id < 300) AS few";
    for (aggregate, arguments, columns) in [
        ("ledger_agg", "at, amount, 'UTC'", "at, amount"),
        ("cuts_agg", "amount, 3", "amount"),
        ("rfm_cuts_agg", "shop, shop, amount", "shop, amount"),
    ] {
        let by_user = |call: &str, rows: &str| {
            format!("SELECT user_id, (strata.{aggregate}{call})::text AS a FROM {rows} GROUP BY user_id")
        };
        let plain = format!("({arguments})");
        assert_same_rows(
            &mut client,
            "FILTER",
            &by_user(&format!("({arguments}) FILTER (WHERE amount > 500)"), few),
            &format!(
                "SELECT user_id, a FROM (SELECT DISTINCT user_id FROM {few}) AS u
                 LEFT JOIN ({}) AS f USING (user_id)",
                by_user(&plain, &format!("{few} WHERE amount > 500"))
            ),
        );
        assert_same_rows(
            &mut client,
            "DISTINCT",
            &by_user(&format!("(DISTINCT {arguments})"), few),
            &by_user(&plain, &format!("(SELECT DISTINCT user_id, {columns} FROM {few}) AS rows")),
        );
        for order in ["at", "at DESC NULLS LAST", "amount", "hashint4(shop)"] {
            let ordered = by_user(&format!("({arguments} ORDER BY {order})"), few);
            assert_same_rows(&mut client, &ordered, &ordered, &by_user(&plain, few));
        }
    }
}

/// Law: a group of NULLs has no ledger, and neither have no rows at all.
#[test]
fn nothing_aggregates_to_null() {
    let mut client = database();
    for settings in [SERIAL, PARALLEL] {
        run(&mut client, &format!("RESET ALL; {settings}"));
        for nothing in [
            "SELECT strata.ledger_agg(at, amount, 'UTC') IS NULL FROM events WHERE user_id = -1",
            "SELECT strata.ledger_agg(at, amount, 'UTC') IS NULL FROM events WHERE user_id = -2",
            "SELECT strata.rollup(ledger) IS NULL FROM ledgers WHERE shop = -1",
            "SELECT strata.rollup(ledger) IS NULL FROM ledgers WHERE shop = -2",
            "SELECT strata.cuts_agg(NULL::numeric) IS NULL FROM events",
            "SELECT strata.cuts_agg(amount) IS NULL FROM events WHERE user_id = -2",
            "SELECT strata.rfm_cuts_agg(recency, frequency, monetary) IS NULL FROM users WHERE recency IS NULL",
        ] {
            assert!(value::<bool>(&mut client, nothing), "{nothing} with {settings}");
        }
    }
}

/// Law: over a frame of a window, an aggregate is that of the frame's rows: the state goes on after it has been read.
#[test]
fn frames_equal_recomputation_per_row() {
    let mut client = database();
    run(
        &mut client,
        "CREATE TEMPORARY TABLE few AS
         SELECT shop, row_number() OVER (PARTITION BY shop ORDER BY user_id, at, amount) AS n,
                user_id, at, amount, amount AS monetary, abs(user_id) AS recency, shop::bigint AS frequency,
                CASE WHEN user_id % 7 > 0 THEN strata.ledger_agg(at, amount, 'UTC') OVER (PARTITION BY shop, user_id) END
                    AS ledger
         FROM events WHERE shop IN (1, 2, 3, -1) AND user_id < 2500",
    );
    let frames = [
        // growing
        ("ORDER BY n", "o.n <= few.n"),
        ("ORDER BY n ROWS UNBOUNDED PRECEDING", "o.n <= few.n"),
        ("ORDER BY user_id", "o.user_id <= few.user_id"),
        // moving
        ("ORDER BY n ROWS BETWEEN 6 PRECEDING AND 2 FOLLOWING", "o.n BETWEEN few.n - 6 AND few.n + 2"),
        ("ORDER BY n ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", "o.n >= few.n"),
        ("ORDER BY n ROWS BETWEEN 3 FOLLOWING AND 9 FOLLOWING", "o.n BETWEEN few.n + 3 AND few.n + 9"),
        (
            "ORDER BY user_id RANGE BETWEEN 90 PRECEDING AND CURRENT ROW",
            "o.user_id BETWEEN few.user_id - 90 AND few.user_id",
        ),
        (
            "ORDER BY n ROWS BETWEEN 4 PRECEDING AND 4 FOLLOWING EXCLUDE CURRENT ROW",
            "o.n BETWEEN few.n - 4 AND few.n + 4 AND o.n <> few.n",
        ),
        // the whole
        ("", "true"),
    ];
    let aggregates = [
        "strata.ledger_agg(at, amount, 'UTC')",
        "strata.rollup(ledger)",
        "strata.cuts_agg(amount, 3)",
        "strata.rfm_cuts_agg(recency, frequency, monetary, 3)",
    ];
    for (frame, condition) in frames {
        for aggregate in aggregates {
            let rows = assert_same_rows(
                &mut client,
                &format!("{aggregate} over {frame}"),
                &format!("SELECT shop, n, ({aggregate} OVER (PARTITION BY shop {frame}))::text AS a FROM few"),
                &format!(
                    "SELECT shop, n, (SELECT {aggregate}::text FROM few AS o WHERE o.shop = few.shop AND {condition})
                     FROM few"
                ),
            );
            assert!(rows > 300, "only {rows} rows");
        }
        assert_same_rows(
            &mut client,
            &format!("sums over {frame}"),
            &format!(
                "SELECT shop, n, strata.monetary(strata.ledger_agg(at, amount, 'UTC') OVER w, '2012-12-31') AS monetary,
                        strata.frequency(strata.ledger_agg(at, amount, 'UTC') OVER w, '2012-12-31') AS frequency
                 FROM few WINDOW w AS (PARTITION BY shop {frame})"
            ),
            &format!(
                "SELECT shop, n, coalesce(sum(amount) FILTER (WHERE at IS NOT NULL) OVER w, 0),
                        count(*) FILTER (WHERE at IS NOT NULL AND coalesce(amount, 0) >= 0) OVER w
                 FROM few WINDOW w AS (PARTITION BY shop {frame})"
            ),
        );
    }
}
