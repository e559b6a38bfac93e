//! The laws of living layers. Whatever happens to the shop's tables, after every refresh each user stands where a full
//! recomputation from the raw rows puts him; the past stays as it was written; and for data that arrives before its
//! day is refreshed, the history does not depend on how often the refresh ran.
//!
//! Settings of the session are random, too: what is kept as text was written under one and is read under another.
//!
//! What happens is random, from a fixed seed. Another one, or more of it: SEED=number STEPS=number make test.

use std::fmt::Write;

use postgres::Client;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use strata_tests::session::Session;
use strata_tests::{assert_same_rows, explained, fresh_database, refusal, run, value};

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |number| number.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn seed() -> u64 {
    from_environment("SEED", 20_240_601)
}

fn random() -> StdRng {
    // where the test fails, the harness shows it
    println!("SEED={}", seed());
    StdRng::seed_from_u64(seed())
}

/// The first day on which anything is refreshed; days are counted from it.
const FIRST_DAY: &str = "2024-03-01";

fn date(day: i32) -> String {
    format!("(DATE '{FIRST_DAY}' + {day})")
}

fn rows_of(client: &mut Client, query: &str) -> Vec<String> {
    let rows = client.query(&format!("SELECT row_to_json(r)::text FROM ({query}) AS r"), &[]);
    let rows = rows.unwrap_or_else(|error| panic!("{query}: {}", explained(&error)));
    rows.iter().map(|row| row.get(0)).collect()
}

fn assert_none(client: &mut Client, law: &str, query: &str) {
    let rows = rows_of(client, query);
    assert!(rows.is_empty(), "{law}: {} rows, such as\n{}\n{query}", rows.len(), rows[..rows.len().min(5)].join("\n"));
}

/// Where the events of a model's source really are.
struct Source {
    name: &'static str,
    /// The raw rows that can be counted, as (`user_id`, `at`, `amount`).
    rows: &'static str,
    zone: &'static str,
}

impl Source {
    /// (`user_id`, `ledger`, `first_day`), without anything that the source keeps.
    fn ledgers(&self) -> String {
        let (at, zone) = match self.zone {
            "" => ("at::date".to_owned(), "NULL".to_owned()),
            zone => (format!("(at AT TIME ZONE '{zone}')::date"), format!("'{zone}'")),
        };
        format!(
            "SELECT user_id, strata.ledger_agg(at, amount, {zone}) AS ledger, min({at}) AS first_day
             FROM ({}) AS r WHERE user_id IS NOT NULL AND at IS NOT NULL GROUP BY user_id",
            self.rows
        )
    }
}

const ORDERS: Source = Source {
    name: "orders",
    rows: "SELECT customer_id AS user_id, ordered_at AS at, amount FROM orders
           WHERE isfinite(ordered_at) AND amount IS DISTINCT FROM 'NaN' AND channel = 'web'",
    zone: "Asia/Shanghai",
};
const VISITS: Source = Source {
    name: "visits",
    rows: "SELECT visitor AS user_id, visited_on AS at, pages AS amount FROM visits",
    zone: "",
};
const LIKES: Source = Source {
    name: "likes",
    rows: "SELECT u.user_id, l.at, 0 AS amount FROM likes AS l JOIN like_users AS u ON u.alias = l.alias",
    zone: "",
};
const CALLS: Source = Source {
    name: "calls",
    rows: "SELECT CASE WHEN u.alias IS NULL THEN c.caller ELSE u.user_id END AS user_id, c.at, 0 AS amount
           FROM calls AS c LEFT JOIN call_users AS u ON u.alias = c.caller",
    zone: "",
};
const PAYMENTS: Source = Source {
    name: "payments",
    rows: "SELECT payer AS user_id, paid_at - interval '26 hours' AS at, amount FROM payments WHERE amount IS DISTINCT FROM 'NaN'",
    zone: "",
};
const IMPORTS: Source = Source { name: "imports", rows: "SELECT user_id, at, 0 AS amount FROM imports", zone: "" };

/// A registered model with what a full recomputation of it needs.
struct Model {
    name: &'static str,
    sources: Vec<Source>,
    attributes: &'static [&'static str],
    /// Whether `customers` are the registered users.
    registered: bool,
    overlapping: bool,
    as_of: Option<i32>,
}

