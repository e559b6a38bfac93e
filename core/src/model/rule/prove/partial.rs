//! The answer for a user of whom only some axes are known: SQL's value where that decides it, else the first axis that
//! is missing.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::super::evaluate::{arithmetic, calendar, compare, order, rounded};
use super::super::like::like;
use super::super::{Calendar, Comparison, Expr, Function, Logic, Name, Reader, Test, Value};
use super::axis::Subject;
use super::plan::{Plan, Shortcut};

/// What is known: a value for some of the axes.
pub(super) struct Partial<'p, 'm> {
    plan: &'p Plan<'m>,
    values: Vec<Option<Value<'p>>>,
    /// Whether opaque expressions are computed from what is inside instead of being taken from their axes.
    seen_through: bool,
    /// The axis of each attribute, age, anniversary, score; of each reader of each reading.
    places: Places,
    /// What metrics and dimensions came to, with the state of knowledge that it is from.
    metrics: Vec<(u64, Known<'p>)>,
    dimensions: Vec<(u64, Known<'p>)>,
    state: u64,
}

/// A value, or the axis that it waits for.
pub(super) type Known<'p> = Result<Value<'p>, usize>;

struct Places {
    attributes: Vec<Option<usize>>,
    ages: Vec<Option<usize>>,
    anniversaries: Vec<Option<usize>>,
    scores: Vec<Option<usize>>,
    readings: Vec<[Option<usize>; Reader::NAMES.len()]>,
    predictions: Vec<usize>,
    as_of: Option<usize>,
}

impl Places {
    fn of(plan: &Plan<'_>) -> Self {
        let model = plan.model;
        let attributes = model.definition.attributes.len();
        let mut places = Places {
            attributes: vec![None; attributes],
            ages: vec![None; attributes],
            anniversaries: vec![None; attributes],
            scores: vec![None; model.scores.len()],
            readings: vec![[None; Reader::NAMES.len()]; model.readings.len()],
            predictions: Vec::new(),
            as_of: None,
        };
        for (axis, found) in plan.axes.iter().enumerate() {
            let place = match found.subject {
                Subject::Attribute(place) => &mut places.attributes[place],
                Subject::Age(place) => &mut places.ages[place],
                Subject::Anniversary(place) => &mut places.anniversaries[place],
                Subject::Score(place) => &mut places.scores[place],
                Subject::Reading(reader, slot) => &mut places.readings[slot][reader as usize],
                Subject::AsOf => &mut places.as_of,
                Subject::Prediction(_) => {
                    places.predictions.push(axis);
                    continue;
                }
                Subject::Opaque(_) => continue,
            };
            *place = Some(axis);
        }
        places
    }
}

impl<'p, 'm> Partial<'p, 'm> {
    pub(super) fn nothing(plan: &'p Plan<'m>) -> Self {
        Partial {
            plan,
            values: vec![None; plan.axes.len()],
            seen_through: false,
            places: Places::of(plan),
            metrics: vec![(0, Ok(Value::Null)); plan.model.metrics.len()],
            dimensions: vec![(0, Ok(Value::Null)); plan.model.dimensions.len()],
            state: 1,
        }
    }

    pub(super) fn set(&mut self, axis: usize, value: Option<Value<'p>>) {
        self.values[axis] = value;
        self.state += 1;
    }

    pub(super) fn forget(&mut self) {
        self.values.fill(None);
        self.state += 1;
    }

    /// From now on opaque expressions are computed, or not.
    pub(super) fn see_through(&mut self, seen_through: bool) {
        self.seen_through = seen_through;
        self.state += 1;
    }

    fn axis(&self, place: Option<usize>) -> Known<'p> {
        match place {
            Some(axis) => self.values[axis].ok_or(axis),
            // planned for what is asked: there is no such place
            None => Ok(Value::Null),
        }
    }

    pub(super) fn value(&mut self, expr: &'p Expr) -> Known<'p> {
        if let Some(found) = self.shortcut(expr) {
            return found;
        }
        match expr {
            Expr::Constant(constant) => Ok(constant.value()),
            Expr::Name(name) => self.named(*name),
            Expr::AsOf => self.axis(self.places.as_of),
            Expr::Reading { reader, slot, .. } => self.axis(self.places.readings[*slot][*reader as usize]),
            Expr::Prediction { .. } => {
                let is = |axis: &&usize| self.plan.axes[**axis].subject == Subject::Prediction(expr);
                self.axis(self.places.predictions.iter().find(is).copied())
            }
            Expr::Calendar { function, date } => self.calendar(*function, date),
            Expr::Arithmetic { op, left, right } => {
                let (left, right) = self.both(left, right)?;
                Ok(arithmetic(*op, left, right))
            }
            Expr::Negate(inner) => Ok(negated(self.value(inner)?)),
            Expr::Call { function, arguments } => self.call(*function, arguments),
            Expr::Compare { op, left, right } => {
                let (left, right) = self.both(left, right)?;
                Ok(truth(compare(*op, left, right)))
            }
            Expr::In { value, list, negated } => {
                let value = self.value(value)?;
                let found = self.any(list, |here, item| Ok(compare(Comparison::Equal, value, here.value(item)?)))?;
                Ok(truth(found.map(|found| found != *negated)))
            }
            Expr::CodeIn { scores, cells, negated } => {
                let mut cell = 0;
                for score in scores {
                    match self.named(Name::Score(*score))? {
                        Value::Number(digit) => cell = cell * 10 + digit.normalize().mantissa() as u32,
                        _ => return Ok(Value::Null),
                    }
                }
                Ok(Value::Boolean(cells.binary_search(&cell).is_ok() != *negated))
            }
            Expr::Like { value, pattern, negated } => Ok(match self.value(value)? {
                Value::Text(text) => Value::Boolean(like(text, pattern) != *negated),
                _ => Value::Null,
            }),
            Expr::Logic { op: Logic::Or, terms } => Ok(truth(self.any(terms, Self::truth_of)?)),
            Expr::Logic { op: Logic::And, terms } => {
                let fails = self.any(terms, |here, term| Ok(here.truth_of(term)?.map(|truth| !truth)))?;
                Ok(truth(fails.map(|fails| !fails)))
            }
            Expr::Not(inner) => Ok(truth(self.truth_of(inner)?.map(|truth| !truth))),
            Expr::Is { value, test, negated } => {
                let value = self.value(value)?;
                let is = match test {
                    Test::Null | Test::Unknown => value == Value::Null,
                    Test::True => value == Value::Boolean(true),
                    Test::False => value == Value::Boolean(false),
                };
                Ok(Value::Boolean(is != *negated))
            }
            Expr::Case { branches, otherwise } => {
                for (when, then) in branches {
                    if self.value(when)?.holds() {
                        return self.value(then);
                    }
                }
                otherwise.as_ref().map_or(Ok(Value::Null), |otherwise| self.value(otherwise))
            }
        }
    }

    fn shortcut(&self, expr: &Expr) -> Option<Known<'p>> {
        if !matches!(
            expr,
            Expr::Arithmetic { .. }
                | Expr::Calendar { .. }
                | Expr::Call { .. }
                | Expr::Compare { .. }
                | Expr::In { .. }
                | Expr::Like { .. }
        ) {
            return None;
        }
        let shortcut = *self.plan.shortcuts.get(&std::ptr::from_ref(expr))?;
        let (Shortcut::Axis(axis) | Shortcut::Negated(axis) | Shortcut::Compared(axis, ..)) = shortcut;
        if self.seen_through && matches!(self.plan.axes[axis].subject, Subject::Opaque(_)) {
            return None;
        }
        Some(self.values[axis].ok_or(axis).map(|value| match shortcut {
            Shortcut::Axis(_) => value,
            Shortcut::Negated(_) => negated(value),
            Shortcut::Compared(_, op, at) => truth(compare(op, value, Value::Number(at))),
        }))
    }

    fn both(&mut self, left: &'p Expr, right: &'p Expr) -> Result<(Value<'p>, Value<'p>), usize> {
        Ok((self.value(left)?, self.value(right)?))
    }

    /// True where one is true, whatever is missing; else what is missing; else NULL or false.
    fn any(
        &mut self,
        terms: &'p [Expr],
        mut truth: impl FnMut(&mut Self, &'p Expr) -> Result<Option<bool>, usize>,
    ) -> Result<Option<bool>, usize> {
        let (mut unknown, mut missing) = (false, None);
        for term in terms {
            match truth(self, term) {
                Ok(Some(true)) => return Ok(Some(true)),
                Ok(Some(false)) => {}
                Ok(None) => unknown = true,
                Err(axis) => missing = missing.or(Some(axis)),
            }
        }
        match missing {
            Some(axis) => Err(axis),
            None => Ok((!unknown).then_some(false)),
        }
    }

    fn truth_of(&mut self, expr: &'p Expr) -> Result<Option<bool>, usize> {
        Ok(match self.value(expr)? {
            Value::Boolean(boolean) => Some(boolean),
            _ => None,
        })
    }

    fn named(&mut self, name: Name) -> Known<'p> {
        let plan = self.plan;
        let model = plan.model;
        match name {
            Name::Parameter(place) => Ok(Value::Number(model.parameters[place])),
            Name::Attribute(place) => self.axis(self.places.attributes[place]),
            Name::Metric(place) => {
                if self.metrics[place].0 != self.state {
                    self.metrics[place] = (self.state, self.value(&model.metrics[place]));
                }
                self.metrics[place].1
            }
            Name::Score(place) => {
                let score = &model.scores[place];
                match self.value(&score.of)?.number() {
                    Some(value) if score.cuts.is_some() => {
                        Ok(score.score(value).map_or(Value::Null, |score| Value::Number(score.into())))
                    }
                    Some(_) => self.axis(self.places.scores[place]),
                    None => Ok(Value::Null),
                }
            }
            Name::Dimension(place) => {
                if self.dimensions[place].0 != self.state {
                    self.dimensions[place] = (self.state, self.dimension(place));
                }
                self.dimensions[place].1
            }
        }
    }

    fn dimension(&mut self, place: usize) -> Known<'p> {
        let plan = self.plan;
        let dimension = &plan.model.dimensions[place];
        for (layer, found) in dimension.layers.iter().enumerate() {
            let Some(when) = &found.when else { continue };
            if self.value(when)?.holds() {
                return Ok(Value::Text(plan.model.dimension_layer(place, layer)));
            }
        }
        Ok(match dimension.default {
            true => Value::Text(plan.model.dimension_layer(place, dimension.layers.len())),
            false => Value::Null,
        })
    }

