//! What the integration tests share: connections to the throwaway cluster that
//! `scripts/cluster run` has started, databases of their own, and the data sets.

use std::env;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use postgres::{Client, NoTls};

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

fn connect(database: &str, user: &str) -> Client {
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

/// A file below the shared data directory (`../shared/data` of the repository),
/// unpacked when its name ends in `.xz`. `None`, with a visible line that the
/// test is skipped, when it is not there.
pub fn shared_data(file: &str) -> Option<String> {
    let path = repository().join("../shared/data").join(file);
    let Ok(opened) = File::open(&path) else {
        // Not println!: the test harness would swallow it.
        let test = std::thread::current();
        let test = test.name().unwrap_or("a test").to_owned();
        visible(&format!("skipped: {test} needs {}", path.display()));
        return None;
    };
    let mut reader = BufReader::new(opened);
    let mut bytes = Vec::new();
    if file.ends_with(".xz") {
        lzma_rs::xz_decompress(&mut reader, &mut bytes)
            .unwrap_or_else(|error| panic!("unpacking {}: {error:?}", path.display()));
    } else {
        reader.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    }
    Some(String::from_utf8(bytes).expect("the data sets are UTF-8"))
}

/// Prints a line although the test harness captures the output of tests.
pub fn visible(line: &str) {
    use std::io::Write;
    // Standard error itself, which the harness captures only below eprintln!.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests' package lies in the repository")
}
