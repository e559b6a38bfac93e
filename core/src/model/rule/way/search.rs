//! The search for the nearest way of one user.

use std::cmp::Ordering;

use rust_decimal::prelude::ToPrimitive;

use crate::day::Day;

use super::super::super::{Model, ModelError};
use super::super::evaluate::{Evaluation, Facts};
use super::super::{Expr, Name, Value};
use super::disjunction::Conjunction;
use super::need::number_of;
use super::plan::Plan;
use super::wish::{missing, within_reach};
use super::{Step, Way, Ways, is_in};

/// The most conjunctions of a layer that a plan is made for.
const MOST_PLANS: usize = 24;
/// The most times that a plan is carried out and mended.
const MOST_ROUNDS: usize = 5;

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
                let plan = self.without_spare(plan, layer)?;
                let steps = self.steps(conjunction, &plan, evaluation)?;
                return Ok(Some(Way { layer, steps, plan }));
            }
            left -= usize::from(tried);
            if left == 0 {
                break;
            }
        }
        Ok(None)
    }

    /// The plan without events that another way of meeting the layer's condition spares.
    fn without_spare(&self, plan: Plan<'a>, layer: Option<usize>) -> Result<Plan<'a>, ModelError> {
        let mut plan = plan;
        for place in 0..plan.events.len() {
            // large steps first; the last ones are single events
            let mut step = plan.events[place].events.next_power_of_two();
            while step > 0 {
                let new = plan.events[place];
                let least = u32::try_from(new.days.max(1)).unwrap_or(u32::MAX);
                let mut less = plan.clone();
                less.events[place].events = new.events.saturating_sub(step);
                if less.events[place].events >= least && self.ends_in(layer, &less)? {
                    plan = less;
                } else {
                    step /= 2;
                }
            }
        }
        Ok(plan)
    }

    /// Whether a plan that is carried out ends in the layer.
    fn ends_in(&self, layer: Option<usize>, plan: &Plan<'a>) -> Result<bool, ModelError> {
        let Some(outcome) = plan.carry_out(self.facts, self.as_of)? else { return Ok(false) };
        let facts = outcome.facts(self.facts, plan);
        let mut evaluation = Evaluation::new(self.model, &facts, outcome.as_of)?;
        Ok(evaluation.in_population() && is_in(self.model, layer, &mut evaluation))
    }

    /// What the days until the plan's make up by themselves, and what is missing on its day before its events: until then
    /// values fall out of windows.
    fn steps(
        &mut self,
        conjunction: &'a Conjunction,
        plan: &Plan<'a>,
        evaluation: &mut Evaluation<'a>,
    ) -> Result<Vec<Step<'a>>, ModelError> {
        let mut steps = Vec::new();
        let mut later = match Day::new(i64::from(self.as_of.number()) + plan.wait) {
            Some(day) if plan.wait > 0 => Some(Evaluation::new(self.model, self.facts, day)?),
            _ => None,
        };
        for (place, need) in &conjunction.0 {
            let axis = &self.ways.axes[*place];
            let now = self.now(*place, evaluation);
            let then = later.as_mut().map_or(now, |later| later.value(&axis.expr));
            let by_waiting = need.accepts(then);
            if !by_waiting || !need.accepts(now) {
                let now = if by_waiting { now } else { then };
                steps.push(Step { axis: *place, need, now, more: missing(axis, need, now), by_waiting });
            }
        }
        Ok(steps)
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
