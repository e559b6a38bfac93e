//! Registries on the caller's search path, and the rows in them. Only the caller's own are read: what another role has put in
//! the place of a table never runs with the caller's rights.

use pgrx::{PgSqlErrorCode, pg_sys};
use strata_core::model::{Definition, Model};
use strata_core::statements::registry::{
    self as texts, LAYOUT, LivingModel, Part, PartKind, Source, TABLES, models_select, sources_select,
};
use strata_core::statements::{ident, literal, qualified};

use super::door::Door;
use crate::error::{OrRaise, raise};
use crate::pg::catalog;
use crate::pg::spi::Row;

/// The tables `strata_…` of a schema that belong to the caller.
#[derive(Debug, Clone)]
pub struct Registry {
    pub schema: String,
}

/// A schema whose registry is another role's, and that role.
type Foreign = (String, String);

/// What stands in a schema.
enum Found {
    Nothing,
    Own(Registry),
    Of(pg_sys::Oid),
}

/// What is looked for by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Source,
    Model,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Source => "source",
            Kind::Model => "model",
        }
    }

    fn table(self) -> &'static str {
        match self {
            Kind::Source => "strata_sources",
            Kind::Model => "strata_models",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Kind::Source => {
                "Add it: SELECT * FROM strata.add_source('orders', 'shop.orders', 'customer_id', 'ordered_at', 'amount');"
            }
            Kind::Model => "Create it: SELECT strata.create_model('rfm', strata.preset('rfm_eleven'));",
        }
    }
}

