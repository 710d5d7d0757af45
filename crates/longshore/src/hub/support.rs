//! For the tests: a hub with one repository, someone who works with it, and someone who listens to its webhooks.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{Hub, Options, create_repository};

pub(super) const SECRET: &str = "It's a Secret to Everybody";
const DEADLINE: Duration = Duration::from_secs(60);

/// A webhook that arrived.
pub(super) struct Delivery {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Delivery {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn event(&self) -> &str {
        self.headers["x-github-event"].to_str().unwrap()
    }
}

/// An answer of the hub.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The address of a page, of those in `Link`.
    pub(super) fn link(&self, relation: &str) -> Option<String> {
        let links = self.headers.get("link")?.to_str().unwrap();
        let link = links.split(", ").find(|link| link.ends_with(&format!("rel=\"{relation}\"")))?;
        Some(link.split_once('>').unwrap().0.trim_start_matches('<').to_owned())
    }
}

/// A hub with the repository `octo-org/app`, and a clone of it.
pub(super) struct Setup {
    pub(super) temporary: TempDir,
    pub(super) hub: Option<Hub>,
    pub(super) bare: PathBuf,
    pub(super) clone: PathBuf,
    pub(super) url: String,
    webhook: String,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
}

impl Setup {
    pub(super) async fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let repositories = temporary.path().join("repositories");
        let seed: [(&str, &[u8]); 2] = [("README.md", b"# App\n"), ("src/data.bin", b"\0\n\xff \"data\"\n")];
        let bare = create_repository(&repositories, "octo-org", "app", &seed).await.unwrap();
        let (webhook, deliveries) = listen().await;
        let clone = temporary.path().join("clone");
        git(temporary.path(), &["clone", "--quiet", bare.to_str().unwrap(), "clone"]);
        let mut setup = Self { temporary, hub: None, bare, clone, url: String::new(), webhook, deliveries };
        setup.start().await;
        setup
    }

    pub(super) async fn start(&mut self) {
        let options = Options {
            repositories: self.temporary.path().join("repositories"),
            listen: "127.0.0.1:0".parse().unwrap(),
            webhook: self.webhook.clone(),
            secret: SECRET.to_owned(),
        };
        let hub = super::start(options).await.unwrap();
        self.url.clone_from(&hub.url);
        self.hub = Some(hub);
        // The hook knows whether anybody is there.
        let greeted = self.bare.join("pushes/hub");
        until(|| greeted.exists()).await;
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        git(&self.clone, arguments)
    }

    /// A new commit on a branch of the clone, which is made where it is missing; gives back its name.
    pub(super) fn commit(&self, branch: &str) -> String {
        self.git(&["checkout", "--quiet", "-B", branch]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "A change"]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub(super) async fn delivery(&mut self) -> Delivery {
        tokio::time::timeout(DEADLINE, self.deliveries.recv()).await.expect("no webhook came").unwrap()
    }

    /// Whether nothing more has come.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.deliveries.try_recv().is_err()
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], "").await
    }

    pub(super) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let authority = self.url.strip_prefix("http://").unwrap();
        let path = path.strip_prefix(&self.url).unwrap_or(path);
        let stream = TcpStream::connect(authority).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", authority);
        }
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = sender
            .send_request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap())
            .await
            .unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text }
    }
}

/// Runs `git` as somebody who has nothing configured.
pub(super) fn git(directory: &Path, arguments: &[&str]) -> String {
    git_with(directory, arguments, &[("GIT_CONFIG_GLOBAL", "/dev/null")])
}

/// The same with an environment of one's own. What `git` says comes back, on both streams.
pub(super) fn git_with(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C"])
        .arg(directory)
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "git {arguments:?}: {text}");
    text
}

pub(super) async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect("it did not come true");
}

async fn listen() -> (String, mpsc::UnboundedReceiver<Delivery>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/github", listener.local_addr().unwrap());
    let (told, deliveries) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let told = told.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let told = told.clone();
                async move {
                    assert_eq!(request.uri().path(), "/webhooks/github");
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    drop(told.send(Delivery { headers: parts.headers, body }));
                    let mut answer = Response::new(Full::new(Bytes::new()));
                    *answer.status_mut() = StatusCode::ACCEPTED;
                    Ok::<_, Infallible>(answer)
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (url, deliveries)
}
