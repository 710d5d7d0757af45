//! `longshore.toml`: the one configuration file, in the directory that Longshore is started in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use longshore_decide::service::files::Rules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::Failed;

/// The file's name.
pub(crate) const FILE: &str = "longshore.toml";

/// The configuration of a project.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "longshore.toml")]
pub(crate) struct Config {
    /// The files of services and task definitions.
    pub(crate) apply: Apply,
    /// The local engine.
    pub(crate) engine: Engine,
}

/// The local engine.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Engine {
    /// The process runtime.
    pub(crate) process: Process,
}

/// The process runtime.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Process {
    /// What stands for an image's own command, by image (with or without its tag): the process runtime has no images.
    pub(crate) commands: BTreeMap<String, Vec<String>>,
}

/// The files of services and task definitions.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Apply {
    /// Goes before the name of a file that has no family and no serviceName of its own.
    pub(crate) prefix: Option<String>,
    /// The Terraform state file that templates read with `tfstate("ADDRESS")`.
    pub(crate) tfstate: Option<PathBuf>,
    /// Services that a task definition asks for with AUTOCREATE.SERVICE in its text.
    pub(crate) autocreate: Autocreate,
}

/// Services without a file.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Autocreate {
    /// How many tasks.
    pub(crate) desired_count: u32,
    /// Where they run, such as EC2; without it the cluster's default decides.
    pub(crate) launch_type: Option<String>,
    /// Rules for their instances.
    pub(crate) placement_constraints: Vec<Constraint>,
    /// Preferences among their instances.
    pub(crate) placement_strategy: Vec<Strategy>,
}

/// A rule for instances.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Constraint {
    /// `distinctInstance` or `memberOf`.
    #[serde(rename = "type")]
    kind: String,
    /// For memberOf, in the cluster query language.
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<String>,
}

/// A preference among instances.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Strategy {
    /// `random`, `spread` or `binpack`.
    #[serde(rename = "type")]
    kind: String,
    /// What to spread over or to pack by, such as instanceId or memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Default for Autocreate {
    fn default() -> Self {
        Self {
            desired_count: 1,
            launch_type: None,
            placement_constraints: Vec::new(),
            placement_strategy: Vec::new(),
        }
    }
}

impl From<Autocreate> for Rules {
    fn from(wanted: Autocreate) -> Self {
        Self {
            desired_count: wanted.desired_count,
            launch_type: wanted.launch_type,
            placement_constraints: wanted.placement_constraints.iter().map(|each| json!(each)).collect(),
            placement_strategy: wanted.placement_strategy.iter().map(|each| json!(each)).collect(),
            ..Self::default()
        }
    }
}

impl Config {
    /// The configuration in a directory; without a file everything is at its default.
    pub(crate) fn of(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        match fs_err::read_to_string(&path) {
            Ok(text) => parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failed::usage(format!("cannot read `{FILE}`")).caused_by(error).into()),
        }
    }
}

fn parse(text: &str) -> Result<Config> {
    toml::from_str(text).map_err(|error| {
        let failed = Failed::usage(format!("`{FILE}` is wrong: {}", error.message()));
        let failed = match error.span() {
            Some(span) => {
                let line = text[..span.start].lines().count().max(1);
                failed.with_hint(match nearest(error.message()) {
                    Some(known) => format!("line {line}: did you mean `{known}`?"),
                    None => format!("look at line {line}"),
                })
            }
            None => failed,
        };
        failed.into()
    })
}

/// The known key that is most like the unknown one, from serde's sentence about it.
fn nearest(message: &str) -> Option<&str> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    quoted.max_by(|a, b| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_by_image() {
        let config =
            parse("[engine.process.commands]\nnginx = [\"python3\", \"-m\", \"http.server\"]\n").unwrap();
        assert_eq!(config.engine.process.commands["nginx"], ["python3", "-m", "http.server"]);
    }

    #[test]
    fn a_service_without_a_file_is_settled_in_the_shapes_of_ecs() {
        let text = "[apply]\nprefix = \"dev-\"\n[apply.autocreate]\ndesired_count = 2\nlaunch_type = \"EC2\"\n\
                    placement_constraints = [{ type = \"memberOf\", expression = \"attribute:gpu exists\" }]\n\
                    placement_strategy = [{ type = \"random\" }, { type = \"spread\", field = \"instanceId\" }]\n";
        let apply = parse(text).unwrap().apply;
        assert_eq!(apply.prefix.as_deref(), Some("dev-"));
        let expected = Rules {
            prefix: String::new(),
            desired_count: 2,
            launch_type: Some("EC2".to_owned()),
            placement_constraints: vec![json!({"type": "memberOf", "expression": "attribute:gpu exists"})],
            placement_strategy: vec![
                json!({"type": "random"}),
                json!({"type": "spread", "field": "instanceId"}),
            ],
        };
        assert_eq!(Rules::from(apply.autocreate), expected);
        assert_eq!(Rules::from(Autocreate::default()), Rules::default());
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest_known_one() {
        let error = parse("[engine.proces.commands]\n").unwrap_err();
        let failed = error.downcast_ref::<Failed>().unwrap();
        assert!(failed.to_string().contains("unknown field `proces`"), "{failed}");
        assert_eq!(nearest("unknown field `proces`, expected `process`"), Some("process"));
        assert_eq!(nearest("invalid type"), None);
    }

    /// The published schema is this one: `LONGSHORE_ACCEPT=1 cargo test -p longshore schema` writes it anew.
    #[test]
    fn the_published_schema_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/longshore.schema.json");
        let schema = serde_json::to_string_pretty(&schemars::schema_for!(Config)).unwrap() + "\n";
        if crate::env::accept() {
            fs_err::write(&path, &schema).unwrap();
        }
        assert_eq!(fs_err::read_to_string(&path).unwrap(), schema);
    }
}
