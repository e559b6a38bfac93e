//! The extension's own types, told by what they are and not by how a session prints their names.

use std::ffi::{CStr, c_int};

use pgrx::pg_sys;

/// Whether a type is the one of stored ledgers.
pub fn is_ledger(type_id: pg_sys::Oid) -> bool {
    type_id == of_name(c"ledger")
}

/// The type of that name in our schema, or none: asked of PostgreSQL's own cache each time, as the extension may be dropped
/// and created again while a session lives.
fn of_name(name: &CStr) -> pg_sys::Oid {
    const SCHEMA: &CStr = c"strata";
    const MAY_BE_MISSING: bool = true;
    // SAFETY: look-ups in caches of the catalog, by names that end with a NUL byte.
    unsafe {
        let schema = pg_sys::get_namespace_oid(SCHEMA.as_ptr(), MAY_BE_MISSING);
        pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::TYPENAMENSP as c_int,
            pg_sys::Anum_pg_type_oid as pg_sys::AttrNumber,
            pg_sys::Datum::from(name.as_ptr()),
            schema.into(),
            pg_sys::Datum::null(),
            pg_sys::Datum::null(),
        )
    }
}
