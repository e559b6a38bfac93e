//! What one value lacks, as a plan: events, money, days, or the value itself.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::day::Day;
use crate::ledger::{Reading, Window};
use crate::patience;

use super::super::super::ModelError;
use super::super::evaluate::{Evaluation, read_value};
use super::super::{Calendar, Expr, Name, Reader, Value};
use super::axis::{Axis, Lever, Moved};
use super::need::{Need, Range, Wanted, number_of};
use super::plan::{NewEvents, Plan};
use super::search::Search;

/// The most readings for one expression that is searched rather than solved.
const MOST_PROBES: usize = 400;
/// The most kinds of things that are done together for one expression.
const MOST_TOGETHER: usize = 3;
/// The most days in a row on which a plan has events.
const LONGEST_STREAK: i64 = 366;
/// The most entries that are waited for to leave a window.
const MOST_ENTRIES: usize = 100;

impl<'a> Search<'a> {
    /// The plan with what a value lacks, by how it stands under the plan. `None` where nothing helps.
    pub(super) fn wish(
        &self,
        before: &Plan<'a>,
        place: usize,
        need: &'a Need,
        now: Value<'_>,
        evaluation: &mut Evaluation<'_>,
    ) -> Result<Option<Plan<'a>>, ModelError> {
        let axis = &self.ways.axes[place];
        let mut plan = before.clone();
        let possible = match (&axis.lever, &need.wanted) {
            (Lever::Given, _) => set(&mut plan, axis, need, now),
            (Lever::Computed { .. }, _) => return self.try_out(before, axis, need, now),
            (_, Wanted::OneOf(_)) => false,
            (_, Wanted::NoneOf(_)) if now != Value::Null => false,
            (Lever::Calendar(function), Wanted::Range(range)) => wait_until(&mut plan, *function, range, now),
            (Lever::Day, _) => missing(axis, need, now).is_some_and(|more| wait(&mut plan, more)),
            (Lever::Calendar(_), Wanted::NoneOf(_)) => false,
            (Lever::Reading { reader, source, window, slot }, wanted) => {
                let falls = matches!(wanted, Wanted::Range(range)
                    if number_of(now).is_some_and(|now| range.place_of(now).is_gt()));
                match falls && *reader != Reader::Recency {
                    true => self.wait_for_less(&mut plan, *reader, *source, *window, need)?,
                    false => {
                        let reading = evaluation.reading(*slot);
                        self.rise(&mut plan, *reader, *source, missing(axis, need, now), now, reading)
                    }
                }
            }
        };
        plan.events.retain(|new| new.events > 0);
        Ok(possible.then_some(plan))
    }

    /// More events, more money or more days for a reading that is too low or NULL (or for a recency that is too high).
    fn rise(
        &self,
        plan: &mut Plan<'a>,
        reader: Reader,
        source: usize,
        more: Option<Decimal>,
        now: Value<'_>,
        reading: &Reading,
    ) -> bool {
        let planned = plan.events_of(source);
        let events = plan.of_source(source);
        let event = |events: &mut NewEvents| {
            events.events = events.events.max(1);
            planned == 0
        };
        match (reader, more) {
            (Reader::Recency | Reader::Tenure, Some(more)) if more > Decimal::ZERO => wait(plan, more),
            (Reader::Recency | Reader::Tenure | Reader::FirstDay, _) => event(events),
            (Reader::LastDay, more) => {
                let late = Decimal::from(i64::from(self.as_of.number()) + plan.wait);
                let target = number_of(now).zip(more).map_or(late, |(now, more)| now.saturating_add(more));
                let events = plan.of_source(source);
                event(events) && (target <= late || wait(plan, target.saturating_sub(late)))
            }
            (Reader::Frequency, Some(more)) => more.ceil().to_u32().is_some_and(|more| {
                events.events = events.events.saturating_add(more);
                more > 0
            }),
            (Reader::ActiveDays, Some(more)) => match more.ceil().to_i64() {
                Some(more @ 1..=LONGEST_STREAK) => {
                    more_days(plan, source, more);
                    true
                }
                _ => false,
            },
            (Reader::Monetary | Reader::GrossAmount, Some(more)) => {
                let new = event(events);
                (more > Decimal::ZERO || new) && pay(&mut events.amount, more)
            }
            (Reader::AverageAmount, more) => {
                let new = event(events);
                let (Some(more), Some(count)) = (more, reading.frequency().checked_add(new.into())) else { return new };
                let wanted = number_of(now).unwrap_or_default().checked_add(more);
                let total = wanted.and_then(|average| average.checked_mul(count.into()));
                let more = total.and_then(|total| total.checked_sub(reading.monetary()));
                more.is_some_and(|more| pay(&mut events.amount, more.max(Decimal::ZERO)))
            }
            (Reader::FirstAmount, Some(more)) if reading.frequency() == i64::from(planned) => {
                event(events);
                pay(&mut events.amount, more)
            }
            _ => false,
        }
    }

    /// Waits until enough has left a window.
    fn wait_for_less(
        &self,
        plan: &mut Plan<'a>,
        reader: Reader,
        source: usize,
        window: Option<i32>,
        need: &Need,
    ) -> Result<bool, ModelError> {
        let Some(days) = window else { return Ok(false) };
        let ledger = self.facts.ledgers[source];
        let first = i64::from(self.as_of.number()) + plan.wait - i64::from(days) + 1;
        let mut looked_at = 0;
        for entry in ledger.entries() {
            let entry = entry?;
            let Some(gone) = Day::new(i64::from(entry.day.number()) + i64::from(days)) else { break };
            if i64::from(entry.day.number()) < first || looked_at == MOST_ENTRIES {
                continue;
            }
            looked_at += 1;
            let reading = ledger.read(Window::new(gone, window)?)?;
            if need.accepts(read_value(reader, &reading)) {
                plan.wait = plan.wait.max(i64::from(gone.number()) - i64::from(self.as_of.number()));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// For an expression of several things: looks for the fewest events, the shortest streak, the least money, the first
    /// day; and where none of them suffices alone, for some together, those that help most first.
    fn try_out(
        &self,
        plan: &Plan<'a>,
        axis: &'a Axis,
        need: &'a Need,
        now: Value<'_>,
    ) -> Result<Option<Plan<'a>>, ModelError> {
        let Lever::Computed { sources, day, .. } = &axis.lever else { return Ok(None) };
        let mut open: Vec<Push> = sources.iter().flat_map(Push::of).collect();
        let mut probes = Probes { search: self, axis, need, left: MOST_PROBES };
        let mut plan = plan.clone();
        let mut missed = missing(axis, need, now);
        for round in 0..MOST_TOGETHER {
            let mut helpful: Option<(Decimal, usize, Plan<'a>)> = None;
            for (place, push) in open.iter().enumerate() {
                let Some((plan, left)) = probes.best(&plan, push, missed)? else { continue };
                let Some(left) = left else { return Ok(Some(plan)) };
                if helpful.as_ref().is_none_or(|(before, ..)| left < *before) {
                    helpful = Some((left, place, plan));
                }
            }
            let mut later = plan.clone();
            if let (0, true, Some(more)) = (round, *day, missed)
                && wait(&mut later, more.abs())
                && probes.state(&later)? == State::There
            {
                return Ok(Some(later));
            }
            let Some((left, place, with)) = helpful else { return Ok(None) };
            if missed.is_some_and(|missed| left >= missed.abs()) {
                return Ok(None);
            }
            plan = with;
            open.remove(place);
            missed = match probes.state(&plan)? {
                State::Off(more) => Some(more),
                _ => return Ok(None),
            };
        }
        Ok(None)
    }
}

/// One kind of thing that can be done with a source, more or less of it.
#[derive(Debug, Clone, Copy)]
struct Push {
    source: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Events on one day.
    Events,
    /// Days in a row with an event.
    Days,
    /// Money, with one event at least.
    Cents,
}

impl Push {
    fn of(moved: &Moved) -> Vec<Push> {
        let kinds = [(true, Kind::Events), (moved.days, Kind::Days), (moved.money, Kind::Cents)];
        let kinds = kinds.into_iter().filter(|(reads, _)| *reads);
        kinds.map(|(_, kind)| Push { source: moved.source, kind }).collect()
    }

    /// The most that is tried.
    fn doublings(self) -> u32 {
        match self.kind {
            Kind::Events => 10,
            Kind::Days => 8,
            Kind::Cents => 40,
        }
    }

    fn added<'a>(self, plan: &Plan<'a>, number: i64) -> Plan<'a> {
        let mut plan = plan.clone();
        let new = plan.of_source(self.source);
        match self.kind {
            Kind::Events => new.events = new.events.saturating_add(number as u32),
            Kind::Days => more_days(&mut plan, self.source, number),
            Kind::Cents => {
                new.events = new.events.max(1);
                new.amount = new.amount.saturating_add(Decimal::new(number, 2));
            }
        }
        plan
    }
}

