//! Service files of public repositories: each is created with all that it says, and is then no difference.

use std::path::{Path, PathBuf};

use longshore_decide::service::{Change, create_input};
use serde_json::{Map, Value, json};

use super::model::Ecs;
use super::plans::planned;

/// A file that holds JSON, as a service of a name that runs a revision.
fn service(path: &Path) -> Option<Map<String, Value>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut service = create_input(&serde_json::from_str(&text).ok()?)?;
    service.entry("serviceName").or_insert_with(|| json!("web"));
    service.insert("taskDefinition".into(), json!("web:1"));
    Some(service)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may be told where its data is")]
fn a_real_file_is_created_as_it_is_and_then_no_difference() {
    let beside_the_repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder =
        std::env::var("LONGSHORE_DATA").map_or(beside_the_repository, PathBuf::from).join("services");
    if !folder.is_dir() {
        println!(
            "SKIPPED services: no files of public repositories in {} (LONGSHORE_DATA)",
            folder.display()
        );
        return;
    }
    let paths = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut count = 0;
    for path in paths {
        let Some(file) = service(&path) else { continue };
        let plan = planned(&file, None).unwrap();
        let Change::Create(input) = &plan.change else { panic!("{}: {:?}", path.display(), plan.change) };
        for (member, value) in file.iter().filter(|(member, _)| *member != "tags") {
            assert_eq!(input.get(member), Some(value), "{}: {member}", path.display());
        }
        let tags = |service: &Map<String, Value>| -> Vec<Value> {
            service.get("tags").and_then(Value::as_array).into_iter().flatten().cloned().collect()
        };
        let ours = json!({"key": "longshore:project", "value": "p"});
        assert_eq!(tags(input), [tags(&file), vec![ours]].concat(), "{}", path.display());

        let live = Ecs::create(input, &Value::Null, true).describe();
        let plan = planned(&file, Some(&live)).unwrap();
        assert_eq!(plan.change, Change::None, "{}", path.display());
        assert_eq!(plan.wanted, plan.live, "{}", path.display());
        count += 1;
    }
    assert!(count >= 10, "{count} files in {}", folder.display());
}
