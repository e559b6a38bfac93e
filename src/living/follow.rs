//! Following a relation: what its triggers saw is folded into the ledgers; what they could not see is counted anew.

use std::time::Instant;

use pgrx::{PgSqlErrorCode, pg_sys};
use strata_core::statements::registry::{Capture, Source, keep_source};
use strata_core::statements::source::{self as texts, Batch, Log};
use strata_core::statements::{alias, literal, qualified};

use super::door::{Door, with_few_users};
use super::relation::{self, Family, Member, UsedColumn, column_problem, used_columns};
use crate::error::raise;
use crate::pg::catalog;
use crate::pg::spi::{Refused, Row};

/// A queue that is longer is folded in batches: 16 MB of it at a time.
const PAGES_OF_A_BATCH: u64 = 2048;
/// So many batches at most are told apart by their users, for which the pages of all of them are read for each.
const BATCHES_BY_USER: u64 = 16;

/// From here on a queue is compared with the relation: counting everyone anew costs less than folding a quarter of the rows.
const LONG_QUEUE: u64 = 100_000;
const SHARE_TO_RECOUNT: f64 = 0.25;

/// What the relation and its columns are now.
struct Present {
    family: Family,
    columns: Vec<UsedColumn>,
    /// The type of the column that only grows.
    mark_type: String,
}

impl Present {
    fn of(door: &Door<'_>, source: &Source) -> Present {
        let columns = used_columns(door, source.relation, &source.columns, source.queue.as_deref());
        let mark_type = source.mark_column.as_deref().and_then(|column| {
            used_columns(door, source.relation, &[column.to_owned()], None).into_iter().next().map(|column| column.base)
        });
        Present { family: Family::of_source(door, source), columns, mark_type: mark_type.unwrap_or_default() }
    }

    /// What keeps triggers from having seen everything: of a table that has come in the relation's place its own, otherwise
    /// those of all members that the last sync knew.
    fn gap(&self, source: &Source) -> Option<String> {
        let members = &self.family.0;
        match source.family.contains(&source.relation) {
            true => members.iter().filter(|member| source.family.contains(&member.oid)).find_map(Member::gap),
            false => members.first().and_then(Member::gap),
        }
    }
}

/// What keeps a source from being equal to its relation, or was put aside of it; `None` where it is equal.
pub fn problem(door: &Door<'_>, source: &Source) -> Option<String> {
    let mut source = source.clone();
    let name = door.spi.value(&format!("SELECT to_regclass({})::oid", literal(&source.relation_sql())));
    match name.and_then(|oid| oid.parse().ok()) {
        Some(oid) => source.relation = oid,
        None if source.place == catalog::place()
            && catalog::relation_name(pg_sys::Oid::from(source.relation)).is_some() => {}
        None => return Some(format!("there is no relation {}", source.relation_text())),
    }
    if source.place != catalog::place() {
        return Some("the database has been copied; the next sync counts all rows anew".to_owned());
    }
    if let Some(found) = catalog::relation_of(pg_sys::Oid::from(source.relation))
        && let Some(problem) = relation::other_hands(&source, found, door.caller)
    {
        return Some(problem);
    }
    if let Some(missing) = missing_tables(&source) {
        return Some(missing);
    }
    let present = Present::of(door, &source);
    let gap = match source.capture {
        Capture::Trigger => present.family.obstacle().or_else(|| present.gap(&source)),
        _ => None,
    };
    gap.or_else(|| column_problem(&source, &present.columns)).or_else(|| put_aside(door, &source))
}

