//! Values of variable length.

use std::marker::PhantomData;

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{FromDatum, IntoDatum, PgSqlErrorCode, pg_sys};

use crate::error::raise;

/// The bytes of a varlena without its header, detoasted where need be.
///
/// # Safety
/// `datum` is a varlena. The bytes live as long as the datum, or as the memory context that is current now.
#[inline(always)]
pub unsafe fn bytes_of<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: by the caller's word this is a varlena; the packed form has a 1- or 4-byte header and is not compressed.
    unsafe {
        let value: *mut pg_sys::varlena = datum.cast_mut_ptr();
        let value = if is_plain(value) || is_short(value) { value } else { pg_sys::pg_detoast_datum_packed(value) };
        std::slice::from_raw_parts(pgrx::vardata_any(value).cast(), pgrx::varsize_any_exhdr(value))
    }
}

/// A varlena as it stands, header and all: compressed, or only a pointer to where it is stored. Equal ones are equal
/// values, as long as the statement runs; `None` for one in a form that says nothing about its value.
///
/// # Safety
/// `datum` is a varlena.
pub unsafe fn as_it_stands<'a>(datum: pg_sys::Datum) -> Option<&'a [u8]> {
    // SAFETY: by the caller's word. A pointer to a stored value names that value: it does not change while a
    // transaction can see it. Other pointers lead into memory that does.
    unsafe {
        let value: *mut pg_sys::varlena = datum.cast_mut_ptr();
        let stored = pg_sys::vartag_external::VARTAG_ONDISK;
        if pgrx::varatt_is_1b_e(value) && u32::from(pgrx::vartag_external(value)) != stored {
            return None;
        }
        Some(std::slice::from_raw_parts(value.cast::<u8>(), pgrx::varsize_any(value)))
    }
}

/// Whether a varlena has the 4-byte header and its bytes behind it.
///
/// # Safety
/// `value` points to a varlena.
#[inline(always)]
pub unsafe fn is_plain(value: *const pg_sys::varlena) -> bool {
    unsafe { pgrx::varatt_is_4b_u(value) }
}

/// Whether it has the 1-byte header and its bytes behind it.
#[inline(always)]
unsafe fn is_short(value: *const pg_sys::varlena) -> bool {
    unsafe { pgrx::varatt_is_1b(value) && !pgrx::varatt_is_1b_e(value) }
}

/// A new varlena with a 4-byte header and room for `length` bytes in the current memory context; `length` bytes of it
/// are for the caller to fill.
pub fn allocate(length: usize) -> (*mut pg_sys::varlena, &'static mut [u8]) {
    let size = length + pg_sys::VARHDRSZ;
    // SAFETY: palloc gives `size` bytes or raises; the header is written, and the body zeroed before it is lent out.
    unsafe {
        let value: *mut pg_sys::varlena = pg_sys::palloc(size).cast();
        pgrx::set_varsize_4b(value, size as i32);
        let body: *mut u8 = value.cast::<u8>().add(pg_sys::VARHDRSZ);
        body.write_bytes(0, length);
        (value, std::slice::from_raw_parts_mut(body, length))
    }
}

/// `bytes` as a varlena in the current memory context.
pub fn datum_of(bytes: &[u8]) -> pg_sys::Datum {
    let (value, body) = allocate(bytes.len());
    body.copy_from_slice(bytes);
    pg_sys::Datum::from(value)
}

/// `bytes` as a value of a fixed length that is passed by reference, in the current memory context.
pub fn fixed_datum_of(bytes: &[u8]) -> pg_sys::Datum {
    // SAFETY: palloc gives as many bytes or raises.
    unsafe {
        let value: *mut u8 = pg_sys::palloc(bytes.len()).cast();
        value.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        pg_sys::Datum::from(value)
    }
}

