//! The door of a public function with state: who calls, on which search path, and under which settings the rest runs.

use pgrx::pg_sys;

use crate::pg::call::Call;
use crate::pg::held::Watch;
use crate::pg::rows::Rows;
use crate::pg::settings::{Settings, set, setting};
use crate::pg::snapshot::KeptSnapshot;
use crate::pg::spi::{Spi, without_context};
use crate::pg::{catalog, json, varlena};

/// What a function answers.
pub enum Answer {
    Null,
    Text(String),
    /// Text that is JSON, as `jsonb`.
    Json(String),
    Bigint(i64),
    Integer(i32),
    /// Rows that have been put into the call's answer.
    Rows(Rows),
}

/// A call that has come in.
pub struct Door<'a> {
    pub call: Call<'a>,
    pub spi: Spi,
    /// The schemas in which the caller looks names up, in order.
    pub path: Vec<pg_sys::Oid>,
    pub time_zone: String,
    pub caller: pg_sys::Oid,
}

/// Runs a function that writes. `prepare` reads what has to be read as the caller reads it; the settings are pinned for `run`.
pub fn writing<'a, T>(
    fcinfo: pg_sys::FunctionCallInfo,
    prepare: impl FnOnce(&Door<'a>) -> T,
    run: impl FnOnce(&Door<'a>, T) -> Answer,
) -> pg_sys::Datum {
    enter(fcinfo, false, prepare, run)
}

/// Runs a function that only reads, under the snapshot of the calling statement.
pub fn reading<'a>(fcinfo: pg_sys::FunctionCallInfo, run: impl FnOnce(&Door<'a>) -> Answer) -> pg_sys::Datum {
    enter(fcinfo, true, |_| (), |door, ()| run(door))
}

fn enter<'a, T>(
    fcinfo: pg_sys::FunctionCallInfo,
    reads_only: bool,
    prepare: impl FnOnce(&Door<'a>) -> T,
    run: impl FnOnce(&Door<'a>, T) -> Answer,
) -> pg_sys::Datum {
    // SAFETY: PostgreSQL called the function with it.
    let call = unsafe { Call::new(fcinfo) };
    let answer = without_context(|| {
        let watch = Watch::of(catalog::current_user());
        let door = Door {
            call,
            spi: Spi::open(reads_only),
            path: catalog::search_path(),
            time_zone: setting(c"TimeZone"),
            caller: catalog::current_user(),
        };
        let prepared = prepare(&door);
        let kept = KeptSnapshot::from_here_on();
        let settings = Settings::pinned();
        let answer = run(&door, prepared);
        settings.close();
        drop(kept);
        drop(watch);
        door.spi.close();
        answer
    });
    match answer {
        Answer::Null => call.null(),
        Answer::Text(text) => varlena::datum_of(text.as_bytes()),
        Answer::Json(text) => json::jsonb(&text),
        Answer::Bigint(number) => pg_sys::Datum::from(number),
        Answer::Integer(number) => pg_sys::Datum::from(number),
        Answer::Rows(rows) => rows.answer(call),
    }
}

impl Door<'_> {
    /// A text argument; NULL is `None`.
    pub fn text(&self, index: usize) -> Option<String> {
        // SAFETY: SQL declares the argument as text.
        unsafe { varlena::text(self.call.arg(index)) }.map(str::to_owned)
    }

    /// A `name` argument.
    pub fn name(&self, index: usize) -> Option<String> {
        // SAFETY: SQL declares the argument as name.
        self.call.arg(index).map(|datum| unsafe { catalog::name_text(datum) })
    }

    /// An argument of any type, printed as under pinned settings.
    pub fn printed(&self, index: usize) -> Option<String> {
        let datum = self.call.arg(index)?;
        let settings = Settings::pinned();
        let text = catalog::print(datum, self.call.type_of(index));
        settings.close();
        Some(text)
    }

    pub fn is_true(&self, index: usize) -> bool {
        self.call.arg(index).is_some_and(|datum| datum.value() != 0)
    }

    pub fn integer(&self, index: usize) -> Option<i32> {
        self.call.arg(index).map(|datum| datum.value() as i32)
    }

    pub fn bigint(&self, index: usize) -> Option<i64> {
        self.call.arg(index).map(|datum| datum.value() as i64)
    }

    pub fn oid(&self, index: usize) -> Option<pg_sys::Oid> {
        self.call.arg(index).map(|datum| pg_sys::Oid::from(datum.value() as u32))
    }
}

/// Statements between these two run as for few users: each is looked up by an index.
pub fn with_few_users<T>(run: impl FnOnce() -> T) -> T {
    let settings = Settings::open();
    set(c"enable_hashjoin", c"off");
    set(c"enable_mergejoin", c"off");
    let answer = run();
    settings.close();
    answer
}
