//! All users of a query at once: `strata.ledgers`, and the engine below `strata.rfm`.
//!
//! The query is wrapped into an ungrouped aggregate, `bulk_agg`, whose state is a [`Bulk`] builder. PostgreSQL plans it
//! like any other: in parallel, each worker builds a part, compacts it and sends it as bytes. The final function hands
//! the builder over to the function that started the query.

use std::cell::RefCell;

use pgrx::prelude::*;
use strata_core::bulk::{Bulk, EVENT_BYTES, Fold, Group, Key, settings_in};
use strata_core::day::Day;
use strata_core::ledger::{self, LedgerError, Window};

use crate::error::{OrRaise, not_null, raise};
use crate::event::EventColumns;
use crate::pg::call::Call;
use crate::pg::date;
use crate::pg::own::is_ledger;
use crate::pg::query::{
    self, Column, Described, casts_by_another_role, describe, is_deterministic, literal, qualified_type_name, type_name,
};
use crate::pg::rows::Rows;
use crate::pg::snapshot::LockWaits;
use crate::pg::spill::TempFile;
use crate::pg::varlena;
use crate::pg::zone::Zone;

// ---------------------------------------------------------------------------------------------------------------------
// The aggregate: (state internal, user "any", at "any", amount "any", time_zone text, as_of date, window_days integer)

/// The state of `bulk_agg`.
struct Building {
    bulk: Bulk<TempFile>,
    /// Rows without a user.
    guests: u64,
}

impl Building {
    fn new(integers: bool, fold: Fold) -> Building {
        Building { bulk: Bulk::new(integers, fold, budget(), TempFile::new()), guests: 0 }
    }
}

/// Bytes that a builder may keep in memory: work_mem x hash_mem_multiplier.
fn budget() -> usize {
    // SAFETY: reads two settings.
    unsafe { pg_sys::get_hash_memory_limit() }
}

/// What `bulk_agg` keeps at a call site.
struct Site {
    user: User,
    /// `None` where the rows carry ledgers.
    events: Option<EventColumns>,
    fold: Fold,
}

/// The types that a user's key can have.
#[derive(Clone, Copy)]
enum User {
    Integer,
    BigInt,
    Uuid,
    Text,
}

impl User {
    fn of(type_oid: pg_sys::Oid) -> Option<User> {
        match type_oid {
            pg_sys::INT4OID => Some(User::Integer),
            pg_sys::INT8OID => Some(User::BigInt),
            pg_sys::UUIDOID => Some(User::Uuid),
            pg_sys::TEXTOID => Some(User::Text),
            _ => None,
        }
    }

    fn is_integer(self) -> bool {
        matches!(self, User::Integer | User::BigInt)
    }

    /// # Safety
    /// The datum is of this type.
    #[inline]
    unsafe fn key<'a>(self, datum: pg_sys::Datum) -> Key<'a> {
        match self {
            User::Integer => Key::Integer(datum.value() as i32 as i64),
            User::BigInt => Key::Integer(datum.value() as i64),
            // SAFETY: by the caller's word; a uuid is 16 bytes by reference.
            User::Uuid => Key::Bytes(unsafe { std::slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), 16) }),
            User::Text => Key::Bytes(unsafe { varlena::bytes_of(datum) }),
        }
    }

    /// The key as a value of this type, in the current memory context. Integers can also be shown as text.
    fn datum(self, key: Key<'_>) -> pg_sys::Datum {
        match (self, key) {
            (User::Integer, Key::Integer(number)) => pg_sys::Datum::from(number as i32),
            (User::Text, Key::Integer(number)) => varlena::datum_of(number.to_string().as_bytes()),
            (_, Key::Integer(number)) => pg_sys::Datum::from(number),
            (User::Uuid, Key::Bytes(bytes)) => varlena::fixed_datum_of(bytes),
            (_, Key::Bytes(bytes)) => varlena::datum_of(bytes),
        }
    }
}

const USER: usize = 1;
const AT: usize = 2;
const AS_OF: usize = 5;

/// Transition function of `bulk_agg`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bulk_agg_transition(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/bulk_agg.sql declares; the state is one of `state_of`'s.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let site = call.kept(|| Site::of(&call));
        let (state, building) = state_of(&call, site.user.is_integer(), site.fold);
        let (Some(user), Some(at)) = (call.arg(USER), call.arg(AT)) else {
            building.guests += call.arg(USER).is_none() as u64;
            return state;
        };
        let key = site.user.key(user);
        let pushed = match &mut site.events {
            Some(events) => {
                let day = events.day(&call, at);
                let amount = events.amount(&call);
                building.bulk.push(key, day, amount)
            }
            None => ledger::sealed(varlena::bytes_of(at)).and_then(|sealed| building.bulk.push_ledger(key, &sealed)),
        };
        pushed.or_raise();
        state
    }
}

