//! The numbers that an expression can have at all: an interval around them, whether they are whole, whether there can
//! be none. It may be too wide, never too narrow.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::super::super::Model;
use super::super::{Arithmetic, Calendar, Expr, Function, Name, Predictor, Reader, Value};
use super::interval::{Bound, Interval};

#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) numbers: Interval,
    pub(super) whole: bool,
    pub(super) nullable: bool,
}

/// Ranges of expressions, with those of metrics kept.
pub(super) struct Ranges<'r> {
    model: &'r Model,
    /// What is known better of a part than it says itself.
    known: &'r dyn Fn(&Expr) -> Option<Range>,
    metrics: HashMap<usize, Range>,
}

impl Range {
    const ANY: Range = Range { numbers: Interval::ALL, whole: false, nullable: true };

    /// Of a reading of so many days.
    pub(super) fn of_reading(reader: Reader, days: Option<i32>) -> Range {
        let whole = |numbers, nullable| Range { numbers, whole: true, nullable };
        match reader {
            Reader::Recency | Reader::Tenure => match days {
                Some(days) => whole(Interval::between(0, i64::from(days) - 1), true),
                None => whole(Interval::at_least(0), true),
            },
            Reader::Frequency => whole(Interval::at_least(0), false),
            Reader::ActiveDays => match days {
                Some(days) => whole(Interval::between(0, days.into()), false),
                None => whole(Interval::at_least(0), false),
            },
            Reader::Monetary => Range { nullable: false, ..Range::ANY },
            Reader::GrossAmount | Reader::CreditAmount => {
                Range { numbers: Interval::at_least(0), whole: false, nullable: false }
            }
            Reader::AverageAmount | Reader::FirstAmount => Range::ANY,
            Reader::FirstDay | Reader::LastDay => whole(Interval::ALL, true),
        }
    }

    pub(super) fn of_prediction(predictor: Predictor) -> Range {
        let numbers = match predictor {
            Predictor::PAlive | Predictor::PurchaseProbability => Interval::between(0, 1),
            Predictor::ExpectedPurchases | Predictor::LifetimeValue => Interval::at_least(0),
        };
        Range { numbers, whole: false, nullable: true }
    }

    fn or(self, other: Range) -> Range {
        Range {
            numbers: self.numbers.hull(other.numbers),
            whole: self.whole && other.whole,
            nullable: self.nullable || other.nullable,
        }
    }

    fn is_positive_or_zero(&self) -> bool {
        self.numbers.low.is_some_and(|low| low.at >= Decimal::ZERO)
    }
}

impl<'r> Ranges<'r> {
    pub(super) fn new(model: &'r Model, known: &'r dyn Fn(&Expr) -> Option<Range>) -> Self {
        Self { model, known, metrics: HashMap::new() }
    }

    pub(super) fn of(&mut self, expr: &Expr) -> Range {
        let model = self.model;
        if let Some(known) = (self.known)(expr) {
            return known;
        }
        match expr {
            Expr::Constant(constant) => constant_range(constant.value()),
            Expr::Name(Name::Parameter(place)) => constant_range(Value::Number(model.parameters[*place])),
            Expr::Name(Name::Score(place)) => {
                Range { numbers: Interval::between(1, model.scores[*place].bins.into()), whole: true, nullable: true }
            }
            Expr::Name(Name::Metric(place)) => {
                if let Some(known) = self.metrics.get(place) {
                    return *known;
                }
                let found = self.of(&model.metrics[*place]);
                self.metrics.insert(*place, found);
                found
            }
            Expr::Reading { reader, slot, .. } => Range::of_reading(*reader, model.readings[*slot].1),
            Expr::Prediction { predictor, .. } => Range::of_prediction(*predictor),
            Expr::Calendar { function, .. } => {
                let numbers = match function {
                    Calendar::UntilAnniversary => Interval::between(0, 365),
                    Calendar::Since | Calendar::Until => Interval::at_least(0),
                };
                Range { numbers, whole: true, nullable: true }
            }
            Expr::Negate(inner) => {
                let inner = self.of(inner);
                Range { numbers: negated(inner.numbers), ..inner }
            }
            Expr::Arithmetic { op, left, right } => {
                let (left, right) = (self.of(left), self.of(right));
                arithmetic(*op, left, right)
            }
            Expr::Call { function, arguments } => self.call(*function, arguments),
            Expr::Case { branches, otherwise } => {
                let mut found: Option<Range> = None;
                for then in branches.iter().map(|(_, then)| then).chain(otherwise.as_deref()) {
                    let then = self.of(then);
                    found = Some(found.map_or(then, |found| found.or(then)));
                }
                let found = found.unwrap_or(Range::ANY);
                Range { nullable: found.nullable || otherwise.is_none(), ..found }
            }
            _ => Range::ANY,
        }
    }

