//! A model asked about a row: `strata.layer_assign`, `layers_assign`, `evaluate`, `metrics`.
//!
//! Models are parsed once for a session; a call site keeps the model, where the columns of its rows go, and the memory of
//! an evaluation.

use std::rc::Rc;

use pgrx::prelude::*;
use strata_core::day::Day;
use strata_core::ledger::LedgerRef;
use strata_core::model::{Answer, Asked, Centroid, Evaluation, Facts, Model, Room, Value, Ways};

use crate::error::{OrRaise, raise};
use crate::model::{json_of, parsed};
use crate::pg::call::Call;
use crate::pg::composite::RowType;
use crate::pg::json::jsonb;
use crate::pg::own::is_ledger;
use crate::pg::query::type_name;
use crate::pg::row::{Column, Conversion, Row, RowShape, RowValues};
use crate::pg::varlena;
use crate::pg::{array, date};
use crate::predict;

/// What a call site keeps: the model that it read last, and where the columns of its rows go.
struct Site {
    /// The model's bytes, and those of the argument that they came in.
    bytes: Vec<u8>,
    argument: Option<Vec<u8>>,
    model: Rc<Model>,
    columns: Option<Columns>,
    row_type: Option<RowType>,
    centroid: Option<predict::Kept<Centroid>>,
    ways: Option<Ways>,
    /// Memory that is kept from row to row.
    values: RowValues,
    facts: Facts<'static>,
    room: Room,
}

impl Site {
    /// # Safety
    /// `argument` is a model.
    unsafe fn new(argument: pg_sys::Datum) -> Site {
        // SAFETY: by the caller's word.
        let (bytes, argument) = unsafe { (varlena::bytes_of(argument), varlena::as_it_stands(argument)) };
        let (bytes, argument) = (bytes.to_vec(), argument.map(<[u8]>::to_vec));
        let model = parsed(&bytes);
        Site {
            bytes,
            argument,
            model,
            columns: None,
            row_type: None,
            centroid: None,
            ways: None,
            values: RowValues::default(),
            facts: Facts::default(),
            room: Room::default(),
        }
    }

    /// Whether an argument is the model that is kept. A stored model is seldom fetched and unpacked for it.
    ///
    /// # Safety
    /// `argument` is a model.
    unsafe fn is_of(&self, argument: pg_sys::Datum) -> bool {
        // SAFETY: by the caller's word.
        let stands = unsafe { varlena::as_it_stands(argument) };
        let same = stands.is_some() && stands == self.argument.as_deref();
        // SAFETY: as above.
        same || unsafe { varlena::bytes_of(argument) } == self.bytes
    }
}

/// The columns of a row type that a model takes.
struct Columns {
    shape: RowShape,
    taken: Vec<Taken>,
    needs_day: bool,
}

/// One column: what it is for.
enum Taken {
    Source { column: usize, source: usize },
    Attribute { column: usize, attribute: usize, by: Conversion },
    Metric { column: usize, metric: usize, by: Conversion },
    Score { column: usize, score: usize, by: Conversion },
}

/// Where the arguments of a call stand.
pub struct Arguments {
    pub row: usize,
    pub model: usize,
    pub as_of: usize,
}

/// Of most functions below.
pub const USUAL: Arguments = Arguments { row: 0, model: 1, as_of: 2 };

/// Asks the model of a call about its row; `None` where one of the two is NULL.
///
/// # Safety
/// SQL declares the arguments as record, model and, if there is one, date.
pub unsafe fn ask<R>(
    call: &Call<'_>,
    arguments: Arguments,
    asked: Asked,
    answer: impl FnOnce(&mut Kept<'_>, &mut Evaluation<'_>) -> R,
) -> Option<R> {
    let as_of = |model: &Model, needs_day: bool| match call.arg(arguments.as_of) {
        None if !needs_day => Day::MIN,
        None => raise(
            PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
            format!("what model \"{}\" says depends on the day: as_of is needed", model.definition().name),
            Some("For example as_of => DATE '2011-12-09'.".to_owned()),
        ),
        as_of => date::as_of_datum(as_of),
    };
    // SAFETY: by the caller's word.
    unsafe { ask_on(call, arguments.row, arguments.model, asked, as_of, answer) }
}

