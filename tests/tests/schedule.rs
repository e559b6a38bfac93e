//! The law of the schedule: a model that is scheduled is refreshed without
//! anybody's doing, by its owner and no superuser, and no longer once it is not.
//!
//! pg_cron has to be loaded when the server starts, and works in one database
//! of it: this test starts a cluster of its own. Where pg_cron is not installed
//! beside the server (Debian: postgresql-15-cron) it is ignored.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use postgres::{Client, NoTls};
use strata_tests::{explained, refusal, repository, run, server, value};

const SETTINGS: &str = "
shared_preload_libraries = 'pg_cron'
cron.database_name = 'warehouse'
cron.use_background_workers = on
";

/// pg_cron starts what is due at the full minute.
const PATIENCE: Duration = Duration::from_secs(130);

/// A running cluster with pg_cron, gone when it is dropped.
struct Cluster {
    environment: HashMap<String, String>,
}

const NAME: &str = "schedule";

fn cluster(arguments: &[&str]) -> String {
    let output = Command::new(repository().join("scripts/cluster"))
        .args(arguments)
        .env("PG_CONFIG", &server().pg_config)
        .output()
        .expect("scripts/cluster runs");
    assert!(output.status.success(), "cluster {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the environment is UTF-8")
}

impl Cluster {
    fn start() -> Self {
        let settings = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pg_cron.conf");
        fs::write(&settings, SETTINGS).expect("a file for the settings");
        // left over from a run that was killed
        cluster(&["stop", NAME]);
        cluster(&["start", NAME, "--conf", settings.to_str().expect("a path in UTF-8")]);
        let environment = cluster(&["env", NAME])
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { environment }
    }

    fn connect(&self, user: &str) -> Client {
        let of = |name: &str| self.environment[name].as_str();
        Client::configure()
            .host(of("PGHOST"))
            .port(of("PGPORT").parse().expect("a port"))
            .user(of(user))
            .dbname(of("PGDATABASE"))
            .connect(NoTls)
            .unwrap_or_else(|error| panic!("connecting as {user}: {error}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Not cluster(): a panic in here would hide the one that is on its way.
        let _ = Command::new(repository().join("scripts/cluster")).args(["stop", NAME]).status();
    }
}

/// Waits until a query says true.
fn wait_for(client: &mut Client, query: &str) {
    let start = Instant::now();
    while !value::<bool>(client, query) {
        if start.elapsed() > PATIENCE {
            let runs =
                client.query("SELECT status || ': ' || coalesce(return_message, '') FROM cron.job_run_details", &[]);
            let runs: Vec<String> =
                runs.map_or_else(|error| vec![explained(&error)], |rows| rows.iter().map(|row| row.get(0)).collect());
            panic!("not within {PATIENCE:?}: {query}\nruns: {runs:?}");
        }
        thread::sleep(Duration::from_millis(500));
    }
}

#[test]
#[cfg_attr(not(has_pg_cron), ignore = "needs pg_cron (Debian: postgresql-15-cron)")]
fn a_scheduled_model_is_refreshed() {
    let cluster = Cluster::start();
    let mut analyst = cluster.connect("STRATA_PGUSER");
    let mut superuser = cluster.connect("STRATA_PGSUPERUSER");
    run(
        &mut analyst,
        "CREATE EXTENSION pg_strata;
         CREATE TABLE orders (customer_id bigint, ordered_on date, amount numeric);
         INSERT INTO orders SELECT n, current_date - n::int, 10 FROM generate_series(1, 20) AS n;
         SELECT strata.add_source('orders', 'orders', 'customer_id', 'ordered_on', 'amount');
         SELECT strata.create_model('rfm', strata.preset('rfm_eleven'));
         SELECT strata.create_model('odd \"Na''me %', strata.preset('rfm_eight'));",
    );

    // without pg_cron, and before the role may use it
    assert_eq!(refusal(&mut analyst, "SELECT strata.schedule('rfm', '5 0 * * *')"), "55000");
    run(&mut superuser, "CREATE EXTENSION pg_cron");
    assert_eq!(refusal(&mut analyst, "SELECT strata.schedule('rfm', '5 0 * * *')"), "42501");
    run(&mut superuser, "GRANT USAGE ON SCHEMA cron TO analyst");
    // pg_cron's own word on a schedule that is none
    assert_eq!(refusal(&mut analyst, "SELECT strata.schedule('rfm', 'daily')"), "22023");
    assert_eq!(refusal(&mut analyst, "SELECT strata.schedule('rmf', '* * * * *')"), "42704");

    // another schedule takes the place of the first
    run(
        &mut analyst,
        "SELECT strata.schedule('rfm', '5 0 * * *');
         SELECT strata.schedule('rfm', '* * * * *');
         SELECT strata.schedule('odd \"Na''me %', '* * * * *');",
    );
    assert_eq!(value::<i64>(&mut analyst, "SELECT count(*) FROM cron.job"), 2);
    assert_eq!(
        value::<String>(
            &mut analyst,
            "SELECT replace(jobname::text, left(id::text, 8), '…') || ' ' || username || ' ' || command
             FROM cron.job, strata_models WHERE command LIKE '%rfm%' AND name = 'rfm'"
        ),
        "strata:rfm:… analyst SELECT * FROM strata.refresh('public.rfm')"
    );
    assert_eq!(value::<i64>(&mut analyst, "SELECT count(*) FROM strata_models WHERE schedule = '* * * * *'"), 2);
    wait_for(&mut analyst, "SELECT bool_and(users = 20) FROM strata.model_status()");

    // what comes later is found by a later run
    run(&mut analyst, "INSERT INTO orders VALUES (21, current_date, 10)");
    wait_for(&mut analyst, "SELECT bool_and(users = 21) FROM strata.model_status()");

    run(&mut analyst, "SELECT strata.unschedule('rfm'); SELECT strata.unschedule('rfm')");
    assert_eq!(value::<i64>(&mut analyst, "SELECT count(*) FROM strata_models WHERE schedule IS NOT NULL"), 1);
    // a model goes with its job
    run(&mut analyst, "SELECT strata.drop_model('odd \"Na''me %')");
    assert_eq!(value::<i64>(&mut analyst, "SELECT count(*) FROM cron.job"), 0);
}
