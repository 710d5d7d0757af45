//! Lines of timelines and notices, with keys that keep their order: written together with what they tell of.

use longshore_decide::preview::telling::moment;
use longshore_model::Timestamp;
use longshore_model::preview::{Entry, EntryKind, Notice};
use longshore_world::{Expect, Write};

use crate::book::{ENTRIES, NOTICES, put};

/// What one round says about one object.
#[derive(Debug)]
pub(super) struct Chronicle<'a> {
    object: &'a str,
    round: &'a str,
    said: u32,
}

impl<'a> Chronicle<'a> {
    /// `object` is an environment's id, or a repository; `round` is unique.
    pub(super) const fn new(object: &'a str, round: &'a str) -> Self {
        Self { object, round, said: 0 }
    }

    /// A line of the object's timeline.
    pub(super) fn line(&mut self, at: Timestamp, kind: EntryKind, text: String) -> Write {
        let entry = Entry { at, object: self.object.to_owned(), round: self.round.to_owned(), kind, text };
        let key = self.key(&moment(at));
        let key = format!("{}/{key}", self.object);
        put(ENTRIES, key, Expect::Anything, &entry)
    }

    /// Something that people should hear of; `moment` is what its key begins with.
    pub(super) fn notice(&mut self, moment: &str, notice: &Notice) -> Write {
        put(NOTICES, self.key(moment), Expect::Anything, notice)
    }

    /// In the order of time, and within a round in the order of saying.
    fn key(&mut self, moment: &str) -> String {
        self.said += 1;
        format!("{moment}/{}-{:06}", self.round, self.said)
    }
}
