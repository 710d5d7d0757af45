//! How a run ends before its tasks do.

use super::*;

#[test]
fn a_stop_is_sent_once_to_each_task_that_still_runs() {
    let mut run = running(spec(2), &[task("a", "RUNNING"), task("b", "RUNNING")]);
    look(&mut run, &[exited("a", 0), task("b", "RUNNING")], ms(1));
    run.interrupt("on Ctrl-C", ms(2));
    assert!(run.news().contains(&News::Stopping("on Ctrl-C".into())));
    let asks = run.ask(ms(2));
    let reason = "Stopped by longshore run (ann@build-1) on Ctrl-C";
    assert_eq!(stops(&asks), [(arn("b"), reason.to_owned())], "at once");
    run.take(Answer::Stopped(arn("b"), Ok(())), ms(3));
    run.take(described(&[task("b", "RUNNING")]), ms(3));
    assert_eq!(stops(&run.ask(ms(50))), []);
}

#[test]
fn what_is_started_while_it_is_being_stopped_is_stopped_too() {
    let mut run = Run::new(Spec { poll_interval: Some(s(10)), ..spec(1) }, ms(0));
    run.ask(ms(0));
    run.interrupt("on SIGTERM", ms(1));
    assert_eq!(result(&run), None, "the answer of RunTask is waited for");
    run.take(started(0, &[task("a", "PENDING")], &[]), ms(2));
    assert_eq!(stops(&run.ask(ms(2)))[0].0, arn("a"));
}

#[test]
fn a_timeout_before_anything_was_started_says_what_was_waited_for() {
    let waits = Spec { timeout: Some(s(30)), wait_for_capacity: s(60), ..spec(1) };
    let mut run = Run::new(waits.clone(), ms(0));
    run.ask(ms(0));
    run.take(started(0, &[], &["RESOURCE:CPU"]), s(29));
    assert_eq!(run.ask(s(30)), []);
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.result, Ended::NotPlaced);
    assert!(outcome.explanation.contains("RESOURCE:CPU"), "{outcome:?}");

    let mut run = Run::new(waits, ms(0));
    run.ask(ms(0));
    run.take(Answer::Started(0, Err(Error::new(Kind::Throttled, "Rate exceeded"))), s(29));
    run.ask(s(30));
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.result, Ended::TimedOut);
    assert!(outcome.explanation.ends_with("ECS answered last: Rate exceeded"), "{outcome:?}");
}

#[test]
fn an_answer_that_never_comes_is_not_waited_for_for_ever() {
    let mut run = Run::new(
        Spec { timeout: Some(s(30)), timeout_in_full: Some(s(30)), stop_patience: s(45), ..spec(1) },
        ms(0),
    );
    run.ask(ms(0));
    assert_eq!(run.wake(), Some(s(30)));
    assert_eq!(run.ask(s(30)), []);
    assert_eq!((result(&run), run.wake()), (None, Some(s(75))));
    run.ask(s(75));
    let outcome = run.outcome().unwrap();
    assert!(outcome.explanation.ends_with("a task may have been started all the same"), "{outcome:?}");
}

#[test]
fn a_second_interrupt_leaves_and_says_how_to_stop() {
    let mut run = running(spec(1), &[task("a", "RUNNING")]);
    run.interrupt("on Ctrl-C", ms(2));
    run.interrupt("on Ctrl-C", ms(3));
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.explanation, "left task a, which may still run, on Ctrl-C");
    assert!(outcome.next_step.unwrap().starts_with("aws ecs stop-task"));
    assert_eq!(run.ask(ms(4)), []);
}

#[test]
fn nothing_more_is_started_after_an_interrupt() {
    let mut run = Run::new(Spec { wait_for_capacity: s(60), ..spec(1) }, ms(0));
    run.ask(ms(0));
    run.take(started(0, &[], &["RESOURCE:CPU"]), ms(1));
    run.interrupt("on Ctrl-C", ms(2));
    assert_eq!((run.ask(s(5)), result(&run)), (vec![], Some(Ended::Interrupted)));
}

#[test]
fn a_timeout_stops_the_tasks_and_waits_for_their_end() {
    let limited =
        Spec { timeout: Some(s(30)), timeout_in_full: Some(s(30)), logs: LogReading::Tail, ..spec(1) };
    let mut run = running(limited.clone(), &[task("a", "RUNNING")]);
    look(&mut run, &[task("a", "RUNNING")], s(29));
    let asks = run.ask(s(30));
    assert!(stops(&asks)[0].1.ends_with("after its timeout of 30s"), "{asks:?}");
    let mut stopped = exited("a", 143);
    stopped.stop_code = Some("UserInitiated".into());
    run.take(described(&[stopped]), s(31));
    run.ask(s(31));
    run.take(Answer::Read(None, Ok(None), s(31)), s(60));
    assert_eq!(result(&run), Some(Ended::TimedOut));

    let mut finished = running(limited, &[task("a", "RUNNING")]);
    finished.ask(s(30));
    finished.take(described(&[exited("a", 0)]), s(31));
    assert_eq!(result(&finished), Some(Ended::Succeeded), "it was ready before the stop came");
}

#[test]
fn on_timeout_leave_leaves() {
    let mut run = running(
        Spec { timeout: Some(s(30)), timeout_in_full: Some(s(30)), on_timeout: OnTimeout::Leave, ..spec(1) },
        &[task("a", "RUNNING")],
    );
    assert_eq!(run.ask(s(30)), []);
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.explanation, "timed out: left after its timeout of 30s; task a may still run");
}

#[test]
fn a_stop_that_never_comes_is_not_waited_for_for_ever() {
    let mut run = running(Spec { stop_patience: s(45), ..spec(1) }, &[task("a", "RUNNING")]);
    run.interrupt("on Ctrl-C", s(1));
    run.ask(s(1));
    run.take(described(&[task("a", "RUNNING")]), s(1));
    look(&mut run, &[task("a", "RUNNING")], s(45));
    run.ask(s(46));
    assert_eq!(result(&run), Some(Ended::Interrupted));
    assert!(run.is_left());
}

#[test]
fn attached_tasks_are_nobody_elses_to_stop() {
    let mut run = Run::new(Spec { attach: vec![arn("a")], ..spec(1) }, ms(0));
    assert_eq!(run.ask(ms(0)), [Ask::Describe(vec![arn("a")])]);
    run.interrupt("on Ctrl-C", ms(1));
    assert_eq!((run.ask(ms(1)), result(&run)), (vec![], Some(Ended::Interrupted)));
}

#[test]
fn a_detached_run_is_over_once_all_is_placed() {
    let mut run = Run::new(Spec { detach: true, ..spec(11) }, ms(0));
    run.ask(ms(0));
    run.take(started(0, &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"].map(thin), &[]), ms(1));
    assert_eq!(result(&run), None);
    run.take(started(1, &[thin("10")], &[]), ms(1));
    let outcome = run.outcome().unwrap();
    assert_eq!((outcome.result, outcome.explanation.as_str()), (Ended::Detached, "started 11 tasks"));
}
