//! Back to SQL text, in one canonical form: lower case, the fewest parentheses. Parsing it gives the same tree.

use std::fmt::Write;

use crate::day::Day;

use super::super::definition::Definition;
use super::parse::is_plain_name;
use super::{Arithmetic, Calendar, Constant, Expr, Function, Logic, Name, Predictor, Reader, WindowArgument, name_of};

/// How tightly an expression holds together, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
    /// Comparisons, IS, IN, LIKE.
    Predicate,
    Sum,
    Product,
    Atom,
}

/// The text of an expression of this definition.
pub(crate) fn print(expr: &Expr, definition: &Definition) -> String {
    let mut printer = Printer { definition, text: String::new() };
    printer.expr(expr);
    printer.text
}

/// A name as it is written in an expression.
pub(crate) fn quoted(name: &str) -> String {
    if is_plain_name(name) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A cell of scores as digits.
pub(crate) fn cell_code(cell: u32, scores: usize) -> String {
    format!("{cell:0scores$}")
}

struct Printer<'d> {
    definition: &'d Definition,
    text: String,
}

impl Printer<'_> {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn number(&mut self, number: rust_decimal::Decimal) {
        let _ = write!(self.text, "{}", number.normalize());
    }

    fn quoted_text(&mut self, text: &str) {
        let _ = write!(self.text, "'{}'", text.replace('\'', "''"));
    }

    fn name(&mut self, name: Name) {
        let definition = self.definition;
        let name = match name {
            Name::Parameter(place) => &definition.parameters.0[place].0,
            Name::Attribute(place) => &definition.attributes.0[place].0,
            Name::Metric(place) => &definition.metrics.0[place].0,
            Name::Score(place) => &definition.scores.0[place].0,
            Name::Dimension(place) => &definition.dimensions.0[place].0,
        };
        self.put(&quoted(name));
    }

    /// The expression, in parentheses where it holds together less than `least`.
    fn within(&mut self, expr: &Expr, least: Binding) {
        if binding(expr) < least {
            self.put("(");
            self.expr(expr);
            self.put(")");
        } else {
            self.expr(expr);
        }
    }

    fn list<'e>(&mut self, items: impl Iterator<Item = &'e Expr>) {
        for (place, item) in items.enumerate() {
            if place > 0 {
                self.put(", ");
            }
            self.expr(item);
        }
    }

    fn of_source(&mut self, function: &str, source: usize, days: Option<&WindowArgument>) {
        let source = quoted(&self.definition.sources.0.0[source].0);
        let _ = write!(self.text, "{function}({source}");
        if let Some(days) = days {
            self.put(", ");
            self.expr(&days.written);
        }
        self.put(")");
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Constant(constant) => match constant {
                Constant::Null => self.put("null"),
                Constant::Number(number) => self.number(*number),
                Constant::Text(text) => self.quoted_text(text),
                Constant::Date(day) => {
                    let day = Day::new((*day).into()).unwrap_or(Day::MIN);
                    let _ = write!(self.text, "date '{day}'");
                }
                Constant::Boolean(boolean) => self.put(if *boolean { "true" } else { "false" }),
            },
            Expr::Name(name) => self.name(*name),
            Expr::AsOf => self.put("as_of"),
            Expr::Reading { reader, source, window, .. } => {
                self.of_source(name_of(reader, &Reader::NAMES), *source, window.as_ref());
            }
            Expr::Prediction { predictor, source, horizon, .. } => {
                self.of_source(name_of(predictor, &Predictor::NAMES), *source, horizon.as_ref());
            }
            Expr::Calendar { function, date } => {
                self.put(name_of(function, &Calendar::NAMES));
                self.put("(");
                self.expr(date);
                self.put(")");
            }
            Expr::Arithmetic { op, left, right } => {
                let (own, tighter) = match op {
                    Arithmetic::Add | Arithmetic::Subtract => (Binding::Sum, Binding::Product),
                    _ => (Binding::Product, Binding::Atom),
                };
                self.within(left, own);
                let _ = write!(self.text, " {} ", op.symbol());
                self.within(right, tighter);
            }
            Expr::Negate(inner) => {
                self.put("-");
                let negative =
                    matches!(&**inner, Expr::Constant(Constant::Number(number)) if number.is_sign_negative());
                if negative || matches!(**inner, Expr::Negate(_)) {
                    self.put("(");
                    self.expr(inner);
                    self.put(")");
                } else {
                    self.within(inner, Binding::Atom);
                }
            }
            Expr::Call { function, arguments } => {
                self.put(name_of(function, &Function::NAMES));
                self.put("(");
                self.list(arguments.iter());
                self.put(")");
            }
            Expr::Compare { op, left, right } => {
                self.within(left, Binding::Sum);
                let _ = write!(self.text, " {} ", op.symbol());
                self.within(right, Binding::Sum);
            }
            Expr::In { value, list, negated } => {
                self.within(value, Binding::Sum);
                self.put(if *negated { " not in (" } else { " in (" });
                self.list(list.iter());
                self.put(")");
            }
            Expr::CodeIn { scores, cells, negated } => {
                self.put("code(");
                for (place, score) in scores.iter().enumerate() {
                    self.put(if place > 0 { ", " } else { "" });
                    self.name(Name::Score(*score));
                }
                self.put(if *negated { ") not in (" } else { ") in (" });
                for (place, cell) in cells.iter().enumerate() {
                    self.put(if place > 0 { ", " } else { "" });
                    self.quoted_text(&cell_code(*cell, scores.len()));
                }
                self.put(")");
            }
            Expr::Like { value, pattern, negated } => {
                self.within(value, Binding::Sum);
                self.put(if *negated { " not like " } else { " like " });
                self.quoted_text(pattern);
            }
            Expr::Logic { op, terms } => {
                let (word, tighter) = match op {
                    Logic::And => (" and ", Binding::Not),
                    Logic::Or => (" or ", Binding::And),
                };
                for (place, term) in terms.iter().enumerate() {
                    self.put(if place > 0 { word } else { "" });
                    self.within(term, tighter);
                }
            }
            Expr::Not(inner) => {
                self.put("not ");
                self.within(inner, Binding::Not);
            }
            Expr::Is { value, test, negated } => {
                self.within(value, Binding::Sum);
                self.put(if *negated { " is not " } else { " is " });
                self.put(test.name());
            }
            Expr::Case { branches, otherwise } => {
                self.put("case");
                for (when, then) in branches {
                    self.put(" when ");
                    self.expr(when);
                    self.put(" then ");
                    self.expr(then);
                }
                if let Some(otherwise) = otherwise {
                    self.put(" else ");
                    self.expr(otherwise);
                }
                self.put(" end");
            }
        }
    }
}

fn binding(expr: &Expr) -> Binding {
    match expr {
        Expr::Logic { op: Logic::Or, .. } => Binding::Or,
        Expr::Logic { op: Logic::And, .. } => Binding::And,
        Expr::Not(_) => Binding::Not,
        Expr::Compare { .. } | Expr::In { .. } | Expr::CodeIn { .. } | Expr::Like { .. } | Expr::Is { .. } => {
            Binding::Predicate
        }
        Expr::Arithmetic { op: Arithmetic::Add | Arithmetic::Subtract, .. } => Binding::Sum,
        Expr::Arithmetic { .. } => Binding::Product,
        _ => Binding::Atom,
    }
}
