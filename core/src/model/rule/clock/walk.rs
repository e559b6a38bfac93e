//! Going through time from change to change.

use crate::day::Day;

use super::super::super::error::ModelError;
use super::super::evaluate::{Answer, Evaluation};

/// The changes of one user to tell of, beyond which a walk ends with an error.
const MOST_CHANGES: usize = 1_000_000;

/// A day on which the answer is another than on the day before it; or the first of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub day: Day,
    pub answer: Answer,
    /// What [`Evaluation::next_change`] says on that day.
    pub next_change: Option<Day>,
}

impl<'a> Evaluation<'a> {
    /// Tells of its own day, and of each later one up to `to` on which the answer is another than on the day before. The
    /// days between two strikes of the clock are not looked at. The evaluation is left where it came to.
    ///
    /// # Errors
    /// As [`next_change`](Self::next_change), and for more than a million changes.
    pub fn walk(&mut self, to: Day, mut each: impl FnMut(Step)) -> Result<(), ModelError> {
        if self.as_of > to {
            return Ok(());
        }
        let mut answer = self.answer();
        for _ in 0..MOST_CHANGES {
            let day = self.as_of;
            let next_change = self.strike()?;
            // from strike to strike, until one brings another answer
            let mut strike = next_change;
            let changed = loop {
                let Some(next) = strike.filter(|next| *next <= to) else { break None };
                self.move_to(next)?;
                let here = self.answer();
                if here != answer {
                    break Some(here);
                }
                strike = self.strike()?;
            };
            let Some(changed) = changed else {
                each(Step { day, answer, next_change });
                return Ok(());
            };
            each(Step { day, answer: std::mem::replace(&mut answer, changed), next_change });
        }
        Err(too_many(self.as_of))
    }
}

fn too_many(day: Day) -> ModelError {
    ModelError::limit("", format!("the answer for one user changes more than {MOST_CHANGES} times up to {day}"))
        .with_hint("Walk through fewer days at once.")
}
