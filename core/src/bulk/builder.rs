//! Partitions of records, within a budget.

use crate::day::Day;
use crate::ledger::LedgerError;
use crate::money::Money;

use super::group::{Group, Sorter};
use super::record::{Content, Key, LONGEST_KEY, Record};

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
    budget: usize,
    chunk: usize,
    allocated: usize,
    /// Called once for each partition in long steps; may unwind.
    tick: fn(),
}

impl<S: Spill> Bulk<S> {
    /// A builder that keeps about `budget` bytes in memory; `integers` says which kind of keys comes. `tick` is called
    /// every few milliseconds of a long step.
    pub fn new(integers: bool, budget: usize, spill: S, tick: fn()) -> Bulk<S> {
        /// Small enough that a chunk for each partition is a small part of the budget.
        const CHUNKS: std::ops::RangeInclusive<usize> = 1 << 10..=1 << 16;
        Bulk {
            partitions: (0..PARTITIONS).map(|_| Partition::default()).collect(),
            spill,
            integers,
            budget,
            chunk: (budget / PARTITIONS / 4).clamp(*CHUNKS.start(), *CHUNKS.end()),
            allocated: 0,
            tick,
        }
    }

    /// Where partitions went that found no room.
    pub fn spill(&self) -> &S {
        &self.spill
    }

    /// Adds an event.
    ///
    /// # Errors
    /// [`LedgerError::OutOfMemory`]; where compaction is due, those of the amounts.
    #[inline]
    pub fn push(&mut self, key: Key<'_>, day: Day, amount: Money) -> Result<(), LedgerError> {
        self.add(Record { hash: key.hash(), key: key.bytes(), content: Content::Event { day, amount } })
    }

    /// Adds a sealed ledger.
    ///
    /// # Errors
    /// As for [`Bulk::push`].
    pub fn push_ledger(&mut self, key: Key<'_>, sealed: &[u8]) -> Result<(), LedgerError> {
        self.add(Record { hash: key.hash(), key: key.bytes(), content: Content::Ledger(sealed) })
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
            return Err(LedgerError::OutOfMemory);
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
                (self.tick)();
            }
            self.allocated = 0;
        }
        Ok(())
    }

    /// Leaves one record for each user of what is in memory.
    fn compact(&mut self) -> Result<(), LedgerError> {
        let mut sorter = Sorter::default();
        self.allocated = 0;
        for partition in &mut self.partitions {
            sorter.load(&partition.chunks)?;
            partition.chunks.clear();
            let mut compact = Vec::new();
            sorter.groups(self.integers, |group| group.write_compact(&mut compact))?;
            compact.shrink_to_fit();
            self.allocated += compact.capacity();
            if !compact.is_empty() {
                partition.chunks.push(compact);
            }
            (self.tick)();
        }
        Ok(())
    }

    /// Everything of another builder with the same kind of keys.
    pub fn join(&mut self, other: Bulk<S>) -> Result<(), LedgerError> {
        let mut other = other;
        for (index, partition) in other.partitions.iter_mut().enumerate() {
            let mut chunks = std::mem::take(&mut partition.chunks);
            for segment in &partition.spilled {
                chunks.push(read_back(&mut other.spill, *segment)?);
            }
            for chunk in chunks {
                self.allocated += chunk.capacity();
                self.partitions[index].chunks.push(chunk);
            }
            if self.allocated > self.budget {
                self.make_room()?;
            }
        }
        Ok(())
    }

    /// The whole builder as bytes, one record for each user: what a parallel worker sends.
    ///
    /// # Errors
    /// [`LedgerError::OutOfMemory`] beyond `limit` bytes.
    pub fn to_bytes(mut self, limit: usize) -> Result<Vec<u8>, LedgerError> {
        let integers = self.integers;
        let mut bytes = vec![integers as u8];
        let mut sorter = Sorter::default();
        for partition in &mut self.partitions {
            let chunks = partition.load(&mut self.spill)?;
            sorter.load(&chunks)?;
            drop(chunks);
            let start = bytes.len();
            bytes.extend_from_slice(&[0; 8]);
            sorter.groups(integers, |group| group.write_compact(&mut bytes))?;
            let length = (bytes.len() - start - 8) as u64;
            bytes[start..start + 8].copy_from_slice(&length.to_le_bytes());
            if bytes.len() > limit {
                return Err(LedgerError::OutOfMemory);
            }
            (self.tick)();
        }
        Ok(bytes)
    }

    /// Adds what [`Bulk::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] where the bytes end early.
    pub fn add_bytes(&mut self, bytes: &[u8]) -> Result<(), LedgerError> {
        const TRUNCATED: LedgerError = LedgerError::Corrupt("truncated partition");
        let mut rest = bytes.get(1..).ok_or(TRUNCATED)?;
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

    /// Whether the keys of a builder sent as bytes are integers.
    pub fn integers_in(bytes: &[u8]) -> bool {
        bytes.first() == Some(&1)
    }

    /// Hands every user with all of its records to `visit`, partition by partition, in no order that means anything.
    ///
    /// # Errors
    /// Those of `visit`; [`LedgerError::OutOfMemory`].
    pub fn visit(mut self, mut visit: impl FnMut(&Group<'_>) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        let mut sorter = Sorter::default();
        for partition in &mut self.partitions {
            let chunks = partition.load(&mut self.spill)?;
            sorter.load(&chunks)?;
            drop(chunks);
            (self.tick)();
            sorter.groups(self.integers, &mut visit)?;
        }
        Ok(())
    }
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
