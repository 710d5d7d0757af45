//! The targets of a service's tasks: registered when a task runs, deregistered before it gets its stop signal.

use longshore_model::Timestamp;
use longshore_model::network::NetworkMode;
use longshore_model::service::LoadBalancer;
use longshore_model::task::LastStatus;
use serde::{Deserialize, Serialize};

use super::ServiceKey;
use crate::balancing::{Target, TargetState, TargetType};
use crate::cloud::{Cloud, Key};
use crate::task::{Stage, TaskEntry};

/// Where a task is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskTarget {
    /// The target group's ARN.
    pub(crate) group: String,
    pub(crate) id: String,
    pub(crate) port: u16,
    /// Whether it was asked to leave.
    pub(crate) is_deregistered: bool,
}

impl TaskTarget {
    pub(crate) fn target(&self) -> Target {
        Target { id: self.id.clone(), port: self.port }
    }

    fn place(&self) -> (String, String, u16) {
        (self.group.clone(), self.id.clone(), self.port)
    }
}

impl Cloud {
    /// Registers a task whose containers run in the target groups of its service.
    pub(crate) fn register_task(&mut self, id: &str, now: Timestamp) {
        let Some(entry) = self.tasks.get(id) else { return };
        let Some(of) = &entry.service else { return };
        let key: ServiceKey = (entry.cluster.clone(), of.name.clone());
        let revision = self.service_revisions.get(&(key.0.clone(), key.1.clone(), of.revision));
        let balancers =
            revision.map(|revision| revision.workload.load_balancers.as_slice()).unwrap_or_default();
        let targets: Vec<_> =
            balancers.iter().filter_map(|balancer| self.target_of(entry, balancer)).collect();
        for target in targets {
            self.tasks_of_targets.insert(target.place(), id.to_owned());
            self.register_target(&target.group, &target.target(), now);
            self.tell(&key, &format!("registered 1 targets in (target-group {})", target.group), now);
            if let Some(of) = self.tasks.get_mut(id).and_then(|entry| entry.service.as_mut()) {
                of.targets.push(target);
            }
            self.touch(Key::Task(id.to_owned()));
        }
    }

    /// Where a task is reached: at its own address, or at its instance and the port there.
    fn target_of(&self, entry: &TaskEntry, balancer: &LoadBalancer) -> Option<TaskTarget> {
        let group = balancer.target_group_arn.clone()?;
        let (kind, _) = self.target_group(&group)?;
        let name = balancer.container_name.as_deref()?;
        let container = entry.view.containers.iter().find(|container| container.name == name)?;
        let of_container = balancer.container_port?;
        let of_host = || {
            let mut bindings = container.network_bindings.iter();
            bindings.find(|binding| binding.container_port == Some(of_container))?.host_port
        };
        let is_awsvpc = entry.definition.spec.network_mode == Some(NetworkMode::Awsvpc);
        let port = if is_awsvpc { of_container } else { of_host().unwrap_or(of_container) };
        let id = match kind {
            TargetType::Ip => container.network_interfaces.first()?.private_ipv4_address.clone()?,
            TargetType::Instance => {
                let instance = self.instances.get(entry.instance.as_ref()?)?;
                instance.ec2_instance_id.clone().unwrap_or_else(|| instance.id.clone())
            }
        };
        Some(TaskTarget { group, id, port: u16::try_from(port).ok()?, is_deregistered: false })
    }

    /// Takes a task that is to stop out of its target groups; gives whether its containers may get their stop signals.
    pub(crate) fn leave_targets(&mut self, id: &str, now: Timestamp) -> bool {
        let Some(entry) = self.tasks.get_mut(id) else { return true };
        let runs = entry.runs.iter().any(|run| run.stage == Stage::Running);
        let cluster = entry.cluster.clone();
        let Some(of) = entry.service.as_mut().filter(|of| !of.targets.is_empty()) else { return true };
        let name = of.name.clone();
        let staying: Vec<TaskTarget> = of.targets.iter().filter(|it| !it.is_deregistered).cloned().collect();
        of.targets.iter_mut().for_each(|target| target.is_deregistered = true);
        if !staying.is_empty() {
            self.touch(Key::Task(id.to_owned()));
        }
        for target in staying {
            self.deregister_target(&target.group, &target.target(), now);
            let message = format!("deregistered 1 targets in (target-group {})", target.group);
            self.tell(&(cluster.clone(), name.clone()), &message, now);
        }
        let targets =
            self.tasks.get(id).and_then(|entry| entry.service.as_ref()).map(|of| of.targets.as_slice());
        let has_left = |target: &TaskTarget| {
            let state = self.target_state(&target.group, &target.target());
            matches!(state, None | Some(TargetState::Unused))
        };
        !runs || targets.unwrap_or_default().iter().all(has_left)
    }

    /// A task that waits for its targets to leave goes on when they have.
    pub(super) fn advance_leaving(&mut self, id: &str, now: Timestamp) {
        let waits = |entry: &TaskEntry| {
            entry.view.last_status == LastStatus::Deactivating
                && entry.service.as_ref().is_some_and(|of| !of.targets.is_empty())
        };
        if self.tasks.get(id).is_some_and(waits) {
            self.advance(id, now);
        }
    }

    /// Says that tasks finish what they have begun before they stop.
    pub(super) fn tell_draining(&mut self, key: &ServiceKey, ids: &[String], now: Timestamp) {
        let drains = |id: &&String| {
            let of = self.tasks.get(*id).and_then(|entry| entry.service.as_ref());
            of.is_some_and(|of| !of.targets.is_empty())
        };
        let count = ids.iter().filter(drains).count();
        if count > 0 {
            self.tell(key, &format!("has begun draining connections on {count} tasks."), now);
        }
    }

    /// Enters the targets of a restored task.
    pub(super) fn link_targets(&mut self, id: &str) {
        let targets =
            self.tasks.get(id).and_then(|entry| entry.service.as_ref()).map(|of| of.targets.as_slice());
        let places: Vec<_> = targets.unwrap_or_default().iter().map(TaskTarget::place).collect();
        for place in places {
            self.tasks_of_targets.insert(place, id.to_owned());
        }
    }

    /// Forgets the targets of a task that is over.
    pub(crate) fn forget_targets(&mut self, id: &str) {
        let targets =
            self.tasks.get(id).and_then(|entry| entry.service.as_ref()).map(|of| of.targets.as_slice());
        let places: Vec<_> = targets.unwrap_or_default().iter().map(TaskTarget::place).collect();
        for place in places {
            if self.tasks_of_targets.get(&place).is_some_and(|task| task == id) {
                self.tasks_of_targets.remove(&place);
            }
        }
    }
}
