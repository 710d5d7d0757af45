//! A cloud with its rows, as the engine keeps it: every step is stored, and a restart has nothing but the rows.

use std::collections::{BTreeMap, BTreeSet};

use longshore_ecs::fault::{Fault, FaultKind};
use longshore_ecs::{
    Answer, Caller, Cloud, ContainerRef, Effect, Event, LostReason, Request, Surviving, step,
};
use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use longshore_model::task::Task;
use serde_json::{Value, json};

/// Why what was lost in a restart is gone.
pub(super) const LOST: &str = "The engine ended.";

/// A cloud, its rows, and the time.
pub(super) struct Local {
    pub(super) cloud: Cloud,
    pub(super) now: Timestamp,
    /// How long ago the next step's moment was noted: callers read the clock before it is their turn.
    pub(super) late_ms: i64,
    rows: BTreeMap<(&'static str, String), String>,
    effects: Vec<Effect>,
    starts: u64,
}

pub(super) fn caller() -> Caller {
    Caller { arn: "arn:aws:iam::123456789012:user/somebody".into() }
}

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "eu-west-1".into() }
}

/// Reads a call from JSON as the wire does.
pub(super) fn request(operation: &str, body: Value) -> Request {
    let read = Request::read(operation, body.clone()).expect("an operation of ECS");
    read.unwrap_or_else(|error| panic!("{operation} {body}: {error}"))
}

impl Local {
    /// An empty cloud with the cluster `default`, in the year 2033.
    pub(super) fn new() -> Self {
        let mut local = Self {
            cloud: Cloud::new(scope(), 1),
            now: Timestamp(2_000_000_000_000),
            late_ms: 0,
            rows: BTreeMap::new(),
            effects: Vec::new(),
            starts: 1,
        };
        local.must("CreateCluster", json!({}));
        local
    }

    /// The same with one instance; gives its ARN.
    pub(super) fn with_instance(cpu: i32, memory: i32) -> (Self, String) {
        let mut local = Self::new();
        let arn = local.register_instance(cpu, memory);
        (local, arn)
    }

    pub(super) fn register_instance(&mut self, cpu: i32, memory: i32) -> String {
        let resources = json!([
            {"name": "CPU", "type": "INTEGER", "integerValue": cpu},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]},
            {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
        ]);
        let answer = self.must("RegisterContainerInstance", json!({"totalResources": resources}));
        text(&answer["containerInstance"]["containerInstanceArn"])
    }

    /// Calls the API with a typed answer.
    pub(super) fn ask(&mut self, operation: &str, body: Value) -> Result<Answer, Fault> {
        let size_bytes = body.to_string().len();
        let request = Box::new(request(operation, body));
        let now = self.moment();
        let answer = step(&mut self.cloud, Event::Call { request, caller: caller(), size_bytes }, now);
        self.commit();
        answer.expect("a call has an answer")
    }

    /// Calls the API with JSON on both sides.
    pub(super) fn call(&mut self, operation: &str, body: Value) -> Result<Value, Fault> {
        self.ask(operation, body).map(|answer| serde_json::to_value(answer).expect("answers are JSON"))
    }

    pub(super) fn must(&mut self, operation: &str, body: Value) -> Value {
        self.call(operation, body.clone()).unwrap_or_else(|fault| panic!("{operation} {body}: {fault}"))
    }

    /// A call that must be refused; gives the exception and its sentence.
    pub(super) fn refused(&mut self, operation: &str, body: Value) -> (FaultKind, String) {
        match self.call(operation, body.clone()) {
            Ok(answer) => panic!("{operation} {body}: was not refused: {answer}"),
            Err(fault) => (fault.kind, fault.message),
        }
    }

    fn moment(&mut self) -> Timestamp {
        self.now.plus_ms(-std::mem::take(&mut self.late_ms))
    }

    pub(super) fn tell(&mut self, event: Event) {
        let now = self.moment();
        assert!(step(&mut self.cloud, event, now).is_none(), "only calls have answers");
        self.commit();
    }

    /// Lets time pass, with a tick at each moment that the cloud asked for.
    pub(super) fn wait(&mut self, seconds: i64) {
        let end = self.now.plus_seconds(seconds);
        while self.tick_before(end) {}
    }

    /// Goes on to the next moment that the cloud asked for, or to the end when there is none before it.
    pub(super) fn tick_before(&mut self, end: Timestamp) -> bool {
        let Some(at) = self.cloud.next_wake().filter(|at| *at <= end) else {
            self.now = end;
            return false;
        };
        self.late_ms = 0;
        self.now = self.now.max(at);
        self.tell(Event::Tick);
        let next = self.cloud.next_wake();
        assert!(next.is_none_or(|next| next > self.now), "a tick leaves nothing due: {next:?}");
        true
    }

    /// What was asked for since the last look.
    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    fn commit(&mut self) {
        for key in self.cloud.take_changes() {
            let (kind, id) = key.row_key();
            match self.cloud.row(&key) {
                Some(body) => self.rows.insert((kind, id), body),
                None => self.rows.remove(&(kind, id)),
            };
        }
        self.effects.extend(self.cloud.take_effects());
    }

    /// The cloud as its rows say.
    pub(super) fn rebuilt(&self) -> Cloud {
        let mut cloud = Cloud::new(scope(), self.starts);
        for ((kind, id), body) in &self.rows {
            cloud.restore(kind, id, body).unwrap_or_else(|error| panic!("{error}: {body}"));
        }
        cloud.link();
        cloud
    }

    /// Ends the engine and starts it again: of what was asked for and not yet done nobody knows any more.
    pub(super) fn restart(&mut self, surviving: impl FnOnce(Vec<ContainerRef>) -> BTreeSet<ContainerRef>) {
        self.starts += 1;
        self.effects.clear();
        self.cloud = self.rebuilt();
        let surviving = Surviving(surviving(self.cloud.expected_containers()));
        self.cloud.recover(&surviving, &LostReason(LOST.to_owned()), self.now);
        self.commit();
    }

    /// The rows of one kind, for those who want to spoil one.
    pub(super) fn rows_mut(&mut self) -> &mut BTreeMap<(&'static str, String), String> {
        &mut self.rows
    }

    /// The task as DescribeTasks shows it.
    pub(super) fn task(&self, id: &str) -> Task {
        let launch = self.cloud.launch(id).unwrap_or_else(|| panic!("no task {id}"));
        (***launch.task).clone()
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

pub(super) fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}")).iter().map(text).collect()
}

/// The id at the end of an ARN.
pub(super) fn id_of(arn: &str) -> String {
    longshore_model::arn::last_part(arn).to_owned()
}
