//! `strata.model`: the type, the presets, and what can be told of a model alone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::rc::Rc;

use pgrx::prelude::*;
use strata_core::label::{Label, Lang};
use strata_core::model::{self, Model, ModelError, Named};

use crate::error::{OrRaise, raise};
use crate::pg::json::Jsonb;
use crate::pg::varlena::{self, In, Out, OwnType};
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

/// The canonical JSON in stored bytes.
pub fn json_of(bytes: &[u8]) -> &str {
    let text = match bytes {
        [VERSION, text @ ..] => std::str::from_utf8(text).ok(),
        _ => None,
    };
    text.unwrap_or_else(|| raise(PgSqlErrorCode::ERRCODE_DATA_CORRUPTED, "the stored model is damaged", None))
}

/// The model in stored bytes, parsed when this session sees it for the first time.
pub fn parsed(bytes: &[u8]) -> Rc<Model> {
    /// Models of one session at a time; beyond that, one is forgotten for another.
    const MOST: usize = 64;
    thread_local!(static KNOWN: RefCell<HashMap<Vec<u8>, Rc<Model>>> = RefCell::new(HashMap::new()));
    if let Some(known) = KNOWN.with_borrow(|known| known.get(bytes).cloned()) {
        return known;
    }
    let model = Rc::new(json_of(bytes).parse::<Model>().or_raise());
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MOST
            && let Some(any) = known.keys().next().cloned()
        {
            known.remove(&any);
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

/// Whether two models are the same, calibration included.
#[pg_extern(sql = false)]
fn model_eq(a: ModelIn<'_>, b: ModelIn<'_>) -> bool {
    a.bytes == b.bytes
}

#[pg_extern(sql = false)]
fn model_ne(a: ModelIn<'_>, b: ModelIn<'_>) -> bool {
    a.bytes != b.bytes
}

#[pg_extern(sql = false)]
fn model_hash(model: ModelIn<'_>) -> i32 {
    model_hash_extended(model, 0) as i32
}

#[pg_extern(sql = false)]
fn model_hash_extended(model: ModelIn<'_>, seed: i64) -> i64 {
    crate::pg::hash_bytes(model.bytes, seed)
}

/// The same model with other values of its parameters.
#[pg_extern(sql = false)]
fn set_parameters(model: ModelIn<'_>, parameters: Jsonb) -> ModelOut {
    out(&parsed(model.bytes).with_parameters(&Named::from_json(&parameters.0).or_raise()).or_raise())
}

/// A model that comes with the extension, with other values of its parameters where these are given.
#[pg_extern(sql = false)]
fn preset(name: &str, parameters: Jsonb) -> ModelOut {
    let parameters = Named::from_json(&parameters.0).or_raise();
    out(&model::preset(name).and_then(|preset| preset.with_parameters(&parameters)).or_raise())
}

/// The models that come with the extension, with what each needs.
#[allow(clippy::type_complexity)] // the schema generator reads the columns here
#[pg_extern(sql = false)]
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
            model.needs_calibration(),
        )
    });
    TableIterator::new(rows.collect::<Vec<_>>())
}

/// What the author of a model should know: layers that never match, overlap or leave users out, and more.
#[pg_extern(sql = false)]
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
#[pg_extern(sql = false)]
fn describe(model: ModelIn<'_>, lang: &str) -> String {
    model::describe(&parsed(model.bytes), lang_argument(Some(lang)))
}

/// The layers of a model in their order, the default last.
#[allow(clippy::type_complexity)] // as above
#[pg_extern(sql = false)]
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
