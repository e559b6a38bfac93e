//! The search for a user: axis by axis, cell by cell, as far as the question is open.
//!
//! What is known so far often decides a condition; then the axes that are still open do not matter. So the axis that is
//! branched on next is always one that the question waits for.

use rust_decimal::Decimal;

use super::super::evaluate::compare;
use super::super::{Comparison, Constant, Expr, Name, Value};
use super::axis::{Axis, Cell, Subject};
use super::confirm::confirm;
use super::interval::Interval;
use super::partial::Partial;
use super::plan::Plan;
use super::possible::{Fact, possible, room};
use super::range::{Range, Ranges};
use super::{CELLS, CELLS_PER_QUESTION};

/// After so many users of whom it is not known whether they can be, the search for a better one ends.
const MOST_DOUBTS: u32 = 1_000;

/// So many of these are looked at more closely, by computing opaque expressions.
const MOST_SAMPLED: u32 = 20;
/// The most samples of each.
const SAMPLES: u64 = 5_000;
/// How often values are chosen anew before a user is given up.
const ATTEMPTS: usize = 12;

/// One condition of a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'m> {
    pub(super) what: What<'m>,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum What<'m> {
    Condition(&'m Expr),
    /// That two values are equal.
    Equal(&'m Expr, &'m Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    True,
    /// False or unknown.
    NotTrue,
    False,
    Unknown,
}

impl Outcome {
    pub(super) fn is(self, found: Value<'_>) -> bool {
        match self {
            Outcome::True => found == Value::Boolean(true),
            Outcome::NotTrue => found != Value::Boolean(true),
            Outcome::False => found == Value::Boolean(false),
            Outcome::Unknown => found == Value::Null,
        }
    }
}

impl<'m> Wish<'m> {
    pub(super) fn of(condition: &'m Expr, outcome: Outcome) -> Self {
        Wish { what: What::Condition(condition), outcome }
    }
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// There is no such user.
    Never,
    /// There is one: the axes that matter, in the model's order, each with a value.
    Example(Vec<(usize, Constant)>),
    NotDecided(Reason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Too many cells.
    Budget,
    /// Things go together in ways that the method does not know.
    Method,
}

pub(super) struct Search<'p, 'm> {
    plan: &'p Plan<'m>,
    known: Partial<'p, 'm>,
    /// For each axis, the cell that is assumed.
    assumed: Vec<Option<&'p Cell>>,
    /// The axes that read each source.
    sources: Vec<Vec<usize>>,
    visited: u64,
}

enum State {
    Holds,
    Fails,
    /// This axis is missing.
    Open(usize),
}

/// What the axes are divided into.
enum Division<'p> {
    /// Cells: what is not found is not there.
    Cells,
    /// Sample values within these cells, with opaque expressions computed from them: what is found is there.
    Samples(Vec<Option<&'p Cell>>),
}

impl<'p, 'm> Search<'p, 'm> {
    pub(super) fn of(plan: &'p Plan<'m>) -> Self {
        let mut sources = vec![Vec::new(); plan.model.definition.sources.0.len()];
        for (place, axis) in plan.axes.iter().enumerate() {
            if let Subject::Reading(_, slot) = axis.subject {
                sources[plan.model.readings[slot].0].push(place);
            }
        }
        let assumed = vec![None; plan.axes.len()];
        Search { plan, known: Partial::nothing(plan), assumed, sources, visited: 0 }
    }

    /// Whether the budget of all questions is spent.
    pub(super) fn is_exhausted(&self) -> bool {
        self.plan.too_large || self.visited >= CELLS
    }

    /// A user for whom all the wishes come true.
    pub(super) fn find(&mut self, wishes: &[Wish<'p>]) -> Answer {
        self.walk(wishes, &Division::Cells, CELLS_PER_QUESTION)
    }

    fn walk(&mut self, wishes: &[Wish<'p>], division: &Division<'p>, budget: u64) -> Answer {
        let plan = self.plan;
        let end = CELLS.min(self.visited + budget);
        let mut path: Vec<(usize, usize)> = Vec::new();
        let (mut not_found, mut doubts) = (Answer::Never, 0);
        loop {
            match self.state(wishes) {
                State::Fails => {}
                State::Open(axis) => {
                    if !plan.axes[axis].complete {
                        not_found = Answer::NotDecided(Reason::Method);
                    }
                    path.push((axis, 0));
                }
                State::Holds => {
                    let example = self.example(wishes).or_else(|| match division {
                        Division::Cells if doubts < MOST_SAMPLED => self.sampled(wishes),
                        _ => None,
                    });
                    if let Some(example) = example {
                        path.iter().for_each(|(axis, _)| self.assume(*axis, None));
                        return Answer::Example(example);
                    }
                    not_found = Answer::NotDecided(Reason::Method);
                    doubts += 1;
                }
            }
            // the next cell of the last axis that has one
            loop {
                let Some((axis, next)) = path.last_mut() else { return not_found };
                let cells = match division {
                    Division::Cells => &plan.axes[*axis].cells,
                    Division::Samples(_) => &plan.samples[*axis],
                };
                let (axis, cell) = (*axis, cells.get(*next));
                *next += 1;
                self.assume(axis, cell);
                let Some(cell) = cell else {
                    path.pop();
                    continue;
                };
                self.visited += 1;
                if self.visited.is_multiple_of(256) {
                    crate::patience::check();
                }
                if self.visited >= end || doubts >= MOST_DOUBTS {
                    path.iter().for_each(|(axis, _)| self.assume(*axis, None));
                    return Answer::NotDecided(if doubts > 0 { Reason::Method } else { Reason::Budget });
                }
                let within = match division {
                    Division::Samples(within) => within[axis].is_none_or(|within| within.holds(cell)),
                    Division::Cells => true,
                };
                if within && self.is_consistent(axis) {
                    break;
                }
            }
        }
    }

    /// An example within the assumed cells, with opaque expressions computed.
    fn sampled(&mut self, wishes: &[Wish<'p>]) -> Option<Vec<(usize, Constant)>> {
        if !self.plan.has_opaque() {
            return None;
        }
        let before = std::mem::replace(&mut self.assumed, vec![None; self.plan.axes.len()]);
        self.known.forget();
        self.known.see_through(true);
        let answer = self.walk(wishes, &Division::Samples(before.clone()), SAMPLES);
        self.known.see_through(false);
        for (axis, cell) in before.into_iter().enumerate() {
            self.assume(axis, cell);
        }
        match answer {
            Answer::Example(example) => Some(example),
            _ => None,
        }
    }

    fn assume(&mut self, axis: usize, cell: Option<&'p Cell>) {
        self.assumed[axis] = cell;
        self.known.set(axis, cell.map(|cell| cell.example.value()));
    }

    fn state(&mut self, wishes: &[Wish<'p>]) -> State {
        let mut open = None;
        for wish in wishes {
            let found = match wish.what {
                What::Condition(condition) => self.known.value(condition),
                What::Equal(left, right) => self.known.value(left).and_then(|left| {
                    let equal = compare(Comparison::Equal, left, self.known.value(right)?);
                    Ok(equal.map_or(Value::Null, Value::Boolean))
                }),
            };
            let holds = match found {
                Err(axis) => {
                    open = open.or(Some(axis));
                    continue;
                }
                Ok(found) => wish.outcome.is(found),
            };
            if !holds {
                return State::Fails;
            }
        }
        open.map_or(State::Holds, State::Open)
    }

    /// Whether the new assumption goes with those that are there.
    fn is_consistent(&self, axis: usize) -> bool {
        let other = |subject| self.plan.find(subject).and_then(|place| self.assumed[place]);
        let is_null = |cell: &Cell| cell.example == Constant::Null;
        let Some(here) = self.assumed[axis] else { return true };
        let consistent = match self.plan.axes[axis].subject {
            Subject::Reading(_, slot) => possible(&self.facts(self.plan.model.readings[slot].0)),
            Subject::Attribute(place) => other(Subject::Age(place)).is_none_or(|age| is_null(age) == is_null(here)),
            Subject::Age(place) => other(Subject::Attribute(place)).is_none_or(|date| is_null(date) == is_null(here)),
            _ => true,
        };
        consistent && self.opaque_is_in_range()
    }

    /// Whether opaque expressions can be where they are assumed, with what is assumed of their parts.
    fn opaque_is_in_range(&self) -> bool {
        let known = |expr: &Expr| {
            let subject = match expr {
                Expr::Reading { reader, slot, .. } => Subject::Reading(*reader, *slot),
                Expr::Name(Name::Attribute(place)) => Subject::Attribute(*place),
                _ => return None,
            };
            let axis = self.plan.find(subject)?;
            let numbers = self.assumed[axis]?.span?;
            Some(Range { numbers, whole: self.plan.axes[axis].integer, nullable: false })
        };
        self.plan.opaque.iter().all(|axis| match (self.plan.axes[*axis].subject, self.assumed[*axis]) {
            (Subject::Opaque(expr), Some(cell)) => {
                let range = Ranges::new(self.plan.model, &known).of(expr);
                match cell.span {
                    Some(mut span) => {
                        span.meet(range.numbers);
                        !span.is_empty()
                    }
                    None => cell.example != Constant::Null || range.nullable,
                }
            }
            _ => true,
        })
    }

    fn facts(&self, source: usize) -> Vec<Fact> {
        let assumed =
            self.sources[source].iter().filter_map(|axis| Some((&self.plan.axes[*axis], self.assumed[*axis]?)));
        let fact = |(axis, cell): (&Axis<'m>, &Cell)| match axis.subject {
            Subject::Reading(reader, slot) => {
                Some(Fact { reader, days: self.plan.model.readings[slot].1, value: cell.span })
            }
            _ => None,
        };
        assumed.filter_map(fact).collect()
    }

    // Examples

    /// Values for the axes that matter, from their cells; `None` where that is not known to be a user.
    fn example(&mut self, wishes: &[Wish<'p>]) -> Option<Vec<(usize, Constant)>> {
        let before = self.assumed.clone();
        // what the wishes come true without does not matter
        for axis in (0..before.len()).rev().filter(|axis| before[*axis].is_some()) {
            self.assume(axis, None);
            if !matches!(self.state(wishes), State::Holds) {
                self.assume(axis, before[axis]);
            }
        }
        // an opaque expression has no value that could be given to a user
        let opaque = self.plan.opaque.iter().any(|axis| self.assumed[*axis].is_some());
        // what goes together often depends on which value is chosen first
        let attempts = if opaque { 0 } else { ATTEMPTS };
        let example = (0..attempts).find_map(|attempt| confirm(self.plan, wishes, self.values(attempt)?));
        for (axis, cell) in before.into_iter().enumerate().filter(|(_, cell)| cell.is_some()) {
            self.assume(axis, cell);
        }
        example
    }

    /// One value for each assumed axis, such that they go together.
    fn values(&self, attempt: usize) -> Option<Vec<(usize, Constant)>> {
        let mut chosen: Vec<Option<Constant>> =
            self.assumed.iter().map(|cell| cell.map(|cell| cell.example.clone())).collect();
        for source in 0..self.sources.len() {
            let axes: Vec<usize> =
                self.sources[source].iter().copied().filter(|axis| self.assumed[*axis].is_some()).collect();
            let mut facts = self.facts(source);
            let mut order: Vec<usize> = (0..axes.len()).collect();
            if attempt % 2 == 1 {
                order.reverse();
            }
            for place in order {
                let Some(mut span) = facts[place].value else { continue };
                let (reader, days) = (facts[place].reader, facts[place].days);
                span.meet(room(&facts, reader, days)?);
                let candidates = candidates(span);
                let from = (attempt / 2).min(candidates.len().saturating_sub(1));
                let fits = candidates[from..].iter().chain(&candidates[..from]).copied().find(|candidate| {
                    facts[place].value = Some(Interval::point(*candidate));
                    possible(&facts)
                })?;
                facts[place].value = Some(Interval::point(fits));
                chosen[axes[place]] = Some(self.plan.axes[axes[place]].constant(fits));
            }
        }
        Some(chosen.into_iter().enumerate().filter_map(|(axis, value)| Some((axis, value?))).collect())
    }
}

/// Values of an interval that may go with others, the plainest first.
pub(super) fn candidates(span: Interval) -> Vec<Decimal> {
    let example = span.example();
    let ends = [span.low, span.high].into_iter().flatten().map(|bound| bound.at);
    let beyond = [1, 2, 5, 10, 30, 100, 1_000, 100_000].map(Decimal::from);
    let around =
        ends.flat_map(|end| beyond.into_iter().flat_map(move |by| [end.saturating_add(by), end.saturating_sub(by)]));
    let around: Vec<Decimal> = around.collect();
    let all = [example].into_iter().chain(span.high.map(|high| high.at)).chain(around).chain(beyond);
    all.filter(|candidate| span.contains(*candidate)).collect()
}
