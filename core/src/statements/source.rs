//! How the ledgers of a source follow its relation: what is counted, folded, put aside.

use super::registry::Source;
use super::{LAST_DAY, ident, literal, literal_or_null};

/// The amount of one row beyond which it is put aside: far below what a day's ledger keeps, so that what is put aside depends
/// on the row alone, and not on those that it is counted with.
pub const MOST_OF_A_ROW: &str = "1000000000000";

/// What rows say, as a query of (`user_id`, `at` [, `amount`] [, more]). Expressions name columns alone.
pub fn events(source: &Source, rows: &str, more: &str) -> String {
    let time = source.time_expression.as_deref().unwrap_or("NULL::date");
    let amount = source.amount_expression.as_deref().map_or(String::new(), |amount| format!(", {amount} AS amount"));
    let condition = source.where_clause.as_deref().map_or("true".to_owned(), |condition| format!("({condition})"));
    format!("SELECT {} AS user_id, {time} AS at{amount}{more} FROM {rows} WHERE {condition}", source.user_expression)
}

/// The call of `ledger_agg` over those columns.
pub fn ledger_agg(source: &Source) -> String {
    let amount = if source.amount_expression.is_some() { ", amount" } else { "" };
    let zone = source.time_zone.as_deref().map_or(String::new(), |zone| format!(", {}", literal(zone)));
    format!("strata.ledger_agg(at{amount}{zone})")
}

/// The day of an event, of those columns.
fn day(source: &Source) -> String {
    match &source.time_zone {
        Some(zone) => format!("(at AT TIME ZONE {})::date", literal(zone)),
        None => "at::date".to_owned(),
    }
}

/// All users of such a query as (`user_id`, `ledger`): by the bulk builder, where it knows the type of the key.
pub fn count(source: &Source, events: &str, key_type: &str) -> String {
    let zone = literal_or_null(source.time_zone.as_deref());
    match key_type {
        "integer" | "bigint" | "uuid" => format!(
            "SELECT user_id, ledger FROM strata.ledgers({}, user_type => NULL::{key_type}, time_zone => {zone})",
            literal(events)
        ),
        "text" => format!("SELECT user_id, ledger FROM strata.ledgers({}, time_zone => {zone})", literal(events)),
        _ => format!(
            "SELECT user_id, {} AS ledger FROM ({events}) AS events
    WHERE user_id IS NOT NULL GROUP BY user_id HAVING count(at) > 0",
            ledger_agg(source)
        ),
    }
}

/// Whether changes of a source have to be noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    Changes,
    Nothing,
}

/// Takes new ledgers into the base table and notes whose have changed. `counted` is a query of (`user_id`, `place`, `before`,
/// `after`, `cause`), a missing ledger NULL, place where the old one stands; it stands on `clauses`, which also have
/// guests (`guests`) and marks (`mark`). It is one statement, so that what it deletes from a queue and what it reads are of
/// one snapshot. Answers (changed, latest day, guests, mark, whether a ledger is beyond what one row may hold).
pub fn take(source: &Source, tables: (&str, &str), clauses: &str, counted: &str, log: Log) -> String {
    let (ledgers, changes) = tables;
    // an alias without events is still somebody's
    let keeps_empty = source.aliases.as_deref() == Some(ledgers);
    let (update, delete) = match keeps_empty {
        true => ("", " AND false"),
        false => (" AND NOT d.is_empty", ""),
    };
    let logged = match log {
        Log::Changes => format!(
            ", logged AS (
    INSERT INTO {changes} (sync_id, user_id, first_day, cause)
    SELECT {}, user_id, first_day, cause FROM differing
)",
            source.sync_id
        ),
        Log::Nothing => String::new(),
    };
    let beyond = match source.amount_expression {
        Some(_) => "coalesce(bool_or(strata_internal.is_beyond(after)), false)",
        None => "false",
    };
    format!(
        "WITH {clauses}, counted AS MATERIALIZED ({counted}
), differing AS MATERIALIZED (
    SELECT user_id, place, before, after, cause, first_day,
           strata_internal.first_difference(NULL, after) IS NULL AS is_empty
    FROM (SELECT *, strata_internal.first_difference(before, after) AS first_day FROM counted OFFSET 0) AS c
    WHERE first_day IS NOT NULL
), updated AS (
    UPDATE {ledgers} AS l SET ledger = coalesce(d.after, '{{}}') FROM differing AS d WHERE l.ctid = d.place{update}
), inserted AS (
    INSERT INTO {ledgers} (user_id, ledger) SELECT user_id, after FROM differing WHERE place IS NULL AND NOT is_empty
), deleted AS (
    DELETE FROM {ledgers} AS l USING differing AS d WHERE l.ctid = d.place AND d.is_empty{delete}
){logged}
SELECT count(*), max(strata.last_day(after, {LAST_DAY})), (SELECT guests FROM guests), (SELECT mark FROM marks), {beyond}
FROM differing"
    )
}

