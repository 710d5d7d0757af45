//! Of EC2 what load balancers and services need beside them: the default network of an account, and the instances that
//! container instances are, described.

use std::collections::BTreeMap;

use hyper::StatusCode;
use longshore_ecs::balancing::network::{Network, Subnet, network};
use longshore_model::arn::Scope;
use serde::Deserialize;
use serde_json::{Value, json};

use super::query::{self, Form};
use super::{Answer, protocol};
use crate::beside::identity::escape;
use crate::refusal::Refusal;

/// The name in signatures.
pub(super) const SERVICE: &str = "ec2";
/// The version of the API.
pub(super) const VERSION: &str = "2016-11-15";
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
/// The addresses of a /20 without the five that AWS keeps.
const FREE_ADDRESSES: i32 = 4091;
/// Where instances are.
const ADDRESS: &str = "127.0.0.1";

/// A request of any of the actions: ids of what is described, and filters.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Describe {
    instance_id: Vec<String>,
    vpc_id: Vec<String>,
    subnet_id: Vec<String>,
    group_id: Vec<String>,
    group_name: Vec<String>,
    zone_name: Vec<String>,
    zone_id: Vec<String>,
    filter: Vec<Filter>,
}

/// One of the values must be that of the field with this name; `*` and `?` are wildcards.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Filter {
    name: String,
    value: Vec<String>,
}

/// Something that is described.
struct Item {
    /// The fields that filters look at.
    fields: Vec<(&'static str, String)>,
    xml: Value,
}

/// The ids of instances, each with its availability zone.
pub(super) type Instances = BTreeMap<String, Option<String>>;

pub(super) fn call(
    scope: &Scope,
    instances: &Instances,
    action: &str,
    form: Form,
    request_id: &str,
) -> Answer {
    match describe(scope, instances, action, form) {
        Ok(value) => {
            let mut result = String::new();
            query::write_xml(&value, "item", &mut result);
            let id = escape(request_id);
            let body = format!(
                "<{action}Response xmlns=\"{NAMESPACE}\"><requestId>{id}</requestId>{result}</{action}Response>\n"
            );
            protocol::xml(StatusCode::OK, body)
        }
        Err(refusal) => refused(&refusal, request_id),
    }
}

/// A refusal in EC2's own form of the query protocol.
pub(super) fn refused(refusal: &Refusal, request_id: &str) -> Answer {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let code = escape(refusal.code.trim_end_matches("Exception"));
    let message = escape(refusal.message.as_deref().unwrap_or_default());
    let id = escape(request_id);
    let body = format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>{id}</RequestID></Response>\n"
    );
    protocol::xml(status, body)
}

fn describe(scope: &Scope, instances: &Instances, action: &str, form: Form) -> Result<Value, Refusal> {
    let network = network(scope);
    let (set, mut items) = match action {
        "DescribeVpcs" => ("vpcSet", vpcs(scope, &network)),
        "DescribeSubnets" => ("subnetSet", subnets(scope, &network)),
        "DescribeSecurityGroups" => ("securityGroupInfo", security_groups(scope, &network)),
        "DescribeAvailabilityZones" => ("availabilityZoneInfo", zones(scope, &network)),
        "DescribeInstances" => ("reservationSet", self::instances(scope, &network, instances)),
        _ => return Err(query::unknown_action(action, VERSION)),
    };
    let request = Describe::deserialize(form).map_err(|error| query::malformed(&error))?;
    let (main, wanted) = match action {
        "DescribeVpcs" => ("vpc-id", &request.vpc_id),
        "DescribeSubnets" => ("subnet-id", &request.subnet_id),
        "DescribeSecurityGroups" => ("group-id", &request.group_id),
        "DescribeInstances" => ("instance-id", &request.instance_id),
        _ => ("zone-name", &request.zone_name),
    };
    keep(&mut items, main, wanted)?;
    match action {
        "DescribeSecurityGroups" => keep(&mut items, "group-name", &request.group_name)?,
        "DescribeAvailabilityZones" => keep(&mut items, "zone-id", &request.zone_id)?,
        _ => {}
    }
    for filter in &request.filter {
        apply(&mut items, filter)?;
    }
    let items: Vec<Value> = items.into_iter().map(|item| item.xml).collect();
    Ok(json!({ set: items }))
}

