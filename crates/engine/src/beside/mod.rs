//! The services beside ECS that its users need: CloudWatch Logs, SSM parameters, Secrets Manager, SQS and STS.
//!
//! There is one value of each for every account and region. It keeps what it knows in memory, hands every change to
//! the [`Store`] while it holds its lock (so that the disk sees the changes in their order), and answers only when
//! all that the answer shows is on disk.

pub mod environment;
pub mod identity;
pub mod logs;
pub mod parameters;
pub mod queues;
mod request;
pub mod secrets;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use longshore_ecs::random::Random;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::refusal::Refusal;
use crate::store::{Store, Ticket};

/// A call's answer, and what must be on disk before anybody sees it.
type Answer = Result<(Value, Ticket), Refusal>;

/// Waits for the disk, then gives the answer. A refusal shows what is there, too, and waits as well.
async fn when_durable(store: &Store, answer: Answer) -> Result<Value, Refusal> {
    match answer {
        Ok((answer, ticket)) => {
            ticket.durable().await?;
            Ok(answer)
        }
        Err(refusal) => {
            store.barrier().durable().await?;
            Err(refusal)
        }
    }
}

/// The state behind a lock. Nothing here panics half-way through a change, so a poisoned lock is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A generator for ids (not for secrets), seeded by the operating system through the standard library's hasher.
fn random() -> Random {
    Random::seeded(RandomState::new().hash_one(()))
}

/// A value that must not be read by chance: its `Debug` does not show it. It is stored as plain text, like everything
/// in the state directory, which only the user who runs the engine can open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_values_are_not_printed() {
        assert_eq!(format!("{:?}", Some(Hidden("swordfish".into()))), "Some((hidden))");
        assert_eq!(serde_json::to_string(&Hidden("swordfish".into())).unwrap(), "\"swordfish\"");
    }

    #[test]
    fn two_generators_differ() {
        assert_ne!(random().next_u64(), random().next_u64());
    }
}
