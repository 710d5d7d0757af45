//! Examples of placing, of accounting, and of what a request may not say.

use std::collections::BTreeMap;

use longshore_model::network::TransportProtocol::{Tcp, Udp};
use longshore_model::placement::{
    Attribute, ConstraintType, PlacementConstraint, PlacementStrategy, StrategyType,
};
use longshore_model::task_definition::TaskDefinitionPlacementConstraint;

use super::*;
use crate::fault::{Fault, FaultKind};

/// An instance that takes tasks, `i-ID` in the given zone.
fn slot(id: &str, zone: &str, cpu: i32, memory: i32) -> Slot {
    Slot {
        id: id.to_owned(),
        ec2_instance_id: Some(format!("i-{id}")),
        takes_tasks: true,
        agent_connected: true,
        cpu_left: cpu,
        memory_left: memory,
        attributes: BTreeMap::from([("ecs.availability-zone".to_owned(), Some(zone.to_owned()))]),
        ..Slot::default()
    }
}

fn cluster(slots: impl IntoIterator<Item = Slot>) -> Slots {
    let mut cluster = Slots::default();
    for slot in slots {
        cluster.insert(slot);
    }
    cluster
}

fn ask(cpu: i32, memory: i32) -> Ask {
    Ask { cpu, memory, group: "family:web".into(), ..Ask::default() }
}

fn member_of(expression: &str) -> Constraint {
    Constraint::MemberOf(Expression::parse(expression).unwrap())
}

/// Places and takes `count` tasks; the ids of the instances in order.
fn run(cluster: &mut Slots, ask: &Ask, count: usize) -> Vec<String> {
    let mut random = Random::seeded(7);
    let mut ids = Vec::new();
    for _ in 0..count {
        let index = place(cluster, ask, &mut random).unwrap();
        cluster.take(index, ask).unwrap();
        ids.push(cluster.get(index).unwrap().id.clone());
    }
    ids
}

#[test]
fn each_refusal_names_what_the_instance_lacks() {
    let base = || slot("a", "us-east-1a", 1000, 1000);
    let requires = vec![Attribute {
        name: "ecs.capability.task-eni".into(),
        value: None,
        target_type: None,
        target_id: None,
    }];
    let zone_b = vec![member_of("attribute:ecs.availability-zone == us-east-1b")];
    let rack = vec![Strategy::SpreadAttribute("rack".into())];
    let table = [
        (Slot { agent_connected: false, ..base() }, ask(9999, 9999), "AGENT"),
        (base(), Ask { requires, ..ask(9999, 0) }, "ATTRIBUTE"),
        (base(), Ask { strategy: rack, ..ask(9999, 0) }, "ATTRIBUTE"),
        (base(), Ask { constraints: zone_b, ..ask(9999, 0) }, "MemberOf placement constraint unsatisfied."),
        (
            Slot { groups: BTreeMap::from([("family:web".into(), 1)]), ..base() },
            Ask { constraints: vec![Constraint::DistinctInstance], ..ask(1, 1) },
            "DistinctInstance placement constraint unsatisfied.",
        ),
        (base(), ask(1001, 1001), "RESOURCE:CPU"),
        (base(), ask(1000, 1001), "RESOURCE:MEMORY"),
        (base(), Ask { gpus: 1, ..ask(1, 1) }, "RESOURCE:GPU"),
        (
            Slot { ports_udp: [53].into(), ..base() },
            Ask { ports: vec![(53, Tcp), (53, Udp)], ..ask(1, 1) },
            "RESOURCE:PORTS",
        ),
        (base(), Ask { ports: vec![(80, Tcp), (80, Tcp)], ..ask(1, 1) }, "RESOURCE:PORTS"),
    ];
    for (slot, ask, wanted) in table {
        let refusals = place(&cluster([slot]), &ask, &mut Random::seeded(1)).unwrap_err();
        let reasons: Vec<_> =
            refusals.iter().map(|refusal| (refusal.index, refusal.reason.as_str())).collect();
        assert_eq!(reasons, [(0, wanted)], "{ask:?}");
    }
}

