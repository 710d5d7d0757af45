//! Where the answer to a request goes, and which ids it must carry.

use std::fmt;

use longshore_model::Timestamp;
use serde_json::Value;

use super::identity::physical_resource_id;

/// The most that the four ids may take in an answer, in bytes as JSON writes them. CloudFormation's own are at most 1.6
/// kB (the physical id 1 kB, the logical id 255 characters); what is left of an answer's 4096 bytes is for the reason.
const MOST_BYTES_OF_IDS: usize = 3000;

/// A URL that CloudFormation signed with SigV2 is good for so long.
const SIGV2_LIFETIME_S: i64 = 7200;

/// The URL that the answer is put to. It is signed: whoever has it can answer for us, so it is in no log line, and
/// `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseUrl(String);

impl ResponseUrl {
    /// The URL itself, for the PUT and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// When CloudFormation sent the request, from the URL's signature: the request itself does not say.
    pub(super) fn sent_at(&self) -> Option<Timestamp> {
        let (_, query) = self.0.split_once('?')?;
        let member = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
        };
        if let Some(date) = member("X-Amz-Date") {
            let date: jiff::Timestamp = date.parse().ok()?;
            return Some(Timestamp(date.as_millisecond()));
        }
        let expires: i64 = member("Expires")?.parse().ok().filter(|seconds| *seconds >= SIGV2_LIFETIME_S)?;
        Some(Timestamp(0).plus_seconds(expires - SIGV2_LIFETIME_S))
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseUrl(not shown)")
    }
}

/// Where the answer to a request goes, and which ids it must carry. Its ids are short enough for any answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnAddress {
    response_url: ResponseUrl,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: String,
}

impl ReturnAddress {
    /// From a request, also from one that is otherwise wrong. The error says what is missing.
    pub(super) fn read(event: &Value) -> Result<Self, String> {
        let member = |name: &str| event.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let [Some(response_url), Some(stack_id), Some(request_id), Some(logical_resource_id)] =
            ["ResponseURL", "StackId", "RequestId", "LogicalResourceId"].map(member)
        else {
            let names = ["ResponseURL", "StackId", "RequestId", "LogicalResourceId"];
            let missing: Vec<&str> = names.into_iter().filter(|name| member(name).is_none()).collect();
            return Err(format!("it has no {}", missing.join(", no ")));
        };
        let given = member("PhysicalResourceId").map(ToOwned::to_owned);
        let address = Self {
            response_url: ResponseUrl(response_url.to_owned()),
            stack_id: stack_id.to_owned(),
            request_id: request_id.to_owned(),
            logical_resource_id: logical_resource_id.to_owned(),
            physical_resource_id: given
                .unwrap_or_else(|| physical_resource_id(stack_id, logical_resource_id)),
        };
        let bytes: usize = address.ids().map(|(_, id)| Value::from(id).to_string().len()).iter().sum();
        if bytes > MOST_BYTES_OF_IDS {
            return Err(format!(
                "its ids take {bytes} bytes, and an answer has room for {MOST_BYTES_OF_IDS}"
            ));
        }
        Ok(address)
    }

    /// Where the answer is put.
    #[must_use]
    pub const fn response_url(&self) -> &ResponseUrl {
        &self.response_url
    }

    /// The stack's ARN.
    #[must_use]
    pub fn stack_id(&self) -> &str {
        &self.stack_id
    }

    /// Unique among the stack's requests.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The resource's name in the template.
    #[must_use]
    pub fn logical_resource_id(&self) -> &str {
        &self.logical_resource_id
    }

    /// The one that the request names; for a Create one that is made from stack and logical id.
    #[must_use]
    pub fn physical_resource_id(&self) -> &str {
        &self.physical_resource_id
    }

    /// What an answer repeats, by the names of the protocol.
    pub(super) fn ids(&self) -> [(&'static str, &str); 4] {
        [
            ("StackId", &self.stack_id),
            ("RequestId", &self.request_id),
            ("LogicalResourceId", &self.logical_resource_id),
            ("PhysicalResourceId", &self.physical_resource_id),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn when_it_was_sent() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let cases = [
            (
                "https://b/k?X-Amz-Algorithm=AWS4&X-Amz-Date=20240229T235959Z&X-Amz-Expires=7199",
                Some(at("2024-02-29T23:59:59Z")),
            ),
            ("https://b/k?x-amz-date=20240101T000000Z", Some(at("2024-01-01T00:00:00Z"))),
            ("https://b/k?AWSAccessKeyId=AKIA&Expires=1700007200&Signature=x", Some(1_700_000_000_000)),
            ("https://b/k?X-Amz-Date=yesterday&Expires=1700007200", None),
            ("https://b/k?Expires=12", None),
            ("https://b/k?Expires=99999999999999999999", None),
            ("https://b/k?Expires", None),
            ("http://127.0.0.1:1234/answers/1", None),
            ("", None),
        ];
        for (url, expected) in cases {
            assert_eq!(ResponseUrl(url.into()).sent_at().map(|at| at.0), expected, "{url}");
        }
    }

    #[test]
    fn ids_that_no_answer_can_carry_are_no_address() {
        let event = |stack_id: String| json!({"ResponseURL": "https://b/k", "StackId": stack_id, "RequestId": "r", "LogicalResourceId": "l"});
        // A quotation mark takes two bytes in JSON, and the id that is made from the stack's has 255 of them.
        assert!(ReturnAddress::read(&event("a".repeat(2000))).is_ok());
        assert!(ReturnAddress::read(&event("\"".repeat(1500))).unwrap_err().contains("3000"));
    }
}
