//! Recency, frequency, monetary: `strata.rfm_cuts`, `strata.rfm_scores`, segments and groups.

use std::ffi::{CStr, CString};

use pgrx::prelude::*;
use strata_core::label::Lang;
use strata_core::model::scheme::Scheme;
use strata_core::score::{
    Decimal, RfmConfig, RfmCuts, RfmCutsState, RfmCutsStateRef, RfmRow, RfmScores, Split, Ties, rfm_group as group_of,
};

use crate::error::{OrRaise, not_null, raise};
use crate::pg::aggregate::{self, Growing};
use crate::pg::call::Call;
use crate::pg::composite::{RowType, ScoresIn};
use crate::pg::numeric::{self, Exact};
use crate::pg::varlena::{self, In, Out, OwnType};
use crate::score::{bins_argument, c_string, combine, name_argument, wanted};

// ---------------------------------------------------------------------------------------------------------------------
// The type

/// The SQL type `strata.rfm_cuts`.
pub struct RfmCutsType;

impl OwnType for RfmCutsType {
    const NAME: &'static str = "rfm_cuts";
}

type RfmCutsIn<'a> = In<'a, RfmCutsType>;
type RfmCutsOut = Out<RfmCutsType>;

#[pg_extern(sql = false)]
fn rfm_cuts_in(text: &CStr) -> RfmCutsOut {
    let text = text.to_string_lossy();
    Out::new(text.parse::<RfmCuts>().or_raise().to_bytes())
}

#[pg_extern(sql = false)]
fn rfm_cuts_out(cuts: RfmCutsIn<'_>) -> CString {
    c_string(RfmCuts::from_bytes(cuts.bytes).or_raise().to_string())
}

#[pg_extern(sql = false)]
fn rfm_cuts_recv(mut message: pgrx::datum::Internal) -> RfmCutsOut {
    Out::new(RfmCuts::from_bytes(varlena::received(&mut message)).or_raise().to_bytes())
}

#[pg_extern(sql = false)]
fn rfm_cuts_send(cuts: RfmCutsIn<'_>) -> Vec<u8> {
    cuts.bytes.to_vec()
}

// ---------------------------------------------------------------------------------------------------------------------
// The aggregate: (state bytea, recency integer, frequency bigint, monetary numeric [, bins [, ties]])

struct RfmCutsGrowing;

impl Growing for RfmCutsGrowing {
    const SMALLEST: usize = RfmCutsState::initial_len();

    fn move_to(from: &mut [u8], larger: &mut [u8]) {
        RfmCutsState::open(from).and_then(|state| state.grow_into(larger).map(|_| ())).or_raise();
    }
}

/// Transition function of every `rfm_cuts_agg`. Rows with a NULL are left out.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn rfm_cuts_agg_transition(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/rfm_cuts.sql declares.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let config = RfmConfig {
            bins: bins_argument(&call, 4),
            ties: name_argument(&call, 5, "ties", "min").parse::<Ties>().or_raise(),
        };
        let Some(row) = row_of(&call) else {
            return call.arg(0).unwrap_or_else(|| call.null());
        };
        aggregate::advance::<RfmCutsGrowing>(
            call.arg(0),
            |bytes| {
                RfmCutsState::create(bytes, config).or_raise();
            },
            |bytes| {
                let mut state = RfmCutsState::open(bytes).or_raise();
                state.as_ref().require(config).or_raise();
                wanted(state.push(row))
            },
        )
    }
}

/// The three values behind the state; `None` where one is NULL.
///
/// # Safety
/// Arguments 1 to 3 are an integer, a bigint and a numeric.
unsafe fn row_of(call: &Call<'_>) -> Option<RfmRow> {
    let (recency, frequency, monetary) = (call.arg(1)?, call.arg(2)?, call.arg(3)?);
    Some(RfmRow {
        recency: recency.value() as i32,
        frequency: frequency.value() as i64,
        // SAFETY: by the caller's word.
        monetary: unsafe { numeric::decimal_of(monetary) },
    })
}

/// Combine function of `rfm_cuts_agg`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn rfm_cuts_agg_combine(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL with two states.
    unsafe { combine::<RfmRow, RfmCutsGrowing>(fcinfo) }
}

/// Final function of `rfm_cuts_agg`.
#[pg_extern(sql = false)]
fn rfm_cuts_agg_final(state: &[u8]) -> Option<RfmCutsOut> {
    let cuts = RfmCutsStateRef::open(state).and_then(|state| state.finish()).or_raise()?;
    Some(Out::new(cuts.to_bytes()))
}

