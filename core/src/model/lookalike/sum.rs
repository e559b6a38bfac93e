//! Sums of doubles with twice the digits: whatever the order, they agree far beyond those that are shown.

/// A sum as an unevaluated pair, the second part less than half a unit in the last place of the first (Dekker 1971).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    pub(super) const BYTES: usize = 16;

    pub(super) fn add(&mut self, value: f64) {
        self.merge(Sum { high: value, low: 0.0 });
    }

    /// Adds the exact square.
    pub(super) fn add_square(&mut self, value: f64) {
        let square = value * value;
        self.merge(Sum { high: square, low: value.mul_add(value, -square) });
    }

    pub(super) fn merge(&mut self, other: Sum) {
        let (sum, error) = two_sum(self.high, other.high);
        let (high, low) = two_sum(sum, error + (self.low + other.low));
        *self = Sum { high, low };
    }

    pub(super) fn value(self) -> f64 {
        self.high + self.low
    }

    /// The mean square of so many values around their mean, by this sum of theirs and that of their squares.
    pub(super) fn variance(self, squares: Sum, count: f64) -> f64 {
        // n Σx² - (Σx)², with twice the digits: what is left of close numbers is still a number
        let mut difference = Sum::default();
        // the square of the low part is beyond all digits
        for (sum, sign) in [(self.high, -1.0), (self.low, -2.0)] {
            let product = sum * self.high;
            difference.merge(Sum { high: sign * product, low: sign * sum.mul_add(self.high, -product) });
        }
        for part in [squares.high, squares.low] {
            let product = part * count;
            difference.merge(Sum { high: product, low: part.mul_add(count, -product) });
        }
        (difference.value() / (count * count)).max(0.0)
    }

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.high.to_le_bytes());
        bytes[8..].copy_from_slice(&self.low.to_le_bytes());
        bytes
    }

    /// `None` for numbers that are not finite.
    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let [high, low] = [0, 8].map(|place| f64::from_le_bytes(std::array::from_fn(|byte| bytes[place + byte])));
        (high.is_finite() && low.is_finite()).then_some(Self { high, low })
    }
}

/// The sum and what rounding took from it (Knuth).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let rest = sum - a;
    (sum, (a - (sum - rest)) + (b - rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whole numbers give the exact variance, whatever they have in common.
        #[test]
        fn variances_keep_their_digits(values in prop::collection::vec(-50_i64..50, 1..40), shift in -1_000_000_000_000_i64..1_000_000_000_000) {
            let count = values.len() as i128;
            let (sum, squares) = values.iter().fold((0i128, 0i128), |(sum, squares), value| {
                (sum + i128::from(*value), squares + i128::from(*value).pow(2))
            });
            let exact = (count * squares - sum * sum) as f64 / (count * count) as f64;
            let (mut total, mut total_squares) = (Sum::default(), Sum::default());
            for value in &values {
                total.add((value + shift) as f64);
                total_squares.add_square((value + shift) as f64);
            }
            let found = total.variance(total_squares, values.len() as f64);
            prop_assert!((found - exact).abs() <= 1e-9 * (1.0 + exact), "{found} {exact}");
        }
    }
}
