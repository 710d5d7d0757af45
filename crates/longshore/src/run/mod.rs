//! `longshore run` on the terminal: words, streams and exit codes around `control::run`.

pub(crate) mod attach;
pub(crate) mod definition;
pub(crate) mod env_file;
pub(crate) mod file;
pub(crate) mod interrupt;
mod live;
pub(crate) mod overrides;
pub(crate) mod preview;
pub(crate) mod registered;
pub(crate) mod request;
mod show;
pub(crate) mod words;

use std::sync::Arc;

use anyhow::Result;
use longshore_aws::Aws;
use longshore_control::run::Runner;
use longshore_decide::run::{Ended, Outcome, Run, Spec, TaskOutcome};

pub(crate) use self::live::Live;
pub(crate) use self::show::{Lines, render};

use self::interrupt::Interrupts;
use self::show::Show;
use crate::terminal::{self, Style};

/// Exit code of a run that took too long, as timeout(1) has it.
const TIMED_OUT: u8 = 124;

/// Runs to the end and gives back the exit code.
pub(crate) async fn run(aws: Aws, spec: Spec, lines: Lines) -> Result<u8> {
    let aws = Arc::new(aws);
    let runner = Runner::new(Arc::clone(&aws) as _, aws);
    let (interrupts, mut words) = Interrupts::listen()?;
    let mut show = Show::new(lines);
    let mut run = Run::new(spec, runner.now());
    let mut trouble = None;
    let outcome = runner
        .drive(&mut run, &mut words, &mut |run, news| {
            if let Err(error) = show.news(run, runner.now().saturating_sub(run.began()), news) {
                trouble.get_or_insert(error);
            }
        })
        .await;
    show.finish();
    if let Some(error) = trouble {
        return Err(error.into());
    }
    conclude(&run, &show, &outcome, lines)?;
    Ok(exit_code(&outcome, interrupts.exit_code()))
}

/// Says how it ended.
fn conclude(run: &Run, show: &Show, outcome: &Outcome, lines: Lines) -> Result<()> {
    match (lines, outcome.result) {
        (Lines::ToStderr, _) => terminal::data(format!("{}\n", serde_json::to_string(outcome)?).as_bytes())?,
        (Lines::ToStdout, Ended::Detached) => {
            let arns: String = run.tasks().map(|task| format!("{}\n", task.arn)).collect();
            terminal::data(arns.as_bytes())?;
        }
        (Lines::ToStdout, _) => {}
    }
    let ended = outcome.tasks.iter().filter_map(|task| Some((task, task.explanation.as_ref()?)));
    let wanted = matches!(outcome.result, Ended::Succeeded | Ended::TimedOut | Ended::Interrupted);
    for (task, explanation) in ended {
        let line = format!("task {}: {explanation}", short_id(task));
        if wanted || !task.failed {
            show.say(&line);
        } else {
            terminal::talk(&format!("error: {line}"), Style::Error);
        }
    }
    match outcome.result {
        Ended::TimedOut | Ended::Interrupted if run.is_left() => show.warn(&outcome.explanation),
        Ended::TimedOut | Ended::Interrupted => show.say(&outcome.explanation),
        Ended::NotPlaced | Ended::Refused | Ended::Unknown => {
            terminal::talk(&format!("error: {}", outcome.explanation), Style::Error);
        }
        _ => {}
    }
    if let Some(next) = &outcome.next_step {
        show.say(&format!("hint: {next}"));
    }
    Ok(())
}

/// The container's own exit code, as far as there is one.
fn exit_code(outcome: &Outcome, interrupted: Option<u8>) -> u8 {
    match outcome.result {
        Ended::Succeeded | Ended::Detached => 0,
        Ended::TimedOut => TIMED_OUT,
        Ended::Interrupted => interrupted.unwrap_or(1),
        Ended::NotPlaced | Ended::Refused | Ended::Unknown => 1,
        // A code that does not fit (Windows has larger ones) is a failure all the same.
        Ended::Application | Ended::FailedToStart | Ended::Infrastructure | Ended::Stopped => {
            let code = outcome.exit_code.and_then(|code| u8::try_from(code).ok());
            code.filter(|code| *code != 0).unwrap_or(1)
        }
    }
}

fn short_id(task: &TaskOutcome) -> &str {
    const LENGTH: usize = 8;
    let id = task.task_arn.rsplit('/').next().unwrap_or_default();
    id.get(..LENGTH).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        let outcome = |result, exit_code| Outcome { result, exit_code, ..Outcome::default() };
        let cases = [
            (Ended::Succeeded, Some(0), 0),
            (Ended::Succeeded, Some(3), 0),
            (Ended::Application, Some(7), 7),
            (Ended::Application, Some(-1), 1),
            (Ended::Application, Some(3_221_225_477_u32.cast_signed()), 1),
            (Ended::FailedToStart, None, 1),
            // A sidecar's death by Spot beside a container that ended well.
            (Ended::Infrastructure, Some(0), 1),
            (Ended::TimedOut, Some(143), 124),
            (Ended::Interrupted, Some(143), 130),
            (Ended::NotPlaced, None, 1),
        ];
        for (result, code, exit) in cases {
            assert_eq!(exit_code(&outcome(result, code), Some(130)), exit, "{result:?} {code:?}");
        }
    }
}
