//! A place in the order of the events: by timestamp, and among equal timestamps by arrival.

use std::fmt;

use crate::refusal::Refusal;

/// Digits of a timestamp and of a number in the written form: 56 together, as CloudWatch has in its event ids.
const AT_DIGITS: usize = 20;
const DIGITS: usize = 56;

/// An event's place. Numbers are given in the order of arrival, from 1, over all streams of an account and region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Milliseconds since 1970.
    pub(super) at_ms: i64,
    /// The event's number.
    pub(super) number: i64,
}

impl Position {
    /// Before the first event of a moment.
    pub(super) const fn start_of(at_ms: i64) -> Self {
        Self { at_ms, number: 0 }
    }

    /// The place right after this one.
    pub(super) const fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }

    /// The place right before this one, in the same moment.
    pub(super) fn previous(self) -> Self {
        Self { number: self.number.saturating_sub(1).max(0), ..self }
    }

    /// Reads the written form.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let digits = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        let read = |part: &str| part.parse::<i64>().ok();
        digits
            .then(|| text.split_at(AT_DIGITS))
            .and_then(|(at, number)| Some(Self { at_ms: read(at)?, number: read(number)? }))
            .ok_or_else(invalid_token)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}{:036}", self.at_ms, self.number)
    }
}

/// A token that we did not give.
pub(super) fn invalid_token() -> Refusal {
    Refusal::new("InvalidParameterException", "The specified nextToken is invalid.")
}

/// Where a GetLogEvents page begins, and in which direction it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Events after this place.
    Forward(Position),
    /// Events before this place.
    Backward(Position),
}

impl Direction {
    /// Reads a token of the form `f/.../s` or `b/.../s`.
    pub(super) fn parse(token: &str) -> Result<Self, Refusal> {
        let place =
            token.get(2..).map(|rest| rest.strip_suffix("/s").unwrap_or(rest)).ok_or_else(invalid_token)?;
        match token.get(..2) {
            Some("f/") => Ok(Self::Forward(Position::parse(place)?)),
            Some("b/") => Ok(Self::Backward(Position::parse(place)?)),
            _ => Err(invalid_token()),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forward(place) => write!(f, "f/{place}/s"),
            Self::Backward(place) => write!(f, "b/{place}/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_written() {
        let place = Position { at_ms: 1_700_000_000_123, number: i64::MAX };
        assert_eq!(place.to_string().len(), 56);
        for direction in [Direction::Forward(place), Direction::Backward(Position::start_of(i64::MAX))] {
            assert_eq!(Direction::parse(&direction.to_string()), Ok(direction));
        }
        for token in
            ["", "f", "f/", "f/12/s", "x/00000000000000000000000000000000000000000000000000000000/s", "ä/1"]
        {
            assert_eq!(Direction::parse(token), Err(invalid_token()), "{token}");
        }
        assert_eq!(Position::parse(&"9".repeat(56)), Err(invalid_token()));
    }
}
