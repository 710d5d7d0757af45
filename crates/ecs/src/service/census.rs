//! The tasks of a service as its scheduler sees them: counted when they change, so that nothing has to count them all.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::Timestamp;
use longshore_model::instance::InstanceStatus;

use super::plan::Tally;
use crate::cloud::Cloud;

/// How a task of a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Condition {
    /// Not yet RUNNING.
    Pending,
    /// RUNNING, but not yet known to be well.
    Starting,
    /// It counts.
    Healthy,
    /// It fails its checks.
    Unhealthy,
    /// It is to stop, and finishes what it has begun.
    Leaving,
}

/// One task of a service. One that was sent its stop signal is none any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) revision: u64,
    pub(super) condition: Condition,
    /// Whether its instance takes no tasks any more.
    pub(super) is_draining: bool,
    pub(super) instance: Option<String>,
    pub(super) zone: String,
    pub(super) provider: Option<String>,
    pub(super) created_at: Timestamp,
    /// When it is to be looked at again.
    pub(super) recheck_at: Option<Timestamp>,
}

impl Member {
    pub(super) fn is_live(&self) -> bool {
        self.condition != Condition::Leaving
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Census {
    members: BTreeMap<String, Member>,
    /// By revision, by whether the instance drains, and by condition.
    counts: BTreeMap<(u64, bool, Condition), usize>,
    rechecks: BTreeSet<(Timestamp, String)>,
}

impl Census {
    /// Enters how a task is now, and gives back how it was.
    pub(super) fn replace(&mut self, id: &str, member: Option<Member>) -> Option<Member> {
        if let Some(member) = &member {
            *self.counts.entry(place(member)).or_default() += 1;
            self.rechecks.extend(member.recheck_at.map(|at| (at, id.to_owned())));
        }
        let recheck_at = member.as_ref().and_then(|member| member.recheck_at);
        let before = match member {
            Some(member) => self.members.insert(id.to_owned(), member),
            None => self.members.remove(id),
        };
        if let Some(before) = &before {
            if let Some(count) = self.counts.get_mut(&place(before)) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&place(before));
                }
            }
            if let Some(at) = before.recheck_at.filter(|at| Some(*at) != recheck_at) {
                self.rechecks.remove(&(at, id.to_owned()));
            }
        }
        before
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&String, &Member)> {
        self.members.iter()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn leaving(&self) -> usize {
        let leaving = self.counts.iter().filter(|((_, _, condition), _)| *condition == Condition::Leaving);
        leaving.map(|(_, count)| count).sum()
    }

    /// Whether a revision has any task, be it one that leaves.
    pub(super) fn knows(&self, revision: u64) -> bool {
        self.counts.keys().any(|(of, _, _)| *of == revision)
    }

    /// The tasks of a revision, and all others: those on draining instances are among the others.
    pub(super) fn tallies(&self, revision: u64) -> (Tally, Tally) {
        let (mut current, mut outgoing) = (Tally::default(), Tally::default());
        for ((of, is_draining, condition), count) in &self.counts {
            let tally = if *of == revision && !is_draining { &mut current } else { &mut outgoing };
            tally.add(*condition, *count);
        }
        (current, outgoing)
    }

    /// The live tasks of one revision, wherever they are.
    pub(super) fn of_revision(&self, revision: u64) -> Tally {
        let mut tally = Tally::default();
        for ((of, _, condition), count) in &self.counts {
            if *of == revision {
                tally.add(*condition, *count);
            }
        }
        tally
    }

    /// The tasks whose time has come.
    pub(super) fn due(&self, now: Timestamp) -> Vec<String> {
        self.rechecks.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| id.clone()).collect()
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.rechecks.first().map(|(at, _)| *at)
    }
}

fn place(member: &Member) -> (u64, bool, Condition) {
    (member.revision, member.is_draining, member.condition)
}

impl Cloud {
    /// How a task is, in the eyes of its service; nothing once it was sent its stop signal.
    pub(super) fn member(&self, id: &str) -> Option<Member> {
        let entry = self.tasks.get(id)?;
        let of = entry.service.as_ref()?;
        let service = self.services.get(&self.service_of(id)?)?;
        let (condition, recheck_at) = self.condition(entry, of, service)?;
        let instance = entry.instance.as_ref().and_then(|id| self.instances.get(id));
        Some(Member {
            revision: of.revision,
            condition,
            is_draining: instance.is_some_and(|instance| instance.status != InstanceStatus::Active),
            instance: entry.instance.clone(),
            zone: entry.view.availability_zone.clone().unwrap_or_default(),
            provider: entry.view.capacity_provider_name.clone(),
            created_at: entry.view.created_at,
            recheck_at,
        })
    }

    /// Takes in what has become of a task, and what that means for its service.
    pub(super) fn take_census(&mut self, id: &str, now: Timestamp) {
        let Some(key) = self.service_of(id) else { return };
        let member = self.member(id);
        let Some(service) = self.services.get_mut(&key) else { return };
        if service.census.get(id) == member.as_ref() {
            return;
        }
        let after = member.clone();
        let before = service.census.replace(id, member);
        self.unsettled_services.insert(key.clone());
        let was_live = before.as_ref().is_some_and(Member::is_live);
        match after {
            Some(after) if after.is_live() => {
                let is_new = before.is_none_or(|before| before.condition != after.condition);
                match after.condition {
                    Condition::Healthy if is_new => self.on_healthy(&key, after.revision, now),
                    Condition::Unhealthy if is_new => self.tell_unhealthy(&key, id, now),
                    _ => {}
                }
            }
            _ if was_live => self.on_left(&key, id, now),
            _ => {}
        }
    }
}
