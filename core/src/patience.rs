//! How long steps can be ended from outside: a check that the host sets once, called every few milliseconds.

use std::cmp::Ordering;
use std::sync::OnceLock;

static CHECK: OnceLock<fn()> = OnceLock::new();

/// Sets the check, which may unwind. The first one stays.
pub fn set_check(check: fn()) {
    let _ = CHECK.set(check);
}

/// Calls the check, where there is one.
pub fn check() {
    if let Some(check) = CHECK.get() {
        check();
    }
}

/// Sorts in place; where that takes long, with a check every so many comparisons. What an unwinding check leaves is some
/// order of the same values.
pub fn sort_by<T>(values: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    /// Fewer values are sorted within a tenth of a second, and integers several times faster without counting.
    const LONG: usize = 1 << 20;
    /// A few milliseconds of comparisons.
    const PACE: u32 = 1 << 16;
    if values.len() < LONG {
        return values.sort_unstable_by(compare);
    }
    let mut compared = 0u32;
    values.sort_unstable_by(|a, b| {
        compared = compared.wrapping_add(1);
        if compared.is_multiple_of(PACE) {
            check();
        }
        compare(a, b)
    });
}
