//! The properties, case by case.

use serde_json::json;

use super::super::samples::{self, merge};
use super::*;

fn with(changes: &Value) -> Result<Properties, PropertyError> {
    let mut given = json!({"ServiceToken": "arn", "Cluster": "main", "TaskDefinition": "app:2"});
    merge(&mut given, changes);
    Properties::read(&given)
}

fn refused(changes: &Value) -> String {
    with(changes).unwrap_err().to_string()
}

#[test]
fn the_defaults() {
    let expected =
        Properties { cluster: "main".into(), task_definition: "app:2".into(), ..Properties::default() };
    assert_eq!(with(&json!({})).unwrap(), expected);
    let documented = (expected.count, expected.timeout, expected.poll_interval, expected.run_on_update);
    assert_eq!(documented, (1, 290, 10, true));
    let beyond = (expected.run_on_delete, expected.run_on_rollback, expected.on_timeout);
    assert_eq!(beyond, (false, false, OnTimeout::Stop));
    // What a template writes for "nothing" is nothing.
    let empty = json!({"Count": "", "Timeout": "", "RunOnUpdate": "", "UpdateCriteria": "", "PollInterval": "",
        "Overrides": "", "Instances": "", "Triggers": "", "OnTimeout": "", "LaunchType": "", "Container": "",
        "CapacityProviderStrategy": "", "NetworkConfiguration": "", "AcceptExitCodes": "", "WaitForCapacity": "",
        "ServiceTimeout": "", "RunOnDelete": "", "RunOnRollback": ""});
    assert_eq!(with(&empty).unwrap(), expected);
}

/// The example of the system that this one replaces, word for word.
#[test]
fn the_example_that_users_have() {
    let properties = with(&json!({
        "Cluster": "ApplicationCluster",
        "TaskDefinition": "arn:aws:ecs:us-west-2:012345678901:task-definition/app:1",
        "Count": "1",
        "Timeout": "1800",
        "RunOnUpdate": "True",
        "UpdateCriteria": [{"Container": "app", "EnvironmentKeys": ["DB_HOST"]}],
        "PollInterval": "30",
        "Overrides": {"containerOverrides": [{
            "name": "app",
            "command": ["bundle", "exec", "rake", "db:migrate"],
            "environment": [{"name": "SOME_VAR", "value": "SOME_VALUE"}],
        }]},
        "Instances": ["arn:aws:ecs:us-west-2:012345678901:container-instance/9d8698b5"],
        "Triggers": [{"Any": ["thing"]}],
    }))
    .unwrap();
    assert_eq!((properties.timeout, properties.poll_interval, properties.run_on_update), (1800, 30, true));
    assert_eq!(properties.update_criteria[0].environment_keys, ["DB_HOST"]);
    assert_eq!(properties.instances.len(), 1);
    assert_eq!(properties.overrides.variable("app", "SOME_VAR"), Some("SOME_VALUE"));
}

#[test]
fn overrides_come_out_in_ecs_types() {
    let properties = with(&json!({"Overrides": {
        "cpu": 256,
        "memory": "512",
        "taskRoleArn": "",
        "ephemeralStorage": {"sizeInGiB": "21"},
        "containerOverrides": [{
            "name": "app",
            "command": ["sleep", 5, true, ""],
            "environment": [{"name": "A", "value": true}, {"name": "B", "value": 3}, {"name": "C", "value": ""}],
            "cpu": "128", "memory": "64", "memoryReservation": 32,
            "resourceRequirements": [{"type": "GPU", "value": 1}],
        }],
    }}))
    .unwrap();
    let expected = json!({
        "cpu": "256",
        "memory": "512",
        "ephemeralStorage": {"sizeInGiB": 21},
        "containerOverrides": [{
            "name": "app",
            "command": ["sleep", "5", "true", ""],
            "environment": [{"name": "A", "value": "true"}, {"name": "B", "value": "3"}, {"name": "C", "value": ""}],
            "cpu": 128, "memory": 64, "memoryReservation": 32,
            "resourceRequirements": [{"type": "GPU", "value": "1"}],
        }],
    });
    assert_eq!(Value::Object(properties.overrides.0), expected);
}

