//! What people ask in comments of pull requests: done once, answered where it was asked, whatever happens in between.

use longshore_control::preview::Object;
use longshore_model::Kind;
use longshore_model::preview::{Deed, Delivery, DeliveryState, Entry, Environment, Source};
use serde_json::json;

use crate::stage::{REPOSITORY, Stage, policy};
use crate::world::{poll, poll_up_to};

const ONE: &str = "1111111111111111111111111111111111111111";

/// A pull request #7 of ada's, who may push; bob may only read.
fn stage() -> Stage {
    let stage = Stage::new(policy());
    *stage.hub.0.lock().unwrap() = Some(Default::default());
    let mut talk = stage.hub.talk();
    talk.pulls.insert(7, ONE.to_owned());
    talk.writers.push("ada".to_owned());
    drop(talk);
    stage
}

fn comment(stage: &Stage, id: &str, who: &str, text: &str) {
    let payload = json!({
        "action": "created",
        "issue": {"number": 7, "pull_request": {}},
        "comment": {"body": text, "author_association": "MEMBER", "user": {"login": who}},
        "repository": {"full_name": "Octo/Shop"},
    });
    let delivery = Delivery {
        id: id.into(),
        source: Source::Github,
        event: "issue_comment".into(),
        repository: Some(REPOSITORY.into()),
        about: Some("pull request #7".into()),
        at: stage.now(),
        state: DeliveryState::Accepted,
    };
    poll(stage.desk.deliver(delivery, payload.to_string().into_bytes())).unwrap();
}

fn round(stage: &mut Stage) -> longshore_control::preview::Round {
    stage.round(&Object::Repository(REPOSITORY.into()))
}

fn deliveries(stage: &Stage) -> Vec<(String, String)> {
    let deliveries = poll(stage.desk.deliveries(10)).unwrap();
    deliveries.into_iter().map(|it| (it.state, it.text.unwrap_or_default())).collect()
}

fn said(stage: &Stage) -> Vec<String> {
    stage.hub.talk().said.iter().map(|(_, text)| text.clone()).collect()
}

fn deeds(stage: &Stage) -> Vec<Deed> {
    let deeds = poll(stage.desk.book().all::<Deed>("audit", "")).unwrap();
    deeds.into_iter().map(|(_, kept)| kept.value).collect()
}

#[test]
fn who_may_push_commands_and_is_answered() {
    let mut stage = stage();
    comment(&stage, "1", "ada", "/preview up");
    let woken = round(&mut stage).wake;
    assert!(woken.contains(&Object::Environment("pr-7.shop".into())), "{woken:?}");
    assert_eq!(stage.states(), [("pr-7.shop".to_owned(), "queued".to_owned())]);
    let answer = "`pr-7.shop` is made, with commit 1111111".to_owned();
    assert_eq!(deliveries(&stage), [("done".to_owned(), answer.clone())]);
    assert_eq!(said(&stage), ["ada: \\`pr-7.shop\\` is made, with commit 1111111"]);
    assert_eq!(stage.hub.talk().said[0].0, 7);
    let [deed] = &deeds(&stage)[..] else { panic!() };
    assert_eq!((deed.who.as_str(), deed.via.as_str(), &deed.outcome), ("ada", "github", &Some(answer)));
    assert_eq!(deed.what, "up #7 of Octo/Shop");
    assert_eq!(stage.store.keys("pending"), Vec::<String>::new());
    round(&mut stage);
    assert_eq!(said(&stage).len(), 1);
}

#[test]
fn who_may_only_read_commands_nothing_and_nobody_commands_elsewhere() {
    let mut stage = stage();
    comment(&stage, "1", "bob", "/preview up");
    comment(&stage, "2", "bob", "/preview logs");
    comment(&stage, "3", "ada", "/preview confirm octo/other");
    comment(&stage, "4", "ada", "/preview dwon");
    comment(&stage, "5", "ada", "/preview down");
    round(&mut stage);
    assert_eq!(stage.states(), []);
    let said = said(&stage);
    assert!(said[0].starts_with("bob: \\`bob\\` may not push to"), "{said:?}");
    assert!(said[1].starts_with("bob: \\`bob\\` may not push to"), "{said:?}");
    assert!(said[2].contains("is about more than this pull request"), "{said:?}");
    assert!(said[3].contains("Did you mean"), "{said:?}");
    assert!(said[4].contains("there is no environment"), "{said:?}");
    assert_eq!(stage.store.keys("repository"), [REPOSITORY]);
    let states: Vec<String> = deliveries(&stage).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["done"; 5]);
    let outcomes: Vec<Option<String>> = deeds(&stage).into_iter().map(|deed| deed.outcome).collect();
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert!(outcomes.iter().flatten().all(|it| it.starts_with("failed: ")), "{outcomes:?}");
}

