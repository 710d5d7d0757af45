//! Calls that are written by hand, to services of which we use one or two operations: an SDK crate for each would cost
//! more than all of ours. Signing, retries, timeouts and configured endpoints are still the SDK's own.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::service_config::ServiceConfigKey;
use longshore_model::{Error, Kind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::connect::CONNECT_TIMEOUT;
use crate::{Aws, error};

/// How long one attempt may take, for calls that carry little.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// What AWS leaves as it is in paths, queries and forms; all else is percent-encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The partitions whose host names do not end in `amazonaws.com`, by the beginning of their regions' names.
/// <https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json>
const DNS_SUFFIXES: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
];

const ECS: Service = Service { name: "ecs", id: "ECS", is_s3: false };

/// A service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// In host names and signatures.
    pub(crate) name: &'static str,
    /// As in `AWS_ENDPOINT_URL_ID` and in the profile's `services` section.
    pub(crate) id: &'static str,
    /// S3 signs its paths as they are, and wants the hash of the body in a header.
    pub(crate) is_s3: bool,
}

/// Where a service's calls go.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Without a slash at its end.
    pub(crate) url: String,
    /// Whether it was configured, and is not the one of AWS.
    pub(crate) is_custom: bool,
}

/// A call that is to be made.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) service: Service,
    pub(crate) operation: &'static str,
    /// Completes "cannot ...".
    pub(crate) what: &'a str,
    pub(crate) endpoint: &'a str,
    /// Its URI is a path.
    pub(crate) request: HttpRequest,
    pub(crate) attempt_timeout: Duration,
}

/// An answer with a status of 2xx.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) headers: Headers,
    pub(crate) body: String,
}

impl<'a> Call<'a> {
    /// One that carries little.
    pub(crate) const fn small(
        service: Service,
        operation: &'static str,
        what: &'a str,
        endpoint: &'a str,
        request: HttpRequest,
    ) -> Self {
        Self { service, operation, what, endpoint, request, attempt_timeout: ATTEMPT_TIMEOUT }
    }
}

impl Aws {
    /// Makes a call that carries little, to where the calls of this service go.
    pub(crate) async fn call(
        &self,
        service: Service,
        operation: &'static str,
        what: &str,
        request: HttpRequest,
    ) -> Result<Answer, Error> {
        let endpoint = &self.endpoint(service).url;
        self.send(Call::small(service, operation, what, endpoint, request)).await
    }

    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, Error> {
        let region = self.region().to_owned();
        let operation = operation(call.service, call.operation, call.endpoint, call.attempt_timeout)
            .standard_retry(self.config.retry_config().unwrap_or(&RetryConfig::standard()))
            .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
            .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .runtime_plugin(signing(&self.config, call.service))
            .deserializer(move |response| read(response, &region));
        let operation = match self.config.http_client() {
            Some(http) => operation.http_client(http).build(),
            None => {
                return Err(Error::new(Kind::Bug, format!("cannot {}: there is no HTTP client", call.what)));
            }
        };
        let end = operation.invoke(call.request).await;
        end.map_err(|error| error::of_call(call.what, call.endpoint, error))
    }

    /// Where the calls of a service go: what the user configured for it, or for all services, or AWS in the region.
    pub(crate) fn endpoint(&self, service: Service) -> Endpoint {
        let key = ServiceConfigKey::builder()
            .service_id(service.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()
            .filter(|_| !self.config.get_origin("endpoint_url").is_client_config());
        let of_service = key.and_then(|key| self.config.service_config()?.load_config(key));
        match of_service.or_else(|| self.config.endpoint_url().map(ToOwned::to_owned)) {
            Some(url) => Endpoint { url: url.trim_end_matches('/').to_owned(), is_custom: true },
            None => {
                let (region, suffix) = (self.region(), dns_suffix(self.region()));
                Endpoint { url: format!("https://{}.{region}.{suffix}", service.name), is_custom: false }
            }
        }
    }

    /// Calls an operation of ECS in its JSON, so that members that the SDK does not know are kept.
    pub(crate) async fn ecs_json(
        &self,
        operation: &'static str,
        what: &str,
        input: &Value,
    ) -> Result<Value, Error> {
        self.json(ECS, "AmazonEC2ContainerServiceV20141113", operation, what, input).await
    }

    /// Calls an operation of a service that speaks awsJson1.1 under this name.
    pub(crate) async fn json(
        &self,
        service: Service,
        protocol_name: &str,
        operation: &'static str,
        what: &str,
        input: &Value,
    ) -> Result<Value, Error> {
        let endpoint = self.endpoint(service).url;
        self.json_at(service, &endpoint, protocol_name, operation, what, input).await
    }

    /// The same at another place than where the service's calls go.
    pub(crate) async fn json_at(
        &self,
        service: Service,
        endpoint: &str,
        protocol_name: &str,
        operation: &'static str,
        what: &str,
        input: &Value,
    ) -> Result<Value, Error> {
        let target = format!("{protocol_name}.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", &target)];
        let request = request(what, "POST", "/", &headers, input.to_string().into_bytes())?;
        let answer = self.send(Call::small(service, operation, what, endpoint, request)).await?;
        serde_json::from_str(&answer.body).map_err(|error| unreadable(what).caused_by(error.to_string()))
    }
}

