//! `longshore scale NAME=COUNT`.

use anyhow::Result;
use clap::Args;
use serde_json::{Map, json};

use crate::apply::Cluster;
use crate::apply::members::Waiting;

const EXAMPLES: &str = "\
Examples:
  longshore scale web=3
  longshore scale web=10 worker=0 --cluster prod --no-wait

A file that says `desiredCount` sets it again with the next apply; one that does not leaves it alone.";

/// Set how many tasks services have
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A service, and how many tasks it is to have
    #[arg(required = true, value_name = "SERVICE=COUNT", value_parser = wish)]
    wishes: Vec<(String, u32)>,
    #[command(flatten)]
    waiting: Waiting,
}

fn wish(text: &str) -> Result<(String, u32), String> {
    let parts = text.rsplit_once('=').filter(|(name, _)| !name.is_empty());
    let (name, count) = parts.ok_or_else(|| "write SERVICE=COUNT".to_owned())?;
    let count = count.parse().map_err(|_| format!("`{count}` is no count"))?;
    Ok((name.to_owned(), count))
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let cluster = Cluster::connect(&arguments.waiting.place, "scale").await?;
    let names: Vec<String> = arguments.wishes.iter().map(|(name, _)| name.clone()).collect();
    let services = cluster.services(&names).await?;
    let counts =
        arguments.wishes.iter().map(|(_, count)| Map::from_iter([("desiredCount".into(), json!(count))]));
    cluster.change(services.into_iter().zip(counts).collect(), &arguments.waiting).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes() {
        assert_eq!(wish("web=3"), Ok(("web".to_owned(), 3)));
        for wrong in ["web", "=3", "web=", "web=-1", "web=many"] {
            assert!(wish(wrong).is_err(), "{wrong}");
        }
    }
}
