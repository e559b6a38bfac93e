//! What a purchase model needs to know of a user.

use rust_decimal::Decimal;

use crate::day::Day;
use crate::ledger::{LedgerRef, Reading, Window};

use super::PredictError;

/// A user's purchases in the conventions of Fader, Hardie and Lee (2005): purchases on one day are one, the first day
/// only starts the clock, and times are counted from it. Times are in days (fractions allowed), opportunities in BG/BB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Purchases {
    x: u32,
    t_x: f64,
    t: f64,
}

impl Purchases {
    /// `x` repeat days, the last of them `t_x` after the first purchase, which lies `t` back.
    ///
    /// # Errors
    /// [`PredictError::Purchases`] for anything but 0 < `t_x` ≤ `t`, or `t_x` = 0 where there is no repeat day.
    pub fn new(x: i64, t_x: f64, t: f64) -> Result<Self, PredictError> {
        let refuse = |reason: String| Err(PredictError::Purchases { reason });
        let Ok(repeats) = u32::try_from(x) else {
            return refuse(format!("x must be from 0 to 4294967295, not {x}"));
        };
        if !t.is_finite() || t < 0.0 {
            return refuse(format!("t must be a finite time of at least 0, not {t}"));
        }
        // not t_x > t, which NaN would pass
        if !(0.0..=t).contains(&t_x) {
            return refuse(format!("t_x must be from 0 to t = {t}, not {t_x}"));
        }
        match (repeats, t_x == 0.0) {
            (0, false) => refuse(format!("without a repeat day (x = 0) t_x must be 0, not {t_x}")),
            (1.., true) => refuse(format!("with repeat days (x = {x}) t_x must be more than 0")),
            // + 0.0: a negative zero has other bits
            _ => Ok(Self { x: repeats, t_x: t_x + 0.0, t: t + 0.0 }),
        }
    }

    /// Repeat days.
    pub fn x(self) -> u32 {
        self.x
    }

    /// From the first purchase to the last.
    pub fn t_x(self) -> f64 {
        self.t_x
    }

    /// From the first purchase to the day of the reading.
    pub fn t(self) -> f64 {
        self.t
    }

    pub(super) fn repeats(self) -> f64 {
        f64::from(self.x)
    }
}

/// Equal users and how many there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted<T> {
    pub value: T,
    pub count: u64,
}

/// A user's purchases, and the money of the repeat days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurchaseSummary {
    /// Active days after the first one.
    pub x: i64,
    /// Days from the first active day to the last.
    pub t_x: i64,
    /// Days from the first active day to `as_of`.
    pub t: i64,
    /// Net amount of everything after the first active day; divided by `x` it is the mean amount of a repeat day.
    /// A later return counts against it, so that first and repeat amounts add up to what the user is worth so far.
    pub repeat_amount: Decimal,
}

impl PurchaseSummary {
    /// The summary as of a day; `None` for a user without a purchase up to then.
    ///
    /// # Errors
    /// Those of reading a damaged ledger.
    pub fn of(ledger: LedgerRef<'_>, as_of: Day) -> Result<Option<Self>, PredictError> {
        Ok(Self::of_reading(&ledger.read(Window::new(as_of, None)?)?))
    }

    /// The summary of a reading of the whole past; `None` for a user without a purchase.
    pub fn of_reading(reading: &Reading) -> Option<Self> {
        let (tenure, recency, first) = (reading.tenure()?, reading.recency()?, reading.first_amount()?);
        let x = i64::from(reading.active_days()) - 1;
        Some(Self { x, t_x: tenure - recency, t: tenure, repeat_amount: reading.monetary() - first })
    }

    /// The net amount of a repeat day on average; `None` where there is no repeat day.
    pub fn mean_amount(&self) -> Option<f64> {
        let amount: f64 = self.repeat_amount.try_into().ok()?;
        (self.x > 0).then(|| amount / self.x as f64)
    }

    /// As the input of a purchase model.
    ///
    /// # Errors
    /// None for a summary that [`of`](Self::of) made.
    pub fn purchases(&self) -> Result<Purchases, PredictError> {
        Purchases::new(self.x, self.t_x as f64, self.t as f64)
    }
}
