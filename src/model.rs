//! `strata.model`: the type, the presets, and the functions that ask a model about a user.
//!
//! Models are parsed once for a session and kept; a call site also keeps where the columns of its rows go.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::rc::Rc;

use pgrx::prelude::*;
use strata_core::day::Day;
use strata_core::label::{Label, Lang};
use strata_core::ledger::LedgerRef;
use strata_core::model::{self, Answer, Asked, Evaluation, Facts, Model, ModelError, Named, Room, Value, Ways};

use crate::error::{OrRaise, raise};
use crate::pg::call::Call;
use crate::pg::composite::RowType;
use crate::pg::json::{Jsonb, jsonb};
use crate::pg::query::{qualified_type_name, type_name};
use crate::pg::row::{Conversion, Row, RowShape, RowValues};
use crate::pg::varlena::{self, In, Out, OwnType};
use crate::pg::{array, date};
use crate::rfm::lang_argument;
use crate::score::c_string;

// ---------------------------------------------------------------------------------------------------------------------
// The type: a version byte and the canonical JSON

/// The SQL type `strata.model`.
pub struct ModelType;

impl OwnType for ModelType {
    const NAME: &'static str = "model";
}

pub type ModelIn<'a> = In<'a, ModelType>;
pub type ModelOut = Out<ModelType>;

const VERSION: u8 = 1;

/// A model on its way out.
pub fn out(model: &Model) -> ModelOut {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(model.to_string().as_bytes());
    Out::new(bytes)
}

fn json_of(bytes: &[u8]) -> &str {
    let text = match bytes {
        [VERSION, text @ ..] => std::str::from_utf8(text).ok(),
        _ => None,
    };
    text.unwrap_or_else(|| raise(PgSqlErrorCode::ERRCODE_DATA_CORRUPTED, "the stored model is damaged", None))
}

/// The model in stored bytes, parsed when this session sees it for the first time.
pub fn parsed(bytes: &[u8]) -> Rc<Model> {
    /// Models of one session at a time; beyond that, all are forgotten.
    const MOST: usize = 64;
    thread_local!(static KNOWN: RefCell<HashMap<Vec<u8>, Rc<Model>>> = RefCell::new(HashMap::new()));
    if let Some(known) = KNOWN.with_borrow(|known| known.get(bytes).cloned()) {
        return known;
    }
    let model = Rc::new(json_of(bytes).parse::<Model>().or_raise());
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(bytes.to_vec(), model.clone());
    });
    model
}

#[pg_extern(sql = false)]
fn model_in(text: &CStr) -> ModelOut {
    let text = text.to_str().map_err(|error| ModelError::malformed("", error.to_string())).or_raise();
    out(&text.parse::<Model>().or_raise())
}

#[pg_extern(sql = false)]
fn model_out(model: ModelIn<'_>) -> CString {
    c_string(json_of(model.bytes).to_owned())
}

#[pg_extern(sql = false)]
fn model_recv(mut message: pgrx::datum::Internal) -> ModelOut {
    let bytes = varlena::received(&mut message);
    let text = std::str::from_utf8(bytes).map_err(|error| ModelError::malformed("", error.to_string())).or_raise();
    out(&text.parse::<Model>().or_raise())
}

#[pg_extern(sql = false)]
fn model_send(model: ModelIn<'_>) -> Vec<u8> {
    json_of(model.bytes).as_bytes().to_vec()
}

::pgrx::extension_sql_file!("../sql/model.sql", name = "model", requires = ["rfm_job"]);

/// The same model with other values of its parameters.
#[pg_extern(immutable, parallel_safe)]
fn set_parameters(model: ModelIn<'_>, parameters: Jsonb) -> ModelOut {
    out(&parsed(model.bytes).with_parameters(&Named::from_json(&parameters.0).or_raise()).or_raise())
}

