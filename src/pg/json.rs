//! `jsonb` as text, with all digits of its numbers.

use std::ffi::{CStr, CString};

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::{FromDatum, IntoDatum, pg_sys};

/// A `jsonb` argument or result as its text.
pub struct Jsonb(pub String);

/// A `jsonb` in the current memory context, from text that is known to be JSON.
pub fn jsonb(text: &str) -> pg_sys::Datum {
    let text = CString::new(text).unwrap_or_else(|_| unreachable!("JSON has no NUL"));
    // SAFETY: jsonb_in takes a cstring and answers with a jsonb, never NULL.
    unsafe {
        let argument = Some(pg_sys::Datum::from(text.as_ptr()));
        pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[argument])
            .unwrap_or_else(|| unreachable!("jsonb_in got a text"))
    }
}

impl FromDatum for Jsonb {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: SQL declares the argument as jsonb; jsonb_out answers with a cstring, never NULL.
        unsafe {
            let text = pgrx::direct_function_call_as_datum(pg_sys::jsonb_out, &[Some(datum)])?;
            Some(Jsonb(CStr::from_ptr(text.cast_mut_ptr()).to_string_lossy().into_owned()))
        }
    }
}

// SAFETY: the default of `unbox_nullable_arg` keeps NULLs away from here.
unsafe impl<'fcx> ArgAbi<'fcx> for Jsonb {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_else(|| unreachable!("a NULL is taken as an Option"))
    }
}

impl IntoDatum for Jsonb {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(jsonb(&self.0))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the datum is a jsonb in the current memory context.
unsafe impl BoxRet for Jsonb {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        unsafe { fcinfo.return_raw_datum(jsonb(&self.0)) }
    }
}

pgrx::impl_sql_translatable!(Jsonb, "jsonb");
