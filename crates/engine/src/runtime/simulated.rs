//! The simulated runtime: nothing runs. Containers walk through their states at a settable pace and end as told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use longshore_model::network::NetworkMode;
use longshore_model::task::NetworkBinding;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{
    ContainerKey, ContainerPlan, Found, Known, LogLine, Prepared, RecoverError, Report, Reports, Runtime,
    StartError, Started, TaskKey, TaskPlan, ports,
};
use crate::clock;

/// In a container's environment: how many milliseconds it runs, or `forever`. Absent means one pace.
const RUN_MS: &str = "LONGSHORE_SIMULATE_RUN_MS";

/// In a container's environment: the exit code with which it ends. Absent means 0.
const EXIT_CODE: &str = "LONGSHORE_SIMULATE_EXIT_CODE";

/// The exit code of a container that was asked to end.
const TERMINATED: i32 = 143;

/// The exit code of a container that was killed.
const KILLED: i32 = 137;

/// Where the host ports begin that containers are told they have.
const FIRST_PORT: u16 = 32_768;

/// How many such ports there are.
const PORTS: u32 = 28_232;

/// Runs nothing and says so in one line of each container's output.
pub struct SimulatedRuntime {
    pace: Duration,
    reports: Reports,
    /// Counts starts, and everything that wants a number.
    numbers: AtomicU32,
    containers: Arc<Containers>,
}

/// What does not run, but would.
#[derive(Default)]
struct Containers {
    orders: Mutex<BTreeMap<ContainerKey, watch::Sender<Order>>>,
}

/// What a container is to do, the harder order last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Run,
    Terminate,
    Kill,
}

/// How a container runs when it is let.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Script {
    /// Absent means until it is stopped.
    run: Option<Duration>,
    exit_code: i32,
}

impl SimulatedRuntime {
    /// A runtime in which each step takes `pace`.
    #[must_use]
    pub fn new(pace: Duration, reports: Reports) -> Self {
        Self { pace, reports, numbers: AtomicU32::new(1), containers: Arc::default() }
    }

    fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn bindings(&self, plan: &ContainerPlan) -> Vec<NetworkBinding> {
        let ports = ports::wanted(&plan.definition, plan.task.network_mode).into_iter();
        let any_port = || i32::from(FIRST_PORT) + i32::try_from(self.number() % PORTS).unwrap_or_default();
        let binding = |port: ports::WantedPort| NetworkBinding {
            bind_ip: "127.0.0.1".to_owned(),
            container_port: Some(port.container_port.into()),
            host_port: Some(port.host_port.map_or_else(any_port, i32::from)),
            protocol: port.protocol,
        };
        ports.map(binding).collect()
    }

    fn order(&self, key: &ContainerKey, order: Order) {
        if let Some(container) = self.containers.lock().get(key) {
            give(container, order);
        }
    }
}

#[async_trait]
impl Runtime for SimulatedRuntime {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn survives(&self) -> bool {
        false
    }

    async fn prepare(&self, plan: &TaskPlan) -> Result<Prepared, StartError> {
        take(self.pace).await;
        let ip = (plan.network_mode == NetworkMode::Awsvpc).then(|| {
            let [_, a, b, c] = self.number().to_be_bytes();
            format!("10.{a}.{b}.{c}")
        });
        Ok(Prepared { ip, ..Prepared::default() })
    }

    async fn start(&self, plan: ContainerPlan) -> Result<Started, StartError> {
        let script = Script::read(&plan.environment, self.pace)?;
        take(self.pace).await;
        let runtime_id = format!("{}-{}", plan.key.task.task, self.number());
        let bindings = self.bindings(&plan);
        let (orders, order) = watch::channel(Order::Run);
        self.containers.lock().insert(plan.key.clone(), orders);
        let (containers, reports, pace) = (Arc::clone(&self.containers), self.reports.clone(), self.pace);
        tokio::spawn(async move {
            let exit_code = script.play(pace, order).await;
            containers.end(plan.key, exit_code, &reports).await;
        });
        Ok(Started { runtime_id, bindings })
    }

    async fn terminate(&self, key: &ContainerKey) {
        self.order(key, Order::Terminate);
    }

