//! The task metadata endpoint, version 4: what a container may ask about itself and its task.
//!
//! Unsigned by nature: whoever knows a container's address may ask. The address is unguessable, and no answer holds a
//! secret.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use longshore_model::Timestamp;
use longshore_model::container_definition::ContainerDefinition;
use longshore_model::task::{Container, LastStatus, Task};
use longshore_model::task_definition::TaskDefinition;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::{Answer, Body, protocol, serve_connection};
use crate::engine::Engine;
use crate::events::iso;
use crate::output::LogTarget;
use crate::runtime::ContainerKey;

/// Serves the metadata endpoint on a listener until the engine's process ends.
pub async fn serve(engine: Arc<Engine>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let engine = Arc::clone(&engine);
        let service = service_fn(move |request| answer(Arc::clone(&engine), request));
        tokio::spawn(serve_connection(stream, service));
    }
}

async fn answer(engine: Arc<Engine>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let found = match *request.method() {
        Method::GET => find(&engine, request.uri().path()).await,
        _ => None,
    };
    let answer = match found {
        Some(value) => Answer::ok("application/json", value.to_string().into_bytes()),
        None => {
            let body = b"unable to get task metadata: no such address".to_vec();
            Answer::with_status(StatusCode::NOT_FOUND, "text/plain", body)
        }
    };
    let mut response = protocol::response(answer, "");
    response.headers_mut().remove("x-amzn-requestid");
    Ok(response.map(|body: Full<Bytes>| body))
}

async fn find(engine: &Arc<Engine>, path: &str) -> Option<Value> {
    let rest = path.strip_prefix("/v4/")?;
    let (token, question) = rest.split_once('/').unwrap_or((rest, ""));
    let key = engine.metadata_owner(token)?;
    let world = engine.world(&key.task.region, &key.task.account);
    let (task, definition) = {
        let cloud = world.cloud();
        let launch = cloud.launch(&key.task.task)?;
        (Arc::clone(launch.task), Arc::clone(launch.definition))
    };
    match question.trim_end_matches('/') {
        "" => task
            .containers
            .iter()
            .find(|it| it.name == key.name)
            .map(|it| container(it, &task, &definition, &key)),
        "task" | "taskWithTags" => Some(whole(&task, &definition, &key)),
        "stats" => engine.runtime.stats(&key).await,
        "task/stats" => {
            let mut all = Map::new();
            for container in &task.containers {
                let of = ContainerKey { name: container.name.clone(), ..key.clone() };
                let id = container.runtime_id.clone().unwrap_or_default();
                all.insert(id, engine.runtime.stats(&of).await.unwrap_or(Value::Null));
            }
            Some(Value::Object(all))
        }
        _ => None,
    }
}

fn whole(task: &Task, definition: &TaskDefinition, key: &ContainerKey) -> Value {
    let containers: Vec<Value> =
        task.containers.iter().map(|it| container(it, task, definition, key)).collect();
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
    let limits = json!({
        "CPU": number(&definition.spec.cpu).map(|units| units / 1024.0),
        "Memory": number(&definition.spec.memory),
    });
    let mut answer = json!({
        "Cluster": task.cluster_arn,
        "TaskARN": task.task_arn,
        "Family": definition.spec.family,
        "Revision": definition.revision.to_string(),
        "DesiredStatus": task.desired_status,
        "KnownStatus": task.last_status,
        "Containers": containers,
        "AvailabilityZone": task.availability_zone,
        "LaunchType": task.launch_type,
        "PullStartedAt": moment(task.pull_started_at),
        "PullStoppedAt": moment(task.pull_stopped_at),
        "ExecutionStoppedAt": moment(task.execution_stopped_at),
    });
    if definition.spec.cpu.is_some() || definition.spec.memory.is_some() {
        answer["Limits"] = limits;
    }
    without_nulls(answer)
}

fn container(of: &Container, task: &Task, definition: &TaskDefinition, key: &ContainerKey) -> Value {
    let own = definition.spec.container_definitions.iter().find(|it| it.name == of.name);
    let mode = definition.spec.network_mode.map_or("bridge", longshore_model::network::NetworkMode::as_str);
    let addresses: Vec<&String> =
        of.network_interfaces.iter().filter_map(|it| it.private_ipv4_address.as_ref()).collect();
    let ports: Vec<Value> = of
        .network_bindings
        .iter()
        .map(|it| {
            json!({ "ContainerPort": it.container_port, "Protocol": it.protocol, "HostPort": it.host_port,
                "HostIp": it.bind_ip })
        })
        .collect();
    let finished = (of.last_status == LastStatus::Stopped).then_some(task.execution_stopped_at).flatten();
    let (driver, options) = own.map(|own| log_options(own, &of.name, key)).unwrap_or_default();
    without_nulls(json!({
        "DockerId": of.runtime_id,
        "Name": of.name,
        "DockerName": format!("ecs-{}-{}-{}", definition.spec.family, definition.revision, of.name),
        "Image": of.image,
        "ImageID": of.image_digest.clone().unwrap_or_default(),
        "Ports": if ports.is_empty() { Value::Null } else { json!(ports) },
        "Labels": labels(task, definition, &of.name, own),
        "DesiredStatus": task.desired_status,
        "KnownStatus": of.last_status,
        "ExitCode": of.exit_code,
        "Limits": { "CPU": own.and_then(|own| own.cpu), "Memory": own.and_then(|own| own.memory) },
        "CreatedAt": moment(task.pull_stopped_at),
        "StartedAt": moment(task.started_at),
        "FinishedAt": moment(finished),
        "Type": "NORMAL",
        "LogDriver": driver,
        "LogOptions": options,
        "ContainerARN": of.container_arn,
        "Networks": [{ "NetworkMode": mode, "IPv4Addresses": addresses }],
    }))
}

fn labels(task: &Task, definition: &TaskDefinition, name: &str, own: Option<&ContainerDefinition>) -> Value {
    let mut labels = Map::new();
    for (label, value) in own.and_then(|own| own.docker_labels.as_ref()).into_iter().flatten() {
        labels.insert(label.clone(), json!(value));
    }
    let of_agent = [
        ("cluster", task.cluster_arn.clone()),
        ("container-name", name.to_owned()),
        ("task-arn", task.task_arn.clone()),
        ("task-definition-family", definition.spec.family.clone()),
        ("task-definition-version", definition.revision.to_string()),
    ];
    for (label, value) in of_agent {
        labels.insert(format!("com.amazonaws.ecs.{label}"), json!(value));
    }
    Value::Object(labels)
}

fn log_options(own: &ContainerDefinition, name: &str, key: &ContainerKey) -> (Value, Value) {
    let Some(configuration) = &own.log_configuration else { return (Value::Null, Value::Null) };
    let mut options = Map::new();
    for (option, value) in configuration.options.iter().flatten() {
        options.insert(option.clone(), json!(value));
    }
    let of = ContainerKey { name: name.to_owned(), ..key.clone() };
    if let Ok(Some(stream)) = LogTarget::of(own).map(|target| target.and_then(|it| it.stream(&of))) {
        options.remove("awslogs-stream-prefix");
        options.insert("awslogs-stream".into(), json!(stream));
    }
    (json!(configuration.log_driver), Value::Object(options))
}

fn moment(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| json!(iso(at)))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        other => other,
    }
}
