//! The lines of a service from the first list to the last line, without a service: the test answers.

use longshore_model::seen::{Container, ContainerSummary, Failure, LogDriver};

use super::*;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn options(prefix: Option<&str>) -> BTreeMap<String, String> {
    let prefix = prefix.map(|prefix| ("awslogs-stream-prefix".to_owned(), prefix.to_owned()));
    [("awslogs-group".to_owned(), "/web".to_owned())].into_iter().chain(prefix).collect()
}

fn container(name: &str, driver: &str, prefix: Option<&str>) -> ContainerSummary {
    let log_driver = LogDriver { name: driver.into(), options: options(prefix) };
    ContainerSummary {
        name: name.into(),
        essential: true,
        log_driver: Some(log_driver),
        ..ContainerSummary::default()
    }
}

/// `app` and `log` are followed, `mesh` cannot be.
fn definition(arn: &str) -> TaskDefinition {
    let containers = vec![
        container("app", "awslogs", Some("web")),
        container("log", "awslogs", Some("web")),
        container("mesh", "splunk", None),
    ];
    TaskDefinition { arn: arn.into(), containers, ..TaskDefinition::default() }
}

fn task(id: &str, last_status: &str) -> Task {
    let is_over = last_status == "STOPPED";
    let containers = ["app", "log", "mesh"].map(|name| Container {
        name: name.into(),
        exit_code: is_over.then_some(1),
        ..Container::default()
    });
    Task {
        arn: format!("t/{id}"),
        task_definition_arn: "td/web:1".into(),
        last_status: last_status.into(),
        stop_code: is_over.then(|| "EssentialContainerExited".into()),
        stopped_at: is_over.then_some(Timestamp(5_000)),
        containers: containers.to_vec(),
        ..Task::default()
    }
}

fn lines(from: i64, texts: &[&str], token: &str) -> Result<Option<LogPage>, Error> {
    let line = |(place, text): (usize, &&str)| LogLine {
        timestamp: Timestamp(from + i64::try_from(place).unwrap()),
        message: (*text).into(),
    };
    let lines = texts.iter().enumerate().map(line).collect();
    Ok(Some(LogPage { lines, token: Some(token.into()) }))
}

/// A service of which all is known, for a test that looks at streams: it answers what is asked of ECS.
struct Scene {
    tail: Tail,
    running: Vec<Task>,
    stopped: Vec<Task>,
    now: Duration,
    /// How many calls of ECS there were.
    lists: usize,
    describes: usize,
}

impl Scene {
    fn new(wish: TailWish, running: Vec<Task>, stopped: Vec<Task>) -> Self {
        let tail = Tail::new(TailWish { until: Timestamp(100_000), ..wish });
        Self { tail, running, stopped, now: ms(0), lists: 0, describes: 0 }
    }

    /// Answers everything of ECS, and gives the reads that are asked for: the number and name of each stream.
    fn reads(&mut self) -> Vec<(usize, String, LogPosition)> {
        let mut reads = Vec::new();
        loop {
            let asks = self.tail.ask(self.now);
            if asks.is_empty() {
                return reads;
            }
            for ask in asks {
                let answer = match ask {
                    TailAsk::List { stopped } => {
                        self.lists += 1;
                        let tasks = if stopped { &self.stopped } else { &self.running };
                        TailAnswer::Listed(
                            stopped,
                            Ok(tasks.iter().map(|task| task.arn.clone()).collect()),
                            ms(1),
                        )
                    }
                    TailAsk::Describe(arns) => {
                        self.describes += 1;
                        let all = self.running.iter().chain(&self.stopped);
                        let tasks = all.filter(|task| arns.contains(&task.arn)).cloned().collect();
                        TailAnswer::Described(arns, Ok(Described { tasks, failures: Vec::new() }))
                    }
                    TailAsk::Revision(arn) => TailAnswer::Revision(arn.clone(), Ok(definition(&arn))),
                    TailAsk::Read { log, stream, position } => {
                        reads.push((log, stream.name, position));
                        continue;
                    }
                };
                self.tail.take(answer, self.now);
            }
        }
    }

    fn page(&mut self, log: usize, page: Result<Option<LogPage>, Error>) {
        self.tail.take(TailAnswer::Read(log, page, self.now), self.now);
    }

    /// Goes on to when something is to be done.
    fn wait(&mut self) {
        self.now = self.now.max(self.tail.wake().unwrap());
    }

