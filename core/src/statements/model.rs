//! What a registered model asks of its users, as queries: their ledgers and attributes as the record that a model reads.

use super::registry::{LivingModel, Part, PartKind, Source};
use super::{ident, literal, literal_or_null, text_array};
use crate::label::Lang;
use crate::model::{Asked, Model, Ranking};

/// Where the attributes of a model come from, as their relation is now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributes {
    /// The columns that the definition asks for and the relation has.
    pub present: Vec<String>,
    /// Whether a user is found by an index: the key is a column that one begins with.
    pub is_indexed: bool,
    /// Whether an index keeps a user from having two rows.
    pub is_unique: bool,
}

/// A model with its sources, as a door has read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<'a> {
    pub model: &'a LivingModel,
    pub parts: &'a [Part],
    pub attributes: &'a Attributes,
}

/// The columns of a relation that a definition asks for, as (`name`) in their order.
pub fn present_attributes(source: &Source, definition: &Model) -> String {
    format!(
        "SELECT attname FROM pg_attribute
WHERE attrelid = {}::oid AND attnum > 0 AND NOT attisdropped AND attname = ANY ({}::name[]) ORDER BY attnum",
        source.relation,
        text_array(definition.definition().attributes.names())
    )
}

/// Whether an index finds a user in a relation, and whether one keeps him from standing there twice, as (found, once). A
/// key of a parent says nothing of the tables that inherit from it; that of a partitioned table does.
pub fn key_indexes(source: &Source) -> String {
    format!(
        "SELECT count(*) > 0, coalesce(bool_or(i.indisunique AND i.indnkeyatts = 1 AND i.indimmediate
                                       AND (c.relkind = 'p' OR NOT c.relhassubclass)), false)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
     JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
WHERE i.indrelid = {}::oid AND i.indisvalid AND i.indpred IS NULL AND quote_ident(a.attname) = {}",
        source.relation,
        literal(&source.user_expression)
    )
}

/// The columns that the expression of users needs and the relation has no more.
pub fn missing_columns(source: &Source) -> String {
    format!(
        "SELECT c FROM unnest({}) AS c WHERE NOT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = {}::oid AND attnum > 0 AND NOT attisdropped AND attname = c)",
        text_array(source.columns.iter().map(String::as_str)),
        source.relation
    )
}

/// How many users have several rows of attributes: all, or those whom a query names.
pub fn doubled(source: &Source, users: Option<&str>) -> String {
    let key = &source.user_expression;
    let mine = users.map_or(String::new(), |users| format!(" AND ({key}) IN (SELECT user_id FROM ({users}) AS u)"));
    format!(
        "SELECT count(*) FROM (
    SELECT FROM {} WHERE ({key}) IS NOT NULL{mine} GROUP BY ({key}) HAVING count(*) > 1
) AS doubled",
        source.relation_sql()
    )
}

/// How many users a query is for, which decides how the planner may find them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// Each is looked up by an index, however large the tables are.
    Few,
    Many,
}

fn ledger_alone(source: &Source) -> String {
    format!("SELECT user_id, ledger AS only_ledger FROM {}", source.ledger.as_deref().unwrap_or("NULL"))
}

/// All users that a model could have, each once: (`user_id`), with their ledger beside it where a model has no other source of
/// users.
pub fn all_users(parts: &[Part]) -> String {
    let of_users: Vec<&Part> = parts.iter().filter(|part| part.kind != PartKind::Attributes).collect();
    let query = |part: &Part| match part.kind {
        PartKind::Ledger => format!("SELECT user_id FROM {}", part.source.ledger.as_deref().unwrap_or("NULL")),
        _ => format!(
            "SELECT DISTINCT {} AS user_id FROM {} WHERE ({0}) IS NOT NULL",
            part.source.user_expression,
            part.source.relation_sql()
        ),
    };
    match of_users.as_slice() {
        [alone] if alone.kind == PartKind::Ledger => ledger_alone(&alone.source),
        several => several.iter().map(|part| query(part)).collect::<Vec<_>>().join(" UNION "),
    }
}

