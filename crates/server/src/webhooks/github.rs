//! GitHub's webhooks. Each that is accepted is stored before it is answered and ends in a state that people can see.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use longshore_control::preview::Accepted;
use longshore_decide::preview::webhook::{self, Hint, Ignored};
use longshore_model::preview::view::AnswerView;
use longshore_model::preview::{Delivery, DeliveryState, Source};
use serde_json::Value;

use super::body;
use crate::app::Shared;
use crate::guard::client;
use crate::metrics::Fate;
use crate::problem::Problem;
use crate::signature;

/// GitHub sends no more than 25 MB (GitHub: "Webhook events and payloads").
const LIMIT: usize = 25 * 1024 * 1024;

/// An id of a delivery is a GUID; we take what fits a key.
const ID_LIMIT: usize = 128;

type Answer = Result<(StatusCode, Json<AnswerView>), Problem>;

/// Takes a delivery.
pub(crate) async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Answer {
    let answer = take(&shared, request).await;
    if let Err(problem) = &answer {
        let is_forged = matches!(problem.status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS);
        shared.metrics.delivered("github", if is_forged { Fate::Forged } else { Fate::Failed });
    }
    answer
}

async fn take(shared: &Arc<Shared>, request: Request) -> Answer {
    let Some(secret) = &shared.app.secrets.github else {
        let hint = "give Longshore the secret of the webhook";
        let error = "webhooks of GitHub are not set up here";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, error, hint));
    };
    let (parts, body) = request.into_parts();
    let address = client(shared, &parts.extensions, &parts.headers);
    if length(&parts.headers).is_some_and(|length| length > LIMIT) {
        let error = format!("the body is longer than {LIMIT} bytes");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error, "GitHub never sends so much"));
    }
    let whole = body::whole(&shared.deliveries, body, LIMIT).await?;
    let signature = text(&parts.headers, "x-hub-signature-256").unwrap_or_default();
    // A good signature is never refused for what others at the same address did.
    if !signature::is_from_github(secret, &whole.bytes, signature) {
        shared.forgeries.take(address, shared.now()).map_err(Problem::too_many)?;
        let hint = "sign with the secret that Longshore was given (`X-Hub-Signature-256`)";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "the signature is not good", hint));
    }
    let id = text(&parts.headers, "x-github-delivery").unwrap_or_default();
    let event = text(&parts.headers, "x-github-event").unwrap_or_default();
    let is_id = (1..=ID_LIMIT).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_id || event.is_empty() {
        let error = "this is no delivery of GitHub: `X-GitHub-Event` or `X-GitHub-Delivery` is missing";
        return Err(Problem::bad(error, "send both headers"));
    }
    let payload = payload(&parts.headers, &whole.bytes)?;
    let json: Value = serde_json::from_slice(&payload).map_err(|error| {
        Problem::bad(format!("the payload is no JSON: {error}"), "choose application/json on GitHub")
    })?;
    keep(shared, id, event, &json, &payload).await
}

/// Stores a delivery and says so.
async fn keep(shared: &Arc<Shared>, id: &str, event: &str, json: &Value, payload: &Bytes) -> Answer {
    let (repository, about, verdict) = match webhook::read(event, json) {
        // What a comment asks for is done in the repository's round, from what is stored here.
        Ok(Hint { repository, subject, .. }) => (Some(repository), Some(subject), Ok(())),
        Err(Ignored { repository, subject, why }) => (repository, subject, Err(why)),
    };
    let policies = shared.desk().policies();
    let ours = repository.as_ref().and_then(|name| policies.keys().find(|it| it.eq_ignore_ascii_case(name)));
    let is_foreign = repository.is_some() && ours.is_none();
    let is_ping = event == "ping";
    let state = match &verdict {
        _ if is_foreign => DeliveryState::Ignored("no policy names this repository".to_owned()),
        Ok(()) => DeliveryState::Accepted,
        Err(_) if is_ping => DeliveryState::Done("GitHub reaches this server".to_owned()),
        Err(why) => DeliveryState::Ignored(why.clone()),
    };
    let now = shared.now();
    // An organisation's webhook speaks of all its repositories: some of these show what is amiss, all would fill the store.
    if is_foreign && shared.foreign.take(std::net::Ipv4Addr::UNSPECIFIED.into(), now).is_err() {
        shared.metrics.delivered("github", Fate::Dropped);
        return Ok(say(StatusCode::ACCEPTED, "no policy names this repository"));
    }
    let words = match &state {
        _ if is_ping => "pong".to_owned(),
        DeliveryState::Ignored(why) => format!("ignored: {why}"),
        DeliveryState::Done(_) | DeliveryState::Answering(_) | DeliveryState::Accepted => {
            "accepted".to_owned()
        }
    };
    let status = if is_ping { StatusCode::OK } else { StatusCode::ACCEPTED };
    let delivery = Delivery {
        id: id.to_owned(),
        source: Source::Github,
        event: event.to_owned(),
        repository: ours.cloned().or(repository),
        about: about.map(|subject| subject.to_string()),
        at: now,
        state,
    };
    let accepted = shared.desk().deliver(delivery, payload.to_vec()).await?;
    tracing::info!(delivery = id, event, ?accepted, "took a delivery of GitHub");
    match accepted {
        Accepted::New => shared.metrics.delivered("github", Fate::New),
        Accepted::Known => {
            shared.metrics.delivered("github", Fate::Known);
            return Ok(say(status, "this delivery was here before"));
        }
    }
    Ok(say(status, &words))
}

fn say(status: StatusCode, message: &str) -> (StatusCode, Json<AnswerView>) {
    (status, Json(AnswerView { message: message.to_owned(), environment: None }))
}

/// The JSON: the body itself, or the form's `payload`.
fn payload(headers: &HeaderMap, body: &Bytes) -> Result<Bytes, Problem> {
    let kind = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Ok(body.clone());
    }
    let field = form_urlencoded::parse(body).find(|(name, _)| name == "payload");
    let missing = || Problem::bad("the form has no `payload`", "choose application/json on GitHub");
    field.map(|(_, json)| Bytes::from(json.into_owned())).ok_or_else(missing)
}

fn length(headers: &HeaderMap) -> Option<usize> {
    text(headers, header::CONTENT_LENGTH.as_str())?.parse().ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
