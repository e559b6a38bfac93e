//! `strata.last_events`: what users did last, kept by an aggregate that merges.

use std::ffi::{CStr, CString};

use pgrx::prelude::*;
use strata_core::predict::LastEvents;

use crate::error::{OrRaise, not_null};
use crate::pg::call::Call;
use crate::pg::varlena::{self, In, Out, OwnType};
use crate::score::c_string;

/// The SQL type `strata.last_events`.
pub struct LastEventsType;

impl OwnType for LastEventsType {
    const NAME: &'static str = "last_events";
}

type LastEventsIn<'a> = In<'a, LastEventsType>;
type LastEventsOut = Out<LastEventsType>;

#[pg_extern(sql = false)]
fn last_events_in(text: &CStr) -> LastEventsOut {
    Out::new(text.to_string_lossy().parse::<LastEvents>().or_raise().to_bytes())
}

#[pg_extern(sql = false)]
fn last_events_out(events: LastEventsIn<'_>) -> CString {
    c_string(LastEvents::from_bytes(events.bytes).or_raise().to_string())
}

#[pg_extern(sql = false)]
fn last_events_recv(mut message: pgrx::datum::Internal) -> LastEventsOut {
    Out::new(LastEvents::from_bytes(varlena::received(&mut message)).or_raise().to_bytes())
}

#[pg_extern(sql = false)]
fn last_events_send(events: LastEventsIn<'_>) -> Vec<u8> {
    events.bytes.to_vec()
}

/// Transition function of `last_events_agg`: (state, at timestamp, kind text, keep integer). Rows with a NULL are left out,
/// or with a kind that is not UTF-8.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn last_events_transition(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/last_events.sql declares.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let keep = not_null(call.arg(3), "keep", "For example keep => 5.").value() as i32;
        let state = call.arg(0);
        let (Some(at), Some(kind)) = (call.arg(1), call.arg(2).and_then(|kind| varlena::text_of_row(kind))) else {
            return state.unwrap_or_else(|| call.null());
        };
        let mut row = LastEvents::new(keep.into()).or_raise();
        row.add(at.value() as i64, kind).or_raise();
        merged(state, &row)
    }
}

/// Combine function of both aggregates and transition function of `rollup`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn last_events_merge(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL with two values, each of which may be NULL.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        match call.arg(1) {
            Some(other) => merged(call.arg(0), &LastEvents::from_bytes(varlena::bytes_of(other)).or_raise()),
            None => call.arg(0).unwrap_or_else(|| call.null()),
        }
    }
}

/// The state with other events in it: as it stands where they come too early to be kept.
///
/// # Safety
/// The state is a `last_events`.
unsafe fn merged(state: Option<pg_sys::Datum>, other: &LastEvents) -> pg_sys::Datum {
    let Some(state) = state else {
        return varlena::datum_of(&other.to_bytes());
    };
    // SAFETY: by the caller's word.
    let before = LastEvents::from_bytes(unsafe { varlena::bytes_of(state) }).or_raise();
    let mut after = before.clone();
    after.merge(other).or_raise();
    if after == before { state } else { varlena::datum_of(&after.to_bytes()) }
}

/// The kinds of the last events, in their order.
#[pg_extern(sql = false)]
fn event_kinds(events: LastEventsIn<'_>) -> Vec<String> {
    let events = LastEvents::from_bytes(events.bytes).or_raise();
    events.events().iter().map(|event| event.kind.clone()).collect()
}

crate::pg::declare!(pg_finfo_last_events_transition, pg_finfo_last_events_merge);
