//! Hooks that are tasks: a run to its end, like `longshore run`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_decide::service::{Gate, gate_spec, gate_started_by};
use longshore_model::call::ListTasks;
use longshore_model::preview::HookAction;
use longshore_model::{Error, Kind};
use longshore_world::{Ecs, HookCall, Hooks};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::run::Runner;
use longshore_decide::run::{Ended, Run};

/// The environment variable of the task with the whole context, as JSON.
const CONTEXT: &str = "LONGSHORE_HOOK";

/// Who we are, for the `stoppedReason` of a hook's task that took too long.
const WHO: &str = "longshore serve";

/// Runs hooks that are tasks. An attempt whose task was started by an earlier process is followed, and not run twice, also
/// when the task has ended meanwhile.
#[derive(Debug)]
pub struct TaskHooks {
    runner: Runner,
    ecs: Arc<dyn Ecs>,
}

impl TaskHooks {
    /// With a runner of its own.
    #[must_use]
    pub fn new(runner: Runner, ecs: Arc<dyn Ecs>) -> Self {
        Self { runner, ecs }
    }
}

#[async_trait]
impl Hooks for TaskHooks {
    async fn call(&self, call: &HookCall) -> Result<Result<(), String>, Error> {
        let HookAction::Task { task_definition, command, container } = &call.hook.action else {
            return Err(Error::new(Kind::Bug, format!("hook `{}` is no task", call.hook.name)));
        };
        let name = task_definition.as_deref().unwrap_or(&call.task_definition);
        let definition = self.runner.describe_task_definition(name).await?;
        let gate = Gate {
            name: call.hook.name.clone(),
            command: command.clone(),
            container: container.clone(),
            environment: BTreeMap::from([(CONTEXT.to_owned(), call.context.to_string())]),
            timeout: Duration::from_secs(call.hook.timeout_s.into()),
        };
        // The hook's id stands where a service's name would: each has tasks of its own.
        let mut place = call.placement.as_object().cloned().unwrap_or_default();
        place.insert("serviceName".to_owned(), Value::String(call.id.clone()));
        let owner = gate_started_by(&call.cluster, &call.id, &definition.arn, &gate);
        let mine = ListTasks {
            cluster: call.cluster.clone(),
            started_by: Some(owner.clone()),
            ..ListTasks::default()
        };
        let running = self.ecs.list_tasks(&mine).await?;
        // Tokens are made of the run's name: ECS gives the task of this attempt again, whoever asks.
        let name = format!("{owner}-{}", call.began.0);
        let mut spec = gate_spec(&gate, &place, &call.cluster, definition, running, WHO, name);
        spec.request.tags = (!call.tags.is_empty()).then(|| call.tags.clone());
        let mut run = Run::new(spec, self.runner.now());
        let (_stop, mut stopped) = mpsc::unbounded_channel();
        let outcome = self.runner.drive(&mut run, &mut stopped, &mut |_, _| {}).await;
        if outcome.result == Ended::Succeeded {
            return Ok(Ok(()));
        }
        let tail = outcome.log_tail.last().map(|line| format!(" (last line: {line})")).unwrap_or_default();
        Ok(Err(format!("{}{tail}", outcome.explanation)))
    }
}
