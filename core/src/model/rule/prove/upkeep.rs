//! What nothing uses, and what calibration left to be desired.

use std::collections::HashSet;

use rust_decimal::Decimal;

use crate::predict::Remark;

use super::super::super::{CalibratedScore, Method, NumberOr};
use super::super::parse::{Scope, parse_any};
use super::super::{Expr, Name};
use super::{Check, Finding};

/// What the expressions of a model refer to.
#[derive(Default)]
struct Used {
    names: HashSet<Name>,
    sources: HashSet<usize>,
}

impl Used {
    fn add(&mut self, expr: &Expr) {
        expr.walk(&mut |part| match part {
            Expr::Name(name) => _ = self.names.insert(*name),
            Expr::CodeIn { scores, .. } => self.names.extend(scores.iter().map(|score| Name::Score(*score))),
            Expr::Reading { source, window, .. } => {
                self.sources.insert(*source);
                if let Some(window) = window {
                    self.add_window(&window.written);
                }
            }
            Expr::Prediction { source, horizon, .. } => {
                self.sources.insert(*source);
                if let Some(horizon) = horizon {
                    self.add_window(&horizon.written);
                }
            }
            _ => {}
        });
    }

    /// A window, or a horizon, reads parameters only.
    fn add_window(&mut self, written: &Expr) {
        written.walk(&mut |part| {
            if let Expr::Name(name) = part {
                self.names.insert(*name);
            }
        });
    }
}

impl Check<'_, '_> {
    pub(super) fn upkeep(&mut self) {
        let used = self.used();
        let model = self.model;
        let definition = &model.definition;
        let mut unused = |kind: &str, list: &str, names: Vec<&str>, is_used: &dyn Fn(usize) -> bool| {
            for (_, name) in names.into_iter().enumerate().filter(|(place, _)| !is_used(*place)) {
                let finding = format!("nothing uses {kind} \"{name}\"");
                self.add(Finding::warning(format!("{list}.{name}"), finding));
            }
        };
        let named = |name: fn(usize) -> Name| {
            let used = &used;
            move |place| used.names.contains(&name(place))
        };
        unused("parameter", "parameters", definition.parameters.names().collect(), &named(Name::Parameter));
        unused("source", "sources", definition.sources.0.names().collect(), &|place| used.sources.contains(&place));
        unused("attribute", "attributes", definition.attributes.names().collect(), &named(Name::Attribute));
        unused("metric", "metrics", definition.metrics.names().collect(), &named(Name::Metric));
        unused("score", "scores", definition.scores.names().collect(), &named(Name::Score));
        unused("dimension", "dimensions", definition.dimensions.names().collect(), &named(Name::Dimension));
        for source in model.unfitted() {
            let finding = format!("nothing was fitted to source \"{source}\" yet: calibrate the model");
            self.add(Finding::note(format!("sources.{source}"), finding));
        }
        for (name, fit) in definition.calibration.iter().flat_map(|calibration| calibration.fits.iter()) {
            let path = format!("calibration.fits.{name}");
            for remark in fit.remarks() {
                self.add(match remark {
                    Remark::Useless(finding) => Finding::warning(path.clone(), finding),
                    Remark::Special(finding) => Finding::note(path.clone(), finding),
                });
            }
        }
        for (place, name) in definition.scores.names().enumerate() {
            let calibrated = definition.calibration.as_ref().and_then(|calibration| calibration.scores.get(name));
            match calibrated {
                Some(calibrated) => self.calibrated(name, &model.scores[place].method, calibrated),
                None if model.scores[place].cuts.is_none() => {
                    let finding = format!("score \"{name}\" has no cuts yet: calibrate the model");
                    self.add(Finding::note(format!("scores.{name}"), finding));
                }
                None => {}
            }
        }
    }

    fn used(&self) -> Used {
        let model = self.model;
        let mut used = Used::default();
        model.expressions().for_each(|expr| used.add(expr));
        // numbers of scores, and requirements, are text still
        let definition = &model.definition;
        let of_score = definition.scores.iter().flat_map(|(_, score)| {
            let lists = score.cuts.iter().chain(&score.top_share).flatten();
            lists.chain(&score.quantile).chain(&score.natural_breaks)
        });
        let expressions = of_score.filter_map(|number| match number {
            NumberOr::Expression(text) => Some(text),
            NumberOr::Number(_) => None,
        });
        let parameters = definition.parameters.iter().map(|(name, number)| (name, number.0)).collect();
        let mut scope = Scope { parameters, timeless: true, ..Scope::default() };
        for text in expressions.chain(&definition.requires) {
            if let Ok((expr, _)) = parse_any(text, "", &mut scope) {
                used.add(&expr);
            }
        }
        used
    }

    fn calibrated(&mut self, name: &str, method: &Method, calibrated: &CalibratedScore) {
        let path = format!("calibration.scores.{name}");
        let CalibratedScore { users, reached, .. } = calibrated;
        if *users == 0 {
            let finding = format!("score \"{name}\" was calibrated on nobody: no user had a value");
            return self.add(Finding::warning(path, finding));
        }
        let scores = || (1..).zip(reached);
        let empty: Vec<String> =
            scores().filter(|(_, users)| **users == 0).map(|(score, _)| score.to_string()).collect();
        if !empty.is_empty() {
            let finding = format!(
                "score \"{name}\": nobody reached {} of {}, with {users} users who have a value",
                empty.join(", "),
                reached.len()
            );
            self.add(Finding::warning(path.clone(), finding));
        }
        let wanted: Vec<Decimal> = match method {
            Method::Quantile(bins, _) => vec![Decimal::ONE / Decimal::from(bins.get()); reached.len()],
            Method::TopShare(shares, _) => {
                let rest = Decimal::ONE - shares.iter().sum::<Decimal>();
                [rest].into_iter().chain(shares.iter().rev().copied()).collect()
            }
            _ => return,
        };
        let percent = |share: Decimal| (share * Decimal::ONE_HUNDRED).round();
        let off: Vec<String> = scores()
            .zip(wanted)
            .map(|((score, reached), wanted)| (score, Decimal::from(*reached) / Decimal::from(*users), wanted))
            .filter(|(_, reached, wanted)| (*reached - wanted).abs() > Decimal::new(1, 1))
            .map(|(score, reached, wanted)| format!("{score} has {} %, not {} %", percent(reached), percent(wanted)))
            .collect();
        if !off.is_empty() {
            let finding = format!("score \"{name}\": shares are off, for many users are equal: {}", off.join("; "));
            self.add(Finding::note(path, finding));
        }
    }
}
