//! Sets of values that an expression may take without anything changing.

use std::ops::Bound;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::score::Best;

use super::super::super::Score;
use super::super::evaluate::compare;
use super::super::{Comparison, Value};

/// Values of one type, with or without NULL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Set<'a> {
    pub(super) null: bool,
    pub(super) values: Values<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Values<'a> {
    None,
    All,
    Only(Value<'a>),
    Except(Value<'a>),
    /// Numbers, or dates by their number.
    Between(Bound<Decimal>, Bound<Decimal>),
}

/// One end of an interval.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Low,
    High,
}

/// Where an interval does not end, it is taken to go as far as this: beyond any number that comes up, and few enough
/// digits for arithmetic. The smaller ones are for dates and large factors.
const FAR: [i64; 4] = [1_000_000_000_000_000_000, 1_000_000_000_000, 1_000_000_000, 1_000_000];
/// How far inside an open end the closed one is put: less than the decimals that money has.
const NUDGE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

impl<'a> Set<'a> {
    pub(super) const NULL: Set<'static> = Set { null: true, values: Values::None };
    pub(super) const TRUE: Set<'static> = Set { null: false, values: Values::Only(Value::Boolean(true)) };
    pub(super) const NOT_TRUE: Set<'static> = Set { null: true, values: Values::Except(Value::Boolean(true)) };

    pub(super) fn new(values: Values<'a>, null: bool) -> Self {
        Self { null, values }
    }

    pub(super) fn only(value: Value<'a>) -> Self {
        match value {
            Value::Null => Self::NULL,
            value => Self { null: false, values: Values::Only(value) },
        }
    }

    /// Truth values.
    pub(super) fn truths(yes: bool, no: bool, null: bool) -> Self {
        let values = match (yes, no) {
            (true, true) => Values::All,
            (true, false) => Values::Only(Value::Boolean(true)),
            (false, true) => Values::Only(Value::Boolean(false)),
            (false, false) => Values::None,
        };
        Self { null, values }
    }

    /// The values whose comparison with `other` (not NULL) has one of the outcomes.
    pub(super) fn compared(op: Comparison, other: Value<'a>, outcomes: &Set<'_>) -> Self {
        let yes = outcomes.contains(Value::Boolean(true));
        let no = outcomes.contains(Value::Boolean(false));
        let null = outcomes.contains(compare(op, Value::Null, other).map_or(Value::Null, Value::Boolean));
        let op = match (yes, no) {
            (true, true) => return Self::new(Values::All, null),
            (false, false) => return Self::new(Values::None, null),
            (true, false) => op,
            (false, true) => match op {
                Comparison::Equal | Comparison::NotDistinct => Comparison::NotEqual,
                Comparison::NotEqual | Comparison::Distinct => Comparison::Equal,
                Comparison::Less => Comparison::GreaterOrEqual,
                Comparison::LessOrEqual => Comparison::Greater,
                Comparison::Greater => Comparison::LessOrEqual,
                Comparison::GreaterOrEqual => Comparison::Less,
            },
        };
        let between = |low, high| Values::Between(low, high);
        let values = match (op, key(other)) {
            (Comparison::Equal | Comparison::NotDistinct, _) => Values::Only(other),
            (Comparison::NotEqual | Comparison::Distinct, _) => Values::Except(other),
            (Comparison::Less, Some(key)) => between(Bound::Unbounded, Bound::Excluded(key)),
            (Comparison::LessOrEqual, Some(key)) => between(Bound::Unbounded, Bound::Included(key)),
            (Comparison::Greater, Some(key)) => between(Bound::Excluded(key), Bound::Unbounded),
            (Comparison::GreaterOrEqual, Some(key)) => between(Bound::Included(key), Bound::Unbounded),
            // only numbers and dates are compared by order
            (_, None) => Values::None,
        };
        Self { null, values }
    }

    #[inline]
    pub(super) fn contains(&self, value: Value<'_>) -> bool {
        match (value, self.values) {
            (Value::Null, _) => self.null,
            (_, Values::None) => false,
            (_, Values::All) => true,
            (value, Values::Only(only)) => value == only,
            (value, Values::Except(other)) => value != other,
            (value, Values::Between(low, high)) => key(value).is_some_and(|key| above(low, key) && below(high, key)),
        }
    }

    /// Whether no value is outside.
    pub(super) fn is_everything(&self) -> bool {
        self.null && matches!(self.values, Values::All)
    }

    /// Whether all numbers from one to another are inside.
    pub(super) fn covers(&self, low: i64, high: i64) -> bool {
        let ends = [low, high].map(|end| Value::Number(end.into()));
        matches!(self.values, Values::All | Values::Between(..)) && ends.into_iter().all(|end| self.contains(end))
    }

