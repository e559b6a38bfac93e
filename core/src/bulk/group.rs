//! A partition in order: users with all of their records.

use rust_decimal::Decimal;

use crate::day::Day;
use crate::ledger::{Entry, Ledger, LedgerError, LedgerRef, Window};
use crate::money::{MAX_SCALE, Money, POWERS_OF_TEN};

use super::record::{Content, HEAD, Key, Record};

/// Sorts the records of one partition at a time; its memory is used again for the next.
#[derive(Default)]
pub(super) struct Sorter {
    bytes: Vec<u8>,
    /// For each record `hash << 64 | day << 32 | place`, so that sorting integers sorts users, then days.
    order: Vec<u128>,
}

impl Sorter {
    /// Takes the records of a partition.
    pub fn load(&mut self, chunks: &[Vec<u8>]) -> Result<(), LedgerError> {
        let total: usize = chunks.iter().map(Vec::len).sum();
        if total > u32::MAX as usize {
            return Err(LedgerError::OutOfMemory);
        }
        self.bytes.clear();
        self.order.clear();
        let out_of_memory = |_| LedgerError::OutOfMemory;
        self.bytes.try_reserve(total).map_err(out_of_memory)?;
        self.order.try_reserve(total / HEAD).map_err(out_of_memory)?;
        for chunk in chunks {
            self.bytes.extend_from_slice(chunk);
        }
        let mut place = 0;
        while place < total {
            let record = Record::read(&self.bytes[place..])?;
            let day = match record.content {
                Content::Event { day, .. } => (day.number() as u32) ^ 1 << 31,
                Content::Ledger(_) => 0,
            };
            self.order.push((record.hash as u128) << 64 | (day as u128) << 32 | place as u128);
            place += record.length();
        }
        self.order.sort_unstable();
        Ok(())
    }

    /// Hands out the users in the order of their hashes.
    pub fn groups(
        &mut self,
        integers: bool,
        mut visit: impl FnMut(&Group<'_>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let Sorter { bytes, order } = self;
        let key_of = |entry: &u128| Ok::<_, LedgerError>(Record::read(&bytes[*entry as u32 as usize..])?.key);
        let mut start = 0;
        while start < order.len() {
            let hash = (order[start] >> 64) as u64;
            let mut end = start + 1;
            while end < order.len() && (order[end] >> 64) as u64 == hash {
                end += 1;
            }
            if integers {
                visit(&Group { bytes, order: &order[start..end], key: Key::of_hash(hash) })?;
            } else {
                // different keys of one hash are rare: they are gathered one after the other
                let mut rest = start;
                while rest < end {
                    let key = key_of(&order[rest])?;
                    let mut same = rest + 1;
                    for other in rest + 1..end {
                        if key_of(&order[other])? == key {
                            order[same..=other].rotate_right(1);
                            same += 1;
                        }
                    }
                    visit(&Group { bytes, order: &order[rest..same], key: Key::Bytes(key) })?;
                    rest = same;
                }
            }
            start = end;
        }
        Ok(())
    }
}

/// A user with all of its records.
pub struct Group<'a> {
    bytes: &'a [u8],
    order: &'a [u128],
    key: Key<'a>,
}

/// What RFM needs of a user as of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// Last active day up to `as_of`.
    pub last_day: Option<Day>,
    /// Events in the window.
    pub frequency: i64,
    /// Gross less credits in the window.
    pub monetary: Decimal,
}

