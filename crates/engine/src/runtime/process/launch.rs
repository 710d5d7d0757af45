//! The engine's end of a supervisor: starting it, telling it to end the container, hearing how that ended.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::control::{Answer, Order};

/// How long a supervisor may take to start its container.
const START_LIMIT: Duration = Duration::from_secs(30);

/// In every supervisor's environment: which engine's it is.
pub(super) const SUPERVISOR_MARK: &str = "LONGSHORE_SUPERVISOR";

/// The program that is a supervisor.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) engine_id: String,
}

/// What runs under a supervisor. Dropping [`Orders`] kills it.
pub(super) struct Supervised {
    /// To say what is to happen.
    pub(super) orders: Orders,
    /// To hear how it ended.
    pub(super) ending: Ending,
    /// The supervisor's number.
    pub(super) pid: i32,
}

/// The way to a supervisor.
#[derive(Debug)]
pub(super) struct Orders(OwnedWriteHalf);

/// The way from a supervisor.
#[derive(Debug)]
pub(super) struct Ending {
    answers: Lines<BufReader<OwnedReadHalf>>,
    supervisor: Child,
}

impl Program {
    /// Starts a supervisor and, through it, what the order says; an error is a sentence about why not.
    pub(super) async fn launch(
        &self,
        order: &Order,
        stdout: Stdio,
        stderr: Stdio,
    ) -> Result<Supervised, String> {
        let started = timeout(START_LIMIT, self.start(order, stdout, stderr)).await;
        started.unwrap_or_else(|_| Err(format!("its supervisor did not start it in {START_LIMIT:?}")))
    }

    async fn start(&self, order: &Order, stdout: Stdio, stderr: Stdio) -> Result<Supervised, String> {
        let failed =
            |error: io::Error| format!("cannot start the supervisor {}: {error}", self.path.display());
        let (supervisor, socket) = self.spawn(stdout, stderr).map_err(failed)?;
        let pid = supervisor.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        let (answers, mut orders) = socket.into_split();
        let mut line = serde_json::to_vec(order).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        orders.write_all(&line).await.map_err(failed)?;
        let mut ending = Ending { answers: BufReader::new(answers).lines(), supervisor };
        match ending.answer().await {
            Some(Answer::Started) => Ok(Supervised { orders: Orders(orders), ending, pid }),
            Some(Answer::Failed(message)) => Err(message),
            _ => Err(format!("the supervisor {} ended at once", self.path.display())),
        }
    }

    /// The supervisor gets nothing of the engine's environment: it could end up in the container's.
    fn spawn(&self, stdout: Stdio, stderr: Stdio) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).env_clear().env(SUPERVISOR_MARK, &self.engine_id);
        command.stdin(OwnedFd::from(theirs)).stdout(stdout).stderr(stderr);
        Ok((command.spawn()?, UnixStream::from_std(ours)?))
    }
}

impl Orders {
    /// Sends an order. A supervisor that is gone is fine.
    pub(super) async fn send(&self, order: u8) {
        while self.0.writable().await.is_ok() {
            match self.0.try_write(&[order]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => return,
            }
        }
    }
}

impl Ending {
    /// Waits for the end: the exit code, or nothing when the supervisor itself ended before it could tell.
    pub(super) async fn exit_code(&mut self) -> Option<i32> {
        match self.answer().await {
            Some(Answer::Exited(code)) => Some(code),
            _ => None,
        }
    }

    /// Waits until the supervisor, too, is gone.
    pub(super) async fn supervisor_gone(&mut self) {
        self.supervisor.wait().await.ok();
    }

    async fn answer(&mut self) -> Option<Answer> {
        let line = self.answers.next_line().await.ok()??;
        serde_json::from_str(&line).ok()
    }
}
