//! Registered models: their definitions, versions, sources, and calibration.

use std::collections::BTreeMap;

use pgrx::prelude::*;
use strata_core::model::Model;
use strata_core::statements::model::{
    self as texts, Attributes, BEFORE_EVERY_SYNC, Known, Reading, cuts_are_made_of, date, definition, follow_the_same,
    same_cuts,
};
use strata_core::statements::refresh::create_tables;
use strata_core::statements::registry::{LivingModel, Part, PartKind, Source, comment, sources_select};
use strata_core::statements::{ident, literal, qualified};

use super::door::{Answer, Door, writing};
use super::refresh::{in_zone_of, sync_parts};
use super::registry::{Kind, Lock, Registry};
use super::sources::{register_users, schema_argument};
use super::{follow, relation, schedule, sources, views};
use crate::error::{OrRaise, raise};
use crate::pg::expression::{self, RowExpression};
use crate::pg::settings::pinned;
use crate::pg::{catalog, query};

/// A model with its sources as they are now.
pub struct Loaded {
    pub model: LivingModel,
    pub parts: Vec<Part>,
    pub attributes: Attributes,
}

impl Loaded {
    /// What a definition, which may be that of an older version, reads of them.
    pub fn of(door: &Door<'_>, model: LivingModel, parts: Vec<Part>, definition: &Model) -> Loaded {
        relation::hold_users(door, &parts);
        let attributes = parts
            .iter()
            .find(|part| part.kind == PartKind::Attributes)
            .map(|part| attributes_of(door, &part.source, definition))
            .unwrap_or_default();
        Loaded { model, parts, attributes }
    }

    pub fn reading(&self) -> Reading<'_> {
        Reading { model: &self.model, parts: &self.parts, attributes: &self.attributes }
    }
}

fn attributes_of(door: &Door<'_>, source: &Source, definition: &Model) -> Attributes {
    let present = door.spi.rows(&texts::present_attributes(source, definition));
    let indexes = door.spi.row(&texts::key_indexes(source)).unwrap_or_default();
    let is = |place: usize| indexes.get(place).cloned().flatten().as_deref() == Some("t");
    Attributes {
        present: present.into_iter().filter_map(|row| row.into_iter().next()?).collect(),
        is_indexed: is(0),
        is_unique: is(1),
    }
}

/// The relation that attributes or registered users come from, as the caller names it.
struct Given {
    relation: pg_sys::Oid,
    user: RowExpression,
    /// Whether it is a view of ours, made of the caller's query.
    is_query: bool,
}

/// Whether a text is a query, and not the name of a relation.
fn is_query(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        let after_comment = match (rest.strip_prefix("--"), rest.strip_prefix("/*")) {
            (Some(line), _) => line.split_once('\n').map(|(_, rest)| rest),
            (_, Some(block)) => block.split_once("*/").map(|(_, rest)| rest),
            _ => break,
        };
        rest = after_comment.unwrap_or_default().trim_start();
    }
    if rest.starts_with('(') {
        return true;
    }
    let is_of_word = |next: char| next.is_alphanumeric() || matches!(next, '_' | '$' | '.');
    let end = rest.find(|next| !is_of_word(next)).unwrap_or(rest.len());
    end < rest.len() && ["select", "with", "values", "table"].contains(&rest[..end].to_lowercase().as_str())
}

/// Looks at a relation or query as the caller does; nothing runs that has not been looked at.
fn look(door: &Door<'_>, kind: PartKind, text: &str, user_column: &str, view: (&str, &str)) -> Given {
    let what = kind.name();
    let is_query = is_query(text);
    let relation = match is_query {
        true => {
            let described = query::describe(text);
            let (schema, name) = view;
            door.check_free(schema, name, &format!("the query of {what}"));
            let name = qualified(schema, name);
            door.spi.run(&format!("CREATE VIEW {name} AS {}", described.statement));
            catalog::relation_called(&name)
        }
        false => catalog::relation_called(text),
    };
    if catalog::is_temporary(relation) {
        raise(
            PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            format!("{text} is a temporary table, which ends with its session"),
            Some("Follow a table that stays.".to_owned()),
        );
    }
    Given { relation, user: expression::of_row(relation, user_column, "user_column"), is_query }
}

