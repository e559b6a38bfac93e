//! What the catalog says: relations, owners, schemas; read through PostgreSQL's caches, which run nobody's code.

use std::ffi::{CStr, CString};

use pgrx::pg_sys;

/// The schemas in which the session looks names up, without those that are there by themselves.
pub fn search_path() -> Vec<pg_sys::Oid> {
    // SAFETY: a list of schemas in the current memory context.
    unsafe {
        let list = pg_sys::fetch_search_path(false);
        if list.is_null() {
            return Vec::new();
        }
        let schemas = (0..(*list).length as usize).map(|place| (*(*list).elements.add(place)).oid_value);
        // what is made there is gone with its session
        schemas.filter(|&schema| !pg_sys::isAnyTempNamespace(schema)).collect()
    }
}

/// The role with whose rights the session acts.
pub fn current_user() -> pg_sys::Oid {
    // SAFETY: reads a variable.
    unsafe { pg_sys::GetUserId() }
}

/// A role's name as SQL has it.
pub fn role_name(role: pg_sys::Oid) -> String {
    // SAFETY: a catalog look-up; NULL where there is no such role.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        if name.is_null() { role.to_u32().to_string() } else { quoted(name) }
    }
}

/// # Safety
/// A NUL-terminated name.
unsafe fn quoted(name: *const std::ffi::c_char) -> String {
    // SAFETY: by the caller's word; the answer is the name or another string.
    unsafe { CStr::from_ptr(pg_sys::quote_identifier(name)).to_string_lossy().into_owned() }
}

/// The schema of a name that the session may use.
pub fn schema_called(name: &str) -> Option<pg_sys::Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: catalog look-ups.
    unsafe {
        let schema = pg_sys::get_namespace_oid(name.as_ptr(), true);
        let lasts = schema != pg_sys::InvalidOid && !pg_sys::isAnyTempNamespace(schema);
        (lasts && may_use(schema)).then_some(schema)
    }
}

fn may_use(schema: pg_sys::Oid) -> bool {
    #[cfg(any(feature = "pg14", feature = "pg15"))]
    // SAFETY: a look at an access list.
    unsafe {
        pg_sys::pg_namespace_aclcheck(schema, current_user(), pg_sys::ACL_USAGE as pg_sys::AclMode)
            == pg_sys::AclResult::ACLCHECK_OK
    }
    #[cfg(not(any(feature = "pg14", feature = "pg15")))]
    // SAFETY: a look at an access list.
    unsafe {
        let usage = pg_sys::ACL_USAGE as pg_sys::AclMode;
        pg_sys::object_aclcheck(pg_sys::NamespaceRelationId, schema, current_user(), usage)
            == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// A schema's name.
pub fn schema_name(schema: pg_sys::Oid) -> Option<String> {
    // SAFETY: a catalog look-up; NULL where there is none.
    unsafe {
        let name = pg_sys::get_namespace_name(schema);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// A relation as its row in pg_class says.
#[derive(Debug, Clone, Copy)]
pub struct Relation {
    pub oid: pg_sys::Oid,
    pub owner: pg_sys::Oid,
    /// `r` for a table, `v` for a view …
    pub kind: u8,
}

/// The relation of a name in a schema.
pub fn relation_in(schema: pg_sys::Oid, name: &str) -> Option<Relation> {
    let name = CString::new(name).ok()?;
    // SAFETY: a catalog look-up by a NUL-terminated name; of no relation where there is none.
    relation_of(unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) })
}

/// The relation of a number.
pub fn relation_of(oid: pg_sys::Oid) -> Option<Relation> {
    // SAFETY: a catalog look-up; the row is given back.
    unsafe {
        let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, pg_sys::Datum::from(oid));
        if row.is_null() {
            return None;
        }
        let class: pg_sys::Form_pg_class = pg_sys::heap_tuple_get_struct(row);
        let relation = Relation { oid, owner: (*class).relowner, kind: (*class).relkind as u8 };
        pg_sys::ReleaseSysCache(row);
        Some(relation)
    }
}

/// Keeps what bears a name (as SQL has it) from being dropped, renamed, replaced or given away until the transaction ends, and
/// answers what that is: of a name that means something else once the lock is there, it is that. Nothing of it is read, and
/// no right on it is asked for.
pub fn hold_named(name: &str) -> Option<Relation> {
    let name = super::varlena::datum_of(name.as_bytes());
    // SAFETY: a text; names in lists of our own memory. A relation that is missing is no error.
    let oid = unsafe {
        let names = pg_sys::textToQualifiedNameList(name.cast_mut_ptr());
        pg_sys::RangeVarGetRelidExtended(
            pg_sys::makeRangeVarFromNameList(names),
            pg_sys::AccessShareLock as i32,
            pg_sys::RVROption::RVR_MISSING_OK,
            None,
            std::ptr::null_mut(),
        )
    };
    relation_of(oid)
}

/// Whether a role may do everything anyway.
pub fn is_superuser(role: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up; of no role where there is none.
    unsafe { pg_sys::superuser_arg(role) }
}

/// The relation that a text names as the session reads it, as a cast to regclass finds it.
pub fn relation_called(name: &str) -> pg_sys::Oid {
    let Ok(name) = CString::new(name) else { return pg_sys::InvalidOid };
    // SAFETY: the input function of regclass, with the text that it wants; errors unwind.
    unsafe {
        let (mut input, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
        pg_sys::getTypeInputInfo(pg_sys::REGCLASSOID, &mut input, &mut parameter);
        let found = pg_sys::OidInputFunctionCall(input, name.as_ptr().cast_mut(), parameter, -1);
        pg_sys::Oid::from(found.value() as u32)
    }
}

/// Keeps a relation from being dropped, renamed or replaced until the transaction ends.
pub fn hold(relation: pg_sys::Oid) {
    // SAFETY: a lock of the transaction.
    unsafe { pg_sys::LockRelationOid(relation, pg_sys::AccessShareLock as i32) };
}

/// The schema and name of a relation.
pub fn relation_name(relation: pg_sys::Oid) -> Option<(String, String)> {
    // SAFETY: catalog look-ups; NULL where there is no such relation.
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        if name.is_null() {
            return None;
        }
        let name = CStr::from_ptr(name).to_string_lossy().into_owned();
        Some((schema_name(pg_sys::get_rel_namespace(relation))?, name))
    }
}

/// Whether a schema is the session's own, for temporary tables.
pub fn is_temporary(relation: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::get_rel_persistence(relation) as u8 == pg_sys::RELPERSISTENCE_TEMP }
}

/// The cluster and database that this is: a copy is another.
pub fn place() -> String {
    // SAFETY: reads variables.
    unsafe { format!("{}/{}", pg_sys::GetSystemIdentifier(), pg_sys::MyDatabaseId.to_u32()) }
}

/// # Safety
/// A datum of type name.
pub unsafe fn name_text(datum: pg_sys::Datum) -> String {
    // SAFETY: by the caller's word; a name ends with NUL.
    unsafe { CStr::from_ptr(datum.cast_mut_ptr()).to_string_lossy().into_owned() }
}

/// A value as its type prints it.
pub fn print(datum: pg_sys::Datum, type_id: pg_sys::Oid) -> String {
    // SAFETY: the value is of the type.
    unsafe {
        let mut output = pg_sys::InvalidOid;
        let mut is_varlena = false;
        pg_sys::getTypeOutputInfo(type_id, &mut output, &mut is_varlena);
        CStr::from_ptr(pg_sys::OidOutputFunctionCall(output, datum)).to_string_lossy().into_owned()
    }
}