/// So many more days in a row with an event, the first of which needs no waiting where there is none yet.
fn more_days(plan: &mut Plan<'_>, source: usize, more: i64) {
    let events = plan.of_source(source);
    let days = if events.events == 0 { more } else { events.days + more };
    plan.wait += days - events.days;
    let events = plan.of_source(source);
    events.events = events.events.max(u32::try_from(days).unwrap_or(u32::MAX));
    events.days = days;
}

/// Plans that are carried out for the sake of one value.
struct Probes<'s, 'a> {
    search: &'s Search<'a>,
    axis: &'a Axis,
    need: &'a Need,
    left: usize,
}

/// Where a value is after a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    There,
    /// So far to go, up or down.
    Off(Decimal),
    /// Nowhere that could be measured.
    Unknown,
}

impl<'a> Probes<'_, 'a> {
    fn state(&mut self, plan: &Plan<'a>) -> Result<State, ModelError> {
        if self.left == 0 {
            return Ok(State::Unknown);
        }
        self.left -= 1;
        patience::check();
        let Some(outcome) = plan.carry_out(self.search.facts, self.search.as_of)? else { return Ok(State::Unknown) };
        let facts = outcome.facts(self.search.facts, plan);
        let mut evaluation = Evaluation::new(self.search.model, &facts, outcome.as_of)?;
        let now = evaluation.value(&self.axis.expr);
        Ok(match missing(self.axis, self.need, now) {
            _ if self.need.accepts(now) => State::There,
            Some(more) => State::Off(more),
            None => State::Unknown,
        })
    }

    /// The plan with the least of a push that suffices, or else with the least that brings the value nearest, and how
    /// far it is then. `None` where it can be brought nowhere.
    fn best(
        &mut self,
        plan: &Plan<'a>,
        push: &Push,
        missed: Option<Decimal>,
    ) -> Result<Option<(Plan<'a>, Option<Decimal>)>, ModelError> {
        let mut upwards = missed.map(|more| more.is_sign_positive());
        let (mut nearest, mut failed): (Option<(Decimal, i64)>, i64) = (None, 0);
        for doubling in 0..=push.doublings() {
            let number = 1 << doubling;
            match self.state(&push.added(plan, number))? {
                State::Unknown => {}
                State::Off(more) if *upwards.get_or_insert(more.is_sign_positive()) == more.is_sign_positive() => {
                    if nearest.is_none_or(|(before, _)| more.abs() < before) {
                        nearest = Some((more.abs(), number));
                    }
                }
                // there, or past it
                _ => {
                    let upwards = upwards.unwrap_or(true);
                    let enough = |state| match state {
                        State::Off(more) => more.is_sign_positive() != upwards,
                        state => state == State::There,
                    };
                    let least = self.least(plan, push, (failed, number), &enough)?;
                    let with = push.added(plan, least);
                    if self.state(&with)? == State::There {
                        return Ok(Some((with, None)));
                    }
                    break;
                }
            }
            failed = number;
        }
        let Some((left, number)) = nearest else { return Ok(None) };
        let as_near = |state| matches!(state, State::Off(more) if more.abs() <= left);
        let least = self.least(plan, push, (number / 2, number), &as_near)?;
        Ok(Some((push.added(plan, least), Some(left))))
    }

    /// The least number that is enough, between one that is not and one that is.
    fn least(
        &mut self,
        plan: &Plan<'a>,
        push: &Push,
        (mut failed, mut enough): (i64, i64),
        is_enough: &dyn Fn(State) -> bool,
    ) -> Result<i64, ModelError> {
        while enough - failed > 1 {
            let middle = failed + (enough - failed) / 2;
            match is_enough(self.state(&push.added(plan, middle))?) {
                true => enough = middle,
                false => failed = middle,
            }
        }
        Ok(enough)
    }
}

