//! Expressions for one row of a relation, given as text: parsed and analysed by PostgreSQL, and held to what it asks of
//! an index expression. Nothing is run but what constant folding runs.

use std::ffi::{CStr, CString, c_char};
use std::panic::AssertUnwindSafe;
use std::ptr;

use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};

use super::query::{only_member, type_name};
use super::settings::pinned;
use super::spi::sqlstate;
use crate::error::raise;

/// An expression that may be put into a query of its relation.
pub struct RowExpression {
    /// Its text with every name qualified but those of the columns, which stand by themselves.
    pub canonical: String,
    pub type_id: pg_sys::Oid,
    /// The columns in it, in the order of the relation.
    pub columns: Vec<String>,
}

/// Why a text is no such expression.
struct Refusal {
    code: PgSqlErrorCode,
    reason: String,
    hint: String,
}

const EXAMPLE: &str = "Write one expression of the row's columns, such as price * quantity.";

impl Refusal {
    fn new(code: PgSqlErrorCode, reason: impl Into<String>) -> Refusal {
        Refusal { code, reason: reason.into(), hint: EXAMPLE.to_owned() }
    }

    fn not_one() -> Refusal {
        Refusal::new(
            PgSqlErrorCode::ERRCODE_SYNTAX_ERROR,
            "it must be one expression, without FROM, WHERE, ORDER BY, a name or anything else",
        )
    }

    fn unsupported(reason: &str) -> Refusal {
        Refusal::new(PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED, reason)
    }

    fn unfit(reason: impl Into<String>) -> Refusal {
        Refusal::new(PgSqlErrorCode::ERRCODE_INVALID_OBJECT_DEFINITION, reason)
    }

    fn with_hint(self, hint: &str) -> Refusal {
        Refusal { hint: hint.to_owned(), ..self }
    }
}

/// An analysed and planned expression, for [`super::problem`] to run.
pub(super) struct Runnable {
    /// In the memory context that was current.
    pub node: *mut pg_sys::Expr,
    pub type_id: pg_sys::Oid,
    /// The columns in it, in the order of the relation.
    pub columns: Vec<String>,
}

/// Looks at an expression for a row of a table or view that the caller may read; raises where it is none. `what` names it
/// in messages.
pub fn of_row(relation: pg_sys::Oid, text: &str, what: &str) -> RowExpression {
    looked_at(relation, text, what, |expression, columns| {
        // SAFETY: the expression was analysed with the relation as its only one.
        unsafe {
            check_result(expression)?;
            Ok(RowExpression {
                canonical: print(relation, expression)?,
                type_id: pg_sys::exprType(expression),
                columns,
            })
        }
    })
}

/// An expression for a row, ready to be run.
pub(super) fn runnable(relation: pg_sys::Oid, text: &str, what: &str) -> Runnable {
    looked_at(relation, text, what, |expression, columns| {
        // SAFETY: the expression was analysed; planning may change it.
        unsafe {
            let type_id = pg_sys::exprType(expression);
            Ok(Runnable { node: pg_sys::expression_planner(expression.cast()), type_id, columns })
        }
    })
}

/// What `make` makes of the analysed expression and its columns.
fn looked_at<T>(
    relation: pg_sys::Oid,
    text: &str,
    what: &str,
    make: impl FnOnce(*mut pg_sys::Node, Vec<String>) -> Result<T, Refusal>,
) -> T {
    check_relation(relation);
    let Ok(source) = CString::new(text) else { unreachable!("PostgreSQL's texts have no NUL byte") };
    let mut make = Some(make);
    let looked = PgTryBuilder::new(AssertUnwindSafe(|| {
        let make = make.take().unwrap_or_else(|| unreachable!("run once"));
        // SAFETY: the relation is there, and may be read.
        unsafe { look(relation, &source, make) }
    }))
    .catch_others(refused)
    .execute();
    looked.unwrap_or_else(|Refusal { code, reason, hint }| {
        raise(code, format!("{what} \"{text}\": {reason}"), Some(hint))
    })
}

/// What PostgreSQL's parser, analysis or constant folding had against the text; other errors (a cancelled query, no memory)
/// are raised again. Whoever gets the refusal raises it, so nothing goes on after an error.
fn refused<T>(error: CaughtError) -> Result<T, Refusal> {
    const OF_THE_TEXT: [&str; 4] = ["0A", "22", "42", "54"];
    match error {
        CaughtError::PostgresError(report) if OF_THE_TEXT.contains(&&sqlstate(report.sql_error_code())[..2]) => {
            let hint = report.hint().unwrap_or(EXAMPLE).to_owned();
            Err(Refusal { code: report.sql_error_code(), reason: report.message().to_owned(), hint })
        }
        other => other.rethrow(),
    }
}

