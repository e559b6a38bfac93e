//! The answer for one user on one day, by SQL's rules: three-valued logic, NULL in, NULL out.
//!
//! Arithmetic is exact decimal with 28 digits; products and quotients are rounded to them. A division by zero, and a
//! result that does not fit, is NULL: one user must not stop a refresh.

use std::cmp::Ordering;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::day::Day;
use crate::ledger::{LedgerRef, Reading, Unpacked, Walk};

use super::super::error::ModelError;
use super::super::{Layered, Model};
use super::like::like;
use super::prediction::predicted;
use super::{Arithmetic, Calendar, Comparison, Expr, Function, Logic, Name, Reader, Test, Value};

/// What is known of a user: everything by its place in the model.
#[derive(Debug, Clone, Default)]
pub struct Facts<'a> {
    /// One for each source; a missing one is empty.
    pub ledgers: Vec<LedgerRef<'a>>,
    pub attributes: Vec<Value<'a>>,
    /// Metrics that are taken as they stand instead of being computed.
    pub metrics: Vec<Option<Value<'a>>>,
    /// Scores that are taken as they stand: the inner `None` is NULL.
    pub scores: Vec<Option<Option<u8>>>,
}

impl<'a> Facts<'a> {
    /// A user of whom nothing is known.
    pub fn nothing(model: &Model) -> Self {
        Facts::default().cleared(model)
    }

    /// Another user of whom nothing is known, in the memory of this one.
    pub fn cleared<'b>(self, model: &Model) -> Facts<'b> {
        let definition = model.definition();
        let mut facts = self.emptied();
        facts.ledgers.resize(definition.sources.0.len(), LedgerRef::EMPTY);
        facts.attributes.resize(definition.attributes.len(), Value::Null);
        facts.metrics.resize(definition.metrics.len(), None);
        facts.scores.resize(definition.scores.len(), None);
        facts
    }

    /// The memory alone, for [`cleared`](Self::cleared).
    pub fn emptied<'b>(self) -> Facts<'b> {
        Facts {
            ledgers: recycled(self.ledgers),
            attributes: recycled(self.attributes),
            metrics: recycled(self.metrics),
            scores: recycled(self.scores),
        }
    }
}

/// What is answered for a user. Who is not in the population has neither a layer nor scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub in_population: bool,
    /// The place of the layer in an exclusive model; `None` for the default.
    pub layer: Option<usize>,
    /// The places of the layers in an overlapping model.
    pub layers: Vec<usize>,
    pub scores: Vec<Option<u8>>,
}

/// The memory of an evaluation, kept from user to user.
#[derive(Debug, Default)]
pub struct Room {
    ledgers: Vec<Unpacked>,
    readings: Vec<Walk>,
    metrics: Vec<Option<Value<'static>>>,
    scores: Vec<Option<Option<u8>>>,
    dimensions: Vec<Option<Option<usize>>>,
}

/// An empty list in the memory of another one. (The standard library collects in place where the layouts agree.)
pub(crate) fn recycled<A, B>(mut list: Vec<A>) -> Vec<B> {
    list.clear();
    list.into_iter().map(|_| unreachable!("the list is empty")).collect()
}

/// One user on one day, with what was found out so far.
pub struct Evaluation<'a> {
    pub(crate) model: &'a Model,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) as_of: Day,
    /// By source; those that no reading needs stay empty.
    ledgers: Vec<Unpacked>,
    readings: Vec<Walk>,
    metrics: Vec<Option<Value<'a>>>,
    scores: Vec<Option<Option<u8>>>,
    /// The place of the layer; the number of layers is the default.
    dimensions: Vec<Option<Option<usize>>>,
    layer: Option<Option<usize>>,
}

impl<'a> Evaluation<'a> {
    /// Reads the ledgers.
    ///
    /// # Errors
    /// For a ledger that is damaged.
    pub fn new(model: &'a Model, facts: &'a Facts<'a>, as_of: Day) -> Result<Self, ModelError> {
        Self::in_room(Room::default(), model, facts, as_of)
    }

