//! Segmentation models: definitions that are understood, not just run.
//!
//! A [`Definition`] is the JSON that people write. [`Model::new`] checks it: names are resolved, expressions parsed and
//! typed, cut points put in order. What comes out can be evaluated, proved, explained, timed and printed; all of these
//! read the same expression tree (see [`rule`]).

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use crate::label::{Label, Lang};
use crate::predict::SourceFit;
use crate::score::{Best, Bins, Ties};

mod calibrate;
mod check;
mod definition;
mod error;
mod json;
mod lifecycle;
mod lookalike;
mod order;
mod preset;
mod replay;
pub mod rule;
pub mod scheme;

pub use calibrate::{CalibrationState, CalibrationStateRef};
pub use definition::{
    AttributeDefinition, CalibratedScore, Calibration, DefaultDefinition, Definition, DimensionDefinition,
    LayerDefinition, Meta, MetricDefinition, Mode, Named, Number, NumberOr, Ranking, ScoreDefinition, Sources,
};
pub use error::ModelError;
pub use lifecycle::Lifecycle;
pub use lookalike::{Center, Centroid, CentroidState, CentroidStateRef, Likeness, Part};
pub use preset::{Preset, preset, presets};
pub use replay::{Grid, Replay, ReplayRef, Replayed};
pub use rule::clock::Step;
pub use rule::describe::describe;
pub use rule::evaluate::{Answer, Evaluation, Facts, Room};
pub use rule::explain::{explain, explain_text};
pub use rule::prove::{Finding, STEPS, STEPS_PER_QUESTION, Severity};
pub use rule::way::{Ways, distance};
pub use rule::{Type, Value};

use calibrate::Derivation;
use error::suggestion;
use rule::print::print;
use rule::{Expr, Name, Predictor};

/// A definition that is known to be sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    definition: Definition,
    parameters: Vec<Decimal>,
    population: Option<Expr>,
    metrics: Vec<Expr>,
    metric_types: Vec<Type>,
    scores: Vec<Score>,
    dimensions: Vec<Dimension>,
    layers: Vec<Layered>,
    /// The distinct (source, window) pairs that are read.
    readings: Vec<(usize, Option<i32>)>,
    /// The places of the metrics that calibration collects, ascending.
    calibrated_metrics: Vec<usize>,
    /// The sources of which something is predicted, ascending.
    predicted: Vec<Predicted>,
    /// What each metric is made of.
    derivations: Vec<Derivation>,
    /// The scores that the layers depend on, by their places.
    layer_scores: Vec<LayerScore>,
}

/// A source of which something is predicted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Predicted {
    pub(crate) source: usize,
    /// The place of its reading without a window.
    pub(crate) slot: usize,
    /// Whether amounts are predicted as well.
    pub(crate) amounts: bool,
    /// What calibration fitted; `None` until it has, or where amounts are missing that are asked for.
    pub(crate) fit: Option<SourceFit>,
}

/// A score that the layers depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LayerScore {
    pub(crate) place: usize,
    /// Whether it depends on other scores itself.
    pub(crate) rests_on_scores: bool,
}

/// A metric, or an earlier score, cut into 1..=bins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Score {
    /// The name that is cut.
    pub(crate) of: Expr,
    pub(crate) best: Best,
    pub(crate) bins: u8,
    pub(crate) method: Method,
    /// `None` until calibration has made them.
    pub(crate) cuts: Option<Vec<Option<Decimal>>>,
}

/// How cut points are found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Method {
    /// They are given.
    Fixed,
    /// Bins of equal share.
    Quantile(Bins, Ties),
    /// Shares from the best down; what is left is the last.
    TopShare(Vec<Decimal>, Ties),
    /// Strictly better than the mean, or not.
    Mean,
    /// Classes of least variance within them.
    NaturalBreaks(u8),
}

impl Method {
    /// Whether a value must better a cut, or only equal it, to pass.
    pub(crate) fn is_strict(&self) -> bool {
        *self == Method::Mean
    }
}

impl Score {
    /// The score of a value; `None` before calibration.
    pub(crate) fn score(&self, value: Decimal) -> Option<u8> {
        let passed =
            self.cuts.as_ref()?.iter().map_while(|cut| *cut).take_while(|cut| self.passes(value, *cut)).count();
        Some(1 + passed as u8)
    }

