//! The way of one service where it does not go well: back, left alone, late, or left.

use super::*;

#[test]
fn a_failed_deployment_goes_back_once() {
    let on_the_way =
        || vec![("look", A::Is(failed())), (BACK, A::Is(service(&[(3, "PRIMARY", 1, 1, "IN_PROGRESS")])))];
    for (rest, ended, words) in [
        (vec![("look", A::Is(back()))], Ended::RolledBack, "it was rolled back to web:1"),
        (
            vec![("look", A::Is(service(&[(3, "PRIMARY", 1, 0, "FAILED")])))],
            Ended::DeploymentFailed,
            "the way back to web:1 did not work: why",
        ),
        (
            vec![("look", A::Is(service(&[(4, "PRIMARY", 9, 0, "IN_PROGRESS")])))],
            Ended::DeploymentFailed,
            "the way back to web:1 did not work: deployment ecs-svc/4 of web:9 took its place",
        ),
    ] {
        let mut story = after_update(on_the_way());
        story.extend(rest);
        story.push(("failing ecs-svc/2", A::Failing(2)));
        let words = format!("the deployment failed: why; {words}");
        let outcome = ends(begin(deploy(), Some(old()), way()), story, ended, &words);
        assert_eq!(outcome.failing.len(), 2);
    }
    let story = after_update(vec![
        ("look", A::Is(failed())),
        (BACK, A::Err(Kind::Denied)),
        ("failing ecs-svc/2", A::Failing(0)),
    ]);
    let words = "the deployment failed: why, and it could not be rolled back: no";
    ends(begin(deploy(), Some(old()), way()), story, Ended::DeploymentFailed, words);
}

#[test]
fn a_failed_deployment_stays_where_that_is_wanted_or_there_is_no_way_back() {
    let story = || vec![("look", A::Is(failed())), ("failing ecs-svc/2", A::Failing(0))];
    let stays = Way { no_rollback: true, ..way() };
    let apply = begin(deploy(), Some(old()), stays);
    ends(apply, after_update(story()), Ended::DeploymentFailed, "the deployment failed: why");
    let created: Vec<_> = BEFORE.into_iter().chain([("create", A::Is(begun()))]).chain(story()).collect();
    let words = "the deployment failed: why; there is no earlier revision to go back to";
    assert_eq!(ends(begin(create(), None, way()), created, Ended::DeploymentFailed, words).next_step, None);
}

/// aws-actions' #191 and #494, terraform's #19519 and ecspresso's #733: stable again is not deployed.
#[test]
fn a_deployment_that_ecs_rolled_back_is_no_success() {
    let mut back = back();
    back.deployments[0].rollout_state_reason =
        Some("ECS deployment circuit breaker: rolling back to x.".into());
    let lost = service(&[(3, "PRIMARY", 1, 1, "IN_PROGRESS"), (2, "ACTIVE", 2, 0, "FAILED")]);
    let story = vec![("look", A::Is(lost)), ("look", A::Is(back)), ("failing ecs-svc/2", A::Failing(1))];
    let words = "the deployment failed (why), and ECS rolled back to web:1";
    let outcome = ends(begin(deploy(), Some(old()), way()), after_update(story), Ended::RolledBack, words);
    assert!(!outcome.result.is_good());
}

#[test]
fn a_gate_after_that_fails_takes_back_what_is_still_ours() {
    let gate_failed = |rest: Vec<(&'static str, A)>| {
        let mut story =
            vec![("look", A::Is(stable())), ("a1 t/web:2", A::Fails), (FAILED_MARK, A::Err(Kind::Denied))];
        story.extend(rest);
        after_update(story)
    };
    let went = || vec![("look", A::Is(stable())), (BACK, A::Is(back())), ("look", A::Is(back()))];
    let mut story = gate_failed(went());
    story.push(("failing ecs-svc/2", A::Failing(0)));
    let words = "gate `a1` failed: exit code 1; it was rolled back to web:1";
    let outcome = ends(begin(deploy(), Some(old()), way()), story, Ended::RolledBack, words);
    assert!(outcome.gate.is_some(), "and the gate's own outcome is told");
    let words = "gate `a1` failed: exit code 1; it is not rolled back, as somebody else changed the service meanwhile";
    for seen in [
        A::Is(service(&[(4, "PRIMARY", 9, 2, "COMPLETED")])),
        A::Missing,
        A::Is(with_status(stable(), "DRAINING")),
    ] {
        let story = gate_failed(vec![("look", seen)]);
        ends(begin(deploy(), Some(old()), way()), story, Ended::GateFailed, words);
    }
    let story = gate_failed(vec![("look", A::Err(Kind::Unavailable)), ("look", A::Err(Kind::Denied))]);
    let words = "gate `a1` failed: exit code 1; no; the service may go on by itself";
    ends(begin(deploy(), Some(old()), way()), story, Ended::Unknown, words);
    let stays = Way { no_rollback: true, ..way() };
    let story = gate_failed(vec![("failing ecs-svc/2", A::Failing(0))]);
    ends(begin(deploy(), Some(old()), stays), story, Ended::GateFailed, "gate `a1` failed: exit code 1");
}

