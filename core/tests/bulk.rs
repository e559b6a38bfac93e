//! The bulk builder's laws: whatever the budget, the parts and the order, it gives the ledgers that the aggregate gives,
//! and their metrics are what the ledgers read.

use std::collections::BTreeMap;

use proptest::prelude::*;
use strata_core::bulk::{Bulk, Fold, Group, Key, Spill, settings_in};
use strata_core::day::Day;
use strata_core::ledger::{Ledger, LedgerError, OpenLedger, Push, SMALLEST_OPEN, Window};
use strata_core::money::Money;

/// A spill in memory that counts what was written.
#[derive(Default)]
struct Spilled(Vec<u8>);

impl Spill for Spilled {
    fn write(&mut self, bytes: &[u8]) -> u64 {
        self.0.extend_from_slice(bytes);
        (self.0.len() - bytes.len()) as u64
    }

    fn read(&mut self, position: u64, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0[position as usize..][..bytes.len()]);
    }
}

type Row = (u8, Day, Money);

fn aggregate(rows: &[Row]) -> BTreeMap<u8, Ledger> {
    let mut states: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for &(user, day, amount) in rows {
        let state = states.entry(user).or_insert_with(|| {
            let mut bytes = vec![0; SMALLEST_OPEN];
            OpenLedger::create(&mut bytes);
            bytes
        });
        while let Push::Grow(size) = OpenLedger::resume(state).unwrap().push_row(day, amount).unwrap() {
            let mut larger = vec![0; size];
            OpenLedger::resume(state).unwrap().move_to(&mut larger);
            *state = larger;
        }
    }
    states.into_iter().map(|(user, state)| (user, Ledger::from_open(&state, &mut Vec::new()).unwrap())).collect()
}

