//! From values of axes to a user: ledgers are built, dates set, and the model is evaluated. What this does not confirm is
//! no example.

use crate::day::Day;
use crate::ledger::{Ledger, LedgerRef};
use crate::model::{Evaluation, Facts};

use super::super::evaluate::compare;
use super::super::{Comparison, Constant, Reader, Value};
use super::axis::Subject;
use super::build::build;
use super::interval::Interval;
use super::plan::Plan;
use super::possible::Fact;
use super::search::{What, Wish};

/// The day of examples, where they do not tell it: 2026-01-01.
const DAY: i64 = 9_497;
/// Ages that are tried for a wanted anniversary: a leap year comes round within them.
const FOUR_YEARS: i32 = 1_462;

/// The values, changed where that was needed, if the wishes come true for a user who has them.
pub(super) fn confirm(
    plan: &Plan<'_>,
    wishes: &[Wish<'_>],
    values: Vec<(usize, Constant)>,
) -> Option<Vec<(usize, Constant)>> {
    let mut user = User { plan, values };
    let as_of = user.as_of()?;
    user.keep_anniversaries(as_of)?;
    let model = plan.model;
    let sources = 0..model.definition.sources.0.len();
    let ledgers = sources.map(|source| user.ledger(source, as_of)).collect::<Option<Vec<Ledger>>>()?;
    let mut facts = Facts::nothing(model);
    facts.ledgers = ledgers.iter().map(|ledger| ledger.borrow()).collect::<Vec<LedgerRef<'_>>>();
    for (axis, value) in &user.values {
        match plan.axes[*axis].subject {
            Subject::Attribute(place) => facts.attributes[place] = value.value(),
            Subject::Age(place) => facts.attributes[place] = user.date(place, as_of)?,
            // a metric that is given
            Subject::Prediction(expr) => {
                let mut metrics = (0..model.metrics.len()).filter(|place| model.metrics[*place] == *expr).peekable();
                metrics.peek()?;
                metrics.for_each(|place| facts.metrics[place] = Some(value.value()));
            }
            Subject::Score(place) => {
                let score = value.value().number().and_then(|score| u8::try_from(score.trunc().mantissa()).ok());
                facts.scores[place] = Some(score);
            }
            _ => {}
        }
    }
    let mut evaluation = Evaluation::new(model, &facts, as_of).ok()?;
    for wish in wishes {
        let found = match wish.what {
            What::Condition(condition) => evaluation.value(condition),
            What::Equal(left, right) => {
                let (left, right) = (evaluation.value(left), evaluation.value(right));
                compare(Comparison::Equal, left, right).map_or(Value::Null, Value::Boolean)
            }
        };
        if !wish.outcome.is(found) {
            return None;
        }
    }
    drop(evaluation);
    drop(facts);
    Some(user.values)
}

struct User<'u, 'm> {
    plan: &'u Plan<'m>,
    values: Vec<(usize, Constant)>,
}

impl User<'_, '_> {
    fn value(&self, subject: Subject<'_>) -> Option<&Constant> {
        self.values.iter().find(|(axis, _)| self.plan.axes[*axis].subject == subject).map(|(_, value)| value)
    }

    fn days(&self, subject: Subject<'_>) -> Option<i64> {
        match self.value(subject)? {
            Constant::Number(number) => i64::try_from(number.trunc().mantissa()).ok(),
            Constant::Date(day) => Some((*day).into()),
            _ => None,
        }
    }

    /// The day that the values tell: that of the reading itself, or a date and the days since.
    fn as_of(&self) -> Option<Day> {
        let told = self.values.iter().find_map(|(axis, _)| match self.plan.axes[*axis].subject {
            Subject::AsOf => self.days(Subject::AsOf),
            Subject::Attribute(place) => {
                self.days(Subject::Age(place))?.checked_add(self.days(Subject::Attribute(place))?)
            }
            Subject::Reading(reader, slot) => {
                let since = match reader {
                    Reader::FirstDay => Reader::Tenure,
                    Reader::LastDay => Reader::Recency,
                    _ => return None,
                };
                let date = self.days(Subject::Reading(reader, slot))?;
                date.checked_add(self.days(Subject::Reading(since, slot)).unwrap_or(0))
            }
            _ => None,
        });
        Day::new(told.unwrap_or(DAY))
    }

    /// The date of an attribute with an age.
    fn date(&self, place: usize, as_of: Day) -> Option<Value<'static>> {
        match self.days(Subject::Age(place)) {
            Some(age) => Some(Value::Date(Day::new(i64::from(as_of.number()).checked_sub(age)?)?.number())),
            None => Some(Value::Null),
        }
    }

    /// Chooses ages whose anniversaries are as far away as they should be.
    fn keep_anniversaries(&mut self, as_of: Day) -> Option<()> {
        for place in 0..self.plan.model.definition.attributes.len() {
            let Some(wanted) = self.days(Subject::Anniversary(place)) else { continue };
            let age = self.days(Subject::Age(place))?;
            let axis = self.plan.find(Subject::Age(place))?;
            let allowed = self.plan.axes[axis]
                .cells
                .iter()
                .filter_map(|cell| cell.span)
                .find(|span| span.contains(age.into()))?;
            let fits = (0..=FOUR_YEARS)
                .flat_map(|more| [age.saturating_add(more.into()), age.saturating_sub(more.into())])
                .find(|age| {
                    let date = Day::new(i64::from(as_of.number()).saturating_sub(*age));
                    allowed.contains((*age).into())
                        && date.is_some_and(|date| as_of.days_until_anniversary(date) == wanted)
                })?;
            let (_, value) = self.values.iter_mut().find(|(known, _)| *known == axis)?;
            *value = Constant::Number(fits.into());
        }
        Some(())
    }

    fn ledger(&self, source: usize, as_of: Day) -> Option<Ledger> {
        let model = self.plan.model;
        let mut facts: Vec<Fact> = Vec::new();
        for (axis, value) in &self.values {
            let Subject::Reading(reader, slot) = self.plan.axes[*axis].subject else { continue };
            let (of, days) = model.readings[slot];
            if of != source {
                continue;
            }
            let (reader, value) = match (reader, value) {
                (_, Constant::Number(number)) => (reader, Some(Interval::point(*number))),
                // a date tells the days since
                (Reader::FirstDay | Reader::LastDay, Constant::Date(date)) => {
                    let since = i64::from(as_of.number()) - i64::from(*date);
                    let reader = if reader == Reader::FirstDay { Reader::Tenure } else { Reader::Recency };
                    (reader, Some(Interval::between(since, since)))
                }
                _ => (reader, None),
            };
            facts.push(Fact { reader, days, value });
        }
        match facts.is_empty() {
            true => Some(Ledger::empty()),
            false => build(&facts, as_of),
        }
    }
}
