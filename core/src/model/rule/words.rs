//! Names, numbers and needs in the words of people, in each language.

use rust_decimal::Decimal;

use crate::day::Day;
use crate::label::{Label, Lang};

use super::super::Model;
use super::describe;
use super::way::Step;
use super::way::axis::{Axis, Lever, is_money};
use super::way::need::{Need, Range, Wanted};
use super::way::plan::{NewEvents, Plan};
use super::{Comparison, Constant, Expr, Name, Predictor, Reader, Test, Value};

/// One text in the language that is asked for.
pub(crate) fn in_lang<T>(lang: Lang, en: T, zh: T) -> T {
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

fn labelled<'m>(label: &'m Label, name: &'m str, lang: Lang) -> &'m str {
    label.get(lang).unwrap_or(name)
}

/// What people call a source.
pub(crate) fn source(model: &Model, place: usize, lang: Lang) -> &str {
    let (name, label) = &model.definition().sources.0.0[place];
    labelled(label, name, lang)
}

/// What people call one event of a source.
pub(crate) fn event(model: &Model, place: usize, lang: Lang) -> String {
    let name = source(model, place, lang);
    match lang {
        Lang::Zh => name.to_owned(),
        Lang::En => singular(name).unwrap_or_else(|| name.to_owned()),
    }
}

/// One of several, where the plural is a regular one.
fn singular(name: &str) -> Option<String> {
    let is_word = name.len() > 2 && name.chars().all(|char| char.is_ascii_alphabetic() || " _-".contains(char));
    if !is_word || name.ends_with("ss") || name.ends_with("us") || name.ends_with("is") {
        return None;
    }
    if let Some(stem) = name.strip_suffix("ies") {
        return Some(format!("{stem}y"));
    }
    let hissing = ["sses", "shes", "ches", "xes", "zes"].iter().any(|end| name.ends_with(end));
    if hissing { name.strip_suffix("es") } else { name.strip_suffix('s') }.map(str::to_owned)
}

/// `3 more orders`
fn events_more(model: &Model, place: usize, count: Decimal, lang: Lang) -> String {
    let name = source(model, place, lang);
    match (lang, singular(name)) {
        (Lang::Zh, _) => format!("再来{count}{}{name}", measure(model, place, name)),
        (Lang::En, Some(one)) if count == Decimal::ONE => format!("1 more {one}"),
        (Lang::En, Some(_)) => format!("{count} more {name}"),
        (Lang::En, None) => format!("{count} more in {name}"),
    }
}

/// The Chinese measure word: 笔 for what is paid, 次 for what is done.
fn measure(model: &Model, place: usize, name: &str) -> &'static str {
    let mut paid = name.ends_with('单');
    for metric in &model.metrics {
        metric.walk(&mut |part| {
            paid |= match part {
                Expr::Reading { reader, source, .. } => *source == place && is_money(*reader),
                Expr::Prediction { predictor: Predictor::LifetimeValue, source, .. } => *source == place,
                _ => false,
            };
        });
    }
    if paid { "笔" } else { "次" }
}

/// New events as they are carried out: `2 more orders, worth 82.00 in total`. They end with the `longest` of the plan.
fn new_events(model: &Model, new: &NewEvents, longest: i64, lang: Lang) -> String {
    let mut text = events_more(model, new.source, new.events.into(), lang);
    if new.amount > Decimal::ZERO {
        let amount = amount(new.amount);
        text += &in_lang(lang, format!(", worth {amount} in total"), format!("，合计{amount}"));
    }
    let days = new.days;
    text += &match (days, longest) {
        (1, 1) => String::new(),
        (1, _) => in_lang(lang, ", on the last of these days", "，在最后一天").to_owned(),
        _ if days == longest => in_lang(lang, format!(", on {days} days in a row"), format!("，连续{days}天")),
        _ => in_lang(lang, format!(", on the last {days} of these days"), format!("，在最后{days}天")),
    };
    text
}

pub(crate) fn amount(number: Decimal) -> String {
    let mut number = number.normalize();
    if number.scale() < 2 {
        number.rescale(2);
    }
    number.to_string()
}

/// `an order`
pub(crate) fn one(name: &str) -> String {
    let vowel = name.chars().next().is_some_and(|first| "aeiouAEIOU".contains(first));
    format!("{} {name}", if vowel { "an" } else { "a" })
}

