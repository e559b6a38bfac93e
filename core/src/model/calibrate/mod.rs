//! Calibration: the cut points of a model's scores, and the fits behind its predictions, read from its users.
//!
//! A mergeable aggregate state: flat bytes that somebody else owns, as in [`score`](crate::score). It carries the model and
//! the day, because whoever finishes it sees nothing else:
//!
//! ```text
//! version 1 | kind 4 | 2 x 0 | length of the model u32 | as of i32 | first day i32 | last day i32 | 4 x 0 | users u64
//! length of the first state u32 | the same in a grown state u32 | model as canonical JSON
//! state of (metric, value, number of users) entries … | state of (source, purchases, number of users) entries …
//! ```
//!
//! Collected are the metrics that scores with data-driven cuts are built on, each once: one entry per user of the
//! population who has a value, and equal values become one entry when the room is used up. A score of a score needs no
//! entries of its own: how many users have which score is known once the cuts are made. And of each source of which
//! something is predicted, the purchases: models are fitted to them first, and what metrics make of their predictions is
//! known from them as well. So **one pass over the users is enough**, and the result depends on neither their order nor
//! the way they are split.
//!
//! The exception is a metric that mixes predictions of a source with anything else about a user. It can only be cut
//! where its values were computed by the same fits that come out in the end: those of a calibration of the same users
//! before. The first pass gives the fits and leaves such scores without cuts, the second gives everything.
//!
//! Whatever the users are, there is a calibration: over nobody, and over users without a value, all cuts are null and
//! any value scores 1; with fewer distinct values than bins some cuts repeat or are null. Scores given in a row are
//! not looked at; metrics given in a row are taken as they stand. Opening a state checks its header, in constant time;
//! merging and finishing check whatever they read.

use crate::day::Day;
use crate::patience;
use crate::predict::{Counted, OfSource};
use crate::score::{
    CutsConfig, Decimal, Distribution, MAX_STATE_BYTES, MetricObservation, Observation, Push, ScoreError, StateMut,
    StateRef,
};

use super::definition::{CalibratedScore, Calibration, MOST_BYTES, Named, Number};
use super::error::ModelError;
use super::rule::evaluate::Evaluation;
use super::rule::{Expr, Name, Value};
use super::{Method, Model, Score};

mod deferred;

pub(super) use deferred::{Derivation, derivations};

const VERSION: u8 = 1;
const KIND: u8 = 4;
const HEADER: usize = 40;

/// A user's purchases from a source, and how many have the same.
type Purchases = Counted<OfSource>;

/// A state that can be added to. The bytes stay the caller's.
#[derive(Debug)]
pub struct CalibrationState<'a> {
    header: Header,
    /// The header, and the model's JSON.
    head: &'a mut [u8],
    values: StateMut<'a, MetricObservation>,
    purchases: StateMut<'a, Purchases>,
}

/// A state that can be read: merged into another, or finished.
#[derive(Debug, Clone, Copy)]
pub struct CalibrationStateRef<'a> {
    header: Header,
    json: &'a [u8],
    values: StateRef<'a, MetricObservation>,
    purchases: StateRef<'a, Purchases>,
}

#[derive(Debug, Clone, Copy)]
struct Header {
    json: usize,
    as_of: Day,
    days: Days,
    /// The users of the population.
    users: u64,
    /// The length of the first state, now and in the slice that was asked for.
    values: usize,
    grown_values: usize,
}

/// The first and the last day of the entries that were read; before any, the first comes after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Days {
    first: i32,
    last: i32,
}

impl<'a> CalibrationState<'a> {
    /// The length of a new state.
    pub fn initial_len(model: &Model) -> usize {
        HEADER + model.to_string().len() + StateMut::<MetricObservation>::initial_len() + Self::purchases_len(model)
    }

    /// Where nothing is predicted, there are no entries.
    fn purchases_len(model: &Model) -> usize {
        match model.predicted.is_empty() {
            true => StateMut::<Purchases>::empty_len(),
            false => StateMut::<Purchases>::initial_len(),
        }
    }