impl Door<'_> {
    /// The registry of a schema. Its tables are held until the transaction ends, and looked at again when they are: what has
    /// been looked at is what is read.
    fn look(&self, schema: pg_sys::Oid) -> Found {
        let Some(name) = catalog::schema_name(schema) else { return Found::Nothing };
        let tables = || TABLES.map(|table| catalog::relation_in(schema, table));
        let before = tables();
        let Some(first) = before[0] else { return Found::Nothing };
        let is_own = |tables: &[Option<catalog::Relation>; TABLES.len()]| {
            tables.iter().all(|table| table.is_some_and(|table| table.owner == self.caller && table.kind == b'r'))
        };
        if !is_own(&before) {
            let owner = before.iter().flatten().map(|table| table.owner).find(|owner| *owner != self.caller);
            return Found::Of(owner.unwrap_or(first.owner));
        }
        for table in before.iter().flatten() {
            catalog::hold(table.oid);
        }
        let after = tables();
        let same = before.iter().zip(&after).all(|(before, after)| before.map(|t| t.oid) == after.map(|t| t.oid));
        if !same || !is_own(&after) || catalog::schema_name(schema).as_deref() != Some(&name) {
            raise(
                PgSqlErrorCode::ERRCODE_OBJECT_IN_USE,
                format!("the registry in schema {} is being changed", ident(&name)),
                Some("Try again.".to_owned()),
            );
        }
        let registry = Registry { schema: name };
        registry.check_layout(self);
        Found::Own(registry)
    }

    /// The caller's own registries, in the order of his search path, and the owners of others on it.
    fn registries(&self) -> (Vec<Registry>, Vec<Foreign>) {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for schema in self.schemas() {
            match self.look(schema) {
                Found::Nothing => {}
                Found::Own(registry) => own.push(registry),
                Found::Of(owner) => {
                    let schema = catalog::schema_name(schema).unwrap_or_default();
                    others.push((schema, catalog::role_name(owner)));
                }
            }
        }
        (own, others)
    }

    /// Whether there is a schema on the search path in which tables of users can be.
    fn has_path(&self) -> bool {
        // SAFETY: a catalog look-up.
        let is_of_users = |schema: &pg_sys::Oid| unsafe {
            schema.to_u32() != pg_sys::PG_CATALOG_NAMESPACE && !pg_sys::isAnyTempNamespace(*schema)
        };
        self.path.iter().any(is_of_users)
    }

    /// The schemas in which registries are looked for: those on the search path. Where none is on it, as while a dump is restored or
    /// a materialized view refreshed, all in which the caller has one, by their names.
    fn schemas(&self) -> Vec<pg_sys::Oid> {
        if self.has_path() {
            return self.path.clone();
        }
        let rows = self.spi.rows(&format!(
            "SELECT c.relnamespace FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = 'strata_registry' AND c.relowner = {}::oid ORDER BY n.nspname",
            self.caller.to_u32()
        ));
        let schemas = rows.into_iter().filter_map(|row| row.into_iter().next()??.parse::<u32>().ok());
        schemas.map(pg_sys::Oid::from).collect()
    }

    /// The caller's own registries on his search path.
    pub fn own_registries(&self) -> Vec<Registry> {
        self.registries().0
    }

    /// The registry that is in a schema.
    pub fn registry_in(&self, schema: &str) -> Registry {
        let found = catalog::schema_called(schema).map_or(Found::Nothing, |schema| self.look(schema));
        match found {
            Found::Own(registry) => registry,
            Found::Of(owner) => belongs_to(schema, &catalog::role_name(owner)),
            Found::Nothing => raise(
                PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                format!("schema {} has no sources and models", ident(schema)),
                Some("A registry is made with the first source or model of a schema.".to_owned()),
            ),
        }
    }

    /// The registry of a schema in which something is to be made; it is made with the first.
    pub fn registry_for(&self, schema: &str) -> Registry {
        let Some(oid) = catalog::schema_called(schema) else {
            raise(
                PgSqlErrorCode::ERRCODE_INVALID_SCHEMA_NAME,
                format!("schema \"{schema}\" does not exist"),
                Some("Name one that is there: schema => 'analytics'.".to_owned()),
            )
        };
        match self.look(oid) {
            Found::Own(registry) => registry,
            Found::Of(owner) => belongs_to(schema, &catalog::role_name(owner)),
            Found::Nothing => {
                self.spi.run_all(texts::create(schema));
                Registry { schema: schema.to_owned() }
            }
        }
    }

    /// Where a name is looked for: in all registries as it stands, and behind the schema that it begins with.
    fn candidates(&self, what: Kind, name: Option<&str>) -> (String, Vec<(Registry, String)>, Vec<Foreign>) {
        let Some(name) = name else {
            raise(
                PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                format!("the name of a {} is missing", what.name()),
                None,
            )
        };
        let (own, mut others) = self.registries();
        let mut candidates: Vec<(Registry, String)> =
            own.into_iter().map(|registry| (registry, name.to_owned())).collect();
        if let Some((schema, rest)) = split_qualified(name)
            && let Some(oid) = catalog::schema_called(&schema)
        {
            match self.look(oid) {
                Found::Own(registry) => candidates.push((registry, rest)),
                Found::Of(owner) => others.push((schema, catalog::role_name(owner))),
                Found::Nothing => {}
            }
        }
        (name.to_owned(), candidates, others)
    }

    fn find(&self, what: Kind, name: Option<&str>, select: impl Fn(&str, &str) -> String) -> (Registry, Row) {
        let (name, candidates, others) = self.candidates(what, name);
        let found = candidates.iter().filter_map(|(registry, name)| {
            let tail = format!("WHERE s.name = {}", literal(name));
            Some((registry.clone(), self.spi.row(&select(&registry.schema, &tail))?))
        });
        // on a search path the first is meant
        let most = if self.has_path() { 1 } else { 2 };
        let mut found: Vec<(Registry, Row)> = found.take(most).collect();
        match (found.pop(), found.pop()) {
            (Some(one), None) => return one,
            (Some((one, _)), Some((other, _))) => raise(
                PgSqlErrorCode::ERRCODE_AMBIGUOUS_ALIAS,
                format!("there is a {} \"{name}\" in more than one schema", what.name()),
                Some(format!("Say which: {}.{name} or {}.{name}.", ident(&other.schema), ident(&one.schema))),
            ),
            (None, _) => {}
        }
        let mut known: Vec<String> = candidates.iter().flat_map(|(registry, _)| registry.names(self, what)).collect();
        known.sort();
        known.dedup();
        let mut hint = match known.is_empty() {
            true => what.example().to_owned(),
            false => format!("There is: {}.", known.join(", ")),
        };
        for (schema, owner) in others {
            hint = format!("{hint} Those of schema {} belong to {owner}: SET ROLE {owner};", ident(&schema));
        }
        raise(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("{} \"{name}\" does not exist", what.name()),
            Some(hint),
        )
    }

    /// The source of a name.
    pub fn source(&self, name: Option<&str>) -> Source {
        self.held_source(self.found_source(name))
    }

    fn found_source(&self, name: Option<&str>) -> Source {
        let (registry, row) = self.find(Kind::Source, name, sources_select);
        Source::from_row(&registry.schema, &row).or_raise()
    }

    /// The source of a name, to be changed: locked until the transaction ends.
    pub fn source_to_change(&self, name: Option<&str>) -> Source {
        // whoever drops it holds its row while it waits for the tables
        let found = self.found_source(name);
        found.lock(self);
        self.source_in(&found.schema, &found.name)
    }

    /// A source of a schema whose registry is the caller's, as it is now.
    pub fn source_in(&self, schema: &str, name: &str) -> Source {
        let tail = format!("WHERE s.name = {}", literal(name));
        match self.spi.row(&sources_select(schema, &tail)) {
            Some(row) => self.held_source(Source::from_row(schema, &row).or_raise()),
            None => raise(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("source \"{name}\" is gone"), None),
        }
    }

    /// The model of a name.
    pub fn model(&self, name: Option<&str>) -> LivingModel {
        self.held_model(self.found_model(name))
    }

    fn found_model(&self, name: Option<&str>) -> LivingModel {
        let (registry, row) = self.find(Kind::Model, name, models_select);
        LivingModel::from_row(&registry.schema, &row).or_raise()
    }

    /// Holds tables that have been found to be the caller's own, so that they stay what they are: whose schema it is may drop
    /// them, and put his own in their place while a call waits for a lock; what is on those would run as the caller.
    fn hold_tables<'t>(&self, whose: &str, tables: impl IntoIterator<Item = &'t String>) {
        for table in tables {
            let held = catalog::hold_named(table);
            if held.is_none_or(|held| held.owner != self.caller || held.kind != b'r' && held.kind != b'v') {
                raise(
                    PgSqlErrorCode::ERRCODE_OBJECT_IN_USE,
                    format!("table {table} of {whose} is being changed"),
                    Some("Try again.".to_owned()),
                );
            }
        }
    }

    fn held_source(&self, source: Source) -> Source {
        let tables =
            [&source.ledger, &source.aliases, &source.queue, &source.changes, &source.alias_changes, &source.rejects];
        self.hold_tables(&format!("source \"{}\"", source.name), tables.into_iter().flatten());
        source
    }

    fn held_model(&self, model: LivingModel) -> LivingModel {
        let tables = [&model.members, &model.history, &model.periods];
        self.hold_tables(&format!("model \"{}\"", model.name), tables.into_iter().flatten());
        model
    }

    /// The model of a name, to be changed: locked until the transaction ends.
    pub fn model_to_change(&self, name: Option<&str>) -> LivingModel {
        let found = self.found_model(name);
        let registry = found.registry("strata_models");
        self.spi.run(&format!("SELECT FROM {registry} AS s WHERE s.name = {} FOR NO KEY UPDATE", literal(&found.name)));
        self.model_in(&found.schema, &found.name)
    }

    pub fn model_in(&self, schema: &str, name: &str) -> LivingModel {
        let tail = format!("WHERE s.name = {}", literal(name));
        match self.spi.row(&models_select(schema, &tail)) {
            Some(row) => self.held_model(LivingModel::from_row(schema, &row).or_raise()),
            None => raise(PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT, format!("model \"{name}\" is gone"), None),
        }
    }

    /// A model or a version of it: `rfm` is the active one, `rfm@2` the second.
    pub fn model_and_version(&self, wanted: Option<&str>) -> (LivingModel, i32, Model) {
        let (name, version) = match wanted.and_then(|wanted| wanted.rsplit_once('@')) {
            Some((name, version)) => match version.parse::<i32>() {
                Ok(version) => (Some(name), Some(version)),
                Err(_) => raise(
                    PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                    format!("\"{}\" is no version of a model", wanted.unwrap_or_default()),
                    Some("rfm@2 is the second version of model rfm, rfm the active one.".to_owned()),
                ),
            },
            None => (wanted, None),
        };
        let model = self.model(name);
        let version = version.unwrap_or(model.active_version);
        let definition = self.version(&model, version);
        (model, version, definition)
    }

    /// The definition of a version.
    pub fn version(&self, model: &LivingModel, version: i32) -> Model {
        let versions = model.registry("strata_versions");
        let name = literal(&model.name);
        let query = format!("SELECT definition FROM {versions} WHERE model = {name} AND version = {version}");
        match self.spi.value(&query) {
            Some(json) => Definition::from_json(&json).and_then(Model::new).or_raise(),
            None => {
                let known = self.spi.value(&format!(
                    "SELECT string_agg(version::text, ', ' ORDER BY version) FROM {versions} WHERE model = {name}"
                ));
                raise(
                    PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                    format!("model \"{}\" has no version {version}", model.name),
                    Some(format!("It has: {}.", known.unwrap_or_default())),
                )
            }
        }
    }

    /// The sources of a model with their part in it.
    pub fn parts(&self, model: &LivingModel) -> Vec<Part> {
        let query = format!(
            "SELECT part, name, source, consumed FROM {} WHERE model = {} ORDER BY part, name",
            model.registry("strata_model_sources"),
            literal(&model.name)
        );
        let rows = self.spi.rows(&query);
        rows.into_iter()
            .filter_map(|row| {
                let [Some(part), Some(name), Some(source), consumed] = row.as_slice() else { return None };
                Some(Part {
                    kind: PartKind::of(part)?,
                    name: name.clone(),
                    consumed: consumed.as_ref().and_then(|number| number.parse().ok()),
                    source: self.source_in(&model.schema, source),
                })
            })
            .collect()
    }

    /// Says that something may not be called so: names of tables are made of it and an ending.
    pub fn check_name(&self, what: Kind, name: Option<&str>) -> String {
        let most = if what == Kind::Model { 44 } else { 47 };
        let what_name = what.name();
        match name {
            None | Some("") => {
                raise(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, format!("a {what_name} needs a name"), None)
            }
            Some(name) if name.len() > most => raise(
                PgSqlErrorCode::ERRCODE_NAME_TOO_LONG,
                format!("the name \"{name}\" of a {what_name} has {} bytes, at most {most} are possible", name.len()),
                Some("Its tables are called by it, as in orders_ledger.".to_owned()),
            ),
            Some(name) if what == Kind::Model && name.contains('@') => raise(
                PgSqlErrorCode::ERRCODE_INVALID_NAME,
                format!("the name \"{name}\" of a model has an @ in it"),
                Some("model@2 is the second version of a model.".to_owned()),
            ),
            Some(name) => name.to_owned(),
        }
    }

    /// Refuses a name that a table or view of that schema has already.
    pub fn check_free(&self, schema: &str, table: &str, what: &str) {
        let taken = catalog::schema_called(schema).and_then(|schema| catalog::relation_in(schema, table));
        if let Some(relation) = taken {
            let owner = catalog::role_name(relation.owner);
            raise(
                PgSqlErrorCode::ERRCODE_DUPLICATE_TABLE,
                format!("{} is there already, and {what} would have a table of that name", qualified(schema, table)),
                Some(format!("It belongs to {owner}. Choose another name or schema, or rename or drop that table.")),
            );
        }
    }
}

