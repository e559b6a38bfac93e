//! `numeric`, read from its digits and written without a detour through text.

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::{FromDatum, IntoDatum, PgSqlErrorCode, pg_sys};
use rust_decimal::Decimal;
use strata_core::money::{MAX_SCALE, Money, NotMoney};

use super::varlena::bytes_of;
use crate::error::raise;

/// A `numeric` taken apart: `sign * 0.d1 d2 d3 … * 10000^(weight + 1)` with digits in base 10000.
///
/// Source: the on-disk format in PostgreSQL's utils/adt/numeric.c, unchanged since 9.1 and kept by pg_upgrade.
struct Parts<'a> {
    negative: bool,
    /// Decimals to show; there are never more than that.
    display_scale: u32,
    /// Power of 10000 of the first digit.
    weight: i32,
    digits: &'a [[u8; 2]],
}

const SIGN_MASK: u16 = 0xc000;
const SHORT: u16 = 0x8000;
const SPECIAL: u16 = 0xc000;
const LONG_NEGATIVE: u16 = 0x4000;

impl<'a> Parts<'a> {
    /// `None` for NaN and the infinities.
    #[inline(always)]
    fn read(bytes: &'a [u8]) -> Option<Parts<'a>> {
        let (words, _) = bytes.as_chunks::<2>();
        let (&header, rest) = words.split_first()?;
        let header = u16::from_ne_bytes(header);
        match header & SIGN_MASK {
            SPECIAL => None,
            SHORT => Some(Parts {
                negative: header & 0x2000 != 0,
                display_scale: (header as u32 & 0x1f80) >> 7,
                weight: if header & 0x40 != 0 { (header | !0x3f) as i16 as i32 } else { (header & 0x3f) as i32 },
                digits: rest,
            }),
            sign => {
                let (&weight, digits) = rest.split_first()?;
                Some(Parts {
                    negative: sign == LONG_NEGATIVE,
                    display_scale: (header & !SIGN_MASK) as u32,
                    weight: i16::from_ne_bytes(weight) as i32,
                    digits,
                })
            }
        }
    }

    /// The digits as one integer and the number of decimals in it; `None` where it exceeds 128 bits.
    fn mantissa(&self) -> Option<(i128, u32)> {
        let mut mantissa = 0i128;
        for &digit in self.digits {
            mantissa = mantissa.checked_mul(10_000)?.checked_add(i16::from_ne_bytes(digit) as i128)?;
        }
        let signed = if self.negative { -mantissa } else { mantissa };
        // the last digit stands for 10000^(weight - digits + 1)
        let exponent = 4 * (self.weight + 1 - self.digits.len() as i32);
        match exponent {
            _ if signed == 0 => Some((0, 0)),
            ..0 => Some((signed, exponent.unsigned_abs())),
            0..=36 => Some((signed.checked_mul(10i128.pow(exponent as u32))?, 0)),
            _ => None,
        }
    }
}

/// The amount in a `numeric` argument, at its display scale where that has no more than six decimals.
///
/// # Safety
/// `datum` is a `numeric`.
#[inline(always)]
pub unsafe fn money_of(datum: pg_sys::Datum) -> Result<Money, NotMoney> {
    // SAFETY: by the caller's word; a numeric is a varlena.
    let parts = Parts::read(unsafe { bytes_of(datum) }).ok_or(NotMoney::NotFinite)?;
    match small_money(&parts) {
        Some(money) => Ok(money),
        None => large_money(&parts),
    }
}

#[cold]
fn large_money(parts: &Parts<'_>) -> Result<Money, NotMoney> {
    let (mut mantissa, mut scale) = parts.mantissa().ok_or(NotMoney::OutOfRange)?;
    // the digits go in fours; only the display scale says how many decimals were meant
    while scale > parts.display_scale && mantissa % 10 == 0 {
        (mantissa, scale) = (mantissa / 10, scale - 1);
    }
    let missing = parts.display_scale.min(MAX_SCALE.into()).saturating_sub(scale);
    match mantissa.checked_mul(10i128.pow(missing)) {
        Some(raised) => Money::new(raised, scale + missing),
        None => Money::new(mantissa, scale),
    }
}

/// The common case, without 128-bit arithmetic and long division: up to two digits of base 10000 on either side of the
/// point.
#[inline(always)]
fn small_money(parts: &Parts<'_>) -> Option<Money> {
    let mut places = [0i64; 4];
    let first = usize::try_from(1 - parts.weight).ok()?;
    for (place, digit) in places.get_mut(first..first + parts.digits.len())?.iter_mut().zip(parts.digits) {
        *place = i16::from_ne_bytes(*digit) as i64;
    }
    let [ten_thousands, units, tenths_of_thousandths, hundred_millionths] = places;
    let whole = ten_thousands * 10_000 + units;
    // constant divisors: the compiler multiplies instead
    let mantissa = match parts.display_scale {
        0 => whole,
        1 => whole * 10 + tenths_of_thousandths / 1_000,
        2 => whole * 100 + tenths_of_thousandths / 100,
        3 => whole * 1_000 + tenths_of_thousandths / 10,
        4 => whole * 10_000 + tenths_of_thousandths,
        5 => whole * 100_000 + tenths_of_thousandths * 10 + hundred_millionths / 1_000,
        6 => whole * 1_000_000 + tenths_of_thousandths * 100 + hundred_millionths / 100,
        _ => return None,
    };
    Money::exact(if parts.negative { -mantissa } else { mantissa }, parts.display_scale as u8)
}

/// A `numeric` argument as an exact decimal of up to 28 digits.
pub struct Exact(pub Decimal);

impl FromDatum for Exact {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: SQL declares the argument as numeric.
        (!is_null).then(|| Exact(unsafe { decimal_of(datum) }))
    }
}