#[test]
fn a_revision_that_failed_its_gate_is_marked_until_it_passes() {
    let mut apply = begin(deploy(), Some(old()), way());
    goes(&mut apply, after_update(vec![("look", A::Is(stable())), ("a1 t/web:2", A::Fails)]));
    let ask = apply.ask(Duration::ZERO).unwrap();
    let Ask::Tag { set, unset, .. } = &ask else { panic!("{ask:?}") };
    let mark = Tag { key: FAILED_TAG.into(), value: Some("web:2".into()) };
    assert_eq!((&set[..], &unset[..]), (&[mark][..], &[][..]));
    apply.interrupt("on Ctrl-C");
    let outcome = apply.outcome().unwrap();
    let words = "gate `a1` failed: exit code 1; left on Ctrl-C";
    assert_eq!(
        (outcome.result, outcome.explanation.as_str()),
        (Ended::GateFailed, words),
        "it is not hidden"
    );
    assert_eq!(outcome.next_step.as_deref(), Some("`longshore rollback web` goes back"));

    let mut marked = stable();
    marked.document.insert("tags".into(), json!([{"key": FAILED_TAG, "value": "web:2"}]));
    let mut apply = begin(Change::None, Some(marked), way());
    goes(&mut apply, vec![("a1 t/web:2", A::Passes)]);
    let ask = apply.ask(Duration::ZERO).unwrap();
    let Ask::Tag { set, unset, .. } = &ask else { panic!("{ask:?}") };
    assert_eq!((set[0].key.as_str(), &unset[..]), (PASSED_TAG, &[FAILED_TAG.to_owned()][..]));
}

#[test]
fn tasks_that_start_and_end_again_and_again_are_a_failure() {
    let mut apply = begin(deploy(), Some(old()), way());
    goes(&mut apply, after_update(vec![]));
    let mut asked = Vec::new();
    for seconds in 4..60 {
        let now = Duration::from_secs(seconds);
        let ask = apply.ask(now).unwrap();
        asked.push((seconds, word(&ask)));
        let answer = match &ask {
            Ask::Look => A::Is(begun()),
            Ask::Failing { .. } => A::Failing(3),
            _ => break,
        };
        apply.take(did(&ask, answer), now);
    }
    assert_eq!(asked.iter().filter(|(_, word)| word.starts_with("failing")).count(), 1, "{asked:?}");
    assert_eq!(asked.last().unwrap(), &(15, BACK.to_owned()), "after the first look with three of them");
    let news = apply.news();
    assert!(
        news.contains(&News::Say("3 of its tasks started and ended again; rolling back".into())),
        "{news:?}"
    );
    assert_eq!(news.iter().filter(|news| matches!(news, News::Failing(_))).count(), 3);
}

#[test]
fn a_deployment_has_its_time() {
    let hurried = Way { timeout: Some(Duration::from_secs(3)), ..way() };
    let story = after_update(vec![
        ("look", A::Is(begun())),
        ("look", A::Is(begun())),
        ("look", A::Is(begun())),
        ("failing ecs-svc/2", A::Failing(1)),
    ]);
    let words = "not stable in time: 0 of 2 tasks run";
    let outcome = ends(begin(deploy(), Some(old()), hurried.clone()), story, Ended::TimedOut, words);
    assert!(outcome.next_step.unwrap().contains("`longshore rollback web`"));
    let slow = || A::Is(service(&[(3, "PRIMARY", 1, 1, "IN_PROGRESS")]));
    let story = after_update(vec![
        ("look", A::Is(failed())),
        (BACK, slow()),
        ("look", slow()),
        ("look", slow()),
        ("look", slow()),
        ("failing ecs-svc/2", A::Failing(0)),
    ]);
    let words = "the deployment failed: why; the way back to web:1 is not over";
    ends(begin(deploy(), Some(old()), hurried), story, Ended::DeploymentFailed, words);
}

#[test]
fn who_leaves_is_told_what_goes_on() {
    let left = |story: Vec<(&str, A)>| {
        let mut apply = begin(deploy(), Some(old()), way());
        goes(&mut apply, story);
        apply.interrupt("by you");
        assert_eq!(apply.ask(Duration::from_secs(99)), None);
        let outcome = apply.outcome().unwrap();
        (outcome.result, outcome.explanation.clone())
    };
    let goes_on = "left by you; its deployment goes on".to_owned();
    assert_eq!(left(vec![]), (Ended::Interrupted, "left by you".into()));
    assert_eq!(left(after_update(vec![])), (Ended::Interrupted, goes_on.clone()));
    let story = vec![("look", A::Is(failed()))];
    assert_eq!(
        left(after_update(story)),
        (Ended::Interrupted, format!("the deployment failed: why; {goes_on}"))
    );
    let other = service(&[(3, "PRIMARY", 1, 2, "COMPLETED"), (2, "ACTIVE", 2, 0, "FAILED")]);
    let story = vec![("look", A::Is(other)), ("look", A::Is(back()))];
    let (ended, words) = left(after_update(story));
    assert_eq!(
        (ended, words.as_str()),
        (Ended::RolledBack, "the deployment failed (why), and ECS rolled back to web:1")
    );
}
