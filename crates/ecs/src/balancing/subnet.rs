//! Where a load balancer is: its subnets with their zones, and its security groups. Here this is noted, and no more.

use serde::{Deserialize, Serialize};

use super::check;
use super::fault::{Fault, FaultKind};
use super::network::network;
use super::shape::shape;
use crate::cloud::Cloud;

/// A zone in which a load balancer is, by its subnet there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Zone {
    name: String,
    subnet: String,
}

shape! {
    /// A subnet.
    SubnetMapping { subnet_id: Option<String> }
}
shape! {
    /// SetSecurityGroups.
    SetSecurityGroups { load_balancer_arn: Option<String>, security_groups: Vec<String> }
}
shape! {
    /// SetSubnets.
    SetSubnets {
        load_balancer_arn: Option<String>,
        subnets: Vec<String>,
        subnet_mappings: Vec<SubnetMapping>,
        ip_address_type: Option<String>,
    }
}
shape! {
    /// A zone of a load balancer.
    AvailabilityZone { zone_name: String, subnet_id: String }
}
/// The answer of SetSecurityGroups.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecurityGroups {
    /// All of them.
    pub security_group_ids: Vec<String>,
}

/// The answer of SetSubnets.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Subnets {
    /// The zones of the subnets.
    pub availability_zones: Vec<AvailabilityZone>,
    /// Which addresses the load balancer has.
    pub ip_address_type: String,
}

impl Cloud {
    pub(super) fn set_security_groups(
        &mut self,
        request: &SetSecurityGroups,
    ) -> Result<SecurityGroups, Fault> {
        let arn = self.balancer(request.load_balancer_arn.as_ref())?.arn.clone();
        let security_group_ids = read_groups(&request.security_groups)?;
        if security_group_ids.is_empty() {
            return Err(Fault::invalid("At least one security group must be specified"));
        }
        self.change_balancer(&arn, |balancer| balancer.security_groups.clone_from(&security_group_ids));
        Ok(SecurityGroups { security_group_ids })
    }

    pub(super) fn set_subnets(&mut self, request: &SetSubnets) -> Result<Subnets, Fault> {
        let balancer = self.balancer(request.load_balancer_arn.as_ref())?;
        let zones = self.read_subnets(&request.subnets, &request.subnet_mappings)?;
        let given = request.ip_address_type.as_deref();
        let address_type =
            given.map_or(Ok(balancer.address_type), |word| check::word("ipAddressType", word))?;
        let arn = balancer.arn.clone();
        let availability_zones = zones.iter().map(show_zone).collect();
        self.change_balancer(&arn, |balancer| {
            balancer.zones = zones;
            balancer.address_type = address_type;
        });
        Ok(Subnets { availability_zones, ip_address_type: address_type.as_str().into() })
    }

    /// The zones of subnets: those of the default network have theirs, others (nobody can be asked about them) get one
    /// after the other.
    pub(super) fn read_subnets(
        &self,
        plain: &[String],
        mapped: &[SubnetMapping],
    ) -> Result<Vec<Zone>, Fault> {
        if !plain.is_empty() && !mapped.is_empty() {
            return Err(Fault::invalid("Either subnets or subnet mappings can be specified, not both"));
        }
        let mapped: Vec<String> = mapped.iter().filter_map(|it| it.subnet_id.clone()).collect();
        let ids = if mapped.is_empty() { plain } else { &mapped };
        if let Some(wrong) = ids.iter().find(|id| !check::is_id(id, "subnet")) {
            return Err(Fault::new(
                FaultKind::InvalidSubnet,
                format!("The subnet ID '{wrong}' is not valid"),
            ));
        }
        let network = network(&self.scope);
        let is_known = |id: &&String| network.subnets.iter().any(|subnet| subnet.id == **id);
        let taken: Vec<&String> = ids.iter().filter(is_known).collect();
        let mut free = network.subnets.iter().filter(|subnet| !taken.contains(&&subnet.id)).cycle();
        let mut zones: Vec<Zone> = Vec::new();
        for id in ids {
            let known = network.subnets.iter().find(|subnet| subnet.id == *id);
            let Some(subnet) = known.or_else(|| free.next()) else { continue };
            if zones.iter().any(|zone| zone.subnet == *id || (known.is_some() && zone.name == subnet.zone)) {
                let message =
                    "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
                return Err(Fault::configuration(message));
            }
            zones.push(Zone { name: subnet.zone.clone(), subnet: id.clone() });
        }
        if zones.len() < 2 {
            let message = "At least two subnets in two different Availability Zones must be specified";
            return Err(Fault::invalid(message));
        }
        zones.sort_by(|a, b| (&a.name, &a.subnet).cmp(&(&b.name, &b.subnet)));
        Ok(zones)
    }
}

pub(super) fn show_zone(zone: &Zone) -> AvailabilityZone {
    AvailabilityZone { zone_name: zone.name.clone(), subnet_id: zone.subnet.clone() }
}

pub(super) fn read_groups(ids: &[String]) -> Result<Vec<String>, Fault> {
    match ids.iter().find(|id| !check::is_id(id, "sg")) {
        Some(wrong) => Err(Fault::new(
            FaultKind::InvalidSecurityGroup,
            format!("The security group ID '{wrong}' is not valid"),
        )),
        None => Ok(ids.to_vec()),
    }
}
