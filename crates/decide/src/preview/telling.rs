//! Which notices a notifier is told next, each once, and what becomes of one that it refuses.
//!
//! Guarantees: what an environment has to say is told in the order of its notices' keys. A notice whose key is at most
//! `LATE_MS` older than others that were told before is told, too: two rounds may store in another order than they
//! have made. While nobody answers, nothing is lost and nothing is told. A refusal that is about one environment holds
//! up that environment alone, for [`MOST_TRIES`] tries.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::preview::Notice;
use longshore_model::{Kind, Timestamp};
use serde::{Deserialize, Serialize};

use super::words;

/// So much later than its key says may a notice be stored.
const LATE_MS: i64 = 15 * 60 * 1000;

/// A notifier that is new is told what is this old at most, and not all that ever was.
const BEGIN_MS: i64 = 10 * 60 * 1000;

/// The first wait after a refusal, in seconds; it doubles...
const FIRST_WAIT_S: i64 = 10;
/// ...up to this.
const LONGEST_WAIT_S: i64 = 3600;
/// A notice that was refused so often is left out: that takes a week.
pub const MOST_TRIES: u32 = 177;
/// And so many of one environment are kept for when it is told again.
const MOST_HELD: usize = 200;

/// The digits of a moment at the beginning of a key.
const DIGITS: usize = 16;

/// What a notifier has been told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    /// All up to this key, but for those that are held.
    pub up_to: String,
    /// And these.
    pub beyond: BTreeSet<String>,
    /// What was refused and is tried again, by environment.
    #[serde(default)]
    pub held: BTreeMap<String, Held>,
}

/// What a notifier is still to be told of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Held {
    /// The first was refused, the others wait behind it.
    pub keys: BTreeSet<String>,
    /// How often the first was refused.
    pub tries: u32,
    /// When it is tried again.
    pub again_at: Timestamp,
    /// Why it was refused.
    pub why: String,
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was told.
    Told,
    /// It is told later, and those of its environment after it.
    Held,
    /// So many notices of its environment are not told.
    LeftOut(usize),
    /// Nobody is told anything for now.
    Waits,
}

impl Told {
    /// Of a notifier that is new: `before` is the last key before [`begin_at`], if there is one. A moment would not do:
    /// a clock that was ahead then would leave out what comes after it was put right.
    #[must_use]
    pub fn begin(before: Option<String>) -> Self {
        Self { up_to: before.unwrap_or_default(), ..Self::default() }
    }

    /// Whether this notice was neither told nor held yet.
    #[must_use]
    pub fn is_due(&self, key: &str) -> bool {
        key > self.up_to.as_str() && !self.beyond.contains(key)
    }

    /// A held notice whose time has come: its environment, and its key.
    #[must_use]
    pub fn again(&self, now: Timestamp) -> Option<(String, String)> {
        // One that is further away than any wait was set by a clock that was ahead.
        let is_time = |at: Timestamp| at <= now || at > now.plus_seconds(LONGEST_WAIT_S);
        let (environment, held) = self.held.iter().find(|(_, held)| is_time(held.again_at))?;
        Some((environment.clone(), held.keys.first()?.clone()))
    }

    /// When the next of those that are held is tried again.
    #[must_use]
    pub fn again_at(&self) -> Option<Timestamp> {
        self.held.values().map(|held| held.again_at).min()
    }

    /// What is held, in sentences.
    #[must_use]
    pub fn waiting(&self) -> Vec<String> {
        let sentence = |(environment, held): (&String, &Held)| {
            let count = held.keys.len();
            let more = if count > 1 { format!(", and {} behind it", count - 1) } else { String::new() };
            format!("a notice of `{environment}`{more} is tried again: {}", held.why)
        };
        self.held.iter().map(sentence).collect()
    }

    /// No notice from before this key is wanted any more.
    #[must_use]
    pub fn from(&self) -> &str {
        let held = self.held.values().filter_map(|held| held.keys.first());
        held.map(String::as_str).chain([self.up_to.as_str()]).min().unwrap_or_default()
    }

