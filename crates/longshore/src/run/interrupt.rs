//! Why a run is stopped before its task is over: Ctrl-C, SIGTERM, or its own deadline.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// What ends a run early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    CtrlC,
    Terminated,
    TimedOut(Duration),
}

impl Cause {
    /// The exit code: as a shell has it for the signal, and as timeout(1) has it for a deadline.
    pub(crate) const fn exit(self) -> u8 {
        match self {
            Self::CtrlC => 130,
            Self::Terminated => 143,
            Self::TimedOut(_) => 124,
        }
    }

    /// In words that complete "stopped ...".
    pub(crate) fn words(self) -> String {
        match self {
            Self::CtrlC => "on Ctrl-C".to_owned(),
            Self::Terminated => "on SIGTERM".to_owned(),
            Self::TimedOut(after) => format!("after --timeout {}", humantime::format_duration(after)),
        }
    }

    /// What the task's stoppedReason says: who stopped it and why.
    pub(crate) fn reason(self, who: &str) -> String {
        format!("Stopped by longshore run ({who}) {}", self.words())
    }
}

/// Waits for the first cause, and for the next ones.
#[derive(Debug)]
pub(crate) struct Interrupts {
    ctrl_c: Signal,
    terminate: Signal,
    deadline: Option<(Instant, Duration)>,
}

impl Interrupts {
    /// From here on the signals no longer end the process by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            ctrl_c: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            deadline: None,
        })
    }

    /// Starts the clock of `--timeout`.
    pub(crate) fn time_out_after(&mut self, timeout: Option<Duration>) {
        self.deadline = timeout.and_then(|timeout| Some((Instant::now().checked_add(timeout)?, timeout)));
    }

    /// The next cause. Nothing is lost when the wait is given up. A deadline comes once.
    pub(crate) async fn next(&mut self) -> Cause {
        let deadline = self.deadline;
        let timed_out = async move {
            match deadline {
                Some((at, after)) => {
                    tokio::time::sleep_until(at).await;
                    Cause::TimedOut(after)
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.ctrl_c.recv() => Cause::CtrlC,
            _ = self.terminate.recv() => Cause::Terminated,
            cause = timed_out => {
                self.deadline = None;
                cause
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn words_and_codes() {
        let timeout = Cause::TimedOut(Duration::from_secs(90));
        assert_eq!(
            timeout.reason("ann@build-1"),
            "Stopped by longshore run (ann@build-1) after --timeout 1m 30s"
        );
        assert_eq!(Cause::CtrlC.reason("ann"), "Stopped by longshore run (ann) on Ctrl-C");
        assert_eq!([Cause::CtrlC.exit(), Cause::Terminated.exit(), timeout.exit()], [130, 143, 124]);
    }

    #[tokio::test]
    async fn a_deadline_comes_once() {
        let timeout = Duration::from_millis(1);
        let mut interrupts = Interrupts::listen().unwrap();
        interrupts.time_out_after(Some(timeout));
        assert_eq!(interrupts.next().await, Cause::TimedOut(timeout));
        assert_eq!(interrupts.deadline, None);
        assert_eq!(interrupts.next().now_or_never(), None);
    }
}