impl<'a> Group<'a> {
    pub fn key(&self) -> Key<'a> {
        self.key
    }

    fn records(&self) -> impl Iterator<Item = Result<Record<'a>, LedgerError>> {
        self.order.iter().map(|entry| Record::read(&self.bytes[*entry as u32 as usize..]))
    }

    /// Everything that the user did, sealed: the same bytes as the aggregate's.
    ///
    /// # Errors
    /// Those of the amounts' sums.
    pub fn ledger(&self, work: &mut Vec<Entry>) -> Result<Ledger, LedgerError> {
        let mut scale = 0;
        for record in self.records() {
            scale = match record?.content {
                Content::Event { amount, .. } => scale.max(amount.reduced_to(scale).scale()),
                Content::Ledger(sealed) => scale.max(LedgerRef::new(sealed)?.scale()),
            };
        }
        work.clear();
        work.try_reserve(self.order.len()).map_err(|_| LedgerError::OutOfMemory)?;
        for record in self.records() {
            match record?.content {
                Content::Event { day, amount } => Entry::add_event(work, day, amount, scale)?,
                Content::Ledger(sealed) => {
                    let ledger = LedgerRef::new(sealed)?;
                    for entry in ledger.entries() {
                        work.push(entry?.raised(scale - ledger.scale())?);
                    }
                }
            }
        }
        Ledger::from_entries(work, scale)
    }

    /// Recency's day, frequency and money; `None` where nothing had happened by `as_of`.
    pub fn metrics(&self, window: Window) -> Result<Option<Metrics>, LedgerError> {
        let (mut last_day, mut frequency, mut millionths, mut scale, mut any) = (None, 0, 0i128, 0, false);
        for record in self.records() {
            match record?.content {
                Content::Event { day, .. } if day > window.as_of() => {}
                Content::Event { day, amount } => {
                    any = true;
                    if !amount.is_negative() {
                        last_day = last_day.max(Some(day));
                    }
                    if window.contains(day) {
                        frequency += !amount.is_negative() as i64;
                        scale = scale.max(amount.scale());
                        millionths += in_millionths(amount.mantissa() as i128, amount.scale());
                    }
                }
                Content::Ledger(sealed) => {
                    let ledger = LedgerRef::new(sealed)?;
                    for entry in ledger.entries() {
                        let entry = entry?;
                        if entry.day > window.as_of() {
                            break;
                        }
                        any = true;
                        if entry.events > 0 {
                            last_day = last_day.max(Some(entry.day));
                        }
                        if window.contains(entry.day) {
                            frequency += entry.events as i64;
                            scale = scale.max(ledger.scale());
                            millionths += in_millionths(entry.gross as i128 - entry.credit as i128, ledger.scale());
                        }
                    }
                }
            }
        }
        let shown = POWERS_OF_TEN[(MAX_SCALE - scale) as usize] as i128;
        let monetary = Decimal::try_from_i128_with_scale(millionths / shown, scale as u32)
            .map_err(|_| LedgerError::AmountOverflow(window.as_of()))?;
        Ok(any.then_some(Metrics { last_day, frequency, monetary }))
    }

    /// The user as one record: as it is where there is only one.
    pub(super) fn write_compact(&self, bytes: &mut Vec<u8>) -> Result<(), LedgerError> {
        let first = Record::read(&self.bytes[self.order[0] as u32 as usize..])?;
        let mut write = |record: Record<'_>| {
            bytes.try_reserve(record.length()).map_err(|_| LedgerError::OutOfMemory)?;
            record.write(bytes);
            Ok(())
        };
        match self.order {
            [_] => write(first),
            _ => {
                let ledger = self.ledger(&mut Vec::new())?;
                write(Record { content: Content::Ledger(ledger.as_bytes()), ..first })
            }
        }
    }
}

fn in_millionths(mantissa: i128, scale: u8) -> i128 {
    mantissa * POWERS_OF_TEN[(MAX_SCALE - scale) as usize] as i128
}

impl Entry {
    /// Adds an event to entries of ascending days.
    fn add_event(entries: &mut Vec<Entry>, day: Day, amount: Money, scale: u8) -> Result<(), LedgerError> {
        let mantissa = amount.reduced_to(scale).mantissa_at(scale).ok_or(LedgerError::AmountOverflow(day))?;
        let event = match mantissa {
            ..0 => Entry { day, events: 0, gross: 0, credit: -mantissa },
            0.. => Entry { day, events: 1, gross: mantissa, credit: 0 },
        };
        match entries.last_mut() {
            Some(last) if last.day == day => last.add(&event),
            _ => {
                entries.push(event);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_keys_of_one_hash_stay_apart() {
        let mut chunk = Vec::new();
        for (day, key) in [(3, "a"), (1, "b"), (2, "a"), (1, "c"), (1, "a"), (2, "b")] {
            let content = Content::Event { day: Day::new(day).expect("a day"), amount: Money::from(day) };
            Record { hash: 7, key: key.as_bytes(), content }.write(&mut chunk);
        }
        let mut sorter = Sorter::default();
        sorter.load(&[chunk]).expect("valid");
        let mut found = Vec::new();
        sorter
            .groups(false, |group| {
                let Key::Bytes(key) = group.key() else { panic!("bytes") };
                found.push((
                    String::from_utf8_lossy(key).into_owned(),
                    group.ledger(&mut Vec::new())?.borrow().to_text()?,
                ));
                Ok(())
            })
            .expect("valid");
        found.sort();
        let expected = [
            ("a", r#"{"2000-01-02": [1, 1], "2000-01-03": [1, 2], "2000-01-04": [1, 3]}"#),
            ("b", r#"{"2000-01-02": [1, 1], "2000-01-03": [1, 2]}"#),
            ("c", r#"{"2000-01-02": [1, 1]}"#),
        ];
        assert_eq!(found, expected.map(|(key, ledger)| (key.to_owned(), ledger.to_owned())));
    }
}
