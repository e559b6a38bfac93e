//! The choices behind a score: how many bins, what ties get, which end is best; and the formula itself.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::ScoreError;
use super::total::compare_fractions;

/// The number of bins, 2..=10: scores run from 1 to this, this is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bins(u8);

impl Bins {
    pub const MIN: u8 = 2;
    pub const MAX: u8 = 10;
    /// The default, and what the schemes `eleven` and `ten` need.
    pub const FIVE: Bins = Bins(5);

    /// # Errors
    /// [`ScoreError::Bins`] outside 2..=10.
    pub fn new(value: i64) -> Result<Self, ScoreError> {
        match u8::try_from(value) {
            Ok(bins @ Self::MIN..=Self::MAX) => Ok(Self(bins)),
            _ => Err(ScoreError::Bins { value }),
        }
    }

    pub fn get(self) -> u8 {
        self.0
    }

    /// The number of cut points: one less than bins.
    pub(super) fn cut_points(self) -> usize {
        usize::from(self.0) - 1
    }
}

impl Default for Bins {
    fn default() -> Self {
        Self::FIVE
    }
}

/// What a group of equal values gets. Equal values always get equal scores; the policies differ in how high.
///
/// With all values tied `Min` gives 1, `Max` the number of bins, `Mid` the middle (3 of 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ties {
    /// `1 + floor(bins * worse / n)`: the share of users strictly worse. With fewer users than bins the top is never
    /// reached.
    #[default]
    Min,
    /// `ceil(bins * (worse + equal) / n)`: the share of users worse or equal. The best user always gets the top.
    Max,
    /// `1 + floor(bins * (worse + equal / 2) / n)`: their mean.
    Mid,
}

/// Which end of a metric is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Best {
    /// The larger, the better: frequency, money.
    #[default]
    High,
    /// The smaller, the better: recency.
    Low,
}

/// How the cuts of one metric are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CutsConfig {
    pub bins: Bins,
    pub ties: Ties,
    pub best: Best,
}

/// How the cuts of the three RFM metrics are made; their directions are given by nature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RfmConfig {
    pub bins: Bins,
    pub ties: Ties,
}

impl RfmConfig {
    pub(super) fn metric(self, best: Best) -> CutsConfig {
        CutsConfig { bins: self.bins, ties: self.ties, best }
    }
}

impl Ties {
    const NAMES: [(&'static str, Ties); 3] = [("min", Ties::Min), ("max", Ties::Max), ("mid", Ties::Mid)];

    /// The score of one user among `users`, of whom `worse` are strictly worse and `equal` (the user included) are
    /// tied. Integer arithmetic throughout, so that no rounding ever moves a user across a border.
    ///
    /// Needs `equal >= 1` and `worse + equal <= users`; the result is then in `1..=bins`, and the shape of the formula
    /// makes it grow with `worse`.
    pub fn score(self, bins: Bins, worse: u64, equal: u64, users: u64) -> u8 {
        debug_assert!(equal >= 1 && worse.checked_add(equal).is_some_and(|reached| reached <= users));
        let (count, worse, equal, users) =
            (u128::from(bins.0), u128::from(worse), u128::from(equal), u128::from(users));
        let score = match self {
            Ties::Min => 1 + count * worse / users,
            Ties::Max => (count * (worse + equal)).div_ceil(users),
            Ties::Mid => 1 + count * (2 * worse + equal) / (2 * users),
        };
        u8::try_from(score).unwrap_or(bins.0)
    }

    /// Whether such a user gets above a border: a share of the users, counted from the worst. The borders `k / bins`
    /// give the formula of [`score`](Self::score). Exact as well.
    ///
    /// Needs what `score` needs, and a border from 0 to 1.
    pub(super) fn passes(self, border: Decimal, worse: u64, equal: u64, users: u64) -> bool {
        let border = (border.mantissa().unsigned_abs(), 10_u128.pow(border.scale()));
        let (worse, equal, users) = (u128::from(worse), u128::from(equal), u128::from(users));
        match self {
            Ties::Min => compare_fractions((worse, users), border).is_ge(),
            Ties::Max => compare_fractions((worse + equal, users), border).is_gt(),
            Ties::Mid => compare_fractions((2 * worse + equal, 2 * users), border).is_ge(),
        }
    }
}

impl Best {
    const NAMES: [(&'static str, Best); 2] = [("high", Best::High), ("low", Best::Low)];
}

impl FromStr for Ties {
    type Err = ScoreError;
    fn from_str(name: &str) -> Result<Self, ScoreError> {
        choose("tie policy", name, &Self::NAMES)
    }
}

impl FromStr for Best {
    type Err = ScoreError;
    fn from_str(name: &str) -> Result<Self, ScoreError> {
        choose("direction", name, &Self::NAMES)
    }
}

impl fmt::Display for Ties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(*self, &Self::NAMES))
    }
}

impl fmt::Display for Best {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(*self, &Self::NAMES))
    }
}

/// One value of a closed list by its exact name.
pub(crate) fn choose<T: Copy>(what: &'static str, name: &str, choices: &[(&'static str, T)]) -> Result<T, ScoreError> {
    choices.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).ok_or_else(|| ScoreError::UnknownName {
        what,
        value: name.to_owned(),
        valid: choices.iter().map(|(known, _)| *known).collect(),
    })
}

fn name_of<T: PartialEq>(value: T, choices: &[(&'static str, T)]) -> &'static str {
    choices.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}
