//! Partitions of records, within a budget.

use crate::day::Day;
use crate::ledger::{LedgerError, LedgerRef, Window};
use crate::money::Money;
use crate::patience;

use super::group::{Fold, Group, Grouper};
use super::record::{Content, Key, LONGEST_KEY, Record};
use super::sums::Sums;

/// Users are spread over this many partitions by the top bits of their hash.
pub const PARTITIONS: usize = 256;
const PARTITION_SHIFT: u32 = u64::BITS - PARTITIONS.ilog2();

/// Where partitions go that find no room in memory: appended, and read back by position.
pub trait Spill {
    /// Appends bytes and says where they start.
    fn write(&mut self, bytes: &[u8]) -> u64;
    /// Fills `bytes` from a position.
    fn read(&mut self, position: u64, bytes: &mut [u8]);
}

/// A stretch of a [`Spill`].
#[derive(Debug, Clone, Copy)]
struct Segment {
    position: u64,
    length: usize,
}

/// Records of some users: in memory, and in a spill.
#[derive(Default)]
struct Partition {
    chunks: Vec<Vec<u8>>,
    spilled: Vec<Segment>,
}

/// All events of all users, on their way to ledgers or metrics.
pub struct Bulk<S> {
    partitions: Vec<Partition>,
    spill: S,
    /// Whether keys are integers, which are not stored but stand in the hash.
    integers: bool,
    fold: Fold,
    budget: usize,
    chunk: usize,
    allocated: usize,
}

impl<S: Spill> Bulk<S> {
    /// A builder that keeps about `budget` bytes in memory; `integers` says which kind of keys comes, `fold` what is
    /// wanted of each user.
    pub fn new(integers: bool, fold: Fold, budget: usize, spill: S) -> Bulk<S> {
        /// Small enough that a chunk for each partition is a small part of the budget.
        const CHUNKS: std::ops::RangeInclusive<usize> = 1 << 10..=1 << 16;
        Bulk {
            partitions: (0..PARTITIONS).map(|_| Partition::default()).collect(),
            spill,
            integers,
            fold,
            budget,
            chunk: (budget / PARTITIONS / 4).clamp(*CHUNKS.start(), *CHUNKS.end()),
            allocated: 0,
        }
    }

    /// Where partitions went that found no room.
    pub fn spill(&self) -> &S {
        &self.spill
    }

    /// Adds an event.
    ///
    /// # Errors
    /// [`LedgerError::OutOfMemory`], [`LedgerError::KeyTooLong`]; where compaction is due, those of the amounts.
    #[inline]
    pub fn push(&mut self, key: Key<'_>, day: Day, amount: Money) -> Result<(), LedgerError> {
        if let Fold::Metrics(window) = self.fold
            && day > window.as_of()
        {
            return Ok(());
        }
        self.add(Record { hash: key.hash(), key: key.bytes(), content: Content::Event { day, amount } })
    }

    /// Adds a sealed ledger.
    ///
    /// # Errors
    /// As for [`Bulk::push`].
    pub fn push_ledger(&mut self, key: Key<'_>, sealed: &[u8]) -> Result<(), LedgerError> {
        let content = match self.fold {
            Fold::Ledgers => Content::Ledger(sealed),
            Fold::Metrics(window) => {
                let mut sums = Sums::default();
                sums.add_ledger(window, LedgerRef::new(sealed)?)?;
                if !sums.any {
                    return Ok(());
                }
                Content::Metrics(sums)
            }
        };
        self.add(Record { hash: key.hash(), key: key.bytes(), content })
    }

    #[inline]
    fn add(&mut self, record: Record<'_>) -> Result<(), LedgerError> {
        let length = record.length();
        let chunks = &mut self.partitions[(record.hash >> PARTITION_SHIFT) as usize].chunks;
        match chunks.last_mut() {
            Some(chunk) if chunk.capacity() - chunk.len() >= length => record.write(chunk),
            _ => self.add_to_new_chunk(record)?,
        }
        Ok(())
    }

    #[cold]
    fn add_to_new_chunk(&mut self, record: Record<'_>) -> Result<(), LedgerError> {
        if record.key.len() > LONGEST_KEY {
            return Err(LedgerError::KeyTooLong(record.key.len()));
        }
        if self.allocated > self.budget {
            self.make_room()?;
        }
        let size = self.chunk.max(record.length());
        let mut chunk = Vec::new();
        chunk.try_reserve_exact(size).map_err(|_| LedgerError::OutOfMemory)?;
        record.write(&mut chunk);
        self.allocated += size;
        self.partitions[(record.hash >> PARTITION_SHIFT) as usize].chunks.push(chunk);
        Ok(())
    }

    /// Compacts all partitions; where they still fill half of the budget, spills them.
    fn make_room(&mut self) -> Result<(), LedgerError> {
        self.compact()?;
        if self.allocated > self.budget / 2 {
            for partition in &mut self.partitions {
                for chunk in partition.chunks.drain(..) {
                    let segment = Segment { position: self.spill.write(&chunk), length: chunk.len() };
                    partition.spilled.push(segment);
                }
                patience::check();
            }
            self.allocated = 0;
        }
        Ok(())
    }