/// A batch of the queue: rows by the pages that they stand on, `from` up to, and without, `to`; of them those of one share of
/// the users, share `number` of `shares`. A user's rows are in one batch as far as can be: his ledger is then written once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub from: u64,
    pub to: Option<u64>,
    pub number: u64,
    pub shares: u64,
}

impl Batch {
    /// The batches of a queue of so many pages, each some `pages_of_a_batch` long. Where users can be told apart by what stands in
    /// the queue, it is divided by them. Each share is looked for in all of those pages, so that they are no more than
    /// `most_shares` batches hold: what folding costs stays in proportion to the queue.
    #[must_use]
    pub fn all(pages: u64, pages_of_a_batch: u64, most_shares: u64) -> Vec<Batch> {
        let span = pages_of_a_batch * most_shares;
        let spans = (pages / span).max(1);
        let batches = (0..spans).flat_map(|at| {
            let is_last = at + 1 == spans;
            let (from, to) = (at * span, (!is_last).then_some((at + 1) * span));
            let shares = ((to.unwrap_or(pages).saturating_sub(from)) / pages_of_a_batch).max(1);
            (0..shares).map(move |number| Batch { from, to, number, shares })
        });
        batches.collect()
    }

    fn condition(self, source: &Source) -> String {
        let to = self.to.map_or(String::new(), |to| format!(" AND ctid < '({to},0)'::tid"));
        let share = match self.shares {
            1 => String::new(),
            shares => format!(
                " AND coalesce(hashtextextended((({})::text) COLLATE \"C\", 0) & 9223372036854775807, 0) % {shares} = {}",
                source.user_expression, self.number
            ),
        };
        format!("ctid >= '({},0)'::tid{to}{share}", self.from)
    }
}

/// A user that stands in a list of those whose rows do not fit a ledger together: he is counted anew, or not at all.
fn aside(source: &Source) -> String {
    format!(
        "(SELECT user_id FROM {} WHERE user_id IS NOT NULL)",
        source.rejects.as_deref().unwrap_or("(SELECT NULL AS user_id) AS none")
    )
}

/// What is in a batch of the queue, folded into the ledgers.
pub fn fold(source: &Source, batch: Batch, log: Log) -> String {
    let aggregate = ledger_agg(source);
    let queue = source.queue.as_deref().unwrap_or("NULL");
    let base = source.base_table();
    // days that are frozen neither gain nor lose
    let open = match &source.keep_before {
        Some(day_before) => format!(" AND {} >= {}::date", day(source), literal(day_before)),
        None => String::new(),
    };
    let clauses = format!(
        "taken AS (DELETE FROM {queue} WHERE strata_change IN (1, -1) AND {} RETURNING *
), events AS MATERIALIZED ({}
), guests AS (SELECT coalesce(sum(strata_change), 0) AS guests FROM events WHERE user_id IS NULL
), marks AS (SELECT NULL::text AS mark
), moved AS (
    SELECT user_id, {aggregate} FILTER (WHERE strata_change = 1) AS added,
           {aggregate} FILTER (WHERE strata_change = -1) AS removed
    FROM events WHERE user_id IS NOT NULL{open} GROUP BY user_id
)",
        batch.condition(source),
        events(source, "taken", ", strata_change"),
    );
    let counted = format!(
        "
    SELECT m.user_id, l.place, l.ledger AS before,
           strata_internal.ledger_minus(strata_internal.ledger_plus(l.ledger, m.added), m.removed) AS after, 'event' AS cause
    FROM (SELECT * FROM moved ORDER BY user_id) AS m
         LEFT JOIN LATERAL (SELECT l.ctid AS place, l.ledger FROM {base} AS l WHERE l.user_id = m.user_id OFFSET 0) AS l ON true"
    );
    take(source, (base, source.log_table()), &clauses, &counted, log)
}

