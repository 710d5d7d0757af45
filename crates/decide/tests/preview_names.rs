//! Names for every branch that git allows: legal for DNS, ECS and Elastic Load Balancing, the same for ever, and never
//! shared by two environments.
#![expect(clippy::unwrap_used, reason = "a policy that cannot be read is a failed test")]

use std::collections::BTreeMap;

use longshore_decide::preview::names::{is_dns_label, names};
use longshore_model::preview::{Names, Policy, Subject};
use proptest::prelude::*;
use serde_json::json;

/// A policy with `web` and these services behind it.
fn policy(app: &str, strip: &[&str], further: &[&str]) -> Policy {
    let service = |name: &str| {
        json!({"name": name, "task_definition": "web", "port": 80, "environment": {}, "count": 1,
               "capacity_providers": [], "paths": [], "health": serde_json::to_value(
                   longshore_model::preview::Health::default()).unwrap()})
    };
    let services: Vec<_> = std::iter::once(&"web").chain(further).map(|name| service(name)).collect();
    let limits = serde_json::to_value(longshore_model::preview::Limits::default()).unwrap();
    serde_json::from_value(json!({
        "repository": "octo/shop", "app": app, "cluster": "previews", "services": services, "limits": limits,
        "trigger": {"branches": ["main", "**"], "except": [], "strip": strip, "pull_requests": null},
        "route": {"proxy": {"domain": "example.com", "scheme": "https", "port": null, "access": "login"}},
        "hooks": {"after_create": [], "after_update": [], "before_destroy": []},
    }))
    .unwrap()
}

/// The rules of git-check-ref-format(1) for `refs/heads/NAME`, and of `git branch`: no hyphen first, not `HEAD`.
fn is_legal_branch(name: &str) -> bool {
    let parts_are_legal =
        name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"));
    let banned = |character: char| character.is_ascii_control() || " ~^:?*[\\".contains(character);
    let has_banned = name.chars().any(banned) || name.contains("..") || name.contains("@{");
    parts_are_legal
        && !has_banned
        && !name.ends_with('.')
        && !name.starts_with('-')
        && name != "@"
        && name != "HEAD"
}

/// Any legal branch up to 250 bytes, most of them of the troublesome kind.
fn branch() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z0-9-]{1,12}",
        2 => "[A-Za-z0-9._-]{1,20}",
        2 => Just("/".to_owned()),
        1 => Just("feature/".to_owned()),
        1 => Just("fix/".to_owned()),
        1 => Just("pr-12".to_owned()),
        1 => Just("-0123456789".to_owned()),
        1 => Just("internal".to_owned()),
        1 => Just("xn--".to_owned()),
        2 => "[;$()'\"`|&<>!#%{},=+@]{1,8}",
        2 => any::<char>().prop_map(String::from),
        1 => "[a-z]{200}",
    ];
    let text = proptest::collection::vec(piece, 1..12).prop_map(|pieces| {
        let mut text = pieces.concat();
        while text.len() > 250 {
            text.pop();
        }
        text
    });
    text.prop_filter("git allows it", |text| is_legal_branch(text))
}

fn assert_legal(names: &Names) {
    assert!(is_dns_label(&names.label), "{names:?}");
    for service in &names.services {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        assert!((1..=255).contains(&service.len()) && service.bytes().all(is_legal), "{names:?}");
    }
    for group in &names.target_groups {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        assert!((1..=32).contains(&group.len()) && group.bytes().all(is_legal), "{names:?}");
        let is_inner = !group.starts_with('-') && !group.ends_with('-') && !group.starts_with("internal-");
        assert!(is_inner, "{names:?}");
    }
}

/// That no name of these is that of another, of whatever kind.
fn assert_distinct(all: &[(String, Names)]) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (owner, names) in all {
        let all = std::iter::once(&names.id).chain(&names.services).chain(&names.target_groups);
        for name in all {
            if let Some(other) = owners.insert(name, owner) {
                assert_eq!(other, owner, "both are called {name}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_branch_has_legal_names_and_the_same_for_ever(branch in branch(), service in any::<String>()) {
        let policy = policy("shop", &["feature/", "fix/"], &["api", &service]);
        let subject = Subject::Branch(branch);
        let first = names(&policy, &subject);
        assert_legal(&first);
        prop_assert_eq!(first, names(&policy, &subject));
    }

    #[test]
    fn no_two_environments_share_a_name(
        branches in proptest::collection::btree_set(branch(), 2..12),
        rests in proptest::collection::btree_set("[a-c-]{1,4}", 1..4),
        numbers in proptest::collection::btree_set(0_u64..30, 0..4),
    ) {
        let prefixed = rests.iter().flat_map(|rest| ["", "feature/", "fix/", "feature/a-"].map(|it| format!("{it}{rest}")));
        let branches = branches.iter().cloned().chain(prefixed).filter(|name| is_legal_branch(name));
        let subjects: std::collections::BTreeSet<Subject> =
            branches.map(Subject::Branch).chain(numbers.into_iter().map(Subject::PullRequest)).collect();
        let mut all = Vec::new();
        for app in ["a", "a-b", "a-b-c"] {
            let policy = policy(app, &["feature/", "fix/", "feature/a-"], &["api", "b", "c_b"]);
            all.extend(subjects.iter().map(|it| (format!("{app} {it}"), names(&policy, it))));
        }
        assert_distinct(&all);
    }
}

#[test]
fn the_names_of_a_great_repository_are_distinct() {
    let policy = policy("shop", &["feature/"], &["api"]);
    let branches = (0..5_000).map(|n| format!("{}/Ticket_{n}", if n % 2 == 0 { "feature" } else { "fix" }));
    let all: Vec<_> = branches.map(|it| (it.clone(), names(&policy, &Subject::Branch(it)))).collect();
    assert_distinct(&all);
}
