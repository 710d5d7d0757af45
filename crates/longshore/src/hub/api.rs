//! Which call is meant: the part of GitHub's REST API (version 3) that we use, and an honest 501 for the rest.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{HOST, ORIGIN};
use hyper::{Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::answer::{self, Answer, Answered};
use super::place::Place;
use super::{Shared, comments, deployments, git, pulls};

/// The largest document that is taken.
const BODY_LIMIT_BYTES: usize = 1024 * 1024;
/// Where GitHub Enterprise Server has its API; both addresses do.
const PREFIX: &str = "/api/v3";
/// What an hour may see at GitHub. Nothing is counted here.
const RATE_LIMIT: u64 = 5000;

/// What 501 says.
const CALLS: &str = "GET /user, GET /rate_limit, and of a repository: GET itself, GET /branches and /branches/BRANCH, \
                     GET and POST /pulls, GET and PATCH /pulls/NUMBER, GET and POST /issues/NUMBER/comments, \
                     PATCH /issues/comments/ID, GET and POST /deployments, GET /collaborators/LOGIN/permission, GET and POST /deployments/ID/statuses";

/// A request, taken apart.
pub(super) struct Ask<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) method: Method,
    /// Where it was sent to, without the query, for links to other pages.
    pub(super) address: String,
    pub(super) query: Vec<(String, String)>,
    body: Bytes,
}

impl Ask<'_> {
    /// The first value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The document that was sent.
    pub(super) fn document(&self) -> Result<Value, Answer> {
        match serde_json::from_slice(&self.body) {
            Ok(document @ Value::Object(_)) => Ok(document),
            _ => Err(Answer::refused(StatusCode::BAD_REQUEST, "Problems parsing JSON")),
        }
    }

    /// A page of a list.
    pub(super) fn page(&self, items: &[Value]) -> Answered {
        Ok(answer::page(items, &self.address, &self.query))
    }

    /// The address of a part of this repository's API.
    pub(super) fn link(&self, place: &Place, path: &str) -> String {
        format!("{}/repos/{}{path}", self.shared.url, place.full_name())
    }
}

pub(super) async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let host = answer::header(&parts.headers, HOST.as_str()).unwrap_or_default();
    // A page in a browser must not get here, neither under a name of its own for this machine nor by a form.
    if !is_loopback(&host) || parts.headers.contains_key(ORIGIN) {
        return Answer::refused(StatusCode::FORBIDDEN, "this is for programs on this machine only");
    }
    let Ok(body) = Limited::new(body, BODY_LIMIT_BYTES).collect().await else {
        return Answer::refused(StatusCode::PAYLOAD_TOO_LARGE, "at most 1 MiB can be sent");
    };
    let path = parts.uri.path();
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let ask = Ask {
        shared,
        method: parts.method,
        address: format!("http://{host}{path}"),
        query: query.into_owned().collect(),
        body: body.to_bytes(),
    };
    let Some(segments) = segments(path) else { return Answer::not_found() };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (Ok(answer) | Err(answer)) = route(&ask, &segments).await;
    answer
}

/// The parts of a path, decoded: `/` within a part was `%2F`.
fn segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix(PREFIX).filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let parts = path.strip_prefix('/')?.split('/');
    parts.map(|part| Some(percent_decode_str(part).decode_utf8().ok()?.into_owned())).collect()
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

async fn route(ask: &Ask<'_>, segments: &[&str]) -> Answered {
    match (&ask.method, segments) {
        (&Method::GET, ["user"]) => Ok(Answer::ok(&json!({"login": "longshore", "id": 1, "type": "User"}))),
        (&Method::GET, ["rate_limit"]) => Ok(Answer::ok(&rate_limit())),
        (_, ["repos", owner, name, rest @ ..]) => {
            let place = ask.shared.place(owner, name).ok_or_else(Answer::not_found)?;
            of_repository(ask, &place, rest).await
        }
        _ => Err(unknown(&ask.method)),
    }
}

async fn of_repository(ask: &Ask<'_>, place: &Place, rest: &[&str]) -> Answered {
    match (&ask.method, rest) {
        (&Method::GET, []) => Ok(Answer::ok(&place.document(&ask.shared.url).await?)),
        (&Method::GET, ["branches"]) => {
            let branches = git::branches(&place.directory).await?;
            let shown: Vec<Value> = branches.iter().map(|branch| shown(ask, place, branch)).collect();
            ask.page(&shown)
        }
        (&Method::GET, ["branches", name @ ..]) => {
            let name = name.join("/");
            let branches = git::branches(&place.directory).await?;
            let found = branches.iter().find(|branch| branch.name == name);
            found.map(|branch| Answer::ok(&shown(ask, place, branch))).ok_or_else(Answer::not_found)
        }
        // Whoever uses this machine may do everything here.
        (&Method::GET, ["collaborators", login, "permission"]) => {
            let user = json!({"login": login, "id": 1, "type": "User"});
            Ok(Answer::ok(&json!({"permission": "admin", "role_name": "admin", "user": user})))
        }
        (_, ["pulls", rest @ ..]) => pulls::answer(ask, place, rest).await,
        (_, ["deployments", rest @ ..]) => deployments::answer(ask, place, rest).await,
        (_, ["issues", rest @ ..]) => comments::answer(ask, place, rest).await,
        _ => Err(unknown(&ask.method)),
    }
}

fn shown(ask: &Ask<'_>, place: &Place, branch: &longshore_model::preview::github::Branch) -> Value {
    json!({
        "name": branch.name,
        "commit": {"sha": branch.sha, "url": ask.link(place, &format!("/commits/{}", branch.sha))},
        "protected": false,
    })
}

/// A number in a path.
pub(super) fn number(text: &str) -> Result<u64, Answer> {
    text.parse().map_err(|_| Answer::not_found())
}

/// What nobody needed yet.
pub(super) fn unknown(method: &Method) -> Answer {
    let message = format!(
        "This is Longshore's local stand-in for GitHub, and it does not know this {method} call. It can do: {CALLS}."
    );
    Answer::refused(StatusCode::NOT_IMPLEMENTED, &message)
}

fn rate_limit() -> Value {
    let reset = jiff::Timestamp::now().as_second().saturating_add(3600);
    let core = json!({"limit": RATE_LIMIT, "remaining": RATE_LIMIT, "used": 0, "reset": reset});
    json!({"resources": {"core": core}, "rate": core})
}
