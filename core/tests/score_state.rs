//! The aggregate state: whatever the order, the split into partial states and the growth, the cuts are the same.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use strata_core::error::{ErrorKind, UserError};
use strata_core::score::{
    Best, Bins, Cuts, CutsConfig, CutsState, CutsStateRef, Decimal, Entry, Observation, Push, RfmConfig, RfmCuts,
    RfmCutsState, RfmCutsStateRef, RfmRow, StateMut, StateRef, Ties,
};

/// The owner of a state, as a database server would be.
fn new_state<E: Entry>(config: E::Config) -> Vec<u8> {
    let mut bytes = vec![0xA5; StateMut::<E>::initial_len()];
    StateMut::<E>::create(&mut bytes, config).unwrap();
    bytes
}

fn add<E: Entry>(bytes: &mut Vec<u8>, mut step: impl FnMut(&mut StateMut<E>) -> Push) {
    let mut state = StateMut::<E>::open(bytes).unwrap();
    while let Push::Full(len) = step(&mut state) {
        assert!(len > state_len(&state), "a grown state is larger");
        let mut larger = vec![0xA5; len];
        state.grow_into(&mut larger).unwrap();
        *bytes = larger;
        state = StateMut::open(bytes).unwrap();
    }
}

fn state_len<E: Entry>(state: &StateMut<E>) -> usize {
    16 + state.as_ref().len()
}

fn state_of<E: Entry>(config: E::Config, entries: &[E]) -> Vec<u8> {
    let mut bytes = new_state::<E>(config);
    for entry in entries {
        add::<E>(&mut bytes, |state| state.push(*entry).unwrap());
    }
    bytes
}

/// Splits the entries into partial states and merges these in the order that `picks` gives.
fn merged<E: Entry>(config: E::Config, entries: &[E], parts: usize, picks: &[Index]) -> Vec<u8> {
    let mut states: Vec<Vec<u8>> = (0..parts)
        .map(|part| entries.iter().copied().skip(part).step_by(parts).collect::<Vec<E>>())
        .map(|part| state_of(config, &part))
        .collect();
    for pick in picks.iter().cycle() {
        let Some(other) = (states.len() > 1).then(|| states.swap_remove(pick.index(states.len()))) else {
            break;
        };
        let target = pick.index(states.len());
        add::<E>(&mut states[target], |state| state.merge(StateRef::open(&other).unwrap()).unwrap());
    }
    states.pop().unwrap()
}

fn value() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (-5_i64..5, 0_u32..3).prop_map(|(whole, scale)| Decimal::new(whole * 10_i64.pow(scale), scale)),
        (any::<i64>(), 0_u32..7).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale)),
    ]
}

fn observations() -> impl Strategy<Value = Vec<Observation>> {
    vec(value().prop_map(|value| Observation { value, count: 1 }), 0..300)
}

fn rows() -> impl Strategy<Value = Vec<RfmRow>> {
    let row = (0..100_i32, 0..9_i64, value());
    vec(row.prop_map(|(recency, frequency, monetary)| RfmRow { recency, frequency, monetary }), 0..150)
}

fn low() -> CutsConfig {
    CutsConfig { bins: Bins::new(7).unwrap(), ties: Ties::Mid, best: Best::Low }
}

