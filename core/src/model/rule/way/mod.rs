//! Ways: what is missing for a layer, and the simplest thing that makes it up.
//!
//! A layer's condition is brought into disjunctive form once for a model ([`disjunction`]). For a user, the conjunctions
//! are tried in the order of how little they ask for: fewest changes of attributes, fewest values to change, smallest
//! relative change. Each one that is not met yet guides a [`Plan`]: so many events of a source today, worth so much, or
//! so many days to wait, or a value to be set. The plan is carried out on a copy of the user's facts and the model is
//! asked again; only a plan that really ends in the layer is a way.

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::day::Day;
use crate::ledger::{Reading, Window};

use super::super::error::{ModelError, suggestion};
use super::super::{Mode, Model, Ranking};
use super::evaluate::{Evaluation, Facts, read_value};
use super::{Calendar, Expr, Name, Reader, Value};

pub(crate) mod axis;
pub(crate) mod disjunction;
pub(crate) mod need;
pub(crate) mod plan;

use axis::{Axis, Given, Lever};
use disjunction::{Compiler, Conjunction, Disjunction};
use need::{Need, Range, Wanted, number_of};
use plan::{NewEvents, Plan};

/// The most conjunctions of a layer that a plan is made for.
const MOST_PLANS: usize = 24;
/// The most times that a plan is carried out and mended.
const MOST_ROUNDS: usize = 5;
/// The most readings for one expression that is searched rather than solved.
const MOST_PROBES: usize = 120;
/// The most days in a row on which a plan has events.
const LONGEST_STREAK: i64 = 366;
/// The most entries that are waited for to leave a window.
const MOST_ENTRIES: usize = 100;

/// The conditions of a model's layers in the form that ways are found from. Made once, and good for every user.
#[derive(Debug, Clone)]
pub struct Ways {
    pub(crate) axes: Vec<Axis>,
    /// For each layer, and last for the default.
    layers: Vec<Disjunction>,
    given: Given,
}

/// A value that has to change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step<'a> {
    pub(crate) axis: usize,
    pub(crate) need: &'a Need,
    pub(crate) now: Value<'a>,
    /// How far it is, where that is a number; less than nothing where the value has to fall.
    pub(crate) more: Option<Decimal>,
}

/// A plan that was carried out and ends in the layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Way<'a> {
    /// `None` for the default.
    pub(crate) layer: Option<usize>,
    pub(crate) steps: Vec<Step<'a>>,
    pub(crate) plan: Plan<'a>,
}

impl Ways {
    /// Prepares a model whose metrics and scores are all computed. Takes milliseconds for usual ones.
    pub fn of(model: &Model) -> Self {
        Self::with_given(model, vec![false; model.metrics.len()], vec![false; model.scores.len()])
    }

    /// Prepares a model for users of whom these metrics and scores are given directly.
    pub fn with_given(model: &Model, metrics: Vec<bool>, scores: Vec<bool>) -> Self {
        let given = Given { metrics, scores };
        let mut compiler = Compiler::new(model, &given);
        let mut layers = match model.is_overlapping() {
            true => compiler.matches(&model.layers),
            false => compiler.first_matches(&model.layers),
        };
        for layer in &mut layers {
            let mut made: Disjunction = Vec::with_capacity(layer.len());
            for conjunction in layer.iter().filter_map(|conjunction| compiler.through_scores(conjunction)) {
                if !made.contains(&conjunction) {
                    made.push(conjunction);
                }
            }
            *layer = made;
        }
        let axes = compiler.axes;
        Self { axes, layers, given }
    }

    /// Prepares a model for users of whom the same is given as of this one.
    pub fn of_given(model: &Model, facts: &Facts<'_>) -> Self {
        let metrics = facts.metrics.iter().map(Option::is_some).collect();
        Self::with_given(model, metrics, facts.scores.iter().map(Option::is_some).collect())
    }

