//! Lookalikes: one centroid whatever the order and the parts, and distances that their parts explain.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use strata_core::day::Day;
use strata_core::error::UserError;
use strata_core::ledger::Ledger;
use strata_core::model::{Centroid, CentroidState, CentroidStateRef, Evaluation, Facts, Model, Value};
use strata_core::predict::Model as _;
use strata_core::score::Decimal;

const MODEL: &str = r#"{
  "name": "shop", "sources": ["orders"], "attributes": {"points": "number", "is_test": "boolean", "city": "text"},
  "population": "is_test is not true",
  "metrics": {"spent": "monetary(orders)", "often": "frequency(orders, 365)", "idle": "recency(orders)", "points_now": "points",
     "always": "7", "where": "city"},
  "layers": [{"name": "customers"}, {"name": "best", "when": "spent >= 40", "parent": "customers"},
             {"name": "others", "when": "spent > 0", "parent": "customers"}],
  "default": {"name": "none"}
}"#;

fn model() -> Model {
    MODEL.parse().unwrap()
}

fn as_of() -> Day {
    "2024-06-30".parse().unwrap()
}

#[derive(Debug, Clone)]
struct User {
    orders: Ledger,
    points: Option<i64>,
    is_test: bool,
}

impl User {
    fn ask<T>(&self, model: &Model, read: impl FnOnce(&mut Evaluation<'_>) -> T) -> T {
        let points = self.points.map_or(Value::Null, |points| Value::Number(points.into()));
        let attributes = vec![points, Value::Boolean(self.is_test), Value::Text("Paris")];
        let facts = Facts { ledgers: vec![self.orders.borrow()], attributes, ..Facts::nothing(model) };
        read(&mut Evaluation::new(model, &facts, as_of()).unwrap())
    }
}

fn user() -> impl Strategy<Value = User> {
    let days = prop::collection::btree_map(-500_i64..5, (1_u32..3, 0_u32..4_000), 0..5);
    let orders = days.prop_map(|days| {
        let day = |offset: i64| Day::new(i64::from(as_of().number()) + offset).unwrap();
        let days = days.into_iter().map(|(offset, (events, cents))| {
            format!("\"{}\": [{events}, {}]", day(offset), Decimal::new(cents.into(), 2))
        });
        format!("{{{}}}", days.collect::<Vec<_>>().join(", ")).parse().unwrap()
    });
    let points = prop::option::weighted(0.8, -30_i64..1_000_000);
    (orders, points, prop::bool::weighted(0.1)).prop_map(|(orders, points, is_test)| User { orders, points, is_test })
}

fn state<'u>(model: &Model, layer: &str, users: impl IntoIterator<Item = &'u User>) -> Vec<u8> {
    let mut bytes = vec![0xA5; CentroidState::len(model, layer)];
    let mut state = CentroidState::create(&mut bytes, model, layer, as_of()).unwrap();
    for user in users {
        user.ask(model, |evaluation| state.push(evaluation)).unwrap();
    }
    bytes
}

fn finish(bytes: &[u8]) -> Centroid {
    CentroidStateRef::open(bytes).unwrap().finish().unwrap()
}

fn values(model: &Model, name: &str, users: &[User], inside: impl Fn(Option<usize>) -> bool) -> Vec<f64> {
    let place = model.definition().metrics.position(name).unwrap();
    let value = |user: &User| {
        user.ask(model, |evaluation| {
            let counts = evaluation.in_population() && inside(evaluation.layer());
            evaluation.metric(place).number().filter(|_| counts)
        })
    };
    users.iter().filter_map(value).map(|value| value.try_into().unwrap()).collect()
}

