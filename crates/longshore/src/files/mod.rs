//! The files of a directory (stand-in until the whole is merged).

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use longshore_aws::Aws;
use longshore_control::service::Wanted;

use crate::config;

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// The directory with the files
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Only the files of this name; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
}

#[expect(clippy::unused_async, reason = "stand-in")]
pub(crate) async fn read(arguments: &Arguments, _: &config::Apply, _: &Aws) -> Result<Vec<Wanted>> {
    let mut found = std::collections::BTreeMap::<String, Wanted>::new();
    for entry in fs_err::read_dir(&arguments.directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let Some((name, kind)) = name.split_once('.') else { continue };
        let value: serde_json::Value = serde_json::from_str(&fs_err::read_to_string(&path)?)?;
        let serde_json::Value::Object(value) = value else { continue };
        let unit = found.entry(name.to_owned()).or_default();
        unit.name = name.to_owned();
        if kind.starts_with("taskdef") {
            unit.task_definition = Some(value);
        } else if kind.starts_with("service") {
            unit.service = Some(value);
        }
    }
    Ok(found
        .into_values()
        .filter(|it| arguments.only.is_empty() || arguments.only.contains(&it.name))
        .collect())
}
