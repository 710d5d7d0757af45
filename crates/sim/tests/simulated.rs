//! The simulation alone: what it answers, what goes wrong when it shall, and what it knows.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::time::Duration;

use longshore_model::Kind;
use longshore_model::call::ListTasks;
use longshore_model::seen::{LogPosition, LogStream, Task};
use longshore_sim::{End, Faults, Life, Operation, Plan, Simulated, Trouble};
use longshore_world::{Clock, CloudFormation, Ecs, Logs, Successor};
use tokio::time::{sleep, timeout};

use support::{milliseconds, plan, register, request, room, seconds};

fn ten_seconds() -> Life {
    Life::exits(seconds(10), 3)
        .saying(seconds(1), "one")
        .saying(seconds(9), "two")
        .saying(seconds(11), "late")
}

/// A simulation with these faults, and one task with the token `t`.
async fn with_task(life: Life, faults: Faults) -> (Simulated, Task) {
    let simulated = Simulated::new(Plan { faults, ..plan(move |_, _| life.clone()) });
    let definition = register(&simulated);
    let started = simulated.run_task(&request(&definition, 1, "t")).await.unwrap();
    (simulated, started.tasks.into_iter().next().unwrap())
}

async fn describe(simulated: &Simulated, arn: &str) -> Task {
    let described = simulated.describe_tasks("default", &[arn.to_owned()]).await.unwrap();
    described.tasks.into_iter().next().unwrap()
}

fn at(operation: Operation, nth: u64, trouble: Trouble) -> Faults {
    Faults { at: vec![(operation, nth, trouble)], ..Faults::default() }
}

fn listing(stopped: bool) -> ListTasks {
    ListTasks {
        cluster: "default".into(),
        started_by: Some("me".into()),
        family: None,
        service: None,
        stopped,
    }
}

fn stream(task: &Task) -> LogStream {
    LogStream { region: None, group: "/migrate".into(), name: format!("run/app/{}", task.id()) }
}

async fn log(simulated: &Simulated, task: &Task) -> Vec<String> {
    let page = simulated.read_log(&stream(task), &LogPosition::Head).await.unwrap().unwrap();
    page.lines.into_iter().map(|line| line.message).collect()
}

#[tokio::test(start_paused = true)]
async fn a_task_runs_writes_and_ends_as_planned() {
    let life = Life { prepare: seconds(5), start: seconds(2), ..ten_seconds() };
    let (simulated, task) = with_task(life, Faults::default()).await;
    assert_eq!(task.started_by.as_deref(), Some("me"));
    let mut seen = Vec::new();
    for _ in 0..18 {
        let task = describe(&simulated, &task.arn).await;
        let page = simulated.read_log(&stream(&task), &LogPosition::Head).await.unwrap();
        seen.push((task.last_status, page.map(|page| page.lines.len())));
        sleep(seconds(1)).await;
    }
    let state = |status: &str, lines| (status.to_owned(), lines);
    let mut expected = vec![state("PENDING", None); 7];
    expected.push(state("RUNNING", Some(0)));
    expected.extend(vec![state("RUNNING", Some(1)); 8]);
    expected.extend([state("RUNNING", Some(2)), state("STOPPED", Some(2))]);
    assert_eq!(seen, expected);
    let over = describe(&simulated, &task.arn).await;
    assert_eq!(over.stop_code.as_deref(), Some("EssentialContainerExited"));
    assert_eq!(over.containers[0].exit_code, Some(3));
    assert_eq!(over.stopped_at.unwrap().ms_since(over.started_at.unwrap()), 10_000);
    assert_eq!(log(&simulated, &task).await, ["one", "two"]);
    assert_eq!(simulated.tasks()[0].written["app"], ["one", "two"]);
    assert_eq!(simulated.now().ms_since(over.created_at.unwrap()), 18_000);
    assert_eq!(simulated.list_tasks(&listing(false)).await.unwrap(), Vec::<String>::new());
    assert_eq!(simulated.list_tasks(&listing(true)).await.unwrap(), [task.arn]);
}

