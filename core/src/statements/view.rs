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

/// Held until the transaction ends: of two that make the views at once, the second sees the models of the first.
pub fn hold(schema: &str) -> String {
    format!("UPDATE {} SET layout = layout", qualified(schema, "strata_registry"))
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

/// The columns of a view with their types, as `format_type` prints them.
pub fn columns<'a>(view: &str, user_type: &'a str) -> Vec<(&'static str, &'a str)> {
    match view {
        "strata_members" => vec![
            ("model", "text"),
            ("user_id", user_type),
            ("layer", "text"),
            ("layer_order", "integer"),
            ("rank", "integer"),
            ("label_en", "text"),
            ("label_zh", "text"),
            ("since", "date"),
            ("next_change", "date"),
            ("as_of", "date"),
        ],
        "strata_periods" => vec![
            ("model", "text"),
            ("user_id", user_type),
            ("layer", "text"),
            ("label_en", "text"),
            ("label_zh", "text"),
            ("valid_from", "date"),
            ("valid_to", "date"),
            ("cause", "text"),
            ("version", "integer"),
            ("change_id", "bigint"),
        ],
        "strata_moves" => vec![
            ("model", "text"),
            ("change_id", "bigint"),
            ("user_id", user_type),
            ("day", "date"),
            ("previous_layer", "text"),
            ("layer", "text"),
            ("label_en", "text"),
            ("label_zh", "text"),
            ("cause", "text"),
            ("version", "integer"),
            ("jump", "boolean"),
            ("recorded_at", "timestamp with time zone"),
        ],
        _ => vec![
            ("model", "text"),
            ("day", "date"),
            ("layer", "text"),
            ("layer_order", "integer"),
            ("label_en", "text"),
            ("label_zh", "text"),
            ("users", "bigint"),
            ("share", "numeric"),
        ],
    }
}

