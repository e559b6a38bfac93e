//! Expressions evaluated row by row, where an error is an answer about the row and not the end of the statement.

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::pg_sys::panic::ErrorReportWithLevel;
use pgrx::{PgSqlErrorCode, pg_sys};

use super::call::Call;
use super::expression;
use super::row::{Row, RowShape, RowValues};
use super::spi::{Refused, in_subtransaction, sqlstate};
use crate::error::raise;

/// Expressions of one relation's columns, ready to be run on rows, for as long as the call site lives.
pub struct Evaluator {
    relation: pg_sys::Oid,
    expressions: Vec<Expression>,
    /// A row of the relation, with the columns that are asked for.
    slot: *mut pg_sys::TupleTableSlot,
    shape: Option<Shape>,
    values: RowValues,
    /// What running needs, all in one memory context: made anew after an error, which can leave it half-way.
    running: pg_sys::MemoryContext,
    econtext: *mut pg_sys::ExprContext,
    /// Whether any of the expressions can fail.
    can_fail: bool,
    columns: Vec<String>,
}

struct Expression {
    node: *mut pg_sys::Expr,
    type_id: pg_sys::Oid,
    can_fail: bool,
    state: *mut pg_sys::ExprState,
}

/// The type of the rows that come, and where the columns of the relation stand in it.
struct Shape {
    shape: RowShape,
    /// (place in the row, place in the relation)
    places: Vec<(usize, usize)>,
}

/// The values of the expressions; `None` is NULL. They live until the next row.
pub type Values<const N: usize> = [Option<pg_sys::Datum>; N];

impl Evaluator {
    /// Of texts with their names for messages; the name of the expression's type stands at the same place.
    pub fn of(call: &Call<'_>, relation: pg_sys::Oid, texts: &[(&str, &str)]) -> Evaluator {
        // SAFETY: everything is made in the memory of the call site, and lives as long as it.
        unsafe {
            let site = (*(*call.fcinfo()).flinfo).fn_mcxt;
            let before = pg_sys::MemoryContextSwitchTo(site);
            let mut columns: Vec<String> = Vec::new();
            let mut expressions = Vec::with_capacity(texts.len());
            for (what, text) in texts {
                let runnable = expression::runnable(relation, text, what);
                columns.extend(runnable.columns);
                let can_fail = can_fail(runnable.node);
                let type_id = pg_sys::getBaseType(runnable.type_id);
                let state = std::ptr::null_mut();
                expressions.push(Expression { node: runnable.node, type_id, can_fail, state });
            }
            columns.sort_unstable();
            columns.dedup();
            let opened = pg_sys::relation_open(relation, pg_sys::AccessShareLock as i32);
            let description = pg_sys::CreateTupleDescCopy((*opened).rd_att);
            pg_sys::relation_close(opened, pg_sys::NoLock as i32);
            let slot = pg_sys::MakeSingleTupleTableSlot(description, &raw const pg_sys::TTSOpsVirtual);
            (*slot).tts_isnull.write_bytes(1, (*description).natts as usize);
            pg_sys::ExecStoreVirtualTuple(slot);
            let running = pg_sys::AllocSetContextCreateExtended(
                site,
                c"strata expressions".as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            );
            pg_sys::MemoryContextSwitchTo(before);
            let can_fail = expressions.iter().any(|expression| expression.can_fail);
            let mut evaluator = Evaluator {
                relation,
                expressions,
                slot,
                shape: None,
                values: RowValues::default(),
                running,
                econtext: std::ptr::null_mut(),
                can_fail,
                columns,
            };
            evaluator.prepare();
            evaluator
        }
    }

    /// The type of an expression, without a domain.
    pub fn type_of(&self, expression: usize) -> pg_sys::Oid {
        self.expressions[expression].type_id
    }

    fn prepare(&mut self) {
        // SAFETY: the expressions are planned; what was made before goes with its context.
        unsafe {
            pg_sys::MemoryContextReset(self.running);
            let before = pg_sys::MemoryContextSwitchTo(self.running);
            self.econtext = pg_sys::CreateStandaloneExprContext();
            (*self.econtext).ecxt_scantuple = self.slot;
            for expression in &mut self.expressions {
                expression.state = pg_sys::ExecInitExpr(expression.node, std::ptr::null_mut());
            }
            pg_sys::MemoryContextSwitchTo(before);
        }
    }

    /// What the first N expressions say of a row, one after the other for as long as `goes_on` says so (the rest is
    /// NULL); or the error that one of them ends in.
    pub fn values<const N: usize>(
        &mut self,
        call: &Call<'_>,
        row: Row,
        goes_on: impl Fn(usize, Option<pg_sys::Datum>) -> bool,
    ) -> Result<Values<N>, String> {
        self.load(call, row);
        // SAFETY: what the last row left is no longer wanted.
        unsafe { pg_sys::MemoryContextReset((*self.econtext).ecxt_per_tuple_memory) };
        if !self.can_fail {
            return Ok(self.run(&goes_on));
        }
        let answer = caught(|| self.run(&goes_on));
        if answer.is_err() {
            self.prepare();
        }
        answer
    }

