//! Conditions that have to be looked at again every day.

use super::super::super::Model;

/// The conditions, by path and text, of which nothing better is known than that they may change tomorrow.
pub(crate) fn rechecked_daily(model: &Model) -> Vec<(String, String)> {
    let _ = model;
    Vec::new()
}