#[test]
fn an_attribute_is_required_with_its_value_where_one_is_given() {
    let requires = |value: Option<&str>| {
        let name = "ecs.availability-zone".to_owned();
        let value = value.map(str::to_owned);
        Ask { requires: vec![Attribute { name, value, target_type: None, target_id: None }], ..ask(1, 1) }
    };
    let slot = slot("a", "us-east-1a", 10, 10);
    assert_eq!(fits(&slot, &requires(None)), Ok(()));
    assert_eq!(fits(&slot, &requires(Some("us-east-1a"))), Ok(()));
    assert_eq!(fits(&slot, &requires(Some("us-east-1b"))), Err(Reason::Attribute));
}

#[test]
fn an_instance_that_takes_no_tasks_is_not_even_refused() {
    let draining = Slot { takes_tasks: false, ..slot("a", "us-east-1a", 1000, 1000) };
    assert_eq!(place(&cluster([draining]), &ask(1, 1), &mut Random::seeded(1)), Err(vec![]));
}

#[test]
fn start_task_minds_resources_and_capabilities_but_no_constraint() {
    let mut slot = slot("a", "us-east-1a", 10, 10);
    slot.groups.insert("family:web".into(), 1);
    let constraints = vec![Constraint::DistinctInstance, member_of("attribute:gone exists")];
    let strategy = vec![Strategy::SpreadAttribute("gone".into())];
    let ask = Ask { constraints, strategy, ..ask(10, 10) };
    assert_eq!(fits(&slot, &ask), Ok(()));
    assert_eq!(fits(&slot, &Ask { cpu: 11, ..ask.clone() }), Err(Reason::Cpu));
    slot.agent_connected = false;
    assert_eq!(fits(&slot, &ask), Err(Reason::Agent));
}

#[test]
fn spread_takes_turns_over_zones_then_instances() {
    let zones = [("a", "1a"), ("b", "1a"), ("c", "1b"), ("d", "1b")];
    let mut cluster = cluster(zones.map(|(id, zone)| slot(id, zone, 1000, 1000)));
    let zone = Strategy::SpreadAttribute("ecs.availability-zone".into());
    let ask = Ask { strategy: vec![zone, Strategy::SpreadInstances], ..ask(1, 1) };
    let mut ids = run(&mut cluster, &ask, 4);
    let zone_of = |id: &String| if id == "a" || id == "b" { "1a" } else { "1b" };
    assert_ne!(zone_of(&ids[0]), zone_of(&ids[1]));
    assert_ne!(zone_of(&ids[2]), zone_of(&ids[3]));
    ids.sort();
    assert_eq!(ids, ["a", "b", "c", "d"]);
}