/// Users as integers or as texts of different lengths.
fn with_key<T>(user: u8, integers: bool, use_key: impl FnOnce(Key<'_>) -> T) -> T {
    match integers {
        true => use_key(Key::Integer(user as i64 - 100)),
        false => use_key(Key::Bytes("x".repeat(user as usize).as_bytes())),
    }
}

fn user_of(key: Key<'_>) -> u8 {
    match key {
        Key::Integer(number) => (number + 100) as u8,
        Key::Bytes(bytes) => bytes.len() as u8,
    }
}

fn bulk_of(rows: &[Row], integers: bool, budget: usize) -> Bulk<Spilled> {
    folding(Fold::Ledgers, rows, integers, budget)
}

fn folding(fold: Fold, rows: &[Row], integers: bool, budget: usize) -> Bulk<Spilled> {
    let mut bulk = Bulk::new(integers, fold, budget, Spilled::default());
    for &(user, day, amount) in rows {
        with_key(user, integers, |key| bulk.push(key, day, amount)).unwrap();
    }
    bulk
}

fn visited<T>(bulk: Bulk<Spilled>, read: impl Fn(&Group<'_>) -> Result<T, LedgerError>) -> BTreeMap<u8, T> {
    let mut found = BTreeMap::new();
    bulk.visit(|group| {
        let twice = found.insert(user_of(group.key()), read(group)?);
        assert!(twice.is_none(), "a user came twice");
        Ok(())
    })
    .unwrap();
    found
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let money = (-20_000i128..100_000, 0u32..=6).prop_map(|(mantissa, scale)| Money::new(mantissa, scale).unwrap());
    let day = (-400..400i64).prop_map(|day| Day::new(day).unwrap());
    prop::collection::vec((any::<u8>(), day, money), 0..600)
}

proptest! {
    #[test]
    fn any_budget_gives_the_aggregates_ledgers(rows in rows(), integers in any::<bool>(), budget in 0usize..200_000) {
        let ledgers = visited(bulk_of(&rows, integers, budget), |group| group.ledger(&mut Vec::new()));
        prop_assert_eq!(ledgers, aggregate(&rows));
    }

    #[test]
    fn parts_join_to_the_whole(parts in prop::collection::vec(rows(), 1..4), integers in any::<bool>(), budget in 0usize..50_000) {
        let mut joined = bulk_of(&[], integers, budget);
        for part in &parts {
            let bytes = bulk_of(part, integers, budget).to_bytes(usize::MAX).unwrap().0;
            prop_assert_eq!(settings_in(&bytes), Ok((integers, Fold::Ledgers)));
            joined.add_bytes(&bytes).unwrap();
        }
        let ledgers = visited(joined, |group| group.ledger(&mut Vec::new()));
        prop_assert_eq!(ledgers, aggregate(&parts.concat()));
    }

    #[test]
    fn metrics_are_what_the_ledgers_read(
        rows in rows(),
        as_of in -400..400i64,
        days in prop::option::of(1..500i32),
        budget in prop_oneof![Just(0usize), Just(1 << 20)],
        folded in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let as_of = Day::new(as_of).unwrap();
        let window = Window::new(as_of, days).unwrap();
        let everything = Window::new(as_of, None).unwrap();
        let fold = if folded { Fold::Metrics(window) } else { Fold::Ledgers };
        let (one, other) = rows.split_at(cut.index(rows.len() + 1));
        let mut bulk = folding(fold, one, true, budget);
        let part = folding(fold, other, true, budget).to_bytes(usize::MAX).unwrap().0;
        prop_assert_eq!(settings_in(&part), Ok((true, fold)));
        bulk.add_bytes(&part).unwrap();
        let metrics = visited(bulk, |group| group.metrics(window));
        for (user, ledger) in aggregate(&rows) {
            let (all, windowed) = (ledger.borrow().read(everything).unwrap(), ledger.borrow().read(window).unwrap());
            match metrics.get(&user).copied().flatten() {
                None => prop_assert!(all.is_empty()),
                Some(metrics) => {
                    prop_assert!(!all.is_empty());
                    prop_assert_eq!(metrics.last_day, all.last_day());
                    prop_assert_eq!(metrics.frequency, windowed.frequency());
                    prop_assert_eq!(metrics.monetary, windowed.monetary());
                }
            }
        }
    }

    #[test]
    fn damaged_bytes_are_refused(rows in rows(), cut in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = bulk_of(&rows, false, 1 << 20).to_bytes(usize::MAX).unwrap().0;
        let cut = cut.index(bytes.len());
        prop_assert!(bulk_of(&[], false, 1 << 20).add_bytes(&bytes[..cut]).is_err());
        let mut noisy = bulk_of(&[], false, 1 << 20);
        let _ = noisy.add_bytes(&[&bytes[..cut], &noise].concat());
        let _ = noisy.visit(|group| group.ledger(&mut Vec::new()).map(drop));
    }
}

#[test]
fn a_small_budget_spills_and_a_large_one_does_not() {
    let rows: Vec<Row> = (0..20_000).map(|row| ((row % 251) as u8, Day::new(row).unwrap(), Money::from(row))).collect();
    let spilled = |budget| {
        let bulk = bulk_of(&rows, true, budget);
        bulk.spill().0.len()
    };
    assert_eq!(spilled(1 << 22), 0);
    assert!(spilled(1 << 14) > 0);
}

#[test]
fn bytes_beyond_the_limit_are_refused() {
    let rows: Vec<Row> = (0..255).map(|user| (user, Day::new(1).unwrap(), Money::ZERO)).collect();
    assert_eq!(bulk_of(&rows, true, 1 << 20).to_bytes(4_000).map(drop).err(), Some(LedgerError::OutOfMemory));
}

/// Keys whose hashes count up from 1, so that they fall into one partition and differ in their lowest bits only.
#[test]
fn chosen_keys_are_no_slower() {
    const GATHER: u64 = 0xf1de_83e1_9937_733d;
    let mut bulk = Bulk::new(true, Fold::Ledgers, 1 << 30, Spilled::default());
    for hash in 1..=100_000u64 {
        bulk.push(Key::Integer(hash.wrapping_mul(GATHER) as i64), Day::new(1).unwrap(), Money::ZERO).unwrap();
    }
    let started = std::time::Instant::now();
    let mut users = 0;
    bulk.visit(|_| {
        users += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(users, 100_000);
    // milliseconds; it was seconds while the slot of a key could be foretold
    assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
}
