//! The way of one service to what its file says: run what comes before, change it, wait for its own deployment, run what
//! comes after, and go back when something fails.

mod ask;
mod waiting;

pub use self::ask::{Ask, Did, Way};

use std::time::Duration;

use longshore_model::Error;
use longshore_model::seen::Service;
use longshore_model::tag::Tag;
use serde_json::{Map, Value};

use super::outcome::{Ended, Failing, News, Outcome};
use super::plan::{Change, Plan};
use super::rollout::{Progress, Rollout};
use super::{FAILED_TAG, PASSED_TAG, create_input, revision_name};
use crate::run;

/// For so long, a service that cannot be described is asked for again.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often failed tasks are looked for while a deployment goes on: those that crash after they ran are not counted
/// by ECS (`failedTasks`, Deployment, API reference).
const LOOK_FOR_FAILING: Duration = Duration::from_secs(10);

/// How many failing tasks are shown: a crash loop has one story.
pub const SHOWN_FAILING: usize = 3;

#[derive(Debug, Clone)]
enum State {
    /// A deleted service of the same name is on its way out.
    Draining,
    Before(usize),
    Changing,
    /// With the deployment to be waited for after it.
    Tagging(Option<Rollout>),
    Watching(Rollout),
    After(usize),
    /// A gate after the deployment has failed, for this reason: its revision is marked, so that no rollback chooses it.
    Marking(String),
    Passing,
    /// Before it goes back, long after the deployment: is that still the newest?
    Checking,
    GoingBack,
    WatchingBack(Rollout),
    /// The failing tasks are asked for, and then it is over.
    Ending(Box<Outcome>),
    Over(Box<Outcome>),
}

/// The way of one service.
#[derive(Debug, Clone)]
pub struct Apply {
    name: String,
    /// With the exact revision in its documents.
    plan: Plan,
    way: Way,
    /// As it was before; absent when there was none.
    live: Option<Service>,
    revision: String,
    arn: String,
    /// The id of what was begun.
    deployment: String,
    state: State,
    began: Duration,
    /// What the waiting sees, for who asks.
    progress: Option<Progress>,
    failing: Vec<Failing>,
    looked_for_failing: Option<Duration>,
    trouble_since: Option<Duration>,
    /// Why it goes back.
    reason: String,
    /// The run of the gate that failed.
    gate: Option<run::Outcome>,
    /// Why its tags are not as the file says.
    untagged: Option<String>,
    news: Vec<News>,
}

impl Apply {
    /// Begins. `revision` is the ARN of what the service is to run; the plan names it.
    #[must_use]
    pub fn new(
        name: String,
        plan: Plan,
        revision: String,
        live: Option<Service>,
        way: Way,
        now: Duration,
    ) -> Self {
        let live = live.filter(|live| live.status != "INACTIVE");
        let mut apply = Self {
            arn: live.as_ref().map(|live| live.arn.clone()).unwrap_or_default(),
            name,
            plan,
            way,
            revision,
            deployment: String::new(),
            state: State::Changing,
            began: now,
            progress: None,
            failing: Vec::new(),
            looked_for_failing: None,
            trouble_since: None,
            reason: String::new(),
            gate: None,
            untagged: None,
            news: Vec::new(),
            live,
        };
        apply.state = match &apply.live {
            Some(live) if live.status == "DRAINING" => State::Draining,
            _ if apply.is_new_revision() && !apply.way.before.is_empty() => State::Before(0),
            _ => apply.change(now),
        };
        apply
    }

    /// Its service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it runs like: the file's document, over what it was before.
    #[must_use]
    pub fn document(&self) -> Map<String, Value> {
        let live = self.live.as_ref().map(|live| Value::Object(live.document.clone()));
        let mut document = live.as_ref().and_then(create_input).unwrap_or_default();
        match &self.plan.change {
            Change::Create(input) | Change::Update { input, .. } => document.extend(input.clone()),
            Change::None => {}
        }
        document.insert("serviceName".to_owned(), Value::String(self.name.clone()));
        document
    }

