//! Rows that a set-returning function answers, in a tuplestore.

use pgrx::{PgSqlErrorCode, pg_sys};

use super::call::Call;
use crate::error::raise;

unsafe extern "C-unwind" {
    /// Of tstoreReceiver.h; it sets fields and raises nothing.
    fn SetTuplestoreDestReceiverParams(
        receiver: *mut pg_sys::DestReceiver,
        store: *mut pg_sys::Tuplestorestate,
        memory: pg_sys::MemoryContext,
        detoast: bool,
        target: pg_sys::TupleDesc,
        mismatch: *const std::ffi::c_char,
    );
}

/// The answer of a running call: rows of the declared type, spilled to disk beyond work_mem.
pub struct Rows {
    result: *mut pg_sys::ReturnSetInfo,
    described: pg_sys::TupleDesc,
    store: *mut pg_sys::Tuplestorestate,
    /// Where the values of a row are made; emptied every few rows.
    scratch: pg_sys::MemoryContext,
    put: u64,
}

impl Rows {
    pub fn of(call: Call<'_>) -> Rows {
        const ROWS_IN_SCRATCH: &std::ffi::CStr = c"strata rows";
        // SAFETY: fcinfo belongs to the call. Description and store live as long as the calling statement.
        unsafe {
            let fcinfo = call.fcinfo();
            let result: *mut pg_sys::ReturnSetInfo = (*fcinfo).resultinfo.cast();
            let materialize = pg_sys::SetFunctionReturnMode::SFRM_Materialize;
            if result.is_null() || (*result).allowedModes as u32 & materialize == 0 {
                raise(
                    PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
                    "a set of rows is not allowed here",
                    Some("Call the function in FROM.".to_owned()),
                );
            }
            let before = pg_sys::MemoryContextSwitchTo((*(*result).econtext).ecxt_per_query_memory);
            let mut described: pg_sys::TupleDesc = std::ptr::null_mut();
            pg_sys::get_call_result_type(fcinfo, std::ptr::null_mut(), &mut described);
            if described.is_null() {
                raise(
                    PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
                    "the row type of the answer is not known here",
                    None,
                );
            }
            let described = pg_sys::CreateTupleDescCopy(described);
            let store = pg_sys::tuplestore_begin_heap(true, false, pg_sys::work_mem);
            let scratch = pg_sys::AllocSetContextCreateExtended(
                pg_sys::CurrentMemoryContext,
                ROWS_IN_SCRATCH.as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            );
            pg_sys::MemoryContextSwitchTo(before);
            Rows { result, described, store, scratch, put: 0 }
        }
    }

    /// The type of a column of the answer.
    pub fn type_of(&self, column: usize) -> pg_sys::Oid {
        // SAFETY: the description is alive.
        let described = unsafe { pgrx::PgTupleDesc::from_pg_copy(self.described) };
        described.get(column).map_or(pg_sys::InvalidOid, |attribute| attribute.atttypid)
    }

    /// Adds a row, whose values `make` allocates as it likes; `None` is NULL.
    pub fn put<const N: usize>(&mut self, make: impl FnOnce() -> [Option<pg_sys::Datum>; N]) {
        // SAFETY: the tuplestore copies the values, before the scratch space is emptied.
        unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.scratch);
            let row = make();
            let mut nulls = row.map(|value| value.is_none());
            let mut values = row.map(|value| value.unwrap_or(pg_sys::Datum::null()));
            assert_eq!((*self.described).natts as usize, N);
            pg_sys::tuplestore_putvalues(self.store, self.described, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::MemoryContextSwitchTo(before);
            self.put += 1;
            if self.put.is_multiple_of(256) {
                pg_sys::MemoryContextReset(self.scratch);
                pgrx::check_for_interrupts!();
            }
        }
    }

    /// Where a statement can write rows of the declared types into the answer.
    ///
    /// # Safety
    /// It is used while the answer is alive.
    pub unsafe fn receiver(&self) -> *mut pg_sys::DestReceiver {
        // SAFETY: the store and its description live as long as the calling statement.
        unsafe {
            let receiver = pg_sys::CreateDestReceiver(pg_sys::CommandDest::DestTuplestore);
            let memory = (*(*self.result).econtext).ecxt_per_query_memory;
            let mismatch = c"the answer has other columns than declared".as_ptr();
            SetTuplestoreDestReceiverParams(receiver, self.store, memory, false, self.described, mismatch);
            receiver
        }
    }

    /// Ends the call with these rows.
    pub fn answer(self, call: Call<'_>) -> pg_sys::Datum {
        // SAFETY: the result info belongs to the call.
        unsafe {
            pg_sys::MemoryContextDelete(self.scratch);
            (*self.result).returnMode = pg_sys::SetFunctionReturnMode::SFRM_Materialize;
            (*self.result).setResult = self.store;
            (*self.result).setDesc = self.described;
        }
        call.null()
    }
}
