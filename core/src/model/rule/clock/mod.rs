//! The first day on which the answer for a user can change if nothing new arrives.
//!
//! Time works on an answer in three ways: entries drop out of windows, entries and dates that are there already but lie
//! ahead come in, and recency, tenure and the calendar grow day by day. Two readings of the tree follow from that:
//!
//! * [`hold`](Clock::hold): given a set of values that holds the present one, a day before which an expression does not leave
//!   it. A comparison becomes the set of values of its moving side with the same outcome, a score the values between two
//!   of its cuts, so that a whole year of daily growth is one subtraction, and not 365 evaluations.
//!   Predictions, which fall but not evenly, are held the same way by bisection.
//! * [`line`](Clock::line): the value, its growth a day, and how long that lasts, for two moving sides.
//!
//! Both are early where an expression is beyond them, and never late. The outer loop ([`Evaluation::next_change`]) then
//! looks at the answer on the day that they name, and goes on from there while it is the same.

mod daily;
mod fall;
mod hold;
mod layers;
mod line;
mod set;
mod walk;

use crate::day::Day;

use super::super::Layered;
use super::super::error::ModelError;
use super::evaluate::Evaluation;
use super::{Expr, Value};

use set::Set;

pub(crate) use layers::LayerWalk;
pub use walk::Step;

/// The days to look at before the next of them is given as the answer, as a day for another look.
const MOST_LOOKS: u32 = 366;
/// The steps of ledgers to walk and the expressions to follow for one question, beyond which the day reached is given: some
/// milliseconds. (Names that share names would be followed again and again.)
const MOST_STEPS: u32 = 200_000;
/// No day at all: later than [`Day::MAX`].
const NEVER: i32 = i32::MAX;

/// A day before which something stays as it is.
#[derive(Debug, Clone, Copy)]
struct End {
    day: i32,
    /// Whether it does change on that day.
    sure: bool,
}

impl End {
    const NEVER: End = End { day: NEVER, sure: false };

    /// Something may change on this day.
    fn possible(day: i32) -> Self {
        Self { day, sure: false }
    }

    fn sure(day: i32) -> Self {
        Self { day, sure: true }
    }

    fn unsure(self) -> Self {
        Self { sure: false, ..self }
    }

    /// Where both have to stay.
    fn and(self, other: End) -> Self {
        match self.day.cmp(&other.day) {
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal => Self { day: self.day, sure: self.sure || other.sure },
        }
    }
}

/// 9999-12-31.
const LAST_LOOK: i32 = 2_921_939;

/// The state of one question.
struct Clock<'c, 'a> {
    evaluation: &'c mut Evaluation<'a>,
    today: i32,
    /// The steps that may still be made.
    steps: u32,
}

impl<'a> Evaluation<'a> {
    /// The first day after its own on which [`answer`](Self::answer) can be another if nothing new arrives; `None`
    /// for never. Entries and dates that lie ahead count when their day comes.
    ///
    /// Never late. Where metrics are compared with constants the answer does change on that day; where expressions are
    /// beyond the method it may be a day for another look. The evaluation is left on its own day.
    ///
    /// # Errors
    /// For a ledger that is damaged.
    pub fn next_change(&mut self) -> Result<Option<Day>, ModelError> {
        let today = self.as_of;
        let struck = self.strike()?;
        if self.as_of != today {
            self.move_to(today)?;
        }
        Ok(struck)
    }

    /// The same, with the evaluation left on a day from its own to the one that is found.
    fn strike(&mut self) -> Result<Option<Day>, ModelError> {
        let today = self.as_of;
        let mut steps = MOST_STEPS;
        let mut end = self.end(&mut steps);
        if !end.sure && Day::new(end.day.into()).is_some() {
            let before = self.answer();
            for look in 1..=MOST_LOOKS {
                let Some(day) = Day::new(end.day.into()) else { break };
                self.move_to(day)?;
                if look == MOST_LOOKS || self.answer() != before {
                    break;
                }
                end = self.end(&mut steps);
                if end.sure {
                    break;
                }
            }
        }
        // a look in ten thousand years is as good as one in a million, and calendars of other programs end there
        let last = if today.number() < LAST_LOOK { end.day.min(LAST_LOOK) } else { end.day };
        Ok(Day::new(end.day.into()).and(Day::new(last.into())))
    }

