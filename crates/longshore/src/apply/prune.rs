//! `longshore apply --prune`: the project's services that have no file any more.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use longshore_control::service::Wanted;
use longshore_decide::service::{Removed, without_file};
use longshore_model::seen::Service;

use super::asking::{self, named_project};
use super::{Scene, removing};
use crate::error::Failed;
use crate::run::interrupt::Interrupts;
use crate::terminal::{self, Style};

/// The services that would go. Nothing is changed.
pub(crate) async fn doomed(scene: &Scene) -> Result<Vec<Service>> {
    let project = named_project(Some(&scene.project), &scene.cluster.config, "--prune")?;
    let files = described(&scene.wanted);
    if files.is_empty() {
        let text = format!("no file describes a service: --prune would remove all of project `{project}`");
        return Err(Failed::usage(text)
            .with_hint("name the directory with the files; `longshore destroy` removes a whole project")
            .into());
    }
    let seen = scene.cluster.applier.all_services().await?;
    Ok(without_file(seen, &project, &files))
}

/// The names of the services that files describe.
pub(crate) fn described(wanted: &[Wanted]) -> BTreeSet<String> {
    let name = |unit: &Wanted| unit.service.as_ref()?.get("serviceName")?.as_str().map(ToOwned::to_owned);
    wanted.iter().filter_map(name).collect()
}

/// Whether they may go.
pub(crate) fn agreed(scene: &Scene, doomed: &[Service], yes: bool) -> Result<bool> {
    if doomed.is_empty() {
        return Ok(true);
    }
    let head = format!("without a file in project {} of cluster {}:", scene.project, scene.cluster.name);
    let lines: Vec<String> = std::iter::once(head).chain(doomed.iter().map(removing::in_words)).collect();
    asking::agreed(yes, &lines, "apply, and remove them?")
}

/// Removes them, where all else did well. Gives how that ended, and the exit code of it all.
pub(crate) async fn remove(
    scene: &Scene,
    doomed: Vec<Service>,
    timeout: Option<Duration>,
    exit: u8,
) -> Result<(Vec<Removed>, u8)> {
    if doomed.is_empty() {
        return Ok((Vec::new(), exit));
    }
    if exit != 0 {
        terminal::talk("nothing was pruned, because not all services are as their files say", Style::Plain);
        return Ok((Vec::new(), exit));
    }
    let cluster = &scene.cluster;
    // The deployments took their time: what has lost its tag meanwhile stays.
    let names: Vec<String> = doomed.into_iter().map(|service| service.name).collect();
    let seen = cluster.applier.describe(&names).await?;
    let doomed = without_file(seen, &scene.project, &described(&scene.wanted));
    let mut listening = Interrupts::listen()?;
    Ok(removing::services(&cluster.applier, &cluster.name, doomed, timeout, &mut listening).await)
}
