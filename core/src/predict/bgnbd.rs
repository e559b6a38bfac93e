//! BG/NBD: Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2).
//!
//! A user buys at random at a rate that stays the same (over users: gamma with shape `r` and rate `alpha`), and after
//! each purchase leaves for good with a probability that stays the same (over users: beta with `a` and `b`).

use serde::{Deserialize, Serialize};

use super::fit::{self, Curve, Finding, Fit, Likelihood, Optimum};
use super::sample::{Group, Sample, Times};
use super::special::{LnGamma, decay_integral, ln_beta};
use super::text::{Model, non_negative, positive};
use super::{Counted, PredictError, PurchaseModel, Purchases, Unit};

/// A BG/NBD model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BgNbd {
    /// Shape of the purchase rates; 0 where nobody ever comes back.
    pub r: f64,
    /// Rate of the purchase rates, in `unit`.
    pub alpha: f64,
    /// First shape of the dropout probabilities; 0 where nobody ever leaves.
    pub a: f64,
    /// Second shape of the dropout probabilities.
    pub b: f64,
    #[serde(default)]
    pub unit: Unit,
    /// How it was fitted; none for parameters from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

impl Model for BgNbd {
    const NAME: &'static str = "bgnbd";
    const EXAMPLE: &'static str = r#"{"r":0.243,"alpha":4.414,"a":0.793,"b":2.426,"unit":"week"}"#;

    fn check(&self) -> Result<(), String> {
        non_negative("r", self.r)?;
        positive("alpha", self.alpha)?;
        non_negative("a", self.a)?;
        positive("b", self.b)
    }
}

impl BgNbd {
    /// Maximum likelihood; `None` where there are no users.
    ///
    /// # Errors
    /// [`PredictError::NoLikelihood`] for users that no parameters describe.
    pub fn fit(users: &[Counted<Purchases>], unit: Unit) -> Result<Option<Self>, PredictError> {
        let Some(sample) = Sample::new(users)? else {
            return Ok(None);
        };
        let none = PredictError::NoLikelihood { what: Self::NAME };
        if sample.repeats() == 0.0 {
            let fit = Fit::nobody_returns(sample.users());
            return Ok(Some(Self::scaled(&sample, unit, [0.0, 1.0, 0.0, 1.0], fit)));
        }
        let rate = sample.rate();
        let likelihood = Whole(&sample);
        let starts = [[1.0, 1.0 / rate, 1.0, 3.0], [0.2, 0.2 / rate, 0.2, 2.0], [2.0, 2.0 / rate, 0.05, 0.5]];
        let whole = fit::maximize(&likelihood, &starts).ok_or(none.clone())?;
        let [r, alpha, a, b] = whole.parameters;
        if a < 0.1 && a < 0.1 * b {
            // so few leave that the simpler model without dropout may be as likely
            let forever = fit::maximize(&Forever(&sample), &[[r, alpha], [1.0, 1.0 / rate]]).ok_or(none)?;
            if forever.log_likelihood >= whole.log_likelihood - LITTLE {
                let fit = Fit::new(&forever, sample.users(), Some(Finding::NobodyLeaves));
                let [r, alpha] = forever.parameters;
                return Ok(Some(Self::scaled(&sample, unit, [r, alpha, 0.0, 1.0], fit)));
            }
        }
        let fit = Fit::new(&whole, sample.users(), edge(&whole));
        Ok(Some(Self::scaled(&sample, unit, [r, alpha, a, b], fit)))
    }

    /// The log-likelihood of users under this model, in its unit.
    ///
    /// # Errors
    /// [`PredictError::NoLikelihood`] where the model has no density for them.
    pub fn log_likelihood(&self, users: &[Counted<Purchases>]) -> Result<f64, PredictError> {
        let Some(sample) = Sample::new(users)? else {
            return Ok(0.0);
        };
        let alpha = self.alpha / sample.in_unit(1.0, self.unit);
        let value = if self.a == 0.0 {
            Forever(&sample).at(&[self.r, alpha]).value
        } else {
            Whole(&sample).at(&[self.r, alpha, self.a, self.b]).value
        };
        let value = sample.log_likelihood_in(value, self.unit);
        if value.is_finite() { Ok(value) } else { Err(PredictError::NoLikelihood { what: Self::NAME }) }
    }

    fn scaled(sample: &Sample, unit: Unit, [r, alpha, a, b]: [f64; 4], mut fit: Fit) -> Self {
        fit.log_likelihood = sample.log_likelihood_in(fit.log_likelihood, unit);
        if let Some(errors) = &mut fit.standard_errors {
            errors[1] = sample.in_unit(errors[1], unit);
        }
        Self { r, alpha: sample.in_unit(alpha, unit), a, b, unit, fit: Some(fit) }
    }

    /// α + t in days.
    fn exposure(&self, user: &Purchases) -> f64 {
        self.alpha * self.unit.days() + user.t()
    }

