//! `strata.ledger`: the type, its aggregates, its operators and its readers.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{CStr, CString};

use pgrx::datum::{Date, Internal};
use pgrx::prelude::*;
use strata_core::day::Day;
use strata_core::ledger::{
    self, Entry, Ledger, LedgerError, LedgerRef, OpenLedger, Push, Reading, SMALLEST_OPEN, Window,
};

use crate::error::{OrRaise, raise};
use crate::event::EventColumns;
use crate::pg::aggregate::{self, Growing};
use crate::pg::call::Call;
use crate::pg::date::{self, as_of};
use crate::pg::numeric::{self, Exact};
use crate::pg::varlena::{In, Out, OwnType};

// ---------------------------------------------------------------------------------------------------------------------
// The type

/// The SQL type `strata.ledger`.
pub struct LedgerType;

impl OwnType for LedgerType {
    const NAME: &'static str = "ledger";
}

pub type LedgerIn<'a> = In<'a, LedgerType>;
type LedgerOut = Out<LedgerType>;

fn out(ledger: Ledger) -> LedgerOut {
    Out::new(ledger.as_bytes())
}

/// A ledger argument in its sealed form; a missing one is empty.
pub struct Sealed<'a>(Option<Cow<'a, [u8]>>);

impl<'a> Sealed<'a> {
    pub fn new(argument: Option<LedgerIn<'a>>) -> Sealed<'a> {
        Sealed(argument.map(|argument| ledger::sealed(argument.bytes).or_raise()))
    }

    /// Of the bytes of a ledger argument.
    pub fn of_bytes(bytes: &'a [u8]) -> Sealed<'a> {
        Sealed(Some(ledger::sealed(bytes).or_raise()))
    }

    pub fn get(&self) -> LedgerRef<'_> {
        match &self.0 {
            Some(bytes) => LedgerRef::new(bytes).or_raise(),
            None => LedgerRef::EMPTY,
        }
    }
}

#[pg_extern(sql = false)]
fn ledger_in(text: &CStr) -> LedgerOut {
    let text = text.to_str().map_err(|error| LedgerError::MalformedText(error.to_string())).or_raise();
    out(text.parse::<Ledger>().or_raise())
}

#[pg_extern(sql = false)]
fn ledger_out(ledger: LedgerIn<'_>) -> CString {
    let text = Sealed::new(Some(ledger)).get().to_text().or_raise();
    CString::new(text).unwrap_or_else(|_| unreachable!("digits and punctuation"))
}

#[pg_extern(sql = false)]
fn ledger_recv(mut message: Internal) -> LedgerOut {
    out(Ledger::from_untrusted(crate::pg::varlena::received(&mut message)).or_raise())
}

#[pg_extern(sql = false)]
fn ledger_send(ledger: LedgerIn<'_>) -> Vec<u8> {
    ledger::sealed(ledger.bytes).or_raise().into_owned()
}

// ---------------------------------------------------------------------------------------------------------------------
// Aggregates

impl Growing for LedgerType {
    const SMALLEST: usize = SMALLEST_OPEN;

    fn move_to(from: &mut [u8], larger: &mut [u8]) {
        OpenLedger::resume(from).or_raise().move_to(larger);
    }
}

fn create(bytes: &mut [u8]) {
    OpenLedger::create(bytes);
}

const AT: usize = 1;

/// Transition function of every `ledger_agg`: (state, at [, amount] [, time_zone]).
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn ledger_agg_transition(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL with its own fcinfo, as sql/internal/ledger_agg.sql declares; argument 0 is the state.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let Some(at) = call.arg(AT) else {
            return call.arg(0).unwrap_or_else(|| call.null());
        };
        let columns = call.kept(|| EventColumns::of(&call, AT));
        let day = columns.day(&call, at);
        let amount = columns.amount(&call);
        aggregate::advance::<LedgerType>(call.arg(0), create, |bytes| {
            grown(OpenLedger::resume(bytes).and_then(|mut open| open.push_row(day, amount)))
        })
    }
}

