//! People who come, with codes and memberships of all kinds.

use serde_json::{Value, json};

use super::*;
use crate::stand::{Asked, Reply, Stand};

const TOKEN: &str = "gho_16C7e42F292c6912E7710c838347Ae178B4a";

fn settings(stand: &Stand, organisation: Option<(String, Role)>) -> LoginSettings {
    LoginSettings {
        web: stand.url(),
        api: format!("{}/api/v3/", stand.url()),
        client_id: "Iv1.8a61f9b3a7aba766".into(),
        client_secret: Secret::new("client-s3cret\n"),
        redirect_uri: "https://ship.example.com/login/callback".into(),
        operators: vec!["OctoCat".into()],
        viewers: vec!["hubot".into()],
        organisation,
    }
}

fn login(stand: &Stand, organisation: Option<(&str, Role)>) -> GitHubLogin {
    let organisation = organisation.map(|(name, role)| (name.to_owned(), role));
    GitHubLogin::new(Http::new().unwrap(), settings(stand, organisation)).unwrap()
}

fn token() -> Reply {
    Reply::json(200, &json!({"access_token": TOKEN, "scope": "read:org", "token_type": "bearer"}))
}

fn hello(asked: &Asked, login: &str, membership: &Value) -> Reply {
    match asked.path.as_str() {
        "/login/oauth/access_token" => token(),
        "/api/v3/user" => Reply::json(200, &json!({"login": login, "id": 1, "type": "User", "name": null})),
        "/api/v3/user/memberships/orgs/github" if membership.is_object() => Reply::json(200, membership),
        _ => Reply::json(404, &json!({"message": "Not Found"})),
    }
}

#[tokio::test]
async fn a_browser_is_sent_with_its_state_and_no_secret() {
    let stand = Stand::new(|_| token()).await;
    let url = login(&stand, None).authorize_url("a b&c");
    assert_eq!(
        url,
        format!(
            "{}/login/oauth/authorize?client_id=Iv1.8a61f9b3a7aba766&redirect_uri=https%3A%2F%2Fship.example.com%2F\
             login%2Fcallback&scope=&state=a%20b%26c&allow_signup=false",
            stand.url()
        )
    );
    assert!(login(&stand, Some(("github", Role::Viewer))).authorize_url("x").contains("&scope=read%3Aorg&"));
}

#[tokio::test]
async fn roles_come_from_the_lists_and_from_the_organisation() {
    let active = json!({"state": "active", "role": "member"});
    let pending = json!({"state": "pending", "role": "member"});
    let cases = [
        ("octocat", None, &Value::Null, Some(Role::Operator)),
        ("Hubot", None, &Value::Null, Some(Role::Viewer)),
        ("stranger", None, &active, None),
        ("stranger", Some(("github", Role::Viewer)), &active, Some(Role::Viewer)),
        ("stranger", Some(("github", Role::Viewer)), &pending, None),
        ("stranger", Some(("github", Role::Viewer)), &Value::Null, None),
        ("hubot", Some(("github", Role::Operator)), &active, Some(Role::Operator)),
        ("hubot", Some(("github", Role::Operator)), &Value::Null, Some(Role::Viewer)),
        ("octocat", Some(("github", Role::Viewer)), &active, Some(Role::Operator)),
    ];
    for (name, organisation, membership, role) in cases {
        let membership = membership.clone();
        let stand = Stand::new(move |asked| hello(asked, name, &membership)).await;
        let found = login(&stand, organisation).identify("c0de").await;
        match role {
            Some(role) => assert_eq!(found.unwrap(), Person { login: name.into(), role }),
            None => assert_eq!(found.unwrap_err().kind(), Kind::Denied, "{name}"),
        }
        let asked = stand.asked();
        let form = "client_id=Iv1.8a61f9b3a7aba766&client_secret=client-s3cret&code=c0de&redirect_uri=https%3A%2F%2F\
                    ship.example.com%2Flogin%2Fcallback";
        assert_eq!((asked[0].header("accept"), asked[0].body.as_str()), ("application/json", form));
        assert_eq!(asked[1].header("authorization"), format!("Bearer {TOKEN}"));
    }
}

#[tokio::test]
async fn a_code_that_does_not_hold_lets_nobody_in_and_no_secret_out() {
    let said = |error: &str| Reply::json(200, &json!({"error": error, "error_description": "It is so."}));
    let cases = [
        (said("bad_verification_code"), Kind::Denied),
        (said("incorrect_client_credentials"), Kind::Denied),
        (said("redirect_uri_mismatch"), Kind::Denied),
        (Reply::json(200, &json!({})), Kind::Denied),
        (Reply::json(200, &json!({"access_token": ""})), Kind::Denied),
        (Reply::json(200, &json!({"access_token": TOKEN, "error": "odd"})), Kind::Denied),
        (Reply::text(200, &format!("access_token={TOKEN}&token_type=bearer")), Kind::Unavailable),
        (Reply::text(502, "<html>"), Kind::Unavailable),
    ];
    for (reply, kind) in cases {
        let stand = Stand::new(move |_| reply.clone()).await;
        let login = login(&stand, None);
        let error = login.identify("c0de").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let all = format!("{error:?} {error} {login:?}");
        assert!(!all.contains(TOKEN) && !all.contains("s3cret") && !all.contains("c0de"), "{all}");
        assert_eq!(stand.asked().len(), 1);
    }
    let stand = Stand::new(|asked| match asked.path.as_str() {
        "/api/v3/user/memberships/orgs/github" => Reply::json(403, &json!({"message": "restrictions"})),
        _ => hello(asked, "stranger", &Value::Null),
    })
    .await;
    let error = login(&stand, Some(("github", Role::Viewer))).identify("c0de").await.unwrap_err();
    assert!(error.hint().unwrap().contains("an owner of `github` must approve"), "{error:?}");
}

#[tokio::test]
async fn settings_that_let_nobody_in_or_secrets_out_are_refused() {
    let stand = Stand::new(|_| token()).await;
    let http = Http::new().unwrap();
    let mut nobody = settings(&stand, None);
    (nobody.operators, nobody.viewers) = (Vec::new(), Vec::new());
    assert!(GitHubLogin::new(http.clone(), nobody).is_err());
    let mut open = settings(&stand, None);
    open.web = "http://github.com".into();
    assert!(GitHubLogin::new(http, open).is_err());
}