    /// The same in the room that another evaluation left, for many users one after the other.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn in_room(room: Room, model: &'a Model, facts: &'a Facts<'a>, as_of: Day) -> Result<Self, ModelError> {
        let Room { mut ledgers, mut readings, metrics, mut scores, mut dimensions } = room;
        readings.clear();
        ledgers.resize_with(facts.ledgers.len(), Unpacked::default);
        for (source, ledger) in ledgers.iter_mut().enumerate() {
            if model.readings.iter().any(|(read, _)| *read == source) {
                ledger.fill(facts.ledgers[source])?;
            }
        }
        let mut metrics = recycled(metrics);
        metrics.extend_from_slice(&facts.metrics);
        scores.clear();
        scores.extend_from_slice(&facts.scores);
        dimensions.clear();
        dimensions.resize(model.dimensions.len(), None);
        let mut evaluation = Self { model, facts, as_of, ledgers, readings, metrics, scores, dimensions, layer: None };
        evaluation.read()?;
        Ok(evaluation)
    }

    /// Leaves the room for another evaluation.
    pub fn into_room(self) -> Room {
        let Self { ledgers, readings, metrics, scores, dimensions, .. } = self;
        Room { ledgers, readings, metrics: recycled(metrics), scores, dimensions }
    }

    /// Goes to another day.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn move_to(&mut self, as_of: Day) -> Result<(), ModelError> {
        let forward = as_of >= self.as_of;
        self.as_of = as_of;
        self.forget();
        if !forward {
            return self.read();
        }
        self.go_on_reading();
        Ok(())
    }

    /// Takes a reading as it is given, instead of from the ledger, on the same day.
    pub(in crate::model) fn take_reading(&mut self, slot: usize, reading: Reading) {
        self.forget();
        self.readings[slot] = Walk::standing(reading);
    }

    fn forget(&mut self) {
        self.metrics.copy_from_slice(&self.facts.metrics);
        self.scores.copy_from_slice(&self.facts.scores);
        self.dimensions.fill(None);
        self.layer = None;
    }

    /// Goes to a later day on which some scores, by their places, are known to be what they are.
    pub(super) fn advance_to(&mut self, as_of: Day, is_kept: impl Fn(usize) -> bool) {
        debug_assert!(as_of >= self.as_of);
        self.as_of = as_of;
        self.metrics.copy_from_slice(&self.facts.metrics);
        for (place, score) in self.scores.iter_mut().enumerate().filter(|(place, _)| !is_kept(*place)) {
            *score = self.facts.scores[place];
        }
        self.dimensions.fill(None);
        self.layer = None;
        self.go_on_reading();
    }

    fn go_on_reading(&mut self) {
        for (reading, (source, _)) in self.readings.iter_mut().zip(&self.model.readings) {
            reading.go_to(self.as_of, &self.ledgers[*source]);
        }
    }

    fn read(&mut self) -> Result<(), ModelError> {
        self.readings.clear();
        for &(source, days) in &self.model.readings {
            self.readings.push(self.ledgers[source].walk(self.as_of, days)?);
        }
        Ok(())
    }

    /// The model that is asked.
    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// What is known of the user.
    pub fn facts(&self) -> &'a Facts<'a> {
        self.facts
    }

    /// The day that is asked about.
    pub fn as_of(&self) -> Day {
        self.as_of
    }

    /// Everything that is answered.
    pub fn answer(&mut self) -> Answer {
        let in_population = self.in_population();
        let overlapping = self.model.is_overlapping();
        Answer {
            in_population,
            layer: if in_population && !overlapping { self.layer() } else { None },
            layers: if in_population && overlapping { self.layers() } else { Vec::new() },
            scores: (0..self.model.scores.len()).map(|place| self.score(place).filter(|_| in_population)).collect(),
        }
    }

    /// Whether the user is counted, cut and layered at all.
    pub fn in_population(&mut self) -> bool {
        match &self.model.population {
            Some(population) => self.value(population).holds(),
            None => true,
        }
    }

    /// The place of the first layer that matches; `None` for the default. Headings are no layers of their own.
    pub fn layer(&mut self) -> Option<usize> {
        if let Some(known) = self.layer {
            return known;
        }
        let model = self.model;
        let found = self.first_match(&model.layers);
        self.layer = Some(found);
        found
    }

    /// The places of all layers that match.
    pub fn layers(&mut self) -> Vec<usize> {
        let model = self.model;
        let matching = model.layers.iter().enumerate().filter(|(_, layer)| self.matches(layer));
        matching.map(|(place, _)| place).collect()
    }

    /// Whether the user is in a layer, or in one below it; `None` is the default.
    pub(crate) fn is_in(&mut self, layer: Option<usize>) -> bool {
        let model = self.model;
        let Some(name) = model.layer_name(layer) else { return false };
        match model.is_overlapping() {
            true => self.layers().into_iter().any(|place| model.layer_path(Some(place)).contains(&name)),
            false => model.layer_path(self.layer()).contains(&name),
        }
    }

    pub(crate) fn matches(&mut self, layer: &'a Layered) -> bool {
        layer.when.as_ref().is_some_and(|when| self.value(when).holds())
    }

    fn first_match(&mut self, layers: &'a [Layered]) -> Option<usize> {
        layers.iter().position(|layer| self.matches(layer))
    }

    /// The value of a metric.
    pub fn metric(&mut self, place: usize) -> Value<'a> {
        if let Some(known) = self.metrics[place] {
            return known;
        }
        let model = self.model;
        let value = self.value(&model.metrics[place]);
        self.metrics[place] = Some(value);
        value
    }

    /// The value of a score: 1 to its number of bins; `None` without a value to cut. A score without cuts is never asked,
    /// nor is a prediction without a fit.
    pub fn score(&mut self, place: usize) -> Option<u8> {
        if let Some(known) = self.scores[place] {
            return known;
        }
        let model = self.model;
        let score = &model.scores[place];
        let found = self.value(&score.of).number().and_then(|value| score.score(value));
        self.scores[place] = Some(found);
        found
    }

    /// The layer of a dimension: its place, or the number of its layers for the default.
    pub(crate) fn dimension(&mut self, place: usize) -> Option<usize> {
        if let Some(known) = self.dimensions[place] {
            return known;
        }
        let dimension = &self.model.dimensions[place];
        let found = self.first_match(&dimension.layers).or(dimension.default.then_some(dimension.layers.len()));
        self.dimensions[place] = Some(found);
        found
    }

    pub(crate) fn reading(&self, slot: usize) -> &Reading {
        self.readings[slot].reading()
    }

    pub(super) fn reading_walk(&self, slot: usize) -> (&Walk, &Unpacked) {
        (&self.readings[slot], &self.ledgers[self.model.readings[slot].0])
    }

    /// The value of any expression of the model.
    pub(crate) fn value(&mut self, expr: &'a Expr) -> Value<'a> {
        match expr {
            Expr::Constant(constant) => constant.value(),
            Expr::Name(name) => self.named(*name),
            Expr::AsOf => Value::Date(self.as_of.number()),
            Expr::Reading { reader, slot, .. } => read_value(*reader, self.reading(*slot)),
            Expr::Prediction { predictor, source, horizon, slot } => match self.model.fit(*source) {
                Some(fit) => {
                    let days = horizon.as_ref().map(|horizon| horizon.days);
                    predicted(*predictor, fit, days, self.reading(*slot))
                }
                None => Value::Null,
            },
            Expr::Calendar { function, date } => {
                let date = self.value(date);
                calendar(*function, date, self.as_of)
            }
            Expr::Arithmetic { op, left, right } => {
                let (left, right) = (self.value(left), self.value(right));
                arithmetic(*op, left, right)
            }
            Expr::Negate(inner) => match self.value(inner) {
                Value::Number(number) => Value::Number(-number),
                _ => Value::Null,
            },
            Expr::Call { function, arguments } => self.call(*function, arguments),
            Expr::Compare { op, left, right } => {
                let (left, right) = (self.value(left), self.value(right));
                truth(compare(*op, left, right))
            }
            Expr::In { value, list, negated } => {
                let value = self.value(value);
                let found = self.any(list, |here, item| compare(Comparison::Equal, value, here.value(item)));
                truth(found.map(|found| found != *negated))
            }
            Expr::CodeIn { scores, cells, negated } => {
                let mut cell = 0;
                for score in scores {
                    match self.score(*score) {
                        Some(digit) => cell = cell * 10 + u32::from(digit),
                        None => return Value::Null,
                    }
                }
                Value::Boolean(cells.binary_search(&cell).is_ok() != *negated)
            }
            Expr::Like { value, pattern, negated } => match self.value(value) {
                Value::Text(text) => Value::Boolean(like(text, pattern) != *negated),
                _ => Value::Null,
            },
            Expr::Logic { op: Logic::Or, terms } => truth(self.any(terms, |here, term| here.truth_of(term))),
            Expr::Logic { op: Logic::And, terms } => {
                let fails = self.any(terms, |here, term| here.truth_of(term).map(|truth| !truth));
                truth(fails.map(|fails| !fails))
            }
            Expr::Not(inner) => truth(self.truth_of(inner).map(|truth| !truth)),
            Expr::Is { value, test, negated } => {
                let value = self.value(value);
                let is = match test {
                    Test::Null | Test::Unknown => value == Value::Null,
                    Test::True => value == Value::Boolean(true),
                    Test::False => value == Value::Boolean(false),
                };
                Value::Boolean(is != *negated)
            }
            Expr::Case { branches, otherwise } => {
                for (when, then) in branches {
                    if self.value(when).holds() {
                        return self.value(then);
                    }
                }
                otherwise.as_ref().map_or(Value::Null, |otherwise| self.value(otherwise))
            }
        }
    }

    /// True where one is true; else NULL where one is NULL; else false.
    fn any(&mut self, terms: &'a [Expr], mut truth: impl FnMut(&mut Self, &'a Expr) -> Option<bool>) -> Option<bool> {
        let mut unknown = false;
        for term in terms {
            match truth(self, term) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => unknown = true,
            }
        }
        (!unknown).then_some(false)
    }

    fn truth_of(&mut self, expr: &'a Expr) -> Option<bool> {
        match self.value(expr) {
            Value::Boolean(boolean) => Some(boolean),
            _ => None,
        }
    }

    fn named(&mut self, name: Name) -> Value<'a> {
        match name {
            Name::Parameter(place) => Value::Number(self.model.parameters[place]),
            Name::Attribute(place) => self.facts.attributes[place],
            Name::Metric(place) => self.metric(place),
            Name::Score(place) => self.score(place).map_or(Value::Null, |score| Value::Number(score.into())),
            Name::Dimension(place) => match self.dimension(place) {
                Some(layer) => Value::Text(self.model.dimension_layer(place, layer)),
                None => Value::Null,
            },
        }
    }

    fn call(&mut self, function: Function, arguments: &'a [Expr]) -> Value<'a> {
        let extreme = |here: &mut Self, wanted: Ordering| {
            let mut best = Value::Null;
            for argument in arguments {
                let value = here.value(argument);
                if best == Value::Null || order(value, best) == Some(wanted) {
                    best = value;
                }
            }
            best
        };
        match function {
            Function::Coalesce => arguments
                .iter()
                .map(|argument| self.value(argument))
                .find(|value| *value != Value::Null)
                .unwrap_or(Value::Null),
            Function::Nullif => {
                let (value, other) = (self.value(&arguments[0]), self.value(&arguments[1]));
                if compare(Comparison::Equal, value, other) == Some(true) { Value::Null } else { value }
            }
            Function::Least => extreme(self, Ordering::Less),
            Function::Greatest => extreme(self, Ordering::Greater),
            Function::Abs | Function::Round | Function::Floor | Function::Ceil => {
                let Value::Number(number) = self.value(&arguments[0]) else {
                    return Value::Null;
                };
                let decimals = arguments.get(1).and_then(|decimals| self.value(decimals).number());
                Value::Number(rounded(function, number, decimals))
            }
        }
    }
}

