//! What the user sees while services are brought to what their files say: a line for what happens, and on a terminal a
//! live line for what is waited for.

use std::collections::{BTreeMap, BTreeSet};

use longshore_control::service::Told;
use longshore_decide::run;
use longshore_decide::service::{Apply, Failing, News, Outcome, Progress};

use crate::run::Live;
use crate::terminal::{self, Style};

/// The user's view of it.
pub(crate) struct Show {
    live: Live,
    /// What was said last of each service's progress, where there is no live line.
    said: BTreeMap<String, Progress>,
    /// Whose end was said.
    ended: BTreeSet<String>,
}

impl Show {
    pub(crate) fn new() -> Self {
        Self { live: Live::new(), said: BTreeMap::new(), ended: BTreeSet::new() }
    }

    /// Shows something that happened to a service.
    pub(crate) fn told(&self, service: &str, told: Told<'_>) {
        match told {
            Told::News(News::Say(text)) => self.live.say(&format!("{service}: {text}")),
            Told::News(News::Event(text)) => {
                // ECS's sentences begin with the name that the line begins with.
                let text = text.strip_prefix(&format!("(service {service}) ")).unwrap_or(&text);
                self.live.say(&format!("{service}: {text}"));
            }
            Told::News(News::Warn(text)) => self.live.warn(&format!("{service}: {text}")),
            Told::News(News::Changed { created, deployment }) => {
                let what = if created { "created" } else { "updated" };
                self.live.say(&format!("{service}: {what}, deployment {deployment}"));
            }
            Told::News(News::Failing(failing)) => self.failing(service, &failing),
            Told::Gate(_, run::News::Lines { lines, .. }) => {
                for line in lines.iter().flat_map(|line| line.message.lines()) {
                    self.live.say(&format!("{service} | {line}"));
                }
            }
            Told::Gate(_, run::News::Say(text)) => self.live.say(&format!("{service}: {text}")),
            Told::Gate(_, run::News::Warn(text)) => self.live.warn(&format!("{service}: {text}")),
            Told::Gate(_, run::News::Stopping(why)) => {
                self.live.say(&format!("{service}: stopping the gate's task {why}"));
            }
            Told::Gate(_, run::News::State(_) | run::News::States(_)) => {}
        }
    }

    fn failing(&self, service: &str, failing: &Failing) {
        let id = failing.task_arn.rsplit('/').next().unwrap_or_default();
        self.live.warn(&format!("{service}: task {}: {}", id.get(..8).unwrap_or(id), failing.explanation));
        for line in &failing.log_tail {
            self.live.say(&format!("{service} | {line}"));
        }
    }

    /// Shows how far all of them are, and how those ended that have.
    pub(crate) fn look(&mut self, applies: &[Apply]) {
        for outcome in applies.iter().filter_map(Apply::outcome) {
            if self.ended.insert(outcome.service.clone()) {
                self.outcome(outcome);
            }
        }
        let going = applies.iter().filter(|apply| apply.outcome().is_none());
        let going: Vec<(&str, &Progress)> =
            going.filter_map(|apply| Some((apply.name(), apply.progress()?))).collect();
        if self.live.is_shown() {
            let words: Vec<String> = going.iter().map(|(name, progress)| in_words(name, progress)).collect();
            self.live.set(words.join("; "));
            return;
        }
        for (name, progress) in going {
            if self.said.get(name) != Some(progress) {
                self.said.insert(name.to_owned(), progress.clone());
                terminal::talk(&in_words(name, progress), Style::Plain);
            }
        }
    }

    /// Says how it ended.
    fn outcome(&self, outcome: &Outcome) {
        let line = format!("{}: {}", outcome.service, outcome.explanation);
        if outcome.result.is_good() {
            self.live.say(&line);
        } else {
            self.live.undisturbed(|| terminal::talk(&format!("error: {line}"), Style::Error));
        }
        if let Some(next) = &outcome.next_step {
            self.live.say(&format!("hint: {next}"));
        }
    }

    pub(crate) fn say(&self, line: &str) {
        self.live.say(line);
    }

    /// Takes the live line away.
    pub(crate) fn finish(&mut self) {
        self.live.finish();
    }
}

fn in_words(name: &str, progress: &Progress) -> String {
    let Progress { running, pending, desired, failed, old } = progress;
    let mut words = format!("{name}: {running} of {desired} running");
    for (count, what) in [(pending, "pending"), (failed, "failed"), (old, "old")] {
        if *count > 0 {
            words += &format!(", {count} {what}");
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_what_there_is() {
        let progress = Progress { running: 1, pending: 2, desired: 3, failed: 0, old: 3 };
        assert_eq!(in_words("web", &progress), "web: 1 of 3 running, 2 pending, 3 old");
        let progress = Progress { running: 3, desired: 3, ..Progress::default() };
        assert_eq!(in_words("web", &progress), "web: 3 of 3 running");
    }
}
