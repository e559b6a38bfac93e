//! The cut points of one metric by every method: each equals its definition, taken literally.

use proptest::collection::vec;
use proptest::prelude::*;
use strata_core::error::UserError;
use strata_core::score::{Best, Bins, Cuts, CutsConfig, Decimal, Distribution, Ties};

fn spread(values: &[Decimal]) -> Distribution {
    Distribution::from_counts(values.iter().map(|value| (*value, 1))).unwrap()
}

fn integers(values: &[i64]) -> Vec<Decimal> {
    values.iter().map(|value| Decimal::from(*value)).collect()
}

fn ties() -> impl Strategy<Value = Ties> {
    prop_oneof![Just(Ties::Min), Just(Ties::Max), Just(Ties::Mid)]
}

fn best() -> impl Strategy<Value = Best> {
    prop_oneof![Just(Best::High), Just(Best::Low)]
}

/// Few distinct values, in different scales (1, 1.0, 1.00).
fn value() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (-6_i64..6, 0_u32..3).prop_map(|(whole, scale)| Decimal::new(whole * 10_i64.pow(scale), scale)),
        (-60_i64..60, 0_u32..3).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale)),
    ]
}

fn merit(best: Best, value: Decimal) -> Decimal {
    if best == Best::High { value } else { -value }
}

/// The score of a value by cuts that it has to equal or better.
fn score(cuts: &[Option<Decimal>], best: Best, value: Decimal) -> usize {
    1 + cuts.iter().flatten().filter(|cut| merit(best, value) >= merit(best, **cut)).count()
}

/// The share of users below which a value lies, in units of 1/2n of the users, as its ties are counted.
fn rank(ties: Ties, best: Best, values: &[Decimal], value: Decimal) -> usize {
    let worse = values.iter().filter(|other| merit(best, **other) < merit(best, value)).count();
    let equal = values.iter().filter(|other| **other == value).count();
    match ties {
        Ties::Min => 2 * worse,
        Ties::Max => 2 * (worse + equal),
        Ties::Mid => 2 * worse + equal,
    }
}

/// The sum of the squared deviations from the mean.
fn deviation(values: &[Decimal]) -> Decimal {
    let mean = values.iter().sum::<Decimal>() / Decimal::from(values.len().max(1));
    values.iter().map(|value| (value - mean) * (value - mean)).sum()
}

/// The least deviation of ascending values in so many classes or fewer: every way of parting them is tried.
fn least_deviation(values: &[Decimal], classes: usize) -> Decimal {
    let one = deviation(values);
    if classes == 1 {
        return one;
    }
    let parted =
        (1..values.len()).map(|start| deviation(&values[start..]) + least_deviation(&values[..start], classes - 1));
    parted.fold(one, Decimal::min)
}

/// The deviation of the values in the classes that the cuts make.
fn classed_deviation(cuts: &[Option<Decimal>], best: Best, values: &[Decimal]) -> Decimal {
    let class = |wanted| -> Vec<Decimal> {
        values.iter().copied().filter(|value| score(cuts, best, *value) == wanted).collect()
    };
    (1..=cuts.len() + 1).map(|wanted| deviation(&class(wanted))).sum()
}