/// The functions of one number.
pub(crate) fn rounded(function: Function, number: Decimal, decimals: Option<Decimal>) -> Decimal {
    match function {
        Function::Abs => number.abs(),
        Function::Floor => number.floor(),
        Function::Ceil => number.ceil(),
        _ => {
            let decimals = decimals.map_or(0, |decimals| decimals.normalize().mantissa() as u32);
            number.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
        }
    }
}

fn truth<'a>(truth: Option<bool>) -> Value<'a> {
    truth.map_or(Value::Null, Value::Boolean)
}

/// The value of an expression of constants and parameters; `None` for any other.
pub(crate) fn constant<'a>(expr: &'a Expr, parameter: &dyn Fn(usize) -> Decimal) -> Option<Value<'a>> {
    let both = |left: &'a Expr, right: &'a Expr| Some((constant(left, parameter)?, constant(right, parameter)?));
    match expr {
        Expr::Constant(constant) => Some(constant.value()),
        Expr::Name(Name::Parameter(place)) => Some(Value::Number(parameter(*place))),
        Expr::Arithmetic { op, left, right } => both(left, right).map(|(left, right)| arithmetic(*op, left, right)),
        Expr::Negate(inner) => match constant(inner, parameter)? {
            Value::Number(number) => Some(Value::Number(-number)),
            _ => Some(Value::Null),
        },
        Expr::Compare { op, left, right } => both(left, right).map(|(left, right)| truth(compare(*op, left, right))),
        Expr::Logic { op, terms } => {
            let terms = terms.iter().map(|term| constant(term, parameter)).collect::<Option<Vec<_>>>()?;
            let decisive = Value::Boolean(*op == Logic::Or);
            Some(if terms.contains(&decisive) {
                decisive
            } else if terms.contains(&Value::Null) {
                Value::Null
            } else {
                Value::Boolean(*op == Logic::And)
            })
        }
        Expr::Not(inner) => match constant(inner, parameter)? {
            Value::Boolean(boolean) => Some(Value::Boolean(!boolean)),
            _ => Some(Value::Null),
        },
        _ => None,
    }
}

