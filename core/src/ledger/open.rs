//! The open form: an aggregate's transition state inside memory that somebody else owns.
//!
//! | bytes  | content                                                            |
//! |--------|--------------------------------------------------------------------|
//! | 0      | header byte, open                                                  |
//! | 1..4   | zero                                                               |
//! | 4..8   | entries in use, u32                                                |
//! | 8..12  | zero                                                               |
//! | 12..   | slots of 16 bytes: day i32, events u32, amount i64 (little-endian) |
//!
//! A slot is either gross (events > 0, amount >= 0) or a credit (events = 0, amount < 0). Slots stand in order of
//! arrival; a day may have many until they are compacted. With the four bytes of a varlena header in front, a state
//! fills a power of two, as PostgreSQL's allocator rounds. The scale is the finest that any amount needed, so whether
//! a sum overflows does not depend on the order of the rows.

use crate::day::Day;
use crate::money::{Money, POWERS_OF_TEN};

use super::sealed::{Ledger, LedgerRef};
use super::{Entry, Header, LedgerError};

const PREFIX: usize = 12;
const SLOT: usize = 16;
/// Bytes of the smallest open ledger: room for three days.
pub const SMALLEST_OPEN: usize = PREFIX + 3 * SLOT;

/// An open ledger in borrowed memory; its capacity is the length of that memory.
pub struct OpenLedger<'a> {
    bytes: &'a mut [u8],
}

/// Whether a row found room.
#[derive(Debug, PartialEq, Eq)]
pub enum Push {
    Done,
    /// No room: move to memory of this many bytes with [`OpenLedger::move_to`] and push again.
    Grow(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    day: i32,
    events: u32,
    amount: i64,
}

impl Slot {
    fn read(bytes: &[u8; SLOT]) -> Slot {
        let [d0, d1, d2, d3, e0, e1, e2, e3, amount @ ..] = *bytes;
        Slot {
            day: i32::from_le_bytes([d0, d1, d2, d3]),
            events: u32::from_le_bytes([e0, e1, e2, e3]),
            amount: i64::from_le_bytes(amount),
        }
    }

    fn write(self, bytes: &mut [u8; SLOT]) {
        bytes[0..4].copy_from_slice(&self.day.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.events.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.amount.to_le_bytes());
    }

    /// Slots of one day and one kind merge.
    fn key(self) -> (i32, bool) {
        (self.day, self.events == 0)
    }

    fn checked_day(self) -> Result<Day, LedgerError> {
        Day::new(self.day as i64).ok_or(LedgerError::Corrupt("day out of range"))
    }

    fn merge(&mut self, other: Slot) -> Result<(), LedgerError> {
        // the magnitude of credits has to fit as well
        let amount = self.amount.checked_add(other.amount).filter(|amount| *amount != i64::MIN);
        match (self.events.checked_add(other.events), amount) {
            (Some(events), Some(amount)) => (self.events, self.amount) = (events, amount),
            (None, _) => return Err(LedgerError::EventsOverflow(self.checked_day()?)),
            (_, None) => return Err(LedgerError::AmountOverflow(self.checked_day()?)),
        }
        Ok(())
    }
}

impl<'a> OpenLedger<'a> {
    /// Starts an empty open ledger in `bytes`, which must be at least [`SMALLEST_OPEN`] long.
    pub fn create(bytes: &'a mut [u8]) -> OpenLedger<'a> {
        assert!(bytes.len() >= SMALLEST_OPEN);
        bytes[..PREFIX].fill(0);
        bytes[0] = Header { open: true, scale: 0 }.byte();
        OpenLedger { bytes }
    }

    /// Takes up an open ledger where it was left. Costs nothing but a look at its prefix.
    pub fn resume(bytes: &'a mut [u8]) -> Result<OpenLedger<'a>, LedgerError> {
        check_prefix(bytes)?;
        Ok(OpenLedger { bytes })
    }

    /// Counts one event, or keeps a negative amount as a credit.
    #[inline]
    pub fn push_row(&mut self, day: Day, amount: Money) -> Result<Push, LedgerError> {
        let amount = self.align(amount, day)?;
        self.push(Slot { day: day.number(), events: (amount >= 0) as u32, amount })
    }

    /// Adds a whole ledger. After `Grow` nothing is lost or counted twice: push the same ledger again.
    pub fn push_ledger(&mut self, ledger: LedgerRef<'_>) -> Result<Push, LedgerError> {
        // twice the entries: a day may need a gross and a credit slot
        let needed = 2 * ledger.entries().count();
        if let Some(size) = self.make_room(needed)? {
            return Ok(Push::Grow(size));
        }
        if ledger.scale() > self.scale() {
            self.raise_to(ledger.scale())?;
        }
        let raised = self.scale() - ledger.scale();
        for entry in ledger.entries() {
            let Entry { day, events, gross, credit } = entry?.raised(raised)?;
            if events > 0 {
                self.push(Slot { day: day.number(), events, amount: gross })?;
            }
            if credit > 0 {
                self.push(Slot { day: day.number(), events: 0, amount: -credit })?;
            }
        }
        Ok(Push::Done)
    }

    /// Copies the state into larger memory.
    pub fn move_to<'b>(&self, larger: &'b mut [u8]) -> OpenLedger<'b> {
        let used = PREFIX + self.len() * SLOT;
        assert!(larger.len() >= used);
        larger[..used].copy_from_slice(&self.bytes[..used]);
        OpenLedger { bytes: larger }
    }

    fn len(&self) -> usize {
        used_slots(self.bytes)
    }

    fn set_len(&mut self, len: usize) {
        self.bytes[4..8].copy_from_slice(&(len as u32).to_le_bytes());
    }

