//! Whatever bytes come in, reading a definition ends with a model or with an error that can be shown; and what is
//! accepted prints back to itself.

use std::panic::catch_unwind;

use proptest::prelude::*;
use proptest::sample::select;
use strata_core::day::Day;
use strata_core::error::UserError;
use strata_core::model::{Evaluation, Facts, Model, Value};

/// Reads a definition; a model must print back to itself and answer for a user of whom nothing is known.
fn read(json: &str) -> Result<(), TestCaseError> {
    let outcome = catch_unwind(|| json.parse::<Model>());
    let Ok(parsed) = outcome else {
        return Err(TestCaseError::fail(format!("a panic for {json}")));
    };
    match parsed {
        Ok(model) => {
            let printed = model.to_string();
            let again = printed.parse::<Model>();
            prop_assert_eq!(again.as_ref(), Ok(&model), "{}", printed);
            let mut facts = Facts::nothing(&model);
            facts.metrics = vec![Some(Value::Null); facts.metrics.len()];
            let day = Day::new(9_000).unwrap();
            let _ = Evaluation::new(&model, &facts, day).map(|mut evaluation| evaluation.layers());
            // and with everything computed
            let facts = Facts::nothing(&model);
            let _ = Evaluation::new(&model, &facts, day).map(|mut evaluation| evaluation.metrics_json());
        }
        Err(error) => {
            prop_assert!(!error.to_string().is_empty());
            let _ = (error.kind(), error.hint());
        }
    }
    Ok(())
}

/// A model around one condition.
fn around(condition: &str) -> String {
    let condition = serde_json::to_string(condition).unwrap();
    format!(
        r#"{{"name": "fuzz", "parameters": {{"p": 30}}, "sources": ["orders"],
            "attributes": {{"city": "text", "born": "date", "vip": "boolean", "odd Name": "number", "user": "text"}},
            "metrics": {{"m": "monetary(orders, p)", "f": "frequency(orders)"}},
            "scores": {{"s": {{"of": "f", "cuts": [2, 5]}}, "t": {{"of": "m", "cuts": [10]}}}},
            "dimensions": {{"d": {{"layers": [{{"name": "x", "when": "f > 1"}}], "default": {{"name": "y"}}}}}},
            "layers": [{{"name": "a", "when": {condition}}}], "default": {{"name": "b"}}}}"#
    )
}

const TOKENS: [&str; 74] = [
    "m",
    "f",
    "s",
    "t",
    "d",
    "p",
    "city",
    "born",
    "vip",
    "orders",
    "as_of",
    "\"odd Name\"",
    "\"user\"",
    "user",
    "0",
    "1",
    "2.50",
    "-3",
    "1e3",
    "99999999999999999999999999999",
    "'x'",
    "'a''b'",
    "''",
    "date '2024-02-29'",
    "'2024-02-29'",
    "true",
    "null",
    "+",
    "-",
    "*",
    "/",
    "%",
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "and",
    "or",
    "not",
    "is null",
    "is not true",
    "is distinct from",
    "in",
    "between",
    "like",
    "(",
    ")",
    ",",
    "case",
    "when",
    "then",
    "else",
    "end",
    "coalesce(",
    "nullif(",
    "least(",
    "greatest(",
    "abs(",
    "round(",
    "floor(",
    "ceil(",
    "code(",
    "frequency(orders",
    "recency(orders, 30)",
    "last_day(orders)",
    "days_since(",
    "days_until_anniversary(born)",
    "first_amount(orders, p)",
    "::int",
    "$1",
    "\u{7684}",
    "--",
];

