//! A round of a notifier: what it has not been told yet, in order. One that fails holds up nobody but itself, and is told
//! everything once it is back.

use longshore_decide::preview::telling::{self, Told};
use longshore_model::Error;
use longshore_model::preview::Notice;
use longshore_world::{Expect, Scan};
use serde_json::Value;

use super::{Previews, Round};
use crate::book::{Kept, NOTICES, NOTIFIERS, put, remove};

/// So many notices are told in one round: then others may have theirs.
const MOST: usize = 100;

impl Previews {
    pub(super) async fn notifier(&self, name: &str) -> Result<Round, Error> {
        let Some(Kept { value: mut told, mut generation }) = self.told(name).await? else {
            return Ok(Round { look_again_at: Some(self.now()), ..Round::default() });
        };
        told.turn_back(self.now());
        let mut after = told.up_to.clone();
        for _ in 0..MOST {
            let Some((key, notice)) = self.next_notice(&told, &mut after).await? else {
                return Ok(Round::default());
            };
            let Some(mut writes) = self.tell(name, &key, &notice).await? else {
                return Ok(Round { gone: true, ..Round::default() });
            };
            let now = self.now();
            told.add(&key, now);
            writes.push(put(NOTIFIERS, name, Expect::Generation(generation), &told));
            if !self.book.write(writes).await? {
                // Another process tells them, too: it goes on from what that one has written.
                return Ok(Round { look_again_at: Some(now), ..Round::default() });
            }
            generation += 1;
        }
        Ok(Round { look_again_at: Some(self.now()), ..Round::default() })
    }

    /// What it has been told. One that is new begins now, and that is written down at once: what comes while it does not
    /// answer is for it, too. `None`: another process was faster with it.
    async fn told(&self, name: &str) -> Result<Option<Kept<Told>>, Error> {
        if let Some(kept) = self.book.read::<Told>(NOTIFIERS, name).await? {
            return Ok(Some(kept));
        }
        let told = Told::begin(self.now());
        let is_written = self.book.write(vec![put(NOTIFIERS, name, Expect::Absent, &told)]).await?;
        Ok(is_written.then_some(Kept { value: told, generation: 1 }))
    }

    /// The first notice that is still to be told.
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
    /// that it was told. `None`: there is no such notifier any more.
    async fn tell(
        &self,
        name: &str,
        key: &str,
        notice: &Notice,
    ) -> Result<Option<Vec<longshore_world::Write>>, Error> {
        let notifier = self.world.notifiers.iter().find(|notifier| notifier.name() == name);
        let Some(notifier) = notifier else { return Ok(None) };
        let row = format!("{name}/{}", notice.environment);
        let memory = self.book.read::<Value>(NOTIFIERS, &row).await?.map(|kept| kept.value);
        match notifier.tell(notice, memory.as_ref()).await {
            Ok(after) if after == memory => Ok(Some(Vec::new())),
            Ok(Some(after)) => Ok(Some(vec![put(NOTIFIERS, row, Expect::Anything, &after)])),
            Ok(None) => Ok(Some(vec![remove(NOTIFIERS, row, Expect::Anything)])),
            Err(error) if telling::is_left_out(error.kind()) => {
                tracing::warn!(notifier = name, notice = key, error = %error, "a notice was refused and is left out");
                Ok(Some(Vec::new()))
            }
            Err(error) => Err(error),
        }
    }
}
