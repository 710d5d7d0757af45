//! Services and their files: what the verbs around `longshore apply` have in common.

pub(crate) mod asking;
pub(crate) mod difference;
pub(crate) mod members;
pub(crate) mod prune;
pub(crate) mod removing;
pub(crate) mod show;
pub(crate) mod written;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use longshore_aws::{Aws, Settings};
use longshore_control::service::{Applier, Wanted};
use longshore_decide::service::{Apply, DEFAULT_PROJECT, Gate, Outcome, Way};
use serde_json::Value;

use self::show::Show;
use crate::config::{self, Config};
use crate::env;
use crate::error::Failed;
use crate::files::arguments::FileArguments;
use crate::files::source::Amazon;
use crate::files::{self, Unit};
use crate::run::interrupt::Interrupts;
use crate::terminal::{self, Style};

/// How long a deployment is waited for, where nobody says.
pub(crate) const TIMEOUT: &str = "30m";

/// Where the services are.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Name or ARN of the cluster; without it `apply.cluster` of longshore.toml, else `default`
    #[arg(long)]
    pub(crate) cluster: Option<String>,
}

/// Which files, and the values in them.
#[derive(Debug, Args)]
pub(crate) struct Files {
    #[command(flatten)]
    pub(crate) files: FileArguments,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Whose services these are: the tag by which --prune and destroy know them; without it `apply.project` of
    /// longshore.toml
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
}

/// What goes to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A connection to the cluster of the services.
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) aws: Arc<Aws>,
    pub(crate) applier: Applier,
    pub(crate) config: config::Apply,
}

/// What the files say, and where it is to be so.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    /// `default` where nobody has named it.
    pub(crate) project: String,
    pub(crate) wanted: Vec<Wanted>,
}

impl Cluster {
    pub(crate) async fn connect(place: &Place, verb: &str) -> Result<Self> {
        Self::connect_with(Config::of(Path::new("."))?.apply, place, verb).await
    }

    async fn connect_with(config: config::Apply, place: &Place, verb: &str) -> Result<Self> {
        let name =
            place.cluster.clone().or_else(|| config.cluster.clone()).unwrap_or_else(|| "default".into());
        let aws = Arc::new(Aws::connect(Settings::default()).await?);
        let who = format!("longshore {verb} ({})", env::who());
        let applier = Applier::new(
            name.clone(),
            who,
            Arc::clone(&aws) as _,
            Arc::clone(&aws) as _,
            Arc::clone(&aws) as _,
        );
        Ok(Self { name, aws, applier, config })
    }
}

impl Scene {
    /// Reads the files and connects. Nothing is changed.
    pub(crate) async fn open(files: &Files, verb: &str) -> Result<Self> {
        let directory = &files.files.directory;
        let options = files.files.options(Config::near(directory)?)?;
        let units = files::read(directory, options, Amazon::default()).await?;
        let config = Config::near(directory)?.apply;
        if files.files.only.is_empty() {
            check_gates(&config, &units)?;
        }
        let cluster = Cluster::connect_with(config, &files.place, verb).await?;
        let project = files.project.clone().or_else(|| cluster.config.project.clone());
        let wanted = units.into_iter().map(wanted).collect();
        Ok(Self { project: project.unwrap_or_else(|| DEFAULT_PROJECT.to_owned()), cluster, wanted })
    }
}

/// Gates of a service that no file describes would never run.
fn check_gates(config: &config::Apply, units: &[Unit]) -> Result<(), Failed> {
    let names = units.iter().filter_map(|unit| unit.service.as_ref()?["serviceName"].as_str());
    let names: Vec<&str> = names.collect();
    let Some(unknown) = config.service.keys().find(|name| !names.contains(&name.as_str())) else {
        return Ok(());
    };
    let nearest = names
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)));
    let failed = Failed::usage(format!("longshore.toml has gates of service `{unknown}`, which has no file"));
    Err(match nearest {
        Some(nearest) => failed.with_hint(format!("did you mean `{nearest}`?")),
        None => failed.with_hint("take them out, or add the service's file"),
    })
}

fn wanted(unit: Unit) -> Wanted {
    for warning in &unit.warnings {
        terminal::talk(&format!("warning: {warning}"), Style::Warning);
    }
    let object = |document: Option<Value>| match document {
        Some(Value::Object(document)) => Some(document),
        _ => None,
    };
    Wanted { name: unit.name, task_definition: object(unit.task_definition), service: object(unit.service) }
}

/// Drives services to their ends, and says how each ended. Gives the outcomes and the exit code.
pub(crate) async fn drive(
    applier: &Applier,
    applies: &mut [Apply],
    show: &mut Show,
) -> Result<(Vec<Outcome>, u8)> {
    let (interrupts, mut words) = Interrupts::listen()?;
    let shown = std::sync::Mutex::new(&mut *show);
    let lock = || shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    applier
        .drive(applies, &mut words, &mut |service, told| lock().told(service, told), &mut |applies| {
            lock().look(applies)
        })
        .await;
    show.finish();
    let outcomes: Vec<Outcome> = applies.iter().filter_map(|apply| apply.outcome().cloned()).collect();
    let good = outcomes.iter().all(|outcome| outcome.result.is_good());
    Ok((outcomes, if good { 0 } else { interrupts.exit_code().unwrap_or(1) }))
}

/// How a service is brought to what its file says: with the gates of longshore.toml.
pub(crate) fn way(config: &config::Apply, service: &str, timeout: Duration) -> Way {
    let gates = |gates: &[config::Gate], when: &str| gates.iter().map(|gate| gate_of(gate, when)).collect();
    let of_service = config.service.get(service);
    Way {
        before: of_service.map(|it| gates(&it.before, "before")).unwrap_or_default(),
        after: of_service.map(|it| gates(&it.after, "after")).unwrap_or_default(),
        timeout: Some(timeout),
        ..Way::default()
    }
}

fn gate_of(gate: &config::Gate, when: &str) -> Gate {
    Gate {
        name: format!("{when}: {}", gate.command.join(" ")),
        command: gate.command.clone(),
        container: gate.container.clone(),
        environment: gate.environment.clone().into_iter().collect::<BTreeMap<_, _>>(),
        timeout: gate.timeout.0,
    }
}
