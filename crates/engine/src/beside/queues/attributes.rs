//! The attributes of queues: which there are, what they may be, and what they are unless they are set.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fault::not_offered;
use crate::refusal::Refusal;

pub(super) const DELAY: &str = "DelaySeconds";
pub(super) const MESSAGE_SIZE: &str = "MaximumMessageSize";
pub(super) const RETENTION: &str = "MessageRetentionPeriod";
pub(super) const WAIT: &str = "ReceiveMessageWaitTimeSeconds";
pub(super) const VISIBILITY: &str = "VisibilityTimeout";

/// How large a message, and all of a batch, may be, in bytes.
pub(super) const LARGEST_MESSAGE: i64 = 1_048_576;

/// Numbers: least, most, and what is so unless it is set.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
pub(super) const NUMBERS: [(&str, i64, i64, i64); 5] = [
    (DELAY, 0, 900, 0),
    (MESSAGE_SIZE, 1024, LARGEST_MESSAGE, LARGEST_MESSAGE),
    (RETENTION, 60, 1_209_600, 345_600),
    (WAIT, 0, 20, 0),
    (VISIBILITY, 0, 43_200, 30),
];

/// What can be asked for, but not set.
pub(super) const READ_ONLY: [&str; 6] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];

/// What can be set beside the numbers.
const TEXTS: [&str; 2] = ["Policy", "SqsManagedSseEnabled"];

/// What only FIFO queues have.
const OF_FIFO: [&str; 4] =
    ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];
const OF_DEAD_LETTERS: [&str; 2] = ["RedrivePolicy", "RedriveAllowPolicy"];
const OF_KMS: [&str; 2] = ["KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"];

/// What becomes of a queue's name that ends in `.fifo`, or of an attribute of such queues.
pub(super) fn no_fifo() -> Refusal {
    not_offered("FIFO queues: create a standard queue, whose name does not end in `.fifo`")
}

/// Whether these attributes may be set.
pub(super) fn check(given: &BTreeMap<String, String>) -> Result<(), Refusal> {
    given.iter().try_for_each(|(name, value)| check_one(name, value))
}

fn check_one(name: &str, value: &str) -> Result<(), Refusal> {
    let is_right = match NUMBERS.iter().find(|(known, ..)| *known == name) {
        Some((_, least, most, _)) => value.parse::<i64>().is_ok_and(|it| (*least..=*most).contains(&it)),
        None => match name {
            "Policy" => {
                value.is_empty() || serde_json::from_str::<Value>(value).is_ok_and(|it| it.is_object())
            }
            "SqsManagedSseEnabled" => matches!(value, "true" | "false"),
            // Empty means that there is none.
            _ if OF_DEAD_LETTERS.contains(&name) || OF_KMS.contains(&name) => {
                return match value {
                    "" => Ok(()),
                    _ if OF_KMS.contains(&name) => Err(not_offered(&format!("KMS keys: leave out {name}"))),
                    _ => Err(not_offered(&format!("dead-letter queues: leave out {name}"))),
                };
            }
            _ if OF_FIFO.contains(&name) => return Err(no_fifo()),
            _ => return Err(unknown(name)),
        },
    };
    if is_right {
        return Ok(());
    }
    Err(Refusal::new("InvalidAttributeValue", format!("Invalid value for the parameter {name}.")))
}

/// Whether these attributes can be asked for.
pub(super) fn check_names(names: &[String]) -> Result<(), Refusal> {
    let is_known = |name: &str| {
        let groups: [&[&str]; 5] = [&TEXTS, &READ_ONLY, &OF_FIFO, &OF_DEAD_LETTERS, &OF_KMS];
        name == "All"
            || NUMBERS.iter().any(|(known, ..)| *known == name)
            || groups.iter().any(|group| group.contains(&name))
    };
    match names.iter().find(|name| !is_known(name)) {
        Some(name) => Err(unknown(name)),
        None => Ok(()),
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal::new("InvalidAttributeName", format!("Unknown Attribute {name}."))
}

/// A number, as it was set or as it is then.
pub(super) fn number(set: &BTreeMap<String, String>, name: &str) -> i64 {
    let usual = NUMBERS.iter().find(|(known, ..)| *known == name).map_or(0, |(.., usual)| *usual);
    set.get(name).and_then(|value| value.parse().ok()).unwrap_or(usual)
}

/// All attributes that can be set, with what they are.
pub(super) fn all(set: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let numbers = NUMBERS.iter().map(|(name, ..)| ((*name).to_owned(), number(set, name).to_string()));
    let mut all: BTreeMap<_, _> = numbers.collect();
    all.insert("SqsManagedSseEnabled".into(), "true".into());
    all.extend(
        set.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.clone(), value.clone())),
    );
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attribute_has_its_own_rule() {
        let code = |name: &str, value: &str| check_one(name, value).err().map(|refusal| refusal.code);
        for (name, value, expected) in [
            ("VisibilityTimeout", "0", None),
            ("VisibilityTimeout", "43200", None),
            ("VisibilityTimeout", "43201", Some("InvalidAttributeValue")),
            ("VisibilityTimeout", "-1", Some("InvalidAttributeValue")),
            ("VisibilityTimeout", "a", Some("InvalidAttributeValue")),
            ("MessageRetentionPeriod", "59", Some("InvalidAttributeValue")),
            ("MaximumMessageSize", "1048576", None),
            ("Policy", "{}", None),
            ("Policy", "", None),
            ("Policy", "[]", Some("InvalidAttributeValue")),
            ("SqsManagedSseEnabled", "yes", Some("InvalidAttributeValue")),
            ("RedrivePolicy", "", None),
            ("RedrivePolicy", "{}", Some("UnsupportedOperation")),
            ("KmsMasterKeyId", "alias/aws/sqs", Some("UnsupportedOperation")),
            ("FifoQueue", "true", Some("UnsupportedOperation")),
            ("QueueArn", "a", Some("InvalidAttributeName")),
            ("Colour", "red", Some("InvalidAttributeName")),
        ] {
            assert_eq!(code(name, value).as_deref(), expected, "{name}={value}");
        }
    }

    #[test]
    fn what_is_not_set_is_as_usual() {
        let set = [("DelaySeconds".to_owned(), "5".to_owned()), ("Policy".to_owned(), String::new())].into();
        let all = all(&set);
        assert_eq!((all["DelaySeconds"].as_str(), all["MessageRetentionPeriod"].as_str()), ("5", "345600"));
        assert!(!all.contains_key("Policy"));
        assert!(check_names(&all.into_keys().collect::<Vec<_>>()).is_ok());
    }
}
