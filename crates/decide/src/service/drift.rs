//! Where two documents differ, member by member, without what nobody minds.

use std::collections::BTreeSet;

use longshore_model::seen::Service;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{create_input, side_by_side};

/// Stands for every member, or every item, in a path that is ignored.
const ANY: &str = "*";

/// A member that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Member {
    /// With dots between the levels, and the numbers of items in lists; empty for the whole document.
    pub path: String,
    /// `null` where there is none.
    pub live: Value,
    /// Likewise.
    pub wanted: Value,
}

/// Whether a path can be ignored: it has a name or a number at each level.
#[must_use]
pub fn is_path(path: &str) -> bool {
    path.split('.').all(|part| !part.is_empty())
}

/// The members that differ between what is there and what is wanted, except those that are `ignored` (paths with dots;
/// `*` stands for any part), with everything inside them. Lists of different lengths differ as a whole.
#[must_use]
pub fn members(live: &Value, wanted: &Value, ignored: &[String]) -> Vec<Member> {
    let ignored: Vec<&str> = ignored.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    compare("", &without(live, &ignored), &without(wanted, &ignored), &mut found);
    found
}

/// A service as a whole that no file describes.
#[must_use]
pub fn without_file(service: &Service) -> Member {
    let live = create_input(&Value::Object(service.document.clone())).unwrap_or_default();
    let (live, _) = side_by_side(&live, &live);
    Member { path: String::new(), live: Value::Object(live), wanted: Value::Null }
}

fn compare(path: &str, live: &Value, wanted: &Value, found: &mut Vec<Member>) {
    let below = |part: &str| if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") };
    match (live, wanted) {
        (live, wanted) if live == wanted => {}
        (Value::Object(live), Value::Object(wanted)) => {
            let names: BTreeSet<&String> = live.keys().chain(wanted.keys()).collect();
            for name in names {
                let of = |side: &Map<String, Value>| side.get(name).cloned().unwrap_or_default();
                compare(&below(name), &of(live), &of(wanted), found);
            }
        }
        (Value::Array(live), Value::Array(wanted)) if live.len() == wanted.len() => {
            for (index, (live, wanted)) in live.iter().zip(wanted).enumerate() {
                compare(&below(&index.to_string()), live, wanted, found);
            }
        }
        _ => found.push(Member { path: path.to_owned(), live: live.clone(), wanted: wanted.clone() }),
    }
}

/// The document without what is ignored. Items keep their numbers; what is left empty by it is left out.
fn without(document: &Value, ignored: &[&str]) -> Value {
    if ignored.is_empty() {
        return document.clone();
    }
    match document {
        Value::Object(members) => {
            let rest = members.iter().filter_map(|(name, value)| {
                let kept = inside(name, value, ignored)?;
                (!is_emptied(value, &kept)).then(|| (name.clone(), kept))
            });
            Value::Object(rest.collect())
        }
        Value::Array(items) => {
            let rest = items.iter().enumerate();
            rest.map(|(index, value)| inside(&index.to_string(), value, ignored).unwrap_or_default())
                .collect()
        }
        other => other.clone(),
    }
}

/// What is left of a member; `None` when it is ignored as a whole.
fn inside(name: &str, value: &Value, ignored: &[&str]) -> Option<Value> {
    let behind = |path: &&'_ str| -> Option<String> {
        let behind = [name, ANY].iter().find_map(|part| {
            path.strip_prefix(part).filter(|rest| rest.is_empty() || rest.starts_with('.'))
        })?;
        Some(behind.trim_start_matches('.').to_owned())
    };
    let deeper: Vec<String> = ignored.iter().filter_map(behind).collect();
    if deeper.iter().any(String::is_empty) {
        return None;
    }
    Some(without(value, &deeper.iter().map(String::as_str).collect::<Vec<_>>()))
}

