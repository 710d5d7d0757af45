//! Where the next task goes: container instances with what is left on them, constraints, strategies, refusals.
//!
//! Resources are compared for every instance; what is dear (attributes, ports, expressions) is asked only of the
//! instances that the strategy prefers, best first, until one says yes.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::network::TransportProtocol;
use longshore_model::placement::Attribute;
use longshore_model::{Timestamp, words};

use crate::expression::{Expression, Subject};
use crate::random::Random;

mod request;
mod slots;
#[cfg(test)]
mod tests;

use slots::NO_RANK;

pub use request::{constraints, definition_constraints, filter, strategy};
pub use slots::{NotTaken, Slots};

/// One container instance as the placer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slot {
    /// The container instance's id.
    pub id: String,
    /// `i-...`.
    pub ec2_instance_id: Option<String>,
    /// Its agent's version.
    pub agent_version: Option<String>,
    /// When it joined.
    pub registered_at: Timestamp,
    /// Tasks in RUNNING; unlike the groups it is not counted here, since placing a task does not yet run it.
    pub running_tasks_count: i32,
    /// Whether it is ACTIVE. What is not is never considered.
    pub takes_tasks: bool,
    /// Whether its agent answers.
    pub agent_connected: bool,
    /// CPU units left.
    pub cpu_left: i32,
    /// MiB left.
    pub memory_left: i32,
    /// GPUs left.
    pub gpus_left: i32,
    /// TCP ports in use.
    pub ports_tcp: BTreeSet<u16>,
    /// UDP ports in use.
    pub ports_udp: BTreeSet<u16>,
    /// What it is and can do, by plain names such as `ecs.availability-zone`.
    pub attributes: BTreeMap<String, Option<String>>,
    /// Its tasks by task group; none is 0.
    pub groups: BTreeMap<String, u32>,
}

/// What a task needs and wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// CPU units, not negative.
    pub cpu: i32,
    /// MiB, not negative.
    pub memory: i32,
    /// GPUs, not negative.
    pub gpus: i32,
    /// Fixed host ports.
    pub ports: Vec<(u16, TransportProtocol)>,
    /// The task's group, `family:NAME` unless it was given.
    pub group: String,
    /// The task definition's requiresAttributes.
    pub requires: Vec<Attribute>,
    /// All must be satisfied.
    pub constraints: Vec<Constraint>,
    /// Preferences in order; none of them means at random.
    pub strategy: Vec<Strategy>,
}

/// A placement constraint that was found valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// No other task of the group on the instance.
    DistinctInstance,
    /// The expression holds for the instance.
    MemberOf(Expression),
}

/// A placement strategy that was found valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    /// Any instance; later strategies have nothing left to choose from.
    Random,
    /// The instance with the fewest tasks of the group.
    SpreadInstances,
    /// The value of this attribute with the fewest tasks of the group; instances without the attribute are refused.
    SpreadAttribute(String),
    /// The instance with the least CPU left.
    BinpackCpu,
    /// The instance with the least memory left.
    BinpackMemory,
}

words! {
    /// Why an instance cannot take a task, in the words of `failures[].reason`.
    Reason {
        /// Its agent does not answer.
        Agent = "AGENT",
        /// It lacks an attribute that the task definition requires or that tasks are spread over.
        Attribute = "ATTRIBUTE",
        /// An expression does not hold for it.
        MemberOf = "MemberOf placement constraint unsatisfied.",
        /// It has a task of the group.
        DistinctInstance = "DistinctInstance placement constraint unsatisfied.",
        /// Not enough CPU left.
        Cpu = "RESOURCE:CPU",
        /// Not enough memory left.
        Memory = "RESOURCE:MEMORY",
        /// Not enough GPUs left.
        Gpu = "RESOURCE:GPU",
        /// A host port is in use, or is asked for twice.
        Ports = "RESOURCE:PORTS",
        /// There is no such instance.
        Missing = "MISSING",
    }
}

/// Why one instance cannot take a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The instance's index among the slots.
    pub index: usize,
    /// What it lacks.
    pub reason: Reason,
}

