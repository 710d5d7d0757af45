//! The network that every account has at first: a default VPC with a subnet in each zone and a security group.

use longshore_model::arn::Scope;

/// How many zones a region has here.
const ZONES: [char; 3] = ['a', 'b', 'c'];

/// The default VPC of an account in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Such as `vpc-0a1b2c3d4e5f60718`, the same for ever.
    pub vpc: String,
    /// Its block of addresses.
    pub cidr: &'static str,
    /// One in each zone.
    pub subnets: Vec<Subnet>,
    /// The security group called `default`.
    pub security_group: String,
}

/// A subnet of the default VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Such as `subnet-0a1b2c3d4e5f60718`.
    pub id: String,
    /// Its zone's name, such as `eu-west-1a`.
    pub zone: String,
    /// Its zone's id, such as `euw1-az1`.
    pub zone_id: String,
    /// Its block of addresses.
    pub cidr: String,
}

/// The network of a scope: its ids are made of the account and the region, so that they are known without being stored.
#[must_use]
pub fn network(scope: &Scope) -> Network {
    let short = short_region(&scope.region);
    let subnets = ZONES.iter().enumerate().map(|(at, letter)| Subnet {
        id: id(scope, "subnet", &letter.to_string()),
        zone: format!("{}{letter}", scope.region),
        zone_id: format!("{short}-az{}", at + 1),
        cidr: format!("172.31.{}.0/20", at * 16),
    });
    Network {
        vpc: id(scope, "vpc", ""),
        cidr: "172.31.0.0/16",
        subnets: subnets.collect(),
        security_group: id(scope, "sg", ""),
    }
}

/// An id of EC2's form out of a name: FNV-1a, which is stable everywhere.
fn id(scope: &Scope, prefix: &str, name: &str) -> String {
    let text = format!("{}/{}/{prefix}/{name}", scope.account, scope.region);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{prefix}-0{hash:016x}")
}

/// How zone ids begin: `eu-west-1` is `euw1`.
fn short_region(region: &str) -> String {
    let mut parts = region.split('-');
    let first = parts.next().unwrap_or_default();
    let rest = parts.filter_map(|part| part.chars().next());
    first.chars().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::super::check::is_id;
    use super::*;

    #[test]
    fn ids_are_well_formed_and_differ_by_region() {
        let of = |region: &str| network(&Scope { account: "123456789012".into(), region: region.into() });
        let network = of("eu-west-1");
        assert_eq!(network, of("eu-west-1"));
        assert!(is_id(&network.vpc, "vpc") && is_id(&network.security_group, "sg"), "{network:?}");
        assert!(network.subnets.iter().all(|subnet| is_id(&subnet.id, "subnet")));
        let zones: Vec<_> =
            network.subnets.iter().map(|it| (it.zone.as_str(), it.zone_id.as_str())).collect();
        assert_eq!(
            zones,
            [("eu-west-1a", "euw1-az1"), ("eu-west-1b", "euw1-az2"), ("eu-west-1c", "euw1-az3")]
        );
        assert_ne!(network.vpc, of("us-east-1").vpc);
        assert_eq!(short_region("us-gov-west-1"), "usgw1");
    }
}