/// The definition that an argument is.
fn definition_argument(door: &Door<'_>, index: usize) -> Option<Model> {
    door.printed(index).map(|json| json.parse::<Model>().or_raise())
}

fn missing_definition(name: &str) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        format!("the definition of model \"{name}\" is missing"),
        Some("For example strata.preset('rfm_eleven').".to_owned()),
    )
}

/// `create_model(name, definition, sources, attributes, users, schema, time_zone, history_from, user_column, capture)`
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_create_model(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    writing(
        fcinfo,
        |door| {
            let name = door.check_name(Kind::Model, door.text(0).as_deref());
            let definition = definition_argument(door, 1).unwrap_or_else(|| missing_definition(&name));
            let schema = schema_argument(door, 5, &format!("model \"{name}\""));
            let registry = pinned(|| check_new(door, &schema, &name));
            let user_column = door.text(8).unwrap_or_else(|| "user_id".to_owned());
            let given = [PartKind::Users, PartKind::Attributes].map(|kind| {
                let text = door.text(if kind == PartKind::Users { 4 } else { 3 })?;
                Some(look(door, kind, &text, &user_column, (&registry.schema, &format!("{name}_{}", kind.name()))))
            });
            (name, definition, registry, given)
        },
        |door, (name, definition, registry, given)| {
            let capture = door.text(9).unwrap_or_else(|| "auto".to_owned());
            let mut model = LivingModel {
                time_zone: door.text(6).unwrap_or_else(|| door.time_zone.clone()),
                history_from: door.printed(7),
                ..empty(&registry.schema, &name)
            };
            check_days(door, &model);
            let wanted = sources_wanted(door, &registry, &definition, door.printed(2), &BTreeMap::new());
            model.id = door.spi.value("SELECT gen_random_uuid()").unwrap_or_default();
            model.key_type = key_type(&wanted, None).unwrap_or_default();
            if model.key_type.is_empty() && given[0].is_none() {
                raise(
                    PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                    format!("model \"{name}\" has neither sources nor users"),
                    Some("For example users => 'shop.customers'.".to_owned()),
                );
            }
            let mut parts = Vec::new();
            for (kind, given) in [PartKind::Users, PartKind::Attributes].into_iter().zip(given) {
                if let Some(given) = given {
                    let source = register(door, &mut model, kind, &given, &capture);
                    parts.push(Part { kind, name: kind.name().to_owned(), consumed: None, source });
                }
            }
            let ledger = |(name, source)| Part { kind: PartKind::Ledger, name, consumed: None, source };
            parts.extend(wanted.into_iter().map(ledger));
            parts.sort_by(|one, other| (one.kind.name(), &one.name).cmp(&(other.kind.name(), &other.name)));
            let loaded = Loaded::of(door, model.clone(), parts, &definition);
            make_tables(door, &loaded.reading(), &mut model);
            door.spi.run(&texts::insert_model(&model));
            for part in &loaded.parts {
                door.spi.run(&texts::connect(&model, part.kind, &part.name, &part.source, Known::Nothing));
            }
            try_out(door, &loaded.reading(), &definition);
            add_version(door, &model, &definition, "definition", None, false);
            views::rebuild(door, &model.schema);
            let tables = ["members", "history", "periods"]
                .map(|ending| qualified_text(&model.schema, &model.table_name(ending)));
            Answer::Text(format!("model \"{name}\": {}", tables.join(", ")))
        },
    )
}

fn empty(schema: &str, name: &str) -> LivingModel {
    LivingModel {
        schema: schema.to_owned(),
        name: name.to_owned(),
        id: String::new(),
        key_type: String::new(),
        time_zone: String::new(),
        history_from: None,
        members: None,
        history: None,
        periods: None,
        attributes_query: None,
        users_query: None,
        active_version: 1,
        refreshed_version: None,
        first_day: None,
        as_of: None,
        users: 0,
        schedule: None,
        today: String::new(),
    }
}

