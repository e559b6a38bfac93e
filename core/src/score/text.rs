//! The readable form: one JSON object with a fixed order of keys. Printing and reading back gives the same value; two
//! equal values print alike. Reading takes the keys in any order and refuses unknown, missing and repeated ones.
//! Numbers are JSON numbers in plain digits and never pass through floating point.
//!
//! `cuts` is one metric; `rfm_cuts` has the shared `bins`, `ties` and `users` once and an object for each metric.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Best, Bins, Cuts, CutsConfig, RfmCuts, ScoreError, Ties};

pub(super) const CUTS_EXAMPLE: &str =
    r#"{"bins":2,"ties":"min","users":3,"best":"high","cuts":[20],"sum":45.5,"score_sum":4}"#;
pub(super) const RFM_EXAMPLE: &str = r#"{"bins":2,"ties":"min","users":3,"recency":{"best":"low","cuts":[7],"sum":57,"score_sum":4},"frequency":{"best":"high","cuts":[2],"sum":4,"score_sum":4},"monetary":{"best":"high","cuts":[20],"sum":45.5,"score_sum":4}}"#;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CutsText {
    bins: i64,
    ties: String,
    users: u64,
    best: String,
    cuts: Vec<Option<Box<RawValue>>>,
    sum: Box<RawValue>,
    score_sum: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RfmText {
    bins: i64,
    ties: String,
    users: u64,
    recency: Box<RawValue>,
    frequency: Box<RawValue>,
    monetary: Box<RawValue>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricText {
    best: String,
    cuts: Vec<Option<Box<RawValue>>>,
    sum: Box<RawValue>,
    score_sum: u64,
}

impl MetricText {
    fn print(cuts: &Cuts) -> serde_json::Result<Self> {
        Ok(Self {
            best: cuts.best().to_string(),
            cuts: cuts
                .cuts()
                .map(|cut| cut.map(|value| raw(value.to_string())).transpose())
                .collect::<Result<_, _>>()?,
            sum: raw(cuts.sum().to_string())?,
            score_sum: cuts.score_sum(),
        })
    }

    fn read(self, bins: i64, ties: &str, users: u64) -> Result<Cuts, String> {
        let config = CutsConfig {
            bins: Bins::new(bins).map_err(explained)?,
            ties: Ties::from_str(ties).map_err(explained)?,
            best: Best::from_str(&self.best).map_err(explained)?,
        };
        let cuts =
            self.cuts.iter().map(|cut| cut.as_deref().map(decimal).transpose()).collect::<Result<Vec<_>, _>>()?;
        let sum = self.sum.get().parse().map_err(|error| match error {
            ScoreError::Text { reason, .. } => reason,
            _ => format!("sum {} is out of range", self.sum.get()),
        })?;
        Cuts::from_stored(config, users, &cuts, sum, self.score_sum)
    }
}

fn raw(number: String) -> serde_json::Result<Box<RawValue>> {
    RawValue::from_string(number)
}

fn decimal(number: &RawValue) -> Result<Decimal, String> {
    Decimal::from_str_exact(number.get())
        .map_err(|_| format!("cut {} is not a number of up to 28 digits", number.get()))
}

fn explained(error: ScoreError) -> String {
    match &error {
        ScoreError::UnknownName { valid, .. } => {
            format!("{error}, use one of {}", valid.join(", "))
        }
        _ => error.to_string(),
    }
}

/// Reads an object by its keys. (By itself serde would take an array, matched by position, as well.)
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    match serde_json::from_str(text) {
        Ok(_) if !text.trim_ascii_start().starts_with('{') => Err("it is not a JSON object".into()),
        read => read.map_err(|error| error.to_string()),
    }
}

impl Cuts {
    fn read_text(text: &str) -> Result<Self, String> {
        let CutsText { bins, ties, users, best, cuts, sum, score_sum } = parse(text)?;
        MetricText { best, cuts, sum, score_sum }.read(bins, &ties, users)
    }

    fn print_text(&self) -> serde_json::Result<String> {
        let MetricText { best, cuts, sum, score_sum } = MetricText::print(self)?;
        serde_json::to_string(&CutsText {
            bins: self.bins().get().into(),
            ties: self.ties().to_string(),
            users: self.users(),
            best,
            cuts,
            sum,
            score_sum,
        })
    }
}

impl RfmCuts {
    fn read_text(text: &str) -> Result<Self, String> {
        let RfmText { bins, ties, users, recency, frequency, monetary } = parse(text)?;
        let metric = |name: &str, text: &RawValue| {
            let read = parse(text.get()).and_then(|metric: MetricText| metric.read(bins, &ties, users));
            read.map_err(|reason| format!("{name}: {reason}"))
        };
        RfmCuts::from_stored(
            metric("recency", &recency)?,
            metric("frequency", &frequency)?,
            metric("monetary", &monetary)?,
        )
    }

    fn print_text(&self) -> serde_json::Result<String> {
        let metric = |cuts| raw(serde_json::to_string(&MetricText::print(cuts)?)?);
        serde_json::to_string(&RfmText {
            bins: self.bins().get().into(),
            ties: self.ties().to_string(),
            users: self.users(),
            recency: metric(self.recency())?,
            frequency: metric(self.frequency())?,
            monetary: metric(self.monetary())?,
        })
    }
}

impl FromStr for Cuts {
    type Err = ScoreError;

    fn from_str(text: &str) -> Result<Self, ScoreError> {
        Self::read_text(text).map_err(|reason| ScoreError::text("cuts", reason))
    }
}

impl FromStr for RfmCuts {
    type Err = ScoreError;

    fn from_str(text: &str) -> Result<Self, ScoreError> {
        Self::read_text(text).map_err(|reason| ScoreError::text("rfm_cuts", reason))
    }
}

impl fmt::Display for Cuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print_text().map_err(|_| fmt::Error)?)
    }
}

impl fmt::Display for RfmCuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print_text().map_err(|_| fmt::Error)?)
    }
}
