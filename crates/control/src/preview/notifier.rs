//! A round of a notifier: what it has not been told yet, in order. One that fails holds up nobody but itself, and is told
//! everything once it is back; what becomes of a notice that it refuses is `decide::preview::telling`'s to say.

use longshore_decide::preview::telling::{self, Fate, Told};
use longshore_model::preview::{EntryKind, Notice};
use longshore_model::{Error, Kind};
use longshore_world::{Expect, Notifier, Scan, Write};
use serde_json::Value;

use super::chronicle::Chronicle;
use super::{Previews, Round};
use crate::book::{Kept, NOTICES, NOTIFIERS, put, remove};

/// So many notices are told in one round: then others may have theirs.
const MOST: usize = 100;

impl Previews {
    pub(super) async fn notifier(&self, name: &str, round: &str) -> Result<Round, Error> {
        let Some(notifier) = self.world.notifiers.iter().find(|notifier| notifier.name() == name) else {
            return Ok(Round { gone: true, ..Round::default() });
        };
        let Some(Kept { value: mut told, mut generation }) = self.told(name).await? else {
            return Ok(Round { look_again_at: Some(self.now()), ..Round::default() });
        };
        let mut after = told.up_to.clone();
        for _ in 0..MOST {
            let Some(mut writes) = self.next(notifier.as_ref(), &mut told, &mut after, round).await? else {
                return Ok(Round {
                    look_again_at: told.again_at(),
                    waiting: told.waiting(),
                    ..Round::default()
                });
            };
            writes.push(put(NOTIFIERS, name, Expect::Generation(generation), &told));
            let Some(stored) = self.book.stored(writes).await? else {
                // Another process tells them, too: it goes on from what that one has written.
                break;
            };
            generation = stored;
        }
        Ok(Round { look_again_at: Some(self.now()), waiting: told.waiting(), ..Round::default() })
    }

    /// What it has been told. One that is new begins now, and that is written down at once: what comes while it does not
    /// answer is for it, too. `None`: another process was faster with it.
    async fn told(&self, name: &str) -> Result<Option<Kept<Told>>, Error> {
        if let Some(kept) = self.book.read::<Told>(NOTIFIERS, name).await? {
            return Ok(Some(kept));
        }
        let after = Some(telling::begin_at(self.now()));
        let before = Scan { after, limit: 1, descending: true, ..Scan::default() };
        let before = self.book.scan::<Notice>(NOTICES, &before).await?.into_iter().next();
        let told = Told::begin(before.map(|(key, _)| key));
        let stored = self.book.stored(vec![put(NOTIFIERS, name, Expect::Absent, &told)]).await?;
        Ok(stored.map(|generation| Kept { value: told, generation }))
    }

    /// Tells the next notice, and what is to be written together with that. `None`: there is none now.
    async fn next(
        &self,
        notifier: &dyn Notifier,
        told: &mut Told,
        after: &mut String,
        round: &str,
    ) -> Result<Option<Vec<Write>>, Error> {
        let now = self.now();
        if let Some((environment, key)) = told.again(now) {
            let Some(notice) = self.book.read::<Notice>(NOTICES, &key).await? else {
                // It was too old to be kept.
                told.settle(&key, &environment, now);
                return Ok(Some(Vec::new()));
            };
            return self.tell(notifier, told, &key, &notice.value, round).await.map(Some);
        }
        let Some((key, notice)) = self.next_notice(told, after).await? else { return Ok(None) };
        match told.pass(&key, &notice.environment, now) {
            None => self.tell(notifier, told, &key, &notice, round).await.map(Some),
            Some(Fate::LeftOut(count)) => {
                let why = "too many wait for it";
                Ok(Some(vec![self.left_out(notifier, &notice, count, why, round)]))
            }
            Some(_) => Ok(Some(Vec::new())),
        }
    }

    /// The first notice that was not seen yet.
    async fn next_notice(&self, told: &Told, after: &mut String) -> Result<Option<(String, Notice)>, Error> {
        loop {
            let scan = Scan { after: Some(after.clone()), limit: MOST, ..Scan::default() };
            let page: Vec<(String, Kept<Notice>)> = self.book.scan(NOTICES, &scan).await?;
            let Some((last, _)) = page.last() else { return Ok(None) };
            let last = last.clone();
            if let Some((key, notice)) = page.into_iter().find(|(key, _)| told.is_due(key)) {
                return Ok(Some((key, notice.value)));
            }
            *after = last;
        }
    }

    /// Tells one notice. What the notifier wants to remember of the environment is to be written together with the fact
    /// that it was told.
    async fn tell(
        &self,
        notifier: &dyn Notifier,
        told: &mut Told,
        key: &str,
        notice: &Notice,
        round: &str,
    ) -> Result<Vec<Write>, Error> {
        let row = format!("{}/{}", notifier.name(), notice.environment);
        let memory = self.book.read::<Value>(NOTIFIERS, &row).await?.map(|kept| kept.value);
        let end = notifier.tell(notice, memory.as_ref()).await;
        let refused = |error: &Error| -> (Kind, String) { (error.kind(), super::act::words(error)) };
        let came_to = end.as_ref().map(drop).map_err(refused);
        let why = came_to.as_ref().err().map(|(_, why)| why.clone()).unwrap_or_default();
        let fate = told.took(key, &notice.environment, came_to, notifier.is_one_place(), self.now());
        match (fate, end) {
            (Fate::Waits, Err(error)) => Err(error),
            (Fate::LeftOut(count), _) => Ok(vec![self.left_out(notifier, notice, count, &why, round)]),
            (_, Err(_)) => Ok(Vec::new()),
            (_, Ok(after)) if after == memory => Ok(Vec::new()),
            (_, Ok(Some(after))) => Ok(vec![put(NOTIFIERS, row, Expect::Anything, &after)]),
            (_, Ok(None)) => Ok(vec![remove(NOTIFIERS, row, Expect::Anything)]),
        }
    }

    /// The line of the environment's timeline that says what nobody is told.
    fn left_out(
        &self,
        notifier: &dyn Notifier,
        notice: &Notice,
        count: usize,
        why: &str,
        round: &str,
    ) -> Write {
        let name = notifier.name();
        tracing::warn!(notifier = name, environment = notice.environment, count, why, "notices are left out");
        let text = telling::left_out(name, notice, count, why);
        Chronicle::new(&notice.environment, round).line(self.now(), EntryKind::Error, text)
    }
}
