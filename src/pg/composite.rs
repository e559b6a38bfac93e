//! Rows as values: `strata.rfm_scores`, and what functions are declared to return.

use pgrx::callconv::{Arg, ArgAbi};
use pgrx::{FromDatum, pg_sys};

use super::call::Call;

/// The three attributes of an argument; `None` where any of them is NULL.
pub struct ScoresIn(pub Option<[i16; 3]>);

impl FromDatum for ScoresIn {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: SQL declares the argument as rfm_scores, a composite of three smallints.
        (!is_null).then(|| unsafe {
            let row: pg_sys::HeapTupleHeader = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast();
            let attribute = |number: pg_sys::AttrNumber| {
                let mut is_null = false;
                let value = pg_sys::GetAttributeByNum(row, number, &mut is_null);
                (!is_null).then_some(value.value() as i16)
            };
            ScoresIn(attribute(1).and_then(|r| Some([r, attribute(2)?, attribute(3)?])))
        })
    }
}

// SAFETY: the default of `unbox_nullable_arg` keeps NULLs away from here.
unsafe impl<'fcx> ArgAbi<'fcx> for ScoresIn {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_else(|| unreachable!("a NULL is taken as an Option"))
    }
}

pgrx::impl_sql_translatable!(ScoresIn, "rfm_scores");

/// The row type that a function is declared to return; kept at the call site.
pub struct RowType(pg_sys::TupleDesc);

impl RowType {
    pub fn returned_by(call: Call<'_>) -> RowType {
        let mut described: pg_sys::TupleDesc = std::ptr::null_mut();
        // SAFETY: fcinfo belongs to the call; the description is copied to where the call site's things live.
        unsafe {
            let fcinfo = call.fcinfo();
            pg_sys::get_call_result_type(fcinfo, std::ptr::null_mut(), &mut described);
            let before = pg_sys::MemoryContextSwitchTo((*(*fcinfo).flinfo).fn_mcxt);
            let kept = pg_sys::BlessTupleDesc(pg_sys::CreateTupleDescCopy(described));
            pg_sys::MemoryContextSwitchTo(before);
            RowType(kept)
        }
    }

    /// The type of the elements of the array that a function is declared to return.
    pub fn elements_returned_by(call: Call<'_>) -> RowType {
        // SAFETY: as above. SQL declares an array of a composite type.
        unsafe {
            let flinfo = (*call.fcinfo()).flinfo;
            let element = pg_sys::get_element_type(pg_sys::get_func_rettype((*flinfo).fn_oid));
            let before = pg_sys::MemoryContextSwitchTo((*flinfo).fn_mcxt);
            let kept = pg_sys::lookup_rowtype_tupdesc_copy(element, -1);
            pg_sys::MemoryContextSwitchTo(before);
            RowType(kept)
        }
    }

    /// The type itself.
    pub fn type_id(&self) -> pg_sys::Oid {
        // SAFETY: the description is alive.
        unsafe { (*self.0).tdtypeid }
    }

    /// A value of that type from as many attributes as it has; `None` is NULL.
    pub fn value<const N: usize>(&self, attributes: [Option<pg_sys::Datum>; N]) -> pg_sys::Datum {
        let mut nulls = attributes.map(|attribute| attribute.is_none());
        let mut attributes = attributes.map(|attribute| attribute.unwrap_or(pg_sys::Datum::from(0)));
        // SAFETY: the description is alive, and the type is declared with N attributes.
        unsafe {
            assert_eq!((*self.0).natts as usize, N);
            let row = pg_sys::heap_form_tuple(self.0, attributes.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::HeapTupleHeaderGetDatum((*row).t_data)
        }
    }
}
