//! What `check` finds: equality with going through everybody, and an example of each finding.

use std::str::FromStr;

use proptest::prelude::*;
use rust_decimal::Decimal;
use strata_core::day::Day;
use strata_core::ledger::Ledger;
use strata_core::model::{Evaluation, Facts, Finding, Model, Severity, Value};

fn as_of() -> Day {
    "2026-01-01".parse().unwrap()
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
            for (earlier, overlaps) in both[later].iter().enumerate().take(later) {
                let name = format!("\"{}\"", model.definition().layers[earlier].name);
                let overlap = of_layer(&findings, later, &format!("overlaps the earlier {name}"));
                let named = shadowed.is_some_and(|shadowed| shadowed.finding.ends_with(&format!("shadowed by {name}")));
                prop_assert_eq!(overlap.is_some() || named, *overlaps, "{} layers {}, {}", model, earlier, later);
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
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is said not to be there is not.
    #[test]
    fn nobody_shows_what_is_proved_impossible(
        model in reading_model(),
        users in proptest::collection::vec(orders(), 200),
    ) {
        let findings = model.check();
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

// ---------------------------------------------------------------------------------------------------------------------
// Examples

const EXCLUSIVE: &str = "note layers: no user matches two layers: their order decides nothing";

/// Findings as lines, without the one that all is well.
fn lines(json: &str) -> Vec<String> {
    all_lines(json).into_iter().filter(|line| line != EXCLUSIVE).collect()
}

/// Findings as lines: severity, path, finding, counterexample.
fn all_lines(json: &str) -> Vec<String> {
    let findings = json.parse::<Model>().unwrap_or_else(|error| panic!("{error}")).check();
    let line = |Finding { severity, path, finding, counterexample }| {
        let example = counterexample.map_or(String::new(), |example| format!(" {example}"));
        format!("{severity} {path}: {finding}{example}")
    };
    findings.into_iter().map(line).collect()
}

/// A model over orders and visits with these conditions.
fn over_orders(whens: &[&str]) -> String {
    let layers = whens.iter().enumerate().map(|(place, when)| format!(r#"{{"name": "l{place}", "when": "{when}"}}"#));
    let layers = layers.collect::<Vec<_>>().join(", ");
    let used = |name: &str| whens.iter().any(|when| when.contains(name));
    let sources: Vec<&str> = ["orders", "visits"].into_iter().filter(|source| used(source)).collect();
    let born = if used("born") { r#""attributes": {"born": "date"}, "# } else { "" };
    format!(
        r#"{{"name": "orders", "sources": {sources:?}, {born}"layers": [{layers}], "default": {{"name": "other"}}}}"#
    )
}

/// The findings on layers and comparisons, without the note on the default.
fn on_layers(whens: &[&str]) -> Vec<String> {
    lines(&over_orders(whens)).into_iter().filter(|line| !line.starts_with("note default")).collect()
}

#[test]
fn layers_that_overlap_or_never_win() {
    assert_eq!(
        lines(&over_orders(&[
            "recency(orders) <= 30 and frequency(orders, 365) >= 3",
            "recency(orders) <= 90 and frequency(orders, 365) >= 2",
            "recency(orders) <= 10 and frequency(orders, 365) >= 5",
            "frequency(orders, 365) > 0 and recency(orders) >= 365",
        ])),
        [
            "warning layers[1]: layer \"l1\" overlaps the earlier \"l0\", which wins \
             {\"recency(orders)\":0,\"frequency(orders, 365)\":3}",
            "warning layers[2]: layer \"l2\" never takes anybody: shadowed by \"l1\"",
            "warning layers[2]: layer \"l2\" overlaps the earlier \"l0\", which wins \
             {\"recency(orders)\":0,\"frequency(orders, 365)\":5}",
            "warning layers[3]: layer \"l3\" can never match",
            "note default: the default \"other\" takes whom no layer does {\"recency(orders)\":0,\"frequency(orders, 365)\":1}",
        ]
    );
}

#[test]
fn exclusive_layers_are_said_to_be() {
    let said = |whens: &[&str]| all_lines(&over_orders(whens)).contains(&EXCLUSIVE.to_owned());
    assert!(said(&["frequency(orders) >= 3", "frequency(orders) in (1, 2)"]));
    assert!(!said(&["frequency(orders) >= 3", "frequency(orders) >= 1"]));
    assert!(!said(&["frequency(orders, 30) > frequency(orders, 90)", "frequency(orders) >= 1"]));
}

#[test]
fn several_layers_shadow_together() {
    let found = on_layers(&["recency(orders) < 30", "recency(orders) >= 30", "frequency(orders) > 0"]);
    let shadow = "warning layers[2]: layer \"l2\" never takes anybody: shadowed by \"l0\", \"l1\"";
    assert!(found.contains(&shadow.to_owned()), "{found:?}");
}

#[test]
fn tags_may_overlap() {
    let json = r#"{"name": "tags", "mode": "overlapping", "sources": ["orders"], "layers": [
        {"name": "buyer", "when": "frequency(orders) > 0"}, {"name": "regular", "when": "frequency(orders) > 5"}]}"#;
    assert_eq!(lines(json), ["note layers: some users have no tag at all {\"frequency(orders)\":0}"]);
}

#[test]
fn comparisons_that_do_not_depend_on_the_user() {
    let json = r#"{"name": "always", "sources": ["orders"], "attributes": {"city": "text", "is_test": "boolean"},
        "population": "not is_test",
        "metrics": {"spent": "monetary(orders)"}, "scores": {"m": {"of": "spent", "cuts": [10, 100]}},
        "layers": [
          {"name": "a", "when": "m in (2, 4) and city = 'x'"},
          {"name": "b", "when": "recency(orders) >= 0 and city = 'y'"},
          {"name": "c", "when": "frequency(orders) >= 0 and city = 'z'"},
          {"name": "d", "when": "recency(orders) between 0 and 30 and city = 'w'"},
          {"name": "e", "when": "is_test is true or city = 'v'"},
          {"name": "f", "when": "recency(orders) < null or city = 'u'"}
        ], "default": {"name": "other"}}"#;
    let warnings: Vec<String> = lines(json).into_iter().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(
        warnings,
        [
            "warning layers[0].when: m = 4 is always false, whoever the user is",
            "warning layers[1].when: recency(orders) >= 0 is true for everybody who has a value, whoever the user is",
            "warning layers[2].when: frequency(orders) >= 0 is always true, whoever the user is",
            "warning layers[4].when: is_test is true is always false, whoever the user is",
            "warning layers[5].when: recency(orders) < null is always unknown (NULL), whoever the user is",
        ]
    );
}

#[test]
fn dimensions_are_checked_and_followed() {
    let json = r#"{"name": "matrix", "sources": ["orders"], "metrics": {"spent": "monetary(orders, 365)"},
        "dimensions": {
          "value": {"layers": [{"name": "high", "when": "spent >= 1000"}, {"name": "mid", "when": "spent >= 100"}]},
          "pace": {"layers": [{"name": "fast", "when": "frequency(orders, 30) >= 4"}], "default": {"name": "slow"}}
        },
        "layers": [
          {"name": "star", "when": "value = 'high' and pace = 'fast'"},
          {"name": "whale", "when": "value = 'high' and pace = 'slow'"},
          {"name": "rest", "when": "value = 'mid' or value is null"}
        ], "default": {"name": "other"}}"#;
    assert_eq!(
        lines(json),
        [
            "note dimensions.value.layers[1]: layer \"mid\" overlaps the earlier \"high\", which wins {\"spent\":1000}",
            "note dimensions.value: no layer takes some users: the dimension is NULL there {\"spent\":99}",
            "note dimensions.pace.default: the default \"slow\" takes whom no layer does {\"frequency(orders, 30)\":0}",
            "note default: the default \"other\" is never needed: the layers take everybody",
        ]
    );
}

#[test]
fn what_nothing_uses() {
    let json = r#"{"name": "unused", "parameters": {"days": 30, "risk": 60, "limit": 5, "idle": 1},
        "requires": ["days < risk"], "sources": ["orders", "visits"], "attributes": {"city": "text"},
        "metrics": {"recent": "frequency(orders, days)", "spent": "monetary(orders)", "all": "frequency(orders)"},
        "scores": {"f": {"of": "all", "cuts": ["limit"]}},
        "dimensions": {"pace": {"layers": [{"name": "fast", "when": "recent > 3"}], "default": {"name": "slow"}}},
        "layers": [{"name": "a", "when": "recent > 1"}], "default": {"name": "other"}}"#;
    let unused: Vec<String> = lines(json).into_iter().filter(|line| line.contains("nothing uses")).collect();
    assert_eq!(
        unused,
        [
            "warning parameters.idle: nothing uses parameter \"idle\"",
            "warning sources.visits: nothing uses source \"visits\"",
            "warning attributes.city: nothing uses attribute \"city\"",
            "warning metrics.spent: nothing uses metric \"spent\"",
            "warning scores.f: nothing uses score \"f\"",
            "warning dimensions.pace: nothing uses dimension \"pace\"",
        ]
    );
}

#[test]
fn too_many_layers_side_by_side() {
    let whens: Vec<String> = (1..=7).map(|orders| format!("frequency(orders) = {orders}")).collect();
    let whens: Vec<&str> = whens.iter().map(String::as_str).collect();
    let found = on_layers(&whens);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("warning layers: 8 layers stand side by side"), "{found:?}");
    assert_eq!(on_layers(&whens[..6]), [""; 0]);

    let json = over_orders(&whens).replace(r#""name": "l1","#, r#""name": "l1", "parent": "p","#);
    let json = json.replace(r#""name": "l2","#, r#""name": "l2", "parent": "p","#);
    let json = json.replace(r#""layers": ["#, r#""layers": [{"name": "p"}, "#);
    assert_eq!(lines(&json).iter().filter(|line| line.contains("side by side")).count(), 0);
}

#[test]
fn calibrations() {
    let model = |calibration: &str| {
        format!(
            r#"{{"name": "rfm", "sources": ["orders"], "metrics": {{"spent": "monetary(orders)", "idle": "recency(orders)"}},
              "scores": {{"m": {{"of": "spent", "quantile": 4}}, "top": {{"of": "spent", "top_share": [0.1, 0.3]}},
                         "r": {{"of": "idle", "mean": true}}}},
              "layers": [{{"name": "a", "when": "m = 4 and top = 3 and r = 2"}}], "default": {{"name": "other"}}{calibration}}}"#
        )
    };
    let about_scores = |calibration: &str| -> Vec<String> {
        lines(&model(calibration)).into_iter().filter(|line| line.contains("scores.")).collect()
    };
    assert_eq!(
        about_scores(""),
        [
            "note scores.m: score \"m\" has no cuts yet: calibrate the model",
            "note scores.top: score \"top\" has no cuts yet: calibrate the model",
            "note scores.r: score \"r\" has no cuts yet: calibrate the model",
        ]
    );
    let calibrated = r#", "calibration": {"as_of": "2026-01-01", "users": 100, "scores": {
        "m": {"users": 100, "cuts": [10, 20, null], "reached": [25, 30, 45, 0]},
        "top": {"users": 100, "cuts": [15, 90], "reached": [55, 33, 12]},
        "r": {"users": 0, "cuts": [null], "reached": [0, 0]}}}"#;
    assert_eq!(
        about_scores(calibrated),
        [
            "warning calibration.scores.m: score \"m\": nobody reached 4 of 4, with 100 users who have a value",
            "note calibration.scores.m: score \"m\": shares are off, for many users are equal: 3 has 45 %, not 25 %; \
             4 has 0 %, not 25 %",
            "warning calibration.scores.r: score \"r\" was calibrated on nobody: no user had a value",
        ]
    );
    // what is not reached never matches
    assert!(lines(&model(calibrated)).contains(&"warning layers[0]: layer \"a\" can never match".to_owned()));
}

