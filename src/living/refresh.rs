//! Refreshing a model: only those whom something happened to, or whose clock has struck, are looked at.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use pgrx::PgTryBuilder;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;
use strata_core::model::{Asked, Model};
use strata_core::statements::model::{self as models, Reading, Users, date, definition, differ_in_cuts_alone};
use strata_core::statements::refresh::{self as texts, Everyone, Examined, Share, Task};
use strata_core::statements::registry::{LivingModel, Part, PartKind, Source, comment};
use strata_core::statements::{literal, text_array};

use super::door::{Answer, Door, with_few_users, writing};
use super::follow;
use super::models::{Loaded, calibrate, is_renamed};
use super::registry::Lock;
use crate::error::raise;
use crate::pg::catalog;
use crate::pg::rows::Rows;
use crate::pg::settings::set;
use crate::pg::spi::{Refused, Row};

/// What is read of attributes that depends on the day, or on local time, is read in the model's time zone.
pub fn in_zone_of(model: &LivingModel) {
    if let Ok(zone) = CString::new(model.time_zone.as_str()) {
        set(c"TimeZone", &zone);
    }
}

/// `refresh(model, as_of, full)`
#[pg_guard]
#[unsafe(no_mangle)]
extern "C-unwind" fn living_refresh(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    writing(
        fcinfo,
        |_| (),
        |door, ()| {
            let model = door.model_to_change(door.text(0).as_deref());
            let rows = Rows::of(door.call);
            in_zone_of(&model);
            let report = refresh(door, model, door.printed(1), door.is_true(2));
            door.spi.answer(&report, &rows);
            Answer::Rows(rows)
        },
    )
}

// ---------------------------------------------------------------------------------------------------------------------
// Sources

/// What attributes or users of a model are, for messages.
fn what(model: &LivingModel, part: &Part) -> String {
    format!("the {} of model \"{}\"", part.kind.name(), model.name)
}

fn point_elsewhere(model: &LivingModel, part: &Part) -> String {
    format!("SELECT strata.alter_model({}, {} => '…');", literal(&model.name), part.kind.name())
}

/// The relation of a part by its name as it is now, or by its number; `None` where it is gone.
fn present_relation(door: &Door<'_>, source: &Source) -> Option<pg_sys::Oid> {
    let by_name = door.spi.value(&format!("SELECT to_regclass({})::oid", literal(&source.relation_sql())));
    if let Some(oid) = by_name.and_then(|oid| oid.parse::<u32>().ok()) {
        return Some(pg_sys::Oid::from(oid));
    }
    // of a copied database the number says nothing
    let oid = pg_sys::Oid::from(source.relation);
    (source.place == catalog::place() && catalog::relation_name(oid).is_some()).then_some(oid)
}

/// The relation that attributes or users come from. A view of ours that went with a table below it is made again.
pub fn relation_of(door: &Door<'_>, model: &LivingModel, part: &Part) -> pg_sys::Oid {
    let source = &part.source;
    if let Some(relation) = present_relation(door, source) {
        return relation;
    }
    let query = match part.kind {
        PartKind::Attributes => model.attributes_query.as_deref(),
        _ => model.users_query.as_deref(),
    };
    let (what, relation) = (what(model, part), source.relation_text());
    let Some(query) = query else {
        raise(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!("{relation}, {what}, does not exist any more"),
            Some(format!("Bring it back, or name another: {}", point_elsewhere(model, part))),
        )
    };
    let view = source.relation_sql();
    let make = || {
        door.spi.run(&format!("CREATE VIEW {view} AS {query}"));
        let about = format!("the query of {} of model {}.", part.kind.name(), model.name);
        door.spi.run(&comment("VIEW", &view, &model.id, &about));
    };
    let hint = format!("Bring back what it reads, or name another: {}", point_elsewhere(model, part));
    PgTryBuilder::new(AssertUnwindSafe(make))
        .catch_others(|error| match error {
            CaughtError::PostgresError(report) => raise(
                report.sql_error_code(),
                format!("the view {relation}, {what}, is gone and cannot be made again: {}", report.message()),
                Some(hint.clone()),
            ),
            other => other.rethrow(),
        })
        .execute();
    pgrx::notice!("the view {relation}, {what}, was gone and has been made again");
    catalog::relation_called(&view)
}

