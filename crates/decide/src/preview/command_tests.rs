//! Commands on records in each state.

use longshore_model::preview::{Failure, Route};

use super::super::samples::{NOW, branch, environment as sample, policy, revision};
use super::*;

const LATER: Timestamp = NOW.plus_seconds(60);

fn named() -> String {
    "x.shop".to_owned()
}

fn up_command() -> Command {
    Command::Up { repository: None, branch: Some("x".to_owned()), pull_request: None }
}

fn ask(record: &mut Option<Environment>, command: &Command) -> Result<String, Error> {
    apply(record, command, &policy(), "ada", LATER, Some(&revision("aaa1", "x")))
}

fn removed(by: &str) -> Option<Environment> {
    let mut record = sample("x");
    record::remove(&mut record, "for a reason", by, NOW);
    Some(record)
}

fn again(record: Option<&Environment>) -> Option<&str> {
    match &record?.wish.presence {
        Presence::Down(removal) => removal.again.as_deref(),
        Presence::Up { .. } => panic!("it is up"),
    }
}

#[test]
fn up_makes_one_for_what_github_has() {
    let mut record = None;
    let none = apply(&mut record, &up_command(), &policy(), "ada", LATER, None).unwrap_err();
    assert_eq!((none.kind(), none.to_string()), (Kind::NotFound, "octo/shop has no branch `x`".to_owned()));
    assert_eq!(record, None);

    assert_eq!(ask(&mut record, &up_command()).unwrap(), "`x.shop` is made, with commit aaa1");
    let expected = record::fresh(&policy(), branch("x"), revision("aaa1", "x"), "ada", LATER);
    assert_eq!(record, Some(expected));
    assert_eq!(ask(&mut record, &up_command()).unwrap(), "`x.shop` has commit aaa1 already: it is queued");
}

#[test]
fn up_takes_a_newer_commit_and_tries_a_failed_one_again() {
    let mut record = Some(sample("x"));
    let newer = revision("bbb2", "x");
    let answer = apply(&mut record, &up_command(), &policy(), "ada", LATER, Some(&newer)).unwrap();
    assert_eq!(answer, "`x.shop` gets commit bbb2");

    // Who asks for a commit wants to see it: one that sleeps is woken for it.
    let mut idle = sample("x");
    (idle.state, idle.progress.asleep_since) = (State::Asleep, Some(NOW));
    let mut record = Some(idle);
    apply(&mut record, &up_command(), &policy(), "ada", LATER, Some(&newer)).unwrap();
    assert_eq!(record.unwrap().progress.last_request_at, Some(LATER));

    let mut failed = sample("x");
    failed.progress.failure = Some(Failure {
        revision: revision("aaa1", "x"),
        attempt: 0,
        why: "it crashes".to_owned(),
        log_tail: Vec::new(),
        at: NOW,
    });
    let mut record = Some(failed);
    assert_eq!(ask(&mut record, &up_command()).unwrap(), "`x.shop` tries commit aaa1 again");
    let wish = &record.as_ref().unwrap().wish;
    assert_eq!((wish.attempt, wish.presence.clone()), (1, Presence::Up { by: GITHUB.to_owned() }));
    // The failure is of the attempt before: nothing is tried a third time.
    assert!(ask(&mut record, &up_command()).unwrap().contains("already"));
}

#[test]
fn up_queues_behind_a_removal_and_down_takes_it_back() {
    let mut record = removed(GITHUB);
    assert!(ask(&mut record, &up_command()).unwrap().contains("anew with commit aaa1 when it is gone"));
    assert_eq!(again(record.as_ref()), Some("ada"));
    let down = Command::Down { environment: named() };
    assert_eq!(ask(&mut record, &down).unwrap(), "`x.shop` is being removed, and is not made anew");
    assert_eq!(again(record.as_ref()), None);
    // It is the person now who ended it, so that GitHub's list does not bring it back.
    assert!(matches!(&record.unwrap().wish.presence, Presence::Down(removal) if removal.by == "ada"));
}

#[test]
fn down_of_one_that_is_gone_or_going_says_so() {
    let down = Command::Down { environment: named() };
    assert_eq!(ask(&mut None, &down).unwrap(), "`x.shop` is gone already");
    let mut record = Some(sample("x"));
    assert_eq!(ask(&mut record, &down).unwrap(), "`x.shop` is removed");
    assert_eq!(record.as_ref().unwrap().state, State::Removing);
    let before = record.clone();
    assert_eq!(ask(&mut record, &down).unwrap(), "`x.shop` is being removed already: ada asked for it");
    assert_eq!(record, before);
}

#[test]
fn a_person_called_as_the_policy_is_a_person() {
    let mut record = Some(sample("x"));
    let down = Command::Down { environment: named() };
    apply(&mut record, &down, &policy(), GITHUB, LATER, None).unwrap();
    assert!(matches!(&record.unwrap().wish.presence, Presence::Down(removal) if removal.by == "@github"));
}

