//! The definition of a model as JSON: what people write, diff and keep. Expressions are still text here.
//!
//! Objects keep their order and refuse a key that comes twice. Numbers are exact decimals.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::label::Label;
use crate::predict::SourceFit;

use super::error::ModelError;
use super::rule::Type;

/// The longest definition, in bytes.
pub const MOST_BYTES: usize = 1 << 20;

/// A segmentation model as it is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    pub name: String,
    #[serde(default, skip_serializing_if = "Label::is_empty")]
    pub label: Label,
    /// What the model is for, in a sentence.
    #[serde(default, skip_serializing_if = "Label::is_empty")]
    pub about: Label,
    /// Named numbers that expressions use and users tune.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub parameters: Named<Number>,
    /// Conditions on parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    #[serde(default, skip_serializing_if = "Sources::is_empty")]
    pub sources: Sources,
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub attributes: Named<AttributeDefinition>,
    /// Who is counted, cut and layered: a condition on attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<String>,
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub metrics: Named<MetricDefinition>,
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub scores: Named<ScoreDefinition>,
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub dimensions: Named<DimensionDefinition>,
    #[serde(default)]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Ranking::is_usual")]
    pub ranking: Ranking,
    pub layers: Vec<LayerDefinition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<DefaultDefinition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// Whether a user is in one layer or in any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The first layer that matches, or the default.
    #[default]
    Exclusive,
    /// All that match, as tags.
    Overlapping,
}

/// Which end of the list of layers is the best one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ranking {
    #[default]
    BestFirst,
    BestLast,
    /// The layers are not ranked: none is better than another.
    None,
}

impl Ranking {
    fn is_usual(&self) -> bool {
        *self == Ranking::default()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct AttributeDefinition {
    pub of_type: Type,
    pub label: Label,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MetricDefinition {
    pub value: String,
    pub label: Label,
}

/// A metric, or an earlier score, cut into 1..n; exactly one way of cutting is given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"of\": \"monetary\", \"quantile\": 5}")]
pub struct ScoreDefinition {
    /// The metric or score that is cut.
    pub of: String,
    #[serde(default, skip_serializing_if = "Label::is_empty")]
    pub label: Label,
    /// `high` (default) or `low`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<String>,
    /// Fixed cut points, worst first: numbers, or expressions of parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuts: Option<Vec<NumberOr>>,
    /// The number of bins of equal share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<NumberOr>,
    /// Shares from the best down; what is left is the last bin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_share: Option<Vec<NumberOr>>,
    /// 2 above the mean, 1 else.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mean: bool,
    /// The number of classes of least variance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub natural_breaks: Option<NumberOr>,
    /// `min` (default), `max` or `mid`, for quantile and top_share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ties: Option<String>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// Ordered layers of their own, which later expressions name: `value = 'high'`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"layers\": [{\"name\": \"high\", \"when\": \"spent >= 500\"}]}"
)]
pub struct DimensionDefinition {
    #[serde(default, skip_serializing_if = "Label::is_empty")]
    pub label: Label,
    pub layers: Vec<LayerDefinition>,
    /// Without one, a user whom no layer takes has no value here (NULL).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<DefaultDefinition>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"name\": \"active\", \"when\": \"recency <= 30\"}")]
pub struct LayerDefinition {
    pub name: String,
    #[serde(default, skip_serializing_if = "Label::is_empty")]
    pub label: Label,
    /// Absent for a heading, which only gathers the layers that name it as their parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// The layer of everybody whom no other takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"name\": \"other\"}")]
pub struct DefaultDefinition {
    pub name: String,
    #[serde(default, skip_serializing_if = "Label::is_empty")]
    pub label: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// What calibration found: the cuts, the fits behind predictions, and on whom and which days they were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "what calibrate_agg writes")]
pub struct Calibration {
    /// The day as of which the users were read.
    pub as_of: String,
    /// The first and the last day of the events that were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<[String; 2]>,
    /// The users of the population, scored or not.
    pub users: u64,
    /// By source, for those of which something is predicted.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub fits: Named<SourceFit>,
    pub scores: Named<CalibratedScore>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object of users, cuts and reached")]
pub struct CalibratedScore {
    /// The users who have a value.
    pub users: u64,
    /// Cut points, worst first; null where no value reaches the score.
    pub cuts: Vec<Option<Number>>,
    /// The users of each score, from 1 up: the shares really reached.
    pub reached: Vec<u64>,
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading and writing

impl Definition {
    /// Reads a definition.
    ///
    /// # Errors
    /// With the path of the place in the JSON.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        if text.len() > MOST_BYTES {
            return Err(ModelError::limit("", format!("a model has at most {MOST_BYTES} bytes, not {}", text.len())));
        }
        if !text.trim_start().starts_with('{') {
            return Err(ModelError::malformed("", "a model is a JSON object").with_hint(EXAMPLE));
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let read: Self = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            ModelError::malformed(path.trim_end_matches(['.', '?']), error.inner().to_string()).with_hint(EXAMPLE)
        })?;
        reader.end().map_err(|error| ModelError::malformed("", error.to_string()).with_hint(EXAMPLE))?;
        let json =
            |value: serde_json::Result<Value>| value.map_err(|error| ModelError::malformed("", error.to_string()));
        check_objects(&json(serde_json::to_value(&read))?, &json(serde_json::from_str(text))?, "")?;
        Ok(read)
    }

    /// The canonical JSON: one line, in the order of the definition.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| unreachable!("every part has a JSON form: {error}"))
    }
}

/// Refuses an array in the place of an object (serde's structs are read from both), and NUL, which no text of PostgreSQL
/// can hold.
fn check_objects(read: &Value, written: &Value, path: &str) -> Result<(), ModelError> {
    match (read, written) {
        (Value::String(text), _) if text.contains('\0') => Err(ModelError::malformed(path, "a text has no \\u0000")),
        (Value::Object(_), Value::Array(_)) => {
            Err(ModelError::malformed(path, "expected an object, not an array").with_hint(EXAMPLE))
        }
        (Value::Object(read), Value::Object(written)) => read.iter().try_for_each(|(name, read)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            written.get(name).map_or(Ok(()), |written| check_objects(read, written, &path))
        }),
        (Value::Array(read), Value::Array(written)) => {
            let mut places = read.iter().zip(written).enumerate();
            places.try_for_each(|(place, (read, written))| check_objects(read, written, &format!("{path}[{place}]")))
        }
        _ => Ok(()),
    }
}

const EXAMPLE: &str = r#"A small model: {"name": "activity", "sources": ["orders"], "metrics": {"recency": "recency(orders)"}, "layers": [{"name": "active", "when": "recency <= 30"}], "default": {"name": "silent"}}"#;

impl Named<Number> {
    /// Reads parameters: a JSON object of numbers.
    ///
    /// # Errors
    /// Where it is anything else.
    pub fn from_json(text: &str) -> Result<Self, ModelError> {
        let mut reader = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = format!("parameters.{}", error.path());
            ModelError::invalid(path.trim_end_matches(['.', '?']), error.inner().to_string())
                .with_hint(r#"Parameters are numbers by name, for example {"window_days": 180}."#)
        })
    }
}

/// An exact decimal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.normalize().to_string();
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        number(raw.get()).map(Number).map_err(de::Error::custom)
    }
}

