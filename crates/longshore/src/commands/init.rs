//! `longshore init SERVICE`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use longshore_decide::service::init::{Written, files};
use longshore_decide::service::secret_variables;
use longshore_decide::service::usage::family_of;
use longshore_world::Services;
use serde_json::{Map, Value};

use crate::apply::written::text;
use crate::apply::{Cluster, Place};
use crate::error::Failed;
use crate::terminal::{self, Style};

/// A file may end in any of these.
const ENDINGS: [&str; 4] = ["", ".json", ".yaml", ".yml"];

const EXAMPLES: &str = "\
Examples:
  longshore init web --cluster prod         web.taskdef.json and web.service.json, here
  longshore init web --dir deploy --yaml    deploy/web.taskdef.yaml and deploy/web.service.yaml

The files say what somebody chose; what ECS fills in by itself is left out, and `longshore diff` right after has
nothing to show. Files that are there are not written over.";

/// Write the files of a service that runs already
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The service
    service: String,
    #[command(flatten)]
    place: Place,
    /// Where the files are written
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Writes YAML instead of JSON
    #[arg(long)]
    yaml: bool,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let cluster = Cluster::connect(&arguments.place, "init").await?;
    let services = cluster.services(std::slice::from_ref(&arguments.service)).await?;
    let Some(service) = services.first() else { return Ok(1) };
    let family = family_of(&service.task_definition);
    let latest = if family.is_empty() { None } else { cluster.aws.task_definition(family).await? };
    let written = files(service, latest.as_ref());
    write(&arguments, &service.name, &written)?;
    let secrets = written.task_definition.as_ref().map(secret_variables).unwrap_or_default();
    let remarks = written.remarks.iter().cloned();
    let secrets = secrets.iter().map(|variable| {
        format!(
            "{variable} has its value in the file: keep it in Secrets Manager or SSM, and name it in `secrets` instead"
        )
    });
    for remark in remarks.chain(secrets) {
        terminal::talk(&format!("warning: {remark}"), Style::Warning);
    }
    Ok(0)
}

fn write(arguments: &Arguments, name: &str, written: &Written) -> Result<()> {
    let directory = &arguments.dir;
    for kind in ["taskdef", "service"] {
        let paths = ENDINGS.iter().map(|ending| directory.join(format!("{name}.{kind}{ending}")));
        if let Some(there) = paths.into_iter().find(|path| path.exists()) {
            return Err(Failed::new(format!("`{}` is there already", there.display()))
                .with_hint("name another directory with --dir, or take the file away; nothing was written")
                .into());
        }
    }
    fs_err::create_dir_all(directory)?;
    let ending = if arguments.yaml { "yaml" } else { "json" };
    let file = |kind: &str| directory.join(format!("{name}.{kind}.{ending}"));
    if let Some(definition) = &written.task_definition {
        write_new(&file("taskdef"), definition, arguments.yaml)?;
    }
    write_new(&file("service"), &written.service, arguments.yaml)
}

fn write_new(path: &Path, document: &Map<String, Value>, yaml: bool) -> Result<()> {
    let text = text(document, yaml)?;
    let mut file = fs_err::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    terminal::talk(&format!("wrote {}", path.display()), Style::Plain);
    Ok(())
}
