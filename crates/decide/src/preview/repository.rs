//! Which environments a repository should have: GitHub's branches and pull requests against what is kept.
//!
//! Guarantees: a listing that failed changes nothing. What a listing without the default branch lacks is not removed. A
//! listing that would remove more than the policy allows at once removes nothing until a person confirms it. What stays
//! for one of these reasons says so, and people hear of it once. What a
//! person asked for is not removed because GitHub does not have it: its TTL or a person ends it. What ended by its TTL or
//! by a person's word comes back with the next commit, not before.

mod step;

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::Timestamp;
use longshore_model::preview::{Ended, Environment, Notice, Policy, Subject, github};

pub(crate) use self::step::short;
use self::step::{Listed, Removals};
use super::names::names;
use super::record::{self, GITHUB};

/// For so long a person's word holds that many may be removed at once.
const CONFIRMED_MS: i64 = 10 * 60 * 1000;

/// All that the decision may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<'a> {
    /// What the repository's environments are like.
    pub policy: &'a Policy,
    /// All of its branches and open pull requests; `Err` in words when they could not be read, whole.
    pub github: Result<&'a github::Repository, String>,
    /// What is kept of this repository; and of others, as far as it has ids that new ones would get.
    pub environments: &'a [Environment],
    /// What is remembered of those that are gone. Read after `environments`, so that one that has just gone is in either.
    pub ended: &'a [Ended],
    /// Whether a person has confirmed that many may go, and when.
    pub confirmed_at: Option<Timestamp>,
}

/// What is to be done. Nothing of it reaches AWS: records are written, and their own reconcilers do the rest.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use = "a plan does nothing until it is carried out"]
pub struct Plan {
    /// Records that are new or changed, whole.
    pub write: Vec<Environment>,
    /// The ids of environments whose end need not be remembered any longer.
    pub over: Vec<String>,
    /// What people should hear of.
    pub notices: Vec<Notice>,
    /// Why no more than this happens now, in sentences.
    pub waiting: Vec<String>,
    /// What there is to say of each branch and pull request, for the deliveries that named one: its subject's display
    /// text, and a sentence.
    pub findings: Vec<(String, String)>,
}

impl Plan {
    /// What there is to say to a delivery that named a subject (by its display text), so that each ends in a sentence.
    #[must_use]
    pub fn finding(&self, about: &str) -> &str {
        let found = self.findings.iter().find(|(subject, _)| subject == about);
        found.map_or("GitHub does not have it, and it has no environment: there is nothing to do", |it| &it.1)
    }
}

/// What is to be done, given what was seen.
pub fn decide(seen: &Seen<'_>, now: Timestamp) -> Plan {
    let github = match &seen.github {
        Ok(github) => *github,
        Err(why) => {
            let waiting = format!("GitHub could not be read: {why}. Nothing is changed until it can");
            return Plan { waiting: vec![waiting], ..Plan::default() };
        }
    };
    let listed = listed(seen.policy, github);
    let own: Vec<&Environment> = seen
        .environments
        .iter()
        .filter(|it| it.repository.eq_ignore_ascii_case(&seen.policy.repository))
        .collect();
    let mut findings: BTreeMap<Subject, String> = BTreeMap::new();
    let mut plan = Plan::default();
    let removals = removals(seen, github, &own, &listed, now);
    plan.waiting.extend(removals.waiting());

    let mut kept = Vec::new();
    for record in &own {
        let mut after = (*record).clone();
        let found = step::step(&mut after, seen.policy, listed.get(&record.subject), &removals, now);
        findings.insert(record.subject.clone(), found);
        if !step::adopt_names(&mut after, seen.policy) {
            plan.waiting.push(format!(
                "`{}` keeps the services that it was made with: longshore.toml has others now. `down` and then `up` makes \
                 it anew",
                record.names.id
            ));
        }
        if after != **record {
            plan.notices.extend(step::notice(record, &after, seen.policy, now));
            plan.write.push(after.clone());
        }
        kept.push(after);
    }
    create(seen, &listed, &mut kept, &mut plan, &mut findings, now);
    let most = seen.policy.limits.environments;
    let queued = kept.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
    if queued > 0 {
        plan.waiting
            .push(format!("{} for room: there may be {most} at once", step::many(queued, "waits", "wait")));
    }
    plan.over = over(seen, github, &listed, &kept);
    plan.findings = findings.into_iter().map(|(subject, found)| (subject.to_string(), found)).collect();
    plan
}

