//! Time zones: from an instant to the day on the clock of a place.

use std::ffi::CString;

use pgrx::{PgSqlErrorCode, pg_sys};
use strata_core::day::Day;

use super::date::day_of_timestamp;
use crate::error::raise;

const MICROSECONDS: i64 = 1_000_000;
/// Seconds from 1970-01-01, where PostgreSQL's time zone code counts from, to 2000-01-01, where timestamps do.
const EPOCH_SHIFT: i64 = 946_684_800;

/// A time zone with the stretches of constant offset that were met so far, the last one first: rows of the same season
/// cost one comparison.
pub struct Zone {
    name: Vec<u8>,
    zone: *mut pg_sys::pg_tz,
    stretches: Vec<Stretch>,
}

/// The offset from UTC in force for the seconds `from .. to` (since 1970).
#[derive(Clone, Copy)]
struct Stretch {
    from: i64,
    to: i64,
    offset: i64,
}

impl Zone {
    /// A zone by its full name ('Asia/Shanghai') or POSIX specification; anything else raises 22023.
    pub fn by_name(name: &[u8]) -> Zone {
        let zone = match CString::new(name) {
            // SAFETY: a NUL-terminated string; the zone lives in a cache of the backend for good.
            Ok(name) => unsafe { pg_sys::pg_tzset(name.as_ptr()) },
            Err(_) => std::ptr::null_mut(),
        };
        if zone.is_null() {
            raise(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("time zone \"{}\" not recognized", String::from_utf8_lossy(name)),
                Some(
                    "Use a full name such as 'Asia/Shanghai' or 'UTC'; SELECT name FROM pg_timezone_names lists them."
                        .to_owned(),
                ),
            );
        }
        Zone { name: name.to_vec(), zone, stretches: Vec::new() }
    }

    pub fn is_named(&self, name: &[u8]) -> bool {
        self.name == name
    }

    /// The local day of an instant (microseconds since 2000-01-01 UTC); `None` for the infinities.
    #[inline]
    pub fn day_of(&mut self, instant: pg_sys::TimestampTz) -> Option<Day> {
        if matches!(instant, i64::MIN | i64::MAX) {
            return None;
        }
        let second = instant.div_euclid(MICROSECONDS) + EPOCH_SHIFT;
        let offset = match self.stretches.first() {
            Some(stretch) if (stretch.from..stretch.to).contains(&second) => stretch.offset,
            _ => self.find(second).offset,
        };
        day_of_timestamp(instant.saturating_add(offset * MICROSECONDS))
    }

    /// Brings the stretch around `second` to the front.
    #[cold]
    fn find(&mut self, second: i64) -> Stretch {
        let known = self.stretches.iter().position(|stretch| (stretch.from..stretch.to).contains(&second));
        let stretch = match known {
            Some(index) => self.stretches.remove(index),
            None => self.look_up(second),
        };
        self.stretches.insert(0, stretch);
        stretch
    }

    /// The stretch from `second` to the next change of the clock, joined with a known one that ends there.
    fn look_up(&mut self, second: i64) -> Stretch {
        let (mut before, mut before_dst, mut boundary, mut after, mut after_dst) = (0, 0, 0, 0, 0);
        // SAFETY: a loaded zone and five places to write to.
        let found = unsafe {
            pg_sys::pg_next_dst_boundary(
                &second,
                &mut before,
                &mut before_dst,
                &mut boundary,
                &mut after,
                &mut after_dst,
                self.zone,
            )
        };
        if found < 0 {
            raise(PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, "timestamp out of range", None);
        }
        let to = if found > 0 { boundary } else { i64::MAX };
        self.stretches.retain(|stretch| stretch.to != to);
        Stretch { from: second, to, offset: before }
    }
}