/// A name for people: in double quotes only where it needs them.
fn qualified_text(schema: &str, name: &str) -> String {
    let plain = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && name.chars().all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_')
    };
    let text = |name: &str| if plain(name) { name.to_owned() } else { ident(name) };
    format!("{}.{}", text(schema), text(name))
}

/// The registry for a new model, whose name and tables are free.
fn check_new(door: &Door<'_>, schema: &str, name: &str) -> Registry {
    let registry = door.registry_for(schema);
    let models = qualified(&registry.schema, "strata_models");
    if door.spi.is(&format!("SELECT EXISTS (SELECT FROM {models} WHERE name = {})", literal(name))) {
        let name_text = literal(name);
        raise(
            PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            format!("model \"{name}\" exists already"),
            Some(format!(
                "SELECT strata.alter_model({name_text}, …); gives it another definition, SELECT strata.drop_model({name_text}); removes it."
            )),
        );
    }
    for ending in ["members", "history", "periods"] {
        door.check_free(&registry.schema, &format!("{name}_{ending}"), &format!("model \"{name}\""));
    }
    registry
}

fn check_days(door: &Door<'_>, model: &LivingModel) {
    // refuses a zone that there is not
    door.spi.run(&format!("SELECT statement_timestamp() AT TIME ZONE {}", literal(&model.time_zone)));
    if let Some(day) = &model.history_from
        && !door.spi.is(&format!("SELECT isfinite({})", date(day)))
    {
        raise(PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, format!("history_from cannot be {day}"), None);
    }
}

/// The sources that a definition reads, by their names in it: as given, as they were, or by the same name. They are locked
/// in the order of refreshes, whatever the order of names in the model is.
fn sources_wanted(
    door: &Door<'_>,
    registry: &Registry,
    definition: &Model,
    given: Option<String>,
    before: &BTreeMap<String, String>,
) -> Vec<(String, Source)> {
    let names: Vec<&str> = definition.definition().sources.0.names().collect();
    let given = sources_given(door, given);
    if let Some(unknown) = given.keys().find(|name| !names.contains(&name.as_str())) {
        raise(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("the model has no source \"{unknown}\""),
            Some(format!("It has: {}.", names.join(", "))),
        );
    }
    let called = |name: &str| given.get(name).or_else(|| before.get(name)).cloned().unwrap_or_else(|| name.to_owned());
    let mut found = BTreeMap::new();
    let mut in_order: Vec<String> = names.iter().map(|name| called(name)).collect();
    in_order.sort();
    in_order.dedup();
    for name in in_order {
        let source = source_called(door, registry, &name);
        source.lock(door);
        found.insert(name, door.source_in(&source.schema, &source.name));
    }
    let wanted = names.iter().filter_map(|name| Some(((*name).to_owned(), found.get(&called(name))?.clone())));
    wanted.collect()
}

fn sources_given(door: &Door<'_>, given: Option<String>) -> BTreeMap<String, String> {
    let Some(given) = given else { return BTreeMap::new() };
    let given = format!("{}::jsonb", literal(&given));
    if door.spi.value(&format!("SELECT jsonb_typeof({given})")).as_deref() != Some("object") {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "sources must be an object",
            Some("The sources of the model with registered ones: {\"orders\": \"shop_orders\"}.".to_owned()),
        );
    }
    let rows = door.spi.rows(&format!("SELECT key, value FROM jsonb_each_text({given}) WHERE value IS NOT NULL"));
    rows.into_iter()
        .filter_map(|row| {
            let mut row = row.into_iter().flatten();
            Some((row.next()?, row.next()?))
        })
        .collect()
}

