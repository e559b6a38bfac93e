//! Ways: what is missing for a layer, and the simplest thing that makes it up.
//!
//! A layer's condition is brought into disjunctive form once for a model ([`disjunction`]). For a user, the conjunctions
//! are tried in the order of how little they ask for: fewest changes of attributes, fewest values to change, smallest
//! relative change. Each one that is not met yet guides a [`Plan`]: so many events of a source today, worth so much, or
//! so many days to wait, or a value to be set. The plan is carried out on a copy of the user's facts and the model is
//! asked again; only a plan that really ends in the layer is a way.

use std::borrow::Cow;

use rust_decimal::Decimal;

use crate::day::Day;

use super::super::error::ModelError;
use super::super::{Mode, Model, Ranking};
use super::Value;
use super::evaluate::{Evaluation, Facts};

pub(crate) mod axis;
mod cells;
pub(crate) mod disjunction;
pub(crate) mod need;
pub(crate) mod plan;
mod search;
mod wish;

use axis::{Axis, Given};
use disjunction::{Compiler, Disjunction};
use need::Need;
use plan::Plan;
pub(crate) use search::Search;

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
    /// On the day of the plan, before its events; where waiting is all that it takes, on the day of the reading.
    pub(crate) now: Value<'a>,
    /// How far it is, where that is a number; less than nothing where the value has to fall.
    pub(crate) more: Option<Decimal>,
    /// Whether the days until the plan's change it by themselves.
    pub(crate) by_waiting: bool,
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

/// Whether the user is in a layer (`None`: the default), or has its tag.
pub(crate) fn is_in<'x>(model: &'x Model, layer: Option<usize>, evaluation: &mut Evaluation<'x>) -> bool {
    match layer {
        Some(place) if model.is_overlapping() => evaluation.matches(&model.layers[place]),
        _ => evaluation.layer() == layer,
    }
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
    let target = model.layer_called(layer)?;
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
