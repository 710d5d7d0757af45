//! Random files against random services: a change is right when nothing is left to change after it, and when the way
//! back leads to what was before.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_decide::service::{
    Apply, Ask, Change, Did, Plan, PlanError, Revision, Way, Wish, create_input, plan, side_by_side,
};
use longshore_model::seen::Service;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

use super::model::Ecs;

/// What is to be done, for a project `p` in which the family `web` is at its third revision.
pub(crate) fn planned(service: &Map<String, Value>, live: Option<&Service>) -> Result<Plan, PlanError> {
    let latest = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3".to_owned();
    let revisions = BTreeMap::from([("web".to_owned(), Revision::Known(latest))]);
    plan(&Wish { service: service.clone(), family: Some("web".into()) }, live, &revisions, "p")
}

/// What a file may say of each member; null is silence, and null in an object is a member that says null.
fn choices() -> Vec<(&'static str, Vec<Value>)> {
    let provider = |name: &str| json!({"capacityProvider": name});
    vec![
        ("launchType", vec![json!(null), json!(null), json!("EC2"), json!("FARGATE")]),
        (
            "capacityProviderStrategy",
            vec![
                json!(null),
                json!(null),
                json!([]),
                json!([provider("FARGATE")]),
                json!([provider("FARGATE"), {"capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 1}]),
                json!([{"capacityProvider": "machines", "weight": 2}]),
            ],
        ),
        ("platformVersion", vec![json!(null), json!("LATEST"), json!("1.4.0")]),
        ("desiredCount", vec![json!(null), json!(0), json!(1), json!(5)]),
        ("schedulingStrategy", vec![json!(null), json!("REPLICA"), json!("REPLICA"), json!("DAEMON")]),
        (
            "deploymentController",
            vec![
                json!(null),
                json!(null),
                json!(null),
                json!({"type": "ECS"}),
                json!({"type": "CODE_DEPLOY"}),
            ],
        ),
        (
            "taskDefinition",
            vec![
                json!(null),
                json!("web"),
                json!("web:2"),
                json!("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2"),
            ],
        ),
        (
            "deploymentConfiguration",
            vec![
                json!(null),
                json!({}),
                json!({"maximumPercent": 150, "minimumHealthyPercent": null}),
                json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}}),
                json!({"deploymentCircuitBreaker": {"enable": true, "resetOnHealthyTask": false}}),
                json!({"alarms": {"alarmNames": ["a", "b"], "enable": true, "rollback": true}}),
                json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5,
                "lifecycleHooks": [{"hookTargetArn": "f", "roleArn": "r"}]}),
                json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 5}}),
            ],
        ),
        (
            "networkConfiguration",
            vec![
                json!(null),
                json!({"awsvpcConfiguration": {"subnets": ["a", "b"], "securityGroups": null}}),
                json!({"awsvpcConfiguration": {"subnets": ["b", "a"], "securityGroups": ["s"]}}),
                json!({"awsvpcConfiguration": {"subnets": ["a"], "assignPublicIp": "ENABLED"}}),
            ],
        ),
        (
            "loadBalancers",
            vec![
                json!(null),
                json!([]),
                json!([{"targetGroupArn": "t1", "containerName": "app", "containerPort": 80}]),
                json!([{"targetGroupArn": "t2", "containerName": "app", "containerPort": 80, "loadBalancerName": null},
                {"targetGroupArn": "t1", "containerName": "app", "containerPort": 80}]),
            ],
        ),
    ]
}

/// The others, none of which depends on another.
fn more_choices() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("serviceRegistries", vec![json!(null), json!([{"registryArn": "r"}])]),
        ("placementConstraints", vec![json!(null), json!([{"type": "distinctInstance"}])]),
        (
            "placementStrategy",
            vec![
                json!(null),
                json!([{"type": "spread", "field": "host"}]),
                json!([{"type": "spread", "field": "attribute:ecs.availability-zone"},
                {"type": "binpack", "field": "MEMORY"}]),
            ],
        ),
        ("healthCheckGracePeriodSeconds", vec![json!(null), json!(0), json!(60)]),
        ("availabilityZoneRebalancing", vec![json!(null), json!("ENABLED"), json!("DISABLED")]),
        ("enableECSManagedTags", vec![json!(null), json!(true), json!(false)]),
        ("enableExecuteCommand", vec![json!(null), json!(true), json!(false)]),
        ("propagateTags", vec![json!(null), json!("SERVICE"), json!("NONE")]),
        ("role", vec![json!(null), json!(null), json!("mine"), json!("arn:aws:iam::1:role/mine")]),
        (
            "tags",
            vec![
                json!(null),
                json!([{"key": "a", "value": "1"}]),
                json!([{"key": "b"}, {"key": "a", "value": "2"}]),
            ],
        ),
        (
            "serviceConnectConfiguration",
            vec![
                json!(null),
                json!({"enabled": false}),
                json!({"enabled": true}),
                json!({"enabled": true, "namespace": "n", "services": [{"portName": "http"}]}),
            ],
        ),
        (
            "volumeConfigurations",
            vec![
                json!(null),
                json!([{"name": "data", "managedEBSVolume": {"roleArn": "r", "sizeInGiB": 10}}]),
                json!([{"name": "data", "managedEBSVolume": {"roleArn": "r", "sizeInGiB": 10, "volumeType": "io2"}}]),
            ],
        ),
        ("monitoring", vec![json!(null), json!({"resolution": 20})]),
    ]
}

