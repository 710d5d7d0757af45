//! The dashboard as somebody without JavaScript uses it, and as somebody hostile would like to.

use bytes::Bytes;
use longshore_control::book;
use longshore_model::preview::view::Role;
use longshore_model::preview::{
    Delivery, DeliveryState, EntryKind, Environment, Failure, Presence, Source, State,
};
use longshore_world::Expect;

use crate::samples;
use crate::support::{FORM, GITHUB, HTML, SLACK_TOKEN, Server, form, hmac};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{7*7}}\u{202e}";

#[tokio::test]
async fn the_first_page_shows_all_and_finds() {
    let server = Server::start().await;
    samples::fill(&server.book, server.now()).await;
    let browser = server.browser(Role::Operator).await;
    let shown = async |path: &str| {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200);
        page.body.matches(" class=\"row is-").count()
    };
    let page = browser.get("/").await.body;
    assert!(page.contains("9 environments · 3 ready · about $"), "{page}");
    for text in [
        "20 of 20 environments of octo/shop exist; it is the first in the queue.",
        "crashed 3 times",
        "#128",
        "pinned",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(shown("/").await, 9);
    assert_eq!(shown("/?q=BILLING").await, 4);
    assert_eq!(shown("/?q=%23128").await, 1);
    assert_eq!(shown("/?state=failed").await, 1);
    assert_eq!(shown("/?state=busy").await, 4);
    assert_eq!(shown("/?state=queued").await, 1);
    assert_eq!(shown("/?q=billing&state=ready").await, 2);
    assert_eq!(shown("/?q=nothing-is-called-this").await, 0);
    server.stop().await;
}

#[tokio::test]
async fn what_a_repository_waits_for_is_shown_above_its_environments() {
    let server = Server::start().await;
    let browser = server.browser(Role::Viewer).await;
    let page = browser.get("/").await.body;
    assert!(page.contains("<div id=\"waiting\" data-live></div>"), "{page}");
    samples::wait(&server.book, "octo/shop", "6 environments would be removed: `confirm` <lets> them go")
        .await;
    let page = browser.get("/").await.body;
    let said = "<dt>repository octo/shop</dt><dd>6 environments would be removed: <code>confirm</code> &lt;lets&gt; them go.</dd>";
    assert!(page.contains(said), "{page}");
    assert!(page.contains("aria-labelledby=\"waiting-title\""), "{page}");
    server.stop().await;
}

