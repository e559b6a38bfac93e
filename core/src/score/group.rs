//! The eight groups: each metric is high or low.

use rust_decimal::Decimal;

use super::{Bins, RfmCuts, RfmRow, ScoreError, choose};

/// How high is told from low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// The value is strictly better than the mean value; for recency strictly below it.
    RawMean,
    /// The score is strictly above the mean score.
    #[default]
    ScoreMean,
    /// The score is at least 4 of 5.
    Score4,
    /// Constants: recency at most, frequency at least, monetary at least.
    Fixed(FixedSplit),
}

/// The constants of [`Split::Fixed`]. They need no cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedSplit {
    pub recency: Decimal,
    pub frequency: Decimal,
    pub monetary: Decimal,
}

impl FixedSplit {
    pub fn group(self, row: RfmRow) -> Group {
        Group {
            recency: Decimal::from(row.recency) <= self.recency,
            frequency: Decimal::from(row.frequency) >= self.frequency,
            monetary: row.monetary >= self.monetary,
        }
    }
}

/// The names of all splits.
pub const SPLIT_NAMES: [&str; 4] = ["raw_mean", "score_mean", "score_4", "fixed"];

impl Split {
    /// A split by name; `fixed` takes its constants (recency, frequency, monetary), the others take none.
    ///
    /// # Errors
    /// [`ScoreError::UnknownName`], [`ScoreError::FixedMissing`], [`ScoreError::FixedUnused`].
    pub fn by_name(name: &str, fixed: Option<[Decimal; 3]>) -> Result<Self, ScoreError> {
        let [raw_mean, score_mean, score_4, by_constants] = SPLIT_NAMES;
        let constants =
            fixed.map(|[recency, frequency, monetary]| Self::Fixed(FixedSplit { recency, frequency, monetary }));
        let choices = [
            (raw_mean, Some(Self::RawMean)),
            (score_mean, Some(Self::ScoreMean)),
            (score_4, Some(Self::Score4)),
            (by_constants, constants),
        ];
        let split = choose("split", name, &choices)?.ok_or(ScoreError::FixedMissing)?;
        match (split, fixed) {
            (Self::RawMean | Self::ScoreMean | Self::Score4, Some(_)) => {
                Err(ScoreError::FixedUnused { split: name.to_owned() })
            }
            _ => Ok(split),
        }
    }
}

/// One of the eight groups: `true` is high, and high recency means recent. The preset `rfm_eight` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Group {
    pub recency: bool,
    pub frequency: bool,
    pub monetary: bool,
}

/// The group of one user.
///
/// # Errors
/// [`ScoreError::NeedsFiveBins`] for `score_4` with other cuts.
pub fn rfm_group(row: RfmRow, cuts: &RfmCuts, split: Split) -> Result<Group, ScoreError> {
    let RfmRow { recency, frequency, monetary } = row;
    let scores = || cuts.score(row);
    Ok(match split {
        Split::RawMean => Group {
            recency: cuts.recency().above_mean(recency.into()),
            frequency: cuts.frequency().above_mean(frequency.into()),
            monetary: cuts.monetary().above_mean(monetary),
        },
        Split::ScoreMean => Group {
            recency: cuts.recency().score_above_mean(scores().r),
            frequency: cuts.frequency().score_above_mean(scores().f),
            monetary: cuts.monetary().score_above_mean(scores().m),
        },
        Split::Score4 if cuts.bins() != Bins::FIVE => {
            return Err(ScoreError::NeedsFiveBins { what: "split \"score_4\"".into(), bins: cuts.bins().get() });
        }
        Split::Score4 => {
            let scores = scores();
            Group { recency: scores.r >= 4, frequency: scores.f >= 4, monetary: scores.m >= 4 }
        }
        Split::Fixed(constants) => constants.group(row),
    })
}