/// The statement that makes or replaces a view. A model whose tables are gone is not in it.
pub fn create(schema: &str, view: &str, models: &[Shown<'_>], user_type: &str) -> String {
    let branches: Vec<String> = models
        .iter()
        .filter_map(|shown| match view {
            "strata_members" => members(shown, user_type),
            "strata_periods" => periods(shown, user_type),
            "strata_moves" => moves(shown, user_type),
            _ => sizes(shown),
        })
        .collect();
    let query = match branches.is_empty() {
        true => nobody(view, user_type),
        false => branches.join("\nUNION ALL\n"),
    };
    format!("CREATE OR REPLACE VIEW {} AS\n{query}", qualified(schema, view))
}

/// A view whose schema has no models.
fn nobody(view: &str, user_type: &str) -> String {
    let columns: Vec<String> =
        columns(view, user_type).iter().map(|(name, column_type)| format!("NULL::{column_type} AS {name}")).collect();
    format!("SELECT {} WHERE false", columns.join(", "))
}

/// That whoever asks may read a table: looked at once for each branch, and nothing of the branch is read where he may not.
fn may_read(table: &str) -> String {
    format!("has_table_privilege({}::regclass, 'SELECT')", literal(table))
}

/// A key is printed where it has to be text, not cast: a cast can be anybody's function.
fn user(user_type: &str, model: &LivingModel, column: &str) -> String {
    match (user_type == model.key_type, model.key_type.as_str()) {
        (true, _) => format!("{column} AS user_id"),
        (false, "character varying") => format!("{column}::text AS user_id"),
        (false, _) => format!("format('%s', {column}) AS user_id"),
    }
}

fn members(shown: &Shown<'_>, user_type: &str) -> Option<String> {
    let model = shown.model;
    let (table, name) = (model.members.as_deref()?, literal(&model.name));
    let (tags, layer) = match shown.is_overlapping {
        true => (" CROSS JOIN LATERAL unnest(m.layers) AS tag (layer)", "tag.layer"),
        false => ("", "m.layer"),
    };
    Some(format!(
        "SELECT {name}::text AS model, {}, {layer}, l.layer_order, l.rank, coalesce(l.label_en, {layer}) AS label_en,
       coalesce(l.label_zh, {layer}) AS label_zh, m.since, m.next_change, r.as_of
FROM {table} AS m{tags}
     JOIN {} AS r ON r.name = {name}
     LEFT JOIN {} AS l ON l.model = {name} AND l.version = r.refreshed_version AND l.layer = {layer}
WHERE {layer} IS NOT NULL AND {}",
        user(user_type, model, "m.user_id"),
        model.registry("strata_models"),
        model.registry("strata_layers"),
        may_read(table)
    ))
}

/// A period goes from the day on which a user came into a layer to the first on which he was not in it: what was changed twice
/// on a day, or left the layer as it was, does not end it.
fn periods(shown: &Shown<'_>, user_type: &str) -> Option<String> {
    let model = shown.model;
    let (table, name) = (model.history.as_deref()?, literal(&model.name));
    let periods = match shown.is_overlapping {
        true => format!(
            "SELECT user_id, layer, min(valid_from) AS valid_from, nullif(max(coalesce(valid_to, 'infinity')), 'infinity') AS valid_to,
           (array_agg(cause ORDER BY valid_from))[1] AS cause, (array_agg(version ORDER BY valid_from))[1] AS version,
           min(change_id) AS change_id
    FROM (
        SELECT *, count(*) FILTER (WHERE is_start) OVER (PARTITION BY user_id, layer ORDER BY valid_from) AS period
        FROM (
            SELECT s.*, tag.layer, lag(valid_to) OVER (PARTITION BY user_id, tag.layer ORDER BY valid_from)
                       IS DISTINCT FROM valid_from AS is_start
            FROM (
                SELECT user_id, layers, valid_from, cause, version, change_id,
                       lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from, change_id) AS valid_to
                FROM {table}
            ) AS s CROSS JOIN LATERAL unnest(layers) AS tag (layer)
            WHERE valid_to IS DISTINCT FROM valid_from
        ) AS t
    ) AS p
    GROUP BY user_id, layer, period"
        ),
        false => format!(
            "SELECT user_id, layer, valid_from, lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from) AS valid_to,
           cause, version, change_id
    FROM (
        SELECT *, lag(layer) OVER (PARTITION BY user_id ORDER BY valid_from) AS layer_before
        FROM (
            SELECT user_id, layer, valid_from, cause, version, change_id,
                   lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from, change_id) AS next_from
            FROM {table}
        ) AS s
        WHERE next_from IS DISTINCT FROM valid_from
    ) AS p
    WHERE layer IS DISTINCT FROM layer_before"
        ),
    };
    Some(format!(
        "SELECT {name}::text AS model, {}, h.layer, coalesce(l.label_en, h.layer) AS label_en, coalesce(l.label_zh, h.layer) AS label_zh,
       h.valid_from, h.valid_to, h.cause, h.version, h.change_id
FROM (
    {periods}
) AS h LEFT JOIN {} AS l ON l.model = {name} AND l.version = h.version AND l.layer = h.layer
WHERE h.layer IS NOT NULL AND {}",
        user(user_type, model, "h.user_id"),
        model.registry("strata_layers"),
        may_read(table)
    ))
}

fn moves(shown: &Shown<'_>, user_type: &str) -> Option<String> {
    let model = shown.model;
    let (table, name) = (model.history.as_deref()?, literal(&model.name));
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
    Some(format!(
        "SELECT {name}::text AS model, h.change_id, {}, h.valid_from AS day, {previous} AS previous_layer, {layer} AS layer,
       coalesce(t.label_en, {layer}) AS label_en, coalesce(t.label_zh, {layer}) AS label_zh, h.cause, h.version,
       abs(t.rank - f.rank) > 1 AS jump, h.recorded_at
FROM {table} AS h{steps}
     LEFT JOIN {layers} AS f ON f.model = {name} AND f.version = h.version AND f.layer = {previous}
     LEFT JOIN {layers} AS t ON t.model = {name} AND t.version = h.version AND t.layer = {layer}
WHERE {}",
        user(user_type, model, "h.user_id"),
        may_read(table)
    ))
}

