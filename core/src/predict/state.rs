//! The state of a fit while users come in: equal users are kept once, with their number. See [`crate::score::StateMut`].

use crate::patience;
use crate::score::{Entry, ScoreError, StateRef, decimal_bytes, decimal_from};

use super::{Counted, PredictError, PurchaseSummary, Purchases, Spending, Unit};

/// What is kept of a user: `WIDTH` bytes, the last eight of them the number of equal users.
pub type CountedPurchases = Counted<Purchases>;
/// The same for amounts.
pub type CountedSpending = Counted<Spending>;

const COUNT: usize = 8;

impl Entry for CountedPurchases {
    type Config = Unit;
    const KIND: u8 = 4;
    const WIDTH: usize = 28;

    fn pack_config(unit: Unit) -> [u8; 3] {
        [unit.code(), 0, 0]
    }

    fn unpack_config(bytes: [u8; 3]) -> Option<Unit> {
        let [unit, 0, 0] = bytes else { return None };
        Unit::from_code(unit)
    }

    fn write(self, bytes: &mut [u8]) {
        bytes[..4].copy_from_slice(&self.value.x().to_be_bytes());
        bytes[4..12].copy_from_slice(&self.value.t_x().to_be_bytes());
        bytes[12..20].copy_from_slice(&self.value.t().to_be_bytes());
        bytes[20..].copy_from_slice(&self.count.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (x, bytes) = bytes.split_first_chunk()?;
        let (t_x, bytes) = bytes.split_first_chunk()?;
        let (t, bytes) = bytes.split_first_chunk()?;
        let x = u32::from_be_bytes(*x);
        let value = Purchases::new(x.into(), f64::from_be_bytes(*t_x), f64::from_be_bytes(*t)).ok()?;
        Some(Self { value, count: u64::from_be_bytes(*bytes.first_chunk()?) })
    }

    fn compact(entries: &mut [u8]) -> Result<usize, ScoreError> {
        compact::<{ Self::WIDTH }>(entries)
    }
}

impl Entry for CountedSpending {
    type Config = ();
    const KIND: u8 = 5;
    const WIDTH: usize = 20;

    fn pack_config((): ()) -> [u8; 3] {
        [0; 3]
    }

    fn unpack_config(bytes: [u8; 3]) -> Option<()> {
        (bytes == [0; 3]).then_some(())
    }

    fn write(self, bytes: &mut [u8]) {
        bytes[..4].copy_from_slice(&self.value.x().to_be_bytes());
        bytes[4..12].copy_from_slice(&self.value.mean_amount().to_be_bytes());
        bytes[12..].copy_from_slice(&self.count.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (x, bytes) = bytes.split_first_chunk()?;
        let (amount, bytes) = bytes.split_first_chunk()?;
        let value = Spending::new(u32::from_be_bytes(*x).into(), Some(f64::from_be_bytes(*amount))).ok()?;
        Some(Self { value, count: u64::from_be_bytes(*bytes.first_chunk()?) })
    }

    fn compact(entries: &mut [u8]) -> Result<usize, ScoreError> {
        compact::<{ Self::WIDTH }>(entries)
    }
}

/// A user's purchases from one of several sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OfSource {
    pub(crate) source: u16,
    pub(crate) summary: PurchaseSummary,
}

impl Entry for Counted<OfSource> {
    type Config = ();
    const KIND: u8 = 6;
    const WIDTH: usize = 38;

    fn pack_config((): ()) -> [u8; 3] {
        [0; 3]
    }

    fn unpack_config(bytes: [u8; 3]) -> Option<()> {
        (bytes == [0; 3]).then_some(())
    }

    fn write(self, bytes: &mut [u8]) {
        let OfSource { source, summary: PurchaseSummary { x, t_x, t, repeat_amount } } = self.value;
        bytes[..2].copy_from_slice(&source.to_be_bytes());
        for (place, number) in [x, t_x, t].into_iter().enumerate() {
            // days that there are fit
            bytes[2 + 4 * place..][..4].copy_from_slice(&(number as u32).to_be_bytes());
        }
        bytes[14..30].copy_from_slice(&decimal_bytes(repeat_amount.normalize()));
        bytes[30..].copy_from_slice(&self.count.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (source, bytes) = bytes.split_first_chunk()?;
        let (x, bytes) = bytes.split_first_chunk()?;
        let (t_x, bytes) = bytes.split_first_chunk()?;
        let (t, bytes) = bytes.split_first_chunk()?;
        let (amount, bytes) = bytes.split_first_chunk()?;
        let [x, t_x, t] = [x, t_x, t].map(|number: &[u8; 4]| i64::from(u32::from_be_bytes(*number)));
        let summary = PurchaseSummary { x, t_x, t, repeat_amount: decimal_from(*amount)? };
        summary.purchases().ok()?;
        let count = u64::from_be_bytes(*bytes.first_chunk()?);
        Some(Self { value: OfSource { source: u16::from_be_bytes(*source), summary }, count })
    }

    fn compact(entries: &mut [u8]) -> Result<usize, ScoreError> {
        compact::<{ Self::WIDTH }>(entries)
    }
}

/// Sorts entries by their bytes and adds up the counts of equal ones; answers how many are left.
fn compact<const WIDTH: usize>(entries: &mut [u8]) -> Result<usize, ScoreError> {
    let entries: &mut [[u8; WIDTH]] = entries.as_chunks_mut().0;
    let key = |entry: &[u8; WIDTH]| -> [u8; WIDTH] {
        let mut key = *entry;
        key[WIDTH - COUNT..].fill(0);
        key
    };
    let count = |entry: &[u8; WIDTH]| u64::from_be_bytes(*entry.last_chunk().unwrap_or(&[0; COUNT]));
    patience::sort_by(entries, |a, b| a[..WIDTH - COUNT].cmp(&b[..WIDTH - COUNT]));
    let mut left = 0;
    for place in 0..entries.len() {
        let entry = entries[place];
        if left > 0 && key(&entries[left - 1]) == key(&entry) {
            let sum = count(&entries[left - 1]).checked_add(count(&entry));
            let sum = sum.ok_or(ScoreError::OutOfRange { what: "the number of users" })?;
            entries[left - 1][WIDTH - COUNT..].copy_from_slice(&sum.to_be_bytes());
        } else {
            entries[left] = entry;
            left += 1;
        }
    }
    Ok(left)
}

impl<T> StateRef<'_, Counted<T>>
where
    Counted<T>: Entry,
{
    /// The users so far, in canonical order, each once.
    ///
    /// # Errors
    /// [`PredictError::State`] for damaged bytes.
    pub fn users(&self) -> Result<Vec<Counted<T>>, PredictError> {
        Ok(self.compacted()?)
    }
}

impl StateRef<'_, CountedPurchases> {
    /// The unit that the fit is asked for.
    ///
    /// # Errors
    /// [`PredictError::State`] for damaged bytes.
    pub fn unit(&self) -> Result<Unit, PredictError> {
        Ok(self.config()?)
    }
}
