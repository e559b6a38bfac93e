//! BG/BB: Fader, Hardie and Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting, Marketing
//! Science 29(6).
//!
//! At each of `t` opportunities (a yearly appeal, a weekly newsletter) a user who is still there buys with a probability
//! that stays the same (over users: beta with `alpha` and `beta`), and before each leaves for good with a probability that
//! stays the same (over users: beta with `gamma` and `delta`). Times count opportunities.

use serde::{Deserialize, Serialize};

use super::fit::{self, Curve, Finding, Fit, Likelihood, Optimum};
use super::sample::{Group, Sample, Times};
use super::special::{LnGamma, LogSum, ln_beta};
use super::text::{Model, positive};
use super::{Counted, PredictError, PurchaseModel, Purchases};
use crate::patience;

/// A BG/BB model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BgBb {
    /// First shape of the purchase probabilities.
    pub alpha: f64,
    /// Second shape of the purchase probabilities.
    pub beta: f64,
    /// First shape of the dropout probabilities.
    pub gamma: f64,
    /// Second shape of the dropout probabilities.
    pub delta: f64,
    /// How it was fitted; none for parameters from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

impl Model for BgBb {
    const NAME: &'static str = "bgbb";
    const EXAMPLE: &'static str = r#"{"alpha":1.204,"beta":0.75,"gamma":0.657,"delta":2.783}"#;

    fn check(&self) -> Result<(), String> {
        positive("alpha", self.alpha)?;
        positive("beta", self.beta)?;
        positive("gamma", self.gamma)?;
        positive("delta", self.delta)
    }
}

/// The most opportunities of a user, and of a horizon: a likelihood has as many terms.
pub const MOST_OPPORTUNITIES: u32 = 100_000;

/// Checks that times are opportunities: whole numbers, no more purchases than there were.
fn check_opportunities(user: &Purchases) -> Result<(), PredictError> {
    let reason = if user.t().fract() != 0.0 || user.t_x().fract() != 0.0 {
        format!("opportunities are whole numbers, not t_x = {} and t = {}", user.t_x(), user.t())
    } else if user.repeats() > user.t_x() {
        format!("x = {} purchases at t_x = {} opportunities", user.x(), user.t_x())
    } else if user.t() > f64::from(MOST_OPPORTUNITIES) {
        format!("t must be at most {MOST_OPPORTUNITIES} opportunities, not {}", user.t())
    } else {
        return Ok(());
    };
    Err(PredictError::Purchases { reason })
}

impl BgBb {
    /// Maximum likelihood; `None` where there are no users.
    ///
    /// # Errors
    /// [`PredictError::Purchases`] where times are no opportunities; [`PredictError::NoLikelihood`].
    pub fn fit(users: &[Counted<Purchases>]) -> Result<Option<Self>, PredictError> {
        users.iter().try_for_each(|user| check_opportunities(&user.value))?;
        let Some(sample) = Sample::unscaled(users)? else {
            return Ok(None);
        };
        let starts = [[1.0, 1.0, 0.5, 2.0], [0.5, 2.0, 0.5, 5.0], [2.0, 0.5, 1.0, 1.0]];
        let optimum = fit::maximize(&Whole(&sample), &starts).ok_or(PredictError::NoLikelihood { what: Self::NAME })?;
        let finding = if sample.repeats() == 0.0 { Some(Finding::NobodyReturns) } else { edge(&optimum) };
        let [alpha, beta, gamma, delta] = optimum.parameters;
        Ok(Some(Self { alpha, beta, gamma, delta, fit: Some(Fit::new(&optimum, sample.users(), finding)) }))
    }

    /// The log-likelihood of users under this model.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit).
    pub fn log_likelihood(&self, users: &[Counted<Purchases>]) -> Result<f64, PredictError> {
        users.iter().try_for_each(|user| check_opportunities(&user.value))?;
        let sample = Sample::unscaled(users)?;
        let value =
            sample.map_or(0.0, |sample| Whole(&sample).at(&[self.alpha, self.beta, self.gamma, self.delta]).value);
        if value.is_finite() { Ok(value) } else { Err(PredictError::NoLikelihood { what: Self::NAME }) }
    }

    /// The probability that a user is alive after the last opportunity.
    fn p_alive_now(&self, user: &Purchases) -> f64 {
        let Self { alpha, beta, gamma, delta, .. } = *self;
        let (x, n) = (user.repeats(), user.t());
        let alive = ln_beta(alpha + x, beta + n - x) + ln_beta(gamma, delta + n);
        let mut all = LogSum::EMPTY;
        all.add(alive);
        let first = user.t_x() as u32;
        for last in first..n as u32 {
            let last = f64::from(last);
            all.add(ln_beta(alpha + x, beta + last - x) + ln_beta(gamma + 1.0, delta + last));
        }
        (alive - all.ln()).exp()
    }

    /// The probability that one who is alive now is so at the next opportunity, then at the one after it, and so on.
    fn survival(&self, n: f64, horizon: u32) -> impl Iterator<Item = f64> {
        let (gamma, delta) = (self.gamma, self.delta + n);
        (0..horizon).scan(1.0, move |alive, ahead| {
            *alive *= (delta + f64::from(ahead)) / (gamma + delta + f64::from(ahead));
            Some(*alive)
        })
    }
}

fn whole(opportunities: f64) -> u32 {
    opportunities.clamp(0.0, f64::from(MOST_OPPORTUNITIES)) as u32
}

