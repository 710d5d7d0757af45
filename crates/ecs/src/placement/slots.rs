//! The container instances of a cluster, laid out so that ten thousand are looked through in microseconds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Ask, Constraint, Reason, Slot, Strategy, resources};

/// The container instances of a cluster. An instance keeps its index for as long as it is here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slots {
    slots: Vec<Option<Slot>>,
    /// What every placement compares, for each of `slots`.
    left: Columns,
    /// Indexes without an instance.
    free: Vec<usize>,
    by_id: BTreeMap<String, usize>,
    /// By task group: the instances that have tasks of it, in order of their index, and how many.
    tasks: BTreeMap<String, Vec<(u32, u32)>>,
    /// By attribute, then value: the instances that have it, in order of their index.
    values: BTreeMap<String, BTreeMap<Option<String>, Vec<u32>>>,
}

/// What is left on each instance, each resource for itself: a placement reads them from end to end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Columns {
    cpu: Vec<u32>,
    memory: Vec<u32>,
    gpus: Vec<u32>,
    /// `OPEN` for those that are ACTIVE, with an agent that answers. As wide as the rest, so that the compiler can
    /// compare several instances at once.
    open: Vec<u32>,
}

const OPEN: u32 = 1;

/// The rank of an instance that a strategy cannot use.
pub(super) const NO_RANK: u32 = u32::MAX;

/// Something was given back that had not been taken; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotTaken {
    /// What.
    pub what: &'static str,
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a task gave back {} that it had not taken", self.what)
    }
}

impl std::error::Error for NotTaken {}

impl Slots {
    /// Adds an instance, with the tasks that its groups name. One with the same id is replaced.
    pub fn insert(&mut self, mut slot: Slot) -> usize {
        if let Some(index) = self.find(&slot.id) {
            self.remove(index);
        }
        slot.groups.retain(|_, tasks| *tasks > 0);
        let groups: Vec<String> = slot.groups.keys().cloned().collect();
        let index = self.free.pop().unwrap_or(self.slots.len());
        self.by_id.insert(slot.id.clone(), index);
        self.list(index, &slot.attributes);
        if let Some(place) = self.slots.get_mut(index) {
            *place = Some(slot);
        } else {
            self.slots.push(Some(slot));
            self.left.extend();
        }
        self.refresh(index, groups.iter().map(String::as_str));
        index
    }

    /// Takes an instance out.
    pub fn remove(&mut self, index: usize) -> Option<Slot> {
        let slot = self.slots.get_mut(index)?.take()?;
        self.by_id.remove(&slot.id);
        self.unlist(index, &slot.attributes);
        self.refresh(index, slot.groups.keys().map(String::as_str));
        self.free.push(index);
        Some(slot)
    }

    /// Changes anything of an instance but its id; `None` when there is no such instance. The frequent changes have
    /// quicker functions of their own: `take`, `give_back` and `set_running_tasks_count`.
    pub fn update<T>(&mut self, index: usize, change: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let slot = self.slots.get_mut(index)?.as_mut()?;
        let before = slot.clone();
        let answer = change(slot);
        slot.id = before.id;
        slot.groups.retain(|_, tasks| *tasks > 0);
        let groups: BTreeSet<String> = before.groups.into_keys().chain(slot.groups.keys().cloned()).collect();
        if slot.attributes != before.attributes {
            let attributes = slot.attributes.clone();
            self.unlist(index, &before.attributes);
            self.list(index, &attributes);
        }
        self.refresh(index, groups.iter().map(String::as_str));
        Some(answer)
    }

    /// Says how many tasks are RUNNING on an instance.
    pub fn set_running_tasks_count(&mut self, index: usize, count: i32) {
        if let Some(Some(slot)) = self.slots.get_mut(index) {
            slot.running_tasks_count = count;
        }
    }

