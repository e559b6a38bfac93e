//! A call of one of our functions: its arguments, and what its call site keeps.

use pgrx::callconv::FcInfo;
use pgrx::{PgMemoryContexts, PgSqlErrorCode, pg_sys};

use crate::error::raise;

/// A running call.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    fcinfo: pg_sys::FunctionCallInfo,
    args: &'a [pg_sys::NullableDatum],
}

impl<'a> Call<'a> {
    /// # Safety
    /// `fcinfo` is the one that PostgreSQL passed to the function that is running.
    #[inline]
    pub unsafe fn new(fcinfo: pg_sys::FunctionCallInfo) -> Call<'a> {
        // SAFETY: a valid call, with nargs arguments behind it.
        unsafe { Call { fcinfo, args: (*fcinfo).args.as_slice((*fcinfo).nargs as usize) } }
    }

    /// A call by an aggregate: only there may argument 0 be changed in place. Raises elsewhere.
    ///
    /// # Safety
    /// As for [`Call::new`].
    #[inline]
    pub unsafe fn of_aggregate(fcinfo: pg_sys::FunctionCallInfo) -> Call<'a> {
        // SAFETY: the context of a call is NULL or a node. The same test as AggCheckCallContext, without a foreign call.
        let aggregate = unsafe {
            let context = (*fcinfo).context;
            !context.is_null()
                && matches!((*context).type_, pg_sys::NodeTag::T_AggState | pg_sys::NodeTag::T_WindowAggState)
        };
        if !aggregate {
            raise(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                "aggregate support function called outside of an aggregate",
                Some("Call the aggregate itself, such as strata.ledger_agg(ordered_at, amount).".to_owned()),
            );
        }
        // SAFETY: by the caller's word.
        unsafe { Call::new(fcinfo) }
    }

    /// PostgreSQL's own structure.
    pub fn fcinfo(&self) -> pg_sys::FunctionCallInfo {
        self.fcinfo
    }

    /// The number of arguments, a state included.
    pub fn arity(&self) -> usize {
        self.args.len()
    }

    /// Argument `index`; `None` where it is NULL, or there is none.
    #[inline]
    pub fn arg(&self, index: usize) -> Option<pg_sys::Datum> {
        match self.args.get(index) {
            Some(arg) if !arg.isnull => Some(arg.value),
            _ => None,
        }
    }

    /// The type of argument `index` at this call site.
    pub fn type_of(&self, index: usize) -> pg_sys::Oid {
        // SAFETY: flinfo belongs to this call.
        unsafe { pg_sys::get_fn_expr_argtype((*self.fcinfo).flinfo, index as i32) }
    }

    /// Whether argument `index` is a constant of the statement: it never changes at this call site.
    ///
    /// (PostgreSQL's own get_fn_expr_arg_stable also counts parameters, whose values change from one run of a plan to the
    /// next while fn_extra stays.)
    pub fn is_constant(&self, index: usize) -> bool {
        // SAFETY: fn_expr is NULL or the node of the call; of a FuncExpr, args is the list of its arguments.
        unsafe {
            let node = (*(*self.fcinfo).flinfo).fn_expr;
            if node.is_null() || (*node).type_ != pg_sys::NodeTag::T_FuncExpr {
                return false;
            }
            let arguments = (*node.cast::<pg_sys::FuncExpr>()).args;
            if arguments.is_null() || index >= (*arguments).length as usize {
                return false;
            }
            let argument = (*(*arguments).elements.add(index)).ptr_value.cast::<pg_sys::Node>();
            (*argument).type_ == pg_sys::NodeTag::T_Const
        }
    }

    /// What this call site keeps for as long as the statement's plan runs, made at its first call. A function asks for
    /// one type only. Some engines forget it between calls, so it must be no more than a cache.
    #[inline]
    pub fn kept<T: 'static>(&self, make: impl FnOnce() -> T) -> &'a mut T {
        // SAFETY: fn_extra is this function's own; what it points to lives as long as fn_mcxt and is of type T. Calls of
        // one site do not overlap.
        unsafe {
            let flinfo = (*self.fcinfo).flinfo;
            if (*flinfo).fn_extra.is_null() {
                let kept = make();
                (*flinfo).fn_extra = PgMemoryContexts::For((*flinfo).fn_mcxt).leak_and_drop_on_delete(kept).cast();
            }
            &mut *(*flinfo).fn_extra.cast::<T>()
        }
    }

    /// A value that lives as long as the aggregate's group, and is dropped with it. For states that SQL calls `internal`.
    pub fn aggregate_state<T: 'static>(&self, state: T) -> *mut T {
        let mut context: pg_sys::MemoryContext = std::ptr::null_mut();
        // SAFETY: fcinfo belongs to this call, which an aggregate makes.
        unsafe {
            pg_sys::AggCheckCallContext(self.fcinfo, &mut context);
            PgMemoryContexts::For(context).leak_and_drop_on_delete(state)
        }
    }

    /// Ends the call with NULL.
    pub fn null(&self) -> pg_sys::Datum {
        // SAFETY: fcinfo belongs to this call.
        unsafe { FcInfo::from_ptr(self.fcinfo).return_null().sans_lifetime() }
    }
}
