//! Questions about a model, answered to its owner: who moved, how it was, how it would have been.
//!
//! Nothing is brought up to date by them. What is read of members and history is as the last refresh wrote it; what is read of
//! ledgers is as they were synced last, with attributes as they are now.

use super::model::{Reading, Users, all_users};
use super::registry::{LivingModel, PartKind};
use super::{literal, text_array};

/// Members as the last refresh wrote them, with their metrics.
pub fn members(reading: &Reading<'_>, definition: &str, day: &str) -> String {
    let members =
        format!("SELECT * FROM {} WHERE layer IS NOT NULL OR layers IS NOT NULL", reading.model.members_sql());
    format!(
        "SELECT user_id::text, layer, layers, scores, since, next_change, strata.metrics(f, {definition}, {day}) FROM ({}) AS u",
        reading.features(&members, &[], Users::Many)
    )
}

/// Members as they would be on another day.
pub fn members_on(reading: &Reading<'_>, definition: &str, day: &str) -> String {
    format!(
        "SELECT user_id::text, (e).layer, (e).layers, (e).scores, NULL::date, (e).next_change, strata.metrics(f, {definition}, {day})
FROM (SELECT user_id, f, strata.evaluate(f, {definition}, {day}) AS e FROM ({}) AS u WHERE present_from <= {day} OFFSET 0) AS answered
WHERE (e).layer IS NOT NULL OR (e).layers IS NOT NULL",
        reading.features(&all_users(reading.parts), &[], Users::Many)
    )
}

/// Who moved from where to where between two days. Of the days between only who moved is looked at: his first step says where
/// he was, his last where he is; all others stayed. A user's steps have ascending numbers: a number and the place of the layer
/// among all of them make one integer, whose least and greatest are found without sorting.
pub fn transitions(model: &LivingModel, from_day: &str, to_day: &str, layers: &[String]) -> String {
    let names = text_array(layers.iter().map(String::as_str));
    let factor = layers.len() + 1;
    let history = model.history_sql();
    format!(
        "WITH moved AS (
    SELECT first % {factor} AS from_place, last % {factor} AS to_place, count(*) AS users
    FROM (SELECT min(change_id * {factor} + coalesce(array_position({names}, previous_layer), 0)) AS first,
                 max(change_id * {factor} + coalesce(array_position({names}, layer), 0)) AS last
          FROM {history} WHERE valid_from > {from_day} AND valid_from <= {to_day} GROUP BY user_id) AS u
    GROUP BY 1, 2
), steps AS (
    SELECT coalesce(array_position({names}, layer), 0) AS place, coalesce(array_position({names}, previous_layer), 0) AS previous_place, users
    FROM (SELECT layer, previous_layer, count(*) AS users FROM {history} WHERE valid_from <= {from_day} GROUP BY 1, 2) AS s
), pairs AS (
    SELECT from_place, to_place, sum(users)::bigint AS users
    FROM (SELECT from_place, to_place, users FROM moved
          UNION ALL SELECT from_place, from_place, -users FROM moved
          UNION ALL SELECT place, place, users FROM steps
          UNION ALL SELECT previous_place, previous_place, -users FROM steps) AS p
    WHERE from_place > 0 OR to_place > 0 GROUP BY 1, 2 HAVING sum(users) > 0
)
SELECT ({names})[p.from_place], ({names})[p.to_place], p.users, p.users - coalesce(o.users, 0)
FROM pairs AS p LEFT JOIN pairs AS o ON o.from_place = p.to_place AND o.to_place = p.from_place
ORDER BY nullif(p.from_place, 0), nullif(p.to_place, 0)"
    )
}

/// The layers that a model has in any of its versions, the latest first.
pub fn layers_ever(model: &LivingModel) -> String {
    format!(
        "SELECT layer
FROM (SELECT DISTINCT ON (layer) layer, version, layer_order FROM {} WHERE model = {} ORDER BY layer, version DESC) AS l
ORDER BY version DESC, layer_order",
        model.registry("strata_layers"),
        literal(&model.name)
    )
}

/// The layer that a user was in by the end of a day.
pub fn layer_at(model: &LivingModel, user: &str, day: &str) -> String {
    format!(
        "SELECT layer FROM {} WHERE user_id = {}::{} AND valid_from <= {day} ORDER BY valid_from DESC, change_id DESC LIMIT 1",
        model.history_sql(),
        literal(user),
        model.key_type
    )
}

/// Which way users crossed a layer's border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    In,
    Out,
}

/// The rows of a history after a mark by which users came to be in a layer, or no longer are.
pub fn crossings(model: &LivingModel, is_overlapping: bool, layer: &str, after_change: i64, way: Way) -> String {
    let column = if is_overlapping { "layers" } else { "layer" };
    let (here, there) = match way {
        Way::In => (column.to_owned(), format!("previous_{column}")),
        Way::Out => (format!("previous_{column}"), column.to_owned()),
    };
    let layer = literal(layer);
    let (other, condition) = match is_overlapping {
        true => ("NULL::text".to_owned(), format!("{layer} = ANY ({here}) AND ({layer} = ANY ({there})) IS NOT TRUE")),
        false => (there.clone(), format!("{here} = {layer} AND {there} IS DISTINCT FROM {layer}")),
    };
    format!(
        "SELECT user_id::text, valid_from, {other}, cause, change_id FROM {}
WHERE change_id > {after_change} AND {condition} ORDER BY change_id",
        model.history_sql()
    )
}

