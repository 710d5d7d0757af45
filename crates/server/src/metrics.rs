//! What Prometheus reads. Labels are of closed sets: routes of the table, statuses, states.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderName, Method, header};
use longshore_model::preview::State as Life;

use crate::app::{LISTENERS, Shared};
use crate::problem::Problem;

/// All states, so that one without environments is 0 and not absent.
const STATES: [Life; 8] = [
    Life::Queued,
    Life::Creating,
    Life::Ready,
    Life::Updating,
    Life::Asleep,
    Life::Waking,
    Life::Failed,
    Life::Removing,
];

/// What became of what a sender sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// Stored.
    New,
    /// It was here before.
    Known,
    /// Answered, and not stored: too many of a repository without a policy.
    Dropped,
    /// Its signature is not good.
    Forged,
    /// It cannot be read, or not be stored.
    Failed,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(String, String, u16), u64>>,
    deliveries: Mutex<BTreeMap<(&'static str, Fate), u64>>,
}

impl Metrics {
    pub(crate) fn answered(&self, route: &str, method: &Method, status: u16) {
        // Anybody can invent methods.
        let known = [Method::GET, Method::HEAD, Method::POST, Method::DELETE];
        let method = if known.contains(method) { method.as_str() } else { "other" };
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), method.to_owned(), status)).or_default() += 1;
    }

    pub(crate) fn delivered(&self, source: &'static str, fate: Fate) {
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        *deliveries.entry((source, fate)).or_default() += 1;
    }

    fn write(&self, page: &mut Page) {
        page.name("longshore_http_requests_total", "counter", "Requests by route, method and status.");
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((route, method, status), count) in requests.iter() {
            let status = status.to_string();
            page.line(&[("route", route), ("method", method), ("status", &status)], count);
        }
        drop(requests);
        page.name("longshore_deliveries_total", "counter", "Webhooks by source and by what became of them.");
        let deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        for ((source, fate), count) in deliveries.iter() {
            let fate = format!("{fate:?}").to_lowercase();
            page.line(&[("source", source), ("fate", &fate)], count);
        }
    }
}

/// The page, in Prometheus' text format 0.0.4.
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    let environments = shared.desk().environments().await?;
    let standing = shared.app.glance.standing();
    let mut page = Page::default();
    shared.metrics.write(&mut page);
    page.name("longshore_environments", "gauge", "Environments by state.");
    for state in STATES.map(Life::word) {
        let count = environments.iter().filter(|environment| environment.state == state).count();
        page.line(&[("state", state)], count);
    }
    page.name("longshore_rounds_total", "counter", "Rounds of reconcilers since the start.");
    page.line(&[], standing.rounds);
    page.name("longshore_round_errors_total", "counter", "Rounds that ended with an error.");
    page.line(&[], standing.errors);
    page.name("longshore_acts", "gauge", "1 when this process holds the lease.");
    page.line(&[], u8::from(standing.acts == Some(true)));
    page.name("longshore_event_listeners", "gauge", "Browsers and clients that listen for changes.");
    page.line(&[], LISTENERS.saturating_sub(shared.listeners.available_permits()));
    page.name("longshore_aws_calls_last_minute", "gauge", "Calls of AWS in the last minute.");
    for calls in shared.app.glance.api_calls().await {
        page.line(&[("operation", &calls.operation)], calls.last_minute);
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page.text))
}

#[derive(Debug, Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn name(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        // Writing to a string does not fail.
        let _written = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        for (index, (name, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _written = write!(self.text, "{}{name}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _written = writeln!(self.text, "{end} {value}");
    }
}
