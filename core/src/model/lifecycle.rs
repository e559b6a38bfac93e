//! The preset `lifecycle`, asked for a user's stage with options in one JSON object.

use serde_json::Value as Json;

use crate::day::Day;
use crate::error::UserError;
use crate::label::Lang;
use crate::ledger::LedgerRef;
use crate::score::ScoreError;

use super::preset::preset;
use super::{Evaluation, Facts, Model, ModelError, Named, Number, Value};

/// The preset `lifecycle` with thresholds of one's own, and the language of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Lifecycle {
    model: Model,
    lang: Lang,
}

impl Lifecycle {
    /// Reads a JSON object of options: the parameters of the preset, all positive whole numbers, and `lang`. Those left
    /// out keep their defaults.
    ///
    /// # Errors
    /// For an option that there is not, a value that it cannot have, and where the preset does not allow the values
    /// together.
    pub fn with_options(json: &str) -> Result<Self, ModelError> {
        let malformed = |reason: &str| {
            ModelError::invalid("", format!("malformed options: {reason}"))
                .with_hint(r#"Give a JSON object, for example {"loyal_orders": 5, "churned_days": 90}."#)
        };
        let given = match serde_json::from_str(json) {
            Ok(Json::Object(given)) => given,
            Ok(_) => return Err(malformed("they are not a JSON object")),
            Err(error) => return Err(malformed(&error.to_string())),
        };
        let preset = preset("lifecycle")?;
        let (mut parameters, mut lang) = (Named::default(), Lang::default());
        for (name, value) in &given {
            match (name.as_str(), preset.definition().parameters.get(name)) {
                ("lang", _) => lang = language(value)?,
                (_, Some(default)) => parameters.0.push((name.clone(), threshold(name, value, *default)?)),
                (_, None) => {
                    let known: Vec<&str> = preset.definition().parameters.names().chain(["lang"]).collect();
                    return Err(ModelError::invalid("", format!("unknown option \"{name}\""))
                        .with_hint(format!("Valid options are {}.", known.join(", "))));
                }
            }
        }
        let model = preset.with_parameters(&parameters).map_err(|error| {
            match error.path().starts_with("requires") {
            true => error.with_hint(
                "A user is dormant first and churned later, for example {\"dormant_days\": 30, \"churned_days\": 90}.",
            ),
            false => error,
        }
        })?;
        Ok(Self { model, lang })
    }

    /// The stage of a user as of a day: its name, or its label in Chinese. A registration after that day counts as none.
    ///
    /// # Errors
    /// For a ledger that is damaged.
    pub fn stage(
        &self,
        orders: LedgerRef<'_>,
        visits: LedgerRef<'_>,
        registered: Option<Day>,
        as_of: Day,
    ) -> Result<&str, ModelError> {
        let registered = registered.map_or(Value::Null, |day| Value::Date(day.number()));
        let facts =
            Facts { ledgers: vec![orders, visits], attributes: vec![registered], ..Facts::nothing(&self.model) };
        let place = Evaluation::new(&self.model, &facts, as_of)?.layer();
        let stage = match self.lang {
            // the name is the answer that code compares with
            Lang::En => self.model.layer_name(place),
            Lang::Zh => self.model.layer_label(place, Lang::Zh),
        };
        Ok(stage.unwrap_or_default())
    }
}

fn language(value: &Json) -> Result<Lang, ModelError> {
    let name = value.as_str().ok_or_else(|| bad_value("lang", value, "'en' or 'zh'", "\"zh\""))?;
    name.parse().map_err(|error: ScoreError| {
        ModelError::invalid("", error.to_string()).with_hint(error.hint().unwrap_or_default())
    })
}

fn threshold(name: &str, value: &Json, default: Number) -> Result<Number, ModelError> {
    let whole = value.as_i64().and_then(|number| i32::try_from(number).ok()).filter(|number| *number > 0);
    match whole {
        Some(number) => Ok(Number(number.into())),
        None => Err(bad_value(name, value, "a positive integer", &default.0.to_string())),
    }
}

fn bad_value(name: &str, value: &Json, expected: &str, example: &str) -> ModelError {
    ModelError::invalid("", format!("option \"{name}\" must be {expected}, not {value}"))
        .with_hint(format!("It is {expected}, for example {{\"{name}\": {example}}}."))
}
