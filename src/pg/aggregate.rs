//! Transition states that live in the executor's memory.
//!
//! The rules of nodeAgg.c: a transition may change its first argument in place, only when it is called by an aggregate.
//! Where it returns another pointer than it got, the executor copies that value into the aggregate's own context and
//! frees the old one; so a larger state is simply allocated in the current (per-row) context and returned.

use pgrx::callconv::FcInfo;
use pgrx::{PgMemoryContexts, PgSqlErrorCode, pg_sys};

use super::varlena;
use crate::error::raise;

/// A call of an aggregate's support function: its arguments and what is kept between its calls.
pub struct Call<'a> {
    fcinfo: pg_sys::FunctionCallInfo,
    args: &'a [pg_sys::NullableDatum],
}

impl<'a> Call<'a> {
    /// Takes up a call; raises outside of an aggregate.
    ///
    /// # Safety
    /// `fcinfo` is the one that PostgreSQL passed to the function that is running.
    #[inline]
    pub unsafe fn new(fcinfo: pg_sys::FunctionCallInfo) -> Call<'a> {
        // SAFETY: a valid call, with nargs arguments behind it.
        unsafe {
            if pg_sys::AggCheckCallContext(fcinfo, std::ptr::null_mut()) == 0 {
                raise(
                    PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                    "aggregate support function called outside of an aggregate",
                    Some("Call the aggregate itself, such as strata.ledger_agg(ordered_at, amount).".to_owned()),
                );
            }
            let args = (*fcinfo).args.as_slice((*fcinfo).nargs as usize);
            Call { fcinfo, args }
        }
    }

    /// The number of arguments, the state included.
    pub fn arity(&self) -> usize {
        self.args.len()
    }

    /// Argument `index`, 0 being the state; `None` where it is NULL.
    #[inline]
    pub fn arg(&self, index: usize) -> Option<pg_sys::Datum> {
        match self.args.get(index) {
            Some(arg) if !arg.isnull => Some(arg.value),
            _ => None,
        }
    }

    /// The declared type of argument `index` at this call site.
    pub fn type_of(&self, index: usize) -> pg_sys::Oid {
        // SAFETY: flinfo belongs to this call.
        unsafe { pg_sys::get_fn_expr_argtype((*self.fcinfo).flinfo, index as i32) }
    }

    /// What this call site keeps for as long as the statement's plan runs, made at its first call.
    #[inline]
    pub fn kept<T: 'static>(&self, make: impl FnOnce() -> T) -> &'a mut T {
        // SAFETY: fn_extra is this function's own; what it points to lives as long as fn_mcxt, and is of type T, as a
        // support function asks for one type only. Calls of one site do not overlap.
        unsafe {
            let flinfo = (*self.fcinfo).flinfo;
            if (*flinfo).fn_extra.is_null() {
                let kept = make();
                (*flinfo).fn_extra = PgMemoryContexts::For((*flinfo).fn_mcxt).leak_and_drop_on_delete(kept).cast();
            }
            &mut *(*flinfo).fn_extra.cast::<T>()
        }
    }

    /// Ends the call with NULL.
    pub fn null(&self) -> pg_sys::Datum {
        // SAFETY: fcinfo belongs to this call.
        unsafe { FcInfo::from_ptr(self.fcinfo).return_null().sans_lifetime() }
    }

}

/// The bytes of a state, for reading.
///
/// # Safety
/// `datum` is a varlena.
pub unsafe fn state<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    unsafe { varlena::bytes_of(datum) }
}

/// A state that grows: how one is started, and moved into larger memory.
pub trait Growing {
    /// Bytes of a new state.
    const SMALLEST: usize;
    /// Starts a state in zeroed memory of that size.
    fn create(bytes: &mut [u8]);
    /// Moves it into larger, zeroed memory.
    fn move_to(from: &mut [u8], larger: &mut [u8]);
}

/// Changes the state with `change`, which answers the size that it needs where the room ends, and is asked again.
///
/// # Safety
/// `state` is argument 0 of a running aggregate call, a varlena or nothing yet.
#[inline]
pub unsafe fn advance<S: Growing>(
    state: Option<pg_sys::Datum>,
    mut change: impl FnMut(&mut [u8]) -> Option<usize>,
) -> pg_sys::Datum {
    let (mut value, mut body) = match state {
        Some(datum) => unsafe { own_state(datum) },
        None => {
            let (value, body) = varlena::allocate(S::SMALLEST);
            S::create(body);
            (value, body)
        }
    };
    while let Some(size) = change(body) {
        let (larger, larger_body) = varlena::allocate(size);
        S::move_to(body, larger_body);
        (value, body) = (larger, larger_body);
    }
    pg_sys::Datum::from(value)
}

/// A state for changing in place: the argument itself where it is plain, a copy where it was packed or toasted.
///
/// # Safety
/// As for [`advance`].
#[inline]
unsafe fn own_state(datum: pg_sys::Datum) -> (*mut pg_sys::varlena, &'static mut [u8]) {
    // SAFETY: pg_detoast_datum returns its argument where it has a plain 4-byte header (as all states that this module
    // makes do), else a fresh copy; both may be changed here.
    unsafe {
        let value = pg_sys::pg_detoast_datum(datum.cast_mut_ptr());
        let length = pgrx::varsize_any_exhdr(value);
        (value, std::slice::from_raw_parts_mut(value.cast::<u8>().add(pg_sys::VARHDRSZ), length))
    }
}
