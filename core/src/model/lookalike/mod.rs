//! Who is like the users of a layer: the distance to their centroid over standardized metrics, explained per metric.
//!
//! Two steps. The first reads all users ([`CentroidState`]): the mean and the standard deviation of each metric over the
//! population, and its mean over the layer, the centroid. The second says of each user how far off it is
//! ([`Centroid::compare`]).

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::predict;

use super::definition::Named;
use super::error::ModelError;
use super::rule::evaluate::Evaluation;
use super::rule::{Type, Value};
use super::{Model, Number};

mod state;
mod sum;

pub use state::{CentroidState, CentroidStateRef};

/// The centroid of a layer, and what its metrics are measured by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Centroid {
    pub model: String,
    pub layer: String,
    /// The day as of which the users were read.
    pub as_of: String,
    /// The users of the population.
    pub users: u64,
    /// Those of the layer.
    pub in_layer: u64,
    pub metrics: Named<Center>,
}

/// One metric. Numbers have [`DIGITS`] digits, so that the order of the users does not show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Center {
    /// The users of the population who have a value, with the mean and the standard deviation of the values.
    pub users: u64,
    pub mean: Option<f64>,
    pub deviation: Option<f64>,
    /// The users of the layer who have a value, with the mean of theirs.
    pub in_layer: u64,
    pub center: Option<f64>,
}

/// The significant digits of a centroid's numbers.
pub const DIGITS: usize = 12;

/// How like a user is to a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// The root of the mean square of the metrics' deviations from the centroid, in standard deviations.
    pub distance: f64,
    /// By metric of the centroid.
    pub parts: Vec<(String, Option<Part>)>,
}

/// One metric of a user beside the centroid; there is none where the user, or the layer, has no value, or where all
/// users are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    pub value: Decimal,
    pub center: f64,
    /// From the centroid, in standard deviations of the population.
    pub deviations: f64,
    /// Of the square of the distance.
    pub share: f64,
}

impl predict::Model for Centroid {
    const NAME: &'static str = "centroid";
    const EXAMPLE: &'static str = r#"{"model":"m","layer":"best","as_of":"2024-03-31","users":9,"in_layer":2,"metrics":{"spent":{"users":9,"mean":50,"deviation":20,"in_layer":2,"center":90}}}"#;

    fn check(&self) -> Result<(), String> {
        self.as_of.parse::<Day>().map_err(|_| format!("\"{}\" is not a date", self.as_of))?;
        for (name, Center { mean, deviation, center, .. }) in self.metrics.iter() {
            let finite = [mean, deviation, center].into_iter().flatten().all(|number| number.is_finite());
            if !finite || deviation.is_some_and(|deviation| deviation < 0.0) {
                return Err(format!("metric \"{name}\" has numbers that no users have"));
            }
        }
        Ok(())
    }
}

impl Centroid {
    /// Compares a user with the centroid; `None` outside of the population, and where nothing can be compared.
    ///
    /// # Errors
    /// Where the model has no such metrics.
    pub fn compare(&self, evaluation: &mut Evaluation<'_>) -> Result<Option<Likeness>, ModelError> {
        if !evaluation.in_population() {
            return Ok(None);
        }
        let model = evaluation.model();
        let mut parts = Vec::with_capacity(self.metrics.len());
        let (mut squares, mut compared) = (0.0, 0.0);
        for (name, Center { deviation, center, .. }) in self.metrics.iter() {
            let place = model.definition().metrics.position(name);
            let place = place.filter(|place| model.metric_type(*place) == Type::Number).ok_or_else(|| {
                let model = &model.definition().name;
                let error = ModelError::invalid("", format!("model \"{model}\" has no metric \"{name}\" of numbers"));
                error.with_hint(format!("The centroid was made with model \"{}\".", self.model))
            })?;
            let value = evaluation.metric(place).number();
            let part = match (value, deviation, center) {
                (Some(value), Some(deviation), Some(center)) if *deviation > 0.0 => {
                    let deviations = (double(value) - center) / deviation;
                    Some(Part { value, center: *center, deviations, share: 0.0 })
                }
                _ => None,
            };
            if let Some(part) = part {
                squares += part.deviations * part.deviations;
                compared += 1.0;
            }
            parts.push((name.to_owned(), part));
        }
        if compared == 0.0 {
            return Ok(None);
        }
        for part in parts.iter_mut().filter_map(|(_, part)| part.as_mut()).filter(|_| squares > 0.0) {
            part.share = part.deviations * part.deviations / squares;
        }
        Ok(Some(Likeness { distance: f64::sqrt(squares / compared), parts }))
    }
}

impl Likeness {
    /// From 1 at the centroid down to 0 far away: e^(-distance² / 2).
    pub fn similarity(&self) -> f64 {
        (-self.distance * self.distance / 2.0).exp()
    }

    /// The parts as a JSON object, rounded for people: null for a metric that was left out.
    pub fn parts_json(&self) -> String {
        #[derive(Serialize)]
        struct Shown {
            value: Number,
            center: f64,
            deviations: f64,
            share: f64,
        }
        let rounded = |number: f64| (number * 1e4).round() / 1e4;
        let shown = |part: &Part| Shown {
            value: Number(part.value),
            center: part.center,
            deviations: rounded(part.deviations),
            share: rounded(part.share),
        };
        let parts = self.parts.iter().map(|(name, part)| (name.clone(), part.as_ref().map(shown)));
        // finite numbers and names: nothing that JSON could refuse
        serde_json::to_string(&Named(parts.collect())).unwrap_or_default()
    }
}

/// The places of the metrics that a centroid is made of: all that are numbers.
fn compared(model: &Model) -> impl Iterator<Item = usize> + '_ {
    (0..model.metrics.len()).filter(|place| model.metric_type(*place) == Type::Number)
}

fn number(value: Value<'_>) -> Option<f64> {
    value.number().map(double)
}

fn double(number: Decimal) -> f64 {
    // a decimal is finite, and so is the nearest double
    f64::try_from(number).unwrap_or(0.0)
}
