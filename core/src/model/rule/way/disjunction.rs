//! Conditions in disjunctive form: any of some conjunctions, each of which asks something of some axes.
//!
//! Every conjunction implies the condition. The other way round holds where nothing had to be left out: a disjunction
//! has at most [`MOST_CONJUNCTIONS`], and a model's get at most [`MOST_WORK`] pairs of them compared.

use rust_decimal::Decimal;

use crate::patience;
use crate::score::Best;

use super::super::super::{Layered, Model};
use super::super::evaluate::constant;
use super::super::{Comparison, Constant, Expr, Logic, Name, Test, Value};
use super::axis::{Axis, Given, is_date};
use super::cells::{complement, digits, merged};
use super::need::{Need, Range, Wanted, number_of};

/// The most conjunctions of one condition.
pub(crate) const MOST_CONJUNCTIONS: usize = 200;
/// The most pairs of conjunctions that are compared for one model.
const MOST_WORK: u64 = 4_000_000;
/// The deepest nesting, through metrics and dimensions, that is looked into.
const MOST_DEPTH: usize = 200;

/// What is asked of axes, by their places, ascending.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Conjunction(pub(crate) Vec<(usize, Need)>);

impl Conjunction {
    fn of(axis: usize, need: Need) -> Self {
        Self(vec![(axis, need)])
    }

    /// `None` where both cannot hold at once.
    fn and(&self, other: &Conjunction) -> Option<Conjunction> {
        let mut both = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if a.0 == b.0 => {
                    both.push((a.0, a.1.and(&b.1)?));
                    left.next();
                    right.next();
                }
                (Some(a), b) if b.is_none_or(|b| a.0 < b.0) => both.extend(left.next().cloned()),
                (_, Some(_)) => both.extend(right.next().cloned()),
                _ => return Some(Conjunction(both)),
            }
        }
    }
}

pub(crate) type Disjunction = Vec<Conjunction>;

/// Makes the disjunctions of a model, and finds its axes on the way.
pub(crate) struct Compiler<'m> {
    model: &'m Model,
    given: &'m Given,
    pub(crate) axes: Vec<Axis>,
    dimensions: Vec<Option<Vec<Disjunction>>>,
    work: u64,
    depth: usize,
}

impl<'m> Compiler<'m> {
    pub(crate) fn new(model: &'m Model, given: &'m Given) -> Self {
        Self { model, given, axes: Vec::new(), dimensions: vec![None; model.dimensions.len()], work: 0, depth: 0 }
    }

    fn axis(&mut self, expr: &Expr, date: bool) -> usize {
        self.axes.iter().position(|axis| axis.expr == *expr).unwrap_or_else(|| {
            self.axes.push(Axis::of(self.model, self.given, expr, date));
            self.axes.len() - 1
        })
    }

    /// For each of a list of layers, and last for the default, when it is the first that matches.
    pub(crate) fn first_matches(&mut self, layers: &'m [Layered]) -> Vec<Disjunction> {
        let alone = self.matches(layers);
        let mut made = Vec::with_capacity(layers.len() + 1);
        for place in 0..=layers.len() {
            let mut found = match layers.get(place) {
                Some(_) => alone[place].clone(),
                None => vec![Conjunction::default()],
            };
            for earlier in 0..place {
                patience::check();
                if let Some(when) = &layers[earlier].when {
                    found = self.without(found, &alone[earlier], when);
                }
            }
            made.push(found);
        }
        made
    }

    /// For each of a list of layers, when it matches by itself; a heading never does.
    pub(crate) fn matches(&mut self, layers: &'m [Layered]) -> Vec<Disjunction> {
        let when = |layer: &'m Layered| layer.when.as_ref();
        layers.iter().map(|layer| when(layer).map_or(Vec::new(), |when| self.expand(when, true, false))).collect()
    }

    /// The conjunctions less those users for whom `when` is true. Where that would take too many, some are left as they
    /// are.
    fn without(&mut self, found: Disjunction, matches: &[Conjunction], when: &'m Expr) -> Disjunction {
        self.work += (found.len() * matches.len()) as u64;
        if self.work > MOST_WORK {
            return found;
        }
        let touches = |one: &Conjunction| matches.iter().any(|other| one.and(other).is_some());
        if !found.iter().any(touches) {
            return found;
        }
        let not = self.expand(when, false, true);
        let mut made = Vec::new();
        for one in &found {
            let before = made.len();
            if touches(one) {
                self.work += not.len() as u64;
                made.extend(not.iter().filter_map(|other| one.and(other)));
            }
            if made.len() == before || made.len() > MOST_CONJUNCTIONS {
                made.truncate(before);
                made.push(one.clone());
            }
        }
        made
    }

