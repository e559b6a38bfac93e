//! Gamma-gamma: Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value; Fader, Hardie and Lee (2005), RFM and CLV.
//!
//! The amounts of a user's purchases scatter around the user's own mean (gamma with shape `p`), and the means differ
//! between users (inverse gamma with `q` and `gamma`), whatever the number of purchases.

use serde::{Deserialize, Serialize};

use super::fit::{self, Curve, Finding, Fit, Likelihood, Optimum};
use super::special::LnGamma;
use super::text::{Model, positive};
use super::{Counted, PredictError};
use crate::patience;

/// A gamma-gamma model. Amounts are in the currency of the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GammaGamma {
    /// Shape of a user's amounts.
    pub p: f64,
    /// Shape of the users' scales.
    pub q: f64,
    /// Scale of the users' scales, in the currency.
    pub gamma: f64,
    /// How it was fitted; none for parameters from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

/// A user's repeat days and the mean amount of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spending {
    x: u32,
    mean_amount: f64,
}

impl Spending {
    /// Without a repeat day, or with a mean amount that is missing or not above 0, a user says nothing of amounts.
    ///
    /// # Errors
    /// [`PredictError::Argument`] for a negative or too large `x`, or an amount that is not finite.
    pub fn new(x: i64, mean_amount: Option<f64>) -> Result<Self, PredictError> {
        let repeats = u32::try_from(x);
        let x = repeats.map_err(|_| PredictError::argument("x", x, "from 0 to 4294967295"))?;
        let mean_amount = mean_amount.unwrap_or(0.0);
        if !mean_amount.is_finite() {
            return Err(PredictError::argument("mean_amount", mean_amount, "a finite amount"));
        }
        let says_nothing = x == 0 || mean_amount <= 0.0;
        Ok(if says_nothing { Self { x: 0, mean_amount: 0.0 } } else { Self { x, mean_amount } })
    }

    pub fn x(self) -> u32 {
        self.x
    }

    pub fn mean_amount(self) -> f64 {
        self.mean_amount
    }

    /// Whether there is nothing to learn from.
    pub fn is_empty(self) -> bool {
        self.x == 0
    }
}

impl Model for GammaGamma {
    const NAME: &'static str = "gamma_gamma";
    const EXAMPLE: &'static str = r#"{"p":6.25,"q":3.74,"gamma":15.44}"#;

    fn check(&self) -> Result<(), String> {
        positive("p", self.p)?;
        positive("q", self.q)?;
        positive("gamma", self.gamma)
    }
}

impl GammaGamma {
    /// Maximum likelihood over the users with repeat amounts; `None` where there is none. The others are counted as left
    /// out.
    ///
    /// # Errors
    /// [`PredictError::NoLikelihood`] for amounts that no parameters describe.
    pub fn fit(users: &[Counted<Spending>]) -> Result<Option<Self>, PredictError> {
        let amounts = Amounts::new(users);
        if amounts.users == 0 {
            return Ok(None);
        }
        let starts = [[2.0, 3.0, 1.0], [6.0, 4.0, 0.7], [0.5, 8.0, 14.0]];
        let optimum = fit::maximize(&amounts, &starts).ok_or(PredictError::NoLikelihood { what: Self::NAME })?;
        let [p, q, gamma] = optimum.parameters;
        let mut fit = Fit::new(&optimum, amounts.users, edge(&optimum));
        fit.left_out = amounts.left_out;
        fit.log_likelihood = amounts.log_likelihood(fit.log_likelihood);
        if let Some(errors) = &mut fit.standard_errors {
            errors[2] *= amounts.scale;
        }
        Ok(Some(Self { p, q, gamma: gamma * amounts.scale, fit: Some(fit) }))
    }

    /// The log-likelihood of the users with repeat amounts under this model.
    ///
    /// # Errors
    /// [`PredictError::NoLikelihood`] where the model has no density for them.
    pub fn log_likelihood(&self, users: &[Counted<Spending>]) -> Result<f64, PredictError> {
        let amounts = Amounts::new(users);
        let value = amounts.log_likelihood(amounts.at(&[self.p, self.q, self.gamma / amounts.scale]).value);
        if value.is_finite() { Ok(value) } else { Err(PredictError::NoLikelihood { what: Self::NAME }) }
    }

    /// The mean amount of a user's purchases to come (Fader, Hardie and Lee 2005, equation 5): between the mean so far
    /// and that of the population. `None` where it has no finite value: without repeat amounts and with q ≤ 1.
    pub fn expected_amount(&self, user: &Spending) -> Option<f64> {
        let Self { p, q, gamma, .. } = *self;
        let repeats = f64::from(user.x);
        let shape = p * repeats + q - 1.0;
        (shape > 0.0).then(|| p * (gamma + repeats * user.mean_amount) / shape)
    }
}

