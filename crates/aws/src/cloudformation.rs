//! CloudFormation, as a custom resource sees it: the state of its stack, and the address that waits for its answer.

use async_trait::async_trait;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use longshore_model::{Error, Kind};
use longshore_world::CloudFormation;

use crate::s3::S3;
use crate::signed::{self, ATTEMPT_TIMEOUT, Service};
use crate::{Aws, error};

const CLOUDFORMATION: Service = Service { name: "cloudformation", id: "CloudFormation", is_s3: false };

/// The version of CloudFormation's query protocol.
const VERSION: &str = "2010-05-15";

#[async_trait]
impl CloudFormation for Aws {
    async fn stack_status(&self, stack_id: &str) -> Result<String, Error> {
        let what = format!("describe stack `{stack_id}`");
        let answer = self.cloudformation("DescribeStacks", &what, &[("StackName", stack_id)]).await?;
        signed::xml_text(&answer, "StackStatus").ok_or_else(|| signed::unreadable(&what))
    }

    /// The `content-type` is sent and empty: CloudFormation signs these addresses for an empty one.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>
    async fn answer(&self, response_url: &str, body: &str) -> Result<(), Error> {
        let what = "answer CloudFormation";
        let (Some(host), Some(http)) = (host(response_url), self.config.http_client()) else {
            return Err(Error::new(Kind::Invalid, format!("cannot {what}: the ResponseURL is not a URL")));
        };
        let request = signed::request(what, "PUT", "/", &[("content-type", "")], body.as_bytes().to_vec())?;
        let place = format!("http://{host}");
        let region = self.region().to_owned();
        let operation = signed::operation(S3, "PutObject", &place, ATTEMPT_TIMEOUT)
            .no_auth()
            .no_retry()
            .http_client(Addressed { url: response_url.to_owned(), next: http })
            .deserializer(move |response| signed::read(response, &region))
            .build();
        match operation.invoke(request).await {
            Ok(_) => Ok(()),
            Err(error) => Err(explained(error::of_call(what, &host, error))),
        }
    }
}

impl Aws {
    /// Calls an operation, and gives back its answer in XML.
    pub(crate) async fn cloudformation(
        &self,
        operation: &'static str,
        what: &str,
        members: &[(&str, &str)],
    ) -> Result<String, Error> {
        let mut form = format!("Action={operation}&Version={VERSION}");
        for (name, value) in members {
            form = format!("{form}&{name}={}", signed::percent_encoded(value));
        }
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let request = signed::request(what, "POST", "/", &headers, form.into_bytes())?;
        self.call(CLOUDFORMATION, operation, what, request).await.map(|answer| answer.body)
    }
}

/// What a refused or lost answer usually comes from.
fn explained(error: Error) -> Error {
    match error.kind() {
        Kind::Denied | Kind::Invalid => {
            error.with_hint("the ResponseURL is signed for one PUT with an empty content type, and for a limited time")
        }
        _ => error.with_hint(
            "inside a VPC the function needs a way to S3, where CloudFormation takes the answers: a gateway endpoint \
             for S3 or a NAT gateway",
        ),
    }
}

/// The host and port of a URL, without all that could be a secret in it.
fn host(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    (!host.is_empty()).then(|| host.to_owned())
}

/// Sends every request to one address, which nobody above the connection knows: the SDK writes the requests that it
/// knows into its own log.
struct Addressed<Next> {
    url: String,
    next: Next,
}

impl<Next> std::fmt::Debug for Addressed<Next> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Addressed").finish_non_exhaustive()
    }
}

impl HttpClient for Addressed<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let next = self.next.http_connector(settings, components);
        SharedHttpConnector::new(Addressed { url: self.url.clone(), next })
    }
}

impl HttpConnector for Addressed<SharedHttpConnector> {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        match request.set_uri(self.url.as_str()) {
            Ok(()) => self.next.call(request),
            Err(error) => HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    const STACK: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/web/0af3";
    const URL: &str = "https://u:p@bucket.s3.amazonaws.com/arn%3Aaws/web%7C1?X-Amz-Signature=hush&Expires=1";

    #[tokio::test]
    async fn the_state_of_a_stack_is_asked_for_in_a_form() {
        let answer = r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
            <DescribeStacksResult><Stacks><member><StackName>web</StackName>
            <StackStatus>UPDATE_ROLLBACK_IN_PROGRESS</StackStatus></member></Stacks></DescribeStacksResult>
            </DescribeStacksResponse>"#;
        let (aws, replay) = Replay::of([(200, answer), (200, "<html></html>")]).await;
        assert_eq!(aws.stack_status(STACK).await.unwrap(), "UPDATE_ROLLBACK_IN_PROGRESS");
        let sent = &replay.sent()[0];
        assert_eq!((sent.method.as_str(), sent.uri.as_str()), ("POST", "http://localhost:1/"));
        assert_eq!(sent.header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(
            sent.body,
            "Action=DescribeStacks&Version=2010-05-15&StackName=arn%3Aaws%3Acloudformation%3Aeu-west-1%3A123456789012\
             %3Astack%2Fweb%2F0af3"
        );
        assert!(
            sent.authorization.contains("/eu-west-1/cloudformation/aws4_request"),
            "{}",
            sent.authorization
        );
        assert!(aws.stack_status(STACK).await.unwrap_err().hint().unwrap().contains("AWS_ENDPOINT_URL"));
    }

    #[tokio::test]
    async fn a_stack_that_is_gone_is_not_found() {
        let refusal = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                       <Message>Stack with id web does not exist</Message></Error></ErrorResponse>";
        let (aws, _) = Replay::of([(400, refusal)]).await;
        let error = aws.stack_status(STACK).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert!(error.to_string().ends_with("ValidationError: Stack with id web does not exist"), "{error}");
    }

    #[tokio::test]
    async fn an_answer_is_put_unsigned_to_the_very_address() {
        let (aws, replay) = Replay::of([(200, "")]).await;
        aws.answer(URL, r#"{"Status":"SUCCESS"}"#).await.unwrap();
        let sent = &replay.sent()[0];
        assert_eq!((sent.method.as_str(), sent.uri.as_str()), ("PUT", URL));
        assert_eq!((sent.header("content-type"), sent.header("authorization")), (Some(""), None));
        assert_eq!(sent.body, r#"{"Status":"SUCCESS"}"#);
    }

    #[tokio::test]
    async fn an_answer_that_fails_is_sent_once_and_its_address_is_not_told() {
        let expired = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        let (aws, replay) = Replay::of([(403, expired), (307, ""), (503, "")]).await;
        let kinds = [Kind::Denied, Kind::Invalid, Kind::Unavailable, Kind::Unavailable];
        for (attempt, kind) in kinds.into_iter().enumerate() {
            let error = aws.answer(URL, "{}").await.unwrap_err();
            assert_eq!((error.kind(), replay.sent().len()), (kind, attempt + 1), "{error}");
            assert!(!error.to_string().is_empty() && error.hint().is_some());
            let told = format!("{error} {error:?}");
            assert!(
                !["hush", "Signature", "u:p", "web%7C1"].iter().any(|part| told.contains(part)),
                "{told}"
            );
        }
        let unreachable = aws.answer(URL, "{}").await.unwrap_err();
        assert_eq!(
            unreachable.to_string(),
            "cannot answer CloudFormation: bucket.s3.amazonaws.com does not answer"
        );
        assert!(unreachable.hint().unwrap().contains("VPC"));
        let garbage = aws.answer("hush", "{}").await.unwrap_err();
        assert_eq!((garbage.kind(), format!("{garbage:?}").contains("hush")), (Kind::Invalid, false));
    }
}
