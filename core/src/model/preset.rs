//! The models that come with the library: `presets/*.json`.

use std::sync::OnceLock;

use super::error::{ModelError, suggestion};
use super::{Definition, Model};

/// A model that comes with the library; `docs/presets.md` says what each is for.
#[derive(Debug)]
pub struct Preset {
    name: &'static str,
    json: &'static str,
    model: OnceLock<Model>,
}

impl Preset {
    const fn new(name: &'static str, json: &'static str) -> Self {
        Self { name, json, model: OnceLock::new() }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The definition as it is written, for people.
    pub fn json(&self) -> &'static str {
        self.json
    }

    /// Part of the library: a mistake in it fails every test before it can reach a user.
    pub fn model(&self) -> &Model {
        self.model.get_or_init(|| {
            let model = Definition::from_json(self.json).and_then(Model::new);
            model.unwrap_or_else(|error| panic!("presets/{}.json: {error}", self.name))
        })
    }
}

static PRESETS: [Preset; 20] = [
    Preset::new("rfm_eleven", include_str!("../../../presets/rfm_eleven.json")),
    Preset::new("rfm_ten", include_str!("../../../presets/rfm_ten.json")),
    Preset::new("rfm_eight", include_str!("../../../presets/rfm_eight.json")),
    Preset::new("simple_three", include_str!("../../../presets/simple_three.json")),
    Preset::new("value_tiers", include_str!("../../../presets/value_tiers.json")),
    Preset::new("five_layer", include_str!("../../../presets/five_layer.json")),
    Preset::new("ltv_tiers", include_str!("../../../presets/ltv_tiers.json")),
    Preset::new("churn_risk", include_str!("../../../presets/churn_risk.json")),
    Preset::new("lifecycle", include_str!("../../../presets/lifecycle.json")),
    Preset::new("lifecycle_by_rfm", include_str!("../../../presets/lifecycle_by_rfm.json")),
    Preset::new("behaviour_depth", include_str!("../../../presets/behaviour_depth.json")),
    Preset::new("value_by_depth", include_str!("../../../presets/value_by_depth.json")),
    Preset::new("pyramid", include_str!("../../../presets/pyramid.json")),
    Preset::new("two_point_systems", include_str!("../../../presets/two_point_systems.json")),
    Preset::new("five_a", include_str!("../../../presets/five_a.json")),
    Preset::new("buyer_readiness", include_str!("../../../presets/buyer_readiness.json")),
    Preset::new("brand_ladder", include_str!("../../../presets/brand_ladder.json")),
    Preset::new("persona", include_str!("../../../presets/persona.json")),
    Preset::new("rfm_saas", include_str!("../../../presets/rfm_saas.json")),
    Preset::new("rfm_content", include_str!("../../../presets/rfm_content.json")),
];

/// All presets: RFM and what shops use first, then prediction, lifecycle, depth, points, paths, tags, and RFM in other trades.
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

/// A preset by name; [`Model::with_parameters`] tunes it.
///
/// # Errors
/// For a name that there is not.
pub fn preset(name: &str) -> Result<&'static Model, ModelError> {
    match PRESETS.iter().find(|preset| preset.name == name) {
        Some(preset) => Ok(preset.model()),
        None => {
            let error = ModelError::invalid("", format!("unknown preset \"{name}\""));
            Err(match suggestion(name, PRESETS.iter().map(|preset| preset.name)) {
                Some(hint) => error.with_hint(hint),
                None => error,
            })
        }
    }
}
