//! A round of an environment's hooks: each that has begun and not ended is called, and its end is written.

use longshore_decide::preview::environment::{HookDue, hook_due, hook_ended};
use longshore_model::Error;
use longshore_model::preview::{Environment, HookState};
use longshore_world::HookCall;

use super::chronicle::Chronicle;
use super::records::{self, Change};
use super::{Object, Previews, Round};

impl Previews {
    /// A hook whose end is not written, because of a crash or a call that could not be made, is called again with the
    /// same id. How long a hook may take is kept by whoever calls it.
    pub(super) async fn hooks(&self, id: &str, round: &str) -> Result<Round, Error> {
        let Some(kept) = records::read(&self.book, id).await? else {
            return Ok(Round { gone: true, ..Round::default() });
        };
        let record = kept.value;
        let running = record.progress.hooks.iter().filter(|(_, hook)| hook.state == HookState::Running);
        let running: Vec<&String> = running.map(|(key, _)| key).collect();
        if running.is_empty() {
            return Ok(Round { gone: true, ..Round::default() });
        }
        let mut chronicle = Chronicle::new(id, round);
        // One begins when the one before has ended, so that there is mostly one.
        for key in running {
            self.hook(&record, key, &mut chronicle).await?;
        }
        Ok(Round { wake: vec![Object::Environment(id.to_owned())], ..Round::default() })
    }

    async fn hook(
        &self,
        record: &Environment,
        key: &str,
        chronicle: &mut Chronicle<'_>,
    ) -> Result<(), Error> {
        let due = self.policy_of(record).and_then(|policy| hook_due(record, policy, key));
        let result = match due {
            Some(due) => self.world.hooks.call(&call(due)).await?,
            None => Err("longshore.toml has no such hook any more".to_owned()),
        };
        let id = &record.names.id;
        let now = self.now();
        records::amend(&self.book, id, &Change::default(), chronicle, now, |newest| {
            if let Some(newest) = newest.as_mut().filter(|newest| newest.life == record.life) {
                *newest = hook_ended(newest, key, &result, now);
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