/// What people call a metric, score, attribute or dimension.
pub(crate) fn name(model: &Model, name: Name, lang: Lang) -> &str {
    let definition = model.definition();
    match name {
        Name::Parameter(place) => &definition.parameters.0[place].0,
        Name::Attribute(place) => {
            let (name, attribute) = &definition.attributes.0[place];
            labelled(&attribute.label, name, lang)
        }
        Name::Metric(place) => {
            let (name, metric) = &definition.metrics.0[place];
            labelled(&metric.label, name, lang)
        }
        Name::Score(place) => {
            let (name, score) = &definition.scores.0[place];
            labelled(&score.label, name, lang)
        }
        Name::Dimension(place) => {
            let (name, dimension) = &definition.dimensions.0[place];
            labelled(&dimension.label, name, lang)
        }
    }
}

/// What people call an expression: its name, or what it says.
pub(crate) fn subject(model: &Model, expr: &Expr, lang: Lang) -> String {
    match expr {
        Expr::Name(place) => name(model, *place, lang).to_owned(),
        expr => describe::expression(model, expr, lang),
    }
}

/// A value as people read it.
pub(crate) fn value(value: Value<'_>, lang: Lang) -> String {
    match value {
        Value::Null => in_lang(lang, "unknown", "无值").to_owned(),
        Value::Number(number) => number.normalize().to_string(),
        Value::Text(text) => text.to_owned(),
        Value::Date(day) => date(day),
        Value::Boolean(boolean) => {
            in_lang(lang, if boolean { "yes" } else { "no" }, if boolean { "是" } else { "否" }).to_owned()
        }
    }
}

/// A date as PostgreSQL counts it; its infinities by their names.
pub(crate) fn date(day: i32) -> String {
    match (day, Day::new(day.into())) {
        (_, Some(day)) => day.to_string(),
        (i32::MIN, None) => "-infinity".to_owned(),
        _ => "infinity".to_owned(),
    }
}

/// A number of an axis: a number, or a day.
fn number(axis: &Axis, number: Decimal) -> String {
    use rust_decimal::prelude::ToPrimitive;
    match number.to_i32() {
        Some(day) if axis.date => date(day),
        _ => number.normalize().to_string(),
    }
}

/// What is needed, in an expression's own signs: `<= 30`.
pub(crate) fn needed(axis: &Axis, need: &Need) -> String {
    let list = |list: &[Constant]| {
        let items: Vec<String> = list.iter().map(|constant| sql(constant.value())).collect();
        items.join(", ")
    };
    let text = match &need.wanted {
        Wanted::Range(range) => match (range.as_point(), range.low, range.high) {
            (Some(point), ..) => format!("= {}", number(axis, point)),
            (_, low, high) => {
                let low =
                    low.map(|low| format!("{} {}", if low.inclusive { ">=" } else { ">" }, number(axis, low.value)));
                let high = high
                    .map(|high| format!("{} {}", if high.inclusive { "<=" } else { "<" }, number(axis, high.value)));
                let ends: Vec<String> = low.into_iter().chain(high).collect();
                if ends.is_empty() { "is not null".to_owned() } else { ends.join(" and ") }
            }
        },
        Wanted::OneOf(none) if none.is_empty() => return "is null".to_owned(),
        Wanted::OneOf(one) if one.len() == 1 => format!("= {}", list(one)),
        Wanted::OneOf(any) => format!("in ({})", list(any)),
        Wanted::NoneOf(any) if any.is_empty() => "is not null".to_owned(),
        Wanted::NoneOf(one) if one.len() == 1 => format!("<> {}", list(one)),
        Wanted::NoneOf(none) => format!("not in ({})", list(none)),
    };
    if need.null { format!("{text} or null") } else { text }
}

/// A value as an expression writes it, dates without their type.
pub(crate) fn sql(value: Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Number(number) => number.normalize().to_string(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Date(day) => date(day),
        Value::Boolean(boolean) => boolean.to_string(),
    }
}

/// What a comparison asks of its left side, in words: `at most 30`.
pub(crate) fn comparison(op: Comparison, with: &str, lang: Lang) -> String {
    let (en, zh) = match op {
        Comparison::Equal | Comparison::NotDistinct => ("exactly", "等于"),
        Comparison::NotEqual | Comparison::Distinct => ("other than", "不等于"),
        Comparison::Less => ("less than", "少于"),
        Comparison::LessOrEqual => ("at most", "不超过"),
        Comparison::Greater => ("more than", "多于"),
        Comparison::GreaterOrEqual => ("at least", "至少"),
    };
    in_lang(lang, format!("{en} {with}"), format!("{zh}{with}"))
}

/// What a list asks: `one of a, b`.
pub(crate) fn one_of(items: &[String], negated: bool, lang: Lang) -> String {
    let list = items.join(in_lang(lang, ", ", "、"));
    match negated {
        true => in_lang(lang, format!("none of {list}"), format!("不是{list}中的任何一个")),
        false => in_lang(lang, format!("one of {list}"), format!("{list}之一")),
    }
}

