//! Replay: how many users were in which layer on the days of a grid, and how many came and went between them.
//!
//! A mergeable aggregate state: flat bytes that somebody else owns, of one size from the first user to the last. As that of
//! a calibration it carries the model, because whoever finishes it sees nothing else:
//!
//! ```text
//! version 1 | kind 6 | 2 x 0 | length of the model u32 | from day i32 | to day i32 | step i32 | layers u32 | 8 x 0
//! model as canonical JSON | for each day of the grid, for each layer: entered u64 | left u64
//! ```
//!
//! A user who stays costs nothing: only the days are counted on which one comes into a layer, or leaves it. Counted as
//! entered on the first day are the users who are there; finishing sums up.

use crate::day::Day;
use crate::patience;
use crate::score::ScoreError;

use super::Model;
use super::definition::{Definition, MOST_BYTES};
use super::error::ModelError;
use super::rule::clock::LayerWalk;
use super::rule::evaluate::Evaluation;

const VERSION: u8 = 1;
const KIND: u8 = 6;
const HEADER: usize = 32;
/// Of one layer on one day.
const CELL: usize = 16;
/// Layers times days of a state: 16 MB.
const MOST_CELLS: usize = 1 << 20;

/// Days from a first one on, `step` apart, up to a last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    from: Day,
    to: Day,
    step: i32,
}

impl Grid {
    /// # Errors
    /// Where `step` is less than 1.
    pub fn new(from: Day, to: Day, step: i32) -> Result<Self, ModelError> {
        if step < 1 {
            let error = ModelError::invalid("", format!("step must be at least 1 day, not {step}"));
            return Err(error.with_hint("1 is every day, 7 every week."));
        }
        Ok(Self { from, to, step })
    }

    /// The number of days; none where the last comes before the first.
    pub fn len(self) -> usize {
        let days = i64::from(self.to.number()) - i64::from(self.from.number());
        if days < 0 { 0 } else { (days / i64::from(self.step) + 1) as usize }
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The place of the first day from another one on, which is counted as [`Day::number`] does.
    pub fn place_from(self, number: i32) -> Option<usize> {
        let ahead = (i64::from(number) - i64::from(self.from.number())).max(0);
        let step = i64::from(self.step);
        let place = ((ahead + step - 1) / step) as usize;
        (place < self.len()).then_some(place)
    }

    /// The day at a place.
    pub fn day(self, place: usize) -> Option<Day> {
        let day = i64::from(self.from.number()) + i64::try_from(place).ok()?.checked_mul(self.step.into())?;
        Day::new(day).filter(|day| *day <= self.to)
    }
}

/// How many users were in a layer on one day, and how many came and went since the day of the grid before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    pub day: Day,
    /// The place of the layer; `None` for the default.
    pub layer: Option<usize>,
    pub users: u64,
    pub entered: u64,
    pub left: u64,
}

/// A state that can be added to. The bytes stay the caller's.
#[derive(Debug)]
pub struct Replay<'a> {
    header: Header,
    json: &'a [u8],
    cells: &'a mut [u8],
}

/// A state that can be read: merged into another, or finished.
#[derive(Debug, Clone, Copy)]
pub struct ReplayRef<'a> {
    header: Header,
    json: &'a [u8],
    cells: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    json: usize,
    grid: Grid,
    layers: usize,
}

impl<'a> Replay<'a> {
    /// The length of a state.
    ///
    /// # Errors
    /// For more layers and days than are counted, and for a model too long to be kept.
    pub fn len_of(model: &Model, grid: Grid) -> Result<usize, ModelError> {
        let (header, _) = Header::of(model, grid)?;
        Ok(header.len())
    }

    /// Writes a state of no users into `bytes`, whatever they held.
    ///
    /// # Errors
    /// Where the slice is not of [`len_of`](Self::len_of), and its own.
    pub fn create(bytes: &'a mut [u8], model: &Model, grid: Grid) -> Result<Self, ModelError> {
        let (header, json) = Header::of(model, grid)?;
        if bytes.len() != header.len() {
            return Err(corrupt("it is of another length"));
        }
        bytes.fill(0);
        bytes[..HEADER].copy_from_slice(&header.bytes());
        bytes[HEADER..][..json.len()].copy_from_slice(json.as_bytes());
        Self::open(bytes)
    }

