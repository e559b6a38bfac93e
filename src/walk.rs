//! A user's answers from day to day, and those of all users on the days of a grid: `strata.walk`, `replay_agg`.

use pgrx::prelude::*;
use strata_core::day::Day;
use strata_core::model::{Asked, Grid, Replay, ReplayRef};

use crate::error::{OrRaise, not_null};
use crate::layer::{answered, ask_on};
use crate::pg::aggregate::{self, Growing};
use crate::pg::call::Call;
use crate::pg::composite::RowType;
use crate::pg::{array, date, varlena};

/// A day that has to be given.
fn day_argument(datum: Option<pg_sys::Datum>, name: &str) -> Day {
    let datum = not_null(datum, name, "For example from_day => DATE '2011-01-01', to_day => DATE '2011-12-31'.");
    // SAFETY: any 32-bit number is a date or one of the infinities.
    date::day(unsafe { Date::from_pg_epoch_days(datum.value() as i32) }, name)
}

/// `walk(user_row, model, from_day, to_day)`: what `evaluate` answers on from_day, and on each later day that answers otherwise.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn walk(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/walk.sql declares.
    unsafe {
        let call = Call::new(fcinfo);
        if call.arg(0).is_none() || call.arg(1).is_none() {
            return call.null();
        }
        let (from, to) = (day_argument(call.arg(2), "from_day"), day_argument(call.arg(3), "to_day"));
        let walked = ask_on(
            &call,
            0,
            1,
            Asked::Everything,
            |_, _| from,
            |kept, evaluation| {
                let model = evaluation.model();
                let row_type = kept.row_type(|| RowType::elements_returned_by(call));
                let mut steps = Vec::new();
                let walked = evaluation.walk(to, |step| {
                    let [layer, layers, scores] = answered(model, &step.answer);
                    let day = |day: Day| pg_sys::Datum::from(day.number());
                    steps.push(row_type.value([Some(day(step.day)), layer, layers, scores, step.next_change.map(day)]));
                });
                walked.or_raise();
                array::of_rows(&mut steps, row_type)
            },
        );
        walked.unwrap_or_else(|| call.null())
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Replay

struct ReplayGrowing;

impl Growing for ReplayGrowing {
    const SMALLEST: usize = 0;

    /// A state has one size from the first user to the last.
    fn move_to(from: &mut [u8], larger: &mut [u8]) {
        larger[..from.len()].copy_from_slice(from);
    }
}

/// Transition function of `replay_agg`: (state, user_row record, model, from_day, to_day, step, since). A NULL row is left out.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn replay_agg_transition(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    const ALWAYS: i32 = i32::MIN;
    // SAFETY: called by PostgreSQL as sql/internal/replay_agg.sql declares.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        not_null(call.arg(2), "model", "For example strata.preset('rfm_eleven').");
        let (from, to) = (day_argument(call.arg(3), "from_day"), day_argument(call.arg(4), "to_day"));
        let step = not_null(call.arg(5), "step", "1 is every day, 7 every week.").value() as i32;
        let grid = Grid::new(from, to, step).or_raise();
        // the infinities are the least and the greatest number
        let since = call.arg(6).map_or(ALWAYS, |since| since.value() as i32);
        let first = grid.place_from(since).and_then(|place| grid.day(place)).unwrap_or(from);
        let state = ask_on(
            &call,
            1,
            2,
            Asked::Layers,
            |_, _| first,
            |kept, evaluation| {
                let model = evaluation.model();
                let length = if call.arg(0).is_none() { Replay::len_of(model, grid).or_raise() } else { 0 };
                aggregate::advance_from::<ReplayGrowing>(
                    call.arg(0),
                    length,
                    |bytes| {
                        Replay::create(bytes, model, grid).or_raise();
                    },
                    |bytes| {
                        let mut state = Replay::open(bytes).or_raise();
                        state.as_ref().is_of(kept.json(), grid).or_raise();
                        state.push(evaluation, since).or_raise();
                        None
                    },
                )
            },
        );
        state.or(call.arg(0)).unwrap_or_else(|| call.null())
    }
}

/// Combine function of `replay_agg`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn replay_agg_combine(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let merge = |bytes: &mut [u8], other: &[u8]| {
        let other = ReplayRef::open(other).or_raise();
        Replay::open(bytes).and_then(|mut state| state.merge(other)).or_raise();
        None
    };
    // SAFETY: called by PostgreSQL with two states.
    unsafe { aggregate::combine::<ReplayGrowing>(fcinfo, merge) }
}

/// Final function of `replay_agg`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn replay_agg_final(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/replay_agg.sql declares: with a bytea, and not with NULL.
    unsafe {
        let call = Call::new(fcinfo);
        let Some(state) = call.arg(0) else { return call.null() };
        let state = ReplayRef::open(varlena::bytes_of(state)).or_raise();
        let row_type = call.kept(|| RowType::elements_returned_by(call));
        // names that repeat are made once
        let definition = state.definition().or_raise();
        let name = |name: &str| varlena::datum_of(name.as_bytes());
        let names: Vec<pg_sys::Datum> = definition.layers.iter().map(|layer| name(&layer.name)).collect();
        let default = definition.default.as_ref().map(|default| name(&default.name));
        let mut rows = Vec::with_capacity(state.cells());
        let finished = state.finish(|row| {
            rows.push(row_type.value([
                Some(pg_sys::Datum::from(row.day.number())),
                row.layer.map_or(default, |layer| Some(names[layer])),
                Some(pg_sys::Datum::from(row.users as i64)),
                Some(pg_sys::Datum::from(row.entered as i64)),
                Some(pg_sys::Datum::from(row.left as i64)),
            ]));
        });
        finished.or_raise();
        array::of_rows(&mut rows, row_type)
    }
}

crate::pg::declare!(
    pg_finfo_walk,
    pg_finfo_replay_agg_transition,
    pg_finfo_replay_agg_combine,
    pg_finfo_replay_agg_final
);
