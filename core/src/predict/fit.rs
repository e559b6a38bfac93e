//! Maximum likelihood, whatever the model: Newton's method in a trust region, on the logarithms of the parameters.

use std::cell::RefCell;
use std::fmt;

use argmin::core::{
    CostFunction, Error, Executor, Gradient, Hessian, IterState, KV, Problem, Solver, TerminationReason,
    TerminationStatus,
};
use argmin::solver::trustregion::{Steihaug, TrustRegion};
use serde::{Deserialize, Serialize};

/// A log-likelihood at one point, with its derivatives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve<const N: usize> {
    pub(super) value: f64,
    pub(super) gradient: [f64; N],
    pub(super) hessian: [[f64; N]; N],
}

impl<const N: usize> Curve<N> {
    pub(super) const ZERO: Self = Self { value: 0.0, gradient: [0.0; N], hessian: [[0.0; N]; N] };

    pub(super) fn add(&mut self, weight: f64, other: &Self) {
        self.value += weight * other.value;
        for i in 0..N {
            self.gradient[i] += weight * other.gradient[i];
            for j in 0..N {
                self.hessian[i][j] += weight * other.hessian[i][j];
            }
        }
    }

    /// The same function of the parameters' logarithms.
    fn in_logarithms(mut self, parameters: &[f64; N]) -> Self {
        for i in 0..N {
            self.gradient[i] *= parameters[i];
            for j in 0..N {
                self.hessian[i][j] *= parameters[i] * parameters[j];
            }
        }
        for i in 0..N {
            self.hessian[i][i] += self.gradient[i];
        }
        self
    }

    fn steepest(&self) -> f64 {
        self.gradient.iter().fold(0.0, |steepest, slope| f64::max(steepest, slope.abs()))
    }
}

/// A log-likelihood of positive parameters.
pub(super) trait Likelihood<const N: usize> {
    fn at(&self, parameters: &[f64; N]) -> Curve<N>;
    /// The number of users: slopes are judged by the user.
    fn users(&self) -> f64;
}

/// Where the search ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Optimum<const N: usize> {
    pub(super) parameters: [f64; N],
    pub(super) log_likelihood: f64,
    /// Of the parameters; `None` where the likelihood is flat.
    pub(super) standard_errors: Option<[f64; N]>,
    pub(super) iterations: u32,
    /// Nothing better lies near, nor towards infinity.
    pub(super) converged: bool,
}

/// Slopes of the mean log-likelihood below this are flat.
const FLAT: f64 = 1e-7;
/// The search ends at such a slope; a few plain Newton steps do the rest, which the search could not tell from rounding.
const NEARLY_FLAT: f64 = 1e-6;
const MOST_ITERATIONS: u64 = 200;
/// Iterations without gain after which the search gives up.
const PATIENCE: u64 = 12;
/// Parameters stay within e^±14 of the scale of the data. Beyond, nothing changes any more but rounding errors.
const WALL: f64 = 14.0;
/// A parameter that got as far as e^±9 is on its way to 0 or infinity.
const FAR: f64 = 9.0;

impl<const N: usize> Optimum<N> {
    /// -1 for a parameter on its way to 0, 1 for one on its way to infinity.
    pub(super) fn direction(&self, parameter: usize) -> i8 {
        match self.parameters[parameter].ln() {
            ln if ln <= -FAR => -1,
            ln if ln >= FAR => 1,
            _ => 0,
        }
    }

    pub(super) fn is_interior(&self) -> bool {
        (0..N).all(|parameter| self.direction(parameter) == 0)
    }
}

/// The best of the searches from each start; later starts are tried only where the one before ended nowhere, or far
/// out. `None` where the likelihood is not finite at any start.
pub(super) fn maximize<const N: usize>(likelihood: &impl Likelihood<N>, starts: &[[f64; N]]) -> Option<Optimum<N>> {
    let mut best: Option<Optimum<N>> = None;
    let mut iterations = 0;
    for start in starts {
        let Some(found) = search(likelihood, start) else {
            continue;
        };
        iterations += found.iterations;
        let good = found.converged && found.is_interior();
        if best.as_ref().is_none_or(|best| found.log_likelihood > best.log_likelihood) {
            best = Some(found);
        }
        if good {
            break;
        }
    }
    best.map(|best| Optimum { iterations, ..best })
}

