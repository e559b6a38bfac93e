//! `strata.calibrate_agg`: a model with the cuts that its users give.

use pgrx::prelude::*;
use strata_core::model::{Asked, CalibrationState, CalibrationStateRef};

use crate::error::{OrRaise, not_null, raise};
use crate::layer::{Arguments, ask};
use crate::model::{ModelOut, out};
use crate::pg::aggregate::{self, Growing};
use crate::pg::call::Call;
use crate::score::wanted;

/// Argument places: (state, user_row record, model, as_of).
const ARGUMENTS: Arguments = Arguments { row: 1, model: 2, as_of: 3 };

struct CalibrationGrowing;

impl Growing for CalibrationGrowing {
    /// The header; a state also has its model in it.
    const SMALLEST: usize = 0;

    fn move_to(from: &mut [u8], larger: &mut [u8]) {
        CalibrationState::open(from).and_then(|state| state.grow_into(larger).map(|_| ())).or_raise();
    }
}

/// Transition function of `calibrate_agg`. A NULL row is left out.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn calibrate_agg_transition(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/calibrate_agg.sql declares.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        not_null(call.arg(ARGUMENTS.model), "model", "For example strata.preset('rfm_eleven').");
        not_null(call.arg(ARGUMENTS.as_of), "as_of", "Every reading is as of a day, such as DATE '2011-12-09'.");
        let state = ask(&call, ARGUMENTS, Asked::Calibration, |kept, evaluation| {
            let (model, as_of) = (evaluation.model(), evaluation.as_of());
            let first = if call.arg(0).is_none() { CalibrationState::initial_len(model) } else { 0 };
            aggregate::advance_from::<CalibrationGrowing>(
                call.arg(0),
                first,
                |bytes| {
                    CalibrationState::create(bytes, model, as_of).or_raise();
                },
                |bytes| {
                    let mut state = CalibrationState::open(bytes).or_raise();
                    if !state.as_ref().is_of(kept.json(), as_of) {
                        raise(
                            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                            "model and as_of must stay the same within one aggregate",
                            Some("Group by what chooses them.".to_owned()),
                        );
                    }
                    wanted(state.push(evaluation))
                },
            )
        });
        state.or(call.arg(0)).unwrap_or_else(|| call.null())
    }
}

/// Combine function of `calibrate_agg`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn calibrate_agg_combine(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let merge = |bytes: &mut [u8], other: &[u8]| {
        let other = CalibrationStateRef::open(other).or_raise();
        wanted(CalibrationState::open(bytes).and_then(|mut state| state.merge(other)))
    };
    // SAFETY: called by PostgreSQL with two states.
    unsafe { aggregate::combine::<CalibrationGrowing>(fcinfo, merge) }
}

/// Final function of `calibrate_agg`.
#[pg_extern(sql = false)]
fn calibrate_agg_final(state: &[u8]) -> ModelOut {
    out(&CalibrationStateRef::open(state).and_then(|state| state.finish()).or_raise())
}

crate::pg::declare!(pg_finfo_calibrate_agg_transition, pg_finfo_calibrate_agg_combine);
