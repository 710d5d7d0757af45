//! The driver under a paused clock: each test is named after what must not happen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name(&'static str);

impl std::fmt::Display for Name {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.0)
    }
}

impl Object for Name {}

/// A wall clock that goes with tokio's paused one.
#[derive(Debug)]
struct Wall(Instant);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp(1_000_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

type Answer = Box<dyn Fn(usize) -> Result<Round<Name>, Error> + Send + Sync>;

/// Rounds that take a second each and answer as told; `log` has when each began, in seconds.
struct Script {
    began: Instant,
    log: Mutex<Vec<(&'static str, u64)>>,
    at_once: Mutex<BTreeMap<&'static str, usize>>,
    most_at_once: AtomicUsize,
    takes: Duration,
    everything: Vec<Name>,
    answer: Answer,
}

impl Script {
    fn new(answer: impl Fn(usize) -> Result<Round<Name>, Error> + Send + Sync + 'static) -> Self {
        Self {
            began: Instant::now(),
            log: Mutex::default(),
            at_once: Mutex::default(),
            most_at_once: AtomicUsize::new(0),
            takes: Duration::from_secs(1),
            everything: Vec::new(),
            answer: Box::new(answer),
        }
    }

    fn log(&self) -> Vec<(&'static str, u64)> {
        self.log.lock().unwrap().clone()
    }
}

#[async_trait]
impl Rounds<Name> for Script {
    async fn round(&self, object: &Name, _id: &str) -> Result<Round<Name>, Error> {
        let (count, at_once) = {
            let mut log = self.log.lock().unwrap();
            log.push((object.0, self.began.elapsed().as_secs()));
            let mut at_once = self.at_once.lock().unwrap();
            let own = at_once.entry(object.0).or_default();
            *own += 1;
            (log.iter().filter(|(name, _)| *name == object.0).count(), *own)
        };
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        *self.at_once.lock().unwrap().get_mut(object.0).unwrap() -= 1;
        (self.answer)(count)
    }

    fn everything(&self) -> Vec<Name> {
        self.everything.clone()
    }
}

struct Stage {
    driver: Driver<Name>,
    stop: Shutdown,
    driving: tokio::task::JoinHandle<()>,
}

fn stage(script: &Arc<Script>) -> Stage {
    let driver = Driver::new(Arc::new(Wall(Instant::now())));
    let stop = Shutdown::new();
    let (driven, heard, rounds) = (driver.clone(), stop.clone(), Arc::clone(script));
    let driving = tokio::spawn(async move { driven.run(rounds, &heard).await });
    Stage { driver, stop, driving }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_never_has_two_rounds_at_once_and_loses_no_wake() {
    let script = Arc::new(Script::new(|_| Ok(Round::default())));
    let Stage { driver, .. } = stage(&script);
    for _ in 0..50 {
        driver.wake(Name("a"));
        driver.wake(Name("b"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    pass(10).await;
    // Woken all the time for five seconds: a round each second, and one more for the last wakes.
    let rounds = |name| script.log().into_iter().filter(|(own, _)| *own == name).count();
    assert_eq!((rounds("a"), rounds("b")), (6, 6));
    assert_eq!(script.most_at_once.load(Ordering::SeqCst), 1);
    let counters = driver.counters();
    assert_eq!((counters.rounds, counters.in_flight, counters.queued), (12, 0, 0));
    assert_eq!(counters.spent, Duration::from_secs(12));
}

#[tokio::test(start_paused = true)]
async fn a_timer_is_not_late_and_a_wake_before_it_is_a_round_of_its_own() {
    let again = |count| match count {
        1 => Some(Timestamp(1_000_000 + 30_000)),
        2 => Some(Timestamp(1_000_000 + 20_000)),
        _ => None,
    };
    let script =
        Arc::new(Script::new(move |count| Ok(Round { look_again_at: again(count), ..Round::default() })));
    let Stage { driver, .. } = stage(&script);
    driver.wake(Name("a"));
    pass(10).await;
    assert_eq!(driver.status(&Name("a")).unwrap().next_look_at, Some(Timestamp(1_030_000)));
    driver.wake(Name("a"));
    pass(60).await;
    assert_eq!(script.log(), [("a", 0), ("a", 10), ("a", 20)]);
}

#[tokio::test(start_paused = true)]
async fn a_round_that_fails_or_panics_is_tried_again_and_later_each_time() {
    let script = Arc::new(Script::new(|count| match count {
        1 | 2 => Err(Error::new(Kind::Unavailable, "nobody answers")),
        3 => panic!("a bug"),
        _ => Ok(Round::default()),
    }));
    let Stage { driver, .. } = stage(&script);
    driver.wake(Name("a"));
    pass(2).await;
    let status = driver.status(&Name("a")).unwrap();
    assert_eq!((status.error.as_deref(), status.errors), (Some("nobody answers"), 1));
    pass(60).await;
    // Each takes a second; the waits are one, two and four.
    assert_eq!(script.log(), [("a", 0), ("a", 2), ("a", 5), ("a", 10)]);
    let status = driver.status(&Name("a")).unwrap();
    assert_eq!((status.error, status.errors, driver.counters().errors), (None, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn everything_is_woken_at_the_start_and_again_when_no_wake_comes() {
    let mut script = Script::new(|_| Ok(Round::default()));
    script.everything = vec![Name("a")];
    let script = Arc::new(script);
    let _stage = stage(&script);
    pass(250).await;
    assert_eq!(script.log(), [("a", 0), ("a", 120), ("a", 240)]);
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_rounds_under_way_and_begins_no_more() {
    let script = Arc::new(Script::new(|_| Ok(Round { wake: vec![Name("b")], ..Round::default() })));
    let Stage { driver, stop, driving } = stage(&script);
    driver.wake(Name("a"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.request(Duration::from_secs(20));
    driving.await.unwrap();
    assert_eq!((script.log(), script.began.elapsed()), (vec![("a", 0)], Duration::from_secs(1)));
    assert_eq!(driver.counters().queued, 1, "the wake is kept for whoever drives next");
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_ever_and_what_it_broke_off_comes_again() {
    let mut script = Script::new(|_| Ok(Round::default()));
    script.takes = Duration::from_secs(1000);
    let script = Arc::new(script);
    let Stage { driver, stop, driving } = stage(&script);
    driver.wake(Name("a"));
    pass(1).await;
    stop.request(Duration::from_secs(20));
    driving.await.unwrap();
    assert_eq!(script.began.elapsed(), Duration::from_secs(21));
    let again = Shutdown::new();
    let (driven, heard, rounds) = (driver.clone(), again.clone(), Arc::clone(&script));
    tokio::spawn(async move { driven.run(rounds, &heard).await });
    pass(1).await;
    assert_eq!(script.log(), [("a", 0), ("a", 21)]);
}

#[tokio::test(start_paused = true)]
async fn there_are_never_more_rounds_than_the_limit() {
    let script = Arc::new(Script::new(|_| Ok(Round::default())));
    let Stage { driver, .. } = stage(&script);
    for index in 0..100 {
        driver.wake(Name(Box::leak(format!("{index}").into_boxed_str())));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let counters = driver.counters();
    assert_eq!((counters.in_flight, counters.queued), (QUICK_AT_ONCE, 100 - QUICK_AT_ONCE));
    pass(2).await;
    assert_eq!(driver.counters().rounds, 100);
}
