//! The API of SQS: awsJson1.0, with the names of errors that its clients know from the query protocol.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{Answer, protocol};
use crate::beside::queues::query_code;
use crate::refusal::Refusal;

/// What stands before the operation in `X-Amz-Target`.
pub(super) const TARGET: &str = "AmazonSQS";
const JSON: &str = "application/x-amz-json-1.0";

/// The answer to a call, or its refusal.
pub(super) fn answer(answer: Result<Value, Refusal>) -> Answer {
    let written =
        answer.and_then(|answer| serde_json::to_vec(&answer).map_err(|error| protocol::internal(&error)));
    match written {
        Ok(body) => Answer::ok(JSON, body),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut body = refusal.body();
    // Exceptions of its own model are in SQS's namespace, those that all services share in another.
    let is_common = refusal.code.ends_with("Exception");
    let namespace = if is_common { "com.amazon.coral.service" } else { "com.amazonaws.sqs" };
    body["__type"] = json!(format!("{namespace}#{}", refusal.code));
    let answer = Answer::with_status(status, JSON, body.to_string().into_bytes());
    Answer { query_error: Some(query_code(refusal)), ..answer }
}