    /// Opens a state: a check of its header and its length, in constant time.
    ///
    /// # Errors
    /// Where they are not those of a replay.
    pub fn open(bytes: &'a mut [u8]) -> Result<Self, ModelError> {
        let header = Header::read(bytes)?;
        let (json, cells) = bytes[HEADER..].split_at_mut(header.json);
        Ok(Self { header, json, cells })
    }

    pub fn as_ref(&self) -> ReplayRef<'_> {
        ReplayRef { header: self.header, json: self.json, cells: self.cells }
    }

    /// Counts a user, who is there from the day `since` on (counted as [`Day::number`] does).
    ///
    /// The caller sees to it that the model is the one that the state was made with (see [`ReplayRef::is_of`]). The
    /// evaluation is best on the first day of the grid from `since` on, and is left on another.
    ///
    /// # Errors
    /// For a damaged ledger.
    pub fn push(&mut self, evaluation: &mut Evaluation<'_>, since: i32) -> Result<(), ModelError> {
        let Header { grid, layers, .. } = self.header;
        let Some(mut place) = grid.place_from(since) else { return Ok(()) };
        if let Some(first) = grid.day(place).filter(|first| *first != evaluation.as_of) {
            evaluation.move_to(first)?;
        }
        let cells = &mut *self.cells;
        let mut walk = LayerWalk::new(evaluation, grid.to.number().saturating_add(1));
        loop {
            walk.look(|layer, entered| {
                let at = (place * layers + layer) * CELL + if entered { 0 } else { CELL / 2 };
                if let Some(count) = cells[at..].first_chunk_mut::<8>() {
                    *count = u64::from_le_bytes(*count).saturating_add(1).to_le_bytes();
                }
            });
            let Some(next) = grid.place_from(walk.until()) else { return Ok(()) };
            let Some(day) = grid.day(next) else { return Ok(()) };
            walk.go_to(day);
            place = next;
        }
    }

    /// Adds all users of another state.
    ///
    /// # Errors
    /// Where the two differ in the model or the grid, and for more users than can be counted.
    pub fn merge(&mut self, other: ReplayRef<'_>) -> Result<(), ModelError> {
        if self.header != other.header || self.json != other.json {
            return Err(other_parameters());
        }
        let (mine, _) = self.cells.as_chunks_mut::<8>();
        let (theirs, _) = other.cells.as_chunks::<8>();
        for (mine, theirs) in mine.iter_mut().zip(theirs) {
            let sum = u64::from_le_bytes(*mine).checked_add(u64::from_le_bytes(*theirs));
            *mine = sum.ok_or(ScoreError::OutOfRange { what: "the number of users" })?.to_le_bytes();
        }
        Ok(())
    }
}

impl<'a> ReplayRef<'a> {
    /// Opens a state for reading: a check of its header and its length, in constant time.
    ///
    /// # Errors
    /// As [`Replay::open`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, ModelError> {
        let header = Header::read(bytes)?;
        let (json, cells) = bytes[HEADER..].split_at(header.json);
        Ok(Self { header, json, cells })
    }

    /// Whether the state was made with this model, as canonical JSON, and this grid.
    ///
    /// # Errors
    /// Where it was not.
    pub fn is_of(&self, json: &str, grid: Grid) -> Result<(), ModelError> {
        match self.header.grid == grid && self.json == json.as_bytes() {
            true => Ok(()),
            false => Err(other_parameters()),
        }
    }

    /// The number of days times layers.
    pub fn cells(&self) -> usize {
        self.header.grid.len() * self.header.layers
    }

    /// The definition of the model.
    ///
    /// # Errors
    /// For a damaged state.
    pub fn definition(&self) -> Result<Definition, ModelError> {
        let json = std::str::from_utf8(self.json).map_err(|_| corrupt("its model is not UTF-8"))?;
        let definition = Definition::from_json(json)?;
        match width(&definition) == self.header.layers {
            true => Ok(definition),
            false => Err(corrupt("its model has another number of layers")),
        }
    }

    /// Tells of each layer on each day, in the order of the days and of the model; headings are left out.
    ///
    /// # Errors
    /// For a damaged state.
    pub fn finish(&self, mut each: impl FnMut(Replayed)) -> Result<(), ModelError> {
        let definition = self.definition()?;
        let Header { grid, layers, .. } = self.header;
        let mut present = vec![0_u64; layers];
        let count = |at: usize| self.cells[at..].first_chunk().map_or(0, |count| u64::from_le_bytes(*count));
        for place in 0..grid.len() {
            patience::check();
            let day = grid.day(place).ok_or_else(|| corrupt("its days are out of range"))?;
            for (layer, users) in present.iter_mut().enumerate() {
                let at = (place * layers + layer) * CELL;
                let (entered, left) = (count(at), count(at + CELL / 2));
                let counted = users.checked_add(entered).and_then(|users| users.checked_sub(left));
                *users = counted.ok_or_else(|| corrupt("more users leave a layer than are in it"))?;
                let named = definition.layers.get(layer);
                if named.is_some_and(|layer| layer.when.is_none()) {
                    continue;
                }
                let (entered, left) = if place == 0 { (0, 0) } else { (entered, left) };
                each(Replayed { day, layer: named.map(|_| layer), users: *users, entered, left });
            }
        }
        Ok(())
    }
}

