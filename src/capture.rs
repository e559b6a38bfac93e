//! The trigger that tells a source what happens to its relation: `strata_internal.capture`.

use pgrx::prelude::*;

use crate::pg::queue::{ARGUMENTS, Queue};
use crate::pg::trigger::{Change, TriggerCall};

/// In the queue's column `strata_change`, beside 1 (came) and -1 (went): all users have to be counted anew.
const COUNT_ALL: i16 = 0;
/// As above: the users in the queue have to be counted anew, for there was a partition without triggers.
const COUNT_THESE: i16 = 2;

/// `capture(schema, source, queue, number of the queue, uuid of the source)`, fired after each statement.
///
/// Whatever fails here fails the statement: what is committed is in the queue.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn strata_capture(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/internal/capture.sql declares.
    let call = unsafe { TriggerCall::of(fcinfo, "capture", ARGUMENTS) };
    // without a queue there is nobody to tell: the next sync misses it and counts everything
    if let Some(queue) = Queue::open(call) {
        write(&queue, call.change);
        queue.close();
    }
    // what a trigger after a statement returns is not looked at, but must not be NULL
    pg_sys::Datum::from(0)
}

crate::pg::declare!(pg_finfo_strata_capture);

fn write(queue: &Queue<'_>, change: Change) {
    if change == Change::Truncate || !queue.can_tell() {
        queue.write_mark(COUNT_ALL);
    } else if queue.write_rows() > 0 && queue.misses_members() {
        queue.write_mark(COUNT_THESE);
        queue.members_are_marked();
    }
}