/// Expressions that are mostly well formed.
fn expression() -> impl Strategy<Value = String> {
    let number = select(vec![
        "m",
        "f",
        "s",
        "t",
        "p",
        "\"odd Name\"",
        "0",
        "2.50",
        "-3",
        "recency(orders, 30)",
        "tenure(orders)",
        "days_since(born)",
        "average_amount(orders)",
        "days_until_anniversary(born)",
        "days_until(last_day(orders, p))",
    ]);
    let number = number.prop_map(str::to_owned).prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), select(vec!["+", "-", "*", "/", "%"]), inner.clone())
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (select(vec!["coalesce", "least", "greatest", "nullif"]), inner.clone(), inner.clone())
                .prop_map(|(name, a, b)| format!("{name}({a}, {b})")),
            inner.clone().prop_map(|a| format!("round({a}, 2)")),
        ]
    });
    let truth = prop_oneof![
        (number.clone(), select(vec!["=", "<>", "<", "<=", ">", ">=", "is distinct from"]), number.clone())
            .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        (number.clone(), number.clone(), number.clone()).prop_map(|(a, b, c)| format!("{a} not between {b} and {c}")),
        (number.clone(), number).prop_map(|(a, b)| format!("{a} in ({b}, 1, null)")),
        Just("code(s, t) in ('32', '11')".to_owned()),
        Just("d = 'x'".to_owned()),
        Just("vip".to_owned()),
        Just("born + 30 > as_of".to_owned()),
        Just("city like 'a\\_%' or city = \"user\"".to_owned()),
    ];
    truth.prop_recursive(4, 32, 3, |inner| {
        prop_oneof![
            (inner.clone(), select(vec!["and", "or"]), inner.clone()).prop_map(|(a, op, b)| format!("({a}) {op} {b}")),
            inner.clone().prop_map(|a| format!("not ({a})")),
            inner.clone().prop_map(|a| format!("({a}) is not true")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("case when {a} then {b} else {c} end")),
        ]
    })
}

const WHOLE: &str = include_str!("../../presets/rfm_eleven.json");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn well_formed_expressions_print_back(condition in expression()) {
        let json = around(&condition);
        let parsed = json.parse::<Model>();
        prop_assert!(parsed.is_ok(), "{condition}: {}", parsed.unwrap_err());
        read(&json)?;
    }

    #[test]
    fn any_tokens_are_read_or_refused(tokens in prop::collection::vec(select(TOKENS.to_vec()), 0..24)) {
        read(&around(&tokens.join(" ")))?;
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        read(&around(&text))?;
        read(&text)?;
    }

    #[test]
    fn a_damaged_definition_is_read_or_refused(at in any::<prop::sample::Index>(), length in 0..40_usize, with in "[\\[\\]{}\",:a-z0-9 ]{0,12}") {
        let chars: Vec<char> = WHOLE.chars().collect();
        let start = at.index(chars.len());
        let end = (start + length).min(chars.len());
        let damaged: String = chars[..start].iter().copied().chain(with.chars()).chain(chars[end..].iter().copied()).collect();
        read(&damaged)?;
    }
}

/// As much stack as a server's process has; an unoptimized parser wants more than a test's thread gives.
#[test]
fn depth_and_size_are_bounded() {
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(bounds).unwrap();
    thread.join().unwrap();
}

fn bounds() {
    let refused = |condition: String| {
        let error = around(&condition).parse::<Model>().expect_err("it is too much");
        error.to_string()
    };
    assert!(refused("(".repeat(5_000)).contains("nested more than 30 deep"));
    assert!(!refused("not ".repeat(900)).is_empty());
    assert!(refused(format!("{}1 > 0", "1 + ".repeat(900))).contains("nested more than 60 deep"));
    assert!(refused(format!("{}true", "true and ".repeat(1_500))).contains("at most 1000 operators, not 1500"));
    assert!(refused(" ".repeat(20_000)).contains("at most 16384 bytes, not 20000"));
    assert!(around(&format!("{}true", "true and ".repeat(900))).parse::<Model>().is_ok());
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(nested.parse::<Model>().is_err());
    assert!(
        around("true")
            .replace("\"name\": \"a\"", &format!("\"name\": \"a\", \"meta\": {nested}"))
            .parse::<Model>()
            .is_err()
    );
}
