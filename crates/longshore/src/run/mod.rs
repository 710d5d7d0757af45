//! A run: start tasks, watch them to their end, say how it went.
//!
//! What is decided (what to ask, whose exit code counts, when a log is read to its end, how long to wait, what to say)
//! is in functions and values without I/O; the awaits are here and in `look`.

mod explain;
mod follow;
mod interrupt;
mod look;
mod pace;
mod report;
pub(crate) mod request;
mod show;
pub(crate) mod spec;
mod verdict;
mod watch;

use std::time::Duration;

use anyhow::Result;
use longshore_aws::{Aws, ContainerSummary, RunTask, Started, Task};
use tokio::time::Instant;

pub(crate) use self::show::Lines;

use self::interrupt::{Cause, Interrupts};
use self::show::Show;
use self::verdict::Verdict;
use self::watch::{News, Watch};
use crate::error::Failed;
use crate::terminal;

/// What to run, and what to do about it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) request: RunTask,
    /// The containers of the task definition.
    pub(crate) containers: Vec<ContainerSummary>,
    /// Whose exit code counts; absent means the essential ones.
    pub(crate) container: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) detach: bool,
    pub(crate) lines: Lines,
    /// Who we are, for the reason of a stopped task.
    pub(crate) who: String,
}

/// How the watching ended.
enum End {
    Over(Option<Cause>),
    /// The user did not want to wait any longer.
    Left(Cause),
}

/// Runs a job to its end and gives back the exit code.
pub(crate) async fn run(aws: &Aws, job: &Job) -> Result<u8> {
    let mut interrupts = Interrupts::listen()?;
    let (started, early) = start(aws, job, &mut interrupts).await?;
    if !started.failures.is_empty() || started.tasks.is_empty() {
        return Err(not_placed(aws, job, &started).await.into());
    }
    if job.detach {
        print(job, &started.tasks, &[])?;
        return Ok(0);
    }
    interrupts.time_out_after(job.timeout);
    let mut show = Show::new(job.lines);
    let (watch, news) = Watch::new(started.tasks, job.containers.clone());
    let mut running =
        Running { aws, job, watch, show: &mut show, began: Instant::now(), reason: String::new() };
    running.tell(news)?;
    let end = running.until_over(&mut interrupts, early).await;
    let watch = running.watch;
    show.finish();
    let end = end.map_err(|error| unseen(job, watch.tasks(), error))?;
    match end {
        End::Left(cause) => {
            show.warn(&format!("left {}", still_running(watch.tasks())));
            show.say(&format!("hint: {}", how_to_stop(job, watch.tasks())));
            Ok(cause.exit())
        }
        End::Over(cause) => conclude(job, &watch, &show, cause),
    }
}

/// Starts the tasks. A Ctrl-C meanwhile waits for the answer, so that what was started can be stopped.
async fn start(aws: &Aws, job: &Job, interrupts: &mut Interrupts) -> Result<(Started, Option<Cause>)> {
    let mut starting = std::pin::pin!(aws.run_task(&job.request));
    let early = tokio::select! {
        started = &mut starting => return Ok((started?, None)),
        cause = interrupts.next() => cause,
    };
    terminal::talk(
        "waiting for the answer of RunTask, to stop what it starts; Ctrl-C again leaves",
        terminal::Style::Plain,
    );
    tokio::select! {
        started = starting => Ok((started?, Some(early))),
        _ = interrupts.next() => Err(Failed::new("left before RunTask was answered: a task may have been started")
            .with_hint(format!("aws ecs list-tasks --cluster {} shows it", job.request.cluster))
            .into()),
    }
}

/// A run in its loop.
struct Running<'a> {
    aws: &'a Aws,
    job: &'a Job,
    watch: Watch,
    show: &'a mut Show,
    began: Instant,
    reason: String,
}

impl Running<'_> {
    async fn until_over(&mut self, interrupts: &mut Interrupts, early: Option<Cause>) -> Result<End> {
        let mut stopped_by = None;
        if let Some(cause) = early {
            stopped_by = Some(self.stop(cause));
        }
        while !self.watch.is_over() {
            tokio::select! {
                biased;
                cause = interrupts.next() => match (cause, stopped_by) {
                    (_, None) => stopped_by = Some(self.stop(cause)),
                    // The deadline of a run that is being stopped already.
                    (Cause::TimedOut(_), Some(_)) => {}
                    (again, Some(_)) => return Ok(End::Left(again)),
                },
                (answers, asked) = self.look() => {
                    let news = self.watch.take(answers, asked, self.began.elapsed())?;
                    self.tell(news)?;
                }
            }
        }
        Ok(End::Over(stopped_by))
    }

    async fn look(&self) -> (look::Answers, Duration) {
        tokio::time::sleep_until(self.began + self.watch.next_look()).await;
        let asked = self.began.elapsed();
        let questions = self.watch.questions(asked);
        (look::look(self.aws, &self.job.request.cluster, questions, &self.reason).await, asked)
    }

    fn stop(&mut self, cause: Cause) -> Cause {
        self.reason = cause.reason(&self.job.who);
        self.watch.stop(self.began.elapsed());
        self.show.say(&format!("stopping the task {}; Ctrl-C leaves it to ECS", cause.words()));
        cause
    }

    fn tell(&mut self, news: Vec<News>) -> Result<()> {
        for item in news {
            match item {
                News::Lines { task, container, lines } => {
                    let label = label(self.job, self.watch.tasks(), task, container);
                    self.show.lines(label.as_deref(), container, &lines)?;
                }
                News::State(status) => {
                    let id = self.watch.tasks().first().map(short_id).unwrap_or_default();
                    self.show.state(id, &status, self.began.elapsed());
                }
                News::States(counted) => self.show.states(&counted, self.began.elapsed()),
                News::Say(text) => self.show.say(&text),
                News::Warn(text) => self.show.warn(&text),
            }
        }
        Ok(())
    }
}

