//! The cut points of one metric.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::patience;

use super::{Best, Bins, CutsConfig, ScoreError, Ties, Total};

const MOST_CUTS: usize = Bins::MAX as usize - 1;
/// A few milliseconds of values.
const PACE: usize = 1 << 16;

/// The cut points of one metric over a set of users, with the sums that make both means exact.
///
/// Cut `k` (1 ..= bins-1) is the worst observed value that reaches score `k + 1`; where no value reaches it, there is
/// no such cut, and none after it. A value scores 1 + the number of cuts that it equals or betters. The direction is
/// part of the cuts and is never inverted afterwards. By construction there is at least one user, the cuts never get
/// worse from one to the next (they may repeat), and all numbers are in canonical form, so `==` compares meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cuts {
    config: CutsConfig,
    users: u64,
    cuts: [Decimal; MOST_CUTS],
    reached: u8,
    sum: Total,
    score_sum: u64,
}

impl Cuts {
    /// The cuts of `values`, one per user, in any order. No value: `None`, as an aggregate over no rows is NULL.
    ///
    /// # Errors
    /// [`ScoreError::OutOfRange`] where the sum of the values cannot be kept exactly, [`ScoreError::OutOfMemory`].
    pub fn from_values(
        config: CutsConfig,
        values: impl IntoIterator<Item = Decimal>,
    ) -> Result<Option<Self>, ScoreError> {
        Self::from_counts(config, values.into_iter().map(|value| (value, 1)))
    }

    /// The same from (value, number of users) pairs, in any order; a value may come more than once.
    ///
    /// # Errors
    /// Those of [`from_values`](Self::from_values), and [`ScoreError::OutOfRange`] for too many users to count.
    pub fn from_counts(
        config: CutsConfig,
        counts: impl IntoIterator<Item = (Decimal, u64)>,
    ) -> Result<Option<Self>, ScoreError> {
        let counts = counts.into_iter();
        let mut column = column(counts.size_hint().0)?;
        for pair in counts {
            push(&mut column, pair)?;
        }
        Self::from_column(config, &mut column)
    }

    /// The same from a column that may be sorted in place.
    pub(super) fn from_column(config: CutsConfig, column: &mut [(Decimal, u64)]) -> Result<Option<Self>, ScoreError> {
        patience::sort_by(column, |a, b| compare(a.0, b.0));
        let too_many = ScoreError::OutOfRange { what: "the number of users" };
        let users = column.iter().try_fold(0_u64, |users, pair| users.checked_add(pair.1)).ok_or(too_many)?;
        let runs = column
            .chunk_by(|a, b| compare(a.0, b.0).is_eq())
            .map(|run| (run[0].0, run.iter().map(|pair| pair.1).sum()));
        Self::from_runs(config, users, runs)
    }

    /// The cuts from ascending distinct values with the number of users of each, `users` in all.
    pub(super) fn from_runs(
        config: CutsConfig,
        users: u64,
        ascending: impl DoubleEndedIterator<Item = (Decimal, u64)>,
    ) -> Result<Option<Self>, ScoreError> {
        match config.best {
            Best::High => Self::from_worst_to_best(config, users, ascending),
            Best::Low => Self::from_worst_to_best(config, users, ascending.rev()),
        }
    }

    fn from_worst_to_best(
        config: CutsConfig,
        users: u64,
        worst_first: impl Iterator<Item = (Decimal, u64)>,
    ) -> Result<Option<Self>, ScoreError> {
        if users == 0 {
            return Ok(None);
        }
        if users.checked_mul(Bins::MAX.into()).is_none() {
            return Err(ScoreError::OutOfRange { what: "the number of users" });
        }
        let mut cuts = [Decimal::ZERO; MOST_CUTS];
        let (mut sum, mut score_sum) = (Total::default(), 0);
        let score = |worse, equal| config.ties.score(config.bins, worse, equal, users);
        let reached = climb(&mut cuts, worst_first, score, |value, equal, score| {
            score_sum += u64::from(score) * equal;
            sum.add(value, equal)
        })?;
        Ok(Some(Self { config, users, cuts, reached: reached as u8, sum: sum.normalized(), score_sum }))
    }

    /// Cuts read back from a stored form; says what is wrong where no set of users can have them.
    pub(super) fn from_stored(
        config: CutsConfig,
        users: u64,
        stored: &[Option<Decimal>],
        sum: Total,
        score_sum: u64,
    ) -> Result<Self, String> {
        if users == 0 {
            return Err("users must be at least 1".into());
        }
        if stored.len() != config.bins.cut_points() {
            return Err(format!(
                "{} bins have {} cuts, not {}",
                config.bins.get(),
                config.bins.cut_points(),
                stored.len()
            ));
        }
        let mut cuts = [Decimal::ZERO; MOST_CUTS];
        let reached = stored.iter().take_while(|cut| cut.is_some()).count();
        for (place, cut) in cuts.iter_mut().zip(stored.iter().flatten()) {
            *place = cut.normalize();
        }
        if stored[reached..].iter().any(Option::is_some) {
            return Err("a cut follows a null".into());
        }
        if let Some(pair) = cuts[..reached].windows(2).find(|pair| config.best.compare(pair[1], pair[0]).is_lt()) {
            return Err(format!("best is {}, but cut {} comes before {}", config.best, pair[0], pair[1]));
        }
        // One user at least has the highest score, each of the others one from 1 to it.
        let reached = reached as u8;
        let (lowest, highest) = (u128::from(users) + u128::from(reached), u128::from(users) * u128::from(reached + 1));
        if !(lowest..=highest).contains(&score_sum.into()) {
            return Err(format!("score_sum {score_sum} of {users} users is not from {lowest} to {highest}"));
        }
        if !sum.has_mean(users) {
            return Err(format!("sum {sum} is out of range for {users} users"));
        }
        Ok(Self { config, users, cuts, reached, sum, score_sum })
    }

