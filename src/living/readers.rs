//! Questions about a model, to its owner: `strata.members`, `transitions`, `entered`, `left`, `layer_at`, `explain`,
//! `explain_text`, `replay`, `backtest`, `compare_models`.
//!
//! Nothing is brought up to date by them. `rfm` stands for the active version of a model (for members as of the last refresh: the
//! one that made them), `rfm@2` for the second. The history is of all versions: what is asked of it takes `@` for the layers' names.

use pgrx::prelude::*;
use strata_core::model::{Definition, Model};
use strata_core::statements::literal_or_null;
use strata_core::statements::model::{date, definition, layers};
use strata_core::statements::reader::{self as texts, Side, Way};
use strata_core::statements::registry::{LivingModel, Part, PartKind};

use super::door::{self, Answer, Door};
use super::models::Loaded;
use super::relation;
use crate::error::{OrRaise, raise};
use crate::pg::rows::Rows;

/// A model as it was asked for.
struct Asked {
    model: LivingModel,
    version: i32,
    definition: Model,
    /// Whether the version was named.
    is_exact: bool,
}

impl Asked {
    fn of(door: &Door<'_>, index: usize) -> Asked {
        let wanted = door.text(index);
        let (model, version, definition) = door.model_and_version(wanted.as_deref());
        Asked { model, version, definition, is_exact: wanted.is_some_and(|wanted| wanted.contains('@')) }
    }

    /// Of the day of the last refresh, without a version, that which made the members answers.
    fn on_day(mut self, door: &Door<'_>, day: &str) -> Asked {
        if let Some(refreshed) = self.model.refreshed_version
            && !self.is_exact
            && self.model.as_of.as_deref() == Some(day)
            && refreshed != self.version
        {
            self.definition = door.version(&self.model, refreshed);
            self.version = refreshed;
        }
        self
    }

    /// Whether the members are of this day and version.
    fn is_refreshed(&self, day: &str) -> bool {
        self.model.as_of.as_deref() == Some(day) && self.model.refreshed_version == Some(self.version)
    }

    /// The day of a question without one: that of the last refresh, or today before the first.
    fn day_or_last(&self, door: &Door<'_>, index: usize) -> String {
        match door.call.arg(index) {
            Some(_) => day(door, index, "as_of"),
            None => self.model.as_of.clone().unwrap_or_else(|| self.model.today.clone()),
        }
    }

    /// Refuses a question that only makes sense where a user is in one layer.
    fn check_exclusive(&self, question: &str, instead: &str) {
        if self.definition.is_overlapping() {
            raise(
                PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("the layers of model \"{}\" overlap: {question}", self.model.name),
                Some(instead.to_owned()),
            );
        }
    }

    /// Refuses to go on where a table of the model is gone.
    fn check_table(&self, ending: &str, table: &Option<String>) {
        if table.is_none() {
            let (schema, table) = (&self.model.schema, self.model.table_name(ending));
            raise(
                PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
                format!("the {ending} of model \"{}\" are gone: {schema}.{table}", self.model.name),
                Some("Drop the model and create it anew.".to_owned()),
            );
        }
    }

    fn check_history(&self) {
        self.check_table("history", &self.model.history);
    }

    /// The names of layers that the model has in any version, or of the one that was named.
    fn layer_names(&self, door: &Door<'_>) -> Vec<String> {
        if self.is_exact {
            return layers(&self.definition).into_iter().map(|layer| layer.name).collect();
        }
        let rows = door.spi.rows(&texts::layers_ever(&self.model));
        rows.into_iter().filter_map(|row| row.into_iter().next()?).collect()
    }

    /// What is read for it, for a definition of its own or another.
    fn load(&self, door: &Door<'_>, definition: &Model) -> Loaded {
        let mut parts = door.parts(&self.model);
        check_connected(&self.model, &parts, definition);
        for part in parts.iter_mut().filter(|part| part.kind != PartKind::Ledger) {
            relation::find(door, &mut part.source);
        }
        relation::hold_users(door, &parts);
        Loaded::of(door, self.model.clone(), parts, definition)
    }
}

/// Refuses to go on without a source that a definition names, or without its ledgers.
fn check_connected(model: &LivingModel, parts: &[Part], definition: &Model) {
    let ledgers: Vec<&Part> = parts.iter().filter(|part| part.kind == PartKind::Ledger).collect();
    let wanted = definition.definition().sources.0.0.iter().map(|(name, _)| name);
    if let Some(missing) = wanted.into_iter().find(|name| ledgers.iter().all(|part| part.name != **name)) {
        let connected: Vec<&str> = ledgers.iter().map(|part| part.name.as_str()).collect();
        raise(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("model \"{}\" is not connected with a source \"{missing}\"", model.name),
            Some(match connected.is_empty() {
                true => "It is connected with none.".to_owned(),
                false => format!("It is connected with: {}.", connected.join(", ")),
            }),
        );
    }
    if let Some(part) = ledgers.iter().find(|part| part.source.ledger.is_none()) {
        let table = part.source.table_name("ledger");
        raise(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!("the ledgers of source \"{}\" are gone: {}.{table}", part.source.name, part.source.schema),
            Some("Drop the source and add it anew.".to_owned()),
        );
    }
}

