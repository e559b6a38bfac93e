//! `strata.schedule`, `unschedule`: refreshing models by the clock, through pg_cron where it is installed in this database.

use pgrx::prelude::*;
use strata_core::statements::literal;
use strata_core::statements::registry::LivingModel;

use super::door::{self, Answer, Door};
use crate::error::raise;
use crate::pg::catalog;
use crate::pg::settings::{Settings, set, setting};

/// pg_cron as it is installed: how its own functions are called with arguments of exactly their types.
struct Cron {
    /// The types of a job's name, schedule and command.
    schedule: Vec<String>,
}

impl Cron {
    /// pg_cron, where it is here: C functions that belong to the extension, and nobody else's of the same name.
    fn find(door: &Door<'_>) -> Option<Cron> {
        let rows = door.spi.rows(
            "SELECT p.proname, format_type(p.proargtypes[0], NULL), format_type(p.proargtypes[1], NULL), format_type(p.proargtypes[2], NULL)
FROM pg_extension AS e
     JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
     JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
     JOIN pg_namespace AS n ON n.oid = p.pronamespace
     JOIN pg_language AS l ON l.oid = p.prolang
WHERE e.extname = 'pg_cron' AND n.nspname = 'cron' AND l.lanname = 'c'
  AND (p.proname = 'schedule' AND p.pronargs = 3
       OR p.proname = 'unschedule' AND p.pronargs = 1 AND p.proargtypes[0] = 'bigint'::regtype)
  AND EXISTS (SELECT FROM pg_class AS c JOIN pg_depend AS j ON j.classid = 'pg_class'::regclass AND j.objid = c.oid
              WHERE c.relnamespace = n.oid AND c.relname = 'job' AND j.refclassid = d.refclassid AND j.refobjid = e.oid
                AND j.deptype = 'e')
ORDER BY p.proname",
        );
        match rows.as_slice() {
            [schedule, _unschedule] if schedule.first()?.as_deref() == Some("schedule") => {
                Some(Cron { schedule: schedule[1..].iter().flatten().cloned().collect() })
            }
            _ => None,
        }
    }

    /// Whether the caller may use it.
    fn is_allowed(door: &Door<'_>) -> bool {
        door.spi.is("SELECT has_schema_privilege('cron', 'USAGE')")
    }

    fn check_allowed(door: &Door<'_>) {
        if !Cron::is_allowed(door) {
            let user = catalog::role_name(door.caller);
            raise(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("{user} may not use pg_cron"),
                Some(format!("A superuser allows it: GRANT USAGE ON SCHEMA cron TO {user};")),
            );
        }
    }

    /// Plans a command, in the place of what the job did before; answers its number.
    fn plan(&self, door: &Door<'_>, job: &str, cron: &str, command: &str) -> Option<String> {
        let arguments: Vec<String> = [job, cron, command]
            .iter()
            .zip(&self.schedule)
            .map(|(value, of)| format!("{}::{of}", literal(value)))
            .collect();
        seeing_own_rows(|| door.spi.value(&format!("SELECT cron.schedule({})", arguments.join(", "))))
    }

    /// The caller's job of a name.
    fn job(door: &Door<'_>, job: &str) -> Option<String> {
        let query = format!("SELECT jobid FROM cron.job WHERE jobname = {} AND username = current_user", literal(job));
        seeing_own_rows(|| door.spi.value(&query))
    }

    fn cancel(door: &Door<'_>, job: &str) {
        if let Some(number) = Cron::job(door, job) {
            seeing_own_rows(|| door.spi.run(&format!("SELECT cron.unschedule({}::bigint)", literal(&number))));
        }
    }
}

/// pg_cron shows a role its own jobs, by row-level security.
fn seeing_own_rows<T>(run: impl FnOnce() -> T) -> T {
    let settings = Settings::open();
    set(c"row_security", c"on");
    let answer = run();
    settings.close();
    answer
}

/// The name of a model's job: it stays when the schema is renamed, and another model of that name has another.
fn job(model: &LivingModel) -> String {
    format!("strata:{}:{}", model.name, model.id.split('-').next().unwrap_or_default())
}

