use crate::day::Day;
use crate::money::POWERS_OF_TEN;

use super::LedgerError;

/// One day of a ledger. Amounts are mantissas at the ledger's scale, and never negative.
///
/// Gross money comes with events: `gross > 0` implies `events > 0`; a day with credits only has no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub day: Day,
    pub events: u32,
    pub gross: i64,
    pub credit: i64,
}

impl Entry {
    pub(super) fn is_empty(&self) -> bool {
        self.events == 0 && self.gross == 0 && self.credit == 0
    }

    /// Adds what happened on the same day.
    pub(crate) fn add(&mut self, other: &Entry) -> Result<(), LedgerError> {
        let overflow = LedgerError::AmountOverflow(self.day);
        self.events = self.events.checked_add(other.events).ok_or(LedgerError::EventsOverflow(self.day))?;
        self.gross = self.gross.checked_add(other.gross).ok_or(overflow.clone())?;
        self.credit = self.credit.checked_add(other.credit).ok_or(overflow)?;
        Ok(())
    }

    /// Takes back what happened on the same day.
    pub(super) fn subtract(&mut self, other: &Entry) -> Result<(), LedgerError> {
        let (day, present, retracted) = (self.day, self.events, other.events);
        self.events = present.checked_sub(retracted).ok_or(LedgerError::NegativeEvents { day, present, retracted })?;
        self.gross -= other.gross;
        self.credit -= other.credit;
        if self.gross < 0 || self.credit < 0 || (self.events == 0 && self.gross > 0) {
            return Err(LedgerError::NegativeAmount(day));
        }
        Ok(())
    }

    /// The same entry with amounts at a larger scale.
    pub(crate) fn raised(self, decimals: u8) -> Result<Entry, LedgerError> {
        let factor = POWERS_OF_TEN[decimals as usize];
        let raise = |amount: i64| amount.checked_mul(factor).ok_or(LedgerError::AmountOverflow(self.day));
        Ok(Entry { gross: raise(self.gross)?, credit: raise(self.credit)?, ..self })
    }
}
