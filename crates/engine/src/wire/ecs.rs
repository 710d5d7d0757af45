//! A call of the ECS API: from an operation's name and a JSON body to the answer's JSON.

use longshore_ecs::{Caller, Request};
use longshore_model::UNKNOWN_WORD;
use serde_json::Value;

use super::protocol;
use super::strict::Strict;
use crate::refusal::Refusal;
use crate::world::World;

pub(super) async fn call(
    world: &World,
    operation: &str,
    body: Value,
    caller: Caller,
    size_bytes: usize,
) -> Result<Vec<u8>, Refusal> {
    let request = read(operation, body)?;
    let answer = world.call(request, caller, size_bytes).await?;
    serde_json::to_vec(&answer).map_err(|error| protocol::internal(&error))
}

/// Reads a request, or says in ECS's words what is wrong with it.
pub(crate) fn read(operation: &str, body: Value) -> Result<Request, Refusal> {
    if !body.is_object() {
        return Err(protocol::serialization(None));
    }
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(Strict(body), &mut track);
    match Request::read(operation, tracked) {
        None => Err(protocol::unknown_operation()),
        Some(Ok(request)) => Ok(request),
        Some(Err(error)) => {
            let path = track.path().to_string();
            Err(wrong(operation, &path, &error.to_string()))
        }
    }
}

/// A word outside its set is a parameter's fault; a wrong type is one of the serialization.
fn wrong(operation: &str, path: &str, what: &str) -> Refusal {
    if what.contains(UNKNOWN_WORD) {
        let code = if operation == "RegisterTaskDefinition" {
            "ClientException"
        } else {
            "InvalidParameterException"
        };
        let message =
            format!("1 validation error detected: Value at '{path}' failed to satisfy constraint: {what}");
        return Refusal::new(code, message);
    }
    protocol::serialization(Some(format!("{} (at '{path}')", protocol::coral(what))))
}