/// A source of events in the registry of the model, by its name or with the schema before it.
fn source_called(door: &Door<'_>, registry: &Registry, name: &str) -> Source {
    let rows = door.spi.rows(&sources_select(&registry.schema, "ORDER BY s.name"));
    let sources: Vec<Source> = rows.iter().map(|row| Source::from_row(&registry.schema, row).or_raise()).collect();
    let prefixes = [format!("{}.", registry.schema), format!("{}.", ident(&registry.schema))];
    let bare = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix.as_str()));
    let found = sources.iter().find(|source| source.name == name || Some(source.name.as_str()) == bare);
    match found {
        Some(source) if source.is_events => source.clone(),
        Some(source) => {
            raise(PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE, format!("source \"{}\" has no ledgers", source.name), None)
        }
        None => {
            let mut hint = "Add it with strata.add_source, or name the one that stands for it, as in sources => \
                            '{\"orders\": \"shop_orders\"}'."
                .to_owned();
            let known: Vec<String> = sources
                .iter()
                .filter(|source| source.is_events)
                .map(|source| quoted_if_needed(door, &source.name))
                .collect();
            if !known.is_empty() {
                hint.push_str(&format!(" There is: {}.", known.join(", ")));
            }
            let elsewhere = door.own_registries().into_iter().find(|other| {
                other.schema != registry.schema && other.sources(door).iter().any(|source| source.name == name)
            });
            if let Some(other) = elsewhere {
                hint.push_str(&format!(
                    " A source of that name is in schema {0}, as a model over it would be: schema => '{0}'.",
                    other.schema
                ));
            }
            raise(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("source \"{name}\" does not exist"), Some(hint))
        }
    }
}

fn quoted_if_needed(door: &Door<'_>, name: &str) -> String {
    door.spi.value(&format!("SELECT quote_ident({})", literal(name))).unwrap_or_default()
}

/// The type of the users of all sources, and of the model where it is one already.
fn key_type(sources: &[(String, Source)], known: Option<&str>) -> Option<String> {
    let mut found = known.map(str::to_owned);
    for (_, source) in sources {
        match &found {
            None => found = Some(source.key_type.clone()),
            Some(key_type) if *key_type != source.key_type => raise(
                PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                format!(
                    "the users of source \"{}\" are of type {}, those of the model's other sources of type {key_type}",
                    source.name, source.key_type
                ),
                Some(format!("Add it with a cast: user_column => '…::{key_type}'.")),
            ),
            Some(_) => {}
        }
    }
    found
}

/// Registers the relation, or the query as a view, that attributes or registered users come from. The first that a model
/// without sources has decides what its users are called by.
fn register(door: &Door<'_>, model: &mut LivingModel, kind: PartKind, given: &Given, capture: &str) -> Source {
    let name = format!("{}_{}", model.name, kind.name());
    let query = given.is_query.then(|| {
        let view = qualified(&model.schema, &name);
        door.spi.run(&comment(
            "VIEW",
            &view,
            &model.id,
            &format!("the query of {} of model {}.", kind.name(), model.name),
        ));
        let text = door.spi.value(&format!("SELECT pg_get_viewdef({}::regclass)", literal(&view))).unwrap_or_default();
        text.trim().trim_end_matches(';').to_owned()
    });
    match kind {
        PartKind::Attributes => model.attributes_query = query,
        _ => model.users_query = query,
    }
    let source = register_users(door, &model.schema, &name, given.relation, &given.user, capture);
    if model.key_type.is_empty() {
        model.key_type = source.key_type.clone();
    }
    if source.key_type != model.key_type {
        let (relation, column) = (source.relation_text(), &given.user.canonical);
        raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!(
                "the users of {relation} are of type {}, those of model \"{}\" of type {}",
                source.key_type, model.name, model.key_type
            ),
            Some(format!(
                "Use a query with a cast: {} => 'SELECT {column}::{} AS {column}, … FROM {relation}'.",
                kind.name(),
                model.key_type
            )),
        );
    }
    source
}

fn make_tables(door: &Door<'_>, reading: &Reading<'_>, model: &mut LivingModel) {
    for (ending, kind, statement, about) in create_tables(reading) {
        let table = qualified(&model.schema, &model.table_name(ending));
        door.spi.run(&statement);
        door.spi.run(&comment(kind, &table, &model.id, &about));
        let place = match ending {
            "members" => &mut model.members,
            "history" => &mut model.history,
            _ => &mut model.periods,
        };
        *place = Some(table);
    }
}