/// A request, as it is before it is signed.
pub(crate) fn request(
    what: &str,
    method: &str,
    path: &str,
    headers: &[(&'static str, &str)],
    body: Vec<u8>,
) -> Result<HttpRequest, Error> {
    let bug = |error: &dyn std::error::Error| {
        Error::new(Kind::Bug, format!("cannot {what}: the request cannot be made"))
            .caused_by(error.to_string())
    };
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method(method).map_err(|error| bug(&error))?;
    request.set_uri(path).map_err(|error| bug(&error))?;
    for (name, value) in headers {
        request.headers_mut().try_insert(*name, (*value).to_owned()).map_err(|error| bug(&error))?;
    }
    Ok(request)
}

/// What the calls that are signed and those that are not have in common.
pub(crate) fn operation(
    service: Service,
    name: &'static str,
    endpoint: &str,
    attempt_timeout: Duration,
) -> OperationBuilder<HttpRequest> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(attempt_timeout)
        .build();
    Operation::builder()
        .service_name(service.id)
        .operation_name(name)
        .endpoint_url(endpoint)
        .timeout_config(timeouts)
        .serializer(|request: HttpRequest| Ok(request))
}

fn signing(config: &SdkConfig, service: Service) -> StaticRuntimePlugin {
    let mut signing_options = SigningOptions::default();
    signing_options.double_uri_encode = !service.is_s3;
    signing_options.normalize_uri_path = !service.is_s3;
    signing_options.content_sha256_header = service.is_s3;
    let mut layer = Layer::new("signing");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: config.region().cloned().map(Into::into),
        name: Some(service.name.into()),
        signing_options,
        ..SigV4OperationSigningConfig::default()
    });
    let mut components = RuntimeComponentsBuilder::new("signing")
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_identity_cache(config.identity_cache());
    if let Some(credentials) = config.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, credentials);
    }
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

/// An answer, or the refusal in it: in XML or JSON, as the service has it.
pub(crate) fn read(
    response: &HttpResponse,
    region: &str,
) -> Result<Answer, OrchestratorError<ErrorMetadata>> {
    let body = String::from_utf8_lossy(response.body().bytes().unwrap_or_default()).into_owned();
    if response.status().is_success() {
        return Ok(Answer { headers: response.headers().clone(), body });
    }
    let json: Value = serde_json::from_str(&body).unwrap_or_default();
    let member = |names: [&str; 2]| names.iter().find_map(|name| json[name].as_str().map(ToOwned::to_owned));
    let code = response.headers().get("x-amzn-errortype").map(ToOwned::to_owned);
    let code = code.or_else(|| member(["__type", "code"])).or_else(|| xml_text(&body, "Code"));
    // Some services put a namespace before it, some an address after it.
    let code = code.as_deref().and_then(|code| code.split(':').next()?.rsplit('#').next());
    let code = code.map_or_else(|| format!("HTTP {}", response.status().as_u16()), ToOwned::to_owned);
    let message = member(["message", "Message"]).or_else(|| xml_text(&body, "Message")).unwrap_or_default();
    let elsewhere = response.headers().get("x-amz-bucket-region").filter(|bucket| *bucket != region);
    let message = match elsewhere {
        Some(bucket) => format!("the bucket is in {bucket}, and not in {region}"),
        None => message,
    };
    Err(OrchestratorError::operation(ErrorMetadata::builder().code(code).message(message).build()))
}

/// The text of the first element with this name.
pub(crate) fn xml_text(document: &str, name: &str) -> Option<String> {
    let document = roxmltree::Document::parse(document).ok()?;
    let element = document.descendants().find(|node| node.tag_name().name() == name)?;
    element.text().map(ToOwned::to_owned)
}

pub(crate) fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn dns_suffix(region: &str) -> &'static str {
    let known = DNS_SUFFIXES.iter().find(|(beginning, _)| region.starts_with(beginning));
    known.map_or("amazonaws.com", |(_, suffix)| suffix)
}

pub(crate) fn unreadable(what: &str) -> Error {
    Error::new(Kind::Unavailable, format!("cannot {what}: the answer is not AWS's"))
        .with_hint("is the endpoint that of an AWS service? See AWS_ENDPOINT_URL")
}

#[cfg(test)]
#[path = "signed_tests.rs"]
mod tests;