    /// The day before which the present answer stays.
    fn end(&mut self, steps: &mut u32) -> End {
        crate::patience::check();
        let mut clock = Clock { today: self.as_of.number(), evaluation: self, steps: *steps };
        let end = clock.answer();
        *steps = clock.steps;
        // what is beyond the method may have left its set already
        match end.day <= self.as_of.number() {
            true => End::possible(self.as_of.number().saturating_add(1)),
            false => end,
        }
    }
}

impl<'a> Clock<'_, 'a> {
    /// Counts an expression that is followed; false when there were enough.
    fn may_go_on(&mut self) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.steps > 0
    }

    /// The end of everything that is answered.
    fn answer(&mut self) -> End {
        let model = self.evaluation.model;
        let mut end = self.population(NEVER);
        if !self.evaluation.in_population() {
            return end;
        }
        for place in 0..model.scores.len() {
            end = end.and(self.score(place, end.day));
        }
        end.and(self.layers(end.day))
    }

    /// The end of being in the population, or outside of it.
    fn population(&mut self, limit: i32) -> End {
        let Some(population) = &self.evaluation.model.population else { return End::NEVER };
        let inside = self.value(population).holds();
        self.hold(population, if inside { Set::TRUE } else { Set::NOT_TRUE }, limit)
    }

    /// The end of the layers, while the scores stay.
    fn layers(&mut self, limit: i32) -> End {
        let model = self.evaluation.model;
        if !model.is_overlapping() {
            let found = self.evaluation.layer();
            return self.first_match(&model.layers, found, limit);
        }
        let mut end = End::possible(limit);
        for layer in &model.layers {
            let set = if self.evaluation.matches(layer) { Set::TRUE } else { Set::NOT_TRUE };
            end = end.and(self.condition(layer, set, end.day));
        }
        end
    }

    /// The end of a first match; `None` is none.
    fn first_match(&mut self, layers: &'a [Layered], found: Option<usize>, limit: i32) -> End {
        let mut end = End::possible(limit);
        for (place, layer) in layers.iter().enumerate() {
            let set = if found == Some(place) { Set::TRUE } else { Set::NOT_TRUE };
            end = end.and(self.condition(layer, set, end.day));
            if found == Some(place) {
                break;
            }
        }
        end
    }

    fn condition(&mut self, layer: &'a Layered, set: Set<'a>, limit: i32) -> End {
        layer.when.as_ref().map_or(End::NEVER, |when| self.hold(when, set, limit))
    }

    /// The end of a score: what is cut leaves the values between two cuts.
    fn score(&mut self, place: usize, limit: i32) -> End {
        let score = &self.evaluation.model.scores[place];
        if self.evaluation.facts.scores[place].is_some() || score.cuts.is_none() {
            return End::NEVER;
        }
        let value = self.value(&score.of).number();
        let set = match (value, self.evaluation.score(place)) {
            (Some(_), Some(found)) => Set::scored(score, found),
            _ => Set::NULL,
        };
        self.hold(&score.of, set, limit)
    }

    fn value(&mut self, expr: &'a Expr) -> Value<'a> {
        self.evaluation.value(expr)
    }

    fn tomorrow(&self) -> i32 {
        self.today.saturating_add(1)
    }

    /// The day so many days from now.
    fn in_days(&self, days: i64) -> i32 {
        i64::from(self.today).checked_add(days).and_then(|day| i32::try_from(day).ok()).unwrap_or(NEVER)
    }
}
