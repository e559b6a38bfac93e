//! The sealed form: canonical bytes.
//!
//! After the header byte, for each day in ascending order, varints (LEB128, shortest form):
//!
//! 1. `gap << 1 | unusual`, where `gap` is the zigzag distance from 2020-01-01 for the first entry and the days since
//!    the one before, less one, for the others; usual is one event and no credits;
//! 2. where unusual: `events << 1 | credits`;
//! 3. where there are events, the gross amount;
//! 4. where `credits` is set, the credits (more than 0).
//!
//! An order a day thus costs one byte for the day and two or three for the money. There is exactly one sealed form of
//! a ledger, so bytes decide equality, hash and order.

use std::borrow::Cow;

use crate::day::Day;

use super::{Entry, Header, LedgerError, open};

/// First days are counted from 2020-01-01, so that those of 2008 to 2031 take two bytes.
const FIRST_DAYS_AROUND: i64 = 7_305;

/// A sealed ledger that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ledger(Vec<u8>);

/// A sealed ledger in borrowed bytes. Its header is checked; the entries are checked as they are read.
#[derive(Debug, Clone, Copy)]
pub struct LedgerRef<'a> {
    scale: u8,
    body: &'a [u8],
}

/// The sealed form of any ledger: the bytes themselves, or a sealed copy of an open form.
pub fn sealed(bytes: &[u8]) -> Result<Cow<'_, [u8]>, LedgerError> {
    match Header::read(bytes)?.open {
        false => Ok(Cow::Borrowed(bytes)),
        true => open::seal(bytes, &mut Vec::new()).map(|ledger| Cow::Owned(ledger.0)),
    }
}

impl Ledger {
    pub fn empty() -> Ledger {
        Ledger(vec![Header { open: false, scale: 0 }.byte()])
    }

    /// Seals an open ledger, which stays as it is; `work` is scratch space that can be kept between calls.
    pub fn from_open(bytes: &[u8], work: &mut Vec<Entry>) -> Result<Ledger, LedgerError> {
        open::seal(bytes, work)
    }

    /// Takes sealed bytes from an untrusted place: every entry is read, and only the canonical form passes.
    pub fn from_untrusted(bytes: &[u8]) -> Result<Ledger, LedgerError> {
        let ledger = LedgerRef::new(bytes)?;
        let entries = ledger.entries().collect::<Result<Vec<Entry>, LedgerError>>()?;
        let canonical = Ledger::from_sorted(&entries, ledger.scale)?;
        if canonical.0 != bytes {
            return Err(LedgerError::Corrupt("not in canonical form"));
        }
        Ok(canonical)
    }

    /// Entries in any order, amounts at `scale`; those of one day are summed.
    pub(crate) fn from_entries(entries: &mut Vec<Entry>, scale: u8) -> Result<Ledger, LedgerError> {
        entries.sort_unstable_by_key(|entry| entry.day);
        let mut overflow = Ok(());
        entries.dedup_by(|next, kept| {
            let same = next.day == kept.day;
            if same && overflow.is_ok() {
                overflow = kept.add(next);
            }
            same
        });
        overflow?;
        Ledger::from_sorted(entries, scale)
    }

