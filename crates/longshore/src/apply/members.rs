//! Changing a few members of services that there are: what `scale`, `restart` and `rollback` have in common with
//! `apply`.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use longshore_decide::service::{Apply, Plan, Way};
use longshore_model::seen::Service;
use serde_json::{Map, Value, json};

use super::show::Show;
use super::{Cluster, Output, Place, TIMEOUT, drive};
use crate::error::Failed;
use crate::run::words;
use crate::terminal;

/// How it is waited for, and what is shown.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Prints the calls that would be made as JSON, and makes none
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Does not wait for the deployments
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// For how long each deployment is waited for
    #[arg(long, value_name = "DURATION", default_value = TIMEOUT, value_parser = words::timeout)]
    pub(crate) timeout: Duration,
    /// What is on stdout: nothing (text), or the result document (json)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

impl Cluster {
    /// Services by name; one that is not there is an error.
    pub(crate) async fn services(&self, names: &[String]) -> Result<Vec<Service>> {
        let found = self.applier.describe(names).await?;
        let mut services = Vec::new();
        for name in names {
            let is_it = |service: &&Service| service.name == *name || service.arn == *name;
            match found.iter().find(is_it).filter(|service| service.status == "ACTIVE") {
                Some(service) => services.push(service.clone()),
                None => {
                    let hint =
                        format!("`longshore status --cluster {}` shows those that there are", self.name);
                    let text = format!("there is no active service `{name}` in cluster `{}`", self.name);
                    return Err(Failed::new(text).with_hint(hint).into());
                }
            }
        }
        Ok(services)
    }

    /// Sends each service these members, and waits. Gives the exit code.
    pub(crate) async fn change(
        &self,
        changes: Vec<(Service, Map<String, Value>)>,
        waiting: &Waiting,
    ) -> Result<u8> {
        let way = Way {
            no_wait: waiting.no_wait,
            // What the user asked for in so many words is not taken back.
            no_rollback: true,
            timeout: Some(waiting.timeout),
            ..Way::default()
        };
        let now = self.applier.now();
        let mut applies = Vec::new();
        let mut calls = Vec::new();
        for (service, members) in changes {
            let revision = members.get("taskDefinition").and_then(Value::as_str);
            let revision = revision.unwrap_or(&service.task_definition).to_owned();
            let plan = Plan::of_members(&self.name, &service.name, members);
            if let longshore_decide::service::Change::Update { input, .. } = &plan.change {
                calls.push(json!({"call": "UpdateService", "input": input}));
            }
            applies.push(Apply::new(service.name.clone(), plan, revision, Some(service), way.clone(), now));
        }
        if waiting.dry_run {
            terminal::data(format!("{}\n", serde_json::to_string_pretty(&calls)?).as_bytes())?;
            return Ok(0);
        }
        let mut show = Show::new();
        let (outcomes, exit) = drive(&self.applier, &mut applies, &mut show).await?;
        if waiting.output == Output::Json {
            let document = json!({"cluster": self.name, "services": outcomes});
            terminal::data(format!("{document}\n").as_bytes())?;
        }
        Ok(exit)
    }
}
