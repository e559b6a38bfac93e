//! Prediction: `strata.purchase_summary`, the purchase models and gamma-gamma as types, and what they answer.
//!
//! The models are fitted in `predict_fit.rs`. A model is stored as its text; a call site reads it once.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;

use pgrx::prelude::*;
use strata_core::predict::{
    self, BgBb, BgNbd, Discounting, GammaGamma, Model, ParetoNbd, PurchaseModel, PurchaseSummary, Purchases, Spending,
    Terms, check_horizon,
};

use crate::error::{OrRaise, not_null, raise};
use crate::ledger::Sealed;
use crate::pg::call::Call;
use crate::pg::composite::RowType;
use crate::pg::date;
use crate::pg::varlena::{self, In, Out, OwnType};
use crate::score::c_string;

// ---------------------------------------------------------------------------------------------------------------------
// The types: text in storage, as it is printed

/// The SQL type of a model.
pub struct ModelType<M>(PhantomData<M>);

impl<M: Model> OwnType for ModelType<M> {
    const NAME: &'static str = M::NAME;
}

type ModelOut<M> = Out<ModelType<M>>;

pub fn out<M: Model>(model: &M) -> ModelOut<M> {
    Out::new(model.to_text().or_raise())
}

pub fn read<M: Model>(bytes: &[u8]) -> M {
    M::from_text(&String::from_utf8_lossy(bytes)).or_raise()
}

#[pg_extern(sql = false)]
fn bgnbd_in(text: &CStr) -> ModelOut<BgNbd> {
    out(&read(text.to_bytes()))
}

#[pg_extern(sql = false)]
fn pareto_nbd_in(text: &CStr) -> ModelOut<ParetoNbd> {
    out(&read(text.to_bytes()))
}

#[pg_extern(sql = false)]
fn bgbb_in(text: &CStr) -> ModelOut<BgBb> {
    out(&read(text.to_bytes()))
}

#[pg_extern(sql = false)]
fn gamma_gamma_in(text: &CStr) -> ModelOut<GammaGamma> {
    out(&read(text.to_bytes()))
}

#[pg_extern(sql = false)]
fn bgnbd_recv(mut message: pgrx::datum::Internal) -> ModelOut<BgNbd> {
    out(&read(varlena::received(&mut message)))
}

#[pg_extern(sql = false)]
fn pareto_nbd_recv(mut message: pgrx::datum::Internal) -> ModelOut<ParetoNbd> {
    out(&read(varlena::received(&mut message)))
}

#[pg_extern(sql = false)]
fn bgbb_recv(mut message: pgrx::datum::Internal) -> ModelOut<BgBb> {
    out(&read(varlena::received(&mut message)))
}

#[pg_extern(sql = false)]
fn gamma_gamma_recv(mut message: pgrx::datum::Internal) -> ModelOut<GammaGamma> {
    out(&read(varlena::received(&mut message)))
}

/// Output function of every model type: they are stored as they are printed.
#[pg_extern(sql = false)]
fn prediction_out(model: In<'_, ModelType<BgNbd>>) -> CString {
    c_string(String::from_utf8_lossy(model.bytes).into_owned())
}

/// Send function of every model type.
#[pg_extern(sql = false)]
fn prediction_send(model: In<'_, ModelType<BgNbd>>) -> Vec<u8> {
    model.bytes.to_vec()
}

// ---------------------------------------------------------------------------------------------------------------------
// Arguments

/// A model argument as its call site read it last.
pub struct Kept<M> {
    bytes: Vec<u8>,
    model: M,
}

impl<M: Model> Kept<M> {
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), model: read(bytes) }
    }

    /// The model in these bytes.
    pub fn model(&mut self, bytes: &[u8]) -> &M {
        if self.bytes != bytes {
            *self = Self::new(bytes);
        }
        &self.model
    }
}

