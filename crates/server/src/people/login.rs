//! How people come in and leave: with GitHub where it is set up, else with a token that they paste.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use longshore_model::Kind;
use longshore_world::Login;
use serde::Deserialize;

use super::{Visitor, csrf, sessions, tokens};
use crate::app::Shared;
use crate::audit::{self, Via};
use crate::guard::client;
use crate::pages;
use crate::problem::Problem;
use crate::routes::BODY_LIMIT;
use crate::webhooks::body;

/// Where somebody wants to go once they are in.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    to: String,
}

/// The login page.
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let to = pages::local(&wanted.to);
    if sessions::visitor(&shared, &headers).await?.is_some() {
        return Ok(Redirect::to(to).into_response());
    }
    let (cookie, token) = csrf::visit(&shared, &headers)?;
    let page = pages::login::show(&shared, to, &token);
    Ok(([(header::SET_COOKIE, cookie)], page).into_response())
}

/// Lets in who pastes a token.
pub(crate) async fn with_token(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    csrf::check_origin(&shared, &parts.headers)?;
    let form = body::whole(&shared.bodies, body, BODY_LIMIT).await?.bytes;
    let field = |name: &str| {
        let found = form_urlencoded::parse(&form).find(|(it, _)| it == name);
        found.map(|(_, value)| value).unwrap_or_default()
    };
    if !csrf::is_of_visit(&shared, &parts.headers, &field(csrf::FIELD)) {
        return Err(csrf::refused());
    }
    // A good token is never refused for what others at the same address did.
    let found = tokens::find(shared.desk().book(), field("token").trim()).await?;
    let Some((key, token)) = found else {
        let address = client(&shared, &parts.extensions, &parts.headers);
        shared.guesses.take(address, shared.now()).map_err(Problem::too_many)?;
        let hint = "paste it whole; it begins with `longshore_`";
        return Err(Problem::new(StatusCode::FORBIDDEN, "this token does not hold", hint));
    };
    tokens::used(shared.desk().book(), &key, &token, shared.now()).await?;
    let cookie = sessions::begin(&shared, &token.name, token.role, Some(key)).await?;
    audit::note(&shared, &token.name, Via::Dashboard, "log in", "with a token").await?;
    Ok(arrived(&shared, cookie, &field("to")))
}

/// Sends a browser to GitHub.
pub(crate) async fn to_github(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let login = offered(&shared)?;
    let to = pages::local(&wanted.to);
    let (cookie, token) = csrf::visit(&shared, &headers)?;
    // The visit's own token is the unguessable part that belongs to this browser.
    let url = login.authorize_url(&format!("{token}.{}", pages::encode(to)));
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&url)).into_response())
}

#[derive(Debug, Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
}

/// Lets in who comes back from GitHub.
pub(crate) async fn from_github(
    State(shared): State<Arc<Shared>>,
    Query(back): Query<Back>,
    request: Request,
) -> Result<Response, Problem> {
    let login = offered(&shared)?;
    let failed = |error: &str| Problem::new(StatusCode::FORBIDDEN, error, "try again at /login");
    let (token, to) = back.state.split_once('.').unwrap_or_default();
    if !csrf::is_of_visit(&shared, request.headers(), token) {
        return Err(failed("this login was not begun in this browser, or too long ago"));
    }
    if back.code.is_empty() {
        return Err(failed("GitHub has not let you through"));
    }
    let person = match login.identify(&back.code).await {
        Ok(person) => person,
        Err(error) => {
            let address = client(&shared, request.extensions(), request.headers());
            shared.guesses.take(address, shared.now()).map_err(Problem::too_many)?;
            let is_denied = error.kind() == Kind::Denied;
            let mut problem = Problem::from(error);
            if is_denied {
                problem.status = StatusCode::FORBIDDEN;
            }
            return Err(problem);
        }
    };
    let cookie = sessions::begin(&shared, &person.login, person.role, None).await?;
    audit::note(&shared, &person.login, Via::Dashboard, "log in", "with GitHub").await?;
    Ok(arrived(&shared, cookie, &pages::decode(to)))
}

/// Ends the session.
pub(crate) async fn leave(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let cookie = sessions::end(&shared, &headers).await?;
    audit::note(&shared, &visitor.name, Via::Dashboard, "log out", "done").await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}

/// Goes on to where somebody wanted to be. Browsers follow the redirects of a form only as far as its page's policy
/// (`form-action`) reaches, so that the way out of this server begins on a page of its own.
fn arrived(shared: &Shared, cookie: HeaderValue, to: &str) -> Response {
    let to = pages::local(to);
    let answer = match pages::is_way_out(to) {
        true => pages::login::go_on(shared, to),
        false => Redirect::to(to).into_response(),
    };
    ([(header::SET_COOKIE, cookie)], answer).into_response()
}

fn offered(shared: &Shared) -> Result<&dyn Login, Problem> {
    let missing = || {
        let hint = "log in with a token at /login, or set GitHub's login up in longshore.toml";
        Problem::new(StatusCode::NOT_FOUND, "logging in with GitHub is not set up here", hint)
    };
    shared.app.login.as_deref().ok_or_else(missing)
}
