//! A topic of SNS as a notifier.

use std::fmt;

use async_trait::async_trait;
use longshore_model::preview::Notice;
use longshore_model::{Error, Kind};
use longshore_world::Notifier;
use serde_json::Value;

use crate::Aws;
use crate::signed::Service;

const SNS: Service = Service { name: "sns", id: "SNS", is_s3: false };

/// The version of its query protocol.
const VERSION: &str = "2010-03-31";

/// A notifier that publishes on a topic, in the topic's own region. It remembers nothing.
pub struct SnsTopic {
    aws: Aws,
    name: String,
    arn: String,
    message: Box<dyn Fn(&Notice) -> String + Send + Sync>,
}

impl SnsTopic {
    /// By its name among the notifiers and its ARN. `message` makes the text that is published.
    ///
    /// # Errors
    /// When the ARN is not that of a topic.
    pub fn new(
        aws: &Aws,
        name: impl Into<String>,
        arn: impl Into<String>,
        message: impl Fn(&Notice) -> String + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let arn = arn.into();
        let parts: Vec<&str> = arn.split(':').collect();
        let ["arn", _, "sns", region, _, _] = parts[..] else {
            let text = format!("`{arn}` is not the ARN of an SNS topic");
            return Err(Error::new(Kind::Invalid, text).with_hint(
                "it is written arn:aws:sns:REGION:ACCOUNT:NAME; `aws sns list-topics` shows yours",
            ));
        };
        let aws = aws.in_region(Some(region))?;
        Ok(Self { aws, name: name.into(), arn, message: Box::new(message) })
    }
}

impl fmt::Debug for SnsTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnsTopic").field("name", &self.name).field("arn", &self.arn).finish_non_exhaustive()
    }
}

#[async_trait]
impl Notifier for SnsTopic {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice, _memory: Option<&Value>) -> Result<Option<Value>, Error> {
        let what = format!("publish on topic `{}`", self.arn);
        let endpoint = self.aws.endpoint(SNS).url;
        let members =
            [("TopicArn".to_owned(), self.arn.clone()), ("Message".to_owned(), (self.message)(notice))];
        self.aws.query_with(SNS, &endpoint, VERSION, "Publish", &what, &members).await?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::Timestamp;
    use longshore_model::preview::{Moment, Revision};

    use super::*;
    use crate::replay::Replay;

    fn notice() -> Notice {
        Notice {
            at: Timestamp(0),
            moment: Moment::Ready,
            environment: "e".into(),
            repository: "o/r".into(),
            revision: Revision::default(),
            url: None,
            text: "up & running".into(),
            log_tail: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_notice_is_published_in_the_topics_region() {
        let answer =
            "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>";
        let denied = "<ErrorResponse><Error><Code>AuthorizationError</Code><Message>no</Message></Error></ErrorResponse>";
        let (aws, replay) = Replay::of([(200, answer), (403, denied)]).await;
        let arn = "arn:aws:sns:us-east-1:123456789012:previews";
        let topic = SnsTopic::new(&aws, "sns", arn, |notice| notice.text.clone()).unwrap();
        assert_eq!(topic.name(), "sns");
        assert_eq!(topic.tell(&notice(), None).await.unwrap(), None);
        let sent = &replay.sent()[0];
        assert_eq!(
            sent.body,
            "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3Apreviews\
             &Message=up%20%26%20running"
        );
        assert!(sent.authorization.contains("/us-east-1/sns/aws4_request"), "{}", sent.authorization);
        let error = topic.tell(&notice(), None).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Denied, Some("AuthorizationError")));
        let refused = SnsTopic::new(&aws, "sns", "arn:aws:sqs:us-east-1:1:q", |_| String::new());
        assert_eq!(refused.unwrap_err().kind(), Kind::Invalid);
    }
}