/// The layers to count, headings and the default among them.
fn width(definition: &Definition) -> usize {
    definition.layers.len() + usize::from(definition.default.is_some())
}

impl Header {
    fn of(model: &Model, grid: Grid) -> Result<(Header, String), ModelError> {
        let (json, layers) = (model.to_string(), width(model.definition()));
        if json.len() > MOST_BYTES {
            let message = format!("the model has {} bytes, at most {MOST_BYTES} can be replayed", json.len());
            return Err(ModelError::limit("", message));
        }
        let header = Header { json: json.len(), grid, layers };
        match header.cells() {
            Some(_) => Ok((header, json)),
            None => {
                let message = format!(
                    "{} days times {layers} layers are more than the {MOST_CELLS} counts that one replay keeps",
                    grid.len()
                );
                Err(ModelError::invalid("", message)
                    .with_hint("Take fewer days at once, or a larger step: 7 for weeks."))
            }
        }
    }

    fn cells(&self) -> Option<usize> {
        self.grid.len().checked_mul(self.layers).filter(|cells| *cells <= MOST_CELLS)
    }

    /// The length of the whole state.
    fn len(&self) -> usize {
        HEADER + self.json + self.cells().unwrap_or(0) * CELL
    }

    fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..2].copy_from_slice(&[VERSION, KIND]);
        let Grid { from, to, step } = self.grid;
        let numbers = [self.json as i32, from.number(), to.number(), step, self.layers as i32];
        for (bytes, number) in bytes[4..].as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
            *bytes = number.to_le_bytes();
        }
        bytes
    }

    /// Reads the header of a whole state.
    fn read(bytes: &[u8]) -> Result<Self, ModelError> {
        let header: &[u8; HEADER] = bytes.first_chunk().ok_or_else(|| corrupt("it is too short"))?;
        let number = |place: usize| i32::from_le_bytes(std::array::from_fn(|byte| header[4 + 4 * place + byte]));
        let size = |place: usize| usize::try_from(number(place)).map_err(|_| corrupt("a size is negative"));
        let day = |place: usize| Day::new(number(place).into()).ok_or_else(|| corrupt("a day is out of range"));
        if header[..2] != [VERSION, KIND] {
            return Err(corrupt(format!("unknown version {} or kind {}", header[0], header[1])));
        }
        let grid = Grid::new(day(1)?, day(2)?, number(3)).map_err(|_| corrupt("its step is out of range"))?;
        let header = Self { json: size(0)?, grid, layers: size(4)? };
        let is_whole = header.json <= MOST_BYTES && header.cells().is_some() && header.len() == bytes.len();
        if !is_whole || header.bytes() != bytes[..HEADER] {
            return Err(corrupt("its header is malformed"));
        }
        Ok(header)
    }
}

fn other_parameters() -> ModelError {
    ModelError::invalid("", "model, from_day, to_day and step must stay the same within one aggregate")
        .with_hint("Group by what chooses them.")
}

fn corrupt(reason: impl Into<String>) -> ModelError {
    ScoreError::corrupt("state of a replay", reason).into()
}
