//! The presets: sound, labelled, used up to the last name, exclusive, every layer reached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use strata_core::day::Day;
use strata_core::error::UserError;
use strata_core::label::Label;
use strata_core::ledger::Ledger;
use strata_core::model::{
    Calibration, Definition, Evaluation, Facts, Mode, Model, Named, Number, ScoreDefinition, Severity, Type, Value,
    preset, presets,
};
use strata_core::predict::{BgNbd, SourceFit, Unit};

const TODAY: i32 = 9_000;

fn models() -> impl Iterator<Item = &'static Model> {
    presets().iter().map(|preset| preset.model())
}

/// A preset that can be asked: with fits where it predicts.
fn ready(name: &str) -> &'static Model {
    static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| models().map(fitted).collect());
    MODELS.iter().find(|model| model.definition().name == name).unwrap()
}

fn fitted(model: &Model) -> Model {
    let bgnbd = BgNbd { r: 0.6, alpha: 20.0, a: 0.8, b: 2.4, unit: Unit::Day, fit: None };
    let fit = SourceFit { bgnbd: Some(bgnbd), gamma_gamma: None };
    let fits = Named(model.unfitted().map(|source| (source.to_owned(), fit.clone())).collect());
    let nothing = Calibration { as_of: "2024-06-30".into(), days: None, users: 0, fits, scores: Named::default() };
    model.with_calibration(Some(nothing)).unwrap()
}

#[test]
fn every_preset_is_read_printed_and_read_again() {
    for preset in presets() {
        let model = preset.model();
        assert_eq!(model.definition().name, preset.name());
        assert_eq!(model.to_string().parse::<Model>().as_ref(), Ok(model));
    }
}

#[test]
fn every_file_is_a_preset() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../presets");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let listed = presets().iter().map(|preset| format!("{}.json", preset.name()));
    assert_eq!(files.collect::<BTreeSet<_>>(), listed.collect());
}