/// Each pair would overlap if the two readings had nothing to do with each other.
#[test]
fn axioms_leave_out_users_that_cannot_be() {
    for (one, other) in [
        ("frequency(orders) = 0", "recency(orders) is not null"),
        ("active_days(orders, 30) > 0", "tenure(orders, 30) is null"),
        ("average_amount(orders) > 0", "first_amount(orders) is null"),
        ("first_day(orders) is null", "last_day(orders) is not null"),
        ("recency(orders) = 3", "recency(orders, 30) = 4"),
        ("recency(orders) < 30", "frequency(orders, 30) = 0"),
        ("recency(orders) >= 30", "frequency(orders, 30) > 0"),
        ("frequency(orders, 30) > 5", "frequency(orders, 90) <= 5"),
        ("active_days(orders, 30) > 5", "active_days(orders) <= 5"),
        ("gross_amount(orders, 30) > 5", "gross_amount(orders, 90) <= 5"),
        ("credit_amount(orders, 30) > 5", "credit_amount(orders) < 5"),
        ("tenure(orders, 30) > 5", "tenure(orders, 90) <= 5"),
        ("active_days(orders, 30) > 3", "frequency(orders, 90) <= 3"),
        ("active_days(orders) >= 10", "tenure(orders) < 9"),
        ("active_days(orders) > 1", "tenure(orders) = 7 and recency(orders) = 7"),
        ("active_days(orders) = 1", "tenure(orders) = 7 and recency(orders) = 6"),
        ("active_days(orders, 40) >= 15", "active_days(orders, 30) < 5"),
        ("tenure(orders) < 30", "frequency(orders, 30) = 2 and frequency(orders, 90) = 3"),
        (
            "frequency(orders, 30) = 2 and frequency(orders, 90) = 3",
            "active_days(orders, 30) = 2 and active_days(orders, 90) = 2",
        ),
        ("gross_amount(orders) > 0", "frequency(orders) = 0"),
        ("monetary(orders) > 10", "gross_amount(orders) <= 10"),
        ("monetary(orders) = 7", "gross_amount(orders) = 7 and credit_amount(orders) > 0"),
        ("average_amount(orders) > 0", "monetary(orders) <= 0"),
        ("average_amount(orders) > 100", "monetary(orders) < 200 and frequency(orders) >= 2"),
        ("average_amount(orders) = 5", "monetary(orders) = 6 and frequency(orders) = 1"),
        ("active_days(orders) = 1", "monetary(orders) > 6 and first_amount(orders) < 6"),
        ("gross_amount(orders) < 6", "first_amount(orders) >= 6"),
        ("credit_amount(orders) < 6", "first_amount(orders) <= -6"),
    ] {
        assert_eq!(on_layers(&[one, other]), [""; 0], "{one} | {other}");
    }
    // nothing of the kind between two sources
    assert_eq!(on_layers(&["frequency(orders, 30) > 5", "frequency(visits, 90) <= 5"]).len(), 1);
}

