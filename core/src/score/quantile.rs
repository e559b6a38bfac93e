//! Scores of a whole set at once, without cuts: what a window function needs.

use std::cmp::Ordering;

use super::cuts::column;
use super::{Best, CutsConfig, ScoreError};
use crate::patience;

/// The score of each value, 0 where there is none: rows without a value are left out of the count.
///
/// Equal to the score by the cuts of the same values, for any type that has an order. O(n log n).
///
/// # Errors
/// [`ScoreError::OutOfMemory`].
pub fn quantile_scores<T>(
    config: CutsConfig,
    values: &[Option<T>],
    compare: impl Fn(&T, &T) -> Ordering,
) -> Result<Vec<u8>, ScoreError> {
    let mut ranked: Vec<(&T, usize)> = column(values.len())?;
    ranked.extend(values.iter().enumerate().filter_map(|(place, value)| Some((value.as_ref()?, place))));
    let by_merit = |a: &T, b: &T| match config.best {
        Best::High => compare(a, b),
        Best::Low => compare(b, a),
    };
    patience::sort_by(&mut ranked, |a, b| by_merit(a.0, b.0));

    let mut scores = column(values.len())?;
    scores.resize(values.len(), 0);
    let users = ranked.len() as u64;
    let mut worse = 0;
    for tied in ranked.chunk_by(|a, b| by_merit(a.0, b.0).is_eq()) {
        let score = config.ties.score(config.bins, worse, tied.len() as u64, users);
        for (_, place) in tied {
            scores[*place] = score;
        }
        worse += tied.len() as u64;
    }
    Ok(scores)
}
