//! Models and users for tests of what time does to answers: everything that moves by itself, in every combination.

// each test binary takes what it needs
#![allow(dead_code)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use strata_core::day::Day;
use strata_core::ledger::Ledger;
use strata_core::model::{Facts, Model, Value};

/// The day of the questions. Everything happens within some hundred days of it.
pub const TODAY: i32 = 9_500;

/// A user of the test models: two ledgers and some attributes.
#[derive(Debug, Clone)]
pub struct User {
    pub orders: Ledger,
    pub visits: Ledger,
    /// `joined` and `born` as days, `paid_until` too; NULL where none.
    pub dates: [Option<i32>; 3],
    pub points: Option<i64>,
    pub vip: Option<bool>,
}

impl User {
    pub fn facts(&self, model: &Model) -> Facts<'_> {
        let mut facts = Facts::nothing(model);
        facts.ledgers = vec![self.orders.borrow(), self.visits.borrow()];
        let date = |place: usize| self.dates[place].map_or(Value::Null, Value::Date);
        facts.attributes = vec![
            date(0),
            date(1),
            date(2),
            self.points.map_or(Value::Null, |points| Value::Number(points.into())),
            self.vip.map_or(Value::Null, Value::Boolean),
        ];
        facts
    }
}

pub fn day(number: i32) -> Day {
    Day::new(number.into()).unwrap()
}

pub fn ledger(entries: &BTreeMap<i32, (u32, u32, u32)>) -> Ledger {
    let days = entries.iter().map(|(number, (events, gross, credit))| {
        let gross = if *events == 0 { 0 } else { *gross };
        format!("\"{}\": [{events}, {gross}.5, {credit}]", day(*number)).replace("[0, 0.5", "[0, 0")
    });
    format!("{{{}}}", days.collect::<Vec<_>>().join(", ")).parse().unwrap()
}

pub fn any_ledger() -> impl Strategy<Value = Ledger> {
    let entry = (0..3u32, 0..60u32, prop_oneof![3 => Just(0u32), 1 => 1..40u32]);
    prop::collection::btree_map(TODAY - 200..TODAY + 60, entry, 0..12).prop_map(|entries| ledger(&entries))
}

pub fn any_user() -> impl Strategy<Value = User> {
    let date = |days: std::ops::Range<i32>| prop::option::weighted(0.8, days.prop_map(|days| TODAY + days));
    let dates = [date(-400..100).boxed(), date(-12_000..10).boxed(), date(-60..120).boxed()];
    (any_ledger(), any_ledger(), dates, prop::option::of(0..40i64), prop::option::of(any::<bool>()))
        .prop_map(|(orders, visits, dates, points, vip)| User { orders, visits, dates, points, vip })
}

// ---------------------------------------------------------------------------------------------------------------------
// Models

fn one_of(texts: &[&str]) -> BoxedStrategy<String> {
    prop::sample::select(texts.iter().map(|text| text.to_string()).collect::<Vec<_>>()).boxed()
}

/// A reading of a source, with or without a window.
fn reading() -> BoxedStrategy<String> {
    let reader = one_of(&[
        "recency",
        "recency",
        "tenure",
        "frequency",
        "monetary",
        "gross_amount",
        "credit_amount",
        "average_amount",
        "first_amount",
        "active_days",
    ]);
    let window = one_of(&["", "", ", 1", ", 7", ", 30", ", 90", ", 365"]);
    (reader, one_of(&["orders", "visits"]), window)
        .prop_map(|(reader, source, window)| format!("{reader}({source}{window})"))
        .boxed()
}

/// What falls until something is bought.
fn prediction() -> BoxedStrategy<String> {
    one_of(&[
        "p_alive(orders)",
        "p_alive(visits)",
        "expected_purchases(orders, 90)",
        "purchase_probability(orders, 30)",
        "purchase_probability(visits, 7)",
        "lifetime_value(orders, 365)",
    ])
}

