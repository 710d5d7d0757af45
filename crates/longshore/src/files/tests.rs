//! Directories of files: which there are, what they come to, and what is wrong with them.

use longshore_model::{Error, Kind};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::files::source::{Answer, Question};

fn environment(name: &str) -> Option<String> {
    match name {
        "IMAGE" => Some("web:7".to_owned()),
        "QUOTED" => Some("hush\"\nhush".to_owned()),
        _ => None,
    }
}

fn nobody(_: Question) -> Result<Answer, Error> {
    Err(Error::new(Kind::Unavailable, "nobody answers"))
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs_err::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn read_with(files: &[(&str, &str)], options: Options) -> Result<Vec<Unit>, String> {
    let directory = directory(files);
    units(directory.path(), options, environment, Box::new(nobody)).map_err(|failed| {
        let (lines, _) = crate::error::render(&failed.into());
        lines.join("\n").replace(directory.path().to_str().unwrap(), "ecs")
    })
}

fn read(files: &[(&str, &str)]) -> Vec<Unit> {
    read_with(files, Options::default()).unwrap()
}

fn refused(files: &[(&str, &str)]) -> String {
    read_with(files, Options::default()).unwrap_err()
}

const TASKDEF: &str = r#"{"containerDefinitions": [{"name": "app", "image": "web:1"}]}"#;
const YAML: &str = "containerDefinitions:\n- name: app # ours\n  image: web:1\n";

#[test]
fn units_are_read_by_name_and_in_order() {
    let units = read(&[
        ("web.taskdef", TASKDEF),
        ("web.service", "{\"desiredCount\": 2}"),
        ("api.taskdef.yaml", YAML),
        ("batch.taskdef", YAML),
        ("shared.service.json", "{\"taskDefinition\": \"elsewhere:3\"}"),
        ("README.md", "hello"),
        (".web.taskdef", "hidden"),
        ("web.taskdef.bak", "old"),
    ]);
    let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(names, ["api", "batch", "shared", "web"]);
    let [api, batch, shared, web] = &units[..] else { panic!("{units:?}") };
    let expected = json!({"family": "api", "containerDefinitions": [{"name": "app", "image": "web:1"}]});
    assert_eq!((api.task_definition.as_ref(), api.service.as_ref()), (Some(&expected), None));
    assert_eq!(batch.task_definition.as_ref().unwrap()["family"], "batch");
    assert_eq!(shared.service, Some(json!({"serviceName": "shared", "taskDefinition": "elsewhere:3"})));
    let expected = json!({"serviceName": "web", "taskDefinition": "web", "desiredCount": 2});
    assert_eq!(web.service, Some(expected));
    assert!(web.paths[0].ends_with("web.taskdef") && web.paths[1].ends_with("web.service"));
    assert!(units.iter().all(|unit| unit.warnings.is_empty() && !unit.autocreated));
}

#[test]
fn only_what_is_named_is_rendered() {
    let files = [("web.taskdef", TASKDEF), ("api.taskdef", "{{ env.NOTHING }}")];
    let only = |name: &str| Options { only: vec![name.to_owned()], ..Options::default() };
    assert_eq!(read_with(&files, only("web")).unwrap().len(), 1);
    insta::assert_snapshot!(read_with(&files, only("wbe")).unwrap_err(), @"");
}

#[test]
fn directories_are_not_walked_and_links_to_files_are_read() {
    let elsewhere = directory(&[("w", TASKDEF)]);
    let place = directory(&[]);
    fs_err::create_dir(place.path().join("sub.taskdef")).unwrap();
    let sub = place.path().join("sub");
    fs_err::create_dir(&sub).unwrap();
    fs_err::write(sub.join("api.taskdef"), TASKDEF).unwrap();
    fs_err::os::unix::fs::symlink(elsewhere.path(), place.path().join("link.taskdef")).unwrap();
    fs_err::os::unix::fs::symlink(elsewhere.path().join("w"), place.path().join("web.taskdef")).unwrap();
    let units = units(place.path(), Options::default(), environment, Box::new(nobody)).unwrap();
    let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
    assert_eq!(names, ["web"]);
}

#[test]
fn a_word_in_the_text_makes_a_service() {
    let comment = format!("# AUTOCREATE.SERVICE\n{YAML}");
    let label = r#"{"containerDefinitions": [{"name": "a", "dockerLabels": {"x": "AUTOCREATE.SERVICE"}}]}"#;
    let template = format!("# {{% if env.IMAGE is defined %}}AUTOCREATE.SERVICE{{% endif %}}\n{YAML}");
    let not_now = format!("# {{% if env.NOTHING is defined %}}AUTOCREATE.SERVICE{{% endif %}}\n{YAML}");
    for (text, expected) in [(comment.as_str(), true), (label, true), (&template, true), (&not_now, false)] {
        let [web] = &read(&[("web.taskdef", text)])[..] else { panic!("one unit") };
        assert_eq!((web.autocreated, web.service.is_some()), (expected, expected), "{text}");
    }
    let rules = Rules { prefix: "dev-".to_owned(), desired_count: 3, ..Rules::default() };
    let units = read_with(&[("web.taskdef", &comment)], Options { rules, ..Options::default() }).unwrap();
    let expected = json!({"serviceName": "dev-web", "taskDefinition": "dev-web", "desiredCount": 3});
    assert_eq!(units[0].service, Some(expected));
}

#[test]
fn values_are_put_in_before_the_text_is_read() {
    let text = "{\"containerDefinitions\": [{\"name\": \"app\", \"image\": \"{{ env.IMAGE }}\", \"cpu\": {{ 2 * 64 }},\n\
                \"environment\": [{\"name\": \"Q\", \"value\": {{ env.QUOTED | json }}}]}]}";
    let [web] = &read(&[("web.taskdef", text)])[..] else { panic!("one unit") };
    let app = &web.task_definition.as_ref().unwrap()["containerDefinitions"][0];
    assert_eq!((&app["image"], &app["cpu"]), (&json!("web:7"), &json!(128)));
    assert_eq!(app["environment"][0]["value"], "hush\"\nhush");
    assert!(!format!("{web:?}").contains("hush"));
}

#[test]
fn what_is_not_there_has_a_next_step() {
    insta::assert_snapshot!(refused(&[("README.md", "")]), @"");
    let nowhere = units(Path::new("/nowhere/at/all"), Options::default(), environment, Box::new(nobody));
    let (lines, exit) = crate::error::render(&nowhere.unwrap_err().into());
    assert_eq!((lines[0].as_str(), exit), ("error: cannot read the directory", 2));
    assert!(lines[1].contains("/nowhere/at/all") && lines[2].starts_with("hint: name one with"), "{lines:?}");
}

#[test]
fn files_that_make_no_sense_together_are_named() {
    let two = [("web.taskdef", TASKDEF), ("web.taskdef.json", TASKDEF)];
    insta::assert_snapshot!(refused(&two), @"");
    let same = r#"{"family": "web", "containerDefinitions": []}"#;
    insta::assert_snapshot!(refused(&[("api.taskdef", same), ("web.taskdef", TASKDEF)]), @"");
    let service = r#"{"serviceName": "web", "taskDefinition": "x"}"#;
    insta::assert_snapshot!(refused(&[("api.service", service), ("web.service", service)]), @"");
    let asks = format!("# AUTOCREATE.SERVICE\n{YAML}");
    insta::assert_snapshot!(refused(&[("api.service", service), ("web.taskdef", &asks)]), @"");
    insta::assert_snapshot!(refused(&[("web.service", "{}")]), @"");
    insta::assert_snapshot!(refused(&[("web.service", service), ("web.taskdef", TASKDEF)]), @"");
    let awsvpc = format!("{asks}networkMode: awsvpc\n");
    insta::assert_snapshot!(refused(&[("web.taskdef", &awsvpc)]), @"");
    insta::assert_snapshot!(refused(&[("web.taskdef", &format!("family: 7\n{YAML}"))]), @"");
}

#[test]
fn what_is_neither_is_said_to_be_neither() {
    insta::assert_snapshot!(refused(&[("web.taskdef", "{\"family\": \"web\"}")]), @"");
    insta::assert_snapshot!(refused(&[("web.service", TASKDEF)]), @"");
    insta::assert_snapshot!(refused(&[("web.service", "")]), @"");
}

#[test]
fn a_text_that_is_no_json_or_yaml_is_shown_where_it_goes_wrong() {
    insta::assert_snapshot!(refused(&[("web.taskdef", "{\n  \"family\": \"web\"\n  \"cpu\": 1\n}")]), @"");
    insta::assert_snapshot!(refused(&[("web.taskdef.yaml", "family: web\ncpu: [1,\nmemory: 2\n")]), @"");
    insta::assert_snapshot!(refused(&[("web.taskdef.json", "# ours\nfamily: web\n")]), @"");
    insta::assert_snapshot!(refused(&[("web.taskdef", "")]), @"");
}

#[test]
fn a_value_that_breaks_the_text_is_not_shown() {
    let quoted = "{\n  \"family\": \"{{ env.QUOTED }}\",\n  \"cpu\": \"1\"\n}";
    insta::assert_snapshot!(refused(&[("web.taskdef", quoted)]), @"");
    let missing_comma = "{\n  \"family\": \"{{ env.IMAGE }}\"\n  \"cpu\": \"1\"\n}";
    insta::assert_snapshot!(refused(&[("web.taskdef", missing_comma)]), @"");
    let repeated = "{% for x in [1, 2] %}\n{\"a\": \"{{ env.QUOTED }}\"}\n{% endfor %}\n";
    insta::assert_snapshot!(refused(&[("web.taskdef", repeated)]), @"");
    let yaml = "family: web\ncpu: {{ env.IMAGE }}: {{ env.QUOTED }}\n";
    let said = refused(&[("web.taskdef", yaml)]);
    assert!(
        said.contains("ecs/web.taskdef:2:") && said.contains("| json }}") && !said.contains("hush"),
        "{said}"
    );
}

#[test]
fn a_slip_is_refused_and_what_may_be_new_is_sent() {
    let slip = "{\"containerDefinitions\": [{\"name\": \"app\", \"memroy\": 5}]}";
    insta::assert_snapshot!(refused(&[("web.taskdef", slip)]), @"");
    let twice = "{\"containerDefinitions\": [{\"nam\": \"a\"}, {\"nam\": \"b\"}]}";
    insta::assert_snapshot!(refused(&[("web.taskdef", twice)]), @"");
    let service = "taskDefinition: x\ndeploymentConfiguration: {maximumpercent: 200}\n";
    insta::assert_snapshot!(refused(&[("web.service.yaml", service)]), @"");

    let new = r#"{"taskDefinition": "x", "memberOfTomorrow": {"a": 1}, "desiredCount": "2"}"#;
    let [web] = &read(&[("web.service", new)])[..] else { panic!("one unit") };
    assert_eq!(web.service.as_ref().unwrap()["memberOfTomorrow"], json!({"a": 1}));
    let warnings: Vec<&str> =
        web.warnings.iter().map(|text| text.rsplit("web.service: ").next().unwrap()).collect();
    assert_eq!(
        warnings,
        [
            "unknown to this version, sent to ECS all the same: `memberOfTomorrow`",
            "`desiredCount` may be refused by ECS, which expects i32"
        ]
    );
}
