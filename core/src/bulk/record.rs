//! One record: a user's event, or the ledger or the metrics of many.
//!
//! ```text
//! hash u64 | amount i64 (or a ledger's length) | day i32 | kind u8 | key length u24 | key … | payload …
//! ```

use std::hash::{DefaultHasher, Hasher};

use crate::day::Day;
use crate::ledger::LedgerError;
use crate::money::{MAX_SCALE, Money};

use super::sums::Sums;

/// Bytes of a record before its key.
pub(super) const HEAD: usize = 24;
/// Bytes that an event takes in a builder, beside those of a key that is no integer.
pub const EVENT_BYTES: usize = HEAD;
/// The kinds of records: an event's decimals by themselves; sums whose frequency and money fit 32 and 64 bits, with the
/// money's decimals in the low bits; any sums; a ledger.
const SUMS: u8 = 0x80;
const WIDE_SUMS: u8 = 0xfe;
const LEDGER: u8 = 0xff;
const DECIMALS: u8 = 0x07;
/// The longest key.
pub(super) const LONGEST_KEY: usize = 0x00ff_ffff;

/// A user's key: an integer, or bytes that are equal exactly when the keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
}

/// An odd number spreads integers over all bits, reversibly: the hash is the key (Knuth, TAOCP 3, 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// `SPREAD * GATHER = 1` modulo 2^64.
const GATHER: u64 = 0xf1de_83e1_9937_733d;

impl<'a> Key<'a> {
    #[inline]
    pub(super) fn hash(self) -> u64 {
        match self {
            Key::Integer(number) => (number as u64).wrapping_mul(SPREAD),
            Key::Bytes(bytes) => {
                let mut hasher = DefaultHasher::new();
                hasher.write(bytes);
                hasher.finish()
            }
        }
    }

    /// What stands in a record beside the hash.
    #[inline]
    pub(super) fn bytes(self) -> &'a [u8] {
        match self {
            Key::Integer(_) => &[],
            Key::Bytes(bytes) => bytes,
        }
    }

    /// The key of an integer's hash.
    pub(super) fn of_hash(hash: u64) -> Key<'static> {
        Key::Integer(hash.wrapping_mul(GATHER) as i64)
    }
}

/// What happened.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    Event {
        day: Day,
        amount: Money,
    },
    /// Sealed.
    Ledger(&'a [u8]),
    Metrics(Sums),
}

/// Sums as they stand in most records: frequency and money.
fn narrow(sums: &Sums) -> Option<(u32, i64)> {
    Some((u32::try_from(sums.frequency).ok()?, i64::try_from(sums.mantissa).ok()?))
}

/// A record in a partition's bytes.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub hash: u64,
    pub key: &'a [u8],
    pub content: Content<'a>,
}

impl<'a> Record<'a> {
    pub fn length(&self) -> usize {
        let payload = match self.content {
            Content::Event { .. } => 0,
            Content::Ledger(sealed) => sealed.len(),
            Content::Metrics(sums) if narrow(&sums).is_some() => size_of::<u32>(),
            Content::Metrics(_) => size_of::<i128>() + 1,
        };
        HEAD + self.key.len() + payload
    }

    /// Appends the record to bytes that have room for it.
    #[inline]
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let day_or_none = |day: Option<Day>| day.map_or(i32::MIN, Day::number);
        let (amount, day, kind) = match self.content {
            Content::Event { day, amount } => (amount.mantissa(), day.number(), amount.scale()),
            Content::Ledger(ledger) => (ledger.len() as i64, 0, LEDGER),
            Content::Metrics(sums) => match narrow(&sums) {
                Some((_, money)) => (money, day_or_none(sums.last_day), SUMS | sums.scale),
                None => (sums.frequency, day_or_none(sums.last_day), WIDE_SUMS),
            },
        };
        let mut head = [0; HEAD];
        head[0..8].copy_from_slice(&self.hash.to_le_bytes());
        head[8..16].copy_from_slice(&amount.to_le_bytes());
        head[16..20].copy_from_slice(&day.to_le_bytes());
        head[20..24].copy_from_slice(&((self.key.len() as u32) << 8 | kind as u32).to_le_bytes());
        bytes.extend_from_slice(&head);
        if !self.key.is_empty() {
            bytes.extend_from_slice(self.key);
        }
        match self.content {
            Content::Event { .. } => {}
            Content::Ledger(ledger) => bytes.extend_from_slice(ledger),
            Content::Metrics(sums) => match narrow(&sums) {
                Some((frequency, _)) => bytes.extend_from_slice(&frequency.to_le_bytes()),
                None => {
                    bytes.extend_from_slice(&sums.mantissa.to_le_bytes());
                    bytes.push(sums.scale);
                }
            },
        }
    }

    /// The record at the start of `bytes`.
    #[inline]
    pub fn read(bytes: &'a [u8]) -> Result<Record<'a>, LedgerError> {
        const TRUNCATED: LedgerError = LedgerError::Corrupt("truncated record");
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(TRUNCATED)?;
        let [h0, h1, h2, h3, h4, h5, h6, h7, a0, a1, a2, a3, a4, a5, a6, a7, d0, d1, d2, d3, kind, k0, k1, k2] = *head;
        let hash = u64::from_le_bytes([h0, h1, h2, h3, h4, h5, h6, h7]);
        let amount = i64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]);
        let key_length = u32::from_le_bytes([k0, k1, k2, 0]) as usize;
        let (key, rest) = rest.split_at_checked(key_length).ok_or(TRUNCATED)?;
        let day = Day::new(i32::from_le_bytes([d0, d1, d2, d3]) as i64);
        let content = match kind {
            LEDGER => Content::Ledger(rest.get(..amount as usize).ok_or(TRUNCATED)?),
            WIDE_SUMS => {
                let (money, rest) = rest.split_first_chunk().ok_or(TRUNCATED)?;
                let &scale = rest.first().filter(|scale| **scale <= MAX_SCALE).ok_or(TRUNCATED)?;
                let money = i128::from_le_bytes(*money);
                // sums that were written are far below this
                if money.unsigned_abs() > 1 << 100 {
                    return Err(LedgerError::Corrupt("money out of range"));
                }
                Content::Metrics(Sums { any: true, last_day: day, frequency: amount, mantissa: money, scale })
            }
            SUMS.. => {
                let frequency = u32::from_le_bytes(*rest.first_chunk().ok_or(TRUNCATED)?);
                let scale = (kind & DECIMALS).min(MAX_SCALE);
                Content::Metrics(Sums {
                    any: true,
                    last_day: day,
                    frequency: frequency.into(),
                    mantissa: amount.into(),
                    scale,
                })
            }
            scale => Content::Event {
                day: day.ok_or(LedgerError::Corrupt("day out of range"))?,
                amount: Money::exact(amount, scale).ok_or(LedgerError::Corrupt("amount out of range"))?,
            },
        };
        Ok(Record { hash, key, content })
    }
}
