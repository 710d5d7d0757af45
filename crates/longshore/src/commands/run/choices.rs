//! From the command line, and the files and variables that it names, to what the run is made of.

use std::collections::BTreeSet;

use anyhow::Result;
use longshore_decide::run::{LogReading, OnTimeout, Spec};
use longshore_model::call::RunTask;
use longshore_model::seen::TaskDefinition;
use longshore_model::task::TaskOverride;
use serde_json::{Map, Value};

use super::arguments::{Arguments, What};
use crate::env;
use crate::error::Failed;
use crate::run::overrides::Changes;
use crate::run::request::{Choices, MAX_TASKS};
use crate::run::{env_file, file};
use crate::terminal::{self, Style};

/// Tasks that are told to stop are waited for so long: ECS itself kills them after their stopTimeout, which is 2
/// minutes at most, and their hosts may have much to clean up.
const STOP_PATIENCE: std::time::Duration = std::time::Duration::from_secs(600);

impl Arguments {
    /// Everything that is chosen, with files read and variables looked up.
    pub(super) fn choices(&self) -> Result<Choices> {
        let place = &self.place;
        check_ids("--instance", &place.instances)?;
        check_ids("--attach", &self.identity.attach)?;
        Ok(Choices {
            cluster: place.cluster.clone(),
            on_instances: !place.instances.is_empty(),
            launch_type: place.launch_type,
            capacity_providers: place.capacity_providers.clone(),
            platform_version: place.platform_version.clone(),
            subnets: place.subnets.clone(),
            security_groups: place.security_groups.clone(),
            public_ip: place.public_ip,
            placement_constraints: place.placement_constraints.clone(),
            placement_strategies: place.placement_strategies.clone(),
            changes: Changes {
                file: self.what.overrides()?,
                container: self.what.container.clone(),
                command: self.command.clone(),
                environment: self.what.environment()?,
                cpu: self.what.cpu.clone(),
                memory: self.what.memory.clone(),
            },
            group: place.group.clone(),
            started_by: self.identity.started_by.clone(),
            tags: self.what.tags.clone(),
        })
    }

    /// The run of an exact revision.
    pub(super) fn spec(&self, request: RunTask, definition: TaskDefinition) -> Result<Spec> {
        let (identity, end) = (&self.identity, &self.end);
        Ok(Spec {
            id: identity.run_id.clone().map_or_else(random_name, Ok)?,
            request,
            count: usize::from(self.what.count),
            instances: self.place.instances.clone(),
            attach: Vec::new(),
            definition,
            container: self.what.container.clone(),
            accept_exit_codes: end.accept_exit_codes.clone(),
            timeout: end.timeout,
            timeout_in_full: end.timeout,
            on_timeout: OnTimeout::Stop,
            stop_patience: STOP_PATIENCE,
            wait_for_capacity: end.wait_for_capacity.unwrap_or_default(),
            retry_infrastructure: end.retry_infrastructure,
            logs: LogReading::Follow,
            poll_interval: None,
            detach: end.detach,
            who: format!("longshore run ({})", env::who()),
        })
    }
}

impl What {
    /// The variables of the files and then those of `-e`: of one name, the last counts.
    fn environment(&self) -> Result<Vec<(String, String)>> {
        let mut variables = Vec::new();
        for path in &self.env_files {
            let text = file::text(path, "the environment file")?;
            let read = env_file::parse(&text, |name| env::named(name).ok());
            variables.extend(read.map_err(|wrong| {
                Failed::usage(format!("`{}`: {wrong}", path.display()))
                    .with_hint("each line is NAME=VALUE, or NAME to take it from here, as docker reads it")
            })?);
        }
        for text in &self.environment {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => (text.as_str(), env::named(text)?),
            };
            if name.is_empty() {
                return Err(Failed::usage("an environment variable has no name")
                    .with_hint("write -e NAME=VALUE")
                    .into());
            }
            variables.push((name.to_owned(), value));
        }
        Ok(variables)
    }

    fn overrides(&self) -> Result<Map<String, Value>> {
        let Some(path) = &self.overrides else { return Ok(Map::new()) };
        let name = path.display().to_string();
        let Value::Object(overrides) = file::document(&name, &file::text(path, "the overrides")?)? else {
            return Err(Failed::usage(format!("`{name}` is not a TaskOverride"))
                .with_hint(
                    "it is an object such as {\"containerOverrides\": [{\"name\": \"app\", \"cpu\": 256}]}",
                )
                .into());
        };
        for warning in file::unlike::<TaskOverride>(overrides.clone()).sentences() {
            terminal::talk(&format!("warning: {name}: {warning}"), Style::Warning);
        }
        Ok(overrides)
    }
}

/// Ids or ARNs: not too many, and none twice.
fn check_ids(flag: &str, named: &[String]) -> Result<(), Failed> {
    let id = |text: &String| text.rsplit('/').next().unwrap_or_default().to_owned();
    let ids: BTreeSet<String> = named.iter().map(id).collect();
    if named.len() > MAX_TASKS {
        return Err(Failed::usage(format!(
            "{flag} is there {} times; {MAX_TASKS} are the most",
            named.len()
        )));
    }
    if ids.len() < named.len() {
        return Err(Failed::usage(format!("{flag} names the same twice")).with_hint("name each once"));
    }
    Ok(())
}

/// A name that no other run has.
fn random_name() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failed::new("the system has no random numbers").caused_by(error))?;
    Ok(hex::encode(bytes))
}
