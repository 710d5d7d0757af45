//! How often AWS is called: every request that leaves, attempts included, by operation, within the last minute.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use tokio::time::Instant;

/// What is counted together, and forgotten together a minute later.
const SLOT: Duration = Duration::from_secs(5);

/// The slots of a minute.
const SLOTS: usize = 12;

/// The requests of this connection and its clones.
#[derive(Debug, Clone)]
pub struct Tally {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug)]
struct Counts {
    /// When the newest slot began.
    began: Instant,
    /// The newest first.
    slots: [BTreeMap<String, u32>; SLOTS],
}

impl Default for Tally {
    fn default() -> Self {
        let counts = Counts { began: Instant::now(), slots: [const { BTreeMap::new() }; SLOTS] };
        Self { counts: Arc::new(Mutex::new(counts)) }
    }
}

impl Tally {
    /// The requests of the last minute (55 to 60 seconds), by operation, such as `ecs:DescribeTasks`.
    #[must_use]
    pub fn last_minute(&self) -> BTreeMap<String, u32> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.turn(Instant::now());
        let mut sum = BTreeMap::new();
        for (operation, count) in counts.slots.iter().flatten() {
            *sum.entry(operation.clone()).or_default() += count;
        }
        sum
    }

    pub(crate) fn count(&self, request: &HttpRequest) {
        let Some(operation) = operation(request) else { return };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.turn(Instant::now());
        *counts.slots[0].entry(operation).or_default() += 1;
    }
}

impl Counts {
    /// Begins the slot of now, and forgets those that are a minute old.
    fn turn(&mut self, now: Instant) {
        let passed = now.duration_since(self.began).as_secs() / SLOT.as_secs();
        self.began += SLOT * u32::try_from(passed).unwrap_or(u32::MAX);
        for _ in 0..passed.min(SLOTS as u64) {
            self.slots.rotate_right(1);
            self.slots[0].clear();
        }
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
    async fn a_call_counts_for_a_minute() {
        let tally = Tally::default();
        let json =
            request(&[SIGNED, ("x-amz-target", "AmazonEC2ContainerServiceV20141113.DescribeTasks")], "{}");
        tally.count(&json);
        tally.count(&json);
        tally.count(&request(&[SIGNED], "Action=DescribeRules&Version=2015-12-01"));
        tally.count(&request(&[], "Action=Unsigned"));
        let expected = [("ecs:DescribeRules".to_owned(), 1), ("ecs:DescribeTasks".to_owned(), 2)];
        assert_eq!(tally.last_minute(), BTreeMap::from(expected.clone()), "at once");
        tokio::time::advance(Duration::from_secs(54)).await;
        assert_eq!(tally.last_minute(), BTreeMap::from(expected));
        tally.count(&json);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(tally.last_minute(), BTreeMap::from([("ecs:DescribeTasks".to_owned(), 1)]));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(tally.last_minute().is_empty(), "an hour ago is not the last minute");
    }
}
