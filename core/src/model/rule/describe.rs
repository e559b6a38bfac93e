//! A model in the words of operators: one thing a line. Codes stay codes.

use crate::label::{Label, Lang};
use crate::score::{Best, Ties};

use super::super::{LayerDefinition, Layered, Method, Model};
use super::evaluate::constant;
use super::print::{cell_code, print};
use super::way::need::Range;
use super::words::{self, in_lang};
use super::{Arithmetic, Calendar, Constant, Expr, Function, Logic, Name, Predictor, Reader, Value, WindowArgument};

/// Describes a model in plain text, one thing a line.
pub fn describe(model: &Model, lang: Lang) -> String {
    let definition = model.definition();
    let mut describe = Describe { model, lang, lines: Vec::new() };
    describe.heading(titled(&definition.label, &definition.name, lang));
    if let Some(about) = definition.about.get(lang) {
        describe.heading(about.to_owned());
    }
    describe.parameters();
    if let Some(population) = &model.population {
        let words = describe.words(population);
        describe.heading(in_lang(lang, format!("Counted: {words}"), format!("统计范围：{words}")));
    }
    describe.metrics();
    describe.scores();
    describe.dimensions();
    describe.model_layers();
    describe.lines.join("\n")
}

/// Describes one expression.
pub(crate) fn expression(model: &Model, expr: &Expr, lang: Lang) -> String {
    Describe { model, lang, lines: Vec::new() }.words(expr)
}

/// A label with the name behind it, or the name alone.
fn titled(label: &Label, name: &str, lang: Lang) -> String {
    match label.get(lang) {
        Some(label) if label != name => in_lang(lang, format!("{label} ({name})"), format!("{label}（{name}）")),
        _ => name.to_owned(),
    }
}

struct Describe<'m> {
    model: &'m Model,
    lang: Lang,
    lines: Vec<String>,
}

/// How tightly words hold together.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Binding {
    Or,
    And,
    Single,
}

impl<'m> Describe<'m> {
    fn say<T>(&self, en: T, zh: T) -> T {
        in_lang(self.lang, en, zh)
    }

    fn heading(&mut self, text: String) {
        self.lines.push(text);
    }

    fn item(&mut self, depth: usize, subject: String, text: String) {
        let colon = self.say(": ", "：");
        self.lines.push(format!("{}- {subject}{colon}{text}", "  ".repeat(depth)));
    }

    fn parameters(&mut self) {
        let definition = self.model.definition();
        if definition.parameters.is_empty() {
            return;
        }
        self.heading(self.say("Parameters:", "参数：").to_owned());
        for (name, value) in definition.parameters.iter() {
            self.item(0, name.to_owned(), value.0.normalize().to_string());
        }
    }

    fn metrics(&mut self) {
        if self.model.metrics.is_empty() {
            return;
        }
        self.heading(self.say("Metrics:", "指标：").to_owned());
        for ((name, metric), expr) in self.model.definition().metrics.iter().zip(&self.model.metrics) {
            let words = self.words(expr);
            self.item(0, titled(&metric.label, name, self.lang), words);
        }
    }

    fn scores(&mut self) {
        if self.model.scores.is_empty() {
            return;
        }
        self.heading(self.say("Scores:", "评分：").to_owned());
        for (place, (name, written)) in self.model.definition().scores.iter().enumerate() {
            let words = self.score(place);
            self.item(0, titled(&written.label, name, self.lang), words);
        }
    }

