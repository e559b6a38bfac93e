//! Calls of functions: readings of sources, the calendar, values, and codes of scores.

use rust_decimal::Decimal;
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::super::super::error::{ModelError, suggestion};
use super::super::evaluate::constant;
use super::super::{Calendar, Comparison, Expr, Function, Predictor, Reader, Type, WindowArgument, name_of};
use super::{Parse, Typed};

/// The longest window and horizon, in days.
const LONGEST_WINDOW: i32 = 36_500;

impl Parse<'_, '_, '_> {
    pub(super) fn function(&mut self, ast: &ast::Expr, call: &ast::Function) -> Result<Typed, ModelError> {
        let (name, arguments) = self.plain_call(ast, call)?;
        fn known<T: Copy>(names: &[(&'static str, T)], name: &str) -> Option<T> {
            names.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
        }
        if let Some(reader) = known(&Reader::NAMES, &name) {
            return self.reading(ast, &name, reader, &arguments);
        }
        if let Some(predictor) = known(&Predictor::NAMES, &name) {
            return self.prediction(ast, &name, predictor, &arguments);
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
        let all = all.chain(Predictor::NAMES.iter().map(|(name, _)| *name));
        let all = all.chain(Calendar::NAMES.iter().map(|(name, _)| *name));
        let all = all.chain(Function::NAMES.iter().map(|(name, _)| *name)).chain(["code"]);
        let error = self.error(ast, format!("unknown function \"{name}\""));
        let reader = match name.as_str() {
            "count" => Some("frequency"),
            "sum" => Some("monetary"),
            "avg" => Some("average_amount"),
            "min" => Some("first_day"),
            "max" => Some("last_day"),
            _ => None,
        };
        if let Some(reader) = reader {
            return Err(error.with_hint(format!("Of a source that is {reader}(source), or {reader}(source, days).")));
        }
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
        let source = self.source(source)?;
        let window = match window {
            Some(window) => Some(self.days(window, "window", "frequency")?),
            None => None,
        };
        let slot = self.slot(source, window.as_ref().map(|window| window.days));
        Ok((Expr::Reading { reader, source, window, slot }, Some(reader.of_type())))
    }

    fn prediction(
        &mut self,
        ast: &ast::Expr,
        name: &str,
        predictor: Predictor,
        arguments: &[&ast::Expr],
    ) -> Result<Typed, ModelError> {
        if self.scope.timeless {
            return Err(self.error(ast, format!("{name} cannot be used here")));
        }
        let (source, horizon) = match (predictor, arguments) {
            (Predictor::PAlive, [source]) => (*source, None),
            (Predictor::PAlive, _) => return Err(self.arguments(ast, name, "a source", "p_alive(orders)")),
            (_, [source, days]) => (*source, Some(*days)),
            _ => {
                let example = format!("{name}(orders, 90)");
                return Err(self.arguments(ast, name, "a source and a number of days to come", &example));
            }
        };
        let source = self.source(source)?;
        let horizon = match horizon {
            Some(days) => Some(self.days(days, "horizon", name)?),
            None => None,
        };
        let slot = self.slot(source, None);
        Ok((Expr::Prediction { predictor, source, horizon, slot }, Some(Type::Number)))
    }

    /// The place of a source by its name.
    fn source(&self, source: &ast::Expr) -> Result<usize, ModelError> {
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
        Ok(source)
    }

    /// The place of a reading, made at its first use.
    fn slot(&mut self, source: usize, days: Option<i32>) -> usize {
        let pair = (source, days);
        self.scope.readings.iter().position(|known| *known == pair).unwrap_or_else(|| {
            self.scope.readings.push(pair);
            self.scope.readings.len() - 1
        })
    }

    /// The days of a window or a horizon.
    fn days(&mut self, ast: &ast::Expr, what: &str, function: &str) -> Result<WindowArgument, ModelError> {
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
                    .error(ast, format!("a {what} has from 1 to {LONGEST_WINDOW} whole days; {ast} is {found}"))
                    .with_hint(format!(
                        "For example {function}(orders, 90), or {function}(orders, {what}_days) with a parameter."
                    )))
            }
        }
    }

    pub(super) fn call(
        &mut self,
        ast: &ast::Expr,
        function: Function,
        arguments: &[&ast::Expr],
    ) -> Result<Typed, ModelError> {
        let name = name_of(&function, &Function::NAMES);
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

    pub(super) fn code_comparison(
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
    pub(super) fn code(&self, ast: &ast::Expr) -> Result<Option<Vec<usize>>, ModelError> {
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

    pub(super) fn code_in(&self, scores: Vec<usize>, list: &[ast::Expr], negated: bool) -> Result<Expr, ModelError> {
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
