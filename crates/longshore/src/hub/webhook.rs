//! Webhooks as GitHub sends them: signed, with an id that stays the same when one is sent again.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;

use crate::env;
use crate::error::Failed;

/// As long as GitHub waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// GitHub sends once; here the one who listens may be starting just now.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// How much of an answer is read.
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;

/// Who is told, and how it knows that it is us.
pub(super) struct Webhook {
    uri: Uri,
    authority: String,
    secret: String,
}

impl Webhook {
    pub(super) fn new(url: &str, secret: String) -> Result<Self> {
        let refused = || Failed::usage(format!("`{url}` cannot be told of pushes: it is no http:// address"));
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(refused)?;
        let authority = match authority.port_u16() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:80"),
        };
        Ok(Self { uri, authority, secret })
    }

    /// Tells it; what cannot be told is logged and let go: the list of branches is the truth.
    pub(super) async fn tell(&self, event: &str, id: &str, payload: &Value) {
        let body = Bytes::from(payload.to_string());
        for attempt in 1..=ATTEMPTS {
            match self.send(event, id, body.clone()).await {
                Ok(status) if status.is_success() => return,
                // It was understood, and is not wanted.
                Ok(status) if status.is_client_error() => {
                    tracing::warn!("{} does not want the webhook `{event}`: HTTP {status}", self.uri);
                    return;
                }
                Ok(status) => tracing::info!("{} cannot take the webhook `{event}`: HTTP {status}", self.uri),
                Err(error) if attempt == ATTEMPTS => {
                    tracing::warn!("cannot tell {} of a `{event}`: {error:#}", self.uri);
                }
                Err(error) => tracing::info!("cannot tell {} of a `{event}` yet: {error:#}", self.uri),
            }
            if attempt < ATTEMPTS {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn send(&self, event: &str, id: &str, body: Bytes) -> Result<StatusCode> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())?;
        mac.update(&body);
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::post(path)
            .header(HOST, &self.authority)
            .header(USER_AGENT, "GitHub-Hookshot/longshore-hub")
            .header(CONTENT_TYPE, "application/json")
            .header("x-github-event", event)
            .header("x-github-delivery", id)
            .header("x-github-hook-id", "1")
            .header("x-hub-signature-256", signature)
            .body(Full::new(body))?;
        let sent = tokio::time::timeout(PATIENCE, exchange(&self.authority, request)).await;
        sent.map_err(|_| anyhow!("no answer within {} s", PATIENCE.as_secs()))?
    }
}

/// One request on a connection of its own.
async fn exchange(authority: &str, request: Request<Full<Bytes>>) -> Result<StatusCode> {
    let stream = TcpStream::connect(authority).await.with_context(|| format!("cannot reach {authority}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchanged = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        // Whoever answers is not cut off in the middle of it.
        if Limited::new(answer.into_body(), ANSWER_LIMIT_BYTES).collect().await.is_err() {
            bail!("the answer breaks off, or does not end");
        }
        drop(sender);
        Ok(status)
    };
    let (answered, ()) = tokio::join!(exchanged, async { drop(connection.await) });
    answered
}

/// In the shape of GitHub's ids, made of what is told: the same again has the same.
pub(super) fn delivery_id(parts: &[&str]) -> String {
    let digest = hex::encode(Sha256::digest(parts.join("\n")));
    let (a, b, c, d, e) = (&digest[..8], &digest[8..12], &digest[12..16], &digest[16..20], &digest[20..32]);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// Who pushes and opens pull requests: whoever uses this machine.
pub(super) fn sender() -> Value {
    json!({"login": env::user().unwrap_or_else(|| "longshore".to_owned()), "id": 1, "type": "User"})
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Takes one request on each connection, and answers with these lines, one after the other.
    async fn answers(listener: &TcpListener, lines: &[&str]) -> Vec<String> {
        let mut heard = Vec::new();
        for line in lines {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"{}") {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0, "the request breaks off");
            }
            heard.push(String::from_utf8(request).unwrap());
            let answer = format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        heard
    }

    #[tokio::test]
    async fn who_cannot_take_it_is_told_again_with_the_same_id() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?from=hub", listener.local_addr().unwrap());
        let webhook = Webhook::new(&url, "secret".to_owned()).unwrap();
        let lines = ["503 Service Unavailable", "202 Accepted"];
        let payload = json!({});
        let (heard, ()) = tokio::join!(answers(&listener, &lines), webhook.tell("push", "the-id", &payload));
        assert_eq!(heard[0], heard[1]);
        assert!(heard[0].starts_with("POST /hook?from=hub HTTP/1.1\r\n"), "{}", heard[0]);
        assert!(heard[0].contains("x-github-delivery: the-id\r\n"), "{}", heard[0]);
    }

    #[tokio::test]
    async fn who_does_not_want_it_is_not_told_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let webhook = Webhook::new(&url, "secret".to_owned()).unwrap();
        let payload = json!({});
        let told = webhook.tell("push", "the-id", &payload);
        let (heard, ()) = tokio::join!(answers(&listener, &["401 Unauthorized"]), told);
        assert_eq!(heard.len(), 1);
        let second = listener.into_std().unwrap().accept();
        assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }

    #[test]
    fn ids_are_in_githubs_shape_and_stay() {
        let id = delivery_id(&["push", "1"]);
        assert_eq!(id, delivery_id(&["push", "1"]));
        assert_ne!(id, delivery_id(&["push1", ""]));
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }
}
