//! How constants travel inwards through an expression, to the axes that it reads.

use rust_decimal::{Decimal, RoundingStrategy};

use super::super::evaluate::{arithmetic, constant};
use super::super::{Arithmetic, Calendar, Expr, Function, Name, Reader, Value};
use super::axis::Subject;
use super::plan::{Plan, Shortcut, through};

impl<'m> Plan<'m> {
    /// Cuts until the place of the value among these, or its being NULL, is the same throughout each cell.
    pub(super) fn cut(&mut self, expr: &'m Expr, at: &[Value<'m>]) {
        if !self.spend(1 + at.len()) {
            return;
        }
        if self.values(expr).is_some() {
            return self.fix(expr);
        }
        match expr {
            Expr::Name(Name::Attribute(place)) => self.cut_subject(Subject::Attribute(*place), at),
            Expr::AsOf => self.cut_subject(Subject::AsOf, at),
            Expr::Reading { reader, slot, .. } => self.cut_subject(Subject::Reading(*reader, *slot), at),
            Expr::Prediction { .. } => self.cut_subject(Subject::Prediction(expr), at),
            Expr::Name(Name::Metric(place)) => {
                let known = self.cut_at.entry(*place).or_default();
                let new: Vec<Value<'m>> = at.iter().filter(|value| !known.contains(value)).copied().collect();
                known.extend(&new);
                if self.visit(Name::Metric(*place)) || !new.is_empty() {
                    self.cut(&self.model.metrics[*place], &new);
                }
            }
            // one of too many layers to count as a constant
            Expr::Name(Name::Dimension(place)) => self.dimension(*place),
            Expr::Calendar { function, date } => self.calendar(expr, *function, date, at),
            Expr::Negate(inner) => {
                let zero = Value::Number(Decimal::ZERO);
                let at: Vec<_> = at.iter().map(|at| arithmetic(Arithmetic::Subtract, zero, *at)).collect();
                self.cut(inner, &at);
            }
            Expr::Arithmetic { op, left, right } => self.inverse(expr, *op, left, right, at),
            Expr::Call { function, arguments } => self.call(expr, *function, arguments, at),
            Expr::Case { branches, otherwise } => {
                for (when, then) in branches {
                    self.condition(when);
                    self.cut(then, at);
                }
                otherwise.iter().for_each(|otherwise| self.cut(otherwise, at));
            }
            _ => self.opaque(expr, at),
        }
    }

    pub(super) fn cut_subject(&mut self, subject: Subject<'m>, at: &[Value<'m>]) {
        let axis = self.axis(subject);
        self.cut_axis(axis, at);
    }

    pub(super) fn calendar(&mut self, expr: &'m Expr, function: Calendar, date: &'m Expr, at: &[Value<'m>]) {
        let zero = Value::Number(Decimal::ZERO);
        let subject = match (function, through(self.model, date)) {
            (Calendar::Since, Expr::Reading { reader: Reader::LastDay, slot, .. }) => {
                Subject::Reading(Reader::Recency, *slot)
            }
            (Calendar::Since, Expr::Reading { reader: Reader::FirstDay, slot, .. }) => {
                Subject::Reading(Reader::Tenure, *slot)
            }
            (_, Expr::Name(Name::Attribute(place))) => {
                // the sign of the age decides whether there is a value
                self.cut_subject(Subject::Age(*place), &[zero]);
                let axis = self.axis(Subject::Age(*place));
                return match function {
                    Calendar::Since => self.cut_axis(axis, at),
                    Calendar::Until => {
                        let at: Vec<_> = at.iter().map(|at| arithmetic(Arithmetic::Subtract, zero, *at)).collect();
                        self.cut_axis(axis, &at);
                    }
                    Calendar::UntilAnniversary => self.cut_subject(Subject::Anniversary(*place), at),
                };
            }
            _ => return self.opaque(expr, at),
        };
        let axis = self.axis(subject);
        self.shortcuts.insert(expr, Shortcut::Axis(axis));
        self.cut_axis(axis, at);
    }

    /// Arithmetic with a constant: the constants are cut where it takes them.
    fn inverse(&mut self, expr: &'m Expr, op: Arithmetic, left: &'m Expr, right: &'m Expr, at: &[Value<'m>]) {
        if op == Arithmetic::Subtract {
            let aged = match (left, right) {
                (Expr::AsOf, date) => self.age(date).map(Shortcut::Axis),
                (date, Expr::AsOf) => self.age(date).map(Shortcut::Negated),
                _ => None,
            };
            if let Some(aged) = aged {
                let (axis, sign) = match aged {
                    Shortcut::Axis(axis) => (axis, Decimal::ONE),
                    Shortcut::Negated(axis) | Shortcut::Compared(axis, ..) => (axis, -Decimal::ONE),
                };
                self.shortcuts.insert(expr, aged);
                let at: Vec<_> = at.iter().filter_map(|at| at.number()).map(|at| Value::Number(sign * at)).collect();
                return self.cut_axis(axis, &at);
            }
        }
        let (inner, known, values) = match (self.values(left), self.values(right)) {
            (_, Some(values)) => (left, right, values),
            (Some(values), None) => (right, left, values),
            (None, None) => return self.opaque(expr, at),
        };
        let known_left = std::ptr::eq(known, left);
        let (zero, mut cuts) = (Value::Number(Decimal::ZERO), Vec::new());
        if !self.spend(values.len().saturating_mul(at.len())) {
            return;
        }
        for value in values {
            let back = |op, left, right| arithmetic(op, left, right);
            let inverse = |at: &Value<'m>| match (op, known_left) {
                (Arithmetic::Add, _) => back(Arithmetic::Subtract, *at, value),
                (Arithmetic::Subtract, false) => back(Arithmetic::Add, *at, value),
                (Arithmetic::Subtract, true) => back(Arithmetic::Subtract, value, *at),
                (Arithmetic::Multiply, _) => back(Arithmetic::Divide, *at, value),
                (Arithmetic::Divide, false) => back(Arithmetic::Multiply, *at, value),
                (Arithmetic::Divide, true) => back(Arithmetic::Divide, value, *at),
                (Arithmetic::Modulo, _) => Value::Null,
            };
            cuts.extend(at.iter().map(inverse));
        }
        match (op, known_left) {
            (Arithmetic::Modulo, _) => return self.opaque(expr, at),
            // the sign turns at zero, where there is no quotient
            (Arithmetic::Divide, true) => cuts.push(zero),
            _ => {}
        }
        self.fix(known);
        self.cut(inner, &cuts);
    }

    fn call(&mut self, expr: &'m Expr, function: Function, arguments: &'m [Expr], at: &[Value<'m>]) {
        let numbers = || at.iter().filter_map(|at| at.number());
        let cuts: Vec<Decimal> = match function {
            Function::Coalesce | Function::Least | Function::Greatest => {
                return arguments.iter().for_each(|argument| self.cut(argument, at));
            }
            Function::Nullif => {
                return match self.values(&arguments[1]) {
                    Some(other) => {
                        self.fix(&arguments[1]);
                        self.cut(&arguments[0], &[at, &other].concat());
                    }
                    None => self.opaque(expr, at),
                };
            }
            Function::Abs => numbers().flat_map(|at| [at, -at]).collect(),
            Function::Floor => numbers().flat_map(|at| [at.ceil(), at.floor().saturating_add(Decimal::ONE)]).collect(),
            Function::Ceil => numbers().flat_map(|at| [at.floor(), at.ceil().saturating_sub(Decimal::ONE)]).collect(),
            Function::Round => {
                let decimals = arguments.get(1).and_then(|decimals| {
                    constant(decimals, &|place| self.model.parameters[place]).and_then(|value| value.number())
                });
                let decimals = decimals.map_or(0, |decimals| decimals.normalize().mantissa() as u32);
                let half = Decimal::new(5, decimals + 1);
                let round = |at: Decimal, way| at.round_dp_with_strategy(decimals, way);
                let around = |at: Decimal| {
                    let (down, up) = (RoundingStrategy::ToNegativeInfinity, RoundingStrategy::ToPositiveInfinity);
                    [round(at, down), round(at, up)]
                };
                let halves = |at: Decimal| [at.saturating_sub(half), at.saturating_add(half)];
                numbers().flat_map(around).flat_map(halves).collect()
            }
        };
        let cuts: Vec<Value<'m>> = cuts.into_iter().map(Value::Number).collect();
        self.cut(&arguments[0], &cuts);
    }
}
