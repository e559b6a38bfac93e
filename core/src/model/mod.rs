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
use crate::score::{Best, Bins, Ties};

mod calibrate;
mod definition;
mod error;
mod json;
mod lifecycle;
mod order;
mod preset;
pub mod rule;
pub mod scheme;

pub use calibrate::{CalibrationState, CalibrationStateRef};
pub use definition::{
    AttributeDefinition, CalibratedScore, Calibration, DefaultDefinition, Definition, DimensionDefinition,
    LayerDefinition, Meta, MetricDefinition, Mode, Named, Number, NumberOr, Ranking, ScoreDefinition, Sources,
};
pub use error::ModelError;
pub use lifecycle::Lifecycle;
pub use preset::{Preset, preset, presets};
pub use rule::describe::describe;
pub use rule::evaluate::{Answer, Evaluation, Facts, Room};
pub use rule::explain::{explain, explain_text};
pub use rule::prove::{Finding, STEPS, STEPS_PER_QUESTION, Severity};
pub use rule::way::{Ways, distance};
pub use rule::{Type, Value};

use error::suggestion;
use rule::evaluate::constant;
use rule::parse::{Scope, parse, parse_any};
use rule::print::print;
use rule::{Expr, Name};

/// The longest name, in bytes: that of an SQL identifier.
const LONGEST_NAME: usize = 63;
/// The most entries of each list of a definition.
const MOST_ENTRIES: usize = 1_000;
/// The most bins of fixed cuts and shares.
const MOST_BINS: usize = 99;

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
        check_names(&definition)?;
        order::put_in_order(&mut definition);
        let checked = Checked::of(&definition)?;
        let model = Self {
            parameters: checked.parameters,
            population: checked.population,
            metrics: checked.metrics,
            metric_types: checked.metric_types,
            calibrated_metrics: calibrate::calibrated_metrics(&checked.scores),
            scores: checked.scores,
            dimensions: checked.dimensions,
            layers: checked.layers,
            readings: checked.readings,
            definition: definition.clone(),
        };
        model.print_into(&mut definition, &checked.requires);
        Ok(Self { definition, ..model })
    }

    /// The same model with other values of its parameters.
    ///
    /// # Errors
    /// For a parameter that there is not, and where the definition does not allow the value. Cuts that were calibrated
    /// with other parameters are dropped.
    pub fn with_parameters(&self, parameters: &Named<Number>) -> Result<Self, ModelError> {
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
            ModelError::invalid("", format!("score \"{name}\" is {number}, and goes from 1 to {bins}"))
        })
    }

    /// What has to be known of a user, where these metrics and scores are given.
    pub fn needs(&self, asked: Asked, given_metrics: &[bool], given_scores: &[bool]) -> Needs {
        let mut needs = Needs {
            sources: vec![false; self.definition.sources.0.len()],
            attributes: vec![false; self.definition.attributes.len()],
            day: false,
            uncalibrated: Vec::new(),
        };
        let mut seen = HashSet::new();
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
            }
            Asked::Layers | Asked::Metrics => {}
        }
        loop {
            while let Some(name) = names.pop() {
                if !seen.insert(name) {
                    continue;
                }
                match name {
                    Name::Metric(place) if !given_metrics[place] => open.push(&self.metrics[place]),
                    Name::Score(place) if !given_scores[place] => {
                        if self.scores[place].cuts.is_none() {
                            needs.uncalibrated.push(place);
                        }
                        open.push(&self.scores[place].of);
                    }
                    Name::Attribute(place) => needs.attributes[place] = true,
                    Name::Dimension(place) => {
                        open.extend(self.dimensions[place].layers.iter().filter_map(|layer| layer.when.as_ref()));
                    }
                    _ => {}
                }
            }
            let Some(expr) = open.pop() else { break };
            expr.walk(&mut |part| match part {
                Expr::Name(name) => names.push(*name),
                Expr::CodeIn { scores, .. } => names.extend(scores.iter().map(|score| Name::Score(*score))),
                Expr::Reading { source, .. } => {
                    needs.sources[*source] = true;
                    needs.day = true;
                }
                Expr::AsOf | Expr::Calendar { .. } => needs.day = true,
                _ => {}
            });
        }
        needs.uncalibrated.sort_unstable();
        needs
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
        Self::new(Definition::from_json(json)?)
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Checking

