//! The control plane within `longshore up`: a bare git repository plays GitHub, and each of its branches gets an
//! environment on the local engine.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use longshore_aws::{Settings, StaticCredentials};
use longshore_engine::EVENTS_QUEUE;
use tokio::net::TcpListener;

use super::EXAMPLE;
use crate::config::{self, Config};
use crate::daemon::{self, Daemon, Place, Setup};
use crate::hub::{self, Hub};
use crate::serve::Serving;
use crate::terminal::{self, Style};

/// The repository that plays GitHub's.
const OWNER: &str = "longshore";
const NAME: &str = "harbour";
/// What the repository's page says.
const README: &str = "\
# Harbour

An example app of two services. `longshore up` plays GitHub with this repository: push a branch, and it gets an environment of
its own, with a URL; delete the branch, and the environment goes.
";

/// What runs beside the engine.
pub(super) struct Previews {
    pub(super) daemon: Daemon,
    /// The repository that is cloned and pushed to.
    repository: PathBuf,
    _hub: Hub,
}

impl Previews {
    /// Starts them on an engine that has the example's task definitions.
    pub(super) async fn start(serving: &Serving, example: &Path) -> Result<Self> {
        let mut config = Config::of(example)?;
        let engine = serving.engine.directory();
        let place = Place::open(&daemon::within(engine))?;
        let listener = first_free(config.serve.listen).await?;
        let endpoint = daemon::endpoint(&listener)?;
        let repositories = engine.join("repositories");
        let files: Vec<(&str, &[u8])> = [("README.md", README.as_bytes())]
            .into_iter()
            .chain(EXAMPLE.iter().map(|(name, text)| (*name, text.as_bytes())))
            .collect();
        let repository = hub::create_repository(&repositories, OWNER, NAME, &files).await?;
        // Both ends of the webhook are in this process.
        let secret = daemon::random()?;
        let hub = hub::start(hub::Options {
            repositories,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            webhook: format!("{endpoint}/webhooks/github"),
            secret: secret.clone(),
        })
        .await?;
        let region = &serving.access.region;
        serving.engine.make_events_queue(region).await.map_err(|refusal| {
            anyhow!("cannot make the queue of events: {}", refusal.message.unwrap_or_default())
        })?;
        config.serve.github.api.clone_from(&hub.url);
        config.serve.queue = Some(EVENTS_QUEUE.to_owned());
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let credentials = &serving.access.credentials;
        let setup = Setup {
            listener,
            proxy: vec![config.serve.proxy, any_port],
            aws: Settings {
                endpoint: Some(serving.access.endpoint.clone()),
                region: Some(region.clone()),
                credentials: Some(StaticCredentials {
                    access_key_id: credentials.access_key_id.clone(),
                    secret_access_key: credentials.secret_access_key.clone(),
                }),
            },
            secret: |_| None,
            secrets: BTreeMap::from([(config.serve.github.webhook_secret_env.clone(), secret)]),
            config,
            place,
        };
        Ok(Self { daemon: daemon::start(setup).await?, repository, _hub: hub })
    }

    /// Says how to go on; `example` is the directory of the configuration.
    pub(super) fn introduce(&self, example: &Path) {
        let repository = self.repository.display();
        terminal::talk(
            &format!(
                "\nEvery branch gets an environment of its own. A git repository plays GitHub here; in another terminal:\n\n\
                 $ git clone {repository} && cd {NAME}\n\
                 $ git switch -c feature/blue && git commit --allow-empty -m 'something blue'\n\
                 $ git push origin feature/blue\n\
                 $ longshore preview up feature/blue\n\n\
                 What each is made of stands in {}, not in the clone.\n\
                 dashboard: {} (its login takes the token in {})",
                example.join(config::FILE).display(),
                self.daemon.endpoint,
                self.daemon.directory().join("token").display(),
            ),
            Style::Plain,
        );
    }
}

/// Starts the control plane, or says why there is none: the rest of `up` works without.
pub(super) async fn begin(serving: &Serving, example: &Path) -> Option<Previews> {
    match Previews::start(serving, example).await {
        Ok(previews) => Some(previews),
        Err(error) => {
            terminal::talk(&format!("note: branches get no environments: {error:#}"), Style::Plain);
            None
        }
    }
}

/// The usual port, or any other when somebody has it.
async fn first_free(usual: SocketAddr) -> Result<TcpListener> {
    match TcpListener::bind(usual).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((usual.ip(), 0)).await.context("cannot listen for the dashboard"),
    }
}
