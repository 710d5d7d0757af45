//! Names of particular branches. What holds for all branches is in `tests/preview_names.rs`.

use super::super::samples::{branch, policy, service};
use super::*;

fn of(strip: &[&str], name: &str) -> Names {
    let mut policy = policy();
    policy.trigger.strip = strip.iter().map(|prefix| (*prefix).to_owned()).collect();
    names(&policy, &branch(name))
}

#[test]
fn a_branch_that_is_a_label_keeps_its_name() {
    let names = of(&["feature/"], "feature/login");
    assert_eq!(names.label, "login");
    assert_eq!(names.id, "login.shop");
    assert_eq!(names.services, ["shop_login"]);
    assert!(names.target_groups[0].starts_with("shop-login-"), "{names:?}");
    assert_eq!(of(&[], &"x".repeat(63)).label, "x".repeat(63));
}

#[test]
fn pull_requests_go_by_their_number() {
    assert_eq!(names(&policy(), &Subject::PullRequest(12)).id, "pr-12.shop");
    assert!(of(&[], "pr-12").label.starts_with("pr-12-"));
    // The hash of this branch could be all digits: even then it is no pull request's name.
    assert!(of(&[], "PR").label.starts_with("x-pr-"));
}

#[test]
fn branches_whose_last_part_is_the_same_do_not_meet() {
    let (a, b) = (of(&["feature/"], "feature/a/x"), of(&["feature/"], "feature/b/x"));
    assert!(a.label.starts_with("a-x-") && b.label.starts_with("b-x-"), "{a:?} {b:?}");
    assert_ne!(of(&[], "a/b-c").label, of(&[], "a-b/c").label);
    assert_ne!(of(&[], "Fix").label, of(&[], "fix").label);
}

#[test]
fn of_branches_with_the_same_rest_the_first_prefix_keeps_it() {
    let strip = ["feature/", "fix/"];
    assert_eq!(of(&strip, "feature/login").label, "login");
    assert!(of(&strip, "fix/login").label.starts_with("login-"));
    assert!(of(&strip, "login").label.starts_with("login-"));
}

#[test]
fn a_branch_that_the_policy_names_keeps_its_name() {
    let mut policy = policy();
    policy.trigger.strip = vec!["feature/".to_owned()];
    policy.trigger.branches = vec!["main".to_owned(), "feature/*".to_owned()];
    assert_eq!(names(&policy, &branch("main")).label, "main");
    assert!(names(&policy, &branch("feature/main")).label.starts_with("main-"));
}

#[test]
fn the_longest_prefix_is_left_out_and_never_all_of_it() {
    let strip = ["feature/team-", "feature/"];
    assert_eq!(of(&strip, "feature/team-login").label, "login");
    assert!(of(&["feature"], "feature").label.starts_with("feature"));
    assert_eq!(of(&["my_company-"], "a-my_company-x").label.split('-').next(), Some("a"));
}

#[test]
fn names_that_others_could_get_are_not_kept() {
    for name in
        ["login-0123456789", "0123456789", "xn--bcher-kva", "pr-7", "Login", "a.b", "-x", "x-", "日本"]
    {
        let label = of(&[], name).label;
        assert_ne!(label, name);
        assert!(is_dns_label(&label) && ends_in_hash(&label), "{name} became {label}");
    }
}

#[test]
fn target_groups_of_long_branches_are_cut_and_stages_differ() {
    let mut checkout = policy();
    checkout.app = "checkout".to_owned();
    let names_of = |policy: &Policy| names(policy, &branch("JIRA-1234-add-coupons")).target_groups;
    let dev = names_of(&checkout);
    assert_eq!(dev[0].len(), 32);
    checkout.cluster = "staging".to_owned();
    assert_ne!(names_of(&checkout), dev);

    let mut internal = policy();
    internal.app = "internal".to_owned();
    assert!(names_of(&internal)[0].starts_with("x-internal-"));
}

#[test]
fn hyphens_do_not_make_two_apps_meet() {
    let (mut one, mut other) = (policy(), policy());
    (one.app, other.app) = ("a".to_owned(), "a-b".to_owned());
    one.services.push(service("api"));
    let (one, other) = (names(&one, &branch("b-c")), names(&other, &branch("c")));
    assert_eq!(one.services, ["a_b-c", "a_b-c_api"]);
    assert_eq!(other.services, ["a-b_c"]);
    assert_ne!(one.target_groups[0], other.target_groups[0]);
}

#[test]
fn names_stay_as_they_were_released() {
    let names = of(&["feature/"], "feature/v1.2_fix");
    assert_eq!(names.label, "v1-2-fix-e8389bc994");
    assert_eq!(names.target_groups, ["shop-v1-2-fix-e8389bc-1acb7bdf6b"]);
}