/// What a reading says.
pub(crate) fn read_value<'a>(reader: Reader, reading: &Reading) -> Value<'a> {
    let days = |days: Option<i64>| days.map_or(Value::Null, |days| Value::Number(days.into()));
    let date = |day: Option<Day>| day.map_or(Value::Null, |day| Value::Date(day.number()));
    match reader {
        Reader::Recency => days(reading.recency()),
        Reader::Tenure => days(reading.tenure()),
        Reader::Frequency => Value::Number(reading.frequency().into()),
        Reader::ActiveDays => Value::Number(reading.active_days().into()),
        Reader::Monetary => Value::Number(reading.monetary()),
        Reader::GrossAmount => Value::Number(reading.gross_amount()),
        Reader::CreditAmount => Value::Number(reading.credit_amount()),
        Reader::FirstAmount => reading.first_amount().map_or(Value::Null, Value::Number),
        Reader::AverageAmount => {
            let average = reading.monetary().checked_div(Decimal::from(reading.frequency()));
            average.map_or(Value::Null, Value::Number)
        }
        Reader::FirstDay => date(reading.first_day()),
        Reader::LastDay => date(reading.last_day()),
    }
}

fn is_finite(day: i32) -> bool {
    day != i32::MIN && day != i32::MAX
}

pub(crate) fn calendar<'a>(function: Calendar, date: Value<'_>, as_of: Day) -> Value<'a> {
    let Value::Date(date) = date else { return Value::Null };
    if !is_finite(date) {
        return Value::Null;
    }
    let since = i64::from(as_of.number()) - i64::from(date);
    let days = match function {
        Calendar::Since if since >= 0 => since,
        Calendar::Until if since <= 0 => -since,
        Calendar::UntilAnniversary if since >= 0 => match Day::new(date.into()) {
            Some(date) => as_of.days_until_anniversary(date),
            None => return Value::Null,
        },
        _ => return Value::Null,
    };
    Value::Number(days.into())
}

