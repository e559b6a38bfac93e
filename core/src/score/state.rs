//! The aggregate state while rows come in: flat bytes that somebody else owns, such as the payload of a `bytea`.
//!
//! ```text
//! version 1 | kind | bins | ties | best | 3 x 0 | entries used u64 | entries … | spare room
//! ```
//!
//! Spare room is part of the slice's length and is never read; how much is used stands in the header. A push works in
//! place while there is room. When there is none, equal values are merged first; if that frees less than half, the push
//! answers [`Push::Full`] with the length of a larger slice: the owner allocates it, calls [`StateMut::grow_into`] and
//! pushes again. Opening a state checks its header only, in constant time; merging and finishing check every entry that
//! they read, so that garbage is an error and never a panic.
//!
//! The kinds: [`CutsState`] keeps (value, count) pairs of 24 bytes, [`RfmCutsState`] one row of 28 bytes per user; the
//! calibration of a model keeps the pairs of several metrics, 26 bytes each, behind a header of its own.
//! A state ends at [`MAX_STATE_BYTES`]: about 44 million distinct values, or 38 million users.

use std::cmp::Ordering;
use std::marker::PhantomData;

use rust_decimal::Decimal;

use crate::patience;

use super::binary::{VERSION, decimal_bytes, decimal_from};
use super::cuts::{column, compare};
use super::{Best, Bins, Cuts, CutsConfig, RfmConfig, RfmCuts, RfmRow, ScoreError, Ties};

/// The longest state: PostgreSQL's limit of one value (1 GB - 1), less room for its header.
pub const MAX_STATE_BYTES: usize = 0x3FFF_FFFF - 64;

const HEADER: usize = 16;
const FIRST_ENTRIES: usize = 32;

/// A value of one metric and the number of rows that have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    pub value: Decimal,
    pub count: u64,
}

/// What a state keeps for a row: a fixed number of bytes.
pub trait Entry: Copy {
    /// How the cuts are made, kept in the header.
    type Config: Copy + PartialEq;
    #[doc(hidden)]
    const KIND: u8;
    #[doc(hidden)]
    const WIDTH: usize;
    /// What its owner needs of [`MAX_STATE_BYTES`] for a header of its own.
    #[doc(hidden)]
    const RESERVED: usize = 0;
    #[doc(hidden)]
    fn pack_config(config: Self::Config) -> [u8; 3];
    #[doc(hidden)]
    fn unpack_config(bytes: [u8; 3]) -> Option<Self::Config>;
    #[doc(hidden)]
    fn write(self, bytes: &mut [u8]);
    /// `None` for bytes that [`write`](Self::write) cannot have written.
    #[doc(hidden)]
    fn read(bytes: &[u8]) -> Option<Self>;
    /// Merges what can be merged at the front of `entries` and returns how many are left.
    #[doc(hidden)]
    fn compact(entries: &mut [u8]) -> Result<usize, ScoreError> {
        Ok(entries.len() / Self::WIDTH)
    }
}

/// The answer to a push or a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Push {
    Done,
    /// Nothing was added: allocate this many bytes, [`grow_into`](StateMut::grow_into) them and try again.
    Full(usize),
}

/// A state that can be added to. The bytes stay the caller's.
#[derive(Debug)]
pub struct StateMut<'a, E> {
    bytes: &'a mut [u8],
    used: usize,
    entry: PhantomData<E>,
}

/// A state that can be read: merged into another, or finished.
#[derive(Debug, Clone, Copy)]
pub struct StateRef<'a, E> {
    entries: &'a [u8],
    config: [u8; 3],
    entry: PhantomData<E>,
}

/// The state of the cuts of one metric.
pub type CutsState<'a> = StateMut<'a, Observation>;
pub type CutsStateRef<'a> = StateRef<'a, Observation>;
/// The state of the cuts of the three RFM metrics.
pub type RfmCutsState<'a> = StateMut<'a, RfmRow>;
pub type RfmCutsStateRef<'a> = StateRef<'a, RfmRow>;