/// From a value to the nearest one that is wanted. Where things are counted, NULL is none, and one of them makes it a value.
pub(super) fn missing(axis: &Axis, need: &Need, now: Value<'_>) -> Option<Decimal> {
    let any = Range::default();
    let range = match &need.wanted {
        Wanted::Range(range) => range,
        Wanted::NoneOf(list) if list.is_empty() => &any,
        _ => return None,
    };
    let (now, from) = match (number_of(now), &axis.lever) {
        (Some(now), _) => (now, now),
        (None, Lever::Reading { reader: Reader::Frequency | Reader::ActiveDays, .. }) => (Decimal::ZERO, Decimal::ONE),
        (None, Lever::Reading { .. }) if axis.is_money() => (Decimal::ZERO, Decimal::ZERO),
        (None, Lever::Given) => (Decimal::ZERO, range.low.or(range.high)?.value),
        _ => return None,
    };
    range.nearest(from, axis.unit(from))?.checked_sub(now)
}

/// Whether events or days can move a value to where it is wanted.
pub(super) fn within_reach(axis: &Axis, need: &Need, now: Value<'_>) -> bool {
    let (Wanted::Range(range), Some(now)) = (&need.wanted, number_of(now)) else { return true };
    match (&axis.lever, range.place_of(now)) {
        (Lever::Reading { reader, window, .. }, Ordering::Greater) => *reader == Reader::Recency || window.is_some(),
        (Lever::Reading { reader: Reader::CreditAmount | Reader::FirstDay, .. }, Ordering::Less) => false,
        (Lever::Calendar(Calendar::Since) | Lever::Day, Ordering::Greater) => false,
        (Lever::Calendar(Calendar::Until), Ordering::Less) => false,
        _ => true,
    }
}

