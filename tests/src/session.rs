//! A session with settings of its own, as every application, dashboard and database has them: none of them may change
//! what living layers answer.

use postgres::Client;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::{run, value};

/// What a session may set, with values that differ from one another in what they print, read, or plan.
const SETTINGS: [(&str, &[&str]); 27] = [
    ("standard_conforming_strings", &["on", "off"]),
    ("escape_string_warning", &["off"]),
    ("datestyle", &["ISO, YMD", "SQL, DMY", "German, DMY", "Postgres, MDY", "ISO, DMY"]),
    ("intervalstyle", &["postgres", "sql_standard", "postgres_verbose", "iso_8601"]),
    ("extra_float_digits", &["-15", "-4", "0", "1", "3"]),
    ("quote_all_identifiers", &["on", "off"]),
    ("transform_null_equals", &["on", "off"]),
    ("timezone", &["'UTC'", "'Asia/Shanghai'", "'America/New_York'", "'Pacific/Kiritimati'", "'Asia/Kathmandu'"]),
    ("bytea_output", &["hex", "escape"]),
    ("enable_seqscan", &["on", "off"]),
    ("enable_indexscan", &["on", "off"]),
    ("enable_indexonlyscan", &["on", "off"]),
    ("enable_bitmapscan", &["on", "off"]),
    ("enable_tidscan", &["on", "off"]),
    ("enable_hashjoin", &["on", "off"]),
    ("enable_mergejoin", &["on", "off"]),
    ("enable_nestloop", &["on", "off"]),
    ("enable_hashagg", &["on", "off"]),
    ("enable_sort", &["on", "off"]),
    ("enable_material", &["on", "off"]),
    ("work_mem", &["'64kB'", "'4MB'"]),
    ("jit", &["on", "off"]),
    ("plan_cache_mode", &["auto", "force_generic_plan", "force_custom_plan"]),
    (PARALLEL, &["off", "on", "regress"]),
    ("max_parallel_workers_per_gather", &["0", "2"]),
    ("row_security", &["on", "off"]),
    // what is looked for stays in public
    (
        "search_path",
        &["public", "\"$user\", public", "public, strata", "nowhere, public, pg_catalog", "public, pg_temp"],
    ),
];

/// Called otherwise before PostgreSQL 16.
const PARALLEL: &str = "debug_parallel_query";

/// Changes settings of a session from time to time, from a fixed seed.
#[derive(Debug)]
pub struct Session {
    random: StdRng,
    parallel: &'static str,
}

impl Session {
    pub fn new(client: &mut Client, seed: u64) -> Session {
        let version: i32 = value(client, "SELECT current_setting('server_version_num')::integer");
        let parallel = if version < 160_000 { "force_parallel_mode" } else { PARALLEL };
        Session { random: StdRng::seed_from_u64(seed), parallel }
    }

    /// Sets some of them, or all of them back, or leaves them.
    pub fn disturb(&mut self, client: &mut Client) {
        let statement = match self.random.random_range(0..12) {
            0 => "RESET ALL".to_owned(),
            1..=3 => {
                let some = (0..self.random.random_range(1..6)).map(|_| {
                    let (name, values) = SETTINGS[self.random.random_range(0..SETTINGS.len())];
                    let value = values[self.random.random_range(0..values.len())];
                    let name = if name == PARALLEL { self.parallel } else { name };
                    format!("SET {name} = {value}")
                });
                some.collect::<Vec<_>>().join("; ")
            }
            _ => return,
        };
        println!("{statement}");
        run(client, &statement);
    }
}
