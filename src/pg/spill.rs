//! PostgreSQL's temporary files: within temp_file_limit, counted in its statistics, gone after an error.

use std::ffi::{c_int, c_void};

use pgrx::{PgMemoryContexts, PgSqlErrorCode, pg_sys};
use strata_core::bulk::Spill;

use crate::error::raise;

const SEEK_SET: c_int = 0;

/// A temporary file, made when something is written.
///
/// It is not closed when it is dropped: after an error the transaction has closed it already. [`TempFile::close`] ends
/// it where all went well.
pub struct TempFile {
    file: *mut pg_sys::BufFile,
    end: Place,
}

/// A place in a BufFile, which is made of segments.
#[derive(Clone, Copy)]
struct Place {
    segment: c_int,
    offset: pg_sys::off_t,
}

impl TempFile {
    pub fn new() -> TempFile {
        TempFile { file: std::ptr::null_mut(), end: Place { segment: 0, offset: 0 } }
    }

    pub fn close(self) {
        if !self.file.is_null() {
            // SAFETY: made by `write` in this transaction, which goes on.
            unsafe { pg_sys::BufFileClose(self.file) };
        }
    }

    fn seek(&mut self, place: Place) {
        // SAFETY: the file is open.
        if unsafe { pg_sys::BufFileSeek(self.file, place.segment, place.offset, SEEK_SET) } != 0 {
            raise(PgSqlErrorCode::ERRCODE_IO_ERROR, "could not seek in a temporary file", None);
        }
    }
}

impl Spill for TempFile {
    fn write(&mut self, bytes: &[u8]) -> u64 {
        let start = self.end;
        // SAFETY: the file lives in the transaction's context: the query that fills it ends before it is read. What it
        // holds of the operating system belongs to the resource owner that is current, that of the calling statement.
        unsafe {
            if self.file.is_null() {
                let before = pg_sys::MemoryContextSwitchTo(PgMemoryContexts::TopTransactionContext.value());
                self.file = pg_sys::BufFileCreateTemp(false);
                pg_sys::MemoryContextSwitchTo(before);
            }
            self.seek(start);
            pg_sys::BufFileWrite(self.file, bytes.as_ptr().cast_mut().cast::<c_void>(), bytes.len());
            pg_sys::BufFileTell(self.file, &mut self.end.segment, &mut self.end.offset);
        }
        (start.segment as u64) << 32 | start.offset as u64
    }

    fn read(&mut self, position: u64, bytes: &mut [u8]) {
        self.seek(Place { segment: (position >> 32) as c_int, offset: (position as u32).into() });
        // SAFETY: the file is open, and the bytes are there to be filled.
        let read = unsafe { pg_sys::BufFileRead(self.file, bytes.as_mut_ptr().cast(), bytes.len()) };
        if read != bytes.len() {
            raise(PgSqlErrorCode::ERRCODE_IO_ERROR, "a temporary file ended early", None);
        }
    }
}
