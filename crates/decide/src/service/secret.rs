//! Environment variables whose values should not be seen.

use serde_json::{Map, Value};

/// Names of environment variables with these words in them.
const WORDS: [&str; 6] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL"];

/// Whether the value of an environment variable with this name may be a secret.
#[must_use]
pub fn looks_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// The variables of a task definition that hold a value which may be a secret, as `CONTAINER: NAME`.
#[must_use]
pub fn secret_variables(definition: &Map<String, Value>) -> Vec<String> {
    let containers = definition.get("containerDefinitions").and_then(Value::as_array);
    let mut found = Vec::new();
    for container in containers.into_iter().flatten() {
        for variable in container["environment"].as_array().into_iter().flatten() {
            let has_value = variable["value"].as_str().is_some_and(|value| !value.is_empty());
            if let Some(name) = variable["name"].as_str().filter(|name| has_value && looks_secret(name)) {
                found.push(format!("{}: {name}", container["name"].as_str().unwrap_or_default()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_name_tells() {
        for name in ["DB_PASSWORD", "apiToken", "AWS_SECRET_ACCESS_KEY", "credentials"] {
            assert!(looks_secret(name), "{name}");
        }
        for name in ["MODE", "PASS", "DATABASE_URL"] {
            assert!(!looks_secret(name), "{name}");
        }
    }

    #[test]
    fn variables_with_a_value_are_named_with_their_container() {
        let definition = json!({"containerDefinitions": [
            {"name": "app", "environment": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "MODE", "value": "x"},
                {"name": "API_TOKEN", "value": ""}], "secrets": [{"name": "SECRET", "valueFrom": "arn"}]},
            {"name": "log"}]});
        assert_eq!(secret_variables(definition.as_object().unwrap()), ["app: DB_PASSWORD"]);
        assert!(secret_variables(&Map::new()).is_empty());
    }
}
