//! An engine in this process: what subscribers hear of a task's life, and what an emptied engine still knows.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers, too")]

use std::sync::Arc;
use std::time::Duration;

use longshore_engine::runtime::simulated::SimulatedRuntime;
use longshore_engine::store::Store;
use longshore_engine::{EVENTS_QUEUE, Engine, Machine, Options, reports, wire};
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
    async fn post(&self, path: &str, service: &str, target: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: {target}\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/{service}/aws4_request, \
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
        self.post("/", "ecs", &format!("AmazonEC2ContainerServiceV20141113.{operation}"), &body).await
    }

    async fn sqs(&self, operation: &str, body: Value) -> Value {
        self.post("/", "sqs", &format!("AmazonSQS.{operation}"), &body).await
    }

    /// The engine's events in their queue, until one is `last`.
    async fn received_until(&self, url: &Value, last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        while !events.last().is_some_and(&last) {
            let asked = json!({"QueueUrl": url, "WaitTimeSeconds": 20});
            let answer = self.sqs("ReceiveMessage", asked).await;
            let message = &answer["Messages"][0];
            let receipt = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
            self.sqs("DeleteMessage", receipt).await;
            events.push(serde_json::from_str(message["Body"].as_str().unwrap()).unwrap());
        }
        events
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
    running.post("/_longshore/reset", "ecs", "none", &json!({})).await;
    assert_eq!(running.ecs("ListClusters", json!({})).await["clusterArns"], json!([]));
    let mut events = running.engine.subscribe();
    let second = running.run_a_task().await;
    assert_ne!(first, second);
    until_stopped(&mut events, &second).await;
    let described = running.ecs("DescribeTasks", json!({"tasks": [first, second]})).await;
    assert_eq!(described["failures"][0]["arn"], json!(first));
    assert_eq!(described["tasks"][0]["containers"][0]["exitCode"], 0);
}

#[tokio::test]
async fn the_queue_of_events_gets_what_subscribers_hear() {
    let running = start().await;
    let url = running.sqs("CreateQueue", json!({"QueueName": EVENTS_QUEUE})).await["QueueUrl"].clone();
    let arn = running.run_a_task().await;
    let heard = running.received_until(&url, |it| it["detail"]["lastStatus"] == "STOPPED").await;
    let of_task: Vec<&Value> = heard.iter().filter(|it| it["resources"] == json!([arn])).collect();
    assert_eq!(of_task[0]["detail-type"], "ECS Task State Change");
    assert_eq!(
        (&of_task[0]["detail"]["lastStatus"], &of_task[0]["source"]),
        (&json!("PENDING"), &json!("aws.ecs"))
    );
    assert!(of_task.len() >= 7, "{of_task:?}");
    // Without the queue nothing is told, and nothing is kept.
    running.sqs("DeleteQueue", json!({"QueueUrl": url})).await;
    running.ecs("RunTask", json!({"taskDefinition": "job"})).await;
    running.sqs("CreateQueue", json!({"QueueName": EVENTS_QUEUE})).await;
    let again = running.ecs("RunTask", json!({"taskDefinition": "job"})).await["tasks"][0]["taskArn"].clone();
    let heard = running.received_until(&url, |it| it["resources"] == json!([again])).await;
    let last = heard.last().unwrap();
    assert_eq!(last["detail"]["lastStatus"], "PENDING", "{heard:?}");
}

#[tokio::test]
async fn a_services_deployments_and_its_steady_state_are_told() {
    let running = start().await;
    let machine = Machine { cpus: 2, memory_mib: 4096, version: "1.0.0".into() };
    running.engine.make_default_cluster("eu-west-1", &machine).await.unwrap();
    let url = running.sqs("CreateQueue", json!({"QueueName": EVENTS_QUEUE})).await["QueueUrl"].clone();
    let container = json!({"name": "main", "image": "none", "memory": 64});
    let definition = json!({"family": "web", "containerDefinitions": [container]});
    running.ecs("RegisterTaskDefinition", definition).await;
    let service = json!({"serviceName": "web", "taskDefinition": "web", "desiredCount": 0});
    let arn = running.ecs("CreateService", service).await["service"]["serviceArn"].clone();
    let heard = running.received_until(&url, |it| it["detail"]["eventName"] == "SERVICE_STEADY_STATE").await;
    let of_service: Vec<&Value> = heard.iter().filter(|it| it["resources"] == json!([arn])).collect();
    let told: Vec<_> = of_service.iter().map(|it| (&it["detail-type"], &it["detail"]["eventName"])).collect();
    let deployment = json!("ECS Deployment State Change");
    assert_eq!(
        told,
        [
            (&deployment, &json!("SERVICE_DEPLOYMENT_IN_PROGRESS")),
            (&deployment, &json!("SERVICE_DEPLOYMENT_COMPLETED")),
            (&json!("ECS Service Action"), &json!("SERVICE_STEADY_STATE")),
        ]
    );
    let completed = &of_service[1]["detail"];
    let id = completed["deploymentId"].as_str().unwrap();
    assert!(id.starts_with("ecs-svc/"), "{completed}");
    assert_eq!(completed["reason"], format!("ECS deployment {id} completed."));
    assert_eq!(completed["eventType"], "INFO");
    let cluster = of_service[2]["detail"]["clusterArn"].as_str().unwrap();
    assert!(cluster.ends_with(":cluster/default"), "{cluster}");
}
