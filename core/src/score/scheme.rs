//! Segment schemes: maps from a cell of the score cube to a named segment, read from `presets/rfm_*.json`.

use std::str::FromStr;
use std::sync::LazyLock;

use serde::Deserialize;

use super::{Bins, Group, RfmScores, ScoreError, choose};

/// The language of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// The name with underscores, fit for code: `champions`, `key_value`.
    #[default]
    En,
    /// Chinese: 冠军用户, 重要价值用户.
    Zh,
}

impl FromStr for Lang {
    type Err = ScoreError;
    fn from_str(name: &str) -> Result<Self, ScoreError> {
        choose("language", name, &[("en", Lang::En), ("zh", Lang::Zh)])
    }
}

/// A label in every language.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Label {
    en: String,
    zh: String,
}

impl Label {
    pub(crate) fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }
}

/// One segment of a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    name: String,
    label: Label,
}

impl Segment {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn label(&self, lang: Lang) -> &str {
        self.label.get(lang)
    }
}

/// A segment scheme: an exact and complete partition of its cells, checked when it is read. Users without a purchase
/// lie outside the map; their segment (`prospect`) comes last in the order.
#[derive(Debug)]
pub struct Scheme {
    name: &'static str,
    reads: Reads,
    metrics: Vec<Metric>,
    /// Best first, the segment outside the map last.
    segments: Vec<Segment>,
    /// The place in `segments` of each cell; cells count up like numbers, the first metric leading.
    table: Vec<u8>,
}

