//! Calibration: one pass in any order and any parts gives one model, and evaluating it gives the users it speaks of.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use strata_core::day::Day;
use strata_core::error::{ErrorKind, UserError};
use strata_core::ledger::{Ledger, LedgerRef};
use strata_core::model::{
    CalibratedScore, CalibrationState, CalibrationStateRef, Evaluation, Facts, Model, ModelError, Value,
};
use strata_core::score::{Best, Bins, Cuts, CutsConfig, Decimal, Distribution, Push, Ties};

const MODEL: &str = r#"{
  "name": "calibrated", "sources": ["orders", "visits"], "attributes": {"is_test": "boolean", "points": "number"},
  "population": "not is_test",
  "metrics": {"idle": "recency(orders)", "spent": "monetary(orders, 365)", "average": "average_amount(orders)",
     "unused": "frequency(visits)", "collected": "points"},
  "scores": {
     "r": {"of": "idle", "best": "low", "quantile": 5},
     "m": {"of": "spent", "top_share": [0.1, 0.7], "ties": "mid"},
     "a": {"of": "average", "mean": true},
     "p": {"of": "collected", "natural_breaks": 3},
     "seen": {"of": "unused", "cuts": [1]},
     "level": {"of": "spent", "cuts": [10, 20, 100]},
     "r_of_level": {"of": "level", "quantile": 3, "ties": "max"},
     "low_of_m": {"of": "m", "best": "low", "natural_breaks": 2},
     "mean_of_r": {"of": "r", "mean": true}
  },
  "layers": [{"name": "top", "when": "r = 5 and m = 3"}], "default": {"name": "other"}
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
    is_test: Option<bool>,
    points: Option<Decimal>,
}

impl User {
    fn facts(&self, model: &Model) -> Facts<'_> {
        Facts {
            ledgers: vec![self.orders.borrow(), LedgerRef::EMPTY],
            attributes: vec![
                self.is_test.map_or(Value::Null, Value::Boolean),
                self.points.map_or(Value::Null, Value::Number),
            ],
            ..Facts::nothing(model)
        }
    }
}

/// Orders of days around `as_of`, some of them after it.
fn users() -> impl Strategy<Value = Vec<User>> {
    let orders = prop::collection::btree_map(-400_i64..5, (1_u32..3, 0_u32..40), 0..4).prop_map(|days| {
        let day = |offset: i64| Day::new(i64::from(as_of().number()) + offset).unwrap();
        let days =
            days.into_iter().map(|(offset, (events, amount))| format!("\"{}\": [{events}, {amount}]", day(offset)));
        format!("{{{}}}", days.collect::<Vec<_>>().join(", ")).parse().unwrap()
    });
    let points = prop::option::of((-30_i64..30, 0_u32..3).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale)));
    let is_test = prop_oneof![1 => Just(None), 1 => Just(Some(true)), 8 => Just(Some(false))];
    let user = (orders, is_test, points).prop_map(|(orders, is_test, points)| User { orders, is_test, points });
    vec(user, 0..60)
}

/// The owner of a state, as a database server would be.
struct Owner(Vec<u8>);

impl Owner {
    fn new(model: &Model) -> Self {
        let mut bytes = vec![0xA5; CalibrationState::initial_len(model)];
        CalibrationState::create(&mut bytes, model, as_of()).unwrap();
        Self(bytes)
    }