impl Model {
    /// (`user_id`, `present_from`, `f`): everyone who could be in a layer, with what the model asks of him, from the raw rows.
    fn everyone(&self) -> String {
        let mut clauses = String::new();
        let mut everyone = String::new();
        let mut joins = String::new();
        let mut columns = Vec::new();
        for (number, source) in self.sources.iter().enumerate() {
            write!(clauses, "l{number} AS MATERIALIZED ({}), ", source.ledgers()).expect("a String takes all");
            write!(everyone, "SELECT user_id, first_day FROM l{number} UNION ALL ").expect("a String takes all");
            write!(joins, " LEFT JOIN l{number} ON l{number}.user_id = p.user_id").expect("a String takes all");
            columns.push(format!("l{number}.ledger AS {}", source.name));
        }
        let registered =
            if self.registered { "SELECT user_id, '-infinity' FROM customers" } else { "SELECT NULL, NULL" };
        if !self.attributes.is_empty() {
            joins.push_str(" LEFT JOIN customers AS a ON a.user_id = p.user_id");
            columns.extend(self.attributes.iter().map(|name| format!("a.{name}")));
        }
        format!(
            "WITH {clauses} p AS MATERIALIZED (
                 SELECT user_id, min(first_day) AS present_from FROM ({everyone} {registered}) AS u
                 WHERE user_id IS NOT NULL GROUP BY user_id
             )
             SELECT p.*, f FROM p {joins} CROSS JOIN LATERAL (SELECT {}) AS f",
            columns.join(", ")
        )
    }

    /// Fills the temporary table `expected` with everyone and where he is on a day.
    fn recompute(&self, client: &mut Client, day: i32) {
        let day = date(day);
        run(
            client,
            &format!(
                "DROP TABLE IF EXISTS pg_temp.expected;
                 CREATE TEMPORARY TABLE expected AS
                 SELECT user_id, present_from, (e).layer, (e).layers, (e).scores, (e).next_change
                 FROM (SELECT user_id, present_from, CASE WHEN present_from <= {day} THEN strata.evaluate(f, {}, {day}) END AS e
                       FROM ({}) AS u OFFSET 0) AS asked",
                self.definition(),
                self.everyone()
            ),
        );
    }

    fn definition(&self) -> String {
        format!(
            "(SELECT definition FROM public.strata_models JOIN public.strata_versions ON model = name
              WHERE name = '{}' AND version = active_version)",
            self.name
        )
    }

    fn refresh(&mut self, client: &mut Client, session: &mut Session, day: i32, full: bool) {
        let name = self.name;
        session.disturb(client);
        run(client, &format!("SELECT * FROM strata.refresh('{name}', {}, {full})", date(day)));
        session.disturb(client);
        self.recompute(client, day);
        let law = format!("{name} on day {day}");
        let today = date(day);
        let present = format!("SELECT user_id FROM expected WHERE present_from <= {today}");
        let none = rows_of(client, &present).is_empty();
        let compare = if none { |_: &mut Client, _: &str, _: &str, _: &str| 0 } else { assert_same_rows };
        compare(
            client,
            &law,
            &format!(
                "SELECT user_id, layer, layers, scores, next_change FROM {name}_members WHERE user_id IN ({present})"
            ),
            &format!("SELECT user_id, layer, layers, scores, next_change FROM expected WHERE present_from <= {today}"),
        );
        assert_none(
            client,
            &format!("{law}: in a layer although nothing of them is there"),
            &format!(
                "SELECT * FROM {name}_members WHERE (layer IS NOT NULL OR layers IS NOT NULL OR scores IS NOT NULL)
                    AND user_id NOT IN ({present})"
            ),
        );
        assert_none(
            client,
            &format!("{law}: they will come, and the clock does not know"),
            &format!(
                "SELECT * FROM expected AS x LEFT JOIN {name}_members AS m USING (user_id)
                 WHERE x.present_from > {today} AND m.next_change > x.present_from"
            ),
        );
        assert_none(
            client,
            &format!("{law}: the users in a layer are counted"),
            &format!(
                "SELECT * FROM (SELECT count(*) AS counted FROM {name}_members WHERE layer IS NOT NULL OR layers IS NOT NULL) AS c,
                    public.strata_models WHERE name = '{name}' AND users <> counted"
            ),
        );
        self.check_history(client, &law, day);
        self.as_of = Some(day);
    }

    /// Law: the history is a chain for each user that ends where he is, and only grows, by days that are new.
    fn check_history(&self, client: &mut Client, law: &str, day: i32) {
        let name = self.name;
        let seen = format!("pg_temp.seen_{name}");
        if self.as_of.is_none() {
            run(client, &format!("CREATE TEMPORARY TABLE seen_{name} (LIKE {name}_history)"));
        }
        assert_none(client, &format!("{law}: history is lost"), &format!("TABLE {seen} EXCEPT TABLE {name}_history"));
        let from = match self.as_of {
            None => "-infinity".to_owned(),
            Some(before) => value(client, &format!("SELECT to_char({}, 'YYYY-MM-DD')", date(day.min(before + 1)))),
        };
        let fresh = format!("SELECT * FROM {name}_history EXCEPT TABLE {seen}");
        assert_none(
            client,
            &format!("{law}: history is rewritten"),
            &format!(
                "SELECT h.* FROM ({fresh}) AS h, (SELECT max(change_id) AS last FROM {seen}) AS s
                 WHERE valid_from < '{from}' OR valid_from > {} OR change_id <= last",
                date(day)
            ),
        );
        run(client, &format!("INSERT INTO {seen} {fresh}"));
        let layer = if self.overlapping { "layers" } else { "layer" };
        assert_none(
            client,
            &format!("{law}: the chain is broken"),
            &format!(
                "SELECT * FROM (SELECT *, lag({layer}) OVER steps AS before, lag(valid_from) OVER steps AS earlier
                                FROM {name}_history WINDOW steps AS (PARTITION BY user_id ORDER BY change_id)) AS h
                 WHERE previous_{layer} IS DISTINCT FROM before OR {layer} IS NOT DISTINCT FROM before OR earlier > valid_from"
            ),
        );
        assert_none(
            client,
            &format!("{law}: the history ends elsewhere than the members are"),
            &format!(
                "SELECT user_id, h.{layer}, m.{layer}, h.valid_from, m.since
                 FROM (SELECT DISTINCT ON (user_id) * FROM {name}_history ORDER BY user_id, change_id DESC) AS h
                      FULL JOIN {name}_members AS m USING (user_id)
                 WHERE h.{layer} IS DISTINCT FROM m.{layer}
                    OR m.{layer} IS NOT NULL AND m.since IS DISTINCT FROM h.valid_from"
            ),
        );
    }
}

