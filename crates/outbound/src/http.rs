//! One HTTP client for everything outside of AWS: it follows no redirects, waits for nobody for ever, and reads no
//! endless body.

use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use longshore_model::{Error, Kind};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use serde::de::DeserializeOwned;

use crate::Secret;

/// So long is waited for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// So long is waited for the whole of an answer, when the caller does not say otherwise.
const TOTAL: Duration = Duration::from_secs(20);
/// The longest body of an answer: a hundred pull requests with their texts are a few million bytes.
const MAX_BODY: usize = 32 * 1024 * 1024;
/// The longest time that an answer's Retry-After is believed.
const MAX_WAIT: Duration = Duration::from_secs(3600);
/// The code of an error that came from waiting too long.
pub(crate) const TIMED_OUT: &str = "TimedOut";

/// The client. Clones share their connections. Proxies come from where every tool takes them (`HTTPS_PROXY`,
/// `NO_PROXY`), but what is on this machine is reached without.
#[derive(Clone)]
pub struct Http {
    proxied: Client,
    direct: Client,
    total: Duration,
}

impl fmt::Debug for Http {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Http").field("total", &self.total).finish_non_exhaustive()
    }
}

/// A request.
pub(crate) struct Call<'a> {
    /// Completes "cannot ...".
    pub(crate) what: &'a str,
    /// Who is asked, as people call it. Never the address: some are secrets.
    pub(crate) place: &'a str,
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Vec<u8>>,
    /// Instead of the client's own.
    pub(crate) timeout: Option<Duration>,
}

/// What came back: any status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Http {
    /// Waits 5 s for a connection and 20 s for a whole answer.
    ///
    /// # Errors
    /// This machine has no certificates of authorities.
    pub fn new() -> Result<Self, Error> {
        Self::with_timeout(TOTAL)
    }

    /// Waits so long for a whole answer.
    ///
    /// # Errors
    /// As [`Http::new`].
    pub fn with_timeout(total: Duration) -> Result<Self, Error> {
        // Somebody else in this process may have chosen it before: it is the only one that we are built with.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = || {
            Client::builder()
                .user_agent(concat!("longshore/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .connect_timeout(CONNECT)
        };
        let built = client().build().and_then(|proxied| Ok((proxied, client().no_proxy().build()?)));
        let (proxied, direct) = built.map_err(|error| {
            Error::new(Kind::Invalid, "cannot make an HTTPS client")
                .caused_by(root_cause(&error))
                .with_hint("install the certificates of authorities (Debian: ca-certificates)")
        })?;
        Ok(Self { proxied, direct, total })
    }

    /// Asks a JSON API with a bearer token, such as that of `longshore serve`: the status, and the document of the answer
    /// (null when it has none).
    ///
    /// # Errors
    /// No answer came, or not the whole of one. Any status is an answer.
    pub async fn exchange(
        &self,
        what: &str,
        place: &str,
        method: &str,
        url: &str,
        token: &Secret,
        body: Option<serde_json::Value>,
    ) -> Result<(u16, serde_json::Value), Error> {
        let invalid = || Error::new(Kind::Bug, format!("cannot {what}: {method} is no method"));
        let headers = vec![
            ("authorization", format!("Bearer {}", token.expose())),
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        let call = Call {
            what,
            place,
            method: Method::from_bytes(method.as_bytes()).map_err(|_| invalid())?,
            url,
            headers,
            body: body.map(|body| body.to_string().into_bytes()),
            timeout: None,
        };
        let answer = self.send(call).await?;
        let document =
            if answer.body.is_empty() { serde_json::Value::Null } else { answer.json(what, place)? };
        Ok((answer.status, document))
    }

    /// As [`Http::send`], for what is only delivered: an address or a key that makes no request is the configuration's
    /// fault, and not that of what is delivered.
    pub(crate) async fn deliver(&self, call: Call<'_>) -> Result<Answer, Error> {
        self.send(call).await.map_err(|error| match error.kind() {
            Kind::Invalid => Error::new(Kind::Unavailable, error.to_string())
                .with_hint("is the environment variable right that holds its address or its key?"),
            _ => error,
        })
    }

    /// Sends it once. Any status is an answer; what is an error is that none came, or not the whole of one.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, Error> {
        let Call { what, place, .. } = call;
        let total = call.timeout.unwrap_or(self.total);
        let invalid = |why: &str| Error::new(Kind::Invalid, format!("cannot {what}: {place} has {why}"));
        let url = Url::parse(call.url).map_err(|_| invalid("an address that is not a URL"))?;
        let client = if is_loopback(&url) { &self.direct } else { &self.proxied };
        let mut request = client.request(call.method, url).timeout(total);
        for (name, value) in call.headers {
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| invalid(&format!("a value that does not fit the header {name}")))?;
            value.set_sensitive(name == "authorization");
            request = request.header(HeaderName::from_static(name), value);
        }
        if let Some(body) = call.body {
            request = request.body(body);
        }
        let lost = |error: reqwest::Error| not_answered(what, place, total, &error);
        let mut response = request.send().await.map_err(lost)?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > MAX_BODY {
                let text = format!("cannot {what}: the answer of {place} is longer than {MAX_BODY} bytes");
                return Err(Error::new(Kind::Unavailable, text));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body: body.into() })
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Its `Retry-After` in seconds: the form that GitHub and Slack use.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(MAX_WAIT))
    }

    /// Its document, which must be whole and have all that it must have. What is in it is in no error.
    pub(crate) fn json<T: DeserializeOwned>(&self, what: &str, place: &str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let kind = self.header("content-type").unwrap_or("no content type");
            let text = format!("cannot {what}: {place} answered (HTTP {}, {kind})", self.status);
            let slip = format!("line {}, column {}", error.line(), error.column());
            let why = match error.classify() {
                serde_json::error::Category::Eof => "with JSON that breaks off",
                serde_json::error::Category::Data => "with JSON that is not what it should be",
                _ => "with something that is not JSON",
            };
            Error::new(Kind::Unavailable, format!("{text} {why}, at {slip}"))
                .with_hint("is there a proxy in between, or is the address not that of an API?")
        })
    }

    /// The first characters of its body, on one line.
    pub(crate) fn quote(&self, limit: usize) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
        let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        crate::words::cut(&line, limit)
    }
}

/// Whether an address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn not_answered(what: &str, place: &str, total: Duration, error: &reqwest::Error) -> Error {
    let failed = |why: String| {
        Error::new(Kind::Unavailable, format!("cannot {what}: {why}")).caused_by(root_cause(error))
    };
    if error.is_connect() {
        failed(format!("{place} does not answer")).with_hint("check the address, the network and the proxy")
    } else if error.is_timeout() {
        let text = format!("cannot {what}: {place} gave no whole answer in {} s", total.as_secs_f32());
        Error::new(Kind::Unavailable, text).with_code(TIMED_OUT)
    } else if error.is_builder() {
        Error::new(Kind::Invalid, format!("cannot {what}: the request to {place} cannot be made"))
    } else {
        failed(format!("the answer of {place} broke off"))
    }
}

/// The innermost cause: the layers above it name the address, which may be a secret.
fn root_cause(error: &reqwest::Error) -> String {
    let first = error.source();
    let causes = std::iter::successors(first, |&cause| cause.source());
    causes.last().map_or_else(|| "no cause is known".to_owned(), ToString::to_string)
}