impl Registry {
    fn check_layout(&self, door: &Door<'_>) {
        let layout = door.spi.value(&format!("SELECT max(layout) FROM {}", qualified(&self.schema, "strata_registry")));
        let layout: i16 = layout.and_then(|layout| layout.parse().ok()).unwrap_or(LAYOUT);
        if layout > LAYOUT {
            raise(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!(
                    "the registry in schema {} is of layout {layout}, which this library does not know",
                    ident(&self.schema)
                ),
                Some("Install the version of pg_strata that it was made with, or a later one.".to_owned()),
            );
        }
    }

    fn names(&self, door: &Door<'_>, what: Kind) -> Vec<String> {
        let condition = if what == Kind::Source { " WHERE kind = 'events'" } else { "" };
        let table = qualified(&self.schema, what.table());
        let rows = door.spi.rows(&format!("SELECT quote_ident(name) FROM {table}{condition} ORDER BY name"));
        rows.into_iter().filter_map(|row| row.into_iter().next()?).collect()
    }

    /// All sources of events.
    pub fn sources(&self, door: &Door<'_>) -> Vec<Source> {
        let rows = door.spi.rows(&sources_select(&self.schema, "WHERE s.kind = 'events' ORDER BY s.name"));
        rows.iter().map(|row| Source::from_row(&self.schema, row).or_raise()).collect()
    }

