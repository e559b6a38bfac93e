//! Fits of purchase models: `strata.bgnbd_fit_agg` and the like.

use pgrx::prelude::*;
use strata_core::predict::{
    BgBb, BgNbd, Counted, CountedPurchases, CountedSpending, GammaGamma, ParetoNbd, PredictError, Purchases, Spending,
    Unit,
};
use strata_core::score::{StateMut, StateRef};

use crate::error::{OrRaise, raise};
use crate::pg::aggregate::{self, Growing};
use crate::pg::call::Call;
use crate::pg::varlena::Out;
use crate::predict::{ModelType, double, out};
use crate::score::{combine, name_argument, wanted};

// ---------------------------------------------------------------------------------------------------------------------
// Purchase models: (state bytea, x bigint, t_x double precision, t double precision [, weight bigint [, unit text]])

struct PurchasesGrowing;

impl Growing for PurchasesGrowing {
    const SMALLEST: usize = StateMut::<CountedPurchases>::initial_len();

    fn move_to(from: &mut [u8], larger: &mut [u8]) {
        StateMut::<CountedPurchases>::open(from).and_then(|state| state.grow_into(larger).map(|_| ())).or_raise();
    }
}

/// The number of users that a row stands for; 0 for a NULL, which leaves the row out.
fn weight_argument(call: &Call<'_>, index: usize) -> u64 {
    if call.arity() <= index {
        return 1;
    }
    let weight = call.arg(index).map_or(0, |weight| weight.value() as i64);
    u64::try_from(weight).unwrap_or_else(|_| {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("weight must be at least 0, not {weight}"),
            Some("The weight is the number of users that a row stands for.".to_owned()),
        )
    })
}

/// Transition function of the fits of purchase models. Rows with a NULL are left out.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn purchases_fit_transition(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/fit_agg.sql declares; argument 5 is a text.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let unit = name_argument(&call, 5, "unit", "day").parse::<Unit>().or_raise();
        let count = weight_argument(&call, 4);
        let (Some(x), Some(t_x), Some(t), 1..) = (call.arg(1), call.arg(2), call.arg(3), count) else {
            return call.arg(0).unwrap_or_else(|| call.null());
        };
        let value = Purchases::new(x.value() as i64, double(t_x), double(t)).or_raise();
        aggregate::advance::<PurchasesGrowing>(
            call.arg(0),
            |bytes| {
                StateMut::<CountedPurchases>::create(bytes, unit).or_raise();
            },
            |bytes| {
                let mut state = StateMut::<CountedPurchases>::open(bytes).or_raise();
                state.as_ref().require(unit).map_err(PredictError::from).or_raise();
                wanted(state.push(Counted { value, count }))
            },
        )
    }
}

/// Their combine function.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn purchases_fit_combine(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL with two states.
    unsafe { combine::<CountedPurchases, PurchasesGrowing>(fcinfo) }
}

/// The users in a state, and the unit of the fit.
fn users_in(state: &[u8]) -> (Vec<CountedPurchases>, Unit) {
    let state = StateRef::<CountedPurchases>::open(state).or_raise();
    (state.users().or_raise(), state.unit().or_raise())
}

#[pg_extern(sql = false)]
fn bgnbd_fit_final(state: &[u8]) -> Option<Out<ModelType<BgNbd>>> {
    let (users, unit) = users_in(state);
    BgNbd::fit(&users, unit).or_raise().map(|model| out(&model))
}

#[pg_extern(sql = false)]
fn pareto_nbd_fit_final(state: &[u8]) -> Option<Out<ModelType<ParetoNbd>>> {
    let (users, unit) = users_in(state);
    ParetoNbd::fit(&users, unit).or_raise().map(|model| out(&model))
}

#[pg_extern(sql = false)]
fn bgbb_fit_final(state: &[u8]) -> Option<Out<ModelType<BgBb>>> {
    let (users, _) = users_in(state);
    BgBb::fit(&users).or_raise().map(|model| out(&model))
}

// ---------------------------------------------------------------------------------------------------------------------
// Gamma-gamma: (state bytea, x bigint, mean_amount double precision [, weight bigint])

struct SpendingGrowing;

impl Growing for SpendingGrowing {
    const SMALLEST: usize = StateMut::<CountedSpending>::initial_len();

    fn move_to(from: &mut [u8], larger: &mut [u8]) {
        StateMut::<CountedSpending>::open(from).and_then(|state| state.grow_into(larger).map(|_| ())).or_raise();
    }
}

/// Transition function of `gamma_gamma_fit_agg`. A missing amount says nothing of amounts, but counts as left out.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn gamma_gamma_fit_transition(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/fit_agg.sql declares.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let (Some(x), count @ 1..) = (call.arg(1), weight_argument(&call, 3)) else {
            return call.arg(0).unwrap_or_else(|| call.null());
        };
        let value = Spending::new(x.value() as i64, call.arg(2).map(double)).or_raise();
        aggregate::advance::<SpendingGrowing>(
            call.arg(0),
            |bytes| {
                StateMut::<CountedSpending>::create(bytes, ()).or_raise();
            },
            |bytes| {
                let mut state = StateMut::<CountedSpending>::open(bytes).or_raise();
                wanted(state.push(Counted { value, count }))
            },
        )
    }
}

/// Combine function of `gamma_gamma_fit_agg`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn gamma_gamma_fit_combine(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL with two states.
    unsafe { combine::<CountedSpending, SpendingGrowing>(fcinfo) }
}

#[pg_extern(sql = false)]
fn gamma_gamma_fit_final(state: &[u8]) -> Option<Out<ModelType<GammaGamma>>> {
    let users = StateRef::<CountedSpending>::open(state).or_raise().users().or_raise();
    GammaGamma::fit(&users).or_raise().map(|model| out(&model))
}

crate::pg::declare!(
    pg_finfo_purchases_fit_transition,
    pg_finfo_purchases_fit_combine,
    pg_finfo_gamma_gamma_fit_transition,
    pg_finfo_gamma_gamma_fit_combine
);