/// The horizon counts opportunities. Sums over them, where Fader, Hardie and Shang (2010) have closed forms with poles.
impl PurchaseModel for BgBb {
    fn check_user(&self, user: &Purchases) -> Result<(), PredictError> {
        check_opportunities(user)
    }

    /// That a user is still there at the next opportunity (equation 11).
    fn p_alive(&self, user: &Purchases) -> f64 {
        self.p_alive_now(user) * self.survival(user.t(), 1).sum::<f64>()
    }

    fn expected_purchases(&self, opportunities: f64, user: &Purchases) -> f64 {
        let probability = (self.alpha + user.repeats()) / (self.alpha + self.beta + user.t());
        self.p_alive_now(user) * probability * self.survival(user.t(), whole(opportunities)).sum::<f64>()
    }

    fn purchase_probability(&self, opportunities: f64, user: &Purchases) -> f64 {
        let (buys, passes) = (self.alpha + user.repeats(), self.beta + user.t() - user.repeats());
        // passed so far, at each opportunity ahead
        let mut passed = 1.0;
        let first_purchases = self.survival(user.t(), whole(opportunities)).enumerate().map(|(ahead, alive)| {
            let all = buys + passes + ahead as f64;
            let now = alive * passed * buys / all;
            passed *= (passes + ahead as f64) / all;
            now
        });
        self.p_alive_now(user) * first_purchases.sum::<f64>()
    }
}

fn edge(optimum: &Optimum<4>) -> Option<Finding> {
    let [alpha, beta, gamma, delta] = [0, 1, 2, 3].map(|parameter| optimum.direction(parameter));
    match (alpha.max(beta), gamma, delta) {
        (1, ..) => Some(Finding::SameRate),
        (_, -1, _) | (_, 0, 1) => Some(Finding::NobodyLeaves),
        (_, 1, _) => Some(Finding::SameDropout),
        _ if optimum.is_interior() => None,
        _ => Some(Finding::Extreme),
    }
}

/// The likelihood of (α, β, γ, δ).
struct Whole<'a>(&'a Sample);

impl Likelihood<4> for Whole<'_> {
    fn users(&self) -> f64 {
        self.0.users() as f64
    }

    fn at(&self, &[alpha, beta, gamma, delta]: &[f64; 4]) -> Curve<4> {
        let mut norm = Curve::<4>::ZERO;
        add_ln_beta(&mut norm, -1.0, 0, alpha, beta);
        add_ln_beta(&mut norm, -1.0, 2, gamma, delta);
        let of_group = |_: &Group| ((), norm);
        let of_times = |group: &Group, (), times: &Times| {
            // up to 100,000 terms each
            patience::check();
            let (x, n) = (group.x, times.t);
            let mut terms = Vec::with_capacity((n - times.t_x) as usize + 1);
            let mut term = |last: f64, gone: f64| {
                let mut term = Curve::ZERO;
                add_ln_beta(&mut term, 1.0, 0, alpha + x, beta + last - x);
                add_ln_beta(&mut term, 1.0, 2, gamma + gone, delta + last);
                terms.push(term);
            };
            term(n, 0.0);
            (times.t_x as u32..n as u32).for_each(|last| term(last.into(), 1.0));
            mixed(&terms)
        };
        self.0.sum(of_group, of_times)
    }
}

/// Adds `sign` ln B(a, b), with its derivatives in parameters `first` and `first + 1`.
fn add_ln_beta(curve: &mut Curve<4>, sign: f64, first: usize, a: f64, b: f64) {
    let [gamma_a, gamma_b, all] = [a, b, a + b].map(LnGamma::at);
    curve.value += sign * (gamma_a.value + gamma_b.value - all.value);
    for (place, part) in [gamma_a, gamma_b].into_iter().enumerate() {
        let i = first + place;
        curve.gradient[i] += sign * (part.first - all.first);
        curve.hessian[i][i] += sign * (part.second - all.second);
        curve.hessian[i][2 * first + 1 - i] -= sign * all.second;
    }
}

/// ln Σ e^f over terms f.
fn mixed(terms: &[Curve<4>]) -> Curve<4> {
    let mut sum = LogSum::EMPTY;
    terms.iter().for_each(|term| sum.add(term.value));
    let mut curve = Curve { value: sum.ln(), ..Curve::ZERO };
    for term in terms {
        let share = (term.value - curve.value).exp();
        for i in 0..4 {
            curve.gradient[i] += share * term.gradient[i];
            for j in 0..4 {
                curve.hessian[i][j] += share * (term.hessian[i][j] + term.gradient[i] * term.gradient[j]);
            }
        }
    }
    for i in 0..4 {
        for j in 0..4 {
            curve.hessian[i][j] -= curve.gradient[i] * curve.gradient[j];
        }
    }
    curve
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
            ln in prop::array::uniform4(-2.0..3.0f64),
            users in prop::collection::vec((0..8i64, 0..6u8, 0..6u8, 1..9u64), 1..6),
        ) {
            let users: Vec<_> = users.into_iter().map(|(x, idle, after, count)| {
                let t_x = if x == 0 { 0.0 } else { x as f64 + f64::from(idle) };
                Counted { value: Purchases::new(x, t_x, t_x + f64::from(after)).unwrap(), count }
            }).collect();
            let sample = Sample::unscaled(&users).unwrap().unwrap();
            assert_derivatives(&Whole(&sample), ln.map(f64::exp))?;
        }
    }
}