proptest! {
    #[test]
    fn cuts_do_not_depend_on_order_or_partial_states(
        (entries, shuffled) in observations().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        parts in 1_usize..6, picks in vec(any::<Index>(), 1..6),
    ) {
        let expected = Cuts::from_values(low(), entries.iter().map(|entry| entry.value)).unwrap();
        let one = state_of(low(), &entries);
        prop_assert_eq!(CutsStateRef::open(&one).unwrap().finish().unwrap(), expected.clone());
        let many = merged(low(), &shuffled, parts, &picks);
        prop_assert_eq!(CutsStateRef::open(&many).unwrap().finish().unwrap(), expected);
    }

    #[test]
    fn rfm_cuts_do_not_depend_on_order_or_partial_states(
        (entries, shuffled) in rows().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        parts in 1_usize..6, picks in vec(any::<Index>(), 1..6),
    ) {
        let config = RfmConfig { bins: Bins::new(4).unwrap(), ties: Ties::Max };
        let expected = RfmCuts::from_rows(config, entries.iter().copied()).unwrap();
        let one = state_of(config, &entries);
        prop_assert_eq!(RfmCutsStateRef::open(&one).unwrap().finish().unwrap(), expected.clone());
        let many = merged(config, &shuffled, parts, &picks);
        prop_assert_eq!(RfmCutsStateRef::open(&many).unwrap().finish().unwrap(), expected);
    }

    /// A window aggregate asks for the result after every row.
    #[test]
    fn finishing_leaves_the_state_as_it_is(entries in observations()) {
        let mut bytes = new_state::<Observation>(low());
        for (count, entry) in entries.iter().enumerate().take(50) {
            add::<Observation>(&mut bytes, |state| state.push_value(entry.value).unwrap());
            let before = bytes.clone();
            let so_far = CutsStateRef::open(&bytes).unwrap().finish().unwrap();
            prop_assert_eq!(&before, &bytes);
            let expected = Cuts::from_values(low(), entries[..=count].iter().map(|entry| entry.value)).unwrap();
            prop_assert_eq!(so_far, expected);
        }
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic(mut bytes in vec(any::<u8>(), 0..300), entry in value()) {
        prop_assert!(CutsStateRef::open(&bytes).is_err());
        prop_assert!(RfmCutsStateRef::open(&bytes).is_err());
        prop_assert!(CutsState::open(&mut bytes).is_err());
        // Behind a good header as well: full of malformed entries, as long as it goes.
        if bytes.len() >= 16 {
            for kind in [1, 2] {
                let width = if kind == 1 { 24 } else { 28 };
                let used = ((bytes.len() - 16) / width) as u64;
                bytes[..8].copy_from_slice(&[1, kind, 5, 0, 0, 0, 0, 0]);
                bytes[8..16].copy_from_slice(&used.to_le_bytes());
                let (cuts, rfm) = (CutsStateRef::open(&bytes), RfmCutsStateRef::open(&bytes));
                prop_assert!(cuts.is_ok() == (kind == 1) && rfm.is_ok() == (kind == 2));
                if let Ok(state) = cuts { let _ = state.finish(); }
                if let Ok(state) = rfm { let _ = state.finish(); }
                let (copy, mut other) = (bytes.clone(), bytes.clone());
                if let Ok(mut state) = CutsState::open(&mut other) {
                    let _ = state.push_value(entry);
                    let _ = state.merge(CutsStateRef::open(&copy).unwrap());
                }
                if let Ok(mut state) = RfmCutsState::open(&mut other) {
                    let _ = state.push(RfmRow { recency: 1, frequency: 1, monetary: entry });
                    let _ = state.merge(RfmCutsStateRef::open(&copy).unwrap());
                }
            }
        }
    }

    #[test]
    fn a_truncated_state_is_refused(entries in observations()) {
        let bytes = state_of(low(), &entries);
        let used = 16 + 24 * CutsStateRef::open(&bytes).unwrap().len();
        for end in 0..used {
            prop_assert_eq!(CutsStateRef::open(&bytes[..end]).unwrap_err().kind(), ErrorKind::MalformedBinary);
        }
        // Spare room is no content.
        let expected = CutsStateRef::open(&bytes).unwrap().finish().unwrap();
        prop_assert_eq!(CutsStateRef::open(&bytes[..used]).unwrap().finish().unwrap(), expected);
    }
}

#[test]
fn a_state_of_few_distinct_values_stays_small() {
    let mut bytes = new_state::<Observation>(CutsConfig::default());
    for row in 0..100_000 {
        add::<Observation>(&mut bytes, |state| state.push_value(Decimal::from(row % 10)).unwrap());
    }
    assert_eq!(bytes.len(), CutsState::initial_len());
    let cuts = CutsStateRef::open(&bytes).unwrap().finish().unwrap().unwrap();
    assert_eq!((cuts.users(), cuts.sum().to_string().as_str()), (100_000, "450000"));
}

#[test]
fn a_state_of_distinct_values_doubles() {
    let mut bytes = new_state::<RfmRow>(RfmConfig::default());
    let mut lengths = vec![bytes.len()];
    for user in 0..5_000 {
        let row = RfmRow { recency: user, frequency: 1, monetary: Decimal::ONE };
        add::<RfmRow>(&mut bytes, |state| state.push(row).unwrap());
        if lengths.last() != Some(&bytes.len()) {
            lengths.push(bytes.len());
        }
    }
    assert_eq!(lengths, [32, 64, 128, 256, 512, 1024, 2048, 4096, 8192].map(|entries| 16 + 28 * entries));
}

#[test]
fn an_empty_state_has_no_cuts_and_merges_as_nothing() {
    let mut empty = new_state::<Observation>(low());
    assert_eq!(CutsStateRef::open(&empty).unwrap().finish().unwrap(), None);
    let full = state_of(low(), &[Observation { value: Decimal::ONE, count: 3 }]);
    add::<Observation>(&mut empty, |state| state.merge(CutsStateRef::open(&full).unwrap()).unwrap());
    assert_eq!(CutsStateRef::open(&empty).unwrap().finish().unwrap().unwrap().users(), 3);
}

#[test]
fn states_of_different_parameters_do_not_merge() {
    let (mut five, seven) = (new_state::<Observation>(CutsConfig::default()), new_state::<Observation>(low()));
    let error = CutsState::open(&mut five).unwrap().merge(CutsStateRef::open(&seven).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "bins, ties and best must stay the same within one aggregate");
    assert_eq!(error.kind(), ErrorKind::InvalidParameter);
    assert!(CutsStateRef::open(&five).unwrap().require(CutsConfig::default()).is_ok());
    assert_eq!(CutsStateRef::open(&five).unwrap().require(low()).unwrap_err(), error);
}

#[test]
fn a_grown_copy_needs_room_for_what_is_used() {
    let bytes = &mut state_of(low(), &[Observation { value: Decimal::ONE, count: 1 }; 20]);
    let state = CutsState::open(bytes).unwrap();
    assert!(state.grow_into(&mut [0; 100]).is_err());
    assert!(CutsState::create(&mut [0; 15], low()).is_err());
    assert_eq!(
        CutsState::create(&mut [0; 16], low()).unwrap().push_value(Decimal::ONE).unwrap(),
        Push::Full(16 + 24 * 32)
    );
}
