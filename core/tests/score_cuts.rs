//! The law of scores: cuts answer exactly as a naive model that looks at every pair of users.

use proptest::collection::vec;
use proptest::prelude::*;
use strata_core::error::UserError;
use strata_core::score::{Best, Bins, Cuts, CutsConfig, Decimal, RfmConfig, RfmCuts, RfmRow, RfmScores, Ties, Total};

/// The score of one user by definition, for every pair and without division: the highest (`max`: lowest) score that
/// the share of users allows.
fn naive_score(config: CutsConfig, values: &[Decimal], value: Decimal) -> u8 {
    let worse = |other: &&Decimal| match config.best {
        Best::High => **other < value,
        Best::Low => **other > value,
    };
    let worse = values.iter().filter(worse).count();
    let equal = values.iter().filter(|other| **other == value).count();
    let (bins, users) = (usize::from(config.bins.get()), values.len());
    let scores = 1..=bins;
    let score = match config.ties {
        Ties::Min => scores.filter(|score| (score - 1) * users <= bins * worse).max(),
        Ties::Max => scores.filter(|score| score * users >= bins * (worse + equal)).min(),
        Ties::Mid => scores.filter(|score| (score - 1) * 2 * users <= bins * (2 * worse + equal)).max(),
    };
    score.unwrap() as u8
}

fn cuts(config: CutsConfig, values: &[Decimal]) -> Cuts {
    Cuts::from_values(config, values.iter().copied()).unwrap().unwrap()
}

fn config(bins: i64, ties: Ties, best: Best) -> CutsConfig {
    CutsConfig { bins: Bins::new(bins).unwrap(), ties, best }
}

fn configs() -> impl Strategy<Value = CutsConfig> {
    let ties = prop_oneof![Just(Ties::Min), Just(Ties::Max), Just(Ties::Mid)];
    (2_i64..=10, ties, prop_oneof![Just(Best::High), Just(Best::Low)])
        .prop_map(|(bins, ties, best)| config(bins, ties, best))
}

/// Few distinct values, so that ties are common, in different scales, so that equal values look different (1, 1.0, 1.00).
fn value() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (-6_i64..6, 0_u32..3).prop_map(|(whole, scale)| Decimal::new(whole * 10_i64.pow(scale), scale)),
        (-60_i64..60, 0_u32..3).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale)),
        (any::<i64>(), 0_u32..7).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale)),
    ]
}

fn integers(values: &[i64]) -> Vec<Decimal> {
    values.iter().map(|value| Decimal::from(*value)).collect()
}

fn scores(cuts: &Cuts, values: &[i64]) -> Vec<u8> {
    values.iter().map(|value| cuts.score(Decimal::from(*value))).collect()
}