fn edge(optimum: &Optimum<3>) -> Option<Finding> {
    if !optimum.is_interior() {
        Some(Finding::Extreme)
    } else if optimum.parameters[1] <= 1.0 {
        Some(Finding::HeavyTail)
    } else {
        None
    }
}

/// The users of a fit by their repeat days, amounts in units of their mean.
struct Amounts {
    groups: Vec<Group>,
    users: u64,
    left_out: u64,
    scale: f64,
}

/// The users with one number of repeat days.
struct Group {
    x: f64,
    users: f64,
    /// Of all users.
    ln_amounts: f64,
    /// (amount, users)
    amounts: Vec<(f64, f64)>,
}

impl Amounts {
    fn new(users: &[Counted<Spending>]) -> Self {
        let (mut order, empty): (Vec<_>, Vec<_>) =
            users.iter().copied().partition(|user: &Counted<Spending>| !user.value.is_empty());
        let count = |users: &[Counted<Spending>]| users.iter().fold(0u64, |sum, user| sum.saturating_add(user.count));
        patience::sort_by(&mut order, |a, b| {
            let key = |user: &Counted<Spending>| (user.value.x, user.value.mean_amount.to_bits());
            key(a).cmp(&key(b))
        });
        let total = count(&order);
        let sum: f64 = order.iter().map(|user| user.value.mean_amount * user.count as f64).sum();
        let scale = if total > 0 { sum / total as f64 } else { 1.0 };
        let mut amounts = Self { groups: Vec::new(), users: total, left_out: count(&empty), scale };
        for user in order {
            let (x, amount, users) = (f64::from(user.value.x), user.value.mean_amount / scale, user.count as f64);
            if amounts.groups.last().is_none_or(|group| group.x != x) {
                amounts.groups.push(Group { x, users: 0.0, ln_amounts: 0.0, amounts: Vec::new() });
            }
            if let Some(group) = amounts.groups.last_mut() {
                group.users += users;
                group.ln_amounts += users * amount.ln();
                group.amounts.push((amount, users));
            }
        }
        amounts
    }

    /// A likelihood of scaled amounts as one of the amounts.
    fn log_likelihood(&self, scaled: f64) -> f64 {
        scaled - self.users as f64 * self.scale.ln()
    }
}

/// Fader and Hardie (2013), equation 1a, of (p, q, γ).
impl Likelihood<3> for Amounts {
    fn users(&self) -> f64 {
        self.users as f64
    }

    fn at(&self, &[p, q, gamma]: &[f64; 3]) -> Curve<3> {
        let gamma_q = LnGamma::at(q);
        let mut sum = Curve::ZERO;
        for group in &self.groups {
            patience::check();
            let x = group.x;
            let (all, own) = (LnGamma::at(p * x + q), LnGamma::at(p * x));
            let known = Curve {
                value: all.value - own.value - gamma_q.value + q * gamma.ln() + p * x * x.ln(),
                gradient: [x * (all.first - own.first + x.ln()), all.first - gamma_q.first + gamma.ln(), q / gamma],
                hessian: [
                    [x * x * (all.second - own.second), x * all.second, 0.0],
                    [x * all.second, all.second - gamma_q.second, 1.0 / gamma],
                    [0.0, 1.0 / gamma, -q / (gamma * gamma)],
                ],
            };
            sum.add(group.users, &known);
            sum.value += (p * x - 1.0) * group.ln_amounts;
            sum.gradient[0] += x * group.ln_amounts;
            let shape = p * x + q;
            for &(amount, users) in &group.amounts {
                let total = gamma + x * amount;
                let (ln, inverse) = (total.ln(), 1.0 / total);
                sum.value -= users * shape * ln;
                sum.gradient[0] -= users * x * ln;
                sum.gradient[1] -= users * ln;
                sum.gradient[2] -= users * shape * inverse;
                sum.hessian[0][2] -= users * x * inverse;
                sum.hessian[2][0] -= users * x * inverse;
                sum.hessian[1][2] -= users * inverse;
                sum.hessian[2][1] -= users * inverse;
                sum.hessian[2][2] += users * shape * inverse * inverse;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::assert_derivatives;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn derivatives_are_those_of_the_likelihood(
            ln in prop::array::uniform3(-2.0..3.0f64),
            users in prop::collection::vec((1..50i64, 0.01..1e4f64, 1..9u64), 1..9),
        ) {
            let users: Vec<_> = users
                .into_iter()
                .map(|(x, amount, count)| Counted { value: Spending::new(x, Some(amount)).unwrap(), count })
                .collect();
            assert_derivatives(&Amounts::new(&users), ln.map(f64::exp))?;
        }
    }
}
