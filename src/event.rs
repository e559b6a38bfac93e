//! Events as SQL passes them: a time, an amount, a time zone. What a day and an amount are is decided here, for every
//! function that counts events.

use pgrx::prelude::*;
use strata_core::day::Day;
use strata_core::money::{Money, NotMoney};

use crate::error::raise;
use crate::pg::call::Call;
use crate::pg::date::{self, day_of_timestamp};
use crate::pg::numeric;
use crate::pg::zone::Zone;

/// The arguments (at [, amount] [, time_zone]) of a call site: their types, and the time zone read last.
pub struct EventColumns {
    at: usize,
    time: Time,
    amount: Amount,
    zone_argument: Option<usize>,
    zone: Option<Zone>,
}

/// The types that the time of an event can have.
#[derive(Clone, Copy)]
pub enum Time {
    Date,
    Timestamp,
    TimestampTz,
}

/// The types that the amount of an event can have.
#[derive(Clone, Copy)]
pub enum Amount {
    None,
    Numeric,
    BigInt,
    Integer,
    Double,
}

/// Why an event cannot be counted.
pub struct Refusal {
    pub code: PgSqlErrorCode,
    pub message: String,
    pub hint: &'static str,
}

impl Refusal {
    #[cold]
    fn raise(self) -> ! {
        raise(self.code, self.message, Some(self.hint.to_owned()))
    }
}

/// A type that no signature of ours declares: only arguments of type "any" can have it.
fn refuse_type(what: &str, type_oid: pg_sys::Oid) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
        format!("the {what} of an event cannot be of type {}", crate::pg::query::type_name(type_oid)),
        None,
    )
}

impl EventColumns {
    /// The arguments from index `at` on.
    pub fn of(call: &Call<'_>, at: usize) -> EventColumns {
        let time = Time::of(call.type_of(at)).unwrap_or_else(|| refuse_type("time", call.type_of(at)));
        let (amount, zone_argument) = match (call.arity() - at - 1, call.type_of(at + 1)) {
            (0, _) => (Amount::None, None),
            (_, pg_sys::TEXTOID) => (Amount::None, Some(at + 1)),
            (arguments, amount) => {
                let amount = Amount::of(amount).unwrap_or_else(|| refuse_type("amount", amount));
                (amount, (arguments > 1).then_some(at + 2))
            }
        };
        EventColumns { at, time, amount, zone_argument, zone: None }
    }

    /// The row's day.
    #[inline]
    pub fn day(&mut self, call: &Call<'_>, at: pg_sys::Datum) -> Day {
        let time = self.time;
        time.day(at, || self.zone(call)).unwrap_or_else(|| time.refusal(at).raise())
    }

    #[inline]
    fn zone(&mut self, call: &Call<'_>) -> &mut Zone {
        // SAFETY: sql/internal/ledger_agg.sql declares the argument as text.
        let name = self
            .zone_argument
            .and_then(|argument| call.arg(argument))
            .map(|datum| unsafe { crate::pg::varlena::bytes_of(datum) });
        let Some(name) = name else {
            raise(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                "a timestamp with time zone needs to know where a day begins",
                Some(
                    "Name the time zone, as in ledger_agg(at, amount, 'Asia/Shanghai'), or pass at AT TIME ZONE 'Asia/Shanghai'."
                        .to_owned(),
                ),
            )
        };
        match &mut self.zone {
            Some(zone) if zone.is_named(name) => {}
            zone => *zone = Some(Zone::by_name(name)),
        }
        self.zone.as_mut().unwrap_or_else(|| unreachable!("set above"))
    }

    /// The row's amount; a NULL is 0.
    #[inline]
    pub fn amount(&self, call: &Call<'_>) -> Money {
        let Some(datum) = call.arg(self.at + 1) else {
            return Money::ZERO;
        };
        // SAFETY: the datum is of the type that the catalog declares for this argument.
        let money = unsafe { self.amount.money(datum) };
        money.unwrap_or_else(|error| unsafe { self.amount.refusal(error, datum) }.raise())
    }
}

