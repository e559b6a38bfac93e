//! Following a relation.

use strata_core::statements::registry::Source;

use super::door::Door;

/// What keeps a source from being equal to its relation, or was put aside of it; `None` where it is equal.
pub fn problem(_door: &Door<'_>, _source: &Source) -> Option<String> {
    None
}
