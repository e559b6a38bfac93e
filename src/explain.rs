//! Why a user is in a layer, and what is missing to another: `strata.explain`, `explain_text`, `distance`.

use pgrx::prelude::*;
use strata_core::day::Day;
use strata_core::model::{self, Asked, Facts, Model, Ways};

use crate::error::OrRaise;
use crate::layer::{Arguments, USUAL, ask};
use crate::pg::call::Call;
use crate::pg::json::jsonb;
use crate::pg::varlena;
use crate::rfm::lang_argument;

/// Asks for something that needs the ways into the layers, which are made once for a call site.
///
/// # Safety
/// As for [`ask`].
unsafe fn ask_ways<R>(
    call: &Call<'_>,
    arguments: Arguments,
    answer: impl FnOnce(&Model, &Ways, &Facts<'_>, Day) -> R,
) -> Option<R> {
    // SAFETY: by the caller's word.
    unsafe {
        ask(call, arguments, Asked::Everything, |kept, evaluation| {
            let (model, facts) = (evaluation.model(), evaluation.facts());
            let ways = kept.ways(|| Ways::of_given(model, facts));
            answer(model, ways, facts, evaluation.as_of())
        })
    }
}

/// `explain(user_row, model, as_of)`: metrics, scores, every layer tried, and the ways into better ones.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn explain(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/public/explain.sql declares.
    unsafe {
        let call = Call::new(fcinfo);
        let explained = ask_ways(&call, USUAL, |model, ways, facts, as_of| {
            jsonb(&model::explain(model, ways, facts, as_of).or_raise())
        });
        explained.unwrap_or_else(|| call.null())
    }
}

/// `explain_text(user_row, model, as_of, lang)`: the same for people.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn explain_text(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe {
        let call = Call::new(fcinfo);
        let lang = lang_argument(varlena::text(call.arg(3)));
        let explained = ask_ways(&call, USUAL, |model, ways, facts, as_of| {
            varlena::datum_of(model::explain_text(model, ways, facts, as_of, lang).or_raise().as_bytes())
        });
        explained.unwrap_or_else(|| call.null())
    }
}

/// `distance(user_row, model, layer, as_of)`: what is missing to a layer, by metric.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn distance(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe {
        let call = Call::new(fcinfo);
        let Some(layer) = varlena::text(call.arg(2)) else {
            return call.null();
        };
        let missing = ask_ways(&call, Arguments { as_of: 3, ..USUAL }, |model, ways, facts, as_of| {
            model::distance(model, ways, facts, layer, as_of).or_raise().map(|json| jsonb(&json))
        });
        missing.flatten().unwrap_or_else(|| call.null())
    }
}

crate::pg::declare!(pg_finfo_explain, pg_finfo_explain_text, pg_finfo_distance);
