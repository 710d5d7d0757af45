//! Random clusters and tasks: every placement is legal and the best, every refusal is true, and accounts balance.
//!
//! The validator here is written apart from the placer: slow, plain, and from the words of the ECS guide.

use std::collections::{BTreeMap, BTreeSet};

use longshore_ecs::expression::Expression;
use longshore_ecs::placement::{Ask, Constraint, Slot, Slots, Strategy as Preference, fits, place};
use longshore_ecs::random::Random;
use longshore_model::Timestamp;
use longshore_model::network::TransportProtocol;
use longshore_model::placement::Attribute;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// A query, and what it means in Rust.
type Query = (&'static str, fn(&Slot) -> bool);

const QUERIES: &[Query] = &[
    ("attribute:zone == a", |slot| slot.attributes.get("zone") == Some(&Some("a".into()))),
    ("attribute:zone != a", |slot| slot.attributes.get("zone").is_some_and(|zone| *zone != Some("a".into()))),
    ("attribute:zone in [b, c]", |slot| {
        slot.attributes.get("zone").is_some_and(|zone| ["b", "c"].contains(&zone.as_deref().unwrap_or("")))
    }),
    ("attribute:rack !exists", |slot| !slot.attributes.contains_key("rack")),
    ("task:group == family:db", |slot| slot.groups.contains_key("family:db")),
    ("not(task:group =~ family:.*) or runningTasksCount < 2", |slot| {
        !slot.groups.keys().any(|group| group.starts_with("family:")) || slot.running_tasks_count < 2
    }),
];

/// Everything that keeps a task off an instance; whether constraints and strategies count is said.
fn obstacles(slot: &Slot, ask: &Ask, by_name: bool) -> Vec<&'static str> {
    let mut found = Vec::new();
    if !slot.agent_connected {
        found.push("AGENT");
    }
    for wanted in &ask.requires {
        match slot.attributes.get(&wanted.name) {
            Some(value) if wanted.value.is_none() || *value == wanted.value => {}
            _ => found.push("ATTRIBUTE"),
        }
    }
    if slot.cpu_left < ask.cpu {
        found.push("RESOURCE:CPU");
    }
    if slot.memory_left < ask.memory {
        found.push("RESOURCE:MEMORY");
    }
    if slot.gpus_left < ask.gpus {
        found.push("RESOURCE:GPU");
    }
    let mut ports: BTreeSet<(u16, TransportProtocol)> =
        slot.ports_tcp.iter().map(|port| (*port, TransportProtocol::Tcp)).collect();
    ports.extend(slot.ports_udp.iter().map(|port| (*port, TransportProtocol::Udp)));
    if !ask.ports.iter().all(|port| ports.insert(*port)) {
        found.push("RESOURCE:PORTS");
    }
    if by_name {
        return found;
    }
    for constraint in &ask.constraints {
        match constraint {
            Constraint::DistinctInstance if slot.groups.contains_key(&ask.group) => {
                found.push("DistinctInstance placement constraint unsatisfied.");
            }
            Constraint::DistinctInstance => {}
            Constraint::MemberOf(expression) => {
                let query =
                    QUERIES.iter().find(|(text, _)| Expression::parse(text).as_ref() == Ok(expression));
                if !query.is_some_and(|(_, holds)| holds(slot)) {
                    found.push("MemberOf placement constraint unsatisfied.");
                }
            }
        }
    }
    for preference in &ask.strategy {
        match preference {
            Preference::Random => break,
            Preference::SpreadAttribute(name) if !slot.attributes.contains_key(name) => {
                found.push("ATTRIBUTE")
            }
            _ => {}
        }
    }
    found
}