    /// Writes a state of no users into `bytes`, whatever they held. Cuts that the model has already count for nothing;
    /// fits, only where a second pass needs them.
    ///
    /// # Errors
    /// Where the slice is shorter than [`initial_len`](Self::initial_len), and for a model too long to be kept.
    pub fn create(bytes: &'a mut [u8], model: &Model, as_of: Day) -> Result<Self, ModelError> {
        let json = model.to_string();
        let json = json.as_bytes();
        if json.len() > MOST_BYTES {
            let message = format!("the model has {} bytes, at most {MOST_BYTES} can be calibrated", json.len());
            return Err(ModelError::limit("", message));
        }
        let values = StateMut::<MetricObservation>::initial_len();
        let (json_len, days) = (json.len(), Days::NONE);
        let header = Header { json: json_len, as_of, days, users: 0, values, grown_values: values };
        let parts = header.parts_mut(bytes);
        let (head, values, purchases) = parts.ok_or_else(|| corrupt("it is too short"))?;
        head[HEADER..].copy_from_slice(json);
        let (values, purchases) = (StateMut::create(values, ())?, StateMut::create(purchases, ())?);
        let mut state = Self { header, head, values, purchases };
        state.set_header(header);
        Ok(state)
    }

    /// Opens a state: a check of its headers, in constant time.
    ///
    /// # Errors
    /// Where they are not those of a calibration.
    pub fn open(bytes: &'a mut [u8]) -> Result<Self, ModelError> {
        let header = Header::read(bytes)?;
        let (head, values, purchases) = header.parts_mut(bytes).ok_or_else(|| corrupt("it is too short"))?;
        Ok(Self { header, head, values: StateMut::open(values)?, purchases: StateMut::open(purchases)? })
    }

    pub fn as_ref(&self) -> CalibrationStateRef<'_> {
        let (values, purchases) = (self.values.as_ref(), self.purchases.as_ref());
        CalibrationStateRef { header: self.header, json: &self.head[HEADER..], values, purchases }
    }

    /// Counts a user, in place, or says how much room a grown state needs: then nothing was added. Users outside of the
    /// population do not count.
    ///
    /// The caller sees to it that the model is the one that the state was made with (see
    /// [`CalibrationStateRef::is_of`]); to compare them here would cost more than all the rest.
    ///
    /// # Errors
    /// For a damaged ledger, another day than that of the state, and a state that outgrows [`MAX_STATE_BYTES`].
    pub fn push(&mut self, evaluation: &mut Evaluation<'_>) -> Result<Push, ModelError> {
        if evaluation.as_of != self.header.as_of {
            return Err(other_day(self.header.as_of, evaluation.as_of));
        }
        if !evaluation.in_population() {
            return Ok(Push::Done);
        }
        let days = self.header.days.with_entries(evaluation)?;
        let users = self.header.users.checked_add(1).ok_or_else(too_many_users)?;
        let (metrics, predicted) = (&evaluation.model.calibrated_metrics, &evaluation.model.predicted);
        if let Push::Full(len) = self.reserve(metrics.len(), predicted.len())? {
            return Ok(Push::Full(len));
        }
        for predicted in predicted {
            if let Some(summary) = predicted.summary(evaluation) {
                let value = OfSource { source: predicted.source as u16, summary };
                // the room is there
                let _ = self.purchases.push(Counted { value, count: 1 })?;
            }
        }
        for metric in metrics {
            if evaluation.model.is_deferred(*metric, &evaluation.facts.metrics) {
                continue;
            }
            if let Value::Number(value) = evaluation.metric(*metric) {
                let entry = MetricObservation { metric: *metric as u16, observation: Observation { value, count: 1 } };
                let _ = self.values.push(entry)?;
            }
        }
        self.set_header(Header { days, users, ..self.header });
        Ok(Push::Done)
    }

    /// Adds all users of another state, or none and says how much room a grown state needs.
    ///
    /// # Errors
    /// Where the two differ in the model or the day; those of [`push`](Self::push).
    pub fn merge(&mut self, other: CalibrationStateRef<'_>) -> Result<Push, ModelError> {
        if self.as_ref().json != other.json {
            let error = ModelError::invalid("", "the model must stay the same within one aggregate");
            return Err(error.with_hint("Group by what chooses the model."));
        }
        if self.header.as_of != other.header.as_of {
            return Err(other_day(self.header.as_of, other.header.as_of));
        }
        let users = self.header.users.checked_add(other.header.users).ok_or_else(too_many_users)?;
        if let Push::Full(len) = self.reserve(other.values.len(), other.purchases.len())? {
            return Ok(Push::Full(len));
        }
        // the room is there
        let _ = self.values.merge(other.values)?;
        let _ = self.purchases.merge(other.purchases)?;
        let days = self.header.days.with(other.header.days);
        self.set_header(Header { days, users, ..self.header });
        Ok(Push::Done)
    }

    /// Copies the state into a larger slice, which becomes the state.
    ///
    /// # Errors
    /// Where the slice is shorter than what is used.
    pub fn grow_into<'b>(&self, larger: &'b mut [u8]) -> Result<CalibrationState<'b>, ModelError> {
        let header = Header { values: self.header.grown_values, ..self.header };
        let parts = header.parts_mut(larger);
        let (head, values, purchases) = parts.ok_or_else(|| corrupt("the grown copy is too short"))?;
        head.copy_from_slice(self.head);
        let (values, purchases) = (self.values.grow_into(values)?, self.purchases.grow_into(purchases)?);
        let mut state = CalibrationState { header, head, values, purchases };
        state.set_header(header);
        Ok(state)
    }

    /// Makes room for so many entries of each kind, in place, or says how much room a grown state needs.
    fn reserve(&mut self, values: usize, purchases: usize) -> Result<Push, ModelError> {
        let (values, purchases) = (self.values.reserve(values)?, self.purchases.reserve(purchases)?);
        if (values, purchases) == (Push::Done, Push::Done) {
            return Ok(Push::Done);
        }
        let len = |push, now| if let Push::Full(len) = push { len } else { now };
        let grown_values = len(values, self.header.values);
        let all = self.head.len() + grown_values + len(purchases, self.purchases.bytes_len());
        if all > MAX_STATE_BYTES {
            let error = ModelError::limit("", "the users of the calibration do not fit into one aggregate state");
            return Err(error.with_hint("Calibrate on a sample: TABLESAMPLE or a WHERE condition."));
        }
        self.set_header(Header { grown_values, ..self.header });
        Ok(Push::Full(all))
    }

    fn set_header(&mut self, header: Header) {
        self.header = header;
        self.head[..HEADER].copy_from_slice(&header.bytes());
    }
}

