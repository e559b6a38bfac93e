//! Every scheme is an exact and complete partition: each cell is walked against the published table, typed anew here.

use std::collections::BTreeMap;

use strata_core::error::{ErrorKind, UserError};
use strata_core::label::Lang;
use strata_core::model::scheme::Scheme;
use strata_core::score::{Bins, Group, RfmScores};

const ELEVEN: &str = "
    champions           555 554 544 545 454 455 445
    loyal               543 444 435 355 354 345 344 335
    potential_loyalist  553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423 353 352 351 342 341 333 323
    new                 512 511 422 421 412 411 311
    promising           525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313
    need_attention      535 534 443 434 343 334 325 324
    about_to_sleep      331 321 312 221 213 231 241 251
    at_risk             255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124
    cannot_lose         155 154 144 214 215 115 114 113
    hibernating         332 322 233 232 223 222 132 123 122 212 211
    lost                111 112 121 131 141 151";

const ELEVEN_ZH: [&str; 12] = [
    "冠军用户",
    "忠诚用户",
    "潜在忠诚用户",
    "新用户",
    "有潜力用户",
    "需要关注",
    "即将沉睡",
    "流失风险",
    "不能失去",
    "沉睡用户",
    "已流失",
    "潜在用户",
];

/// The published rules: a range of recency scores, one of frequency scores.
const TEN: [(&str, &str, [u8; 2], [u8; 2]); 10] = [
    ("champions", "冠军用户", [5, 5], [4, 5]),
    ("loyal", "忠诚用户", [3, 4], [4, 5]),
    ("potential_loyalist", "潜在忠诚用户", [4, 5], [2, 3]),
    ("new", "新用户", [5, 5], [1, 1]),
    ("promising", "有潜力用户", [4, 4], [1, 1]),
    ("need_attention", "需要关注", [3, 3], [3, 3]),
    ("about_to_sleep", "即将沉睡", [3, 3], [1, 2]),
    ("at_risk", "流失风险", [1, 2], [3, 4]),
    ("cannot_lose", "不能失去", [1, 2], [5, 5]),
    ("hibernating", "沉睡用户", [1, 2], [1, 2]),
];

/// R, F, M: 1 is high.
const EIGHT: [(&str, &str, [u8; 3]); 8] = [
    ("key_value", "重要价值用户", [1, 1, 1]),
    ("key_development", "重要发展用户", [1, 0, 1]),
    ("key_retention", "重要保持用户", [0, 1, 1]),
    ("key_win_back", "重要挽留用户", [0, 0, 1]),
    ("general_value", "一般价值用户", [1, 1, 0]),
    ("general_development", "一般发展用户", [1, 0, 0]),
    ("general_retention", "一般保持用户", [0, 1, 0]),
    ("general_win_back", "一般挽留用户", [0, 0, 0]),
];

fn scheme(name: &str) -> &'static Scheme {
    Scheme::by_name(name).unwrap()
}

fn label(name: &str, scores: Option<RfmScores>, lang: Lang) -> &'static str {
    scheme(name).of_scores(scores).unwrap().label(lang)
}

fn cube() -> impl Iterator<Item = RfmScores> {
    (1..=5).flat_map(|r| (1..=5).flat_map(move |f| (1..=5).map(move |m| RfmScores { r, f, m })))
}

fn names(scheme: &Scheme) -> Vec<&str> {
    scheme.segments().iter().map(|segment| segment.name()).collect()
}

#[test]
fn eleven_maps_every_cell_of_the_cube_to_its_one_segment() {
    let mut published = BTreeMap::new();
    for line in ELEVEN.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        for cell in words {
            assert_eq!(published.insert(cell, name), None, "cell {cell} comes twice");
        }
    }
    assert_eq!(published.len(), 125);
    for scores in cube() {
        let found = label("eleven", Some(scores), Lang::En);
        assert_eq!(found, published[scores.code().as_str()], "{}", scores.code());
    }
}

#[test]
fn ten_maps_every_cell_to_the_one_rule_that_holds_and_ignores_money() {
    for scores in cube() {
        let within = |score: u8, [from, to]: [u8; 2]| (from..=to).contains(&score);
        let rules: Vec<_> = TEN.iter().filter(|(_, _, r, f)| within(scores.r, *r) && within(scores.f, *f)).collect();
        let [(name, zh, ..)] = rules[..] else { panic!("{} rules hold for {}", rules.len(), scores.code()) };
        assert_eq!(label("ten", Some(scores), Lang::En), *name);
        assert_eq!(label("ten", Some(scores), Lang::Zh), *zh);
    }
}

