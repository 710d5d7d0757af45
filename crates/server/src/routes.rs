//! Every route, with who may use it: one table, from which the router, the tests of roles and the API's description
//! come. A route that is not in it does not exist.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};
use longshore_model::preview::view::Role;
use tokio::sync::watch;

use crate::app::{App, Shared};
use crate::people::login;
use crate::problem::Problem;
use crate::{api, assets, guard, health, live, metrics, pages, webhooks};

/// The longest body of a form or of a call of the API. Webhooks have their own bound.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever signs what they send.
    Signed,
    /// A bearer token of at least this role.
    Token(Role),
    /// A browser whose session has at least this role. What changes something needs the form's token, too.
    Session(Role),
}

const LOOK: Access = Access::Session(Role::Viewer);
const ACT: Access = Access::Session(Role::Operator);
const READ: Access = Access::Token(Role::Viewer);
const WRITE: Access = Access::Token(Role::Operator);

type Handler = MethodRouter<Arc<Shared>>;

struct Route {
    method: Method,
    path: &'static str,
    access: Access,
    handler: Handler,
}

fn get<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: axum::handler::Handler<T, Arc<Shared>>,
    T: 'static,
{
    // HEAD is answered as GET without its body.
    let handler = on(MethodFilter::GET, handler);
    Route { method: Method::GET, path, access, handler }
}

fn post<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: axum::handler::Handler<T, Arc<Shared>>,
    T: 'static,
{
    Route { method: Method::POST, path, access, handler: on(MethodFilter::POST, handler) }
}

fn delete<H, T>(path: &'static str, access: Access, handler: H) -> Route
where
    H: axum::handler::Handler<T, Arc<Shared>>,
    T: 'static,
{
    Route { method: Method::DELETE, path, access, handler: on(MethodFilter::DELETE, handler) }
}

fn routes() -> Vec<Route> {
    vec![
        get("/healthz", Access::Public, health::alive),
        get("/readyz", Access::Public, health::ready),
        get("/metrics", READ, metrics::show),
        get("/assets/{hash}/{name}", Access::Public, assets::serve),
        post("/webhooks/github", Access::Signed, webhooks::github::receive),
        post("/webhooks/slack", Access::Signed, webhooks::slack::receive),
        get("/api/v1/openapi.json", Access::Public, api::openapi),
        get("/api/v1/environments", READ, api::environments::list),
        post("/api/v1/environments", WRITE, api::environments::ask),
        get("/api/v1/environments/{id}", READ, api::environments::show),
        get("/api/v1/environments/{id}/logs", READ, api::environments::logs),
        get("/api/v1/waiting", READ, api::environments::waiting),
        get("/api/v1/deliveries", READ, api::deliveries),
        get("/api/v1/events", READ, live::events),
        get("/api/v1/audit", WRITE, api::audit),
        get("/api/v1/tokens", WRITE, api::tokens::list),
        post("/api/v1/tokens", WRITE, api::tokens::make),
        delete("/api/v1/tokens/{name}", WRITE, api::tokens::revoke),
        get("/login", Access::Public, login::show),
        post("/login", Access::Public, login::with_token),
        get("/login/github", Access::Public, login::to_github),
        get("/login/callback", Access::Public, login::from_github),
        post("/logout", LOOK, login::leave),
        get("/enter", LOOK, pages::enter),
        get("/events", LOOK, live::events),
        get("/", LOOK, pages::environments::show),
        post("/environments", ACT, pages::act::up),
        get("/environments/{id}", LOOK, pages::environment::show),
        post("/environments/{id}/{verb}", ACT, pages::act::verb),
        post("/confirm", ACT, pages::act::confirm),
        get("/deliveries", LOOK, pages::deliveries::show),
        get("/runs", LOOK, pages::runs::show),
        get("/audit", ACT, pages::audit::show),
    ]
}

/// Every route: its method, its path and who may use it.
#[must_use]
pub fn table() -> Vec<(String, &'static str, Access)> {
    routes().into_iter().map(|route| (route.method.to_string(), route.path, route.access)).collect()
}

/// All of it as a service, for whoever brings connections of their own. [`crate::serve`] is for everybody else.
pub fn router(app: App) -> axum::Router {
    // Nobody closes it: its streams end with their connections.
    let (_never, closing) = watch::channel(false);
    build(&Arc::new(Shared::new(app, closing)))
}

pub(crate) fn build(shared: &Arc<Shared>) -> axum::Router {
    let mut router = axum::Router::new();
    for Route { path, access, handler, .. } in routes() {
        let gate = guard::Gate { shared: Arc::clone(shared), access };
        router = router.route(path, handler.layer(from_fn_with_state(gate, guard::gate)));
    }
    router
        .fallback(async || {
            let hint = "the dashboard is at /, the API at /api/v1/openapi.json";
            Problem::new(StatusCode::NOT_FOUND, "there is nothing here", hint)
        })
        .method_not_allowed_fallback(async || {
            let hint = "see /api/v1/openapi.json for what can be asked how";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this cannot be asked in this way", hint)
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(Arc::clone(shared), pages::dress))
        .layer(from_fn_with_state(Arc::clone(shared), guard::headers))
        .layer(from_fn_with_state(Arc::clone(shared), guard::watch))
        .with_state(Arc::clone(shared))
}