/// The model in an argument, read again only where it changed.
///
/// # Safety
/// The argument is of the type of `M`, and the call site keeps nothing else.
pub unsafe fn model_argument<'a, M: Model + 'static>(call: &Call<'a>, index: usize) -> Option<&'a M> {
    // SAFETY: by the caller's word.
    let bytes = unsafe { varlena::bytes_of(call.arg(index)?) };
    Some(call.kept(|| Kept::<M>::new(bytes)).model(bytes))
}

pub fn double(datum: pg_sys::Datum) -> f64 {
    f64::from_bits(datum.value() as u64)
}

pub fn double_datum(value: f64) -> pg_sys::Datum {
    pg_sys::Datum::from(value.to_bits())
}

/// What stands behind the model and the horizon: (x, t_x, t [, mean_amount]), or (ledger, as_of). `None` where it is NULL, or
/// the ledger has no purchase.
///
/// # Safety
/// The arguments from `first` on are (bigint, double precision, double precision [, double precision]) or (ledger, date).
unsafe fn user_argument(call: &Call<'_>, first: usize, by_ledger: bool) -> Option<(Purchases, Spending)> {
    if by_ledger {
        // SAFETY: by the caller's word.
        let summary = unsafe { summary_argument(call, first) }?;
        let spending = Spending::new(summary.x, summary.mean_amount()).or_raise();
        return Some((summary.purchases().or_raise(), spending));
    }
    let (x, t_x, t) = (call.arg(first)?, call.arg(first + 1)?, call.arg(first + 2)?);
    let user = Purchases::new(x.value() as i64, double(t_x), double(t)).or_raise();
    let spending = Spending::new(user.x().into(), call.arg(first + 3).map(double)).or_raise();
    Some((user, spending))
}

/// # Safety
/// The arguments from `first` on are (ledger, date).
unsafe fn summary_argument(call: &Call<'_>, first: usize) -> Option<PurchaseSummary> {
    let as_of = date::as_of_datum(call.arg(first + 1));
    // SAFETY: by the caller's word.
    let bytes = unsafe { varlena::bytes_of(call.arg(first)?) };
    let sealed = Sealed::of_bytes(bytes);
    PurchaseSummary::of(sealed.get(), as_of).or_raise()
}

// ---------------------------------------------------------------------------------------------------------------------
// Readers

/// `purchase_summary(ledger, as_of)`: (x, t_x, t, mean_amount), all NULL without a purchase by then.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn purchase_summary(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/public/predict.sql declares: (ledger, date), answering (integer, integer, integer,
    // double precision).
    unsafe {
        let call = Call::new(fcinfo);
        let summary = summary_argument(&call, 0);
        let days = |days: i64| pg_sys::Datum::from(i32::try_from(days).unwrap_or(i32::MAX));
        let row_type = call.kept(|| RowType::returned_by(call));
        row_type.value([
            summary.map(|summary| days(summary.x)),
            summary.map(|summary| days(summary.t_x)),
            summary.map(|summary| days(summary.t)),
            summary.and_then(|summary| summary.mean_amount()).map(double_datum),
        ])
    }
}

/// A reader without a horizon: (model, user…).
///
/// # Safety
/// Called by PostgreSQL as sql/public/predict.sql declares.
unsafe fn read_now<M: Model + PurchaseModel + 'static>(
    fcinfo: pg_sys::FunctionCallInfo,
    answer: impl Fn(&M, &Purchases) -> f64,
) -> pg_sys::Datum {
    // SAFETY: by the caller's word; of arity 3, the user is a ledger and a day.
    unsafe {
        let call = Call::new(fcinfo);
        let user = user_argument(&call, 1, call.arity() == 3);
        let (Some((user, _)), Some(model)) = (user, model_argument::<M>(&call, 0)) else {
            return call.null();
        };
        model.check_user(&user).or_raise();
        double_datum(answer(model, &user))
    }
}

