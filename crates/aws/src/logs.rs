//! Reading a log stream of CloudWatch Logs, page by page.

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::config::{Builder, Region};
use longshore_model::seen::{LogLine, LogPage, LogPosition, LogStream};
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::Logs;

use crate::{Aws, error};

#[async_trait]
impl Logs for Aws {
    async fn read_log(&self, stream: &LogStream, position: &LogPosition) -> Result<Option<LogPage>, Error> {
        let request = self.logs.get_log_events().log_group_name(&stream.group).log_stream_name(&stream.name);
        let mut request = match position {
            LogPosition::Head => request.start_from_head(true),
            LogPosition::Since(time) => request.start_from_head(true).start_time(time.0),
            LogPosition::After(token) => request.start_from_head(true).next_token(token),
            LogPosition::Tail(lines) => request.start_from_head(false).limit(i32::from(*lines)),
        }
        .customize();
        if let Some(region) = stream.region.as_deref().filter(|region| *region != self.region()) {
            request = request.config_override(Builder::new().region(Region::new(region.to_owned())));
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let what = format!("read log stream `{}` of group `{}`", stream.name, stream.group);
                let error = error::of_call(&what, self.place(), error);
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
        let (aws, replay) = Replay::of([(200, page), (200, page), (200, page), (200, page)]).await;
        let first = aws.read_log(&stream(None), &LogPosition::Head).await.unwrap().unwrap();
        assert_eq!(first.lines, [LogLine { timestamp: Timestamp(5), message: "one".into() }]);
        aws.read_log(&stream(Some("us-east-1")), &LogPosition::After(first.token.unwrap())).await.unwrap();
        aws.read_log(&stream(None), &LogPosition::Tail(20)).await.unwrap();
        aws.read_log(&stream(None), &LogPosition::Since(Timestamp(4))).await.unwrap();
        let sent = replay.sent();
        assert!(
            sent[3].body.contains(r#""startTime":4"#) && sent[3].body.contains(r#""startFromHead":true"#)
        );
        assert!(sent[2].body.contains(r#""limit":20"#) && sent[2].body.contains(r#""startFromHead":false"#));
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
        assert_eq!(aws.read_log(&stream(None), &LogPosition::Head).await.unwrap(), None);
        assert_eq!(aws.read_log(&stream(None), &LogPosition::Head).await.unwrap_err().kind(), Kind::Denied);
    }
}
