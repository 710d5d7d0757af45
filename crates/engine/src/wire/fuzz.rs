//! Wrong requests by the ten thousand: none makes anything panic, and each is answered with the service's own errors.
//!
//! Inputs are made from the files in `tests/corpus` and a seed that is printed with the input that failed. Set
//! `LONGSHORE_FUZZ_SEED` to that seed to see the failure again, and `LONGSHORE_FUZZ_SECONDS` to look for longer.

mod door;
mod mutate;
mod query;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use longshore_ecs::fault::FaultKind;
use longshore_ecs::random::Random;
use longshore_ecs::{Caller, Cloud, Event, Request, step};
use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{ecs, protocol};
use crate::beside::logs::Logs;
use crate::beside::parameters::Parameters;
use crate::beside::queues::{Client, Queues};
use crate::beside::secrets::Secrets;
use crate::keys::random_bytes;
use crate::refusal::Refusal;
use crate::store::Store;

/// How long a run takes where nobody says otherwise.
const SECONDS: u64 = 5;

/// After so many requests a run goes on with an empty service: it must not grow slower and slower.
const REQUESTS_PER_SERVICE: u64 = 500;

const NOW: Timestamp = Timestamp(2_000_000_000_000);

/// The bodies of one service by operation, and all of them together.
struct Corpus {
    by_operation: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Corpus {
    fn read(service: &str) -> Self {
        let mut by_operation: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        let entries = fs_err::read_dir(corpus(service)).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        // The same seed must find the same files in the same order.
        paths.sort();
        for path in paths {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let operation = name.split('-').next().unwrap().to_owned();
            by_operation.entry(operation).or_default().push(fs_err::read(&path).unwrap());
        }
        Self { by_operation }
    }

    fn operations(&self) -> Vec<&str> {
        self.by_operation.keys().map(String::as_str).collect()
    }

    /// As a rule an operation gets one of its own bodies, changed; now and then that of another.
    fn input(&self, operation: &str, random: &mut Random) -> Vec<u8> {
        let own = self.by_operation.get(operation).filter(|_| random.below(8) > 0);
        let seeds: Vec<&[u8]> = match own {
            Some(own) => own.iter().map(Vec::as_slice).collect(),
            None => self.by_operation.values().flatten().map(Vec::as_slice).collect(),
        };
        mutate::mutated(random, &seeds)
    }
}

fn corpus(service: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(service)
}

/// Tells the input when its trial fails.
struct Trial<'a> {
    seed: u64,
    number: u64,
    what: &'a str,
    input: &'a [u8],
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, number, what, input } = self;
            println!(
                "LONGSHORE_FUZZ_SEED={seed}, input {number}, {what}: {}",
                String::from_utf8_lossy(input)
            );
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a test looks, and from where, is said outside")]
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a whole number")))
}

/// Calls `trial` with the seed and the number of each input until the time is over.
async fn run(mut trial: impl AsyncFnMut(u64, u64)) {
    let seed = variable("LONGSHORE_FUZZ_SEED").unwrap_or_else(|| u64::from_le_bytes(random_bytes().unwrap()));
    let end = Instant::now() + Duration::from_secs(variable("LONGSHORE_FUZZ_SECONDS").unwrap_or(SECONDS));
    let mut number = 0;
    while Instant::now() < end {
        trial(seed, number).await;
        number += 1;
    }
    assert!(number > 0, "nothing was tried");
    println!("{number} inputs from LONGSHORE_FUZZ_SEED={seed}");
}

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "eu-west-1".into() }
}

/// A cloud in which something is: calls that name it are not refused at once.
struct Ecs {
    cloud: Cloud,
    instance: String,
    task: String,
}

impl Ecs {
    fn new() -> Self {
        let mut ecs = Self { cloud: Cloud::new(scope(), 1), instance: String::new(), task: String::new() };
        let seed = |name: &str| {
            let bytes = fs_err::read(corpus("ecs").join(name).with_extension("json")).unwrap();
            serde_json::from_slice::<Value>(&bytes).unwrap()
        };
        ecs.call("CreateCluster", json!({})).unwrap();
        let registered = ecs.call("RegisterContainerInstance", seed("RegisterContainerInstance")).unwrap();
        ecs.instance = registered["containerInstance"]["containerInstanceArn"].as_str().unwrap().to_owned();
        for name in ["RegisterTaskDefinition", "RegisterTaskDefinition-fargate"] {
            ecs.call("RegisterTaskDefinition", seed(name)).unwrap();
        }
        let started = ecs.call("RunTask", json!({"taskDefinition": "web"})).unwrap();
        ecs.task = started["tasks"][0]["taskArn"].as_str().unwrap().to_owned();
        ecs
    }