fn is_emptied(before: &Value, after: &Value) -> bool {
    before != after && after.as_object().is_some_and(Map::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(live: &Value, wanted: &Value, ignored: &[&str]) -> Vec<String> {
        let ignored: Vec<String> = ignored.iter().map(|path| (*path).to_owned()).collect();
        members(live, wanted, &ignored).into_iter().map(|member| member.path).collect()
    }

    #[test]
    fn members_are_named_with_dots_and_numbers() {
        let live =
            json!({"a": 1, "same": 1, "b": {"c": 1, "d": 2}, "l": [{"x": 1}, {"x": 2}], "m": [1], "n": 1});
        let wanted =
            json!({"a": 2, "same": 1, "b": {"c": 1}, "l": [{"x": 1}, {"x": 3}], "m": [1, 2], "o": 1});
        assert_eq!(paths(&live, &wanted, &[]), ["a", "b.d", "l.1.x", "m", "n", "o"]);
        let found = members(&live, &wanted, &[]);
        assert_eq!(found[1], Member { path: "b.d".into(), live: json!(2), wanted: Value::Null });
        assert_eq!(found[3], Member { path: "m".into(), live: json!([1]), wanted: json!([1, 2]) });
        assert_eq!(paths(&Value::Null, &wanted, &["a"]), [""]);
        assert!(members(&live, &live, &[]).is_empty());
    }

    #[test]
    fn what_is_ignored_is_left_out_with_all_inside_it() {
        let live = json!({"a": 1, "b": {"c": 1, "d": 1}, "l": [{"x": 1, "y": {"z": 1}}, {"x": 1, "y": {"z": 1}}],
            "com.example": {"k": 1}});
        let wanted = json!({"a": 2, "b": {"c": 2, "d": 2}, "l": [{"x": 2, "y": {"z": 2}}, {"x": 2, "y": {"z": 2}}],
            "com.example": {"k": 2}});
        let all = ["a", "b.c", "b.d", "com.example.k", "l.0.x", "l.0.y.z", "l.1.x", "l.1.y.z"];
        let cases: [(&[&str], &[&str]); 9] = [
            (&["a"], &["a"]),
            (&["b"], &["b.c", "b.d"]),
            (&["b.c"], &["b.c"]),
            (&["b.*"], &["b.c", "b.d"]),
            (&["l.1.x"], &["l.1.x"]),
            (&["l.*.y"], &["l.0.y.z", "l.1.y.z"]),
            (&["*.*.y", "l.0.x"], &["l.0.x", "l.0.y.z", "l.1.y.z"]),
            (&["com.example.k"], &["com.example.k"]),
            (&["x", "b.c.d", "aa", "l.x"], &[]),
        ];
        for (ignored, expected) in cases {
            let left: Vec<&str> = all.into_iter().filter(|path| !expected.contains(path)).collect();
            assert_eq!(paths(&live, &wanted, ignored), left, "{ignored:?}");
        }
    }

    #[test]
    fn what_is_left_empty_is_no_difference() {
        let live = json!({"b": {"c": {"d": 1}}});
        assert!(paths(&live, &json!({}), &["b.c.d"]).is_empty());
        assert_eq!(paths(&json!({"b": {}}), &json!({}), &["b.c"]), ["b"], "it was empty before");
    }

    #[test]
    fn a_service_without_a_file_differs_as_a_whole() {
        let service = json!({"serviceName": "old", "taskDefinition": "x/old:3", "events": [{"id": "1"}],
            "tags": [{"key": "longshore:project", "value": "shop"}]});
        let member = without_file(&Service::read(service).unwrap());
        assert_eq!((member.path.as_str(), &member.live["taskDefinition"]), ("", &json!("old:3")));
        assert!(member.wanted.is_null() && member.live.get("events").is_none(), "{member:?}");
    }

    #[test]
    fn a_path_has_a_part_at_each_level() {
        assert!(is_path("a") && is_path("a.*.b") && is_path("a.0"));
        assert!(!is_path("") && !is_path("a.") && !is_path(".a") && !is_path("a..b"));
    }
}
