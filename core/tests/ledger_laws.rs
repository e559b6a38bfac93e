//! The laws of the ledger, against a naive model: a map from day to (events, gross, credits) in millionths.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rust_decimal::Decimal;
use strata_core::day::Day;
use strata_core::ledger::{Entry, Ledger, LedgerError, LedgerRef, OpenLedger, Push, SMALLEST_OPEN, Window, sealed};
use strata_core::money::Money;

/// One row of a source: a day and an amount.
type Row = (i32, Money);
type Model = BTreeMap<i32, (u32, i128, i128)>;

fn millionths(money: Money) -> i128 {
    money.mantissa() as i128 * 10i128.pow(6 - money.scale() as u32)
}

fn model_of(rows: &[Row]) -> Model {
    let mut model = Model::new();
    for &(day, amount) in rows {
        let (events, gross, credits) = model.entry(day).or_default();
        match amount.is_negative() {
            true => *credits -= millionths(amount),
            false => (*events, *gross) = (*events + 1, *gross + millionths(amount)),
        }
    }
    model
}

fn model_of_ledger(ledger: LedgerRef<'_>) -> Model {
    let raise = |amount: i64| amount as i128 * 10i128.pow(6 - ledger.scale() as u32);
    ledger
        .entries()
        .map(|entry| entry.expect("a valid entry"))
        .map(|Entry { day, events, gross, credit }| (day.number(), (events, raise(gross), raise(credit))))
        .collect()
}

/// An aggregate's life: memory that grows when asked to.
struct Building(Vec<u8>);

impl Building {
    fn new() -> Building {
        let mut bytes = vec![0xaa; SMALLEST_OPEN];
        OpenLedger::create(&mut bytes);
        Building(bytes)
    }

    fn push(&mut self, push: impl Fn(&mut OpenLedger<'_>) -> Result<Push, LedgerError>) -> Result<(), LedgerError> {
        let mut open = OpenLedger::resume(&mut self.0)?;
        while let Push::Grow(size) = push(&mut open)? {
            let mut larger = vec![0xaa; size];
            open.move_to(&mut larger);
            self.0 = larger;
            open = OpenLedger::resume(&mut self.0)?;
        }
        Ok(())
    }

    fn rows(rows: &[Row]) -> Result<Building, LedgerError> {
        let mut building = Building::new();
        for &(day, amount) in rows {
            building.push(|open| open.push_row(Day::new(day as i64).expect("a day"), amount))?;
        }
        Ok(building)
    }

    fn seal(&self) -> Result<Ledger, LedgerError> {
        Ledger::from_open(&self.0, &mut Vec::new())
    }
}

fn ledger_of(rows: &[Row]) -> Ledger {
    Building::rows(rows).and_then(|building| building.seal()).expect("small amounts")
}

fn rolled_up(ledgers: &[Ledger]) -> Ledger {
    let mut building = Building::new();
    for ledger in ledgers {
        building.push(|open| open.push_ledger(ledger.borrow())).expect("small amounts");
    }
    building.seal().expect("small amounts")
}

fn money() -> impl Strategy<Value = Money> {
    (-20_000i128..100_000, 0u32..=6).prop_map(|(mantissa, scale)| Money::new(mantissa, scale).expect("small"))
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let days = prop_oneof![4 => -400..400i32, 1 => Day::MIN.number()..=Day::MAX.number()];
    prop::collection::vec((days, money()), 0..60)
}

proptest! {
    #[test]
    fn a_ledger_holds_what_happened(rows in rows()) {
        prop_assert_eq!(model_of_ledger(ledger_of(&rows).borrow()), model_of(&rows));
    }

    #[test]
    fn order_of_rows_never_matters((rows, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))) {
        prop_assert_eq!(ledger_of(&rows), ledger_of(&shuffled));
    }

    #[test]
    fn partial_states_merge_to_the_whole(parts in prop::collection::vec(rows(), 0..5)) {
        let whole = ledger_of(&parts.concat());
        let parts: Vec<Ledger> = parts.iter().map(|rows| ledger_of(rows)).collect();
        prop_assert_eq!(&rolled_up(&parts), &whole);
        let sum = parts.iter().fold(Ledger::empty(), |sum, part| sum.borrow().plus(part.borrow()).expect("small"));
        prop_assert_eq!(&sum, &whole);
    }

