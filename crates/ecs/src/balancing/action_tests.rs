//! Actions in ELB's forms, and those that it refuses.

use serde_json::{Value, json};

use super::*;

fn read_json(value: &Value) -> Result<Actions, Fault> {
    read(&serde_json::from_value::<Vec<shape::Action>>(value.clone()).unwrap())
}

fn shown(value: &Value) -> Value {
    serde_json::to_value(read_json(value).unwrap().shapes()).unwrap()
}

#[test]
fn a_group_is_shown_in_both_forms() {
    let both = json!([{"Type": "forward", "TargetGroupArn": "arn:a", "ForwardConfig": {
        "TargetGroups": [{"TargetGroupArn": "arn:a", "Weight": 1}],
        "TargetGroupStickinessConfig": {"Enabled": false}}}]);
    assert_eq!(shown(&json!([{"Type": "forward", "TargetGroupArn": "arn:a"}])), both);
    let newer =
        json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "arn:a"}]}}]);
    assert_eq!(shown(&newer), both);
    assert_eq!(shown(&both), both, "what is shown can be given");
}

#[test]
fn weights_and_stickiness_are_kept() {
    let weighted = json!([{"Type": "forward", "Order": 3, "ForwardConfig": {
        "TargetGroups": [{"TargetGroupArn": "arn:a", "Weight": 9}, {"TargetGroupArn": "arn:b", "Weight": 0}],
        "TargetGroupStickinessConfig": {"Enabled": true, "DurationSeconds": 60}}}]);
    assert_eq!(shown(&weighted), weighted);
    let actions = read_json(&weighted).unwrap();
    assert_eq!(actions.groups().collect::<Vec<_>>(), ["arn:a", "arn:b"]);
    let stored = serde_json::to_string(&actions).unwrap();
    assert_eq!(serde_json::from_str::<Actions>(&stored).unwrap(), actions);
}

#[test]
fn a_redirect_keeps_what_is_not_given() {
    let redirect = json!([{"Type": "redirect", "RedirectConfig":
        {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}]);
    let full = json!([{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "Host": "#{host}",
        "Path": "/#{path}", "Query": "#{query}", "StatusCode": "HTTP_301"}}]);
    assert_eq!(shown(&redirect), full);
}

#[test]
fn a_fixed_response_is_shown_as_it_was_given() {
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig":
        {"StatusCode": "503", "ContentType": "text/plain", "MessageBody": "later"}}]);
    assert_eq!(shown(&fixed), fixed);
    assert!(matches!(read_json(&fixed).unwrap().action, Action::FixedResponse { status: 503, .. }));
}

#[test]
fn what_is_refused() {
    let groups = |count: usize| -> Vec<Value> {
        (0..count).map(|n| json!({"TargetGroupArn": format!("arn:{n}")})).collect()
    };
    let forward = |config: Value| json!([{"Type": "forward", "ForwardConfig": config}]);
    let redirect = |config: Value| json!([{"Type": "redirect", "RedirectConfig": config}]);
    let fixed = |config: Value| json!([{"Type": "fixed-response", "FixedResponseConfig": config}]);
    let one = json!({"Type": "forward", "TargetGroupArn": "arn:a"});
    for (actions, kind, part) in [
        (json!([]), FaultKind::Validation, "An action must be specified"),
        (json!([one, one]), FaultKind::TooManyActions, "one action"),
        (json!([{"Type": "sing"}]), FaultKind::Validation, "Member must satisfy enum value set"),
        (json!([{"Type": "authenticate-oidc"}]), FaultKind::InvalidLoadBalancerAction, "authenticate-oidc"),
        (json!([{"Type": "forward"}]), FaultKind::Validation, "target group ARN must"),
        (
            json!([{"Type": "forward", "TargetGroupArn": "arn:x", "ForwardConfig": {"TargetGroups": groups(1)}}]),
            FaultKind::Validation,
            "both",
        ),
        (forward(json!({"TargetGroups": groups(6)})), FaultKind::TooManyTargetGroups, "'5'"),
        (forward(json!({"TargetGroups": vec![groups(1)[0].clone(); 2]})), FaultKind::Validation, "once"),
        (
            forward(json!({"TargetGroups": [{"TargetGroupArn": "a", "Weight": 1000}]})),
            FaultKind::Validation,
            "'weight'",
        ),
        (
            forward(json!({"TargetGroups": groups(1), "TargetGroupStickinessConfig": {"Enabled": true}})),
            FaultKind::Validation,
            "DurationSeconds",
        ),
        (redirect(json!({"StatusCode": "HTTP_301"})), FaultKind::InvalidLoadBalancerAction, "loop"),
        (
            redirect(json!({"StatusCode": "HTTP_301", "Query": "a=b"})),
            FaultKind::InvalidLoadBalancerAction,
            "loop",
        ),
        (redirect(json!({"StatusCode": "HTTP_307", "Host": "a"})), FaultKind::Validation, "HTTP_307"),
        (redirect(json!({"StatusCode": "HTTP_301", "Port": "0"})), FaultKind::Validation, "port"),
        (redirect(json!({"StatusCode": "HTTP_301", "Protocol": "FTP"})), FaultKind::Validation, "FTP"),
        (redirect(json!({"StatusCode": "HTTP_301", "Path": "a"})), FaultKind::Validation, "begin with '/'"),
        (fixed(json!({"StatusCode": "302"})), FaultKind::Validation, "pattern"),
        (fixed(json!({"StatusCode": "2000"})), FaultKind::Validation, "pattern"),
        (fixed(json!({"StatusCode": "200", "ContentType": "image/png"})), FaultKind::Validation, "image/png"),
        (fixed(json!({"StatusCode": "200", "MessageBody": "a".repeat(1025)})), FaultKind::Validation, "1024"),
        (json!([{"Type": "redirect"}]), FaultKind::Validation, "RedirectConfig"),
        (json!([{"Type": "fixed-response"}]), FaultKind::Validation, "FixedResponseConfig"),
    ] {
        let fault = read_json(&actions).expect_err(&actions.to_string());
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.message.contains(part), "{fault}");
    }
}