    /// When a condition has this truth, or, where `null` says so, NULL.
    pub(crate) fn expand(&mut self, expr: &'m Expr, truth: bool, null: bool) -> Disjunction {
        self.work += 1;
        if self.depth >= MOST_DEPTH || self.work > MOST_WORK {
            return self.opaque(expr, truth, null);
        }
        self.depth += 1;
        let made = self.by_kind(expr, truth, null);
        self.depth -= 1;
        made
    }

    fn by_kind(&mut self, expr: &'m Expr, truth: bool, null: bool) -> Disjunction {
        match expr {
            Expr::Constant(constant) => certain(match constant {
                Constant::Boolean(boolean) => *boolean == truth,
                _ => null,
            }),
            Expr::Not(inner) => self.expand(inner, !truth, null),
            Expr::Logic { op, terms } if (*op == Logic::And) == truth => {
                let mut all = vec![Conjunction::default()];
                for term in terms {
                    let one = self.expand(term, truth, null);
                    all = self.both(&all, &one);
                }
                all
            }
            Expr::Logic { terms, .. } => {
                let mut any = Vec::new();
                for term in terms {
                    any.extend(self.expand(term, truth, null));
                    any.truncate(MOST_CONJUNCTIONS);
                }
                any
            }
            Expr::Name(Name::Metric(place)) if !self.given.metrics[*place] => {
                self.expand(&self.model.metrics[*place], truth, null)
            }
            Expr::Is { value, test, negated } => {
                // IS is never NULL itself
                let wanted = truth != *negated;
                match test {
                    Test::True => self.expand(value, wanted, !wanted),
                    Test::False => self.expand(value, !wanted, !wanted),
                    Test::Null | Test::Unknown => {
                        let need = if wanted { Need::unknown() } else { Need::known() };
                        self.about(value, vec![need])
                    }
                }
            }
            Expr::Compare { op, left, right } => {
                let parameter = |place: usize| self.model.parameters[place];
                match (constant(left, &parameter), constant(right, &parameter)) {
                    (None, Some(value)) => self.compare(expr, *op, left, value, truth, null),
                    (Some(value), None) => self.compare(expr, op.mirrored(), right, value, truth, null),
                    _ => self.opaque(expr, truth, null),
                }
            }
            Expr::In { value, list, negated } => self.in_list(expr, value, list, truth != *negated, null),
            Expr::CodeIn { scores, cells, negated } => self.code_in(scores, cells, truth != *negated, null),
            _ => self.opaque(expr, truth, null),
        }
    }

    /// A condition that is not looked into.
    fn opaque(&mut self, expr: &Expr, truth: bool, null: bool) -> Disjunction {
        let need = Need { wanted: Wanted::OneOf(vec![Constant::Boolean(truth)]), null };
        vec![Conjunction::of(self.axis(expr, false), need)]
    }

    fn both(&mut self, left: &[Conjunction], right: &[Conjunction]) -> Disjunction {
        patience::check();
        self.work += (left.len() * right.len()) as u64;
        let pairs = left.iter().flat_map(|one| right.iter().filter_map(|other| one.and(other)));
        let mut made: Disjunction = Vec::new();
        for pair in pairs.take(MOST_CONJUNCTIONS) {
            if !made.contains(&pair) {
                made.push(pair);
            }
        }
        made
    }

    /// Any of these needs of a value.
    fn about(&mut self, value: &Expr, needs: Vec<Need>) -> Disjunction {
        if let Expr::Name(Name::Dimension(place)) = value {
            let unknown = needs.iter().any(|need| need.null);
            let known = needs.iter().any(|need| matches!(&need.wanted, Wanted::NoneOf(_) | Wanted::Range(_)));
            return self.dimension(*place, |_| known, unknown);
        }
        let name = if let Expr::Name(name) = value { Some(*name) } else { None };
        let day = name.is_some_and(|name| is_date(self.model, name)) || matches!(value, Expr::AsOf);
        let axis = self.axis(value, day);
        let whole = self.axes[axis].whole;
        let bins = match name {
            Some(Name::Score(place)) => Some(self.model.scores[place].bins),
            _ => None,
        };
        let fitted = needs.into_iter().filter_map(|need| {
            let Wanted::Range(range) = need.wanted else { return Some(need) };
            let mut range = if whole { range.of_whole() } else { range };
            if let Some(bins) = bins {
                range = range.and(&Range { low: Range::point(Decimal::ONE).low, high: Range::point(bins.into()).high });
            }
            let need = Need { wanted: Wanted::Range(range), ..need };
            need.and(&need)
        });
        fitted.map(|need| Conjunction::of(axis, need)).collect()
    }

