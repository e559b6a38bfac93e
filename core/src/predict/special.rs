//! Functions that the likelihoods share, in forms that neither overflow nor cancel.

use std::sync::OnceLock;

use special::Gamma;

/// ln Γ(x) for x > 0.
pub(super) fn ln_gamma(x: f64) -> f64 {
    Gamma::ln_gamma(x).0
}

/// ln B(a, b) for a, b > 0.
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// ln Γ with its first two derivatives.
#[derive(Debug, Clone, Copy)]
pub(super) struct LnGamma {
    pub(super) value: f64,
    pub(super) first: f64,
    pub(super) second: f64,
}

impl LnGamma {
    pub(super) fn at(x: f64) -> Self {
        Self { value: ln_gamma(x), first: x.digamma(), second: x.trigamma() }
    }
}

impl std::ops::Sub for LnGamma {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, first: self.first - other.first, second: self.second - other.second }
    }
}

/// (1 - e^(-k v)) / k, and its limit v where k is 0.
pub(super) fn decay_integral(k: f64, v: f64) -> f64 {
    let kv = k * v;
    if kv.abs() < 1e-12 { v * (1.0 - kv / 2.0) } else { -(-kv).exp_m1() / k }
}

/// Nodes and weights of a sum that stands for an integral of (A + τ)^-p (B + τ)^-q, with p ≥ 0 and q ≥ 0, over an
/// interval, exact to some 13 digits for whatever decay.
///
/// With u = ln(min(A, B) + τ) the integrand is analytic in a strip of half-width π around the real axis, so that
/// Gauss-Legendre sums converge fast on pieces of u that are not much longer; what is smaller than e^-36 of the start
/// is left out, so that a piece never holds more than that decay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Powers {
    pub(super) a: f64,
    pub(super) p: f64,
    pub(super) b: f64,
    pub(super) q: f64,
}

const NEGLIGIBLE: f64 = 36.0;
const LONGEST_PIECE: f64 = 6.0;
const NODES: usize = 24;

impl Powers {
    /// Calls `node(ln weight, τ)` for every node of the interval `from..to`.
    pub(super) fn nodes(&self, from: f64, to: f64, mut node: impl FnMut(f64, f64)) {
        if from >= to || from.is_nan() || to.is_nan() {
            return;
        }
        let shift = self.a.min(self.b);
        let start = (shift + from).ln();
        let end = self.last(start, (shift + to).ln(), shift, from);
        let pieces = ((end - start) / LONGEST_PIECE).ceil().clamp(1.0, 64.0);
        let half = (end - start) / pieces / 2.0;
        let rule = gauss_legendre();
        for piece in 0..pieces as usize {
            let middle = start + half * (2 * piece + 1) as f64;
            for &(place, weight) in rule {
                let u = middle + half * place;
                // e^start is shift + from: the difference without cancellation
                let tau = from + (shift + from) * (u - start).exp_m1();
                node((weight * half).ln() + u, tau);
            }
        }
    }

    /// ln of the integral over `from..to`, -∞ for an empty one.
    pub(super) fn ln_integral(&self, from: f64, to: f64) -> f64 {
        let mut sum = LogSum::EMPTY;
        self.nodes(from, to, |ln_weight, tau| {
            sum.add(ln_weight - self.p * (self.a + tau).ln() - self.q * (self.b + tau).ln());
        });
        sum.ln()
    }

    /// The end of the interval in u, or where the integrand has become negligible before.
    fn last(&self, start: f64, end: f64, shift: f64, from: f64) -> f64 {
        let fallen = |u: f64| {
            let grown = (shift + from) * (u - start).exp_m1();
            self.p * (grown / (self.a + from)).ln_1p() + self.q * (grown / (self.b + from)).ln_1p() - (u - start)
        };
        if fallen(end) <= NEGLIGIBLE {
            return end;
        }
        let (mut near, mut far) = (start, end);
        while fallen(far) > NEGLIGIBLE + 1.0 {
            let middle = (near + far) / 2.0;
            if middle <= near || middle >= far {
                break;
            }
            if fallen(middle) > NEGLIGIBLE { far = middle } else { near = middle }
        }
        far
    }
}

/// A sum of numbers that are given by their logarithms.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogSum {
    largest: f64,
    /// Relative to the largest.
    sum: f64,
}

impl LogSum {
    pub(super) const EMPTY: Self = Self { largest: f64::NEG_INFINITY, sum: 0.0 };

    pub(super) fn add(&mut self, ln: f64) {
        if ln <= self.largest {
            self.sum += (ln - self.largest).exp();
        } else if ln > f64::NEG_INFINITY {
            self.sum = self.sum * (self.largest - ln).exp() + 1.0;
            self.largest = ln;
        }
    }

    pub(super) fn ln(&self) -> f64 {
        if self.sum == 0.0 { f64::NEG_INFINITY } else { self.largest + self.sum.ln() }
    }
}

/// Places and weights of the Gauss-Legendre rule on -1..1, by Newton's method on the Legendre polynomial.
pub(super) fn gauss_legendre() -> &'static [(f64, f64); NODES] {
    static RULE: OnceLock<[(f64, f64); NODES]> = OnceLock::new();
    RULE.get_or_init(|| {
        std::array::from_fn(|place| {
            let mut x = (std::f64::consts::PI * (place as f64 + 0.75) / (NODES as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..12 {
                let (mut before, mut value) = (1.0, x);
                for degree in 2..=NODES {
                    let degree = degree as f64;
                    (before, value) = (value, ((2.0 * degree - 1.0) * x * value - (degree - 1.0) * before) / degree);
                }
                slope = NODES as f64 * (x * value - before) / (x * x - 1.0);
                x -= value / slope;
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_rule_integrates_polynomials() {
        let sum = |power: i32| gauss_legendre().iter().map(|(x, weight)| weight * x.powi(power)).sum::<f64>();
        assert!((sum(0) - 2.0).abs() < 1e-14);
        assert!((sum(46) - 2.0 / 47.0).abs() < 1e-14);
        assert!(sum(1).abs() < 1e-14);
    }

    proptest! {
        /// With q = 0 the integral is elementary.
        #[test]
        fn powers_integrate_to_what_is_known(
            ln_a in -8.0..8.0f64, p in 0.0..6000.0f64, from in 0.0..1e3f64, ln_length in -5.0..12.0f64, ln_b in -8.0..8.0f64,
        ) {
            let (a, length): (f64, f64) = (f64::exp(ln_a), f64::exp(ln_length));
            let powers = Powers { a, p, b: f64::exp(ln_b), q: 0.0 };
            let u = ((a + from + length) / (a + from)).ln();
            let exact = (1.0 - p) * (a + from).ln() + decay_integral(p - 1.0, u).ln();
            let found = powers.ln_integral(from, from + length);
            prop_assert!((found - exact).abs() < 1e-9 * (1.0 + exact.abs()), "{found} {exact}");
        }
    }
}
