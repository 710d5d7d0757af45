//! How tasks are started, once.

use super::*;

#[test]
fn more_than_ten_are_several_calls_each_with_a_token_that_is_always_the_same() {
    let mut run = Run::new(spec(23), ms(0));
    let asks = run.ask(ms(0));
    let counts: Vec<usize> = runs(&asks).iter().map(|(_, request)| request.count).collect();
    assert_eq!(counts, [10, 10, 3]);
    let first = tokens(&asks);
    assert!(first.iter().all(|token| token.len() == 64) && first[0] != first[1] && first[1] != first[2]);
    assert_eq!(run.ask(ms(1)), [], "what is in flight is not asked again");
    assert_eq!(tokens(&Run::new(spec(23), s(9)).ask(s(9))), first, "another process makes the same calls");
    let other = Spec { id: "another run".into(), ..spec(23) };
    assert_ne!(tokens(&Run::new(other, ms(0)).ask(ms(0)))[0], first[0]);
}

#[test]
fn a_lost_reply_is_asked_for_again_with_the_same_token() {
    let mut run = Run::new(spec(1), ms(0));
    let first = tokens(&run.ask(ms(0)));
    let lost = Error::new(Kind::Unavailable, "cannot run it: nobody answers");
    run.take(Answer::Started(0, Err(lost.clone())), s(1));
    assert_eq!(run.ask(s(1)), []);
    assert_eq!(run.wake(), Some(s(2)));
    assert_eq!(tokens(&run.ask(s(2))), first);
    run.take(Answer::Started(0, Err(lost)), s(61));
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.result, Ended::Unknown);
    assert!(outcome.explanation.ends_with("a task may have been started all the same"), "{outcome:?}");
}

#[test]
fn a_refusal_ends_the_run_at_once() {
    let mut run = Run::new(spec(1), ms(0));
    run.ask(ms(0));
    let refused = Error::new(Kind::Denied, "cannot run it: AccessDenied").with_hint("ask for it");
    run.take(Answer::Started(0, Err(refused)), ms(1));
    let outcome = run.outcome().unwrap();
    assert_eq!((outcome.result, outcome.next_step.as_deref()), (Ended::Refused, Some("ask for it")));
    assert_eq!(outcome.explanation, "cannot run it: AccessDenied");
}

#[test]
fn partial_placement_never_over_starts_and_takes_a_new_token() {
    let mut run = Run::new(Spec { wait_for_capacity: s(60), ..spec(3) }, ms(0));
    let first = tokens(&run.ask(ms(0)));
    run.take(started(0, &[task("a", "PENDING"), task("b", "PENDING")], &["RESOURCE:CPU"]), ms(0));
    assert!(runs(&run.ask(ms(0))).is_empty(), "there is a pause");
    let again = run.ask(s(1));
    assert_eq!(runs(&again)[0].1.count, 1, "only the missing one");
    assert_ne!(tokens(&again), first);
    run.take(started(0, &[task("c", "PENDING")], &[]), s(1));
    assert_eq!(run.tasks().len(), 3);
    assert!(runs(&run.ask(s(9))).is_empty());
}

#[test]
fn what_finds_no_place_in_time_is_explained_and_what_was_placed_is_stopped() {
    let mut run = Run::new(Spec { wait_for_capacity: s(3), logs: LogReading::Tail, ..spec(2) }, ms(0));
    run.ask(ms(0));
    run.take(started(0, &[task("a", "PENDING")], &["RESOURCE:MEMORY"]), ms(0));
    run.ask(s(1));
    run.take(started(0, &[], &["RESOURCE:MEMORY"]), s(1));
    assert_eq!(runs(&run.ask(s(3))).len(), 1, "once more when the time is up");
    run.take(started(0, &[], &["RESOURCE:MEMORY"]), s(3));
    let asks = run.ask(s(3));
    assert_eq!(stops(&asks)[0].0, arn("a"));
    assert_eq!(result(&run), None, "it is waited for");
    run.take(described(&[exited("a", 143)]), s(4));
    run.ask(s(4));
    run.take(Answer::Read(None, Ok(None), s(4)), s(60));
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.result, Ended::NotPlaced);
    assert!(outcome.explanation.starts_with("only 1 of 2 tasks were started of"), "{outcome:?}");
}