/// Combine function of both aggregates and transition function of `rollup`: (state, ledger), the ledger open or sealed.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn ledger_merge(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above; argument 1 is a ledger.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let Some(other) = call.arg(1) else {
            return call.arg(0).unwrap_or_else(|| call.null());
        };
        let other = ledger::sealed(crate::pg::varlena::bytes_of(other)).or_raise();
        let other = LedgerRef::new(&other).or_raise();
        aggregate::advance::<LedgerType>(call.arg(0), create, |bytes| {
            grown(OpenLedger::resume(bytes).and_then(|mut open| open.push_ledger(other)))
        })
    }
}

fn grown(push: Result<Push, LedgerError>) -> Option<usize> {
    match push.or_raise() {
        Push::Done => None,
        Push::Grow(size) => Some(size),
    }
}

/// Final function of both aggregates. It leaves the state as it is: a window aggregate goes on with it.
#[pg_extern(sql = false)]
fn ledger_seal(state: LedgerIn<'_>) -> LedgerOut {
    thread_local!(static WORK: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) });
    WORK.with_borrow_mut(|work| out(Ledger::from_open(state.bytes, work).or_raise()))
}

crate::pg::declare!(pg_finfo_ledger_agg_transition, pg_finfo_ledger_merge);

// ---------------------------------------------------------------------------------------------------------------------
// Algebra and order

/// Everything of both ledgers; a missing one is empty.
#[pg_extern(sql = false)]
fn ledger_plus(a: Option<LedgerIn<'_>>, b: Option<LedgerIn<'_>>) -> Option<LedgerOut> {
    if a.is_none() && b.is_none() {
        return None;
    }
    Some(out(Sealed::new(a).get().plus(Sealed::new(b).get()).or_raise()))
}

/// The first ledger without the second; a missing one is empty.
#[pg_extern(sql = false)]
fn ledger_minus(a: Option<LedgerIn<'_>>, b: Option<LedgerIn<'_>>) -> Option<LedgerOut> {
    if a.is_none() && b.is_none() {
        return None;
    }
    Some(out(Sealed::new(a).get().minus(Sealed::new(b).get()).or_raise()))
}

/// The days from_day ..= to_day; NULL or infinity leaves an end open.
#[pg_extern(sql = false)]
fn clip(ledger: Option<LedgerIn<'_>>, from_day: Option<Date>, to_day: Option<Date>) -> Option<LedgerOut> {
    let ledger = ledger?;
    let from = from_day.filter(|from| !from.is_neg_infinity());
    let to = to_day.filter(|to| !to.is_infinity());
    let bound = |end: Option<Date>, open: Day, beyond: Day| match end {
        None => open,
        Some(end) => date::finite(end.to_pg_epoch_days()).unwrap_or(beyond),
    };
    let from = bound(from, Day::MIN, Day::MAX);
    let to = bound(to, Day::MAX, Day::MIN);
    Some(out(Sealed::new(Some(ledger)).get().clip(from, to).or_raise()))
}

/// The earliest day on which the two ledgers differ; a missing one is empty.
#[pg_extern(sql = false)]
fn first_difference(a: Option<LedgerIn<'_>>, b: Option<LedgerIn<'_>>) -> Option<Date> {
    Sealed::new(a).get().first_difference(Sealed::new(b).get()).or_raise().map(date::date)
}

fn compare(a: LedgerIn<'_>, b: LedgerIn<'_>) -> std::cmp::Ordering {
    ledger::sealed(a.bytes).or_raise().cmp(&ledger::sealed(b.bytes).or_raise())
}

#[pg_extern(sql = false)]
fn ledger_eq(a: LedgerIn<'_>, b: LedgerIn<'_>) -> bool {
    compare(a, b).is_eq()
}

#[pg_extern(sql = false)]
fn ledger_ne(a: LedgerIn<'_>, b: LedgerIn<'_>) -> bool {
    compare(a, b).is_ne()
}

#[pg_extern(sql = false)]
fn ledger_lt(a: LedgerIn<'_>, b: LedgerIn<'_>) -> bool {
    compare(a, b).is_lt()
}

#[pg_extern(sql = false)]
fn ledger_le(a: LedgerIn<'_>, b: LedgerIn<'_>) -> bool {
    compare(a, b).is_le()
}

#[pg_extern(sql = false)]
fn ledger_gt(a: LedgerIn<'_>, b: LedgerIn<'_>) -> bool {
    compare(a, b).is_gt()
}