/// Asks a definition about a user of whom nothing is known: columns that are missing or of another type are found now, not at
/// night.
fn try_out(door: &Door<'_>, reading: &Reading<'_>, wanted: &Model) {
    let text = definition(wanted);
    let ask = |call: &str| {
        door.spi.run(&reading.try_out(call, &text));
    };
    // predictions and scores have nothing to go by before calibration; columns are looked at before that is said
    match wanted.needs_calibration() {
        true => ["metrics", "evaluate"].map(|call| door.spi.attempt_before_calibration(|| ask(call))),
        false => ["metrics", "evaluate"].map(ask),
    };
}

/// Adds a version and activates it where that is wanted.
fn add_version(
    door: &Door<'_>,
    model: &LivingModel,
    definition: &Model,
    cause: &str,
    calibrated_as_of: Option<&str>,
    activate: bool,
) -> i32 {
    let added = door.spi.value(&texts::insert_version(model, definition, cause, calibrated_as_of));
    let added = added.and_then(|version| version.parse().ok()).unwrap_or(1);
    door.spi.run(&texts::insert_layers(model, added, definition));
    if activate {
        door.spi.run(&model.update(&format!("active_version = {added}")));
    }
    added
}

/// What `alter_model` was asked for, with what has been read as the caller reads it.
struct Alteration {
    model: LivingModel,
    /// Sources of users as they were, which are gone by now.
    before: Vec<Part>,
    given: Vec<(PartKind, Given)>,
}

/// `alter_model(name, definition, sources, activate, attributes, users, user_column, capture)`
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_alter_model(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    writing(
        fcinfo,
        |door| {
            let name = door.text(0);
            let (model, parts) = pinned(|| {
                let model = door.model_to_change(name.as_deref());
                let parts = door.parts(&model);
                (model, parts)
            });
            let asked = [4, 5, 7].map(|index| door.text(index));
            if door.call.arg(1).is_none() && door.call.arg(2).is_none() && asked.iter().all(Option::is_none) {
                missing_definition(&model.name);
            }
            look_again(door, model, parts, &asked)
        },
        |door, alteration| {
            let wanted = definition_argument(door, 1);
            Answer::Integer(alter(door, alteration, wanted, door.printed(2), door.is_true(3)))
        },
    )
}

/// Takes sources of users that are to be others from a model, and looks at what is to stand in their place.
fn look_again(door: &Door<'_>, model: LivingModel, parts: Vec<Part>, asked: &[Option<String>; 3]) -> Alteration {
    let [attributes, users, capture] = asked;
    let user_column = door.text(6).unwrap_or_else(|| "user_id".to_owned());
    let before: Vec<Part> = parts.into_iter().filter(|part| part.kind != PartKind::Ledger).collect();
    if capture.is_some() && attributes.is_none() && users.is_none() && before.is_empty() {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("model \"{}\" has neither attributes nor users whose capture could be another", model.name),
            Some("That of a source of events is chosen with strata.add_source.".to_owned()),
        );
    }
    let mut given = Vec::new();
    for (kind, text) in [(PartKind::Users, users), (PartKind::Attributes, attributes)] {
        let old = before.iter().find(|part| part.kind == kind);
        let name = format!("{}_{}", model.name, kind.name());
        match (text, old) {
            (Some(text), _) => {
                pinned(|| {
                    if let Some(old) = old {
                        door.spi.run(&texts::disconnect(&model, kind));
                        sources::drop(door, &old.source);
                    }
                    drop_own_view(door, &model, kind);
                });
                given.push((kind, look(door, kind, text, &user_column, (&model.schema, &name))));
            }
            // the same relation, captured in another way
            (None, Some(old)) if capture.is_some() => {
                let query = if kind == PartKind::Users { &model.users_query } else { &model.attributes_query };
                let is_query = query.is_some();
                let looked = pinned(|| {
                    let relation = super::refresh::relation_of(door, &model, old);
                    let user = expression::of_row(relation, &old.source.user_expression, "user_column");
                    door.spi.run(&texts::disconnect(&model, kind));
                    sources::drop(door, &old.source);
                    Given { relation, user, is_query }
                });
                given.push((kind, looked));
            }
            _ => {}
        }
    }
    Alteration { model, before, given }
}

