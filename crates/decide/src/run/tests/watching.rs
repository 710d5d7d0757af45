//! How tasks and logs are looked at.

use super::*;

#[test]
fn a_log_is_first_asked_for_when_the_task_runs_and_then_at_once() {
    let mut run = running(spec(1), &[task("a", "PROVISIONING")]);
    assert_eq!(run.ask(ms(0)), [Ask::Describe(vec![arn("a")])]);
    run.take(described(&[task("a", "PENDING")]), ms(1));
    assert_eq!(run.news(), [News::State("PENDING".into())]);
    assert_eq!(run.wake(), Some(ms(7)), "twenty round trips later");
    look(&mut run, &[task("a", "RUNNING")], ms(8));
    let asks = run.ask(ms(8));
    let [Ask::ReadLog { log: Some(0), stream, position: LogPosition::Head }] = &asks[..] else {
        panic!("only the log is due: {asks:?}")
    };
    assert_eq!(stream.name, "run/app/a");
    run.news();
    run.take(page(&["one"], "t1", ms(8)), ms(9));
    assert!(matches!(&run.news()[..], [News::Lines { task: 0, container: 0, lines }] if lines.len() == 1));
    let asks = run.ask(run.wake().unwrap());
    assert_eq!(asks.len(), 2, "from here on both are asked together");
}

#[test]
fn a_run_is_over_when_its_tasks_are_stopped_and_their_logs_run_dry() {
    let mut run = running(spec(1), &[task("a", "PENDING")]);
    look(&mut run, &[exited("a", 3)], ms(10));
    assert_eq!(result(&run), None, "it was too quick to be seen running, but it may have said something");
    assert_eq!(describes(&run.ask(ms(10))), 0, "a stopped task is not described again");
    run.take(page(&["one", "two"], "t1", ms(10)), ms(11));
    run.ask(ms(11));
    run.take(page(&[], "t1", ms(11)), ms(12));
    assert_eq!(result(&run), None, "what came after the end may have more behind it");
    run.ask(ms(20));
    run.take(page(&[], "t1", ms(20)), ms(21));
    let outcome = run.outcome().unwrap();
    assert_eq!((outcome.result, outcome.exit_code), (Ended::Application, Some(3)));
    assert_eq!(outcome.log_tail, ["one", "two"]);
}

#[test]
fn without_following_the_last_lines_are_read_once_it_failed() {
    let mut run = running(Spec { logs: LogReading::Tail, ..spec(1) }, &[task("a", "PENDING")]);
    look(&mut run, &[task("a", "RUNNING")], ms(1));
    assert_eq!(run.ask(ms(1)), []);
    look(&mut run, &[exited("a", 3)], ms(20));
    let asks = run.ask(ms(20));
    assert!(
        matches!(&asks[..], [Ask::ReadLog { log: None, position: LogPosition::Tail(20), .. }]),
        "{asks:?}"
    );
    assert_eq!(result(&run), None);
    run.take(Answer::Read(None, Ok(None), ms(20)), ms(21));
    assert_eq!(result(&run), None, "CloudWatch Logs may lag behind");
    run.ask(ms(40));
    let line = LogLine { message: "no such table\n".into(), ..LogLine::default() };
    let page = LogPage { lines: vec![line], token: None };
    run.take(Answer::Read(None, Ok(Some(page)), ms(40)), ms(41));
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.log_tail, ["no such table"]);
    assert_eq!(outcome.next_step.as_deref(), Some("its last lines should say why"));
}

#[test]
fn last_lines_that_may_not_be_read_are_no_secret() {
    let mut run = running(Spec { logs: LogReading::Tail, ..spec(1) }, &[task("a", "PENDING")]);
    let mut ended = exited("a", 3);
    ended.task_definition_arn = "arn:aws:ecs:r:1:task-definition/job:2".into();
    look(&mut run, &[ended], ms(20));
    run.ask(ms(20));
    let denied = Error::new(Kind::Denied, "no logs:GetLogEvents").with_hint("check that policy");
    run.take(Answer::Read(None, Err(denied), ms(20)), s(60));
    let outcome = run.outcome().unwrap();
    assert_eq!(
        outcome.explanation,
        "container `app` exited with 3; its log is not shown: no logs:GetLogEvents"
    );
    assert_eq!(outcome.next_step.as_deref(), Some("check that policy"));
    assert!(outcome.task_definition_arn.ends_with("job:2"), "what ran, not what would run now");
}

#[test]
fn runs_that_look_equally_often_look_at_the_same_moments() {
    let spec = Spec { poll_interval: Some(s(2)), logs: LogReading::Tail, ..spec(1) };
    for began in [ms(10), ms(700), ms(1899)] {
        let mut run = Run::new(spec.clone(), began);
        run.ask(began);
        run.take(started(0, &[task("a", "PENDING")], &[]), began);
        assert_eq!(run.wake(), Some(ms(1900)), "within two seconds, the call included");
        look(&mut run, &[task("a", "RUNNING")], ms(1900));
        assert_eq!(run.wake(), Some(ms(3800)));
    }
}

#[test]
fn a_new_task_may_be_missing_for_a_while_but_not_for_ever() {
    let mut run = running(spec(1), &[task("a", "PROVISIONING")]);
    look(&mut run, &[], s(1));
    look(&mut run, &[], s(59));
    look(&mut run, &[task("a", "PENDING")], s(60));
    look(&mut run, &[], s(119));
    assert_eq!(result(&run), None);
    look(&mut run, &[], s(120));
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.result, Ended::Unknown);
    assert!(outcome.explanation.starts_with("ECS does not know task `arn:task/default/a`"), "{outcome:?}");
}

#[test]
fn a_service_that_does_not_answer_is_asked_for_a_minute() {
    let mut run = running(spec(1), &[task("a", "RUNNING")]);
    let away = || Answer::Described(Err(Error::new(Kind::Unavailable, "nobody answers")), TOOK);
    run.ask(s(1));
    run.take(away(), s(1));
    assert_eq!(run.news(), [News::Warn("nobody answers; trying for 60 s".into())]);
    run.ask(s(2));
    run.take(away(), s(60));
    assert_eq!((result(&run), run.news()), (None, vec![]));
    run.ask(s(61));
    run.take(away(), s(61));
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.explanation, "nobody answers; task a may still run");
    assert_eq!(outcome.next_step.as_deref(), Some("aws ecs stop-task --cluster default --task a"));
}

#[test]
fn output_that_cannot_be_followed_is_named_once_and_not_waited_for() {
    let mut silent = spec(2);
    silent.definition.containers[0].log_driver = None;
    let mut run = running(silent, &[task("a", "RUNNING"), task("b", "RUNNING")]);
    assert!(matches!(&run.news()[..], [News::Say(note)] if note.contains("no logConfiguration")));
    look(&mut run, &[exited("a", 0), exited("b", 4)], ms(1));
    let outcome = run.outcome().unwrap();
    assert_eq!((outcome.exit_code, outcome.task_arn), (Some(4), Some(arn("b"))));
}