/// The shop: every way of capture, two maps of users, attributes.
const SHOP: &str = "
    CREATE TABLE orders (order_id bigserial PRIMARY KEY, customer_id bigint, ordered_at timestamptz, amount numeric(12, 2),
                         channel text NOT NULL DEFAULT 'web');
    CREATE TABLE visits (visitor bigint, visited_on date NOT NULL, pages integer) PARTITION BY RANGE (visited_on);
    CREATE TABLE likes (like_id bigserial PRIMARY KEY, alias text, at timestamp);
    CREATE TABLE like_users (alias text PRIMARY KEY, user_id bigint);
    CREATE TABLE calls (call_id bigserial PRIMARY KEY, caller bigint, at date);
    CREATE TABLE call_users (alias bigint PRIMARY KEY, user_id bigint);
    CREATE TABLE payments (payment_id bigserial PRIMARY KEY, payer bigint, paid_at timestamp, amount double precision);
    CREATE TABLE imports (user_id bigint, at date);
    CREATE TABLE customers (user_id bigint PRIMARY KEY, city text, points numeric, registered_on date);";

/// With literals that every setting prints in its own way.
const SOURCES: &str = r#"
    SELECT strata.add_source('orders', 'orders', 'customer_id', 'ordered_at', 'amount',
                             where_clause => $$channel ~ '^\w{3}$' AND ordered_at IS DISTINCT FROM timestamptz '1999-02-03 04:05+08'$$,
                             time_zone => 'Asia/Shanghai');
    SELECT strata.add_source('visits', 'visits', 'visitor', 'visited_on', 'pages');
    SELECT strata.add_source('likes', 'likes', 'alias', 'at', user_map => 'like_users');
    SELECT strata.add_source('calls', 'calls', 'caller', 'at', user_map => 'call_users');
    SELECT strata.add_source('payments', 'payments', 'payer', $$paid_at + interval '-1 day -2 hours'$$, 'amount',
                             "column" => 'payment_id', margin => '3');
    SELECT strata.add_source('imports', 'imports', 'user_id', 'at', capture => 'none');"#;

const TAGS: &str = r#"{"name": "tags", "mode": "overlapping", "sources": ["likes", "calls", "payments", "imports"],
    "attributes": {"city": "text", "points": "number"},
    "metrics": {"liked": "frequency(likes, 7)", "called": "frequency(calls, 20)", "paid": "monetary(payments, 30)",
                "idle": "least(recency(likes), recency(calls), recency(imports))"},
    "scores": {"p": {"of": "paid", "cuts": [10, 50, 100]}},
    "layers": [{"name": "fan", "when": "liked >= 2"}, {"name": "caller", "when": "called >= 1 and city = 'Shanghai'"},
               {"name": "payer", "when": "p >= 2"}, {"name": "asleep", "when": "idle > 15"}, {"name": "rich", "when": "points >= 50"}]}"#;
const BASE: &str = r#"{"name": "base", "sources": ["visits"], "attributes": {"points": "number"},
    "metrics": {"n": "frequency(visits, 5)", "idle": "recency(visits)"},
    "layers": [{"name": "hot", "when": "n >= 2"}, {"name": "warm", "when": "n < 2 and idle <= 7"},
               {"name": "kept", "when": "n < 2 and coalesce(idle, 99) > 7 and points >= 50"}], "default": {"name": "silent"}}"#;
const WIDER_BASE: &str = r#"{"name": "base", "sources": ["visits", "orders"], "attributes": {"city": "text"},
    "metrics": {"n": "frequency(visits, 9)", "idle": "least(recency(visits), recency(orders))"},
    "layers": [{"name": "hot", "when": "n >= 3"}, {"name": "warm", "when": "n < 3 and idle <= 11"},
               {"name": "northern", "when": "n < 3 and coalesce(idle, 99) > 11 and city = '北京'"}], "default": {"name": "silent"}}"#;

const USERS: i64 = 50;

/// What happens to the shop, at random.
struct Life {
    random: StdRng,
    day: i32,
    /// Rows were lost or came in a way that nothing captures.
    imports_changed: bool,
    detached: Option<i32>,
    partitions: i32,
}

impl Life {
    fn user(&mut self) -> i64 {
        // squared: some users with many rows
        (self.random.random::<f64>().powi(2) * USERS as f64) as i64
    }

    /// A day: mostly today, sometimes late or in the future.
    fn some_day(&mut self) -> i32 {
        let today = self.day;
        match self.random.random_range(0..10) {
            0 => today + self.random.random_range(1..15),
            1 | 2 => today - self.random.random_range(1..60),
            _ => today - self.random.random_range(0..2),
        }
    }

    fn or_null(&mut self, chance: u32, value: String) -> String {
        if self.random.random_ratio(1, chance) { "NULL".to_owned() } else { value }
    }

    fn instant(&mut self) -> String {
        match self.random.random_range(0..60) {
            0 => "NULL".to_owned(),
            1 => "'infinity'".to_owned(),
            2 => "'-infinity'".to_owned(),
            _ => format!("{} + interval '{} minutes'", date(self.some_day()), self.random.random_range(0..1440)),
        }
    }

    fn amount(&mut self) -> String {
        match self.random.random_range(0..20) {
            0 => "'NaN'".to_owned(),
            1 => "NULL".to_owned(),
            2 | 3 => format!("-{}.25", self.random.random_range(0..90)),
            _ => format!("{}.{:02}", self.random.random_range(0..200), self.random.random_range(0..100)),
        }
    }

    fn order(&mut self) -> String {
        let user = self.user().to_string();
        let channel = if self.random.random_ratio(1, 10) { "test" } else { "web" };
        format!("({}, {}, {}, '{channel}')", self.or_null(15, user), self.instant(), self.amount())
    }

    /// A condition that some rows fulfil.
    fn some(&mut self, column: &str) -> String {
        let of = self.random.random_range(20..80);
        format!("coalesce({column}, 0) % {of} = {}", self.random.random_range(0..of))
    }

