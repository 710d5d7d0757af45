//! Endpoints, signatures, attempts and refusals of calls that are written by hand.

use aws_config::{Region, SdkConfig};
use aws_types::service_config::LoadServiceConfig;
use serde_json::json;

use super::*;
use crate::replay::Replay;

const LAMBDA: Service = Service { name: "lambda", id: "Lambda", is_s3: false };

async fn describe(aws: &Aws) -> Result<Value, Error> {
    aws.ecs_json("DescribeTaskDefinition", "describe `web`", &json!({"taskDefinition": "web"})).await
}

#[test]
fn each_partition_has_its_own_domain() {
    let expected = [
        ("eu-west-1", "https://lambda.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "https://lambda.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "https://lambda.cn-north-1.amazonaws.com.cn"),
        ("us-iso-east-1", "https://lambda.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "https://lambda.us-isob-east-1.sc2s.sgov.gov"),
    ];
    for (region, url) in expected {
        let (aws, _) = Replay::on_aws(region, []);
        let endpoint = aws.endpoint(LAMBDA);
        assert_eq!((endpoint.url.as_str(), endpoint.is_custom), (url, false));
    }
}

/// What `AWS_ENDPOINT_URL_LAMBDA` is to the SDK.
#[derive(Debug)]
struct OnlyLambda;

impl LoadServiceConfig for OnlyLambda {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        assert_eq!((key.env(), key.profile()), ("AWS_ENDPOINT_URL", "endpoint_url"));
        (key.service_id() == "Lambda").then(|| "http://localhost:2/".to_owned())
    }
}

#[test]
fn a_services_own_endpoint_goes_before_that_of_all() {
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url("http://localhost:1")
        .service_config(OnlyLambda);
    let aws = Aws::from_config(&config.build()).unwrap();
    assert_eq!(aws.endpoint(LAMBDA).url, "http://localhost:2");
    assert_eq!(aws.endpoint(ECS).url, "http://localhost:1");
    assert!(aws.endpoint(LAMBDA).is_custom);
}

#[tokio::test]
async fn a_call_is_signed_with_the_session() {
    let (aws, replay) = Replay::on_aws("eu-west-1", [(200, "{}")]);
    describe(&aws).await.unwrap();
    let sent = &replay.sent()[0];
    assert_eq!(sent.uri, "https://ecs.eu-west-1.amazonaws.com/");
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=";
    assert!(sent.authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{}", sent.authorization);
    assert!(sent.authorization.contains(signed), "{}", sent.authorization);
    assert_eq!(sent.header("x-amz-security-token"), Some("session"));
}

#[tokio::test]
async fn what_passes_is_tried_again_a_few_times_and_what_does_not_is_not() {
    let throttled = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
    let (aws, replay) = Replay::of([(400, throttled), (503, "busy"), (200, r#"{"a":1}"#)]).await;
    assert_eq!(describe(&aws).await.unwrap(), json!({"a": 1}));
    assert_eq!(replay.sent().len(), 3);

    let error = describe(&aws).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot describe `web`: http://localhost:1 does not answer");
    assert_eq!((error.kind(), replay.sent().len()), (Kind::Unavailable, 6));

    let (aws, replay) = Replay::of([(400, r#"{"__type":"a.b#ClientException","message":"no"}"#)]).await;
    let error = describe(&aws).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot describe `web`: ClientException: no");
    assert_eq!(replay.sent().len(), 1);
}

#[tokio::test]
async fn whoever_never_answers_is_not_waited_for_longer_than_an_attempt_may_take() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let settings = crate::Settings {
        endpoint: Some(endpoint.clone()),
        region: Some("eu-west-1".into()),
        credentials: Some(crate::StaticCredentials {
            access_key_id: "AKID".into(),
            secret_access_key: "s".into(),
        }),
    };
    let aws = Aws::connect(settings).await.unwrap();
    let call = Call {
        service: LAMBDA,
        operation: "Invoke",
        what: "invoke",
        endpoint: &endpoint,
        request: request("invoke", "POST", "/", &[], Vec::new()).unwrap(),
        attempt_timeout: Duration::from_millis(5),
    };
    let end = tokio::time::timeout(Duration::from_secs(30), aws.send(call)).await;
    let error = end.expect("an attempt has an end").unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(error.to_string(), format!("cannot invoke: {endpoint} does not answer"));
}

#[tokio::test]
async fn an_answer_of_something_else_than_aws_is_said_to_be_one() {
    let (aws, _) = Replay::of([(200, "<html>hello</html>"), (403, "<html>no</html>")]).await;
    let unreadable = describe(&aws).await.unwrap_err();
    assert!(unreadable.hint().unwrap().contains("AWS_ENDPOINT_URL"));
    assert_eq!(describe(&aws).await.unwrap_err().to_string(), "cannot describe `web`: HTTP 403");
}

#[tokio::test]
async fn no_credentials_are_said_to_be_missing() {
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(Nobody))
        .http_client(Replay::default());
    let error = describe(&Aws::from_config(&config.build()).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.to_string().ends_with("no usable AWS credentials"), "{error}");
}

#[derive(Debug)]
struct Nobody;

impl aws_credential_types::provider::ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let missing =
            aws_credential_types::provider::error::CredentialsError::not_loaded("nobody is logged in");
        aws_credential_types::provider::future::ProvideCredentials::ready(Err(missing))
    }
}
