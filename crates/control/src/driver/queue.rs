//! Which object's round is next: a value without tasks or clocks, so that its rules can be read and tested alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Display;
use std::time::Duration;

use longshore_model::Timestamp;
use tokio::time::Instant;

/// The first wait after a round that failed; it doubles...
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// ...up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The two kinds of rounds, each with a limit of its own: those that wait for strangers must not hold up the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lane {
    /// A look, a decision, a few calls: seconds.
    #[default]
    Quick,
    /// Waits for the end of something else, such as a hook: minutes.
    Slow,
}

/// What has rounds.
pub trait Object: Ord + Clone + Display + Send + Sync + 'static {
    /// Which limit its rounds are under; for ever the same.
    fn lane(&self) -> Lane {
        Lane::Quick
    }
}

/// What is known of an object's rounds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// The last round that ended.
    pub last_round: Option<String>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took.
    pub took: Duration,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// Rounds that failed in a row.
    pub errors: u32,
    /// Why nothing more happens now, in sentences.
    pub waiting: Vec<String>,
    /// When it looks again by itself.
    pub next_look_at: Option<Timestamp>,
    /// Whether a round is under way.
    pub running: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Idle,
    Ready,
    Running {
        /// Woken meanwhile: what the round has seen may be out of date.
        again: bool,
    },
}

#[derive(Debug, Default)]
struct Line {
    phase: Phase,
    timer: Option<Instant>,
    status: Status,
}

/// All objects, and what is due.
#[derive(Debug)]
pub(super) struct Queue<K> {
    objects: BTreeMap<K, Line>,
    ready: [VecDeque<K>; 2],
    running: [usize; 2],
    timers: BTreeSet<(Instant, K)>,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            ready: [VecDeque::new(), VecDeque::new()],
            running: [0, 0],
            timers: BTreeSet::new(),
        }
    }
}

impl<K: Object> Queue<K> {
    /// Wants a round of this object. Many wakes before a round are one; any number of them during a round lead to exactly
    /// one more.
    pub(super) fn wake(&mut self, key: K) {
        let object = self.objects.entry(key.clone()).or_default();
        match &mut object.phase {
            Phase::Ready => {}
            Phase::Running { again } => *again = true,
            Phase::Idle => {
                if let Some(at) = object.timer.take() {
                    self.timers.remove(&(at, key.clone()));
                }
                object.phase = Phase::Ready;
                self.ready[key.lane() as usize].push_back(key);
            }
        }
    }

    /// Wants a round at this moment, or earlier when it wants one earlier already.
    pub(super) fn wake_at(&mut self, key: K, at: Instant) {
        let object = self.objects.entry(key.clone()).or_default();
        if object.phase == Phase::Ready || object.timer.is_some_and(|timer| timer <= at) {
            return;
        }
        if let Some(later) = object.timer.replace(at) {
            self.timers.remove(&(later, key.clone()));
        }
        // While a round runs the timer only waits in its object: it counts once the round has ended.
        if object.phase == Phase::Idle {
            self.timers.insert((at, key));
        }
    }

    /// Makes ready what is due.
    pub(super) fn tick(&mut self, now: Instant) {
        while let Some((at, _)) = self.timers.first()
            && *at <= now
            && let Some((_, key)) = self.timers.pop_first()
        {
            if let Some(object) = self.objects.get_mut(&key) {
                object.timer = None;
            }
            self.wake(key);
        }
    }

    /// The earliest timer.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Begins the next round of a lane that has room, of at most so many.
    pub(super) fn begin(&mut self, lane: Lane, most: usize) -> Option<K> {
        if self.running[lane as usize] >= most {
            return None;
        }
        let key = self.ready[lane as usize].pop_front()?;
        let object = self.objects.entry(key.clone()).or_default();
        object.phase = Phase::Running { again: false };
        object.status.running = true;
        self.running[lane as usize] += 1;
        Some(key)
    }

