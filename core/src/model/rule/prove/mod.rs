//! Shows what can never match, what overlaps, what is not covered, with a counterexample each.
//!
//! A question about conditions is a search for a user. Users differ along *axes* ([`axis`]): readings, attributes, ages
//! of dates, scores without cuts. The constants that the model compares them with cut each axis into cells, on which
//! every comparison is the same ([`plan`]); SQL's NULL is a cell of its own. The search ([`search`]) goes through the
//! cells with SQL's three-valued logic ([`partial`]) and leaves out what no ledger can say ([`possible`]). So *no* is
//! proved, and *yes* comes with a user. What lies beyond, or beyond the budget, is "not decided".
//!
//! Dates are taken to be finite, and arithmetic to be exact: that the 29th digit is rounded away is left out of account.

mod axis;
mod build;
mod confirm;
mod cut;
mod example;
mod few;
mod interval;
mod lists;
mod partial;
mod pattern;
mod plan;
mod possible;
mod range;
mod search;
mod upkeep;

use std::fmt;

use super::super::Model;
use super::print::print;
use super::{Comparison, Expr, Logic};
use plan::Plan;
use search::{Answer, Outcome, Reason, Search, What, Wish};

/// The most steps of one question. To look into a cell is a step; where `k` readings of a source are known, `k²`.
pub const STEPS_PER_QUESTION: u64 = 500_000;
/// The most steps of a check, all questions together: a few seconds.
pub const STEPS: u64 = 5_000_000;

/// Something that the author of a model should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// Where in the definition: `layers[2]`.
    pub path: String,
    pub finding: String,
    /// A user who shows it, as a JSON object.
    pub counterexample: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Warning,
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Note => "note",
        })
    }
}

impl Finding {
    fn warning(path: impl Into<String>, finding: impl Into<String>) -> Self {
        Finding { severity: Severity::Warning, path: path.into(), finding: finding.into(), counterexample: None }
    }

    fn note(path: impl Into<String>, finding: impl Into<String>) -> Self {
        Finding { severity: Severity::Note, ..Self::warning(path, finding) }
    }

    fn with(self, counterexample: String) -> Self {
        Finding { counterexample: Some(counterexample), ..self }
    }
}

impl Model {
    /// Everything that the author of the model should know, in the order of the definition.
    pub fn check(&self) -> Vec<Finding> {
        let plan = Plan::of(self);
        let mut check = Check { model: self, search: Search::of(&plan), plan: &plan, findings: Vec::new() };
        check.upkeep();
        if !plan.too_large && check.population() {
            for place in 0..self.dimensions.len() {
                check.dimension(place);
            }
            check.model_layers();
        }
        for (path, text) in self.rechecked_daily() {
            let finding = format!("{text} changes every day, and not evenly: the clock has to look at each day");
            check.add(Finding::warning(path, finding));
        }
        if check.search.is_exhausted() {
            let reason = match plan.too_large {
                true => "the model compares too many things".to_owned(),
                false => format!("the questions take more than {STEPS} steps"),
            };
            check.add(Finding::note("", format!("not decided: {reason}; what is missing here was not looked at")));
        }
        check.findings
    }
}

struct Check<'p, 'm> {
    model: &'m Model,
    plan: &'p Plan<'m>,
    search: Search<'p, 'm>,
    findings: Vec<Finding>,
}

impl<'p, 'm: 'p> Check<'p, 'm> {
    fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// A question about users of the population.
    fn ask(&mut self, wishes: &[Wish<'p>]) -> Answer {
        let population = self.model.population.as_ref().map(|population| Wish::of(population, Outcome::True));
        let wishes: Vec<Wish<'p>> = population.into_iter().chain(wishes.iter().copied()).collect();
        self.search.find(&wishes)
    }

    fn not_decided(&mut self, path: &str, question: &str, reason: Reason) {
        // said once, at the end
        if self.search.is_exhausted() {
            return;
        }
        let reason = match reason {
            Reason::Budget => format!("that takes more than {STEPS_PER_QUESTION} steps"),
            Reason::Method => "its expressions depend on each other in ways that are not followed".to_owned(),
        };
        self.add(Finding::note(path, format!("not decided {question}: {reason}")));
    }

    /// Whether there can be users.
    fn population(&mut self) -> bool {
        let model = self.model;
        let Some(population) = &model.population else { return true };
        self.comparisons("population", population, false);
        let never = self.search.find(&[Wish::of(population, Outcome::True)]) == Answer::Never;
        if never {
            self.add(Finding::warning("population", "nobody can be in the population"));
        }
        !never
    }

    /// Warns of comparisons whose outcome does not depend on the user.
    fn comparisons(&mut self, path: &str, expr: &'m Expr, in_range: bool) {
        match expr {
            Expr::Logic { op, terms } => {
                for term in terms {
                    // x between 0 and 30: that one end goes without saying is no mistake
                    let in_range = *op == Logic::And && terms.iter().any(|other| is_other_end(term, other));
                    self.comparisons(path, term, in_range);
                }
            }
            Expr::Not(inner) => self.comparisons(path, inner, false),
            Expr::In { value, list, .. } => {
                let before = self.findings.len();
                for item in list {
                    self.comparison(path, What::Equal(value, item), true);
                }
                if self.findings.len() == before {
                    self.comparison(path, What::Condition(expr), false);
                }
            }
            Expr::Compare { .. } | Expr::CodeIn { .. } | Expr::Like { .. } | Expr::Is { .. } => {
                self.comparison(path, What::Condition(expr), in_range);
            }
            Expr::Case { branches, otherwise } => {
                for (when, then) in branches {
                    self.comparisons(path, when, false);
                    self.comparisons(path, then, false);
                }
                otherwise.iter().for_each(|otherwise| self.comparisons(path, otherwise, false));
            }
            _ => {}
        }
    }

    /// `may_hold` where it is no news that it always does.
    fn comparison(&mut self, path: &str, what: What<'m>, may_hold: bool) {
        let mut can = |outcome| {
            let wish = [Wish { what, outcome }];
            if path == "population" { self.search.find(&wish) } else { self.ask(&wish) }
        };
        let (truth, falsehood) = (can(Outcome::True), can(Outcome::False));
        let verdict = match (truth, falsehood) {
            (Answer::Never, Answer::Never) => "is always unknown (NULL)",
            (Answer::Never, Answer::Example(_)) => match can(Outcome::Unknown) {
                Answer::Never => "is always false",
                _ => "is never true",
            },
            (Answer::Example(_), Answer::Never) if !may_hold => match can(Outcome::Unknown) {
                Answer::Never => "is always true",
                _ => "is true for everybody who has a value",
            },
            _ => return,
        };
        let printed = match what {
            What::Condition(condition) => print(condition, &self.model.definition),
            What::Equal(left, right) => {
                let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
                print(&Expr::Compare { op: Comparison::Equal, left, right }, &self.model.definition)
            }
        };
        self.add(Finding::warning(path, format!("{printed} {verdict}, whoever the user is")));
    }
}

/// Whether two comparisons bound the same value.
fn is_other_end(one: &Expr, other: &Expr) -> bool {
    match (one, other) {
        (Expr::Compare { op, left, .. }, Expr::Compare { op: other_op, left: other_left, .. }) => {
            use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
            let up = |op: &Comparison| matches!(op, Greater | GreaterOrEqual);
            let down = |op: &Comparison| matches!(op, Less | LessOrEqual);
            left == other_left && (up(op) && down(other_op) || down(op) && up(other_op))
        }
        _ => false,
    }
}
