//! The lifecycle: each stage by its rule, at the border of each threshold.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use strata_core::day::Day;
use strata_core::error::{ErrorKind, UserError};
use strata_core::ledger::Ledger;
use strata_core::model::{Lifecycle, preset};

const TODAY: i32 = 1000;

/// A user by days; an order or a visit for each day given.
#[derive(Debug, Clone, Default)]
struct User {
    registered: Option<i32>,
    orders: Vec<i32>,
    visits: Vec<i32>,
}

fn day(number: i32) -> Day {
    Day::new(number.into()).unwrap()
}

fn ledger(days: &[i32]) -> Ledger {
    let mut events = BTreeMap::new();
    for number in days {
        *events.entry(day(*number)).or_insert(0) += 1;
    }
    let entries: Vec<String> = events.iter().map(|(day, events)| format!("\"{day}\": [{events}, 0]")).collect();
    format!("{{{}}}", entries.join(", ")).parse().unwrap()
}

fn options(json: &str) -> Lifecycle {
    Lifecycle::with_options(json).unwrap()
}

impl User {
    fn stage_with(&self, json: &str) -> String {
        let (orders, visits) = (ledger(&self.orders), ledger(&self.visits));
        let stage = options(json);
        let stage = stage.stage(orders.borrow(), visits.borrow(), self.registered.map(day), day(TODAY));
        stage.unwrap().to_owned()
    }

    fn stage(&self) -> String {
        self.stage_with("{}")
    }
}

fn registered(days_ago: i32) -> User {
    User { registered: Some(TODAY - days_ago), ..User::default() }
}

fn ordered(days_ago: &[i32]) -> User {
    User { orders: days_ago.iter().map(|days| TODAY - days).collect(), ..User::default() }
}

fn visited(mut user: User, days_ago: i32) -> User {
    user.visits.push(TODAY - days_ago);
    user
}

#[test]
fn prospects_have_neither_registration_nor_order() {
    assert_eq!(User::default().stage(), "prospect");
    assert_eq!(visited(User::default(), 3).stage(), "prospect", "visits alone do not lift a prospect");
    assert_eq!(registered(-1).stage(), "prospect", "registered tomorrow");
    assert_eq!(ordered(&[-1]).stage(), "prospect", "orders tomorrow");
    assert_eq!(registered(0).stage(), "new");
    assert_eq!(ordered(&[0]).stage(), "paying");
}

#[test]
fn new_then_active_while_something_happens() {
    assert_eq!(registered(30).stage(), "new");
    assert_eq!(registered(31).stage(), "dormant");
    assert_eq!(visited(registered(31), 30).stage(), "active");
    assert_eq!(visited(registered(31), 31).stage(), "dormant");
}

#[test]
fn idle_users_fall_asleep_and_leave_whatever_they_bought() {
    let loyal = [31, 40, 50, 60, 70];
    assert_eq!(ordered(&loyal).stage(), "dormant");
    assert_eq!(visited(ordered(&loyal), 30).stage(), "loyal");
    assert_eq!(ordered(&loyal.map(|day| day + 59)).stage(), "dormant", "90 days");
    assert_eq!(ordered(&loyal.map(|day| day + 60)).stage(), "churned", "91 days");
    assert_eq!(User { registered: Some(TODAY), ..ordered(&[400]) }.stage(), "new", "registration is activity");
}

#[test]
fn orders_within_the_window_make_paying_and_loyal() {
    assert_eq!(ordered(&[1, 2, 3, 4]).stage(), "paying");
    assert_eq!(ordered(&[1, 2, 3, 4, 364]).stage(), "loyal");
    assert_eq!(ordered(&[1, 2, 3, 4, 365]).stage(), "paying", "a window of 365 days ends 364 days ago");
    assert_eq!(visited(ordered(&[364]), 1).stage(), "paying");
    assert_eq!(visited(ordered(&[365]), 1).stage(), "active");
}

#[test]
fn without_registration_a_user_joins_with_the_first_activity() {
    let options = r#"{"paying_window_days": 5}"#;
    assert_eq!(visited(ordered(&[30]), 1).stage_with(options), "new");
    assert_eq!(visited(visited(ordered(&[30]), 31), 1).stage_with(options), "active");
    let early = User { registered: Some(TODAY - 31), ..visited(ordered(&[30]), 1) };
    assert_eq!(early.stage_with(options), "active");
}

