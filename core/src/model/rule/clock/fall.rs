//! Until when a prediction stays within a set of values: it falls from step to step of the ledger.

use crate::day::Day;

use super::super::prediction::{DECIMALS, foretold, millionths, rounded};
use super::super::{Predictor, Value};
use super::set::Set;
use super::{Clock, End, NEVER};

impl<'a> Clock<'_, 'a> {
    /// Walks the ledger from step to step; between them the value falls, if it moves, so that the day on which it leaves
    /// an interval is found by bisection.
    pub(super) fn hold_prediction(
        &mut self,
        predictor: Predictor,
        source: usize,
        horizon: Option<i32>,
        slot: usize,
        set: Set<'a>,
        limit: i32,
    ) -> End {
        let Some(fit) = self.evaluation.model.fit(source) else { return End::NEVER };
        let (walk, ledger) = self.evaluation.reading_walk(slot);
        let mut walk = walk.clone();
        // the day of the walk's reading, and the day that was reached from it
        let (mut step, mut day) = (self.today, self.today);
        loop {
            let reading = *walk.reading();
            let double = |day: i32| foretold(predictor, fit, horizon, &reading, i64::from(day) - i64::from(step));
            let value = |day: i32| -> Value<'a> { double(day).map_or(Value::Null, rounded) };
            let here = value(day);
            if !set.contains(here) {
                return End::sure(day);
            }
            let next = walk.next_step(ledger).and_then(|day| i32::try_from(day).ok()).unwrap_or(NEVER).min(limit);
            // NULL stays NULL, but for a number too large to be one, which may come to be one
            let part = if here == Value::Null { Set::NULL } else { set.around(here).with_null(false) };
            let least = part.least_on_grid(DECIMALS);
            let is_inside = |day: i32| match (least, double(day).and_then(millionths)) {
                (Some(least), Some(millionths)) => millionths >= least,
                _ => part.contains(value(day)),
            };
            let last = next.saturating_sub(1).min(Day::MAX.number());
            if last > day && reading.last_day().is_some() && !is_inside(last) {
                let Some(outside) = first_outside(&mut self.steps, day, last, is_inside) else {
                    return End::possible(self.tomorrow());
                };
                day = outside;
                continue;
            }
            let Some(coming) = Day::new(next.into()).filter(|_| next < limit && self.steps > 0) else {
                return End::possible(next);
            };
            self.steps -= 1;
            walk.go_to(coming, ledger);
            (step, day) = (next, next);
        }
    }
}

/// The first day outside, from one that is inside to one that is not: near ones are tried first. `None` where the steps
/// are used up.
fn first_outside(steps: &mut u32, mut inside: i32, mut outside: i32, is_inside: impl Fn(i32) -> bool) -> Option<i32> {
    let (mut by, mut found) = (1, false);
    while i64::from(outside) - i64::from(inside) > 1 {
        *steps = steps.checked_sub(1)?;
        let middle = i64::from(inside) + (i64::from(outside) - i64::from(inside)) / 2;
        let day = if found { middle } else { middle.min(i64::from(inside) + by) };
        let day = i32::try_from(day).unwrap_or(outside);
        match is_inside(day) {
            true => (inside, by) = (day, by.saturating_mul(2)),
            false => (outside, found) = (day, true),
        }
    }
    Some(outside)
}
