//! From SQL text to the tree. The grammar is PostgreSQL's own, read by `sqlparser` and reduced to a whitelist.

use rust_decimal::Decimal;
use sqlparser::ast::{
    self, BinaryOperator, CaseWhen, DataType, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, UnaryOperator,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::day::Day;

use super::super::error::{ModelError, suggestion};
use super::evaluate::constant;
use super::{
    Arithmetic, Calendar, Comparison, Constant, Expr, Function, Logic, Name, Reader, Test, Type, WindowArgument,
};

/// The longest expression, in bytes.
pub(crate) const MOST_BYTES: usize = 16_384;
/// The deepest nesting of an expression in brackets, cases and negations: what a small stack can bear.
const MOST_NESTING: usize = 30;
/// The deepest tree: chains of arithmetic are read without brackets and nest all the same.
const MOST_DEPTH: usize = 60;
/// The most operators of one expression.
const MOST_OPERATORS: usize = 1_000;
/// The longest window, in days.
const LONGEST_WINDOW: i32 = 36_500;

/// The names that an expression may use, each with its type. Scores and dimensions also tell what values they can have.
#[derive(Default)]
pub(crate) struct Scope<'d> {
    pub(crate) parameters: Vec<(&'d str, Decimal)>,
    pub(crate) sources: Vec<&'d str>,
    pub(crate) attributes: Vec<(&'d str, Type)>,
    pub(crate) metrics: Vec<(&'d str, Type)>,
    /// With the number of bins.
    pub(crate) scores: Vec<(&'d str, u8)>,
    /// With the names of the layers.
    pub(crate) dimensions: Vec<(&'d str, Vec<&'d str>)>,
    /// Names that come later in the definition.
    pub(crate) later: Vec<&'d str>,
    /// Distinct (source, window) pairs, in the order of their first use.
    pub(crate) readings: Vec<(usize, Option<i32>)>,
    /// Whether readings and the calendar are out of place here.
    pub(crate) timeless: bool,
}

impl Scope<'_> {
    fn values(&self) -> impl Iterator<Item = &str> {
        let typed = self.attributes.iter().chain(&self.metrics).map(|(name, _)| *name);
        let parameters = self.parameters.iter().map(|(name, _)| *name);
        let scores = self.scores.iter().map(|(name, _)| *name);
        typed.chain(parameters).chain(scores).chain(self.dimensions.iter().map(|(name, _)| *name))
    }

    /// The value of a parameter.
    pub(crate) fn parameter(&self, place: usize) -> Decimal {
        self.parameters[place].1
    }
}

/// Parses an expression of this type.
///
/// # Errors
/// With `path` and the position in the text.
pub(crate) fn parse(text: &str, expected: Type, path: &str, scope: &mut Scope<'_>) -> Result<Expr, ModelError> {
    let (expr, found) = parse_any(text, path, scope)?;
    match found {
        Some(found) if found != expected => {
            Err(ModelError::invalid(path, format!("{text} is a {found}, where a {expected} is needed")))
        }
        _ => Ok(expr),
    }
}

/// Parses an expression and tells its type; that of a lone NULL is not known.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_any(text: &str, path: &str, scope: &mut Scope<'_>) -> Result<(Expr, Option<Type>), ModelError> {
    let ast = read(text, path)?;
    Parse { text, path, scope, depth: 0 }.expr(&ast)
}

/// Whether a bare word reads as an identifier, wherever one may stand.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let rest = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let reads_as_name = |text: String, of: fn(ast::Expr) -> Option<ast::Expr>| {
        let parsed = read(&text, "").ok().and_then(of);
        matches!(parsed, Some(ast::Expr::Identifier(ident)) if ident.value == name && ident.quote_style.is_none())
    };
    let left = |expr| match expr {
        ast::Expr::BinaryOp { left, .. } => Some(*left),
        _ => None,
    };
    let right = |expr| match expr {
        ast::Expr::BinaryOp { right, .. } => Some(*right),
        _ => None,
    };
    name != "as_of"
        && first
        && rest
        && reads_as_name(name.to_owned(), Some)
        && reads_as_name(format!("{name} = 'a'"), left)
        && reads_as_name(format!("{name} - {name}"), left)
        && reads_as_name(format!("1 + {name}"), right)
}

