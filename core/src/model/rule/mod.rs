//! Expressions: one small typed tree, read in five ways.
//!
//! | file | reads the tree to |
//! |---|---|
//! | `parse` | (make it from SQL text, with names resolved and types checked) |
//! | `print` | write it back, in one canonical form |
//! | `evaluate` | answer for a user |
//! | `clock` | find the first day on which the answer can change by itself |
//! | `prove` | show what can never match, overlaps, or is not covered |
//! | `explain` | say why, and what is missing |
//! | `describe` | put it into words |
//!
//! `prediction` answers for what is expected of a user, by what calibration fitted.
//!
//! `way` finds the nearest ways into a layer, `grounds` the comparisons that decided; `words` are theirs in each language.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub(crate) mod clock;
pub(crate) mod describe;
pub(crate) mod evaluate;
pub(crate) mod explain;
mod grounds;
mod like;
pub(crate) mod parse;
pub(crate) mod prediction;
pub(crate) mod print;
pub(crate) mod prove;
pub(crate) mod way;
pub(crate) mod words;

/// The type of an expression's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    Number,
    Text,
    Date,
    Boolean,
}

impl Type {
    const NAMES: [(&'static str, Type); 4] =
        [("number", Type::Number), ("text", Type::Text), ("date", Type::Date), ("boolean", Type::Boolean)];
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, known)| known == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for Type {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, known)| *known)
            .ok_or_else(|| format!("unknown type \"{text}\", expected number, text, date or boolean"))
    }
}

/// A value, SQL's NULL included. Dates are days since 2000-01-01 as PostgreSQL counts them; `i32::MIN` and `i32::MAX`
/// are its infinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Null,
    Number(Decimal),
    Text(&'a str),
    Date(i32),
    Boolean(bool),
}

impl Value<'_> {
    /// Whether a condition with this value holds: NULL does not.
    pub fn holds(&self) -> bool {
        *self == Value::Boolean(true)
    }

    pub fn number(self) -> Option<Decimal> {
        match self {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }
}

/// A value that an expression was written with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    Null,
    Number(Decimal),
    Text(String),
    Date(i32),
    Boolean(bool),
}

impl Constant {
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Constant::Null => Value::Null,
            Constant::Number(number) => Value::Number(*number),
            Constant::Text(text) => Value::Text(text),
            Constant::Date(day) => Value::Date(*day),
            Constant::Boolean(boolean) => Value::Boolean(*boolean),
        }
    }
}

/// An expression whose names are known and whose types fit. Places are those in the model's own lists.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Constant(Constant),
    Name(Name),
    /// The day of the reading.
    AsOf,
    Reading {
        reader: Reader,
        source: usize,
        window: Option<WindowArgument>,
        /// The place in [`Model::readings`](crate::model::Model).
        slot: usize,
    },
    /// What a model of purchases, fitted to all users of the source, expects of this one.
    Prediction {
        predictor: Predictor,
        source: usize,
        /// The days to come that are meant; none for a probability of today.
        horizon: Option<WindowArgument>,
        /// The place of the source's reading without a window.
        slot: usize,
    },
    Calendar {
        function: Calendar,
        date: Box<Expr>,
    },
    Arithmetic {
        op: Arithmetic,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Negate(Box<Expr>),
    Call {
        function: Function,
        arguments: Vec<Expr>,
    },
    Compare {
        op: Comparison,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `value in (…)`; the list is never empty.
    In {
        value: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    /// `code(r, f, m) in ('555', …)`: the scores written as digits. Cells are numbers, ascending.
    CodeIn {
        scores: Vec<usize>,
        cells: Vec<u32>,
        negated: bool,
    },
    Like {
        value: Box<Expr>,
        pattern: String,
        negated: bool,
    },
    /// Two conditions or more.
    Logic {
        op: Logic,
        terms: Vec<Expr>,
    },
    Not(Box<Expr>),
    Is {
        value: Box<Expr>,
        test: Test,
        negated: bool,
    },
    Case {
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    Parameter(usize),
    Attribute(usize),
    Metric(usize),
    Score(usize),
    Dimension(usize),
}

/// The days of a window, or of a horizon: as written, and what that comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowArgument {
    pub(crate) written: Box<Expr>,
    pub(crate) days: i32,
}

/// What can be read from a ledger, as the SQL functions of the same names do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reader {
    Recency,
    Frequency,
    Monetary,
    GrossAmount,
    CreditAmount,
    AverageAmount,
    FirstAmount,
    ActiveDays,
    Tenure,
    FirstDay,
    LastDay,
}

impl Reader {
    pub(crate) const NAMES: [(&'static str, Reader); 11] = [
        ("recency", Reader::Recency),
        ("frequency", Reader::Frequency),
        ("monetary", Reader::Monetary),
        ("gross_amount", Reader::GrossAmount),
        ("credit_amount", Reader::CreditAmount),
        ("average_amount", Reader::AverageAmount),
        ("first_amount", Reader::FirstAmount),
        ("active_days", Reader::ActiveDays),
        ("tenure", Reader::Tenure),
        ("first_day", Reader::FirstDay),
        ("last_day", Reader::LastDay),
    ];

    pub(crate) fn of_type(self) -> Type {
        match self {
            Reader::FirstDay | Reader::LastDay => Type::Date,
            _ => Type::Number,
        }
    }
}

/// What can be expected of a user: see [`prediction`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Predictor {
    PAlive,
    ExpectedPurchases,
    PurchaseProbability,
    /// Undiscounted, without a margin.
    LifetimeValue,
}

impl Predictor {
    pub(crate) const NAMES: [(&'static str, Predictor); 4] = [
        ("p_alive", Predictor::PAlive),
        ("expected_purchases", Predictor::ExpectedPurchases),
        ("purchase_probability", Predictor::PurchaseProbability),
        ("lifetime_value", Predictor::LifetimeValue),
    ];
}

/// Functions of a date and the day of the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calendar {
    /// Days from the date to the reading; NULL while the date lies after it.
    Since,
    /// Days from the reading to the date; NULL once the date lies before it.
    Until,
    /// Days from the reading to the next time that month and day return; 0 on the day. 29 February returns on the 28th
    /// in common years. NULL before the date.
    UntilAnniversary,
}

impl Calendar {
    pub(crate) const NAMES: [(&'static str, Calendar); 3] = [
        ("days_since", Calendar::Since),
        ("days_until", Calendar::Until),
        ("days_until_anniversary", Calendar::UntilAnniversary),
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    /// By zero: NULL.
    Divide,
    /// By zero: NULL.
    Modulo,
}

impl Arithmetic {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Modulo => "%",
        }
    }
}

/// Functions of values, as PostgreSQL has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Coalesce,
    Nullif,
    /// The smallest of the values that are not NULL.
    Least,
    /// The largest of the values that are not NULL.
    Greatest,
    Abs,
    /// To so many decimals, half away from zero.
    Round,
    Floor,
    Ceil,
}

