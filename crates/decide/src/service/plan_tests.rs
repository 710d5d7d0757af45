//! Tables of files and services: what is to be done. Numbers are those of ecspresso's bugs that are looked for here.

use super::*;

const ARN: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3";

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("an object") };
    members
}

/// `base` with some members changed; null takes one away.
fn with(base: Value, changes: &Value) -> Map<String, Value> {
    let mut members = object(base);
    for (member, value) in changes.as_object().unwrap() {
        members.insert(member.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    members
}

/// A file that says little, and what DescribeServices shows of it.
fn file(changes: &Value) -> Map<String, Value> {
    with(json!({"cluster": "c", "serviceName": "web", "taskDefinition": "web:3"}), changes)
}

fn live(changes: &Value) -> Service {
    let document = json!({"serviceArn": "a", "serviceName": "web", "status": "ACTIVE", "launchType": "EC2",
        "taskDefinition": ARN, "desiredCount": 7, "schedulingStrategy": "REPLICA",
        "availabilityZoneRebalancing": "ENABLED", "deploymentController": {"type": "ECS"}, "loadBalancers": [],
        "propagateTags": "NONE", "tags": [{"key": "longshore:project", "value": "p"}],
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100}});
    Service::read(Value::Object(with(document, changes))).unwrap()
}

fn planned(file: &Map<String, Value>, live: Option<&Service>) -> Result<Plan, PlanError> {
    let revisions = BTreeMap::from([
        ("web".to_owned(), Revision::Known(ARN.to_owned())),
        ("new".to_owned(), Revision::New(Map::new())),
    ]);
    plan(&Wish { service: file.clone(), family: None }, live, &revisions, "p")
}

/// A table, row by row.
fn rows<const COLUMNS: usize>(table: Value) -> Vec<[Value; COLUMNS]> {
    let Value::Array(rows) = table else { panic!("rows") };
    rows.iter().map(|row| row.as_array().unwrap().clone().try_into().unwrap()).collect()
}

/// What UpdateService is sent, but for the names.
fn sent(says: &Value, shows: &Value) -> Value {
    let plan = planned(&file(says), Some(&live(shows))).unwrap_or_else(|error| panic!("{says}: {error}"));
    let mut input = match plan.change {
        Change::None => return Value::Null,
        Change::Update { input, .. } => input,
        Change::Create(_) => panic!("{says}"),
    };
    assert_eq!((input.remove("service"), input.remove("cluster")), (Some(json!("web")), Some(json!("c"))));
    Value::Object(input)
}

#[test]
fn what_nobody_changed_is_no_difference() {
    let fargate = || json!({"launchType": "FARGATE", "platformVersion": "LATEST"});
    let by_default = || {
        json!({"launchType": null, "platformVersion": "LATEST", "capacityProviderStrategy":
            [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]})
    };
    let vpc = |more: Value| json!({"networkConfiguration": {"awsvpcConfiguration": with(more, &json!({}))}});
    let connect = |primary: Value| {
        json!({"deployments": [{"status": "ACTIVE", "serviceConnectConfiguration": {"enabled": true, "namespace": "x"}},
            {"status": "PRIMARY", "serviceConnectConfiguration": primary}]})
    };
    for [what, says, shows] in rows(json!([
        ["the count of auto scaling (#274)", {}, {"desiredCount": 99}],
        ["a count of daemons", {"schedulingStrategy": "DAEMON", "desiredCount": 1},
            {"schedulingStrategy": "DAEMON", "desiredCount": 4,
            "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}}],
        ["a revision by its ARN", {"taskDefinition": ARN}, {}],
        ["a family at that revision", {"taskDefinition": "web"}, {}],
        ["a family by its ARN", {"taskDefinition": ARN.trim_end_matches(":3")}, {}],
        ["newer members of the circuit breaker (#1082)",
            {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}},
            {"deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": true, "rollback": true, "resetOnHealthyTask": true,
            "thresholdConfiguration": {"type": "PERCENT", "value": 50}}, "earlySuccessCriteria": {"x": 1}}}],
        ["the same where the file has no breaker (#1082)", {},
            {"deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": false, "rollback": false, "resetOnHealthyTask": true}}}],
        ["target groups that CodeDeploy swapped (#943)", {"deploymentController": {"type": "CODE_DEPLOY"},
            "loadBalancers": [{"targetGroupArn": "blue", "containerName": "app", "containerPort": 80}]},
            {"deploymentController": {"type": "CODE_DEPLOY"}, "loadBalancers": [{"targetGroupArn": "green",
            "containerName": "app", "containerPort": 80}]}],
        ["Service Connect of the newest deployment (#856)",
            {"serviceConnectConfiguration": {"enabled": true}}, connect(json!({"enabled": true,
            "namespace": "arn:ns-1"}))],
        ["Service Connect that is off", {}, connect(json!({"enabled": false}))],
        ["a strategy that the cluster's default gave", {}, by_default()],
        ["the same, and an empty list", {"capacityProviderStrategy": []}, by_default()],
        ["a launch type that the file leaves open", {}, fargate()],
        ["a launch type beside the strategy that counts", {"launchType": "FARGATE",
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}, by_default()],
        ["a strategy without Fargate has no platform",
            {"capacityProviderStrategy": [{"capacityProvider": "machines"}]}, {"launchType": null,
            "capacityProviderStrategy": [{"capacityProvider": "machines", "weight": 0}]}],
        ["no grace period", {"healthCheckGracePeriodSeconds": null}, {"healthCheckGracePeriodSeconds": 0}],
        ["null inside", {"deploymentConfiguration": {"maximumPercent": null}}, {}],
        ["a network that the file leaves open", {}, vpc(json!({"subnets": ["a"]}))],
        ["security groups of the VPC", vpc(json!({"subnets": ["a", "b"], "securityGroups": []})),
            vpc(json!({"subnets": ["b", "a"], "securityGroups": ["s"], "assignPublicIp": "DISABLED"}))],
        ["a role by its name", {"role": "mine"}, {"roleArn": "arn:aws:iam::1:role/mine"}],
        ["a role with a path", {"role": "/a/mine"}, {"roleArn": "arn:aws:iam::1:role/a/mine"}],
        ["a role that the file leaves open", {}, {"roleArn": "arn:aws:iam::1:role/mine"}],
        ["the role of ECS itself", {"role": "arn:aws:iam::1:role/aws-service-role/ecs.amazonaws.com/X"},
            {"roleArn": "arn:aws:iam::1:role/aws-service-role/ecs.amazonaws.com/X"}],
        ["two words for a place", {"placementStrategy": [{"type": "spread", "field": "host"},
            {"type": "binpack", "field": "MEMORY"}]}, {"placementStrategy": [{"type": "spread",
            "field": "instanceId"}, {"type": "binpack", "field": "memory"}]}],
        ["members that are not shown", {"monitoring": {"resolution": 20}}, {}],
        ["members of tomorrow", {"enableLogging": true}, {"memberOfTomorrow": 1}],
        ["tags of AWS and of ours", {"tags": [{"key": "a"}]}, {"tags": [{"key": "aws:x", "value": "1"},
            {"key": "longshore:passed", "value": "web:3"}, {"key": "longshore:project", "value": "p"},
            {"key": "a", "value": ""}]}],
    ])) {
        let mut file = file(&json!({}));
        file.extend(object(says));
        let plan = planned(&file, Some(&live(&shows))).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(plan.change, Change::None, "{what}");
        assert_eq!(plan.wanted, plan.live, "{what}");
    }
}

