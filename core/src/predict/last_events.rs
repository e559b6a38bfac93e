//! What a user did last: the latest few events, by kind. Grouped over the users who went silent, it tells what comes
//! before the silence.
//!
//! ```text
//! version 1 | keep u8 | events: at i64 | length of kind u32 | kind
//! ```
//!
//! Events are ascending by time, then kind: the form is canonical, and merging is associative and commutative.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::day::Day;

use super::PredictError;

const VERSION: u8 = 1;
const NAME: &str = "last_events";
const EXAMPLE: &str = r#"{"keep":2,"events":[["2024-03-01T10:00:00","view"],["2024-03-01T10:05:00","cancel"]]}"#;
const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;
/// The longest kind, in bytes.
const LONGEST_KIND: usize = 1_000;

/// The latest events of a user, at most [`keep`](Self::keep) of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEvents {
    keep: u8,
    events: Vec<Event>,
}

/// An event: microseconds since 2000-01-01, and what it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub at: i64,
    pub kind: String,
}

impl LastEvents {
    /// Nothing yet.
    ///
    /// # Errors
    /// [`PredictError::Argument`] for anything but 1 to 100.
    pub fn new(keep: i64) -> Result<Self, PredictError> {
        match u8::try_from(keep) {
            Ok(keep @ 1..=100) => Ok(Self { keep, events: Vec::new() }),
            _ => Err(PredictError::argument("keep", keep, "from 1 to 100")),
        }
    }

    pub fn keep(&self) -> u8 {
        self.keep
    }

    /// Ascending by time, then kind.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Adds an event; one that comes too early to be kept changes nothing.
    ///
    /// # Errors
    /// [`PredictError::Argument`] for an infinite time, or a kind of more than 1000 bytes or with a NUL.
    pub fn add(&mut self, at: i64, kind: &str) -> Result<(), PredictError> {
        check(at, kind)?;
        self.insert(at, kind);
        Ok(())
    }

    /// Adds the events of another part of the user's history.
    ///
    /// # Errors
    /// [`PredictError::Argument`] where it keeps another number.
    pub fn merge(&mut self, other: &Self) -> Result<(), PredictError> {
        if self.keep != other.keep {
            return Err(PredictError::argument("keep", other.keep, "the same within one aggregate"));
        }
        other.events.iter().for_each(|event| self.insert(event.at, &event.kind));
        Ok(())
    }

    fn insert(&mut self, at: i64, kind: &str) {
        let place = self.events.partition_point(|event| (event.at, event.kind.as_str()) <= (at, kind));
        let full = self.events.len() >= usize::from(self.keep);
        if !(full && place == 0) {
            self.events.insert(place, Event { at, kind: kind.to_owned() });
            if full {
                self.events.remove(0);
            }
        }
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.keep];
        for event in &self.events {
            bytes.extend(event.at.to_le_bytes());
            bytes.extend((event.kind.len() as u32).to_le_bytes());
            bytes.extend(event.kind.as_bytes());
        }
        bytes
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`PredictError::State`] for anything that [`to_bytes`](Self::to_bytes) cannot have written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PredictError> {
        Self::read(bytes).ok_or_else(|| crate::score::ScoreError::corrupt(NAME, "it has another form").into())
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&[VERSION, keep], mut rest) = bytes.split_first_chunk()? else { return None };
        let mut read = Self::new(keep.into()).ok()?;
        while !rest.is_empty() {
            let (at, after) = rest.split_first_chunk()?;
            let (length, after) = after.split_first_chunk()?;
            let (kind, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            let (at, kind) = (i64::from_le_bytes(*at), std::str::from_utf8(kind).ok()?);
            check(at, kind).ok()?;
            read.events.push(Event { at, kind: kind.to_owned() });
            rest = after;
        }
        (read.events.len() <= usize::from(keep) && read.events.is_sorted()).then_some(read)
    }
}

