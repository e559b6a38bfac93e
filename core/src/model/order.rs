//! The order of metrics, scores and dimensions: each after those that it uses. Otherwise it stays as it is written, so
//! that only definitions change whose order was lost, on the way through `jsonb` for example.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::definition::{Definition, Named};

/// Puts a definition in order. What goes round in a circle stays where it is, and is refused when it is checked.
pub(super) fn put_in_order(definition: &mut Definition) {
    sort(&mut definition.metrics, |metric| names_in(&metric.value));
    sort(&mut definition.scores, |score| vec![score.of.clone()]);
    sort(&mut definition.dimensions, |dimension| {
        dimension.layers.iter().filter_map(|layer| layer.when.as_deref()).flat_map(names_in).collect()
    });
}

fn sort<T>(named: &mut Named<T>, uses: impl Fn(&T) -> Vec<String>) {
    let entries = std::mem::take(&mut named.0);
    let used: Vec<Vec<usize>> = entries
        .iter()
        .map(|(_, entry)| {
            let uses = uses(entry);
            let places = uses.iter().filter_map(|name| entries.iter().position(|(known, _)| known == name));
            places.collect()
        })
        .collect();
    let mut order = Vec::with_capacity(entries.len());
    let mut seen = vec![false; entries.len()];
    for start in 0..entries.len() {
        // what an entry uses comes before it: a depth-first walk without recursion
        let mut open = vec![(start, false)];
        while let Some((place, done)) = open.pop() {
            if done {
                order.push(place);
            } else if !std::mem::replace(&mut seen[place], true) {
                open.push((place, true));
                open.extend(used[place].iter().rev().filter(|place| !seen[**place]).map(|place| (*place, false)));
            }
        }
    }
    let mut entries: Vec<Option<(String, T)>> = entries.into_iter().map(Some).collect();
    named.0 = order.into_iter().filter_map(|place| entries[place].take()).collect();
}

/// The names that an expression mentions, calls of functions left out; none where it is no SQL.
fn names_in(text: &str) -> Vec<String> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().unwrap_or_default();
    let tokens: Vec<Token> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let called = |place: usize| tokens.get(place + 1) == Some(&Token::LParen);
    let words = tokens.iter().enumerate().filter_map(|(place, token)| match token {
        Token::Word(word) if !called(place) => Some(word),
        _ => None,
    });
    words
        .map(|word| match word.quote_style {
            Some(_) => word.value.clone(),
            None => word.value.to_lowercase(),
        })
        .collect()
}
