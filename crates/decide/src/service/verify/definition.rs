//! What a task definition needs.

use longshore_model::image::Image;
use serde_json::{Map, Value};

use super::{Expect, Judged, Need, Question, items, text};

/// The needs of a task definition, run by this service where there is one, each with what it is about.
pub(super) fn needs(
    document: &Map<String, Value>,
    service: Option<&Map<String, Value>>,
) -> Vec<(String, Need)> {
    let is_fargate = is_fargate(document, service);
    let member = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut needs = Vec::new();
    for name in ["executionRoleArn", "taskRoleArn"] {
        if let Some(role) = member(name) {
            let need = Need::Ask(Question::Role(role.to_owned()), Expect::Nothing);
            needs.push((format!("{name} `{}`", role.rsplit('/').next().unwrap_or(role)), need));
        }
    }
    if member("executionRoleArn").is_none()
        && let Some(why) = wants_execution_role(document, is_fargate)
    {
        let failed = Judged::failed(format!("there is none, and {why}")).with_hint(
            "name a role with the policy AmazonECSTaskExecutionRolePolicy, and what its secrets need",
        );
        needs.push(("executionRoleArn".to_owned(), Need::Known(failed)));
    }
    let platform = platform(document, is_fargate);
    for container in items(document, "containerDefinitions") {
        of_container(container, &platform, &mut needs);
    }
    needs
}

fn of_container(container: &Value, platform: &Expect, needs: &mut Vec<(String, Need)>) {
    let name = text(container, "name").unwrap_or_default();
    let credentials = container.get("repositoryCredentials").and_then(|it| text(it, "credentialsParameter"));
    if let Some(image) = text(container, "image") {
        let need = match (credentials, Image::read(image)) {
            (_, None) => Need::Known(Judged::failed("it is no name of an image")),
            (Some(_), _) => Need::Known(Judged::not_checked(
                "its registry is asked with the `repositoryCredentials` alone",
            )),
            (None, Some(Image::Ecr(image))) => Need::Ask(Question::Ecr(image), platform.clone()),
            (None, Some(Image::Other(image))) => Need::Ask(Question::Image(image), platform.clone()),
        };
        needs.push((format!("image `{image}` of container `{name}`"), need));
    }
    if let Some(id) = credentials {
        needs.push((format!("repositoryCredentials of container `{name}`"), secret(id)));
    }
    let logging = container.get("logConfiguration");
    let of_logging = logging.and_then(|it| it.get("secretOptions"));
    for list in [container.get("secrets"), of_logging].into_iter().flatten() {
        for item in list.as_array().into_iter().flatten() {
            let (variable, from) = (text(item, "name").unwrap_or_default(), text(item, "valueFrom"));
            let need = from.map_or_else(|| Need::Known(Judged::failed("it has no `valueFrom`")), value);
            needs.push((format!("secret `{variable}` of container `{name}`"), need));
        }
    }
    if let Some(logging) = logging.filter(|it| text(it, "logDriver") == Some("awslogs")) {
        needs.extend(log_group(logging));
    }
}

fn log_group(logging: &Value) -> Option<(String, Need)> {
    let options = logging.get("options")?;
    let name = text(options, "awslogs-group")?;
    let need = if text(options, "awslogs-create-group") == Some("true") {
        Need::Known(Judged::ok("it is made when a task starts (awslogs-create-group)"))
    } else {
        let region = text(options, "awslogs-region").map(ToOwned::to_owned);
        Need::Ask(Question::LogGroup { region, name: name.to_owned() }, Expect::Nothing)
    };
    Some((format!("log group `{name}`"), need))
}

/// Where a `valueFrom` leads: a parameter by name or ARN, or a secret by ARN, with `:KEY:STAGE:VERSION` behind it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html>
fn value(from: &str) -> Need {
    let parts: Vec<&str> = from.split(':').collect();
    match parts[..] {
        ["arn", _, "secretsmanager", _, _, "secret", _, ..] => secret(from),
        ["arn", _, "ssm", region, account, resource, ..] if resource.starts_with("parameter/") => {
            let name = resource.trim_start_matches("parameter/");
            // The ARN of `/a/b` has one slash before it, and so has that of `a`.
            let with_slash = format!("/{name}");
            let names = if name.contains('/') { vec![with_slash] } else { vec![name.to_owned(), with_slash] };
            let (region, account) = (Some(region.to_owned()), Some(account.to_owned()));
            Need::Ask(Question::Parameter { region, account, names }, Expect::Nothing)
        }
        ["arn", ..] => {
            let failed = Judged::failed("its `valueFrom` is the ARN of neither a parameter nor a secret");
            Need::Known(failed)
        }
        [name, ..] => {
            let names = vec![name.to_owned()];
            Need::Ask(Question::Parameter { region: None, account: None, names }, Expect::Nothing)
        }
        [] => Need::Known(Judged::failed("it has no `valueFrom`")),
    }
}

