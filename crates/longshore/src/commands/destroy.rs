//! `longshore destroy`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use longshore_decide::service::usage::{Usage, family_of};
use longshore_decide::service::{Removed, ours};
use longshore_model::seen::Service;
use serde_json::{Value, json};

use crate::apply::removing::{self, Revisions};
use crate::apply::{Cluster, Output, Place, TIMEOUT, asking};
use crate::error::Failed;
use crate::run::interrupt::{Interrupts, Listening};
use crate::run::{Live, words};
use crate::terminal::{self, Style};

const EXAMPLES: &str = "\
Examples:
  longshore destroy --project shop --cluster prod     asks, and then removes all that is the project's
  longshore destroy --project shop --only web         one service, and the revisions that it ran
  longshore destroy --project shop --dry-run          the calls that it would make, as JSON

Services go first: scaled to nothing, deleted, and waited for. Then the project's active revisions are deregistered.
A family that anything else uses, in any cluster of the account, is left. What does not carry the project's tag is
not touched. When anything cannot be seen, nothing is removed. Ctrl-C leaves what was begun: destroy again goes on
from there.

Exit code: 0 when nothing of it is left but what is in use, else 1; 130 on Ctrl-C.";

/// Remove all services and revisions of a project
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Whose services; without it `apply.project` of longshore.toml
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Only this service; can be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Prints the calls that would be made as JSON, and makes none
    #[arg(long)]
    dry_run: bool,
    /// Does not ask
    #[arg(long, short)]
    yes: bool,
    /// For how long the services are waited for
    #[arg(long, value_name = "DURATION", default_value = TIMEOUT, value_parser = words::timeout)]
    timeout: Duration,
    /// What is on stdout: nothing (text), or the result document (json)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// All that would go.
struct Doomed {
    services: Vec<Service>,
    /// Revisions by family, the newest first.
    revisions: BTreeMap<String, Vec<String>>,
    /// What is in use by others, and why.
    left: Vec<(String, String)>,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let cluster = Cluster::connect(&arguments.place, "destroy").await?;
    let project = asking::named_project(arguments.project.as_deref(), &cluster.config, "destroy")?;
    let mut doomed = find(&arguments, &cluster, &project).await?;
    if arguments.dry_run {
        let mut calls = removing::calls(&cluster.name, &doomed.services, cluster.applier.now());
        calls.extend(doomed.revisions.values().flatten().map(|arn| removing::deregistration(arn)));
        terminal::data(format!("{}\n", serde_json::to_string_pretty(&calls)?).as_bytes())?;
        return Ok(0);
    }
    let nothing = doomed.services.is_empty() && doomed.revisions.is_empty();
    if nothing {
        terminal::talk(&format!("there is nothing to remove of project {project}"), Style::Plain);
    } else {
        let head = format!("of project {project} in cluster {}:", cluster.name);
        let lines: Vec<String> = std::iter::once(head).chain(in_words(&doomed)).collect();
        if !asking::agreed(arguments.yes, &lines, "remove all of that?")? {
            return Ok(1);
        }
    }
    let services = std::mem::take(&mut doomed.services);
    let mut listening = Interrupts::listen()?;
    let timeout = Some(arguments.timeout);
    let (removed, exit) =
        removing::services(&cluster.applier, &cluster.name, services, timeout, &mut listening).await;
    let revisions = if exit == 0 {
        revisions(&cluster, doomed, &mut listening).await?
    } else {
        terminal::talk("hint: destroy again goes on from here, and then with the revisions", Style::Plain);
        Revisions { exit, ..Revisions::default() }
    };
    if arguments.output == Output::Json {
        terminal::data(format!("{}\n", document(&cluster.name, &project, &removed, &revisions)).as_bytes())?;
    }
    Ok(revisions.exit)
}

fn document(cluster: &str, project: &str, removed: &[Removed], revisions: &Revisions) -> Value {
    let mut document = json!({"cluster": cluster, "project": project, "services": removed});
    revisions.write(&mut document);
    document
}

/// Looks at everything first: a list that cannot be read ends it before anything is removed.
async fn find(arguments: &Arguments, cluster: &Cluster, project: &str) -> Result<Doomed> {
    let seen = cluster.applier.all_services().await?;
    let services = chosen(seen, project, &arguments.only)?;
    let deployments = services.iter().flat_map(|service| &service.deployments);
    let run = deployments.map(|it| &it.task_definition).chain(services.iter().map(|it| &it.task_definition));
    let mut families: BTreeSet<String> = run.map(|arn| family_of(arn).to_owned()).collect();
    families.extend(arguments.only.iter().cloned());
    let mut live = Live::new();
    if arguments.only.is_empty() {
        let mut tell = |done, all| live.set(format!("{done} of {all} families looked at"));
        families.extend(cluster.applier.families_of(project, &mut tell).await?);
    }
    live.set("looking for what is in use".to_owned());
    let mut revisions = BTreeMap::new();
    for family in families.into_iter().filter(|family| !family.is_empty()) {
        let active = cluster.applier.active(&family).await?;
        let ours = cluster.applier.ours_among(&active, project).await?;
        if !ours.is_empty() {
            revisions.insert(family, ours);
        }
    }
    let mut doomed = Doomed { services, revisions, left: Vec::new() };
    let usage = usage(cluster, &doomed).await?;
    live.finish();
    doomed.spare(&usage);
    Ok(doomed)
}

