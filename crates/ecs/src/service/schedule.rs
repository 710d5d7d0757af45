//! The scheduler: looks at one service as it is and as it is wanted, and does the next thing.

use longshore_model::Timestamp;
use longshore_model::service::{RolloutState, SchedulingStrategy, ServiceStatus};
use longshore_model::task::StopCode;

use super::census::Condition;
use super::launch::Outcome;
use super::plan::{Moves, Numbers, Tally, plan};
use super::{Service, ServiceKey, Shortage, events, victims};
use crate::cloud::Cloud;

/// What a look at a service came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Something was begun, and what comes of it is looked at next.
    Acted,
    /// Nothing is left to do for now.
    Rested,
}

impl Cloud {
    /// Does what a service needs next. Once everything is as it is wanted, this changes nothing.
    pub(super) fn schedule(&mut self, key: &ServiceKey, now: Timestamp) {
        let Some(service) = self.services.get(key) else { return };
        if service.status == ServiceStatus::Inactive {
            return;
        }
        let scheduling = service.rules.scheduling;
        self.begin_rollout(key, now);
        self.break_circuit(key, now);
        let look = match scheduling {
            SchedulingStrategy::Replica => self.schedule_replica(key, now),
            SchedulingStrategy::Daemon => self.schedule_daemon(key, now),
        };
        if look == Look::Rested {
            self.conclude(key, now);
        } else if let Some(service) = self.services.get_mut(key)
            && std::mem::replace(&mut service.is_steady, false)
        {
            let row = service.row();
            self.touch(row);
        }
    }

    fn schedule_replica(&mut self, key: &ServiceKey, now: Timestamp) -> Look {
        let Some(service) = self.services.get(key) else { return Look::Rested };
        let numbers = numbers(service);
        let moves = plan(&numbers);
        self.tell_stuck(key, &numbers, &moves, now);
        let mut look = self.stop_members(key, &moves, now);
        if moves.start > 0 {
            let outcome = self.launch_replicas(key, moves.start, now);
            if self.take_outcome(key, outcome, now) == Look::Acted {
                look = Look::Acted;
            }
        } else if numbers.current.useful() >= numbers.desired {
            self.set_shortage(key, None, now);
        }
        look
    }

    /// Stops what is to be stopped, the tasks of old deployments first.
    fn stop_members(&mut self, key: &ServiceKey, moves: &Moves, now: Timestamp) -> Look {
        let Some(service) = self.services.get(key) else { return Look::Rested };
        let Some(primary) = service.primary().map(|deployment| deployment.revision) else {
            return Look::Rested;
        };
        let mut chosen = Vec::new();
        for (is_current, tally) in [(false, moves.stop_outgoing), (true, moves.stop_current)] {
            for (condition, count) in by_condition(&tally) {
                let ids = victims::pick(&service.census, count, |member| {
                    member.condition == condition
                        && is_current == (member.revision == primary && !member.is_draining)
                });
                chosen.extend(ids.into_iter().map(|id| (id, condition == Condition::Unhealthy)));
            }
        }
        self.stop_tasks_of(key, &chosen, now)
    }

    /// Stops these tasks, each with whether that is for its failing checks.
    pub(super) fn stop_tasks_of(
        &mut self,
        key: &ServiceKey,
        chosen: &[(String, bool)],
        now: Timestamp,
    ) -> Look {
        let Some(scaling) = self.services.get(key).map(Service::scaling_reason) else { return Look::Rested };
        if chosen.is_empty() {
            return Look::Rested;
        }
        for (id, is_unhealthy) in chosen {
            let reason = if *is_unhealthy { self.unhealthy_reason(id) } else { scaling.clone() };
            if *is_unhealthy {
                self.count_failure(key, id, now);
            }
            self.stop(id, StopCode::ServiceSchedulerInitiated, reason, now);
        }
        let ids: Vec<String> = chosen.iter().map(|(id, _)| id.clone()).collect();
        let message = format!("has stopped {} running tasks: {}.", ids.len(), events::named(&ids));
        self.tell(key, &message, now);
        self.tell_draining(key, &ids, now);
        Look::Acted
    }

    /// Says what was started, and remembers for want of what a task was not.
    pub(super) fn take_outcome(&mut self, key: &ServiceKey, outcome: Outcome, now: Timestamp) -> Look {
        let Outcome { started, shortage } = outcome;
        if !started.is_empty() {
            let message = format!("has started {} tasks: {}.", started.len(), events::named(&started));
            self.tell(key, &message, now);
        }
        let is_new = shortage.is_some() && self.services.get(key).is_some_and(|it| it.shortage != shortage);
        self.set_shortage(key, shortage, now);
        if started.is_empty() && !is_new {
            return Look::Rested;
        }
        // Who has just learnt that there is no room may now make some.
        self.unsettled_services.insert(key.clone());
        Look::Acted
    }

    /// Remembers for want of what a task found no place, and says so once.
    pub(super) fn set_shortage(&mut self, key: &ServiceKey, shortage: Option<Shortage>, now: Timestamp) {
        let Some(service) = self.services.get_mut(key) else { return };
        if service.shortage == shortage {
            return;
        }
        let message = shortage.as_ref().map(|it| it.message.clone());
        service.shortage = shortage;
        let row = service.row();
        self.touch(row);
        if let Some(message) = message {
            self.tell(key, &message, now);
        }
    }

    /// Says once that the bounds of the deployment leave nothing to do.
    fn tell_stuck(&mut self, key: &ServiceKey, numbers: &Numbers, moves: &Moves, now: Timestamp) {
        let Some(service) = self.services.get_mut(key) else { return };
        let is_moving = |tally: &Tally| tally.pending + tally.starting + tally.unhealthy > 0;
        let wants = numbers.may_start && !numbers.is_frozen && numbers.current.useful() < numbers.desired;
        let has_no_way = *moves == Moves::default() && service.census.leaving() == 0;
        let is_stuck = wants && has_no_way && !is_moving(&numbers.current) && !is_moving(&numbers.outgoing);
        if std::mem::replace(&mut service.is_stuck, is_stuck) != is_stuck {
            let row = service.row();
            self.touch(row);
            if is_stuck {
                self.tell(key, events::STUCK, now);
            }
        }
    }
}

/// What a replica service has and wants.
fn numbers(service: &Service) -> Numbers {
    let Some(primary) = service.primary() else { return Numbers::default() };
    let desired = service.wanted();
    let (lower, upper) = service.bounds(desired);
    let (current, outgoing) = service.census.tallies(primary.revision);
    Numbers {
        desired,
        lower,
        upper,
        current,
        outgoing,
        is_frozen: primary.state == RolloutState::Failed && service.is_active(),
        may_start: service.may_start(),
        is_short: service.shortage.as_ref().is_some_and(|shortage| shortage.is_of_resources),
    }
}

fn by_condition(tally: &Tally) -> [(Condition, usize); 4] {
    [
        (Condition::Unhealthy, tally.unhealthy),
        (Condition::Pending, tally.pending),
        (Condition::Starting, tally.starting),
        (Condition::Healthy, tally.healthy),
    ]
}
