//! Tells a Slack channel, and answers slash commands.

use async_trait::async_trait;
use longshore_model::preview::{Moment, Notice};
use longshore_model::{Error, Kind};
use longshore_world::Notifier;
use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::{Answer, Call, is_loopback};
use crate::{Http, Secret, words};

/// Who answers.
const PLACE: &str = "Slack";
/// What explains an error that is not explained here.
const REFERENCE: &str = "Slack's reference of chat.postMessage explains it";
/// How much of an answer is shown.
const SHOWN: usize = 100;

/// Tells a Slack channel.
#[derive(Debug)]
pub struct Slack {
    name: String,
    http: Http,
    to: To,
}

#[derive(Debug)]
enum To {
    /// One message for each environment, kept up to date.
    Channel { api: String, token: Secret, channel: String },
    /// One message for each notice.
    Webhook(Secret),
}

/// The message of an environment.
#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    ts: String,
    /// As Slack calls it.
    channel: String,
    /// As the configuration called it then.
    configured: String,
}

#[derive(Debug, Deserialize)]
struct Said {
    ok: bool,
    error: Option<String>,
    needed: Option<String>,
    ts: Option<String>,
    channel: Option<String>,
}

impl Slack {
    /// Where Slack's Web API is.
    pub const API: &'static str = "https://slack.com/api";

    /// One message for each environment in a channel (its name or its id), kept up to date. The bot token (`xoxb-...`)
    /// needs the scope `chat:write`. `api` is [`Slack::API`].
    #[must_use]
    pub fn channel(http: Http, name: impl Into<String>, api: &str, token: Secret, channel: &str) -> Self {
        let api = api.trim_end_matches('/').to_owned();
        Self { name: name.into(), http, to: To::Channel { api, token, channel: channel.to_owned() } }
    }

    /// One message for each notice, to an incoming webhook: its address is the key.
    #[must_use]
    pub fn webhook(http: Http, name: impl Into<String>, address: Secret) -> Self {
        Self { name: name.into(), http, to: To::Webhook(address) }
    }
}

#[async_trait]
impl Notifier for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice, memory: Option<&Value>) -> Result<Option<Value>, Error> {
        let message = words::message(notice, None);
        let (api, token, channel) = match &self.to {
            To::Webhook(address) => {
                let what = format!("tell of `{}`", notice.environment);
                post(&self.http, &what, address.expose(), &message).await?;
                return Ok(None);
            }
            To::Channel { api, token, channel } => (api, token, channel),
        };
        let what = format!("tell channel `{channel}` of `{}`", notice.environment);
        let known = memory.and_then(|memory| serde_json::from_value::<Memory>(memory.clone()).ok());
        // The channel of the configuration may be another one now.
        let known = known.filter(|memory| memory.configured == *channel);
        let mut said = None;
        if let Some(Memory { ts, channel, .. }) = known {
            let mut document = message.clone();
            document["channel"] = json!(channel);
            document["ts"] = json!(ts);
            let update = self.say(&what, &format!("{api}/chat.update"), token, &document).await?;
            said = Some(update).filter(|update| !update.error.as_deref().is_some_and(is_gone));
        }
        let said = match said {
            Some(said) => said,
            None => {
                let mut document = message;
                document["channel"] = json!(channel);
                document["unfurl_links"] = json!(false);
                document["unfurl_media"] = json!(false);
                self.say(&what, &format!("{api}/chat.postMessage"), token, &document).await?
            }
        };
        match said {
            Said { ok: true, ts: Some(ts), channel: Some(there), .. } => {
                let memory = Memory { ts, channel: there, configured: channel.clone() };
                // An environment that is made anew begins with a new message.
                Ok((notice.moment != Moment::Removed).then(|| json!(memory)))
            }
            Said { ok: true, .. } => Err(Error::new(
                Kind::Unavailable,
                format!("cannot {what}: Slack does not say where the message is"),
            )),
            refused => Err(refusal(&what, &refused)),
        }
    }
}

impl Slack {
    async fn say(&self, what: &str, url: &str, token: &Secret, document: &Value) -> Result<Said, Error> {
        let headers = vec![
            ("authorization", format!("Bearer {}", token.expose())),
            ("content-type", "application/json; charset=utf-8".to_owned()),
        ];
        let body = Some(document.to_string().into_bytes());
        let call = Call { what, place: PLACE, method: Method::POST, url, headers, body, timeout: None };
        let answer = self.http.deliver(call).await?;
        unless_limited(what, &answer)?;
        if answer.status >= 300 {
            return Err(of_status(what, &answer));
        }
        answer.json(what, PLACE)
    }
}

/// Answers slash commands, later than Slack waits for the first answer.
#[derive(Debug, Clone)]
pub struct Responder {
    http: Http,
    loopback: bool,
}

impl Responder {
    /// To Slack; with `loopback`, to servers of this machine, too: for tests alone.
    #[must_use]
    pub fn new(http: Http, loopback: bool) -> Self {
        Self { http, loopback }
    }