/// A day that has to be there and to be one.
fn day(door: &Door<'_>, index: usize, what: &str) -> String {
    match (door.integer(index), door.printed(index)) {
        (Some(number), Some(day)) if number == i32::MIN || number == i32::MAX => raise(
            PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW,
            format!("{what} cannot be {day}"),
            Some("For example DATE '2024-12-31'.".to_owned()),
        ),
        (Some(_), Some(day)) => day,
        _ => raise(
            PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            format!("{what} is missing"),
            Some("For example DATE '2024-12-31'.".to_owned()),
        ),
    }
}

/// Two days in their order, as arguments 1 and 2.
fn days(door: &Door<'_>) -> (String, String) {
    let (from, to) = (day(door, 1, "from_day"), day(door, 2, "to_day"));
    if door.integer(1) > door.integer(2) {
        raise(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, format!("from_day {from} is after to_day {to}"), None);
    }
    (from, to)
}

/// A number of days, 1 or more.
fn number_of_days(door: &Door<'_>, index: usize, what: &str) -> i32 {
    match door.integer(index) {
        Some(days) if days >= 1 => days,
        other => raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("{what} cannot be {}", other.map_or("NULL".to_owned(), |days| days.to_string())),
            Some("It is a number of days, 1 or more.".to_owned()),
        ),
    }
}

fn answer(door: &Door<'_>, query: &str) -> Answer {
    let rows = Rows::of(door.call);
    door.spi.answer(query, &rows);
    Answer::Rows(rows)
}

/// `members(model, as_of)`: who is in which layer, with the metrics.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_members(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| {
        let asked = Asked::of(door, 0);
        let day = asked.day_or_last(door, 1);
        let asked = asked.on_day(door, &day);
        let loaded = asked.load(door, &asked.definition);
        let reading = loaded.reading();
        let text = definition(&asked.definition);
        let query = match asked.is_refreshed(&day) {
            true => {
                asked.check_table("members", &asked.model.members);
                texts::members(&reading, &text, &date(&day))
            }
            false => texts::members_on(&reading, &text, &date(&day)),
        };
        answer(door, &query)
    })
}

/// `transitions(model, from_day, to_day)`: users by their layers on two days.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_transitions(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| {
        let mut asked = Asked::of(door, 0);
        let (from, to) = days(door);
        asked.check_exclusive(
            "nobody moves from one to another",
            "Views strata_moves and strata_periods follow each layer on its own.",
        );
        asked.check_history();
        // whoever was in a layer of another version was in one
        asked.is_exact = false;
        let names = asked.layer_names(door);
        answer(door, &texts::transitions(&asked.model, &date(&from), &date(&to), &names))
    })
}

/// `layer_at(model, user_id, day)`: the layer of a user on a day.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_layer_at(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| {
        let asked = Asked::of(door, 0);
        asked.check_exclusive(
            "a user can be in more than one",
            "View strata_periods names them all, each with its days.",
        );
        asked.check_history();
        let (Some(user), Some(day)) = (door.text(1), door.printed(2)) else { return Answer::Null };
        let layer = door.spi.value(&texts::layer_at(&asked.model, &user, &date(&day)));
        layer.map_or(Answer::Null, Answer::Text)
    })
}

fn crossings(door: &Door<'_>, way: Way) -> Answer {
    let asked = Asked::of(door, 0);
    let known = asked.layer_names(door);
    let has = format!("It has: {}.", known.join(", "));
    let layer = match door.text(1) {
        None => raise(
            PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            format!("the name of a layer of model \"{}\" is missing", asked.model.name),
            Some(has),
        ),
        Some(layer) if !known.contains(&layer) => raise(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            format!("model \"{}\" has no layer \"{layer}\"", asked.model.name),
            Some(has),
        ),
        Some(layer) => layer,
    };
    asked.check_history();
    let after = door.bigint(2).unwrap_or(0);
    answer(door, &texts::crossings(&asked.model, asked.definition.is_overlapping(), &layer, after, way))
}

/// `entered(model, layer, after_change)`: who came to be in a layer.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_entered(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| crossings(door, Way::In))
}

/// `left(model, layer, after_change)`: who no longer is.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_left(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| crossings(door, Way::Out))
}