#[tokio::test(start_paused = true)]
async fn a_replay_gives_thin_tasks_and_starts_none() {
    let (simulated, task) = with_task(ten_seconds(), Faults::default()).await;
    let definition = simulated.describe_task_definition("migrate").await.unwrap();
    let again = simulated.run_task(&request(&definition, 1, "t")).await.unwrap();
    let thin = Task {
        arn: task.arn.clone(),
        last_status: "RUNNING".into(),
        desired_status: "RUNNING".into(),
        ..Task::default()
    };
    assert_eq!(again.tasks, [thin]);
    let other = simulated.run_task(&request(&definition, 2, "t")).await.unwrap_err();
    assert_eq!((other.kind(), other.resource_ids()), (Kind::Conflict, &[task.arn.clone()][..]));
    let known = simulated.tasks();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].client_token.as_deref(), Some("t"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_does_nothing_and_a_lost_reply_does_it() {
    for (trouble, kind, made) in [
        (Trouble::LostRequest, Kind::Unavailable, 0),
        (Trouble::Throttled, Kind::Throttled, 0),
        (Trouble::Denied, Kind::Denied, 0),
        (Trouble::LostReply, Kind::Unavailable, 1),
    ] {
        let faults = at(Operation::RunTask, 0, trouble);
        let simulated = Simulated::new(Plan { faults, ..plan(|_, _| ten_seconds()) });
        let definition = register(&simulated);
        let error = simulated.run_task(&request(&definition, 1, "t")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{trouble:?}");
        assert_eq!(simulated.tasks().len(), made, "{trouble:?}");
        let again = simulated.run_task(&request(&definition, 1, "t")).await.unwrap();
        assert_eq!(again.tasks.len(), 1);
        assert_eq!(simulated.tasks().len(), 1, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_needs_a_token_that_was_used() {
    let twice = (0..2).map(|nth| (Operation::RunTask, nth, Trouble::Conflict)).collect();
    let (simulated, task) = with_task(ten_seconds(), Faults { at: twice, ..Faults::default() }).await;
    let definition = simulated.describe_task_definition("migrate").await.unwrap();
    let error = simulated.run_task(&request(&definition, 1, "t")).await.unwrap_err();
    assert_eq!((error.kind(), error.resource_ids()), (Kind::Conflict, &[task.arn][..]));
    assert_eq!(error.code(), Some("ConflictException"));
}

#[tokio::test(start_paused = true)]
async fn a_stale_look_misses_a_new_task_and_shows_an_old_state() {
    let stale = |nth| (Operation::DescribeTasks, nth, Trouble::Stale(seconds(5)));
    let at = vec![stale(0), stale(2), (Operation::ListTasks, 0, Trouble::Stale(seconds(5)))];
    let (simulated, task) = with_task(ten_seconds(), Faults { at, ..Faults::default() }).await;
    sleep(seconds(4)).await;
    let missing = simulated.describe_tasks("default", std::slice::from_ref(&task.arn)).await.unwrap();
    assert_eq!((missing.tasks.len(), missing.failures[0].reason.as_str()), (0, "MISSING"));
    assert_eq!(simulated.list_tasks(&listing(false)).await.unwrap(), Vec::<String>::new());
    assert_eq!(simulated.list_tasks(&listing(false)).await.unwrap().len(), 1);
    sleep(seconds(8)).await;
    assert_eq!(describe(&simulated, &task.arn).await.last_status, "STOPPED");
    assert_eq!(describe(&simulated, &task.arn).await.last_status, "RUNNING", "as it was");
    assert_eq!(describe(&simulated, &task.arn).await.last_status, "STOPPED");
}

#[tokio::test(start_paused = true)]
async fn capacity_comes_when_it_comes() {
    let instances = vec![room(1, Duration::ZERO), room(2, seconds(60))];
    let simulated = Simulated::new(Plan { instances, ..plan(|_, _| Life::ending(End::Never)) });
    let definition = register(&simulated);
    let first = simulated.run_task(&request(&definition, 3, "a")).await.unwrap();
    assert_eq!((first.tasks.len(), first.failures.len()), (1, 1));
    assert_eq!(first.failures[0].reason, "RESOURCE:MEMORY");
    let full = std::slice::from_ref(first.failures[0].arn.as_ref().unwrap());
    let described = simulated.describe_container_instances("default", full).await.unwrap();
    assert_eq!((described[0].free_memory, described[0].free_cpu), (0, 100_000));
    sleep(seconds(60)).await;
    let second = simulated.run_task(&request(&definition, 2, "b")).await.unwrap();
    assert_eq!((second.tasks.len(), second.failures.len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_host_leaves_no_exit_code() {
    let (simulated, task) =
        with_task(Life::ending(End::HostLost { after: seconds(3) }), Faults::default()).await;
    sleep(seconds(3)).await;
    let lost = describe(&simulated, &task.arn).await;
    assert_eq!(
        (lost.last_status.as_str(), lost.stop_code.as_deref()),
        ("STOPPED", Some("TerminationNotice"))
    );
    assert!(lost.stopped_reason.unwrap().starts_with("Host EC2"));
    assert_eq!(lost.containers[0].exit_code, None);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_start_says_why() {
    let no_image = "CannotPullContainerError: not found";
    let (simulated, task) =
        with_task(Life::ending(End::CannotPrepare(no_image.into())), Faults::default()).await;
    let failed = describe(&simulated, &task.arn).await;
    assert_eq!(failed.stop_code.as_deref(), Some("TaskFailedToStart"));
    assert_eq!(failed.stopped_reason.as_deref(), Some(no_image));
    let no_command = "CannotStartContainerError: no such command";
    let (simulated, task) =
        with_task(Life::ending(End::CannotStart(no_command.into())), Faults::default()).await;
    let failed = describe(&simulated, &task.arn).await;
    assert_eq!(failed.stop_code.as_deref(), Some("TaskFailedToStart"));
    assert_eq!(failed.containers[0].reason.as_deref(), Some(no_command));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_task_ends_by_its_signal_or_is_killed() {
    for (stop, ends_after, code) in [(seconds(4), seconds(4), 143), (seconds(99), seconds(10), 137)] {
        let life = Life { stop, ..Life::ending(End::Never) };
        let (simulated, task) = with_task(life, Faults::default()).await;
        sleep(seconds(1)).await;
        simulated.stop_task("default", &task.arn, "because").await.unwrap();
        sleep(ends_after - milliseconds(1)).await;
        assert_ne!(describe(&simulated, &task.arn).await.last_status, "STOPPED");
        sleep(milliseconds(1)).await;
        let known = simulated.tasks();
        assert_eq!(known[0].task.last_status, "STOPPED");
        assert_eq!(known[0].task.stopped_reason.as_deref(), Some("because"));
        assert_eq!(
            (known[0].task.containers[0].exit_code, &known[0].stops[..]),
            (Some(code), &["because".to_owned()][..])
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_on_its_way_may_have_arrived() {
    for (patience, made) in [(1, 0), (199, 1)] {
        let faults = Faults {
            latency: milliseconds(2),
            ..at(Operation::RunTask, 0, Trouble::Slow(milliseconds(100)))
        };
        let simulated = Simulated::new(Plan { faults, ..plan(|_, _| ten_seconds()) });
        let request = request(&register(&simulated), 1, "t");
        let began = simulated.elapsed();
        let call = timeout(milliseconds(patience), simulated.run_task(&request)).await;
        assert_eq!(call.is_ok(), made == 1);
        assert!(simulated.elapsed() - began <= milliseconds(105));
        sleep(seconds(1)).await;
        assert_eq!(simulated.tasks().len(), made);
    }
}

#[tokio::test(start_paused = true)]
async fn rates_are_kept_and_the_same_seed_gives_the_same_story() {
    let story = async |seed| {
        let faults = Faults {
            latency: milliseconds(80),
            lost_requests: 100,
            lost_replies: 100,
            throttled: 100,
            slow: 100,
            slow_by: seconds(3),
            stale: 100,
            stale_by: seconds(9),
            ..Faults::default()
        };
        let simulated = Simulated::new(Plan { seed, faults, ..plan(|_, _| ten_seconds()) });
        let definition = register(&simulated);
        let mut ends = Vec::new();
        for _ in 0..500 {
            let end = simulated.describe_task_definition(&definition.arn).await;
            ends.push((simulated.elapsed(), end.err().map(|error| error.kind())));
        }
        ends
    };
    let first = story(7).await;
    assert_eq!(first, story(7).await);
    assert_ne!(first, story(8).await);
    let failed = |kind| first.iter().filter(|(_, end)| *end == Some(kind)).count();
    assert!((60..140).contains(&failed(Kind::Unavailable)), "{}", failed(Kind::Unavailable));
    assert!((25..75).contains(&failed(Kind::Throttled)), "{}", failed(Kind::Throttled));
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_page_by_page_when_they_are_made() {
    let instances = vec![room(200, Duration::ZERO)];
    let simulated = Simulated::new(Plan { instances, ..plan(|_, _| Life::ending(End::Never)) });
    let definition = register(&simulated);
    for token in 0..11 {
        simulated.run_task(&request(&definition, 10, &token.to_string())).await.unwrap();
    }
    sleep(seconds(1)).await;
    assert_eq!(simulated.list_tasks(&listing(false)).await.unwrap().len(), 110);
    let calls = simulated.calls();
    let of = |operation| calls.iter().filter(move |call| call.operation == operation);
    assert_eq!((of(Operation::RunTask).count(), of(Operation::ListTasks).count()), (11, 2));
    assert!(of(Operation::ListTasks).all(|call| call.at == seconds(1)));
}

#[tokio::test(start_paused = true)]
async fn what_is_beside_ecs() {
    let faults = at(Operation::PutAnswer, 0, Trouble::LostReply);
    let simulated = Simulated::new(Plan { faults, ..plan(|_, _| ten_seconds()) });
    assert_eq!(simulated.stack_status("s").await.unwrap_err().kind(), Kind::NotFound);
    simulated.set_stack_status("s", "UPDATE_ROLLBACK_IN_PROGRESS");
    assert_eq!(simulated.stack_status("s").await.unwrap(), "UPDATE_ROLLBACK_IN_PROGRESS");
    assert!(simulated.answer("https://answer", "{}").await.is_err());
    let put = &simulated.answers()[0];
    assert_eq!((put.url.as_str(), put.body.as_str()), ("https://answer", "{}"), "it arrived all the same");
    simulated.hand_over("event").await.unwrap();
    assert_eq!(simulated.take_invocations(), ["event"]);
    assert!(simulated.take_invocations().is_empty());
}