    fn of<'u>(model: &Model, users: impl IntoIterator<Item = &'u User>) -> Self {
        let mut owner = Self::new(model);
        for user in users {
            let facts = user.facts(model);
            let mut evaluation = Evaluation::new(model, &facts, as_of()).unwrap();
            owner.add(|state| state.push(&mut evaluation)).unwrap();
        }
        owner
    }

    fn add(
        &mut self,
        mut step: impl FnMut(&mut CalibrationState<'_>) -> Result<Push, ModelError>,
    ) -> Result<(), ModelError> {
        let mut state = CalibrationState::open(&mut self.0)?;
        while let Push::Full(len) = step(&mut state)? {
            let mut larger = vec![0xA5; len];
            state.grow_into(&mut larger)?;
            assert!(len > self.0.len(), "a grown state is larger");
            self.0 = larger;
            state = CalibrationState::open(&mut self.0)?;
        }
        Ok(())
    }

    fn merge(&mut self, other: &Owner) -> Result<(), ModelError> {
        self.add(|state| state.merge(CalibrationStateRef::open(&other.0)?))
    }

    fn finish(&self) -> Result<Model, ModelError> {
        CalibrationStateRef::open(&self.0)?.finish()
    }
}

fn calibrated(users: &[User]) -> Model {
    Owner::of(&model(), users).finish().unwrap()
}

fn score<'m>(model: &'m Model, name: &str) -> &'m CalibratedScore {
    model.definition().calibration.as_ref().unwrap().scores.get(name).unwrap()
}

fn cuts(model: &Model, name: &str) -> Vec<Option<Decimal>> {
    score(model, name).cuts.iter().map(|cut| cut.map(|number| number.0)).collect()
}