/// The view of a query that attributes or users were given as; answers its name where there was one.
fn drop_own_view(door: &Door<'_>, model: &LivingModel, kind: PartKind) -> Option<String> {
    let view = door.spi.value(&texts::own_view(model, &format!("{}_{}", model.name, kind.name())))?;
    door.spi.run(&format!("DROP VIEW {view}"));
    Some(view)
}

fn alter(
    door: &Door<'_>,
    alteration: Alteration,
    wanted: Option<Model>,
    sources: Option<String>,
    activate: bool,
) -> i32 {
    let Alteration { mut model, before, given } = alteration;
    in_zone_of(&model);
    let active = door.version(&model, model.active_version);
    let is_of_capture_alone = wanted.is_none() && sources.is_none() && door.text(4).is_none() && door.text(5).is_none();
    let has_definition = wanted.is_some();
    let wanted = wanted.unwrap_or_else(|| active.clone());
    if wanted.is_overlapping() != active.is_overlapping() {
        let kind = if wanted.is_overlapping() { "overlapping" } else { "exclusive" };
        raise(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            format!("the layers of model \"{}\" cannot become {kind}", model.name),
            Some("Create another model: the history of this one is of the other kind.".to_owned()),
        );
    }
    // attributes and users
    let capture = door.text(7);
    let mut are_others = false;
    let mut attributes_are_others = false;
    for (kind, given) in given {
        let old = before.iter().find(|part| part.kind == kind);
        let capture = capture.clone().or_else(|| old.map(|old| old.source.capture_asked.clone()));
        let capture = capture.filter(|capture| capture != "column").unwrap_or_else(|| "auto".to_owned());
        let source = register(door, &mut model, kind, &given, &capture);
        let is_same = old.is_some_and(|old| old.consumed.is_some() && follow_the_same(&old.source, &source))
            && (is_of_capture_alone || !given.is_query);
        are_others |= kind == PartKind::Users && !is_same;
        attributes_are_others |= kind == PartKind::Attributes && !is_same;
        let known = if is_same { Known::Same } else { Known::Nothing };
        door.spi.run(&texts::connect(&model, kind, kind.name(), &source, known));
    }
    door.spi.run(&model.update(&format!(
        "attributes_query = {}, users_query = {}",
        strata_core::statements::literal_or_null(model.attributes_query.as_deref()),
        strata_core::statements::literal_or_null(model.users_query.as_deref())
    )));
    // sources of events
    let connected: Vec<Part> = door.parts(&model).into_iter().filter(|part| part.kind == PartKind::Ledger).collect();
    let names = connected.iter().map(|part| (part.name.clone(), part.source.name.clone())).collect();
    let registry = Registry { schema: model.schema.clone() };
    let now = sources_wanted(door, &registry, &wanted, sources, &names);
    key_type(&now, Some(&model.key_type));
    let mut other_sources = Vec::new();
    for (name, source) in &now {
        let old = connected.iter().find(|part| part.name == *name);
        if old.is_some_and(|old| old.source.name == source.name) {
            continue;
        }
        let is_same = old.is_some_and(|old| follow_the_same(&old.source, source));
        if !is_same {
            other_sources.push(name.as_str());
        }
        let known = match old {
            Some(old) if is_same && old.consumed.is_some() => Known::Same,
            _ => Known::Nothing,
        };
        door.spi.run(&texts::connect(&model, PartKind::Ledger, name, source, known));
    }
    // cuts stay where nothing that they are made of changes; those that came with the definition are somebody's own
    let (read, reads_attributes) = cuts_are_made_of(&wanted);
    let are_made_of_others =
        reads_attributes && attributes_are_others || read.iter().any(|name| other_sources.contains(name));
    let same_users = !are_others && !are_made_of_others;
    let calibrated = |model: &Model| model.definition().calibration.clone();
    let brings_its_own = has_definition && calibrated(&wanted).is_some() && calibrated(&wanted) != calibrated(&active);
    let kept = if same_users && same_cuts(&active, &wanted) { calibrated(&active) } else { None };
    let wanted = if brings_its_own { wanted } else { wanted.with_calibration(kept).or_raise() };
    let parts = door.parts(&model);
    let loaded = Loaded::of(door, model, parts, &wanted);
    try_out(door, &loaded.reading(), &wanted);
    let model = &loaded.model;
    if is_of_capture_alone {
        return model.active_version;
    }
    let version = add_version(door, model, &wanted, "definition", None, activate);
    views::rebuild(door, &model.schema);
    version
}

