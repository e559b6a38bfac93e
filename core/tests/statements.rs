//! The SQL of living layers, as it is sent to the server. `UPDATE=1 cargo test --test statements` writes it anew; a change of it
//! is then read in the diff.

use strata_core::model::{Definition, Model, preset};
use strata_core::statements::model::{
    Attributes, Reading, Users, all_users, cuts_are_made_of, date, definition, follow_the_same, insert_layers, layers,
};
use strata_core::statements::refresh::{self, Everyone, Examined, Share, Task};
use strata_core::statements::registry::{Capture, LivingModel, Part, PartKind, Source};

/// Compares a text with the one that is kept.
macro_rules! golden {
    ($text:expr, $name:literal) => {{
        let text: String = format!("{}\n", $text);
        if std::env::var_os("UPDATE").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/", $name);
            std::fs::write(path, &text).unwrap();
        } else {
            assert_eq!(text, include_str!(concat!("golden/", $name)), "{}", $name);
        }
    }};
}

fn source(name: &str, is_events: bool) -> Source {
    Source {
        schema: "analytics".to_owned(),
        name: name.to_owned(),
        id: "6f1c7f0e-6b7e-4b53-9d2c-0a4f2b0c9a11".to_owned(),
        is_events,
        relation: 16400,
        relation_schema: "shop".to_owned(),
        relation_name: name.to_owned(),
        relation_owner: "owner".to_owned(),
        key_type: "bigint".to_owned(),
        alias_type: "bigint".to_owned(),
        user_expression: "customer_id".to_owned(),
        time_expression: is_events.then(|| "ordered_at".to_owned()),
        amount_expression: is_events.then(|| "amount".to_owned()),
        where_clause: None,
        time_zone: None,
        capture_asked: "auto".to_owned(),
        capture: Capture::Trigger,
        because: "shop.orders is a table of the caller's own".to_owned(),
        columns: vec!["customer_id".to_owned()],
        mark_column: None,
        margin: None,
        mark: None,
        compare_every: None,
        keep_before: None,
        map: None,
        map_expression: None,
        ledger: is_events.then(|| format!("analytics.{name}_ledger")),
        aliases: None,
        queue: Some(format!("analytics.{name}_queue")),
        changes: Some(format!("analytics.{name}_changes")),
        alias_changes: None,
        rejects: is_events.then(|| format!("analytics.{name}_rejects")),
        family: vec![16400],
        place: "7/5".to_owned(),
        sync_id: 12,
        changed: 3,
        latest_day: None,
        guests: 0,
        is_due: true,
    }
}

fn part(kind: PartKind, name: &str, source: Source, consumed: i64) -> Part {
    Part { kind, name: name.to_owned(), consumed: Some(consumed), source }
}

fn living() -> LivingModel {
    LivingModel {
        schema: "analytics".to_owned(),
        name: "care".to_owned(),
        id: "0b7a4b0e-3c0d-4c58-8a7e-1d1f5a0c7e42".to_owned(),
        key_type: "bigint".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        history_from: None,
        members: Some("analytics.care_members".to_owned()),
        history: Some("analytics.care_history".to_owned()),
        periods: Some("analytics.care_periods".to_owned()),
        attributes_query: None,
        users_query: None,
        active_version: 1,
        refreshed_version: Some(1),
        first_day: Some("2024-01-31".to_owned()),
        as_of: Some("2024-03-01".to_owned()),
        users: 1000,
        schedule: None,
        today: "2024-03-02".to_owned(),
    }
}

const CARE: &str = r#"{"name": "care", "sources": ["orders"], "metrics": {"idle": "recency(orders)"},
    "layers": [{"name": "hot", "label": {"en": "Hot", "zh": "活跃"}, "when": "idle <= 30"}], "default": {"name": "cold"}}"#;

const TAGS: &str = r#"{"name": "tags", "mode": "overlapping", "sources": ["orders", "visits"],
    "attributes": {"city": "text", "points": "number"}, "metrics": {"idle": "recency(orders)", "seen": "recency(visits)"},
    "layers": [{"name": "south", "when": "city = 'Chengdu'"}, {"name": "buyer", "when": "idle <= 10 and points > 5"},
               {"name": "watcher", "when": "seen <= 60"}]}"#;

fn model(json: &str) -> Model {
    Model::new(Definition::from_json(json).unwrap()).unwrap()
}

fn care() -> Vec<Part> {
    vec![part(PartKind::Ledger, "orders", source("orders", true), 11)]
}

fn tags() -> Vec<Part> {
    vec![
        part(PartKind::Attributes, "attributes", source("customers", false), 4),
        part(PartKind::Ledger, "orders", source("orders", true), 11),
        part(PartKind::Ledger, "visits", source("visits", true), 7),
        part(PartKind::Users, "users", source("customers", false), 4),
    ]
}

fn attributes(is_indexed: bool, is_unique: bool) -> Attributes {
    Attributes { present: vec!["city".to_owned(), "points".to_owned()], is_indexed, is_unique }
}

