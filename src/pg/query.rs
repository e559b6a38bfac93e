//! What a query given as text returns, asked before it runs.

use std::ffi::{CStr, CString, c_int};

use pgrx::{PgSqlErrorCode, PgTupleDesc, pg_sys};

use super::row::name_of;
use super::snapshot::{LockWaits, NewSnapshot};
use crate::error::raise;

/// A column of a query's result; its type without a domain.
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

/// Whether a cast between two types would run a function that another role wrote, who is no superuser: whoever makes a type
/// can give it any cast.
pub fn casts_by_another_role(from: pg_sys::Oid, to: pg_sys::Oid) -> bool {
    // SAFETY: look-ups in the catalog; the tuple is of pg_proc, and is looked at before it is given back.
    unsafe {
        let mut function = pg_sys::InvalidOid;
        pg_sys::find_coercion_pathway(to, from, pg_sys::CoercionContext::COERCION_EXPLICIT, &mut function);
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as c_int, function.into());
        let Some(found) = tuple.as_ref() else { return false };
        let row = found.t_data.cast::<u8>().add((*found.t_data).t_hoff.into());
        let owner = (*row.cast::<pg_sys::FormData_pg_proc>()).proowner;
        pg_sys::ReleaseSysCache(tuple);
        owner != pg_sys::GetUserId() && !pg_sys::superuser_arg(owner)
    }
}

/// Text as an SQL literal, whatever the settings.
pub fn literal(text: &str) -> String {
    let quoted = match CString::new(text) {
        // SAFETY: a NUL-terminated string in, another out.
        Ok(text) => unsafe { CStr::from_ptr(pg_sys::quote_literal_cstr(text.as_ptr())) },
        Err(_) => raise(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, "text contains a NUL byte", None),
    };
    quoted.to_string_lossy().into_owned()
}

/// One plain SELECT: its text without what stands around it, and its columns.
pub struct Described<'a> {
    pub statement: &'a str,
    pub columns: Vec<Column>,
    /// The rows that the planner expects.
    pub rows: f64,
}

/// Looks at one plain SELECT (or VALUES, TABLE), without running it; anything else raises 42601.
pub fn describe(query: &str) -> Described<'_> {
    let Ok(text) = CString::new(query) else {
        raise(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, "the query contains a NUL byte", None);
    };
    // SAFETY: SPI is connected for as long as the plan is looked at; errors unwind through PostgreSQL, which closes it.
    let described = unsafe {
        pg_sys::SPI_connect();
        let plan = pg_sys::SPI_prepare(text.as_ptr(), 0, std::ptr::null_mut());
        let sources = if plan.is_null() { std::ptr::null_mut() } else { pg_sys::SPI_plan_get_plan_sources(plan) };
        let described = only_member::<pg_sys::CachedPlanSource>(sources)
            .and_then(|source| describe_source(query, source))
            .map(|described| Described { rows: expected_rows(plan), ..described });
        pg_sys::SPI_finish();
        described
    };
    described.unwrap_or_else(|| {
        raise(
            PgSqlErrorCode::ERRCODE_SYNTAX_ERROR,
            "the query must be one plain SELECT",
            Some("For example: 'SELECT customer_id, ordered_at, amount FROM orders'.".to_owned()),
        )
    })
}

/// What a prepared statement returns, where it only reads.
fn describe_source<'a>(query: &'a str, source: &pg_sys::CachedPlanSource) -> Option<Described<'a>> {
    // SAFETY: the plan source is alive, and so is what it points to.
    unsafe {
        let parsed = only_member::<pg_sys::Query>(source.query_list)?;
        if source.commandTag != pg_sys::CommandTag::CMDTAG_SELECT
            || parsed.hasModifyingCTE
            || source.resultDesc.is_null()
        {
            return None;
        }
        // without a semicolon and what follows it; a length of 0 means all of the rest
        let start = usize::try_from(parsed.stmt_location).unwrap_or(0);
        let rest = query.get(start..)?;
        let statement = match usize::try_from(parsed.stmt_len) {
            Ok(length @ 1..) => rest.get(..length)?,
            _ => rest,
        };
        let columns = PgTupleDesc::from_pg_copy(source.resultDesc)
            .iter()
            .map(|attribute| Column {
                name: name_of(attribute),
                type_oid: pg_sys::getBaseType(attribute.atttypid),
                collation: attribute.attcollation,
            })
            .collect();
        Some(Described { statement, columns, rows: 0.0 })
    }
}

