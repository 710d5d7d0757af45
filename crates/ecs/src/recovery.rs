//! After a restart: which tasks go on, which are started again, and which are lost.

use std::collections::BTreeSet;

use longshore_model::Timestamp;
use longshore_model::task::{DesiredStatus, LastStatus, StopCode};

use crate::cloud::{Cloud, ContainerRef, Effect, Key};
use crate::life::reference;
use crate::task::{Stage, is_over};

/// The containers that the runtime still has.
#[derive(Debug, Clone, Default)]
pub struct Surviving(pub BTreeSet<ContainerRef>);

/// Why what ran is gone, in the words of `stoppedReason`.
#[derive(Debug, Clone)]
pub struct LostReason(pub String);

impl Cloud {
    /// The containers that should exist: those that were asked to start and were not seen to end.
    #[must_use]
    pub fn expected_containers(&self) -> Vec<ContainerRef> {
        let running = self.tasks.iter().filter(|(_, entry)| !is_over(entry));
        running
            .flat_map(|(id, entry)| {
                let up = entry.runs.iter().enumerate();
                let up = up.filter(|(_, run)| {
                    matches!(run.stage, Stage::Starting | Stage::Running | Stage::Terminating)
                });
                up.map(move |(index, _)| reference(id, entry, index))
            })
            .collect()
    }

    /// Takes up every unfinished task after a restart.
    ///
    /// A task of which everything that ran survives goes on. A task that lost a running container is stopped with the
    /// honest reason. A task of which nothing runs (nothing had started yet, or one container has ended and the next
    /// was about to start) is prepared again: it was promised. Unless it was asked to stop: then it is over.
    pub fn recover(&mut self, surviving: &Surviving, reason: &LostReason, now: Timestamp) {
        let now = self.moment(now);
        let ids: Vec<String> =
            self.tasks.iter().filter(|(_, entry)| !is_over(entry)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.recover_task(&id, surviving, reason, now);
        }
        self.unsettle_all_services();
        self.settle_services(now);
    }

    fn recover_task(&mut self, id: &str, surviving: &Surviving, reason: &LostReason, now: Timestamp) {
        let Some(entry) = self.tasks.get(id) else { return };
        let stopping = entry.view.desired_status == DesiredStatus::Stopped;
        let references: Vec<_> = (0..entry.runs.len()).map(|index| reference(id, entry, index)).collect();
        let (mut lost, mut survivors) = (false, false);
        for (index, of) in references.iter().enumerate() {
            let alive = surviving.0.contains(of);
            let Some(entry) = self.tasks.get_mut(id) else { return };
            let run = &mut entry.runs[index];
            match (run.stage, alive) {
                (Stage::Waiting | Stage::Ended, _) => continue,
                (Stage::Starting, false) => {
                    run.stage = Stage::Waiting;
                    run.asked_at = None;
                }
                (Stage::Running | Stage::Terminating, false) => lost = true,
                (Stage::Starting | Stage::Running | Stage::Terminating, true) => {
                    survivors = true;
                    self.take_up(id, index, of, now);
                }
            }
        }
        self.touch(Key::Task(id.to_owned()));
        if lost {
            self.lose(id, &references, surviving, reason, now);
        } else if survivors || stopping {
            self.advance(id, now);
        } else if let Some(entry) = self.tasks.get_mut(id) {
            entry.prepared = false;
            self.emit(Effect::Prepare(id.to_owned()));
            self.set_timer(id);
        }
    }

    /// A container that is still there. If the answer to its start was lost, that it is there is the answer; what was
    /// under way when the engine ended is asked for again.
    fn take_up(&mut self, id: &str, index: usize, of: &ContainerRef, now: Timestamp) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        let checked = entry.definition.spec.container_definitions[index].health_check.is_some();
        let run = &mut entry.runs[index];
        run.started_at.get_or_insert(now);
        let terminating = run.stage == Stage::Terminating;
        if !terminating {
            run.stage = Stage::Running;
            run.check_at = run.check_at.or(checked.then_some(now));
        }
        if entry.view.containers[index].last_status != LastStatus::Running {
            self.change_task(id, |task| task.containers[index].last_status = LastStatus::Running);
        }
        if terminating {
            self.emit(Effect::Terminate(of.clone()));
        }
    }

    fn lose(
        &mut self,
        id: &str,
        references: &[ContainerRef],
        surviving: &Surviving,
        reason: &LostReason,
        now: Timestamp,
    ) {
        for (index, of) in references.iter().enumerate() {
            let Some(entry) = self.tasks.get_mut(id) else { return };
            if entry.runs[index].stage == Stage::Ended || surviving.0.contains(of) {
                continue;
            }
            let ran = matches!(entry.runs[index].stage, Stage::Running | Stage::Terminating);
            entry.runs[index].stage = Stage::Ended;
            entry.runs[index].kill_at = None;
            self.change_task(id, |task| {
                let container = &mut task.containers[index];
                container.last_status = LastStatus::Stopped;
                if ran {
                    container.reason = Some(reason.0.clone());
                }
            });
        }
        let stopping = self.tasks.get(id).is_some_and(|it| it.view.desired_status == DesiredStatus::Stopped);
        if stopping {
            self.advance(id, now);
        } else {
            self.stop(id, StopCode::TerminationNotice, reason.0.clone(), now);
        }
    }

    /// What the host needs to know of a task to prepare it and to start its containers.
    #[must_use]
    pub fn launch(&self, id: &str) -> Option<Launch<'_>> {
        let entry = self.tasks.get(id)?;
        Some(Launch {
            cluster: &entry.cluster,
            definition: &entry.definition,
            task: &entry.view,
            on_fargate: entry.instance.is_none(),
        })
    }
}

/// What the host needs to know of a task.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// The revision with the overrides applied.
    pub definition: &'a std::sync::Arc<longshore_model::task_definition::TaskDefinition>,
    /// The task as DescribeTasks shows it.
    pub task: &'a std::sync::Arc<crate::view::TaskView>,
    /// Whether it runs on Fargate, where the task's size is a cap.
    pub on_fargate: bool,
}