    /// These, or, where the user has other things given than they were made for, new ones.
    pub(crate) fn fitting(&self, model: &Model, facts: &Facts<'_>) -> Cow<'_, Ways> {
        let fits = facts.metrics.iter().map(Option::is_some).eq(self.given.metrics.iter().copied())
            && facts.scores.iter().map(Option::is_some).eq(self.given.scores.iter().copied());
        match fits {
            true => Cow::Borrowed(self),
            false => Cow::Owned(Self::of_given(model, facts)),
        }
    }
}

/// One user, of whom ways are asked.
pub(crate) struct Search<'a> {
    pub(crate) ways: &'a Ways,
    pub(crate) model: &'a Model,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) as_of: Day,
    values: Vec<Option<Value<'a>>>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(ways: &'a Ways, model: &'a Model, facts: &'a Facts<'a>, as_of: Day) -> Self {
        Self { ways, model, facts, as_of, values: vec![None; ways.axes.len()] }
    }

    fn now(&mut self, axis: usize, evaluation: &mut Evaluation<'a>) -> Value<'a> {
        *self.values[axis].get_or_insert_with(|| evaluation.value(&self.ways.axes[axis].expr))
    }

    /// The nearest way into a layer that the user is not in.
    pub(crate) fn nearest(
        &mut self,
        layer: Option<usize>,
        evaluation: &mut Evaluation<'a>,
    ) -> Result<Option<Way<'a>>, ModelError> {
        let conjunctions = &self.ways.layers[layer.unwrap_or(self.model.layers.len())];
        let mut open = Vec::with_capacity(conjunctions.len());
        for (place, conjunction) in conjunctions.iter().enumerate() {
            open.extend(self.effort(conjunction, evaluation).map(|effort| (effort, place)));
        }
        open.sort_by(|(a, _), (b, _)| a.compare(b));
        let mut left = MOST_PLANS;
        for (_, place) in open {
            let conjunction = &conjunctions[place];
            let (plan, tried) = self.plan(conjunction, layer, evaluation)?;
            if let Some(plan) = plan {
                let steps = self.steps(conjunction, evaluation);
                return Ok(Some(Way { layer, steps, plan }));
            }
            left -= usize::from(tried);
            if left == 0 {
                break;
            }
        }
        Ok(None)
    }

    fn steps(&mut self, conjunction: &'a Conjunction, evaluation: &mut Evaluation<'a>) -> Vec<Step<'a>> {
        let mut steps = Vec::new();
        for (axis, need) in &conjunction.0 {
            let now = self.now(*axis, evaluation);
            if !need.accepts(now) {
                let more = missing(&self.ways.axes[*axis], need, now);
                steps.push(Step { axis: *axis, need, now, more });
            }
        }
        steps
    }

    /// How much a conjunction asks for; `None` where it is beyond reach.
    fn effort(&mut self, conjunction: &'a Conjunction, evaluation: &mut Evaluation<'a>) -> Option<Effort> {
        let mut effort = Effort::default();
        for (place, need) in &conjunction.0 {
            let now = self.now(*place, evaluation);
            if need.accepts(now) {
                continue;
            }
            let axis = &self.ways.axes[*place];
            if matches!(axis.expr, Expr::Name(Name::Attribute(_))) {
                effort.attributes += 1;
            } else if !within_reach(axis, need, now) {
                return None;
            }
            effort.steps += 1;
            let more = missing(axis, need, now).and_then(|more| more.abs().to_f64());
            let now = number_of(now).and_then(|now| now.abs().to_f64()).unwrap_or_default();
            effort.change += more.map_or(1.0, |more| more / (more + now).max(1.0));
            effort.size += more.unwrap_or_default();
        }
        Some(effort)
    }

    /// A plan that ends in the layer, and whether one was carried out at all.
    fn plan(
        &mut self,
        conjunction: &'a Conjunction,
        layer: Option<usize>,
        evaluation: &mut Evaluation<'a>,
    ) -> Result<(Option<Plan<'a>>, bool), ModelError> {
        let mut plan = Plan::default();
        let mut tried = false;
        // the first round needs no plan carried out
        for (axis, need) in &conjunction.0 {
            let now = self.now(*axis, evaluation);
            if !need.accepts(now) {
                let wish = self.wish(&Plan::default(), *axis, need, now, evaluation)?;
                if !wish.is_some_and(|wish| plan.merge(wish)) {
                    return Ok((None, tried));
                }
            }
        }
        for _ in 1..MOST_ROUNDS {
            let Some(outcome) = plan.carry_out(self.facts, self.as_of)? else { break };
            tried = true;
            let facts = outcome.facts(self.facts, &plan);
            let mut evaluation = Evaluation::new(self.model, &facts, outcome.as_of)?;
            let mut next = plan.clone();
            for (axis, need) in &conjunction.0 {
                let now = evaluation.value(&self.ways.axes[*axis].expr);
                if !need.accepts(now) {
                    let wish = self.wish(&plan, *axis, need, now, &mut evaluation)?;
                    if !wish.is_some_and(|wish| next.merge(wish)) {
                        return Ok((None, tried));
                    }
                }
            }
            if next == plan {
                let there = evaluation.in_population() && is_in(self.model, layer, &mut evaluation);
                return Ok((there.then_some(plan), tried));
            }
            plan = next;
        }
        Ok((None, tried))
    }

    /// The plan with what a value lacks, by how it stands under the plan. `None` where nothing helps.
    fn wish(
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
                        self.rise(&mut plan, *reader, *source, axis, need, now, reading)
                    }
                }
            }
        };
        plan.events.retain(|new| new.events > 0);
        Ok(possible.then_some(plan))
    }

    /// More events, more money or more days for a reading that is too low or NULL (or for a recency that is too high).
    #[allow(clippy::too_many_arguments)]
    fn rise(
        &self,
        plan: &mut Plan<'a>,
        reader: Reader,
        source: usize,
        axis: &Axis,
        need: &Need,
        now: Value<'_>,
        reading: &Reading,
    ) -> bool {
        let (more, planned) = (missing(axis, need, now), plan.events_of(source));
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
                    // the first of the days needs no waiting
                    let days = if planned == 0 { more } else { events.days + more };
                    let longer = days - events.days;
                    events.events = events.events.max(days as u32);
                    events.days = days;
                    plan.wait += longer;
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

    /// For an expression of several things: looks for the fewest events, the least money, or the first day.
    fn try_out(
        &self,
        plan: &Plan<'a>,
        axis: &'a Axis,
        need: &'a Need,
        now: Value<'_>,
    ) -> Result<Option<Plan<'a>>, ModelError> {
        let Lever::Computed { sources, money, day, .. } = &axis.lever else { return Ok(None) };
        let mut probes = Probes { search: self, axis, need, left: MOST_PROBES };
        for source in sources {
            let with = |events: u32| {
                let mut plan = plan.clone();
                let new = plan.of_source(*source);
                new.events = new.events.saturating_add(events);
                plan
            };
            if let Some(events) = probes.least(10, |step| with(step as u32))? {
                return Ok(Some(with(events as u32)));
            }
            if !money {
                continue;
            }
            let paid = |cents: i64| {
                let mut plan = plan.clone();
                let new = plan.of_source(*source);
                new.events = new.events.max(1);
                new.amount = new.amount.saturating_add(Decimal::new(cents, 2));
                plan
            };
            if let Some(cents) = probes.least(40, paid)? {
                return Ok(Some(paid(cents)));
            }
        }
        let mut later = plan.clone();
        match missing(axis, need, now) {
            Some(more) if *day && wait(&mut later, more.abs()) && probes.reaches(&later)? => Ok(Some(later)),
            _ => Ok(None),
        }
    }
}