/// Keeps what is named, all of which must be there.
fn keep(items: &mut Vec<Item>, field: &str, wanted: &[String]) -> Result<(), Refusal> {
    if let Some(unknown) = wanted.iter().find(|id| !items.iter().any(|item| item.is(field, id))) {
        let (code, message) = match field {
            "vpc-id" => ("InvalidVpcID.NotFound", format!("The vpc ID '{unknown}' does not exist")),
            "instance-id" => {
                ("InvalidInstanceID.NotFound", format!("The instance ID '{unknown}' does not exist"))
            }
            "subnet-id" => ("InvalidSubnetID.NotFound", format!("The subnet ID '{unknown}' does not exist")),
            "group-id" | "group-name" => {
                ("InvalidGroup.NotFound", format!("The security group '{unknown}' does not exist"))
            }
            _ => ("InvalidParameterValue", format!("Invalid availability zone: [{unknown}]")),
        };
        return Err(Refusal::new(code, message));
    }
    if !wanted.is_empty() {
        items.retain(|item| wanted.iter().any(|id| item.is(field, id)));
    }
    Ok(())
}

fn apply(items: &mut Vec<Item>, filter: &Filter) -> Result<(), Refusal> {
    if filter.name.starts_with("tag:") || filter.name == "tag-key" {
        // Nothing of the default network has a tag.
        items.clear();
        return Ok(());
    }
    let name = match filter.name.as_str() {
        "isDefault" => "is-default",
        "defaultForAz" => "default-for-az",
        "availabilityZone" => "availability-zone",
        "cidr" => "cidr-block",
        "vpcId" => "vpc-id",
        other => other,
    };
    if !items.is_empty() && !items.iter().any(|item| item.fields.iter().any(|(known, _)| *known == name)) {
        return Err(Refusal::new(
            "InvalidParameterValue",
            format!("The filter '{}' is invalid", filter.name),
        ));
    }
    items.retain(|item| {
        let mut values = item.fields.iter().filter(|(known, _)| *known == name).map(|(_, value)| value);
        values.any(|value| filter.value.iter().any(|pattern| matches(pattern.as_bytes(), value.as_bytes())))
    });
    Ok(())
}

/// Whether a text is like a pattern with `*` and `?`.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Where the last `*` is, and how much of the text it stands for so far.
    let (mut at, mut star, mut taken) = (0, None, 0);
    let mut read = 0;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                (star, taken) = (Some(at), read);
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some(last) = star else { return false };
                taken += 1;
                (at, read) = (last + 1, taken);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

impl Item {
    fn is(&self, field: &str, value: &str) -> bool {
        self.fields.iter().any(|(known, own)| *known == field && own == value)
    }
}

fn vpcs(scope: &Scope, network: &Network) -> Vec<Item> {
    let fields = vec![
        ("vpc-id", network.vpc.clone()),
        ("is-default", "true".into()),
        ("cidr", network.cidr.into()),
        ("cidr-block", network.cidr.into()),
        ("state", "available".into()),
        ("owner-id", scope.account.clone()),
    ];
    let xml = json!({
        "vpcId": network.vpc, "ownerId": scope.account, "state": "available", "cidrBlock": network.cidr,
        "isDefault": true, "instanceTenancy": "default", "dhcpOptionsId": "default",
        "cidrBlockAssociationSet": [{
            "associationId": network.vpc.replacen("vpc", "vpc-cidr-assoc", 1),
            "cidrBlock": network.cidr,
            "cidrBlockState": {"state": "associated"},
        }],
        "tagSet": [],
    });
    vec![Item { fields, xml }]
}