fn check_names(definition: &Definition) -> Result<(), ModelError> {
    check_name("name", &definition.name)?;
    let Definition { parameters, sources, attributes, metrics, scores, dimensions, layers, .. } = definition;
    let mut taken: HashSet<String> = HashSet::from(["as_of".to_owned()]);
    let lists: [(&str, Vec<&str>); 6] = [
        ("parameters", parameters.names().collect()),
        ("sources", sources.0.names().collect()),
        ("attributes", attributes.names().collect()),
        ("metrics", metrics.names().collect()),
        ("scores", scores.names().collect()),
        ("dimensions", dimensions.names().collect()),
    ];
    for (list, names) in lists {
        limit(list, names.len())?;
        for name in names {
            check_name(list, name)?;
            if !taken.insert(name.to_owned()) {
                let message = format!("the name \"{name}\" is taken already");
                return Err(ModelError::invalid(format!("{list}.{name}"), message)
                    .with_hint("Parameters, sources, attributes, metrics, scores and dimensions share one set of names, and as_of is the day of the reading."));
            }
        }
    }
    let defaults = |default: &Option<DefaultDefinition>| default.as_ref().map(|default| default.name.clone());
    check_layers("layers", layers, defaults(&definition.default))?;
    for (name, dimension) in dimensions.iter() {
        check_layers(&format!("dimensions.{name}.layers"), &dimension.layers, defaults(&dimension.default))?;
    }
    match (definition.mode, &definition.default) {
        (Mode::Exclusive, None) => Err(ModelError::invalid("default", "an exclusive model needs a default layer")
            .with_hint(r#"It takes everybody whom no other layer takes: "default": {"name": "other"}."#)),
        (Mode::Overlapping, Some(_)) => {
            Err(ModelError::invalid("default", "an overlapping model has no default layer: users may be in none"))
        }
        _ => Ok(()),
    }
}

fn limit(path: &str, entries: usize) -> Result<(), ModelError> {
    match entries {
        0..=MOST_ENTRIES => Ok(()),
        _ => Err(ModelError::limit(path, format!("at most {MOST_ENTRIES} entries are possible, not {entries}"))),
    }
}

fn check_name(path: &str, name: &str) -> Result<(), ModelError> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("a name has from 1 to {LONGEST_NAME} bytes and no control characters, not {name:?}");
        return Err(ModelError::invalid(path, message));
    }
    Ok(())
}

fn check_layers(path: &str, layers: &[LayerDefinition], default: Option<String>) -> Result<(), ModelError> {
    limit(path, layers.len())?;
    if layers.is_empty() {
        return Err(ModelError::invalid(path, "there must be a layer"));
    }
    let mut seen: HashSet<&str> = default.as_deref().into_iter().collect();
    for (place, layer) in layers.iter().enumerate() {
        let path = format!("{path}[{place}].name");
        check_name(&path, &layer.name)?;
        if !seen.insert(&layer.name) {
            return Err(ModelError::invalid(path, format!("the name \"{}\" is taken already", layer.name)));
        }
    }
    Ok(())
}

/// The parts of a model as they are found.
struct Checked {
    parameters: Vec<Decimal>,
    requires: Vec<Expr>,
    population: Option<Expr>,
    metrics: Vec<Expr>,
    metric_types: Vec<Type>,
    scores: Vec<Score>,
    dimensions: Vec<Dimension>,
    layers: Vec<Layered>,
    readings: Vec<(usize, Option<i32>)>,
}

