//! Published numbers, and those of exact optima (../shared/reference/btyd.md): CDNOW and the donations.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use strata_core::predict::{
    BgBb, BgNbd, Counted, Discounting, GammaGamma, MONTH, Model, ParetoNbd, PurchaseModel, Purchases, Spending, Terms,
    Unit, lifetime_value,
};

/// The sample's summary: (customer, days since 1997-01-01) of purchases with their amounts, until the end of calibration.
struct Customer {
    purchases: Purchases,
    spending: Spending,
}

const CALIBRATION_END: i64 = 272;

/// A packed file of the shared data; build.rs has found it, or the test is ignored.
fn shared_data(file: &str) -> String {
    let path = Path::new(env!("STRATA_DATA")).join(file);
    let mut packed = BufReader::new(File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    let mut unpacked = Vec::new();
    lzma_rs::xz_decompress(&mut packed, &mut unpacked).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
    String::from_utf8(unpacked).unwrap()
}

fn cdnow_sample() -> Vec<Customer> {
    let text = shared_data("cdnow/CDNOW_sample.txt.xz");
    let mut customers: HashMap<&str, Vec<(i64, f64)>> = HashMap::new();
    for line in text.lines() {
        let [_, customer, date, _, amount] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        let day = day_of_1997(date);
        if day <= CALIBRATION_END {
            let amount: f64 = amount.parse().unwrap();
            let days = customers.entry(customer).or_default();
            match days.iter_mut().find(|(known, _)| *known == day) {
                Some((_, sum)) => *sum += amount,
                None => days.push((day, amount)),
            }
        }
    }
    let customer = |mut days: Vec<(i64, f64)>| {
        days.sort_by_key(|(day, _)| *day);
        let (first, last, x) = (days[0].0, days[days.len() - 1].0, days.len() as i64 - 1);
        let amount = days[1..].iter().map(|(_, amount)| amount).sum::<f64>() / (x as f64).max(1.0);
        Customer {
            purchases: Purchases::new(x, (last - first) as f64, (CALIBRATION_END - first) as f64).unwrap(),
            spending: Spending::new(x, Some(amount)).unwrap(),
        }
    };
    customers.into_values().map(customer).collect()
}

/// Days since 1997-01-01 of a YYYYMMDD within 1997 and 1998.
fn day_of_1997(date: &str) -> i64 {
    const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let [year, month, day] = [&date[..4], &date[4..6], &date[6..]].map(|part| part.parse::<i64>().unwrap());
    (year - 1997) * 365 + BEFORE_MONTH[month as usize - 1] + day - 1
}

fn once<T: Copy>(values: impl Iterator<Item = T>) -> Vec<Counted<T>> {
    values.map(|value| Counted { value, count: 1 }).collect()
}

#[track_caller]
fn near(found: f64, wanted: f64, within: f64) {
    assert!((found - wanted).abs() <= within * wanted.abs(), "{found} is not {wanted}");
}

/// Customer 1 of the sample, and a heavy buyer.
fn known_users() -> [Purchases; 2] {
    [(2, 30.428571, 38.857143), (26, 30.857, 31.0)].map(|(x, t_x, t)| Purchases::new(x, t_x * 7.0, t * 7.0).unwrap())
}

#[test]
#[cfg_attr(not(has_cdnow_sample), ignore = "needs cdnow of the shared data")]
fn bgnbd_of_the_cdnow_sample() {
    let customers = cdnow_sample();
    let users = once(customers.iter().map(|customer| customer.purchases));
    let model = BgNbd::fit(&users, Unit::Week).unwrap().unwrap();
    let fit = model.fit.clone().unwrap();
    assert!(fit.converged && fit.finding.is_none(), "{fit:?}");
    assert_eq!(fit.users, 2357);
    near(fit.log_likelihood, -9582.42920667, 1e-9);
    let parameters = [model.r, model.alpha, model.a, model.b];
    for (found, wanted) in parameters.into_iter().zip([0.24259452, 4.41360202, 0.79292202, 2.42590678]) {
        near(found, wanted, 1e-6);
    }
    for (found, wanted) in fit.standard_errors.unwrap().into_iter().zip([0.012557, 0.37822, 0.18573, 0.70541]) {
        near(found, wanted, 1e-4);
    }
    let [first, heavy] = known_users();
    near(model.p_alive(&first), 0.726620, 1e-6);
    near(model.expected_purchases(273.0, &first), 1.225994, 1e-6);
    near(model.expected_purchases(90.0, &first), 0.452483, 1e-6);
    near(model.p_alive(&heavy), 0.968852, 1e-6);
    // by mpmath's hyp2f1 at these parameters; published with parameters whose fifth digit differs
    near(model.expected_purchases(364.0, &heavy), 25.757252, 1e-6);
    near(model.expected_purchases(364.0, &heavy), 25.75659, 1e-4);
    let hold_out: f64 = users.iter().map(|user| model.expected_purchases(273.0, &user.value)).sum();
    near(hold_out, 1653.4, 1e-4);
    let new = Purchases::new(0, 0.0, 0.0).unwrap();
    for (weeks, wanted) in [(1.0, 0.0532), (3.0, 0.1506), (32.0, 1.0437), (78.0, 1.8576)] {
        near(model.expected_purchases(weeks * 7.0, &new), wanted, 1e-3);
    }
    let published = BgNbd::from_text(BgNbd::EXAMPLE).unwrap();
    near(1.0 - published.purchase_probability(273.0, &new), 0.5737864, 1e-6);

    let days = BgNbd::fit(&users, Unit::Day).unwrap().unwrap();
    near(days.alpha, model.alpha * 7.0, 1e-9);
    near(days.fit.unwrap().log_likelihood, -14363.530443, 1e-9);
}

#[test]
#[cfg_attr(not(has_cdnow_sample), ignore = "needs cdnow of the shared data")]
fn pareto_nbd_of_the_cdnow_sample() {
    let customers = cdnow_sample();
    let users = once(customers.iter().map(|customer| customer.purchases));
    let model = ParetoNbd::fit(&users, Unit::Week).unwrap().unwrap();
    let fit = model.fit.clone().unwrap();
    assert!(fit.converged && fit.finding.is_none(), "{fit:?}");
    near(fit.log_likelihood, -9594.976179, 1e-9);
    let parameters = [model.r, model.alpha, model.s, model.beta];
    for (found, wanted) in parameters.into_iter().zip([0.553277, 10.577684, 0.606240, 11.668733]) {
        near(found, wanted, 1e-4);
    }
    let [first, heavy] = known_users();
    near(model.p_alive(&first), 0.869134, 1e-5);
    near(model.expected_purchases(273.0, &first), 1.455202, 1e-5);
    near(model.p_alive(&heavy), 0.997874, 1e-5);
    // published for parameters whose fifth digit differs
    near(model.expected_purchases(364.0, &heavy), 25.45647, 1e-4);
    let hold_out: f64 = users.iter().map(|user| model.expected_purchases(273.0, &user.value)).sum();
    near(hold_out, 1665.5, 1e-4);
}

#[test]
#[cfg_attr(not(has_cdnow_sample), ignore = "needs cdnow of the shared data")]
fn gamma_gamma_and_lifetime_value_of_the_cdnow_sample() {
    let customers = cdnow_sample();
    let users = once(customers.iter().map(|customer| customer.spending));
    let model = GammaGamma::fit(&users).unwrap().unwrap();
    let fit = model.fit.clone().unwrap();
    assert!(fit.converged && fit.finding.is_none(), "{fit:?}");
    assert_eq!((fit.users, fit.users + fit.left_out), (946, 2357));
    near(fit.log_likelihood, -4055.917695, 1e-9);
    for (found, wanted) in [model.p, model.q, model.gamma].into_iter().zip([6.2495723, 3.7442247, 15.4435210]) {
        near(found, wanted, 1e-6);
    }
    let amount = model.expected_amount(&Spending::new(2, Some(22.345)).unwrap()).unwrap();
    near(amount, 24.653919, 1e-6);

    let purchases = once(customers.iter().map(|customer| customer.purchases));
    let bgnbd = BgNbd::fit(&purchases, Unit::Week).unwrap().unwrap();
    let value = |horizon, discounting| {
        let terms = Terms::new(horizon, 0.01, 1.0, discounting).unwrap();
        lifetime_value(&bgnbd, &known_users()[0], amount, &terms)
    };
    // lifetimes counts months of 4.345 weeks
    near(value(12.0 * MONTH, Discounting::Monthly), 36.273978, 1e-6);
    // earlier money is worth more, by less than a month's rate
    let continuous = value(12.0 * MONTH, Discounting::Continuous);
    assert!(continuous > 36.273978 && continuous < 36.273978 * 1.01, "{continuous}");
}

/// 11,104 donors over six years (Fader, Hardie and Shang 2010, table 1): (x, t_x, donors).
const DONORS: [(i64, f64, u64); 22] = [
    (6, 6.0, 1203),
    (5, 6.0, 728),
    (4, 6.0, 512),
    (3, 6.0, 357),
    (2, 6.0, 234),
    (1, 6.0, 129),
    (5, 5.0, 335),
    (4, 5.0, 284),
    (3, 5.0, 225),
    (2, 5.0, 173),
    (1, 5.0, 119),
    (4, 4.0, 240),
    (3, 4.0, 181),
    (2, 4.0, 155),
    (1, 4.0, 78),
    (3, 3.0, 322),
    (2, 3.0, 255),
    (1, 3.0, 129),
    (2, 2.0, 613),
    (1, 2.0, 277),
    (1, 1.0, 1091),
    (0, 0.0, 3464),
];

#[test]
fn bgbb_of_the_donations() {
    let users = DONORS.map(|(x, t_x, count)| Counted { value: Purchases::new(x, t_x, 6.0).unwrap(), count });
    let model = BgBb::fit(&users).unwrap().unwrap();
    let fit = model.fit.clone().unwrap();
    assert!(fit.converged && fit.finding.is_none(), "{fit:?}");
    assert_eq!(fit.users, 11_104);
    near(fit.log_likelihood, -33225.58, 1e-6);
    let parameters = [model.alpha, model.beta, model.gamma, model.delta];
    for (found, wanted) in parameters.into_iter().zip([1.20351, 0.74977, 0.65676, 2.78389]) {
        near(found, wanted, 1e-3);
    }
    let printed = BgBb { alpha: 1.20351, beta: 0.74977, gamma: 0.65676, delta: 2.78389, fit: None };
    assert!(printed.log_likelihood(&users).unwrap() < fit.log_likelihood);
    // the closed form has a pole where γ = 1; the sum agrees with what the R package BTYD prints
    let expected = |x, t_x| model.expected_purchases(10.0, &Purchases::new(x, t_x, 6.0).unwrap());
    near(expected(0, 0.0), 0.1302169, 1e-3);
    near(expected(4, 5.0), 3.627858, 1e-3);
}

/// A year of a real shop, whose optimum lies on the boundary for much of it.
#[test]
#[cfg_attr(not(has_online_retail), ignore = "needs online_retail of the shared data")]
fn online_retail_gives_a_usable_model_wherever_it_is_calibrated() {
    let text = shared_data("online_retail/online_retail.csv.xz");
    let mut customers: HashMap<&str, Vec<i64>> = HashMap::new();
    for line in text.lines().skip(1) {
        // from the right: descriptions have commas
        let [_, customer, _, at, quantity] = line.rsplitn(6, ',').take(5).collect::<Vec<_>>()[..] else { continue };
        if !customer.is_empty() && !quantity.starts_with('-') {
            let date = at.split(' ').next().unwrap().replace('-', "");
            customers.entry(customer).or_default().push(day_of_1997(&date) - day_of_1997("20101201"));
        }
    }
    customers.values_mut().for_each(|days| {
        days.sort_unstable();
        days.dedup();
    });
    assert_eq!(customers.len(), 4339);
    for end in [45, 60, 90, 120, 180, 240, 300, 373] {
        let seen = customers.values().map(|days| days.iter().filter(|day| **day <= end).collect::<Vec<_>>());
        let users = once(seen.filter(|days| !days.is_empty()).map(|days| {
            let last = (days[days.len() - 1] - days[0]) as f64;
            Purchases::new(days.len() as i64 - 1, last, (end - days[0]) as f64).unwrap()
        }));
        let bgnbd = BgNbd::fit(&users, Unit::Day).unwrap().unwrap();
        let pareto = ParetoNbd::fit(&users, Unit::Day).unwrap().unwrap();
        for (model, fit) in [(&bgnbd as &dyn PurchaseModel, &bgnbd.fit), (&pareto, &pareto.fit)] {
            let fit = fit.as_ref().unwrap();
            assert!(fit.converged, "{end} {fit:?}");
            let expected: f64 = users.iter().map(|user| model.expected_purchases(30.0, &user.value)).sum();
            let actual = customers.values().filter(|days| days[0] <= end);
            let actual = actual.flatten().filter(|day| (end + 1..=end + 30).contains(*day)).count() as f64;
            assert!(end > 340 || (0.33..3.0).contains(&(expected / actual)), "{end}: {expected} for {actual}");
        }
    }
}
