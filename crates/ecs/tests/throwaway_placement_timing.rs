use longshore_ecs::{expression::Expression, placement::*, random::Random};
use std::collections::BTreeMap;
#[test]
fn placement_timing() {
    let mut slots = Slots::default();
    let mut random = Random::seeded(1);
    for n in 0..10_000 {
        let mut attributes: BTreeMap<String, Option<String>> =
            (0..30).map(|k| (format!("ecs.capability.number-{k}"), None)).collect();
        attributes
            .insert("ecs.availability-zone".into(), Some(format!("us-east-1{}", ["a", "b", "c"][n % 3])));
        attributes.insert(
            "ecs.instance-type".into(),
            Some(["t2.micro", "m5.large", "c5.large"][random.below(3)].to_string()),
        );
        slots.insert(Slot {
            id: format!("{n:032x}"),
            ec2_instance_id: Some(format!("i-{n}")),
            takes_tasks: true,
            agent_connected: true,
            cpu_left: 4096 + random.below(4096) as i32,
            memory_left: 8192 + random.below(65536) as i32,
            attributes,
            ..Slot::default()
        });
    }
    let requires: Vec<_> = (0..6)
        .map(|k| longshore_model::placement::Attribute {
            name: format!("ecs.capability.number-{k}"),
            value: None,
            target_type: None,
            target_id: None,
        })
        .collect();
    let az = || Strategy::SpreadAttribute("ecs.availability-zone".into());
    let member = |e: &str| vec![Constraint::MemberOf(Expression::parse(e).unwrap())];
    let cases: Vec<(&str, Vec<Constraint>, Vec<Strategy>)> = vec![
        ("no strategy", vec![], vec![]),
        ("binpack memory", vec![], vec![Strategy::BinpackMemory]),
        ("spread AZ + binpack", vec![], vec![az(), Strategy::BinpackMemory]),
        ("spread AZ + spread instanceId", vec![], vec![az(), Strategy::SpreadInstances]),
        ("spread instanceId", vec![], vec![Strategy::SpreadInstances]),
        ("distinctInstance", vec![Constraint::DistinctInstance], vec![]),
        ("memberOf regex 1/3", member("attribute:ecs.instance-type =~ t2.*"), vec![]),
        (
            "memberOf eq + binpack",
            member("attribute:ecs.instance-type == t2.micro"),
            vec![Strategy::BinpackMemory],
        ),
        (
            "memberOf regex + spread AZ + binpack",
            member("attribute:ecs.instance-type =~ t2.*"),
            vec![az(), Strategy::BinpackMemory],
        ),
        ("worst: memberOf one in 10,000", member("ec2InstanceId == i-777"), vec![]),
        ("worst: memberOf one + binpack", member("ec2InstanceId == i-777"), vec![Strategy::BinpackMemory]),
        (
            "worst: regex none (all refused)",
            member("attribute:ecs.instance-type =~ 'x9.*'"),
            vec![Strategy::BinpackMemory],
        ),
    ];
    for (name, constraints, strategy) in cases {
        let mut slots = slots.clone();
        let ask = Ask {
            cpu: 16,
            memory: 32,
            ports: vec![],
            group: "family:web".into(),
            requires: requires.clone(),
            constraints,
            strategy,
            ..Ask::default()
        };
        let times = if name.starts_with("worst") { 100 } else { 9000 };
        let (mut place_ns, mut take_ns) = (0u128, 0u128);
        for _ in 0..times {
            let t = std::time::Instant::now();
            let found = place(&slots, &ask, &mut random);
            place_ns += t.elapsed().as_nanos();
            let t = std::time::Instant::now();
            if let Ok(i) = found {
                let _ = slots.take(i, &ask);
            }
            take_ns += t.elapsed().as_nanos();
        }
        println!(
            "{name}: place {:.1} us, take {:.1} us",
            place_ns as f64 / times as f64 / 1000.0,
            take_ns as f64 / times as f64 / 1000.0
        );
    }
}
