use std::fmt;

use crate::day::Day;
use crate::error::{ErrorKind, UserError};

/// What can go wrong with a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerError {
    /// The bytes are no ledger; the detail says where they stop making sense.
    Corrupt(&'static str),
    /// The bytes were written by another version of the format.
    UnknownVersion(u8),
    /// The text is no ledger; the detail says why.
    MalformedText(String),
    /// A day's gross amount or credits do not fit a 64-bit mantissa.
    AmountOverflow(Day),
    /// A day has more than 4,294,967,295 events.
    EventsOverflow(Day),
    /// A retraction takes more from a day than is there.
    NegativeEvents {
        day: Day,
        present: u32,
        retracted: u32,
    },
    /// A retraction takes more money from a day than is there.
    NegativeAmount(Day),
    /// A user's key of more than 16 MB.
    KeyTooLong(usize),
    /// A window of no days.
    EmptyWindow(i32),
    OutOfMemory,
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerError::Corrupt(detail) => write!(f, "malformed ledger: {detail}"),
            LedgerError::UnknownVersion(version) => {
                write!(f, "unknown ledger format version {version}")
            }
            LedgerError::MalformedText(detail) => write!(f, "malformed ledger: {detail}"),
            LedgerError::AmountOverflow(day) => write!(f, "amount out of range on {day}"),
            LedgerError::EventsOverflow(day) => write!(f, "too many events on {day}"),
            LedgerError::NegativeEvents { day, present, retracted } => {
                write!(f, "cannot retract {retracted} events from the {present} on {day}")
            }
            LedgerError::NegativeAmount(day) => {
                write!(f, "cannot retract more than the amounts that are there on {day}")
            }
            LedgerError::KeyTooLong(bytes) => write!(f, "a user's key of {bytes} bytes exceeds 16 MB"),
            LedgerError::EmptyWindow(days) => {
                write!(f, "window_days must be at least 1, not {days}")
            }
            LedgerError::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

impl UserError for LedgerError {
    fn kind(&self) -> ErrorKind {
        match self {
            LedgerError::Corrupt(_) | LedgerError::UnknownVersion(_) => ErrorKind::MalformedBinary,
            LedgerError::MalformedText(_) => ErrorKind::MalformedText,
            LedgerError::AmountOverflow(_)
            | LedgerError::EventsOverflow(_)
            | LedgerError::NegativeEvents { .. }
            | LedgerError::NegativeAmount(_) => ErrorKind::OutOfRange,
            LedgerError::EmptyWindow(_) => ErrorKind::InvalidParameter,
            LedgerError::KeyTooLong(_) => ErrorKind::LimitExceeded,
            LedgerError::OutOfMemory => ErrorKind::OutOfMemory,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            LedgerError::MalformedText(_) => {
                "A ledger reads {\"2011-12-07\": [1, 771.5], \"2011-12-09\": [0, 0, 12.5]}: for each day, in order, the events, the gross amount and the credits."
            }
            LedgerError::AmountOverflow(_) => {
                "The amounts of one day must sum to less than 9223372036854775808 divided by 10 for each decimal in use."
            }
            LedgerError::NegativeEvents { .. } | LedgerError::NegativeAmount(_) => {
                "Only what was added to a ledger can be taken from it."
            }
            LedgerError::EmptyWindow(_) => {
                "A window of n days ends at as_of and starts n - 1 days before; NULL reads everything."
            }
            LedgerError::UnknownVersion(_) => "Was it written by a newer version of pg_strata?",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl std::error::Error for LedgerError {}
