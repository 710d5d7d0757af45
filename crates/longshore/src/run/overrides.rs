//! What differs from the task definition: a TaskOverride of the user's, with what the command line says put over it.

use longshore_model::seen::ContainerSummary;
use serde_json::{Map, Value, json};

use crate::error::Failed;

/// ECS takes at most this many characters of overrides as JSON.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html> (`overrides`)
const MAX_CHARACTERS: usize = 8192;

/// What the user changes. No `Debug`: the environment may hold secrets.
#[derive(Clone, Default)]
pub(crate) struct Changes {
    /// A TaskOverride, whatever is in it.
    pub(crate) file: Map<String, Value>,
    /// Whom `command` and `environment` are for.
    pub(crate) container: Option<String>,
    pub(crate) command: Vec<String>,
    /// Of variables of one name the last counts.
    pub(crate) environment: Vec<(String, String)>,
    /// CPU units of the task, as ECS has them.
    pub(crate) cpu: Option<String>,
    /// MiB of the task, as ECS has them.
    pub(crate) memory: Option<String>,
}

impl Changes {
    /// The `overrides` of RunTask and StartTask for a task definition with these containers; `None` when nothing
    /// differs.
    pub(crate) fn overrides(&self, containers: &[ContainerSummary]) -> Result<Option<Value>, Failed> {
        // Named but absent is an error even when nothing is overridden: its exit code would be waited for in vain.
        let container = self.container.as_ref().map(|name| named(name, containers)).transpose()?;
        let mut overrides = self.file.clone();
        for (member, value) in [("cpu", &self.cpu), ("memory", &self.memory)] {
            overrides.extend(value.clone().map(|value| (member.to_owned(), Value::String(value))));
        }
        if !self.command.is_empty() || !self.environment.is_empty() {
            let container = container.map_or_else(|| obvious(containers), Ok)?;
            self.put_over(of_container(&mut overrides, &container.name)?)?;
        }
        if overrides.is_empty() {
            return Ok(None);
        }
        let overrides = Value::Object(overrides);
        let characters = overrides.to_string().chars().count();
        if characters > MAX_CHARACTERS {
            let said =
                format!("the overrides have {characters} characters as JSON; ECS takes {MAX_CHARACTERS}");
            return Err(Failed::usage(said).with_hint(
                "put long values into the task definition (`environment`, `secrets`, or `environmentFiles` in S3)",
            ));
        }
        Ok(Some(overrides))
    }

    fn put_over(&self, container: &mut Map<String, Value>) -> Result<(), Failed> {
        if !self.command.is_empty() {
            container.insert("command".to_owned(), json!(self.command));
        }
        if self.environment.is_empty() {
            return Ok(());
        }
        let environment = container.entry("environment").or_insert_with(|| json!([]));
        let environment = environment.as_array_mut().ok_or_else(|| unlike_ecs("environment"))?;
        for (name, value) in &self.environment {
            environment.retain(|pair| pair["name"] != *name);
            environment.push(json!({"name": name, "value": value}));
        }
        Ok(())
    }
}

/// The override of a container, new when there is none yet.
fn of_container<'a>(
    overrides: &'a mut Map<String, Value>,
    name: &str,
) -> Result<&'a mut Map<String, Value>, Failed> {
    let all = overrides.entry("containerOverrides").or_insert_with(|| json!([]));
    let all = all.as_array_mut().ok_or_else(|| unlike_ecs("containerOverrides"))?;
    let position = match all.iter().position(|container| container["name"] == name) {
        Some(position) => position,
        None => {
            all.push(json!({"name": name}));
            all.len() - 1
        }
    };
    all.get_mut(position).and_then(Value::as_object_mut).ok_or_else(|| unlike_ecs("containerOverrides"))
}

fn unlike_ecs(member: &str) -> Failed {
    Failed::usage(format!("`{member}` in the overrides is not a list, so nothing can be put over it"))
        .with_hint(
            "the file has the shape of ECS's TaskOverride: {\"containerOverrides\": [{\"name\": ...}]}",
        )
}

fn named<'a>(name: &str, containers: &'a [ContainerSummary]) -> Result<&'a ContainerSummary, Failed> {
    containers.iter().find(|container| container.name == name).ok_or_else(|| {
        Failed::usage(format!("the task definition has no container `{name}`"))
            .with_hint(format!("it has {}", names(containers.iter())))
    })
}

/// The one that COMMAND and `-e` are meant for when none is named: the only one, or the only essential one.
fn obvious(containers: &[ContainerSummary]) -> Result<&ContainerSummary, Failed> {
    let essential: Vec<&ContainerSummary> =
        containers.iter().filter(|container| container.essential).collect();
    match (containers, &essential[..]) {
        ([only], _) => Ok(only),
        (_, [only]) => Ok(only),
        _ => Err(Failed::usage("COMMAND and -e need --container: several containers could be meant")
            .with_hint(format!("name one of {}", names(essential.into_iter())))),
    }
}

