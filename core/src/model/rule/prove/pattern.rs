//! The ways in which a text can match some LIKE patterns and not others, each with a short example.
//!
//! Each pattern is an automaton whose states are the places in it; all of them read the same text side by side. The
//! states that can be reached together, breadth first, show every way of matching and the shortest text for it.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::super::like::{Part, parts};

/// The most places, of all patterns in all joint states, that are looked at.
const MOST_PLACES: usize = 100_000;
/// The longest pattern, in characters: its places are the bits of a number.
const LONGEST: usize = 127;

/// Texts that are none of `texts`, one for each way of matching the patterns; and whether these are all ways.
pub(super) fn others(texts: &BTreeSet<&str>, patterns: &BTreeSet<&str>) -> (Vec<String>, bool) {
    let named = texts.iter().map(|text| text.chars().map(Part::Char).collect());
    let readers: Vec<Vec<Part>> = named.chain(patterns.iter().map(|pattern| parts(pattern))).collect();
    let usual = ["other", "another", "none of these"].into_iter().find(|text| !texts.contains(text));
    if patterns.is_empty() {
        // with so many names, one of these is free
        let free = usual.map_or_else(|| format!("{}_", texts.iter().copied().collect::<String>()), str::to_owned);
        return (vec![free], true);
    }
    if readers.iter().any(|parts| parts.len() > LONGEST) {
        return (usual.map(str::to_owned).into_iter().collect(), false);
    }
    let mut alphabet: BTreeSet<char> = readers.iter().flatten().filter_map(letter).collect();
    alphabet.extend(('a'..='z').chain('\u{4e00}'..'\u{5000}').find(|char| !alphabet.contains(char)));

    let mut ways: HashSet<Vec<bool>> = HashSet::new();
    let mut found = Vec::new();
    let mut look = |states: &[u128], text: &str| {
        let way: Vec<bool> = states.iter().zip(&readers).map(|(state, parts)| state >> parts.len() & 1 == 1).collect();
        if !way[..texts.len()].contains(&true) && ways.insert(way) {
            found.push(text.to_owned());
        }
    };
    let start: Vec<u128> = readers.iter().map(|parts| closure(1, parts)).collect();
    // a text that reads well, before the shortest ones
    if let Some(usual) = usual {
        let end = usual.chars().fold(start.clone(), |states, char| step(&states, &readers, char));
        look(&end, usual);
    }
    let most_states = MOST_PLACES / readers.len();
    let mut seen = HashSet::from([start.clone()]);
    let mut open = VecDeque::from([(start, String::new())]);
    while let Some((states, text)) = open.pop_front() {
        look(&states, &text);
        for char in &alphabet {
            let next = step(&states, &readers, *char);
            if seen.len() < most_states && seen.insert(next.clone()) {
                open.push_back((next, format!("{text}{char}")));
            }
        }
    }
    (found, seen.len() < most_states)
}

fn letter(part: &Part) -> Option<char> {
    match part {
        Part::Char(char) => Some(*char),
        _ => None,
    }
}

/// The places that are reached without reading on.
fn closure(mut state: u128, parts: &[Part]) -> u128 {
    for (place, part) in parts.iter().enumerate() {
        if matches!(part, Part::Any) && state >> place & 1 == 1 {
            state |= 1 << (place + 1);
        }
    }
    state
}

fn step(states: &[u128], readers: &[Vec<Part>], char: char) -> Vec<u128> {
    let one = |state: u128, parts: &[Part]| {
        let mut next = 0;
        for (place, part) in parts.iter().enumerate().filter(|(place, _)| state >> place & 1 == 1) {
            match part {
                Part::Any => next |= 1 << place,
                Part::One => next |= 1 << (place + 1),
                Part::Char(wanted) if *wanted == char => next |= 1 << (place + 1),
                Part::Char(_) => {}
            }
        }
        closure(next, parts)
    };
    states.iter().zip(readers).map(|(state, parts)| one(*state, parts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rule::like::like;
    use proptest::prelude::*;

    proptest! {
        /// Every text of a small alphabet matches the patterns as one of the examples does.
        #[test]
        fn every_way_of_matching_is_found(patterns in proptest::collection::btree_set("[ab%_]{0,4}", 1..4), text in "[abc]{0,6}") {
            let patterns: BTreeSet<&str> = patterns.iter().map(String::as_str).collect();
            let (others, complete) = others(&BTreeSet::new(), &patterns);
            prop_assert!(complete);
            let way = |text: &str| patterns.iter().map(|pattern| like(text, pattern)).collect::<Vec<_>>();
            prop_assert_eq!(others.iter().filter(|other| way(other) == way(&text)).count(), 1);
        }
    }
}
