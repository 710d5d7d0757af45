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
        let eligible = self.eligible_instances(key, now);
        let Some(service) = self.services.get_mut(key) else { return Look::Rested };
        let desired = if service.is_active() { eligible.len() } else { 0 };
        let desired_count = i32::try_from(desired).unwrap_or(i32::MAX);
        if std::mem::replace(&mut service.desired_count, desired_count) != desired_count {
            let row = service.row();
            self.touch(row);
        }
        let Some(service) = self.services.get(key) else { return Look::Rested };
        let moves = moves(service, if desired == 0 { &[] } else { &eligible });
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
    let mut moves = Moves::default();
    let Some(primary) = service.primary() else { return moves };
    let (lower, upper) = service.bounds(eligible.len());
    let mut places: BTreeMap<&str, OnInstance<'_>> =
        eligible.iter().map(|id| (id.as_str(), OnInstance::default())).collect();
    let (mut homeless, mut healthy, mut live) = (Vec::new(), 0_usize, 0_usize);
    for (id, member) in service.census.members().filter(|(_, member)| member.is_live()) {
        live += 1;
        healthy += usize::from(member.condition == Condition::Healthy);
        match places.get_mut(member.instance.as_deref().unwrap_or_default()) {
            Some(place) if member.revision == primary.revision && place.current.is_none() => {
                place.current = Some((id, member));
            }
            Some(place) => place.outgoing.push((id, member)),
            None => homeless.push((id, member)),
        }
    }
    if primary.state == RolloutState::Failed && service.is_active() {
        return moves;
    }
    let mut spare = healthy.saturating_sub(lower);
    let mut stop = |id: &String, member: &Member, live: &mut usize| {
        if member.condition == Condition::Healthy {
            if spare == 0 {
                return;
            }
            spare -= 1;
        }
        *live -= 1;
        moves.stop.push((id.clone(), member.condition == Condition::Unhealthy));
    };
    for (id, member) in homeless {
        stop(id, member, &mut live);
    }
    for place in places.values() {
        // An unhealthy daemon makes room for its replacement, which has nowhere else to go.
        for (id, member) in
            place.current.iter().filter(|(_, member)| member.condition == Condition::Unhealthy)
        {
            stop(id, member, &mut live);
        }
        let is_replaced = place.current.is_some_and(|(_, member)| member.condition == Condition::Healthy);
        let may_wait = |member: &Member| member.condition == Condition::Healthy && !is_replaced;
        let has_room = service.may_start() && live < upper && service.shortage.is_none();
        for (id, member) in &place.outgoing {
            let waits = may_wait(member) && (place.current.is_some() || has_room || !service.may_start());
            if !waits {
                stop(id, member, &mut live);
            }
        }
    }
    if service.may_start() {
        let bare = places.iter().filter(|(_, place)| place.current.is_none()).map(|(id, _)| (*id).to_owned());
        moves.start = bare.take(upper.saturating_sub(live)).collect();
    }
    moves
}