impl Reading<'_> {
    /// A query that adds to `users` (a query with a `user_id`) what a version of the model asks of them: the record `f`, and
    /// since when they are there at all (`present_from`): always where they are registered, otherwise from the first entry
    /// of any ledger; NULL where they are not. The ledgers stand there on their own, too, as `ledger_1` and so on. Days in
    /// `exclude` (from, up to and without) are left out of what the model reads.
    pub fn features(&self, users: &str, exclude: &[(String, String)], many: Users) -> String {
        let mut joins = String::new();
        let mut columns = Vec::new();
        let mut firsts = Vec::new();
        let mut ledgers = String::new();
        let mut registered = "false".to_owned();
        for (number, part) in (1..).zip(self.parts) {
            let source = &part.source;
            match part.kind {
                PartKind::Ledger => {
                    let table = source.ledger.as_deref().unwrap_or("NULL");
                    let is_there = users == ledger_alone(source);
                    if !is_there {
                        joins.push_str(&match many {
                            Users::Few => format!(
                                "\n     LEFT JOIN LATERAL (SELECT ledger FROM {table} AS l WHERE l.user_id = k.user_id OFFSET 0) AS l{number} ON true"
                            ),
                            Users::Many => format!("\n     LEFT JOIN {table} AS l{number} ON l{number}.user_id = k.user_id"),
                        });
                    }
                    let ledger = if is_there { "k.only_ledger".to_owned() } else { format!("l{number}.ledger") };
                    ledgers.push_str(&format!(", {ledger} AS ledger_{}", firsts.len() + 1));
                    firsts.push(format!("strata_internal.first_difference(NULL, {ledger})"));
                    let read = exclude.iter().fold(ledger, |ledger, (from, to)| {
                        format!(
                            "strata_internal.ledger_minus({ledger}, strata.clip({ledger}, {}::date, {}::date - 1))",
                            literal(from),
                            literal(to)
                        )
                    });
                    columns.push(format!("{read} AS {}", ident(&part.name)));
                }
                PartKind::Attributes => {
                    let names: Vec<String> = self.attributes.present.iter().map(|name| ident(name)).collect();
                    let relation = source.relation_sql();
                    let listed = names.join(", ");
                    // of several rows of one user the first holds, in the order of the attributes
                    let order: String = (2..names.len() + 2).map(|place| format!(", {place}")).collect();
                    joins.push_str(&match (many, self.attributes.is_indexed) {
                        (Users::Few, true) => format!(
                            "\n     LEFT JOIN LATERAL (SELECT {listed} FROM {relation} AS strata_attributes
                        WHERE strata_attributes.{} = k.user_id{} OFFSET 0) AS a ON true",
                            source.user_expression,
                            match self.attributes.is_unique {
                                true => String::new(),
                                false if names.is_empty() => " LIMIT 1".to_owned(),
                                false => format!(" ORDER BY {} LIMIT 1", (1..=names.len()).map(|place| place.to_string()).collect::<Vec<_>>().join(", ")),
                            }
                        ),
                        _ => {
                            let distinct = match self.attributes.is_unique {
                                true => String::new(),
                                false => format!("DISTINCT ON (({})) ", source.user_expression),
                            };
                            let key = format!("({}) AS strata_user", source.user_expression);
                            let all = std::iter::once(key).chain(names.iter().cloned()).collect::<Vec<_>>().join(", ");
                            let sorted = match self.attributes.is_unique {
                                true => String::new(),
                                false => format!(" ORDER BY ({}){order}", source.user_expression),
                            };
                            format!(
                                "\n     LEFT JOIN (SELECT {distinct}{all} FROM {relation} AS strata_attributes{sorted}) AS a ON a.strata_user = k.user_id"
                            )
                        }
                    });
                    columns.extend(names.iter().map(|name| format!("a.{name}")));
                }
                PartKind::Users => {
                    registered = format!(
                        "EXISTS (SELECT FROM {} AS strata_users WHERE ({}) = k.user_id)",
                        source.relation_sql(),
                        source.user_expression
                    );
                }
            }
        }
        let present = match firsts.is_empty() {
            true => "NULL::date".to_owned(),
            false => format!("least({})", firsts.join(", ")),
        };
        format!(
            "SELECT k.*, CASE WHEN {registered} THEN '-infinity'::date ELSE {present} END AS present_from{ledgers}, strata_row AS f
FROM ({users}) AS k{joins}
     CROSS JOIN LATERAL (SELECT {}) AS strata_row",
            columns.join(", ")
        )
    }

    /// Whether something is in a ledger on a day, over the ledgers of [`Reading::features`].
    pub fn happened(&self, day: &str) -> String {
        let ledgers = self.parts.iter().filter(|part| part.kind == PartKind::Ledger).count();
        let happened: Vec<String> = (1..=ledgers)
            .map(|number| {
                format!(
                    "strata_internal.first_difference(NULL, strata.clip(ledger_{number}, {day}, {day})) IS NOT NULL"
                )
            })
            .collect();
        if happened.is_empty() { "false".to_owned() } else { happened.join(" OR ") }
    }

    /// Asks a definition about a user of whom nothing is known: columns that are missing or of another type are found now, not
    /// at night. `call` is the function to ask with.
    pub fn try_out(&self, call: &str, definition: &str) -> String {
        format!(
            "SELECT strata.{call}(f, {definition}, DATE '2000-01-01') FROM ({}) AS asked",
            self.features(&format!("SELECT NULL::{} AS user_id", self.model.key_type), &[], Users::Many)
        )
    }

    /// The calibrated definition, or NULL where there is nobody to calibrate by.
    pub fn calibrate(&self, definition: &str, day: &str, exclude: &[(String, String)]) -> String {
        format!(
            "SELECT strata.calibrate_agg(f, {definition}, {day}) FROM ({}) AS u WHERE present_from <= {day}",
            self.features(&all_users(self.parts), exclude, Users::Many)
        )
    }

    /// The name of its only source of attributes.
    pub fn attributes_source(&self) -> Option<&Source> {
        self.parts.iter().find(|part| part.kind == PartKind::Attributes).map(|part| &part.source)
    }
}

