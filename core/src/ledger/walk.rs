//! A reading that goes forward in time: what it says on each later day, if nothing new arrives.
//!
//! Between two steps (a day on which an entry comes in or drops out of the window) nothing changes but the distance
//! to the first and the last day. Entries are decoded as they are reached, and each at most twice, however far it goes.

use crate::day::Day;

use super::sealed::Entries;
use super::{Entry, LedgerError, LedgerRef, Reading, Window};

/// A reading of the last `days` days, or of all up to a day that moves forward.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    reading: Reading,
    days: Option<i32>,
    /// The first entry after the day of the reading, and those behind it.
    coming: Option<Entry>,
    later: Entries<'a>,
    /// The first entry in the window, and those behind it; none without a window.
    leaving: Option<Entry>,
    inside: Entries<'a>,
}

impl<'a> LedgerRef<'a> {
    /// The same reading as [`read`](LedgerRef::read), ready to go forward from `as_of`.
    ///
    /// # Errors
    /// Where `days` is less than 1, and for a ledger that is damaged as far as it is read.
    pub fn walk(self, as_of: Day, days: Option<i32>) -> Result<Walk<'a>, LedgerError> {
        let window = Window::new(as_of, days)?;
        let mut reading = Reading::nothing(self.scale(), as_of);
        let mut later = self.entries();
        let mut inside = later.clone();
        let mut leaving = None;
        let coming = loop {
            let Some(entry) = later.next().transpose()? else { break None };
            if entry.day > as_of {
                break Some(entry);
            }
            if window.contains(entry.day) {
                if days.is_some() && leaving.is_none() {
                    leaving = Some(entry);
                    inside = later.clone();
                }
                reading.add(&entry);
            }
        };
        if days.is_some() && leaving.is_none() {
            leaving = coming;
            inside = later.clone();
        }
        Ok(Walk { reading, days, coming, later, leaving, inside })
    }
}

impl Walk<'_> {
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The next day on which an entry comes in or drops out, counted as [`Day::number`] does; `None` if none does.
    pub fn next_step(&self) -> Option<i64> {
        let comes = self.coming.map(|entry| i64::from(entry.day.number()));
        let leaves = self.leaves();
        match (comes, leaves) {
            (Some(comes), Some(leaves)) => Some(comes.min(leaves)),
            (comes, leaves) => comes.or(leaves),
        }
    }

    /// The day on which the first entry of the window is no longer in it.
    fn leaves(&self) -> Option<i64> {
        Some(i64::from(self.leaving?.day.number()) + i64::from(self.days?))
    }

    /// Goes to a later day.
    ///
    /// # Errors
    /// For a ledger that is damaged.
    pub fn go_to(&mut self, as_of: Day) -> Result<(), LedgerError> {
        while let Some(entry) = self.coming.filter(|entry| entry.day <= as_of) {
            self.reading.add(&entry);
            self.coming = self.later.next().transpose()?;
        }
        while let (Some(entry), Some(day)) = (self.leaving, self.leaves())
            && day <= i64::from(as_of.number())
        {
            self.reading.drop_first(&entry);
            self.leaving = self.inside.next().transpose()?;
            if entry.events > 0 && self.reading.last_day().is_some() {
                self.begin_again()?;
            }
        }
        self.reading.move_to(as_of);
        Ok(())
    }

    /// Finds the first active day after the one that was dropped.
    fn begin_again(&mut self) -> Result<(), LedgerError> {
        let mut ahead = self.inside.clone();
        let mut next = self.leaving;
        while let Some(entry) = next {
            if entry.events > 0 {
                self.reading.begin(&entry);
                break;
            }
            next = ahead.next().transpose()?;
        }
        Ok(())
    }
}