/// The same on a day that is found otherwise: of the model, and whether its answer depends on the day.
///
/// # Safety
/// SQL declares the arguments at these places as record and model.
pub unsafe fn ask_on<R>(
    call: &Call<'_>,
    row: usize,
    model: usize,
    asked: Asked,
    day: impl FnOnce(&Model, bool) -> Day,
    answer: impl FnOnce(&mut Kept<'_>, &mut Evaluation<'_>) -> R,
) -> Option<R> {
    let model_place = model;
    let (row, model) = (call.arg(row)?, call.arg(model)?);
    // SAFETY: by the caller's word.
    let row = unsafe { Row::new(row) };
    let mut first = false;
    let site = call.kept(|| {
        first = true;
        // SAFETY: as above.
        unsafe { Site::new(model) }
    });
    // SAFETY: as above.
    if !first && !call.is_constant(model_place) && !unsafe { site.is_of(model) } {
        // SAFETY: as above.
        *site = unsafe { Site::new(model) };
    }
    if site.columns.as_ref().is_none_or(|columns| !columns.shape.is_of(row)) {
        site.columns = Some(Columns::of(RowShape::of(row, call), &site.model, asked));
    }
    let Site { bytes, model, columns, row_type, centroid, ways, values, facts: kept_facts, room: kept_room, .. } = site;
    let columns = columns.as_ref()?;
    let as_of = day(model, columns.needs_day);
    columns.shape.read(row, values);
    let nothing = std::mem::take(kept_facts).cleared(model);
    // SAFETY: the conversions were made for these columns.
    let facts = unsafe { columns.facts(nothing, model, values) };
    let mut evaluation = Evaluation::in_room(std::mem::take(kept_room), model, &facts, as_of).or_raise();
    let answered = answer(&mut Kept { bytes, row_type, centroid, ways }, &mut evaluation);
    *kept_room = evaluation.into_room();
    *kept_facts = facts.emptied();
    Some(answered)
}

/// What an answer may use of the call site.
pub struct Kept<'s> {
    bytes: &'s [u8],
    row_type: &'s mut Option<RowType>,
    centroid: &'s mut Option<predict::Kept<Centroid>>,
    ways: &'s mut Option<Ways>,
}

impl<'s> Kept<'s> {
    /// The ways into the layers, made at the first use.
    pub fn ways(&mut self, make: impl FnOnce() -> Ways) -> &Ways {
        self.ways.get_or_insert_with(make)
    }

    /// What the function returns rows of, described at the first use.
    pub fn row_type(&mut self, describe: impl FnOnce() -> RowType) -> &RowType {
        self.row_type.get_or_insert_with(describe)
    }

    /// The centroid in these bytes, read again only where they changed.
    pub fn centroid(&mut self, bytes: &[u8]) -> &Centroid {
        self.centroid.get_or_insert_with(|| predict::Kept::new(bytes)).model(bytes)
    }

    /// The model as it is stored, without its version.
    pub fn json(&self) -> &'s str {
        json_of(self.bytes)
    }
}

