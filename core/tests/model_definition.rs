//! Definitions: what is read, printed, refused.

use strata_core::error::UserError;
use strata_core::model::Model;

const SMALL: &str = r#"{
  "name": "small", "label": {"en": "Small", "zh": "小"},
  "parameters": {"risk_days": 30, "window": 365},
  "requires": ["risk_days < window"],
  "sources": ["orders"],
  "attributes": {"is_test": "boolean", "city": "text", "born": "date"},
  "population": "not is_test",
  "metrics": {"idle": "recency(orders)", "orders_year": "frequency(orders, window)",
     "spent": {"value": "monetary(orders, 365)", "label": {"zh": "消费"}},
     "points": "least(frequency(orders, 30), 10) * 5 + 2"},
  "scores": {"r": {"of": "idle", "best": "low", "cuts": [90, "risk_days"]},
             "m": {"of": "spent", "quantile": 5}},
  "dimensions": {"depth": {"layers": [{"name": "deep", "when": "orders_year >= 5"}], "default": {"name": "shallow"}}},
  "layers": [
    {"name": "best", "when": "r = 3 and depth = 'deep' and city in ('a', 'b')"},
    {"name": "old", "when": "not (idle between 1 and 30 or code(r) in ('1','2')) and born < '2000-01-01'", "meta": {"budget": 1.50, "x": [1, 2]}}
  ],
  "default": {"name": "other"}
}"#;