    fn call(&mut self, function: Function, arguments: &[Expr]) -> Range {
        let all: Vec<Range> = arguments.iter().map(|argument| self.of(argument)).collect();
        let Some(first) = all.first().copied() else { return Range::ANY };
        let nullable = all.iter().all(|range| range.nullable);
        match function {
            Function::Nullif => Range { nullable: true, ..first },
            Function::Coalesce | Function::Least | Function::Greatest => {
                let mut found = all[1..].iter().fold(first, |found, range| found.or(*range));
                // what is never NULL bounds the extreme from one side
                for range in all.iter().filter(|range| !range.nullable) {
                    match function {
                        Function::Least => _ = found.numbers.lower(range.numbers.high),
                        Function::Greatest => _ = found.numbers.raise(range.numbers.low),
                        _ => {}
                    }
                }
                Range { nullable, ..found }
            }
            Function::Abs => Range { numbers: Interval::at_least(0), ..first },
            Function::Round | Function::Floor | Function::Ceil => {
                let numbers = first.numbers.low.filter(|_| first.is_positive_or_zero()).map(|_| Interval::at_least(0));
                let whole = first.whole || arguments.len() == 1;
                Range { numbers: numbers.unwrap_or(Interval::ALL), whole, nullable: first.nullable }
            }
        }
    }
}

fn constant_range(value: Value<'_>) -> Range {
    match value {
        Value::Number(number) => {
            Range { numbers: Interval::point(number), whole: number.is_integer(), nullable: false }
        }
        Value::Null => Range { numbers: Interval::ALL, whole: true, nullable: true },
        _ => Range::ANY,
    }
}

fn negated(numbers: Interval) -> Interval {
    Interval { low: numbers.high.map(Bound::negated), high: numbers.low.map(Bound::negated) }
}

fn arithmetic(op: Arithmetic, left: Range, right: Range) -> Range {
    // a sum of more than 28 digits is NULL as well; nobody has such an amount
    let nullable = left.nullable || right.nullable;
    let whole = left.whole && right.whole;
    let sum = |a: Interval, b: Interval| {
        let end = |a: Option<Bound>, b: Option<Bound>| a.zip(b).and_then(|(a, b)| a.plus(b));
        Interval { low: end(a.low, b.low), high: end(a.high, b.high) }
    };
    match op {
        Arithmetic::Add => Range { numbers: sum(left.numbers, right.numbers), whole, nullable },
        Arithmetic::Subtract => Range { numbers: sum(left.numbers, negated(right.numbers)), whole, nullable },
        Arithmetic::Multiply => Range { numbers: product(left, right), whole, nullable },
        Arithmetic::Divide | Arithmetic::Modulo => {
            let positive = left.is_positive_or_zero() && right.is_positive_or_zero();
            let numbers = if positive { Interval::at_least(0) } else { Interval::ALL };
            Range { numbers, whole: whole && op == Arithmetic::Modulo, nullable: true }
        }
    }
}

/// Of factors that are not negative, or of a constant.
fn product(left: Range, right: Range) -> Interval {
    let scaled = |numbers: Interval, factor: Decimal| {
        let end = |bound: Bound| Some(Bound { at: bound.at.checked_mul(factor)?, ..bound });
        let (low, high) = (numbers.low.and_then(end), numbers.high.and_then(end));
        if factor.is_sign_negative() { Interval { low: high, high: low } } else { Interval { low, high } }
    };
    if let Some(factor) = right.numbers.single() {
        return scaled(left.numbers, factor);
    }
    if let Some(factor) = left.numbers.single() {
        return scaled(right.numbers, factor);
    }
    match left.is_positive_or_zero() && right.is_positive_or_zero() {
        true => Interval::at_least(0),
        false => Interval::ALL,
    }
}
