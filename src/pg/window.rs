//! The rows of a window function's partition (PostgreSQL's windowapi.h).

use std::ffi::{c_int, c_void};

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::{PgMemoryContexts, pg_sys};

use super::call::Call;

type WindowObject = *mut c_void;

const WINDOW_SEEK_HEAD: c_int = 1;

unsafe extern "C-unwind" {
    fn WinGetPartitionLocalMemory(window: WindowObject, size: usize) -> *mut c_void;
    fn WinGetCurrentPosition(window: WindowObject) -> i64;
    fn WinGetPartitionRowCount(window: WindowObject) -> i64;
    fn WinGetFuncArgInPartition(
        window: WindowObject,
        argument: c_int,
        relative: c_int,
        seek: c_int,
        set_mark: bool,
        is_null: *mut bool,
        is_out: *mut bool,
    ) -> pg_sys::Datum;
}

/// The partition around the current row of a running window function.
pub struct Partition(WindowObject);

impl Partition {
    /// `None` where the function was not called with OVER.
    pub fn of(call: Call<'_>) -> Option<Partition> {
        // SAFETY: the context of a call is NULL or a node.
        let window = unsafe { (*call.fcinfo()).context };
        let is_window = !window.is_null() && unsafe { (*window).type_ } == pg_sys::NodeTag::T_WindowObjectData;
        is_window.then_some(Partition(window.cast()))
    }

    /// The current row, 0 being the first.
    pub fn position(&self) -> usize {
        // SAFETY: `of` saw a window object.
        unsafe { pg_guard_ffi_boundary(|| WinGetCurrentPosition(self.0)) as usize }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        // SAFETY: as above.
        unsafe { pg_guard_ffi_boundary(|| WinGetPartitionRowCount(self.0)) as usize }
    }

    /// An argument's value in a row, valid until the next row is asked for; `None` where it is NULL.
    pub fn argument(&self, argument: usize, row: usize) -> Option<pg_sys::Datum> {
        let (mut is_null, mut is_out) = (false, false);
        // SAFETY: as above; rows beyond the end are answered with NULL.
        let value = unsafe {
            pg_guard_ffi_boundary(|| {
                WinGetFuncArgInPartition(
                    self.0,
                    argument as c_int,
                    row as c_int,
                    WINDOW_SEEK_HEAD,
                    false,
                    &mut is_null,
                    &mut is_out,
                )
            })
        };
        (!is_null && !is_out).then_some(value)
    }

    /// Bytes that live as long as the partition: `make` is asked for them at its first row.
    pub fn kept(&self, make: impl FnOnce() -> Vec<u8>) -> &[u8] {
        /// Zeroed at the start of a partition.
        struct Kept {
            bytes: *mut u8,
            length: usize,
        }
        // SAFETY: the memory belongs to the partition, and so does what is allocated in its context.
        unsafe {
            let kept =
                &mut *pg_guard_ffi_boundary(|| WinGetPartitionLocalMemory(self.0, size_of::<Kept>())).cast::<Kept>();
            if kept.bytes.is_null() {
                let made = make();
                let context = PgMemoryContexts::of(std::ptr::from_mut(kept).cast())
                    .map_or_else(|| unreachable!("allocated by PostgreSQL"), |context| context.value());
                kept.bytes = pg_sys::MemoryContextAllocHuge(context, made.len().max(1)).cast();
                kept.bytes.copy_from_nonoverlapping(made.as_ptr(), made.len());
                kept.length = made.len();
            }
            std::slice::from_raw_parts(kept.bytes, kept.length)
        }
    }
}
