//! Refreshing by the clock of pg_cron.

use strata_core::statements::registry::LivingModel;

use super::door::Door;

/// Takes a model off the clock.
pub fn unschedule(_door: &Door<'_>, _model: &LivingModel) {}
