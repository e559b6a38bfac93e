//! What a query given as text returns, asked before it runs.

use std::ffi::{CStr, CString};

use pgrx::{PgSqlErrorCode, PgTupleDesc, pg_sys};

use crate::error::raise;

/// A column of a query's result.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub type_oid: pg_sys::Oid,
    pub collation: pg_sys::Oid,
}

impl Column {
    /// The type's name for people.
    pub fn type_name(&self) -> String {
        type_name(self.type_oid)
    }
}

/// Whether equal texts under a collation have equal bytes.
pub fn is_deterministic(collation: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up.
    collation == pg_sys::InvalidOid || unsafe { pg_sys::get_collation_isdeterministic(collation) }
}

/// A type's name for people.
pub fn type_name(type_oid: pg_sys::Oid) -> String {
    // SAFETY: returns a NUL-terminated string for any oid.
    unsafe { CStr::from_ptr(pg_sys::format_type_be(type_oid)).to_string_lossy().into_owned() }
}

/// A type's name with its schema, for any search path.
pub fn qualified_type_name(type_oid: pg_sys::Oid) -> String {
    // SAFETY: as above.
    unsafe { CStr::from_ptr(pg_sys::format_type_be_qualified(type_oid)).to_string_lossy().into_owned() }
}

/// Text as an SQL literal.
pub fn literal(text: &str) -> String {
    let quoted = match CString::new(text) {
        // SAFETY: a NUL-terminated string in, another out.
        Ok(text) => unsafe { CStr::from_ptr(pg_sys::quote_literal_cstr(text.as_ptr())) },
        Err(_) => raise(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, "text contains a NUL byte", None),
    };
    quoted.to_string_lossy().into_owned()
}

/// The columns of one plain SELECT (or VALUES, TABLE); anything else raises 42601. The query is planned, not run.
pub fn columns_of(query: &str) -> Vec<Column> {
    let Ok(text) = CString::new(query) else {
        raise(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, "the query contains a NUL byte", None);
    };
    // SAFETY: SPI is connected for as long as the plan is looked at; errors unwind through PostgreSQL, which closes it.
    unsafe {
        pg_sys::SPI_connect();
        let plan = pg_sys::SPI_prepare(text.as_ptr(), 0, std::ptr::null_mut());
        let sources = if plan.is_null() { std::ptr::null_mut() } else { pg_sys::SPI_plan_get_plan_sources(plan) };
        let described = match sources.is_null() || (*sources).length != 1 {
            true => std::ptr::null_mut(),
            false => {
                let source: *mut pg_sys::CachedPlanSource = (*(*sources).elements).ptr_value.cast();
                let parsed: *mut pg_sys::Query = match (*source).query_list.is_null() {
                    true => std::ptr::null_mut(),
                    false => (*(*(*source).query_list).elements).ptr_value.cast(),
                };
                let reads = (*source).commandTag == pg_sys::CommandTag::CMDTAG_SELECT
                    && !parsed.is_null()
                    && !(*parsed).hasModifyingCTE;
                if reads { (*source).resultDesc } else { std::ptr::null_mut() }
            }
        };
        if described.is_null() {
            raise(
                PgSqlErrorCode::ERRCODE_SYNTAX_ERROR,
                "the query must be one plain SELECT",
                Some("For example: 'SELECT customer_id, ordered_at, amount FROM orders'.".to_owned()),
            );
        }
        let columns = PgTupleDesc::from_pg_copy(described)
            .iter()
            .map(|attribute| Column {
                name: attribute.name().to_owned(),
                type_oid: attribute.atttypid,
                collation: attribute.attcollation,
            })
            .collect();
        pg_sys::SPI_finish();
        columns
    }
}

/// Runs one SELECT to its end with the caller's rights and snapshot, writing nothing, in parallel where its plan is.
/// What it returns is dropped.
pub fn run(query: &str) {
    let Ok(text) = CString::new(query) else {
        raise(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, "the query contains a NUL byte", None);
    };
    const TO_THE_END: std::ffi::c_long = 0;
    // SAFETY: errors unwind through PostgreSQL, which closes SPI.
    unsafe {
        pg_sys::SPI_connect();
        let code = pg_sys::SPI_execute(text.as_ptr(), true, TO_THE_END);
        if code != pg_sys::SPI_OK_SELECT as i32 {
            raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("the query ended with SPI code {code}"), None);
        }
        pg_sys::SPI_finish();
    }
}
