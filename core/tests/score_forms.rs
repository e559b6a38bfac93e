//! The text and binary forms of cuts: exact round trips, and nothing else is read.

use proptest::collection::vec;
use proptest::prelude::*;
use strata_core::error::{ErrorKind, UserError};
use strata_core::score::{Best, Bins, Cuts, CutsConfig, Decimal, RfmConfig, RfmCuts, RfmRow, Ties};

fn any_cuts() -> impl Strategy<Value = Cuts> {
    let ties = prop_oneof![Just(Ties::Min), Just(Ties::Max), Just(Ties::Mid)];
    let best = prop_oneof![Just(Best::High), Just(Best::Low)];
    (2_i64..=10, ties, best, vec((any::<i64>(), 0_u32..18, 1_u64..9), 1..20)).prop_map(|(bins, ties, best, counts)| {
        let config = CutsConfig { bins: Bins::new(bins).unwrap(), ties, best };
        let counts = counts.into_iter().map(|(mantissa, scale, count)| (Decimal::new(mantissa, scale), count));
        Cuts::from_counts(config, counts).unwrap().unwrap()
    })
}

fn any_rfm_cuts() -> impl Strategy<Value = RfmCuts> {
    let ties = prop_oneof![Just(Ties::Min), Just(Ties::Max), Just(Ties::Mid)];
    (2_i64..=10, ties, vec((any::<i32>(), any::<i64>(), any::<i64>(), 0_u32..7), 1..20)).prop_map(
        |(bins, ties, rows)| {
            let rows = rows.into_iter().map(|(recency, frequency, mantissa, scale)| RfmRow {
                recency,
                frequency,
                monetary: Decimal::new(mantissa, scale),
            });
            let config = RfmConfig { bins: Bins::new(bins).unwrap(), ties };
            RfmCuts::from_rows(config, rows.collect::<Vec<_>>()).unwrap().unwrap()
        },
    )
}

fn example() -> RfmCuts {
    let rows = [(2, 9, 125_050), (33, 3, 8_000), (33, 1, 1_999), (120, 1, -500)];
    let rows = rows.map(|(recency, frequency, cents)| RfmRow { recency, frequency, monetary: Decimal::new(cents, 2) });
    RfmCuts::from_rows(RfmConfig::default(), rows).unwrap().unwrap()
}

const EXAMPLE: &str = concat!(
    r#"{"bins":5,"ties":"min","users":4,"#,
    r#""recency":{"best":"low","cuts":[33,2,2,null],"sum":188,"score_sum":9},"#,
    r#""frequency":{"best":"high","cuts":[3,3,9,null],"sum":14,"score_sum":9},"#,
    r#""monetary":{"best":"high","cuts":[19.99,80,1250.5,null],"sum":1345.49,"score_sum":10}}"#,
);