#[test]
fn the_nearest_fit_is_looked_up_and_named() {
    let mut run = Run::new(spec(1), ms(0));
    run.spec.definition.memory = 1024;
    run.ask(ms(0));
    let failure = Failure {
        arn: Some("arn:container-instance/i-1".into()),
        reason: "RESOURCE:MEMORY".into(),
        detail: None,
    };
    run.take(Answer::Started(0, Ok(Started { tasks: Vec::new(), failures: vec![failure] })), ms(1));
    assert_eq!(result(&run), None);
    assert_eq!(run.ask(ms(1)), [Ask::Instances(vec!["arn:container-instance/i-1".into()])]);
    assert_eq!((run.ask(ms(1)), result(&run)), (vec![], None));
    let arn = "arn:container-instance/i-1".into();
    let instance = Instance { arn, free_cpu: 1024, free_memory: 512 };
    run.take(Answer::Instances(Ok(vec![instance])), ms(2));
    let explanation = run.outcome().unwrap().explanation;
    assert!(
        explanation.ends_with("the nearest fit, instance i-1, has 512 of 1024 MiB free"),
        "{explanation}"
    );
}

#[test]
fn half_a_run_is_stopped_once_what_is_missing_is_known() {
    let refused = || {
        let mut run = Run::new(spec(2), ms(0));
        run.ask(ms(0));
        let failure = Failure { arn: Some("i-1".into()), reason: "RESOURCE:MEMORY".into(), detail: None };
        let started = Started { tasks: vec![task("a", "PENDING")], failures: vec![failure] };
        run.take(Answer::Started(0, Ok(started)), ms(1));
        assert_eq!(stops(&run.ask(ms(1))), [], "it would give back what is missing");
        run
    };
    let mut run = refused();
    run.take(Answer::Instances(Err(Error::new(Kind::Denied, "no"))), ms(2));
    assert_eq!(stops(&run.ask(ms(2)))[0].0, arn("a"));

    let mut run = refused();
    while let Some(at) = run.wake().filter(|at| *at < s(5)) {
        assert_eq!(stops(&run.ask(at)), []);
        run.take(described(&[task("a", "PENDING")]), at);
    }
    assert_eq!(run.wake(), Some(s(5) + ms(1)), "the answer is not waited for for long");
    assert_eq!(stops(&run.ask(s(5) + ms(1)))[0].0, arn("a"));
}

#[test]
fn what_never_fits_is_not_waited_for() {
    let mut run = Run::new(Spec { wait_for_capacity: s(60), ..spec(1) }, ms(0));
    run.ask(ms(0));
    run.take(started(0, &[], &["ATTRIBUTE"]), ms(1));
    assert_eq!(result(&run), Some(Ended::NotPlaced));
}

#[test]
fn a_cluster_without_instances_may_get_some() {
    let mut run = Run::new(Spec { wait_for_capacity: s(1), ..spec(1) }, ms(0));
    run.ask(ms(0));
    let refused = Error::new(
        Kind::Invalid,
        "cannot run it: InvalidParameterException: No Container Instances were found in your cluster.",
    );
    run.take(Answer::Started(0, Err(refused.clone())), ms(0));
    assert_eq!(runs(&run.ask(s(1))).len(), 1);
    run.take(Answer::Started(0, Err(refused)), s(1));
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.result, Ended::NotPlaced);
    assert!(outcome.explanation.contains("the cluster has no instances"), "{outcome:?}");
}

#[test]
fn the_tasks_of_a_conflict_are_adopted() {
    let mut run = Run::new(spec(1), ms(0));
    run.ask(ms(0));
    let conflict = Error::new(Kind::Conflict, "no").with_resource_ids(vec![arn("a")]);
    run.take(Answer::Started(0, Err(conflict)), ms(1));
    look(&mut run, &[exited("a", 0)], ms(1));
    run.ask(ms(2));
    run.take(page(&[], "t", ms(2)), ms(2));
    run.ask(ms(9));
    run.take(page(&[], "t", ms(9)), ms(9));
    assert_eq!(result(&run), Some(Ended::Succeeded));
}

