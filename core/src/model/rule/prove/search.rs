//! The search for a user: axis by axis, cell by cell, as far as the question is open.
//!
//! What is known so far often decides a condition; then the axes that are still open do not matter. So the axis that is
//! branched on next is always one that the question waits for.

use std::collections::HashMap;
use std::rc::Rc;

use rust_decimal::Decimal;

use super::super::evaluate::compare;
use super::super::{Comparison, Constant, Expr, Name, Reader, Value};
use super::axis::{Axis, Cell, Subject};
use super::confirm::confirm;
use super::interval::Interval;
use super::partial::Partial;
use super::plan::Plan;
use super::possible::{Fact, possible, room};
use super::range::{Range, Ranges};
use super::{STEPS, STEPS_PER_QUESTION};

/// After so many users of whom it is not known whether they can be, the search for a better one ends.
const MOST_DOUBTS: u32 = 1_000;

/// So many of these are looked at more closely, by computing opaque expressions.
const MOST_SAMPLED: u32 = 20;
/// The most samples of each.
const SAMPLES: u64 = 5_000;
/// How often values are chosen anew before a user is given up.
const ATTEMPTS: usize = 12;
/// What an attempt with one reading costs, as measured; with more of one source it grows as their cube.
const STEPS_PER_ATTEMPT: u64 = 20;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

    fn state(&self, known: &mut Partial<'m, '_>) -> State {
        let found = match self.what {
            What::Condition(condition) => known.value(condition),
            What::Equal(left, right) => known.value(left).and_then(|left| {
                let equal = compare(Comparison::Equal, left, known.value(right)?);
                Ok(equal.map_or(Value::Null, Value::Boolean))
            }),
        };
        match found {
            Err(axis) => State::Open(axis),
            Ok(found) if self.outcome.is(found) => State::Holds,
            Ok(_) => State::Fails,
        }
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
    /// Nothing is known here.
    blank: Partial<'p, 'm>,
    /// For a wish and an axis, the cells with which the wish can come true.
    hopes: HashMap<(usize, usize, Outcome, usize), Rc<[u64]>>,
    steps: u64,
}

