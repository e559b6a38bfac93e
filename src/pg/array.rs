//! One-dimensional arrays as values.

use std::ffi::c_char;

use pgrx::pg_sys;

use super::composite::RowType;
use super::varlena;

/// A `text[]` in the current memory context.
pub fn of_texts(texts: &[&str]) -> pg_sys::Datum {
    let mut elements: Vec<pg_sys::Datum> = texts.iter().map(|text| varlena::datum_of(text.as_bytes())).collect();
    // SAFETY: the elements are texts, of variable length and integer alignment.
    unsafe { one_dimension(&mut elements, None, pg_sys::TEXTOID, -1, pg_sys::TYPALIGN_INT as c_char) }
}

/// A `smallint[]` in the current memory context; `None` is NULL.
pub fn of_scores(scores: &[Option<u8>]) -> pg_sys::Datum {
    let mut elements: Vec<pg_sys::Datum> =
        scores.iter().map(|score| pg_sys::Datum::from(score.unwrap_or(0) as i16)).collect();
    let mut nulls: Vec<bool> = scores.iter().map(Option::is_none).collect();
    // SAFETY: the elements are two-byte integers, passed by value.
    unsafe { one_dimension(&mut elements, Some(&mut nulls), pg_sys::INT2OID, 2, pg_sys::TYPALIGN_SHORT as c_char) }
}

/// An array of rows in the current memory context.
///
/// # Safety
/// The rows are values of the type.
pub unsafe fn of_rows(rows: &mut [pg_sys::Datum], row_type: &RowType) -> pg_sys::Datum {
    // SAFETY: by the caller's word; composites are of variable length and double alignment.
    unsafe { one_dimension(rows, None, row_type.type_id(), -1, pg_sys::TYPALIGN_DOUBLE as c_char) }
}

/// # Safety
/// The elements are of the type, which has this length and alignment, and is passed by value where it has a length.
unsafe fn one_dimension(
    elements: &mut [pg_sys::Datum],
    nulls: Option<&mut [bool]>,
    element_type: pg_sys::Oid,
    length: i32,
    alignment: c_char,
) -> pg_sys::Datum {
    let (mut dimension, mut lower) = (elements.len() as i32, 1);
    let nulls = nulls.map_or(std::ptr::null_mut(), |nulls| nulls.as_mut_ptr());
    // SAFETY: by the caller's word.
    let array = unsafe {
        pg_sys::construct_md_array(
            elements.as_mut_ptr(),
            nulls,
            1,
            &mut dimension,
            &mut lower,
            element_type,
            length,
            length > 0,
            alignment,
        )
    };
    pg_sys::Datum::from(array)
}