/// A secret by its name or its ARN.
fn secret(id: &str) -> Need {
    const PARTS_OF_ARN: usize = 7;
    let parts: Vec<&str> = id.split(':').collect();
    let part =
        |number: usize| parts.get(number).filter(|part| !part.is_empty()).map(|part| (*part).to_owned());
    if parts.first() != Some(&"arn") || parts.len() < PARTS_OF_ARN {
        return Need::Ask(Question::Secret { region: None, id: id.to_owned() }, Expect::Nothing);
    }
    let expect = Expect::Version { key: part(7), stage: part(8), id: part(9) };
    Need::Ask(Question::Secret { region: part(3), id: parts[..PARTS_OF_ARN].join(":") }, expect)
}

/// Why ECS needs an execution role for it: the agent of an instance pulls images and writes logs with the instance's own
/// role, Fargate has none; secrets are always read with the execution role.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html>
fn wants_execution_role(document: &Map<String, Value>, is_fargate: bool) -> Option<String> {
    let has = |value: Option<&Value>| value.is_some_and(|value| !crate::service::shape::is_empty(value));
    items(document, "containerDefinitions").find_map(|container| {
        let name = text(container, "name").unwrap_or_default();
        let logging = container.get("logConfiguration");
        let image = text(container, "image").and_then(Image::read);
        if has(container.get("secrets")) || has(logging.and_then(|it| it.get("secretOptions"))) {
            Some(format!("the secrets of container `{name}` are read with it"))
        } else if has(container.get("repositoryCredentials")) {
            Some(format!("the repositoryCredentials of container `{name}` are read with it"))
        } else if is_fargate && logging.and_then(|it| text(it, "logDriver")) == Some("awslogs") {
            Some(format!("on Fargate the log of container `{name}` is written with it"))
        } else if is_fargate && matches!(image, Some(Image::Ecr(_))) {
            Some(format!("on Fargate the image of container `{name}` is pulled with it"))
        } else {
            None
        }
    })
}

fn is_fargate(document: &Map<String, Value>, service: Option<&Map<String, Value>>) -> bool {
    let provider =
        |item: &Value| text(item, "capacityProvider").is_some_and(|name| name.starts_with("FARGATE"));
    items(document, "requiresCompatibilities").any(|word| word == "FARGATE")
        || service.is_some_and(|service| {
            service.get("launchType").is_some_and(|word| word == "FARGATE")
                || items(service, "capacityProviderStrategy").any(provider)
        })
}

/// What the image must be made for. Fargate's default is X86_64; what an instance is, is not known here.
fn platform(document: &Map<String, Value>, is_fargate: bool) -> Expect {
    let platform = document.get("runtimePlatform");
    let processor = match platform.and_then(|it| text(it, "cpuArchitecture")) {
        Some("ARM64") => Some("arm64"),
        Some("X86_64") => Some("amd64"),
        _ if is_fargate => Some("amd64"),
        _ => None,
    };
    let family = platform.and_then(|it| text(it, "operatingSystemFamily")).unwrap_or("LINUX");
    Expect::Platform(processor, if family.starts_with("WINDOWS") { "windows" } else { "linux" })
}

/// The targets that a service registers: addresses where each task has its own, else instances.
pub(super) fn target_type(document: &Map<String, Value>, service: &Map<String, Value>) -> &'static str {
    let mode = document.get("networkMode").and_then(Value::as_str);
    if mode == Some("awsvpc") || is_fargate(document, Some(service)) { "ip" } else { "instance" }
}

/// Whether a container has a port that a load balancer is to reach.
pub(super) fn has_port(document: &Map<String, Value>, container: &str, port: u64) -> Judged {
    let found = items(document, "containerDefinitions").find(|it| text(it, "name") == Some(container));
    let Some(found) = found else {
        return Judged::failed("the task definition has no such container");
    };
    let mappings = || found.get("portMappings").and_then(Value::as_array).into_iter().flatten();
    let is_it = |mapping: &Value| {
        let range = text(mapping, "containerPortRange").and_then(|range| range.split_once('-'));
        let within = |(from, to): (&str, &str)| Some((from.parse().ok()?..=to.parse().ok()?).contains(&port));
        mapping.get("containerPort").and_then(Value::as_u64) == Some(port)
            || range.and_then(within).unwrap_or_default()
    };
    if mappings().any(is_it) {
        return Judged::OK;
    }
    let known: Vec<String> =
        mappings().filter_map(|it| it.get("containerPort")).map(ToString::to_string).collect();
    let failed = Judged::failed("it is not in the container's portMappings");
    if known.is_empty() { failed } else { failed.with_hint(format!("there it has {}", known.join(", "))) }
}
