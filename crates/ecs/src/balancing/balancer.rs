//! Load balancers: made, described, changed, deleted.

use core::net::Ipv4Addr;
use longshore_model::{Timestamp, words};
use serde::{Deserialize, Serialize};

use super::attribute::{Changed, OF_BALANCER};
use super::check;
use super::fault::{Fault, FaultKind};
use super::group::Attributes;
use super::limit;
use super::network::network;
use super::of_kind;
use super::page::page;
use super::shape::{Attribute, Done, Tag, shape};
use super::subnet::{AvailabilityZone, SubnetMapping, Zone, read_groups, show_zone};
use super::tags::read_tags;
use crate::cloud::{Cloud, Key};

words! {
    /// From where a load balancer is meant to be reached. Here all are reached from this machine.
    Scheme {
        /// From anywhere.
        InternetFacing = "internet-facing",
        /// From its network.
        Internal = "internal",
    }
}

words! {
    /// Which addresses a load balancer is meant to have.
    AddressType {
        /// IPv4.
        Ipv4 = "ipv4",
        /// IPv4 and IPv6.
        Dualstack = "dualstack",
        /// IPv6, and IPv4 inside its network.
        DualstackWithoutPublicIpv4 = "dualstack-without-public-ipv4",
    }
}

/// The zone of Elastic Load Balancing in Route 53: there is none here, and clients want one.
const HOSTED_ZONE: &str = "Z35SXDOTRQ7X7K";

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoadBalancer {
    pub(super) arn: String,
    pub(super) name: String,
    created: Timestamp,
    scheme: Scheme,
    pub(super) address_type: AddressType,
    pub(super) zones: Vec<Zone>,
    pub(super) security_groups: Vec<String>,
    /// Its own address on the loopback network, at which all of its listeners are.
    pub(super) address: Ipv4Addr,
    pub(super) attributes: Changed,
    pub(super) tags: Vec<Tag>,
}

shape! {
    /// CreateLoadBalancer.
    CreateLoadBalancer {
        name: Option<String>,
        subnets: Vec<String>,
        subnet_mappings: Vec<SubnetMapping>,
        security_groups: Vec<String>,
        scheme: Option<String>,
        tags: Vec<Tag>,
        #[serde(rename = "Type")]
        kind: Option<String>,
        ip_address_type: Option<String>,
    }
}
shape! {
    /// DescribeLoadBalancers.
    DescribeLoadBalancers {
        load_balancer_arns: Vec<String>,
        names: Vec<String>,
        marker: Option<String>,
        page_size: Option<i32>,
    }
}
shape! {
    /// A call about one load balancer.
    OfLoadBalancer { load_balancer_arn: Option<String> }
}
shape! {
    /// ModifyLoadBalancerAttributes.
    ModifyLoadBalancerAttributes { load_balancer_arn: Option<String>, attributes: Vec<Attribute> }
}
shape! {
    /// How far a load balancer is.
    LoadBalancerState { code: String }
}

/// A load balancer as ELB describes it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancerView {
    pub load_balancer_arn: String,
    #[serde(rename = "DNSName")]
    pub dns_name: String,
    pub canonical_hosted_zone_id: String,
    pub created_time: Timestamp,
    pub load_balancer_name: String,
    pub scheme: String,
    pub vpc_id: String,
    pub state: LoadBalancerState,
    #[serde(rename = "Type")]
    pub kind: String,
    pub availability_zones: Vec<AvailabilityZone>,
    pub security_groups: Vec<String>,
    pub ip_address_type: String,
}

/// The answer of the calls that show load balancers.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancers {
    /// All, or a page of them.
    pub load_balancers: Vec<LoadBalancerView>,
    /// Where the next page begins.
    pub next_marker: Option<String>,
}

