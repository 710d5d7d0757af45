//! Lambda, as a function that calls itself sees it, and as whoever calls a hook does.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use longshore_model::preview::HookAction;
use longshore_model::{Error, Kind};
use longshore_world::{HookCall, Hooks, Successor};
use serde_json::{Value, json};

use crate::Aws;
use crate::error::TIMED_OUT;
use crate::signed::{self, Call, Service};

const LAMBDA: Service = Service { name: "lambda", id: "Lambda", is_s3: false };

/// A function that is invoked asynchronously. AWS delivers an event at least once, not exactly once.
#[derive(Debug, Clone)]
pub struct Function {
    aws: Aws,
    name: String,
    qualifier: Option<String>,
}

impl Aws {
    /// Invokes a function, by name or ARN, and waits for what it gives back: `Ok(Err(why))` when the function itself failed.
    /// It is sent once, because a second call would run it a second time: whoever repeats it puts an id into the payload.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    ///
    /// # Errors
    /// When it cannot be invoked, or does not answer within `timeout`.
    pub async fn invoke(
        &self,
        function: &str,
        payload: &Value,
        timeout: Duration,
    ) -> Result<Result<Value, String>, Error> {
        let what = format!("invoke function `{function}`");
        let path = format!("/2015-03-31/functions/{}/invocations", signed::percent_encoded(function));
        let headers = [("content-type", "application/json"), ("x-amz-invocation-type", "RequestResponse")];
        let request = signed::request(&what, "POST", &path, &headers, payload.to_string().into_bytes())?;
        let mut there = self.in_region(region_of(function))?;
        there.config = there.config.to_builder().retry_config(RetryConfig::disabled()).build();
        let endpoint = there.endpoint(LAMBDA).url;
        let call =
            Call { attempt_timeout: timeout, ..Call::small(LAMBDA, "Invoke", &what, &endpoint, request) };
        let answer = there.send(call).await?;
        let result = serde_json::from_str(&answer.body).unwrap_or(Value::String(answer.body));
        match answer.headers.get("x-amz-function-error") {
            None => Ok(Ok(result)),
            Some(kind) => Ok(Err(why(kind, &result))),
        }
    }
}

/// Hooks that are functions: invoked, and awaited for as long as the hook may take.
#[derive(Debug, Clone)]
pub struct LambdaHooks(Aws);

impl LambdaHooks {
    /// Over a connection; a function's ARN says its region.
    #[must_use]
    pub const fn new(aws: Aws) -> Self {
        Self(aws)
    }
}

#[async_trait]
impl Hooks for LambdaHooks {
    async fn call(&self, call: &HookCall) -> Result<Result<(), String>, Error> {
        let HookAction::Lambda { function } = &call.hook.action else {
            return Err(Error::new(Kind::Bug, format!("hook `{}` is no function", call.hook.name)));
        };
        // Who is told twice can tell by the id.
        let payload = json!({"id": call.id, "context": call.context});
        let timeout = Duration::from_secs(call.hook.timeout_s.into());
        match self.0.invoke(function, &payload, timeout).await {
            // It may run still: invoked again, it would run beside itself.
            Err(error) if error.code() == Some(TIMED_OUT) => {
                Ok(Err(format!("hook `{}` gave no answer in {} s", call.hook.name, call.hook.timeout_s)))
            }
            answer => Ok(answer?.map(drop)),
        }
    }
}

/// The region in a function's ARN.
fn region_of(function: &str) -> Option<&str> {
    function.strip_prefix("arn:")?.split(':').nth(2)
}

/// Lambda's `{"errorMessage": ..., "errorType": ...}` in a sentence; `kind` is `Unhandled` or `Handled`.
fn why(kind: &str, result: &Value) -> String {
    let member = |name: &str| result[name].as_str().filter(|text| !text.is_empty());
    let text = result.as_str().filter(|text| !text.is_empty());
    match (member("errorType"), member("errorMessage").or(text)) {
        (Some(error), Some(message)) => format!("{error}: {message}"),
        (None, Some(message)) => message.to_owned(),
        (Some(error), None) => error.to_owned(),
        (None, None) => format!("the function ended with an error ({kind})"),
    }
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
    async fn a_hook_is_invoked_once_in_its_own_region_and_its_failure_is_no_error_of_the_call() {
        let thrown = r#"{"errorMessage":"no table","errorType":"KeyError","stackTrace":[]}"#;
        let late = r#"{"errorMessage":"2026-01-01T00:00:00Z 1 Task timed out after 3.00 seconds"}"#;
        let busy = r#"{"message":"Rate Exceeded."}"#;
        let answers =
            [(200, r#"{"ok":1}"#), (200, thrown), (200, late), (200, ""), (200, "no JSON"), (429, busy)];
        let (aws, replay) = Replay::of(answers).await;
        let failed = ("x-amz-function-error", "Unhandled");
        let throttled = ("x-amzn-errortype", "TooManyRequestsException");
        replay.with_headers([
            vec![],
            vec![failed],
            vec![failed],
            vec![failed],
            vec![failed],
            vec![throttled],
        ]);
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:hook";
        let payload = serde_json::json!({"id": "1"});
        let invoke = || aws.invoke(arn, &payload, Duration::from_secs(900));
        assert_eq!(invoke().await.unwrap(), Ok(serde_json::json!({"ok": 1})));
        let sent = &replay.sent()[0];
        assert_eq!(
            (sent.header("x-amz-invocation-type"), sent.body.as_str()),
            (Some("RequestResponse"), r#"{"id":"1"}"#)
        );
        assert!(sent.authorization.contains("/us-east-1/lambda/aws4_request"), "{}", sent.authorization);
        assert_eq!(invoke().await.unwrap(), Err("KeyError: no table".to_owned()));
        assert!(invoke().await.unwrap().unwrap_err().ends_with("Task timed out after 3.00 seconds"));
        assert_eq!(invoke().await.unwrap(), Err("the function ended with an error (Unhandled)".to_owned()));
        assert_eq!(invoke().await.unwrap(), Err("no JSON".to_owned()));
        assert_eq!(invoke().await.unwrap_err().kind(), Kind::Throttled);
        assert_eq!(replay.sent().len(), 6, "none is sent twice");
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