    fn compare(
        &mut self,
        expr: &Expr,
        op: Comparison,
        side: &Expr,
        value: Value<'_>,
        truth: bool,
        null: bool,
    ) -> Disjunction {
        let distinct = matches!(op, Comparison::Distinct | Comparison::NotDistinct);
        if value == Value::Null {
            return match distinct {
                true => {
                    let wants_null = (op == Comparison::NotDistinct) == truth;
                    self.about(side, vec![if wants_null { Need::unknown() } else { Need::known() }])
                }
                false => certain(null),
            };
        }
        let op = if truth { op } else { negated(op) };
        let null = match op {
            Comparison::Distinct => true,
            Comparison::NotDistinct => false,
            _ => null,
        };
        match (value, side) {
            (Value::Number(_) | Value::Date(_), _) => {
                let Some(number) = number_of(value) else { return self.opaque(expr, truth, null) };
                let needs = Need::ranges(op, number).into_iter().map(|range| Need::range(range, null));
                self.about(side, needs.collect())
            }
            (Value::Text(text), Expr::Name(Name::Dimension(place))) => {
                let equal = matches!(op, Comparison::Equal | Comparison::NotDistinct);
                self.dimension(*place, |layer| (layer == text) == equal, null)
            }
            _ => {
                let list = vec![owned(value)];
                let equal = matches!(op, Comparison::Equal | Comparison::NotDistinct);
                let wanted = if equal { Wanted::OneOf(list) } else { Wanted::NoneOf(list) };
                self.about(side, vec![Need { wanted, null }])
            }
        }
    }

    fn in_list(&mut self, expr: &Expr, value: &Expr, list: &[Expr], truth: bool, null: bool) -> Disjunction {
        let parameter = |place: usize| self.model.parameters[place];
        let values = list.iter().map(|item| constant(item, &parameter)).collect::<Option<Vec<_>>>();
        let Some(mut values) = values else {
            let Expr::In { negated, .. } = expr else { return Vec::new() };
            return self.opaque(expr, truth != *negated, null);
        };
        let some = values.len();
        values.retain(|value| *value != Value::Null);
        if values.len() < some && truth == null {
            // with a NULL in the list, IN is never false: always "true or NULL", never false
            return certain(null);
        }
        if values.is_empty() {
            return certain(null);
        }
        if let Expr::Name(Name::Dimension(place)) = value {
            let listed = |layer: &str| values.contains(&Value::Text(layer)) == truth;
            return self.dimension(*place, listed, null);
        }
        let numbers = values.iter().map(|value| number_of(*value)).collect::<Option<Vec<Decimal>>>();
        let needs = match numbers {
            Some(mut numbers) if truth => {
                numbers.sort_unstable();
                numbers.into_iter().map(|number| Need::range(Range::point(number), null)).collect()
            }
            Some(mut numbers) => {
                numbers.sort_unstable();
                let mut gaps = vec![Range::at_most(numbers[0], false)];
                let between = |pair: &[Decimal]| Range {
                    low: Range::at_least(pair[0], false).low,
                    high: Range::at_most(pair[1], false).high,
                };
                gaps.extend(numbers.windows(2).map(between));
                gaps.push(Range::at_least(numbers[numbers.len() - 1], false));
                gaps.into_iter().map(|range| Need::range(range, null)).collect()
            }
            None => {
                let list = values.into_iter().map(owned).collect();
                let wanted = if truth { Wanted::OneOf(list) } else { Wanted::NoneOf(list) };
                vec![Need { wanted, null }]
            }
        };
        self.about(value, needs)
    }

    /// When a dimension has one of the wanted layers, or none where `null` says so.
    fn dimension(&mut self, place: usize, wanted: impl Fn(&str) -> bool, null: bool) -> Disjunction {
        if self.dimensions[place].is_none() {
            let made = self.first_matches(&self.model.dimensions[place].layers);
            self.dimensions[place] = Some(made);
        }
        let dimension = &self.model.dimensions[place];
        let of = |layer: usize| match layer < dimension.layers.len() || dimension.default {
            true => wanted(self.model.dimension_layer(place, layer)),
            false => null,
        };
        let known = self.dimensions[place].iter().flatten().enumerate();
        let mut made: Disjunction =
            known.filter(|(layer, _)| of(*layer)).flat_map(|(_, conjunctions)| conjunctions.iter().cloned()).collect();
        made.truncate(MOST_CONJUNCTIONS);
        made
    }

