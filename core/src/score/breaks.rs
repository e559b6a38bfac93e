//! The cut points of one metric by every method that reads them from the data.
//!
//! For all of them but the mean, cut `k` is the worst observed value that reaches score `k + 1`: cuts may repeat, and where
//! no value reaches a score there is none. The mean is a cut of its own, which a value has to better, not to equal.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::patience;

use super::cuts::{climb, column, compare, push};
use super::natural_breaks::class_starts;
use super::{Best, CutsConfig, ScoreError, Ties};

/// How a metric is spread over the users: its distinct values, ascending, each with the number of users who have it.
///
/// By construction the values are in canonical form, no number of users is 0, and all of them can be added up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distribution {
    runs: Vec<(Decimal, u64)>,
    users: u64,
}

impl Distribution {
    /// From (value, number of users) pairs in any order; a value may come more than once, and in any scale.
    ///
    /// # Errors
    /// [`ScoreError::OutOfRange`] for too many users to count, [`ScoreError::OutOfMemory`].
    pub fn from_counts(counts: impl IntoIterator<Item = (Decimal, u64)>) -> Result<Self, ScoreError> {
        let counts = counts.into_iter();
        let mut runs = column(counts.size_hint().0)?;
        let mut users = 0_u64;
        for (value, count) in counts.filter(|(_, count)| *count > 0) {
            users = users.checked_add(count).ok_or(ScoreError::OutOfRange { what: "the number of users" })?;
            push(&mut runs, (value, count))?;
        }
        patience::sort_by(&mut runs, |a, b| compare(a.0, b.0));
        runs.dedup_by(|next, kept| {
            let same = compare(next.0, kept.0).is_eq();
            if same {
                kept.1 += next.1;
            }
            same
        });
        for (value, _) in &mut runs {
            value.normalize_assign();
        }
        Ok(Self { runs, users })
    }

    /// The number of users who have a value.
    pub fn users(&self) -> u64 {
        self.users
    }

    /// The distinct values, ascending, with the number of users of each.
    pub fn runs(&self) -> &[(Decimal, u64)] {
        &self.runs
    }

    fn worst_first(&self, best: Best) -> impl ExactSizeIterator<Item = (Decimal, u64)> + Clone {
        let count = self.runs.len();
        (0..count).map(move |place| match best {
            Best::High => self.runs[place],
            Best::Low => self.runs[count - 1 - place],
        })
    }

    /// Bins of equal share: the cuts that [`Cuts`](super::Cuts) have.
    ///
    /// # Errors
    /// [`ScoreError::OutOfMemory`].
    pub fn quantile(&self, config: CutsConfig) -> Result<Vec<Option<Decimal>>, ScoreError> {
        let score = |worse, equal| config.ties.score(config.bins, worse, equal, self.users);
        self.climbed(config.best, config.bins.cut_points(), score)
    }

    /// Shares of the users from the best down, such as 0.1 and 0.7; those who are left are the worst. Equal shares give
    /// the cuts of [`quantile`](Self::quantile). The shares are positive and come to less than 1; there are at most 99.
    ///
    /// # Errors
    /// [`ScoreError::OutOfMemory`].
    pub fn top_share(&self, shares: &[Decimal], ties: Ties, best: Best) -> Result<Vec<Option<Decimal>>, ScoreError> {
        // Between 0 and 1, 28 decimals are always enough: the subtraction is exact.
        let mut borders: Vec<Decimal> = shares
            .iter()
            .scan(Decimal::ONE, |left, share| {
                *left = left.saturating_sub(*share).max(Decimal::ZERO);
                Some(*left)
            })
            .collect();
        borders.reverse();
        let mut passed = 0;
        self.climbed(best, borders.len(), |worse, equal| {
            while borders.get(passed).is_some_and(|border| ties.passes(*border, worse, equal, self.users)) {
                passed += 1;
            }
            (1 + passed).min(u8::MAX.into()) as u8
        })
    }

