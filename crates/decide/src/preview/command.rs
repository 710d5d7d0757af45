//! What a person asks of an environment, written into its record. The answer is a sentence for them.

use longshore_model::preview::view::Command;
use longshore_model::preview::{Environment, Policy, Presence, Revision, Sleep, State, Subject};
use longshore_model::{Error, Kind, Timestamp};

use super::environment;
use super::record::{self, GITHUB};
use super::repository::{short, whose};

/// Nothing is kept for longer than a year by one word.
const EXTEND_LIMIT_S: u32 = 366 * 24 * 3600;

/// Writes a command into the record of the environment that it speaks of: `None` when there is no record. `revision` is
/// what GitHub has of the branch or pull request now, for [`Command::Up`]. Called again on a newer record it does the same.
///
/// # Errors
/// [`Kind::NotFound`] when there is nothing to change, [`Kind::Conflict`] for what cannot be done to an environment that
/// is being removed, [`Kind::Invalid`] for what cannot be asked.
pub fn apply(
    record: &mut Option<Environment>,
    command: &Command,
    policy: &Policy,
    who: &str,
    now: Timestamp,
    revision: Option<&Revision>,
) -> Result<String, Error> {
    let who = person(who);
    if let Command::Up { .. } = command {
        return up(record, &subject(command)?, policy, &who, now, revision);
    }
    let Some(record) = record else {
        return match command {
            Command::Down { environment } => Ok(format!("`{environment}` is gone already")),
            Command::Confirm { .. } => Err(not_of_one()),
            _ => Err(Error::new(Kind::NotFound, "there is no such environment").with_hint("`up` makes one")),
        };
    };
    if let Command::Down { .. } = command {
        return Ok(down(record, &who, now));
    }
    if let Presence::Down(removal) = &record.wish.presence {
        let message = format!("`{}` is being removed: {}", record.names.id, removal.why);
        return Err(Error::new(Kind::Conflict, message).with_hint("`up` makes it anew when it is gone"));
    }
    match command {
        Command::Extend { seconds, .. } => extend(record, policy, *seconds, now),
        Command::Pin { pinned, .. } => Ok(pin(record, *pinned)),
        Command::Sleep { .. } => Ok(sleep(record, policy, now)),
        Command::Wake { .. } => Ok(wake(record, now)),
        Command::Up { .. } | Command::Down { .. } | Command::Confirm { .. } => Err(not_of_one()),
    }
}

/// The same for an environment of which longshore.toml speaks no more: it can only be taken down, and without its hooks,
/// which nobody knows.
///
/// # Errors
/// [`Kind::NotFound`] for everything else.
pub fn apply_without_policy(
    record: &mut Option<Environment>,
    command: &Command,
    who: &str,
    now: Timestamp,
) -> Result<String, Error> {
    match (record, command) {
        (Some(record), Command::Down { .. }) => {
            let answer = down(record, &person(who), now);
            if let Presence::Down(removal) = &mut record.wish.presence {
                removal.without_hooks = true;
            }
            Ok(match environment::hooks_left_out(record) {
                Some(hooks) => {
                    format!("{answer}; without its {hooks}, because longshore.toml does not have them")
                }
                None => answer,
            })
        }
        (None, Command::Down { environment }) => Ok(format!("`{environment}` is gone already")),
        _ => {
            let error =
                Error::new(Kind::NotFound, "longshore.toml has no [[preview]] of its repository any more");
            Err(error.with_hint("`down` is all that can be done"))
        }
    }
}

/// What an [`Command::Up`] is for.
///
/// # Errors
/// [`Kind::Invalid`] when it names neither or both.
pub fn subject(command: &Command) -> Result<Subject, Error> {
    let refused = |message: &str| {
        Err(Error::new(Kind::Invalid, message).with_hint("name a branch, or a pull request as `#NUMBER`"))
    };
    match command {
        Command::Up { branch: Some(branch), pull_request: None, .. } if !branch.is_empty() => {
            Ok(Subject::Branch(branch.clone()))
        }
        Command::Up { branch: None, pull_request: Some(number), .. } => Ok(Subject::PullRequest(*number)),
        Command::Up { branch: Some(_), pull_request: Some(_), .. } => {
            refused("an environment is of a branch or of a pull request, not of both")
        }
        _ => refused("which branch or pull request?"),
    }
}

/// A command, as the audit log says it.
#[must_use]
pub fn words(command: &Command) -> String {
    match command {
        Command::Up { repository, branch, pull_request } => {
            let subject = match (pull_request, branch) {
                (Some(number), _) => format!("#{number}"),
                (None, branch) => branch.clone().unwrap_or_default(),
            };
            let of = repository.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
            format!("up {subject}{of}")
        }
        Command::Down { environment } => format!("down {environment}"),
        Command::Extend { environment, seconds: Some(seconds) } => {
            format!("extend {environment} by {seconds} s")
        }
        Command::Extend { environment, seconds: None } => format!("extend {environment}"),
        Command::Pin { environment, pinned: true } => format!("pin {environment}"),
        Command::Pin { environment, pinned: false } => format!("unpin {environment}"),
        Command::Sleep { environment } => format!("sleep {environment}"),
        Command::Wake { environment } => format!("wake {environment}"),
        Command::Confirm { repository } => format!("confirm removals of {repository}"),
    }
}

/// Nobody may be called as the policy and the clock are.
fn person(who: &str) -> String {
    if [GITHUB, "ttl", ""].contains(&who) { format!("@{who}") } else { who.to_owned() }
}

fn not_of_one() -> Error {
    Error::new(Kind::Invalid, "that is asked of a repository, not of an environment")
}