/// Whose rows in the queue cannot be folded, since all of their rows together do not fit a ledger: they are counted anew.
pub fn aside_in_queue(source: &Source) -> String {
    let queue = source.queue.as_deref().unwrap_or("NULL");
    format!(
        "SELECT DISTINCT user_id FROM ({}) AS q WHERE user_id IS NOT NULL AND user_id IN {}",
        events(source, queue, ", strata_change"),
        aside(source)
    )
}

/// A query of users by name.
pub fn these_users(source: &Source, users: &[String]) -> String {
    let users: Vec<String> = users.iter().map(|user| literal(user)).collect();
    format!("SELECT unnest(ARRAY[{}]::{}[]) AS user_id", users.join(", "), source.alias_type)
}

/// Whether anybody is in that list at all.
pub fn has_aside(source: &Source) -> String {
    format!("SELECT EXISTS {}", aside(source))
}

/// The rows at or after the mark less the margin, as a condition; all of them before the first mark. `mark_type` is the
/// column's type.
pub fn since_mark(source: &Source, mark_type: &str) -> String {
    let (Some(column), Some(mark)) = (&source.mark_column, &source.mark) else { return "true".to_owned() };
    let margin = literal(source.margin.as_deref().unwrap_or("0"));
    let mark = literal(mark);
    let least = match mark_type {
        "smallint" => Some("-32768"),
        "integer" => Some("-2147483648"),
        "bigint" => Some("-9223372036854775808"),
        _ => None,
    };
    let bound = match (mark_type, least) {
        (_, Some(least)) => format!("greatest(ceil({mark}::numeric - {margin}::numeric), {least})::{mark_type}"),
        ("numeric", None) => format!("{mark}::numeric - {margin}::numeric"),
        // a day less an interval would be a time, which ends before days do
        ("date", None) => format!("{mark}::date - ceil(extract(epoch FROM {margin}::interval) / 86400)::integer"),
        (of_time, None) => format!("{mark}::{of_time} - {margin}::interval"),
    };
    format!("{} >= {bound}", ident(column))
}

/// What a mark can be: nothing comes after infinity.
fn is_finite(column: &str, mark_type: &str) -> String {
    match mark_type {
        "numeric" => format!("{column} < 'Infinity'"),
        "smallint" | "integer" | "bigint" => "true".to_owned(),
        _ => format!("isfinite({column})"),
    }
}

/// The greatest mark of the relation, or the one that there was.
fn marks(source: &Source, mark_type: &str) -> String {
    match &source.mark_column {
        None => "SELECT NULL::text AS mark".to_owned(),
        Some(column) => {
            let column = ident(column);
            format!(
                "SELECT coalesce(max({column}) FILTER (WHERE {})::text, {}) AS mark FROM {}",
                is_finite(&column, mark_type),
                literal_or_null(source.mark.as_deref()),
                source.relation_sql()
            )
        }
    }
}

/// The ledger that rows give, where days before `keep_before` stay as they are kept.
fn with_frozen(source: &Source, before: &str, found: &str) -> String {
    match &source.keep_before {
        None => found.to_owned(),
        Some(day) => {
            let day = literal(day);
            format!(
                "strata_internal.ledger_plus(strata.clip({before}, DATE '4713-01-01 BC', {day}::date - 1), \
                 strata.clip({found}, {day}::date, {LAST_DAY}))"
            )
        }
    }
}

