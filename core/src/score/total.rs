//! An exact sum of decimals, and exact comparisons with its mean.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::ScoreError;

/// An exact sum of decimals: `mantissa / 10^scale`, without trailing zeros. A [`Decimal`] has 96 bits, which the sum of
/// a few million averages with 16 decimals can leave; this has 127, and says so where even these do not suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    mantissa: i128,
    scale: u8,
}

const LARGEST_DECIMAL: u128 = (1 << 96) - 1;

impl Total {
    /// `mantissa / 10^scale` in canonical form; `None` with more than 28 decimals.
    pub(super) fn new(mantissa: i128, scale: u8) -> Option<Self> {
        if u32::from(scale) > Decimal::MAX_SCALE {
            return None;
        }
        let (mut mantissa, mut scale) = (mantissa, scale);
        while scale > 0 && mantissa % 10 == 0 {
            (mantissa, scale) = (mantissa / 10, scale - 1);
        }
        Some(Self { mantissa, scale })
    }

    pub(super) fn parts(self) -> (i128, u8) {
        (self.mantissa, self.scale)
    }

    /// Adds `value` `count` times.
    ///
    /// # Errors
    /// [`ScoreError::OutOfRange`] where the sum would no longer be exact.
    pub(super) fn add(&mut self, value: Decimal, count: u64) -> Result<(), ScoreError> {
        // Trailing zeros must not cost digits; where they cost none, they may stay until the end.
        let value = if value.scale() > self.scale.into() { value.normalize() } else { value };
        self.checked_add(value.mantissa(), value.scale() as u8, count)
            .ok_or(ScoreError::OutOfRange { what: "the sum of the values" })
            .map(|sum| *self = sum)
    }

    fn checked_add(self, mantissa: i128, scale: u8, count: u64) -> Option<Self> {
        let common = self.scale.max(scale);
        let sum = self.mantissa.checked_mul(power_of_ten(common - self.scale))?;
        let term = mantissa.checked_mul(i128::from(count))?.checked_mul(power_of_ten(common - scale))?;
        Some(Self { mantissa: sum.checked_add(term)?, scale: common })
    }

    /// The same sum without trailing zeros.
    pub(super) fn normalized(self) -> Self {
        Self::new(self.mantissa, self.scale).unwrap_or(self)
    }

    /// Whether the mean of `users` values with this sum is a number that a [`Decimal`] can hold.
    pub(super) fn has_mean(self, users: u64) -> bool {
        let whole = self.mantissa.unsigned_abs() / power_of_ten(self.scale).unsigned_abs();
        users > 0 && whole / u128::from(users) < LARGEST_DECIMAL
    }

    /// The sum divided by `users`, to the 28 significant digits of a [`Decimal`]. For display; comparisons use
    /// [`compare_with_mean`](Self::compare_with_mean).
    pub(super) fn mean(self, users: u64) -> Decimal {
        let (mut mantissa, mut scale) = (self.mantissa, self.scale);
        while scale > 0 && mantissa.unsigned_abs() / u128::from(users) >= LARGEST_DECIMAL {
            (mantissa, scale) = (mantissa / 10, scale - 1);
        }
        let divisor = i128::from(users);
        let whole = Decimal::try_from_i128_with_scale(mantissa / divisor, scale.into()).unwrap_or_default();
        let rest = Decimal::from_i128_with_scale(mantissa % divisor, 0) / Decimal::from(users);
        (whole + rest * Decimal::new(1, scale.into())).normalize()
    }

    /// Compares `value * users` with the sum, exactly: on which side of the mean `value` lies.
    pub(super) fn compare_with_mean(self, value: Decimal, users: u64) -> Ordering {
        // Both sides, multiplied by 10^scale of the sum, are split into a whole part and a fraction below 1.
        let mean_whole = self.mantissa.div_euclid(users.into());
        let mean_rest = self.mantissa.rem_euclid(users.into()).unsigned_abs();
        let value_scale = value.scale() as u8;
        if value_scale <= self.scale {
            return match value.mantissa().checked_mul(power_of_ten(self.scale - value_scale)) {
                Some(whole) => whole.cmp(&mean_whole).then_with(|| 0.cmp(&mean_rest)),
                // Larger in size than any mean can be: the sign decides.
                None if value.is_sign_negative() => Ordering::Less,
                None => Ordering::Greater,
            };
        }
        let unit = power_of_ten(value_scale - self.scale);
        let whole = value.mantissa().div_euclid(unit);
        let rest = value.mantissa().rem_euclid(unit).unsigned_abs();
        whole.cmp(&mean_whole).then_with(|| compare_fractions((rest, unit.unsigned_abs()), (mean_rest, users.into())))
    }
}