    /// What a request of this operation comes to, from its JSON on.
    fn call(&mut self, operation: &str, body: Value) -> Result<Value, Refusal> {
        let request = Box::new(ecs::read(operation, body)?);
        let caller = Caller { arn: "arn:aws:iam::123456789012:user/somebody".into() };
        let event = Event::Call { request, caller, size_bytes: 0 };
        let answer = step(&mut self.cloud, event, NOW).unwrap();
        let mut again = Cloud::new(scope(), 2);
        for key in self.cloud.take_changes() {
            let (kind, id) = key.row_key();
            if let Some(row) = self.cloud.row(&key) {
                again.restore(kind, &id, &row).unwrap();
            }
        }
        again.link();
        Ok(serde_json::to_value(answer?).unwrap())
    }

    /// The same from the bytes on.
    fn send(&mut self, operation: &str, bytes: &[u8]) -> Result<Value, Refusal> {
        let named =
            String::from_utf8_lossy(bytes).replace("INSTANCE", &self.instance).replace("TASK", &self.task);
        // Only what is text can name anything.
        let bytes = if std::str::from_utf8(bytes).is_ok() { named.as_bytes() } else { bytes };
        self.call(operation, protocol::parse(bytes)?)
    }
}

/// A refusal is one that ECS knows, and its body can be written.
fn is_of_ecs(refusal: &Refusal) {
    let of_wire = ["SerializationException", "UnknownOperationException"].contains(&refusal.code.as_str());
    let of_api = refusal.code.parse::<FaultKind>().is_ok_and(|kind| kind != FaultKind::Server);
    assert!(of_wire || of_api, "{refusal:?}");
    assert_eq!(refusal.status, 400);
    assert_eq!(refusal.body()["__type"], refusal.code);
}

#[test]
fn every_operation_has_a_seed_that_is_right() {
    let corpus = Corpus::read("ecs");
    let mut operations = Request::OPERATIONS.to_vec();
    operations.sort_unstable();
    assert_eq!(corpus.operations(), operations);
    for (operation, seeds) in &corpus.by_operation {
        for seed in seeds {
            let body = protocol::parse(seed).unwrap();
            assert!(ecs::read(operation, body.clone()).is_ok(), "{operation} {body}");
            let as_list = ecs::read(operation, json!([body])).unwrap_err();
            assert_eq!(as_list.code, "SerializationException");
        }
    }
}

#[tokio::test]
async fn no_request_to_ecs_makes_it_panic() {
    let corpus = Corpus::read("ecs");
    let operations = corpus.operations();
    let (mut ecs, mut outcomes) = (Ecs::new(), BTreeMap::<String, u64>::new());
    run(async |seed, number| {
        if number % REQUESTS_PER_SERVICE == 0 {
            ecs = Ecs::new();
        }
        let mut random = Random::seeded(seed.wrapping_add(number));
        let operation = operations[random.below(operations.len())];
        let input = corpus.input(operation, &mut random);
        let trial = Trial { seed, number, what: operation, input: &input };
        let outcome = match ecs.send(operation, &input) {
            Ok(_) => "answered".to_owned(),
            Err(refusal) => {
                is_of_ecs(&refusal);
                refusal.code
            }
        };
        *outcomes.entry(outcome).or_default() += 1;
        drop(trial);
    })
    .await;
    println!("{outcomes:?}");
    // Inputs that are all refused by the parser, or all right, would show nothing.
    for outcome in ["answered", "SerializationException", "InvalidParameterException", "ClientException"] {
        assert!(outcomes.contains_key(outcome), "{outcome} never came: {outcomes:?}");
    }
}

/// The services beside ECS, each empty.
struct Beside {
    logs: Logs,
    parameters: Parameters,
    secrets: Secrets,
    queues: Queues,
}

