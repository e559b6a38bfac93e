//! Why a user is in a layer, and what is missing for the better ones.

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::day::Day;
use crate::label::{Label, Lang};

use super::super::definition::{Named, Number};
use super::super::{Layered, Model, ModelError, Ranking};
use super::Value;
use super::evaluate::{Evaluation, Facts};
use super::grounds::{self, Ground, Grounds, Which};
use super::way::axis::Lever;
use super::way::plan::Plan;
use super::way::{Search, Way, Ways, better, is_in};
use super::words::{self, in_lang};

/// The most layers of which a text says why the user is not in them.
const MOST_FAILED: usize = 3;

/// A value as JSON: numbers exact, dates as ISO text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    Null,
    Number(Number),
    Text(String),
    Boolean(bool),
}

impl From<Value<'_>> for Shown {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Shown::Null,
            Value::Number(number) => Shown::Number(Number(number)),
            Value::Text(text) => Shown::Text(text.to_owned()),
            Value::Date(day) => Shown::Text(words::date(day)),
            Value::Boolean(boolean) => Shown::Boolean(boolean),
        }
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Shown::Null => serializer.serialize_none(),
            Shown::Number(number) => number.serialize(serializer),
            Shown::Text(text) => serializer.serialize_str(text),
            Shown::Boolean(boolean) => serializer.serialize_bool(*boolean),
        }
    }
}

#[derive(Serialize)]
struct Explanation<'m> {
    model: &'m str,
    as_of: String,
    in_population: bool,
    layer: Option<&'m str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'m Label>,
    /// The layer and the headings above it, outermost first; or all tags.
    layers: Vec<&'m str>,
    metrics: Named<Shown>,
    scores: Named<ShownScore<'m>>,
    dimensions: Named<Option<&'m str>>,
    tried: Vec<Tried<'m>>,
    ways: Vec<ShownWay<'m>>,
}

#[derive(Serialize)]
struct ShownScore<'m> {
    score: Option<u8>,
    of: &'m str,
    value: Shown,
    bins: u8,
    best: String,
    cuts: Option<Vec<Option<Number>>>,
    /// The cut that one more point takes.
    next_cut: Option<Number>,
}

#[derive(Serialize)]
struct Tried<'m> {
    layer: &'m str,
    when: &'m str,
    matched: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Ground>,
    /// What made it match; for the words only.
    #[serde(skip)]
    held: Vec<Ground>,
}

#[derive(Serialize)]
struct ShownWay<'m> {
    layer: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'m Label>,
    steps: Vec<ShownStep>,
    #[serde(rename = "do")]
    action: Action<'m>,
}

#[derive(Serialize)]
struct ShownStep {
    #[serde(flatten)]
    what: What,
    now: Shown,
    needed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<Number>,
    text: Label,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Metric(String),
    Attribute(String),
    Score(String),
}

/// What was carried out to see that the way leads there.
#[derive(Serialize)]
struct Action<'m> {
    as_of: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<ActionEvents<'m>>,
    #[serde(skip_serializing_if = "Named::is_empty")]
    metrics: Named<Shown>,
    #[serde(skip_serializing_if = "Named::is_empty")]
    scores: Named<Option<u8>>,
    #[serde(skip_serializing_if = "Named::is_empty")]
    attributes: Named<Shown>,
    /// The same as one sentence.
    text: Label,
    #[serde(skip)]
    only_sets_attributes: bool,
}

#[derive(Serialize)]
struct ActionEvents<'m> {
    source: &'m str,
    events: u32,
    amount: Number,
    days: i64,
}

/// Explains a user's layer as a JSON object: metrics, scores with their cuts, every layer that was tried with the
/// comparisons that failed, and the nearest ways into the better layers.
///
/// # Errors
/// For a ledger that is damaged.
pub fn explain(model: &Model, ways: &Ways, facts: &Facts<'_>, as_of: Day) -> Result<String, ModelError> {
    let ways = &*ways.fitting(model, facts);
    let found = explanation(model, ways, facts, as_of)?;
    Ok(serde_json::to_string(&found).unwrap_or_else(|error| unreachable!("every part has a JSON form: {error}")))
}