#[test]
fn everything_with_a_name_has_a_label_in_both_languages() {
    for model in models() {
        let Definition { name: preset, label, about, sources, attributes, metrics, scores, dimensions, .. } =
            model.definition();
        let mut labels: Vec<(&str, &Label)> = vec![("label", label), ("about", about)];
        labels.extend(sources.0.iter());
        labels.extend(attributes.iter().map(|(name, attribute)| (name, &attribute.label)));
        labels.extend(metrics.iter().map(|(name, metric)| (name, &metric.label)));
        labels.extend(scores.iter().map(|(name, score)| (name, &score.label)));
        for (name, dimension) in dimensions.iter() {
            labels.push((name, &dimension.label));
            labels.extend(dimension.layers.iter().map(|layer| (layer.name.as_str(), &layer.label)));
            labels.extend(dimension.default.iter().map(|default| (default.name.as_str(), &default.label)));
        }
        labels.extend(model.definition().layers.iter().map(|layer| (layer.name.as_str(), &layer.label)));
        labels.extend(model.definition().default.iter().map(|default| (default.name.as_str(), &default.label)));
        for (name, label) in labels {
            assert!(label.en.is_some() && label.zh.is_some(), "{preset}: {name}");
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric() && char != '_')
}

#[test]
fn everything_with_a_name_is_used() {
    for model in models() {
        let Definition { name: preset, parameters, sources, attributes, metrics, scores, dimensions, layers, .. } =
            model.definition();
        let conditions = layers.iter().chain(dimensions.iter().flat_map(|(_, dimension)| &dimension.layers));
        let mut expressions: Vec<&str> = conditions.filter_map(|layer| layer.when.as_deref()).collect();
        expressions.extend(metrics.iter().map(|(_, metric)| metric.value.as_str()));
        expressions.extend(scores.iter().map(|(_, score)| score.of.as_str()));
        let shares: Vec<String> =
            scores.iter().map(|(_, score)| serde_json::to_string(&score.top_share).unwrap()).collect();
        expressions.extend(shares.iter().map(String::as_str));
        let used: BTreeSet<&str> = expressions.into_iter().flat_map(words).collect();
        let names = parameters.names().chain(sources.0.names()).chain(attributes.names());
        for name in names.chain(metrics.names()).chain(scores.names()).chain(dimensions.names()) {
            assert!(used.contains(name), "{preset}: {name}");
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Users

/// What is known of a user; days are counted back from today.
#[derive(Debug, Clone, Default)]
struct User {
    /// By source: the day, the amount and the credit of each event.
    events: BTreeMap<String, Vec<(i32, i64, i64)>>,
    /// By attribute: a number, days back for a date, 1 for true.
    attributes: BTreeMap<String, i32>,
    scores: BTreeMap<String, u8>,
}

impl User {
    /// `orders 3 10..15:200, seats 40, r 5`: events by the day, or the days, and their amount; attributes; scores.
    fn parse(model: &Model, text: &str) -> User {
        let definition = model.definition();
        let mut user = User::default();
        for part in text.split(", ").filter(|part| !part.is_empty()) {
            let (name, values) = part.split_once(' ').unwrap();
            if definition.sources.0.position(name).is_some() {
                let events = user.events.entry(name.to_owned()).or_default();
                for value in values.split(' ') {
                    let (days, amount) = value.split_once(':').unwrap_or((value, "0"));
                    let (first, end) = match days.split_once("..") {
                        Some((first, end)) => (first.parse().unwrap(), end.parse().unwrap()),
                        None => days.parse().map(|day: i32| (day, day + 1)).unwrap(),
                    };
                    events.extend((first..end).map(|day| (day, amount.parse().unwrap(), 0)));
                }
            } else if definition.attributes.position(name).is_some() {
                user.attributes.insert(name.to_owned(), values.parse().unwrap());
            } else {
                assert!(definition.scores.position(name).is_some(), "{}: {name}", definition.name);
                user.scores.insert(name.to_owned(), values.parse().unwrap());
            }
        }
        user
    }

    /// The names of all layers that match.
    fn layers(&self, model: &Model) -> Vec<String> {
        let definition = model.definition();
        let ledgers: Vec<Ledger> = definition.sources.0.names().map(|name| ledger(self.events.get(name))).collect();
        let mut facts = Facts::nothing(model);
        facts.ledgers = ledgers.iter().map(Ledger::borrow).collect();
        for (name, value) in &self.attributes {
            let place = definition.attributes.position(name).unwrap();
            facts.attributes[place] = match definition.attributes.0[place].1.of_type {
                Type::Number => Value::Number((*value).into()),
                Type::Date => Value::Date(TODAY - value),
                Type::Boolean => Value::Boolean(*value == 1),
                Type::Text => Value::Text("any"),
            };
        }
        for (place, name) in definition.scores.names().enumerate() {
            facts.scores[place] = Some(self.scores.get(name).copied());
        }
        let mut evaluation = Evaluation::new(model, &facts, Day::new(TODAY.into()).unwrap()).unwrap();
        let layers = evaluation.layers();
        assert_eq!(evaluation.layer(), layers.first().copied());
        layers.into_iter().map(|place| definition.layers[place].name.clone()).collect()
    }
}

fn ledger(events: Option<&Vec<(i32, i64, i64)>>) -> Ledger {
    let mut days: BTreeMap<i32, (i64, i64, i64)> = BTreeMap::new();
    for (days_ago, amount, credit) in events.into_iter().flatten() {
        let sums = days.entry(TODAY - days_ago).or_default();
        *sums = (sums.0 + 1, sums.1 + amount, sums.2 + credit);
    }
    let entry = |(day, (events, amount, credit)): (&i32, &(i64, i64, i64))| {
        format!("\"{}\": [{events}, {amount}, {credit}]", Day::new((*day).into()).unwrap())
    };
    format!("{{{}}}", days.iter().map(entry).collect::<Vec<_>>().join(", ")).parse().unwrap()
}

// ---------------------------------------------------------------------------------------------------------------------
// Laws

/// Some events: none, a few, or one every so many days.
fn events() -> impl Strategy<Value = Vec<(i32, i64, i64)>> {
    let few = vec((-3..400_i32, 0..900_i64, 0..9_i64), 0..4);
    let often = (-3..200_i32, 1..8_i32, 0..120_i32, 0..60_i64);
    let often = often.prop_map(|(first, step, count, amount)| {
        (0..count).map(|event| (first + event * step, amount, 0)).collect::<Vec<_>>()
    });
    prop_oneof![1 => Just(Vec::new()), 2 => few, 2 => often]
}

/// The highest score that there is.
fn highest(score: &ScoreDefinition) -> u8 {
    match (&score.top_share, score.mean) {
        (Some(shares), _) => shares.len() as u8 + 1,
        (None, true) => 2,
        (None, false) => 5,
    }
}

fn user(model: &'static Model) -> impl Strategy<Value = User> {
    let Definition { sources, attributes, scores, .. } = model.definition();
    let events = sources.0.names().map(|name| (Just(name.to_owned()), events()));
    let values = attributes.names().map(|name| (Just(name.to_owned()), of(prop_oneof![-3..99_i32, 0..30_000_i32])));
    let digits = scores.iter().map(|(name, score)| (Just(name.to_owned()), of(1..=highest(score))));
    let given = (events.collect::<Vec<_>>(), values.collect::<Vec<_>>(), digits.collect::<Vec<_>>());
    given.prop_map(|(events, values, digits)| User {
        events: events.into_iter().collect(),
        attributes: values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        scores: digits.into_iter().filter_map(|(name, digit)| Some((name, digit?))).collect(),
    })
}

/// The name of an exclusive preset, and a user.
fn preset_and_user() -> impl Strategy<Value = (&'static str, User)> {
    let exclusive = models().filter(|model| model.definition().mode == Mode::Exclusive);
    let exclusive: Vec<&'static Model> = exclusive.collect();
    (0..exclusive.len()).prop_flat_map(move |place| {
        let model = exclusive[place];
        (Just(model.definition().name.as_str()), user(model))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The order of the layers decides nothing: at most one condition holds.
    #[test]
    fn layers_are_exclusive_by_their_conditions((name, user) in preset_and_user()) {
        let layers = user.layers(ready(name));
        prop_assert!(layers.len() <= 1, "{name}: {layers:?}");
    }

    /// The default is for those who are truly left: nobody who did everything lately is in it.
    #[test]
    fn whoever_did_everything_has_a_layer((name, mut user) in preset_and_user(), digit in 1..=2_u8) {
        let model = ready(name);
        for source in model.definition().sources.0.names() {
            user.events.entry(source.to_owned()).or_default().extend([(0, 10, 0), (1, 10, 0)]);
        }
        for score in model.definition().scores.names() {
            user.scores.entry(score.to_owned()).or_insert(digit);
        }
        // of its four layers, the default is the one of few points
        prop_assert!(!user.layers(model).is_empty() || name == "two_point_systems", "{name}");
    }
}

#[test]
fn nobody_at_all_is_in_the_default() {
    for model in models() {
        assert_eq!(User::default().layers(model), Vec::<String>::new(), "{}", model.definition().name);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Examples

/// Users of each preset, each with the layers that they are in.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "rfm_eleven",
        &[
            ("r 5, f 5, m 5", "champions"),
            ("r 5, f 4, m 3", "loyal"),
            ("r 5, f 5, m 1", "potential_loyalist"),
            ("r 5, f 1, m 1", "new"),
            ("r 5, f 2, m 5", "promising"),
            ("r 5, f 3, m 5", "need_attention"),
            ("r 3, f 3, m 1", "about_to_sleep"),
            ("r 2, f 5, m 5", "at_risk"),
            ("r 1, f 5, m 5", "cannot_lose"),
            ("r 3, f 3, m 2", "hibernating"),
            ("r 1, f 1, m 1", "lost"),
            ("orders 365:900", "lost"),
            ("orders -1:900", ""),
        ],
    ),
    (
        "rfm_ten",
        &[
            ("r 5, f 4", "champions"),
            ("r 3, f 5", "loyal"),
            ("r 4, f 2", "potential_loyalist"),
            ("r 5, f 1", "new"),
            ("r 4, f 1", "promising"),
            ("r 3, f 3", "need_attention"),
            ("r 3, f 1", "about_to_sleep"),
            ("r 2, f 4", "at_risk"),
            ("r 1, f 5", "cannot_lose"),
            ("r 2, f 1", "hibernating"),
            ("orders 400:1", "hibernating"),
        ],
    ),
    (
        "rfm_eight",
        &[
            ("high_r 2, high_f 2, high_m 2", "key_value"),
            ("high_r 2, high_f 1, high_m 2", "key_development"),
            ("high_r 1, high_f 2, high_m 2", "key_retention"),
            ("high_r 1, high_f 1, high_m 2", "key_win_back"),
            ("high_r 2, high_f 2, high_m 1", "general_value"),
            ("high_r 2, high_f 1, high_m 1", "general_development"),
            ("high_r 1, high_f 2, high_m 1", "general_retention"),
            ("high_r 1, high_f 1, high_m 1", "general_win_back"),
            ("orders 400:1", "general_win_back"),
        ],
    ),
    (
        "simple_three",
        &[
            ("orders 90:998 200:1 300:1", "best"),
            ("orders 90:999 200:1", "promising"),
            ("orders 90:997 200:1 300:1", "promising"),
            ("orders 91:1000", "win_back"),
            ("orders 91:1 92:1 93:1", "win_back"),
            ("orders 91:999 92:0", "lost"),
            ("orders 400:9999", "lost"),
        ],
    ),
    (
        "value_tiers",
        &[
            ("tier 3", "top"),
            ("tier 2", "middle"),
            ("tier 1", "rest"),
            ("orders 365:9999", "rest"),
            ("orders -1:1", ""),
        ],
    ),
    (
        "five_layer",
        &[
            ("orders 31..37:200", "frequent_small"),
            ("orders 31..36:200", "rare_large"),
            ("orders 31:500 90:499", "growing"),
            ("orders 0:9999 30:1", "new"),
            ("orders 91:9999", "at_risk"),
            ("orders 180:1", "at_risk"),
            ("orders 181:9999", "dormant"),
        ],
    ),
    (
        "ltv_tiers",
        &[
            ("orders 0:300 10:1 20:1", "core"),
            ("orders 0:297 10:1 20:1", "potential"),
            ("orders 30:300 40:1 50:1", "potential"),
            ("orders 29:900", "potential"),
            ("orders 300:900", "dormant"),
            ("orders -1:900", ""),
        ],
    ),
    (
        "churn_risk",
        &[
            ("orders 90", "safe"),
            ("orders 15 25 35", "safe"),
            ("orders 16 26 36", "watch"),
            ("orders 91", "at_risk"),
            ("orders 29 39 49 59", "watch"),
            ("orders 50 60 70 80", "at_risk"),
            ("orders 181", "lost"),
            ("orders 150 160 170", "lost"),
            ("orders -1", ""),
        ],
    ),
    (
        "lifecycle",
        &[
            ("orders 1..6", "loyal"),
            ("orders 1..5", "paying"),
            ("registered_on 31, visits 30", "active"),
            ("registered_on 30", "new"),
            ("orders 31", "dormant"),
            ("orders 91", "churned"),
            ("visits 0", ""),
        ],
    ),
    (
        "lifecycle_by_rfm",
        &[
            ("orders 31..36:1", "established_valuable"),
            ("orders 90:1000", "established_valuable"),
            ("orders 90:999", "established_ordinary"),
            ("registered_on 99, visits 90", "established_ordinary"),
            ("orders 30:200", "new_high_potential"),
            ("orders 6:199", "new_active"),
            ("registered_on 9, visits 0", "new_active"),
            ("registered_on 30", "new_to_activate"),
            ("orders 7:199", "new_to_activate"),
            ("orders 91:1000", "dormant_valuable"),
            ("orders 91:999", "dormant_ordinary"),
            ("orders 181:9999", "churned"),
            ("visits 0", ""),
        ],
    ),
    (
        "behaviour_depth",
        &[
            ("core_uses 0..52", "deep"),
            ("core_uses 0..51", "medium"),
            ("core_uses 0..12", "medium"),
            ("core_uses 0..11", "shallow"),
            ("visits 0..99", "shallow"),
            ("visits 365", "lapsed"),
        ],
    ),
    (
        "value_by_depth",
        &[
            ("payments 0:500, core_uses 0..52", "super_user"),
            ("payments 0:500", "quiet_payer"),
            ("payments 0:500, core_uses 0..51", "quiet_payer"),
            ("payments 0:499, core_uses 0..52", "potential_payer"),
            ("payments 0:50, core_uses 0..12", "potential_payer"),
            ("payments 0:49, core_uses 0..52", "loyal_free"),
            ("core_uses 0..51", "ordinary"),
            ("payments 0:50, core_uses 0..11", "ordinary"),
            ("core_uses 0", "ordinary"),
            ("payments 365:9999", "lapsed"),
        ],
    ),
    (
        "pyramid",
        &[
            ("visits 365", "lapsed"),
            ("visits 0..23, posts 0..20", "ordinary"),
            ("visits 0..24, comments 0..29", "active"),
            ("visits 0..24, posts 0..6", "contributor"),
            ("visits 0..24, posts 0..6, followers_gained 0..50", "influencer"),
            ("visits 0..24, followers_gained 0..50", "active"),
            ("likes_received 0", ""),
        ],
    ),
    (
        "two_point_systems",
        &[
            ("posts 0..20, orders 0..10", "both"),
            ("orders 0:900", "gmv"),
            ("orders 0:899", ""),
            ("posts 0..19, shares 0 1", "koc"),
            ("visits 0..99", ""),
        ],
    ),
    (
        "five_a",
        &[
            ("shares 364", "advocate"),
            ("orders 1, exposures 1", "act"),
            ("inquiries 1, engagements 1, shares 365", "ask"),
            ("engagements 1, exposures 0..9", "appeal"),
            ("exposures 1", "aware"),
            ("orders 365", ""),
        ],
    ),
    (
        "buyer_readiness",
        &[
            ("checkouts 1, reads 1", "deciding"),
            ("comparisons 1", "evaluating"),
            ("product_views 1 2, searches 1", "exploring"),
            ("product_views 1, searches 1", "problem"),
            ("reads 1", "puzzled"),
            ("product_views 1", ""),
        ],
    ),
    (
        "brand_ladder",
        &[
            ("orders 365", "lapsed"),
            ("orders 365, engagements 1", "fan"),
            ("orders 1 2", "customer"),
            ("orders 1 2 3", "regular"),
            ("referrals 1, orders 1 2 3", "advocate"),
            ("referrals 1..6, orders 1 2", "advocate"),
            ("referrals 1..6, orders 1 2 3", "ambassador"),
        ],
    ),
    (
        "persona",
        &[
            ("birthday 10957, city_tier 2", "young birthday_soon big_city"),
            ("birthday 10958, city_tier 3", "birthday_soon small_city"),
            ("birthday 20000", ""),
            ("birthday 21915, has_children 1", "senior birthday_soon parent"),
            ("orders 0:400 1:600, discounted_orders 1", "big_orders bargain_hunter"),
            ("orders 0:499, sport_views 0..5", "sport"),
            ("beauty_views 0..5, digital_views 0..5, sport_views 0..4", "beauty digital"),
        ],
    ),
    (
        "rfm_saas",
        &[
            ("r 4, f 4, m 4", "champions"),
            ("r 5, f 5, m 3", "expansion"),
            ("r 5, f 3, m 5", "underused"),
            ("r 4, f 1, m 1", "growing"),
            ("r 3, f 5, m 4", "at_risk"),
            ("r 3, f 5, m 3", "lost"),
            ("key_feature_uses 365, seats 99", "lost"),
            ("seats 99", ""),
        ],
    ),
    (
        "rfm_content",
        &[
            ("r 4, f 4, m 4", "superfan"),
            ("r 4, f 3, m 4", "quiet_payer"),
            ("r 4, f 4, m 3", "engaged_free"),
            ("r 4, f 3, m 3", "casual"),
            ("r 3, f 5, m 4", "payer_at_risk"),
            ("r 3, f 5, m 3", "lost"),
            ("views 365", "lost"),
        ],
    ),
];

#[test]
fn examples_are_in_their_layers_and_reach_every_layer() {
    assert_eq!(EXAMPLES.len(), presets().len());
    for (name, users) in EXAMPLES {
        let model = ready(name);
        let mut reached = BTreeSet::new();
        for (text, expected) in *users {
            let layers = User::parse(model, text).layers(model);
            assert_eq!(layers.join(" "), *expected, "{name}: {text}");
            reached.extend(layers);
        }
        let layers = model.definition().layers.iter().filter(|layer| layer.when.is_some());
        assert_eq!(reached, layers.map(|layer| layer.name.clone()).collect(), "{name}");
    }
}

#[test]
fn presets_are_tuned_by_name() {
    let tuned = |name: &str, parameter: &str, value: i64| {
        let parameters = Named(vec![(parameter.to_owned(), Number(value.into()))]);
        preset(name).and_then(|preset| preset.with_parameters(&parameters))
    };
    let model = tuned("five_layer", "frequent_orders", 2).unwrap();
    assert_eq!(User::parse(&model, "orders 31..36:200").layers(&model), ["frequent_small"]);
    let error = tuned("five_layer", "dormant_days", 90).unwrap_err();
    assert_eq!(
        error.to_string(),
        "requires[1]: at_risk_days < dormant_days does not hold: at_risk_days is 90, dormant_days is 90"
    );
    let error = tuned("five_layer", "dormant_day", 90).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("Did you mean dormant_days?"));
    let error = tuned("rfm_elven", "window_days", 90).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.hint().as_deref()),
        ("unknown preset \"rfm_elven\"", Some("Did you mean rfm_eleven?"))
    );
}

// ---------------------------------------------------------------------------------------------------------------------
// Documentation

#[test]
fn the_documentation_names_everything_of_a_preset() {
    let documentation = include_str!("../../docs/presets.md");
    for model in models() {
        let definition = model.definition();
        let heading = format!("\n## `{}`", definition.name);
        let section = documentation.split(&heading).nth(1).unwrap_or_else(|| panic!("no section{heading}"));
        let section = section.split("\n## ").next().unwrap();
        // wherever its lines are wrapped
        let section = section.split_whitespace().collect::<Vec<_>>().join(" ");
        for (parameter, default) in definition.parameters.iter() {
            assert!(section.contains(&format!("`{parameter}` {}", default.0)), "{heading}: {parameter} {}", default.0);
        }
        for name in definition.sources.0.names().chain(definition.attributes.names()) {
            assert!(section.contains(&format!("`{name}`")), "{heading}: {name}");
        }
        let layers = definition.layers.iter().map(|layer| (&layer.name, &layer.label));
        let default = definition.default.iter().map(|default| (&default.name, &default.label));
        for (name, label) in layers.chain(default) {
            let labels = [&label.en, &label.zh].map(|label| label.as_deref().unwrap());
            let row = format!("| `{name}` | {} | {} |", labels[0], labels[1]);
            assert!(section.contains(&row), "{heading}: {row}");
        }
    }
}

#[test]
fn the_check_proves_every_preset_exclusive_and_complete() {
    for preset in presets() {
        for found in preset.model().check() {
            // what a preset may be told: that it is to be calibrated, whom the default takes, that it has many layers
            let harmless = found.severity == Severity::Note || found.finding.contains("stand side by side");
            let decided = !found.finding.contains("not decided");
            assert!(harmless && decided, "{}: {}: {}", preset.name(), found.path, found.finding);
        }
        let proved = preset.model().check().iter().any(|found| found.finding.starts_with("no user matches two layers"));
        assert!(proved || preset.model().is_overlapping(), "{} is not proved exclusive", preset.name());
    }
}
