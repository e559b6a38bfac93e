//! What is predicted is known when all users are: models are fitted to the purchases that a state has collected, and
//! metrics of predictions are computed for them afterwards.

use crate::day::Day;
use crate::predict::{Counted, PredictError, PurchaseSummary, SourceFit};
use crate::score::Distribution;

use super::super::definition::Named;
use super::super::error::ModelError;
use super::super::rule::evaluate::{Evaluation, Facts};
use super::super::rule::prediction::reading_of;
use super::super::rule::{Expr, Name, Value};
use super::super::{Model, Predicted};
use super::corrupt;

/// What a metric is made of.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) enum Derivation {
    /// Nothing that is predicted.
    Plain,
    /// Predictions of one source, constants, and these metrics.
    Predicted { source: usize, metrics: Vec<usize> },
    /// Predictions together with something else.
    Mixed,
}

/// That of each metric; metrics come after those that they use.
pub(in crate::model) fn derivations(metrics: &[Expr]) -> Vec<Derivation> {
    let mut known: Vec<Reads> = Vec::with_capacity(metrics.len());
    for metric in metrics {
        let mut reads = Reads::default();
        metric.walk(&mut |part| match part {
            Expr::Prediction { source, .. } => reads.sources.push(*source),
            Expr::Name(Name::Metric(place)) => {
                let Reads { sources, metrics, other } = &known[*place];
                reads.sources.extend(sources);
                reads.metrics.push(*place);
                reads.metrics.extend(metrics);
                reads.other |= other;
            }
            Expr::Reading { .. } | Expr::Calendar { .. } | Expr::AsOf | Expr::Name(Name::Attribute(_)) => {
                reads.other = true;
            }
            _ => {}
        });
        for list in [&mut reads.sources, &mut reads.metrics] {
            list.sort_unstable();
            list.dedup();
        }
        known.push(reads);
    }
    let derivation = |reads: Reads| match (&reads.sources[..], reads.other) {
        ([], _) => Derivation::Plain,
        ([source], false) => Derivation::Predicted { source: *source, metrics: reads.metrics },
        _ => Derivation::Mixed,
    };
    known.into_iter().map(derivation).collect()
}

#[derive(Default)]
struct Reads {
    sources: Vec<usize>,
    metrics: Vec<usize>,
    other: bool,
}

impl Model {
    pub(super) fn derivation(&self, metric: usize) -> &Derivation {
        &self.derivations[metric]
    }

    /// Whether a score needs the fits of a calibration before: its metric mixes predictions with something else.
    pub fn takes_two_passes(&self, score: usize) -> bool {
        let below = self.metric_below(&self.scores[score].of);
        matches!(below, Expr::Name(Name::Metric(metric)) if self.derivations[*metric] == Derivation::Mixed)
    }

    /// Whether a metric is computed when all users are known; not where it, or what it is made of, is given.
    pub(super) fn is_deferred(&self, metric: usize, given: &[Option<Value<'_>>]) -> bool {
        match &self.derivations[metric] {
            Derivation::Predicted { metrics, .. } => {
                given[metric].is_none() && metrics.iter().all(|inner| given[*inner].is_none())
            }
            Derivation::Plain | Derivation::Mixed => false,
        }
    }
}

impl Predicted {
    /// The purchases that a user is known by; without amounts where none are predicted, so that more users are equal.
    pub(super) fn summary(&self, evaluation: &Evaluation<'_>) -> Option<PurchaseSummary> {
        let mut summary = PurchaseSummary::of_reading(evaluation.reading(self.slot))?;
        if !self.amounts {
            summary.repeat_amount = Default::default();
        }
        Some(summary)
    }
}

/// The users of a calibration by their purchases, for each source of which something is predicted.
pub(super) struct Users {
    as_of: Day,
    /// All there are, with a purchase or without.
    all: u64,
    sources: Vec<Source>,
}

struct Source {
    predicted: Predicted,
    users: Vec<Counted<PurchaseSummary>>,
    counted: u64,
}

impl Users {
    pub(super) fn new(model: &Model, all: u64, as_of: Day) -> Self {
        let source = |predicted: &Predicted| Source { predicted: predicted.clone(), users: Vec::new(), counted: 0 };
        Self { as_of, all, sources: model.predicted.iter().map(source).collect() }
    }

    pub(super) fn add(&mut self, source: usize, value: PurchaseSummary, count: u64) -> Result<(), ModelError> {
        let found = self.sources.iter_mut().find(|known| known.predicted.source == source);
        let source = found.ok_or_else(|| corrupt("purchases are of no source that is predicted"))?;
        let counted = source.counted.checked_add(count).filter(|counted| *counted <= self.all);
        source.counted = counted.ok_or_else(|| corrupt("more users have purchases than there are"))?;
        source.users.push(Counted { value, count });
        Ok(())
    }

    pub(super) fn fits(&self, model: &Model) -> Result<Named<SourceFit>, ModelError> {
        let fit = |source: &Source| {
            let name = model.source_name(source.predicted.source);
            match SourceFit::of(&source.users, source.predicted.amounts) {
                Ok(fit) => Ok((name.to_owned(), fit)),
                Err(error @ PredictError::NoLikelihood { .. }) => {
                    let error = ModelError::invalid(format!("sources.{name}"), error.to_string());
                    Err(error.with_hint("Look at the purchases: SELECT strata.purchase_summary(ledger, as_of)."))
                }
                Err(error) => Err(ModelError::of(&error)),
            }
        };
        self.sources.iter().map(fit).collect::<Result<_, _>>().map(Named)
    }

    /// The values of a metric of predictions of this source.
    pub(super) fn distribution(&self, model: &Model, metric: usize, source: usize) -> Result<Distribution, ModelError> {
        /// Some milliseconds of users.
        const PACE: usize = 1 << 12;
        let found = self.sources.iter().find(|known| known.predicted.source == source);
        let source = found.ok_or_else(|| corrupt("purchases are of no source that is predicted"))?;
        let facts = Facts::nothing(model);
        let mut evaluation = Evaluation::new(model, &facts, self.as_of)?;
        let mut counts = Vec::with_capacity(source.users.len() + 1);
        if let Value::Number(value) = evaluation.metric(metric) {
            counts.push((value, self.all - source.counted));
        }
        for users in source.users.chunks(PACE) {
            crate::patience::check();
            for user in users {
                let reading =
                    reading_of(&user.value, self.as_of).ok_or_else(|| corrupt("purchases before all days"))?;
                evaluation.take_reading(source.predicted.slot, reading);
                if let Value::Number(value) = evaluation.metric(metric) {
                    counts.push((value, user.count));
                }
            }
        }
        Ok(Distribution::from_counts(counts)?)
    }
}
