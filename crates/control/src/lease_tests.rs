//! Several processes over one store, under a paused clock.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

#[path = "../tests/support/memory.rs"]
mod memory;

const LASTS: Duration = Duration::from_secs(12);

/// A wall clock that goes with tokio's paused one, and can be set.
#[derive(Debug)]
struct Wall(Instant, AtomicI64);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.0.elapsed().as_millis()).unwrap();
        Timestamp(1_000_000 + passed + self.1.load(Ordering::SeqCst))
    }
}

type Log = Arc<Mutex<Vec<(&'static str, &'static str, u64)>>>;

/// A process that writes down when it begins and ends to drive.
struct Process {
    stop: Shutdown,
    store: Arc<memory::Memory>,
    wall: Arc<Wall>,
    life: tokio::task::JoinHandle<()>,
}

fn process(name: &'static str, rows: &Arc<memory::Memory>, log: &Log) -> Process {
    let wall = Arc::new(Wall(Instant::now(), AtomicI64::new(0)));
    let clock = Arc::clone(&wall);
    let lease = Lease::new(Book::new(Arc::clone(rows) as _), "previews", name.to_owned(), LASTS, clock);
    let (stop, log, began) = (Shutdown::new(), Arc::clone(log), Instant::now());
    let heard = stop.clone();
    let life = tokio::spawn(async move {
        let work = |end: Shutdown| {
            let log = Arc::clone(&log);
            async move {
                log.lock().unwrap().push((name, "begins", began.elapsed().as_secs()));
                end.requested().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                log.lock().unwrap().push((name, "ends", began.elapsed().as_secs()));
            }
        };
        lease.hold(&heard, work).await;
    });
    Process { stop, store: Arc::clone(rows), wall, life }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn said(log: &Log) -> Vec<(&'static str, &'static str, u64)> {
    log.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn one_drives_for_as_long_as_it_lives_and_gives_it_back() {
    let (rows, log) = (Arc::<memory::Memory>::default(), Log::default());
    let first = process("a", &rows, &log);
    let _second = process("b", &rows, &log);
    pass(100).await;
    assert_eq!(rows.keys(LEASES), ["previews"]);
    assert_eq!(said(&log), [("a", "begins", 0)]);
    first.stop.request(Duration::from_secs(20));
    first.life.await.unwrap();
    pass(5).await;
    assert_eq!(said(&log)[1..], [("a", "ends", 101), ("b", "begins", 104)]);
}

#[tokio::test(start_paused = true)]
async fn who_dies_blocks_the_others_no_longer_than_the_lease() {
    let (rows, log) = (Arc::default(), Log::default());
    let first = process("a", &rows, &log);
    let _second = process("b", &rows, &log);
    pass(50).await;
    first.life.abort();
    pass(20).await;
    let [_, (name, what, at)] = said(&log)[..] else { panic!("{:?}", said(&log)) };
    assert_eq!((name, what), ("b", "begins"));
    assert!((60..=64).contains(&at), "{at}");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_ends_before_another_may_begin() {
    let (rows, log) = (Arc::default(), Log::default());
    let first = process("a", &rows, &log);
    pass(50).await;
    first.store.set_down(true);
    pass(11).await;
    // Renewed at 48; given up two thirds of the lease later, and ended a second after that.
    assert_eq!(said(&log)[1..], [("a", "ends", 57)]);
    first.store.set_down(false);
    pass(5).await;
    assert_eq!(said(&log)[2].1, "begins");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_makes_two_drive_for_a_third_of_the_lease_at_most() {
    let (rows, log) = (Arc::default(), Log::default());
    let _first = process("a", &rows, &log);
    let second = process("b", &rows, &log);
    pass(50).await;
    second.wall.1.store(3_600_000, Ordering::SeqCst);
    pass(8).await;
    let [_, (two, begins, from), (one, ends, to)] = said(&log)[..] else { panic!("{:?}", said(&log)) };
    assert_eq!((two, begins, one, ends), ("b", "begins", "a", "ends"));
    assert!(to - from <= 4 + 1, "{from} to {to}");
    pass(100).await;
    assert_eq!(said(&log).len(), 3, "they take it from each other");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_does_not_make_a_dead_holder_live_longer() {
    let (rows, log) = (Arc::default(), Log::default());
    let first = process("a", &rows, &log);
    let second = process("b", &rows, &log);
    pass(50).await;
    first.life.abort();
    second.wall.1.store(-3_600_000, Ordering::SeqCst);
    pass(30).await;
    let [_, (name, what, at)] = said(&log)[..] else { panic!("{:?}", said(&log)) };
    assert_eq!((name, what), ("b", "begins"));
    assert!((60..=70).contains(&at), "{at}");
}