/// What moves with the calendar.
fn calendar() -> BoxedStrategy<String> {
    one_of(&[
        "days_since(joined)",
        "days_until(paid_until)",
        "days_until_anniversary(born)",
        "days_since(last_day(orders))",
        "days_since(first_day(visits, 30))",
        "days_until(joined + 30)",
        "(as_of - joined)",
        "(as_of - last_day(visits, 90))",
        "(paid_until - as_of)",
    ])
}

pub fn plain_number() -> BoxedStrategy<String> {
    let constant = (-20..120i32).prop_map(|number| if number < 0 { format!("({number})") } else { number.to_string() });
    prop_oneof![5 => reading(), 2 => calendar(), 1 => prediction(), 1 => constant, 1 => one_of(&["points", "0.5", "33.3"])].boxed()
}

pub fn number() -> BoxedStrategy<String> {
    plain_number()
        .prop_recursive(3, 12, 3, |inner| {
            let pair = (inner.clone(), inner.clone());
            let simple = (inner.clone(), one_of(&["<", ">=", "="]), 0..60i32)
                .prop_map(|(number, op, constant)| format!("{number} {op} {constant}"));
            prop_oneof![
                (pair.clone(), one_of(&["+", "-", "*", "/", "%", "+", "-"]))
                    .prop_map(|((left, right), op)| format!("({left} {op} {right})")),
                (inner.clone(), one_of(&["+", "-", "*", "/"]), one_of(&["3", "0.7", "(-2)", "7", "0", "points"]))
                    .prop_map(|(left, op, right)| format!("({left} {op} {right})")),
                (inner.clone(), one_of(&["+", "-", "*"]), one_of(&["3", "0.7", "(-2)", "7", "0", "points"]))
                    .prop_map(|(left, op, right)| format!("({right} {op} {left})")),
                inner.clone().prop_map(|inner| format!("(-{inner})")),
                (pair.clone(), one_of(&["least", "greatest", "coalesce", "nullif"]))
                    .prop_map(|((left, right), function)| format!("{function}({left}, {right})")),
                (inner.clone(), one_of(&["least", "greatest", "coalesce", "nullif"]), 0..90i32)
                    .prop_map(|(left, function, right)| format!("{function}({left}, {right})")),
                (inner.clone(), one_of(&["abs", "floor", "ceil", "round"]))
                    .prop_map(|(inner, function)| format!("{function}({inner})")),
                inner.clone().prop_map(|inner| format!("round({inner}, 1)")),
                (simple, pair)
                    .prop_map(|(when, (then, other))| format!("case when {when} then {then} else {other} end")),
            ]
        })
        .boxed()
}

fn comparison(number: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let op = one_of(&["<", "<=", ">", ">=", "=", "<>", "is distinct from", "is not distinct from"]);
    let constant = one_of(&["0", "1", "2", "5", "10", "29.5", "30", "31", "60", "90", "100", "364", "(-3)", "points"]);
    let share = one_of(&["0.01", "0.2", "0.3", "0.5", "0.7", "0.9", "0.98", "1", "2.5", "40"]);
    prop_oneof![
        1 => (prediction(), op.clone(), share).prop_map(|(left, op, right)| format!("{left} {op} {right}")),
        4 => (number.clone(), op.clone(), constant.clone()).prop_map(|(left, op, right)| format!("{left} {op} {right}")),
        1 => (constant, op, number.clone()).prop_map(|(left, op, right)| format!("{left} {op} {right}")),
        1 => (number.clone(), one_of(&["in", "not in"]))
            .prop_map(|(left, op)| format!("{left} {op} (0, 3, 10.5, 30, 64)")),
        1 => (number, one_of(&["is null", "is not null"])).prop_map(|(left, test)| format!("{left} {test}")),
    ]
    .boxed()
}