    /// The instance at an index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Slot> {
        self.slots.get(index)?.as_ref()
    }

    /// The index of an instance.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Every instance with its index.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| Some((index, slot.as_ref()?)))
    }

    /// How many instances there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Reserves on an instance what a task asks, and counts the task in its group. Nothing changes on an error.
    pub fn take(&mut self, index: usize, ask: &Ask) -> Result<(), Reason> {
        debug_assert!(ask.cpu >= 0 && ask.memory >= 0 && ask.gpus >= 0, "an ask is never negative");
        let Some(Some(slot)) = self.slots.get_mut(index) else {
            return Err(Reason::Missing);
        };
        resources(slot, ask)?;
        slot.cpu_left = slot.cpu_left.checked_sub(ask.cpu).ok_or(Reason::Cpu)?;
        slot.memory_left -= ask.memory;
        slot.gpus_left -= ask.gpus;
        for (port, protocol) in &ask.ports {
            slot.ports_mut(*protocol).insert(*port);
        }
        *slot.groups.entry(ask.group.clone()).or_default() += 1;
        self.refresh(index, [ask.group.as_str()]);
        Ok(())
    }

    /// Returns what [`Slots::take`] reserved. Nothing changes on an error.
    pub fn give_back(&mut self, index: usize, ask: &Ask) -> Result<(), NotTaken> {
        let not_taken = |what| NotTaken { what };
        let Some(Some(slot)) = self.slots.get_mut(index) else {
            return Err(not_taken("an instance"));
        };
        if ask.ports.iter().any(|(port, protocol)| !slot.ports(*protocol).contains(port)) {
            return Err(not_taken("a port"));
        }
        let cpu = slot.cpu_left.checked_add(ask.cpu).ok_or(not_taken("CPU"))?;
        let memory = slot.memory_left.checked_add(ask.memory).ok_or(not_taken("memory"))?;
        let gpus = slot.gpus_left.checked_add(ask.gpus).ok_or(not_taken("GPUs"))?;
        match slot.groups.get_mut(&ask.group) {
            None => return Err(not_taken("a place in its group")),
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => {
                slot.groups.remove(&ask.group);
            }
        }
        (slot.cpu_left, slot.memory_left, slot.gpus_left) = (cpu, memory, gpus);
        for (port, protocol) in &ask.ports {
            slot.ports_mut(*protocol).remove(port);
        }
        self.refresh(index, [ask.group.as_str()]);
        Ok(())
    }

    /// The rank of each instance under one strategy, the least being the best; `NO_RANK` for one without the attribute.
    pub(super) fn ranks(&self, group: &str, strategy: Option<&Strategy>) -> Vec<u32> {
        match strategy {
            None | Some(Strategy::Random) => vec![0; self.slots.len()],
            Some(Strategy::SpreadInstances) => self.counts(group),
            Some(Strategy::SpreadAttribute(name)) => self.counts_by_value(group, name),
            Some(Strategy::BinpackCpu) => self.left.cpu.clone(),
            Some(Strategy::BinpackMemory) => self.left.memory.clone(),
        }
    }

    /// Sets `NO_RANK` for each instance that has not enough CPU, memory or GPUs left, and for those that
    /// distinctInstance excludes: all that can be said without looking closer.
    pub(super) fn exclude(&self, ask: &Ask, ranks: &mut [u32]) {
        let [cpu, memory, gpus] = [ask.cpu, ask.memory, ask.gpus].map(amount);
        let Columns { cpu: cpus, memory: memories, gpus: all_gpus, open } = &self.left;
        let rows = cpus.iter().zip(memories).zip(all_gpus).zip(open);
        // Without a branch in the loop: half-full clusters would mispredict it.
        for (rank, (((cpu_left, memory_left), gpus_left), open)) in ranks.iter_mut().zip(rows) {
            let fits = (*open == OPEN) & (*cpu_left >= cpu) & (*memory_left >= memory) & (*gpus_left >= gpus);
            *rank = if fits { *rank } else { NO_RANK };
        }
        if ask.constraints.contains(&Constraint::DistinctInstance) {
            for (index, _) in self.tasks.get(&ask.group).into_iter().flatten() {
                if let Some(rank) = ranks.get_mut(*index as usize) {
                    *rank = NO_RANK;
                }
            }
        }
    }

    /// For each instance, the group's tasks on it.
    fn counts(&self, group: &str) -> Vec<u32> {
        let mut counts = vec![0; self.slots.len()];
        for (index, count) in self.tasks.get(group).into_iter().flatten() {
            if let Some(place) = counts.get_mut(*index as usize) {
                *place = *count;
            }
        }
        counts
    }

    /// For each instance, the group's tasks on all instances with the same value of the attribute; `NO_RANK` for those
    /// that lack it.
    fn counts_by_value(&self, group: &str, attribute: &str) -> Vec<u32> {
        let counts = self.counts(group);
        let mut sums = vec![NO_RANK; counts.len()];
        for members in self.values.get(attribute).into_iter().flat_map(BTreeMap::values) {
            let sum = members.iter().filter_map(|index| counts.get(*index as usize)).sum();
            for index in members {
                if let Some(place) = sums.get_mut(*index as usize) {
                    *place = sum;
                }
            }
        }
        sums
    }

    /// Repeats beside an instance what it now says of its resources and of these groups.
    fn refresh<'a>(&mut self, index: usize, groups: impl IntoIterator<Item = &'a str>) {
        let member = member(index);
        let slot = self.slots.get(index).and_then(Option::as_ref);
        self.left.set(index, slot);
        for group in groups {
            let count = slot.and_then(|slot| slot.groups.get(group)).copied().unwrap_or(0);
            let tasks = self.tasks.entry(group.to_owned()).or_default();
            match tasks.binary_search_by_key(&member, |(known, _)| *known) {
                Ok(place) if count == 0 => {
                    tasks.remove(place);
                }
                Ok(place) => tasks.iter_mut().skip(place).take(1).for_each(|(_, known)| *known = count),
                Err(place) if count > 0 => tasks.insert(place, (member, count)),
                Err(_) => {}
            }
            if tasks.is_empty() {
                self.tasks.remove(group);
            }
        }
    }

    fn list(&mut self, index: usize, attributes: &BTreeMap<String, Option<String>>) {
        for (name, value) in attributes {
            let members = self.values.entry(name.clone()).or_default().entry(value.clone()).or_default();
            if let Err(place) = members.binary_search(&member(index)) {
                members.insert(place, member(index));
            }
        }
    }

    fn unlist(&mut self, index: usize, attributes: &BTreeMap<String, Option<String>>) {
        for (name, value) in attributes {
            let Some(values) = self.values.get_mut(name) else { continue };
            let Some(members) = values.get_mut(value) else { continue };
            if let Ok(place) = members.binary_search(&member(index)) {
                members.remove(place);
            }
            if members.is_empty() {
                values.remove(value);
            }
            if values.is_empty() {
                self.values.remove(name);
            }
        }
    }
}

impl Columns {
    fn extend(&mut self) {
        self.cpu.push(0);
        self.memory.push(0);
        self.gpus.push(0);
        self.open.push(0);
    }

    fn set(&mut self, index: usize, slot: Option<&Slot>) {
        let places = (self.cpu.get_mut(index), self.memory.get_mut(index), self.gpus.get_mut(index));
        if let (Some(cpu), Some(memory), Some(gpus)) = places {
            *cpu = slot.map_or(0, |slot| amount(slot.cpu_left));
            *memory = slot.map_or(0, |slot| amount(slot.memory_left));
            *gpus = slot.map_or(0, |slot| amount(slot.gpus_left));
        }
        if let Some(open) = self.open.get_mut(index) {
            let is_open = slot.is_some_and(|slot| slot.takes_tasks && slot.agent_connected);
            *open = if is_open { OPEN } else { 0 };
        }
    }
}

fn amount(of: i32) -> u32 {
    u32::try_from(of).unwrap_or(0)
}

/// Half as wide as an index, which halves what a placement reads.
fn member(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
