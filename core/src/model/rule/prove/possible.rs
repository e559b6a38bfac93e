//! Which readings of one source can go together: the axioms.
//!
//! What is known of each reading is an interval. The axioms narrow the intervals until nothing changes or one is empty;
//! then no ledger has these readings. For windows of `n` and `m` days, `n <= m`, and no window as the longest:
//!
//! 1. A window is *active* (it has an event) exactly when `frequency >= 1`, `active_days >= 1`, and each of `recency`,
//!    `tenure`, `average_amount`, `first_amount`, `first_day`, `last_day` is not NULL.
//! 2. `recency` is the same in every active window, and the window of `n` days is active exactly when it is less than `n`.
//! 3. `frequency`, `active_days`, `gross_amount`, `credit_amount` and, where active, `tenure` are no less in `m` than in
//!    `n`. An active `n` makes `m` active.
//! 4. `active_days <= frequency`; `active_days <= tenure - recency + 1 <= n`; `active_days = 1` exactly when
//!    `tenure = recency`. From `n` to `m` there are at most `m - n` more active days, and at most `tenure - n + 1`.
//! 5. `m` has more events than `n` exactly when it has more active days, and when its `tenure` is not less than `n`. Else
//!    the two windows have the same events, active days, gross, tenure and `first_amount`, and `m` has no more `monetary`.
//! 6. `gross_amount`, `credit_amount` are not negative; `gross_amount > 0` only in an active window;
//!    `monetary = gross_amount - credit_amount`.
//! 7. `average_amount` has the sign of `monetary`; times `frequency` it is `monetary`.
//! 8. `-credit_amount <= first_amount <= gross_amount`, and `monetary <= first_amount` where `active_days = 1`.

use rust_decimal::Decimal;

use super::super::Reader;
use super::interval::{Bound, Interval};

/// What is known of a reading of a window of so many days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    pub(super) reader: Reader,
    pub(super) days: Option<i32>,
    /// `None` for NULL.
    pub(super) value: Option<Interval>,
}

impl Fact {
    /// The one number that it can be.
    pub(super) fn number(&self) -> Option<Decimal> {
        self.value?.single()
    }
}

/// Whether a ledger may have all these readings, as far as the axioms know.
pub(super) fn possible(facts: &[Fact]) -> bool {
    State::narrowed(facts).is_some()
}

/// What one more reading of a window can be, beside these.
pub(super) fn room(facts: &[Fact], reader: Reader, days: Option<i32>) -> Option<Interval> {
    let asked = Fact { reader: Reader::CreditAmount, days, value: Some(Interval::at_least(0)) };
    let state = State::narrowed(&[facts, &[asked]].concat())?;
    let span = state.spans.iter().find(|span| span.days == days.map(Decimal::from))?;
    Some(match reader {
        Reader::Recency => state.recency,
        Reader::Frequency => span.events,
        Reader::ActiveDays => span.active_days,
        Reader::Tenure => span.tenure,
        Reader::Monetary => span.net,
        Reader::GrossAmount => span.gross,
        Reader::CreditAmount => span.credits,
        Reader::AverageAmount => span.average,
        Reader::FirstAmount => span.first,
        Reader::FirstDay | Reader::LastDay => Interval::ALL,
    })
}

/// What is known of one window.
#[derive(Debug, Clone)]
struct Span {
    /// `None` without end.
    days: Option<Decimal>,
    active: Option<bool>,
    events: Interval,
    active_days: Interval,
    tenure: Interval,
    gross: Interval,
    credits: Interval,
    net: Interval,
    average: Interval,
    first: Interval,
}

struct State {
    /// Shortest first.
    spans: Vec<Span>,
    /// Days since the last event, if there is one.
    recency: Interval,
}

impl State {
    /// What follows from the facts; `None` where they contradict each other.
    fn narrowed(facts: &[Fact]) -> Option<State> {
        /// More rounds narrow further, which is of no use after so many.
        const ROUNDS: usize = 20;
        let mut state = State::of(facts)?;
        for _ in 0..ROUNDS {
            if !state.narrow()? {
                break;
            }
        }
        Some(state)
    }