/// A reader with a horizon: (model, horizon, user…).
///
/// # Safety
/// Called by PostgreSQL as sql/public/predict.sql declares.
unsafe fn read_ahead<M: Model + PurchaseModel + 'static>(
    fcinfo: pg_sys::FunctionCallInfo,
    answer: impl Fn(&M, f64, &Purchases) -> f64,
) -> pg_sys::Datum {
    // SAFETY: by the caller's word; of arity 4, the user is a ledger and a day.
    unsafe {
        let call = Call::new(fcinfo);
        let user = user_argument(&call, 2, call.arity() == 4);
        let (Some((user, _)), Some(horizon), Some(model)) = (user, call.arg(1), model_argument::<M>(&call, 0)) else {
            return call.null();
        };
        let horizon = double(horizon);
        check_horizon("the horizon", horizon).or_raise();
        model.check_user(&user).or_raise();
        double_datum(answer(model, horizon, &user))
    }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bgnbd_p_alive(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as sql/public/predict.sql declares.
    unsafe { read_now(fcinfo, BgNbd::p_alive) }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn pareto_nbd_p_alive(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { read_now(fcinfo, ParetoNbd::p_alive) }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bgbb_p_alive(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { read_now(fcinfo, BgBb::p_alive) }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bgnbd_expected_purchases(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { read_ahead(fcinfo, BgNbd::expected_purchases) }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn pareto_nbd_expected_purchases(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { read_ahead(fcinfo, ParetoNbd::expected_purchases) }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bgbb_expected_purchases(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { read_ahead(fcinfo, BgBb::expected_purchases) }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bgnbd_purchase_probability(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { read_ahead(fcinfo, BgNbd::purchase_probability) }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn pareto_nbd_purchase_probability(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { read_ahead(fcinfo, ParetoNbd::purchase_probability) }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bgbb_purchase_probability(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { read_ahead(fcinfo, BgBb::purchase_probability) }
}

/// `expected_amount(gamma_gamma, x, mean_amount)` or `(gamma_gamma, ledger, as_of)`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn expected_amount(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as sql/public/predict.sql declares: the last argument is a double precision or a date.
    unsafe {
        let call = Call::new(fcinfo);
        let user = call.arg(1).map(|x| Spending::new(x.value() as i64, call.arg(2).map(double)).or_raise());
        let (Some(user), Some(model)) = (user, model_argument::<GammaGamma>(&call, 0)) else {
            return call.null();
        };
        model.expected_amount(&user).map_or_else(|| call.null(), double_datum)
    }
}

/// `expected_amount(gamma_gamma, ledger, as_of)`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn ledger_expected_amount(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as sql/public/predict.sql declares.
    unsafe {
        let call = Call::new(fcinfo);
        let user = user_argument(&call, 1, true);
        let (Some((_, spending)), Some(model)) = (user, model_argument::<GammaGamma>(&call, 0)) else {
            return call.null();
        };
        model.expected_amount(&spending).map_or_else(|| call.null(), double_datum)
    }
}

/// The two models of a call site.
struct Values<M> {
    purchases: Kept<M>,
    amounts: Kept<GammaGamma>,
}

/// `lifetime_value(purchases, amounts, horizon_days, discount_rate, margin, discounting, user…)`.
///
/// # Safety
/// Called by PostgreSQL as sql/public/predict.sql declares.
unsafe fn value<M: Model + PurchaseModel + 'static>(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    const USER: usize = 5;
    // SAFETY: by the caller's word; the last argument is the discounting, and of arity 8 the user is a ledger and a day.
    unsafe {
        let call = Call::new(fcinfo);
        let user = user_argument(&call, USER, call.arity() == USER + 3);
        let discounting = discounting_argument(varlena::text(call.arg(call.arity() - 1)));
        let ([Some(purchases), Some(amounts), Some(horizon), Some(rate), Some(margin)], Some((user, spending))) =
            ([0, 1, 2, 3, 4].map(|index| call.arg(index)), user)
        else {
            return call.null();
        };
        let terms = Terms::new(double(horizon), double(rate), double(margin), discounting).or_raise();
        let (purchases, amounts) = (varlena::bytes_of(purchases), varlena::bytes_of(amounts));
        let kept = call.kept(|| Values::<M> { purchases: Kept::new(purchases), amounts: Kept::new(amounts) });
        let model = kept.purchases.model(purchases);
        match kept.amounts.model(amounts).expected_amount(&spending) {
            Some(amount) => double_datum(predict::lifetime_value(model, &user, amount, &terms)),
            None => call.null(),
        }
    }
}

fn discounting_argument(name: Option<&str>) -> Discounting {
    match not_null(name, "discounting", "Use 'monthly' or 'continuous'.") {
        "monthly" => Discounting::Monthly,
        "continuous" => Discounting::Continuous,
        other => raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("unknown discounting \"{other}\""),
            Some("Use 'monthly' or 'continuous'.".to_owned()),
        ),
    }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bgnbd_lifetime_value(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as sql/public/predict.sql declares.
    unsafe { value::<BgNbd>(fcinfo) }
}

#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn pareto_nbd_lifetime_value(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe { value::<ParetoNbd>(fcinfo) }
}

crate::pg::declare!(
    pg_finfo_purchase_summary,
    pg_finfo_bgnbd_p_alive,
    pg_finfo_pareto_nbd_p_alive,
    pg_finfo_bgbb_p_alive,
    pg_finfo_bgnbd_expected_purchases,
    pg_finfo_pareto_nbd_expected_purchases,
    pg_finfo_bgbb_expected_purchases,
    pg_finfo_bgnbd_purchase_probability,
    pg_finfo_pareto_nbd_purchase_probability,
    pg_finfo_bgbb_purchase_probability,
    pg_finfo_expected_amount,
    pg_finfo_ledger_expected_amount,
    pg_finfo_bgnbd_lifetime_value,
    pg_finfo_pareto_nbd_lifetime_value
);
