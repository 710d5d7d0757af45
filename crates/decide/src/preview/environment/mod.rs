//! What happens next to an environment.
//!
//! Guarantees: what could not be looked at is neither changed nor removed. What lacks our tags is never touched. A newer
//! wish ends what an older one began. Hooks before the removal are never skipped in silence. `Removed` is said, and the record forgotten, only after every kind of thing that
//! an environment can have was seen to be gone.

mod complete;
mod deploy;
mod draft;
mod expiry;
mod failure;
mod hook_call;
mod hooks;
mod inputs;
mod milestones;
mod needs;
mod place;
mod ready;
mod removal;
mod route_elb;
mod route_proxy;
mod seen;
mod service;
mod sleep;
mod template;
mod tokens;
mod took;
mod up;
mod wanted;

#[cfg(test)]
mod samples;

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Presence};

use self::draft::Draft;

pub use self::complete::complete;
pub use self::expiry::schedule;
pub use self::hook_call::{HookDue, HookEnd, due_hooks, hook_due, hook_ended};
pub use self::hooks::{hooks_left_out, hooks_not_run};
pub(crate) use self::inputs::{BRANCH_VARIABLE, SHA_VARIABLE, placement_of};
pub(crate) use self::milestones::with_what_answers;
pub use self::needs::needs;
pub(crate) use self::place::services;
pub use self::place::{cluster, entrance, host, host_of_answering, route, service_names, url};
pub use self::seen::{Action, BalancerSeen, Look, Needs, Outcome, Plan, Seen, SitePlan};
pub use self::tokens::{ENVIRONMENT_TAG, REPOSITORY_TAG, SERVICE_TAG, as_named, tags};
pub use self::took::{took, undo, what};

/// What is to be done now. `seen` has what [`needs`] asked for; what is missing is waited for.
pub fn decide(record: &Environment, seen: &Seen, now: Timestamp) -> Plan {
    let mut draft = Draft::new(record, seen, now);
    if let Some(policy) = &seen.policy {
        expiry::turn(&mut draft, policy);
        hooks::remember(&mut draft, policy);
    }
    match (&draft.record.wish.presence, &seen.policy) {
        (Presence::Down(_), _) => removal::decide(&mut draft),
        (Presence::Up { .. }, Some(policy)) => up::decide(&mut draft, policy),
        (Presence::Up { .. }, None) => {
            let repository = draft.record.repository.clone();
            draft.wait(format!(
                "longshore.toml has no [[preview]] for {repository} any more: nothing is made, changed or removed until \
                 it has one, or until this environment is taken down"
            ));
        }
    }
    draft.finish()
}