proptest! {
    #[test]
    fn quantile_is_what_the_cuts_aggregate_makes(
        bins in 2_i64..=10, ties in ties(), best in best(), values in vec(value(), 1..60),
    ) {
        let config = CutsConfig { bins: Bins::new(bins).unwrap(), ties, best };
        let expected: Vec<_> = Cuts::from_values(config, values.iter().copied()).unwrap().unwrap().cuts().collect();
        prop_assert_eq!(spread(&values).quantile(config).unwrap(), expected);
    }

    #[test]
    fn equal_shares_are_quantiles(
        bins in prop::sample::select(vec![2_i64, 4, 5, 8, 10]), ties in ties(), best in best(), values in vec(value(), 0..60),
    ) {
        let config = CutsConfig { bins: Bins::new(bins).unwrap(), ties, best };
        let shares = vec![Decimal::ONE / Decimal::from(bins); bins as usize - 1];
        let values = spread(&values);
        prop_assert_eq!(values.top_share(&shares, ties, best).unwrap(), values.quantile(config).unwrap());
    }

    #[test]
    fn a_value_passes_the_borders_of_the_shares_that_its_rank_passes(
        ties in ties(), best in best(), values in vec(value(), 1..60), parts in vec(1_usize..30, 2..7),
    ) {
        let whole: usize = parts.iter().sum();
        // Thousandths, what rounding leaves belongs to the last.
        let shares: Vec<usize> = parts[1..].iter().map(|part| (1_000 * part / whole).max(1)).collect();
        let decimals: Vec<Decimal> = shares.iter().map(|share| Decimal::new(*share as i64, 3)).collect();
        let cuts = spread(&values).top_share(&decimals, ties, best).unwrap();
        for value in &values {
            let rank = rank(ties, best, &values, *value) * 1_000;
            let passed = (1..=shares.len()).filter(|taken| {
                let border = 2 * values.len() * (1_000 - shares[..*taken].iter().sum::<usize>());
                if ties == Ties::Max { rank > border } else { rank >= border }
            });
            prop_assert_eq!(score(&cuts, best, *value), 1 + passed.count(), "{} by {:?}", value, cuts);
        }
    }

    #[test]
    fn the_mean_parts_the_values_exactly(best in best(), values in vec((value(), 1_i64..40), 1..40), by in 1_i64..9) {
        // Quotients have 28 digits, so that the mean lies between two numbers that can be written.
        let values: Vec<Decimal> = values.iter().map(|(value, divisor)| value / Decimal::from(divisor * by)).collect();
        let cuts = spread(&values).mean(best).unwrap();
        let units = |value: &Decimal| value.mantissa() * 10_i128.pow(28 - value.scale());
        let sum: i128 = values.iter().map(units).sum();
        let cut = cuts[0].unwrap();
        for value in &values {
            let scaled = units(value) * values.len() as i128;
            let betters = if best == Best::High { scaled > sum } else { scaled < sum };
            prop_assert_eq!(merit(best, *value) > merit(best, cut), betters, "{} and {}", value, cut);
        }
        let mean = values.iter().sum::<Decimal>() / Decimal::from(values.len());
        prop_assert!((cut - mean).abs() < Decimal::new(1, 20));
    }

    #[test]
    fn natural_breaks_are_the_best_there_are(classes in 2_u8..=4, best in best(), mut values in vec(value(), 1..11)) {
        values.sort();
        let cuts = spread(&values).natural_breaks(classes, best).unwrap();
        let (found, least) = (classed_deviation(&cuts, best, &values), least_deviation(&values, classes.into()));
        prop_assert!((found - least).abs() < Decimal::new(1, 9), "{found} is not {least}: {cuts:?}");
    }

    /// Money is like that: a few users far above all others, who must not blur these.
    #[test]
    fn natural_breaks_are_the_best_there_are_beside_very_large_values(
        classes in 2_u8..=4, best in best(), values in vec((1_i64..10, 0_u32..12, any::<bool>()), 1..11),
    ) {
        let value = |(digit, zeros, negative)| Decimal::from(digit * 10_i64.pow(zeros) * if negative { -1 } else { 1 });
        let mut values: Vec<Decimal> = values.into_iter().map(value).collect();
        values.sort();
        let cuts = spread(&values).natural_breaks(classes, best).unwrap();
        let (found, least) = (classed_deviation(&cuts, best, &values), least_deviation(&values, classes.into()));
        prop_assert!((found - least).abs() <= least / Decimal::from(10_i64.pow(9)), "{found} is not {least}: {cuts:?}");
    }

    #[test]
    fn every_cut_of_natural_breaks_is_an_observed_value_and_splits(
        classes in 2_u8..=10, best in best(), values in vec(value(), 0..200),
    ) {
        let values = spread(&values);
        let cuts = values.natural_breaks(classes, best).unwrap();
        prop_assert_eq!(cuts.len(), usize::from(classes) - 1);
        let found: Vec<Decimal> = cuts.iter().map_while(|cut| *cut).collect();
        prop_assert_eq!(found.len(), values.runs().len().min(classes.into()).saturating_sub(1));
        prop_assert!(cuts[found.len()..].iter().all(Option::is_none));
        prop_assert!(found.windows(2).all(|pair| merit(best, pair[0]) < merit(best, pair[1])));
        prop_assert!(found.iter().all(|cut| values.runs().iter().any(|run| run.0 == *cut)));
    }

    #[test]
    fn a_metric_that_is_best_low_is_cut_like_its_negation_that_is_best_high(
        ties in ties(), values in vec(value(), 0..60), classes in 2_u8..=6,
    ) {
        let (values, negated) = (spread(&values), spread(&values.iter().map(|value| -*value).collect::<Vec<_>>()));
        let shares = [Decimal::new(1, 1), Decimal::new(65, 2)];
        let minus = |cuts: Vec<Option<Decimal>>| cuts.into_iter().map(|cut| cut.map(|cut| -cut)).collect::<Vec<_>>();
        prop_assert_eq!(
            values.top_share(&shares, ties, Best::Low).unwrap(),
            minus(negated.top_share(&shares, ties, Best::High).unwrap())
        );
        prop_assert_eq!(values.mean(Best::Low).unwrap(), minus(negated.mean(Best::High).unwrap()));
        prop_assert_eq!(
            values.natural_breaks(classes, Best::Low).unwrap(),
            minus(negated.natural_breaks(classes, Best::High).unwrap())
        );
    }

    #[test]
    fn order_grouping_and_scale_of_the_values_do_not_matter(
        (values, shuffled) in vec((value(), 0_u64..4), 0..40)
            .prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle())),
    ) {
        let one_by_one = values.iter().flat_map(|(value, count)| vec![(value.normalize(), 1); *count as usize]);
        let one_by_one = Distribution::from_counts(one_by_one).unwrap();
        prop_assert_eq!(&Distribution::from_counts(shuffled).unwrap(), &one_by_one);
        prop_assert_eq!(one_by_one.users(), values.iter().map(|(_, count)| count).sum::<u64>());
    }
}