/// `calibrate(model, as_of, activate, exclude, version)`
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_calibrate(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    writing(
        fcinfo,
        |_| (),
        |door, ()| {
            let model = door.model_to_change(door.text(0).as_deref());
            in_zone_of(&model);
            // what is known of users ends with the last refresh
            let day = door.printed(1).or_else(|| model.as_of.clone()).unwrap_or_else(|| model.today.clone());
            if !door.spi.is(&format!("SELECT isfinite({})", date(&day))) {
                raise(PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, format!("as_of cannot be {day}"), None);
            }
            let exclude = days_left_out(door, door.printed(3));
            let version = door.integer(4).unwrap_or(model.active_version);
            let parts = sync_parts(door, &model);
            Answer::Integer(calibrate(door, &model, parts, version, &day, &exclude, door.is_true(2)))
        },
    )
}

fn days_left_out(door: &Door<'_>, ranges: Option<String>) -> Vec<(String, String)> {
    let Some(ranges) = ranges else { return Vec::new() };
    let rows = door.spi.rows(&format!(
        "SELECT lower(r), upper(r), isempty(r) OR lower_inf(r) OR upper_inf(r) OR NOT isfinite(lower(r)) OR NOT isfinite(upper(r)), r
FROM unnest({}::daterange[]) AS r",
        literal(&ranges)
    ));
    rows.into_iter()
        .map(|row| match row.as_slice() {
            [Some(from), Some(to), Some(is_unfit), _] if is_unfit == "f" => (from.clone(), to.clone()),
            other => raise(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                format!(
                    "days cannot be left out by the range {}",
                    other.last().cloned().flatten().unwrap_or_else(|| "<NULL>".to_owned())
                ),
                Some("Ranges have two ends: exclude => ARRAY['[2024-11-01,2024-11-12)']::daterange[].".to_owned()),
            ),
        })
        .collect()
}

/// Adds a version with the cuts that the users of a day give; its sources are up to date. Answers its number.
pub fn calibrate(
    door: &Door<'_>,
    model: &LivingModel,
    parts: Vec<Part>,
    version: i32,
    day: &str,
    exclude: &[(String, String)],
    activate: bool,
) -> i32 {
    let mut wanted = door.version(model, version);
    let loaded = Loaded::of(door, model.clone(), parts, &wanted);
    // scores that mix predictions with something else are cut by a second pass, with the fits of the first
    for _pass in 1..=2 {
        let query = loaded.reading().calibrate(&definition(&wanted), &date(day), exclude);
        let Some(json) = door.spi.value(&query) else {
            raise(
                PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
                format!("model \"{}\" has no users by {day} to be calibrated with", model.name),
                None,
            )
        };
        wanted = json.parse::<Model>().or_raise();
        if !wanted.needs_calibration() {
            break;
        }
    }
    check_reached(door, model, &wanted, day);
    add_version(door, model, &wanted, "calibration", Some(day), activate)
}

