//! The adapters for what environments need beside ECS, over the wire of the local engine.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers, too")]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use longshore_aws::{Aws, Settings, SqsQueue, StaticCredentials};
use longshore_engine::runtime::simulated::SimulatedRuntime;
use longshore_engine::store::Store;
use longshore_engine::{EVENTS_QUEUE, Engine, LoadBalancer, Machine, Options, reports, wire};
use longshore_model::Kind;
use longshore_model::call::RunTask;
use longshore_model::tag::Tag;
use longshore_world::{Addresses, Balancers, Ecs, Queue, Services, Share, Surroundings};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const REGION: &str = "eu-west-1";

struct Local {
    engine: Arc<Engine>,
    aws: Aws,
    address: std::net::SocketAddr,
}

async fn start() -> Local {
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
    let machine = Machine { cpus: 2, memory_mib: 4096, version: "1.0.0".into() };
    engine.make_default_cluster(REGION, &machine).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(wire::serve(Arc::clone(&engine), listener));
    let key = StaticCredentials { access_key_id: "AKID".into(), secret_access_key: "s".into() };
    let settings = Settings {
        endpoint: Some(format!("http://{address}")),
        region: Some(REGION.into()),
        credentials: Some(key),
    };
    let aws = Aws::connect(settings).await.unwrap();
    Local { engine, aws, address }
}

impl Local {
    /// Registers a revision and runs a task of it; gives the task's ARN.
    async fn run(&self, definition: Value, settings: RunTask) -> String {
        let family = definition["family"].as_str().unwrap().to_owned();
        self.aws.register(definition.as_object().unwrap()).await.unwrap();
        let request = RunTask { cluster: "default".into(), task_definition: family, count: 1, ..settings };
        let started = self.aws.run_task(&request).await.unwrap();
        started.tasks[0].arn.clone()
    }

    /// The task, once it runs.
    async fn running(&self, task: &str) -> longshore_model::seen::Task {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let described = self.aws.describe_tasks("default", &[task.to_owned()]).await.unwrap();
            let task = described.tasks.into_iter().next().unwrap();
            if task.last_status == "RUNNING" {
                return task;
            }
            assert!(tokio::time::Instant::now() < deadline && !task.is_stopped(), "{task:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn definition(family: &str) -> Value {
    let port = json!({"containerPort": 80, "protocol": "tcp"});
    let stays = json!({"name": "LONGSHORE_SIMULATE_RUN_MS", "value": "forever"});
    let container = json!({
        "name": "main", "image": "none", "memory": 64, "portMappings": [port], "environment": [stays],
    });
    json!({"family": family, "networkMode": "bridge", "containerDefinitions": [container]})
}

#[tokio::test]
async fn events_are_waited_for() {
    let local = start().await;
    let queue = SqsQueue::new(local.aws.clone(), EVENTS_QUEUE);
    assert_eq!(queue.receive().await.unwrap_err().kind(), Kind::NotFound);
    local.create_queue(EVENTS_QUEUE).await;
    let (received, task) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(15), queue.receive()),
        local.run(definition("job"), RunTask::default())
    );
    let received = received.expect("the wait ends as soon as there is a message").unwrap();
    let event: Value = serde_json::from_str(&received[0].body).unwrap();
    assert_eq!(event["source"], "aws.ecs");
    let receipts: Vec<String> = received.into_iter().map(|message| message.receipt).collect();
    queue.delete(&receipts).await.unwrap();
    assert!(task.contains(":task/default/"), "{task}");
}

#[tokio::test]
async fn a_task_is_found_on_this_machine() {
    let local = start().await;
    let task = local.run(definition("job"), RunTask::default()).await;
    let task = local.running(&task).await;
    let instance = task.container_instance_arn.unwrap();
    let found = local.aws.addresses("default", std::slice::from_ref(&instance)).await.unwrap();
    assert_eq!(found, [(instance, IpAddr::from([127, 0, 0, 1]))].into());
    let [binding] = task.containers[0].bindings[..] else { panic!("one binding: {:?}", task.containers) };
    assert_eq!(binding.container_port, 80);
    assert!(binding.host_port > 0 && task.private_ip.is_none(), "{:?}", task.private_ip);
}