/// Users whose rows cannot be counted together, and aliases that stand for several.
fn put_aside(door: &Door<'_>, source: &Source) -> Option<String> {
    let rejects = source.rejects.as_deref()?;
    let row = door.spi.row(&format!(
        "SELECT count(*), min(coalesce(user_id::text, rejected_row ->> 'user_id')) FROM {rejects} WHERE change = 0"
    ))?;
    if let [Some(count), Some(user)] = row.as_slice()
        && count != "0"
    {
        return Some(format!(
            "put aside, since their amounts are beyond what a ledger keeps: {count} users, such as {user}"
        ));
    }
    source.aliases.as_ref()?;
    match door.spi.row(&alias::ambiguous(source))?.as_slice() {
        [Some(count), Some(example)] if count != "0" => {
            Some(format!("aliases that stand for several users, and belong to nobody: {count}, such as {example}"))
        }
        _ => None,
    }
}

/// A table of the source that is gone, or does not bear its mark any more.
fn missing_tables(source: &Source) -> Option<String> {
    let missing = source.endings().into_iter().find(|ending| source.table(ending).is_none())?;
    Some(format!("its table {} is gone", qualified(&source.schema, &source.table_name(missing))))
}

/// Brings a source that is locked up to date.
pub fn sync(door: &Door<'_>, source: Source) -> Source {
    let started = Instant::now();
    let mut source = source;
    relation::find(door, &mut source);
    if let Some(owner) = relation::hold(&source, door.caller) {
        source.relation_owner = owner;
    }
    source.sync_id += 1;
    source.changed = 0;
    let is_copy = source.place != catalog::place();
    if let Some(missing) =
        source.endings().into_iter().find(|ending| *ending != "queue" && source.table(ending).is_none())
    {
        let missing = qualified(&source.schema, &source.table_name(missing));
        raise(
            PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("table {missing} of source \"{}\" is gone", source.name),
            Some(format!(
                "Bring it back, or drop the source and add it anew: SELECT strata.drop_source({});",
                literal(&source.name)
            )),
        );
    }
    choose_again(door, &mut source);
    let present = Present::of(door, &source);
    if let Some(problem) = column_problem(&source, &present.columns) {
        missed(&source, &problem, true);
    }
    // what is looked at keeps its shape until the transaction ends
    door.spi.run(&format!("SELECT FROM {} LIMIT 0", source.relation_sql()));
    let looked = match (source.is_events, source.capture) {
        (_, Capture::None) if !is_copy => false,
        (false, _) => {
            sync_users(door, &mut source, &present, is_copy);
            true
        }
        (true, Capture::Trigger) => {
            sync_by_trigger(door, &mut source, &present, is_copy);
            true
        }
        (true, Capture::Column) if !is_copy => {
            let users = texts::users_since_mark(&source, &present.mark_type);
            recount(door, &mut source, &present, Some(&users));
            true
        }
        (true, Capture::Compare) if !is_copy && !source.is_due => false,
        (true, Capture::None) => {
            source.place = catalog::place();
            false
        }
        (true, Capture::Column | Capture::Compare) => {
            recount(door, &mut source, &present, None);
            if source.capture == Capture::Compare {
                pgrx::notice!(
                    "source {}: all rows of {} compared in {:.1} s, {} users changed",
                    source.name,
                    source.relation_text(),
                    started.elapsed().as_secs_f64(),
                    source.changed
                );
            }
            true
        }
    };
    source.place = catalog::place();
    if let Some(map) = source.map.clone() {
        let map = sync_map(door, &source, &map);
        move_aliases(door, &mut source, &map, false);
    }
    door.spi.run(&keep_source(&source, looked, started.elapsed().as_secs_f64()));
    source
}

fn sync_map(door: &Door<'_>, source: &Source, map: &str) -> Source {
    let map = door.source_in(&source.schema, map);
    super::registry::Lock::lock(&map, door);
    sync(door, door.source_in(&map.schema, &map.name))
}