impl Checked {
    fn of(definition: &Definition) -> Result<Self, ModelError> {
        let parameters: Vec<Decimal> = definition.parameters.iter().map(|(_, number)| number.0).collect();
        let mut scope = Scope { timeless: true, ..Scope::default() };
        scope.parameters = definition.parameters.names().zip(parameters.iter().copied()).collect();
        let later = [
            definition.metrics.names().collect::<Vec<_>>(),
            definition.scores.names().collect(),
            definition.dimensions.names().collect(),
        ];
        scope.later = later.concat();
        scope.later.extend(definition.attributes.names());
        let requires = requirements(definition, &mut scope)?;

        scope.timeless = false;
        scope.sources = definition.sources.0.names().collect();
        scope.attributes = definition.attributes.iter().map(|(name, attribute)| (name, attribute.of_type)).collect();
        let population = match &definition.population {
            Some(text) => Some(population(text, &mut scope)?),
            None => None,
        };
        let (mut metrics, mut metric_types) = (Vec::new(), Vec::new());
        for (name, metric) in definition.metrics.iter() {
            let path = format!("metrics.{name}");
            let (expr, found) = parse_any(&metric.value, &path, &mut scope)?;
            let found = found.ok_or_else(|| ModelError::invalid(path, "the expression has no type"))?;
            scope.metrics.push((name, found));
            metrics.push(expr);
            metric_types.push(found);
        }
        let mut scores = Vec::new();
        for (name, score) in definition.scores.iter() {
            let calibrated = definition.calibration.as_ref().and_then(|calibration| calibration.scores.get(name));
            let made = self::score(score, &format!("scores.{name}"), calibrated, &mut scope)?;
            scope.scores.push((name, made.bins));
            scores.push(made);
        }
        let mut dimensions = Vec::new();
        for (name, dimension) in definition.dimensions.iter() {
            let layers = self::layers(&dimension.layers, &format!("dimensions.{name}.layers"), &mut scope)?;
            if let Some(place) = layers.iter().position(|layer| layer.when.is_none() || layer.parent.is_some()) {
                let path = format!("dimensions.{name}.layers[{place}]");
                return Err(ModelError::invalid(path, "a layer of a dimension has a condition, and no parent"));
            }
            let names = dimension.layers.iter().map(|layer| layer.name.as_str());
            let names = names.chain(dimension.default.iter().map(|default| default.name.as_str()));
            scope.dimensions.push((name, names.collect()));
            dimensions.push(Dimension { layers, default: dimension.default.is_some() });
        }
        let layers = self::layers(&definition.layers, "layers", &mut scope)?;
        check_parent(
            definition.default.as_ref().and_then(|default| default.parent.as_deref()),
            "default",
            &definition.layers,
        )?;
        check_calibration(definition)?;
        let readings = scope.readings;
        Ok(Self { parameters, requires, population, metrics, metric_types, scores, dimensions, layers, readings })
    }
}

fn requirements(definition: &Definition, scope: &mut Scope<'_>) -> Result<Vec<Expr>, ModelError> {
    let mut made = Vec::new();
    for (place, text) in definition.requires.iter().enumerate() {
        let path = format!("requires[{place}]");
        let expr = parse(text, Type::Boolean, &path, scope)?;
        match constant(&expr, &|place| scope.parameter(place)) {
            Some(Value::Boolean(true)) => made.push(expr),
            Some(_) => {
                let mut given = Vec::new();
                expr.walk(&mut |part| {
                    if let Expr::Name(Name::Parameter(place)) = part {
                        let (name, value) = scope.parameters[*place];
                        given.push(format!("{name} is {value}"));
                    }
                });
                return Err(ModelError::invalid(path, format!("{text} does not hold: {}", given.join(", "))));
            }
            None => return Err(ModelError::invalid(path, "a requirement compares parameters and constants")),
        }
    }
    Ok(made)
}

