//! Target groups: made, described, changed, deleted.

use std::collections::BTreeMap;

use longshore_model::{Timestamp, words};
use serde::{Deserialize, Serialize};

use super::attribute::{Changed, OF_GROUP};
use super::check;
use super::fault::{Fault, FaultKind};
use super::health_check::{Given, GroupProtocol, HealthCheck, Matcher, ProtocolVersion, with_health_check};
use super::limit;
use super::page::page;
use super::shape::{Attribute, Done, Tag, shape};
use super::tags::read_tags;
use super::target::Registered;
use super::{Target, of_kind};
use crate::cloud::{Cloud, Key};

words! {
    /// What a target group's targets are named by.
    TargetType {
        /// The EC2 instance's id.
        Instance = "instance",
        /// An address.
        Ip = "ip",
    }
}

/// A target group and its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TargetGroup {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) protocol: GroupProtocol,
    pub(super) version: ProtocolVersion,
    pub(super) port: u16,
    pub(super) vpc: String,
    pub(super) target_type: TargetType,
    pub(super) health_check: HealthCheck,
    pub(super) attributes: Changed,
    pub(super) tags: Vec<Tag>,
    #[serde(with = "as_list")]
    pub(super) targets: BTreeMap<Target, Registered>,
}

/// Targets are no keys of a JSON object, so they are stored as a list.
mod as_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::balancing::Target;
    use crate::balancing::target::Registered;

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Target, Registered>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Target, Registered>, D::Error> {
        Ok(Vec::<(Target, Registered)>::deserialize(from)?.into_iter().collect())
    }
}

with_health_check! {
    /// CreateTargetGroup.
    CreateTargetGroup {
        name: Option<String>,
        protocol: Option<String>,
        protocol_version: Option<String>,
        port: Option<i32>,
        vpc_id: Option<String>,
        target_type: Option<String>,
        ip_address_type: Option<String>,
        tags: Vec<Tag>,
    }
}
with_health_check! {
    /// ModifyTargetGroup.
    ModifyTargetGroup { target_group_arn: Option<String> }
}
shape! {
    /// DescribeTargetGroups.
    DescribeTargetGroups {
        load_balancer_arn: Option<String>,
        target_group_arns: Vec<String>,
        names: Vec<String>,
        marker: Option<String>,
        page_size: Option<i32>,
    }
}
shape! {
    /// A call about one target group.
    OfTargetGroup { target_group_arn: Option<String> }
}
shape! {
    /// ModifyTargetGroupAttributes.
    ModifyTargetGroupAttributes { target_group_arn: Option<String>, attributes: Vec<Attribute> }
}
shape! {
    /// A target group as ELB describes it.
    TargetGroupView {
        target_group_arn: String,
        target_group_name: String,
        protocol: String,
        protocol_version: String,
        port: i32,
        vpc_id: String,
        target_type: String,
        ip_address_type: String,
        load_balancer_arns: Vec<String>,
        #[serde(flatten)]
        health_check: Given,
    }
}

/// The answer of the calls that show target groups.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetGroups {
    /// All, or a page of them.
    pub target_groups: Vec<TargetGroupView>,
    /// Where the next page begins.
    pub next_marker: Option<String>,
}

/// The answer of the calls about attributes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// All of them.
    pub attributes: Vec<Attribute>,
}

impl Cloud {
    pub(super) fn create_target_group(&mut self, request: &CreateTargetGroup) -> Result<TargetGroups, Fault> {
        let mut group = self.new_group(request)?;
        let prefix = self.scope.elb(format_args!("targetgroup/{}/", group.name));
        if let Some(same) = self.balancing.groups.values().find(|other| other.arn.starts_with(&prefix)) {
            if !same.is_like(&group) {
                let message = format!(
                    "A target group with the same name '{}' exists, but with different settings",
                    group.name
                );
                return Err(Fault::new(FaultKind::DuplicateTargetGroupName, message));
            }
            return Ok(self.show_groups(&[same]));
        }
        if self.balancing.groups.len() >= limit::TARGET_GROUPS {
            let message = "You've reached the limit on the number of target groups for your account";
            return Err(Fault::new(FaultKind::TooManyTargetGroups, message));
        }
        group.arn = format!("{prefix}{:016x}", self.random.next_u64());
        let answer = self.show_groups(&[&group]);
        self.touch(Key::TargetGroup(group.arn.clone()));
        self.balancing.groups.insert(group.arn.clone(), group);
        Ok(answer)
    }

