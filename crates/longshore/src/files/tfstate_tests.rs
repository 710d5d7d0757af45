//! Addresses in a state file.

use serde_json::json;

use super::*;

fn state() -> Value {
    json!({"version": 4, "terraform_version": "1.9.0",
    "outputs": {
        "vpc_id": {"value": "vpc-1", "type": "string"},
        "subnets": {"value": ["subnet-a", "subnet-b"], "type": ["list", "string"]},
        "password": {"value": "hush", "type": "string", "sensitive": true}},
    "resources": [
        {"mode": "managed", "type": "aws_lb", "name": "web", "instances": [
            {"schema_version": 0, "attributes": {"arn": "arn:lb", "port": 80, "idle": null, "internal": false,
                "tags": {"Name": "web", "a.b": "dots"}, "subnet_mapping": [{"subnet_id": "subnet-a"}],
                "token": "hush"},
             "sensitive_attributes": [[{"type": "get_attr", "value": "token"}]]}]},
        {"mode": "data", "type": "aws_vpc", "name": "main", "instances": [{"attributes": {"id": "vpc-9"}}]},
        {"mode": "managed", "type": "aws_subnet", "name": "counted", "instances": [
            {"index_key": 0, "attributes": {"id": "subnet-0"}}, {"index_key": 1, "attributes": {"id": "subnet-1"}}]},
        {"mode": "managed", "type": "aws_subnet", "name": "named", "instances": [
            {"index_key": "a", "attributes": {"id": "subnet-a"}}, {"index_key": "eu.b]", "attributes": {"id": "subnet-b"}}]},
        {"mode": "managed", "type": "aws_subnet", "name": "gone", "instances": []},
        {"module": "module.net", "mode": "managed", "type": "aws_lb", "name": "web",
            "instances": [{"attributes": {"arn": "arn:net"}}]},
        {"module": "module.net[\"eu\"].module.inner[1]", "mode": "data", "type": "aws_lb", "name": "web",
            "instances": [{"attributes": {"arn": "arn:inner"}}]}
    ]})
}

#[test]
fn addresses_are_those_of_terraform() {
    let state = state();
    let cases = [
        ("output.vpc_id", json!("vpc-1")),
        ("output.subnets", json!(["subnet-a", "subnet-b"])),
        ("output.subnets[1]", json!("subnet-b")),
        ("aws_lb.web.arn", json!("arn:lb")),
        ("aws_lb.web.port", json!(80)),
        ("aws_lb.web.internal", json!(false)),
        ("aws_lb.web.tags.Name", json!("web")),
        ("aws_lb.web.tags[\"a.b\"]", json!("dots")),
        ("aws_lb.web.subnet_mapping[0].subnet_id", json!("subnet-a")),
        ("data.aws_vpc.main.id", json!("vpc-9")),
        ("aws_subnet.counted[1].id", json!("subnet-1")),
        ("aws_subnet.named[\"a\"].id", json!("subnet-a")),
        ("aws_subnet.named[\"eu.b]\"].id", json!("subnet-b")),
        ("module.net.aws_lb.web.arn", json!("arn:net")),
        ("module.net[\"eu\"].module.inner[1].data.aws_lb.web.arn", json!("arn:inner")),
    ];
    for (address, expected) in cases {
        assert_eq!(value(&state, address), Ok(&expected), "{address}");
    }
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let state = state();
    let cases = [
        ("output.nothing", "there is no output `nothing`", "there are password, subnets, vpc_id"),
        ("output.subnets[2]", "`output.subnets` has no `[2]`", "it has 2 items, counted from 0"),
        ("output.vpc_id.x", "`output.vpc_id` has no `.x`", "it is no map and no list"),
        ("aws_lb.api.arn", "there is no such resource as `aws_lb.api`", "`terraform state list`"),
        ("data.aws_lb.web.arn", "there is no such resource", "`terraform state list`"),
        ("module.other.aws_lb.web.arn", "there is no such resource", "`terraform state list`"),
        ("aws_lb.web.anr", "`aws_lb.web` has no `.anr`", "there are arn, idle, internal, port"),
        ("aws_lb.web.idle", "`aws_lb.web` has no `.idle`", "there are arn"),
        ("aws_subnet.counted.id", "`aws_subnet.counted` has 2 instances", "there are [0], [1]"),
        ("aws_subnet.counted[2].id", "has no instance [2]", "there are [0], [1]"),
        ("aws_subnet.named[\"b\"].id", "has no instance [\"b\"]", "there are [\"a\"], [\"eu.b]\"]"),
        ("aws_subnet.gone.id", "has 0 instances", "there are none"),
        ("aws_lb.web", "no attribute of `aws_lb.web`", "there are arn, idle"),
        ("aws_lb", "the address has no TYPE.NAME", "`terraform state list`"),
        ("module.net", "the address has no TYPE.NAME", "`terraform state list`"),
    ];
    for (address, why, hint) in cases {
        let lost = value(&state, address).unwrap_err();
        assert!(lost.why.contains(why) && lost.hint.contains(hint), "{address}: {lost:?}");
    }
    for address in ["", "a..b", "a[", "a[b]", "a[\"b]", "a[0]b", ".a", "a.", "aws_lb web.arn", "a[-1]"] {
        assert_eq!(value(&state, address).unwrap_err().why, format!("`{address}` is no address"));
    }
}

#[test]
fn what_is_sensitive_is_not_given() {
    let state = state();
    for address in ["output.password", "aws_lb.web.token"] {
        let lost = value(&state, address).unwrap_err();
        assert!(lost.why.contains("is sensitive") && lost.hint.contains("secret_arn"), "{lost:?}");
        assert!(!format!("{lost:?}").contains("hush"));
    }
}

#[test]
fn only_version_4_is_read() {
    for other in [json!({"version": 3}), json!({}), json!([])] {
        let lost = value(&other, "output.vpc_id").unwrap_err();
        assert!(lost.why.contains("not a Terraform state of version 4"), "{lost:?}");
    }
}