#[test]
fn only_what_differs_is_sent_in_one_call() {
    let rules = |more: Value| {
        let base = json!({"maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": false, "rollback": false}});
        json!({"deploymentConfiguration": with(base, &more)})
    };
    let daemon = json!({"schedulingStrategy": "DAEMON"});
    for [what, says, shows, expected] in rows(json!([
        ["the count", {"desiredCount": 0}, {}, {"desiredCount": 0}],
        ["attributes and the revision, in one deployment (#961)", {"taskDefinition": "web:4",
            "enableExecuteCommand": true}, {}, {"taskDefinition": "web:4", "enableExecuteCommand": true}],
        ["a family that is registered first", {"taskDefinition": "new"}, {}, {"taskDefinition": "new"}],
        ["load balancers that are taken away (#868)", {}, {"loadBalancers": [{"targetGroupArn": "t"}]},
            {"loadBalancers": []}],
        ["Service Connect that is taken away", {}, {"deployments": [{"status": "PRIMARY",
            "serviceConnectConfiguration": {"enabled": true}}]},
            {"serviceConnectConfiguration": {"enabled": false}}],
        ["Service Connect that is new (#856)", {"serviceConnectConfiguration": {"enabled": true}}, {},
            {"serviceConnectConfiguration": {"enabled": true}}],
        ["a flag goes back to its default", {}, {"propagateTags": "SERVICE", "enableECSManagedTags": true},
            {"propagateTags": "NONE", "enableECSManagedTags": false}],
        ["a strategy needs a new deployment (#978)",
            {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}, {"launchType": "FARGATE",
            "platformVersion": "LATEST"},
            {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}],
            "forceNewDeployment": true}],
        ["a strategy of machines has no platform",
            {"capacityProviderStrategy": [{"capacityProvider": "machines"}]}, {},
            {"capacityProviderStrategy": [{"capacityProvider": "machines"}], "forceNewDeployment": true}],
        ["a launch type instead of a strategy", {"launchType": "EC2"}, {"launchType": null,
            "capacityProviderStrategy": [{"capacityProvider": "machines", "weight": 1}]},
            {"capacityProviderStrategy": [], "forceNewDeployment": true}],
        ["a platform goes back to the latest", {"launchType": "FARGATE"}, {"launchType": "FARGATE",
            "platformVersion": "1.4.0"}, {"platformVersion": "LATEST"}],
        ["one rule, with those that must not be lost", {"deploymentConfiguration": {"maximumPercent": 150}},
            {}, rules(json!({"maximumPercent": 150}))],
        ["a breaker goes", {}, rules(json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true,
            "resetOnHealthyTask": false}})), rules(json!({"deploymentCircuitBreaker": {"enable": false,
            "rollback": false, "resetOnHealthyTask": false}}))],
        ["alarms go", {}, rules(json!({"alarms": {"alarmNames": ["a"], "enable": true, "rollback": true}})),
            rules(json!({"alarms": {"alarmNames": [], "enable": false, "rollback": false}}))],
        ["alarms that say too little", {"deploymentConfiguration": {"alarms": {"alarmNames": ["a"],
            "enable": true}}}, {}, rules(json!({"alarms": {"alarmNames": ["a"], "enable": true,
            "rollback": false}}))],
        ["a strategy of deployments, and its hooks, go", {}, rules(json!({"strategy": "BLUE_GREEN",
            "bakeTimeInMinutes": 5, "lifecycleHooks": [{"hookTargetArn": "f"}]})),
            rules(json!({"strategy": "ROLLING", "bakeTimeInMinutes": 0, "lifecycleHooks": []}))],
        ["others know no breaker", {"deploymentController": {"type": "CODE_DEPLOY"}, "desiredCount": 1,
            "deploymentConfiguration": {"maximumPercent": 150}},
            {"deploymentController": {"type": "CODE_DEPLOY"}}, {"desiredCount": 1,
            "deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 100}}],
        ["what is not shown goes with what is", {"monitoring": {"x": 1}, "desiredCount": 1}, {},
            {"monitoring": {"x": 1}, "desiredCount": 1}],
        ["daemons have other rules", daemon.clone(), daemon,
            {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0,
            "deploymentCircuitBreaker": {"enable": false, "rollback": false}}}],
    ])) {
        assert_eq!(sent(&says, &shows), expected, "{what}");
    }
}

