//! The laws of living layers among other sessions and under fire: writers never wait for a refresh nor lose a row to
//! it, a refresh that is ended leaves nothing, one that is killed is made good by the next, and what was committed is
//! there after a crash: nothing lost, nothing twice.
//!
//! What happens is random, from a fixed seed; when it happens is up to the machine. Another seed: SEED=number make test.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use strata_tests::{
    analyst, assert_same_rows, explained, fresh_database, kill, refusal, repository, run, superuser, value, visible,
};

fn random(stream: u64) -> StdRng {
    let seed: u64 = std::env::var("SEED").map_or(20_240_602, |seed| seed.parse().expect("SEED is a number"));
    println!("SEED={seed}");
    StdRng::seed_from_u64(seed.wrapping_add(stream))
}

const MODEL: &str = r#"{"name": "care", "sources": ["orders", "visits"], "attributes": {"city": "text"},
    "metrics": {"n": "frequency(orders, 30)", "idle": "least(recency(orders), recency(visits))"},
    "layers": [{"name": "hot", "when": "n >= 3"}, {"name": "warm", "when": "n < 3 and idle <= 20"},
               {"name": "far", "when": "n < 3 and coalesce(idle, 99) > 20 and city = 'Chengdu'"}], "default": {"name": "rest"}}"#;

fn shop(client: &mut Client, users: u32) {
    run(
        client,
        &format!(
            "CREATE TABLE orders (order_id bigserial PRIMARY KEY, customer_id bigint, ordered_at date, amount integer);
             CREATE TABLE visits (visitor bigint, visited_on date) PARTITION BY RANGE (visited_on);
             CREATE TABLE visits_early PARTITION OF visits FOR VALUES FROM ('2024-01-01') TO ('2024-03-01');
             CREATE TABLE visits_late PARTITION OF visits FOR VALUES FROM ('2024-03-01') TO ('2025-01-01');
             CREATE TABLE customers (user_id bigint PRIMARY KEY, city text);
             INSERT INTO customers SELECT n, (ARRAY['Shanghai', 'Chengdu'])[1 + n % 2] FROM generate_series(1, {users}) AS n;
             INSERT INTO orders (customer_id, ordered_at, amount)
             SELECT 1 + n * 7919 % {users}, DATE '2024-01-01' + n * 31 % 60, n % 100 FROM generate_series(1, 3 * {users}) AS n;
             INSERT INTO visits SELECT 1 + n * 104729 % {users}, DATE '2024-01-01' + n * 17 % 60 FROM generate_series(1, {users}) AS n"
        ),
    );
}

/// Two transactions: those who write to both tables never meet one that has locked the one and wants the other.
const SOURCES: [&str; 2] = [
    "SELECT strata.add_source('orders', 'orders', 'customer_id', 'ordered_at', 'amount')",
    "SELECT strata.add_source('visits', 'visits', 'visitor', 'visited_on')",
];

fn model(client: &mut Client) {
    for source in SOURCES {
        run(client, source);
    }
    run(client, &format!("SELECT strata.create_model('care', $m${MODEL}$m$, attributes => 'customers')"));
    refresh(client, 0).unwrap_or_else(|error| panic!("{}", explained(&error)));
}

fn refresh(client: &mut Client, day: i32) -> Result<(), postgres::Error> {
    client.batch_execute(&format!("SELECT strata.refresh('care', DATE '2024-03-01' + {day})"))
}

/// Law: ledgers, members and clocks are those of the raw rows, and the history is a chain that ends there, each change once.
fn assert_all_is_well(client: &mut Client, law: &str, day: i32) {
    let ledgers = "SELECT customer_id AS user_id, strata.ledger_agg(ordered_at, amount) AS ledger FROM orders WHERE customer_id IS NOT NULL GROUP BY 1";
    let visits = "SELECT visitor AS user_id, strata.ledger_agg(visited_on) AS ledger FROM visits GROUP BY 1";
    assert_same_rows(client, law, "TABLE orders_ledger", ledgers);
    assert_same_rows(client, law, "TABLE visits_ledger", visits);
    assert_same_rows(
        client,
        law,
        "SELECT user_id, layer, scores, next_change FROM care_members WHERE layer IS NOT NULL",
        &format!(
            "SELECT user_id, (e).layer, (e).scores, (e).next_change
             FROM (SELECT user_id, strata.evaluate(f, $m${MODEL}$m$, DATE '2024-03-01' + {day}) AS e
                   FROM ({ledgers}) AS o FULL JOIN ({visits}) AS v USING (user_id) LEFT JOIN customers AS c USING (user_id)
                        CROSS JOIN LATERAL (SELECT o.ledger AS orders, v.ledger AS visits, c.city) AS f
                   WHERE least(strata_internal.first_difference(NULL, o.ledger), strata_internal.first_difference(NULL, v.ledger)) <= DATE '2024-03-01' + {day}
                   OFFSET 0) AS asked"
        ),
    );
    let broken: i64 = value(
        client,
        "SELECT count(*) FROM (SELECT *, lag(layer) OVER steps AS before, lag(valid_from) OVER steps AS earlier, lead(change_id) OVER steps IS NULL AS is_last
                               FROM care_history WINDOW steps AS (PARTITION BY user_id ORDER BY change_id)) AS h
                FULL JOIN care_members AS m ON m.user_id = h.user_id AND is_last
         WHERE previous_layer IS DISTINCT FROM before OR h.layer IS NOT DISTINCT FROM before AND h.user_id IS NOT NULL OR earlier > valid_from
            OR (is_last OR h.user_id IS NULL) AND h.layer IS DISTINCT FROM m.layer",
    );
    assert_eq!(broken, 0, "{law}: the history is no chain that ends where the members are");
}

