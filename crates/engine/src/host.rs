//! Carries out what `ecs` asks for: one runner for each task, so that its steps keep their order.

mod launch;

pub(crate) use launch::reopen;

use std::sync::Arc;

use longshore_ecs::{ContainerRef, Effect, Event, Report as EcsReport};
use longshore_model::arn::Scope;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::clock::now;
use crate::engine::Engine;
use crate::events;
use crate::output::LINES;
use crate::runtime::{ContainerKey, Report, TaskKey};
use crate::store::{Ticket, Write};
use crate::world::World;

pub(crate) fn task_key(scope: &Scope, task: &str) -> TaskKey {
    TaskKey { account: scope.account.clone(), region: scope.region.clone(), task: task.to_owned() }
}

pub(crate) fn container_key(scope: &Scope, of: &ContainerRef) -> ContainerKey {
    ContainerKey { task: task_key(scope, &of.task), name: of.container.clone(), attempt: of.attempt }
}

fn container_ref(key: &ContainerKey) -> ContainerRef {
    ContainerRef { task: key.task.task.clone(), container: key.name.clone(), attempt: key.attempt }
}

/// Takes effects from a world's outbox, in order, once what led to them is on disk.
pub(crate) async fn carry_out(
    engine: Arc<Engine>,
    world: Arc<World>,
    mut outbox: mpsc::UnboundedReceiver<(Ticket, Vec<Effect>)>,
) {
    while let Some((ticket, effects)) = outbox.recv().await {
        if ticket.durable().await.is_err() {
            // What could not be written down is not done: after a restart it is decided anew.
            continue;
        }
        for effect in effects {
            dispatch(&engine, &world, effect);
        }
    }
}

fn dispatch(engine: &Arc<Engine>, world: &Arc<World>, effect: Effect) {
    let task = match &effect {
        Effect::TaskChanged(task) => {
            engine.publish(world, |now| events::task_changed(task, &world.scope, now));
            return;
        }
        Effect::InstanceChanged(instance) => {
            engine.publish(world, |now| events::instance_changed(instance, &world.scope, now));
            return;
        }
        Effect::ServiceChanged(news) => {
            engine.publish(world, |now| events::service_changed(news, &world.scope, now));
            return;
        }
        Effect::RoutesChanged => {
            engine.balancer.changed();
            return;
        }
        Effect::Prepare(task) | Effect::Release(task) => task,
        Effect::Start(of) | Effect::Terminate(of) | Effect::Kill(of) | Effect::Check(of) => &of.task,
    };
    let key = task_key(&world.scope, task);
    let mut runners = engine.runners();
    let inbox = runners.entry(key.clone()).or_insert_with(|| {
        let (sender, inbox) = mpsc::unbounded_channel();
        tokio::spawn(run(Arc::clone(engine), Arc::clone(world), key, inbox));
        sender
    });
    drop(inbox.send(effect));
}

/// Carries out one task's effects. A runner leaves when nothing is left to do; the next effect brings a new one.
async fn run(
    engine: Arc<Engine>,
    world: Arc<World>,
    key: TaskKey,
    mut inbox: mpsc::UnboundedReceiver<Effect>,
) {
    let mut jobs = JoinSet::new();
    loop {
        let effect = tokio::select! {
            biased;
            effect = inbox.recv() => match effect {
                Some(effect) => Some(effect),
                // The engine ends, or is emptied.
                None => return,
            },
            Some(_) = jobs.join_next(), if !jobs.is_empty() => None,
        };
        match effect {
            Some(Effect::Prepare(_)) => Box::pin(launch::prepare(&engine, &world, &key)).await,
            Some(Effect::Release(_)) => {
                while jobs.join_next().await.is_some() {}
                engine.runtime.release(&key).await;
                launch::remove_directories(&engine, &key);
                engine.forget_metadata(&key);
            }
            Some(effect) => begin(&mut jobs, &engine, &world, effect),
            None => {}
        }
        // Effects are sent under this lock: none can come between the look and the leaving.
        let mut runners = engine.runners();
        if jobs.is_empty() && inbox.is_empty() {
            runners.remove(&key);
            if runners.is_empty() {
                engine.idle.notify_waiters();
            }
            return;
        }
    }
}

/// Begins what need not be waited for before the next effect.
fn begin(jobs: &mut JoinSet<()>, engine: &Arc<Engine>, world: &Arc<World>, effect: Effect) {
    let (engine, world) = (Arc::clone(engine), Arc::clone(world));
    match effect {
        Effect::Start(of) => {
            jobs.spawn(launch::start(engine, world, of));
        }
        Effect::Check(of) => {
            jobs.spawn(launch::check(engine, world, of));
        }
        Effect::Terminate(of) => {
            jobs.spawn(async move { engine.runtime.terminate(&container_key(&world.scope, &of)).await });
        }
        Effect::Kill(of) => {
            jobs.spawn(async move { engine.runtime.kill(&container_key(&world.scope, &of)).await });
        }
        Effect::Prepare(_)
        | Effect::Release(_)
        | Effect::TaskChanged(_)
        | Effect::InstanceChanged(_)
        | Effect::ServiceChanged(_)
        | Effect::RoutesChanged => {}
    }
}

/// Takes in what the runtime reports, in its order.
pub(crate) async fn take_reports(engine: Arc<Engine>, mut reports: mpsc::Receiver<Report>) {
    let mut waiting = tokio::time::interval(std::time::Duration::from_secs(1));
    loop {
        let report = tokio::select! {
            biased;
            report = reports.recv() => report,
            _ = waiting.tick() => {
                engine.output.flush_waiting();
                continue;
            }
        };
        match report {
            None => return,
            Some(Report::Lines(key, lines)) => {
                let count = engine.runtime.survives().then(|| lines_id(&key));
                engine.output.take(&key, lines, count);
            }
            Some(Report::Exited { key, exit_code, reason }) => {
                engine.output.close(&key);
                let world = engine.world(&key.task.region, &key.task.account);
                let report = EcsReport::Exited { exit_code, reason };
                // The lines were handed to the store before this: nobody sees the end without them.
                drop(world.step(Event::Container(container_ref(&key), report), now()));
                if engine.runtime.survives() {
                    let (scope, id) = (world.key(), lines_id(&key));
                    drop(engine.store.submit(vec![Write::Delete { scope, kind: LINES, id }]));
                }
            }
        }
    }
}

/// The id of the record that counts a container's stored lines.
pub(crate) fn lines_id(key: &ContainerKey) -> String {
    format!("{} {} {}", key.task.task, key.name, key.attempt)
}
