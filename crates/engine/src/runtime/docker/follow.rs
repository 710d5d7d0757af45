//! A started container is followed until it has ended: its lines and then its end become reports.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::ContainerState;
use bollard::query_parameters::{
    InspectContainerOptions, LogsOptions, LogsOptionsBuilder, WaitContainerOptionsBuilder,
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Daemon;
use super::output::Output;
use super::words::is_absent;
use crate::runtime::{ContainerKey, LINES_PER_REPORT, Report};

/// How long a log that gives nothing more is waited for after its container has ended.
const LOG_END_LIMIT: Duration = Duration::from_secs(5);

/// How many messages at a log's end are compared with what was read.
const TAIL_MESSAGES: usize = 64;

/// How often a daemon that went away is looked for, and how long we rest between: ten minutes in all.
const RECONNECTS: u32 = 600;
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// How a container ended.
struct End {
    exit_code: Option<i32>,
    reason: Option<String>,
}

impl Daemon {
    /// Reports the container's lines from `lines_stored` on, and then its end.
    pub(super) async fn follow(self: Arc<Self>, key: ContainerKey, id: String, lines_stored: u64) {
        let (ended, has_ended) = watch::channel(false);
        let lines = self.report_lines(&key, &id, lines_stored, has_ended);
        let end = async {
            let end = self.end(&id).await;
            ended.send_replace(true);
            end
        };
        let ((), end) = tokio::join!(lines, end);
        let report = Report::Exited { key, exit_code: end.exit_code, reason: end.reason };
        // As in `report`.
        drop(self.reports.send(report).await);
    }

    /// Reads the log again from its start when the daemon was away meanwhile; what was reported is left out by count.
    async fn report_lines(
        &self,
        key: &ContainerKey,
        id: &str,
        mut reported: u64,
        ended: watch::Receiver<bool>,
    ) {
        for _ in 0..RECONNECTS {
            let mut output = Output::after(reported);
            let read = self.read_log(key, id, &mut output, ended.clone()).await;
            let is_removed = matches!(&read, Err(error) if is_absent(error));
            if matches!(read, Ok(true)) || is_removed {
                output.finish();
                self.report(key, &mut output).await;
                return;
            }
            tracing::warn!(container = id, "the log broke off");
            reported = output.first();
            sleep(RECONNECT_PAUSE).await;
        }
    }

    /// Whether the log was read to the end of a container that has ended.
    async fn read_log(
        &self,
        key: &ContainerKey,
        id: &str,
        output: &mut Output,
        mut ended: watch::Receiver<bool>,
    ) -> Result<bool, Error> {
        let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).timestamps(true);
        self.read_frames(key, id, options.build(), output, &ended).await?;
        if timeout(LOG_END_LIMIT, ended.wait_for(|ended| *ended)).await.is_err() {
            return Ok(false);
        }
        // Docker 20.10 often leaves out the last line of a log that it follows, if that has no line end.
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true);
        let tail = options.clone().tail(&TAIL_MESSAGES.to_string()).build();
        let tail: Vec<_> = timeout(LOG_END_LIMIT, self.docker.logs(id, Some(tail)).try_collect())
            .await
            .unwrap_or(Err(Error::RequestTimeoutError))?;
        if !output.push_rest(&tail, TAIL_MESSAGES) {
            *output = Output::after(output.first());
            self.read_frames(key, id, options.build(), output, &ended).await?;
        }
        Ok(true)
    }

    async fn read_frames(
        &self,
        key: &ContainerKey,
        id: &str,
        options: LogsOptions,
        output: &mut Output,
        ended: &watch::Receiver<bool>,
    ) -> Result<(), Error> {
        // What is there goes out at once; what comes faster than it is stored goes out together.
        let mut frames = pin!(self.docker.logs(id, Some(options)).ready_chunks(LINES_PER_REPORT));
        loop {
            let ready = tokio::select! {
                ready = frames.next() => ready,
                () = silence_after(ended.clone()) => None,
            };
            let Some(ready) = ready else { return Ok(()) };
            let read = ready.into_iter().try_for_each(|frame| frame.map(|frame| output.push(frame)));
            self.report(key, output).await;
            read?;
        }
    }

    async fn report(&self, key: &ContainerKey, output: &mut Output) {
        let mut lines = output.take().into_iter().peekable();
        while lines.peek().is_some() {
            let some = lines.by_ref().take(LINES_PER_REPORT).collect();
            // An engine that takes no more reports is shutting down.
            drop(self.reports.send(Report::Lines(key.clone(), some)).await);
        }
    }

    /// Waits for the container's end, and for a daemon that went away.
    async fn end(&self, id: &str) -> End {
        for _ in 0..RECONNECTS {
            let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
            let waited = pin!(self.docker.wait_container(id, Some(options))).next().await;
            let code = match waited {
                Some(Ok(end)) => Some(end.status_code),
                // An exit code other than 0 comes as an error.
                Some(Err(Error::DockerContainerWaitError { code, .. })) => Some(code),
                Some(Err(_)) | None => None,
            };
            match self.docker.inspect_container(id, None::<InspectContainerOptions>).await {
                Ok(inspected) => {
                    let state = inspected.state.unwrap_or_default();
                    if code.is_some() || state.running == Some(false) {
                        return how_it_ended(code, &state);
                    }
                }
                // Removed as soon as it had ended, by us when we shut down or by somebody else.
                Err(error) if is_absent(&error) => return how_it_vanished(code),
                Err(error) => tracing::warn!(container = id, %error, "the daemon went away"),
            }
            sleep(RECONNECT_PAUSE).await;
        }
        End {
            exit_code: None,
            reason: Some("DockerStateError: the Docker daemon does not answer".to_owned()),
        }
    }
}