/// Small transactions, some of them given up, on users of its own: it never has to wait for another writer.
fn write(client: &mut Client, random: &mut StdRng, writer: u32, writers: u32, users: u32) {
    let mut transaction = "BEGIN;".to_owned();
    for _ in 0..random.random_range(1..5) {
        let user = 1 + random.random_range(0..users / writers) * writers + writer;
        let at = format!("DATE '2024-01-15' + {}", random.random_range(0..90));
        let other = user % users + 1;
        let own = format!("customer_id % {writers} = {} % {writers}", writer + 1);
        transaction += &match random.random_range(0..9) {
            0 => format!("UPDATE orders SET amount = amount + 1 WHERE {own} AND customer_id = {user};"),
            1 => format!("UPDATE orders SET ordered_at = {at} WHERE {own} AND customer_id = {user};"),
            2 => format!("DELETE FROM orders WHERE {own} AND customer_id = {user};"),
            3 => format!("INSERT INTO visits VALUES ({user}, {at}), ({other}, {at});"),
            4 => format!("UPDATE visits SET visited_on = {at} WHERE visitor = {user};"),
            5 => format!(
                "UPDATE customers SET city = CASE city WHEN 'Chengdu' THEN 'Shanghai' ELSE 'Chengdu' END WHERE user_id = {user};"
            ),
            _ => format!(
                "INSERT INTO orders (customer_id, ordered_at, amount) VALUES ({user}, {at}, {}), (NULL, {at}, 1);",
                random.random_range(-9..99)
            ),
        };
    }
    transaction += if random.random_ratio(1, 4) { "ROLLBACK" } else { "COMMIT" };
    run(client, &transaction);
}

/// Runs something while two others write. Returns how many transactions they made.
fn while_others_write(database: &str, users: u32, mut something: impl FnMut()) -> u32 {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let stop = &stop;
                scope.spawn(move || {
                    let (mut client, mut random) = (analyst(database), random(u64::from(writer)));
                    let mut transactions = 0;
                    while !stop.load(Ordering::Relaxed) {
                        write(&mut client, &mut random, writer, 2, users);
                        transactions += 1;
                    }
                    transactions
                })
            })
            .collect();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut something));
        stop.store(true, Ordering::Relaxed);
        let transactions = writers.into_iter().map(|writer| writer.join().expect("the writer was never refused")).sum();
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
        transactions
    })
}

/// Law: refreshes among writers lose nothing and count nothing twice.
#[test]
fn others_write_during_the_refresh() {
    let mut client = fresh_database("living_writers");
    shop(&mut client, 400);
    model(&mut client);
    let (mut day, started) = (0, Instant::now());
    let transactions = while_others_write("living_writers", 400, || {
        while started.elapsed() < Duration::from_secs(4) {
            refresh(&mut client, day).unwrap_or_else(|error| panic!("{}", explained(&error)));
            day += i32::from(started.elapsed().as_millis() % 3 == 0);
            let differing: i64 = value(
                &mut client,
                "SELECT (SELECT count(*) FROM strata.verify('orders')) + (SELECT count(*) FROM strata.verify('visits'))",
            );
            assert_eq!(differing, 0, "ledgers differ from the rows of the same moment");
        }
    });
    refresh(&mut client, day).expect("a refresh in peace");
    assert_all_is_well(&mut client, &format!("after {transactions} transactions"), day);
    assert!(transactions > 50, "{transactions} transactions");
}

