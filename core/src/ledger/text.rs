//! The text form: a JSON object, day by day, `{"2011-12-07": [1, 771.5], "2011-12-09": [0, 0, 12.5]}`:
//! events, gross amount and, where there are any, credits.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::day::Day;
use crate::money::{Money, NotMoney};

use super::sealed::{Ledger, LedgerRef};
use super::{Entry, LedgerError};

impl LedgerRef<'_> {
    /// The text form, read back by [`Ledger::from_str`].
    ///
    /// # Errors
    /// Where the bytes are damaged.
    pub fn to_text(self) -> Result<String, LedgerError> {
        use fmt::Write;
        let mut text = String::from("{");
        let amount = |mantissa: i64| Decimal::new(mantissa, self.scale() as u32).normalize();
        for entry in self.entries() {
            let Entry { day, events, gross, credit } = entry?;
            let separator = if text.len() > 1 { ", " } else { "" };
            // writing to a String cannot fail
            let _ = write!(text, "{separator}\"{day}\": [{events}, {}", amount(gross));
            let _ = match credit {
                0 => write!(text, "]"),
                _ => write!(text, ", {}]", amount(credit)),
            };
        }
        text.push('}');
        Ok(text)
    }
}

impl FromStr for Ledger {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Ledger, LedgerError> {
        let malformed = |error: serde_json::Error| LedgerError::MalformedText(error.to_string());
        let mut json = serde_json::Deserializer::from_str(text);
        let days = json.deserialize_map(DaysVisitor).map_err(malformed)?;
        json.end().map_err(malformed)?;

        let scale = days.iter().flat_map(|(_, _, gross, credit)| [gross.scale(), credit.scale()]).max().unwrap_or(0);
        let at_scale = |money: Money, day| money.mantissa_at(scale).ok_or(LedgerError::AmountOverflow(day));
        let entries = days
            .into_iter()
            .map(|(day, events, gross, credit)| {
                Ok(Entry { day, events, gross: at_scale(gross, day)?, credit: at_scale(credit, day)? })
            })
            .collect::<Result<Vec<Entry>, LedgerError>>()?;
        Ledger::from_sorted(&entries, scale)
    }
}

type DayAmounts = (Day, u32, Money, Money);

struct DaysVisitor;

impl<'de> Visitor<'de> for DaysVisitor {
    type Value = Vec<DayAmounts>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a key for each day")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<DayAmounts>, A::Error> {
        let mut days: Vec<DayAmounts> = Vec::new();
        while let Some((key, values)) = map.next_entry::<String, Vec<Box<RawValue>>>()? {
            let day: Day = key.parse().map_err(|_| A::Error::custom(format_args!("\"{key}\" is not a day")))?;
            if days.last().is_some_and(|(before, ..)| *before >= day) {
                return Err(A::Error::custom(format_args!("{day} does not come after the day before it")));
            }
            days.push(day_amounts(day, &values).map_err(|detail| A::Error::custom(format_args!("{day}: {detail}")))?);
        }
        Ok(days)
    }
}

fn day_amounts(day: Day, values: &[Box<RawValue>]) -> Result<DayAmounts, String> {
    let (events, gross, credit) = match values {
        [events, gross] => (events, money(gross)?, Money::ZERO),
        [events, gross, credit] => (events, money(gross)?, money(credit)?),
        _ => return Err(format!("expected 2 or 3 numbers, not {}", values.len())),
    };
    let events: u32 = events.get().parse().map_err(|_| format!("{events} is not a number of events"))?;
    if gross.is_negative() || credit.is_negative() {
        return Err("amounts are not negative; credits stand third".to_owned());
    }
    if events == 0 && gross != Money::ZERO {
        return Err("a gross amount needs an event".to_owned());
    }
    Ok((day, events, gross, credit))
}

fn money(number: &RawValue) -> Result<Money, String> {
    let text = number.get();
    let decimal = Decimal::from_str_exact(text).map_err(|_| format!("{text} is not an exact amount"))?;
    Money::new(decimal.mantissa(), decimal.scale()).map(Money::reduced).map_err(|error| match error {
        NotMoney::TooManyDecimals => format!("{text} has more than 6 decimals"),
        NotMoney::OutOfRange | NotMoney::NotFinite => format!("{text} is out of range"),
    })
}
