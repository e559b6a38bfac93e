//! Predictions in models: what they say, how calibration fits and cuts them, and what each reader of a model makes of them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use strata_core::day::Day;
use strata_core::error::{ErrorKind, UserError};
use strata_core::label::Lang;
use strata_core::ledger::Ledger;
use strata_core::model::{
    Asked, CalibrationState, CalibrationStateRef, Evaluation, Facts, Model, ModelError, Severity, Value, Ways, describe,
};
use strata_core::predict::{BgNbd, Counted, PurchaseModel, PurchaseSummary, SourceFit, Unit};
use strata_core::score::{Decimal, Push};

const MODEL: &str = r#"{
  "name": "value", "sources": ["orders"], "attributes": {"is_test": "boolean"}, "population": "is_test is not true",
  "metrics": {"alive": "p_alive(orders)", "soon": "purchase_probability(orders, 90)",
     "expected": "expected_purchases(orders, 90)", "worth": "lifetime_value(orders, 365)",
     "net": "coalesce(worth, 0) * 0.3 - 10", "weighed": "alive * recency(orders)"},
  "scores": {"w": {"of": "worth", "quantile": 5}, "n": {"of": "net", "top_share": [0.2, 0.5]},
     "a": {"of": "alive", "mean": true}, "of_w": {"of": "w", "natural_breaks": 2}, "x": {"of": "weighed", "quantile": 3}},
  "layers": [{"name": "best", "when": "w = 5 and alive > 0.5"}, {"name": "going", "when": "soon < 0.2"}],
  "default": {"name": "other"}
}"#;

fn model() -> Model {
    MODEL.parse().unwrap()
}

fn as_of() -> Day {
    "2024-06-30".parse().unwrap()
}

fn user() -> impl Strategy<Value = Ledger> {
    let days = prop::collection::btree_map(-400_i64..5, (1_u32..3, 0_u32..40, 0_u32..9), 0..6);
    days.prop_map(|days| {
        let day = |offset: i64| Day::new(i64::from(as_of().number()) + offset).unwrap();
        let days = days
            .into_iter()
            .map(|(offset, (events, amount, credit))| format!("\"{}\": [{events}, {amount}, {credit}]", day(offset)));
        format!("{{{}}}", days.collect::<Vec<_>>().join(", ")).parse().unwrap()
    })
}

