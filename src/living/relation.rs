//! The relation that a source follows, as it is now: what inherits from it, whose it is, which triggers it has.

use pgrx::{PgSqlErrorCode, pg_sys};
use strata_core::statements::registry::{Part, PartKind, Source};
use strata_core::statements::source::EVENTS;
use strata_core::statements::{literal, source as texts, text_array};

use super::door::Door;
use crate::error::raise;
use crate::pg::catalog;

/// The relation or one that inherits from it.
#[derive(Debug, Clone)]
pub struct Member {
    pub oid: u32,
    /// Ready for SQL.
    pub name: String,
    kind: String,
    is_own: bool,
    owner: String,
    /// Whether that is somebody who may do everything anyway.
    is_of_superuser: bool,
    is_subscribed: bool,
    /// Triggers of the source that fire, that are there at all, and that are as they would be made now.
    firing: i64,
    triggers: i64,
    exact: i64,
}

impl Member {
    /// Whether every statement on it is seen.
    pub fn is_followed(&self) -> bool {
        self.firing == EVENTS.len() as i64
    }

    /// Whether its triggers name the queue as it is called now.
    pub fn is_exact(&self) -> bool {
        self.exact == EVENTS.len() as i64
    }

    /// What keeps its triggers from seeing everything.
    pub fn gap(&self) -> Option<String> {
        let of = EVENTS.len() as i64;
        match (self.firing, self.triggers) {
            (firing, _) if firing == of => None,
            (_, 0) => Some(format!("{} has no triggers of it", self.name)),
            (_, all) if all == of => Some(format!("a trigger of it on {} is disabled", self.name)),
            (_, some) => Some(format!("{} has only {some} of its {of} triggers", self.name)),
        }
    }
}

/// A relation and everything that inherits from it, partitions above all; itself first.
#[derive(Debug, Clone)]
pub struct Family(pub Vec<Member>);

impl Family {
    /// The family of a relation, with the triggers of a source.
    pub fn of(door: &Door<'_>, relation: u32, source: Option<(&Source, u32)>) -> Family {
        let (id, arguments) = match source {
            Some((source, queue)) => {
                let (queue_name, queue, id) = (source.table_name("queue"), queue.to_string(), source.id.as_str());
                let users = if source.is_events { None } else { Some(texts::USERS) };
                let parts = [source.schema.as_str(), &source.name, &queue_name, &queue, id].into_iter().chain(users);
                let bytes: Vec<u8> = parts.flat_map(|part| part.bytes().chain([0])).collect();
                (id, bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
            None => ("", String::new()),
        };
        let rows = door.spi.rows(&format!(
            "WITH RECURSIVE family AS (
    SELECT {relation}::oid AS member
    UNION SELECT i.inhrelid FROM family JOIN pg_inherits AS i ON i.inhparent = member WHERE NOT i.inhdetachpending
)
SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind, c.relowner = {}::oid, quote_ident(pg_get_userbyid(c.relowner)),
       EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = c.oid), t.firing, t.triggers, t.exact,
       (SELECT rolsuper FROM pg_roles AS o WHERE o.oid = c.relowner)
FROM family JOIN pg_class AS c ON c.oid = member JOIN pg_namespace AS n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL (
         SELECT count(*) FILTER (WHERE tgenabled IN ('A', 'O')) AS firing, count(*) AS triggers,
                count(*) FILTER (WHERE tgenabled = 'A' AND tgargs = decode({}, 'hex')) AS exact
         FROM pg_trigger
         WHERE tgrelid = c.oid AND NOT tgisinternal AND tgfoid = 'strata_internal.capture()'::regprocedure
           AND tgname = ANY (SELECT 'strata_' || event || '_' || {} FROM unnest({}) AS event)
     ) AS t
ORDER BY c.oid <> {relation}::oid, c.oid",
            door.caller.to_u32(),
            literal(&arguments),
            literal(id),
            text_array(EVENTS),
        ));
        let members = rows.into_iter().filter_map(|row| {
            let text = |place: usize| row.get(place).cloned().flatten();
            let number = |place: usize| text(place).and_then(|number| number.parse().ok()).unwrap_or(0);
            Some(Member {
                oid: text(0)?.parse().ok()?,
                name: text(1)?,
                kind: text(2)?,
                is_own: text(3).as_deref() == Some("t"),
                owner: text(4)?,
                is_subscribed: text(5).as_deref() == Some("t"),
                firing: number(6),
                triggers: number(7),
                exact: number(8),
                is_of_superuser: text(9).as_deref() == Some("t"),
            })
        });
        Family(members.collect())
    }

    /// The family of a source's relation.
    pub fn of_source(door: &Door<'_>, source: &Source) -> Family {
        let queue = source.queue.as_deref().map_or(0, |queue| oid_of(door, queue));
        Family::of(door, source.relation, Some((source, queue)))
    }

    pub fn oids(&self) -> Vec<u32> {
        self.0.iter().map(|member| member.oid).collect()
    }

