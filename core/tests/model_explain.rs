//! Explanations: every way that is printed leads where it says, and the words are those of people.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use strata_core::day::Day;
use strata_core::label::Lang;
use strata_core::ledger::{Ledger, OpenLedger, Push};
use strata_core::model::{Evaluation, Facts, Model, Value, Ways, describe, distance, explain, explain_text};
use strata_core::money::Money;

#[path = "model_explain/words.rs"]
mod words;

const TODAY: &str = "2026-01-31";

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// A ledger of events: days before today, and cents.
fn ledger(events: &[(i64, i64)]) -> Ledger {
    let today = i64::from(day(TODAY).number());
    let rows: Vec<(Day, Money)> = events
        .iter()
        .map(|(ago, cents)| (Day::new(today - ago).unwrap(), Money::new((*cents).into(), 2).unwrap()))
        .collect();
    of_rows(&rows)
}

fn of_rows(rows: &[(Day, Money)]) -> Ledger {
    let mut bytes = vec![0; 64 + 64 * rows.len()];
    let mut open = OpenLedger::create(&mut bytes);
    for (day, amount) in rows {
        assert!(matches!(open.push_row(*day, *amount), Ok(Push::Done)));
    }
    Ledger::from_open(&bytes, &mut Vec::new()).unwrap()
}

fn facts<'a>(model: &Model, ledgers: &'a [Ledger]) -> Facts<'a> {
    let mut facts = Facts::nothing(model);
    for (place, ledger) in ledgers.iter().enumerate() {
        facts.ledgers[place] = ledger.borrow();
    }
    facts
}

fn value_of(json: &Json) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(boolean) => Value::Boolean(*boolean),
        Json::Number(number) => Value::Number(number.to_string().parse().unwrap()),
        Json::String(text) => match text.parse::<Day>() {
            Ok(day) => Value::Date(day.number()),
            Err(_) => Value::Text(text),
        },
        other => panic!("{other} is no value"),
    }
}

/// Does what a way says, and nothing else; gives the layers then.
fn carried_out(model: &Model, facts: &Facts<'_>, action: &Json) -> Vec<String> {
    let as_of = day(action["as_of"].as_str().unwrap());
    let mut facts = facts.clone();
    let mut made = Vec::new();
    for new in action["events"].as_array().into_iter().flatten() {
        let source = model.definition().sources.0.position(new["source"].as_str().unwrap()).unwrap();
        let (events, days) = (new["events"].as_i64().unwrap(), new["days"].as_i64().unwrap());
        let amount: Decimal = new["amount"].to_string().parse().unwrap();
        let zero = Money::ZERO;
        let mut rows: Vec<(Day, Money)> =
            (0..days).map(|back| (Day::new(i64::from(as_of.number()) - back).unwrap(), zero)).collect();
        rows.extend((days..events).map(|_| (as_of, zero)));
        rows[0].1 = Money::new(amount.mantissa(), amount.scale()).unwrap();
        let ledger = facts.ledgers[source].plus(of_rows(&rows).borrow()).unwrap();
        made.push((source, ledger));
    }
    for (source, ledger) in &made {
        facts.ledgers[*source] = ledger.borrow();
    }
    let definition = model.definition();
    for (name, value) in action["metrics"].as_object().into_iter().flatten() {
        facts.metrics[definition.metrics.position(name).unwrap()] = Some(value_of(value));
    }
    for (name, value) in action["scores"].as_object().into_iter().flatten() {
        facts.scores[definition.scores.position(name).unwrap()] = Some(value.as_u64().map(|score| score as u8));
    }
    for (name, value) in action["attributes"].as_object().into_iter().flatten() {
        facts.attributes[definition.attributes.position(name).unwrap()] = value_of(value);
    }
    layers(model, &facts, as_of)
}

/// The same with one event less of the only source, where that leaves any and nothing else is done.
fn one_event_less(action: &Json) -> Option<Json> {
    let mut less = action.clone();
    let [new] = &mut less["events"].as_array_mut()?[..] else { return None };
    let (events, days) = (new["events"].as_u64()?, new["days"].as_u64()?);
    new["events"] = (events - 1).into();
    (events > days && new["amount"] == 0).then_some(less)
}