/// Counts all users anew from `rows` (the relation, or those of it that can be counted); what the queue holds by then is in them.
pub fn recount_all(source: &Source, rows: &str, mark_type: &str, is_first: bool, log: Log) -> String {
    let events = events(source, rows, "");
    let base = source.base_table();
    let taken = source.queue.as_deref().map_or(String::new(), |queue| format!("taken AS (DELETE FROM {queue}), "));
    let clauses = format!(
        "{taken}marks AS ({}
), guests AS (SELECT count(*) - {} AS guests FROM ({events}) AS events WHERE user_id IS NULL
), found AS ({})",
        marks(source, mark_type),
        source.guests,
        count(source, &events, &source.alias_type),
    );
    let counted = match is_first {
        true => "
    SELECT user_id, NULL::tid AS place, NULL::strata.ledger AS before, ledger AS after, 'event' AS cause
    FROM found ORDER BY user_id"
            .to_owned(),
        false => format!(
            "
    SELECT coalesce(f.user_id, l.user_id) AS user_id, l.ctid AS place, l.ledger AS before, {} AS after, 'event' AS cause
    FROM found AS f FULL JOIN {base} AS l ON l.user_id = f.user_id",
            with_frozen(source, "l.ledger", "f.ledger")
        ),
    };
    take(source, (base, source.log_table()), &clauses, &counted, log)
}

/// Counts anew those whom the query `users` names (`user_id`), and takes theirs out of the queue.
pub fn recount_users(source: &Source, rows: &str, users: &str, mark_type: &str, log: Log) -> String {
    let base = source.base_table();
    let taken = source.queue.as_deref().map_or(String::new(), |queue| {
        format!(
            "taken AS (DELETE FROM {queue} WHERE strata_change IN (1, -1) AND ({}) IN (SELECT user_id FROM wanted)), ",
            source.user_expression
        )
    });
    let rows = events(source, rows, "");
    let mine = format!("{rows} AND ({}) IN ({users})", source.user_expression);
    let clauses = format!(
        "wanted AS MATERIALIZED (SELECT DISTINCT user_id FROM ({users}) AS w (user_id) WHERE user_id IS NOT NULL
), {taken}marks AS ({}
), guests AS (SELECT 0 AS guests
), found AS ({})",
        marks(source, mark_type),
        count(source, &mine, &source.alias_type),
    );
    let counted = format!(
        "
    SELECT w.user_id, l.ctid AS place, l.ledger AS before, {} AS after, 'event' AS cause
    FROM wanted AS w LEFT JOIN found AS f ON f.user_id = w.user_id LEFT JOIN {base} AS l ON l.user_id = w.user_id",
        with_frozen(source, "l.ledger", "f.ledger")
    );
    take(source, (base, source.log_table()), &clauses, &counted, log)
}

/// Why a row `t` of a relation cannot be counted; NULL where it can.
fn problem(source: &Source, relation: &str) -> String {
    format!(
        "strata_internal.row_problem(t.*, {}::regclass, {}, {}, {}, {}, {})",
        literal(relation),
        literal(&source.user_expression),
        literal_or_null(source.time_expression.as_deref()),
        literal_or_null(source.amount_expression.as_deref()),
        literal_or_null(source.where_clause.as_deref()),
        literal_or_null(source.time_zone.as_deref()),
    )
}

/// The rows of the relation that can be counted, for FROM.
pub fn countable(source: &Source) -> String {
    let relation = source.relation_sql();
    format!("(SELECT t.* FROM {relation} AS t WHERE {} IS NULL OFFSET 0) AS countable", problem(source, &relation))
}

/// Those among them of users who are not put aside as a whole.
pub fn countable_without(source: &Source, users: &str) -> String {
    let relation = source.relation_sql();
    format!(
        "(SELECT t.* FROM {relation} AS t WHERE CASE WHEN {} IS NULL THEN (({}) IN ({users})) IS NOT TRUE END OFFSET 0) AS countable",
        problem(source, &relation),
        source.user_expression
    )
}

