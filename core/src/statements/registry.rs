//! The registry: ordinary tables `strata_…` in the schema of their owner, who may dump, restore, rename, grant and drop
//! them as any others of his.

use super::{ident, literal, literal_or_null, qualified};
use crate::error::{ErrorKind, UserError};

/// What the tables of a registry look like; kept in `strata_registry`, so that a library knows what it reads.
pub const LAYOUT: i16 = 1;

/// The tables, in the order in which they are made.
pub const TABLES: [&str; 7] = [
    "strata_registry",
    "strata_sources",
    "strata_models",
    "strata_versions",
    "strata_model_sources",
    "strata_refreshes",
    "strata_layers",
];

/// What a comment begins with on a table or view that was made for a registry, a source or a model.
pub fn mark(id: &str) -> String {
    format!("pg_strata {id}")
}

/// Says of a relation what made it, which only what bears the mark is dropped by.
pub fn comment(kind: &str, relation: &str, id: &str, about: &str) -> String {
    format!("COMMENT ON {kind} {relation} IS {}", literal(&format!("{}: {about}", mark(id))))
}

/// Makes the tables in a schema where there are none yet. The registry's own id is its schema's and owner's, who has one only.
pub fn create(schema: &str) -> Vec<String> {
    let table = |name: &str| qualified(schema, name);
    let [registry, sources, models, versions, model_sources, refreshes, layers] = TABLES.map(table);
    let mut statements = vec![
        format!("CREATE TABLE {registry} (layout smallint PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now())"),
        format!("INSERT INTO {registry} (layout) VALUES ({LAYOUT})"),
        format!(
            "CREATE TABLE {sources} (
    name text PRIMARY KEY CHECK (name <> ''),
    id uuid NOT NULL UNIQUE,
    -- events have ledgers; of users (attributes, registered users, maps) only the changes are kept
    kind text NOT NULL CHECK (kind IN ('events', 'users')),
    relation regclass NOT NULL,
    relation_schema name NOT NULL,
    relation_name name NOT NULL,
    -- whose it was when it was looked at last: nobody else's is read in its place
    relation_owner text NOT NULL,
    key_type regtype NOT NULL,
    -- what rows call a user: an alias where there is a map
    alias_type regtype NOT NULL,
    user_expression text NOT NULL,
    time_expression text,
    amount_expression text,
    where_clause text,
    time_zone text,
    -- what was asked for, and what was chosen
    capture_asked text NOT NULL,
    capture text NOT NULL CHECK (capture IN ('trigger', 'column', 'compare', 'none')),
    because text NOT NULL,
    -- the columns that expressions use, which the queue keeps
    columns name[] NOT NULL,
    mark_column name,
    margin text,
    mark text,
    compare_every interval,
    -- days before it are frozen
    keep_before date,
    map text REFERENCES {sources} (name),
    map_expression text,
    ledger regclass,
    aliases regclass,
    queue regclass,
    changes regclass,
    alias_changes regclass,
    rejects regclass,
    -- the relation and what inherits from it, as they were when it was looked at last
    family regclass[] NOT NULL,
    -- the cluster and database in which that was
    place text NOT NULL,
    sync_id bigint NOT NULL DEFAULT 0,
    -- the last real look at the relation
    synced_at timestamptz,
    seconds double precision,
    changed bigint,
    latest_day date,
    guests bigint NOT NULL DEFAULT 0
)"
        ),
        format!(
            "CREATE TABLE {models} (
    name text PRIMARY KEY CHECK (name <> ''),
    id uuid NOT NULL UNIQUE,
    key_type regtype NOT NULL,
    time_zone text NOT NULL,
    history_from date,
    members regclass,
    history regclass,
    periods regclass,
    -- queries of attributes and users as they were given; views are made of them
    attributes_query text,
    users_query text,
    -- the version to use, and the one that the members were last made by
    active_version integer NOT NULL,
    refreshed_version integer,
    first_day date,
    as_of date,
    refreshed_at timestamptz,
    seconds double precision,
    -- in a layer
    users bigint NOT NULL DEFAULT 0,
    schedule text
)"
        ),
        format!(
            "CREATE TABLE {versions} (
    model text NOT NULL REFERENCES {models} (name) ON UPDATE CASCADE ON DELETE CASCADE,
    version integer NOT NULL CHECK (version > 0),
    definition strata.model NOT NULL,
    cause text NOT NULL CHECK (cause IN ('definition', 'calibration')),
    calibrated_as_of date,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, version)
)"
        ),
        format!(
            "CREATE TABLE {model_sources} (
    model text NOT NULL REFERENCES {models} (name) ON UPDATE CASCADE ON DELETE CASCADE,
    -- ledgers of events by the name that they have in the model; attributes; the registered users
    part text NOT NULL CHECK (part IN ('ledger', 'attributes', 'users')),
    name text NOT NULL,
    source text NOT NULL REFERENCES {sources} (name) ON UPDATE CASCADE,
    -- the source's last sync that the members know of
    consumed bigint,
    PRIMARY KEY (model, part, name)
)"
        ),
        format!("CREATE INDEX ON {model_sources} (source)"),
        format!(
            "CREATE TABLE {refreshes} (
    model text NOT NULL REFERENCES {models} (name) ON UPDATE CASCADE ON DELETE CASCADE,
    refreshed_at timestamptz NOT NULL,
    as_of date NOT NULL,
    report jsonb NOT NULL,
    PRIMARY KEY (model, refreshed_at)
)"
        ),
        format!(
            "CREATE TABLE {layers} (
    model text NOT NULL REFERENCES {models} (name) ON UPDATE CASCADE ON DELETE CASCADE,
    version integer NOT NULL,
    layer text NOT NULL,
    layer_order integer NOT NULL,
    -- 1 is the best; NULL where layers are not ranked
    rank integer,
    label_en text NOT NULL,
    label_zh text NOT NULL,
    PRIMARY KEY (model, version, layer)
)"
        ),
    ];
    let about = [
        (registry, "the layout of this schema's registry of pg_strata."),
        (sources, "sources: what is followed, and how."),
        (models, "models, and how far they have been refreshed."),
        (versions, "the definitions of models, a row for each version."),
        (model_sources, "which sources a model reads."),
        (refreshes, "what each refresh did."),
        (layers, "the layers of each version of a model, with their labels."),
    ];
    statements.extend(about.map(|(table, about)| comment("TABLE", &table, "registry", about)));
    statements
}

