//! The stage of a user in the customer lifecycle: a pure decision over facts that a ledger can tell.
//!
//! The first of these that holds:
//!
//! 1. `prospect`: not registered by `as_of`, and no order. Visits alone do not lift a prospect.
//! 2. `churned`: more than `churned_days` since the last activity, which is the latest of the last order, the last
//!    visit and the registration.
//! 3. `dormant`: more than `dormant_days` since the last activity.
//! 4. `loyal`: at least `loyal_orders` orders in the window of `loyal_window_days`.
//! 5. `paying`: an order in the window of `paying_window_days`.
//! 6. `new`: joined at most `new_days` ago; joining is the registration, without one the first activity.
//! 7. `active`.
//!
//! Names, labels and default thresholds stand in `presets/lifecycle.json`.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::score::{Label, Lang, ScoreError};

/// The stages, in the order of the lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Prospect,
    New,
    Active,
    Paying,
    Loyal,
    Dormant,
    Churned,
}

/// What is known about a user as of a day; days count from any fixed day. Events after `as_of` do not exist.
pub struct LifecycleFacts<OrdersIn> {
    /// A registration after `as_of` counts as none.
    pub registered: Option<i32>,
    /// The first active day in any source.
    pub first_active: Option<i32>,
    pub last_order: Option<i32>,
    pub last_visit: Option<i32>,
    /// The number of orders in the window of so many days that ends at `as_of`.
    pub orders_in: OrdersIn,
}

/// The thresholds, all at least 1, and the language of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifecycleOptions {
    thresholds: Thresholds,
    lang: Lang,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    new_days: i32,
    paying_window_days: i32,
    loyal_window_days: i32,
    loyal_orders: i32,
    dormant_days: i32,
    churned_days: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preset {
    #[serde(rename = "name")]
    _name: String,
    options: Thresholds,
    stages: Vec<StageText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StageText {
    name: Stage,
    label: Label,
}

/// Part of the library: a mistake in it fails every test before it can reach a user.
static PRESET: LazyLock<Preset> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../presets/lifecycle.json"))
        .unwrap_or_else(|error| panic!("presets/lifecycle.json: {error}"))
});

impl Stage {
    pub fn label(self, lang: Lang) -> &'static str {
        PRESET.stages.iter().find(|stage| stage.name == self).map_or("", |stage| stage.label.get(lang))
    }
}

impl Default for LifecycleOptions {
    fn default() -> Self {
        Self { thresholds: PRESET.options, lang: Lang::default() }
    }
}

impl LifecycleOptions {
    /// The names of all options.
    pub const NAMES: [&'static str; 7] =
        ["new_days", "paying_window_days", "loyal_window_days", "loyal_orders", "dormant_days", "churned_days", "lang"];

    /// Reads a JSON object of options; those left out keep their defaults.
    ///
    /// # Errors
    /// [`ScoreError::OptionsMalformed`], [`ScoreError::UnknownOption`], [`ScoreError::OptionValue`] (thresholds are
    /// positive 32-bit integers), [`ScoreError::DormantNotBeforeChurned`]; for `lang` [`ScoreError::UnknownName`].
    pub fn from_json(text: &str) -> Result<Self, ScoreError> {
        let malformed = |reason: String| ScoreError::OptionsMalformed { reason };
        let value: Value = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        let Value::Object(given) = value else {
            return Err(malformed("they are not a JSON object".into()));
        };
        let mut options = Self::default();
        for (name, value) in &given {
            options.set(name, value)?;
        }
        let Thresholds { dormant_days, churned_days, .. } = options.thresholds;
        if dormant_days >= churned_days {
            return Err(ScoreError::DormantNotBeforeChurned { dormant_days, churned_days });
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), ScoreError> {
        let thresholds = &mut self.thresholds;
        let threshold = match name {
            "new_days" => &mut thresholds.new_days,
            "paying_window_days" => &mut thresholds.paying_window_days,
            "loyal_window_days" => &mut thresholds.loyal_window_days,
            "loyal_orders" => &mut thresholds.loyal_orders,
            "dormant_days" => &mut thresholds.dormant_days,
            "churned_days" => &mut thresholds.churned_days,
            "lang" => {
                let lang = value.as_str().ok_or_else(|| bad_value(name, value, "'en' or 'zh'"))?;
                self.lang = lang.parse()?;
                return Ok(());
            }
            _ => {
                return Err(ScoreError::UnknownOption { name: name.to_owned(), valid: Self::NAMES.to_vec() });
            }
        };
        *threshold = value
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
            .filter(|number| *number > 0)
            .ok_or_else(|| bad_value(name, value, "a positive integer"))?;
        Ok(())
    }

    pub fn lang(&self) -> Lang {
        self.lang
    }
}

fn bad_value(name: &str, value: &Value, expected: &'static str) -> ScoreError {
    ScoreError::OptionValue { name: name.to_owned(), value: value.to_string(), expected }
}

impl<OrdersIn: Fn(i32) -> u64> LifecycleFacts<OrdersIn> {
    /// The stage of the user as of a day.
    pub fn stage(&self, as_of: i32, options: &LifecycleOptions) -> Stage {
        let thresholds = &options.thresholds;
        let registered = self.registered.filter(|day| *day <= as_of);
        let Some(last_active) = registered.max(self.last_order) else {
            return Stage::Prospect;
        };
        let days_since = |day: i32| i64::from(as_of) - i64::from(day);
        let idle = days_since(self.last_visit.map_or(last_active, |visit| visit.max(last_active)));
        let orders_in = |window: i32| (self.orders_in)(window);
        let joined = registered.or(self.first_active);

        if idle > thresholds.churned_days.into() {
            Stage::Churned
        } else if idle > thresholds.dormant_days.into() {
            Stage::Dormant
        } else if orders_in(thresholds.loyal_window_days) >= thresholds.loyal_orders.unsigned_abs().into() {
            Stage::Loyal
        } else if orders_in(thresholds.paying_window_days) > 0 {
            Stage::Paying
        } else if joined.is_some_and(|day| days_since(day) <= thresholds.new_days.into()) {
            Stage::New
        } else {
            Stage::Active
        }
    }
}
