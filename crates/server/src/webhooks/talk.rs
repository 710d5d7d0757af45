//! What people ask in Slack, and what they are told.

use longshore_decide::preview::request::{self, Request};
use longshore_decide::preview::{comment, words};
use longshore_model::Error;
use longshore_model::preview::view::EnvironmentView;

use crate::app::Shared;
use crate::audit::{self, Via};

/// Lines of a log in Slack.
const LINES: u16 = 20;

/// Environments in one answer: a message has room for 4,000 characters (Slack: "Truncating content").
const LISTED: usize = 30;

/// Answers in words.
pub(super) async fn answer(shared: &Shared, request: Result<Request, String>, who: &str) -> String {
    let request = match request {
        Ok(request) => request,
        Err(wrong) => return wrong,
    };
    match act(shared, request, who).await {
        Ok(answer) => answer,
        Err(error) => comment::words(&error),
    }
}

async fn act(shared: &Shared, request: Request, who: &str) -> Result<String, Error> {
    match request {
        Request::Command(command) => Ok(audit::ask(shared, who, Via::Slack, &command).await?.message),
        Request::List => list(shared).await,
        Request::Logs(environment) => logs(shared, &environment).await,
        Request::Why(environment) => why(shared, &environment).await,
        Request::Help => Ok(request::help(false)),
    }
}

async fn list(shared: &Shared) -> Result<String, Error> {
    let environments = shared.desk().environments().await?;
    if environments.is_empty() {
        return Ok("There is no environment.".to_owned());
    }
    let line = |it: &EnvironmentView| {
        let url = it.url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
        format!("{} {}{url}", it.state, it.id)
    };
    let mut lines: Vec<String> = environments.iter().take(LISTED).map(line).collect();
    if let Some(more @ 1..) = environments.len().checked_sub(LISTED) {
        lines.push(format!("and {more} more: {}", shared.app.public_url));
    }
    Ok(lines.join("\n"))
}

async fn logs(shared: &Shared, environment: &str) -> Result<String, Error> {
    let lines = shared.desk().logs(environment, LINES).await?;
    if lines.is_empty() {
        return Ok("Its tasks have written nothing.".to_owned());
    }
    Ok(format!("```\n{}\n```", lines.join("\n").replace("```", "'''")))
}

async fn why(shared: &Shared, environment: &str) -> Result<String, Error> {
    Ok(words::why(&shared.desk().environment_alone(environment).await?.environment))
}