proptest! {
    #[test]
    fn every_observed_value_scores_as_the_naive_model_says(config in configs(), values in vec(value(), 1..60)) {
        let cuts = cuts(config, &values);
        for value in &values {
            prop_assert_eq!(cuts.score(*value), naive_score(config, &values, *value), "{} of {:?}", value, cuts);
        }
    }

    #[test]
    fn cut_k_is_the_worst_observed_value_that_reaches_score_k_plus_1(config in configs(), values in vec(value(), 1..60)) {
        let cuts = cuts(config, &values);
        prop_assert_eq!(cuts.cuts().len(), usize::from(config.bins.get()) - 1);
        for (k, cut) in (1..).zip(cuts.cuts()) {
            let reaching = values.iter().copied().filter(|value| naive_score(config, &values, *value) > k);
            let worst = if config.best == Best::High { reaching.min() } else { reaching.max() };
            prop_assert_eq!(cut, worst);
        }
    }

    #[test]
    fn a_better_value_never_scores_less_observed_or_not(
        config in configs(), values in vec(value(), 1..60), a in value(), b in value(),
    ) {
        let cuts = cuts(config, &values);
        let (lower, higher) = (cuts.score(a.min(b)), cuts.score(a.max(b)));
        let (worse, better) = if config.best == Best::High { (lower, higher) } else { (higher, lower) };
        prop_assert!(worse <= better);
        prop_assert!((1..=config.bins.get()).contains(&lower) && (1..=config.bins.get()).contains(&higher));
        prop_assert!(a != b || lower == higher);
    }

    #[test]
    fn a_metric_that_is_best_low_scores_like_its_negation_that_is_best_high(
        CutsConfig { bins, ties, .. } in configs(), values in vec(value(), 1..60),
    ) {
        let low = cuts(CutsConfig { bins, ties, best: Best::Low }, &values);
        let negated: Vec<Decimal> = values.iter().map(|value| -*value).collect();
        let high = cuts(CutsConfig { bins, ties, best: Best::High }, &negated);
        for value in values {
            prop_assert_eq!(low.score(value), high.score(-value));
        }
    }

    #[test]
    fn neither_order_nor_grouping_nor_scale_of_the_values_matters(
        config in configs(),
        (values, shuffled) in vec((value(), 0_u64..4), 1..40)
            .prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle())),
    ) {
        let one_by_one = values.iter().flat_map(|(value, count)| vec![value.normalize(); *count as usize]);
        let one_by_one = Cuts::from_values(config, one_by_one).unwrap();
        prop_assert_eq!(&Cuts::from_counts(config, shuffled).unwrap(), &one_by_one);
        prop_assert_eq!(&Cuts::from_counts(config, values).unwrap(), &one_by_one);
    }

    #[test]
    fn both_means_are_exact(
        config in configs(), mantissas in vec((-1000_i64..1000, 0_u32..4), 1..40), asked in (-1000_i64..1000, 0_u32..6),
    ) {
        let values: Vec<Decimal> = mantissas.iter().map(|(mantissa, scale)| Decimal::new(*mantissa, *scale)).collect();
        let cuts = cuts(config, &values);
        // Everything in millionths, in integers.
        let millionths = |(mantissa, scale): (i64, u32)| i128::from(mantissa) * 10_i128.pow(6 - scale);
        let sum: i128 = mantissas.iter().map(|number| millionths(*number)).sum();
        let (users, value) = (values.len() as i128, millionths(asked));
        let better = if config.best == Best::High { value * users > sum } else { value * users < sum };
        prop_assert_eq!(cuts.above_mean(Decimal::new(asked.0, asked.1)), better);
        prop_assert_eq!(cuts.sum().to_string(), Decimal::from_i128_with_scale(sum, 6).normalize().to_string());
        prop_assert!((cuts.mean() * Decimal::from(users) - Decimal::from_i128_with_scale(sum, 6)).abs() < Decimal::new(1, 20));

        let score_sum: u64 = values.iter().map(|value| u64::from(naive_score(config, &values, *value))).sum();
        prop_assert_eq!(cuts.score_sum(), score_sum);
        for score in 1..=config.bins.get() {
            prop_assert_eq!(cuts.score_above_mean(score), u64::from(score) * values.len() as u64 > score_sum);
        }
    }

    #[test]
    fn rfm_cuts_are_the_cuts_of_the_three_metrics(
        CutsConfig { bins, ties, .. } in configs(), rows in vec((0..40_i32, 0..9_i64, value()), 1..50),
    ) {
        let rows = rows.into_iter().map(|(recency, frequency, monetary)| RfmRow { recency, frequency, monetary });
        let rows: Vec<RfmRow> = rows.collect();
        let cuts_of = |best, value: fn(&RfmRow) -> Decimal| {
            cuts(CutsConfig { bins, ties, best }, &rows.iter().map(value).collect::<Vec<_>>())
        };
        let rfm = RfmCuts::from_rows(RfmConfig { bins, ties }, rows.iter().copied()).unwrap().unwrap();
        prop_assert_eq!(rfm.recency(), &cuts_of(Best::Low, |row| row.recency.into()));
        prop_assert_eq!(rfm.frequency(), &cuts_of(Best::High, |row| row.frequency.into()));
        prop_assert_eq!(rfm.monetary(), &cuts_of(Best::High, |row| row.monetary));
        for row in &rows {
            let RfmScores { r, f, m } = rfm.score(*row);
            prop_assert_eq!(r, rfm.recency().score(row.recency.into()));
            prop_assert_eq!(f, rfm.frequency().score(row.frequency.into()));
            prop_assert_eq!(m, rfm.monetary().score(row.monetary));
        }
    }
}

#[test]
fn sixty_percent_one_time_buyers_share_one_score() {
    // 10 users, 6 of whom bought once: ntile(5) would give the six the scores 1, 1, 2, 2, 3 and 3.
    let frequencies = [1, 1, 1, 1, 1, 1, 2, 3, 5, 9];
    for (ties, expected) in [
        (Ties::Min, [1, 1, 1, 1, 1, 1, 4, 4, 5, 5]),
        (Ties::Max, [3, 3, 3, 3, 3, 3, 4, 4, 5, 5]),
        (Ties::Mid, [2, 2, 2, 2, 2, 2, 4, 4, 5, 5]),
    ] {
        let cuts = cuts(config(5, ties, Best::High), &integers(&frequencies));
        assert_eq!(scores(&cuts, &frequencies), expected, "{ties}");
    }
}