    #[test]
    fn plus_is_associative_and_commutative(a in rows(), b in rows(), c in rows()) {
        let (a, b, c) = (ledger_of(&a), ledger_of(&b), ledger_of(&c));
        let plus = |x: &Ledger, y: &Ledger| x.borrow().plus(y.borrow()).expect("small");
        prop_assert_eq!(plus(&a, &b), plus(&b, &a));
        prop_assert_eq!(plus(&plus(&a, &b), &c), plus(&a, &plus(&b, &c)));
        prop_assert_eq!(plus(&a, &Ledger::empty()), a);
    }

    #[test]
    fn minus_takes_back_what_plus_added(a in rows(), b in rows()) {
        let (a, b) = (ledger_of(&a), ledger_of(&b));
        let both = a.borrow().plus(b.borrow()).expect("small");
        prop_assert_eq!(both.borrow().minus(b.borrow()), Ok(a.clone()));
        prop_assert_eq!(both.borrow().minus(both.borrow()), Ok(Ledger::empty()));
    }

    #[test]
    fn minus_refuses_what_is_not_there(a in rows(), b in rows()) {
        let (model_a, model_b) = (model_of(&a), model_of(&b));
        let possible = model_b.iter().all(|(day, (events, gross, credits))| {
            let (e, g, c) = model_a.get(day).copied().unwrap_or_default();
            e >= *events && g >= *gross && c >= *credits && (e > *events || g == *gross)
        });
        let difference = ledger_of(&a).borrow().minus(ledger_of(&b).borrow());
        prop_assert_eq!(difference.is_ok(), possible, "{:?}", difference);
    }

    #[test]
    fn clips_meet_without_loss(rows in rows(), day in -400..400i32) {
        let ledger = ledger_of(&rows);
        let cut = Day::new(day as i64).expect("a day");
        let after = Day::new(day as i64 + 1).expect("a day");
        let before = ledger.borrow().clip(Day::MIN, cut).expect("valid");
        let rest = ledger.borrow().clip(after, Day::MAX).expect("valid");
        prop_assert_eq!(before.borrow().plus(rest.borrow()), Ok(ledger));
        prop_assert!(model_of_ledger(before.borrow()).keys().all(|&found| found <= day));
        prop_assert!(model_of_ledger(rest.borrow()).keys().all(|&found| found > day));
    }

    #[test]
    fn the_first_difference_is_that_of_the_contents(rows in rows(), tail in rows(), other in rows()) {
        let (a, b) = (ledger_of(&[rows.clone(), tail].concat()), ledger_of(&[rows, other].concat()));
        let (in_a, in_b) = (model_of_ledger(a.borrow()), model_of_ledger(b.borrow()));
        let days: std::collections::BTreeSet<i32> = in_a.keys().chain(in_b.keys()).copied().collect();
        let expected = days.into_iter().find(|day| in_a.get(day) != in_b.get(day));
        let found = |a: LedgerRef<'_>, b: LedgerRef<'_>| a.first_difference(b).map(|day| day.map(Day::number));
        prop_assert_eq!(found(a.borrow(), b.borrow()), Ok(expected));
        prop_assert_eq!(found(b.borrow(), a.borrow()), Ok(expected));
        prop_assert_eq!(found(a.borrow(), a.borrow()), Ok(None));
        prop_assert_eq!(found(LedgerRef::EMPTY, b.borrow()), Ok(in_b.keys().next().copied()));
        // before it the two are alike
        if let Some(day) = expected.filter(|day| *day > Day::MIN.number()) {
            let before = Day::new(day as i64 - 1).expect("a day");
            prop_assert_eq!(a.borrow().clip(Day::MIN, before), b.borrow().clip(Day::MIN, before));
        }
    }

