//! The life of one container: its start under a supervisor, and the task that reports its lines and its end.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_model::container_definition::ContainerDefinition;
use longshore_model::task::NetworkBinding;
use serde_json::{Value, json};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{Notify, oneshot, watch};

use super::cgroup::{Cgroups, Limits};
use super::control::Order;
use super::files::{Files, Home};
use super::launch::{Ending, Orders, Program, Supervised};
use super::left_over::{self, CONTAINER_MARK, ENGINE_MARK};
use super::output::report_lines;
use super::ports::{Claim, PortBook};
use super::{ProcessOptions, command, in_background, tree};
use crate::runtime::{ContainerKey, ContainerPlan, Report, Reports, StartError, Started, ports};

/// Nanoseconds of one of the clock ticks in /proc, which are hundredths of a second on every Linux.
const TICK_NS: u64 = 10_000_000;

/// The exit code of a process that SIGKILL ended.
const KILLED: i32 = 137;

/// What all containers share.
pub(super) struct Shared {
    pub(super) files: Files,
    /// Or why there are none.
    pub(super) cgroups: Result<Cgroups, String>,
    pub(super) program: Program,
    path: String,
    commands: BTreeMap<String, Vec<String>>,
    ports: Arc<PortBook>,
    reports: Reports,
    starts: AtomicU64,
    running: Mutex<Running>,
    /// Told of every end.
    ends: Notify,
}

#[derive(Default)]
struct Running {
    is_closed: bool,
    containers: BTreeMap<ContainerKey, Arc<Container>>,
    /// How many of the tasks that follow containers to their end are not done.
    watched: usize,
}

/// A running container.
pub(super) struct Container {
    key: ContainerKey,
    runtime_id: String,
    /// What its health checks have in common with it.
    order: Order,
    memory_mib: Option<u32>,
    supervisor: i32,
    pub(super) orders: Orders,
    /// Closed when it has ended.
    life: watch::Receiver<()>,
}

/// A container that is ready to be launched.
struct Ready {
    order: Order,
    claim: Claim,
    stdout: Stdio,
    stderr: Stdio,
    pipes: [Receiver; 2],
}

impl Shared {
    pub(super) fn new(options: ProcessOptions, reports: Reports) -> Self {
        Self {
            files: Files::new(&options.state),
            cgroups: Cgroups::detect(&options.engine_id),
            program: Program {
                path: options.supervisor,
                arguments: options.supervisor_arguments,
                engine_id: options.engine_id,
            },
            path: options.path,
            commands: options.commands,
            ports: Arc::default(),
            reports,
            starts: AtomicU64::new(1),
            running: Mutex::default(),
            ends: Notify::new(),
        }
    }

    /// Starts a container, and the task that reports what becomes of it.
    pub(super) async fn start(self: Arc<Self>, plan: ContainerPlan) -> Result<Started, StartError> {
        self.check_open()?;
        let runtime_id = format!("{}-{}", plan.key.task.task, self.starts.fetch_add(1, Ordering::Relaxed));
        let (key, memory_mib) = (plan.key.clone(), limits(&plan.definition).memory_mib);
        let (shared, id) = (Arc::clone(&self), runtime_id.clone());
        let ready = in_background(move || Ok(shared.make_ready(&plan, &id)));
        let ready = ready.await.unwrap_or_else(|error| Err(cannot_start(&error.to_string())))?;
        let Ready { order, claim, stdout, stderr, pipes } = ready;
        let Supervised { orders, ending, pid } = match self.program.launch(&order, stdout, stderr).await {
            Ok(supervised) => supervised,
            Err(message) => {
                // A supervisor that was killed in between may have started something.
                left_over::kill_container(order.environment.get(CONTAINER_MARK)).await;
                return Err(cannot_start(&message));
            }
        };
        let (alive, life) = watch::channel(());
        let container = Container {
            key: key.clone(),
            runtime_id: runtime_id.clone(),
            order,
            memory_mib,
            supervisor: pid,
            orders,
            life,
        };
        let container = Arc::new(container);
        let bindings = claim.bindings.clone();
        {
            let mut running = self.lock();
            if running.is_closed {
                return Err(shutting_down());
            }
            running.containers.insert(key, Arc::clone(&container));
            running.watched += 1;
        }
        tokio::spawn(self.watch(container, ending, pipes, claim, alive));
        Ok(Started { runtime_id, bindings })
    }

