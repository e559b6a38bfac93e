//! Living layers: sources, registered models, refreshes. Each public function is a door ([`door`]): it finds names on the
//! caller's path ([`registry`]), and runs the SQL of `strata_core::statements` as the caller, who owns what it touches.

mod door;
mod follow;
mod grants;
mod models;
mod readers;
mod refresh;
mod registry;
mod relation;
mod schedule;
mod sources;
mod status;
mod upgrade;
mod views;