/// The services of the project, or those of them that are named.
fn chosen(seen: Vec<Service>, project: &str, only: &[String]) -> Result<Vec<Service>> {
    let there: BTreeSet<String> = seen.iter().map(|service| service.name.clone()).collect();
    let mut ours = ours(seen, project);
    ours.sort_by(|a, b| a.name.cmp(&b.name));
    for name in only {
        let is_ours = ours.iter().any(|service| service.name == *name);
        if there.contains(name) && !is_ours {
            return Err(Failed::new(format!("service `{name}` is not of project `{project}`"))
                .with_hint("nothing was removed; leave it out of --only")
                .into());
        }
    }
    ours.retain(|service| only.is_empty() || only.contains(&service.name));
    Ok(ours)
}

/// Nothing is asked where there is no revision that could be in use.
async fn usage(cluster: &Cluster, doomed: &Doomed) -> Result<Usage> {
    if doomed.revisions.is_empty() {
        return Ok(Usage::default());
    }
    let families = doomed.revisions.keys().cloned().collect();
    Ok(cluster.applier.usage(&families, &doomed.services).await?)
}

/// The services are gone; what uses the revisions is looked for once more.
async fn revisions(cluster: &Cluster, mut doomed: Doomed, listening: &mut Listening) -> Result<Revisions> {
    let usage = usage(cluster, &doomed).await?;
    doomed.spare(&usage);
    let revisions = doomed.revisions.into_values().flatten().collect();
    Ok(removing::revisions(&cluster.applier, revisions, &doomed.left, listening).await)
}

impl Doomed {
    /// Leaves the families that something else uses.
    fn spare(&mut self, usage: &Usage) {
        let left = &mut self.left;
        self.revisions.retain(|family, _| match usage.of_family(family) {
            Some((revision, why)) => {
                left.push((revision.to_owned(), why.to_owned()));
                false
            }
            None => true,
        });
    }
}

fn in_words(doomed: &Doomed) -> impl Iterator<Item = String> {
    let families = doomed.revisions.iter().map(|(family, revisions)| match revisions.len() {
        1 => format!("  task definition {family} (1 revision)"),
        count => format!("  task definition {family} ({count} revisions)"),
    });
    doomed.services.iter().map(removing::in_words).chain(families)
}

#[cfg(test)]
mod tests {
    use longshore_model::seen::Task;

    use super::*;

    fn service(name: &str, project: &str) -> Service {
        let tags = json!([{"key": "longshore:project", "value": project}]);
        Service::read(json!({"serviceName": name, "status": "ACTIVE", "tags": tags})).unwrap()
    }

    #[test]
    fn only_names_what_is_ours() {
        let seen = || vec![service("web", "shop"), service("api", "shop"), service("other", "bank")];
        let names = |only: &[&str]| -> Result<Vec<String>> {
            let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
            Ok(chosen(seen(), "shop", &only)?.into_iter().map(|service| service.name).collect())
        };
        assert_eq!(names(&[]).unwrap(), ["api", "web"]);
        assert_eq!(names(&["web", "gone"]).unwrap(), ["web"]);
        assert_eq!(names(&["other"]).unwrap_err().to_string(), "service `other` is not of project `shop`");
    }

    #[test]
    fn a_family_that_is_in_use_is_left_as_a_whole() {
        let families = [("web", vec!["x/web:2", "x/web:1"]), ("job", vec!["x/job:1"])];
        let families =
            families.map(|(name, arns)| (name.to_owned(), arns.into_iter().map(Into::into).collect()));
        let mut doomed = Doomed {
            services: vec![service("web", "shop")],
            revisions: BTreeMap::from(families),
            left: Vec::new(),
        };
        let words: Vec<String> = in_words(&doomed).collect();
        assert_eq!(
            words,
            [
                "  service web (0 tasks running)",
                "  task definition job (1 revision)",
                "  task definition web (2 revisions)"
            ]
        );
        let mut usage = Usage::default();
        usage
            .task("c", &Task { arn: "t/1".into(), task_definition_arn: "x/web:1".into(), ..Task::default() });
        doomed.spare(&usage);
        assert_eq!(doomed.revisions.keys().collect::<Vec<_>>(), ["job"]);
        assert_eq!(doomed.left, [("web:1".to_owned(), "task 1 of cluster c runs it".to_owned())]);
    }
}