    fn of(facts: &[Fact]) -> Option<State> {
        let mut windows: Vec<Option<i32>> = facts.iter().map(|fact| fact.days).collect();
        windows.sort_by_key(|days| days.map_or(i64::MAX, i64::from));
        windows.dedup();
        let span = |days: &Option<i32>| Span {
            days: days.map(Decimal::from),
            active: None,
            events: Interval::at_least(0),
            active_days: Interval::at_least(0),
            tenure: Interval::at_least(0),
            gross: Interval::at_least(0),
            credits: Interval::at_least(0),
            net: Interval::ALL,
            average: Interval::ALL,
            first: Interval::ALL,
        };
        let mut state = State { spans: windows.iter().map(span).collect(), recency: Interval::at_least(0) };
        for fact in facts {
            let place = windows.iter().position(|days| *days == fact.days)?;
            let span = &mut state.spans[place];
            let value = fact.value.unwrap_or(Interval::ALL);
            match fact.reader {
                Reader::Frequency => _ = span.events.meet(value),
                Reader::ActiveDays => _ = span.active_days.meet(value),
                Reader::GrossAmount => _ = span.gross.meet(value),
                Reader::CreditAmount => _ = span.credits.meet(value),
                Reader::Monetary => _ = span.net.meet(value),
                _ => {
                    let active = fact.value.is_some();
                    if span.active.is_some_and(|known| known != active) {
                        return None;
                    }
                    span.active = Some(active);
                    match fact.reader {
                        _ if !active => {}
                        Reader::Recency => _ = state.recency.meet(value),
                        Reader::Tenure => _ = span.tenure.meet(value),
                        Reader::AverageAmount => _ = span.average.meet(value),
                        Reader::FirstAmount => _ = span.first.meet(value),
                        _ => {}
                    }
                }
            }
        }
        Some(state)
    }

    /// One round; whether it changed something, `None` for a contradiction.
    fn narrow(&mut self) -> Option<bool> {
        let mut changed = false;
        let ever = self.spans.iter().any(|span| span.active == Some(true));
        for span in &mut self.spans {
            changed |= span.activity(&mut self.recency, ever)?;
            changed |= span.days_of_activity(&mut self.recency);
            changed |= span.money();
        }
        for longer in 1..self.spans.len() {
            for shorter in 0..longer {
                let (head, tail) = self.spans.split_at_mut(longer);
                changed |= nested(&mut head[shorter], &mut tail[0])?;
            }
        }
        let empty = |span: &Span| {
            let counts = [span.events, span.active_days, span.gross, span.credits, span.net];
            let dated = [span.tenure, span.average, span.first];
            let dated = span.active == Some(true) && dated.iter().any(Interval::is_empty);
            dated || counts.iter().any(Interval::is_empty)
        };
        let impossible = ever && self.recency.is_empty() || self.spans.iter().any(empty);
        (!impossible).then_some(changed)
    }
}

const ZERO: Decimal = Decimal::ZERO;
const ONE: Decimal = Decimal::ONE;

fn closed(at: Decimal) -> Option<Bound> {
    Some(Bound::closed(at))
}

fn starts_above(interval: &Interval, at: Decimal) -> bool {
    interval.low.is_some_and(|low| low.at > at || low.at == at && !low.included)
}

fn ends_below(interval: &Interval, at: Decimal) -> bool {
    interval.high.is_some_and(|high| high.at < at || high.at == at && !high.included)
}

fn sum(a: Option<Bound>, b: Option<Bound>) -> Option<Bound> {
    a.zip(b).and_then(|(a, b)| a.plus(b))
}

fn difference(a: Option<Bound>, b: Option<Bound>) -> Option<Bound> {
    sum(a, b.map(Bound::negated))
}

fn shifted(bound: Option<Bound>, by: Decimal) -> Option<Bound> {
    sum(bound, closed(by))
}

impl Span {
    fn activity(&mut self, recency: &mut Interval, ever: bool) -> Option<bool> {
        let before = self.active;
        let active = starts_above(&self.events, ZERO)
            || starts_above(&self.active_days, ZERO)
            || starts_above(&self.gross, ZERO)
            || ever && self.days.is_none_or(|days| ends_below(recency, days));
        let inactive = ends_below(&self.events, ONE)
            || ends_below(&self.active_days, ONE)
            || self.days.is_some_and(|days| recency.low.is_some_and(|low| low.at >= days));
        match (active, inactive, before) {
            (true, true, _) | (true, _, Some(false)) | (_, true, Some(true)) => return None,
            (true, ..) => self.active = Some(true),
            (_, true, _) => self.active = Some(false),
            _ => {}
        }
        let mut changed = self.active != before;
        match self.active {
            Some(true) => {
                changed |= self.events.raise(closed(ONE)) | self.active_days.raise(closed(ONE));
                let last = self.days.and_then(|days| closed(days - ONE));
                changed |= recency.lower(last) | self.tenure.lower(last);
            }
            Some(false) => {
                changed |= self.events.lower(closed(ZERO)) | self.active_days.lower(closed(ZERO));
                changed |= self.gross.lower(closed(ZERO));
                if let Some(days) = self.days {
                    changed |= recency.raise(closed(days));
                }
            }
            None => {}
        }
        Some(changed)
    }