    fn change_orders(&mut self) -> String {
        match self.random.random_range(0..20) {
            0 => format!("UPDATE orders SET customer_id = {} WHERE {}", self.user(), self.some("order_id")),
            1 => format!("UPDATE orders SET amount = {} WHERE {}", self.amount(), self.some("order_id")),
            2 => format!("UPDATE orders SET ordered_at = {} WHERE {}", self.instant(), self.some("order_id")),
            3 => format!("UPDATE orders SET amount = 12 WHERE amount = 'NaN' AND {}", self.some("customer_id")),
            4 => format!("DELETE FROM orders WHERE {}", self.some("order_id")),
            5 => format!("DELETE FROM orders WHERE customer_id = {}", self.user()),
            6 => format!(
                "BEGIN; INSERT INTO orders VALUES (DEFAULT, {}, now(), 5); DELETE FROM orders WHERE customer_id = 3; ROLLBACK",
                self.user()
            ),
            7 => format!(
                "INSERT INTO orders AS o SELECT order_id, customer_id, ordered_at, 7 FROM orders WHERE {}
                 ON CONFLICT (order_id) DO UPDATE SET amount = coalesce(o.amount, 0) + 1",
                self.some("order_id")
            ),
            8 => format!(
                "UPDATE orders SET channel = CASE channel WHEN 'web' THEN 'test' ELSE 'web' END WHERE {}",
                self.some("order_id")
            ),
            9 if self.random.random_ratio(1, 12) => "TRUNCATE orders".to_owned(),
            _ => {
                let rows: Vec<_> = (0..self.random.random_range(1..8)).map(|_| self.order()).collect();
                format!("INSERT INTO orders (customer_id, ordered_at, amount, channel) VALUES {}", rows.join(", "))
            }
        }
    }

    /// A day that a partition of visits is there for.
    fn visit_day(&mut self) -> i32 {
        loop {
            let day = self.some_day().max(-60);
            let partition = (day + 60) / 30;
            if partition < self.partitions && self.detached != Some(partition) {
                return day;
            }
        }
    }

    fn change_visits(&mut self) -> String {
        let day = self.visit_day();
        let (on, partition) = (date(day), (day + 60) / 30);
        match self.random.random_range(0..10) {
            // from one partition to another
            0 => format!("UPDATE visits SET visited_on = {on} WHERE {}", self.some("visitor + pages")),
            1 => format!("DELETE FROM visits WHERE visitor = {} AND pages < 9", self.user()),
            2 => format!("DELETE FROM visits_{partition} WHERE {}", self.some("visitor + pages")),
            3 if self.random.random_ratio(1, 8) => format!("TRUNCATE visits_{partition}"),
            4 | 5 => format!("INSERT INTO visits_{partition} VALUES ({}, {on}, 1)", self.user()),
            6 => format!(
                "UPDATE visits_{partition} SET visitor = {} WHERE {}",
                self.user(),
                self.some("visitor + pages")
            ),
            _ => {
                let user = self.user().to_string();
                format!(
                    "INSERT INTO visits VALUES ({}, {on}, {})",
                    self.or_null(10, user),
                    self.random.random_range(0..20)
                )
            }
        }
    }

    fn add_partition(&mut self) -> String {
        let number = self.partitions;
        self.partitions += 1;
        format!(
            "CREATE TABLE visits_{number} PARTITION OF visits FOR VALUES FROM ({}) TO ({})",
            self.bound(30 * number - 60),
            self.bound(30 * number - 30)
        )
    }

    fn bound(&self, day: i32) -> String {
        format!("DATE '{FIRST_DAY}' + {day}")
    }

    /// Partitions come and go, which no trigger sees.
    fn change_partitions(&mut self) -> String {
        match self.detached.take() {
            Some(number) => format!(
                "INSERT INTO visits_{number} VALUES ({}, {}, 3);
                 ALTER TABLE visits ATTACH PARTITION visits_{number} FOR VALUES FROM ({}) TO ({})",
                self.user(),
                date(30 * number - 60),
                self.bound(30 * number - 60),
                self.bound(30 * number - 30)
            ),
            None if self.random.random_ratio(1, 2) => self.add_partition(),
            None => {
                let number = self.random.random_range(0..2);
                self.detached = Some(number);
                format!("ALTER TABLE visits DETACH PARTITION visits_{number}")
            }
        }
    }

    fn alias(&mut self) -> String {
        format!("'a{}'", self.user())
    }

    fn change_likes(&mut self) -> String {
        let at = match self.random.random_range(0..40) {
            0 => "NULL".to_owned(),
            1 => "'infinity'".to_owned(),
            _ => format!("{} + interval '{} hours'", date(self.some_day()), self.random.random_range(0..24)),
        };
        // the oracle knows no rejects here
        let at = if at.contains("infinity") { "NULL".to_owned() } else { at };
        match self.random.random_range(0..14) {
            0 => format!("UPDATE likes SET alias = {} WHERE {}", self.alias(), self.some("like_id")),
            1 => format!("DELETE FROM likes WHERE {}", self.some("like_id")),
            2 => format!("UPDATE likes SET at = {at} WHERE {}", self.some("like_id")),
            3 | 4 => {
                let user = self.user().to_string();
                format!(
                    "INSERT INTO like_users VALUES ({}, {}) ON CONFLICT (alias) DO UPDATE SET user_id = excluded.user_id",
                    self.alias(),
                    self.or_null(8, user)
                )
            }
            5 => format!("DELETE FROM like_users WHERE alias = {}", self.alias()),
            6 => format!("UPDATE like_users SET user_id = {} WHERE user_id = {}", self.user(), self.user()),
            7 if self.random.random_ratio(1, 8) => "TRUNCATE like_users".to_owned(),
            _ => format!("INSERT INTO likes (alias, at) VALUES ({}, {at})", self.alias()),
        }
    }

