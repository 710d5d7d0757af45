//! An engine's place: a runtime of its own on the daemon, and what it reported.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Once};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
};
use futures_util::{FutureExt as _, TryStreamExt as _};
use longshore_engine::runtime::docker::{DockerOptions, DockerRuntime};
use longshore_engine::runtime::{
    ContainerKey, ContainerPlan, LINES_PER_REPORT, LogLine, REPORTS_LIMIT, Report, Runtime as _, StartError,
    Started, TaskKey, TaskPlan,
};
use longshore_model::Timestamp;
use longshore_model::network::NetworkMode;
use longshore_model::task_definition::{TaskDefinition, TaskDefinitionStatus, TaskSpec};
use serde_json::{Value, json};
use tokio::sync::{OnceCell, mpsc};
use tokio::time::timeout;

/// Nothing that a test waits for takes longer, even on a machine that is busy with other tests.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) const IMAGE: &str = "longshore-test/busybox:1";
const APPLETS: [&str; 15] = [
    "sh", "true", "sleep", "echo", "cat", "nc", "httpd", "wget", "printf", "seq", "kill", "id", "ls",
    "touch", "env",
];

/// A runtime, and what it reported so far.
pub(crate) struct Engine {
    pub(crate) runtime: DockerRuntime,
    pub(crate) id: String,
    inbox: mpsc::Receiver<Report>,
    lines: HashMap<ContainerKey, Vec<LogLine>>,
    ends: HashMap<ContainerKey, (Option<i32>, Option<String>)>,
}

/// How a container ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) exit_code: Option<i32>,
    pub(crate) reason: Option<String>,
    pub(crate) lines: Vec<String>,
}

/// Runs a test with an engine of its own, and leaves nothing behind; says so once when there is no Docker.
pub(crate) async fn with_engine(test: impl AsyncFnOnce(&mut Engine)) {
    static SKIPPED: Once = Once::new();
    let mut engine = match Engine::connect(unique()).await {
        Ok(engine) => engine,
        Err(reason) => {
            // Not by print!, which the test harness would keep to itself.
            return SKIPPED.call_once(|| {
                writeln!(std::io::stdout(), "SKIPPED docker runtime: {reason}").expect("stdout is open");
            });
        }
    };
    let outcome = AssertUnwindSafe(test(&mut engine)).catch_unwind().await;
    engine.runtime.shutdown().await;
    outcome.unwrap_or_else(|panic| resume_unwind(panic));
}

impl Engine {
    pub(crate) async fn connect(id: String) -> Result<Self, String> {
        static IMAGE_IS_THERE: OnceCell<()> = OnceCell::const_new();
        let host = std::env::var_os("DOCKER_HOST").and_then(|host| host.into_string().ok());
        let (reports, inbox) = mpsc::channel(REPORTS_LIMIT);
        let options = DockerOptions { engine: id.clone(), host };
        let runtime = DockerRuntime::connect(options, reports).await.map_err(|reason| reason.to_string())?;
        if !is_static(Path::new("/bin/busybox")) {
            return Err("there is no static /bin/busybox to make an image from".to_owned());
        }
        IMAGE_IS_THERE.get_or_init(make_image).await;
        Ok(Self { runtime, id, inbox, lines: HashMap::new(), ends: HashMap::new() })
    }

    /// Prepares a task and starts its only container.
    pub(crate) async fn run(&self, container: Value) -> ContainerKey {
        let task = task(json!({ "containerDefinitions": [container] }));
        self.runtime.prepare(&task).await.expect("prepared");
        self.start(&task, "app").await.expect("started");
        key(&task, "app")
    }

    pub(crate) async fn start(&self, task: &Arc<TaskPlan>, name: &str) -> Result<Started, StartError> {
        self.runtime.start(container(task, name)).await
    }

    /// Waits for a container's end.
    pub(crate) async fn end(&mut self, key: &ContainerKey) -> Ended {
        while !self.ends.contains_key(key) {
            self.read_report().await;
        }
        let (exit_code, reason) = self.ends.remove(key).expect("the loop waited for it");
        let lines = self.lines.remove(key).unwrap_or_default();
        Ended { exit_code, reason, lines: lines.into_iter().map(|line| line.text).collect() }
    }

    /// Waits until a container has printed a line that begins so.
    pub(crate) async fn line(&mut self, key: &ContainerKey, begin: &str) {
        while !self.lines(key).iter().any(|line| line.text.starts_with(begin)) {
            assert!(
                !self.ends.contains_key(key),
                "ended without {begin:?}: {:?} {:?}",
                self.ends,
                self.lines
            );
            self.read_report().await;
        }
    }

    /// The lines that a container has printed so far.
    pub(crate) fn lines(&self, key: &ContainerKey) -> &[LogLine] {
        self.lines.get(key).map_or(&[], Vec::as_slice)
    }

