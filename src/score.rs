//! Scores of one metric: `strata.cuts`, its aggregate, `score`, and the window function `quantile_score`.

use std::ffi::{CStr, CString};

use pgrx::prelude::*;
use strata_core::error::UserError;
use strata_core::score::{
    Best, Bins, Cuts, CutsConfig, CutsState, CutsStateRef, Observation, Push, StateMut, StateRef, Ties, quantile_scores,
};

use crate::error::{OrRaise, not_null, raise};
use crate::pg::aggregate::{self, Growing};
use crate::pg::call::Call;
use crate::pg::numeric::{self, Exact};
use crate::pg::varlena::{self, In, Out, OwnType};
use crate::pg::window::Partition;

// ---------------------------------------------------------------------------------------------------------------------
// The type

/// The SQL type `strata.cuts`.
pub struct CutsType;

impl OwnType for CutsType {
    const NAME: &'static str = "cuts";
}

type CutsIn<'a> = In<'a, CutsType>;
type CutsOut = Out<CutsType>;

#[pg_extern(sql = false)]
fn cuts_in(text: &CStr) -> CutsOut {
    let text = text.to_string_lossy();
    Out::new(text.parse::<Cuts>().or_raise().to_bytes())
}

#[pg_extern(sql = false)]
fn cuts_out(cuts: CutsIn<'_>) -> CString {
    c_string(Cuts::from_bytes(cuts.bytes).or_raise().to_string())
}

#[pg_extern(sql = false)]
fn cuts_recv(mut message: pgrx::datum::Internal) -> CutsOut {
    Out::new(Cuts::from_bytes(varlena::received(&mut message)).or_raise().to_bytes())
}

#[pg_extern(sql = false)]
fn cuts_send(cuts: CutsIn<'_>) -> Vec<u8> {
    cuts.bytes.to_vec()
}

/// The text form of a value: JSON of numbers and fixed names, so never with a NUL.
pub fn c_string(text: String) -> CString {
    CString::new(text).unwrap_or_else(|_| unreachable!("JSON has no NUL"))
}

// ---------------------------------------------------------------------------------------------------------------------
// The aggregate: (state bytea, value numeric [, bins [, ties [, best]]])

/// The state of an aggregate of cuts starts with room for no entry; the first push grows it.
pub struct CutsGrowing;

impl Growing for CutsGrowing {
    const SMALLEST: usize = CutsState::initial_len();

    fn move_to(from: &mut [u8], larger: &mut [u8]) {
        CutsState::open(from).and_then(|state| state.grow_into(larger).map(|_| ())).or_raise();
    }
}

/// The size that a push needs where there is no room.
pub fn wanted<E: UserError>(push: Result<Push, E>) -> Option<usize> {
    match push.or_raise() {
        Push::Done => None,
        Push::Full(size) => Some(size),
    }
}

/// A text argument of a raw call: 'min' where the SQL signature has none.
///
/// # Safety
/// SQL declares the argument as text.
pub unsafe fn name_argument<'a>(call: &Call<'a>, index: usize, name: &str, default: &'static str) -> &'a str {
    if call.arity() <= index {
        return default;
    }
    let datum = not_null(call.arg(index), name, &format!("For example {name} => '{default}'."));
    // SAFETY: by the caller's word; text is valid in the database's encoding, and the names we know are ASCII.
    std::str::from_utf8(unsafe { varlena::bytes_of(datum) }).unwrap_or("")
}

/// The bins argument of a raw call: 5 where the SQL signature has none.
pub fn bins_argument(call: &Call<'_>, index: usize) -> Bins {
    if call.arity() <= index {
        return Bins::FIVE;
    }
    let bins = not_null(call.arg(index), "bins", "Use a number from 2 to 10, for example bins => 5.");
    Bins::new(bins.value() as i32 as i64).or_raise()
}

/// Transition function of every `cuts_agg`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn cuts_agg_transition(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/cuts.sql declares; argument 0 is the state, 1 a numeric, 3 and 4 text.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let config = CutsConfig {
            bins: bins_argument(&call, 2),
            ties: name_argument(&call, 3, "ties", "min").parse::<Ties>().or_raise(),
            best: name_argument(&call, 4, "best", "high").parse::<Best>().or_raise(),
        };
        let Some(value) = call.arg(1) else {
            return call.arg(0).unwrap_or_else(|| call.null());
        };
        let value = numeric::decimal_of(value);
        aggregate::advance::<CutsGrowing>(
            call.arg(0),
            |bytes| {
                CutsState::create(bytes, config).or_raise();
            },
            |bytes| {
                let mut state = CutsState::open(bytes).or_raise();
                state.as_ref().require(config).or_raise();
                wanted(state.push_value(value))
            },
        )
    }
}

/// Combine function of `cuts_agg`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn cuts_agg_combine(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above; both arguments are states.
    unsafe { combine::<Observation, CutsGrowing>(fcinfo) }
}

/// A combine function of states of entries `E`.
///
/// # Safety
/// Called by PostgreSQL with (bytea, bytea).
pub unsafe fn combine<E: strata_core::score::Entry, G: Growing>(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let merge = |bytes: &mut [u8], other: &[u8]| {
        let other = StateRef::<E>::open(other).or_raise();
        wanted(StateMut::<E>::open(bytes).and_then(|mut state| state.merge(other)))
    };
    // SAFETY: by the caller's word.
    unsafe { aggregate::combine::<G>(fcinfo, merge) }
}

