//! Sources: adding, checking and dropping them.

use pgrx::prelude::*;
use strata_core::statements::registry::{Capture, Source, comment, insert_source};
use strata_core::statements::{literal, qualified, source as texts};

use super::door::{Answer, Door, reading, writing};
use super::follow;
use super::registry::Kind;
use super::relation::{self, Family, UsedColumn, used_columns};
use crate::error::raise;
use crate::pg::catalog;
use crate::pg::expression::{self, RowExpression};
use crate::pg::rows::Rows;

/// What a caller says of a relation, read as he reads it.
struct Asked {
    relation: pg_sys::Oid,
    user: RowExpression,
    time: Option<RowExpression>,
    amount: Option<RowExpression>,
    condition: Option<RowExpression>,
}

impl Asked {
    fn expressions(&self) -> impl Iterator<Item = &RowExpression> {
        [&self.time, &self.amount, &self.condition].into_iter().flatten().chain([&self.user])
    }
}

fn check_relation(relation: Option<pg_sys::Oid>, name: &str) -> pg_sys::Oid {
    let Some(relation) = relation else {
        raise(
            PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            format!("the relation of source \"{name}\" is missing"),
            None,
        )
    };
    if catalog::is_temporary(relation) {
        let (_, table) = catalog::relation_name(relation).unwrap_or_default();
        raise(
            PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            format!("{table} is a temporary table, which ends with its session"),
            Some("Follow a table that stays.".to_owned()),
        );
    }
    relation
}

/// `add_source(name, relation, user_column, time_column, amount_expression, where_clause, time_zone, capture, "column", margin,
/// user_map, schema, map_alias, map_user, compare_every, keep_before)`
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_add_source(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    writing(
        fcinfo,
        |door| {
            let name = door.check_name(Kind::Source, door.text(0).as_deref());
            let relation = check_relation(door.oid(1), &name);
            let of_row = |text: &str, what: &str| expression::of_row(relation, text, what);
            let needed = |index: usize, what: &str, example: &str| {
                door.text(index).unwrap_or_else(|| {
                    raise(
                        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                        format!("the {what} of source \"{name}\" is missing"),
                        Some(format!("For example {what} => '{example}'.")),
                    )
                })
            };
            let user = of_row(&needed(2, "user_column", "customer_id"), "user_column");
            let time = of_row(&needed(3, "time_column", "ordered_at"), "time_column");
            let amount = door.text(4).map(|text| of_row(&text, "amount_expression"));
            let condition = door.text(5).map(|text| of_row(&text, "where_clause"));
            let map = door.oid(10).map(|map| {
                let map = check_relation(Some(map), &name);
                let part = |index: usize, what: &str| expression::of_row(map, &needed(index, what, "user_id"), what);
                (map, part(12, "map_alias"), part(13, "map_user"))
            });
            (name, Asked { relation, user, time: Some(time), amount, condition }, map)
        },
        |door, (name, asked, map)| {
            let schema = schema_argument(door, 11, &format!("source \"{name}\""));
            let registry = door.registry_for(&schema);
            let map = map.map(|(relation, alias, user)| {
                let map_name = format!("{name}_map");
                let map = register_users(door, &registry.schema, &map_name, relation, &alias, "auto");
                let user_type = key_type(door, &user, "map_user");
                (map, format!("({})::{user_type}", user.canonical), user_type)
            });
            let zone = check_zone(door, door.text(6), &asked);
            let source = register(door, &registry.schema, &name, &asked, zone, map);
            let source = follow::count_all(door, source);
            let rows = Rows::of(door.call);
            door.spi.answer(&texts::added(&source), &rows);
            Answer::Rows(rows)
        },
    )
}

/// The schema for generated tables: as given, as the setting `strata.schema` says, or the first on the search path.
pub fn schema_argument(door: &Door<'_>, index: usize, what: &str) -> String {
    let named = door.name(index).or_else(|| {
        let schema = crate::pg::settings::setting(c"strata.schema");
        (!schema.is_empty()).then_some(schema)
    });
    named.or_else(|| door.path.first().and_then(|schema| catalog::schema_name(*schema))).unwrap_or_else(|| {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_SCHEMA_NAME,
            format!("there is no schema for the tables of {what}"),
            Some("Name one: schema => 'analytics'.".to_owned()),
        )
    })
}