#[test]
fn tags_are_set_and_taken_off_but_for_those_of_others() {
    let tag = |key: &str, value: &str| Tag { key: key.into(), value: Some(value.into()) };
    let says =
        json!({"tags": [{"key": "same", "value": "1"}, {"key": "other", "value": "2"}, {"key": "new"}]});
    let shows = json!({"tags": [{"key": "same", "value": "1"}, {"key": "other", "value": "1"}, {"key": "old"},
        {"key": "aws:x", "value": "1"}, {"key": "longshore:passed", "value": "web:3"}]});
    let plan = planned(&file(&says), Some(&live(&shows))).unwrap();
    let set = vec![tag("longshore:project", "p"), tag("new", ""), tag("other", "2")];
    let expected = Change::Update { input: Map::new(), tag: set, untag: vec!["old".into()] };
    assert_eq!(plan.change, expected, "and UpdateService has nothing to do");
    assert_eq!(plan.wanted["tags"][1], json!({"key": "other", "value": "2"}));
}

#[test]
fn a_service_that_is_not_there_is_created_with_all_that_its_file_says() {
    let project = json!([{"key": "longshore:project", "value": "p"}]);
    for (says, more) in [
        (json!({}), json!({"desiredCount": 1})),
        (json!({"desiredCount": 0, "loadBalancers": [], "x": null}), json!({"desiredCount": 0, "x": null})),
        (json!({"schedulingStrategy": "DAEMON", "desiredCount": 3}), json!({"desiredCount": null})),
        (json!({"taskDefinition": "web", "desiredCount": 2}), json!({"taskDefinition": ARN})),
        (
            json!({"deploymentController": {"type": "EXTERNAL"}, "taskDefinition": null}),
            json!({"desiredCount": 1}),
        ),
    ] {
        let mut expected = with(Value::Object(file(&says)), &more);
        expected.insert("tags".into(), project.clone());
        for gone in [None, Some("INACTIVE"), Some("DRAINING")] {
            let gone = gone.map(|status| live(&json!({"status": status})));
            let plan = planned(&file(&says), gone.as_ref()).unwrap();
            assert_eq!((plan.change, plan.live), (Change::Create(expected.clone()), Map::new()), "{says}");
        }
    }
}

