//! Why a row of a source cannot be counted: `strata_internal.row_problem`; where such a row could hide:
//! `strata_internal.is_beyond`.

use pgrx::prelude::*;
use strata_core::money::LARGEST_OF_A_ROW;

use crate::error::{OrRaise, not_null, raise};
use crate::event::{Amount, Time};
use crate::ledger::{LedgerIn, Sealed};
use crate::pg::call::Call;
use crate::pg::problem::Evaluator;
use crate::pg::row::Row;
use crate::pg::varlena;
use crate::pg::zone::Zone;

const ROW: usize = 0;
const RELATION: usize = 1;
/// The arguments that are expressions, in this order, with their names: where_clause last among the arguments, but first
/// to be run.
const TEXTS: [(usize, &str); 4] =
    [(5, "where_clause"), (2, "user_expression"), (3, "time_expression"), (4, "amount_expression")];
const TIME_ZONE: usize = 6;

const WHERE: usize = 0;
const USER: usize = 1;
const TIME: usize = 2;
const AMOUNT: usize = 3;

/// What a call site keeps.
struct Asked {
    /// The arguments that it was made of.
    texts: [Option<Vec<u8>>; 4],
    time_zone: Option<Vec<u8>>,
    evaluator: Evaluator,
    time: Time,
    amount: Amount,
    zone: Option<Zone>,
}

/// The bytes of a text argument.
fn bytes<'a>(call: &Call<'a>, argument: usize) -> Option<&'a [u8]> {
    // SAFETY: sql/internal/row_problem.sql declares these arguments as text.
    call.arg(argument).map(|datum| unsafe { varlena::bytes_of(datum) })
}

impl Asked {
    fn of(call: &Call<'_>, relation: pg_sys::Oid) -> Asked {
        // SAFETY: as above.
        let text = |argument: usize| unsafe { varlena::text(call.arg(argument)) };
        let [condition, user, time, amount] = TEXTS.map(|(argument, name)| (name, text(argument)));
        let given = |(name, text): (&'static str, Option<&'static str>)| {
            (name, not_null(text, name, "Give the expression as it was given to strata.add_source."))
        };
        // what is not there selects all rows, and is worth nothing
        let expressions = [
            (condition.0, condition.1.unwrap_or("true")),
            given(user),
            given(time),
            (amount.0, amount.1.unwrap_or("0")),
        ];
        let evaluator = Evaluator::of(call, relation, &expressions);
        let refuse = |which: usize, wanted: &str| -> ! {
            let ((name, text), found) = (expressions[which], evaluator.type_of(which));
            raise(
                PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                format!("{name} \"{text}\" is of type {}", crate::pg::query::type_name(found)),
                Some(format!("It can be {wanted}.")),
            )
        };
        if evaluator.type_of(WHERE) != pg_sys::BOOLOID {
            refuse(WHERE, "boolean");
        }
        let Some(time) = Time::of(evaluator.type_of(TIME)) else { refuse(TIME, "date, timestamp or timestamptz") };
        let Some(amount) = Amount::of(evaluator.type_of(AMOUNT)) else {
            refuse(AMOUNT, "numeric, bigint, integer or double precision")
        };
        let time_zone = bytes(call, TIME_ZONE).map(<[u8]>::to_vec);
        let zone = match (time, &time_zone) {
            (Time::TimestampTz, Some(name)) => Some(Zone::by_name(name)),
            (Time::TimestampTz, None) => raise(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                "a timestamp with time zone needs to know where a day begins",
                Some("Name the time zone, such as 'Asia/Shanghai'.".to_owned()),
            ),
            _ => None,
        };
        let texts = TEXTS.map(|(argument, _)| bytes(call, argument).map(<[u8]>::to_vec));
        Asked { texts, time_zone, evaluator, time, amount, zone }
    }

    fn is_of(&self, call: &Call<'_>, relation: pg_sys::Oid) -> bool {
        let same = |kept: &Option<Vec<u8>>, argument| kept.as_deref() == bytes(call, argument);
        self.evaluator.is_of(relation)
            && TEXTS.iter().zip(&self.texts).all(|((argument, _), kept)| same(kept, *argument))
            && same(&self.time_zone, TIME_ZONE)
    }

    fn problem(&mut self, call: &Call<'_>, row: Row) -> Option<String> {
        let is_true = |value: Option<pg_sys::Datum>| value.is_some_and(|value| value.value() & 0xff != 0);
        let selects = |place, value| place != WHERE || is_true(value);
        let values = match self.evaluator.values::<4>(call, row, selects) {
            Ok(values) => values,
            Err(message) => return Some(message),
        };
        // rows that are not selected, and those without a user or a time, are not counted
        let (true, Some(_), Some(at)) = (is_true(values[WHERE]), values[USER], values[TIME]) else { return None };
        let zone = &mut self.zone;
        let day = self.time.day(at, || zone.as_mut().unwrap_or_else(|| unreachable!("checked when it was made")));
        if day.is_none() {
            return Some(self.time.refusal(at).message);
        }
        let amount = values[AMOUNT]?;
        // SAFETY: the type was looked at when the site was made.
        unsafe {
            match self.amount.money(amount) {
                Err(error) => Some(self.amount.refusal(error, amount).message),
                Ok(money) if money.is_beyond() => {
                    Some(format!("amount {} is beyond {LARGEST_OF_A_ROW}", self.amount.shown(amount)))
                }
                Ok(_) => None,
            }
        }
    }
}

/// `row_problem(user_row, relation, user_expression, time_expression, amount_expression, where_clause, time_zone)`.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn strata_row_problem(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/row_problem.sql declares.
    unsafe {
        let call = Call::new(fcinfo);
        let (Some(row), Some(relation)) = (call.arg(ROW), call.arg(RELATION)) else { return call.null() };
        let relation = pg_sys::Oid::from(relation.value() as u32);
        let asked = call.kept(|| Asked::of(&call, relation));
        if !asked.is_of(&call, relation) {
            *asked = Asked::of(&call, relation);
        }
        match asked.problem(&call, Row::new(row)) {
            Some(message) => varlena::datum_of(message.as_bytes()),
            None => call.null(),
        }
    }
}

crate::pg::declare!(pg_finfo_strata_row_problem);

/// `is_beyond(ledger)`: whether a row beyond the bound could hide in one of its days.
#[pg_extern(sql = false)]
fn ledger_is_beyond(ledger: LedgerIn<'_>) -> bool {
    Sealed::new(Some(ledger)).get().is_beyond().or_raise()
}
