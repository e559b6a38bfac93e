//! A refresh: only those whom something happened to, or whose clock has struck, are looked at, and where they are is written
//! down, in one statement.

use super::model::{Reading, Users, all_users};
use super::registry::{LivingModel, Part, PartKind};
use super::{ident, literal};

/// Whether a part of a model says that anybody may have changed.
pub fn changed_as_a_whole(part: &Part) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM {} WHERE sync_id > {} AND user_id IS NULL)",
        part.source.changes.as_deref().unwrap_or("NULL"),
        part.consumed.unwrap_or(0)
    )
}

/// Who is looked at besides those whom something happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Everyone {
    No,
    /// Attributes may have changed.
    MayHaveChanged,
    /// What the members know is as it was, only who of them has moved since is not known.
    AsBefore,
}

/// The users to look at as of a day, as (`user_id`, `first_day` of what changed, `cause`), with repetitions. `again`: those
/// who were put aside before, by their keys as text.
pub fn found(reading: &Reading<'_>, day: &str, everyone: Everyone, again: &[String]) -> String {
    let members = reading.model.members_sql();
    let mut queries = vec![format!(
        "SELECT user_id, NULL::date AS first_day, NULL::text AS cause FROM {members} WHERE next_change <= {day}"
    )];
    for part in reading.parts {
        queries.push(format!(
            "SELECT user_id, first_day, cause FROM {} WHERE sync_id > {} AND user_id IS NOT NULL",
            part.source.changes.as_deref().unwrap_or("NULL"),
            part.consumed.unwrap_or(0)
        ));
    }
    if !again.is_empty() {
        queries.push(format!(
            "SELECT user_id, NULL, 'attribute' FROM unnest({}) AS again (user_id)",
            keys(reading, again)
        ));
    }
    if everyone != Everyone::No {
        let cause = if everyone == Everyone::MayHaveChanged { "'attribute'" } else { "NULL" };
        queries.push(format!("SELECT user_id, NULL, {cause} FROM {members}"));
        queries.push(format!("SELECT user_id, NULL, {cause} FROM ({}) AS u", all_users(reading.parts)));
    }
    queries.join("\n    UNION ALL ")
}

/// All members, and all who could be.
pub fn everyone(reading: &Reading<'_>) -> String {
    format!(
        "SELECT user_id FROM {} UNION SELECT user_id FROM ({}) AS u",
        reading.model.members_sql(),
        all_users(reading.parts)
    )
}

/// Users by their keys.
fn keys(reading: &Reading<'_>, users: &[String]) -> String {
    format!("{}::{}[]", super::text_array(users.iter().map(String::as_str)), reading.model.key_type)
}

/// How many rows that is, so that the planner is told whether they are few.
pub fn count_found(found: &str) -> String {
    format!("SELECT count(*) FROM ({found}) AS u")
}

/// Whom to look at, and what for.
#[derive(Debug, Clone)]
pub enum Examined {
    /// The users that a query of [`found`] names.
    Found(String),
    /// The users of a query of [`everyone`], because another version holds: the cause of whatever moves.
    Everyone(String, &'static str),
}

/// What a statement of [`write`] is to do.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    pub examined: Examined,
    /// The definition that answers, as SQL has it, and the version that is written down.
    pub definition: &'a str,
    pub version: i32,
    pub is_overlapping: bool,
    /// The days to write, from … to, as SQL has them.
    pub from_day: &'a str,
    pub to_day: &'a str,
    /// There is no history yet: where everyone stands on the first day is `backfill`.
    pub is_first: bool,
    /// The day is refreshed again.
    pub is_same_day: bool,
    pub many: Users,
    /// Users who cannot be evaluated, by their keys as text: they stay where they are.
    pub aside: &'a [String],
}

/// A share of the users, to find the one among them who cannot be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// There are two to the power of `level` shares.
    pub level: u32,
    pub number: u64,
}

impl Share {
    pub const ALL: Share = Share { level: 0, number: 0 };

