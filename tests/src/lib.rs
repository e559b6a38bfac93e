//! What the integration tests share: connections to the throwaway cluster that
//! `scripts/cluster run` has started, databases of their own, and the data sets.

use std::env;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use postgres::types::FromSqlOwned;
use postgres::{Client, NoTls};

pub mod purchases;
pub mod roles;
pub mod session;

/// The cluster under test, as `scripts/cluster` describes it in the environment.
#[derive(Debug)]
pub struct Server {
    /// Directory of the unix socket.
    pub host: String,
    pub port: String,
    /// The server's own programs: `psql`, `pg_dump` …
    pub programs: PathBuf,
    /// No superuser; owns the test databases.
    pub analyst: String,
    pub superuser: String,
    /// The server's log, to look into when a backend has died.
    pub log: PathBuf,
    /// `pg_config` of the server.
    pub pg_config: PathBuf,
}

/// The cluster under test.
///
/// # Panics
/// When the tests were not started through `make test` or `scripts/cluster run`.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server {
        host: from_environment("STRATA_PGHOST"),
        port: from_environment("STRATA_PGPORT"),
        programs: from_environment("STRATA_PGBIN").into(),
        analyst: from_environment("STRATA_PGUSER"),
        superuser: from_environment("STRATA_PGSUPERUSER"),
        log: from_environment("STRATA_PGLOG").into(),
        pg_config: from_environment("PG_CONFIG").into(),
    })
}

fn from_environment(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run `make test`, or `make install` and then \
             `scripts/cluster run -- cargo test --release -p strata-tests`"
        )
    })
}

/// Connects as the analyst, who is what most users are: no superuser.
pub fn analyst(database: &str) -> Client {
    connect(database, &server().analyst)
}

/// Connects as the superuser, for what the analyst may not do.
pub fn superuser(database: &str) -> Client {
    connect(database, &server().superuser)
}

/// Connects as a role that can log in.
pub fn connect(database: &str, user: &str) -> Client {
    let Server { host, port, .. } = server();
    Client::configure()
        .host(host)
        .port(port.parse().expect("STRATA_PGPORT is a number"))
        .user(user)
        .dbname(database)
        .application_name("strata-tests")
        .connect(NoTls)
        .unwrap_or_else(|error| panic!("connecting to {database} as {user}: {error}"))
}