#[test]
fn without_ties_and_with_whole_bins_every_policy_fills_the_bins_evenly() {
    let days: Vec<i64> = (1..=10).collect();
    for ties in [Ties::Min, Ties::Max, Ties::Mid] {
        let cuts = cuts(config(5, ties, Best::Low), &integers(&days));
        assert_eq!(scores(&cuts, &days), [5, 5, 4, 4, 3, 3, 2, 2, 1, 1], "{ties}");
        assert_eq!(cuts.cuts().map(Option::unwrap).collect::<Vec<_>>(), integers(&[8, 6, 4, 2]));
        assert_eq!(scores(&cuts, &[-5, 0, 11, 1000]), [5, 5, 1, 1]);
    }
}

#[test]
fn all_tied_gives_one_with_min_the_top_with_max_and_the_middle_with_mid() {
    for (bins, middle) in [(2, 2), (5, 3), (10, 6)] {
        for (ties, expected) in [(Ties::Min, 1), (Ties::Max, bins as u8), (Ties::Mid, middle)] {
            for users in [1, 2, 7] {
                let cuts = cuts(config(bins, ties, Best::High), &vec![Decimal::ONE_HUNDRED; users]);
                assert_eq!(scores(&cuts, &[100]), [expected], "{bins} bins, {ties}, {users} users");
                assert_eq!(cuts.cuts().flatten().count(), usize::from(expected) - 1);
            }
        }
    }
}

#[test]
fn fewer_users_than_bins_never_reach_the_top_with_min() {
    let cuts = cuts(config(5, Ties::Min, Best::High), &integers(&[10, 20, 30]));
    assert_eq!(scores(&cuts, &[10, 20, 30, 31]), [1, 2, 4, 4]);
    assert_eq!(
        cuts.cuts().map(|cut| cut.map(|cut| cut.to_string())).collect::<Vec<_>>(),
        [
            Some("20".into()), // score 2
            Some("30".into()), // score 3: no value has it, the next better one skips it
            Some("30".into()), // score 4
            None,              // score 5
        ]
    );
}

#[test]
fn no_rows_have_no_cuts() {
    assert_eq!(Cuts::from_values(CutsConfig::default(), []).unwrap(), None);
    assert_eq!(Cuts::from_counts(CutsConfig::default(), [(Decimal::ONE, 0)]).unwrap(), None);
    assert_eq!(RfmCuts::from_rows(RfmConfig::default(), []).unwrap(), None);
}

#[test]
fn the_mean_stays_exact_beyond_the_digits_of_a_decimal() {
    // The sum of a million averages with 16 decimals has 32 digits.
    let average: Decimal = "1234567890.1234567890123456".parse().unwrap();
    let cuts = Cuts::from_counts(CutsConfig::default(), [(average, 1_000_000)]).unwrap().unwrap();
    assert_eq!(cuts.sum().to_string(), "1234567890123456.7890123456");
    assert_eq!(cuts.mean(), average);
    assert!(!cuts.above_mean(average));
    assert!(cuts.above_mean(average + Decimal::new(1, 18)));
    assert!(!cuts.above_mean(average - Decimal::new(1, 18)));

    // A third has no end: no rounded mean tells these apart.
    let cuts = Cuts::from_counts(CutsConfig::default(), [(Decimal::ZERO, 2), (Decimal::ONE, 1)]).unwrap().unwrap();
    assert!(!cuts.above_mean("0.3333333333333333333333333333".parse().unwrap()));
    assert!(cuts.above_mean("0.3333333333333333333333333334".parse().unwrap()));
    assert_eq!(cuts.mean().to_string(), "0.3333333333333333333333333333");

    let cuts = Cuts::from_counts(CutsConfig::default(), [(Decimal::MAX, 3)]).unwrap().unwrap();
    assert_eq!(cuts.mean(), Decimal::MAX);
    assert!(!cuts.above_mean(Decimal::MAX) && !cuts.above_mean(Decimal::MIN));

    // At the scale of this mean neither of the two has room.
    let cuts = Cuts::from_values(CutsConfig::default(), [Decimal::new(1, 28)]).unwrap().unwrap();
    assert!(cuts.above_mean(Decimal::MAX) && !cuts.above_mean(Decimal::MIN));
}