#[test]
fn spread_counts_only_tasks_of_the_group() {
    let mut busy = slot("a", "1a", 1000, 1000);
    busy.groups.insert("family:other".into(), 9);
    let mut cluster = cluster([busy, slot("b", "1a", 1000, 1000)]);
    let ask = Ask { strategy: vec![Strategy::SpreadInstances], ..ask(1, 1) };
    let mut ids = run(&mut cluster, &ask, 2);
    ids.sort();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn binpack_fills_one_instance_before_the_next() {
    let mut cluster = cluster([slot("a", "1a", 1000, 500), slot("b", "1a", 900, 600)]);
    let memory = Ask { strategy: vec![Strategy::BinpackMemory], ..ask(100, 250) };
    assert_eq!(run(&mut cluster, &memory, 4), ["a", "a", "b", "b"]);
    let cpu = Ask { strategy: vec![Strategy::BinpackCpu], ..ask(100, 0) };
    assert_eq!(run(&mut cluster, &cpu, 8), ["b", "b", "b", "b", "b", "b", "b", "a"]);
}

#[test]
fn a_rare_member_is_found_behind_many_better_ranks() {
    let slots = (0..100).map(|number| slot(&number.to_string(), "1a", 1000, 100 + number));
    let constraints = vec![member_of("ec2InstanceId in [i-77, i-88]")];
    let ask = Ask { strategy: vec![Strategy::BinpackMemory], constraints, ..ask(1, 1) };
    assert_eq!(run(&mut cluster(slots), &ask, 1), ["77"]);
}

#[test]
fn without_a_strategy_every_instance_gets_its_share() {
    let cluster = cluster(["a", "b", "c", "d"].map(|id| slot(id, "1a", 1000, 1000)));
    let mut random = Random::seeded(3);
    let mut times = [0; 4];
    for _ in 0..4000 {
        times[place(&cluster, &ask(1, 1), &mut random).unwrap()] += 1;
    }
    assert!(times.iter().all(|times| (850..1150).contains(times)), "{times:?}");
}

#[test]
fn an_index_is_an_instances_own_until_it_leaves() {
    let mut cluster = cluster(["a", "b", "c"].map(|id| slot(id, "1a", 10, 10)));
    let b = cluster.find("b").unwrap();
    assert_eq!(cluster.remove(b).unwrap().id, "b");
    assert_eq!((cluster.len(), cluster.find("b"), cluster.get(b)), (2, None, None));
    assert_eq!(cluster.take(b, &ask(1, 1)), Err(Reason::Missing));
    assert_eq!(cluster.insert(slot("d", "1b", 10, 10)), b);
    let a = cluster.find("a").unwrap();
    cluster.insert(slot("a", "1a", 99, 99));
    assert_eq!((cluster.find("a"), cluster.len()), (Some(a), 3));
    assert_eq!(cluster.get(a).unwrap().cpu_left, 99);
}

#[test]
fn an_instance_that_left_is_forgotten_by_its_zone() {
    let mut cluster = cluster([slot("a", "zone-z", 10, 10), slot("b", "zone-z", 10, 10)]);
    cluster.remove(0);
    let mut next = slot("c", "zone-m", 10, 10);
    next.groups.insert("family:web".into(), 5);
    assert_eq!(cluster.insert(next), 0);
    let ask = Ask { strategy: vec![Strategy::SpreadAttribute("ecs.availability-zone".into())], ..ask(1, 1) };
    for seed in 0..20 {
        assert_eq!(place(&cluster, &ask, &mut Random::seeded(seed)), Ok(1));
    }
}

#[test]
fn a_change_is_seen_by_the_next_placement() {
    let mut cluster = cluster([slot("a", "1a", 10, 10), slot("b", "1b", 10, 10)]);
    let zones = Ask { strategy: vec![Strategy::SpreadAttribute("rack".into())], ..ask(1, 1) };
    assert!(place(&cluster, &zones, &mut Random::seeded(1)).is_err());
    cluster.update(1, |slot| slot.attributes.insert("rack".into(), None));
    assert_eq!(place(&cluster, &zones, &mut Random::seeded(1)), Ok(1));
    cluster.update(1, |slot| slot.takes_tasks = false);
    assert_eq!(place(&cluster, &ask(1, 1), &mut Random::seeded(1)), Ok(0));
    let idle = Ask { constraints: vec![member_of("runningTasksCount == 0")], ..ask(1, 1) };
    cluster.set_running_tasks_count(0, 1);
    assert!(place(&cluster, &idle, &mut Random::seeded(1)).is_err());
}

#[test]
fn nothing_is_given_back_that_was_not_taken() {
    let mut cluster = cluster([slot("a", "1a", 10, 10)]);
    let with_port = Ask { ports: vec![(80, Tcp)], ..ask(4, 4) };
    let before = cluster.clone();
    assert_eq!(cluster.give_back(0, &with_port), Err(NotTaken { what: "a port" }));
    assert_eq!(cluster.give_back(0, &ask(4, 4)), Err(NotTaken { what: "a place in its group" }));
    assert_eq!(cluster.give_back(9, &ask(4, 4)), Err(NotTaken { what: "an instance" }));
    assert_eq!(cluster, before);
    cluster.take(0, &with_port).unwrap();
    assert_eq!(cluster.take(0, &with_port), Err(Reason::Ports));
    cluster.give_back(0, &with_port).unwrap();
    assert_eq!(cluster, before);
}

fn rule(kind: Option<ConstraintType>, expression: Option<&str>) -> PlacementConstraint {
    PlacementConstraint { kind, expression: expression.map(str::to_owned) }
}

fn preference(kind: Option<StrategyType>, field: Option<&str>) -> PlacementStrategy {
    PlacementStrategy { kind, field: field.map(str::to_owned) }
}

#[test]
fn constraints_of_a_request_are_checked() {
    let member = Some(ConstraintType::MemberOf);
    let distinct = Some(ConstraintType::DistinctInstance);
    let good = [rule(distinct, None), rule(member, Some("task:group == databases"))];
    assert_eq!(
        constraints(&good),
        Ok(vec![Constraint::DistinctInstance, member_of("task:group == databases")])
    );
    let table = [
        (vec![rule(None, None)], "Placement constraint type cannot be null."),
        (vec![rule(distinct, Some(""))], "distinctInstance expression should not be specified."),
        (vec![rule(member, None)], "memberOf expression should be specified."),
        (vec![rule(member, Some(" "))], "memberOf expression should be specified."),
        (
            vec![rule(member, Some("attributes:x==y"))],
            "constraint.expression 'attributes:x==y' is not valid: expected a subject at character 1.",
        ),
        (vec![rule(distinct, None); 11], "Maximum number of constraints is 10"),
    ];
    for (given, message) in table {
        assert_eq!(constraints(&given), Err(Fault::invalid(message)));
    }
}

#[test]
fn constraints_of_a_task_definition_are_member_of_only() {
    let given = |kind: Option<&str>, expression: &str| {
        definition_constraints(&[TaskDefinitionPlacementConstraint {
            kind: kind.map(str::to_owned),
            expression: Some(expression.to_owned()),
        }])
    };
    assert_eq!(given(Some("memberOf"), "attribute:x exists"), Ok(vec![member_of("attribute:x exists")]));
    let message = "constraint.type 'distinctInstance' is not supported.";
    assert_eq!(given(Some("distinctInstance"), ""), Err(Fault::client(message)));
    assert_eq!(given(None, "").unwrap_err().kind, FaultKind::Client);
    assert_eq!(given(Some("memberOf"), "x").unwrap_err().kind, FaultKind::Client);
    let many = vec![TaskDefinitionPlacementConstraint::default(); 11];
    assert_eq!(definition_constraints(&many), Err(Fault::client("Maximum number of constraints is 10")));
}

#[test]
fn strategies_of_a_request_are_checked() {
    let (random, spread, binpack) =
        (Some(StrategyType::Random), Some(StrategyType::Spread), Some(StrategyType::Binpack));
    let good = [
        (preference(random, None), Strategy::Random),
        (preference(spread, Some("instanceId")), Strategy::SpreadInstances),
        (preference(spread, Some("attribute:rack")), Strategy::SpreadAttribute("rack".into())),
        (preference(binpack, Some("cpu")), Strategy::BinpackCpu),
        (preference(binpack, Some("MEMORY")), Strategy::BinpackMemory),
    ];
    let (given, wanted): (Vec<_>, Vec<_>) = good.into_iter().unzip();
    assert_eq!(strategy(&given), Ok(wanted));
    let known = "Valid fields are instanceId, host and attribute:NAME.";
    let table = [
        (vec![preference(None, None)], "Placement strategy type cannot be null.".to_owned()),
        (
            vec![preference(binpack, Some("disk"))],
            "Invalid field 'disk' for placement strategy 'binpack'. Valid fields are cpu and memory.".into(),
        ),
        (
            vec![preference(spread, None)],
            format!("Invalid field '' for placement strategy 'spread'. {known}"),
        ),
        (
            vec![preference(spread, Some("attribute:"))],
            format!("Invalid field 'attribute:' for placement strategy 'spread'. {known}"),
        ),
        (
            vec![preference(spread, Some("instanceId")), preference(spread, Some("host"))],
            "Placement strategy 'spread' on field 'host' is specified more than once.".into(),
        ),
        (
            vec![preference(random, None); 2],
            "Placement strategy 'random' is specified more than once.".into(),
        ),
        (vec![preference(random, None); 6], "Maximum number of strategies is 5".into()),
    ];
    for (given, message) in table {
        assert_eq!(strategy(&given), Err(Fault::invalid(message)));
    }
}

#[test]
fn a_filter_that_is_none_is_the_callers_mistake() {
    assert!(filter("attribute:stack == prod").is_ok());
    let message = "Invalid filter expression 'stack': expected a subject at character 1.";
    assert_eq!(filter("stack"), Err(Fault::invalid(message)));
}