/// A source as its row in `strata_sources` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The schema of the registry, as it is called now.
    pub schema: String,
    pub name: String,
    pub id: String,
    pub is_events: bool,
    /// The relation's number; 0 where there is none.
    pub relation: u32,
    pub relation_schema: String,
    pub relation_name: String,
    pub relation_owner: String,
    pub key_type: String,
    pub alias_type: String,
    pub user_expression: String,
    pub time_expression: Option<String>,
    pub amount_expression: Option<String>,
    pub where_clause: Option<String>,
    pub time_zone: Option<String>,
    pub capture_asked: String,
    pub capture: Capture,
    pub because: String,
    pub columns: Vec<String>,
    pub mark_column: Option<String>,
    pub margin: Option<String>,
    pub mark: Option<String>,
    pub compare_every: Option<String>,
    pub keep_before: Option<String>,
    pub map: Option<String>,
    pub map_expression: Option<String>,
    /// Tables by their names as they are now, ready for SQL; `None` where there is none.
    pub ledger: Option<String>,
    pub aliases: Option<String>,
    pub queue: Option<String>,
    pub changes: Option<String>,
    pub alias_changes: Option<String>,
    pub rejects: Option<String>,
    pub family: Vec<u32>,
    pub place: String,
    pub sync_id: i64,
    pub changed: i64,
    pub latest_day: Option<String>,
    pub guests: i64,
    /// Whether the last look is longer ago than `compare_every`, or there was none.
    pub is_due: bool,
}

/// How changes of a relation become known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// Triggers write what a statement changed to a queue.
    Trigger,
    /// Users with rows at or after a mark are counted anew.
    Column,
    /// All rows are counted anew, and the differences taken.
    Compare,
    /// Only `rebuild` counts.
    None,
}

impl Capture {
    pub const ALL: [Capture; 4] = [Capture::Trigger, Capture::Column, Capture::Compare, Capture::None];

    pub fn name(self) -> &'static str {
        match self {
            Capture::Trigger => "trigger",
            Capture::Column => "column",
            Capture::Compare => "compare",
            Capture::None => "none",
        }
    }

    pub fn of(name: &str) -> Option<Capture> {
        Capture::ALL.into_iter().find(|capture| capture.name() == name)
    }
}

/// A table's name as it is now, ready for SQL; NULL where it is gone, or not what was made.
fn present(column: &str) -> String {
    format!(
        "(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE c.oid = s.{column} AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
        AND starts_with(obj_description(c.oid, 'pg_class'), 'pg_strata ' || s.id::text))"
    )
}