/// What a function over a user's row answers for one user: (`present_from`, answer).
pub fn ask_about(reading: &Reading<'_>, question: &str, user: &str, day: &str) -> String {
    let key = format!("SELECT {}::{} AS user_id", literal(user), reading.model.key_type);
    format!(
        "SELECT present_from, CASE WHEN present_from <= {day} THEN {question} END FROM ({}) AS u",
        reading.features(&key, &[], Users::Few)
    )
}

/// How sizes of layers would have been from day to day.
pub fn replay(reading: &Reading<'_>, definition: &str, is_overlapping: bool, days: (&str, &str), step: i32) -> String {
    let (from, to) = days;
    // of overlapping layers there is no whole that they are shares of
    let share = match is_overlapping {
        true => "NULL::numeric",
        false => "round(r.users / nullif(sum(r.users) OVER (PARTITION BY r.day), 0), 4)",
    };
    format!(
        "SELECT r.day, r.layer, r.users, {share}, r.entered, r.left_users
FROM (SELECT strata_internal.replay_agg(f, {definition}, {from}, {to}, {step}, nullif(present_from, '-infinity')) AS days
      FROM ({}) AS u WHERE present_from <= {to}) AS a,
     unnest(a.days) WITH ORDINALITY AS r (day, layer, users, entered, left_users, place)
ORDER BY r.place",
        reading.features(&all_users(reading.parts), &[], Users::Many)
    )
}

/// What users of each layer did in the days after a day. `layers` are (name, order) and `source` the name of the source in the
/// model whose events count; all of them without one.
pub fn backtest(
    reading: &Reading<'_>,
    definition: &str,
    is_overlapping: bool,
    day: &str,
    horizon: i32,
    layers: &[(String, usize)],
    source: Option<&str>,
) -> String {
    let counted: Vec<usize> = (1..)
        .zip(reading.parts.iter().filter(|part| part.kind == PartKind::Ledger))
        .filter(|(_, part)| source.is_none_or(|source| part.name == source))
        .map(|(number, _)| number)
        .collect();
    let sum = |function: &str| {
        let terms: Vec<String> = counted
            .iter()
            .map(|number| format!("coalesce(strata.{function}(ledger_{number}, {day} + {horizon}, {horizon}), 0)"))
            .collect();
        if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") }
    };
    let in_layers = |answer: &str| match is_overlapping {
        true => format!("({answer}).layers"),
        false => format!("ARRAY[({answer}).layer]"),
    };
    let names: Vec<String> = layers.iter().map(|(name, order)| format!("({}, {order})", literal(name))).collect();
    format!(
        "WITH asked AS MATERIALIZED (
    SELECT {} AS before_in, {} AS after_in, orders, spend
    FROM (SELECT strata.evaluate(f, {definition}, {day}) AS b, strata.evaluate(f, {definition}, {day} + {horizon}) AS a,
                 {} AS orders, {} AS spend
          FROM ({}) AS u WHERE present_from <= {day} OFFSET 0) AS e
), counted AS (
    SELECT layer, count(*) AS users, count(*) FILTER (WHERE orders > 0) AS active, sum(orders)::bigint AS orders,
           sum(spend) AS spend, count(*) FILTER (WHERE layer = ANY (after_in)) AS kept
    FROM asked, unnest(before_in) AS layer GROUP BY layer
)
SELECT l.layer, coalesce(users, 0), coalesce(active, 0), round(active::numeric / users, 4), coalesce(orders, 0),
       coalesce(spend, 0), round(spend / users, 2), coalesce(kept, 0), coalesce(users - kept, 0), round(kept::numeric / users, 4)
FROM (VALUES {}) AS l (layer, layer_order) LEFT JOIN counted USING (layer) ORDER BY l.layer_order",
        in_layers("b"),
        in_layers("a"),
        sum("frequency"),
        sum("monetary"),
        reading.features(&all_users(reading.parts), &[], Users::Many),
        names.join(", ")
    )
}

/// The users of a model with their layers as of a day, by their keys as text. Without a layer there is one row, too.
fn layers_by_user(reading: &Reading<'_>, definition: &str, is_overlapping: bool, day: &str) -> String {
    let (tags, condition) = match is_overlapping {
        true => ("LEFT JOIN LATERAL unnest((e).layers) AS layer ON true", "(e).layers IS NOT NULL"),
        false => ("CROSS JOIN LATERAL (SELECT (e).layer) AS l (layer)", "(e).layer IS NOT NULL"),
    };
    format!(
        "SELECT user_id, layer
      FROM (SELECT user_id::text AS user_id, strata.evaluate(f, {definition}, {day}) AS e FROM ({}) AS u
            WHERE present_from <= {day} OFFSET 0) AS answered {tags}
      WHERE {condition}",
        reading.features(&all_users(reading.parts), &[], Users::Many)
    )
}

/// One side of a comparison.
#[derive(Debug)]
pub struct Side<'a> {
    pub reading: Reading<'a>,
    pub definition: String,
    pub is_overlapping: bool,
    /// Its layers in their order.
    pub layers: Vec<String>,
}

/// Who is where in two models on a day.
pub fn compare(a: &Side<'_>, b: &Side<'_>, day: &str) -> String {
    let query = |side: &Side<'_>| layers_by_user(&side.reading, &side.definition, side.is_overlapping, day);
    let names = |side: &Side<'_>| text_array(side.layers.iter().map(String::as_str));
    format!(
        "SELECT a.layer, b.layer, count(*)
FROM ({}) AS a
     FULL JOIN ({}) AS b ON b.user_id = a.user_id
WHERE coalesce(a.layer, b.layer) IS NOT NULL
GROUP BY 1, 2 ORDER BY array_position({}, a.layer), array_position({}, b.layer)",
        query(a),
        query(b),
        names(a),
        names(b)
    )
}
