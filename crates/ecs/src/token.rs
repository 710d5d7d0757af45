//! Client tokens: the same RunTask twice starts its tasks once.
//!
//! Rules from the ECS API reference ("Ensuring idempotency"): a token counts per cluster, for the lower of 24 hours
//! and one hour beyond the life of its last task; with other parameters it is a conflict; a replay answers with
//! thin tasks (ARN and the two states).

use longshore_model::Timestamp;
use longshore_model::task::LastStatus;
use serde::{Deserialize, Serialize};

use crate::api::Failure;
use crate::cloud::{Cloud, Key};
use crate::fault::{Fault, FaultKind};
use crate::run::{Started, TaskAnswer, ThinTask};
use crate::task::STOPPED_TASK_VISIBLE_SECONDS;

const TOKEN_LIFE_SECONDS: i64 = 24 * 3600;

/// What a token was used for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TokenUse {
    /// The request as JSON, with the exact revision in place of the name that was given.
    pub(crate) fingerprint: String,
    pub(crate) task_ids: Vec<String>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) used_at: Timestamp,
}

impl Cloud {
    /// The answer that the token's first use had, or nothing when it is new (or too old to count).
    pub(crate) fn replay(
        &mut self,
        cluster: &str,
        token: &str,
        fingerprint: &str,
        now: Timestamp,
    ) -> Result<Option<Started>, Fault> {
        let key = (cluster.to_owned(), token.to_owned());
        let Some(earlier) = self.tokens.get(&key) else { return Ok(None) };
        if self.is_spent(earlier, now) {
            self.tokens.remove(&key);
            self.touch(Key::Token(key.0, key.1));
            return Ok(None);
        }
        let arns = earlier.task_ids.iter().map(|id| self.scope.task(cluster, id));
        if earlier.fingerprint != fingerprint {
            let mut fault = Fault::new(
                FaultKind::Conflict,
                "The client token was already used with different parameters.",
            );
            fault.resource_ids = arns.collect();
            return Err(fault);
        }
        let tasks = earlier.task_ids.iter().filter_map(|id| self.tasks.get(id)).map(|entry| {
            TaskAnswer::Thin(ThinTask {
                task_arn: entry.view.task_arn.clone(),
                last_status: entry.view.last_status,
                desired_status: entry.view.desired_status,
            })
        });
        Ok(Some(Started { tasks: tasks.collect(), failures: earlier.failures.clone() }))
    }

    pub(crate) fn remember_token(&mut self, cluster: &str, token: &str, token_use: TokenUse) {
        self.tokens.insert((cluster.to_owned(), token.to_owned()), token_use);
        self.touch(Key::Token(cluster.to_owned(), token.to_owned()));
    }

    /// A token whose last task is gone counts for an hour beyond that task's end.
    fn is_spent(&self, earlier: &TokenUse, now: Timestamp) -> bool {
        if now >= earlier.used_at.plus_seconds(TOKEN_LIFE_SECONDS) {
            return true;
        }
        // A stopped task stays visible for that same hour: while one is known, the token counts.
        let known = earlier.task_ids.iter().filter_map(|id| self.tasks.get(id));
        let counts = known.clone().any(|entry| {
            entry.view.last_status != LastStatus::Stopped
                || entry.view.stopped_at.is_none_or(|at| now < at.plus_seconds(STOPPED_TASK_VISIBLE_SECONDS))
        });
        !counts && now >= earlier.used_at.plus_seconds(STOPPED_TASK_VISIBLE_SECONDS)
    }

    /// Forgets the tokens that no longer count.
    pub(crate) fn sweep_tokens(&mut self, now: Timestamp) {
        let spent: Vec<_> =
            self.tokens.iter().filter(|(_, it)| self.is_spent(it, now)).map(|(key, _)| key.clone()).collect();
        for key in spent {
            self.tokens.remove(&key);
            self.touch(Key::Token(key.0, key.1));
        }
    }
}
