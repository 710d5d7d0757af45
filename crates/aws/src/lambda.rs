//! Lambda, as a function that calls itself sees it.

use async_trait::async_trait;
use longshore_model::Error;
use longshore_world::Successor;

use crate::Aws;
use crate::signed::{self, Service};

const LAMBDA: Service = Service { name: "lambda", id: "Lambda", is_s3: false };

/// A function that is invoked asynchronously. AWS delivers an event at least once, not exactly once.
#[derive(Debug, Clone)]
pub struct Function {
    aws: Aws,
    name: String,
    qualifier: Option<String>,
}

impl Function {
    /// By name or ARN, and by version or alias; without one it is `$LATEST`.
    #[must_use]
    pub fn new(aws: Aws, name: impl Into<String>, qualifier: Option<String>) -> Self {
        Self { aws, name: name.into(), qualifier }
    }
}

#[async_trait]
impl Successor for Function {
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    async fn hand_over(&self, event: &str) -> Result<(), Error> {
        let what = format!("invoke function `{}`", self.name);
        let mut path = format!("/2015-03-31/functions/{}/invocations", signed::percent_encoded(&self.name));
        if let Some(qualifier) = &self.qualifier {
            path = format!("{path}?Qualifier={}", signed::percent_encoded(qualifier));
        }
        let headers = [("content-type", "application/json"), ("x-amz-invocation-type", "Event")];
        let request = signed::request(&what, "POST", &path, &headers, event.as_bytes().to_vec())?;
        self.aws.call(LAMBDA, "Invoke", &what, request).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::Kind;

    use super::*;
    use crate::replay::Replay;

    #[tokio::test]
    async fn an_event_goes_to_the_same_version_and_nobody_waits_for_its_end() {
        let (aws, replay) = Replay::of([(202, "")]).await;
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:runner";
        Function::new(aws, arn, Some("$LATEST".into())).hand_over(r#"{"hop":2}"#).await.unwrap();
        let [sent] = &replay.sent()[..] else { panic!("one request") };
        assert_eq!(sent.method, "POST");
        assert_eq!(
            sent.uri,
            "http://localhost:1/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3A\
             runner/invocations?Qualifier=%24LATEST"
        );
        assert_eq!(sent.header("x-amz-invocation-type"), Some("Event"));
        assert_eq!(sent.body, r#"{"hop":2}"#);
        assert!(sent.authorization.contains("/eu-west-1/lambda/aws4_request"), "{}", sent.authorization);
    }

    #[tokio::test]
    async fn too_many_invocations_are_tried_again_and_a_missing_function_is_not() {
        let busy = r#"{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate Exceeded."}"#;
        let missing = r#"{"Type":"User","Message":"Function not found: runner"}"#;
        let (aws, replay) = Replay::of([(429, busy), (202, ""), (404, missing)]).await;
        let throttled = ("x-amzn-errortype", "TooManyRequestsException");
        let unknown = ("x-amzn-errortype", "ResourceNotFoundException:http://internal.amazon.com/");
        replay.with_headers([vec![throttled], vec![], vec![unknown]]);
        let function = Function::new(aws, "runner", None);
        function.hand_over("{}").await.unwrap();
        assert_eq!(replay.sent().len(), 2);
        let error = function.hand_over("{}").await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert_eq!(
            error.to_string(),
            "cannot invoke function `runner`: ResourceNotFoundException: Function not found: runner"
        );
        assert_eq!(replay.sent().len(), 3);
    }
}
