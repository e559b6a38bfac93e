//! A ledger with given readings, where one is found. What is built is read again by those who asked for it.

use rust_decimal::Decimal;

use crate::day::Day;
use crate::ledger::{Entry, Ledger};
use crate::money::MAX_SCALE;

use super::super::Reader;
use super::interval::Interval;
use super::possible::{Fact, possible, room};
use super::search::candidates;

/// The readings that settle what happened between one window's end and the next. The order is that in which they are
/// settled.
const SETTLED: [Reader; 6] = [
    Reader::Frequency,
    Reader::ActiveDays,
    Reader::Tenure,
    Reader::Monetary,
    Reader::GrossAmount,
    Reader::CreditAmount,
];

/// What happened within a window.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    events: i64,
    active_days: i64,
    gross: i64,
    credits: i64,
}

/// A ledger whose readings as of a day are these single values.
pub(super) fn build(facts: &[Fact], as_of: Day) -> Option<Ledger> {
    let mut windows: Vec<Option<i32>> = facts.iter().map(|fact| fact.days).collect();
    windows.sort_by_key(|days| days.map_or(i64::MAX, i64::from));
    windows.dedup();
    let mut known = Known { facts: facts.to_vec() };
    let active: Vec<Option<i32>> = windows.iter().copied().filter(|days| known.is_active(*days)).collect();
    let recency = match active.last() {
        Some(days) => whole(known.settle(Reader::Recency, *days)?)?,
        None => 0,
    };
    for reader in SETTLED {
        for days in &windows {
            if reader != Reader::Tenure || active.contains(days) {
                known.settle(reader, *days)?;
            }
        }
    }
    let scale = known.facts.iter().filter_map(Fact::number).map(|number| number.normalize().scale()).max()?;
    if scale > MAX_SCALE.into() {
        return None;
    }
    let mut entries: Vec<Entry> = Vec::new();
    let (mut before, mut start) = (Totals::default(), 0);
    for days in &windows {
        let money = |reader| {
            let mut amount = known.number(reader, *days)?;
            amount.rescale(scale);
            i64::try_from(amount.mantissa()).ok()
        };
        let totals = Totals {
            events: whole(known.number(Reader::Frequency, *days)?)?,
            active_days: whole(known.number(Reader::ActiveDays, *days)?)?,
            gross: money(Reader::GrossAmount)?,
            credits: money(Reader::CreditAmount)?,
        };
        let mut ring = Ring { start, end: days.map_or(i64::MAX, i64::from) - 1, recency, tenure: recency, first: None };
        if active.contains(days) {
            ring.tenure = whole(known.number(Reader::Tenure, *days)?)?;
            // where it does not matter it is left open
            let first = room(&known.facts, Reader::FirstAmount, *days)?.single();
            if let Some(mut first) = first {
                first.rescale(scale);
                ring.first = Some(i64::try_from(first.mantissa()).ok()?);
            }
        }
        entries.extend(ring.entries(totals, before, as_of)?);
        (before, start) = (totals, ring.end.saturating_add(1));
    }
    entries.sort_unstable_by_key(|entry| entry.day);
    Ledger::from_sorted(&entries, scale as u8).ok()
}

fn whole(number: Decimal) -> Option<i64> {
    i64::try_from(number.normalize().trunc().mantissa()).ok().filter(|_| number.is_integer())
}

struct Known {
    facts: Vec<Fact>,
}

impl Known {
    fn number(&self, reader: Reader, days: Option<i32>) -> Option<Decimal> {
        self.facts.iter().find(|fact| (fact.reader, fact.days) == (reader, days))?.number()
    }

    /// Whether the window must have an event.
    fn is_active(&self, days: Option<i32>) -> bool {
        let inactive = Fact { reader: Reader::Frequency, days, value: Some(Interval::point(Decimal::ZERO)) };
        !possible(&[&self.facts[..], &[inactive]].concat())
    }