fn population(text: &str, scope: &mut Scope<'_>) -> Result<Expr, ModelError> {
    let expr = parse(text, Type::Boolean, "population", scope)?;
    let mut reads = false;
    expr.walk(&mut |part| reads |= matches!(part, Expr::Reading { .. }));
    match reads {
        true => Err(ModelError::invalid("population", "a population is a condition on attributes, it reads no source")),
        false => Ok(expr),
    }
}

fn layers(written: &[LayerDefinition], path: &str, scope: &mut Scope<'_>) -> Result<Vec<Layered>, ModelError> {
    let mut made = Vec::with_capacity(written.len());
    for (place, layer) in written.iter().enumerate() {
        let path = format!("{path}[{place}]");
        let when = match &layer.when {
            Some(text) => Some(parse(text, Type::Boolean, &format!("{path}.when"), scope)?),
            None => None,
        };
        let parent = check_parent(layer.parent.as_deref(), &path, written)?;
        if when.is_none() && !written.iter().any(|other| other.parent.as_deref() == Some(&layer.name)) {
            let message = format!("layer \"{}\" has no condition, and no layer names it as its parent", layer.name);
            return Err(ModelError::invalid(path, message).with_hint(r#"For example "when": "recency <= 30"."#));
        }
        made.push(Layered { when, parent });
    }
    for (place, layer) in made.iter().enumerate() {
        let mut above = layer.parent;
        for _ in 0..made.len() {
            above = above.and_then(|place| made[place].parent);
        }
        if above.is_some() {
            return Err(ModelError::invalid(format!("{path}[{place}].parent"), "the parents go round in a circle"));
        }
    }
    Ok(made)
}

/// The place of a heading by its name.
fn check_parent(parent: Option<&str>, path: &str, layers: &[LayerDefinition]) -> Result<Option<usize>, ModelError> {
    let Some(parent) = parent else { return Ok(None) };
    let path = format!("{path}.parent");
    let Some(place) = layers.iter().position(|layer| layer.name == parent) else {
        let error = ModelError::invalid(path, format!("there is no layer \"{parent}\""));
        return Err(match suggestion(parent, layers.iter().map(|layer| layer.name.as_str())) {
            Some(hint) => error.with_hint(hint),
            None => error,
        });
    };
    match layers[place].when {
        Some(_) => Err(ModelError::invalid(path, format!("layer \"{parent}\" has a condition of its own"))
            .with_hint("A parent is a heading without \"when\".")),
        None => Ok(Some(place)),
    }
}

/// A score: its one way of cutting, and its cuts where they are known.
fn score(
    written: &ScoreDefinition,
    path: &str,
    calibrated: Option<&CalibratedScore>,
    scope: &mut Scope<'_>,
) -> Result<Score, ModelError> {
    let of = scored(&written.of, path, scope)?;
    let choice = |what: &str, error: crate::score::ScoreError| {
        let hint = crate::error::UserError::hint(&error);
        let error = ModelError::invalid(format!("{path}.{what}"), error.to_string());
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    };
    let best = match &written.best {
        Some(best) => best.parse::<Best>().map_err(|error| choice("best", error))?,
        None => Best::default(),
    };
    let ties = match &written.ties {
        Some(ties) => ties.parse::<Ties>().map_err(|error| choice("ties", error))?,
        None => Ties::default(),
    };
    let mut numbers = |what: &str, list: &[NumberOr]| {
        let numbers = list.iter().enumerate();
        let numbers = numbers.map(|(place, number)| self::number(number, &format!("{path}.{what}[{place}]"), scope));
        numbers.collect::<Result<Vec<Decimal>, _>>()
    };
    let (mut method, mut ways) = (None, 0);
    let mut fixed = None;
    if let Some(list) = &written.cuts {
        ways += 1;
        let cuts = numbers("cuts", list)?;
        let ascending = |pair: &[Decimal]| if best == Best::High { pair[0] <= pair[1] } else { pair[0] >= pair[1] };
        if cuts.is_empty() || cuts.len() >= MOST_BINS || !cuts.windows(2).all(ascending) {
            let message = format!("cuts are from 1 to {} numbers, worst first (best is {best})", MOST_BINS - 1);
            return Err(ModelError::invalid(format!("{path}.cuts"), message));
        }
        fixed = Some(cuts);
        method = Some(Method::Fixed);
    }
    if let Some(bins) = &written.quantile {
        ways += 1;
        let bins = numbers("quantile", std::slice::from_ref(bins))?[0];
        let whole = if bins.is_integer() { i64::try_from(bins.trunc().normalize().mantissa()).ok() } else { None };
        // a normalized integer of a small size has no decimals
        let bins = Bins::new(whole.unwrap_or(0)).map_err(|_| {
            ModelError::invalid(
                format!("{path}.quantile"),
                format!("the bins are a whole number from 2 to 10, not {bins}"),
            )
        })?;
        method = Some(Method::Quantile(bins, ties));
    }
    if let Some(list) = &written.top_share {
        ways += 1;
        let shares = numbers("top_share", list)?;
        let sum = shares.iter().try_fold(Decimal::ZERO, |sum, share| sum.checked_add(*share));
        let sound = shares.iter().all(|share| *share > Decimal::ZERO) && sum.is_some_and(|sum| sum < Decimal::ONE);
        if shares.is_empty() || shares.len() >= MOST_BINS || !sound {
            let message = "shares are positive and come to less than 1: what is left is the last layer";
            return Err(ModelError::invalid(format!("{path}.top_share"), message)
                .with_hint("For example [0.1, 0.7]: the top 10 %, the next 70 %, the rest."));
        }
        method = Some(Method::TopShare(shares, ties));
    }
    if written.mean {
        ways += 1;
        method = Some(Method::Mean);
    }
    if let Some(classes) = &written.natural_breaks {
        ways += 1;
        let classes = numbers("natural_breaks", std::slice::from_ref(classes))?[0];
        match (2..=Bins::MAX).find(|valid| classes == Decimal::from(*valid)) {
            Some(classes) => method = Some(Method::NaturalBreaks(classes)),
            None => {
                let message = format!("the classes are a whole number from 2 to {}, not {classes}", Bins::MAX);
                return Err(ModelError::invalid(format!("{path}.natural_breaks"), message));
            }
        }
    }
    let (Some(method), 1) = (method, ways) else {
        let message = "a score has exactly one of cuts, quantile, top_share, mean, natural_breaks";
        return Err(ModelError::invalid(path, message).with_hint(
            r#"For example {"of": "monetary", "quantile": 5}, or {"of": "recency", "best": "low", "cuts": [90, 30]}."#,
        ));
    };
    if written.ties.is_some() && !matches!(method, Method::Quantile(..) | Method::TopShare(..)) {
        return Err(ModelError::invalid(format!("{path}.ties"), "ties are for quantile and top_share"));
    }
    let bins = match &method {
        Method::Fixed => fixed.as_ref().map_or(1, Vec::len) as u8 + 1,
        Method::Quantile(bins, _) => bins.get(),
        Method::TopShare(shares, _) => shares.len() as u8 + 1,
        Method::Mean => 2,
        Method::NaturalBreaks(classes) => *classes,
    };
    let cuts = match (fixed, calibrated) {
        (Some(fixed), None) => Some(fixed.into_iter().map(Some).collect()),
        (Some(_), Some(_)) => {
            return Err(ModelError::invalid(path, "a score with fixed cuts is not calibrated"));
        }
        (None, Some(calibrated)) => Some(calibrated_cuts(calibrated, bins, best, path)?),
        (None, None) => None,
    };
    Ok(Score { of, best, bins, method, cuts })
}

/// The metric or the earlier score that is cut.
fn scored(name: &str, path: &str, scope: &Scope<'_>) -> Result<Expr, ModelError> {
    let path = format!("{path}.of");
    if let Some(place) = scope.metrics.iter().position(|(known, _)| *known == name) {
        return match scope.metrics[place].1 {
            Type::Number => Ok(Expr::Name(Name::Metric(place))),
            other => {
                Err(ModelError::invalid(path, format!("metric \"{name}\" is a {other}, and only numbers are cut")))
            }
        };
    }
    if let Some(place) = scope.scores.iter().position(|(known, _)| *known == name) {
        return Ok(Expr::Name(Name::Score(place)));
    }
    let known = scope.metrics.iter().map(|(name, _)| *name).chain(scope.scores.iter().map(|(name, _)| *name));
    let error = ModelError::invalid(path, format!("unknown metric \"{name}\""));
    Err(match suggestion(name, known) {
        Some(hint) => error.with_hint(hint),
        None => error,
    })
}

fn number(written: &NumberOr, path: &str, scope: &mut Scope<'_>) -> Result<Decimal, ModelError> {
    match written {
        NumberOr::Number(number) => Ok(number.0),
        NumberOr::Expression(text) => {
            let expr = parse(text, Type::Number, path, scope)?;
            let value = constant(&expr, &|place| scope.parameter(place)).and_then(|value| value.number());
            value.ok_or_else(|| {
                ModelError::invalid(path, format!("{text} is not constant"))
                    .with_hint("Use a number, or an expression of parameters.")
            })
        }
    }
}

fn calibrated_cuts(
    calibrated: &CalibratedScore,
    bins: u8,
    best: Best,
    path: &str,
) -> Result<Vec<Option<Decimal>>, ModelError> {
    let path = path.replacen("scores", "calibration.scores", 1);
    let cuts: Vec<Option<Decimal>> = calibrated.cuts.iter().map(|cut| cut.map(|number| number.0)).collect();
    let reached: Vec<Decimal> = cuts.iter().map_while(|cut| *cut).collect();
    let ordered = |pair: &[Decimal]| if best == Best::High { pair[0] <= pair[1] } else { pair[0] >= pair[1] };
    let counted = calibrated.reached.iter().try_fold(0u64, |sum, users| sum.checked_add(*users));
    let reason = if cuts.len() + 1 != usize::from(bins) {
        format!("{bins} bins have {} cuts, not {}", bins - 1, cuts.len())
    } else if cuts.iter().flatten().count() != reached.len() {
        "a cut follows a null".to_owned()
    } else if !reached.windows(2).all(ordered) {
        format!("cuts come worst first (best is {best})")
    } else if calibrated.reached.len() != usize::from(bins) || counted != Some(calibrated.users) {
        format!("reached must be the users of each of the {bins} scores, {} in all", calibrated.users)
    } else {
        return Ok(cuts);
    };
    Err(ModelError::invalid(path, reason))
}

fn check_calibration(definition: &Definition) -> Result<(), ModelError> {
    let Some(calibration) = &definition.calibration else { return Ok(()) };
    if let Some(unknown) = calibration.scores.names().find(|name| definition.scores.get(name).is_none()) {
        return Err(ModelError::invalid("calibration.scores", format!("there is no score \"{unknown}\"")));
    }
    if let Some((name, _)) = calibration.scores.iter().find(|(_, score)| score.users > calibration.users) {
        let path = format!("calibration.scores.{name}.users");
        return Err(ModelError::invalid(path, "more users are scored than there are"));
    }
    let days = calibration.days.iter().flatten().map(|day| ("days", day));
    for (what, day) in std::iter::once(("as_of", &calibration.as_of)).chain(days) {
        if day.parse::<crate::day::Day>().is_err() {
            return Err(ModelError::invalid(format!("calibration.{what}"), format!("\"{day}\" is not a date")));
        }
    }
    Ok(())
}
