//! People: how they come in and leave, and that nobody else's forms are taken for theirs.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::preview::view::Role;
use longshore_model::preview::{Access, Route, State};
use longshore_model::{Error, Kind};
use longshore_server::people::tokens;
use longshore_world::{Login, Person};

use crate::samples;
use crate::support::{FORM, HTML, Server, form};

/// GitHub, where only one code holds.
#[derive(Debug)]
struct GitHub;

#[async_trait]
impl Login for GitHub {
    fn authorize_url(&self, state: &str) -> String {
        format!("https://github.example/authorize?{}", form(&[("state", state)]))
    }

    async fn identify(&self, code: &str) -> Result<Person, Error> {
        match code {
            "good" => Ok(Person { login: "ada".to_owned(), role: Role::Operator }),
            _ => Err(Error::new(Kind::Denied, "GitHub does not know this code")),
        }
    }
}

#[tokio::test]
async fn a_token_opens_a_session_that_scripts_and_neighbours_cannot_read() {
    let server = Server::start().await;
    let token = server.token("ada", Role::Operator).await;
    let browser = server.log_in(&token).await;
    assert_eq!(browser.get("/").await.status, 200);
    let page = server.get("/login", &HTML).await;
    let line = page.header("set-cookie");
    for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("Secure"), "over plain HTTP browsers would drop it: {line}");
    assert!(!browser.cookie.contains(&token));
    server.stop().await;
    let server = Server::with(|app| app.public_url = "https://ship.example.com".to_owned()).await;
    let page = server.get("/login", &HTML).await;
    let line = page.header("set-cookie");
    assert!(line.starts_with("__Host-longshore-visit=") && line.ends_with("; Secure"), "{line}");
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_token_opens_nothing_and_guessing_ends() {
    let server = Server::start().await;
    let page = server.get("/login", &HTML).await;
    let (visit, csrf) = (page.cookie("longshore-visit").unwrap(), page.form_token());
    let guess = async |token: &str| {
        let body = form(&[("csrf", &csrf), ("token", token)]);
        server.send("POST", "/login", &[("cookie", &visit), ("content-type", FORM), HTML[0]], body).await
    };
    let wrong = guess(&format!("longshore_{}", "0".repeat(64))).await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.body.contains("This token does not hold.") && wrong.cookie("longshore-session").is_none());
    let mut last = wrong;
    for _ in 0..20 {
        last = guess("x").await;
    }
    assert_eq!((last.status.as_u16(), last.header("retry-after")), (429, "7"));
    let good = server.token("ada", Role::Viewer).await;
    assert_eq!(guess(&good).await.status, 303, "a good one is always let in");
    assert_eq!(guess("x").await.status, 429);
    server.clock.add_seconds(60);
    assert_eq!(guess("x").await.status, 403);
    server.stop().await;
}

#[tokio::test]
async fn guessing_tokens_of_the_api_ends_too() {
    let server = Server::with(|app| app.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]).await;
    let good = server.token("ada", Role::Viewer).await;
    let ask = async |token: &str, from: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", from)];
        server.get("/api/v1/environments", &headers).await
    };
    for _ in 0..20 {
        let answer = ask(&good.replace("longshore", "l0ngshore"), "203.0.113.9").await;
        assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, "Bearer"));
    }
    assert_eq!(ask("x", "203.0.113.9").await.status, 429);
    assert_eq!(ask("x", "198.51.100.1, 203.0.113.10").await.status, 401, "another address");
    assert_eq!(ask(&good, "203.0.113.9").await.status, 200, "a good one is always let in");
    server.stop().await;
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let server = Server::start().await;
    let it = samples::environment("shop", "feature/x", State::Ready, server.now(), 5);
    samples::keep(&server.book, &it, &[]).await;
    let browser = server.browser(Role::Operator).await;
    let other = server.browser(Role::Viewer).await;
    let send = async |csrf: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", browser.cookie.as_str()), ("content-type", FORM)];
        all.extend(headers);
        let body = form(&[("csrf", csrf), ("to", "/")]);
        server.send("POST", "/environments/x.shop/pin", &all, body).await.status.as_u16()
    };
    let good = browser.csrf.as_str();
    let ours = format!("http://{}", server.authority);
    assert_eq!(send("", &[]).await, 403, "no token");
    assert_eq!(send(&other.csrf, &[]).await, 403, "somebody else's");
    assert_eq!(send(&good[1..], &[]).await, 403);
    assert_eq!(send(good, &[("origin", "https://evil.example")]).await, 403);
    assert_eq!(send(good, &[("origin", "null")]).await, 403);
    assert_eq!(send(good, &[("sec-fetch-site", "cross-site"), ("origin", &ours)]).await, 403);
    assert_eq!(send(good, &[("sec-fetch-site", "same-site"), ("origin", &ours)]).await, 403);
    let is_pinned = async || browser.get("/").await.body.contains("pinned");
    assert!(!is_pinned().await, "something was done");
    assert_eq!(send(good, &[("sec-fetch-site", "same-origin"), ("origin", &ours)]).await, 303);
    assert!(is_pinned().await);
    server.stop().await;
}

