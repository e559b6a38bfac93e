//! What can be wrong with a model, with the place where it is wrong.

use std::fmt;

use crate::error::{ErrorKind, UserError};
use crate::ledger::LedgerError;
use crate::score::ScoreError;

/// An error in a definition, or in the facts that a model is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelError {
    kind: ErrorKind,
    /// Where in the JSON, such as `layers[2].when`; empty for the whole.
    path: String,
    message: String,
    hint: Option<String>,
}

impl ModelError {
    /// A value that it may not have.
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::InvalidParameter, path: path.into(), message: message.into(), hint: None }
    }

    /// Text that is no JSON of the expected form.
    pub fn malformed(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::MalformedText, ..Self::invalid(path, message) }
    }

    /// Something that exceeds a limit of the program.
    pub fn limit(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::LimitExceeded, ..Self::invalid(path, message) }
    }

    /// The model is not ready for what is asked of it (55000).
    pub fn not_ready(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::NotReady, ..Self::invalid(path, message) }
    }

    /// An error of another part of the crate, as it stands.
    pub(super) fn of(error: &impl UserError) -> Self {
        Self { kind: error.kind(), path: String::new(), message: error.to_string(), hint: error.hint() }
    }

    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub fn path(&self) -> &str {
        &self.path
    }
}

impl UserError for ModelError {
    fn kind(&self) -> ErrorKind {
        self.kind
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl std::error::Error for ModelError {}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl From<LedgerError> for ModelError {
    fn from(error: LedgerError) -> Self {
        Self::of(&error)
    }
}

impl From<ScoreError> for ModelError {
    fn from(error: ScoreError) -> Self {
        Self::of(&error)
    }
}

/// "Did you mean …" for a name that is close to a known one, else the list of all known ones.
pub(crate) fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    /// Below this likeness a suggestion would only puzzle.
    const CLOSE: f64 = 0.8;
    let known: Vec<&str> = known.collect();
    let likeness = |candidate: &str| strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match best {
        Some(best) if likeness(best) >= CLOSE => Some(format!("Did you mean {best}?")),
        Some(_) => Some(format!("Known here: {}.", known.join(", "))),
        None => None,
    }
}