/// Where the next task goes, or why it fits on none of the instances that take tasks; without such an instance there
/// are no refusals. Nothing is taken yet.
pub fn place(slots: &Slots, ask: &Ask, random: &mut Random) -> Result<usize, Vec<Refusal>> {
    best(slots, ask, random).ok_or_else(|| {
        let refusal = |(index, slot)| Some(Refusal { index, reason: refusal(slot, ask)? });
        slots.iter().filter(|(_, slot)| slot.takes_tasks).filter_map(refusal).collect()
    })
}

/// Whether a named instance can take the task, as StartTask asks: constraints and strategies are for RunTask. Whether
/// the instance is ACTIVE is the caller's to ask.
pub fn fits(slot: &Slot, ask: &Ask) -> Result<(), Reason> {
    able(slot, ask)?;
    resources(slot, ask)
}

/// Whether an instance is one that a daemon's tasks are for, whether or not it has room.
pub(crate) fn suits(slot: &Slot, ask: &Ask) -> bool {
    let satisfied = |constraint: &Constraint| satisfied(slot, &ask.group, constraint);
    let mut expressions = ask.constraints.iter().filter(|it| matches!(it, Constraint::MemberOf(_)));
    able(slot, ask).is_ok() && expressions.all(|constraint| satisfied(constraint).is_ok())
}

/// The first acceptable instance in the order of the strategies.
fn best(slots: &Slots, ask: &Ask, random: &mut Random) -> Option<usize> {
    let strategy = effective(&ask.strategy);
    let mut ranks = slots.ranks(&ask.group, strategy.first());
    slots.exclude(ask, &mut ranks);
    let rest = strategy.get(1..).unwrap_or_default();
    in_order(ranks.iter().copied().zip(0..), |equals| best_of(slots, ask, equals, rest, random))
}

/// The first acceptable candidate in the order of the strategies; equals are tried in random order.
fn best_of(
    slots: &Slots,
    ask: &Ask,
    candidates: Vec<u32>,
    strategy: &[Strategy],
    random: &mut Random,
) -> Option<usize> {
    let Some((first, rest)) = strategy.split_first() else {
        return any(slots, ask, candidates, random);
    };
    let ranks = slots.ranks(&ask.group, Some(first));
    let rank = |index: u32| ranks.get(index as usize).copied().unwrap_or(NO_RANK);
    let ranked = candidates.iter().map(|index| (rank(*index), *index));
    in_order(ranked, |equals| best_of(slots, ask, equals, rest, random))
}

/// The strategies that have a say: a random choice leaves nothing to those behind it.
fn effective(strategy: &[Strategy]) -> &[Strategy] {
    strategy.split(|one| *one == Strategy::Random).next().unwrap_or_default()
}

/// How many times the least of the rest is looked for before the rest is sorted: as a rule one of the first accepts,
/// and one look is far cheaper than sorting.
const UNSORTED_ROUNDS: usize = 8;

/// What `choose` finds in the first group of equal rank in which it finds something.
fn in_order(
    ranked: impl Iterator<Item = (u32, u32)> + Clone,
    mut choose: impl FnMut(Vec<u32>) -> Option<usize>,
) -> Option<usize> {
    let mut from = 0;
    for _ in 0..UNSORTED_ROUNDS {
        let ahead = ranked.clone().map(|(rank, _)| if rank < from { NO_RANK } else { rank });
        let least = ahead.fold(NO_RANK, u32::min);
        if least == NO_RANK {
            return None;
        }
        let found =
            choose(ranked.clone().filter(|(rank, _)| *rank == least).map(|(_, index)| index).collect());
        if found.is_some() {
            return found;
        }
        from = least + 1;
    }
    let mut rest: Vec<_> = ranked.filter(|(rank, _)| (from..NO_RANK).contains(rank)).collect();
    rest.sort_unstable();
    let mut groups = rest.chunk_by(|(one, _), (next, _)| one == next);
    groups.find_map(|equals| choose(equals.iter().map(|(_, index)| *index).collect()))
}

