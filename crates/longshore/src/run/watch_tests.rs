//! A run from its first look to its last, without a service.

use longshore_aws::{Container, Described, LogDriver};

use super::*;

fn definition() -> ContainerSummary {
    let options = [("awslogs-group", "/job"), ("awslogs-stream-prefix", "run")];
    ContainerSummary {
        name: "app".into(),
        essential: true,
        log_driver: Some(LogDriver {
            name: "awslogs".into(),
            options: options.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }),
    }
}

fn task(id: &str, last_status: &str) -> Task {
    let exit_code = (last_status == "STOPPED").then_some(0);
    Task {
        arn: format!("arn:task/default/{id}"),
        last_status: last_status.into(),
        containers: vec![Container { name: "app".into(), exit_code, ..Container::default() }],
        ..Task::default()
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The description of these tasks, after a third of a millisecond.
fn described(tasks: &[Task]) -> Answers {
    Answers {
        described: Some(Ok(Described { tasks: tasks.to_vec(), failures: Vec::new() })),
        round_trip: Duration::from_micros(300),
        ..Answers::default()
    }
}

fn page(lines: &[&str], token: &str) -> Answers {
    let line = |message: &&str| LogLine { message: (*message).into(), ..LogLine::default() };
    let page = LogPage { lines: lines.iter().map(line).collect(), token: Some(token.into()) };
    Answers { pages: vec![(0, Ok(Some(page)))], ..Answers::default() }
}

fn lines(news: &[News]) -> Vec<String> {
    let texts = news.iter().filter_map(|item| match item {
        News::Lines { lines, .. } => Some(lines.iter().map(|line| line.message.clone())),
        _ => None,
    });
    texts.flatten().collect()
}

fn take(watch: &mut Watch, answers: Answers, now: Duration) -> Vec<News> {
    watch.take(answers, now, now).unwrap()
}

#[test]
fn a_log_is_first_asked_for_when_the_task_runs_and_then_at_once() {
    let (mut watch, news) = Watch::new(vec![task("a", "PROVISIONING")], vec![definition()]);
    assert_eq!(news, []);
    let first = watch.questions(ms(0));
    assert_eq!((first.describe, first.read), (vec!["arn:task/default/a".to_owned()], Vec::new()));

    let news = take(&mut watch, described(&[task("a", "PENDING")]), ms(1));
    assert_eq!(news, [News::State("PENDING".into())]);
    assert_eq!(watch.next_look(), ms(7), "twenty round trips later");
    assert_eq!(watch.questions(ms(7)).read, []);

    take(&mut watch, described(&[task("a", "RUNNING")]), ms(8));
    assert_eq!(watch.next_look(), ms(8));
    let questions = watch.questions(ms(8));
    assert_eq!(questions.describe, [""; 0], "only the log is due");
    assert_eq!(questions.read[0].1.name, "run/app/a");

    let news = take(&mut watch, page(&["one"], "t1"), ms(9));
    assert_eq!(lines(&news), ["one"]);
    let questions = watch.questions(watch.next_look());
    assert_eq!(questions.describe.len(), 1, "from here on both are asked together");
    assert_eq!(questions.read[0].2.as_deref(), Some("t1"));
}

#[test]
fn a_run_is_over_when_its_tasks_are_stopped_and_their_logs_run_dry() {
    let (mut watch, _) = Watch::new(vec![task("a", "PENDING")], vec![definition()]);
    take(&mut watch, described(&[task("a", "STOPPED")]), ms(10));
    assert!(!watch.is_over(), "it was too quick to be seen running, but it may have said something");
    assert_eq!(watch.questions(ms(10)).describe, [""; 0], "a stopped task is not described again");
    assert_eq!(lines(&take(&mut watch, page(&["one", "two"], "t1"), ms(11))), ["one", "two"]);
    assert_eq!(watch.next_look(), ms(11));
    take(&mut watch, page(&[], "t1"), ms(12));
    assert!(!watch.is_over(), "what came after the end may have more behind it");
    assert!(watch.next_look() > ms(12));
    take(&mut watch, page(&[], "t1"), ms(14));
    assert!(watch.is_over());
}

#[test]
fn a_page_that_was_asked_for_before_the_end_was_known_is_not_taken_for_the_last() {
    let (mut watch, _) = Watch::new(vec![task("a", "RUNNING")], vec![definition()]);
    take(&mut watch, described(&[task("a", "RUNNING")]), ms(1));
    take(&mut watch, page(&["one"], "t1"), ms(2));
    let both = Answers { pages: page(&[], "t1").pages, ..described(&[task("a", "STOPPED")]) };
    take(&mut watch, both, ms(9));
    assert!(!watch.is_over());
    assert_eq!(watch.questions(ms(9)).read.len(), 1);
    take(&mut watch, page(&[], "t1"), ms(10));
    assert!(watch.is_over());
}

#[test]
fn a_stop_is_sent_once_to_each_task_that_still_runs() {
    let (mut watch, _) = Watch::new(vec![task("a", "RUNNING"), task("b", "RUNNING")], vec![definition()]);
    let news = take(&mut watch, described(&[task("a", "STOPPED"), task("b", "RUNNING")]), ms(1));
    assert_eq!(news, [News::States("1 STOPPED, 1 RUNNING".into())]);
    assert_eq!(watch.questions(ms(50)).stop, [""; 0]);
    watch.stop(ms(2));
    assert_eq!(watch.next_look(), ms(1), "at once");
    assert_eq!(watch.questions(ms(2)).stop, ["arn:task/default/b"]);
    let sent = Answers { stopped: vec![("arn:task/default/b".into(), Ok(()))], ..Answers::default() };
    take(&mut watch, sent, ms(3));
    assert_eq!(watch.questions(ms(50)).stop, [""; 0]);
}

#[test]
fn a_stop_that_never_comes_is_not_waited_for_for_ever() {
    let running = || described(&[task("a", "RUNNING")]);
    let (mut watch, _) = Watch::new(vec![task("a", "RUNNING")], vec![definition()]);
    take(&mut watch, running(), ms(1_000_000));
    watch.stop(ms(1_000_000));
    take(&mut watch, running(), ms(1_599_999));
    let given_up = watch.take(running(), ms(1_600_000), ms(1_600_000)).unwrap_err();
    assert_eq!(given_up.to_string(), "ECS has not stopped it within 600 s");
}

#[test]
fn a_new_task_may_be_missing_for_a_while_but_not_for_ever() {
    let (mut watch, _) = Watch::new(vec![task("a", "PROVISIONING")], vec![definition()]);
    take(&mut watch, described(&[]), ms(10));
    take(&mut watch, described(&[]), ms(59_000));
    take(&mut watch, described(&[task("a", "PENDING")]), ms(59_500));
    take(&mut watch, described(&[]), ms(119_000));
    let lost = watch.take(described(&[]), ms(119_500), ms(119_500)).unwrap_err();
    assert_eq!(lost.to_string(), "ECS does not know task `arn:task/default/a`; was its cluster deleted?");
}

#[test]
fn output_that_cannot_be_followed_is_named_once_and_not_waited_for() {
    let silent = ContainerSummary { name: "app".into(), essential: true, log_driver: None };
    let (mut watch, news) = Watch::new(vec![task("a", "RUNNING"), task("b", "RUNNING")], vec![silent]);
    assert_eq!(news.len(), 1, "{news:?}");
    take(&mut watch, described(&[task("a", "STOPPED"), task("b", "STOPPED")]), ms(1));
    assert!(watch.is_over());
}

#[test]
fn a_container_that_never_ran_has_no_log_to_wait_for() {
    let (mut watch, _) = Watch::new(vec![task("a", "PENDING")], vec![definition()]);
    let mut failed = task("a", "STOPPED");
    failed.containers[0].exit_code = None;
    take(&mut watch, described(&[failed]), ms(1));
    let not_there = Answers { pages: vec![(0, Ok(None))], ..Answers::default() };
    take(&mut watch, not_there, ms(2));
    assert!(watch.is_over());
}
