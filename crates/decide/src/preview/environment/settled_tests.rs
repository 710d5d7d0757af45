//! What is settled is looked at by its tasks alone, and anew when these are not what they should be.

use std::sync::Arc;

use longshore_model::preview::{Deployed, State};
use longshore_model::seen::Task;

use super::super::samples;
use super::super::seen::{Look, Seen};
use super::super::tokens::shape;

#[test]
fn too_few_and_too_many_tasks_are_a_reason_to_look() {
    let policy = Arc::new(samples::policy());
    let mut record = samples::record();
    let now = record.progress.created_at;
    record.state = State::Ready;
    record.progress.actions = 2;
    record.progress.steady = true;
    record.progress.deployed = Some(Deployed {
        revision: record.wish.revision.clone(),
        attempt: record.wish.attempt,
        task_definitions: vec!["shop-x:1".into()],
        shape: shape(&policy),
        at: now,
    });
    let task = |number: usize| Task {
        arn: format!("task/{number}"),
        task_definition_arn: "shop-x:1".into(),
        last_status: "RUNNING".into(),
        desired_status: "RUNNING".into(),
        private_ip: Some("10.0.0.1".into()),
        ..Task::default()
    };
    for (count, is_settled) in [(0, false), (1, true), (2, false)] {
        let tasks = Look::Seen((0..count).map(task).collect());
        let seen = Seen { policy: Some(Arc::clone(&policy)), has_room: true, tasks, ..Seen::default() };
        let plan = super::super::decide(&record, &seen, now);
        assert_eq!(plan.record.progress.steady, is_settled, "{count} tasks");
    }
}
