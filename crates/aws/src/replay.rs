//! For tests: a service that gives prepared answers and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

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
    answers: VecDeque<(u16, String)>,
    sent: Vec<Sent>,
}

/// A request as it went out.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) target: String,
    pub(crate) body: String,
    pub(crate) content_length: String,
    pub(crate) authorization: String,
}

impl Replay {
    pub(crate) async fn of(answers: impl IntoIterator<Item = (u16, &str)>) -> (Aws, Self) {
        let replay = Self::default();
        replay.0.lock().unwrap().answers =
            answers.into_iter().map(|(status, body)| (status, body.to_owned())).collect();
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

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.0.lock().unwrap().sent.clone()
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
            target: header("x-amz-target"),
            content_length: header("content-length"),
            authorization: header("authorization"),
            body: String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
        });
        HttpConnectorFuture::ready(match script.answers.pop_front() {
            Some((status, body)) => {
                Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.into_bytes())))
            }
            None => Err(ConnectorError::io("connection refused".into())),
        })
    }
}