    pub(super) fn with_null(self, null: bool) -> Self {
        Self { null, ..self }
    }

    /// The ends of the part of the set's numbers that `present` lies in.
    fn interval(&self, present: Value<'_>) -> Option<(Bound<Decimal>, Bound<Decimal>)> {
        match self.values {
            Values::None => None,
            Values::All => Some((Bound::Unbounded, Bound::Unbounded)),
            Values::Only(only) => key(only).map(|key| (Bound::Included(key), Bound::Included(key))),
            Values::Except(other) => {
                let (other, present) = (key(other)?, key(present));
                Some(match present.is_some_and(|present| present < other) {
                    true => (Bound::Unbounded, Bound::Excluded(other)),
                    false => (Bound::Excluded(other), Bound::Unbounded),
                })
            }
            Values::Between(low, high) => Some((low, high)),
        }
    }

    /// The part of the set's numbers that `present` lies in; the parts are all alike where that is NULL.
    pub(super) fn around(self, present: Value<'_>) -> Self {
        let values = self.interval(present).map_or(Values::None, |(low, high)| Values::Between(low, high));
        Self { values, ..self }
    }

    /// An interval without one of its ends.
    pub(super) fn without_end(self, side: Side) -> Self {
        let values = match (self.values, side) {
            (Values::Between(low, _), Side::High) => Values::Between(low, Bound::Unbounded),
            (Values::Between(_, high), Side::Low) => Values::Between(Bound::Unbounded, high),
            (values, _) => values,
        };
        Self { values, ..self }
    }

    /// The part of the set around `present` without another value.
    pub(super) fn apart_from(self, other: Value<'_>, present: Value<'a>) -> Self {
        let (Some(other), Some(at), Some((low, high))) = (key(other), key(present), self.interval(present)) else {
            return Self::only(present);
        };
        let values = match at < other {
            true if below(high, other) => Values::Between(low, Bound::Excluded(other)),
            false if above(low, other) => Values::Between(Bound::Excluded(other), high),
            _ => Values::Between(low, high),
        };
        Self { values, ..self }
    }

    /// The numbers around `present` whose sizes without their signs are in the set.
    pub(super) fn of_sizes(self, present: Value<'_>) -> Self {
        let present = key(present).unwrap_or_default();
        let Some((low, high)) = self.interval(Value::Number(present.abs())) else { return self };
        let mirrored = |bound: Bound<Decimal>| bound.map(|bound| -bound);
        let values = match (above(low, Decimal::ZERO), present < Decimal::ZERO) {
            (true, _) => Values::Between(mirrored(high), high),
            (false, true) => Values::Between(mirrored(high), mirrored(low)),
            (false, false) => Values::Between(low, high),
        };
        Self { values, ..self }
    }

    /// The part of the set around `present` with ends that are numbers of so many decimals, for values that are.
    pub(super) fn on_grid(self, decimals: u32, unit: Decimal, present: Value<'_>) -> Self {
        let Some((low, high)) = self.interval(present) else { return self };
        let shift = |bound: Bound<Decimal>, strategy: RoundingStrategy, inward: Decimal| match bound {
            Bound::Unbounded => Bound::Unbounded,
            Bound::Included(bound) => Bound::Included(bound.round_dp_with_strategy(decimals, strategy)),
            Bound::Excluded(bound) => {
                let rounded = bound.round_dp_with_strategy(decimals, strategy);
                let next = if rounded == bound { rounded.checked_add(inward) } else { Some(rounded) };
                next.map_or(Bound::Unbounded, Bound::Included)
            }
        };
        let low = shift(low, RoundingStrategy::ToPositiveInfinity, unit);
        let high = shift(high, RoundingStrategy::ToNegativeInfinity, -unit);
        Self { values: Values::Between(low, high), ..self }
    }

    /// The least number of so many decimals above the low end of an interval, in units of the last of them.
    pub(super) fn least_on_grid(&self, decimals: u32) -> Option<i64> {
        let Values::Between(low, _) = self.values else { return None };
        let units = |bound: Decimal| bound.checked_mul(Decimal::from(10_i64.checked_pow(decimals)?));
        let least = match low {
            Bound::Unbounded => return None,
            Bound::Included(bound) => units(bound)?.ceil(),
            Bound::Excluded(bound) => units(bound)?.floor().checked_add(Decimal::ONE)?,
        };
        i64::try_from(least).ok()
    }