    /// A round has ended, and wants the next at this moment.
    pub(super) fn end(&mut self, key: &K, next: Option<Instant>, gone: bool, status: Status) {
        let running = &mut self.running[key.lane() as usize];
        *running = running.saturating_sub(1);
        let Some(object) = self.objects.get_mut(key) else { return };
        let again = object.phase == Phase::Running { again: true };
        object.phase = Phase::Idle;
        object.status = status;
        let timer = match (object.timer.take(), next) {
            (Some(timer), Some(next)) => Some(timer.min(next)),
            (timer, next) => timer.or(next),
        };
        if again {
            self.wake(key.clone());
        } else if let Some(at) = timer {
            self.wake_at(key.clone(), at);
        } else if gone {
            self.objects.remove(key);
        }
    }

    /// So many objects wait for their round.
    pub(super) fn waiting(&self) -> usize {
        self.ready.iter().map(VecDeque::len).sum()
    }

    /// So many rounds are under way.
    pub(super) fn running(&self) -> usize {
        self.running.iter().sum()
    }

    /// What is known of each object.
    pub(super) fn statuses(&self) -> impl Iterator<Item = (&K, &Status)> {
        self.objects.iter().map(|(key, object)| (key, &object.status))
    }

    /// What is known of one.
    pub(super) fn status(&self, key: &K) -> Option<&Status> {
        self.objects.get(key).map(|object| &object.status)
    }
}

/// The wait after so many rounds that failed in a row.
pub(super) fn backoff(errors: u32) -> Duration {
    let doubled = 1_u32.checked_shl(errors.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Name(&'static str);

    impl Display for Name {
        fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str(self.0)
        }
    }

    impl Object for Name {
        fn lane(&self) -> Lane {
            if self.0.starts_with("slow") { Lane::Slow } else { Lane::Quick }
        }
    }

    const A: Name = Name("a");

    fn begin(queue: &mut Queue<Name>) -> Option<Name> {
        queue.begin(Lane::Quick, 10)
    }

    fn end(queue: &mut Queue<Name>, key: &Name, next: Option<Instant>) {
        queue.end(key, next, false, Status::default());
    }

    #[tokio::test(start_paused = true)]
    async fn wakes_are_one_before_a_round_and_one_more_during_it() {
        let mut queue = Queue::default();
        queue.wake(A);
        queue.wake(A);
        assert_eq!((begin(&mut queue), begin(&mut queue)), (Some(A), None));
        queue.wake(A);
        queue.wake(A);
        assert_eq!(begin(&mut queue), None, "a second round of an object that has one");
        end(&mut queue, &A, None);
        assert_eq!(begin(&mut queue), Some(A));
        end(&mut queue, &A, None);
        assert_eq!(begin(&mut queue), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_timer_wins_and_a_wake_takes_its_place() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut queue = Queue::default();
        for seconds in [9, 3, 6] {
            queue.wake_at(A, at(seconds));
        }
        assert_eq!(queue.next_timer(), Some(at(3)));
        queue.tick(at(2));
        assert_eq!(begin(&mut queue), None);
        queue.tick(at(3));
        assert_eq!(begin(&mut queue), Some(A));
        queue.wake_at(A, at(5));
        assert_eq!(queue.next_timer(), None, "a timer fires during a round");
        end(&mut queue, &A, Some(at(8)));
        assert_eq!(queue.next_timer(), Some(at(5)));
        queue.wake(A);
        assert_eq!(queue.next_timer(), None, "a timer is left behind by the round that has come earlier");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_is_full_does_not_hold_up_the_other() {
        let mut queue = Queue::default();
        for key in [Name("slow 1"), Name("slow 2"), A] {
            queue.wake(key);
        }
        assert_eq!(queue.begin(Lane::Slow, 1), Some(Name("slow 1")));
        assert_eq!(queue.begin(Lane::Slow, 1), None);
        assert_eq!(queue.begin(Lane::Quick, 1), Some(A));
        assert_eq!((queue.waiting(), queue.running()), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_is_gone_is_forgotten_unless_it_was_woken() {
        let mut queue = Queue::default();
        for woken in [true, false] {
            queue.wake(A);
            assert_eq!(begin(&mut queue), Some(A));
            if woken {
                queue.wake(A);
            }
            queue.end(&A, None, true, Status::default());
            assert_eq!(queue.status(&A).is_some(), woken);
        }
    }

    #[test]
    fn backoff_doubles_up_to_its_end() {
        let seconds = [1, 2, 3, 8, 9, 10, 40].map(|errors| backoff(errors).as_secs());
        assert_eq!(seconds, [1, 2, 4, 128, 256, 300, 300]);
    }
}