impl Site {
    fn of(call: &Call<'_>) -> Site {
        let user = User::of(call.type_of(USER)).unwrap_or_else(|| {
            raise(
                PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                "bulk_agg takes users of type integer, bigint, uuid or text",
                None,
            )
        });
        let events = match is_ledger(call.type_of(AT)) {
            true => None,
            false => Some(EventColumns::of(call, AT)),
        };
        let fold = match call.arg(AS_OF) {
            None => Fold::Ledgers,
            as_of => {
                let window_days = call.arg(AS_OF + 1).map(|days| days.value() as i32);
                Fold::Metrics(Window::new(date::as_of_datum(as_of), window_days).or_raise())
            }
        };
        Site { user, events, fold }
    }
}

/// The state of the group, made at its first row.
///
/// # Safety
/// Argument 0 is what this function returned before.
#[inline(always)]
unsafe fn state_of<'a>(call: &Call<'a>, integers: bool, fold: Fold) -> (pg_sys::Datum, &'a mut Building) {
    let state = match call.arg(0) {
        Some(state) => state.cast_mut_ptr::<Building>(),
        None => call.aggregate_state(Building::new(integers, fold)),
    };
    // SAFETY: by the caller's word; only one call at a time has the state.
    (pg_sys::Datum::from(state), unsafe { &mut *state })
}

/// What a worker sends: the number of guests, then the builder.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bulk_agg_serialize(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    /// PostgreSQL's limit of one value, less its header.
    const LARGEST: usize = 0x3fff_ffff - 64;
    // SAFETY: called by PostgreSQL with a state, which nobody reads again.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let Some(state) = call.arg(0) else { return call.null() };
        let building = &mut *state.cast_mut_ptr::<Building>();
        let Building { bulk, guests } = std::mem::replace(building, Building::new(true, Fold::Ledgers));
        match bulk.to_bytes(LARGEST) {
            Ok((bytes, file)) => {
                file.close();
                let (value, body) = varlena::allocate(8 + bytes.len());
                body[..8].copy_from_slice(&guests.to_le_bytes());
                body[8..].copy_from_slice(&bytes);
                pg_sys::Datum::from(value)
            }
            Err(LedgerError::OutOfMemory) => raise(
                PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                "the part of a parallel worker exceeds 1 GB",
                Some("SET max_parallel_workers_per_gather = 0 for this statement.".to_owned()),
            ),
            Err(error) => Err(error).or_raise(),
        }
    }
}

/// A worker's part, as it was sent; [`bulk_agg_combine`] takes it in.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bulk_agg_deserialize(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL with what `bulk_agg_serialize` returned: it goes on as it is.
    unsafe { Call::of_aggregate(fcinfo).arg(0).unwrap_or(pg_sys::Datum::null()) }
}

/// Combine function of `bulk_agg`: (state, part of a worker).
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bulk_agg_combine(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL; argument 1 is what `bulk_agg_deserialize` returned.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let Some(part) = call.arg(1) else {
            return call.arg(0).unwrap_or_else(|| call.null());
        };
        let Some((guests, bytes)) = varlena::bytes_of(part).split_first_chunk::<8>() else {
            raise(PgSqlErrorCode::ERRCODE_DATA_CORRUPTED, "the part of a parallel worker is damaged", None)
        };
        let (integers, fold) = settings_in(bytes).or_raise();
        let (state, building) = state_of(&call, integers, fold);
        building.guests += u64::from_le_bytes(*guests);
        building.bulk.add_bytes(bytes).or_raise();
        state
    }
}

/// Final function of `bulk_agg`: hands the builder over to [`build`], which waits for it.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn bulk_agg_final(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL with a state, which nobody reads again.
    unsafe {
        let call = Call::of_aggregate(fcinfo);
        let building = call
            .arg(0)
            .map(|state| std::mem::replace(&mut *state.cast_mut_ptr::<Building>(), Building::new(true, Fold::Ledgers)));
        WAITING.with_borrow_mut(|waiting| match waiting.last_mut() {
            Some(place) => *place = building,
            None => raise(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "bulk_agg works only below strata.ledgers, strata.rfm and strata.rfm_summary",
                None,
            ),
        });
        call.null()
    }
}

