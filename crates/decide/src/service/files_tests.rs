//! Names, shapes and combinations of files.

use super::*;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn definition(members: Value) -> Option<Map<String, Value>> {
    let mut input = map(json!({"containerDefinitions": [{"name": "app"}]}));
    input.extend(map(members));
    Some(input)
}

fn rules(prefix: &str) -> Rules {
    Rules { prefix: prefix.to_owned(), ..Rules::default() }
}

#[test]
fn a_files_name_says_what_it_holds() {
    let (definition, service) = (Holds::TaskDefinition, Holds::Service);
    let cases = [
        ("web.taskdef", Some(("web", definition))),
        ("web.taskdef.json", Some(("web", definition))),
        ("web.service.yaml", Some(("web", service))),
        ("web.service.yml", Some(("web", service))),
        ("web.blue.service", Some(("web.blue", service))),
        ("web.service.taskdef", Some(("web.service", definition))),
        ("web.json", None),
        ("web.taskdef~", None),
        ("web.taskdef.json.orig", None),
        ("web.TASKDEF", None),
        (".taskdef", None),
        (".web.taskdef", None),
        ("taskdef", None),
        ("README.md", None),
    ];
    for (file, expected) in cases {
        assert_eq!(part(file), expected, "{file}");
    }
}

#[test]
fn names_come_from_the_file_and_else_from_its_name() {
    let composed = compose("web", definition(json!({})), Some(Map::new()), false, &rules("dev-")).unwrap();
    assert_eq!(composed.task_definition.unwrap()["family"], "dev-web");
    assert_eq!(composed.service, Some(json!({"serviceName": "dev-web", "taskDefinition": "dev-web"})));

    let service = map(json!({"serviceName": "site", "taskDefinition": null}));
    let composed =
        compose("web", definition(json!({"family": "shop"})), Some(service), true, &rules("dev-")).unwrap();
    assert_eq!(composed.task_definition.unwrap()["family"], "shop");
    assert_eq!(composed.service, Some(json!({"serviceName": "site", "taskDefinition": "shop"})));
    assert!(!composed.autocreated, "a file goes before the word");

    let composed = compose("web", definition(json!({})), None, false, &rules("")).unwrap();
    assert_eq!((composed.service, composed.autocreated), (None, false));
}

#[test]
fn a_service_follows_the_task_definition_beside_it() {
    let service = |named: &str| Some(map(json!({"taskDefinition": named})));
    for own in ["web", "web:66", "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7"] {
        let composed = compose("web", definition(json!({})), service(own), false, &rules("")).unwrap();
        assert_eq!(composed.service.unwrap()["taskDefinition"], "web", "{own}");
        let alone = compose("web", None, service(own), false, &rules("")).unwrap();
        assert_eq!(alone.service.unwrap()["taskDefinition"], own);
        assert_eq!(alone.task_definition, None);
    }
    let other = compose("web", definition(json!({})), service("api:3"), false, &rules(""));
    assert_eq!(other, Err(Wrong::OtherFamily { own: "web".into(), named: "api:3".into() }));
}

#[test]
fn a_service_alone_names_its_task_definition_unless_others_deploy() {
    let alone = |members: Value| compose("web", None, Some(map(members)), false, &rules(""));
    assert_eq!(alone(json!({})), Err(Wrong::NoTaskDefinition));
    assert_eq!(alone(json!({"deploymentController": {"type": "ECS"}})), Err(Wrong::NoTaskDefinition));
    let external = alone(json!({"deploymentController": {"type": "EXTERNAL"}})).unwrap();
    assert_eq!(external.service.unwrap().get("taskDefinition"), None);
}

#[test]
fn a_name_that_is_no_text_is_not_replaced() {
    let family = compose("web", definition(json!({"family": 3})), None, false, &rules(""));
    assert_eq!(family, Err(Wrong::NotText(Holds::TaskDefinition, "family")));
    for member in ["serviceName", "taskDefinition"] {
        let service = Some(map(json!({member: [1]})));
        let wrong = compose("web", definition(json!({})), service, false, &rules(""));
        assert_eq!(wrong, Err(Wrong::NotText(Holds::Service, member)));
    }
}

#[test]
fn a_service_is_made_for_whoever_asks() {
    let plain = compose("web", definition(json!({})), None, true, &rules("dev-")).unwrap();
    assert!(plain.autocreated);
    let expected = json!({"serviceName": "dev-web", "taskDefinition": "dev-web", "desiredCount": 1});
    assert_eq!(plain.service, Some(expected));

    let settled = Rules {
        desired_count: 2,
        launch_type: Some("EC2".into()),
        placement_constraints: vec![json!({"type": "distinctInstance"})],
        placement_strategy: vec![json!({"type": "spread", "field": "instanceId"})],
        ..Rules::default()
    };
    let composed = compose("web", definition(json!({"family": "w"})), None, true, &settled).unwrap();
    assert_eq!(
        composed.service,
        Some(json!({"serviceName": "web", "taskDefinition": "w", "desiredCount": 2, "launchType": "EC2",
            "placementConstraints": [{"type": "distinctInstance"}],
            "placementStrategy": [{"type": "spread", "field": "instanceId"}]}))
    );
    for needs in [json!({"networkMode": "awsvpc"}), json!({"requiresCompatibilities": ["EC2", "FARGATE"]})] {
        assert_eq!(compose("web", definition(needs), None, true, &rules("")), Err(Wrong::NoNetwork));
    }
    assert_eq!(compose("web", None, None, true, &rules("")), Ok(Composed::default()));
}

#[test]
fn one_service_or_family_belongs_to_one_unit() {
    let unit = |name: &str, family: &str, service: Value| {
        compose(name, definition(json!({"family": family})), Some(map(service)), false, &rules("")).unwrap()
    };
    let (a, b) = (unit("a", "a", json!({})), unit("b", "b", json!({})));
    assert_eq!(clash([&a, &b]), None);
    let same_family = unit("c", "a", json!({}));
    let expected = Clash { holds: Holds::TaskDefinition, name: "a".into(), units: (0, 2) };
    assert_eq!(clash([&a, &b, &same_family]), Some(expected));
    let same_service = unit("c", "c", json!({"serviceName": "b"}));
    let expected = Clash { holds: Holds::Service, name: "b".into(), units: (1, 2) };
    assert_eq!(clash([&a, &b, &same_service]), Some(expected));
    let elsewhere = unit("c", "c", json!({"serviceName": "b", "cluster": "other"}));
    assert_eq!(clash([&a, &b, &elsewhere]), None);
    // Two services may share a task definition that neither brings along.
    let alone = |name| {
        compose(name, None, Some(map(json!({"taskDefinition": "shared"}))), false, &rules("")).unwrap()
    };
    assert_eq!(clash([&alone("x"), &alone("y")]), None);
}

#[test]
fn a_slip_is_told_from_a_name_of_tomorrow() {
    let known = ["memory", "memoryReservation", "cpu", "image", "alarmNames", "enableExecuteCommand"];
    let cases = [
        ("memroy", Some("memory")),
        ("Memory", Some("memory")),
        ("CPU", Some("cpu")),
        ("cpus", Some("cpu")),
        ("alarmnames", Some("alarmNames")),
        ("alarmName", Some("alarmNames")),
        ("memory_reservation", Some("memoryReservation")),
        ("gpu", None),
        ("enableLogging", None),
        ("memberOfTomorrow", None),
    ];
    for (unknown, expected) in cases {
        assert_eq!(slip_of(unknown, &known), expected, "{unknown}");
    }
}
