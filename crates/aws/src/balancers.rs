//! Elastic Load Balancing for environments: target groups, listeners and rules of shared load balancers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use longshore_model::seen::TargetHealth;
use longshore_model::tag::Tag;
use longshore_model::{Error, Kind};
use longshore_world::{Balancers, Listener, LoadBalancer, Rule, Share, TargetGroup};
use roxmltree::Node;
use serde_json::{Value, json};

use crate::elb::{ELB, VERSION};
use crate::surroundings::unless_missing;
use crate::{Aws, form, signed};

/// How many things one call of DescribeTags takes, and how many names or ARNs we put into others.
const AT_ONCE: usize = 20;

/// How many things are in a page at most.
const PAGE: &str = "400";

#[async_trait]
impl Balancers for Aws {
    async fn load_balancer(&self, arn: &str) -> Result<Option<LoadBalancer>, Error> {
        let what = format!("describe load balancer `{arn}`");
        let input = json!({"LoadBalancerArns": [arn]});
        let found =
            self.elb_items("DescribeLoadBalancers", &what, &input, "LoadBalancers", load_balancer).await;
        Ok(unless_missing(found)?.and_then(|found| found.into_iter().next()))
    }

    async fn target_groups(&self, names: &[String]) -> Result<Vec<TargetGroup>, Error> {
        let what = "describe target groups";
        let mut found = self
            .elb_existing("DescribeTargetGroups", what, "Names", names, "TargetGroups", target_group)
            .await?;
        let arns: Vec<String> = found.iter().map(|group| group.arn.clone()).collect();
        let mut tags = Balancers::tags(self, &arns).await?;
        found.iter_mut().for_each(|group| group.tags = tags.remove(&group.arn).unwrap_or_default());
        Ok(found)
    }

    async fn create_target_group(&self, input: &Value) -> Result<TargetGroup, Error> {
        let name = input["Name"].as_str().unwrap_or_default();
        let what = format!("create target group `{name}`");
        let made = self.elb_items("CreateTargetGroup", &what, input, "TargetGroups", target_group).await?;
        let made = made.into_iter().next().ok_or_else(|| signed::unreadable(&what))?;
        // One that is there with the same settings is the answer, too: its tags are looked at in the next round.
        let tags = input["Tags"].as_array().into_iter().flatten().map(tag).collect();
        Ok(TargetGroup { tags, ..made })
    }

    async fn delete_target_group(&self, arn: &str) -> Result<(), Error> {
        let what = format!("delete target group `{arn}`");
        self.elb_delete("DeleteTargetGroup", &what, &json!({"TargetGroupArn": arn})).await
    }

    async fn listeners(&self, load_balancer: &str) -> Result<Vec<Listener>, Error> {
        let what = format!("describe the listeners of load balancer `{load_balancer}`");
        let input = json!({"LoadBalancerArn": load_balancer, "PageSize": PAGE});
        self.elb_items("DescribeListeners", &what, &input, "Listeners", listener).await
    }

    async fn listener(&self, arn: &str) -> Result<Option<(Listener, String)>, Error> {
        let what = format!("describe listener `{arn}`");
        let input = json!({"ListenerArns": [arn]});
        let found = self.elb_items("DescribeListeners", &what, &input, "Listeners", listener_of).await;
        Ok(unless_missing(found)?.and_then(|found| found.into_iter().next()))
    }

    async fn create_listener(
        &self,
        load_balancer: &str,
        port: u16,
        target_group: &str,
        tags: &[Tag],
    ) -> Result<Listener, Error> {
        let what = format!("create a listener on port {port} of load balancer `{load_balancer}`");
        let input = json!({
            "LoadBalancerArn": load_balancer, "Protocol": "HTTP", "Port": port,
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": target_group}], "Tags": given(tags),
        });
        let made = self.elb_items("CreateListener", &what, &input, "Listeners", listener).await?;
        made.into_iter().next().ok_or_else(|| signed::unreadable(&what))
    }

    async fn delete_listener(&self, arn: &str) -> Result<(), Error> {
        let what = format!("delete listener `{arn}`");
        self.elb_delete("DeleteListener", &what, &json!({"ListenerArn": arn})).await
    }

    async fn rules(&self, listener: &str) -> Result<Vec<Rule>, Error> {
        let what = format!("describe the rules of listener `{listener}`");
        let input = json!({"ListenerArn": listener, "PageSize": PAGE});
        let all = self.elb_items("DescribeRules", &what, &input, "Rules", rule).await?;
        Ok(all.into_iter().flatten().collect())
    }

    async fn create_rule(
        &self,
        listener: &str,
        priority: u32,
        host: Option<&str>,
        share: &Share,
        tags: &[Tag],
    ) -> Result<Rule, Error> {
        let what = format!("create a rule with priority {priority} of listener `{listener}`");
        let host = host.map(|host| json!({"Field": "host-header", "HostHeaderConfig": {"Values": [host]}}));
        let paths = (!share.paths.is_empty())
            .then(|| json!({"Field": "path-pattern", "PathPatternConfig": {"Values": share.paths}}));
        let conditions: Vec<Value> = host.into_iter().chain(paths).collect();
        let input = json!({
            "ListenerArn": listener, "Priority": priority, "Conditions": conditions,
            "Actions": [{"Type": "forward", "TargetGroupArn": share.target_group}], "Tags": given(tags),
        });
        let made = self.elb_items("CreateRule", &what, &input, "Rules", rule).await?;
        made.into_iter().flatten().next().ok_or_else(|| signed::unreadable(&what))
    }