fn check(at: i64, kind: &str) -> Result<(), PredictError> {
    if Day::new(at.div_euclid(MICROSECONDS_PER_DAY)).is_none() || at == i64::MAX {
        return Err(PredictError::argument("at", "infinity", "a finite timestamp"));
    }
    if kind.len() > LONGEST_KIND {
        return Err(PredictError::argument("kind", format!("{} bytes", kind.len()), "at most 1000 bytes"));
    }
    if kind.contains('\0') {
        return Err(PredictError::argument("kind", "one with a NUL", "a text"));
    }
    Ok(())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    keep: i64,
    events: Vec<(String, String)>,
}

impl FromStr for LastEvents {
    type Err = PredictError;

    fn from_str(text: &str) -> Result<Self, PredictError> {
        let malformed = |reason: String| PredictError::Text { what: NAME, reason, example: EXAMPLE };
        let text: Text = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        let mut read = Self::new(text.keep).map_err(|error| malformed(error.to_string()))?;
        if text.events.len() > usize::from(read.keep) {
            return Err(malformed(format!("{} events, and keep is {}", text.events.len(), read.keep)));
        }
        for (at, kind) in &text.events {
            let micros = instant(at).ok_or_else(|| malformed(format!("\"{at}\" is no timestamp")))?;
            read.add(micros, kind).map_err(|error| malformed(error.to_string()))?;
        }
        Ok(read)
    }
}

impl fmt::Display for LastEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.events.iter().map(|event| (printed(event.at), event.kind.clone())).collect();
        let text = Text { keep: self.keep.into(), events };
        f.write_str(&serde_json::to_string(&text).map_err(|_| fmt::Error)?)
    }
}

/// `2024-03-01T10:00:00`, with microseconds where there are any.
fn printed(at: i64) -> String {
    let (day, rest) = (at.div_euclid(MICROSECONDS_PER_DAY), at.rem_euclid(MICROSECONDS_PER_DAY));
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let day = Day::new(day).map_or_else(String::new, |day| day.to_string());
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{day}T{:02}:{:02}:{:02}{fraction}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The inverse of [`printed`].
fn instant(text: &str) -> Option<i64> {
    let (day, time) = text.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "000000"));
    let number = |text: &str, digits: usize, below: i64| {
        let digits_only = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number: &i64| digits_only && *number < below)
    };
    let mut parts = time.split(':');
    let mut next = |below: i64| number(parts.next()?, 2, below);
    let seconds = (next(24)? * 60 + next(60)?) * 60 + next(60)?;
    let micros = seconds * 1_000_000 + number(fraction, 6, 1_000_000)?;
    let day = i64::from(day.parse::<Day>().ok()?.number());
    (parts.next().is_none()).then(|| day.checked_mul(MICROSECONDS_PER_DAY)?.checked_add(micros)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the order and the parts: the last of all events; and the two forms read back.
        #[test]
        fn parts_merge_into_the_last_of_all(
            rows in prop::collection::vec((-5_000_000i64..5_000_000, "[a-c\"é]{0,2}"), 0..40), keep in 1..8i64, cut in 0..40usize,
        ) {
            let build = |rows: &[(i64, String)]| {
                let mut built = LastEvents::new(keep).unwrap();
                rows.iter().for_each(|(at, kind)| built.add(*at, kind).unwrap());
                built
            };
            let (left, right) = rows.split_at(cut.min(rows.len()));
            let mut merged = build(right);
            merged.merge(&build(left)).unwrap();
            let mut all: Vec<Event> = rows.iter().map(|(at, kind)| Event { at: *at, kind: kind.clone() }).collect();
            all.sort();
            all.drain(..all.len().saturating_sub(keep as usize));
            prop_assert_eq!(merged.events(), &all);
            prop_assert_eq!(merged.to_string().parse(), Ok(merged.clone()));
            prop_assert_eq!(LastEvents::from_bytes(&merged.to_bytes()), Ok(merged));
        }

        #[test]
        fn garbage_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = LastEvents::from_bytes(&bytes);
        }
    }
}
