//! What a condition asks of one value: a range of numbers or days, a list of constants, to be NULL or not.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::super::{Comparison, Constant, Value};

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bound {
    pub(crate) value: Decimal,
    pub(crate) inclusive: bool,
}

/// Numbers, or days counted as [`Value::Date`] does.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Range {
    pub(crate) low: Option<Bound>,
    pub(crate) high: Option<Bound>,
}

impl Range {
    pub(crate) fn at_least(value: Decimal, inclusive: bool) -> Self {
        Self { low: Some(Bound { value, inclusive }), high: None }
    }

    pub(crate) fn at_most(value: Decimal, inclusive: bool) -> Self {
        Self { low: None, high: Some(Bound { value, inclusive }) }
    }

    pub(crate) fn point(value: Decimal) -> Self {
        Self { low: Self::at_least(value, true).low, high: Self::at_most(value, true).high }
    }

    /// The one value of the range, where it is a point.
    pub(crate) fn as_point(&self) -> Option<Decimal> {
        let (low, high) = (self.low?, self.high?);
        (low.value == high.value).then_some(low.value)
    }

    /// Where a number lies: before the range, in it, after it.
    pub(crate) fn place_of(&self, value: Decimal) -> Ordering {
        let before = |bound: Bound| value < bound.value || (value == bound.value && !bound.inclusive);
        let after = |bound: Bound| value > bound.value || (value == bound.value && !bound.inclusive);
        match (self.low.is_some_and(before), self.high.is_some_and(after)) {
            (true, _) => Ordering::Less,
            (_, true) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }

    fn is_empty(&self) -> bool {
        match (self.low, self.high) {
            (Some(low), Some(high)) => {
                low.value > high.value || (low.value == high.value && !(low.inclusive && high.inclusive))
            }
            _ => false,
        }
    }

    pub(crate) fn and(&self, other: &Range) -> Range {
        let tighter = |a: Option<Bound>, b: Option<Bound>, tighter: Ordering| match (a, b) {
            (Some(a), Some(b)) => match a.value.cmp(&b.value) {
                Ordering::Equal => Some(Bound { inclusive: a.inclusive && b.inclusive, ..a }),
                order if order == tighter => Some(a),
                _ => Some(b),
            },
            (a, b) => a.or(b),
        };
        Range {
            low: tighter(self.low, other.low, Ordering::Greater),
            high: tighter(self.high, other.high, Ordering::Less),
        }
    }

    /// The same range for a value that is always whole, with inclusive whole ends.
    pub(crate) fn of_whole(&self) -> Range {
        let low = self.low.map(|bound| match bound.inclusive {
            true => bound.value.ceil(),
            false => bound.value.floor().saturating_add(Decimal::ONE),
        });
        let high = self.high.map(|bound| match bound.inclusive {
            true => bound.value.floor(),
            false => bound.value.ceil().saturating_sub(Decimal::ONE),
        });
        let inclusive = |value| Bound { value, inclusive: true };
        Range { low: low.map(inclusive), high: high.map(inclusive) }
    }

    /// The value of the range that is nearest to `now`; ends that do not belong to it are passed by one `unit`.
    pub(crate) fn nearest(&self, now: Decimal, unit: Decimal) -> Option<Decimal> {
        let found = match self.place_of(now) {
            Ordering::Equal => now,
            Ordering::Less => {
                let low = self.low?;
                if low.inclusive { low.value } else { low.value.checked_add(unit)? }
            }
            Ordering::Greater => {
                let high = self.high?;
                if high.inclusive { high.value } else { high.value.checked_sub(unit)? }
            }
        };
        self.place_of(found).is_eq().then_some(found)
    }
}

/// The values that are wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    Range(Range),
    /// An empty list: no value at all.
    OneOf(Vec<Constant>),
    /// An empty list: any value.
    NoneOf(Vec<Constant>),
}

/// The values that are wanted, and whether NULL will do as well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Need {
    pub(crate) wanted: Wanted,
    pub(crate) null: bool,
}

impl Need {
    pub(crate) fn range(range: Range, null: bool) -> Self {
        Self { wanted: Wanted::Range(range), null }
    }

    /// A value, whatever it is.
    pub(crate) fn known() -> Self {
        Self { wanted: Wanted::NoneOf(Vec::new()), null: false }
    }

    /// NULL and nothing else.
    pub(crate) fn unknown() -> Self {
        Self { wanted: Wanted::OneOf(Vec::new()), null: true }
    }

    pub(crate) fn accepts(&self, value: Value<'_>) -> bool {
        let listed = |list: &[Constant]| list.iter().any(|constant| constant.value() == value);
        match (&self.wanted, value) {
            (_, Value::Null) => self.null,
            (Wanted::Range(range), value) => number_of(value).is_some_and(|number| range.place_of(number).is_eq()),
            (Wanted::OneOf(list), _) => listed(list),
            (Wanted::NoneOf(list), _) => !listed(list),
        }
    }

    /// Both at once; `None` where nothing can satisfy them.
    pub(crate) fn and(&self, other: &Need) -> Option<Need> {
        let null = self.null && other.null;
        let wanted = match (&self.wanted, &other.wanted) {
            (Wanted::Range(a), Wanted::Range(b)) => Wanted::Range(a.and(b)),
            (Wanted::OneOf(list), wanted) | (wanted, Wanted::OneOf(list)) => {
                let other = Need { wanted: wanted.clone(), null: false };
                Wanted::OneOf(list.iter().filter(|constant| other.accepts(constant.value())).cloned().collect())
            }
            (Wanted::NoneOf(a), Wanted::NoneOf(b)) => {
                let more = b.iter().filter(|constant| !a.contains(constant));
                Wanted::NoneOf(a.iter().chain(more).cloned().collect())
            }
            // numbers and days are never excluded by lists
            (Wanted::Range(range), Wanted::NoneOf(_)) | (Wanted::NoneOf(_), Wanted::Range(range)) => {
                Wanted::Range(*range)
            }
        };
        let empty = match &wanted {
            Wanted::Range(range) => range.is_empty(),
            Wanted::OneOf(list) => list.is_empty(),
            Wanted::NoneOf(_) => false,
        };
        match (empty, null) {
            (true, false) => None,
            (true, true) => Some(Need::unknown()),
            _ => Some(Need { wanted, null }),
        }
    }

    /// The ranges of numbers (or days) that a comparison with `value` accepts.
    pub(crate) fn ranges(op: Comparison, value: Decimal) -> Vec<Range> {
        match op {
            Comparison::Equal | Comparison::NotDistinct => vec![Range::point(value)],
            Comparison::NotEqual | Comparison::Distinct => {
                vec![Range::at_most(value, false), Range::at_least(value, false)]
            }
            Comparison::Less => vec![Range::at_most(value, false)],
            Comparison::LessOrEqual => vec![Range::at_most(value, true)],
            Comparison::Greater => vec![Range::at_least(value, false)],
            Comparison::GreaterOrEqual => vec![Range::at_least(value, true)],
        }
    }
}

/// A number or a day as a number.
pub(crate) fn number_of(value: Value<'_>) -> Option<Decimal> {
    match value {
        Value::Number(number) => Some(number),
        Value::Date(day) => Some(day.into()),
        _ => None,
    }
}
