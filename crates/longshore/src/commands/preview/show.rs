//! `longshore preview status`, `why` and `open`.

use std::process::Stdio;

use anyhow::Result;
use clap::Args;
use longshore_decide::preview::told::told;
use longshore_model::preview::view::{EntryView, EnvironmentDetail, EnvironmentView};

use super::list::{reasons, short};
use super::{Client, Common, json, names};
use crate::apply::Output;
use crate::error::Failed;
use crate::terminal::{self, Style};

/// So many lines of the timeline are shown.
const LINES: usize = 20;

const EXAMPLES: &str = "\
Examples:
  longshore preview status feature/login
  longshore preview why login.shop
  longshore preview open '#12'";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Its id, its branch, or `#NUMBER`; the branch that is checked out here when it is not given
    environment: Option<String>,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn status(arguments: &Arguments) -> Result<u8> {
    let detail = fetch(arguments).await?;
    match arguments.common.output {
        Output::Json => json(&detail)?,
        Output::Text => terminal::data(describe(&detail).as_bytes())?,
    }
    Ok(0)
}

pub(super) async fn why(arguments: &Arguments) -> Result<u8> {
    let detail = fetch(arguments).await?;
    if arguments.common.output == Output::Json {
        let view = &detail.environment;
        json(&serde_json::json!({
            "id": view.id, "state": view.state, "waiting": view.waiting, "failure": view.failure,
            "log_tail": view.log_tail,
        }))?;
    } else {
        terminal::data(explain(&detail.environment).as_bytes())?;
    }
    Ok(0)
}

pub(super) async fn open(arguments: &Arguments) -> Result<u8> {
    let detail = fetch(arguments).await?;
    let view = &detail.environment;
    let Some(url) = &view.url else {
        let why = reasons(view).next().cloned().unwrap_or_else(|| format!("it is {}", view.state));
        return Err(Failed::new(format!("environment `{}` has no URL yet: {why}", view.id)).into());
    };
    if arguments.common.output == Output::Json {
        json(&serde_json::json!({"id": view.id, "url": url}))?;
        return Ok(0);
    }
    terminal::data(format!("{url}\n").as_bytes())?;
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // Its URL stands on stdout for whoever has no browser here.
    let opening = tokio::process::Command::new(program).arg(url).stderr(Stdio::null()).spawn();
    if let Err(error) = opening {
        terminal::talk(&format!("note: no browser was opened: {program}: {error}"), Style::Plain);
    }
    Ok(0)
}

async fn fetch(arguments: &Arguments) -> Result<EnvironmentDetail> {
    let name = names::environment(arguments.environment.as_deref())?;
    let client = Client::of(&arguments.common)?;
    client.environment(&name).await
}

/// In a few sentences.
fn explain(view: &EnvironmentView) -> String {
    let mut text = format!("{} is {}\n", view.id, view.state);
    for why in reasons(view) {
        text += &format!("  {why}\n");
    }
    for line in &view.log_tail {
        text += &format!("  | {line}\n");
    }
    if reasons(view).next().is_none() {
        text += "  nothing is waited for\n";
    }
    text
}

fn describe(detail: &EnvironmentDetail) -> String {
    let view = &detail.environment;
    let mut text = explain(view);
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            text += &format!("{name:<12}{value}\n");
        }
    };
    line("url", view.url.as_deref());
    line("branch", Some(&view.branch));
    line("commit", Some(&short(&view.sha)));
    line("answering", view.deployed_sha.as_deref().map(short).as_deref());
    line("asked by", Some(&view.by));
    line("made", Some(&view.created_at));
    line("deployed", view.deployed_at.as_deref());
    line("requested", view.last_request_at.as_deref());
    line("sleeps", view.sleeps_at.as_deref());
    line("ends", if view.pinned { Some("never: it is pinned") } else { view.expires_at.as_deref() });
    line("costs", view.usd_per_day.map(|usd| format!("about ${usd:.2} a day")).as_deref());
    for service in &detail.services {
        text += &format!("service {}\n", service.name);
        for task in &service.tasks {
            let health = match task.healthy {
                Some(true) => ", healthy",
                Some(false) => ", not healthy",
                None => "",
            };
            let reason = task.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            text += &format!("  task {} {} {}{health}{reason}\n", task.id, task.task_definition, task.status);
        }
    }
    let shown: Vec<&EntryView> = told(&detail.timeline).take(LINES).collect();
    for entry in shown.into_iter().rev() {
        let mark = match entry.kind.as_str() {
            "intent" => "... ",
            "error" => "failed: ",
            _ => "",
        };
        text += &format!("{}  {mark}{}\n", entry.at, entry.text);
    }
    text
}

#[cfg(test)]
mod tests {
    use longshore_model::preview::view::{ServiceView, TaskView};

    use super::super::list::tests::view;
    use super::*;

    #[test]
    fn all_there_is_to_say() {
        let mut environment = view("login.shop", "failed");
        environment.failure = Some("task 1 ended with exit code 3".into());
        environment.log_tail = vec!["no database".into()];
        environment.pinned = true;
        let task = TaskView {
            id: "0a".into(),
            status: "STOPPED".into(),
            healthy: None,
            task_definition: "shop--login:3".into(),
            reason: Some("Essential container in task exited".into()),
        };
        let services = vec![ServiceView { name: "shop--login".into(), tasks: vec![task] }];
        let entry = |at: &str, kind: &str, text: &str| EntryView {
            at: at.into(),
            kind: kind.into(),
            text: text.into(),
            round: "r".into(),
        };
        let timeline = vec![
            entry("2026-01-01T00:00:03Z", "intent", "third"),
            entry("2026-01-01T00:00:02Z", "error", "second: refused"),
            entry("2026-01-01T00:00:02Z", "intent", "second"),
            entry("2026-01-01T00:00:01Z", "state", "first"),
        ];
        let expected = "\
login.shop is failed
  task 1 ended with exit code 3
  | no database
url         http://login.shop.localhost:7480/
branch      feature/login
commit      0123456
asked by    github
made        2026-01-01T00:00:00Z
ends        never: it is pinned
service shop--login
  task 0a shop--login:3 STOPPED: Essential container in task exited
2026-01-01T00:00:01Z  first
2026-01-01T00:00:02Z  failed: second: refused
2026-01-01T00:00:03Z  ... third
";
        assert_eq!(describe(&EnvironmentDetail { environment, services, timeline }), expected);
    }

    #[test]
    fn a_settled_one_waits_for_nothing() {
        assert_eq!(explain(&view("a.b", "ready")), "a.b is ready\n  nothing is waited for\n");
    }
}