/// The decimal in a `numeric` datum, rounded to 28 digits; `None` for NaN, infinities and numbers that do not fit.
///
/// # Safety
/// `datum` is a `numeric`.
pub unsafe fn decimal_or_none(datum: pg_sys::Datum) -> Option<Decimal> {
    // SAFETY: by the caller's word; a numeric is a varlena.
    let parts = Parts::read(unsafe { bytes_of(datum) })?;
    let exact = parts.mantissa().and_then(|(mantissa, scale)| Decimal::try_from_i128_with_scale(mantissa, scale).ok());
    exact.or_else(|| {
        // SAFETY: as above.
        let number = unsafe { pgrx::AnyNumeric::from_datum(datum, false) }?;
        number.to_string().parse().ok()
    })
}

/// The decimal in a `numeric` datum; NaN, infinities and more than 28 digits raise.
///
/// # Safety
/// `datum` is a `numeric`.
pub unsafe fn decimal_of(datum: pg_sys::Datum) -> Decimal {
    // SAFETY: by the caller's word; a numeric is a varlena.
    let Some(parts) = Parts::read(unsafe { bytes_of(datum) }) else {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "NaN and infinity cannot be scored",
            Some("Leave such rows out, as in: WHERE value <> 'NaN'.".to_owned()),
        )
    };
    let decimal = parts.mantissa().and_then(|(mut mantissa, mut scale)| {
        while mantissa % 10 == 0 && scale > 0 {
            (mantissa, scale) = (mantissa / 10, scale - 1);
        }
        Decimal::try_from_i128_with_scale(mantissa, scale).ok()
    });
    decimal.unwrap_or_else(|| {
        raise(
            PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            "a value has more than 28 digits",
            Some("Round it first, as in: round(value, 6).".to_owned()),
        )
    })
}

// SAFETY: the default of `unbox_nullable_arg` keeps NULLs away from here.
unsafe impl<'fcx> ArgAbi<'fcx> for Exact {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_else(|| unreachable!("a NULL is taken as an Option"))
    }
}

impl IntoDatum for Exact {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(numeric_of(self.0))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::NUMERICOID
    }
}

// SAFETY: the datum is a numeric in the current memory context.
unsafe impl BoxRet for Exact {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        unsafe { fcinfo.return_raw_datum(numeric_of(self.0)) }
    }
}

pgrx::impl_sql_translatable!(Exact, "numeric");

/// A `numeric` in the current memory context.
pub fn numeric_of(value: Decimal) -> pg_sys::Datum {
    match i64::try_from(value.mantissa()) {
        // SAFETY: a pure function of two integers.
        Ok(mantissa) => {
            pg_sys::Datum::from(unsafe { pg_sys::int64_div_fast_to_numeric(mantissa, value.scale() as i32) })
        }
        Err(_) => match pgrx::AnyNumeric::try_from(value.to_string().as_str()) {
            Ok(numeric) => numeric.into_datum().unwrap_or_else(|| unreachable!("a number is not NULL")),
            Err(error) => raise(PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, error.to_string(), None),
        },
    }
}

/// `dividend / divisor` as PostgreSQL divides numerics; the divisor is not 0.
pub fn divide(dividend: Decimal, divisor: i64) -> pgrx::AnyNumeric {
    // SAFETY: both datums are numerics, and so is the quotient.
    let quotient = unsafe {
        pgrx::direct_function_call::<pgrx::AnyNumeric>(
            pg_sys::numeric_div,
            &[Some(numeric_of(dividend)), Some(numeric_of(Decimal::from(divisor)))],
        )
    };
    quotient.unwrap_or_else(|| unreachable!("a quotient of numbers is a number"))
}