    /// `recency in 1 to 3, low is best: 2 from 90, 3 from 30`
    fn score(&self, place: usize) -> String {
        let score = &self.model.scores[place];
        let (of, bins) = (self.words(&score.of), score.bins);
        let shares = |shares: &[rust_decimal::Decimal]| {
            let percent = |share: &rust_decimal::Decimal| {
                format!("{}%", (share * rust_decimal::Decimal::ONE_HUNDRED).normalize())
            };
            shares.iter().map(percent).collect::<Vec<_>>().join(self.say(", ", "、"))
        };
        let ties = |ties: &Ties| match ties {
            Ties::Min => String::new(),
            ties => self.say(format!(" (ties: {ties})"), format!("（同值：{ties}）")),
        };
        let method = match &score.method {
            Method::Fixed => self.say("fixed cuts", "固定分界").to_owned(),
            Method::Quantile(_, policy) => {
                self.say(format!("equal shares{}", ties(policy)), format!("等份{}", ties(policy)))
            }
            Method::TopShare(list, policy) => {
                let list = shares(list);
                self.say(
                    format!("the best {list}, then the rest{}", ties(policy)),
                    format!("由优到劣依次{list}，其余为最低档{}", ties(policy)),
                )
            }
            Method::Mean => self.say("better than the mean, or not", "是否优于均值").to_owned(),
            Method::NaturalBreaks(_) => self.say("natural breaks", "自然断点").to_owned(),
        };
        let best = match score.best {
            Best::High => self.say("high is best", "越高越好"),
            Best::Low => self.say("low is best", "越低越好"),
        };
        let head = self.say(
            format!("{of}, scored 1 to {bins}, {best}, {method}"),
            format!("{of}，分为1到{bins}分，{best}，{method}"),
        );
        let Some(cuts) = &score.cuts else {
            return head + self.say("; not calibrated yet", "；尚未校准");
        };
        let strict = score.method.is_strict();
        let cuts = cuts.iter().enumerate().map(|(below, cut)| {
            let points = below + 2;
            let reached = cut.map(|cut| {
                let range = match score.best {
                    Best::High => Range::at_least(cut, !strict),
                    Best::Low => Range::at_most(cut, !strict),
                };
                words::range_in_words(&range, self.lang)
            });
            let reached = reached.unwrap_or_else(|| self.say("reached by nobody", "无人达到").to_owned());
            self.say(format!("{points} {reached}"), format!("{points}分：{reached}"))
        });
        let cuts: Vec<String> = cuts.collect();
        format!("{head}{}{}", self.say("; ", "；"), cuts.join(self.say(", ", "，")))
    }

    fn dimensions(&mut self) {
        for ((name, written), dimension) in self.model.definition().dimensions.iter().zip(&self.model.dimensions) {
            let title = titled(&written.label, name, self.lang);
            self.heading(
                self.say(format!("Dimension {title}, the first that fits:"), format!("维度{title}，取第一个符合的：")),
            );
            self.layers(&written.layers, &dimension.layers);
            match &written.default {
                Some(default) => {
                    let rest = self.say("everybody else", "其余所有人").to_owned();
                    self.item(0, titled(&default.label, &default.name, self.lang), rest);
                }
                None => self.heading(self.say("- no value for everybody else", "- 其余所有人无值").to_owned()),
            }
        }
    }

    fn model_layers(&mut self) {
        let definition = self.model.definition();
        let heading = match self.model.is_overlapping() {
            true => self.say("Tags, all that fit:", "标签，取所有符合的："),
            false => self.say("Layers, the first that fits:", "层级，取第一个符合的："),
        };
        self.heading(heading.to_owned());
        self.layers(&definition.layers, &self.model.layers);
        if let Some(default) = &definition.default {
            let depth = self.model.layer_path(None).len().saturating_sub(1);
            let rest = self.say("everybody else", "其余所有人").to_owned();
            self.item(depth, titled(&default.label, &default.name, self.lang), rest);
        }
    }

    fn layers(&mut self, written: &[LayerDefinition], layers: &[Layered]) {
        for (layer, found) in written.iter().zip(layers) {
            let mut title = titled(&layer.label, &layer.name, self.lang);
            if let Some(parent) = found.parent {
                let above = titled(&written[parent].label, &written[parent].name, self.lang);
                title = format!("{above} / {title}");
            }
            let words = match &found.when {
                Some(when) => self.words(when),
                None => self.say("gathers the layers below it", "汇总其下各层").to_owned(),
            };
            self.item(0, title, words);
        }
    }

