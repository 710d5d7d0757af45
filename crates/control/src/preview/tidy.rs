//! A round of tidying: what is old in the store goes, a little at a time.

use futures_util::future::try_join_all;
use longshore_decide::preview::telling::{Told, moment};
use longshore_decide::preview::{cadence, keeping};
use longshore_model::Error;
use longshore_model::preview::{Entry, Notice};
use longshore_world::{Expect, Scan, Write};

use super::{Previews, Round};
use crate::book::{ARRIVALS, DELIVERIES, ENTRIES, NOTICES, NOTIFIERS, PAYLOADS, remove};

/// A store takes so many writes at once.
const WRITES: usize = 100;
/// So many rows of a kind go in one round; the next goes on.
const MOST: usize = 1000;
/// So many objects' timelines are looked through in one round.
const OBJECTS: usize = 50;

impl Previews {
    pub(super) async fn tidy(&self) -> Result<Round, Error> {
        let now = self.now();
        self.tidy_deliveries(&moment(keeping::deliveries_from(now))).await?;
        self.tidy_notices().await?;
        for _ in 0..OBJECTS {
            if !self.tidy_next_timeline(&moment(keeping::lines_from(now))).await? {
                break;
            }
        }
        Ok(Round { look_again_at: Some(cadence::next_tidy(now)), ..Round::default() })
    }

    /// Deliveries from before, with their bytes.
    async fn tidy_deliveries(&self, from: &str) -> Result<(), Error> {
        let scan = Scan { limit: MOST, ..Scan::default() };
        let old = self.book.scan::<String>(ARRIVALS, &scan).await?;
        let old = old.into_iter().take_while(|(key, _)| key.as_str() < from);
        let writes = old.flat_map(|(key, kept)| {
            let id = kept.value;
            [(ARRIVALS, key), (DELIVERIES, id.clone()), (PAYLOADS, id)]
                .map(|(table, key)| remove(table, key, Expect::Anything))
        });
        self.write_all(writes.collect()).await
    }

    async fn tidy_notices(&self) -> Result<(), Error> {
        let told =
            self.world.notifiers.iter().map(|notifier| self.book.read::<Told>(NOTIFIERS, notifier.name()));
        // One that was never told anything has begun nowhere: it hears of what is new.
        let told: Vec<String> = try_join_all(told)
            .await?
            .into_iter()
            .flatten()
            .map(|kept| kept.value.from().to_owned())
            .collect();
        let from = keeping::notices_from(told.iter().map(String::as_str), self.now());
        let old = self.book.scan::<Notice>(NOTICES, &Scan { limit: MOST, ..Scan::default() }).await?;
        let old = old.into_iter().take_while(|(key, _)| *key < from);
        self.write_all(old.map(|(key, _)| remove(NOTICES, key, Expect::Anything)).collect()).await
    }

    /// The timeline of the object behind the one that was looked through last. `false`: that was the last object.
    async fn tidy_next_timeline(&self, from: &str) -> Result<bool, Error> {
        let after = self.memory().tidied.clone();
        let scan = Scan { after, limit: 1, ..Scan::default() };
        let next = self.book.scan::<Entry>(ENTRIES, &scan).await?;
        let Some((_, first)) = next.into_iter().next() else {
            self.memory().tidied = None;
            return Ok(false);
        };
        let prefix = format!("{}/", first.value.object);
        let lines = self.book.all::<Entry>(ENTRIES, &prefix).await?;
        let keep_from = lines.len().saturating_sub(keeping::LINES);
        let too_old = |key: &str| key.strip_prefix(&prefix).is_some_and(|moment| moment < from);
        let gone = lines.iter().enumerate().filter(|(index, (key, _))| *index < keep_from || too_old(key));
        let writes = gone.map(|(_, (key, _))| remove(ENTRIES, key.as_str(), Expect::Anything)).collect();
        self.write_all(writes).await?;
        self.memory().tidied = lines.last().map(|(key, _)| key.clone());
        Ok(true)
    }

    /// Removals may happen in parts: what is left goes the next time.
    async fn write_all(&self, mut writes: Vec<Write>) -> Result<(), Error> {
        while !writes.is_empty() {
            let rest = writes.split_off(writes.len().min(WRITES));
            self.book.write(writes).await?;
            writes = rest;
        }
        Ok(())
    }
}