    /// Entries of ascending days, amounts at `scale`.
    pub(crate) fn from_sorted(entries: &[Entry], scale: u8) -> Result<Ledger, LedgerError> {
        let mut scale = scale;
        let mut divisor = 1;
        while scale > 0
            && entries.iter().all(|entry| entry.gross % (divisor * 10) == 0 && entry.credit % (divisor * 10) == 0)
        {
            divisor *= 10;
            scale -= 1;
        }
        let mut bytes = Vec::new();
        bytes.try_reserve(1 + 8 * entries.len()).map_err(|_| LedgerError::OutOfMemory)?;
        bytes.push(Header { open: false, scale }.byte());
        let mut before: Option<Day> = None;
        for entry in entries.iter().filter(|entry| !entry.is_empty()) {
            let number = entry.day.number();
            let gap = match before {
                None => zigzag(number as i64 - FIRST_DAYS_AROUND),
                Some(before) => (number as i64 - before.number() as i64 - 1) as u64,
            };
            let credits = entry.credit != 0;
            let unusual = entry.events != 1 || credits;
            put_varint(&mut bytes, gap << 1 | unusual as u64);
            if unusual {
                put_varint(&mut bytes, (entry.events as u64) << 1 | credits as u64);
            }
            if entry.events > 0 {
                put_varint(&mut bytes, (entry.gross / divisor) as u64);
            }
            if credits {
                put_varint(&mut bytes, (entry.credit / divisor) as u64);
            }
            before = Some(entry.day);
        }
        Ok(Ledger(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn borrow(&self) -> LedgerRef<'_> {
        // the header was written by this module
        LedgerRef { scale: self.0[0] & super::SCALE_BITS, body: &self.0[1..] }
    }
}

impl<'a> LedgerRef<'a> {
    /// The ledger of nobody: no entries.
    pub const EMPTY: LedgerRef<'static> = LedgerRef { scale: 0, body: &[] };

    /// A sealed ledger in stored bytes; see [`sealed`] for bytes that may be open.
    pub fn new(bytes: &'a [u8]) -> Result<LedgerRef<'a>, LedgerError> {
        match Header::read(bytes)? {
            Header { open: false, scale } => Ok(LedgerRef { scale, body: &bytes[1..] }),
            Header { open: true, .. } => Err(LedgerError::Corrupt("open where a sealed form is needed")),
        }
    }

    /// Decimals of the entries' amounts, 0 to 6.
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// Whether nothing at all differs: there is one sealed form of a ledger.
    pub(super) fn has_the_bytes_of(self, other: LedgerRef<'_>) -> bool {
        self.scale == other.scale && self.body == other.body
    }

    /// The days in ascending order. After an error there is nothing more.
    pub fn entries(&self) -> Entries<'a> {
        Entries { rest: self.body, before: None }
    }

    /// Whether a day's gross amount or credits are beyond what one row may be worth: only there such a row can hide.
    pub fn is_beyond(&self) -> Result<bool, LedgerError> {
        let largest = crate::money::largest_at(self.scale);
        for entry in self.entries() {
            let entry = entry?;
            if entry.gross as u64 > largest || entry.credit as u64 > largest {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The entries of a sealed ledger, read and checked one by one.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    rest: &'a [u8],
    before: Option<Day>,
}

impl Entries<'_> {
    fn read(&mut self) -> Result<Entry, LedgerError> {
        let tag = take_varint(&mut self.rest)?;
        let (gap, unusual) = ((tag >> 1) as i64, tag & 1 != 0);
        let number = match self.before {
            None => unzigzag(gap).checked_add(FIRST_DAYS_AROUND),
            Some(before) => gap.checked_add(before.number() as i64 + 1),
        };
        let day = number.and_then(Day::new).ok_or(LedgerError::Corrupt("day out of range"))?;
        let (events, credits) = match unusual {
            false => (1, false),
            true => {
                let both = take_varint(&mut self.rest)?;
                let events = u32::try_from(both >> 1).map_err(|_| LedgerError::Corrupt("events out of range"))?;
                (events, both & 1 != 0)
            }
        };
        let gross = if events > 0 { self.amount()? } else { 0 };
        let credit = if credits { self.amount()? } else { 0 };
        self.before = Some(day);
        Ok(Entry { day, events, gross, credit })
    }

    fn amount(&mut self) -> Result<i64, LedgerError> {
        i64::try_from(take_varint(&mut self.rest)?).map_err(|_| LedgerError::Corrupt("amount out of range"))
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, LedgerError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.read();
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry)
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unzigzag(value: i64) -> i64 {
    value >> 1 ^ -(value & 1)
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[inline]
fn take_varint(bytes: &mut &[u8]) -> Result<u64, LedgerError> {
    let mut value = 0u64;
    let mut shift = 0;
    loop {
        let (&byte, rest) = bytes.split_first().ok_or(LedgerError::Corrupt("truncated"))?;
        *bytes = rest;
        if shift == 63 && byte > 1 {
            return Err(LedgerError::Corrupt("number out of range"));
        }
        value |= (byte as u64 & 0x7f) << shift;
        if byte < 0x80 {
            return if byte == 0 && shift > 0 {
                Err(LedgerError::Corrupt("number not in shortest form"))
            } else {
                Ok(value)
            };
        }
        shift += 7;
    }
}