#[tokio::test]
async fn a_session_ends_with_its_time_its_token_and_the_log_out() {
    let server = Server::start().await;
    let token = server.token("ada", Role::Viewer).await;
    let browser = server.log_in(&token).await;
    server.clock.add_seconds(7 * 24 * 3600 - 1);
    assert_eq!(browser.get("/").await.status, 200);
    server.clock.add_seconds(1);
    assert_eq!(browser.get("/").await.header("location"), "/login?to=%2F");

    let browser = server.log_in(&token).await;
    let left = browser.post("/logout", &[]).await;
    assert_eq!(left.header("location"), "/login");
    assert_eq!(left.cookie("longshore-session").unwrap(), "longshore-session=");
    assert_eq!(browser.get("/").await.status, 303, "the old cookie is worth nothing");

    let browser = server.log_in(&token).await;
    assert!(tokens::revoke(&server.book, "ada").await.unwrap());
    assert_eq!(browser.get("/runs?x=1").await.header("location"), "/login?to=%2Fruns%3Fx%3D1");
    server.stop().await;
}

#[tokio::test]
async fn github_lets_people_in() {
    let server = Server::with(|app| app.login = Some(Arc::new(GitHub))).await;
    let page = server.get("/login?to=%2Faudit", &HTML).await;
    assert!(page.body.contains("href=\"/login/github?to=%2Faudit\""), "{}", page.body);
    let sent = server.get("/login/github?to=%2Faudit", &HTML).await;
    assert_eq!(sent.status, 303);
    let (at, state) = sent.header("location").split_once("?state=").unwrap();
    assert_eq!(at, "https://github.example/authorize");
    let visit = sent.cookie("longshore-visit").unwrap();
    let back = async |code: &str, state: &str, cookie: &str| {
        let path = format!("/login/callback?code={code}&state={state}");
        server.get(&path, &[("cookie", cookie), HTML[0]]).await
    };
    assert_eq!(back("good", state, "").await.status, 403, "another browser");
    assert_eq!(back("good", "", &visit).await.status, 403, "no state");
    assert_eq!(back("good", &format!("0{state}"), &visit).await.status, 403);
    let denied = back("bad", state, &visit).await;
    assert!(
        denied.status == 403 && denied.body.contains("GitHub does not know this code."),
        "{}",
        denied.body
    );
    for _ in 0..20 {
        assert!([403, 429].contains(&back("bad", state, &visit).await.status.as_u16()));
    }
    let arrived = back("good", state, &visit).await;
    assert_eq!((arrived.status.as_u16(), arrived.header("location")), (303, "/audit"));
    let session = arrived.cookie("longshore-session").unwrap();
    let audit = server.get("/audit", &[("cookie", &session), HTML[0]]).await;
    assert!(audit.status == 200 && audit.body.contains("with GitHub"), "{}", audit.body);
    server.clock.add_seconds(12 * 3600);
    assert_eq!(server.get("/audit", &[("cookie", &session), HTML[0]]).await.status, 303);
    server.stop().await;
}

