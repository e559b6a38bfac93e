//! The main job, from raw events to named segments: `strata.rfm` and `strata.rfm_summary`.
//!
//! Both are composed of the public functions. [`rfm_query`] checks the arguments, asks what the caller's query returns
//! and writes the whole statement; the SQL functions (sql/rfm_job.sql) run it with the caller's rights and search path.

use pgrx::datum::Date;
use pgrx::prelude::*;
use strata_core::ledger::Window;
use strata_core::score::{Bins, Scheme, Ties};

use crate::error::{OrRaise, not_null, raise};
use crate::pg::date::as_of;
use crate::pg::query::{Column, columns_of, literal, type_name};
use crate::pg::zone::Zone;
use crate::rfm::{lang_argument, scheme_argument};

::pgrx::extension_sql_file!("../sql/rfm_job.sql", name = "rfm_job", requires = [rfm_query]);

const SHAPE: &str =
    "The query returns (user, time [, amount]), for example: SELECT customer_id, ordered_at, amount FROM orders.";

/// The statement that `rfm` runs, with `summary` that of `rfm_summary`.
#[pg_extern(stable)]
#[allow(clippy::too_many_arguments, reason = "these are the arguments of strata.rfm")]
fn rfm_query(
    query: Option<&str>,
    as_of: Option<Date>,
    time_zone: Option<&str>,
    bins: Option<i32>,
    ties: Option<&str>,
    scheme: Option<&str>,
    lang: Option<&str>,
    window_days: Option<i32>,
    user_type: Option<pg_sys::Oid>,
    summary: Option<bool>,
) -> String {
    let query = not_null(query, "query", SHAPE).trim_end().trim_end_matches(';');
    let as_of = self::as_of(as_of);
    Window::new(as_of, window_days).or_raise();
    let bins = Bins::new(not_null(bins, "bins", "Use a number from 2 to 10, for example bins => 5.").into()).or_raise();
    let ties = not_null(ties, "ties", "For example ties => 'min'.").parse::<Ties>().or_raise();
    let lang_name = lang.unwrap_or_default();
    let (scheme, lang) = (scheme_argument(scheme), lang_argument(lang));
    scheme.require_bins(bins).or_raise();

    let columns = columns_of(query);
    let user_type = type_name(user_type.unwrap_or(pg_sys::TEXTOID));
    let ledger = ledger_expression(&columns, time_zone);
    let window = window_days.map_or("NULL".to_owned(), |days| days.to_string());
    let segment = match scheme.reads_groups() {
        true => format!("strata.rfm_group(recency, frequency, monetary, cuts, 'score_mean', '{lang_name}')"),
        false => format!("strata.rfm_segment(scores, '{}', '{lang_name}')", scheme.name()),
    };
    let events = if columns.len() == 2 { "events (user_id, at)" } else { "events (user_id, at, amount)" };
    let bins = bins.get();
    let users = format!(
        "WITH ledgers AS (
    SELECT user_id::{user_type} AS user_id, strata.clip({ledger}, NULL, DATE '{as_of}') AS ledger
    FROM (
{query}
    ) AS {events}
    WHERE user_id IS NOT NULL
    GROUP BY 1
), users AS MATERIALIZED (
    SELECT user_id,
           strata.recency(ledger, DATE '{as_of}') AS recency,
           strata.frequency(ledger, DATE '{as_of}', {window}) AS frequency,
           strata.monetary(ledger, DATE '{as_of}', {window}) AS monetary
    FROM ledgers
    WHERE ledger OPERATOR(strata.<>) strata.ledger '{{}}'
), cuts AS (
    SELECT strata.rfm_cuts_agg(recency, frequency, monetary, {bins}, '{ties}') AS cuts FROM users
), segments AS (
    SELECT user_id, recency, frequency, monetary, scores, {segment} AS segment
    FROM users, cuts, LATERAL (SELECT strata.rfm_score(recency, frequency, monetary, cuts) OFFSET 0) AS scored (scores)
)"
    );
    match summary.unwrap_or(false) {
        false => format!(
            "{users}
SELECT user_id, recency, frequency, monetary, (scores).r, (scores).f, (scores).m, strata.rfm_code(scores), segment
FROM segments"
        ),
        true => format!(
            "{users}
SELECT segment,
       count(*),
       round(count(*) / sum(count(*)) OVER (), 4),
       sum(monetary),
       round(sum(monetary) / nullif(sum(sum(monetary)) OVER (), 0), 4),
       round(avg(recency), 2),
       round(avg(frequency), 2),
       round(avg(monetary), 2)
FROM segments
GROUP BY segment
ORDER BY array_position(ARRAY[{}], segment)",
            labels(scheme, lang)
        ),
    }
}

/// All labels of a scheme in its order, as SQL literals.
fn labels(scheme: &Scheme, lang: strata_core::score::Lang) -> String {
    let labels: Vec<String> = scheme.segments().iter().map(|segment| literal(segment.label(lang))).collect();
    labels.join(", ")
}

/// The `ledger_agg` for the columns that the query returns.
fn ledger_expression(columns: &[Column], time_zone: Option<&str>) -> String {
    let (time, amount) = match columns {
        [_, time] => (time, None),
        [_, time, amount] => (time, Some(amount)),
        _ => raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("the query returns {} columns, not 2 or 3", columns.len()),
            Some(SHAPE.to_owned()),
        ),
    };
    let zone = time_zone.map(|zone| {
        Zone::by_name(zone.as_bytes());
        literal(zone)
    });
    let zone = match (time.type_oid, zone) {
        (pg_sys::DATEOID | pg_sys::TIMESTAMPOID, _) => None,
        (pg_sys::TIMESTAMPTZOID, Some(zone)) => Some(zone),
        (pg_sys::TIMESTAMPTZOID, None) => raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("column \"{}\" is a timestamp with time zone: where does a day begin?", time.name),
            Some("Name the time zone, for example time_zone => 'Asia/Shanghai'.".to_owned()),
        ),
        _ => raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("column \"{}\" must be a date or a timestamp, not {}", time.name, time.type_name()),
            Some(SHAPE.to_owned()),
        ),
    };
    let amount = amount.map(|amount| match amount.type_oid {
        pg_sys::NUMERICOID | pg_sys::INT8OID | pg_sys::INT4OID | pg_sys::FLOAT8OID => "amount",
        pg_sys::INT2OID => "amount::integer",
        pg_sys::FLOAT4OID => "amount::double precision",
        _ => raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("column \"{}\" must be a number, not {}", amount.name, amount.type_name()),
            Some(SHAPE.to_owned()),
        ),
    });
    let arguments: Vec<&str> = ["at"].into_iter().chain(amount).chain(zone.as_deref()).collect();
    format!("strata.ledger_agg({})", arguments.join(", "))
}
