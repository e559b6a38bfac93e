//! Transition states that live in the executor's memory.
//!
//! The rules of nodeAgg.c: a transition may change its first argument in place, only when it is called by an aggregate.
//! Where it returns another pointer than it got, the executor copies that value into the aggregate's own context and
//! frees the old one; so a larger state is simply allocated in the current (per-row) context and returned.

use pgrx::pg_sys;

use super::call::Call;
use super::varlena;

/// A state that grows.
pub trait Growing {
    /// Bytes of a new state.
    const SMALLEST: usize;
    /// Moves it into larger, zeroed memory.
    fn move_to(from: &mut [u8], larger: &mut [u8]);
}

/// Changes the state with `change`, which answers the size that it needs where the room ends, and is asked again. Where
/// there is no state yet, `create` starts one in zeroed memory.
///
/// # Safety
/// `state` is argument 0 of a running aggregate call, a varlena or nothing yet.
#[inline]
pub unsafe fn advance<S: Growing>(
    state: Option<pg_sys::Datum>,
    create: impl FnOnce(&mut [u8]),
    change: impl FnMut(&mut [u8]) -> Option<usize>,
) -> pg_sys::Datum {
    // SAFETY: by the caller's word.
    unsafe { advance_from::<S>(state, S::SMALLEST, create, change) }
}

/// The same for a state whose first size is known only at run time.
///
/// # Safety
/// As for [`advance`].
#[inline]
pub unsafe fn advance_from<S: Growing>(
    state: Option<pg_sys::Datum>,
    smallest: usize,
    create: impl FnOnce(&mut [u8]),
    mut change: impl FnMut(&mut [u8]) -> Option<usize>,
) -> pg_sys::Datum {
    let (mut value, mut body) = match state {
        Some(datum) => unsafe { own_state(datum) },
        None => {
            let (value, body) = varlena::allocate(smallest);
            create(body);
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

/// A combine function of two states: `merge` adds the second to the first, and is asked as `change` of [`advance`] is.
///
/// # Safety
/// Called by PostgreSQL as the combine function of an aggregate, with two states.
pub unsafe fn combine<S: Growing>(
    fcinfo: pg_sys::FunctionCallInfo,
    merge: impl Fn(&mut [u8], &[u8]) -> Option<usize>,
) -> pg_sys::Datum {
    // SAFETY: by the caller's word.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        match (call.arg(0), call.arg(1)) {
            (None, None) => call.null(),
            (Some(state), None) => state,
            (None, Some(other)) => varlena::datum_of(varlena::bytes_of(other)),
            (state, Some(other)) => {
                let other = varlena::bytes_of(other);
                advance::<S>(state, |_| unreachable!("there is a state"), |bytes| merge(bytes, other))
            }
        }
    }
}

/// A state for changing in place: the argument itself where it is plain, a copy where it was packed or toasted.
///
/// # Safety
/// As for [`advance`].
#[inline]
unsafe fn own_state(datum: pg_sys::Datum) -> (*mut pg_sys::varlena, &'static mut [u8]) {
    // SAFETY: a plain value (as all states that this module makes are) is the aggregate's own, and what
    // pg_detoast_datum makes of another is a fresh copy; both may be changed here.
    unsafe {
        let value: *mut pg_sys::varlena = datum.cast_mut_ptr();
        let value = if varlena::is_plain(value) { value } else { pg_sys::pg_detoast_datum(value) };
        let length = pgrx::varsize_any_exhdr(value);
        (value, std::slice::from_raw_parts_mut(value.cast::<u8>().add(pg_sys::VARHDRSZ), length))
    }
}
