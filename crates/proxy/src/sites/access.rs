//! Who is let into a site: anybody, or who has a pass. Pure.

use bytes::Bytes;
use hyper::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use hyper::{Response, StatusCode};
use longshore_model::Timestamp;
use longshore_model::preview::Access;

use super::page::{elsewhere, is_browser, page};
use super::pass::{ENTER_PATH, Key, Place, Use, is_good, sign_cookie};
use crate::doorkeeper::Head;

/// The cookie that holds a pass.
pub const COOKIE_NAME: &str = "longshore_preview";
/// So many cookies of that name are looked at: a neighbour under the same domain can add one, and must not lock anybody
/// out by it.
const COOKIES_MAX: usize = 8;

/// What is known at the gate of a site.
#[derive(Debug, Clone)]
pub(super) struct Gate<'a> {
    pub(super) key: &'a Key,
    pub(super) place: Place<'a>,
    pub(super) access: Access,
    /// Clients reach the site over TLS.
    pub(super) secure: bool,
    /// What the dashboard's URLs begin with.
    pub(super) dashboard: &'a str,
    /// Seconds until a cookie ends.
    pub(super) cookie_seconds: i64,
}

/// The answer to a request that is not let in; `None` lets it in.
pub(super) fn refuse(gate: &Gate<'_>, request: &Head<'_>, now: Timestamp) -> Option<Response<Bytes>> {
    if request.path == ENTER_PATH {
        return Some(enter(gate, request, now));
    }
    let is_in = |pass| is_good(gate.key, Use::Cookie, gate.place, pass, now);
    if gate.access == Access::Public || cookies(request.headers).take(COOKIES_MAX).any(is_in) {
        return None;
    }
    Some(match login(gate, request) {
        Some(login) if is_browser(request.headers) => elsewhere(login),
        _ => page(
            request.headers,
            StatusCode::UNAUTHORIZED,
            "This preview is not public",
            &format!("open it from {} or with a signed link", gate.dashboard),
            false,
        ),
    })
}

/// Turns a link into a cookie, and leads on to the path that it names.
fn enter(gate: &Gate<'_>, request: &Head<'_>, now: Timestamp) -> Response<Bytes> {
    let wrong = |status, sentence| page(request.headers, status, "This link does not work", sentence, false);
    let (mut token, mut to) = (None, None);
    for (name, value) in form_urlencoded::parse(request.query.unwrap_or_default().as_bytes()) {
        match &*name {
            "token" => token = token.or(Some(value)),
            "to" => to = to.or(Some(value)),
            _ => {}
        }
    }
    let Some(to) = path_of_this_host(to.as_deref().unwrap_or("/")) else {
        return wrong(
            StatusCode::BAD_REQUEST,
            "it leads to another site; only a path of this one may follow",
        );
    };
    if gate.access == Access::Public {
        return elsewhere(to);
    }
    let token = token.unwrap_or_default();
    if !is_good(gate.key, Use::Link, gate.place, token.as_bytes(), now) {
        return wrong(
            StatusCode::FORBIDDEN,
            "it has expired or was made for another preview; ask for a new one, or open the preview from the dashboard",
        );
    }
    let mut response = elsewhere(to);
    let expires = now.plus_seconds(gate.cookie_seconds);
    let cookie = format!(
        "{COOKIE_NAME}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{}",
        sign_cookie(gate.key, gate.place.environment, expires),
        gate.cookie_seconds,
        if gate.secure { "; Secure" } else { "" }
    );
    // Letters, digits and these few signs: it is always text for a header.
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// The dashboard's page that sends a browser back here with a link.
fn login(gate: &Gate<'_>, request: &Head<'_>) -> Option<HeaderValue> {
    let to = match request.query {
        Some(query) => format!("{}?{query}", request.path),
        None => request.path.to_owned(),
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("environment", gate.place.environment).append_pair("to", &to);
    HeaderValue::try_from(format!("{}/enter?{}", gate.dashboard, query.finish())).ok()
}

/// A path with its query that no browser takes for another host: those skip tabs and line ends, and read `\` as `/`.
fn path_of_this_host(to: &str) -> Option<HeaderValue> {
    let is_path = to.starts_with('/') && !to.starts_with("//");
    let is_plain = to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    HeaderValue::from_str(to).ok().filter(|_| is_path && is_plain)
}

/// The values of our cookie, of which there should be one.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| value_of_ours(pair.trim_ascii()))
}

fn value_of_ours(pair: &[u8]) -> Option<&[u8]> {
    pair.strip_prefix(COOKIE_NAME.as_bytes())?.strip_prefix(b"=")
}

/// Removes our cookie from a request: no target needs to know it.
pub(super) fn strip(headers: &mut HeaderMap) {
    if cookies(headers).next().is_none() {
        return;
    }
    let kept = |value: &HeaderValue| {
        let pairs = value.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let pairs: Vec<_> = pairs.filter(|pair| value_of_ours(pair).is_none()).collect();
        HeaderValue::from_bytes(&pairs.join(&b"; "[..])).ok().filter(|value| !value.is_empty())
    };
    let all: Vec<_> = headers.get_all(COOKIE).iter().filter_map(kept).collect();
    headers.remove(COOKIE);
    for value in all {
        headers.append(COOKIE, value);
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