    /// Runs a health check's command where the container runs, and as it: whether it exited with 0 before the
    /// container did. Dropping the future kills the command.
    pub(super) async fn check(&self, container: &Container, check: &[String]) -> bool {
        let words: Vec<String> = match check {
            [kind, line @ ..] if kind == "CMD-SHELL" => {
                ["/bin/sh", "-c"].map(str::to_owned).into_iter().chain(line.iter().cloned()).collect()
            }
            [kind, words @ ..] if kind == "CMD" => words.to_vec(),
            words => words.to_vec(),
        };
        let order = &container.order;
        let path = order.environment.get("PATH").map_or("", String::as_str);
        let Some(Ok(program)) = words.first().map(|word| command::locate(word, path, &order.directory))
        else {
            return false;
        };
        let order = Order { program, arguments: words, ..order.clone() };
        let Ok(mut check) = self.program.launch(&order, Stdio::null(), Stdio::null()).await else {
            return false;
        };
        let mut life = container.life.clone();
        let code = tokio::select! {
            code = check.ending.exit_code() => code,
            _ = life.changed() => None,
        };
        code == Some(0)
    }

    /// A container's use of the machine, in the shape of Docker's stats.
    pub(super) fn stats(&self, container: &Container) -> io::Result<Value> {
        let processes = tree::descendants(container.supervisor)?;
        let orphans = tree::look(container.supervisor).map_or(0, |supervisor| supervisor.children_ticks);
        let ticks: u64 = processes.iter().map(|process| process.own_ticks + process.children_ticks).sum();
        let task = &container.key.task.task;
        let by_group = self
            .cgroups
            .as_ref()
            .ok()
            .and_then(|cgroups| cgroups.memory_used(task, &start_name(&container.key)));
        let memory =
            by_group.unwrap_or_else(|| processes.iter().map(|process| tree::memory(process.pid)).sum());
        let mut memory_stats = json!({ "usage": memory });
        if let Some(mib) = container.memory_mib {
            memory_stats["limit"] = json!(u64::from(mib) * 1024 * 1024);
        }
        Ok(json!({
            "id": container.runtime_id,
            "name": container.key.name,
            "read": jiff::Timestamp::now().to_string(),
            "cpu_stats": { "cpu_usage": { "total_usage": (ticks + orphans) * TICK_NS } },
            "memory_stats": memory_stats,
            "pids_stats": { "current": processes.iter().filter(|process| !process.is_dead).count() },
        }))
    }

    /// A container that runs.
    pub(super) fn container(&self, key: &ContainerKey) -> Option<Arc<Container>> {
        self.lock().containers.get(key).cloned()
    }

    /// Refuses what comes after [`Shared::close`].
    pub(super) fn check_open(&self) -> Result<(), StartError> {
        if self.lock().is_closed { Err(shutting_down()) } else { Ok(()) }
    }

    /// Lets nothing more start, and gives what runs.
    pub(super) fn close(&self) -> Vec<Arc<Container>> {
        let mut running = self.lock();
        running.is_closed = true;
        running.containers.values().cloned().collect()
    }

    /// Waits until nothing runs and nothing of it is left.
    pub(super) async fn all_ended(&self) {
        loop {
            let next = self.ends.notified();
            if self.lock().watched == 0 {
                return;
            }
            next.await;
        }
    }

    /// Everything of a start that may wait for the disk.
    fn make_ready(&self, plan: &ContainerPlan, runtime_id: &str) -> Result<Ready, StartError> {
        let definition = &plan.definition;
        command::check_user(definition)?;
        let arguments = command::words(definition, &self.commands)?;
        let home = self.files.add_container(&plan.task, definition)?;
        let claim = self.ports.take(&ports::wanted(definition, plan.task.network_mode))?;
        let environment = self.environment(plan, &home, &claim.bindings, runtime_id);
        let path = environment.get("PATH").map_or("", String::as_str);
        let name = arguments.first().map_or("", String::as_str);
        let program = command::locate(name, path, &home.working)?;
        let groups = match &self.cgroups {
            Ok(cgroups) => {
                cgroups.add_container(&plan.key.task.task, &start_name(&plan.key), limits(definition))
            }
            Err(_) => Ok(Vec::new()),
        };
        let groups = groups.map_err(|error| cannot_start(&format!("cannot limit the container: {error}")))?;
        let (stdout, stdout_pipe) = pipe().map_err(|error| cannot_start(&error.to_string()))?;
        let (stderr, stderr_pipe) = pipe().map_err(|error| cannot_start(&error.to_string()))?;
        let order = Order { program, arguments, environment, directory: home.working, groups };
        Ok(Ready { order, claim, stdout, stderr, pipes: [stdout_pipe, stderr_pipe] })
    }

