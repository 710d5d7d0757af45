//! That a form was sent from a page of ours, by the person who is logged in.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::sessions;
use crate::app::Shared;
use crate::problem::Problem;
use crate::{random, signature};

/// The field of each form.
pub(crate) const FIELD: &str = "csrf";

/// The cookie of a browser that has no session yet; it binds the login form, and GitHub's `state`.
const VISIT: &str = "visit";

/// A visit is for so long, in seconds: a login takes less.
const VISIT_S: i64 = 3600;

/// Of a secret in hexadecimal.
const SECRET_LENGTH: usize = 64;

/// What the forms of a session carry.
pub(crate) fn token(shared: &Shared, session: &str) -> String {
    signature::sign(&shared.app.secrets.key, "form", session)
}

/// Begins a visit, or goes on with the browser's own, so that two tabs do not shut each other out: the cookie, and what
/// the login form carries.
pub(crate) fn visit(shared: &Shared, headers: &HeaderMap) -> Result<(HeaderValue, String), Problem> {
    let is_ours =
        |secret: &&str| secret.len() == SECRET_LENGTH && secret.bytes().all(|it| it.is_ascii_hexdigit());
    let secret = match sessions::cookie(shared, headers, VISIT).filter(is_ours) {
        Some(secret) => secret.to_owned(),
        None => random::secret()?,
    };
    let token = signature::sign(&shared.app.secrets.key, "visit", &secret);
    Ok((sessions::set_cookie(shared, VISIT, &secret, VISIT_S), token))
}

/// Whether a token belongs to the visit of this browser.
pub(crate) fn is_of_visit(shared: &Shared, headers: &HeaderMap, token: &str) -> bool {
    sessions::cookie(shared, headers, VISIT)
        .is_some_and(|secret| signature::is_signed(&shared.app.secrets.key, "visit", secret, token))
}

/// Refuses what another site has sent, by what the browser says of where it comes from. A browser always says it for a
/// POST; who says nothing is no browser, and the form's token alone decides.
pub(crate) fn check_origin(shared: &Shared, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) if site != "same-origin" && site != "none" => false,
        (_, Some(origin)) => {
            let host = text(header::HOST.as_str()).unwrap_or_default();
            let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
            origin == shared.app.public_url || (!host.is_empty() && authority == host)
        }
        _ => true,
    };
    if is_ours { Ok(()) } else { Err(refused()) }
}

/// What a form without our token is told.
pub(crate) fn refused() -> Problem {
    let hint = "go back, reload the page and try again";
    Problem::new(StatusCode::FORBIDDEN, "this form was not sent from a page of Longshore", hint)
}
