//! The lines of an environment's timeline: what differs between a record and the one before.

use longshore_model::preview::{EntryKind, Environment, HookState, Presence, Sleep, State};

use super::environment::{self, Outcome};

/// What a change of a record says to people. `by` is who asked for it, when it was asked for; `outcome` is that of the
/// action whose end is being written.
#[must_use]
pub fn lines(
    before: Option<&Environment>,
    after: Option<&Environment>,
    by: Option<&str>,
    outcome: Option<&Outcome>,
) -> Vec<(EntryKind, String)> {
    let mut lines = Vec::new();
    match (before, after) {
        (None, None) => {}
        (None, Some(after)) => {
            let by = by.unwrap_or("github");
            lines.push((EntryKind::Asked, format!("{by}: an environment for {}", after.subject)));
            if let Presence::Down(removal) = &after.wish.presence {
                lines.push((EntryKind::Asked, format!("{}: remove it: {}", removal.by, removal.why)));
            }
        }
        (Some(before), None) => {
            let not_run = environment::hooks_not_run(before).map(|not_run| format!("; {not_run}"));
            let text = format!("nothing of it is left{}", not_run.unwrap_or_default());
            lines.push((EntryKind::State, text));
        }
        (Some(before), Some(after)) => {
            asked(before, after, by, &mut lines);
            done(before, after, outcome, &mut lines);
            hooks(before, after, &mut lines);
            if after.progress.failure != before.progress.failure
                && let Some(failure) = &after.progress.failure
            {
                lines.push((EntryKind::Error, failure.why.clone()));
            }
            if after.held != before.held
                && let Some(held) = &after.held
            {
                lines.push((EntryKind::State, held.clone()));
            }
            if after.state != before.state {
                lines.push((EntryKind::State, after.state.word().to_owned()));
            }
        }
    }
    lines
}

fn asked(before: &Environment, after: &Environment, who: Option<&str>, lines: &mut Vec<(EntryKind, String)>) {
    let by = who.unwrap_or("github");
    let (old, new) = (&before.wish, &after.wish);
    let mut say = |by: &str, what: String| lines.push((EntryKind::Asked, format!("{by}: {what}")));
    if new.revision != old.revision {
        let sha = new.revision.sha.get(..7).unwrap_or(&new.revision.sha);
        say(by, format!("run {sha} of `{}`", new.revision.branch));
    }
    if new.attempt != old.attempt {
        say(by, "try again".to_owned());
    }
    match (&old.presence, &new.presence) {
        (Presence::Up { .. }, Presence::Down(removal)) => {
            say(&removal.by, format!("remove it: {}", removal.why))
        }
        (Presence::Down(_), Presence::Up { by }) => say(by, "make it again".to_owned()),
        (Presence::Up { by: old }, Presence::Up { by }) if old != by => say(by, "keep it".to_owned()),
        _ => {}
    }
    let is_given_up =
        |presence: &Presence| matches!(presence, Presence::Down(removal) if removal.without_hooks);
    if is_given_up(&new.presence)
        && !is_given_up(&old.presence)
        && let Some(hooks) = environment::hooks_left_out(after)
    {
        say(by, format!("remove it without its {hooks}"));
    }
    if new.pinned != old.pinned {
        say(by, if new.pinned { "pin it" } else { "unpin it" }.to_owned());
    }
    if new.keep_until != old.keep_until && new.keep_until.is_some() {
        say(by, "keep it for longer".to_owned());
    }
    // A round that uses the wish up asks for nothing. Once it sleeps, the wish is used up: then it is the word that counts as
    // a request.
    let is_woken = before.state == State::Asleep
        && after.progress.last_request_at > before.progress.last_request_at
        && new.sleep == Sleep::Auto;
    if who.is_some() && (new.sleep != old.sleep || is_woken) {
        say(by, if new.sleep == Sleep::Asleep { "put it to sleep" } else { "wake it" }.to_owned());
    }
}

/// Intents that are new, and those whose outcome is known now.
fn done(
    before: &Environment,
    after: &Environment,
    outcome: Option<&Outcome>,
    lines: &mut Vec<(EntryKind, String)>,
) {
    let (old, new) = (&before.progress.intents, &after.progress.intents);
    for gone in old.iter().filter(|intent| !new.iter().any(|other| other.ordinal == intent.ordinal)) {
        lines.push(match outcome {
            Some(Outcome::Failed(_, why)) => (EntryKind::Error, format!("{}: {why}", gone.what)),
            Some(Outcome::Done(_)) => (EntryKind::Done, gone.what.clone()),
            None => continue,
        });
    }
    for begun in new.iter().filter(|intent| !old.iter().any(|other| other.ordinal == intent.ordinal)) {
        lines.push((EntryKind::Intent, begun.what.clone()));
    }
}

fn hooks(before: &Environment, after: &Environment, lines: &mut Vec<(EntryKind, String)>) {
    for (key, run) in &after.progress.hooks {
        let known = before.progress.hooks.get(key);
        if known.is_some_and(|known| known.state == run.state && known.attempts == run.attempts) {
            continue;
        }
        lines.push(match &run.state {
            HookState::Running => (EntryKind::Intent, format!("hook {key}")),
            HookState::Done => (EntryKind::Done, format!("hook {key}")),
            HookState::Uncalled { why, .. } | HookState::Failed(why) => {
                (EntryKind::Error, format!("hook {key}: {why}"))
            }
        });
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
