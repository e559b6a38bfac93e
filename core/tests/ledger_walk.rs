//! A walk says on every day what a reading of that day says, and steps on the days on which more than the distance
//! to a day changes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use strata_core::day::Day;
use strata_core::ledger::{Ledger, Unpacked, Window};

fn day(number: i64) -> Day {
    Day::new(number).unwrap()
}

fn any_ledger() -> impl Strategy<Value = Ledger> {
    let entry = (0..3u32, 0..60u32, prop_oneof![2 => Just(0u32), 1 => 1..40u32]);
    prop::collection::btree_map(0..120i64, entry, 0..25).prop_map(|entries: BTreeMap<_, _>| {
        let days = entries.iter().map(|(number, (events, gross, credit))| {
            let gross = if *events == 0 { 0 } else { *gross };
            format!("\"{}\": [{events}, {gross}, {credit}]", day(*number))
        });
        format!("{{{}}}", days.collect::<Vec<_>>().join(", ")).parse().unwrap()
    })
}

proptest! {
    #[test]
    fn a_walk_reads_as_every_day_does(
        ledger in any_ledger(),
        days in prop::option::of(1..60i32),
        leaps in prop::collection::vec(1..20i64, 1..20),
    ) {
        let read = |number| ledger.borrow().read(Window::new(day(number), days).unwrap()).unwrap();
        let mut unpacked = Unpacked::default();
        unpacked.fill(ledger.borrow()).unwrap();
        let mut walk = unpacked.walk(day(-5), days).unwrap();
        let mut number = -5;
        for leap in leaps {
            let step = walk.next_step(&unpacked);
            for between in number + 1..number + leap {
                if step.is_some_and(|step| step <= between) {
                    break;
                }
                let same = (read(between).frequency(), read(between).monetary(), read(between).first_day());
                prop_assert_eq!(same, (read(number).frequency(), read(number).monetary(), read(number).first_day()));
            }
            number += leap;
            walk.go_to(day(number), &unpacked);
            prop_assert_eq!(format!("{:?}", walk.reading()), format!("{:?}", read(number)));
            prop_assert!(walk.next_step(&unpacked).is_none_or(|step| step > number));
        }
    }
}