impl Time {
    /// By the type of a column; `None` where it is no time.
    pub fn of(type_oid: pg_sys::Oid) -> Option<Time> {
        match type_oid {
            pg_sys::DATEOID => Some(Time::Date),
            pg_sys::TIMESTAMPOID => Some(Time::Timestamp),
            pg_sys::TIMESTAMPTZOID => Some(Time::TimestampTz),
            _ => None,
        }
    }

    /// The day of an event; `zone` is asked for where instants need one. `None` where it has no day.
    #[inline]
    pub fn day<'z>(self, at: pg_sys::Datum, zone: impl FnOnce() -> &'z mut Zone) -> Option<Day> {
        let at = at.value() as i64;
        match self {
            Time::Date => date::finite(at as i32),
            Time::Timestamp => day_of_timestamp(at),
            Time::TimestampTz => zone().day_of(at),
        }
    }

    /// Why a time has no day.
    #[cold]
    pub fn refusal(self, at: pg_sys::Datum) -> Refusal {
        let at = at.value() as i64;
        let infinite = match self {
            Time::Date => matches!(at as i32, i32::MIN | i32::MAX),
            Time::Timestamp | Time::TimestampTz => matches!(at, i64::MIN | i64::MAX),
        };
        let (message, hint) = match infinite {
            true => (
                "an event at infinity has no day",
                "Leave such rows out, as in: ledger_agg(at, amount) FILTER (WHERE isfinite(at)).",
            ),
            false => ("the day of an event is out of range", "Days start with 4714-11-24 BC."),
        };
        Refusal { code: PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, message: message.to_owned(), hint }
    }
}

impl Amount {
    /// By the type of a column; `None` where it is no amount.
    pub fn of(type_oid: pg_sys::Oid) -> Option<Amount> {
        match type_oid {
            pg_sys::NUMERICOID => Some(Amount::Numeric),
            pg_sys::INT8OID => Some(Amount::BigInt),
            pg_sys::INT4OID => Some(Amount::Integer),
            pg_sys::FLOAT8OID => Some(Amount::Double),
            _ => None,
        }
    }

    /// The amount of an event.
    ///
    /// # Safety
    /// The datum is of the type that this stands for.
    #[inline]
    pub unsafe fn money(self, datum: pg_sys::Datum) -> Result<Money, NotMoney> {
        match self {
            Amount::None => Ok(Money::ZERO),
            // SAFETY: by the caller's word.
            Amount::Numeric => unsafe { numeric::money_of(datum) },
            Amount::BigInt => Money::new(datum.value() as i64 as i128, 0),
            Amount::Integer => Money::new(datum.value() as i32 as i128, 0),
            Amount::Double => Money::from_f64(f64::from_bits(datum.value() as u64)),
        }
    }

    /// As SQL shows it.
    ///
    /// # Safety
    /// As for [`Amount::money`].
    pub unsafe fn shown(self, datum: pg_sys::Datum) -> String {
        match self {
            // SAFETY: by the caller's word.
            Amount::Numeric => unsafe { AnyNumeric::from_datum(datum, false) }.map_or(String::new(), |n| n.to_string()),
            Amount::Double => match f64::from_bits(datum.value() as u64) {
                f64::INFINITY => "Infinity".to_owned(),
                f64::NEG_INFINITY => "-Infinity".to_owned(),
                number => number.to_string(),
            },
            _ => (datum.value() as i64).to_string(),
        }
    }

    /// Why a number is no amount.
    ///
    /// # Safety
    /// As for [`Amount::money`].
    #[cold]
    pub unsafe fn refusal(self, error: NotMoney, datum: pg_sys::Datum) -> Refusal {
        // SAFETY: by the caller's word.
        let shown = unsafe { self.shown(datum) };
        let (code, message, hint) = match error {
            NotMoney::NotFinite => (
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("amount {shown} is not a finite number"),
                "Use NULL for an event without an amount.",
            ),
            NotMoney::TooManyDecimals => (
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("amount {shown} has more than 6 decimals"),
                "Round it first, as in ledger_agg(at, round(amount, 6)).",
            ),
            NotMoney::OutOfRange => (
                PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                format!("amount {shown} is out of range"),
                "An amount without its decimal point must be less than 9223372036854775808.",
            ),
        };
        Refusal { code, message, hint }
    }
}