/// What LIKE asks: `matches 'S%'`.
pub(crate) fn matches(pattern: &str, negated: bool, lang: Lang) -> String {
    let pattern = sql(Value::Text(pattern));
    match negated {
        true => in_lang(lang, format!("does not match {pattern}"), format!("不匹配{pattern}")),
        false => in_lang(lang, format!("matches {pattern}"), format!("匹配{pattern}")),
    }
}

/// What people call a code of scores: `code (r, f, m)`.
pub(crate) fn code(model: &Model, scores: &[usize], lang: Lang) -> String {
    let names: Vec<&str> = scores.iter().map(|score| name(model, Name::Score(*score), lang)).collect();
    in_lang(lang, format!("code ({})", names.join(", ")), format!("代码（{}）", names.join("、")))
}

/// What people call a layer of a dimension.
pub(crate) fn dimension_layer<'m>(model: &'m Model, dimension: usize, layer: &'m str, lang: Lang) -> &'m str {
    let dimension = &model.definition().dimensions.0[dimension].1;
    let layers = dimension.layers.iter().map(|layer| (&layer.name, &layer.label));
    let mut all = layers.chain(dimension.default.iter().map(|default| (&default.name, &default.label)));
    let found = all.find(|(name, _)| *name == layer);
    found.map_or(layer, |(name, label)| labelled(label, name, lang))
}

/// What IS asks: `known`.
pub(crate) fn test(test: Test, negated: bool, lang: Lang) -> &'static str {
    match (test, negated) {
        (Test::Null | Test::Unknown, false) => in_lang(lang, "unknown", "无值"),
        (Test::Null | Test::Unknown, true) => in_lang(lang, "known", "有值"),
        (Test::True, false) => in_lang(lang, "true", "成立"),
        (Test::True, true) => in_lang(lang, "not true", "不成立或无值"),
        (Test::False, false) => in_lang(lang, "false", "不成立"),
        (Test::False, true) => in_lang(lang, "not false", "成立或无值"),
    }
}

/// What is needed, in words: `at most 30`.
pub(crate) fn need_words(axis: &Axis, need: &Need, lang: Lang) -> String {
    let list = |list: &[Constant]| {
        let items: Vec<String> = list.iter().map(|constant| value(constant.value(), lang)).collect();
        items.join(in_lang(lang, ", ", "、"))
    };
    match &need.wanted {
        Wanted::Range(range) => range_words(range, &|point| number(axis, point), lang),
        Wanted::OneOf(none) if none.is_empty() => value(Value::Null, lang),
        Wanted::OneOf(any) => list(any),
        Wanted::NoneOf(any) if any.is_empty() => in_lang(lang, "any value", "有值").to_owned(),
        Wanted::NoneOf(none) => in_lang(lang, format!("other than {}", list(none)), format!("不为{}", list(none))),
    }
}

/// A range of numbers that are no days, in words.
pub(crate) fn range_in_words(range: &Range, lang: Lang) -> String {
    range_words(range, &|number| number.normalize().to_string(), lang)
}

fn range_words(range: &Range, number: &dyn Fn(Decimal) -> String, lang: Lang) -> String {
    if let Some(point) = range.as_point() {
        return comparison(Comparison::Equal, &number(point), lang);
    }
    if let (Some(low), Some(high)) = (range.low, range.high)
        && low.inclusive
        && high.inclusive
    {
        let (low, high) = (number(low.value), number(high.value));
        return in_lang(lang, format!("from {low} to {high}"), format!("{low}到{high}"));
    }
    let low = range.low.map(|low| {
        let op = if low.inclusive { Comparison::GreaterOrEqual } else { Comparison::Greater };
        comparison(op, &number(low.value), lang)
    });
    let high = range.high.map(|high| {
        let op = if high.inclusive { Comparison::LessOrEqual } else { Comparison::Less };
        comparison(op, &number(high.value), lang)
    });
    let ends: Vec<String> = low.into_iter().chain(high).collect();
    ends.join(in_lang(lang, " and ", "且"))
}