    fn change_calls(&mut self) -> String {
        match self.random.random_range(0..10) {
            0 => format!("DELETE FROM calls WHERE {}", self.some("call_id")),
            1 => {
                let user = self.user().to_string();
                format!(
                    "INSERT INTO call_users VALUES ({}, {}) ON CONFLICT (alias) DO UPDATE SET user_id = excluded.user_id",
                    self.user(),
                    self.or_null(8, user)
                )
            }
            2 => format!("DELETE FROM call_users WHERE alias = {}", self.user()),
            3 => format!("UPDATE calls SET caller = {} WHERE {}", self.user(), self.some("call_id")),
            _ => format!("INSERT INTO calls (caller, at) VALUES ({}, {})", self.user(), date(self.some_day())),
        }
    }

    fn change_others(&mut self) -> String {
        let user = self.user();
        match self.random.random_range(0..8) {
            0 => format!(
                "INSERT INTO customers VALUES ({user}, 'Shanghai', 40, {}) ON CONFLICT DO NOTHING",
                date(self.day - 5)
            ),
            1 => format!("DELETE FROM customers WHERE user_id = {user}"),
            2 => format!(
                "UPDATE customers SET city = CASE city WHEN 'Shanghai' THEN '北京' ELSE 'Shanghai' END WHERE user_id = {user}"
            ),
            3 => format!("UPDATE customers SET points = points + 20 WHERE {}", self.some("user_id")),
            4 => {
                self.imports_changed = true;
                format!("INSERT INTO imports VALUES ({user}, {})", date(self.some_day()))
            }
            5 => {
                self.imports_changed = true;
                format!("DELETE FROM imports WHERE user_id = {user}")
            }
            _ => {
                let amount = self.amount();
                format!(
                    "INSERT INTO payments (payer, paid_at, amount) VALUES ({user}, {}, {amount})",
                    date(self.some_day())
                )
            }
        }
    }

    fn change(&mut self) -> String {
        match self.random.random_range(0..10) {
            0..=3 => self.change_orders(),
            4 | 5 => self.change_visits(),
            6 | 7 => self.change_likes(),
            8 => self.change_calls(),
            _ => self.change_others(),
        }
    }
}

/// Law: after every refresh, members, layers, scores and clocks of all users are those of a full recomputation from
/// the raw rows; sources verify; the history is a chain whose past stays.
#[test]
fn layers_equal_a_full_recomputation() {
    let mut client = fresh_database("living");
    let mut life = Life { random: random(), day: 0, imports_changed: false, detached: None, partitions: 0 };
    let mut session = Session::new(&mut client, seed());
    run(&mut client, SHOP);
    for _ in 0..4 {
        run(&mut client, &life.add_partition());
    }
    for _ in 0..600 {
        run(&mut client, &life.change());
    }
    run(&mut client, "SET datestyle = SQL, DMY; SET intervalstyle = sql_standard; SET quote_all_identifiers = on");
    run(&mut client, SOURCES);
    run(
        &mut client,
        &format!(
            "SELECT strata.create_model('rfm', strata.preset('rfm_eleven'));
             SELECT strata.create_model('life', strata.preset('lifecycle'), attributes => 'customers');
             SELECT strata.create_model('tags', $m${TAGS}$m$, attributes => 'SELECT user_id, city, points FROM customers');
             SELECT strata.create_model('base', $m${BASE}$m$, attributes => 'customers', users => 'customers')"
        ),
    );
    let model = |name, sources, attributes| Model {
        name,
        sources,
        attributes,
        registered: false,
        overlapping: false,
        as_of: None,
    };
    let mut models = [
        model("rfm", vec![ORDERS], &[]),
        model("life", vec![ORDERS, VISITS], &["registered_on"]),
        Model { overlapping: true, ..model("tags", vec![LIKES, CALLS, PAYMENTS, IMPORTS], &["city", "points"]) },
        // every attribute that any version asks for
        Model { registered: true, ..model("base", vec![VISITS], &["city", "points"]) },
    ];
    for step in 0..from_environment("STEPS", 60) {
        // a partition for each month to come
        while (life.day + 80) / 30 >= life.partitions {
            run(&mut client, &life.add_partition());
        }
        for _ in 0..life.random.random_range(0..30) {
            let change = life.change();
            println!("day {}: {change}", life.day);
            session.disturb(&mut client);
            run(&mut client, &change);
        }
        if life.random.random_ratio(1, 12) {
            let change = life.change_partitions();
            println!("day {}: {change}", life.day);
            run(&mut client, &change);
        }
        if std::mem::take(&mut life.imports_changed) {
            run(&mut client, "SELECT strata.rebuild('imports')");
        }
        if step > 0 {
            session.disturb(&mut client);
            change_models(&mut client, &mut life, &mut models);
        }
        for model in &mut models {
            // each at its own pace
            if step == 0 || !life.random.random_ratio(1, 4) {
                let full = life.random.random_ratio(1, 20);
                model.refresh(&mut client, &mut session, life.day, full);
            }
        }
        if step % 4 == 0 {
            // those that no model has looked at are seen by verify alone
            run(&mut client, "SELECT strata.sync('payments')");
            for source in ["orders", "visits", "likes", "calls", "payments", "imports"] {
                session.disturb(&mut client);
                assert_none(&mut client, source, &format!("SELECT * FROM strata.verify('{source}')"));
            }
        }
        life.day += match life.random.random_range(0..8) {
            0 | 1 => 0,
            2 => life.random.random_range(2..12),
            _ => 1,
        };
    }
}

