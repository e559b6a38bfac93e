//! A replay, against evaluating every user on every day of the grid.

mod histories;

use std::collections::BTreeMap;

use histories::{TODAY, User, any_parts, any_user, day, ledger, model, number, plain_number};
use proptest::prelude::*;
use strata_core::day::Day;
use strata_core::model::{CalibrationState, Evaluation, Facts, Grid, Model, Replay, ReplayRef, Replayed, preset};

/// A state of these users, each with the day from which on it is there.
fn replayed(model: &Model, users: &[(User, i32)], grid: Grid) -> Vec<u8> {
    let mut state = vec![0xaa; Replay::len_of(model, grid).unwrap()];
    Replay::create(&mut state, model, grid).unwrap();
    for (user, since) in users {
        let facts = user.facts(model);
        let mut evaluation = Evaluation::new(model, &facts, day(TODAY)).unwrap();
        Replay::open(&mut state).unwrap().push(&mut evaluation, *since).unwrap();
    }
    state
}

fn rows(state: &[u8]) -> Vec<Replayed> {
    let mut rows = Vec::new();
    ReplayRef::open(state).unwrap().finish(|row| rows.push(row)).unwrap();
    rows
}

/// The layers of a user on a day, by their places; the default is `None`.
fn layers_on(model: &Model, (user, since): &(User, i32), number: i32) -> Vec<Option<usize>> {
    let facts = user.facts(model);
    let answer = Evaluation::new(model, &facts, day(number)).unwrap().answer();
    match (answer.in_population && *since <= number, model.is_overlapping()) {
        (false, _) => Vec::new(),
        (true, true) => answer.layers.into_iter().map(Some).collect(),
        (true, false) => vec![answer.layer],
    }
}

/// What a replay says, by looking at every user on every day.
fn looked_through(model: &Model, users: &[(User, i32)], from: i32, to: i32, step: i32) -> Vec<Replayed> {
    let definition = model.definition();
    let named = definition.layers.iter().enumerate().filter(|(_, layer)| layer.when.is_some());
    let layers: Vec<Option<usize>> =
        named.map(|(place, _)| Some(place)).chain(definition.default.iter().map(|_| None)).collect();
    let mut rows = Vec::new();
    for number in (from..=to).step_by(step as usize) {
        let now: Vec<_> = users.iter().map(|user| layers_on(model, user, number)).collect();
        let before: Vec<_> = match number == from {
            true => now.clone(),
            false => users.iter().map(|user| layers_on(model, user, number - step)).collect(),
        };
        for &layer in &layers {
            let count = |holds: &dyn Fn(bool, bool) -> bool| {
                let users = before.iter().zip(&now);
                users.filter(|(before, now)| holds(before.contains(&layer), now.contains(&layer))).count() as u64
            };
            rows.push(Replayed {
                day: day(number),
                layer,
                users: count(&|_, now| now),
                entered: count(&|before, now| now && !before),
                left: count(&|before, now| before && !now),
            });
        }
    }
    rows
}

fn any_users() -> impl Strategy<Value = Vec<(User, i32)>> {
    let since = prop_oneof![2 => Just(i32::MIN), 1 => Just(i32::MAX), 4 => TODAY - 250..TODAY + 60];
    prop::collection::vec((any_user(), since), 0..4)
}

fn grid(from: i32, to: i32, step: i32) -> Grid {
    Grid::new(day(from), day(to), step).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the model is.
    #[test]
    fn a_replay_counts_what_every_day_shows(
        parts in prop_oneof![any_parts(number), any_parts(plain_number)], users in any_users(), from in TODAY - 210..TODAY + 60, days in -1..200i32,
        step in prop_oneof![Just(1), 2..9i32, 30..40i32], split in any::<prop::sample::Index>(),
    ) {
        let model = model(&parts);
        let grid = grid(from, from + days, step);
        let state = replayed(&model, &users, grid);
        prop_assert_eq!(rows(&state), looked_through(&model, &users, from, from + days, step));
        // split anywhere and merged it is the same state
        let (some, others) = users.split_at(split.index(users.len() + 1));
        let (mut merged, others) = (replayed(&model, some, grid), replayed(&model, others, grid));
        Replay::open(&mut merged).unwrap().merge(ReplayRef::open(&others).unwrap()).unwrap();
        prop_assert_eq!(merged, state);
    }

    #[test]
    fn damaged_states_are_refused(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let model = preset("rfm_eight").unwrap();
        let mut state = vec![0; Replay::len_of(model, grid(TODAY, TODAY + 3, 1)).unwrap()];
        Replay::create(&mut state, model, grid(TODAY, TODAY + 3, 1)).unwrap();
        prop_assert!(ReplayRef::open(&state[..cut.index(state.len())]).is_err());
        // never a panic; a changed state may still be one
        let place = place.index(state.len());
        state[place] = byte;
        if let Ok(state) = ReplayRef::open(&state) {
            let _ = state.finish(|_| ());
        }
    }
}