/// A definition as SQL has it.
pub fn definition(model: &Model) -> String {
    format!("{}::strata.model", literal(&model.definition().to_json()))
}

/// A day as SQL has it.
pub fn date(day: &str) -> String {
    format!("{}::date", literal(day))
}

/// A layer that users can be in, which headings are not.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    pub name: String,
    /// Its place among layers and headings, from 1 on.
    pub order: usize,
    /// 1 is the best; `None` where layers are not ranked.
    pub rank: Option<usize>,
    pub label_en: String,
    pub label_zh: String,
}

/// The layers of a model in their order. The default stands at the worse end.
pub fn layers(model: &Model) -> Vec<Layer> {
    let definition = model.definition();
    let places = (0..definition.layers.len()).map(Some).chain(definition.default.iter().map(|_| None));
    let named: Vec<(usize, Option<usize>)> =
        (1..).zip(places).filter(|(_, place)| is_condition(model, *place)).collect();
    let is_ranked = !model.is_overlapping() && definition.ranking != Ranking::None;
    // the default of a list whose best is last is its worst: it comes first
    let default_first = definition.ranking == Ranking::BestLast;
    let mut by_rank: Vec<usize> = (0..named.len()).collect();
    by_rank.sort_by_key(|at| (!(default_first && named[*at].1.is_none()), *at));
    named
        .iter()
        .enumerate()
        .map(|(at, (order, place))| {
            let label = |lang| model.layer_label(*place, lang).unwrap_or_default().to_owned();
            Layer {
                name: model.layer_name(*place).unwrap_or_default().to_owned(),
                order: *order,
                rank: is_ranked.then(|| 1 + by_rank.iter().position(|ranked| *ranked == at).unwrap_or_default()),
                label_en: label(Lang::En),
                label_zh: label(Lang::Zh),
            }
        })
        .collect()
}

fn is_condition(model: &Model, place: Option<usize>) -> bool {
    place.is_none_or(|place| model.definition().layers[place].when.is_some())
}

/// Whether two definitions make their cuts of the same: what calibration found for one holds for the other.
pub fn same_cuts(one: &Model, other: &Model) -> bool {
    let (one, other) = (one.definition(), other.definition());
    one.parameters == other.parameters
        && one.attributes == other.attributes
        && one.population == other.population
        && one.metrics == other.metrics
        && one.scores == other.scores
}

/// What the cuts of a model are made of: its sources that are read for them, and whether attributes are.
pub fn cuts_are_made_of(model: &Model) -> (Vec<&str>, bool) {
    let definition = model.definition();
    let nothing_given = (vec![false; definition.metrics.len()], vec![false; definition.scores.len()]);
    let needs = model.needs(Asked::Calibration, &nothing_given.0, &nothing_given.1);
    let sources = definition.sources.0.names().zip(&needs.sources).filter(|(_, needed)| **needed);
    (sources.map(|(name, _)| name).collect(), needs.attributes.contains(&true))
}

/// Whether two sources count the same rows in the same way.
pub fn follow_the_same(one: &Source, other: &Source) -> bool {
    let what = |source: &Source| {
        [
            Some(source.relation_sql()),
            Some(source.key_type.clone()),
            Some(source.user_expression.clone()),
            source.time_expression.clone(),
            source.amount_expression.clone(),
            source.where_clause.clone(),
            source.time_zone.clone(),
            source.keep_before.clone(),
            source.map_expression.clone(),
        ]
    };
    // two maps are two tables
    one.relation == other.relation && one.map == other.map && what(one) == what(other)
}