#[test]
fn a_thin_answer_is_not_judged_before_it_is_described() {
    let mut run = running(Spec { logs: LogReading::Tail, ..spec(1) }, &[thin("a")]);
    assert_eq!(result(&run), None, "it says STOPPED, but not how");
    look(&mut run, &[exited("a", 0)], ms(1));
    assert_eq!(result(&run), Some(Ended::Succeeded));
}

#[test]
fn a_lost_host_is_replaced_as_often_as_allowed_with_a_token_of_the_lost_task() {
    let mut run = running(Spec { retry_infrastructure: 1, logs: LogReading::Tail, ..spec(1) }, &[thin("a")]);
    look(&mut run, &[lost("a")], ms(1));
    assert_eq!(result(&run), None);
    let again = run.ask(ms(2));
    assert_eq!(runs(&again)[0].1.count, 1);
    run.take(started(1, &[task("b", "PENDING")], &[]), ms(3));
    look(&mut run, &[lost("b")], ms(4));
    run.ask(ms(4));
    run.take(Answer::Read(None, Ok(None), ms(4)), s(60));
    let outcome = run.outcome().unwrap();
    assert_eq!((outcome.result, outcome.task_arn), (Ended::Infrastructure, Some(arn("b"))));
    assert_eq!(outcome.tasks.len(), 2, "the lost one is in the document, too");

    let mut replay = running(run.spec.clone(), &[thin("a")]);
    look(&mut replay, &[lost("a")], s(1));
    assert_eq!(tokens(&replay.ask(s(1))), tokens(&again), "whoever sees the loss makes the same call");
}

#[test]
fn count_0_is_a_success_without_a_call() {
    let mut run = Run::new(spec(0), ms(0));
    assert_eq!(run.ask(ms(0)), []);
    assert_eq!(result(&run), Some(Ended::Succeeded));
}

#[test]
fn start_task_looks_before_it_starts_and_starts_only_what_is_missing() {
    let instances = vec!["i-1".to_owned(), "i-2".to_owned()];
    let mut run = Run::new(Spec { instances, ..spec(1) }, ms(0));
    let find = Ask::Find { call: 0, family: "job".into(), started_by: Some("me".into()) };
    assert_eq!(run.ask(ms(0)), [find]);
    run.take(Answer::Found(0, Ok(vec![task("other", "RUNNING")])), ms(1));
    let [Ask::StartTask { request, .. }] = &run.ask(ms(1))[..] else { panic!("StartTask comes next") };
    assert_eq!(request.container_instances, ["i-1", "i-2"]);
    let mark = request.group.clone();
    assert!(mark.as_ref().is_some_and(|mark| mark.starts_with("longshore-")));

    run.take(Answer::Started(0, Err(Error::new(Kind::Unavailable, "lost"))), ms(2));
    assert_eq!(run.ask(s(2)), [], "ListTasks may lag behind");
    assert_eq!(run.ask(s(6)).len(), 1, "it looks again");
    let mut found = task("a", "RUNNING");
    found.group = mark;
    found.container_instance_arn = Some("arn:container-instance/i-2".into());
    run.take(Answer::Found(0, Ok(vec![found])), s(6));
    let asks = run.ask(s(6));
    let left = asks.iter().find_map(|ask| match ask {
        Ask::StartTask { request, .. } => Some(request.container_instances.clone()),
        _ => None,
    });
    assert_eq!(left, Some(vec!["i-1".to_owned()]));
}

#[test]
fn the_tasks_of_another_run_of_this_name_are_left_alone() {
    let mut run = Run::new(spec(13), ms(0));
    run.ask(ms(0));
    let ten = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"].map(|id| task(id, "RUNNING"));
    run.take(started(0, &ten, &[]), ms(1));
    let conflict = Error::new(Kind::Conflict, "ConflictException").with_resource_ids(vec![arn("b")]);
    run.take(Answer::Started(1, Err(conflict)), ms(1));
    assert_eq!(stops(&run.ask(ms(2))), []);
    let outcome = run.outcome().unwrap();
    assert_eq!(outcome.result, Ended::Refused);
    assert!(outcome.explanation.contains("9 may still run"), "{outcome:?}");
}