impl<'a, E: Entry> StateMut<'a, E> {
    /// The length of a new state: small, because there may be a group for every shop.
    pub const fn initial_len() -> usize {
        HEADER + FIRST_ENTRIES * E::WIDTH
    }

    /// The length of a state for nothing.
    pub(crate) const fn empty_len() -> usize {
        HEADER
    }

    /// The length of its bytes, spare room included.
    pub(crate) fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Writes an empty state into `bytes`, whatever they held.
    ///
    /// # Errors
    /// [`ScoreError::Corrupt`] where the slice cannot hold the header.
    pub fn create(bytes: &'a mut [u8], config: E::Config) -> Result<Self, ScoreError> {
        let header = bytes.first_chunk_mut::<HEADER>().ok_or_else(|| corrupt("it is too short"))?;
        let [bins, ties, best] = E::pack_config(config);
        *header = [VERSION, E::KIND, bins, ties, best, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Ok(Self { bytes, used: 0, entry: PhantomData })
    }

    /// Opens a state: a check of the header, in constant time.
    ///
    /// # Errors
    /// [`ScoreError::Corrupt`] where the header is not one of this kind, or speaks of more entries than there are.
    pub fn open(bytes: &'a mut [u8]) -> Result<Self, ScoreError> {
        let used = check_header::<E>(bytes)?;
        Ok(Self { bytes, used, entry: PhantomData })
    }

    pub fn as_ref(&self) -> StateRef<'_, E> {
        let (header, entries) = self.bytes.split_at(HEADER);
        StateRef {
            entries: &entries[..self.used * E::WIDTH],
            config: [header[2], header[3], header[4]],
            entry: PhantomData,
        }
    }

    /// Adds one entry, in place, or says how much room a grown state needs.
    ///
    /// # Errors
    /// [`ScoreError::TooManyRows`] beyond [`MAX_STATE_BYTES`]; [`ScoreError::Corrupt`].
    pub fn push(&mut self, entry: E) -> Result<Push, ScoreError> {
        if let Push::Full(len) = self.reserve(1)? {
            return Ok(Push::Full(len));
        }
        let start = HEADER + self.used * E::WIDTH;
        entry.write(&mut self.bytes[start..start + E::WIDTH]);
        self.set_used(self.used + 1);
        Ok(Push::Done)
    }

    /// Makes room for so many entries, in place, or says how much room a grown state needs.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub(crate) fn reserve(&mut self, entries: usize) -> Result<Push, ScoreError> {
        if entries <= self.capacity() - self.used { Ok(Push::Done) } else { self.make_room(entries) }
    }

    /// Adds all entries of another state, or none and says how much room a grown state needs.
    ///
    /// # Errors
    /// [`ScoreError::ConfigChanged`] where the two differ in bins, ties or direction; those of [`push`](Self::push).
    pub fn merge(&mut self, other: StateRef<'_, E>) -> Result<Push, ScoreError> {
        if self.as_ref().config != other.config {
            return Err(ScoreError::ConfigChanged);
        }
        for entry in other.entries() {
            entry?;
        }
        if let Push::Full(len) = self.reserve(other.len())? {
            return Ok(Push::Full(len));
        }
        let start = HEADER + self.used * E::WIDTH;
        self.bytes[start..start + other.entries.len()].copy_from_slice(other.entries);
        self.set_used(self.used + other.len());
        Ok(Push::Done)
    }

    /// Copies the state into a larger slice, which becomes the state. Its further content stays as it is.
    ///
    /// # Errors
    /// [`ScoreError::Corrupt`] where the slice is shorter than what is used.
    pub fn grow_into<'b>(&self, larger: &'b mut [u8]) -> Result<StateMut<'b, E>, ScoreError> {
        let end = HEADER + self.used * E::WIDTH;
        let start = larger.get_mut(..end).ok_or_else(|| corrupt("the grown copy is too short"))?;
        start.copy_from_slice(&self.bytes[..end]);
        Ok(StateMut { bytes: larger, used: self.used, entry: PhantomData })
    }

    /// Compacts, then decides between staying and growing. Staying takes half of the room to be free, so that the
    /// sorting is paid by as many pushes; at the largest length a sixteenth has to do.
    fn make_room(&mut self, wanted: usize) -> Result<Push, ScoreError> {
        let left = E::compact(&mut self.bytes[HEADER..][..self.used * E::WIDTH])?;
        self.set_used(left);
        let (capacity, needed) = (self.capacity(), self.used.saturating_add(wanted));
        let most = (MAX_STATE_BYTES - E::RESERVED - HEADER) / E::WIDTH;
        let comfortable = if capacity >= most { capacity - capacity / 16 } else { capacity / 2 };
        if needed <= comfortable {
            Ok(Push::Done)
        } else if needed > most || capacity >= most {
            Err(ScoreError::TooManyRows { limit: most as u64 })
        } else {
            Ok(Push::Full(HEADER + E::WIDTH * needed.max(2 * capacity).max(FIRST_ENTRIES).min(most)))
        }
    }

    fn capacity(&self) -> usize {
        (self.bytes.len() - HEADER) / E::WIDTH
    }

    fn set_used(&mut self, used: usize) {
        self.used = used;
        self.bytes[8..HEADER].copy_from_slice(&(used as u64).to_le_bytes());
    }
}

