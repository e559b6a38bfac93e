//! A calendar day, counted from 2000-01-01 as PostgreSQL's `date` counts it.

use std::fmt;
use std::str::FromStr;

/// Days since 2000-01-01 (proleptic Gregorian), within the range of PostgreSQL's `date`.
///
/// Its text form is ISO 8601: `2011-12-09`; years beyond 9999 are written with all their digits, years before 1 with
/// a sign (`-0043` is 44 BC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

/// Days from 0000-03-01, the start of the computational era below, to 2000-01-01.
const ERA_TO_EPOCH: i64 = 730_425;
const DAYS_PER_400_YEARS: i64 = 146_097;

impl Day {
    /// 4714-11-24 BC, the first day of PostgreSQL's `date`.
    pub const MIN: Day = Day(-2_451_545);
    /// 5874897-12-31, its last day.
    pub const MAX: Day = Day(2_145_031_948);

    /// The day `number` days after 2000-01-01; `None` outside of PostgreSQL's `date`.
    pub fn new(number: i64) -> Option<Day> {
        (Self::MIN.0 as i64..=Self::MAX.0 as i64).contains(&number).then_some(Day(number as i32))
    }

    /// Days since 2000-01-01.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Year (astronomical: 0 is 1 BC), month and day of the month. Hinnant (2014), "chrono-compatible date algorithms".
    fn civil(self) -> (i64, u8, u8) {
        let days = self.0 as i64 + ERA_TO_EPOCH;
        let era = days.div_euclid(DAYS_PER_400_YEARS);
        let day_of_era = days.rem_euclid(DAYS_PER_400_YEARS);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u8;
        (era * 400 + year_of_era + (month <= 2) as i64, month, day)
    }

    /// The inverse of [`Day::civil`]; `None` where there is no such day.
    fn from_civil(year: i64, month: u8, day: u8) -> Option<Day> {
        let shifted_year = year - (month <= 2) as i64;
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let shifted_month = (month as i64 + 9) % 12;
        let day_of_year = (153 * shifted_month + 2) / 5 + day as i64 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let found = Day::new(era * DAYS_PER_400_YEARS + day_of_era - ERA_TO_EPOCH)?;
        (found.civil() == (year, month, day)).then_some(found)
    }
}

impl Day {
    /// Days from `self` to the next day on which month and day of `date` return, 0 on the day itself. 29 February
    /// returns on the 28th in common years.
    pub fn days_until_anniversary(self, date: Day) -> i64 {
        let ((year, ..), (_, month, day)) = (self.civil(), date.civil());
        let in_year = |year: i64| {
            let found = Day::from_civil(year, month, day).or_else(|| Day::from_civil(year, month, day - 1));
            found.map(|found| i64::from(found.0) - i64::from(self.0))
        };
        // beyond the last day there is: as if the calendar went on
        in_year(year).filter(|days| *days >= 0).or_else(|| in_year(year + 1)).unwrap_or(365)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        let sign = if year < 0 { "-" } else { "" };
        write!(f, "{sign}{:04}-{month:02}-{day:02}", year.abs())
    }
}

/// The text is not a day in ISO 8601 form, or there is no such day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADay;

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Day, NotADay> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let number = |part: &str, shortest: usize, longest: usize| -> Result<i64, NotADay> {
            let all_digits = part.bytes().all(|byte| byte.is_ascii_digit());
            if !all_digits || part.len() < shortest || part.len() > longest {
                return Err(NotADay);
            }
            part.parse().map_err(|_| NotADay)
        };
        let mut parts = digits.splitn(3, '-');
        let mut next = || parts.next().ok_or(NotADay);
        let (year, month, day) = (number(next()?, 4, 7)?, number(next()?, 2, 2)?, number(next()?, 2, 2)?);
        Day::from_civil(sign * year, month as u8, day as u8).ok_or(NotADay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days() {
        for (text, number) in [
            ("2000-01-01", 0),
            ("1970-01-01", -10_957),
            ("2000-02-29", 59),
            ("2011-12-09", 4_360),
            ("-4713-11-24", Day::MIN.number()),
            ("5874897-12-31", Day::MAX.number()),
        ] {
            assert_eq!(text.parse::<Day>().map(Day::number), Ok(number), "{text}");
            assert_eq!(Day(number).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2011",
            "2011-1-1",
            "2011-02-29",
            "2011-13-01",
            "2011-00-10",
            "11-12-09",
            "5874898-01-01",
            "2011-12-09 BC",
            "+2011-12-09",
            "2011-12-0\u{664}",
        ] {
            assert_eq!(text.parse::<Day>(), Err(NotADay), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(number in Day::MIN.number()..=Day::MAX.number()) {
            prop_assert_eq!(Day(number).to_string().parse::<Day>(), Ok(Day(number)));
        }
    }
}
