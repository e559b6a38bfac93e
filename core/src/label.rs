//! Labels in the languages that operators read.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::score::{ScoreError, choose};

/// The language of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    #[default]
    En,
    /// Chinese.
    Zh,
}

impl FromStr for Lang {
    type Err = ScoreError;
    fn from_str(name: &str) -> Result<Self, ScoreError> {
        choose("language", name, &[("en", Lang::En), ("zh", Lang::Zh)])
    }
}

/// What people call a thing, in each language; where there is none, they read its name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"en\": \"Loyal\", \"zh\": \"忠诚用户\"}")]
pub struct Label {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zh: Option<String>,
}

impl Label {
    pub fn get(&self, lang: Lang) -> Option<&str> {
        match lang {
            Lang::En => self.en.as_deref(),
            Lang::Zh => self.zh.as_deref(),
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Label::default()
    }
}