fn task(examined: Examined, is_overlapping: bool, from_day: &'static str, many: Users) -> Task<'static> {
    Task {
        examined,
        definition: "'…'::strata.model",
        version: 1,
        is_overlapping,
        from_day,
        to_day: "'2024-03-02'::date",
        is_first: false,
        is_same_day: false,
        many,
        aside: &[],
    }
}

/// A night's refresh of one source: few users, one day.
#[test]
fn a_refresh_of_few_users() {
    let (living, parts, attributes) = (living(), care(), Attributes::default());
    let reading = Reading { model: &living, parts: &parts, attributes: &attributes };
    let found = refresh::found(&reading, "'2024-03-02'::date", Everyone::No, &[]);
    let task = task(Examined::Found(found), false, "'2024-03-02'::date", Users::Few);
    golden!(refresh::write(&reading, &task), "refresh_few.sql");
}

/// After some days without one, of a model with attributes, registered users and two sources; one user is put aside.
#[test]
fn a_refresh_over_days() {
    let (mut living, parts, attributes) = (living(), tags(), attributes(true, false));
    living.name = "tags".to_owned();
    let reading = Reading { model: &living, parts: &parts, attributes: &attributes };
    let found = refresh::found(&reading, "'2024-03-02'::date", Everyone::MayHaveChanged, &["17".to_owned()]);
    let aside = ["18".to_owned()];
    let task = Task { aside: &aside, ..task(Examined::Found(found), true, "'2024-02-27'::date", Users::Many) };
    golden!(refresh::write(&reading, &task), "refresh_days.sql");
    golden!(refresh::probe(&reading, &task, Share::ALL.halves()[1].halves()[1]), "refresh_probe.sql");
}

#[test]
fn another_version() {
    let (living, parts, attributes) = (living(), care(), Attributes::default());
    let reading = Reading { model: &living, parts: &parts, attributes: &attributes };
    let examined = Examined::Everyone(refresh::everyone(&reading), "calibration");
    golden!(refresh::write(&reading, &task(examined, false, "'2024-03-02'::date", Users::Many)), "refresh_version.sql");
}

#[test]
fn the_first_day() {
    let (living, parts, attributes) = (living(), care(), Attributes::default());
    let reading = Reading { model: &living, parts: &parts, attributes: &attributes };
    let statements = [
        refresh::fill_members(&reading, "'…'::strata.model", "'2024-03-02'::date", &[]),
        refresh::fill_history(&reading, false, 1, "'2024-03-02'::date"),
    ];
    let indexes = refresh::indexes(&reading).map(|index| format!("{};\n{}", index.is_there, index.create));
    golden!([statements.to_vec(), indexes.to_vec()].concat().join(";\n"), "refresh_first.sql");
}

#[test]
fn the_tables_of_a_model() {
    let (living, parts, attributes) = (living(), care(), Attributes::default());
    let reading = Reading { model: &living, parts: &parts, attributes: &attributes };
    let made = refresh::create_tables(&reading);
    let made: Vec<String> =
        made.into_iter().map(|(_, _, statement, about)| format!("{statement};\n-- {about}")).collect();
    golden!(made.join("\n"), "tables.sql");
}

#[test]
fn what_is_asked_of_users() {
    let (living, parts) = (living(), tags());
    let many = attributes(false, false);
    let few = attributes(true, true);
    let exclude = [("2024-02-01".to_owned(), "2024-02-12".to_owned())];
    let reading = |attributes| Reading { model: &living, parts: &parts, attributes };
    golden!(reading(&many).features(&all_users(&parts), &exclude, Users::Many), "features_many.sql");
    golden!(reading(&few).features("SELECT user_id FROM some", &[], Users::Few), "features_few.sql");
    let parts = care();
    let reading = Reading { model: &living, parts: &parts, attributes: &many };
    golden!(reading.calibrate(&definition(&model(CARE)), &date("2024-03-01"), &[]), "calibrate.sql");
}

#[test]
fn layers_are_written_down() {
    golden!(insert_layers(&living(), 2, &model(CARE)), "layers.sql");
    let ranks = |json: &str| layers(&model(json)).into_iter().map(|layer| (layer.name, layer.rank)).collect::<Vec<_>>();
    let named = |names: [(&str, Option<usize>); 2]| names.map(|(name, rank)| (name.to_owned(), rank)).to_vec();
    assert_eq!(ranks(CARE), named([("hot", Some(1)), ("cold", Some(2))]));
    let worst_first = CARE.replacen("\"layers\"", "\"ranking\": \"best_last\", \"layers\"", 1);
    assert_eq!(ranks(&worst_first), named([("hot", Some(2)), ("cold", Some(1))]));
    assert!(layers(&model(TAGS)).iter().all(|layer| layer.rank.is_none()));
}

#[test]
fn cuts_are_made_of_what_scores_read() {
    let rfm = preset("rfm_eleven").unwrap();
    assert_eq!(cuts_are_made_of(rfm), (vec!["orders"], false));
    assert_eq!(cuts_are_made_of(&model(CARE)), (Vec::new(), false));
    let (one, other) = (source("orders", true), Source { name: "orders_2".to_owned(), ..source("orders", true) });
    assert!(follow_the_same(&one, &other));
    assert!(!follow_the_same(&one, &Source { where_clause: Some("paid".to_owned()), ..other.clone() }));
    assert!(!follow_the_same(&one, &Source { relation: 16401, ..other }));
}