/// A relation with rows that the caller may read.
fn check_relation(relation: pg_sys::Oid) {
    const WITH_ROWS: [u8; 5] = [
        pg_sys::RELKIND_RELATION,
        pg_sys::RELKIND_PARTITIONED_TABLE,
        pg_sys::RELKIND_VIEW,
        pg_sys::RELKIND_MATVIEW,
        pg_sys::RELKIND_FOREIGN_TABLE,
    ];
    let Some(name) = relation_name(relation) else {
        let message = format!("there is no relation with oid {}", relation.to_u32());
        raise(PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE, message, None);
    };
    // SAFETY: catalog look-ups.
    let (kind, may_read) = unsafe {
        let granted = pg_sys::pg_class_aclcheck(relation, pg_sys::GetUserId(), pg_sys::ACL_SELECT as pg_sys::AclMode);
        (pg_sys::get_rel_relkind(relation) as u8, granted == pg_sys::AclResult::ACLCHECK_OK)
    };
    if !WITH_ROWS.contains(&kind) {
        raise(
            PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            format!("\"{name}\" is not a table or view"),
            Some("For example 'public.orders'.".to_owned()),
        );
    }
    if !may_read {
        raise(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!("permission denied for relation \"{name}\""),
            Some(format!("An expression of its rows needs the right to read them: GRANT SELECT ON {name} TO …")),
        );
    }
}