#[test]
fn dates_and_their_ages() {
    assert_eq!(on_layers(&["days_since(born) >= 1", "days_until(born) >= 1"]), [""; 0]);
    assert_eq!(on_layers(&["born > as_of - 30", "days_since(born) >= 30"]), [""; 0]);
    assert_eq!(on_layers(&["as_of - born <= 7", "days_since(born) > 7"]), [""; 0]);
    assert_eq!(on_layers(&["days_until_anniversary(born) <= 7", "born is null"]), [""; 0]);
    assert_eq!(on_layers(&["days_since(first_day(orders)) < 30", "tenure(orders) >= 30"]), [""; 0]);
    assert_eq!(
        on_layers(&["born >= date '2000-01-01'", "days_since(born) < 30"]),
        ["warning layers[1]: layer \"l1\" overlaps the earlier \"l0\", which wins \
          {\"born\":\"2000-01-01\",\"days_since(born)\":0}"]
    );
    assert_eq!(
        on_layers(&["days_until_anniversary(born) <= 7", "days_since(born) > 3650"]),
        ["warning layers[1]: layer \"l1\" overlaps the earlier \"l0\", which wins \
          {\"days_since(born)\":3653,\"days_until_anniversary(born)\":0}"]
    );
}

#[test]
fn sums_of_several_readings_are_computed_from_examples() {
    let points = "least(frequency(orders, 30), 10) * 5 + least(frequency(visits, 30), 50)";
    let found = on_layers(&[&format!("{points} > 100"), &format!("{points} >= 60 and frequency(orders, 30) >= 12")]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].ends_with("> 100 is never true, whoever the user is") || found[0].contains("always false"),
        "{found:?}"
    );
    assert_eq!(found[1], "warning layers[0]: layer \"l0\" can never match");
}

