//! What was changed in the world, and whose it was at that moment: independent of what any reconciler believes.

use std::collections::BTreeMap;

use longshore_model::Timestamp;
use serde_json::{Value, json};

use super::Inner;

/// A call that changed something, or tried to.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Such as `DeleteService`.
    pub operation: &'static str,
    /// The name or ARN of what it is about; for things that are made, what was asked for.
    pub of: String,
    /// The tags that the thing had before, or was to be made with.
    pub tags: BTreeMap<String, String>,
    /// The call's own document.
    pub input: Value,
    /// Whether it was carried out.
    pub is_done: bool,
}

impl Inner {
    /// Writes down a call that is about to be made. Looks change nothing, and are not written down.
    pub(crate) fn note(&mut self, operation: &'static str, input: &Value) {
        let text = |member: &str| input[member].as_str().unwrap_or_default().to_owned();
        let (of, tags) = match operation {
            "CreateService" => (text("serviceName"), read_tags(&input["tags"])),
            "RegisterTaskDefinition" => (text("family"), read_tags(&input["tags"])),
            "UpdateService" | "DeleteService" => (text("service"), self.tags_of_service(input)),
            "DeregisterTaskDefinition" => (text("taskDefinition"), self.tags_of_revision(input)),
            "CreateTargetGroup" => (text("Name"), read_tags(&input["Tags"])),
            "CreateListener" => (text("LoadBalancerArn"), read_tags(&input["Tags"])),
            "CreateRule" => (text("ListenerArn"), read_tags(&input["Tags"])),
            "DeleteTargetGroup" => (text("TargetGroupArn"), self.tags_of(&text("TargetGroupArn"))),
            "DeleteListener" => (text("ListenerArn"), self.tags_of(&text("ListenerArn"))),
            "DeleteRule" => (text("RuleArn"), self.tags_of(&text("RuleArn"))),
            "TagResource" | "UntagResource" => (text("resourceArn"), BTreeMap::new()),
            _ => return,
        };
        let act = Act { at: self.now, operation, of, tags, input: input.clone(), is_done: false };
        self.acts.push(act);
    }

    /// The call that was written down last has been carried out.
    pub(crate) fn done(&mut self) {
        if let Some(act) = self.acts.last_mut() {
            act.is_done = true;
        }
    }

    fn tags_of_service(&mut self, input: &Value) -> BTreeMap<String, String> {
        let body = json!({"cluster": input["cluster"], "services": [input["service"]], "include": ["TAGS"]});
        let seen = self.ask("look", "DescribeServices", body).unwrap_or_default();
        read_tags(&seen["services"][0]["tags"])
    }

    fn tags_of_revision(&mut self, input: &Value) -> BTreeMap<String, String> {
        let body = json!({"taskDefinition": input["taskDefinition"], "include": ["TAGS"]});
        let seen = self.ask("look", "DescribeTaskDefinition", body).unwrap_or_default();
        read_tags(&seen["tags"])
    }

    fn tags_of(&mut self, arn: &str) -> BTreeMap<String, String> {
        let seen = self.state.balance("DescribeTags", json!({"ResourceArns": [arn]}), self.now);
        read_tags(&seen.unwrap_or_default()["TagDescriptions"][0]["Tags"])
    }
}

/// Tags in ECS's or ELB's form.
fn read_tags(list: &Value) -> BTreeMap<String, String> {
    let text = |tag: &Value, one: &str, other: &str| {
        tag[one].as_str().or(tag[other].as_str()).unwrap_or_default().to_owned()
    };
    let tags = list.as_array().into_iter().flatten();
    tags.map(|tag| (text(tag, "key", "Key"), text(tag, "value", "Value"))).collect()
}
