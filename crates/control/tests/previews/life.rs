//! The whole life of an environment, and what is left of it after a crash anywhere.

use longshore_control::preview::Object;
use longshore_model::preview::view::Command;
use longshore_model::preview::{Moment, Route};
use longshore_world::SiteService;

use crate::stage::{REPOSITORY, Stage, policy};
use crate::world::poll;

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

/// The proxy of a new process knows what was made for it, whatever longshore.toml says by now, and one site that it does
/// not take shuts nobody else out.
#[test]
fn a_new_process_opens_the_sites_again() {
    let mut stage = Stage::new(policy());
    for name in ["feature-x", "feature-y"] {
        stage.hub.push(name, ONE);
    }
    stage.settle(&mut None);
    let before = stage.sites.sites.lock().unwrap().clone();
    assert_eq!(before.len(), 2);
    stage.policy.route = Route::Port { load_balancer: "arn:lb".into(), first: 8000, last: 8009 };
    stage.restart();
    *stage.sites.refused.lock().unwrap() = Some("feature-x.shop".into());
    poll(stage.previews.reopen()).unwrap();
    let sites = stage.sites.sites.lock().unwrap().clone();
    let [(id, site)] = &sites.into_iter().collect::<Vec<_>>()[..] else { panic!("only one is taken") };
    assert_eq!((&site.host, site.entrance), (&before[id].host, before[id].entrance));
    assert_eq!(site.services, [SiteService::default()], "requests wait for its tasks");
}

#[test]
fn a_life_without_trouble_is_ten_calls() {
    let mut stage = Stage::new(policy());
    let repository = Object::Repository(REPOSITORY.into());
    let environment = Object::Environment("feature-x.shop".into());
    let calls = |stage: &Stage| stage.amazon.calls.lock().unwrap().clone();
    stage.hub.push("feature-x", ONE);
    for object in [&repository, &environment, &environment] {
        stage.round(object);
    }
    stage.amazon.settle();
    let task = stage.amazon.tasks.lock().unwrap()[0].clone();
    let (arn, group) = (&task.arn, task.group.as_ref().unwrap());
    let event = |status: &str| {
        format!(r#"{{"detail": {{"group": "{group}", "taskArn": "{arn}", "lastStatus": "{status}"}}}}"#)
    };
    assert_eq!(stage.previews.on_event(&event("PENDING")), []);
    assert_eq!(stage.previews.on_event(&event("RUNNING")), std::slice::from_ref(&environment));
    // It is given to the proxy, and then is healthy there: the second round looks at nothing anew.
    stage.round(&environment);
    stage.round(&environment);
    assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())]);
    assert_eq!(calls(&stage).len(), 5, "{:?}", calls(&stage));
    let service = group.strip_prefix("service:").unwrap();
    let steady = format!(
        r#"{{"detail": {{"eventName": "SERVICE_STEADY_STATE"}}, "resources": ["arn:aws:ecs:r:1:service/c/{service}"]}}"#
    );
    assert_eq!(stage.previews.on_event(&steady), [], "the proxy has said it before");

    stage.hub.delete("feature-x");
    for object in [&repository, &environment, &environment] {
        stage.round(object);
    }
    stage.assert_nothing_left();
    assert_eq!(calls(&stage).len(), 10, "{:?}", calls(&stage));
}

#[test]
fn what_was_seen_a_moment_ago_is_used_until_an_event_speaks_of_it() {
    let mut stage = Stage::new(policy());
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    let environment = Object::Environment("feature-x.shop".into());
    stage.clock.pass(60);
    let looks = |stage: &mut Stage| {
        let before = stage.amazon.count("DescribeTasks");
        stage.round(&environment);
        stage.amazon.count("DescribeTasks") - before
    };
    assert_eq!((looks(&mut stage), looks(&mut stage)), (1, 0));
    let group = stage.amazon.tasks.lock().unwrap()[0].group.clone().unwrap();
    let stopped = format!(r#"{{"detail": {{"group": "{group}", "lastStatus": "STOPPED"}}}}"#);
    assert_eq!(stage.previews.on_event(&stopped), std::slice::from_ref(&environment));
    assert_eq!((looks(&mut stage), looks(&mut stage)), (1, 0));
    stage.clock.pass(4);
    assert_eq!(looks(&mut stage), 1);
}

#[test]
fn a_repository_of_another_name_waits_for_the_names_of_the_one_before() {
    let mut stage = Stage::new(policy());
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    let before = stage.environments();
    stage.policy.repository = "octo/renamed".into();
    stage.restart();
    let repository = Object::Repository("octo/renamed".into());
    let round = stage.round(&repository);
    assert!(round.look_again_at.unwrap() > stage.now(), "it is not asked for again and again");
    assert!(round.waiting[0].contains("of octo/shop: take that one down"), "{:?}", round.waiting);
    let up = Command::Up { repository: None, branch: Some("feature-x".into()), pull_request: None };
    assert!(poll(stage.desk.ask(&up, "ada")).is_err());
    assert_eq!(stage.environments()[0].sha, before[0].sha);
    assert_eq!(stage.environments()[0].repository, REPOSITORY);

    let down = Command::Down { environment: "feature-x".into() };
    poll(stage.desk.ask(&down, "ada")).unwrap();
    stage.settle(&mut None);
    assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())]);
    assert_eq!(stage.environments()[0].repository, "octo/renamed");
}

#[test]
fn the_case_of_a_repository_says_nothing() {
    let mut stage = Stage::new(policy());
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    stage.policy.repository = "Octo/Shop".into();
    stage.restart();
    stage.hub.push("feature-x", TWO);
    stage.settle(&mut None);
    let [view] = &stage.environments()[..] else { panic!("{:?}", stage.environments()) };
    assert_eq!((view.state.as_str(), view.deployed_sha.as_deref()), ("ready", Some(TWO)), "{view:?}");
    stage.hub.delete("feature-x");
    stage.settle(&mut None);
    stage.assert_nothing_left();
}

#[test]
fn what_is_deployed_answers_on_when_longshore_toml_has_fewer_services() {
    let mut two = policy();
    two.services.push(two.services[0].clone());
    (two.services[1].name, two.services[1].paths) = ("api".into(), vec!["/api/*".into()]);
    let mut stage = Stage::new(two);
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())]);
    stage.policy.services.remove(0);
    stage.restart();
    poll(stage.previews.reopen()).unwrap();
    stage.settle(&mut None);
    let sites = stage.sites.sites.lock().unwrap();
    let site = &sites["feature-x.shop"];
    assert_eq!(site.policy.services.len(), 2, "each with its own path, port and health check");
    assert!(site.services.iter().all(|service| service.active.len() == 1), "{site:?}");
    assert!(site.closed.is_none());
}
