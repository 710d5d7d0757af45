//! A story of one cloud: what happens to it, and what the test itself knows of it.

use std::collections::BTreeMap;

use longshore_ecs::fault::{Fault, FaultKind};
use longshore_ecs::{Answer, Effect, Event};
use longshore_model::Timestamp;
use longshore_model::task::LastStatus;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::checks::{Checker, Made, needs, overrides, pages};
use super::definitions::{SHAPES, Shape};
use super::fake_runtime::FakeRuntime;
use super::local::{Local, id_of};

/// How long a task may take to stop: three containers one after the other, each killed for a minute in vain.
const STOP_LIMIT_SECONDS: i64 = 3 * (30 + 70);

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Op {
    RegisterInstance(i32),
    RegisterDefinition(Index),
    DeregisterDefinition(Index),
    DeleteDefinition(Index),
    Run {
        shape: Index,
        count: i32,
        token: Option<u8>,
        variant: u8,
        fargate: bool,
    },
    StartTask {
        shape: Index,
        instance: Index,
        variant: u8,
    },
    Stop(Index),
    Drain(Index, bool),
    Deregister(Index, bool),
    Tag(Index),
    Answer(Index, u8),
    Repeat(Index),
    Wait(i64),
    /// What is told next was noticed a moment before what was told last.
    Late(i64),
    Restart(u64),
}

/// A client token's first use.
struct TokenUse {
    request: Value,
    /// The revision that the family meant: with a later one, or after it was deregistered, it is another call.
    revision: Option<String>,
    arns: Vec<String>,
    used_at: Timestamp,
}

/// The cloud, the runtime, and what the test knows itself.
pub(super) struct Story {
    pub(super) local: Local,
    runtime: FakeRuntime,
    pub(super) checker: Checker,
    tokens: BTreeMap<String, TokenUse>,
    instances: Vec<String>,
}

impl Story {
    /// A cluster with one instance and all the definitions.
    pub(super) fn new() -> Self {
        let mut story = Self {
            local: Local::new(),
            runtime: FakeRuntime::default(),
            checker: Checker::default(),
            tokens: BTreeMap::new(),
            instances: Vec::new(),
        };
        for shape in SHAPES {
            story.local.must("RegisterTaskDefinition", shape.request());
        }
        story.apply(&Op::RegisterInstance(1024));
        story
    }

    /// Lets it happen, and looks at what has come of it.
    pub(super) fn apply(&mut self, op: &Op) {
        let shape = |index: &Index| index.get(SHAPES);
        match op {
            Op::RegisterInstance(size) => self.instances.push(self.local.register_instance(*size, *size)),
            Op::RegisterDefinition(index) => {
                self.local.must("RegisterTaskDefinition", shape(index).request());
            }
            Op::DeregisterDefinition(index) => {
                if let Some(arn) = self.a_definition("ACTIVE", index) {
                    self.local.must("DeregisterTaskDefinition", json!({"taskDefinition": arn}));
                }
            }
            Op::DeleteDefinition(index) => {
                if let Some(arn) = self.a_definition("INACTIVE", index) {
                    self.local.must("DeleteTaskDefinitions", json!({"taskDefinitions": [arn]}));
                }
            }
            Op::Run { shape: index, count, token, variant, fargate } => {
                self.run_task(shape(index), *count, *token, *variant, *fargate);
            }
            Op::StartTask { shape: index, instance, variant } => {
                let mut body = body(shape(index), *variant);
                body["containerInstances"] = json!([instance.get(&self.instances)]);
                let answer = self.local.ask("StartTask", body);
                self.remember(shape(index), *variant, &answer);
            }
            Op::Stop(index) => self.stop(index),
            Op::Drain(instance, on) => {
                let status = if *on { "DRAINING" } else { "ACTIVE" };
                let body = json!({"containerInstances": [instance.get(&self.instances)], "status": status});
                self.local.must("UpdateContainerInstancesState", body);
            }
            Op::Deregister(instance, force) => {
                let body = json!({"containerInstance": instance.get(&self.instances), "force": force});
                drop(self.local.call("DeregisterContainerInstance", body));
            }
            Op::Tag(index) => self.tag(index),
            Op::Answer(which, choice) => {
                if let Some(event) = self.runtime.answer(*which, *choice) {
                    self.tell(event);
                }
            }
            Op::Repeat(which) => {
                if let Some(event) = self.runtime.repeat(*which) {
                    self.tell(event);
                }
            }
            Op::Wait(seconds) => self.wait(*seconds),
            Op::Late(ms) => {
                self.local.late_ms = *ms;
                return;
            }
            Op::Restart(mask) => {
                let (runtime, checker) = (&mut self.runtime, &mut self.checker);
                self.local.restart(|expected| {
                    let survivors = runtime.survivors(&expected, *mask);
                    survivors.iter().for_each(|of| checker.found(of));
                    survivors
                });
            }
        }
        self.settle_step();
    }

    fn a_definition(&mut self, status: &str, index: &Index) -> Option<String> {
        let body = json!({"status": status});
        let listed = pages(&mut self.local, "ListTaskDefinitions", &body, "taskDefinitionArns", 3);
        (!listed.is_empty()).then(|| index.get(&listed).clone())
    }

    fn tag(&mut self, index: &Index) {
        let arns: Vec<_> = self.checker.tasks.values().map(|it| it.task_arn.clone()).collect();
        if !arns.is_empty() {
            let arn = index.get(&arns);
            let body = json!({"resourceArn": arn, "tags": [{"key": "a", "value": "b"}]});
            let known = self.local.cloud.launch(&id_of(arn)).is_some();
            assert_eq!(self.local.call("TagResource", body).is_ok(), known);
        }
    }

