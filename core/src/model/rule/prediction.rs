//! What is expected of a user, from what the user's source says until the day and the parameters that calibration fitted
//! to all users.
//!
//! While nothing is bought, none of these values rises: with the user's repeat days and the time of the last one fixed,
//! the odds of having left, (a / (b + x - 1)) ((α + t) / (α + t_x))^(r + x), grow with t, and what is to be expected of
//! those who stayed is a mean of (1 - (1 + p h / (α + t))^-(r + x)) / p, which falls. The expected amount of a purchase
//! does not move. So the first day on which a value leaves an interval can be found by bisection.

use rust_decimal::Decimal;

use crate::day::Day;
use crate::ledger::Reading;
use crate::predict::{PurchaseSummary, SourceFit};

use super::{Predictor, Value};

/// So many decimals are kept: what is left is the same wherever it is computed.
pub(crate) const DECIMALS: u32 = 6;

/// The value for a user whose source has this reading.
///
/// NULL before a user's first purchase, where nobody's purchases could be fitted, and where the value has no end.
pub(crate) fn predicted<'a>(
    predictor: Predictor,
    fit: &SourceFit,
    horizon: Option<i32>,
    reading: &Reading,
) -> Value<'a> {
    foretold(predictor, fit, horizon, reading, 0).map_or(Value::Null, rounded)
}

/// The same as a double, `later` days after the reading if nothing is bought until then.
pub(crate) fn foretold(
    predictor: Predictor,
    fit: &SourceFit,
    horizon: Option<i32>,
    reading: &Reading,
    later: i64,
) -> Option<f64> {
    let days = f64::from(horizon.unwrap_or(0));
    let summary = PurchaseSummary::of_reading(reading)?;
    let user = PurchaseSummary { t: summary.t + later, ..summary };
    match predictor {
        Predictor::PAlive => fit.p_alive(&user),
        Predictor::ExpectedPurchases => fit.expected_purchases(days, &user),
        Predictor::PurchaseProbability => fit.purchase_probability(days, &user),
        Predictor::LifetimeValue => fit.lifetime_value(days, &user),
    }
}

/// The value of a double: NULL where it is too large to be a number.
pub(crate) fn rounded<'a>(value: f64) -> Value<'a> {
    let number = match millionths(value) {
        Some(millionths) => Some(Decimal::new(millionths, DECIMALS)),
        None => Decimal::from_f64_retain(value).map(|number| number.round_dp(DECIMALS)),
    };
    number.map_or(Value::Null, Value::Number)
}

/// The value in units of its last decimal; `None` where a double has fewer digits than that.
pub(crate) fn millionths(value: f64) -> Option<i64> {
    const EXACT: f64 = 9e15;
    let millionths = (value * 1e6).round();
    (millionths.abs() < EXACT).then_some(millionths as i64)
}

/// The reading of a user of whom only the purchases are known; `None` where no days are like that.
pub(crate) fn reading_of(summary: &PurchaseSummary, as_of: Day) -> Option<Reading> {
    let first = Day::new(i64::from(as_of.number()) - summary.t)?;
    let last = Day::new(i64::from(first.number()) + summary.t_x)?;
    Reading::of_days(as_of, (first, last), i32::try_from(summary.x + 1).ok()?, summary.repeat_amount)
}