fn subnets(scope: &Scope, network: &Network) -> Vec<Item> {
    let item = |subnet: &Subnet| Item {
        fields: vec![
            ("subnet-id", subnet.id.clone()),
            ("vpc-id", network.vpc.clone()),
            ("availability-zone", subnet.zone.clone()),
            ("availability-zone-id", subnet.zone_id.clone()),
            ("default-for-az", "true".into()),
            ("map-public-ip-on-launch", "true".into()),
            ("cidr-block", subnet.cidr.clone()),
            ("state", "available".into()),
            ("owner-id", scope.account.clone()),
        ],
        xml: json!({
            "subnetId": subnet.id, "vpcId": network.vpc, "ownerId": scope.account, "state": "available",
            "subnetArn": format!("arn:{}:ec2:{}:{}:subnet/{}", scope.partition(), scope.region, scope.account, subnet.id),
            "cidrBlock": subnet.cidr, "availabilityZone": subnet.zone, "availabilityZoneId": subnet.zone_id,
            "availableIpAddressCount": FREE_ADDRESSES, "defaultForAz": true, "mapPublicIpOnLaunch": true,
            "assignIpv6AddressOnCreation": false, "ipv6Native": false, "tagSet": [],
        }),
    };
    network.subnets.iter().map(item).collect()
}

fn security_groups(scope: &Scope, network: &Network) -> Vec<Item> {
    let id = &network.security_group;
    let fields = vec![
        ("group-id", id.clone()),
        ("group-name", "default".into()),
        ("vpc-id", network.vpc.clone()),
        ("description", "default VPC security group".into()),
        ("owner-id", scope.account.clone()),
    ];
    let own = json!([{"groupId": id, "userId": scope.account}]);
    let everywhere = json!([{"cidrIp": "0.0.0.0/0"}]);
    let xml = json!({
        "groupId": id, "groupName": "default", "groupDescription": "default VPC security group",
        "vpcId": network.vpc, "ownerId": scope.account,
        "securityGroupArn":
            format!("arn:{}:ec2:{}:{}:security-group/{id}", scope.partition(), scope.region, scope.account),
        "ipPermissions": [{"ipProtocol": "-1", "groups": own, "ipRanges": [], "ipv6Ranges": [], "prefixListIds": []}],
        "ipPermissionsEgress":
            [{"ipProtocol": "-1", "groups": [], "ipRanges": everywhere, "ipv6Ranges": [], "prefixListIds": []}],
        "tagSet": [],
    });
    vec![Item { fields, xml }]
}

fn zones(scope: &Scope, network: &Network) -> Vec<Item> {
    let item = |subnet: &Subnet| Item {
        fields: vec![
            ("zone-name", subnet.zone.clone()),
            ("zone-id", subnet.zone_id.clone()),
            ("region-name", scope.region.clone()),
            ("state", "available".into()),
            ("zone-type", "availability-zone".into()),
            ("opt-in-status", "opt-in-not-required".into()),
        ],
        xml: json!({
            "zoneName": subnet.zone, "zoneId": subnet.zone_id, "regionName": scope.region, "zoneState": "available",
            "zoneType": "availability-zone", "optInStatus": "opt-in-not-required", "groupName": scope.region,
            "networkBorderGroup": scope.region, "messageSet": [],
        }),
    };
    network.subnets.iter().map(item).collect()
}

