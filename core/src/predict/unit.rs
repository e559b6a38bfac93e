use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::PredictError;

/// What the times in a model's parameters are counted in. (Users' times and horizons are in days, always.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    #[default]
    Day,
    Week,
}

const ALL: [(Unit, &str, f64); 2] = [(Unit::Day, "day", 1.0), (Unit::Week, "week", 7.0)];

impl Unit {
    pub fn days(self) -> f64 {
        ALL[self as usize].2
    }

    pub(super) fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        ALL.get(usize::from(code)).map(|(unit, ..)| *unit)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ALL[*self as usize].1)
    }
}

impl FromStr for Unit {
    type Err = PredictError;

    fn from_str(name: &str) -> Result<Self, PredictError> {
        let found = ALL.iter().find(|(_, known, _)| *known == name);
        let wants = "'day' or 'week'";
        found.map(|(unit, ..)| *unit).ok_or_else(|| PredictError::argument("unit", format!("'{name}'"), wants))
    }
}
