//! A round of an environment's hooks: each that has begun and not ended is called, and its end is written.

use longshore_decide::preview::environment::{HookDue, HookEnd, due_hooks, hook_due, hook_ended};
use longshore_model::preview::Environment;
use longshore_model::{Error, Timestamp};
use longshore_world::HookCall;

use super::act::words;
use super::chronicle::Chronicle;
use super::records::{self, Change};
use super::{Object, Previews, Round};

/// While it is there, an environment's hooks are being called: nobody needs to wake whoever does.
struct Calling<'a> {
    previews: &'a Previews,
    id: &'a str,
}

impl<'a> Calling<'a> {
    fn begin(previews: &'a Previews, id: &'a str) -> Self {
        previews.memory().calling.insert(id.to_owned());
        Self { previews, id }
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.previews.memory().calling.remove(self.id);
    }
}

impl Previews {
    /// A hook whose end is not written, because of a crash or a call that could not be made, is called again with the
    /// same id. How long a hook may take is kept by whoever calls it.
    pub(super) async fn hooks(&self, id: &str, round: &str) -> Result<Round, Error> {
        let Some(kept) = records::read(&self.book, id).await? else {
            return Ok(Round { gone: true, ..Round::default() });
        };
        let record = kept.value;
        let due: Vec<&str> = due_hooks(&record, self.now()).collect();
        if due.is_empty() {
            return Ok(Round { gone: true, ..Round::default() });
        }
        let _calling = Calling::begin(self, id);
        let mut chronicle = Chronicle::new(id, round);
        // One begins when the one before has ended, so that there is mostly one.
        for key in due {
            self.hook(&record, key, &mut chronicle).await?;
        }
        // What comes next is decided there, also when a hook is called again that could not be called now.
        Ok(Round { wake: vec![Object::Environment(id.to_owned())], ..Round::default() })
    }

    /// Whether hooks are to be called that nobody is calling.
    pub(super) fn wants_hooks(&self, record: &Environment) -> bool {
        due_hooks(record, self.now()).next().is_some() && !self.memory().calling.contains(&record.names.id)
    }

    async fn hook(
        &self,
        record: &Environment,
        key: &str,
        chronicle: &mut Chronicle<'_>,
    ) -> Result<(), Error> {
        let policy = self.policy_of(record).map(AsRef::as_ref);
        let end = match policy.and_then(|policy| hook_due(record, policy, key)) {
            Some(due) => match self.world.hooks.call(&call(due)).await {
                Ok(Ok(())) => HookEnd::Well,
                Ok(Err(why)) => HookEnd::Badly(why),
                Err(error) => HookEnd::Uncalled(error.kind(), words(&error)),
            },
            None => HookEnd::Badly("longshore.toml has no such hook any more".to_owned()),
        };
        let began = record.progress.hooks.get(key).map_or(Timestamp::default(), |run| run.at);
        let (id, now) = (&record.names.id, self.now());
        records::amend(&self.book, id, &Change::default(), chronicle, now, |newest| {
            if let Some(newest) = newest.as_mut().filter(|newest| newest.life == record.life) {
                *newest = hook_ended(newest, policy, key, began, &end, now);
            }
        })
        .await
    }
}

fn call(due: HookDue) -> HookCall {
    HookCall {
        hook: due.hook,
        id: due.id,
        began: due.began,
        cluster: due.cluster,
        task_definition: due.task_definition,
        placement: due.placement,
        context: due.context,
        tags: due.tags,
    }
}
