//! A process runtime of a test's own, and what it reported.

use std::time::Duration;

use longshore_engine::runtime::process::{ProcessOptions, ProcessRuntime};
use longshore_engine::runtime::{
    ContainerKey, ContainerPlan, LogLine, REPORTS_LIMIT, Report, Runtime, Started,
};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// The program that is a supervisor when told to.
pub(crate) const HELPER: &str = env!("CARGO_BIN_EXE_process-runtime-helper");

/// What a test waits for takes milliseconds; this only keeps a broken one from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime with a state directory of its own.
pub(crate) struct Engine {
    pub(crate) runtime: ProcessRuntime,
    pub(crate) reported: mpsc::Receiver<Report>,
    pub(crate) state: TempDir,
    id: String,
}

/// How a container ended.
pub(crate) struct Ended {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) reason: Option<String>,
}

impl Ended {
    pub(crate) fn texts(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.text.clone()).collect()
    }
}

impl Engine {
    pub(crate) fn new(name: &str) -> Self {
        Self::in_state(name, tempfile::tempdir().unwrap())
    }

    /// An engine as it was, or as it is to be, in a state directory.
    pub(crate) fn in_state(name: &str, state: TempDir) -> Self {
        let (reports, reported) = mpsc::channel(REPORTS_LIMIT);
        let options = ProcessOptions {
            state: state.path().to_owned(),
            engine_id: engine_id(name),
            supervisor: HELPER.into(),
            supervisor_arguments: vec!["supervise".to_owned()],
            path: "/usr/local/bin:/usr/bin:/bin".to_owned(),
            commands: [("greeter".to_owned(), vec!["echo".to_owned(), "hello".to_owned()])].into(),
        };
        Self { runtime: ProcessRuntime::new(options, reports), reported, state, id: engine_id(name) }
    }

    pub(crate) async fn start(&self, plan: &ContainerPlan) -> Started {
        self.runtime.prepare(&plan.task).await.unwrap();
        self.runtime.start(plan.clone()).await.unwrap()
    }

    pub(crate) async fn refusal(&self, plan: ContainerPlan) -> String {
        self.runtime.prepare(&plan.task).await.unwrap();
        self.runtime.start(plan).await.unwrap_err().0
    }

    /// Runs a container to its end.
    pub(crate) async fn run(&mut self, plan: ContainerPlan) -> Ended {
        self.start(&plan).await;
        self.end(&plan.key).await
    }

    /// Shuts the engine down, which must leave nothing.
    pub(crate) async fn close(&self) {
        self.runtime.shutdown().await;
        assert!(!self.state.path().join("tasks").exists());
        let group = format!("longshore-{}", self.id);
        assert_eq!(find(std::path::Path::new("/sys/fs/cgroup"), &group, 6), None, "a control group is left");
    }

    /// Waits for a line; gives those before it.
    pub(crate) async fn line(&mut self, key: &ContainerKey, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while !seen.iter().any(|line| line == text) {
            match self.report().await {
                Report::Lines(of, lines) if of == *key => {
                    seen.extend(lines.into_iter().map(|line| line.text))
                }
                Report::Lines(..) => {}
                other => panic!("no line {text:?} but {other:?}"),
            }
        }
        seen
    }

    /// Waits for a container's end; its lines since the last wait come first.
    pub(crate) async fn end(&mut self, key: &ContainerKey) -> Ended {
        let mut all = Vec::new();
        loop {
            match self.report().await {
                Report::Lines(of, lines) if of == *key => all.extend(lines),
                Report::Exited { key: of, exit_code, reason } if of == *key => {
                    return Ended { lines: all, exit_code, reason };
                }
                _ => {}
            }
        }
    }

    async fn report(&mut self) -> Report {
        timeout(PATIENCE, self.reported.recv()).await.expect("nothing was reported").unwrap()
    }
}

/// A directory of this name, at most so deep.
fn find(below: &std::path::Path, name: &str, depth: u8) -> Option<std::path::PathBuf> {
    let mut directories =
        fs_err::read_dir(below).ok()?.flatten().map(|entry| entry.path()).filter(|it| it.is_dir());
    directories.find_map(|directory| match directory.file_name() {
        Some(found) if found == name => Some(directory),
        _ if depth > 0 => find(&directory, name, depth - 1),
        _ => None,
    })
}

/// An id that no other test, and no other run of the tests, has.
pub(crate) fn engine_id(name: &str) -> String {
    format!("{name}{}", std::process::id())
}

/// Whether a process exists and has not ended.
pub(crate) fn is_alive(process: i32) -> bool {
    let stat = fs_err::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

/// Waits until a process has ended.
pub(crate) async fn gone(process: i32) {
    let ended = async {
        while is_alive(process) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, ended).await.unwrap_or_else(|_| panic!("process {process} is still there"));
}
