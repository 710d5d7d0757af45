//! Sessions of browsers. The cookie holds a secret, the store its SHA-256.

use axum::http::{HeaderMap, HeaderValue, header};
use longshore_control::book;
use longshore_model::preview::view::Role;
use longshore_model::{Error, Timestamp};
use longshore_world::{Expect, Scan};
use serde::{Deserialize, Serialize};

use super::{Visitor, csrf, tokens};
use crate::app::Shared;
use crate::random;

/// After so long people log in again: with GitHub that is a click, and whoever has left stays out.
const LIFE_S: i64 = 12 * 3600;

/// A session that came from a token ends with it, so that it may live longer.
const TOKEN_LIFE_S: i64 = 7 * 24 * 3600;

/// So many sessions that have ended are removed with each login.
const SWEEP: usize = 100;

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The key of the token that was pasted. The session ends with it.
    pub(crate) token: Option<String>,
    pub(crate) ends_at: Timestamp,
}

/// The name of the cookie. Under HTTPS its prefix has browsers refuse one that a neighbour of this host has set.
pub(crate) fn cookie_name(shared: &Shared, name: &str) -> String {
    if shared.is_https() { format!("__Host-longshore-{name}") } else { format!("longshore-{name}") }
}

/// A cookie of ours that the browser sends.
pub(crate) fn cookie<'a>(shared: &Shared, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let wanted = cookie_name(shared, name);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// The header that sets a cookie of ours for so many seconds; 0 takes it away.
pub(crate) fn set_cookie(shared: &Shared, name: &str, value: &str, seconds: i64) -> HeaderValue {
    let secure = if shared.is_https() { "; Secure" } else { "" };
    let name = cookie_name(shared, name);
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    // Names and values are ours: letters, digits, `-`, `.`, `%`.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Begins a session and returns the header that tells the browser.
pub(crate) async fn begin(
    shared: &Shared,
    name: &str,
    role: Role,
    token: Option<String>,
) -> Result<HeaderValue, Error> {
    let now = shared.now();
    sweep(shared, now).await?;
    let secret = random::secret()?;
    let life = if token.is_some() { TOKEN_LIFE_S } else { LIFE_S };
    let session = Session { name: name.to_owned(), role, token, ends_at: now.plus_seconds(life) };
    let write = book::put(book::SESSIONS, random::hash(&secret), Expect::Anything, &session);
    let _stored = shared.desk().book().write(vec![write]).await?;
    Ok(set_cookie(shared, "session", &secret, life))
}

/// Who comes with these headers' session, when it holds.
pub(crate) async fn visitor(shared: &Shared, headers: &HeaderMap) -> Result<Option<Visitor>, Error> {
    let Some(secret) = cookie(shared, headers, "session") else { return Ok(None) };
    let book = shared.desk().book();
    let Some(kept) = book.read::<Session>(book::SESSIONS, &random::hash(secret)).await? else {
        return Ok(None);
    };
    let session = kept.value;
    if session.ends_at <= shared.now() {
        return Ok(None);
    }
    let role = match &session.token {
        None => session.role,
        Some(key) => match tokens::by_key(book, key).await? {
            Some(token) => token.value.role,
            None => return Ok(None),
        },
    };
    let csrf = csrf::token(shared, secret);
    Ok(Some(Visitor { name: session.name, role, csrf }))
}

/// Ends the session of these headers.
pub(crate) async fn end(shared: &Shared, headers: &HeaderMap) -> Result<HeaderValue, Error> {
    if let Some(secret) = cookie(shared, headers, "session") {
        let write = book::remove(book::SESSIONS, random::hash(secret), Expect::Anything);
        let _stored = shared.desk().book().write(vec![write]).await?;
    }
    Ok(set_cookie(shared, "session", "", 0))
}

async fn sweep(shared: &Shared, now: Timestamp) -> Result<(), Error> {
    let book = shared.desk().book();
    // From a place that no one can foresee, so that all of them come round.
    let scan = Scan { after: Some(random::id()), limit: SWEEP, ..Scan::default() };
    let sessions = book.scan::<Session>(book::SESSIONS, &scan).await?;
    let ended = sessions.into_iter().filter(|(_, kept)| kept.value.ends_at <= now);
    let writes: Vec<_> = ended
        .map(|(key, kept)| book::remove(book::SESSIONS, key, Expect::Generation(kept.generation)))
        .collect();
    if !writes.is_empty() {
        // Somebody else sweeps, too: next time, then.
        let _swept = book.write(writes).await?;
    }
    Ok(())
}