    /// Leaves one record for each user of what is in memory.
    fn compact(&mut self) -> Result<(), LedgerError> {
        let mut grouper = Grouper::new();
        self.allocated = 0;
        for partition in &mut self.partitions {
            grouper.load(std::mem::take(&mut partition.chunks), self.integers)?;
            let mut compact = Vec::new();
            grouper.groups(self.integers, |group| group.write_compact(self.fold, &mut compact))?;
            compact.shrink_to_fit();
            self.allocated += compact.capacity();
            if !compact.is_empty() {
                partition.chunks.push(compact);
            }
            patience::check();
        }
        Ok(())
    }

    /// The whole builder as bytes, one record for each user: what a parallel worker sends. The spill, which is not needed
    /// any more, comes back.
    ///
    /// # Errors
    /// [`LedgerError::OutOfMemory`] beyond `limit` bytes.
    pub fn to_bytes(mut self, limit: usize) -> Result<(Vec<u8>, S), LedgerError> {
        let (integers, fold) = (self.integers, self.fold);
        let mut bytes = header(integers, fold);
        let mut grouper = Grouper::new();
        for partition in &mut self.partitions {
            let chunks = partition.load(&mut self.spill)?;
            grouper.load(chunks, self.integers)?;
            let start = bytes.len();
            bytes.extend_from_slice(&[0; 8]);
            grouper.groups(integers, |group| group.write_compact(fold, &mut bytes))?;
            let length = (bytes.len() - start - 8) as u64;
            bytes[start..start + 8].copy_from_slice(&length.to_le_bytes());
            if bytes.len() > limit {
                return Err(LedgerError::OutOfMemory);
            }
            patience::check();
        }
        Ok((bytes, self.spill))
    }

    /// Adds what [`Bulk::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] where the bytes end early.
    pub fn add_bytes(&mut self, bytes: &[u8]) -> Result<(), LedgerError> {
        const TRUNCATED: LedgerError = LedgerError::Corrupt("truncated partition");
        let mut rest = bytes.get(HEADER..).ok_or(TRUNCATED)?;
        for index in 0..PARTITIONS {
            let (length, tail) = rest.split_first_chunk::<8>().ok_or(TRUNCATED)?;
            let (records, tail) = tail.split_at_checked(u64::from_le_bytes(*length) as usize).ok_or(TRUNCATED)?;
            rest = tail;
            if records.is_empty() {
                continue;
            }
            let mut chunk = Vec::new();
            chunk.try_reserve_exact(records.len()).map_err(|_| LedgerError::OutOfMemory)?;
            chunk.extend_from_slice(records);
            self.allocated += records.len();
            self.partitions[index].chunks.push(chunk);
        }
        if self.allocated > self.budget { self.make_room() } else { Ok(()) }
    }

    /// Hands every user with all of its records to `visit`, partition by partition, in no order that means anything. The
    /// spill, which is not needed any more, comes back.
    ///
    /// # Errors
    /// Those of `visit`; [`LedgerError::OutOfMemory`].
    pub fn visit(mut self, mut visit: impl FnMut(&Group<'_>) -> Result<(), LedgerError>) -> Result<S, LedgerError> {
        let mut grouper = Grouper::new();
        for partition in &mut self.partitions {
            let chunks = partition.load(&mut self.spill)?;
            grouper.load(chunks, self.integers)?;
            patience::check();
            grouper.groups(self.integers, &mut visit)?;
        }
        Ok(self.spill)
    }
}

/// What comes first of a builder sent as bytes: the kind of keys, and what is folded.
fn header(integers: bool, fold: Fold) -> Vec<u8> {
    let (kind, as_of, first) = match fold {
        Fold::Ledgers => (0, 0, 0),
        Fold::Metrics(window) => (1, window.as_of().number(), window.first()),
    };
    [&[integers as u8, kind][..], &as_of.to_le_bytes(), &first.to_le_bytes()].concat()
}

const HEADER: usize = 14;

/// The kind of keys (whether integers) and the fold of a builder sent as bytes.
///
/// # Errors
/// [`LedgerError::Corrupt`] where the bytes are too few.
pub fn settings_in(bytes: &[u8]) -> Result<(bool, Fold), LedgerError> {
    let &[integers, kind, a0, a1, a2, a3, ref first @ ..] =
        bytes.first_chunk::<HEADER>().ok_or(LedgerError::Corrupt("truncated builder"))?;
    let fold = match kind {
        0 => Fold::Ledgers,
        _ => {
            let as_of = Day::new(i32::from_le_bytes([a0, a1, a2, a3]) as i64);
            let as_of = as_of.ok_or(LedgerError::Corrupt("day out of range"))?;
            Fold::Metrics(Window::from_first(i64::from_le_bytes(*first), as_of))
        }
    };
    Ok((integers == 1, fold))
}

impl Partition {
    /// All chunks, those in the spill read back.
    fn load(&mut self, spill: &mut impl Spill) -> Result<Vec<Vec<u8>>, LedgerError> {
        let mut chunks = std::mem::take(&mut self.chunks);
        for segment in self.spilled.drain(..) {
            chunks.push(read_back(spill, segment)?);
        }
        Ok(chunks)
    }
}

fn read_back(spill: &mut impl Spill, segment: Segment) -> Result<Vec<u8>, LedgerError> {
    let mut chunk = Vec::new();
    chunk.try_reserve_exact(segment.length).map_err(|_| LedgerError::OutOfMemory)?;
    chunk.resize(segment.length, 0);
    spill.read(segment.position, &mut chunk);
    Ok(chunk)
}
