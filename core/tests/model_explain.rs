//! Explanations: every way that is printed leads where it says, and the words are those of people.

use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use strata_core::day::Day;
use strata_core::ledger::{Ledger, OpenLedger, Push};
use strata_core::label::Lang;
use strata_core::model::{Evaluation, Facts, Model, Value, Ways, distance, explain, explain_text};
use strata_core::money::Money;

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
        let mut rows: Vec<(Day, Money)> = (0..days).map(|back| (Day::new(i64::from(as_of.number()) - back).unwrap(), zero)).collect();
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
        let missing = distance(model, &ways, facts, &target, today).unwrap();
        let empty = "{}";
        prop_assert!(missing.is_some_and(|missing| missing != empty));
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

#[test]
fn show() {
    let users: [&[(i64, i64)]; 3] = [&[(45, 91_800)], &[], &[(3, 1_000), (50, 20_000), (80, 30_000), (200, 10_000)]];
    for text in MODELS {
        let model: Model = text.parse().unwrap();
        let ways = Ways::of(&model);
        for user in users {
            let ledgers = [ledger(user), ledger(&user[..user.len().min(2)])];
            let facts = facts(&model, &ledgers[..model.definition().sources.0.len()]);
            println!("{}", explain(&model, &ways, &facts, day(TODAY)).unwrap());
            println!("{}", explain_text(&model, &ways, &facts, day(TODAY), Lang::En).unwrap());
            println!("{}", explain_text(&model, &ways, &facts, day(TODAY), Lang::Zh).unwrap());
        }
    }
}
