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
    insta::assert_snapshot!(read_with(&files, only("wbe")).unwrap_err(), @r#"
    error: there is no `wbe` in `ecs`
    hint: there are api, web
    "#);
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
    fs_err::remove_file(elsewhere.path().join("w")).unwrap();
    let gone = super::units(place.path(), Options::default(), environment, Box::new(nobody)).unwrap_err();
    assert_eq!(gone.to_string(), "cannot read the file");
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
    insta::assert_snapshot!(refused(&[("README.md", "")]), @r#"
    error: there is no NAME.taskdef and no NAME.service in `ecs`
    hint: `longshore templates NAME --dir ecs` writes a first pair
    "#);
    let nowhere = units(Path::new("/nowhere/at/all"), Options::default(), environment, Box::new(nobody));
    let (lines, exit) = crate::error::render(&nowhere.unwrap_err().into());
    assert_eq!((lines[0].as_str(), exit), ("error: cannot read the directory", 2));
    assert!(lines[1].contains("/nowhere/at/all") && lines[2].starts_with("hint: name one with"), "{lines:?}");
}

#[test]
fn files_that_make_no_sense_together_are_named() {
    let two = [("web.taskdef", TASKDEF), ("web.taskdef.json", TASKDEF)];
    insta::assert_snapshot!(refused(&two), @r#"
    error: `ecs/web.taskdef` and `ecs/web.taskdef.json` are both the task definition of `web`
    hint: take one of them away
    "#);
    let same = r#"{"family": "web", "containerDefinitions": []}"#;
    insta::assert_snapshot!(refused(&[("api.taskdef", same), ("web.taskdef", TASKDEF)]), @r#"
    error: `ecs/api.taskdef` and `ecs/web.taskdef` both describe task definition `web`
    hint: rename one of them, or take one file away
    "#);
    let service = r#"{"serviceName": "web", "taskDefinition": "x"}"#;
    insta::assert_snapshot!(refused(&[("api.service", service), ("web.service", service)]), @r#"
    error: `ecs/api.service` and `ecs/web.service` both describe service `web`
    hint: rename one of them, or take one file away
    "#);
    let asks = format!("# AUTOCREATE.SERVICE\n{YAML}");
    insta::assert_snapshot!(refused(&[("api.service", service), ("web.taskdef", &asks)]), @r#"
    error: `ecs/api.service` and `ecs/web.taskdef` both describe service `web`
    hint: rename one of them, or take one file away
    "#);
    insta::assert_snapshot!(refused(&[("web.service", "{}")]), @r#"
    error: `ecs/web.service` names no task definition
    hint: add `taskDefinition` to it, or put `web.taskdef` beside it
    "#);
    insta::assert_snapshot!(refused(&[("web.service", service), ("web.taskdef", TASKDEF)]), @r#"
    error: `ecs/web.service` names task definition `x`, and `ecs/web.taskdef` beside it is of family `web`
    hint: take `taskDefinition` out of the service, or give the two files different names
    "#);
    let awsvpc = format!("{asks}networkMode: awsvpc\n");
    insta::assert_snapshot!(refused(&[("web.taskdef", &awsvpc)]), @r#"
    error: `ecs/web.taskdef` asks for a service with AUTOCREATE.SERVICE, and networkMode awsvpc needs subnets
    hint: put `web.service` with a `networkConfiguration` beside it; `longshore templates` writes one
    "#);
    insta::assert_snapshot!(refused(&[("web.taskdef", &format!("family: 7\n{YAML}"))]), @r#"
    error: `ecs/web.taskdef`: `family` is not a text
    hint: write it in quotes
    "#);
}

#[test]
fn what_is_neither_is_said_to_be_neither() {
    insta::assert_snapshot!(refused(&[("web.taskdef", "{\"family\": \"web\"}")]), @r#"
    error: `ecs/web.taskdef` is not a task definition
    hint: it needs `containerDefinitions`, or a `taskDefinition` with them inside; `longshore templates` writes an example
    "#);
    insta::assert_snapshot!(refused(&[("web.service", TASKDEF)]), @r#"
    error: `ecs/web.service` is not a service
    hint: it has the shape that CreateService takes, or that DescribeServices gives of one service; `longshore templates` writes an example
    "#);
    insta::assert_snapshot!(refused(&[("web.service", "")]), @r#"
    error: `ecs/web.service` is not a service
    hint: it has the shape that CreateService takes, or that DescribeServices gives of one service; `longshore templates` writes an example
    "#);
}

#[test]
fn a_text_that_is_no_json_or_yaml_is_shown_where_it_goes_wrong() {
    insta::assert_snapshot!(refused(&[("web.taskdef", "{\n  \"family\": \"web\"\n  \"cpu\": 1\n}")]), @r#"
    error: ecs/web.taskdef:3:3: expected `,` or `}`
      3 |   "cpu": 1
        |   ^
    "#);
    insta::assert_snapshot!(refused(&[("web.taskdef.yaml", "family: web\ncpu: [1,\nmemory: 2\n")]), @r#"
    error: ecs/web.taskdef.yaml:2:6: unclosed bracket '['
      2 | cpu: [1,
        |      ^
    "#);
    insta::assert_snapshot!(refused(&[("web.taskdef.json", "# ours\nfamily: web\n")]), @r#"
    error: ecs/web.taskdef.json:1:1: expected value
      1 | # ours
        | ^
    hint: this is YAML, not JSON (which has no comments): name the file .yaml
    "#);
    insta::assert_snapshot!(refused(&[("web.service", "{\"desiredCount\": <COUNT>}")]), @r#"
    error: ecs/web.service:1:18: expected value
      1 | {"desiredCount": <COUNT>}
        |                  ^
    hint: a placeholder is written {{ env.NAME }} or {{ var.NAME }}
    "#);
    insta::assert_snapshot!(refused(&[("web.service", "{\"desiredCount\":\n  ${COUNT}}")]), @r#"
    error: ecs/web.service:2:3: expected value
      2 |   ${COUNT}}
        |   ^
    hint: a placeholder is written {{ env.NAME }} or {{ var.NAME }}
    "#);
    insta::assert_snapshot!(refused(&[("web.taskdef", "")]), @r#"
    error: `ecs/web.taskdef` is not a task definition
    hint: it needs `containerDefinitions`, or a `taskDefinition` with them inside; `longshore templates` writes an example
    "#);
}

#[test]
fn a_value_that_breaks_the_text_is_not_shown() {
    let quoted = "{\n  \"family\": \"{{ env.QUOTED }}\",\n  \"cpu\": \"1\"\n}";
    insta::assert_snapshot!(refused(&[("web.taskdef", quoted)]), @r#"
    error: ecs/web.taskdef:2:14: expected `,` or `}`
      2 |   "family": "{{ env.QUOTED }}",
        |              ^
    hint: a value may have quotes or line breaks in it: write {{ ... | json }}, without quotes around it
    "#);
    let missing_comma = "{\n  \"family\": \"{{ env.IMAGE }}\"\n  \"cpu\": \"1\"\n}";
    insta::assert_snapshot!(refused(&[("web.taskdef", missing_comma)]), @r#"
    error: ecs/web.taskdef:3:3: expected `,` or `}`
      3 |   "cpu": "1"
        |   ^
    "#);
    let repeated = "{% for x in [1, 2] %}\n{\"a\": \"{{ env.QUOTED }}\"}\n{% endfor %}\n";
    insta::assert_snapshot!(refused(&[("web.taskdef", repeated)]), @r#"
    error: ecs/web.taskdef:2:8: expected `,` or `}` (in the rendered text)
      2 | {"a": "…"}
        |        ^
    hint: a value may have quotes or line breaks in it: write {{ ... | json }}, without quotes around it
    "#);
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
    insta::assert_snapshot!(refused(&[("web.taskdef", slip)]), @r#"
    error: ecs/web.taskdef:1:44: there is no member `containerDefinitions.0.memroy`
      1 | {"containerDefinitions": [{"name": "app", "memroy": 5}]}
        |                                            ^
    hint: did you mean `memory`?
    "#);
    let twice = "{\"containerDefinitions\": [{\"nmae\": \"a\"}, {\"nmae\": \"b\"}]}";
    insta::assert_snapshot!(refused(&[("web.taskdef", twice)]), @r#"
    error: ecs/web.taskdef: there is no member `containerDefinitions.0.nmae`
    hint: did you mean `name`?
    "#);
    let service = "taskDefinition: x\ndeploymentConfiguration: {maximumpercent: 200}\n";
    insta::assert_snapshot!(refused(&[("web.service.yaml", service)]), @r#"
    error: ecs/web.service.yaml:2:27: there is no member `deploymentConfiguration.maximumpercent`
      2 | deploymentConfiguration: {maximumpercent: 200}
        |                           ^
    hint: did you mean `maximumPercent`?
    "#);

    let new = r#"{"taskDefinition": "x", "memberOfTomorrow": {"a": 1}, "desiredCount": "2"}"#;
    let [web] = &read(&[("web.service", new)])[..] else { panic!("one unit") };
    assert_eq!(web.service.as_ref().unwrap()["memberOfTomorrow"], json!({"a": 1}));
    let warnings: Vec<&str> =
        web.warnings.iter().map(|text| text.rsplit("web.service: ").next().unwrap()).collect();
    assert_eq!(
        warnings,
        [
            "unknown to this version, sent to ECS all the same: `memberOfTomorrow`",
            "`desiredCount` may be refused by ECS, which expects a whole number"
        ]
    );
}
