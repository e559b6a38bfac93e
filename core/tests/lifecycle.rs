//! The lifecycle: each stage by its rule, at the border of each threshold.

use proptest::option::of;
use proptest::prelude::*;
use strata_core::error::{ErrorKind, UserError};
use strata_core::lifecycle::{LifecycleFacts, LifecycleOptions, Stage};
use strata_core::score::Lang;

const TODAY: i32 = 1000;

/// Facts from days; orders count as one per day given.
#[derive(Debug, Clone, Default)]
struct User {
    registered: Option<i32>,
    orders: Vec<i32>,
    visits: Vec<i32>,
}

impl User {
    fn stage_with(&self, options: &LifecycleOptions) -> Stage {
        let seen = |days: &[i32]| days.iter().copied().filter(|day| *day <= TODAY).collect::<Vec<_>>();
        let (orders, visits) = (seen(&self.orders), seen(&self.visits));
        let facts = LifecycleFacts {
            registered: self.registered,
            first_active: orders.iter().chain(&visits).min().copied(),
            last_order: orders.iter().max().copied(),
            last_visit: visits.iter().max().copied(),
            orders_in: |window: i32| orders.iter().filter(|day| **day > TODAY - window).count() as u64,
        };
        facts.stage(TODAY, options)
    }

    fn stage(&self) -> Stage {
        self.stage_with(&LifecycleOptions::default())
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
    assert_eq!(User::default().stage(), Stage::Prospect);
    assert_eq!(visited(User::default(), 3).stage(), Stage::Prospect, "visits alone do not lift a prospect");
    assert_eq!(registered(-1).stage(), Stage::Prospect, "registered tomorrow");
    assert_eq!(ordered(&[-1]).stage(), Stage::Prospect, "orders tomorrow");
    assert_eq!(registered(0).stage(), Stage::New);
    assert_eq!(ordered(&[0]).stage(), Stage::Paying);
}

#[test]
fn new_then_active_while_something_happens() {
    assert_eq!(registered(30).stage(), Stage::New);
    assert_eq!(registered(31).stage(), Stage::Dormant);
    assert_eq!(visited(registered(31), 30).stage(), Stage::Active);
    assert_eq!(visited(registered(31), 31).stage(), Stage::Dormant);
}

#[test]
fn idle_users_fall_asleep_and_leave_whatever_they_bought() {
    let loyal = [31, 40, 50, 60, 70];
    assert_eq!(ordered(&loyal).stage(), Stage::Dormant);
    assert_eq!(visited(ordered(&loyal), 30).stage(), Stage::Loyal);
    assert_eq!(ordered(&loyal.map(|day| day + 59)).stage(), Stage::Dormant, "90 days");
    assert_eq!(ordered(&loyal.map(|day| day + 60)).stage(), Stage::Churned, "91 days");
    assert_eq!(User { registered: Some(TODAY), ..ordered(&[400]) }.stage(), Stage::New, "registration is activity");
}

#[test]
fn orders_within_the_window_make_paying_and_loyal() {
    assert_eq!(ordered(&[1, 2, 3, 4]).stage(), Stage::Paying);
    assert_eq!(ordered(&[1, 2, 3, 4, 364]).stage(), Stage::Loyal);
    assert_eq!(ordered(&[1, 2, 3, 4, 365]).stage(), Stage::Paying, "a window of 365 days ends 364 days ago");
    assert_eq!(visited(ordered(&[364]), 1).stage(), Stage::Paying);
    assert_eq!(visited(ordered(&[365]), 1).stage(), Stage::Active);
}

#[test]
fn without_registration_a_user_joins_with_the_first_activity() {
    let options = LifecycleOptions::from_json(r#"{"paying_window_days": 5}"#).unwrap();
    assert_eq!(visited(ordered(&[30]), 1).stage_with(&options), Stage::New);
    assert_eq!(visited(visited(ordered(&[30]), 31), 1).stage_with(&options), Stage::Active);
    let early = User { registered: Some(TODAY - 31), ..visited(ordered(&[30]), 1) };
    assert_eq!(early.stage_with(&options), Stage::Active);
}

#[test]
fn every_threshold_is_an_option() {
    let user = visited(ordered(&[10, 20]), 10);
    for (json, stage) in [
        ("{}", Stage::Paying),
        (r#"{"loyal_orders": 2}"#, Stage::Loyal),
        (r#"{"loyal_orders": 2, "loyal_window_days": 20}"#, Stage::Paying),
        (r#"{"paying_window_days": 10}"#, Stage::New),
        (r#"{"paying_window_days": 10, "new_days": 19}"#, Stage::Active),
        (r#"{"dormant_days": 9}"#, Stage::Dormant),
        (r#"{"dormant_days": 8, "churned_days": 9}"#, Stage::Churned),
    ] {
        assert_eq!(user.stage_with(&LifecycleOptions::from_json(json).unwrap()), stage, "{json}");
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
            "dormant_days (90) must be less than churned_days (90)",
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
        let error = LifecycleOptions::from_json(json).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint().unwrap().as_str()), (message, hint));
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
    }
    assert!(LifecycleOptions::from_json("{").is_err());
}

#[test]
fn stages_have_labels_in_both_languages() {
    let stages = [
        (Stage::Prospect, "prospect", "潜在用户"),
        (Stage::New, "new", "新用户"),
        (Stage::Active, "active", "活跃用户"),
        (Stage::Paying, "paying", "付费用户"),
        (Stage::Loyal, "loyal", "忠诚用户"),
        (Stage::Dormant, "dormant", "沉睡用户"),
        (Stage::Churned, "churned", "流失用户"),
    ];
    for (stage, en, zh) in stages {
        assert_eq!((stage.label(Lang::En), stage.label(Lang::Zh)), (en, zh));
    }
    assert_eq!(LifecycleOptions::from_json(r#"{"lang": "zh"}"#).unwrap().lang(), Lang::Zh);
    assert_eq!(LifecycleOptions::default().lang(), Lang::En);
}

#[test]
fn every_option_name_is_accepted_and_none_else() {
    for name in LifecycleOptions::NAMES {
        let value = if name == "lang" { "\"en\"" } else { "40" };
        assert!(LifecycleOptions::from_json(&format!("{{\"{name}\": {value}}}")).is_ok(), "{name}");
    }
}

proptest! {
    /// The first rule that holds decides, whatever the facts, even extreme ones.
    #[test]
    fn the_first_rule_that_holds_decides(
        registered in of(any::<i32>()), first_active in of(any::<i32>()), last_order in of(any::<i32>()),
        last_visit in of(any::<i32>()), orders: u64, as_of: i32,
    ) {
        let facts = LifecycleFacts { registered, first_active, last_order, last_visit, orders_in: |_| orders };
        let stage = facts.stage(as_of, &LifecycleOptions::default());
        let wide = |day: Option<i32>| day.map(i64::from);
        let (today, member_since) = (i64::from(as_of), wide(registered).filter(|day| *day <= i64::from(as_of)));
        let last = [member_since, wide(last_order), wide(last_visit)].into_iter().flatten().max();
        let rules = [
            (Stage::Prospect, member_since.is_none() && last_order.is_none()),
            (Stage::Churned, last.is_some_and(|day| today - day > 90)),
            (Stage::Dormant, last.is_some_and(|day| today - day > 30)),
            (Stage::Loyal, orders >= 5),
            (Stage::Paying, orders >= 1),
            (Stage::New, member_since.or(wide(first_active)).is_some_and(|day| today - day <= 30)),
            (Stage::Active, true),
        ];
        prop_assert_eq!(stage, rules.iter().find(|(_, holds)| *holds).unwrap().0);
    }
}
