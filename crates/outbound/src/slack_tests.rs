//! A Slack that keeps messages, and says no in all its ways.

use std::sync::{Arc, Mutex};

use super::*;
use crate::stand::{Asked, Reply, Stand, notice};

const TOKEN: &str = "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcBrzqqgy";

fn slack(stand: &Stand) -> Slack {
    Slack::channel(Http::new().unwrap(), "team", &stand.url(), Secret::new(TOKEN), "#previews")
}

fn said(error: &str) -> Reply {
    Reply::json(200, &json!({"ok": false, "error": error}))
}

fn posted(asked: &Asked, ts: &str) -> Reply {
    assert_eq!(asked.header("authorization"), format!("Bearer {TOKEN}"));
    Reply::json(200, &json!({"ok": true, "channel": "C123456", "ts": ts, "message": {"text": "…"}}))
}

#[tokio::test]
async fn an_environment_has_one_message_until_it_is_removed() {
    let stand = Stand::new(|asked| posted(asked, "1503435956.000247")).await;
    let slack = slack(&stand);
    let mut memory = None;
    for moment in [Moment::Creating, Moment::Ready, Moment::Removed, Moment::Creating] {
        memory = slack.tell(&notice(moment), memory.as_ref()).await.unwrap();
    }
    let lines =
        ["POST /chat.postMessage", "POST /chat.update", "POST /chat.update", "POST /chat.postMessage"];
    assert_eq!(stand.lines(), lines);
    let documents: Vec<Value> = stand.asked().iter().map(Asked::json).collect();
    assert_eq!(documents[0]["channel"], "#previews");
    assert_eq!(
        (&documents[1]["channel"], &documents[1]["ts"]),
        (&json!("C123456"), &json!("1503435956.000247"))
    );
    let texts = [Moment::Creating, Moment::Ready].map(|it| words::message(&notice(it), None)["text"].clone());
    assert_eq!([&documents[0]["text"], &documents[1]["text"]], [&texts[0], &texts[1]]);
    assert_ne!(texts[0], texts[1]);
}

#[tokio::test]
async fn a_message_that_is_gone_is_posted_anew() {
    for error in ["message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"] {
        let stand = Stand::new(move |asked| match asked.path.as_str() {
            "/chat.update" => said(error),
            _ => posted(asked, "2"),
        })
        .await;
        let memory = json!({"ts": "1", "channel": "C1", "configured": "#previews"});
        let memory = slack(&stand).tell(&notice(Moment::Ready), Some(&memory)).await.unwrap().unwrap();
        assert_eq!(memory, json!({"ts": "2", "channel": "C123456", "configured": "#previews"}));
        let elsewhere = json!({"ts": "1", "channel": "C1", "configured": "#general"});
        stand.forget();
        slack(&stand).tell(&notice(Moment::Ready), Some(&elsewhere)).await.unwrap();
        assert_eq!(stand.lines(), ["POST /chat.postMessage"]);
    }
}

#[tokio::test]
async fn refusals_say_what_to_do_and_no_secret() {
    let missing =
        json!({"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "incoming"});
    let cases = [
        (said("channel_not_found"), Kind::NotFound, "the channel's id"),
        (said("not_in_channel"), Kind::Denied, "/invite"),
        (said("invalid_auth"), Kind::Denied, "xoxb-..."),
        (Reply::json(200, &missing), Kind::Denied, "the scope chat:write"),
        (said("ratelimited"), Kind::Throttled, "again"),
        (said("internal_error"), Kind::Unavailable, "slack-status"),
        (said("is_archived"), Kind::Denied, "name another one"),
        (said("team_access_not_granted"), Kind::Unavailable, "reference"),
        (said("msg_too_long"), Kind::Invalid, "reference"),
        (said("invalid_blocks"), Kind::Invalid, "reference"),
        (Reply::text(302, ""), Kind::Unavailable, ""),
        (Reply::text(400, "invalid_payload"), Kind::Invalid, ""),
        (Reply::text(429, "").header("retry-after", "30"), Kind::Throttled, ""),
        (Reply::text(503, "<html>"), Kind::Unavailable, ""),
        (Reply::text(200, "<html>"), Kind::Unavailable, ""),
        (Reply::json(200, &json!({"ok": true})), Kind::Unavailable, ""),
    ];
    for (reply, kind, hint) in cases {
        let stand = Stand::new(move |_| reply.clone()).await;
        let slack = slack(&stand);
        let error = slack.tell(&notice(Moment::Ready), None).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{error:?}");
        assert!(!format!("{error:?} {error} {slack:?}").contains(TOKEN));
        if error.to_string().contains("rate limit") {
            assert!(error.to_string().contains("for 30 s more"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_incoming_webhooks_address_is_in_no_error() {
    let good = Arc::new(Mutex::new(true));
    let now = Arc::clone(&good);
    let stand = Stand::new(move |_| match *now.lock().unwrap() {
        true => Reply::text(200, "ok"),
        false => Reply::text(404, "no_service"),
    })
    .await;
    let address = format!("{}/services/T000/B000/very-secret", stand.url());
    let slack = Slack::webhook(Http::new().unwrap(), "team", Secret::new(&address));
    assert_eq!(slack.tell(&notice(Moment::Ready), None).await.unwrap(), None);
    assert!(stand.asked()[0].json()["text"].as_str().unwrap().contains("is ready"));
    *good.lock().unwrap() = false;
    let refused = slack.tell(&notice(Moment::Ready), None).await.unwrap_err();
    assert!(refused.to_string().contains("HTTP 404 no_service"), "{refused}");
    let nobody = Stand::new(|_| Reply::never()).await.url();
    let nobody = Secret::new(format!("{nobody}/services/T000/B000/very-secret"));
    let gone = Slack::webhook(Http::new().unwrap(), "team", nobody);
    let gone = gone.tell(&notice(Moment::Ready), None).await.unwrap_err();
    assert_eq!(gone.kind(), Kind::Unavailable);
    let odd = Slack::webhook(Http::new().unwrap(), "team", Secret::new("hooks/very-secret"));
    let odd = odd.tell(&notice(Moment::Ready), None).await.unwrap_err();
    for error in [refused, gone, odd] {
        assert!(!format!("{error:?} {error} {slack:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn slash_commands_are_answered_at_slack_alone() {
    let stand = Stand::new(|_| Reply::text(200, "ok")).await;
    let url = format!("{}/commands/1", stand.url());
    let responder = Responder::new(Http::new().unwrap(), true);
    responder.respond(&url, "`x` &amp; more").await.unwrap();
    let document = json!({"response_type": "ephemeral", "text": "`x` &amp; more"});
    assert_eq!(stand.asked()[0].json(), document);
    let real = Responder::new(Http::new().unwrap(), false);
    let there = stand.url().replace("http://", "");
    for url in [
        url.as_str(),
        "http://hooks.slack.com/commands/1",
        "https://hooks.slack.com.example.com/commands/1",
        "https://hooks.slack.com:8443/commands/1",
        "https://example.com/hooks.slack.com",
        &format!("https://hooks.slack.com@{there}/"),
        "https://someone@hooks.slack.com/",
        "file:///etc/passwd",
        "",
    ] {
        assert_eq!(real.respond(url, "x").await.unwrap_err().kind(), Kind::Invalid, "{url}");
    }
    assert_eq!(stand.asked().len(), 1);
}
