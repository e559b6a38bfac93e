//! Natural breaks: the classes with the least variance inside them.
//!
//! The criterion is that of Jenks (1967): the sum over all users of the squared deviation from the mean of their class.
//! The optimum is found, not approached: dynamic programming over the sorted values (Fisher 1958), each row by divide
//! and conquer, because the best start of a class never moves back as its end moves on (Song and Zhong 2020,
//! Ckmeans.1d.dp). O(classes x n log n) time; for n values 40 bytes each, and 4 for each class beyond the second. Sums are
//! double precision: classings that differ by less than its rounding count as equally good.

use rust_decimal::Decimal;

use crate::patience;

use super::ScoreError;
use super::cuts::column;

/// The places where the second class and those after it begin, ascending. The values are distinct and in order, rising or
/// falling, each with its number of users. Fewer values than classes: a class for each.
pub(super) fn class_starts(
    values: impl ExactSizeIterator<Item = (Decimal, u64)> + Clone,
    classes: usize,
) -> Result<Vec<usize>, ScoreError> {
    let count = values.len();
    let classes = classes.min(count);
    if classes < 2 || classes == count {
        return Ok((1..classes).collect());
    }
    let mut search = Search { sums: sums(values)?, before: zeros(count + 1)?, row: zeros(count + 1)?, scanned: 0 };
    for end in 1..=count {
        search.row[end] = search.deviation(0, end);
    }
    let mut rows = Vec::new();
    for class in 1..classes - 1 {
        std::mem::swap(&mut search.before, &mut search.row);
        let mut starts = zeros(count + 1)?;
        search.fill(&mut starts, (class + 1, count), (class, count - 1));
        rows.push(starts);
    }
    std::mem::swap(&mut search.before, &mut search.row);
    let mut start = search.best_start(count, (classes - 1, count - 1)).0;
    let mut found = vec![start];
    for starts in rows.iter().rev() {
        start = starts[start] as usize;
        found.push(start);
    }
    found.reverse();
    Ok(found)
}

/// Users, sum and sum of squares of the values from the middle one to each place, negative before it. They start in the
/// middle, and values are taken from the middle one, so that neither what all have in common nor a few very large ones at
/// an end cost the others their digits.
fn sums(values: impl ExactSizeIterator<Item = (Decimal, u64)> + Clone) -> Result<Vec<[f64; 3]>, ScoreError> {
    let (count, middle) = (values.len(), values.len() / 2);
    let centre = values.clone().nth(middle).map_or(Decimal::ZERO, |(value, _)| value);
    let mut sums: Vec<[f64; 3]> = column(count + 1)?;
    for (place, (value, users)) in values.enumerate() {
        if place == middle {
            sums.push([0.0; 3]);
        }
        let (value, users) = (distance(value, centre), users as f64);
        sums.push([users, users * value, users * value * value]);
    }
    for place in (0..middle).rev() {
        sums[place] = std::array::from_fn(|part| sums[place + 1][part] - sums[place][part]);
    }
    for place in middle + 1..=count {
        sums[place] = std::array::from_fn(|part| sums[place - 1][part] + sums[place][part]);
    }
    Ok(sums)
}

fn distance(value: Decimal, centre: Decimal) -> f64 {
    let float = |value: Decimal| value.mantissa() as f64 / 10_f64.powi(value.scale() as i32);
    value.checked_sub(centre).map_or_else(|| float(value) - float(centre), float)
}

fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>, ScoreError> {
    let mut zeros = column(count)?;
    zeros.resize(count, T::default());
    Ok(zeros)
}

/// One row of the dynamic programme after the other.
struct Search {
    sums: Vec<[f64; 3]>,
    /// The least deviation of the values before each place, in one class less than that of `row`.
    before: Vec<f64>,
    row: Vec<f64>,
    scanned: usize,
}

impl Search {
    /// The squared deviations of one class from its mean.
    fn deviation(&self, start: usize, end: usize) -> f64 {
        let ([users_before, sum_before, squares_before], [users, sum, squares]) = (self.sums[start], self.sums[end]);
        let sum = sum - sum_before;
        (squares - squares_before - sum * sum / (users - users_before)).max(0.0)
    }

    /// Fills the row for all ends from the first to the last, whose last classes start within `starts`.
    fn fill(&mut self, best: &mut [u32], (first, last): (usize, usize), starts: (usize, usize)) {
        if first > last {
            return;
        }
        let end = first + (last - first) / 2;
        let (start, least) = self.best_start(end, (starts.0, starts.1.min(end - 1)));
        self.row[end] = least;
        best[end] = start as u32;
        self.fill(best, (first, end - 1), (starts.0, start));
        self.fill(best, (end + 1, last), (start, starts.1));
    }

    /// Where the last class of those before `end` starts best, and what deviation that leaves.
    fn best_start(&mut self, end: usize, (first, last): (usize, usize)) -> (usize, f64) {
        /// A few milliseconds of starts.
        const PACE: usize = 1 << 20;
        let mut found = (first, f64::INFINITY);
        for start in first..=last {
            let deviation = self.before[start] + self.deviation(start, end);
            if deviation < found.1 {
                found = (start, deviation);
            }
        }
        self.scanned += last + 1 - first;
        if self.scanned > PACE {
            self.scanned = 0;
            patience::check();
        }
        found
    }
}