/// The time zone of a source's days: named for instants, and for them alone.
fn check_zone(door: &Door<'_>, zone: Option<String>, asked: &Asked) -> Option<String> {
    let time = asked.time.as_ref()?;
    let is_instant = match base_type(door, time).as_str() {
        "timestamp with time zone" => true,
        "date" | "timestamp without time zone" => false,
        other => raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("time_column \"{}\" is of type {other}", time.canonical),
            Some("It can be date, timestamp or timestamp with time zone.".to_owned()),
        ),
    };
    match zone {
        None if is_instant => raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("time_column \"{}\" is an instant, whose day needs a time zone", time.canonical),
            Some("For example time_zone => 'Asia/Shanghai'.".to_owned()),
        ),
        // refuses a zone that there is not
        Some(zone) => {
            door.spi.run(&format!("SELECT statement_timestamp() AT TIME ZONE {}", literal(&zone)));
            is_instant.then_some(zone)
        }
        None => None,
    }
}

/// The type of an expression without a domain, as SQL names it.
fn base_type(door: &Door<'_>, expression: &RowExpression) -> String {
    door.spi
        .value(&format!(
            "WITH RECURSIVE bases AS (
    SELECT {0}::oid AS base
    UNION ALL SELECT t.typbasetype FROM bases JOIN pg_type AS t ON t.oid = base WHERE t.typtype = 'd'
)
SELECT format_type(base, -1) FROM bases JOIN pg_type AS t ON t.oid = base WHERE t.typtype <> 'd'",
            expression.type_id.to_u32()
        ))
        .unwrap_or_default()
}

/// The type that users of an expression are kept by.
fn key_type(door: &Door<'_>, expression: &RowExpression, what: &str) -> String {
    let base = base_type(door, expression);
    let is_unfit = door.spi.is(&format!(
        "SELECT t.typcategory IN ('A', 'C', 'P') OR t.typname IN ('json', 'jsonb', 'xml') FROM pg_type AS t WHERE t.oid = {}::regtype",
        literal(&base)
    ));
    if is_unfit {
        raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("{what} \"{}\" is of type {base}", expression.canonical),
            Some("A user is a number, a text or a uuid.".to_owned()),
        );
    }
    let owner = door.spi.value(&format!(
        "SELECT quote_ident(o.rolname) FROM pg_type AS t JOIN pg_roles AS o ON o.oid = t.typowner
WHERE t.oid = {}::regtype AND NOT o.rolsuper AND o.oid <> {}::oid",
        literal(&base),
        door.caller.to_u32()
    ));
    if let Some(owner) = owner {
        raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("{what} \"{}\" is of type {base}, which belongs to {owner}", expression.canonical),
            Some("Casts of that type are his functions, and would run as you. Use a type of your own, or one of PostgreSQL's.".to_owned()),
        );
    }
    match base.as_str() {
        "smallint" => "integer".to_owned(),
        // bpchar is what format_type calls character without a length; as a cast, character is one letter
        "character varying" | "bpchar" | "name" => "text".to_owned(),
        _ => base,
    }
}

/// The expression of users as they are kept: 177 and 177.00 are one.
fn user_expression(door: &Door<'_>, expression: &RowExpression, key_type: &str) -> String {
    let canonical = &expression.canonical;
    let own = door.spi.value(&format!("SELECT format_type({}::oid, -1)", expression.type_id.to_u32()));
    match key_type {
        "numeric" => format!("trim_scale(({canonical})::numeric)"),
        _ if own.as_deref() == Some(key_type) => canonical.clone(),
        _ => format!("({canonical})::{key_type}"),
    }
}

/// The columns that expressions name, each once.
fn columns_of<'a>(expressions: impl Iterator<Item = &'a RowExpression>) -> Vec<String> {
    let mut columns: Vec<String> = expressions.flat_map(|expression| expression.columns.iter().cloned()).collect();
    columns.sort();
    columns.dedup();
    columns
}