/// A number in JSON; whatever else is named by what it is.
fn number(raw: &str) -> Result<Decimal, String> {
    let first = raw.bytes().next().unwrap_or(b' ');
    if first != b'-' && !first.is_ascii_digit() {
        return Err(format!("expected a number, not {raw}"));
    }
    let read = Decimal::from_str_exact(raw).or_else(|_| Decimal::from_scientific(raw));
    read.map(|number| number.normalize()).map_err(|_| format!("{raw} has more than 28 digits"))
}

/// A number, or an expression of parameters that gives one.
#[derive(Debug, Clone, PartialEq)]
pub enum NumberOr {
    Number(Number),
    Expression(String),
}

impl Serialize for NumberOr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            NumberOr::Number(number) => number.serialize(serializer),
            NumberOr::Expression(text) => text.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for NumberOr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match raw.get().starts_with('"') {
            true => serde_json::from_str(raw.get()).map(NumberOr::Expression).map_err(de::Error::custom),
            false => number(raw.get()).map(Number).map(NumberOr::Number).map_err(de::Error::custom),
        }
    }
}

/// Free JSON, kept as it is written, without spaces.
#[derive(Debug, Clone)]
pub struct Meta(Box<RawValue>);

impl Meta {
    pub fn json(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Meta {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Serialize for Meta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Meta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let json = compact(raw.get());
        if nesting(&json) > MOST_NESTING {
            return Err(de::Error::custom(format!("the JSON is nested more than {MOST_NESTING} deep")));
        }
        RawValue::from_string(json).map(Meta).map_err(de::Error::custom)
    }
}

/// The deepest nesting of free JSON.
const MOST_NESTING: usize = 64;

/// How deep brackets nest at most; those inside of strings count as well.
fn nesting(json: &str) -> usize {
    let step = |depth: isize, byte: u8| match byte {
        b'[' | b'{' => depth + 1,
        b']' | b'}' => depth - 1,
        _ => depth,
    };
    let depths = json.bytes().scan(0isize, |depth, byte| {
        *depth = step(*depth, byte);
        Some(*depth)
    });
    depths.max().unwrap_or(0).unsigned_abs()
}

/// JSON without the spaces between its tokens.
fn compact(json: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    json.chars()
        .filter(|char| {
            let keep = inside || !char.is_ascii_whitespace();
            match (inside, escaped, char) {
                (true, true, _) => escaped = false,
                (true, false, '\\') => escaped = true,
                (_, _, '"') => inside = !inside,
                _ => {}
            }
            keep
        })
        .collect()
}

/// A JSON object: names in their order, none twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Named<T> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(known, _)| known == name)
    }

    pub fn get(&self, name: &str) -> Option<&T> {
        self.position(name).map(|place| &self.0[place].1)
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Names<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut seen = std::collections::HashSet::new();
                let mut named = Named::default();
                while let Some(name) = map.next_key::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(de::Error::custom(format!("\"{name}\" comes twice")));
                    }
                    named.0.push((name, map.next_value()?));
                }
                Ok(named)
            }
        }

        deserializer.deserialize_map(Names(PhantomData))
    }
}