/// How good an instance is: one number for each strategy that has a say, the least being the best.
fn merit(slot: &Slot, all: &[(usize, Slot)], ask: &Ask) -> Vec<i64> {
    let tasks = |slot: &Slot| i64::from(slot.groups.get(&ask.group).copied().unwrap_or(0));
    let mut merit = Vec::new();
    for preference in &ask.strategy {
        merit.push(match preference {
            Preference::Random => break,
            Preference::SpreadInstances => tasks(slot),
            Preference::SpreadAttribute(name) => {
                let same = |other: &&(usize, Slot)| other.1.attributes.get(name) == slot.attributes.get(name);
                all.iter().filter(same).map(|(_, other)| tasks(other)).sum()
            }
            Preference::BinpackCpu => i64::from(slot.cpu_left),
            Preference::BinpackMemory => i64::from(slot.memory_left),
        });
    }
    merit
}

/// Places a task and checks the answer against the two functions above.
fn place_and_check(slots: &Slots, ask: &Ask, random: &mut Random) -> Result<Option<usize>, TestCaseError> {
    let all: Vec<(usize, Slot)> = slots.iter().map(|(index, slot)| (index, slot.clone())).collect();
    let active: Vec<_> = all.iter().filter(|(_, slot)| slot.takes_tasks).collect();
    let legal = active.iter().filter(|(_, slot)| obstacles(slot, ask, false).is_empty());
    let best = legal.map(|(_, slot)| merit(slot, &all, ask)).min();
    match place(slots, ask, random) {
        Ok(index) => {
            let chosen = active.iter().find(|(at, _)| *at == index);
            prop_assert!(chosen.is_some(), "{index} is not an active instance");
            if let Some((_, slot)) = chosen {
                prop_assert_eq!(obstacles(slot, ask, false), Vec::<&str>::new());
                prop_assert_eq!(Some(merit(slot, &all, ask)), best.clone());
            }
            Ok(Some(index))
        }
        Err(refusals) => {
            prop_assert_eq!(best, None, "refused although an instance could take it");
            let refused: Vec<usize> = refusals.iter().map(|refusal| refusal.index).collect();
            prop_assert_eq!(refused, active.iter().map(|(index, _)| *index).collect::<Vec<_>>());
            for (refusal, (_, slot)) in refusals.iter().zip(active) {
                prop_assert!(obstacles(slot, ask, false).contains(&refusal.reason.as_str()), "{:?}", refusal);
            }
            Ok(None)
        }
    }
}

fn group() -> impl Strategy<Value = String> {
    select(vec!["family:web", "family:db", "workers"]).prop_map(str::to_owned)
}

fn attributes() -> impl Strategy<Value = BTreeMap<String, Option<String>>> {
    let value = prop::option::weighted(0.9, select(vec!["a", "b", "c"]).prop_map(str::to_owned));
    prop::collection::btree_map(select(vec!["zone", "rack", "gpu"]).prop_map(str::to_owned), value, 0..4)
}

