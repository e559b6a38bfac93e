//! Which comparisons of a condition decided it.

use serde::Serialize;

use crate::label::Lang;

use super::super::Model;
use super::evaluate::{Evaluation, constant};
use super::explain::Shown;
use super::print::{cell_code, print};
use super::way::axis::{Axis, Given};
use super::way::disjunction::{negated, score_range};
use super::way::need::{Need, Range};
use super::words::{self, in_lang, sql};
use super::{Expr, Logic, Name, Test, Value};

/// A comparison, with the user's value and the one that was needed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Ground {
    comparison: String,
    value: Shown,
    needed: String,
    /// The same one level deeper: of the metric below a score, or of the layer of a dimension.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    because: Vec<Ground>,
    #[serde(skip)]
    words: Words,
}

#[derive(Debug, Clone, PartialEq)]
struct Words {
    en: String,
    zh: String,
}

impl Ground {
    /// `recency is 45, needed <= 30`
    pub(crate) fn text(&self, lang: Lang) -> String {
        in_lang(lang, self.words.en.clone(), self.words.zh.clone())
    }
}

/// Which comparisons are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that made the condition hold.
    Held,
    /// Those that kept it from holding.
    Failed,
}

pub(crate) struct Grounds<'e, 'a> {
    evaluation: &'e mut Evaluation<'a>,
    model: &'a Model,
    which: Which,
    found: Vec<Ground>,
    deeper: bool,
}

impl<'e, 'a> Grounds<'e, 'a> {
    pub(crate) fn of(evaluation: &'e mut Evaluation<'a>, when: &'a Expr, which: Which) -> Vec<Ground> {
        Self::at(evaluation, when, which, true)
    }

    fn at(evaluation: &'e mut Evaluation<'a>, when: &'a Expr, which: Which, deeper: bool) -> Vec<Ground> {
        let model = evaluation.model;
        let mut grounds = Self { evaluation, model, which, found: Vec::new(), deeper };
        grounds.look(when, true);
        grounds.found
    }

    /// Whether an expression has the truth that is wanted of it.
    fn has(&mut self, expr: &'a Expr, truth: bool) -> bool {
        self.evaluation.value(expr) == Value::Boolean(truth)
    }

    fn look(&mut self, expr: &'a Expr, truth: bool) {
        match expr {
            Expr::Not(inner) => self.look(inner, !truth),
            Expr::Logic { op, terms } => {
                let all_needed = (*op == Logic::And) == truth;
                for term in terms {
                    let has = self.has(term, truth);
                    let counts = match (self.which, all_needed) {
                        (Which::Held, true) | (Which::Failed, false) => true,
                        (Which::Held, false) => has,
                        (Which::Failed, true) => !has,
                    };
                    if counts {
                        self.look(term, truth);
                    }
                }
            }
            Expr::Name(Name::Metric(place)) if self.evaluation.facts.metrics[*place].is_none() => {
                self.look(&self.model.metrics[*place], truth);
            }
            _ => {
                let ground = self.leaf(expr, truth);
                if !self.found.contains(&ground) {
                    self.found.push(ground);
                }
            }
        }
    }

