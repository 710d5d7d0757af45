//! A queue of SQS, as whoever waits for events sees it.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use longshore_model::{Error, Kind};
use longshore_world::{Message, Queue};
use serde_json::{Value, json};

use crate::Aws;
use crate::signed::{self, ATTEMPT_TIMEOUT, Call, Service};

const SQS: Service = Service { name: "sqs", id: "SQS", is_s3: false };

/// How long a call waits for a message: the most that SQS offers.
const WAIT_SECONDS: u64 = 20;

/// How many messages a call receives or deletes at most.
const AT_ONCE: usize = 10;

/// A queue by its name or URL.
#[derive(Debug)]
pub struct SqsQueue {
    aws: Aws,
    given: String,
    url: OnceLock<String>,
}

impl SqsQueue {
    /// By name, or by URL as `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`. No call is made yet.
    #[must_use]
    pub fn new(aws: Aws, name_or_url: impl Into<String>) -> Self {
        Self { aws, given: name_or_url.into(), url: OnceLock::new() }
    }

    /// The queue's URL. It is asked for once, and again when that failed.
    async fn url(&self) -> Result<&str, Error> {
        if self.given.contains('/') {
            return Ok(&self.given);
        }
        if let Some(url) = self.url.get() {
            return Ok(url);
        }
        let what = format!("find queue `{}`", self.given);
        let input = json!({"QueueName": self.given});
        let answer = self.call("GetQueueUrl", &what, &input, ATTEMPT_TIMEOUT).await?;
        let url = answer["QueueUrl"].as_str().ok_or_else(|| signed::unreadable(&what))?.to_owned();
        Ok(self.url.get_or_init(|| url))
    }

    async fn call(
        &self,
        operation: &'static str,
        what: &str,
        input: &Value,
        attempt_timeout: Duration,
    ) -> Result<Value, Error> {
        let endpoint = self.aws.endpoint(SQS).url;
        let target = format!("AmazonSQS.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", &target)];
        let request = signed::request(what, "POST", "/", &headers, input.to_string().into_bytes())?;
        let call = Call { attempt_timeout, ..Call::small(SQS, operation, what, &endpoint, request) };
        let answer = self.aws.send(call).await?;
        // A call that has nothing to tell may have an empty answer.
        match answer.body.as_str() {
            "" => Ok(Value::Null),
            body => serde_json::from_str(body)
                .map_err(|error| signed::unreadable(what).caused_by(error.to_string())),
        }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn receive(&self) -> Result<Vec<Message>, Error> {
        let what = format!("receive from queue `{}`", self.given);
        let input = json!({
            "QueueUrl": self.url().await?, "MaxNumberOfMessages": AT_ONCE, "WaitTimeSeconds": WAIT_SECONDS,
        });
        let patience = Duration::from_secs(WAIT_SECONDS) + ATTEMPT_TIMEOUT;
        let mut answer = self.call("ReceiveMessage", &what, &input, patience).await?;
        let messages = match answer["Messages"].take() {
            Value::Array(messages) => messages,
            _ => Vec::new(),
        };
        let text = |message: &Value, name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let read = |it: &Value| Message { receipt: text(it, "ReceiptHandle"), body: text(it, "Body") };
        Ok(messages.iter().map(read).collect())
    }

    async fn delete(&self, receipts: &[String]) -> Result<(), Error> {
        let what = format!("delete messages of queue `{}`", self.given);
        for part in receipts.chunks(AT_ONCE) {
            let entry =
                |(id, receipt): (usize, &String)| json!({"Id": id.to_string(), "ReceiptHandle": receipt});
            let entries: Vec<Value> = part.iter().enumerate().map(entry).collect();
            let input = json!({"QueueUrl": self.url().await?, "Entries": entries});
            let answer = self.call("DeleteMessageBatch", &what, &input, ATTEMPT_TIMEOUT).await?;
            if let Some(failed) = answer["Failed"].as_array().and_then(|failed| failed.first()) {
                let text = |name: &str| failed[name].as_str().unwrap_or_default();
                let kind = if failed["SenderFault"] == true { Kind::Invalid } else { Kind::Unavailable };
                let message = format!("cannot {what}: {}: {}", text("Code"), text("Message"));
                return Err(Error::new(kind, message).with_code(text("Code")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    #[tokio::test]
    async fn a_queue_is_found_by_name_once_and_waited_for() {
        let url = r#"{"QueueUrl":"http://localhost:1/123456789012/work"}"#;
        let two = r#"{"Messages":[{"ReceiptHandle":"r1","Body":"{}","MD5OfBody":"x"},{"ReceiptHandle":"r2","Body":"b"}]}"#;
        let (aws, replay) = Replay::of([(200, url), (200, two), (200, "{}")]).await;
        let queue = SqsQueue::new(aws, "work");
        let message = |receipt: &str, body: &str| Message { receipt: receipt.into(), body: body.into() };
        assert_eq!(queue.receive().await.unwrap(), [message("r1", "{}"), message("r2", "b")]);
        assert_eq!(queue.receive().await.unwrap(), []);
        let sent = replay.sent();
        let targets: Vec<_> = sent.iter().map(|sent| sent.target.as_str()).collect();
        assert_eq!(
            targets,
            ["AmazonSQS.GetQueueUrl", "AmazonSQS.ReceiveMessage", "AmazonSQS.ReceiveMessage"]
        );
        assert_eq!(sent[1].header("content-type"), Some("application/x-amz-json-1.0"));
        let input: Value = serde_json::from_str(&sent[1].body).unwrap();
        let expected = json!({
            "QueueUrl": "http://localhost:1/123456789012/work", "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20,
        });
        assert_eq!(input, expected);
        assert!(sent[1].authorization.contains("/eu-west-1/sqs/aws4_request"), "{}", sent[1].authorization);
    }

    #[tokio::test]
    async fn messages_are_deleted_by_tens_and_a_refused_one_is_said() {
        let failed = r#"{"Successful":[],"Failed":[{"Id":"0","Code":"ReceiptHandleIsInvalid","Message":"no","SenderFault":true}]}"#;
        let (aws, replay) = Replay::of([(200, r#"{"Successful":[{"Id":"0"}]}"#), (200, failed)]).await;
        let queue = SqsQueue::new(aws, "http://localhost:1/1/q");
        let receipts: Vec<String> = (0..11).map(|number| number.to_string()).collect();
        let error = queue.delete(&receipts).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Invalid, Some("ReceiptHandleIsInvalid")));
        let entries = |index: usize| {
            let input: Value = serde_json::from_str(&replay.sent()[index].body).unwrap();
            input["Entries"].as_array().unwrap().len()
        };
        assert_eq!((entries(0), entries(1)), (10, 1));
        queue.delete(&[]).await.unwrap();
        assert_eq!(replay.sent().len(), 2);
    }

    #[tokio::test]
    async fn a_queue_that_is_not_there_is_not_found_and_looked_for_again() {
        let missing = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#;
        let (aws, replay) = Replay::of([(400, missing), (400, missing)]).await;
        let queue = SqsQueue::new(aws, "work");
        for _ in 0..2 {
            let error = queue.receive().await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (Kind::NotFound, Some("QueueDoesNotExist")));
            assert!(error.to_string().starts_with("cannot find queue `work`: "), "{error}");
            assert!(error.hint().unwrap().contains("events.yaml"));
        }
        assert_eq!(replay.sent().len(), 2);
    }
}