    /// How far its deployment is, while it is waited for.
    #[must_use]
    pub const fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// What happened since this was asked last.
    pub fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// It is not waited for any longer.
    pub fn interrupt(&mut self, words: &str) {
        if let State::Ending(outcome) | State::Over(outcome) = &self.state {
            self.state = State::Over(outcome.clone());
            return;
        }
        if let State::Marking(reason) = &self.state {
            let next = Some(format!("`longshore rollback {}` goes back", self.name));
            self.state = self.end(Ended::GateFailed, format!("{reason}; left {words}"), next);
            return;
        }
        let goes_on = if self.deployment.is_empty() { "" } else { "; its deployment goes on" };
        let explanation = self.with_reason(&format!("left {words}{goes_on}"));
        let next = Some("`longshore apply` again goes on from here".to_owned());
        self.state = self.end(Ended::Interrupted, explanation, next);
    }

    /// What to do now; nothing when it is over.
    #[must_use]
    pub fn ask(&self, now: Duration) -> Option<Ask> {
        match &self.state {
            State::Draining | State::Checking => Some(Ask::Look),
            State::Before(gate) => {
                Some(Ask::Gate(self.way.before.get(*gate)?.clone(), self.revision.clone()))
            }
            State::After(gate) => Some(Ask::Gate(self.way.after.get(*gate)?.clone(), self.revision.clone())),
            State::Changing => match &self.plan.change {
                Change::Create(input) => Some(Ask::Create(input.clone())),
                Change::Update { input, .. } => Some(Ask::Update(input.clone())),
                Change::None => None,
            },
            State::Tagging(_) => match &self.plan.change {
                Change::Update { tag, untag, .. } => {
                    Some(Ask::Tag { arn: self.arn.clone(), set: tag.clone(), unset: untag.clone() })
                }
                _ => None,
            },
            State::Passing => {
                let value = Some(revision_name(&self.revision).to_owned());
                let set = vec![Tag { key: PASSED_TAG.to_owned(), value }];
                let unset = if self.has_failed() { vec![FAILED_TAG.to_owned()] } else { Vec::new() };
                Some(Ask::Tag { arn: self.arn.clone(), set, unset })
            }
            State::Marking(_) => {
                let value = Some(revision_name(&self.revision).to_owned());
                let set = vec![Tag { key: FAILED_TAG.to_owned(), value }];
                Some(Ask::Tag { arn: self.arn.clone(), set, unset: Vec::new() })
            }
            State::Watching(_) if self.wants_failing(now) => Some(self.ask_failing()),
            State::Watching(_) | State::WatchingBack(_) => Some(Ask::Look),
            State::GoingBack => Some(Ask::Update(self.back())),
            State::Ending(_) => Some(self.ask_failing()),
            State::Over(_) => None,
        }
    }

    /// Takes an answer.
    pub fn take(&mut self, did: Did, now: Duration) {
        if let Did::Looked(Ok(_)) = &did {
            self.trouble_since = None;
        }
        let state = std::mem::replace(&mut self.state, State::Changing);
        self.state = match (state, did) {
            (State::Before(gate), Did::Gate(end)) => self.before(gate, end, now),
            (State::After(gate), Did::Gate(end)) => self.after(gate, end),
            (State::Changing, Did::Changed(end)) => self.changed(end, now),
            (State::GoingBack, Did::Changed(end)) => self.went_back(end, now),
            (State::Tagging(rollout), Did::Tagged(end)) => self.tagged(rollout, end, now),
            (State::Passing, Did::Tagged(end)) => {
                // Without the mark the gates only run once more.
                self.news.extend(end.err().map(|error| News::Warn(error.to_string())));
                self.done()
            }
            (State::Marking(reason), Did::Tagged(end)) => self.marked(reason, end),
            (State::Watching(rollout), Did::Failing(failing)) => {
                self.learn(failing);
                self.looked_for_failing = Some(now);
                State::Watching(rollout)
            }
            (State::Ending(mut outcome), Did::Failing(failing)) => {
                self.learn(failing);
                outcome.failing.clone_from(&self.failing);
                State::Over(outcome)
            }
            (State::Draining, Did::Looked(seen)) => self.drained(seen, now),
            (State::Checking, Did::Looked(seen)) => self.checked(seen, now),
            (State::Watching(rollout), Did::Looked(seen)) => self.watched(rollout, seen, now),
            (State::WatchingBack(rollout), Did::Looked(seen)) => self.watched_back(rollout, seen, now),
            (state, _) => state,
        };
    }