    fn days_of_activity(&mut self, recency: &mut Interval) -> bool {
        let mut changed = self.active_days.lower(self.events.high) | self.events.raise(self.active_days.low);
        if self.active != Some(true) {
            return changed;
        }
        let (tenure, active_days) = (&mut self.tenure, &mut self.active_days);
        changed |= tenure.raise(recency.low) | recency.lower(tenure.high);
        changed |= active_days.lower(shifted(difference(tenure.high, recency.low), ONE));
        let more = shifted(active_days.low, -ONE);
        changed |= tenure.raise(sum(recency.low, more)) | recency.lower(difference(tenure.high, more));
        if active_days.high.is_some_and(|high| high.at <= ONE) {
            changed |= tenure.meet(*recency) | recency.meet(*tenure);
        }
        if tenure.low.zip(recency.high).is_some_and(|(tenure, recency)| tenure.at > recency.at) {
            changed |= active_days.raise(closed(Decimal::TWO));
        }
        changed
    }

    fn money(&mut self) -> bool {
        let (gross, credits, net) = (&mut self.gross, &mut self.credits, &mut self.net);
        let mut changed =
            net.lower(difference(gross.high, credits.low)) | net.raise(difference(gross.low, credits.high));
        changed |= gross.raise(sum(net.low, credits.low)) | gross.lower(sum(net.high, credits.high));
        changed |= credits.raise(difference(gross.low, net.high)) | credits.lower(difference(gross.high, net.low));
        if self.active != Some(true) {
            return changed;
        }
        let average = &mut self.average;
        let sign = |from: &Interval, to: &mut Interval| {
            let mut changed = false;
            if let Some(low) = from.low.filter(|low| low.at >= ZERO) {
                changed |= to.raise(Some(Bound { at: ZERO, included: low.included && low.at == ZERO }));
            }
            if let Some(high) = from.high.filter(|high| high.at <= ZERO) {
                changed |= to.lower(Some(Bound { at: ZERO, included: high.included && high.at == ZERO }));
            }
            changed
        };
        changed |= sign(average, net) | sign(net, average);
        if self.events.single() == Some(ONE) {
            changed |= net.meet(*average) | average.meet(*net);
        }
        changed |= average_times_events(average, &self.events, net);
        let first = &mut self.first;
        changed |= gross.raise(first.low) | first.lower(gross.high);
        changed |= credits.raise(first.high.map(Bound::negated)) | first.raise(credits.high.map(Bound::negated));
        if self.active_days.single() == Some(ONE) {
            changed |= net.lower(first.high) | first.raise(net.low);
        }
        changed
    }
}

/// The average that is compared is that of 28 digits: this holds for ends with few decimals.
fn average_times_events(average: &mut Interval, events: &Interval, net: &mut Interval) -> bool {
    let times = |end: Option<Bound>, events: Option<Bound>| {
        let (end, events) = (end.filter(|end| end.at.scale() <= 6)?, events?);
        Some(Bound { at: end.at.checked_mul(events.at)?, ..end })
    };
    let not_negative = |end: Option<Bound>| end.is_some_and(|end| end.at >= ZERO);
    let (low, high) = (average.low, average.high);
    let mut changed = net.raise(times(low, if not_negative(low) { events.low } else { events.high }));
    changed |= net.lower(times(high, if not_negative(high) { events.high } else { events.low }));
    if not_negative(net.high) {
        changed |= average.lower(net.high);
    }
    if net.low.is_some_and(|low| low.at <= ZERO) {
        changed |= average.raise(net.low);
    }
    changed
}

