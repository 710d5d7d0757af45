//! One record against what GitHub has of its subject.

use longshore_model::Timestamp;
use longshore_model::preview::github::{Branch, PullRequest};
use longshore_model::preview::{Environment, Moment, Notice, Policy, Presence, Removal, Revision, Subject};

use crate::preview::environment;
use crate::preview::names::names;
use crate::preview::record::{self, GITHUB};
use crate::preview::trigger;

/// How many characters of a commit are enough for people.
const SHORT: usize = 7;

/// A branch or pull request that GitHub has.
pub(super) struct Listed {
    pub subject: Subject,
    pub revision: Revision,
    /// Whether it gets an environment by itself; otherwise why not.
    pub choice: Result<(), String>,
    /// Its author may be anybody: no commit of it is deployed that a person has not asked for.
    pub is_foreign: bool,
}

impl Listed {
    pub(super) fn branch(policy: &Policy, branch: &Branch) -> Self {
        let revision = Revision { sha: branch.sha.clone(), branch: branch.name.clone(), pull_request: None };
        let choice = trigger::branch(&policy.trigger, &branch.name);
        Self { subject: Subject::Branch(branch.name.clone()), revision, choice, is_foreign: false }
    }

    pub(super) fn pull_request(policy: &Policy, pull: &PullRequest) -> Self {
        let pull_request = Some(pull.number);
        let revision = Revision { sha: pull.sha.clone(), branch: pull.branch.clone(), pull_request };
        let choice = trigger::pull_request(&policy.trigger, pull);
        let allows = policy.trigger.pull_requests.as_ref().is_some_and(|rules| rules.forks);
        let is_foreign = pull.fork && !allows;
        Self { subject: Subject::PullRequest(pull.number), revision, choice, is_foreign }
    }
}

/// What may not be removed now.
pub(super) struct Removals {
    /// So many are held, because they are more than `limit`; 0: none is.
    pub held: usize,
    pub limit: u32,
    /// Whether what the list lacks is gone.
    pub is_believed: bool,
    /// So many would go if it were.
    pub disbelieved: usize,
    pub default_branch: String,
    pub repository: String,
}

impl Removals {
    /// Why an environment stays that GitHub's list would end for this reason, in two sentences: one for the delivery
    /// that speaks of it, and one for those who look at it, which stays the same while it is held.
    fn holds(&self, id: &str, why: &str, is_listed: bool) -> Option<(String, String)> {
        if !is_listed && !self.is_believed {
            let said = format!("`{id}` stays: GitHub's list lacks the default branch, and is not believed");
            let held = "but GitHub's list lacks the default branch, and is not believed";
            return Some((said, format!("it would go ({why}), {held}")));
        }
        if self.held == 0 {
            return None;
        }
        let said = format!("`{id}` would go ({why}), but too many would at once: a person must confirm it");
        let (limit, repository) = (self.limit, &self.repository);
        let held = format!(
            "it would go ({why}), and more than {limit} would at once: `longshore preview confirm {repository}` lets them go"
        );
        Some((said, held))
    }

    pub(super) fn waiting(&self) -> Vec<String> {
        let mut waiting = Vec::new();
        if self.disbelieved > 0 {
            waiting.push(format!(
                "GitHub's list has neither the default branch `{}` nor what {} to: such a list is not believed, and they \
                 stay",
                self.default_branch,
                many(self.disbelieved, "belongs", "belong")
            ));
        }
        if self.held > 0 {
            waiting.push(format!(
                "{} removed at once, and more than {} need a person's word: `longshore preview confirm {}` lets them go",
                many(self.held, "would be", "would be"),
                self.limit,
                self.repository
            ));
        }
        waiting
    }
}

/// So long after a person has asked for a branch GitHub's list may still lack it.
const LIST_LAGS_S: i64 = 60;

/// Why GitHub's state ends an environment that is there, if it does. What a person asked for is GitHub's affair all the
/// same when its branch gets an environment by itself.
pub(super) fn ends(
    record: &Environment,
    policy: &Policy,
    listed: Option<&Listed>,
    now: Timestamp,
) -> Option<String> {
    let Presence::Up { by } = &record.wish.presence else { return None };
    let is_of_trigger = || match &record.subject {
        Subject::Branch(name) => {
            listed.is_none()
                && trigger::branch(&policy.trigger, name).is_ok()
                && now.ms_since(record.progress.created_at) >= LIST_LAGS_S * 1000
        }
        Subject::PullRequest(_) => false,
    };
    if by != GITHUB && !is_of_trigger() {
        return None;
    }
    match (listed.map(|it| &it.choice), &record.subject) {
        (Some(Ok(())), _) => None,
        (Some(Err(_)), _) if record.wish.pinned => None,
        (Some(Err(why)), _) => Some(why.clone()),
        (None, Subject::Branch(_)) => Some("the branch was deleted".to_owned()),
        (None, Subject::PullRequest(_)) => Some("the pull request was closed".to_owned()),
    }
}

