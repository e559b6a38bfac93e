//! What is fitted to the users of one source of a segmentation model: who buys again, and how much.

use serde::{Deserialize, Deserializer, Serialize};

use super::text::Model;
use super::{BgNbd, Counted, GammaGamma, PredictError, PurchaseModel, PurchaseSummary, Purchases, Spending, Unit};

/// The fitted models of a source. Times are in days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object of bgnbd and gamma_gamma")]
pub struct SourceFit {
    /// `None` where no user had a purchase.
    pub bgnbd: Option<BgNbd>,
    /// Where amounts are asked for; the inner `None` where no user had a repeat amount.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub gamma_gamma: Option<Option<GammaGamma>>,
}

/// What those should know who use the fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// Predictions are missing, or not to be relied on.
    Useless(String),
    /// They are what the users give, which is unusual.
    Special(String),
}

/// What is there, be it null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<GammaGamma>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl SourceFit {
    /// Fits the models to users with a purchase; that of amounts only where it is asked for.
    ///
    /// # Errors
    /// [`PredictError::NoLikelihood`] for users that no parameters describe.
    pub fn of(users: &[Counted<PurchaseSummary>], amounts: bool) -> Result<Self, PredictError> {
        let mut purchases = Vec::with_capacity(users.len());
        for user in users {
            purchases.push(Counted { value: user.value.purchases()?, count: user.count });
        }
        let times = |user: &Purchases| (user.x(), user.t_x().to_bits(), user.t().to_bits());
        let bgnbd = BgNbd::fit(&merged(purchases, times), Unit::Day)?;
        let gamma_gamma = match amounts {
            true => {
                let mut spending = Vec::with_capacity(users.len());
                for user in users {
                    spending.push(Counted { value: spending_of(&user.value)?, count: user.count });
                }
                let key = |user: &Spending| (user.x(), user.mean_amount().to_bits());
                Some(GammaGamma::fit(&merged(spending, key))?)
            }
            false => None,
        };
        Ok(Self { bgnbd, gamma_gamma })
    }

    /// Whether its parameters are such as models can have.
    ///
    /// # Errors
    /// With what is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.bgnbd.as_ref().map_or(Ok(()), Model::check)?;
        self.gamma_gamma.iter().flatten().try_for_each(Model::check)
    }

    /// What is unusual about the fits.
    pub fn remarks(&self) -> Vec<Remark> {
        let mut remarks = Vec::new();
        if self.bgnbd.is_none() {
            let text = "fitted on nobody: no user had a purchase, and every prediction is NULL";
            remarks.push(Remark::Useless(text.to_owned()));
        } else if self.gamma_gamma == Some(None) {
            let text = "no user had a repeat amount: lifetime_value is NULL";
            remarks.push(Remark::Useless(text.to_owned()));
        }
        let amounts = self.gamma_gamma.as_ref().and_then(|amounts| amounts.as_ref());
        let fits = [self.bgnbd.as_ref().map(|model| &model.fit), amounts.map(|model| &model.fit)];
        for fit in fits.into_iter().flatten().flatten() {
            if !fit.converged {
                let text = "the fit did not converge: its parameters are only the best that were seen";
                remarks.push(Remark::Useless(text.to_owned()));
            }
            if let Some(finding) = fit.finding {
                remarks.push(Remark::Special(finding.to_string()));
            }
        }
        remarks
    }

    /// The probability that a user still buys.
    pub fn p_alive(&self, user: &PurchaseSummary) -> Option<f64> {
        Some(self.bgnbd.as_ref()?.p_alive(&user.purchases().ok()?))
    }

    /// The days with purchases that are expected within so many days.
    pub fn expected_purchases(&self, days: f64, user: &PurchaseSummary) -> Option<f64> {
        Some(self.bgnbd.as_ref()?.expected_purchases(days, &user.purchases().ok()?))
    }

    /// The probability of a purchase within so many days.
    pub fn purchase_probability(&self, days: f64, user: &PurchaseSummary) -> Option<f64> {
        Some(self.bgnbd.as_ref()?.purchase_probability(days, &user.purchases().ok()?))
    }

    /// The amount that is expected within so many days, undiscounted and without a margin. `None` also where the amounts
    /// say nothing of such a user.
    pub fn lifetime_value(&self, days: f64, user: &PurchaseSummary) -> Option<f64> {
        let amount = self.gamma_gamma.as_ref()?.as_ref()?.expected_amount(&spending_of(user).ok()?)?;
        Some(amount * self.expected_purchases(days, user)?)
    }
}

fn spending_of(user: &PurchaseSummary) -> Result<Spending, PredictError> {
    Spending::new(user.x, user.mean_amount())
}

/// Equal users once, in the order of their keys: sums do not depend on how the users came in.
fn merged<T, K: Ord>(mut users: Vec<Counted<T>>, key: impl Fn(&T) -> K) -> Vec<Counted<T>> {
    crate::patience::sort_by(&mut users, |a, b| key(&a.value).cmp(&key(&b.value)));
    users.dedup_by(|next, kept| {
        let same = key(&next.value) == key(&kept.value);
        if same {
            kept.count = kept.count.saturating_add(next.count);
        }
        same
    });
    users
}