/// Puts rows of the queue aside that cannot be counted.
pub fn reject_from_queue(source: &Source) -> String {
    let queue = source.queue.as_deref().unwrap_or("NULL");
    format!(
        "WITH bad AS MATERIALIZED (
    SELECT ctid AS place, problem
    FROM (SELECT t.ctid, {} AS problem FROM {queue} AS t WHERE t.strata_change IN (1, -1) OFFSET 0) AS q WHERE problem IS NOT NULL
), gone AS (
    DELETE FROM {queue} AS q USING bad AS b WHERE q.ctid = b.place
    RETURNING q.strata_change AS change, b.problem, to_jsonb(q.*) - 'strata_change' AS rejected_row
)
INSERT INTO {} (change, problem, rejected_row) SELECT change, problem, rejected_row FROM gone",
        problem(source, queue),
        source.rejects.as_deref().unwrap_or("NULL"),
    )
}

/// Puts rows of the relation aside that cannot be counted: all, or those of users that a query names. Equal rows that were
/// put aside before are found by a hash, however many they are.
pub fn reject_from_relation(source: &Source, users: Option<&str>) -> String {
    let relation = source.relation_sql();
    let rejects = source.rejects.as_deref().unwrap_or("NULL");
    let columns: Vec<String> =
        source.columns.iter().map(|column| format!("{}, to_jsonb(t.{})", literal(column), ident(column))).collect();
    let mine =
        users.map_or(String::new(), |users| format!(" WHERE (({}) IN ({users})) IS TRUE", source.user_expression));
    format!(
        "WITH bad AS MATERIALIZED (
    SELECT problem, rejected_row
    FROM (SELECT {} AS problem, jsonb_build_object({}) AS rejected_row FROM {relation} AS t{mine} OFFSET 0) AS p
    WHERE problem IS NOT NULL
), again AS (
    DELETE FROM {rejects} WHERE user_id IS NULL AND rejected_row IN (SELECT rejected_row FROM bad)
)
INSERT INTO {rejects} (change, problem, rejected_row) SELECT 1, problem, rejected_row FROM bad",
        problem(source, &relation),
        columns.join(", "),
    )
}

/// Users whose amounts of a day could be beyond what a ledger keeps: they are tried one by one.
pub fn beyond_candidates(source: &Source, rows: &str, users: Option<&str>) -> String {
    let amount = if source.amount_expression.is_some() { "sum(abs(amount::numeric))" } else { "0" };
    let mine = users.map_or(String::new(), |users| format!(" AND user_id IN ({users})"));
    format!(
        "SELECT user_id::text FROM ({}) AS e WHERE user_id IS NOT NULL{mine}
GROUP BY user_id HAVING {amount} > 4e12 OR count(*) > 2e9",
        events(source, rows, "")
    )
}

/// Counts one user, to see whether it can be done.
pub fn try_user(source: &Source, rows: &str, user: &str) -> String {
    format!(
        "SELECT {} FROM ({}) AS e WHERE user_id = {}::{}",
        ledger_agg(source),
        events(source, rows, ""),
        literal(user),
        source.alias_type
    )
}

/// Notes a user whose rows do not fit a ledger together: none of them is counted until they do.
pub fn put_user_aside(source: &Source, user: &str, why: &str) -> String {
    format!(
        "INSERT INTO {} (change, problem, rejected_row, user_id) VALUES (0, {}, '{{}}', {}::{})",
        source.rejects.as_deref().unwrap_or("NULL"),
        literal(why),
        literal(user),
        source.alias_type
    )
}

/// Forgets those who were put aside, all or some, before they are counted anew.
pub fn take_users_back(source: &Source, users: Option<&str>) -> String {
    let mine = users.map_or(String::new(), |users| format!(" AND user_id IN ({users})"));
    format!("DELETE FROM {} WHERE user_id IS NOT NULL{mine}", source.rejects.as_deref().unwrap_or("NULL"))
}

/// The users with a row at or after the mark.
pub fn users_since_mark(source: &Source, mark_type: &str) -> String {
    format!("SELECT {} FROM {} WHERE {}", source.user_expression, source.relation_sql(), since_mark(source, mark_type))
}

