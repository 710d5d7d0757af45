//! `longshore apply DIR`.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use longshore_control::service::{Observed, Planned};
use longshore_decide::service::{Apply, Change, Revision, revision_name};
use serde_json::{Value, json};

use crate::apply::difference::hide_secrets;
use crate::apply::show::Show;
use crate::apply::{self, Files, Output, Scene, TIMEOUT, prune, removing};
use crate::run::words;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  longshore apply deploy                    the services of deploy/*.taskdef and deploy/*.service
  longshore diff deploy                     what apply would change; exits with 2 when there is something
  longshore apply deploy --var tag=v42 --only web
  longshore apply deploy --prune --project shop   and remove what project shop has no file for any more
  longshore apply deploy --dry-run          the calls that it would make, as JSON
  longshore apply deploy --output json | jq '.services[].result'

What is unchanged is neither registered nor updated. Gates (tasks that must do well before and after) are set
in longshore.toml. A deployment that fails is rolled back. Ctrl-C or a crash leaves what was begun: apply again
goes on from there.

Exit code: 0 when everything is as the files say and stable, else 1; 130 on Ctrl-C.";

/// Make a cluster's services match their files
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: Files,
    /// Removes the project's services that have no file, once all others are as their files say; asks first
    #[arg(long, conflicts_with_all = ["only", "no_wait"])]
    prune: bool,
    /// Does not ask before --prune removes anything
    #[arg(long, short, requires = "prune")]
    yes: bool,
    /// Prints the calls that would be made as JSON, and makes none
    #[arg(long)]
    dry_run: bool,
    /// Does not wait for the deployments
    #[arg(long)]
    no_wait: bool,
    /// Leaves a deployment that failed as it is
    #[arg(long)]
    no_rollback: bool,
    /// For how long each deployment is waited for
    #[arg(long, value_name = "DURATION", default_value = TIMEOUT, value_parser = words::timeout)]
    timeout: Duration,
    /// What is on stdout: nothing (text), or the result document (json)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let scene = Scene::open(&arguments.files, "apply").await?;
    let applier = &scene.cluster.applier;
    let doomed = if arguments.prune { prune::doomed(&scene).await? } else { Vec::new() };
    let mut observed = applier.observe(&scene.wanted, &scene.project).await?;
    if arguments.dry_run {
        let mut calls = calls(&observed);
        calls.extend(removing::calls(&scene.cluster.name, &doomed, applier.now()));
        terminal::data(format!("{}\n", serde_json::to_string_pretty(&calls)?).as_bytes())?;
        return Ok(0);
    }
    if !prune::agreed(&scene, &doomed, arguments.yes)? {
        return Ok(1);
    }
    let mut show = Show::new();
    applier
        .register(&mut observed, &mut |arn| show.say(&format!("registered {}", revision_name(arn))))
        .await?;
    let ways = |name: &str| {
        let way = apply::way(&scene.cluster.config, name, arguments.timeout);
        longshore_decide::service::Way {
            no_wait: arguments.no_wait,
            no_rollback: arguments.no_rollback,
            ..way
        }
    };
    let now = applier.now();
    let mut applies: Vec<Apply> = observed
        .services
        .into_iter()
        .map(|planned| {
            let revision = revision(&planned);
            let way = ways(&planned.name);
            Apply::new(planned.name, planned.plan, revision, planned.live, way, now)
        })
        .collect();
    let (outcomes, exit) = apply::drive(applier, &mut applies, &mut show).await?;
    let timeout = (!arguments.no_wait).then_some(arguments.timeout);
    let (pruned, exit) = prune::remove(&scene, doomed, timeout, exit).await?;
    if arguments.output == Output::Json {
        let mut document =
            json!({"cluster": scene.cluster.name, "project": scene.project, "services": outcomes});
        if arguments.prune {
            document["pruned"] = json!(pruned);
        }
        terminal::data(format!("{document}\n").as_bytes())?;
    }
    Ok(exit)
}

/// The exact revision that the service comes to run.
fn revision(planned: &Planned) -> String {
    let given = match &planned.plan.change {
        Change::Create(input) | Change::Update { input, .. } => input.get("taskDefinition"),
        Change::None => None,
    };
    let live = planned.live.as_ref().map(|live| live.task_definition.clone());
    given.and_then(Value::as_str).map(ToOwned::to_owned).or(live).unwrap_or_default()
}

/// The calls that apply would make, in their order.
fn calls(observed: &Observed) -> Vec<Value> {
    let families = observed.families.values().filter_map(|family| match &family.revision {
        Some(Revision::New(input)) => {
            let mut input = Value::Object(input.clone());
            hide_secrets(&mut input);
            Some(json!({"call": "RegisterTaskDefinition", "input": input}))
        }
        _ => None,
    });
    let services = observed.services.iter().flat_map(|planned| match &planned.plan.change {
        Change::None => Vec::new(),
        Change::Create(input) => vec![json!({"call": "CreateService", "input": input})],
        Change::Update { input, tag, untag } => {
            let arn = planned.live.as_ref().map(|live| live.arn.clone());
            let mut calls = Vec::new();
            if !input.is_empty() {
                calls.push(json!({"call": "UpdateService", "input": input}));
            }
            if !tag.is_empty() {
                calls.push(json!({"call": "TagResource", "input": {"resourceArn": arn, "tags": tag}}));
            }
            if !untag.is_empty() {
                calls.push(json!({"call": "UntagResource", "input": {"resourceArn": arn, "tagKeys": untag}}));
            }
            calls
        }
    });
    families.chain(services).collect()
}
