//! Reading a log stream of CloudWatch Logs, page by page.

use aws_sdk_cloudwatchlogs::config::{Builder, Region};
use longshore_model::Timestamp;

use crate::Aws;
use crate::error::{Error, Kind};

/// Where the `awslogs` driver writes the output of one container of one task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogStream {
    /// `awslogs-region`; absent means the region of the task.
    pub region: Option<String>,
    /// `awslogs-group`.
    pub group: String,
    /// `PREFIX/CONTAINER/TASK`.
    pub name: String,
}

/// The next part of a stream. Its end is reached when `token` is the one that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    /// In the order of the stream. May be empty before the end.
    pub lines: Vec<LogLine>,
    /// Continues after these lines.
    pub token: Option<String>,
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogLine {
    /// When it was written, by the container's host.
    pub timestamp: Timestamp,
    /// Without its line end.
    pub message: String,
}

impl Aws {
    /// Reads on from `token`, or from the head. `None` means that the stream (or its group) is not there yet.
    pub async fn read_log(&self, stream: &LogStream, token: Option<&str>) -> Result<Option<LogPage>, Error> {
        let mut request = self
            .logs
            .get_log_events()
            .log_group_name(&stream.group)
            .log_stream_name(&stream.name)
            .start_from_head(true)
            .set_next_token(token.map(ToOwned::to_owned))
            .customize();
        if let Some(region) = stream.region.as_deref().filter(|region| *region != self.region()) {
            request = request.config_override(Builder::new().region(Region::new(region.to_owned())));
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let what = format!("read log stream `{}` of group `{}`", stream.name, stream.group);
                let error = Error::from_sdk(&what, self.place(), error);
                return if error.kind() == Kind::NotFound { Ok(None) } else { Err(error) };
            }
        };
        let line = |event: &aws_sdk_cloudwatchlogs::types::OutputLogEvent| LogLine {
            timestamp: Timestamp(event.timestamp().unwrap_or_default()),
            message: event.message().unwrap_or_default().to_owned(),
        };
        Ok(Some(LogPage {
            lines: answer.events().iter().map(line).collect(),
            token: answer.next_forward_token().map(ToOwned::to_owned),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    fn stream(region: Option<&str>) -> LogStream {
        LogStream { region: region.map(ToOwned::to_owned), group: "/web".into(), name: "run/app/0af3".into() }
    }

    #[tokio::test]
    async fn a_page_is_read_from_the_head_and_then_from_the_token() {
        let page = r#"{"events":[{"timestamp":5,"message":"one"}],"nextForwardToken":"f/2"}"#;
        let (aws, replay) = Replay::of([(200, page), (200, page)]).await;
        let first = aws.read_log(&stream(None), None).await.unwrap().unwrap();
        assert_eq!(first.lines, [LogLine { timestamp: Timestamp(5), message: "one".into() }]);
        aws.read_log(&stream(Some("us-east-1")), first.token.as_deref()).await.unwrap();
        let sent = replay.sent();
        assert!(sent[0].body.contains(r#""startFromHead":true"#) && !sent[0].body.contains("nextToken"));
        assert!(sent[1].body.contains(r#""nextToken":"f/2""#), "{}", sent[1].body);
        assert!(sent[0].authorization.contains("/eu-west-1/logs/"), "{}", sent[0].authorization);
        assert!(sent[1].authorization.contains("/us-east-1/logs/"), "the group's own region");
    }

    #[tokio::test]
    async fn a_stream_that_is_not_there_yet_is_no_error_but_a_refusal_is() {
        let missing =
            r#"{"__type":"ResourceNotFoundException","message":"The specified log stream does not exist."}"#;
        let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
        let (aws, _) = Replay::of([(400, missing), (400, denied)]).await;
        assert_eq!(aws.read_log(&stream(None), None).await.unwrap(), None);
        assert_eq!(aws.read_log(&stream(None), None).await.unwrap_err().kind(), Kind::Denied);
    }
}
