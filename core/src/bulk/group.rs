//! A partition, grouped: users with all of their records.

use std::hash::{BuildHasher, Hasher, RandomState};

use rust_decimal::Decimal;

use crate::day::Day;
use crate::ledger::{Entry, Ledger, LedgerError, LedgerRef, Window};
use crate::money::Money;
use crate::patience;

use super::record::{Content, HEAD, Key, Record};
use super::sums::Sums;

/// Groups the records of one partition at a time, in two passes over memory that fits the cache: a small hash table
/// numbers the users and counts their records, then the records' places are dealt out by user, in order of arrival.
/// Its memory is used again for the next partition.
pub(super) struct Grouper {
    /// Unknown outside: keys cannot be chosen so that they meet in the table.
    seed: u64,
    bytes: Vec<u8>,
    users: Vec<User>,
    /// For each slot of the hash table the number of a user, from 1; 0 is free.
    table: Vec<u32>,
    /// For each record its place in `bytes` and the number of its user.
    records: Vec<(u32, u32)>,
    /// The places of all records, user by user.
    places: Vec<u32>,
}

struct User {
    hash: u64,
    /// The place of the first record.
    first: u32,
    /// How many records there are; later where those of the next user start.
    records: u32,
}

impl Grouper {
    pub fn new() -> Grouper {
        let seed = RandomState::new().build_hasher().finish();
        Grouper {
            seed,
            bytes: Vec::new(),
            users: Vec::new(),
            table: Vec::new(),
            records: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Takes the records of a partition.
    pub fn load(&mut self, mut chunks: Vec<Vec<u8>>, integers: bool) -> Result<(), LedgerError> {
        let total: usize = chunks.iter().map(Vec::len).sum();
        if total > u32::MAX as usize {
            return Err(LedgerError::OutOfMemory);
        }
        match &mut chunks[..] {
            [only] => self.bytes = std::mem::take(only),
            _ => {
                self.bytes.clear();
                reserve(&mut self.bytes, total)?;
                for chunk in chunks {
                    self.bytes.extend_from_slice(&chunk);
                }
            }
        }
        self.number_users(integers)?;
        self.deal_out()
    }

    fn number_users(&mut self, integers: bool) -> Result<(), LedgerError> {
        let Grouper { seed, bytes, users, table, records, .. } = self;
        let most = bytes.len() / HEAD;
        users.clear();
        records.clear();
        table.clear();
        reserve(records, most)?;
        let slots = (most + most / 2).next_power_of_two();
        reserve(table, slots)?;
        table.resize(slots, 0);
        let mut place = 0;
        let mut probes = 0usize;
        while place < bytes.len() {
            let record = Record::read(&bytes[place..])?;
            let mut slot = scramble(record.hash ^ *seed) as usize & (slots - 1);
            let number = loop {
                probes += 1;
                if probes.is_multiple_of(1 << 16) {
                    patience::check();
                }
                match table[slot] {
                    0 => {
                        reserve(users, 1)?;
                        users.push(User { hash: record.hash, first: place as u32, records: 0 });
                        table[slot] = users.len() as u32;
                        break users.len() as u32;
                    }
                    number => {
                        let user = &users[number as usize - 1];
                        let same = user.hash == record.hash
                            && (integers || Record::read(&bytes[user.first as usize..])?.key == record.key);
                        if same {
                            break number;
                        }
                    }
                }
                slot = (slot + 1) & (slots - 1);
            };
            users[number as usize - 1].records += 1;
            records.push((place as u32, number - 1));
            place += record.length();
        }
        Ok(())
    }

    fn deal_out(&mut self) -> Result<(), LedgerError> {
        let Grouper { users, records, places, .. } = self;
        places.clear();
        reserve(places, records.len())?;
        places.resize(records.len(), 0);
        let mut start = 0;
        for user in users.iter_mut() {
            start += std::mem::replace(&mut user.records, start);
        }
        for &(place, number) in records.iter() {
            let next = &mut users[number as usize].records;
            places[*next as usize] = place;
            *next += 1;
        }
        Ok(())
    }

    /// Hands out the users.
    pub fn groups(
        &self,
        integers: bool,
        mut visit: impl FnMut(&Group<'_>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut start = 0;
        for user in &self.users {
            let end = user.records as usize;
            let key = match integers {
                true => Key::of_hash(user.hash),
                false => Key::Bytes(Record::read(&self.bytes[user.first as usize..])?.key),
            };
            visit(&Group { bytes: &self.bytes, places: &self.places[start..end], key })?;
            start = end;
        }
        Ok(())
    }
}

/// Spreads every bit over all others (the finalizer of MurmurHash3, Appleby 2011).
fn scramble(hash: u64) -> u64 {
    let mut bits = hash;
    bits = (bits ^ bits >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ bits >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ bits >> 33
}

fn reserve<T>(column: &mut Vec<T>, more: usize) -> Result<(), LedgerError> {
    column.try_reserve(more).map_err(|_| LedgerError::OutOfMemory)
}

/// What the records of a user are folded into, where one record has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// The whole ledger.
    Ledgers,
    /// Only what [`Group::metrics`] needs as of one day.
    Metrics(Window),
}

/// A user with all of its records.
pub struct Group<'a> {
    bytes: &'a [u8],
    places: &'a [u32],
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
        self.places.iter().map(|place| Record::read(&self.bytes[*place as usize..]))
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
                Content::Metrics(_) => return Err(LedgerError::Corrupt("metrics where events are needed")),
            };
        }
        work.clear();
        reserve(work, self.places.len())?;
        for record in self.records() {
            match record?.content {
                Content::Event { day, amount } => Entry::add_event(work, day, amount, scale)?,
                Content::Ledger(sealed) => {
                    let ledger = LedgerRef::new(sealed)?;
                    for entry in ledger.entries() {
                        work.push(entry?.raised(scale - ledger.scale())?);
                    }
                }
                Content::Metrics(_) => {}
            }
        }
        Ledger::from_entries(work, scale)
    }

    /// Recency's day, frequency and money; `None` where nothing had happened by `as_of`. In a builder that folds to
    /// metrics the window must be the builder's.
    ///
    /// # Errors
    /// [`LedgerError::AmountOverflow`] where the money exceeds 28 digits.
    pub fn metrics(&self, window: Window) -> Result<Option<Metrics>, LedgerError> {
        let sums = self.sums(window)?;
        let monetary = Decimal::try_from_i128_with_scale(sums.mantissa, sums.scale as u32)
            .map_err(|_| LedgerError::AmountOverflow(window.as_of()))?;
        let Sums { any, last_day, frequency, .. } = sums;
        Ok(any.then_some(Metrics { last_day, frequency, monetary }))
    }

    fn sums(&self, window: Window) -> Result<Sums, LedgerError> {
        let mut sums = Sums::default();
        for record in self.records() {
            match record?.content {
                Content::Event { day, .. } if day > window.as_of() => {}
                Content::Event { day, amount } => {
                    sums.add_day(window, day, !amount.is_negative() as i64, amount.mantissa() as i128, amount.scale());
                }
                Content::Ledger(sealed) => sums.add_ledger(window, LedgerRef::new(sealed)?)?,
                Content::Metrics(part) => sums.add(&part),
            }
        }
        Ok(sums)
    }

    /// The user as one record: as it is where there is only one.
    pub(super) fn write_compact(&self, fold: Fold, bytes: &mut Vec<u8>) -> Result<(), LedgerError> {
        let first = Record::read(&self.bytes[self.places[0] as usize..])?;
        let mut write = |content: Content<'_>| {
            let record = Record { content, ..first };
            reserve(bytes, record.length())?;
            record.write(bytes);
            Ok(())
        };
        match (self.places, fold) {
            ([_], _) => write(first.content),
            (_, Fold::Ledgers) => write(Content::Ledger(self.ledger(&mut Vec::new())?.as_bytes())),
            (_, Fold::Metrics(window)) => match self.sums(window)? {
                sums if sums.any => write(Content::Metrics(sums)),
                _ => Ok(()),
            },
        }
    }
}

impl Entry {
    /// Adds an event to entries, to the last one where it is of the same day.
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
        let mut grouper = Grouper::new();
        grouper.load(vec![chunk], false).expect("valid");
        let mut found = Vec::new();
        grouper
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
