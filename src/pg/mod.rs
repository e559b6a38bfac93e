//! The only home of unsafe code: how values cross between PostgreSQL and Rust.
//!
//! * [`varlena`]: bytes of our own types, in and out;
//! * [`numeric`]: `numeric` read from its digits, and written;
//! * [`date`]: days and instants;
//! * [`zone`]: time zones, with the offset in force kept between calls;
//! * [`call`]: arguments of a call and what a call site keeps;
//! * [`aggregate`]: transition states in memory that belongs to the executor;
//! * [`window`]: the rows of a window function's partition;
//! * [`catalog`]: what the catalog says of relations, owners and schemas;
//! * [`held`]: relations that a call has found, and what else their names could mean;
//! * [`composite`]: rows as values;
//! * [`array`], [`json`]: arrays and `jsonb` as values;
//! * [`row`]: rows of any type as arguments;
//! * [`own`]: the extension's own types;
//! * [`query`]: queries given as text: what they return, and running them;
//! * [`snapshot`]: what they see;
//! * [`settings`]: what is pinned where text is printed, read and planned for others;
//! * [`expression`]: expressions for one row, given as text;
//! * [`rows`]: the answer of a set-returning function;
//! * [`spi`]: SQL run from inside a function;
//! * [`spill`]: temporary files;
//! * [`trigger`], [`queue`], [`transition`]: a trigger's call, the table that it writes to, and the rows;
//! * [`problem`]: expressions evaluated row by row, errors being answers.

pub mod aggregate;
pub mod array;
pub mod call;
pub mod catalog;
pub mod composite;
pub mod date;
pub mod expression;
pub mod held;
pub mod json;
pub mod numeric;
pub mod own;
pub mod problem;
pub mod query;
pub mod queue;
pub mod row;
pub mod rows;
pub mod settings;
pub mod snapshot;
pub mod spi;
pub mod spill;
pub mod transition;
pub mod trigger;
pub mod varlena;
pub mod window;
pub mod zone;

/// PostgreSQL's hash of bytes, as its own types use it.
pub fn hash_bytes(bytes: &[u8], seed: i64) -> i64 {
    unsafe extern "C-unwind" {
        fn hash_bytes_extended(bytes: *const u8, length: i32, seed: u64) -> u64;
    }
    // SAFETY: a pure function of the bytes; a datum has less than 2^30 of them.
    unsafe { hash_bytes_extended(bytes.as_ptr(), bytes.len() as i32, seed as u64) as i64 }
}

/// Settles that no error of ours carries a backtrace, whatever RUST_BACKTRACE says in the server's environment: pgrx would
/// put it into the DETAIL that users see. The standard library reads the variables once, when a backtrace is first asked
/// for; that is now, while they are not there.
pub fn forgo_backtraces() {
    const SWITCHES: [&str; 2] = ["RUST_LIB_BACKTRACE", "RUST_BACKTRACE"];
    let before = SWITCHES.map(std::env::var_os);
    // SAFETY: PostgreSQL loads libraries in a process of one thread; nobody else reads the environment meanwhile.
    unsafe {
        SWITCHES.into_iter().for_each(|switch| std::env::remove_var(switch));
        let _ = std::backtrace::Backtrace::capture();
        for (switch, value) in SWITCHES.into_iter().zip(before) {
            if let Some(value) = value {
                std::env::set_var(switch, value);
            }
        }
    }
}

/// Declares functions with PostgreSQL's own calling convention ("version 1"), as PG_FUNCTION_INFO_V1 does in C; the
/// argument is `pg_finfo_` and the function's name.
macro_rules! declare {
    ($($info:ident),+) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $info() -> &'static ::pgrx::pg_sys::Pg_finfo_record {
                const VERSION_1: ::pgrx::pg_sys::Pg_finfo_record = ::pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
                &VERSION_1
            }
        )+
    };
}
pub(crate) use declare;