crate::pg::declare!(
    pg_finfo_bulk_agg_transition,
    pg_finfo_bulk_agg_serialize,
    pg_finfo_bulk_agg_deserialize,
    pg_finfo_bulk_agg_combine,
    pg_finfo_bulk_agg_final,
    pg_finfo_ledgers
);

// ---------------------------------------------------------------------------------------------------------------------
// Running a query into a builder

thread_local! {
    /// One place for each function that waits for a builder: the query of one may call another.
    static WAITING: RefCell<Vec<Option<Building>>> = const { RefCell::new(Vec::new()) };
}

/// Takes its place away however the call ends.
struct Waiting;

impl Waiting {
    fn start() -> Waiting {
        WAITING.with_borrow_mut(|waiting| waiting.push(None));
        Waiting
    }

    fn take(&self) -> Option<Building> {
        WAITING.with_borrow_mut(|waiting| waiting.last_mut().and_then(Option::take))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.with_borrow_mut(|waiting| waiting.pop());
    }
}

/// All users of a query.
pub struct Users {
    building: Option<Building>,
    user: User,
}

/// No amount, or no window. Every argument of the aggregate has its type, so that none has to be guessed.
const NO_NUMBER: &str = "NULL::pg_catalog.int4";

const SHAPE: &str =
    "The query returns (user, time [, amount]), for example: SELECT customer_id, ordered_at, amount FROM orders.";

/// Runs `query` and builds all of its users, keyed as `user_type`: their ledgers, or only their metrics as of a day
/// (with the window's days, where there is a window).
pub fn build(
    query: Option<&str>,
    time_zone: Option<&str>,
    user_type: pg_sys::Oid,
    metrics: Option<(Day, Option<i32>)>,
) -> Users {
    let query = not_null(query, "query", SHAPE);
    let user = User::of(user_type).unwrap_or_else(|| {
        raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("user_type cannot be {}", type_name(user_type)),
            Some("It can be bigint, integer, uuid or text, for example user_type => NULL::bigint.".to_owned()),
        )
    });
    let waits = LockWaits::so_far();
    let Described { statement, columns, rows } = describe(query);
    let events = event_arguments(&columns, time_zone);
    let user_column = &columns[0];
    if !user.is_integer() && !is_deterministic(user_column.collation) {
        raise(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            format!("column \"{}\" has a nondeterministic collation", user_column.name),
            Some(
                "Choose another in the query, as in: SELECT name COLLATE \"C\", ordered_at, amount FROM orders."
                    .to_owned(),
            ),
        );
    }
    if casts_by_another_role(user_column.type_oid, user_type) {
        raise(
            PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            format!(
                "column \"{}\" would be made a {} by another role's function",
                user_column.name,
                type_name(user_type)
            ),
            Some(format!("Where you trust it, cast {} in the query.", user_column.type_name())),
        );
    }
    let names = if columns.len() == 2 { "user_id, at" } else { "user_id, at, amount" };
    // a text can be made of an integer once for each user, instead of once for each row
    let key_type = match (user, User::of(user_column.type_oid)) {
        (User::Text, Some(User::Integer | User::BigInt)) => qualified_type_name(user_column.type_oid),
        _ => qualified_type_name(user_type),
    };
    let fold = match metrics {
        None => format!("NULL::pg_catalog.date, {NO_NUMBER}"),
        Some((as_of, window_days)) => {
            // not the day's text, which PostgreSQL reads otherwise for years before 1
            let window_days = window_days.map_or(NO_NUMBER.to_owned(), |days| format!("({days})::pg_catalog.int4"));
            let day = as_of.number();
            format!("'2000-01-01'::pg_catalog.date OPERATOR(pg_catalog.+) ({day})::pg_catalog.int4, {window_days}")
        }
    };
    let waiting = Waiting::start();
    // the parts of parallel workers travel through memory: only where everything is expected to fit the budget
    let parallel = rows * EVENT_BYTES as f64 <= budget() as f64;
    query::run(
        &format!(
            "SELECT strata_internal.bulk_agg(user_id::{key_type}, {events}, {fold}) FROM (\n{statement}\n) AS events ({names})"
        ),
        parallel,
        waits,
    );
    let building = waiting.take();
    if let Some(Building { guests: guests @ 1.., .. }) = building {
        let rows = if guests == 1 { "row" } else { "rows" };
        pgrx::notice!("{guests} {rows} without a user left out");
    }
    Users { building, user }
}

