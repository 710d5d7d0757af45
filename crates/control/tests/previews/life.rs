//! The whole life of an environment, and what is left of it after a crash anywhere.

use longshore_model::preview::Moment;

use crate::stage::{Stage, policy};

const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";

#[test]
fn a_branch_gets_an_environment_and_takes_it_away() {
    let mut stage = Stage::new(policy());
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    let [view] = &stage.environments()[..] else { panic!("{:?}", stage.environments()) };
    assert_eq!((view.state.as_str(), view.deployed_sha.as_deref()), ("ready", Some(ONE)), "{view:?}");
    assert_eq!(view.url.as_deref(), Some("http://feature-x.shop.preview.test/"));
    assert_eq!(view.waiting, Vec::<String>::new());

    stage.hub.push("feature-x", TWO);
    stage.settle(&mut None);
    let [view] = &stage.environments()[..] else { panic!("{:?}", stage.environments()) };
    assert_eq!((view.state.as_str(), view.deployed_sha.as_deref()), ("ready", Some(TWO)));
    assert_eq!(stage.amazon.count("CreateService"), 1);

    stage.hub.delete("feature-x");
    stage.settle(&mut None);
    stage.assert_nothing_left();
    let heard = stage.ear.heard.lock().unwrap();
    let moments: Vec<Moment> = heard.iter().map(|notice| notice.moment).collect();
    assert_eq!(
        moments,
        [
            Moment::Creating,
            Moment::Ready,
            Moment::Updating,
            Moment::Updated,
            Moment::Removing,
            Moment::Removed
        ]
    );
    assert!(heard[0].url.is_none() && heard[1].url.is_some(), "the URL is announced once it answers");
}

#[test]
fn a_crash_at_any_await_changes_nothing_but_time() {
    let mut crash_at = 1;
    loop {
        let mut stage = Stage::new(policy());
        let mut crash = Some(crash_at);
        stage.hub.push("feature-x", ONE);
        stage.settle(&mut crash);
        assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())], "{crash_at}");
        stage.hub.push("feature-x", TWO);
        stage.settle(&mut crash);
        assert_eq!(stage.environments()[0].deployed_sha.as_deref(), Some(TWO), "{crash_at}");
        assert_eq!(stage.amazon.services.lock().unwrap().len(), 1, "{crash_at}");
        stage.hub.delete("feature-x");
        stage.settle(&mut crash);
        stage.assert_nothing_left();
        let last = stage.ear.heard.lock().unwrap().last().map(|notice| notice.moment);
        assert_eq!(last, Some(Moment::Removed), "{crash_at}");
        if crash.is_some() {
            // It ended before the crash came: there is no later place for one.
            assert!(crash_at > 100, "there were only {crash_at} awaits");
            return;
        }
        crash_at += 3;
    }
}