proptest! {
    #[test]
    fn text_and_bytes_give_the_same_cuts_back(cuts in any_cuts()) {
        prop_assert_eq!(&cuts.to_string().parse::<Cuts>().unwrap(), &cuts);
        prop_assert_eq!(&Cuts::from_bytes(&cuts.to_bytes()).unwrap(), &cuts);
    }

    #[test]
    fn text_and_bytes_give_the_same_rfm_cuts_back(cuts in any_rfm_cuts()) {
        prop_assert_eq!(&cuts.to_string().parse::<RfmCuts>().unwrap(), &cuts);
        prop_assert_eq!(&RfmCuts::from_bytes(&cuts.to_bytes()).unwrap(), &cuts);
    }

    #[test]
    fn every_truncation_and_every_overlong_form_is_refused(cuts in any_cuts(), rfm in any_rfm_cuts(), extra: u8) {
        let (bytes, rfm_bytes) = (cuts.to_bytes(), rfm.to_bytes());
        for end in 0..bytes.len() {
            prop_assert_eq!(Cuts::from_bytes(&bytes[..end]).unwrap_err().kind(), ErrorKind::MalformedBinary);
        }
        for end in 0..rfm_bytes.len() {
            prop_assert_eq!(RfmCuts::from_bytes(&rfm_bytes[..end]).unwrap_err().kind(), ErrorKind::MalformedBinary);
        }
        prop_assert!(Cuts::from_bytes(&[&bytes[..], &[extra]].concat()).is_err());
        prop_assert!(RfmCuts::from_bytes(&[&rfm_bytes[..], &[extra]].concat()).is_err());
        prop_assert!(RfmCuts::from_bytes(&bytes).is_err() && Cuts::from_bytes(&rfm_bytes).is_err());
        let text = rfm.to_string();
        for end in 0..text.len() {
            prop_assert_eq!(text[..end].parse::<RfmCuts>().unwrap_err().kind(), ErrorKind::MalformedText);
        }
    }

    #[test]
    fn random_bytes_are_refused(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(Cuts::from_bytes(&bytes).is_err());
        prop_assert!(RfmCuts::from_bytes(&bytes).is_err());
    }

    /// Damage either is refused or leaves cuts that are valid in themselves: they have one form, and score.
    #[test]
    fn damaged_bytes_never_panic_and_never_have_a_second_form(cuts in any_rfm_cuts(), place: prop::sample::Index, byte: u8) {
        let mut bytes = cuts.to_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(read) = RfmCuts::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
            prop_assert_eq!(&read.to_string().parse::<RfmCuts>().unwrap(), &read);
            read.score(RfmRow { recency: 1, frequency: 1, monetary: Decimal::ONE });
            for cuts in [read.recency(), read.frequency(), read.monetary()] {
                cuts.mean();
                cuts.mean_score();
                cuts.above_mean(Decimal::MAX);
            }
        }
    }

    #[test]
    fn random_text_never_panics(text in "[\\[\\]{}:,\"a-z0-9.-]{0,60}") {
        prop_assert!(text.parse::<Cuts>().is_err());
        prop_assert!(text.parse::<RfmCuts>().is_err());
    }
}

#[test]
fn the_printed_form_is_the_documented_one() {
    assert_eq!(example().to_string(), EXAMPLE);
    let cuts = Cuts::from_values(CutsConfig::default(), [3, 1, 2].map(Decimal::from)).unwrap().unwrap();
    let text = r#"{"bins":5,"ties":"min","users":3,"best":"high","cuts":[2,3,3,null],"sum":6,"score_sum":7}"#;
    assert_eq!(cuts.to_string(), text);
}

#[test]
fn layout_order_of_keys_and_trailing_zeros_do_not_matter_when_reading() {
    let text = r#" { "score_sum": 7, "sum": 6.00, "cuts": [2.0, 3, 3.000, null],
        "best": "high", "users": 3, "ties": "min", "bins": 5 } "#;
    let cuts: Cuts = text.parse().unwrap();
    assert_eq!(cuts, Cuts::from_values(CutsConfig::default(), [3, 1, 2].map(Decimal::from)).unwrap().unwrap());
}

#[test]
fn the_examples_in_the_hints_are_valid() {
    let hint = |error: strata_core::score::ScoreError| {
        let hint = error.hint().unwrap();
        hint.strip_prefix("A valid value looks like ").unwrap().strip_suffix('.').unwrap().to_owned()
    };
    assert!(hint("".parse::<Cuts>().unwrap_err()).parse::<Cuts>().is_ok());
    assert!(hint("".parse::<RfmCuts>().unwrap_err()).parse::<RfmCuts>().is_ok());
}

