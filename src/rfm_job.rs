//! The main job, from raw events or stored ledgers to named segments: `strata.rfm` and `strata.rfm_summary`.

use pgrx::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};
use strata_core::bulk::{Key, Metrics};
use strata_core::day::Day;
use strata_core::label::Lang;
use strata_core::ledger::Window;
use strata_core::model::scheme::Scheme;
use strata_core::score::{Bins, RfmConfig, RfmCuts, RfmRow, RfmScores, Split, Ties, rfm_group};

use crate::bulk::{build, refuse_text_as_type};
use crate::error::{OrRaise, not_null, raise};
use crate::pg::call::Call;
use crate::pg::date;
use crate::pg::numeric::numeric_of;
use crate::pg::rows::Rows;
use crate::pg::varlena;
use crate::rfm::{lang_argument, scheme_argument};

/// The arguments of a call: (query, as_of, time_zone, bins, ties, scheme, lang, window_days), with the user's type, of
/// which only the type is wanted, as a third or as a last one.
struct Job<'a> {
    query: Option<&'a str>,
    time_zone: Option<&'a str>,
    as_of: Day,
    window_days: Option<i32>,
    window: Window,
    config: RfmConfig,
    scheme: &'static Scheme,
    lang: Lang,
}

impl<'a> Job<'a> {
    /// # Safety
    /// SQL declares the arguments as above.
    unsafe fn of(call: &Call<'a>) -> Job<'a> {
        let options = if call.type_of(2) == pg_sys::TEXTOID { 2 } else { 3 };
        if options == 2 {
            refuse_text_as_type(call.arg(8));
        }
        // SAFETY: by the caller's word.
        let text = |index: usize| unsafe { varlena::text(call.arg(index)) };
        let integer = |index: usize| call.arg(index).map(|datum| datum.value() as i32);

        let as_of = date::as_of_datum(call.arg(1));
        let window_days = integer(options + 5);
        let window = Window::new(as_of, window_days).or_raise();
        let bins = not_null(integer(options + 1), "bins", "Use a number from 2 to 10, for example bins => 5.");
        let bins = Bins::new(bins.into()).or_raise();
        let ties = not_null(text(options + 2), "ties", "For example ties => 'min'.").parse::<Ties>().or_raise();
        let (scheme, lang) = (scheme_argument(text(options + 3)), lang_argument(text(options + 4)));
        scheme.require_bins(bins).or_raise();
        let (query, time_zone, config) = (text(0), text(options), RfmConfig { bins, ties });
        Job { query, time_zone, as_of, window_days, window, config, scheme, lang }
    }
}

/// All users of a job with their metrics, scored.
struct Scored {
    users: Vec<UserMetrics>,
    /// The keys that are bytes, one after the other.
    key_bytes: Vec<u8>,
    cuts: Option<RfmCuts>,
}

struct UserMetrics {
    key: StoredKey,
    /// Days since the last active day; `None` for a user with credits only.
    recency: Option<i32>,
    frequency: i64,
    monetary: Decimal,
}

enum StoredKey {
    Integer(i64),
    /// From here to there in `key_bytes`.
    Bytes(usize, usize),
}

impl UserMetrics {
    fn row(&self) -> Option<RfmRow> {
        Some(RfmRow { recency: self.recency?, frequency: self.frequency, monetary: self.monetary })
    }
}

impl Scored {
    /// Runs the job's query. Users without anything by `as_of` are left out.
    fn of(job: &Job<'_>, user_type: pg_sys::Oid) -> (Scored, impl Fn(Key<'_>) -> pg_sys::Datum + use<>) {
        let built = build(job.query, job.time_zone, user_type, Some((job.as_of, job.window_days)));
        let key_datum = built.key_datum();
        let (mut users, mut key_bytes) = (Vec::new(), Vec::new());
        built.visit(|group| {
            let Some(Metrics { last_day, frequency, monetary }) = group.metrics(job.window)? else { return Ok(()) };
            reserve(&mut users, 1);
            let key = match group.key() {
                Key::Integer(number) => StoredKey::Integer(number),
                Key::Bytes(bytes) => {
                    reserve(&mut key_bytes, bytes.len());
                    let start = key_bytes.len();
                    key_bytes.extend_from_slice(bytes);
                    StoredKey::Bytes(start, key_bytes.len())
                }
            };
            let recency = last_day.map(|last| job.as_of.number() - last.number());
            users.push(UserMetrics { key, recency, frequency, monetary });
            Ok(())
        });
        let cuts = RfmCuts::from_rows(job.config, users.iter().filter_map(UserMetrics::row)).or_raise();
        (Scored { users, key_bytes, cuts }, key_datum)
    }