    fn run<const N: usize>(&self, goes_on: &impl Fn(usize, Option<pg_sys::Datum>) -> bool) -> Values<N> {
        let mut values = [None; N];
        for (place, value) in values.iter_mut().enumerate() {
            let expression = &self.expressions[place];
            let (state, econtext) = (expression.state, self.econtext);
            let mut is_null = false;
            // SAFETY: the state was made for this context, whose slot holds a row. The results go to the memory that is
            // emptied with the next row. Errors leave through the guard.
            let datum = unsafe {
                let Some(evaluate) = (*state).evalfunc else { unreachable!("made by ExecInitExpr") };
                let before = pg_sys::MemoryContextSwitchTo((*econtext).ecxt_per_tuple_memory);
                let datum = pg_guard_ffi_boundary(|| evaluate(state, econtext, &mut is_null));
                pg_sys::MemoryContextSwitchTo(before);
                datum
            };
            *value = (!is_null).then_some(datum);
            if !goes_on(place, *value) {
                break;
            }
        }
        values
    }

    /// Puts a row's columns where the expressions look for them.
    fn load(&mut self, call: &Call<'_>, row: Row) {
        if !self.shape.as_ref().is_some_and(|shape| shape.shape.is_of(row)) {
            self.shape = Some(self.shape_of(call, row));
        }
        let Some(Shape { shape, places }) = &self.shape else { unreachable!("set above") };
        shape.read(row, &mut self.values);
        for &(from, to) in places {
            let value = self.values.get(from);
            // SAFETY: the slot has room for all columns of the relation.
            unsafe {
                *(*self.slot).tts_values.add(to) = value.unwrap_or(pg_sys::Datum::from(0));
                *(*self.slot).tts_isnull.add(to) = value.is_none();
            }
        }
    }

    fn shape_of(&self, call: &Call<'_>, row: Row) -> Shape {
        let shape = RowShape::of(row, call);
        let there = shape.columns();
        // SAFETY: the description is alive, and is not freed by this view of it.
        let wanted = unsafe { pgrx::PgTupleDesc::from_pg_unchecked((*self.slot).tts_tupleDescriptor) };
        let attributes = (0..wanted.len()).filter_map(|place| Some((place, wanted.get(place)?)));
        let used = attributes.filter(|(_, attribute)| {
            !attribute.attisdropped && self.columns.iter().any(|name| name == attribute.name())
        });
        let places = used.map(|(to, attribute)| {
            // SAFETY: a catalog look-up by the type of a column.
            let base = unsafe { pg_sys::getBaseType(attribute.atttypid) };
            match there.iter().find(|column| column.name == attribute.name() && column.base == base) {
                Some(column) => (column.place, to),
                None => raise(
                    PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                    format!(
                        "the row has no column \"{}\" of type {}",
                        attribute.name(),
                        super::query::type_name(attribute.atttypid)
                    ),
                    Some("Pass rows of the relation itself, as in: SELECT … (o, …) FROM orders AS o.".to_owned()),
                ),
            }
        });
        let places = places.collect();
        Shape { shape, places }
    }

    pub fn is_of(&self, relation: pg_sys::Oid) -> bool {
        self.relation == relation
    }
}

/// Whether running an expression can raise an error: all but columns and constants can.
///
/// # Safety
/// A planned expression.
unsafe fn can_fail(node: *mut pg_sys::Expr) -> bool {
    // SAFETY: by the caller's word; a relabelling has an expression below it.
    unsafe {
        match (*node.cast::<pg_sys::Node>()).type_ {
            pg_sys::NodeTag::T_Var | pg_sys::NodeTag::T_Const => false,
            pg_sys::NodeTag::T_RelabelType => can_fail((*node.cast::<pg_sys::RelabelType>()).arg),
            _ => true,
        }
    }
}

/// Runs something that may end in an error about its input: then its message. What is wrong with the server or with the
/// transaction, or was asked for by somebody (no memory, a cancelled query, a lock that was not to be had), is raised again.
fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    in_subtransaction(|| Ok(run()), is_about_input).map_err(|Refused(message)| message)
}

fn is_about_input(report: &ErrorReportWithLevel) -> bool {
    /// Transaction rollback, resources, prerequisite state, operator intervention, system errors; data corrupted.
    const NOT_THE_ROWS: [&str; 5] = ["40", "53", "55", "57", "58"];
    const DAMAGED: [&str; 2] = ["XX001", "XX002"];
    let state = sqlstate(report.sql_error_code());
    !NOT_THE_ROWS.contains(&&state[..2]) && !DAMAGED.contains(&state.as_str())
}