#[tokio::test]
async fn one_environment_shows_its_life() {
    let server = Server::start().await;
    samples::fill(&server.book, server.now()).await;
    let browser = server.browser(Role::Viewer).await;
    let page = browser.get("/environments/fix%2FVAT-1042-reverse-charge").await.body;
    for text in
        ["ECONNREFUSED", "too many calls; tried again in 4 s", "dana asked", "octo/shop", "<time datetime="]
    {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    assert!(!page.contains("/down\""), "a viewer has no buttons");
    server.stop().await;
}

#[tokio::test]
async fn forms_do_everything_without_a_script() {
    let server = Server::start().await;
    samples::fill(&server.book, server.now()).await;
    let browser = server.browser(Role::Operator).await;
    let act = async |path: &str, fields: &[(&str, &str)], expected: &str| {
        let page = browser.get("/?state=ready").await.body;
        assert!(page.contains(&format!("action=\"{path}\"")), "there is no form for {path}");
        let answer = browser.post(path, fields).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/?state=ready"), "{path}");
        let notice = answer.cookie("longshore-notice").unwrap();
        let cookie = format!("{}; {notice}", browser.cookie);
        let back = server.get("/?state=ready", &[("cookie", &cookie), HTML[0]]).await;
        assert!(back.body.contains(expected), "{path}: {}", back.body);
        assert_eq!(back.cookie("longshore-notice").unwrap(), "longshore-notice=", "it is said once");
    };
    let to = ("to", "/?state=ready");
    let id = "/environments/invoices-as-pdf.billing";
    act(&format!("{id}/pin"), &[to], "invoices-as-pdf.billing").await;
    act(&format!("{id}/unpin"), &[to], "invoices-as-pdf.billing").await;
    act(&format!("{id}/extend"), &[to], "invoices-as-pdf.billing").await;
    act("/environments", &[to, ("repository", "octo/shop"), ("subject", "feature/new")], "cannot ask GitHub")
        .await;
    act("/confirm", &[to, ("repository", "octo/shop")], "octo/shop").await;
    act(&format!("{id}/sleep"), &[to], "invoices-as-pdf.billing").await;
    act("/environments/demo.billing/down", &[to], "demo.billing").await;
    let unknown = browser.post(&format!("{id}/explode"), &[to]).await;
    assert!(unknown.cookie("longshore-notice").unwrap().contains("bad%3A"), "{:?}", unknown.headers);
    let elsewhere = browser.post(&format!("{id}/wake"), &[("to", "https://evil.example")]).await;
    assert_eq!(elsewhere.header("location"), "/");
    server.stop().await;
}

#[tokio::test]
async fn who_has_just_begun_is_told_what_is_next() {
    let server = Server::start().await;
    let browser = server.browser(Role::Operator).await;
    let page = browser.get("/").await.body;
    assert!(page.contains("No environment yet") && page.contains("<code>feature/**</code>"), "{page}");
    let page = browser.get("/deliveries").await.body;
    assert!(page.contains(&format!("http://{}/webhooks/github", server.authority)), "{page}");
    server.stop().await;
}

/// Whatever a branch, a log or a person is called, no page has an element or an attribute of theirs.
#[tokio::test]
async fn hostile_words_stay_words_on_every_page() {
    let server =
        Server::with(|app| app.glance = std::sync::Arc::new(samples::Cluster { text: HOSTILE.to_owned() }))
            .await;
    let it = be_hostile(&server).await;
    let browser = server.browser(Role::Operator).await;
    let query = form(&[("q", HOSTILE), ("state", HOSTILE)]);
    let environment = format!("/environments/{}", it.names.id);
    let notice = format!(
        "{}; longshore-notice=ok%3A{}",
        browser.cookie,
        form(&[("", HOSTILE)]).replace(['=', '+'], "%20")
    );
    let pages = [
        browser.get("/").await,
        browser.get(&environment).await,
        browser.get("/deliveries").await,
        browser.get("/runs").await,
        browser.get("/audit").await,
        browser.get(&format!("/?{query}")).await,
        browser.get(&format!("/environments/{}", form(&[("", HOSTILE)]).replace(['=', '+'], ""))).await,
        server.get(&format!("/login?{}", form(&[("to", &format!("/{HOSTILE}"))])), &HTML).await,
        server.get("/", &[("cookie", &notice), HTML[0]]).await,
    ];
    for (index, page) in pages.iter().enumerate() {
        let body = &page.body;
        assert!(page.header("content-type").starts_with("text/html"), "{index}");
        assert!(
            !body.contains("<script>") && !body.contains("<img src=x") && !body.contains("<b>"),
            "{index}: {body}"
        );
        assert_eq!(body.matches("<script").count(), 1, "{index}: only our own");
        assert!(!body.contains(" style=\"") && !body.contains("javascript:"), "{index}");
    }
    for index in [0, 1, 2, 3, 4, 8] {
        assert!(pages[index].body.contains("&lt;script&gt;alert(1)"), "{index} does not show it at all");
    }
    server.stop().await;
}

/// Hostile words everywhere where words of others come from.
async fn be_hostile(server: &Server) -> Environment {
    let mut it = samples::environment("shop", &format!("feature/{HOSTILE}"), State::Failed, server.now(), 5);
    it.waiting = vec![HOSTILE.to_owned()];
    it.wish.revision.sha = HOSTILE.to_owned();
    it.wish.presence = Presence::Up { by: HOSTILE.to_owned() };
    it.progress.failure = Some(Failure {
        revision: it.wish.revision.clone(),
        attempt: 0,
        why: HOSTILE.to_owned(),
        log_tail: vec![HOSTILE.to_owned()],
        at: server.now(),
    });
    samples::keep(&server.book, &it, &[(EntryKind::Asked, HOSTILE)]).await;
    samples::wait(&server.book, "octo/shop", HOSTILE).await;
    let push =
        serde_json::json!({"ref": format!("refs/heads/{HOSTILE}"), "repository": {"full_name": "octo/shop"}})
            .to_string();
    let signature = format!("sha256={}", hmac(GITHUB, &[push.as_bytes()]));
    let headers = [
        ("x-hub-signature-256", signature.as_str()),
        ("x-github-event", "push"),
        ("x-github-delivery", "'\"><b>"),
    ];
    assert_eq!(server.send("POST", "/webhooks/github", &headers, Bytes::from(push)).await.status, 202);
    let ignored = Delivery {
        id: "d-2".to_owned(),
        source: Source::Github,
        event: HOSTILE.to_owned(),
        repository: Some(HOSTILE.to_owned()),
        about: Some(HOSTILE.to_owned()),
        at: server.now(),
        state: DeliveryState::Ignored(HOSTILE.to_owned()),
    };
    let write = book::put(book::DELIVERIES, "d-2", Expect::Anything, &ignored);
    assert!(server.book.write(vec![write]).await.unwrap());
    let said = form(&[
        ("token", SLACK_TOKEN),
        ("user_name", HOSTILE),
        ("text", &format!("pin {}", HOSTILE.replace(' ', "_"))),
    ]);
    assert_eq!(server.send("POST", "/webhooks/slack", &[("content-type", FORM)], said).await.status, 200);
    it
}
