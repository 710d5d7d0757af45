//! Durations in longshore.toml, as people write them: `90s`, `12h`, `7d`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::run::words;

/// A duration that is not nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    /// From text.
    pub(crate) fn of(text: &str) -> Result<Self, String> {
        match words::duration(text)? {
            Duration::ZERO => Err("it must be longer than nothing".to_owned()),
            span => Ok(Self(span)),
        }
    }

    /// In whole seconds, at least one.
    pub(crate) fn seconds(self) -> u32 {
        u32::try_from(self.0.as_secs()).unwrap_or(u32::MAX).max(1)
    }

    pub(crate) const fn of_seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| D::Error::custom("write how long, such as `90s`, `12h` or `7d`"))?;
        Self::of(&text).map_err(D::Error::custom)
    }
}
