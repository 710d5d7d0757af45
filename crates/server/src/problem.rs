//! What went wrong, for machines as `{"error", "hint"}`; pages show the same in their own form.

use std::error::Error as _;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_model::{Error, Kind};
use serde_json::json;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The status of the answer.
    pub(crate) status: StatusCode,
    /// What failed on which object, and why.
    pub(crate) error: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// In how many seconds it may be tried again.
    pub(crate) retry_after: Option<u32>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status, error: error.into(), hint: Some(hint.into()), retry_after: None }
    }

    pub(crate) fn bad(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, hint)
    }

    /// Nobody looks at more than so many failures from one address.
    pub(crate) fn too_many(seconds: u32) -> Self {
        let error = "too many failed attempts from your address";
        let hint = format!("try again in {seconds} seconds");
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, error, hint) }
    }

    /// All places are taken.
    pub(crate) fn busy(error: impl Into<String>) -> Self {
        const RETRY_S: u32 = 5;
        let hint = format!("try again in {RETRY_S} seconds");
        Self { retry_after: Some(RETRY_S), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error, hint) }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::Throttled | Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            // It is Longshore that lacks a right, not the one who asks.
            Kind::Denied => StatusCode::BAD_GATEWAY,
            Kind::Bug => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let said = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        Self { status, error: said, hint: error.hint().map(str::to_owned), retry_after: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({"error": self.error});
        if let Some(hint) = &self.hint {
            body["hint"] = json!(hint);
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // Pages make a page of it.
        let _none = response.extensions_mut().insert(self);
        response
    }
}