/// Counts all rows of a source that is locked, for the first time or anew.
pub fn count_all(door: &Door<'_>, source: Source) -> Source {
    let started = Instant::now();
    let mut source = source;
    relation::find(door, &mut source);
    if let Some(owner) = relation::hold(&source, door.caller) {
        source.relation_owner = owner;
    }
    source.sync_id += 1;
    source.changed = 0;
    choose_again(door, &mut source);
    make_queue(door, &mut source);
    let present = Present::of(door, &source);
    if let Some(problem) = column_problem(&source, &present.columns) {
        missed(&source, &problem, true);
    }
    put_in_place(door, &mut source, &present.family);
    door.spi.run(&format!("SELECT FROM {} LIMIT 0", source.relation_sql()));
    match source.is_events {
        true => recount(door, &mut source, &present, None),
        false => everyone_may_have_changed(door, &mut source),
    }
    source.place = catalog::place();
    if let Some(map) = source.map.clone() {
        let map = count_all(door, door.source_in(&source.schema, &map));
        move_aliases(door, &mut source, &map, true);
    }
    door.spi.run(&keep_source(&source, true, started.elapsed().as_secs_f64()));
    forget_changes(door, &source);
    if source.is_events {
        door.spi.run(&format!("ANALYZE {}", source.ledger.as_deref().unwrap_or_default()));
    }
    source
}

/// Drops the changes that every model knows.
pub fn forget_changes(door: &Door<'_>, source: &Source) {
    if source.changes.is_some() {
        door.spi.run(&texts::forget_changes(source));
    }
}

/// Ends the statement: changes may have been missed.
fn missed(source: &Source, problem: &str, is_of_columns: bool) -> ! {
    let name = literal(&source.name);
    let hint = match is_of_columns {
        true => {
            format!("Bring the column back, or drop the source and add it anew: SELECT strata.drop_source({name});")
        }
        false => format!("SELECT strata.rebuild({name}); puts its triggers in place and counts all rows anew."),
    };
    raise(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!("source \"{}\" may have missed changes: {problem}", source.name),
        Some(hint),
    )
}

/// Where capture was left to us, and the relation has become one of another kind, chooses again.
fn choose_again(door: &Door<'_>, source: &mut Source) {
    if source.capture_asked != "auto" || source.capture == Capture::Column {
        return;
    }
    let columns = used_columns(door, source.relation, &source.columns, None);
    let family = Family::of(door, source.relation, None);
    relation::check_parts(source, &family);
    let (capture, because) = chosen(&family, &columns);
    if capture != source.capture {
        pgrx::notice!("source {}: followed by {} from now on: {because}", source.name, capture.name());
        if capture != Capture::Trigger {
            relation::detach(door, source, &[]);
            if let Some(queue) = source.queue.take() {
                door.spi.run(&format!("DROP TABLE {queue}"));
            }
        }
        source.capture = capture;
        // what happened in between is seen by counting everyone anew
        source.family.clear();
        source.is_due = true;
    }
    source.because = because;
}

/// The way of capture for a relation where it is left to us, and why.
pub fn chosen(family: &Family, columns: &[UsedColumn]) -> (Capture, String) {
    let generated = columns
        .iter()
        .find(|column| column.is_virtual)
        .map(|column| format!("column \"{}\" is generated when it is read", column.name));
    match family.obstacle().or(generated) {
        None => {
            let name = family.0.first().map_or("it", |member| member.name.as_str());
            (Capture::Trigger, format!("{name} is a table of the caller's own"))
        }
        Some(obstacle) => (
            Capture::Compare,
            format!("{obstacle}; without a \"column\" that only grows all rows are compared at each sync"),
        ),
    }
}

/// Makes the queue of a source that is followed by triggers, where there is none.
pub fn make_queue(door: &Door<'_>, source: &mut Source) {
    if source.capture != Capture::Trigger || source.queue.is_some() {
        return;
    }
    door.check_free(&source.schema, &source.table_name("queue"), &format!("source \"{}\"", source.name));
    let columns = used_columns(door, source.relation, &source.columns, None);
    let columns: String = columns.iter().map(UsedColumn::for_queue).collect();
    let table = qualified(&source.schema, &source.table_name("queue"));
    for (ending, statement, about) in texts::create_tables(source, &columns) {
        if ending == "queue" {
            door.spi.run(&statement);
            door.spi.run(&strata_core::statements::registry::comment("TABLE", &table, &source.id, &about));
            door.spi.run(&format!("ALTER TABLE {table} REPLICA IDENTITY FULL"));
        }
    }
    source.queue = Some(table);
}