/// Refuses attributes or users whose relation has lost a column that they need.
fn check_users(door: &Door<'_>, model: &LivingModel, part: &Part) {
    let relation = relation_of(door, model, part);
    let source = Source { relation: relation.to_u32(), ..part.source.clone() };
    if let Some(column) = door.spi.value(&models::missing_columns(&source)) {
        without_column(model, part, &column);
    }
}

fn without_column(model: &LivingModel, part: &Part, column: &str) -> ! {
    raise(
        PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
        format!("{}, {}, has no column \"{column}\" any more", part.source.relation_text(), what(model, part)),
        Some(format!("Bring it back, or name another relation: {}", point_elsewhere(model, part))),
    )
}

/// Refuses attributes that have lost a column that a definition asks for.
fn check_attributes(loaded: &Loaded, wanted: &Model) {
    let Some(part) = loaded.parts.iter().find(|part| part.kind == PartKind::Attributes) else { return };
    let definition = wanted.definition();
    let given = (vec![false; definition.metrics.len()], vec![false; definition.scores.len()]);
    let needed = wanted.needs(Asked::Layers, &given.0, &given.1).attributes;
    let mut names = definition.attributes.names().zip(needed).filter(|(_, needed)| *needed);
    let lost = names.find(|(name, _)| !loaded.attributes.present.iter().any(|present| present == name));
    if let Some((column, _)) = lost {
        without_column(&loaded.model, part, column);
    }
}

/// Brings the sources of a model up to date, always in the order of their names, so that two refreshes never wait for each other
/// in a circle; answers them as they are then.
pub fn sync_parts(door: &Door<'_>, model: &LivingModel) -> Vec<Part> {
    let parts = door.parts(model);
    for part in parts.iter().filter(|part| part.kind != PartKind::Ledger) {
        check_users(door, model, part);
    }
    let names: BTreeSet<&str> = parts.iter().map(|part| part.source.name.as_str()).collect();
    for name in names {
        door.source_in(&model.schema, name).lock(door);
        follow::sync(door, door.source_in(&model.schema, name));
    }
    door.parts(model)
}

// ---------------------------------------------------------------------------------------------------------------------
// The days

/// The day that is asked for, and how it stands to those before.
struct Days {
    day: String,
    /// The first day to write.
    from: String,
    /// The day on which the history begins.
    first: String,
    is_same: bool,
}

fn days(door: &Door<'_>, model: &LivingModel, asked: Option<String>) -> Days {
    let day = asked.unwrap_or_else(|| model.today.clone());
    let or_null = |day: &Option<String>| day.as_deref().map_or("NULL::date".to_owned(), date);
    let row = door.spi.row(&format!(
        "SELECT isfinite(day), day < as_of, as_of IS NULL AND history_from > day, day = as_of,
       least(coalesce(as_of + 1, history_from, day), day), coalesce(history_from, day)
FROM (SELECT {}, {}, {}) AS d (day, as_of, history_from)",
        date(&day),
        or_null(&model.as_of),
        or_null(&model.history_from)
    ));
    let row = row.unwrap_or_default();
    let is = |place: usize| row.get(place).cloned().flatten().as_deref() == Some("t");
    let text = |place: usize| row.get(place).cloned().flatten().unwrap_or_default();
    let (name, as_of) = (&model.name, model.as_of.clone().unwrap_or_default());
    if !is(0) {
        raise(PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, format!("as_of cannot be {day}"), None);
    }
    if is(1) {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("model \"{name}\" has been refreshed as of {as_of}, which is after {day}"),
            Some(format!(
                "The past stays as it was written. To see it as a model would have had it: SELECT * FROM strata.replay({}, {}, {});",
                literal(name),
                literal(&day),
                literal(&as_of)
            )),
        );
    }
    if is(2) {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!(
                "the history of model \"{name}\" is to begin on {}, which is after {day}",
                model.history_from.clone().unwrap_or_default()
            ),
            None,
        );
    }
    Days { is_same: is(3), from: text(4), first: text(5), day }
}

