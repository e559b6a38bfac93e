//! Recency, frequency and money in the making.

use std::cmp::Ordering;

use crate::day::Day;
use crate::ledger::{Entry, LedgerError, LedgerRef, Window};
use crate::money::POWERS_OF_TEN;

/// Sums of any part of a user's events up to `as_of`: parts can be added in any order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Whether there is anything at all, be it a credit.
    pub any: bool,
    /// Last active day.
    pub last_day: Option<Day>,
    /// Events in the window.
    pub frequency: i64,
    /// Gross less credits in the window, at `scale`.
    pub mantissa: i128,
    /// The most decimals that any amount had.
    pub scale: u8,
}

impl Sums {
    /// Adds what happened on a day that is not after `as_of`; `net` at `scale`.
    #[inline]
    pub fn add_day(&mut self, window: Window, day: Day, events: i64, net: i128, scale: u8) {
        self.any = true;
        if events > 0 {
            self.last_day = self.last_day.max(Some(day));
        }
        if window.contains(day) {
            self.frequency += events;
            self.add_money(net, scale);
        }
    }

    #[inline]
    fn add_money(&mut self, mantissa: i128, scale: u8) {
        let raise = |mantissa: i128, decimals: u8| mantissa * POWERS_OF_TEN[decimals as usize] as i128;
        match scale.cmp(&self.scale) {
            Ordering::Equal => self.mantissa += mantissa,
            Ordering::Less => self.mantissa += raise(mantissa, self.scale - scale),
            Ordering::Greater => {
                self.mantissa = raise(self.mantissa, scale - self.scale) + mantissa;
                self.scale = scale;
            }
        }
    }

    /// Adds a ledger as of the window's end.
    pub fn add_ledger(&mut self, window: Window, ledger: LedgerRef<'_>) -> Result<(), LedgerError> {
        for entry in ledger.entries() {
            let Entry { day, events, gross, credit } = entry?;
            if day > window.as_of() {
                break;
            }
            self.add_day(window, day, events as i64, gross as i128 - credit as i128, ledger.scale());
        }
        Ok(())
    }

    pub fn add(&mut self, other: &Sums) {
        self.any |= other.any;
        self.last_day = self.last_day.max(other.last_day);
        self.frequency += other.frequency;
        self.add_money(other.mantissa, other.scale);
    }
}