    pub fn halves(self) -> [Share; 2] {
        [0, 1].map(|bit| Share { level: self.level + 1, number: self.number | bit << self.level })
    }

    fn condition(self) -> Option<String> {
        let mask = (1_u64 << self.level) - 1;
        (self.level > 0).then(|| format!("hashtextextended(user_id::text, 0) & {mask} = {}", self.number))
    }
}

/// The users to look at, each once.
fn examined(reading: &Reading<'_>, task: &Task<'_>, share: Share) -> String {
    let without = (!task.aside.is_empty()).then(|| format!("user_id <> ALL ({})", keys(reading, task.aside)));
    let conditions: Vec<String> = without.into_iter().chain(share.condition()).collect();
    let mine = match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    };
    match &task.examined {
        Examined::Found(found) => format!(
            "SELECT user_id, min(first_day) AS first_day, coalesce(bool_or(cause = 'event'), false) AS has_event,
           coalesce(bool_or(cause = 'merge'), false) AS has_merge, coalesce(bool_or(cause = 'attribute'), false) AS has_attribute
    FROM ({found}) AS u{mine} GROUP BY user_id ORDER BY user_id"
        ),
        Examined::Everyone(users, _) => format!(
            "SELECT user_id, NULL::date AS first_day, false AS has_event, false AS has_merge, false AS has_attribute
    FROM ({users}) AS u{mine}"
        ),
    }
}

/// What a version says of those users on the days to write: a row for each day on which it is another, the last of which is
/// how it stands.
fn answers(reading: &Reading<'_>, task: &Task<'_>) -> String {
    let members = reading.model.members_sql();
    let (from, to) = (task.from_day, task.to_day);
    let definition = task.definition;
    let before = match task.many {
        Users::Few => format!(
            "LEFT JOIN LATERAL (SELECT m.ctid, layer, layers FROM {members} AS m WHERE m.user_id = x.user_id OFFSET 0) AS m ON true"
        ),
        Users::Many => format!("LEFT JOIN {members} AS m ON m.user_id = x.user_id"),
    };
    let users = format!(
        "SELECT x.*, m.ctid AS place, m.layer AS before_layer, m.layers AS before_layers FROM examined AS x {before}"
    );
    let features = reading.features(&users, &[], task.many);
    let (moved, moved_on) = match task.is_overlapping {
        true => ("(e).layers IS DISTINCT FROM was_layers", "layers IS DISTINCT FROM was_layers"),
        false => ("(e).layer IS DISTINCT FROM was_layer", "layer IS DISTINCT FROM was_layer"),
    };
    // why a user moved, on a day on which he did
    let reason = match &task.examined {
        Examined::Everyone(_, cause) => literal(cause),
        Examined::Found(_) => format!(
            "CASE WHEN {} AND day = start_day THEN 'backfill'
                WHEN NOT first_look AND ({}) THEN 'event'
                WHEN day > start_day THEN 'clock'
                WHEN has_event AND first_day <= day THEN 'event'
                WHEN has_merge AND first_day <= day THEN 'merge'
                WHEN has_attribute THEN 'attribute'
                ELSE 'clock' END",
            task.is_first,
            reading.happened("day")
        ),
    };
    match from == to {
        true => format!(
            "SELECT user_id, day, (e).layer AS layer, (e).layers AS layers, (e).scores AS scores,
           CASE WHEN present_from > {to} THEN present_from ELSE (e).next_change END AS next_change,
           was_layer, was_layers, CASE WHEN {moved} THEN {reason} END AS cause, true AS is_last, place, present_from
    FROM (SELECT u.*, before_layer AS was_layer, before_layers AS was_layers, {to} AS day, {to} AS start_day, {} AS first_look,
                 CASE WHEN present_from <= {to} THEN strata.evaluate(f, {definition}, {to}) END AS e
          FROM ({features}) AS u OFFSET 0) AS answered",
            task.is_same_day
        ),
        // who comes later is in no layer until then
        false => format!(
            "SELECT user_id, day, layer, layers, scores, next_change, was_layer, was_layers,
           CASE WHEN {moved_on} THEN {reason} END AS cause, is_last, place, present_from
    FROM (
        SELECT *, lag(layer, 1, before_layer) OVER steps AS was_layer, lag(layers, 1, before_layers) OVER steps AS was_layers,
               lead(day) OVER steps IS NULL AS is_last
        FROM (
            SELECT u.*, {from} AS start_day, false AS first_look, s.day, s.layer, s.layers, s.scores, s.next_change
            FROM ({features}) AS u CROSS JOIN LATERAL (
                SELECT w.day, w.layer, w.layers, w.scores, w.next_change
                FROM unnest(CASE WHEN u.present_from <= {to}
                                 THEN strata_internal.walk(u.f, {definition}, greatest(u.present_from, {from}), {to}) END) AS w
                UNION ALL
                SELECT {from}, NULL, NULL, NULL, u.present_from WHERE u.present_from IS NULL OR u.present_from > {from}
            ) AS s OFFSET 0
        ) AS stepped WINDOW steps AS (PARTITION BY user_id ORDER BY day)
    ) AS answered"
        ),
    }
}

