//! `strata.upgrade`: a registry of the layout that the library writes.

use pgrx::prelude::*;
use strata_core::statements::ident;
use strata_core::statements::registry::LAYOUT;

use super::door::{self, Answer};
use super::views;
use crate::error::not_null;

/// `upgrade(schema)`: brings the registry of a schema, and its views, up to the library's layout.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn living_upgrade(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let run = |door: &door::Door<'_>, ()| {
        let schema = not_null(door.name(0), "schema", "For example SELECT strata.upgrade('analytics');");
        // a layout of a later library is refused where the registry is found
        let registry = door.registry_in(&schema);
        views::rebuild(door, &registry.schema);
        Answer::Text(format!("the registry in schema {} is of layout {LAYOUT}, which is the newest", ident(&schema)))
    };
    door::writing(fcinfo, |_| (), run)
}

crate::pg::declare!(pg_finfo_living_upgrade);
