//! The HTTP client: plain HTTP at once, TLS only when the first `https` call is made, because reading the machine's
//! trusted certificates takes longer than a whole call to the local engine.

use std::sync::{Arc, LazyLock};

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::Tally;

type Tls = Arc<LazyLock<SharedHttpClient>>;

/// Chooses by the scheme of each request.
#[derive(Debug)]
pub(crate) struct LazyTls {
    tally: Tally,
    plain: SharedHttpClient,
    tls: Tls,
}

impl LazyTls {
    /// Counts what goes through.
    pub(crate) fn new(tally: Tally) -> Self {
        Self { tally, plain: Builder::new().build_http(), tls: Arc::new(LazyLock::new(tls_client)) }
    }
}

fn tls_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).build_https()
}

impl HttpClient for LazyTls {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(ByScheme {
            tally: self.tally.clone(),
            plain: self.plain.http_connector(settings, components),
            tls: Arc::clone(&self.tls),
            settings: settings.clone(),
            components: components.clone(),
        })
    }
}

#[derive(Debug)]
struct ByScheme {
    tally: Tally,
    plain: SharedHttpConnector,
    tls: Tls,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.tally.count(&request);
        if request.uri().starts_with("https:") {
            self.tls.http_connector(&self.settings, &self.components).call(request)
        } else {
            self.plain.call(request)
        }
    }
}

/// Sends these bytes instead of what the SDK made of its own types; called before the request is signed.
pub(crate) fn replace_body(request: &mut HttpRequest, body: &[u8]) {
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
}
