//! The buttons of the dashboard: each is a form, and comes back to the page that it was on.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Form};
use longshore_model::preview::view::Command;
use serde::Deserialize;

use super::frame;
use crate::app::Shared;
use crate::audit::{self, Via};
use crate::people::Visitor;
use crate::problem::Problem;

/// A wish for an environment.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    #[serde(default)]
    to: String,
    #[serde(default)]
    repository: String,
    /// A branch, or `#` and the number of a pull request.
    #[serde(default)]
    subject: String,
}

/// What goes with a verb.
#[derive(Debug, Deserialize)]
pub(crate) struct Pressed {
    #[serde(default)]
    to: String,
    hours: Option<u32>,
}

/// Makes an environment, or tries again.
pub(crate) async fn up(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Form(wish): Form<Wish>,
) -> Response {
    let subject = wish.subject.trim();
    let number = subject.strip_prefix('#').and_then(|number| number.parse().ok());
    let command = Command::Up {
        repository: Some(wish.repository).filter(|it| !it.is_empty()),
        branch: (number.is_none() && !subject.is_empty()).then(|| subject.to_owned()),
        pull_request: number,
    };
    answer(&shared, &visitor, &wish.to, Ok(command)).await
}

/// Does something to an environment.
pub(crate) async fn verb(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Path((environment, verb)): Path<(String, String)>,
    Form(pressed): Form<Pressed>,
) -> Response {
    let command = match verb.as_str() {
        "down" => Ok(Command::Down { environment }),
        "extend" => {
            let seconds = pressed.hours.map(|hours| hours.saturating_mul(3600));
            Ok(Command::Extend { environment, seconds })
        }
        "pin" => Ok(Command::Pin { environment, pinned: true }),
        "unpin" => Ok(Command::Pin { environment, pinned: false }),
        "sleep" => Ok(Command::Sleep { environment }),
        "wake" => Ok(Command::Wake { environment }),
        other => Err(Problem::bad(
            format!("environments know no `{other}`"),
            "they know down, extend, pin, unpin, sleep and wake",
        )),
    };
    answer(&shared, &visitor, &pressed.to, command).await
}

/// Lets removals go on that were held.
pub(crate) async fn confirm(
    State(shared): State<Arc<Shared>>,
    Extension(visitor): Extension<Visitor>,
    Form(wish): Form<Wish>,
) -> Response {
    let command = Command::Confirm { repository: wish.repository };
    answer(&shared, &visitor, &wish.to, Ok(command)).await
}

async fn answer(shared: &Shared, visitor: &Visitor, to: &str, command: Result<Command, Problem>) -> Response {
    let done = match command {
        Ok(command) => {
            let asked = audit::ask(shared, &visitor.name, Via::Dashboard, &command).await;
            asked.map(|answer| answer.message).map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    frame::back(shared, to, &done)
}