/// How a relation is to be followed: as asked, or as we choose.
fn choose(asked: &str, family: &Family, columns: &[UsedColumn], mark_column: Option<&str>) -> (Capture, String) {
    let is_known = asked == "auto" || Capture::of(asked).is_some();
    if !is_known {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("capture cannot be \"{asked}\""),
            Some("It is one of 'auto', 'trigger', 'column', 'compare' and 'none'.".to_owned()),
        );
    }
    let (chosen, because) = follow::chosen(family, columns);
    if asked == "trigger" && chosen != Capture::Trigger {
        let obstacle = because.split("; without").next().unwrap_or_default();
        raise(
            PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            format!("triggers cannot capture the changes: {obstacle}"),
            Some("Use capture => 'column' with a column that only grows, or capture => 'compare'.".to_owned()),
        );
    }
    if asked == "column" && mark_column.is_none() {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "capture => 'column' needs a column",
            Some("One that only grows, such as \"column\" => 'order_id' or \"column\" => 'loaded_at'.".to_owned()),
        );
    }
    if mark_column.is_some() && asked != "auto" && asked != "column" {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "\"column\" is of use only with capture => 'column'",
            None,
        );
    }
    match (Capture::of(asked), mark_column) {
        (Some(capture), _) => (capture, "as asked".to_owned()),
        (None, Some(column)) => (Capture::Column, format!("column \"{column}\" is given")),
        (None, None) => (chosen, because),
    }
}

/// The column that only grows, with its margin.
fn mark_of(door: &Door<'_>, relation: u32, column: &str, margin: Option<String>) -> String {
    let found = used_columns(door, relation, &[column.to_owned()], None);
    let Some(found) = found.first() else {
        raise(PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN, format!("the relation has no column \"{column}\""), None)
    };
    let is_timed = matches!(found.base.as_str(), "date" | "timestamp without time zone" | "timestamp with time zone");
    let is_number = matches!(found.base.as_str(), "smallint" | "integer" | "bigint" | "numeric");
    if !is_timed && !is_number {
        raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("column \"{column}\" is of type {}", found.base),
            Some("A column that only grows is a number or a time.".to_owned()),
        );
    }
    let margin = margin.unwrap_or_else(|| if is_timed { "1 hour" } else { "10000" }.to_owned());
    // refuses a margin that is none
    let check = if is_timed { "interval" } else { "numeric" };
    door.spi.run(&format!("SELECT {}::{check}", literal(&margin)));
    margin
}

/// Registers a relation of events and makes its tables and triggers; nothing is counted yet.
fn register(
    door: &Door<'_>,
    schema: &str,
    name: &str,
    asked: &Asked,
    time_zone: Option<String>,
    map: Option<(Source, String, String)>,
) -> Source {
    let alias_type = key_type(door, &asked.user, "user_column");
    if let Some((map, ..)) = &map
        && map.key_type != alias_type
    {
        raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!(
                "the aliases of map {} are of type {}, those of source \"{name}\" of type {alias_type}",
                map.relation_text(),
                map.key_type
            ),
            Some("Cast one of them, as in map_alias => 'alias::text'.".to_owned()),
        );
    }
    let amount = asked.amount.as_ref().map(|amount| match base_type(door, amount).as_str() {
        "numeric" | "bigint" | "integer" | "double precision" => amount.canonical.clone(),
        "smallint" => format!("({})::integer", amount.canonical),
        "real" => format!("({})::double precision", amount.canonical),
        other => raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("amount_expression \"{}\" is of type {other}", amount.canonical),
            Some("It can be numeric, bigint, integer or double precision.".to_owned()),
        ),
    });
    if let Some(condition) = &asked.condition
        && base_type(door, condition) != "boolean"
    {
        raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("where_clause \"{}\" is of type {}, not boolean", condition.canonical, base_type(door, condition)),
            None,
        );
    }
    let (map_name, map_expression, user_type) = match map {
        Some((map, expression, user_type)) => (Some(map.name), Some(expression), user_type),
        None => (None, None, alias_type.clone()),
    };
    let source = Source {
        is_events: true,
        key_type: user_type,
        user_expression: user_expression(door, &asked.user, &alias_type),
        alias_type,
        time_expression: asked.time.as_ref().map(|time| time.canonical.clone()),
        amount_expression: amount,
        where_clause: asked.condition.as_ref().map(|condition| condition.canonical.clone()),
        time_zone,
        map: map_name,
        map_expression,
        columns: columns_of(asked.expressions()),
        compare_every: door.printed(14),
        keep_before: door.printed(15),
        ..empty(schema, name)
    };
    let capture = door.text(7).unwrap_or_else(|| "NULL".to_owned());
    make(door, source, asked.relation, &capture, door.name(8), door.text(9))
}

