//! Who is like the users of a layer: `strata.centroid_agg` and `lookalike`.

use std::ffi::CStr;

use pgrx::prelude::*;
use strata_core::model::{Asked, Centroid, CentroidState, CentroidStateRef};

use crate::error::{OrRaise, not_null, raise};
use crate::layer::{Arguments, USUAL, ask};
use crate::pg::aggregate::{self, Growing};
use crate::pg::call::Call;
use crate::pg::composite::RowType;
use crate::pg::json::jsonb;
use crate::pg::varlena::{self, Out};
use crate::predict::{ModelType, double_datum, out, read};

type CentroidOut = Out<ModelType<Centroid>>;

#[pg_extern(sql = false)]
fn centroid_in(text: &CStr) -> CentroidOut {
    out(&read(text.to_bytes()))
}

#[pg_extern(sql = false)]
fn centroid_recv(mut message: pgrx::datum::Internal) -> CentroidOut {
    out(&read(varlena::received(&mut message)))
}

/// Argument places: (state, user_row record, model, layer, as_of).
const ARGUMENTS: Arguments = Arguments { row: 1, model: 2, as_of: 4 };

struct CentroidFixed;

impl Growing for CentroidFixed {
    const SMALLEST: usize = 0;

    fn move_to(_: &mut [u8], _: &mut [u8]) {
        unreachable!("the sums of a centroid keep their size")
    }
}

/// Transition function of `centroid_agg`. A NULL row is left out.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn centroid_agg_transition(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/centroid.sql declares.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        not_null(call.arg(ARGUMENTS.model), "model", "For example strata.preset('five_layer').");
        not_null(call.arg(ARGUMENTS.as_of), "as_of", "Every reading is as of a day, such as DATE '2011-12-09'.");
        let layer = not_null(varlena::text(call.arg(3)), "layer", "It is the name of a layer of the model.");
        let state = ask(&call, ARGUMENTS, Asked::Everything, |kept, evaluation| {
            let (model, as_of) = (evaluation.model(), evaluation.as_of());
            let size = if call.arg(0).is_none() { CentroidState::len(model, layer) } else { 0 };
            aggregate::advance_from::<CentroidFixed>(
                call.arg(0),
                size,
                |bytes| {
                    CentroidState::create(bytes, model, layer, as_of).or_raise();
                },
                |bytes| {
                    let mut state = CentroidState::open(bytes).or_raise();
                    if !state.as_ref().is_of(kept.json(), layer, as_of) {
                        raise(
                            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                            "model, layer and as_of must stay the same within one aggregate",
                            Some("Group by what chooses them.".to_owned()),
                        );
                    }
                    state.push(evaluation).or_raise();
                    None
                },
            )
        });
        state.or(call.arg(0)).unwrap_or_else(|| call.null())
    }
}

/// Combine function of `centroid_agg`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn centroid_agg_combine(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let merge = |bytes: &mut [u8], other: &[u8]| {
        let other = CentroidStateRef::open(other).or_raise();
        CentroidState::open(bytes).and_then(|mut state| state.merge(other)).or_raise();
        None
    };
    // SAFETY: called by PostgreSQL with two states.
    unsafe { aggregate::combine::<CentroidFixed>(fcinfo, merge) }
}

/// Final function of `centroid_agg`.
#[pg_extern(sql = false)]
fn centroid_agg_final(state: &[u8]) -> CentroidOut {
    out(&CentroidStateRef::open(state).and_then(|state| state.finish()).or_raise())
}

/// `lookalike(user_row, model, centroid, as_of)`: (similarity, distance, parts), all NULL where nothing can be compared.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn lookalike(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/public/lookalike.sql declares.
    unsafe {
        let call = Call::new(fcinfo);
        let Some(centroid) = call.arg(2) else { return call.null() };
        let bytes = varlena::bytes_of(centroid);
        let answer = ask(&call, Arguments { as_of: 3, ..USUAL }, Asked::Metrics, |kept, evaluation| {
            let likeness = kept.centroid(bytes).compare(evaluation).or_raise();
            let row_type = kept.row_type(|| RowType::returned_by(call));
            row_type.value([
                likeness.as_ref().map(|likeness| double_datum(likeness.similarity())),
                likeness.as_ref().map(|likeness| double_datum(likeness.distance)),
                likeness.as_ref().map(|likeness| jsonb(&likeness.parts_json())),
            ])
        });
        answer.unwrap_or_else(|| call.null())
    }
}

crate::pg::declare!(pg_finfo_centroid_agg_transition, pg_finfo_centroid_agg_combine, pg_finfo_lookalike);