    /// The group that a request asks for, yet without its ARN.
    fn new_group(&self, request: &CreateTargetGroup) -> Result<TargetGroup, Fault> {
        let name = check::required("name", request.name.as_ref())?;
        check::name("Target group name", name)?;
        let target_type = read_type(request.target_type.as_deref().unwrap_or("instance"))?;
        let missing = |what: &str| Fault::invalid(format!("A {what} must be specified"));
        let protocol = request.protocol.as_deref().ok_or_else(|| missing("protocol"))?;
        let port = request.port.ok_or_else(|| missing("port"))?;
        let vpc = request.vpc_id.clone().ok_or_else(|| missing("VPC ID"))?;
        if !check::is_id(&vpc, "vpc") {
            return Err(Fault::invalid(format!("The VPC ID '{vpc}' is not found")));
        }
        if let Some(other) = request.ip_address_type.as_deref().filter(|it| *it != "ipv4") {
            let message = format!("The local engine's targets have IPv4 addresses; '{other}' is not offered");
            return Err(Fault::configuration(message));
        }
        let version = request.protocol_version.as_deref().unwrap_or("HTTP1");
        let version: ProtocolVersion = check::word("protocolVersion", version)?;
        Ok(TargetGroup {
            arn: String::new(),
            name: name.to_owned(),
            protocol: read_protocol(protocol)?,
            version,
            port: check::port("port", port)?,
            vpc,
            target_type,
            health_check: HealthCheck::new(version).with(&request.health_check(), version)?,
            attributes: Changed::new(),
            tags: read_tags(&[], &request.tags)?,
            targets: BTreeMap::new(),
        })
    }

    pub(super) fn modify_target_group(&mut self, request: &ModifyTargetGroup) -> Result<TargetGroups, Fault> {
        let group = self.group(request.target_group_arn.as_ref())?;
        let health_check = group.health_check.with(&request.health_check(), group.version)?;
        let arn = group.arn.clone();
        self.change_group(&arn, |group| group.health_check = health_check);
        Ok(self.show_groups(&[self.group(Some(&arn))?]))
    }

    /// Changes something of a group that its listeners go by.
    pub(super) fn change_group(&mut self, arn: &str, change: impl FnOnce(&mut TargetGroup)) {
        if let Some(group) = self.balancing.groups.get_mut(arn) {
            change(group);
            self.touch(Key::TargetGroup(arn.to_owned()));
            self.routes_changed();
        }
    }

    pub(super) fn describe_target_groups(
        &self,
        request: &DescribeTargetGroups,
    ) -> Result<TargetGroups, Fault> {
        let asked = [
            request.load_balancer_arn.is_some(),
            !request.target_group_arns.is_empty(),
            !request.names.is_empty(),
        ];
        if asked.into_iter().filter(|it| *it).count() > 1 {
            let message = "Target group names, target group ARNs, and a load balancer ARN cannot be specified at the \
                           same time";
            return Err(Fault::invalid(message));
        }
        for arn in &request.target_group_arns {
            self.group(Some(arn))?;
        }
        let has_name = |name: &String| self.balancing.groups.values().any(|group| group.name == *name);
        if let Some(unknown) = request.names.iter().find(|name| !has_name(name)) {
            return Err(not_found(unknown));
        }
        let balancer = request.load_balancer_arn.as_ref().map(|arn| self.balancer(Some(arn))).transpose()?;
        let is_asked = |group: &&TargetGroup| {
            balancer.is_none_or(|it| self.balancing.balancers_of(&group.arn).contains(&it.arn.as_str()))
                && (request.target_group_arns.is_empty() || request.target_group_arns.contains(&group.arn))
                && (request.names.is_empty() || request.names.contains(&group.name))
        };
        let found = self.balancing.groups.values().filter(is_asked).map(|group| (group.arn.clone(), group));
        let (groups, next_marker) = page(found, request.marker.as_deref(), request.page_size)?;
        Ok(TargetGroups { next_marker, ..self.show_groups(&groups) })
    }