#[test]
fn what_cannot_be_counted_or_summed_exactly_is_refused() {
    let too_many = Cuts::from_counts(CutsConfig::default(), [(Decimal::ONE, u64::MAX), (Decimal::TWO, 1)]);
    assert_eq!(too_many.unwrap_err().to_string(), "the number of users is out of range");
    let too_many = Cuts::from_counts(CutsConfig::default(), [(Decimal::ONE, u64::MAX)]);
    assert_eq!(too_many.unwrap_err().to_string(), "the number of users is out of range");
    let too_wide = Cuts::from_values(CutsConfig::default(), [Decimal::MAX, Decimal::new(1, 28)]);
    assert_eq!(too_wide.unwrap_err().to_string(), "the sum of the values is out of range");
}

#[test]
fn codes_are_three_digits_and_never_ambiguous() {
    assert_eq!(RfmScores { r: 5, f: 4, m: 1 }.code(), "541");
    assert_eq!(RfmScores { r: 10, f: 1, m: 1 }.code(), "10-1-1");
    assert_eq!(RfmScores { r: 1, f: 10, m: 1 }.code(), "1-10-1");
    assert_eq!(RfmScores::new(5, 0, 1).unwrap_err().to_string(), "score 0 is not from 1 to 10");
    assert_eq!(RfmScores::new(5, 4, 11).unwrap_err().to_string(), "score 11 is not from 1 to 10");
    assert_eq!(RfmScores::new(5, 4, 1).unwrap(), RfmScores { r: 5, f: 4, m: 1 });
}

#[test]
fn bad_parameters_are_named_and_the_hint_shows_good_ones() {
    for bins in [i64::MIN, -1, 0, 1, 11, 258] {
        let error = Bins::new(bins).unwrap_err();
        assert_eq!(error.to_string(), format!("bins must be from 2 to 10, not {bins}"));
        assert_eq!(error.hint().unwrap(), "Use a number from 2 to 10, for example bins => 5.");
    }
    let error = "Min".parse::<Ties>().unwrap_err();
    assert_eq!(error.to_string(), "unknown tie policy \"Min\"");
    assert_eq!(error.hint().unwrap(), "Use one of 'min', 'max', 'mid'.");
    let error = "hi".parse::<Best>().unwrap_err();
    assert_eq!(error.to_string(), "unknown direction \"hi\"");
    assert_eq!(error.hint().unwrap(), "Use one of 'high', 'low'.");
    assert!("1e3".parse::<Total>().is_err());
}

proptest! {
    #[test]
    fn quantile_scores_are_the_scores_by_cuts(
        values in prop::collection::vec(prop::option::of(-20..20i64), 0..60),
        bins in 2..=10i64,
        ties in prop_oneof![Just(Ties::Min), Just(Ties::Max), Just(Ties::Mid)],
        best in prop_oneof![Just(Best::High), Just(Best::Low)],
    ) {
        let config = CutsConfig { bins: Bins::new(bins).unwrap(), ties, best };
        let cuts = Cuts::from_values(config, values.iter().flatten().map(|value| Decimal::from(*value))).unwrap();
        let expected: Vec<u8> = values
            .iter()
            .map(|value| value.map_or(0, |value| cuts.as_ref().unwrap().score(Decimal::from(value))))
            .collect();
        prop_assert_eq!(strata_core::score::quantile_scores(config, &values, Ord::cmp).unwrap(), expected);
    }
}

proptest! {
    /// Cuts of values at mixed scales order them as numbers, whatever the places.
    #[test]
    fn scales_do_not_matter_for_the_order(pairs in prop::collection::vec((any::<i64>(), 0u32..=14), 1..40)) {
        let config = CutsConfig { bins: Bins::new(10).unwrap(), ties: Ties::Max, best: Best::High };
        let values: Vec<Decimal> = pairs.iter().map(|(mantissa, scale)| Decimal::new(*mantissa, *scale)).collect();
        let cuts = Cuts::from_values(config, values.iter().copied()).unwrap().unwrap();
        for a in &values {
            for b in &values {
                prop_assert!(a > b || cuts.score(*a) <= cuts.score(*b), "{} {}", a, b);
                prop_assert!(a != b || cuts.score(*a) == cuts.score(*b), "{} {}", a, b);
            }
        }
    }
}
