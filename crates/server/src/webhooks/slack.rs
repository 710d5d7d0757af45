//! Slack: signed slash commands, and the older outgoing webhook with its token.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use longshore_control::preview::Accepted;
use longshore_decide::preview::slack;
use longshore_model::preview::{Delivery, DeliveryState, Source};
use serde_json::{Value, json};

use super::{body, talk};
use crate::app::Shared;
use crate::guard::client;
use crate::metrics::Fate;
use crate::problem::Problem;
use crate::{random, signature};

/// The longest body. Slack's commands are a few kilobytes.
const LIMIT: usize = 64 * 1024;

/// Slack shows an error when there is no answer within three seconds (Slack: "Slash commands"). What takes longer than this
/// comes by way of `response_url`.
const PATIENCE: Duration = Duration::from_millis(2000);

/// What somebody wrote in Slack.
#[derive(Debug, Default)]
struct Asked {
    token: String,
    user: String,
    channel: String,
    text: String,
    trigger: String,
    response_url: String,
}

/// Takes a command.
pub(crate) async fn receive(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let answer = take(&shared, request).await;
    if let Err(problem) = &answer {
        let is_forged = matches!(problem.status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS);
        shared.metrics.delivered("slack", if is_forged { Fate::Forged } else { Fate::Failed });
    }
    answer
}

async fn take(shared: &Arc<Shared>, request: Request) -> Result<Json<Value>, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = body::whole(&shared.bodies, body, LIMIT).await?.bytes;
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let asked = read(&bytes);
    let stamp = header("x-slack-request-timestamp").unwrap_or_default();
    let is_known =
        match header("x-slack-signature") {
            Some(signature) => shared.app.secrets.slack.as_ref().is_some_and(|secret| {
                signature::is_from_slack(secret, &bytes, stamp, signature, shared.now())
            }),
            None => {
                let ours = shared.app.secrets.slack_token.as_deref();
                ours.is_some_and(|ours| !ours.is_empty() && signature::is_same(ours, &asked.token))
            }
        };
    if !is_known {
        let address = client(shared, &parts.extensions, &parts.headers);
        shared.forgeries.take(address, shared.now()).map_err(Problem::too_many)?;
        let hint = "sign with the app's signing secret (`X-Slack-Signature`), within five minutes";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "the signature is not good", hint));
    }
    let is_new = keep(shared, stamp, &bytes, &asked).await?;
    if !is_new {
        return Ok(Json(say(&asked, "This was asked before, and is done.")));
    }
    answer(shared, asked).await
}

/// Answers at once when that can be, and later when it takes longer.
async fn answer(shared: &Arc<Shared>, asked: Asked) -> Result<Json<Value>, Problem> {
    let who = format!("{} (Slack)", asked.user);
    let request = match asked.trigger.as_str() {
        "" => slack::slash(&asked.text),
        trigger => slack::outgoing(trigger, &asked.text),
    };
    let mut work = {
        let shared = Arc::clone(shared);
        tokio::spawn(async move { talk::answer(&shared, request, &who).await })
    };
    if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
        let text = done.map_err(|_| Problem::busy("the answer was lost"))?;
        return Ok(Json(say(&asked, &text)));
    }
    if asked.response_url.is_empty() {
        return Ok(Json(say(&asked, "This takes longer; the dashboard shows how far it is.")));
    }
    let first = Json(say(&asked, "On it…"));
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let Ok(text) = work.await else { return };
        if let Err(error) = shared.app.reply.reply(&asked.response_url, &slack::escaped(&text)).await {
            tracing::warn!(%error, "cannot answer in Slack");
        }
    });
    Ok(first)
}

/// Stores what was asked, without what opens a door (its token and its `response_url`). The same request again, which
/// somebody may have overheard, is `false`.
async fn keep(shared: &Shared, stamp: &str, bytes: &Bytes, asked: &Asked) -> Result<bool, Problem> {
    let unique = format!("{stamp}:{}", random::hash(&String::from_utf8_lossy(bytes)));
    let id: String = random::hash(&unique).chars().take(32).collect();
    let delivery = Delivery {
        id: format!("slack-{id}"),
        source: Source::Slack,
        event: "command".to_owned(),
        repository: None,
        about: Some(asked.text.chars().take(200).collect()),
        at: shared.now(),
        state: DeliveryState::Done(format!("asked by {}; the audit log says what became of it", asked.user)),
    };
    let payload = json!({"user": asked.user, "channel": asked.channel, "text": asked.text});
    let accepted = shared.desk().deliver(delivery, payload.to_string().into_bytes()).await?;
    let is_new = accepted == Accepted::New;
    shared.metrics.delivered("slack", if is_new { Fate::New } else { Fate::Known });
    Ok(is_new)
}

fn read(bytes: &[u8]) -> Asked {
    let mut asked = Asked::default();
    for (name, value) in form_urlencoded::parse(bytes) {
        let value = value.into_owned();
        match name.as_ref() {
            "token" => asked.token = value,
            "user_name" => asked.user = value,
            "channel_name" => asked.channel = value,
            "text" => asked.text = value,
            "trigger_word" => asked.trigger = value,
            "response_url" => asked.response_url = value,
            _ => {}
        }
    }
    asked
}

/// For its asker alone.
fn say(asked: &Asked, text: &str) -> Value {
    let text = slack::escaped(text);
    if asked.response_url.is_empty() {
        // Outgoing webhooks know no answers for one person.
        return json!({"text": text});
    }
    json!({"response_type": "ephemeral", "text": text})
}
