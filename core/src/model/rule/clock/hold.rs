//! Until when an expression stays within a set of values.

use std::cmp::Ordering;
use std::ops::Bound;

use rust_decimal::Decimal;

use crate::day::Day;

use super::super::evaluate::{arithmetic, calendar, compare, order, read_value, rounded};
use super::super::{Arithmetic, Calendar, Comparison, Expr, Function, Logic, Name, Reader, Test, Value};
use super::line::grows;
use super::set::{self, Set, Side, Values, key};
use super::{Clock, End, NEVER};

impl<'a> Clock<'_, 'a> {
    /// A day before which the expression stays in the set, which holds its present value. What is found to be `limit` or
    /// later may be anything from `limit` on.
    ///
    /// Scores stand still here: [`Clock::answer`] looks after each of them.
    pub(super) fn hold(&mut self, expr: &'a Expr, set: Set<'a>, limit: i32) -> End {
        if set.is_everything() {
            return End::NEVER;
        }
        if !self.may_go_on() {
            return End::possible(self.tomorrow());
        }
        match expr {
            Expr::Constant(_) | Expr::CodeIn { .. } => End::NEVER,
            Expr::Name(name) => self.hold_name(*name, set, limit),
            Expr::Reading { reader, slot, .. } => self.hold_reading(*reader, *slot, set, limit),
            Expr::Prediction { predictor, source, horizon, slot } => {
                let days = horizon.as_ref().map(|horizon| horizon.days);
                self.hold_prediction(*predictor, *source, days, *slot, set, limit)
            }
            Expr::Calendar { function, date } => {
                let day = self.value(date);
                let moves = self.hold(date, Set::only(day), limit).unsure();
                let leaves = self.hold_calendar(*function, day, set);
                if leaves.day < moves.day { leaves } else { moves }
            }
            Expr::AsOf => {
                let line = self.line(expr, limit);
                let end = self.along(line, set);
                End { sure: true, ..end }
            }
            Expr::Arithmetic { op, left, right } => self.hold_arithmetic(expr, *op, left, right, set, limit),
            Expr::Negate(inner) => {
                let present = self.value(inner);
                let set = set.inverse(present, false, |bound, _| Some(-bound), |x| Some(-x));
                self.hold(inner, set, limit).unsure()
            }
            Expr::Call { function, arguments } => self.hold_call(*function, arguments, set, limit),
            Expr::Compare { op, left, right } => {
                if self.is_still(right) {
                    self.hold_compared(*op, left, right, set, limit)
                } else if self.is_still(left) {
                    self.hold_compared(op.mirrored(), right, left, set, limit)
                } else {
                    self.hold_comparison(*op, left, right, set, limit)
                }
            }
            Expr::In { value, list, negated } => self.hold_in(value, list, *negated, set, limit),
            Expr::Like { value, .. } => {
                let text = self.value(value);
                self.hold(value, Set::only(text), limit).unsure()
            }
            Expr::Logic { op, terms } => self.hold_logic(expr, *op == Logic::Or, terms, set, limit),
            Expr::Not(inner) => {
                let (yes, no) = (set.contains(Value::Boolean(true)), set.contains(Value::Boolean(false)));
                self.hold(inner, Set::truths(no, yes, set.null), limit)
            }
            Expr::Is { value, test, negated } => {
                let (is, is_not) = (set.contains(Value::Boolean(!negated)), set.contains(Value::Boolean(*negated)));
                let set = match (is, is_not) {
                    (true, true) => return End::NEVER,
                    (false, false) => return End::possible(self.tomorrow()),
                    _ => match test {
                        Test::Null | Test::Unknown if is => Set::NULL,
                        Test::Null | Test::Unknown => Set::new(Values::All, false),
                        Test::True => Set::truths(is, !is, !is),
                        Test::False => Set::truths(!is, is, !is),
                    },
                };
                self.hold(value, set, limit)
            }
            Expr::Case { branches, otherwise } => self.hold_case(branches, otherwise.as_deref(), set, limit),
        }
    }

    /// All of the expressions with their present values.
    fn hold_all(&mut self, parts: impl Iterator<Item = &'a Expr>, limit: i32) -> End {
        let mut end = End::possible(limit);
        for part in parts {
            let value = self.value(part);
            end = end.and(self.hold(part, Set::only(value), end.day).unsure());
        }
        end
    }

    fn hold_name(&mut self, name: Name, set: Set<'a>, limit: i32) -> End {
        let (model, facts) = (self.evaluation.model, self.evaluation.facts);
        match name {
            Name::Parameter(_) | Name::Attribute(_) | Name::Score(_) => End::NEVER,
            Name::Metric(place) if facts.metrics[place].is_some() => End::NEVER,
            Name::Metric(place) => self.hold(&model.metrics[place], set, limit),
            Name::Dimension(place) => {
                let found = self.evaluation.dimension(place);
                let dimension = &model.dimensions[place];
                let mut end = End::possible(limit);
                // others with a name in the set may come before it
                for (layer, layered) in dimension.layers.iter().enumerate() {
                    if found == Some(layer) {
                        end = end.and(self.condition(layered, Set::TRUE, end.day).unsure());
                        break;
                    }
                    if !set.contains(Value::Text(model.dimension_layer(place, layer))) {
                        end = end.and(self.condition(layered, Set::NOT_TRUE, end.day).unsure());
                    }
                }
                end
            }
        }
    }

    /// Walks the ledger from step to step; between them only the distance to a day grows.
    fn hold_reading(&mut self, reader: Reader, slot: usize, set: Set<'a>, limit: i32) -> End {
        let (walk, ledger) = self.evaluation.reading_walk(slot);
        let mut walk = walk.clone();
        let mut day = self.today;
        loop {
            let value = read_value(reader, walk.reading());
            if !set.contains(value) {
                return End::sure(day);
            }
            let next = walk.next_step(ledger).and_then(|day| i32::try_from(day).ok()).unwrap_or(NEVER).min(limit);
            if grows(reader)
                && let Some(days) = value.number().and_then(|value| set.leaves(value, Decimal::ONE))
                && let Some(crossing) = i32::try_from(i64::from(day).saturating_add(days)).ok()
                && crossing < next
            {
                return End::sure(crossing);
            }
            let Some(step) = Day::new(next.into()).filter(|_| next < limit && self.steps > 0) else {
                return End::possible(next);
            };
            self.steps -= 1;
            walk.go_to(step, ledger);
            day = next;
        }
    }

    /// A function of the day and a date that stays.
    fn hold_calendar(&self, function: Calendar, date: Value<'a>, set: Set<'a>) -> End {
        /// Until the anniversary of 29 February has come in every kind of year, a century's turn aside.
        const YEARS: u32 = 9;
        let (Value::Date(date), Some(mut today)) = (date, Day::new(self.today.into())) else { return End::NEVER };
        let mut repeats = 0;
        loop {
            let value = calendar(function, Value::Date(date), today);
            if !set.contains(value) {
                return End::sure(today.number());
            }
            if repeats > 0 && set.covers(0, 366) {
                return End::NEVER;
            }
            let left = value.number().and_then(|value| i64::try_from(value).ok());
            let (slope, bend) = match (function, left) {
                (Calendar::Since, Some(_)) => (Decimal::ONE, None),
                (Calendar::Until, Some(left)) => (Decimal::NEGATIVE_ONE, Some(left + 1)),
                (Calendar::UntilAnniversary, Some(left)) => {
                    repeats += 1;
                    (Decimal::NEGATIVE_ONE, Some(left + 1))
                }
                (_, None) => {
                    (Decimal::ZERO, Some(i64::from(date) - i64::from(today.number())).filter(|days| *days > 0))
                }
            };
            let now = i64::from(today.number());
            let crossing = value.number().and_then(|value| set.leaves(value, slope));
            if let Some(days) = crossing.filter(|days| bend.is_none_or(|bend| *days < bend)) {
                return End::sure(i32::try_from(now.saturating_add(days)).unwrap_or(NEVER));
            }
            let Some(next) = bend.and_then(|bend| Day::new(now + bend)) else { return End::NEVER };
            if repeats > YEARS {
                return End::possible(next.number());
            }
            today = next;
        }
    }

    fn hold_arithmetic(
        &mut self,
        expr: &'a Expr,
        op: Arithmetic,
        left: &'a Expr,
        right: &'a Expr,
        set: Set<'a>,
        limit: i32,
    ) -> End {
        let mut limit = limit;
        let (still, moving, still_is_left) = match (self.is_still(left), self.is_still(right)) {
            (_, true) if op != Arithmetic::Modulo => (right, left, false),
            (true, _) if !matches!(op, Arithmetic::Divide | Arithmetic::Modulo) => (left, right, true),
            _ => {
                let divisor = if op == Arithmetic::Divide { Some(self.line(right, limit)) } else { None };
                match divisor.filter(|divisor| divisor.is_level() && divisor.end > self.tomorrow()) {
                    // it stands still for a while
                    Some(divisor) => {
                        limit = limit.min(divisor.end);
                        (right, left, false)
                    }
                    None => {
                        let line = self.line(expr, limit);
                        return self.along(line, set);
                    }
                }
            }
        };
        let (still, present) = (self.value(still), self.value(moving));
        // with NULL, and divided by zero, the result is always NULL
        let by = match key(still) {
            Some(by) if op != Arithmetic::Divide || !by.is_zero() => by,
            _ => return End::possible(limit),
        };
        let is_date = matches!(present, Value::Date(_));
        let apply = |x: Decimal| {
            let x = if is_date { Value::Date(i32::try_from(x).ok()?) } else { Value::Number(x) };
            key(if still_is_left { arithmetic(op, still, x) } else { arithmetic(op, x, still) })
        };
        let undo = |bound: Decimal, _| match op {
            Arithmetic::Add => bound.checked_sub(by),
            Arithmetic::Subtract if still_is_left => by.checked_sub(bound),
            Arithmetic::Subtract => bound.checked_add(by),
            Arithmetic::Multiply => bound.checked_div(by),
            Arithmetic::Divide => bound.checked_mul(by),
            Arithmetic::Modulo => None,
        };
        let rising = match op {
            Arithmetic::Add => true,
            Arithmetic::Subtract => !still_is_left,
            _ => by.is_sign_positive(),
        };
        let set = set.inverse(present, rising, undo, apply);
        End::possible(limit).and(self.hold(moving, set, limit).unsure())
    }

    fn hold_call(&mut self, function: Function, arguments: &'a [Expr], set: Set<'a>, limit: i32) -> End {
        match function {
            Function::Coalesce => self.hold_coalesce(arguments, set, limit),
            Function::Nullif => {
                let (value, other) = (self.value(&arguments[0]), self.value(&arguments[1]));
                if !self.is_still(&arguments[1]) {
                    return self.hold_all(arguments.iter(), limit);
                }
                // where the result may be NULL it does not matter whether the two are equal
                let set = match compare(Comparison::Equal, value, other) {
                    Some(true) if !set.contains(other) => Set::only(other),
                    Some(false) if !set.null && set.contains(other) => set.apart_from(other, value),
                    _ => set,
                };
                self.hold(&arguments[0], set, limit).unsure()
            }
            Function::Least | Function::Greatest => {
                self.hold_extreme(arguments, function == Function::Least, set, limit)
            }
            Function::Abs => {
                let set = set.of_sizes(self.value(&arguments[0]));
                self.hold(&arguments[0], set, limit).unsure()
            }
            Function::Floor | Function::Ceil | Function::Round => {
                let present = self.value(&arguments[0]);
                let decimals = arguments.get(1).and_then(|decimals| self.value(decimals).number());
                let decimals = decimals.and_then(|decimals| u32::try_from(decimals).ok()).unwrap_or(0);
                let unit = Decimal::new(1, decimals);
                let apply = |x: Decimal| Some(rounded(function, x, Some(decimals.into())));
                let undo = |bound: Decimal, side: Side| match (function, side) {
                    (Function::Floor, Side::High) => bound.checked_add(unit),
                    (Function::Ceil, Side::Low) => bound.checked_sub(unit),
                    (Function::Floor | Function::Ceil, _) => Some(bound),
                    (_, Side::High) => bound.checked_add(unit / Decimal::TWO),
                    (_, Side::Low) => bound.checked_sub(unit / Decimal::TWO),
                };
                let result = present.number().and_then(apply).map_or(Value::Null, Value::Number);
                let set = set.on_grid(decimals, unit, result).inverse(present, true, undo, apply);
                self.hold(&arguments[0], set, limit).unsure()
            }
        }
    }

    fn hold_coalesce(&mut self, arguments: &'a [Expr], set: Set<'a>, limit: i32) -> End {
        let mut end = End::possible(limit);
        for (place, argument) in arguments.iter().enumerate() {
            let is_null = self.value(argument) == Value::Null;
            let null = is_null || self.falls_back(&arguments[place + 1..], &set);
            end = end.and(self.hold(argument, set.with_null(null), end.day).unsure());
            if !is_null {
                break;
            }
        }
        end
    }

    /// Whether the first of these that is not NULL is in the set for good.
    fn falls_back(&mut self, arguments: &'a [Expr], set: &Set<'a>) -> bool {
        for argument in arguments {
            if !self.is_still(argument) {
                return false;
            }
            match self.value(argument) {
                Value::Null => {}
                value => return set.contains(value),
            }
        }
        set.null
    }

    /// The smallest (the largest) of the arguments is in the set while one of them is, and no other lies beyond its low
    /// (its high) end.
    fn hold_extreme(&mut self, arguments: &'a [Expr], least: bool, set: Set<'a>, limit: i32) -> End {
        let wanted = if least { Ordering::Less } else { Ordering::Greater };
        let mut extreme: Option<(usize, Value<'a>)> = None;
        for (place, argument) in arguments.iter().enumerate() {
            let value = self.value(argument);
            if value != Value::Null && extreme.is_none_or(|(_, best)| order(value, best) == Some(wanted)) {
                extreme = Some((place, value));
            }
        }
        let set = set.around(extreme.map_or(Value::Null, |(_, value)| value));
        // best one that stays for good
        let mut stays = |argument| self.is_still(argument) && set.with_null(false).contains(self.value(argument));
        let witness = arguments.iter().position(&mut stays).or(extreme.map(|(place, _)| place));
        let others = if least { set.without_end(Side::High) } else { set.without_end(Side::Low) };
        let mut end = End::possible(limit);
        for (place, argument) in arguments.iter().enumerate() {
            let set = match witness {
                None => set,
                Some(witness) if place == witness => set.with_null(false),
                Some(_) => others.with_null(true),
            };
            end = end.and(self.hold(argument, set, end.day).unsure());
        }
        end
    }

    /// A comparison with a side that stands still.
    fn hold_compared(
        &mut self,
        op: Comparison,
        moving: &'a Expr,
        still: &'a Expr,
        outcomes: Set<'a>,
        limit: i32,
    ) -> End {
        let set = match (self.value(still), op) {
            (Value::Null, Comparison::Distinct | Comparison::NotDistinct) => {
                let outcome = |null| outcomes.contains(Value::Boolean((op == Comparison::NotDistinct) == null));
                Set::new(if outcome(false) { Values::All } else { Values::None }, outcome(true))
            }
            (Value::Null, _) => return End::NEVER,
            (still, _) => Set::compared(op, still, &outcomes),
        };
        self.hold(moving, set, limit)
    }

    fn hold_in(&mut self, value: &'a Expr, list: &'a [Expr], negated: bool, set: Set<'a>, limit: i32) -> End {
        if !list.iter().all(|item| self.is_still(item)) {
            return self.hold_all(std::iter::once(value).chain(list), limit);
        }
        let present = self.value(value);
        let (mut is_listed, mut null_listed) = (false, false);
        let mut gap = (Bound::Unbounded, Bound::Unbounded);
        for item in list {
            let item = self.value(item);
            is_listed |= item == present;
            null_listed |= item == Value::Null;
            if let (Some(item), Some(present)) = (key(item), key(present)) {
                let (low, high) = &mut gap;
                if item < present && set::above(*low, item) {
                    *low = Bound::Excluded(item);
                } else if item > present && set::below(*high, item) {
                    *high = Bound::Excluded(item);
                }
            }
        }
        let listed = set.contains(Value::Boolean(!negated));
        let missing = set.contains(if null_listed { Value::Null } else { Value::Boolean(negated) });
        let values = match (present, listed, missing) {
            (_, true, true) => Values::All,
            (Value::Null, ..) => Values::None,
            (Value::Number(_) | Value::Date(_), false, true) if !is_listed => Values::Between(gap.0, gap.1),
            _ => Values::Only(present),
        };
        self.hold(value, Set::new(values, set.null), limit).unsure()
    }

    /// A chain of AND or OR, where one value decides: false or true. Its result is that value where one term has it; else
    /// NULL where one is NULL; else the other value.
    fn hold_logic(&mut self, expr: &'a Expr, decisive: bool, terms: &'a [Expr], set: Set<'a>, limit: i32) -> End {
        let (decides, other) = (Value::Boolean(decisive), Value::Boolean(!decisive));
        let present = self.value(expr);
        if present != decides && set.contains(other) {
            // no term comes to decide, and none to NULL where that is not allowed
            let terms_set = Set::only(other).with_null(set.null);
            let mut end = End::possible(limit);
            for term in terms {
                end = end.and(self.hold(term, terms_set, end.day));
            }
            return if set.contains(decides) { end.unsure() } else { end };
        }
        if !set.contains(decides) {
            return self.hold_all(terms.iter(), limit);
        }
        // one term is enough: the last to leave
        let terms_set = Set::only(decides).with_null(set.null);
        let mut last = End::possible(self.today);
        for term in terms {
            let value = self.value(term);
            if terms_set.contains(value) {
                let end = self.hold(term, terms_set, limit);
                last = if end.day > last.day { end.unsure() } else { last };
                if last.day >= limit {
                    break;
                }
            }
        }
        last
    }

    fn hold_case(
        &mut self,
        branches: &'a [(Expr, Expr)],
        otherwise: Option<&'a Expr>,
        set: Set<'a>,
        limit: i32,
    ) -> End {
        let mut end = End::possible(limit);
        for (when, then) in branches {
            if self.value(when).holds() {
                end = end.and(self.hold(when, Set::TRUE, end.day).unsure());
                return end.and(self.hold(then, set, end.day).unsure());
            }
            // a branch that would give a value of the set may be taken
            let same = self.is_still(then) && set.contains(self.value(then));
            if !same {
                end = end.and(self.hold(when, Set::NOT_TRUE, end.day).unsure());
            }
        }
        match otherwise {
            Some(otherwise) => end.and(self.hold(otherwise, set, end.day).unsure()),
            None => end,
        }
    }

    /// Whether the expression has its present value for good, while the scores stay.
    fn is_still(&mut self, expr: &'a Expr) -> bool {
        if !self.may_go_on() {
            return false;
        }
        let (model, facts) = (self.evaluation.model, self.evaluation.facts);
        match expr {
            Expr::Name(Name::Metric(place)) => facts.metrics[*place].is_some() || self.is_still(&model.metrics[*place]),
            Expr::Name(Name::Dimension(place)) => {
                let mut conditions = model.dimensions[*place].layers.iter().filter_map(|layer| layer.when.as_ref());
                conditions.all(|when| self.is_still(when))
            }
            Expr::AsOf | Expr::Calendar { .. } => false,
            Expr::Prediction { slot, .. } => {
                let (walk, ledger) = self.evaluation.reading_walk(*slot);
                walk.next_step(ledger).is_none() && walk.reading().last_day().is_none()
            }
            Expr::Reading { reader, slot, .. } => {
                let (walk, ledger) = self.evaluation.reading_walk(*slot);
                walk.next_step(ledger).is_none() && (!grows(*reader) || walk.reading().last_day().is_none())
            }
            _ => {
                let mut still = true;
                expr.parts(&mut |part| still = still && self.is_still(part));
                still
            }
        }
    }
}
