//! How long to wait before looking again.
//!
//! One rule for both worlds: the wait grows with the time that the service takes to answer. A local engine that
//! answers in a fraction of a millisecond is asked every few milliseconds; AWS every second or two.

use std::time::Duration;

/// Whoever answers faster than this is on this machine, shares no budget with others, and can be asked often.
const NEARBY: Duration = Duration::from_millis(10);

/// Waiting takes about this many times as long as asking, so that asking costs at most a twentieth of a core.
const WAIT_PER_ROUND_TRIP: u32 = 20;

/// Each round without news lengthens the wait by a fifth.
const GROWTH: f64 = 1.2;

/// More rounds without news do not matter: every wait has reached its ceiling long before.
const MOST_QUIET_ROUNDS: u32 = 64;

/// A nearby service is asked at least this often even when nothing happens, so that the end is seen at once...
const NEARBY_CEILING: Duration = Duration::from_millis(10);

/// ...and at most this often.
const NEARBY_FLOOR: Duration = Duration::from_millis(5);

/// AWS is asked at least this often.
const FAR_CEILING: Duration = Duration::from_secs(2);

/// DescribeTasks and its relatives refill at 20 calls a second for a whole account; we never use more than that.
const FAR_TIME_PER_CALL: Duration = Duration::from_millis(50);

/// A process that follows several runs makes at most four calls of DescribeTasks a second, however many runs there are.
const SHARED_TIME_PER_CALL: Duration = Duration::from_millis(250);

/// What was learnt about the service so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    round_trip: Option<Duration>,
    quiet_rounds: u32,
}

impl Pace {
    /// Takes note of an answer. One slow answer does not make a near service a far one: the estimate falls at once
    /// and rises by half.
    pub(crate) fn answered(&mut self, took: Duration, news: bool) {
        self.round_trip = Some(self.round_trip.map_or(took, |known| took.min(known + known / 2)));
        self.quiet_rounds = if news { 0 } else { (self.quiet_rounds + 1).min(MOST_QUIET_ROUNDS) };
    }

    /// The wait before the next round, which will make `calls` calls.
    pub(crate) fn wait(&self, calls: usize) -> Duration {
        let round_trip = self.round_trip();
        let growth = GROWTH.powi(i32::try_from(self.quiet_rounds).unwrap_or(0));
        let wait = (round_trip * WAIT_PER_ROUND_TRIP).min(FAR_CEILING).mul_f64(growth);
        if round_trip < NEARBY {
            return wait.clamp(NEARBY_FLOOR, NEARBY_CEILING);
        }
        let floor = FAR_TIME_PER_CALL * u32::try_from(calls).unwrap_or(u32::MAX);
        wait.clamp(floor, FAR_CEILING.max(floor))
    }

    /// The wait after a call of DescribeTasks on behalf of `runs` runs, before the next one.
    #[must_use]
    pub fn gap(took: Duration, runs: usize) -> Duration {
        if took < NEARBY && runs <= 1 { Duration::ZERO } else { SHARED_TIME_PER_CALL }
    }

    /// The wait before asking an ended task's log stream once more whether something came late.
    pub(crate) fn confirm(&self) -> Duration {
        (self.round_trip() * 4).clamp(Duration::from_millis(1), Duration::from_secs(1))
    }

    /// How long an ended task's log stream may take to appear.
    pub(crate) fn grace(&self) -> Duration {
        (self.round_trip() * 100).clamp(Duration::from_millis(50), Duration::from_secs(5))
    }

    /// Whether the service shares no budget with others.
    pub(crate) fn is_near(&self) -> bool {
        self.round_trip() < NEARBY
    }

    fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(round_trip_us: u64, quiet_rounds: u32) -> Pace {
        let mut pace = Pace::default();
        pace.answered(Duration::from_micros(round_trip_us), true);
        for _ in 0..quiet_rounds {
            pace.answered(Duration::from_micros(round_trip_us), false);
        }
        pace
    }

    #[test]
    fn waits() {
        let cases = [
            // round trip in µs, quiet rounds, calls, wait in ms
            (300, 0, 2, 6),
            (300, 1_000, 2, 10),
            (10, 0, 2, 5),
            (2_000, 0, 2, 10),
            (9_000, 0, 200, 10),
            (12_000, 0, 2, 240),
            (50_000, 0, 2, 1_000),
            (50_000, 1_000, 2, 2_000),
            (400_000, 0, 2, 2_000),
            (50_000, 0, 101, 5_050),
        ];
        for (round_trip, quiet, calls, expected) in cases {
            let wait = after(round_trip, quiet).wait(calls);
            assert_eq!(wait.as_millis(), expected, "{round_trip} µs, {quiet} quiet, {calls} calls");
        }
    }

    #[test]
    fn a_far_service_never_gets_more_than_20_calls_a_second() {
        for round_trip in (10_000..1_000_000).step_by(9_973) {
            for calls in 1..200_u32 {
                let wait = after(round_trip, 0).wait(calls as usize);
                assert!(
                    f64::from(calls) / wait.as_secs_f64() <= 20.0 + 1e-6,
                    "{round_trip} µs, {calls} calls"
                );
            }
        }
    }

    #[test]
    fn news_brings_the_wait_back_down() {
        let mut pace = after(50_000, 50);
        assert_eq!(pace.wait(2), FAR_CEILING);
        pace.answered(Duration::from_millis(50), true);
        assert_eq!(pace.wait(2), Duration::from_secs(1));
    }

    #[test]
    fn one_slow_answer_does_not_make_a_near_service_far() {
        let mut pace = after(300, 0);
        pace.answered(Duration::from_millis(80), true);
        assert_eq!(pace.wait(2), Duration::from_millis(9));
        assert_eq!(after(300, 0).confirm(), Duration::from_micros(1200));
        assert_eq!(after(300, 0).grace(), Duration::from_millis(50));
        assert_eq!(after(80_000, 0).grace(), Duration::from_secs(5));
    }
}
