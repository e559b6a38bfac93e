//! Prediction: who will buy again, and what they are worth.
//!
//! "Buy till you die" models describe users by a few parameters for all of them; they are fitted to what all users did by
//! maximum likelihood, and then say for each user from three numbers ([`Purchases`]) how likely it is that the user is
//! still there, how many purchases are to come, and when.
//!
//! | file | holds |
//! |---|---|
//! | `summary` | what a model needs to know of a user, read from a ledger |
//! | `bgnbd`, `pareto_nbd`, `bgbb` | the purchase models: likelihood, fit, readers |
//! | `gamma_gamma`, `lifetime_value` | amounts, and the value of purchases to come |
//! | `source_fit` | both for one source of a segmentation model |
//! | `last_events` | what users did before they went silent |
//! | `fit` | maximum likelihood whatever the model; what is reported of a fit |
//! | `sample` | users as the likelihoods want them |
//! | `special` | functions that the likelihoods share |
//! | `state` | the aggregate state of a fit |
//! | `text`, `unit`, `error` | the stored form of models, units of time, what can go wrong |

mod bgbb;
mod bgnbd;
mod error;
mod fit;
mod gamma_gamma;
mod last_events;
mod lifetime_value;
mod pareto_nbd;
mod sample;
mod source_fit;
mod special;
mod state;
mod summary;
#[cfg(test)]
mod testing;
mod text;
mod unit;

pub use bgbb::{BgBb, MOST_OPPORTUNITIES};
pub use bgnbd::BgNbd;
pub use error::PredictError;
pub use fit::{Finding, Fit};
pub use gamma_gamma::{GammaGamma, Spending};
pub use last_events::{Event, LastEvents};
pub use lifetime_value::{Discounting, MONTH, Terms, check_horizon, lifetime_value};
pub use pareto_nbd::ParetoNbd;
pub use source_fit::{Remark, SourceFit};
pub(crate) use state::OfSource;
pub use state::{CountedPurchases, CountedSpending};
pub use summary::{Counted, PurchaseSummary, Purchases};
pub use text::Model;
pub use unit::Unit;

/// What every purchase model answers. Horizons are in days, from the day of the reading on (opportunities in BG/BB).
pub trait PurchaseModel {
    /// Whether the model can say anything of such a user.
    ///
    /// # Errors
    /// [`PredictError::Purchases`] where it cannot.
    fn check_user(&self, _user: &Purchases) -> Result<(), PredictError> {
        Ok(())
    }
    /// The probability that the user has not left.
    fn p_alive(&self, user: &Purchases) -> f64;
    /// The expected number of purchase days within the horizon.
    fn expected_purchases(&self, horizon: f64, user: &Purchases) -> f64;
    /// The probability of at least one purchase within the horizon.
    fn purchase_probability(&self, horizon: f64, user: &Purchases) -> f64;
}