    fn shown(&mut self) -> Vec<String> {
        let news = self.tail.news();
        let line = |(_, line): (usize, LogLine)| line.message;
        news.into_iter()
            .flat_map(|news| match news {
                TailNews::Lines(lines) => lines.into_iter().map(line).collect(),
                TailNews::Say(text) | TailNews::Warn(text) => vec![text],
            })
            .collect()
    }
}

fn follow() -> TailWish {
    TailWish { follow: true, ..TailWish::default() }
}

fn names(reads: &[(usize, String, LogPosition)]) -> Vec<&str> {
    reads.iter().map(|(_, name, _)| name.as_str()).collect()
}

#[test]
fn without_following_every_task_is_read_once_in_order_of_time() {
    let mut scene = Scene::new(TailWish::default(), vec![task("a", "RUNNING")], vec![task("o", "STOPPED")]);
    let reads = scene.reads();
    assert_eq!(names(&reads), ["web/app/a", "web/log/a", "web/app/o", "web/log/o"]);
    scene.page(0, lines(10, &["a10", "a11", "a12"], "1"));
    scene.page(1, lines(11, &["l11"], "1"));
    assert!(scene.reads().is_empty(), "they wait for the others");
    scene.page(2, lines(1, &["o1", "o2"], "1"));
    scene.page(3, Ok(None));
    let expected =
        ["note: container `mesh` logs with `splunk`, which cannot be followed from here", "o1", "o2"];
    assert_eq!(scene.shown(), expected, "the stream of `o` may go on before `a` begins");
    let reads = scene.reads();
    assert_eq!(names(&reads), ["web/app/o"]);
    assert_eq!(reads[0].2, LogPosition::After("1".into()));
    scene.page(2, lines(11, &["o11"], "2"));
    assert_eq!(scene.shown(), ["a10", "a11", "l11", "o11"]);
    while !scene.tail.is_over() {
        for (log, ..) in scene.reads() {
            scene.page(log, lines(0, &[], if log == 2 { "2" } else { "1" }));
        }
    }
    assert_eq!(scene.shown(), ["a12"]);
    assert_eq!((scene.lists, scene.describes), (2, 2));
}

#[test]
fn what_is_written_meanwhile_ends_a_stream_for_whoever_does_not_follow() {
    let mut scene = Scene::new(
        TailWish { container: Some("app".into()), ..TailWish::default() },
        vec![task("b", "RUNNING")],
        vec![],
    );
    assert_eq!(names(&scene.reads()), ["web/app/b"]);
    scene.page(0, lines(99_999, &["old", "new"], "1"));
    assert_eq!(scene.shown(), ["old", "new"]);
    assert!(scene.tail.is_over() && scene.tail.has_tasks());
}

#[test]
fn lines_from_before_are_not_shown_nor_are_tasks_that_ended_before() {
    let wish =
        TailWish { since: Some(Timestamp(4_000)), container: Some("app".into()), ..TailWish::default() };
    let old = Task { stopped_at: Some(Timestamp(3_999)), ..task("o", "STOPPED") };
    let mut scene = Scene::new(wish, vec![], vec![old, task("a", "STOPPED")]);
    let reads = scene.reads();
    assert_eq!(reads, [(0, "web/app/a".to_owned(), LogPosition::Since(Timestamp(4_000)))]);
    scene.page(0, lines(3_999, &["before", "then"], "1"));
    assert_eq!(scene.shown(), ["then"]);
}

#[test]
fn nothing_of_the_same_moment_is_lost() {
    let mut scene = Scene::new(
        TailWish { container: Some("app".into()), ..follow() },
        vec![task("a", "RUNNING"), task("b", "RUNNING")],
        vec![],
    );
    assert_eq!(scene.reads().len(), 2);
    scene.page(0, lines(7, &["a"], "1"));
    scene.page(1, lines(7, &["b"], "1"));
    assert_eq!(scene.shown(), ["a", "b"]);
    scene.wait();
    for (log, _, position) in scene.reads() {
        assert_eq!(position, LogPosition::After("1".into()));
        scene.page(log, lines(7, &["again"], "2"));
    }
    assert_eq!(scene.shown(), ["again", "again"]);
}

#[test]
fn a_stream_that_is_out_of_order_is_shown_in_its_own_order() {
    let mut scene = Scene::new(
        TailWish { container: Some("app".into()), ..follow() },
        vec![task("a", "RUNNING"), task("b", "RUNNING")],
        vec![],
    );
    scene.reads();
    let (Ok(Some(late)), Ok(Some(early))) = (lines(9, &["9"], "1"), lines(3, &["3"], "1")) else { panic!() };
    let both = [late.lines, early.lines].concat();
    scene.page(0, Ok(Some(LogPage { lines: both, token: Some("1".into()) })));
    scene.page(1, lines(5, &["5"], "1"));
    assert_eq!(scene.shown(), ["5", "9", "3"]);
}

