//! Where the calls go and who makes them: the AWS configuration, and the clients made from it.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use longshore_model::{Error, Kind};

use crate::Tally;
use crate::http::LazyTls;

/// A server that is this near needs no long pauses between attempts: either it is up, or it is not.
const LOCAL_BACKOFF: Duration = Duration::from_millis(20);

/// How long a connection may take to come about.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one attempt of a call may take: an answer that does not come is asked for again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// What is known beforehand. What is absent comes from the environment, the profile or the machine's role, as in
/// every AWS tool.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Such as `http://127.0.0.1:4510`; else `AWS_ENDPOINT_URL` and its relatives.
    pub endpoint: Option<String>,
    /// Such as `eu-west-1`; else `AWS_REGION` or the profile's.
    pub region: Option<String>,
    /// A fixed key; else the usual chain: environment, profile, SSO, role.
    pub credentials: Option<StaticCredentials>,
}

/// An access key. Its `Debug` does not show the secret.
#[derive(Clone)]
pub struct StaticCredentials {
    /// The public part.
    pub access_key_id: String,
    /// The secret part.
    pub secret_access_key: String,
}

impl std::fmt::Debug for StaticCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaticCredentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// A connection to one region of one account, or to the local engine.
#[derive(Debug, Clone)]
pub struct Aws {
    pub(crate) ecs: aws_sdk_ecs::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) config: SdkConfig,
    region: String,
    place: String,
    tally: Tally,
}

impl Aws {
    /// Reads the configuration. No call is made, except where the credentials or the region come from a server.
    pub async fn connect(settings: Settings) -> Result<Self, Error> {
        let tally = Tally::default();
        let http = SharedHttpClient::new(LazyTls::new(tally.clone()));
        Ok(Self { tally, ..Self::connect_through(settings, http).await? })
    }

    pub(crate) async fn connect_through(settings: Settings, http: SharedHttpClient) -> Result<Self, Error> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(endpoint) = settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(region) = settings.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(key) = settings.credentials {
            let key = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "longshore");
            loader = loader.credentials_provider(key);
        }
        Self::from_config(&loader.load().await)
    }

    pub(crate) fn from_config(config: &SdkConfig) -> Result<Self, Error> {
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(Error::new(Kind::Invalid, "no AWS region is set").with_hint(
                "set AWS_REGION or the profile's region; for the local engine: eval \"$(longshore env)\"",
            ));
        };
        let endpoint = config.endpoint_url();
        let mut retry = RetryConfig::standard();
        if endpoint.is_some_and(|url| url.starts_with("http://")) {
            retry = retry.with_initial_backoff(LOCAL_BACKOFF);
        }
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let config = config.to_builder().retry_config(retry).timeout_config(timeouts).build();
        Ok(Self {
            ecs: aws_sdk_ecs::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            place: endpoint.map_or_else(|| format!("AWS in {region}"), ToOwned::to_owned),
            region,
            config,
            tally: Tally::default(),
        })
    }

    /// How often AWS is called through this connection and its clones.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The region that calls go to.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where calls go, in words: the endpoint, or `AWS in eu-west-1`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let key = StaticCredentials { access_key_id: "AKID".into(), secret_access_key: "hush".into() };
        let shown = format!("{:?}", Settings { credentials: Some(key), ..Settings::default() });
        assert!(shown.contains("AKID") && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn without_a_region_there_is_a_hint() {
        let error = Aws::from_config(&SdkConfig::builder().build()).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.hint().unwrap().contains("AWS_REGION"));
    }
}
