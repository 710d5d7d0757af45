//! One call by itself: which token it has, and what a refusal means.

use super::super::{Answer, LogReading, News, OnTimeout, Run};
use super::*;

fn spec() -> Spec {
    Spec {
        id: "release-7".into(),
        request: RunTask { task_definition: "arn:task-definition/job:3".into(), ..RunTask::default() },
        count: 2,
        instances: Vec::new(),
        attach: Vec::new(),
        definition: longshore_model::seen::TaskDefinition::default(),
        container: None,
        accept_exit_codes: Vec::new(),
        timeout: None,
        timeout_in_full: None,
        on_timeout: OnTimeout::Stop,
        stop_patience: Duration::ZERO,
        wait_for_capacity: Duration::from_secs(600),
        retry_infrastructure: 0,
        logs: LogReading::Tail,
        poll_interval: None,
        detach: false,
        who: "me".into(),
    }
}

/// Sends what is due and gives back its token.
fn token_of(call: &mut Call, now: Duration) -> String {
    match call.send(&spec(), now) {
        Some(Send::Run(request)) => request.client_token.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refused_call_keeps_its_token_and_a_placed_one_does_not() {
    let give_up_at = Duration::from_secs(600);
    let mut call = Call::all(&spec()).remove(0);
    let first = token_of(&mut call, Duration::ZERO);
    let refused = Error::new(Kind::Invalid, format!("InvalidParameterException: {NO_INSTANCES}."));
    let mut pauses = Vec::new();
    let mut now = Duration::ZERO;
    for _ in 0..6 {
        let placed = call.take_started(&spec(), Err(refused.clone()), now, give_up_at).1;
        assert!(matches!(placed, Placed::Waiting(_)), "{placed:?}");
        let due = call.due_at().unwrap();
        pauses.push((due - now).as_secs());
        now = due;
        assert_eq!(token_of(&mut call, now), first, "the token was never used");
    }
    assert_eq!(pauses, [1, 2, 4, 8, 15, 15]);
    let failures = vec![Failure { reason: "RESOURCE:CPU".into(), ..Failure::default() }];
    call.take_started(&spec(), Ok(Started { tasks: Vec::new(), failures }), now, give_up_at);
    now = call.due_at().unwrap();
    assert_ne!(token_of(&mut call, now), first, "ECS would give the old answer");
}

#[test]
fn the_tasks_of_a_smaller_run_of_the_same_name_are_not_touched() {
    let conflict = |count: usize| {
        let arns = (0..count).map(|number| format!("arn:task/default/{number}")).collect();
        Error::new(Kind::Conflict, "ConflictException").with_resource_ids(arns)
    };
    let taken = |count: usize| {
        let mut call = Call::all(&spec()).remove(0);
        call.send(&spec(), Duration::ZERO);
        let (tasks, placed) =
            call.take_started(&spec(), Err(conflict(count)), Duration::ZERO, Duration::ZERO);
        (tasks.len(), placed, call.is_done())
    };
    assert_eq!(taken(2), (2, Placed::Going, true));
    assert_eq!(taken(3), (3, Placed::Going, true));
    for count in [0, 1] {
        let (tasks, placed, done) = taken(count);
        assert_eq!((tasks, done), (0, true));
        let Placed::Refused(error) = placed else { panic!("{placed:?}") };
        assert_eq!(error.hint().is_some(), count > 0);
    }
}

#[test]
fn what_is_waited_for_is_said_once() {
    let mut run = Run::new(spec(), Duration::ZERO);
    let mut said = Vec::new();
    for (second, reason) in [(0, "RESOURCE:CPU"), (1, "RESOURCE:CPU"), (3, "AGENT")] {
        let now = Duration::from_secs(second);
        run.ask(now);
        let failures = vec![Failure { reason: reason.into(), ..Failure::default() }];
        run.take(Answer::Started(0, Ok(Started { tasks: Vec::new(), failures })), now);
        said.extend(run.news());
    }
    let say = |text: &str| News::Say(text.into());
    assert_eq!(
        said,
        [
            say("waiting for capacity: not enough CPU is free (RESOURCE:CPU)"),
            say("waiting for capacity: the instance's agent is not connected (AGENT)")
        ]
    );
}
