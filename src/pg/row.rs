//! Rows of any type as arguments (`record`): their columns by name, and the values in them.

use std::ffi::CStr;

use pgrx::{PgMemoryContexts, PgTupleDesc, pg_sys};
use rust_decimal::Decimal;
use strata_core::model::{Type, Value};

use super::call::Call;
use super::{date, numeric, varlena};

/// The row type of an argument, for as long as the call site lives.
pub struct RowShape {
    type_id: pg_sys::Oid,
    type_modifier: i32,
    /// Of this form of the type: ALTER TABLE makes another.
    identifier: u64,
    description: pg_sys::TupleDesc,
}

/// One column of a row type.
pub struct Column {
    pub name: String,
    pub type_id: pg_sys::Oid,
    /// The type below it, where that is a domain.
    pub base: pg_sys::Oid,
    /// Its place among the values of a row.
    pub place: usize,
}

/// The values of one row, with room that is kept from row to row.
#[derive(Default)]
pub struct RowValues {
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

/// A row argument, detoasted.
#[derive(Clone, Copy)]
pub struct Row(pg_sys::HeapTupleHeader);

impl Row {
    /// # Safety
    /// `datum` is a composite value.
    pub unsafe fn new(datum: pg_sys::Datum) -> Row {
        // SAFETY: by the caller's word; a composite is a varlena with a tuple's header.
        Row(unsafe { pg_sys::pg_detoast_datum(datum.cast_mut_ptr()) }.cast())
    }

    fn type_of(self) -> (pg_sys::Oid, i32) {
        // SAFETY: the header of a composite datum tells its type.
        unsafe {
            let datum = (*self.0).t_choice.t_datum;
            (datum.datum_typeid, datum.datum_typmod)
        }
    }
}

impl RowShape {
    /// The row's type, looked up and kept at the call site.
    pub fn of(row: Row, call: &Call<'_>) -> RowShape {
        let (type_id, type_modifier) = row.type_of();
        // SAFETY: the copy is made in the call site's memory, and lives as long as the site.
        let description = unsafe {
            let site = (*(*call.fcinfo()).flinfo).fn_mcxt;
            PgMemoryContexts::For(site).switch_to(|_| pg_sys::lookup_rowtype_tupdesc_copy(type_id, type_modifier))
        };
        RowShape { type_id, type_modifier, identifier: identifier(type_id, type_modifier), description }
    }

    pub fn is_of(&self, row: Row) -> bool {
        row.type_of() == (self.type_id, self.type_modifier)
            // anonymous row types never change
            && (self.type_id == pg_sys::RECORDOID || self.identifier == identifier(self.type_id, self.type_modifier))
    }

    /// All columns that are not dropped.
    pub fn columns(&self) -> Vec<Column> {
        let count = self.count();
        // SAFETY: the description is alive, and is not freed by this view of it.
        let description = unsafe { PgTupleDesc::from_pg_unchecked(self.description) };
        let attributes = (0..count).filter_map(|place| Some((place, description.get(place)?)));
        let present = attributes.filter(|(_, attribute)| !attribute.attisdropped);
        present
            .map(|(place, attribute)| {
                let type_id = attribute.atttypid;
                Column { name: name_of(attribute), type_id, base: base_type(type_id), place }
            })
            .collect()
    }

    fn count(&self) -> usize {
        // SAFETY: the description is alive.
        unsafe { (*self.description).natts as usize }
    }

    /// Takes a row of this shape apart.
    pub fn read(&self, row: Row, into: &mut RowValues) {
        into.values.resize(self.count(), pg_sys::Datum::from(0));
        into.nulls.resize(self.count(), true);
        // SAFETY: the row is of this description, and there is room for every attribute.
        unsafe {
            let mut tuple = pg_sys::HeapTupleData {
                t_len: pgrx::varsize_any(row.0.cast()) as u32,
                t_data: row.0,
                ..Default::default()
            };
            let (values, nulls) = (into.values.as_mut_ptr(), into.nulls.as_mut_ptr());
            pg_sys::heap_deform_tuple(&mut tuple, self.description, values, nulls);
        }
    }
}

/// A column's name, with a replacement for what is not UTF-8 in it: no model names such a column.
pub fn name_of(attribute: &pg_sys::FormData_pg_attribute) -> String {
    // SAFETY: a name ends with a NUL byte.
    unsafe { CStr::from_ptr(attribute.attname.data.as_ptr()).to_string_lossy().into_owned() }
}

/// PostgreSQL's number of the present form of a row type.
fn identifier(type_id: pg_sys::Oid, type_modifier: i32) -> u64 {
    // SAFETY: a look-up in the cache of types; the type is that of a row that is there.
    unsafe { pg_sys::assign_record_type_identifier(type_id, type_modifier) }
}

impl Drop for RowShape {
    fn drop(&mut self) {
        // SAFETY: the copy is this shape's own; whatever keeps the shape drops it before its memory goes.
        unsafe { pg_sys::FreeTupleDesc(self.description) }
    }
}

impl RowValues {
    /// The datum at a place; `None` where it is NULL.
    #[inline]
    pub fn get(&self, place: usize) -> Option<pg_sys::Datum> {
        match self.nulls[place] {
            false => Some(self.values[place]),
            true => None,
        }
    }
}

/// How a column's datums become values of a model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    Integer(Width),
    Numeric,
    Float4,
    Float8,
    Boolean,
    Date,
    Timestamp,
    Text,
    /// `char(n)`: without the spaces that fill it up.
    Padded,
    /// By the type's output function.
    Output(pg_sys::Oid),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Width {
    Two,
    Four,
    Eight,
}

impl Conversion {
    /// From a column's base type to a type of the model's; `None` where there is no way, or one that depends on settings
    /// of the session.
    pub fn between(base: pg_sys::Oid, wanted: Type) -> Option<Conversion> {
        match (base, wanted) {
            (pg_sys::INT2OID, Type::Number) => Some(Conversion::Integer(Width::Two)),
            (pg_sys::INT4OID, Type::Number) => Some(Conversion::Integer(Width::Four)),
            (pg_sys::INT8OID, Type::Number) => Some(Conversion::Integer(Width::Eight)),
            (pg_sys::NUMERICOID, Type::Number) => Some(Conversion::Numeric),
            (pg_sys::FLOAT4OID, Type::Number) => Some(Conversion::Float4),
            (pg_sys::FLOAT8OID, Type::Number) => Some(Conversion::Float8),
            (pg_sys::BOOLOID, Type::Boolean) => Some(Conversion::Boolean),
            (pg_sys::DATEOID, Type::Date) => Some(Conversion::Date),
            (pg_sys::TIMESTAMPOID, Type::Date) => Some(Conversion::Timestamp),
            (pg_sys::TEXTOID | pg_sys::VARCHAROID, Type::Text) => Some(Conversion::Text),
            (pg_sys::BPCHAROID, Type::Text) => Some(Conversion::Padded),
            (_, Type::Text) if has_one_text(base) => {
                let (mut output, mut is_varlena) = (pg_sys::InvalidOid, false);
                // SAFETY: every type of a column has an output function.
                unsafe { pg_sys::getTypeOutputInfo(base, &mut output, &mut is_varlena) };
                Some(Conversion::Output(output))
            }
            _ => None,
        }
    }