/// Plans that are carried out for the sake of one value.
struct Probes<'s, 'a> {
    search: &'s Search<'a>,
    axis: &'a Axis,
    need: &'a Need,
    left: usize,
}

impl<'a> Probes<'_, 'a> {
    fn reaches(&mut self, plan: &Plan<'a>) -> Result<bool, ModelError> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        let Some(outcome) = plan.carry_out(self.search.facts, self.search.as_of)? else { return Ok(false) };
        let facts = outcome.facts(self.search.facts, plan);
        let mut evaluation = Evaluation::new(self.search.model, &facts, outcome.as_of)?;
        Ok(self.need.accepts(evaluation.value(&self.axis.expr)))
    }

    /// The least number, up to 2^`doublings`, that helps, where more helps as well.
    fn least(&mut self, doublings: u32, plan: impl Fn(i64) -> Plan<'a>) -> Result<Option<i64>, ModelError> {
        let (mut failed, mut helps) = (0, None);
        for doubling in 0..=doublings {
            let number = 1 << doubling;
            if self.reaches(&plan(number))? {
                helps = Some(number);
                break;
            }
            failed = number;
        }
        let Some(mut helps) = helps else { return Ok(None) };
        while helps - failed > 1 {
            let middle = failed + (helps - failed) / 2;
            match self.reaches(&plan(middle))? {
                true => helps = middle,
                false => failed = middle,
            }
        }
        Ok(Some(helps))
    }
}

/// How much is asked for: compared from the first field to the last.
#[derive(Default)]
struct Effort {
    attributes: usize,
    steps: usize,
    change: f64,
    /// In the values' own units: what tells changes from nothing apart.
    size: f64,
}

impl Effort {
    fn compare(&self, other: &Effort) -> Ordering {
        let counts = (self.attributes, self.steps).cmp(&(other.attributes, other.steps));
        counts.then(self.change.total_cmp(&other.change)).then(self.size.total_cmp(&other.size))
    }
}

/// Whether the user is in a layer (`None`: the default), or has its tag.
pub(crate) fn is_in<'x>(model: &'x Model, layer: Option<usize>, evaluation: &mut Evaluation<'x>) -> bool {
    match layer {
        Some(place) if model.is_overlapping() => evaluation.matches(&model.layers[place]),
        _ => evaluation.layer() == layer,
    }
}