/// The users of partitions that are new, and those in the queue, who may have been there in one that is gone.
pub fn users_of(source: &Source, relations: &[String]) -> String {
    let condition = source.where_clause.as_deref().map_or("true".to_owned(), |condition| format!("({condition})"));
    let mut queries: Vec<String> = relations
        .iter()
        .map(|relation| format!("SELECT {} FROM {relation} WHERE {condition}", source.user_expression))
        .collect();
    if let Some(queue) = &source.queue {
        queries.push(format!("SELECT {} FROM {queue} WHERE strata_change IN (1, -1)", source.user_expression));
    }
    queries.join(" UNION ALL ")
}

/// Notes the users of attributes or of a map whose rows changed; a user that is NULL stands for all of them.
pub fn sync_users_by_trigger(source: &Source) -> String {
    format!(
        "WITH taken AS (DELETE FROM {} RETURNING *)
INSERT INTO {} (sync_id, user_id, cause)
SELECT {}, user_id, 'attribute'
FROM (SELECT CASE WHEN strata_change IN (1, -1) THEN {} END AS user_id, strata_change FROM taken) AS t
WHERE strata_change NOT IN (1, -1) OR user_id IS NOT NULL GROUP BY user_id",
        source.queue.as_deref().unwrap_or("NULL"),
        source.changes.as_deref().unwrap_or("NULL"),
        source.sync_id,
        source.user_expression,
    )
}

/// The same by a column that only grows; answers (mark, users).
pub fn sync_users_by_column(source: &Source, mark_type: &str) -> String {
    format!(
        "WITH marks AS ({}), noted AS (
    INSERT INTO {} (sync_id, user_id, cause)
    SELECT DISTINCT {}, {}, 'attribute' FROM {} WHERE {} AND ({}) IS NOT NULL RETURNING 1
)
SELECT mark, (SELECT count(*) FROM noted) FROM marks",
        marks(source, mark_type),
        source.changes.as_deref().unwrap_or("NULL"),
        source.sync_id,
        source.user_expression,
        source.relation_sql(),
        since_mark(source, mark_type),
        source.user_expression,
    )
}

/// Notes that everybody may have changed.
pub fn log_everyone(source: &Source) -> String {
    format!(
        "INSERT INTO {} (sync_id, user_id, cause) VALUES ({}, NULL, 'attribute')",
        source.changes.as_deref().unwrap_or("NULL"),
        source.sync_id
    )
}

/// Every user whose ledger is not what the rows say, as (`user_id`, `first_day`, `kept`, `counted`), in one snapshot with what
/// waits in the queue. Where `looks_beyond`, it fails (a division by zero) if a difference may come of a row that is beyond what
/// one may hold, and so was put aside.
pub fn verify(source: &Source, rows: &str, looks_beyond: bool) -> String {
    let beyond = match looks_beyond && source.amount_expression.is_some() {
        true => " AND 1 / (CASE WHEN strata_internal.is_beyond(counted) THEN 0 ELSE 1 END) = 1",
        false => "",
    };
    let base = source.base_table();
    let aggregate = ledger_agg(source);
    let pending = match &source.queue {
        Some(queue) => format!(
            "SELECT p.user_id, {aggregate} FILTER (WHERE strata_change = 1) AS added,
                         {aggregate} FILTER (WHERE strata_change = -1) AS removed
                  FROM ({} AND strata_change IN (1, -1)) AS p WHERE p.user_id IS NOT NULL GROUP BY p.user_id",
            events(source, queue, ", strata_change")
        ),
        None => format!("SELECT b.user_id, b.ledger AS added, b.ledger AS removed FROM {base} AS b WHERE false"),
    };
    format!(
        "SELECT user_id::text, strata_internal.first_difference(kept, counted), kept, counted
FROM (SELECT coalesce(f.user_id, k.user_id) AS user_id, k.ledger AS kept, {} AS counted
      FROM ({}) AS f
           FULL JOIN (
               SELECT coalesce(l.user_id, p.user_id) AS user_id,
                      strata_internal.ledger_minus(strata_internal.ledger_plus(l.ledger, p.added), p.removed) AS ledger
               FROM {base} AS l FULL JOIN (
                  {pending}
               ) AS p ON p.user_id = l.user_id
           ) AS k ON k.user_id = f.user_id) AS both_ways
WHERE strata_internal.first_difference(kept, counted) IS NOT NULL{beyond}
ORDER BY 1",
        with_frozen(source, "k.ledger", "f.ledger"),
        count(source, &events(source, rows, ""), &source.alias_type),
    )
}