    fn key(&self, user: &UserMetrics) -> Key<'_> {
        match user.key {
            StoredKey::Integer(number) => Key::Integer(number),
            StoredKey::Bytes(start, end) => Key::Bytes(&self.key_bytes[start..end]),
        }
    }

    /// The scores of a user, and the place of its segment in the scheme.
    fn segment(&self, user: &UserMetrics, scheme: &Scheme) -> (Option<RfmScores>, usize) {
        let scored = user.row().zip(self.cuts.as_ref());
        let scores = scored.map(|(row, cuts)| cuts.score(row));
        let place = match scheme.reads_groups() {
            true => {
                let group = scored.map(|(row, cuts)| rfm_group(row, cuts, Split::ScoreMean).or_raise());
                scheme.place_of_group(group)
            }
            false => scheme.place_of_scores(scores),
        };
        (scores, place.or_raise())
    }
}

fn reserve<T>(column: &mut Vec<T>, more: usize) {
    if column.try_reserve(more).is_err() {
        raise(PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY, "out of memory", None);
    }
}

/// `rfm(query, as_of, …)`: one row for each user.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn rfm(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/public/rfm.sql declares.
    let (call, job) = unsafe {
        let call = Call::new(fcinfo);
        (call, Job::of(&call))
    };
    let mut rows = Rows::of(call);
    let (scored, key_datum) = Scored::of(&job, rows.type_of(0));
    // texts that repeat are made once
    let segments: Vec<pg_sys::Datum> =
        job.scheme.segments().iter().map(|segment| varlena::datum_of(segment.label(job.lang).as_bytes())).collect();
    let mut codes = std::collections::BTreeMap::new();
    for user in &scored.users {
        let (scores, place) = scored.segment(user, job.scheme);
        let code =
            scores.map(|scores| *codes.entry(scores).or_insert_with(|| varlena::datum_of(scores.code().as_bytes())));
        let score = |of: fn(RfmScores) -> u8| scores.map(|scores| pg_sys::Datum::from(of(scores) as i16));
        rows.put(|| {
            [
                Some(key_datum(scored.key(user))),
                user.recency.map(pg_sys::Datum::from),
                Some(pg_sys::Datum::from(user.frequency)),
                Some(numeric_of(user.monetary)),
                score(|scores| scores.r),
                score(|scores| scores.f),
                score(|scores| scores.m),
                code,
                Some(segments[place]),
            ]
        });
    }
    rows.answer(call)
}

/// The users of one segment, summed.
#[derive(Clone, Copy, Default)]
struct Sums {
    users: i64,
    active: i64,
    recency: i64,
    frequency: i64,
    revenue: Decimal,
}

/// `rfm_summary(query, as_of, …)`: one row for each segment that has users, in the scheme's order.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn rfm_summary(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/public/rfm.sql declares.
    let (call, job) = unsafe {
        let call = Call::new(fcinfo);
        (call, Job::of(&call))
    };
    let mut rows = Rows::of(call);
    // users are told apart as those of rfm without a user_type are
    let (scored, _) = Scored::of(&job, pg_sys::TEXTOID);
    let mut sums = vec![Sums::default(); job.scheme.segments().len()];
    for user in &scored.users {
        let (_, place) = scored.segment(user, job.scheme);
        let sum = &mut sums[place];
        sum.users += 1;
        sum.active += user.recency.is_some() as i64;
        sum.recency += user.recency.unwrap_or(0) as i64;
        sum.frequency += user.frequency;
        sum.revenue = add(sum.revenue, user.monetary);
    }
    let users = scored.users.len() as i64;
    let revenue = sums.iter().fold(Decimal::ZERO, |total, sum| add(total, sum.revenue));
    for (sum, segment) in sums.iter().zip(job.scheme.segments()).filter(|(sum, _)| sum.users > 0) {
        let ratio = |part: Decimal, whole: Decimal, decimals: u32| {
            let exact = part.checked_div(whole)?;
            let mut rounded = exact.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero);
            rounded.rescale(decimals);
            Some(numeric_of(rounded))
        };
        rows.put(|| {
            [
                Some(varlena::datum_of(segment.label(job.lang).as_bytes())),
                Some(pg_sys::Datum::from(sum.users)),
                ratio(sum.users.into(), users.into(), 4),
                Some(numeric_of(sum.revenue)),
                ratio(sum.revenue, revenue, 4),
                ratio(sum.recency.into(), sum.active.into(), 2),
                ratio(sum.frequency.into(), sum.users.into(), 2),
                ratio(sum.revenue, sum.users.into(), 2),
            ]
        });
    }
    rows.answer(call)
}

fn add(sum: Decimal, amount: Decimal) -> Decimal {
    sum.checked_add(amount).unwrap_or_else(|| {
        raise(PgSqlErrorCode::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "the revenue of all users is out of range", None)
    })
}

crate::pg::declare!(pg_finfo_rfm, pg_finfo_rfm_summary);
