//! The simulated Amazon as a value: the cloud, what will happen next in it, and what has happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use longshore_ecs::balancing::{self, Health, HealthChange, Target, TargetState, UnhealthyReason};
use longshore_ecs::fault::Fault;
use longshore_ecs::{Answer, Caller, Cloud, ContainerRef, Effect, Event, Report, Request, TaskView, step};
use longshore_model::Timestamp;
use longshore_model::arn::{Scope, last_part};
use longshore_model::network::{NetworkMode, TransportProtocol};
use longshore_model::seen::{LogLine, Task};
use longshore_model::task::{LastStatus, NetworkBinding, StopCode};
use serde_json::{Value, json};

use crate::logs::{Name, Streams};
use crate::plan::{Arrival, End, Life, Lives, Plan};
use crate::seen;
use crate::trouble::Dice;

/// When the simulation begins, in the year 2033.
pub(crate) const BEGINNING: Timestamp = Timestamp(2_000_000_000_000);

/// The exit code of a container that ended at its stop signal.
const TERMINATED: i32 = 143;

/// The exit code of a container that was killed.
const KILLED: i32 = 137;

/// From its first check until a target that answers is healthy.
const CHECKED_AFTER: Duration = Duration::from_secs(10);

/// The same for our own proxy, in milliseconds: a task that crashes at once never gets there.
const ANSWERS_AFTER_MS: i64 = 5_000;

/// A target that is deregistered has nothing in flight any more after this.
const DRAINED_AFTER: Duration = Duration::from_secs(2);

/// The first of the ports that a container instance gives away by itself, and how many these are.
const DYNAMIC_PORTS: (i32, usize) = (32_768, 28_000);

/// What ECS says of a task whose instance is gone.
const HOST_LOST: &str = "Host EC2 (instance i-0123456789abcdef0) terminated.";

/// The cloud, what will happen next in it, and what has happened.
pub(crate) struct State {
    pub(crate) cloud: Cloud,
    pub(crate) dice: Dice,
    pub(crate) streams: Streams,
    pub(crate) tasks: BTreeMap<String, Record>,
    /// How containers of an image live, whatever `lives` says.
    pub(crate) images: BTreeMap<String, Life>,
    /// Images whose containers run and never answer a health check.
    pub(crate) silent: BTreeSet<String>,
    /// Services whose tasks have changed: what EventBridge would speak of.
    pub(crate) events: Vec<String>,
    lives: Lives,
    log_lag: Duration,
    agenda: BTreeMap<(Timestamp, u64), Happening>,
    entries: u64,
    runs: BTreeMap<ContainerRef, Run>,
    /// Targets whose first checks run, or that drain.
    watched: BTreeSet<(String, Target)>,
}

/// What is known of a task beside the cloud.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// In the order in which tasks were made.
    pub(crate) number: usize,
    pub(crate) client_token: Option<String>,
    /// How it was seen, and since when.
    pub(crate) history: Vec<(Timestamp, Arc<TaskView>)>,
    /// The reasons of the StopTask calls for it.
    pub(crate) stops: Vec<String>,
    /// What its containers wrote.
    pub(crate) written: BTreeMap<String, Vec<String>>,
    host_lost: bool,
}

/// A start of a container.
#[derive(Debug)]
struct Run {
    life: Life,
    stream: Option<Name>,
    ended: bool,
}

/// What is going to happen.
#[derive(Debug)]
enum Happening {
    Joins(Arrival),
    Report(Event),
    Starts(ContainerRef),
    Writes(ContainerRef, String),
    Ends { of: ContainerRef, code: i32 },
    LosesHost(ContainerRef),
    Checked(String, Target),
    Drained(String, Target),
}

