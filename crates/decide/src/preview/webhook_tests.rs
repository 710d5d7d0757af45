//! Small webhooks of our own. Real ones are in `tests/preview_webhooks.rs`.

use longshore_model::preview::view::Command;
use serde_json::json;

use super::*;

const ZEROS: &str = "0000000000000000000000000000000000000000";

fn event(event: &str, mut payload: Value) -> Result<Hint, Ignored> {
    payload["repository"] = json!({"full_name": "octo/shop"});
    read(event, &payload)
}

fn branch(name: &str) -> Hint {
    let subject = Subject::Branch(name.to_owned());
    Hint { repository: "octo/shop".to_owned(), subject, asked: None }
}

fn why(result: Result<Hint, Ignored>) -> String {
    result.unwrap_err().why
}

#[test]
fn pushes_creations_and_deletions_name_their_branch() {
    for (before, after) in [(ZEROS, "aaa1"), ("aaa1", "bbb2"), ("bbb2", ZEROS)] {
        let push =
            json!({"ref": "refs/heads/feature/x", "before": before, "after": after, "head_commit": null});
        assert_eq!(event("push", push), Ok(branch("feature/x")));
    }
    for kind in ["create", "delete"] {
        assert_eq!(
            event(kind, json!({"ref": "v1.2_fix;$()", "ref_type": "branch"})),
            Ok(branch("v1.2_fix;$()"))
        );
        assert_eq!(why(event(kind, json!({"ref": "v1", "ref_type": "tag"}))), "it is about a tag");
    }
    assert_eq!(why(event("push", json!({"ref": "refs/tags/v1"}))), "`refs/tags/v1` is no branch");
}

#[test]
fn a_pull_request_of_a_fork_that_is_gone_is_read_too() {
    let payload = json!({"action": "closed", "number": 7, "pull_request": {"head": {"repo": null}}});
    let hint = event("pull_request", payload).unwrap();
    assert_eq!(hint.subject, Subject::PullRequest(7));
    let payload = json!({"action": "assigned", "number": 7});
    let ignored = event("pull_request", payload).unwrap_err();
    assert_eq!(ignored.subject, Some(Subject::PullRequest(7)));
    assert_eq!(ignored.why, "`assigned` changes nothing for environments");
}

fn comment(body: &str, association: &str) -> Result<Hint, Ignored> {
    let user = json!({"login": "ada"});
    let comment = json!({"body": body, "author_association": association, "user": user});
    let issue = json!({"number": 7, "pull_request": {}});
    event("issue_comment", json!({"action": "created", "issue": issue, "comment": comment}))
}

#[test]
fn a_members_comment_commands() {
    let up = Command::Up { repository: Some("octo/shop".to_owned()), branch: None, pull_request: Some(7) };
    for association in MEMBERS {
        let hint = comment("/preview up\nplease", association).unwrap();
        let request = Ok(Request::Command(up.clone()));
        assert_eq!(hint.asked, Some(Asked { who: "ada".to_owned(), request }));
    }
    let environment = "octo/shop#7".to_owned();
    let asked = |body: &str| comment(body, "OWNER").unwrap().asked.unwrap().request;
    let extend = Command::Extend { environment: environment.clone(), seconds: Some(172_800) };
    assert_eq!(asked("  /preview extend 2d"), Ok(Request::Command(extend)));
    assert_eq!(asked("/preview why"), Ok(Request::Why(environment)));
    assert_eq!(asked("/preview"), Ok(Request::Help));
    // Who asked is told what is wrong.
    assert!(asked("/preview dwon").unwrap_err().contains("Did you mean `down`?"));
    assert!(asked("/preview confirm octo/other").unwrap_err().contains("more than this pull request"));
}

#[test]
fn other_comments_do_not() {
    for (body, association, expected) in [
        ("/preview up", "CONTRIBUTOR", "`ada` is no member"),
        ("/preview up", "NONE", "`ada` is no member"),
        ("/preview up", "", "`ada` is no member"),
        ("nice, /preview up", "OWNER", "does not begin"),
        ("/previews up", "OWNER", "does not begin"),
        ("", "OWNER", "does not begin"),
    ] {
        let why = why(comment(body, association));
        assert!(why.contains(expected), "{body}: {why}");
    }
    let comment = json!({"body": "/preview up", "author_association": "OWNER", "user": {"login": "ada"}});
    let on_issue = json!({"action": "created", "issue": {"number": 7}, "comment": comment});
    assert!(why(event("issue_comment", on_issue)).contains("not on a pull request"));
    let issue = json!({"number": 7, "pull_request": {}});
    let edited = json!({"action": "edited", "issue": issue, "comment": comment});
    assert!(why(event("issue_comment", edited)).contains("only new comments"));
}

#[test]
fn what_is_not_ours_is_said_in_words_and_nothing_panics() {
    assert!(why(event("ping", json!({}))).contains("anybody is here"));
    assert!(why(event("star", json!({}))).contains("`star` events"));
    for payload in [json!(null), json!([]), json!(7), json!({}), json!({"ref": 7, "number": "x"})] {
        for kind in ["ping", "push", "create", "delete", "pull_request", "issue_comment", "check_run", ""] {
            assert!(read(kind, &payload).is_err(), "{kind} {payload}");
        }
    }
    for name in ["shop", "octo/", "/shop", "octo/shop/x", "../..;", "octo/sh op"] {
        let payload = json!({"ref": "refs/heads/x", "repository": {"full_name": name}});
        let ignored = read("push", &payload).unwrap_err();
        assert_eq!(ignored.repository, None, "{name}");
    }
}
