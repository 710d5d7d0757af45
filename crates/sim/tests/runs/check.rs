//! What must be true of every story.

use std::time::Duration;

use longshore_decide::run::Ended;
use longshore_sim::{End, Known};

use crate::scenario::Scenario;
use crate::story::Story;
use crate::support::Shown;

/// What is wrong with a story.
pub(crate) fn story(scenario: &Scenario, story: &Story) -> Vec<String> {
    let mut wrong = Vec::new();
    nothing_is_left(scenario, story, &mut wrong);
    nothing_ran_too_often(scenario, story, &mut wrong);
    lines_are_shown_once(scenario, story, &mut wrong);
    verdict(scenario, story, &mut wrong);
    wrong
}

fn nothing_is_left(scenario: &Scenario, story: &Story, wrong: &mut Vec<String>) {
    if is_left(scenario, story) && story.outcome.explanation.contains("may still run") {
        return;
    }
    // A process that is stopped before ECS has answered it need not have found what one before it had started.
    let ours = |known: &&Known| scenario.crashes.is_empty() || is_known(story, known);
    for known in story.tasks.iter().filter(|known| !known.task.is_stopped()).filter(ours) {
        wrong.push(format!("left running: {}", name(known)));
    }
    if story.later.len() > story.tasks.len() {
        wrong.push("tasks were started after the end".to_owned());
    }
}

/// Whether the user would not wait until the tasks had stopped that the run itself was stopping.
fn is_left(scenario: &Scenario, story: &Story) -> bool {
    scenario.interrupt_at.is_some_and(|at| at <= story.took) && story.outcome.result != Ended::Interrupted
}

fn name(known: &Known) -> String {
    let Known { number, task, .. } = known;
    format!("task {number} ({}, {})", task.short_id(), task.last_status)
}

/// The tasks whose end was the loss of their host.
fn lost<'a>(scenario: &'a Scenario, story: &'a Story) -> impl Iterator<Item = &'a Known> {
    story.tasks.iter().filter(|known| {
        matches!(scenario.end(known.number), End::HostLost { .. })
            && known.task.stop_code.as_deref() == Some("TerminationNotice")
    })
}

fn nothing_ran_too_often(scenario: &Scenario, story: &Story, wrong: &mut Vec<String>) {
    let (made, lost, retry) = (story.tasks.len(), lost(scenario, story).count(), scenario.retry as usize);
    let again = if retry == 0 { 0 } else { lost };
    if made > scenario.count + again {
        wrong.push(format!("{made} tasks instead of {} and {again} again", scenario.count));
    }
    // Who stops before everything is placed need not have found all that a process before it had started.
    if !scenario.crashes.is_empty() && !by_itself(story.outcome.result) {
        return;
    }
    for known in story.tasks.iter().filter(|known| !is_known(story, known)) {
        wrong.push(format!("the outcome does not know of {}", name(known)));
    }
}

fn is_known(story: &Story, known: &Known) -> bool {
    story.outcome.tasks.iter().any(|task| task.task_arn == known.task.arn)
}

/// Whether the run ended because its tasks had ended.
const fn by_itself(result: Ended) -> bool {
    matches!(result, Ended::Succeeded | Ended::Application | Ended::FailedToStart | Ended::Infrastructure)
}

fn lines_are_shown_once(scenario: &Scenario, story: &Story, wrong: &mut Vec<String>) {
    let nothing = Vec::new();
    let Some((last, before)) = story.shown.split_last() else { return };
    let is_left = is_left(scenario, story);
    for known in story.tasks.iter().filter(|known| is_known(story, known)) {
        for (container, written) in &known.written {
            let of = |shown: &Shown| shown.get(&(known.task.arn.clone(), container.clone())).cloned();
            if !is_left && of(last).as_ref().unwrap_or(&nothing) != written {
                wrong.push(format!("{written:?} was shown as {:?}", of(last)));
            }
            for shown in before.iter().filter_map(of).filter(|shown| !written.starts_with(shown)) {
                wrong.push(format!("{written:?} was shown as {shown:?} before a crash"));
            }
        }
    }
}