    /// Why triggers cannot see everything that happens to it; `None` where they can.
    pub fn obstacle(&self) -> Option<String> {
        let member = self
            .0
            .iter()
            .find(|member| !matches!(member.kind.as_str(), "r" | "p") || !member.is_own || member.is_subscribed)?;
        let name = &member.name;
        Some(match member.kind.as_str() {
            "v" => format!("{name} is a view"),
            "m" => format!("{name} is a materialized view"),
            "f" => format!("{name} is a foreign table"),
            "r" | "p" if !member.is_own => format!("{name} belongs to {}", member.owner),
            "r" | "p" => format!("{name} is filled by logical replication, which fires no triggers"),
            _ => format!("{name} is a relation without rows of its own"),
        })
    }
}

/// The number of a relation by its name in SQL.
pub fn oid_of(door: &Door<'_>, name: &str) -> u32 {
    let oid = door.spi.value(&format!("SELECT to_regclass({})::oid", literal(name)));
    oid.and_then(|oid| oid.parse().ok()).unwrap_or(0)
}

/// A column of the relation that expressions use.
#[derive(Debug, Clone)]
pub struct UsedColumn {
    pub name: String,
    /// Its type without a domain.
    pub base: String,
    pub is_virtual: bool,
    /// The type that the queue has for it, where there is a queue.
    queued: Option<String>,
    collation: Option<String>,
}

impl UsedColumn {
    /// As a column of the queue: without checks and lengths, so that nothing that the relation took is refused.
    pub fn for_queue(&self) -> String {
        let collation = self.collation.as_deref().map_or(String::new(), |collation| format!(" COLLATE {collation}"));
        format!(", {} {}{collation}", strata_core::statements::ident(&self.name), self.base)
    }
}

/// The columns that a source uses, as they are now.
pub fn used_columns(door: &Door<'_>, relation: u32, columns: &[String], queue: Option<&str>) -> Vec<UsedColumn> {
    let queue = queue.map_or("NULL::regclass".to_owned(), |queue| format!("to_regclass({})", literal(queue)));
    let rows = door.spi.rows(&format!(
        "WITH RECURSIVE used AS (
    SELECT a.attname, a.attnum, a.attcollation, a.attgenerated, a.atttypid AS base
    FROM pg_attribute AS a
    WHERE a.attrelid = {relation}::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY ({}::name[])
), bases AS (
    SELECT attname, base FROM used
    UNION ALL SELECT b.attname, t.typbasetype FROM bases AS b JOIN pg_type AS t ON t.oid = b.base WHERE t.typtype = 'd'
)
SELECT u.attname, format_type(b.base, -1), u.attgenerated = 'v', format_type(q.atttypid, -1),
       CASE WHEN u.attcollation <> 0 AND u.attcollation <> t.typcollation THEN format('%I.%I', n.nspname, c.collname) END
FROM used AS u
     JOIN bases AS b ON b.attname = u.attname
     JOIN pg_type AS t ON t.oid = b.base AND t.typtype <> 'd'
     LEFT JOIN pg_collation AS c ON c.oid = u.attcollation LEFT JOIN pg_namespace AS n ON n.oid = c.collnamespace
     LEFT JOIN pg_attribute AS q ON q.attrelid = {queue} AND q.attname = u.attname AND NOT q.attisdropped
ORDER BY u.attnum",
        text_array(columns.iter().map(String::as_str))
    ));
    let columns = rows.into_iter().filter_map(|row| {
        let text = |place: usize| row.get(place).cloned().flatten();
        Some(UsedColumn {
            name: text(0)?,
            base: text(1)?,
            is_virtual: text(2).as_deref() == Some("t"),
            queued: text(3),
            collation: text(4),
        })
    });
    columns.collect()
}

/// What is wrong with the columns that a source uses; `None` where nothing is.
pub fn column_problem(source: &Source, columns: &[UsedColumn]) -> Option<String> {
    let relation = source.relation_text();
    source.columns.iter().find_map(|wanted| match columns.iter().find(|column| column.name == *wanted) {
        None => Some(format!("{relation} has no column \"{wanted}\" any more")),
        Some(column) => {
            let queued = column.queued.as_ref()?;
            (queued != &column.base).then(|| {
                format!("column \"{wanted}\" of {relation} was of type {queued}, and is of type {}", column.base)
            })
        }
    })
}

/// Finds the relation by its name as it is now, since tools swap tables; where nothing is called so any more, by its number,
/// since people rename them.
pub fn find(door: &Door<'_>, source: &mut Source) {
    let by_name = door.spi.value(&format!(
        "SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = {} AND c.relname = {}",
        literal(&source.relation_schema),
        literal(&source.relation_name)
    ));
    if let Some(oid) = by_name.and_then(|oid| oid.parse().ok()) {
        source.relation = oid;
        return;
    }
    // of a copied database the number says nothing
    let by_number = match source.place == catalog::place() {
        true => catalog::relation_name(pg_sys::Oid::from(source.relation)),
        false => None,
    };
    match by_number {
        Some((schema, name)) => {
            pgrx::notice!("source {}: {} is called {schema}.{name} now", source.name, source.relation_text());
            (source.relation_schema, source.relation_name) = (schema, name);
        }
        None => raise(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!("relation {} of source \"{}\" does not exist", source.relation_text(), source.name),
            Some(format!("Bring it back, or drop the source: SELECT strata.drop_source({});", literal(&source.name))),
        ),
    }
}

