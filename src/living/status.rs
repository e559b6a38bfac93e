//! `strata.source_status`, `model_status`: a row for each of the caller's sources and models on his search path. What is wrong
//! with one is said in its row.

use pgrx::prelude::*;
use strata_core::statements::registry::{LivingModel, Part, Source};
use strata_core::statements::{qualified, status as texts};

use super::door::{self, Answer, Door};
use super::follow;
use super::registry::Registry;
use crate::pg::rows::Rows;
use crate::pg::settings::setting;
use crate::pg::spi::Refused;

/// A row for each name that a registry has, by `show`; where that fails, the one that `broken` says.
fn answer(
    door: &Door<'_>,
    names: impl Fn(&Registry) -> String,
    show: impl Fn(&Registry, &str, &Rows),
    broken: impl Fn(&str, &str, &str) -> String,
) -> Answer {
    let rows = Rows::of(door.call);
    for registry in door.own_registries() {
        let names = door.spi.rows(&names(&registry));
        for name in names.into_iter().filter_map(|row| row.into_iter().next()?) {
            if let Err(Refused(problem)) = door.spi.look(|| show(&registry, &name, &rows)) {
                door.spi.answer(&broken(&registry.schema, &name, &problem), &rows);
            }
        }
    }
    Answer::Rows(rows)
}

/// Which of a source's tables are gone.
fn missing_table(source: &Source) -> Option<String> {
    let missing = |ending: &&str| source.table(ending).is_none();
    // of a queue that is gone the source's own problem tells
    let ending = source.endings().into_iter().filter(|ending| *ending != "queue").find(missing)?;
    Some(format!("its table {}.{} is gone; drop the source and add it anew", source.schema, source.table_name(ending)))
}

/// `source_status()`: how fresh sources are.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_source_status(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| {
        let has_commit_times = setting(c"track_commit_timestamp") == "on";
        let names = |registry: &Registry| {
            format!(
                "SELECT name FROM {} WHERE kind = 'events' ORDER BY name",
                qualified(&registry.schema, "strata_sources")
            )
        };
        let show = |registry: &Registry, name: &str, rows: &Rows| {
            let source = door.source_in(&registry.schema, name);
            match missing_table(&source) {
                Some(problem) => door.spi.answer(&texts::broken_source(&registry.schema, name, &problem), rows),
                None => {
                    let problem = follow::problem(door, &source);
                    door.spi.answer(&texts::source(&source, problem.as_deref(), has_commit_times), rows);
                }
            }
        };
        answer(door, names, show, texts::broken_source)
    })
}

/// What is wrong with a model.
fn problem(door: &Door<'_>, model: &LivingModel, parts: &[Part]) -> Option<String> {
    let tables = [("members", &model.members), ("history", &model.history), ("periods", &model.periods)];
    let missing = tables.into_iter().find(|(_, table)| table.is_none());
    if let Some((ending, _)) = missing {
        let table = model.table_name(ending);
        return Some(format!("its {ending} {}.{table} are gone; drop the model and create it anew", model.schema));
    }
    parts.iter().find_map(|part| {
        let source = &part.source;
        let problem = missing_table(source).or_else(|| follow::problem(door, source))?;
        Some(format!("source {}: {problem}", source.name))
    })
}

/// `model_status()`: how far models are refreshed, and what waits.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_model_status(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    door::reading(fcinfo, |door| {
        let names = |registry: &Registry| {
            format!("SELECT name FROM {} ORDER BY name", qualified(&registry.schema, "strata_models"))
        };
        let show = |registry: &Registry, name: &str, rows: &Rows| {
            let model = door.model_in(&registry.schema, name);
            let (parts, unreadable) = match door.spi.look(|| door.parts(&model)) {
                Ok(parts) => (parts, None),
                Err(Refused(why)) => (Vec::new(), Some(why)),
            };
            let problem = unreadable.or_else(|| match door.spi.look(|| problem(door, &model, &parts)) {
                Ok(problem) => problem,
                Err(Refused(why)) => Some(why),
            });
            door.spi.answer(&texts::model(&model, &parts, problem.as_deref()), rows);
        };
        answer(door, names, show, texts::broken_model)
    })
}

crate::pg::declare!(pg_finfo_living_source_status, pg_finfo_living_model_status);
