//! What every error of this crate can tell: its kind (mapped to an SQLSTATE at the edge) and a hint.

/// The kinds of error, each with one SQLSTATE at the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A parameter has a value that it may not have (22023).
    InvalidParameter,
    /// A number does not fit (22003).
    OutOfRange,
    /// A day does not fit or is infinite (22008).
    DayOutOfRange,
    /// A text form cannot be read (22P02).
    MalformedText,
    /// A stored or received value is damaged (22P03 when received, XX001 when stored).
    MalformedBinary,
    /// A limit of the program is reached (54000).
    LimitExceeded,
    /// Something has to be done first (55000).
    NotReady,
    /// Memory could not be had (53200).
    OutOfMemory,
}

/// An error that can be shown to a user: `Display` is the message, `hint` a valid example.
pub trait UserError: std::error::Error {
    fn kind(&self) -> ErrorKind;
    fn hint(&self) -> Option<String> {
        None
    }
}
