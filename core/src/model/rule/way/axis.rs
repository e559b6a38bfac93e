//! What conditions are about, and what moves it.

use std::collections::HashSet;

use rust_decimal::Decimal;

use super::super::super::Model;
use super::super::print::print;
use super::super::{Arithmetic, Calendar, Constant, Expr, Function, Name, Predictor, Reader, Type};

/// A metric, score or attribute that conditions compare, or an expression written in a condition.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub(crate) expr: Expr,
    /// As an expression names it.
    pub(crate) name: String,
    /// Whether its numbers have no decimals.
    pub(crate) whole: bool,
    pub(crate) date: bool,
    pub(crate) lever: Lever,
}

/// What makes a value change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Lever {
    /// Events of a source, and the days that pass.
    Reading { reader: Reader, source: usize, window: Option<i32>, slot: usize },
    /// The days that pass.
    Calendar(Calendar),
    /// The day of the reading itself.
    Day,
    /// Somebody sets it.
    Given,
    /// Several things together: what it reads of which sources, whether it reads the day, and whether only whole numbers
    /// come in.
    Computed { sources: Vec<Moved>, day: bool, whole: bool },
}

/// What an expression reads of a source, besides its events.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moved {
    pub(crate) source: usize,
    pub(crate) money: bool,
    /// Its days with events.
    pub(crate) days: bool,
}

/// Which metrics and scores are taken as they stand instead of being computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) metrics: Vec<bool>,
    pub(crate) scores: Vec<bool>,
}

impl Axis {
    pub(crate) fn of(model: &Model, given: &Given, expr: &Expr, date: bool) -> Self {
        let lever = lever(model, given, expr);
        let date = date || matches!(&lever, Lever::Reading { reader, .. } if reader.of_type() == Type::Date);
        let whole = match (&lever, expr) {
            (_, Expr::Name(Name::Score(_))) => true,
            (Lever::Reading { reader, .. }, _) => {
                matches!(reader, Reader::Recency | Reader::Tenure | Reader::Frequency | Reader::ActiveDays)
            }
            (Lever::Calendar(_) | Lever::Day, _) => true,
            (Lever::Computed { whole, .. }, _) => *whole,
            _ => date,
        };
        Self { expr: expr.clone(), name: print(expr, model.definition()), whole, date, lever }
    }

    /// Whether its numbers are amounts of money.
    pub(crate) fn is_money(&self) -> bool {
        matches!(&self.lever, Lever::Reading { reader, .. } if is_money(*reader))
    }

    /// The smallest step between two values.
    pub(crate) fn unit(&self, now: Decimal) -> Decimal {
        match self.whole {
            true => Decimal::ONE,
            false if self.is_money() => Decimal::new(1, 2),
            false => Decimal::new(1, now.normalize().scale().clamp(2, 6)),
        }
    }
}

pub(crate) fn is_money(reader: Reader) -> bool {
    matches!(
        reader,
        Reader::Monetary | Reader::GrossAmount | Reader::CreditAmount | Reader::AverageAmount | Reader::FirstAmount
    )
}

/// Readings stay recognizable where they are only made NULL, or more than NULL.
fn lever(model: &Model, given: &Given, expr: &Expr) -> Lever {
    match expr {
        Expr::Reading { reader, source, window, slot } => Lever::Reading {
            reader: *reader,
            source: *source,
            window: window.as_ref().map(|window| window.days),
            slot: *slot,
        },
        Expr::Name(Name::Metric(place)) if given.metrics[*place] => Lever::Given,
        Expr::Name(Name::Metric(place)) => lever(model, given, &model.metrics[*place]),
        Expr::Name(Name::Attribute(_) | Name::Score(_)) => Lever::Given,
        Expr::Call { function: Function::Coalesce | Function::Nullif, arguments }
            if arguments[1..].iter().all(is_constant) =>
        {
            lever(model, given, &arguments[0])
        }
        Expr::Case { branches, otherwise } => {
            let results = branches.iter().map(|(_, then)| then).chain(otherwise.as_deref());
            let mut varying = results.filter(|then| !is_constant(then));
            match (varying.next(), varying.next()) {
                (Some(one), None) => lever(model, given, one),
                _ => computed(model, given, expr),
            }
        }
        Expr::Calendar { function, date } if matches!(**date, Expr::Name(Name::Attribute(_)) | Expr::Constant(_)) => {
            Lever::Calendar(*function)
        }
        Expr::AsOf => Lever::Day,
        _ => computed(model, given, expr),
    }
}

fn is_constant(expr: &Expr) -> bool {
    matches!(expr, Expr::Constant(_) | Expr::Name(Name::Parameter(_)))
}

fn computed(model: &Model, given: &Given, expr: &Expr) -> Lever {
    let (mut sources, mut day, mut whole): (Vec<Moved>, _, _) = (Vec::new(), false, true);
    let mut open = vec![expr];
    let mut seen = HashSet::new();
    let given = |name: Name| match name {
        Name::Metric(place) => given.metrics[place],
        Name::Score(place) => given.scores[place],
        _ => false,
    };
    while let Some(next) = open.pop() {
        next.walk(&mut |part| match part {
            Expr::Reading { reader, source, .. } => {
                let known = place_of(&mut sources, *source);
                sources[known].money |= is_money(*reader);
                sources[known].days |= *reader == Reader::ActiveDays;
                whole &= !is_money(*reader);
                day |= matches!(reader, Reader::Recency | Reader::Tenure);
            }
            Expr::Prediction { predictor, source, .. } => {
                let known = place_of(&mut sources, *source);
                sources[known].money |= *predictor == Predictor::LifetimeValue;
                sources[known].days = true;
                (whole, day) = (false, true);
            }
            Expr::Calendar { .. } | Expr::AsOf => day = true,
            Expr::Constant(Constant::Number(number)) => whole &= number.is_integer(),
            Expr::Arithmetic { op: Arithmetic::Divide, .. } => whole = false,
            Expr::Name(Name::Parameter(place)) => whole &= model.parameters[*place].is_integer(),
            Expr::Name(Name::Attribute(_)) => whole = false,
            Expr::Name(Name::Metric(place)) if given(Name::Metric(*place)) => whole = false,
            Expr::Name(name) if !given(*name) && seen.insert(*name) => match name {
                Name::Metric(place) => open.push(&model.metrics[*place]),
                Name::Score(place) => open.push(&model.scores[*place].of),
                Name::Dimension(place) => {
                    open.extend(model.dimensions[*place].layers.iter().filter_map(|layer| layer.when.as_ref()));
                }
                Name::Parameter(_) | Name::Attribute(_) => {}
            },
            _ => {}
        });
    }
    Lever::Computed { sources, day, whole }
}

fn place_of(sources: &mut Vec<Moved>, source: usize) -> usize {
    sources.iter().position(|moved| moved.source == source).unwrap_or_else(|| {
        sources.push(Moved { source, money: false, days: false });
        sources.len() - 1
    })
}

/// Whether a name is a date.
pub(crate) fn is_date(model: &Model, name: Name) -> bool {
    match name {
        Name::Attribute(place) => model.definition().attributes.0[place].1.of_type == Type::Date,
        Name::Metric(place) => model.metric_types[place] == Type::Date,
        _ => false,
    }
}
