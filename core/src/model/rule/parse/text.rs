//! The text of an expression, read by `sqlparser` within limits; its errors with their place.

use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use super::super::super::error::ModelError;

/// The longest expression, in bytes.
const MOST_BYTES: usize = 16_384;
/// The deepest nesting of an expression in brackets, cases and negations: what a small stack can bear.
const MOST_NESTING: usize = 30;
/// The deepest tree: chains of arithmetic are read without brackets and nest all the same.
pub(super) const MOST_DEPTH: usize = 60;
/// The most parts of a tree: `between`, and `case` with an operand, write their operand more than once.
pub(super) const MOST_PARTS: usize = 20_000;
/// The most operators of one expression.
const MOST_OPERATORS: usize = 1_000;

/// Whether a bare word reads as an identifier, wherever one may stand.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let rest = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    // what the parser prints is what it was given exactly where the word is nothing else to it
    let stays = |text: String| read(&text, "").is_ok_and(|parsed| parsed.to_string() == text);
    let alone = matches!(read(name, ""), Ok(ast::Expr::Identifier(ident)) if ident.quote_style.is_none());
    name != "as_of"
        && first
        && rest
        && alone
        && stays(format!("{name} = 'a' OR 1 + {name} > {name} - {name}"))
        && stays(format!("NOT {name} AND ({name} AND {name} OR {name}) AND -{name} IN ({name}, {name})"))
        && stays(format!("COALESCE({name}, {name}) IS NULL AND {name} IS NOT TRUE AND {name} LIKE 'a'"))
        && stays(format!("CASE WHEN {name} THEN {name} WHEN {name} THEN {name} ELSE {name} END"))
        && stays(format!("LEAST({name}) IS DISTINCT FROM {name}"))
}

pub(super) fn read(text: &str, path: &str) -> Result<ast::Expr, ModelError> {
    if text.len() > MOST_BYTES {
        let message = format!("an expression has at most {MOST_BYTES} bytes, not {}", text.len());
        return Err(ModelError::limit(path, message));
    }
    let failed = |error: ParserError| match error {
        ParserError::RecursionLimitExceeded => too_deep(path, MOST_NESTING),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => syntax(text, path, &message),
    };
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|error| failed(error.into()))?;
    if let Some(double) = tokens.iter().find(|token| token.token == Token::DoubleEq) {
        let place = place(text, double.span.start);
        return Err(
            ModelError::invalid(path, format!("unexpected =={place}")).with_hint("Equality is a single = in SQL.")
        );
    }
    let operators = tokens.iter().filter(|token| is_operator(&token.token)).count();
    if operators > MOST_OPERATORS {
        let message = format!("an expression has at most {MOST_OPERATORS} operators, not {operators}");
        return Err(ModelError::limit(path, message).with_hint("Give parts of it names of their own, as metrics."));
    }
    let parser = Parser::new(&dialect).with_recursion_limit(MOST_NESTING);
    let mut parser = parser.with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr().map_err(failed)?;
    let next = parser.peek_token();
    match next.token {
        Token::EOF => Ok(parsed),
        token => {
            let place = place(text, next.span.start);
            Err(ModelError::invalid(path, format!("unexpected {token}{place}")).with_hint(SUBSET))
        }
    }
}

const SUBSET: &str = "An expression is one SQL expression, for example: recency <= 30 and frequency >= 2.";

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_none()
                && matches!(word.value.to_ascii_lowercase().as_str(), "and" | "or" | "not" | "is")
        }
        Token::Number(..) | Token::SingleQuotedString(_) | Token::Comma | Token::Whitespace(_) | Token::LParen => false,
        _ => true,
    }
}

pub(super) fn too_deep(path: &str, limit: usize) -> ModelError {
    ModelError::limit(path, format!("the expression is nested more than {limit} deep"))
        .with_hint("Give parts of it names of their own, as metrics.")
}

/// A message of the parser, with its line and column turned into a position.
fn syntax(text: &str, path: &str, message: &str) -> ModelError {
    let (message, location) = match message.split_once(" at Line: ") {
        Some((message, rest)) => {
            let mut numbers = rest.split(|char: char| !char.is_ascii_digit()).filter_map(|part| part.parse().ok());
            (message, numbers.next().zip(numbers.next()))
        }
        None => (message, None),
    };
    let place = location.map_or(String::new(), |(line, column)| place(text, Location { line, column }));
    let message = message.trim_end_matches(',').replace("EOF", "the end");
    ModelError::invalid(path, format!("{message}{place}")).with_hint(SUBSET)
}

/// ` at character 5`, counted from 1 as PostgreSQL does.
pub(super) fn place(text: &str, at: Location) -> String {
    if at.line == 0 {
        return String::new();
    }
    let before: usize = text.split('\n').take(at.line as usize - 1).map(|line| line.chars().count() + 1).sum();
    format!(" at character {}", before + at.column as usize)
}