#[test]
fn both_spellings_are_read() {
    let one = with(&json!({
        "CapacityProviderStrategy": [{"CapacityProvider": "FARGATE_SPOT", "Weight": "3", "Base": "1"}],
        "NetworkConfiguration": {"AwsvpcConfiguration": {
            "Subnets": ["subnet-1", "subnet-2"], "SecurityGroups": ["sg-1"], "AssignPublicIp": "enabled",
        }},
        "UpdateCriteria": [{"Container": "app", "EnvironmentKeys": ["A", "B"]}],
        "AcceptExitCodes": [3, "4"],
    }));
    let other = with(&json!({
        "CapacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 1}],
        "NetworkConfiguration": {"awsvpcConfiguration": {
            "subnets": "subnet-1,subnet-2", "securityGroups": ["sg-1", ""], "assignPublicIp": "ENABLED",
        }},
        "UpdateCriteria": [{"Container": "app", "EnvironmentKey": "A, B"}],
        "AcceptExitCodes": "3,4",
    }));
    assert_eq!(one, other);
    let network = one.unwrap().network_configuration.unwrap().awsvpc_configuration.unwrap();
    assert_eq!(network.assign_public_ip.as_deref(), Some("ENABLED"));
    assert_eq!(with(&json!({"AcceptExitCodes": 3})).unwrap().accept_exit_codes, [3]);
}

#[test]
fn every_launch_type_is_known() {
    for launch_type in LaunchType::ALL {
        let read = with(&json!({"LaunchType": launch_type.as_str()})).unwrap();
        assert_eq!(read.launch_type, Some(*launch_type));
    }
    let Some(words) = refused(&json!({"LaunchType": "x"})).split("write ").nth(1).map(str::to_owned) else {
        panic!("no remedy");
    };
    assert_eq!(words.split(" or ").count(), LaunchType::ALL.len());
}

#[test]
fn how_long_it_may_take() {
    for (given, expected) in [
        (json!({"Timeout": "3540"}), 3540),
        (json!({"Timeout": 100, "ServiceTimeout": "160"}), 100),
        // Without a Timeout, it is as long as it can be.
        (json!({"ServiceTimeout": 120}), 60),
        (json!({"ServiceTimeout": 3600}), 290),
    ] {
        assert_eq!(with(&given).unwrap().timeout, expected, "{given}");
    }
    let error = refused(&json!({"Timeout": "3541"}));
    assert!(error.starts_with("property `Timeout` is 3541 s, longer than can be waited for"), "{error}");
    assert!(
        error.contains("CloudFormation waits 3600 s") && error.ends_with("write at most 3540"),
        "{error}"
    );
    let error = refused(&json!({"Timeout": 101, "ServiceTimeout": 160}));
    assert!(error.contains("waits 160 s") && error.ends_with("write at most 100"), "{error}");
    let error = refused(&json!({"Timeout": i64::MAX}));
    assert!(error.ends_with("write at most 3540"), "{error}");
}

