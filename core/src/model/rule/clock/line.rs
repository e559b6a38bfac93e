//! How an expression moves from the present day on, while it moves in a straight line.

use std::cmp::Ordering;
use std::ops::Bound;

use rust_decimal::Decimal;

use crate::day::Day;

use super::super::evaluate::{arithmetic, calendar, compare, order, read_value};
use super::super::{Arithmetic, Calendar, Comparison, Expr, Function, Name, Reader, Value};
use super::set::{Set, Values, key};
use super::{Clock, End, NEVER};

/// A value that grows by `slope` a day up to the day before `end`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) value: Value<'a>,
    pub(super) slope: Decimal,
    pub(super) end: i32,
}

impl<'a> Line<'a> {
    fn level(value: Value<'a>, end: i32) -> Self {
        Self { value, slope: Decimal::ZERO, end }
    }

    pub(super) fn is_level(&self) -> bool {
        self.slope.is_zero()
    }
}

/// Whether a reading grows by one a day.
pub(super) fn grows(reader: Reader) -> bool {
    matches!(reader, Reader::Recency | Reader::Tenure)
}

/// Whether a number has few enough digits for sums and products over all days there are to be exact.
fn is_short(number: Decimal, largest: i64) -> bool {
    number.scale() <= 9 && number.abs() < Decimal::from(largest)
}