/// How many changes wait in the queue, and whether a mark asks for counting everyone (0) or those in it (2) anew.
pub fn queue_state(source: &Source) -> String {
    format!(
        "SELECT count(*) FILTER (WHERE strata_change IN (1, -1)), coalesce(bool_or(strata_change = 0), false),
       coalesce(bool_or(strata_change = 2), false)
FROM {}",
        source.queue.as_deref().unwrap_or("NULL")
    )
}

/// Takes marks of partitions out of the queue.
pub fn take_marks(source: &Source) -> String {
    format!("DELETE FROM {} WHERE strata_change = 2", source.queue.as_deref().unwrap_or("NULL"))
}

/// Drops the changes that every model knows.
pub fn forget_changes(source: &Source) -> String {
    format!(
        "DELETE FROM {} WHERE sync_id <= coalesce((SELECT min(consumed) FROM {} WHERE source = {}), {})",
        source.changes.as_deref().unwrap_or("NULL"),
        super::qualified(&source.schema, "strata_model_sources"),
        literal(&source.name),
        source.sync_id
    )
}

/// The tables of a source as they are made: (ending, statement) each, the queue's columns being `queue_columns`.
pub fn create_tables(source: &Source, queue_columns: &str) -> Vec<(&'static str, String, String)> {
    let relation = source.relation_text();
    let name = |ending: &str| super::qualified(&source.schema, &source.table_name(ending));
    let changes = |key: &str| format!("(sync_id bigint NOT NULL, user_id {key}, first_day date, cause text NOT NULL)");
    source
        .endings()
        .into_iter()
        .map(|ending| {
            let (columns, about) = match ending {
                "ledger" => (
                    format!(
                        "(user_id {} PRIMARY KEY, ledger strata.ledger NOT NULL) USING heap WITH (fillfactor = 90)",
                        source.key_type
                    ),
                    format!("ledgers of source {}, of {relation}.", source.name),
                ),
                "aliases" => (
                    format!(
                        "(user_id {} PRIMARY KEY, ledger strata.ledger NOT NULL, mapped {}, is_ambiguous boolean NOT NULL DEFAULT false)
    USING heap WITH (fillfactor = 90)",
                        source.alias_type, source.key_type
                    ),
                    format!("ledgers of source {} by alias, and whose they are.", source.name),
                ),
                "queue" => (
                    format!(
                        "(strata_change smallint NOT NULL{queue_columns}) USING heap
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)"
                    ),
                    format!(
                        "changes of {relation} that source {} has not counted yet: 1 a new row, -1 a row that is gone, 0 all rows anew, 2 the users in the queue anew.",
                        source.name
                    ),
                ),
                "rejects" => (
                    format!(
                        "(rejected_at timestamptz NOT NULL DEFAULT now(), change smallint NOT NULL, problem text NOT NULL,
    rejected_row jsonb NOT NULL, user_id {}) USING heap",
                        source.alias_type
                    ),
                    format!(
                        "rows of {relation} that source {} cannot count: 1 came, -1 went, 0 all rows of a user.",
                        source.name
                    ),
                ),
                "alias_changes" => (
                    format!("{} USING heap", changes(&source.alias_type)),
                    format!("aliases of source {} with changes that its ledgers do not know of yet.", source.name),
                ),
                _ => (
                    format!("{} USING heap", changes(&source.key_type)),
                    format!("users of source {} with changes that a model does not know of yet.", source.name),
                ),
            };
            (ending, format!("CREATE TABLE {} {columns}", name(ending)), about)
        })
        .collect()
}

