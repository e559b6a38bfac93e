//! A user's answers from day to day: `strata.walk`.

use pgrx::prelude::*;
use strata_core::day::Day;
use strata_core::model::Asked;

use crate::error::{OrRaise, not_null};
use crate::layer::{answered, ask_on};
use crate::pg::call::Call;
use crate::pg::composite::RowType;
use crate::pg::{array, date};

::pgrx::extension_sql_file!("../sql/walk.sql", name = "walk", requires = ["last_events"]);

/// A day that has to be given.
fn day_argument(datum: Option<pg_sys::Datum>, name: &str) -> Day {
    let datum = not_null(datum, name, "For example from_day => DATE '2011-01-01', to_day => DATE '2011-12-31'.");
    // SAFETY: any 32-bit number is a date or one of the infinities.
    date::day(unsafe { Date::from_pg_epoch_days(datum.value() as i32) }, name)
}

/// `walk(user_row, model, from_day, to_day)`: what `evaluate` answers on from_day, and on each later day that answers otherwise.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn walk(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/walk.sql declares.
    unsafe {
        let call = Call::new(fcinfo);
        if call.arg(0).is_none() || call.arg(1).is_none() {
            return call.null();
        }
        let (from, to) = (day_argument(call.arg(2), "from_day"), day_argument(call.arg(3), "to_day"));
        let walked = ask_on(
            &call,
            0,
            1,
            Asked::Everything,
            |_, _| from,
            |kept, evaluation| {
                let model = evaluation.model();
                let row_type = kept.row_type(|| RowType::elements_returned_by(call));
                let mut steps = Vec::new();
                let walked = evaluation.walk(to, |step| {
                    let [layer, layers, scores] = answered(model, &step.answer);
                    let day = |day: Day| pg_sys::Datum::from(day.number());
                    steps.push(row_type.value([Some(day(step.day)), layer, layers, scores, step.next_change.map(day)]));
                });
                walked.or_raise();
                array::of_rows(&mut steps, row_type)
            },
        );
        walked.unwrap_or_else(|| call.null())
    }
}

crate::pg::declare!(pg_finfo_walk);