#[test]
fn what_is_refused() {
    let strategy = json!([{"CapacityProvider": "FARGATE"}]);
    let cases = [
        (json!({"Cluster": ""}), "property `Cluster` is missing"),
        (json!({"TaskDefinition": null}), "property `TaskDefinition` is missing"),
        (json!({"Timout": 10}), "property `Timout` is not known: did you mean `Timeout`?"),
        (json!({"count": 10}), "did you mean `Count`?"),
        (json!({"Count": "-1"}), "property `Count` is `-1`: write a whole number from 0 to 100"),
        (json!({"Count": 101}), "from 0 to 100"),
        (json!({"Count": "two"}), "property `Count` is `two`"),
        (json!({"Timeout": 0}), "property `Timeout` is `0`: write a whole number, at least 1"),
        (json!({"ServiceTimeout": 60}), "from 61 to 3600"),
        (json!({"ServiceTimeout": 7200}), "from 61 to 3600"),
        (json!({"PollInterval": 301}), "from 1 to 300"),
        (json!({"OnTimeout": "kill"}), "property `OnTimeout` is `kill`: write stop or leave"),
        (json!({"RunOnUpdate": "on"}), "property `RunOnUpdate` is `on`: write true or false"),
        (json!({"AcceptExitCodes": "3,x"}), "property `AcceptExitCodes[1]` is `x`"),
        (
            json!({"LaunchType": "EC2", "CapacityProviderStrategy": strategy}),
            "property `LaunchType` excludes CapacityProviderStrategy",
        ),
        (json!({"LaunchType": "EC2", "Instances": ["i"]}), "property `LaunchType` excludes Instances"),
        (
            json!({"CapacityProviderStrategy": strategy, "Instances": ["i"]}),
            "property `CapacityProviderStrategy` excludes Instances",
        ),
        (json!({"Instances": vec!["i"; 101]}), "property `Instances` names 101 container instances"),
        (json!({"UpdateCriteria": [{"EnvironmentKeys": ["A"]}]}), "`UpdateCriteria[0].Container` is missing"),
        (json!({"UpdateCriteria": [{"Container": "app"}]}), "`UpdateCriteria[0].EnvironmentKeys` is missing"),
        (
            json!({"UpdateCriteria": [{"Container": "app", "EnvironmentKeys": [""]}]}),
            "`UpdateCriteria[0].EnvironmentKeys` names no key",
        ),
        (
            json!({"Overrides": {"ContainerOverrides": []}}),
            "`Overrides.ContainerOverrides` is not known: did you mean `containerOverrides`?",
        ),
        (
            json!({"Overrides": {"containerOverrides": [{"name": "app", "comand": []}]}}),
            "`Overrides.containerOverrides[0].comand` is not known: did you mean `command`?",
        ),
        (
            json!({"Overrides": {"containerOverrides": [{"name": "app", "cpu": "lots"}]}}),
            "`Overrides.containerOverrides[0].cpu` is `lots`",
        ),
        (
            json!({"NetworkConfiguration": {"AwsvpcConfiguration": {}}}),
            "AwsvpcConfiguration.subnets` is missing",
        ),
    ];
    for (changes, expected) in cases {
        let error = refused(&changes);
        assert!(error.contains(expected), "{error}");
    }
    for (given, problem) in
        [(json!(null), "are absent"), (json!([]), "are a list"), (json!("x"), "are a string")]
    {
        let error = Properties::read(&given).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the ResourceProperties {problem}: write an object")), "{error}");
    }
}

#[test]
fn the_container_that_counts_must_exist() {
    let definition = samples::definition(2, &[]);
    for fits in [json!({}), json!({"Container": "app"})] {
        assert_eq!(with(&fits).unwrap().fit(&definition), Ok(()));
    }
    let error = with(&json!({"Container": "apq"})).unwrap().fit(&definition).unwrap_err().to_string();
    let expected = "property `Container` is `apq`, which is not in arn:aws:ecs:eu-west-1:123456789012:\
                    task-definition/app:2: did you mean `app`? It has app";
    assert_eq!(error, expected);
}

#[test]
fn no_value_of_a_variable_is_shown() {
    let shown = format!("{:?}", Properties::read(&samples::properties()).unwrap());
    assert!(!shown.contains(samples::SECRET), "{shown}");
    let secret = samples::SECRET;
    for environment in [
        json!({"DB_PASSWORD": secret}),
        json!([format!("DB_PASSWORD={secret}")]),
        json!([{"name": "DB_PASSWORD", "value": {"Ref": secret}}]),
        json!([{"name": "DB_PASSWORD", "value": [secret]}]),
        json!([{"name": "DB_PASSWORD", "valeu": secret}]),
        json!([{"value": secret}]),
    ] {
        let error = refused(
            &json!({"Overrides": {"containerOverrides": [{"name": "app", "environment": environment}]}}),
        );
        assert!(!error.contains(secret), "{error}");
    }
}