/// A model that comes with the extension, with other values of its parameters where these are given.
#[pg_extern(immutable, parallel_safe)]
fn preset(name: &str, parameters: default!(Jsonb, "'{}'")) -> ModelOut {
    let parameters = Named::from_json(&parameters.0).or_raise();
    out(&model::preset(name).and_then(|preset| preset.with_parameters(&parameters)).or_raise())
}

/// The models that come with the extension, with what each needs.
#[allow(clippy::type_complexity)] // the schema generator reads the columns here
#[pg_extern(immutable, parallel_safe)]
fn presets() -> TableIterator<
    'static,
    (
        name!(preset, String),
        name!(label_en, String),
        name!(label_zh, String),
        name!(about_en, String),
        name!(about_zh, String),
        name!(mode, &'static str),
        name!(sources, Vec<String>),
        name!(attributes, Jsonb),
        name!(parameters, Jsonb),
        name!(needs_calibration, bool),
    ),
> {
    let rows = model::presets().iter().map(|preset| {
        let model = preset.model();
        let definition = model.definition();
        let text = |label: &Label, lang| label.get(lang).unwrap_or_default().to_owned();
        (
            preset.name().to_owned(),
            text(&definition.label, Lang::En),
            text(&definition.label, Lang::Zh),
            text(&definition.about, Lang::En),
            text(&definition.about, Lang::Zh),
            if model.is_overlapping() { "overlapping" } else { "exclusive" },
            definition.sources.0.names().map(str::to_owned).collect(),
            Jsonb(model.attributes_json()),
            Jsonb(model.parameters_json()),
            model.uncalibrated().next().is_some(),
        )
    });
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// What the author of a model should know: layers that never match, overlap or leave users out, and more.
#[pg_extern(immutable, parallel_safe)]
fn model_check(
    model: ModelIn<'_>,
) -> TableIterator<
    'static,
    (name!(severity, String), name!(path, String), name!(finding, String), name!(counterexample, Option<Jsonb>)),
> {
    let findings = parsed(model.bytes).check().into_iter();
    let rows =
        findings.map(|found| (found.severity.to_string(), found.path, found.finding, found.counterexample.map(Jsonb)));
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// The model in words, for those who work with its layers.
#[pg_extern(immutable, parallel_safe)]
fn describe(model: ModelIn<'_>, lang: default!(&str, "'en'")) -> String {
    model::describe(&parsed(model.bytes), lang_argument(Some(lang)))
}

/// The layers of a model in their order, the default last.
#[allow(clippy::type_complexity)] // as above
#[pg_extern(immutable, parallel_safe)]
fn model_layers(
    model: ModelIn<'_>,
) -> TableIterator<
    'static,
    (
        name!(position, i32),
        name!(layer, String),
        name!(label_en, String),
        name!(label_zh, String),
        name!(parent, Option<String>),
        name!(meta, Option<Jsonb>),
    ),
> {
    let model = parsed(model.bytes);
    let definition = model.definition();
    let layers = definition.layers.iter().enumerate().map(|(place, layer)| (Some(place), &layer.parent, &layer.meta));
    let default = definition.default.iter().map(|default| (None, &default.parent, &default.meta));
    let rows = layers.chain(default).zip(1..).map(|((place, parent, meta), position)| {
        let label = |lang| model.layer_label(place, lang).unwrap_or_default().to_owned();
        let meta = meta.as_ref().map(|meta| Jsonb(meta.json().to_owned()));
        let name = model.layer_name(place).unwrap_or_default().to_owned();
        (position, name, label(Lang::En), label(Lang::Zh), parent.clone(), meta)
    });
    TableIterator::new(rows.collect::<Vec<_>>())
}

// ---------------------------------------------------------------------------------------------------------------------
// A model asked about a row

/// What a call site keeps: the model that it read last, and where the columns of its rows go.
struct Site {
    /// The model's bytes, and those of the argument that they came in.
    bytes: Vec<u8>,
    argument: Option<Vec<u8>>,
    model: Rc<Model>,
    columns: Option<Columns>,
    row_type: Option<RowType>,
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
const USUAL: Arguments = Arguments { row: 0, model: 1, as_of: 2 };

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
    let (row, model) = (call.arg(arguments.row)?, call.arg(arguments.model)?);
    // SAFETY: by the caller's word.
    let row = unsafe { Row::new(row) };
    let mut first = false;
    let site = call.kept(|| {
        first = true;
        // SAFETY: as above.
        unsafe { Site::new(model) }
    });
    // SAFETY: as above.
    if !first && !call.is_constant(arguments.model) && !unsafe { site.is_of(model) } {
        // SAFETY: as above.
        *site = unsafe { Site::new(model) };
    }
    if site.columns.as_ref().is_none_or(|columns| !columns.shape.is_of(row)) {
        site.columns = Some(Columns::of(RowShape::of(row, call), &site.model, asked));
    }
    let Site { bytes, model, columns, row_type, ways, values, facts: kept_facts, room: kept_room, .. } = site;
    let columns = columns.as_ref()?;
    let as_of = match call.arg(arguments.as_of) {
        None if !columns.needs_day => Day::MIN,
        as_of => date::as_of_datum(as_of),
    };
    columns.shape.read(row, values);
    let nothing = std::mem::take(kept_facts).cleared(model);
    // SAFETY: the conversions were made for these columns.
    let facts = unsafe { columns.facts(nothing, model, values) };
    let mut evaluation = Evaluation::in_room(std::mem::take(kept_room), model, &facts, as_of).or_raise();
    let answered = answer(&mut Kept { bytes, row_type, ways }, &mut evaluation);
    *kept_room = evaluation.into_room();
    *kept_facts = facts.cleared(model);
    Some(answered)
}

/// What an answer may use of the call site.
pub struct Kept<'s> {
    bytes: &'s [u8],
    row_type: &'s mut Option<RowType>,
    ways: &'s mut Option<Ways>,
}

impl<'s> Kept<'s> {
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
        let column = |name: &str| present.iter().find(|column| column.name == name);
        let given =
            |names: &mut dyn Iterator<Item = &str>| names.map(|name| column(name).is_some()).collect::<Vec<_>>();
        let given_metrics = given(&mut definition.metrics.names());
        let given_scores = match asked {
            Asked::Calibration => vec![false; definition.scores.len()],
            _ => given(&mut definition.scores.names()),
        };
        let needs = model.needs(asked, &given_metrics, &given_scores);
        if let Some(score) = needs.uncalibrated.first() {
            let name = &definition.scores.0[*score].0;
            raise(
                PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("score \"{name}\" of model \"{}\" has no cuts yet", definition.name),
                Some(
                    "Calibrate the model first: SELECT strata.calibrate_agg(t, model, as_of) FROM users t; or give the \
                     score as a column."
                        .to_owned(),
                ),
            );
        }
        let missing = |name: &str, what: &str| -> ! {
            let list = present.iter().map(|column| format!("{} ({})", column.name, type_name(column.type_id)));
            raise(
                PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
                format!("the row has no column \"{name}\", {what} of model \"{}\"", definition.name),
                Some(format!("It has: {}.", list.collect::<Vec<_>>().join(", "))),
            )
        };
        let mismatch = |name: &str, type_id: pg_sys::Oid, expected: &str| -> ! {
            let hint = match type_id {
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
            if qualified_type_name(found.type_id) != "strata.ledger" {
                mismatch(name, found.type_id, "strata.ledger");
            }
            taken.push(Taken::Source { column: found.place, source });
        }
        for (attribute, (name, described)) in definition.attributes.iter().enumerate() {
            if !needs.attributes[attribute] {
                continue;
            }
            let Some(found) = column(name) else { missing(name, "an attribute") };
            let Some(by) = Conversion::between(found.type_id, described.of_type) else {
                mismatch(name, found.type_id, &described.of_type.to_string())
            };
            taken.push(Taken::Attribute { column: found.place, attribute, by });
        }
        for (metric, name) in definition.metrics.names().enumerate() {
            let Some(found) = column(name) else { continue };
            let wanted = model.metric_type(metric);
            let Some(by) = Conversion::between(found.type_id, wanted) else {
                mismatch(name, found.type_id, &wanted.to_string())
            };
            taken.push(Taken::Metric { column: found.place, metric, by });
        }
        for (score, name) in definition.scores.names().enumerate().filter(|(score, _)| given_scores[*score]) {
            let Some(found) = column(name) else { continue };
            let Some(by) = Conversion::between(found.type_id, strata_core::model::Type::Number) else {
                mismatch(name, found.type_id, "number")
            };
            taken.push(Taken::Score { column: found.place, score, by });
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
    // SAFETY: called by PostgreSQL as sql/model.sql declares.
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
            let single = answer.in_population && !model.is_overlapping();
            let layer = if single { model.layer_name(answer.layer) } else { None };
            let next_change = evaluation.next_change().or_raise();
            kept.row_type.get_or_insert_with(|| RowType::returned_by(call)).value([
                layer.map(|name| varlena::datum_of(name.as_bytes())),
                layers_of(model, &answer).map(|names| array::of_texts(&names)),
                answer.in_population.then(|| array::of_scores(&answer.scores)),
                next_change.map(|day| pg_sys::Datum::from(day.number())),
            ])
        });
        evaluated.unwrap_or_else(|| call.null())
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Explanations

::pgrx::extension_sql_file!("../sql/explain.sql", name = "explain", requires = ["calibrate_agg"]);

/// Asks for something that needs the ways into the layers, which are made once for a call site.
///
/// # Safety
/// As for [`ask`].
unsafe fn ask_ways<R>(
    call: &Call<'_>,
    arguments: Arguments,
    answer: impl FnOnce(&Model, &Ways, &Facts<'_>, Day) -> R,
) -> Option<R> {
    // SAFETY: by the caller's word.
    unsafe {
        ask(call, arguments, Asked::Everything, |kept, evaluation| {
            let (model, facts) = (evaluation.model(), evaluation.facts());
            let ways = kept.ways.get_or_insert_with(|| Ways::of_given(model, facts));
            answer(model, ways, facts, evaluation.as_of())
        })
    }
}

/// `explain(user_row, model, as_of)`: metrics, scores, every layer tried, and the ways into better ones.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn explain(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: called by PostgreSQL as sql/explain.sql declares.
    unsafe {
        let call = Call::new(fcinfo);
        let explained = ask_ways(&call, USUAL, |model, ways, facts, as_of| {
            jsonb(&model::explain(model, ways, facts, as_of).or_raise())
        });
        explained.unwrap_or_else(|| call.null())
    }
}

/// `explain_text(user_row, model, as_of, lang)`: the same for people.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn explain_text(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe {
        let call = Call::new(fcinfo);
        let lang = lang_argument(varlena::text(call.arg(3)));
        let explained = ask_ways(&call, USUAL, |model, ways, facts, as_of| {
            varlena::datum_of(model::explain_text(model, ways, facts, as_of, lang).or_raise().as_bytes())
        });
        explained.unwrap_or_else(|| call.null())
    }
}

/// `distance(user_row, model, layer, as_of)`: what is missing to a layer, by metric.
#[pg_guard]
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn distance(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: as above.
    unsafe {
        let call = Call::new(fcinfo);
        let Some(layer) = varlena::text(call.arg(2)) else {
            return call.null();
        };
        let missing = ask_ways(&call, Arguments { as_of: 3, ..USUAL }, |model, ways, facts, as_of| {
            model::distance(model, ways, facts, layer, as_of).or_raise().map(|json| jsonb(&json))
        });
        missing.flatten().unwrap_or_else(|| call.null())
    }
}

crate::pg::declare!(
    pg_finfo_explain,
    pg_finfo_explain_text,
    pg_finfo_distance,
    pg_finfo_layer_assign,
    pg_finfo_layers_assign,
    pg_finfo_metrics,
    pg_finfo_evaluate
);
