//! Services and revisions on their way out: driving them, and saying what becomes of them.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_control::service::{Applier, Stopped};
use longshore_decide::service::{Removal, Removed, revision_name};
use longshore_model::seen::Service;
use serde_json::{Value, json};

use crate::run::Live;
use crate::run::interrupt::Listening;
use crate::terminal::{self, Style};

/// The calls that removing these services takes, for a dry run.
pub(crate) fn calls(cluster: &str, services: &[Service], now: Duration) -> Vec<Value> {
    let removal = |service: &Service| Removal::new(cluster, service.clone(), Some(Duration::MAX), now);
    services.iter().flat_map(|service| removal(service).calls()).collect()
}

/// The call that deregisters a revision, likewise.
pub(crate) fn deregistration(arn: &str) -> Value {
    json!({"call": "DeregisterTaskDefinition", "input": {"taskDefinition": arn}})
}

/// A service in a list of what would go.
pub(crate) fn in_words(service: &Service) -> String {
    let running = service.running_count;
    let (name, tasks) = (&service.name, if running == 1 { "task" } else { "tasks" });
    format!("  service {name} ({running} {tasks} running)")
}

/// Removes services; each end is waited for as long as `timeout` says, or not at all. Gives how they ended, and the exit
/// code.
pub(crate) async fn services(
    applier: &Applier,
    cluster: &str,
    services: Vec<Service>,
    timeout: Option<Duration>,
    (interrupts, words): &mut Listening,
) -> (Vec<Removed>, u8) {
    let now = applier.now();
    let mut removals: Vec<Removal> =
        services.into_iter().map(|service| Removal::new(cluster, service, timeout, now)).collect();
    let mut live = Live::new();
    let mut said = BTreeSet::new();
    applier
        .remove(&mut removals, words, &mut |removals| {
            for end in removals.iter().filter_map(Removal::end) {
                if said.insert(end.service.clone()) {
                    say(&live, end);
                }
            }
            live.set(waiting(removals));
        })
        .await;
    live.finish();
    let ends: Vec<Removed> = removals.iter().filter_map(|removal| removal.end().cloned()).collect();
    let good = ends.iter().all(Removed::is_good);
    (ends, interrupts.exit_code().unwrap_or(u8::from(!good)))
}

fn say(live: &Live, end: &Removed) {
    let line = format!("{}: {}", end.service, end.explanation);
    if end.is_good() {
        live.say(&line);
    } else {
        live.undisturbed(|| terminal::talk(&format!("error: {line}"), Style::Error));
    }
}

fn waiting(removals: &[Removal]) -> String {
    let going = removals.iter().filter(|removal| removal.end().is_none());
    let words: Vec<String> =
        going.map(|removal| format!("{}: {} running", removal.name(), removal.running())).collect();
    words.join("; ")
}

/// What became of revisions, for the result document, and the exit code.
#[derive(Debug, Default)]
pub(crate) struct Revisions {
    pub(crate) deregistered: Vec<String>,
    /// Names, and why they are left.
    pub(crate) left: Vec<(String, String)>,
    pub(crate) exit: u8,
}

impl Revisions {
    /// Both lists in the result document.
    pub(crate) fn write(&self, document: &mut Value) {
        let left = self.left.iter().map(|(name, why)| json!({"taskDefinition": name, "why": why}));
        document["deregistered"] = json!(self.deregistered);
        document["left"] = left.collect();
    }
}

/// Deregisters revisions, and says what became of them. `kept` are those that are in use, and why.
pub(crate) async fn revisions(
    applier: &Applier,
    revisions: Vec<String>,
    kept: &[(String, String)],
    (interrupts, words): &mut Listening,
) -> Revisions {
    let name = |arn: &String| revision_name(arn).to_owned();
    let mut live = Live::new();
    let (total, mut done) = (revisions.len(), 0);
    let end = applier
        .deregister(revisions, words, &mut |arn| {
            done += 1;
            live.say(&format!("deregistered {}", revision_name(arn)));
            live.set(format!("{done} of {total} revisions deregistered"));
        })
        .await;
    live.finish();
    let mut result = Revisions {
        deregistered: end.done.iter().map(name).collect(),
        left: kept.iter().map(|(arn, why)| (name(arn), why.clone())).collect(),
        exit: 0,
    };
    for (revision, why) in &result.left {
        terminal::talk(&format!("{revision} is left: {why}"), Style::Plain);
    }
    let why = match end.why {
        None => return result,
        Some(Stopped::Failed(error)) => error.to_string(),
        Some(Stopped::Interrupted(words)) => format!("left {words}"),
    };
    result.exit = interrupts.exit_code().unwrap_or(1);
    terminal::talk(&format!("error: {} revisions are left: {why}", end.left.len()), Style::Error);
    terminal::talk("hint: the same command again goes on from here", Style::Plain);
    result.left.extend(end.left.iter().map(|arn| (name(arn), why.clone())));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_in_words() {
        let service = |running_count| Service { name: "web".into(), running_count, ..Service::default() };
        assert_eq!(in_words(&service(2)), "  service web (2 tasks running)");
        assert_eq!(in_words(&service(1)), "  service web (1 task running)");
        let removals = [2, 0].map(|count| Removal::new("c", service(count), None, Duration::ZERO));
        assert_eq!(waiting(&removals), "web: 2 running; web: 0 running");
    }

    #[test]
    fn the_document_says_what_is_left_and_why() {
        let result = Revisions {
            deregistered: vec!["web:1".into()],
            left: vec![("web:2".into(), "task 1 of cluster c runs it".into())],
            exit: 0,
        };
        let mut document = json!({"cluster": "c"});
        result.write(&mut document);
        let left = json!([{"taskDefinition": "web:2", "why": "task 1 of cluster c runs it"}]);
        assert_eq!(document, json!({"cluster": "c", "deregistered": ["web:1"], "left": left}));
    }
}