#[pg_extern(sql = false)]
fn ledger_ge(a: LedgerIn<'_>, b: LedgerIn<'_>) -> bool {
    compare(a, b).is_ge()
}

#[pg_extern(sql = false)]
fn ledger_cmp(a: LedgerIn<'_>, b: LedgerIn<'_>) -> i32 {
    compare(a, b) as i32
}

#[pg_extern(sql = false)]
fn ledger_hash(ledger: LedgerIn<'_>) -> i32 {
    ledger_hash_extended(ledger, 0) as i32
}

#[pg_extern(sql = false)]
fn ledger_hash_extended(ledger: LedgerIn<'_>, seed: i64) -> i64 {
    crate::pg::hash_bytes(&ledger::sealed(ledger.bytes).or_raise(), seed)
}

// ---------------------------------------------------------------------------------------------------------------------
// Readers: all of (ledger, as_of, window_days)

fn read(ledger: Option<LedgerIn<'_>>, day: Option<Date>, window_days: Option<i32>) -> Reading {
    let window = Window::new(as_of(day), window_days).or_raise();
    Sealed::new(ledger).get().read(window).or_raise()
}

/// Days from the last active day to as_of.
#[pg_extern(sql = false)]
fn recency(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> Option<i32> {
    read(ledger, as_of, window_days).recency().map(days)
}

/// Number of events.
#[pg_extern(sql = false)]
fn frequency(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> i64 {
    read(ledger, as_of, window_days).frequency()
}

/// Number of days with an event.
#[pg_extern(sql = false)]
fn active_days(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> i32 {
    read(ledger, as_of, window_days).active_days()
}

/// Net amount: gross less credits.
#[pg_extern(sql = false)]
fn monetary(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> Exact {
    Exact(read(ledger, as_of, window_days).monetary())
}

/// Sum of the amounts that are not negative.
#[pg_extern(sql = false)]
fn gross_amount(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> Exact {
    Exact(read(ledger, as_of, window_days).gross_amount())
}

/// Sum of the negative amounts, as a positive number.
#[pg_extern(sql = false)]
fn credit_amount(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> Exact {
    Exact(read(ledger, as_of, window_days).credit_amount())
}

/// Net amount per event.
#[pg_extern(sql = false)]
fn average_amount(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> Option<AnyNumeric> {
    let read = read(ledger, as_of, window_days);
    (read.frequency() > 0).then(|| numeric::divide(read.monetary(), read.frequency()))
}

/// Net amount of the first active day.
#[pg_extern(sql = false)]
fn first_amount(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> Option<Exact> {
    read(ledger, as_of, window_days).first_amount().map(Exact)
}

/// First active day.
#[pg_extern(sql = false)]
fn first_day(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> Option<Date> {
    read(ledger, as_of, window_days).first_day().map(date::date)
}

/// Last active day.
#[pg_extern(sql = false)]
fn last_day(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> Option<Date> {
    read(ledger, as_of, window_days).last_day().map(date::date)
}

/// Days from the first active day to as_of.
#[pg_extern(sql = false)]
fn tenure(ledger: Option<LedgerIn<'_>>, as_of: Option<Date>, window_days: Option<i32>) -> Option<i32> {
    read(ledger, as_of, window_days).tenure().map(days)
}

/// Days between two dates: they fit, as PostgreSQL's own date subtraction does.
fn days(difference: i64) -> i32 {
    i32::try_from(difference)
        .unwrap_or_else(|_| raise(PgSqlErrorCode::ERRCODE_DATETIME_FIELD_OVERFLOW, "date out of range", None))
}

/// The ledger day by day.
#[pg_extern(sql = false)]
fn entries(
    ledger: LedgerIn<'_>,
) -> TableIterator<
    'static,
    (name!(day, Date), name!(events, i64), name!(gross_amount, Exact), name!(credit_amount, Exact)),
> {
    let sealed = Sealed::new(Some(ledger));
    let scale = sealed.get().scale() as u32;
    let amount = |mantissa| Exact(rust_decimal::Decimal::new(mantissa, scale));
    let rows: Vec<_> = sealed
        .get()
        .entries()
        .map(|entry| entry.or_raise())
        .map(|Entry { day, events, gross, credit }| (date::date(day), events as i64, amount(gross), amount(credit)))
        .collect();
    TableIterator::new(rows)
}
