//! What an engine left behind: found by the mark in its environment, and ended.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use super::launch::SUPERVISOR_MARK;
use super::{in_background, tree};

/// In every container's environment: which engine's it is.
pub(super) const ENGINE_MARK: &str = "LONGSHORE_ENGINE";

/// In every container's environment: which start of a container it is, `ENGINE/RUNTIME_ID`.
pub(super) const CONTAINER_MARK: &str = "LONGSHORE_CONTAINER";

/// How long processes may take to end. Supervisors whose engine is gone end by themselves.
const END_LIMIT: Duration = Duration::from_secs(5);

/// How often killing is repeated for what was started meanwhile.
const ROUNDS: usize = 100;

/// Ends everything of an engine that is gone. Supervisors are left time to end their containers: they also know
/// the processes that have cleared their environment.
pub(super) async fn end_all(engine: &str) {
    let mark = format!("{SUPERVISOR_MARK}={engine}");
    let supervisors = in_background(move || tree::marked(&mark)).await.unwrap_or_default();
    ended(supervisors).await;
    kill(format!("{SUPERVISOR_MARK}={engine}")).await;
    kill(format!("{ENGINE_MARK}={engine}")).await;
}

/// Kills everything of a container whose supervisor is gone.
pub(super) async fn kill_container(mark: Option<&String>) {
    if let Some(mark) = mark {
        kill(format!("{CONTAINER_MARK}={mark}")).await;
    }
}

async fn kill(mark: String) {
    for _ in 0..ROUNDS {
        let mark = mark.clone();
        match in_background(move || tree::kill_marked(&mark)).await {
            Ok(killed) if !killed.is_empty() => ended(killed).await,
            _ => return,
        }
    }
    tracing::warn!(mark, "processes go on starting others while they are killed");
}

async fn ended(processes: Vec<OwnedFd>) {
    let all = async {
        for process in processes {
            wait_for(process).await.ok();
        }
    };
    if timeout(END_LIMIT, all).await.is_err() {
        tracing::warn!("some processes of an earlier engine did not end in {END_LIMIT:?}");
    }
}

/// A pidfd can be read once its process has ended.
async fn wait_for(process: OwnedFd) -> io::Result<()> {
    #[expect(
        deprecated,
        reason = "an OwnedFd cannot be closed by others, which is what the new constructor asks for"
    )]
    AsyncFd::with_interest(process, Interest::READABLE)?.readable().await.map(drop)
}
