//! Recency, frequency and monetary together: one user's values, the cuts of all users, one user's scores.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::patience;

use super::cuts::{column, compare};
use super::{Best, Bins, Cuts, RfmConfig, ScoreError, Ties};

/// The three values of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RfmRow {
    /// Days since the last active day.
    pub recency: i32,
    /// Number of events.
    pub frequency: i64,
    /// Net amount.
    pub monetary: Decimal,
}

/// The cuts of the three metrics over the same users, with the same bins and tie policy; recency is best low.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RfmCuts {
    recency: Cuts,
    frequency: Cuts,
    monetary: Cuts,
}

/// The three scores of one user, 1 ..= bins each, bins = best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RfmScores {
    pub r: u8,
    pub f: u8,
    pub m: u8,
}

impl RfmCuts {
    /// The cuts of all users, in any order. No user: `None`.
    ///
    /// # Errors
    /// [`ScoreError::OutOfRange`] where the sum of a metric cannot be kept exactly, [`ScoreError::OutOfMemory`].
    pub fn from_rows<I>(config: RfmConfig, rows: I) -> Result<Option<Self>, ScoreError>
    where
        I: IntoIterator<Item = RfmRow>,
        I::IntoIter: Clone,
    {
        let rows = rows.into_iter();
        let recency = Self::metric(config, Best::Low, rows.clone().map(|row| row.recency), Ord::cmp, Decimal::from)?;
        let frequency =
            Self::metric(config, Best::High, rows.clone().map(|row| row.frequency), Ord::cmp, Decimal::from)?;
        let monetary = Self::money(config, rows.map(|row| row.monetary))?;
        Ok(match (recency, frequency, monetary) {
            (Some(recency), Some(frequency), Some(monetary)) => Some(Self { recency, frequency, monetary }),
            _ => None,
        })
    }

    /// Money as 64-bit integers of its smallest unit wherever all amounts fit, because these sort several times faster.
    fn money(config: RfmConfig, amounts: impl Iterator<Item = Decimal> + Clone) -> Result<Option<Cuts>, ScoreError> {
        let scale = amounts.clone().map(|amount| amount.scale()).max().unwrap_or_default();
        let units = |amount: Decimal| {
            let units = amount.mantissa().checked_mul(10_i128.pow(scale - amount.scale()))?;
            i64::try_from(units).ok()
        };
        if amounts.clone().all(|amount| units(amount).is_some()) {
            let amount = |units: i64| Decimal::new(units, scale);
            Self::metric(config, Best::High, amounts.filter_map(units), Ord::cmp, amount)
        } else {
            Self::metric(config, Best::High, amounts, |a, b| compare(*a, *b), |amount| amount)
        }
    }

    /// One metric in its own type, so that days and counts sort as the small integers that they are. One column lives
    /// at a time.
    fn metric<T: Copy>(
        config: RfmConfig,
        best: Best,
        values: impl Iterator<Item = T> + Clone,
        compare: impl Fn(&T, &T) -> Ordering,
        decimal: impl Fn(T) -> Decimal,
    ) -> Result<Option<Cuts>, ScoreError> {
        let mut sorted = column(values.clone().count())?;
        sorted.extend(values);
        patience::sort_by(&mut sorted, &compare);
        let runs = sorted.chunk_by(|a, b| compare(a, b).is_eq()).map(|run| (decimal(run[0]), run.len() as u64));
        Cuts::from_runs(config.metric(best), sorted.len() as u64, runs)
    }

    /// Cuts read back from a stored form; says what is wrong where they do not belong together.
    pub(super) fn from_stored(recency: Cuts, frequency: Cuts, monetary: Cuts) -> Result<Self, String> {
        for (name, cuts, best) in [
            ("recency", &recency, Best::Low),
            ("frequency", &frequency, Best::High),
            ("monetary", &monetary, Best::High),
        ] {
            if cuts.best() != best {
                return Err(format!("{name} is best {best}, not {}", cuts.best()));
            }
            if (cuts.bins(), cuts.ties(), cuts.users()) != (recency.bins(), recency.ties(), recency.users()) {
                return Err(format!("{name} and recency differ in bins, ties or users"));
            }
        }
        Ok(Self { recency, frequency, monetary })
    }

    pub fn bins(&self) -> Bins {
        self.recency.bins()
    }

    pub fn ties(&self) -> Ties {
        self.recency.ties()
    }

    /// The number of users counted, at least 1.
    pub fn users(&self) -> u64 {
        self.recency.users()
    }

    pub fn recency(&self) -> &Cuts {
        &self.recency
    }

    pub fn frequency(&self) -> &Cuts {
        &self.frequency
    }

    pub fn monetary(&self) -> &Cuts {
        &self.monetary
    }

    /// The scores of one user.
    pub fn score(&self, row: RfmRow) -> RfmScores {
        RfmScores {
            r: self.recency.score(row.recency.into()),
            f: self.frequency.score(row.frequency.into()),
            m: self.monetary.score(row.monetary),
        }
    }
}

impl RfmScores {
    /// Scores from a caller's integers.
    ///
    /// # Errors
    /// [`ScoreError::ScoreOutOfRange`] outside 1..=10.
    pub fn new(r: i16, f: i16, m: i16) -> Result<Self, ScoreError> {
        let score = |value: i16| match u8::try_from(value) {
            Ok(score @ 1..=Bins::MAX) => Ok(score),
            _ => Err(ScoreError::ScoreOutOfRange { value: value.into(), highest: Bins::MAX }),
        };
        Ok(Self { r: score(r)?, f: score(f)?, m: score(m)? })
    }

    /// The three digits, `"555"` for the best of five bins. With a score of 10 they are set apart (`"10-9-10"`), so
    /// that no two triples share a code.
    pub fn code(self) -> String {
        let Self { r, f, m } = self;
        if r.max(f).max(m) < 10 { format!("{r}{f}{m}") } else { format!("{r}-{f}-{m}") }
    }
}