    async fn kill(&self, key: &ContainerKey) {
        self.order(key, Order::Kill);
    }

    /// Every container is as healthy as it can be.
    async fn check(&self, key: &ContainerKey, _command: &[String], _timeout: Duration) -> bool {
        self.containers.lock().contains_key(key)
    }

    async fn stats(&self, key: &ContainerKey) -> Option<Value> {
        self.containers.lock().contains_key(key).then(|| {
            json!({
                "name": key.name,
                "read": jiff::Timestamp::now().to_string(),
                "cpu_stats": { "cpu_usage": { "total_usage": 0 } },
                "memory_stats": { "usage": 0 },
                "pids_stats": { "current": 0 },
            })
        })
    }

    async fn release(&self, _task: &TaskKey) {}

    /// Finds nothing: what did not run did not survive.
    async fn recover(&self, _known: Vec<Known>) -> Result<Vec<Found>, RecoverError> {
        Ok(Vec::new())
    }

    /// Nothing runs that would have to be waited for.
    async fn shutdown(&self) {
        self.containers.lock().values().for_each(|container| give(container, Order::Kill));
    }
}

impl Containers {
    async fn end(&self, key: ContainerKey, exit_code: i32, reports: &Reports) {
        self.lock().remove(&key);
        let text = format!("simulated: nothing ran (exit code {exit_code})");
        let line = LogLine { at_ms: clock::now().0, number: 0, text };
        // Nobody to report to means that the engine is going down.
        reports.send(Report::Lines(key.clone(), vec![line])).await.ok();
        reports.send(Report::Exited { key, exit_code: Some(exit_code), reason: None }).await.ok();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ContainerKey, watch::Sender<Order>>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Script {
    fn read(environment: &BTreeMap<String, String>, pace: Duration) -> Result<Self, StartError> {
        let wrong = |name: &str, value: &str, allowed: &str| {
            StartError(format!("CannotStartContainerError: {name} is \"{value}\", and must be {allowed}"))
        };
        let run = match environment.get(RUN_MS).map(String::as_str) {
            None => Some(pace),
            Some("forever") => None,
            Some(value) => {
                let ms = value
                    .parse()
                    .map_err(|_| wrong(RUN_MS, value, "a number of milliseconds or \"forever\""))?;
                Some(if ms == 0 { pace } else { Duration::from_millis(ms) })
            }
        };
        let exit_code = match environment.get(EXIT_CODE) {
            None => 0,
            Some(value) => {
                let code: u8 =
                    value.parse().map_err(|_| wrong(EXIT_CODE, value, "a number from 0 to 255"))?;
                code.into()
            }
        };
        Ok(Self { run, exit_code })
    }

    /// Takes as long as the container would run, and gives its exit code.
    async fn play(self, pace: Duration, mut order: watch::Receiver<Order>) -> i32 {
        let order = &mut order;
        let stopped = tokio::select! {
            biased;
            stopped = heard(order, Order::Terminate) => stopped,
            () = async { match self.run {
                Some(run) => take(run).await,
                None => std::future::pending().await,
            } } => return self.exit_code,
        };
        if stopped == Order::Kill {
            return KILLED;
        }
        tokio::select! {
            biased;
            _ = heard(order, Order::Kill) => KILLED,
            () = take(pace) => TERMINATED,
        }
    }
}

/// Gives an order, unless a harder one was given before.
fn give(container: &watch::Sender<Order>, order: Order) {
    container.send_modify(|given| *given = order.max(*given));
}

/// Waits for an order at least as hard as this one.
async fn heard(orders: &mut watch::Receiver<Order>, least: Order) -> Order {
    orders.wait_for(|order| *order >= least).await.map_or(Order::Kill, |order| *order)
}

/// Lets time pass; none costs no timer.
async fn take(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::container_definition::{ContainerDefinition, PortMapping};
    use longshore_model::task_definition::TaskDefinition;
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::*;

    const PACE: Duration = Duration::from_millis(20);

    fn plan(name: &str, environment: &[(&str, &str)]) -> ContainerPlan {
        let key = TaskKey { account: "1".repeat(12), region: "eu-west-1".to_owned(), task: "a".repeat(32) };
        let definition: TaskDefinition = serde_json::from_value(json!({
            "taskDefinitionArn": "arn", "containerDefinitions": [], "family": "f", "revision": 1,
            "status": "ACTIVE", "compatibilities": [], "registeredAt": 0,
        }))
        .unwrap();
        let task = TaskPlan {
            key: key.clone(),
            cluster: "default".to_owned(),
            definition: Arc::new(definition),
            network_mode: NetworkMode::Bridge,
            directories: BTreeMap::new(),
            cpu: None,
            memory_mib: None,
        };
        let port = PortMapping { container_port: Some(80), ..PortMapping::default() };
        ContainerPlan {
            key: ContainerKey { task: key, name: name.to_owned(), attempt: 0 },
            task: Arc::new(task),
            definition: ContainerDefinition {
                port_mappings: Some(vec![port]),
                ..ContainerDefinition::default()
            },
            environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    async fn line_and_code(reports: &mut mpsc::Receiver<Report>) -> (String, Option<i32>) {
        let line = match reports.recv().await {
            Some(Report::Lines(_, lines)) => lines[0].text.clone(),
            other => panic!("no line but {other:?}"),
        };
        match reports.recv().await {
            Some(Report::Exited { exit_code, .. }) => (line, exit_code),
            other => panic!("no end but {other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_container_ends_after_its_time_with_its_exit_code() {
        let (sender, mut reports) = mpsc::channel(8);
        let runtime = SimulatedRuntime::new(PACE, sender);
        let begin = Instant::now();
        let started = runtime.start(plan("a", &[(RUN_MS, "500"), (EXIT_CODE, "7")])).await.unwrap();
        assert_eq!(begin.elapsed(), PACE);
        assert!(started.bindings[0].host_port.unwrap() >= 32_768);
        let (line, code) = line_and_code(&mut reports).await;
        assert_eq!((line.as_str(), code), ("simulated: nothing ran (exit code 7)", Some(7)));
        assert_eq!(begin.elapsed(), PACE + Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_container_ends_with_the_signal_s_code() {
        let (sender, mut reports) = mpsc::channel(8);
        let runtime = SimulatedRuntime::new(PACE, sender);
        let forever = plan("a", &[(RUN_MS, "forever")]);
        runtime.start(forever.clone()).await.unwrap();
        let begin = Instant::now();
        runtime.terminate(&forever.key).await;
        assert_eq!(line_and_code(&mut reports).await.1, Some(143));
        assert_eq!(begin.elapsed(), PACE);
        runtime.start(forever.clone()).await.unwrap();
        runtime.kill(&forever.key).await;
        runtime.terminate(&forever.key).await;
        assert_eq!(line_and_code(&mut reports).await.1, Some(137));
    }

    #[tokio::test]
    async fn tens_of_thousands_run_at_once_and_are_all_ended_by_a_shutdown() {
        const MANY: usize = 30_000;
        let (sender, mut reports) = mpsc::channel(8);
        let runtime = SimulatedRuntime::new(Duration::ZERO, sender);
        for number in 0..MANY {
            runtime.start(plan(&number.to_string(), &[(RUN_MS, "forever")])).await.unwrap();
        }
        let reader = tokio::spawn(async move {
            let mut ends = 0;
            while let Some(report) = reports.recv().await {
                ends += usize::from(matches!(report, Report::Exited { exit_code: Some(137), .. }));
            }
            ends
        });
        runtime.shutdown().await;
        drop(runtime);
        assert_eq!(reader.await.unwrap(), MANY);
    }

    #[tokio::test]
    async fn a_script_that_makes_no_sense_is_refused() {
        let (sender, _reports) = mpsc::channel(8);
        let runtime = SimulatedRuntime::new(Duration::ZERO, sender);
        let error = runtime.start(plan("a", &[(EXIT_CODE, "256")])).await.unwrap_err();
        assert_eq!(
            error.0,
            "CannotStartContainerError: LONGSHORE_SIMULATE_EXIT_CODE is \"256\", and must be a number from 0 to 255"
        );
    }
}
