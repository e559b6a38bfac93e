//! What readers run, as it stands in `golden/`: views, questions, rows of the status. Where a text is changed on purpose,
//! `STRATA_GOLDEN=write cargo test -p strata-core --test statements_readers` writes it down anew, and the change shows in review.

use std::path::Path;

use strata_core::statements::model::{Attributes, Reading};
use strata_core::statements::registry::{Capture, LivingModel, Part, PartKind, Source};
use strata_core::statements::view::{self, Shown, VIEWS};
use strata_core::statements::{reader, status};

fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = format!("{text}\n");
    if std::env::var("STRATA_GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&path, &text).expect("a golden file is written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == golden, "{name} is not as it was:\n{text}");
}

fn model(name: &str, key_type: &str) -> LivingModel {
    let table = |ending: &str| Some(format!("analytics.{name}_{ending}"));
    LivingModel {
        schema: "analytics".to_owned(),
        name: name.to_owned(),
        id: "6b1fae9e-6f7e-4f0e-8d0a-3a6f6a1f3c55".to_owned(),
        key_type: key_type.to_owned(),
        time_zone: "UTC".to_owned(),
        history_from: None,
        members: table("members"),
        history: table("history"),
        periods: table("periods"),
        attributes_query: None,
        users_query: None,
        active_version: 2,
        refreshed_version: Some(1),
        first_day: Some("2024-01-10".to_owned()),
        as_of: Some("2024-01-20".to_owned()),
        users: 5,
        schedule: None,
        today: "2024-01-21".to_owned(),
    }
}

fn source() -> Source {
    let table = |ending: &str| Some(format!("analytics.orders_{ending}"));
    Source {
        schema: "analytics".to_owned(),
        name: "orders".to_owned(),
        id: "0d7e8c1a-1f1e-4a53-9a3b-0b0f5a7b8f10".to_owned(),
        is_events: true,
        relation: 16500,
        relation_schema: "shop".to_owned(),
        relation_name: "orders".to_owned(),
        relation_owner: "owner".to_owned(),
        key_type: "bigint".to_owned(),
        alias_type: "bigint".to_owned(),
        user_expression: "customer_id".to_owned(),
        time_expression: Some("ordered_at".to_owned()),
        amount_expression: Some("amount".to_owned()),
        where_clause: None,
        time_zone: Some("UTC".to_owned()),
        capture_asked: "auto".to_owned(),
        capture: Capture::Trigger,
        because: "shop.orders is a table of the caller".to_owned(),
        columns: vec!["customer_id".to_owned(), "ordered_at".to_owned(), "amount".to_owned()],
        mark_column: None,
        margin: None,
        mark: None,
        compare_every: None,
        keep_before: None,
        map: None,
        map_expression: None,
        ledger: table("ledger"),
        aliases: None,
        queue: table("queue"),
        changes: table("changes"),
        alias_changes: None,
        rejects: table("rejects"),
        family: vec![16500],
        place: "1/5".to_owned(),
        sync_id: 3,
        changed: 0,
        latest_day: Some("2024-01-20".to_owned()),
        guests: 0,
        is_due: true,
    }
}

/// One model whose users are in one layer, one whose are in any number, of another key: users are printed.
#[test]
fn views_have_a_branch_for_each_model() {
    let (journey, tags) = (model("journey", "bigint"), model("tags", "text"));
    let alone = [Shown { model: &journey, is_overlapping: false }];
    let both = [Shown { model: &journey, is_overlapping: false }, Shown { model: &tags, is_overlapping: true }];
    assert_eq!(view::user_type(&alone), "bigint");
    assert_eq!(view::user_type(&both), "text");
    for (name, _) in VIEWS {
        check(&format!("view_{name}.sql"), &view::create("analytics", name, &both, "text"));
    }
    check("view_strata_members_alone.sql", &view::create("analytics", "strata_members", &alone, "bigint"));
}

/// A model whose tables are gone is left out; a schema without models keeps the columns.
#[test]
fn views_without_models_have_their_columns() {
    let gone = LivingModel { history: None, ..model("journey", "bigint") };
    let shown = [Shown { model: &gone, is_overlapping: false }];
    for (name, _) in VIEWS {
        let empty = view::create("analytics", name, &[], "bigint");
        for (column, of_type) in view::columns(name, "bigint") {
            assert!(empty.contains(&format!("NULL::{of_type} AS {column}")), "{name}: {column}");
        }
        let text = view::create("analytics", name, &shown, "bigint");
        assert_eq!(text == empty, name != "strata_members", "{name}");
    }
}

#[test]
fn questions_to_a_model() {
    let journey = model("journey", "bigint");
    let parts = [Part { kind: PartKind::Ledger, name: "orders".to_owned(), consumed: Some(2), source: source() }];
    let attributes = Attributes::default();
    let reading = Reading { model: &journey, parts: &parts, attributes: &attributes };
    let (day, definition) = ("'2024-01-20'::date", "'{}'::strata.model");
    let layers = ["top".to_owned(), "it's".to_owned()];
    let texts = [
        reader::members(&reading, definition, day),
        reader::transitions(&journey, "'2024-01-10'::date", day, &layers),
        reader::ask_about(&reading, "strata.explain(f, '{}'::strata.model, '2024-01-20'::date)", "7", day),
        reader::crossings(&journey, true, "it's", 12, reader::Way::In),
        reader::backtest(&reading, definition, false, day, 30, &[("top".to_owned(), 1)], None),
    ];
    check("questions.sql", &texts.join(";\n\n"));
}

#[test]
fn rows_of_the_status() {
    let parts = [Part { kind: PartKind::Ledger, name: "orders".to_owned(), consumed: Some(2), source: source() }];
    let texts = [
        status::source(&source(), None, true),
        status::source(&source(), Some("its queue is gone"), false),
        status::model(&model("journey", "bigint"), &parts, None),
        status::broken_source("analytics", "orders", "it's gone"),
        status::broken_model("analytics", "journey", "it's gone"),
    ];
    check("status.sql", &texts.join(";\n\n"));
}

#[test]
fn rights_of_a_reader() {
    let rights = view::rights(&model("journey", "bigint"), &["analytics.orders_ledger".to_owned()], "reader");
    let statements: Vec<String> = rights.iter().flat_map(|right| [right.grant.clone(), right.revoke.clone()]).collect();
    check("rights.sql", &statements.join(";\n"));
}
