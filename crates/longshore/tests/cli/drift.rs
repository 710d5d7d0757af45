//! `drift` and `init`: what is no longer as the files say, and the files of what runs already.

use serde_json::{Value, json};

use crate::account::Account;
use crate::service::{stderr, stdout};

/// A service with its files in `deploy`.
fn account() -> Account {
    let account = Account::new();
    account.family("web", 2, "shop");
    account.runs("default", "web", &["web:2"], "shop");
    let init = account.longshore(&["init", "web", "--dir", "deploy"]);
    assert_eq!(init.status.code(), Some(0), "{}", stderr(&init));
    account
}

fn change(account: &Account, change: impl Fn(&mut Value)) {
    account.state.lock().unwrap().services.iter_mut().for_each(|(_, service)| change(service));
}

#[test]
fn after_init_there_is_nothing_to_change_and_no_drift() {
    let account = account();
    for verb in ["diff", "drift"] {
        let output = account.longshore(&[verb, "deploy", "--project", "shop"]);
        assert_eq!(
            (output.status.code(), stdout(&output)),
            (Some(0), String::new()),
            "{verb}: {}",
            stderr(&output)
        );
    }
    let output = account.longshore(&["drift", "deploy", "--project", "shop", "--output", "json"]);
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(document, json!({"cluster": "default", "project": "shop", "services": []}));
}

#[test]
fn drift_names_the_members_and_leaves_out_what_is_ignored() {
    let account = account();
    change(&account, |service| {
        service["desiredCount"] = json!(3);
        service["enableExecuteCommand"] = json!(true);
    });
    let drift = ["drift", "deploy", "--project", "shop"];
    let output = account.longshore(&drift);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(
        stdout(&output),
        "service web: desiredCount is 3, the file says 1\nservice web: enableExecuteCommand is true, the file says false\n"
    );
    let config = account.directory.path().join("longshore.toml");
    fs_err::write(&config, "[apply]\nignore = [\"enableExecuteCommand\"]\n").unwrap();
    let output = account.longshore(&[&drift[..], &["--output", "json"]].concat());
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let members = json!([{"path": "desiredCount", "live": 3, "wanted": 1}]);
    assert_eq!(document["services"], json!([{"title": "service web", "members": members}]));
    let output = account.longshore(&[&drift[..], &["--ignore", "desiredCount"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn services_without_a_file_are_drift_and_secrets_are_not_shown() {
    let account = account();
    account.runs("default", "old", &["web:1"], "shop");
    account.runs("default", "theirs", &["web:1"], "bank");
    let path = account.directory.path().join("deploy/web.taskdef.json");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replace("hush", "swordfish")).unwrap();
    for arguments in [&[][..], &["--output", "json"]] {
        let output = account.longshore(&[&["drift", "deploy", "--project", "shop"][..], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let said = stdout(&output);
        assert!(
            said.contains("containerDefinitions.0.environment.0.value") && said.contains("service old"),
            "{said}"
        );
        assert!(!said.contains("hush") && !said.contains("swordfish") && !said.contains("theirs"), "{said}");
    }
    let output = account.longshore(&["drift", "deploy", "--project", "shop", "--only", "web"]);
    assert!(!stdout(&output).contains("service old"), "only some of the files were read");
}

#[test]
fn what_cannot_be_found_out_is_no_drift() {
    let account = account();
    let output = account.longshore(&["drift", "nowhere"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let output = account.longshore(&["drift", "deploy", "--ignore", "a..b"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("`a..b` cannot be ignored"), "{}", stderr(&output));
    for operation in ["ListServices", "DescribeServices", "DescribeTaskDefinition"] {
        account.forgives();
        account.denies(operation);
        let output = account.longshore(&["drift", "deploy"]);
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()), "{operation}");
    }
}

#[test]
fn init_writes_what_was_chosen_and_nothing_over() {
    let account = account();
    let read = |name: &str| fs_err::read_to_string(account.directory.path().join(name)).unwrap();
    let service: Value = serde_json::from_str(&read("deploy/web.service.json")).unwrap();
    assert_eq!(service, json!({"serviceName": "web", "desiredCount": 1, "launchType": "EC2"}));
    let definition: Value = serde_json::from_str(&read("deploy/web.taskdef.json")).unwrap();
    assert_eq!(
        definition,
        json!({"family": "web", "containerDefinitions": [{"name": "app", "image": "app:2", "memory": 32,
            "environment": [{"name": "API_TOKEN", "value": "hush"}]}]})
    );
    let again = account.longshore(&["init", "web", "--dir", "deploy", "--yaml"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("`deploy/web.taskdef.json` is there already"), "{}", stderr(&again));
    let yaml = account.longshore(&["init", "web", "--dir", "yaml", "--yaml"]);
    assert_eq!(yaml.status.code(), Some(0), "{}", stderr(&yaml));
    assert!(stderr(&yaml).contains("warning: app: API_TOKEN has its value in the file"), "{}", stderr(&yaml));
    assert!(stderr(&yaml).contains("wrote yaml/web.service.yaml"), "{}", stderr(&yaml));
    assert_eq!(read("yaml/web.service.yaml"), "desiredCount: 1\nlaunchType: EC2\nserviceName: web\n");
    let missing = account.longshore(&["init", "nothing"]);
    assert!(stderr(&missing).contains("there is no active service `nothing`"), "{}", stderr(&missing));
}

#[test]
fn init_of_an_older_revision_names_it() {
    let account = Account::new();
    account.family("web", 2, "shop");
    account.runs("default", "web", &["web:1"], "shop");
    let output = account.longshore(&["init", "web"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("it runs web:1, which is not the latest"), "{}", stderr(&output));
    assert!(!account.directory.path().join("web.taskdef.json").exists());
    let diff = account.longshore(&["diff", "."]);
    assert_eq!(diff.status.code(), Some(1));
    assert!(stderr(&diff).contains("belongs to project `shop`, and not to `default`"), "{}", stderr(&diff));
    let diff = account.longshore(&["diff", ".", "--project", "shop"]);
    assert_eq!((diff.status.code(), stdout(&diff)), (Some(0), String::new()), "{}", stderr(&diff));
}