/// Ends when the container has ended and so long a time has passed since.
async fn silence_after(mut ended: watch::Receiver<bool>) {
    // The sender is dropped only after it has told, so that this cannot fail before.
    drop(ended.wait_for(|ended| *ended).await);
    sleep(LOG_END_LIMIT).await;
}

fn how_it_ended(code: Option<i64>, state: &ContainerState) -> End {
    let reason = if state.oom_killed == Some(true) {
        Some("OutOfMemoryError: Container killed due to memory usage".to_owned())
    } else {
        state
            .error
            .as_ref()
            .filter(|error| !error.is_empty())
            .map(|error| format!("DockerStateError: {error}"))
    };
    let exit_code = code.or(state.exit_code).and_then(|code| i32::try_from(code).ok());
    End { exit_code, reason }
}

fn how_it_vanished(code: Option<i64>) -> End {
    match code.and_then(|code| i32::try_from(code).ok()) {
        Some(code) => End { exit_code: Some(code), reason: None },
        None => End {
            exit_code: None,
            reason: Some("ContainerVanishedError: No container matching saved ID found".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_an_unusual_end_is_told() {
        let state = |oom: bool, error: &str| ContainerState {
            oom_killed: Some(oom),
            error: Some(error.to_owned()),
            exit_code: Some(137),
            ..Default::default()
        };
        let told = |code, state| {
            let end = how_it_ended(code, &state);
            (end.exit_code, end.reason)
        };
        assert_eq!(told(Some(0), state(false, "")), (Some(0), None));
        let out_of_memory = "OutOfMemoryError: Container killed due to memory usage".to_owned();
        assert_eq!(told(None, state(true, "x")), (Some(137), Some(out_of_memory)));
        assert_eq!(told(Some(128), state(false, "x")), (Some(128), Some("DockerStateError: x".into())));
        assert_eq!(how_it_vanished(Some(137)).exit_code, Some(137));
        assert!(
            how_it_vanished(None).reason.is_some_and(|reason| reason.starts_with("ContainerVanishedError: "))
        );
    }
}