impl StateMut<'_, Observation> {
    /// Adds the value of one row.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn push_value(&mut self, value: Decimal) -> Result<Push, ScoreError> {
        self.push(Observation { value, count: 1 })
    }
}

impl<'a, E: Entry> StateRef<'a, E> {
    /// Opens a state for reading: a check of the header, in constant time.
    ///
    /// # Errors
    /// As [`StateMut::open`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, ScoreError> {
        let used = check_header::<E>(bytes)?;
        let entries = &bytes[HEADER..][..used * E::WIDTH];
        Ok(Self { entries, config: [bytes[2], bytes[3], bytes[4]], entry: PhantomData })
    }

    /// Whether the state was made with this configuration.
    ///
    /// # Errors
    /// [`ScoreError::ConfigChanged`] otherwise.
    pub fn require(&self, config: E::Config) -> Result<(), ScoreError> {
        if self.config == E::pack_config(config) { Ok(()) } else { Err(ScoreError::ConfigChanged) }
    }

    /// The number of entries; for the metric state that of distinct values at least, rows at most.
    pub fn len(&self) -> usize {
        self.entries.len() / E::WIDTH
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, each checked as it is read.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<E, ScoreError>> + Clone {
        self.entries.chunks_exact(E::WIDTH).map(|entry| E::read(entry).ok_or_else(|| corrupt("an entry is malformed")))
    }

    /// The entries after merging what can be merged; in canonical order where that sorts. The state stays as it is.
    pub(crate) fn compacted(&self) -> Result<Vec<E>, ScoreError> {
        let mut bytes = column(self.entries.len())?;
        bytes.extend_from_slice(self.entries);
        let left = E::compact(&mut bytes)?;
        let mut entries = column(left)?;
        for entry in bytes.chunks_exact(E::WIDTH).take(left) {
            entries.push(E::read(entry).ok_or_else(|| corrupt("an entry is malformed"))?);
        }
        Ok(entries)
    }

    pub(crate) fn config(&self) -> Result<E::Config, ScoreError> {
        E::unpack_config(self.config).ok_or_else(|| corrupt("its parameters are out of range"))
    }
}

impl StateRef<'_, Observation> {
    /// The cuts of all rows so far; `None` where there are none. The state stays as it is.
    ///
    /// # Errors
    /// [`ScoreError::Corrupt`]; those of [`Cuts::from_counts`].
    pub fn finish(&self) -> Result<Option<Cuts>, ScoreError> {
        let mut counts = column(self.len())?;
        for entry in self.entries() {
            let Observation { value, count } = entry?;
            counts.push((value, count));
        }
        Cuts::from_column(self.config()?, &mut counts)
    }
}

