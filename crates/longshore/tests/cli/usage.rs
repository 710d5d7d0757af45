//! What the command line refuses, what it prints without a server, and its help.

use crate::service::{longshore, stderr, stdout};
use serde_json::{Value, json};

fn refused(arguments: &[&str]) -> String {
    let output = longshore(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    assert_eq!(stdout(&output), "", "{arguments:?}");
    stderr(&output)
}

#[test]
fn wrong_usage_exits_with_2_and_says_why() {
    let cases: &[(&[&str], &str)] = &[
        (&["rnu"], "unrecognized subcommand 'rnu'"),
        (&["run"], "<TASK_DEFINITION>"),
        (&["run", "job", "--count", "0"], "0 is not in 1..=10"),
        (&["run", "job", "--count", "11"], "11 is not in 1..=10"),
        (&["run", "job", "--launch-type", "FARGAET"], "EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES"),
        (&["run", "job", "--launch-type", "EC2", "--capacity-provider", "FARGATE"], "cannot be used with"),
        (&["run", "job", "--capacity-provider", "a=b"], "the weight is a number from 0 to 1000"),
        (&["run", "job", "--public-ip"], "--subnet"),
        (&["run", "job", "--timeout", "0s"], "no task can run in no time"),
        (&["run", "job", "--timeout", "soon"], "expected number"),
        (&["run", "job", "--started-by", "a b"], "1-36 letters"),
        (&["run", "job", "--detach", "--dry-run"], "cannot be used with"),
        (&["run", "job", "-e", "NOT_SET"], "environment variable `NOT_SET` is not set"),
        (&["run", "nowhere.json"], "name a file, or a registered FAMILY"),
    ];
    for (arguments, expected) in cases {
        let talk = refused(arguments);
        assert!(talk.contains(expected), "{arguments:?}: {expected:?} is not in {talk}");
    }
}

#[test]
fn a_dry_run_of_a_file_needs_no_server() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("job.json");
    let definition = json!({"taskDefinition": {"family": "job", "revision": 3, "status": "ACTIVE",
        "containerDefinitions": [{"name": "app", "image": "busybox"}]}});
    fs_err::write(&path, definition.to_string()).unwrap();
    let output = longshore(&[
        "run",
        path.to_str().unwrap(),
        "--dry-run",
        "-e",
        "A=1",
        "-e",
        "FROM_HERE",
        "--cluster",
        "prod",
        "--",
        "ls",
        "-l",
    ])
    .env("FROM_HERE", "two words")
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        document,
        json!({
            "registerTaskDefinition":
                {"family": "job", "containerDefinitions": [{"name": "app", "image": "busybox"}]},
            "runTask": {"cluster": "prod", "count": 1, "startedBy": "longshore", "taskDefinition": "job",
                "overrides": {"containerOverrides": [{"name": "app", "command": ["ls", "-l"], "environment": [
                    {"name": "A", "value": "1"}, {"name": "FROM_HERE", "value": "two words"}]}]}},
        })
    );
}

#[test]
fn an_unreadable_definition_fails_with_its_cause() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("job.json");
    fs_err::write(&path, "# a comment\n{\"family\": \"job\"}").unwrap();
    let output = longshore(&["run", path.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let talk = stderr(&output).replace(path.to_str().unwrap(), "job.json");
    insta::assert_snapshot!(talk, @r"
    error: cannot read `job.json`
      caused by: expected value at line 1 column 1
    hint: this is YAML, not JSON (which has no comments): name the file .yaml
    ");
}

#[test]
fn help_of_run() {
    let output = longshore(&["run", "--help"]).env("COLUMNS", "100").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn completions_and_manual_pages() {
    for shell in ["bash", "zsh", "fish"] {
        let output = longshore(&["completions", shell]).output().unwrap();
        assert!(stdout(&output).contains("capacity-provider"), "{shell}");
    }
    let output = longshore(&["man"]).output().unwrap();
    assert!(stdout(&output).contains(".TH longshore 1"));
    let dir = tempfile::tempdir().unwrap();
    let output = longshore(&["man", dir.path().join("man1").to_str().unwrap()]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""));
    assert!(dir.path().join("man1/longshore-run.1").exists());
}