/// New cuts, new definitions, and back.
fn change_models(client: &mut Client, life: &mut Life, models: &mut [Model; 4]) {
    let Life { random, day, .. } = life;
    if random.random_ratio(1, 10) {
        let [rfm, ..] = models;
        let expected: Option<String> = value(
            client,
            &format!(
                "SELECT (strata.calibrate_agg(f, {}, {today})::jsonb -> 'calibration')::text FROM ({}) AS u WHERE present_from <= {today}",
                rfm.definition(),
                rfm.everyone(),
                today = date(*day)
            ),
        );
        let calibrate = format!("SELECT strata.calibrate('rfm', {})", date(*day));
        if expected.is_some() {
            run(client, &calibrate);
            let found = value(client, &format!("SELECT ({}::jsonb -> 'calibration')::text", rfm.definition()));
            assert_eq!(expected, found, "the cuts of day {day}");
        } else {
            assert_eq!(refusal(client, &calibrate), "P0002");
        }
    }
    if random.random_ratio(1, 15) {
        run(
            client,
            "SELECT strata.activate('rfm', max(version) - 1) FROM public.strata_versions WHERE model = 'rfm' HAVING max(version) > 2",
        );
    }
    if random.random_ratio(1, 15) {
        run(client, &format!("SELECT strata.alter_model('base', $m${WIDER_BASE}$m$)"));
        // users of orders count from now on, whichever version is active
        if models[3].sources.len() == 1 {
            models[3].sources.push(ORDERS);
        }
    } else if random.random_ratio(1, 15) {
        run(client, "SELECT strata.activate('base', 1)");
    }
}

/// What happens on a day before it is refreshed: rows of that day or later come, and move and go where that is asked for.
fn happen_in_time(client: &mut Client, random: &mut StdRng, day: i32, changes: bool) {
    for _ in 0..random.random_range(0..12) {
        let user = random.random_range(0..40);
        let at = date(day + if random.random_ratio(1, 5) { random.random_range(1..12) } else { 0 });
        let amount = random.random_range(-20..150);
        let rest = format!("ordered_at >= {} AND customer_id % 9 = {}", date(day), random.random_range(0..9));
        run(
            client,
            &match random.random_range(0..10) {
                0 if changes => format!("UPDATE orders SET customer_id = {user} WHERE {rest}"),
                1 if changes => format!("UPDATE orders SET ordered_at = {at} WHERE {rest}"),
                2 if changes => format!("DELETE FROM orders WHERE {rest}"),
                3 | 4 => format!("INSERT INTO visits VALUES ({user}, {at})"),
                _ => format!("INSERT INTO orders VALUES ({user}, {at}, {amount})"),
            },
        );
    }
}

/// The last answer of each day for each user, without days on which it came back to what it was.
fn story(model: &str, columns: &str) -> String {
    format!(
        "SELECT user_id, valid_from, layer{columns} FROM (
             SELECT *, lag(layer) OVER (PARTITION BY user_id ORDER BY valid_from) AS earlier FROM (
                 SELECT DISTINCT ON (user_id, valid_from) * FROM {model}_history ORDER BY user_id, valid_from, change_id DESC
             ) AS ends
         ) AS h WHERE layer IS DISTINCT FROM earlier"
    )
}

/// Law: for data that arrives before its day is refreshed, the history does not depend on how often the refresh ran;
/// and a model that is created later fills it in from the ledgers alone.
#[test]
fn the_history_does_not_depend_on_how_often_the_refresh_ran() {
    for (database, changes) in [("living_in_time", false), ("living_in_time_changes", true)] {
        let mut client = fresh_database(database);
        let mut random = random();
        run(
            &mut client,
            "CREATE TABLE orders (customer_id bigint, ordered_at date, amount numeric);
             CREATE TABLE visits (visitor bigint, visited_on date);
             CREATE TABLE customers (user_id bigint PRIMARY KEY, registered_on date)",
        );
        run(
            &mut client,
            &format!("INSERT INTO customers SELECT n, {} - 60 + 2 * n FROM generate_series(0, 30) AS n", date(0)),
        );
        for day in -100..0 {
            happen_in_time(&mut client, &mut random, day, changes);
        }
        run(
            &mut client,
            "SELECT strata.add_source('orders', 'orders', 'customer_id', 'ordered_at', 'amount');
             SELECT strata.add_source('visits', 'visits', 'visitor', 'visited_on')",
        );
        let create = |client: &mut Client, pace: &str, more: &str| {
            // the same cuts for all
            let cuts = "SELECT strata.calibrate_agg(f, strata.preset('rfm_eleven'), '2024-03-01') FROM (SELECT ledger AS orders FROM orders_ledger) AS f";
            for call in [
                format!(
                    "strata.create_model('rfm_{pace}', ({}){more})",
                    if more.is_empty() {
                        cuts.to_owned()
                    } else {
                        "SELECT definition FROM strata_versions WHERE model = 'rfm_daily'".to_owned()
                    }
                ),
                format!(
                    "strata.create_model('life_{pace}', strata.preset('lifecycle'), attributes => 'customers'{more})"
                ),
            ] {
                run(client, &format!("SELECT {call}"));
            }
        };
        for pace in ["daily", "twice", "seldom"] {
            create(&mut client, pace, "");
        }
        let last = 45;
        let mut next = 0;
        for day in 0..=last {
            let refresh = |client: &mut Client, pace: &str| {
                for model in ["rfm", "life"] {
                    run(client, &format!("SELECT strata.refresh('{model}_{pace}', {})", date(day)));
                }
            };
            happen_in_time(&mut client, &mut random, day, changes);
            refresh(&mut client, "twice");
            happen_in_time(&mut client, &mut random, day, changes);
            refresh(&mut client, "twice");
            refresh(&mut client, "daily");
            if day == next || day == last {
                refresh(&mut client, "seldom");
                next = day + random.random_range(1..8);
            }
        }
        create(&mut client, "late", &format!(", history_from => {}", date(0)));
        for model in ["rfm", "life"] {
            run(&mut client, &format!("SELECT strata.refresh('{model}_late', {})", date(last)));
            for other in ["twice", "seldom", "late"] {
                // a row that came and went between two refreshes is the cause of nothing that the seldom one saw
                let columns = if other != "twice" && !changes { ", cause" } else { "" };
                let (ours, theirs) = (format!("{model}_daily"), format!("{model}_{other}"));
                let rows = assert_same_rows(
                    &mut client,
                    &format!("{ours} and {theirs}"),
                    &story(&ours, columns),
                    &story(&theirs, columns),
                );
                let enough = if model == "rfm" { 200 } else { 40 };
                assert!(rows > enough, "{ours}, {theirs}: {rows} changes");
                // who went and came back on one day is there since that day
                let since = if other == "twice" { "" } else { ", CASE WHEN layer IS NOT NULL THEN since END AS since" };
                let ends =
                    |model: &str| format!("SELECT user_id, layer, scores, next_change{since} FROM {model}_members");
                let law = format!("where {ours} and {theirs} end");
                assert_same_rows(&mut client, &law, &ends(&ours), &ends(&theirs));
            }
        }
    }
}

