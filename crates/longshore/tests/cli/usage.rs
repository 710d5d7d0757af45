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
        (&["run"], "TASK_DEFINITION"),
        (&["run", "job", "--count", "0"], "0 is not in 1..=100"),
        (&["run", "job", "--count", "101"], "101 is not in 1..=100"),
        (&["run", "job", "--launch-type", "FARGAET"], "EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES"),
        (&["run", "job", "--launch-type", "EC2", "--capacity-provider", "FARGATE"], "cannot be used with"),
        (&["run", "job", "--capacity-provider", "a=b"], "the weight is a number from 0 to 1000"),
        (&["run", "job", "--public-ip"], "--subnet"),
        (&["run", "job", "--timeout", "0s"], "no task can run in no time"),
        (&["run", "job", "--timeout", "soon"], "expected number"),
        (&["run", "job", "--started-by", "a b"], "1-36 letters"),
        (&["run", "job", "--detach", "--dry-run"], "cannot be used with"),
        (&["run", "job", "--timeout", "5s", "--detach"], "cannot be used with"),
        (&["run", "job", "--attach", "0af3"], "cannot be used with"),
        (&["run", "--attach", "0af3", "--detach"], "cannot be used with"),
        (&["run", "--attach", "0af3", "--started-by", "me"], "cannot be used with"),
        (&["run", "--attach", "0af3", "--dry-run"], "cannot be used with"),
        (&["run", "--attach", "0af3", "--attach", "arn:task/c/0af3"], "--attach names the same twice"),
        (&["run", "job", "--instance", "a", "--count", "2"], "cannot be used with"),
        (&["run", "job", "--instance", "a", "--group", "g"], "cannot be used with"),
        (&["run", "job", "--instance", "a", "--placement-strategy", "random"], "cannot be used with"),
        (&["run", "job", "--instance", "a", "--instance", "a"], "--instance names the same twice"),
        (&["run", "job", "--placement-strategy", "binpack=disk"], "write spread=FIELD, binpack=cpu"),
        (&["run", "job", "--cpu", "lots"], "write CPU units (512) or vCPUs (0.5vCPU)"),
        (&["run", "job", "--tag", "team"], "write KEY=VALUE"),
        (&["run", "job", "--run-id", ""], "a value is required"),
        (&["run", "job", "-e", "=x"], "an environment variable has no name"),
        (&["run", "job", "--env-file", "nowhere.env"], "cannot read the environment file"),
        (&["run", "job", "--overrides", "nowhere.json"], "cannot read the overrides"),
        (&["run", "job", "-e", "NOT_SET"], "environment variable `NOT_SET` is not set"),
        (&["render"], "<DIR>"),
        (&["render", "/nowhere/at/all"], "name one with NAME.taskdef"),
        (&["render", ".", "--var", "hush"], "write --var NAME=VALUE"),
        (&["run", "nowhere.json"], "name a file, or a registered FAMILY"),
    ];
    for (arguments, expected) in cases {
        let talk = refused(arguments);
        assert!(talk.contains(expected), "{arguments:?}: {expected:?} is not in {talk}");
    }
}

fn file(directory: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = directory.path().join(name);
    fs_err::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_dry_run_of_a_file_needs_no_server() {
    let directory = tempfile::tempdir().unwrap();
    let definition = json!({"taskDefinition": {"family": "job", "revision": 3, "status": "ACTIVE",
        "containerDefinitions": [{"name": "app", "image": "busybox"}]}});
    let path = file(&directory, "job.json", &definition.to_string());
    let flags = ["-e", "A=1", "-e", "FROM_HERE", "--cluster", "prod", "--run-id", "x", "--", "ls", "-l"];
    let output = longshore(&[&["run", &path, "--dry-run"], &flags[..]].concat())
        .env("FROM_HERE", "two words")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let token = document["runTask"][0]["clientToken"].clone();
    assert_eq!(token.as_str().unwrap().len(), 64);
    assert_eq!(
        document,
        json!({
            "registerTaskDefinition":
                {"family": "job", "containerDefinitions": [{"name": "app", "image": "busybox"}]},
            "runTask": [{"cluster": "prod", "count": 1, "startedBy": "longshore", "taskDefinition": "job",
                "clientToken": token,
                "overrides": {"containerOverrides": [{"name": "app", "command": ["ls", "-l"], "environment": [
                    {"name": "A", "value": "1"}, {"name": "FROM_HERE", "value": "two words"}]}]}}],
        })
    );
    assert!(stderr(&output).contains("registered like this is not known: no AWS region is set"));
}

#[test]
fn a_dry_run_shows_every_call() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "job.yaml", "family: job\ncontainerDefinitions: [{name: app}]\n");
    let shown = |flags: &[&str]| -> Value {
        let output = longshore(&[&["run", &path, "--dry-run"], flags].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let runs = shown(&["--count", "25"]);
    let counts: Vec<&Value> = runs["runTask"].as_array().unwrap().iter().map(|call| &call["count"]).collect();
    assert_eq!(counts, [10, 10, 5]);
    assert_eq!(runs["runTask"][0].get("clientToken"), None, "it is another one each time");
    let starts = shown(&["--instance", "a", "--instance", "b", "--run-id", "x"]);
    let [call] = &starts["startTask"].as_array().unwrap()[..] else { panic!("{starts}") };
    assert_eq!(call["containerInstances"], json!(["a", "b"]));
    assert!(call["group"].as_str().unwrap().starts_with("longshore-"), "{call}");
}

#[test]
fn nothing_of_an_environment_file_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "prod.env", "# keys\nUSER=hush\nhushhush\n");
    let output = longshore(&["run", "job", "--env-file", &path]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let talk = stderr(&output).replace(&path, "prod.env");
    insta::assert_snapshot!(talk, @r"
    error: `prod.env`: line 3 has a name alone, and no such variable is set here
    hint: each line is NAME=VALUE, or NAME to take it from here, as docker reads it
    ");
}

#[test]
fn too_many_overrides_are_refused_before_anything_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let job = file(&directory, "job.yaml", "family: job\ncontainerDefinitions: [{name: app}]\n");
    let variables = file(&directory, "big.env", &format!("KEY={}", "hush".repeat(2_100)));
    let talk = refused(&["run", &job, "--env-file", &variables, "--dry-run"]);
    assert!(talk.contains("characters as JSON; ECS takes 8192") && !talk.contains("hush"), "{talk}");
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