impl StateRef<'_, RfmRow> {
    /// The cuts of all users so far; `None` where there are none. The state stays as it is.
    ///
    /// # Errors
    /// [`ScoreError::Corrupt`]; those of [`RfmCuts::from_rows`].
    pub fn finish(&self) -> Result<Option<RfmCuts>, ScoreError> {
        let rows = self.entries();
        for row in rows.clone() {
            row?;
        }
        RfmCuts::from_rows(self.config()?, rows.flatten())
    }
}

fn check_header<E: Entry>(bytes: &[u8]) -> Result<usize, ScoreError> {
    let Some((header, entries)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(corrupt("it is too short"));
    };
    let [version, kind, bins, ties, best, 0, 0, 0, used @ ..] = *header else {
        return Err(corrupt("reserved bytes are in use"));
    };
    if version != VERSION {
        return Err(corrupt(format!("unknown version {version}")));
    }
    if kind != E::KIND {
        return Err(corrupt(format!("kind {kind} is not {}", E::KIND)));
    }
    if E::unpack_config([bins, ties, best]).is_none() {
        return Err(corrupt("its parameters are out of range"));
    }
    let (used, capacity) = (u64::from_le_bytes(used), entries.len() / E::WIDTH);
    match usize::try_from(used) {
        Ok(used) if used <= capacity => Ok(used),
        _ => Err(corrupt(format!("{used} entries do not fit, there is room for {capacity}"))),
    }
}

fn corrupt(reason: impl Into<String>) -> ScoreError {
    ScoreError::corrupt("state of a cuts aggregate", reason)
}

impl Observation {
    const SIZE: usize = 24;

    fn unpack(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let (value, count) = bytes.split_first_chunk()?;
        let count = u64::from_le_bytes(*count.first_chunk()?);
        Some(Self { value: decimal_from(*value)?, count })
    }

    /// The order of values, read from their bytes: two of one scale, the usual case, compare as integers.
    fn order(a: &[u8; Self::SIZE], b: &[u8; Self::SIZE]) -> Ordering {
        let bytes = |entry: &[u8; Self::SIZE]| entry.first_chunk::<16>().copied().unwrap_or_default();
        let (a, b) = (bytes(a), bytes(b));
        if a[15] == b[15] {
            let mantissa = |bytes| i128::from_le_bytes(bytes) << 8;
            mantissa(a).cmp(&mantissa(b))
        } else {
            decimal_from(a).cmp(&decimal_from(b))
        }
    }

    fn pack(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..16].copy_from_slice(&decimal_bytes(self.value));
        bytes[16..].copy_from_slice(&self.count.to_le_bytes());
        bytes
    }
}

impl Entry for Observation {
    type Config = CutsConfig;
    const KIND: u8 = 1;
    const WIDTH: usize = Self::SIZE;

    fn pack_config(config: CutsConfig) -> [u8; 3] {
        [config.bins.get(), config.ties.code(), config.best.code()]
    }

    fn unpack_config([bins, ties, best]: [u8; 3]) -> Option<CutsConfig> {
        Some(CutsConfig {
            bins: Bins::new(bins.into()).ok()?,
            ties: Ties::from_code(ties)?,
            best: Best::from_code(best)?,
        })
    }

    fn write(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.pack());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::unpack(bytes.first_chunk()?)
    }

    fn compact(entries: &mut [u8]) -> Result<usize, ScoreError> {
        compact_observations(entries.as_chunks_mut::<{ Observation::SIZE }>().0, |_| 0)
    }
}

/// An observation of one of several metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetricObservation {
    pub(crate) metric: u16,
    pub(crate) observation: Observation,
}

