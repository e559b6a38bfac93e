//! From a model to axes: every comparison leaves its constants as cuts on the things it reads.
//!
//! A comparison is constant on each product of cells when the place of its value among the constants is. So the
//! constants travel inwards: through `coalesce`, `least`, `greatest`, `nullif` and `case` as they are, through arithmetic
//! with constants by its inverse, through a score with known cuts by turning into those. Expressions of few possible
//! values (scores, dimensions, conditions, and what is computed from them) count as constants too. What none of this
//! opens up is an axis of its own.

use std::collections::{BTreeSet, HashMap};

use rust_decimal::Decimal;

use super::super::super::Model;
use super::super::evaluate::constant;
use super::super::{Arithmetic, Comparison, Expr, Name, Reader, Test, Type, Value};
use super::axis::{Axis, Cell, Subject};
use super::interval::Interval;
use super::range::{Range, Ranges};

/// The most cuts that are passed on, all steps counted: beyond, nothing is decided.
const MOST_WORK: usize = 2_000_000;
/// The most axes: beyond, nothing is decided.
const MOST_AXES: usize = 2_000;

pub(super) struct Plan<'m> {
    pub(super) model: &'m Model,
    pub(super) axes: Vec<Axis<'m>>,
    /// The axes of expressions that the method does not see through.
    pub(super) opaque: Vec<usize>,
    /// Values of each axis for opaque expressions to be made of.
    pub(super) samples: Vec<Vec<Cell>>,
    /// Expressions that are read off an axis instead of being computed, by their address.
    pub(super) shortcuts: HashMap<*const Expr, Shortcut>,
    /// Whether the model asks for more than can be planned.
    pub(super) too_large: bool,
    /// Constants that a metric was cut at already.
    pub(super) cut_at: HashMap<usize, Vec<Value<'m>>>,
    /// Metrics and dimensions whose conditions are known.
    visited: Vec<Name>,
    /// Metrics that opaque expressions read.
    inner: Vec<usize>,
    pub(super) values: HashMap<usize, Option<Vec<Value<'m>>>>,
    work: usize,
}

/// How an expression is read off an axis.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shortcut {
    /// It is the axis.
    Axis(usize),
    /// The axis, with the sign changed.
    Negated(usize),
    /// The axis compared with a number.
    Compared(usize, Comparison, Decimal),
}

impl<'m> Plan<'m> {
    /// Cuts everything that the conditions of the model read.
    pub(super) fn of(model: &'m Model) -> Self {
        let mut plan = Plan {
            model,
            axes: Vec::new(),
            opaque: Vec::new(),
            samples: Vec::new(),
            shortcuts: HashMap::new(),
            too_large: false,
            cut_at: HashMap::new(),
            visited: Vec::new(),
            inner: Vec::new(),
            values: HashMap::new(),
            work: 0,
        };
        let layers = model.dimensions.iter().flat_map(|dimension| &dimension.layers).chain(&model.layers);
        let conditions = model.population.iter().chain(layers.filter_map(|layer| layer.when.as_ref()));
        for condition in conditions {
            plan.condition(condition);
        }
        for (place, axis) in plan.axes.iter_mut().enumerate() {
            axis.cut();
            if matches!(axis.subject, Subject::Opaque(_)) {
                plan.opaque.push(place);
            }
        }
        if plan.has_opaque() {
            // constants of one thing are of interest for others
            let constants: BTreeSet<Decimal> = plan.axes.iter().flat_map(|axis| &axis.cuts).copied().collect();
            plan.samples = plan.axes.iter().map(|axis| axis.samples(&constants)).collect();
        }
        plan
    }

    /// Whether there are expressions that the method does not see through.
    pub(super) fn has_opaque(&self) -> bool {
        !self.opaque.is_empty()
    }

    pub(super) fn find(&self, subject: Subject<'_>) -> Option<usize> {
        self.axes.iter().position(|axis| axis.subject == subject)
    }

    // Axes

    pub(super) fn axis(&mut self, subject: Subject<'m>) -> usize {
        if let Some(known) = self.find(subject) {
            return known;
        }
        let whole = |range| (Type::Number, range, true, true);
        let (of_type, range, integer, nullable) = match subject {
            Subject::Attribute(place) => {
                let of_type = self.model.definition.attributes.0[place].1.of_type;
                (of_type, Interval::ALL, of_type == Type::Date, true)
            }
            Subject::AsOf => (Type::Date, Interval::ALL, true, false),
            Subject::Age(_) => whole(Interval::ALL),
            Subject::Anniversary(_) => (Type::Number, Interval::between(0, 365), true, false),
            Subject::Score(place) => {
                (Type::Number, Interval::between(1, self.model.scores[place].bins.into()), true, false)
            }
            Subject::Reading(reader, slot) => {
                let found = Range::of_reading(reader, self.model.readings[slot].1);
                (reader.of_type(), found.numbers, found.whole, found.nullable)
            }
            Subject::Prediction(expr) | Subject::Opaque(expr) => {
                let found = Ranges::new(self.model, &|_| None).of(expr);
                (type_of(self.model, expr).unwrap_or(Type::Number), found.numbers, found.whole, found.nullable)
            }
        };
        self.too_large |= self.axes.len() >= MOST_AXES;
        self.axes.push(Axis::new(subject, of_type, range, integer, nullable));
        self.axes.len() - 1
    }

