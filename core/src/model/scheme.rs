//! Segment schemes: tables from a cell of the score cube to a named segment, made from the RFM presets.

use std::sync::LazyLock;

use crate::day::Day;
use crate::label::{Label, Lang};
use crate::score::{Bins, Group, RfmScores, ScoreError, choose};

use super::preset::preset;
use super::{Evaluation, Facts, Model, ModelError};

/// One segment of a scheme: a layer of its preset, or the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    name: &'static str,
    label: &'static Label,
}

impl Segment {
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// In English the name with underscores, fit for code (`champions`, `key_value`); else the label (冠军用户).
    pub fn label(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.name,
            other => self.label.get(other).unwrap_or(self.name),
        }
    }
}

/// An RFM preset as a table of its cells, for whole bases at once. Users without a purchase lie outside of it; their
/// segment (`prospect`) comes last in the order.
#[derive(Debug)]
pub struct Scheme {
    name: &'static str,
    reads: Reads,
    /// Best first, the segment outside the table last.
    segments: Vec<Segment>,
    /// The place in `segments` of each cell; cells count up like numbers, recency leading.
    table: Vec<usize>,
}

/// What the three digits of a cell mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// Scores from 1 to 5.
    Scores,
    /// 2 for high, 1 for low.
    Groups,
}

impl Reads {
    /// The names of the digits in the preset, recency first; a preset may do without some of them.
    fn names(self) -> [&'static str; 3] {
        match self {
            Reads::Scores => ["r", "f", "m"],
            Reads::Groups => ["high_r", "high_f", "high_m"],
        }
    }

    fn highest(self) -> u8 {
        match self {
            Reads::Scores => Bins::FIVE.get(),
            Reads::Groups => 2,
        }
    }

    /// All cells, as they count up.
    fn cells(self) -> impl Iterator<Item = [u8; 3]> {
        let digits = move || 1..=self.highest();
        digits().flat_map(move |r| digits().flat_map(move |f| digits().map(move |m| [r, f, m])))
    }

    /// The place of a cell among them.
    fn index(self, cell: [u8; 3]) -> usize {
        cell.iter().fold(0, |index, digit| index * usize::from(self.highest()) + usize::from(digit - 1))
    }
}

static ELEVEN: LazyLock<Scheme> = LazyLock::new(|| Scheme::embedded("eleven", "rfm_eleven", Reads::Scores));
static TEN: LazyLock<Scheme> = LazyLock::new(|| Scheme::embedded("ten", "rfm_ten", Reads::Scores));
static EIGHT: LazyLock<Scheme> = LazyLock::new(|| Scheme::embedded("eight", "rfm_eight", Reads::Groups));

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

    /// The table of the eight groups.
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

    /// All segments, best first, the one outside the table last.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The rank of a segment, given by name or by label in any language; 0 is best.
    pub fn order(&self, name: &str) -> Option<usize> {
        let called = |segment: &Segment| {
            let labels = [segment.label.en.as_deref(), segment.label.zh.as_deref()];
            segment.name == name || labels.contains(&Some(name))
        };
        self.segments.iter().position(called)
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

    /// The segment of a user with these scores; without scores, the one outside the table.
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
        let highest = self.reads.highest();
        if let Some(&score) = [r, f, m].iter().find(|score| !(1..=highest).contains(*score)) {
            return Err(ScoreError::ScoreOutOfRange { value: score.into(), highest });
        }
        Ok(self.table[self.reads.index([r, f, m])])
    }

    /// The segment of a user in this group; without a group, the one outside the table.
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
            self.table[self.reads.index([recency, frequency, monetary].map(|high| 1 + u8::from(high)))]
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

    /// A scheme that is part of the library. A mistake in it fails every test before it can reach a user.
    fn embedded(name: &'static str, preset_name: &str, reads: Reads) -> Self {
        let made = preset(preset_name).and_then(|model| Self::of_model(name, model, reads));
        made.unwrap_or_else(|error| panic!("presets/{preset_name}.json: {error}"))
    }

    /// Asks the model for every cell once.
    fn of_model(name: &'static str, model: &'static Model, reads: Reads) -> Result<Self, ModelError> {
        let definition = model.definition();
        let layers = definition.layers.iter().map(|layer| Segment { name: &layer.name, label: &layer.label });
        let default = definition.default.iter().map(|default| Segment { name: &default.name, label: &default.label });
        let segments: Vec<Segment> = layers.chain(default).collect();
        let places = reads.names().map(|name| definition.scores.position(name));
        let mut facts = Facts::nothing(model);
        let mut table = Vec::new();
        for cell in reads.cells() {
            for (place, digit) in places.iter().zip(cell) {
                if let Some(place) = place {
                    facts.scores[*place] = Some(Some(digit));
                }
            }
            // no condition on scores asks for the day
            let layer = Evaluation::new(model, &facts, Day::MIN)?.layer();
            table.push(layer.ok_or_else(|| ModelError::invalid("layers", format!("cell {cell:?} has no layer")))?);
        }
        Ok(Self { name, reads, segments, table })
    }
}