fn relation_name(relation: pg_sys::Oid) -> Option<String> {
    // SAFETY: a catalog look-up; NULL where there is no such relation.
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// # Safety
/// The relation is there, and is one with rows. Errors of PostgreSQL unwind; the transaction then gives back the lock.
unsafe fn look<T>(
    relation: pg_sys::Oid,
    text: &CStr,
    make: impl FnOnce(*mut pg_sys::Node, Vec<String>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let lock = pg_sys::AccessShareLock as i32;
    // SAFETY: by the caller's word. All nodes live in the current memory context.
    unsafe {
        let parsed = parse(text)?;
        let opened = pg_sys::relation_open(relation, lock);
        let found =
            analyse(opened, text, parsed).and_then(|expression| make(expression, columns(relation, expression)?));
        pg_sys::relation_close(opened, pg_sys::NoLock as i32);
        found
    }
}

/// The one expression that the text is.
///
/// # Safety
/// The nodes live in the current memory context.
unsafe fn parse(text: &CStr) -> Result<*mut pg_sys::Node, Refusal> {
    // SAFETY: the grammar of this mode makes a list of one statement, a SELECT of what was written; the fields of its
    // nodes are of the types that the grammar gives them.
    unsafe {
        let statements = pg_sys::raw_parser(text.as_ptr(), pg_sys::RawParseMode::RAW_PARSE_PLPGSQL_EXPR);
        let Some(statement) = only_member::<pg_sys::RawStmt>(statements) else { return Err(Refusal::not_one()) };
        if !pgrx::is_a(statement.stmt, pg_sys::NodeTag::T_SelectStmt) {
            return Err(Refusal::not_one());
        }
        let select = &*statement.stmt.cast::<pg_sys::SelectStmt>();
        let lists = [
            select.distinctClause,
            select.fromClause,
            select.groupClause,
            select.windowClause,
            select.valuesLists,
            select.sortClause,
            select.lockingClause,
        ];
        let nodes = [select.whereClause, select.havingClause, select.limitOffset, select.limitCount];
        let alone = lists.iter().all(|list| list.is_null())
            && nodes.iter().all(|node| node.is_null())
            && select.intoClause.is_null()
            && select.withClause.is_null()
            && select.op == pg_sys::SetOperation::SETOP_NONE;
        match only_member::<pg_sys::ResTarget>(select.targetList) {
            Some(target) if alone && target.name.is_null() && target.indirection.is_null() => {
                match is_star(target.val) {
                    true => Err(whole_row()),
                    false => Ok(target.val),
                }
            }
            _ => Err(Refusal::not_one()),
        }
    }
}

/// `*` or `orders.*`.
///
/// # Safety
/// A node of the raw parse tree.
unsafe fn is_star(node: *mut pg_sys::Node) -> bool {
    // SAFETY: by the caller's word; the fields of a column's name are a list of nodes, and never empty.
    unsafe {
        if !pgrx::is_a(node, pg_sys::NodeTag::T_ColumnRef) {
            return false;
        }
        let fields = (*node.cast::<pg_sys::ColumnRef>()).fields;
        let last = (*(*fields).elements.add((*fields).length as usize - 1)).ptr_value;
        pgrx::is_a(last.cast(), pg_sys::NodeTag::T_A_Star)
    }
}

/// The expression with its names resolved, of columns and immutable functions only.
///
/// # Safety
/// The relation is open; the parse tree is one of [`parse`].
unsafe fn analyse(
    relation: pg_sys::Relation,
    text: &CStr,
    parsed: *mut pg_sys::Node,
) -> Result<*mut pg_sys::Node, Refusal> {
    // SAFETY: by the caller's word. The relation is the only one that names are looked up in.
    unsafe {
        let state = pg_sys::make_parsestate(ptr::null_mut());
        (*state).p_sourcetext = text.as_ptr();
        let lock = pg_sys::AccessShareLock as i32;
        let item = pg_sys::addRangeTableEntryForRelation(state, relation, lock, ptr::null_mut(), false, true);
        pg_sys::addNSItemToQuery(state, item, true, true, true);
        let mut expression = pg_sys::transformExpr(state, parsed, pg_sys::ParseExprKind::EXPR_KIND_SELECT_TARGET);
        if pg_sys::exprType(expression) == pg_sys::UNKNOWNOID {
            expression = pg_sys::coerce_type(
                state,
                expression,
                pg_sys::UNKNOWNOID,
                pg_sys::TEXTOID,
                -1,
                pg_sys::CoercionContext::COERCION_IMPLICIT,
                pg_sys::CoercionForm::COERCE_IMPLICIT_CAST,
                -1,
            );
        }
        pg_sys::assign_expr_collations(state, expression);
        let found = pg_sys::ParseState { ..*state };
        pg_sys::free_parsestate(state);
        if found.p_hasSubLinks {
            return Err(Refusal::unsupported("a subquery is not allowed, only what the row itself holds"));
        }
        if found.p_hasAggs {
            return Err(Refusal::unsupported("an aggregate is not allowed: each row is looked at by itself"));
        }
        if found.p_hasWindowFuncs {
            return Err(Refusal::unsupported("a window function is not allowed: each row is looked at by itself"));
        }
        if found.p_hasTargetSRFs {
            return Err(Refusal::unsupported("a function that returns a set is not allowed: a row has one value"));
        }
        Ok(expression)
    }
}

/// The names of the columns in an expression.
///
/// # Safety
/// The expression was analysed with the relation as its only one.
unsafe fn columns(relation: pg_sys::Oid, expression: *mut pg_sys::Node) -> Result<Vec<String>, Refusal> {
    /// Where the analysis put the only relation.
    const ONLY_RELATION: pg_sys::Index = 1;
    let mut columns = Vec::new();
    // SAFETY: by the caller's word.
    unsafe {
        let mut numbers: *mut pg_sys::Bitmapset = ptr::null_mut();
        pg_sys::pull_varattnos(expression, ONLY_RELATION, &mut numbers);
        let mut member = -1;
        loop {
            member = pg_sys::bms_next_member(numbers, member);
            if member < 0 {
                return Ok(columns);
            }
            let number = member + pg_sys::FirstLowInvalidHeapAttributeNumber;
            if number == 0 {
                return Err(whole_row());
            }
            let name = pg_sys::get_attname(relation, number as pg_sys::AttrNumber, false);
            let name = CStr::from_ptr(name).to_string_lossy().into_owned();
            if number < 0 {
                return Err(Refusal::unsupported(&format!("the system column \"{name}\" is not allowed")));
            }
            columns.push(name);
        }
    }
}

fn whole_row() -> Refusal {
    Refusal::unsupported("the whole row is not a value; name its columns")
}

/// The value is of a type that a column can have, and the same for ever.
///
/// # Safety
/// The expression was analysed.
unsafe fn check_result(expression: *mut pg_sys::Node) -> Result<(), Refusal> {
    // SAFETY: by the caller's word. Planning works on a copy.
    unsafe {
        let type_id = pg_sys::exprType(expression);
        if pg_sys::get_typtype(type_id) as u8 == pg_sys::TYPTYPE_PSEUDO {
            return Err(Refusal::unfit(format!("its type {} is none that a column can have", type_name(type_id))));
        }
        let copy: *mut pg_sys::Expr = pg_sys::copyObjectImpl(expression.cast()).cast();
        let planned = pg_sys::expression_planner(copy);
        if pg_sys::contain_mutable_functions(planned.cast()) {
            let refusal =
                Refusal::unfit("it must be immutable: always the same value for the same row, whoever asks and when");
            return Err(refusal.with_hint(
                "now() and random() are not, nor is what depends on the session: give a timestamptz its zone, as in \
                 (ordered_at AT TIME ZONE 'Asia/Shanghai')::date.",
            ));
        }
        Ok(())
    }
}

/// The text of an analysed expression, for any search path and the settings that are pinned where it is read; refused where it
/// is not UTF-8, as an escape can make it in a database without an encoding. Casts that PostgreSQL put in stand in it: no
/// function that somebody adds later fits its arguments better than the one that was meant.
///
/// # Safety
/// The expression was analysed with the relation as its only one.
unsafe fn print(relation: pg_sys::Oid, expression: *mut pg_sys::Node) -> Result<String, Refusal> {
    const UNPREFIXED: bool = false;
    const WITH_IMPLICIT_CASTS: bool = true;
    // SAFETY: by the caller's word.
    pinned(|| unsafe {
        let name: *const c_char = pg_sys::get_rel_name(relation);
        let context = pg_sys::deparse_context_for(name, relation);
        let text = pg_sys::deparse_expression(expression, context, UNPREFIXED, WITH_IMPLICIT_CASTS);
        match CStr::from_ptr(text).to_str() {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(Refusal::unfit("it holds bytes that are not UTF-8")),
        }
    })
}