/// The day and the events that a way's sentence tells, in the form of what is done.
fn as_told(text: &str, today: Day) -> (Day, Vec<Json>) {
    let (begin, rest) = match text.strip_prefix("not before ") {
        Some(text) => (day(&text[..10]), text[10..].trim_start_matches(", then ")),
        None => (today, text),
    };
    let between = |text: &str, before: &str, after: &str| -> Option<String> {
        Some(text.split_once(before)?.1.split_once(after)?.0.to_owned())
    };
    let mut events = Vec::new();
    let mut longest = 1;
    for part in rest.split("; ") {
        let Some((count, source)) = part.split_once(" more ") else { continue };
        let source = ["order", "visit"].into_iter().find(|name| source.starts_with(name));
        let Some(source) = source else { continue };
        let streak = between(part, ", on ", " days in a row").or(between(part, ", on the last ", " of these days"));
        let days: i64 = streak.map_or(1, |days| days.parse().unwrap());
        longest = longest.max(days);
        let amount = between(part, ", worth ", " in total").unwrap_or("0".to_owned());
        let amount: Decimal = amount.parse().unwrap();
        let count: i64 = count.parse().unwrap();
        events.push(serde_json::json!([format!("{source}s"), count, amount.normalize().to_string(), days]));
    }
    (Day::new(i64::from(begin.number()) + longest - 1).unwrap(), events)
}

/// What a way tells is what it does, on the same day; and it counts from the values of that day.
fn check_told(model: &Model, facts: &Facts<'_>, way: &Json, missing: &str) -> Result<(), TestCaseError> {
    let (today, action) = (day(TODAY), &way["do"]);
    let (as_of, mut told) = as_told(action["text"]["en"].as_str().unwrap(), today);
    prop_assert_eq!(as_of.to_string(), action["as_of"].as_str().unwrap(), "{}", way);
    let done = action["events"].as_array().into_iter().flatten().map(|new| {
        let amount: Decimal = new["amount"].to_string().parse().unwrap();
        serde_json::json!([new["source"], new["events"], amount.normalize().to_string(), new["days"]])
    });
    let mut done: Vec<Json> = done.collect();
    told.sort_by_key(Json::to_string);
    done.sort_by_key(Json::to_string);
    prop_assert_eq!(told, done, "{}", way);
    let missing: Json = serde_json::from_str(missing).unwrap();
    let steps = way["steps"].as_array().unwrap();
    prop_assert_eq!(missing.as_object().unwrap().len(), steps.len(), "{} but {}", way, missing);
    for step in steps {
        let name = ["metric", "attribute", "score"].into_iter().find_map(|kind| step[kind].as_str()).unwrap();
        prop_assert_eq!(missing[name].to_string(), step["more"].to_string(), "{} but {}", way, missing);
        let Some(metric) = model.definition().metrics.position(name) else { continue };
        let waits = step["text"]["en"].as_str().unwrap().starts_with("not before");
        let mut evaluation = Evaluation::new(model, facts, if waits { today } else { as_of }).unwrap();
        match evaluation.metric(metric) {
            // as JSON reads it
            Value::Number(number) => {
                let number: Json = number.normalize().to_string().parse().unwrap();
                prop_assert_eq!(&number, &step["now"], "{}", way);
            }
            value => prop_assert_eq!(value, value_of(&step["now"]), "{}", way),
        }
    }
    Ok(())
}

fn layers(model: &Model, facts: &Facts<'_>, as_of: Day) -> Vec<String> {
    let mut evaluation = Evaluation::new(model, facts, as_of).unwrap();
    let places = match model.is_overlapping() {
        true => evaluation.layers().into_iter().map(Some).collect(),
        false => vec![evaluation.layer()],
    };
    places.into_iter().map(|place| model.layer_name(place).unwrap().to_owned()).collect()
}