impl Columns {
    /// Finds the columns that the model needs by their names.
    fn of(shape: RowShape, model: &Model, asked: Asked) -> Columns {
        let definition = model.definition();
        let present = shape.columns();
        let column = |name: &str| {
            let mut found = present.iter().filter(|column| column.name == name);
            let first = found.next();
            if found.next().is_some() {
                raise(
                    PgSqlErrorCode::ERRCODE_AMBIGUOUS_COLUMN,
                    format!("the row has two columns \"{name}\""),
                    Some("Give one of them another name.".to_owned()),
                );
            }
            first
        };
        let given =
            |names: &mut dyn Iterator<Item = &str>| names.map(|name| column(name).is_some()).collect::<Vec<_>>();
        let given_metrics = given(&mut definition.metrics.names());
        let given_scores = match asked {
            Asked::Calibration => vec![false; definition.scores.len()],
            _ => given(&mut definition.scores.names()),
        };
        let needs = model.needs(asked, &given_metrics, &given_scores);
        let missing = |name: &str, what: &str| -> ! {
            let list = present.iter().map(|column| format!("{} ({})", column.name, type_name(column.type_id)));
            raise(
                PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
                format!("the row has no column \"{name}\", {what} of model \"{}\"", definition.name),
                Some(format!("It has: {}.", list.collect::<Vec<_>>().join(", "))),
            )
        };
        let mismatch = |found: &Column, expected: &str| -> ! {
            let (name, type_id) = (&found.name, found.type_id);
            let hint = match found.base {
                pg_sys::TIMESTAMPTZOID => "The day of an instant needs a time zone: at AT TIME ZONE 'Asia/Shanghai'.",
                _ => "Cast it, or give the column another name.",
            };
            raise(
                PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                format!("column \"{name}\" must be a {expected}, not {}", type_name(type_id)),
                Some(hint.to_owned()),
            )
        };
        let mut taken = Vec::new();
        for (source, name) in definition.sources.0.names().enumerate().filter(|(place, _)| needs.sources[*place]) {
            let Some(found) = column(name) else { missing(name, "a source") };
            if !is_ledger(found.base) {
                mismatch(found, "strata.ledger");
            }
            taken.push(Taken::Source { column: found.place, source });
        }
        for (attribute, (name, described)) in definition.attributes.iter().enumerate() {
            if !needs.attributes[attribute] {
                continue;
            }
            let Some(found) = column(name) else { missing(name, "an attribute") };
            let Some(by) = Conversion::between(found.base, described.of_type) else {
                mismatch(found, &described.of_type.to_string())
            };
            taken.push(Taken::Attribute { column: found.place, attribute, by });
        }
        for (metric, name) in definition.metrics.names().enumerate() {
            let Some(found) = column(name) else { continue };
            let wanted = model.metric_type(metric);
            let Some(by) = Conversion::between(found.base, wanted) else { mismatch(found, &wanted.to_string()) };
            taken.push(Taken::Metric { column: found.place, metric, by });
        }
        for (score, name) in definition.scores.names().enumerate().filter(|(score, _)| given_scores[*score]) {
            let Some(found) = column(name) else { continue };
            let Some(by) = Conversion::between(found.base, strata_core::model::Type::Number) else {
                mismatch(found, "number")
            };
            taken.push(Taken::Score { column: found.place, score, by });
        }
        let uncalibrated = |message: String, but: &str| -> ! {
            raise(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                message,
                Some(format!(
                    "Calibrate the model first: SELECT strata.calibrate_agg(t, model, as_of) FROM users t; or {but}."
                )),
            )
        };
        if let Some(source) = needs.unfitted.first() {
            let name = &definition.sources.0.0[*source].0;
            let message = format!("nothing was fitted to source \"{name}\" of model \"{}\" yet", definition.name);
            uncalibrated(message, "give the metric that predicts as a column");
        }
        if let Some(score) = needs.uncalibrated.first() {
            let name = &definition.scores.0[*score].0;
            let message = format!("score \"{name}\" of model \"{}\" has no cuts yet", definition.name);
            uncalibrated(
                message,
                match model.takes_two_passes(*score) {
                    true => {
                        "once more, with the model that came out, as the score mixes predictions with other readings"
                    }
                    false => "give the score as a column",
                },
            );
        }
        Columns { needs_day: needs.day, taken, shape }
    }

