//! Two at once: daemons, and people who change the wish half-way. The conditional write of the record is what guards.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use longshore_control::preview::Object;
use longshore_model::preview::view::Command;

use crate::stage::{Stage, policy};
use crate::world::poll;

const ONE: &str = "1111111111111111111111111111111111111111";

fn environment() -> Object {
    Object::Environment("feature-x.shop".into())
}

/// An environment that has its record and room, and nothing in AWS.
fn begun() -> Stage {
    let mut stage = Stage::new(policy());
    stage.hub.push("feature-x", ONE);
    stage.round(&Object::Repository("octo/shop".into()));
    stage.round(&environment());
    assert_eq!(stage.amazon.count("RegisterTaskDefinition"), 0);
    stage
}

#[test]
fn two_rounds_of_one_environment_make_one_environment() {
    // The second begins when the first was polled so often; then they take turns.
    for lead in 0..40 {
        let mut stage = begun();
        {
            let object = environment();
            let mut first = pin!(stage.previews.round(&object, "a1"));
            let mut second = pin!(stage.previews.round(&object, "b1"));
            let mut context = Context::from_waker(Waker::noop());
            let (mut one, mut two) = (false, false);
            for turn in 0..1_000 {
                one = one || first.as_mut().poll(&mut context).is_ready();
                two = two || (turn >= lead && second.as_mut().poll(&mut context).is_ready());
            }
            assert!(one && two, "{lead}");
        }
        stage.settle(&mut None);
        assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())], "{lead}");
        assert_eq!(stage.amazon.services.lock().unwrap().len(), 1, "{lead}");
        assert_eq!(stage.amazon.tasks.lock().unwrap().len(), 1, "{lead}");
        stage.hub.delete("feature-x");
        stage.settle(&mut None);
        stage.assert_nothing_left();
    }
}

#[test]
fn a_wish_that_comes_during_an_action_is_not_lost_and_neither_is_its_outcome() {
    let mut stage = begun();
    {
        let object = environment();
        let mut round = pin!(stage.previews.round(&object, "a1"));
        let mut context = Context::from_waker(Waker::noop());
        while stage.amazon.count("CreateService") == 0 {
            assert!(matches!(round.as_mut().poll(&mut context), Poll::Pending));
        }
        let down = Command::Down { environment: "feature-x".into() };
        assert_eq!(poll(stage.desk.ask(&down, "ada")).unwrap().message, "`feature-x.shop` is removed");
        let end = poll(round).unwrap();
        assert_eq!(end.look_again_at, Some(stage.now()), "what was decided is out of date");
    }
    let detail = poll(stage.desk.environment("feature-x")).unwrap();
    assert_eq!((detail.environment.by.as_str(), detail.environment.state.as_str()), ("ada", "removing"));
    let done = detail.timeline.iter().filter(|line| line.kind == "done");
    assert!(done.clone().any(|line| line.text.contains("create service")), "{:?}", detail.timeline);
    stage.settle(&mut None);
    stage.assert_nothing_left();
    // The branch is still there: what a person took down comes back with the next commit only.
    stage.hub.push("feature-x", "2222222222222222222222222222222222222222");
    stage.settle(&mut None);
    assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())]);
}

#[test]
fn a_call_that_is_refused_is_written_down_and_tried_again() {
    let mut stage = begun();
    *stage.amazon.refuse.lock().unwrap() = Some(("CreateService", longshore_model::Kind::Throttled));
    let round = stage.round(&environment());
    let trouble = round.trouble.unwrap().to_string();
    assert!(trouble.contains("CreateService was refused"), "{trouble}");
    assert!(round.look_again_at.unwrap() > stage.now());
    let detail = poll(stage.desk.environment("feature-x.shop")).unwrap();
    assert!(detail.timeline.iter().any(|line| line.kind == "error"), "{:?}", detail.timeline);
    stage.settle(&mut None);
    assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())]);
}