fn names<'a>(containers: impl Iterator<Item = &'a ContainerSummary>) -> String {
    let names: Vec<String> = containers.map(|container| format!("`{}`", container.name)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, essential: bool) -> ContainerSummary {
        ContainerSummary { name: name.into(), essential, ..ContainerSummary::default() }
    }

    fn said(changes: &Changes, containers: &[ContainerSummary]) -> Result<Option<Value>, String> {
        changes.overrides(containers).map_err(|failed| failed.to_string())
    }

    #[test]
    fn which_container_is_meant() {
        let chosen = |name: Option<&str>, containers: &[ContainerSummary]| {
            let changes =
                Changes { container: name.map(Into::into), command: vec!["x".into()], ..Changes::default() };
            said(&changes, containers).map(|it| it.unwrap()["containerOverrides"][0]["name"].clone())
        };
        let two = [container("app", true), container("web", true)];
        assert_eq!(chosen(None, &[container("app", false)]).unwrap(), "app");
        assert_eq!(chosen(None, &[container("log", false), container("app", true)]).unwrap(), "app");
        assert_eq!(chosen(Some("web"), &two).unwrap(), "web");
        assert!(chosen(None, &two).unwrap_err().contains("--container"));
        assert!(chosen(Some("wbe"), &two).unwrap_err().contains("no container `wbe`"));
        let only_named = Changes { container: Some("wbe".into()), ..Changes::default() };
        assert!(said(&only_named, &two).is_err(), "also when nothing is overridden");
    }

    #[test]
    fn the_command_line_is_put_over_the_file() {
        let file = json!({"taskRoleArn": "r", "cpu": "256", "memberOfTomorrow": {"a": 1}, "containerOverrides": [
            {"name": "log", "memory": 64},
            {"name": "app", "command": ["old"], "environment": [{"name": "A", "value": "old"}, {"name": "B", "value": "b"}]},
        ]});
        let changes = Changes {
            file: file.as_object().unwrap().clone(),
            command: vec!["new".into()],
            environment: vec![
                ("A".into(), "first".into()),
                ("C".into(), "c".into()),
                ("A".into(), "last".into()),
            ],
            cpu: Some("512".into()),
            memory: Some("1024".into()),
            ..Changes::default()
        };
        let containers = [container("log", false), container("app", true)];
        assert_eq!(
            said(&changes, &containers).unwrap().unwrap(),
            json!({"taskRoleArn": "r", "cpu": "512", "memory": "1024", "memberOfTomorrow": {"a": 1},
            "containerOverrides": [
                {"name": "log", "memory": 64},
                {"name": "app", "command": ["new"], "environment": [{"name": "B", "value": "b"},
                    {"name": "C", "value": "c"}, {"name": "A", "value": "last"}]},
            ]})
        );
        let alone = Changes { file: file.as_object().unwrap().clone(), ..Changes::default() };
        assert_eq!(said(&alone, &containers).unwrap(), Some(file), "sent as it is");
        assert_eq!(said(&Changes::default(), &containers).unwrap(), None);
    }

    #[test]
    fn a_file_of_another_shape_is_refused_only_where_something_is_put_over_it() {
        for file in [
            json!({"containerOverrides": {}}),
            json!({"containerOverrides": [{"name": "app", "environment": {}}]}),
        ] {
            let mut changes = Changes { file: file.as_object().unwrap().clone(), ..Changes::default() };
            assert_eq!(said(&changes, &[container("app", true)]).unwrap(), Some(file));
            changes.environment = vec![("A".into(), "hush".into())];
            let why = said(&changes, &[container("app", true)]).unwrap_err();
            assert!(why.contains("is not a list") && !why.contains("hush"), "{why}");
        }
    }

    #[test]
    fn too_much_is_refused_before_it_is_sent() {
        let of = |characters: usize| {
            let empty =
                json!({"containerOverrides": [{"name": "app", "environment": [{"name": "Ä", "value": ""}]}]});
            let value = "ä".repeat(characters - empty.to_string().chars().count());
            said(
                &Changes { environment: vec![("Ä".into(), value)], ..Changes::default() },
                &[container("app", true)],
            )
        };
        assert!(of(MAX_CHARACTERS).is_ok());
        let why = of(MAX_CHARACTERS + 1).unwrap_err();
        assert_eq!(why, "the overrides have 8193 characters as JSON; ECS takes 8192");
    }
}