/// What the job runs: the schema is named, since it has a search path of its own.
fn command(door: &Door<'_>, model: &LivingModel) -> String {
    let name = door.spi.value(&format!("SELECT format('%I.%I', {}, {})", literal(&model.schema), literal(&model.name)));
    format!("SELECT * FROM strata.refresh({})", literal(&name.unwrap_or_default()))
}

/// A word for a shell, in double quotes where it needs them or where that is asked for; crontab reads a percent sign as the end
/// of the line.
fn shell_word(word: &str, quoted: bool) -> String {
    let is_plain = !word.is_empty() && word.chars().all(|next| next.is_ascii_alphanumeric() || next == '_');
    if is_plain && !quoted {
        return word.to_owned();
    }
    let mut escaped = String::new();
    for next in word.chars() {
        if matches!(next, '"' | '$' | '`' | '\\' | '%') {
            escaped.push('\\');
        }
        escaped.push(next);
    }
    format!("\"{escaped}\"")
}

/// `schedule(model, cron)`: refreshes a model by the clock.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_schedule(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let run = |door: &Door<'_>, ()| {
        let model = door.model_to_change(door.text(0).as_deref());
        let command = command(door, &model);
        let Some(cron) = door.text(1) else {
            raise(
                PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
                format!("the schedule of model \"{}\" is missing", model.name),
                Some(format!(
                    "Five minutes after midnight (GMT): SELECT strata.schedule({}, '5 0 * * *');",
                    literal(&model.name)
                )),
            )
        };
        let Some(installed) = Cron::find(door) else {
            let database = door.spi.value("SELECT current_database()").unwrap_or_default();
            raise(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("pg_cron is not installed in database \"{database}\""),
                Some(format!(
                    "A line of crontab does the same: {cron} psql -d {} -c {}",
                    shell_word(&database, false),
                    shell_word(&command, true)
                )),
            )
        };
        Cron::check_allowed(door);
        let job = job(&model);
        let number = installed.plan(door, &job, &cron, &command);
        // a job of another role would run with its rights
        if number.is_none() || Cron::job(door, &job) != number {
            raise(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("pg_cron would not run job \"{job}\" as {}", catalog::role_name(door.caller)),
                Some("A job of pg_strata runs as the model's owner only.".to_owned()),
            );
        }
        door.spi.run(&model.update(&format!("schedule = {}", literal(&cron))));
        Answer::Text(format!("job \"{job}\": {command}, at {cron} ({})", clock()))
    };
    door::writing(fcinfo, |_| (), run)
}

/// The time zone that pg_cron goes by: GMT, unless its setting says otherwise.
fn clock() -> String {
    let zone = setting(c"cron.timezone");
    if zone.is_empty() { "GMT".to_owned() } else { zone }
}

/// `unschedule(model)`: ends that.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_unschedule(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let run = |door: &Door<'_>, ()| {
        let model = door.model_to_change(door.text(0).as_deref());
        if model.schedule.is_none() {
            return Answer::Text(format!("model \"{}\" has no schedule", model.name));
        }
        // without pg_cron, or without the job, there is nothing that runs any more
        if Cron::find(door).is_some() {
            Cron::check_allowed(door);
            Cron::cancel(door, &job(&model));
        }
        door.spi.run(&model.update("schedule = NULL"));
        Answer::Text(format!("model \"{}\" is refreshed by hand", model.name))
    };
    door::writing(fcinfo, |_| (), run)
}

/// Ends the schedule of a model that is dropped; where the job cannot be reached, that is said, and the model goes all the same.
pub fn unschedule(door: &Door<'_>, model: &LivingModel) {
    if model.schedule.is_none() || Cron::find(door).is_none() {
        return;
    }
    let job = job(model);
    match Cron::is_allowed(door) {
        true => Cron::cancel(door, &job),
        false => pgrx::notice!(
            "{} may not use pg_cron any more: job \"{job}\" is left, and fails from now on; a superuser ends it",
            catalog::role_name(door.caller)
        ),
    }
}

crate::pg::declare!(pg_finfo_living_schedule, pg_finfo_living_unschedule);