fn explanation<'m>(
    model: &'m Model,
    ways: &'m Ways,
    facts: &'m Facts<'m>,
    as_of: Day,
) -> Result<Explanation<'m>, ModelError> {
    let definition = model.definition();
    let mut evaluation = Evaluation::new(model, facts, as_of)?;
    let in_population = evaluation.in_population();
    let metrics = definition.metrics.names().enumerate();
    let metrics = metrics.map(|(place, name)| (name.to_owned(), evaluation.metric(place).into())).collect();
    let scores = definition.scores.names().enumerate();
    let scores = scores.map(|(place, name)| (name.to_owned(), shown_score(model, place, &mut evaluation))).collect();
    let dimensions = definition.dimensions.names().enumerate();
    let dimensions = dimensions.map(|(place, name)| {
        let layer = evaluation.dimension(place).map(|layer| model.dimension_layer(place, layer));
        (name.to_owned(), layer)
    });
    let dimensions = dimensions.collect();
    let mut explanation = Explanation {
        model: &definition.name,
        as_of: as_of.to_string(),
        in_population,
        layer: None,
        label: None,
        layers: Vec::new(),
        metrics: Named(metrics),
        scores: Named(scores),
        dimensions: Named(dimensions),
        tried: Vec::new(),
        ways: Vec::new(),
    };
    if !in_population {
        return Ok(explanation);
    }
    let overlapping = model.is_overlapping();
    let layer = if overlapping { None } else { evaluation.layer() };
    if overlapping {
        explanation.layers =
            evaluation.layers().into_iter().filter_map(|place| model.layer_name(Some(place))).collect();
    } else {
        explanation.layer = model.layer_name(layer);
        explanation.label = label(model, layer);
        explanation.layers = model.layer_path(layer);
    }
    let last = if overlapping { None } else { layer };
    for (place, layer) in
        model.layers.iter().enumerate().take_while(|(place, _)| last.is_none_or(|last| *place <= last))
    {
        explanation.tried.extend(tried(model, place, layer, &mut evaluation));
    }
    let mut search = Search::new(ways, model, facts, as_of);
    for target in better(model, layer) {
        if !is_in(model, Some(target), &mut evaluation)
            && let Some(way) = search.nearest(Some(target), &mut evaluation)?
        {
            explanation.ways.push(shown_way(model, ways, &way, as_of));
        }
    }
    Ok(explanation)
}

fn label(model: &Model, layer: Option<usize>) -> Option<&Label> {
    let label = match layer {
        Some(place) => Some(&model.definition().layers[place].label),
        None => model.definition().default.as_ref().map(|default| &default.label),
    };
    label.filter(|label| !label.is_empty())
}

fn shown_score<'m>(model: &'m Model, place: usize, evaluation: &mut Evaluation<'m>) -> ShownScore<'m> {
    let score = &model.scores[place];
    let value = evaluation.value(&score.of);
    let found = evaluation.score(place);
    let number = |cut: Option<Decimal>| cut.map(Number);
    let next = found.and_then(|found| score.cuts.as_ref()?.get(usize::from(found.max(1)) - 1).copied()).flatten();
    ShownScore {
        score: found,
        of: &model.definition().scores.0[place].1.of,
        value: value.into(),
        bins: score.bins,
        best: score.best.to_string(),
        cuts: score.cuts.as_ref().map(|cuts| cuts.iter().map(|cut| number(*cut)).collect()),
        next_cut: number(next),
    }
}

/// A layer that was tried; headings are not.
fn tried<'m>(model: &'m Model, place: usize, layer: &'m Layered, evaluation: &mut Evaluation<'m>) -> Option<Tried<'m>> {
    let when = layer.when.as_ref()?;
    let matched = match evaluation.value(when) {
        Value::Boolean(matched) => Some(matched),
        _ => None,
    };
    let written = &model.definition().layers[place];
    let mut tried = Tried {
        layer: &written.name,
        when: written.when.as_deref().unwrap_or_default(),
        matched,
        failed: Vec::new(),
        held: Vec::new(),
    };
    match matched {
        Some(true) => tried.held = Grounds::of(evaluation, when, Which::Held),
        _ => tried.failed = Grounds::of(evaluation, when, Which::Failed),
    }
    Some(tried)
}

fn shown_way<'m>(model: &'m Model, ways: &'m Ways, way: &Way<'m>, as_of: Day) -> ShownWay<'m> {
    let by = Day::new(i64::from(as_of.number()) + way.plan.wait).filter(|day| *day != as_of);
    let steps = way.steps.iter().map(|step| {
        let axis = &ways.axes[step.axis];
        let text = |lang| words::step(model, axis, step, by, lang);
        ShownStep {
            what: match axis.expr {
                super::Expr::Name(super::Name::Attribute(_)) => What::Attribute(axis.name.clone()),
                super::Expr::Name(super::Name::Score(_)) => What::Score(axis.name.clone()),
                _ => What::Metric(axis.name.clone()),
            },
            now: step.now.into(),
            needed: words::needed(axis, step.need),
            more: step.more.map(Number),
            text: both(text),
        }
    });
    let set = |lang| -> Vec<String> {
        let given = way.steps.iter().filter(|step| ways.axes[step.axis].lever == Lever::Given);
        given.map(|step| words::step(model, &ways.axes[step.axis], step, by, lang)).collect()
    };
    let text = both(|lang| words::plan(model, &way.plan, &set(lang), as_of, lang));
    ShownWay {
        layer: model.layer_name(way.layer).unwrap_or_default(),
        label: label(model, way.layer),
        steps: steps.collect(),
        action: action(model, &way.plan, by.unwrap_or(as_of), text),
    }
}

