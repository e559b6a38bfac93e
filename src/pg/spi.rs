//! SQL run from inside a function, through PostgreSQL's server programming interface. Errors unwind as PostgreSQL's own do,
//! which closes what is open here.

use std::ffi::{CStr, CString};
use std::panic::AssertUnwindSafe;

use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};

use crate::error::raise;
use crate::pg::rows::Rows;

/// An answer's row: values as text.
pub type Row = Vec<Option<String>>;

/// A connection to SPI; [`Spi::close`] ends it.
pub struct Spi {
    /// Whether it only reads, under the snapshot of the calling statement.
    reads_only: bool,
}

impl Spi {
    pub fn open(reads_only: bool) -> Spi {
        // SAFETY: pairs with `close`, or with the end of the transaction.
        unsafe { pg_sys::SPI_connect() };
        Spi { reads_only }
    }

    pub fn close(self) {
        // SAFETY: connected since `open`.
        unsafe { pg_sys::SPI_finish() };
    }

    /// Runs one statement; answers how many rows it touched.
    pub fn run(&self, statement: &str) -> u64 {
        self.execute(statement);
        // SAFETY: set by the statement that has just run; its rows, if it has any, are dropped.
        unsafe {
            pg_sys::SPI_freetuptable(pg_sys::SPI_tuptable);
            pg_sys::SPI_processed
        }
    }

    /// Runs statements in their order.
    pub fn run_all(&self, statements: impl IntoIterator<Item = impl AsRef<str>>) {
        for statement in statements {
            self.run(statement.as_ref());
        }
    }

    /// All rows of a query.
    pub fn rows(&self, query: &str) -> Vec<Row> {
        self.execute(query);
        // SAFETY: the table of the statement that has just run, with as many rows and columns as it says.
        unsafe {
            let Some(table) = pg_sys::SPI_tuptable.as_ref() else { return Vec::new() };
            let columns = (*table.tupdesc).natts;
            let rows = (0..pg_sys::SPI_processed as usize)
                .map(|row| {
                    let tuple = *table.vals.add(row);
                    (1..=columns).map(|column| text_of(pg_sys::SPI_getvalue(tuple, table.tupdesc, column))).collect()
                })
                .collect();
            pg_sys::SPI_freetuptable(pg_sys::SPI_tuptable);
            rows
        }
    }

    /// The first row of a query; `None` where it has none.
    pub fn row(&self, query: &str) -> Option<Row> {
        self.rows(query).into_iter().next()
    }

    /// The first value of the first row.
    pub fn value(&self, query: &str) -> Option<String> {
        self.row(query)?.into_iter().next()?
    }

    /// Whether a question is answered with true.
    pub fn is(&self, question: &str) -> bool {
        self.value(question).as_deref() == Some("t")
    }

    /// Puts the rows of a query, whose types are those of the answer, into the answer.
    pub fn answer(&self, query: &str, rows: &Rows) {
        let text = text_for_server(query);
        // SAFETY: the receiver writes into the answer's store, and is of this statement alone.
        unsafe {
            let receiver = rows.receiver();
            let options =
                pg_sys::SPIExecuteOptions { read_only: self.reads_only, dest: receiver, ..Default::default() };
            let code = pg_sys::SPI_execute_extended(text.as_ptr(), &options);
            check(code, query);
            if let Some(destroy) = (*receiver).rDestroy {
                destroy(receiver);
            }
        }
    }

    fn execute(&self, statement: &str) {
        let text = text_for_server(statement);
        const TO_THE_END: std::ffi::c_long = 0;
        // SAFETY: connected; errors unwind.
        let code = unsafe { pg_sys::SPI_execute(text.as_ptr(), self.reads_only, TO_THE_END) };
        check(code, statement);
    }

    /// Runs something in a subtransaction, which ends as it does: what went wrong with data is answered after it is undone;
    /// every other error goes on.
    pub fn attempt<T>(&self, run: impl FnOnce() -> Result<T, Refused>) -> Result<T, Refused> {
        in_subtransaction(run, is_of_data)
    }

    /// The same, where it is only of interest whether a model lacks what calibration makes.
    pub fn attempt_before_calibration(&self, run: impl FnOnce()) {
        let is_not_ready = |report: &ErrorReportWithLevel| sqlstate(report.sql_error_code()) == "55000";
        let run = || {
            run();
            Ok(())
        };
        let _: Result<(), Refused> = in_subtransaction(run, is_not_ready);
    }

