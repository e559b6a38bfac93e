//! What a user is worth: expected purchases times expected amount, discounted.

use super::special::gauss_legendre;
use super::{PredictError, PurchaseModel, Purchases};

/// Days of a month in discounting: 4.345 weeks, as the package lifetimes counts them.
pub const MONTH: f64 = 30.415;

/// When money comes in, for the discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discounting {
    /// At the end of each [`MONTH`], and of what is left of the horizon: what comes in until t counts (1 + rate)^-t.
    Monthly,
    /// When it is earned: what comes in at t counts (1 + rate)^-t, t in months.
    Continuous,
}

/// A horizon and what money is worth on the way there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    horizon_days: f64,
    monthly_rate: f64,
    margin: f64,
    discounting: Discounting,
}

/// The longest horizon, in days.
const LONGEST_HORIZON: f64 = 100_000.0;

impl Terms {
    /// # Errors
    /// [`PredictError::Argument`] for a horizon outside of 0 ..= 100000 days, a rate of -1 or less, or a margin that is
    /// not finite.
    pub fn new(
        horizon_days: f64,
        monthly_rate: f64,
        margin: f64,
        discounting: Discounting,
    ) -> Result<Self, PredictError> {
        check_horizon("horizon_days", horizon_days)?;
        if !(monthly_rate > -1.0 && monthly_rate.is_finite()) {
            return Err(PredictError::argument("discount_rate", monthly_rate, "greater than -1, such as 0.01 a month"));
        }
        if !margin.is_finite() {
            return Err(PredictError::argument("margin", margin, "a finite share, such as 0.3"));
        }
        Ok(Self { horizon_days, monthly_rate, margin, discounting })
    }
}

/// Checks a horizon in days or opportunities.
///
/// # Errors
/// [`PredictError::Argument`] outside of 0 ..= 100000.
pub fn check_horizon(name: &'static str, horizon: f64) -> Result<(), PredictError> {
    if (0.0..=LONGEST_HORIZON).contains(&horizon) {
        Ok(())
    } else {
        Err(PredictError::argument(name, horizon, "from 0 to 100000"))
    }
}

/// The value of a user's purchases within the horizon, at `amount` each.
pub fn lifetime_value(model: &impl PurchaseModel, user: &Purchases, amount: f64, terms: &Terms) -> f64 {
    let expected = |days: f64| model.expected_purchases(days, user);
    let decay = terms.monthly_rate.ln_1p() / MONTH;
    let worth = |days: f64| (-decay * days).exp();
    let purchases = match terms.discounting {
        Discounting::Monthly => {
            let months = (terms.horizon_days / MONTH).ceil() as u32;
            let (mut sum, mut before) = (0.0, 0.0);
            for month in 1..=months {
                let end = (f64::from(month) * MONTH).min(terms.horizon_days);
                let until = expected(end);
                sum += worth(end) * (until - before);
                before = until;
            }
            sum
        }
        Discounting::Continuous => {
            // by parts: e^(-d h) E(h) + d ∫ e^(-d t) E(t) dt, on pieces of at most three years
            const PIECE: f64 = 1_096.0;
            let end = terms.horizon_days;
            let pieces = (end / PIECE).ceil();
            let half = end / pieces.max(1.0) / 2.0;
            let integral: f64 = (0..pieces as u32)
                .map(|piece| {
                    let middle = half * f64::from(2 * piece + 1);
                    let rule = gauss_legendre().iter();
                    let at = |days: f64| worth(days) * expected(days);
                    half * rule.map(|&(place, weight)| weight * at(middle + half * place)).sum::<f64>()
                })
                .sum();
            worth(end) * expected(end) + decay * integral
        }
    };
    terms.margin * amount * purchases
}
