//! Relations that a running call has found, held and looked at: a name of theirs means nothing else until the call ends.
//!
//! A lock keeps a table from being dropped or renamed, but not the schema that it is in: whose schema it is may rename it while a
//! call waits for something, and put another in its place. What is on the tables in that one (predicates of indexes, views)
//! would run as the caller. So each statement is looked at once its names are resolved, before it is rewritten and planned.

use std::cell::RefCell;
use std::ffi::{CStr, c_int, c_void};

use pgrx::{PgSqlErrorCode, pg_guard, pg_sys};

use super::catalog;
use crate::error::raise;

struct Held {
    caller: pg_sys::Oid,
    relations: Vec<(String, pg_sys::Oid)>,
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// While it is alive, names of relations that have been held are looked at.
pub struct Watch(Option<Held>);

impl Watch {
    pub fn of(caller: pg_sys::Oid) -> Watch {
        Watch(HELD.replace(Some(Held { caller, relations: Vec::new() })))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        HELD.replace(self.0.take());
    }
}

/// Notes a relation that is held.
pub fn note(relation: pg_sys::Oid) {
    let Some((_, name)) = catalog::relation_name(relation) else { return };
    HELD.with_borrow_mut(|held| {
        if let Some(held) = held
            && !held.relations.iter().any(|(_, known)| *known == relation)
        {
            held.relations.push((name, relation));
        }
    });
}

/// Whether a relation bears the name of one that is held, and is another role's.
fn is_in_the_place_of_one(relation: pg_sys::Oid) -> bool {
    HELD.with_borrow(|held| {
        let Some(held) = held else { return false };
        if held.relations.iter().any(|(_, known)| *known == relation) {
            return false;
        }
        let Some((_, name)) = catalog::relation_name(relation) else { return false };
        held.relations.iter().any(|(known, _)| *known == name)
            && catalog::relation_of(relation)
                // SAFETY: a catalog look-up.
                .is_some_and(|found| found.owner != held.caller && !unsafe { pg_sys::superuser_arg(found.owner) })
    })
}

type Walker = unsafe extern "C-unwind" fn(*mut pg_sys::Node, *mut c_void) -> bool;

unsafe extern "C-unwind" {
    #[cfg_attr(any(feature = "pg14", feature = "pg15"), link_name = "query_tree_walker")]
    fn query_tree_walker_impl(query: *mut pg_sys::Query, walker: Walker, context: *mut c_void, flags: c_int) -> bool;
    #[cfg_attr(any(feature = "pg14", feature = "pg15"), link_name = "expression_tree_walker")]
    fn expression_tree_walker_impl(node: *mut pg_sys::Node, walker: Walker, context: *mut c_void) -> bool;
}

/// Finds the first relation in a query that stands in the place of one that is held; `context` points to where its number goes.
///
/// # Safety
/// An analysed node, or NULL; the context is an Oid.
unsafe extern "C-unwind" fn find(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    const EVERYTHING: c_int = 0;
    // SAFETY: by the caller's word; the walkers only read, and stop where this answers true.
    unsafe {
        if node.is_null() {
            return false;
        }
        if !pgrx::is_a(node, pg_sys::NodeTag::T_Query) {
            return expression_tree_walker_impl(node, find, context);
        }
        let query: *mut pg_sys::Query = node.cast();
        let entries = (*query).rtable;
        let length = if entries.is_null() { 0 } else { (*entries).length as usize };
        for place in 0..length {
            let entry: *mut pg_sys::RangeTblEntry = (*(*entries).elements.add(place)).ptr_value.cast();
            if (*entry).rtekind == pg_sys::RTEKind::RTE_RELATION && is_in_the_place_of_one((*entry).relid) {
                *context.cast::<pg_sys::Oid>() = (*entry).relid;
                return true;
            }
        }
        query_tree_walker_impl(query, find, context, EVERYTHING)
    }
}

/// What was hooked in before.
static mut BEFORE: pg_sys::post_parse_analyze_hook_type = None;

/// Looks at each statement once its names are resolved.
pub fn watch_statements() {
    // SAFETY: called once, when the library is loaded; a backend has one thread.
    unsafe {
        BEFORE = pg_sys::post_parse_analyze_hook;
        pg_sys::post_parse_analyze_hook = Some(analysed);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn analysed(
    state: *mut pg_sys::ParseState,
    query: *mut pg_sys::Query,
    jumble: *mut pg_sys::JumbleState,
) {
    // SAFETY: called by PostgreSQL with what it has analysed.
    unsafe {
        if let Some(before) = BEFORE {
            before(state, query, jumble);
        }
        if HELD.with_borrow(Option::is_none) {
            return;
        }
        let mut found = pg_sys::InvalidOid;
        if find(query.cast(), (&raw mut found).cast()) {
            let name = pg_sys::get_rel_name(found);
            let name = if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() };
            raise(
                PgSqlErrorCode::ERRCODE_OBJECT_IN_USE,
                format!("\"{name}\" is another role's table by now"),
                Some("Its schema has been changed meanwhile. Look whose it is, and try again.".to_owned()),
            );
        }
    }
}
