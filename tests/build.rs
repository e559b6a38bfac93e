//! Looks which of the shared data sets are there: tests of the others are ignored, and cargo's summary says so. The build
//! script of the core and of the tests.

use std::env;
use std::path::Path;

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
        println!("cargo::rustc-check-cfg=cfg({set})");
        if Path::new(&directory).join(file).is_file() {
            println!("cargo::rustc-cfg={set}");
        }
    }
}
