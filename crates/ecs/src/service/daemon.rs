//! Daemon services: one task on each ACTIVE container instance that meets the constraints.

use std::collections::BTreeMap;

use longshore_model::Timestamp;
use longshore_model::service::RolloutState;

use super::census::{Condition, Member};
use super::schedule::Look;
use super::{Service, ServiceKey};
use crate::cloud::Cloud;
use crate::placement;
use crate::run::Target;

/// What of a daemon's tasks is on one instance.
#[derive(Default)]
struct OnInstance<'a> {
    current: Option<(&'a String, &'a Member)>,
    /// Those of earlier deployments, and those that are one too many.
    outgoing: Vec<(&'a String, &'a Member)>,
}

/// What to do.
#[derive(Debug, Default)]
struct Moves {
    /// Tasks, each with whether it goes for its failing checks.
    stop: Vec<(String, bool)>,
    /// Instances.
    start: Vec<String>,
}

impl Cloud {
    pub(super) fn schedule_daemon(&mut self, key: &ServiceKey, now: Timestamp) -> Look {
        let is_active = self.services.get(key).is_some_and(Service::is_active);
        let eligible = if is_active { self.eligible_instances(key, now) } else { Vec::new() };
        let desired_count = i32::try_from(eligible.len()).unwrap_or(i32::MAX);
        let Some(service) = self.services.get_mut(key) else { return Look::Rested };
        if std::mem::replace(&mut service.desired_count, desired_count) != desired_count {
            let row = service.row();
            self.touch(row);
        }
        let Some(service) = self.services.get(key) else { return Look::Rested };
        let moves = moves(service, &eligible);
        let mut look = self.stop_tasks_of(key, &moves.stop, now);
        if moves.start.is_empty() {
            self.set_shortage(key, None, now);
        } else {
            let targets: Vec<Target> = moves.start.into_iter().map(Target::Instance).collect();
            let outcome = self.launch_on(key, &targets, now);
            if self.take_outcome(key, outcome, now) == Look::Acted {
                look = Look::Acted;
            }
        }
        look
    }

    /// The instances that are to have a task, whether or not there is room for it.
    fn eligible_instances(&self, key: &ServiceKey, now: Timestamp) -> Vec<String> {
        let Some((_, ask)) = self.recipe_of_service(key, now) else { return Vec::new() };
        let slots = self.clusters.get(&key.0).map(|cluster| &cluster.slots);
        let slots = slots.into_iter().flat_map(placement::Slots::iter).map(|(_, slot)| slot);
        let mut ids: Vec<String> = slots
            .filter(|slot| slot.takes_tasks && placement::suits(slot, &ask))
            .map(|slot| slot.id.clone())
            .collect();
        ids.sort_unstable();
        ids
    }
}

fn moves(service: &Service, eligible: &[String]) -> Moves {
    let Some(primary) = service.primary() else { return Moves::default() };
    if primary.state == RolloutState::Failed && service.is_active() {
        return Moves::default();
    }
    let (lower, upper) = service.bounds(eligible.len());
    let mut places: BTreeMap<&str, OnInstance<'_>> =
        eligible.iter().map(|id| (id.as_str(), OnInstance::default())).collect();
    let (mut homeless, mut stops) = (Vec::new(), Stops::default());
    for (id, member) in service.census.members().filter(|(_, member)| member.is_live()) {
        stops.live += 1;
        stops.spare += usize::from(member.condition == Condition::Healthy);
        match places.get_mut(member.instance.as_deref().unwrap_or_default()) {
            Some(place) if member.revision == primary.revision && place.current.is_none() => {
                place.current = Some((id, member));
            }
            Some(place) => place.outgoing.push((id, member)),
            None => homeless.push((id, member)),
        }
    }
    stops.spare = stops.spare.saturating_sub(lower);
    for (id, member) in homeless {
        stops.stop(id, member);
    }
    let mut bare = Vec::new();
    for (instance, place) in places {
        let condition = place.current.map(|(_, member)| member.condition);
        // An unhealthy daemon makes room for its replacement, which has nowhere else to go.
        if let Some((id, member)) = place.current.filter(|_| condition == Some(Condition::Unhealthy)) {
            stops.stop(id, member);
        }
        // So does one of an earlier deployment, as soon as something may take its place or has.
        let may_go = condition == Some(Condition::Healthy) || (condition.is_none() && service.may_start());
        let goes = |member: &Member| may_go || member.condition != Condition::Healthy;
        let left =
            place.outgoing.iter().filter(|(id, member)| !(goes(member) && stops.stop(id, member))).count();
        if condition.is_none() && left == 0 {
            bare.push(instance.to_owned());
        }
    }
    if service.may_start() {
        bare.truncate(upper.saturating_sub(stops.live));
    } else {
        bare.clear();
    }
    Moves { stop: stops.chosen, start: bare }
}

/// The tasks that are to stop, within the lower bound.
#[derive(Default)]
struct Stops {
    /// Each with whether it goes for its failing checks.
    chosen: Vec<(String, bool)>,
    /// How many tasks there are besides.
    live: usize,
    /// How many healthy ones may still go.
    spare: usize,
}

impl Stops {
    /// Stops a task if that leaves enough; gives whether it does.
    fn stop(&mut self, id: &str, member: &Member) -> bool {
        if member.condition == Condition::Healthy {
            if self.spare == 0 {
                return false;
            }
            self.spare -= 1;
        }
        self.live -= 1;
        self.chosen.push((id.to_owned(), member.condition == Condition::Unhealthy));
        true
    }
}
