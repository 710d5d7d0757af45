//! Access to sites: by a signed link, by the cookie that it becomes, or not at all.

use longshore_model::Timestamp;
use longshore_model::preview::Access;
use longshore_proxy::sites::{COOKIE_NAME, Key, Scope, enter_url, sign_link};
use longshore_world::Routes as _;

use crate::site_support::{Host, asleep, awake, host, key, policy, public, target};
use crate::support::{Message, Upstream, soon};

const A: &str = "a.shop.example.com";

/// Follows a link; the answer, and its cookie without attributes.
async fn enter(host: &Host, name: &str, pass: &str, to: &str) -> (Message, Option<String>) {
    let url = enter_url(&format!("https://{name}"), pass, to);
    let path = url.strip_prefix(&format!("https://{name}")).unwrap();
    let answer = host.get(name, path).await;
    let cookie = answer.header("set-cookie");
    let cookie = cookie.split_once(';').map(|(cookie, _)| cookie.to_owned());
    (answer, cookie)
}

#[tokio::test]
async fn only_who_has_a_pass_gets_in() {
    let (inside, outside) = (Upstream::named("a").await, target("b").await);
    let host = host().await;
    for (id, address) in [("a.shop", inside.address), ("b.shop", outside.address())] {
        host.sites.set(awake(id, &policy(Access::Login), &[("t", address)])).await.unwrap();
    }
    let later = Timestamp(60_000);
    let page = host.ask(A, "/x?y=1", "Accept: text/html\r\n").await;
    assert_eq!(page.status(), 303);
    assert_eq!(page.header("location"), "https://ship.example.com/enter?environment=a.shop&to=%2Fx%3Fy%3D1");
    let sentence = host.get(A, "/x").await;
    assert_eq!(
        (sentence.status(), sentence.header("content-type")),
        (401, "text/plain; charset=utf-8".into())
    );
    assert_eq!(sentence.header("x-robots-tag"), "noindex");
    let bad = [
        sign_link(&key(), Scope::Environment("b.shop"), later),
        sign_link(&key(), Scope::App("other"), later),
        sign_link(&key(), Scope::Environment("a.shop"), Timestamp(0)),
        sign_link(&Key::new(&[0; 32]), Scope::Environment("a.shop"), later),
        String::new(),
    ];
    for pass in &bad {
        let (answer, cookie) = enter(&host, A, pass, "/").await;
        assert_eq!((answer.status(), cookie), (403, None), "{pass}");
    }
    let (answer, cookie) = enter(&host, A, &sign_link(&key(), Scope::App("shop"), later), "/x?y").await;
    assert_eq!((answer.status(), answer.header("location")), (303, "/x?y".into()));
    let cookie = cookie.unwrap();
    assert!(cookie.starts_with(&format!("{COOKIE_NAME}=e")));
    let with = |cookie: &str| format!("Cookie: theirs=1; {cookie}\r\n");
    let inside = host.ask(A, "/x", &with(&cookie)).await;
    assert_eq!((inside.status(), inside.header("x-robots-tag")), (200, "noindex".into()));
    assert!(inside.text().contains("cookie: theirs=1\n") && !inside.text().contains(COOKIE_NAME));
    // It is of no use next door, nor once it has ended.
    assert_eq!(host.ask("b.shop.example.com", "/x", &with(&cookie)).await.status(), 401);
    let end = 12 * 3600 * 1000;
    for (now, status) in [(end - 1, 200), (end, 401)] {
        host.clock.0.store(now, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(host.ask(A, "/x", &with(&cookie)).await.status(), status);
    }
    assert_eq!(outside.others(), 0);
}

#[tokio::test]
async fn who_is_not_let_in_wakes_nobody() {
    let host = host().await;
    host.sites.set(asleep("a.shop", &policy(Access::Login))).await.unwrap();
    assert_eq!(host.get(A, "/").await.status(), 401);
    let pass = sign_link(&key(), Scope::Environment("a.shop"), Timestamp(60_000));
    let (answer, cookie) = enter(&host, A, &pass, "/").await;
    assert_eq!((answer.status(), host.news()), (303, Vec::new()));
    let cookie = format!("Cookie: {}\r\n", cookie.unwrap());
    let waiting = tokio::spawn(host.ask(A, "/", &cookie));
    assert_eq!(soon(host.sites.calls()).await, ["a.shop"]);
    assert_eq!(host.news(), [("a.shop".to_owned(), 1)]);
    // It is let in once it is decided anew.
    let target = Upstream::named("a").await;
    host.sites.set(awake("a.shop", &public(), &[("t", target.address)])).await.unwrap();
    assert_eq!(soon(waiting).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_closed_site_tells_its_reason_to_nobody_outside() {
    let host = host().await;
    let mut closed = asleep("a.shop", &policy(Access::Login));
    closed.closed = Some("secret reason".into());
    host.sites.set(closed).await.unwrap();
    let answer = host.get(A, "/").await;
    assert_eq!(answer.status(), 401);
    assert!(!answer.text().contains("secret"));
}