#[test]
fn printing_and_parsing_are_inverse() {
    let model: Model = SMALL.parse().unwrap();
    let printed = model.to_string();
    let again: Model = printed.parse().unwrap();
    assert_eq!(again, model);
    assert_eq!(again.to_string(), printed);
    assert!(
        printed.contains("not (idle >= 1 and idle <= 30 or code(r) in ('1', '2')) and born < date '2000-01-01'"),
        "{printed}"
    );
    assert!(printed.contains(r#""meta":{"budget":1.50,"x":[1,2]}"#), "{printed}");
}

/// The message for the small model with one text replaced.
fn refusal(from: &str, to: &str) -> (String, Option<String>) {
    assert!(SMALL.contains(from), "{from}");
    let error = SMALL.replacen(from, to, 1).parse::<Model>().expect_err(to);
    (error.to_string(), error.hint())
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let cases = [
        ("recency(orders)", "recencyy(orders)", "metrics.idle: unknown function \"recencyy\" at character 1"),
        (
            "frequency(orders, window)",
            "frequency(order, window)",
            "metrics.orders_year: unknown source \"order\" at character 11",
        ),
        ("r = 3 and", "r = 3 and )", "layers[0].when: Expected: an expression, found: ) at character 11"),
        ("depth = 'deep'", "depth = 'dep'", "layers[0].when: dimension \"depth\" has no layer 'dep' at character 19"),
        (
            "depth = 'deep'",
            "depth > 'deep'",
            "layers[0].when: depth > 'deep' compares text values by order at character 11",
        ),
        ("idle between", "idlee between", "layers[1].when: unknown name \"idlee\" at character 6"),
        ("'2000-01-01'", "'2000-13-01'", "layers[1].when: '2000-13-01' is not a date at character 64"),
        ("\"quantile\": 5", "\"quantile\": 50", "scores.m.quantile: the bins are a whole number from 2 to 10, not 50"),
        (
            "\"risk_days\": 30",
            "\"risk_days\": 400",
            "requires[0]: risk_days < window does not hold: risk_days is 400, window is 365",
        ),
        ("\"window\": 365", "\"risk_days\": 365", "parameters: \"risk_days\" comes twice at line 3 column 45"),
    ];
    for (from, to, expected) in cases {
        assert_eq!(refusal(from, to).0, expected);
    }
    assert_eq!(refusal("recency(orders)", "recencyy(orders)").1.as_deref(), Some("Did you mean recency?"));
}

#[test]
fn the_order_of_names_may_be_lost() {
    let json = |metrics: &str, scores: &str| {
        format!(
            r#"{{"name": "m", "sources": ["o"], "metrics": {{{metrics}}}, "scores": {{{scores}}},
                "layers": [{{"name": "a", "when": "s2 = 2"}}], "default": {{"name": "b"}}}}"#
        )
    };
    let (a, b, c) = (r#""recency": "recency(o)""#, r#""b": "recency + 1""#, r#""a": "b * 2""#);
    let (s1, s2) = (r#""s1": {"of": "a", "cuts": [3]}"#, r#""s2": {"of": "s1", "cuts": [2]}"#);
    let ordered: Model = json(&[a, b, c].join(", "), &[s1, s2].join(", ")).parse().unwrap();
    for metrics in [[c, b, a], [b, c, a], [c, a, b]] {
        let model: Model = json(&metrics.join(", "), &[s2, s1].join(", ")).parse().unwrap();
        let names: Vec<&str> = model.definition().metrics.names().collect();
        assert_eq!(names, ["recency", "b", "a"]);
        assert_eq!(model, ordered);
    }
    let round = json(r#""x": "y + 1", "y": "x + 1""#, "").replace("s2 = 2", "x > 1").parse::<Model>().unwrap_err();
    assert!(
        round.to_string().contains("\"x\" cannot be used here")
            || round.to_string().contains("\"y\" cannot be used here"),
        "{round}"
    );
}

#[test]
fn headings_and_parents_are_told_apart() {
    let with = |layers: &str, default: &str| {
        format!(r#"{{"name": "m", "metrics": {{"x": "1"}}, "layers": [{layers}], "default": {default}}}"#)
            .parse::<Model>()
    };
    let a = r#"{"name": "a", "when": "x > 0"}"#;
    assert!(with(&format!(r#"{{"name": "top"}}, {a}"#), r#"{"name": "d", "parent": "top"}"#).is_ok());
    let empty = with(&format!(r#"{{"name": "top"}}, {a}"#), r#"{"name": "d"}"#).unwrap_err();
    assert_eq!(empty.to_string(), "layers[0]: layer \"top\" has no condition, and no layer names it as its parent");
    let typo =
        with(r#"{"name": "top"}, {"name": "a", "when": "x > 0", "parent": "topp"}"#, r#"{"name": "d"}"#).unwrap_err();
    assert_eq!(typo.to_string(), "layers[1].parent: there is no layer \"topp\"");
    assert_eq!(typo.hint().as_deref(), Some("Did you mean top?"));
}

#[test]
fn an_array_is_no_object() {
    for (json, path) in [
        (
            r#"{"name":"m","metrics":{"x":"1"},"layers":[["a",{},"x > 0",null,null]],"default":{"name":"d"}}"#,
            "layers[0]: ",
        ),
        (
            r#"{"name":"m","metrics":{"x":"1"},"layers":[{"name":"a","when":"x > 0"}],"default":["b",{},null,null]}"#,
            "default: ",
        ),
        (
            r#"{"name":"m","label":["a","b"],"metrics":{"x":"1"},"layers":[{"name":"a","when":"x > 0"}],"default":{"name":"d"}}"#,
            "label: ",
        ),
    ] {
        let error = json.parse::<Model>().unwrap_err().to_string();
        assert_eq!(error, format!("{path}expected an object, not an array"));
    }
    assert!(r#"["m"]"#.parse::<Model>().is_err());
}

/// A model of one number with these metrics and one condition.
fn of_number(metrics: &str, condition: &str) -> Result<Model, strata_core::model::ModelError> {
    let condition = serde_json::to_string(condition).unwrap();
    format!(
        r#"{{"name": "m", "attributes": {{"x": "number"}}, "metrics": {{{metrics}}},
            "layers": [{{"name": "a", "when": {condition}}}], "default": {{"name": "z"}}}}"#
    )
    .parse()
}

#[test]
fn what_grows_without_bound_is_refused() {
    let chain = |length: usize, more: usize| {
        let metric = |place: usize| match place {
            0 => r#""m0": "x""#.to_owned(),
            _ => format!(r#""m{place}": "m{}{}""#, place - 1, " + 1".repeat(more)),
        };
        (0..length).map(metric).collect::<Vec<_>>().join(", ")
    };
    assert!(of_number(&chain(100, 2), "m99 > 5").is_ok());
    let deep = of_number(&chain(1000, 50), "m999 > 5").unwrap_err().to_string();
    assert!(deep.ends_with("the expressions that it is built on are nested more than 500 deep"), "{deep}");

    let mut cases = "x".to_owned();
    for _ in 0..8 {
        let branches: String = (0..10).map(|k| format!(" when {k} then {k}")).collect();
        cases = format!("case ({cases}){branches} else 0 end");
    }
    let large = of_number("", &format!("{cases} = 1")).unwrap_err().to_string();
    assert!(large.contains("more than 20000 parts"), "{large}");

    let many: Vec<String> = (0..3_400).map(|k| k.to_string()).collect();
    let long = of_number("", &format!("x in ({})", many.join(","))).unwrap_err();
    assert_eq!(long.to_string(), "layers[0].when: an expression has at most 16384 bytes, not 19295");
    assert!(long.hint().unwrap().contains("canonical form"));
    let between: Vec<String> = (0..400).map(|k| format!("x between {k} and {k}")).collect();
    assert!(of_number("", &between.join(" or ")).is_err());
    assert!(of_number("", &format!("x is null{}", " is true".repeat(35))).is_err());

    let sources: Vec<String> = (0..40_000).map(|k| format!("\"s{k}\"")).collect();
    let json = format!(r#"{{"name": "m", "sources": [{}], "layers": []}}"#, sources.join(","));
    assert!(json.parse::<Model>().unwrap_err().to_string().starts_with("sources: at most 1000 entries"));
    let nul = r#"{"name": "m", "label": {"en": "a\u0000b"}, "layers": [{"name": "a", "when": "true"}], "default": {"name": "z"}}"#;
    assert_eq!(nul.parse::<Model>().unwrap_err().to_string(), "label.en: a text has no \\u0000");
}

#[test]
fn words_of_sql_are_quoted_as_names() {
    for name in [
        "distinct",
        "returning",
        "select",
        "with",
        "user",
        "order",
        "value",
        "end",
        "interval",
        "all",
        "any",
        "array",
        "row",
    ] {
        let json = format!(
            r#"{{"name": "m", "attributes": {{"{name}": "boolean"}}, "layers": [
                {{"name": "a", "when": "coalesce(\"{name}\", true) and (\"{name}\" or not \"{name}\") and \"{name}\" in (\"{name}\", true)"}}],
                "default": {{"name": "z"}}}}"#
        );
        let model: Model = json.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(model.to_string().parse::<Model>().as_ref(), Ok(&model), "{name}");
    }
}
