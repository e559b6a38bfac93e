//! Laws of prediction: known parameters are found again, order and grouping never matter, extremes end in an answer.

use proptest::prelude::*;
use strata_core::predict::{
    BgBb, BgNbd, Counted, CountedPurchases, Discounting, Finding, Fit, GammaGamma, Model, ParetoNbd, PurchaseModel,
    PurchaseSummary, Purchases, Spending, Terms, Unit, lifetime_value,
};
use strata_core::score::{Push, StateMut, StateRef};

fn user(x: i64, t_x: f64, t: f64) -> Purchases {
    Purchases::new(x, t_x, t).unwrap()
}

fn once<T: Copy>(values: &[T]) -> Vec<Counted<T>> {
    values.iter().map(|value| Counted { value: *value, count: 1 }).collect()
}

/// SplitMix64, for simulations.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + f64::EPSILON / 4.0
    }

    fn exponential(&mut self, rate: f64) -> f64 {
        -self.uniform().ln() / rate
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Marsaglia and Tsang (2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * self.uniform().powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let z = self.normal();
            let v = (1.0 + z / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * z * z + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (a, b) = (self.gamma(a), self.gamma(b));
        a / (a + b)
    }

    /// A user's purchases within t: at a rate, until `leaves(time)` after one of them, or the time of leaving.
    fn purchases(&mut self, rate: f64, leave: f64, mut leaves: impl FnMut(&mut Self) -> bool, t: f64) -> Purchases {
        let (mut x, mut t_x) = (0, 0.0);
        loop {
            let next = t_x + self.exponential(rate);
            if next > t.min(leave) {
                return user(x, t_x, t);
            }
            (x, t_x) = (x + 1, next);
            if leaves(self) {
                return user(x, t_x, t);
            }
        }
    }
}

/// Each parameter within five standard errors of the truth.
fn assert_recovered(found: &[f64], truth: &[f64], fit: &Fit) {
    assert!(fit.converged && fit.finding.is_none(), "{fit:?}");
    let errors = fit.standard_errors.as_ref().expect("the optimum is inside");
    for ((found, truth), error) in found.iter().zip(truth).zip(errors) {
        assert!((found - truth).abs() < 5.0 * error, "{found} ± {error} is not {truth}");
    }
}

#[test]
fn simulated_parameters_are_recovered() {
    let mut random = Random(7);
    for [r, alpha, a, b] in [[0.25, 30.0, 0.8, 2.5], [1.5, 60.0, 0.4, 4.0], [0.7, 10.0, 2.0, 1.5]] {
        let users: Vec<Purchases> = (0..6_000)
            .map(|_| {
                let (rate, p) = (random.gamma(r) / alpha, random.beta(a, b));
                let t = 100.0 + 300.0 * random.uniform();
                random.purchases(rate, f64::INFINITY, |random| random.uniform() < p, t)
            })
            .collect();
        let model = BgNbd::fit(&once(&users), Unit::Day).unwrap().unwrap();
        assert_recovered(&[model.r, model.alpha, model.a, model.b], &[r, alpha, a, b], model.fit.as_ref().unwrap());
    }
    for [r, alpha, s, beta] in [[0.6, 70.0, 0.7, 80.0], [1.5, 30.0, 1.3, 200.0]] {
        let users: Vec<Purchases> = (0..4_000)
            .map(|_| {
                let (rate, leave) = (random.gamma(r) / alpha, random.gamma(s) / beta);
                let (t, leave) = (100.0 + 300.0 * random.uniform(), random.exponential(leave));
                random.purchases(rate, leave, |_| false, t)
            })
            .collect();
        let model = ParetoNbd::fit(&once(&users), Unit::Day).unwrap().unwrap();
        let found = [model.r, model.alpha, model.s, model.beta];
        assert_recovered(&found, &[r, alpha, s, beta], model.fit.as_ref().unwrap());
    }
    let (alpha, beta, gamma, delta) = (1.2, 0.8, 0.7, 2.8);
    let donors: Vec<Purchases> = (0..6_000)
        .map(|_| {
            let (p, theta) = (random.beta(alpha, beta), random.beta(gamma, delta));
            let (mut x, mut t_x) = (0, 0);
            for opportunity in 1..=10 {
                if random.uniform() < theta {
                    break;
                }
                if random.uniform() < p {
                    (x, t_x) = (x + 1, opportunity);
                }
            }
            user(x, t_x.into(), 10.0)
        })
        .collect();
    let model = BgBb::fit(&once(&donors)).unwrap().unwrap();
    let found = [model.alpha, model.beta, model.gamma, model.delta];
    assert_recovered(&found, &[alpha, beta, gamma, delta], model.fit.as_ref().unwrap());
    let (p, q, gamma) = (6.0, 4.0, 15.0);
    let spenders: Vec<Spending> = (0..4_000)
        .map(|number| {
            let (x, rate) = (1 + number % 5, random.gamma(q) / gamma);
            Spending::new(x, Some(random.gamma(p * x as f64) / (x as f64 * rate))).unwrap()
        })
        .collect();
    let model = GammaGamma::fit(&once(&spenders)).unwrap().unwrap();
    assert_recovered(&[model.p, model.q, model.gamma], &[p, q, gamma], model.fit.as_ref().unwrap());
}

/// What a reader may answer for any user.
fn assert_sane(model: &impl PurchaseModel, user: &Purchases, horizon: f64) -> Result<(), TestCaseError> {
    let alive = model.p_alive(user);
    let (expected, probability) = (model.expected_purchases(horizon, user), model.purchase_probability(horizon, user));
    prop_assert!((0.0..=1.0).contains(&alive), "p_alive {alive}");
    prop_assert!(expected >= 0.0 && expected.is_finite(), "expected {expected}");
    prop_assert!((0.0..=1.0).contains(&probability), "probability {probability}");
    // the probability of one purchase is no more than their expected number
    prop_assert!(probability <= expected * (1.0 + 1e-6) + 1e-12, "{probability} {expected}");
    let later = model.expected_purchases(horizon * 2.0, user);
    prop_assert!(later >= expected * (1.0 - 1e-6), "{later} {expected}");
    Ok(())
}

fn any_user() -> impl Strategy<Value = Purchases> {
    (0..6000i64, 1e-6..1.0f64, 0.0..11.6f64).prop_map(|(x, last, ln_t)| {
        let t = ln_t.exp();
        let x = if last < 0.2 { 0 } else { x };
        user(x, if x == 0 { 0.0 } else { (last * t).max(1e-3) }, t)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn readers_are_finite_everywhere(
        ln in prop::array::uniform4(-12.0..12.0f64), user in any_user(), horizon in 0.0..1e5f64, nobody in 0..4u8,
    ) {
        let [r, rate, first, second] = ln.map(f64::exp);
        let left = if nobody == 0 { 0.0 } else { first };
        let r = if nobody == 1 { 0.0 } else { r };
        let model = BgNbd { r, alpha: rate, a: left, b: second, unit: Unit::Day, fit: None };
        assert_sane(&model, &user, horizon)?;
        let model = ParetoNbd { r, alpha: rate, s: left, beta: second, unit: Unit::Week, fit: None };
        assert_sane(&model, &user, horizon)?;
    }

    #[test]
    fn opportunities_are_sane(
        ln in prop::array::uniform4(-8.0..8.0f64), x in 0..50i64, idle in 0..50i64, after in 0..50i64, horizon in 0..500u32,
    ) {
        let [alpha, beta, gamma, delta] = ln.map(f64::exp);
        let model = BgBb { alpha, beta, gamma, delta, fit: None };
        let t_x = if x == 0 { 0 } else { x + idle };
        assert_sane(&model, &user(x, t_x as f64, (t_x + after) as f64), horizon.into())?;
    }

    /// Silence only lowers the probability of being there.
    #[test]
    fn p_alive_falls_between_purchases(ln in prop::array::uniform4(-4.0..4.0f64), x in 1..100i64, days in 0.1..1e3f64) {
        let [r, alpha, a, b] = ln.map(f64::exp);
        let (now, later) = (user(x, 50.0, 50.0 + days), user(x, 50.0, 51.0 + days));
        let bgnbd = BgNbd { r, alpha, a, b, unit: Unit::Day, fit: None };
        prop_assert!(bgnbd.p_alive(&later) <= bgnbd.p_alive(&now));
        let pareto = ParetoNbd { r, alpha, s: a, beta: b, unit: Unit::Day, fit: None };
        prop_assert!(pareto.p_alive(&later) <= pareto.p_alive(&now) * (1.0 + 1e-9));
    }

    #[test]
    fn values_grow_with_the_horizon_and_shrink_with_the_rate(x in 0..20i64, horizon in 1.0..1e4f64, rate in 0.0..0.2f64) {
        let model = BgNbd::from_text(BgNbd::EXAMPLE).unwrap();
        let user = user(x, if x == 0 { 0.0 } else { 200.0 }, 272.0);
        for discounting in [Discounting::Monthly, Discounting::Continuous] {
            let value = |horizon, rate| lifetime_value(&model, &user, 10.0, &Terms::new(horizon, rate, 0.5, discounting).unwrap());
            let undiscounted = 5.0 * model.expected_purchases(horizon, &user);
            prop_assert!((value(horizon, 0.0) - undiscounted).abs() <= 1e-9 * undiscounted);
            prop_assert!(value(horizon, rate) <= undiscounted * (1.0 + 1e-9));
            prop_assert!(value(horizon * 1.5, rate) >= value(horizon, rate) * (1.0 - 1e-9));
        }
    }

    /// Text round-trips to the last bit.
    #[test]
    fn texts_round_trip(r in 1e-9..1e9f64, alpha in 1e-9..1e9f64, ll in -1e9..0.0f64) {
        let fit = Fit {
            log_likelihood: ll, users: 3, left_out: 0, iterations: 9, converged: true,
            finding: Some(Finding::NobodyLeaves), standard_errors: Some(vec![r, alpha]),
        };
        let model = BgNbd { r, alpha, a: 0.0, b: 1.0, unit: Unit::Week, fit: Some(fit) };
        prop_assert_eq!(BgNbd::from_text(&model.to_text().unwrap()).unwrap(), model);
    }

    /// Whatever the order and the grouping, the state gives the same users, so the same fit to the last bit.
    #[test]
    fn states_merge_in_any_order(
        mut rows in prop::collection::vec((0..4i64, 1..4u8, 0..4u8), 1..200), cut in 0..200usize, turn in 0..200usize,
    ) {
        let users_of = |parts: &[&[(i64, u8, u8)]]| {
            let mut whole = build(parts[0]);
            for part in &parts[1..] {
                let other = build(part);
                whole = change(whole, |state| state.merge(StateRef::open(&other).unwrap()).unwrap());
            }
            let users: Vec<CountedPurchases> = StateRef::open(&whole).unwrap().users().unwrap();
            users
        };
        let cut = cut % rows.len();
        let (left, right) = rows.split_at(cut);
        let merged = BgNbd::fit(&users_of(&[left, right]), Unit::Week).unwrap();
        let turn = turn % rows.len();
        rows.rotate_left(turn);
        rows.reverse();
        prop_assert_eq!(merged, BgNbd::fit(&users_of(&[&rows]), Unit::Week).unwrap());
    }
}

fn change(mut bytes: Vec<u8>, mut with: impl FnMut(&mut StateMut<'_, CountedPurchases>) -> Push) -> Vec<u8> {
    loop {
        let mut state = StateMut::<CountedPurchases>::open(&mut bytes).unwrap();
        match with(&mut state) {
            Push::Done => return bytes,
            Push::Full(size) => {
                let mut larger = vec![0xAA; size];
                state.grow_into(&mut larger).unwrap();
                bytes = larger;
            }
        }
    }
}

fn build(rows: &[(i64, u8, u8)]) -> Vec<u8> {
    let mut bytes = vec![0; StateMut::<CountedPurchases>::initial_len()];
    StateMut::<CountedPurchases>::create(&mut bytes, Unit::Week).unwrap();
    for &(x, t_x, after) in rows {
        let t_x = if x == 0 { 0.0 } else { f64::from(t_x) };
        let value = user(x, t_x, t_x + f64::from(after));
        bytes = change(bytes, |state| state.push(Counted { value, count: 1 }).unwrap());
    }
    bytes
}

#[test]
fn extremes_end_in_a_result_or_a_finding() {
    let never = vec![user(0, 0.0, 100.0), user(0, 0.0, 3.0)];
    let heavy = vec![user(5000, 99_000.0, 100_000.0), user(0, 0.0, 100_000.0), user(3, 5.0, 90_000.0)];
    let one = vec![user(3, 20.0, 30.0)];
    let newborn = vec![user(0, 0.0, 0.0)];
    let daily: Vec<Purchases> = (1..100).map(|x| user(x, x as f64, x as f64)).collect();
    let regular = vec![user(4, 40.0, 45.0); 50];
    for users in [&never, &heavy, &one, &newborn, &daily, &regular] {
        let users = once(users);
        let bgnbd = BgNbd::fit(&users, Unit::Day).unwrap().unwrap();
        let pareto = ParetoNbd::fit(&users, Unit::Week).unwrap().unwrap();
        for model in [&bgnbd as &dyn PurchaseModel, &pareto] {
            for user in &users {
                for horizon in [0.0, 1.0, 100_000.0] {
                    assert!(model.expected_purchases(horizon, &user.value).is_finite());
                    assert!((0.0..=1.0).contains(&model.purchase_probability(horizon, &user.value)));
                }
                assert!((0.0..=1.0).contains(&model.p_alive(&user.value)));
            }
        }
    }
    let fit = BgNbd::fit(&once(&never), Unit::Day).unwrap().unwrap().fit.unwrap();
    assert_eq!(fit.finding, Some(Finding::NobodyReturns));
    assert_eq!(BgNbd::fit(&[], Unit::Day), Ok(None));
    let one = GammaGamma::fit(&once(&[Spending::new(3, Some(10.0)).unwrap()])).unwrap().unwrap();
    assert!(one.fit.unwrap().finding.is_some());
    assert_eq!(GammaGamma::fit(&once(&[Spending::new(0, None).unwrap()])), Ok(None));
    for user in [user(0, 0.0, 5.0), user(5, 5.0, 5.0)] {
        let fit = BgBb::fit(&once(&[user])).unwrap().unwrap().fit.unwrap();
        assert!(fit.finding.is_some());
    }
}

#[test]
fn nobody_leaves_is_said_where_it_is_best() {
    // everybody buys until the end
    let users: Vec<Purchases> = (1..200).map(|n| user(n % 7 + 1, 364.0, 365.0)).collect();
    let model = BgNbd::fit(&once(&users), Unit::Day).unwrap().unwrap();
    assert_eq!((model.a, model.fit.unwrap().finding), (0.0, Some(Finding::NobodyLeaves)));
    let model = ParetoNbd::fit(&once(&users), Unit::Day).unwrap().unwrap();
    assert_eq!((model.s, model.fit.unwrap().finding), (0.0, Some(Finding::NobodyLeaves)));
}

#[test]
fn impossible_purchases_are_refused() {
    for (x, t_x, t) in [
        (-1, 0.0, 1.0),
        (0, 1.0, 2.0),
        (1, 0.0, 2.0),
        (1, 3.0, 2.0),
        (1, -1.0, 2.0),
        (1, f64::NAN, 2.0),
        (1, 1.0, f64::NAN),
        (1, 1.0, f64::INFINITY),
        (i64::MAX, 1.0, 2.0),
    ] {
        assert!(Purchases::new(x, t_x, t).is_err(), "{x} {t_x} {t}");
    }
    for text in
        ["", "[]", "[1,1,1,1]", "{}", r#"{"r":1,"alpha":0,"a":1,"b":1}"#, r#"{"r":1,"alpha":1,"a":1,"b":1,"c":1}"#]
    {
        assert!(BgNbd::from_text(text).is_err(), "{text}");
    }
}

#[test]
fn summaries_follow_the_conventions() {
    let ledger: strata_core::ledger::Ledger =
        r#"{"2011-01-01": [2, 30], "2011-01-08": [1, 10], "2011-01-20": [0, 0, 4], "2011-02-01": [3, 20, 1]}"#.parse().unwrap();
    let summary = |day: &str| PurchaseSummary::of(ledger.borrow(), day.parse().unwrap()).unwrap();
    let found = summary("2011-02-11").unwrap();
    assert_eq!((found.x, found.t_x, found.t), (2, 31, 41));
    assert_eq!(found.mean_amount(), Some(12.5));
    let found = summary("2011-01-05").unwrap();
    assert_eq!((found.x, found.t_x, found.t, found.mean_amount()), (0, 0, 4, None));
    assert_eq!(summary("2010-12-31"), None);
}
