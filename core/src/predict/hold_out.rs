//! The check of a model on what came after its fit: expected against actual purchases.
//!
//! ```text
//! version 1 | 3 x 0 | calibration end i32 | hold-out end i32 | 4 x 0 | 8 x (users, actual, expected) | weeks x (actual, expected)
//! ```
//!
//! Numbers are 64 bits, expectations doubles. The length never changes, so the bytes can be the state of an aggregate.

use serde::Serialize;

use crate::day::Day;
use crate::ledger::{LedgerRef, Window};

use super::{BgNbd, PredictError, PurchaseModel, PurchaseSummary};

const VERSION: u8 = 1;
const HEADER: usize = 16;
/// Users with so many repeat days or more are counted together.
const LAST_GROUP: usize = 7;
const GROUP: usize = 24;
const WEEK: usize = 16;
const MOST_WEEKS: i64 = 1_000;

/// The sums of a hold-out period, in bytes that somebody else owns.
pub struct HoldOut<'a>(&'a mut [u8]);

/// What a hold-out check answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sums {
    pub users: u64,
    pub expected: f64,
    pub actual: u64,
    /// By repeat days in the calibration period.
    pub by_x: Vec<ByX>,
    /// From the end of calibration to the end of each week.
    pub by_week: Vec<ByWeek>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByX {
    pub x: usize,
    pub users: u64,
    /// Purchase days of a user, on average.
    pub expected: f64,
    pub actual: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByWeek {
    pub week: usize,
    pub expected: f64,
    pub actual: u64,
}

impl Sums {
    /// As one JSON object.
    pub fn to_json(&self) -> String {
        // numbers and fixed names: nothing that JSON could refuse
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl<'a> HoldOut<'a> {
    /// The length of the bytes for a period.
    ///
    /// # Errors
    /// [`PredictError::Argument`] for less than one day, or more than 1000 weeks.
    pub fn len(calibration_end: Day, end: Day) -> Result<usize, PredictError> {
        let days = i64::from(end.number()) - i64::from(calibration_end.number());
        let weeks = (days + 6).div_euclid(7);
        if (1..=MOST_WEEKS).contains(&weeks) {
            Ok(HEADER + (LAST_GROUP + 1) * GROUP + weeks as usize * WEEK)
        } else {
            Err(PredictError::argument("holdout_end", end, "1 to 7000 days after calibration_end"))
        }
    }

    /// Empty sums, in zeroed bytes of the right length.
    pub fn create(bytes: &'a mut [u8], calibration_end: Day, end: Day) -> Self {
        bytes[0] = VERSION;
        bytes[4..8].copy_from_slice(&calibration_end.number().to_le_bytes());
        bytes[8..12].copy_from_slice(&end.number().to_le_bytes());
        Self(bytes)
    }

    /// Opens sums.
    ///
    /// # Errors
    /// [`PredictError::Argument`] where the bytes are those of another period, or of none.
    pub fn open(bytes: &'a mut [u8]) -> Result<Self, PredictError> {
        let (calibration_end, end) = period(bytes)?;
        if Self::len(calibration_end, end)? == bytes.len() { Ok(Self(bytes)) } else { Err(damaged()) }
    }

    /// The end of calibration and of the check.
    pub fn period(&self) -> Result<(Day, Day), PredictError> {
        period(self.0)
    }

    /// Whether the sums are those of this period.
    ///
    /// # Errors
    /// [`PredictError::Argument`] otherwise.
    pub fn require(&self, period: (Day, Day)) -> Result<(), PredictError> {
        if self.period()? == period { Ok(()) } else { Err(changed()) }
    }

    /// Adds a user; one without a purchase by the end of calibration is left out.
    ///
    /// # Errors
    /// Those of a damaged ledger.
    pub fn add(&mut self, model: &BgNbd, ledger: LedgerRef<'_>) -> Result<(), PredictError> {
        let (calibration_end, end) = self.period()?;
        let Some(summary) = PurchaseSummary::of(ledger, calibration_end)? else {
            return Ok(());
        };
        let user = summary.purchases()?;
        let start = i64::from(calibration_end.number());
        let length = i64::from(end.number()) - start;
        let group = HEADER + usize::try_from(summary.x).map_or(LAST_GROUP, |x| x.min(LAST_GROUP)) * GROUP;
        self.count(group, 1);
        self.expect(group + 16, model.expected_purchases(length as f64, &user));
        let later = Window::new(end, i32::try_from(length).ok())?;
        for entry in ledger.entries() {
            let entry = entry?;
            if entry.events > 0 && later.contains(entry.day) {
                self.count(group + 8, 1);
                let week = (i64::from(entry.day.number()) - start - 1) / 7;
                self.count(week_at(week as usize), 1);
            }
        }
        let mut before = 0.0;
        for week in 0..self.weeks() {
            let until = model.expected_purchases(length.min(7 * (week as i64 + 1)) as f64, &user);
            self.expect(week_at(week) + 8, until - before);
            before = until;
        }
        Ok(())
    }

    /// Adds other sums of the same period.
    ///
    /// # Errors
    /// [`PredictError::Argument`] where the period is another.
    pub fn merge(&mut self, other: &[u8]) -> Result<(), PredictError> {
        if self.0.len() != other.len() || self.0[..HEADER] != other[..HEADER] {
            return Err(changed());
        }
        let group = |group: usize| HEADER + group * GROUP;
        for at in (0..=LAST_GROUP).flat_map(|number| [group(number), group(number) + 8]) {
            self.count(at, number(other, at));
        }
        for week in 0..self.weeks() {
            self.count(week_at(week), number(other, week_at(week)));
            self.expect(week_at(week) + 8, f64::from_bits(number(other, week_at(week) + 8)));
        }
        (0..=LAST_GROUP).for_each(|number_of| {
            let at = group(number_of) + 16;
            self.expect(at, f64::from_bits(number(other, at)));
        });
        Ok(())
    }

    /// The answer; sums of doubles are rounded to what does not depend on their order.
    pub fn finish(&self) -> Sums {
        let group = |x: usize| {
            let at = HEADER + x * GROUP;
            (number(self.0, at), number(self.0, at + 8), f64::from_bits(number(self.0, at + 16)))
        };
        let groups: Vec<_> = (0..=LAST_GROUP).map(|x| (x, group(x))).collect();
        let (mut expected, mut actual) = (0.0, 0);
        let by_week = (0..self.weeks())
            .map(|week| {
                actual += number(self.0, week_at(week));
                expected += f64::from_bits(number(self.0, week_at(week) + 8));
                ByWeek { week: week + 1, expected: rounded(expected), actual }
            })
            .collect();
        let by_x = groups.iter().filter(|(_, (users, ..))| *users > 0);
        let by_x = by_x.map(|&(x, (users, actual, expected))| ByX {
            x,
            users,
            expected: rounded(expected / users as f64),
            actual: rounded(actual as f64 / users as f64),
        });
        Sums {
            users: groups.iter().map(|(_, (users, ..))| users).sum(),
            expected: rounded(groups.iter().map(|(_, (.., expected))| expected).sum()),
            actual: groups.iter().map(|(_, (_, actual, _))| actual).sum(),
            by_x: by_x.collect(),
            by_week,
        }
    }

    fn weeks(&self) -> usize {
        (self.0.len() - week_at(0)) / WEEK
    }

    fn count(&mut self, at: usize, more: u64) {
        let sum = number(self.0, at).saturating_add(more);
        self.0[at..at + 8].copy_from_slice(&sum.to_le_bytes());
    }

    fn expect(&mut self, at: usize, more: f64) {
        let sum = f64::from_bits(number(self.0, at)) + more;
        self.0[at..at + 8].copy_from_slice(&sum.to_bits().to_le_bytes());
    }
}

fn week_at(week: usize) -> usize {
    HEADER + (LAST_GROUP + 1) * GROUP + week * WEEK
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn period(bytes: &[u8]) -> Result<(Day, Day), PredictError> {
    let day = |at: usize| {
        let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk());
        chunk.and_then(|chunk| Day::new(i32::from_le_bytes(*chunk).into())).ok_or_else(damaged)
    };
    if bytes.first() == Some(&VERSION) { Ok((day(4)?, day(8)?)) } else { Err(damaged()) }
}

fn damaged() -> PredictError {
    PredictError::State(crate::score::ScoreError::corrupt("state of a hold-out check", "it has another form"))
}

fn changed() -> PredictError {
    PredictError::argument("the hold-out period", "another", "the same within one aggregate")
}