/// Evaluates a share of the users and writes nothing: fails where one of them cannot be evaluated.
pub fn probe(reading: &Reading<'_>, task: &Task<'_>, share: Share) -> String {
    format!(
        "WITH examined AS MATERIALIZED (
    {}
), answers AS MATERIALIZED (
    {}
)
SELECT count(*) FROM answers",
        examined(reading, task, share),
        answers(reading, task)
    )
}

/// The only user of a share; NULL where there are several.
pub fn only_user(reading: &Reading<'_>, task: &Task<'_>, share: Share) -> String {
    format!(
        "SELECT CASE WHEN count(*) = 1 THEN min(user_id::text) END
FROM (SELECT user_id FROM ({}) AS x LIMIT 2) AS u",
        examined(reading, task, share)
    )
}

/// Looks at users and writes down where they are: changes into the history, how it stands into the members, which nobody else
/// writes while the model is locked. Answers (examined, changed, due, new, users more, changes by cause).
pub fn write(reading: &Reading<'_>, task: &Task<'_>) -> String {
    let members = reading.model.members_sql();
    let history = reading.model.history_sql();
    let (from, to) = (task.from_day, task.to_day);
    let overlapping = task.is_overlapping;
    let examined = examined(reading, task, Share::ALL);
    let answers = answers(reading, task);
    let last = match from == to {
        true => "SELECT *, CASE WHEN cause IS NOT NULL THEN day END AS since FROM answers",
        false => {
            "SELECT *, max(day) FILTER (WHERE cause IS NOT NULL) OVER (PARTITION BY user_id) AS since FROM answers"
        }
    };
    let (now_in, were_in) = if overlapping { ("layers", "was_layers") } else { ("NULL", "NULL") };
    let in_layer = if overlapping { "layers" } else { "layer" };
    format!(
        "WITH examined AS MATERIALIZED (
    {examined}
), answers AS MATERIALIZED (
    {answers}
), stand AS MATERIALIZED (SELECT * FROM ({last}) AS l WHERE is_last
), changed AS (
    INSERT INTO {history} (user_id, valid_from, layer, layers, previous_layer, previous_layers, cause, version)
    SELECT user_id, day, layer, {now_in}, was_layer, {were_in}, cause, {}
    FROM answers WHERE cause IS NOT NULL ORDER BY day, user_id
    RETURNING cause
), gone AS (
    DELETE FROM {members} AS m USING stand AS a WHERE m.ctid = a.place AND a.present_from IS NULL
), moved AS (
    UPDATE {members} AS m
    SET layer = a.layer, layers = a.layers, scores = a.scores, since = coalesce(a.since, m.since), next_change = a.next_change
    FROM stand AS a
    WHERE m.ctid = a.place AND a.present_from IS NOT NULL
      AND (a.since IS NOT NULL OR m.next_change IS DISTINCT FROM a.next_change OR m.scores IS DISTINCT FROM a.scores
           OR m.layers IS DISTINCT FROM a.layers)
), come AS (
    INSERT INTO {members} (user_id, layer, layers, scores, since, next_change)
    SELECT user_id, layer, layers, scores, coalesce(since, day), next_change
    FROM stand WHERE place IS NULL AND present_from IS NOT NULL
)
SELECT x.*, s.*, c.changes
FROM (SELECT count(*), count(*) FILTER (WHERE has_event OR has_merge OR has_attribute),
             count(*) FILTER (WHERE NOT (has_event OR has_merge OR has_attribute)) FROM examined) AS x,
     (SELECT count(*) FILTER (WHERE is_last AND place IS NULL AND present_from IS NOT NULL),
             count(*) FILTER (WHERE cause IS NOT NULL AND {in_layer} IS NOT NULL)
             - count(*) FILTER (WHERE cause IS NOT NULL AND was_{in_layer} IS NOT NULL) FROM answers) AS s,
     (SELECT coalesce(jsonb_object_agg(cause, users), '{{}}') AS changes
      FROM (SELECT cause, count(*) AS users FROM changed GROUP BY cause) AS c) AS c",
        task.version
    )
}