/// The name before each line: of the container where there are several, with the task where there are several.
fn label(job: &Job, tasks: &[Task], task: usize, container: usize) -> Option<String> {
    let name = &job.containers.get(container)?.name;
    match (tasks.len(), job.containers.len()) {
        (1, 1) => None,
        (1, _) => Some(name.clone()),
        _ => Some(format!("{name}/{}", short_id(tasks.get(task)?))),
    }
}

/// Says how it ended, and gives back the exit code.
fn conclude(job: &Job, watch: &Watch, show: &Show, cause: Option<Cause>) -> Result<u8> {
    let tasks = watch.tasks();
    let verdicts: Vec<Verdict> =
        tasks.iter().map(|task| verdict::of_task(task, &job.containers, job.container.as_deref())).collect();
    let ends: Vec<_> = tasks
        .iter()
        .zip(&verdicts)
        .map(|(task, verdict)| (verdict, explain::explain(task, verdict, show.has_lines())))
        .collect();
    print(job, tasks, &ends)?;
    for (task, (verdict, explanation)) in tasks.iter().zip(&ends) {
        let id = short_id(task);
        if verdict.exit() == 0 || cause.is_some() {
            show.say(&format!("task {id}: {}", explanation.sentence));
        } else {
            terminal::talk(&format!("error: task {id}: {}", explanation.sentence), terminal::Style::Error);
        }
    }
    if let Some(cause) = cause {
        show.say(&format!("stopped {}", cause.words()));
        return Ok(cause.exit());
    }
    let failed = ends.iter().filter(|(verdict, _)| verdict.exit() != 0);
    if let Some(next) = failed.filter_map(|(_, explanation)| explanation.next.as_ref()).next() {
        show.say(&format!("hint: {next}"));
    }
    Ok(verdict::of_run(&verdicts))
}

/// The data: result documents, or the ARNs of a detached run.
fn print(job: &Job, tasks: &[Task], ends: &[(&Verdict, explain::Explanation)]) -> Result<()> {
    let mut text = String::new();
    for (number, task) in tasks.iter().enumerate() {
        if job.lines == Lines::ToStderr {
            let end = ends.get(number).map(|(verdict, explanation)| (*verdict, explanation));
            text.push_str(&serde_json::to_string(&report::report(task, end))?);
            text.push('\n');
        } else if job.detach {
            text.push_str(&task.arn);
            text.push('\n');
        }
    }
    terminal::data(text.as_bytes())?;
    Ok(())
}

/// Nothing was started, or not all: then what was is stopped, because half a run is none.
async fn not_placed(aws: &Aws, job: &Job, started: &Started) -> Failed {
    let explanation = explain::not_placed(&started.failures);
    let (placed, wanted) = (started.tasks.len(), job.request.count);
    let what = format!("`{}` on cluster `{}`", job.request.task_definition, job.request.cluster);
    let mut sentence = match placed {
        0 => format!("no task was started of {what}: {}", explanation.sentence),
        _ => format!("only {placed} of {wanted} tasks were started of {what}: {}", explanation.sentence),
    };
    for task in &started.tasks {
        let reason =
            format!("Stopped by longshore run ({}): not all tasks of the run could be placed", job.who);
        match aws.stop_task(&job.request.cluster, &task.arn, &reason).await {
            Ok(()) => sentence.push_str(&format!("; task {} is being stopped", short_id(task))),
            Err(error) => sentence.push_str(&format!("; {error}")),
        }
    }
    let failed = Failed::new(sentence);
    match explanation.next {
        Some(next) => failed.with_hint(next),
        None => failed,
    }
}

/// An error in the middle of a run: the tasks may go on without us.
fn unseen(job: &Job, tasks: &[Task], error: anyhow::Error) -> anyhow::Error {
    if tasks.iter().all(Task::is_stopped) {
        return error;
    }
    Failed::new(format!("lost sight of {}", still_running(tasks)))
        .with_hint(how_to_stop(job, tasks))
        .caused_by(error)
        .into()
}

fn still_running(tasks: &[Task]) -> String {
    let ids: Vec<&str> = tasks.iter().filter(|task| !task.is_stopped()).map(short_id).collect();
    match ids[..] {
        [only] => format!("task {only}, which may still run"),
        _ => format!("tasks {}, which may still run", ids.join(", ")),
    }
}

fn how_to_stop(job: &Job, tasks: &[Task]) -> String {
    let stop =
        |task: &Task| format!("aws ecs stop-task --cluster {} --task {}", job.request.cluster, task.id());
    let commands: Vec<String> = tasks.iter().filter(|task| !task.is_stopped()).map(stop).collect();
    commands.join(" && ")
}

fn short_id(task: &Task) -> &str {
    const LENGTH: usize = 8;
    task.id().get(..LENGTH).unwrap_or(task.id())
}