    async fn delete_rule(&self, arn: &str) -> Result<(), Error> {
        let what = format!("delete rule `{arn}`");
        self.elb_delete("DeleteRule", &what, &json!({"RuleArn": arn})).await
    }

    async fn tags(&self, arns: &[String]) -> Result<BTreeMap<String, Vec<Tag>>, Error> {
        let what = "describe the tags of load balancing";
        let found =
            self.elb_existing("DescribeTags", what, "ResourceArns", arns, "TagDescriptions", tags_of).await?;
        Ok(found.into_iter().collect())
    }

    async fn target_health(&self, target_group: &str) -> Result<BTreeMap<String, TargetHealth>, Error> {
        let what = format!("describe the health of the targets of `{target_group}`");
        let input = json!({"TargetGroupArn": target_group});
        let list = "TargetHealthDescriptions";
        let found = self.elb_items("DescribeTargetHealth", &what, &input, list, health).await?;
        Ok(found.into_iter().collect())
    }
}

impl Aws {
    async fn elb(&self, operation: &'static str, what: &str, input: &Value) -> Result<String, Error> {
        let endpoint = self.endpoint(ELB).url;
        self.query_with(ELB, &endpoint, VERSION, operation, what, &form::members(input)).await
    }

    /// The items of a list, from all pages.
    async fn elb_items<T: Send>(
        &self,
        operation: &'static str,
        what: &str,
        input: &Value,
        list: &'static str,
        read: fn(Node<'_, '_>) -> T,
    ) -> Result<Vec<T>, Error> {
        let mut input = input.clone();
        let mut all = Vec::new();
        loop {
            let answer = self.elb(operation, what, &input).await?;
            let document = form::document(what, &answer)?;
            all.extend(form::items(what, &document, list)?.into_iter().map(read));
            match signed::xml_text(&answer, "NextMarker").filter(|marker| !marker.is_empty()) {
                Some(marker) => input["Marker"] = json!(marker),
                None => return Ok(all),
            }
        }
    }

    /// The items that are there, of many that are named. ELB refuses a call as soon as one of them is missing: then
    /// halves are asked for.
    async fn elb_existing<T: Send>(
        &self,
        operation: &'static str,
        what: &str,
        member: &'static str,
        named: &[String],
        list: &'static str,
        read: fn(Node<'_, '_>) -> T,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        let mut parts: Vec<&[String]> = named.chunks(AT_ONCE).rev().collect();
        while let Some(part) = parts.pop() {
            match self.elb_items(operation, what, &json!({ member: part }), list, read).await {
                Ok(items) => found.extend(items),
                Err(error) if error.kind() == Kind::NotFound => {
                    if part.len() > 1 {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([second, first]);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn elb_delete(&self, operation: &'static str, what: &str, input: &Value) -> Result<(), Error> {
        unless_missing(self.elb(operation, what, input).await).map(drop)
    }
}

fn load_balancer(node: Node<'_, '_>) -> LoadBalancer {
    LoadBalancer {
        arn: form::text(node, "LoadBalancerArn"),
        dns_name: form::text(node, "DNSName"),
        vpc: form::text(node, "VpcId"),
    }
}

/// Without its tags, which another call tells.
fn target_group(node: Node<'_, '_>) -> TargetGroup {
    TargetGroup {
        arn: form::text(node, "TargetGroupArn"),
        name: form::text(node, "TargetGroupName"),
        tags: Vec::new(),
    }
}

fn tags_of(node: Node<'_, '_>) -> (String, Vec<Tag>) {
    (form::text(node, "ResourceArn"), form::tags(node))
}

/// A target as `ID:PORT`, and what is found of it.
fn health(node: Node<'_, '_>) -> (String, TargetHealth) {
    let of = |name, member| form::child(node, name).map(|it| form::text(it, member)).unwrap_or_default();
    let found =
        TargetHealth { state: of("TargetHealth", "State"), description: of("TargetHealth", "Description") };
    (format!("{}:{}", of("Target", "Id"), of("Target", "Port")), found)
}

/// A listener, and its load balancer's ARN.
fn listener_of(node: Node<'_, '_>) -> (Listener, String) {
    (listener(node), form::text(node, "LoadBalancerArn"))
}

fn listener(node: Node<'_, '_>) -> Listener {
    Listener {
        arn: form::text(node, "ListenerArn"),
        port: form::text(node, "Port").parse().unwrap_or_default(),
        protocol: form::text(node, "Protocol"),
    }
}

/// A rule; `None` for the default one, which has no number.
fn rule(node: Node<'_, '_>) -> Option<Rule> {
    let conditions = form::child(node, "Conditions").into_iter().flat_map(|list| list.children());
    let of_host = conditions.filter(|condition| form::text(*condition, "Field") == "host-header");
    let hosts = of_host.flat_map(|condition| match form::child(condition, "HostHeaderConfig") {
        Some(config) => form::texts(config, "Values"),
        None => form::texts(condition, "Values"),
    });
    Some(Rule {
        priority: form::text(node, "Priority").parse().ok()?,
        arn: form::text(node, "RuleArn"),
        hosts: hosts.collect(),
    })
}

fn given(tags: &[Tag]) -> Vec<Value> {
    tags.iter()
        .map(|tag| json!({"Key": tag.key, "Value": tag.value.as_deref().unwrap_or_default()}))
        .collect()
}

fn tag(given: &Value) -> Tag {
    let text = |name: &str| given[name].as_str().map(ToOwned::to_owned);
    Tag { key: text("Key").unwrap_or_default(), value: text("Value") }
}

#[cfg(test)]
#[path = "balancers_tests.rs"]
mod tests;