/// Puts the triggers of a source in place, and takes them off what is no part of the relation any more.
fn put_in_place(door: &Door<'_>, source: &mut Source, family: &Family) {
    if source.capture == Capture::Trigger {
        if let Some(obstacle) = family.obstacle() {
            raise(
                PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
                format!("triggers cannot capture the changes of source \"{}\": {obstacle}", source.name),
                Some("Drop the source, and add it with capture => 'column' or 'compare'.".to_owned()),
            );
        }
        relation::detach(door, source, &family.oids());
        let members: Vec<Member> =
            family.0.iter().filter(|member| !member.is_followed() || !member.is_exact()).cloned().collect();
        if !members.is_empty() {
            relation::attach(door, source, &members);
        }
    }
    source.family = family.oids();
}

/// Of users only the keys are noted; a key that is NULL stands for all of them.
fn sync_users(door: &Door<'_>, source: &mut Source, present: &Present, is_copy: bool) {
    match source.capture {
        Capture::Trigger => {
            let present_again;
            let present = match source.queue.is_none() {
                true => {
                    make_queue(door, source);
                    present_again = Present::of(door, source);
                    &present_again
                }
                false => present,
            };
            let is_same = source.family.iter().all(|member| present.family.oids().contains(member))
                && present.family.0.iter().all(|member| source.family.contains(&member.oid));
            let gap = present.family.0.iter().find_map(Member::gap);
            if is_same && !is_copy && gap.is_some() && source.capture_asked != "auto" {
                missed(source, &gap.unwrap_or_default(), false);
            }
            if is_copy || !is_same || present.family.0.iter().any(|member| !member.is_exact()) {
                let only_names = !is_copy && is_same && gap.is_none();
                put_in_place(door, source, &present.family);
                if !only_names {
                    everyone_may_have_changed(door, source);
                }
            }
            source.changed = door.spi.run(&texts::sync_users_by_trigger(source)) as i64;
        }
        Capture::Column => {
            let row = door.spi.row(&texts::sync_users_by_column(source, &present.mark_type)).unwrap_or_default();
            source.mark = row.first().cloned().flatten();
            source.changed = number(&row, 1);
        }
        Capture::Compare | Capture::None => {}
    }
}

fn everyone_may_have_changed(door: &Door<'_>, source: &mut Source) {
    door.spi.run(&texts::log_everyone(source));
}

