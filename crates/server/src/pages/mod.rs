//! The dashboard: whole pages from the server. Forms do what is done; the script only keeps open pages fresh.

pub(crate) mod act;
pub(crate) mod audit;
pub(crate) mod deliveries;
pub(crate) mod environment;
pub(crate) mod environments;
mod frame;
pub(crate) mod login;
pub(crate) mod runs;
mod table;
mod waiting;
mod words;

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use longshore_control::preview::WayIn;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;

use crate::app::Shared;
use crate::people::Visitor;
use crate::problem::Problem;

/// What stays as it is in a part of a URL (RFC 3986, 2.3).
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a part of a URL, or as the value of a cookie.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

/// What [`encode`] was given.
pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A place on this server, or the first page. Browsers take `//host` and `/\host` for other servers.
pub(crate) fn local(to: &str) -> &str {
    let is_local = to.starts_with('/')
        && !to[1..].starts_with(['/', '\\'])
        && to.bytes().all(|byte| byte.is_ascii_graphic());
    if is_local { to } else { "/" }
}

/// Whether a person reads the answer.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"))
}

/// Makes a page of a problem, where a person reads it.
pub(crate) async fn dress(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_page =
        wants_html(request.headers()) && !path.starts_with("/api/") && !path.starts_with("/webhooks/");
    let response = next.run(request).await;
    match response.extensions().get::<Problem>() {
        Some(problem) if is_page => {
            let visitor = response.extensions().get::<Visitor>();
            let page = frame::problem(&shared, visitor, problem);
            let (mut parts, _json) = response.into_parts();
            parts.headers.remove(header::CONTENT_LENGTH);
            parts.headers.remove(header::CONTENT_TYPE);
            (parts.status, parts.headers, page).into_response()
        }
        _ => response,
    }
}

/// Which environment somebody wants to enter, and where.
#[derive(Debug, Deserialize)]
pub(crate) struct Entrance {
    environment: String,
    #[serde(default)]
    to: String,
}

/// Sends somebody who is logged in here on to an environment, with a signature that lets them in.
pub(crate) async fn enter(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Query(entrance): Query<Entrance>,
) -> Result<Redirect, Problem> {
    let WayIn { id, site, asks_login } = shared.desk().way_in(&entrance.environment).await?;
    let site = site.ok_or_else(|| {
        let hint = "its page says what it waits for";
        Problem::new(StatusCode::NOT_FOUND, format!("`{id}` has no address yet"), hint)
    })?;
    let to = local(&entrance.to);
    let link = match asks_login {
        true => (shared.app.sign_link)(&id, &site, to),
        false => format!("{site}{to}"),
    };
    tracing::info!(who = visitor.name, environment = id, "lets somebody into an environment");
    Ok(Redirect::to(&link))
}

/// Whether a place on this server sends its visitor on to another one.
pub(crate) fn is_way_out(to: &str) -> bool {
    to.split(['?', '#']).next() == Some("/enter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_on_this_server_are_local() {
        for to in ["/", "/deliveries", "/environments/a.b?lines=5#log", "/login?to=%2F"] {
            assert_eq!(local(to), to);
        }
        for to in [
            "",
            "x",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nb",
            "/\t/evil.example",
        ] {
            assert_eq!(local(to), "/", "{to:?}");
        }
    }

    #[test]
    fn only_an_entrance_leads_out() {
        for (to, expected) in [
            ("/enter?environment=x.shop&to=%2F", true),
            ("/enter", true),
            ("/", false),
            ("/entered", false),
            ("/environments/x.shop?to=/enter", false),
        ] {
            assert_eq!(is_way_out(to), expected, "{to}");
        }
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let text = "/environments/ü x?a=b&c=\"<;";
        assert!(encode(text).bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%-._~".contains(&byte)));
        assert_eq!(decode(&encode(text)), text);
    }
}
