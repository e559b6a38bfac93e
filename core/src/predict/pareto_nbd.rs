//! Pareto/NBD: Schmittlein, Morrison and Colombo (1987), Management Science 33(1); Fader and Hardie (2005), notes 8 and 13.
//!
//! A user buys at a rate that stays the same (over users: gamma with shape `r` and rate `alpha`), and leaves at any time,
//! at a rate that stays the same (over users: gamma with shape `s` and rate `beta`).
//!
//! The likelihood is written with the integral over the time of leaving instead of two ₂F₁ and their difference: all
//! terms are positive, so logarithms carry it through any x and t, and its derivatives are sums over the same nodes.

use serde::{Deserialize, Serialize};

use super::bgnbd::{Forever, LITTLE};
use super::fit::{self, Curve, Finding, Fit, Likelihood, Optimum};
use super::sample::{Group, Sample, Times};
use super::special::{LnGamma, Powers, decay_integral};
use super::text::{Model, non_negative, positive};
use super::{Counted, PredictError, PurchaseModel, Purchases, Unit};

/// A Pareto/NBD model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParetoNbd {
    /// Shape of the purchase rates; 0 where nobody ever comes back.
    pub r: f64,
    /// Rate of the purchase rates, in `unit`.
    pub alpha: f64,
    /// Shape of the dropout rates; 0 where nobody ever leaves.
    pub s: f64,
    /// Rate of the dropout rates, in `unit`.
    pub beta: f64,
    #[serde(default)]
    pub unit: Unit,
    /// How it was fitted; none for parameters from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

impl Model for ParetoNbd {
    const NAME: &'static str = "pareto_nbd";
    const EXAMPLE: &'static str = r#"{"r":0.553,"alpha":10.578,"s":0.606,"beta":11.669,"unit":"week"}"#;

    fn check(&self) -> Result<(), String> {
        non_negative("r", self.r)?;
        positive("alpha", self.alpha)?;
        non_negative("s", self.s)?;
        positive("beta", self.beta)
    }
}

impl ParetoNbd {
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
        let starts = [[1.0, 1.0 / rate, 0.5, 0.5], [0.3, 0.3 / rate, 0.3, 1.0], [2.0, 2.0 / rate, 2.0, 20.0]];
        let whole = fit::maximize(&Whole(&sample), &starts).ok_or(none.clone())?;
        let [r, alpha, s, beta] = whole.parameters;
        if s < 0.1 || s < 0.1 * beta {
            let forever = fit::maximize(&Forever(&sample), &[[r, alpha], [1.0, 1.0 / rate]]).ok_or(none)?;
            if forever.log_likelihood >= whole.log_likelihood - LITTLE {
                let fit = Fit::new(&forever, sample.users(), Some(Finding::NobodyLeaves));
                let [r, alpha] = forever.parameters;
                return Ok(Some(Self::scaled(&sample, unit, [r, alpha, 0.0, 1.0], fit)));
            }
        }
        let fit = Fit::new(&whole, sample.users(), edge(&whole));
        Ok(Some(Self::scaled(&sample, unit, [r, alpha, s, beta], fit)))
    }

    /// The log-likelihood of users under this model, in its unit.
    ///
    /// # Errors
    /// [`PredictError::NoLikelihood`] where the model has no density for them.
    pub fn log_likelihood(&self, users: &[Counted<Purchases>]) -> Result<f64, PredictError> {
        let Some(sample) = Sample::new(users)? else {
            return Ok(0.0);
        };
        let unit = sample.in_unit(1.0, self.unit);
        let value = if self.s == 0.0 {
            Forever(&sample).at(&[self.r, self.alpha / unit]).value
        } else {
            Whole(&sample).at(&[self.r, self.alpha / unit, self.s, self.beta / unit]).value
        };
        let value = sample.log_likelihood_in(value, self.unit);
        if value.is_finite() { Ok(value) } else { Err(PredictError::NoLikelihood { what: Self::NAME }) }
    }

    fn scaled(sample: &Sample, unit: Unit, [r, alpha, s, beta]: [f64; 4], mut fit: Fit) -> Self {
        fit.log_likelihood = sample.log_likelihood_in(fit.log_likelihood, unit);
        if let Some(errors) = &mut fit.standard_errors {
            errors.iter_mut().skip(1).step_by(2).for_each(|error| *error = sample.in_unit(*error, unit));
        }
        Self { r, alpha: sample.in_unit(alpha, unit), s, beta: sample.in_unit(beta, unit), unit, fit: Some(fit) }
    }

    /// α + t and β + t in days.
    fn exposures(&self, user: &Purchases) -> (f64, f64) {
        let unit = self.unit.days();
        (self.alpha * unit + user.t(), self.beta * unit + user.t())
    }
}

impl PurchaseModel for ParetoNbd {
    /// Equation 11 of Schmittlein, Morrison and Colombo (1987).
    fn p_alive(&self, user: &Purchases) -> f64 {
        if self.s == 0.0 {
            return 1.0;
        }
        let (buying, leaving) = self.exposures(user);
        let unit = self.unit.days();
        let (alpha, beta) = (self.alpha * unit, self.beta * unit);
        let left = Powers { a: alpha, p: self.r + user.repeats(), b: beta, q: self.s + 1.0 };
        let ln_left = self.s.ln() + left.ln_integral(user.t_x(), user.t());
        let ln_alive = -left.p * buying.ln() - self.s * leaving.ln();
        1.0 / (1.0 + (ln_left - ln_alive).exp())
    }

    /// Fader and Hardie (2005), note 8, equation 41.
    fn expected_purchases(&self, days: f64, user: &Purchases) -> f64 {
        let (buying, leaving) = self.exposures(user);
        let time = leaving * decay_integral(self.s - 1.0, (days / leaving).ln_1p());
        self.p_alive(user) * (self.r + user.repeats()) / buying * time
    }

