//! How often AWS is called: every request that leaves, attempts included, by operation and minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use tokio::time::Instant;

/// Whole minutes are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// The requests of this connection and its clones.
#[derive(Debug, Clone)]
pub struct Tally {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug)]
struct Counts {
    /// When the minute under way began.
    began: Instant,
    current: BTreeMap<String, u32>,
    last: BTreeMap<String, u32>,
}

impl Default for Tally {
    fn default() -> Self {
        let counts = Counts { began: Instant::now(), current: BTreeMap::new(), last: BTreeMap::new() };
        Self { counts: Arc::new(Mutex::new(counts)) }
    }
}

impl Tally {
    /// The requests of the last whole minute, by operation, such as `ecs:DescribeTasks`.
    #[must_use]
    pub fn last_minute(&self) -> BTreeMap<String, u32> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.turn(Instant::now());
        counts.last.clone()
    }

    pub(crate) fn count(&self, request: &HttpRequest) {
        let Some(operation) = operation(request) else { return };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.turn(Instant::now());
        *counts.current.entry(operation).or_default() += 1;
    }
}

impl Counts {
    /// Ends the minute when it is over. A minute in which nobody called is empty.
    fn turn(&mut self, now: Instant) {
        let minutes = now.duration_since(self.began).as_secs() / MINUTE.as_secs();
        if minutes == 0 {
            return;
        }
        let ended = std::mem::take(&mut self.current);
        self.last = if minutes == 1 { ended } else { BTreeMap::new() };
        self.began += MINUTE * u32::try_from(minutes).unwrap_or(u32::MAX);
    }
}

/// The service, as the signature names it, and the operation, from its header or its form.
fn operation(request: &HttpRequest) -> Option<String> {
    let authorization = request.headers().get("authorization")?;
    // `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ...`
    let service = authorization.split('/').nth(3)?;
    let name = match request.headers().get("x-amz-target") {
        Some(target) => target.rsplit('.').next()?.to_owned(),
        None => {
            let body = std::str::from_utf8(request.body().bytes()?).ok()?;
            body.strip_prefix("Action=")?.split('&').next()?.to_owned()
        }
    };
    Some(format!("{service}:{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &'static str)], body: &'static str) -> HttpRequest {
        let mut request = HttpRequest::new(body.into());
        for (name, value) in headers {
            request.headers_mut().insert(*name, *value);
        }
        request
    }

    const SIGNED: (&str, &str) = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/ecs/aws4_request, Signature=0",
    );

    #[tokio::test(start_paused = true)]
    async fn a_minute_is_shown_when_it_is_over() {
        let tally = Tally::default();
        let json =
            request(&[SIGNED, ("x-amz-target", "AmazonEC2ContainerServiceV20141113.DescribeTasks")], "{}");
        tally.count(&json);
        tally.count(&json);
        tally.count(&request(&[SIGNED], "Action=DescribeRules&Version=2015-12-01"));
        tally.count(&request(&[], "Action=Unsigned"));
        assert!(tally.last_minute().is_empty());
        tokio::time::advance(MINUTE).await;
        let expected = [("ecs:DescribeRules".to_owned(), 1), ("ecs:DescribeTasks".to_owned(), 2)];
        assert_eq!(tally.last_minute(), BTreeMap::from(expected));
        tokio::time::advance(MINUTE * 2).await;
        assert!(tally.last_minute().is_empty(), "an hour ago is not the last minute");
    }
}