impl Cloud {
    pub(super) fn create_load_balancer(
        &mut self,
        request: &CreateLoadBalancer,
        now: Timestamp,
    ) -> Result<LoadBalancers, Fault> {
        let mut new = self.new_balancer(request, now)?;
        let prefix = self.scope.elb(format_args!("loadbalancer/app/{}/", new.name));
        if let Some(same) = self.balancing.balancers.values().find(|other| other.arn.starts_with(&prefix)) {
            if !same.is_like(&new) {
                let message = format!(
                    "A load balancer with the same name '{}' exists, but with different settings",
                    new.name
                );
                return Err(Fault::new(FaultKind::DuplicateLoadBalancerName, message));
            }
            return Ok(self.show_balancers(&[same]));
        }
        if self.balancing.balancers.len() >= limit::LOAD_BALANCERS {
            let message = "You've reached the limit on the number of load balancers for your account";
            return Err(Fault::new(FaultKind::TooManyLoadBalancers, message));
        }
        new.arn = format!("{prefix}{:016x}", self.random.next_u64());
        new.address = self.free_address();
        let answer = self.show_balancers(&[&new]);
        self.touch(Key::LoadBalancer(new.arn.clone()));
        self.balancing.balancers.insert(new.arn.clone(), new);
        Ok(answer)
    }

    /// The load balancer that a request asks for, yet without its ARN and its address.
    fn new_balancer(&self, request: &CreateLoadBalancer, now: Timestamp) -> Result<LoadBalancer, Fault> {
        let name = check::required("name", request.name.as_ref())?;
        check::name("The load balancer name", name)?;
        if name.starts_with("internal-") {
            return Err(Fault::invalid(format!(
                "The load balancer name '{name}' cannot begin with 'internal-'"
            )));
        }
        match request.kind.as_deref().unwrap_or("application") {
            "application" => {}
            other @ ("network" | "gateway") => {
                let message = format!(
                    "The local engine has load balancers of type 'application'; '{other}' is not offered"
                );
                return Err(Fault::configuration(message));
            }
            other => {
                return Err(Fault::invalid(format!(
                    "1 validation error detected: Value '{other}' at 'type' failed to satisfy constraint: Member must \
                     satisfy enum value set: [application, network, gateway]"
                )));
            }
        }
        let security_groups = if request.security_groups.is_empty() {
            vec![network(&self.scope).security_group]
        } else {
            read_groups(&request.security_groups)?
        };
        Ok(LoadBalancer {
            arn: String::new(),
            name: name.to_owned(),
            created: now,
            scheme: check::word("scheme", request.scheme.as_deref().unwrap_or("internet-facing"))?,
            address_type: check::word("ipAddressType", request.ip_address_type.as_deref().unwrap_or("ipv4"))?,
            zones: self.read_subnets(&request.subnets, &request.subnet_mappings)?,
            security_groups,
            address: Ipv4Addr::LOCALHOST,
            attributes: Changed::new(),
            tags: read_tags(&[], &request.tags)?,
        })
    }

    /// An address of the loopback network that no load balancer has; never in 127.0.0.0/16, where everything else is.
    fn free_address(&mut self) -> Ipv4Addr {
        loop {
            let [a, b, c, ..] = self.random.next_u64().to_le_bytes();
            let address = Ipv4Addr::new(127, a, b, c);
            let is_host = (1..=254).contains(&a) && (1..=254).contains(&c);
            if is_host && self.balancing.balancers.values().all(|other| other.address != address) {
                return address;
            }
        }
    }

    pub(super) fn describe_load_balancers(
        &self,
        request: &DescribeLoadBalancers,
    ) -> Result<LoadBalancers, Fault> {
        if !request.names.is_empty() && !request.load_balancer_arns.is_empty() {
            let message = "Load balancer names and load balancer ARNs cannot be specified at the same time";
            return Err(Fault::invalid(message));
        }
        for arn in &request.load_balancer_arns {
            self.balancer(Some(arn))?;
        }
        let has_name = |name: &String| self.balancing.balancers.values().any(|it| it.name == *name);
        if let Some(unknown) = request.names.iter().find(|name| !has_name(name)) {
            return Err(not_found(unknown));
        }
        let is_asked = |it: &&LoadBalancer| {
            (request.load_balancer_arns.is_empty() || request.load_balancer_arns.contains(&it.arn))
                && (request.names.is_empty() || request.names.contains(&it.name))
        };
        let found = self.balancing.balancers.values().filter(is_asked).map(|it| (it.arn.clone(), it));
        let (balancers, next_marker) = page(found, request.marker.as_deref(), request.page_size)?;
        Ok(LoadBalancers { next_marker, ..self.show_balancers(&balancers) })
    }