fn search<const N: usize>(likelihood: &impl Likelihood<N>, start: &[f64; N]) -> Option<Optimum<N>> {
    let objective = Objective { likelihood, last: RefCell::new(None) };
    let start: Vec<f64> = start.iter().map(|parameter| parameter.ln()).collect();
    objective.mean_at(&start).value.is_finite().then_some(())?;
    let solver = UntilFlat(TrustRegion::new(Steihaug::new()).with_max_radius(4.0).ok()?);
    let run = Executor::new(objective, solver)
        .configure(|state| state.param(start).max_iters(MOST_ITERATIONS))
        .timer(false)
        .run();
    let state = run.ok()?.state;
    let objective = Objective { likelihood, last: RefCell::new(None) };
    let mut at: [f64; N] = state.best_param?.try_into().ok()?;
    let mut mean = objective.mean_at(&at);
    let mut iterations = state.iter as u32;
    while iterations < state.iter as u32 + 4 {
        let Some(step) = newton_step(&mean) else { break };
        let next: [f64; N] = std::array::from_fn(|i| at[i] + step[i]);
        let there = objective.mean_at(&next);
        // rounding hides the gain of the last steps: their slope tells
        let better = there.steepest() < mean.steepest() && there.value >= mean.value - 1e-9 * mean.value.abs();
        if !better {
            break;
        }
        (at, mean, iterations) = (next, there, iterations + 1);
    }
    let parameters = at.map(f64::exp);
    let users = likelihood.users();
    Some(Optimum {
        parameters,
        log_likelihood: mean.value * users,
        standard_errors: standard_errors(&mean, users).map(|errors| std::array::from_fn(|i| errors[i] * parameters[i])),
        iterations,
        converged: (0..N).all(|i| mean.gradient[i].abs() < FLAT || leaves_through_the_wall(at[i], mean.gradient[i])),
    })
}

fn leaves_through_the_wall(at: f64, slope: f64) -> bool {
    at.abs() > FAR && slope * at > 0.0 && slope.abs() < 1e-3
}

/// The negative mean log-likelihood, as the solver asks for it: value, slope and curvature one after the other.
struct Objective<'a, L, const N: usize> {
    likelihood: &'a L,
    last: RefCell<Option<([f64; N], Curve<N>)>>,
}

impl<L: Likelihood<N>, const N: usize> Objective<'_, L, N> {
    /// The mean log-likelihood per user in the parameters' logarithms; -∞ beyond the wall.
    fn mean_at(&self, logarithms: &[f64]) -> Curve<N> {
        let at: [f64; N] = std::array::from_fn(|i| logarithms.get(i).copied().unwrap_or(f64::NAN));
        if let Some((point, curve)) = *self.last.borrow()
            && point == at
        {
            return curve;
        }
        let mut mean = Curve { value: f64::NEG_INFINITY, ..Curve::ZERO };
        if at.iter().all(|logarithm| logarithm.abs() <= WALL) {
            let parameters = at.map(f64::exp);
            let curve = self.likelihood.at(&parameters).in_logarithms(&parameters);
            if curve.value.is_finite() && curve.steepest().is_finite() {
                mean.value = 0.0;
                mean.add(1.0 / self.likelihood.users(), &curve);
            }
        }
        *self.last.borrow_mut() = Some((at, mean));
        mean
    }
}

impl<L: Likelihood<N>, const N: usize> CostFunction for Objective<'_, L, N> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, at: &Vec<f64>) -> Result<f64, Error> {
        Ok(-self.mean_at(at).value)
    }
}

impl<L: Likelihood<N>, const N: usize> Gradient for Objective<'_, L, N> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, at: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.mean_at(at).gradient.map(|slope| -slope).to_vec())
    }
}

impl<L: Likelihood<N>, const N: usize> Hessian for Objective<'_, L, N> {
    type Param = Vec<f64>;
    type Hessian = Vec<Vec<f64>>;

    fn hessian(&self, at: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        Ok(self.mean_at(at).hessian.map(|row| row.map(|curvature| -curvature).to_vec()).to_vec())
    }
}

/// The trust region method has no end of its own: this one ends where the slope is flat, or nothing is gained any more.
struct UntilFlat<S>(S);

type State = IterState<Vec<f64>, Vec<f64>, (), Vec<Vec<f64>>, (), f64>;

