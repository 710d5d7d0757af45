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

/// Whether a value holds credentials, as `postgres://user:password@host` does.
#[must_use]
pub fn holds_credentials(value: &str) -> bool {
    let behind = value.split_once("://").map_or("", |(_, behind)| behind);
    let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// The variables of a task definition that hold a value which may be a secret, as `CONTAINER: NAME`.
#[must_use]
pub fn secret_variables(definition: &Map<String, Value>) -> Vec<String> {
    let containers = definition.get("containerDefinitions").and_then(Value::as_array);
    let mut found = Vec::new();
    for container in containers.into_iter().flatten() {
        for variable in container["environment"].as_array().into_iter().flatten() {
            let value = variable["value"].as_str().unwrap_or_default();
            let is_secret =
                |name: &&str| !value.is_empty() && (looks_secret(name) || holds_credentials(value));
            if let Some(name) = variable["name"].as_str().filter(is_secret) {
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
    fn credentials_in_a_url_are_seen() {
        for (value, expected) in [
            ("postgres://user:hush@db:5432/shop", true),
            ("https://a:b@example.com", true),
            ("https://example.com/a:b@c", false),
            ("https://user@example.com", false),
            ("a:b@c", false),
        ] {
            assert_eq!(holds_credentials(value), expected, "{value}");
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
