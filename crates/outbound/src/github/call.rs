//! One call of GitHub's REST API, and the silence that a rate limit asks for.

use std::sync::PoisonError;

use longshore_model::Error;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use super::GitHub;
use super::refusal::{self, Limit};
use crate::http::{Answer, Call};

/// Who answers.
pub(super) const PLACE: &str = "GitHub";
/// <https://docs.github.com/en/rest/about-the-rest-api/api-versions>
const VERSION: &str = "2022-11-28";

/// Nothing is asked until then: GitHub bans who goes on.
#[derive(Debug, Clone)]
pub(super) struct Pause {
    until: Instant,
    /// The same moment in GitHub's words.
    words: Option<String>,
}

impl GitHub {
    /// Sends a document, and reads the one that comes back.
    pub(super) async fn change<T: DeserializeOwned>(
        &self,
        what: &str,
        method: Method,
        path: &str,
        document: &Value,
    ) -> Result<T, Error> {
        let url = format!("{}{path}", self.api);
        self.send(what, method, &url, None, Some(document.to_string().into_bytes())).await?.json(what, PLACE)
    }

    /// An answer that is good, or a 304.
    pub(super) async fn send(
        &self,
        what: &str,
        method: Method,
        url: &str,
        etag: Option<String>,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Error> {
        if let Some(error) = self.paused(what) {
            return Err(error);
        }
        let mut headers = vec![
            ("accept", "application/vnd.github+json".to_owned()),
            ("x-github-api-version", VERSION.to_owned()),
        ];
        headers
            .extend(self.token.as_ref().map(|token| ("authorization", format!("Bearer {}", token.expose()))));
        headers.extend(etag.map(|etag| ("if-none-match", etag)));
        headers.extend(body.as_ref().map(|_| ("content-type", "application/json".to_owned())));
        let call = Call { what, place: PLACE, method, url, headers, body, timeout: None };
        let answer = self.http.send(call).await?;
        if answer.is_good() || answer.status == 304 {
            return Ok(answer);
        }
        let Some(limit) = refusal::limit(&answer) else { return Err(refusal::of(what, &answer)) };
        let pause = Pause { until: Instant::now() + limit.wait, words: limit.until.clone() };
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = Some(pause);
        Err(refusal::limited(what, &limit))
    }

    fn paused(&self, what: &str) -> Option<Error> {
        let Pause { until, words } = self.pause.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let wait = until.checked_duration_since(Instant::now())?;
        Some(refusal::limited(what, &Limit { wait, until: words }))
    }
}