#[test]
fn eight_names_every_group() {
    for (name, label, digits) in EIGHT {
        let [recency, frequency, monetary] = digits.map(|digit| digit == 1);
        let segment = Scheme::eight().of_group(Some(Group { recency, frequency, monetary })).unwrap();
        assert_eq!((segment.label(Lang::En), segment.label(Lang::Zh)), (name, label));
    }
}

#[test]
fn segments_stand_best_first_with_their_labels_and_prospect_last() {
    let eleven = ELEVEN.lines().filter_map(|line| line.split_whitespace().next()).chain(["prospect"]);
    assert_eq!(names(scheme("eleven")), eleven.collect::<Vec<_>>());
    let ten = TEN.iter().map(|rule| rule.0).chain(["prospect"]);
    assert_eq!(names(scheme("ten")), ten.collect::<Vec<_>>());
    let eight = EIGHT.iter().map(|rule| rule.0).chain(["prospect"]);
    assert_eq!(names(scheme("eight")), eight.collect::<Vec<_>>());

    let labels = scheme("eleven").segments().iter().map(|segment| segment.label(Lang::Zh));
    assert_eq!(labels.collect::<Vec<_>>(), ELEVEN_ZH);
    for name in Scheme::NAMES {
        let scheme = scheme(name);
        assert_eq!(scheme.name(), name);
        for (rank, segment) in scheme.segments().iter().enumerate() {
            assert_eq!(segment.label(Lang::En), segment.name());
            assert_eq!(scheme.order(segment.name()), Some(rank));
            assert_eq!(scheme.order(segment.label(Lang::Zh)), Some(rank));
        }
        assert_eq!(scheme.order("vip"), None);
    }
}

#[test]
fn without_scores_a_user_is_a_prospect() {
    for name in ["eleven", "ten"] {
        assert_eq!(label(name, None, Lang::En), "prospect");
        assert_eq!(label(name, None, Lang::Zh), "潜在用户");
    }
    assert_eq!(Scheme::eight().of_group(None).unwrap().label(Lang::Zh), "潜在用户");
}

#[test]
fn other_bins_are_refused() {
    for name in ["eleven", "ten"] {
        for (r, f, m, value) in [(6, 1, 1, 6), (1, 10, 1, 10), (1, 1, 7, 7), (0, 1, 1, 0)] {
            let error = scheme(name).of_scores(Some(RfmScores { r, f, m })).unwrap_err();
            assert_eq!(error.to_string(), format!("score {value} is not from 1 to 5"));
            assert_eq!(error.kind(), ErrorKind::InvalidParameter);
        }
        assert!(scheme(name).require_bins(Bins::FIVE).is_ok());
        let error = scheme(name).require_bins(Bins::new(4).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), format!("scheme \"{name}\" needs five bins, these cuts have 4"));
        assert_eq!(error.hint().unwrap(), "Build the cuts with bins => 5.");
    }
    assert!(Scheme::eight().require_bins(Bins::new(4).unwrap()).is_ok());
}

#[test]
fn scores_and_groups_are_not_mixed_up() {
    let error = scheme("eight").of_scores(None).unwrap_err();
    assert_eq!(error.to_string(), "scheme \"eight\" is read from groups");
    assert!(error.hint().unwrap().starts_with("Use rfm_group("));
    let error = scheme("ten").of_group(None).unwrap_err();
    assert_eq!(error.to_string(), "scheme \"ten\" is read from scores");
    assert!(error.hint().unwrap().starts_with("Use rfm_segment("));
    assert!(scheme("eight").reads_groups() && !scheme("ten").reads_groups());
}

#[test]
fn unknown_names_are_named_and_the_valid_ones_listed() {
    let error = Scheme::by_name("twelve").unwrap_err();
    assert_eq!(error.to_string(), "unknown scheme \"twelve\"");
    assert_eq!(error.hint().unwrap(), "Use one of 'eleven', 'ten', 'eight'.");
    let error = "fr".parse::<Lang>().unwrap_err();
    assert_eq!(error.to_string(), "unknown language \"fr\"");
    assert_eq!(error.hint().unwrap(), "Use one of 'en', 'zh'.");
}