/// What the digits of a cell mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reads {
    /// A score from 1 to 5.
    Scores,
    /// 1 for high, 0 for low.
    Groups,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Metric {
    Recency,
    Frequency,
    Monetary,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemeText {
    name: String,
    reads: Reads,
    metrics: Vec<Metric>,
    segments: Vec<SegmentText>,
    outside: OutsideText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentText {
    name: String,
    label: Label,
    cells: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutsideText {
    name: String,
    label: Label,
}

macro_rules! preset {
    ($name:literal) => {
        LazyLock::new(|| Scheme::embedded($name, include_str!(concat!("../../../presets/rfm_", $name, ".json"))))
    };
}

static ELEVEN: LazyLock<Scheme> = preset!("eleven");
static TEN: LazyLock<Scheme> = preset!("ten");
static EIGHT: LazyLock<Scheme> = preset!("eight");

impl Scheme {
    /// The names of all schemes.
    pub const NAMES: [&'static str; 3] = ["eleven", "ten", "eight"];

    /// A scheme by name: `eleven` (125 cells of R, F and M), `ten` (25 cells of R and F) or `eight` (high and low).
    ///
    /// # Errors
    /// [`ScoreError::UnknownName`].
    pub fn by_name(name: &str) -> Result<&'static Self, ScoreError> {
        let [eleven, ten, eight] = Self::NAMES;
        choose("scheme", name, &[(eleven, &ELEVEN), (ten, &TEN), (eight, &EIGHT)]).map(|scheme| &**scheme)
    }

    /// The map of the eight groups.
    pub fn eight() -> &'static Self {
        &EIGHT
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the scheme is read from groups ([`of_group`](Self::of_group)) instead of scores.
    pub fn reads_groups(&self) -> bool {
        self.reads == Reads::Groups
    }

    /// All segments, best first, the one outside the map last.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The rank of a segment, given by name or by label in any language; 0 is best.
    pub fn order(&self, name: &str) -> Option<usize> {
        self.segments.iter().position(|segment| [segment.name(), &segment.label.en, &segment.label.zh].contains(&name))
    }

    /// Refuses cuts whose scores the scheme cannot read.
    ///
    /// # Errors
    /// [`ScoreError::NeedsFiveBins`].
    pub fn require_bins(&self, bins: Bins) -> Result<(), ScoreError> {
        if self.reads == Reads::Groups || bins == Bins::FIVE {
            return Ok(());
        }
        Err(ScoreError::NeedsFiveBins { what: format!("scheme \"{}\"", self.name), bins: bins.get() })
    }

    /// The segment of a user with these scores; without scores, the one outside the map.
    ///
    /// # Errors
    /// [`ScoreError::ScoreOutOfRange`] for a score outside 1..=5, even of a metric that the scheme ignores (the cuts
    /// had other bins); [`ScoreError::WrongReading`] for a scheme of groups.
    pub fn of_scores(&self, scores: Option<RfmScores>) -> Result<&Segment, ScoreError> {
        self.place_of_scores(scores).map(|place| &self.segments[place])
    }

    /// The place of that segment in [`segments`](Self::segments).
    ///
    /// # Errors
    /// Those of [`of_scores`](Self::of_scores).
    pub fn place_of_scores(&self, scores: Option<RfmScores>) -> Result<usize, ScoreError> {
        if self.reads != Reads::Scores {
            return Err(self.wrong_reading());
        }
        let Some(RfmScores { r, f, m }) = scores else {
            return Ok(self.outside());
        };
        let highest = Reads::Scores.highest();
        if let Some(&score) = [r, f, m].iter().find(|score| !(1..=highest).contains(*score)) {
            return Err(ScoreError::ScoreOutOfRange { value: score.into(), highest });
        }
        Ok(self.at([r, f, m]))
    }

    /// The segment of a user in this group; without a group, the one outside the map.
    ///
    /// # Errors
    /// [`ScoreError::WrongReading`] for a scheme of scores.
    pub fn of_group(&self, group: Option<Group>) -> Result<&Segment, ScoreError> {
        self.place_of_group(group).map(|place| &self.segments[place])
    }

    /// The place of that segment in [`segments`](Self::segments).
    ///
    /// # Errors
    /// Those of [`of_group`](Self::of_group).
    pub fn place_of_group(&self, group: Option<Group>) -> Result<usize, ScoreError> {
        if self.reads != Reads::Groups {
            return Err(self.wrong_reading());
        }
        Ok(group.map_or(self.outside(), |Group { recency, frequency, monetary }| {
            self.at([recency.into(), frequency.into(), monetary.into()])
        }))
    }

    fn wrong_reading(&self) -> ScoreError {
        let reads = match self.reads {
            Reads::Scores => "scores",
            Reads::Groups => "groups",
        };
        ScoreError::WrongReading { scheme: self.name, reads }
    }

    fn outside(&self) -> usize {
        self.segments.len() - 1
    }

    /// The place of the segment of a cell of the cube; digits are checked before.
    fn at(&self, [r, f, m]: [u8; 3]) -> usize {
        let digit = |metric: &Metric| match metric {
            Metric::Recency => r,
            Metric::Frequency => f,
            Metric::Monetary => m,
        };
        let place = self.metrics.iter().fold(0, |place, metric| self.reads.step(place, digit(metric)));
        usize::from(self.table[place])
    }

    /// A scheme that is part of the library. A mistake in it fails every test before it can reach a user.
    fn embedded(name: &'static str, json: &str) -> Self {
        Self::from_json(name, json).unwrap_or_else(|reason| panic!("presets/rfm_{name}.json: {reason}"))
    }

    fn from_json(name: &'static str, json: &str) -> Result<Self, String> {
        let text: SchemeText = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if text.name != name {
            return Err(format!("it is named {}", text.name));
        }
        let mut table = vec![None; text.reads.base().pow(text.metrics.len() as u32)];
        for (place, segment) in text.segments.iter().enumerate() {
            for cell in &segment.cells {
                let index = text.reads.index(cell, text.metrics.len()).ok_or(format!("cell {cell} does not exist"))?;
                if table[index].replace(place as u8).is_some() {
                    return Err(format!("cell {cell} comes twice"));
                }
            }
        }
        let table: Option<Vec<u8>> = table.into_iter().collect();
        let mut segments: Vec<Segment> =
            text.segments.into_iter().map(|SegmentText { name, label, .. }| Segment { name, label }).collect();
        segments.push(Segment { name: text.outside.name, label: text.outside.label });
        Ok(Self {
            name,
            reads: text.reads,
            metrics: text.metrics,
            segments,
            table: table.ok_or("a cell has no segment")?,
        })
    }
}

impl Reads {
    fn lowest(self) -> u8 {
        match self {
            Reads::Scores => 1,
            Reads::Groups => 0,
        }
    }

    fn highest(self) -> u8 {
        match self {
            Reads::Scores => Bins::FIVE.get(),
            Reads::Groups => 1,
        }
    }

    fn base(self) -> usize {
        usize::from(self.highest() - self.lowest()) + 1
    }

    fn step(self, place: usize, digit: u8) -> usize {
        place * self.base() + usize::from(digit - self.lowest())
    }

    /// The place of a cell written as digits, such as `"555"`.
    fn index(self, cell: &str, metrics: usize) -> Option<usize> {
        let digits: Option<Vec<u8>> = cell.bytes().map(|byte| byte.checked_sub(b'0')).collect();
        let digits = digits.filter(|digits| {
            digits.len() == metrics && digits.iter().all(|digit| (self.lowest()..=self.highest()).contains(digit))
        })?;
        Some(digits.into_iter().fold(0, |place, digit| self.step(place, digit)))
    }
}

/// The label of a user's segment.
///
/// # Errors
/// Those of [`Scheme::of_scores`].
pub fn segment(scheme: &'static Scheme, scores: Option<RfmScores>, lang: Lang) -> Result<&'static str, ScoreError> {
    scheme.of_scores(scores).map(|segment| segment.label(lang))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ten_with(from: &str, to: &str) -> Result<Scheme, String> {
        let json = include_str!("../../../presets/rfm_ten.json");
        assert!(json.contains(from));
        Scheme::from_json("ten", &json.replacen(from, to, 1))
    }

    #[test]
    fn a_map_that_is_no_partition_is_refused() {
        assert!(ten_with("\"41\"", "\"41\"").is_ok());
        for (from, to, reason) in [
            ("\"55\", ", "", "a cell has no segment"),
            ("\"55\"", "\"55\", \"41\"", "cell 41 comes twice"),
            ("\"55\"", "\"56\"", "cell 56 does not exist"),
            ("\"55\"", "\"555\"", "cell 555 does not exist"),
            ("\"55\"", "\"5\\u0000\"", "cell 5\0 does not exist"),
            ("\"ten\"", "\"twelve\"", "it is named twelve"),
        ] {
            assert_eq!(ten_with(from, to).unwrap_err(), reason);
        }
    }
}