    /// Whether a value is good enough for a cut.
    pub(crate) fn passes(&self, value: Decimal, cut: Decimal) -> bool {
        let merit = match self.best {
            Best::High => value.cmp(&cut),
            Best::Low => cut.cmp(&value),
        };
        if self.method.is_strict() { merit.is_gt() } else { merit.is_ge() }
    }
}

/// A dimension's layers, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dimension {
    pub(crate) layers: Vec<Layered>,
    /// Whether users whom no layer takes have one.
    pub(crate) default: bool,
}

/// A layer of the model or of a dimension.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layered {
    /// `None` for a heading.
    pub(crate) when: Option<Expr>,
    /// The place of the heading above.
    pub(crate) parent: Option<usize>,
}

impl Model {
    /// Checks a definition.
    ///
    /// # Errors
    /// With the path of the place, the position in an expression, and a hint.
    pub fn new(mut definition: Definition) -> Result<Self, ModelError> {
        check::check_names(&definition)?;
        order::put_in_order(&mut definition);
        let checked = check::Checked::of(&definition)?;
        checked.check_depth(&definition)?;
        let model = Self {
            parameters: checked.parameters,
            population: checked.population,
            derivations: calibrate::derivations(&checked.metrics),
            metrics: checked.metrics,
            metric_types: checked.metric_types,
            calibrated_metrics: calibrate::calibrated_metrics(&checked.scores),
            scores: checked.scores,
            dimensions: checked.dimensions,
            layers: checked.layers,
            readings: checked.readings,
            predicted: Vec::new(),
            layer_scores: Vec::new(),
            definition: definition.clone(),
        };
        let (predicted, layer_scores) = (model.find_predicted(), model.scores_of_layers());
        let model = Self { predicted, layer_scores, ..model };
        model.print_into(&mut definition, &checked.requires);
        let rewritten = definition != model.definition;
        let model = Self { definition, ..model };
        model.check_size()?;
        // what was in canonical form, as all stored models are, has just been read in it
        if rewritten {
            model.check_canonical_form()?;
        }
        Ok(model)
    }