    /// The expected purchases of a user who is still there.
    fn expected_if_alive(&self, days: f64, user: &Purchases) -> f64 {
        let shape = self.r + user.repeats();
        let exposure = self.exposure(user);
        let growth = (days / exposure).ln_1p();
        let by_series = self.series(shape, growth, days / (exposure + days), user.repeats());
        by_series.unwrap_or_else(|| self.quadrature(shape, days / exposure, user.repeats()))
    }

    /// The expectation of Fader, Hardie and Lee (2005), equation 10, after Euler's transformation of its ₂F₁; the first
    /// term of the series is taken out, and with it the poles at a = 1 and a + b + x = 1. `None` where it is slow or
    /// its terms cancel.
    fn series(&self, shape: f64, growth: f64, z: f64, x: f64) -> Option<f64> {
        const MOST_TERMS: u32 = 600;
        const LARGE: f64 = 40.0;
        let Self { a, b, .. } = *self;
        if a + b > LARGE {
            return None;
        }
        let c = a + b + x - 1.0;
        let mut term = (c - shape) * z;
        let (mut sum, mut largest) = (term, term.abs());
        for n in 1..=MOST_TERMS {
            let n = f64::from(n);
            term *= (c - shape + n) * (a + n - 1.0) / ((c + n) * (n + 1.0)) * z;
            sum += term;
            largest = largest.max(term.abs());
            if term.abs() <= 1e-17 * largest {
                let first = c * decay_integral(a - 1.0, growth);
                let factor = (-(a - 1.0) * growth).exp();
                let expected = first - factor * sum;
                let rounding = f64::EPSILON * (first.abs() + factor * largest);
                return (rounding < 1e-10 * expected && expected.is_finite()).then_some(expected);
            }
        }
        None
    }

    /// The same as an integral over the user's dropout probability p, which is beta with a and b + x: the mean of
    /// (1 - (1 + p h)^-shape) / p for a horizon of h exposures. Trapezoids in the logit of p, with double-exponential
    /// spacing around the mode: exact for any parameters, some ten times slower.
    fn quadrature(&self, shape: f64, horizon: f64, x: f64) -> f64 {
        const STEP: f64 = 1.0 / 24.0;
        let Self { a, b, .. } = *self;
        let b = b + x;
        if a == 0.0 {
            return shape * horizon;
        }
        let ln_norm = ln_beta(a, b);
        let (center, width) = ((a / b).ln(), ((a + b) / (a * b)).sqrt().min(1.0));
        let at = |k: f64| {
            let logit = center + width * k.sinh();
            let (ln_p, ln_q) = (-softplus(-logit), -softplus(logit));
            let p = ln_p.exp();
            let purchases =
                if p * horizon < 1e-14 { shape * horizon } else { -(-shape * (p * horizon).ln_1p()).exp_m1() / p };
            (a * ln_p + b * ln_q - ln_norm).exp() * purchases * width * k.cosh()
        };
        let mut sum = at(0.0);
        for side in [-STEP, STEP] {
            for step in 1..=600 {
                let term = at(side * f64::from(step));
                sum += term;
                if term <= 1e-17 * sum && step > 24 {
                    break;
                }
            }
        }
        sum * STEP
    }
}

impl PurchaseModel for BgNbd {
    fn p_alive(&self, user: &Purchases) -> f64 {
        if user.x() == 0 {
            return 1.0;
        }
        let x = user.repeats();
        let silence = (user.t() - user.t_x()) / (self.alpha * self.unit.days() + user.t_x());
        let ln_odds = (self.a / (self.b + x - 1.0)).ln() + (self.r + x) * silence.ln_1p();
        1.0 / (1.0 + ln_odds.exp())
    }

    fn expected_purchases(&self, days: f64, user: &Purchases) -> f64 {
        self.p_alive(user) * self.expected_if_alive(days, user)
    }

    fn purchase_probability(&self, days: f64, user: &Purchases) -> f64 {
        let growth = (days / self.exposure(user)).ln_1p();
        self.p_alive(user) * -(-(self.r + user.repeats()) * growth).exp_m1()
    }
}

/// A gain in log-likelihood that no parameter is worth.
pub(super) const LITTLE: f64 = 1e-3;

fn edge(optimum: &Optimum<4>) -> Option<Finding> {
    let [_, _, a, b] = [0, 1, 2, 3].map(|parameter| optimum.direction(parameter));
    match (optimum.direction(0), a, b) {
        (1, ..) => Some(Finding::SameRate),
        (_, 1, _) | (_, _, 1) => Some(Finding::SameDropout),
        (0, 0, 0) if optimum.direction(1) == 0 => None,
        _ => Some(Finding::Extreme),
    }
}

/// ln(1 + e^z).
fn softplus(z: f64) -> f64 {
    if z > 0.0 { z + (-z).exp().ln_1p() } else { z.exp().ln_1p() }
}

/// The likelihood of (r, α, a, b).
struct Whole<'a>(&'a Sample);