// ---------------------------------------------------------------------------------------------------------------------
// The refresh

/// What has been done so far.
struct Done {
    kind: &'static str,
    /// In a layer.
    users: i64,
    examined: i64,
    changed: i64,
    due: i64,
    new: i64,
    /// Changes by their causes, as JSON.
    changes: Vec<String>,
    seconds: Vec<(&'static str, f64)>,
    lap: Instant,
    /// Users who cannot be evaluated, by their keys as text, and why.
    aside: Vec<String>,
    why: Option<String>,
    /// Users with several rows of attributes.
    doubled: i64,
}

impl Done {
    fn lap(&mut self, what: &'static str) {
        self.seconds.push((what, self.lap.elapsed().as_secs_f64()));
        self.lap = Instant::now();
    }

    fn add(&mut self, row: &Row) {
        self.examined = number(row, 0);
        self.new += number(row, 3);
        self.users += number(row, 4);
        self.changes.extend(row.get(5).cloned().flatten());
    }
}

fn number(row: &Row, place: usize) -> i64 {
    row.get(place).cloned().flatten().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Brings a model that is locked up to a day; answers the query of its row of answers.
fn refresh(door: &Door<'_>, model: LivingModel, asked: Option<String>, full: bool) -> String {
    let started = Instant::now();
    let days = days(door, &model, asked);
    let mut done = Done {
        kind: "incremental",
        users: model.users,
        examined: 0,
        changed: 0,
        due: 0,
        new: 0,
        changes: Vec::new(),
        seconds: Vec::new(),
        lap: started,
        aside: Vec::new(),
        why: None,
        doubled: 0,
    };
    let parts = sync_parts(door, &model);
    done.lap("sync");
    // without cuts yet, the model is calibrated on them
    let mut model = model;
    if door.version(&model, model.active_version).needs_calibration() {
        model.active_version = calibrate(door, &model, parts.clone(), model.active_version, &days.day, &[], true);
        done.lap("calibrate");
    }
    let active = door.version(&model, model.active_version);
    let loaded = Loaded::of(door, model.clone(), parts, &active);
    check_attributes(&loaded, &active);
    let is_first = model.as_of.is_none();
    match is_first && days.first == days.day {
        true => fill(door, &loaded, &active, &days, &mut done),
        false => move_on(door, &loaded, &active, &days, full, &mut done),
    }
    if is_first {
        for index in texts::indexes(&loaded.reading()) {
            if !door.spi.is(&index.is_there) {
                door.spi.run(&index.create);
            }
        }
        done.lap("index");
    }
    if is_first || done.kind == "full" {
        door.spi.run(&format!("ANALYZE {}", model.members_sql()));
    }
    let seconds = started.elapsed().as_secs_f64();
    done.seconds.push(("all", seconds));
    door.spi.run(&model.update(&format!(
        "as_of = {}, users = {}, refreshed_version = active_version, refreshed_at = clock_timestamp(), seconds = {seconds:.6},
    first_day = coalesce(first_day, {})",
        date(&days.day),
        done.users,
        date(&days.first)
    )));
    door.spi.run(&texts::consume(&loaded.reading()));
    for part in door.parts(&model) {
        follow::forget_changes(door, &part.source);
    }
    tell(&loaded, &done);
    door.spi.run(&texts::keep_report(&model, &date(&days.day), &report(&model, &done)));
    answer(&loaded, &days, &done)
}

/// Everyone at once, into tables that are empty: new files are not logged where the server logs as little as it can.
fn fill(door: &Door<'_>, loaded: &Loaded, active: &Model, days: &Days, done: &mut Done) {
    let (reading, version, day) = (loaded.reading(), loaded.model.active_version, date(&days.day));
    let asked = definition(active);
    done.kind = "first";
    done.doubled = count_doubled(door, loaded, None);
    door.spi.run(&format!("TRUNCATE {}, {}", reading.model.members_sql(), reading.model.history_sql()));
    let run = |aside: &[String]| door.spi.run(&texts::fill_members(&reading, &asked, &day, aside));
    let filled = match door.spi.attempt(|| Ok(run(&[]))) {
        Ok(filled) => filled,
        Err(Refused(why)) => {
            let task = Task {
                examined: Examined::Found(texts::found(&reading, &day, Everyone::AsBefore, &[])),
                definition: &asked,
                version,
                is_overlapping: active.is_overlapping(),
                from_day: &day,
                to_day: &day,
                is_first: true,
                is_same_day: false,
                many: Users::Many,
                aside: &[],
            };
            done.aside = put_aside(door, &reading, &task);
            done.why = Some(why);
            run(&done.aside)
        }
    };
    done.examined = filled as i64;
    done.new = done.examined;
    done.users = door.spi.run(&texts::fill_history(&reading, active.is_overlapping(), version, &day)) as i64;
    if done.users > 0 {
        done.changes.push(format!("{{\"backfill\": {}}}", done.users));
    }
    done.lap("write");
}

/// From the last refresh up to the day, and then to the version that is active now.
fn move_on(door: &Door<'_>, loaded: &Loaded, active: &Model, days: &Days, full: bool, done: &mut Done) {
    let model = &loaded.model;
    let is_first = model.as_of.is_none();
    let told_by = model.refreshed_version.unwrap_or(model.active_version);
    let before = if told_by == model.active_version { active.clone() } else { door.version(model, told_by) };
    done.kind = match (is_first, full) {
        (true, _) => "first",
        (_, true) => "full",
        _ => "incremental",
    };
    let day = date(&days.day);
    let is_known = |part: &Part| is_first || part.consumed.is_some();
    // what happened is told by the version that told it so far, of the sources that it read; where one of them is another
    // now, nobody can tell what happened to whom
    let known: Vec<Part> = loaded.parts.iter().filter(|part| is_known(part)).cloned().collect();
    let has_users = known.iter().any(|part| part.kind != PartKind::Attributes);
    let is_told = has_users && !loaded.parts.iter().any(|part| !is_known(part) && was_read(&before, part));
    if is_told {
        let loaded = Loaded::of(door, model.clone(), known, &before);
        check_attributes(&loaded, &before);
        let reading = loaded.reading();
        let everyone = whom_to_look_at(door, &loaded, full);
        let found = texts::found(&reading, &day, everyone, &aside_before(door, model));
        let few = everyone == Everyone::No && are_few(door, model, &found);
        done.doubled = count_doubled(door, &loaded, Some(&found).filter(|_| few).map(String::as_str));
        done.lap("find");
        let text = definition(&before);
        let task = Task {
            examined: Examined::Found(found),
            definition: &text,
            version: told_by,
            is_overlapping: before.is_overlapping(),
            from_day: &date(&days.from),
            to_day: &day,
            is_first,
            is_same_day: days.is_same,
            many: if few { Users::Few } else { Users::Many },
            aside: &[],
        };
        let row = write(door, &reading, task, done);
        done.add(&row);
        if !is_first {
            (done.changed, done.due) = (number(&row, 1), number(&row, 2));
        }
        done.lap("write");
    }
    if is_first || is_told && told_by == model.active_version && loaded.parts.iter().all(is_known) {
        return;
    }
    done.kind = "full";
    if !is_told {
        done.doubled = count_doubled(door, loaded, None);
    }
    let cause = match loaded.parts.iter().all(is_known) && differ_in_cuts_alone(&before, active) {
        true => "calibration",
        false => "definition",
    };
    let reading = loaded.reading();
    let text = definition(active);
    let task = Task {
        examined: Examined::Everyone(texts::everyone(&reading), cause),
        definition: &text,
        version: model.active_version,
        is_overlapping: active.is_overlapping(),
        from_day: &day,
        to_day: &day,
        is_first: false,
        is_same_day: false,
        many: Users::Many,
        aside: &[],
    };
    let row = write(door, &reading, task, done);
    done.add(&row);
    done.lap("version");
}

/// Whether a version asks a part of the model, by its name, for anything.
fn was_read(before: &Model, part: &Part) -> bool {
    match part.kind {
        PartKind::Ledger => before.definition().sources.0.position(&part.name).is_some(),
        PartKind::Attributes => !before.definition().attributes.is_empty(),
        // registered users are there whatever a version asks
        PartKind::Users => true,
    }
}

/// Whether to look at everyone: changes of a part are not known user by user.
fn whom_to_look_at(door: &Door<'_>, loaded: &Loaded, full: bool) -> Everyone {
    let may_have_changed = |part: &Part| {
        !texts::is_followed(part)
            || is_renamed(part) && part.kind != PartKind::Ledger
            || door.spi.is(&texts::changed_as_a_whole(part))
    };
    if full || loaded.model.as_of.is_none() || loaded.parts.iter().any(may_have_changed) {
        return Everyone::MayHaveChanged;
    }
    if loaded.parts.iter().any(is_renamed) { Everyone::AsBefore } else { Everyone::No }
}

/// Whether so few are to be looked at that each is found by an index.
fn are_few(door: &Door<'_>, model: &LivingModel, found: &str) -> bool {
    let members = literal(model.members_sql());
    let known = door.spi.value(&format!("SELECT reltuples::bigint FROM pg_class WHERE oid = {members}::regclass"));
    let known = known.and_then(|rows| rows.parse::<i64>().ok()).unwrap_or(-1).max(model.users);
    let found = door.spi.value(&texts::count_found(found));
    found.and_then(|found| found.parse::<i64>().ok()).is_some_and(|found| found * 8 < known)
}

/// Runs a statement that writes, without the users who cannot be evaluated.
fn write(door: &Door<'_>, reading: &Reading<'_>, task: Task<'_>, done: &mut Done) -> Row {
    let run = |task: &Task<'_>| {
        let statement = texts::write(reading, task);
        let row = match task.many {
            Users::Few => with_few_users(|| door.spi.row(&statement)),
            Users::Many => door.spi.row(&statement),
        };
        row.unwrap_or_default()
    };
    let aside = done.aside.clone();
    let first = Task { aside: &aside, ..task.clone() };
    match door.spi.attempt(|| Ok(run(&first))) {
        Ok(row) => row,
        Err(Refused(why)) => {
            done.aside.extend(put_aside(door, reading, &first));
            done.why = Some(why);
            let aside = done.aside.clone();
            run(&Task { aside: &aside, ..task })
        }
    }
}

/// The users who cannot be evaluated, by their keys. None where the model itself cannot be, or where they are many: then it is no
/// user's fault, and whoever runs the statement again is told what is.
fn put_aside(door: &Door<'_>, reading: &Reading<'_>, task: &Task<'_>) -> Vec<String> {
    const MOST: usize = 64;
    const DEEPEST: u32 = 40;
    door.spi.run(&reading.try_out("evaluate", task.definition));
    let fails = |share: Share| door.spi.attempt(|| Ok(door.spi.run(&texts::probe(reading, task, share)))).is_err();
    let only = |share: Share| door.spi.value(&texts::only_user(reading, task, share));
    let mut found = Vec::new();
    let mut failing = vec![Share::ALL];
    if let Some(user) = only(Share::ALL) {
        return vec![user];
    }
    while !failing.is_empty() {
        if failing.len() + found.len() > MOST || failing.iter().any(|share| share.level > DEEPEST) {
            return Vec::new();
        }
        let halves: Vec<Share> = failing.iter().flat_map(|share| share.halves()).filter(|half| fails(*half)).collect();
        failing = Vec::new();
        for half in halves {
            match only(half) {
                Some(user) => found.push(user),
                None => failing.push(half),
            }
        }
    }
    found
}

/// Those whom the last refresh put aside.
fn aside_before(door: &Door<'_>, model: &LivingModel) -> Vec<String> {
    let rows = door.spi.rows(&texts::aside_before(model));
    rows.into_iter().filter_map(|row| row.into_iter().next()?).collect()
}

// ---------------------------------------------------------------------------------------------------------------------
// What is told

/// Says who was put aside, and that users have several rows of attributes.
fn tell(loaded: &Loaded, done: &Done) {
    let model = &loaded.model;
    if let Some(why) = done.why.as_ref().filter(|_| !done.aside.is_empty()) {
        let some: Vec<&str> = done.aside.iter().take(5).map(String::as_str).collect();
        pgrx::notice!(
            "model {}: {} users cannot be evaluated and stay where they are, such as {}: {why}",
            model.name,
            done.aside.len(),
            some.join(", ")
        );
    }
    let Some(source) = loaded.reading().attributes_source().cloned().filter(|_| done.doubled > 0) else { return };
    pgrx::notice!(
        "model {}: {} users have several rows in {}; of each the first holds, in the order of the attributes",
        model.name,
        done.doubled,
        source.relation_text()
    );
}

/// How many users have several rows of attributes: of few users, whom an index finds, only those who are looked at.
fn count_doubled(door: &Door<'_>, loaded: &Loaded, few: Option<&str>) -> i64 {
    let reading = loaded.reading();
    let Some(source) = reading.attributes_source().filter(|_| !loaded.attributes.is_unique) else { return 0 };
    let doubled = door.spi.value(&models::doubled(source, few.filter(|_| loaded.attributes.is_indexed)));
    doubled.and_then(|users| users.parse().ok()).unwrap_or(0)
}

fn seconds(done: &Done) -> String {
    let parts: Vec<String> = done.seconds.iter().map(|(what, seconds)| format!("\"{what}\": {seconds:.4}")).collect();
    format!("'{{{}}}'::jsonb", parts.join(", "))
}

fn changes(done: &Done) -> String {
    let all = done.changes.iter().map(|changes| format!(" || {}::jsonb", literal(changes)));
    format!("'{{}}'::jsonb{}", all.collect::<String>())
}

/// The report that is kept, as SQL.
fn report(model: &LivingModel, done: &Done) -> String {
    let aside = match (&done.why, done.aside.is_empty()) {
        (Some(why), false) => format!(
            " || jsonb_build_object('put_aside', jsonb_build_object('users', to_jsonb({}), 'why', {}))",
            text_array(done.aside.iter().map(String::as_str)),
            literal(why)
        ),
        _ => String::new(),
    };
    let doubled = match done.doubled {
        0 => String::new(),
        doubled => format!(" || '{{\"doubled_users\": {doubled}}}'::jsonb"),
    };
    format!(
        "jsonb_build_object('version', {}, 'kind', {}, 'users', {}, 'examined', {}, 'new_users', {}, 'changed_users', {},
    'due_users', {}, 'changes', {}, 'seconds', {}){aside}{doubled}",
        model.active_version,
        literal(done.kind),
        done.users,
        done.examined,
        done.new,
        done.changed,
        done.due,
        changes(done),
        seconds(done)
    )
}

fn answer(loaded: &Loaded, days: &Days, done: &Done) -> String {
    let model = &loaded.model;
    let previous = model.as_of.as_deref().map_or("NULL::date".to_owned(), date);
    format!(
        "SELECT {}, {}, {previous}, {}, {}, {}::bigint, {}::bigint, {}::bigint, {}::bigint, {}::bigint, {}, {}, ({})",
        format_args!("{}::text", literal(&model.name)),
        date(&days.day),
        model.active_version,
        format_args!("{}::text", literal(done.kind)),
        done.users,
        done.examined,
        done.new,
        done.changed,
        done.due,
        changes(done),
        seconds(done),
        texts::sources_report(&loaded.reading())
    )
}

crate::pg::declare!(pg_finfo_living_refresh);