/// Conditions of a user of [`model`], of comparisons.
fn condition(comparison: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let named = one_of(&[
        "one >= 3",
        "two < 30",
        "two between 10 and 40",
        "r = 3",
        "m >= 2",
        "t <> 1",
        "r + m > 3",
        "code(r, m) in ('11', '32', '23')",
        "depth = 'deep'",
        "depth <> 'deep'",
        "depth in ('deep', 'middle')",
        "depth is null",
        "depth like '%e%'",
        "vip",
        "joined <= date '2026-01-10'",
    ]);
    prop_oneof![2 => comparison, 1 => named]
        .prop_recursive(3, 10, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(|terms| format!("({})", terms.join(" and "))),
                prop::collection::vec(inner.clone(), 2..4).prop_map(|terms| format!("({})", terms.join(" or "))),
                inner.clone().prop_map(|inner| format!("not ({inner})")),
                (inner, one_of(&["is true", "is not true", "is false", "is not false", "is unknown"]))
                    .prop_map(|(inner, test)| format!("({inner}) {test}")),
            ]
        })
        .boxed()
}

/// The parts of a model that differ from test to test.
#[derive(Debug, Clone)]
pub struct Parts {
    pub metrics: [String; 2],
    pub depths: [String; 2],
    pub layers: [String; 3],
    pub population: Option<String>,
    pub mode: &'static str,
}

pub fn model(parts: &Parts) -> Model {
    let Parts { metrics: [one, two], depths: [deep, middle], layers: [first, second, third], .. } = parts;
    let population = parts.population.as_ref().map_or(String::new(), |when| format!(r#""population": "{when}","#));
    let default = if parts.mode == "exclusive" { r#", "default": {"name": "other"}"# } else { "" };
    let json = format!(
        r#"{{"name": "test", "sources": ["orders", "visits"],
        "attributes": {{"joined": "date", "born": "date", "paid_until": "date", "points": "number", "vip": "boolean"}},
        {population}
        "metrics": {{"one": "{one}", "two": "{two}"}},
        "scores": {{"r": {{"of": "one", "cuts": [2, 30]}}, "m": {{"of": "two", "best": "low", "cuts": [90, 90, 10]}},
                    "t": {{"of": "m", "cuts": [3]}}}},
        "dimensions": {{"depth": {{"layers": [{{"name": "deep", "when": "{deep}"}}, {{"name": "middle", "when": "{middle}"}}]}}}},
        "mode": "{}",
        "layers": [{{"name": "a", "when": "{first}"}}, {{"name": "b", "when": "{second}"}}, {{"name": "c", "when": "{third}"}}]
        {default}, "calibration": {{"as_of": "2025-12-31", "users": 0, "scores": {{}}, "fits": {{
            "orders": {{"bgnbd": {{"r": 0.6, "alpha": 20, "a": 0.8, "b": 2.4}}, "gamma_gamma": {{"p": 6.25, "q": 3.74, "gamma": 15.44}}}},
            "visits": {{"bgnbd": {{"r": 2, "alpha": 5, "a": 0.2, "b": 1.4}}}}}}}}}}"#,
        parts.mode
    );
    json.parse().unwrap_or_else(|error| panic!("{error}: {json}"))
}

pub fn any_parts(number: fn() -> BoxedStrategy<String>) -> impl Strategy<Value = Parts> {
    let depth = || comparison(number());
    let layer = move || condition(comparison(number()));
    let population =
        one_of(&["vip", "not vip or days_since(joined) < 40", "days_until(paid_until) >= 0", "as_of > joined"]);
    (
        [number(), number()],
        [depth(), depth()],
        [layer(), layer(), layer()],
        prop::option::weighted(0.2, population),
        prop::sample::select(vec!["exclusive", "overlapping"]),
    )
        .prop_map(|(metrics, depths, layers, population, mode)| Parts {
            metrics,
            depths,
            layers,
            population,
            mode,
        })
}