#[test]
fn new_tasks_are_found_and_ended_ones_are_read_to_their_end() {
    let mut scene = Scene::new(
        TailWish { container: Some("app".into()), ..follow() },
        vec![task("a", "RUNNING")],
        vec![task("o", "STOPPED")],
    );
    assert_eq!(names(&scene.reads()), ["web/app/a"], "one that was over before is not shown");
    scene.page(0, lines(7, &["one"], "1"));
    assert_eq!(scene.shown(), ["one"]);
    scene.running = vec![task("b", "PENDING")];
    scene.stopped.push(task("a", "STOPPED"));
    let ended = "task a stopped: container `app` exited with 1";
    let mut shown: Vec<String> = Vec::new();
    for round in 0..200 {
        scene.wait();
        for (log, name, _) in scene.reads() {
            shown.extend(scene.shown());
            let has = |text: &str| shown.iter().any(|shown| shown == text);
            let page = match name.as_str() {
                "web/app/a" if !has(ended) => lines(8, &[], "1"),
                "web/app/a" => lines(8, &["last of a"][usize::from(has("last of a"))..], "2"),
                "web/app/b" => lines(9, &["first of b"][usize::from(has("first of b"))..], "3"),
                _ => panic!("{name} is not there"),
            };
            scene.page(log, page);
        }
        shown.extend(scene.shown());
        if round == 100 {
            scene.running = vec![task("b", "RUNNING")];
        }
    }
    assert_eq!(shown, [ended, "last of a", "task b started (web:1)", "first of b"]);
    assert!(!scene.tail.is_over());
}

#[test]
fn a_task_that_lived_between_two_lists_is_read() {
    let mut scene = Scene::new(TailWish { container: Some("app".into()), ..follow() }, vec![], vec![]);
    assert!(scene.reads().is_empty() && scene.lists == 2);
    scene.stopped.push(task("a", "STOPPED"));
    scene.wait();
    let mut reads = Vec::new();
    for _ in 0..10 {
        scene.wait();
        reads.extend(scene.reads());
    }
    assert_eq!(names(&reads), ["web/app/a"]);
}

#[test]
fn the_end_of_a_deleted_service_is_the_end() {
    let mut scene = Scene::new(
        TailWish { container: Some("app".into()), ..follow() },
        vec![task("a", "RUNNING")],
        vec![],
    );
    scene.reads();
    scene.page(0, lines(7, &["one"], "1"));
    scene.now += ms(200);
    assert!(matches!(scene.tail.ask(scene.now)[..], [TailAsk::List { .. }, TailAsk::Read { .. }]));
    scene.page(0, lines(7, &[], "1"));
    let gone = Error::new(Kind::NotFound, "no such service");
    scene.tail.take(TailAnswer::Listed(true, Err(gone), ms(1)), scene.now);
    let mut rounds = 0;
    while !scene.tail.is_over() && rounds < 100 {
        scene.wait();
        for (log, ..) in scene.reads() {
            scene.page(log, lines(8, &[], "1"));
        }
        rounds += 1;
        if rounds == 5 {
            scene.running = vec![task("a", "STOPPED")];
        }
    }
    assert!(rounds >= 5);
    assert_eq!(
        scene.shown(),
        ["one", "note: the service is gone", "task a stopped: container `app` exited with 1"]
    );
    assert_eq!(scene.tail.failed(), None);
}

#[test]
fn a_far_service_is_asked_politely() {
    let wish = TailWish { container: Some("app".into()), ..follow() };
    let tasks: Vec<Task> = (0..30).map(|number| task(&format!("{number:02}"), "RUNNING")).collect();
    let mut scene = Scene::new(wish, tasks, vec![]);
    let took = ms(50);
    let (mut reads, mut lists) = (0, 0);
    while scene.now < ms(60_000) {
        for ask in scene.tail.ask(scene.now) {
            scene.now += took;
            let answer = match ask {
                TailAsk::List { stopped } => {
                    lists += 1;
                    let all = scene.running.iter().filter(|_| !stopped).map(|task| task.arn.clone());
                    TailAnswer::Listed(stopped, Ok(all.collect()), took)
                }
                TailAsk::Describe(arns) => {
                    let tasks = scene.running.clone();
                    TailAnswer::Described(arns, Ok(Described { tasks, failures: Vec::new() }))
                }
                TailAsk::Revision(arn) => TailAnswer::Revision(arn.clone(), Ok(definition(&arn))),
                TailAsk::Read { log, .. } => {
                    reads += 1;
                    TailAnswer::Read(log, lines(1, &[], "1"), scene.now - took)
                }
            };
            scene.tail.take(answer, scene.now);
        }
        scene.wait();
    }
    assert!((100..=300).contains(&reads), "{reads} reads a minute");
    assert!((10..=26).contains(&lists), "{lists} lists a minute");
}

