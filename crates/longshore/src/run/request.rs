//! From what the user chose to the input of RunTask.

use longshore_aws::{ContainerSummary, Overrides, RunTask};
use longshore_model::network::{
    AwsVpcConfiguration, CapacityProviderStrategyItem, LaunchType, NetworkConfiguration,
};
use longshore_model::tag::KeyValuePair;
use longshore_model::task::ContainerOverride;

use crate::error::Failed;

/// What the user chose, with environment variables already looked up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    pub(crate) cluster: String,
    pub(crate) count: u8,
    pub(crate) launch_type: Option<LaunchType>,
    pub(crate) capacity_providers: Vec<CapacityProviderStrategyItem>,
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) public_ip: bool,
    pub(crate) container: Option<String>,
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) started_by: String,
}

/// The input of RunTask for a task definition with these containers.
pub(crate) fn build(
    choices: &Choices,
    task_definition: &str,
    containers: &[ContainerSummary],
) -> Result<RunTask, Failed> {
    Ok(RunTask {
        cluster: choices.cluster.clone(),
        task_definition: task_definition.to_owned(),
        count: choices.count,
        launch_type: choices.launch_type,
        capacity_provider_strategy: some(&choices.capacity_providers),
        network_configuration: network(choices),
        overrides: overrides(choices, containers)?,
        started_by: Some(choices.started_by.clone()),
        client_token: None,
    })
}

fn network(choices: &Choices) -> Option<NetworkConfiguration> {
    if choices.subnets.is_empty() {
        return None;
    }
    Some(NetworkConfiguration {
        awsvpc_configuration: Some(AwsVpcConfiguration {
            subnets: choices.subnets.clone(),
            security_groups: some(&choices.security_groups),
            assign_public_ip: choices.public_ip.then(|| "ENABLED".to_owned()),
        }),
    })
}

fn overrides(choices: &Choices, containers: &[ContainerSummary]) -> Result<Option<Overrides>, Failed> {
    // Named but absent is an error even when nothing is overridden: its exit code would be waited for in vain.
    let container = match &choices.container {
        Some(name) => Some(named(name, containers)?),
        None => None,
    };
    if choices.command.is_empty() && choices.environment.is_empty() {
        return Ok(None);
    }
    let container = match container {
        Some(container) => container,
        None => obvious(containers)?,
    };
    let environment: Vec<KeyValuePair> =
        choices.environment.iter().map(|(name, value)| KeyValuePair::new(name, value)).collect();
    let container = ContainerOverride {
        name: Some(container.name.clone()),
        command: some(&choices.command),
        environment: some(&environment),
        ..ContainerOverride::default()
    };
    Ok(Some(Overrides { container_overrides: vec![container] }))
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

fn some<T: Clone>(items: &[T]) -> Option<Vec<T>> {
    (!items.is_empty()).then(|| items.to_vec())
}

/// `NAME[=WEIGHT[,base=N]]`, as the value of `--capacity-provider`.
pub(crate) fn capacity_provider(text: &str) -> Result<CapacityProviderStrategyItem, String> {
    let (name, share) = text.split_once('=').map_or((text, None), |(name, share)| (name, Some(share)));
    if name.is_empty() || name.contains(',') {
        return Err("write NAME, NAME=WEIGHT or NAME=WEIGHT,base=N".to_owned());
    }
    let number = |text: &str, what: &str, most: i32| match text.parse::<i32>() {
        Ok(number) if (0..=most).contains(&number) => Ok(number),
        _ => Err(format!("{what} is a number from 0 to {most}, not `{text}`")),
    };
    let mut item =
        CapacityProviderStrategyItem { capacity_provider: name.to_owned(), weight: None, base: None };
    if let Some(share) = share {
        let (weight, base) =
            share.split_once(',').map_or((share, None), |(weight, base)| (weight, Some(base)));
        item.weight = Some(number(weight, "the weight", 1_000)?);
        if let Some(base) = base {
            let Some(base) = base.strip_prefix("base=") else {
                return Err(format!("after the weight comes `,base=N`, not `,{base}`"));
            };
            item.base = Some(number(base, "the base", 100_000)?);
        }
    }
    Ok(item)
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    fn container(name: &str, essential: bool) -> ContainerSummary {
        ContainerSummary { name: name.into(), essential, log_driver: None }
    }

    fn choices() -> Choices {
        Choices { cluster: "default".into(), count: 1, started_by: "longshore".into(), ..Choices::default() }
    }

    #[test]
    fn only_what_was_chosen_is_sent() {
        let request = build(&choices(), "web", &[]).unwrap();
        assert_eq!(
            to_value(request).unwrap(),
            json!({"cluster": "default", "taskDefinition": "web", "count": 1, "startedBy": "longshore"})
        );
    }

    #[test]
    fn everything_has_its_place() {
        let choices = Choices {
            count: 3,
            capacity_providers: vec![capacity_provider("FARGATE_SPOT=2,base=1").unwrap()],
            subnets: vec!["subnet-1".into()],
            security_groups: vec!["sg-1".into()],
            public_ip: true,
            command: vec!["./migrate".into(), "--all".into()],
            environment: vec![("A".into(), "b=c".into())],
            ..choices()
        };
        let request = build(&choices, "web:3", &[container("log", false), container("app", true)]).unwrap();
        assert_eq!(
            to_value(request).unwrap(),
            json!({
                "cluster": "default", "taskDefinition": "web:3", "count": 3, "startedBy": "longshore",
                "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 2, "base": 1}],
                "networkConfiguration": {"awsvpcConfiguration":
                    {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}},
                "overrides": {"containerOverrides": [{"name": "app", "command": ["./migrate", "--all"],
                    "environment": [{"name": "A", "value": "b=c"}]}]},
            })
        );
    }

    #[test]
    fn which_container_is_meant() {
        let chosen = |container: Option<&str>, containers: &[ContainerSummary]| {
            let choices =
                Choices { container: container.map(Into::into), command: vec!["x".into()], ..choices() };
            build(&choices, "web", containers)
                .map(|request| request.overrides.unwrap().container_overrides[0].name.clone().unwrap())
                .map_err(|failed| failed.to_string())
        };
        let two = [container("app", true), container("web", true)];
        assert_eq!(chosen(None, &[container("app", false)]).unwrap(), "app");
        assert_eq!(chosen(None, &[container("log", false), container("app", true)]).unwrap(), "app");
        assert_eq!(chosen(Some("web"), &two).unwrap(), "web");
        assert!(chosen(None, &two).unwrap_err().contains("--container"));
        assert!(chosen(Some("wbe"), &two).unwrap_err().contains("no container `wbe`"));
        let only_named = Choices { container: Some("wbe".into()), ..choices() };
        assert!(build(&only_named, "web", &two).is_err(), "also when nothing is overridden");
    }

    #[test]
    fn capacity_providers() {
        let item = |name: &str, weight, base| {
            Ok(CapacityProviderStrategyItem { capacity_provider: name.into(), weight, base })
        };
        assert_eq!(capacity_provider("FARGATE"), item("FARGATE", None, None));
        assert_eq!(capacity_provider("mine=3"), item("mine", Some(3), None));
        assert_eq!(capacity_provider("mine=0,base=2"), item("mine", Some(0), Some(2)));
        for wrong in ["", "=1", "a=", "a=x", "a=-1", "a=1001", "a=1,2", "a=1,base=", "a=1,base=100001", "a,b"]
        {
            assert!(capacity_provider(wrong).is_err(), "{wrong}");
        }
    }
}
