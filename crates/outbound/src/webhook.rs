//! Tells a signed webhook of the operator's own.

use async_trait::async_trait;
use longshore_model::preview::{Moment, Notice};
use longshore_model::{Error, Kind};
use longshore_world::Notifier;
use reqwest::Method;
use serde::Serialize;
use serde_json::Value;

use crate::http::Call;
use crate::{Http, Secret, signature};

/// How much of an answer is shown.
const SHOWN: usize = 300;

/// Posts each notice as JSON, with `X-Longshore-Signature-256: sha256=HMAC` over the body and `X-Longshore-Delivery`,
/// which is the same when it is tried again.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    http: Http,
    url: String,
    key: Secret,
}

/// What is posted: a promise to those who read it, apart from what is stored.
#[derive(Debug, Serialize)]
struct Event<'a> {
    event: Moment,
    /// RFC 3339.
    at: String,
    environment: &'a str,
    repository: &'a str,
    branch: &'a str,
    pull_request: Option<u64>,
    sha: &'a str,
    url: Option<&'a str>,
    text: &'a str,
    log_tail: &'a [String],
}

impl Webhook {
    /// `name` is the one among the notifiers of this configuration.
    #[must_use]
    pub fn new(http: Http, name: impl Into<String>, url: impl Into<String>, key: Secret) -> Self {
        Self { name: name.into(), http, url: url.into(), key }
    }
}

#[async_trait]
impl Notifier for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice, _: Option<&Value>) -> Result<Option<Value>, Error> {
        let what = format!("tell webhook `{}` of `{}`", self.name, notice.environment);
        let body = body(notice)?;
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            (signature::SIGNATURE, signature::of(&self.key, &body)),
            // Nothing else tells two notices apart, and the same one always has the same bytes.
            (signature::DELIVERY, signature::id(&body)),
        ];
        let call = Call {
            what: &what,
            place: "the webhook",
            method: Method::POST,
            url: &self.url,
            headers,
            body: Some(body),
            timeout: None,
        };
        let answer = self.http.deliver(call).await?;
        if answer.is_good() {
            return Ok(None);
        }
        let kind = match answer.status {
            429 => Kind::Throttled,
            401 | 403 => Kind::Denied,
            404 | 410 => Kind::NotFound,
            // These alone speak of the notice. All others speak of who stands in between, such as the page of a login.
            400 | 413 | 422 => Kind::Invalid,
            _ => Kind::Unavailable,
        };
        let words = format!("cannot {what}: it answered with HTTP {} {}", answer.status, answer.quote(SHOWN));
        let error = Error::new(kind, words.trim_end());
        Err(match answer.status {
            300..=399 => error.with_hint("redirects are not followed: write the address that it leads to"),
            _ => error.with_hint("any 2xx is good; the server behind it says why it refuses"),
        })
    }
}

fn body(notice: &Notice) -> Result<Vec<u8>, Error> {
    let at = jiff::Timestamp::from_millisecond(notice.at.0);
    let event = Event {
        event: notice.moment,
        at: at.map_err(|error| Error::new(Kind::Bug, error.to_string()))?.to_string(),
        environment: &notice.environment,
        repository: &notice.repository,
        branch: &notice.revision.branch,
        pull_request: notice.revision.pull_request,
        sha: &notice.revision.sha,
        url: notice.url.as_deref(),
        text: &notice.text,
        log_tail: &notice.log_tail,
    };
    serde_json::to_vec(&event).map_err(|error| Error::new(Kind::Bug, error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;
    use crate::stand::{Reply, Stand, notice};

    #[tokio::test]
    async fn a_notice_is_signed_and_known_again_when_it_is_told_twice() {
        let times = AtomicUsize::new(0);
        let stand = Stand::new(move |_| match times.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::text(503, "<h1>later</h1>\n\nplease"),
            _ => Reply::text(204, ""),
        })
        .await;
        let url = format!("{}/longshore", stand.url());
        let webhook = Webhook::new(Http::new().unwrap(), "ops", url, Secret::new("key"));
        let error = webhook.tell(&notice(Moment::Ready), None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert_eq!(
            error.to_string(),
            "cannot tell webhook `ops` of `changes-3f2a.hello`: it answered with HTTP 503 <h1>later</h1> please"
        );
        assert_eq!(webhook.tell(&notice(Moment::Ready), None).await.unwrap(), None);
        webhook.tell(&notice(Moment::Failed), None).await.unwrap();
        let [first, second, third] = &stand.asked()[..] else { panic!("three requests") };
        assert_eq!(first.line(), "POST /longshore");
        assert_eq!(
            first.json(),
            json!({"event": "ready", "at": "2019-05-16T09:46:40Z", "environment": "changes-3f2a.hello",
                "repository": "Codertocat/Hello-World", "branch": "changes", "pull_request": 2,
                "sha": "ec26c3e57ca3a959ca5aad62de7213c562f8c821",
                "url": "https://changes-3f2a.hello.example.com", "text": "It answers.", "log_tail": []})
        );
        let signature = signature::of(&Secret::new("key"), first.body.as_bytes());
        assert_eq!(first.header(signature::SIGNATURE), signature);
        assert_eq!(first.header(signature::DELIVERY), second.header(signature::DELIVERY));
        assert_ne!(first.header(signature::DELIVERY), third.header(signature::DELIVERY));
        assert!(!format!("{webhook:?}").contains("key\""));
    }

    #[tokio::test]
    async fn only_what_speaks_of_the_notice_is_taken_for_its_fault() {
        for (status, kind) in [
            (400, Kind::Invalid),
            (413, Kind::Invalid),
            (422, Kind::Invalid),
            (302, Kind::Unavailable),
            (401, Kind::Denied),
            (404, Kind::NotFound),
            (405, Kind::Unavailable),
            (408, Kind::Unavailable),
            (409, Kind::Unavailable),
            (425, Kind::Unavailable),
            (429, Kind::Throttled),
        ] {
            let stand = Stand::new(move |_| Reply::text(status, "no")).await;
            let webhook = Webhook::new(Http::new().unwrap(), "ops", stand.url(), Secret::new("key"));
            let error = webhook.tell(&notice(Moment::Ready), None).await.unwrap_err();
            assert_eq!((error.kind(), webhook.is_one_place()), (kind, true), "{status}");
        }
        let nowhere = Webhook::new(Http::new().unwrap(), "ops", "nowhere", Secret::new("key"));
        let error = nowhere.tell(&notice(Moment::Ready), None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let other = Stand::new(|_| Reply::text(200, "")).await;
        let there = other.url();
        let stand = Stand::new(move |_| Reply::text(307, "").header("location", there.clone())).await;
        let webhook = Webhook::new(Http::new().unwrap(), "ops", stand.url(), Secret::new("key"));
        let error = webhook.tell(&notice(Moment::Ready), None).await.unwrap_err();
        assert!(error.hint().unwrap().contains("redirects are not followed"));
        assert_eq!(error.kind(), Kind::Unavailable, "it is not the notice's fault");
        assert_eq!(other.asked().len(), 0);
    }
}