/// Makes an empty database that the analyst owns, in place of one of that name.
///
/// Tests run side by side on one cluster: give each its own name.
pub fn empty_database(name: &str) {
    let mut client = superuser("postgres");
    let owner = &server().analyst;
    for statement in [
        format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"),
        // template0: nobody can be connected to it, which would refuse the copy.
        format!("CREATE DATABASE \"{name}\" OWNER \"{owner}\" TEMPLATE template0"),
    ] {
        client.batch_execute(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Makes a database of that name with the extension in it, created by the
/// analyst, and connects to it as the analyst.
pub fn fresh_database(name: &str) -> Client {
    empty_database(name);
    let mut client = analyst(name);
    client.batch_execute("CREATE EXTENSION pg_strata").expect("the analyst creates the extension");
    client
}

/// One of the server's programs (`psql`, `pg_dump` …), to run as the analyst.
pub fn program(name: &str) -> Command {
    let server = server();
    let mut command = Command::new(server.programs.join(name));
    command.env("PGHOST", &server.host).env("PGPORT", &server.port).env("PGUSER", &server.analyst);
    command
}

/// A file below the directory of shared data (`../shared/data` of the repository, or what `STRATA_DATA` said when the
/// tests were built), unpacked when its name ends in `.xz`. A test that reads one is ignored where build.rs did not find
/// it: `#[cfg_attr(not(has_cdnow), ignore = "needs cdnow of the shared data")]`.
///
/// # Panics
/// Where the file is not there, or no longer.
pub fn shared_data(file: &str) -> String {
    let path = Path::new(env!("STRATA_DATA")).join(file);
    let opened = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = BufReader::new(opened);
    let mut bytes = Vec::new();
    if file.ends_with(".xz") {
        lzma_rs::xz_decompress(&mut reader, &mut bytes)
            .unwrap_or_else(|error| panic!("unpacking {}: {error:?}", path.display()));
    } else {
        reader.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    }
    String::from_utf8(bytes).expect("the data sets are UTF-8")
}

/// The demo's orders as CSV with a header: invoice, customer, time, country, amount.
pub fn demo_orders() -> String {
    let packed = repository().join("demo/orders.csv.gz");
    let unpacked = Command::new("gzip").arg("-dc").arg(&packed).output().expect("gzip runs");
    assert!(unpacked.status.success(), "{} cannot be unpacked", packed.display());
    String::from_utf8(unpacked.stdout).expect("the orders are UTF-8")
}

/// Runs the SQL files `names` of a directory `sql` in `input` with the server's pg_regress, as the analyst, one after the
/// other in a database that is there, and compares with the directory `expected`. An error says what differs.
pub fn pg_regress(database: &str, input: &Path, output: &Path, names: &[String]) -> Result<(), String> {
    let server = server();
    // It comes with the server's development files, beside its pgxs.mk.
    let answer = Command::new(&server.pg_config).arg("--pgxs").output().expect("pg_config runs");
    let pgxs = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    // …/pgxs/src/makefiles/pgxs.mk -> …/pgxs/src/test/regress/pg_regress
    let source = pgxs.ancestors().nth(2).expect("pgxs.mk lies in src/makefiles");
    let run = Command::new(source.join("test/regress/pg_regress"))
        .arg("--use-existing")
        .arg(format!("--dbname={database}"))
        .arg(format!("--user={}", server.analyst))
        .arg(format!("--host={}", server.host))
        .arg(format!("--port={}", server.port))
        .arg(format!("--bindir={}", server.programs.display()))
        .arg(format!("--inputdir={}", input.display()))
        .arg(format!("--outputdir={}", output.display()))
        .arg("--launcher=env PGDATESTYLE=ISO,YMD")
        .args(names)
        .output()
        .expect("pg_regress runs");
    if run.status.success() {
        return Ok(());
    }
    let differences = std::fs::read_to_string(output.join("regression.diffs")).unwrap_or_default();
    let (said, erred) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    Err(format!("pg_regress failed\n{said}{erred}\n{differences}"))
}

/// Feeds rows to a `COPY … FROM STDIN`.
pub fn copy_in(client: &mut Client, statement: &str, rows: &[u8]) {
    let mut copy = client.copy_in(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    copy.write_all(rows).unwrap_or_else(|error| panic!("{statement}: {error}"));
    copy.finish().unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// What a `COPY … TO STDOUT` writes.
pub fn copy_out(client: &mut Client, statement: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut copy = client.copy_out(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    copy.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{statement}: {error}"));
    bytes
}

/// Runs statements that have to succeed.
pub fn run(client: &mut Client, statements: &str) {
    client.batch_execute(statements).unwrap_or_else(|error| panic!("{statements}: {}", explained(&error)));
}

/// The first column of the only row of a query.
pub fn value<T: FromSqlOwned>(client: &mut Client, query: &str) -> T {
    client.query_one(query, &[]).unwrap_or_else(|error| panic!("{query}: {}", explained(&error))).get(0)
}

/// The SQLSTATE with which the server refuses statements.
///
/// # Panics
/// When the server does not refuse, or the connection is lost.
pub fn refusal(client: &mut Client, statements: &str) -> String {
    match client.batch_execute(statements) {
        Ok(()) => panic!("not refused: {statements}"),
        Err(error) => match error.code() {
            Some(code) => code.code().to_owned(),
            None => panic!("{statements}: {error}"),
        },
    }
}

/// The server's own words, where it has said any.
pub fn explained(error: &postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| format!("{}: {error}", error.code().code()))
}

/// The law of most tests: two queries give the same rows, each as often, and
/// at least one. Returns how many.
pub fn assert_same_rows(client: &mut Client, law: &str, ours: &str, theirs: &str) -> i64 {
    let question = format!(
        "WITH ours AS MATERIALIZED (
{ours}
), theirs AS MATERIALIZED (
{theirs}
), differing AS MATERIALIZED (
    SELECT 'only in the first' AS side, row_to_json(extra)::text AS line FROM (TABLE ours EXCEPT ALL TABLE theirs) AS extra
    UNION ALL
    SELECT 'only in the second', row_to_json(extra)::text FROM (TABLE theirs EXCEPT ALL TABLE ours) AS extra
)
SELECT (SELECT count(*) FROM ours),
       (SELECT count(*) FROM differing),
       (SELECT string_agg(side || ' ' || line, E'\n') FROM (SELECT * FROM differing ORDER BY line LIMIT 6) AS first)"
    );
    let answer = client.query_one(&question, &[]);
    let answer = answer.unwrap_or_else(|error| panic!("{law}: {}\n{question}", explained(&error)));
    let (rows, differing): (i64, i64) = (answer.get(0), answer.get(1));
    if differing > 0 {
        let examples: String = answer.get(2);
        panic!("{law}: {differing} differing rows\n{examples}\nfirst:\n{ours}\nsecond:\n{theirs}");
    }
    assert!(rows > 0, "{law}: there is nothing to compare\n{ours}");
    rows
}

/// The plan of a statement as it ran.
pub fn plan_as_run(client: &mut Client, statement: &str) -> String {
    let explain = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}");
    let lines = client.query(&explain, &[]).unwrap_or_else(|error| panic!("{explain}: {}", explained(&error)));
    lines.iter().map(|line| line.get::<_, String>(0) + "\n").collect()
}

/// Ends a process of the test's own server at once, as a crash would. By the shell's own `kill`: the program is not on
/// every machine.
pub fn kill(process: i32) {
    let _ = Command::new("sh").args(["-c", "kill -9 \"$0\"", &process.to_string()]).status().expect("sh runs");
}

/// Prints a line although the test harness captures the output of tests.
pub fn visible(line: &str) {
    // Standard error itself, which the harness captures only below eprintln!.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests' package lies in the repository")
}