    #[test]
    fn readings_equal_the_model(rows in rows(), as_of in -400..400i32, days in prop::option::of(1..500i32)) {
        let model: Model = model_of(&rows)
            .into_iter()
            .filter(|(day, _)| *day <= as_of && days.is_none_or(|days| *day > as_of - days))
            .collect();
        let active: Vec<(i32, i128)> =
            model.iter().filter(|(_, (events, ..))| *events > 0).map(|(day, (_, gross, credits))| (*day, gross - credits)).collect();
        let money = |millionths: i128| Decimal::from_i128_with_scale(millionths, 6);
        let window = Window::new(Day::new(as_of as i64).expect("a day"), days).expect("a window");
        let ledger = ledger_of(&rows);
        let read = ledger.borrow().read(window).expect("valid");

        prop_assert_eq!(read.is_empty(), model.is_empty());
        prop_assert_eq!(read.frequency(), model.values().map(|(events, ..)| *events as i64).sum::<i64>());
        prop_assert_eq!(read.active_days() as usize, active.len());
        prop_assert_eq!(read.gross_amount(), money(model.values().map(|(_, gross, _)| gross).sum()));
        prop_assert_eq!(read.credit_amount(), money(model.values().map(|(_, _, credits)| credits).sum()));
        prop_assert_eq!(read.monetary(), read.gross_amount() - read.credit_amount());
        prop_assert_eq!(read.first_day().map(Day::number), active.first().map(|(day, _)| *day));
        prop_assert_eq!(read.last_day().map(Day::number), active.last().map(|(day, _)| *day));
        prop_assert_eq!(read.recency(), active.last().map(|(day, _)| as_of as i64 - *day as i64));
        prop_assert_eq!(read.tenure(), active.first().map(|(day, _)| as_of as i64 - *day as i64));
        prop_assert_eq!(read.first_amount(), active.first().map(|(_, net)| money(*net)));
    }

    #[test]
    fn entries_after_as_of_do_not_exist(rows in rows(), as_of in -400..400i32) {
        let ledger = ledger_of(&rows);
        let as_of = Day::new(as_of as i64).expect("a day");
        let known = ledger.borrow().clip(Day::MIN, as_of).expect("valid");
        let read = |ledger: &Ledger| {
            let read = ledger.borrow().read(Window::new(as_of, None).expect("a window")).expect("valid");
            (read.is_empty(), read.recency(), read.tenure(), read.frequency(), read.gross_amount(), read.credit_amount(), read.first_amount())
        };
        prop_assert_eq!(read(&ledger), read(&known));
    }

    #[test]
    fn bytes_round_trip_and_are_canonical(rows in rows()) {
        let ledger = ledger_of(&rows);
        prop_assert_eq!(Ledger::from_untrusted(ledger.as_bytes()), Ok(ledger.clone()));
        let building = Building::rows(&rows).expect("small");
        prop_assert_eq!(sealed(&building.0).expect("valid").into_owned(), ledger.as_bytes().to_vec());
    }

    #[test]
    fn text_round_trips(rows in rows()) {
        let ledger = ledger_of(&rows);
        let text = ledger.borrow().to_text().expect("valid");
        prop_assert_eq!(text.parse::<Ledger>(), Ok(ledger), "{}", text);
    }

