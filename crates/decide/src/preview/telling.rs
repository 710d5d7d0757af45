//! Which notices a notifier is told next. Each once, in the order of their keys, however late they were stored.
//!
//! Guarantee: a notice whose key is at most `LATE_MS` older than others that were told before is told, too. Notices get
//! their keys when they are made and are seen when they are stored, and two rounds may do these in different order. A clock
//! that goes back makes keys that are older still: they are told as long as there are not too many between.

use std::collections::BTreeSet;

use longshore_model::{Kind, Timestamp};
use serde::{Deserialize, Serialize};

/// So much later than its key says may a notice be stored.
const LATE_MS: i64 = 15 * 60 * 1000;

/// So many that were told last are remembered one by one, however old they seem to be: the clock may have gone back.
const REMEMBERED: usize = 100;

/// A notifier that is new is told what is this old at most, and not all that ever was.
const BEGIN_MS: i64 = 10 * 60 * 1000;

/// What a notifier has been told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    /// All up to this key.
    pub up_to: String,
    /// And these.
    pub beyond: BTreeSet<String>,
}

impl Told {
    /// Of a notifier that is new.
    #[must_use]
    pub fn begin(now: Timestamp) -> Self {
        Self { up_to: moment(now.plus_ms(-BEGIN_MS)), beyond: BTreeSet::new() }
    }

    /// One that has begun by a clock which was ahead begins anew, as long as all that it was told is remembered.
    pub fn turn_back(&mut self, now: Timestamp) {
        let begun = Self::begin(now).up_to;
        if self.beyond.len() < REMEMBERED && self.up_to > begun {
            self.up_to = begun;
        }
    }

    /// Whether this notice is still to be told.
    #[must_use]
    pub fn is_due(&self, key: &str) -> bool {
        key > self.up_to.as_str() && !self.beyond.contains(key)
    }

    /// It was told. Notices are told in the order of their keys, so that whatever is old enough and not due any more
    /// needs not be remembered one by one, but for the last ones.
    pub fn add(&mut self, key: &str, now: Timestamp) {
        self.beyond.insert(key.to_owned());
        let settled = moment(now.plus_ms(-LATE_MS));
        while self.beyond.len() > REMEMBERED && self.beyond.first().is_some_and(|first| *first < settled) {
            self.up_to = self.beyond.pop_first().unwrap_or_default();
        }
    }
}

/// How the key of a notice of this moment begins.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    format!("{:016}", at.0.max(0))
}

/// Whether a notice that could not be told is left out: who says that the notice itself is wrong will say so again,
/// and the others must not wait behind it.
#[must_use]
pub const fn is_left_out(kind: Kind) -> bool {
    matches!(kind, Kind::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(minutes: i64, name: &str) -> String {
        format!("{}/{name}", moment(Timestamp(minutes * 60_000)))
    }

    #[test]
    fn each_is_told_once_and_late_ones_are_not_lost() {
        let at = |minutes: i64| Timestamp(minutes * 60_000);
        let mut told = Told::begin(at(100));
        assert!(
            told.is_due(&key(95, "a")) && !told.is_due(&key(89, "a")),
            "a new one hears the last ten minutes"
        );
        told.add(&key(101, "b"), at(101));
        assert!(!told.is_due(&key(101, "b")));
        assert!(told.is_due(&key(101, "a")) && told.is_due(&key(100, "z")), "stored later than its key says");
        for number in 0..REMEMBERED {
            told.add(&key(120, &format!("c{number:03}")), at(120));
        }
        assert_eq!((told.up_to.as_str(), told.beyond.len()), (key(101, "b").as_str(), REMEMBERED));
        assert!(
            !told.is_due(&key(101, "b")) && !told.is_due(&key(120, "c007")) && told.is_due(&key(106, "x"))
        );
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing_and_doubles_nothing() {
        let at = |minutes: i64| Timestamp(minutes * 60_000);
        let mut told = Told::begin(at(100));
        for (minutes, name) in [(101, "a"), (160, "b"), (200, "c")] {
            told.add(&key(minutes, name), at(minutes));
        }
        assert!(told.is_due(&key(102, "d")), "the clock was 98 minutes ahead");
        let mut ahead = Told::begin(at(198));
        ahead.turn_back(at(102));
        assert!(ahead.is_due(&key(102, "d")), "it was when this one began");
        assert!([(101, "a"), (160, "b"), (200, "c")].iter().all(|(it, name)| !told.is_due(&key(*it, name))));
    }

    #[test]
    fn one_that_was_down_for_long_is_told_all_of_it() {
        let at = |minutes: i64| Timestamp(minutes * 60_000);
        let mut told = Told::begin(at(0));
        told.add(&key(500, "a"), at(5000));
        assert!(
            told.is_due(&key(501, "b")),
            "told in order: what comes behind is not left out, however old it is"
        );
    }
}
