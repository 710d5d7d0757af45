//! The part of the way on which ECS works and we look: deployments, and the way back.

use std::time::Duration;

use longshore_model::Error;
use longshore_model::seen::Service;
use serde_json::{Map, Value};

use super::{Apply, PATIENCE, State};
use crate::service::outcome::{Ended, News};
use crate::service::plan::{Change, undo};
use crate::service::revision_name;
use crate::service::rollout::{Progress, Rollout, Stage};

impl Apply {
    pub(super) fn drained(&mut self, seen: Result<Option<Service>, Error>, now: Duration) -> State {
        let status = match &seen {
            Ok(seen) => seen.as_ref().map_or("INACTIVE", |service| service.status.as_str()),
            Err(error) => return self.troubled(State::Draining, error, now),
        };
        match status {
            "INACTIVE" => {
                self.live = None;
                if self.way.before.is_empty() { self.change(now) } else { State::Before(0) }
            }
            "ACTIVE" => {
                let explanation = "somebody else created it again meanwhile".to_owned();
                let next = Some("`longshore apply` again makes it what the file says".to_owned());
                self.end(Ended::Superseded, explanation, next)
            }
            _ if self.is_late(now) => {
                let explanation = "the deleted service of the same name is still draining".to_owned();
                self.end(Ended::TimedOut, explanation, None)
            }
            _ => State::Draining,
        }
    }

    /// A gate has failed: we only take back our own deployment.
    pub(super) fn checked(&mut self, seen: Result<Option<Service>, Error>, now: Duration) -> State {
        let seen = match &seen {
            Ok(seen) => seen.as_ref().filter(|service| service.status == "ACTIVE"),
            Err(error) => return self.troubled(State::Checking, error, now),
        };
        let newest =
            |service: &Service| service.primary().map(|primary| primary.id.clone()).unwrap_or_default();
        if seen.map(newest).as_ref() == Some(&self.deployment) {
            return State::GoingBack;
        }
        let words = "it is not rolled back, as somebody else changed the service meanwhile";
        self.end(Ended::GateFailed, self.with_reason(words), None)
    }

    pub(super) fn watched(
        &mut self,
        mut rollout: Rollout,
        seen: Result<Option<Service>, Error>,
        now: Duration,
    ) -> State {
        let service = match seen {
            Ok(service) => service,
            Err(error) => return self.troubled(State::Watching(rollout), &error, now),
        };
        self.hear(&mut rollout, service.as_ref());
        let stage = rollout.look(service.as_ref(), now);
        let crashed = self.failing.iter().filter(|failing| failing.started).count();
        match stage {
            Stage::Going(progress) if rollout.is_crash_loop(crashed, progress.desired) => {
                self.progress = Some(progress);
                self.fail(Ended::DeploymentFailed, format!("{crashed} of its tasks started and ended again"))
            }
            Stage::Going(progress) | Stage::GoingBack(progress) if self.is_late(now) => {
                let Progress { running, desired, .. } = progress;
                let explanation = format!("not stable in time: {running} of {desired} tasks run");
                let next = format!(
                    "`longshore status {0}` shows how it goes, `longshore rollback {0}` goes back",
                    self.name
                );
                self.end_with_failing(Ended::TimedOut, explanation, Some(next))
            }
            Stage::Going(progress) | Stage::GoingBack(progress) => {
                self.progress = Some(progress);
                State::Watching(rollout)
            }
            Stage::Stable(progress) => {
                self.progress = Some(progress);
                self.stable()
            }
            Stage::RolledBack { reason, to } => {
                let explanation = format!("the deployment failed ({reason}), and ECS rolled back to {to}");
                self.end_with_failing(Ended::RolledBack, explanation, None)
            }
            Stage::Failed(reason) => {
                self.fail(Ended::DeploymentFailed, format!("the deployment failed: {reason}"))
            }
            Stage::Superseded(by) => {
                let explanation = format!("another deployment came in between: {by}");
                self.end(Ended::Superseded, explanation, None)
            }
            Stage::Gone => {
                let explanation = "the service was deleted meanwhile".to_owned();
                self.end(Ended::Superseded, explanation, None)
            }
        }
    }

    /// Something went wrong with the new revision: back to what was before, where there is something.
    pub(super) fn fail(&mut self, ended: Ended, reason: String) -> State {
        let can_go_back = self.live.is_some() && !self.back().is_empty();
        if self.way.no_rollback || !can_go_back {
            let next = self.live.is_some().then(|| format!("`longshore rollback {}` goes back", self.name));
            let explanation = match self.live {
                Some(_) => reason,
                None => format!("{reason}; there is no earlier revision to go back to"),
            };
            return self.end_with_failing(ended, explanation, next);
        }
        self.news.push(News::Say(format!("{reason}; rolling back")));
        self.reason = reason;
        State::GoingBack
    }

    pub(super) fn went_back(&mut self, end: Result<Service, Error>, now: Duration) -> State {
        match end {
            Ok(service) => {
                self.began = now;
                State::WatchingBack(Rollout::of(&service, None, now))
            }
            Err(error) => {
                let explanation = format!("{}, and it could not be rolled back: {error}", self.reason);
                self.end_with_failing(Ended::DeploymentFailed, explanation, None)
            }
        }
    }

    pub(super) fn watched_back(
        &mut self,
        mut rollout: Rollout,
        seen: Result<Option<Service>, Error>,
        now: Duration,
    ) -> State {
        let service = match seen {
            Ok(service) => service,
            Err(error) => return self.troubled(State::WatchingBack(rollout), &error, now),
        };
        self.hear(&mut rollout, service.as_ref());
        let to = self
            .live
            .as_ref()
            .map(|live| revision_name(&live.task_definition).to_owned())
            .unwrap_or_default();
        let (end, what) = match rollout.look(service.as_ref(), now) {
            Stage::Stable(_) => (Ended::RolledBack, format!("it was rolled back to {to}")),
            Stage::Going(progress) | Stage::GoingBack(progress) if !self.is_late(now) => {
                self.progress = Some(progress);
                return State::WatchingBack(rollout);
            }
            Stage::Failed(why) | Stage::Superseded(why) => {
                (Ended::DeploymentFailed, format!("the way back to {to} did not work: {why}"))
            }
            _ => (Ended::DeploymentFailed, format!("the way back to {to} is not over")),
        };
        self.end_with_failing(end, self.with_reason(&what), None)
    }

    /// What ECS has said of the service meanwhile.
    fn hear(&mut self, rollout: &mut Rollout, service: Option<&Service>) {
        let events = service.map(|service| rollout.events(service)).unwrap_or_default();
        self.news.extend(events.into_iter().map(News::Event));
    }

    /// ECS could not be asked.
    fn troubled(&mut self, state: State, error: &Error, now: Duration) -> State {
        let since = *self.trouble_since.get_or_insert(now);
        if error.is_passing() && now.saturating_sub(since) < PATIENCE {
            return state;
        }
        let explanation = self.with_reason(&format!("{error}; the service may go on by itself"));
        let next = error.hint().map(ToOwned::to_owned);
        self.end(Ended::Unknown, explanation, next)
    }

    /// The members that were changed, as they were before.
    pub(super) fn back(&self) -> Map<String, Value> {
        match (&self.plan.change, &self.live) {
            (Change::Update { input, .. }, Some(live)) => undo(input, live),
            _ => Map::new(),
        }
    }
}