fn is_near(found: Option<f64>, expected: f64) -> bool {
    found.is_some_and(|found| (found - expected).abs() <= 1e-9 * (1.0 + expected.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn order_and_parts_do_not_matter(
        (users, shuffled) in vec(user(), 0..40).prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        parts in 1_usize..5, picks in vec(any::<Index>(), 1..5), layer in prop::sample::select(vec!["best", "customers", "none"]),
    ) {
        let model = model();
        let whole = finish(&state(&model, layer, &users));
        let part = |part: usize| shuffled.iter().enumerate().filter(move |(place, _)| place % parts == part).map(|(_, user)| user);
        let mut states: Vec<Vec<u8>> = (0..parts).map(|number| state(&model, layer, part(number))).collect();
        while states.len() > 1 {
            let other = states.pop().unwrap();
            let into = picks[states.len() % picks.len()].index(states.len());
            CentroidState::open(&mut states[into])?.merge(CentroidStateRef::open(&other)?)?;
        }
        let text = whole.to_text().unwrap();
        prop_assert_eq!(&finish(&states[0]).to_text().unwrap(), &text);
        prop_assert_eq!(Centroid::from_text(&text).unwrap(), whole);
    }

    #[test]
    fn a_centroid_is_made_of_means(users in vec(user(), 1..40)) {
        let model = model();
        let centroid = finish(&state(&model, "best", &users));
        prop_assert_eq!(centroid.users as usize, users.iter().filter(|user| !user.is_test).count());
        // texts have no mean
        prop_assert_eq!(centroid.metrics.names().collect::<Vec<_>>(), vec!["spent", "often", "idle", "points_now", "always"]);
        for (name, center) in centroid.metrics.iter() {
            let all = values(&model, name, &users, |_| true);
            let inside = values(&model, name, &users, |layer| layer == Some(1));
            prop_assert_eq!((center.users as usize, center.in_layer as usize), (all.len(), inside.len()));
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            prop_assert!(all.is_empty() && center.mean.is_none() || is_near(center.mean, mean(&all)));
            prop_assert!(inside.is_empty() && center.center.is_none() || is_near(center.center, mean(&inside)));
            let variance = all.iter().map(|value| (value - mean(&all)).powi(2)).sum::<f64>() / all.len() as f64;
            prop_assert!(all.is_empty() || is_near(center.deviation.map(|deviation| deviation * deviation), variance), "{name}");
        }
    }

    /// The squares of the parts are the distance's, their shares come to 1, and the nearer one is the more alike.
    #[test]
    fn parts_explain_the_distance(users in vec(user(), 2..30), asked in user()) {
        let model = model();
        let centroid = finish(&state(&model, "best", &users));
        let Some(found) = asked.ask(&model, |evaluation| centroid.compare(evaluation))? else {
            let nothing = centroid.metrics.iter().all(|(_, center)| center.center.is_none() || center.deviation.is_none_or(|deviation| deviation == 0.0));
            prop_assert!(asked.is_test || nothing || asked.orders == Ledger::empty());
            return Ok(());
        };
        let parts: Vec<_> = found.parts.iter().filter_map(|(_, part)| *part).collect();
        let squares: f64 = parts.iter().map(|part| part.deviations * part.deviations).sum();
        prop_assert!(is_near(Some(found.distance * found.distance), squares / parts.len() as f64));
        let shares: f64 = parts.iter().map(|part| part.share).sum();
        prop_assert!(found.distance == 0.0 || (shares - 1.0).abs() < 1e-9);
        prop_assert!((0.0..=1.0).contains(&found.similarity()));
        prop_assert_eq!(found.similarity() == 1.0, found.distance < 1e-7);
        prop_assert!(found.parts.iter().any(|(name, part)| name == "always" && part.is_none()), "all are alike there");
        if asked.points.is_none() {
            prop_assert!(found.parts_json().contains("\"points_now\":null"));
        }
    }
}

#[test]
fn mistakes_are_named() {
    let model = model();
    let mut bytes = vec![0; CentroidState::len(&model, "bets")];
    let error = CentroidState::create(&mut bytes, &model, "bets", as_of()).unwrap_err();
    assert_eq!(error.to_string(), "model \"shop\" has no layer \"bets\"");
    assert_eq!(error.hint().as_deref(), Some("Did you mean best?"));
    for damaged in [vec![], vec![1; 40], bytes] {
        assert!(CentroidStateRef::open(&damaged).is_err());
    }
    let other: Model = MODEL.replace("\"often\"", "\"frequent\"").parse().unwrap();
    let (mut one, two) = (state(&model, "best", []), state(&other, "best", []));
    let merged = CentroidState::open(&mut one).unwrap().merge(CentroidStateRef::open(&two).unwrap());
    assert_eq!(merged.unwrap_err().to_string(), "model, layer and as_of must stay the same within one aggregate");
    let user = User { orders: Ledger::empty(), points: Some(3), is_test: false };
    let centroid = finish(&state(&model, "none", [&user]));
    let error = user.ask(&other, |evaluation| centroid.compare(evaluation)).unwrap_err();
    assert_eq!(error.to_string(), "model \"shop\" has no metric \"often\" of numbers");
    let negative = centroid.to_text().unwrap().replace("\"deviation\":0.0", "\"deviation\":-1");
    assert!(Centroid::from_text(&negative).unwrap_err().to_string().contains("numbers that no users have"));
}
