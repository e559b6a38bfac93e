//! Stretches of numbers with open or closed ends. Dates are numbers here: days since 2000-01-01.

use rust_decimal::Decimal;

/// One end of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bound {
    pub(super) at: Decimal,
    pub(super) included: bool,
}

impl Bound {
    pub(super) fn closed(at: impl Into<Decimal>) -> Self {
        Self { at: at.into(), included: true }
    }

    pub(super) fn open(at: impl Into<Decimal>) -> Self {
        Self { at: at.into(), included: false }
    }

    /// Both ends together: the end of a sum.
    pub(super) fn plus(self, other: Bound) -> Option<Bound> {
        Some(Bound { at: self.at.checked_add(other.at)?, included: self.included && other.included })
    }

    pub(super) fn negated(self) -> Bound {
        Bound { at: -self.at, ..self }
    }
}

/// The numbers between two ends; `None` is no end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) low: Option<Bound>,
    pub(super) high: Option<Bound>,
}

impl Interval {
    pub(super) const ALL: Interval = Interval { low: None, high: None };

    pub(super) fn point(at: Decimal) -> Self {
        Self { low: Some(Bound::closed(at)), high: Some(Bound::closed(at)) }
    }

    pub(super) fn at_least(low: i64) -> Self {
        Self { low: Some(Bound::closed(low)), high: None }
    }

    pub(super) fn between(low: i64, high: i64) -> Self {
        Self { low: Some(Bound::closed(low)), high: Some(Bound::closed(high)) }
    }

    /// Moves the low end up; whether that changed it.
    pub(super) fn raise(&mut self, low: Option<Bound>) -> bool {
        let Some(new) = low else { return false };
        let tighter = self.low.is_none_or(|old| new.at > old.at || new.at == old.at && old.included && !new.included);
        if tighter {
            self.low = low;
        }
        tighter
    }

    /// Moves the high end down; whether that changed it.
    pub(super) fn lower(&mut self, high: Option<Bound>) -> bool {
        let Some(new) = high else { return false };
        let tighter = self.high.is_none_or(|old| new.at < old.at || new.at == old.at && old.included && !new.included);
        if tighter {
            self.high = high;
        }
        tighter
    }

    /// Keeps what is in both; whether that changed it.
    pub(super) fn meet(&mut self, other: Interval) -> bool {
        let raised = self.raise(other.low);
        self.lower(other.high) || raised
    }

    /// The smallest interval around both.
    pub(super) fn hull(self, other: Interval) -> Interval {
        let lower = |a: Bound, b: Bound| a.at < b.at || a.at == b.at && a.included;
        let higher = |a: Bound, b: Bound| a.at > b.at || a.at == b.at && a.included;
        let low = self.low.zip(other.low).map(|(a, b)| if lower(a, b) { a } else { b });
        let high = self.high.zip(other.high).map(|(a, b)| if higher(a, b) { a } else { b });
        Interval { low, high }
    }

    pub(super) fn is_empty(&self) -> bool {
        match (self.low, self.high) {
            (Some(low), Some(high)) => low.at > high.at || low.at == high.at && !(low.included && high.included),
            _ => false,
        }
    }

    /// The one number that it holds.
    pub(super) fn single(&self) -> Option<Decimal> {
        let (low, high) = (self.low?, self.high?);
        (low.at == high.at && low.included && high.included).then_some(low.at)
    }

    pub(super) fn contains(&self, number: Decimal) -> bool {
        let over = self.low.is_none_or(|low| number > low.at || number == low.at && low.included);
        over && self.high.is_none_or(|high| number < high.at || number == high.at && high.included)
    }

    /// Its whole numbers, with ends that are such.
    pub(super) fn whole(self) -> Interval {
        let one = Decimal::ONE;
        let up = |low: Bound| {
            let at = low.at.ceil();
            Bound::closed(if low.included || at > low.at { at } else { at.saturating_add(one) })
        };
        let down = |high: Bound| {
            let at = high.at.floor();
            Bound::closed(if high.included || at < high.at { at } else { at.saturating_sub(one) })
        };
        Interval { low: self.low.map(up), high: self.high.map(down) }
    }

    /// A number of it that people would name: the end, or the first round one behind it.
    pub(super) fn example(&self) -> Decimal {
        let beyond = |end: Bound, step: Decimal| if end.included { end.at } else { end.at.saturating_add(step) };
        match (self.low, self.high) {
            (None, None) => Decimal::ZERO,
            (Some(low), None) if low.included => low.at,
            (Some(low), None) => low.at.floor().saturating_add(Decimal::ONE),
            (None, Some(high)) => beyond(high, -Decimal::ONE),
            (Some(low), Some(_)) if low.included => low.at,
            (Some(low), Some(high)) => {
                let round = (0..=27).find_map(|decimals| {
                    let step = Decimal::new(1, decimals);
                    let floor =
                        low.at.round_dp_with_strategy(decimals, rust_decimal::RoundingStrategy::ToNegativeInfinity);
                    floor.checked_add(step).filter(|number| self.contains(*number))
                });
                round.unwrap_or(if high.included { high.at } else { low.at / Decimal::TWO + high.at / Decimal::TWO })
            }
        }
    }
}
