//! UpdateCriteria: whether a named environment variable differs between the old and the new release.

use longshore_model::seen::TaskDefinition;
use serde::Deserialize;

use super::properties::Overrides;

/// Environment variables of a container whose values decide whether an Update runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Criterion {
    /// The container's name in the task definition.
    pub container: String,
    /// The names of the variables.
    pub environment_keys: Vec<String>,
}

/// One release: a revision, and what the resource changes in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Release<'a> {
    pub(super) definition: &'a TaskDefinition,
    pub(super) overrides: &'a Overrides,
}

/// What the criteria say, in words that show no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Comparison {
    Changed(String),
    Unchanged(String),
    /// A criterion is about a container that does not exist.
    Impossible(String),
}

/// Compares what the criteria name.
pub(super) fn compare(criteria: &[Criterion], old: Release<'_>, new: Release<'_>) -> Comparison {
    let names = || new.definition.containers.iter().map(|container| container.name.as_str());
    if let Some(unknown) = criteria.iter().find(|criterion| !names().any(|name| name == criterion.container))
    {
        let names: Vec<&str> = names().collect();
        return Comparison::Impossible(format!(
            "UpdateCriteria names container `{}`, which is not in {}: it has {}",
            unknown.container,
            new.definition.arn,
            names.join(", ")
        ));
    }
    let keys = criteria.iter().flat_map(|criterion| {
        criterion.environment_keys.iter().map(|key| (criterion.container.as_str(), key.as_str()))
    });
    let mut same = Vec::new();
    for (container, key) in keys {
        let (before, now) = (old.variable(container, key), new.variable(container, key));
        let what = format!("environment variable `{key}` of container `{container}`");
        match (before, now) {
            (None, None) => same.push(format!("{what} is neither in the old nor in the new task definition")),
            (before, now) if before == now => same.push(format!("{what} is unchanged")),
            (None, _) => return Comparison::Changed(format!("{what} is new")),
            (_, None) => return Comparison::Changed(format!("{what} is gone")),
            _ => return Comparison::Changed(format!("{what} has changed")),
        }
    }
    Comparison::Unchanged(same.join("; "))
}

impl<'a> Release<'a> {
    /// The overrides go before the task definition, as they do in ECS.
    fn variable(self, container: &str, key: &str) -> Option<&'a str> {
        let defined = || {
            let container = self.definition.containers.iter().find(|known| known.name == container)?;
            container.environment.0.get(key).map(String::as_str)
        };
        self.overrides.variable(container, key).or_else(defined)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::samples::definition;
    use super::*;

    fn overrides(environment: &[(&str, &str)]) -> Overrides {
        let pairs: Vec<Value> =
            environment.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let other = json!({"name": "other", "environment": [{"name": "DB_HOST", "value": "of another"}]});
        let own = json!({"name": "app", "environment": pairs});
        serde_json::from_value(json!({"containerOverrides": [own, other]})).unwrap()
    }

    fn criteria(container: &str, keys: &[&str]) -> Vec<Criterion> {
        let environment_keys = keys.iter().map(|key| (*key).to_owned()).collect();
        vec![Criterion { container: container.into(), environment_keys }]
    }

    #[test]
    fn what_differs() {
        type Env<'a> = &'a [(&'a str, &'a str)];
        // Definition and overrides of the old release, then of the new one; keys; whether it runs, and why.
        type Case<'a> = ((Env<'a>, Env<'a>), (Env<'a>, Env<'a>), &'a [&'a str], bool, &'a str);
        let (a, b): (Env<'_>, Env<'_>) = (&[("DB_HOST", "a")], &[("DB_HOST", "b")]);
        let empty: Env<'_> = &[("DB_HOST", "")];
        let cases: &[Case<'_>] = &[
            ((a, &[]), (a, &[]), &["DB_HOST"], false, "`DB_HOST` of container `app` is unchanged"),
            ((a, &[]), (b, &[]), &["DB_HOST"], true, "`DB_HOST` of container `app` has changed"),
            ((&[], &[]), (b, &[]), &["DB_HOST"], true, "is new"),
            ((a, &[]), (&[], &[]), &["DB_HOST"], true, "is gone"),
            ((a, &[]), (empty, &[]), &["DB_HOST"], true, "has changed"),
            ((&[], &[]), (empty, &[]), &["DB_HOST"], true, "is new"),
            // The override hides what the definition says, in either direction.
            ((a, b), (b, &[]), &["DB_HOST"], false, "is unchanged"),
            ((a, b), (b, b), &["DB_HOST"], false, "is unchanged"),
            ((a, &[]), (a, b), &["DB_HOST"], true, "has changed"),
            ((a, empty), (a, &[]), &["DB_HOST"], true, "has changed"),
            // One that is named is enough; one that is not named does not matter.
            ((a, &[]), (b, &[]), &["PORT", "DB_HOST"], true, "`DB_HOST`"),
            (
                (a, &[]),
                (b, &[]),
                &["PORT"],
                false,
                "`PORT` of container `app` is neither in the old nor in the new",
            ),
            // Of two that override the same variable, the last counts.
            ((&[], &[("DB_HOST", "b"), ("DB_HOST", "a")]), (a, &[]), &["DB_HOST"], false, "is unchanged"),
        ];
        for (index, (old, new, keys, changed, why)) in cases.iter().enumerate() {
            let definitions = (definition(1, old.0), definition(2, new.0));
            let (before, now) = (overrides(old.1), overrides(new.1));
            let said = compare(
                &criteria("app", keys),
                Release { definition: &definitions.0, overrides: &before },
                Release { definition: &definitions.1, overrides: &now },
            );
            match said {
                Comparison::Changed(said) => assert!(*changed && said.contains(why), "{index}: {said}"),
                Comparison::Unchanged(said) => assert!(!*changed && said.contains(why), "{index}: {said}"),
                Comparison::Impossible(said) => panic!("{index}: {said}"),
            }
        }
    }

    #[test]
    fn a_container_that_does_not_exist_is_no_criterion() {
        let (definition, overrides) = (definition(2, &[]), Overrides::default());
        let release = Release { definition: &definition, overrides: &overrides };
        let Comparison::Impossible(said) = compare(&criteria("web", &["DB_HOST"]), release, release) else {
            panic!("it was compared");
        };
        assert!(said.contains("`web`") && said.contains("app:2") && said.ends_with("it has app"), "{said}");
    }

    #[test]
    fn a_container_that_is_new_is_compared_with_nothing() {
        let mut old = definition(1, &[("DB_HOST", "a")]);
        old.containers[0].name = "before".into();
        let (new, overrides) = (definition(2, &[("DB_HOST", "a")]), Overrides::default());
        let said = compare(
            &criteria("app", &["DB_HOST"]),
            Release { definition: &old, overrides: &overrides },
            Release { definition: &new, overrides: &overrides },
        );
        assert!(matches!(said, Comparison::Changed(_)), "{said:?}");
    }

    #[test]
    fn no_value_is_told() {
        let (old, new) = (definition(1, &[("K", "hunter2")]), definition(2, &[("K", "hunter3")]));
        let overrides = Overrides::default();
        let said = compare(
            &criteria("app", &["K"]),
            Release { definition: &old, overrides: &overrides },
            Release { definition: &new, overrides: &overrides },
        );
        assert!(!format!("{said:?}").contains("hunter"), "{said:?}");
    }
}