#[test]
fn extend_never_shortens() {
    let extend = |seconds| Command::Extend { environment: named(), seconds };
    let mut record = Some(sample("x"));
    let day = ask(&mut record, &extend(Some(86_400))).unwrap();
    assert_eq!(day, "`x.shop` is kept until 2027-01-16T08:01:00Z at least");
    assert!(ask(&mut record, &extend(Some(3600))).unwrap().contains("longer than that already"));
    assert_eq!(record.as_ref().unwrap().wish.keep_until, Some(LATER.plus_seconds(86_400)));
    ask(&mut record, &extend(None)).unwrap();
    assert_eq!(record.as_ref().unwrap().wish.keep_until, Some(LATER.plus_seconds(7 * 86_400)));
    assert_eq!(ask(&mut record, &extend(Some(u32::MAX))).unwrap_err().kind(), Kind::Invalid);

    let mut endless = policy();
    endless.limits.ttl_s = None;
    let answer = apply(&mut record, &extend(None), &endless, "ada", LATER, None).unwrap();
    assert!(answer.contains("does not end by itself"), "{answer}");
}

#[test]
fn pin_and_unpin() {
    let pin = |pinned| Command::Pin { environment: named(), pinned };
    let mut record = Some(sample("x"));
    assert!(ask(&mut record, &pin(true)).unwrap().contains("only the end of its branch"));
    assert!(record.as_ref().unwrap().wish.pinned);
    assert!(ask(&mut record, &pin(true)).unwrap().contains("already"));
    let extend = Command::Extend { environment: named(), seconds: None };
    assert!(ask(&mut record, &extend).unwrap().contains("pinned"));
    assert!(ask(&mut record, &pin(false)).unwrap().contains("not pinned any longer"));
    assert!(!record.as_ref().unwrap().wish.pinned);
    assert!(ask(&mut record, &pin(false)).unwrap().contains("was not pinned"));
}

#[test]
fn sleep_and_wake() {
    let (sleep, wake) = (Command::Sleep { environment: named() }, Command::Wake { environment: named() });
    let mut record = Some(sample("x"));
    assert!(ask(&mut record, &wake).unwrap().contains("awake already"));
    assert!(ask(&mut record, &sleep).unwrap().contains("the next request or `wake`"));
    assert_eq!(record.as_ref().unwrap().wish.sleep, Sleep::Asleep);
    assert!(ask(&mut record, &sleep).unwrap().contains("already"));
    assert_eq!(ask(&mut record, &wake).unwrap(), "`x.shop` wakes up");
    let woken = record.as_ref().unwrap();
    assert_eq!((woken.wish.sleep, woken.progress.last_request_at), (Sleep::Auto, Some(LATER)));

    let mut idle = sample("x");
    idle.state = State::Asleep;
    idle.progress.asleep_since = Some(NOW);
    let before = Some(idle.clone());
    let mut twice = before.clone();
    assert_eq!(ask(&mut twice, &sleep).unwrap(), "`x.shop` sleeps already");
    assert_eq!(twice, before, "what wakes it is not undone");
    assert_eq!(ask(&mut Some(idle.clone()), &up_command()).unwrap(), "`x.shop` wakes up");
    assert_eq!(ask(&mut Some(idle), &wake).unwrap(), "`x.shop` wakes up");

    let mut host = policy();
    host.route = Route::Host { listener: "arn:x".to_owned(), domain: "example.com".to_owned() };
    let answer = apply(&mut Some(sample("x")), &sleep, &host, "ada", LATER, None).unwrap();
    assert!(answer.contains("requests are not seen"), "{answer}");
}

#[test]
fn what_is_being_removed_cannot_be_changed_otherwise() {
    let environment = named();
    for command in [
        Command::Extend { environment: environment.clone(), seconds: None },
        Command::Pin { environment: environment.clone(), pinned: true },
        Command::Sleep { environment: environment.clone() },
        Command::Wake { environment: environment.clone() },
    ] {
        let mut record = removed("ttl");
        let before = record.clone();
        let error = ask(&mut record, &command).unwrap_err();
        assert_eq!((error.kind(), &record), (Kind::Conflict, &before), "{command:?}");
        assert_eq!(ask(&mut None, &command).unwrap_err().kind(), Kind::NotFound);
    }
}

#[test]
fn up_is_for_a_branch_or_a_pull_request() {
    let up = |branch: Option<&str>, pull_request| {
        subject(&Command::Up { repository: None, branch: branch.map(str::to_owned), pull_request })
    };
    assert_eq!(up(Some("x"), None), Ok(branch("x")));
    assert_eq!(up(None, Some(7)), Ok(Subject::PullRequest(7)));
    for wrong in [up(None, None), up(Some("x"), Some(7)), up(Some(""), None)] {
        assert_eq!(wrong.unwrap_err().kind(), Kind::Invalid);
    }
    let confirm = Command::Confirm { repository: "octo/shop".to_owned() };
    assert_eq!(ask(&mut Some(sample("x")), &confirm).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn up_leaves_the_record_of_another_repository_alone() {
    let mut other = sample("x");
    other.repository = "octo/old".to_owned();
    let mut record = Some(other.clone());
    let refused = ask(&mut record, &up_command()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(refused.to_string().contains("of octo/old"), "{refused}");
    assert_eq!(record, Some(other));
}
