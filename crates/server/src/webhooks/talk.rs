//! What people ask in Slack, and what they are told.

use longshore_model::Error;
use longshore_model::preview::view::{Command, EnvironmentView};

use crate::app::Shared;
use crate::audit::{self, Via};

/// Lines of a log in Slack.
const LINES: u16 = 20;

const HELP: &str =
    "up BRANCH or #NUMBER · down, extend, pin, unpin, sleep, wake, logs, why ENVIRONMENT · list";

/// Answers in words.
pub(super) async fn answer(shared: &Shared, text: &str, who: &str) -> String {
    match act(shared, text, who).await {
        Ok(answer) => answer,
        Err(error) => match error.hint() {
            Some(hint) => format!("{error}: {hint}"),
            None => error.to_string(),
        },
    }
}

async fn act(shared: &Shared, text: &str, who: &str) -> Result<String, Error> {
    let mut words = text.split_whitespace();
    let verb = words.next().unwrap_or("help").to_lowercase();
    let environment = words.next().unwrap_or_default().to_owned();
    let needs_name = !matches!(verb.as_str(), "list" | "help");
    if needs_name && environment.is_empty() {
        return Ok(format!("`{verb}` needs a name. {HELP}"));
    }
    let command = match verb.as_str() {
        "list" => return list(shared).await,
        "logs" => return logs(shared, &environment).await,
        "why" => return why(shared, &environment).await,
        "up" => {
            let number = environment.strip_prefix('#').and_then(|number| number.parse().ok());
            let branch = number.is_none().then_some(environment);
            Command::Up { repository: words.next().map(str::to_owned), branch, pull_request: number }
        }
        "down" => Command::Down { environment },
        "extend" => Command::Extend { environment, seconds: None },
        "pin" => Command::Pin { environment, pinned: true },
        "unpin" => Command::Pin { environment, pinned: false },
        "sleep" => Command::Sleep { environment },
        "wake" => Command::Wake { environment },
        _ => return Ok(HELP.to_owned()),
    };
    audit::ask(shared, who, Via::Slack, &command).await
}

async fn list(shared: &Shared) -> Result<String, Error> {
    let environments = shared.desk().environments().await?;
    let line = |it: &EnvironmentView| {
        let url = it.url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
        format!("{} {}{url}", it.state, it.id)
    };
    let lines: Vec<String> = environments.iter().map(line).collect();
    Ok(if lines.is_empty() { "There is no environment.".to_owned() } else { lines.join("\n") })
}

async fn logs(shared: &Shared, environment: &str) -> Result<String, Error> {
    let lines = shared.desk().logs(environment, LINES).await?;
    Ok(if lines.is_empty() {
        "Its tasks have written nothing.".to_owned()
    } else {
        format!("```{}```", lines.join("\n"))
    })
}

async fn why(shared: &Shared, environment: &str) -> Result<String, Error> {
    let it = shared.desk().environment(environment).await?.environment;
    let mut sentences = vec![format!("{} is {}.", it.id, it.state)];
    sentences.extend(it.failure);
    sentences.extend(it.waiting);
    Ok(sentences.join(" "))
}