    pub(super) fn cut_axis(&mut self, place: usize, at: &[Value<'m>]) {
        let axis = &mut self.axes[place];
        axis.compared = true;
        for value in at {
            match value {
                Value::Number(number) => _ = axis.cuts.insert(*number),
                Value::Date(day) => _ = axis.cuts.insert((*day).into()),
                Value::Text(text) => _ = axis.texts.insert(text),
                Value::Null | Value::Boolean(_) => {}
            }
        }
    }

    pub(super) fn opaque(&mut self, expr: &'m Expr, at: &[Value<'m>]) {
        let place = self.axis(Subject::Opaque(expr));
        self.shortcuts.insert(expr, Shortcut::Axis(place));
        self.cut_axis(place, at);
        self.inside(expr);
    }

    /// Axes for all that an opaque expression reads: an example of it is made from them.
    fn inside(&mut self, expr: &'m Expr) {
        if !self.spend(1) {
            return;
        }
        let model = self.model;
        match expr {
            Expr::Reading { reader, slot, .. } => self.cut_subject(Subject::Reading(*reader, *slot), &[]),
            Expr::Prediction { .. } => self.cut_subject(Subject::Prediction(expr), &[]),
            Expr::AsOf => self.cut_subject(Subject::AsOf, &[]),
            Expr::Calendar { function, date } if matches!(through(model, date), Expr::Name(_)) => {
                self.calendar(expr, *function, date, &[]);
            }
            Expr::Calendar { date, .. } => {
                self.cut_subject(Subject::AsOf, &[]);
                self.inside(date);
            }
            Expr::CodeIn { scores, .. } => {
                for score in scores {
                    self.score(*score);
                    self.inside(&model.scores[*score].of);
                }
            }
            Expr::Name(name) => match name {
                Name::Attribute(place) => self.cut_subject(Subject::Attribute(*place), &[]),
                Name::Metric(place) if !self.inner.contains(place) => {
                    self.inner.push(*place);
                    self.inside(&model.metrics[*place]);
                }
                Name::Score(place) => {
                    self.score(*place);
                    self.inside(&model.scores[*place].of);
                }
                Name::Dimension(place) => self.dimension(*place),
                Name::Metric(_) | Name::Parameter(_) => {}
            },
            _ => expr.parts(&mut |part| self.inside(part)),
        }
    }

    // Conditions

    /// Cuts until the truth of the condition is the same throughout each cell.
    pub(super) fn condition(&mut self, expr: &'m Expr) {
        if !self.spend(1) {
            return;
        }
        match expr {
            Expr::Logic { terms: inner, .. } | Expr::Call { arguments: inner, .. } => {
                inner.iter().for_each(|term| self.condition(term));
            }
            Expr::Not(inner) => self.condition(inner),
            Expr::Is { value, test, .. } => match test {
                Test::Null if type_of(self.model, value) != Some(Type::Boolean) => self.cut(value, &[]),
                _ => self.condition(value),
            },
            Expr::Compare { op, left, right } => self.comparison(expr, *op, left, right),
            Expr::In { value, list, .. } => self.membership(expr, value, list),
            Expr::CodeIn { scores, .. } => scores.iter().for_each(|score| self.score(*score)),
            Expr::Like { value, pattern, .. } => self.pattern(expr, value, pattern),
            Expr::Case { branches, otherwise } => {
                for (when, then) in branches {
                    self.condition(when);
                    self.condition(then);
                }
                otherwise.iter().for_each(|otherwise| self.condition(otherwise));
            }
            Expr::Name(Name::Attribute(place)) => {
                let axis = self.axis(Subject::Attribute(*place));
                self.cut_axis(axis, &[]);
            }
            Expr::Name(Name::Metric(place)) if self.visit(Name::Metric(*place)) => {
                self.condition(&self.model.metrics[*place]);
            }
            _ => {}
        }
    }

    fn comparison(&mut self, expr: &'m Expr, op: Comparison, left: &'m Expr, right: &'m Expr) {
        if let Some(at) = self.values(right) {
            self.fix(right);
            return self.cut(left, &at);
        }
        if let Some(at) = self.values(left) {
            self.fix(left);
            return self.cut(right, &at);
        }
        // registered_on > as_of - 30 is about the age of the date
        let (left, right) = (self.shifted(left), self.shifted(right));
        let day = |expr: &Expr| *expr == Expr::AsOf;
        if let (Some((left, before)), Some((right, after))) = (left, right) {
            // date + before op as_of + after, so age op' before - after
            let aged = match (day(left), day(right)) {
                (false, true) => self.age(left).map(|axis| (axis, op.mirrored(), before.checked_sub(after))),
                (true, false) => self.age(right).map(|axis| (axis, op, after.checked_sub(before))),
                _ => None,
            };
            if let Some((axis, op, Some(at))) = aged {
                self.shortcuts.insert(expr, Shortcut::Compared(axis, op, at));
                return self.cut_axis(axis, &[Value::Number(at)]);
            }
        }
        self.opaque(expr, &[]);
    }

