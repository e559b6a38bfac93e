//! The bulk builder: all users' events at once, faster than one aggregate state per user.
//!
//! An aggregate over a million users touches a million states in the order of the rows, and waits for memory at each.
//! Here a row becomes a small record that is appended to one of [`PARTITIONS`] by the hash of its user; each partition is
//! then small enough to be grouped and folded in the cache.
//!
//! ```text
//! push: record -> partition            (append)
//! compact: partition -> one record per user, its events sealed in a ledger
//! visit: partition -> groups           (a user and all of its records)
//! ```
//!
//! When the budget is used up, partitions are compacted, and where that frees too little, written to a [`Spill`] that
//! the owner provides; the visit reads them back one at a time. A partial builder (of a parallel worker) is compacted
//! and sent as bytes; joining two builders is joining their partitions.

mod builder;
mod group;
mod record;
mod sums;

pub use builder::{Bulk, PARTITIONS, Spill, settings_in};
pub use group::{Fold, Group, Metrics};
pub use record::{EVENT_BYTES, Key};
