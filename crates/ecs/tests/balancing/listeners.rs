//! Listeners: ports, certificates, and what is refused.

use longshore_ecs::balancing::{FaultKind, ListenerProtocol};
use serde_json::{Value, json};

use crate::local::{Local, fixed, forward, listener, text};

const CERTIFICATE: &str = "arn:aws:acm:eu-west-1:123456789012:certificate/aaaa";
const ANOTHER: &str = "arn:aws:acm:eu-west-1:123456789012:certificate/bbbb";

fn https(balancer: &str, certificates: &[&str]) -> Value {
    let certificates: Vec<Value> = certificates.iter().map(|arn| json!({"CertificateArn": arn})).collect();
    json!({"LoadBalancerArn": balancer, "Protocol": "HTTPS", "Port": 443, "Certificates": certificates,
           "DefaultActions": [fixed("404")]})
}

#[test]
fn its_arn_continues_its_load_balancers() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    let arn = local.listener(&balancer, 8080, fixed("404"));
    let (_, id) = balancer.rsplit_once('/').unwrap();
    assert!(arn.contains(&format!(":listener/app/web/{id}/")), "{arn}");
    let rules = local.must("DescribeRules", json!({"ListenerArn": arn}));
    assert_eq!(rules["Rules"].as_array().unwrap().len(), 1, "the default rule");
    assert!(text(&rules["Rules"][0]["RuleArn"]).contains(&format!(":listener-rule/app/web/{id}/")));
    assert_eq!(
        (&rules["Rules"][0]["Priority"], &rules["Rules"][0]["IsDefault"]),
        (&json!("default"), &json!(true))
    );
    let routes = &local.routing().listeners[0];
    assert_eq!((routes.port, routes.protocol, routes.rules.len()), (8080, ListenerProtocol::Http, 1));
}

#[test]
fn a_port_has_one_listener() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    let arn = local.listener(&balancer, 80, fixed("404"));
    assert_eq!(local.listener(&balancer, 80, fixed("404")), arn, "the same settings are the same listener");
    let (kind, message) = local.refused("CreateListener", listener(&balancer, 80, fixed("500")));
    assert_eq!(kind, FaultKind::DuplicateListener);
    assert_eq!(
        message,
        format!("A listener already exists on this port for this load balancer '{balancer}'")
    );
    let other = local.listener(&balancer, 81, fixed("404"));
    assert_eq!(
        local.refused("ModifyListener", json!({"ListenerArn": other, "Port": 80})).0,
        FaultKind::DuplicateListener
    );
    local.must("ModifyListener", json!({"ListenerArn": other, "Port": 82}));
    let described = local.must("DescribeListeners", json!({"ListenerArns": [other]}));
    assert_eq!(described["Listeners"][0]["Port"], 82);
}

#[test]
fn https_needs_a_certificate() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    let (kind, message) = local.refused("CreateListener", https(&balancer, &[]));
    assert_eq!(
        (kind, message.as_str()),
        (FaultKind::Validation, "A certificate must be specified for HTTPS listeners")
    );
    assert_eq!(
        local.refused("CreateListener", https(&balancer, &[CERTIFICATE, ANOTHER])).0,
        FaultKind::TooManyCertificates
    );
    assert_eq!(
        local.refused("CreateListener", https(&balancer, &["cert"])).0,
        FaultKind::CertificateNotFound
    );
    let made = local.must("CreateListener", https(&balancer, &[CERTIFICATE]))["Listeners"][0].clone();
    assert_eq!(made["SslPolicy"], "ELBSecurityPolicy-2016-08");
    assert_eq!(made["Certificates"], json!([{"CertificateArn": CERTIFICATE}]));
    let plain = local.listener(&balancer, 80, fixed("404"));
    let (_, message) = local.refused("ModifyListener", json!({"ListenerArn": plain, "Protocol": "HTTPS"}));
    assert_eq!(message, "A certificate must be specified for HTTPS listeners");
    let to_http =
        local.must("ModifyListener", json!({"ListenerArn": made["ListenerArn"], "Protocol": "HTTP"}));
    assert_eq!(to_http["Listeners"][0].get("Certificates"), None);
}