/// One thing that is missing, as one says it to a user's face.
///
/// `by` is the day of the plan where it has to be waited for.
pub(crate) fn step(model: &Model, axis: &Axis, step: &Step<'_>, by: Option<Day>, lang: Lang) -> String {
    let plain = || {
        let (name, words) = (subject(model, &axis.expr, lang), need_words(axis, step.need, lang));
        in_lang(lang, format!("{name}: {words}"), format!("{name}：{words}"))
    };
    if let (true, Some(day)) = (step.by_waiting, by) {
        return not_before(day, lang);
    }
    let more = step.more.unwrap_or_default().normalize();
    let grows = more > Decimal::ZERO;
    let unknown = step.now == Value::Null;
    match &axis.lever {
        Lever::Reading { reader: Reader::Recency, source, .. } if !grows => recently(model, *source, step.need, lang),
        Lever::Reading { reader: Reader::LastDay, source, .. } => match &step.need.wanted {
            Wanted::Range(Range { low: Some(low), .. }) => {
                let (event, day) = (event(model, *source, lang), number(axis, low.value));
                let measure = measure(model, *source, &event);
                in_lang(lang, format!("{} on or after {day}", one(&event)), format!("{day}起有1{measure}{event}"))
            }
            _ => plain(),
        },
        Lever::Reading { reader: Reader::AverageAmount | Reader::FirstAmount, .. } => plain(),
        Lever::Reading { reader: Reader::Frequency, source, .. } if grows => events_more(model, *source, more, lang),
        Lever::Reading { reader: Reader::ActiveDays, source: place, .. } if grows => {
            let name = source(model, *place, lang);
            let days = if more == Decimal::ONE { "day" } else { "days" };
            in_lang(lang, format!("active on {more} more {days} ({name})"), format!("再活跃{more}天（{name}）"))
        }
        Lever::Reading { reader: Reader::Monetary | Reader::GrossAmount, source: place, .. } if grows => {
            let name = match axis.expr {
                Expr::Name(metric) if has_label(model, metric, lang) => name(model, metric, lang),
                _ => source(model, *place, lang),
            };
            let more = amount(more);
            in_lang(lang, format!("{more} more ({name})"), format!("再增加{more}（{name}）"))
        }
        Lever::Reading { source, .. } if unknown => events_more(model, *source, Decimal::ONE, lang),
        Lever::Given | Lever::Computed { .. } if step.more.is_some() && !axis.date && !unknown => {
            let (name, size) = (subject(model, &axis.expr, lang), more.abs());
            match grows {
                true => in_lang(lang, format!("{size} more ({name})"), format!("再增加{size}（{name}）")),
                false => in_lang(lang, format!("{size} less ({name})"), format!("再减少{size}（{name}）")),
            }
        }
        _ => plain(),
    }
}

/// `not before 2025-06-21`
fn not_before(day: Day, lang: Lang) -> String {
    in_lang(lang, format!("not before {day}"), format!("最早{day}"))
}

/// What a plan does, as one sentence: when it begins, what somebody sets, and its events.
///
/// `set` are the texts of the steps that nobody does by events or by waiting.
pub(crate) fn plan(model: &Model, plan: &Plan<'_>, set: &[String], as_of: Day, lang: Lang) -> String {
    let mut events: Vec<&NewEvents> = plan.events.iter().collect();
    events.sort_by_key(|new| std::cmp::Reverse(new.days));
    let longest = events.first().map_or(1, |new| new.days);
    let mut parts = set.to_vec();
    parts.extend(events.iter().map(|new| new_events(model, new, longest, lang)));
    let begin = i64::from(as_of.number()) + plan.wait - (longest - 1);
    let begin = Day::new(begin).filter(|begin| *begin > as_of).map(|begin| not_before(begin, lang));
    let parts = parts.join(in_lang(lang, "; ", "；"));
    match begin {
        Some(begin) if parts.is_empty() => begin,
        Some(begin) => in_lang(lang, format!("{begin}, then {parts}"), format!("{begin}，届时{parts}")),
        None => parts,
    }
}

/// `an order within the last 30 days`
fn recently(model: &Model, source: usize, need: &Need, lang: Lang) -> String {
    let event = event(model, source, lang);
    let measure = measure(model, source, &event);
    match &need.wanted {
        Wanted::Range(Range { high: Some(high), .. }) if high.value > Decimal::ZERO => {
            let days = high.value.normalize();
            let en = match days == Decimal::ONE {
                true => format!("{} today or yesterday", one(&event)),
                false => format!("{} within the last {days} days", one(&event)),
            };
            in_lang(lang, en, format!("最近{days}天内有1{measure}{event}"))
        }
        Wanted::Range(Range { high: Some(_), .. }) => {
            in_lang(lang, format!("{} today", one(&event)), format!("今天有1{measure}{event}"))
        }
        _ => events_more(model, source, Decimal::ONE, lang),
    }
}

fn has_label(model: &Model, name: Name, lang: Lang) -> bool {
    matches!(name, Name::Metric(place) if model.definition().metrics.0[place].1.label.get(lang).is_some())
}