/// Everything that GitHub has, and whether it gets an environment by itself.
fn listed(policy: &Policy, github: &github::Repository) -> BTreeMap<Subject, Listed> {
    let branches = github.branches.iter().map(|branch| Listed::branch(policy, branch));
    let pulls = github.pull_requests.iter().map(|pull| Listed::pull_request(policy, pull));
    branches.chain(pulls).map(|listed| (listed.subject.clone(), listed)).collect()
}

/// What would be removed, and whether it may be now.
fn removals(
    seen: &Seen<'_>,
    github: &github::Repository,
    own: &[&Environment],
    listed: &BTreeMap<Subject, Listed>,
    now: Timestamp,
) -> Removals {
    let is_believed = is_believed(github);
    let ends =
        |record: &&&Environment| step::ends(record, seen.policy, listed.get(&record.subject), now).is_some();
    let all = own.iter().filter(ends).count();
    let missing = own.iter().filter(ends).filter(|it| !listed.contains_key(&it.subject)).count();
    let count = if is_believed { all } else { all - missing };
    let limit = seen.policy.limits.removals;
    let is_confirmed = seen.confirmed_at.is_some_and(|at| now.ms_since(at).abs() <= CONFIRMED_MS);
    let is_many = u32::try_from(count).map_or(true, |count| count > limit) && !is_confirmed;
    Removals {
        held: if is_many { count } else { 0 },
        limit,
        is_believed,
        disbelieved: if is_believed { 0 } else { missing },
        default_branch: github.default_branch.clone(),
        repository: seen.policy.repository.clone(),
    }
}

/// A repository has its default branch: a list without it is the list of a repository that is being made, or garbage.
fn is_believed(github: &github::Repository) -> bool {
    github.branches.iter().any(|branch| branch.name == github.default_branch)
}

/// New records for what is wanted and has none.
fn create(
    seen: &Seen<'_>,
    listed: &BTreeMap<Subject, Listed>,
    kept: &mut Vec<Environment>,
    plan: &mut Plan,
    findings: &mut BTreeMap<Subject, String>,
    now: Timestamp,
) {
    let have: BTreeSet<Subject> = kept.iter().map(|it| it.subject.clone()).collect();
    let ids = seen.environments.iter().map(|it| (it.names.id.clone(), whose(it, seen.policy)));
    let mut taken: BTreeMap<String, String> = ids.collect();
    for (subject, listed) in listed.iter().filter(|(subject, _)| !have.contains(subject)) {
        let ended = seen.ended.iter().find(|it| it.subject == *subject && it.sha == listed.revision.sha);
        let id = names(seen.policy, subject).id;
        let found = match (&listed.choice, ended, taken.get(&id)) {
            (Err(why), _, _) => format!("It gets no environment: {why}"),
            (Ok(()), Some(ended), _) => format!(
                "Its environment ended with commit {}: {}. The next commit or `up` brings it back",
                short(&ended.sha),
                ended.why
            ),
            (Ok(()), None, Some(other)) => {
                let why = format!("{subject} waits for the name `{id}`, which is that of {other}");
                plan.waiting.push(why.clone());
                why
            }
            (Ok(()), None, None) => {
                let revision = listed.revision.clone();
                let record = record::fresh(seen.policy, subject.clone(), revision, GITHUB, now);
                kept.push(record.clone());
                plan.write.push(record);
                taken.insert(id.clone(), subject.to_string());
                format!("`{id}` is made, with commit {}", short(&listed.revision.sha))
            }
        };
        findings.insert(subject.clone(), found);
    }
}

/// Who has a name, and what can be done about it.
pub(super) fn whose(record: &Environment, policy: &Policy) -> String {
    let Environment { subject, repository, .. } = record;
    if repository.eq_ignore_ascii_case(&policy.repository) {
        return subject.to_string();
    }
    format!("{subject} of {repository}: take that one down, or give {} another `app`", policy.repository)
}

/// An end is remembered while the same commit is there and no other life has begun.
fn over(
    seen: &Seen<'_>,
    github: &github::Repository,
    listed: &BTreeMap<Subject, Listed>,
    kept: &[Environment],
) -> Vec<String> {
    let is_over = |ended: &&Ended| {
        let lives = kept.iter().any(|it| it.subject == ended.subject);
        let moved = listed.get(&ended.subject).map_or(is_believed(github), |it| it.revision.sha != ended.sha);
        lives || moved
    };
    seen.ended.iter().filter(is_over).map(|ended| ended.environment.clone()).collect()
}

#[cfg(test)]
#[path = "repository_tests.rs"]
mod tests;
