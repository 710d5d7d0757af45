//! What changes of a record say.

use longshore_model::Kind;
use longshore_model::preview::{HookRun, Intent};

use super::super::record;
use super::super::samples::{NOW, environment, revision};
use super::*;

fn said(change: impl Fn(&mut Environment), outcome: Option<&Outcome>) -> Vec<(EntryKind, String)> {
    let before = environment("feature/x");
    let mut after = before.clone();
    change(&mut after);
    lines(Some(&before), Some(&after), Some("ada"), outcome)
}

fn intent(what: &str) -> Intent {
    Intent { ordinal: 1, what: what.to_owned(), at: NOW }
}

#[test]
fn who_asked_for_what_is_said() {
    let one = |change: fn(&mut Environment)| {
        let said = said(change, None);
        let [(EntryKind::Asked, text)] = &said[..] else { panic!("{said:?}") };
        text.clone()
    };
    assert_eq!(one(|it| it.wish.pinned = true), "ada: pin it");
    assert_eq!(one(|it| it.wish.attempt = 1), "ada: try again");
    assert_eq!(one(|it| it.wish.sleep = Sleep::Asleep), "ada: put it to sleep");
    assert_eq!(one(|it| it.wish.revision = revision("bbb2", "feature/x")), "ada: run bbb2 of `feature/x`");
    assert_eq!(
        one(|it| {
            record::remove(it, "branch deleted", "github", NOW);
            it.state = State::Queued;
        }),
        "github: remove it: branch deleted"
    );
    assert_eq!(said(|_| {}, None), []);
}

#[test]
fn who_wakes_one_that_sleeps_is_said_and_a_request_is_not() {
    let mut asleep = environment("feature/x");
    asleep.state = State::Asleep;
    asleep.progress.asleep_since = Some(NOW);
    let mut woken = asleep.clone();
    woken.progress.last_request_at = Some(NOW.plus_seconds(1));
    let said = |who| lines(Some(&asleep), Some(&woken), who, None);
    assert_eq!(said(Some("ada")), [(EntryKind::Asked, "ada: wake it".to_owned())]);
    assert_eq!(said(None), []);
    let mut slept = asleep.clone();
    slept.wish.sleep = Sleep::Asleep;
    let said = lines(Some(&asleep), Some(&slept), Some("ada"), None);
    assert_eq!(said, [(EntryKind::Asked, "ada: put it to sleep".to_owned())]);
}

#[test]
fn an_action_is_said_before_it_is_done_and_with_what_it_came_to() {
    let begun = said(|it| it.progress.intents.push(intent("create service x")), None);
    assert_eq!(begun, [(EntryKind::Intent, "create service x".to_owned())]);
    let mut before = environment("feature/x");
    let after = before.clone();
    before.progress.intents.push(intent("create service x"));
    let ended = |outcome: &Outcome| lines(Some(&before), Some(&after), None, Some(outcome));
    assert_eq!(ended(&Outcome::Done(None)), [(EntryKind::Done, "create service x".to_owned())]);
    let failed = ended(&Outcome::Failed(Kind::Throttled, "too many calls".to_owned()));
    assert_eq!(failed, [(EntryKind::Error, "create service x: too many calls".to_owned())]);
    assert_eq!(lines(Some(&before), Some(&after), None, None), [], "seen to be done, or not to be needed");
}

#[test]
fn states_and_hooks_and_the_end_are_said() {
    assert_eq!(said(|it| it.state = State::Ready, None), [(EntryKind::State, "ready".to_owned())]);
    let run = |state| HookRun { state, attempts: 1, at: NOW };
    let hook = |state: HookState| {
        said(move |it| drop(it.progress.hooks.insert("m/s/seed".to_owned(), run(state.clone()))), None)
    };
    assert_eq!(hook(HookState::Running), [(EntryKind::Intent, "hook m/s/seed".to_owned())]);
    assert_eq!(hook(HookState::Done), [(EntryKind::Done, "hook m/s/seed".to_owned())]);
    let failed = hook(HookState::Failed("no".to_owned()));
    assert_eq!(failed, [(EntryKind::Error, "hook m/s/seed: no".to_owned())]);
    let uncalled = HookState::Uncalled { why: "no answer".to_owned(), again_at: NOW };
    assert_eq!(hook(uncalled), [(EntryKind::Error, "hook m/s/seed: no answer".to_owned())]);
    let record = environment("feature/x");
    assert_eq!(lines(Some(&record), None, None, None)[0].0, EntryKind::State);
    assert_eq!(lines(None, Some(&record), None, None).len(), 1);
}