    /// A load balancer that is not there is deleted already. Its listeners go with it.
    pub(super) fn delete_load_balancer(
        &mut self,
        request: &OfLoadBalancer,
        now: Timestamp,
    ) -> Result<Done, Fault> {
        let arn = check::required("loadBalancerArn", request.load_balancer_arn.as_ref())?;
        of_kind(&self.scope, "loadbalancer", arn)?;
        let Some(balancer) = self.balancing.balancers.get(arn) else { return Ok(Done {}) };
        if OF_BALANCER.is_on(&balancer.attributes, "deletion_protection.enabled") {
            let message =
                format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
            return Err(Fault::new(FaultKind::OperationNotPermitted, message));
        }
        for listener in self.balancing.listeners_of(arn).map(|it| it.arn.clone()).collect::<Vec<_>>() {
            self.set_listener(&listener, None, now);
        }
        self.balancing.balancers.remove(arn);
        self.touch(Key::LoadBalancer(arn.to_owned()));
        Ok(Done {})
    }

    pub(super) fn modify_balancer_attributes(
        &mut self,
        request: &ModifyLoadBalancerAttributes,
    ) -> Result<Attributes, Fault> {
        let balancer = self.balancer(request.load_balancer_arn.as_ref())?;
        let changed = OF_BALANCER.change(&balancer.attributes, &request.attributes)?;
        let arn = balancer.arn.clone();
        let attributes = OF_BALANCER.all(&changed);
        self.change_balancer(&arn, |balancer| balancer.attributes = changed);
        self.routes_changed();
        Ok(Attributes { attributes })
    }

    pub(super) fn describe_balancer_attributes(&self, request: &OfLoadBalancer) -> Result<Attributes, Fault> {
        let balancer = self.balancer(request.load_balancer_arn.as_ref())?;
        Ok(Attributes { attributes: OF_BALANCER.all(&balancer.attributes) })
    }

    pub(super) fn change_balancer(&mut self, arn: &str, change: impl FnOnce(&mut LoadBalancer)) {
        if let Some(balancer) = self.balancing.balancers.get_mut(arn) {
            change(balancer);
            self.touch(Key::LoadBalancer(arn.to_owned()));
        }
    }

    /// The load balancer that an ARN names.
    pub(super) fn balancer(&self, arn: Option<&String>) -> Result<&LoadBalancer, Fault> {
        let arn = check::required("loadBalancerArn", arn)?;
        of_kind(&self.scope, "loadbalancer", arn)?;
        self.balancing.balancers.get(arn).ok_or_else(|| not_found(arn))
    }

    fn show_balancers(&self, balancers: &[&LoadBalancer]) -> LoadBalancers {
        let vpc = network(&self.scope).vpc;
        let show = |it: &&LoadBalancer| LoadBalancerView {
            load_balancer_arn: it.arn.clone(),
            dns_name: it.address.to_string(),
            canonical_hosted_zone_id: HOSTED_ZONE.into(),
            created_time: it.created,
            load_balancer_name: it.name.clone(),
            scheme: it.scheme.as_str().into(),
            vpc_id: vpc.clone(),
            state: LoadBalancerState { code: "active".into() },
            kind: "application".into(),
            availability_zones: it.zones.iter().map(show_zone).collect(),
            security_groups: it.security_groups.clone(),
            ip_address_type: it.address_type.as_str().into(),
        };
        LoadBalancers { load_balancers: balancers.iter().map(show).collect(), next_marker: None }
    }
}

impl LoadBalancer {
    /// Whether both were asked for with the same settings.
    fn is_like(&self, other: &Self) -> bool {
        (self.scheme, self.address_type) == (other.scheme, other.address_type)
            && self.zones == other.zones
            && self.security_groups == other.security_groups
    }
}

fn not_found(what: &str) -> Fault {
    Fault::new(FaultKind::LoadBalancerNotFound, format!("Load balancers '[{what}]' not found"))
}