/// The columns of [`Source`] behind its schema, in order; lists are JSON.
pub fn sources_select(schema: &str, tail: &str) -> String {
    let tables = ["ledger", "aliases", "queue", "changes", "alias_changes", "rejects"].map(present).join(",\n    ");
    format!(
        "SELECT name, id, kind = 'events', relation::oid, relation_schema, relation_name, relation_owner, key_type, alias_type,
    user_expression, time_expression, amount_expression, where_clause, time_zone, capture_asked, capture, because,
    to_json(columns), mark_column, margin, mark, compare_every, keep_before, map, map_expression,
    {tables},
    to_json(family::oid[]::text[]), place, sync_id, coalesce(changed, 0), latest_day, guests,
    coalesce(synced_at + compare_every <= clock_timestamp(), true)
FROM {} AS s {tail}",
        qualified(schema, "strata_sources")
    )
}

/// A name as people write it: in double quotes where it needs them.
fn shown(name: &str) -> String {
    let is_plain = name.chars().all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_');
    match is_plain && !name.starts_with(|first: char| first.is_ascii_digit()) && !name.is_empty() {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

impl Source {
    /// The relation by its name, ready for SQL.
    pub fn relation_sql(&self) -> String {
        qualified(&self.relation_schema, &self.relation_name)
    }

    /// The relation's name for people.
    pub fn relation_text(&self) -> String {
        format!("{}.{}", shown(&self.relation_schema), shown(&self.relation_name))
    }

    /// The table of ledgers by what rows call a user.
    pub fn base_table(&self) -> &str {
        let table = if self.map.is_none() { &self.ledger } else { &self.aliases };
        table.as_deref().unwrap_or("NULL")
    }

    /// Where the base table's changes are noted: aliases wait for the map.
    pub fn log_table(&self) -> &str {
        let table = if self.map.is_none() { &self.changes } else { &self.alias_changes };
        table.as_deref().unwrap_or("NULL")
    }

    /// The name of one of its tables.
    pub fn table_name(&self, ending: &str) -> String {
        format!("{}_{ending}", self.name)
    }

    /// The endings of the tables that a source of this kind has.
    pub fn endings(&self) -> Vec<&'static str> {
        let mut endings = vec!["changes"];
        if self.is_events {
            endings.extend(["ledger", "rejects"]);
            if self.map.is_some() {
                endings.extend(["aliases", "alias_changes"]);
            }
        }
        if self.capture == Capture::Trigger {
            endings.push("queue");
        }
        endings
    }

    /// Its table of an ending, where it is there.
    pub fn table(&self, ending: &str) -> Option<&str> {
        match ending {
            "ledger" => self.ledger.as_deref(),
            "aliases" => self.aliases.as_deref(),
            "queue" => self.queue.as_deref(),
            "changes" => self.changes.as_deref(),
            "alias_changes" => self.alias_changes.as_deref(),
            "rejects" => self.rejects.as_deref(),
            _ => None,
        }
    }
}

/// Writes a new source down; its tables are there.
pub fn insert_source(source: &Source) -> String {
    let regclass = |table: &Option<String>| {
        table.as_deref().map_or("NULL".to_owned(), |table| format!("{}::regclass", literal(table)))
    };
    let text = |text: &Option<String>| literal_or_null(text.as_deref());
    let columns: Vec<String> = source.columns.iter().map(|column| literal(column)).collect();
    let family: Vec<String> = source.family.iter().map(|member| format!("{member}::regclass")).collect();
    format!(
        "INSERT INTO {} (name, id, kind, relation, relation_schema, relation_name, relation_owner, key_type, alias_type, user_expression,
    time_expression, amount_expression, where_clause, time_zone, capture_asked, capture, because, columns, mark_column, margin,
    compare_every, keep_before, map, map_expression, ledger, aliases, queue, changes, alias_changes, rejects, family, place)
VALUES ({}, {}, {}, {}::regclass, {}, {}, {}, {}::regtype, {}::regtype, {},
    {}, {}, {}, {}, {}, {}, {}, ARRAY[{}]::name[], {}, {},
    {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, ARRAY[{}]::regclass[], {})",
        qualified(&source.schema, "strata_sources"),
        literal(&source.name),
        literal(&source.id),
        if source.is_events { "'events'" } else { "'users'" },
        source.relation,
        literal(&source.relation_schema),
        literal(&source.relation_name),
        literal(&source.relation_owner),
        literal(&source.key_type),
        literal(&source.alias_type),
        literal(&source.user_expression),
        text(&source.time_expression),
        text(&source.amount_expression),
        text(&source.where_clause),
        text(&source.time_zone),
        literal(&source.capture_asked),
        literal(source.capture.name()),
        literal(&source.because),
        columns.join(", "),
        text(&source.mark_column),
        text(&source.margin),
        text(&source.compare_every),
        text(&source.keep_before),
        text(&source.map),
        text(&source.map_expression),
        regclass(&source.ledger),
        regclass(&source.aliases),
        regclass(&source.queue),
        regclass(&source.changes),
        regclass(&source.alias_changes),
        regclass(&source.rejects),
        family.join(", "),
        literal(&source.place),
    )
}

/// Writes down what a sync found, and how the relation is called by now.
pub fn keep_source(source: &Source, looked: bool, seconds: f64) -> String {
    let family: Vec<String> = source.family.iter().map(|member| format!("{member}::regclass")).collect();
    let queue = source.queue.as_deref().map_or("NULL".to_owned(), |queue| format!("{}::regclass", literal(queue)));
    let look = match looked {
        true => format!("synced_at = clock_timestamp(), seconds = {seconds:.6}, "),
        false => String::new(),
    };
    format!(
        "UPDATE {} SET {look}relation = {}::regclass, relation_schema = {}, relation_name = {}, relation_owner = {}, capture = {},
    because = {},
    mark = {}, family = ARRAY[{}]::regclass[], place = {}, queue = {queue}, sync_id = {}, changed = {}, latest_day = {}, guests = {}
WHERE name = {}",
        qualified(&source.schema, "strata_sources"),
        source.relation,
        literal(&source.relation_schema),
        literal(&source.relation_name),
        literal(&source.relation_owner),
        literal(source.capture.name()),
        literal(&source.because),
        literal_or_null(source.mark.as_deref()),
        family.join(", "),
        literal(&source.place),
        source.sync_id,
        source.changed,
        literal_or_null(source.latest_day.as_deref()),
        source.guests,
        literal(&source.name),
    )
}

/// A model as its row in `strata_models` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct LivingModel {
    pub schema: String,
    pub name: String,
    pub id: String,
    pub key_type: String,
    pub time_zone: String,
    pub history_from: Option<String>,
    pub members: Option<String>,
    pub history: Option<String>,
    pub periods: Option<String>,
    pub attributes_query: Option<String>,
    pub users_query: Option<String>,
    pub active_version: i32,
    pub refreshed_version: Option<i32>,
    pub first_day: Option<String>,
    pub as_of: Option<String>,
    pub users: i64,
    pub schedule: Option<String>,
    /// The day it is in its time zone.
    pub today: String,
}