/// Law: a source that is added, or counted anew, while others write misses none of their rows.
#[test]
fn others_write_during_the_first_count() {
    let mut client = fresh_database("living_first_count");
    shop(&mut client, 400);
    while_others_write("living_first_count", 400, || {
        for round in 0..8 {
            for source in SOURCES {
                run(&mut client, source);
            }
            thread::sleep(Duration::from_millis(20));
            for source in ["orders", "visits"] {
                if round % 2 == 0 {
                    run(&mut client, &format!("SELECT strata.rebuild('{source}')"));
                }
                let differing: i64 = value(&mut client, &format!("SELECT count(*) FROM strata.verify('{source}')"));
                assert_eq!(differing, 0, "{source}, round {round}");
                run(&mut client, &format!("SELECT strata.drop_source('{source}')"));
            }
        }
    });
    // a snapshot that is older than the triggers would not show what was written between them
    run(&mut client, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders");
    run(
        &mut analyst("living_first_count"),
        "INSERT INTO orders (customer_id, ordered_at, amount) VALUES (7, '2024-02-02', 1)",
    );
    assert_eq!(refusal(&mut client, SOURCES[0]), "25001");
    run(&mut client, "ROLLBACK");
}

/// Law: of two refreshes of a model at once the second waits, and then finds nothing to do.
#[test]
fn two_refreshes_at_once() {
    let mut client = fresh_database("living_two");
    shop(&mut client, 300);
    model(&mut client);
    run(
        &mut client,
        "INSERT INTO orders (customer_id, ordered_at, amount) SELECT n, '2024-03-02', 9 FROM generate_series(1, 50) AS n",
    );
    run(&mut client, "BEGIN");
    refresh(&mut client, 1).expect("the first refresh");
    let second = thread::spawn(|| {
        let mut client = analyst("living_two");
        run(&mut client, "SET application_name = 'the second'");
        let answer = client.query_one("SELECT examined, changes::text FROM strata.refresh('care', '2024-03-02')", &[]);
        let answer = answer.unwrap_or_else(|error| panic!("{}", explained(&error)));
        (answer.get::<_, i64>(0), answer.get::<_, String>(1))
    });
    let mut watcher = superuser("living_two");
    let waits =
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'the second' AND wait_event_type = 'Lock'";
    while !value::<bool>(&mut watcher, waits) {
        thread::sleep(Duration::from_millis(5));
    }
    let changes = "SELECT count(*) FROM care_history";
    let before: i64 = value(&mut client, changes);
    run(&mut client, "COMMIT");
    assert_eq!(second.join().expect("the second refresh"), (0, "{}".to_owned()));
    assert_eq!(value::<i64>(&mut client, changes), before);
    assert_all_is_well(&mut client, "after two at once", 1);
}

/// Everything that a refresh writes, in one text.
fn state(client: &mut Client) -> String {
    let table = |name: &str| format!("(SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {name} AS t)");
    let tables = [
        "care_members",
        "care_history",
        "orders_ledger",
        "orders_queue",
        "orders_changes",
        "visits_ledger",
        "visits_queue",
        "care_attributes_queue",
        "care_attributes_changes",
        "strata_sources",
        "strata_models",
        "strata_model_sources",
        "strata_versions",
        "strata_refreshes",
        "strata_layers",
    ];
    value(client, &format!("SELECT concat_ws(' ', {})", tables.map(table).join(", ")))
}

fn write_much(client: &mut Client, random: &mut StdRng, users: u32) {
    for _ in 0..10 {
        write(client, random, 0, 1, users);
    }
    let (first, day) = (random.random_range(0..users), random.random_range(0..60));
    run(
        client,
        &format!(
            "INSERT INTO orders (customer_id, ordered_at, amount) SELECT 1 + n % {users}, DATE '2024-02-01' + {day}, 5 FROM generate_series({first}, {first} + {users} / 3) AS n"
        ),
    );
}

/// Law: a refresh that is cancelled or terminated, whenever that is, leaves everything as it was; the next one does it all.
#[test]
fn refreshes_are_ended_at_random_moments() {
    const USERS: u32 = 4_000;
    let mut client = fresh_database("living_ended");
    shop(&mut client, USERS);
    model(&mut client);
    let mut random = random(7);
    let (mut day, mut ended) = (0, 0);
    let mut usual = Duration::from_millis(300);
    for round in 0..16 {
        write_much(&mut client, &mut random, USERS);
        let before = state(&mut client);
        let next = day + random.random_range(0..4);
        let mut victim = analyst("living_ended");
        let (pid, token): (i32, _) = (value(&mut victim, "SELECT pg_backend_pid()"), victim.cancel_token());
        let patience = usual.mul_f64(random.random::<f64>());
        let refreshing = thread::spawn(move || refresh(&mut victim, next));
        thread::sleep(patience);
        if round % 2 == 0 {
            run(&mut client, &format!("SELECT pg_terminate_backend({pid})"));
        } else {
            token.cancel_query(NoTls).expect("the server takes the request");
        }
        if refreshing.join().expect("the refresh returns").is_err() {
            assert_eq!(state(&mut client), before, "round {round} has left something");
            ended += 1;
        }
        day = next;
        let started = Instant::now();
        refresh(&mut client, day).unwrap_or_else(|error| panic!("round {round}: {}", explained(&error)));
        usual = started.elapsed();
        assert_all_is_well(&mut client, &format!("round {round}"), day);
    }
    assert!(ended >= 4, "only {ended} refreshes were ended");
}

/// A cluster of its own, whose processes may be killed.
struct Victim {
    host: String,
}

impl Victim {
    const NAME: &str = "livingcrash";

    fn cluster(arguments: &[&str]) -> String {
        let output =
            Command::new(repository().join("scripts/cluster")).args(arguments).output().expect("scripts/cluster");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn start() -> Victim {
        let durable = repository().join("pg_test_config/durable.conf");
        Self::cluster(&["stop", Self::NAME]);
        Self::cluster(&["start", Self::NAME, "--conf", durable.to_str().expect("UTF-8")]);
        let environment = Self::cluster(&["env", Self::NAME]);
        let host = environment.lines().find_map(|line| line.strip_prefix("export STRATA_PGHOST=")).expect("its socket");
        Victim { host: host.to_owned() }
    }

    /// Connects, after recovery where that is going on.
    fn connect(&self, user: &str) -> Client {
        let started = Instant::now();
        loop {
            let mut config = Client::configure();
            config.host(&self.host).port(5432).user(user).dbname("warehouse").connect_timeout(Duration::from_secs(20));
            match config.connect(NoTls) {
                Ok(client) => return client,
                Err(error) => {
                    assert!(started.elapsed() < Duration::from_secs(30), "no recovery: {}", explained(&error))
                }
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = Command::new(repository().join("scripts/cluster")).args(["stop", Self::NAME]).output();
    }
}

/// Law: after `kill -9` and recovery every committed row and every committed refresh is there, and the next refresh makes all well.
#[test]
fn processes_are_killed() {
    const USERS: u32 = 4_000;
    let cluster = Victim::start();
    let mut client = cluster.connect("analyst");
    run(&mut client, "CREATE EXTENSION pg_strata");
    shop(&mut client, USERS);
    model(&mut client);
    let mut random = random(9);
    let (mut day, mut killed) = (0, 0);
    let mut usual = Duration::from_millis(300);
    for round in 0..6 {
        write_much(&mut client, &mut random, USERS);
        let rows = "SELECT count(*) || ' ' || sum(hashtext(o::text)) FROM orders AS o";
        let before: String = value(&mut client, rows);
        let next = day + random.random_range(0..4);
        let mut victim = cluster.connect("analyst");
        let whom = match round % 3 {
            2 => "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'".to_owned(),
            _ => format!("SELECT {}", value::<i32>(&mut victim, "SELECT pg_backend_pid()")),
        };
        let pid: i32 = value(&mut cluster.connect("postgres"), &whom);
        let patience = usual.mul_f64(random.random::<f64>());
        let refreshing = thread::spawn(move || refresh(&mut victim, next));
        thread::sleep(patience);
        // a backend that has answered and gone is no longer there to be killed
        kill(pid);
        let done = refreshing.join().expect("the refresh returns").is_ok();
        thread::sleep(Duration::from_millis(50));
        client = cluster.connect("analyst");
        assert_eq!(value::<String>(&mut client, rows), before, "round {round}: committed rows are lost");
        let as_of: i32 = value(&mut client, "SELECT as_of - DATE '2024-03-01' FROM strata_models");
        assert!(as_of == next || !done && as_of == day, "round {round}: as of {as_of}, from {day} to {next}");
        killed += i32::from(!done);
        day = next;
        let started = Instant::now();
        refresh(&mut client, day).unwrap_or_else(|error| panic!("round {round}: {}", explained(&error)));
        usual = started.elapsed();
        assert_all_is_well(&mut client, &format!("round {round}"), day);
    }
    visible(&format!("{killed} of 6 refreshes were killed"));
    assert!(killed > 0, "no refresh was killed");
}