impl<O, S: Solver<O, State>> Solver<O, State> for UntilFlat<S> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn init(&mut self, problem: &mut Problem<O>, state: State) -> Result<(State, Option<KV>), Error> {
        self.0.init(problem, state)
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, state: State) -> Result<(State, Option<KV>), Error> {
        crate::patience::check();
        self.0.next_iter(problem, state)
    }

    fn terminate(&mut self, state: &State) -> TerminationStatus {
        let flat = |gradient: &Vec<f64>| gradient.iter().all(|slope| slope.abs() < NEARLY_FLAT);
        if state.get_gradient().is_some_and(flat) {
            TerminationStatus::Terminated(TerminationReason::SolverConverged)
        } else if state.iter > state.last_best_iter + PATIENCE {
            TerminationStatus::Terminated(TerminationReason::SolverExit("no gain".into()))
        } else {
            self.0.terminate(state)
        }
    }
}

fn newton_step<const N: usize>(curve: &Curve<N>) -> Option<[f64; N]> {
    let factor = cholesky(&curve.hessian.map(|row| row.map(|curvature| -curvature)))?;
    Some(solve(&factor, curve.gradient))
}

/// Roots of the diagonal of the inverse observed information of so many users.
fn standard_errors<const N: usize>(mean: &Curve<N>, users: f64) -> Option<[f64; N]> {
    let factor = cholesky(&mean.hessian.map(|row| row.map(|curvature| -curvature * users)))?;
    let errors = std::array::from_fn(|i| {
        let mut unit = [0.0; N];
        unit[i] = 1.0;
        solve(&factor, unit)[i].sqrt()
    });
    errors.iter().all(|error: &f64| error.is_finite()).then_some(errors)
}

/// The lower factor L of a matrix L Lᵀ; `None` for one that is not positive definite, or barely.
fn cholesky<const N: usize>(matrix: &[[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut factor = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..=i {
            let rest = matrix[i][j] - (0..j).map(|k| factor[i][k] * factor[j][k]).sum::<f64>();
            factor[i][j] = if i > j {
                rest / factor[j][j]
            } else if rest > 1e-13 * matrix[i][i] && rest.is_finite() {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(factor)
}

fn solve<const N: usize>(factor: &[[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for i in 0..N {
        right[i] = (right[i] - (0..i).map(|k| factor[i][k] * right[k]).sum::<f64>()) / factor[i][i];
    }
    for i in (0..N).rev() {
        right[i] = (right[i] - (i + 1..N).map(|k| factor[k][i] * right[k]).sum::<f64>()) / factor[i][i];
    }
    right
}

/// How a model was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    pub log_likelihood: f64,
    pub users: u64,
    /// Users that the model cannot use and that were left out (gamma-gamma: without a repeat day, or amount ≤ 0).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    pub iterations: u32,
    /// Whether nothing better is near. Where it is false, the parameters are only the best that were seen.
    pub converged: bool,
    /// What is special about the optimum, where it lies on the edge of what parameters can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
    /// From the observed information, in the order of the parameters that were fitted (of two where nobody leaves); none
    /// where the likelihood is flat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_errors: Option<Vec<f64>>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Optima on the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Nobody leaves: the best model has no dropout at all.
    NobodyLeaves,
    /// Nobody has come back: there is no repeat purchase to learn from.
    NobodyReturns,
    /// All users buy at one rate.
    SameRate,
    /// All users leave at one rate.
    SameDropout,
    /// The mean amount of the population has no finite value (gamma-gamma with q ≤ 1).
    HeavyTail,
    /// Another parameter ran to 0 or infinity.
    Extreme,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Finding::NobodyLeaves => "nobody leaves: the best model has no dropout at all",
            Finding::NobodyReturns => "nobody has come back: there is no repeat purchase to learn from",
            Finding::SameRate => "all users buy at one rate",
            Finding::SameDropout => "all users leave at one rate",
            Finding::HeavyTail => "the mean amount of the population has no finite value",
            Finding::Extreme => "a parameter ran to 0 or infinity",
        })
    }
}

impl Fit {
    /// Of users of whom nobody has come back: there is nothing to maximize.
    pub(super) fn nobody_returns(users: u64) -> Self {
        Self {
            log_likelihood: 0.0,
            users,
            left_out: 0,
            iterations: 0,
            converged: true,
            finding: Some(Finding::NobodyReturns),
            standard_errors: None,
        }
    }

    pub(super) fn new<const N: usize>(optimum: &Optimum<N>, users: u64, finding: Option<Finding>) -> Self {
        let errors = optimum.standard_errors.filter(|_| optimum.is_interior());
        Self {
            log_likelihood: optimum.log_likelihood,
            users,
            left_out: 0,
            iterations: optimum.iterations,
            converged: optimum.converged,
            finding,
            standard_errors: errors.map(|errors| errors.to_vec()),
        }
    }
}