    fn leaf(&mut self, expr: &'a Expr, truth: bool) -> Ground {
        let model = self.model;
        let parameter = |place: usize| model.parameters[place];
        let printed = print(expr, model.definition());
        let comparison = if truth { printed } else { format!("not ({printed})") };
        let not = |negated: bool| if truth == negated { "not " } else { "" };
        let (subject, value, needed, needed_words): (_, _, _, Box<dyn Fn(Lang) -> String>) = match expr {
            Expr::Compare { op, left, right } => {
                let (op, side, other) = match constant(left, &parameter) {
                    Some(_) => (op.mirrored(), right, left),
                    None => (*op, left, right),
                };
                let other = self.evaluation.value(other);
                let op = if truth { op } else { negated(op) };
                let words = move |lang| words::comparison(op, &words::value(other, lang), lang);
                let needed = format!("{} {}", op.symbol(), sql(other));
                (&**side, self.evaluation.value(side), needed, Box::new(words))
            }
            Expr::In { value, list, negated } => {
                let items: Vec<Value<'_>> = list.iter().map(|item| self.evaluation.value(item)).collect();
                let listed: Vec<String> = items.iter().map(|item| sql(*item)).collect();
                let needed = format!("{}in ({})", not(*negated), listed.join(", "));
                let negated = truth == *negated;
                let words = move |lang| {
                    let items: Vec<String> = items.iter().map(|item| words::value(*item, lang)).collect();
                    words::one_of(&items, negated, lang)
                };
                (&**value, self.evaluation.value(value), needed, Box::new(words))
            }
            Expr::Like { value, pattern, negated } => {
                let needed = format!("{}like {}", not(*negated), sql(Value::Text(pattern)));
                let words = needed.clone();
                (&**value, self.evaluation.value(value), needed, Box::new(move |_| words.clone()))
            }
            Expr::Is { value, test, negated } => {
                let test = if *test == Test::Unknown { Test::Null } else { *test };
                let needed = format!("is {}{}", not(*negated), test.name());
                let negated = truth == *negated;
                let words = move |lang| words::test(test, negated, lang).to_owned();
                (&**value, self.evaluation.value(value), needed, Box::new(words))
            }
            Expr::CodeIn { scores, cells, negated } => {
                let cells: Vec<String> = cells.iter().map(|cell| cell_code(*cell, scores.len())).collect();
                return self.code(comparison, scores, &cells, truth == *negated);
            }
            other => {
                let words = move |lang| words::value(Value::Boolean(truth), lang);
                (other, self.evaluation.value(other), format!("= {truth}"), Box::new(words))
            }
        };
        let because = if self.deeper { self.because(expr, subject, truth) } else { Vec::new() };
        let named = |lang| match subject {
            Expr::Name(name) => words::name(model, *name, lang).to_owned(),
            other => print(other, model.definition()),
        };
        let words = self.words(&named, value, &needed_words, &because);
        Ground { comparison, value: value.into(), needed, because, words }
    }

    fn words(
        &self,
        named: &dyn Fn(Lang) -> String,
        value: Value<'_>,
        needed: &dyn Fn(Lang) -> String,
        because: &[Ground],
    ) -> Words {
        let text = |lang: Lang| {
            let (name, value, needed) = (named(lang), words::value(value, lang), needed(lang));
            let deeper: Vec<String> = because.iter().map(|ground| ground.text(lang)).collect();
            let deeper = deeper.join(in_lang(lang, "; ", "；"));
            match (lang, self.which) {
                (Lang::En, _) if !deeper.is_empty() => format!("{name} is {value}, needed {needed} ({deeper})"),
                (Lang::Zh, _) if !deeper.is_empty() => format!("{name}为{value}，需要{needed}（{deeper}）"),
                (Lang::En, Which::Held) => format!("{name} is {value} ({needed})"),
                (Lang::Zh, Which::Held) => format!("{name}为{value}（{needed}）"),
                (Lang::En, Which::Failed) => format!("{name} is {value}, needed {needed}"),
                (Lang::Zh, Which::Failed) => format!("{name}为{value}，需要{needed}"),
            }
        };
        Words { en: text(Lang::En), zh: text(Lang::Zh) }
    }

    fn code(&mut self, comparison: String, scores: &[usize], cells: &[String], negated: bool) -> Ground {
        let model = self.model;
        let quoted: Vec<String> = cells.iter().map(|cell| format!("'{cell}'")).collect();
        let needed = format!("{}in ({})", if negated { "not " } else { "" }, quoted.join(", "));
        let digits: Option<String> =
            scores.iter().map(|score| self.evaluation.score(*score).map(|digit| digit.to_string())).collect();
        let value = digits.as_deref().map_or(Value::Null, Value::Text);
        let named = |lang| {
            let names: Vec<&str> = scores.iter().map(|score| words::name(model, Name::Score(*score), lang)).collect();
            names.join("-")
        };
        let words = self.words(&named, value, &|lang| words::one_of(cells, negated, lang), &[]);
        Ground { comparison, value: value.into(), needed, because: Vec::new(), words }
    }