#[test]
fn certificates_are_added_and_removed() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    let made = local.must("CreateListener", https(&balancer, &[CERTIFICATE]));
    let arn = text(&made["Listeners"][0]["ListenerArn"]);
    let of =
        |certificate: &str| json!({"ListenerArn": arn, "Certificates": [{"CertificateArn": certificate}]});
    for _ in 0..2 {
        local.must("AddListenerCertificates", of(ANOTHER));
    }
    let described = local.must("DescribeListenerCertificates", json!({"ListenerArn": arn}));
    let both = json!([{"CertificateArn": CERTIFICATE, "IsDefault": true}, {"CertificateArn": ANOTHER, "IsDefault": false}]);
    assert_eq!(described["Certificates"], both);
    local.restart();
    assert_eq!(local.routing().listeners[0].certificates, [CERTIFICATE, ANOTHER]);
    assert_eq!(
        local.refused("RemoveListenerCertificates", of(CERTIFICATE)).0,
        FaultKind::OperationNotPermitted
    );
    local.must("RemoveListenerCertificates", of(ANOTHER));
    assert_eq!(local.routing().listeners[0].certificates, [CERTIFICATE]);
}

#[test]
fn what_elb_refuses() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    for (change, kind, part) in [
        (json!({"LoadBalancerArn": format!("{balancer}0")}), FaultKind::LoadBalancerNotFound, "not found"),
        (json!({"Protocol": null}), FaultKind::Validation, "A listener protocol must be specified"),
        (json!({"Protocol": "TCP"}), FaultKind::Validation, "must be one of 'HTTPS, HTTP'"),
        (json!({"Port": null}), FaultKind::Validation, "A listener port must be specified"),
        (json!({"Port": 0}), FaultKind::Validation, "equal to 1"),
        (
            json!({"Certificates": [{"CertificateArn": CERTIFICATE}]}),
            FaultKind::Validation,
            "cannot be specified for HTTP",
        ),
        (
            json!({"SslPolicy": "ELBSecurityPolicy-2016-08"}),
            FaultKind::Validation,
            "cannot be specified for HTTP",
        ),
        (json!({"DefaultActions": []}), FaultKind::Validation, "An action must be specified"),
        (
            json!({"MutualAuthentication": {"Mode": "verify"}}),
            FaultKind::InvalidConfigurationRequest,
            "'verify'",
        ),
    ] {
        let mut request = listener(&balancer, 80, fixed("404"));
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (found, message) = local.refused("CreateListener", request.clone());
        assert_eq!(found, kind, "{request}: {message}");
        assert!(message.contains(part), "{message}");
    }
    let mut tls = https(&balancer, &[CERTIFICATE]);
    tls["SslPolicy"] = json!("strong");
    assert_eq!(local.refused("CreateListener", tls).0, FaultKind::SslPolicyNotFound);
}

#[test]
fn a_deleted_listener_leaves_its_groups_unused() {
    let mut local = Local::new();
    let (balancer, group) = (local.balancer("web"), local.group("web"));
    let arn = local.listener(&balancer, 80, forward(&group));
    local.register(&group, "10.0.0.1");
    assert_eq!(local.states(&group)[0].0, "initial");
    local.must("DeleteListener", json!({"ListenerArn": arn}));
    assert_eq!(local.states(&group), [("unused".into(), "Target.NotInUse".into())]);
    for (operation, body) in [
        ("DeleteListener", json!({"ListenerArn": arn})),
        ("DescribeListeners", json!({"ListenerArns": [arn]})),
        ("DescribeRules", json!({"ListenerArn": arn})),
    ] {
        assert_eq!(local.refused(operation, body).0, FaultKind::ListenerNotFound);
    }
    assert_eq!(local.must("DescribeListeners", json!({"LoadBalancerArn": balancer}))["Listeners"], json!([]));
    assert_eq!(local.refused("DescribeListeners", json!({})).0, FaultKind::Validation);
}
