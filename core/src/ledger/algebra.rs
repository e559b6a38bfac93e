//! Merging, retracting, clipping and comparing.

use crate::day::Day;
use crate::money::POWERS_OF_TEN;

use super::sealed::{Ledger, LedgerRef};
use super::{Entry, LedgerError};

impl LedgerRef<'_> {
    /// Everything of both. Associative and commutative.
    pub fn plus(self, other: LedgerRef<'_>) -> Result<Ledger, LedgerError> {
        merge(self, other, |here, there| match (here, there) {
            (Some(mut here), Some(there)) => here.add(&there).map(|()| here),
            (here, there) => Ok(here.or(there).unwrap_or_else(|| unreachable!("a day comes from one side at least"))),
        })
    }

    /// What is left of `self` without `other`: `(a + b) - b = a`.
    ///
    /// # Errors
    /// Where `other` holds more of a day than `self` does.
    pub fn minus(self, other: LedgerRef<'_>) -> Result<Ledger, LedgerError> {
        merge(self, other, |here, there| {
            let day = here.or(there).map(|entry| entry.day);
            let mut left =
                here.unwrap_or_else(|| Entry { day: day.unwrap_or(Day::MIN), events: 0, gross: 0, credit: 0 });
            if let Some(there) = there {
                left.subtract(&there)?;
            }
            Ok(left)
        })
    }

    /// The days `from ..= to`.
    pub fn clip(self, from: Day, to: Day) -> Result<Ledger, LedgerError> {
        let inside = |entry: &Result<Entry, LedgerError>| match entry {
            Ok(entry) => (from..=to).contains(&entry.day),
            Err(_) => true,
        };
        let entries = self.entries().filter(inside).collect::<Result<Vec<Entry>, LedgerError>>()?;
        Ledger::from_sorted(&entries, self.scale())
    }

    /// The earliest day on which the two differ in events, gross amount or credits; `None` where they are equal. Nothing
    /// behind that day is read.
    ///
    /// # Errors
    /// For a ledger that is damaged before that day.
    pub fn first_difference(self, other: LedgerRef<'_>) -> Result<Option<Day>, LedgerError> {
        if self.has_the_bytes_of(other) {
            return Ok(None);
        }
        let scale = self.scale().max(other.scale());
        let contents = |entry: &Entry, of: u8| {
            let factor = i128::from(POWERS_OF_TEN[usize::from(scale - of)]);
            (entry.events, i128::from(entry.gross) * factor, i128::from(entry.credit) * factor)
        };
        let (mut here, mut there) = (self.entries(), other.entries());
        loop {
            match (here.next().transpose()?, there.next().transpose()?) {
                (Some(one), Some(two)) if one.day != two.day => return Ok(Some(one.day.min(two.day))),
                (Some(one), Some(two)) if contents(&one, self.scale()) != contents(&two, other.scale()) => {
                    return Ok(Some(one.day));
                }
                (Some(_), Some(_)) => {}
                (one, two) => return Ok(one.or(two).map(|entry| entry.day)),
            }
        }
    }
}

/// Walks two ledgers by day at their common scale.
fn merge(
    a: LedgerRef<'_>,
    b: LedgerRef<'_>,
    combine: impl Fn(Option<Entry>, Option<Entry>) -> Result<Entry, LedgerError>,
) -> Result<Ledger, LedgerError> {
    let scale = a.scale().max(b.scale());
    let at_scale = |ledger: LedgerRef<'_>| -> Result<Vec<Entry>, LedgerError> {
        ledger.entries().map(|entry| entry?.raised(scale - ledger.scale())).collect()
    };
    let (a, b) = (at_scale(a)?, at_scale(b)?);
    let (mut here, mut there) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    let mut merged = Vec::with_capacity(a.len() + b.len());
    while let Some(day) = here.peek().into_iter().chain(there.peek()).map(|entry| entry.day).min() {
        let of_day = |entry: &Entry| entry.day == day;
        merged.push(combine(here.next_if(of_day), there.next_if(of_day))?);
    }
    Ledger::from_sorted(&merged, scale)
}