    /// Whether the service comes to run another revision than before.
    fn is_new_revision(&self) -> bool {
        let before = self.live.as_ref().map(|live| revision_name(&live.task_definition));
        before != Some(revision_name(&self.revision))
    }

    /// The state in which the change is made, or what follows when there is none.
    fn change(&mut self, now: Duration) -> State {
        match (&self.plan.change, &self.live) {
            (Change::Create(_), _) => State::Changing,
            (Change::Update { input, .. }, _) if !input.is_empty() => State::Changing,
            (Change::Update { .. }, _) => State::Tagging(None),
            (Change::None, Some(live)) => {
                let live = live.clone();
                self.unchanged(&live, now)
            }
            (Change::None, None) => self.done(),
        }
    }

    /// Nothing is left to be changed; but an earlier apply may have been cut off in its waiting.
    fn unchanged(&mut self, live: &Service, now: Duration) -> State {
        let state = live.primary().and_then(|primary| primary.rollout_state.as_deref());
        let is_whole = live.running_count == live.desired_count;
        let is_over = is_whole && live.deployments.len() <= 1 && matches!(state, Some("COMPLETED") | None);
        if self.way.no_wait {
            return self.done();
        }
        if !is_over {
            self.news.push(News::Say("not all of it runs yet".to_owned()));
            return self.watch(Rollout::of(live, None, now));
        }
        if self.has_passed(live) { self.done() } else { self.next_after(0) }
    }

    /// Whether the gates have let this revision through already.
    fn has_passed(&self, live: &Service) -> bool {
        live.tag(PASSED_TAG) == Some(revision_name(&self.revision))
    }

    /// Whether they have refused it before.
    fn has_failed(&self) -> bool {
        let mark = self.live.as_ref().and_then(|live| live.tag(FAILED_TAG));
        mark == Some(revision_name(&self.revision))
    }

    /// All that is wanted runs. Where only the count was changed, the gates have nothing new to look at.
    fn stable(&mut self) -> State {
        let is_same = |live: &&Service| live.primary().is_some_and(|primary| primary.id == self.deployment);
        match self.live.as_ref().filter(is_same) {
            Some(live) if self.has_passed(live) => self.done(),
            _ => self.next_after(0),
        }
    }

    fn before(&mut self, gate: usize, end: Result<Box<run::Outcome>, Error>, now: Duration) -> State {
        let Some(why) = failed_gate(&end) else {
            return if gate + 1 < self.way.before.len() { State::Before(gate + 1) } else { self.change(now) };
        };
        let name = self.way.before.get(gate).map(|gate| gate.name.clone()).unwrap_or_default();
        self.gate = end.ok().map(|outcome| *outcome);
        self.end(Ended::GateFailed, format!("gate `{name}` failed: {why}; the service was not changed"), None)
    }

    fn after(&mut self, gate: usize, end: Result<Box<run::Outcome>, Error>) -> State {
        let Some(why) = failed_gate(&end) else { return self.next_after(gate + 1) };
        let name = self.way.after.get(gate).map(|gate| gate.name.clone()).unwrap_or_default();
        self.gate = end.ok().map(|outcome| *outcome);
        State::Marking(format!("gate `{name}` failed: {why}"))
    }

    fn marked(&mut self, reason: String, end: Result<(), Error>) -> State {
        // Without the mark a rollback may choose it; this one is what counts now.
        self.news.extend(end.err().map(|error| News::Warn(error.to_string())));
        match self.fail(Ended::GateFailed, reason) {
            State::GoingBack => State::Checking,
            other => other,
        }
    }

    fn next_after(&mut self, gate: usize) -> State {
        if gate < self.way.after.len() {
            State::After(gate)
        } else if self.way.after.is_empty() {
            self.done()
        } else {
            State::Passing
        }
    }

