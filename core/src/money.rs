//! One exact amount: a 64-bit mantissa and up to six decimals.

use std::fmt;

use rust_decimal::Decimal;

/// The most decimals an amount can have.
pub const MAX_SCALE: u8 = 6;

/// The most that one row of a source may be worth, either way. Rows beyond it are put aside one by one, by themselves:
/// a bound on their sums would depend on the order in which they come. Some million rows of this size fit a ledger's day.
pub const LARGEST_OF_A_ROW: i64 = 1_000_000_000_000;

pub(crate) const POWERS_OF_TEN: [i64; 19] = {
    let mut powers = [1; 19];
    let mut exponent = 1;
    while exponent < 19 {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// `mantissa / 10^scale`, with `scale <= 6`. The same number may stand at several scales; [`Money::reduced`] is unique.
#[derive(Debug, Clone, Copy)]
pub struct Money {
    mantissa: i64,
    scale: u8,
}

/// Why a number is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotMoney {
    /// NaN or infinite.
    NotFinite,
    /// More than [`MAX_SCALE`] decimals that are not zero.
    TooManyDecimals,
    /// The mantissa does not fit 64 bits.
    OutOfRange,
}

impl Money {
    pub const ZERO: Money = Money { mantissa: 0, scale: 0 };

    /// `mantissa / 10^scale`. Decimals beyond the sixth must be zero.
    pub fn new(mantissa: i128, scale: u32) -> Result<Money, NotMoney> {
        let (mut mantissa, mut scale) = (mantissa, scale);
        while scale > MAX_SCALE as u32 {
            if mantissa % 10 != 0 {
                return Err(NotMoney::TooManyDecimals);
            }
            (mantissa, scale) = (mantissa / 10, if mantissa == 0 { 0 } else { scale - 1 });
        }
        match i64::try_from(mantissa) {
            Ok(mantissa) if mantissa != i64::MIN => Ok(Money { mantissa, scale: scale as u8 }),
            _ if scale > 0 && mantissa % 10 == 0 => Money::new(mantissa / 10, scale - 1),
            _ => Err(NotMoney::OutOfRange),
        }
    }

    /// `mantissa / 10^scale` as it stands; `None` where one of the two is out of range.
    #[inline]
    pub fn exact(mantissa: i64, scale: u8) -> Option<Money> {
        (mantissa != i64::MIN && scale <= MAX_SCALE).then_some(Money { mantissa, scale })
    }

    /// The double as its shortest decimal form reads, rounded to six decimals, half away from zero.
    ///
    /// (Not its exact binary value: 8643818914.03 is stored as 8643818914.0300007 and would end in ...0001.)
    pub fn from_f64(value: f64) -> Result<Money, NotMoney> {
        /// Below this, a double's millionths are off by less than 2^-6 from those of its shortest form.
        const EXACT_ENOUGH: f64 = (1u64 << 46) as f64;
        if !value.is_finite() {
            return Err(NotMoney::NotFinite);
        }
        let millionths = value * 1e6;
        let rounded = millionths.round();
        let clear_of_ties = (millionths - rounded).abs() < 0.48;
        let exact = match value.abs() {
            0.0..1e19 if clear_of_ties && rounded.abs() < EXACT_ENOUGH => rounded as i128,
            0.0..1e19 => rounded_millionths(&format!("{value}")),
            _ => return Err(NotMoney::OutOfRange),
        };
        Money::new(exact, MAX_SCALE as u32).map(Money::reduced)
    }

    pub fn mantissa(self) -> i64 {
        self.mantissa
    }

    pub fn scale(self) -> u8 {
        self.scale
    }

    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// Whether it is beyond [`LARGEST_OF_A_ROW`].
    pub fn is_beyond(self) -> bool {
        self.mantissa.unsigned_abs() > largest_at(self.scale)
    }

    /// The same number with the fewest decimals.
    pub fn reduced(self) -> Money {
        self.reduced_to(0)
    }

    /// The same number with the fewest decimals, but at least `scale` where it has as many.
    pub(crate) fn reduced_to(self, scale: u8) -> Money {
        let mut money = self;
        while money.scale > scale && money.mantissa % 10 == 0 {
            money = Money { mantissa: money.mantissa / 10, scale: money.scale - 1 };
        }
        money
    }

    /// The mantissa at another scale, where it is exact and fits.
    pub(crate) fn mantissa_at(self, scale: u8) -> Option<i64> {
        let raised = scale.checked_sub(self.scale)?;
        self.mantissa.checked_mul(POWERS_OF_TEN[raised as usize])
    }
}

/// [`LARGEST_OF_A_ROW`] as a mantissa: with six decimals it is 10^18.
pub(crate) fn largest_at(scale: u8) -> u64 {
    LARGEST_OF_A_ROW as u64 * POWERS_OF_TEN[scale as usize] as u64
}

/// Millionths of a plain decimal number of at most 20 integer digits, rounded half away from zero.
fn rounded_millionths(text: &str) -> i128 {
    let (digits, sign) = match text.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (text, 1),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let seven = fraction.bytes().chain(std::iter::repeat(b'0')).take(MAX_SCALE as usize + 1);
    let ten_millionths = whole.bytes().chain(seven).fold(0, |sum, digit| sum * 10 + (digit - b'0') as i128);
    sign * ((ten_millionths + 5) / 10)
}

impl From<i64> for Money {
    /// Whole units; `i64::MIN`, whose magnitude has no 64-bit mantissa, is the caller's to refuse.
    fn from(units: i64) -> Money {
        Money { mantissa: units, scale: 0 }
    }
}

impl PartialEq for Money {
    fn eq(&self, other: &Money) -> bool {
        let (a, b) = (self.reduced(), other.reduced());
        (a.mantissa, a.scale) == (b.mantissa, b.scale)
    }
}

impl Eq for Money {}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::new(self.mantissa, self.scale as u32).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        Money::from_f64(value).map_or_else(|error| format!("{error:?}"), |money| money.to_string())
    }

    #[test]
    fn doubles_are_rounded_half_away_from_zero() {
        assert_eq!(text(0.1), "0.1");
        assert_eq!(text(-2.5e-7), "0");
        assert_eq!(text(1.0 / 128.0 / 128.0), "0.000061");
        assert_eq!(text(0.000_000_5), "0.000001");
        assert_eq!(text(-1.000_000_5), "-1.000001");
        assert_eq!(text(8_643_818_914.03), "8643818914.03");
        assert_eq!(text(1.5), "1.5");
        assert_eq!(text(0.000_976_562_5), "0.000977");
        assert_eq!(text(-0.000_976_562_5), "-0.000977");
        assert_eq!(text(12_345_678_901.1), "12345678901.1");
        assert_eq!(text(f64::NAN), "NotFinite");
        assert_eq!(text(f64::INFINITY), "NotFinite");
        assert_eq!(text(1e19), "OutOfRange");
        assert_eq!(text(9.2e18), "9200000000000000000");
        assert_eq!(text(f64::MAX), "OutOfRange");
        assert_eq!(text(f64::MIN_POSITIVE), "0");
    }

    #[test]
    fn decimals_beyond_the_sixth_must_be_zero() {
        assert_eq!(Money::new(1_500_000_000, 9).map(|m| m.to_string()), Ok("1.500000".into()));
        assert_eq!(Money::new(1, 7).err(), Some(NotMoney::TooManyDecimals));
        assert_eq!(Money::new(0, 40_000).ok(), Some(Money::ZERO));
        assert_eq!(Money::new(i64::MAX as i128 + 1, 0).err(), Some(NotMoney::OutOfRange));
        assert_eq!(Money::new(i64::MIN as i128, 0).err(), Some(NotMoney::OutOfRange));
        // the number fits, its zeros do not
        assert_eq!(
            Money::new(9_000_000_000_000_000_000 * 100, 2).map(|m| m.to_string()),
            Ok("9000000000000000000".into())
        );
    }

    #[test]
    fn a_row_has_a_bound() {
        let beyond = |mantissa, scale| Money::new(mantissa, scale).map(Money::is_beyond);
        assert_eq!(beyond(1_000_000_000_000, 0), Ok(false));
        assert_eq!(beyond(1_000_000_000_001, 0), Ok(true));
        assert_eq!(beyond(-1_000_000_000_001, 0), Ok(true));
        assert_eq!(beyond(1_000_000_000_000_000_000, 6), Ok(false));
        assert_eq!(beyond(-1_000_000_000_000_000_001, 6), Ok(true));
    }

    proptest! {
        #[test]
        fn doubles_of_cents_are_exact(cents in -1_000_000_000_000i64..1_000_000_000_000) {
            prop_assert_eq!(Money::from_f64(cents as f64 / 100.0).ok(), Money::new(cents as i128, 2).ok());
        }
    }
}