impl<'a> Clock<'_, 'a> {
    /// How the expression moves. An expression that does so beyond any line is level until tomorrow.
    pub(super) fn line(&mut self, expr: &'a Expr, limit: i32) -> Line<'a> {
        if !self.may_go_on() {
            return Line::level(self.value(expr), self.tomorrow());
        }
        match expr {
            Expr::Name(Name::Metric(place)) if self.evaluation.facts.metrics[*place].is_none() => {
                let model = self.evaluation.model;
                self.line(&model.metrics[*place], limit)
            }
            Expr::Constant(_) | Expr::Name(_) | Expr::CodeIn { .. } => {
                let value = self.value(expr);
                let end = self.hold(expr, Set::only(value), limit).day;
                Line::level(value, end)
            }
            Expr::AsOf => Line { value: Value::Date(self.today), slope: Decimal::ONE, end: NEVER },
            Expr::Reading { reader, slot, .. } => {
                let (walk, ledger) = self.evaluation.reading_walk(*slot);
                let end = walk.next_step(ledger).and_then(|day| i32::try_from(day).ok()).unwrap_or(NEVER);
                let value = read_value(*reader, walk.reading());
                let slope = if grows(*reader) && value != Value::Null { Decimal::ONE } else { Decimal::ZERO };
                Line { value, slope, end }
            }
            Expr::Calendar { function, date } => {
                let date = self.line(date, limit);
                self.calendar_line(*function, date)
            }
            Expr::Arithmetic { op, left, right } => {
                let left = self.line(left, limit);
                let right = self.line(right, limit);
                self.arithmetic_line(*op, left, right)
            }
            Expr::Negate(inner) => {
                let line = self.line(inner, limit);
                let value = line.value.number().map_or(Value::Null, |number| Value::Number(-number));
                Line { value, slope: -line.slope, ..line }
            }
            Expr::Call { function, arguments } => self.call_line(*function, expr, arguments, limit),
            Expr::Case { branches, otherwise } => {
                let mut end = limit;
                for (when, then) in branches {
                    let taken = self.value(when).holds();
                    end = self.hold(when, if taken { Set::TRUE } else { Set::NOT_TRUE }, end).day.min(end);
                    if taken {
                        return self.line_until(then, end);
                    }
                }
                match otherwise {
                    Some(otherwise) => self.line_until(otherwise, end),
                    None => Line::level(Value::Null, end),
                }
            }
            // conditions
            _ => {
                let value = self.value(expr);
                let end = self.hold(expr, Set::only(value), limit).day;
                Line::level(value, end)
            }
        }
    }

    fn line_until(&mut self, expr: &'a Expr, end: i32) -> Line<'a> {
        let line = self.line(expr, end);
        Line { end: line.end.min(end), ..line }
    }

    /// When something that moves like this leaves the set.
    pub(super) fn along(&self, line: Line<'a>, set: Set<'_>) -> End {
        let crossing = match key(line.value) {
            Some(value) => set.leaves(value, line.slope).map_or(NEVER, |days| self.in_days(days)),
            None => NEVER,
        };
        End::possible(crossing.min(line.end))
    }

    /// The line, where its numbers are exact on every day.
    fn exact(&self, line: Line<'a>) -> Line<'a> {
        let is_exact = match line.value {
            _ if line.is_level() => true,
            Value::Number(number) => is_short(number, 1 << 52) && is_short(line.slope, 1 << 20),
            Value::Date(_) => line.slope.is_integer(),
            _ => false,
        };
        if !is_exact {
            return Line::level(line.value, self.tomorrow());
        }
        // a date ends where days end
        let days =
            Values::Between(Bound::Included(Day::MIN.number().into()), Bound::Included(Day::MAX.number().into()));
        match line.value {
            Value::Date(_) => Line { end: self.along(line, Set::new(days, false)).day, ..line },
            _ => line,
        }
    }

    fn arithmetic_line(&self, op: Arithmetic, left: Line<'a>, right: Line<'a>) -> Line<'a> {
        let end = left.end.min(right.end);
        let value = arithmetic(op, left.value, right.value);
        if left.is_level() && right.is_level() || left.value == Value::Null || right.value == Value::Null {
            return Line::level(value, end);
        }
        // dates take whole days
        let whole = |line: &Line<'_>| line.value.number().is_none_or(|number| number.is_integer());
        let is_date = matches!(value, Value::Date(_));
        let slope = match op {
            _ if is_date && !(whole(&left) && whole(&right)) => None,
            Arithmetic::Add => left.slope.checked_add(right.slope),
            Arithmetic::Subtract => left.slope.checked_sub(right.slope),
            Arithmetic::Multiply => match (left.is_level(), right.is_level()) {
                (_, true) => right.value.number().and_then(|factor| left.slope.checked_mul(factor)),
                (true, _) => left.value.number().and_then(|factor| right.slope.checked_mul(factor)),
                _ => None,
            },
            Arithmetic::Divide if right.is_level() => right.value.number().and_then(|divisor| {
                let slope = left.slope.checked_div(divisor)?;
                (slope.checked_mul(divisor) == Some(left.slope)).then_some(slope)
            }),
            Arithmetic::Divide | Arithmetic::Modulo => None,
        };
        match slope {
            Some(slope) if value != Value::Null => self.exact(Line { value, slope, end }),
            _ => Line::level(value, end.min(self.tomorrow())),
        }
    }

    fn calendar_line(&self, function: Calendar, date: Line<'a>) -> Line<'a> {
        let Some(today) = Day::new(self.today.into()) else { return Line::level(Value::Null, self.tomorrow()) };
        let value = calendar(function, date.value, today);
        let Value::Date(day) = date.value else { return Line::level(Value::Null, date.end) };
        if !date.is_level() {
            return Line::level(value, date.end.min(self.tomorrow()));
        }
        let (slope, bend) = match (function, value.number()) {
            (Calendar::Since, Some(_)) => (Decimal::ONE, NEVER),
            (Calendar::Until, Some(_)) => (Decimal::NEGATIVE_ONE, day.saturating_add(1)),
            (Calendar::UntilAnniversary, Some(days)) => {
                let days = i64::try_from(days).unwrap_or(0);
                (Decimal::NEGATIVE_ONE, self.in_days(days + 1))
            }
            // not before the date, and not after it
            (_, None) => (Decimal::ZERO, if day > self.today { day } else { NEVER }),
        };
        Line { value, slope, end: date.end.min(bend) }
    }

    fn call_line(&mut self, function: Function, call: &'a Expr, arguments: &'a [Expr], limit: i32) -> Line<'a> {
        match function {
            Function::Coalesce => {
                let mut end = limit;
                for argument in arguments {
                    let line = self.line(argument, end);
                    end = end.min(line.end);
                    if line.value != Value::Null {
                        return Line { end, ..line };
                    }
                }
                Line::level(Value::Null, end)
            }
            Function::Nullif => {
                let value = self.line(&arguments[0], limit);
                let other = self.line(&arguments[1], limit);
                let end = value.end.min(other.end);
                if compare(Comparison::Equal, value.value, other.value) != Some(true) {
                    let meets = self.until_order_changes(value, other);
                    return Line { end: end.min(meets), ..value };
                }
                let together = value.slope == other.slope;
                Line::level(Value::Null, if together { end } else { end.min(self.tomorrow()) })
            }
            Function::Least | Function::Greatest => {
                let wanted = if function == Function::Least { Ordering::Less } else { Ordering::Greater };
                let lines: Vec<Line<'a>> = arguments.iter().map(|argument| self.line(argument, limit)).collect();
                let mut best: Option<Line<'a>> = None;
                for line in &lines {
                    if line.value != Value::Null
                        && best.is_none_or(|best| order(line.value, best.value) == Some(wanted))
                    {
                        best = Some(*line);
                    }
                }
                let end = lines.iter().fold(limit, |end, line| end.min(line.end));
                let Some(best) = best else { return Line::level(Value::Null, end) };
                let crossing = lines.iter().map(|line| self.until_order_changes(*line, best)).min();
                Line { end: end.min(crossing.unwrap_or(NEVER)), ..best }
            }
            Function::Abs => {
                let line = self.line(&arguments[0], limit);
                match line.value.number() {
                    Some(number) if number.is_sign_negative() && !number.is_zero() => {
                        let negative = Values::Between(Bound::Unbounded, Bound::Excluded(Decimal::ZERO));
                        let end = self.along(line, Set::new(negative, false)).day;
                        Line { value: Value::Number(-number), slope: -line.slope, end }
                    }
                    Some(_) => {
                        let positive =
                            Set::new(Values::Between(Bound::Included(Decimal::ZERO), Bound::Unbounded), false);
                        Line { end: self.along(line, positive).day, ..line }
                    }
                    None => line,
                }
            }
            // steps
            Function::Round | Function::Floor | Function::Ceil => {
                let value = self.value(call);
                let end = self.hold(call, Set::only(value), limit).day;
                Line::level(value, end)
            }
        }
    }

    /// The day on which two lines come to be in another order, or equal ones part.
    fn until_order_changes(&self, left: Line<'a>, right: Line<'a>) -> i32 {
        let difference = self.arithmetic_line(Arithmetic::Subtract, left, right);
        let Some(distance) = key(difference.value) else { return difference.end };
        let zero = Bound::Excluded(Decimal::ZERO);
        let values = match distance.cmp(&Decimal::ZERO) {
            Ordering::Less => Values::Between(Bound::Unbounded, zero),
            Ordering::Equal => Values::Only(Value::Number(Decimal::ZERO)),
            Ordering::Greater => Values::Between(zero, Bound::Unbounded),
        };
        self.along(difference, Set::new(values, false)).day
    }

    /// When the comparison of two moving sides leaves its outcomes.
    pub(super) fn hold_comparison(
        &mut self,
        op: Comparison,
        left: &'a Expr,
        right: &'a Expr,
        outcomes: Set<'_>,
        limit: i32,
    ) -> End {
        let left = self.line(left, limit);
        let right = self.line(right, limit);
        let difference = self.arithmetic_line(Arithmetic::Subtract, left, right);
        match key(difference.value) {
            Some(_) => self.along(difference, Set::compared(op, Value::Number(Decimal::ZERO), &outcomes)),
            None => End::possible(difference.end),
        }
    }
}