#[test]
fn what_is_beyond_the_method_is_not_decided() {
    let found = on_layers(&["frequency(orders, 30) > frequency(orders, 90)"]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("note layers[0]: not decided whether layer \"l0\" can match"), "{found:?}");
}

#[test]
fn what_is_beyond_the_budget_is_not_decided() {
    // whether so many tags leave somebody out depends on all of them at once
    let parity: Vec<String> = (0..24).map(|place| format!("(c{place} is true)")).collect();
    let attributes: Vec<String> = (0..24).map(|place| format!(r#""c{place}": "boolean""#)).collect();
    let differ =
        parity.chunks(2).map(|pair| format!("case when {} then {} else not {} end", pair[0], pair[1], pair[1]));
    let odd = differ.reduce(|left, right| format!("(({left}) is distinct from ({right}))")).unwrap();
    let json = format!(
        r#"{{"name": "parity", "attributes": {{{}}}, "layers": [
            {{"name": "a", "when": "{odd}"}}, {{"name": "b", "when": "not {odd}"}}], "default": {{"name": "other"}}}}"#,
        attributes.join(", ")
    );
    let found = lines(&json);
    assert!(found.iter().any(|line| line.contains("not decided whether layer \"b\" overlaps")), "{found:?}");
    assert!(found.iter().any(|line| line.contains("more than 500000 steps")), "{found:?}");
}

#[test]
fn a_population_of_nobody() {
    let json = r#"{"name": "nobody", "attributes": {"a": "number"}, "population": "a > 1 and a < 1",
        "layers": [{"name": "x", "when": "a = 1"}], "default": {"name": "other"}}"#;
    assert_eq!(lines(json), ["warning population: nobody can be in the population"]);
}

#[test]
fn severities_are_words() {
    assert_eq!([Severity::Warning, Severity::Note].map(|severity| severity.to_string()), ["warning", "note"]);
}