#[test]
fn what_ecs_cannot_change_is_said() {
    let external = json!({"deploymentController": {"type": "EXTERNAL"}});
    let by_code_deploy =
        |member: &str, value: Value| json!({"deploymentController": {"type": "CODE_DEPLOY"}, member: value});
    let shows = json!({"deploymentController": {"type": "CODE_DEPLOY"}});
    for [says, shows, expected] in rows(json!([
        [{"launchType": "FARGATE"}, {},
            "ECS cannot change `launchType` of service `web` (\"EC2\" now, \"FARGATE\" in the file)"],
        [{"schedulingStrategy": "DAEMON"}, {},
            "ECS cannot change `schedulingStrategy` of service `web` (\"REPLICA\" now, \"DAEMON\" in the file)"],
        [{"role": "mine"}, {},
            "ECS cannot change `role` of service `web` (nothing now, \"mine\" in the file)"],
        [by_code_deploy("taskDefinition", json!("web:4")), shows.clone(),
            "ECS does not change `taskDefinition` of service `web`: CODE_DEPLOY makes its deployments"],
        [by_code_deploy("loadBalancers", json!([{"containerName": "b"}])), shows,
            "ECS does not change `loadBalancers` of service `web`: CODE_DEPLOY makes its deployments"],
        [with(external.clone(), &json!({"taskDefinition": "web:4"})), external,
            "ECS does not change `taskDefinition` of service `web`: EXTERNAL makes its deployments"],
        [{"taskDefinition": "other"}, {},
            "service `web` runs task definition `other`, which is not registered and has no file"],
        [{"taskDefinition": null}, {},
            "service `web` runs task definition `(none)`, which is not registered and has no file"],
    ])) {
        let error = planned(&file(&says), Some(&live(&shows))).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let to_ecs =
        sent(&json!({"taskDefinition": "web:4"}), &json!({"deploymentController": {"type": "CODE_DEPLOY"}}));
    assert_eq!(to_ecs, json!({"deploymentController": {"type": "ECS"}, "taskDefinition": "web:4"}));
}

#[test]
fn a_family_that_needs_a_new_revision_is_named() {
    for (own, given, expected) in [
        (Some("new"), json!(null), Some("new")),
        (Some("web"), json!("new"), Some("new")),
        (Some("new"), json!("web:3"), None),
        (Some("web"), json!(null), None),
    ] {
        let revisions = BTreeMap::from([
            ("web".to_owned(), Revision::Known(ARN.to_owned())),
            ("new".to_owned(), Revision::New(Map::new())),
        ]);
        let service = file(&json!({"taskDefinition": given}));
        let wish = Wish { service, family: own.map(ToOwned::to_owned) };
        let plan = plan(&wish, Some(&live(&json!({}))), &revisions, "p").unwrap();
        assert_eq!(
            (plan.needs.as_deref(), plan.change == Change::None),
            (expected, expected.is_none()),
            "{given}"
        );
    }
}

#[test]
fn a_revision_is_used_again_when_it_says_the_same() {
    let file = object(json!({"family": "web", "containerDefinitions": [{"name": "app", "image": "a"}]}));
    let latest = |image: &str| {
        json!({"tags": [{"key": "longshore:project", "value": "p"}], "taskDefinition": {"taskDefinitionArn": ARN,
            "family": "web", "revision": 3, "status": "ACTIVE", "containerDefinitions": [{"name": "app", "image": image}]}})
    };
    assert_eq!(
        revision(&file, Some(&latest("a"))),
        Revision::Known(ARN.into()),
        "our own mark is no difference"
    );
    assert_eq!(revision(&file, Some(&latest("b"))), Revision::New(file.clone()));
    assert_eq!(revision(&file, None), Revision::New(file.clone()));
    assert_eq!(revision(&mark(file.clone(), "q"), Some(&latest("a"))), Revision::Known(ARN.into()));
}

#[test]
fn the_way_back_puts_the_changed_members_as_they_were() {
    let vpc = |subnet: &str| json!({"awsvpcConfiguration": {"subnets": [subnet]}});
    for [what, says, shows, expected] in rows(json!([
        ["the revision", {"taskDefinition": "web:4"}, {}, {"taskDefinition": ARN}],
        ["a count", {"desiredCount": 1}, {}, {"desiredCount": 7}],
        ["a network", {"networkConfiguration": vpc("b")}, {"networkConfiguration": vpc("a")},
            {"networkConfiguration": vpc("a")}],
        ["a network that was not there cannot be taken away", {"networkConfiguration": vpc("b")}, {}, {}],
        ["rebalancing that was never set", {"availabilityZoneRebalancing": "ENABLED"},
            {"availabilityZoneRebalancing": null}, {"availabilityZoneRebalancing": "DISABLED"}],
        ["load balancers", {"loadBalancers": [{"targetGroupArn": "t"}]}, {"loadBalancers": null},
            {"loadBalancers": []}],
        ["Service Connect", {"serviceConnectConfiguration": {"enabled": true}}, {},
            {"serviceConnectConfiguration": {"enabled": false}}],
        ["a strategy", {"capacityProviderStrategy": [{"capacityProvider": "machines"}]}, {},
            {"capacityProviderStrategy": [], "forceNewDeployment": true}],
        ["hooks", {"deploymentConfiguration": {"lifecycleHooks": [{"hookTargetArn": "f"}]}}, {},
            {"deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": false, "rollback": false}, "lifecycleHooks": []}}],
        ["what is not shown is not known", {"desiredCount": 1, "monitoring": {"x": 1}}, {},
            {"desiredCount": 7}],
    ])) {
        let before = live(&shows);
        let Change::Update { input, .. } = planned(&file(&says), Some(&before)).unwrap().change else {
            panic!("{what}")
        };
        let back = with(Value::Object(undo(&input, &before)), &json!({"service": null, "cluster": null}));
        assert_eq!(Value::Object(back), expected, "{what}");
    }
}

#[test]
fn what_belongs_to_another_project_or_cluster_is_refused() {
    let of = |owner: &str| live(&json!({"tags": [{"key": "longshore:project", "value": owner}]}));
    let refused = planned(&file(&json!({})), Some(&of("shop"))).unwrap_err();
    assert!(refused.to_string().contains("belongs to project `shop`, and not to `p`"), "{refused}");
    assert!(planned(&file(&json!({})), Some(&of(DEFAULT_PROJECT))).is_ok(), "nobody's by name");
    let named = |cluster: &str| in_cluster(&mut file(&json!({"cluster": cluster})), "web", "prod");
    assert!(matches!(named("dev"), Err(PlanError::OtherCluster { .. })));
    assert_eq!(named("arn:aws:ecs:eu-west-1:123456789012:cluster/prod"), Ok(()));
    let mut silent = file(&json!({"cluster": null}));
    in_cluster(&mut silent, "web", "prod").unwrap();
    assert_eq!(silent["cluster"], "prod");
}