/// Users by day and layer: changes are counted by day, and summed up from day to day.
fn sizes(shown: &Shown<'_>) -> Option<String> {
    let model = shown.model;
    let (table, name) = (model.history.as_deref()?, literal(&model.name));
    let (column, now_in, was_in, share) = match shown.is_overlapping {
        true => ("layers", "now_in", "was_in", "NULL::numeric"),
        false => (
            "layer",
            "ARRAY[now_in]",
            "ARRAY[was_in]",
            "round(users / nullif(sum(users) OVER (PARTITION BY day), 0), 4)",
        ),
    };
    // shares stand inside: beside a window a model's name would keep its branch from being left out
    Some(format!(
        "SELECT {name}::text AS model, s.day, s.layer, s.layer_order, s.label_en, s.label_zh, s.users, s.share
FROM (
    WITH known AS (
        SELECT refreshed_version, as_of,
               CASE WHEN isfinite(first_day) AND as_of - first_day <= 3652 THEN first_day ELSE as_of - 3652 END AS from_day
        FROM {} WHERE name = {name} AND isfinite(as_of)
    ), steps AS (
        SELECT greatest(h.valid_from, k.from_day) AS day, h.{column} AS now_in, h.previous_{column} AS was_in, count(*) AS users
        FROM known AS k CROSS JOIN {table} AS h GROUP BY 1, 2, 3
    ), changes AS (
        SELECT day, layer, sum(change) AS change
        FROM (SELECT day, unnest({now_in}) AS layer, users AS change FROM steps
              UNION ALL SELECT day, unnest({was_in}), -users FROM steps) AS c
        WHERE layer IS NOT NULL GROUP BY day, layer
    ), layers AS (
        -- those of other versions, which users were in, come last
        SELECT DISTINCT ON (x.layer) x.layer, CASE WHEN x.version = k.refreshed_version THEN x.layer_order END AS layer_order,
               x.label_en, x.label_zh
        FROM known AS k CROSS JOIN {} AS x
        WHERE x.model = {name} AND (x.version = k.refreshed_version OR x.layer IN (SELECT layer FROM changes))
        ORDER BY x.layer, x.version = k.refreshed_version DESC, x.version DESC
    )
    SELECT *, {share} AS share
    FROM (
        SELECT d.day, l.layer, l.layer_order, l.label_en, l.label_zh,
               coalesce(sum(c.change) OVER (PARTITION BY l.layer ORDER BY d.day), 0)::bigint AS users
        FROM known AS k
             CROSS JOIN LATERAL (SELECT k.from_day + n AS day FROM generate_series(0, k.as_of - k.from_day) AS n) AS d
             CROSS JOIN layers AS l
             LEFT JOIN changes AS c ON c.day = d.day AND c.layer = l.layer
    ) AS u
) AS s
WHERE {}",
        model.registry("strata_models"),
        model.registry("strata_layers"),
        may_read(table)
    ))
}

/// A right that a reader of a model needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// As people say it: `SELECT on analytics.rfm_members`.
    pub gives: String,
    /// The table or view; `None` for the schema.
    pub relation: Option<String>,
    pub grant: String,
    pub revoke: String,
    /// Other models of the schema need it, too.
    pub is_shared: bool,
}

fn select_on(relation: String, role: &str, is_shared: bool) -> Right {
    Right {
        gives: format!("SELECT on {}", relation.replace('"', "")),
        grant: format!("GRANT SELECT ON {relation} TO {role}"),
        revoke: format!("REVOKE SELECT ON {relation} FROM {role}"),
        relation: Some(relation),
        is_shared,
    }
}

/// What a reader of a model is granted: its own tables, the views of its schema, and relations besides. `role` is ready for SQL.
pub fn rights(model: &LivingModel, besides: &[String], role: &str) -> Vec<Right> {
    let schema = super::ident(&model.schema);
    let schema_right = Right {
        gives: format!("USAGE on schema {}", model.schema),
        relation: None,
        grant: format!("GRANT USAGE ON SCHEMA {schema} TO {role}"),
        // what else is in it may be his to use
        revoke: String::new(),
        is_shared: true,
    };
    let own = [&model.members, &model.history, &model.periods].into_iter().flatten().cloned();
    let shared = VIEWS.iter().map(|(view, _)| model.registry(view)).chain([model.registry("strata_layers")]);
    std::iter::once(schema_right)
        .chain(own.chain(besides.iter().cloned()).map(|relation| select_on(relation, role, false)))
        .chain(shared.map(|relation| select_on(relation, role, true)))
        .collect()
}
