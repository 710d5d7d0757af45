//! `longshore cfn`: the custom resource `Custom::ECSTask` on a terminal.

use std::path::{Path, PathBuf};

use anyhow::Result;
use futures_util::future::join_all;
use longshore_control::custom_resource::{Handled, Provider};
use longshore_decide::custom_resource::Decision;
use serde_json::{Value, json};

use crate::error::Failed;
use crate::terminal::{self, Style};
use crate::{error, provider};

const TEMPLATE: &str = include_str!("../../../../templates/task-runner.yaml");

const EXAMPLES: &str = "\
Examples:
  longshore cfn template > task-runner.yaml    the function, its role and its log group
  longshore cfn handle event.json              what the function does with this event
  longshore cfn handle event.json --dry-run    what it would do

`longshore lambda` makes and uploads the package of the function.";

const HANDLE_EXAMPLES: &str = "\
Examples:
  longshore cfn handle event.json
  longshore cfn handle create.json another.json
  pbpaste | longshore cfn handle -

An event is what CloudFormation sends: RequestType, StackId, RequestId, LogicalResourceId,
ResponseURL, ResourceProperties. The answer goes to the ResponseURL, and to stdout.
The same event again is the same run: it finds the tasks of the first time.

Exit code: 0 when every answer was SUCCESS.";

/// The CloudFormation custom resource that runs tasks: Custom::ECSTask
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Handle(Handle),
    /// Print the template that defines the function, its role and its log group
    #[command(after_help = "Example:\n  longshore cfn template > task-runner.yaml")]
    Template,
}

/// Handle events of CloudFormation, as the function does
#[derive(Debug, clap::Args)]
#[command(after_help = HANDLE_EXAMPLES)]
struct Handle {
    /// JSON files, each with an event; `-` is stdin
    #[arg(required = true, value_name = "EVENT.json")]
    events: Vec<PathBuf>,
    /// Says what would be done, and neither does nor answers anything
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    match arguments.verb {
        Verb::Template => {
            terminal::data(TEMPLATE.as_bytes())?;
            Ok(0)
        }
        Verb::Handle(handle) => {
            let events = handle.events.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
            let provider = provider::connect().await?;
            let ends = if handle.dry_run {
                join_all(events.iter().map(|event| preview(&provider, event))).await
            } else {
                join_all(events.iter().map(|event| answer(&provider, event))).await
            };
            let fine = ends.into_iter().filter(|fine| *fine).count();
            Ok(u8::from(fine < events.len()))
        }
    }
}

fn read(path: &Path) -> Result<Value> {
    let name = path.display();
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        fs_err::read_to_string(path)
    };
    let text = text.map_err(|error| Failed::usage("cannot read the event").caused_by(error))?;
    Ok(serde_json::from_str(&text).map_err(|error| {
        Failed::usage(format!("`{name}` is not JSON"))
            .caused_by(error)
            .with_hint("an event is what CloudFormation sends to the function")
    })?)
}

/// Handles an event and prints the answer as soon as it is given. True when it is SUCCESS.
async fn answer(provider: &Provider, event: &Value) -> bool {
    match provider.handle(event, provider::invocation(provider, None)).await {
        Ok(Handled::Answered { body }) => {
            let printed = terminal::data(format!("{body}\n").as_bytes());
            let status = serde_json::from_str::<Value>(&body).map(|body| body["Status"] == "SUCCESS");
            printed.is_ok() && status.unwrap_or(false)
        }
        Ok(Handled::HandedOver { .. }) => true,
        Err(unanswered) => {
            error::print(&unanswered.into());
            false
        }
    }
}

async fn preview(provider: &Provider, event: &Value) -> bool {
    let decision = match provider.preview(event).await {
        Ok(decision) => decision,
        Err(unreadable) => {
            error::print(&unreadable.into());
            return false;
        }
    };
    let document = match &decision {
        Decision::Run { why, .. } => json!({"decision": "run", "why": why}),
        Decision::Nothing { why } => json!({"decision": "nothing", "why": why}),
        Decision::StopTasks { reason, .. } => json!({"decision": "stopTasks", "why": reason}),
        Decision::Refuse { why } => json!({"decision": "refuse", "why": why}),
        Decision::Need(_) => json!({"decision": "unknown", "why": "a fact is missing"}),
    };
    terminal::talk("nothing was done and nothing was answered", Style::Plain);
    terminal::data(format!("{document}\n").as_bytes()).is_ok() && !matches!(decision, Decision::Refuse { .. })
}
