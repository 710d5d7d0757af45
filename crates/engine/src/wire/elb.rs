//! A call of the API of Elastic Load Balancing: from an action's name and a form to the answer's XML.

use hyper::StatusCode;
use longshore_ecs::balancing::Request;

use super::query::{self, Form};
use super::{Answer, protocol};
use crate::beside::identity::{error_of, escape};
use crate::refusal::Refusal;
use crate::world::World;

/// The name in signatures.
pub(super) const SERVICE: &str = "elasticloadbalancing";
/// The version of the API, which the older load balancers do not share.
pub(super) const VERSION: &str = "2015-12-01";
const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

pub(super) async fn call(world: &World, action: &str, form: Form, request_id: &str) -> Answer {
    match answer(world, action, form).await {
        Ok(result) => protocol::xml(StatusCode::OK, envelope(action, &result, request_id)),
        Err(refusal) => refused(&refusal, request_id),
    }
}

/// The members of the answer as XML.
async fn answer(world: &World, action: &str, form: Form) -> Result<String, Refusal> {
    let answer = world.balance(read(action, form)?).await?;
    let answer = serde_json::to_value(&answer).map_err(|error| protocol::internal(&error))?;
    let mut xml = String::new();
    query::write_xml(&answer, "member", &mut xml);
    Ok(xml)
}

/// Reads a request, or says what is wrong with its form.
pub(super) fn read(action: &str, form: Form) -> Result<Request, Refusal> {
    match Request::read(action, form) {
        None => Err(query::unknown_action(action, VERSION)),
        Some(read) => read.map_err(|error| query::malformed(&error)),
    }
}

fn envelope(action: &str, result: &str, request_id: &str) -> String {
    format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>{}\
         </RequestId></ResponseMetadata></{action}Response>\n",
        escape(request_id)
    )
}

fn refused(refusal: &Refusal, request_id: &str) -> Answer {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let code = if status.is_server_error() { "InternalFailure" } else { refusal.code.as_str() };
    let message = refusal.message.as_deref().unwrap_or_default();
    protocol::xml(status, error_of(NAMESPACE, code, message, request_id))
}
