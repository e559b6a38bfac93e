//! The clock: the first day on which an answer changes by itself, against looking at every day.

mod histories;

use std::collections::BTreeMap;

use histories::{Parts, TODAY, User, any_parts, any_user, day, ledger, model, number, plain_number};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use strata_core::day::Day;
use strata_core::ledger::Ledger;
use strata_core::model::{Answer, Evaluation, Facts, Model, Step, Value};

/// As far as every day is looked at.
const HORIZON: i32 = 800;

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

/// One step for each day that answers otherwise than the day before.
fn looked_through(model: &Model, facts: &Facts<'_>, from: i32, to: i32) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for number in from..=to {
        let mut evaluation = Evaluation::new(model, facts, day(number)).unwrap();
        let answer = evaluation.answer();
        if steps.last().is_none_or(|step| step.answer != answer) {
            let next_change = evaluation.next_change().unwrap();
            steps.push(Step { day: day(number), answer, next_change });
        }
    }
    steps
}

fn walked(model: &Model, facts: &Facts<'_>, from: i32, to: i32) -> Vec<Step> {
    let mut steps = Vec::new();
    Evaluation::new(model, facts, day(from)).unwrap().walk(day(to), |step| steps.push(step)).unwrap();
    steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A walk is what evaluating every day and dropping the repeats gives.
    #[test]
    fn a_walk_tells_of_every_change(
        parts in any_parts(number), user in any_user(), from in TODAY - 210..TODAY + 60, days in 0..400i32,
    ) {
        let model = model(&parts);
        let facts = user.facts(&model);
        prop_assert_eq!(walked(&model, &facts, from, from + days), looked_through(&model, &facts, from, from + days));
    }
}

#[test]
fn a_walk_has_its_ends() {
    let parts = Parts {
        metrics: ["frequency(visits)".to_owned(), "frequency(visits)".to_owned()],
        depths: ["false".to_owned(), "false".to_owned()],
        layers: ["recency(orders) % 2 = 0".to_owned(), "false".to_owned(), "false".to_owned()],
        population: None,
        mode: "exclusive",
    };
    let (model, orders) = (model(&parts), ledger(&BTreeMap::from([(TODAY - 5, (1, 10, 0))])));
    let user = User { orders, visits: Ledger::empty(), dates: [None; 3], points: None, vip: None };
    let facts = user.facts(&model);
    assert!(walked(&model, &facts, TODAY, TODAY - 1).is_empty());
    assert_eq!(walked(&model, &facts, TODAY, TODAY).len(), 1);
    assert_eq!(walked(&model, &facts, TODAY, TODAY + 99).len(), 100);
    // nothing strikes after the last day there is
    assert_eq!(walked(&model, &facts, Day::MAX.number() - 3, Day::MAX.number()).len(), 4);
    let error = Evaluation::new(&model, &facts, day(TODAY)).unwrap().walk(Day::MAX, |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "the answer for one user changes more than 1000000 times up to 4763-12-02");
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