    /// The values with a score.
    pub(super) fn scored(score: &Score, found: u8) -> Set<'static> {
        let cuts = score.cuts.as_deref().unwrap_or_default();
        let cut = |place: Option<usize>| place.and_then(|place| *cuts.get(place)?);
        let passed = cut(usize::from(found).checked_sub(2));
        let missed = cut(usize::from(found).checked_sub(1));
        let (passed, missed): (Bound<Decimal>, Bound<Decimal>) = match score.method.is_strict() {
            true => {
                (passed.map_or(Bound::Unbounded, Bound::Excluded), missed.map_or(Bound::Unbounded, Bound::Included))
            }
            false => {
                (passed.map_or(Bound::Unbounded, Bound::Included), missed.map_or(Bound::Unbounded, Bound::Excluded))
            }
        };
        let values = match score.best {
            Best::High => Values::Between(passed, missed),
            Best::Low => Values::Between(missed, passed),
        };
        Set::new(values, false)
    }

    /// The `x` around `present` with `apply(x)` in this set, for an `apply` that is monotone, and NULL for NULL.
    ///
    /// `undo` proposes the end that belongs to one of this set's. An end is only taken when `apply` itself says that it
    /// is inside, so rounding and overflow are never in the way; what is inside at both ends is so between them.
    pub(super) fn inverse(
        &self,
        present: Value<'_>,
        rising: bool,
        undo: impl Fn(Decimal, Side) -> Option<Decimal>,
        apply: impl Fn(Decimal) -> Option<Decimal>,
    ) -> Set<'static> {
        let nothing = Set::new(Values::None, self.null);
        let Some(present) = key(present) else { return nothing };
        let Some(interval) = apply(present).and_then(|result| self.interval(Value::Number(result))) else {
            return nothing;
        };
        let inside = |x: &Decimal| apply(*x).is_some_and(|y| above(interval.0, y) && below(interval.1, y));
        let end = |side: Side| {
            let outward = if side == Side::High { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
            let image = if (side == Side::High) == rising { Side::High } else { Side::Low };
            let bound = if image == Side::High { interval.1 } else { interval.0 };
            let proposed = match bound {
                Bound::Unbounded => None,
                Bound::Included(bound) | Bound::Excluded(bound) => undo(bound, image),
            };
            let candidates = match proposed {
                Some(proposed) => [Some(proposed), proposed.checked_sub(outward * NUDGE), None, None],
                None => FAR.map(|far| Some(outward * Decimal::from(far))),
            };
            let beyond = |x: &Decimal| if side == Side::High { *x >= present } else { *x <= present };
            let found = candidates.into_iter().flatten().filter(beyond).find(inside);
            Bound::Included(found.unwrap_or(present))
        };
        Set::new(Values::Between(end(Side::Low), end(Side::High)), self.null)
    }

    /// In how many days a number of the set, or a date, that grows by `slope` a day leaves it; `None` for never.
    pub(super) fn leaves(&self, value: Decimal, slope: Decimal) -> Option<i64> {
        if slope.is_zero() {
            return None;
        }
        // what does not fit a decimal is further away than any day
        let days_to = |bound: Decimal| bound.checked_sub(value)?.checked_div(slope);
        let after = |days: Decimal| slope.checked_mul(days)?.checked_add(value);
        let proposed = match self.values {
            Values::All => return None,
            Values::None | Values::Only(_) => return Some(1),
            Values::Except(other) => {
                let (other, days) = key(other).and_then(|other| Some((other, days_to(other)?.round())))?;
                let meets = days > Decimal::ZERO && after(days) == Some(other);
                return meets.then(|| i64::try_from(days).unwrap_or(i64::MAX));
            }
            Values::Between(low, high) => match if slope.is_sign_positive() { high } else { low } {
                Bound::Unbounded => return None,
                Bound::Included(bound) => days_to(bound)?.floor().checked_add(Decimal::ONE)?,
                Bound::Excluded(bound) => days_to(bound)?.ceil(),
            },
        };
        let days = i64::try_from(proposed).unwrap_or(i64::MAX).max(1);
        // the quotient may have been rounded: the day before has to be inside
        let inside = |days: i64| after(days.into()).is_some_and(|value| self.contains(Value::Number(value)));
        [days, days - 1].into_iter().find(|days| *days > 1 && inside(days - 1)).or(Some(1))
    }
}

/// What numbers and dates are compared by.
#[inline]
pub(super) fn key(value: Value<'_>) -> Option<Decimal> {
    match value {
        Value::Number(number) => Some(number),
        Value::Date(day) => Some(day.into()),
        _ => None,
    }
}

pub(super) fn above(low: Bound<Decimal>, key: Decimal) -> bool {
    match low {
        Bound::Unbounded => true,
        Bound::Included(low) => key >= low,
        Bound::Excluded(low) => key > low,
    }
}

pub(super) fn below(high: Bound<Decimal>, key: Decimal) -> bool {
    match high {
        Bound::Unbounded => true,
        Bound::Included(high) => key <= high,
        Bound::Excluded(high) => key < high,
    }
}
