//! Questions about the layers of a model or a dimension.

use super::super::super::{LayerDefinition, Layered, Mode};
use super::super::Expr;
use super::search::{Answer, Outcome, Wish};
use super::{Check, Finding};

/// So many layers people keep apart.
const MOST_AT_THE_TOP: usize = 7;

/// The layers of a model or a dimension.
struct List<'m> {
    path: String,
    layers: &'m [Layered],
    definitions: &'m [LayerDefinition],
    /// Whether the first layer that matches is the only one.
    first_wins: bool,
    /// Dimensions are written as steps from one end, where an earlier layer is meant to win.
    steps: bool,
}

impl<'m> List<'m> {
    fn path(&self, place: usize) -> String {
        format!("{}[{place}]", self.path)
    }

    fn name(&self, place: usize) -> String {
        format!("\"{}\"", self.definitions[place].name)
    }

    fn names(&self, places: &[usize]) -> String {
        places.iter().map(|place| self.name(*place)).collect::<Vec<_>>().join(", ")
    }

    /// The layers that have a condition.
    fn conditions(&self) -> impl DoubleEndedIterator<Item = (usize, &'m Expr)> + use<'m> {
        self.layers.iter().enumerate().filter_map(|(place, layer)| Some((place, layer.when.as_ref()?)))
    }
}

impl<'p, 'm: 'p> Check<'p, 'm> {
    pub(super) fn dimension(&mut self, place: usize) {
        let model = self.model;
        let (name, definition) = &model.definition.dimensions.0[place];
        let path = format!("dimensions.{name}");
        let list = List {
            path: format!("{path}.layers"),
            layers: &model.dimensions[place].layers,
            definitions: &definition.layers,
            first_wins: true,
            steps: true,
        };
        self.layers(&list);
        match &definition.default {
            Some(default) => self.rest(&list, &format!("{path}.default"), Some(&default.name)),
            None => self.rest(&list, &path, None),
        }
    }

    pub(super) fn model_layers(&mut self) {
        let model = self.model;
        let definition = &model.definition;
        let list = List {
            path: "layers".to_owned(),
            layers: &model.layers,
            definitions: &definition.layers,
            first_wins: definition.mode == Mode::Exclusive,
            steps: false,
        };
        let before = self.findings.len();
        self.layers(&list);
        // whatever else was found keeps the layers from being exclusive, or from being known to be
        let silent = self.findings[before..].iter().all(|finding| !finding.path.starts_with("layers"));
        if list.first_wins && silent && !self.search.is_exhausted() {
            self.add(Finding::note("layers", "no user matches two layers: their order decides nothing"));
        }
        match &definition.default {
            Some(default) => self.rest(&list, "default", Some(&default.name)),
            None => self.rest(&list, "layers", None),
        }
        let default = definition.default.iter().filter(|default| default.parent.is_none()).count();
        let at_the_top = model.layers.iter().filter(|layer| layer.parent.is_none()).count() + default;
        if list.first_wins && at_the_top > MOST_AT_THE_TOP {
            let reason = format!(
                "{at_the_top} layers stand side by side: people keep about {MOST_AT_THE_TOP} apart, and each layer needs a \
                 strategy of its own; gather them under parents"
            );
            self.add(Finding::warning("layers", reason));
        }
    }

    /// Each layer by itself, and beside the earlier ones.
    fn layers(&mut self, list: &List<'m>) {
        let mut alive: Vec<(usize, &'m Expr)> = Vec::new();
        for (place, when) in list.conditions() {
            if self.search.is_exhausted() {
                return;
            }
            let path = list.path(place);
            self.comparisons(&format!("{path}.when"), when, false);
            let matches = Wish::of(when, Outcome::True);
            match self.ask(&[matches]) {
                Answer::Never => {
                    self.add(Finding::warning(path, format!("layer {} can never match", list.name(place))));
                    continue;
                }
                Answer::NotDecided(reason) => {
                    self.not_decided(&path, &format!("whether layer {} can match", list.name(place)), reason);
                }
                Answer::Example(_) if list.first_wins => {
                    let shadows = self.shadow(list, place, matches, &alive);
                    for earlier in alive.clone() {
                        if shadows != [earlier.0] {
                            self.overlap(list, earlier, (place, when));
                        }
                    }
                }
                Answer::Example(_) => {}
            }
            alive.push((place, when));
        }
    }

    /// The earlier layers that leave nobody to a layer, where there are such.
    fn shadow(
        &mut self,
        list: &List<'m>,
        place: usize,
        matches: Wish<'m>,
        earlier: &[(usize, &'m Expr)],
    ) -> Vec<usize> {
        let path = list.path(place);
        let mut shadows = earlier.to_vec();
        let mut left = |shadows: &[(usize, &'m Expr)]| {
            let missed = shadows.iter().map(|(_, when)| Wish::of(when, Outcome::NotTrue));
            self.ask(&[matches].into_iter().chain(missed).collect::<Vec<_>>())
        };
        match left(&shadows) {
            Answer::Example(_) => return Vec::new(),
            Answer::NotDecided(reason) => {
                let question = format!("whether earlier layers leave anybody to layer {}", list.name(place));
                self.not_decided(&path, &question, reason);
                return Vec::new();
            }
            Answer::Never => {}
        }
        // only those that it takes
        for (layer, _) in earlier {
            let fewer: Vec<_> = shadows.iter().copied().filter(|(other, _)| other != layer).collect();
            if left(&fewer) == Answer::Never {
                shadows = fewer;
            }
        }
        let shadows: Vec<usize> = shadows.into_iter().map(|(place, _)| place).collect();
        let finding = format!("layer {} never takes anybody: shadowed by {}", list.name(place), list.names(&shadows));
        self.add(Finding::warning(path, finding));
        shadows
    }

    fn overlap(&mut self, list: &List<'m>, earlier: (usize, &'m Expr), later: (usize, &'m Expr)) {
        let both = [Wish::of(earlier.1, Outcome::True), Wish::of(later.1, Outcome::True)];
        let (path, names) = (list.path(later.0), (list.name(earlier.0), list.name(later.0)));
        match self.ask(&both) {
            Answer::Never => {}
            Answer::Example(example) => {
                let finding = format!("layer {} overlaps the earlier {}, which wins", names.1, names.0);
                let example = self.json(&example);
                let found = if list.steps { Finding::note(path, finding) } else { Finding::warning(path, finding) };
                self.add(found.with(example));
            }
            Answer::NotDecided(reason) => {
                self.not_decided(&path, &format!("whether layer {} overlaps the earlier {}", names.1, names.0), reason);
            }
        }
    }

    /// Whom no layer takes.
    fn rest(&mut self, list: &List<'m>, path: &str, default: Option<&str>) {
        let missed: Vec<Wish<'m>> = list.conditions().map(|(_, when)| Wish::of(when, Outcome::NotTrue)).collect();
        match self.ask(&missed) {
            Answer::Never => {
                if let Some(default) = default {
                    self.add(Finding::note(
                        path,
                        format!("the default \"{default}\" is never needed: the layers take everybody"),
                    ));
                }
            }
            Answer::Example(example) => {
                let taken = match (default, list.first_wins) {
                    (Some(default), _) => format!("the default \"{default}\" takes whom no layer does"),
                    (None, true) => "no layer takes some users: the dimension is NULL there".to_owned(),
                    (None, false) => "some users have no tag at all".to_owned(),
                };
                let example = self.json(&example);
                self.add(Finding::note(path, taken).with(example));
            }
            Answer::NotDecided(reason) => self.not_decided(path, "whether the layers take everybody", reason),
        }
    }
}
