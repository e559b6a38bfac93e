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
use super::{Comparison, Expr, Logic, Name, Test, Value};

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

/// A comparison in words.
#[derive(Debug, Clone, PartialEq)]
struct Words {
    which: Which,
    en: Parts,
    zh: Parts,
    /// Which numbers are needed, where that can be said so.
    range: Option<Range>,
}

#[derive(Debug, Clone, PartialEq)]
struct Parts {
    subject: String,
    value: String,
    needed: String,
}

impl Ground {
    /// `recency is 45, needed at most 30`
    fn text(&self, lang: Lang) -> String {
        let Parts { subject, value, needed } = in_lang(lang, &self.words.en, &self.words.zh);
        let deeper = text(&self.because, lang);
        let is = in_lang(lang, format!("{subject} is {value}"), format!("{subject}为{value}"));
        let same = needed == value || *needed == words::comparison(Comparison::Equal, value, lang);
        match self.words.which {
            _ if !deeper.is_empty() => {
                in_lang(lang, format!("{is}, needed {needed} ({deeper})"), format!("{is}，需要{needed}（{deeper}）"))
            }
            Which::Held if same => is,
            Which::Held => in_lang(lang, format!("{is} ({needed})"), format!("{is}（{needed}）")),
            Which::Failed => in_lang(lang, format!("{is}, needed {needed}"), format!("{is}，需要{needed}")),
        }
    }

    /// Takes over what another comparison that held asks of the same number.
    fn join(&mut self, other: &Ground) -> bool {
        let (own, words) = (&mut self.words, &other.words);
        let (Some(range), Some(more)) = (own.range, words.range) else { return false };
        if own.which != Which::Held || own.en.subject != words.en.subject || own.en.value != words.en.value {
            return false;
        }
        let range = range.and(&more);
        own.range = Some(range);
        own.en.needed = words::range_in_words(&range, Lang::En);
        own.zh.needed = words::range_in_words(&range, Lang::Zh);
        true
    }
}

/// Comparisons in words, those that held of one number together: `idle is 5 (from 1 to 30); spent is 918 (more than 100)`.
pub(crate) fn text(grounds: &[Ground], lang: Lang) -> String {
    let mut joined: Vec<Ground> = Vec::with_capacity(grounds.len());
    for ground in grounds {
        if !joined.iter_mut().any(|before| before.join(ground)) {
            joined.push(ground.clone());
        }
    }
    let texts: Vec<String> = joined.iter().map(|ground| ground.text(lang)).collect();
    texts.join(in_lang(lang, "; ", "；"))
}

/// Which comparisons are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that made the condition hold.
    Held,
    /// Those that kept it from holding.
    Failed,
}

/// The most codes that people are told.
const MOST_CODES: usize = 3;

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
        let mut range = None;
        let (subject, value, needed, needed_words): (_, _, _, Box<dyn Fn(Lang) -> String>) = match expr {
            Expr::Compare { op, left, right } => {
                let (op, side, other) = match constant(left, &parameter) {
                    Some(_) => (op.mirrored(), right, left),
                    None => (*op, left, right),
                };
                let other = self.evaluation.value(other);
                let op = if truth { op } else { negated(op) };
                range = match (other, &Need::ranges(op, other.number().unwrap_or_default())[..]) {
                    (Value::Number(_), [range]) => Some(*range),
                    _ => None,
                };
                let words = move |lang| {
                    let value = value_words(model, side, other, lang);
                    match (op, other) {
                        (Comparison::Equal | Comparison::NotDistinct, Value::Text(_)) => value,
                        _ => words::comparison(op, &value, lang),
                    }
                };
                let needed = format!("{} {}", op.symbol(), sql(other));
                (&**side, self.evaluation.value(side), needed, Box::new(words))
            }
            Expr::In { value, list, negated } => {
                let items: Vec<Value<'_>> = list.iter().map(|item| self.evaluation.value(item)).collect();
                let listed: Vec<String> = items.iter().map(|item| sql(*item)).collect();
                let needed = format!("{}in ({})", not(*negated), listed.join(", "));
                let negated = truth == *negated;
                let words = move |lang| {
                    let items: Vec<String> = items.iter().map(|item| value_words(model, value, *item, lang)).collect();
                    words::one_of(&items, negated, lang)
                };
                (&**value, self.evaluation.value(value), needed, Box::new(words))
            }
            Expr::Like { value, pattern, negated } => {
                let needed = format!("{}like {}", not(*negated), sql(Value::Text(pattern)));
                let (negated, which) = (truth == *negated, self.which);
                let words = move |lang| {
                    let matches = words::matches(pattern, negated, lang);
                    match (which, lang) {
                        (Which::Failed, Lang::En) => format!("one that {matches}"),
                        _ => matches,
                    }
                };
                (&**value, self.evaluation.value(value), needed, Box::new(words))
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
        let parts = |lang| Parts {
            subject: words::subject(model, subject, lang),
            value: value_words(model, subject, value, lang),
            needed: needed_words(lang),
        };
        let words = self.words(parts, range);
        Ground { comparison, value: value.into(), needed, because, words }
    }

    fn words(&self, parts: impl Fn(Lang) -> Parts, range: Option<Range>) -> Words {
        Words { which: self.which, en: parts(Lang::En), zh: parts(Lang::Zh), range }
    }

    fn code(&mut self, comparison: String, scores: &[usize], cells: &[String], negated: bool) -> Ground {
        let model = self.model;
        let quoted: Vec<String> = cells.iter().map(|cell| format!("'{cell}'")).collect();
        let needed = format!("{}in ({})", if negated { "not " } else { "" }, quoted.join(", "));
        let digits: Option<String> =
            scores.iter().map(|score| self.evaluation.score(*score).map(|digit| digit.to_string())).collect();
        let value = digits.as_deref().map_or(Value::Null, Value::Text);
        // people are told the nearest codes only
        let far = |cell: &String| -> u32 {
            let pairs = cell.bytes().zip(digits.as_deref().unwrap_or_default().bytes());
            pairs.map(|(cell, own)| u32::from(cell.abs_diff(own))).sum()
        };
        let mut nearest = cells.to_vec();
        nearest.sort_by_key(far);
        if nearest.len() > MOST_CODES {
            nearest.truncate(MOST_CODES);
            nearest.push("…".to_owned());
        }
        let parts = |lang| Parts {
            subject: words::code(model, scores, lang),
            value: words::value(value, lang),
            needed: words::one_of(&nearest, negated, lang),
        };
        let words = self.words(parts, None);
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
                Expr::Compare { op: Comparison::Equal, left, right } => {
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
        let parts = |lang| Parts {
            subject: words::name(model, of, lang).to_owned(),
            value: words::value(value, lang),
            needed: words::need_words(&axis, &need, lang),
        };
        let words = self.words(parts, None);
        let comparison = format!("{} {needed}", axis.name);
        Some(Ground { comparison, value: value.into(), needed, because: Vec::new(), words })
    }
}

/// A value of an expression; the layer of a dimension by its label.
fn value_words(model: &Model, subject: &Expr, value: Value<'_>, lang: Lang) -> String {
    match (subject, value) {
        (Expr::Name(Name::Dimension(place)), Value::Text(layer)) => {
            words::dimension_layer(model, *place, layer, lang).to_owned()
        }
        _ => words::value(value, lang),
    }
}