    pub fn models(&self, door: &Door<'_>) -> Vec<LivingModel> {
        let rows = door.spi.rows(&models_select(&self.schema, "ORDER BY s.name"));
        rows.iter().map(|row| LivingModel::from_row(&self.schema, row).or_raise()).collect()
    }
}

fn belongs_to(schema: &str, owner: &str) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        format!("the sources and models of schema {} belong to {owner}", ident(schema)),
        Some(format!("SET ROLE {owner}; or name a schema of your own: schema => '…'.")),
    )
}

/// Locking a row of the registry until the transaction ends.
pub trait Lock {
    fn lock(&self, door: &Door<'_>);
}

impl Lock for Source {
    fn lock(&self, door: &Door<'_>) {
        let registry = qualified(&self.schema, "strata_sources");
        door.spi.run(&format!("SELECT FROM {registry} AS s WHERE s.name = {} FOR NO KEY UPDATE", literal(&self.name)));
    }
}

/// `schema.name`, the schema in double quotes or as it stands.
fn split_qualified(name: &str) -> Option<(String, String)> {
    if let Some(rest) = name.strip_prefix('"') {
        let end = rest.find("\".")?;
        return Some((rest[..end].replace("\"\"", "\""), unquoted(&rest[end + 2..])));
    }
    let (schema, rest) = name.split_once('.')?;
    Some((schema.to_owned(), unquoted(rest)))
}

fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}
