//! What SQS refuses, in its words, and the names of the same refusals in the query protocol.

use crate::refusal::Refusal;

/// The exceptions that were `AWS.SimpleQueueService.NAME` in the query protocol.
const WITH_PREFIX: [&str; 9] = [
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidBatchEntryId",
    "MessageNotInflight",
    "PurgeQueueInProgress",
    "QueueDeletedRecently",
    "TooManyEntriesInBatchRequest",
    "UnsupportedOperation",
];

/// The value of `x-amzn-query-error`: what the exception was called in the query protocol, and whose fault it is. SDKs
/// hand that name on, so that programs which were written for the query protocol still know their errors.
pub(crate) fn query_code(refusal: &Refusal) -> String {
    let code = match refusal.code.as_str() {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "QueueNameExists" => "QueueAlreadyExists".to_owned(),
        "MissingRequiredParameterException" => "MissingParameter".to_owned(),
        "UnknownOperationException" => "InvalidAction".to_owned(),
        code if WITH_PREFIX.contains(&code) => format!("AWS.SimpleQueueService.{code}"),
        code => code.trim_end_matches("Exception").to_owned(),
    };
    let whose = if refusal.status >= 500 { "Receiver" } else { "Sender" };
    format!("{code};{whose}")
}

pub(super) fn no_queue() -> Refusal {
    Refusal::new("QueueDoesNotExist", "The specified queue does not exist.")
}

pub(super) fn invalid_address(url: &str) -> Refusal {
    Refusal::new("InvalidAddress", format!("The address {url} is not valid for this endpoint."))
}

pub(super) fn missing_parameter(name: &str) -> Refusal {
    let message = format!("The request must contain the parameter {name}.");
    Refusal::new("MissingRequiredParameterException", message)
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValueException", message)
}

/// A number outside its range.
pub(super) fn out_of_range(name: &str, value: i64, least: i64, most: i64) -> Refusal {
    invalid_parameter(format!(
        "Value {value} for parameter {name} is invalid. Reason: Must be between {least} and {most}, if provided."
    ))
}

pub(super) fn not_offered(what: &str) -> Refusal {
    Refusal::new("UnsupportedOperation", format!("Longshore's engine does not offer {what}."))
}

pub(super) fn invalid_handle(handle: &str) -> Refusal {
    let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
    Refusal::new("ReceiptHandleIsInvalid", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_of_errors() {
        for (code, status, expected) in [
            ("QueueDoesNotExist", 400, "AWS.SimpleQueueService.NonExistentQueue;Sender"),
            ("QueueNameExists", 400, "QueueAlreadyExists;Sender"),
            ("EmptyBatchRequest", 400, "AWS.SimpleQueueService.EmptyBatchRequest;Sender"),
            ("InvalidParameterValueException", 400, "InvalidParameterValue;Sender"),
            ("MissingRequiredParameterException", 400, "MissingParameter;Sender"),
            ("ReceiptHandleIsInvalid", 400, "ReceiptHandleIsInvalid;Sender"),
            ("InternalFailure", 500, "InternalFailure;Receiver"),
        ] {
            assert_eq!(query_code(&Refusal::new(code, "").with_status(status)), expected);
        }
    }
}
