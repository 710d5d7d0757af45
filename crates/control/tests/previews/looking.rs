//! People who look, and programs that wait: what they cost in calls of AWS.

use crate::stage::{Stage, policy};
use crate::world::poll;

const ONE: &str = "1111111111111111111111111111111111111111";

#[test]
fn whoever_waits_asks_aws_nothing_and_who_looks_shares_what_others_saw() {
    let mut stage = Stage::new(policy());
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    let calls = |stage: &Stage| stage.amazon.calls.lock().unwrap().len();
    let before = calls(&stage);
    for _ in 0..100 {
        let alone = poll(stage.desk.environment_alone("feature-x")).unwrap();
        assert_eq!((alone.environment.state.as_str(), alone.services.len()), ("ready", 0));
        assert!(!alone.timeline.is_empty());
    }
    assert_eq!(calls(&stage), before);
    for _ in 0..100 {
        let whole = poll(stage.desk.environment("feature-x")).unwrap();
        assert_eq!(whole.services[0].tasks.len(), 1);
    }
    assert_eq!(calls(&stage), before + 2, "a list, and what is in it");
    stage.clock.pass(3);
    poll(stage.desk.environment("feature-x")).unwrap();
    assert_eq!(calls(&stage), before + 4);
    // What changes is shown at once.
    let pin = longshore_model::preview::view::Command::Pin { environment: "feature-x".into(), pinned: true };
    let answer = poll(stage.desk.ask(&pin, "ada")).unwrap();
    assert_eq!(answer.environment.as_deref(), Some("feature-x.shop"));
    poll(stage.desk.environment("feature-x")).unwrap();
    assert_eq!(calls(&stage), before + 6);
}