    /// What lies below a comparison of a score or a dimension that failed.
    fn because(&mut self, expr: &'a Expr, subject: &'a Expr, truth: bool) -> Vec<Ground> {
        if self.which == Which::Held {
            return Vec::new();
        }
        match subject {
            Expr::Name(Name::Score(place)) if self.evaluation.facts.scores[*place].is_none() => {
                self.below_score(expr, *place, truth).into_iter().collect()
            }
            Expr::Name(Name::Dimension(place)) if truth => match expr {
                Expr::Compare { op: super::Comparison::Equal, left, right } => {
                    let text = |expr: &'a Expr| match expr {
                        Expr::Constant(constant) => Some(constant.value()),
                        _ => None,
                    };
                    let Some(Value::Text(layer)) = text(left).or(text(right)) else { return Vec::new() };
                    let layers = &self.model.dimensions[*place].layers;
                    let wanted = (0..layers.len()).find(|wanted| self.model.dimension_layer(*place, *wanted) == layer);
                    match wanted.and_then(|wanted| layers[wanted].when.as_ref()) {
                        Some(when) if !self.has(when, true) => Grounds::at(self.evaluation, when, Which::Failed, false),
                        _ => Vec::new(),
                    }
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The values of the metric whose scores would do, where they lie together; the nearest ones where not.
    fn below_score(&mut self, expr: &'a Expr, place: usize, truth: bool) -> Option<Ground> {
        let model = self.model;
        let score = &model.scores[place];
        let parameter = |place: usize| model.parameters[place];
        let accepts = |digit: u8| -> Option<bool> {
            let digit = Value::Number(digit.into());
            let found = match expr {
                Expr::Compare { op, left, right } => match (constant(left, &parameter), constant(right, &parameter)) {
                    (None, Some(other)) => super::evaluate::compare(*op, digit, other),
                    (Some(other), None) => super::evaluate::compare(op.mirrored(), digit, other),
                    _ => None,
                },
                Expr::In { list, negated, .. } => {
                    let values = list.iter().map(|item| constant(item, &parameter)).collect::<Option<Vec<_>>>()?;
                    Some(values.contains(&digit) != *negated)
                }
                _ => None,
            };
            found.map(|found| found == truth)
        };
        let fitting: Vec<u8> = (1..=score.bins).filter(|digit| accepts(*digit) == Some(true)).collect();
        let now = self.evaluation.score(place).unwrap_or(1);
        let nearest = *fitting.iter().min_by_key(|digit| digit.abs_diff(now))?;
        let mut ends = (nearest, nearest);
        while fitting.contains(&(ends.0 - 1)) {
            ends.0 -= 1;
        }
        while fitting.contains(&(ends.1 + 1)) {
            ends.1 += 1;
        }
        let (low, high) = (Range::point(ends.0.into()).low, Range::point(ends.1.into()).high);
        let range = score_range(model, place, &Range { low, high })?;
        let given = Given {
            metrics: self.evaluation.facts.metrics.iter().map(Option::is_some).collect(),
            scores: self.evaluation.facts.scores.iter().map(Option::is_some).collect(),
        };
        let axis = Axis::of(model, &given, &score.of, false);
        let range = if axis.whole { range.of_whole() } else { range };
        let need = Need::range(range, false);
        let needed = words::needed(&axis, &need);
        let value = self.evaluation.value(&score.of);
        let Expr::Name(of) = score.of else { return None };
        let words = self.words(
            &|lang| words::name(model, of, lang).to_owned(),
            value,
            &|lang| words::need_words(&axis, &need, lang),
            &[],
        );
        let comparison = format!("{} {needed}", axis.name);
        Some(Ground { comparison, value: value.into(), needed, because: Vec::new(), words })
    }
}
