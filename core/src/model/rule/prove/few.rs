//! Expressions of few possible values, which are treated like constants: scores, dimensions, conditions, and what is
//! computed from them.

use rust_decimal::Decimal;

use super::super::evaluate::arithmetic;
use super::super::{Arithmetic, Expr, Function, Name, Type, Value};
use super::axis::Subject;
use super::partial::call;
use super::plan::{Plan, type_of};

/// The most values of an expression that is treated like a constant.
const MOST_VALUES: usize = 100;
impl<'m> Plan<'m> {
    /// Cuts until the value itself is known: for expressions of few values.
    pub(super) fn fix(&mut self, expr: &'m Expr) {
        if !self.spend(1) {
            return;
        }
        match expr {
            Expr::Name(Name::Score(place)) => self.score(*place),
            Expr::Name(Name::Dimension(place)) => self.dimension(*place),
            Expr::Name(Name::Metric(place)) if self.visit(Name::Metric(*place)) => {
                self.fix(&self.model.metrics[*place]);
            }
            Expr::Name(Name::Metric(_)) => {}
            Expr::Arithmetic { left, right, .. } => {
                self.fix(left);
                self.fix(right);
            }
            Expr::Negate(inner) => self.fix(inner),
            _ if type_of(self.model, expr) == Some(Type::Boolean) => self.condition(expr),
            Expr::Call { function: Function::Nullif, arguments } => {
                self.fix(&arguments[0]);
                if let Some(at) = self.values(&arguments[0]) {
                    self.cut(&arguments[1], &at);
                }
            }
            Expr::Call { arguments, .. } => arguments.iter().for_each(|argument| self.fix(argument)),
            Expr::Case { branches, otherwise } => {
                for (when, then) in branches {
                    self.condition(when);
                    self.fix(then);
                }
                otherwise.iter().for_each(|otherwise| self.fix(otherwise));
            }
            _ => {}
        }
    }

    pub(super) fn score(&mut self, place: usize) {
        if !self.visit(Name::Score(place)) {
            return;
        }
        let model = self.model;
        let score = &model.scores[place];
        match &score.cuts {
            Some(cuts) => {
                let cuts: Vec<_> = cuts.iter().flatten().map(|cut| Value::Number(*cut)).collect();
                self.cut(&score.of, &cuts);
            }
            None => {
                let axis = self.axis(Subject::Score(place));
                let all: Vec<_> = (1..=score.bins).map(|score| Value::Number(score.into())).collect();
                self.cut_axis(axis, &all);
                // only whether there is a value to cut is asked
                let before: Vec<bool> = self.axes.iter().map(|axis| axis.compared).collect();
                match &score.of {
                    Expr::Name(Name::Metric(metric)) => self.cut(&model.metrics[*metric], &[]),
                    of => self.fix(of),
                }
                for (place, axis) in self.axes.iter_mut().enumerate() {
                    let before = before.get(place).copied().unwrap_or(false);
                    axis.compared &= before || matches!(axis.subject, Subject::Score(_));
                }
            }
        }
    }

    pub(super) fn dimension(&mut self, place: usize) {
        if self.visit(Name::Dimension(place)) {
            let model = self.model;
            let layers = model.dimensions[place].layers.iter();
            layers.filter_map(|layer| layer.when.as_ref()).for_each(|when| self.condition(when));
        }
    }

    /// The values that an expression can have besides NULL, where they are few.
    pub(super) fn values(&mut self, expr: &'m Expr) -> Option<Vec<Value<'m>>> {
        let model = self.model;
        let mut found: Vec<Value<'m>> = match expr {
            Expr::Constant(constant) => vec![constant.value()],
            Expr::Name(Name::Parameter(place)) => vec![Value::Number(model.parameters[*place])],
            Expr::Name(Name::Score(place)) => {
                (1..=model.scores[*place].bins).map(|score| Value::Number(score.into())).collect()
            }
            Expr::Name(Name::Dimension(place)) => {
                let dimension = &model.dimensions[*place];
                let layers = 0..dimension.layers.len() + usize::from(dimension.default);
                layers.map(|layer| Value::Text(model.dimension_layer(*place, layer))).collect()
            }
            Expr::Name(Name::Metric(place)) => {
                if let Some(known) = self.values.get(place) {
                    return known.clone();
                }
                let found = self.values(&model.metrics[*place]);
                self.values.insert(*place, found.clone());
                found?
            }
            _ if type_of(model, expr) == Some(Type::Boolean) => vec![Value::Boolean(true), Value::Boolean(false)],
            Expr::Negate(inner) => {
                let zero = Value::Number(Decimal::ZERO);
                self.values(inner)?.into_iter().map(|value| arithmetic(Arithmetic::Subtract, zero, value)).collect()
            }
            Expr::Arithmetic { op, left, right } => {
                let (left, right) = (self.values(left)?, self.values(right)?);
                let pairs = left.iter().flat_map(|left| right.iter().map(move |right| (*left, *right)));
                pairs.map(|(left, right)| arithmetic(*op, left, right)).collect()
            }
            Expr::Call { function: Function::Nullif, arguments } => self.values(&arguments[0])?,
            Expr::Call { function: Function::Coalesce | Function::Least | Function::Greatest, arguments } => {
                let all = arguments.iter().map(|argument| self.values(argument));
                all.collect::<Option<Vec<_>>>()?.concat()
            }
            Expr::Call { function, arguments } => {
                let first = self.values(&arguments[0])?;
                let decimals = match arguments.get(1) {
                    Some(decimals) => self.values(decimals)?.first().copied(),
                    None => None,
                };
                let arguments = first.into_iter().map(|value| [Some(value), decimals].into_iter().flatten().collect());
                arguments.map(|arguments: Vec<_>| call(*function, &arguments)).collect()
            }
            Expr::Case { branches, otherwise } => {
                let results = branches.iter().map(|(_, then)| then).chain(otherwise.as_deref());
                results.map(|then| self.values(then)).collect::<Option<Vec<_>>>()?.concat()
            }
            _ => return None,
        };
        self.spend(found.len());
        found.retain(|value| *value != Value::Null);
        let mut distinct = Vec::with_capacity(found.len());
        for value in found {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
            if distinct.len() > MOST_VALUES {
                return None;
            }
        }
        Some(distinct)
    }
}
