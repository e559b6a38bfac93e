//! Settings of a session that decide how values and names are printed and read, and how queries are planned.

use std::ffi::CStr;

use pgrx::pg_sys;

/// What a text has to be read under that was made, or is made, by us: the settings that pg_dump and postgres_fdw pin, and those
/// that could make a plan another one.
const PINNED: [(&CStr, &CStr); 32] = [
    (c"search_path", c"pg_catalog, pg_temp"),
    (c"standard_conforming_strings", c"on"),
    (c"escape_string_warning", c"off"),
    (c"backslash_quote", c"safe_encoding"),
    (c"datestyle", c"ISO, YMD"),
    (c"intervalstyle", c"postgres"),
    (c"extra_float_digits", c"3"),
    (c"bytea_output", c"hex"),
    (c"xmloption", c"content"),
    (c"quote_all_identifiers", c"off"),
    (c"transform_null_equals", c"off"),
    (c"array_nulls", c"on"),
    (c"row_security", c"off"),
    (c"default_table_access_method", c"heap"),
    (c"constraint_exclusion", c"partition"),
    (c"enable_bitmapscan", c"on"),
    (c"enable_hashagg", c"on"),
    (c"enable_hashjoin", c"on"),
    (c"enable_incremental_sort", c"on"),
    (c"enable_indexscan", c"on"),
    (c"enable_indexonlyscan", c"on"),
    (c"enable_material", c"on"),
    (c"enable_mergejoin", c"on"),
    (c"enable_nestloop", c"on"),
    (c"enable_seqscan", c"on"),
    (c"enable_sort", c"on"),
    (c"enable_tidscan", c"on"),
    (c"geqo", c"off"),
    (c"from_collapse_limit", c"20"),
    (c"join_collapse_limit", c"20"),
    (c"jit", c"off"),
    (c"TimeZone", c"UTC"),
];

/// Settings that hold until this is closed; an error gives them back, too.
pub struct Settings(i32);

impl Settings {
    /// What is said of a setting from here on holds until [`Settings::close`].
    pub fn open() -> Settings {
        // SAFETY: a counter; levels that are not closed are closed with the transaction.
        Settings(unsafe { pg_sys::NewGUCNestLevel() })
    }

    pub fn pinned() -> Settings {
        let settings = Settings::open();
        for (name, value) in PINNED {
            set(name, value);
        }
        settings
    }

    pub fn close(self) {
        // SAFETY: levels are closed in the reverse order in which they were opened.
        unsafe { pg_sys::AtEOXact_GUC(true, self.0) };
    }
}

/// Gives a setting a value on the level that was opened last.
pub fn set(name: &CStr, value: &CStr) {
    // SAFETY: NUL-terminated strings; the value is saved on the level and goes back with it.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}

/// The value of a setting, as text.
pub fn setting(name: &CStr) -> String {
    // SAFETY: a NUL-terminated name of a setting that there is; the answer is copied.
    unsafe {
        let value = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        if value.is_null() { String::new() } else { CStr::from_ptr(value).to_string_lossy().into_owned() }
    }
}

/// Does something under pinned settings. They go back with their nesting level, also after an error.
pub fn pinned<R>(work: impl FnOnce() -> R) -> R {
    let settings = Settings::pinned();
    let done = work();
    settings.close();
    done
}