    fn capacity(&self) -> usize {
        (self.bytes.len() - PREFIX) / SLOT
    }

    fn scale(&self) -> u8 {
        self.bytes[0] & super::SCALE_BITS
    }

    fn slots(&mut self) -> &mut [[u8; SLOT]] {
        let used = PREFIX + self.len() * SLOT;
        self.bytes[PREFIX..used].as_chunks_mut().0
    }

    /// The amount's mantissa at the state's scale, which grows where the amount needs it.
    #[inline]
    fn align(&mut self, amount: Money, day: Day) -> Result<i64, LedgerError> {
        let mut amount = amount;
        if amount.scale() > self.scale() {
            amount = amount.reduced_to(self.scale());
            if amount.scale() > self.scale() {
                self.raise_to(amount.scale())?;
            }
        }
        amount.mantissa_at(self.scale()).ok_or(LedgerError::AmountOverflow(day))
    }

    #[cold]
    fn raise_to(&mut self, scale: u8) -> Result<(), LedgerError> {
        let factor = POWERS_OF_TEN[(scale - self.scale()) as usize];
        for bytes in self.slots() {
            let slot = Slot::read(bytes);
            match slot.amount.checked_mul(factor) {
                Some(amount) => Slot { amount, ..slot }.write(bytes),
                None => return Err(LedgerError::AmountOverflow(slot.checked_day()?)),
            }
        }
        self.bytes[0] = Header { open: true, scale }.byte();
        Ok(())
    }

    #[inline]
    fn push(&mut self, slot: Slot) -> Result<Push, LedgerError> {
        if let Some(last) = self.slots().last_mut() {
            let mut merged = Slot::read(last);
            if merged.key() == slot.key() {
                merged.merge(slot)?;
                merged.write(last);
                return Ok(Push::Done);
            }
        }
        if let Some(size) = self.make_room(1)? {
            return Ok(Push::Grow(size));
        }
        let len = self.len();
        self.set_len(len + 1);
        if let Some(free) = self.slots().last_mut() {
            slot.write(free);
        }
        Ok(Push::Done)
    }

    /// Compacts where there is no room for `slots` more; the size to grow to where that frees too little. Room comes in
    /// halves or doublings, so a row costs amortized O(log n) however many rows of a day there are.
    #[inline]
    fn make_room(&mut self, slots: usize) -> Result<Option<usize>, LedgerError> {
        if self.len() + slots <= self.capacity() {
            return Ok(None);
        }
        self.compact()?;
        let needed = self.len() + slots;
        if needed <= self.capacity() && self.len() <= self.capacity() / 2 {
            return Ok(None);
        }
        size_for(needed.max(2 * self.capacity())).map(Some)
    }

    /// Sorts by day and merges slots of one day and kind.
    fn compact(&mut self) -> Result<(), LedgerError> {
        let slots = self.slots();
        slots.sort_unstable_by_key(|bytes| Slot::read(bytes).key());
        let mut kept = 0;
        for next in 1..slots.len() {
            let slot = Slot::read(&slots[next]);
            let mut last = Slot::read(&slots[kept]);
            if last.key() == slot.key() {
                last.merge(slot)?;
                last.write(&mut slots[kept]);
            } else {
                kept += 1;
                slots[kept] = slots[next];
            }
        }
        let len = if slots.is_empty() { 0 } else { kept + 1 };
        self.set_len(len);
        Ok(())
    }
}

/// Bytes for at least `slots` slots: with a varlena header a power of two.
fn size_for(slots: usize) -> Result<usize, LedgerError> {
    const VARLENA_HEADER: usize = 4;
    const LARGEST_VARLENA: usize = 0x3fff_ffff;
    let size = (VARLENA_HEADER + PREFIX + slots * SLOT).next_power_of_two();
    match size.min(LARGEST_VARLENA) {
        size if size >= VARLENA_HEADER + PREFIX + slots * SLOT => Ok(size - VARLENA_HEADER),
        _ => Err(LedgerError::OutOfMemory),
    }
}

fn used_slots(bytes: &[u8]) -> usize {
    u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize
}

/// The number of decimals, where the prefix is that of an open ledger and its slots lie within `bytes`.
fn check_prefix(bytes: &[u8]) -> Result<u8, LedgerError> {
    let header = Header::read(bytes)?;
    if !header.open {
        return Err(LedgerError::Corrupt("sealed where an open form is needed"));
    }
    if bytes.len() < PREFIX || used_slots(bytes) > (bytes.len() - PREFIX) / SLOT {
        return Err(LedgerError::Corrupt("open form shorter than its entries"));
    }
    Ok(header.scale)
}

/// Seals the open ledger in `bytes`, which stay as they are: `work` is scratch space, `out` gets the sealed bytes.
pub(super) fn seal(bytes: &[u8], work: &mut Vec<Entry>) -> Result<Ledger, LedgerError> {
    let scale = check_prefix(bytes)?;
    let (slots, _) = bytes[PREFIX..].as_chunks::<SLOT>();
    work.clear();
    work.try_reserve(used_slots(bytes)).map_err(|_| LedgerError::OutOfMemory)?;
    for slot in slots[..used_slots(bytes)].iter().map(Slot::read) {
        let entry = match slot {
            Slot { events: 0, amount: ..0, .. } if slot.amount != i64::MIN => {
                Entry { day: slot.checked_day()?, events: 0, gross: 0, credit: -slot.amount }
            }
            Slot { events: 1.., amount: 0.., .. } => {
                Entry { day: slot.checked_day()?, events: slot.events, gross: slot.amount, credit: 0 }
            }
            _ => return Err(LedgerError::Corrupt("open form with an impossible entry")),
        };
        work.push(entry);
    }
    Ledger::from_entries(work, scale)
}