/// The rows that the planner expects of a prepared statement.
///
/// # Safety
/// As for [`look_at_plan`].
unsafe fn expected_rows(plan: pg_sys::SPIPlanPtr) -> f64 {
    // SAFETY: by the caller's word.
    unsafe { look_at_plan(plan, |planned| planned.planTree.as_ref().map_or(0.0, |plan| plan.plan_rows)) }.unwrap_or(0.0)
}

/// The relations that a prepared statement reads; those of its partitions, too.
///
/// # Safety
/// As for [`look_at_plan`].
unsafe fn relations(plan: pg_sys::SPIPlanPtr) -> Vec<pg_sys::Oid> {
    // SAFETY: by the caller's word; the list is one of oids.
    unsafe {
        let all = look_at_plan(plan, |planned| match planned.relationOids.as_ref() {
            Some(list) => (0..list.length as usize).map(|place| (*list.elements.add(place)).oid_value).collect(),
            None => Vec::new(),
        });
        all.unwrap_or_default()
    }
}

/// Looks at the plan of a prepared statement, which is made now unless it is there. Its relations are locked from then on.
///
/// # Safety
/// The statement is NULL, or alive and not saved; SPI is connected.
unsafe fn look_at_plan<R>(statement: pg_sys::SPIPlanPtr, look: impl FnOnce(&pg_sys::PlannedStmt) -> R) -> Option<R> {
    // SAFETY: by the caller's word. A plan that is not saved has no resource owner.
    unsafe {
        if statement.is_null() {
            return None;
        }
        let cached = pg_sys::SPI_plan_get_cached_plan(statement);
        let looked = only_member::<pg_sys::PlannedStmt>(cached.as_ref()?.stmt_list).map(look);
        pg_sys::ReleaseCachedPlan(cached, std::ptr::null_mut());
        looked
    }
}

/// The only member of a list of nodes.
///
/// # Safety
/// The list is NULL or one of pointers to `T`, which live as long as wanted.
pub(super) unsafe fn only_member<'a, T>(list: *mut pg_sys::List) -> Option<&'a T> {
    // SAFETY: by the caller's word.
    unsafe {
        if list.is_null() || (*list).length != 1 {
            return None;
        }
        (*(*list).elements).ptr_value.cast::<T>().as_ref()
    }
}

/// Runs one SELECT to its end with the caller's rights, writing nothing, with `parallel` in parallel where its plan is. It
/// sees what plain SQL in its place would see: `before` are the lock waits when it was looked at first. What it returns is
/// dropped.
pub fn run(query: &str, parallel: bool, before: LockWaits) {
    let Ok(text) = CString::new(query) else {
        raise(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, "the query contains a NUL byte", None);
    };
    const TO_THE_END: std::ffi::c_long = 0;
    let options = if parallel { pg_sys::CURSOR_OPT_PARALLEL_OK as c_int } else { 0 };
    // SAFETY: errors unwind through PostgreSQL, which closes SPI. The plan has locked its relations before the snapshot is
    // taken; it is the one that runs.
    unsafe {
        pg_sys::SPI_connect();
        let plan = pg_sys::SPI_prepare_cursor(text.as_ptr(), 0, std::ptr::null_mut(), options);
        let anew = NewSnapshot::where_needed(before, &relations(plan));
        let code = pg_sys::SPI_execute_plan(plan, std::ptr::null_mut(), std::ptr::null(), true, TO_THE_END);
        if code != pg_sys::SPI_OK_SELECT as i32 {
            raise(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, format!("the query ended with SPI code {code}"), None);
        }
        if let Some(snapshot) = anew {
            snapshot.end();
        }
        pg_sys::SPI_finish();
    }
}