    fn changed(&mut self, end: Result<Service, Error>, now: Duration) -> State {
        let service = match end {
            Ok(service) => service,
            Err(error) => {
                let next = error.hint().map(ToOwned::to_owned);
                // An answer that did not come says nothing about what was done.
                let ended = if error.is_passing() { Ended::Unknown } else { Ended::Refused };
                return self.end(ended, error.to_string(), next);
            }
        };
        self.arn.clone_from(&service.arn);
        let before = self.live.as_ref().map(|live| live.task_definition.clone());
        let rollout = Rollout::of(&service, before, now);
        self.news.push(News::Changed { created: self.live.is_none(), deployment: rollout.id().to_owned() });
        self.began = now;
        rollout.id().clone_into(&mut self.deployment);
        match &self.plan.change {
            Change::Update { tag, untag, .. } if !(tag.is_empty() && untag.is_empty()) => {
                State::Tagging(Some(rollout))
            }
            _ => self.watch(rollout),
        }
    }

    fn watch(&mut self, rollout: Rollout) -> State {
        rollout.id().clone_into(&mut self.deployment);
        if self.way.no_wait { self.done() } else { State::Watching(rollout) }
    }

    fn tagged(&mut self, rollout: Option<Rollout>, end: Result<(), Error>, now: Duration) -> State {
        if let Err(error) = end {
            // The deployment goes on, and is waited for.
            self.news.push(News::Warn(error.to_string()));
            self.untagged = Some(format!("{error}; its tags are not as the file says"));
        }
        match (rollout, self.live.clone()) {
            (Some(rollout), _) => self.watch(rollout),
            (None, Some(live)) => self.unchanged(&live, now),
            (None, None) => self.done(),
        }
    }

    fn done(&mut self) -> State {
        if let Some(why) = &self.untagged {
            return self.end(Ended::Refused, why.clone(), None);
        }
        let (ended, words) = match &self.plan.change {
            Change::Create(_) => (Ended::Created, "created"),
            Change::Update { .. } => (Ended::Updated, "updated"),
            Change::None => (Ended::Unchanged, "unchanged"),
        };
        let waited = if self.progress.is_some() { ", and stable" } else { "" };
        self.end(ended, format!("{words}{waited}"), None)
    }

    fn end(&self, result: Ended, explanation: String, next: Option<String>) -> State {
        State::Over(Box::new(self.conclusion(result, explanation, next)))
    }

    /// Ends once the tasks that failed are known.
    fn end_with_failing(&self, result: Ended, explanation: String, next: Option<String>) -> State {
        let outcome = Box::new(self.conclusion(result, explanation, next));
        if self.deployment.is_empty() { State::Over(outcome) } else { State::Ending(outcome) }
    }

    /// The words, after the reason why it goes back, if it does.
    fn with_reason(&self, words: &str) -> String {
        if self.reason.is_empty() { words.to_owned() } else { format!("{}; {words}", self.reason) }
    }

    fn conclusion(&self, result: Ended, explanation: String, next_step: Option<String>) -> Outcome {
        Outcome {
            service: self.name.clone(),
            result,
            explanation,
            next_step,
            task_definition_arn: self.revision.clone(),
            failing: self.failing.clone(),
            gate: self.gate.clone(),
        }
    }

    fn is_late(&self, now: Duration) -> bool {
        self.way.timeout.is_some_and(|timeout| now.saturating_sub(self.began) >= timeout)
    }

    fn ask_failing(&self) -> Ask {
        let known = self.failing.iter().map(|failing| failing.task_arn.clone()).collect();
        Ask::Failing { deployment: self.deployment.clone(), known }
    }

    fn wants_failing(&self, now: Duration) -> bool {
        let failed = self.progress.as_ref().map_or(0, |progress| progress.failed);
        let known = i64::try_from(self.failing.len()).unwrap_or(i64::MAX);
        let last = self.looked_for_failing.unwrap_or(self.began);
        let pause = if failed > known { LOOK_FOR_FAILING / 5 } else { LOOK_FOR_FAILING };
        !self.deployment.is_empty() && now.saturating_sub(last) >= pause
    }

    fn learn(&mut self, failing: Vec<Failing>) {
        for new in failing {
            if self.failing.iter().any(|known| known.task_arn == new.task_arn) {
                continue;
            }
            if self.failing.len() < SHOWN_FAILING {
                self.news.push(News::Failing(new.clone()));
            }
            self.failing.push(new);
        }
    }
}

/// Why a gate did not let through.
fn failed_gate(end: &Result<Box<run::Outcome>, Error>) -> Option<String> {
    match end {
        Ok(outcome) if outcome.result == run::Ended::Succeeded => None,
        Ok(outcome) => Some(outcome.explanation.clone()),
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
