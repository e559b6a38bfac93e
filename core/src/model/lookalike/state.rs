//! The sums of a centroid, in bytes that somebody else owns. Their length depends on the model and the layer alone:
//!
//! ```text
//! version 1 | kind 7 | 2 x 0 | length of the model u32 | length of the layer u32 | as of i32 | users u64 | in the layer u64
//! model as canonical JSON | layer | per metric: users u64 | sum 16 | sum of squares 16 | in the layer u64 | sum 16
//! ```

use crate::day::Day;
use crate::score::ScoreError;

use super::super::error::ModelError;
use super::super::rule::evaluate::Evaluation;
use super::super::{Model, Named};
use super::sum::Sum;
use super::{Center, Centroid, DIGITS, compared, number};

const VERSION: u8 = 1;
const KIND: u8 = 7;
const HEADER: usize = 32;
const METRIC: usize = 64;

/// Sums that can be added to.
#[derive(Debug)]
pub struct CentroidState<'a>(&'a mut [u8]);

/// Sums that can be read.
#[derive(Debug, Clone, Copy)]
pub struct CentroidStateRef<'a>(&'a [u8]);

/// The sums of one metric.
#[derive(Debug, Clone, Copy, Default)]
struct Metric {
    users: u64,
    sum: Sum,
    squares: Sum,
    in_layer: u64,
    layer_sum: Sum,
}

impl<'a> CentroidState<'a> {
    /// The length of a state.
    pub fn len(model: &Model, layer: &str) -> usize {
        HEADER + model.to_string().len() + layer.len() + METRIC * compared(model).count()
    }

    /// Writes the sums of nobody into `bytes`, which are of the right length.
    ///
    /// # Errors
    /// For a layer that there is not.
    pub fn create(bytes: &'a mut [u8], model: &Model, layer: &str, as_of: Day) -> Result<Self, ModelError> {
        model.layer_called(layer)?;
        let json = model.to_string();
        bytes.fill(0);
        bytes[..2].copy_from_slice(&[VERSION, KIND]);
        bytes[4..8].copy_from_slice(&(json.len() as u32).to_le_bytes());
        bytes[8..12].copy_from_slice(&(layer.len() as u32).to_le_bytes());
        bytes[12..16].copy_from_slice(&as_of.number().to_le_bytes());
        bytes[HEADER..][..json.len()].copy_from_slice(json.as_bytes());
        bytes[HEADER + json.len()..][..layer.len()].copy_from_slice(layer.as_bytes());
        Ok(Self(bytes))
    }

    /// Opens sums: a check of the header.
    ///
    /// # Errors
    /// Where it is not one of these.
    pub fn open(bytes: &'a mut [u8]) -> Result<Self, ModelError> {
        CentroidStateRef::open(bytes)?;
        Ok(Self(bytes))
    }

    pub fn as_ref(&self) -> CentroidStateRef<'_> {
        CentroidStateRef(self.0)
    }

    /// Counts a user; those outside of the population do not count. The caller sees to it that the model is that of the
    /// state: see [`CentroidStateRef::is_of`].
    ///
    /// # Errors
    /// For a damaged state.
    pub fn push(&mut self, evaluation: &mut Evaluation<'_>) -> Result<(), ModelError> {
        if !evaluation.in_population() {
            return Ok(());
        }
        let model = evaluation.model();
        let inside = evaluation.is_in(model.layer_called(self.as_ref().layer()?)?);
        let [users, in_layer] = self.as_ref().users();
        self.set_users([users.saturating_add(1), in_layer.saturating_add(inside.into())]);
        let start = self.as_ref().sums_start();
        for (metric, bytes) in compared(model).zip(self.0[start..].chunks_exact_mut(METRIC)) {
            let Some(value) = number(evaluation.metric(metric)) else { continue };
            let mut sums = Metric::read(bytes)?;
            sums.users = sums.users.saturating_add(1);
            sums.sum.add(value);
            sums.squares.add_square(value);
            if inside {
                sums.in_layer = sums.in_layer.saturating_add(1);
                sums.layer_sum.add(value);
            }
            sums.write(bytes);
        }
        Ok(())
    }

    /// Adds the users of other sums.
    ///
    /// # Errors
    /// Where the two differ in model, layer or day.
    pub fn merge(&mut self, other: CentroidStateRef<'_>) -> Result<(), ModelError> {
        if self.as_ref().identity() != other.identity() {
            return Err(changed());
        }
        let ([users, in_layer], [more_users, more_in_layer]) = (self.as_ref().users(), other.users());
        self.set_users([users.saturating_add(more_users), in_layer.saturating_add(more_in_layer)]);
        let start = self.as_ref().sums_start();
        for (bytes, other) in self.0[start..].chunks_exact_mut(METRIC).zip(other.0[start..].chunks_exact(METRIC)) {
            let (mut sums, other) = (Metric::read(bytes)?, Metric::read(other)?);
            sums.users = sums.users.saturating_add(other.users);
            sums.in_layer = sums.in_layer.saturating_add(other.in_layer);
            sums.sum.merge(other.sum);
            sums.squares.merge(other.squares);
            sums.layer_sum.merge(other.layer_sum);
            sums.write(bytes);
        }
        Ok(())
    }

    fn set_users(&mut self, [users, in_layer]: [u64; 2]) {
        self.0[16..24].copy_from_slice(&users.to_le_bytes());
        self.0[24..32].copy_from_slice(&in_layer.to_le_bytes());
    }
}

