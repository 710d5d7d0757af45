//! `longshore restart NAME`.

use anyhow::Result;
use clap::Args;
use serde_json::{Map, json};

use crate::apply::Cluster;
use crate::apply::members::Waiting;

const EXAMPLES: &str = "\
Examples:
  longshore restart web                     new tasks of the same revision, one after the other
  longshore restart web worker --cluster prod

The images of a tag are pulled again, and secrets are read again.";

/// Replace the tasks of services by new ones
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The services
    #[arg(required = true, value_name = "SERVICE")]
    services: Vec<String>,
    #[command(flatten)]
    waiting: Waiting,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let cluster = Cluster::connect(&arguments.waiting.place, "restart").await?;
    let services = cluster.services(&arguments.services).await?;
    let forced = || Map::from_iter([("forceNewDeployment".to_owned(), json!(true))]);
    let changes = services.into_iter().map(|service| (service, forced())).collect();
    cluster.change(changes, &arguments.waiting).await
}
