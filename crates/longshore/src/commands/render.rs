//! `longshore render`: what the files of a directory come to, with nothing changed and ECS not asked.

use anyhow::Result;
use serde_json::json;

use crate::config::Config;
use crate::files::arguments::FileArguments;
use crate::files::source::Amazon;
use crate::files::{self, Unit};
use crate::terminal::{self, Style};

const EXAMPLES: &str = "\
Examples:
  longshore render ecs                              every unit of the directory, a line each
  longshore render ecs --only web --var tag=v7      one of them
  longshore render ecs --tfstate terraform.tfstate  with values of Terraform's

A line is JSON: the name, the files, and what RegisterTaskDefinition and CreateService would get.
AWS is asked only where a template wants a value of it.";

/// Print what the files of a directory come to
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: FileArguments,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let options = arguments.files.options(Config::near(&arguments.files.directory)?)?;
    for unit in files::read(&arguments.files.directory, options, Amazon::default()).await? {
        let Unit { name, paths, task_definition, service, autocreated, warnings } = unit;
        for warning in warnings {
            terminal::talk(&format!("warning: {warning}"), Style::Warning);
        }
        let line = json!({
            "name": name,
            "files": paths,
            "taskDefinition": task_definition,
            "service": service,
            "autocreated": autocreated,
        });
        terminal::data(format!("{line}\n").as_bytes())?;
    }
    Ok(0)
}
