//! The events of a service, in ECS's own sentences: newest first, at most 100.

use longshore_model::Timestamp;
use longshore_model::service::{RolloutState, ServiceEvent};

use super::{Service, ServiceKey};
use crate::api::Failure;
use crate::cloud::{Cloud, Effect};
use crate::placement::Reason;

/// "A maximum of 100 of the latest events are displayed", says the API reference.
const EVENTS_LIMIT: usize = 100;

/// Where ECS sends whoever reads of trouble.
const MORE: &str = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";

/// What is said of tasks that fail one after the other.
pub(super) const NOT_CONSISTENTLY: &str = "is unable to consistently start tasks successfully.";

/// What is said when the bounds leave nothing to do.
pub(super) const STUCK: &str = "was unable to stop or start tasks during a deployment because of the service deployment \
                                configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";

/// What subscribers are told of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNews {
    /// The service's ARN.
    pub service_arn: String,
    /// Its cluster's ARN.
    pub cluster_arn: String,
    /// What happened.
    pub what: ServiceHappening,
}

/// What happened to a service.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceHappening {
    /// A deployment began, was completed or failed.
    Deployment {
        /// Such as `ecs-svc/0123456789012345678`.
        id: String,
        /// What became of it.
        state: RolloutState,
        /// ECS's sentence.
        reason: String,
        /// When that was so.
        updated_at: Timestamp,
    },
    /// All of its tasks run, and no others.
    Steady,
    /// Its tasks fail one after the other.
    StartImpaired,
}

impl Cloud {
    /// Tells the subscribers of a service.
    pub(super) fn publish_service(&mut self, key: &ServiceKey, what: ServiceHappening) {
        if self.is_heard {
            let (service_arn, cluster_arn) = (self.scope.service(&key.0, &key.1), self.scope.cluster(&key.0));
            self.emit(Effect::ServiceChanged(Box::new(ServiceNews { service_arn, cluster_arn, what })));
        }
    }

    /// Tells the subscribers of the PRIMARY deployment as it is now.
    pub(super) fn publish_deployment(&mut self, key: &ServiceKey) {
        let Some(primary) = self.services.get(key).filter(|_| self.is_heard).and_then(Service::primary)
        else {
            return;
        };
        let what = ServiceHappening::Deployment {
            id: primary.id.clone(),
            state: primary.state,
            reason: primary.reason.clone(),
            updated_at: primary.updated_at,
        };
        self.publish_service(key, what);
    }

    /// Writes down what happened to a service: `(service NAME) message`.
    pub(super) fn tell(&mut self, key: &ServiceKey, message: &str, now: Timestamp) {
        let Some(service) = self.services.get_mut(key) else { return };
        let id = self.random.uuid();
        let message = format!("(service {}) {message}", service.name);
        service.events.push_front(ServiceEvent { id, created_at: now, message });
        service.events.truncate(EVENTS_LIMIT);
        let row = service.row();
        self.touch(row);
    }

    pub(super) fn tell_inconsistent(&mut self, key: &ServiceKey, now: Timestamp) {
        self.tell(key, &format!("{NOT_CONSISTENTLY} {MORE}"), now);
        self.publish_service(key, ServiceHappening::StartImpaired);
    }
}

/// `(task A) (task B)`.
pub(super) fn named(tasks: &[String]) -> String {
    tasks.iter().map(|id| format!("(task {id})")).collect::<Vec<_>>().join(" ")
}

/// Why a task could not be placed, and whether it is for want of what other tasks hold.
pub(super) fn unplaced(failures: &[Failure]) -> (String, bool) {
    let begin = "was unable to place a task because no container instance met all of its requirements.";
    let rank = |failure: &&Failure| {
        let reason = failure.reason.parse::<Reason>();
        match reason {
            Ok(Reason::Cpu | Reason::Memory | Reason::Gpu | Reason::Ports) => 3,
            Ok(Reason::DistinctInstance | Reason::MemberOf) => 2,
            Ok(Reason::Attribute) => 1,
            _ => 0,
        }
    };
    let Some(closest) = failures.iter().max_by_key(rank) else {
        let reason = "Reason: No Container Instances were found in your cluster.";
        return (format!("{begin} {reason} {MORE}"), false);
    };
    let instance = longshore_model::arn::last_part(closest.arn.as_deref().unwrap_or_default());
    let what = match closest.reason.parse::<Reason>() {
        Ok(Reason::Cpu) => "has insufficient CPU units available".to_owned(),
        Ok(Reason::Memory) => "has insufficient memory available".to_owned(),
        Ok(Reason::Gpu) => "has insufficient GPU resource available".to_owned(),
        Ok(Reason::Ports) => "is already using a port required by your task".to_owned(),
        Ok(Reason::Attribute) => "is missing an attribute required by your task".to_owned(),
        _ => format!("encountered error \"{}\"", closest.reason),
    };
    let closest_is = format!("The closest matching (container-instance {instance}) {what}.");
    (format!("{begin} {closest_is} {MORE}"), rank(&closest) == 3)
}

impl Service {
    /// Why a task of the service is stopped by its scheduler.
    pub(super) fn scaling_reason(&self) -> String {
        let id = self.primary().map(|deployment| deployment.id.as_str()).unwrap_or_default();
        format!("Scaling activity initiated by (deployment {id})")
    }
}