fn evaluate<T>(model: &Model, ledger: &Ledger, read: impl FnOnce(&mut Evaluation<'_>) -> T) -> T {
    let facts = Facts { ledgers: vec![ledger.borrow()], ..Facts::nothing(model) };
    read(&mut Evaluation::new(model, &facts, as_of()).unwrap())
}

fn add(
    bytes: &mut Vec<u8>,
    mut step: impl FnMut(&mut CalibrationState<'_>) -> Result<Push, ModelError>,
) -> Result<(), ModelError> {
    let mut state = CalibrationState::open(bytes)?;
    while let Push::Full(len) = step(&mut state)? {
        let mut larger = vec![0xA5; len];
        state.grow_into(&mut larger)?;
        *bytes = larger;
        state = CalibrationState::open(bytes)?;
    }
    Ok(())
}

fn state<'u>(model: &Model, users: impl IntoIterator<Item = &'u Ledger>) -> Vec<u8> {
    let mut bytes = vec![0xA5; CalibrationState::initial_len(model)];
    CalibrationState::create(&mut bytes, model, as_of()).unwrap();
    for user in users {
        let facts = Facts { ledgers: vec![user.borrow()], ..Facts::nothing(model) };
        let mut evaluation = Evaluation::new(model, &facts, as_of()).unwrap();
        add(&mut bytes, |state| state.push(&mut evaluation)).unwrap();
    }
    bytes
}

fn finish(bytes: &[u8]) -> Result<Model, ModelError> {
    CalibrationStateRef::open(bytes)?.finish()
}

fn fit(model: &Model) -> &SourceFit {
    model.definition().calibration.as_ref().unwrap().fits.get("orders").unwrap()
}

fn metric(model: &Model, name: &str) -> usize {
    model.definition().metrics.position(name).unwrap()
}

fn rounded(value: Option<f64>) -> Value<'static> {
    value.map_or(Value::Null, |value| Value::Number(format!("{value:.6}").parse::<Decimal>().unwrap().normalize()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever the order and the parts, one fit and one set of cuts; the fit is that of the users' summaries.
    #[test]
    fn order_and_parts_do_not_matter(
        (users, shuffled) in vec(user(), 0..40).prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        parts in 1_usize..4, picks in vec(any::<Index>(), 1..4),
    ) {
        let model = model();
        let whole = finish(&state(&model, &users))?;
        let mut states: Vec<Vec<u8>> = (0..parts)
            .map(|part| state(&model, shuffled.iter().enumerate().filter(|(place, _)| place % parts == part).map(|(_, user)| user)))
            .collect();
        while states.len() > 1 {
            let other = states.pop().unwrap();
            let into = picks[states.len() % picks.len()].index(states.len());
            add(&mut states[into], |state| state.merge(CalibrationStateRef::open(&other)?))?;
        }
        prop_assert_eq!(finish(&states[0])?.to_string(), whole.to_string());
        let summaries: Vec<PurchaseSummary> =
            users.iter().filter_map(|user| PurchaseSummary::of(user.borrow(), as_of()).unwrap()).collect();
        let purchases: Vec<_> =
            summaries.iter().map(|user| Counted { value: user.purchases().unwrap(), count: 1 }).collect();
        let alone = BgNbd::fit(&purchases, Unit::Day).unwrap();
        prop_assert_eq!(fit(&whole).bgnbd.is_some(), alone.is_some());
        if let (Some(fitted), Some(alone)) = (&fit(&whole).bgnbd, alone) {
            let (here, there) = (fitted.fit.as_ref().unwrap(), alone.fit.as_ref().unwrap());
            prop_assert_eq!(here.users, there.users);
            prop_assert!((here.log_likelihood - there.log_likelihood).abs() <= 1e-6 * (1.0 + there.log_likelihood.abs()));
        }
        // what is stored reads back as the same model
        prop_assert_eq!(whole.to_string().parse::<Model>().unwrap(), whole);
    }

    /// After one pass everything but the mixed metric is cut, after the second that as well; evaluating every user finds
    /// the users of each score that calibration speaks of.
    #[test]
    fn one_pass_cuts_predictions_and_two_cut_mixtures(users in vec(user(), 1..40)) {
        let once = finish(&state(&model(), &users))?;
        prop_assert_eq!(once.uncalibrated().collect::<Vec<_>>(), vec!["x"]);
        prop_assert_eq!(once.unfitted().count(), 0);
        let two = |name: &str| once.takes_two_passes(once.definition().scores.position(name).unwrap());
        prop_assert_eq!([two("x"), two("w"), two("of_w")], [true, false, false]);
        let twice = finish(&state(&once, &users))?;
        prop_assert!(!twice.needs_calibration());
        prop_assert_eq!(fit(&twice), fit(&once));
        // stale fits are of no use for a mixture: with another user it waits for a pass more
        let other: Ledger = r#"{"2024-01-01": [1, 5], "2024-01-09": [1, 7], "2024-06-01": [1, 7]}"#.parse().unwrap();
        let moved = finish(&state(&twice, users.iter().chain([&other])))?;
        prop_assert_eq!(moved.needs_calibration(), fit(&moved) != fit(&twice));
        let calibration = twice.definition().calibration.as_ref().unwrap();
        for (name, score) in calibration.scores.iter() {
            let place = twice.definition().scores.position(name).unwrap();
            let mut reached = vec![0; score.reached.len()];
            for user in &users {
                if let Some(found) = evaluate(&twice, user, |evaluation| evaluation.score(place)) {
                    reached[usize::from(found) - 1] += 1;
                }
            }
            prop_assert_eq!(&reached, &score.reached, "{}", name);
        }
    }

    /// Metrics say what the readers of the fitted models say, to six decimals.
    #[test]
    fn metrics_are_the_readers(users in vec(user(), 1..30), asked in user()) {
        let model = finish(&state(&model(), &users))?;
        let fit = fit(&model);
        let summary = PurchaseSummary::of(asked.borrow(), as_of()).unwrap();
        let expected = [
            ("alive", summary.and_then(|user| fit.p_alive(&user))),
            ("soon", summary.and_then(|user| fit.purchase_probability(90.0, &user))),
            ("expected", summary.and_then(|user| fit.expected_purchases(90.0, &user))),
            ("worth", summary.and_then(|user| fit.lifetime_value(365.0, &user))),
        ];
        for (name, expected) in expected {
            let found = evaluate(&model, &asked, |evaluation| match evaluation.metric(metric(&model, name)) {
                Value::Number(number) => Some(number),
                _ => None,
            });
            prop_assert_eq!(found.map_or(Value::Null, Value::Number), rounded(expected), "{}", name);
        }
    }

    /// The clock relies on it: while nothing is bought, nothing rises.
    #[test]
    fn predictions_fall(
        r in -4.0..4.0_f64, alpha in -2.0..7.0_f64, a in -6.0..4.0_f64, b in -4.0..5.0_f64,
        x in 0_i64..300, rest in 0_i64..500, days in prop::sample::select(vec![1.0, 30.0, 90.0, 365.0, 3650.0]),
        silence in 0_i64..2_000,
    ) {
        let [r, alpha, a, b] = [r, alpha, a, b].map(f64::exp);
        let bgnbd = BgNbd { r, alpha, a, b, unit: Unit::Day, fit: None };
        let t_x = if x == 0 { 0 } else { x + rest };
        let mut before = [f64::INFINITY; 3];
        for t in t_x + silence..t_x + silence + 60 {
            let summary = PurchaseSummary { x, t_x, t, repeat_amount: Decimal::ONE };
            let user = summary.purchases().unwrap();
            let found = [
                bgnbd.p_alive(&user), bgnbd.purchase_probability(days, &user), bgnbd.expected_purchases(days, &user),
            ];
            for (found, before) in found.iter().zip(before) {
                prop_assert!(*found <= before * (1.0 + 1e-9), "{found} after {before}");
                let (found, before) = ((found * 1e6).round(), (before * 1e6).round());
                prop_assert!(found <= before, "{found} after {before} at t = {t}");
            }
            before = found;
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Examples

fn buyers() -> Vec<Ledger> {
    let texts = [
        r#"{"2023-07-01": [1, 20], "2023-08-11": [1, 30], "2024-06-01": [1, 25]}"#,
        r#"{"2023-09-01": [1, 50], "2023-09-20": [1, 60]}"#,
        r#"{"2024-03-01": [1, 10], "2024-03-21": [1, 12], "2024-04-30": [2, 9], "2024-06-20": [1, 14]}"#,
        r#"{"2024-05-01": [1, 10]}"#,
        r#"{"2023-12-01": [1, 80]}"#,
        r#"{"2023-10-05": [1, 40], "2024-01-10": [1, 35], "2024-02-15": [1, 45]}"#,
        "{}",
    ];
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn nobody_is_a_calibration_too() {
    let model = finish(&state(&model(), [])).unwrap();
    assert_eq!(model.unfitted().count(), 0);
    assert_eq!(fit(&model).bgnbd, None);
    let found = evaluate(&model, &buyers()[0], |evaluation| evaluation.metric(0) == Value::Null);
    assert!(found, "nothing is expected by nobody's example");
}

#[test]
fn without_fits_a_model_is_not_ready() {
    let model = model();
    assert_eq!(model.unfitted().collect::<Vec<_>>(), ["orders"]);
    let none = |count: usize| vec![false; count];
    let (metrics, scores) = (model.definition().metrics.len(), model.definition().scores.len());
    let needs = model.needs(Asked::Layers, &none(metrics), &none(scores));
    assert_eq!((needs.unfitted.is_empty(), needs.day), (false, true));
    assert_eq!(needs.sources, [true]);
    // given metrics need no fit
    let needs = model.needs(Asked::Layers, &vec![true; metrics], &vec![true; scores]);
    assert_eq!((needs.unfitted.is_empty(), needs.sources[0]), (true, false));
    // calibration makes them
    let needs = model.needs(Asked::Calibration, &none(metrics), &none(scores));
    assert_eq!((needs.unfitted.is_empty(), needs.sources[0]), (true, true));
    let findings: Vec<String> = model.check().into_iter().map(|finding| finding.finding).collect();
    let said = "nothing was fitted to source \"orders\" yet: calibrate the model";
    assert!(findings.iter().any(|finding| finding == said), "{findings:?}");
}

#[test]
fn amounts_that_were_not_fitted_are_missing() {
    let fitted = finish(&state(&model(), &buyers())).unwrap().to_string();
    let start = fitted.find(r#","gamma_gamma":"#).unwrap();
    let end = start + fitted[start..].find("}},\"scores\"").unwrap() - 1;
    let without: Model = format!("{}{}", &fitted[..start], &fitted[end + 1..]).parse().unwrap_or_else(|error| {
        panic!("{error}: {}{}", &fitted[..start], &fitted[end + 1..]);
    });
    assert_eq!(without.unfitted().count(), 1);
}

#[test]
fn mistakes_are_named() {
    let error = |value: &str| {
        let json = format!(
            r#"{{"name": "m", "sources": ["orders"], "parameters": {{"horizon_days": 30}}, "metrics": {{"a": "{value}"}},
                "layers": [{{"name": "x", "when": "a > 0"}}], "default": {{"name": "y"}}}}"#
        );
        let error = json.parse::<Model>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        format!("{error}. {}", error.hint().unwrap_or_default())
    };
    assert_eq!(
        error("p_alive(orders, 30)"),
        "metrics.a: p_alive takes a source at character 1. For example p_alive(orders)."
    );
    assert_eq!(
        error("lifetime_value(orders)"),
        "metrics.a: lifetime_value takes a source and a number of days to come at character 1. For example lifetime_value(orders, 90)."
    );
    assert_eq!(
        error("expected_purchases(orders, 0.5)"),
        "metrics.a: a horizon has from 1 to 36500 whole days; 0.5 is 0.5 at character 28. For example expected_purchases(orders, 90), or expected_purchases(orders, horizon_days) with a parameter."
    );
    assert!(error("p_alive(order)").contains("Did you mean orders?"));
    let population = MODEL.replace("is_test is not true", "p_alive(orders) > 0.5");
    assert!(population.parse::<Model>().unwrap_err().to_string().starts_with("population: "));
    let broken = r#""default": {"name": "other"}, "calibration": {"as_of": "2024-06-30", "users": 1, "scores": {},
        "fits": {"orders": {"bgnbd": {"r": -1, "alpha": 1, "a": 1, "b": 1}}}}"#;
    let broken = MODEL.replace(r#""default": {"name": "other"}"#, broken);
    assert_eq!(
        broken.parse::<Model>().unwrap_err().to_string(),
        "calibration.fits.orders: r must be at least 0, not -1"
    );
}

#[test]
fn predictions_are_bounded_for_the_prover() {
    let check = |conditions: [&str; 2]| {
        let json = format!(
            r#"{{"name": "m", "sources": ["orders"], "metrics": {{"alive": "p_alive(orders)", "worth": "lifetime_value(orders, 30)"}},
                "layers": [{{"name": "first", "when": "{}"}}, {{"name": "second", "when": "{}"}}], "default": {{"name": "y"}}}}"#,
            conditions[0], conditions[1]
        );
        let findings = json.parse::<Model>().unwrap().check();
        let warnings = findings.into_iter().filter(|finding| finding.severity == Severity::Warning);
        warnings.map(|finding| format!("{}: {}", finding.path, finding.finding)).collect::<Vec<_>>()
    };
    assert_eq!(check(["alive > 0.5 and worth > 10", "alive <= 0.5 and recency(orders) < 30"]), Vec::<String>::new());
    assert!(check(["alive > 1", "worth >= 0"])[0].starts_with("layers[0]"));
    assert!(check(["alive >= 0 and frequency(orders) = 0", "worth >= 0"])[0].starts_with("layers[0]"));
}

#[test]
fn words_say_what_is_expected() {
    let text = describe(&model(), Lang::En);
    for said in [
        "probability of still being active (orders)",
        "probability of an order in the next 90 days",
        "expected days with orders in the next 90 days",
        "expected amount of orders in the next 365 days",
    ] {
        assert!(text.contains(said), "{said} in {text}");
    }
    assert!(describe(&model(), Lang::Zh).contains("未来365天orders的预计金额"));
}

#[test]
fn a_way_back_is_found_by_buying() {
    let json = r#"{"name": "m", "sources": ["orders"], "metrics": {"alive": "p_alive(orders)"},
        "layers": [{"name": "there", "when": "alive >= 0.8"}, {"name": "gone", "when": "alive < 0.8"}], "default": {"name": "never"},
        "calibration": {"as_of": "2024-06-30", "users": 0, "scores": {},
            "fits": {"orders": {"bgnbd": {"r": 0.6, "alpha": 20, "a": 0.8, "b": 2.4}}}}}"#;
    let model: Model = json.parse().unwrap();
    let orders = &buyers()[1];
    let facts = Facts { ledgers: vec![orders.borrow()], ..Facts::nothing(&model) };
    let told = strata_core::model::explain_text(&model, &Ways::of(&model), &facts, as_of(), Lang::En).unwrap();
    assert!(told.contains("1 more order"), "{told}");
}