    pub fn config(&self) -> CutsConfig {
        self.config
    }

    pub fn bins(&self) -> Bins {
        self.config.bins
    }

    pub fn ties(&self) -> Ties {
        self.config.ties
    }

    pub fn best(&self) -> Best {
        self.config.best
    }

    /// The number of rows counted, at least 1.
    pub fn users(&self) -> u64 {
        self.users
    }

    /// The exact sum of the values.
    pub fn sum(&self) -> Total {
        self.sum
    }

    /// The sum of the scores of the users counted.
    pub fn score_sum(&self) -> u64 {
        self.score_sum
    }

    /// The bins-1 cut points, worst first; `None` where no value reaches the score.
    pub fn cuts(&self) -> impl ExactSizeIterator<Item = Option<Decimal>> {
        let reached = self.reached();
        (0..self.config.bins.cut_points()).map(move |place| reached.get(place).copied())
    }

    fn reached(&self) -> &[Decimal] {
        &self.cuts[..usize::from(self.reached)]
    }

    /// The score of any value, observed or not: 1 ..= bins, bins = best.
    pub fn score(&self, value: Decimal) -> u8 {
        1 + self.reached().partition_point(|cut| self.config.best.compare(value, *cut).is_ge()) as u8
    }

    /// The mean of the values, rounded to the 28 significant digits of a [`Decimal`].
    pub fn mean(&self) -> Decimal {
        self.sum.mean(self.users)
    }

    /// The mean score of the users counted, rounded likewise.
    pub fn mean_score(&self) -> Decimal {
        Decimal::from(self.score_sum) / Decimal::from(self.users)
    }

    /// Whether the value is strictly better than the mean, in the metric's direction (for [`Best::Low`] strictly below
    /// it). Exact: compares `value * users` with the sum.
    pub fn above_mean(&self, value: Decimal) -> bool {
        match self.config.best {
            Best::High => self.sum.compare_with_mean(value, self.users).is_gt(),
            Best::Low => self.sum.compare_with_mean(value, self.users).is_lt(),
        }
    }

    /// Whether the score is strictly above the mean score. Exact likewise.
    pub fn score_above_mean(&self, score: u8) -> bool {
        u128::from(score) * u128::from(self.users) > u128::from(self.score_sum)
    }
}

/// Fills in cut points: cut `k` is the worst observed value that reaches score `k + 1`. Answers how many there are.
///
/// The values come worst first, each with its number of users. `score` says what a value reaches, from the number of
/// users strictly worse and of those tied, never less than for a worse value; `each` then sees value, users and score.
pub(super) fn climb(
    cuts: &mut [Decimal],
    worst_first: impl Iterator<Item = (Decimal, u64)>,
    mut score: impl FnMut(u64, u64) -> u8,
    mut each: impl FnMut(Decimal, u64, u8) -> Result<(), ScoreError>,
) -> Result<usize, ScoreError> {
    let (mut reached, mut worse) = (0, 0);
    for (place, (value, equal)) in worst_first.filter(|(_, count)| *count > 0).enumerate() {
        if place % PACE == PACE - 1 {
            patience::check();
        }
        let score = score(worse, equal);
        while reached + 1 < usize::from(score) && reached < cuts.len() {
            cuts[reached] = value.normalize();
            reached += 1;
        }
        each(value, equal, score)?;
        worse += equal;
    }
    Ok(reached)
}

impl Best {
    /// Orders values by merit: `Greater` means better.
    pub(super) fn compare(self, a: Decimal, b: Decimal) -> Ordering {
        match self {
            Best::High => compare(a, b),
            Best::Low => compare(b, a),
        }
    }
}

/// The order of decimals, with a short cut for those of up to nine places: their 96-bit mantissas times 10^9 fit 127 bits.
pub(super) fn compare(a: Decimal, b: Decimal) -> Ordering {
    const PLACES: u32 = 9;
    const POWERS: [i128; PLACES as usize + 1] =
        [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
    if a.scale() == b.scale() {
        a.mantissa().cmp(&b.mantissa())
    } else if a.scale() <= PLACES && b.scale() <= PLACES {
        let raised = |decimal: Decimal| decimal.mantissa() * POWERS[(PLACES - decimal.scale()) as usize];
        raised(a).cmp(&raised(b))
    } else {
        a.cmp(&b)
    }
}

/// A vector with room for `rows`, or an error instead of an abort.
pub(super) fn column<T>(rows: usize) -> Result<Vec<T>, ScoreError> {
    let mut column = Vec::new();
    let refused = ScoreError::OutOfMemory { bytes: rows.saturating_mul(size_of::<T>()) };
    column.try_reserve_exact(rows).map_err(|_| refused)?;
    Ok(column)
}

pub(super) fn push<T>(column: &mut Vec<T>, value: T) -> Result<(), ScoreError> {
    let refused = ScoreError::OutOfMemory { bytes: column.len().saturating_mul(2 * size_of::<T>()) };
    column.try_reserve(1).map_err(|_| refused)?;
    column.push(value);
    Ok(())
}