    fn calendar(&mut self, function: Calendar, date: &'p Expr) -> Known<'p> {
        let Expr::Name(Name::Attribute(place)) = super::plan::through(self.plan.model, date) else {
            // an inner date of an opaque expression, on the day of the reading
            let (date, as_of) = (self.value(date)?, self.axis(self.places.as_of)?);
            let Value::Date(as_of) = as_of else { return Ok(Value::Null) };
            return Ok(crate::day::Day::new(as_of.into()).map_or(Value::Null, |day| calendar(function, date, day)));
        };
        let Value::Number(age) = self.axis(self.places.ages[*place])? else { return Ok(Value::Null) };
        match function {
            Calendar::Since if age >= Decimal::ZERO => Ok(Value::Number(age)),
            Calendar::Until if age <= Decimal::ZERO => Ok(Value::Number(-age)),
            Calendar::UntilAnniversary if age >= Decimal::ZERO => self.axis(self.places.anniversaries[*place]),
            _ => Ok(Value::Null),
        }
    }

    fn call(&mut self, function: Function, arguments: &'p [Expr]) -> Known<'p> {
        if function == Function::Coalesce {
            for argument in arguments {
                let value = self.value(argument)?;
                if value != Value::Null {
                    return Ok(value);
                }
            }
            return Ok(Value::Null);
        }
        let arguments = arguments.iter().map(|argument| self.value(argument)).collect::<Result<Vec<_>, _>>()?;
        Ok(call(function, &arguments))
    }
}

/// A function of values that are all known.
pub(super) fn call<'a>(function: Function, arguments: &[Value<'a>]) -> Value<'a> {
    let extreme = |wanted: Ordering| {
        let better = |best: Value<'a>, value: &Value<'a>| {
            if best == Value::Null || order(*value, best) == Some(wanted) { *value } else { best }
        };
        arguments.iter().fold(Value::Null, better)
    };
    match (function, arguments) {
        (Function::Coalesce, _) => arguments.iter().copied().find(|value| *value != Value::Null).unwrap_or(Value::Null),
        (Function::Least, _) => extreme(Ordering::Less),
        (Function::Greatest, _) => extreme(Ordering::Greater),
        (Function::Nullif, [value, other]) if compare(Comparison::Equal, *value, *other) == Some(true) => Value::Null,
        (Function::Nullif, [value, ..]) => *value,
        (_, [Value::Number(number), rest @ ..]) => {
            Value::Number(rounded(function, *number, rest.first().and_then(|decimals| decimals.number())))
        }
        _ => Value::Null,
    }
}

fn negated(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Number(number) => Value::Number(-number),
        _ => Value::Null,
    }
}

fn truth<'a>(truth: Option<bool>) -> Value<'a> {
    truth.map_or(Value::Null, Value::Boolean)
}