/// Everyone at once, but for those in `aside`, into tables that are empty: indexes come afterwards.
pub fn fill_members(reading: &Reading<'_>, definition: &str, day: &str, aside: &[String]) -> String {
    let users = match aside.is_empty() {
        true => all_users(reading.parts),
        false => format!(
            "SELECT user_id FROM ({}) AS u WHERE user_id <> ALL ({})",
            all_users(reading.parts),
            keys(reading, aside)
        ),
    };
    format!(
        "INSERT INTO {} (user_id, layer, layers, scores, since, next_change)
SELECT user_id, (e).layer, (e).layers, (e).scores, {day}, CASE WHEN present_from > {day} THEN present_from ELSE (e).next_change END
FROM (SELECT user_id, present_from, CASE WHEN present_from <= {day} THEN strata.evaluate(f, {definition}, {day}) END AS e
      FROM ({}) AS u OFFSET 0) AS answered",
        reading.model.members_sql(),
        reading.features(&users, &[], Users::Many)
    )
}

/// The first rows of the history: where everyone stands.
pub fn fill_history(reading: &Reading<'_>, is_overlapping: bool, version: i32, day: &str) -> String {
    let (layers, condition) =
        if is_overlapping { ("layers", "layers IS NOT NULL") } else { ("NULL", "layer IS NOT NULL") };
    format!(
        "INSERT INTO {} (user_id, valid_from, layer, layers, cause, version)
SELECT user_id, {day}, layer, {layers}, 'backfill', {version} FROM {} WHERE {condition}",
        reading.model.history_sql(),
        reading.model.members_sql()
    )
}

/// The tables of a model as they are made, with what their comments say: (ending, kind, statement, about).
pub fn create_tables(reading: &Reading<'_>) -> Vec<(&'static str, &'static str, String, String)> {
    let model = reading.model;
    let name = |ending: &str| super::qualified(&model.schema, &model.table_name(ending));
    let key = &model.key_type;
    vec![
        (
            "members",
            "TABLE",
            format!(
                "CREATE TABLE {} (
    user_id {key} NOT NULL,
    layer text,
    layers text[],
    scores smallint[],
    since date NOT NULL,
    next_change date
) USING heap WITH (fillfactor = 80)",
                name("members")
            ),
            format!("where the users of model {} are, as of its last refresh. NULL: counted, but in no layer.", model.name),
        ),
        (
            "history",
            "TABLE",
            format!(
                "CREATE TABLE {} (
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    user_id {key} NOT NULL,
    valid_from date NOT NULL,
    layer text,
    layers text[],
    previous_layer text,
    previous_layers text[],
    cause text NOT NULL CHECK (cause IN ('event', 'clock', 'attribute', 'calibration', 'definition', 'merge', 'backfill')),
    version integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
) USING heap",
                name("history")
            ),
            format!("every change of layer of a user of model {}, append only. NULL: left.", model.name),
        ),
        (
            "periods",
            "VIEW",
            format!(
                "CREATE VIEW {} AS
SELECT user_id, layer, layers, period, lower(period) AS valid_from, upper(period) AS valid_to, cause, version, recorded_at, change_id
FROM (SELECT *, daterange(valid_from, lead(valid_from) OVER (PARTITION BY user_id ORDER BY valid_from, change_id)) AS period
      FROM {}) AS h
WHERE NOT isempty(period) AND (layer IS NOT NULL OR layers IS NOT NULL)",
                name("periods"),
                name("history")
            ),
            format!("who was when in which layer of model {}; valid_to is the first day on which he was not.", model.name),
        ),
    ]
}

