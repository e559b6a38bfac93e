//! The algorithms of pg_strata. Nothing here knows PostgreSQL: everything can be read, tested and fuzzed without a server.
//!
//! * [`ledger`]: a user's activity as one small value that merges, retracts and can be read as of any day.
//! * [`bulk`]: all users at once, partitioned by hash and folded in the cache.
//! * [`model`]: definitions that are checked, evaluated, proved, explained and timed; presets among them.
//! * [`score`]: cut points, tie policies, RFM scores and groups.
//! * [`predict`]: who will buy again and what they are worth: buy-till-you-die models, fitted and read.
//! * [`patience`]: how long steps can be ended from outside.

pub mod bulk;
pub mod day;
pub mod error;
pub mod label;
pub mod ledger;
pub mod model;
pub mod money;
pub mod patience;
pub mod predict;
pub mod score;
pub mod statements;
