//! What users differ in, one thing at a time, cut into the cells in which they are all alike.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::super::{Constant, Expr, Reader, Type};
use super::interval::{Bound, Interval};

/// What an axis measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Subject<'m> {
    Attribute(usize),
    AsOf,
    /// Days from an attribute to the day of the reading; negative while the date lies ahead.
    Age(usize),
    /// Days to the anniversary of an attribute, for a date that is not ahead.
    Anniversary(usize),
    /// By the place of its source and window in the model.
    Reading(Reader, usize),
    /// A prediction, as a metric that is given.
    Prediction(&'m Expr),
    /// A score without cuts, for a user who has a value to cut.
    Score(usize),
    /// An expression that the method does not see through.
    Opaque(&'m Expr),
}

#[derive(Debug)]
pub(super) struct Axis<'m> {
    pub(super) subject: Subject<'m>,
    pub(super) of_type: Type,
    /// The values there can be, apart from NULL.
    pub(super) range: Interval,
    pub(super) integer: bool,
    pub(super) nullable: bool,
    /// Whether its value is asked for, not only whether it has one.
    pub(super) compared: bool,
    /// Where it is cut: numbers, and dates as numbers.
    pub(super) cuts: BTreeSet<Decimal>,
    pub(super) texts: BTreeSet<&'m str>,
    pub(super) patterns: BTreeSet<&'m str>,
    /// Empty until all cuts are known.
    pub(super) cells: Vec<Cell>,
    /// Whether the cells are all there can be.
    pub(super) complete: bool,
}

/// Values that no comparison of the model tells apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// For numbers and dates.
    pub(super) span: Option<Interval>,
    /// One of the values, to think with.
    pub(super) example: Constant,
}

impl Cell {
    fn of(example: Constant) -> Self {
        Cell { span: None, example }
    }

    /// Whether a single value is one of these.
    pub(super) fn holds(&self, value: &Cell) -> bool {
        match (self.span, value.span.and_then(|span| span.single())) {
            (Some(span), Some(value)) => span.contains(value),
            _ => self.example == value.example,
        }
    }
}

impl<'m> Axis<'m> {
    pub(super) fn new(subject: Subject<'m>, of_type: Type, range: Interval, integer: bool, nullable: bool) -> Self {
        Axis {
            subject,
            of_type,
            range,
            integer,
            nullable,
            compared: false,
            cuts: BTreeSet::new(),
            texts: BTreeSet::new(),
            patterns: BTreeSet::new(),
            cells: Vec::new(),
            complete: true,
        }
    }

    /// A value of the axis's type.
    pub(super) fn constant(&self, number: Decimal) -> Constant {
        match self.of_type {
            Type::Date => Constant::Date(i32::try_from(number.trunc().mantissa()).unwrap_or(0)),
            _ => Constant::Number(number.normalize()),
        }
    }

    /// Makes the cells, the usual ones first.
    pub(super) fn cut(&mut self) {
        let mut cells = match self.of_type {
            Type::Boolean => vec![Cell::of(Constant::Boolean(true)), Cell::of(Constant::Boolean(false))],
            Type::Text => self.text_cells(),
            Type::Number | Type::Date => self.number_cells(),
        };
        if self.nullable {
            cells.push(Cell::of(Constant::Null));
        }
        if matches!(self.subject, Subject::Age(_)) {
            // dates to come are an afterthought
            let is_ahead =
                |cell: &Cell| cell.span.and_then(|span| span.high).is_some_and(|high| high.at < Decimal::ZERO);
            let ahead = cells.iter().take_while(|cell| is_ahead(cell)).count();
            cells.rotate_left(ahead);
        }
        self.cells = cells;
    }

    /// Values to compute opaque expressions with: those of the cells, and some of every size.
    pub(super) fn samples(&self, constants: &BTreeSet<Decimal>) -> Vec<Cell> {
        /// So many of the constants.
        const MOST_CONSTANTS: usize = 20;
        const SIZES: [i64; 10] = [0, 1, 2, 5, 10, 30, 100, 365, 1_000, 1_000_000];
        let point = |number: Decimal| Cell { span: Some(Interval::point(number)), example: self.constant(number) };
        let mut samples: Vec<Cell> = self
            .cells
            .iter()
            .map(|cell| match cell.span {
                Some(span) => point(span.example()),
                None => cell.clone(),
            })
            .collect();
        let (from, sizes) = match self.of_type {
            // around the first day of 2026
            Type::Date => (Decimal::from(9_497), &SIZES[..8]),
            Type::Number => (Decimal::ZERO, &SIZES[..]),
            Type::Text | Type::Boolean => return samples,
        };
        let sizes = sizes.iter().flat_map(|size| [from - Decimal::from(*size), from + Decimal::from(*size)]);
        let constants = constants.iter().take(MOST_CONSTANTS).filter(|number| !self.integer || number.is_integer());
        for number in constants.copied().chain(sizes) {
            let cell = point(number);
            if self.range.contains(number) && !samples.contains(&cell) {
                samples.push(cell);
            }
        }
        samples
    }

    fn number_cells(&self) -> Vec<Cell> {
        let mut spans = Vec::with_capacity(2 * self.cuts.len() + 1);
        let mut low = None;
        for cut in &self.cuts {
            spans.push(Interval { low, high: Some(Bound::open(*cut)) });
            spans.push(Interval::point(*cut));
            low = Some(Bound::open(*cut));
        }
        spans.push(Interval { low, high: None });
        let whole = |mut span: Interval| {
            span.meet(self.range);
            let span = if self.integer { span.whole() } else { span };
            (!span.is_empty()).then(|| Cell { example: self.constant(span.example()), span: Some(span) })
        };
        spans.into_iter().filter_map(whole).collect()
    }

    /// Each text that is named; and another, for each way of matching the patterns. Where not all ways could be gone
    /// through, the axis is not complete.
    fn text_cells(&mut self) -> Vec<Cell> {
        let texts = self.texts.iter().map(|text| (*text).to_owned());
        let (others, complete) = super::pattern::others(&self.texts, &self.patterns);
        self.complete = complete;
        texts.chain(others).map(|text| Cell::of(Constant::Text(text))).collect()
    }
}