    /// Runs something in a subtransaction of which nothing stays where it fails: what is wrong with one of many is told, and
    /// the others go on. What is wrong with the server, or with nothing (a cancelled statement), goes on as an error.
    pub fn look<T>(&self, run: impl FnOnce() -> T) -> Result<T, Refused> {
        in_subtransaction(|| Ok(run()), is_of_one)
    }
}

/// Runs something in a subtransaction, which ends as it does: an error that is caught is answered after it is undone; every other
/// goes on.
pub(super) fn in_subtransaction<T>(
    run: impl FnOnce() -> Result<T, Refused>,
    is_caught: fn(&ErrorReportWithLevel) -> bool,
) -> Result<T, Refused> {
    // SAFETY: as PL/pgSQL does for a block with EXCEPTION: memory and resource owner go back to what they were.
    unsafe {
        let (memory, owner) = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(memory);
        let answer =
            PgTryBuilder::new(AssertUnwindSafe(|| -> Result<Result<T, Refused>, Box<CaughtError>> { Ok(run()) }))
                .catch_others(|error| Err(Box::new(error)))
                .execute();
        // undone before an error goes on: the session would be left in it
        match matches!(answer, Ok(Ok(_))) {
            true => pg_sys::ReleaseCurrentSubTransaction(),
            false => pg_sys::RollbackAndReleaseCurrentSubTransaction(),
        }
        pg_sys::MemoryContextSwitchTo(memory);
        pg_sys::CurrentResourceOwner = owner;
        answer.unwrap_or_else(|error| match *error {
            CaughtError::PostgresError(report) if is_caught(&report) => Err(Refused(report.message().to_owned())),
            CaughtError::ErrorReport(report) if is_caught(&report) => Err(Refused(report.message().to_owned())),
            other => other.rethrow(),
        })
    }
}

/// Why data were not taken.
#[derive(Debug)]
pub struct Refused(pub String);

/// What a value can be blamed for: data exceptions, limits, retracting what is not there.
fn is_of_data(report: &ErrorReportWithLevel) -> bool {
    let code = sqlstate(report.sql_error_code());
    code.starts_with("22") || code.starts_with("54") || code == "55000"
}

/// What a single source or model can be blamed for: all but conflicts of transactions, limits of the machine, an operator's
/// doing and errors of the system.
fn is_of_one(report: &ErrorReportWithLevel) -> bool {
    let code = sqlstate(report.sql_error_code());
    !["25", "40", "53", "57", "58", "XX000"].iter().any(|class| code.starts_with(class))
}

/// The five characters of an error code.
pub fn sqlstate(code: PgSqlErrorCode) -> String {
    // SAFETY: returns a NUL-terminated string in memory of its own, for any code.
    unsafe { CStr::from_ptr(pg_sys::unpack_sql_state(code as i32)).to_string_lossy().into_owned() }
}

/// Runs something and raises its error again without what stood around it inside: a user is told what is wrong, where and what
/// to do, and not by which statement of ours it was found.
pub fn without_context<T>(run: impl FnOnce() -> T) -> T {
    PgTryBuilder::new(AssertUnwindSafe(run))
        .catch_others(|error| match error {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => {
                let again =
                    pg_sys::panic::ErrorReport::new(report.sql_error_code(), report.message().to_owned(), "pg_strata");
                let again = match report.detail() {
                    Some(detail) => again.set_detail(detail.to_owned()),
                    None => again,
                };
                let again = match report.hint() {
                    Some(hint) => again.set_hint(hint.to_owned()),
                    None => again,
                };
                again.report(pgrx::PgLogLevel::ERROR);
                unreachable!("an ERROR does not return")
            }
            other => other.rethrow(),
        })
        .execute()
}

fn check(code: std::ffi::c_int, statement: &str) {
    if code < 0 {
        raise(
            PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
            format!("SPI answered {code}"),
            Some(statement.chars().take(200).collect()),
        );
    }
}

/// SQL as the server reads it: in the encoding of the database.
fn text_for_server(statement: &str) -> CString {
    CString::new(statement).unwrap_or_else(|_| {
        raise(PgSqlErrorCode::ERRCODE_SYNTAX_ERROR, "text contains a NUL byte", None);
    })
}

/// # Safety
/// NULL, or a NUL-terminated string that nobody else reads again.
unsafe fn text_of(value: *mut std::ffi::c_char) -> Option<String> {
    // SAFETY: by the caller's word.
    unsafe {
        if value.is_null() {
            return None;
        }
        let text = CStr::from_ptr(value).to_string_lossy().into_owned();
        pg_sys::pfree(value.cast());
        Some(text)
    }
}