fn file() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec(any::<(Index, bool)>(), choices().len() + more_choices().len()).prop_map(|picks| {
        let mut file =
            Map::from_iter([("serviceName".to_owned(), json!("web")), ("cluster".to_owned(), json!("c"))]);
        for ((member, values), (index, says_null)) in choices().into_iter().chain(more_choices()).zip(picks) {
            let value = index.get(&values).clone();
            if says_null || !value.is_null() {
                file.insert(member.to_owned(), value);
            }
        }
        possible(file)
    })
}

/// Without what ECS refuses beside the rest.
fn possible(mut file: Map<String, Value>) -> Map<String, Value> {
    let providers =
        file.get("capacityProviderStrategy").and_then(Value::as_array).filter(|it| !it.is_empty());
    let on_fargate = match providers {
        Some(providers) => providers.iter().all(|item| item["capacityProvider"] != "machines"),
        None => file.get("launchType") == Some(&json!("FARGATE")),
    };
    if !on_fargate {
        file.remove("platformVersion");
    }
    if file.get("deploymentController").is_some_and(|controller| controller["type"] == "CODE_DEPLOY") {
        for member in ["serviceConnectConfiguration", "volumeConfigurations", "deploymentConfiguration"] {
            file.remove(member);
        }
    }
    file
}

/// A file that keeps what a service keeps for its life, so that most changes are possible.
fn later(old: &Map<String, Value>, mut new: Map<String, Value>, keep: bool) -> Map<String, Value> {
    let for_life =
        ["deploymentController", "schedulingStrategy", "launchType", "capacityProviderStrategy", "role"];
    for member in for_life.into_iter().take(if keep { 5 } else { 1 }) {
        new.remove(member);
        new.extend(old.get(member).map(|value| (member.to_owned(), value.clone())));
    }
    possible(new)
}

fn created(file: &Map<String, Value>, default: &Value, merges: bool) -> Ecs {
    let Ok(Plan { change: Change::Create(input), .. }) = planned(file, None) else { panic!("{file:?}") };
    Ecs::create(&input, default, merges)
}

/// The update that takes another one back, from the way of a service whose deployment fails.
fn way_back(plan: &Plan, live: &Service, updated: &Service) -> Option<Map<String, Value>> {
    let revision = updated.task_definition.clone();
    let way = Way { timeout: Some(Duration::from_secs(600)), ..Way::default() };
    let mut apply = Apply::new("web".into(), plan.clone(), revision, Some(live.clone()), way, Duration::ZERO);
    let mut failed = updated.clone();
    for deployment in &mut failed.deployments {
        deployment.rollout_state = Some("FAILED".into());
    }
    failed.document.remove("deploymentConfiguration");
    apply.take(Did::Changed(Ok(updated.clone())), Duration::ZERO);
    if let Some(Ask::Tag { .. }) = apply.ask(Duration::ZERO) {
        apply.take(Did::Tagged(Ok(())), Duration::ZERO);
    }
    apply.take(Did::Looked(Ok(Some(failed))), Duration::from_secs(1));
    match apply.ask(Duration::from_secs(1)) {
        Some(Ask::Update(back)) => Some(back),
        _ => None,
    }
}

fn document(service: &Service) -> Map<String, Value> {
    create_input(&Value::Object(service.document.clone())).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn what_was_created_from_a_file_is_no_difference_to_it(
        file in file(), has_default in any::<bool>()
    ) {
        let default = if has_default { json!([{"capacityProvider": "FARGATE"}]) } else { json!(null) };
        let live = created(&file, &default, true).describe();
        let plan = planned(&file, Some(&live)).unwrap();
        prop_assert_eq!(&plan.change, &Change::None);
        prop_assert_eq!(plan.wanted, plan.live);
    }

    #[test]
    fn nothing_is_left_after_a_change_and_the_way_back_leads_back(
        old in file(), new in file(), keep in prop::bool::weighted(0.9), merges in any::<bool>()
    ) {
        let new = later(&old, new, keep);
        let mut ecs = created(&old, &json!(null), merges);
        let live = ecs.describe();
        let plan = match planned(&new, Some(&live)) {
            Ok(plan) => plan,
            Err(PlanError::ForLife { member, .. }) => {
                prop_assert!(!keep, "{} was kept", member);
                return Ok(());
            }
            Err(PlanError::Controller { controller, .. }) => {
                prop_assert_eq!(controller, "CODE_DEPLOY");
                return Ok(());
            }
            Err(other) => panic!("{other}"),
        };
        let (input, tag, untag) = match &plan.change {
            Change::None => {
                prop_assert_eq!(&plan.wanted, &plan.live);
                return Ok(());
            }
            Change::Update { input, tag, untag } => (input, tag, untag),
            Change::Create(_) => panic!("it is there"),
        };
        if !input.is_empty() {
            ecs.update(input);
            let updated = ecs.describe();
            if let Some(back) = way_back(&plan, &live, &updated) {
                let mut ecs = ecs.clone();
                ecs.update(&back);
                let again = ecs.describe();
                let (was, is) = side_by_side(&document(&live), &document(&again));
                prop_assert_eq!(was, is);
            } else {
                prop_assert!(updated.deployments.is_empty(), "there is a way back");
            }
        }
        ecs.tag(tag, untag);
        match planned(&new, Some(&ecs.describe())) {
            Ok(left) => {
                prop_assert_eq!(&left.change, &Change::None);
                prop_assert_eq!(left.wanted, left.live);
            }
            // Only ECS knows which launch type a service has once it leaves its strategy.
            Err(PlanError::ForLife { member, .. }) => {
                prop_assert_eq!(member, "launchType");
                prop_assert!(!keep && input["capacityProviderStrategy"] == json!([]));
            }
            Err(other) => panic!("{other}"),
        }
    }
}
