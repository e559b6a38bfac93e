//! What readers see: views over all models of a schema, plain SQL, each with a branch for each model that shows itself only to
//! who may read the model's own tables.

use super::registry::LivingModel;
use super::{literal, qualified};

/// The views, with what their comments say.
pub const VIEWS: [(&str, &str); 4] = [
    ("strata_members", "who is in which layer of this schema's models, as of their last refreshes."),
    ("strata_periods", "who was when in which layer; valid_to is the first day on which he was not."),
    ("strata_moves", "who moved from which layer to which, on which day and why."),
    ("strata_sizes", "how many users were in a layer on a day, of the last ten years."),
];

/// A model of the schema with the kind of its layers.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown<'a> {
    pub model: &'a LivingModel,
    pub is_overlapping: bool,
}

/// The type of users in the views of a schema: their own, where all models agree.
pub fn user_type<'a>(models: &'a [Shown<'a>]) -> &'a str {
    match models.split_first() {
        Some((first, others)) if others.iter().all(|other| other.model.key_type == first.model.key_type) => {
            &first.model.key_type
        }
        _ => "text",
    }
}

/// The statement that makes or replaces a view.
pub fn create(schema: &str, view: &str, models: &[Shown<'_>], otherwise: &str) -> String {
    let user_type = if models.is_empty() { otherwise } else { user_type(models) };
    let branches: Vec<String> = match models {
        [] => vec![format!("SELECT * FROM ({}) AS none WHERE false", nobody(view, user_type))],
        shown => shown
            .iter()
            .map(|shown| match view {
                "strata_members" => members(shown, user_type),
                "strata_periods" => periods(shown, user_type),
                "strata_moves" => moves(shown, user_type),
                _ => sizes(shown),
            })
            .collect(),
    };
    format!("CREATE OR REPLACE VIEW {} AS\n{}", qualified(schema, view), branches.join("\nUNION ALL\n"))
}

/// The columns of a view whose schema has no models.
fn nobody(view: &str, user_type: &str) -> String {
    let columns: &[(&str, &str)] = match view {
        "strata_members" => &[
            ("model", "text"),
            ("user_id", ""),
            ("layer", "text"),
            ("layer_order", "integer"),
            ("rank", "integer"),
            ("label_en", "text"),
            ("label_zh", "text"),
            ("since", "date"),
            ("next_change", "date"),
            ("as_of", "date"),
        ],
        "strata_periods" => &[
            ("model", "text"),
            ("user_id", ""),
            ("layer", "text"),
            ("label_en", "text"),
            ("label_zh", "text"),
            ("valid_from", "date"),
            ("valid_to", "date"),
            ("cause", "text"),
            ("version", "integer"),
            ("change_id", "bigint"),
        ],
        "strata_moves" => &[
            ("model", "text"),
            ("change_id", "bigint"),
            ("user_id", ""),
            ("day", "date"),
            ("previous_layer", "text"),
            ("layer", "text"),
            ("label_en", "text"),
            ("label_zh", "text"),
            ("cause", "text"),
            ("version", "integer"),
            ("jump", "boolean"),
            ("recorded_at", "timestamptz"),
        ],
        _ => &[
            ("model", "text"),
            ("day", "date"),
            ("layer", "text"),
            ("layer_order", "integer"),
            ("label_en", "text"),
            ("label_zh", "text"),
            ("users", "bigint"),
            ("share", "numeric"),
        ],
    };
    let columns: Vec<String> = columns
        .iter()
        .map(|(name, column_type)| {
            let column_type = if column_type.is_empty() { user_type } else { column_type };
            format!("NULL::{column_type} AS {name}")
        })
        .collect();
    format!("SELECT {}", columns.join(", "))
}

/// That whoever asks may read a table: looked at once for each branch.
fn may_read(table: &str) -> String {
    format!("has_table_privilege({}::regclass, 'SELECT')", literal(table))
}

fn user(user_type: &str, model: &LivingModel, column: &str) -> String {
    match user_type == model.key_type {
        true => format!("{column} AS user_id"),
        false => format!("{column}::{user_type} AS user_id"),
    }
}

fn members(shown: &Shown<'_>, user_type: &str) -> String {
    let model = shown.model;
    let (table, name) = (model.members_sql(), literal(&model.name));
    let (tags, layer) = match shown.is_overlapping {
        true => (" CROSS JOIN LATERAL unnest(m.layers) AS tag (layer)", "tag.layer"),
        false => ("", "m.layer"),
    };
    format!(
        "SELECT {name}::text AS model, {}, l.layer, l.layer_order, l.rank, l.label_en, l.label_zh, m.since, m.next_change, r.as_of
FROM {table} AS m{tags}
     JOIN {} AS r ON r.name = {name}
     JOIN {} AS l ON l.model = {name} AND l.version = r.refreshed_version AND l.layer = {layer}
WHERE {}",
        user(user_type, model, "m.user_id"),
        model.registry("strata_models"),
        model.registry("strata_layers"),
        may_read(table)
    )
}

fn periods(shown: &Shown<'_>, user_type: &str) -> String {
    let model = shown.model;
    let (table, name) = (model.history_sql(), literal(&model.name));
    let (tags, layer) = match shown.is_overlapping {
        true => (" CROSS JOIN LATERAL unnest(h.layers) AS tag (layer)", "tag.layer"),
        false => ("", "h.layer"),
    };
    format!(
        "SELECT {name}::text AS model, {}, {layer} AS layer, coalesce(l.label_en, {layer}) AS label_en, coalesce(l.label_zh, {layer}) AS label_zh,
       h.valid_from, h.valid_to, h.cause, h.version, h.change_id
FROM (SELECT user_id, layer, layers, valid_from, cause, version, change_id,
             lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from, change_id) AS valid_to
      FROM {table}) AS h{tags}
     LEFT JOIN {} AS l ON l.model = {name} AND l.version = h.version AND l.layer = {layer}
WHERE (h.valid_to > h.valid_from) IS NOT FALSE AND {layer} IS NOT NULL AND {}",
        user(user_type, model, "h.user_id"),
        model.registry("strata_layers"),
        may_read(table)
    )
}

fn moves(shown: &Shown<'_>, user_type: &str) -> String {
    let model = shown.model;
    let (table, name) = (model.history_sql(), literal(&model.name));
    let (steps, layer, previous) = match shown.is_overlapping {
        true => (
            "
     CROSS JOIN LATERAL (
         SELECT NULL::text AS previous_layer, e.layer FROM unnest(h.layers) AS e (layer)
         WHERE (e.layer = ANY (h.previous_layers)) IS NOT TRUE
         UNION ALL
         SELECT p.layer, NULL FROM unnest(h.previous_layers) AS p (layer) WHERE (p.layer = ANY (h.layers)) IS NOT TRUE
     ) AS step",
            "step.layer",
            "step.previous_layer",
        ),
        false => ("", "h.layer", "h.previous_layer"),
    };
    let layers = model.registry("strata_layers");
    format!(
        "SELECT {name}::text AS model, h.change_id, {}, h.valid_from AS day, {previous} AS previous_layer, {layer} AS layer,
       t.label_en, t.label_zh, h.cause, h.version, abs(t.rank - f.rank) > 1 AS jump, h.recorded_at
FROM {table} AS h{steps}
     LEFT JOIN {layers} AS f ON f.model = {name} AND f.version = h.version AND f.layer = {previous}
     LEFT JOIN {layers} AS t ON t.model = {name} AND t.version = h.version AND t.layer = {layer}
WHERE {}",
        user(user_type, model, "h.user_id"),
        may_read(table)
    )
}

/// Users by day and layer: changes are counted by day, and summed up from day to day.
fn sizes(shown: &Shown<'_>) -> String {
    let model = shown.model;
    let (table, name) = (model.history_sql(), literal(&model.name));
    let layers = model.registry("strata_layers");
    let (now_in, was_in, share) = match shown.is_overlapping {
        true => ("layers", "previous_layers", "NULL::numeric"),
        false => (
            "ARRAY[layer]",
            "ARRAY[previous_layer]",
            "round(s.users / nullif(sum(s.users) OVER (PARTITION BY s.day), 0), 4)",
        ),
    };
    format!(
        "SELECT {name}::text AS model, s.day, s.layer, s.layer_order, s.label_en, s.label_zh, s.users, {share} AS share
FROM (
    SELECT d.day, l.layer, l.layer_order, l.label_en, l.label_zh,
           coalesce(sum(c.change) OVER (PARTITION BY l.layer ORDER BY d.day), 0)::bigint AS users
    FROM (SELECT name, refreshed_version, as_of, greatest(first_day, as_of - 3652) AS from_day
          FROM {} WHERE name = {name} AND isfinite(as_of)) AS r
         CROSS JOIN LATERAL (SELECT r.from_day + n AS day FROM generate_series(0, r.as_of - r.from_day) AS n) AS d
         -- those of other versions, which users were in, come last
         CROSS JOIN LATERAL (
             SELECT DISTINCT ON (x.layer) x.layer, CASE WHEN x.version = r.refreshed_version THEN x.layer_order END AS layer_order,
                    x.label_en, x.label_zh
             FROM {layers} AS x
             WHERE x.model = {name} AND (x.version = r.refreshed_version OR x.layer IN (
                 SELECT unnest({now_in}) FROM {table} WHERE version <> r.refreshed_version))
             ORDER BY x.layer, x.version = r.refreshed_version DESC, x.version DESC
         ) AS l
         LEFT JOIN (
             SELECT greatest(valid_from, from_day) AS day, layer, sum(change) AS change
             FROM (SELECT name AS model, greatest(first_day, as_of - 3652) AS from_day FROM {} WHERE name = {name}) AS f,
                  LATERAL (
                      SELECT valid_from, unnest({now_in}) AS layer, 1 AS change FROM {table}
                      UNION ALL SELECT valid_from, unnest({was_in}), -1 FROM {table}
                  ) AS steps
             WHERE layer IS NOT NULL GROUP BY 1, 2
         ) AS c ON c.day = d.day AND c.layer = l.layer
) AS s
WHERE {}",
        model.registry("strata_models"),
        model.registry("strata_models"),
        may_read(table)
    )
}

/// What a reader of a model is granted, and what of it is taken from him: (what it gives, grant, revoke).
pub fn grants(model: &LivingModel, with_ledgers: &[String], role: &str) -> Vec<(String, String, String)> {
    let schema = super::ident(&model.schema);
    let mut grants = vec![(
        format!("USAGE on schema {schema}"),
        format!("GRANT USAGE ON SCHEMA {schema} TO {role}"),
        // others of this schema may be his to read
        String::new(),
    )];
    let own = [model.members_sql(), model.history_sql()];
    let periods = model.periods.iter().map(String::as_str);
    let shared = VIEWS.iter().map(|(view, _)| model.registry(view)).chain([model.registry("strata_layers")]);
    for table in own.into_iter().chain(periods).chain(with_ledgers.iter().map(String::as_str)) {
        grants.push((
            format!("SELECT on {table}"),
            format!("GRANT SELECT ON {table} TO {role}"),
            format!("REVOKE SELECT ON {table} FROM {role}"),
        ));
    }
    for view in shared {
        grants.push((
            format!("SELECT on {view}"),
            format!("GRANT SELECT ON {view} TO {role}"),
            String::new(),
        ));
    }
    grants
}
