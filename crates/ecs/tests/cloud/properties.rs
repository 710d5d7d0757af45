//! Random lives of a whole cloud: whatever happens, and in whatever order, the sentences of `checks` hold.

use std::collections::BTreeSet;

use longshore_ecs::{Event, Request, step};
use longshore_model::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::local::{Local, caller, request, texts};
use super::story::{Op, Story};

fn op() -> impl Strategy<Value = Op> {
    let index = any::<Index>;
    prop_oneof![
        1 => (100..2000).prop_map(Op::RegisterInstance),
        1 => index().prop_map(Op::RegisterDefinition),
        1 => index().prop_map(Op::DeregisterDefinition),
        1 => index().prop_map(Op::DeleteDefinition),
        8 => (index(), 1..4, prop::option::of(0..3_u8), 0..4_u8, any::<bool>())
            .prop_map(|(shape, count, token, variant, fargate)| Op::Run { shape, count, token, variant, fargate }),
        2 => (index(), index(), 0..4_u8)
            .prop_map(|(shape, instance, variant)| Op::StartTask { shape, instance, variant }),
        3 => index().prop_map(Op::Stop),
        1 => (index(), any::<bool>()).prop_map(|(instance, on)| Op::Drain(instance, on)),
        1 => (index(), any::<bool>()).prop_map(|(instance, force)| Op::Deregister(instance, force)),
        1 => index().prop_map(Op::Tag),
        40 => (index(), any::<u8>()).prop_map(|(which, choice)| Op::Answer(which, choice)),
        3 => index().prop_map(Op::Repeat),
        8 => prop_oneof![4 => 0..12_i64, 2 => 12..100_i64, 1 => 3000..4000_i64].prop_map(Op::Wait),
        2 => (1..400_i64).prop_map(Op::Late),
        1 => any::<u64>().prop_map(Op::Restart),
    ]
}

/// What every list and description says.
fn answers(cloud: &mut longshore_ecs::Cloud, now: Timestamp) -> Vec<String> {
    let mut said = Vec::new();
    let mut ask = |operation: &str, body: Value| {
        let request: Box<Request> = Box::new(request(operation, body));
        let event = Event::Call { request, caller: caller(), size_bytes: 0 };
        let answer = step(cloud, event, now).expect("a call has an answer");
        let answer = answer.map(|answer| serde_json::to_value(answer).expect("JSON"));
        said.push(format!("{operation} {answer:?}"));
        answer.unwrap_or_default()
    };
    ask("ListClusters", json!({}));
    ask("DescribeClusters", json!({"include": ["SETTINGS", "STATISTICS", "TAGS"]}));
    for status in ["RUNNING", "STOPPED"] {
        let tasks = ask("ListTasks", json!({"desiredStatus": status}))["taskArns"].clone();
        ask("ListTasks", json!({"desiredStatus": status, "family": "chain"}));
        ask("DescribeTasks", json!({"tasks": tasks, "include": ["TAGS"]}));
    }
    for status in ["ACTIVE", "DRAINING", "INACTIVE"] {
        let listed =
            ask("ListContainerInstances", json!({"status": status}))["containerInstanceArns"].clone();
        ask("DescribeContainerInstances", json!({"containerInstances": listed, "include": ["TAGS"]}));
    }
    for status in ["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"] {
        let listed = ask("ListTaskDefinitions", json!({"status": status}))["taskDefinitionArns"].clone();
        for arn in texts(&listed) {
            ask("DescribeTaskDefinition", json!({"taskDefinition": arn, "include": ["TAGS"]}));
        }
    }
    ask("ListTaskDefinitionFamilies", json!({"status": "ALL"}));
    ask("ListAttributes", json!({"targetType": "container-instance", "attributeName": "ecs.capability.efs"}));
    said.push(format!("{:?} {:?}", cloud.next_wake(), cloud.expected_containers()));
    said
}

fn survives_a_restart(local: &mut Local) {
    let mut rebuilt = local.rebuilt();
    let now = local.now;
    for (before, after) in answers(&mut local.cloud, now).into_iter().zip(answers(&mut rebuilt, now)) {
        assert_eq!(before, after, "rows lose nothing");
    }
}

proptest! {
    // A case is a long story; PROPTEST_CASES=8000 tells two thousand.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_sentences_hold(ops in proptest::collection::vec(op(), 1..150), is_stubborn: bool) {
        let mut story = Story::new();
        for (number, op) in ops.iter().enumerate() {
            story.apply(op);
            if number % 16 == 0 || matches!(op, Op::Restart(_)) {
                survives_a_restart(&mut story.local);
            }
        }
        survives_a_restart(&mut story.local);
        story.end(is_stubborn);
        survives_a_restart(&mut story.local);
        // An hour later nobody knows of any of them.
        story.wait(3600);
        let known: BTreeSet<_> = story.checker.tasks.keys().filter(|id| story.local.cloud.launch(id).is_some()).collect();
        prop_assert!(known.is_empty(), "{known:?}");
        prop_assert!(story.local.cloud.next_wake().is_none());
    }
}
