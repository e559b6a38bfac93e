//! The clock: the first day on which an answer changes by itself, against looking at every day.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use strata_core::day::Day;
use strata_core::ledger::Ledger;
use strata_core::model::{Answer, Evaluation, Facts, Model, Value};

/// The day of the questions. Everything happens within some hundred days of it.
const TODAY: i32 = 9_500;
/// As far as every day is looked at.
const HORIZON: i32 = 800;

/// A user of the test models: two ledgers and some attributes.
#[derive(Debug, Clone)]
struct User {
    orders: Ledger,
    visits: Ledger,
    /// `joined` and `born` as days, `paid_until` too; NULL where none.
    dates: [Option<i32>; 3],
    points: Option<i64>,
    vip: Option<bool>,
}

impl User {
    fn facts(&self, model: &Model) -> Facts<'_> {
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

fn day(number: i32) -> Day {
    Day::new(number.into()).unwrap()
}

fn ledger(entries: &BTreeMap<i32, (u32, u32, u32)>) -> Ledger {
    let days = entries.iter().map(|(number, (events, gross, credit))| {
        let gross = if *events == 0 { 0 } else { *gross };
        format!("\"{}\": [{events}, {gross}.5, {credit}]", day(*number)).replace("[0, 0.5", "[0, 0")
    });
    format!("{{{}}}", days.collect::<Vec<_>>().join(", ")).parse().unwrap()
}

fn any_ledger() -> impl Strategy<Value = Ledger> {
    let entry = (0..3u32, 0..60u32, prop_oneof![3 => Just(0u32), 1 => 1..40u32]);
    prop::collection::btree_map(TODAY - 200..TODAY + 60, entry, 0..12).prop_map(|entries| ledger(&entries))
}

fn any_user() -> impl Strategy<Value = User> {
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

fn plain_number() -> BoxedStrategy<String> {
    let constant = (-20..120i32).prop_map(|number| if number < 0 { format!("({number})") } else { number.to_string() });
    prop_oneof![5 => reading(), 2 => calendar(), 1 => prediction(), 1 => constant, 1 => one_of(&["points", "0.5", "33.3"])].boxed()
}

fn number() -> BoxedStrategy<String> {
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
struct Parts {
    metrics: [String; 2],
    depths: [String; 2],
    layers: [String; 3],
    population: Option<String>,
    mode: &'static str,
}

fn model(parts: &Parts) -> Model {
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

fn any_parts(number: fn() -> BoxedStrategy<String>) -> impl Strategy<Value = Parts> {
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

fn answer(model: &Model, facts: &Facts<'_>, number: i32) -> Answer {
    Evaluation::new(model, facts, day(number)).unwrap().answer()
}

/// The first day up to the horizon on which the answer is another, found by looking at each.
fn looked_up(model: &Model, facts: &Facts<'_>, from: i32) -> Option<i32> {
    let before = answer(model, facts, from);
    (from + 1..=from + HORIZON).find(|number| answer(model, facts, *number) != before)
}

fn next_change(model: &Model, facts: &Facts<'_>, from: i32) -> Option<i32> {
    let mut evaluation = Evaluation::new(model, facts, day(from)).unwrap();
    let before = evaluation.answer();
    let next = evaluation.next_change().unwrap();
    assert_eq!(evaluation.answer(), before, "the evaluation is left on its own day");
    next.map(Day::number)
}

fn is_tight(model: &Model, user: &User) -> Result<(), TestCaseError> {
    let facts = user.facts(model);
    let (mut by_clock, mut by_looking) = (TODAY, TODAY);
    for _ in 0..20 {
        let struck = next_change(model, &facts, by_clock).filter(|next| *next <= by_clock + HORIZON);
        let seen = looked_up(model, &facts, by_looking);
        prop_assert_eq!(struck, seen, "from {}", by_clock);
        match (struck, seen) {
            (Some(struck), Some(seen)) => (by_clock, by_looking) = (struck, seen),
            _ => break,
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// Whatever the model is, the answer stays the same up to the day before the clock strikes.
    #[test]
    fn the_clock_is_never_late(parts in any_parts(number), user in any_user()) {
        let model = model(&parts);
        let facts = user.facts(&model);
        let next = next_change(&model, &facts, TODAY);
        prop_assert!(next.is_none_or(|next| next > TODAY));
        let seen = looked_up(&model, &facts, TODAY);
        if let Some(seen) = seen {
            prop_assert!(next.is_some_and(|next| next <= seen), "{:?} is later than {}", next, seen);
        }
    }

    /// Where metrics, scores and attributes are compared with constants, going from strike to strike visits exactly the
    /// days on which looking every day sees another answer.
    #[test]
    fn comparisons_with_constants_are_exact(parts in any_parts(plain_number), user in any_user()) {
        is_tight(&model(&parts), &user)?;
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Examples

/// When a model with one layer of this condition strikes, in days from today, for a user with orders on these days.
fn strikes(condition: &str, orders: &[(i32, u32)]) -> Option<i32> {
    let parts = Parts {
        metrics: ["frequency(visits)".to_owned(), "frequency(visits)".to_owned()],
        depths: ["false".to_owned(), "false".to_owned()],
        layers: [condition.to_owned(), "false".to_owned(), "false".to_owned()],
        population: None,
        mode: "exclusive",
    };
    let entries: BTreeMap<_, _> = orders.iter().map(|(day, amount)| (TODAY + day, (1, *amount, 0))).collect();
    let user = User {
        orders: ledger(&entries),
        visits: Ledger::empty(),
        dates: [Some(TODAY - 10), Some(TODAY - 7_000), Some(TODAY + 20)],
        points: Some(3),
        vip: Some(true),
    };
    let model = model(&parts);
    next_change(&model, &user.facts(&model), TODAY).map(|next| next - TODAY)
}

#[test]
fn every_way_of_time_has_its_day() {
    let orders = [(-40, 10), (-12, 20), (-5, 30)];
    let cases = [
        // recency and tenure grow by one a day
        ("recency(orders) <= 30", Some(26)),
        ("recency(orders) > 30", Some(26)),
        ("tenure(orders) < 365", Some(325)),
        ("recency(orders) between 5 and 9", Some(5)),
        ("recency(orders) in (1, 6, 9)", Some(1)),
        ("recency(orders) <> 8", Some(3)),
        // without a window nothing drops out, and what is past the last comparison stays
        ("frequency(orders) >= 3", None),
        ("recency(orders) > 4", None),
        // a window of 30 days ending today has the days from 29 days ago on
        ("frequency(orders, 30) >= 2", Some(18)),
        ("frequency(orders, 30) >= 1", Some(25)),
        ("frequency(orders, 30) = 0", Some(25)),
        ("monetary(orders, 30) > 20", Some(25)),
        ("recency(orders, 30) is null", Some(25)),
        ("coalesce(recency(orders, 30), 99) > 50", Some(25)),
        ("first_day(orders, 30) is not null", Some(25)),
        // the calendar
        ("days_since(joined) >= 14", Some(4)),
        ("days_until(paid_until) >= 7", Some(14)),
        ("days_until(paid_until) is null", Some(21)),
        ("joined + 30 <= as_of", Some(20)),
        // arithmetic with what stands still is turned round
        ("2 * recency(orders) + points >= 20", Some(4)),
        ("100 - recency(orders) / 4 < 98", Some(4)),
        ("floor(recency(orders) / 7) = 2", Some(9)),
        ("round(recency(orders) / 10) >= 1", None),
        ("abs(recency(orders) - 20) <= 3", Some(12)),
        ("least(recency(orders), 10) >= 10", Some(5)),
        ("least(recency(orders), 10) <> 7", Some(2)),
        ("greatest(recency(orders), 10) > 10", Some(6)),
        ("case when recency(orders) < 9 then 1 else 2 end = 1", Some(4)),
        ("nullif(recency(orders), 9) <> 7", Some(2)),
        ("nullif(recency(orders), 7) <> 9", Some(2)),
        // two that grow alike
        ("recency(orders) < tenure(orders)", None),
        ("recency(orders) + tenure(orders) < 100", Some(28)),
        // 0.8 / 3.4 ((60 + d) / 55)^2.6 are the odds of having left
        ("p_alive(orders) > 0.5", Some(36)),
        ("p_alive(orders) > 0.5 and recency(orders) < 20", Some(15)),
        ("1 - p_alive(orders) >= 0.5", Some(36)),
        ("round(100 * p_alive(orders)) < 50", Some(37)),
        ("p_alive(visits) is null", None),
        ("coalesce(p_alive(visits), 1) < 0.5", None),
        // what is divided by stands still until the next order: a gap of 35, and one of 35 / 3
        ("recency(orders) / (tenure(orders) - recency(orders)) <= 1", Some(31)),
        ("recency(orders) / ((tenure(orders) - recency(orders)) / 3) <= 1.5", Some(13)),
        // the other term is enough
        ("recency(orders) < 9 or frequency(orders) > 1", None),
        ("recency(orders) < 9 or recency(orders) > 11 and vip", Some(4)),
        ("recency(orders) > 9 and not vip", None),
    ];
    for (condition, expected) in cases {
        assert_eq!(strikes(condition, &orders), expected, "{condition}");
    }
}

#[test]
fn what_lies_ahead_counts_when_its_day_comes() {
    assert_eq!(strikes("frequency(orders) >= 2", &[(-5, 10), (7, 10)]), Some(7));
    assert_eq!(strikes("recency(orders) < 10", &[(-5, 10), (4, 10)]), Some(14));
    assert_eq!(strikes("recency(orders) is null", &[(3, 10)]), Some(3));
    assert_eq!(strikes("frequency(orders, 5) >= 1", &[(3, 10)]), Some(3));
}

#[test]
fn what_is_given_never_changes() {
    let model: Model = r#"{"name": "given", "sources": ["orders"], "metrics": {"idle": "recency(orders)"},
        "scores": {"r": {"of": "idle", "best": "low", "cuts": [30]}},
        "layers": [{"name": "a", "when": "idle < 9 and r = 2"}], "default": {"name": "b"}}"#
        .parse()
        .unwrap();
    let orders = ledger(&BTreeMap::from([(TODAY - 5, (1, 10, 0))]));
    let mut facts = Facts::nothing(&model);
    facts.ledgers = vec![orders.borrow()];
    assert_eq!(next_change(&model, &facts, TODAY), Some(TODAY + 4));
    facts.metrics = vec![Some(Value::Number(5.into()))];
    assert_eq!(next_change(&model, &facts, TODAY), None);
    facts.metrics = vec![None];
    facts.scores = vec![Some(Some(1))];
    assert_eq!(next_change(&model, &facts, TODAY), None);
}

#[test]
fn a_long_ledger_is_walked_once() {
    let orders: Vec<(i32, u32)> = (0..10_000).map(|day| (-day, 1)).collect();
    let started = std::time::Instant::now();
    // the amounts are 1.5 a day: the last 2 of the window of 9,000 days
    assert_eq!(strikes("gross_amount(orders, 9000) > 3", &orders), Some(8_998));
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
}

#[test]
fn daily_looks_are_announced() {
    let model: Model = r#"{"name": "daily", "sources": ["orders", "visits"],
        "metrics": {"both": "recency(orders) * recency(visits)", "idle": "recency(orders)"},
        "scores": {"b": {"of": "both", "cuts": [100]}, "i": {"of": "idle", "cuts": [10]}},
        "layers": [{"name": "alive", "when": "round(2 * p_alive(orders), 1) > 0.5 and p_alive(orders) > 0.1 * idle"},
                   {"name": "weekly", "when": "idle > 3 and not (idle % 7 = 0 or idle * 3 > 5)"},
                   {"name": "joint", "when": "both > 9 and frequency(orders, 30) > frequency(orders, 60) / 2"}],
        "default": {"name": "other"}}"#
        .parse()
        .unwrap();
    let found = model.rechecked_daily();
    let found: Vec<(&str, &str)> = found.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let expected = [
        ("scores.b", "recency(orders) * recency(visits)"),
        ("layers[0].when", "p_alive(orders) > 0.1 * idle"),
        ("layers[1].when", "idle % 7 = 0"),
        ("layers[2].when", "both > 9"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn names_that_share_names_are_followed_a_bounded_number_of_times() {
    for first in ["recency(o)", "frequency(o, 30)"] {
        let metric = |place: usize| match place {
            0 | 1 => format!(r#""m{place}": "{first}""#),
            _ => format!(r#""m{place}": "m{} + m{}""#, place - 1, place - 2),
        };
        let metrics: Vec<String> = (0..60).map(metric).collect();
        let json = format!(
            r#"{{"name": "m", "sources": ["o"], "metrics": {{{}}},
                "layers": [{{"name": "a", "when": "m59 > 1000000000000"}}], "default": {{"name": "z"}}}}"#,
            metrics.join(", ")
        );
        let model: Model = json.parse().unwrap();
        let ledger: Ledger = r#"{"2023-12-20": [1, 2]}"#.parse().unwrap();
        let mut facts = Facts::nothing(&model);
        facts.ledgers[0] = ledger.borrow();
        let started = std::time::Instant::now();
        let mut evaluation = Evaluation::new(&model, &facts, "2024-01-01".parse().unwrap()).unwrap();
        assert!(evaluation.next_change().unwrap().is_some());
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
