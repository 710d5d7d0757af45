//! Tokens: made and ended by operators.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use longshore_decide::preview::view::time;
use longshore_model::preview::view::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Sent;
use crate::app::Shared;
use crate::audit::{self, Via};
use crate::people::{Visitor, tokens, word};
use crate::problem::Problem;

/// A token that is to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenWish {
    /// For people: 1 to 64 letters, digits, `-`, `_`, `.` and `@`.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
}

/// A token that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TokenMade {
    /// Its name.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
    /// Its secret. It is shown this once and is kept nowhere.
    pub(crate) token: String,
}

/// A token without its secret.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TokenView {
    /// Its name.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
    /// Who made it.
    pub(crate) made_by: String,
    /// RFC 3339.
    pub(crate) made_at: String,
    /// RFC 3339, to the minute; absent when it never was.
    pub(crate) last_used_at: Option<String>,
}

/// All tokens.
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<TokenView>>, Problem> {
    let tokens = tokens::list(shared.desk().book()).await?;
    let view = |token: tokens::Token| TokenView {
        name: token.name,
        role: token.role,
        made_by: token.made_by,
        made_at: time(token.made_at),
        last_used_at: token.last_used_at.map(time),
    };
    Ok(Json(tokens.into_iter().map(view).collect()))
}

/// Makes one.
pub(crate) async fn make(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Sent(wish): Sent<TokenWish>,
) -> Result<(StatusCode, Json<TokenMade>), Problem> {
    let TokenWish { name, role } = wish;
    let made = tokens::make(shared.desk().book(), &name, role, &visitor.name, shared.now());
    let what = format!("make the token {name:?} of a {}", word(role));
    let token = audit::during(&shared, &visitor.name, Via::Api, what, made, |_| "made".to_owned()).await?;
    Ok((StatusCode::CREATED, Json(TokenMade { name, role, token })))
}

/// Ends one.
pub(crate) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let revoked = tokens::revoke(shared.desk().book(), &name);
    let what = format!("revoke the token {name:?}");
    let outcome = |was_there: &bool| if *was_there { "revoked" } else { "there is none" }.to_owned();
    if audit::during(&shared, &visitor.name, Via::Api, what, revoked, outcome).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let error = format!("there is no token `{name}`");
    Err(Problem::new(StatusCode::NOT_FOUND, error, "GET /api/v1/tokens lists them"))
}