/// Cuts that nobody reaches would move everyone.
fn check_reached(door: &Door<'_>, model: &LivingModel, calibrated: &Model, day: &str) {
    let scores = calibrated.definition().calibration.as_ref().map(|calibration| &calibration.scores);
    let Some(scores) = scores.filter(|scores| !scores.is_empty()) else { return };
    if scores.iter().all(|(_, cuts)| cuts.users == 0) {
        let without: Vec<String> = scores.names().map(|name| quoted_if_needed(door, name)).collect();
        raise(
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
            format!("no user of model \"{}\" has a value for its scores by {day}: {}", model.name, without.join(", ")),
            Some(format!(
                "Choose a day that the data reach: SELECT strata.calibrate({}, as_of => …);",
                literal(&model.name)
            )),
        );
    }
}

/// `activate(model, version)`
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_activate(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    writing(
        fcinfo,
        |_| (),
        |door, ()| {
            let model = door.model_to_change(door.text(0).as_deref());
            let Some(version) = door.integer(1) else {
                raise(
                    PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                    format!("the version of model \"{}\" is missing", model.name),
                    None,
                )
            };
            door.version(&model, version);
            door.spi.run(&model.update(&format!("active_version = {version}")));
            Answer::Null
        },
    )
}

/// `drop_model(model)`: what bears its mark goes, what does not is left.
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_drop_model(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    writing(
        fcinfo,
        |_| (),
        |door, ()| {
            let model = door.model_to_change(door.text(0).as_deref());
            let parts = door.parts(&model);
            if model.schedule.is_some() {
                schedule::unschedule(door, &model);
            }
            // by hand, since a session that replicates runs no foreign key
            for table in ["strata_versions", "strata_model_sources", "strata_refreshes", "strata_layers"] {
                let table = model.registry(table);
                door.spi.run(&format!("DELETE FROM {table} WHERE model = {}", literal(&model.name)));
            }
            let models = model.registry("strata_models");
            door.spi.run(&format!("DELETE FROM {models} WHERE name = {}", literal(&model.name)));
            // its views read the tables that go now; where what is left is too broken to be shown, they go as well
            if door.spi.look(|| views::rebuild(door, &model.schema)).is_err() {
                views::remove(door, &model.schema);
            }
            let (mut gone, mut left) = (Vec::new(), Vec::new());
            let tables = [
                ("periods", "VIEW", &model.periods),
                ("members", "TABLE", &model.members),
                ("history", "TABLE", &model.history),
            ];
            for (ending, kind, table) in tables {
                let name = model.table_name(ending);
                match table {
                    Some(table) => {
                        door.spi.run(&format!("DROP {kind} {table}"));
                        gone.push(table.clone());
                    }
                    None => left.extend(stranger(&model.schema, &name)),
                }
            }
            for part in parts.iter().filter(|part| part.kind != PartKind::Ledger) {
                gone.extend(sources::drop(door, &part.source));
                match drop_own_view(door, &model, part.kind) {
                    Some(view) => gone.push(view),
                    None => left.extend(stranger(&model.schema, &model.table_name(part.kind.name()))),
                }
            }
            for part in parts.iter().filter(|part| part.kind == PartKind::Ledger) {
                follow::forget_changes(door, &part.source);
            }
            let left = match left.is_empty() {
                true => String::new(),
                false => format!("; left, since they do not bear its mark: {}", left.join(", ")),
            };
            Answer::Text(format!("dropped model \"{}\": {}{left}", model.name, gone.join(", ")))
        },
    )
}

/// What stands in the place of something that was made.
fn stranger(schema: &str, name: &str) -> Option<String> {
    catalog::relation_in(catalog::schema_called(schema)?, name).map(|_| qualified_text(schema, name))
}

/// Whether a part was read by the model under another source's name, and counts the same.
pub fn is_renamed(part: &Part) -> bool {
    part.consumed == Some(BEFORE_EVERY_SYNC)
}

crate::pg::declare!(
    pg_finfo_living_create_model,
    pg_finfo_living_alter_model,
    pg_finfo_living_calibrate,
    pg_finfo_living_activate,
    pg_finfo_living_drop_model
);
