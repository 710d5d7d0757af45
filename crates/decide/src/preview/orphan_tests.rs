//! Which services without a record are removed.

use longshore_model::preview::{Hook, HookAction, Presence};
use serde_json::json;

use super::super::environment;
use super::super::names::names;
use super::super::samples::{NOW, branch, policy};
use super::*;

fn service(name: &str, repository: &str, id: &str, status: &str) -> Service {
    let tags = json!([{"key": ENVIRONMENT_TAG, "value": id}, {"key": REPOSITORY_TAG, "value": repository}]);
    let document = json!({"serviceName": name, "serviceArn": name, "status": status, "tags": tags});
    Service::read(document).unwrap()
}

fn decided(services: &[Service], was_read: bool) -> Plan {
    let policies = BTreeMap::from([("octo/shop".to_owned(), Arc::new(policy()))]);
    decide(services, &Definitions::new(), "previews", &policies, |_| was_read, NOW)
}

#[test]
fn the_record_has_the_names_that_its_branch_had() {
    for name in ["login", "feature/some thing", "a/b"] {
        let named = names(&policy(), &branch(name));
        let services = [service(&named.services[0], "octo/shop", &named.id, "ACTIVE")];
        let plan = decided(&services, true);
        let [record] = &plan.adopt[..] else { panic!("{plan:?}") };
        assert_eq!(record.names, named);
        assert!(matches!(&record.wish.presence, Presence::Down(removal) if removal.by == "sweep"));
        assert!(record.progress.actions > 0, "with nothing done there would be nothing to look for");
        assert_eq!(decided(&services, false), Plan::default(), "GitHub first");
    }
    let pull = service("shop_pr-7", "octo/shop", "pr-7.shop", "ACTIVE");
    assert_eq!(decided(&[pull], true).adopt[0].subject, Subject::PullRequest(7));
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let foreign = Service::read(json!({"serviceName": "db", "status": "ACTIVE"})).unwrap();
    let draining = service("shop_x", "octo/shop", "x.shop", "DRAINING");
    let unknown = service("other_x", "octo/other", "x.other", "ACTIVE");
    let other_app = service("site_x", "octo/shop", "x.site", "ACTIVE");
    assert!(!is_tagged(&foreign) && is_tagged(&unknown));
    let plan = decided(&[foreign, draining, unknown, other_app], true);
    assert_eq!((plan.adopt.len(), plan.waiting.len()), (0, 2));
}

#[test]
fn more_than_may_go_at_once_is_a_reason_to_stop() {
    let services = |count: usize| -> Vec<Service> {
        let each =
            |index| service(&format!("shop_b{index}"), "octo/shop", &format!("b{index}.shop"), "ACTIVE");
        (0..count).map(each).collect()
    };
    assert_eq!(decided(&services(5), true).adopt.len(), 5);
    let many = decided(&services(6), true);
    assert_eq!((many.adopt.len(), many.waiting.len()), (0, 1));
}

#[test]
fn its_hooks_are_told_which_commit_runs_and_where() {
    let mut policy = policy();
    let action = HookAction::Lambda { function: "drop".into() };
    policy.hooks.before_destroy = vec![Hook { name: "drop".into(), action, timeout_s: 60 }];
    let policies = BTreeMap::from([("octo/shop".to_owned(), Arc::new(policy))]);
    let subject = branch("feature/some thing");
    let named = names(&policies["octo/shop"], &subject);
    let mut ours = service(&named.services[0], "octo/shop", &named.id, "ACTIVE");
    ours.task_definition = "arn:td:4".into();
    ours.document.insert("launchType".into(), json!("FARGATE"));
    let foreign = Service { task_definition: "arn:theirs".into(), ..Service::default() };
    assert_eq!(needs(&[ours.clone(), foreign], &policies), ["arn:td:4".to_owned()].into());
    let variables = json!([{"name": "LONGSHORE_BRANCH", "value": "feature/some thing"},
        {"name": "LONGSHORE_SHA", "value": "c0ffee"}]);
    let containers = json!([{"name": "side"}, {"name": "app", "environment": variables}]);
    let described = json!({"taskDefinition": {"family": "f", "containerDefinitions": containers}});
    let adopted = |definition: Option<Value>| {
        let definitions = Definitions::from([("arn:td:4".to_owned(), definition)]);
        let plan = decide(std::slice::from_ref(&ours), &definitions, "previews", &policies, |_| true, NOW);
        plan.adopt.into_iter().next().unwrap()
    };
    let record = adopted(Some(described));
    let deployed = record.progress.deployed.clone().unwrap();
    assert_eq!((deployed.revision.sha.as_str(), &deployed.task_definitions[0][..]), ("c0ffee", "arn:td:4"));
    assert_eq!((&record.subject, &record.names), (&subject, &named), "and not what its label looks like");
    assert_eq!(record.progress.resources.placement, Some(json!({"launchType": "FARGATE"})));
    let plan = environment::decide(
        &record,
        &environment::Seen { policy: policies.get("octo/shop").cloned(), ..Default::default() },
        NOW,
    );
    assert_eq!(plan.hooks, ["before_destroy/c0ffee/drop"]);

    let unknown = adopted(None);
    assert_eq!(unknown.subject, branch(&named.label), "nobody says more");
    assert_eq!(unknown.progress.deployed.unwrap().revision.sha, "");
}