/// Registers a relation of attributes, of registered users, or a map; nothing is noted yet.
pub fn register_users(
    door: &Door<'_>,
    schema: &str,
    name: &str,
    relation: pg_sys::Oid,
    user: &RowExpression,
    capture: &str,
) -> Source {
    let key_type = key_type(door, user, "user_column");
    let source = Source {
        is_events: false,
        user_expression: user_expression(door, user, &key_type),
        alias_type: key_type.clone(),
        key_type,
        columns: columns_of([user].into_iter()),
        ..empty(schema, name)
    };
    make(door, source, relation, capture, None, None)
}

fn empty(schema: &str, name: &str) -> Source {
    Source {
        schema: schema.to_owned(),
        name: name.to_owned(),
        id: String::new(),
        is_events: true,
        relation: 0,
        relation_schema: String::new(),
        relation_name: String::new(),
        relation_owner: String::new(),
        key_type: String::new(),
        alias_type: String::new(),
        user_expression: String::new(),
        time_expression: None,
        amount_expression: None,
        where_clause: None,
        time_zone: None,
        capture_asked: String::new(),
        capture: Capture::None,
        because: String::new(),
        columns: Vec::new(),
        mark_column: None,
        margin: None,
        mark: None,
        compare_every: None,
        keep_before: None,
        map: None,
        map_expression: None,
        ledger: None,
        aliases: None,
        queue: None,
        changes: None,
        alias_changes: None,
        rejects: None,
        family: Vec::new(),
        place: catalog::place(),
        sync_id: 0,
        changed: 0,
        latest_day: None,
        guests: 0,
        is_due: true,
    }
}

/// Makes the tables and triggers of a source, and its row in the registry.
fn make(
    door: &Door<'_>,
    source: Source,
    relation: pg_sys::Oid,
    capture_asked: &str,
    mark_column: Option<String>,
    margin: Option<String>,
) -> Source {
    let mut source = source;
    let name = &source.name;
    let taken = format!(
        "SELECT EXISTS (SELECT FROM {} WHERE name = {})",
        qualified(&source.schema, "strata_sources"),
        literal(name)
    );
    if door.spi.is(&taken) {
        raise(
            PgSqlErrorCode::ERRCODE_DUPLICATE_OBJECT,
            format!("source \"{name}\" exists already"),
            Some(format!("Drop it first: SELECT strata.drop_source({});", literal(name))),
        );
    }
    let Some((relation_schema, relation_name)) = catalog::relation_name(relation) else {
        raise(PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE, format!("the relation of source \"{name}\" is gone"), None)
    };
    source.id = door.spi.value("SELECT gen_random_uuid()").unwrap_or_default();
    source.relation = relation.to_u32();
    (source.relation_schema, source.relation_name) = (relation_schema, relation_name);
    source.relation_owner =
        catalog::relation_of(relation).map(|relation| catalog::role_name(relation.owner)).unwrap_or_default();
    let family = Family::of(door, source.relation, None);
    let columns = used_columns(door, source.relation, &source.columns, None);
    if source.columns.iter().any(|column| column == "strata_change") {
        raise(
            PgSqlErrorCode::ERRCODE_RESERVED_NAME,
            format!("the column \"strata_change\" of {} has a name that the queue needs", source.relation_text()),
            Some("Give it another name.".to_owned()),
        );
    }
    (source.capture, source.because) = choose(capture_asked, &family, &columns, mark_column.as_deref());
    source.capture_asked = capture_asked.to_owned();
    match (source.capture, mark_column) {
        (Capture::Column, Some(column)) => {
            source.margin = Some(mark_of(door, source.relation, &column, margin));
            source.mark_column = Some(column);
        }
        _ if margin.is_some() => raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "a margin is of use only with capture => 'column'",
            None,
        ),
        _ => {}
    }
    if source.compare_every.is_some() && source.capture != Capture::Compare {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "compare_every is of use only with capture => 'compare'",
            None,
        );
    }
    make_tables(door, &mut source, &columns);
    door.spi.run(&insert_source(&source));
    if source.capture == Capture::Trigger {
        relation::attach(door, &source, &family.0);
    }
    source.family = family.oids();
    source
}

fn make_tables(door: &Door<'_>, source: &mut Source, columns: &[UsedColumn]) {
    for ending in source.endings() {
        door.check_free(&source.schema, &source.table_name(ending), &format!("source \"{}\"", source.name));
    }
    let columns: String = columns.iter().map(UsedColumn::for_queue).collect();
    for (ending, statement, about) in texts::create_tables(source, &columns) {
        let table = qualified(&source.schema, &source.table_name(ending));
        door.spi.run(&statement);
        door.spi.run(&comment("TABLE", &table, &source.id, &about));
        let place = match ending {
            "ledger" => &mut source.ledger,
            "aliases" => &mut source.aliases,
            "queue" => &mut source.queue,
            "alias_changes" => &mut source.alias_changes,
            "rejects" => &mut source.rejects,
            _ => &mut source.changes,
        };
        *place = Some(table);
    }
    door.spi.run_all(texts::finish_tables(source));
}