/// A value that somebody sets.
fn set<'a>(plan: &mut Plan<'a>, axis: &'a Axis, need: &'a Need, now: Value<'_>) -> bool {
    let wanted = match &need.wanted {
        Wanted::Range(_) => missing(axis, need, now).and_then(|more| {
            let number = number_of(now).unwrap_or_default().checked_add(more)?;
            match axis.date {
                true => number.to_i64().and_then(Day::new).map(|day| Value::Date(day.number())),
                false => Some(Value::Number(number)),
            }
        }),
        Wanted::OneOf(list) => list.first().map(|constant| constant.value()),
        Wanted::NoneOf(list) => match list.first().map(|constant| constant.value()) {
            Some(Value::Boolean(unwanted)) if list.len() == 1 => Some(Value::Boolean(!unwanted)),
            // there are more texts than can be named
            _ => None,
        },
    };
    let Some(wanted) = wanted.or(need.null.then_some(Value::Null)) else { return false };
    match axis.expr {
        Expr::Name(Name::Metric(place)) => plan.metrics.push((place, wanted)),
        Expr::Name(Name::Attribute(place)) => plan.attributes.push((place, wanted)),
        Expr::Name(Name::Score(place)) => match wanted.number().map(|score| score.to_u8()) {
            Some(None) => return false,
            score => plan.scores.push((place, score.flatten())),
        },
        _ => return false,
    }
    true
}

fn wait_until(plan: &mut Plan<'_>, function: Calendar, range: &Range, now: Value<'_>) -> bool {
    let Some(now) = number_of(now) else { return false };
    let more = match (function, range.place_of(now)) {
        (Calendar::Since, Ordering::Less) => range.low.and_then(|low| low.value.checked_sub(now)),
        (Calendar::Until | Calendar::UntilAnniversary, Ordering::Greater) => {
            range.high.and_then(|high| now.checked_sub(high.value))
        }
        // over the anniversary, then from the year's end on
        (Calendar::UntilAnniversary, Ordering::Less) => now.checked_add(Decimal::ONE),
        _ => None,
    };
    more.is_some_and(|more| wait(plan, more))
}

/// Whole days more; false where that is no number of days.
fn wait(plan: &mut Plan<'_>, days: Decimal) -> bool {
    days.ceil().to_i32().is_some_and(|days| {
        plan.wait += i64::from(days);
        days > 0
    })
}

/// So much more, in cents or as exactly as the amount is written.
fn pay(amount: &mut Decimal, more: Decimal) -> bool {
    use rust_decimal::RoundingStrategy::ToPositiveInfinity;
    let decimals = more.scale().clamp(2, 6);
    let more = more.round_dp_with_strategy(decimals.min(6), ToPositiveInfinity);
    amount.checked_add(more).is_some_and(|total| {
        *amount = total;
        true
    })
}