/// A text argument; raises where its bytes are not UTF-8 (in a database of another encoding).
///
/// # Safety
/// `datum` is a text.
pub unsafe fn text<'a>(datum: Option<pg_sys::Datum>) -> Option<&'a str> {
    // SAFETY: by the caller's word.
    datum.map(|datum| match std::str::from_utf8(unsafe { bytes_of(datum) }) {
        Ok(text) => text,
        Err(_) => {
            raise(PgSqlErrorCode::ERRCODE_CHARACTER_NOT_IN_REPERTOIRE, "a text argument is not valid UTF-8", None)
        }
    })
}

/// A text in a row of many: unknown where its bytes are not UTF-8. In a database without an encoding (SQL_ASCII) any row may
/// hold such bytes, and one row must not stop the answers of all others; a model compares texts with those in its JSON, which
/// are UTF-8, so that such a text would equal none of them anyway.
///
/// # Safety
/// `datum` is a text.
pub unsafe fn text_of_row<'a>(datum: pg_sys::Datum) -> Option<&'a str> {
    // SAFETY: by the caller's word.
    std::str::from_utf8(unsafe { bytes_of(datum) }).ok()
}

/// A type of the extension's own, stored as bytes.
pub trait OwnType {
    /// Its name in SQL.
    const NAME: &'static str;
}

/// An argument of an own type: its bytes.
pub struct In<'a, T> {
    pub bytes: &'a [u8],
    own_type: PhantomData<T>,
}

/// A value of an own type on its way out.
pub struct Out<T> {
    bytes: Vec<u8>,
    own_type: PhantomData<T>,
}

impl<T> Out<T> {
    pub fn new(bytes: impl Into<Vec<u8>>) -> Out<T> {
        Out { bytes: bytes.into(), own_type: PhantomData }
    }
}

impl<T: OwnType> FromDatum for In<'_, T> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: SQL declares the argument as type T, which is a varlena.
        (!is_null).then(|| In { bytes: unsafe { bytes_of(datum) }, own_type: PhantomData })
    }
}

// SAFETY: the default of `unbox_nullable_arg` keeps NULLs away from here.
unsafe impl<'fcx, T: OwnType> ArgAbi<'fcx> for In<'fcx, T> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_else(|| unreachable!("a NULL is taken as an Option"))
    }
}

impl<T: OwnType> IntoDatum for Out<T> {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(datum_of(&self.bytes))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::InvalidOid
    }

    fn is_compatible_with(_: pg_sys::Oid) -> bool {
        true
    }
}

// SAFETY: the datum is a varlena in the current memory context, as the declared type T is.
unsafe impl<T: OwnType> BoxRet for Out<T> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        unsafe { fcinfo.return_raw_datum(datum_of(&self.bytes)) }
    }
}

const fn argument(name: &'static str) -> Result<SqlMappingRef, ArgumentError> {
    Ok(SqlMappingRef::literal(name))
}

const fn returned(name: &'static str) -> Result<ReturnsRef, ReturnsError> {
    Ok(ReturnsRef::One(SqlMappingRef::literal(name)))
}

// SAFETY: both are what SQL calls T. "External": sql/ creates the type, not the schema generator.
unsafe impl<T: OwnType> SqlTranslatable for In<'_, T> {
    const TYPE_IDENT: &'static str = T::NAME;
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = argument(T::NAME);
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = returned(T::NAME);
}

// SAFETY: as above.
unsafe impl<T: OwnType> SqlTranslatable for Out<T> {
    const TYPE_IDENT: &'static str = T::NAME;
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = argument(T::NAME);
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = returned(T::NAME);
}

/// What is left of a message that a receive function got; all of it is taken.
pub fn received(message: &mut pgrx::datum::Internal) -> &[u8] {
    // SAFETY: the argument of a receive function is a StringInfo, declared internal so that SQL cannot pass another.
    unsafe {
        let Some(buffer) = message.get_mut::<pg_sys::StringInfoData>() else {
            return &[];
        };
        let (cursor, length) = (buffer.cursor as usize, buffer.len as usize);
        buffer.cursor = buffer.len;
        std::slice::from_raw_parts(buffer.data.cast::<u8>().add(cursor), length - cursor)
    }
}