impl<'a> CentroidStateRef<'a> {
    /// Opens sums for reading.
    ///
    /// # Errors
    /// As [`CentroidState::open`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, ModelError> {
        let opened = Self(bytes);
        if bytes.len() < HEADER || bytes[..4] != [VERSION, KIND, 0, 0] {
            return Err(corrupt("its header is malformed"));
        }
        let sums = bytes.len().checked_sub(opened.sums_start());
        match sums.is_some_and(|sums| sums.is_multiple_of(METRIC)) {
            true => Ok(opened),
            false => Err(corrupt("its length is not that of its parts")),
        }
    }

    /// Whether the sums are those of this model, as canonical JSON, this layer and this day.
    pub fn is_of(&self, json: &str, layer: &str, as_of: Day) -> bool {
        let (found_json, found_layer, found_day) = self.identity();
        (found_json, found_layer, found_day) == (json.as_bytes(), layer.as_bytes(), as_of.number())
    }

    /// The centroid. The sums stay as they are.
    ///
    /// # Errors
    /// For damaged sums.
    pub fn finish(&self) -> Result<Centroid, ModelError> {
        let (json, _, as_of) = self.identity();
        let model: Model = std::str::from_utf8(json).map_err(|_| corrupt("its model is not UTF-8"))?.parse()?;
        let as_of = Day::new(as_of.into()).ok_or_else(|| corrupt("its day is out of range"))?;
        let [users, in_layer] = self.users();
        let sums = self.0[self.sums_start()..].chunks_exact(METRIC);
        if sums.len() != compared(&model).count() {
            return Err(corrupt("its metrics are not those of its model"));
        }
        let names = compared(&model).map(|place| model.definition().metrics.0[place].0.clone());
        let metrics = names.zip(sums).map(|(name, sums)| Ok((name, Metric::read(sums)?.center())));
        Ok(Centroid {
            model: model.definition().name.clone(),
            layer: self.layer()?.to_owned(),
            as_of: as_of.to_string(),
            users,
            in_layer,
            metrics: Named(metrics.collect::<Result<_, ModelError>>()?),
        })
    }

    fn length(&self, place: usize) -> usize {
        u32::from_le_bytes(std::array::from_fn(|byte| self.0[place + byte])) as usize
    }

    fn sums_start(&self) -> usize {
        HEADER.saturating_add(self.length(4)).saturating_add(self.length(8))
    }

    fn layer(&self) -> Result<&'a str, ModelError> {
        std::str::from_utf8(self.identity().1).map_err(|_| corrupt("its layer is not UTF-8"))
    }

    /// Model, layer and day.
    fn identity(&self) -> (&'a [u8], &'a [u8], i32) {
        let (json, layer) = self.0[HEADER..self.sums_start()].split_at(self.length(4));
        (json, layer, i32::from_le_bytes(std::array::from_fn(|byte| self.0[12 + byte])))
    }

    fn users(&self) -> [u64; 2] {
        [16, 24].map(|place| u64::from_le_bytes(std::array::from_fn(|byte| self.0[place + byte])))
    }
}

impl Metric {
    fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let number = |place: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[place + byte]));
        let sum = |place: usize| {
            let sum = Sum::from_bytes(&std::array::from_fn(|byte| bytes[place + byte]));
            sum.ok_or_else(|| corrupt("a sum is not finite"))
        };
        Ok(Self { users: number(0), sum: sum(8)?, squares: sum(24)?, in_layer: number(40), layer_sum: sum(48)? })
    }

    fn write(self, bytes: &mut [u8]) {
        bytes[..8].copy_from_slice(&self.users.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.sum.to_bytes());
        bytes[24..40].copy_from_slice(&self.squares.to_bytes());
        bytes[40..48].copy_from_slice(&self.in_layer.to_le_bytes());
        bytes[48..].copy_from_slice(&self.layer_sum.to_bytes());
    }

    fn center(self) -> Center {
        let mean = |sum: Sum, users: u64| (users > 0).then(|| rounded(sum.value() / users as f64));
        let deviation = (self.users > 0).then(|| rounded(self.sum.variance(self.squares, self.users as f64).sqrt()));
        Center {
            users: self.users,
            mean: mean(self.sum, self.users),
            deviation,
            in_layer: self.in_layer,
            center: mean(self.layer_sum, self.in_layer),
        }
    }
}

/// To so many significant digits.
fn rounded(number: f64) -> f64 {
    format!("{number:.*e}", DIGITS - 1).parse().unwrap_or(number)
}

fn changed() -> ModelError {
    ModelError::invalid("", "model, layer and as_of must stay the same within one aggregate")
        .with_hint("Group by what chooses them.")
}

fn corrupt(reason: impl Into<String>) -> ModelError {
    ScoreError::corrupt("state of a centroid", reason).into()
}
