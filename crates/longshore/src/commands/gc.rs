//! `longshore gc FAMILY...`.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use longshore_decide::service::gc::{Old, beyond, sort};
use longshore_decide::service::{DEFAULT_PROJECT, revision_name};
use serde_json::{Value, json};

use crate::apply::{Cluster, Output, Place, asking, removing};
use crate::error::Failed;
use crate::run::Live;
use crate::run::interrupt::Interrupts;
use crate::terminal::{self, Style};

const EXAMPLES: &str = "\
Examples:
  longshore gc web worker                   deregister old revisions of two families; the newest 10 stay
  longshore gc --all-ours --keep 5 --project shop --yes
  longshore gc web --dry-run                the calls that it would make, as JSON

Only revisions with the project's tag go, and none that a deployment of a service or a task in any cluster of the
account uses, or that `longshore rollback` would go to. When anything of that cannot be seen, nothing goes. What is
deregistered can still be described; nothing new starts with it.";

/// Deregister old revisions of task definitions
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The families
    #[arg(value_name = "FAMILY", required_unless_present = "all_ours", value_parser = family)]
    families: Vec<String>,
    /// All families whose latest revision is the project's
    #[arg(long, conflicts_with = "families")]
    all_ours: bool,
    /// How many of the newest revisions of each family stay in any case
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,
    /// Whose revisions; without it `apply.project` of longshore.toml
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Prints the calls that would be made as JSON, and makes none
    #[arg(long)]
    dry_run: bool,
    /// Does not ask
    #[arg(long, short)]
    yes: bool,
    /// What is on stdout: nothing (text), or the result document (json)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

fn family(text: &str) -> Result<String, String> {
    let is_family = !text.is_empty() && !text.contains([':', '/']);
    is_family.then(|| text.to_owned()).ok_or_else(|| "write the family alone, without a revision".to_owned())
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let cluster = Cluster::connect(&Place { cluster: None }, "gc").await?;
    let project = arguments.project.clone().or_else(|| cluster.config.project.clone());
    let project = project.unwrap_or_else(|| DEFAULT_PROJECT.to_owned());
    let families = families(&arguments, &cluster, &project).await?;
    let old = find(&cluster, &families, usize::from(arguments.keep), &project).await?;
    if arguments.dry_run {
        let calls: Vec<Value> = old.unused.iter().map(|arn| removing::deregistration(arn)).collect();
        terminal::data(format!("{}\n", serde_json::to_string_pretty(&calls)?).as_bytes())?;
        return Ok(0);
    }
    if old.unused.is_empty() {
        terminal::talk("no revision is to be deregistered", Style::Plain);
    } else {
        let lines: Vec<String> = old.unused.iter().map(|arn| format!("  {}", revision_name(arn))).collect();
        if !asking::agreed(arguments.yes, &lines, &format!("deregister {} revisions?", lines.len()))? {
            return Ok(1);
        }
    }
    // While the question stood there, somebody may have begun to use one.
    let old = if old.unused.is_empty() { old } else { still_unused(&cluster, &families, old).await? };
    let mut listening = Interrupts::listen()?;
    let result = removing::revisions(&cluster.applier, old.unused, &old.in_use, &mut listening).await;
    if arguments.output == Output::Json {
        let mut document = json!({"project": project});
        result.write(&mut document);
        terminal::data(format!("{document}\n").as_bytes())?;
    }
    Ok(result.exit)
}

async fn still_unused(cluster: &Cluster, families: &BTreeSet<String>, before: Old) -> Result<Old> {
    let usage = cluster.applier.usage(families, &[]).await?;
    let mut now = sort(&before.unused, &usage);
    now.in_use.extend(before.in_use);
    Ok(now)
}

async fn families(arguments: &Arguments, cluster: &Cluster, project: &str) -> Result<BTreeSet<String>> {
    if !arguments.all_ours {
        return Ok(arguments.families.iter().cloned().collect());
    }
    let mut live = Live::new();
    let found = cluster
        .applier
        .families_of(project, &mut |done, all| live.set(format!("{done} of {all} families looked at")))
        .await;
    live.finish();
    Ok(found?)
}

/// The project's revisions behind those that stay, sorted.
async fn find(cluster: &Cluster, families: &BTreeSet<String>, keep: usize, project: &str) -> Result<Old> {
    let mut ours = Vec::new();
    for family in families {
        let active = cluster.applier.active(family).await?;
        if active.is_empty() {
            let failed = Failed::new(format!("family `{family}` has no active revision"));
            return Err(failed
                .with_hint("`aws ecs list-task-definition-families` shows those that there are")
                .into());
        }
        let old = beyond(active, keep);
        let of_project = cluster.applier.ours_among(&old, project).await?;
        if of_project.len() < old.len() {
            let others = old.len() - of_project.len();
            terminal::talk(
                &format!("{family}: {others} old revisions are not of project {project}"),
                Style::Plain,
            );
        }
        ours.extend(of_project);
    }
    if ours.is_empty() {
        return Ok(Old::default());
    }
    let usage = cluster.applier.usage(families, &[]).await?;
    Ok(sort(&ours, &usage))
}
