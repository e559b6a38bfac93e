//! The ledger: a user's whole activity from one source as one small value.
//!
//! For each day it keeps the number of events, the exact gross amount and the exact credits. The bytes have two forms,
//! told apart by their first byte:
//!
//! * **sealed** ([`Ledger`]): canonical, compact, what is stored, sent, printed, compared and hashed;
//! * **open** ([`OpenLedger`]): an aggregate's working state, with fixed-size entries and spare room.
//!
//! A sealed ledger merges ([`Ledger::plus`]), retracts ([`Ledger::minus`]), clips ([`Ledger::clip`]) and is read as of
//! any day ([`Ledger::read`]).

mod algebra;
mod entry;
mod error;
mod open;
mod read;
mod sealed;
mod text;
mod walk;

pub use entry::Entry;
pub use error::LedgerError;
pub use open::{OpenLedger, Push, SMALLEST_OPEN};
pub use read::{Reading, Window};
pub use sealed::{Ledger, LedgerRef, sealed};
pub use walk::{Unpacked, Walk};

/// The format that this crate writes, and the only one so far.
const VERSION: u8 = 1;
/// First byte: version in the high nibble, the open form's bit, the number of decimals.
const OPEN_BIT: u8 = 0b1000;
const SCALE_BITS: u8 = 0b0111;

/// The first byte taken apart.
struct Header {
    open: bool,
    scale: u8,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Header, LedgerError> {
        let &byte = bytes.first().ok_or(LedgerError::Corrupt("no header"))?;
        if byte >> 4 != VERSION {
            return Err(LedgerError::UnknownVersion(byte >> 4));
        }
        let header = Header { open: byte & OPEN_BIT != 0, scale: byte & SCALE_BITS };
        if header.scale > crate::money::MAX_SCALE {
            return Err(LedgerError::Corrupt("too many decimals"));
        }
        Ok(header)
    }

    fn byte(&self) -> u8 {
        VERSION << 4 | if self.open { OPEN_BIT } else { 0 } | self.scale
    }
}
