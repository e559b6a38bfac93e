//! A counterexample as JSON: a key for each axis that matters.

use super::super::print::{print, quoted};
use super::super::{Calendar, Constant, Expr, Name, Reader, name_of};
use super::Check;
use super::axis::Subject;
use super::plan::through;
use crate::day::Day;

impl Check<'_, '_> {
    pub(super) fn json(&self, example: &[(usize, Constant)]) -> String {
        let shown = example.iter().filter(|(axis, value)| self.plan.axes[*axis].compared || *value == Constant::Null);
        let entries = shown.map(|(axis, value)| {
            let (key, value) = self.entry(self.plan.axes[*axis].subject, value);
            format!("{}:{}", text(&key), json_value(&value))
        });
        format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
    }

    fn entry(&self, subject: Subject<'_>, value: &Constant) -> (String, Constant) {
        let definition = &self.model.definition;
        let attribute = |place: usize| definition.attributes.0[place].0.clone();
        let function = |name: &str, place: usize| format!("{name}({})", quoted(&attribute(place)));
        let value = value.clone();
        match subject {
            Subject::Attribute(place) => (attribute(place), value),
            Subject::AsOf => ("as_of".to_owned(), value),
            Subject::Age(place) => match value {
                Constant::Null => (attribute(place), value),
                Constant::Number(age) if age.is_sign_negative() && !age.is_zero() => {
                    (function("days_until", place), Constant::Number(-age))
                }
                _ => self
                    .metric(&|expr| {
                        matches!(expr, Expr::Calendar { function: Calendar::Since, date }
                        if *through(self.model, date) == Expr::Name(Name::Attribute(place)))
                    })
                    .map_or((function("days_since", place), value.clone()), |name| (name, value)),
            },
            Subject::Anniversary(place) => (function("days_until_anniversary", place), value),
            Subject::Score(place) => (definition.scores.0[place].0.clone(), value),
            Subject::Reading(reader, slot) => {
                let is = |expr: &Expr| matches!(expr, Expr::Reading { reader: r, slot: s, .. } if (*r, *s) == (reader, slot));
                (self.metric(&is).unwrap_or_else(|| self.reading(reader, slot)), value)
            }
            Subject::Prediction(expr) | Subject::Opaque(expr) => {
                let name = self.metric(&|metric| metric == expr);
                (name.unwrap_or_else(|| print(expr, definition)), value)
            }
        }
    }

    /// The first metric with such an expression.
    fn metric(&self, is: &dyn Fn(&Expr) -> bool) -> Option<String> {
        let place = self.model.metrics.iter().position(is)?;
        Some(self.model.definition.metrics.0[place].0.clone())
    }

    fn reading(&self, reader: Reader, slot: usize) -> String {
        let (source, days) = self.model.readings[slot];
        let source = quoted(&self.model.definition.sources.0.0[source].0);
        let days = days.map_or(String::new(), |days| format!(", {days}"));
        format!("{}({source}{days})", name_of(&reader, &Reader::NAMES))
    }
}

fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn json_value(value: &Constant) -> String {
    match value {
        Constant::Null => "null".to_owned(),
        Constant::Boolean(boolean) => boolean.to_string(),
        Constant::Number(number) => number.normalize().to_string(),
        Constant::Text(value) => text(value),
        Constant::Date(day) => text(&Day::new((*day).into()).map_or(String::new(), |day| day.to_string())),
    }
}
