//! The readable form of a fitted model: one JSON object. Parameters alone are enough, so that published ones can be used.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PredictError;

/// A model with a text form, which is also how it is stored.
pub trait Model: Serialize + DeserializeOwned {
    /// Its SQL type.
    const NAME: &'static str;
    /// A valid text.
    const EXAMPLE: &'static str;
    #[doc(hidden)]
    fn check(&self) -> Result<(), String>;

    /// Reads and checks a text.
    ///
    /// # Errors
    /// [`PredictError::Text`], naming what is wrong.
    fn from_text(text: &str) -> Result<Self, PredictError> {
        let read = match serde_json::from_str::<Self>(text) {
            // by itself serde would take an array, matched by position, as well
            Ok(_) if !text.trim_ascii_start().starts_with('{') => Err("it is not a JSON object".to_owned()),
            Ok(model) => model.check().map(|()| model),
            Err(error) => Err(error.to_string()),
        };
        read.map_err(|reason| PredictError::Text { what: Self::NAME, reason, example: Self::EXAMPLE })
    }

    /// The canonical text: reading it gives the same model.
    ///
    /// # Errors
    /// [`PredictError::NoLikelihood`] for a model with a number that is not finite.
    fn to_text(&self) -> Result<String, PredictError> {
        let none = PredictError::NoLikelihood { what: Self::NAME };
        let text = serde_json::to_string(self).map_err(|_| none.clone())?;
        // JSON has no infinities: serde writes null, which does not read back
        Self::from_text(&text).map(|_| text).map_err(|_| none)
    }
}

pub(super) fn positive(name: &str, value: f64) -> Result<(), String> {
    if value > 0.0 && value.is_finite() { Ok(()) } else { Err(format!("{name} must be greater than 0, not {value}")) }
}

pub(super) fn non_negative(name: &str, value: f64) -> Result<(), String> {
    if value >= 0.0 && value.is_finite() { Ok(()) } else { Err(format!("{name} must be at least 0, not {value}")) }
}