    fn membership(&mut self, expr: &'m Expr, value: &'m Expr, list: &'m [Expr]) {
        if let Some(at) = list.iter().map(|item| self.values(item)).collect::<Option<Vec<_>>>() {
            list.iter().for_each(|item| self.fix(item));
            return self.cut(value, &at.concat());
        }
        match self.values(value) {
            Some(at) => {
                self.fix(value);
                list.iter().for_each(|item| self.cut(item, &at));
            }
            None => self.opaque(expr, &[]),
        }
    }

    fn pattern(&mut self, expr: &'m Expr, value: &'m Expr, pattern: &'m str) {
        if self.values(value).is_some() {
            return self.fix(value);
        }
        match through(self.model, value) {
            Expr::Name(Name::Attribute(place)) => {
                let axis = self.axis(Subject::Attribute(*place));
                self.axes[axis].compared = true;
                self.axes[axis].patterns.insert(pattern);
            }
            _ => self.opaque(expr, &[]),
        }
    }

    /// Whether this is the first visit.
    pub(super) fn visit(&mut self, name: Name) -> bool {
        let first = !self.visited.contains(&name);
        if first {
            self.visited.push(name);
        }
        first
    }

    pub(super) fn spend(&mut self, work: usize) -> bool {
        self.work = self.work.saturating_add(work);
        if self.work.is_multiple_of(1024) {
            crate::patience::check();
        }
        self.too_large |= self.work > MOST_WORK;
        !self.too_large
    }

    // Dates beside the day of the reading

    /// The days from a date to the reading, as an axis.
    pub(super) fn age(&mut self, date: &'m Expr) -> Option<usize> {
        match through(self.model, date) {
            Expr::Name(Name::Attribute(place)) => Some(self.axis(Subject::Age(*place))),
            Expr::Reading { reader: Reader::LastDay, slot, .. } => {
                Some(self.axis(Subject::Reading(Reader::Recency, *slot)))
            }
            Expr::Reading { reader: Reader::FirstDay, slot, .. } => {
                Some(self.axis(Subject::Reading(Reader::Tenure, *slot)))
            }
            _ => None,
        }
    }

    /// A date, and the days added to it.
    fn shifted(&self, expr: &'m Expr) -> Option<(&'m Expr, Decimal)> {
        let expr = through(self.model, expr);
        let days = |by: &'m Expr| constant(by, &|place| self.model.parameters[place])?.number().map(|by| by.trunc());
        match expr {
            Expr::Arithmetic { op: Arithmetic::Add, left, right } => match (days(left), days(right)) {
                (None, Some(by)) => Some((through(self.model, left), by)),
                (Some(by), None) => Some((through(self.model, right), by)),
                _ => None,
            },
            Expr::Arithmetic { op: Arithmetic::Subtract, left, right } => {
                days(right).map(|by| (through(self.model, left), -by))
            }
            _ => Some((expr, Decimal::ZERO)),
        }
    }
}

/// What a name of a metric stands for.
pub(super) fn through<'m>(model: &'m Model, mut expr: &'m Expr) -> &'m Expr {
    while let Expr::Name(Name::Metric(place)) = expr {
        expr = &model.metrics[*place];
    }
    expr
}

/// The type of an expression; `None` for NULL.
pub(super) fn type_of(model: &Model, expr: &Expr) -> Option<Type> {
    match expr {
        Expr::Constant(constant) => match constant.value() {
            Value::Null => None,
            Value::Number(_) => Some(Type::Number),
            Value::Text(_) => Some(Type::Text),
            Value::Date(_) => Some(Type::Date),
            Value::Boolean(_) => Some(Type::Boolean),
        },
        Expr::Name(name) => Some(match name {
            Name::Attribute(place) => model.definition.attributes.0[*place].1.of_type,
            Name::Metric(place) => model.metric_types[*place],
            Name::Parameter(_) | Name::Score(_) => Type::Number,
            Name::Dimension(_) => Type::Text,
        }),
        Expr::AsOf => Some(Type::Date),
        Expr::Reading { reader, .. } => Some(reader.of_type()),
        Expr::Prediction { .. } | Expr::Calendar { .. } | Expr::Negate(_) => Some(Type::Number),
        Expr::Arithmetic { op, left, right } => {
            let dates = [left, right].map(|side| type_of(model, side) == Some(Type::Date));
            Some(if dates == [true, true] && *op == Arithmetic::Subtract || dates == [false, false] {
                Type::Number
            } else {
                Type::Date
            })
        }
        Expr::Call { arguments, .. } => arguments.iter().find_map(|argument| type_of(model, argument)),
        Expr::Case { branches, otherwise } => {
            branches.iter().map(|(_, then)| then).chain(otherwise.as_deref()).find_map(|then| type_of(model, then))
        }
        _ => Some(Type::Boolean),
    }
}