/// Brings a record's wish to what GitHub has, and says in a sentence what that is.
pub(super) fn step(
    record: &mut Environment,
    policy: &Policy,
    listed: Option<&Listed>,
    removals: &Removals,
    now: Timestamp,
) -> String {
    let id = record.names.id.clone();
    record.held = None;
    if let Some(why) = ends(record, policy, listed, now) {
        if let Some((said, held)) = removals.holds(&id, &why, listed.is_some()) {
            record.held = Some(held);
            return said;
        }
        record::remove(record, &why, GITHUB, now);
        return format!("`{id}` is removed: {why}");
    }
    if matches!(record.wish.presence, Presence::Down(_)) {
        return while_removed(record, listed, removals.is_believed, now);
    }
    let Some(listed) = listed else {
        let end = if policy.limits.ttl_s.is_some() { "its time or `down` ends it" } else { "`down` ends it" };
        return format!("GitHub does not have it, but a person asked for `{id}`: {end}");
    };
    if listed.choice.is_ok() {
        record.wish.presence = Presence::Up { by: GITHUB.to_owned() };
    }
    if listed.is_foreign && record.wish.revision != listed.revision {
        let sha = short(&listed.revision.sha);
        return format!("Commit {sha} comes from a fork: `{id}` gets it when a person asks for it with `up`");
    }
    let sha = short(&listed.revision.sha);
    if record::set_revision(record, &listed.revision, now) {
        return format!("`{id}` gets commit {sha}");
    }
    format!("`{id}` should run commit {sha} already: there is nothing new")
}

/// What people hear of one that is held, or is so no longer: each once.
pub(super) fn notice(
    before: &Environment,
    after: &Environment,
    policy: &Policy,
    now: Timestamp,
) -> Option<Notice> {
    let moment = match (&before.held, &after.held, &after.wish.presence) {
        (None, Some(_), _) => Moment::Held,
        (Some(_), None, Presence::Up { .. }) => Moment::Kept,
        _ => return None,
    };
    let url = after.progress.deployed.is_some().then(|| environment::url(after, Some(policy))).flatten();
    Some(Notice {
        at: now,
        moment,
        environment: after.names.id.clone(),
        repository: after.repository.clone(),
        revision: after.wish.revision.clone(),
        url,
        text: after.held.as_ref().map(|held| format!("{}: {held}", after.names.id)).unwrap_or_default(),
        log_tail: Vec::new(),
    })
}

/// Of one that is being removed: whether it is wanted back.
fn while_removed(
    record: &mut Environment,
    listed: Option<&Listed>,
    is_believed: bool,
    now: Timestamp,
) -> String {
    let id = record.names.id.clone();
    let sha = record.wish.revision.sha.clone();
    let Presence::Down(removal) = &mut record.wish.presence else { return String::new() };
    let wanted = listed.filter(|listed| listed.choice.is_ok());
    match wanted {
        Some(listed) if wants_back(removal, listed, &sha) => {
            removal.again.get_or_insert_with(|| GITHUB.to_owned());
        }
        None if removal.again.as_deref() == Some(GITHUB) && (listed.is_some() || is_believed) => {
            removal.again = None;
        }
        Some(_) | None => {}
    }
    let (why, again) = (removal.why.clone(), removal.again.is_some());
    if again {
        if let Some(listed) = listed.filter(|listed| !listed.is_foreign) {
            record::set_revision(record, &listed.revision, now);
        }
        let sha = short(&record.wish.revision.sha);
        return format!(
            "`{id}` is being removed ({why}), and is made anew with commit {sha} when it is gone"
        );
    }
    format!("`{id}` is being removed: {why}")
}

/// GitHub ends only what GitHub lacks, so that it wants back what it has again. Others end what GitHub has: there it is
/// the next commit that wants it back.
fn wants_back(removal: &Removal, listed: &Listed, sha: &str) -> bool {
    removal.by == GITHUB || listed.revision.sha != sha
}

/// Takes over the names of services that longshore.toml has got since. False when other names have changed, too: these
/// are what its things in AWS are found by, and stay.
pub(super) fn adopt_names(record: &mut Environment, policy: &Policy) -> bool {
    let today = names(policy, &record.subject);
    let ours = &record.names;
    if today.id != ours.id || matches!(record.wish.presence, Presence::Down(_)) {
        return true;
    }
    let is_longer =
        today.services.starts_with(&ours.services) && today.target_groups.starts_with(&ours.target_groups);
    if is_longer {
        record.names = today;
    }
    is_longer
}

/// `1 environment waits`, `2 environments wait`.
pub(super) fn many(count: usize, one: &str, more: &str) -> String {
    if count == 1 { format!("1 environment {one}") } else { format!("{count} environments {more}") }
}

/// A commit as people know it.
pub(crate) fn short(sha: &str) -> String {
    sha.chars().take(SHORT).collect()
}
