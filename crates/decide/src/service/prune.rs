//! What is ours of what is there: what `--prune` and `destroy` may remove, and nothing else.

use std::collections::BTreeSet;

use longshore_model::seen::Service;
use serde_json::Value;

use super::PROJECT_TAG;

/// Everything is marked with this where nobody has named a project; so it says nothing about whose it is.
pub const DEFAULT_PROJECT: &str = "default";

/// The services of a project that are there, on their way out included.
#[must_use]
pub fn ours(seen: Vec<Service>, project: &str) -> Vec<Service> {
    let is_ours =
        |service: &Service| service.status != "INACTIVE" && service.tag(PROJECT_TAG) == Some(project);
    seen.into_iter().filter(is_ours).collect()
}

/// The services of a project that no file describes. `files` are the names of those that are described.
#[must_use]
pub fn without_file(seen: Vec<Service>, project: &str, files: &BTreeSet<String>) -> Vec<Service> {
    let ours = ours(seen, project).into_iter();
    ours.filter(|service| service.status == "ACTIVE" && !files.contains(&service.name)).collect()
}

/// Whether a revision carries the project's tag. `described` is as DescribeTaskDefinition answers, with tags.
#[must_use]
pub fn is_revision_ours(described: &Value, project: &str) -> bool {
    let tags = described["tags"].as_array();
    tags.into_iter().flatten().any(|tag| tag["key"] == PROJECT_TAG && tag["value"] == project)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(name: &str, status: &str, tags: Value) -> Service {
        Service::read(json!({"serviceName": name, "status": status, "tags": tags})).unwrap()
    }

    #[test]
    fn only_what_carries_the_tag_is_ours() {
        let tag = |value: &str| json!([{"key": "longshore:project", "value": value}]);
        let seen = vec![
            service("web", "ACTIVE", tag("shop")),
            service("old", "ACTIVE", tag("shop")),
            service("going", "DRAINING", tag("shop")),
            service("gone", "INACTIVE", tag("shop")),
            service("theirs", "ACTIVE", tag("shopping")),
            service("nobodys", "ACTIVE", json!([{"key": "project", "value": "shop"}])),
            service("bare", "ACTIVE", Value::Null),
        ];
        let names = |services: Vec<Service>| -> Vec<String> {
            services.into_iter().map(|service| service.name).collect()
        };
        assert_eq!(names(ours(seen.clone(), "shop")), ["web", "old", "going"]);
        let files = BTreeSet::from(["web".to_owned(), "new".to_owned()]);
        assert_eq!(names(without_file(seen, "shop", &files)), ["old"]);
    }

    #[test]
    fn a_revision_is_ours_by_its_tag() {
        let described = |tags: Value| json!({"taskDefinition": {"family": "web"}, "tags": tags});
        assert!(is_revision_ours(&described(json!([{"key": "longshore:project", "value": "shop"}])), "shop"));
        for other in [
            json!([]),
            Value::Null,
            json!([{"key": "longshore:project", "value": "shopping"}]),
            json!([{"key": "x", "value": "shop"}]),
        ] {
            assert!(!is_revision_ours(&described(other), "shop"));
        }
        assert!(!is_revision_ours(&Value::Null, "shop"));
    }
}
