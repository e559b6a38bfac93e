//! Scores: cut points, tie policies, RFM scores and the eight groups.
//!
//! One pass over the users' values builds a small summary ([`Cuts`], [`RfmCuts`]) that can be stored and printed; every
//! later question is answered from the summary alone: the score of a value, its side of the mean, the user's group.
//!
//! | file | holds |
//! |---|---|
//! | `policy` | the choices: [`Bins`], [`Ties`], [`Best`] and the score formula itself |
//! | `cuts`, `rfm` | the summaries of one metric and of the three RFM metrics |
//! | `breaks`, `natural_breaks` | the cut points of one metric by every method that reads them from the data |
//! | `quantile` | scores of a whole set at once, without cuts |
//! | `total` | an exact sum of decimals, for exact comparisons with the mean |
//! | `text`, `binary` | their readable and their compact form |
//! | `state` | the mergeable aggregate state: flat bytes that somebody else owns |
//! | `group` | the high/low groups of the eight-group practice |
//! | `error` | what can go wrong, with a message and a hint |

mod binary;
mod breaks;
mod cuts;
mod error;
mod group;
mod natural_breaks;
mod policy;
mod quantile;
mod rfm;
mod state;
mod text;
mod total;

pub use breaks::Distribution;
pub use cuts::Cuts;
pub use error::ScoreError;
pub use group::{FixedSplit, Group, SPLIT_NAMES, Split, rfm_group};
pub use policy::{Best, Bins, CutsConfig, RfmConfig, Ties};
pub use quantile::quantile_scores;
pub use rfm::{RfmCuts, RfmRow, RfmScores};
pub use state::{
    CutsState, CutsStateRef, Entry, MAX_STATE_BYTES, Observation, Push, RfmCutsState, RfmCutsStateRef, StateMut,
    StateRef,
};
pub use total::Total;

pub(crate) use binary::{decimal_bytes, decimal_from};
pub(crate) use policy::choose;
pub(crate) use state::MetricObservation;

/// Re-exported, so that callers use the same version.
pub use rust_decimal::Decimal;