/// What the population has: the value of a metric, or a score, of every user who has one.
fn values<T>(model: &Model, users: &[User], read: impl Fn(&mut Evaluation<'_>) -> Option<T>) -> Vec<T> {
    let mut found = Vec::new();
    for user in users {
        let facts = user.facts(model);
        let mut evaluation = Evaluation::new(model, &facts, as_of()).unwrap();
        if evaluation.in_population() {
            found.extend(read(&mut evaluation));
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn order_and_partial_states_do_not_matter(
        (users, shuffled) in users().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        parts in 1_usize..6, picks in vec(any::<Index>(), 1..6),
    ) {
        let mut states: Vec<Owner> =
            (0..parts).map(|part| Owner::of(&model(), shuffled.iter().skip(part).step_by(parts))).collect();
        for pick in picks.iter().cycle() {
            if states.len() == 1 {
                break;
            }
            let other = states.swap_remove(pick.index(states.len()));
            let target = pick.index(states.len());
            states[target].merge(&other).unwrap();
        }
        prop_assert_eq!(states[0].finish().unwrap(), calibrated(&users));
    }

    #[test]
    fn the_users_reached_are_those_whom_evaluation_gives_the_score(users in users()) {
        let calibrated = calibrated(&users);
        prop_assert_eq!(calibrated.uncalibrated().count(), 0);
        let population = values(&calibrated, &users, |_| Some(())).len() as u64;
        prop_assert_eq!(calibrated.definition().calibration.as_ref().unwrap().users, population);
        for (place, name) in calibrated.definition().scores.names().enumerate() {
            let Some(found) = calibrated.definition().calibration.as_ref().unwrap().scores.get(name) else {
                prop_assert!(name == "seen" || name == "level");
                continue;
            };
            let scores = values(&calibrated, &users, |evaluation| evaluation.score(place));
            let reached: Vec<u64> = (1..=found.reached.len())
                .map(|wanted| scores.iter().filter(|score| usize::from(**score) == wanted).count() as u64)
                .collect();
            prop_assert_eq!(&found.reached, &reached, "{}", name);
            prop_assert_eq!(found.users, scores.len() as u64);
        }
    }

    /// Scores of scores are cut as the scores that evaluation gives.
    #[test]
    fn the_cuts_are_those_of_the_values_of_the_population(users in users()) {
        let model = calibrated(&users);
        let metric = |place| {
            let values = values(&model, &users, |evaluation| evaluation.metric(place).number());
            Distribution::from_counts(values.into_iter().map(|value| (value, 1))).unwrap()
        };
        let score = |place| {
            let values = values(&model, &users, |evaluation| evaluation.score(place));
            Distribution::from_counts(values.into_iter().map(|value| (value.into(), 1))).unwrap()
        };
        let config = CutsConfig { bins: Bins::FIVE, ties: Ties::Min, best: Best::Low };
        if let Some(expected) = Cuts::from_counts(config, metric(0).runs().iter().copied()).unwrap() {
            prop_assert_eq!(cuts(&model, "r"), expected.cuts().collect::<Vec<_>>());
        }
        let shares = [Decimal::new(1, 1), Decimal::new(7, 1)];
        prop_assert_eq!(cuts(&model, "m"), metric(1).top_share(&shares, Ties::Mid, Best::High).unwrap());
        prop_assert_eq!(cuts(&model, "a"), metric(2).mean(Best::High).unwrap());
        prop_assert_eq!(cuts(&model, "p"), metric(4).natural_breaks(3, Best::High).unwrap());
        let thirds = CutsConfig { bins: Bins::new(3).unwrap(), ties: Ties::Max, best: Best::High };
        prop_assert_eq!(cuts(&model, "r_of_level"), score(5).quantile(thirds).unwrap());
        prop_assert_eq!(cuts(&model, "low_of_m"), score(1).natural_breaks(2, Best::Low).unwrap());
        prop_assert_eq!(cuts(&model, "mean_of_r"), score(0).mean(Best::High).unwrap());
    }

    #[test]
    fn a_calibrated_model_prints_parses_and_is_calibrated_anew(users in users(), others in users()) {
        let first = calibrated(&users);
        prop_assert_eq!(&first.to_string().parse::<Model>().unwrap(), &first);
        prop_assert_eq!(Owner::of(&first, &others).finish().unwrap(), calibrated(&others));
    }

    /// A window aggregate asks for the result after every row.
    #[test]
    fn finishing_leaves_the_state_as_it_is(users in users()) {
        let owner = Owner::of(&model(), &users);
        let before = owner.0.clone();
        let finished = owner.finish().unwrap();
        prop_assert_eq!(&owner.0, &before);
        prop_assert_eq!(owner.finish().unwrap(), finished);
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic(
        noise in vec(any::<u8>(), 0..300), users in users(), flips in vec((any::<Index>(), any::<u8>()), 1..8),
    ) {
        prop_assert!(CalibrationStateRef::open(&noise).is_err());
        prop_assert!(CalibrationState::open(&mut noise.clone()).is_err());
        let (mut damaged, good) = (Owner::of(&model(), &users), Owner::of(&model(), &users));
        for (place, byte) in flips {
            let place = place.index(damaged.0.len());
            damaged.0[place] = byte;
        }
        let _ = damaged.finish();
        let _ = Owner::of(&model(), &users).merge(&damaged);
        if damaged.merge(&good).is_ok() {
            let _ = damaged.finish();
        }
        if let Some(user) = users.first() {
            let model = model();
            let facts = user.facts(&model);
            let mut evaluation = Evaluation::new(&model, &facts, as_of()).unwrap();
            let _ = damaged.add(|state| state.push(&mut evaluation));
        }
    }

    #[test]
    fn a_truncated_state_is_refused(users in users(), end in any::<Index>()) {
        let owner = Owner::of(&model(), &users);
        let used = 32 + model().to_string().len() + 16;
        let end = end.index(used);
        let error = CalibrationStateRef::open(&owner.0[..end]).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::MalformedBinary);
    }
}

fn user(orders: &str) -> User {
    User { orders: orders.parse().unwrap(), is_test: Some(false), points: None }
}

#[test]
fn a_calibration_says_when_on_which_days_and_on_how_many() {
    let mut tester = user(r#"{"2001-01-01": [1, 5]}"#);
    tester.is_test = Some(true);
    let users = [
        user(r#"{"2020-02-03": [0, 0, 5], "2024-05-01": [1, 50], "2024-07-01": [1, 10]}"#),
        user(r#"{"2024-06-01": [2, 30]}"#),
        user("{}"),
        tester,
    ];
    let json = calibrated(&users).to_string();
    let (_, calibration) = json.split_once(r#""calibration":"#).unwrap();
    assert!(
        calibration.starts_with(
            r#"{"as_of":"2024-06-30","days":["2020-02-03","2024-06-01"],"users":3,"scores":{"r":{"users":2,"cuts":[29,29,null,null],"reached":[1,0,1,0,0]}"#
        ),
        "{calibration}"
    );
}

#[test]
fn over_nobody_every_cut_is_null_and_any_value_scores_1() {
    let model = calibrated(&[]);
    let calibration = model.definition().calibration.as_ref().unwrap();
    assert_eq!((calibration.users, &calibration.days), (0, &None));
    for (_, score) in calibration.scores.iter() {
        assert_eq!(score.users, 0);
        assert!(score.cuts.iter().all(Option::is_none) && score.reached.iter().all(|users| *users == 0));
    }
    let user = user(r#"{"2024-06-01": [2, 30]}"#);
    let facts = user.facts(&model);
    let mut evaluation = Evaluation::new(&model, &facts, as_of()).unwrap();
    assert_eq!((evaluation.score(0), evaluation.score(3)), (Some(1), None));
}

/// A metric that is given is taken as it stands; a score that is given is not looked at.
#[test]
fn calibration_takes_given_metrics_and_no_given_scores() {
    let model = model();
    let mut owner = Owner::new(&model);
    for value in 1..=5 {
        let mut facts = Facts::nothing(&model);
        facts.attributes[0] = Value::Boolean(false);
        facts.metrics[0] = Some(Value::Number(value.into()));
        facts.scores[0] = Some(Some(1));
        let mut evaluation = Evaluation::new(&model, &facts, as_of()).unwrap();
        owner.add(|state| state.push(&mut evaluation)).unwrap();
    }
    let calibrated = owner.finish().unwrap();
    assert_eq!(cuts(&calibrated, "r"), [4, 3, 2, 1].map(|cut| Some(Decimal::from(cut))));
    assert_eq!(score(&calibrated, "r").reached, [1; 5]);
}

#[test]
fn few_distinct_values_stay_small() {
    let model = model();
    let mut owner = Owner::new(&model);
    let users: Vec<User> = (0..10).map(|day| user(&format!(r#"{{"2024-06-{:02}": [1, 5]}}"#, day + 1))).collect();
    let facts: Vec<Facts<'_>> = users.iter().map(|user| user.facts(&model)).collect();
    for row in 0..10_000 {
        let mut evaluation = Evaluation::new(&model, &facts[row % 10], as_of()).unwrap();
        owner.add(|state| state.push(&mut evaluation)).unwrap();
    }
    assert_eq!(owner.0.len(), CalibrationState::initial_len(&model));
    assert_eq!(score(&owner.finish().unwrap(), "r").reached, [2_000; 5]);
}

#[test]
fn states_of_different_models_or_days_do_not_merge() {
    let other: Model = MODEL.replacen("\"calibrated\"", "\"other\"", 1).parse().unwrap();
    let error = Owner::new(&model()).merge(&Owner::new(&other)).unwrap_err();
    assert_eq!(error.to_string(), "the model must stay the same within one aggregate");
    let mut later = vec![0; CalibrationState::initial_len(&model())];
    CalibrationState::create(&mut later, &model(), Day::MAX).unwrap();
    let error = Owner::new(&model()).merge(&Owner(later)).unwrap_err();
    assert_eq!(error.to_string(), "as_of must stay the same within one aggregate: 2024-06-30, then 5874897-12-31");
    let owner = Owner::new(&model());
    let state = CalibrationStateRef::open(&owner.0).unwrap();
    assert!(state.is_of(&model().to_string(), as_of()));
    assert!(!state.is_of(&other.to_string(), as_of()) && !state.is_of(&model().to_string(), Day::MIN));
}