    // Expressions

    /// The value of a calculation with constants only.
    fn folded(&self, expr: &Expr) -> Option<String> {
        let parameter = |place: usize| self.model.parameters[place];
        match expr {
            Expr::Arithmetic { .. } | Expr::Negate(_) => {
                constant(expr, &parameter).map(|value| words::value(value, self.lang))
            }
            _ => None,
        }
    }

    fn words(&self, expr: &Expr) -> String {
        if let Some(value) = self.folded(expr) {
            return value;
        }
        match expr {
            Expr::Constant(constant) => words::value(constant.value(), self.lang),
            Expr::Name(Name::Parameter(place)) => {
                let name = words::name(self.model, Name::Parameter(*place), self.lang);
                let value = self.model.parameters[*place].normalize();
                self.say(format!("{value} ({name})"), format!("{value}（{name}）"))
            }
            Expr::Name(name) => words::name(self.model, *name, self.lang).to_owned(),
            Expr::AsOf => self.say("the day", "当天").to_owned(),
            Expr::Reading { reader, source, window, .. } => self.reading(*reader, *source, window.as_ref()),
            Expr::Prediction { predictor, source, horizon, .. } => {
                self.prediction(*predictor, *source, horizon.as_ref())
            }
            Expr::Calendar { function, date } => {
                let date = self.words(date);
                match function {
                    Calendar::Since => self.say(format!("days since {date}"), format!("{date}至今的天数")),
                    Calendar::Until => self.say(format!("days until {date}"), format!("距{date}还有的天数")),
                    Calendar::UntilAnniversary => {
                        self.say(format!("days until the anniversary of {date}"), format!("距{date}周年日还有的天数"))
                    }
                }
            }
            Expr::Arithmetic { op, left, right } => {
                let symbol = match op {
                    Arithmetic::Multiply => "×",
                    Arithmetic::Divide => "÷",
                    other => other.symbol(),
                };
                let side = |side: &Expr| match side {
                    Expr::Arithmetic { .. } | Expr::Case { .. } if self.folded(side).is_none() => {
                        format!("({})", self.words(side))
                    }
                    Expr::Call { arguments, .. } if arguments.len() > 1 => format!("({})", self.words(side)),
                    side => self.words(side),
                };
                format!("{} {symbol} {}", side(left), side(right))
            }
            Expr::Negate(inner) => format!("-({})", self.words(inner)),
            Expr::Call { function, arguments } => self.call(*function, arguments),
            Expr::Compare { op, left, right } => {
                let parameter = |place: usize| self.model.parameters[place];
                // the side that varies comes first
                let (op, left, right) = match constant(left, &parameter) {
                    Some(_) => (op.mirrored(), right, left),
                    None => (*op, left, right),
                };
                let (subject, object) = (self.words(left), self.object(left, right));
                let text = matches!(**right, Expr::Constant(Constant::Text(_)));
                let equal = op.accepts(std::cmp::Ordering::Equal) && !op.accepts(std::cmp::Ordering::Less);
                match text && equal && !op.accepts(std::cmp::Ordering::Greater) {
                    true => self.say(format!("{subject} is {object}"), format!("{subject}为{object}")),
                    false => {
                        let words = words::comparison(op, &object, self.lang);
                        self.say(format!("{subject} {words}"), format!("{subject}{words}"))
                    }
                }
            }
            Expr::In { value, list, negated } => {
                let items: Vec<String> = list.iter().map(|item| self.object(value, item)).collect();
                self.is(&self.words(value), &words::one_of(&items, *negated, self.lang))
            }
            Expr::CodeIn { scores, cells, negated } => {
                let cells: Vec<String> = cells.iter().map(|cell| cell_code(*cell, scores.len())).collect();
                self.is(&words::code(self.model, scores, self.lang), &words::one_of(&cells, *negated, self.lang))
            }
            Expr::Like { value, pattern, negated } => {
                let value = self.words(value);
                let matches = words::matches(pattern, *negated, self.lang);
                self.say(format!("{value} {matches}"), format!("{value}{matches}"))
            }
            Expr::Logic { op, terms } => {
                let (word, binding) = match op {
                    Logic::And => (self.say(" and ", "，且"), Binding::And),
                    Logic::Or => (self.say(" or ", "，或"), Binding::Or),
                };
                let terms: Vec<String> = terms.iter().map(|term| self.within(term, binding)).collect();
                terms.join(word)
            }
            Expr::Not(inner) => match &**inner {
                Expr::Name(_) => self.is_not(&self.words(inner)),
                inner => {
                    let words = self.words(inner);
                    self.say(format!("not ({words})"), format!("并非（{words}）"))
                }
            },
            Expr::Is { value, test, negated } => {
                let value = self.within(value, Binding::Single);
                self.is(&value, words::test(*test, *negated, self.lang))
            }
            Expr::Case { branches, otherwise } => {
                let mut parts: Vec<String> = Vec::new();
                for (when, then) in branches {
                    let (when, then) = (self.words(when), self.words(then));
                    parts.push(self.say(format!("{then} where {when}"), format!("若{when}则为{then}")));
                }
                let rest = otherwise.as_ref().map_or(words::value(Value::Null, self.lang), |rest| self.words(rest));
                parts.push(self.say(format!("else {rest}"), format!("否则为{rest}")));
                parts.join(self.say(", ", "，"))
            }
        }
    }