/// From a value to the nearest one that is wanted. Where things are counted, NULL is none, and one of them makes it a value.
fn missing(axis: &Axis, need: &Need, now: Value<'_>) -> Option<Decimal> {
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
fn within_reach(axis: &Axis, need: &Need, now: Value<'_>) -> bool {
    let (Wanted::Range(range), Some(now)) = (&need.wanted, number_of(now)) else { return true };
    match (&axis.lever, range.place_of(now)) {
        (Lever::Reading { reader, window, .. }, Ordering::Greater) => *reader == Reader::Recency || window.is_some(),
        (Lever::Reading { reader: Reader::CreditAmount | Reader::FirstDay, .. }, Ordering::Less) => false,
        (Lever::Calendar(Calendar::DaysSince) | Lever::Day, Ordering::Greater) => false,
        (Lever::Calendar(Calendar::DaysUntil), Ordering::Less) => false,
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
        (Calendar::DaysSince, Ordering::Less) => range.low.and_then(|low| low.value.checked_sub(now)),
        (Calendar::DaysUntil | Calendar::DaysUntilAnniversary, Ordering::Greater) => {
            range.high.and_then(|high| now.checked_sub(high.value))
        }
        // over the anniversary, then from the year's end on
        (Calendar::DaysUntilAnniversary, Ordering::Less) => now.checked_add(Decimal::ONE),
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

/// The layers that are better than the one a user is in, best first where they are ranked.
pub(crate) fn better(model: &Model, layer: Option<usize>) -> Vec<usize> {
    let own = |place: &usize| model.layers[*place].when.is_some();
    let all = 0..model.layers.len();
    match (model.definition().ranking, layer) {
        (Ranking::BestFirst, Some(layer)) => (0..layer).filter(own).collect(),
        (Ranking::BestLast, Some(layer)) => (layer + 1..all.end).rev().filter(own).collect(),
        (Ranking::BestLast, None) => all.rev().filter(own).collect(),
        (_, layer) => all.filter(|place| Some(*place) != layer).filter(own).collect(),
    }
}

/// What is missing to a layer, as a JSON object of numbers: `{"monetary": 82, "frequency": 1}`.
///
/// Names are those of metrics, given scores and attributes, or expressions of the layer's condition. A number less than 0 says
/// that the value must fall by so much; null, that no number can say it (an attribute that is a text, a value that there
/// is not yet). `{}`: the user is there already. `None`: there is no way, or the user is not in the population. For a heading it
/// is the nearest of the layers below it.
///
/// # Errors
/// For a layer that there is not, and a damaged ledger.
pub fn distance(
    model: &Model,
    ways: &Ways,
    facts: &Facts<'_>,
    layer: &str,
    as_of: Day,
) -> Result<Option<String>, ModelError> {
    let Some(target) = model.find_layer(layer) else {
        let error = ModelError::invalid("", format!("model \"{}\" has no layer \"{layer}\"", model.definition().name));
        let definition = model.definition();
        let known = definition.layers.iter().map(|layer| layer.name.as_str());
        let known = known.chain(definition.default.as_ref().map(|default| default.name.as_str()));
        return Err(match suggestion(layer, known) {
            Some(hint) => error.with_hint(hint),
            None => error,
        });
    };
    let mut evaluation = Evaluation::new(model, facts, as_of)?;
    if !evaluation.in_population() {
        return Ok(None);
    }
    let ways = &*ways.fitting(model, facts);
    let mut search = Search::new(ways, model, facts, as_of);
    let mut nearest: Option<Way<'_>> = None;
    for target in under(model, target) {
        if is_in(model, target, &mut evaluation) {
            return Ok(Some("{}".to_owned()));
        }
        let found = search.nearest(target, &mut evaluation)?;
        nearest = match (nearest, found) {
            (Some(before), Some(found)) if found.steps.len() < before.steps.len() => Some(found),
            (None, found) => found,
            (before, _) => before,
        };
    }
    Ok(nearest.map(|way| {
        let mut json = String::from("{");
        for (place, step) in way.steps.iter().enumerate() {
            let name = serde_json::Value::from(ways.axes[step.axis].name.as_str());
            let comma = if place > 0 { ", " } else { "" };
            let more = step.more.map_or("null".to_owned(), |more| more.normalize().to_string());
            json.push_str(&format!("{comma}{name}: {more}"));
        }
        json.push('}');
        json
    }))
}

/// A layer, or the layers below a heading; the default belongs to the headings above it as well.
fn under(model: &Model, target: Option<usize>) -> Vec<Option<usize>> {
    match target {
        Some(place) if model.layers[place].when.is_none() => {
            let name = model.definition().layers[place].name.as_str();
            let all = (0..model.layers.len()).filter(|place| model.layers[*place].when.is_some()).map(Some);
            let all = all.chain((model.definition().mode == Mode::Exclusive).then_some(None));
            all.filter(|layer| model.layer_path(*layer).contains(&name)).collect()
        }
        target => vec![target],
    }
}
