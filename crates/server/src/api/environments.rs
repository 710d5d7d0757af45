//! Environments: what there is, and what people ask of them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use longshore_model::preview::view::{AnswerView, Command, EnvironmentDetail, EnvironmentView, WaitingView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asked, Sent};
use crate::app::Shared;
use crate::audit::{self, Via};
use crate::people::Visitor;
use crate::problem::Problem;

/// The most lines of a log at once.
const LINES_LIMIT: u16 = 1000;

/// The lines of a log when nobody says how many.
const LINES_USUAL: u16 = 100;

/// How much of a log.
#[derive(Debug, Deserialize)]
pub(crate) struct Tail {
    lines: Option<u16>,
}

/// The last lines of an environment's tasks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LogsView {
    /// The oldest first.
    pub(crate) lines: Vec<String>,
}

/// How much of an environment.
#[derive(Debug, Deserialize)]
pub(crate) struct Whole {
    #[serde(default = "yes")]
    tasks: bool,
}

const fn yes() -> bool {
    true
}

/// All environments.
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<EnvironmentView>>, Problem> {
    Ok(Json(shared.desk().environments().await?))
}

/// What is waited for beside them.
pub(crate) async fn waiting(State(shared): State<Arc<Shared>>) -> Result<Json<Vec<WaitingView>>, Problem> {
    Ok(Json(shared.desk().waiting().await?))
}

/// One environment.
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Asked(whole): Asked<Whole>,
) -> Result<Json<EnvironmentDetail>, Problem> {
    let desk = shared.desk();
    let found = if whole.tasks { desk.environment(&id).await } else { desk.environment_alone(&id).await };
    Ok(Json(found?))
}

/// Its log.
pub(crate) async fn logs(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Asked(tail): Asked<Tail>,
) -> Result<Json<LogsView>, Problem> {
    let lines = tail.lines.unwrap_or(LINES_USUAL).clamp(1, LINES_LIMIT);
    Ok(Json(LogsView { lines: shared.desk().logs(&id, lines).await? }))
}

/// Does what somebody asks.
pub(crate) async fn ask(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Sent(command): Sent<Command>,
) -> Result<Json<AnswerView>, Problem> {
    Ok(Json(audit::ask(&shared, &visitor.name, Via::Api, &command).await?))
}
