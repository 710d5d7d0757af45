//! What all services share on the wire: JSON bodies, error bodies, headers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Body, ec2};
use crate::beside::identity;
use crate::keys::random_bytes;
use crate::refusal::Refusal;

pub(super) const JSON: &str = "application/x-amz-json-1.1";
const XML: &str = "text/xml";

/// A UUID for `x-amzn-RequestId`.
pub(super) fn request_id() -> String {
    let hex = hex::encode(random_bytes::<16>().unwrap_or_default());
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// The body as JSON without its nulls, which AWS takes for absent; an empty one is an empty object.
pub(super) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    let value: Value = serde_json::from_slice(body).map_err(|_| serialization(None))?;
    Ok(without_nulls(value))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().filter(|it| !it.is_null()).map(without_nulls).collect())
        }
        other => other,
    }
}

/// The wrong type in the words of AWS's own parser, from those of serde ("invalid type: string "a", expected i32").
pub(super) fn coral(what: &str) -> String {
    let (found, expected) = what
        .strip_prefix("invalid type: ")
        .or_else(|| what.strip_prefix("invalid value: "))
        .and_then(|rest| rest.split_once(", expected "))
        .unwrap_or(("", what));
    let expected = match expected {
        text if text.starts_with("a string") => "a String",
        text if text.starts_with("a boolean") => "a Boolean",
        text if text.starts_with('i') || text.starts_with('u') => "an Integer",
        text if text.starts_with('f') => "a Double",
        text if text.starts_with("a sequence") => {
            return "Unexpected field type: expected list or null".into();
        }
        _ => "",
    };
    let found = match found.split(' ').next().unwrap_or("") {
        "string" => "STRING_VALUE",
        "integer" => "NUMBER_VALUE",
        "floating" => "DECIMAL_VALUE",
        "boolean" if found.ends_with("`true`") => "TRUE_VALUE",
        "boolean" => "FALSE_VALUE",
        "sequence" => return "Start of list found where not expected.".into(),
        "map" => return "Start of structure or map found where not expected.".into(),
        _ => return "Unexpected field type".into(),
    };
    if expected.is_empty() {
        "Unexpected field type".into()
    } else {
        format!("{found} can not be converted to {expected}")
    }
}

pub(super) fn serialization(message: Option<String>) -> Refusal {
    let mut refusal = Refusal::new("SerializationException", "");
    refusal.message = message;
    refusal
}

pub(super) fn unknown_operation() -> Refusal {
    let mut refusal = Refusal::new("UnknownOperationException", "");
    refusal.message = None;
    refusal
}

pub(super) fn internal(error: &serde_json::Error) -> Refusal {
    Refusal::new("ServerException", format!("The answer cannot be written: {error}")).with_status(500)
}

pub(super) fn too_large(limit: usize) -> Answer {
    let message = format!("Request size exceeded {limit} bytes");
    let refusal = Refusal::new("RequestEntityTooLargeException", message).with_status(413);
    json_refusal(&refusal)
}

pub(super) fn json_refusal(refusal: &Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    Answer::with_status(status, JSON, refusal.body().to_string().into_bytes())
}

/// A refusal at the door, in the protocol that the request speaks.
pub(super) fn refused(refusal: &Refusal, headers: &HeaderMap, request_id: &str) -> Answer {
    if !is_form(headers) {
        return json_refusal(refusal);
    }
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
    if authorization.contains("/ec2/aws4_request") {
        return ec2::refused(refusal, request_id);
    }
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let message = refusal.message.as_deref().unwrap_or("");
    xml(status, identity::error(refusal.code.trim_end_matches("Exception"), message, request_id))
}

pub(super) fn xml(status: StatusCode, body: String) -> Answer {
    Answer::with_status(status, XML, body.into_bytes())
}

pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    kind.starts_with("application/x-www-form-urlencoded")
}

pub(super) fn response(answer: Answer, request_id: &str) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(Ok(error)) = answer.query_error.as_deref().map(HeaderValue::from_str) {
        headers.insert("x-amzn-query-error", error);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_are_absent_at_every_depth() {
        let parsed = parse(br#"{"a": null, "b": {"c": null, "d": [null, 1]}}"#).unwrap();
        assert_eq!(parsed, json!({"b": {"d": [1]}}));
        assert_eq!(parse(b"").unwrap(), json!({}));
        assert_eq!(parse(b"{").unwrap_err().code, "SerializationException");
    }

    #[test]
    fn wrong_types_are_said_in_the_words_of_aws() {
        for (serde, aws) in [
            (r#"invalid type: string "x", expected i32"#, "STRING_VALUE can not be converted to an Integer"),
            ("invalid type: integer `1`, expected a string", "NUMBER_VALUE can not be converted to a String"),
            (
                "invalid type: boolean `true`, expected a string",
                "TRUE_VALUE can not be converted to a String",
            ),
            ("invalid type: map, expected a string", "Start of structure or map found where not expected."),
        ] {
            assert_eq!(coral(serde), aws);
        }
    }
}
