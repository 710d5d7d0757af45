//! `longshore verify`, as a user sees it, against a scripted service.

use crate::service::{Service, stderr, stdout};
use serde_json::{Value, json};

const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-AbCdEf";

/// A directory with a task definition and a service. Its image is that of a registry where nobody listens.
fn files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let definition = json!({"family": "web", "executionRoleArn": "exec", "containerDefinitions": [
        {"name": "app", "image": "127.0.0.1:1/web:v1",
         "secrets": [{"name": "DB", "valueFrom": "/web/db"}, {"name": "KEY", "valueFrom": SECRET}],
         "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/web"}}}]});
    let service = json!({"serviceName": "web", "desiredCount": 1});
    fs_err::write(directory.path().join("web.taskdef.json"), definition.to_string()).unwrap();
    fs_err::write(directory.path().join("web.service.json"), service.to_string()).unwrap();
    directory
}

/// A cluster where everything is, except a parameter when `has_parameter` is false.
fn cluster(has_parameter: bool) -> Service {
    Service::start(move |operation, input| match operation {
        "DescribeClusters" => {
            let arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";
            (200, json!({"clusters": [{"clusterArn": arn, "status": "ACTIVE"}]}))
        }
        "DescribeParameters" if has_parameter => (200, json!({"Parameters": [{"Name": "/web/db"}]})),
        "DescribeParameters" => (200, json!({"Parameters": []})),
        "DescribeSecret" => {
            assert_eq!(input["SecretId"], SECRET);
            (200, json!({"VersionIdsToStages": {"v1": ["AWSCURRENT"]}}))
        }
        "DescribeLogGroups" => (200, json!({"logGroups": [{"logGroupName": "/web"}]})),
        // IAM speaks another protocol, in which the operation is no header.
        "" => (403, json!({"__type": "AccessDenied", "message": "no"})),
        _ => panic!("{operation} was not expected"),
    })
}

#[test]
fn every_check_has_its_line() {
    let files = files();
    let path = files.path().to_str().unwrap();
    let output = cluster(true).longshore(&["verify", path, "--cluster", "prod"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(stdout(&output), @r"
    ok           cluster `prod`
    not checked  web: executionRoleArn `exec`: needs iam:GetRole
    not checked  web: image `127.0.0.1:1/web:v1` of container `app`: cannot look for image `web`: 127.0.0.1:1 does not answer
    ok           web: secret `DB` of container `app`
    ok           web: secret `KEY` of container `app`
    ok           web: log group `/web`
    ");
    assert_eq!(stderr(&output), "4 ok, 0 failed, 2 not checked\n");
}

#[test]
fn one_failure_fails_and_programs_can_read_it() {
    let files = files();
    let path = files.path().to_str().unwrap();
    let service = cluster(false);
    let output =
        service.longshore(&["verify", path, "--cluster", "prod", "--output", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed: Vec<&Value> =
        document["checks"].as_array().unwrap().iter().filter(|check| check["state"] == "failed").collect();
    let expected = json!({"unit": "web", "what": "secret `DB` of container `app`", "state": "failed",
        "why": "there is no parameter `/web/db`"});
    assert_eq!(failed, [&expected]);
    assert_eq!(document["checks"][0], json!({"unit": null, "what": "cluster `prod`", "state": "ok"}));
}

#[test]
fn without_usable_credentials_nothing_is_claimed() {
    let files = files();
    let service = Service::start(|_, _| {
        (400, json!({"__type": "UnrecognizedClientException", "message": "The security token is invalid."}))
    });
    let output = service.longshore(&["verify", files.path().to_str().unwrap()]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    assert!(
        stderr(&output).starts_with("error: cannot describe cluster `default`: Unrecognized"),
        "{}",
        stderr(&output)
    );
}