/// Sources by name, with labels where they have them: `["orders"]` or `{"orders": {"zh": "订单"}}`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sources(pub Named<Label>);

impl Sources {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Sources {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.iter().all(|(_, label)| label.is_empty()) {
            return self.0.serialize(serializer);
        }
        let mut names = serializer.serialize_seq(Some(self.0.len()))?;
        for name in self.0.names() {
            names.serialize_element(name)?;
        }
        names.end()
    }
}

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Sources;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of names, or an object of names with labels")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Sources, A::Error> {
                let mut sources = Named::default();
                let mut seen = std::collections::HashSet::new();
                while let Some(name) = names.next_element::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(de::Error::custom(format!("\"{name}\" comes twice")));
                    }
                    sources.0.push((name, Label::default()));
                }
                Ok(Sources(sources))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sources, A::Error> {
                Named::deserialize(MapAccessDeserializer::new(map)).map(Sources)
            }
        }

        deserializer.deserialize_any(Names)
    }
}

/// Something that may be written as a string, or as an object with a label besides.
trait Labelled: Sized {
    /// The same with its label, as JSON.
    type Full: for<'de> Deserialize<'de>;
    const EXPECTED: &'static str;
    fn plain(text: &str) -> Result<Self, String>;
    fn full(full: Self::Full) -> Self;
}

fn labelled<'de, D: Deserializer<'de>, T: Labelled>(deserializer: D) -> Result<T, D::Error> {
    struct Both<T>(PhantomData<T>);

    impl<'de, T: Labelled> Visitor<'de> for Both<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            T::plain(text).map_err(E::custom)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::Full::deserialize(MapAccessDeserializer::new(map)).map(T::full)
        }
    }

    deserializer.deserialize_any(Both(PhantomData))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FullMetric {
    value: String,
    #[serde(default)]
    label: Label,
}

impl Labelled for MetricDefinition {
    type Full = FullMetric;
    const EXPECTED: &'static str = "an expression, or an object with value and label";

    fn plain(text: &str) -> Result<Self, String> {
        Ok(Self { value: text.to_owned(), label: Label::default() })
    }

    fn full(FullMetric { value, label }: FullMetric) -> Self {
        Self { value, label }
    }
}

impl<'de> Deserialize<'de> for MetricDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        labelled(deserializer)
    }
}

impl Serialize for MetricDefinition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.label.is_empty() {
            true => self.value.serialize(serializer),
            false => FullMetric { value: self.value.clone(), label: self.label.clone() }.serialize(serializer),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FullAttribute {
    #[serde(rename = "type")]
    of_type: Type,
    #[serde(default)]
    label: Label,
}

impl Labelled for AttributeDefinition {
    type Full = FullAttribute;
    const EXPECTED: &'static str = "a type, or an object with type and label";

    fn plain(text: &str) -> Result<Self, String> {
        Ok(Self { of_type: Type::from_str(text)?, label: Label::default() })
    }

    fn full(FullAttribute { of_type, label }: FullAttribute) -> Self {
        Self { of_type, label }
    }
}

impl<'de> Deserialize<'de> for AttributeDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        labelled(deserializer)
    }
}

impl Serialize for AttributeDefinition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.label.is_empty() {
            true => self.of_type.serialize(serializer),
            false => FullAttribute { of_type: self.of_type, label: self.label.clone() }.serialize(serializer),
        }
    }
}