/// `sync(source)`: the users whose ledgers it changed.
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_sync(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    writing(
        fcinfo,
        |_| (),
        |door, ()| {
            let source = follow::sync(door, door.source_to_change(door.text(0).as_deref()));
            follow::forget_changes(door, &source);
            Answer::Bigint(source.changed)
        },
    )
}

/// `rebuild(source)`: the users whose ledgers it changed.
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_rebuild(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    writing(
        fcinfo,
        |_| (),
        |door, ()| {
            let source = follow::count_all(door, door.source_to_change(door.text(0).as_deref()));
            Answer::Bigint(source.changed)
        },
    )
}

/// `verify(source)`: every user whose ledger is not what the rows say. What its way of capture shows is no difference.
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_verify(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: reads a variable.
    let is_standby = unsafe { pg_sys::RecoveryInProgress() };
    let answer = |door: &Door<'_>, source: &Source| {
        let rows = Rows::of(door.call);
        follow::verify(door, source, &rows);
        Answer::Rows(rows)
    };
    match is_standby {
        true => reading(fcinfo, |door| {
            let source = door.source(door.text(0).as_deref());
            answer(door, &source)
        }),
        false => writing(
            fcinfo,
            |_| (),
            |door, ()| {
                let source = door.source_to_change(door.text(0).as_deref());
                let follows = matches!(source.capture, Capture::Trigger | Capture::Column);
                let source = if follows { follow::sync(door, source) } else { source };
                answer(door, &source)
            },
        ),
    }
}

/// `drop_source(source)`: what is gone.
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_drop_source(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    writing(
        fcinfo,
        |_| (),
        |door, ()| {
            let source = door.source_to_change(door.text(0).as_deref());
            let name = literal(&source.name);
            let readers = door.spi.value(&format!(
                "SELECT string_agg(DISTINCT quote_ident(model), ', ') FROM {} WHERE source = {name}",
                qualified(&source.schema, "strata_model_sources")
            ));
            if let Some(readers) = readers {
                raise(
                    PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                    format!("source \"{}\" is read by models: {readers}", source.name),
                    Some("Drop them first, with strata.drop_model.".to_owned()),
                );
            }
            let parent = door.spi.value(&format!(
                "SELECT min(name) FROM {} WHERE map = {name}",
                qualified(&source.schema, "strata_sources")
            ));
            if let Some(parent) = parent {
                raise(
                    PgSqlErrorCode::ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST,
                    format!("source \"{}\" is the map of source \"{parent}\"", source.name),
                    None,
                );
            }
            let gone = drop(door, &source);
            Answer::Text(format!("dropped source \"{}\": {}", source.name, gone.join(", ")))
        },
    )
}

/// Drops what bears the source's mark, and the source; what does not bear it is left. Answers what is gone, and what was left.
pub fn drop(door: &Door<'_>, source: &Source) -> Vec<String> {
    relation::detach(door, source, &[]);
    let mut gone = Vec::new();
    for ending in ["ledger", "aliases", "queue", "changes", "alias_changes", "rejects"] {
        match source.table(ending) {
            Some(table) => {
                door.spi.run(&format!("DROP TABLE {table}"));
                gone.push(table.to_owned());
            }
            None if source.endings().contains(&ending) => {
                gone.push(format!("(no table {} that it made is there)", source.table_name(ending)));
            }
            None => {}
        }
    }
    if source.capture == Capture::Trigger {
        gone.push(format!("and its triggers on {}", source.relation_text()));
    }
    let sources = qualified(&source.schema, "strata_sources");
    door.spi.run(&format!("DELETE FROM {sources} WHERE name = {}", literal(&source.name)));
    if let Some(map) = &source.map {
        gone.extend(drop(door, &door.source_in(&source.schema, map)));
    }
    gone
}

crate::pg::declare!(
    pg_finfo_living_add_source,
    pg_finfo_living_sync,
    pg_finfo_living_rebuild,
    pg_finfo_living_verify,
    pg_finfo_living_drop_source
);