impl Beside {
    fn new() -> Self {
        let store = Arc::new(Store::ephemeral().unwrap());
        Self {
            logs: Logs::new(scope(), Arc::clone(&store)),
            parameters: Parameters::new(scope(), Arc::clone(&store)),
            secrets: Secrets::new(scope(), Arc::clone(&store)),
            queues: Queues::new(scope(), store),
        }
    }

    async fn send(&self, service: &str, operation: &str, bytes: &[u8]) -> Result<Value, Refusal> {
        let body = protocol::parse(bytes)?;
        match service {
            "logs" => self.logs.call(operation, body, NOW).await,
            "ssm" => self.parameters.call(operation, body, NOW).await,
            "sqs" => {
                let client = Client { host: "127.0.0.1:4510", user_id: "AIDAUSER" };
                self.queues.call(operation, body, client, NOW).await
            }
            _ => self.secrets.call(operation, body, NOW).await,
        }
    }
}

/// The exceptions of the services beside ECS.
const BESIDE: &[&str] = &[
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "HierarchyLevelLimitExceededException",
    "InvalidAddress",
    "InvalidAttributeName",
    "InvalidAttributeValue",
    "InvalidBatchEntryId",
    "InvalidMessageContents",
    "InvalidParameterException",
    "InvalidParameterValueException",
    "InvalidRequestException",
    "MessageNotInflight",
    "MissingRequiredParameterException",
    "ParameterAlreadyExists",
    "ParameterNotFound",
    "ParameterVersionNotFound",
    "QueueDoesNotExist",
    "QueueNameExists",
    "ReceiptHandleIsInvalid",
    "ResourceAlreadyExistsException",
    "ResourceExistsException",
    "ResourceNotFoundException",
    "SerializationException",
    "TooManyEntriesInBatchRequest",
    "UnknownOperationException",
    "UnsupportedOperation",
    "ValidationException",
];

#[tokio::test]
async fn no_request_to_the_services_beside_it_makes_them_panic() {
    let corpora = ["logs", "ssm", "secretsmanager", "sqs"].map(|service| (service, Corpus::read(service)));
    let mut beside = Beside::new();
    for (service, corpus) in &corpora {
        for operation in corpus.operations() {
            let refusal = beside.send(service, operation, b"[]").await.unwrap_err();
            assert_eq!(refusal.code, "SerializationException", "{operation} takes a list for a structure");
        }
    }
    run(async |seed, number| {
        if number % REQUESTS_PER_SERVICE == 0 {
            beside = Beside::new();
        }
        let mut random = Random::seeded(seed.wrapping_add(number));
        let (service, corpus) = &corpora[random.below(corpora.len())];
        let operations = corpus.operations();
        let operation = operations[random.below(operations.len())];
        let input = corpus.input(operation, &mut random);
        let trial = Trial { seed, number, what: operation, input: &input };
        if let Err(refusal) = beside.send(service, operation, &input).await {
            assert!(BESIDE.contains(&refusal.code.as_str()), "{refusal:?}");
            assert_eq!(refusal.status, 400, "{refusal:?}");
        }
        drop(trial);
    })
    .await;
}

/// Any JSON, with the members that requests have.
fn any_json(names: Vec<String>) -> impl Strategy<Value = Value> {
    let name = prop_oneof![9 => prop::sample::select(names), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2..200_i32).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "default", "web", "web:1", "main", "FARGATE", "ACTIVE", "INSTANCE", "TASK"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::btree_map(name.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The members of all structures in the corpus.
fn member_names(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| member_names(item, names)),
        Value::Object(members) => {
            names.extend(members.keys().cloned());
            members.values().for_each(|member| member_names(member, names));
        }
        _ => {}
    }
}

fn known_names() -> Vec<String> {
    let mut names = Vec::new();
    for seed in Corpus::read("ecs").by_operation.values().flatten() {
        member_names(&serde_json::from_slice(seed).unwrap(), &mut names);
    }
    names.sort_unstable();
    names.dedup();
    names
}

proptest! {
    #[test]
    fn any_json_is_a_request_or_an_error_of_ecs(body in any_json(known_names())) {
        let mut ecs = Ecs::new();
        for operation in Request::OPERATIONS {
            if let Err(refusal) = ecs.send(operation, body.to_string().as_bytes()) {
                is_of_ecs(&refusal);
            }
        }
        let unknown = ecs.send("UpdateEverything", b"{}").unwrap_err();
        prop_assert_eq!(unknown.code, "UnknownOperationException");
    }
}