    #[test]
    fn every_truncation_is_refused(rows in rows()) {
        let ledger = ledger_of(&rows);
        let whole: Vec<Entry> = ledger.borrow().entries().map(|entry| entry.expect("valid")).collect();
        for length in 0..ledger.as_bytes().len() {
            // a cut between two entries is a ledger of its own: but never this one
            match Ledger::from_untrusted(&ledger.as_bytes()[..length]) {
                Err(_) => {}
                Ok(shorter) => prop_assert!(shorter.borrow().entries().count() < whole.len()),
            }
        }
        let building = Building::rows(&rows).expect("small");
        for length in 0..building.0.len() {
            if let Ok(bytes) = sealed(&building.0[..length]) {
                prop_assert_eq!(bytes.as_ref(), ledger.as_bytes());
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(header in prop_oneof![Just(0x12u8), Just(0x1a), any::<u8>()], body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = vec![header];
        bytes.extend(body);
        if let Ok(ledger) = Ledger::from_untrusted(&bytes) {
            prop_assert_eq!(ledger.as_bytes(), &bytes);
        }
        if let Ok(sealed) = sealed(&bytes) {
            let ledger = LedgerRef::new(&sealed).expect("sealed");
            let _ = ledger.to_text();
            let _ = ledger.read(Window::new(Day::MAX, None).expect("a window"));
            let _ = ledger.plus(ledger);
            let _ = ledger.minus(ledger);
            let _ = ledger.clip(Day::MIN, Day::MAX);
        }
        if let Ok(mut open) = OpenLedger::resume(&mut bytes) {
            let _ = open.push_row(Day::MIN, Money::ZERO);
            let _ = open.push_ledger(LedgerRef::EMPTY);
        }
    }

    #[test]
    fn random_text_never_panics(text in r#"\{("[0-9-]{1,10}": ?\[[0-9.,e -]{0,12}\],? ?){0,3}\}?"#) {
        if let Ok(ledger) = text.parse::<Ledger>() {
            prop_assert_eq!(Ledger::from_untrusted(ledger.as_bytes()), Ok(ledger));
        }
    }
}

#[test]
fn bad_text_says_where() {
    for (text, detail) in [
        ("", "EOF while parsing"),
        ("[]", "expected an object with a key for each day"),
        (r#"{"2011-02-30": [1, 2]}"#, "\"2011-02-30\" is not a day"),
        (r#"{"2011-12-07": [1]}"#, "2011-12-07: expected 2 or 3 numbers, not 1"),
        (r#"{"2011-12-07": [-1, 2]}"#, "2011-12-07: -1 is not a number of events"),
        (r#"{"2011-12-07": [1, -2]}"#, "amounts are not negative"),
        (r#"{"2011-12-07": [0, 2]}"#, "a gross amount needs an event"),
        (r#"{"2011-12-07": [1, 2.1234567]}"#, "2.1234567 has more than 6 decimals"),
        (r#"{"2011-12-07": [1, 99999999999999999999]}"#, "is out of range"),
        (r#"{"2011-12-07": [1, "2"]}"#, "is not an exact amount"),
        (r#"{"2011-12-07": [1, 2], "2011-12-07": [1, 2]}"#, "2011-12-07 does not come after"),
        (r#"{} x"#, "trailing characters"),
    ] {
        match text.parse::<Ledger>() {
            Err(LedgerError::MalformedText(found)) => {
                assert!(found.contains(detail), "{text}: {found}")
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn overflow_does_not_depend_on_order() {
    let large = Money::new(9_000_000_000_000_000_000, 0).expect("fits");
    let fine = Money::new(5, 1).expect("fits");
    for rows in [[(0, large), (1, fine)], [(1, fine), (0, large)]] {
        assert!(matches!(Building::rows(&rows), Err(LedgerError::AmountOverflow(_))), "{rows:?}");
    }
    let day = Day::new(0).expect("a day");
    let rows = [(0, large), (0, large)];
    assert_eq!(Building::rows(&rows).err(), Some(LedgerError::AmountOverflow(day)));
    let credits = [(0, Money::new(-i64::MAX as i128, 0).expect("fits")), (0, Money::from(-1))];
    assert_eq!(Building::rows(&credits).err(), Some(LedgerError::AmountOverflow(day)));
    // on two days there is room, and the sum over both is exact
    let ledger = ledger_of(&[(0, large), (1, large)]);
    let read = ledger.borrow().read(Window::new(Day::MAX, None).expect("a window")).expect("valid");
    assert_eq!(read.monetary().to_string(), "18000000000000000000");
}

#[test]
fn a_year_of_daily_orders_is_small() {
    let rows: Vec<Row> = (0..365).map(|day| (day, Money::new(3_950, 2).expect("fits"))).collect();
    assert!(ledger_of(&rows).as_bytes().len() <= 365 * 3 + 4);
}

#[test]
fn many_events_of_one_day_need_no_room() {
    let rows: Vec<Row> = (0..100_000).map(|event| (event % 7, Money::new(1, 2).expect("fits"))).collect();
    let building = Building::rows(&rows).expect("small");
    assert!(building.0.len() <= 512, "{}", building.0.len());
}

#[test]
fn what_lies_behind_the_first_difference_is_not_read() {
    let ledger: Ledger =
        r#"{"2024-01-01": [1, 5], "2024-01-02": [1, 7], "2024-01-09": [1, 9]}"#.parse().expect("valid");
    let damaged = &ledger.as_bytes()[..ledger.as_bytes().len() - 1];
    let damaged = LedgerRef::new(damaged).expect("a header");
    let day = |text: &str| Ok(Some(text.parse::<Day>().expect("a day")));
    for (other, expected) in [
        (r#"{"2024-01-01": [1, 5], "2024-01-02": [2, 7]}"#, day("2024-01-02")),
        (r#"{"2024-01-01": [1, 5.00]}"#, day("2024-01-02")),
        (r#"{"2024-01-01": [1, 5.25]}"#, day("2024-01-01")),
        (r#"{"2024-01-01": [1, 5], "2024-01-02": [1, 7]}"#, Err(LedgerError::Corrupt("truncated"))),
    ] {
        let other: Ledger = other.parse().expect("valid");
        assert_eq!(damaged.first_difference(other.borrow()), expected, "{other:?}");
    }
}
