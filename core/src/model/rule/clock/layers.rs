//! Going through time by the layers alone: neither scores that no layer asks for nor changes of scores that leave the
//! layers alone are told of.
//!
//! Each score, the population and the conditions of the layers have a day of their own up to which they are known to stay.
//! Only what has come to its day is looked at again, so that a ledger is walked once for each score, however often the
//! others change.

use crate::day::Day;

use super::super::super::LayerScore;
use super::super::evaluate::Evaluation;
use super::{Clock, End, MOST_STEPS};

/// A day that has come: to be looked at.
const NOW: i32 = i32::MIN;

/// The layers of a user on one day, and up to which day they are known to stay.
pub(crate) struct LayerWalk<'e, 'a> {
    evaluation: &'e mut Evaluation<'a>,
    /// What happens from this day on is not looked for.
    beyond: i32,
    in_population: bool,
    population_until: i32,
    /// By the place of the score.
    scores: Vec<Known>,
    /// Of the layers, while the scores stay.
    layers_until: i32,
    layers: Layers,
}

#[derive(Clone, Copy)]
struct Known {
    score: Option<u8>,
    /// While the scores below it stay.
    until: i32,
    /// Whether there are none.
    is_alone: bool,
}

/// The layers that a user is in, by their places; the default comes behind the others.
enum Layers {
    One(Option<usize>),
    Several(Vec<bool>),
}

impl<'e, 'a> LayerWalk<'e, 'a> {
    /// Before anything is known; on the day of the evaluation.
    pub(crate) fn new(evaluation: &'e mut Evaluation<'a>, beyond: i32) -> Self {
        let model = evaluation.model;
        let layers = match model.is_overlapping() {
            true => Layers::Several(vec![false; model.layers.len()]),
            false => Layers::One(None),
        };
        let scores = vec![Known { score: None, until: NOW, is_alone: false }; model.scores.len()];
        Self { evaluation, beyond, in_population: false, population_until: NOW, scores, layers_until: NOW, layers }
    }

    /// Goes to a later day.
    pub(crate) fn go_to(&mut self, day: Day) {
        let scores = &self.scores;
        self.evaluation.advance_to(day, |place| scores[place].is_alone && scores[place].until > day.number());
    }

    /// Finds the layers of the day: `change` is told of each that the user left (false) or came into (true).
    pub(crate) fn look(&mut self, mut change: impl FnMut(usize, bool)) {
        crate::patience::check();
        let today = self.evaluation.as_of.number();
        if self.population_until <= today {
            self.population_until = self.end(|clock, limit| clock.population(limit));
            let inside = self.evaluation.in_population();
            if inside != self.in_population {
                self.in_population = inside;
                self.layers_until = NOW;
            }
        }
        if !self.in_population {
            return self.layers.leave(change);
        }
        let model = self.evaluation.model;
        for &LayerScore { place, rests_on_scores } in &model.layer_scores {
            if self.scores[place].until <= today || rests_on_scores {
                let score = self.evaluation.score(place);
                let until = self.end(|clock, limit| clock.score(place, limit));
                if self.scores[place].score != score {
                    self.layers_until = NOW;
                }
                self.scores[place] = Known { score, until, is_alone: !rests_on_scores };
            }
        }
        if self.layers_until <= today {
            self.layers.enter(self.evaluation, &mut change);
            self.layers_until = self.end(|clock, limit| clock.layers(limit));
        }
    }

    /// A day up to which the layers stay as they are; it may be earlier than their change, and is never later.
    pub(crate) fn until(&self) -> i32 {
        if !self.in_population {
            return self.population_until;
        }
        let scores = self.evaluation.model.layer_scores.iter().map(|score| self.scores[score.place].until);
        scores.fold(self.population_until.min(self.layers_until), i32::min)
    }

    fn end(&mut self, of: impl FnOnce(&mut Clock<'_, 'a>, i32) -> End) -> i32 {
        let today = self.evaluation.as_of.number();
        let mut clock = Clock { evaluation: &mut *self.evaluation, today, steps: MOST_STEPS };
        of(&mut clock, self.beyond).day.max(today.saturating_add(1))
    }
}

impl Layers {
    fn leave(&mut self, mut change: impl FnMut(usize, bool)) {
        match self {
            Layers::One(layer) => layer.take().into_iter().for_each(|layer| change(layer, false)),
            Layers::Several(layers) => {
                for (place, is_in) in layers.iter_mut().enumerate().filter(|(_, is_in)| **is_in) {
                    *is_in = false;
                    change(place, false);
                }
            }
        }
    }

    fn enter(&mut self, evaluation: &mut Evaluation<'_>, change: &mut impl FnMut(usize, bool)) {
        let model = evaluation.model;
        match self {
            Layers::One(before) => {
                let layer = evaluation.layer().unwrap_or(model.layers.len());
                if *before != Some(layer) {
                    if let Some(before) = before.replace(layer) {
                        change(before, false);
                    }
                    change(layer, true);
                }
            }
            Layers::Several(layers) => {
                for (place, (was_in, layer)) in layers.iter_mut().zip(&model.layers).enumerate() {
                    let is_in = evaluation.matches(layer);
                    if is_in != *was_in {
                        change(place, is_in);
                        *was_in = is_in;
                    }
                }
            }
        }
    }
}
