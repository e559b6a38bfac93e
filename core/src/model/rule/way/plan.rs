//! What somebody can do to get into another layer, in the simplest concrete form, and what becomes of the facts then.

use rust_decimal::Decimal;

use crate::day::Day;
use crate::ledger::{Entry, Ledger, LedgerError};
use crate::money::{MAX_SCALE, Money};

use super::super::super::ModelError;
use super::super::Value;
use super::super::evaluate::Facts;

/// New events of one source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NewEvents {
    pub(crate) source: usize,
    pub(crate) events: u32,
    /// Worth so much in total.
    pub(crate) amount: Decimal,
    /// On so many days in a row, the last of which is the day of the plan.
    pub(crate) days: i64,
}

/// Events and days, and values that somebody sets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plan<'a> {
    /// The days from the reading to the day on which the plan is carried out.
    pub(crate) wait: i64,
    pub(crate) events: Vec<NewEvents>,
    pub(crate) metrics: Vec<(usize, Value<'a>)>,
    pub(crate) scores: Vec<(usize, Option<u8>)>,
    pub(crate) attributes: Vec<(usize, Value<'a>)>,
}

/// What a plan makes: its day, and the ledgers that it changes.
pub(crate) struct Outcome {
    pub(crate) as_of: Day,
    ledgers: Vec<(usize, Ledger)>,
}

impl<'a> Plan<'a> {
    /// The events of a source; none yet where the source has no part in the plan.
    pub(crate) fn of_source(&mut self, source: usize) -> &mut NewEvents {
        let place = self.events.iter().position(|new| new.source == source).unwrap_or_else(|| {
            self.events.push(NewEvents { source, events: 0, amount: Decimal::ZERO, days: 1 });
            self.events.len() - 1
        });
        &mut self.events[place]
    }

    /// Takes over what another plan asks for beyond this one. False where the two cannot be carried out together.
    pub(crate) fn merge(&mut self, other: Plan<'a>) -> bool {
        self.wait = self.wait.max(other.wait);
        for new in other.events {
            let own = self.of_source(new.source);
            own.events = own.events.max(new.events);
            own.amount = own.amount.max(new.amount);
            own.days = own.days.max(new.days);
        }
        take_over(&mut self.metrics, other.metrics)
            && take_over(&mut self.scores, other.scores)
            && take_over(&mut self.attributes, other.attributes)
    }

    /// The number of events of a source that the plan has.
    pub(crate) fn events_of(&self, source: usize) -> u32 {
        self.events.iter().find(|new| new.source == source).map_or(0, |new| new.events)
    }

    /// Carries the plan out. `None` where it goes beyond what ledgers and the calendar can hold.
    ///
    /// # Errors
    /// For a ledger that is damaged.
    pub(crate) fn carry_out(&self, facts: &Facts<'_>, today: Day) -> Result<Option<Outcome>, ModelError> {
        let Some(as_of) = Day::new(i64::from(today.number()) + self.wait) else { return Ok(None) };
        let mut outcome = Outcome { as_of, ledgers: Vec::with_capacity(self.events.len()) };
        for new in &self.events {
            let Some(added) = new.ledger(as_of) else { return Ok(None) };
            match facts.ledgers[new.source].plus(added.borrow()) {
                Ok(ledger) => outcome.ledgers.push((new.source, ledger)),
                Err(LedgerError::EventsOverflow(_) | LedgerError::AmountOverflow(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(outcome))
    }
}

/// False where one thing would have to have two values.
fn take_over<T: PartialEq>(own: &mut Vec<(usize, T)>, other: Vec<(usize, T)>) -> bool {
    other.into_iter().all(|(place, value)| match own.iter().find(|(known, _)| *known == place) {
        Some((_, known)) => *known == value,
        None => {
            own.push((place, value));
            true
        }
    })
}

impl NewEvents {
    fn ledger(&self, last: Day) -> Option<Ledger> {
        let money = Money::new(self.amount.mantissa(), self.amount.scale()).ok()?;
        if money.is_negative() || i64::from(self.events) < self.days {
            return None;
        }
        let mut entries = Vec::with_capacity(self.days as usize);
        for back in (0..self.days).rev() {
            let day = Day::new(i64::from(last.number()) - back)?;
            entries.push(Entry { day, events: 1, gross: 0, credit: 0 });
        }
        let latest = entries.last_mut()?;
        latest.events = self.events - self.days as u32 + 1;
        latest.gross = money.mantissa();
        debug_assert!(money.scale() <= MAX_SCALE);
        Ledger::from_sorted(&entries, money.scale()).ok()
    }
}

impl Outcome {
    /// The facts after the plan.
    pub(crate) fn facts<'x>(&'x self, before: &Facts<'x>, plan: &Plan<'x>) -> Facts<'x> {
        let mut after = before.clone();
        for (source, ledger) in &self.ledgers {
            after.ledgers[*source] = ledger.borrow();
        }
        for (place, value) in &plan.metrics {
            after.metrics[*place] = Some(*value);
        }
        for (place, score) in &plan.scores {
            after.scores[*place] = Some(*score);
        }
        for (place, value) in &plan.attributes {
            after.attributes[*place] = *value;
        }
        after
    }
}
