//! What every request passes: who may come in, the headers of every answer, and one line in the log.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use longshore_model::preview::view::Role;
use tracing::Instrument;

use crate::app::Shared;
use crate::people::{Visitor, csrf, sessions, tokens};
use crate::problem::Problem;
use crate::routes::{Access, BODY_LIMIT};
use crate::webhooks::body;
use crate::{address, pages, random};

/// What guards a route.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) shared: Arc<Shared>,
    pub(crate) access: Access,
}

/// Lets in who may come in. Handlers find a [`Visitor`] in the request, [`pages::dress`] in the answer.
pub(crate) async fn gate(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let admitted = match gate.access {
        Access::Public | Access::Signed => return next.run(request).await,
        Access::Token(role) => by_token(&gate.shared, role, request).await,
        Access::Session(role) => by_session(&gate.shared, role, request).await,
    };
    match admitted {
        Ok((request, visitor)) => {
            let mut response = next.run(request).await;
            let _none = response.extensions_mut().insert(visitor);
            response
        }
        Err(refusal) => *refusal,
    }
}

type Admitted = Result<(Request, Visitor), Box<Response>>;

async fn by_token(shared: &Shared, role: Role, mut request: Request) -> Admitted {
    let address = client(shared, request.extensions(), request.headers());
    let found = bearer(shared, address, request.headers()).await;
    let visitor = found.map_err(refuse)?;
    allow(&visitor, role).map_err(refuse)?;
    let _none = request.extensions_mut().insert(visitor.clone());
    Ok((request, visitor))
}

async fn bearer(shared: &Shared, address: IpAddr, headers: &HeaderMap) -> Result<Visitor, Problem> {
    let now = shared.now();
    let hint = "send `Authorization: Bearer TOKEN`; an operator makes tokens with POST /api/v1/tokens";
    let unknown = |error: &str| Problem::new(StatusCode::UNAUTHORIZED, error, hint);
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Err(unknown("there is no token")) };
    let text = value.to_str().unwrap_or_default();
    let secret = match text.split_once(' ') {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => secret.trim(),
        _ => "",
    };
    let book = shared.desk().book();
    // A good token is never refused for what others at the same address did.
    let Some((key, token)) = tokens::find(book, secret).await? else {
        shared.guesses.take(address, now).map_err(Problem::too_many)?;
        return Err(unknown("the token does not hold"));
    };
    tokens::used(book, &key, &token, now).await?;
    Ok(Visitor { name: token.name, role: token.role, csrf: String::new() })
}

async fn by_session(shared: &Shared, role: Role, mut request: Request) -> Admitted {
    let visitor = match sessions::visitor(shared, request.headers()).await {
        Err(error) => return Err(refuse(error.into())),
        Ok(None) => return Err(Box::new(to_login(&request))),
        Ok(Some(visitor)) => visitor,
    };
    let refuse = |problem: Problem| {
        let mut refusal = refuse(problem);
        let _none = refusal.extensions_mut().insert(visitor.clone());
        refusal
    };
    allow(&visitor, role).map_err(refuse)?;
    if request.method() == Method::POST {
        request = check_form(shared, request, &visitor).await.map_err(refuse)?;
    }
    let _none = request.extensions_mut().insert(visitor.clone());
    Ok((request, visitor))
}

/// Reads the form, looks for its token, and puts the body back.
async fn check_form(shared: &Shared, request: Request, visitor: &Visitor) -> Result<Request, Problem> {
    csrf::check_origin(shared, request.headers())?;
    let (parts, body) = request.into_parts();
    let bytes = body::whole(&shared.bodies, body, BODY_LIMIT).await?.bytes;
    let sent = form_urlencoded::parse(&bytes).find(|(name, _)| name == csrf::FIELD);
    if !sent.is_some_and(|(_, token)| crate::signature::is_same(&visitor.csrf, &token)) {
        return Err(csrf::refused());
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn allow(visitor: &Visitor, role: Role) -> Result<(), Problem> {
    if visitor.role >= role {
        return Ok(());
    }
    let error = format!("`{}` may look, and this is for operators", visitor.name);
    Err(Problem::new(StatusCode::FORBIDDEN, error, "ask an operator to do it, or for the role"))
}

fn refuse(problem: Problem) -> Box<Response> {
    Box::new(problem.into_response())
}

fn to_login(request: &Request) -> Response {
    if request.method() != Method::GET || !pages::wants_html(request.headers()) {
        let hint = "log in at /login";
        return Problem::new(StatusCode::UNAUTHORIZED, "you are not logged in", hint).into_response();
    }
    let to = request.uri().path_and_query().map_or("/", |it| it.as_str());
    Redirect::to(&format!("/login?to={}", pages::encode(to))).into_response()
}

/// Whose request it is, for limits.
pub(crate) fn client(shared: &Shared, extensions: &axum::http::Extensions, headers: &HeaderMap) -> IpAddr {
    address::client(extensions, headers, &shared.app.trusted_proxies)
}

/// Pages load only from here and are in no frame; there is not one inline script or style.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// The headers of every answer. What says nothing about caches is in none.
pub(crate) async fn headers(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if shared.is_https() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// One line in the log and one count for each request, under an id that the answer carries, too. Neither the query nor
/// any header is in the line: they may hold secrets.
pub(crate) async fn watch(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let id = random::id();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".to_owned());
    let method = request.method().clone();
    let client = client(&shared, request.extensions(), request.headers());
    let span = tracing::info_span!("request", id, %method, route);
    let begun = tokio::time::Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let ms = begun.elapsed().as_millis();
    span.in_scope(|| tracing::info!(status, ms, %client, "answered"));
    shared.metrics.answered(&route, &method, status);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
