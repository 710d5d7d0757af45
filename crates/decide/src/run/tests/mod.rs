//! A run from its first question to its last, without a service: the test answers.

mod placing;
mod stopping;
mod watching;

use longshore_model::seen::{Container, ContainerSummary, LogDriver, LogLine, TaskDefinition};
use longshore_model::{Error, Kind};

use super::*;

/// So long a call takes.
const TOOK: Duration = Duration::from_micros(300);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn spec(count: usize) -> Spec {
    let options = [("awslogs-group", "/job"), ("awslogs-stream-prefix", "run")];
    let app = ContainerSummary {
        name: "app".into(),
        essential: true,
        log_driver: Some(LogDriver {
            name: "awslogs".into(),
            options: options.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }),
        ..ContainerSummary::default()
    };
    let arn = "arn:aws:ecs:r:1:task-definition/job:3";
    Spec {
        id: "a run".into(),
        request: RunTask {
            cluster: "default".into(),
            task_definition: arn.into(),
            started_by: Some("me".into()),
            ..RunTask::default()
        },
        count,
        instances: Vec::new(),
        attach: Vec::new(),
        definition: TaskDefinition { arn: arn.into(), containers: vec![app], ..TaskDefinition::default() },
        container: None,
        accept_exit_codes: Vec::new(),
        timeout: None,
        timeout_in_full: None,
        on_timeout: OnTimeout::Stop,
        stop_patience: s(600),
        wait_for_capacity: Duration::ZERO,
        retry_infrastructure: 0,
        logs: LogReading::Follow,
        poll_interval: None,
        detach: false,
        who: "longshore run (ann@build-1)".into(),
    }
}

fn arn(id: &str) -> String {
    format!("arn:task/default/{id}")
}

fn task(id: &str, last_status: &str) -> Task {
    let exit_code = (last_status == "STOPPED").then_some(0);
    Task {
        arn: arn(id),
        last_status: last_status.into(),
        containers: vec![Container { name: "app".into(), exit_code, ..Container::default() }],
        ..Task::default()
    }
}

fn exited(id: &str, code: i32) -> Task {
    let mut task = task(id, "STOPPED");
    task.stop_code = Some("EssentialContainerExited".into());
    task.containers[0].exit_code = Some(code);
    task
}

fn lost(id: &str) -> Task {
    let mut task = task(id, "STOPPED");
    task.stop_code = Some("SpotInterruption".into());
    task.containers[0].exit_code = None;
    task
}

/// What RunTask says when it is sent again.
fn thin(id: &str) -> Task {
    Task { arn: arn(id), last_status: "STOPPED".into(), ..Task::default() }
}

fn started(call: usize, tasks: &[Task], reasons: &[&str]) -> Answer {
    let failure = |reason: &&str| Failure { reason: (*reason).into(), ..Failure::default() };
    Answer::Started(
        call,
        Ok(Started { tasks: tasks.to_vec(), failures: reasons.iter().map(failure).collect() }),
    )
}

fn described(tasks: &[Task]) -> Answer {
    Answer::Described(Ok(Described { tasks: tasks.to_vec(), failures: Vec::new() }), TOOK)
}

fn page(lines: &[&str], token: &str, asked: Duration) -> Answer {
    let line = |message: &&str| LogLine { message: (*message).into(), ..LogLine::default() };
    let page = LogPage { lines: lines.iter().map(line).collect(), token: Some(token.into()) };
    Answer::Read(Some(0), Ok(Some(page)), asked)
}

/// The requests of RunTask among what is asked.
fn runs(asks: &[Ask]) -> Vec<(usize, RunTask)> {
    let run = |ask: &Ask| match ask {
        Ask::RunTask { call, request } => Some((*call, request.clone())),
        _ => None,
    };
    asks.iter().filter_map(run).collect()
}

fn tokens(asks: &[Ask]) -> Vec<String> {
    runs(asks).into_iter().filter_map(|(_, request)| request.client_token).collect()
}

fn describes(asks: &[Ask]) -> usize {
    asks.iter().filter(|ask| matches!(ask, Ask::Describe(_))).count()
}

fn stops(asks: &[Ask]) -> Vec<(String, String)> {
    let stop = |ask: &Ask| match ask {
        Ask::Stop { arn, reason } => Some((arn.clone(), reason.clone())),
        _ => None,
    };
    asks.iter().filter_map(stop).collect()
}

fn result(run: &Run) -> Option<Ended> {
    run.outcome().map(|outcome| outcome.result)
}

/// A run whose first call was answered with these tasks.
fn running(spec: Spec, tasks: &[Task]) -> Run {
    let mut run = Run::new(spec, ms(0));
    run.ask(ms(0));
    run.take(started(0, tasks, &[]), ms(0));
    run
}

/// Looks at the tasks as soon as they are due.
fn look(run: &mut Run, tasks: &[Task], now: Duration) -> Vec<Ask> {
    let asks = run.ask(now);
    assert_eq!(describes(&asks), 1, "{asks:?}");
    run.take(described(tasks), now);
    asks
}

#[test]
fn another_process_goes_on_where_this_one_ended() {
    let spec = Spec { wait_for_capacity: s(600), logs: LogReading::Tail, ..spec(3) };
    let mut run = Run::new(spec.clone(), ms(0));
    run.ask(ms(0));
    run.take(started(0, &[thin("a"), thin("b")], &["RESOURCE:CPU"]), ms(0));
    let in_flight = run.ask(s(1));
    let carried = serde_json::to_string(&run.progress()).unwrap();
    assert!(carried.len() < 300, "it is little: {carried}");
    let progress: Progress = serde_json::from_str(&carried).unwrap();
    assert_eq!(progress.definition(), spec.definition.arn, "the revision stays the one it was begun with");
    let mut next = Run::resume(spec, progress, s(100));
    let asks = next.ask(s(100));
    assert_eq!(runs(&asks), runs(&in_flight), "what was in flight is sent again as it was");
    assert!(asks.contains(&Ask::Describe(vec![arn("a"), arn("b")])));
}