impl Likelihood<4> for Whole<'_> {
    fn users(&self) -> f64 {
        self.0.users() as f64
    }

    fn at(&self, &[r, alpha, a, b]: &[f64; 4]) -> Curve<4> {
        let [gamma_r, gamma_b, gamma_ab] = [r, b, a + b].map(LnGamma::at);
        let of_group = |group: &Group| {
            let x = group.x;
            let purchases = LnGamma::at(r + x) - gamma_r;
            let stays = LnGamma::at(b + x) - gamma_b;
            let all = LnGamma::at(a + b + x) - gamma_ab;
            let curve = Curve {
                value: purchases.value + r * alpha.ln() + stays.value - all.value,
                gradient: [purchases.first + alpha.ln(), r / alpha, -all.first, stays.first - all.first],
                hessian: [
                    [purchases.second, 1.0 / alpha, 0.0, 0.0],
                    [1.0 / alpha, -r / (alpha * alpha), 0.0, 0.0],
                    [0.0, 0.0, -all.second, -all.second],
                    [0.0, 0.0, -all.second, stays.second - all.second],
                ],
            };
            ((a / (b + x - 1.0)).ln(), curve)
        };
        let of_times = |group: &Group, ln_left: f64, times: &Times| {
            let (shape, x) = (r + group.x, group.x);
            let (now, last) = (1.0 / (alpha + times.t), 1.0 / (alpha + times.t_x));
            let mut curve = Curve {
                value: shape * now.ln(),
                gradient: [now.ln(), -shape * now, 0.0, 0.0],
                hessian: Curve::<4>::ZERO.hessian,
            };
            curve.hessian[0][1] = -now;
            curve.hessian[1][0] = -now;
            curve.hessian[1][1] = shape * now * now;
            if x > 0.0 {
                // the odds that the user has left: e^z
                let silence = ((times.t - times.t_x) * last).ln_1p();
                let z = ln_left + shape * silence;
                let left = 1.0 / (1.0 + (-z).exp());
                let slope = [silence, shape * (now - last), 1.0 / a, -1.0 / (b + x - 1.0)];
                curve.value += softplus(z);
                for i in 0..4 {
                    curve.gradient[i] += left * slope[i];
                    for j in 0..4 {
                        curve.hessian[i][j] += left * (1.0 - left) * slope[i] * slope[j];
                    }
                }
                curve.hessian[0][1] += left * (now - last);
                curve.hessian[1][0] += left * (now - last);
                curve.hessian[1][1] -= left * shape * (now * now - last * last);
                curve.hessian[2][2] -= left * slope[2] * slope[2];
                curve.hessian[3][3] += left * slope[3] * slope[3];
            }
            curve
        };
        self.0.sum(of_group, of_times)
    }
}

/// The likelihood of (r, α) where nobody leaves: the NBD model of Ehrenberg (1959), which is the limit at a = 0, and that
/// of Pareto/NBD at s = 0.
pub(super) struct Forever<'a>(pub(super) &'a Sample);

impl Likelihood<2> for Forever<'_> {
    fn users(&self) -> f64 {
        self.0.users() as f64
    }

    fn at(&self, &[r, alpha]: &[f64; 2]) -> Curve<2> {
        let gamma_r = LnGamma::at(r);
        let of_group = |group: &Group| {
            let purchases = LnGamma::at(r + group.x) - gamma_r;
            let curve = Curve {
                value: purchases.value + r * alpha.ln(),
                gradient: [purchases.first + alpha.ln(), r / alpha],
                hessian: [[purchases.second, 1.0 / alpha], [1.0 / alpha, -r / (alpha * alpha)]],
            };
            ((), curve)
        };
        let of_times = |group: &Group, (), times: &Times| {
            let (shape, now) = (r + group.x, 1.0 / (alpha + times.t));
            Curve {
                value: shape * now.ln(),
                gradient: [now.ln(), -shape * now],
                hessian: [[0.0, -now], [-now, shape * now * now]],
            }
        };
        self.0.sum(of_group, of_times)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_derivatives, users};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn derivatives_are_those_of_the_likelihood(users in users(), ln in prop::array::uniform4(-2.0..3.0f64)) {
            let sample = Sample::new(&users).unwrap().unwrap();
            assert_derivatives(&Whole(&sample), ln.map(f64::exp))?;
            assert_derivatives(&Forever(&sample), [ln[0], ln[1]].map(f64::exp))?;
        }

        /// Two formulas that share nothing.
        #[test]
        fn series_and_quadrature_agree(
            ln in prop::array::uniform4(-3.0..2.5f64), x in 0..60u32, ln_t in -2.0..6.0f64, ln_days in -3.0..6.0f64,
        ) {
            let [r, alpha, a, b] = ln.map(f64::exp);
            let model = BgNbd { r, alpha, a, b, unit: Unit::Day, fit: None };
            let (exposure, days, shape) = (alpha + ln_t.exp(), ln_days.exp(), r + f64::from(x));
            let series = model.series(shape, (days / exposure).ln_1p(), days / (exposure + days), x.into());
            let quadrature = model.quadrature(shape, days / exposure, x.into());
            if let Some(series) = series {
                prop_assert!((series / quadrature - 1.0).abs() < 1e-9, "{series} {quadrature}");
            }
        }
    }
}