    fn code_in(&mut self, scores: &[usize], cells: &[u32], truth: bool, null: bool) -> Disjunction {
        let bins: Vec<u8> = scores.iter().map(|score| self.model.scores[*score].bins).collect();
        let blocks = match truth {
            true => merged(cells.iter().map(|cell| digits(*cell, scores.len())).collect()),
            false => complement(cells, &bins),
        };
        let mut made = Vec::new();
        for sides in blocks.into_iter().take(MOST_CONJUNCTIONS) {
            let mut all = vec![Conjunction::default()];
            for ((low, high), score) in sides.into_iter().zip(scores) {
                let range = Range { low: Range::point(low.into()).low, high: Range::point(high.into()).high };
                let one = self.about(&Expr::Name(Name::Score(*score)), vec![Need::range(range, null)]);
                all = self.both(&all, &one);
            }
            made.extend(all);
        }
        made
    }

    /// The same with what is asked of scores turned into what is asked of the metrics that they cut.
    pub(crate) fn through_scores(&mut self, conjunction: &Conjunction) -> Option<Conjunction> {
        let mut made = Conjunction::default();
        for (axis, need) in &conjunction.0 {
            let (mut expr, mut need) = (self.axes[*axis].expr.clone(), need.clone());
            while let Expr::Name(Name::Score(place)) = expr {
                if self.given.scores[place] {
                    break;
                }
                // a score is NULL exactly when what it cuts is
                if let Wanted::Range(range) = &need.wanted {
                    need = Need { wanted: Wanted::Range(score_range(self.model, place, range)?), ..need };
                }
                expr = self.model.scores[place].of.clone();
            }
            let axis = self.axis(&expr, false);
            if let (true, Wanted::Range(range)) = (self.axes[axis].whole, &need.wanted) {
                need = Need { wanted: Wanted::Range(range.of_whole()), ..need };
            }
            made = made.and(&Conjunction::of(axis, need.and(&need)?))?;
        }
        Some(made)
    }
}

/// The values whose score lies in a range of scores; `None` where no value has such a score.
pub(crate) fn score_range(model: &Model, place: usize, scores: &Range) -> Option<Range> {
    let score = &model.scores[place];
    let cuts: Vec<Decimal> = score.cuts.as_ref()?.iter().map_while(|cut| *cut).collect();
    let strict = score.method.is_strict();
    let (mut reached, mut missed) = (None, None);
    for (below, cut) in cuts.iter().enumerate() {
        let next = Decimal::from(below + 2);
        // scores are whole, and needs of them have inclusive ends
        if scores.low.is_some_and(|low| next <= low.value) {
            reached = Some(*cut);
        }
        if scores.high.is_some_and(|high| next > high.value) && missed.is_none() {
            missed = Some(*cut);
        }
    }
    if scores.low.is_some_and(|low| low.value > Decimal::from(cuts.len() + 1)) {
        return None;
    }
    let of = match score.best {
        Best::High => Range {
            low: reached.and_then(|cut| Range::at_least(cut, !strict).low),
            high: missed.and_then(|cut| Range::at_most(cut, strict).high),
        },
        Best::Low => Range {
            low: missed.and_then(|cut| Range::at_least(cut, strict).low),
            high: reached.and_then(|cut| Range::at_most(cut, !strict).high),
        },
    };
    Some(of)
}

/// Always, or never.
fn certain(always: bool) -> Disjunction {
    if always { vec![Conjunction::default()] } else { Vec::new() }
}

pub(crate) fn negated(op: Comparison) -> Comparison {
    match op {
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::Less => Comparison::GreaterOrEqual,
        Comparison::LessOrEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessOrEqual,
        Comparison::GreaterOrEqual => Comparison::Less,
        Comparison::Distinct => Comparison::NotDistinct,
        Comparison::NotDistinct => Comparison::Distinct,
    }
}

fn owned(value: Value<'_>) -> Constant {
    match value {
        Value::Null => Constant::Null,
        Value::Number(number) => Constant::Number(number),
        Value::Text(text) => Constant::Text(text.to_owned()),
        Value::Date(day) => Constant::Date(day),
        Value::Boolean(boolean) => Constant::Boolean(boolean),
    }
}