const MODELS: [&str; 6] = [
    r#"{"name": "ladder", "sources": {"orders": {"zh": "订单"}},
        "metrics": {"idle": "recency(orders)", "orders_90": "frequency(orders, 90)",
                    "spent": "monetary(orders, 365)"},
        "layers": [{"name": "gold", "label": {"en": "Gold", "zh": "金"}, "when": "spent >= 1000 and idle <= 30"},
                   {"name": "silver", "when": "spent >= 500 and orders_90 >= 2"},
                   {"name": "bronze", "when": "spent > 100 or orders_90 between 3 and 4"}],
        "default": {"name": "other"}}"#,
    r#"{"name": "scores", "sources": ["orders"],
        "metrics": {"idle": "recency(orders, 365)", "count": "nullif(frequency(orders, 365), 0)",
                    "spent": "case when frequency(orders, 365) > 0 then monetary(orders, 365) end"},
        "scores": {"r": {"of": "idle", "best": "low", "cuts": [200, 60, 20]},
                   "f": {"of": "count", "cuts": [2, 3, 6]}, "m": {"of": "spent", "cuts": [50, 150.5, 400]},
                   "high": {"of": "f", "cuts": [3]}},
        "layers": [{"name": "best", "when": "code(r, f, m) in ('444', '443', '434', '433')"},
                   {"name": "loyal", "when": "r >= 3 and high = 2"},
                   {"name": "rich", "when": "m = 4 and code(r, f) not in ('11', '12')"},
                   {"name": "mid", "when": "r + f + m >= 6"}],
        "default": {"name": "rest"}}"#,
    r#"{"name": "matrix", "sources": ["orders", "visits"],
        "metrics": {"spent": "monetary(orders)", "days": "active_days(visits, 30)", "mean": "average_amount(orders)"},
        "dimensions": {
          "value": {"layers": [{"name": "high", "when": "spent >= 300 and mean >= 50"}, {"name": "mid", "when": "spent >= 100"}],
                    "default": {"name": "low"}},
          "depth": {"layers": [{"name": "deep", "when": "days >= 5"}, {"name": "some", "when": "days >= 1"}]}},
        "layers": [{"name": "super", "when": "value = 'high' and depth = 'deep'"},
                   {"name": "payer", "when": "value <> 'low' and depth is not null"},
                   {"name": "free", "when": "value = 'low' and depth in ('deep', 'some')"}],
        "default": {"name": "ordinary"}}"#,
    r#"{"name": "waiting", "sources": ["orders", "visits"], "ranking": "none",
        "metrics": {"idle": "least(recency(orders), recency(visits))", "since": "tenure(orders)",
                    "points": "least(frequency(visits, 30), 10) * 5 + monetary(orders, 30) / 10"},
        "layers": [{"name": "keen", "when": "points >= 60 and idle <= 7"},
                   {"name": "old_hand", "when": "since >= 60 and frequency(orders, 30) <= 1"},
                   {"name": "lost", "when": "idle > 45"},
                   {"name": "never", "when": "since is null"}],
        "default": {"name": "others"}}"#,
    r#"{"name": "tags", "sources": ["orders", "visits"], "mode": "overlapping",
        "layers": [{"name": "buyer", "when": "frequency(orders) > 0"},
                   {"name": "big", "when": "gross_amount(orders, 90) >= 250 or first_amount(orders) >= 80"},
                   {"name": "quiet", "when": "not recency(visits) <= 10"},
                   {"name": "both", "when": "last_day(orders) >= date '2026-01-20' and not (active_days(visits) < 4)"}]}"#,
    r#"{"name": "upward", "sources": ["orders"], "ranking": "best_last", "attributes": {"member": "boolean", "born": "date"},
        "metrics": {"count": "frequency(orders)", "idle": "recency(orders)"},
        "layers": [{"name": "one", "when": "count = 1"}, {"name": "few", "when": "count in (2, 3, 5)"},
                   {"name": "many", "when": "count > 5 and idle < 60"},
                   {"name": "club", "when": "count > 5 and member and days_since(born) > 9000"}],
        "default": {"name": "none"}}"#,
];