pub(crate) fn arithmetic<'a>(op: Arithmetic, left: Value<'_>, right: Value<'_>) -> Value<'a> {
    let shifted = |day: i32, by: Decimal, sign: i64| {
        // PostgreSQL adds whole days to a date
        let by = i64::try_from(by.trunc().mantissa() / 10i128.pow(by.trunc().scale())).ok()?;
        let number = i64::from(day).checked_add(sign * by)?;
        Day::new(number).filter(|_| is_finite(day)).map(|day| Value::Date(day.number()))
    };
    let found = match (left, right) {
        (Value::Number(left), Value::Number(right)) => match op {
            Arithmetic::Add => left.checked_add(right),
            Arithmetic::Subtract => left.checked_sub(right),
            Arithmetic::Multiply => left.checked_mul(right),
            Arithmetic::Divide => left.checked_div(right),
            Arithmetic::Modulo => left.checked_rem(right),
        }
        .map(Value::Number),
        (Value::Date(left), Value::Date(right)) if is_finite(left) && is_finite(right) => {
            Some(Value::Number((i64::from(left) - i64::from(right)).into()))
        }
        (Value::Date(day), Value::Number(by)) => shifted(day, by, if op == Arithmetic::Subtract { -1 } else { 1 }),
        (Value::Number(by), Value::Date(day)) => shifted(day, by, 1),
        _ => None,
    };
    found.unwrap_or(Value::Null)
}

/// The order of two values of one type; `None` where one is NULL.
pub(crate) fn order(left: Value<'_>, right: Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Some(left.cmp(&right)),
        (Value::Date(left), Value::Date(right)) => Some(left.cmp(&right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(&right)),
        _ => None,
    }
}

pub(crate) fn compare(op: Comparison, left: Value<'_>, right: Value<'_>) -> Option<bool> {
    let null = (left == Value::Null, right == Value::Null);
    match (op, null) {
        (Comparison::Distinct, (true, _) | (_, true)) => Some(null.0 != null.1),
        (Comparison::NotDistinct, (true, _) | (_, true)) => Some(null.0 == null.1),
        _ => order(left, right).map(|order| op.accepts(order)),
    }
}
