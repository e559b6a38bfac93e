use std::fmt;

use crate::error::{ErrorKind, UserError};
use crate::ledger::LedgerError;
use crate::score::ScoreError;

/// What can go wrong with predictions.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PredictError {
    /// Repeat days, last and age that no user can have.
    Purchases {
        reason: String,
    },
    /// An argument outside of its range.
    Argument {
        name: &'static str,
        value: String,
        wants: &'static str,
    },
    /// Text that is not the text form of a model.
    Text {
        what: &'static str,
        reason: String,
        example: &'static str,
    },
    /// One aggregate was called with another unit than before, or two states with different ones were merged.
    UnitChanged,
    /// The aggregate state.
    State(ScoreError),
    /// The likelihood has no finite value at any parameters that were tried.
    NoLikelihood {
        what: &'static str,
    },
    Ledger(LedgerError),
}

impl PredictError {
    pub(crate) fn argument(name: &'static str, value: impl fmt::Display, wants: &'static str) -> Self {
        Self::Argument { name, value: value.to_string(), wants }
    }
}

impl From<LedgerError> for PredictError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<ScoreError> for PredictError {
    fn from(error: ScoreError) -> Self {
        match error {
            ScoreError::ConfigChanged => Self::UnitChanged,
            other => Self::State(other),
        }
    }
}

impl UserError for PredictError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Purchases { .. } | Self::Argument { .. } | Self::UnitChanged => ErrorKind::InvalidParameter,
            Self::Text { .. } => ErrorKind::MalformedText,
            Self::NoLikelihood { .. } => ErrorKind::OutOfRange,
            Self::State(error) => error.kind(),
            Self::Ledger(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Purchases { .. } => Some(
                "Take x, t_x and t from purchase_summary(ledger, as_of): repeat days, days from the first purchase to the last, and to as_of."
                    .into(),
            ),
            Self::Text { example, .. } => Some(format!("A valid value looks like {example}.")),
            Self::UnitChanged => Some("Give the unit as a constant, for example unit => 'week'.".into()),
            Self::State(ScoreError::TooManyRows { .. }) => {
                Some("Fit a sample: TABLESAMPLE or a WHERE condition.".into())
            }
            Self::State(error) => error.hint(),
            Self::Ledger(error) => error.hint(),
            Self::Argument { .. } | Self::NoLikelihood { .. } => None,
        }
    }
}

impl fmt::Display for PredictError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Purchases { reason } => write!(f, "no user's purchases: {reason}"),
            Self::Argument { name, value, wants } => write!(f, "{name} must be {wants}, not {value}"),
            Self::Text { what, reason, .. } => write!(f, "malformed {what}: {reason}"),
            Self::UnitChanged => f.write_str("the unit must stay the same within one aggregate"),
            Self::State(ScoreError::TooManyRows { limit }) => {
                write!(f, "the fit would need more than {limit} different users in one aggregate state")
            }
            Self::State(error) => error.fmt(f),
            Self::NoLikelihood { what } => write!(f, "the likelihood of {what} has no finite value for these users"),
            Self::Ledger(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PredictError {}
