//! Settings of a session that decide how values and names are printed and read.

use std::ffi::{CStr, c_int};

use pgrx::pg_sys;

/// What is pinned where text is made for later: what pg_dump and postgres_fdw pin, so that every session reads it as what it
/// was.
const PINNED: [(&CStr, &CStr); 10] = [
    (c"search_path", c"pg_catalog, pg_temp"),
    (c"standard_conforming_strings", c"on"),
    (c"quote_all_identifiers", c"off"),
    (c"transform_null_equals", c"off"),
    (c"datestyle", c"ISO, YMD"),
    (c"intervalstyle", c"postgres"),
    (c"timezone", c"UTC"),
    (c"extra_float_digits", c"3"),
    (c"bytea_output", c"hex"),
    (c"xmloption", c"content"),
];

/// Does something under pinned settings. They go back with their nesting level, also after an error.
pub fn pinned<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: the level is closed here, or by PostgreSQL when it aborts the transaction or the subtransaction; names and
    // values end with a NUL byte.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        for (name, value) in PINNED {
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0 as c_int,
                false,
            );
        }
        let done = work();
        pg_sys::AtEOXact_GUC(true, level);
        done
    }
}
