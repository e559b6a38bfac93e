//! Reading a ledger as of a day.

use rust_decimal::Decimal;

use crate::day::Day;

use super::sealed::LedgerRef;
use super::{Entry, LedgerError};

/// The days that a reading counts: up to `as_of`, and with `days` only the last so many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    first: i64,
    as_of: Day,
}

impl Window {
    /// # Errors
    /// Where `days` is less than 1.
    pub fn new(as_of: Day, days: Option<i32>) -> Result<Window, LedgerError> {
        match days {
            Some(days) if days < 1 => Err(LedgerError::EmptyWindow(days)),
            Some(days) => Ok(Window { first: as_of.number() as i64 - days as i64 + 1, as_of }),
            None => Ok(Window { first: i64::MIN, as_of }),
        }
    }

    /// The days `first ..= as_of`, `first` counted as [`Day::number`] does, and possibly before the first day there is.
    pub(crate) fn from_first(first: i64, as_of: Day) -> Window {
        Window { first, as_of }
    }

    pub(crate) fn first(self) -> i64 {
        self.first
    }

    /// The last day.
    pub fn as_of(self) -> Day {
        self.as_of
    }

    /// Whether the day is counted.
    #[inline]
    pub fn contains(self, day: Day) -> bool {
        day <= self.as_of && day.number() as i64 >= self.first
    }
}

/// Everything that a ledger says of the days of a [`Window`], from one pass.
///
/// A day is active when it has an event. Credits make no day active. Money is kept as mantissas at the ledger's scale,
/// so the sums over any number of days are exact.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    as_of: Day,
    scale: u8,
    days: Option<(Day, Day)>,
    first_net: i64,
    active_days: i32,
    events: i64,
    gross: i128,
    credits: i128,
    entries: i32,
}

impl LedgerRef<'_> {
    /// Reads the days of the window. An empty ledger gives zeros and no days.
    pub fn read(self, window: Window) -> Result<Reading, LedgerError> {
        let mut reading = Reading::nothing(self.scale(), window.as_of);
        for entry in self.entries() {
            let entry = entry?;
            if entry.day > window.as_of {
                break;
            }
            if (entry.day.number() as i64) >= window.first {
                reading.add(&entry);
            }
        }
        Ok(reading)
    }
}

impl Reading {
    pub(super) fn nothing(scale: u8, as_of: Day) -> Self {
        Self { as_of, scale, days: None, first_net: 0, active_days: 0, events: 0, gross: 0, credits: 0, entries: 0 }
    }

    /// Of a user who is known by so little: first and last active day, the number of active days (of one event each),
    /// and what came in after the first, on which there was nothing. `None` where the days do not fit, or the amount.
    pub(crate) fn of_days(as_of: Day, (first, last): (Day, Day), active_days: i32, amount: Decimal) -> Option<Self> {
        let (mantissa, scale) = (amount.mantissa(), u8::try_from(amount.scale()).ok()?);
        let fits = first <= last && last <= as_of && active_days >= 1;
        let empty = Self::nothing(scale, as_of);
        fits.then_some(Self {
            days: Some((first, last)),
            active_days,
            events: active_days.into(),
            gross: mantissa.max(0),
            credits: (-mantissa).max(0),
            entries: active_days,
            ..empty
        })
    }

    /// Counts an entry of a later day than any before.
    #[inline]
    pub(super) fn add(&mut self, entry: &Entry) {
        self.entries += 1;
        self.gross += entry.gross as i128;
        self.credits += entry.credit as i128;
        if entry.events > 0 {
            self.events += entry.events as i64;
            self.active_days += 1;
            match &mut self.days {
                Some((_, last)) => *last = entry.day,
                None => self.begin(entry),
            }
        }
    }

    /// Takes back the earliest entry. Where that was the first active day and another is left,
    /// [`begin`](Self::begin) has to follow.
    pub(super) fn drop_first(&mut self, entry: &Entry) {
        self.entries -= 1;
        self.gross -= entry.gross as i128;
        self.credits -= entry.credit as i128;
        if entry.events > 0 {
            self.events -= entry.events as i64;
            self.active_days -= 1;
            if self.active_days == 0 {
                (self.days, self.first_net) = (None, 0);
            }
        }
    }

    /// Makes an entry's day the first active day.
    pub(super) fn begin(&mut self, entry: &Entry) {
        self.days = Some((entry.day, self.last_day().unwrap_or(entry.day)));
        self.first_net = entry.gross - entry.credit;
    }

    pub(super) fn move_to(&mut self, as_of: Day) {
        self.as_of = as_of;
    }

    /// Whether there is any entry, be it a credit.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// First active day.
    pub fn first_day(&self) -> Option<Day> {
        self.days.map(|(first, _)| first)
    }

    /// Last active day.
    pub fn last_day(&self) -> Option<Day> {
        self.days.map(|(_, last)| last)
    }

    /// Days from the last active day to `as_of`.
    pub fn recency(&self) -> Option<i64> {
        self.last_day().map(|last| self.as_of.number() as i64 - last.number() as i64)
    }

    /// Days from the first active day to `as_of`.
    pub fn tenure(&self) -> Option<i64> {
        self.first_day().map(|first| self.as_of.number() as i64 - first.number() as i64)
    }

    /// Number of events.
    pub fn frequency(&self) -> i64 {
        self.events
    }

    /// Number of days with an event.
    pub fn active_days(&self) -> i32 {
        self.active_days
    }

    /// Gross amount less credits.
    pub fn monetary(&self) -> Decimal {
        self.decimal(self.gross - self.credits)
    }

    pub fn gross_amount(&self) -> Decimal {
        self.decimal(self.gross)
    }

    /// Sum of the credits, as a positive number.
    pub fn credit_amount(&self) -> Decimal {
        self.decimal(self.credits)
    }

    /// Net amount of the first active day.
    pub fn first_amount(&self) -> Option<Decimal> {
        self.days.map(|_| self.decimal(self.first_net as i128))
    }

    /// At most 2^31 days of 2^63 each: within the 96 bits of a `Decimal`, whatever the ledger.
    fn decimal(&self, mantissa: i128) -> Decimal {
        Decimal::from_i128_with_scale(mantissa, self.scale as u32)
    }
}
