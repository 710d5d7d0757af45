//! The calls around tasks: definitions that are deleted, clusters, capacity providers, lists, tags, attributes,
//! settings.

use longshore_ecs::fault::FaultKind;
use serde_json::{Value, json};

use super::checks::pages;
use super::fake_runtime::{exited, prepared, started};
use super::local::{Local, id_of, text, texts};

fn register(local: &mut Local, family: &str, more: Value) -> String {
    let mut body = json!({
        "family": family,
        "containerDefinitions": [{"name": "main", "image": "busybox", "memory": 16}],
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    text(&local.must("RegisterTaskDefinition", body)["taskDefinition"]["taskDefinitionArn"])
}

fn on_fargate(local: &mut Local) {
    let more = json!({"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"});
    register(local, "vpc", more);
}

fn run(local: &mut Local, body: Value) -> Vec<String> {
    let answer = local.must("RunTask", body);
    answer["tasks"].as_array().unwrap().iter().map(|task| text(&task["taskArn"])).collect()
}

/// Lets a task run, and ends it.
fn live_and_die(local: &mut Local, arn: &str) {
    local.tell(prepared(id_of(arn)));
    let of = local.cloud.expected_containers().into_iter().find(|of| of.task == id_of(arn)).unwrap();
    local.tell(started(of.clone()));
    local.tell(exited(of, 0));
}

#[test]
fn a_deleted_definition_stays_until_its_last_task_is_forgotten() {
    let (mut local, _) = Local::with_instance(100, 100);
    let arn = register(&mut local, "web", json!({}));
    let task = run(&mut local, json!({"taskDefinition": "web"})).remove(0);
    let delete = json!({"taskDefinitions": [arn, "web:9"]});
    let answer = local.must("DeleteTaskDefinitions", delete.clone());
    let reasons: Vec<_> =
        answer["failures"].as_array().unwrap().iter().map(|it| text(&it["reason"])).collect();
    assert_eq!(reasons, ["TASK_DEFINITION_NOT_INACTIVE", "TASK_DEFINITION_NOT_FOUND"]);
    local.must("DeregisterTaskDefinition", json!({"taskDefinition": arn}));
    let answer = local.must("DeleteTaskDefinitions", delete);
    assert_eq!(answer["taskDefinitions"][0]["status"], "DELETE_IN_PROGRESS");
    let (_, message) = local.refused("RunTask", json!({"taskDefinition": arn}));
    assert_eq!(message, "TaskDefinition is inactive");
    live_and_die(&mut local, &task);
    local.wait(3599);
    local.must("DescribeTaskDefinition", json!({"taskDefinition": arn}));
    local.wait(1);
    let gone = local.refused("DescribeTaskDefinition", json!({"taskDefinition": arn}));
    assert_eq!(gone, (FaultKind::Client, "Unable to describe task definition.".to_owned()));
    assert_eq!(local.must("ListTaskDefinitionFamilies", json!({})), json!({"families": []}));
    let again = register(&mut local, "web", json!({}));
    assert!(again.ends_with("/web:2"), "numbers are never used twice: {again}");
}

#[test]
fn a_refused_deletion_deletes_nothing() {
    let mut local = Local::new();
    let arn = register(&mut local, "web", json!({}));
    local.must("DeregisterTaskDefinition", json!({"taskDefinition": arn}));
    local.refused("DeleteTaskDefinitions", json!({"taskDefinitions": [arn, "web:one"]}));
    let answer = local.must("DescribeTaskDefinition", json!({"taskDefinition": arn}));
    assert_eq!(answer["taskDefinition"]["status"], "INACTIVE");
}

#[test]
fn capacity_providers_get_their_shares() {
    let mut local = Local::new();
    on_fargate(&mut local);
    let providers = json!({"cluster": "default", "capacityProviders": ["FARGATE", "FARGATE_SPOT"]});
    local.must("PutClusterCapacityProviders", providers);
    let item = |name: &str, weight: Option<i32>, base: i32| {
        let mut item = json!({"capacityProvider": name, "base": base});
        if let Some(weight) = weight {
            item["weight"] = json!(weight);
        }
        item
    };
    let cases = [
        (json!([item("FARGATE", Some(1), 0)]), (10, 0)),
        (json!([item("FARGATE", None, 0)]), (10, 0)),
        (json!([item("FARGATE", Some(1), 0), item("FARGATE_SPOT", Some(1), 0)]), (5, 5)),
        (json!([item("FARGATE", Some(1), 2), item("FARGATE_SPOT", Some(3), 0)]), (4, 6)),
        (json!([item("FARGATE", Some(0), 3), item("FARGATE_SPOT", Some(1), 0)]), (3, 7)),
        (json!([item("FARGATE", Some(1), 100), item("FARGATE_SPOT", Some(1), 0)]), (10, 0)),
        // Of several providers one without a weight gets nothing beyond its base.
        (json!([item("FARGATE", None, 1), item("FARGATE_SPOT", Some(1), 0)]), (1, 9)),
    ];
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    for (strategy, wanted) in cases {
        let body = json!({"taskDefinition": "vpc", "count": 10, "capacityProviderStrategy": strategy, "networkConfiguration": network});
        let answer = local.must("RunTask", body);
        let tasks = answer["tasks"].as_array().unwrap();
        let count = |name: &str| tasks.iter().filter(|task| task["capacityProviderName"] == name).count();
        assert_eq!((count("FARGATE"), count("FARGATE_SPOT")), wanted, "{strategy}");
        assert!(tasks.iter().all(|task| task["launchType"] == "FARGATE"));
    }
    let without = json!([item("FARGATE", None, 0), item("FARGATE_SPOT", None, 0)]);
    let body = json!({"taskDefinition": "vpc", "capacityProviderStrategy": without, "networkConfiguration": network});
    let (kind, message) = local.refused("RunTask", body);
    assert_eq!(kind, FaultKind::InvalidParameter);
    assert!(message.ends_with("with a weight greater than 0."), "{message}");
}

#[test]
fn lists_are_filtered() {
    let (mut local, instance) = Local::with_instance(1000, 1000);
    register(&mut local, "web", json!({}));
    register(&mut local, "db", json!({}));
    on_fargate(&mut local);
    let web = run(&mut local, json!({"taskDefinition": "web", "startedBy": "me"})).remove(0);
    let db = run(&mut local, json!({"taskDefinition": "db"})).remove(0);
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    let vpc = json!({"taskDefinition": "vpc", "launchType": "FARGATE", "networkConfiguration": network});
    let vpc = run(&mut local, vpc).remove(0);
    let over = run(&mut local, json!({"taskDefinition": "web"})).remove(0);
    local.must("StopTask", json!({"task": over}));
    let cases = [
        (json!({}), vec![&web, &db, &vpc]),
        (json!({"desiredStatus": "STOPPED"}), vec![&over]),
        (json!({"family": "web"}), vec![&web]),
        (json!({"family": "we"}), vec![]),
        (json!({"startedBy": "me"}), vec![&web]),
        (json!({"launchType": "FARGATE"}), vec![&vpc]),
        (json!({"launchType": "EC2", "family": "db"}), vec![&db]),
        (json!({"containerInstance": instance}), vec![&web, &db]),
        (json!({"containerInstance": id_of(&instance)}), vec![&web, &db]),
        (json!({"serviceName": "web"}), vec![]),
    ];
    for (filter, mut wanted) in cases {
        wanted.sort();
        for size in [1, 2, 100] {
            let listed = pages(&mut local, "ListTasks", &filter, "taskArns", size);
            assert_eq!(listed.iter().collect::<Vec<_>>(), wanted, "{filter}");
        }
    }
    for (operation, body) in [
        ("ListTasks", json!({"maxResults": 0})),
        ("ListTasks", json!({"maxResults": 101})),
        ("ListTasks", json!({"nextToken": "zz"})),
        ("ListTaskDefinitions", json!({"nextToken": "7a7a"})),
        ("ListTaskDefinitions", json!({"sort": "UP"})),
    ] {
        assert_eq!(local.refused(operation, body).0, FaultKind::InvalidParameter);
    }
}

#[test]
fn definitions_are_listed_by_name_and_number() {
    let mut local = Local::new();
    for family in ["b", "a", "b", "ab"].into_iter().chain(std::iter::repeat_n("b", 9)) {
        register(&mut local, family, json!({}));
    }
    let short = |arns: Vec<String>| arns.iter().map(|arn| id_of(arn)).collect::<Vec<_>>();
    let all = short(pages(&mut local, "ListTaskDefinitions", &json!({}), "taskDefinitionArns", 4));
    let of_b = (1..=11).map(|n| format!("b:{n}")).collect::<Vec<_>>();
    assert_eq!(all[..2], ["a:1", "ab:1"]);
    assert_eq!(all[2..], of_b);
    let descending = json!({"sort": "DESC", "familyPrefix": "b"});
    let reversed = short(pages(&mut local, "ListTaskDefinitions", &descending, "taskDefinitionArns", 4));
    assert_eq!(reversed, of_b.into_iter().rev().collect::<Vec<_>>());
    let families =
        pages(&mut local, "ListTaskDefinitionFamilies", &json!({"familyPrefix": "a"}), "families", 1);
    assert_eq!(families, ["a", "ab"]);
}

#[test]
fn a_cluster_is_deleted_only_when_nothing_is_left_in_it() {
    let (mut local, instance) = Local::with_instance(1000, 1000);
    register(&mut local, "web", json!({}));
    let task = run(&mut local, json!({"taskDefinition": "web"})).remove(0);
    let delete = json!({"cluster": "default"});
    let with_instances = "The Cluster cannot be deleted while Container Instances are active or draining.";
    let wanted = (FaultKind::ClusterContainsContainerInstances, with_instances.to_owned());
    assert_eq!(local.refused("DeleteCluster", delete.clone()), wanted);
    let drain = json!({"containerInstances": [instance], "status": "DRAINING"});
    local.must("UpdateContainerInstancesState", drain);
    assert_eq!(local.refused("DeleteCluster", delete.clone()), wanted);
    local.tell(prepared(id_of(&task)));
    local.must("DeregisterContainerInstance", json!({"containerInstance": instance, "force": true}));
    let with_tasks = "The Cluster cannot be deleted while Tasks are active.";
    let wanted = (FaultKind::ClusterContainsTasks, with_tasks.to_owned());
    assert_eq!(local.refused("DeleteCluster", delete.clone()), wanted);
    let of = local.cloud.expected_containers().remove(0);
    local.tell(exited(of, 0));
    assert_eq!(local.must("DeleteCluster", delete)["cluster"]["status"], "INACTIVE");
    let (kind, message) = local.refused("RunTask", json!({"taskDefinition": "web"}));
    assert_eq!((kind, message.as_str()), (FaultKind::Client, "The referenced cluster was inactive."));
    let unknown = local.refused("DeleteCluster", json!({"cluster": "other"}));
    assert_eq!(unknown, (FaultKind::ClusterNotFound, "Cluster not found.".to_owned()));
    assert_eq!(local.must("CreateCluster", json!({}))["cluster"]["status"], "ACTIVE");
    assert_eq!(local.must("ListContainerInstances", json!({})), json!({"containerInstanceArns": []}));
}

#[test]
fn tags_of_every_kind_of_resource() {
    let (mut local, instance) = Local::with_instance(1000, 1000);
    let definition = register(&mut local, "web", json!({"tags": [{"key": "made", "value": "here"}]}));
    let run_task = json!({"taskDefinition": "web", "propagateTags": "TASK_DEFINITION", "tags": [{"key": "own", "value": "1"}]});
    let task = run(&mut local, run_task).remove(0);
    let tags = |local: &mut Local, arn: &str| {
        let answer = local.must("ListTagsForResource", json!({"resourceArn": arn}));
        let tag = |it: &Value| format!("{}={}", text(&it["key"]), text(&it["value"]));
        answer["tags"].as_array().unwrap().iter().map(tag).collect::<Vec<_>>()
    };
    assert_eq!(tags(&mut local, &task), ["own=1", "made=here"]);
    let cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/default".to_owned();
    for arn in [&cluster, &instance, &definition, &task] {
        local.must(
            "TagResource",
            json!({"resourceArn": arn, "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]}),
        );
        local.must("TagResource", json!({"resourceArn": arn, "tags": [{"key": "a", "value": "3"}]}));
        local.must("UntagResource", json!({"resourceArn": arn, "tagKeys": ["b", "own", "made", "nothing"]}));
        assert_eq!(tags(&mut local, arn), ["a=3"], "{arn}");
        let many: Vec<_> = (0..50).map(|n| json!({"key": format!("k{n}"), "value": ""})).collect();
        local.refused("TagResource", json!({"resourceArn": arn, "tags": many}));
        local.refused("TagResource", json!({"resourceArn": arn, "tags": [{"key": "aws:x", "value": ""}]}));
        assert_eq!(tags(&mut local, arn), ["a=3"], "a refused call changes nothing");
    }
    for arn in [
        "",
        "web",
        "arn:aws:ecs:eu-west-1:123456789012:service/a",
        "arn:aws:ecs:us-east-1:123456789012:cluster/default",
    ] {
        local.refused("ListTagsForResource", json!({"resourceArn": arn}));
    }
}

#[test]
fn an_instance_has_ten_attributes_of_its_own() {
    let (mut local, instance) = Local::with_instance(1000, 1000);
    let put = |from: usize, to: usize| {
        let one = |n| json!({"name": format!("a{n}"), "value": "v", "targetId": instance});
        json!({"attributes": (from..to).map(one).collect::<Vec<_>>()})
    };
    local.must("PutAttributes", put(0, 9));
    let refused = local.refused("PutAttributes", put(9, 11));
    assert_eq!(refused.0, FaultKind::AttributeLimitExceeded, "two more are one too many");
    local.must("PutAttributes", put(9, 10));
    local.must("PutAttributes", put(0, 10));
    assert_eq!(local.refused("PutAttributes", put(10, 11)).0, FaultKind::AttributeLimitExceeded);
    let list = json!({"targetType": "container-instance", "attributeName": "a3"});
    let answer = local.must("ListAttributes", list.clone());
    let wanted =
        json!([{"name": "a3", "value": "v", "targetType": "container-instance", "targetId": instance}]);
    assert_eq!(answer["attributes"], wanted);
    let delete = json!({"attributes": [{"name": "a3", "targetId": instance}]});
    local.must("DeleteAttributes", delete);
    assert_eq!(local.must("ListAttributes", list)["attributes"], json!([]));
    let filter = json!({"filter": "attribute:a4 == v"});
    assert_eq!(texts(&local.must("ListContainerInstances", filter)["containerInstanceArns"]), [instance]);
    let unknown = json!({"attributes": [{"name": "a", "targetId": "nobody"}]});
    assert_eq!(local.refused("PutAttributes", unknown).0, FaultKind::TargetNotFound);
    for name in ["", "a b", "a:b"] {
        let body = json!({"attributes": [{"name": name, "targetId": local_instance(&mut local)}]});
        assert_eq!(local.refused("PutAttributes", body).0, FaultKind::InvalidParameter, "{name}");
    }
}

fn local_instance(local: &mut Local) -> String {
    texts(&local.must("ListContainerInstances", json!({}))["containerInstanceArns"]).remove(0)
}

#[test]
fn a_setting_is_the_principals_or_the_accounts_or_ecs_own() {
    let mut local = Local::new();
    let value = |local: &mut Local, principal: &str| {
        let body = json!({"name": "awsvpcTrunking", "effectiveSettings": true, "principalArn": principal});
        text(&local.must("ListAccountSettings", body)["settings"][0]["value"])
    };
    let (one, other) = ("arn:aws:iam::123456789012:user/one", "arn:aws:iam::123456789012:user/other");
    assert_eq!(value(&mut local, one), "disabled");
    local.must("PutAccountSettingDefault", json!({"name": "awsvpcTrunking", "value": "enabled"}));
    assert_eq!(value(&mut local, one), "enabled");
    local.must(
        "PutAccountSetting",
        json!({"name": "awsvpcTrunking", "value": "disabled", "principalArn": one}),
    );
    assert_eq!((value(&mut local, one).as_str(), value(&mut local, other).as_str()), ("disabled", "enabled"));
    let own = local.must("ListAccountSettings", json!({"principalArn": one}));
    assert_eq!(own["settings"].as_array().unwrap().len(), 1);
    local.must("DeleteAccountSetting", json!({"name": "awsvpcTrunking", "principalArn": one}));
    assert_eq!(value(&mut local, one), "enabled");
    for (name, value) in [("nothing", "enabled"), ("awsvpcTrunking", "perhaps"), ("", "")] {
        let refused = local.refused("PutAccountSetting", json!({"name": name, "value": value}));
        assert_eq!(refused.0, FaultKind::InvalidParameter);
    }
}

#[test]
fn overrides_that_would_give_resources_are_refused() {
    let (mut local, _) = Local::with_instance(1000, 1000);
    register(&mut local, "web", json!({}));
    for overrides in [
        json!({"containerOverrides": [{"name": "main", "cpu": -1}]}),
        json!({"containerOverrides": [{"name": "main", "memory": 3}]}),
        json!({"containerOverrides": [{"name": "main", "memoryReservation": -100}]}),
        json!({"containerOverrides": [{"name": "other"}]}),
        json!({"containerOverrides": [{}]}),
        json!({"cpu": "-1"}),
        json!({"cpu": "4294967295"}),
        json!({"memory": "much"}),
    ] {
        let refused = local.refused("RunTask", json!({"taskDefinition": "web", "overrides": overrides}));
        assert_eq!(refused.0, FaultKind::InvalidParameter, "{overrides}");
    }
}
