//! Is a definition sound? Names are resolved, expressions parsed and typed, cut points put in order.

use std::collections::HashSet;

use rust_decimal::Decimal;

use crate::score::{Best, Bins, Ties};

use super::definition::{
    CalibratedScore, DefaultDefinition, Definition, LayerDefinition, Mode, NumberOr, ScoreDefinition,
};
use super::error::{ModelError, suggestion};
use super::rule::evaluate::constant;
use super::rule::parse::{Scope, parse, parse_any};
use super::rule::{Expr, Name, Type, Value};
use super::{Dimension, Layered, Method, Score};

/// The longest name, in bytes: that of an SQL identifier.
const LONGEST_NAME: usize = 63;
/// The most entries of each list of a definition.
const MOST_ENTRIES: usize = 1_000;
/// The most bins of fixed cuts and shares.
const MOST_BINS: usize = 99;

pub(super) fn check_names(definition: &Definition) -> Result<(), ModelError> {
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
pub(super) struct Checked {
    pub(super) parameters: Vec<Decimal>,
    pub(super) requires: Vec<Expr>,
    pub(super) population: Option<Expr>,
    pub(super) metrics: Vec<Expr>,
    pub(super) metric_types: Vec<Type>,
    pub(super) scores: Vec<Score>,
    pub(super) dimensions: Vec<Dimension>,
    pub(super) layers: Vec<Layered>,
    pub(super) readings: Vec<(usize, Option<i32>)>,
}

impl Checked {
    pub(super) fn of(definition: &Definition) -> Result<Self, ModelError> {
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
            let layers = self::layers(&dimension.layers, None, &format!("dimensions.{name}.layers"), &mut scope)?;
            if let Some(place) = layers.iter().position(|layer| layer.when.is_none() || layer.parent.is_some()) {
                let path = format!("dimensions.{name}.layers[{place}]");
                return Err(ModelError::invalid(path, "a layer of a dimension has a condition, and no parent"));
            }
            let names = dimension.layers.iter().map(|layer| layer.name.as_str());
            let names = names.chain(dimension.default.iter().map(|default| default.name.as_str()));
            scope.dimensions.push((name, names.collect()));
            dimensions.push(Dimension { layers, default: dimension.default.is_some() });
        }
        let default_parent = definition.default.as_ref().and_then(|default| default.parent.as_deref());
        let layers = self::layers(&definition.layers, default_parent, "layers", &mut scope)?;
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
    expr.walk(&mut |part| reads |= matches!(part, Expr::Reading { .. } | Expr::Prediction { .. }));
    match reads {
        true => Err(ModelError::invalid("population", "a population is a condition on attributes, it reads no source")),
        false => Ok(expr),
    }
}

/// Layers in their order; `default_parent` is the heading that the default names, where there is one.
fn layers(
    written: &[LayerDefinition],
    default_parent: Option<&str>,
    path: &str,
    scope: &mut Scope<'_>,
) -> Result<Vec<Layered>, ModelError> {
    check_parent(default_parent, "default", written)?;
    let mut made = Vec::with_capacity(written.len());
    for (place, layer) in written.iter().enumerate() {
        let path = format!("{path}[{place}]");
        let when = match &layer.when {
            Some(text) => Some(parse(text, Type::Boolean, &format!("{path}.when"), scope)?),
            None => None,
        };
        made.push(Layered { when, parent: check_parent(layer.parent.as_deref(), &path, written)? });
    }
    for (place, (layer, written_layer)) in made.iter().zip(written).enumerate() {
        let name = written_layer.name.as_str();
        let mut parents = written.iter().filter_map(|layer| layer.parent.as_deref()).chain(default_parent);
        if layer.when.is_none() && !parents.any(|parent| parent == name) {
            let message = format!("layer \"{name}\" has no condition, and no layer names it as its parent");
            return Err(ModelError::invalid(format!("{path}[{place}]"), message)
                .with_hint(r#"For example "when": "recency <= 30"."#));
        }
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
    for (name, fit) in calibration.fits.iter() {
        let path = format!("calibration.fits.{name}");
        if definition.sources.0.get(name).is_none() {
            return Err(ModelError::invalid(path, format!("there is no source \"{name}\"")));
        }
        fit.check().map_err(|reason| ModelError::invalid(path, reason))?;
    }
    let days = calibration.days.iter().flatten().map(|day| ("days", day));
    for (what, day) in std::iter::once(("as_of", &calibration.as_of)).chain(days) {
        if day.parse::<crate::day::Day>().is_err() {
            return Err(ModelError::invalid(format!("calibration.{what}"), format!("\"{day}\" is not a date")));
        }
    }
    Ok(())
}

/// The deepest chain of names and parts: what the readers of the tree can follow on a small stack.
const MOST_DEPTH: usize = 500;

impl Checked {
    /// Refuses expressions that are built on each other too deep.
    pub(super) fn check_depth(&self, definition: &Definition) -> Result<(), ModelError> {
        let mut known = Depths::default();
        let too_deep = |path: String| {
            let message = format!("the expressions that it is built on are nested more than {MOST_DEPTH} deep");
            Err(ModelError::limit(path, message))
        };
        for ((name, _), metric) in definition.metrics.iter().zip(&self.metrics) {
            let depth = known.of(metric);
            if depth > MOST_DEPTH {
                return too_deep(format!("metrics.{name}"));
            }
            known.metrics.push(depth);
        }
        for ((name, _), score) in definition.scores.iter().zip(&self.scores) {
            let depth = 1 + known.of(&score.of);
            if depth > MOST_DEPTH {
                return too_deep(format!("scores.{name}"));
            }
            known.scores.push(depth);
        }
        for ((name, _), dimension) in definition.dimensions.iter().zip(&self.dimensions) {
            let depth = known.of_layers(&dimension.layers);
            if depth > MOST_DEPTH {
                return too_deep(format!("dimensions.{name}"));
            }
            known.dimensions.push(depth);
        }
        if known.of_layers(&self.layers) > MOST_DEPTH {
            return too_deep("layers".to_owned());
        }
        Ok(())
    }
}

/// How deep the metrics, scores and dimensions before an expression are.
#[derive(Default)]
struct Depths {
    metrics: Vec<usize>,
    scores: Vec<usize>,
    dimensions: Vec<usize>,
}

impl Depths {
    fn of(&self, expr: &Expr) -> usize {
        let named = match expr {
            Expr::Name(Name::Metric(place)) => self.metrics[*place],
            Expr::Name(Name::Score(place)) => self.scores[*place],
            Expr::Name(Name::Dimension(place)) => self.dimensions[*place],
            Expr::CodeIn { scores, .. } => scores.iter().map(|place| self.scores[*place]).max().unwrap_or(0),
            _ => 0,
        };
        let mut deepest = named;
        expr.parts(&mut |part| deepest = deepest.max(self.of(part)));
        1 + deepest
    }

    fn of_layers(&self, layers: &[Layered]) -> usize {
        let conditions = layers.iter().filter_map(|layer| layer.when.as_ref());
        1 + conditions.map(|when| self.of(when)).max().unwrap_or(0)
    }
}
