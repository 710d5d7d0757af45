//! Random lives of services: whatever happens, and in whatever order, the sentences of `story` hold.

use longshore_ecs::{Cloud, Event, Request, step};
use longshore_model::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::local::{caller, request, texts};
use super::story::{Op, SERVICES, Story};

fn op() -> impl Strategy<Value = Op> {
    let (index, service) = (any::<Index>, || 0..SERVICES.len());
    prop_oneof![
        4 => (service(), 0..2_usize, 0..5_usize, 0..4_usize, any::<bool>()).prop_map(
            |(service, family, desired, bounds, breaker)| Op::Create { service, family, desired, bounds, breaker }
        ),
        3 => (service(), 0..7_usize).prop_map(|(service, desired)| Op::Scale(service, desired)),
        3 => (service(), 0..2_usize).prop_map(|(service, family)| Op::Deploy(service, family)),
        2 => service().prop_map(Op::Force),
        1 => (service(), 0..4_usize).prop_map(|(service, bounds)| Op::Rebound(service, bounds)),
        1 => service().prop_map(Op::Rollback),
        1 => service().prop_map(Op::Delete),
        1 => (0..2_usize).prop_map(Op::RunTask),
        2 => index().prop_map(Op::StopTask),
        1 => (100..2000).prop_map(Op::RegisterInstance),
        2 => (index(), any::<bool>()).prop_map(|(instance, on)| Op::Drain(instance, on)),
        30 => (index(), any::<u8>()).prop_map(|(which, choice)| Op::Answer(which, choice)),
        2 => index().prop_map(Op::Repeat),
        4 => Just(Op::Work),
        10 => prop_oneof![6 => 0..8_i64, 2 => 8..60_i64, 1 => 900..4000_i64].prop_map(Op::Wait),
        2 => prop_oneof![Just(u64::MAX), any::<u64>()].prop_map(Op::Restart),
    ]
}

/// What every list and description says of services.
fn answers(cloud: &mut Cloud, now: Timestamp) -> Vec<String> {
    let mut said = Vec::new();
    let mut ask = |operation: &str, body: Value| {
        let request: Box<Request> = Box::new(request(operation, body));
        let answer = step(cloud, Event::Call { request, caller: caller(), size_bytes: 0 }, now);
        let answer = answer.expect("a call has an answer").map(|it| serde_json::to_value(it).expect("JSON"));
        said.push(format!("{operation} {answer:#?}"));
        answer.unwrap_or_default()
    };
    ask("ListServices", json!({}));
    ask("DescribeClusters", json!({}));
    ask("DescribeCapacityProviders", json!({}));
    for name in SERVICES {
        let service =
            ask("DescribeServices", json!({"services": [name], "include": ["TAGS"]}))["services"][0].clone();
        if service.is_null() {
            continue;
        }
        let deployments =
            ask("ListServiceDeployments", json!({"service": name}))["serviceDeployments"].clone();
        for deployment in deployments.as_array().into_iter().flatten() {
            ask(
                "DescribeServiceDeployments",
                json!({"serviceDeploymentArns": [deployment["serviceDeploymentArn"]]}),
            );
            let revision = deployment["targetServiceRevisionArn"].clone();
            ask("DescribeServiceRevisions", json!({"serviceRevisionArns": texts(&json!([revision]))}));
        }
    }
    said.push(format!("{:?}", cloud.next_wake()));
    said
}

fn survives_a_restart(story: &mut Story) {
    let mut rebuilt = story.local.rebuilt();
    let now = story.local.now;
    for (before, after) in answers(&mut story.local.cloud, now).into_iter().zip(answers(&mut rebuilt, now)) {
        assert_eq!(before, after, "rows lose nothing");
    }
    assert!(rebuilt.take_effects().is_empty(), "a crash between two steps changes nothing");
}

proptest! {
    // A case is a long story; PROPTEST_CASES=8000 tells a thousand.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_sentences_hold(ops in proptest::collection::vec(op(), 1..120)) {
        let mut story = Story::new();
        for (number, op) in ops.iter().enumerate() {
            story.apply(op);
            if number % 16 == 0 || matches!(op, Op::Restart(_)) {
                survives_a_restart(&mut story);
            }
        }
        story.heal();
        survives_a_restart(&mut story);
    }
}
