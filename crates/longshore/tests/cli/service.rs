//! A scripted service for tests of the binary: it speaks HTTP and awsJson1.1, and the test decides the answers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// Gives the answer (status and body) to an operation.
type Script = Box<dyn FnMut(&str, &Value) -> (u16, Value) + Send>;

pub(crate) struct Service {
    pub(crate) endpoint: String,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Service {
    pub(crate) fn start(script: impl FnMut(&str, &Value) -> (u16, Value) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let log = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, script, log) = (stream.unwrap(), Arc::clone(&script), Arc::clone(&log));
                thread::spawn(move || serve(stream, &script, &log));
            }
        });
        Self { endpoint, calls }
    }

    /// The inputs of all calls of an operation so far.
    pub(crate) fn calls(&self, operation: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| name == operation).map(|(_, input)| input.clone()).collect()
    }

    /// The binary, pointed at this service.
    pub(crate) fn longshore(&self, arguments: &[&str]) -> Command {
        let mut command = longshore(arguments);
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "AKID")
            .env("AWS_SECRET_ACCESS_KEY", "hush")
            .env("USER", "ann");
        command
    }
}

/// The binary, in an environment that knows nothing.
pub(crate) fn longshore(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command
        .args(arguments)
        .env_clear()
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn serve(mut stream: TcpStream, script: &Mutex<Script>, log: &Mutex<Vec<(String, Value)>>) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some((operation, input)) = request(&mut reader) {
        log.lock().unwrap().push((operation.clone(), input.clone()));
        let (status, answer) = (script.lock().unwrap())(&operation, &input);
        let body = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// The operation and its input; `None` when the client has gone.
fn request(reader: &mut impl BufRead) -> Option<(String, Value)> {
    let (mut operation, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value)) {
            Some((name, value)) if name == "content-length" => length = value.parse().unwrap(),
            Some((name, value)) if name == "x-amz-target" => {
                operation = value.rsplit('.').next().unwrap().to_owned();
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    // What is no JSON is a form, of a service that this one does not offer.
    Some((operation, serde_json::from_slice(&body).unwrap_or_default()))
}

/// A task definition with these containers, all with `awslogs`.
pub(crate) fn task_definition(containers: &[(&str, bool)]) -> (u16, Value) {
    let container = |(name, essential): &(&str, bool)| {
        json!({"name": name, "essential": essential, "logConfiguration": {"logDriver": "awslogs",
            "options": {"awslogs-group": "/job", "awslogs-stream-prefix": "run"}}})
    };
    let containers: Vec<Value> = containers.iter().map(container).collect();
    (
        200,
        json!({"taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/job:3",
        "containerDefinitions": containers}}),
    )
}

pub(crate) const TASK: &str =
    "arn:aws:ecs:eu-west-1:123456789012:task/default/0af3aaaabbbbccccddddeeeeffff0000";

/// A task in this state, with these containers and their exit codes.
pub(crate) fn task(last_status: &str, stop_code: Option<&str>, containers: &[(&str, Option<i32>)]) -> Value {
    let container = |(name, code): &(&str, Option<i32>)| json!({"name": name, "lastStatus": last_status, "exitCode": code});
    let containers: Vec<Value> = containers.iter().map(container).collect();
    json!({"taskArn": TASK, "lastStatus": last_status, "desiredStatus": "RUNNING", "stopCode": stop_code,
        "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/default",
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/job:3",
        "createdAt": 1_700_000_000.25, "containers": containers})
}

/// The same task under another id.
pub(crate) fn numbered(task: &Value, number: usize) -> Value {
    let mut task = task.clone();
    task["taskArn"] = json!(format!("arn:aws:ecs:eu-west-1:123456789012:task/default/{number:032x}"));
    task
}

pub(crate) fn tasks(tasks: &[Value]) -> (u16, Value) {
    (200, json!({"tasks": tasks, "failures": []}))
}

/// GetLogEvents of a stream that has these lines now, 1,000 on a page.
pub(crate) fn log_page(lines: &[String], input: &Value) -> (u16, Value) {
    const PAGE: usize = 1_000;
    let from = input["nextToken"].as_str().map_or(0, |token| token.trim_start_matches("f/").parse().unwrap());
    let to = lines.len().min(from + PAGE);
    let events: Vec<Value> = lines[from..to]
        .iter()
        .map(|line| json!({"timestamp": 1_700_000_000_000_i64, "message": line}))
        .collect();
    (200, json!({"events": events, "nextForwardToken": format!("f/{to}")}))
}

pub(crate) fn no_such_stream() -> (u16, Value) {
    (
        400,
        json!({"__type": "ResourceNotFoundException", "message": "The specified log stream does not exist."}),
    )
}
