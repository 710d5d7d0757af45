//! Who may command in comments, and how they are answered.

use longshore_world::GitHub as _;
use serde_json::{Value, json};

use super::*;
use crate::stand::{Reply, Stand};

const REPOSITORY: &str = "Codertocat/Hello-World";
const ROOT: &str = "/repos/Codertocat/Hello-World";

fn github(stand: &Stand) -> GitHub {
    GitHub::new(Http::new().unwrap(), &stand.url(), Some(Secret::new("ghp_test"))).unwrap()
}

#[tokio::test]
async fn what_somebody_may_do_is_asked_of_github() {
    let path = format!("{ROOT}/collaborators/");
    let stand = Stand::new(move |asked| {
        let role = |permission: &str, role: &str| {
            Reply::json(
                200,
                &json!({"permission": permission, "role_name": role, "user": {"login": "x", "id": 1}}),
            )
        };
        match asked.path.strip_prefix(&path) {
            Some("owner/permission") => role("admin", "admin"),
            Some("maintainer/permission") => role("write", "maintain"),
            Some("writer/permission") => role("write", "a role of its own"),
            Some("triager/permission") => role("read", "triage"),
            Some("reader/permission") => role("read", "read"),
            Some("nobody/permission") => role("none", ""),
            Some("blind/permission") => Reply::json(403, &json!({"message": "Must have push access"})),
            Some(_) => Reply::json(404, &json!({"message": "Not Found"})),
            None => Reply::json(200, &json!({"default_branch": "main"})),
        }
    })
    .await;
    let github = github(&stand);
    for (login, expected) in [
        ("owner", Permission::Write),
        ("maintainer", Permission::Write),
        ("writer", Permission::Write),
        ("triager", Permission::Read),
        ("reader", Permission::Read),
        ("nobody", Permission::Read),
        ("no/one", Permission::Read),
    ] {
        assert_eq!(github.permission(REPOSITORY, login).await.unwrap(), expected, "{login}");
    }
    let refused = github.permission(REPOSITORY, "blind").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Denied, "{refused}");
    assert!(refused.to_string().contains("`blind` may do"), "{refused}");
}

#[tokio::test]
async fn an_answer_is_a_new_comment() {
    let stand = Stand::new(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/repos/Codertocat/Hello-World/issues/7/comments") => {
            Reply::json(201, &json!({"id": 1, "body": "ada: it is so"}))
        }
        _ => Reply::json(404, &json!({"message": "Not Found"})),
    })
    .await;
    github(&stand).comment(REPOSITORY, 7, "ada: it is so").await.unwrap();
    let asked = stand.asked();
    let sent: Value = serde_json::from_slice(asked[0].body.as_bytes()).unwrap();
    assert_eq!(sent, json!({"body": "ada: it is so"}));
    assert_eq!(github(&stand).comment(REPOSITORY, 8, "x").await.unwrap_err().kind(), Kind::NotFound);
}