fn up(
    slot: &mut Option<Environment>,
    subject: &Subject,
    policy: &Policy,
    who: &str,
    now: Timestamp,
    revision: Option<&Revision>,
) -> Result<String, Error> {
    let Some(revision) = revision else {
        let message = format!("{} has no {subject}", policy.repository);
        return Err(
            Error::new(Kind::NotFound, message).with_hint("push it first; a pull request must be open")
        );
    };
    let sha = short(&revision.sha);
    let Some(record) = slot else {
        let made = record::fresh(policy, subject.clone(), revision.clone(), who, now);
        let answer = format!("`{}` is made, with commit {sha}", made.names.id);
        *slot = Some(made);
        return Ok(answer);
    };
    let id = record.names.id.clone();
    if record.subject != *subject || !record.repository.eq_ignore_ascii_case(&policy.repository) {
        let message = format!("the name `{id}` is that of {}", whose(record, policy));
        return Err(
            Error::new(Kind::Conflict, message).with_hint("the name is free when that environment is gone")
        );
    }
    if let Presence::Down(removal) = &mut record.wish.presence {
        removal.again.get_or_insert_with(|| who.to_owned());
        record::set_revision(record, revision, now);
        return Ok(format!("`{id}` is being removed, and is made anew with commit {sha} when it is gone"));
    }
    let has_failed = record.progress.failure.as_ref().is_some_and(|failure| {
        failure.revision.sha == revision.sha && failure.attempt == record.wish.attempt
    });
    if record::set_revision(record, revision, now) {
        wake(record, now);
        return Ok(format!("`{id}` gets commit {sha}"));
    }
    if has_failed {
        wake(record, now);
        record.wish.attempt = record.wish.attempt.saturating_add(1);
        record.progress.changed_at = now;
        return Ok(format!("`{id}` tries commit {sha} again"));
    }
    if record.wish.sleep == Sleep::Asleep || record.state == State::Asleep {
        return Ok(wake(record, now));
    }
    Ok(format!("`{id}` has commit {sha} already: it is {}", record.state.word()))
}

fn down(record: &mut Environment, who: &str, now: Timestamp) -> String {
    let id = record.names.id.clone();
    match &mut record.wish.presence {
        Presence::Up { .. } => {
            record::remove(record, &format!("{who} asked for it"), who, now);
            format!("`{id}` is removed")
        }
        Presence::Down(removal) if removal.again.is_some() => {
            // Without this, what GitHub has would be made anew by the next look.
            removal.again = None;
            who.clone_into(&mut removal.by);
            removal.why = format!("{who} asked for it");
            format!("`{id}` is being removed, and is not made anew")
        }
        Presence::Down(removal) => format!("`{id}` is being removed already: {}", removal.why),
    }
}

fn extend(
    record: &mut Environment,
    policy: &Policy,
    seconds: Option<u32>,
    now: Timestamp,
) -> Result<String, Error> {
    let id = &record.names.id;
    if record.wish.pinned {
        return Ok(format!("`{id}` is pinned: it does not end by itself"));
    }
    let Some(ttl) = policy.limits.ttl_s else {
        return Ok(format!("`{id}` does not end by itself: {} has no TTL", policy.repository));
    };
    let seconds = seconds.unwrap_or(ttl);
    if seconds == 0 || seconds > EXTEND_LIMIT_S {
        let message = format!("`{id}` can be kept for a year at most, and for a second at least");
        return Err(Error::new(Kind::Invalid, message).with_hint("`pin` keeps it for longer"));
    }
    let until = now.plus_seconds(seconds.into());
    if record.wish.keep_until.is_some_and(|kept| kept >= until) {
        return Ok(format!("`{id}` is kept for longer than that already"));
    }
    record.wish.keep_until = Some(until);
    Ok(format!("`{}` is kept until {} at least", record.names.id, super::view::time(until)))
}

fn pin(record: &mut Environment, pinned: bool) -> String {
    let was = std::mem::replace(&mut record.wish.pinned, pinned);
    if was != pinned {
        // Who was warned has answered: there is another warning before the end.
        record.progress.warned_of = None;
    }
    let id = &record.names.id;
    match (was, pinned) {
        (true, true) => format!("`{id}` is pinned already"),
        (false, true) => format!("`{id}` is pinned: only the end of its branch or `down` ends it"),
        (true, false) => format!("`{id}` is not pinned any longer"),
        (false, false) => format!("`{id}` was not pinned"),
    }
}

fn sleep(record: &mut Environment, policy: &Policy, now: Timestamp) -> String {
    let id = &record.names.id;
    if record.wish.sleep == Sleep::Asleep {
        return format!("`{id}` is to sleep already");
    }
    // Asked for once more it would fall asleep again as soon as a request has woken it.
    if record.progress.asleep_since.is_some() && !record.progress.woken {
        return format!("`{id}` sleeps already");
    }
    record.wish.sleep = Sleep::Asleep;
    record.progress.changed_at = now;
    match environment::entrance(record, Some(policy)) {
        Some(_) => format!("`{id}` goes to sleep; the next request or `wake` wakes it"),
        None => format!("`{id}` goes to sleep; `wake` wakes it, since its requests are not seen here"),
    }
}

/// A person's word counts as a request: otherwise an idle environment would fall asleep again at once.
fn wake(record: &mut Environment, now: Timestamp) -> String {
    let id = &record.names.id;
    record.progress.last_request_at = record.progress.last_request_at.max(Some(now));
    record.progress.woken = true;
    if record.wish.sleep == Sleep::Auto && record.state != State::Asleep {
        return format!("`{id}` is awake already");
    }
    record.wish.sleep = Sleep::Auto;
    record.progress.changed_at = now;
    format!("`{id}` wakes up")
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
