//! The eight groups and the four ways to split high from low.

use proptest::collection::vec;
use proptest::prelude::*;
use strata_core::error::UserError;
use strata_core::label::Lang;
use strata_core::model::scheme::Scheme;
use strata_core::score::{Bins, Decimal, Group, RfmConfig, RfmCuts, RfmRow, SPLIT_NAMES, Split, Ties, rfm_group};

fn row(recency: i32, frequency: i64, monetary: i64) -> RfmRow {
    RfmRow { recency, frequency, monetary: Decimal::from(monetary) }
}

fn cuts(bins: i64, rows: &[RfmRow]) -> RfmCuts {
    let config = RfmConfig { bins: Bins::new(bins).unwrap(), ties: Ties::Min };
    RfmCuts::from_rows(config, rows.iter().copied()).unwrap().unwrap()
}

fn code(group: Group) -> String {
    [group.recency, group.frequency, group.monetary].map(|high| if high { '1' } else { '0' }).iter().collect()
}

proptest! {
    /// Each split against its definition, in integers over all users.
    #[test]
    fn splits_are_what_they_say(rows in vec((0..90_i32, 0..9_i64, -50..500_i64), 1..40), bins in 2_i64..=10) {
        let rows: Vec<RfmRow> = rows.into_iter().map(|(r, f, m)| row(r, f, m)).collect();
        let (cuts, five, users) = (cuts(bins, &rows), cuts(5, &rows), Decimal::from(rows.len()));
        let sum = |metric: &dyn Fn(&RfmRow) -> Decimal| rows.iter().map(metric).sum::<Decimal>();
        for user in &rows {
            let group = |split, cuts| rfm_group(*user, cuts, split).unwrap();
            let (scores, of_five) = (cuts.score(*user), five.score(*user));
            prop_assert_eq!(group(Split::RawMean, &cuts), Group {
                recency: Decimal::from(user.recency) * users < sum(&|user| user.recency.into()),
                frequency: Decimal::from(user.frequency) * users > sum(&|user| user.frequency.into()),
                monetary: user.monetary * users > sum(&|user| user.monetary),
            });
            prop_assert_eq!(group(Split::ScoreMean, &cuts), Group {
                recency: Decimal::from(scores.r) * users > sum(&|user| cuts.score(*user).r.into()),
                frequency: Decimal::from(scores.f) * users > sum(&|user| cuts.score(*user).f.into()),
                monetary: Decimal::from(scores.m) * users > sum(&|user| cuts.score(*user).m.into()),
            });
            prop_assert_eq!(group(Split::Score4, &five), Group {
                recency: of_five.r >= 4, frequency: of_five.f >= 4, monetary: of_five.m >= 4,
            });
        }
    }
}

#[test]
fn a_value_on_the_mean_is_low() {
    let rows = [row(10, 1, 100), row(20, 2, 200), row(30, 3, 300)];
    let cuts = cuts(5, &rows);
    let groups = rows.map(|user| code(rfm_group(user, &cuts, Split::RawMean).unwrap()));
    assert_eq!(groups, ["100", "000", "011"]);
}

#[test]
fn fixed_constants_are_inclusive() {
    let cuts = cuts(3, &[row(10, 1, 100)]);
    let split = Split::by_name("fixed", Some([30, 5, 1000].map(Decimal::from))).unwrap();
    for (user, expected) in
        [(row(30, 5, 1000), "111"), (row(31, 4, 999), "000"), (row(0, 4, 5000), "101"), (row(99, 9, 0), "010")]
    {
        assert_eq!(code(rfm_group(user, &cuts, split).unwrap()), expected);
    }
}

#[test]
fn the_default_is_score_mean() {
    assert_eq!(Split::default(), Split::by_name("score_mean", None).unwrap());
}

#[test]
fn a_group_has_a_name() {
    let rows = [row(2, 9, 900), row(50, 1, 10), row(60, 1, 10)];
    let group = rfm_group(rows[0], &cuts(5, &rows), Split::default()).unwrap();
    let segment = Scheme::eight().of_group(Some(group)).unwrap();
    assert_eq!((segment.label(Lang::En), segment.label(Lang::Zh)), ("key_value", "重要价值用户"));
}

#[test]
fn bad_splits_are_refused() {
    let error = Split::by_name("median", None).unwrap_err();
    assert_eq!(error.to_string(), "unknown split \"median\"");
    assert_eq!(error.hint().unwrap(), "Use one of 'raw_mean', 'score_mean', 'score_4', 'fixed'.");
    let error = Split::by_name("fixed", None).unwrap_err();
    assert_eq!(error.to_string(), "split \"fixed\" needs its three constants");
    assert!(error.hint().unwrap().contains("fixed => ARRAY[30, 5, 1000]"));
    for name in &SPLIT_NAMES[..3] {
        let error = Split::by_name(name, Some([Decimal::ONE; 3])).unwrap_err();
        assert_eq!(error.to_string(), format!("split \"{name}\" takes no constants"));
    }
    let error = rfm_group(row(1, 1, 1), &cuts(4, &[row(1, 1, 1)]), Split::Score4).unwrap_err();
    assert_eq!(error.to_string(), "split \"score_4\" needs five bins, these cuts have 4");
}