/// What triggers saw is folded in. Where they could not see it, rows are counted anew: all of them where the relation was
/// truncated, lost a partition, or was not followed for a while; those of its users where it got a partition.
fn sync_by_trigger(door: &Door<'_>, source: &mut Source, present: &Present, is_copy: bool) {
    let family = &present.family;
    let is_auto = source.capture_asked == "auto";
    if let Some(obstacle) = family.obstacle() {
        missed(source, &obstacle, false);
    }
    let oids = family.oids();
    // a copy, another way of capture before, a partition that is gone: nothing that is noted says what changed
    let is_new = is_copy || source.family.is_empty();
    if is_new {
        make_queue(door, source);
        return recount_in_place(door, source);
    }
    let known = |member: &&Member| source.family.contains(&member.oid);
    let gap = match source.queue.is_none() {
        true => Some(format!("its queue {} is gone", source.table_name("queue"))),
        false => present.gap(source),
    };
    if let Some(gap) = gap {
        if !is_auto {
            missed(source, &gap, false);
        }
        pgrx::notice!("source {}: {gap}: all rows are counted anew", source.name);
        make_queue(door, source);
        return recount_in_place(door, source);
    }
    if source.family.iter().any(|member| !oids.contains(member)) {
        return recount_in_place(door, source);
    }
    let (queued, all_anew, some_anew) = queue_state(door, source);
    if all_anew {
        return recount_in_place(door, source);
    }
    let added: Vec<Member> = family.0.iter().filter(|member| !known(member)).cloned().collect();
    let renamed: Vec<Member> = family.0.iter().filter(known).filter(|member| !member.is_exact()).cloned().collect();
    if !renamed.is_empty() {
        relation::attach(door, source, &renamed);
    }
    if !added.is_empty() || some_anew {
        relation::attach(door, source, &added);
        // who came through the parent and left where no trigger saw it stands in the queue
        let names: Vec<String> = added.iter().map(|member| member.name.clone()).collect();
        let users = texts::users_of(source, &names);
        if some_anew {
            door.spi.run(&texts::take_marks(source));
        }
        recount(door, source, present, Some(&users));
        source.family = oids;
    } else if is_long(door, source, queued) {
        pgrx::notice!("source {}: {queued} changes wait, all rows are counted anew, which costs less", source.name);
        return recount(door, source, present, None);
    }
    fold(door, source, present);
    // what came while this was going on has been folded over
    let (_, all_anew, some_anew) = queue_state(door, source);
    if all_anew || some_anew {
        recount_in_place(door, source);
    }
}

fn recount_in_place(door: &Door<'_>, source: &mut Source) {
    let family = Family::of_source(door, source);
    put_in_place(door, source, &family);
    let present = Present::of(door, source);
    recount(door, source, &present, None);
}

fn queue_state(door: &Door<'_>, source: &Source) -> (u64, bool, bool) {
    let row = door.spi.row(&texts::queue_state(source)).unwrap_or_default();
    let is = |place: usize| row.get(place).cloned().flatten().as_deref() == Some("t");
    (number(&row, 0) as u64, is(1), is(2))
}