    /// The value in a datum of the column's type. Numbers that are none (NaN, infinities) or do not fit are NULL, and so are
    /// texts that are not UTF-8.
    ///
    /// # Safety
    /// The datum is of the type that the conversion was made for; a text lives as long as it, or as the current memory
    /// context.
    pub unsafe fn value<'a>(self, datum: pg_sys::Datum) -> Value<'a> {
        let number = |number: Option<Decimal>| number.map_or(Value::Null, Value::Number);
        // SAFETY: by the caller's word.
        unsafe {
            match self {
                Conversion::Integer(Width::Two) => Value::Number((datum.value() as i16).into()),
                Conversion::Integer(Width::Four) => Value::Number((datum.value() as i32).into()),
                Conversion::Integer(Width::Eight) => Value::Number((datum.value() as i64).into()),
                Conversion::Numeric => number(numeric::decimal_or_none(datum)),
                Conversion::Float4 => number(shortest(f32::from_bits(datum.value() as u32))),
                Conversion::Float8 => number(shortest(f64::from_bits(datum.value() as u64))),
                Conversion::Boolean => Value::Boolean(datum.value() & 0xff != 0),
                Conversion::Date => Value::Date(datum.value() as i32),
                Conversion::Timestamp => match datum.value() as i64 {
                    i64::MIN => Value::Date(i32::MIN),
                    i64::MAX => Value::Date(i32::MAX),
                    at => date::day_of_timestamp(at).map_or(Value::Null, |day| Value::Date(day.number())),
                },
                Conversion::Text => varlena::text_of_row(datum).map_or(Value::Null, Value::Text),
                Conversion::Padded => {
                    varlena::text_of_row(datum).map_or(Value::Null, |text| Value::Text(text.trim_end_matches(' ')))
                }
                Conversion::Output(function) => {
                    let text: &CStr = CStr::from_ptr(pg_sys::OidOutputFunctionCall(function, datum));
                    text.to_str().map_or(Value::Null, Value::Text)
                }
            }
        }
    }
}

/// Whether values of a type have one text, whatever the settings of a session: strings, enums, whole and exact numbers,
/// UUIDs, JSON, constants without a type, and arrays of these.
fn has_one_text(base: pg_sys::Oid) -> bool {
    const STRINGS: u8 = b'S';
    const ENUMS: u8 = b'E';
    const OTHERS: [pg_sys::Oid; 8] = [
        pg_sys::INT2OID,
        pg_sys::INT4OID,
        pg_sys::INT8OID,
        pg_sys::NUMERICOID,
        pg_sys::UUIDOID,
        pg_sys::JSONOID,
        pg_sys::JSONBOID,
        pg_sys::UNKNOWNOID,
    ];
    let (mut category, mut preferred) = (0, false);
    // SAFETY: catalog look-ups by the oid of a column's type.
    let element = unsafe {
        pg_sys::get_type_category_preferred(base, &mut category, &mut preferred);
        pg_sys::get_element_type(base)
    };
    match element {
        pg_sys::InvalidOid => matches!(category as u8, STRINGS | ENUMS) || OTHERS.contains(&base),
        element => has_one_text(base_type(element)),
    }
}

/// The type below a domain.
fn base_type(type_id: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a catalog look-up by the oid of a column's type.
    unsafe { pg_sys::getBaseType(type_id) }
}

/// A double as its shortest decimal form reads.
fn shortest(value: impl std::fmt::Display + Into<f64> + Copy) -> Option<Decimal> {
    let finite: f64 = value.into();
    if !finite.is_finite() {
        return None;
    }
    let text = value.to_string();
    text.parse::<Decimal>().ok()
}