/// Indexes and identities of these tables: what is deleted from can be published.
pub fn finish_tables(source: &Source) -> Vec<String> {
    let name = |ending: &str| super::qualified(&source.schema, &source.table_name(ending));
    source
        .endings()
        .into_iter()
        .flat_map(|ending| {
            let identity = matches!(ending, "queue" | "changes" | "alias_changes" | "rejects")
                .then(|| format!("ALTER TABLE {} REPLICA IDENTITY FULL", name(ending)));
            let index = match ending {
                "changes" => Some(format!("CREATE INDEX ON {} (sync_id)", name(ending))),
                "aliases" => Some(format!("CREATE INDEX ON {} (mapped)", name(ending))),
                _ => None,
            };
            identity.into_iter().chain(index)
        })
        .collect()
}

/// One trigger of the four on a relation.
pub fn create_trigger(source: &Source, member: &str, event: &str, queue_oid: u32) -> String {
    let tables = match event {
        "insert" => "REFERENCING NEW TABLE AS strata_new ",
        "update" => "REFERENCING OLD TABLE AS strata_old NEW TABLE AS strata_new ",
        "delete" => "REFERENCING OLD TABLE AS strata_old ",
        _ => "",
    };
    // of events what the queue has is all that counts
    let kind = if source.is_events { String::new() } else { format!(", {}", literal(USERS)) };
    format!(
        "CREATE OR REPLACE TRIGGER {} AFTER {event} ON {member} {tables}FOR EACH STATEMENT
    EXECUTE FUNCTION strata_internal.capture({}, {}, {}, {}, {}{kind})",
        ident(&trigger_name(source, event)),
        literal(&source.schema),
        literal(&source.name),
        literal(&source.table_name("queue")),
        literal(&queue_oid.to_string()),
        literal(&source.id),
    )
}

/// Fires whatever the session's role in replication is.
pub fn enable_trigger(source: &Source, member: &str, event: &str) -> String {
    format!("ALTER TABLE {member} ENABLE ALWAYS TRIGGER {}", ident(&trigger_name(source, event)))
}

/// The last argument of a trigger whose source is of users.
pub const USERS: &str = "users";

pub const EVENTS: [&str; 4] = ["insert", "update", "delete", "truncate"];

/// What a source's trigger is called: by the source's id, so that two long names are never cut to one.
pub fn trigger_name(source: &Source, event: &str) -> String {
    format!("strata_{event}_{}", &source.id)
}

/// The row of answers of `add_source`.
pub fn added(source: &Source) -> String {
    let ledger = source.ledger.as_deref().unwrap_or("NULL");
    format!(
        "SELECT {}, {}::regclass, {}, {}, count(*), coalesce(sum(strata.frequency(ledger, {LAST_DAY})), 0)::bigint, {}::bigint,
    (SELECT coalesce(sum(change), 0)::bigint FROM {})
FROM {ledger}",
        literal(&source.name),
        literal(ledger),
        literal(source.capture.name()),
        literal(&source.because),
        source.guests,
        source.rejects.as_deref().unwrap_or("NULL"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_divided_by_users_and_a_very_long_one_by_pages_too() {
        let batch = |from, to, number, shares| Batch { from, to, number, shares };
        assert_eq!(Batch::all(0, 10, 4), [batch(0, None, 0, 1)]);
        assert_eq!(Batch::all(19, 10, 4), [batch(0, None, 0, 1)]);
        assert_eq!(Batch::all(35, 10, 4), [batch(0, None, 0, 3), batch(0, None, 1, 3), batch(0, None, 2, 3)]);
        let long = Batch::all(95, 10, 4);
        assert_eq!(long.len(), 4 + 5);
        assert_eq!((long[0], long[3]), (batch(0, Some(40), 0, 4), batch(0, Some(40), 3, 4)));
        assert_eq!((long[4], long[8]), (batch(40, None, 0, 5), batch(40, None, 4, 5)));
        // by pages alone
        assert_eq!(Batch::all(35, 10, 1), [batch(0, Some(10), 0, 1), batch(10, Some(20), 0, 1), batch(20, None, 0, 1)]);
    }
}