    /// Says this, in Slack's mrkdwn, to the person who asked, and to nobody else. A `response_url` holds for 30 minutes and five answers.
    ///
    /// # Errors
    /// The address is not one of Slack's, or Slack does not take the answer.
    pub async fn respond(&self, response_url: &str, text: &str) -> Result<(), Error> {
        let what = "answer a slash command";
        let url = Url::parse(response_url).ok();
        let is_slacks = |url: &Url| {
            let there = (url.scheme(), url.host_str(), url.port(), url.username());
            there == ("https", Some("hooks.slack.com"), None, "") || (self.loopback && is_loopback(url))
        };
        if !url.as_ref().is_some_and(is_slacks) {
            let text = format!("cannot {what}: its response_url is not at https://hooks.slack.com");
            return Err(Error::new(Kind::Invalid, text));
        }
        let document = json!({"response_type": "ephemeral", "text": text});
        post(&self.http, what, response_url, &document).await
    }
}

/// Posts to an address that is itself the key: it is in no error.
async fn post(http: &Http, what: &str, url: &str, document: &Value) -> Result<(), Error> {
    let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
    let body = Some(document.to_string().into_bytes());
    let call = Call { what, place: PLACE, method: Method::POST, url, headers, body, timeout: None };
    let answer = http.deliver(call).await?;
    unless_limited(what, &answer)?;
    if answer.is_good() { Ok(()) } else { Err(of_status(what, &answer)) }
}

/// <https://docs.slack.dev/apis/web-api/rate-limits>
fn unless_limited(what: &str, answer: &Answer) -> Result<(), Error> {
    if answer.status != 429 {
        return Ok(());
    }
    let wait = answer.retry_after().map_or(1, |wait| wait.as_secs());
    Err(Error::new(Kind::Throttled, format!("cannot {what}: Slack's rate limit holds for {wait} s more")))
}

/// Whether the message cannot be updated, so that a new one takes its place.
fn is_gone(error: &str) -> bool {
    matches!(error, "message_not_found" | "cant_update_message" | "edit_window_closed" | "channel_not_found")
}

/// Whether Slack speaks of the message itself, so that it will say the same again.
fn is_of_message(error: &str) -> bool {
    matches!(
        error,
        "msg_too_long"
            | "msg_blocks_too_long"
            | "no_text"
            | "invalid_blocks"
            | "invalid_blocks_format"
            | "invalid_attachments"
            | "attachment_payload_limit_exceeded"
            | "too_many_attachments"
    )
}

/// From an answer with `ok: false`: <https://docs.slack.dev/reference/methods/chat.postMessage#errors>
fn refusal(what: &str, said: &Said) -> Error {
    let code = said.error.as_deref().unwrap_or("an unnamed error");
    let needed = said.needed.as_deref().unwrap_or("chat:write");
    let (kind, hint) = match code {
        "channel_not_found" => (
            Kind::NotFound,
            "write the channel's id (C...), as its details show it; a private one must have the app in it"
                .to_owned(),
        ),
        "not_in_channel" => (
            Kind::Denied,
            "type `/invite @APP` in the channel, or give the app the scope chat:write.public".to_owned(),
        ),
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" => (
            Kind::Denied,
            "the bot token (xoxb-...) is not accepted: install the app anew, and copy its token".to_owned(),
        ),
        "missing_scope" => (Kind::Denied, format!("give the app the scope {needed}, and install it anew")),
        "is_archived" => (Kind::Denied, "the channel is archived: name another one".to_owned()),
        "ratelimited" | "rate_limited" => (Kind::Throttled, "it is tried again by itself".to_owned()),
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            (Kind::Unavailable, "https://slack-status.com says how Slack is".to_owned())
        }
        _ if is_of_message(code) => (Kind::Invalid, REFERENCE.to_owned()),
        // What nobody here knows may pass, or somebody mends it: the message is not to blame.
        _ => (Kind::Unavailable, REFERENCE.to_owned()),
    };
    Error::new(kind, format!("cannot {what}: Slack says {code}")).with_code(code).with_hint(hint)
}

/// From an answer in plain text: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>
fn of_status(what: &str, answer: &Answer) -> Error {
    let kind = match answer.status {
        401 | 403 => Kind::Denied,
        404 | 410 => Kind::NotFound,
        400 | 413 | 422 => Kind::Invalid,
        _ => Kind::Unavailable,
    };
    let words = format!("Slack answered with HTTP {} {}", answer.status, answer.quote(SHOWN));
    let error = Error::new(kind, format!("cannot {what}: {}", words.trim_end()));
    match kind {
        Kind::Denied | Kind::NotFound => {
            error.with_hint("is the address still right? Make a new one in the app")
        }
        _ => error,
    }
}

#[cfg(test)]
#[path = "slack_tests.rs"]
mod tests;
