//! Conditions in both of ELB's forms, and those that it refuses.

use serde_json::{Value, json};

use super::*;

fn shapes(value: Value) -> Vec<RuleCondition> {
    serde_json::from_value(value).unwrap()
}

fn refused(value: Value) -> String {
    read(&shapes(value.clone())).expect_err(&value.to_string()).message
}

#[test]
fn both_forms_are_read_and_shown() {
    let older = shapes(json!([{"Field": "host-header", "Values": ["*.example.com"]}]));
    let newer = shapes(json!([{"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}}]));
    let read_older = read(&older).unwrap();
    assert_eq!(read_older, [Condition::HostHeader(vec!["*.example.com".into()])]);
    assert_eq!(read(&newer).unwrap(), read_older);
    let shown = serde_json::to_value(read_older[0].shape()).unwrap();
    let both = json!({"Field": "host-header", "Values": ["*.example.com"],
                      "HostHeaderConfig": {"Values": ["*.example.com"]}});
    assert_eq!(shown, both);
}

#[test]
fn every_sort_comes_back_as_it_was_given() {
    for shape in [
        json!({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Team", "Values": ["a*", "b"]}}),
        json!({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "1"}, {"Value": "\\*"}]}}),
        json!({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "M-SEARCH"]}}),
        json!({"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8", "2001:db8::/32"]}}),
    ] {
        let conditions = read(&shapes(json!([shape]))).unwrap();
        assert_eq!(serde_json::to_value(conditions[0].shape()).unwrap(), shape);
        let stored = serde_json::to_string(&conditions).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Condition>>(&stored).unwrap(), conditions);
    }
}

#[test]
fn values_that_elb_refuses() {
    let host = |value: &str| json!([{"Field": "host-header", "Values": [value]}]);
    for bad in ["nodot", "a.b1", "a.", "a_b.com", "exa mple.com", &format!("{}.com", "a".repeat(128))] {
        assert!(refused(host(bad)).contains("host-header"), "{bad}");
    }
    let path = |value: &str| json!([{"Field": "path-pattern", "Values": [value]}]);
    for bad in ["/a b", "/é", "/a%20", &format!("/{}", "a".repeat(128))] {
        assert!(refused(path(bad)).contains("path-pattern"), "{bad}");
    }
    for bad in ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "::/129", "*/8"] {
        let source = json!([{"Field": "source-ip", "SourceIpConfig": {"Values": [bad]}}]);
        assert_eq!(refused(source), format!("The source-ip value '{bad}' must be in CIDR format"));
    }
    for bad in ["get", "", &"A".repeat(41)] {
        refused(json!([{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": [bad]}}]));
    }
    for name in ["Host", "X Team", "X-*", "", &"a".repeat(41)] {
        refused(
            json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": ["a"]}}]),
        );
    }
}

#[test]
fn forms_that_do_not_go_together() {
    let values = json!({"Values": ["a.example.com"]});
    for (shape, part) in [
        (json!([]), "A condition must be specified"),
        (json!([{"Field": "cookie", "Values": ["a"]}]), "must be one of '[host-header, path-pattern"),
        (json!([{"Values": ["a"]}]), "Condition field ''"),
        (json!([{"Field": "host-header"}]), "A condition value must be specified"),
        (json!([{"Field": "host-header", "Values": ["a.b"], "HostHeaderConfig": values}]), "not both"),
        (json!([{"Field": "host-header", "PathPatternConfig": values}]), "configuration of 'path-pattern'"),
        (json!([{"Field": "source-ip", "Values": ["10.0.0.0/8"]}]), "not compatible with 'source-ip'"),
        (json!([{"Field": "source-ip"}]), "must be specified with 'source-ip'"),
        (
            json!([{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a"}]}}]),
            "A 'Value' must",
        ),
        (json!([{"Field": "host-header", "RegexValues": ["a.*"]}]), "no regular expressions"),
        (
            json!([{"Field": "path-pattern", "Values": ["/a"]}, {"Field": "path-pattern", "Values": ["/b"]}]),
            "only have one 'path-pattern'",
        ),
    ] {
        let message = refused(shape);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_rule_has_so_many_values_and_wildcards() {
    let values = |count: usize| -> Vec<String> { (0..count).map(|n| format!("/{n}")).collect() };
    let of = |paths: usize, methods: usize| {
        json!([
            {"Field": "path-pattern", "Values": values(paths)},
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": vec!["GET"; methods]}},
        ])
    };
    assert!(read(&shapes(of(4, 1))).is_ok());
    assert_eq!(refused(of(4, 2)), "A rule can only have '5' condition values");
    let wild = |text: &str| json!([{"Field": "path-pattern", "Values": [text]}]);
    assert!(read(&shapes(wild("/*?*?*?"))).is_ok());
    assert_eq!(refused(wild("/*?*?*?*")), "A rule can only have '6' condition wildcards");
    let escaped =
        json!([{"Field": "query-string", "QueryStringConfig": {"Values": [{"Value": "\\*".repeat(7)}]}}]);
    assert!(read(&shapes(escaped)).is_ok());
}
