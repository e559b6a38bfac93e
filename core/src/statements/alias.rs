//! Ledgers by alias, moved to the users whom a map names: a visitor has many names.

use super::literal;
use super::registry::{Capture, Source};
use super::source::{Log, take};

/// The aliases to look at: whose ledger or whose user has changed. `everyone`: all of them.
fn touched(source: &Source, map: &Source, everyone: bool) -> String {
    let aliases = source.aliases.as_deref().unwrap_or("NULL");
    match everyone || matches!(map.capture, Capture::None | Capture::Compare) {
        true => format!("SELECT user_id FROM {aliases}"),
        false => format!(
            "SELECT user_id FROM {} UNION SELECT user_id FROM {}",
            source.alias_changes.as_deref().unwrap_or("NULL"),
            map.changes.as_deref().unwrap_or("NULL")
        ),
    }
}

/// Whether a map's changes say that anybody may have changed.
pub fn map_changed_as_a_whole(map: &Source) -> String {
    format!("SELECT EXISTS (SELECT FROM {} WHERE user_id IS NULL)", map.changes.as_deref().unwrap_or("NULL"))
}

/// Moves ledgers to the users whom the map names now; an alias that stands for several belongs to nobody. Users in `beyond`
/// (their keys as text) have ledgers that do not fit together, and get none.
pub fn move_aliases(source: &Source, map: &Source, everyone: bool, beyond: &[String]) -> String {
    let aliases = source.aliases.as_deref().unwrap_or("NULL");
    let ledgers = source.ledger.as_deref().unwrap_or("NULL");
    let changes = source.changes.as_deref().unwrap_or("NULL");
    let user = source.map_expression.as_deref().unwrap_or("NULL");
    // an alias that nobody is named for is a user of its own, where the types are the same
    let own = if source.alias_type == source.key_type { "a.user_id" } else { "NULL" };
    let excluded = match beyond.is_empty() {
        true => String::new(),
        false => {
            let users: Vec<String> = beyond.iter().map(|user| literal(user)).collect();
            format!(" WHERE user_id::text NOT IN ({})", users.join(", "))
        }
    };
    let clauses = format!(
        "touched AS MATERIALIZED ({}
), named AS (
    SELECT alias, CASE WHEN count(user_id) = 1 THEN (array_agg(user_id) FILTER (WHERE user_id IS NOT NULL))[1] END AS user_id,
           count(user_id) > 1 AS is_ambiguous
    FROM (SELECT DISTINCT {} AS alias, ({user})::{} AS user_id FROM {}
          WHERE ({}) IN (SELECT user_id FROM touched)) AS m GROUP BY alias
), moved AS MATERIALIZED (
    SELECT *
    FROM (SELECT a.user_id AS alias, a.ledger, a.mapped AS from_user, c.user_id IS NOT NULL AS has_events,
                 CASE WHEN m.alias IS NULL THEN {own} ELSE m.user_id END AS to_user,
                 coalesce(m.is_ambiguous, false) AS is_ambiguous, a.is_ambiguous AS was_ambiguous
          FROM touched AS t JOIN {aliases} AS a ON a.user_id = t.user_id
               LEFT JOIN (SELECT DISTINCT user_id FROM {}) AS c ON c.user_id = a.user_id
               LEFT JOIN named AS m ON m.alias = a.user_id) AS u
    WHERE has_events OR from_user IS DISTINCT FROM to_user OR is_ambiguous <> was_ambiguous
), mapped AS (
    UPDATE {aliases} AS a SET mapped = m.to_user, is_ambiguous = m.is_ambiguous
    FROM moved AS m
    WHERE a.user_id = m.alias AND (m.from_user IS DISTINCT FROM m.to_user OR m.is_ambiguous <> m.was_ambiguous)
), guests AS (SELECT 0 AS guests
), marks AS (SELECT {}::text AS mark
), affected AS MATERIALIZED (
    SELECT user_id, max(CASE WHEN from_user IS NOT DISTINCT FROM to_user OR from_user IS NULL AND has_events THEN 'event' ELSE 'merge' END) AS cause
    FROM (SELECT m.*, from_user AS user_id FROM moved AS m UNION ALL SELECT m.*, to_user FROM moved AS m) AS u
    WHERE user_id IS NOT NULL GROUP BY user_id
), parts AS (
    SELECT u.user_id, a.ledger
    FROM affected AS u JOIN {aliases} AS a ON a.mapped = u.user_id LEFT JOIN moved AS m ON m.alias = a.user_id
    WHERE m.alias IS NULL
    UNION ALL SELECT to_user, ledger FROM moved WHERE to_user IS NOT NULL
), summed AS (SELECT user_id, strata.rollup(ledger) AS ledger FROM parts{excluded} GROUP BY user_id
)",
        touched(source, map, everyone),
        map.user_expression,
        source.key_type,
        map.relation_sql(),
        map.user_expression,
        source.alias_changes.as_deref().unwrap_or("NULL"),
        super::literal_or_null(source.mark.as_deref()),
    );
    let counted = format!(
        "
    SELECT u.user_id, l.ctid AS place, l.ledger AS before, s.ledger AS after, u.cause
    FROM affected AS u LEFT JOIN summed AS s ON s.user_id = u.user_id LEFT JOIN {ledgers} AS l ON l.user_id = u.user_id"
    );
    take(source, (ledgers, changes), &clauses, &counted, Log::Changes)
}

