//! Values as JSON: numbers with all their digits, dates as ISO text.

use crate::day::Day;

use super::{Evaluation, Model, Value};

impl Value<'_> {
    /// The JSON form.
    pub fn to_json(self) -> String {
        match self {
            Value::Null => "null".to_owned(),
            Value::Number(number) => number.normalize().to_string(),
            Value::Text(text) => string(text),
            Value::Date(i32::MAX) => string("infinity"),
            Value::Date(i32::MIN) => string("-infinity"),
            Value::Date(day) => Day::new(day.into()).map_or("null".to_owned(), |day| string(&day.to_string())),
            Value::Boolean(boolean) => boolean.to_string(),
        }
    }
}

/// Text as a JSON string.
pub(crate) fn string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|error| unreachable!("a string has a JSON form: {error}"))
}

/// A JSON object of members whose values are JSON already.
fn object<'n>(members: impl Iterator<Item = (&'n str, String)>) -> String {
    let members: Vec<String> = members.map(|(name, value)| format!("{}: {value}", string(name))).collect();
    format!("{{{}}}", members.join(", "))
}

impl Evaluation<'_> {
    /// The values of all metrics, as a JSON object.
    pub fn metrics_json(&mut self) -> String {
        let names = self.model().definition().metrics.names();
        object(names.enumerate().map(|(place, name)| (name, self.metric(place).to_json())))
    }
}

impl Model {
    /// The parameters with their values, as a JSON object.
    pub fn parameters_json(&self) -> String {
        object(self.definition().parameters.iter().map(|(name, number)| (name, Value::Number(number.0).to_json())))
    }

    /// The attributes with their types, as a JSON object.
    pub fn attributes_json(&self) -> String {
        let attributes = self.definition().attributes.iter();
        object(attributes.map(|(name, attribute)| (name, string(&attribute.of_type.to_string()))))
    }
}