/// An axis that was branched on.
struct Branch {
    axis: usize,
    /// The next cell.
    next: usize,
    /// The cells that are worth a look, as bits; all where there is none.
    hope: Option<Vec<u64>>,
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
        for (place, axis) in plan.axes.iter().enumerate() {
            if let Subject::Prediction(Expr::Prediction { source, .. }) = axis.subject {
                sources[*source].push(place);
            }
        }
        let assumed = vec![None; plan.axes.len()];
        let (known, blank) = (Partial::nothing(plan), Partial::nothing(plan));
        Search { plan, known, assumed, sources, blank, hopes: HashMap::new(), steps: 0 }
    }

    /// Whether the budget of all questions is spent.
    pub(super) fn is_exhausted(&self) -> bool {
        self.plan.too_large || self.steps >= STEPS
    }

    /// A user for whom all the wishes come true.
    pub(super) fn find(&mut self, wishes: &[Wish<'p>]) -> Answer {
        self.walk(wishes, &Division::Cells, STEPS_PER_QUESTION)
    }

    fn walk(&mut self, wishes: &[Wish<'p>], division: &Division<'p>, budget: u64) -> Answer {
        let plan = self.plan;
        let end = STEPS.min(self.steps + budget);
        let mut path: Vec<Branch> = Vec::new();
        let (mut not_found, mut doubts) = (Answer::Never, 0);
        loop {
            match self.state(wishes) {
                State::Fails => {}
                State::Open(axis) => {
                    if !plan.axes[axis].complete {
                        not_found = Answer::NotDecided(Reason::Method);
                    }
                    let hope = match division {
                        Division::Cells => self.hope(wishes, axis),
                        Division::Samples(_) => None,
                    };
                    path.push(Branch { axis, next: 0, hope });
                }
                State::Holds => {
                    let example = self.example(wishes).or_else(|| match division {
                        Division::Cells if doubts < MOST_SAMPLED => self.sampled(wishes),
                        _ => None,
                    });
                    if let Some(example) = example {
                        path.iter().for_each(|branch| self.assume(branch.axis, None));
                        return Answer::Example(example);
                    }
                    not_found = Answer::NotDecided(Reason::Method);
                    doubts += 1;
                }
            }
            // the next cell of the last axis that has one
            loop {
                let Some(branch) = path.last_mut() else { return not_found };
                let axis = branch.axis;
                let cells = match division {
                    Division::Cells => &plan.axes[axis].cells,
                    Division::Samples(_) => &plan.samples[axis],
                };
                let is_hopeless = |cell: &usize| branch.hope.as_ref().is_some_and(|hope| !has_bit(hope, *cell));
                branch.next += (branch.next..cells.len()).take_while(is_hopeless).count();
                let cell = cells.get(branch.next);
                branch.next += 1;
                self.assume(axis, cell);
                let Some(cell) = cell else {
                    path.pop();
                    continue;
                };
                self.spend(1 + wishes.len() as u64 / 16);
                if self.steps >= end || doubts >= MOST_DOUBTS {
                    path.iter().for_each(|branch| self.assume(branch.axis, None));
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

    fn spend(&mut self, steps: u64) {
        const PACE: u64 = 256;
        if self.steps / PACE != (self.steps + steps) / PACE {
            crate::patience::check();
        }
        self.steps += steps;
    }

    /// The cells of an axis with which all wishes can come true, as far as each shows that by itself.
    fn hope(&mut self, wishes: &[Wish<'p>], axis: usize) -> Option<Vec<u64>> {
        /// Fewer cells are looked at sooner than they are left out.
        const MANY: usize = 4;
        let cells = self.plan.axes[axis].cells.len();
        if cells <= MANY {
            return None;
        }
        let mut all = vec![u64::MAX; cells.div_ceil(64)];
        for wish in wishes {
            let one = self.hope_of(wish, axis);
            all.iter_mut().zip(one.iter()).for_each(|(all, one)| *all &= one);
        }
        Some(all)
    }

    fn hope_of(&mut self, wish: &Wish<'p>, axis: usize) -> Rc<[u64]> {
        let address = |expr: &Expr| std::ptr::from_ref(expr).addr();
        let (left, right) = match wish.what {
            What::Condition(condition) => (address(condition), 0),
            What::Equal(left, right) => (address(left), address(right)),
        };
        let key = (left, right, wish.outcome, axis);
        if let Some(known) = self.hopes.get(&key) {
            return known.clone();
        }
        let plan = self.plan;
        let cells = &plan.axes[axis].cells;
        self.spend(cells.len() as u64);
        let mut found = vec![0; cells.len().div_ceil(64)];
        for (place, cell) in cells.iter().enumerate() {
            self.blank.set(axis, Some(cell.example.value()));
            if !matches!(wish.state(&mut self.blank), State::Fails) {
                found[place / 64] |= 1 << (place % 64);
            }
        }
        self.blank.set(axis, None);
        let found: Rc<[u64]> = found.into();
        self.hopes.insert(key, found.clone());
        found
    }

    fn assume(&mut self, axis: usize, cell: Option<&'p Cell>) {
        self.assumed[axis] = cell;
        self.known.set(axis, cell.map(|cell| cell.example.value()));
    }

    fn state(&mut self, wishes: &[Wish<'p>]) -> State {
        let mut state = State::Holds;
        for wish in wishes {
            match (wish.state(&mut self.known), &state) {
                (State::Fails, _) => return State::Fails,
                (State::Open(axis), State::Holds) => state = State::Open(axis),
                _ => {}
            }
        }
        state
    }

    /// Whether the new assumption goes with those that are there.
    fn is_consistent(&mut self, axis: usize) -> bool {
        let source = match self.plan.axes[axis].subject {
            Subject::Reading(_, slot) => Some(self.plan.model.readings[slot].0),
            Subject::Prediction(Expr::Prediction { source, .. }) => Some(*source),
            _ => None,
        };
        if let Some(source) = source {
            let facts = self.facts(source);
            self.spend(facts.len().pow(2) as u64);
            return possible(&facts) && self.opaque_is_in_range();
        }
        self.dates_agree(axis) && self.opaque_is_in_range()
    }

    /// A date is NULL as its age is.
    fn dates_agree(&self, axis: usize) -> bool {
        let other = |subject| self.plan.find(subject).and_then(|place| self.assumed[place]);
        let is_null = |cell: &Cell| cell.example == Constant::Null;
        let Some(here) = self.assumed[axis] else { return true };
        match self.plan.axes[axis].subject {
            Subject::Attribute(place) => other(Subject::Age(place)).is_none_or(|age| is_null(age) == is_null(here)),
            Subject::Age(place) => other(Subject::Attribute(place)).is_none_or(|date| is_null(date) == is_null(here)),
            _ => true,
        }
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

    /// Those of readings come first, in the order of their axes.
    fn facts(&self, source: usize) -> Vec<Fact> {
        let assumed =
            self.sources[source].iter().filter_map(|axis| Some((&self.plan.axes[*axis], self.assumed[*axis]?)));
        let fact = |(axis, cell): (&Axis<'m>, &Cell)| match axis.subject {
            Subject::Reading(reader, slot) => {
                Some(Fact { reader, days: self.plan.model.readings[slot].1, value: cell.span })
            }
            // nothing is expected of whom nothing is known
            Subject::Prediction(_) if cell.example != Constant::Null => {
                Some(Fact { reader: Reader::ActiveDays, days: None, value: Some(Interval::at_least(1)) })
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
        let readings =
            self.sources.iter().map(|axes| axes.iter().filter(|axis| self.assumed[**axis].is_some()).count());
        let cost = STEPS_PER_ATTEMPT * (1 + readings.map(|readings| readings.pow(3) as u64).sum::<u64>());
        let attempts = if cost > STEPS_PER_QUESTION { 0 } else { attempts };
        let example = (0..attempts).find_map(|attempt| {
            self.spend(cost);
            confirm(self.plan, wishes, self.values(attempt)?)
        });
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
            let is_reading = |axis: &usize| matches!(self.plan.axes[*axis].subject, Subject::Reading(..));
            let axes = self.sources[source].iter().copied().filter(is_reading);
            let axes: Vec<usize> = axes.filter(|axis| self.assumed[*axis].is_some()).collect();
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

fn has_bit(bits: &[u64], place: usize) -> bool {
    bits[place / 64] >> (place % 64) & 1 == 1
}