/// Users whose ledgers together could be beyond what a ledger keeps: they are tried one by one.
pub fn beyond_candidates(source: &Source, everyone: bool, map: &Source) -> String {
    let user = source.map_expression.as_deref().unwrap_or("NULL");
    format!(
        "WITH touched AS (SELECT a.user_id, a.ledger FROM {} AS a WHERE a.user_id IN ({})), summed AS (
    SELECT u.user_id, a.ledger
    FROM (SELECT mapped AS user_id FROM {aliases} WHERE user_id IN (SELECT user_id FROM touched)
          UNION SELECT ({user})::{key} FROM {map} WHERE ({alias}) IN (SELECT user_id FROM touched)) AS u
         JOIN {aliases} AS a ON a.mapped = u.user_id OR a.user_id IN (
             SELECT {alias} FROM {map} WHERE ({user})::{key} = u.user_id))
SELECT user_id::text FROM summed WHERE user_id IS NOT NULL GROUP BY user_id
HAVING sum(strata.gross_amount(ledger, {last}) + strata.credit_amount(ledger, {last})) > 4e12",
        source.aliases.as_deref().unwrap_or("NULL"),
        touched(source, map, everyone),
        aliases = source.aliases.as_deref().unwrap_or("NULL"),
        key = source.key_type,
        map = map.relation_sql(),
        alias = map.user_expression,
        last = super::LAST_DAY,
    )
}

/// Adds up the ledgers of one user, to see whether it can be done.
pub fn try_user(source: &Source, map: &Source, user: &str) -> String {
    format!(
        "SELECT strata.rollup(a.ledger) FROM {} AS a
WHERE a.mapped = {user}::{key} OR a.user_id IN (SELECT {} FROM {} WHERE ({})::{key} = {user}::{key})",
        source.aliases.as_deref().unwrap_or("NULL"),
        map.user_expression,
        map.relation_sql(),
        source.map_expression.as_deref().unwrap_or("NULL"),
        user = literal(user),
        key = source.key_type,
    )
}

/// Takes the users off the list whose ledgers did not fit together, and answers them: they are looked at anew.
pub fn take_noted(source: &Source) -> String {
    format!(
        "DELETE FROM {} WHERE change = 0 AND user_id IS NULL RETURNING rejected_row ->> 'user_id'",
        source.rejects.as_deref().unwrap_or("NULL")
    )
}

/// Notes a user whose ledgers do not fit together.
pub fn put_user_aside(source: &Source, user: &str) -> String {
    format!(
        "INSERT INTO {} (change, problem, rejected_row) VALUES (0, 'the amounts of this user are beyond what a ledger keeps', \
         jsonb_build_object('user_id', {}))",
        source.rejects.as_deref().unwrap_or("NULL"),
        literal(user)
    )
}

/// Forgets what has been moved.
pub fn forget(source: &Source, map: &Source) -> [String; 2] {
    [
        format!("DELETE FROM {}", source.alias_changes.as_deref().unwrap_or("NULL")),
        format!("DELETE FROM {}", map.changes.as_deref().unwrap_or("NULL")),
    ]
}

/// How many aliases stand for several users, with an example.
pub fn ambiguous(source: &Source) -> String {
    format!(
        "SELECT count(*), min(user_id::text) FROM {} WHERE is_ambiguous",
        source.aliases.as_deref().unwrap_or("NULL")
    )
}
