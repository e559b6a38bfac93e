//! What can go wrong: one enum, with a message that names the bad value and a hint that shows a valid one.

use std::fmt;

use crate::error::{ErrorKind, UserError};

/// An error of this module. `Display` gives the message, [`hint`](Self::hint) a valid example.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScoreError {
    /// A name outside a fixed list: tie policy, direction, scheme, language, split.
    UnknownName { what: &'static str, value: String, valid: Vec<&'static str> },
    /// The number of bins lies outside 2..=10.
    Bins { value: i64 },
    /// One aggregate was called with other parameters than before, or two states with different ones were merged.
    ConfigChanged,
    /// A scheme of five bins met other bins.
    NeedsFiveBins { what: String, bins: u8 },
    /// A score that the scheme does not have.
    ScoreOutOfRange { value: i64, highest: u8 },
    /// A scheme that reads groups was asked about scores, or the other way round.
    WrongReading { scheme: &'static str, reads: &'static str },
    /// Split `fixed` came without its three constants.
    FixedMissing,
    /// Constants came with a split that has no use for them.
    FixedUnused { split: String },
    /// Text that is not the text form of a value.
    Text { what: &'static str, reason: String },
    /// Bytes that are not the binary form of a value.
    Corrupt { what: &'static str, reason: String },
    /// A number left the range in which it is exact.
    OutOfRange { what: &'static str },
    /// The aggregate state would outgrow the largest value that can be kept.
    TooManyRows { limit: u64 },
    /// Memory for a large buffer was refused.
    OutOfMemory { bytes: usize },
}

impl UserError for ScoreError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Text { .. } => ErrorKind::MalformedText,
            Self::Corrupt { .. } => ErrorKind::MalformedBinary,
            Self::OutOfRange { .. } => ErrorKind::OutOfRange,
            Self::TooManyRows { .. } => ErrorKind::LimitExceeded,
            Self::OutOfMemory { .. } => ErrorKind::OutOfMemory,
            _ => ErrorKind::InvalidParameter,
        }
    }

    /// A sentence that shows what would be valid; `None` where the message says all there is to say.
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownName { valid, .. } => format!("Use one of {}.", quoted(valid)),
            Self::Bins { .. } => "Use a number from 2 to 10, for example bins => 5.".into(),
            Self::ConfigChanged => {
                "Give bins, ties and best as constants, for example cuts_agg(amount, 5, 'min', 'high').".into()
            }
            Self::NeedsFiveBins { .. } => "Build the cuts with bins => 5.".into(),
            Self::ScoreOutOfRange { highest, .. } => {
                format!("Scores run from 1 to {highest}, for example ROW(5, 4, 3)::strata.rfm_scores.")
            }
            Self::WrongReading { reads: "groups", .. } => {
                "Use rfm_group(recency, frequency, monetary, cuts), or a scheme of scores such as 'eleven'.".into()
            }
            Self::WrongReading { .. } => "Use rfm_segment(scores, 'eleven').".into(),
            Self::FixedMissing => {
                "Give recency, frequency and monetary, for example fixed => ARRAY[30, 5, 1000].".into()
            }
            Self::FixedUnused { .. } => "Constants belong to split => 'fixed'.".into(),
            Self::Text { what: "rfm_cuts", .. } => format!("A valid value looks like {}.", super::text::RFM_EXAMPLE),
            Self::Text { .. } => format!("A valid value looks like {}.", super::text::CUTS_EXAMPLE),
            Self::TooManyRows { .. } => {
                "Round the values, or build the cuts from a sample: TABLESAMPLE or a WHERE condition.".into()
            }
            Self::Corrupt { .. } | Self::OutOfRange { .. } | Self::OutOfMemory { .. } => return None,
        })
    }
}

impl ScoreError {
    pub(crate) fn text(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Text { what, reason: reason.into() }
    }

    pub(crate) fn corrupt(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Corrupt { what, reason: reason.into() }
    }
}

impl fmt::Display for ScoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName { what, value, .. } => write!(f, "unknown {what} \"{value}\""),
            Self::Bins { value } => write!(f, "bins must be from 2 to 10, not {value}"),
            Self::ConfigChanged => write!(f, "bins, ties and best must stay the same within one aggregate"),
            Self::NeedsFiveBins { what, bins } => {
                write!(f, "{what} needs five bins, these cuts have {bins}")
            }
            Self::ScoreOutOfRange { value, highest } => {
                write!(f, "score {value} is not from 1 to {highest}")
            }
            Self::WrongReading { scheme, reads } => {
                write!(f, "scheme \"{scheme}\" is read from {reads}")
            }
            Self::FixedMissing => write!(f, "split \"fixed\" needs its three constants"),
            Self::FixedUnused { split } => write!(f, "split \"{split}\" takes no constants"),
            Self::Text { what, reason } => write!(f, "malformed {what}: {reason}"),
            Self::Corrupt { what, reason } => write!(f, "corrupt {what}: {reason}"),
            Self::OutOfRange { what } => write!(f, "{what} is out of range"),
            Self::TooManyRows { limit } => {
                write!(f, "the cuts would need more than {limit} rows in one aggregate state")
            }
            Self::OutOfMemory { bytes } => write!(f, "out of memory: {bytes} bytes refused"),
        }
    }
}

impl std::error::Error for ScoreError {}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}