    fn is(&self, subject: &str, what: &str) -> String {
        self.say(format!("{subject} is {what}"), format!("{subject}为{what}"))
    }

    fn is_not(&self, subject: &str) -> String {
        self.say(format!("not {subject}"), format!("非{subject}"))
    }

    /// The other side of a comparison; the layer of a dimension by its label.
    fn object(&self, subject: &Expr, expr: &Expr) -> String {
        match (subject, expr) {
            (Expr::Name(Name::Dimension(place)), Expr::Constant(Constant::Text(layer))) => {
                words::dimension_layer(self.model, *place, layer, self.lang).to_owned()
            }
            _ => self.words(expr),
        }
    }

    /// In parentheses where it would be read wrongly without.
    fn within(&self, expr: &Expr, binding: Binding) -> String {
        let own = match expr {
            Expr::Logic { op: Logic::Or, .. } => Binding::Or,
            Expr::Logic { op: Logic::And, .. } => Binding::And,
            _ => Binding::Single,
        };
        let words = self.words(expr);
        match own < binding {
            true => self.say(format!("({words})"), format!("（{words}）")),
            false => words,
        }
    }

    /// A value that counts up to a constant, or from one.
    fn capped(&self, function: Function, arguments: &[Expr]) -> Option<String> {
        let parameter = |place: usize| self.model.parameters[place];
        let [left, right] = arguments else { return None };
        let (value, cap) = match (constant(left, &parameter), constant(right, &parameter)) {
            (None, Some(_)) => (self.words(left), self.words(right)),
            (Some(_), None) => (self.words(right), self.words(left)),
            _ => return None,
        };
        match function {
            Function::Least => {
                Some(self.say(format!("{value}, at most {cap} counted"), format!("{value}（最多计{cap}）")))
            }
            Function::Greatest => {
                Some(self.say(format!("{value}, at least {cap} counted"), format!("{value}（至少计{cap}）")))
            }
            _ => None,
        }
    }

