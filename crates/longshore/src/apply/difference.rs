//! Differences, as people read them: unified, with the names of both sides.

use longshore_control::service::{Family, Observed, Planned};
use longshore_decide::service::{Change, Revision, holds_credentials, looks_secret, revision_name};
use longshore_decide::task_definition::{normalised, register_input};
use serde_json::{Map, Value, json};
use similar::{ChangeTag, TextDiff};

/// So many unchanged lines are shown around a change.
const CONTEXT: usize = 3;

/// One document that is there and is wanted otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    /// Such as `service web`.
    pub(crate) title: String,
    /// What is there, `null` when there is nothing.
    pub(crate) live: Value,
    pub(crate) wanted: Value,
}

/// All that differs.
pub(crate) fn differences(observed: &Observed) -> Vec<Difference> {
    let families = observed.families.iter().filter_map(|(name, family)| of_family(name, family));
    families.chain(observed.services.iter().filter_map(of_service)).collect()
}

fn of_family(name: &str, family: &Family) -> Option<Difference> {
    let (Some(Revision::New(_)), Some(file)) = (&family.revision, &family.file) else { return None };
    let live = family.latest.as_ref().and_then(register_input).map_or(Value::Null, |live| definition(&live));
    let arn =
        family.latest.as_ref().and_then(|latest| latest["taskDefinition"]["taskDefinitionArn"].as_str());
    let title = format!("task definition {}", arn.map_or(name, revision_name));
    Some(Difference { title, live, wanted: definition(file) })
}

/// In the form in which it is compared, without our own marks and without values that nobody should see.
fn definition(input: &Map<String, Value>) -> Value {
    let mut document = Value::Object(without_marks(input));
    if let Value::Object(input) = &document {
        document = normalised(input);
    }
    hide_secrets(&mut document);
    document
}

/// Puts hashes in the place of values that nobody should see.
pub(crate) fn hide_secrets(definition: &mut Value) {
    for container in list(definition, "containerDefinitions") {
        for variable in list(container, "environment") {
            let (name, value) = (variable["name"].as_str().unwrap_or_default(), variable["value"].as_str());
            let value = value.unwrap_or_default();
            if looks_secret(name) || holds_credentials(value) {
                variable["value"] = json!(hidden(value));
            }
        }
    }
}

fn list<'a>(document: &'a mut Value, member: &str) -> impl Iterator<Item = &'a mut Value> {
    document.get_mut(member).and_then(Value::as_array_mut).into_iter().flatten()
}

fn without_marks(input: &Map<String, Value>) -> Map<String, Value> {
    let mut input = input.clone();
    if let Some(Value::Array(tags)) = input.get_mut("tags") {
        tags.retain(|tag| {
            !tag["key"].as_str().is_some_and(|key| key.starts_with(longshore_decide::service::OUR_TAGS))
        });
        if tags.is_empty() {
            input.remove("tags");
        }
    }
    input
}

/// Tells values apart without showing them.
fn hidden(value: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(value.as_bytes());
    format!("(hidden, sha256 {:02x}{:02x}{:02x})", digest[0], digest[1], digest[2])
}

fn of_service(planned: &Planned) -> Option<Difference> {
    if planned.plan.change == Change::None {
        return None;
    }
    let mut wanted = planned.plan.wanted.clone();
    if let Some(family) = &planned.plan.needs {
        wanted.insert("taskDefinition".to_owned(), json!(format!("{family}:(new)")));
    }
    let live =
        if planned.plan.live.is_empty() { Value::Null } else { Value::Object(planned.plan.live.clone()) };
    let (live, wanted) = (live, Value::Object(wanted));
    // Only our own tag is missing: nothing that a file could say.
    (live != wanted).then(|| Difference { title: format!("service {}", planned.name), live, wanted })
}

/// As `diff -u` has it. `colours` for a terminal.
pub(crate) fn unified(difference: &Difference, colours: bool) -> String {
    let text = |document: &Value| match document {
        Value::Null => String::new(),
        document => serde_json::to_string_pretty(document).unwrap_or_default() + "\n",
    };
    let (live, wanted) = (text(&difference.live), text(&difference.wanted));
    let diff = TextDiff::from_lines(&live, &wanted);
    let title = &difference.title;
    let before = if live.is_empty() { "(nothing)" } else { "(now)" };
    let mut out = paint(&format!("--- {title} {before}\n+++ {title} (file)\n"), "1", colours);
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        out += &paint(&format!("{}\n", hunk.header()), "36", colours);
        for change in hunk.iter_changes() {
            let (sign, colour) = match change.tag() {
                ChangeTag::Delete => ('-', "31"),
                ChangeTag::Insert => ('+', "32"),
                ChangeTag::Equal => (' ', ""),
            };
            out += &paint(&format!("{sign}{}", change.value()), colour, colours);
        }
    }
    out
}

fn paint(text: &str, colour: &str, colours: bool) -> String {
    if !colours || colour.is_empty() {
        return text.to_owned();
    }
    let lines = text.lines().map(|line| format!("\x1b[{colour}m{line}\x1b[0m\n"));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_like_diff_shows_it() {
        let difference = Difference {
            title: "service web".into(),
            live: json!({"desiredCount": 1, "launchType": "EC2"}),
            wanted: json!({"desiredCount": 2, "launchType": "EC2"}),
        };
        let expected = "--- service web (now)\n+++ service web (file)\n@@ -1,4 +1,4 @@\n {\n-  \"desiredCount\": 1,\n+  \
                        \"desiredCount\": 2,\n   \"launchType\": \"EC2\"\n }\n";
        assert_eq!(unified(&difference, false), expected);
        assert!(unified(&difference, true).contains("\x1b[32m+  \"desiredCount\": 2,\x1b[0m\n"));
        let new = Difference { live: Value::Null, ..difference };
        assert!(
            unified(&new, false)
                .starts_with("--- service web (nothing)\n+++ service web (file)\n@@ -0,0 +1,4 @@\n+{")
        );
    }

    #[test]
    fn values_that_look_secret_are_told_apart_and_not_shown() {
        let input = |value: &str| {
            let Value::Object(input) = json!({"family": "a", "tags": [{"key": "longshore:project", "value": "x"}],
                "containerDefinitions": [{"name": "app", "environment": [{"name": "DB_PASSWORD", "value": value},
                    {"name": "MODE", "value": "fast"}]}]})
            else {
                panic!()
            };
            definition(&input).to_string()
        };
        let (one, other) = (input("swordfish"), input("marlin"));
        assert!(!one.contains("swordfish") && one.contains("fast") && !one.contains("longshore:"), "{one}");
        assert!(!one.contains("null"), "{one}");
        assert_ne!(one, other);
    }
}