/// Whether two versions differ in their cuts alone.
pub fn differ_in_cuts_alone(one: &Model, other: &Model) -> bool {
    let without = |model: &Model| crate::model::Definition { calibration: None, ..model.definition().clone() };
    without(one) == without(other)
}

/// Writes a new model down; its tables are there.
pub fn insert_model(model: &LivingModel) -> String {
    let regclass = |table: &Option<String>| {
        table.as_deref().map_or("NULL".to_owned(), |table| format!("{}::regclass", literal(table)))
    };
    format!(
        "INSERT INTO {} (name, id, key_type, time_zone, history_from, members, history, periods, attributes_query, users_query,
    active_version)
VALUES ({}, {}, {}::regtype, {}, {}, {}, {}, {}, {}, {}, {})",
        model.registry("strata_models"),
        literal(&model.name),
        literal(&model.id),
        literal(&model.key_type),
        literal(&model.time_zone),
        literal_or_null(model.history_from.as_deref()),
        regclass(&model.members),
        regclass(&model.history),
        regclass(&model.periods),
        literal_or_null(model.attributes_query.as_deref()),
        literal_or_null(model.users_query.as_deref()),
        model.active_version
    )
}

/// Writes a version down; answers its number, which is the next one.
pub fn insert_version(model: &LivingModel, definition: &Model, cause: &str, calibrated_as_of: Option<&str>) -> String {
    let versions = model.registry("strata_versions");
    format!(
        "INSERT INTO {versions} (model, version, definition, cause, calibrated_as_of)
SELECT {name}, coalesce(max(version), 0) + 1, {}, {}, {} FROM {versions} WHERE model = {name}
RETURNING version",
        self::definition(definition),
        literal(cause),
        calibrated_as_of.map_or("NULL".to_owned(), date),
        name = literal(&model.name)
    )
}

/// What a model knows of a source that has just become a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing: whoever moves because of it moves because the model is another.
    Nothing,
    /// It counts what another source counted for the model so far: everyone is looked at once.
    Same,
}

/// The number that stands for [`Known::Same`]: before every sync.
pub const BEFORE_EVERY_SYNC: i64 = -1;

/// Connects a part of a model with a source.
pub fn connect(model: &LivingModel, kind: PartKind, name: &str, source: &Source, known: Known) -> String {
    format!(
        "INSERT INTO {} (model, part, name, source, consumed) VALUES ({}, {}, {}, {}, {})
ON CONFLICT (model, part, name) DO UPDATE SET source = excluded.source, consumed = excluded.consumed",
        model.registry("strata_model_sources"),
        literal(&model.name),
        literal(kind.name()),
        literal(name),
        literal(&source.name),
        match known {
            Known::Nothing => "NULL".to_owned(),
            Known::Same => BEFORE_EVERY_SYNC.to_string(),
        }
    )
}

/// Takes a part from a model.
pub fn disconnect(model: &LivingModel, kind: PartKind) -> String {
    format!(
        "DELETE FROM {} WHERE model = {} AND part = {}",
        model.registry("strata_model_sources"),
        literal(&model.name),
        literal(kind.name())
    )
}

/// A model's own view of a name, where it is there and bears the mark.
pub fn own_view(model: &LivingModel, name: &str) -> String {
    format!(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = {} AND c.relname = {} AND c.relkind = 'v' AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
  AND starts_with(obj_description(c.oid, 'pg_class'), {})",
        literal(&model.schema),
        literal(name),
        literal(&super::registry::mark(&model.id))
    )
}

/// Writes down the layers of a version.
pub fn insert_layers(model: &LivingModel, version: i32, definition: &Model) -> String {
    let rows: Vec<String> = layers(definition)
        .iter()
        .map(|layer| {
            format!(
                "({}, {version}, {}, {}, {}, {}, {})",
                literal(&model.name),
                literal(&layer.name),
                layer.order,
                layer.rank.map_or("NULL".to_owned(), |rank| rank.to_string()),
                literal(&layer.label_en),
                literal(&layer.label_zh)
            )
        })
        .collect();
    format!(
        "INSERT INTO {} (model, version, layer, layer_order, rank, label_en, label_zh)\nVALUES {}",
        model.registry("strata_layers"),
        rows.join(",\n       ")
    )
}