    fn call(&self, function: Function, arguments: &[Expr]) -> String {
        if let Some(words) = self.capped(function, arguments) {
            return words;
        }
        let words: Vec<String> = arguments.iter().map(|argument| self.words(argument)).collect();
        let list = words.join(self.say(", ", "、"));
        let first = words.first().cloned().unwrap_or_default();
        let rest = words.get(1..).unwrap_or_default().join(self.say(", ", "、"));
        match function {
            Function::Coalesce if !rest.is_empty() => {
                self.say(format!("{first} (where unknown: {rest})"), format!("{first}（无值时取{rest}）"))
            }
            Function::Coalesce => first,
            Function::Nullif => {
                self.say(format!("{first} (unknown where it is {rest})"), format!("{first}（等于{rest}时视为无值）"))
            }
            Function::Least => self.say(format!("the least of {list}"), format!("{list}中的最小值")),
            Function::Greatest => self.say(format!("the greatest of {list}"), format!("{list}中的最大值")),
            Function::Abs => self.say(format!("{first} without its sign"), format!("{first}的绝对值")),
            Function::Round if rest.is_empty() => self.say(format!("{first}, rounded"), format!("{first}四舍五入取整")),
            Function::Round => {
                self.say(format!("{first}, rounded to {rest} decimals"), format!("{first}四舍五入到{rest}位小数"))
            }
            Function::Floor => self.say(format!("{first}, rounded down"), format!("{first}向下取整")),
            Function::Ceil => self.say(format!("{first}, rounded up"), format!("{first}向上取整")),
        }
    }

    fn reading(&self, reader: Reader, place: usize, window: Option<&WindowArgument>) -> String {
        let source = words::source(self.model, place, self.lang);
        let event = words::event(self.model, place, self.lang);
        let words = match reader {
            Reader::Recency => self.say(format!("days since the last {event}"), format!("距最近一次{source}的天数")),
            Reader::Frequency => self.say(format!("number of {source}"), format!("{source}次数")),
            Reader::Monetary => self.say(format!("net amount of {source}"), format!("{source}净额")),
            Reader::GrossAmount => self.say(format!("gross amount of {source}"), format!("{source}总额")),
            Reader::CreditAmount => self.say(format!("credits of {source}"), format!("{source}退款额")),
            Reader::AverageAmount => self.say(format!("net amount per {event}"), format!("每次{source}的平均净额")),
            Reader::FirstAmount => {
                self.say(format!("net amount of the first day with {source}"), format!("首次{source}当天的净额"))
            }
            Reader::ActiveDays => self.say(format!("days with {source}"), format!("有{source}的天数")),
            Reader::Tenure => self.say(format!("days since the first {event}"), format!("距首次{source}的天数")),
            Reader::FirstDay => self.say(format!("day of the first {event}"), format!("首次{source}的日期")),
            Reader::LastDay => self.say(format!("day of the last {event}"), format!("最近一次{source}的日期")),
        };
        let Some(window) = window else { return words };
        let days = self.days(window);
        self.say(format!("{words} in the last {days} days"), format!("近{days}天{words}"))
    }

    /// The days of a window or a horizon.
    fn days(&self, window: &WindowArgument) -> String {
        match &*window.written {
            Expr::Constant(_) => window.days.to_string(),
            written => self.say(
                format!("{} ({})", window.days, print(written, self.model.definition())),
                format!("{}（{}）", window.days, print(written, self.model.definition())),
            ),
        }
    }

    fn prediction(&self, predictor: Predictor, place: usize, horizon: Option<&WindowArgument>) -> String {
        let source = words::source(self.model, place, self.lang);
        let event = words::one(&words::event(self.model, place, self.lang));
        let days = horizon.map_or(String::new(), |horizon| self.days(horizon));
        match predictor {
            Predictor::PAlive => {
                self.say(format!("probability of still being active ({source})"), format!("仍活跃的概率（{source}）"))
            }
            Predictor::ExpectedPurchases => self.say(
                format!("expected days with {source} in the next {days} days"),
                format!("未来{days}天预计有{source}的天数"),
            ),
            Predictor::PurchaseProbability => self.say(
                format!("probability of {event} in the next {days} days"),
                format!("未来{days}天内再有{source}的概率"),
            ),
            Predictor::LifetimeValue => self.say(
                format!("expected amount of {source} in the next {days} days"),
                format!("未来{days}天{source}的预计金额"),
            ),
        }
    }
}
