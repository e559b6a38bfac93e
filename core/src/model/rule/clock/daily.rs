//! Conditions that the clock cannot look ahead of.

use super::super::super::{Layered, Model};
use super::super::print::print;
use super::super::{Arithmetic, Expr, Function, Name};
use super::line::grows;

/// What time does to an expression, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Drift {
    Still,
    /// It is level between the days on which entries come in or drop out.
    Steps,
    /// It grows evenly between them.
    Grows,
    /// It falls between them, and not along a line: beside what stands still, its day can be found.
    Falls,
    /// It changes every day, and not along a line.
    Beyond,
}

impl Model {
    /// The conditions, by path and text, that the clock can only look at again every day: what they compare changes
    /// every day, and not evenly, as `recency(orders) * recency(visits)` or `recency(orders) % 7` do.
    pub fn rechecked_daily(&self) -> Vec<(String, String)> {
        let mut survey = Survey { model: self, metrics: Vec::new(), found: Vec::new() };
        for metric in &self.metrics {
            survey.metrics.push(survey.drift(metric));
        }
        if let Some(population) = &self.population {
            survey.condition("population", population);
        }
        for ((name, written), score) in self.definition.scores.iter().zip(&self.scores) {
            if survey.drift(&score.of) == Drift::Beyond {
                let metric = self.definition.metrics.get(&written.of);
                let text = metric.map_or(&written.of, |metric| &metric.value);
                survey.found.push((format!("scores.{name}"), text.clone()));
            }
        }
        for ((name, _), dimension) in self.definition.dimensions.iter().zip(&self.dimensions) {
            survey.layers(&format!("dimensions.{name}.layers"), &dimension.layers);
        }
        survey.layers("layers", &self.layers);
        survey.found
    }
}

struct Survey<'m> {
    model: &'m Model,
    /// Those of the metrics so far.
    metrics: Vec<Drift>,
    found: Vec<(String, String)>,
}

impl Survey<'_> {
    fn layers(&mut self, path: &str, layers: &[Layered]) {
        for (place, layer) in layers.iter().enumerate() {
            if let Some(when) = &layer.when {
                self.condition(&format!("{path}[{place}].when"), when);
            }
        }
    }

    /// Reports the innermost conditions that are beyond a line.
    fn condition(&mut self, path: &str, condition: &Expr) {
        match condition {
            Expr::Logic { terms, .. } => terms.iter().for_each(|term| self.condition(path, term)),
            Expr::Not(inner) => self.condition(path, inner),
            _ if self.drift(condition) == Drift::Beyond => {
                self.found.push((path.to_owned(), print(condition, &self.model.definition)));
            }
            _ => {}
        }
    }

    fn drift(&self, expr: &Expr) -> Drift {
        match expr {
            Expr::Constant(_) | Expr::CodeIn { .. } => Drift::Still,
            Expr::Name(Name::Parameter(_) | Name::Attribute(_) | Name::Score(_)) => Drift::Still,
            Expr::Name(Name::Metric(place)) => self.metrics[*place],
            // its conditions are reported where they stand
            Expr::Name(Name::Dimension(_)) => Drift::Steps,
            Expr::AsOf => Drift::Grows,
            Expr::Reading { reader, .. } if grows(*reader) => Drift::Grows,
            Expr::Reading { .. } => Drift::Steps,
            Expr::Prediction { .. } => Drift::Falls,
            Expr::Calendar { date, .. } => {
                if self.drift(date) < Drift::Grows {
                    Drift::Grows
                } else {
                    Drift::Beyond
                }
            }
            // what grows alike stays as far apart as it is
            Expr::Arithmetic { op: Arithmetic::Subtract, left, right }
                if self.grows_by_one(left) && self.grows_by_one(right) =>
            {
                Drift::Steps
            }
            Expr::Arithmetic { op, left, right } => {
                let (left, right) = (self.drift(left), self.drift(right));
                let bends = match op {
                    Arithmetic::Add | Arithmetic::Subtract => false,
                    Arithmetic::Multiply => left.min(right) == Drift::Grows,
                    Arithmetic::Divide => right >= Drift::Grows,
                    Arithmetic::Modulo => left.max(right) >= Drift::Grows,
                };
                if bends { Drift::Beyond } else { together(left, right) }
            }
            Expr::Call { function: Function::Nullif, arguments } => self.matching(&arguments[0], &arguments[1..]),
            Expr::Negate(_) | Expr::Call { .. } | Expr::Case { .. } => self.most(expr),
            Expr::In { value, list, .. } => stepping(self.matching(value, list)),
            Expr::Compare { left, right, .. } => stepping(together(self.drift(left), self.drift(right))),
            Expr::Like { .. } | Expr::Logic { .. } | Expr::Not(_) | Expr::Is { .. } => stepping(self.most(expr)),
        }
    }

    /// Whether it grows by one a day.
    fn grows_by_one(&self, expr: &Expr) -> bool {
        match expr {
            Expr::AsOf => true,
            Expr::Reading { reader, .. } => grows(*reader),
            Expr::Name(Name::Metric(place)) => self.grows_by_one(&self.model.metrics[*place]),
            _ => false,
        }
    }

    fn most(&self, expr: &Expr) -> Drift {
        let mut most = Drift::Still;
        expr.parts(&mut |part| most = most.max(self.drift(part)));
        most
    }

    /// A value that is compared with others for being equal.
    fn matching(&self, value: &Expr, others: &[Expr]) -> Drift {
        let others = others.iter().map(|other| self.drift(other)).max().unwrap_or(Drift::Still);
        let most = others.max(self.drift(value));
        if others > Drift::Still && most >= Drift::Grows { Drift::Beyond } else { most }
    }
}

/// What a condition on something that moves does: it is level until it turns.
fn stepping(operands: Drift) -> Drift {
    if operands == Drift::Beyond { operands } else { operands.min(Drift::Steps) }
}

/// Two that are set against each other.
fn together(left: Drift, right: Drift) -> Drift {
    let most = left.max(right);
    if most == Drift::Falls && left.min(right) > Drift::Still { Drift::Beyond } else { most }
}
