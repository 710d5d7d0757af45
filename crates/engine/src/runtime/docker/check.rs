//! A health check: a command that is run in a container.

use std::time::Duration;

use bollard::errors::Error;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use futures_util::StreamExt as _;
use tokio::time::{sleep, timeout};

use super::Daemon;

/// Docker ends a command's output a moment before it knows the exit code; no stream tells when it does.
const EXIT_CODE_PAUSE: Duration = Duration::from_millis(5);

impl Daemon {
    /// Whether the command exits with 0 in the container within the limit.
    pub(super) async fn check(&self, id: &str, command: &[String], limit: Duration) -> bool {
        let Some(words) = words(command) else { return false };
        match timeout(limit, self.exit_code(id, words)).await {
            Ok(Ok(code)) => code == 0,
            Ok(Err(error)) => {
                tracing::debug!(container = id, %error, "a health check could not run");
                false
            }
            Err(_) => false,
        }
    }

    async fn exit_code(&self, id: &str, words: Vec<String>) -> Result<i64, Error> {
        let config = ExecConfig {
            cmd: Some(words),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..Default::default()
        };
        let exec = self.docker.create_exec(id, config).await?.id;
        if let StartExecResults::Attached { mut output, .. } = self.docker.start_exec(&exec, None).await? {
            while output.next().await.transpose()?.is_some() {}
        }
        loop {
            if let Some(code) = self.docker.inspect_exec(&exec).await?.exit_code {
                return Ok(code);
            }
            sleep(EXIT_CODE_PAUSE).await;
        }
    }
}

/// The command to run: `["CMD", ..]` as it is, `["CMD-SHELL", line]` by a shell.
fn words(command: &[String]) -> Option<Vec<String>> {
    match command {
        [kind, words @ ..] if kind == "CMD" && !words.is_empty() => Some(words.to_vec()),
        [kind, line] if kind == "CMD-SHELL" => {
            Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_run_by_a_shell_and_words_as_they_are() {
        let given = |command: &[&str]| words(&command.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(given(&["CMD", "curl", "-f"]), Some(vec!["curl".into(), "-f".into()]));
        assert_eq!(
            given(&["CMD-SHELL", "a || b"]),
            Some(vec!["/bin/sh".into(), "-c".into(), "a || b".into()])
        );
        assert_eq!(given(&["CMD"]), None);
        assert_eq!(given(&["NONE"]), None);
    }
}