#[test]
fn every_threshold_is_an_option() {
    let user = visited(ordered(&[10, 20]), 10);
    for (json, stage) in [
        ("{}", "paying"),
        (r#"{"loyal_orders": 2}"#, "loyal"),
        (r#"{"loyal_orders": 2, "loyal_window_days": 20}"#, "paying"),
        (r#"{"paying_window_days": 10}"#, "new"),
        (r#"{"paying_window_days": 10, "new_days": 19}"#, "active"),
        (r#"{"dormant_days": 9}"#, "dormant"),
        (r#"{"dormant_days": 8, "churned_days": 9}"#, "churned"),
    ] {
        assert_eq!(user.stage_with(json), stage, "{json}");
    }
}

#[test]
fn bad_options_are_named() {
    let valid = "Valid options are new_days, paying_window_days, loyal_window_days, loyal_orders, dormant_days, \
                 churned_days, lang.";
    let integer = "It is a positive integer, for example {\"new_days\": 30}.";
    for (json, message, hint) in [
        (r#"{"churn_days": 3}"#, "unknown option \"churn_days\"", valid),
        (r#"{"new_days": 0}"#, "option \"new_days\" must be a positive integer, not 0", integer),
        (r#"{"new_days": -4}"#, "option \"new_days\" must be a positive integer, not -4", integer),
        (r#"{"new_days": 1.5}"#, "option \"new_days\" must be a positive integer, not 1.5", integer),
        (r#"{"new_days": "30"}"#, "option \"new_days\" must be a positive integer, not \"30\"", integer),
        (r#"{"new_days": null}"#, "option \"new_days\" must be a positive integer, not null", integer),
        (r#"{"new_days": 2147483648}"#, "option \"new_days\" must be a positive integer, not 2147483648", integer),
        (
            r#"{"dormant_days": 90}"#,
            "requires[0]: dormant_days < churned_days does not hold: dormant_days is 90, churned_days is 90",
            "A user is dormant first and churned later, for example {\"dormant_days\": 30, \"churned_days\": 90}.",
        ),
        (r#"{"lang": "fr"}"#, "unknown language \"fr\"", "Use one of 'en', 'zh'."),
        (
            r#"{"lang": 1}"#,
            "option \"lang\" must be 'en' or 'zh', not 1",
            "It is 'en' or 'zh', for example {\"lang\": \"zh\"}.",
        ),
        (
            "[]",
            "malformed options: they are not a JSON object",
            "Give a JSON object, for example {\"loyal_orders\": 5, \"churned_days\": 90}.",
        ),
    ] {
        let error = Lifecycle::with_options(json).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint().unwrap().as_str()), (message, hint));
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
    }
    assert!(Lifecycle::with_options("{").is_err());
}

#[test]
fn stages_answer_by_name_or_in_chinese() {
    for (user, en, zh) in [
        (User::default(), "prospect", "潜在用户"),
        (registered(0), "new", "新用户"),
        (visited(registered(99), 0), "active", "活跃用户"),
        (ordered(&[0]), "paying", "付费用户"),
        (ordered(&[0, 1, 2, 3, 4]), "loyal", "忠诚用户"),
        (registered(31), "dormant", "沉睡用户"),
        (registered(91), "churned", "流失用户"),
    ] {
        assert_eq!((user.stage(), user.stage_with(r#"{"lang": "zh"}"#)), (en.to_owned(), zh.to_owned()));
    }
    assert_eq!(options(r#"{"lang": "en"}"#), options("{}"));
}

#[test]
fn every_parameter_is_an_option() {
    let lifecycle = preset("lifecycle").unwrap();
    for name in lifecycle.definition().parameters.names() {
        let other = if name == "churned_days" { 91 } else { 29 };
        assert_ne!(options(&format!("{{\"{name}\": {other}}}")), options("{}"), "{name}");
    }
}

fn days() -> impl Strategy<Value = Vec<i32>> {
    let lately = TODAY - 100..TODAY + 5;
    vec(prop_oneof![3 => lately, 1 => TODAY - 400..TODAY], 0..8)
}

fn registration() -> impl Strategy<Value = i32> {
    prop_oneof![3 => TODAY - 100..TODAY + 5, 1 => Day::MIN.number()..=Day::MAX.number()]
}

proptest! {
    /// The first rule that holds decides, whatever the facts: the rules as the reference tells them, counted by hand.
    #[test]
    fn the_first_rule_that_holds_decides(registered in of(registration()), orders in days(), visits in days()) {
        let stage = User { registered, orders: orders.clone(), visits: visits.clone() }.stage();
        let seen = |days: &[i32]| days.iter().filter(|day| **day <= TODAY).map(|day| i64::from(*day)).collect::<Vec<_>>();
        let (orders, visits, today) = (seen(&orders), seen(&visits), i64::from(TODAY));
        let member_since = registered.filter(|day| *day <= TODAY).map(i64::from);
        let first_active = orders.iter().chain(&visits).min().copied();
        let last = member_since.iter().chain(&orders).chain(&visits).max().copied();
        let in_window = orders.iter().filter(|day| today - **day < 365).count();
        let rules = [
            ("prospect", member_since.is_none() && orders.is_empty()),
            ("churned", last.is_some_and(|day| today - day > 90)),
            ("dormant", last.is_some_and(|day| today - day > 30)),
            ("loyal", in_window >= 5),
            ("paying", in_window >= 1),
            ("new", member_since.or(first_active).is_some_and(|day| today - day <= 30)),
            ("active", true),
        ];
        prop_assert_eq!(stage, rules.iter().find(|(_, holds)| *holds).unwrap().0);
    }
}