    /// Puts a notice behind those of its environment that are held. `None`: none is, and it can be told.
    #[must_use]
    pub fn pass(&mut self, key: &str, environment: &str, now: Timestamp) -> Option<Fate> {
        let held = self.held.get_mut(environment)?;
        held.keys.insert(key.to_owned());
        let count = held.keys.len();
        self.add(key, now);
        if count <= MOST_HELD {
            return Some(Fate::Held);
        }
        self.held.remove(environment);
        Some(Fate::LeftOut(count))
    }

    /// Takes what the telling of a notice came to; `Err` with the kind of the refusal, and why. `is_one_place` says that
    /// a refusal is never about one environment alone.
    pub fn took(
        &mut self,
        key: &str,
        environment: &str,
        end: Result<(), (Kind, String)>,
        is_one_place: bool,
        now: Timestamp,
    ) -> Fate {
        let (kind, why) = match end {
            Ok(()) => {
                self.settle(key, environment, now);
                return Fate::Told;
            }
            Err(refused) => refused,
        };
        match kind {
            // Who says that the notice itself is wrong will say so again.
            Kind::Invalid => {
                self.settle(key, environment, now);
                Fate::LeftOut(1)
            }
            Kind::Unavailable | Kind::Throttled => Fate::Waits,
            Kind::Denied | Kind::NotFound | Kind::Conflict if is_one_place => Fate::Waits,
            Kind::Denied | Kind::NotFound | Kind::Conflict | Kind::Bug => {
                self.hold(key, environment, why, now)
            }
        }
    }

    /// It is neither told nor tried any more. Those behind it come next.
    pub fn settle(&mut self, key: &str, environment: &str, now: Timestamp) {
        if let Some(held) = self.held.get_mut(environment) {
            held.keys.remove(key);
            (held.tries, held.again_at) = (0, now);
            if held.keys.is_empty() {
                self.held.remove(environment);
            }
        }
        self.add(key, now);
    }

    fn hold(&mut self, key: &str, environment: &str, why: String, now: Timestamp) -> Fate {
        let held = self.held.entry(environment.to_owned()).or_default();
        held.keys.insert(key.to_owned());
        held.tries = held.tries.saturating_add(1);
        held.why = why;
        let doubled = FIRST_WAIT_S.saturating_mul(1 << (held.tries - 1).min(20));
        held.again_at = now.plus_seconds(doubled.min(LONGEST_WAIT_S));
        let (tries, count) = (held.tries, held.keys.len());
        self.add(key, now);
        if tries < MOST_TRIES {
            return Fate::Held;
        }
        // Those behind it are as old, and would be refused as often.
        self.held.remove(environment);
        Fate::LeftOut(count)
    }

    /// It was seen. Notices are seen in the order of their keys, so that whatever is old enough and not due any more
    /// needs not be remembered one by one.
    fn add(&mut self, key: &str, now: Timestamp) {
        if key <= self.up_to.as_str() {
            return;
        }
        self.beyond.insert(key.to_owned());
        let settled = moment(now.plus_ms(-LATE_MS));
        while self.beyond.first().is_some_and(|first| *first < settled) {
            self.up_to = self.beyond.pop_first().unwrap_or_default();
        }
    }
}

/// How the key of a notice of this moment begins.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    format!("{:0DIGITS$}", at.0.max(0))
}

/// Notices before this key are not for a notifier that is new.
#[must_use]
pub fn begin_at(now: Timestamp) -> String {
    moment(now.plus_ms(-BEGIN_MS))
}

/// How the key of the next notice begins, behind the last one that there is: keys never go back, also when the clock
/// does.
#[must_use]
pub fn next_moment(last: Option<&str>, now: Timestamp) -> String {
    let last = last.and_then(|key| key.get(..DIGITS)?.parse::<i64>().ok());
    moment(last.map_or(now, |last| now.max(Timestamp(last.saturating_add(1)))))
}

/// What the timeline says of notices that are left out; `notice` is the one that was refused.
#[must_use]
pub fn left_out(notifier: &str, notice: &Notice, count: usize, why: &str) -> String {
    let what = words::what(notice.moment);
    let more =
        if count > 1 { format!(", nor of what {} notices behind it say", count - 1) } else { String::new() };
    format!("`{notifier}` is not told that it {what}{more}: {why}")
}

#[cfg(test)]
#[path = "telling_tests.rs"]
mod tests;