/// The columns of [`LivingModel`] behind its schema, in order.
pub fn models_select(schema: &str, tail: &str) -> String {
    let tables = ["members", "history", "periods"].map(present).join(",\n    ");
    format!(
        "SELECT name, id, key_type, time_zone, history_from,
    {tables},
    attributes_query, users_query, active_version, refreshed_version, first_day, as_of, users, schedule,
    (now() AT TIME ZONE time_zone)::date
FROM {} AS s {tail}",
        qualified(schema, "strata_models")
    )
}

/// A source with its part in a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub kind: PartKind,
    /// The name in the model.
    pub name: String,
    pub consumed: Option<i64>,
    pub source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    Ledger,
    Attributes,
    Users,
}

impl PartKind {
    pub fn name(self) -> &'static str {
        match self {
            PartKind::Ledger => "ledger",
            PartKind::Attributes => "attributes",
            PartKind::Users => "users",
        }
    }

    pub fn of(name: &str) -> Option<PartKind> {
        [PartKind::Ledger, PartKind::Attributes, PartKind::Users].into_iter().find(|kind| kind.name() == name)
    }
}

impl LivingModel {
    /// A table of the registry.
    pub fn registry(&self, table: &str) -> String {
        qualified(&self.schema, table)
    }

    /// The name of one of its tables.
    pub fn table_name(&self, ending: &str) -> String {
        format!("{}_{ending}", self.name)
    }

    pub fn members_sql(&self) -> &str {
        self.members.as_deref().unwrap_or("NULL")
    }

    pub fn history_sql(&self) -> &str {
        self.history.as_deref().unwrap_or("NULL")
    }

