//! Users as the likelihoods want them: equal ones once, grouped by their repeat days, times near 1.

use crate::patience;

use super::fit::Curve;
use super::{Counted, PredictError, Purchases, Unit};

/// The users of a fit.
pub(super) struct Sample {
    groups: Vec<Group>,
    users: u64,
    repeats: f64,
    /// Days in a unit of the sample's times: the users' mean age.
    scale: f64,
}

/// The users with one number of repeat days.
pub(super) struct Group {
    pub(super) x: f64,
    pub(super) users: f64,
    pub(super) times: Vec<Times>,
}

/// Users with the same times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) t_x: f64,
    pub(super) t: f64,
    pub(super) users: f64,
}

impl Sample {
    /// With times in mean ages; `None` where there are no users.
    pub(super) fn new(users: &[Counted<Purchases>]) -> Result<Option<Self>, PredictError> {
        Self::of(users, |mean_age| if mean_age > 0.0 { mean_age } else { 1.0 })
    }

    /// With times as they stand.
    pub(super) fn unscaled(users: &[Counted<Purchases>]) -> Result<Option<Self>, PredictError> {
        Self::of(users, |_| 1.0)
    }

    fn of(users: &[Counted<Purchases>], scale: impl Fn(f64) -> f64) -> Result<Option<Self>, PredictError> {
        let mut order: Vec<&Counted<Purchases>> = users.iter().filter(|user| user.count > 0).collect();
        let key = |user: &Counted<Purchases>| (user.value.x(), user.value.t_x().to_bits(), user.value.t().to_bits());
        patience::sort_by(&mut order, |a, b| key(a).cmp(&key(b)));
        let total = order.iter().try_fold(0u64, |sum, user| sum.checked_add(user.count));
        let total = total.ok_or_else(|| PredictError::argument("weight", "more in all", "less than 2^64 in all"))?;
        let sum = |of: fn(&Purchases) -> f64| order.iter().map(|user| of(&user.value) * user.count as f64).sum::<f64>();
        let age = sum(|user| user.t());
        if total == 0 {
            return Ok(None);
        }
        let scale = scale(age / total as f64);
        let mut sample = Self { groups: Vec::new(), users: total, repeats: sum(|user| user.repeats()), scale };
        for user in order {
            let (purchases, weight) = (user.value, user.count as f64);
            let times = Times { t_x: purchases.t_x() / scale, t: purchases.t() / scale, users: weight };
            match sample.groups.last_mut() {
                Some(group) if group.x == purchases.repeats() => {
                    group.users += weight;
                    group.times.push(times);
                }
                _ => sample.groups.push(Group { x: purchases.repeats(), users: weight, times: vec![times] }),
            }
        }
        Ok(Some(sample))
    }

    pub(super) fn users(&self) -> u64 {
        self.users
    }

    /// Repeat days of all users.
    pub(super) fn repeats(&self) -> f64 {
        self.repeats
    }

    /// A scaled time in the unit.
    pub(super) fn in_unit(&self, time: f64, unit: Unit) -> f64 {
        time * self.scale / unit.days()
    }

    /// A likelihood of scaled times as one of times in the unit: each repeat purchase has a density per time.
    pub(super) fn log_likelihood_in(&self, scaled: f64, unit: Unit) -> f64 {
        scaled - self.repeats * (self.scale / unit.days()).ln()
    }

    /// Repeat days per scaled time.
    pub(super) fn rate(&self) -> f64 {
        let time: f64 = self.groups.iter().flat_map(|group| &group.times).map(|times| times.t * times.users).sum();
        self.repeats / time
    }

    /// The sum over all users of what a group says of itself, and of each of its times.
    pub(super) fn sum<G: Copy, const N: usize>(
        &self,
        of_group: impl Fn(&Group) -> (G, Curve<N>),
        of_times: impl Fn(&Group, G, &Times) -> Curve<N>,
    ) -> Curve<N> {
        /// Some milliseconds of users.
        const PACE: usize = 4096;
        let mut sum = Curve::ZERO;
        for group in &self.groups {
            let (known, curve) = of_group(group);
            sum.add(group.users, &curve);
            for stretch in group.times.chunks(PACE) {
                patience::check();
                for times in stretch {
                    sum.add(times.users, &of_times(group, known, times));
                }
            }
        }
        sum
    }
}