fn number(row: &Row, place: usize) -> i64 {
    row.get(place).cloned().flatten().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Whether so much waits that counting everyone anew costs less.
fn is_long(door: &Door<'_>, source: &Source, queued: u64) -> bool {
    if queued < LONG_QUEUE {
        return false;
    }
    let members: Vec<String> = source.family.iter().map(|member| format!("{member}::oid")).collect();
    let rows = door.spi.value(&format!(
        "SELECT sum(reltuples) FROM pg_class WHERE oid = ANY (ARRAY[{}]::oid[]) AND relkind = 'r' AND reltuples >= 0",
        members.join(", ")
    ));
    let rows: f64 = rows.and_then(|rows| rows.parse().ok()).unwrap_or(0.0);
    rows > 0.0 && queued as f64 > rows * SHARE_TO_RECOUNT
}

/// Whether changes of a source's ledgers have to be noted: nobody asks for those that no model has to know.
fn log(door: &Door<'_>, source: &Source) -> Log {
    let asked = source.map.is_some()
        || door.spi.is(&format!(
            "SELECT EXISTS (SELECT FROM {} WHERE source = {} AND consumed IS NOT NULL)",
            qualified(&source.schema, "strata_model_sources"),
            literal(&source.name)
        ));
    if asked { Log::Changes } else { Log::Nothing }
}

/// Takes the answer of a statement that changed ledgers in; refuses it where a single row could be beyond what one may hold.
fn taken(source: &mut Source, row: Option<Row>, looks_beyond: bool) -> Result<(), Refused> {
    let row = row.unwrap_or_default();
    if looks_beyond && row.get(4).cloned().flatten().as_deref() == Some("t") {
        return Err(Refused("an amount is beyond what a row may hold".to_owned()));
    }
    source.changed += number(&row, 0);
    // days of one form, of which the later one is the greater text but for years beyond 9999 and before 1
    if let Some(day) = row.get(1).cloned().flatten() {
        source.latest_day = Some(match source.latest_day.take() {
            Some(before) if later(&before, &day) => before,
            _ => day,
        });
    }
    source.guests += number(&row, 2);
    if let Some(mark) = row.get(3).cloned().flatten() {
        source.mark = Some(mark);
    }
    Ok(())
}

/// Whether a printed day is after another.
fn later(one: &str, other: &str) -> bool {
    let key = |day: &str| {
        let is_before = day.ends_with("BC");
        let parts: Vec<i64> = day.trim_end_matches(" BC").split('-').filter_map(|part| part.parse().ok()).collect();
        let year = parts.first().copied().unwrap_or(0);
        (if is_before { -year } else { year }, parts.get(1).copied(), parts.get(2).copied())
    };
    key(one) > key(other)
}

/// What is in the queue, folded into the ledgers: in batches where it is long, so that memory is bounded.
fn fold(door: &Door<'_>, source: &mut Source, present: &Present) {
    if door.spi.is(&texts::has_aside(source)) {
        // by name: the list that they stand in is emptied first
        let users = door.spi.rows(&texts::aside_in_queue(source));
        let users: Vec<String> = users.into_iter().filter_map(|row| row.into_iter().next()?).collect();
        if !users.is_empty() {
            recount(door, source, present, Some(&texts::these_users(source, &users)));
        }
    }
    let log = log(door, source);
    let queue = source.queue.clone().unwrap_or_default();
    let pages = door.spi.value(&format!("SELECT pg_relation_size({}::regclass) / 8192", literal(&queue)));
    let pages: u64 = pages.and_then(|pages| pages.parse().ok()).unwrap_or(0);
    for batch in Batch::all(pages, PAGES_OF_A_BATCH, BATCHES_BY_USER) {
        let statement = texts::fold(source, batch, log);
        let run = |source: &mut Source, looks_beyond: bool| {
            door.spi.attempt(|| {
                let row = with_few_users(|| door.spi.row(&statement));
                taken(source, row, looks_beyond)
            })
        };
        // as they are; without rows that cannot be counted; counted anew
        if run(source, true).is_ok() {
            continue;
        }
        door.spi.run(&texts::reject_from_queue(source));
        if run(source, false).is_ok() {
            continue;
        }
        let users = texts::users_of(source, &[]);
        return recount(door, source, present, Some(&users));
    }
}

/// Counts all users anew, or those whom a query names. What the queue holds of them by then is in the rows.
fn recount(door: &Door<'_>, source: &mut Source, present: &Present, users: Option<&str>) {
    let log = log(door, source);
    // the users by name, since what the query reads is changed by what follows
    let is_first = door.spi.is(&format!("SELECT NOT EXISTS (SELECT FROM {})", source.base_table()));
    match users {
        None => {
            // but for those of whom the map makes too much, who are looked at when aliases are moved
            let rejects = source.rejects.as_deref().unwrap_or_default();
            door.spi.run(&format!("DELETE FROM {rejects} WHERE change <> 0 OR user_id IS NOT NULL"));
            source.family = present.family.oids();
        }
        Some(users) => {
            door.spi.run(&texts::take_users_back(source, Some(users)));
        }
    }
    let statement = |source: &Source, rows: &str| match users {
        None => texts::recount_all(source, rows, &present.mark_type, is_first, log),
        Some(users) => texts::recount_users(source, rows, users, &present.mark_type, log),
    };
    let run = |source: &mut Source, rows: &str, looks_beyond: bool| {
        let statement = statement(source, rows);
        door.spi.attempt(|| taken(source, quietly(|| door.spi.row(&statement)), looks_beyond))
    };
    if run(source, &source.relation_sql(), true).is_ok() {
        return;
    }
    door.spi.run(&texts::reject_from_relation(source, users));
    let rows = texts::countable(source);
    if run(source, &rows, false).is_ok() {
        return;
    }
    let aside = put_users_aside(door, source, &rows, users);
    let rows = texts::countable_without(source, &aside);
    let statement = statement(source, &rows);
    if taken(source, quietly(|| door.spi.row(&statement)), false).is_err() {
        unreachable!("nothing is looked for");
    }
}

/// Notes whose rows do not fit a ledger together; answers a query of them.
fn put_users_aside(door: &Door<'_>, source: &Source, rows: &str, users: Option<&str>) -> String {
    let candidates = door.spi.rows(&texts::beyond_candidates(source, rows, users));
    for candidate in candidates.into_iter().filter_map(|row| row.into_iter().next()?) {
        let tried = door.spi.attempt(|| Ok(door.spi.run(&texts::try_user(source, rows, &candidate))));
        if let Err(Refused(why)) = tried {
            door.spi.run(&texts::put_user_aside(source, &candidate, &why));
        }
    }
    let rejects = source.rejects.as_deref().unwrap_or_default();
    format!("SELECT user_id FROM {rejects} WHERE user_id IS NOT NULL")
}

/// Without notices: rows without a user are counted as guests here.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    let settings = crate::pg::settings::Settings::open();
    crate::pg::settings::set(c"client_min_messages", c"warning");
    let answer = run();
    settings.close();
    answer
}