/// Each damage to the example's text, with the reason that is given.
#[test]
fn malformed_text_is_refused_with_its_reason() {
    for (from, to, reason) in [
        (r#""bins":5"#, r#""bins":1"#, "recency: bins must be from 2 to 10, not 1"),
        (r#""bins":5"#, r#""bins":4"#, "recency: 4 bins have 3 cuts, not 4"),
        (r#""ties":"min""#, r#""ties":"first""#, "recency: unknown tie policy \"first\", use one of min, max, mid"),
        (r#""users":4"#, r#""users":0"#, "recency: users must be at least 1"),
        ("[33,2,2,null]", "[2,33,2,null]", "recency: best is low, but cut 2 comes before 33"),
        ("[33,2,2,null]", "[33,null,2,null]", "recency: a cut follows a null"),
        ("[33,2,2,null]", "[33,2,2]", "recency: 5 bins have 4 cuts, not 3"),
        ("[33,2,2,null]", "[33,2,2,null,null]", "recency: 5 bins have 4 cuts, not 5"),
        ("[33,2,2,null]", "[\"33\",2,2,null]", "recency: cut \"33\" is not a number of up to 28 digits"),
        ("[33,2,2,null]", "[3.3e1,2,2,null]", "recency: cut 3.3e1 is not a number of up to 28 digits"),
        ("[3,3,9,null]", "[9,3,3,null]", "frequency: best is high, but cut 9 comes before 3"),
        (r#""best":"low""#, r#""best":"high""#, "recency: best is high, but cut 33 comes before 2"),
        (r#""best":"low""#, r#""best":"down""#, "recency: unknown direction \"down\", use one of high, low"),
        (r#""sum":14"#, r#""sum":1e1"#, "frequency: 1e1 is not a number in plain digits"),
        (r#""sum":14"#, r#""sum":"14""#, "frequency: \"14\" is not a number in plain digits"),
        (
            r#""sum":14"#,
            r#""sum":1000000000000000000000000000000"#,
            "frequency: sum 1000000000000000000000000000000 is out of range for 4 users",
        ),
        (
            r#""score_sum":9},"monetary""#,
            r#""score_sum":6},"monetary""#,
            "frequency: score_sum 6 of 4 users is not from 7 to 16",
        ),
        (r#""score_sum":10"#, r#""score_sum":17"#, "monetary: score_sum 17 of 4 users is not from 7 to 16"),
        (
            r#""users":4"#,
            r#""users":4,"model":1"#,
            "unknown field `model`, expected one of `bins`, `ties`, `users`, `recency`, `frequency`, `monetary` at line 1 column 40",
        ),
        (r#""users":4,"#, "", "missing field `users` at line 1 column 250"),
        (r#""users":4"#, r#""users":4,"users":4"#, "duplicate field `users` at line 1 column 40"),
        (r#""users":4"#, r#""users":4.0"#, "invalid type: floating point `4.0`, expected u64 at line 1 column 34"),
    ] {
        assert!(EXAMPLE.contains(from), "{from}");
        let error = EXAMPLE.replacen(from, to, 1).parse::<RfmCuts>().unwrap_err();
        assert_eq!(error.to_string(), format!("malformed rfm_cuts: {reason}"));
        assert_eq!(error.kind(), ErrorKind::MalformedText);
    }
    for (text, reason) in [
        (r#"[5,"min",1,"high",[null,null,null,null],1,1]"#, "it is not a JSON object"),
        ("{}", "missing field `bins` at line 1 column 2"),
        ("", "EOF while parsing a value at line 1 column 0"),
    ] {
        let error = text.parse::<Cuts>().unwrap_err();
        assert_eq!(error.to_string(), format!("malformed cuts: {reason}"));
    }
}

#[test]
fn recency_cannot_be_best_high_nor_a_metric_an_array() {
    // All cuts null: no order that would give the direction away.
    let one = RfmCuts::from_rows(RfmConfig::default(), [RfmRow { recency: 1, frequency: 1, monetary: Decimal::ONE }]);
    let text = one.unwrap().unwrap().to_string();
    let error = text.replacen("\"low\"", "\"high\"", 1).parse::<RfmCuts>().unwrap_err();
    assert_eq!(error.to_string(), "malformed rfm_cuts: recency is best low, not high");
    let array = r#"["low",[null,null,null,null],1,1]"#;
    let object = r#"{"best":"low","cuts":[null,null,null,null],"sum":1,"score_sum":1}"#;
    assert!(text.contains(object));
    let error = text.replacen(object, array, 1).parse::<RfmCuts>().unwrap_err();
    assert_eq!(error.to_string(), "malformed rfm_cuts: recency: it is not a JSON object");
}

#[test]
fn an_unknown_version_or_kind_is_named() {
    let bytes = example().to_bytes();
    for (place, reason) in [
        (0, "unknown version 9"),
        (1, "kind 9 is not 2"),
        (2, "it ends too early"),
        (3, "unknown tie policy 9"),
        (12, "unknown direction 9"),
    ] {
        let mut bytes = bytes.clone();
        bytes[place] = 9;
        let error = RfmCuts::from_bytes(&bytes).unwrap_err();
        if place != 2 {
            assert_eq!(error.to_string(), format!("corrupt rfm_cuts: {reason}"));
        }
        assert_eq!(error.kind(), ErrorKind::MalformedBinary);
    }
}
