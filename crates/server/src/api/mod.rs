//! The JSON API. Its shapes are those of `model::preview::view`, a promise apart from what is stored.

pub(crate) mod environments;
pub(crate) mod tokens;

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use longshore_decide::preview::view;
use longshore_model::preview::Deed;
use longshore_model::preview::view::DeliveryView;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::app::Shared;
use crate::problem::Problem;
use crate::{audit as log, openapi};

/// The longest list that is answered at once.
const LIST_LIMIT: usize = 1000;

/// What is answered when nobody says how much.
const LIST_USUAL: usize = 100;

/// How much of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Part {
    limit: Option<usize>,
}

/// A line of the audit log.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeedView {
    /// RFC 3339.
    pub(crate) at: String,
    /// A login, a token's name, or a name in Slack.
    pub(crate) who: String,
    /// `api`, `dashboard`, `github` (a comment) or `slack`.
    pub(crate) via: String,
    /// In words.
    pub(crate) what: String,
    /// What became of it; absent when that is not known.
    pub(crate) outcome: Option<String>,
}

/// The description of this API.
pub(crate) async fn openapi() -> Json<serde_json::Value> {
    Json(openapi::document())
}

/// Deliveries, the newest first.
pub(crate) async fn deliveries(
    State(shared): State<Arc<Shared>>,
    Asked(part): Asked<Part>,
) -> Result<Json<Vec<DeliveryView>>, Problem> {
    Ok(Json(shared.desk().deliveries(part.limit()).await?))
}

/// The audit log, the newest first.
pub(crate) async fn audit(
    State(shared): State<Arc<Shared>>,
    Asked(part): Asked<Part>,
) -> Result<Json<Vec<DeedView>>, Problem> {
    let page = log::page(shared.desk().book(), None, part.limit()).await?;
    Ok(Json(page.into_iter().map(|(_, deed)| line(deed)).collect()))
}

fn line(deed: Deed) -> DeedView {
    let Deed { at, who, via, what, outcome } = deed;
    DeedView { at: view::time(at), who, via, what, outcome }
}

impl Part {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(LIST_USUAL).clamp(1, LIST_LIMIT)
    }
}

/// A query string whose errors are ours.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Shared>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, shared).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Problem::bad(
                format!("the query cannot be read: {}", error.body_text()),
                "see /api/v1/openapi.json",
            )),
        }
    }
}

/// A JSON body whose errors are ours. The content type is not looked at: a bearer token already shows that no web page
/// sent it.
#[derive(Debug)]
pub(crate) struct Sent<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let limit = crate::routes::BODY_LIMIT;
        let body = crate::webhooks::body::whole(&shared.bodies, request.into_body(), limit).await?;
        match serde_json::from_slice(&body.bytes) {
            Ok(sent) => Ok(Self(sent)),
            Err(error) => Err(Problem::bad(
                format!("the body cannot be read: {error}"),
                "see /api/v1/openapi.json for what is expected",
            )),
        }
    }
}
