//! Expressions that users give for one row of a relation: `strata.row_expression`.

use pgrx::prelude::*;

use crate::pg::array;
use crate::pg::call::Call;
use crate::pg::expression;
use crate::pg::rows::Rows;
use crate::pg::varlena;

/// `row_expression(relation, expression, what)`: the expression as it is safe to put into a query, its type and its columns.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn row_expression(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/row_expression.sql declares, without NULLs.
    unsafe {
        let call = Call::new(fcinfo);
        let (Some(relation), Some(text), Some(what)) =
            (call.arg(0), varlena::text(call.arg(1)), varlena::text(call.arg(2)))
        else {
            return call.null();
        };
        let mut rows = Rows::of(call);
        let found = expression::of_row(pg_sys::Oid::from(relation.value() as u32), text, what);
        let columns: Vec<&str> = found.columns.iter().map(String::as_str).collect();
        rows.put(|| {
            [
                Some(varlena::datum_of(found.canonical.as_bytes())),
                Some(pg_sys::Datum::from(found.type_id)),
                Some(array::of_texts(&columns)),
            ]
        });
        rows.answer(call)
    }
}

crate::pg::declare!(pg_finfo_row_expression);
