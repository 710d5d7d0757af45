//! How long placing a task takes among 10,000 container instances: a line for each case, name and microseconds.
//!
//! `cargo run --release --package longshore-ecs --example placement`

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use longshore_ecs::placement::{Ask, Slot, Slots, constraints, place, strategy};
use longshore_ecs::random::Random;
use longshore_model::placement::{ConstraintType, PlacementConstraint, PlacementStrategy, StrategyType};

const INSTANCES: usize = 10_000;
const TASKS: u32 = 5_000;
const ZONES: [&str; 3] = ["eu-west-1a", "eu-west-1b", "eu-west-1c"];
const TYPES: [&str; 3] = ["t3.large", "m7i.large", "c7i.large"];

/// Instances of three types in three zones.
fn cluster() -> Slots {
    let mut slots = Slots::default();
    for number in 0..INSTANCES {
        let mut attributes = BTreeMap::new();
        let mut set = |name: &str, value: &str| attributes.insert(name.to_owned(), Some(value.to_owned()));
        set("ecs.availability-zone", ZONES[number % ZONES.len()]);
        set("ecs.instance-type", TYPES[(number / ZONES.len()) % TYPES.len()]);
        slots.insert(Slot {
            id: format!("{number:032x}"),
            takes_tasks: true,
            agent_connected: true,
            cpu_left: 2048,
            memory_left: 8192,
            attributes,
            ..Slot::default()
        });
    }
    slots
}

fn prefer(kind: StrategyType, field: &str) -> PlacementStrategy {
    PlacementStrategy { kind: Some(kind), field: Some(field.to_owned()) }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let large = PlacementConstraint {
        kind: Some(ConstraintType::MemberOf),
        expression: Some("attribute:ecs.instance-type =~ m7i.*".to_owned()),
    };
    let zones = prefer(StrategyType::Spread, "attribute:ecs.availability-zone");
    let memory = prefer(StrategyType::Binpack, "memory");
    let instances = prefer(StrategyType::Spread, "instanceId");
    let cases: [(&str, Vec<PlacementStrategy>, Vec<PlacementConstraint>); 5] = [
        ("no strategy", vec![], vec![]),
        ("binpack memory", vec![memory.clone()], vec![]),
        ("spread instanceId", vec![instances], vec![]),
        ("spread zones, binpack memory", vec![zones, memory], vec![]),
        ("memberOf with a regular expression", vec![], vec![large]),
    ];
    let mut out = std::io::stdout().lock();
    for (name, strategies, rules) in cases {
        let ask = Ask {
            cpu: 256,
            memory: 512,
            group: "family:web".to_owned(),
            constraints: constraints(&rules)?,
            strategy: strategy(&strategies)?,
            ..Ask::default()
        };
        writeln!(out, "{name}\t{:.1}", each(&ask).as_secs_f64() * 1e6)?;
    }
    Ok(())
}

/// Places tasks one after the other, as RunTask does, and gives the time that each took.
fn each(ask: &Ask) -> Duration {
    let mut slots = cluster();
    let mut random = Random::seeded(7);
    #[expect(clippy::disallowed_methods, reason = "a measure reads the clock")]
    let start = std::time::Instant::now();
    for _ in 0..TASKS {
        let placed = place(&slots, ask, &mut random).is_ok_and(|index| slots.take(index, ask).is_ok());
        assert!(placed, "there is room for every task");
    }
    start.elapsed() / TASKS
}
