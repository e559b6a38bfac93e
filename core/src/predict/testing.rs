//! What the tests of the likelihoods share.

use proptest::prelude::*;

use super::fit::Likelihood;
use super::{Counted, Purchases};

/// Some users, among them extreme ones.
pub(super) fn users() -> impl Strategy<Value = Vec<Counted<Purchases>>> {
    let user = (0..60i64, 0.01..1.0f64, 0.1..1000.0f64, 1..20u64).prop_map(|(x, last, t, count)| {
        let t_x = if x == 0 { 0.0 } else { last * t };
        Counted { value: Purchases::new(x, t_x, t).unwrap(), count }
    });
    prop::collection::vec(user, 1..8)
}

/// Slopes and curvatures against differences.
pub(super) fn assert_derivatives<const N: usize>(
    likelihood: &impl Likelihood<N>,
    at: [f64; N],
) -> Result<(), TestCaseError> {
    let curve = likelihood.at(&at);
    for i in 0..N {
        let step = 1e-4 * at[i];
        let moved = |steps: f64| {
            let mut moved = at;
            moved[i] += steps * step;
            likelihood.at(&moved)
        };
        let (back, ahead, back2, ahead2) = (moved(-1.0), moved(1.0), moved(-2.0), moved(2.0));
        let slope = (8.0 * (ahead.value - back.value) - (ahead2.value - back2.value)) / (12.0 * step);
        let noise = 1e-11 * (1.0 + curve.value.abs()) / step;
        let near = |found: f64, wanted: f64, noise: f64| (found - wanted).abs() <= 1e-6 * wanted.abs() + noise;
        prop_assert!(near(curve.gradient[i], slope, noise), "slope {i}: {} {slope} {noise}", curve.gradient[i]);
        for (j, parameter) in at.iter().enumerate() {
            let difference = 8.0 * (ahead.gradient[j] - back.gradient[j]) - (ahead2.gradient[j] - back2.gradient[j]);
            let curvature = difference / (12.0 * step);
            let noise = 1e-11 * (1.0 + curve.gradient[j].abs() + curve.value.abs() / parameter) / step;
            prop_assert!(
                near(curve.hessian[i][j], curvature, noise),
                "curvature {i} {j}: {} {curvature} {noise}",
                curve.hessian[i][j]
            );
        }
    }
    Ok(())
}