fn events() -> impl Strategy<Value = Vec<(i64, i64)>> {
    let event = (prop_oneof![-20..40i64, 0..400i64], prop_oneof![0..20_000i64, -3_000..0i64]);
    prop::collection::vec(event, 0..8)
}

fn user() -> impl Strategy<Value = [Vec<(i64, i64)>; 2]> {
    [events(), events()]
}

fn check(model: &Model, facts: &Facts<'_>) -> Result<(), TestCaseError> {
    let ways = Ways::of(model);
    let today = day(TODAY);
    let found: Json = serde_json::from_str(&explain(model, &ways, facts, today).unwrap()).unwrap();
    let own = layers(model, facts, today);
    match model.is_overlapping() {
        true => prop_assert_eq!(&found["layers"], &serde_json::json!(own)),
        false => prop_assert_eq!(&found["layer"], &serde_json::json!(own[0])),
    }
    for way in found["ways"].as_array().unwrap() {
        let target = way["layer"].as_str().unwrap().to_owned();
        prop_assert!(!own.contains(&target), "{way}");
        let reached = carried_out(model, facts, &way["do"]);
        prop_assert!(reached.contains(&target), "{way} leads to {reached:?}");
        if let Some(less) = one_event_less(&way["do"]) {
            prop_assert!(!carried_out(model, facts, &less).contains(&target), "{way} asks for too many events");
        }
        let missing = distance(model, &ways, facts, &target, today).unwrap().unwrap();
        prop_assert_ne!(&missing, "{}");
        check_told(model, facts, way, &missing)?;
    }
    for layer in &model.definition().layers {
        let missing = distance(model, &ways, facts, &layer.name, today).unwrap();
        prop_assert_eq!(missing.as_deref() == Some("{}"), own.contains(&layer.name), "{}", layer.name);
    }
    for lang in [Lang::En, Lang::Zh] {
        explain_text(model, &ways, facts, today, lang).unwrap();
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_way_leads_there(users in user(), which in 0..MODELS.len(), member in any::<Option<bool>>(), born in 0..12_000i32) {
        let model: Model = MODELS[which].parse().unwrap();
        let ledgers = [ledger(&users[0]), ledger(&users[1])];
        let mut facts = facts(&model, &ledgers[..model.definition().sources.0.len()]);
        if which == 5 {
            facts.attributes = vec![member.map_or(Value::Null, Value::Boolean), Value::Date(born)];
        }
        check(&model, &facts)?;
    }
}

/// Conditions of any shape over two sources.
fn condition() -> impl Strategy<Value = String> {
    let number = prop::sample::select(vec![
        "recency(orders)",
        "recency(visits, 60)",
        "frequency(orders, 90)",
        "frequency(visits)",
        "monetary(orders, 365)",
        "average_amount(orders)",
        "first_amount(visits, 30)",
        "tenure(orders)",
        "active_days(visits, 30)",
        "days_since(born)",
        "days_until(born)",
        "days_until_anniversary(born)",
        "coalesce(gross_amount(orders), 0)",
        "nullif(frequency(orders, 30), 0)",
        "frequency(orders) * 10 - recency(visits)",
        "monetary(orders) / 3 + frequency(visits)",
        "case when frequency(orders) > 1 then monetary(orders) end",
        "s",
        "last_day(orders) - born",
    ]);
    let op = prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">=", "is distinct from"]);
    let constant = prop_oneof![(0..8i64).prop_map(|n| n.to_string()), Just("45".to_owned()), Just("99.5".to_owned())];
    let atom = prop_oneof![
        6 => (number.clone(), op, constant).prop_map(|(number, op, constant)| format!("{number} {op} {constant}")),
        1 => number.prop_map(|number| format!("{number} is null")),
        1 => Just("recency(orders) < recency(visits)".to_owned()),
        1 => Just("d = 'low'".to_owned()),
        1 => Just("s not in (2, null)".to_owned()),
        1 => Just("code(s) in ('1', '3')".to_owned()),
        1 => Just("(tenure(visits) > 5) is not true".to_owned()),
    ];
    atom.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|terms| format!("({})", terms.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|terms| format!("({})", terms.join(" or "))),
            inner.prop_map(|inner| format!("not ({inner})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_way_of_any_model_leads_there(
        users in user(),
        conditions in prop::collection::vec(condition(), 1..4),
        mode in 0..4usize,
        born in 7_000..12_000i32,
    ) {
        let layers: Vec<String> =
            conditions.iter().enumerate().map(|(place, when)| format!(r#"{{"name": "l{place}", "when": "{when}"}}"#)).collect();
        let (mode, end) = [
            (r#""ranking": "best_first","#, r#", "default": {"name": "else"}"#),
            (r#""ranking": "best_last","#, r#", "default": {"name": "else"}"#),
            (r#""ranking": "none","#, r#", "default": {"name": "else"}"#),
            (r#""mode": "overlapping","#, ""),
        ][mode];
        let definition = format!(
            r#"{{"name": "any", "sources": ["orders", "visits"], "attributes": {{"born": "date"}}, {mode}
                "metrics": {{"spent": "monetary(orders)"}},
                "scores": {{"s": {{"of": "spent", "cuts": [20, 80]}}}},
                "dimensions": {{"d": {{"layers": [{{"name": "high", "when": "s = 3"}}, {{"name": "low", "when": "spent > 0"}}]}}}},
                "layers": [{}]{end}}}"#,
            layers.join(", ")
        );
        let model: Model = definition.parse().unwrap();
        let ledgers = [ledger(&users[0]), ledger(&users[1])];
        let mut facts = facts(&model, &ledgers);
        facts.attributes = vec![Value::Date(born)];
        check(&model, &facts)?;
        for lang in [Lang::En, Lang::Zh] {
            prop_assert!(!describe(&model, lang).is_empty());
        }
    }
}

/// The same ways for models whose metrics and scores are columns.
fn given_facts<'a>(model: &Model, metrics: &[Option<i64>], scores: &[Option<u8>], city: Option<&'a str>) -> Facts<'a> {
    let mut facts = Facts::nothing(model);
    facts.metrics =
        metrics.iter().map(|value| Some(value.map_or(Value::Null, |value| Value::Number(value.into())))).collect();
    facts.scores = scores.iter().map(|score| Some(*score)).collect();
    facts.attributes = vec![city.map_or(Value::Null, Value::Text)];
    facts
}

const GIVEN: &str = r#"{"name": "given", "attributes": {"city": "text"}, "sources": ["orders"],
    "metrics": {"a": "frequency(orders)", "b": "monetary(orders)"},
    "scores": {"r": {"of": "a", "quantile": 5}, "f": {"of": "b", "quantile": 3}},
    "layers": [{"name": "top", "when": "code(r, f) not in ('11', '12', '21', '22', '53') and a > 4"},
               {"name": "south", "when": "city in ('gz', 'sz') and not (b < 10 or r = 5)"},
               {"name": "north", "when": "city <> 'gz' and a is distinct from 3"},
               {"name": "odd", "when": "a not in (1, 2, 5) and f is null"}],
    "default": {"name": "else"}}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn given_values_are_set(
        metrics in prop::array::uniform2(prop::option::of(-3..20i64)),
        r in prop::option::of(1..=5u8),
        f in prop::option::of(1..=3u8),
        city in prop::option::of(prop::sample::select(vec!["gz", "sz", "bj"])),
    ) {
        let model: Model = GIVEN.parse().unwrap();
        check(&model, &given_facts(&model, &metrics, &[r, f], city))?;
    }
}

