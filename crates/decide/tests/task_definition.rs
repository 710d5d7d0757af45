//! Real task definitions, changed one member at a time: no change is missed.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be read is a failed test")]
#![expect(clippy::print_stdout, reason = "what is left out is said")]

use std::path::{Path, PathBuf};

use longshore_decide::task_definition::same;
use serde_json::{Value, json};

/// Values that may be taken away unnoticed: they are ECS's defaults, or have nothing else inside.
fn may_be_a_default(value: &Value) -> bool {
    let defaults = [json!(true), json!(false), json!(0), json!(3), json!(5), json!(30)];
    match value {
        Value::Object(members) => members.values().all(may_be_a_default),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => ["tcp", "bridge", "/", "DISABLED", "enabled"].contains(&text.as_str()),
        other => other.is_null() || defaults.contains(other),
    }
}

#[test]
fn no_change_of_a_real_definition_is_missed() {
    let (mut files, mut changes) = (0, 0);
    for path in own().into_iter().chain(public()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let Ok(document) = serde_json::from_str::<Value>(&text) else { continue };
        let file = document.get("taskDefinition").unwrap_or(&document).clone();
        let described = |definition: &Value| {
            let mut definition = definition.clone();
            definition["status"] = json!("ACTIVE");
            json!({"taskDefinition": definition})
        };
        if file.get("containerDefinitions").is_none() {
            continue;
        }
        assert!(same(&file, &described(&file)), "{}", path.display());
        for (what, changed) in every_change(&file) {
            assert!(!same(&changed, &described(&file)), "{}: {what}", path.display());
            assert!(!same(&file, &described(&changed)), "{}: {what}, described", path.display());
            changes += 1;
        }
        files += 1;
    }
    assert!(files >= 2 && changes > 200, "{files} files, {changes} changes");
}

/// The definition with one thing changed, added or taken away, in every way.
fn every_change(definition: &Value) -> Vec<(String, Value)> {
    const NOT_REGISTERED: [&str; 9] = [
        "/taskDefinitionArn",
        "/revision",
        "/status",
        "/requiresAttributes",
        "/compatibilities",
        "/registeredAt",
        "/registeredBy",
        "/deregisteredAt",
        "/deleteRequestedAt",
    ];
    let mut changes = Vec::new();
    for place in places(definition, "") {
        if NOT_REGISTERED.iter().any(|member| place.starts_with(member)) {
            continue;
        }
        let mut change = |what: &str, act: &dyn Fn(&mut Value)| {
            let mut changed = definition.clone();
            act(changed.pointer_mut(&place).unwrap());
            changes.push((format!("{place} {what}"), changed));
        };
        match definition.pointer(&place).unwrap() {
            Value::Object(_) => change("has a new member", &|value| value["memberOfTomorrow"] = json!({})),
            Value::Array(items) => {
                change("has a new item", &|value| value.as_array_mut().unwrap().push(json!("x")));
                if !items.is_empty() {
                    change("has lost an item", &|value| drop(value.as_array_mut().unwrap().pop()));
                }
            }
            Value::String(text) => change("is another text", &|value| *value = json!(format!("{text}x"))),
            Value::Number(number) => {
                let other = number.as_i64().unwrap() + 1;
                change("is another number", &|value| *value = json!(other));
            }
            Value::Bool(word) => change("is the other word", &|value| *value = json!(!word)),
            Value::Null => change("is no longer null", &|value| *value = json!("x")),
        }
        if let Some((parent, member)) = place.rsplit_once('/')
            && definition.pointer(parent).is_some_and(Value::is_object)
            && !may_be_a_default(definition.pointer(&place).unwrap())
            && !is_the_only_port(definition, &place)
            && place != "/containerDefinitions"
        {
            let member = member.replace("~1", "/").replace("~0", "~");
            let mut changed = definition.clone();
            changed.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&member);
            changes.push((format!("{place} is gone"), changed));
        }
    }
    changes
}

/// A host port that is the container's port: with awsvpc and host it goes without saying.
fn is_the_only_port(definition: &Value, place: &str) -> bool {
    place.ends_with("/hostPort")
        && definition.pointer(&place.replace("/hostPort", "/containerPort")) == definition.pointer(place)
        && definition["networkMode"] != "bridge"
}

/// JSON pointers to every value inside.
fn places(value: &Value, at: &str) -> Vec<String> {
    let mut found = vec![at.to_owned()];
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                found.extend(places(member, &format!("{at}/{name}")));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                found.extend(places(item, &format!("{at}/{index}")));
            }
        }
        _ => {}
    }
    found
}

/// The project's own, which together use every member.
fn own() -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/taskdefs"))
}

/// Those of public repositories, which are not part of the project.
#[expect(clippy::disallowed_methods, reason = "a test may be told where its data is")]
fn public() -> Vec<PathBuf> {
    let beside_the_repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder =
        std::env::var("LONGSHORE_DATA").map_or(beside_the_repository, PathBuf::from).join("taskdefs");
    if folder.is_dir() {
        return files(&folder);
    }
    println!(
        "SKIPPED taskdefs: no task definitions of public repositories in {} (LONGSHORE_DATA)",
        folder.display()
    );
    Vec::new()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths
}