#[test]
fn trouble_passes_or_ends_it() {
    let wish = TailWish { container: Some("app".into()), ..follow() };
    let busy = || Error::new(Kind::Unavailable, "cannot list: busy");
    let mut tail = Tail::new(wish.clone());
    let mut now = ms(0);
    let mut asked = 0;
    while tail.failed().is_none() {
        for ask in tail.ask(now) {
            assert_eq!(ask, TailAsk::List { stopped: true });
            asked += 1;
            tail.take(TailAnswer::Listed(true, Err(busy()), ms(1)), now);
        }
        now = tail.wake().unwrap().max(now + ms(1));
    }
    assert!(tail.is_over() && (59..=61).contains(&asked), "{asked}");
    assert_eq!(tail.news(), [TailNews::Warn("cannot list: busy; trying for 60 s".into())]);

    let mut scene = Scene::new(wish, vec![task("a", "RUNNING")], vec![]);
    scene.reads();
    scene.page(0, Err(busy()));
    scene.wait();
    assert_eq!(scene.reads().len(), 1, "it is read again");
    scene.page(0, Err(Error::new(Kind::Denied, "cannot read: no")));
    assert_eq!(scene.shown(), ["cannot read: no; its lines are not shown from here on"]);
    scene.now += ms(10_000);
    assert!(scene.reads().is_empty());
}

#[test]
fn a_stream_without_a_prefix_is_opened_once_its_container_is_created() {
    let mut tail = Tail::new(follow());
    let now = ms(0);
    let plain = || TaskDefinition {
        arn: "td/web:1".into(),
        containers: vec![container("app", "awslogs", None)],
        ..TaskDefinition::default()
    };
    let with_id = |id: Option<&str>| Task {
        containers: vec![Container {
            name: "app".into(),
            runtime_id: id.map(Into::into),
            ..Container::default()
        }],
        ..task("a", "RUNNING")
    };
    tail.take(TailAnswer::Listed(true, Ok(vec![]), ms(1)), now);
    tail.take(TailAnswer::Listed(false, Ok(vec!["t/a".into()]), ms(1)), now);
    let described = |task| {
        TailAnswer::Described(vec!["t/a".into()], Ok(Described { tasks: vec![task], failures: vec![] }))
    };
    tail.take(described(with_id(None)), now);
    tail.take(TailAnswer::Revision("td/web:1".into(), Ok(plain())), now);
    assert!(!tail.has_tasks());
    tail.take(TailAnswer::Listed(true, Ok(vec![]), ms(1)), now);
    assert!(tail.ask(now).contains(&TailAsk::Describe(vec!["t/a".into()])), "it is looked at again");
    tail.take(described(with_id(Some("d0c"))), now);
    let asks = tail.ask(now);
    assert!(
        asks.iter().any(|ask| matches!(ask, TailAsk::Read { stream, .. } if stream.name == "d0c")),
        "{asks:?}"
    );
    assert_eq!(tail.source(0), Some(("t/a", "app")));
}

#[test]
fn a_task_that_ecs_has_forgotten_is_let_go() {
    let mut tail = Tail::new(TailWish::default());
    let now = ms(0);
    tail.take(TailAnswer::Listed(false, Ok(vec![]), ms(1)), now);
    tail.take(TailAnswer::Listed(true, Ok(vec!["t/a".into()]), ms(1)), now);
    let asks = tail.ask(now);
    assert_eq!(asks, [TailAsk::Describe(vec!["t/a".into()])]);
    let missing = Failure { arn: Some("t/a".into()), reason: "MISSING".into(), detail: None };
    tail.take(
        TailAnswer::Described(vec!["t/a".into()], Ok(Described { tasks: vec![], failures: vec![missing] })),
        now,
    );
    assert!(tail.is_over() && !tail.has_tasks());
}