    async fn read_report(&mut self) {
        let report =
            timeout(LIMIT, self.inbox.recv()).await.expect("a report in time").expect("the runtime lives");
        match report {
            Report::Lines(key, lines) => {
                assert!(!self.ends.contains_key(&key), "lines after the end");
                assert!((1..=LINES_PER_REPORT).contains(&lines.len()));
                self.lines.entry(key).or_default().extend(lines);
            }
            Report::Exited { key, exit_code, reason } => {
                let former = self.ends.insert(key, (exit_code, reason));
                assert_eq!(former, None, "a container ends once");
            }
        }
    }

    /// How many containers the daemon has of this engine.
    pub(crate) async fn container_count(&self) -> usize {
        let label = format!("longshore.engine={}", self.id);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&HashMap::from([("label", vec![label])]))
            .build();
        docker().list_containers(Some(options)).await.expect("a list").len()
    }
}

/// The daemon, without the runtime.
pub(crate) fn docker() -> Docker {
    Docker::connect_with_defaults().expect("a daemon that answered before")
}

pub(crate) async fn is_present(id: &str) -> bool {
    docker().inspect_container(id, None::<InspectContainerOptions>).await.is_ok()
}

/// 32 hexadecimal digits.
pub(crate) fn unique() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}

/// A task from the JSON of its definition; its containers without an image get BusyBox.
pub(crate) fn task(spec: Value) -> Arc<TaskPlan> {
    task_with(spec, |_| {})
}

pub(crate) fn task_with(spec: Value, change: impl FnOnce(&mut TaskPlan)) -> Arc<TaskPlan> {
    let mut spec: TaskSpec = serde_json::from_value(spec).expect("a task definition");
    for container in spec.container_definitions.iter_mut().filter(|container| container.image.is_empty()) {
        IMAGE.clone_into(&mut container.image);
    }
    let definition = TaskDefinition {
        task_definition_arn: "arn:aws:ecs:eu-west-1:123456789012:task-definition/test:1".into(),
        revision: 1,
        status: TaskDefinitionStatus::Active,
        requires_attributes: None,
        compatibilities: Vec::new(),
        registered_at: serde_json::from_value::<Timestamp>(json!(0)).expect("a time"),
        registered_by: None,
        deregistered_at: None,
        delete_requested_at: None,
        spec,
    };
    let mut plan = TaskPlan {
        key: TaskKey { account: "123456789012".into(), region: "eu-west-1".into(), task: unique() },
        cluster: "default".into(),
        network_mode: definition.spec.network_mode.unwrap_or(NetworkMode::Bridge),
        directories: BTreeMap::new(),
        cpu: None,
        memory_mib: None,
        definition: Arc::new(definition),
    };
    change(&mut plan);
    Arc::new(plan)
}

pub(crate) fn key(task: &TaskPlan, name: &str) -> ContainerKey {
    ContainerKey { task: task.key.clone(), name: name.to_owned(), attempt: 0 }
}

/// A container of a task, about to start.
pub(crate) fn container(task: &Arc<TaskPlan>, name: &str) -> ContainerPlan {
    let containers = &task.definition.spec.container_definitions;
    let definition = containers.iter().find(|container| container.name == name).expect("a container").clone();
    let environment = definition.environment.iter().flatten();
    ContainerPlan {
        key: key(task, name),
        task: Arc::clone(task),
        environment: environment
            .map(|pair| (pair.name.clone().unwrap_or_default(), pair.value.clone().unwrap_or_default()))
            .collect(),
        definition,
    }
}

/// A container named `app` that runs a shell line.
pub(crate) fn shell(line: &str) -> Value {
    json!({ "name": "app", "entryPoint": ["/bin/sh", "-c"], "command": [line] })
}

/// Whether a program runs in an image that has no C library.
fn is_static(program: &Path) -> bool {
    Command::new("ldd").arg(program).output().is_ok_and(|told| {
        String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).contains("not a dynamic")
    })
}

async fn make_image() {
    if docker().inspect_image(IMAGE).await.is_ok() {
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    let programs = root.path().join("bin");
    fs_err::create_dir(&programs).expect("a folder");
    fs_err::copy("/bin/busybox", programs.join("busybox")).expect("a copy");
    for applet in APPLETS {
        std::os::unix::fs::symlink("busybox", programs.join(applet)).expect("a link");
    }
    let tar = Command::new("tar").args(["-c", "-C"]).arg(root.path()).arg(".").output().expect("tar runs");
    let (repository, tag) = IMAGE.split_once(':').expect("a tag");
    let options = CreateImageOptionsBuilder::new().from_src("-").repo(repository).tag(tag).build();
    let docker = docker();
    let import = docker.create_image(Some(options), Some(bollard::body_full(tar.stdout.into())), None);
    import.try_collect::<Vec<_>>().await.expect("an image");
}
