//! Health checks: asks targets again and again, and tells when one becomes healthy or unhealthy.

mod count;
mod probe;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use count::{Count, Thresholds};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::tls::{self, ClientConfig};

/// What is asked of a target of a group, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The group.
    pub group: String,
    /// The target.
    pub target: String,
    /// Where the target listens for checks.
    pub address: SocketAddr,
    /// What is asked.
    pub probe: Probe,
    /// From the start of a check to the start of the next.
    pub interval: Duration,
    /// The same, until the target has been healthy once: shorter, when somebody waits for that.
    pub first_interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many checks in a row decide.
    pub thresholds: Thresholds,
}

/// What a check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// That the target accepts a connection.
    Tcp,
    /// That it answers a GET with one of these codes.
    Http {
        /// Over TLS, with whatever certificate.
        tls: bool,
        /// The path, with its query.
        path: String,
        /// The codes.
        codes: Codes,
    },
}

/// HTTP codes, written `200-299,301`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes(Vec<(u16, u16)>);

impl Codes {
    /// Whether a code is among them.
    pub fn contains(&self, code: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&code))
    }
}

/// What is no list of codes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no list of HTTP codes; write it as 200 or 200-299,301")]
pub struct NoCodes(String);

impl FromStr for Codes {
    type Err = NoCodes;

    fn from_str(text: &str) -> Result<Self, NoCodes> {
        let wrong = || NoCodes(text.to_owned());
        let code = |text: &str| text.parse().ok().filter(|code| (100..=599).contains(code)).ok_or_else(wrong);
        let ranges = text.split(',').map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (code(first.trim())?, code(last.trim())?);
            if first > last { Err(wrong()) } else { Ok((first, last)) }
        });
        ranges.collect::<Result<_, _>>().map(Self)
    }
}

/// What checks have shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The target answers as it should.
    Healthy,
    /// It does not.
    Unhealthy(Reason),
}

/// Why a check failed. `Display` is the description that Elastic Load Balancing gives (API reference, TargetHealth).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No answer in time.
    Timeout,
    /// An answer with another code.
    Mismatch(u16),
    /// No connection, or no HTTP.
    Failed,
}

impl Reason {
    /// Elastic Load Balancing's code for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Timeout => "Target.Timeout",
            Self::Mismatch(_) => "Target.ResponseCodeMismatch",
            Self::Failed => "Target.FailedHealthChecks",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => out.write_str("Request timed out"),
            Self::Mismatch(code) => write!(out, "Health checks failed with these codes: [{code}]"),
            Self::Failed => out.write_str("Health checks failed"),
        }
    }
}

/// A target has become healthy or unhealthy, or is unhealthy for another reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The group.
    pub group: String,
    /// The target.
    pub target: String,
    /// What it is now.
    pub health: Health,
}

/// The checks that run. They end when this is dropped.
#[derive(Debug)]
pub struct HealthChecks {
    tls: Arc<ClientConfig>,
    tell: mpsc::UnboundedSender<Transition>,
    running: Mutex<HashMap<(String, String, SocketAddr), Running>>,
}

#[derive(Debug)]
struct Running {
    check: watch::Sender<Check>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HealthChecks {
    /// Begins without a check. What the checks find comes out of the receiver.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn start() -> std::io::Result<(Self, mpsc::UnboundedReceiver<Transition>)> {
        let tls = tls::client().map_err(std::io::Error::other)?;
        let (tell, told) = mpsc::unbounded_channel();
        Ok((Self { tls, tell, running: Mutex::default() }, told))
    }

    /// Runs these checks from now on, on the runtime of the caller. One for a group, a target and an address that was
    /// checked before keeps its counts, whatever else about it is new.
    pub fn set(&self, checks: Vec<Check>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *running);
        for check in checks {
            let key = (check.group.clone(), check.target.clone(), check.address);
            let kept = before.remove(&key).inspect(|kept| {
                kept.check.send_if_modified(|old| std::mem::replace(old, check.clone()) != check);
            });
            running.insert(key, kept.unwrap_or_else(|| self.run(check)));
        }
    }

    fn run(&self, check: Check) -> Running {
        let (check, checks) = watch::channel(check);
        let task = tokio::spawn(ask_again_and_again(checks, self.tls.clone(), self.tell.clone()));
        Running { check, task }
    }
}

async fn ask_again_and_again(
    mut checks: watch::Receiver<Check>,
    tls: Arc<ClientConfig>,
    tell: mpsc::UnboundedSender<Transition>,
) {
    let mut count = Count::default();
    loop {
        let check = checks.borrow_and_update().clone();
        let mut is_new = !count.has_been_healthy();
        let mut ticks = ticks(if is_new { check.first_interval } else { check.interval }, Instant::now());
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = checks.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                }
            }
            let asked = tokio::time::timeout(check.timeout, probe::ask(&check, &tls)).await;
            let outcome = asked.unwrap_or(Err(Reason::Timeout));
            if let Some(health) = count.take(outcome, check.thresholds) {
                let transition =
                    Transition { group: check.group.clone(), target: check.target.clone(), health };
                if tell.send(transition).is_err() {
                    return;
                }
            }
            if is_new && count.has_been_healthy() {
                is_new = false;
                ticks = self::ticks(check.interval, Instant::now() + check.interval);
            }
        }
    }
}

fn ticks(every: Duration, first: Instant) -> Interval {
    let mut ticks = interval_at(first, every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_codes_are_read() {
        let codes: Codes = "200-299, 301".parse().unwrap();
        let found: Vec<_> = [199, 200, 250, 299, 300, 301, 302].map(|code| codes.contains(code)).into();
        assert_eq!(found, [false, true, true, true, false, true, false]);
        for text in ["", "abc", "200-", "299-200", "99", "600", "200,,301"] {
            assert_eq!(text.parse::<Codes>(), Err(NoCodes(text.to_owned())));
        }
    }
}