    /// # Safety
    /// The values are those of a row of this shape, and outlive the facts.
    unsafe fn facts<'a>(&self, nothing: Facts<'a>, model: &Model, values: &RowValues) -> Facts<'a> {
        let mut facts = nothing;
        for taken in &self.taken {
            // SAFETY: each conversion was made for its column's type.
            let value = |column: usize, by: Conversion| match values.get(column) {
                Some(datum) => unsafe { by.value(datum) },
                None => Value::Null,
            };
            match *taken {
                Taken::Source { column, source } => {
                    if let Some(datum) = values.get(column) {
                        // SAFETY: the column is of the type ledger.
                        facts.ledgers[source] = LedgerRef::new(unsafe { varlena::bytes_of(datum) }).or_raise();
                    }
                }
                Taken::Attribute { column, attribute, by } => facts.attributes[attribute] = value(column, by),
                Taken::Metric { column, metric, by } => facts.metrics[metric] = Some(value(column, by)),
                Taken::Score { column, score, by } => {
                    facts.scores[score] = Some(model.given_score(score, value(column, by)).or_raise());
                }
            }
        }
        facts
    }
}

/// `layer_assign(user_row, model, as_of)`: the user's layer; NULL outside of the population.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn layer_assign(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/public/layer_assign.sql declares.
    unsafe {
        let call = Call::new(fcinfo);
        let layer = ask(&call, USUAL, Asked::Layers, |_, evaluation| {
            let model = evaluation.model();
            if model.is_overlapping() {
                raise(
                    PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                    format!("the layers of model \"{}\" overlap: a user can be in several", model.definition().name),
                    Some("Use strata.layers_assign, which returns all of them.".to_owned()),
                );
            }
            let inside = evaluation.in_population();
            let name = if inside { model.layer_name(evaluation.layer()) } else { None };
            name.map(|name| varlena::datum_of(name.as_bytes()))
        });
        layer.flatten().unwrap_or_else(|| call.null())
    }
}

/// `layers_assign(user_row, model, as_of)`: all layers that match; of an exclusive model the layer below its headings.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn layers_assign(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe {
        let call = Call::new(fcinfo);
        let layers = ask(&call, USUAL, Asked::Layers, |_, evaluation| {
            let answer = evaluation.answer();
            layers_of(evaluation.model(), &answer).map(|names| array::of_texts(&names))
        });
        layers.flatten().unwrap_or_else(|| call.null())
    }
}

/// `metrics(user_row, model, as_of)`: the values of all metrics by name, as jsonb.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn metrics(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe {
        let call = Call::new(fcinfo);
        let metrics = ask(&call, USUAL, Asked::Metrics, |_, evaluation| jsonb(&evaluation.metrics_json()));
        metrics.unwrap_or_else(|| call.null())
    }
}

/// The names of an answer's layers: those that match, or the path to the one; `None` outside of the population.
fn layers_of<'m>(model: &'m Model, answer: &Answer) -> Option<Vec<&'m str>> {
    let names = match model.is_overlapping() {
        true => answer.layers.iter().filter_map(|place| model.layer_name(Some(*place))).collect(),
        false => model.layer_path(answer.layer),
    };
    answer.in_population.then_some(names)
}

/// Layer, layers and scores as SQL gives them.
pub fn answered(model: &Model, answer: &Answer) -> [Option<pg_sys::Datum>; 3] {
    let single = answer.in_population && !model.is_overlapping();
    let layer = if single { model.layer_name(answer.layer) } else { None };
    [
        layer.map(|name| varlena::datum_of(name.as_bytes())),
        layers_of(model, answer).map(|names| array::of_texts(&names)),
        answer.in_population.then(|| array::of_scores(&answer.scores)),
    ]
}

/// `evaluate(user_row, model, as_of)`: layer, layers, scores and the first day on which one of them can change by itself.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn evaluate(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe {
        let call = Call::new(fcinfo);
        let evaluated = ask(&call, USUAL, Asked::Everything, |kept, evaluation| {
            let model = evaluation.model();
            let answer = evaluation.answer();
            let next_change = evaluation.next_change().or_raise();
            let [layer, layers, scores] = answered(model, &answer);
            let next_change = next_change.map(|day| pg_sys::Datum::from(day.number()));
            kept.row_type(|| RowType::returned_by(call)).value([layer, layers, scores, next_change])
        });
        evaluated.unwrap_or_else(|| call.null())
    }
}

crate::pg::declare!(pg_finfo_layer_assign, pg_finfo_layers_assign, pg_finfo_metrics, pg_finfo_evaluate);
