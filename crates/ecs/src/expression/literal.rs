//! The values in a query that are more than text: versions, moments and patterns.

use std::cmp::Ordering;
use std::fmt;

use regex_lite::{Regex, RegexBuilder};

/// How much memory a compiled pattern may take; it bounds the time that matching one value takes, too.
const MAX_PATTERN_BYTES: usize = 64 * 1024;

/// An agent's version: numbers with dots.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    numbers: Vec<u64>,
}

impl Version {
    /// Reads `1.14.5` or `v1.14.5`; what follows a `-` or `+` is not compared.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let numbers = bare.split(['-', '+']).next()?.split('.');
        let mut numbers = numbers.map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
        // 1.14 is 1.14.0
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        Some(Self { text: text.to_owned(), numbers })
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.numbers == other.numbers
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A moment as a query may give it: `2018-06-18T22:28:28+00:00`, `2018-06-18T22:28:28Z`, `2018-06-18T22:28:28` or
/// `2018-06-18`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    text: String,
    seconds: i64,
}

impl Moment {
    /// Reads one of the four forms.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let days = days_since_1970(year, month, day)?;
        let seconds = match time {
            Some(time) => seconds_of_day(time)?,
            None => 0,
        };
        Some(Self { text: text.to_owned(), seconds: days * 86_400 + seconds })
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn seconds(&self) -> i64 {
        self.seconds
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `22:28:28` with nothing, `Z` or an offset such as `+00:00` behind it; negative where the offset reaches back a day.
fn seconds_of_day(time: &str) -> Option<i64> {
    let (clock, zone) = time.split_at_checked(8)?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let offset = match (zone, zone.split_at_checked(1)) {
        ("" | "Z", _) => 0,
        (_, Some((sign @ ("+" | "-"), offset))) => {
            let [hours, minutes] = numbers(offset, ':', [2, 2])?;
            let seconds = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
            if sign == "+" { seconds } else { -seconds }
        }
        _ => return None,
    };
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second - offset)
}

/// Exactly `N` numbers of the given widths between separators.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, width) in found.iter_mut().zip(widths) {
        let part =
            parts.next().filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Counted from 1 March, so that the leap day is a year's last: months then have 153 days in each five.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// A regular expression that the whole of a value must match, as Java's `matches` asks.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    whole: Regex,
}

impl Pattern {
    /// Compiles it. Look-around and back-references, which Java has, are refused: they can take unbounded time.
    pub fn parse(text: &str) -> Result<Self, regex_lite::Error> {
        // By itself first: `a)|(b` would become something else between our parentheses.
        compile(text)?;
        Ok(Self { text: text.to_owned(), whole: compile(&format!("^(?:{text})$"))? })
    }

    /// Whether the whole value matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

fn compile(text: &str) -> Result<Regex, regex_lite::Error> {
    RegexBuilder::new(text).size_limit(MAX_PATTERN_BYTES).build()
}