/// Every instance is this machine: what its tasks publish is reached on the loopback network.
fn instances(scope: &Scope, network: &Network, instances: &Instances) -> Vec<Item> {
    let item = |(id, zone): (&String, &Option<String>)| {
        let in_zone = |subnet: &&Subnet| Some(&subnet.zone) == zone.as_ref();
        let subnet = network.subnets.iter().find(in_zone).or(network.subnets.first());
        let (subnet, zone) = subnet.map_or(("", ""), |it| (it.id.as_str(), it.zone.as_str()));
        let fields = vec![
            ("instance-id", id.clone()),
            ("private-ip-address", ADDRESS.into()),
            ("availability-zone", zone.into()),
            ("instance-state-name", "running".into()),
            ("subnet-id", subnet.into()),
            ("vpc-id", network.vpc.clone()),
            ("owner-id", scope.account.clone()),
        ];
        let instance = json!({
            "instanceId": id, "instanceState": {"code": 16, "name": "running"}, "privateIpAddress": ADDRESS,
            "privateDnsName": "localhost", "instanceType": "longshore.local", "vpcId": network.vpc,
            "subnetId": subnet, "placement": {"availabilityZone": zone}, "tagSet": [],
        });
        let reservation = id.replacen("i-", "r-", 1);
        let xml = json!({
            "reservationId": reservation, "ownerId": scope.account, "groupSet": [], "instancesSet": [instance],
        });
        Item { fields, xml }
    };
    instances.iter().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(action: &str, body: &str) -> Result<Value, String> {
        let scope = Scope { account: "123456789012".into(), region: "eu-west-1".into() };
        let zone = Some("eu-west-1b".to_owned());
        let instances = [("i-0a".to_owned(), zone), ("i-0b".to_owned(), None)].into();
        describe(&scope, &instances, action, Form::parse(body.as_bytes())).map_err(|refusal| refusal.code)
    }

    #[test]
    fn an_instance_is_this_machine() {
        let answer = ask("DescribeInstances", "Filter.1.Name=instance-id&Filter.1.Value.1=i-0a").unwrap();
        let [reservation] = &answer["reservationSet"].as_array().unwrap()[..] else { panic!("{answer}") };
        let instance = &reservation["instancesSet"][0];
        assert_eq!(
            (&instance["instanceId"], &instance["privateIpAddress"]),
            (&json!("i-0a"), &json!("127.0.0.1"))
        );
        assert_eq!(instance["placement"]["availabilityZone"], "eu-west-1b");
    }

    fn count(action: &str, body: &str) -> usize {
        let answer = ask(action, body).unwrap();
        answer.as_object().unwrap().values().map(|set| set.as_array().unwrap().len()).sum()
    }

    #[test]
    fn filters_keep_what_is_like_them() {
        for (action, body, expected) in [
            ("DescribeVpcs", "", 1),
            ("DescribeVpcs", "Filter.1.Name=isDefault&Filter.1.Value.1=true", 1),
            ("DescribeVpcs", "Filter.1.Name=is-default&Filter.1.Value.1=false", 0),
            ("DescribeSubnets", "", 3),
            ("DescribeSubnets", "Filter.1.Name=default-for-az&Filter.1.Value.1=true", 3),
            ("DescribeSubnets", "Filter.1.Name=availability-zone&Filter.1.Value.1=*b&Filter.1.Value.2=*c", 2),
            (
                "DescribeSubnets",
                "Filter.1.Name=cidr-block&Filter.1.Value.1=172.*&Filter.2.Name=tag:a&Filter.2.Value.1=b",
                0,
            ),
            ("DescribeSecurityGroups", "Filter.1.Name=group-name&Filter.1.Value.1=default", 1),
            ("DescribeSecurityGroups", "GroupName.1=default", 1),
            ("DescribeAvailabilityZones", "ZoneName.1=eu-west-1a", 1),
            ("DescribeInstances", "", 2),
            ("DescribeInstances", "InstanceId.1=i-0b", 1),
            ("DescribeInstances", "Filter.1.Name=instance-id&Filter.1.Value.1=i-0c", 0),
        ] {
            assert_eq!(count(action, body), expected, "{action} {body}");
        }
    }

    #[test]
    fn what_is_unknown_is_refused() {
        for (action, body, code) in [
            ("DescribeVpcs", "VpcId.1=vpc-0123abcd", "InvalidVpcID.NotFound"),
            ("DescribeSubnets", "SubnetId.1=subnet-0123abcd", "InvalidSubnetID.NotFound"),
            ("DescribeInstances", "InstanceId.1=i-0c", "InvalidInstanceID.NotFound"),
            ("DescribeSecurityGroups", "GroupId.1=sg-0123abcd", "InvalidGroup.NotFound"),
            ("DescribeSecurityGroups", "GroupName.1=web", "InvalidGroup.NotFound"),
            ("DescribeAvailabilityZones", "ZoneName.1=us-east-1a", "InvalidParameterValue"),
            ("DescribeSubnets", "Filter.1.Name=colour&Filter.1.Value.1=red", "InvalidParameterValue"),
            ("DescribeSubnets", "Filter=red", "MalformedInput"),
            ("RunInstances", "", "InvalidAction"),
        ] {
            assert_eq!(ask(action, body), Err(code.to_owned()), "{action} {body}");
        }
    }

    #[test]
    fn patterns_have_two_wildcards() {
        for (pattern, text, is_like) in [
            ("a", "a", true),
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("*a*b*", "xxaxxbxx", true),
            ("?", "", false),
            ("a?c", "abc", true),
            ("a", "ab", false),
            ("**ab", "aab", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), is_like, "{pattern} {text}");
        }
    }
}