    /// Gives a reading a value that goes with the others.
    fn settle(&mut self, reader: Reader, days: Option<i32>) -> Option<Decimal> {
        if let Some(known) = self.number(reader, days) {
            return Some(known);
        }
        let mut wanted: Vec<Decimal> = Vec::new();
        let here = |reader| self.number(reader, days);
        // what follows from the rest of the window comes first
        wanted.extend(match reader {
            Reader::Monetary => {
                let average = here(Reader::AverageAmount).zip(here(Reader::Frequency));
                average.and_then(|(each, times)| each.checked_mul(times)).or(here(Reader::FirstAmount))
            }
            Reader::GrossAmount => here(Reader::Monetary),
            Reader::CreditAmount => {
                here(Reader::GrossAmount).zip(here(Reader::Monetary)).and_then(|(gross, net)| gross.checked_sub(net))
            }
            _ => None,
        });
        wanted.extend(candidates(room(&self.facts, reader, days)?));
        let place = self.facts.len();
        self.facts.push(Fact { reader, days, value: None });
        for number in wanted {
            self.facts[place].value = Some(Interval::point(number));
            if possible(&self.facts) {
                return Some(number);
            }
        }
        None
    }
}

/// The days from one window's end to the next, as days before the reading.
struct Ring {
    start: i64,
    end: i64,
    recency: i64,
    tenure: i64,
    /// What the first active day of the window comes to.
    first: Option<i64>,
}

impl Ring {
    fn entries(&self, totals: Totals, before: Totals, as_of: Day) -> Option<Vec<Entry>> {
        let events = totals.events - before.events;
        let active_days = usize::try_from(totals.active_days - before.active_days).ok()?;
        let (mut gross, mut credits) = (totals.gross - before.gross, totals.credits - before.credits);
        if events < 0 || gross < 0 || credits < 0 || active_days > 10_000 {
            return None;
        }
        // the last and the first active day, and those between
        let (near, far) = (self.start.max(self.recency), self.end.min(self.tenure));
        let mut ago: Vec<i64> = Vec::new();
        if active_days > 0 {
            ago.push(if far == self.tenure { far } else { near });
            let others = [near].into_iter().chain(near.saturating_add(1)..=far).filter(|day| *day != ago[0]);
            let others: Vec<i64> = others.take(active_days - 1).collect();
            ago.extend(others);
        }
        if ago.len() != active_days {
            return None;
        }
        let day = |ago: i64| Day::new(i64::from(as_of.number()).checked_sub(ago)?);
        let mut entries = Vec::new();
        for ago in &ago {
            entries.push(Entry { day: day(*ago)?, events: 1, gross: 0, credit: 0 });
        }
        if let Some(most) = entries.last_mut() {
            most.events = u32::try_from(events - active_days as i64 + 1).ok()?;
        }
        // the first day keeps its net amount: what else there is goes elsewhere, or in and out on that day
        let first = self.first.filter(|_| ago.first() == Some(&self.tenure));
        let alone = first.is_some() && active_days == 1;
        if let (Some(first), Some(entry)) = (first, entries.first_mut()) {
            entry.gross = if alone { gross } else { first.max(0) };
            entry.credit = entry.gross.checked_sub(first).filter(|credit| *credit >= 0)?;
            (gross, credits) = (gross - entry.gross, credits - entry.credit);
        }
        if let Some(entry) = entries.last_mut().filter(|_| gross > 0 && !alone) {
            entry.gross += gross;
            gross = 0;
        }
        if gross != 0 || credits < 0 {
            return None;
        }
        if credits > 0 {
            // on a day without events, or one whose amount is nobody's business
            let free = (self.start..=self.end.min(self.start + 10_000)).rev().find(|day| !ago.contains(day));
            match (free, entries.last_mut()) {
                (Some(free), _) => entries.push(Entry { day: day(free)?, events: 0, gross: 0, credit: credits }),
                (None, Some(entry)) if !alone => entry.credit += credits,
                _ => return None,
            }
        }
        Some(entries)
    }
}
