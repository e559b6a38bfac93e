//! Looks which of the shared data sets are there: tests of the others are ignored, and cargo's summary says so. The build
//! script of the core and of the tests, which also ask for pg_cron.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    // The Makefile says where they are, so that data that come later are seen.
    println!("cargo::rerun-if-env-changed=STRATA_DATA");
    let directory = env::var("STRATA_DATA").ok().filter(|directory| !directory.is_empty());
    let directory = directory.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data").to_owned());
    println!("cargo::rustc-env=STRATA_DATA={directory}");
    for (set, file) in [
        ("has_cdnow", "cdnow/CDNOW_master.txt.xz"),
        ("has_cdnow_sample", "cdnow/CDNOW_sample.txt.xz"),
        ("has_online_retail", "online_retail/online_retail.csv.xz"),
    ] {
        say(set, Path::new(&directory).join(file).is_file());
    }
    if env!("CARGO_PKG_NAME") == "strata-tests" {
        println!("cargo::rerun-if-env-changed=PG_CONFIG");
        say("has_pg_cron", has_pg_cron().unwrap_or(false));
    }
}

fn say(what: &str, is_there: bool) {
    println!("cargo::rustc-check-cfg=cfg({what})");
    if is_there {
        println!("cargo::rustc-cfg={what}");
    }
}

fn has_pg_cron() -> Option<bool> {
    let answer = Command::new(env::var_os("PG_CONFIG")?).arg("--sharedir").output().ok()?;
    let shared = String::from_utf8(answer.stdout).ok()?;
    Some(Path::new(shared.trim()).join("extension/pg_cron.control").is_file())
}
