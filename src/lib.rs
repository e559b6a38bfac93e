//! The extension: one file for each SQL feature, thin. A feature unpacks datums, calls `strata_core`, packs the answer.
//! Everything unsafe lives in [`pg`], but for the entry points that PostgreSQL calls.
#![allow(unsafe_code)]

mod bulk;
mod calibrate;
mod capture;
mod error;
mod event;
mod explain;
mod expression;
mod last_events;
mod layer;
mod ledger;
mod lifecycle;
mod living;
mod lookalike;
mod model;
mod pg;
mod predict;
mod predict_fit;
mod rfm;
mod rfm_job;
mod row_problem;
mod score;
mod settings;
mod walk;

::pgrx::pg_module_magic!(name, version);

/// Runs when a backend loads the library.
#[::pgrx::pg_guard]
pub extern "C-unwind" fn _PG_init() {
    pg::forgo_backtraces();
    strata_core::patience::set_check(check_for_interrupts);
    settings::define();
    pg::held::watch_statements();
}

fn check_for_interrupts() {
    ::pgrx::check_for_interrupts!();
}