#[tokio::test]
async fn a_login_leads_to_no_other_server() {
    let server = Server::start().await;
    let token = server.token("ada", Role::Viewer).await;
    for to in ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"] {
        let page = server.get(&format!("/login?{}", form(&[("to", to)])), &HTML).await;
        let visit = page.cookie("longshore-visit").unwrap();
        assert!(!page.body.contains("evil") && !page.body.contains("alert"), "{}", page.body);
        let body = form(&[("csrf", &page.form_token()), ("token", &token), ("to", to)]);
        let answer = server.send("POST", "/login", &[("cookie", &visit), ("content-type", FORM)], body).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{to}");
    }
    server.stop().await;
}

/// Browsers hold the redirects of a form to the policy of its page at every hop, and the way out is not in it.
#[tokio::test]
async fn a_login_on_the_way_out_ends_its_form_here() {
    let server = Server::start().await;
    let token = server.token("ada", Role::Viewer).await;
    let to = "/enter?environment=x.shop&to=%2F%22%3E";
    let page = server.get(&format!("/login?{}", form(&[("to", to)])), &HTML).await;
    let visit = page.cookie("longshore-visit").unwrap();
    let body = form(&[("csrf", &page.form_token()), ("token", &token), ("to", to)]);
    let answer = server.send("POST", "/login", &[("cookie", &visit), ("content-type", FORM)], body).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (200, ""));
    assert_eq!(answer.header("refresh"), format!("0; url={to}"));
    assert!(answer.body.contains("href=\"/enter?environment=x.shop&amp;to=%2F%22%3E\""), "{}", answer.body);
    let session = answer.cookie("longshore-session").unwrap();
    assert_eq!(server.get("/", &[("cookie", &session), HTML[0]]).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn who_is_logged_in_enters_environments() {
    let server = Server::start().await;
    for (branch, made) in
        [("feature/x", None), ("feature/y", Some("preview.example.com")), ("feature/z", None)]
    {
        let mut it = samples::environment("shop", branch, State::Ready, server.now(), 5);
        let listener = "arn".to_owned();
        let without_door = made.map(|domain| Route::Host { listener, domain: domain.to_owned() });
        it.progress.resources.route = without_door;
        if branch == "feature/z" {
            let (domain, scheme) = ("earlier.example.com".to_owned(), "https".to_owned());
            let route = Route::Proxy { domain, scheme, port: Some(8443), access: Access::Login };
            it.progress.resources.route = Some(route);
        }
        samples::keep(&server.book, &it, &[]).await;
    }
    let browser = server.browser(Role::Viewer).await;
    for name in ["x.shop", "feature%2Fx"] {
        let entered = browser.get(&format!("/enter?environment={name}&to=%2Fcart%3Fa%3D1")).await;
        let signed = "https://x.shop.preview.example.com/.longshore/enter?token=for-x.shop&to=/cart?a=1";
        assert_eq!((entered.status.as_u16(), entered.header("location")), (303, signed));
    }
    let moved = browser.get("/enter?environment=z.shop&to=%2F").await;
    let signed = "https://z.shop.earlier.example.com:8443/.longshore/enter?token=for-z.shop&to=/";
    assert_eq!(moved.header("location"), signed, "where it was made");
    let plain = browser.get("/enter?environment=y.shop&to=%2F%2Fevil.example").await;
    assert_eq!(
        plain.header("location"),
        "https://y.shop.preview.example.com/",
        "an environment without a door"
    );
    for unknown in ["none", "evil.example%2Fx.shop", "evil.example%23.shop", "evil.example%2F%40x.shop"] {
        let answer = browser.get(&format!("/enter?environment={unknown}&to=%2F")).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (404, ""), "{unknown}");
    }
    let outside = server.get("/enter?environment=x.shop&to=%2F", &HTML).await;
    assert_eq!(outside.header("location"), "/login?to=%2Fenter%3Fenvironment%3Dx.shop%26to%3D%252F");
    server.stop().await;
}