/// An index that members or history need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Whether it is there, whatever it is called.
    pub is_there: String,
    pub create: String,
}

/// The keys and indexes of members and history, which a first refresh fills before it makes them.
pub fn indexes(reading: &Reading<'_>) -> [Index; 4] {
    let (members, history) = (reading.model.members_sql(), reading.model.history_sql());
    let is_there = |table: &str, condition: &str| {
        format!(
            "SELECT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = {}::regclass AND {condition})",
            literal(table)
        )
    };
    let key = |table: &str, columns: &str| Index {
        is_there: is_there(table, "i.indisprimary"),
        create: format!("ALTER TABLE {table} ADD PRIMARY KEY ({columns})"),
    };
    let plain = |table: &str, column: &str, method: &str, with: &str| Index {
        is_there: is_there(
            table,
            &format!(
                "i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = (
    SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = i.indrelid AND a.attname = {})",
                literal(column)
            ),
        ),
        create: format!("CREATE INDEX ON {table} USING {method} ({column}){with}"),
    };
    [
        key(members, "user_id"),
        plain(members, "next_change", "btree", ""),
        key(history, "user_id, valid_from, change_id"),
        plain(history, "change_id", "brin", " WITH (pages_per_range = 32)"),
    ]
}

/// Notes that members know of the sources' last syncs.
pub fn consume(reading: &Reading<'_>) -> String {
    format!(
        "UPDATE {} AS p SET consumed = s.sync_id FROM {} AS s WHERE p.model = {} AND s.name = p.source",
        reading.model.registry("strata_model_sources"),
        reading.model.registry("strata_sources"),
        literal(&reading.model.name)
    )
}

/// Keeps what a refresh did; `report` is an expression of `jsonb`.
pub fn keep_report(model: &LivingModel, day: &str, report: &str) -> String {
    format!(
        "INSERT INTO {} (model, refreshed_at, as_of, report) VALUES ({}, clock_timestamp(), {day}, {report})",
        model.registry("strata_refreshes"),
        literal(&model.name)
    )
}

/// The keys of those whom the last refresh put aside.
pub fn aside_before(model: &LivingModel) -> String {
    format!(
        "SELECT jsonb_array_elements_text(report #> '{{put_aside,users}}')
FROM (SELECT report FROM {} WHERE model = {} ORDER BY refreshed_at DESC LIMIT 1) AS last",
        model.registry("strata_refreshes"),
        literal(&model.name)
    )
}

/// The sources with when they were looked at and what they reach, as JSON.
pub fn sources_report(reading: &Reading<'_>) -> String {
    format!(
        "SELECT jsonb_object_agg(s.{0}, jsonb_build_object('synced_at', s.synced_at, 'latest_day', s.latest_day))
FROM {1} AS p JOIN {2} AS s ON s.name = p.source WHERE p.model = {3} AND p.part = 'ledger'",
        ident("name"),
        reading.model.registry("strata_model_sources"),
        reading.model.registry("strata_sources"),
        literal(&reading.model.name)
    )
}

/// Whether every change of a part is looked at user by user; otherwise everyone is looked at.
pub fn is_followed(part: &Part) -> bool {
    use super::registry::Capture;
    part.kind == PartKind::Ledger || matches!(part.source.capture, Capture::Trigger | Capture::Column)
}
