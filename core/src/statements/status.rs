//! How sources and models are, a row for each: freshness is a number. Each query answers one row, so that what is wrong with one
//! is never in the way of the others.

use super::registry::{LivingModel, Part, Source};
use super::{LAST_DAY, literal, literal_or_null, qualified};

/// The row of a source. `has_commit_times`: the server keeps when transactions were committed.
pub fn source(source: &Source, problem: Option<&str>, has_commit_times: bool) -> String {
    let since_look = "clock_timestamp() - s.synced_at";
    let (queue_rows, waiting, oldest) = match &source.queue {
        Some(queue) => {
            let committed = match has_commit_times {
                true => format!(
                    "(SELECT clock_timestamp() - min(pg_xact_commit_timestamp(x)) FROM (SELECT xmin AS x FROM {queue} GROUP BY xmin) AS t)"
                ),
                false => "NULL::interval".to_owned(),
            };
            ("q.rows", format!("(SELECT count(*) AS rows FROM {queue})"), committed)
        }
        None => ("NULL::bigint", "(SELECT 1 AS rows)".to_owned(), "NULL::interval".to_owned()),
    };
    // changes that no trigger wrote down may be as old as the last look
    let oldest = match problem {
        Some(_) => since_look.to_owned(),
        None => format!("CASE WHEN q.rows = 0 THEN interval '0' ELSE coalesce({oldest}, {since_look}) END"),
    };
    let ambiguous = match &source.aliases {
        Some(aliases) => format!("(SELECT count(*) FROM {aliases} WHERE is_ambiguous)"),
        None => "0::bigint".to_owned(),
    };
    format!(
        "SELECT s.name, {}, {}, s.capture, s.because, {}::text, s.synced_at, {since_look}, {oldest}, {queue_rows}, s.seconds, s.latest_day,
       t.users, t.events, s.guests, round(s.guests::numeric / nullif(s.guests + t.events, 0), 4),
       r.rejected, r.aside, {ambiguous}, t.heavy_users,
       ARRAY(SELECT DISTINCT p.model FROM {} AS p WHERE p.source = s.name ORDER BY p.model)
FROM {} AS s
     CROSS JOIN {waiting} AS q
     CROSS JOIN (
         WITH counted AS (SELECT user_id, strata.frequency(ledger, {LAST_DAY}) AS events FROM {}),
              total AS (SELECT count(*) AS users, coalesce(sum(events), 0)::bigint AS events FROM counted)
         SELECT t.users, t.events, (SELECT jsonb_object_agg(c.user_id, round(c.events::numeric / t.events, 4))
                                    FROM counted AS c WHERE c.events > 0.01 * t.events) AS heavy_users
         FROM total AS t
     ) AS t
     CROSS JOIN (
         SELECT coalesce(sum(change), 0)::bigint AS rejected, count(*) FILTER (WHERE change = 0) AS aside FROM {}
     ) AS r
WHERE s.name = {}",
        text(&source.schema),
        text(&source.relation_text()),
        literal_or_null(problem),
        qualified(&source.schema, "strata_model_sources"),
        qualified(&source.schema, "strata_sources"),
        source.ledger.as_deref().unwrap_or("NULL"),
        source.rejects.as_deref().unwrap_or("NULL"),
        literal(&source.name),
    )
}

fn text(text: &str) -> String {
    format!("{}::text", literal(text))
}

/// The row of a source that cannot be looked at.
pub fn broken_source(schema: &str, name: &str, problem: &str) -> String {
    format!(
        "SELECT {}, {}, NULL::text, NULL::text, NULL::text, {}, NULL::timestamptz, NULL::interval, NULL::interval, NULL::bigint,
       NULL::double precision, NULL::date, NULL::bigint, NULL::bigint, NULL::bigint, NULL::numeric, NULL::bigint, NULL::bigint,
       NULL::bigint, NULL::jsonb, NULL::text[]",
        text(name),
        text(schema),
        text(problem)
    )
}

/// The row of a model. What waits is counted in the changes of its sources and in their queues.
pub fn model(model: &LivingModel, parts: &[Part], problem: Option<&str>) -> String {
    let today = format!("{}::date", literal(&model.today));
    let mut waiting = vec!["0::bigint".to_owned()];
    for part in parts {
        if let Some(changes) = &part.source.changes {
            let consumed = part.consumed.unwrap_or(0);
            waiting.push(format!("(SELECT count(*) FROM {changes} WHERE sync_id > {consumed})"));
        }
        if let Some(queue) = &part.source.queue {
            waiting.push(format!("(SELECT count(*) FROM {queue})"));
        }
    }
    let due = |condition: &str| match &model.members {
        Some(members) => format!("(SELECT count(*) FROM {members} WHERE {condition})"),
        None => "NULL::bigint".to_owned(),
    };
    // what the last refresh put aside of single users is a problem, too
    format!(
        "SELECT s.name, {}, s.active_version, s.refreshed_version, s.as_of, s.refreshed_at, {today} - s.as_of,
       clock_timestamp() - s.refreshed_at, s.users, {}, {}, {}, s.seconds, s.schedule,
       coalesce({}::text, CASE
           WHEN last.report ? 'put_aside' THEN format('%s users cannot be evaluated and stay where they are: %s',
               jsonb_array_length(last.report #> '{{put_aside,users}}'), last.report #>> '{{put_aside,why}}')
           WHEN last.report ? 'doubled_users' THEN format('%s users have several rows of attributes; of each the first holds',
               last.report ->> 'doubled_users')
       END),
       last.report
FROM {} AS s
     LEFT JOIN LATERAL (SELECT r.report FROM {} AS r WHERE r.model = s.name ORDER BY r.refreshed_at DESC LIMIT 1) AS last ON true
WHERE s.name = {}",
        text(&model.schema),
        due(&format!("next_change <= {today}")),
        due(&format!("next_change = {today} + 1")),
        waiting.join(" + "),
        literal_or_null(problem),
        model.registry("strata_models"),
        model.registry("strata_refreshes"),
        literal(&model.name),
    )
}

/// The row of a model that cannot be looked at.
pub fn broken_model(schema: &str, name: &str, problem: &str) -> String {
    format!(
        "SELECT {}, {}, NULL::integer, NULL::integer, NULL::date, NULL::timestamptz, NULL::integer, NULL::interval, NULL::bigint,
       NULL::bigint, NULL::bigint, NULL::bigint, NULL::double precision, NULL::text, {}, NULL::jsonb",
        text(name),
        text(schema),
        text(problem)
    )
}
