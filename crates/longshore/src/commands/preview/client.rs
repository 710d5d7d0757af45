//! Asks a `longshore serve` through its JSON API.

use anyhow::Result;
use longshore_model::preview::view::{AnswerView, Command, EnvironmentDetail};
use longshore_model::{Error, Kind};
use longshore_outbound::{Http, Secret};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Common;
use crate::daemon;
use crate::env;
use crate::error::Failed;

/// Who is asked, in errors.
const PLACE: &str = "longshore serve";

/// A daemon, and the right to ask it.
#[derive(Debug)]
pub(super) struct Client {
    http: Http,
    base: String,
    token: Secret,
}

impl Client {
    /// The one that is named, else the one on this machine.
    pub(super) fn of(common: &Common) -> Result<Self> {
        let http = Http::new()?;
        if let Some(server) = &common.server {
            let Some(token) = env::token() else {
                return Err(Failed::usage(format!("there is no token for {server}"))
                    .with_hint("set LONGSHORE_TOKEN; an operator makes one on the dashboard or with the API")
                    .into());
            };
            return Ok(Self {
                http,
                base: server.trim_end_matches('/').to_owned(),
                token: Secret::new(token),
            });
        }
        let local = daemon::local()?;
        Ok(Self { http, base: local.endpoint, token: Secret::new(local.token) })
    }

    /// Reads a document.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        Ok(read(path, self.exchange("GET", path, None).await?)?)
    }

    /// Asks for something; the answer is a sentence, and which environment it is about.
    pub(super) async fn ask(&self, command: &Command) -> Result<AnswerView> {
        let (path, body) = ("/api/v1/environments", serde_json::to_value(command)?);
        Ok(read(path, self.exchange("POST", path, Some(body)).await?)?)
    }

    /// The path of an environment, by any of its names.
    #[expect(clippy::unused_self, reason = "it reads as the question that it is")]
    pub(super) fn path_of(&self, name: &str, rest: &str) -> String {
        let name: String = name
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect();
        format!("/api/v1/environments/{name}{rest}")
    }

    /// An environment, by any of its names.
    pub(super) async fn environment(&self, name: &str) -> Result<EnvironmentDetail> {
        self.get(&self.path_of(name, "")).await
    }

    /// The same without its tasks, which costs the daemon no call of AWS; `None` when there is none.
    pub(super) async fn glance(&self, name: &str) -> Result<Option<EnvironmentDetail>> {
        let path = self.path_of(name, "?tasks=false");
        match self.exchange("GET", &path, None).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            answer => Ok(Some(read(&path, answer?)?)),
        }
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Error> {
        let url = format!("{}{path}", self.base);
        let what = format!("ask {}", self.base);
        let (status, answer) = self.http.exchange(&what, PLACE, method, &url, &self.token, body).await?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        Err(refused(status, &answer))
    }
}

fn refused(status: u16, answer: &Value) -> Error {
    let kind = match status {
        404 => Kind::NotFound,
        401 | 403 => Kind::Denied,
        409 => Kind::Conflict,
        429 => Kind::Throttled,
        400..500 => Kind::Invalid,
        _ => Kind::Unavailable,
    };
    let message =
        answer["error"].as_str().map_or_else(|| format!("{PLACE} answered HTTP {status}"), ToOwned::to_owned);
    let error = Error::new(kind, message);
    match answer["hint"].as_str() {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn read<T: DeserializeOwned>(path: &str, answer: Value) -> Result<T, Error> {
    serde_json::from_value(answer).map_err(|error| {
        Error::new(Kind::Bug, format!("cannot read what {PLACE} answers at {path}"))
            .caused_by(error.to_string())
            .with_hint("is it of another version than this program?")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_keeps_its_words_and_its_hint() {
        let error =
            refused(404, &json!({"error": "there is no environment `x`", "hint": "did you mean `y`?"}));
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (Kind::NotFound, "there is no environment `x`")
        );
        assert_eq!(error.hint(), Some("did you mean `y`?"));
        assert_eq!(refused(502, &Value::Null).to_string(), "longshore serve answered HTTP 502");
    }
}
