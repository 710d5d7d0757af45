//! Waits until an environment is as it was asked for, and says what happens meanwhile.

use std::time::Duration;

use anyhow::Result;
use longshore_model::preview::view::EnvironmentDetail;
use tokio::time::Instant;

use super::list::reasons;
use super::{Client, json};
use crate::apply::Output;
use crate::error::Failed;
use crate::terminal::{self, Style};

/// Between two looks. Each is a read of the daemon's own store: AWS is asked nothing.
const PAUSE: Duration = Duration::from_millis(300);

/// So many looks in a row may fail, as when the daemon is started anew.
const FAILURES_LIMIT: u32 = 20;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Ready,
    Gone,
}

/// What a look says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Done,
    Failed(String),
    Not,
}

/// Waits; the exit code is 0 once it is so, and 1 when it failed or time is over. A name that may come to mean another
/// environment, too, is not good enough: it takes an id, where there is one.
pub(super) async fn until(
    client: &Client,
    name: &str,
    wanted: Wanted,
    timeout: Duration,
    output: Output,
) -> Result<u8> {
    let end = Instant::now() + timeout;
    let (mut failures, mut said) = (0, String::new());
    loop {
        let look = client.glance(name).await;
        failures = if look.is_err() { failures + 1 } else { 0 };
        let seen = match look {
            Err(error) if failures > FAILURES_LIMIT => return Err(error),
            Err(_) => None,
            Ok(seen) => Some(seen),
        };
        if let Some(seen) = &seen {
            match verdict(seen.as_ref(), wanted) {
                Verdict::Done => {
                    tell(seen.as_ref(), &mut said);
                    match seen {
                        Some(detail) => show(client, detail, output).await?,
                        None => terminal::talk(&format!("{name} is gone"), Style::Plain),
                    }
                    return Ok(0);
                }
                Verdict::Failed(why) => return Err(failed(name, &why, seen.as_ref()).into()),
                Verdict::Not => tell(seen.as_ref(), &mut said),
            }
        }
        if Instant::now() >= end {
            let message = format!("environment `{name}` was not {} in time", word(wanted));
            return Err(Failed::new(message)
                .with_hint(format!("`longshore preview why {name}` says why"))
                .into());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

const fn word(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Ready => "ready",
        Wanted::Gone => "gone",
    }
}

fn verdict(seen: Option<&EnvironmentDetail>, wanted: Wanted) -> Verdict {
    match (seen.map(|detail| &detail.environment), wanted) {
        (None, Wanted::Gone) => Verdict::Done,
        // While it sleeps, it answers with what ran before: who asks for it wakes it.
        (Some(view), Wanted::Ready)
            if view.state == "ready" && view.deployed_sha.as_ref() == Some(&view.sha) =>
        {
            Verdict::Done
        }
        (Some(view), Wanted::Ready) if view.state == "failed" => {
            Verdict::Failed(view.failure.clone().unwrap_or_else(|| "it has failed".to_owned()))
        }
        // One that is being removed is made anew for who asked for it.
        _ => Verdict::Not,
    }
}

fn failed(name: &str, why: &str, seen: Option<&EnvironmentDetail>) -> Failed {
    for line in seen.iter().flat_map(|detail| &detail.environment.log_tail) {
        terminal::talk(&format!("  | {line}"), Style::Plain);
    }
    Failed::new(format!("environment `{name}` is not ready: {why}"))
        .with_hint(format!("`longshore preview status {name}` shows its timeline"))
}

/// Says what is new.
fn tell(seen: Option<&EnvironmentDetail>, said: &mut String) {
    let Some(view) = seen.map(|detail| &detail.environment) else { return };
    let why: Vec<&str> = reasons(view).map(String::as_str).collect();
    let line = match why.first() {
        Some(why) => format!("{}: {} ({why})", view.id, view.state),
        None => format!("{}: {}", view.id, view.state),
    };
    if line != *said {
        terminal::talk(&line, Style::Plain);
        *said = line;
    }
}

async fn show(client: &Client, detail: &EnvironmentDetail, output: Output) -> Result<()> {
    match (output, &detail.environment.url) {
        (Output::Json, _) => json(&client.environment(&detail.environment.id).await?),
        (Output::Text, Some(url)) => Ok(terminal::data(format!("{url}\n").as_bytes())?),
        (Output::Text, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::view;
    use super::*;

    #[test]
    fn the_end_of_a_wait() {
        let seen = |state: &str| EnvironmentDetail {
            environment: view("a.b", state),
            services: Vec::new(),
            timeline: Vec::new(),
        };
        let mut ready = seen("ready");
        assert_eq!(verdict(Some(&ready), Wanted::Ready), Verdict::Not, "nobody knows what answers");
        ready.environment.deployed_sha = Some("an older one".into());
        assert_eq!(verdict(Some(&ready), Wanted::Ready), Verdict::Not);
        ready.environment.deployed_sha = Some(ready.environment.sha.clone());
        assert_eq!(verdict(Some(&ready), Wanted::Ready), Verdict::Done);
        ready.environment.state = "asleep".into();
        assert_eq!(verdict(Some(&ready), Wanted::Ready), Verdict::Not, "it wakes up");
        assert_eq!(verdict(Some(&seen("updating")), Wanted::Ready), Verdict::Not);
        assert_eq!(verdict(Some(&seen("failed")), Wanted::Ready), Verdict::Failed("it has failed".into()));
        assert_eq!(verdict(Some(&seen("removing")), Wanted::Gone), Verdict::Not);
        assert_eq!(verdict(Some(&seen("removing")), Wanted::Ready), Verdict::Not, "it is made anew");
        assert_eq!(verdict(None, Wanted::Gone), Verdict::Done);
        assert_eq!(verdict(None, Wanted::Ready), Verdict::Not);
    }
}
