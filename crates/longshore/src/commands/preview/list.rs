//! `longshore preview list`.

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;
use longshore_model::preview::State;
use longshore_model::preview::view::{EnvironmentView, WaitingView};

use super::{Client, Common, json};
use crate::apply::Output;
use crate::terminal::{self, Style};

const EXAMPLES: &str = "\
Examples:
  longshore preview list
  longshore preview list --state failed
  longshore preview list --output json | jq -r '.[].url'";

/// List all environments
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Only those in this state
    #[arg(long, value_parser = PossibleValuesParser::new(State::ALL.map(State::word)))]
    state: Option<String>,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn execute(arguments: &Arguments) -> Result<u8> {
    let client = Client::of(&arguments.common)?;
    let mut environments: Vec<EnvironmentView> = client.get("/api/v1/environments").await?;
    if let Some(state) = &arguments.state {
        environments.retain(|environment| environment.state == *state);
    }
    if arguments.common.output == Output::Json {
        json(&environments)?;
        return Ok(0);
    }
    let waiting: Vec<WaitingView> = client.get("/api/v1/waiting").await?;
    if environments.is_empty() {
        let none = match &arguments.state {
            Some(state) => format!("no environment is {state}"),
            None => {
                "there are no environments; push a branch, or make one with `longshore preview up`".to_owned()
            }
        };
        terminal::talk(&none, Style::Plain);
    } else {
        terminal::data(table(&environments).as_bytes())?;
    }
    terminal::data(beside(&waiting).as_bytes())?;
    Ok(0)
}

/// What is waited for beside the environments.
fn beside(waiting: &[WaitingView]) -> String {
    let lines = waiting.iter().flat_map(|it| it.waiting.iter().map(|why| format!("{}: {why}\n", it.about)));
    lines.collect()
}

fn table(environments: &[EnvironmentView]) -> String {
    let mut rows = vec![["ENVIRONMENT", "STATE", "BRANCH", "COMMIT", "URL"].map(ToOwned::to_owned)];
    rows.extend(environments.iter().map(|environment| {
        let branch = match environment.pull_request {
            Some(number) => format!("#{number} {}", environment.branch),
            None => environment.branch.clone(),
        };
        let url = environment.url.clone().unwrap_or_else(|| "-".to_owned());
        [environment.id.clone(), environment.state.clone(), branch, short(&environment.sha), url]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    let mut text = String::new();
    for (position, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
        for why in position.checked_sub(1).and_then(|it| environments.get(it)).into_iter().flat_map(reasons) {
            text += &format!("  {why}\n");
        }
    }
    text
}

/// Why it is not as it should be, a line each.
pub(super) fn reasons(environment: &EnvironmentView) -> impl Iterator<Item = &String> {
    environment.failure.iter().chain(&environment.waiting)
}

/// A commit as people name it.
pub(super) fn short(sha: &str) -> String {
    sha.chars().take(7).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn view(id: &str, state: &str) -> EnvironmentView {
        EnvironmentView {
            id: id.into(),
            repository: "octo-org/shop".into(),
            branch: "feature/login".into(),
            pull_request: None,
            state: state.into(),
            url: Some("http://login.shop.localhost:7480/".into()),
            sha: "0123456789abcdef".into(),
            deployed_sha: None,
            waiting: Vec::new(),
            failure: None,
            log_tail: Vec::new(),
            pinned: false,
            by: "github".into(),
            created_at: "2026-01-01T00:00:00Z".into(),
            deployed_at: None,
            last_request_at: None,
            expires_at: None,
            sleeps_at: None,
            usd_per_day: None,
        }
    }

    #[test]
    fn a_line_for_each_that_waits_beside_them() {
        let waiting = |about: &str, waiting: &[&str]| WaitingView {
            about: about.into(),
            waiting: waiting.iter().map(|&why| why.into()).collect(),
        };
        let all = [waiting("repository a/b", &["one", "two"]), waiting("sweep", &["three"])];
        assert_eq!(beside(&all), "repository a/b: one\nrepository a/b: two\nsweep: three\n");
        assert_eq!(beside(&[]), "");
    }

    #[test]
    fn a_table_with_what_each_waits_for() {
        let mut waiting = view("pr-12.shop", "creating");
        waiting.pull_request = Some(12);
        waiting.url = None;
        waiting.waiting = vec!["1 of 2 tasks are healthy".into()];
        let expected = "\
ENVIRONMENT  STATE     BRANCH             COMMIT   URL
login.shop   ready     feature/login      0123456  http://login.shop.localhost:7480/
pr-12.shop   creating  #12 feature/login  0123456  -
  1 of 2 tasks are healthy
";
        assert_eq!(table(&[view("login.shop", "ready"), waiting]), expected);
    }
}
