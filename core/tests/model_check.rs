//! What `check` finds: equality with going through everybody, and an example of each finding.

use std::str::FromStr;

use proptest::prelude::*;
use rust_decimal::Decimal;
use strata_core::day::Day;
use strata_core::ledger::{Ledger, LedgerRef, Window};
use strata_core::model::{Evaluation, Facts, Finding, Model, Severity, Value};

fn as_of() -> Day {
    "2026-01-01".parse().unwrap()
}

fn check(json: &str) -> Vec<Finding> {
    json.parse::<Model>().unwrap().check()
}

// ---------------------------------------------------------------------------------------------------------------------
// Laws: models over attributes, where everybody can be gone through

/// Conditions on numbers a and b, a text t and a boolean c. Constants are whole, so half steps show every cell.
fn condition() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        Just("a"),
        Just("b"),
        Just("m"),
        Just("n"),
        Just("p"),
        Just("s"),
        Just("q"),
        Just("(case when c then a else b end)"),
    ];
    let op = prop_oneof![
        Just("="),
        Just("<>"),
        Just("<"),
        Just("<="),
        Just(">"),
        Just(">="),
        Just("is distinct from"),
        Just("is not distinct from"),
    ];
    let atom = prop_oneof![
        6 => (number.clone(), op, 0..4i32).prop_map(|(number, op, at)| format!("({number} {op} {at})")),
        1 => (number.clone(), 0..4i32, 0..4i32).prop_map(|(number, a, b)| format!("{number} in ({a}, {b})")),
        1 => number.prop_map(|number| format!("{number} is null")),
        1 => prop_oneof![
            Just("t = 'x'"), Just("t in ('x', 'y')"), Just("t like 'x%'"), Just("t not like '%y'"), Just("c"),
            Just("c is unknown"), Just("d = 'low'"), Just("d is null"), Just("s * 2 + s2 >= 5"), Just("s > s2"),
        ]
        .prop_map(str::to_owned),
    ];
    atom.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|terms| format!("({})", terms.join(" and "))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|terms| format!("({})", terms.join(" or "))),
            inner.prop_map(|inner| format!("not ({inner})")),
        ]
    })
}

