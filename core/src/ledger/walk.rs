//! A reading that goes forward in time: what it says on each later day, if nothing new arrives.
//!
//! Between two steps (a day on which an entry comes in or drops out of the window) nothing changes but the distance
//! to the first and the last day. Each entry is looked at no more than twice, however far a walk goes.

use crate::day::Day;

use super::{Entry, LedgerError, LedgerRef, Reading, Window};

/// A ledger whose entries are all decoded, so that several windows can be read and walked without doing it again.
#[derive(Debug, Clone, Default)]
pub struct Unpacked {
    scale: u8,
    entries: Vec<Entry>,
}

/// A reading of the last `days` days, or of all up to a day that moves forward. Whoever moves it passes the ledger that
/// it was made of.
#[derive(Debug, Clone)]
pub struct Walk {
    reading: Reading,
    days: Option<i32>,
    /// The place of the first entry after the day of the reading.
    coming: usize,
    /// The place of the first entry in the window, or after it.
    leaving: usize,
}

impl Unpacked {
    /// Takes the entries of a ledger, in the room of those that it had.
    ///
    /// # Errors
    /// For a ledger that is damaged.
    pub fn fill(&mut self, ledger: LedgerRef<'_>) -> Result<(), LedgerError> {
        self.scale = ledger.scale();
        self.entries.clear();
        for entry in ledger.entries() {
            self.entries.push(entry?);
        }
        Ok(())
    }

    /// The same reading as [`LedgerRef::read`], ready to go forward from `as_of`.
    ///
    /// # Errors
    /// Where `days` is less than 1.
    pub fn walk(&self, as_of: Day, days: Option<i32>) -> Result<Walk, LedgerError> {
        let window = Window::new(as_of, days)?;
        let before_window = |entry: &&Entry| i64::from(entry.day.number()) < window.first();
        let leaving = self.entries.iter().take_while(before_window).count();
        let mut reading = Reading::nothing(self.scale, as_of);
        let mut coming = leaving;
        for entry in self.entries[leaving..].iter().take_while(|entry| entry.day <= as_of) {
            reading.add(entry);
            coming += 1;
        }
        Ok(Walk { reading, days, coming, leaving })
    }
}

impl Walk {
    /// A reading that nothing is known to come to.
    pub(crate) fn standing(reading: Reading) -> Self {
        Self { reading, days: None, coming: usize::MAX, leaving: usize::MAX }
    }

    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The next day on which an entry comes in or drops out, counted as [`Day::number`] does; `None` if none does.
    pub fn next_step(&self, ledger: &Unpacked) -> Option<i64> {
        let comes = ledger.entries.get(self.coming).map(|entry| i64::from(entry.day.number()));
        match (comes, self.leaves(ledger)) {
            (Some(comes), Some(leaves)) => Some(comes.min(leaves)),
            (comes, leaves) => comes.or(leaves),
        }
    }

    /// The day on which the first entry of the window is no longer in it.
    fn leaves(&self, ledger: &Unpacked) -> Option<i64> {
        Some(i64::from(ledger.entries.get(self.leaving)?.day.number()) + i64::from(self.days?))
    }

    /// Goes to a later day.
    pub fn go_to(&mut self, as_of: Day, ledger: &Unpacked) {
        while let Some(entry) = ledger.entries.get(self.coming).filter(|entry| entry.day <= as_of) {
            self.reading.add(entry);
            self.coming += 1;
        }
        while let Some(day) = self.leaves(ledger)
            && day <= i64::from(as_of.number())
        {
            let entry = &ledger.entries[self.leaving];
            self.reading.drop_first(entry);
            self.leaving += 1;
            if entry.events > 0 && self.reading.last_day().is_some() {
                let next = ledger.entries[self.leaving..].iter().find(|entry| entry.events > 0);
                next.into_iter().for_each(|entry| self.reading.begin(entry));
            }
        }
        self.reading.move_to(as_of);
    }
}
