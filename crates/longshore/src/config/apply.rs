//! `[apply]` of longshore.toml: services, their files and their gates.

use std::collections::BTreeMap;
use std::path::PathBuf;

use longshore_decide::service::files::Rules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::duration::Span;

/// The files of services and task definitions.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Apply {
    /// The cluster of the services, where the command line does not name one.
    pub(crate) cluster: Option<String>,
    /// Whose services these are: the tag by which `--prune` and `destroy` know them.
    pub(crate) project: Option<String>,
    /// What `drift` does not mind: members of a service or a task definition, with dots between the levels, such as
    /// `desiredCount` or `deploymentConfiguration.alarms`.
    pub(crate) ignore: Vec<String>,
    /// More about a service, by its name.
    pub(crate) service: BTreeMap<String, Service>,
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

/// What belongs to a service beside its file.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Service {
    /// Tasks that must do well before a new revision is deployed, in this order.
    pub(crate) before: Vec<Gate>,
    /// Tasks that must do well after it was, in this order; else it is rolled back.
    pub(crate) after: Vec<Gate>,
}

/// A task of the service's own revision that must do well.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gate {
    /// What runs instead of the container's own command.
    pub(crate) command: Vec<String>,
    /// Which container that is for; without it the first essential one.
    pub(crate) container: Option<String>,
    /// More environment variables for it.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// It is stopped, and has failed, after this time, such as `10m`; without it 30 minutes.
    #[serde(default = "gate_timeout")]
    pub(crate) timeout: Span,
}

/// How long a gate may take, unless it says so itself.
const fn gate_timeout() -> Span {
    Span::of_seconds(30 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_a_file_is_settled_in_the_shapes_of_ecs() {
        let text = "prefix = \"dev-\"\n[autocreate]\ndesired_count = 2\nlaunch_type = \"EC2\"\n\
                    placement_constraints = [{ type = \"memberOf\", expression = \"attribute:gpu exists\" }]\n\
                    placement_strategy = [{ type = \"random\" }, { type = \"spread\", field = \"instanceId\" }]\n";
        let apply = toml::from_str::<Apply>(text).unwrap();
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
}
