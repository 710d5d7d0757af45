//! Timelines, tasks and deliveries as the JSON API shows them.

use std::collections::BTreeMap;

use longshore_model::preview::view::{DeliveryView, EntryView, ServiceView, TaskView};
use longshore_model::preview::{Delivery, DeliveryState, Entry, EntryKind, Environment, Source};
use longshore_model::seen::Task;

use super::environment::service_names;
use super::view::time;

/// A line of a timeline.
#[must_use]
pub fn entry(entry: &Entry) -> EntryView {
    let kind = match entry.kind {
        EntryKind::Intent => "intent",
        EntryKind::Done => "done",
        EntryKind::Error => "error",
        EntryKind::State => "state",
        EntryKind::Asked => "asked",
    };
    EntryView {
        at: time(entry.at),
        kind: kind.to_owned(),
        text: entry.text.clone(),
        round: entry.round.clone(),
    }
}

/// The services of an environment with their tasks, and health by task ARN as far as it is known.
#[must_use]
pub fn services(
    record: &Environment,
    tasks: &[Task],
    health: &BTreeMap<String, Result<(), String>>,
) -> Vec<ServiceView> {
    let shown = |task: &Task| TaskView {
        id: task.id().to_owned(),
        status: task.last_status.clone(),
        healthy: health.get(&task.arn).map(Result::is_ok),
        task_definition: task.task_definition_arn.rsplit('/').next().unwrap_or_default().to_owned(),
        reason: task.stopped_reason.clone(),
    };
    let of = |name: String| {
        let group = format!("service:{name}");
        let own = tasks.iter().filter(|task| task.group.as_ref() == Some(&group));
        ServiceView { tasks: own.map(shown).collect(), name }
    };
    service_names(record).into_iter().map(of).collect()
}

/// A delivery.
#[must_use]
pub fn delivery(delivery: &Delivery) -> DeliveryView {
    let (state, text) = match &delivery.state {
        DeliveryState::Accepted => ("accepted", None),
        DeliveryState::Answering(text) | DeliveryState::Done(text) => ("done", Some(text.clone())),
        DeliveryState::Ignored(why) => ("ignored", Some(why.clone())),
    };
    let source = match delivery.source {
        Source::Github => "github",
        Source::Slack => "slack",
    };
    DeliveryView {
        id: delivery.id.clone(),
        source: source.to_owned(),
        event: delivery.event.clone(),
        repository: delivery.repository.clone(),
        about: delivery.about.clone(),
        at: time(delivery.at),
        state: state.to_owned(),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{NOW, environment};
    use super::*;

    #[test]
    fn tasks_are_shown_with_their_service_and_what_is_known_of_their_health() {
        let record = environment("login");
        let name = record.names.services[0].clone();
        let task = |id: &str, group: &str| Task {
            arn: format!("arn:aws:ecs:r:1:task/c/{id}"),
            group: Some(group.to_owned()),
            last_status: "RUNNING".to_owned(),
            task_definition_arn: format!("arn:aws:ecs:r:1:task-definition/{name}:3"),
            ..Task::default()
        };
        let tasks = [task("a", &format!("service:{name}")), task("b", "family:x")];
        let health = BTreeMap::from([(tasks[0].arn.clone(), Ok(()))]);
        let shown = services(&record, &tasks, &health);
        assert_eq!((shown.len(), shown[0].tasks.len()), (1, 1));
        assert_eq!(shown[0].tasks[0].task_definition, format!("{name}:3"));
        assert_eq!((shown[0].tasks[0].id.as_str(), shown[0].tasks[0].healthy), ("a", Some(true)));
        assert_eq!(services(&record, &tasks, &BTreeMap::new())[0].tasks[0].healthy, None);
    }

    #[test]
    fn a_delivery_ends_in_a_state_that_people_can_read() {
        let mut sample = Delivery {
            id: "1".to_owned(),
            source: Source::Github,
            event: "push".to_owned(),
            repository: None,
            about: None,
            at: NOW,
            state: DeliveryState::Accepted,
        };
        assert_eq!((delivery(&sample).state.as_str(), delivery(&sample).text), ("accepted", None));
        sample.state = DeliveryState::Ignored("a tag".to_owned());
        assert_eq!(delivery(&sample).text.as_deref(), Some("a tag"));
    }
}