/// Final function of `cuts_agg`.
#[pg_extern(sql = false)]
fn cuts_agg_final(state: &[u8]) -> Option<CutsOut> {
    let cuts = CutsStateRef::open(state).and_then(|state| state.finish()).or_raise()?;
    Some(Out::new(cuts.to_bytes()))
}

crate::pg::declare!(pg_finfo_cuts_agg_transition, pg_finfo_cuts_agg_combine, pg_finfo_quantile_score);

// ---------------------------------------------------------------------------------------------------------------------
// Readers

/// The score of a value by cuts: 1 to bins, bins = best.
#[pg_extern(sql = false)]
fn score(value: Option<Exact>, cuts: Option<CutsIn<'_>>) -> Option<i16> {
    let (value, cuts) = (value?, cuts?);
    Some(Cuts::from_bytes(cuts.bytes).or_raise().score(value.0).into())
}

/// The values of a partition, as something that has an order.
enum Values {
    Integers(Vec<Option<i64>>),
    Doubles(Vec<Option<f64>>),
    Decimals(Vec<Option<strata_core::score::Decimal>>),
}

/// `quantile_score(value, bins [, ties [, best]]) OVER (…)`: scores over the partition, no ORDER BY needed.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn quantile_score(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/public/quantile_score.sql declares: (anyelement, integer [, text [, text]]).
    let call = unsafe { Call::new(fcinfo) };
    let Some(partition) = Partition::of(call) else {
        raise(
            PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE,
            "quantile_score requires an OVER clause",
            Some("For example quantile_score(amount, 5) OVER ().".to_owned()),
        )
    };
    let scores = partition.kept(|| scores_of(&call, &partition));
    match scores.get(partition.position()) {
        Some(&score @ 1..) => pg_sys::Datum::from(score as i16),
        _ => call.null(),
    }
}

fn scores_of(call: &Call<'_>, partition: &Partition) -> Vec<u8> {
    let arity = call.arity();
    let constant = |index: usize, name: &str, example: &str| {
        not_null(partition.argument(index, 0), name, &format!("For example {name} => {example}."))
    };
    // SAFETY: SQL declares these arguments as text; one read at the first row is used before the next is asked for.
    let name = |index: usize, name: &str, default: &str| match arity > index {
        true => unsafe {
            let quoted = format!("'{default}'");
            String::from_utf8_lossy(varlena::bytes_of(constant(index, name, &quoted))).into_owned()
        },
        false => default.to_owned(),
    };
    let config = CutsConfig {
        bins: Bins::new(constant(1, "bins", "5").value() as i32 as i64).or_raise(),
        ties: name(2, "ties", "min").parse::<Ties>().or_raise(),
        best: name(3, "best", "high").parse::<Best>().or_raise(),
    };
    match values_of(call, partition) {
        Values::Integers(values) => quantile_scores(config, &values, Ord::cmp),
        // NaN above all numbers, as PostgreSQL orders it; -0 equals 0
        Values::Doubles(values) => {
            quantile_scores(config, &values, |a, b| a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())))
        }
        Values::Decimals(values) => quantile_scores(config, &values, Ord::cmp),
    }
    .or_raise()
}

fn values_of(call: &Call<'_>, partition: &Partition) -> Values {
    let rows = 0..partition.rows();
    let read = |row: usize| {
        if row.is_multiple_of(65_536) {
            pgrx::check_for_interrupts!();
        }
        partition.argument(0, row)
    };
    match call.type_of(0) {
        pg_sys::INT2OID => Values::Integers(collect(rows, |row| Some(read(row)?.value() as i16 as i64))),
        pg_sys::INT4OID | pg_sys::DATEOID => {
            Values::Integers(collect(rows, |row| Some(read(row)?.value() as i32 as i64)))
        }
        pg_sys::INT8OID | pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => {
            Values::Integers(collect(rows, |row| Some(read(row)?.value() as i64)))
        }
        pg_sys::FLOAT4OID => {
            Values::Doubles(collect(rows, |row| Some(f32::from_bits(read(row)?.value() as u32) as f64)))
        }
        pg_sys::FLOAT8OID => Values::Doubles(collect(rows, |row| Some(f64::from_bits(read(row)?.value() as u64)))),
        // SAFETY: the datum is of the type that the call site declares.
        pg_sys::NUMERICOID => Values::Decimals(collect(rows, |row| Some(unsafe { numeric::decimal_of(read(row)?) }))),
        other => raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("quantile_score cannot order values of type {}", crate::pg::query::type_name(other)),
            Some(
                "It takes numbers, dates and timestamps; cast the value, as in quantile_score(value::numeric, 5)."
                    .to_owned(),
            ),
        ),
    }
}

/// A column of the partition; memory that cannot be had is an ERROR.
fn collect<T>(rows: std::ops::Range<usize>, value: impl Fn(usize) -> Option<T>) -> Vec<Option<T>> {
    let mut column = Vec::new();
    if column.try_reserve_exact(rows.len()).is_err() {
        raise(PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY, "out of memory", None);
    }
    column.extend(rows.map(value));
    column
}