/// Any acceptable candidate, each with the same chance.
fn any(slots: &Slots, ask: &Ask, mut candidates: Vec<u32>, random: &mut Random) -> Option<usize> {
    while !candidates.is_empty() {
        let index = candidates.swap_remove(random.below(candidates.len())) as usize;
        if slots.get(index).is_some_and(|slot| refusal(slot, ask).is_none()) {
            return Some(index);
        }
    }
    None
}

/// The one rule of what is acceptable. What an instance is comes before what is left on it: that reason does not go
/// away by waiting.
fn refusal(slot: &Slot, ask: &Ask) -> Option<Reason> {
    let checks = || {
        able(slot, ask)?;
        spreadable(slot, &ask.strategy)?;
        ask.constraints.iter().try_for_each(|constraint| satisfied(slot, &ask.group, constraint))?;
        resources(slot, ask)
    };
    checks().err()
}

fn able(slot: &Slot, ask: &Ask) -> Result<(), Reason> {
    if !slot.agent_connected {
        return Err(Reason::Agent);
    }
    let has = |wanted: &Attribute| match (slot.attributes.get(&wanted.name), &wanted.value) {
        (Some(_), None) => true,
        (Some(value), wanted) => value == wanted,
        (None, _) => false,
    };
    if ask.requires.iter().all(has) { Ok(()) } else { Err(Reason::Attribute) }
}

fn spreadable(slot: &Slot, strategy: &[Strategy]) -> Result<(), Reason> {
    let has = |one: &Strategy| match one {
        Strategy::SpreadAttribute(name) => slot.attributes.contains_key(name),
        _ => true,
    };
    if effective(strategy).iter().all(has) { Ok(()) } else { Err(Reason::Attribute) }
}

fn satisfied(slot: &Slot, group: &str, constraint: &Constraint) -> Result<(), Reason> {
    match constraint {
        Constraint::DistinctInstance if slot.groups.contains_key(group) => Err(Reason::DistinctInstance),
        Constraint::MemberOf(expression) if !expression.holds(slot) => Err(Reason::MemberOf),
        _ => Ok(()),
    }
}

fn resources(slot: &Slot, ask: &Ask) -> Result<(), Reason> {
    let distinct: BTreeSet<_> = ask.ports.iter().collect();
    if slot.cpu_left < ask.cpu {
        Err(Reason::Cpu)
    } else if slot.memory_left < ask.memory {
        Err(Reason::Memory)
    } else if slot.gpus_left < ask.gpus {
        Err(Reason::Gpu)
    } else if distinct.len() < ask.ports.len()
        || ask.ports.iter().any(|(port, protocol)| slot.ports(*protocol).contains(port))
    {
        Err(Reason::Ports)
    } else {
        Ok(())
    }
}

impl Slot {
    /// The ports in use.
    #[must_use]
    pub const fn ports(&self, protocol: TransportProtocol) -> &BTreeSet<u16> {
        match protocol {
            TransportProtocol::Tcp => &self.ports_tcp,
            TransportProtocol::Udp => &self.ports_udp,
        }
    }

    const fn ports_mut(&mut self, protocol: TransportProtocol) -> &mut BTreeSet<u16> {
        match protocol {
            TransportProtocol::Tcp => &mut self.ports_tcp,
            TransportProtocol::Udp => &mut self.ports_udp,
        }
    }
}

impl Subject for Slot {
    fn agent_connected(&self) -> bool {
        self.agent_connected
    }

    fn agent_version(&self) -> Option<&str> {
        self.agent_version.as_deref()
    }

    fn attribute(&self, name: &str) -> Option<Option<&str>> {
        self.attributes.get(name).map(Option::as_deref)
    }

    fn ec2_instance_id(&self) -> Option<&str> {
        self.ec2_instance_id.as_deref()
    }

    fn registered_at(&self) -> Timestamp {
        self.registered_at
    }

    fn running_tasks_count(&self) -> i32 {
        self.running_tasks_count
    }

    fn task_groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }
}
