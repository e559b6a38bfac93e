//! From SQL text to the tree. The grammar is PostgreSQL's own, read by `sqlparser` and reduced to a whitelist.

use rust_decimal::Decimal;
use sqlparser::ast::{self, BinaryOperator, CaseWhen, DataType, Spanned, UnaryOperator};

use crate::day::Day;

use super::super::error::{ModelError, suggestion};
use super::{Arithmetic, Comparison, Constant, Expr, Function, Logic, Name, Test, Type};

mod calls;
mod text;

pub(crate) use text::is_plain_name;

use text::{MOST_DEPTH, MOST_PARTS, place, read, too_deep};

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
    Parse { text, path, scope, depth: 0, parts: 0 }.expr(&ast)
}

type Typed = (Expr, Option<Type>);

struct Parse<'p, 's, 'd> {
    text: &'p str,
    path: &'p str,
    scope: &'s mut Scope<'d>,
    depth: usize,
    parts: usize,
}

impl Parse<'_, '_, '_> {
    fn expr(&mut self, ast: &ast::Expr) -> Result<Typed, ModelError> {
        self.depth += 1;
        self.parts += 1;
        if self.parts > MOST_PARTS {
            let message = format!("the expression has more than {MOST_PARTS} parts, those that it repeats included");
            return Err(ModelError::limit(self.path, message));
        }
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
            if ident.quote_style.is_some() {
                return Err(error.with_hint(format!("Text stands in single quotes: '{name}'.")));
            }
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
}

fn is_plain(field: &ast::CeilFloorKind) -> bool {
    matches!(field, ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime))
}