impl Function {
    pub(crate) const NAMES: [(&'static str, Function); 8] = [
        ("coalesce", Function::Coalesce),
        ("nullif", Function::Nullif),
        ("least", Function::Least),
        ("greatest", Function::Greatest),
        ("abs", Function::Abs),
        ("round", Function::Round),
        ("floor", Function::Floor),
        ("ceil", Function::Ceil),
    ];
}

/// The name of one of a closed list.
pub(crate) fn name_of<T: PartialEq>(value: &T, names: &[(&'static str, T)]) -> &'static str {
    names.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `is distinct from`: NULL is a value like others.
    Distinct,
    NotDistinct,
}

impl Comparison {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Distinct => "is distinct from",
            Comparison::NotDistinct => "is not distinct from",
        }
    }

    /// The same comparison with its sides swapped.
    pub(crate) fn mirrored(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }

    /// Whether values in this order satisfy it.
    pub(crate) fn accepts(self, order: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Equal | Comparison::NotDistinct => order.is_eq(),
            Comparison::NotEqual | Comparison::Distinct => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logic {
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    Null,
    True,
    False,
    Unknown,
}

impl Test {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Test::Null => "null",
            Test::True => "true",
            Test::False => "false",
            Test::Unknown => "unknown",
        }
    }
}

impl Expr {
    /// Calls `visit` for every direct part of the expression, in the order of the text.
    pub(crate) fn parts<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        match self {
            Expr::Constant(_)
            | Expr::Name(_)
            | Expr::AsOf
            | Expr::Reading { .. }
            | Expr::Prediction { .. }
            | Expr::CodeIn { .. } => {}
            Expr::Calendar { date: inner, .. }
            | Expr::Negate(inner)
            | Expr::Like { value: inner, .. }
            | Expr::Not(inner)
            | Expr::Is { value: inner, .. } => visit(inner),
            Expr::Arithmetic { left, right, .. } | Expr::Compare { left, right, .. } => {
                visit(left);
                visit(right);
            }
            Expr::Call { arguments: list, .. } | Expr::Logic { terms: list, .. } => list.iter().for_each(visit),
            Expr::In { value, list, .. } => {
                visit(value);
                list.iter().for_each(visit);
            }
            Expr::Case { branches, otherwise } => {
                for (when, then) in branches {
                    visit(when);
                    visit(then);
                }
                otherwise.iter().for_each(|expr| visit(expr));
            }
        }
    }

    /// Calls `visit` for the expression and everything inside it.
    pub(crate) fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        visit(self);
        self.parts(&mut |part| part.walk(visit));
    }
}