    /// A statement about its row.
    pub fn update(&self, what: &str) -> String {
        format!(
            "UPDATE {} SET {what} WHERE {} = {}",
            self.registry("strata_models"),
            ident("name"),
            literal(&self.name)
        )
    }
}

/// A row of the registry that is not what the library writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    table: &'static str,
    column: usize,
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a row of {} is damaged (value {})", self.table, self.column + 1)
    }
}

impl std::error::Error for Damaged {}

impl UserError for Damaged {
    fn kind(&self) -> ErrorKind {
        ErrorKind::NotReady
    }

    fn hint(&self) -> Option<String> {
        Some("It has been changed by hand. Put it right, or drop and make anew what it describes.".to_owned())
    }
}

/// Reads the values of a row in their order.
struct Reader<'a> {
    table: &'static str,
    row: &'a [Option<String>],
    at: usize,
}

impl Reader<'_> {
    fn text(&mut self) -> Option<String> {
        self.at += 1;
        self.row.get(self.at - 1).cloned().flatten()
    }

    fn damaged(&self) -> Damaged {
        Damaged { table: self.table, column: self.at - 1 }
    }

    fn needed(&mut self) -> Result<String, Damaged> {
        self.text().ok_or_else(|| self.damaged())
    }

    fn parsed<T: std::str::FromStr>(&mut self) -> Result<Option<T>, Damaged> {
        self.text().map(|text| text.parse().map_err(|_| self.damaged())).transpose()
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, Damaged> {
        self.parsed()?.ok_or_else(|| self.damaged())
    }

    fn is_true(&mut self) -> bool {
        self.text().as_deref() == Some("t")
    }

    fn list<T: serde::de::DeserializeOwned>(&mut self) -> Result<Vec<T>, Damaged> {
        let json = self.needed()?;
        serde_json::from_str(&json).map_err(|_| self.damaged())
    }
}

impl Source {
    /// Reads a row of [`sources_select`].
    ///
    /// # Errors
    /// Where it is not what the library writes.
    pub fn from_row(schema: &str, row: &[Option<String>]) -> Result<Self, Damaged> {
        let mut row = Reader { table: "strata_sources", row, at: 0 };
        Ok(Self {
            schema: schema.to_owned(),
            name: row.needed()?,
            id: row.needed()?,
            is_events: row.is_true(),
            relation: row.number()?,
            relation_schema: row.needed()?,
            relation_name: row.needed()?,
            relation_owner: row.needed()?,
            key_type: row.needed()?,
            alias_type: row.needed()?,
            user_expression: row.needed()?,
            time_expression: row.text(),
            amount_expression: row.text(),
            where_clause: row.text(),
            time_zone: row.text(),
            capture_asked: row.needed()?,
            capture: Capture::of(&row.needed()?).ok_or_else(|| row.damaged())?,
            because: row.needed()?,
            columns: row.list()?,
            mark_column: row.text(),
            margin: row.text(),
            mark: row.text(),
            compare_every: row.text(),
            keep_before: row.text(),
            map: row.text(),
            map_expression: row.text(),
            ledger: row.text(),
            aliases: row.text(),
            queue: row.text(),
            changes: row.text(),
            alias_changes: row.text(),
            rejects: row.text(),
            // numbers of relations are texts in JSON
            family: row.list::<String>()?.iter().filter_map(|member| member.parse().ok()).collect(),
            place: row.needed()?,
            sync_id: row.number()?,
            changed: row.number()?,
            latest_day: row.text(),
            guests: row.number()?,
            is_due: row.is_true(),
        })
    }
}

impl LivingModel {
    /// Reads a row of [`models_select`].
    ///
    /// # Errors
    /// Where it is not what the library writes.
    pub fn from_row(schema: &str, row: &[Option<String>]) -> Result<Self, Damaged> {
        let mut row = Reader { table: "strata_models", row, at: 0 };
        Ok(Self {
            schema: schema.to_owned(),
            name: row.needed()?,
            id: row.needed()?,
            key_type: row.needed()?,
            time_zone: row.needed()?,
            history_from: row.text(),
            members: row.text(),
            history: row.text(),
            periods: row.text(),
            attributes_query: row.text(),
            users_query: row.text(),
            active_version: row.number()?,
            refreshed_version: row.parsed()?,
            first_day: row.text(),
            as_of: row.text(),
            users: row.number()?,
            schedule: row.text(),
            today: row.needed()?,
        })
    }
}