fn read(text: &str, path: &str) -> Result<ast::Expr, ModelError> {
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

fn too_deep(path: &str, limit: usize) -> ModelError {
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
fn place(text: &str, at: Location) -> String {
    if at.line == 0 {
        return String::new();
    }
    let before: usize = text.split('\n').take(at.line as usize - 1).map(|line| line.chars().count() + 1).sum();
    format!(" at character {}", before + at.column as usize)
}

type Typed = (Expr, Option<Type>);

struct Parse<'p, 's, 'd> {
    text: &'p str,
    path: &'p str,
    scope: &'s mut Scope<'d>,
    depth: usize,
}

impl Parse<'_, '_, '_> {
    fn expr(&mut self, ast: &ast::Expr) -> Result<Typed, ModelError> {
        self.depth += 1;
        // chains of arithmetic nest to the left
        if self.depth > MOST_DEPTH {
            return Err(too_deep(self.path, MOST_DEPTH));
        }
        let made = self.of_kind(ast);
        self.depth -= 1;
        made
    }

    fn of_kind(&mut self, ast: &ast::Expr) -> Result<Typed, ModelError> {
        match ast {
            ast::Expr::Nested(inner) => self.expr(inner),
            ast::Expr::Identifier(ident) => self.name(ident),
            ast::Expr::Value(value) => self.value(&value.value, ast),
            ast::Expr::TypedString(typed) if typed.data_type == DataType::Date => match &typed.value.value {
                ast::Value::SingleQuotedString(text) => self.date(text, ast),
                _ => Err(self.refuse(ast)),
            },
            ast::Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                Ok((Expr::Not(Box::new(self.condition(expr)?)), Some(Type::Boolean)))
            }
            ast::Expr::UnaryOp { op: UnaryOperator::Plus, expr } => {
                Ok((self.of_type(expr, Type::Number)?, Some(Type::Number)))
            }
            ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                let negated = match self.of_type(expr, Type::Number)? {
                    Expr::Constant(Constant::Number(number)) => Expr::Constant(Constant::Number(-number)),
                    other => Expr::Negate(Box::new(other)),
                };
                Ok((negated, Some(Type::Number)))
            }
            ast::Expr::BinaryOp { left, op, right } => self.binary(ast, left, op, right),
            ast::Expr::Between { expr, negated, low, high } => {
                let over = self.compare(expr, Comparison::GreaterOrEqual, low)?;
                let under = self.compare(expr, Comparison::LessOrEqual, high)?;
                let between = Expr::Logic { op: Logic::And, terms: vec![over, under] };
                let between = if *negated { Expr::Not(Box::new(between)) } else { between };
                Ok((between, Some(Type::Boolean)))
            }
            ast::Expr::InList { expr, list, negated } => self.in_list(ast, expr, list, *negated),
            ast::Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                let value = Box::new(self.of_type(expr, Type::Text)?);
                let Expr::Constant(Constant::Text(pattern)) = self.of_type(pattern, Type::Text)? else {
                    return Err(self.error(ast, "the pattern of LIKE must be a text constant"));
                };
                Ok((Expr::Like { value, pattern, negated: *negated }, Some(Type::Boolean)))
            }
            ast::Expr::IsNull(inner) => {
                let value = Box::new(self.expr(inner)?.0);
                Ok((Expr::Is { value, test: Test::Null, negated: false }, Some(Type::Boolean)))
            }
            ast::Expr::IsNotNull(inner) => {
                let value = Box::new(self.expr(inner)?.0);
                Ok((Expr::Is { value, test: Test::Null, negated: true }, Some(Type::Boolean)))
            }
            ast::Expr::IsTrue(inner) => self.is(inner, Test::True, false),
            ast::Expr::IsNotTrue(inner) => self.is(inner, Test::True, true),
            ast::Expr::IsFalse(inner) => self.is(inner, Test::False, false),
            ast::Expr::IsNotFalse(inner) => self.is(inner, Test::False, true),
            ast::Expr::IsUnknown(inner) => self.is(inner, Test::Unknown, false),
            ast::Expr::IsNotUnknown(inner) => self.is(inner, Test::Unknown, true),
            ast::Expr::IsDistinctFrom(left, right) => {
                Ok((self.compare(left, Comparison::Distinct, right)?, Some(Type::Boolean)))
            }
            ast::Expr::IsNotDistinctFrom(left, right) => {
                Ok((self.compare(left, Comparison::NotDistinct, right)?, Some(Type::Boolean)))
            }
            ast::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(ast, operand.as_deref(), conditions, else_result.as_deref())
            }
            ast::Expr::Ceil { expr, field } if is_plain(field) => self.call(ast, Function::Ceil, &[expr]),
            ast::Expr::Floor { expr, field } if is_plain(field) => self.call(ast, Function::Floor, &[expr]),
            ast::Expr::Function(call) => self.function(ast, call),
            _ => Err(self.refuse(ast)),
        }
    }

    fn error(&self, at: &ast::Expr, message: impl std::fmt::Display) -> ModelError {
        let place = place(self.text, at.span().start);
        ModelError::invalid(self.path, format!("{message}{place}"))
    }

    fn refuse(&self, at: &ast::Expr) -> ModelError {
        let hint = "Expressions know names, constants, arithmetic, comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, \
                    CASE, and the functions of the reference.";
        self.error(at, format!("{at} is not possible here")).with_hint(hint)
    }

    fn condition(&mut self, ast: &ast::Expr) -> Result<Expr, ModelError> {
        self.of_type(ast, Type::Boolean)
    }

    fn of_type(&mut self, ast: &ast::Expr, expected: Type) -> Result<Expr, ModelError> {
        let (expr, found) = self.expr(ast)?;
        match found {
            Some(found) if found != expected => {
                Err(self.error(ast, format!("{ast} is a {found}, where a {expected} is needed")))
            }
            _ => Ok(expr),
        }
    }

    fn is(&mut self, ast: &ast::Expr, test: Test, negated: bool) -> Result<Typed, ModelError> {
        let value = Box::new(self.condition(ast)?);
        Ok((Expr::Is { value, test, negated }, Some(Type::Boolean)))
    }

    fn value(&self, value: &ast::Value, at: &ast::Expr) -> Result<Typed, ModelError> {
        match value {
            ast::Value::Number(digits, false) => {
                let number = Decimal::from_str_exact(digits).or_else(|_| Decimal::from_scientific(digits));
                match number {
                    Ok(number) => Ok((Expr::Constant(Constant::Number(number.normalize())), Some(Type::Number))),
                    Err(_) => Err(self.error(at, format!("{digits} has more than 28 digits"))),
                }
            }
            ast::Value::SingleQuotedString(text) => {
                Ok((Expr::Constant(Constant::Text(text.clone())), Some(Type::Text)))
            }
            ast::Value::Boolean(boolean) => Ok((Expr::Constant(Constant::Boolean(*boolean)), Some(Type::Boolean))),
            ast::Value::Null => Ok((Expr::Constant(Constant::Null), None)),
            _ => Err(self.refuse(at)),
        }
    }

    fn date(&self, text: &str, at: &ast::Expr) -> Result<Typed, ModelError> {
        match text.parse::<Day>() {
            Ok(day) => Ok((Expr::Constant(Constant::Date(day.number())), Some(Type::Date))),
            Err(_) => {
                Err(self.error(at, format!("'{text}' is not a date")).with_hint("Write dates as date '2026-03-01'."))
            }
        }
    }

    fn name(&mut self, ident: &ast::Ident) -> Result<Typed, ModelError> {
        // unquoted names fold to lower case, as in SQL
        let name = match ident.quote_style {
            Some(_) => ident.value.clone(),
            None => ident.value.to_lowercase(),
        };
        fn find<T>(list: &[(&str, T)], name: &str) -> Option<usize> {
            list.iter().position(|(known, _)| *known == name)
        }
        let at = |error: &str| -> ModelError {
            ModelError::invalid(self.path, format!("{error}{}", place(self.text, ident.span.start)))
        };
        let scope = &*self.scope;
        if name == "as_of" && ident.quote_style.is_none() {
            return match scope.timeless {
                true => Err(at("as_of has no value here")),
                false => Ok((Expr::AsOf, Some(Type::Date))),
            };
        }
        let found = if let Some(place) = find(&scope.parameters, &name) {
            (Name::Parameter(place), Type::Number)
        } else if let Some(place) = find(&scope.attributes, &name) {
            (Name::Attribute(place), scope.attributes[place].1)
        } else if let Some(place) = find(&scope.metrics, &name) {
            (Name::Metric(place), scope.metrics[place].1)
        } else if let Some(place) = find(&scope.scores, &name) {
            (Name::Score(place), Type::Number)
        } else if let Some(place) = find(&scope.dimensions, &name) {
            (Name::Dimension(place), Type::Text)
        } else if scope.sources.contains(&name.as_str()) {
            return Err(at(&format!("source \"{name}\" is not a value"))
                .with_hint(format!("Read it, for example frequency({name}, 90).")));
        } else if scope.later.contains(&name.as_str()) {
            return Err(at(&format!("\"{name}\" cannot be used here")).with_hint(
                "An expression uses what is defined before it: attributes, metrics, scores, dimensions, in this order.",
            ));
        } else {
            let error = at(&format!("unknown name \"{name}\""));
            return Err(match suggestion(&name, scope.values()) {
                Some(hint) => error.with_hint(hint),
                None => error,
            });
        };
        Ok((Expr::Name(found.0), Some(found.1)))
    }

    fn binary(
        &mut self,
        ast: &ast::Expr,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
    ) -> Result<Typed, ModelError> {
        let comparison = |comparison| Some(comparison);
        let compared = match op {
            BinaryOperator::Eq => comparison(Comparison::Equal),
            BinaryOperator::NotEq => comparison(Comparison::NotEqual),
            BinaryOperator::Lt => comparison(Comparison::Less),
            BinaryOperator::LtEq => comparison(Comparison::LessOrEqual),
            BinaryOperator::Gt => comparison(Comparison::Greater),
            BinaryOperator::GtEq => comparison(Comparison::GreaterOrEqual),
            _ => None,
        };
        if let Some(comparison) = compared {
            return Ok((self.compare(left, comparison, right)?, Some(Type::Boolean)));
        }
        match op {
            BinaryOperator::And => self.logic(ast, Logic::And),
            BinaryOperator::Or => self.logic(ast, Logic::Or),
            BinaryOperator::Plus => self.arithmetic(ast, left, Arithmetic::Add, right),
            BinaryOperator::Minus => self.arithmetic(ast, left, Arithmetic::Subtract, right),
            BinaryOperator::Multiply => self.arithmetic(ast, left, Arithmetic::Multiply, right),
            BinaryOperator::Divide => self.arithmetic(ast, left, Arithmetic::Divide, right),
            BinaryOperator::Modulo => self.arithmetic(ast, left, Arithmetic::Modulo, right),
            _ => Err(self.refuse(ast)),
        }
    }

    /// Flattens a chain of one operator, which the parser nests to the left.
    fn logic(&mut self, ast: &ast::Expr, op: Logic) -> Result<Typed, ModelError> {
        let wanted = match op {
            Logic::And => BinaryOperator::And,
            Logic::Or => BinaryOperator::Or,
        };
        let (mut chain, mut rest) = (Vec::new(), ast);
        loop {
            match rest {
                ast::Expr::BinaryOp { left, op, right } if *op == wanted => {
                    chain.push(&**right);
                    rest = left;
                }
                ast::Expr::Nested(inner) => rest = inner,
                _ => break,
            }
        }
        chain.push(rest);
        let mut terms = Vec::with_capacity(chain.len());
        for term in chain.into_iter().rev() {
            match self.condition(term)? {
                Expr::Logic { op: inner, terms: more } if inner == op => terms.extend(more),
                term => terms.push(term),
            }
        }
        Ok((Expr::Logic { op, terms }, Some(Type::Boolean)))
    }

    fn arithmetic(
        &mut self,
        ast: &ast::Expr,
        left: &ast::Expr,
        op: Arithmetic,
        right: &ast::Expr,
    ) -> Result<Typed, ModelError> {
        let ((left, left_type), (right, right_type)) = (self.expr(left)?, self.expr(right)?);
        let number = |found: Option<Type>| found.is_none_or(|found| found == Type::Number);
        let made_type = match (left_type, op, right_type) {
            (Some(Type::Date), Arithmetic::Subtract, Some(Type::Date)) => Type::Number,
            (Some(Type::Date), Arithmetic::Add | Arithmetic::Subtract, found) if number(found) => Type::Date,
            (found, Arithmetic::Add, Some(Type::Date)) if number(found) => Type::Date,
            (left, _, right) if number(left) && number(right) => Type::Number,
            (left, _, right) => {
                let name = |found: Option<Type>| found.map_or("null".to_owned(), |found| found.to_string());
                let message = format!("{} {} {} does not exist", name(left), op.symbol(), name(right));
                return Err(self.error(ast, message));
            }
        };
        Ok((Expr::Arithmetic { op, left: Box::new(left), right: Box::new(right) }, Some(made_type)))
    }

    fn compare(&mut self, left: &ast::Expr, op: Comparison, right: &ast::Expr) -> Result<Expr, ModelError> {
        if let Some(code) = self.code_comparison(left, op, right)? {
            return Ok(code);
        }
        let (left_typed, right_typed) = (self.expr(left)?, self.expr(right)?);
        let (left_expr, right_expr, compared) = self.same_type(left, left_typed, right, right_typed)?;
        let ordered =
            !matches!(op, Comparison::Equal | Comparison::NotEqual | Comparison::Distinct | Comparison::NotDistinct);
        if ordered && matches!(compared, Some(Type::Text | Type::Boolean)) {
            let found = compared.unwrap_or(Type::Text);
            let message = format!("{left} {} {right} compares {found} values by order", op.symbol());
            return Err(self.error(left, message).with_hint("Only numbers and dates have an order here."));
        }
        Ok(Expr::Compare { op, left: Box::new(left_expr), right: Box::new(right_expr) })
    }

    /// Two sides of one type; a text constant beside a date is a date.
    fn same_type(
        &self,
        left: &ast::Expr,
        (left_expr, left_type): Typed,
        right: &ast::Expr,
        (right_expr, right_type): Typed,
    ) -> Result<(Expr, Expr, Option<Type>), ModelError> {
        match (left_type, right_type) {
            (Some(Type::Date), Some(Type::Text)) if let Expr::Constant(Constant::Text(text)) = &right_expr => {
                let day = self.date(text, right)?.0;
                Ok((left_expr, day, Some(Type::Date)))
            }
            (Some(Type::Text), Some(Type::Date)) if let Expr::Constant(Constant::Text(text)) = &left_expr => {
                let day = self.date(text, left)?.0;
                Ok((day, right_expr, Some(Type::Date)))
            }
            (Some(a), Some(b)) if a != b => {
                Err(self.error(left, format!("{left} is a {a}, {right} is a {b}: they cannot be compared")))
            }
            (a, b) => {
                self.check_dimension(&left_expr, &right_expr, right)?;
                self.check_dimension(&right_expr, &left_expr, left)?;
                Ok((left_expr, right_expr, a.or(b)))
            }
        }
    }

    /// A constant beside a dimension must be one of its layers.
    fn check_dimension(&self, dimension: &Expr, other: &Expr, at: &ast::Expr) -> Result<(), ModelError> {
        let (Expr::Name(Name::Dimension(place)), Expr::Constant(Constant::Text(layer))) = (dimension, other) else {
            return Ok(());
        };
        let (name, layers) = &self.scope.dimensions[*place];
        if layers.contains(&layer.as_str()) {
            return Ok(());
        }
        let error = self.error(at, format!("dimension \"{name}\" has no layer '{layer}'"));
        Err(match suggestion(layer, layers.iter().copied()) {
            Some(hint) => error.with_hint(hint),
            None => error,
        })
    }

    fn in_list(
        &mut self,
        ast: &ast::Expr,
        value: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
    ) -> Result<Typed, ModelError> {
        if let Some(scores) = self.code(value)? {
            let code = self.code_in(scores, list, negated)?;
            return Ok((code, Some(Type::Boolean)));
        }
        if list.is_empty() {
            return Err(self.error(ast, "IN needs a value"));
        }
        let (mut left, mut left_type) = self.expr(value)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            let typed = self.expr(item)?;
            let (new_left, right, common) = self.same_type(value, (left, left_type), item, typed)?;
            (left, left_type) = (new_left, left_type.or(common));
            items.push(right);
        }
        Ok((Expr::In { value: Box::new(left), list: items, negated }, Some(Type::Boolean)))
    }

    fn case(
        &mut self,
        ast: &ast::Expr,
        operand: Option<&ast::Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&ast::Expr>,
    ) -> Result<Typed, ModelError> {
        let mut made = None;
        let mut branches = Vec::with_capacity(conditions.len());
        for CaseWhen { condition, result } in conditions {
            let when = match operand {
                Some(operand) => self.compare(operand, Comparison::Equal, condition)?,
                None => self.condition(condition)?,
            };
            branches.push((when, self.common(result, &mut made)?));
        }
        let otherwise = match otherwise {
            Some(otherwise) => Some(Box::new(self.common(otherwise, &mut made)?)),
            None => None,
        };
        if branches.is_empty() {
            return Err(self.refuse(ast));
        }
        Ok((Expr::Case { branches, otherwise }, made))
    }

    /// One of several values that must have one type.
    fn common(&mut self, ast: &ast::Expr, made: &mut Option<Type>) -> Result<Expr, ModelError> {
        let (expr, found) = self.expr(ast)?;
        match (*made, found) {
            (Some(made), Some(found)) if made != found => {
                return Err(self.error(ast, format!("{ast} is a {found}, where a {made} is needed")));
            }
            (None, found) => *made = found,
            _ => {}
        }
        Ok(expr)
    }

    fn function(&mut self, ast: &ast::Expr, call: &ast::Function) -> Result<Typed, ModelError> {
        let (name, arguments) = self.plain_call(ast, call)?;
        fn known<T: Copy>(names: &[(&'static str, T)], name: &str) -> Option<T> {
            names.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
        }
        if let Some(reader) = known(&Reader::NAMES, &name) {
            return self.reading(ast, &name, reader, &arguments);
        }
        if let Some(calendar) = known(&Calendar::NAMES, &name) {
            let [date] = arguments[..] else {
                return Err(self.arguments(ast, &name, "one date", "days_since(registered_on)"));
            };
            if self.scope.timeless {
                return Err(self.error(ast, format!("{name} cannot be used here")));
            }
            let date = Box::new(self.of_type(date, Type::Date)?);
            return Ok((Expr::Calendar { function: calendar, date }, Some(Type::Number)));
        }
        if let Some(function) = known(&Function::NAMES, &name) {
            return self.call(ast, function, &arguments);
        }
        if name == "code" {
            return Err(self
                .error(ast, "code(…) can only be compared with text constants")
                .with_hint("For example code(r, f, m) in ('555', '554')."));
        }
        let all = Reader::NAMES.iter().map(|(name, _)| *name);
        let all = all.chain(Calendar::NAMES.iter().map(|(name, _)| *name));
        let all = all.chain(Function::NAMES.iter().map(|(name, _)| *name)).chain(["code"]);
        let error = self.error(ast, format!("unknown function \"{name}\""));
        Err(match suggestion(&name, all) {
            Some(hint) => error.with_hint(hint),
            None => error,
        })
    }

    /// The name and the arguments of a call without any of SQL's extras.
    fn plain_call<'c>(
        &self,
        ast: &ast::Expr,
        call: &'c ast::Function,
    ) -> Result<(String, Vec<&'c ast::Expr>), ModelError> {
        let [ast::ObjectNamePart::Identifier(name)] = &call.name.0[..] else {
            return Err(self.refuse(ast));
        };
        let plain = !call.uses_odbc_syntax
            && call.parameters == FunctionArguments::None
            && call.within_group.is_empty()
            && call.filter.is_none()
            && call.null_treatment.is_none()
            && call.over.is_none();
        let FunctionArguments::List(list) = &call.args else {
            return Err(self.refuse(ast));
        };
        if !plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
            return Err(self.refuse(ast));
        }
        let arguments = list.args.iter().map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            _ => Err(self.refuse(ast)),
        });
        Ok((name.value.to_lowercase(), arguments.collect::<Result<_, _>>()?))
    }

    fn arguments(&self, ast: &ast::Expr, name: &str, takes: &str, example: &str) -> ModelError {
        self.error(ast, format!("{name} takes {takes}")).with_hint(format!("For example {example}."))
    }

    fn reading(
        &mut self,
        ast: &ast::Expr,
        name: &str,
        reader: Reader,
        arguments: &[&ast::Expr],
    ) -> Result<Typed, ModelError> {
        if self.scope.timeless {
            return Err(self.error(ast, format!("{name} cannot be used here")));
        }
        let (source, window) = match arguments {
            [source] => (*source, None),
            [source, window] => (*source, Some(*window)),
            _ => {
                let example = format!("{name}(orders, 90)");
                return Err(self.arguments(ast, name, "a source and, if you like, a number of days", &example));
            }
        };
        let ast::Expr::Identifier(ident) = source else {
            return Err(self.error(source, format!("{source} is not the name of a source")));
        };
        let wanted = if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
        let Some(source) = self.scope.sources.iter().position(|known| *known == wanted) else {
            let error = self.error(source, format!("unknown source \"{wanted}\""));
            return Err(match suggestion(&wanted, self.scope.sources.iter().copied()) {
                Some(hint) => error.with_hint(hint),
                None => error.with_hint("Name it under \"sources\"."),
            });
        };
        let window = match window {
            Some(window) => Some(self.window(window)?),
            None => None,
        };
        let pair = (source, window.as_ref().map(|window| window.days));
        let slot = self.scope.readings.iter().position(|known| *known == pair).unwrap_or_else(|| {
            self.scope.readings.push(pair);
            self.scope.readings.len() - 1
        });
        Ok((Expr::Reading { reader, source, window, slot }, Some(reader.of_type())))
    }

    fn window(&mut self, ast: &ast::Expr) -> Result<WindowArgument, ModelError> {
        let written = self.of_type(ast, Type::Number)?;
        let days = constant(&written, &|place| self.scope.parameter(place)).and_then(|value| value.number());
        let whole = days
            .filter(|days| days.is_integer())
            .and_then(|days| i32::try_from(days.mantissa() / 10i128.pow(days.scale())).ok());
        match whole {
            Some(days @ 1..=LONGEST_WINDOW) => Ok(WindowArgument { written: Box::new(written), days }),
            _ => {
                let found = days.map_or("not constant".to_owned(), |days| days.to_string());
                Err(self
                    .error(ast, format!("a window has from 1 to {LONGEST_WINDOW} whole days; {ast} is {found}"))
                    .with_hint(
                        "For example frequency(orders, 90), or frequency(orders, window_days) with a parameter.",
                    ))
            }
        }
    }

    fn call(&mut self, ast: &ast::Expr, function: Function, arguments: &[&ast::Expr]) -> Result<Typed, ModelError> {
        let name = super::name_of(&function, &Function::NAMES);
        let (least, most, example) = match function {
            Function::Coalesce => (1, usize::MAX, "coalesce(average_amount(orders), 0)"),
            Function::Nullif => (2, 2, "nullif(frequency(orders), 0)"),
            Function::Least => (1, usize::MAX, "least(frequency(visits, 30), 10)"),
            Function::Greatest => (1, usize::MAX, "greatest(monetary(orders), 0)"),
            Function::Abs => (1, 1, "abs(monetary(orders))"),
            Function::Round => (1, 2, "round(average_amount(orders), 2)"),
            Function::Floor => (1, 1, "floor(monetary(orders))"),
            Function::Ceil => (1, 1, "ceil(monetary(orders))"),
        };
        if !(least..=most).contains(&arguments.len()) {
            return Err(self.arguments(ast, name, "other arguments", example));
        }
        let mut made = None;
        let mut list = Vec::with_capacity(arguments.len());
        for argument in arguments {
            list.push(self.common(argument, &mut made)?);
        }
        let ordered = matches!(function, Function::Least | Function::Greatest);
        let numeric = !ordered && !matches!(function, Function::Coalesce | Function::Nullif);
        let wrong = match made {
            Some(Type::Text | Type::Boolean) => ordered || numeric,
            Some(Type::Date) => numeric,
            Some(Type::Number) | None => false,
        };
        if wrong {
            return Err(self.arguments(ast, name, if numeric { "numbers" } else { "numbers or dates" }, example));
        }
        if function == Function::Round
            && let Some(decimals) = list.get(1)
        {
            let decimals = constant(decimals, &|place| self.scope.parameter(place)).and_then(|value| value.number());
            if !decimals.is_some_and(|decimals| (0..=20).any(|valid| decimals == Decimal::from(valid))) {
                return Err(self.arguments(ast, name, "a number of decimals from 0 to 20", example));
            }
        }
        let made = if numeric { Some(Type::Number) } else { made };
        Ok((Expr::Call { function, arguments: list }, made))
    }

    // code(r, f, m)

    fn code_comparison(
        &mut self,
        left: &ast::Expr,
        op: Comparison,
        right: &ast::Expr,
    ) -> Result<Option<Expr>, ModelError> {
        let Some(scores) = self.code(left)? else {
            return Ok(None);
        };
        let list = std::slice::from_ref(right);
        match op {
            Comparison::Equal => self.code_in(scores, list, false).map(Some),
            Comparison::NotEqual => self.code_in(scores, list, true).map(Some),
            _ => Err(self.error(left, format!("code(…) cannot be compared by {}", op.symbol()))),
        }
    }

    /// The scores of `code(…)`; `None` for another expression.
    fn code(&self, ast: &ast::Expr) -> Result<Option<Vec<usize>>, ModelError> {
        let ast::Expr::Function(call) = ast else { return Ok(None) };
        let is_code = matches!(&call.name.0[..], [ast::ObjectNamePart::Identifier(name)] if name.value.eq_ignore_ascii_case("code"));
        if !is_code {
            return Ok(None);
        }
        let (_, arguments) = self.plain_call(ast, call)?;
        /// As many digits as a cell's number can have.
        const MOST_SCORES: usize = 9;
        if arguments.is_empty() || arguments.len() > MOST_SCORES {
            return Err(self.arguments(ast, "code", "from 1 to 9 scores", "code(r, f, m) in ('555', '554')"));
        }
        let scores = arguments.iter().map(|argument| {
            let found = match argument {
                ast::Expr::Identifier(ident) => {
                    let name =
                        if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() };
                    self.scope.scores.iter().position(|(known, _)| *known == name)
                }
                _ => None,
            };
            let Some(place) = found else {
                let error = self.error(argument, format!("{argument} is not a score"));
                return Err(match suggestion(&argument.to_string(), self.scope.scores.iter().map(|(name, _)| *name)) {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                });
            };
            match self.scope.scores[place] {
                (name, 10..) => {
                    Err(self.error(argument, format!("score \"{name}\" has two digits; code(…) takes one each")))
                }
                _ => Ok(place),
            }
        });
        scores.collect::<Result<_, _>>().map(Some)
    }

    fn code_in(&self, scores: Vec<usize>, list: &[ast::Expr], negated: bool) -> Result<Expr, ModelError> {
        let cell = |item: &ast::Expr| {
            let text = match item {
                ast::Expr::Value(value) => match &value.value {
                    ast::Value::SingleQuotedString(text) => Some(text),
                    _ => None,
                },
                _ => None,
            };
            let digits = text.map(|text| text.as_bytes()).filter(|digits| digits.len() == scores.len());
            let fits = |digits: &&[u8]| {
                digits
                    .iter()
                    .zip(&scores)
                    .all(|(digit, score)| (b'1'..=b'0' + self.scope.scores[*score].1).contains(digit))
            };
            match digits.filter(fits) {
                Some(digits) => Ok(digits.iter().fold(0, |cell, digit| cell * 10 + u32::from(digit - b'0'))),
                None => Err(self
                    .error(item, format!("{item} is not a code of these {} scores", scores.len()))
                    .with_hint("A code is a text with one digit for each score, for example '555'.")),
            }
        };
        let mut cells = list.iter().map(cell).collect::<Result<Vec<u32>, _>>()?;
        cells.sort_unstable();
        cells.dedup();
        Ok(Expr::CodeIn { scores, cells, negated })
    }
}

fn is_plain(field: &ast::CeilFloorKind) -> bool {
    matches!(field, ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime))
}