    /// The mean as the one cut, which a value has to better strictly. It is rounded to the 28 digits of a [`Decimal`];
    /// where that would move it across an observed value, the nearest value that does not better the exact mean takes its
    /// place, so that every user comes to lie on the right side.
    ///
    /// # Errors
    /// [`ScoreError::OutOfRange`] for sums beyond any real use: some 10^10 users, or 10^38.
    pub fn mean(&self, best: Best) -> Result<Vec<Option<Decimal>>, ScoreError> {
        if self.users == 0 {
            return Ok(vec![None]);
        }
        let mean = ExactMean::of(self).ok_or(ScoreError::OutOfRange { what: "the sum of the values" })?;
        let betters = |value: Decimal| match best {
            Best::High => mean.compare(value).is_lt(),
            Best::Low => mean.compare(value).is_gt(),
        };
        let mut values = self.worst_first(best).map(|(value, _)| value);
        let (mut below, mut above) = (None, None);
        for value in &mut values {
            if betters(value) {
                above = Some(value);
                break;
            }
            below = Some(value);
        }
        let parts = |cut: Decimal| {
            below.is_none_or(|below| best.compare(cut, below).is_ge())
                && above.is_none_or(|above| best.compare(above, cut).is_gt())
        };
        Ok(vec![mean.rounded().filter(|cut| parts(*cut)).or(below)])
    }

    /// Classes with the least variance inside them: the least sum, over the users, of the squared deviations from the mean
    /// of the class (Jenks), the true optimum. Fewer distinct values than classes: a class for each of them.
    ///
    /// # Errors
    /// [`ScoreError::OutOfMemory`].
    pub fn natural_breaks(&self, classes: u8, best: Best) -> Result<Vec<Option<Decimal>>, ScoreError> {
        let starts = class_starts(self.worst_first(best), classes.into())?;
        let (mut place, mut class) = (0, 0);
        self.climbed(best, usize::from(classes.max(1)) - 1, |_, _| {
            if starts.get(class) == Some(&place) {
                class += 1;
            }
            place += 1;
            1 + class as u8
        })
    }

    fn climbed(
        &self,
        best: Best,
        cut_points: usize,
        score: impl FnMut(u64, u64) -> u8,
    ) -> Result<Vec<Option<Decimal>>, ScoreError> {
        let mut cuts = vec![Decimal::ZERO; cut_points];
        let reached = climb(&mut cuts, self.worst_first(best), score, |_, _, _| Ok(()))?;
        Ok(cuts.into_iter().enumerate().map(|(place, cut)| (place < reached).then_some(cut)).collect())
    }
}

/// The mean of a distribution, exact: `whole + (units + rest / users) / 10^28`, `units` below 10^28 and `rest` below
/// `users`. ([`Total`](super::Total) is made for storage; the 28 decimals of quotients, such as average amounts, outgrow it.)
struct ExactMean {
    whole: i128,
    units: u128,
    rest: u128,
    users: u128,
}

const UNITS: u128 = 10_u128.pow(Decimal::MAX_SCALE);

impl ExactMean {
    /// `None` without users, and where a sum does not fit 128 bits.
    fn of(distribution: &Distribution) -> Option<Self> {
        let (mut whole, mut units) = (0_i128, 0_u128);
        for (value, count) in &distribution.runs {
            let (value_whole, value_units) = whole_and_units(*value);
            whole = whole.checked_add(value_whole.checked_mul((*count).into())?)?;
            units = units.checked_add(value_units.checked_mul((*count).into())?)?;
        }
        let users = i128::from(distribution.users);
        whole = whole.checked_add((units / UNITS) as i128)?;
        units %= UNITS;
        let carried = whole.checked_rem_euclid(users)?.unsigned_abs();
        units = units.checked_add(carried.checked_mul(UNITS)?)?;
        let users = users.unsigned_abs();
        Some(Self { whole: whole.div_euclid(users as i128), units: units / users, rest: units % users, users })
    }

    /// The order of the mean and a value.
    fn compare(&self, value: Decimal) -> Ordering {
        let rest = if self.rest > 0 { Ordering::Greater } else { Ordering::Equal };
        (self.whole, self.units).cmp(&whole_and_units(value)).then(rest)
    }

    fn rounded(&self) -> Option<Decimal> {
        let whole = Decimal::try_from_i128_with_scale(self.whole, 0).ok()?;
        let units = self.units + u128::from(2 * self.rest >= self.users);
        let units = Decimal::try_from_i128_with_scale(units as i128, Decimal::MAX_SCALE).ok()?;
        whole.checked_add(units).map(|mean| mean.normalize())
    }
}

/// A decimal as a whole number, rounded down, and units of 10^-28.
fn whole_and_units(value: Decimal) -> (i128, u128) {
    let one = 10_i128.pow(value.scale());
    let units = value.mantissa().rem_euclid(one).unsigned_abs() * 10_u128.pow(Decimal::MAX_SCALE - value.scale());
    (value.mantissa().div_euclid(one), units)
}