    /// Every expression of the model.
    fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let layers = self.dimensions.iter().flat_map(|dimension| &dimension.layers).chain(&self.layers);
        let scored = self.scores.iter().map(|score| &score.of);
        let conditions = layers.filter_map(|layer| layer.when.as_ref());
        self.population.iter().chain(&self.metrics).chain(scored).chain(conditions)
    }

    fn find_predicted(&self) -> Vec<Predicted> {
        let mut found: Vec<Predicted> = Vec::new();
        for expr in self.expressions() {
            expr.walk(&mut |part| {
                let Expr::Prediction { predictor, source, slot, .. } = part else { return };
                let place = found.iter().position(|known| known.source == *source).unwrap_or_else(|| {
                    found.push(Predicted { source: *source, slot: *slot, amounts: false, fit: None });
                    found.len() - 1
                });
                found[place].amounts |= *predictor == Predictor::LifetimeValue;
            });
        }
        found.sort_by_key(|predicted| predicted.source);
        let calibration = self.definition.calibration.as_ref();
        for predicted in &mut found {
            let fit = calibration.and_then(|calibration| calibration.fits.get(self.source_name(predicted.source)));
            predicted.fit = fit.filter(|fit| !predicted.amounts || fit.gamma_gamma.is_some()).cloned();
        }
        found
    }

    /// What was fitted to the users of a source.
    pub(crate) fn fit(&self, source: usize) -> Option<&SourceFit> {
        self.predicted.iter().find(|predicted| predicted.source == source)?.fit.as_ref()
    }

    pub(crate) fn source_name(&self, place: usize) -> &str {
        &self.definition.sources.0.0[place].0
    }

    fn check_size(&self) -> Result<(), ModelError> {
        let bytes = self.definition.to_json().len();
        if bytes > definition::MOST_BYTES {
            let message =
                format!("the model has {bytes} bytes in canonical form, at most {} are kept", definition::MOST_BYTES);
            return Err(ModelError::limit("", message));
        }
        Ok(())
    }

    /// What is stored is the canonical form: it has to be read back as the same model, within the same limits.
    fn check_canonical_form(&self) -> Result<(), ModelError> {
        let again = check::Checked::of(&self.definition).map_err(|error| {
            error.with_hint("This is said of the canonical form, in which the model would be stored.")
        })?;
        let same = again.population == self.population
            && again.metrics == self.metrics
            && again.scores == self.scores
            && again.dimensions == self.dimensions
            && again.layers == self.layers;
        match same {
            true => Ok(()),
            false => Err(ModelError::invalid("", "the model cannot be written down in canonical form")),
        }
    }

    /// The same model with other values of its parameters.
    ///
    /// # Errors
    /// For a parameter that there is not, and where the definition does not allow the value. Cuts that were calibrated
    /// with other parameters are dropped.
    pub fn with_parameters(&self, parameters: &Named<Number>) -> Result<Self, ModelError> {
        if parameters.is_empty() {
            return Ok(self.clone());
        }
        let mut definition = self.definition.clone();
        for (name, value) in parameters.iter() {
            let Some(place) = definition.parameters.position(name) else {
                let error = ModelError::invalid(
                    "parameters",
                    format!("model \"{}\" has no parameter \"{name}\"", definition.name),
                );
                return Err(match suggestion(name, definition.parameters.names()) {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                });
            };
            definition.parameters.0[place].1 = *value;
        }
        if definition.parameters != self.definition.parameters {
            definition.calibration = None;
        }
        Self::new(definition)
    }

    /// The same model with the cuts of a calibration.
    ///
    /// # Errors
    /// Where it does not fit the model.
    pub fn with_calibration(&self, calibration: Option<Calibration>) -> Result<Self, ModelError> {
        Self::new(Definition { calibration, ..self.definition.clone() })
    }

    /// The definition, with expressions in canonical form.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    pub fn is_overlapping(&self) -> bool {
        self.definition.mode == Mode::Overlapping
    }

    /// The scores that calibration has to make cuts for, and has not yet.
    pub fn uncalibrated(&self) -> impl Iterator<Item = &str> {
        let names = self.definition.scores.names();
        names.zip(&self.scores).filter(|(_, score)| score.cuts.is_none()).map(|(name, _)| name)
    }

    /// The sources of which something is predicted, and to which calibration has fitted nothing yet.
    pub fn unfitted(&self) -> impl Iterator<Item = &str> {
        let unfitted = self.predicted.iter().filter(|predicted| predicted.fit.is_none());
        unfitted.map(|predicted| self.source_name(predicted.source))
    }

    /// Whether calibration has something left to do.
    pub fn needs_calibration(&self) -> bool {
        self.uncalibrated().next().is_some() || self.unfitted().next().is_some()
    }

    /// The name of a layer by its place; the default is that of `None`.
    pub fn layer_name(&self, place: Option<usize>) -> Option<&str> {
        match place {
            Some(place) => Some(&self.definition.layers[place].name),
            None => self.definition.default.as_ref().map(|default| default.name.as_str()),
        }
    }

    /// The label of a layer by its place, or its name where it has none.
    pub fn layer_label(&self, place: Option<usize>, lang: Lang) -> Option<&str> {
        let label = match place {
            Some(place) => Some(&self.definition.layers[place].label),
            None => self.definition.default.as_ref().map(|default| &default.label),
        };
        label.and_then(|label: &Label| label.get(lang)).or(self.layer_name(place))
    }

    /// A layer and the headings above it, outermost first.
    pub fn layer_path(&self, place: Option<usize>) -> Vec<&str> {
        let parent = match place {
            Some(place) => self.layers[place].parent,
            None => self.definition.default.as_ref().and_then(|default| {
                let parent = default.parent.as_ref()?;
                self.definition.layers.iter().position(|layer| layer.name == *parent)
            }),
        };
        let mut path: Vec<&str> = self.layer_name(place).into_iter().collect();
        let mut above = parent;
        while let Some(place) = above {
            path.insert(0, &self.definition.layers[place].name);
            above = self.layers[place].parent;
        }
        path
    }

    /// The place of a layer by its name: `Some(None)` is the default.
    pub fn find_layer(&self, name: &str) -> Option<Option<usize>> {
        let named = self.definition.layers.iter().position(|layer| layer.name == name).map(Some);
        let default = self.definition.default.as_ref().filter(|default| default.name == name).map(|_| None);
        named.or(default)
    }

    /// The place of a layer by its name; `None` is the default.
    ///
    /// # Errors
    /// For a layer that there is not.
    pub fn layer_called(&self, name: &str) -> Result<Option<usize>, ModelError> {
        self.find_layer(name).ok_or_else(|| {
            let definition = &self.definition;
            let error = ModelError::invalid("", format!("model \"{}\" has no layer \"{name}\"", definition.name));
            let known = definition.layers.iter().map(|layer| layer.name.as_str());
            let known = known.chain(definition.default.as_ref().map(|default| default.name.as_str()));
            match suggestion(name, known) {
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        })
    }

    pub(crate) fn dimension_layer(&self, dimension: usize, layer: usize) -> &str {
        let dimension = &self.definition.dimensions.0[dimension].1;
        match dimension.layers.get(layer) {
            Some(layer) => &layer.name,
            None => dimension.default.as_ref().map_or("", |default| &default.name),
        }
    }

    /// The type of a metric's value.
    pub fn metric_type(&self, place: usize) -> Type {
        self.metric_types[place]
    }

    /// A score that is given directly, NULL or a whole number.
    ///
    /// # Errors
    /// For a score that is not one of 1..=bins.
    pub fn given_score(&self, place: usize, value: Value<'_>) -> Result<Option<u8>, ModelError> {
        let Some(number) = value.number() else { return Ok(None) };
        let bins = self.scores[place].bins;
        let found = (1..=bins).find(|score| Decimal::from(*score) == number);
        found.map(Some).ok_or_else(|| {
            let name = &self.definition.scores.0[place].0;
            ModelError::invalid("", format!("score \"{name}\" is {}, and goes from 1 to {bins}", number.normalize()))
        })
    }

    /// What has to be known of a user, where these metrics and scores are given.
    pub fn needs(&self, asked: Asked, given_metrics: &[bool], given_scores: &[bool]) -> Needs {
        let mut needs = Needs {
            sources: vec![false; self.definition.sources.0.len()],
            attributes: vec![false; self.definition.attributes.len()],
            day: false,
            uncalibrated: Vec::new(),
            unfitted: Vec::new(),
        };
        let mut open: Vec<&Expr> = self.population.iter().collect();
        let mut names: Vec<Name> = Vec::new();
        if matches!(asked, Asked::Layers | Asked::Everything) {
            open.extend(self.layers.iter().filter_map(|layer| layer.when.as_ref()));
        }
        if matches!(asked, Asked::Metrics | Asked::Everything) {
            names.extend((0..self.metrics.len()).map(Name::Metric));
        }
        match asked {
            Asked::Everything => names.extend((0..self.scores.len()).map(Name::Score)),
            Asked::Calibration => {
                let fitted = self.scores.iter().filter(|score| score.method != Method::Fixed);
                open.extend(fitted.map(|score| self.metric_below(&score.of)));
                for predicted in &self.predicted {
                    needs.sources[predicted.source] = true;
                    needs.day = true;
                }
            }
            Asked::Layers | Asked::Metrics => {}
        }
        let is_given = |name: Name| match name {
            Name::Metric(place) => given_metrics[place],
            Name::Score(place) => given_scores[place],
            _ => false,
        };
        let found = self.names_below(open, names, is_given, |part| match part {
            Expr::Reading { source, .. } => {
                needs.sources[*source] = true;
                needs.day = true;
            }
            Expr::Prediction { source, .. } => {
                needs.sources[*source] = true;
                needs.day = true;
                if asked != Asked::Calibration && self.fit(*source).is_none() {
                    needs.unfitted.push(*source);
                }
            }
            Expr::AsOf | Expr::Calendar { .. } => needs.day = true,
            _ => {}
        });
        for name in found {
            match name {
                Name::Attribute(place) => needs.attributes[place] = true,
                Name::Score(place) if !given_scores[place] && self.scores[place].cuts.is_none() => {
                    needs.uncalibrated.push(place);
                }
                _ => {}
            }
        }
        needs.uncalibrated.sort_unstable();
        needs.unfitted.sort_unstable();
        needs
    }

    /// The names that expressions depend on, directly or through other names; `each` sees all their parts. Nothing is
    /// looked for below a name that is given.
    fn names_below<'m>(
        &'m self,
        mut open: Vec<&'m Expr>,
        mut names: Vec<Name>,
        is_given: impl Fn(Name) -> bool,
        mut each: impl FnMut(&Expr),
    ) -> HashSet<Name> {
        let mut seen = HashSet::new();
        loop {
            while let Some(name) = names.pop() {
                if !seen.insert(name) || is_given(name) {
                    continue;
                }
                match name {
                    Name::Metric(place) => open.push(&self.metrics[place]),
                    Name::Score(place) => open.push(&self.scores[place].of),
                    Name::Dimension(place) => {
                        open.extend(self.dimensions[place].layers.iter().filter_map(|layer| layer.when.as_ref()));
                    }
                    Name::Parameter(_) | Name::Attribute(_) => {}
                }
            }
            let Some(expr) = open.pop() else { return seen };
            expr.walk(&mut |part| {
                match part {
                    Expr::Name(name) => names.push(*name),
                    Expr::CodeIn { scores, .. } => names.extend(scores.iter().map(|score| Name::Score(*score))),
                    _ => {}
                }
                each(part);
            });
        }
    }

    /// The scores that the layers depend on.
    fn scores_of_layers(&self) -> Vec<LayerScore> {
        let names_below = |open: Vec<&Expr>| self.names_below(open, Vec::new(), |_| false, |_| ());
        let names = names_below(self.layers.iter().filter_map(|layer| layer.when.as_ref()).collect());
        let found = (0..self.scores.len()).filter(|place| names.contains(&Name::Score(*place)));
        let is_score = |name: &Name| matches!(name, Name::Score(_));
        let on_scores = |place: usize| names_below(vec![&self.scores[place].of]).iter().any(is_score);
        found.map(|place| LayerScore { place, rests_on_scores: on_scores(place) }).collect()
    }

    /// The metric below a chain of scores of scores.
    fn metric_below<'m>(&'m self, of: &'m Expr) -> &'m Expr {
        match of {
            Expr::Name(Name::Score(place)) => self.metric_below(&self.scores[*place].of),
            metric => metric,
        }
    }

    /// Writes all expressions in canonical form.
    fn print_into(&self, definition: &mut Definition, requires: &[Expr]) {
        let print = |expr: &Expr| print(expr, &self.definition);
        definition.requires = requires.iter().map(print).collect();
        definition.population = self.population.as_ref().map(print);
        for ((_, metric), expr) in definition.metrics.0.iter_mut().zip(&self.metrics) {
            metric.value = print(expr);
        }
        let layers = |written: &mut [LayerDefinition], layers: &[Layered]| {
            for (written, layer) in written.iter_mut().zip(layers) {
                written.when = layer.when.as_ref().map(print);
            }
        };
        for ((_, written), dimension) in definition.dimensions.0.iter_mut().zip(&self.dimensions) {
            layers(&mut written.layers, &dimension.layers);
        }
        layers(&mut definition.layers, &self.layers);
    }
}

/// What a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The layer, or the layers.
    Layers,
    /// The metrics.
    Metrics,
    /// All there is.
    Everything,
    /// The values that calibration cuts.
    Calibration,
}

/// What has to be known of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    pub sources: Vec<bool>,
    pub attributes: Vec<bool>,
    /// Whether the answer depends on the day.
    pub day: bool,
    /// The places of scores that have no cuts yet.
    pub uncalibrated: Vec<usize>,
    /// The places of sources of which something is predicted, without a fit yet.
    pub unfitted: Vec<usize>,
}

/// The canonical JSON; parsing it gives the same model.
impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.definition.to_json())
    }
}

impl FromStr for Model {
    type Err = ModelError;

    fn from_str(json: &str) -> Result<Self, ModelError> {
        if let Some(preset) = presets().iter().find(|preset| preset.name() == json.trim()) {
            let error = ModelError::malformed("", "a model is a JSON object, not the name of a preset");
            return Err(error.with_hint(format!("Use strata.preset('{}').", preset.name())));
        }
        Self::new(Definition::from_json(json)?)
    }
}