/// What a function over a user's row answers for one user: `question` makes its call of the definition and the day.
fn ask_about(door: &Door<'_>, question: impl Fn(&str, &str) -> String) -> Option<String> {
    let asked = Asked::of(door, 0);
    let day = asked.day_or_last(door, 2);
    let asked = asked.on_day(door, &day);
    let Some(user) = door.text(1) else {
        raise(PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED, "the user is missing", None);
    };
    let loaded = asked.load(door, &asked.definition);
    let question = question(&definition(&asked.definition), &date(&day));
    let row = door.spi.row(&texts::ask_about(&loaded.reading(), &question, &user, &date(&day)));
    let name = &asked.model.name;
    match row.as_deref() {
        Some([Some(_), Some(answer)]) => Some(answer.clone()),
        Some([Some(since), None]) => raise(
            PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
            format!("model \"{name}\" has no user \"{user}\" as of {day}"),
            Some(format!("The user is there from {since} on.")),
        ),
        _ => raise(PgSqlErrorCode::ERRCODE_NO_DATA_FOUND, format!("model \"{name}\" has no user \"{user}\""), None),
    }
}

/// `explain(model, user_id, as_of)`: why a user is in his layer.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_explain(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| {
        let explained = ask_about(door, |definition, day| format!("strata.explain(f, {definition}, {day})"));
        explained.map_or(Answer::Null, Answer::Json)
    })
}

/// `explain_text(model, user_id, as_of, lang)`: the same for people.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_explain_text(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| {
        let lang = literal_or_null(door.text(3).as_deref());
        let explained =
            ask_about(door, |definition, day| format!("strata.explain_text(f, {definition}, {day}, {lang}::text)"));
        explained.map_or(Answer::Null, Answer::Text)
    })
}

/// `replay(model, from_day, to_day, step, definition)`: how sizes of layers would have been.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_replay(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| {
        let asked = Asked::of(door, 0);
        let (from, to) = days(door);
        let step = number_of_days(door, 3, "step");
        let other = door.printed(4).map(|json| Definition::from_json(&json).and_then(Model::new).or_raise());
        let replayed = other.as_ref().unwrap_or(&asked.definition);
        let loaded = asked.load(door, replayed);
        let reading = loaded.reading();
        let days = (date(&from), date(&to));
        let query = texts::replay(&reading, &definition(replayed), replayed.is_overlapping(), (&days.0, &days.1), step);
        answer(door, &query)
    })
}

/// `backtest(model, day, horizon, source)`: what the users of every layer of a day did after it.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_backtest(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| {
        let asked = Asked::of(door, 0);
        let day = day(door, 1, "day");
        let horizon = number_of_days(door, 2, "horizon");
        let source = door.text(3);
        let loaded = asked.load(door, &asked.definition);
        let ledgers: Vec<&Part> = loaded.parts.iter().filter(|part| part.kind == PartKind::Ledger).collect();
        if let Some(source) = &source
            && ledgers.iter().all(|part| part.name != *source)
        {
            let names: Vec<&str> = ledgers.iter().map(|part| part.name.as_str()).collect();
            raise(
                PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                format!("model \"{}\" has no source \"{source}\"", asked.model.name),
                Some(format!("It has: {}.", names.join(", "))),
            );
        }
        let latest: Vec<String> =
            ledgers.iter().filter_map(|part| part.source.latest_day.as_deref()).map(date).collect();
        let end = format!("{} + {horizon}", date(&day));
        if !latest.is_empty()
            && let Some(row) = door.spi.row(&format!(
                "SELECT end_day, latest FROM (SELECT {end} AS end_day, greatest({}) AS latest) AS d WHERE latest < end_day",
                latest.join(", ")
            ))
            && let [Some(end), Some(latest)] = row.as_slice()
        {
            pgrx::notice!("the horizon ends on {end}, after the latest event of the sources ({latest})");
        }
        let layers: Vec<(String, usize)> =
            layers(&asked.definition).into_iter().map(|layer| (layer.name, layer.order)).collect();
        let query = texts::backtest(
            &loaded.reading(),
            &definition(&asked.definition),
            asked.definition.is_overlapping(),
            &date(&day),
            horizon,
            &layers,
            source.as_deref(),
        );
        answer(door, &query)
    })
}

fn side<'a>(asked: &Asked, loaded: &'a Loaded) -> Side<'a> {
    Side {
        reading: loaded.reading(),
        definition: definition(&asked.definition),
        is_overlapping: asked.definition.is_overlapping(),
        layers: layers(&asked.definition).into_iter().map(|layer| layer.name).collect(),
    }
}

/// `compare_models(a, b, as_of)`: users by their layers in two models, or two versions of one.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_compare_models(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| {
        let (a, b) = (Asked::of(door, 0), Asked::of(door, 1));
        let day = a.day_or_last(door, 2);
        let (of_a, of_b) = (a.load(door, &a.definition), b.load(door, &b.definition));
        answer(door, &texts::compare(&side(&a, &of_a), &side(&b, &of_b), &date(&day)))
    })
}

crate::pg::declare!(
    pg_finfo_living_members,
    pg_finfo_living_transitions,
    pg_finfo_living_layer_at,
    pg_finfo_living_entered,
    pg_finfo_living_left,
    pg_finfo_living_explain,
    pg_finfo_living_explain_text,
    pg_finfo_living_replay,
    pg_finfo_living_backtest,
    pg_finfo_living_compare_models
);
