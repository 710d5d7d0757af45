//! Who is told what, when they are out, when they refuse, and when the clock goes back.

use longshore_control::preview::Object;
use longshore_decide::preview::telling::MOST_TRIES;
use longshore_model::Kind;
use longshore_model::preview::{Entry, EntryKind, Moment};
use longshore_world::Notifier;

use crate::stage::{Stage, policy};
use crate::world::poll;

const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";

fn ear() -> Object {
    Object::Notifier("ear".into())
}

fn heard(stage: &Stage, environment: &str) -> Vec<Moment> {
    let heard = stage.ear.heard.lock().unwrap();
    heard.iter().filter(|notice| notice.environment == environment).map(|notice| notice.moment).collect()
}

#[test]
fn who_was_out_is_told_everything_in_order_and_once() {
    let mut stage = Stage::new(policy());
    *stage.ear.out.lock().unwrap() = Some(Kind::Unavailable);
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())], "it delays nothing");
    assert!(poll(stage.previews.round(&Object::Notifier("ear".into()), "n1")).is_err());
    *stage.ear.out.lock().unwrap() = None;
    let moments = |stage: &Stage| -> Vec<Moment> {
        stage.ear.heard.lock().unwrap().iter().map(|notice| notice.moment).collect()
    };
    for _ in 0..2 {
        stage.round(&Object::Notifier("ear".into()));
        assert_eq!(moments(&stage), [Moment::Creating, Moment::Ready]);
    }
    // What is refused for good is left out, so that the next is heard.
    *stage.ear.out.lock().unwrap() = Some(Kind::Invalid);
    stage.hub.push("feature-x", "2222222222222222222222222222222222222222");
    stage.settle(&mut None);
    *stage.ear.out.lock().unwrap() = None;
    stage.hub.delete("feature-x");
    stage.settle(&mut None);
    assert_eq!(moments(&stage)[2..], [Moment::Removing, Moment::Removed]);
}

#[test]
fn a_refusal_of_one_environment_holds_up_no_other() {
    for kind in [Kind::Denied, Kind::NotFound, Kind::Conflict] {
        let mut stage = Stage::new(policy());
        *stage.ear.refuses.lock().unwrap() = Some(("bad.shop".into(), kind));
        stage.hub.push("bad", ONE);
        stage.settle(&mut None);
        stage.hub.push("good", ONE);
        stage.settle(&mut None);
        assert_eq!(heard(&stage, "good.shop"), [Moment::Creating, Moment::Ready], "{kind:?}");
        assert_eq!(heard(&stage, "bad.shop"), []);
        let round = stage.round(&ear());
        assert!(
            round.waiting[0].contains("`bad.shop`, and 1 behind it")
                && round.waiting[0].contains("it is archived")
        );
        let again_at = round.look_again_at.unwrap();
        // It is mended: all of it is told, in order, and once.
        *stage.ear.refuses.lock().unwrap() = None;
        *stage.clock.0.lock().unwrap() = again_at;
        for _ in 0..2 {
            let round = stage.round(&ear());
            assert_eq!((round.waiting.len(), round.look_again_at), (0, None));
            assert_eq!(heard(&stage, "bad.shop"), [Moment::Creating, Moment::Ready]);
        }
        assert_eq!(heard(&stage, "good.shop").len(), 2);
    }
}

#[test]
fn what_is_refused_for_a_week_is_left_out_and_the_timeline_says_so() {
    let mut stage = Stage::new(policy());
    *stage.ear.refuses.lock().unwrap() = Some(("bad.shop".into(), Kind::Denied));
    stage.hub.push("bad", ONE);
    stage.settle(&mut None);
    let mut rounds = 0;
    while let Some(at) = stage.round(&ear()).look_again_at {
        *stage.clock.0.lock().unwrap() = at.max(stage.now());
        rounds += 1;
        assert!(rounds <= MOST_TRIES, "it is tried for ever");
    }
    let lines = poll(stage.desk.book().all::<Entry>("entry", "bad.shop/")).unwrap();
    let said: Vec<&str> = lines
        .iter()
        .filter(|(_, kept)| kept.value.kind == EntryKind::Error)
        .map(|(_, kept)| kept.value.text.as_str())
        .collect();
    assert_eq!(
        said,
        ["`ear` is not told that it is being created, nor of what 1 notices behind it say: it is archived"]
    );
    *stage.ear.refuses.lock().unwrap() = None;
    stage.hub.push("bad", TWO);
    stage.settle(&mut None);
    let heard = heard(&stage, "bad.shop");
    assert!(heard.ends_with(&[Moment::Updating, Moment::Updated]), "what is new is told: {heard:?}");
    assert!(!heard.contains(&Moment::Creating) && !heard.contains(&Moment::Ready), "{heard:?}");
    assert!(!stage.ear.is_one_place());
}

#[test]
fn a_clock_that_goes_back_loses_no_notice() {
    for is_known in [false, true] {
        let mut stage = Stage::new(policy());
        let began = stage.now();
        if is_known {
            stage.hub.push("early", ONE);
            stage.settle(&mut None);
        }
        stage.clock.pass(2 * 3600);
        // The notifier is seen for the first time, or is told of something, while the clock is ahead.
        stage.round(&ear());
        if is_known {
            stage.hub.push("ahead", ONE);
            stage.settle(&mut None);
        }
        *stage.clock.0.lock().unwrap() = began.plus_seconds(60);
        stage.hub.push("late", ONE);
        stage.settle(&mut None);
        assert_eq!(heard(&stage, "late.shop"), [Moment::Creating, Moment::Ready], "{is_known}");
    }
}