fn slot() -> impl Strategy<Value = Slot> {
    let ports = || prop::collection::btree_set(80_u16..84, 0..2);
    let resources = (-1..12, 0..12, 0..3, ports(), ports());
    let state = (prop::bool::weighted(0.85), prop::bool::weighted(0.85), 0..4);
    let groups = prop::collection::btree_map(group(), 1_u32..3, 0..2);
    (resources, state, attributes(), groups).prop_map(|(resources, state, attributes, groups)| {
        let (cpu_left, memory_left, gpus_left, ports_tcp, ports_udp) = resources;
        let (takes_tasks, agent_connected, running_tasks_count) = state;
        Slot {
            registered_at: Timestamp(0),
            running_tasks_count,
            takes_tasks,
            agent_connected,
            cpu_left,
            memory_left,
            gpus_left,
            ports_tcp,
            ports_udp,
            attributes,
            groups,
            ..Slot::default()
        }
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let protocol = select(vec![TransportProtocol::Tcp, TransportProtocol::Udp]);
    let ports = prop::collection::vec((80_u16..84, protocol), 0..2);
    let requires = attributes().prop_map(|attributes| {
        let attribute = |(name, value)| Attribute { name, value, target_type: None, target_id: None };
        attributes.into_iter().take(1).map(attribute).collect::<Vec<_>>()
    });
    let constraint = prop_oneof![
        Just(Constraint::DistinctInstance),
        select(QUERIES)
            .prop_filter_map("queries", |(text, _)| Expression::parse(text).ok().map(Constraint::MemberOf)),
    ];
    let preferences = vec![
        Preference::SpreadAttribute("zone".into()),
        Preference::SpreadAttribute("rack".into()),
        Preference::SpreadInstances,
        Preference::BinpackCpu,
        Preference::BinpackMemory,
        Preference::Random,
    ];
    let strategy = subsequence(preferences, 0..4).prop_shuffle();
    let requires = prop_oneof![2 => Just(Vec::new()), 1 => requires];
    let constraints = prop::collection::vec(constraint, 0..2);
    ((0..5, 0..5, 0..2, ports), group(), requires, constraints, strategy).prop_map(
        |((cpu, memory, gpus, ports), group, requires, constraints, strategy)| Ask {
            cpu,
            memory,
            gpus,
            ports,
            group,
            requires,
            constraints,
            strategy,
        },
    )
}

fn cluster(size: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Slot>> {
    prop::collection::vec(slot(), size).prop_map(|mut slots| {
        for (number, slot) in slots.iter_mut().enumerate() {
            slot.id = number.to_string();
        }
        slots
    })
}

fn slots_of(given: &[Slot]) -> Slots {
    let mut slots = Slots::default();
    for slot in given {
        slots.insert(slot.clone());
    }
    slots
}

/// Something that happens to a cluster.
#[derive(Debug, Clone)]
enum Step {
    Place(Ask),
    GiveBack(usize),
    Replace(usize, Slot),
    Remove(usize),
    Change(usize, Slot),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => ask().prop_map(Step::Place),
        3 => (0_usize..32).prop_map(Step::GiveBack),
        2 => (0_usize..8, slot()).prop_map(|(number, slot)| Step::Replace(number, slot)),
        1 => (0_usize..8).prop_map(Step::Remove),
        2 => (0_usize..8, slot()).prop_map(|(number, slot)| Step::Change(number, slot)),
    ]
}

/// What is on an instance when exactly these tasks were taken from what it began with.
fn after(began: &Slot, tasks: &[(usize, Ask)], index: usize) -> Slot {
    let mut slot = began.clone();
    for (_, ask) in tasks.iter().filter(|(at, _)| *at == index) {
        slot.cpu_left -= ask.cpu;
        slot.memory_left -= ask.memory;
        slot.gpus_left -= ask.gpus;
        for (port, protocol) in &ask.ports {
            match protocol {
                TransportProtocol::Tcp => slot.ports_tcp.insert(*port),
                TransportProtocol::Udp => slot.ports_udp.insert(*port),
            };
        }
        *slot.groups.entry(ask.group.clone()).or_default() += 1;
    }
    slot
}

proptest! {
    #[test]
    fn each_placement_is_legal_and_best_and_each_refusal_true(
        cluster in cluster(0..12), asks in prop::collection::vec(ask(), 1..8), seed in any::<u64>()
    ) {
        let mut slots = slots_of(&cluster);
        let mut random = Random::seeded(seed);
        for ask in asks {
            if let Some(index) = place_and_check(&slots, &ask, &mut random)? {
                prop_assert_eq!(slots.take(index, &ask), Ok(()));
            }
        }
    }

    /// Larger than the number of ranks that are looked for before the rest is sorted.
    #[test]
    fn the_best_is_found_far_behind_the_first_ranks(
        cluster in cluster(40..60), ask in ask(), query in select(QUERIES), seed in any::<u64>()
    ) {
        let constraints = Expression::parse(query.0).map(Constraint::MemberOf).into_iter().collect();
        let mut cluster = cluster;
        for (number, slot) in (0..).zip(&mut cluster) {
            slot.memory_left = 10 + number / 2;
        }
        let strategy = vec![Preference::BinpackMemory, Preference::BinpackCpu];
        let ask = Ask { constraints, strategy, ..ask };
        place_and_check(&slots_of(&cluster), &ask, &mut Random::seeded(seed))?;
    }

    #[test]
    fn start_task_is_refused_for_resources_and_capabilities_only(slot in slot(), ask in ask()) {
        let obstacles = obstacles(&slot, &ask, true);
        match fits(&slot, &ask) {
            Ok(()) => prop_assert_eq!(obstacles, Vec::<&str>::new()),
            Err(reason) => prop_assert!(obstacles.contains(&reason.as_str()), "{} of {:?}", reason, obstacles),
        }
    }

    #[test]
    fn accounts_balance_whatever_happens(
        given in cluster(4..8), steps in prop::collection::vec(step(), 1..40), seed in any::<u64>()
    ) {
        let mut slots = slots_of(&given);
        let mut random = Random::seeded(seed);
        let mut began: BTreeMap<usize, Slot> = slots.iter().map(|(index, slot)| (index, slot.clone())).collect();
        let mut tasks: Vec<(usize, Ask)> = Vec::new();
        for step in steps {
            match step {
                Step::Place(ask) => {
                    if let Some(index) = place_and_check(&slots, &ask, &mut random)? {
                        prop_assert_eq!(slots.take(index, &ask), Ok(()));
                        tasks.push((index, ask));
                    }
                }
                Step::GiveBack(number) if !tasks.is_empty() => {
                    let (index, ask) = tasks.swap_remove(number % tasks.len());
                    prop_assert_eq!(slots.give_back(index, &ask), Ok(()));
                }
                Step::GiveBack(_) => {}
                Step::Replace(number, slot) => {
                    let slot = Slot { id: number.to_string(), ..slot };
                    if let Some(index) = slots.find(&slot.id) {
                        began.remove(&index);
                        tasks.retain(|(at, _)| *at != index);
                    }
                    let index = slots.insert(slot.clone());
                    began.insert(index, slot);
                }
                Step::Remove(number) => {
                    if let Some(index) = slots.find(&number.to_string()) {
                        prop_assert!(slots.remove(index).is_some());
                        began.remove(&index);
                        tasks.retain(|(at, _)| *at != index);
                    }
                }
                Step::Change(number, to) => {
                    if let Some(index) = slots.find(&number.to_string()) {
                        slots.update(index, |slot| change(slot, &to));
                        began.entry(index).and_modify(|slot| change(slot, &to));
                    }
                }
            }
            for (index, slot) in slots.iter() {
                let wanted = began.get(&index).map(|began| after(began, &tasks, index));
                prop_assert_eq!(Some(slot), wanted.as_ref());
            }
            prop_assert_eq!(slots.iter().count(), began.len());
        }
        for (index, ask) in tasks {
            prop_assert_eq!(slots.give_back(index, &ask), Ok(()));
        }
        let ended: BTreeMap<usize, Slot> = slots.iter().map(|(index, slot)| (index, slot.clone())).collect();
        prop_assert_eq!(ended, began);
    }

    #[test]
    fn no_resource_goes_below_zero(given in cluster(1..6), asks in prop::collection::vec((ask(), 0_usize..6), 1..40)) {
        let mut slots = slots_of(&given);
        for (ask, index) in asks {
            let before = slots.clone();
            let wanted = slots.get(index).is_some_and(|slot| {
                obstacles(slot, &ask, true).iter().all(|obstacle| !obstacle.starts_with("RESOURCE"))
            });
            prop_assert_eq!(slots.take(index, &ask).is_ok(), wanted);
            if !wanted {
                prop_assert_eq!(&slots, &before);
            }
            for (slot, began) in slots.iter().map(|(_, slot)| slot).zip(&given) {
                prop_assert!(slot.cpu_left >= began.cpu_left.min(0), "{:?}", slot);
                prop_assert!(slot.memory_left >= 0 && slot.gpus_left >= 0, "{:?}", slot);
            }
        }
    }
}

/// What an instance may become while tasks are on it.
fn change(slot: &mut Slot, to: &Slot) {
    slot.attributes.clone_from(&to.attributes);
    slot.takes_tasks = to.takes_tasks;
    slot.agent_connected = to.agent_connected;
    slot.running_tasks_count = to.running_tasks_count;
}