/// What is missing for a user of a model with one layer.
fn missing(definition: &str, user: &[(i64, i64)], layer: &str) -> Option<String> {
    let model: Model = definition.parse().unwrap();
    let ledgers = [ledger(user)];
    let facts = facts(&model, &ledgers[..model.definition().sources.0.len()]);
    distance(&model, &Ways::of(&model), &facts, layer, day(TODAY)).unwrap()
}

fn one_layer(when: &str) -> String {
    format!(
        r#"{{"name": "one", "sources": ["orders"], "layers": [{{"name": "there", "when": "{when}"}}], "default": {{"name": "not"}}}}"#
    )
}

#[test]
fn what_is_missing_is_counted() {
    let user = [(45, 91_800), (50, 1_000)];
    let cases = [
        ("monetary(orders) >= 1000", r#"{"monetary(orders)": 72}"#),
        ("monetary(orders) > 1000", r#"{"monetary(orders)": 72.01}"#),
        (
            "frequency(orders, 90) > 3 and frequency(orders) >= 3",
            r#"{"frequency(orders, 90)": 2, "frequency(orders)": 1}"#,
        ),
        ("recency(orders) <= 30", r#"{"recency(orders)": -15}"#),
        ("recency(orders) > 60", r#"{"recency(orders)": 16}"#),
        ("tenure(orders) between 60 and 70", r#"{"tenure(orders)": 10}"#),
        ("average_amount(orders) >= 500", r#"{"average_amount(orders)": 36}"#),
        ("frequency(orders, 60) < 2", r#"{"frequency(orders, 60)": -1}"#),
        ("active_days(orders) = 4", r#"{"active_days(orders)": 2}"#),
        ("as_of >= date '2026-03-01'", r#"{"as_of": 29}"#),
        ("2 * frequency(orders) + 1 >= 10", r#"{"2 * frequency(orders) + 1": 5}"#),
        ("frequency(orders) = 2", "{}"),
    ];
    for (when, expected) in cases {
        assert_eq!(missing(&one_layer(when), &user, "there").as_deref(), Some(expected), "{when}");
    }
    for beyond in
        ["tenure(orders) < 10", "frequency(orders) < 2", "credit_amount(orders) > 5", "frequency(orders) = 2.5"]
    {
        assert_eq!(missing(&one_layer(beyond), &user, "there"), None, "{beyond}");
    }
    assert_eq!(
        missing(&one_layer("recency(orders) <= 30"), &[], "there").as_deref(),
        Some(r#"{"recency(orders)": null}"#)
    );
}

#[test]
fn an_unknown_layer_is_refused_with_a_suggestion() {
    use strata_core::error::UserError;
    let model: Model = MODELS[0].parse().unwrap();
    let error = distance(&model, &Ways::of(&model), &Facts::nothing(&model), "golt", day(TODAY)).unwrap_err();
    assert_eq!(error.to_string(), "model \"ladder\" has no layer \"golt\"");
    assert_eq!(error.hint().as_deref(), Some("Did you mean gold?"));
}

#[test]
fn waiting_is_a_way() {
    let model: Model = MODELS[3].parse().unwrap();
    let ledgers = [ledger(&[(45, 1_000)]), ledger(&[(40, 0)])];
    let text = explain_text(&model, &Ways::of(&model), &facts(&model, &ledgers), day(TODAY), Lang::En).unwrap();
    assert!(text.contains("To reach old_hand: not before 2026-02-15"), "{text}");
    assert!(text.contains("To reach lost: not before 2026-02-06"), "{text}");
}

/// Money must fall out of the window, and the visits fall out with it.
#[test]
fn what_falls_out_while_waiting_is_counted() {
    let model: Model = r#"{"name": "w", "sources": ["orders", "visits"],
        "metrics": {"paid": "monetary(orders, 180)", "visits_180": "frequency(visits, 180)"},
        "layers": [{"name": "thrifty", "when": "paid <= 40 and visits_180 >= 8"}], "default": {"name": "other"}}"#
        .parse()
        .unwrap();
    let visits: Vec<(i64, i64)> = (0..7).map(|_| (170, 0)).chain([(3, 0)]).collect();
    let ledgers = [ledger(&[(160, 9_000)]), ledger(&visits)];
    let (facts, ways) = (facts(&model, &ledgers), Ways::of(&model));
    let text = explain_text(&model, &ways, &facts, day(TODAY), Lang::En).unwrap();
    assert!(text.contains("To reach thrifty: not before 2026-02-20, then 7 more visits"), "{text}");
    let text = explain_text(&model, &ways, &facts, day(TODAY), Lang::Zh).unwrap();
    assert!(text.contains("最早2026-02-20，届时再来7次visits"), "{text}");
    let missing = distance(&model, &ways, &facts, "thrifty", day(TODAY)).unwrap();
    assert_eq!(missing.as_deref(), Some(r#"{"paid": -50, "visits_180": 7}"#));
    check(&model, &facts).unwrap();
}

/// The texts of the ways of a user into the layers of a model, each of which is checked.
fn ways_of(definition: &str, user: &[Vec<(i64, i64)>; 2]) -> Vec<String> {
    let model: Model = definition.parse().unwrap();
    let ledgers = [ledger(&user[0]), ledger(&user[1])];
    let facts = facts(&model, &ledgers);
    check(&model, &facts).unwrap();
    let found = explain(&model, &Ways::of(&model), &facts, day(TODAY)).unwrap();
    let found: Json = serde_json::from_str(&found).unwrap();
    let ways = found["ways"].as_array().unwrap().iter();
    ways.map(|way| way["do"]["text"]["en"].as_str().unwrap().to_owned()).collect()
}

/// A model of one layer above the rest, with metrics.
fn two_sources(metrics: &[(&str, &str)], when: &str) -> String {
    let metrics: Vec<String> = metrics.iter().map(|(name, value)| format!(r#""{name}": "{value}""#)).collect();
    let metrics = metrics.join(", ");
    format!(
        r#"{{"name": "sum", "sources": ["orders", "visits"], "metrics": {{{metrics}}},
            "layers": [{{"name": "gold", "when": "{when}"}}], "default": {{"name": "other"}}}}"#
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn a_sum_has_a_way_whether_its_parts_have_names_or_not(user in user()) {
        let a = "least(frequency(orders, 365), 10) * 5";
        let c = "floor(monetary(orders, 365) / 50)";
        let d = "least(active_days(visits, 365), 20)";
        let named = two_sources(&[("a", a), ("c", c), ("points", &format!("a + c + {d}"))], "points >= 60");
        let inline = two_sources(&[], &format!("{a} + {c} + {d} >= 60"));
        let (named, inline) = (ways_of(&named, &user), ways_of(&inline, &user));
        prop_assert_eq!(named.len(), inline.len(), "{:?}, {:?}", named, inline);
    }
}

#[test]
fn what_does_not_suffice_alone_is_done_together() {
    for (when, text) in [
        (
            "floor(monetary(orders, 365) / 50) + least(active_days(visits, 365), 20) >= 60",
            "1 more order, worth 3000.00 in total",
        ),
        (
            "5 * least(frequency(orders, 365), 4) + 3 * least(frequency(visits, 365), 5) >= 30",
            "4 more orders; 4 more visits",
        ),
        (
            "least(frequency(orders), 10) * 5 + least(active_days(visits), 20) >= 60",
            "10 more visits, on 10 days in a row; 10 more orders, on the last of these days",
        ),
    ] {
        assert_eq!(ways_of(&two_sources(&[], when), &[vec![], vec![]]), [text], "{when}");
    }
}

#[test]
fn users_outside_the_population_have_no_layer_and_no_way() {
    let model: Model =
        r#"{"name": "p", "sources": ["orders"], "attributes": {"is_test": "boolean"}, "population": "not is_test",
        "layers": [{"name": "buyer", "when": "frequency(orders) > 0"}], "default": {"name": "none"}}"#
            .parse()
            .unwrap();
    let mut facts = Facts::nothing(&model);
    facts.attributes = vec![Value::Boolean(true)];
    let ways = Ways::of(&model);
    let found: Json = serde_json::from_str(&explain(&model, &ways, &facts, day(TODAY)).unwrap()).unwrap();
    assert_eq!(
        (&found["in_population"], &found["layer"], &found["ways"]),
        (&false.into(), &Json::Null, &serde_json::json!([]))
    );
    assert_eq!(distance(&model, &ways, &facts, "buyer", day(TODAY)).unwrap(), None);
    facts.attributes = vec![Value::Boolean(false)];
    assert_eq!(
        distance(&model, &ways, &facts, "buyer", day(TODAY)).unwrap().as_deref(),
        Some(r#"{"frequency(orders)": 1}"#)
    );
}