    /// A user who is alive buys at time τ at the earliest with density E\[λ e^-λτ\] E\[e^-μτ\].
    fn purchase_probability(&self, days: f64, user: &Purchases) -> f64 {
        let (buying, leaving) = self.exposures(user);
        let shape = self.r + user.repeats();
        let next = Powers { a: buying, p: shape + 1.0, b: leaving, q: self.s };
        let ln = shape.ln() + shape * buying.ln() + self.s * leaving.ln() + next.ln_integral(0.0, days);
        self.p_alive(user) * ln.exp().min(1.0)
    }
}

fn edge(optimum: &Optimum<4>) -> Option<Finding> {
    match (optimum.direction(0), optimum.direction(2)) {
        (1, _) => Some(Finding::SameRate),
        (_, 1) => Some(Finding::SameDropout),
        _ if optimum.is_interior() => None,
        _ => Some(Finding::Extreme),
    }
}

/// The likelihood of (r, α, s, β).
struct Whole<'a>(&'a Sample);

impl Likelihood<4> for Whole<'_> {
    fn users(&self) -> f64 {
        self.0.users() as f64
    }

    fn at(&self, &[r, alpha, s, beta]: &[f64; 4]) -> Curve<4> {
        let gamma_r = LnGamma::at(r);
        let of_group = |group: &Group| {
            let purchases = LnGamma::at(r + group.x) - gamma_r;
            let mut curve = Curve {
                value: purchases.value + r * alpha.ln() + s * beta.ln(),
                gradient: [purchases.first + alpha.ln(), r / alpha, beta.ln(), s / beta],
                hessian: Curve::<4>::ZERO.hessian,
            };
            curve.hessian[0][0] = purchases.second;
            curve.hessian[0][1] = 1.0 / alpha;
            curve.hessian[1][1] = -r / (alpha * alpha);
            curve.hessian[2][3] = 1.0 / beta;
            curve.hessian[3][3] = -s / (beta * beta);
            mirror(&mut curve);
            ((), curve)
        };
        let of_times = |group: &Group, (), times: &Times| {
            let x = group.x;
            let powers = Powers { a: alpha, p: r + x, b: beta, q: s + 1.0 };
            let mut mixture = Mixture::of_largest(ln_largest(&powers, s, times));
            let (now_a, now_b) = (alpha + times.t, beta + times.t);
            mixture.add(0.0, &powers, [now_a, now_b], s, 0.0);
            let ln_s = s.ln();
            powers.nodes(times.t_x, times.t, |ln_weight, tau| {
                mixture.add(ln_s + ln_weight, &powers, [alpha + tau, beta + tau], s + 1.0, 1.0 / s);
            });
            mixture.curve()
        };
        self.0.sum(of_group, of_times)
    }
}

/// A bound of the terms' logarithms that the largest of them comes near to.
fn ln_largest(powers: &Powers, s: f64, times: &Times) -> f64 {
    let (last_a, last_b) = (powers.a + times.t_x, powers.b + times.t_x);
    let alive = -powers.p * (powers.a + times.t).ln() - s * (powers.b + times.t).ln();
    let left = s.ln() - powers.p * last_a.ln() - powers.q * last_b.ln() + last_a.min(last_b).ln();
    alive.max(left)
}

/// ln Σ e^f over terms f with their derivatives: slopes are the mean slope of the terms by their shares, curvatures the
/// mean curvature and the covariance of the slopes.
struct Mixture {
    largest: f64,
    share: f64,
    slope: [f64; 4],
    /// Upper triangle.
    curvature: [[f64; 4]; 4],
}

impl Mixture {
    fn of_largest(largest: f64) -> Self {
        Self { largest, share: 0.0, slope: [0.0; 4], curvature: [[0.0; 4]; 4] }
    }

    /// The term ln e^weight a^-p b^-q, whose q is s or s + 1, and whose weight has the slope `by_s` in s.
    fn add(&mut self, ln_weight: f64, powers: &Powers, [a, b]: [f64; 2], q: f64, by_s: f64) {
        let (ln_a, ln_b, inverse_a, inverse_b) = (a.ln(), b.ln(), 1.0 / a, 1.0 / b);
        let share = (ln_weight - powers.p * ln_a - q * ln_b - self.largest).exp();
        let slope = [-ln_a, -powers.p * inverse_a, by_s - ln_b, -q * inverse_b];
        self.share += share;
        for i in 0..4 {
            self.slope[i] += share * slope[i];
            for j in i..4 {
                self.curvature[i][j] += share * slope[i] * slope[j];
            }
        }
        self.curvature[0][1] -= share * inverse_a;
        self.curvature[1][1] += share * powers.p * inverse_a * inverse_a;
        self.curvature[2][2] -= share * by_s * by_s;
        self.curvature[2][3] -= share * inverse_b;
        self.curvature[3][3] += share * q * inverse_b * inverse_b;
    }

    fn curve(self) -> Curve<4> {
        let gradient = self.slope.map(|slope| slope / self.share);
        let mut curve = Curve { value: self.largest + self.share.ln(), gradient, hessian: self.curvature };
        for i in 0..4 {
            for j in i..4 {
                curve.hessian[i][j] = curve.hessian[i][j] / self.share - gradient[i] * gradient[j];
            }
        }
        mirror(&mut curve);
        curve
    }
}

/// Fills the lower triangle.
fn mirror(curve: &mut Curve<4>) {
    for i in 1..4 {
        for j in 0..i {
            curve.hessian[i][j] = curve.hessian[j][i];
        }
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
        }
    }
}
