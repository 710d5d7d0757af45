//! One task of a definition that a test writes down, and what happens to it, by its containers' names.

use longshore_ecs::{ContainerRef, Effect, Event, Report};
use longshore_model::task::{Container, Task};
use serde_json::{Value, json};

use super::fake_runtime::{exited, prepared, started};
use super::local::{Local, id_of, text};

/// One task on one instance.
pub(super) struct OneTask {
    pub(super) local: Local,
    pub(super) id: String,
}

impl OneTask {
    /// A task that was asked for.
    pub(super) fn asked(containers: Value) -> Self {
        let (mut local, _) = Local::with_instance(4096, 4096);
        let mut containers = containers;
        for container in containers.as_array_mut().into_iter().flatten() {
            container["image"] = json!("busybox");
            container["memory"] = json!(16);
        }
        let body = json!({"family": "web", "containerDefinitions": containers});
        local.must("RegisterTaskDefinition", body);
        let answer = local.must("RunTask", json!({"taskDefinition": "web"}));
        let id = id_of(&text(&answer["tasks"][0]["taskArn"]));
        Self { local, id }
    }

    /// A task that was made ready: its first containers are being started.
    pub(super) fn prepared(containers: Value) -> Self {
        let mut task = Self::asked(containers);
        assert_eq!(task.effects(), ["Prepare"]);
        task.local.tell(prepared(task.id.clone()));
        task
    }

    /// What the runtime was asked for since the last look, in order: `Start main`, `Kill main`, `Release`; a restarted
    /// container as `main#1`.
    pub(super) fn effects(&mut self) -> Vec<String> {
        let name = |of: &ContainerRef| match of.attempt {
            0 => of.container.clone(),
            attempt => format!("{}#{attempt}", of.container),
        };
        let effects = self.local.take_effects();
        let words = effects.iter().filter_map(|effect| match effect {
            Effect::Prepare(_) => Some("Prepare".to_owned()),
            Effect::Release(_) => Some("Release".to_owned()),
            Effect::Start(of) => Some(format!("Start {}", name(of))),
            Effect::Terminate(of) => Some(format!("Terminate {}", name(of))),
            Effect::Kill(of) => Some(format!("Kill {}", name(of))),
            Effect::Check(of) => Some(format!("Check {}", name(of))),
            Effect::TaskChanged(_)
            | Effect::InstanceChanged(_)
            | Effect::ServiceChanged(_)
            | Effect::RoutesChanged => None,
        });
        words.collect()
    }

    pub(super) fn start(&mut self, name: &str) {
        let of = self.reference(name);
        self.local.tell(started(of));
    }

    pub(super) fn exit(&mut self, name: &str, code: i32) {
        let of = self.reference(name);
        self.local.tell(exited(of, code));
    }

    pub(super) fn fail_to_start(&mut self, name: &str) {
        let report = Report::StartFailed { reason: "CannotStartContainerError: no".into() };
        self.local.tell(Event::Container(self.reference(name), report));
    }

    pub(super) fn check(&mut self, name: &str, healthy: bool) {
        self.local.tell(Event::Container(self.reference(name), Report::Checked { healthy }));
    }

    pub(super) fn stop(&mut self) {
        self.local.must("StopTask", json!({"task": self.id}));
    }

    /// The container's present start.
    pub(super) fn reference(&self, name: &str) -> ContainerRef {
        let up = self.local.cloud.expected_containers().into_iter().find(|of| of.container == name);
        up.unwrap_or_else(|| ContainerRef { task: self.id.clone(), container: name.to_owned(), attempt: 0 })
    }

    pub(super) fn view(&self) -> Task {
        self.local.task(&self.id)
    }

    pub(super) fn container(&self, name: &str) -> Container {
        let found = self.view().containers.into_iter().find(|it| it.name == name);
        found.unwrap_or_else(|| panic!("no container {name}"))
    }

    /// Where the task is, and why it ends: `STOPPED EssentialContainerExited Essential container in task exited`.
    pub(super) fn state(&self) -> String {
        let view = self.view();
        let code = view.stop_code.map_or(String::new(), |code| format!(" {code}"));
        let reason = view.stopped_reason.map_or(String::new(), |reason| format!(" {reason}"));
        format!("{}{code}{reason}", view.last_status)
    }
}

/// What one container waits for.
pub(super) fn after(name: &str, condition: &str) -> Value {
    json!([{"containerName": name, "condition": condition}])
}