/// The arguments of `bulk_agg` behind the user, for the columns that the query returns.
fn event_arguments(columns: &[Column], time_zone: Option<&str>) -> String {
    let (time, amount) = match columns {
        [_, time] => (time, None),
        [_, time, amount] => (time, Some(amount)),
        _ => raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!(
                "the query returns {} column{}, not 2 or 3",
                columns.len(),
                if columns.len() == 1 { "" } else { "s" }
            ),
            Some(SHAPE.to_owned()),
        ),
    };
    let zone = time_zone.map_or("NULL::pg_catalog.text".to_owned(), |zone| {
        Zone::by_name(zone.as_bytes());
        format!("{}::pg_catalog.text", literal(zone))
    });
    match (time.type_oid, amount) {
        (pg_sys::DATEOID | pg_sys::TIMESTAMPOID, _) => {}
        (pg_sys::TIMESTAMPTZOID, _) if time_zone.is_some() => {}
        (pg_sys::TIMESTAMPTZOID, _) => raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("column \"{}\" is a timestamp with time zone: where does a day begin?", time.name),
            Some("Name the time zone, for example time_zone => 'Asia/Shanghai'.".to_owned()),
        ),
        (_, None) if is_ledger(time.type_oid) => {}
        (_, Some(amount)) if is_ledger(time.type_oid) => raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("column \"{}\" stands beside a ledger, which has its amounts in it", amount.name),
            Some(
                "A query of ledgers returns (user, ledger), for example: SELECT customer_id, ledger FROM ledgers."
                    .to_owned(),
            ),
        ),
        _ => raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("column \"{}\" must be a date, a timestamp or a ledger, not {}", time.name, time.type_name()),
            Some(SHAPE.to_owned()),
        ),
    }
    // cast to what they are, without a domain
    let at = format!("at::{}", qualified_type_name(time.type_oid));
    let amount_type = match amount.map(|amount| (amount, amount.type_oid)) {
        None => return format!("{at}, {NO_NUMBER}, {zone}"),
        Some((_, same @ (pg_sys::NUMERICOID | pg_sys::INT8OID | pg_sys::INT4OID | pg_sys::FLOAT8OID))) => same,
        Some((_, pg_sys::INT2OID)) => pg_sys::INT4OID,
        Some((_, pg_sys::FLOAT4OID)) => pg_sys::FLOAT8OID,
        Some((amount, _)) => raise(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("column \"{}\" must be a number, not {}", amount.name, amount.type_name()),
            Some(SHAPE.to_owned()),
        ),
    };
    format!("{at}, amount::{}, {zone}", qualified_type_name(amount_type))
}

/// `user_type` is looked at for its type only, and a text there is a misunderstanding: user_type => 'bigint'.
pub fn refuse_text_as_type(value: Option<pg_sys::Datum>) {
    if value.is_some() {
        raise(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "user_type is told by its type, not by its name",
            Some("For example user_type => NULL::bigint.".to_owned()),
        );
    }
}

impl Users {
    /// Hands every user with all of its records to `visit`, in no order that means anything.
    pub fn visit(self, mut visit: impl FnMut(&Group<'_>) -> Result<(), LedgerError>) {
        if let Some(Building { bulk, .. }) = self.building {
            bulk.visit(&mut visit).or_raise().close();
        }
    }

    /// How a key of these users is written as a value.
    pub fn key_datum(&self) -> impl Fn(Key<'_>) -> pg_sys::Datum + use<> {
        let user = self.user;
        move |key| user.datum(key)
    }
}

/// `ledgers(query, time_zone, user_type text)` and `ledgers(query, user_type, time_zone)`: one row for each user.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn ledgers(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/public/ledgers.sql declares.
    let call = unsafe { Call::new(fcinfo) };
    let mut rows = Rows::of(call);
    let time_zone = if call.type_of(1) == pg_sys::TEXTOID { 1 } else { 2 };
    if time_zone == 1 {
        refuse_text_as_type(call.arg(2));
    }
    // SAFETY: both are texts.
    let (query, time_zone) = unsafe { (varlena::text(call.arg(0)), varlena::text(call.arg(time_zone))) };
    let users = build(query, time_zone, rows.type_of(0), None);
    let key_datum = users.key_datum();
    let mut work = Vec::new();
    users.visit(|group| {
        let ledger = group.ledger(&mut work)?;
        rows.put(|| [Some(key_datum(group.key())), Some(varlena::datum_of(ledger.as_bytes()))]);
        Ok(())
    });
    rows.answer(call)
}
