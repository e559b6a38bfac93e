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

#[derive(Clone, Copy)]
enum Time {
    Date,
    Timestamp,
    TimestampTz,
}

#[derive(Clone, Copy)]
enum Amount {
    None,
    Numeric,
    BigInt,
    Integer,
    Double,
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
        let time = match call.type_of(at) {
            pg_sys::DATEOID => Time::Date,
            pg_sys::TIMESTAMPOID => Time::Timestamp,
            pg_sys::TIMESTAMPTZOID => Time::TimestampTz,
            other => refuse_type("time", other),
        };
        let (amount, zone_argument) = match (call.arity() - at - 1, call.type_of(at + 1)) {
            (0, _) => (Amount::None, None),
            (_, pg_sys::TEXTOID) => (Amount::None, Some(at + 1)),
            (arguments, amount) => {
                let amount = match amount {
                    pg_sys::NUMERICOID => Amount::Numeric,
                    pg_sys::INT8OID => Amount::BigInt,
                    pg_sys::INT4OID => Amount::Integer,
                    pg_sys::FLOAT8OID => Amount::Double,
                    other => refuse_type("amount", other),
                };
                (amount, (arguments > 1).then_some(at + 2))
            }
        };
        EventColumns { at, time, amount, zone_argument, zone: None }
    }

    /// The row's day.
    #[inline]
    pub fn day(&mut self, call: &Call<'_>, at: pg_sys::Datum) -> Day {
        let at = at.value() as i64;
        let day = match self.time {
            Time::Date => date::finite(at as i32),
            Time::Timestamp => day_of_timestamp(at),
            Time::TimestampTz => self.zone(call).day_of(at),
        };
        day.unwrap_or_else(|| self.refuse_time(at))
    }

    #[cold]
    fn refuse_time(&self, at: i64) -> ! {
        let infinite = match self.time {
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
        raise(PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, message, Some(hint.to_owned()))
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
        let money = match self.amount {
            Amount::None => return Money::ZERO,
            Amount::Numeric => unsafe { numeric::money_of(datum) },
            Amount::BigInt => Money::new(datum.value() as i64 as i128, 0),
            Amount::Integer => Money::new(datum.value() as i32 as i128, 0),
            Amount::Double => Money::from_f64(f64::from_bits(datum.value() as u64)),
        };
        money.unwrap_or_else(|error| self.refuse(error, datum))
    }

    #[cold]
    fn refuse(&self, error: NotMoney, datum: pg_sys::Datum) -> ! {
        // SAFETY: the amount is a numeric in this arm.
        let shown = match self.amount {
            Amount::Numeric => unsafe { AnyNumeric::from_datum(datum, false) }.map_or(String::new(), |n| n.to_string()),
            Amount::Double => match f64::from_bits(datum.value() as u64) {
                f64::INFINITY => "Infinity".to_owned(),
                f64::NEG_INFINITY => "-Infinity".to_owned(),
                number => number.to_string(),
            },
            _ => (datum.value() as i64).to_string(),
        };
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
        raise(code, message, Some(hint.to_owned()))
    }
}