    fn environment(
        &self,
        plan: &ContainerPlan,
        home: &Home,
        bindings: &[NetworkBinding],
        runtime_id: &str,
    ) -> BTreeMap<String, String> {
        let system = rustix::system::uname();
        let host_name =
            plan.definition.hostname.clone().unwrap_or(system.nodename().to_string_lossy().into_owned());
        let mut environment = BTreeMap::from([
            ("PATH".to_owned(), self.path.clone()),
            ("HOME".to_owned(), home.private.display().to_string()),
            ("HOSTNAME".to_owned(), host_name),
        ]);
        environment.extend(home.volumes.clone());
        environment.extend(plan.environment.clone());
        if let Some(port) = port_variable(environment.get("PORT").map(String::as_str), bindings) {
            environment.insert("PORT".to_owned(), port);
        }
        environment.insert(ENGINE_MARK.to_owned(), self.program.engine_id.clone());
        environment.insert(CONTAINER_MARK.to_owned(), format!("{}/{runtime_id}", self.program.engine_id));
        environment
    }

    /// Follows a container to its end, and reports it.
    async fn watch(
        self: Arc<Self>,
        container: Arc<Container>,
        mut ending: Ending,
        [stdout, stderr]: [Receiver; 2],
        claim: Claim,
        alive: watch::Sender<()>,
    ) {
        let key = container.key.clone();
        let (tell, ended) = oneshot::channel();
        let end = async {
            let exit_code = ending.exit_code().await;
            if exit_code.is_none() {
                left_over::kill_container(container.order.environment.get(CONTAINER_MARK)).await;
            }
            tell.send(()).ok();
            exit_code
        };
        let (exit_code, ()) = tokio::join!(end, report_lines(stdout, stderr, &key, &self.reports, ended));
        drop(alive);
        drop(claim);
        let reason = self.reason(&key, exit_code);
        self.lock().containers.remove(&key);
        let report = Report::Exited { key: key.clone(), exit_code, reason };
        self.reports.send(report).await.ok();
        ending.supervisor_gone().await;
        self.remove_group(key).await;
        self.lock().watched -= 1;
        self.ends.notify_waiters();
    }

    async fn remove_group(self: &Arc<Self>, key: ContainerKey) {
        let shared = Arc::clone(self);
        let removed = in_background(move || {
            if let Ok(cgroups) = &shared.cgroups {
                cgroups.remove_container(&key.task.task, &start_name(&key));
            }
            Ok(())
        });
        removed.await.ok();
    }

    /// ECS's words for an unusual end.
    fn reason(&self, key: &ContainerKey, exit_code: Option<i32>) -> Option<String> {
        match (exit_code, &self.cgroups) {
            (None, _) => Some("ContainerRuntimeError: the container's supervisor was killed".to_owned()),
            (Some(KILLED), Ok(cgroups)) if cgroups.ran_out_of_memory(&key.task.task, &start_name(key)) => {
                Some("OutOfMemoryError: Container killed due to memory usage".to_owned())
            }
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `PORT` that tells a program where to listen: the host port of the container port that it asked for, or, when
/// it did not ask, of its first. A `PORT` that is something else stays.
fn port_variable(own: Option<&str>, bindings: &[NetworkBinding]) -> Option<String> {
    let is_asked_for = |binding: &&NetworkBinding| match own {
        Some(own) => binding.container_port.is_some_and(|port| port.to_string() == own),
        None => true,
    };
    bindings.iter().find(is_asked_for)?.host_port.map(|port| port.to_string())
}

fn limits(definition: &ContainerDefinition) -> Limits {
    let positive = |number: Option<i32>| {
        number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
    };
    Limits {
        memory_mib: positive(definition.memory),
        cpu_shares: Some(positive(definition.cpu).unwrap_or(0)),
        cpu_cap: None,
    }
}

/// What one start of a container is called among those of its task.
fn start_name(key: &ContainerKey) -> String {
    format!("{}.{}", key.name, key.attempt)
}

/// A pipe from a container: its end, and ours.
fn pipe() -> io::Result<(Stdio, Receiver)> {
    let (reader, writer) = io::pipe()?;
    Ok((Stdio::from(writer), Receiver::from_owned_fd(OwnedFd::from(reader))?))
}

fn shutting_down() -> StartError {
    cannot_start("the engine is shutting down")
}

fn cannot_start(why: &str) -> StartError {
    StartError(format!("CannotStartContainerError: {why}"))
}

#[cfg(test)]
mod tests {
    use longshore_model::network::TransportProtocol;

    use super::*;

    #[test]
    fn port_is_the_host_port_of_the_port_that_is_meant() {
        let binding = |container_port, host_port| NetworkBinding {
            bind_ip: "127.0.0.1".to_owned(),
            container_port: Some(container_port),
            host_port: Some(host_port),
            protocol: TransportProtocol::Tcp,
        };
        let bindings = [binding(80, 40_001), binding(443, 40_002)];
        assert_eq!(port_variable(None, &bindings).as_deref(), Some("40001"));
        assert_eq!(port_variable(Some("443"), &bindings).as_deref(), Some("40002"));
        assert_eq!(port_variable(Some("9000"), &bindings), None);
        assert_eq!(port_variable(None, &[]), None);
    }
}