impl MetricObservation {
    const SIZE: usize = 2 + Observation::SIZE;
    /// The longest header that may stand before the state.
    pub(crate) const LONGEST_HEADER: usize = 1 << 21;
}

impl Entry for MetricObservation {
    type Config = ();
    const KIND: u8 = 3;
    const WIDTH: usize = Self::SIZE;
    const RESERVED: usize = Self::LONGEST_HEADER;

    fn pack_config((): ()) -> [u8; 3] {
        [0; 3]
    }

    fn unpack_config(bytes: [u8; 3]) -> Option<()> {
        (bytes == [0; 3]).then_some(())
    }

    fn write(self, bytes: &mut [u8]) {
        let (metric, observation) = bytes.split_at_mut(2);
        metric.copy_from_slice(&self.metric.to_be_bytes());
        self.observation.write(observation);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (metric, observation) = bytes.split_first_chunk()?;
        Some(Self { metric: u16::from_be_bytes(*metric), observation: Observation::read(observation)? })
    }

    fn compact(entries: &mut [u8]) -> Result<usize, ScoreError> {
        let metric = |entry: &[u8; Self::SIZE]| u16::from_be_bytes([entry[0], entry[1]]);
        compact_observations(entries.as_chunks_mut().0, metric)
    }
}

/// Sorts entries that end with an observation in place, and adds up the counts of equal values of one metric. Answers how
/// many are left.
fn compact_observations<const WIDTH: usize>(
    entries: &mut [[u8; WIDTH]],
    metric: impl Fn(&[u8; WIDTH]) -> u16,
) -> Result<usize, ScoreError> {
    if entries.iter().any(|entry| Observation::unpack(packed(entry)).is_none()) {
        return Err(corrupt("an entry is malformed"));
    }
    patience::sort_by(entries, |a, b| metric(a).cmp(&metric(b)).then_with(|| Observation::order(packed(a), packed(b))));
    let mut last: Option<Observation> = None;
    let mut left = 0;
    for place in 0..entries.len() {
        let Some(observation) = Observation::unpack(packed(&entries[place])) else {
            continue;
        };
        match &mut last {
            Some(last)
                if metric(&entries[left - 1]) == metric(&entries[place])
                    && compare(last.value, observation.value).is_eq() =>
            {
                last.count = last
                    .count
                    .checked_add(observation.count)
                    .ok_or(ScoreError::OutOfRange { what: "the number of users" })?;
                entries[left - 1][WIDTH - Observation::SIZE..].copy_from_slice(&last.pack());
            }
            _ => {
                entries[left] = entries[place];
                left += 1;
                last = Some(observation);
            }
        }
    }
    Ok(left)
}

/// The observation at the end of an entry.
fn packed<const WIDTH: usize>(entry: &[u8; WIDTH]) -> &[u8; Observation::SIZE] {
    entry.last_chunk().unwrap_or(&[0; Observation::SIZE])
}

impl Entry for RfmRow {
    type Config = RfmConfig;
    const KIND: u8 = 2;
    const WIDTH: usize = 28;

    fn pack_config(config: RfmConfig) -> [u8; 3] {
        [config.bins.get(), config.ties.code(), 0]
    }

    fn unpack_config([bins, ties, best]: [u8; 3]) -> Option<RfmConfig> {
        (best == 0).then_some(())?;
        Some(RfmConfig { bins: Bins::new(bins.into()).ok()?, ties: Ties::from_code(ties)? })
    }

    fn write(self, bytes: &mut [u8]) {
        bytes[..4].copy_from_slice(&self.recency.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.frequency.to_le_bytes());
        bytes[12..].copy_from_slice(&decimal_bytes(self.monetary));
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (recency, bytes) = bytes.split_first_chunk()?;
        let (frequency, bytes) = bytes.split_first_chunk()?;
        Some(Self {
            recency: i32::from_le_bytes(*recency),
            frequency: i64::from_le_bytes(*frequency),
            monetary: decimal_from(*bytes.first_chunk()?)?,
        })
    }
}
