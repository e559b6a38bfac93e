//! Values as JSON: numbers with all their digits, dates as ISO text.

use crate::day::Day;

use super::{Evaluation, Value};

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

impl Evaluation<'_> {
    /// The values of all metrics, as a JSON object.
    pub fn metrics_json(&mut self) -> String {
        let names = self.model().definition().metrics.names();
        let members: Vec<String> = names
            .enumerate()
            .map(|(place, name)| format!("{}: {}", string(name), self.metric(place).to_json()))
            .collect();
        format!("{{{}}}", members.join(", "))
    }
}