impl<'a> CalibrationStateRef<'a> {
    /// Opens a state for reading: a check of its headers, in constant time.
    ///
    /// # Errors
    /// As [`CalibrationState::open`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, ModelError> {
        let header = Header::read(bytes)?;
        let (head, states) = bytes.split_at(header.len());
        let (values, purchases) = states.split_at_checked(header.values).ok_or_else(|| corrupt("it is too short"))?;
        Ok(Self {
            header,
            json: &head[HEADER..],
            values: StateRef::open(values)?,
            purchases: StateRef::open(purchases)?,
        })
    }

    /// Whether the state was made with this model, as canonical JSON, and this day.
    pub fn is_of(&self, json: &str, as_of: Day) -> bool {
        self.header.as_of == as_of && self.json == json.as_bytes()
    }

    /// The model with the fits and the cuts that its users give. The state stays as it is.
    ///
    /// # Errors
    /// For a damaged state; where nothing can be fitted, a mean cannot be summed up, and where memory is refused.
    pub fn finish(&self) -> Result<Model, ModelError> {
        let Header { as_of, days, users, .. } = self.header;
        let days = days.checked(as_of)?.map(|days| days.map(|day| day.to_string()));
        let json = std::str::from_utf8(self.json).map_err(|_| corrupt("its model is not UTF-8"))?;
        let before: Model = json.parse()?;
        let purchases = self.purchases(&before)?;
        let fits = purchases.fits(&before)?;
        let same_fits = before.predicted.iter().all(|predicted| {
            let fit = fits.get(before.source_name(predicted.source));
            predicted.fit.as_ref() == fit
        });
        let calibration = Calibration { as_of: as_of.to_string(), days, users, fits, scores: Named::default() };
        let model = before.with_calibration(Some(calibration.clone()))?;
        let scores = self.scores(&model, &purchases, same_fits)?;
        model.with_calibration(Some(Calibration { scores, ..calibration }))
    }

    /// The purchases of the users, by source.
    fn purchases(&self, model: &Model) -> Result<deferred::Users, ModelError> {
        let mut users = deferred::Users::new(model, self.header.users, self.header.as_of);
        for Counted { value: OfSource { source, summary }, count } in self.purchases.compacted()? {
            users.add(source.into(), summary, count)?;
        }
        Ok(users)
    }

    /// The scores whose cuts are made from the data.
    fn scores(
        &self,
        model: &Model,
        purchases: &deferred::Users,
        same_fits: bool,
    ) -> Result<Named<CalibratedScore>, ModelError> {
        for entry in self.values.entries() {
            if model.calibrated_metrics.binary_search(&entry?.metric.into()).is_err() {
                return Err(corrupt("a value belongs to no metric that is calibrated"));
            }
        }
        let mut made: Vec<Option<CalibratedScore>> = vec![None; model.scores.len()];
        for metric in &model.calibrated_metrics {
            let values = match model.derivation(*metric) {
                Derivation::Mixed if !same_fits => continue,
                // given in the rows, where there is any value of it
                Derivation::Predicted { source, .. } if !self.has_values(*metric) => {
                    purchases.distribution(model, *metric, *source)?
                }
                _ => self.distribution(*metric)?,
            };
            for (place, score) in model.scores.iter().enumerate() {
                match score.of {
                    Expr::Name(Name::Metric(of)) if of == *metric => made[place] = Some(score.calibrated(&values)?),
                    Expr::Name(Name::Score(of)) if made[place].is_none() => {
                        if let Some(below) = &made[of] {
                            made[place] = Some(score.calibrated(&below.distribution()?)?);
                        }
                    }
                    _ => {}
                }
            }
        }
        let named = model.definition.scores.names().zip(&model.scores).zip(made);
        let data_driven = named.filter(|((_, score), _)| score.method != Method::Fixed);
        Ok(Named(data_driven.filter_map(|((name, _), made)| Some((name.to_owned(), made?))).collect()))
    }

    fn has_values(&self, metric: usize) -> bool {
        self.values.entries().flatten().any(|entry| usize::from(entry.metric) == metric)
    }

    fn distribution(&self, metric: usize) -> Result<Distribution, ModelError> {
        let entries = self.values.entries().flatten().filter(|entry| usize::from(entry.metric) == metric);
        let counts = entries.map(|MetricObservation { observation: Observation { value, count }, .. }| (value, count));
        let distribution = Distribution::from_counts(counts)?;
        match distribution.users() <= self.header.users {
            true => Ok(distribution),
            false => Err(corrupt("more users have a value than there are")),
        }
    }
}