fn both(text: impl Fn(Lang) -> String) -> Label {
    Label { en: Some(text(Lang::En)), zh: Some(text(Lang::Zh)) }
}

fn action<'m>(model: &'m Model, plan: &Plan<'_>, as_of: Day, text: Label) -> Action<'m> {
    let definition = model.definition();
    let named = |names: &[&str], list: &[(usize, Value<'_>)]| {
        Named(list.iter().map(|(place, value)| (names[*place].to_owned(), Shown::from(*value))).collect())
    };
    let events = plan.events.iter().map(|new| ActionEvents {
        source: &definition.sources.0.0[new.source].0,
        events: new.events,
        amount: Number(new.amount),
        days: new.days,
    });
    Action {
        as_of: as_of.to_string(),
        events: events.collect(),
        metrics: named(&definition.metrics.names().collect::<Vec<_>>(), &plan.metrics),
        scores: Named(
            plan.scores.iter().map(|(place, score)| (definition.scores.0[*place].0.clone(), *score)).collect(),
        ),
        attributes: named(&definition.attributes.names().collect::<Vec<_>>(), &plan.attributes),
        text,
        only_sets_attributes: *plan == Plan { attributes: plan.attributes.clone(), ..Plan::default() },
    }
}

/// Explains a user's layer in some lines of plain text: the layer, why, why not the better ones, what to do next.
///
/// # Errors
/// For a ledger that is damaged.
pub fn explain_text(
    model: &Model,
    ways: &Ways,
    facts: &Facts<'_>,
    as_of: Day,
    lang: Lang,
) -> Result<String, ModelError> {
    let ways = &*ways.fitting(model, facts);
    let found = explanation(model, ways, facts, as_of)?;
    let titled = |name: &str| {
        let label = model.find_layer(name).and_then(|place| model.layer_label(place, lang));
        match label {
            Some(label) if label != name => in_lang(lang, format!("{label} ({name})"), format!("{label}（{name}）")),
            _ => name.to_owned(),
        }
    };
    let colon = in_lang(lang, ": ", "：");
    let mut lines = Vec::new();
    if !found.in_population {
        return Ok(in_lang(lang, "Not counted in this model.", "不在本模型的统计范围内。").to_owned());
    }
    let titles: Vec<String> = match found.layer {
        Some(layer) => vec![titled(layer)],
        None => found.layers.iter().map(|layer| titled(layer)).collect(),
    };
    let comma = in_lang(lang, ", ", "、");
    let none = in_lang(lang, "none", "无").to_owned();
    lines.push(format!(
        "{}{colon}{}",
        if model.is_overlapping() { in_lang(lang, "Tags", "标签") } else { in_lang(lang, "Layer", "层级") },
        if titles.is_empty() { none } else { titles.join(comma) }
    ));
    let mut matched = false;
    for tried in found.tried.iter().filter(|tried| tried.matched == Some(true)) {
        matched = true;
        lines.push(format!("{}{colon}{}", in_lang(lang, "Because", "依据"), grounds::text(&tried.held, lang)));
    }
    if !matched && !model.is_overlapping() {
        lines.push(in_lang(lang, "Because: no other layer fits", "依据：不符合其他层级的条件").to_owned());
    }
    // worse layers that were tried before explain nothing
    let better = better(model, found.layer.and_then(|layer| model.find_layer(layer)).flatten());
    let better: Vec<&str> = better.into_iter().filter_map(|place| model.layer_name(Some(place))).collect();
    let mut failed: Vec<(usize, &Tried<'_>)> = Vec::new();
    for tried in found.tried.iter().filter(|tried| tried.matched != Some(true)) {
        failed.extend(better.iter().position(|layer| *layer == tried.layer).map(|rank| (rank, tried)));
    }
    // the best layers come first, and are the farthest
    let farthest = match model.definition().ranking {
        Ranking::None => 0,
        _ if model.is_overlapping() => 0,
        _ => failed.len().saturating_sub(MOST_FAILED),
    };
    let mut ranks: Vec<usize> = failed.iter().map(|(rank, _)| *rank).collect();
    ranks.sort_unstable();
    let shown: Vec<usize> = ranks.into_iter().skip(farthest).take(MOST_FAILED).collect();
    for (_, tried) in failed.iter().filter(|(rank, _)| shown.contains(rank)) {
        let layer = titled(tried.layer);
        let failed = grounds::text(&tried.failed, lang);
        lines.push(in_lang(lang, format!("Not {layer}: {failed}"), format!("未进入「{layer}」：{failed}")));
    }
    // nobody can be told to be somebody else
    for way in found.ways.iter().filter(|way| !way.action.only_sets_attributes) {
        let layer = titled(way.layer);
        let text = way.action.text.get(lang).unwrap_or_default();
        lines.push(in_lang(lang, format!("To reach {layer}: {text}"), format!("要进入「{layer}」：{text}")));
    }
    Ok(lines.join("\n"))
}
