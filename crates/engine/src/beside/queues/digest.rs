//! The MD5 sums that SDKs check: of a message's body and of its attributes.
//!
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// A message attribute, as its JSON has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Attribute {
    pub(super) data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) string_value: Option<String>,
    /// In base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) binary_value: Option<String>,
}

impl Attribute {
    /// The bytes of a binary value; `None` when there is none or it is no base64.
    pub(super) fn binary(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(self.binary_value.as_ref()?).ok()
    }

    /// What counts against a message's limit beside the name.
    pub(super) fn size_bytes(&self) -> usize {
        let value = self.binary().map(|bytes| bytes.len()).or(self.string_value.as_ref().map(String::len));
        self.data_type.len() + value.unwrap_or(0)
    }
}

pub(super) fn of_body(body: &str) -> String {
    hex::encode(Md5::digest(body.as_bytes()))
}

/// Of attributes in the order of their names: name, type and value, each behind its length, with a byte between type and
/// value that says how the value is transported. `None` when there are none.
pub(super) fn of_attributes<'a>(
    attributes: impl IntoIterator<Item = (&'a String, &'a Attribute)>,
) -> Option<String> {
    let sorted: BTreeMap<_, _> = attributes.into_iter().collect();
    if sorted.is_empty() {
        return None;
    }
    let mut sum = Md5::new();
    for (name, attribute) in sorted {
        add(&mut sum, name.as_bytes());
        add(&mut sum, attribute.data_type.as_bytes());
        match attribute.binary() {
            Some(bytes) => {
                sum.update([2]);
                add(&mut sum, &bytes);
            }
            None => {
                sum.update([1]);
                add(&mut sum, attribute.string_value.as_deref().unwrap_or_default().as_bytes());
            }
        }
    }
    Some(hex::encode(sum.finalize()))
}

fn add(sum: &mut Md5, bytes: &[u8]) {
    sum.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    sum.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_bodies_and_attributes() {
        // RFC 1321, A.5.
        assert_eq!(of_body("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
        assert_eq!(of_attributes([]), None);
        let text = |data_type: &str, value: &str| Attribute {
            data_type: data_type.into(),
            string_value: Some(value.into()),
            binary_value: None,
        };
        let binary = Attribute {
            data_type: "Binary".into(),
            string_value: None,
            binary_value: Some(BASE64_STANDARD.encode([1, 2, 3])),
        };
        let names = ["timestamp", "name", "raw"].map(String::from);
        let given = [
            (&names[0], &text("Number", "1493147359900")),
            (&names[1], &text("String", "a")),
            (&names[2], &binary),
        ];
        assert_eq!(
            of_attributes(given[..1].iter().copied()).as_deref(),
            Some("235c5c510d26fb653d073faed50ae77c")
        );
        assert_eq!(
            of_attributes(given),
            of_attributes(given.into_iter().rev()),
            "the order is that of the names"
        );
        assert_ne!(of_attributes(given), of_attributes(given[..2].iter().copied()));
    }
}
