//! What is expected of a user, from what the user's source says until the day and the parameters that calibration fitted
//! to all users.
//!
//! While nothing is bought, none of these values rises: with the user's repeat days and the time of the last one fixed,
//! the odds of having left, (a / (b + x - 1)) ((α + t) / (α + t_x))^(r + x), grow with t, and what is to be expected of
//! those who stayed is a mean of (1 - (1 + p h / (α + t))^-(r + x)) / p, which falls. The expected amount of a purchase
//! does not move. So the first day on which a value leaves an interval can be found by bisection.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::day::Day;
use crate::ledger::Reading;
use crate::predict::{PurchaseSummary, SourceFit};

use super::{Predictor, Value};

/// So many decimals are kept: what is left is the same wherever it is computed.
pub(crate) const DECIMALS: u32 = 6;

/// The value for a user whose source has this reading, `later` days after it if nothing is bought until then.
///
/// NULL before a user's first purchase, where nobody's purchases could be fitted, and where the value has no end.
pub(crate) fn predicted<'a>(
    predictor: Predictor,
    fit: &SourceFit,
    horizon: Option<i32>,
    reading: &Reading,
    later: i64,
) -> Value<'a> {
    let days = f64::from(horizon.unwrap_or(0));
    let value = PurchaseSummary::of_reading(reading).and_then(|summary| {
        let user = PurchaseSummary { t: summary.t + later, ..summary };
        match predictor {
            Predictor::PAlive => fit.p_alive(&user),
            Predictor::ExpectedPurchases => fit.expected_purchases(days, &user),
            Predictor::PurchaseProbability => fit.purchase_probability(days, &user),
            Predictor::LifetimeValue => fit.lifetime_value(days, &user),
        }
    });
    let number = value.and_then(Decimal::from_f64_retain);
    number.map_or(Value::Null, |number| {
        Value::Number(number.round_dp_with_strategy(DECIMALS, RoundingStrategy::MidpointAwayFromZero).normalize())
    })
}

/// The reading of a user of whom only the purchases are known; `None` where no days are like that.
pub(crate) fn reading_of(summary: &PurchaseSummary, as_of: Day) -> Option<Reading> {
    let first = Day::new(i64::from(as_of.number()) - summary.t)?;
    let last = Day::new(i64::from(first.number()) + summary.t_x)?;
    Reading::of_days(as_of, (first, last), i32::try_from(summary.x + 1).ok()?, summary.repeat_amount)
}
