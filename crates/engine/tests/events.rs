//! An engine in this process: what subscribers hear of a task's life, and what an emptied engine still knows.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers, too")]

use std::sync::Arc;
use std::time::Duration;

use longshore_engine::runtime::simulated::SimulatedRuntime;
use longshore_engine::store::Store;
use longshore_engine::{Engine, Machine, Options, reports, wire};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

struct Running {
    engine: Arc<Engine>,
    address: std::net::SocketAddr,
}

async fn start() -> Running {
    let (sender, receiver) = reports();
    let runtime = Box::new(SimulatedRuntime::new(Duration::ZERO, sender));
    let options = Options {
        store: Store::ephemeral().unwrap(),
        account: "123456789012".into(),
        any_credentials: true,
        ephemeral: true,
        gives_up: true,
    };
    let engine = Engine::start(options, runtime, receiver, "http://127.0.0.1:1".into()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(wire::serve(Arc::clone(&engine), listener));
    Running { engine, address }
}

impl Running {
    async fn post(&self, path: &str, target: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: AmazonEC2ContainerServiceV20141113.{target}\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/ecs/aws4_request, \
             SignedHeaders=host, Signature=00\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(body).unwrap()
    }

    async fn ecs(&self, operation: &str, body: Value) -> Value {
        self.post("/", operation, &body).await
    }

    async fn run_a_task(&self) -> String {
        let machine = Machine { cpus: 2, memory_mib: 4096, version: "1.0.0".into() };
        self.engine.make_default_cluster("eu-west-1", &machine).await.unwrap();
        let container = json!({"name": "main", "image": "none", "memory": 64});
        self.ecs("RegisterTaskDefinition", json!({"family": "job", "containerDefinitions": [container]}))
            .await;
        let started = self.ecs("RunTask", json!({"taskDefinition": "job"})).await;
        started["tasks"][0]["taskArn"].as_str().unwrap().to_owned()
    }
}

async fn until_stopped(events: &mut broadcast::Receiver<Value>, arn: &str) -> Vec<Value> {
    let mut heard = Vec::new();
    loop {
        let event = tokio::time::timeout(Duration::from_secs(20), events.recv()).await.unwrap().unwrap();
        let is_end = event["detail"]["taskArn"] == arn && event["detail"]["lastStatus"] == "STOPPED";
        heard.push(event);
        if is_end {
            return heard;
        }
    }
}

#[tokio::test]
async fn subscribers_hear_every_step_of_a_task_in_the_shape_of_eventbridge() {
    let running = start().await;
    let mut events = running.engine.subscribe();
    let arn = running.run_a_task().await;
    let heard = until_stopped(&mut events, &arn).await;
    let of_task: Vec<&Value> =
        heard.iter().filter(|it| it["detail-type"] == "ECS Task State Change").collect();
    let mut statuses: Vec<&str> =
        of_task.iter().map(|it| it["detail"]["lastStatus"].as_str().unwrap()).collect();
    // There are events for the steps of containers, too, with the task where it was.
    statuses.dedup();
    assert_eq!(
        statuses,
        ["PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]
    );
    let versions: Vec<i64> = of_task.iter().map(|it| it["detail"]["version"].as_i64().unwrap()).collect();
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    let last = of_task.last().unwrap();
    assert_eq!((&last["source"], &last["region"]), (&json!("aws.ecs"), &json!("eu-west-1")));
    assert_eq!(last["resources"], json!([arn]));
    assert_eq!(last["detail"]["stopCode"], "EssentialContainerExited");
    let stopped_at = last["detail"]["stoppedAt"].as_str().unwrap();
    assert!(stopped_at.ends_with('Z') && stopped_at.contains('T'), "{stopped_at}");
    let of_instances = heard.iter().filter(|it| it["detail-type"] == "ECS Container Instance State Change");
    // Two joined, and one gave some of its resources to the task, which it gets back when the task is over.
    assert_eq!(of_instances.count(), 3);
    let back = events.recv().await.unwrap();
    assert_eq!(back["detail-type"], "ECS Container Instance State Change");
    assert_eq!(back["detail"]["remainingResources"], back["detail"]["registeredResources"]);
}

#[tokio::test]
async fn an_emptied_engine_knows_nothing_and_works_on() {
    let running = start().await;
    let first = running.run_a_task().await;
    running.post("/_longshore/reset", "none", &json!({})).await;
    assert_eq!(running.ecs("ListClusters", json!({})).await["clusterArns"], json!([]));
    let mut events = running.engine.subscribe();
    let second = running.run_a_task().await;
    assert_ne!(first, second);
    until_stopped(&mut events, &second).await;
    let described = running.ecs("DescribeTasks", json!({"tasks": [first, second]})).await;
    assert_eq!(described["failures"][0]["arn"], json!(first));
    assert_eq!(described["tasks"][0]["containers"][0]["exitCode"], 0);
}