impl Score {
    /// The cuts that the values give, and how many users reach each score by them, as evaluation will say.
    fn calibrated(&self, values: &Distribution) -> Result<CalibratedScore, ModelError> {
        /// A few milliseconds of values.
        const PACE: usize = 1 << 16;
        let best = self.best;
        let cuts = match &self.method {
            Method::Fixed => self.cuts.clone().unwrap_or_default(),
            Method::Quantile(bins, ties) => values.quantile(CutsConfig { bins: *bins, ties: *ties, best })?,
            Method::TopShare(shares, ties) => values.top_share(shares, *ties, best)?,
            Method::Mean => values.mean(best)?,
            Method::NaturalBreaks(classes) => values.natural_breaks(*classes, best)?,
        };
        let written = cuts.iter().map(|cut| cut.map(Number)).collect();
        let calibrated = Score { cuts: Some(cuts), ..self.clone() };
        let mut reached = vec![0; self.bins.into()];
        for runs in values.runs().chunks(PACE) {
            patience::check();
            for (value, users) in runs {
                let score = calibrated.score(*value).map_or(0, usize::from);
                if let Some(reached) = score.checked_sub(1).and_then(|place| reached.get_mut(place)) {
                    *reached += users;
                }
            }
        }
        Ok(CalibratedScore { users: values.users(), cuts: written, reached })
    }
}

impl CalibratedScore {
    /// How the scores themselves are spread.
    fn distribution(&self) -> Result<Distribution, ScoreError> {
        Distribution::from_counts((1..).map(Decimal::from).zip(self.reached.iter().copied()))
    }
}