fn verdict(scenario: &Scenario, story: &Story, wrong: &mut Vec<String>) {
    let outcome = &story.outcome;
    match outcome.result {
        Ended::Interrupted if scenario.interrupt_at.is_none_or(|at| story.took < at) => {
            wrong.push("interrupted by nobody".to_owned());
        }
        Ended::TimedOut if scenario.timeout.is_none_or(|timeout| story.took < timeout) => {
            wrong.push(format!("timed out after {:?}", story.took));
        }
        Ended::NotPlaced if !may_be_unplaced(scenario, story) => {
            wrong.push(format!("not placed after {:?}", story.took));
        }
        Ended::Interrupted | Ended::TimedOut | Ended::NotPlaced => {}
        // By a process before the last one.
        _ if was_stopped_before(scenario) => {}
        result if by_itself(result) => verdict_of_tasks(scenario, story, wrong),
        other => wrong.push(format!("{other:?}: {}", outcome.explanation)),
    }
}

/// Whether there was no room for as long as the run waited for it.
fn may_be_unplaced(scenario: &Scenario, story: &Story) -> bool {
    let (waited, time) = (scenario.wait_for_capacity, scenario.timeout.unwrap_or(Duration::MAX));
    story.took >= waited.min(time) && (!scenario.has_room || time < waited)
}

/// Whether a process before the last one may have stopped tasks: its time or its patience was up.
fn was_stopped_before(scenario: &Scenario) -> bool {
    let patience = (!scenario.has_room).then_some(scenario.wait_for_capacity);
    let first = scenario.timeout.into_iter().chain(patience).min();
    first.is_some_and(|first| scenario.crashes.iter().any(|(crash, _)| first < *crash))
}

/// How a task ended, in truth.
fn class(scenario: &Scenario, known: &Known) -> (Ended, Option<i32>) {
    match scenario.end(known.number) {
        End::Exits { code: 0, .. } => (Ended::Succeeded, Some(0)),
        End::Exits { code, .. } => (Ended::Application, Some(code)),
        End::CannotPrepare(_) | End::CannotStart(_) => (Ended::FailedToStart, None),
        End::HostLost { .. } => (Ended::Infrastructure, None),
        End::Never => (Ended::Stopped, None),
    }
}

/// Of a run whose tasks all ended by themselves.
fn verdict_of_tasks(scenario: &Scenario, story: &Story, wrong: &mut Vec<String>) {
    let good = story.outcome.result == Ended::Succeeded;
    for known in story.tasks.iter().filter(|known| !known.stops.is_empty() && !good) {
        wrong.push(format!("{} was stopped: {:?}", name(known), known.stops));
    }
    let (made, lost) = (story.tasks.len(), lost(scenario, story).count());
    let replaced = made.saturating_sub(scenario.count);
    let given_up = lost.saturating_sub(replaced);
    if made < scenario.count || given_up * (scenario.retry as usize + 1) > lost {
        wrong.push(format!("{made} tasks of {}, although {lost} lost their hosts", scenario.count));
    }
    let failed = story.tasks.iter().map(|known| class(scenario, known).0);
    let failed = failed.filter(|class| !matches!(class, Ended::Succeeded | Ended::Infrastructure)).count();
    let succeeded = failed + given_up == 0;
    if succeeded != (story.outcome.result == Ended::Succeeded) {
        wrong.push(format!("{:?} with {failed} failed and {given_up} lost", story.outcome.result));
    }
    let decisive = story.tasks.iter().find(|known| Some(&known.task.arn) == story.outcome.task_arn.as_ref());
    let truth = decisive.map(|known| class(scenario, known));
    if truth != Some((story.outcome.result, story.outcome.exit_code)) {
        let said = (story.outcome.result, story.outcome.exit_code);
        wrong.push(format!("{said:?} is said, {truth:?} is true"));
    }
}
