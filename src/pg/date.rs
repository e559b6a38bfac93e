//! Days and instants.

use pgrx::datum::Date;
use pgrx::{PgSqlErrorCode, pg_sys};
use strata_core::day::Day;

use crate::error::{not_null, raise};

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// An `as_of` argument.
pub fn as_of(date: Option<Date>) -> Day {
    day(not_null(date, "as_of", "Every reading is as of a day, such as DATE '2011-12-09'."), "as_of")
}

/// An `as_of` argument of a raw call.
pub fn as_of_datum(datum: Option<pg_sys::Datum>) -> Day {
    // SAFETY: any 32-bit number is a date or one of the infinities, which as_of refuses.
    as_of(datum.map(|datum| unsafe { Date::from_pg_epoch_days(datum.value() as i32) }))
}

/// A `date` argument; infinite ones raise with the argument's name.
pub fn day(date: Date, name: &str) -> Day {
    finite(date.to_pg_epoch_days()).unwrap_or_else(|| {
        raise(
            PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            format!("{name} must be a finite date"),
            Some("A ledger is read as of a day, such as DATE '2011-12-09'.".to_owned()),
        )
    })
}

pub fn date(day: Day) -> Date {
    // SAFETY: a day of the core lies within the range of PostgreSQL's date.
    unsafe { Date::from_pg_epoch_days(day.number()) }
}

/// A date's day; `None` for the infinities.
#[inline]
pub fn finite(days: i32) -> Option<Day> {
    Day::new(days as i64)
}

/// The day of a local timestamp (microseconds since 2000-01-01); `None` for the infinities.
#[inline]
pub fn day_of_timestamp(microseconds: pg_sys::Timestamp) -> Option<Day> {
    match microseconds {
        i64::MIN | i64::MAX => None,
        _ => Day::new(microseconds.div_euclid(MICROSECONDS_PER_DAY)),
    }
}