/// The places of the metrics that scores with data-driven cuts are built on, directly or through other scores; ascending.
pub(super) fn calibrated_metrics(scores: &[Score]) -> Vec<usize> {
    fn base(score: &Score, scores: &[Score]) -> Option<usize> {
        match score.of {
            Expr::Name(Name::Metric(metric)) => Some(metric),
            // an earlier one
            Expr::Name(Name::Score(below)) => base(scores.get(below)?, scores),
            _ => None,
        }
    }
    let data_driven = scores.iter().filter(|score| score.method != Method::Fixed);
    let mut metrics: Vec<usize> = data_driven.filter_map(|score| base(score, scores)).collect();
    metrics.sort_unstable();
    metrics.dedup();
    metrics
}

impl Header {
    /// The length of everything before the states.
    fn len(&self) -> usize {
        HEADER + self.json
    }

    /// What a state consists of, where it is long enough.
    fn parts_mut<'a>(&self, bytes: &'a mut [u8]) -> Option<(&'a mut [u8], &'a mut [u8], &'a mut [u8])> {
        let (head, states) = bytes.split_at_mut_checked(self.len())?;
        let (values, purchases) = states.split_at_mut_checked(self.values)?;
        Some((head, values, purchases))
    }

    fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..2].copy_from_slice(&[VERSION, KIND]);
        bytes[4..8].copy_from_slice(&(self.json as u32).to_le_bytes());
        bytes[8..12].copy_from_slice(&self.as_of.number().to_le_bytes());
        bytes[12..16].copy_from_slice(&self.days.first.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.days.last.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.users.to_le_bytes());
        bytes[32..36].copy_from_slice(&(self.values as u32).to_le_bytes());
        bytes[36..].copy_from_slice(&(self.grown_values as u32).to_le_bytes());
        bytes
    }

    /// Reads the header of a whole state.
    fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let header: &[u8; HEADER] = bytes.first_chunk().ok_or_else(|| corrupt("it is too short"))?;
        let number = |place: usize| i32::from_le_bytes(std::array::from_fn(|byte| header[place + byte]));
        if header[..2] != [VERSION, KIND] {
            return Err(corrupt(format!("unknown version {} or kind {}", header[0], header[1])));
        }
        let length = |place: usize| usize::try_from(number(place)).map_err(|_| corrupt("its parts are too long"));
        let (json, values, grown_values) = (length(4)?, length(32)?, length(36)?);
        let as_of = Day::new(number(8).into()).ok_or_else(|| corrupt("its day is out of range"))?;
        let users = u64::from_le_bytes(std::array::from_fn(|byte| header[24 + byte]));
        let days = Days { first: number(12), last: number(16) };
        let header = Self { json, as_of, days, users, values, grown_values };
        if header.len() > bytes.len().min(MetricObservation::LONGEST_HEADER) || header.bytes() != bytes[..HEADER] {
            return Err(corrupt("its header is malformed"));
        }
        Ok(header)
    }
}

impl Days {
    const NONE: Days = Days { first: i32::MAX, last: i32::MIN };

    fn with(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    /// The days of a user's entries besides.
    fn with_entries(mut self, evaluation: &Evaluation<'_>) -> Result<Self, ModelError> {
        for ledger in &evaluation.facts.ledgers {
            for entry in ledger.entries() {
                let day = entry?.day;
                if day > evaluation.as_of {
                    break;
                }
                self = self.with(Days { first: day.number(), last: day.number() });
                if self.last == evaluation.as_of.number() {
                    // days ascend: the others change nothing
                    break;
                }
            }
        }
        Ok(self)
    }

    /// First and last day; `None` where no entry was read.
    fn checked(self, as_of: Day) -> Result<Option<[Day; 2]>, ModelError> {
        if self == Self::NONE {
            return Ok(None);
        }
        match (Day::new(self.first.into()), Day::new(self.last.into())) {
            (Some(first), Some(last)) if first <= last && last <= as_of => Ok(Some([first, last])),
            _ => Err(corrupt("its days are out of order")),
        }
    }
}

fn other_day(expected: Day, found: Day) -> ModelError {
    ModelError::invalid("", format!("as_of must stay the same within one aggregate: {expected}, then {found}"))
        .with_hint("Group by what chooses the day.")
}

fn too_many_users() -> ModelError {
    ScoreError::OutOfRange { what: "the number of users" }.into()
}

fn corrupt(reason: impl Into<String>) -> ModelError {
    ScoreError::corrupt("state of a calibration", reason).into()
}