/// A window and a longer one.
fn nested(shorter: &mut Span, longer: &mut Span) -> Option<bool> {
    let mut changed = false;
    let rises = |shorter: &mut Interval, longer: &mut Interval| longer.raise(shorter.low) | shorter.lower(longer.high);
    changed |= rises(&mut shorter.events, &mut longer.events);
    changed |= rises(&mut shorter.active_days, &mut longer.active_days);
    changed |= rises(&mut shorter.gross, &mut longer.gross);
    changed |= rises(&mut shorter.credits, &mut longer.credits);
    if shorter.active == Some(true) && longer.active == Some(true) {
        changed |= rises(&mut shorter.tenure, &mut longer.tenure);
    }
    let Some(days) = shorter.days else { return Some(changed) };
    if let Some(more) = longer.days.map(|longer| longer - days) {
        changed |= longer.active_days.lower(shifted(shorter.active_days.high, more));
        changed |= shorter.active_days.raise(shifted(longer.active_days.low, -more));
    }
    if longer.active != Some(true) {
        return Some(changed);
    }
    // the shorter window holds all of it, or the first event lies before
    let same = [
        (shorter.events, longer.events),
        (shorter.active_days, longer.active_days),
        (shorter.gross, longer.gross),
        (shorter.first, longer.first),
    ];
    let different = |(mut one, other): (Interval, Interval)| {
        one.meet(other);
        one.is_empty()
    };
    if shorter.active == Some(false) || same.into_iter().any(different) {
        changed |= longer.tenure.raise(closed(days));
    }
    if ends_below(&longer.tenure, days) {
        if shorter.active == Some(false) {
            return None;
        }
        changed |= shorter.active.is_none();
        shorter.active = Some(true);
        let same = |shorter: &mut Interval, longer: &mut Interval| shorter.meet(*longer) | longer.meet(*shorter);
        changed |= same(&mut shorter.events, &mut longer.events);
        changed |= same(&mut shorter.active_days, &mut longer.active_days);
        changed |= same(&mut shorter.gross, &mut longer.gross);
        changed |= same(&mut shorter.tenure, &mut longer.tenure);
        changed |= same(&mut shorter.first, &mut longer.first);
        changed |= longer.net.lower(shorter.net.high) | shorter.net.raise(longer.net.low);
    }
    let before =
        difference(longer.active_days.low, shorter.active_days.high.map(|high| Bound { included: true, ..high }));
    if starts_above(&Interval { low: before, high: None }, ZERO) {
        changed |= longer.tenure.raise(shifted(before, days - ONE));
    }
    let room = shifted(longer.tenure.high, ONE - days).filter(|room| room.at >= ZERO);
    changed |= longer.active_days.lower(sum(shorter.active_days.high, room));
    let fewer = |shorter: &Interval, longer: &Interval| {
        shorter.high.zip(longer.low).is_some_and(|(shorter, longer)| shorter.at < longer.at)
    };
    let outside = longer.tenure.low.is_some_and(|low| low.at >= days);
    if outside || fewer(&shorter.events, &longer.events) || fewer(&shorter.active_days, &longer.active_days) {
        changed |= longer.active_days.raise(shifted(shorter.active_days.low, ONE));
        changed |= shorter.active_days.lower(shifted(longer.active_days.high, -ONE));
        changed |= longer.events.raise(shifted(shorter.events.low, ONE));
        changed |= shorter.events.lower(shifted(longer.events.high, -ONE));
        changed |= longer.gross.raise(sum(shorter.gross.low, longer.first.low));
        changed |= longer.credits.raise(difference(shorter.credits.low, longer.first.high));
    }
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::day::Day;
    use crate::ledger::{Ledger, Window};
    use crate::model::Value;
    use crate::model::rule::evaluate::read_value;
    use proptest::prelude::*;

    /// From days ago, events, gross and credits.
    fn ledger(entries: &[(i64, u8, u8, u8)], as_of: Day) -> Ledger {
        let mut sorted = entries.to_vec();
        sorted.sort_unstable_by_key(|(ago, ..)| -ago);
        sorted.dedup_by_key(|(ago, ..)| *ago);
        let days = sorted.iter().map(|(ago, events, gross, credits)| {
            let day = Day::new(i64::from(as_of.number()) - ago).unwrap();
            let gross = if *events > 0 { *gross } else { 0 };
            format!("\"{day}\": [{events}, {gross}, {credits}]")
        });
        format!("{{{}}}", days.collect::<Vec<_>>().join(", ")).parse().unwrap()
    }

    proptest! {
        /// What a ledger says is possible.
        #[test]
        fn readings_of_a_ledger_are_possible(entries in proptest::collection::vec((0i64..12, 0u8..3, 0u8..4, 0u8..4), 0..6)) {
            let as_of = Day::new(9_000).unwrap();
            let ledger = ledger(&entries, as_of);
            let mut facts = Vec::new();
            for days in [Some(1), Some(3), Some(7), None] {
                let reading = ledger.borrow().read(Window::new(as_of, days).unwrap()).unwrap();
                for (_, reader) in Reader::NAMES {
                    let value = match read_value(reader, &reading) {
                        Value::Number(number) => Some(Interval::point(number)),
                        Value::Date(day) => Some(Interval::point(day.into())),
                        _ => None,
                    };
                    facts.push(Fact { reader, days, value });
                }
            }
            prop_assert!(possible(&facts), "{facts:?}");
        }
    }
}