#[test]
fn what_changes_nothing_is_answered_too() {
    let mut stage = stage();
    for (id, text) in [("1", "/preview up"), ("2", "/preview why"), ("3", "/preview help")] {
        comment(&stage, id, "ada", text);
    }
    round(&mut stage);
    let said = said(&stage);
    assert!(said[1].starts_with("ada: pr-7.shop is queued."), "{said:?}");
    assert!(said[2].contains("\\`extend \\[2d\\]\\` keeps it"), "{said:?}");
    comment(&stage, "4", "ada", "/preview logs");
    stage.settle(&mut None);
    assert!(stage.hub.talk().said[3].1.starts_with("ada: "));
}

#[test]
fn what_cannot_be_done_now_is_done_later_and_what_cannot_be_said_is_said_later() {
    let mut stage = stage();
    *stage.hub.0.lock().unwrap() = None;
    comment(&stage, "1", "ada", "/preview up");
    assert!(round(&mut stage).trouble.is_some());
    assert_eq!(deliveries(&stage), [("accepted".to_owned(), String::new())]);
    *stage.hub.0.lock().unwrap() = Some(Default::default());
    stage.hub.talk().out = Some(Kind::Unavailable);
    comment(&stage, "2", "ada", "/preview extend 2d");
    let later = round(&mut stage);
    assert!(later.trouble.is_some());
    assert!(later.look_again_at.unwrap() <= stage.now().plus_seconds(20), "{later:?}");
    assert_eq!(stage.states().len(), 1, "it is done, though nobody can be told");
    assert_eq!(deliveries(&stage)[1].0, "done");
    assert_eq!(stage.store.keys("pending").len(), 2);
    stage.restart();
    stage.hub.talk().out = None;
    round(&mut stage);
    let heard = said(&stage);
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].contains("is made") && heard[1].contains("is kept until"), "{heard:?}");
    assert_eq!(deeds(&stage).len(), 2, "each was done once");

    // What GitHub refuses for good is not tried for ever.
    stage.hub.talk().out = Some(Kind::Denied);
    comment(&stage, "3", "ada", "/preview pin");
    assert!(round(&mut stage).trouble.is_none());
    assert!(deliveries(&stage)[0].1.contains("was not told: GitHub takes no comment"));
    assert_eq!(stage.store.keys("pending"), Vec::<String>::new());
}

/// Wherever the process dies: it is done once, and answered at least once, with the same words.
#[test]
fn a_crash_at_any_point_does_nothing_twice() {
    let mut is_whole = false;
    for polls in 1..200 {
        let mut stage = stage();
        comment(&stage, "1", "ada", "/preview up");
        comment(&stage, "2", "ada", "/preview pin");
        comment(&stage, "3", "ada", "/preview unpin");
        let object = Object::Repository(REPOSITORY.into());
        is_whole = poll_up_to(stage.previews.round(&object, "r0"), polls).is_some();
        stage.restart();
        round(&mut stage);
        assert_eq!(stage.store.keys("pending"), Vec::<String>::new(), "{polls}");
        let whats: Vec<String> = deeds(&stage).into_iter().map(|deed| deed.what).collect();
        assert_eq!(whats, ["up #7 of Octo/Shop", "pin Octo/Shop#7", "unpin Octo/Shop#7"], "{polls}");
        let entries = poll(stage.desk.book().all::<Entry>("entry", "pr-7.shop/")).unwrap();
        let lines: Vec<String> = entries.into_iter().map(|(_, kept)| kept.value.text).collect();
        let expected = ["ada: an environment for pull request #7", "ada: pin it", "ada: unpin it"];
        assert_eq!(lines, expected, "{polls}");
        let record =
            poll(stage.desk.book().read::<Environment>("environment", "pr-7.shop")).unwrap().unwrap();
        assert!(!record.value.wish.pinned, "{polls}");
        let mut answers = said(&stage);
        answers.dedup();
        assert_eq!(answers.len(), 3, "{polls}: {answers:?}");
        assert!(stage.hub.talk().said.len() <= 4, "{polls}: one crash, one answer more at most");
        if is_whole {
            break;
        }
    }
    assert!(is_whole, "the crash never came behind the end");
}