/// Holds a source's relation, and looks whose it is: what another role has put in the place of what was followed would run with
/// the rights of who follows it. Answers whose it is by now.
///
/// `None` where there is no such relation.
pub fn hold(source: &Source, caller: pg_sys::Oid) -> Option<String> {
    let found = catalog::hold_named(&source.relation_sql())?;
    if let Some(problem) = other_hands(source, found, caller) {
        in_other_hands(source, &problem);
    }
    Some(catalog::role_name(found.owner))
}

/// The same of the relations that a model reads by itself: attributes, registered users.
pub fn hold_users(door: &Door<'_>, parts: &[Part]) {
    for part in parts.iter().filter(|part| part.kind != PartKind::Ledger) {
        hold(&part.source, door.caller);
    }
}

fn in_other_hands(source: &Source, problem: &str) -> ! {
    let hint = match source.is_events {
        true => format!(
            "Where it is to be followed all the same, drop the source and add it anew: SELECT strata.drop_source({});",
            literal(&source.name)
        ),
        false => "Where it is to be read all the same, name it again, with strata.alter_model.".to_owned(),
    };
    raise(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("source \"{}\" may have missed changes: {problem}", source.name),
        Some(hint),
    )
}

/// Says of a relation that it belongs neither to the caller, nor to whom it belonged, nor to a superuser.
pub fn other_hands(source: &Source, found: catalog::Relation, caller: pg_sys::Oid) -> Option<String> {
    let owner = catalog::role_name(found.owner);
    let is_known = found.owner == caller || catalog::is_superuser(found.owner) || owner == source.relation_owner;
    (!is_known).then(|| format!("{} belongs to {owner} by now", source.relation_text()))
}

/// The same of what inherits from it.
fn part_in_other_hands(source: &Source, family: &Family) -> Option<String> {
    let is_known = |member: &&Member| member.is_own || member.is_of_superuser || member.owner == source.relation_owner;
    let other = family.0.iter().find(|member| !is_known(member))?;
    Some(format!("{} belongs to {}", other.name, other.owner))
}

/// Refuses to read a relation of which a part belongs to somebody else.
pub fn check_parts(source: &Source, family: &Family) {
    if let Some(problem) = part_in_other_hands(source, family) {
        in_other_hands(source, &problem);
    }
}

/// Puts triggers where they are missing or name the queue as it was called; they are locked in until the transaction ends.
/// Statements fire those of the relation that they name, so every partition has its own.
pub fn attach(door: &Door<'_>, source: &Source, members: &[Member]) {
    // rows that were committed between the snapshot and the triggers would be seen by neither
    let isolation = crate::pg::settings::setting(c"transaction_isolation");
    if isolation != "read committed" && isolation != "read uncommitted" {
        raise(
            PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION,
            format!("triggers of source \"{}\" cannot be created in a transaction that is {isolation}", source.name),
            Some("Begin it with ISOLATION LEVEL READ COMMITTED.".to_owned()),
        );
    }
    let queue = source.queue.as_deref().map_or(0, |queue| oid_of(door, queue));
    for member in members {
        door.spi.run(&format!("LOCK TABLE ONLY {} IN SHARE ROW EXCLUSIVE MODE", member.name));
        for event in EVENTS {
            door.spi.run(&texts::create_trigger(source, &member.name, event, queue));
            door.spi.run(&texts::enable_trigger(source, &member.name, event));
        }
    }
}

/// Takes the triggers of a source off relations of the caller, but for those in `but`.
pub fn detach(door: &Door<'_>, source: &Source, but: &[u32]) {
    let but: Vec<String> = but.iter().map(|oid| format!("{oid}::oid")).collect();
    let rows = door.spi.rows(&format!(
        "SELECT format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname)
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE t.tgfoid = 'strata_internal.capture()'::regprocedure AND NOT t.tgisinternal AND c.relowner = {}::oid
  AND t.tgname = ANY (SELECT 'strata_' || event || '_' || {} FROM unnest({}) AS event) AND c.oid <> ALL (ARRAY[{}]::oid[])
-- parents first, as those who write through them lock
ORDER BY c.relispartition, c.relkind <> 'p', c.oid, t.tgname",
        door.caller.to_u32(),
        literal(&source.id),
        text_array(EVENTS),
        but.join(", ")
    ));
    for row in rows {
        if let Some(Some(statement)) = row.first() {
            door.spi.run(statement);
        }
    }
}