#[test]
fn a_state_keeps_to_its_model_and_its_days() {
    let model = preset("rfm_eight").unwrap();
    let make = |grid: Grid| {
        let mut state = vec![0; Replay::len_of(model, grid).unwrap()];
        Replay::create(&mut state, model, grid).unwrap();
        state
    };
    let (mut one, other) = (make(grid(TODAY, TODAY + 3, 1)), make(grid(TODAY, TODAY + 3, 2)));
    let error = Replay::open(&mut one).unwrap().merge(ReplayRef::open(&other).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "model, from_day, to_day and step must stay the same within one aggregate");
    assert!(ReplayRef::open(&one).unwrap().is_of(&model.to_string(), grid(TODAY, TODAY + 3, 1)).is_ok());
    assert!(ReplayRef::open(&one).unwrap().is_of("{}", grid(TODAY, TODAY + 3, 1)).is_err());
    let error = Replay::len_of(model, Grid::new(Day::MIN, Day::MAX, 1).unwrap()).unwrap_err();
    assert!(error.to_string().contains("times 9 layers are more than the 1048576 counts"), "{error}");
    assert_eq!(Grid::new(Day::MIN, Day::MAX, 0).unwrap_err().to_string(), "step must be at least 1 day, not 0");
    assert!(rows(&make(grid(TODAY, TODAY - 1, 1))).is_empty());
}

/// The first score passes 10 days, then 20; only the second is a change to the score of that score, and to the layer.
#[test]
fn scores_of_scores_are_followed() {
    let model: Model = r#"{"name": "steps", "sources": ["orders"], "metrics": {"idle": "recency(orders)"},
        "scores": {"low": {"of": "idle", "cuts": [10, 20]}, "high": {"of": "low", "cuts": [3]}},
        "layers": [{"name": "late", "when": "high = 2"}], "default": {"name": "early"}}"#
        .parse()
        .unwrap();
    let orders = ledger(&BTreeMap::from([(TODAY, (1, 10, 0))]));
    let mut facts = Facts::nothing(&model);
    facts.ledgers = vec![orders.borrow()];
    let grid = grid(TODAY, TODAY + 40, 1);
    let mut state = vec![0; Replay::len_of(&model, grid).unwrap()];
    let mut evaluation = Evaluation::new(&model, &facts, day(TODAY)).unwrap();
    Replay::create(&mut state, &model, grid).unwrap().push(&mut evaluation, i32::MIN).unwrap();
    let late: Vec<i32> =
        rows(&state).iter().filter(|row| row.layer == Some(0) && row.users == 1).map(|row| row.day.number()).collect();
    assert_eq!(late, (TODAY + 20..=TODAY + 40).collect::<Vec<_>>());
}

#[test]
fn a_grid_has_its_days() {
    let grid = grid(100, 110, 4);
    assert_eq!(
        (0..4).map(|place| grid.day(place).map(Day::number)).collect::<Vec<_>>(),
        [Some(100), Some(104), Some(108), None]
    );
    let places = BTreeMap::from([
        (i32::MIN, Some(0)),
        (100, Some(0)),
        (101, Some(1)),
        (104, Some(1)),
        (108, Some(2)),
        (109, None),
        (i32::MAX, None),
    ]);
    for (number, place) in places {
        assert_eq!(grid.place_from(number), place, "{number}");
    }
    let longest = Day::MAX.number() - Day::MIN.number();
    let widest = Grid::new(Day::MIN, Day::MAX, longest).unwrap();
    assert_eq!((widest.len(), widest.day(1), widest.place_from(i32::MIN + 1)), (2, Some(Day::MAX), Some(0)));
}

/// A year, day by day, costs a few evaluations a user: the factor that the reference states. Measures, does not judge; run
/// with `cargo test --release --test model_replay -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn the_price_of_a_year() {
    let model = preset("rfm_eleven").unwrap();
    let users: Vec<User> = (0..20_000_u32)
        .map(|user| {
            let mut random = user.wrapping_mul(2_654_435_761) | 1;
            let mut next = move || {
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                random
            };
            let orders: BTreeMap<i32, (u32, u32, u32)> =
                (0..10).map(|_| (TODAY - 730 + (next() % 730) as i32, (1, next() % 200, 0))).collect();
            let dates = [None; 3];
            User { orders: ledger(&orders), visits: ledger(&BTreeMap::new()), dates, points: None, vip: None }
        })
        .collect();
    let mut state = vec![0; 16 << 20];
    CalibrationState::create(&mut state, model, day(TODAY)).unwrap();
    let each = |model: &Model, number: i32, run: &mut dyn FnMut(&mut Evaluation<'_>)| {
        let started = std::time::Instant::now();
        for user in &users {
            let mut facts = Facts::nothing(model);
            facts.ledgers = vec![user.orders.borrow()];
            run(&mut Evaluation::new(model, &facts, day(number)).unwrap());
        }
        started.elapsed()
    };
    each(model, TODAY, &mut |evaluation| {
        let _ = CalibrationState::open(&mut state).unwrap().push(evaluation).unwrap();
    });
    let model = CalibrationState::open(&mut state).unwrap().as_ref().finish().unwrap();
    let evaluated = each(&model, TODAY, &mut |evaluation| {
        let _ = (evaluation.answer(), evaluation.next_change().unwrap());
    });
    let year = grid(TODAY - 364, TODAY, 1);
    let mut state = vec![0; Replay::len_of(&model, year).unwrap()];
    Replay::create(&mut state, &model, year).unwrap();
    let replayed = each(&model, TODAY - 364, &mut |evaluation| {
        Replay::open(&mut state).unwrap().push(evaluation, i32::MIN).unwrap();
    });
    let changes: u64 = rows(&state).iter().map(|row| row.entered).sum();
    println!(
        "{} users: evaluate {evaluated:?}, a year {replayed:?}: {:.1} times, {:.1} changes a user",
        users.len(),
        replayed.as_secs_f64() / evaluated.as_secs_f64(),
        changes as f64 / users.len() as f64
    );
}
