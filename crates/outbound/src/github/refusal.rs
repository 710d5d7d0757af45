//! What GitHub says when it does not do what it was asked, in one sentence with what to do about it.

use std::time::{Duration, UNIX_EPOCH};

use longshore_model::{Error, Kind};
use serde_json::Value;

use crate::http::Answer;

/// How long nothing is asked when GitHub does not say how long, as its documentation wants it.
const UNNAMED_WAIT: Duration = Duration::from_secs(60);
/// A reset that is said to be later than this is not believed: primary limits count by the hour.
const MAX_WAIT: Duration = Duration::from_secs(3700);
/// How much of a message is shown.
const SHOWN: usize = 300;

/// The code of an error that says that the token is not accepted.
const UNAUTHORIZED: &str = "401";

/// A rate limit: the primary one, which counts by the hour, or a secondary one against bursts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limit {
    /// How long it lasts.
    pub(super) wait: Duration,
    /// Until when, where GitHub says it as a time.
    pub(super) until: Option<String>,
}

/// Whether this is the word of a rate limit.
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>
pub(super) fn limit(answer: &Answer) -> Option<Limit> {
    let none_left = answer.header("x-ratelimit-remaining") == Some("0");
    let said = || message(answer).to_lowercase().contains("rate limit");
    let is_limit = match answer.status {
        429 => true,
        403 => none_left || answer.header("retry-after").is_some() || said(),
        _ => false,
    };
    if !is_limit {
        return None;
    }
    if let Some(wait) = answer.retry_after() {
        return Some(Limit { wait, until: None });
    }
    let reset = answer.header("x-ratelimit-reset").filter(|_| none_left);
    let named = reset.and_then(|reset| reset.parse().ok()).and_then(|reset| until(answer, reset));
    Some(named.unwrap_or(Limit { wait: UNNAMED_WAIT, until: None }))
}

/// From the seconds since 1970 at which a limit ends, by GitHub's own clock.
fn until(answer: &Answer, reset: u64) -> Option<Limit> {
    let now = httpdate::parse_http_date(answer.header("date")?).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let wait = Duration::from_secs(reset.saturating_sub(now.as_secs()).saturating_add(1)).min(MAX_WAIT);
    let at = jiff::Timestamp::from_second(i64::try_from(reset).ok()?).ok()?;
    Some(Limit { wait, until: Some(at.to_string()) })
}

/// For who tells notices. A token that is not accepted is so wherever it is shown, and not the word of one repository;
/// and what GitHub itself has not refused is not the notice's fault.
pub(super) fn of_notice(error: Error) -> Error {
    let kind = match (error.kind(), error.code()) {
        (_, Some(UNAUTHORIZED)) => Kind::Unavailable,
        (Kind::Invalid, None) => Kind::Conflict,
        _ => return error,
    };
    let hint = error.hint().unwrap_or_default().to_owned();
    Error::new(kind, error.to_string()).with_hint(hint)
}

pub(super) fn limited(what: &str, limit: &Limit) -> Error {
    let over = match &limit.until {
        Some(until) => format!("until {until}"),
        None => format!("for {} s more", limit.wait.as_secs().max(1)),
    };
    Error::new(Kind::Throttled, format!("cannot {what}: GitHub's rate limit holds {over}"))
        .with_hint("it is asked again by itself; a token of its own has a limit of its own")
}

/// From a refusal that is no rate limit. [`Kind::Invalid`] is only what the request itself is to blame for.
pub(super) fn of(what: &str, answer: &Answer) -> Error {
    let status = answer.status;
    let words = message(answer);
    let (kind, hint) = match status {
        300..=399 => {
            (Kind::Conflict, "was it renamed or moved? Write its new name in longshore.toml".to_owned())
        }
        401 => (Kind::Denied, "the token is not accepted: has it expired, or was it revoked?".to_owned()),
        403 => (Kind::Denied, permissions(answer)),
        404 | 410 => (
            Kind::NotFound,
            "was it renamed or deleted, or does the token not see it? A fine-grained token must name the \
             repository"
                .to_owned(),
        ),
        409 => (Kind::Conflict, "GitHub's own words say what it contradicts".to_owned()),
        // How GitHub takes content that comes in bursts: "was submitted too quickly".
        422 if words.contains("too quickly") => (Kind::Throttled, "it is tried again by itself".to_owned()),
        400 | 413 | 422 => (Kind::Invalid, "GitHub's own words say what is wrong".to_owned()),
        408 | 500.. => (Kind::Unavailable, "https://www.githubstatus.com says how GitHub is".to_owned()),
        _ => (Kind::Denied, "GitHub's own words say why".to_owned()),
    };
    let words = if words.is_empty() { String::new() } else { format!(": {words}") };
    Error::new(kind, format!("cannot {what}: GitHub answered with HTTP {status}{words}"))
        .with_code(status.to_string())
        .with_hint(hint)
}

/// Which permissions would do, as GitHub names them beside a refusal.
fn permissions(answer: &Answer) -> String {
    let fine = answer.header("x-accepted-github-permissions").filter(|it| !it.is_empty());
    let classic = answer.header("x-accepted-oauth-scopes").filter(|it| !it.is_empty());
    match (fine, classic) {
        (Some(fine), _) => format!("the token needs these permissions: {fine}"),
        (None, Some(scopes)) => format!("the token needs one of these scopes: {scopes}"),
        (None, None) => "the token may not do this".to_owned(),
    }
}

/// GitHub's own words, with those about single members.
fn message(answer: &Answer) -> String {
    let Ok(document) = serde_json::from_slice::<Value>(&answer.body) else {
        return answer.quote(SHOWN);
    };
    let own = document["message"].as_str().unwrap_or_default().to_owned();
    let errors = document["errors"].as_array().into_iter().flatten();
    let more = errors.filter_map(|error| error["message"].as_str().or_else(|| error["code"].as_str()));
    let parts: Vec<&str> = std::iter::once(own.as_str()).chain(more).filter(|it| !it.is_empty()).collect();
    crate::words::cut(&parts.join("; "), SHOWN)
}