fn model() -> impl Strategy<Value = Model> {
    (proptest::collection::vec(condition(), 3..6), proptest::option::of(condition())).prop_map(|(whens, population)| {
        let layers: Vec<String> =
            whens.iter().enumerate().skip(2).map(|(place, when)| format!(r#"{{"name": "l{place}", "when": "{when}"}}"#)).collect();
        // a population does not name metrics
        let population = population.filter(|text| !["m", "n", "p", "s", "q", "d"].iter().any(|name| {
            text.split(|char: char| !char.is_alphanumeric()).any(|word| word == *name || word == "s2")
        }));
        let population = population.map_or(String::new(), |text| format!(r#""population": "{text}","#));
        let no_dimension = |text: &str| text.replace("d = 'low'", "a = 1").replace("d is null", "b = 1");
        format!(
            r#"{{"name": "random", "attributes": {{"a": "number", "b": "number", "t": "text", "c": "boolean"}}, {population}
              "metrics": {{"m": "a", "n": "coalesce(b, 1)", "p": "least(a, b, 2)", "q": "2 - greatest(a, nullif(b, 2))"}},
              "scores": {{"s": {{"of": "n", "cuts": [1, 3]}}, "s2": {{"of": "m", "best": "low", "cuts": [2, 1]}}}},
              "dimensions": {{"d": {{"layers": [{{"name": "high", "when": "{}"}}, {{"name": "low", "when": "{}"}}]}}}},
              "layers": [{}], "default": {{"name": "other"}}}}"#,
            no_dimension(&whens[0]),
            no_dimension(&whens[1]),
            layers.join(", ")
        )
        .parse()
        .unwrap_or_else(|error| panic!("{error} {whens:?}"))
    })
}

type User = (Option<Decimal>, Option<Decimal>, Option<&'static str>, Option<bool>);

fn everybody() -> impl Iterator<Item = User> {
    let numbers = || [None].into_iter().chain((-4..=12).map(|half| Some(Decimal::new(half * 5, 1))));
    let texts = [None, Some("x"), Some("y"), Some("xy"), Some("xa"), Some("ay"), Some("z")];
    numbers().flat_map(move |a| {
        numbers().flat_map(move |b| {
            texts.into_iter().flat_map(move |t| [None, Some(true), Some(false)].map(|c| (a, b, t, c)))
        })
    })
}

fn facts<'a>(model: &Model, user: &User) -> Facts<'a> {
    let number = |number: Option<Decimal>| number.map_or(Value::Null, Value::Number);
    let mut facts = Facts::nothing(model);
    facts.attributes = vec![
        number(user.0),
        number(user.1),
        user.2.map_or(Value::Null, Value::Text),
        user.3.map_or(Value::Null, Value::Boolean),
    ];
    facts
}

/// The layers that match a user; `None` outside of the population.
fn matching(model: &Model, facts: &Facts<'_>) -> Option<Vec<usize>> {
    let mut evaluation = Evaluation::new(model, facts, as_of()).unwrap();
    evaluation.in_population().then(|| evaluation.layers())
}

/// The finding of a layer that starts so.
fn of_layer<'f>(findings: &'f [Finding], place: usize, says: &str) -> Option<&'f Finding> {
    findings.iter().find(|finding| finding.path == format!("layers[{place}]") && finding.finding.contains(says))
}

/// A counterexample as a user: what it does not name is whatever the caller gives.
fn user_of(json: &str, rest: User) -> User {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).unwrap();
    let number = |name: &str, rest: Option<Decimal>| match object.get(name) {
        Some(value) => value.is_number().then(|| Decimal::from_str(&value.to_string()).unwrap()),
        None => rest,
    };
    let text = match object.get("t") {
        Some(value) => value.as_str().map(|text| &*text.to_owned().leak()),
        None => rest.2,
    };
    let boolean = object.get("c").map_or(rest.3, serde_json::Value::as_bool);
    (number("a", rest.0), number("b", rest.1), text, boolean)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is found is there, and what is there is found: layers that never match, that are shadowed, that overlap, and
    /// users whom no layer takes.
    #[test]
    fn the_check_equals_going_through_everybody(model in model(), rest in 0usize..6_000) {
        let findings = model.check();
        let layers = model.definition().layers.len();
        let (mut matched, mut won) = (vec![false; layers], vec![false; layers]);
        let (mut both, mut gap, mut anybody) = (vec![vec![false; layers]; layers], false, false);
        for user in everybody() {
            let Some(found) = matching(&model, &facts(&model, &user)) else { continue };
            anybody = true;
            gap |= found.is_empty();
            if let Some(first) = found.first() {
                won[*first] = true;
            }
            for place in &found {
                matched[*place] = true;
                found.iter().for_each(|other| both[*place][*other] = true);
            }
        }
        prop_assert_eq!(findings.iter().any(|finding| finding.finding.contains("nobody can be in the population")), !anybody, "{}", model);
        if !anybody {
            return Ok(());
        }
        prop_assert!(!findings.iter().any(|finding| finding.finding.contains("not decided")), "{findings:?}");
        let rest = everybody().nth(rest).unwrap();
        for later in 0..layers {
            let never = of_layer(&findings, later, "can never match");
            prop_assert_eq!(never.is_some(), !matched[later], "{} layer {}", model, later);
            let shadowed = of_layer(&findings, later, "shadowed by");
            prop_assert_eq!(shadowed.is_some(), matched[later] && !won[later], "{} layer {}", model, later);
            for earlier in 0..later {
                let name = format!("\"{}\"", model.definition().layers[earlier].name);
                let overlap = of_layer(&findings, later, &format!("overlaps the earlier {name}"));
                let named = shadowed.is_some_and(|shadowed| shadowed.finding.ends_with(&format!("shadowed by {name}")));
                prop_assert_eq!(overlap.is_some() || named, both[later][earlier], "{} layers {}, {}", model, earlier, later);
                if let Some(overlap) = overlap {
                    let user = user_of(overlap.counterexample.as_ref().unwrap(), rest);
                    let found = matching(&model, &facts(&model, &user)).unwrap_or_default();
                    prop_assert!(found.contains(&earlier) && found.contains(&later), "{} {:?} {:?}", model, overlap, user);
                }
            }
        }
        let default = findings.iter().find(|finding| finding.path == "default").unwrap();
        prop_assert_eq!(default.counterexample.is_some(), gap);
        if let Some(example) = &default.counterexample {
            let user = user_of(example, rest);
            prop_assert_eq!(matching(&model, &facts(&model, &user)), Some(Vec::new()), "{} {}", model, example);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Laws: models over ledgers, against random users

/// Conditions on readings of one source in several windows, and of the age of a date.
fn reading_condition() -> impl Strategy<Value = String> {
    let reading = (
        prop_oneof![
            Just("recency"),
            Just("frequency"),
            Just("active_days"),
            Just("tenure"),
            Just("monetary"),
            Just("gross_amount"),
            Just("credit_amount"),
            Just("average_amount"),
            Just("first_amount"),
        ],
        prop_oneof![Just(""), Just(", 3"), Just(", 7"), Just(", 1")],
    );
    let reading = reading.prop_map(|(reader, window)| format!("{reader}(orders{window})"));
    let value = prop_oneof![6 => reading, 1 => Just("days_since(born)".to_owned()), 1 => Just("idle".to_owned())];
    let op = prop_oneof![Just("="), Just("<"), Just("<="), Just(">"), Just(">=")];
    let atom = prop_oneof![
        5 => (value.clone(), op, 0..9i32).prop_map(|(value, op, at)| format!("{value} {op} {at}")),
        1 => value.prop_map(|value| format!("{value} is null")),
    ];
    proptest::collection::vec(atom, 1..4).prop_map(|terms| terms.join(" and "))
}

fn reading_model() -> impl Strategy<Value = Model> {
    proptest::collection::vec(reading_condition(), 2..5).prop_map(|whens| {
        let layers =
            whens.iter().enumerate().map(|(place, when)| format!(r#"{{"name": "l{place}", "when": "{when}"}}"#));
        let layers = layers.collect::<Vec<_>>().join(", ");
        format!(
            r#"{{"name": "random", "sources": ["orders"], "attributes": {{"born": "date"}},
                 "metrics": {{"idle": "least(days_since(born), recency(orders))"}},
                 "layers": [{layers}], "default": {{"name": "other"}}}}"#
        )
        .parse()
        .unwrap()
    })
}

/// A ledger from days ago, events, gross and credits; and the days since a date.
fn orders() -> impl Strategy<Value = (Ledger, Option<i32>)> {
    let entries = proptest::collection::btree_map(0i64..10, (0u8..4, 0u8..9, 0u8..5), 0..5);
    let ledger = entries.prop_map(|entries| {
        let days = entries.into_iter().rev().map(|(ago, (events, gross, credits))| {
            let day = Day::new(i64::from(as_of().number()) - ago).unwrap();
            let gross = if events > 0 { gross } else { 0 };
            format!("\"{day}\": [{events}, {gross}, {credits}]")
        });
        format!("{{{}}}", days.collect::<Vec<_>>().join(", ")).parse().unwrap()
    });
    (ledger, proptest::option::of(-3..12i32))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, max_shrink_iters: std::env::var("NS").map_or(1000, |_| 0), ..ProptestConfig::default() })]

    /// What is said not to be there is not.
    #[test]
    fn nobody_shows_what_is_proved_impossible(
        model in reading_model(),
        users in proptest::collection::vec(orders(), 200),
    ) {
        let findings = model.check();
        if std::env::var("SHOW").is_ok() {
            for finding in &findings { if finding.finding.contains("not decided") { println!("{} {}\n   {}", finding.path, finding.finding, model); } }
        }
        for (ledger, born) in &users {
            let mut facts = Facts::nothing(&model);
            facts.ledgers = vec![ledger.borrow()];
            facts.attributes = vec![born.map_or(Value::Null, |age| Value::Date(as_of().number() - age))];
            let Some(found) = matching(&model, &facts) else { continue };
            if found.is_empty() {
                prop_assert!(!findings.iter().any(|finding| finding.path == "default" && finding.counterexample.is_none() && !finding.finding.contains("not decided")));
            }
            for (place, later) in found.iter().enumerate() {
                prop_assert!(of_layer(&findings, *later, "can never match").is_none(), "{} {:?}", model, ledger.borrow().to_text());
                if place == 0 {
                    prop_assert!(of_layer(&findings, *later, "shadowed by").is_none(), "{} {:?}", model, ledger.borrow().to_text());
                }
                for earlier in &found[..place] {
                    let name = format!("\"l{earlier}\"");
                    let named = findings.iter().any(|finding| finding.path == format!("layers[{later}]") && finding.finding.contains(&name));
                    let open = of_layer(&findings, *later, "not decided whether layer").is_some();
                    prop_assert!(named || open, "{} {:?}", model, ledger.borrow().to_text());
                }
            }
        }
    }
}