crate::pg::declare!(pg_finfo_rfm_cuts_agg_transition, pg_finfo_rfm_cuts_agg_combine, pg_finfo_rfm_score);

// ---------------------------------------------------------------------------------------------------------------------
// Scores

/// What `rfm_score` keeps at a call site: the row type, and the cuts that it read last.
struct Scoring {
    row_type: RowType,
    bytes: Vec<u8>,
    cuts: RfmCuts,
}

/// `rfm_score(recency, frequency, monetary, cuts)`: any NULL gives NULL.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn rfm_score(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/public/rfm_score.sql declares: (integer, bigint, numeric, rfm_cuts), strict.
    let call = unsafe { Call::new(fcinfo) };
    let (Some(recency), Some(frequency), Some(monetary), Some(cuts)) =
        (call.arg(0), call.arg(1), call.arg(2), call.arg(3))
    else {
        return call.null();
    };
    // SAFETY: as above.
    let (monetary, bytes) = unsafe { (numeric::decimal_of(monetary), varlena::bytes_of(cuts)) };
    let read = || RfmCuts::from_bytes(bytes).or_raise();
    let scoring = call.kept(|| Scoring { row_type: RowType::returned_by(call), bytes: bytes.to_vec(), cuts: read() });
    if scoring.bytes != bytes {
        (scoring.bytes, scoring.cuts) = (bytes.to_vec(), read());
    }
    let row = RfmRow { recency: recency.value() as i32, frequency: frequency.value() as i64, monetary };
    let RfmScores { r, f, m } = scoring.cuts.score(row);
    scoring.row_type.value([r, f, m].map(|score| Some(pg_sys::Datum::from(score as i16))))
}

/// An argument's scores; `None` where the row or any of its scores is NULL.
fn scores(argument: Option<ScoresIn>) -> Option<RfmScores> {
    let [r, f, m] = argument?.0?;
    Some(RfmScores::new(r, f, m).or_raise())
}

/// The scores as digits, such as '555'.
#[pg_extern(sql = false)]
fn rfm_code(scores: Option<ScoresIn>) -> Option<String> {
    self::scores(scores).map(RfmScores::code)
}

/// The user's segment; NULL scores are the segment outside the map.
#[pg_extern(sql = false)]
fn rfm_segment(scores: Option<ScoresIn>, scheme: Option<&str>, lang: Option<&str>) -> &'static str {
    let (scheme, lang) = (scheme_argument(scheme), lang_argument(lang));
    scheme.of_scores(self::scores(scores)).or_raise().label(lang)
}

/// The user's group of eight; any NULL value is a prospect.
#[pg_extern(sql = false)]
fn rfm_group(
    recency: Option<i32>,
    frequency: Option<i64>,
    monetary: Option<Exact>,
    cuts: Option<RfmCutsIn<'_>>,
    split: Option<&str>,
    lang: Option<&str>,
    fixed: Option<pgrx::datum::Array<'_, AnyNumeric>>,
) -> &'static str {
    let lang = lang_argument(lang);
    let split = not_null(split, "split", "For example split => 'score_mean'.");
    let split = Split::by_name(split, fixed.map(fixed_argument)).or_raise();
    let label = |group| Scheme::eight().of_group(group).or_raise().label(lang);
    let (Some(recency), Some(frequency), Some(Exact(monetary))) = (recency, frequency, monetary) else {
        return label(None);
    };
    let row = RfmRow { recency, frequency, monetary };
    let group = match (cuts, split) {
        (Some(cuts), _) => group_of(row, &RfmCuts::from_bytes(cuts.bytes).or_raise(), split).or_raise(),
        (None, Split::Fixed(constants)) => constants.group(row),
        (None, _) => return label(None),
    };
    label(Some(group))
}

fn fixed_argument(array: pgrx::datum::Array<'_, AnyNumeric>) -> [Decimal; 3] {
    let constants: Option<Vec<Decimal>> =
        array.iter().map(|constant| Decimal::from_str_exact(constant?.normalize()).ok()).collect();
    constants.and_then(|constants| constants.try_into().ok()).unwrap_or_else(|| {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "fixed must be three numbers: recency, frequency and monetary",
            Some("For example fixed => ARRAY[30, 5, 1000].".to_owned()),
        )
    })
}

pub fn scheme_argument(name: Option<&str>) -> &'static Scheme {
    Scheme::by_name(not_null(name, "scheme", "For example scheme => 'eleven'.")).or_raise()
}

pub fn lang_argument(name: Option<&str>) -> Lang {
    not_null(name, "lang", "Use 'en' or 'zh'.").parse::<Lang>().or_raise()
}