impl State {
    /// With the empty cluster `default`.
    pub(crate) fn new(plan: Plan) -> Self {
        let scope = Scope { account: "123456789012".into(), region: "eu-west-1".into() };
        let mut state = Self {
            cloud: Cloud::new(scope, plan.seed),
            log_lag: plan.faults.log_lag,
            dice: Dice::new(plan.faults, plan.seed),
            streams: Streams::default(),
            tasks: BTreeMap::new(),
            images: BTreeMap::new(),
            silent: BTreeSet::new(),
            events: Vec::new(),
            lives: plan.lives,
            agenda: BTreeMap::new(),
            entries: 0,
            runs: BTreeMap::new(),
            watched: BTreeSet::new(),
        };
        drop(state.ask("CreateCluster", json!({}), BEGINNING));
        for arrival in plan.instances {
            state.enter(BEGINNING, arrival.at, Happening::Joins(arrival));
        }
        state
    }

    /// When something happens next.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
        next.into_iter().chain(self.cloud.next_wake()).min()
    }

    /// Lets happen what is due until now, each at its moment.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        loop {
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let tick = self.cloud.next_wake();
            let Some(at) = next.into_iter().chain(tick).min().filter(|at| *at <= now) else { return };
            if next == Some(at) {
                if let Some((_, happening)) = self.agenda.pop_first() {
                    self.happen(happening, at);
                }
            } else {
                self.tell(Event::Tick, at);
            }
        }
    }

    /// Calls the API as the wire does.
    pub(crate) fn ask(&mut self, operation: &str, body: Value, now: Timestamp) -> Result<Answer, Fault> {
        let size_bytes = body.to_string().len();
        let request = match Request::read(operation, body) {
            Some(Ok(request)) => Box::new(request),
            Some(Err(error)) => return Err(Fault::client(error.to_string())),
            None => return Err(Fault::client(format!("no operation {operation}"))),
        };
        let caller = Caller { arn: "arn:aws:iam::123456789012:user/somebody".into() };
        let answer = step(&mut self.cloud, Event::Call { request, caller, size_bytes }, now);
        self.carry_out(now);
        answer.unwrap_or_else(|| Err(Fault::client("The call had no answer.")))
    }

    /// Calls the API of Elastic Load Balancing as the wire does.
    pub(crate) fn balance(
        &mut self,
        operation: &str,
        body: Value,
        now: Timestamp,
    ) -> Result<Value, balancing::Fault> {
        let request = match balancing::Request::read(operation, body) {
            Some(Ok(request)) => request,
            Some(Err(error)) => return Err(balancing::Fault::invalid(error.to_string())),
            None => return Err(balancing::Fault::invalid(format!("no operation {operation}"))),
        };
        let answer = longshore_ecs::balance(&mut self.cloud, request, now)?;
        self.carry_out(now);
        Ok(serde_json::to_value(answer).unwrap_or_default())
    }

    /// Whether a task runs and has answered as many health checks as it takes, by its ARN.
    pub(crate) fn answers(&self, arn: &str, now: Timestamp) -> bool {
        let record = self.tasks.get(last_part(arn));
        let mut history = record.into_iter().flat_map(|record| &record.history);
        let since = history.find(|(_, view)| view.last_status == LastStatus::Running).map(|(at, _)| *at);
        let is_checked = since.is_some_and(|since| now.ms_since(since) >= ANSWERS_AFTER_MS);
        is_checked && self.runs(arn) && !self.is_silent(last_part(arn))
    }

    fn is_silent(&self, task: &str) -> bool {
        if self.silent.is_empty() {
            return false;
        }
        let Some(launch) = self.cloud.launch(task) else { return false };
        launch.definition.spec.container_definitions.iter().any(|it| self.silent.contains(&it.image))
    }

    /// Whether a task is RUNNING, by its ARN.
    pub(crate) fn runs(&self, arn: &str) -> bool {
        let record = self.tasks.get(last_part(arn));
        let view = record.and_then(|record| record.history.last()).map(|(_, view)| view);
        view.is_some_and(|view| view.last_status == LastStatus::Running)
    }

    /// A task as it was seen at a moment; `None` before it was made.
    pub(crate) fn task_at(&self, id: &str, at: Timestamp) -> Option<Task> {
        let record = self.tasks.get(last_part(id))?;
        let (_, view) = record.history.iter().rev().find(|(since, _)| *since <= at)?;
        Some(self.see(view))
    }

    /// A task in the shape that callers see. The cloud knows of containers that end; that this was their host's end is
    /// known here.
    pub(crate) fn see(&self, view: &TaskView) -> Task {
        let mut task = seen::task(view);
        let lost = self.tasks.get(task.id()).is_some_and(|record| record.host_lost);
        if lost && view.stop_code == Some(StopCode::EssentialContainerExited) {
            task.stop_code = Some(StopCode::TerminationNotice.to_string());
            task.stopped_reason = Some(HOST_LOST.to_owned());
        }
        task
    }

    fn tell(&mut self, event: Event, now: Timestamp) {
        drop(step(&mut self.cloud, event, now));
        self.carry_out(now);
    }

    fn carry_out(&mut self, now: Timestamp) {
        drop(self.cloud.take_changes());
        for effect in self.cloud.take_effects() {
            match effect {
                Effect::Prepare(id) => self.prepare(id, now),
                Effect::Start(of) => self.begin(of, now),
                Effect::Terminate(of) => self.terminate(of, now),
                Effect::Kill(of) => self.enter(now, Duration::ZERO, Happening::Ends { of, code: KILLED }),
                Effect::Check(of) => {
                    let report = Event::Container(of, Report::Checked { healthy: true });
                    self.enter(now, Duration::ZERO, Happening::Report(report));
                }
                Effect::TaskChanged(view) => {
                    let service = view.group.as_deref().and_then(|group| group.strip_prefix("service:"));
                    self.events.extend(service.map(str::to_owned));
                    self.remember(&view, now);
                }
                Effect::RoutesChanged => self.watch_targets(now),
                Effect::Release(_) | Effect::InstanceChanged(_) | Effect::ServiceChanged(_) => {}
            }
        }
    }

    fn enter(&mut self, now: Timestamp, wait: Duration, happening: Happening) {
        let at = now.plus_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        self.entries += 1;
        self.agenda.insert((at, self.entries), happening);
    }

    fn remember(&mut self, view: &Arc<TaskView>, now: Timestamp) {
        let number = self.tasks.len();
        let id = last_part(&view.task_arn).to_owned();
        let record = self.tasks.entry(id).or_insert_with(|| Record { number, ..Record::default() });
        record.history.push((now, Arc::clone(view)));
    }

    /// Each new target is checked, and each that drains has nothing in flight after a moment.
    fn watch_targets(&mut self, now: Timestamp) {
        for (group, routes) in self.cloud.routing().groups {
            for target in routes.targets {
                let key = (group.clone(), target.target.clone());
                let (wait, happening) = match target.state {
                    TargetState::Initial => (CHECKED_AFTER, Happening::Checked(group.clone(), target.target)),
                    TargetState::Draining => {
                        (DRAINED_AFTER, Happening::Drained(group.clone(), target.target))
                    }
                    TargetState::Healthy | TargetState::Unhealthy | TargetState::Unused => continue,
                };
                if self.watched.insert(key) {
                    self.enter(now, wait, happening);
                }
            }
        }
    }

    /// What the checks of a target come to: it answers, unless it is of a silent task.
    fn check(&mut self, group_arn: String, target: Target, now: Timestamp) {
        let is_at = |view: &TaskView| {
            let mut interfaces = view.containers.iter().flat_map(|it| &it.network_interfaces);
            let mut bindings = view.containers.iter().flat_map(|it| &it.network_bindings);
            interfaces.any(|it| it.private_ipv4_address.as_ref() == Some(&target.id))
                || bindings.any(|it| it.host_port == Some(i32::from(target.port)))
        };
        let mut tasks = self.tasks.iter().filter_map(|(id, it)| Some((id, &it.history.last()?.1)));
        let is_silent = !self.silent.is_empty() && tasks.any(|(id, view)| is_at(view) && self.is_silent(id));
        let timeout = || Health::Unhealthy {
            reason: UnhealthyReason::Timeout,
            description: "Request timed out".to_owned(),
        };
        let health = if is_silent { timeout() } else { Health::Healthy };
        self.watched.remove(&(group_arn.clone(), target.clone()));
        self.tell(Event::Health(vec![HealthChange { group_arn, target, health }]), now);
    }

    fn image(&self, task: &str, container: &str) -> Option<String> {
        let launch = self.cloud.launch(task)?;
        let mut containers = launch.definition.spec.container_definitions.iter();
        Some(containers.find(|it| it.name == container)?.image.clone())
    }

    /// Where the ports of a container are found on its instance: each task has ports of its own.
    fn bindings(&self, of: &ContainerRef) -> Vec<NetworkBinding> {
        let Some(launch) = self.cloud.launch(&of.task) else { return Vec::new() };
        let spec = &launch.definition.spec;
        if !matches!(spec.network_mode, None | Some(NetworkMode::Bridge)) {
            return Vec::new();
        }
        let (first, count) = DYNAMIC_PORTS;
        let number = self.tasks.get(&of.task).map_or(0, |record| record.number) % count;
        let dynamic = first + i32::try_from(number).unwrap_or_default();
        let container = spec.container_definitions.iter().find(|it| it.name == of.container);
        let mappings = container.into_iter().flat_map(|it| it.port_mappings.iter().flatten());
        let binding = |host: Option<i32>| host.filter(|port| *port > 0).unwrap_or(dynamic);
        mappings
            .map(|mapping| NetworkBinding {
                bind_ip: "0.0.0.0".to_owned(),
                container_port: mapping.container_port,
                host_port: Some(binding(mapping.host_port)),
                protocol: mapping.protocol.unwrap_or(TransportProtocol::Tcp),
            })
            .collect()
    }

    fn life(&self, task: &str, container: &str) -> Life {
        if !self.images.is_empty()
            && let Some(life) = self.image(task, container).and_then(|image| self.images.get(&image))
        {
            return life.clone();
        }
        let number = self.tasks.get(task).map_or(0, |record| record.number);
        (self.lives)(number, container)
    }

    fn prepare(&mut self, id: String, now: Timestamp) {
        let Some(view) = self.cloud.launch(&id).map(|launch| Arc::clone(launch.task)) else { return };
        if !self.tasks.contains_key(&id) {
            self.remember(&view, now);
        }
        let lives: Vec<Life> = view.containers.iter().map(|it| self.life(&id, &it.name)).collect();
        let wait = lives.iter().map(|life| life.prepare).max().unwrap_or_default();
        let failed = lives.into_iter().find_map(|life| match life.end {
            End::CannotPrepare(reason) => Some(Report::PrepareFailed { reason }),
            _ => None,
        });
        // Whoever has an interface of its own has an address that no other has.
        let number = self.tasks.get(&id).map_or(0, |record| record.number);
        let ip = (!view.attachments.is_empty()).then(|| address_of(number));
        let report = failed.unwrap_or(Report::Prepared { ip, digests: Vec::new() });
        self.enter(now, wait, Happening::Report(Event::Task(id, report)));
    }

    fn begin(&mut self, of: ContainerRef, now: Timestamp) {
        let life = self.life(&of.task, &of.container);
        let (start, end) = (life.start, life.end.clone());
        let stream = self.stream_of(&of);
        self.runs.insert(of.clone(), Run { life, stream, ended: false });
        let happening = match end {
            End::CannotStart(reason) => {
                Happening::Report(Event::Container(of, Report::StartFailed { reason }))
            }
            _ => Happening::Starts(of),
        };
        self.enter(now, start, happening);
    }

    fn terminate(&mut self, of: ContainerRef, now: Timestamp) {
        let stop = self.runs.get(&of).map_or(Duration::ZERO, |run| run.life.stop);
        self.enter(now, stop, Happening::Ends { of, code: TERMINATED });
    }

    /// Where the `awslogs` driver writes the output of a container.
    fn stream_of(&self, of: &ContainerRef) -> Option<Name> {
        let launch = self.cloud.launch(&of.task)?;
        let definition =
            launch.definition.spec.container_definitions.iter().find(|it| it.name == of.container)?;
        let log = definition.log_configuration.as_ref().filter(|log| log.log_driver == "awslogs")?;
        let options = log.options.as_ref()?;
        let stream = match options.get("awslogs-stream-prefix") {
            Some(prefix) => format!("{prefix}/{}/{}", of.container, of.task),
            None => runtime_id(of),
        };
        Some(Name { group: options.get("awslogs-group")?.clone(), stream })
    }

    fn happen(&mut self, happening: Happening, now: Timestamp) {
        match happening {
            Happening::Joins(arrival) => self.join(arrival, now),
            Happening::Report(event) => self.tell(event, now),
            Happening::Starts(of) => self.start(of, now),
            Happening::Writes(of, text) => self.write(&of, text, now),
            Happening::Ends { of, code } => self.end(&of, Some(code), now),
            Happening::Checked(group, target) => self.check(group, target, now),
            Happening::Drained(group_arn, target) => {
                self.watched.remove(&(group_arn.clone(), target.clone()));
                self.tell(Event::Drained { group_arn, target }, now);
            }
            Happening::LosesHost(of) => {
                if self.runs.get(&of).is_none_or(|run| run.ended) {
                    return;
                }
                if let Some(record) = self.tasks.get_mut(&of.task) {
                    record.host_lost = true;
                }
                let all: Vec<ContainerRef> =
                    self.runs.keys().filter(|other| other.task == of.task).cloned().collect();
                all.iter().for_each(|of| self.end(of, None, now));
            }
        }
    }

    fn join(&mut self, arrival: Arrival, now: Timestamp) {
        let resources = json!([
            {"name": "CPU", "type": "INTEGER", "integerValue": arrival.cpu},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": arrival.memory},
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]},
            {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
        ]);
        drop(self.ask("RegisterContainerInstance", json!({"totalResources": resources}), now));
    }

    fn start(&mut self, of: ContainerRef, now: Timestamp) {
        let Some(run) = self.runs.get(&of).filter(|run| !run.ended) else { return };
        let Life { end, lines, .. } = run.life.clone();
        if let Some(stream) = &run.stream {
            self.streams.open(stream);
        }
        for line in lines {
            self.enter(now, line.at, Happening::Writes(of.clone(), line.text));
        }
        match end {
            End::Exits { after, code } => self.enter(now, after, Happening::Ends { of: of.clone(), code }),
            End::HostLost { after } => self.enter(now, after, Happening::LosesHost(of.clone())),
            End::Never | End::CannotPrepare(_) | End::CannotStart(_) => {}
        }
        let bindings = self.bindings(&of);
        let report = Report::Started { runtime_id: runtime_id(&of), bindings };
        self.tell(Event::Container(of, report), now);
    }

    fn write(&mut self, of: &ContainerRef, text: String, now: Timestamp) {
        let Some(Run { stream: Some(stream), ended: false, .. }) = self.runs.get(of) else { return };
        let lag = self.dice.up_to(self.log_lag);
        let shows_at = now.plus_ms(i64::try_from(lag.as_millis()).unwrap_or(i64::MAX));
        self.streams.write(stream, LogLine { timestamp: now, message: text.clone() }, shows_at);
        if let Some(record) = self.tasks.get_mut(&of.task) {
            record.written.entry(of.container.clone()).or_default().push(text);
        }
    }

    /// Lets a container end, once.
    fn end(&mut self, of: &ContainerRef, exit_code: Option<i32>, now: Timestamp) {
        let Some(run) = self.runs.get_mut(of).filter(|run| !run.ended) else { return };
        run.ended = true;
        if let Some(stream) = &run.stream {
            self.streams.flush(stream, now);
        }
        self.tell(Event::Container(of.clone(), Report::Exited { exit_code, reason: None }), now);
    }
}

/// The address of the so many-th task.
fn address_of(number: usize) -> String {
    format!("10.{}.{}.{}", number / 65536 % 256, number / 256 % 256, number % 256)
}

fn runtime_id(of: &ContainerRef) -> String {
    format!("{}-{}-{}", of.task, of.container, of.attempt)
}