/// Law: whatever type users are of, and however tables and columns are called, ledgers follow their rows.
#[test]
fn every_type_of_user_and_every_name() {
    let mut client = fresh_database("living_keys");
    run(&mut client, r#"CREATE SCHEMA "Odd "" Shop.é""#);
    for (number, (key, example)) in [
        ("bigint", "n"),
        ("integer", "n"),
        ("smallint", "n"),
        ("numeric", "n / 4.0"),
        ("text", "'u''\"' || n"),
        ("varchar(9)", "'用户' || n"),
        ("char(9)", "'u' || n"),
        ("uuid", "md5(n::text)::uuid"),
        ("date", "DATE '2024-01-01' + n"),
        ("name", "('u' || n)::name"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!(r#""Odd "" Shop.é"."Table; ""{number}"" -- x""#);
        let source = format!(r#"S "{number}'; --"#);
        let quoted = format!("'{}'", source.replace('\'', "''"));
        let rows = |from: i32, to: i32, day: i32| {
            format!(
                "INSERT INTO {table} SELECT CASE WHEN n % 13 > 0 THEN {example} END, DATE '2024-02-01' + n % 7 + {day},
                        CASE WHEN n % 17 = 5 THEN 'NaN'::numeric ELSE n - 3 END, n, n, n FROM generate_series({from}, {to}) AS n"
            )
        };
        run(
            &mut client,
            &format!(
                r#"CREATE TABLE {table} ("Kunde ""Nr""" {key}, at date, change numeric, problem integer, user_id integer, "Day" integer);
                   {};
                   SELECT strata.add_source({quoted}, '{table}', '"Kunde ""Nr"""', 'at', 'change + problem',
                                            where_clause => 'user_id > 1 AND "Day" <> 40');
                   SELECT strata.create_model({quoted}, jsonb_set('{{"name": "n", "sources": ["s"], "layers": [{{"name": "some", "when": "frequency(s, 9) > 1"}}], "default": {{"name": "rest"}}}}', '{{name}}', '"n"')::strata.model,
                                              sources => jsonb_build_object('s', {quoted}))"#,
                rows(0, 60, 0)
            ),
        );
        let key_type = match key {
            "smallint" => "integer",
            "varchar(9)" | "char(9)" | "name" => "text",
            other => other,
        };
        for (step, change) in [
            "SELECT".to_owned(),
            rows(30, 90, 2),
            format!("UPDATE {table} SET change = 4 WHERE problem % 5 = 0"),
            format!("UPDATE {table} SET change = 'NaN', user_id = 9 WHERE problem % 7 = 0"),
            format!("DELETE FROM {table} WHERE problem % 3 = 0"),
            format!("TRUNCATE {table}; {}", rows(10, 20, 3)),
        ]
        .into_iter()
        .enumerate()
        {
            let law = format!("{key}, {change}");
            run(&mut client, &change);
            run(&mut client, &format!("SELECT strata.refresh({quoted}, DATE '2024-02-08' + {step})"));
            let counted = format!(
                r#"SELECT ("Kunde ""Nr""")::{key_type} AS user_id, strata.ledger_agg(at, change + problem) AS ledger FROM {table}
                   WHERE change <> 'NaN' AND user_id > 1 AND "Day" <> 40 AND "Kunde ""Nr""" IS NOT NULL GROUP BY 1"#
            );
            let own = |ending: &str| format!(r#""{}_{ending}""#, source.replace('"', "\"\""));
            assert_same_rows(&mut client, &law, &format!("TABLE {}", own("ledger")), &counted);
            assert_same_rows(
                &mut client,
                &law,
                &format!("SELECT user_id, layer FROM {} WHERE layer IS NOT NULL", own("members")),
                &format!(
                    "SELECT user_id, CASE WHEN strata.frequency(ledger, DATE '2024-02-08' + {step}, 9) > 1 THEN 'some' ELSE 'rest' END
                     FROM ({counted}) AS c WHERE strata_internal.first_difference(NULL, ledger) <= DATE '2024-02-08' + {step}"
                ),
            );
            assert_none(&mut client, &law, &format!("SELECT * FROM strata.verify({quoted})"));
        }
        run(
            &mut client,
            &format!("SELECT strata.drop_model({quoted}); SELECT strata.drop_source({quoted}); {}", rows(1, 5, 0)),
        );
    }
    // the registry stays, with nothing in it
    assert_none(
        &mut client,
        "relations are left behind",
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT starts_with(relname, 'strata_')",
    );
    for table in ["sources", "models", "versions", "model_sources", "refreshes", "layers", "members", "periods"] {
        assert_none(&mut client, "rows are left behind", &format!("SELECT * FROM strata_{table}"));
    }
}

/// Law: a table that a job fills anew is followed by the time of its rows, whatever style of dates a session writes.
#[test]
fn a_table_that_a_job_rebuilds() {
    let mut client = fresh_database("living_jobs");
    run(
        &mut client,
        "CREATE TABLE orders (customer_id bigint, ordered_at date, amount numeric, loaded_at timestamptz);
         SELECT strata.add_source('orders', 'orders', 'customer_id', 'ordered_at', 'amount', \"column\" => 'loaded_at')",
    );
    let styles = ["ISO, YMD", "SQL, DMY", "German", "Postgres, MDY", "ISO, DMY"];
    let zones = ["UTC", "Asia/Shanghai", "America/New_York"];
    for night in 0..20 {
        run(
            &mut client,
            &format!(
                "SET datestyle = '{}'; SET timezone = '{}'; BEGIN; {}
                 INSERT INTO orders SELECT n % 20, DATE '2024-01-01' + n % 50, n * {night}, timestamptz '2024-01-29 00:00+0' + {night} * interval '1 day 7 hours'
                 FROM generate_series(1, 100) AS n; COMMIT; SELECT strata.sync('orders')",
                styles[night % styles.len()],
                zones[night % zones.len()],
                // appended, or anew
                if night % 3 == 0 { "TRUNCATE orders;" } else { "" }
            ),
        );
        assert_same_rows(
            &mut client,
            &format!("night {night}"),
            "TABLE orders_ledger",
            "SELECT customer_id, strata.ledger_agg(ordered_at, amount) FROM orders GROUP BY 1",
        );
    }
    // who is gone stays unseen until all rows are counted
    run(&mut client, "DELETE FROM orders WHERE customer_id = 7; SELECT strata.sync('orders')");
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM strata.verify('orders')"), 1);
    run(&mut client, "SELECT strata.rebuild('orders')");
    assert_none(&mut client, "rebuilt", "SELECT * FROM strata.verify('orders')");
}

/// Law: triggers that cannot have seen everything are noticed. Where triggers were asked for, the error says what to do, and
/// that helps; where the way of capture was left to us, the next look puts them back and counts everyone anew.
#[test]
fn triggers_that_are_gone_are_noticed() {
    let mut client = fresh_database("living_triggers");
    for capture in ["trigger", "auto"] {
        run(
            &mut client,
            &format!(
                "CREATE TABLE orders (customer_id bigint, ordered_at date);
                 INSERT INTO orders VALUES (1, '2024-01-01');
                 SELECT strata.add_source('orders', 'orders', 'customer_id', 'ordered_at', capture => '{capture}');
                 SELECT strata.create_model('rfm', strata.preset('rfm_eleven'))"
            ),
        );
        for damage in [
            "DROP TRIGGER %delete ON orders",
            "ALTER TABLE orders DISABLE TRIGGER ALL",
            "ALTER TABLE orders DISABLE TRIGGER %insert",
            "ALTER TABLE orders ENABLE REPLICA TRIGGER %insert",
            // as warehouse tools swap tables
            "CREATE TABLE orders_new (LIKE orders INCLUDING ALL); INSERT INTO orders_new VALUES (4, '2024-01-03');
             DROP TABLE orders; ALTER TABLE orders_new RENAME TO orders",
        ] {
            let mut statement = damage.to_owned();
            for event in ["insert", "delete"] {
                let trigger = format!(
                    "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname ~ '^strata_{event}_'"
                );
                statement = statement.replace(&format!("%{event}"), &value::<String>(&mut client, &trigger));
            }
            run(&mut client, &format!("{statement}; INSERT INTO orders VALUES (2, '2024-01-02')"));
            let problem = "SELECT problem FROM strata.source_status()";
            let told: Option<String> = value(&mut client, problem);
            assert!(told.is_some_and(|told| told.contains("trigger")), "{damage}");
            let law = format!("{damage}, {capture}");
            let ledgers = "SELECT customer_id, strata.ledger_agg(ordered_at) FROM orders GROUP BY 1";
            if capture == "auto" {
                run(&mut client, "SELECT strata.refresh('rfm', '2024-01-05')");
                assert_same_rows(&mut client, &law, "TABLE orders_ledger", ledgers);
            } else {
                for call in ["sync('orders')", "refresh('rfm', '2024-01-05')", "verify('orders')"] {
                    let call = format!("SELECT strata.{call}");
                    let error = client.batch_execute(&call).expect_err(damage);
                    let error = error.as_db_error().expect("the server refuses").clone();
                    assert_eq!(error.code().code(), "55000", "{damage}, {call}");
                    assert!(
                        error.hint().is_some_and(|hint| hint.contains("SELECT strata.rebuild('orders')")),
                        "{error:?}"
                    );
                }
                run(&mut client, "SELECT strata.rebuild('orders'); SELECT strata.refresh('rfm', '2024-01-05')");
            }
            assert_eq!(value::<Option<String>>(&mut client, problem), None, "{law}");
            run(&mut client, "INSERT INTO orders VALUES (3, '2024-01-02'); SELECT strata.refresh('rfm', '2024-01-05')");
            assert_same_rows(&mut client, &law, "TABLE orders_ledger", ledgers);
        }
        run(&mut client, "SELECT strata.drop_model('rfm'); SELECT strata.drop_source('orders'); DROP TABLE orders");
    }
}