#[tokio::test]
async fn a_shared_load_balancer_gets_a_listener_or_a_rule_and_loses_it_again() {
    let local = start().await;
    let aws = &local.aws;
    let balancer = local.balancer().await;
    let found = aws.load_balancer(&balancer).await.unwrap().unwrap();
    assert!(found.vpc.starts_with("vpc-") && !found.dns_name.is_empty(), "{found:?}");
    let ours = [Tag { key: "longshore:environment".into(), value: Some("e".into()) }];
    let input = json!({
        "Name": "preview-a", "Protocol": "HTTP", "Port": 80, "VpcId": found.vpc, "TargetType": "instance",
        "Tags": [{"Key": "longshore:environment", "Value": "e"}],
    });
    let group = aws.create_target_group(&input).await.unwrap();
    let names = ["preview-b".to_owned(), "preview-a".to_owned()];
    assert_eq!(aws.target_groups(&names).await.unwrap(), std::slice::from_ref(&group));
    assert_eq!(group.tags, ours);
    let mut other = input.clone();
    other["Port"] = json!(81);
    let error = aws.create_target_group(&other).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, Some("DuplicateTargetGroupName")));

    let listener = aws.create_listener(&balancer, 8123, &group.arn, &ours).await.unwrap();
    assert!(aws.listeners(&balancer).await.unwrap().contains(&listener));
    assert_eq!(aws.listener(&listener.arn).await.unwrap(), Some((listener.clone(), balancer.clone())));
    let of_group = Surroundings::target_group(aws, &group.arn).await.unwrap().unwrap();
    assert_eq!(of_group.load_balancers, std::slice::from_ref(&balancer));
    let error = aws.create_listener(&balancer, 8123, &local.other_group().await, &[]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, Some("DuplicateListener")));

    let share = Share { target_group: group.arn.clone(), paths: vec!["/api/*".into()] };
    let rule = aws.create_rule(&listener.arn, 7, Some("a.example.com"), &share, &ours).await.unwrap();
    assert_eq!((rule.priority, &rule.hosts[..]), (7, &["a.example.com".to_owned()][..]));
    assert_eq!(aws.rules(&listener.arn).await.unwrap(), std::slice::from_ref(&rule));
    let error = aws.create_rule(&listener.arn, 7, Some("b.example.com"), &share, &ours).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, Some("PriorityInUse")));
    let arns = [listener.arn.clone(), rule.arn.clone(), group.arn.clone()];
    let tags = Balancers::tags(aws, &arns).await.unwrap();
    assert!(tags.len() == 3 && tags.values().all(|tags| tags.contains(&ours[0])), "{tags:?}");
    assert_eq!(aws.target_health(&group.arn).await.unwrap(), [].into());

    let error = aws.delete_target_group(&group.arn).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Conflict, Some("ResourceInUse")));
    for _ in 0..2 {
        aws.delete_rule(&rule.arn).await.unwrap();
        aws.delete_listener(&listener.arn).await.unwrap();
        aws.delete_target_group(&group.arn).await.unwrap();
    }
    assert_eq!(Balancers::tags(aws, &arns).await.unwrap(), [].into());
    assert_eq!(aws.target_groups(&names).await.unwrap(), []);
    assert_eq!(aws.listener(&listener.arn).await.unwrap(), None);
}

impl Local {
    async fn create_queue(&self, name: &str) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let body = json!({"QueueName": name}).to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: AmazonSQS.CreateQueue\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/{REGION}/sqs/aws4_request, \
             SignedHeaders=host, Signature=00\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        );
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// The ARN of a load balancer of the engine.
    async fn balancer(&self) -> String {
        let groups = vec![("web".to_owned(), None)];
        let wanted = LoadBalancer { name: "shared".into(), port: 8080, groups, health_path: "/".into() };
        let made = self.engine.make_load_balancer(REGION, &wanted).await.unwrap();
        let group = Surroundings::target_group(&self.aws, &made.groups[0]).await.unwrap().unwrap();
        group.load_balancers[0].clone()
    }

    /// The ARN of its own target group.
    async fn other_group(&self) -> String {
        self.aws.target_groups(&["shared-web".to_owned()]).await.unwrap()[0].arn.clone()
    }
}
