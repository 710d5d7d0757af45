//! `longshore templates` and `longshore render`: files that are written, and files that are read.

use std::path::Path;

use serde_json::{Value, json};

use crate::service::{Service, longshore, stderr, stdout};

fn units(output: &std::process::Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_first_pair_of_files_is_read_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let dir = text(directory.path());
    let output = longshore(&["templates", "my_api-2", "--dir", dir]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        stderr(&output).replace(dir, "ecs"),
        "wrote ecs/my_api-2.taskdef.yaml\nwrote ecs/my_api-2.service.yaml\n"
    );
    let output = longshore(&["render", dir]).env("IMAGE", "api:7").output().unwrap();
    let [unit] = &units(&output)[..] else { panic!("one unit") };
    assert_eq!(stderr(&output), "", "no warning");
    let container = &unit["taskDefinition"]["containerDefinitions"][0];
    assert_eq!((&container["name"], &container["image"]), (&json!("my_api-2"), &json!("api:7")));
    assert_eq!(unit["service"]["taskDefinition"], "my_api-2");
    assert_eq!(unit["autocreated"], false);
}

/// A line of a comment that would be a member without its `#`.
fn uncommented(skeleton: &str) -> String {
    let member = |line: &str| {
        let inside = line.trim_start().strip_prefix("# ")?;
        let key = inside.trim_start().trim_start_matches("- ").split(':').next()?;
        let is_member = inside.contains(':')
            && !inside.contains("://")
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let indent = &line[..line.len() - line.trim_start().len()];
        is_member.then(|| format!("{indent}{inside}"))
    };
    let lines = skeleton.lines().map(|line| member(line).unwrap_or_else(|| line.to_owned()));
    // What excludes something that is there is left out.
    lines.filter(|line| !line.contains("launchType: EC2")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_commented_out_in_them_is_right_too() {
    let directory = tempfile::tempdir().unwrap();
    let dir = text(directory.path());
    longshore(&["templates", "--dir", dir]).output().unwrap();
    for kind in ["taskdef", "service"] {
        let path = directory.path().join(format!("web.{kind}.yaml"));
        fs_err::write(&path, uncommented(&fs_err::read_to_string(&path).unwrap())).unwrap();
    }
    let output = longshore(&["render", dir]).output().unwrap();
    let [unit] = &units(&output)[..] else { panic!("one unit") };
    assert_eq!(stderr(&output), "", "nothing is unknown to ECS");
    let container = &unit["taskDefinition"]["containerDefinitions"][0];
    for member in ["secrets", "logConfiguration", "healthCheck", "mountPoints", "dependsOn", "dockerLabels"] {
        assert!(!container[member].is_null(), "{member} in {container}");
    }
    let service = &unit["service"];
    let members = ["loadBalancers", "networkConfiguration", "placementStrategy", "serviceRegistries", "tags"];
    for member in members {
        assert!(!service[member].is_null(), "{member} in {service}");
    }
}

#[test]
fn nothing_is_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let dir = text(directory.path());
    let mine = directory.path().join("web.service.yaml");
    fs_err::write(&mine, "mine").unwrap();
    let output = longshore(&["templates", "--dir", dir]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output).replace(dir, "ecs"), @r#"
    error: `ecs/web.service.yaml` exists, and nothing was written
    hint: choose another NAME or another --dir, or move the file away
    "#);
    assert_eq!(fs_err::read_to_string(&mine).unwrap(), "mine");
    assert_eq!(fs_err::read_dir(directory.path()).unwrap().count(), 1, "not half of them either");
    for name in ["", "a b", "../web", &"a".repeat(256)] {
        let output = longshore(&["templates", name, "--dir", dir]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(stderr(&output).contains("1-255 letters, digits, hyphens and underscores"));
    }
    let below = mine.join("below");
    let output = longshore(&["templates", "--dir", text(&below)]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("web.service.yaml/below"), "{}", stderr(&output));
    let output =
        longshore(&["templates", "--dir", text(&directory.path().join("new/one"))]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_value_is_asked_for_once_however_many_files_want_it() {
    let service = Service::start(|operation, input| match operation {
        "GetParameter" => {
            let parameter =
                json!({"ARN": "arn:parameter", "Name": input["Name"], "Type": "String", "Value": "v7"});
            (200, json!({"Parameter": parameter}))
        }
        "DescribeSecret" => (200, json!({"ARN": "arn:secret-x1y2z3", "Name": input["SecretId"]})),
        _ => (400, json!({"__type": "InvalidAction"})),
    });
    let directory = tempfile::tempdir().unwrap();
    let taskdef = "containerDefinitions:\n- name: app\n  image: web:{{ ssm(\"/tag\") }}\n  secrets:\n  - name: A\n    \
                   valueFrom: '{{ secret_arn(\"db\") }}:password::'\n  - name: B\n    valueFrom: '{{ ssm_arn(\"/tag\") }}'\n";
    for name in ["api", "web"] {
        fs_err::write(directory.path().join(format!("{name}.taskdef")), taskdef).unwrap();
    }
    let read = units(&service.longshore(&["render", text(directory.path())]).output().unwrap());
    let container = &read[1]["taskDefinition"]["containerDefinitions"][0];
    assert_eq!(container["image"], "web:v7");
    assert_eq!(
        container["secrets"],
        json!([{"name": "A", "valueFrom": "arn:secret-x1y2z3:password::"},
            {"name": "B", "valueFrom": "arn:parameter"}])
    );
    assert_eq!(service.calls("GetParameter"), [json!({"Name": "/tag", "WithDecryption": false})]);
    assert_eq!(service.calls("DescribeSecret").len(), 1);
}

#[test]
fn without_a_question_nobody_is_asked_and_a_fault_prints_no_unit() {
    let directory = tempfile::tempdir().unwrap();
    let dir = text(directory.path());
    let taskdef = r#"{"containerDefinitions": [{"name": "app", "image": "web:{{ var.tag }}"}]}"#;
    fs_err::write(directory.path().join("api.taskdef"), r#"{"containerDefinitions": []}"#).unwrap();
    fs_err::write(directory.path().join("web.taskdef"), taskdef).unwrap();
    // There is no region and no endpoint here.
    let read = units(&longshore(&["render", dir, "--only", "web", "--var", "tag=v1"]).output().unwrap());
    assert_eq!(read[0]["taskDefinition"]["containerDefinitions"][0]["image"], "web:v1");
    let output = longshore(&["render", dir]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    insta::assert_snapshot!(stderr(&output).replace(dir, "ecs"), @r#"
    error: ecs/web.taskdef:1:60: `var.tag` is not defined
      1 | {"containerDefinitions": [{"name": "app", "image": "web:{{ var.tag }}"}]}
        |                                                            ^
    hint: pass --var tag=VALUE, or give it a value of its own: {{ var.tag | default("...") }}
    "#);
    fs_err::write(directory.path().join("web.taskdef"), "{{ ssm(\"/tag\") }}").unwrap();
    let output = longshore(&["render", dir]).output().unwrap();
    assert!(stderr(&output).contains("AWS_REGION"), "{}", stderr(&output));
}

#[test]
fn the_configuration_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let config =
        "[apply]\nprefix = \"dev-\"\ntfstate = \"state.json\"\n[apply.autocreate]\ndesired_count = 2\n";
    fs_err::write(directory.path().join("longshore.toml"), config).unwrap();
    let state = r#"{"version": 4, "outputs": {"image": {"value": "web:9"}}, "resources": []}"#;
    fs_err::write(directory.path().join("state.json"), state).unwrap();
    let ecs = directory.path().join("ecs");
    fs_err::create_dir(&ecs).unwrap();
    let taskdef = "# AUTOCREATE.SERVICE\ncontainerDefinitions: [{name: app, image: '{{ tfstate(\"output.image\") }}'}]\n";
    fs_err::write(ecs.join("web.taskdef"), taskdef).unwrap();
    let output = longshore(&["render", "ecs"]).current_dir(directory.path()).output().unwrap();
    let [web] = &units(&output)[..] else { panic!("one unit") };
    assert_eq!(web["taskDefinition"]["containerDefinitions"][0]["image"], "web:9");
    assert_eq!(
        web["service"],
        json!({"serviceName": "dev-web", "taskDefinition": "dev-web", "desiredCount": 2})
    );
    assert_eq!(web["files"], json!(["ecs/web.taskdef"]));
}
