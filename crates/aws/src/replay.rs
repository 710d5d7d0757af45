//! For tests: a service that gives prepared answers and remembers what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::{Aws, Settings, StaticCredentials};

/// Answers in the given order; a request too many is a failed connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replay(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Prepared>,
    sent: Vec<Sent>,
}

#[derive(Debug)]
struct Prepared {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

/// A request as it went out.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) target: String,
    pub(crate) body: String,
    pub(crate) content_length: String,
    pub(crate) authorization: String,
    headers: BTreeMap<String, String>,
}

impl Sent {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl Replay {
    /// Behind a configured endpoint, `http://localhost:1`.
    pub(crate) async fn of(answers: impl IntoIterator<Item = (u16, &str)>) -> (Aws, Self) {
        let replay = Self::with(answers);
        let settings = Settings {
            endpoint: Some("http://localhost:1".into()),
            region: Some("eu-west-1".into()),
            credentials: Some(StaticCredentials {
                access_key_id: "AKID".into(),
                secret_access_key: "s".into(),
            }),
        };
        let aws = Aws::connect_through(settings, SharedHttpClient::new(replay.clone())).await.unwrap();
        (aws, replay)
    }

    /// At AWS's own endpoints, whatever the environment says.
    pub(crate) fn on_aws(
        region: &'static str,
        answers: impl IntoIterator<Item = (u16, &'static str)>,
    ) -> (Aws, Self) {
        let replay = Self::with(answers);
        let key = Credentials::new("AKID", "s", Some("session".into()), None, "test");
        let config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(key))
            .http_client(replay.clone());
        (Aws::from_config(&config.build()).unwrap(), replay)
    }

    /// Gives the next answers these headers.
    pub(crate) fn with_headers(&self, headers: impl IntoIterator<Item = Vec<(&'static str, &'static str)>>) {
        let mut script = self.0.lock().unwrap();
        for (answer, headers) in script.answers.iter_mut().zip(headers) {
            answer.headers = headers;
        }
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.0.lock().unwrap().sent.clone()
    }

    fn with<'a>(answers: impl IntoIterator<Item = (u16, &'a str)>) -> Self {
        let prepared =
            |(status, body): (u16, &str)| Prepared { status, headers: Vec::new(), body: body.into() };
        let answers = answers.into_iter().map(prepared).collect();
        Self(Arc::new(Mutex::new(Script { answers, sent: Vec::new() })))
    }
}

impl HttpClient for Replay {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name| request.headers().get(name).unwrap_or_default().to_owned();
        let mut script = self.0.lock().unwrap();
        script.sent.push(Sent {
            method: request.method().to_owned(),
            uri: request.uri().to_owned(),
            target: header("x-amz-target"),
            content_length: header("content-length"),
            authorization: header("authorization"),
            body: String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
            headers: request.headers().iter().map(|(name, value)| (name.into(), value.into())).collect(),
        });
        HttpConnectorFuture::ready(match script.answers.pop_front() {
            Some(answer) => {
                let body = SdkBody::from(answer.body.into_bytes());
                let mut response = HttpResponse::new(answer.status.try_into().unwrap(), body);
                for (name, value) in answer.headers {
                    response.headers_mut().insert(name, value);
                }
                Ok(response)
            }
            None => Err(ConnectorError::io("connection refused".into())),
        })
    }
}