/// Compares `a / b` with `c / d` by their continued fractions, so that no product can overflow. `b` and `d` are not 0.
pub(super) fn compare_fractions((mut a, mut b): (u128, u128), (mut c, mut d): (u128, u128)) -> Ordering {
    loop {
        let whole = (a / b).cmp(&(c / d));
        let (left, right) = (a % b, c % d);
        if whole.is_ne() {
            return whole;
        }
        if left == 0 || right == 0 {
            return left.cmp(&right);
        }
        // left / b < right / d exactly where d / right < b / left
        (a, b, c, d) = (d, right, b, left);
    }
}

/// 10^`exponent` for an exponent up to 28 (38 would fit).
fn power_of_ten(exponent: u8) -> i128 {
    10_i128.pow(exponent.into())
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.mantissa.unsigned_abs(), width = scale + 1);
        let (whole, decimals) = digits.split_at(digits.len() - scale);
        let point = if decimals.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{decimals}")
    }
}

impl FromStr for Total {
    type Err = ScoreError;

    /// Reads plain decimal digits (`-12.50`); an exponent, or more digits than can be kept exactly, are refused.
    fn from_str(text: &str) -> Result<Self, ScoreError> {
        let out_of_range = || ScoreError::OutOfRange { what: "the sum" };
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits_only = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let plain =
            digits_only(whole.strip_prefix('-').unwrap_or(whole)) && (digits_only(decimals) || !text.contains('.'));
        if !plain {
            return Err(ScoreError::text("cuts", format!("{text} is not a number in plain digits")));
        }
        let mantissa = format!("{whole}{decimals}").parse().map_err(|_| out_of_range())?;
        let scale = u8::try_from(decimals.len()).map_err(|_| out_of_range())?;
        Self::new(mantissa, scale).ok_or_else(out_of_range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_compare_without_overflow() {
        let huge = u128::MAX;
        assert_eq!(compare_fractions((huge - 1, huge), (huge - 2, huge - 1)), Ordering::Greater);
        assert_eq!(compare_fractions((0, 5), (0, 7)), Ordering::Equal);
        assert_eq!(compare_fractions((0, 5), (1, 7)), Ordering::Less);
        for (a, b, c, d) in [(1, 3, 2, 6), (1, 3, 1, 4), (3, 7, 5, 11), (22, 7, 355, 113), (5, 1, 4, 1)] {
            assert_eq!(compare_fractions((a, b), (c, d)), (a * d).cmp(&(c * b)), "{a}/{b} and {c}/{d}");
        }
    }

    #[test]
    fn text_is_exact_in_both_directions() {
        for text in ["0", "-0.5", "12.5", "170141183460469231731687303715884105727", "0.0000000000000000000000000001"] {
            assert_eq!(text.parse::<Total>().unwrap().to_string(), text);
        }
        assert_eq!("-12.500".parse::<Total>().unwrap().to_string(), "-12.5");
        for text in ["", "-", ".", "1.", ".5", "1e5", "+1", "1_000", "1.2.3", "--1", "NaN"] {
            assert!(text.parse::<Total>().is_err(), "{text}");
        }
        assert!("170141183460469231731687303715884105728".parse::<Total>().is_err());
        assert!("0.00000000000000000000000000001".parse::<Total>().is_err());
    }

    #[test]
    fn a_sum_that_is_no_longer_exact_is_refused() {
        let mut total = Total::default();
        total.add(Decimal::MAX, 1 << 20).unwrap();
        assert!(matches!(total.add(Decimal::new(1, 28), 1), Err(ScoreError::OutOfRange { .. })));
        assert_eq!(total.mean(1 << 20), Decimal::MAX);
    }
}
