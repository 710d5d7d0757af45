//! What the server is given, and what its requests share.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use longshore_control::preview::Desk;
use longshore_control::recent::Recent;
use longshore_model::{Error, Timestamp};
use longshore_world::Login;
use tokio::sync::{Semaphore, watch};

use crate::assets::Assets;
use crate::glance::{Glance, RunRow, ServiceRow};
use crate::limit::{Buckets, Limit};
use crate::metrics::Metrics;
use crate::network::Network;
use crate::serve::CONNECTIONS;

/// What strangers may do in vain from one address: bad tokens and bad logins.
const GUESSES: Limit = Limit { burst: 20, per_minute: 10 };

/// Bad signatures from one address that are answered in words.
const FORGERIES: Limit = Limit { burst: 20, per_minute: 10 };

/// Deliveries of repositories without a policy that are kept; more are answered and forgotten.
const FOREIGN: Limit = Limit { burst: 20, per_minute: 5 };

/// Bodies in memory at once are at most so many units of [`BODY_UNIT`] bytes: 256 MiB of GitHub's, and as much of all
/// others. These are never longer than a unit, so that there is one for each connection.
const BODY_UNITS: usize = CONNECTIONS;

/// What bodies are counted in, in bytes.
pub(crate) const BODY_UNIT: usize = 64 * 1024;

/// Live listeners at once. More are told to come back.
pub(crate) const LISTENERS: usize = 256;

/// Makes the address, with a signature, under which an environment lets a browser in: for the id of an environment whose
/// door asks for a login, what its addresses begin with, and a path that begins with `/`.
pub type SignLink = Arc<dyn Fn(&str, &str, &str) -> String + Send + Sync>;

/// Sends the rest of an answer to a slash command.
#[async_trait]
pub trait Reply: Send + Sync + fmt::Debug {
    /// Posts `text`, for its asker alone, to a `response_url`. The URL is a credential: it is in no error.
    async fn reply(&self, response_url: &str, text: &str) -> Result<(), Error>;
}

/// What was seen of the cluster is shown to whoever looks within so many milliseconds: a page is loaded once more with each
/// change of any environment, in each browser that shows it.
const GLANCE_GOOD_FOR_MS: i64 = 5_000;

/// What others must not know.
#[derive(Clone)]
pub struct Secrets {
    /// The secret of GitHub's webhook. Absent: its deliveries are refused.
    pub github: Option<Vec<u8>>,
    /// The signing secret of the Slack app. Absent: slash commands are refused.
    pub slack: Option<Vec<u8>>,
    /// The token of a Slack outgoing webhook, an older way that sends no signature. Absent: such calls are refused.
    pub slack_token: Option<String>,
    /// Signs forms, random for each installation.
    pub key: [u8; 32],
}

impl fmt::Debug for Secrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Secrets")
            .field("github", &self.github.is_some())
            .field("slack", &self.slack.is_some())
            .field("slack_token", &self.slack_token.is_some())
            .finish_non_exhaustive()
    }
}

/// What the server is given.
#[derive(Clone)]
pub struct App {
    /// The door to the reconcilers.
    pub desk: Arc<Desk>,
    /// What others must not know.
    pub secrets: Secrets,
    /// GitHub's login for people. Absent: they paste a token.
    pub login: Option<Arc<dyn Login>>,
    /// Where browsers reach this server, such as `https://previews.example.com`; without a path, and without a
    /// slash at the end.
    pub public_url: String,
    /// Where people look at repositories, such as `https://github.com`. Absent: nothing is linked there.
    pub repositories_url: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// What runs in the cluster, and how this process is.
    pub glance: Arc<dyn Glance>,
    /// The rest of answers to slash commands.
    pub reply: Arc<dyn Reply>,
    /// Lets people who have logged in here into environments.
    pub sign_link: SignLink,
}

impl fmt::Debug for App {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("App")
            .field("public_url", &self.public_url)
            .field("secrets", &self.secrets)
            .field("login", &self.login.is_some())
            .finish_non_exhaustive()
    }
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) app: App,
    pub(crate) assets: Assets,
    pub(crate) metrics: Metrics,
    pub(crate) guesses: Buckets,
    pub(crate) forgeries: Buckets,
    pub(crate) foreign: Buckets,
    /// The room for bodies of people: forms, calls of the API, commands in Slack.
    pub(crate) bodies: Arc<Semaphore>,
    services: Recent<(), Result<Vec<ServiceRow>, Error>>,
    runs: Recent<(), Result<Vec<RunRow>, Error>>,
    /// The room for GitHub's deliveries. They may be long, and whose they are is known only at their end: strangers that
    /// fill this room must not keep people out.
    pub(crate) deliveries: Arc<Semaphore>,
    pub(crate) listeners: Arc<Semaphore>,
    /// Becomes true when the server ends, so that streams without an end do so, too.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Shared {
    pub(crate) fn new(app: App, closing: watch::Receiver<bool>) -> Self {
        Self {
            app,
            assets: Assets::new(),
            metrics: Metrics::default(),
            guesses: Buckets::new(GUESSES),
            forgeries: Buckets::new(FORGERIES),
            foreign: Buckets::new(FOREIGN),
            bodies: Arc::new(Semaphore::new(BODY_UNITS)),
            services: Recent::new(GLANCE_GOOD_FOR_MS),
            runs: Recent::new(GLANCE_GOOD_FOR_MS),
            deliveries: Arc::new(Semaphore::new(BODY_UNITS)),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
            closing,
        }
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.app.desk
    }

    /// The cluster's services, as they were a moment ago.
    pub(crate) async fn services(&self) -> Result<Vec<ServiceRow>, Error> {
        self.services.get((), self.app.desk.clock(), self.app.glance.services()).await
    }

    /// The cluster's runs, as they were a moment ago.
    pub(crate) async fn runs(&self) -> Result<Vec<RunRow>, Error> {
        self.runs.get((), self.app.desk.clock(), self.app.glance.runs()).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.app.desk.clock().now()
    }

    /// Whether browsers come over HTTPS, by way of whatever stands in front.
    pub(crate) fn is_https(&self) -> bool {
        self.app.public_url.starts_with("https://")
    }
}
