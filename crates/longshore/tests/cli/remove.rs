//! What removes: `destroy`, `gc` and `apply --prune`. Above all what they leave alone.

use serde_json::{Value, json};

use crate::account::Account;
use crate::service::{stderr, stdout};

/// Project shop has two services in cluster prod, somebody else has one, and one of dev uses a family of shop.
fn account() -> Account {
    let account = Account::new();
    for (family, count, project) in
        [("api", 2, "shop"), ("job", 1, "bank"), ("old", 1, "shop"), ("web", 3, "shop")]
    {
        account.family(family, count, project);
    }
    account.runs("prod", "web", &["web:3"], "shop");
    account.runs("prod", "api", &["api:2"], "shop");
    account.runs("prod", "job", &["job:1"], "bank");
    account.runs("dev", "api", &["api:1"], "shop");
    account
}

const DESTROY: [&str; 6] = ["destroy", "--cluster", "prod", "--project", "shop", "--yes"];

#[test]
fn destroy_removes_services_and_then_revisions_and_nothing_of_others() {
    let account = account();
    let output = account.longshore(&[&DESTROY[..], &["--output", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let deleted = account.service.calls("DeleteService");
    assert_eq!(
        deleted,
        [
            json!({"cluster": "prod", "force": true, "service": "api"}),
            json!({"cluster": "prod", "force": true, "service": "web"})
        ]
    );
    assert_eq!(account.service.calls("UpdateService").len(), 2);
    assert_eq!(account.deregistered(), ["old:1", "web:3", "web:2", "web:1"]);
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let results: Vec<&Value> =
        document["services"].as_array().unwrap().iter().map(|it| &it["result"]).collect();
    assert_eq!(results, ["deleted", "deleted"]);
    let left = json!([{"taskDefinition": "api:1", "why": "service api of cluster dev runs it"}]);
    assert_eq!((&document["left"], &document["project"]), (&left, &json!("shop")));
    assert!(
        stderr(&output).contains("api:1 is left: service api of cluster dev runs it"),
        "{}",
        stderr(&output)
    );

    let again = account.longshore(&DESTROY);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert!(stderr(&again).contains("there is nothing to remove of project shop"), "{}", stderr(&again));
}

#[test]
fn destroy_of_one_service_leaves_all_others() {
    let account = account();
    let output = account.longshore(&[&DESTROY[..], &["--only", "web"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(account.service.calls("DeleteService").len(), 1);
    assert_eq!(account.deregistered(), ["web:3", "web:2", "web:1"]);
    let output = account.longshore(&[&DESTROY[..], &["--only", "job"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("service `job` is not of project `shop`"), "{}", stderr(&output));
}

#[test]
fn a_list_that_cannot_be_read_removes_nothing() {
    let account = account();
    account.state.lock().unwrap().tasks.push(("prod".into(), "web:1".into()));
    account.state.lock().unwrap().history.push(("dev".into(), "api".into(), "api:2".into()));
    let lists = [
        "ListServices",
        "DescribeServices",
        "ListTaskDefinitionFamilies",
        "ListTaskDefinitions",
        "DescribeTaskDefinition",
        "ListClusters",
        "DescribeClusters",
        "ListTasks",
        "DescribeTasks",
        "ListServiceDeployments",
        "DescribeServiceRevisions",
    ];
    let gc = ["gc", "--all-ours", "--keep", "1", "--project", "shop", "--yes"];
    for operation in lists {
        for arguments in [&DESTROY[..], &gc] {
            account.forgives();
            account.denies(operation);
            let output = account.longshore(arguments);
            assert_eq!(output.status.code(), Some(1), "{operation}: {}", stderr(&output));
            assert_eq!(account.changes(), 0, "{operation} {arguments:?}");
        }
    }
    let partial = [
        ("ListServices", json!({})),
        ("DescribeServices", json!({"services": [], "failures": []})),
        ("ListClusters", json!({"clusterArns": []})),
        ("DescribeClusters", json!({"clusters": []})),
        ("DescribeTasks", json!({"tasks": []})),
    ];
    for (operation, answer) in partial {
        account.forgives();
        account.answers(operation, (200, answer));
        let output = account.longshore(&DESTROY);
        assert_eq!(
            (output.status.code(), account.changes()),
            (Some(1), 0),
            "{operation}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn what_is_not_agreed_to_is_not_done() {
    let account = account();
    let cases: [(&[&str], &str); 4] = [
        (&["destroy", "--project", "shop", "--cluster", "prod"], "there is no terminal to ask on"),
        (&["destroy", "--yes"], "no project is named: destroy removes only"),
        (&["destroy", "--project", "default", "--yes"], "no project is named"),
        (&["gc", "web", "--keep", "1", "--project", "shop"], "there is no terminal to ask on"),
    ];
    for (arguments, expected) in cases {
        let output = account.longshore(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
        assert_eq!(account.changes(), 0, "{arguments:?}");
    }
    let output = account.longshore(cases[0].0);
    assert!(stderr(&output).contains("service web (1 task running)"), "{}", stderr(&output));
    let dry = account.longshore(&["destroy", "--project", "shop", "--cluster", "prod", "--dry-run"]);
    let calls: Value = serde_json::from_str(&stdout(&dry)).unwrap();
    let names: Vec<&str> = calls.as_array().unwrap().iter().map(|it| it["call"].as_str().unwrap()).collect();
    assert_eq!(names[..4], ["UpdateService", "DeleteService", "UpdateService", "DeleteService"]);
    assert_eq!(names[4..], ["DeregisterTaskDefinition"; 4]);
    assert_eq!((dry.status.code(), account.changes()), (Some(0), 0));
}

#[test]
fn a_service_that_cannot_be_deleted_keeps_its_revisions() {
    let account = account();
    account.denies("DeleteService");
    let output = account.longshore(&DESTROY);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("error: web: cannot delete service `web`"), "{}", stderr(&output));
    assert!(stderr(&output).contains("hint: destroy again"), "{}", stderr(&output));
    assert_eq!(account.deregistered(), [""; 0]);
}

#[test]
fn a_service_that_does_not_go_in_time_is_waited_for_again() {
    let account = Account::new();
    account.family("web", 1, "shop");
    account.runs("prod", "web", &["web:1"], "shop");
    let mut draining = account.state.lock().unwrap().services[0].1.clone();
    draining["status"] = json!("DRAINING");
    account.answers("DescribeServices", (200, json!({"services": [draining], "failures": []})));
    let output = account.longshore(&[&DESTROY[..], &["--timeout", "1s", "--output", "json"]].concat());
    assert_eq!((output.status.code(), account.changes()), (Some(1), 0), "{}", stderr(&output));
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["services"][0]["result"], "timedOut");
    assert!(stderr(&output).contains("hint: destroy again goes on from here"), "{}", stderr(&output));
    account.forgives();
    let again = account.longshore(&DESTROY);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert_eq!(account.deregistered(), ["web:1"]);
}

#[test]
fn gc_keeps_the_newest_and_whatever_is_in_use() {
    let account = Account::new();
    account.family("web", 3, "");
    account.family("web", 9, "shop");
    account.state.lock().unwrap().revisions.drain(3..6);
    // Revisions 1 to 3 were there before Longshore; 4 to 9 are ours.
    account.runs("prod", "web", &["web:9", "web:6"], "shop");
    {
        let mut state = account.state.lock().unwrap();
        state.tasks.push(("dev".into(), "web:5".into()));
        state.history = ["web:9", "web:4"].map(|name| ("prod".into(), "web".into(), name.into())).to_vec();
    }
    let arguments = ["gc", "web", "--keep", "2", "--project", "shop", "--yes", "--output", "json"];
    let dry = account.longshore(&[&arguments[..], &["--dry-run"]].concat());
    assert_eq!(stdout(&dry).matches("DeregisterTaskDefinition").count(), 1);
    assert_eq!(account.changes(), 0);
    let output = account.longshore(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(account.deregistered(), ["web:7"]);
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let left: Vec<String> = document["left"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["taskDefinition"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        (left, &document["deregistered"]),
        (["web:6", "web:5", "web:4"].map(Into::into).to_vec(), &json!(["web:7"]))
    );
    assert!(stderr(&output).contains("web: 3 old revisions are not of project shop"), "{}", stderr(&output));
    assert!(stderr(&output).contains("a rollback of service web of cluster prod goes to it"));
}

#[test]
fn gc_refuses_what_is_no_family() {
    let account = Account::new();
    for (arguments, expected) in [
        (&["gc"][..], "FAMILY"),
        (&["gc", "web:3"], "write the family alone"),
        (&["gc", "web", "--all-ours"], "cannot be used with"),
        (&["gc", "web", "--keep", "0"], "0 is not in 1.."),
    ] {
        let output = account.longshore(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    let output = account.longshore(&["gc", "web"]);
    assert!(stderr(&output).contains("family `web` has no active revision"), "{}", stderr(&output));
}

#[test]
fn prune_removes_what_has_no_file_any_more() {
    let account = account();
    account.runs("prod", "gone", &["old:1"], "shop");
    for name in ["web", "api"] {
        let init = account.longshore(&["init", name, "--cluster", "prod", "--dir", "deploy"]);
        assert_eq!(init.status.code(), Some(0), "{}", stderr(&init));
    }
    let apply = ["apply", "deploy", "--cluster", "prod", "--project", "shop", "--prune"];
    let refused = account.longshore(&apply);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    let expected = "without a file in project shop of cluster prod:\n  service gone (1 task running)\n";
    assert!(stderr(&refused).contains(expected), "{}", stderr(&refused));
    let dry = account.longshore(&[&apply[..], &["--dry-run"]].concat());
    assert!(stdout(&dry).contains("\"DeleteService\""), "{}", stdout(&dry));
    assert_eq!(account.changes(), 0);
    let output = account.longshore(&[&apply[..], &["--yes", "--output", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["pruned"][0]["service"], "gone");
    assert_eq!(document["pruned"].as_array().unwrap().len(), 1);
    let deleted = account.service.calls("DeleteService");
    assert_eq!(deleted, [json!({"cluster": "prod", "force": true, "service": "gone"})]);
}

#[test]
fn prune_without_files_or_a_project_is_refused() {
    let account = account();
    let jobs = account.directory.path().join("jobs");
    fs_err::create_dir(&jobs).unwrap();
    fs_err::write(jobs.join("job.taskdef"), r#"{"containerDefinitions": [{"name": "app", "image": "a"}]}"#)
        .unwrap();
    let cases: [(&[&str], &str); 4] = [
        (
            &["apply", "jobs", "--prune", "--yes", "--project", "shop", "--cluster", "prod"],
            "no file describes a service",
        ),
        (&["apply", "jobs", "--prune", "--yes", "--cluster", "prod"], "no project is named"),
        (&["apply", "jobs", "--prune", "--only", "web", "--project", "shop"], "cannot be used with"),
        (&["apply", "jobs", "--yes"], "--prune"),
    ];
    for (arguments, expected) in cases {
        let output = account.longshore(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    assert_eq!(account.changes(), 0);
}