/// Wang and Song (2011), "Ckmeans.1d.dp", the example of its manual: {-1 x 4}, {2 x 3}, {4, 5, 6}.
#[test]
fn a_published_example_of_natural_breaks() {
    let values = spread(&integers(&[-1, 2, -1, 2, 4, 5, 6, -1, 2, -1]));
    assert_eq!(values.natural_breaks(3, Best::High).unwrap(), [Some(Decimal::from(2)), Some(Decimal::from(4))]);
    assert_eq!(values.natural_breaks(3, Best::Low).unwrap(), [Some(Decimal::from(2)), Some(Decimal::from(-1))]);
}

#[test]
fn users_weigh_in_natural_breaks() {
    let spread = |counts: [u64; 3]| Distribution::from_counts(integers(&[0, 4, 10]).into_iter().zip(counts)).unwrap();
    assert_eq!(spread([1, 1, 1]).natural_breaks(2, Best::High).unwrap(), [Some(Decimal::from(10))]);
    assert_eq!(spread([100, 100, 1]).natural_breaks(2, Best::High).unwrap(), [Some(Decimal::from(4))]);
}

/// What the values have in common costs natural breaks no digits.
#[test]
fn natural_breaks_of_large_numbers_close_together() {
    let far = |value: i64| Decimal::from(10_i64.pow(17) + value);
    let values: Vec<Decimal> = [1, 2, 3, 50, 51, 52, 90, 91, 92].map(far).to_vec();
    let cuts = spread(&values).natural_breaks(3, Best::High).unwrap();
    assert_eq!(cuts, [Some(far(50)), Some(far(90))]);
}

#[test]
fn the_top_ten_percent_the_next_seventy_and_the_rest() {
    let values = spread(&integers(&(1..=100).collect::<Vec<_>>()));
    let shares = [Decimal::new(1, 1), Decimal::new(7, 1)];
    let cuts = values.top_share(&shares, Ties::Min, Best::High).unwrap();
    assert_eq!(cuts, [Some(Decimal::from(21)), Some(Decimal::from(91))]);
    let cuts = values.top_share(&shares, Ties::Min, Best::Low).unwrap();
    assert_eq!(cuts, [Some(Decimal::from(80)), Some(Decimal::from(10))]);
}

#[test]
fn without_spread_there_is_little_to_cut() {
    let shares = [Decimal::new(1, 1), Decimal::new(7, 1)];
    let five = CutsConfig::default();
    let nobody = Distribution::default();
    assert_eq!(nobody.quantile(five).unwrap(), [None; 4]);
    assert_eq!(nobody.top_share(&shares, Ties::Max, Best::High).unwrap(), [None; 2]);
    assert_eq!(nobody.mean(Best::High).unwrap(), [None]);
    assert_eq!(nobody.natural_breaks(5, Best::High).unwrap(), [None; 4]);
    let (seven, alike) = (Some(Decimal::from(7)), spread(&integers(&[7; 20])));
    assert_eq!(alike.quantile(five).unwrap(), [None; 4]);
    assert_eq!(alike.top_share(&shares, Ties::Max, Best::High).unwrap(), [seven; 2]);
    // Nobody is better than it.
    assert_eq!(alike.mean(Best::High).unwrap(), [seven]);
    assert_eq!(alike.natural_breaks(5, Best::High).unwrap(), [None; 4]);
    let two = spread(&integers(&[7, 7, 8]));
    assert_eq!(two.natural_breaks(5, Best::High).unwrap(), [Some(Decimal::from(8)), None, None, None]);
}

/// Two thirds and a third, rounded to 28 digits, beside large amounts: more than 127 bits in all.
#[test]
fn the_mean_of_quotients_and_large_amounts_is_exact() {
    let third = Decimal::ONE / Decimal::from(3);
    let large = Decimal::from(10_i64.pow(9));
    let counts = [(third, 1_000_000), (large, 1_000_000_000)];
    let mean = Distribution::from_counts(counts).unwrap().mean(Best::High).unwrap()[0].unwrap();
    assert_eq!(mean.round_dp(6).to_string(), "999000999.001332");
    // All are the mean, and none betters it.
    assert_eq!(Distribution::from_counts([(third, 7)]).unwrap().mean(Best::High).unwrap(), [Some(third)]);
    // The mean of these two rounds to one of them: the lower takes its place.
    let (low, high) = (Decimal::MAX - Decimal::ONE, Decimal::MAX);
    for (best, worse) in [(Best::High, low), (Best::Low, high)] {
        assert_eq!(spread(&[low, high]).mean(best).unwrap(), [Some(worse)]);
    }
    let error = Distribution::from_counts([(Decimal::MAX, u64::MAX)]).unwrap().mean(Best::High).unwrap_err();
    assert_eq!(error.to_string(), "the sum of the values is out of range");
    assert_eq!(error.hint(), None);
}
