//! Where a deploy ends, well or not, and what people hear of it.

use longshore_model::preview::{Deployed, Environment, Failure, Moment, Policy};

use super::draft::Draft;
use super::failure::Fault;
use super::tokens::shape;
use super::wanted::{Goal, serves};

/// A deploy is over, and well.
pub(super) fn deployed(draft: &mut Draft<'_>, policy: &Policy) {
    let now = draft.now;
    let progress = &mut draft.record.progress;
    let Some(deploying) = progress.deploying.take() else { return };
    let key = format!("{}/{}", deploying.revision.sha, deploying.attempt);
    let commit = short(&deploying.revision.sha).to_owned();
    let is_new = progress.deployed.is_none();
    progress.deployed = Some(Deployed { at: now, ..deploying });
    progress.served = policy.services.clone();
    progress.asleep_since = None;
    progress.broken = false;
    progress.steady = true;
    let id = draft.record.names.id.clone();
    if is_new {
        draft.tell(
            Moment::Ready,
            &format!("ready/{key}"),
            format!("{id} is ready with commit {commit}"),
            Vec::new(),
        );
    } else {
        draft.tell(
            Moment::Updated,
            &format!("updated/{key}"),
            format!("{id} runs commit {commit}"),
            Vec::new(),
        );
    }
}

/// What was deployed runs, as it should.
pub(super) fn back_in_place(draft: &mut Draft<'_>) {
    draft.record.progress.steady = !draft.has_gap() && !draft.has_actions();
    if draft.record.progress.asleep_since.take().is_some() {
        let text = format!("{} is awake", draft.record.names.id);
        draft.tell(Moment::Awake, &format!("awake/{}", draft.record.progress.changed_at.0), text, Vec::new());
    }
}

/// What the goal was does not run. It is not tried again before the wish or the policy changes.
pub(super) fn fail(draft: &mut Draft<'_>, policy: &Policy, goal: Goal, fault: Fault) {
    let wish = draft.record.wish.clone();
    let earlier = draft.record.progress.failure.take();
    let why = match earlier.filter(|_| goal == Goal::Serve) {
        Some(earlier) => {
            format!("{}; and what answered before does not run either: {}", earlier.why, fault.why)
        }
        None => fault.why,
    };
    draft.begin_anew();
    let at = draft.now;
    let progress = &mut draft.record.progress;
    progress.failure =
        Some(Failure { revision: wish.revision, attempt: wish.attempt, why, log_tail: fault.log_tail, at });
    progress.failed_shape = Some(shape(policy));
    progress.deploying = None;
    progress.asleep_since = None;
    progress.untold = true;
    progress.broken |= goal == Goal::Serve;
    announce_failure(draft);
}

/// Tells of a failure, once.
pub(super) fn announce_failure(draft: &mut Draft<'_>) {
    let Some(failure) = draft.record.progress.failure.clone() else { return };
    if !std::mem::take(&mut draft.record.progress.untold) {
        return;
    }
    let commit = short(&failure.revision.sha);
    let key = format!("failed/{}/{}/{}", failure.revision.sha, failure.attempt, failure.at.0);
    let id = &draft.record.names.id;
    let text =
        format!("{id} does not run commit {commit}: {}", with_what_answers(&draft.record, &failure.why));
    draft.tell(Moment::Failed, &key, text, failure.log_tail);
}

/// Why something failed, and that what ran before it still answers.
pub(crate) fn with_what_answers(record: &Environment, why: &str) -> String {
    match &record.progress.deployed {
        Some(deployed) if serves(record) => {
            format!("{}. Commit {} still answers", why.trim_end_matches('.'), short(&deployed.revision.sha))
        }
        _ => why.to_owned(),
    }
}

/// The beginning of a commit's hash, for people.
pub(super) fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}