/// Moves the ledgers of aliases whose ledger or whose user has changed to the users whom the map names now.
fn move_aliases(door: &Door<'_>, source: &mut Source, map: &Source, everyone: bool) {
    let everyone = everyone || door.spi.is(&alias::map_changed_as_a_whole(map));
    let noted = door.spi.rows(&alias::take_noted(source));
    let mut beyond = Vec::new();
    let run = |source: &mut Source, beyond: &[String]| {
        let statement = alias::move_aliases(source, map, everyone, beyond);
        door.spi.attempt(|| taken(source, door.spi.row(&statement), false))
    };
    if run(source, &[]).is_err() {
        let candidates = door.spi.rows(&alias::beyond_candidates(source, everyone, map));
        for candidate in candidates.into_iter().filter_map(|row| row.into_iter().next()?) {
            let tried = door.spi.attempt(|| Ok(door.spi.run(&alias::try_user(source, map, &candidate))));
            if tried.is_err() {
                door.spi.run(&alias::put_user_aside(source, &candidate));
                beyond.push(candidate);
            }
        }
        if let Err(Refused(why)) = run(source, &beyond) {
            raise(
                PgSqlErrorCode::ERRCODE_DATA_EXCEPTION,
                format!("the ledgers of source \"{}\" cannot be moved to its users: {why}", source.name),
                None,
            );
        }
    }
    // who was put aside before, and of whom nothing has changed
    for user in noted.into_iter().filter_map(|row| row.into_iter().next()?).filter(|user| !beyond.contains(user)) {
        if door.spi.attempt(|| Ok(door.spi.run(&alias::try_user(source, map, &user)))).is_err() {
            door.spi.run(&alias::put_user_aside(source, &user));
        }
    }
    door.spi.run_all(alias::forget(source, map));
}

/// Every user whose ledger is not what the rows say: (`user_id`, `first_day`, `kept`, `counted`) into the answer.
pub fn verify(door: &Door<'_>, source: &Source, rows: &crate::pg::rows::Rows) {
    relation::hold(source, door.caller);
    door.spi.run(&format!("SELECT FROM {} LIMIT 0", source.relation_sql()));
    let put = |from: &str| {
        door.spi.attempt(|| {
            quietly(|| door.spi.answer(&texts::verify(source, from, true), rows));
            Ok(())
        })
    };
    if put(&source.relation_sql()).is_ok() {
        return;
    }
    let rejects = source.rejects.as_deref().unwrap_or_default();
    let aside = format!("SELECT user_id FROM {rejects} WHERE user_id IS NOT NULL");
    let countable = texts::countable_without(source, &aside);
    quietly(|| door.spi.answer(&texts::verify(source, &countable, false), rows));
}