    fn tell(&mut self, event: Event) {
        self.checker.hear(&event);
        self.local.tell(event);
    }

    /// Lets time pass, and looks after every moment at which something was due.
    pub(super) fn wait(&mut self, seconds: i64) {
        let end = self.local.now.plus_seconds(seconds);
        while self.local.tick_before(end) {
            self.settle_step();
        }
    }

    fn settle_step(&mut self) {
        let effects: Vec<Effect> = self.local.take_effects();
        self.checker.look(&mut self.local, &effects);
        self.runtime.take(&effects);
    }

    fn stop(&mut self, index: &Index) {
        let ids: Vec<_> = self.checker.made.keys().cloned().collect();
        if ids.is_empty() {
            return;
        }
        let id = index.get(&ids);
        let known = self.local.cloud.launch(id).is_some();
        let answer = self.local.call("StopTask", json!({"task": id, "reason": "because"}));
        assert_eq!(answer.is_ok(), known, "{answer:?}");
    }

    fn run_task(&mut self, shape: &'static Shape, count: i32, token: Option<u8>, variant: u8, fargate: bool) {
        let mut body = body(shape, variant);
        body["count"] = json!(count);
        if fargate && shape.awsvpc {
            body["launchType"] = json!("FARGATE");
        }
        let Some(token) = token.map(|token| format!("token-{token}")) else {
            let answer = self.local.ask("RunTask", body);
            self.remember(shape, variant, &answer);
            return;
        };
        let mut with_token = body.clone();
        with_token["clientToken"] = json!(token);
        let answer = self.local.ask("RunTask", with_token);
        let revision = self.latest_revision(shape.family);
        match self.tokens.get(&token).filter(|earlier| self.counts(earlier)) {
            Some(earlier) if earlier.request == body && earlier.revision == revision => match answer {
                Ok(Answer::RunTask(started)) => {
                    let known = |arn: &&String| self.local.cloud.launch(&id_of(arn)).is_some();
                    let known: Vec<&str> = earlier.arns.iter().filter(known).map(String::as_str).collect();
                    let given: Vec<&str> = started.tasks.iter().map(|task| task.arn()).collect();
                    assert_eq!(given, known, "a replay gives the first call's tasks");
                }
                other => panic!("the same call again: {other:?}"),
            },
            Some(earlier) => match answer {
                Err(fault) => {
                    assert_eq!(fault.kind, FaultKind::Conflict, "{fault}");
                    assert_eq!(fault.resource_ids, earlier.arns);
                }
                other => panic!("another call with the same token: {other:?}"),
            },
            None => {
                let arns = self.remember(shape, variant, &answer);
                if answer.is_ok() {
                    let used_at = self.local.now;
                    self.tokens.insert(token, TokenUse { request: body, revision, arns, used_at });
                }
            }
        }
    }

    fn latest_revision(&mut self, family: &str) -> Option<String> {
        let body = json!({"familyPrefix": family, "status": "ACTIVE", "sort": "DESC"});
        pages(&mut self.local, "ListTaskDefinitions", &body, "taskDefinitionArns", 100).into_iter().next()
    }

    /// A token counts for a day or until an hour beyond its last task's end, whichever comes first.
    fn counts(&self, earlier: &TokenUse) -> bool {
        let ends: Vec<_> =
            earlier.arns.iter().map(|arn| self.checker.tasks[&id_of(arn)].stopped_at).collect();
        let day = earlier.used_at.plus_seconds(24 * 3600);
        let end = match ends.iter().copied().collect::<Option<Vec<_>>>() {
            None => day,
            Some(ends) => day.min(ends.into_iter().max().unwrap_or(earlier.used_at).plus_seconds(3600)),
        };
        self.local.now < end
    }

    /// Writes down the tasks that a call made; all of them must be new.
    fn remember(
        &mut self,
        shape: &'static Shape,
        variant: u8,
        answer: &Result<Answer, Fault>,
    ) -> Vec<String> {
        let (Ok(Answer::RunTask(started)) | Ok(Answer::StartTask(started))) = answer else {
            return Vec::new();
        };
        let arns: Vec<String> = started.tasks.iter().map(|task| task.arn().to_owned()).collect();
        for arn in &arns {
            let made = Made { family: shape.family, needs: needs(shape, variant) };
            assert!(self.checker.made.insert(id_of(arn), made).is_none(), "{arn} is not new");
        }
        arns
    }

    /// Everything is asked to stop and everything is answered: all tasks reach STOPPED in time.
    pub(super) fn end(&mut self, is_stubborn: bool) {
        let mut ids: Vec<_> = self.checker.tasks.keys().cloned().collect();
        ids.retain(|id| self.local.cloud.launch(id).is_some());
        for id in ids {
            self.local.must("StopTask", json!({"task": id}));
            self.settle_step();
        }
        let limit = self.local.now.plus_seconds(STOP_LIMIT_SECONDS);
        loop {
            for event in self.runtime.work(is_stubborn) {
                self.tell(event);
            }
            self.settle_step();
            if self.checker.tasks.values().all(|task| task.last_status == LastStatus::Stopped) {
                break;
            }
            assert!(self.local.now < limit, "not stopped in time: {:#?}", self.checker.tasks);
            self.wait(1);
        }
        self.checker.all_is_over(&mut self.local);
    }
}

fn body(shape: &Shape, variant: u8) -> Value {
    let mut body = json!({"taskDefinition": shape.family, "overrides": overrides(shape, variant)});
    if shape.awsvpc {
        body["networkConfiguration"] = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
    }
    body
}