    /// A group that is not there is deleted already.
    pub(super) fn delete_target_group(
        &mut self,
        request: &OfTargetGroup,
        now: Timestamp,
    ) -> Result<Done, Fault> {
        let arn = check::required("targetGroupArn", request.target_group_arn.as_ref())?;
        of_kind(&self.scope, "targetgroup", arn)?;
        if self.balancing.is_used(arn) {
            let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
            return Err(Fault::new(FaultKind::ResourceInUse, message));
        }
        if let Some(group) = self.balancing.groups.remove(arn) {
            self.touch(Key::TargetGroup(arn.to_owned()));
            self.targets_gone(&group, now);
        }
        Ok(Done {})
    }

    pub(super) fn modify_group_attributes(
        &mut self,
        request: &ModifyTargetGroupAttributes,
    ) -> Result<Attributes, Fault> {
        let group = self.group(request.target_group_arn.as_ref())?;
        let changed = OF_GROUP.change(&group.attributes, &request.attributes)?;
        check_cookie(&changed)?;
        let arn = group.arn.clone();
        let attributes = OF_GROUP.all(&changed);
        self.change_group(&arn, |group| group.attributes = changed);
        Ok(Attributes { attributes })
    }

    pub(super) fn describe_group_attributes(&self, request: &OfTargetGroup) -> Result<Attributes, Fault> {
        let group = self.group(request.target_group_arn.as_ref())?;
        Ok(Attributes { attributes: OF_GROUP.all(&group.attributes) })
    }

    /// The group that an ARN names.
    pub(super) fn group(&self, arn: Option<&String>) -> Result<&TargetGroup, Fault> {
        let arn = check::required("targetGroupArn", arn)?;
        of_kind(&self.scope, "targetgroup", arn)?;
        self.balancing.groups.get(arn).ok_or_else(|| not_found(arn))
    }

    fn show_groups(&self, groups: &[&TargetGroup]) -> TargetGroups {
        let show = |group: &&TargetGroup| TargetGroupView {
            target_group_arn: group.arn.clone(),
            target_group_name: group.name.clone(),
            protocol: group.protocol.as_str().into(),
            protocol_version: group.version.as_str().into(),
            port: group.port.into(),
            vpc_id: group.vpc.clone(),
            target_type: group.target_type.as_str().into(),
            ip_address_type: "ipv4".into(),
            load_balancer_arns: self
                .balancing
                .balancers_of(&group.arn)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            health_check: group.health_check.shape(group.version),
        };
        TargetGroups { target_groups: groups.iter().map(show).collect(), next_marker: None }
    }
}

impl TargetGroup {
    /// Whether both were asked for with the same settings.
    fn is_like(&self, other: &Self) -> bool {
        let settings = |it: &Self| (it.protocol, it.version, it.port, it.target_type);
        settings(self) == settings(other) && self.vpc == other.vpc && self.health_check == other.health_check
    }
}

fn not_found(what: &str) -> Fault {
    Fault::new(FaultKind::TargetGroupNotFound, format!("Target groups '{what}' not found"))
}

fn read_type(word: &str) -> Result<TargetType, Fault> {
    if ["lambda", "alb"].contains(&word) {
        let message = format!(
            "The local engine has target groups of type 'instance' and 'ip'; '{word}' is not offered"
        );
        return Err(Fault::configuration(message));
    }
    check::word("targetType", word)
}

fn read_protocol(word: &str) -> Result<GroupProtocol, Fault> {
    if ["TCP", "TLS", "UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC"].contains(&word) {
        let message = format!(
            "The local engine has application load balancers, whose target groups speak 'HTTP' or 'HTTPS'; '{word}' is \
             not offered"
        );
        return Err(Fault::new(FaultKind::UnsupportedProtocol, message));
    }
    check::word("protocol", word)
}

/// An application's own cookie needs a name, and not one of ELB's.
fn check_cookie(changed: &Changed) -> Result<(), Fault> {
    let name = OF_GROUP.value(changed, "stickiness.app_cookie.cookie_name");
    if name.starts_with("AWSALB") {
        return Err(Fault::configuration(format!(
            "The cookie name '{name}' is reserved for use by the load balancer"
        )));
    }
    let is_app = OF_GROUP.value(changed, "stickiness.type") == "app_cookie";
    if is_app && OF_GROUP.is_on(changed, "stickiness.enabled") && name.is_empty() {
        let message = "You must set an application cookie name to enable stickiness of type 'app_cookie'";
        return Err(Fault::configuration(message));
    }
    Ok(())
}
