//! What one seed stands for: what is run, how its containers live, and what goes wrong meanwhile.

use std::time::Duration;

use longshore_ecs::random::Random;
use longshore_sim::{Arrival, End, Faults, Life, Line, Plan};

use crate::support::{milliseconds, room, seconds};

/// One run, and all that happens to it.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) count: usize,
    /// One task on each instance, with StartTask.
    pub(crate) on_instances: bool,
    /// Whether there is a container beside the one that counts.
    pub(crate) has_sidecar: bool,
    pub(crate) retry: u32,
    pub(crate) timeout: Option<Duration>,
    pub(crate) wait_for_capacity: Duration,
    pub(crate) poll_interval: Option<Duration>,
    /// Since the last process began.
    pub(crate) interrupt_at: Option<Duration>,
    /// When each process but the last one crashes, since it began, and how long it takes until the next one begins.
    pub(crate) crashes: Vec<(Duration, Duration)>,
    /// Whether there is room for all tasks in time.
    pub(crate) has_room: bool,
    pub(crate) instances: Vec<Arrival>,
    pub(crate) faults: Faults,
    /// Containers never end by themselves in some runs that are stopped.
    endless: bool,
}

/// Chance, by its seed.
struct Chance(Random);

impl Chance {
    fn percent(&mut self, percent: usize) -> bool {
        self.0.below(100) < percent
    }

    fn ms(&mut self, from: usize, to: usize) -> Duration {
        milliseconds((from + self.0.below(to - from + 1)) as u64)
    }

    /// When something goes wrong. Soon after the beginning, when tasks are being started, is the worst time.
    fn moment(&mut self, latest_ms: usize) -> Duration {
        let latest = if self.percent(50) { 3_000 } else { latest_ms };
        self.ms(0, latest)
    }
}

impl Scenario {
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance(Random::seeded(seed));
        let on_instances = chance.percent(12);
        let most = if chance.percent(50) { 3 } else { 25 };
        let count = 1 + chance.0.below(most);
        let timeout = chance.percent(25).then(|| chance.moment(200_000));
        let interrupt_at = chance.percent(20).then(|| chance.moment(150_000));
        let mut crashes = Vec::new();
        while crashes.len() < 3 && chance.percent(30) {
            let pause = if on_instances { seconds(10) } else { chance.ms(0, 20_000) };
            crashes.push((chance.moment(120_000), pause));
        }
        let mut scenario = Self {
            seed,
            count,
            on_instances,
            has_sidecar: chance.percent(25),
            retry: if chance.percent(50) { 0 } else { 1 + u32::try_from(chance.0.below(3)).unwrap() },
            timeout,
            wait_for_capacity: Duration::ZERO,
            poll_interval: chance.percent(30).then_some(seconds(1)),
            interrupt_at,
            crashes,
            has_room: true,
            instances: vec![room(100, Duration::ZERO)],
            faults: faults(&mut chance, on_instances),
            endless: (timeout.is_some() || interrupt_at.is_some()) && chance.percent(40),
        };
        scenario.make_room(&mut chance);
        if scenario.wait_for_capacity > Duration::ZERO {
            // A token that has started fewer tasks than are asked for is another run's.
            scenario.faults.conflicts = 0;
        }
        scenario
    }

    fn make_room(&mut self, chance: &mut Chance) {
        let count = i32::try_from(self.count).unwrap();
        if self.on_instances {
            self.instances = vec![room(5, Duration::ZERO); self.count];
            return;
        }
        let early = i32::try_from(chance.0.below(self.count + 1)).unwrap();
        match chance.0.below(10) {
            0..5 => {}
            5..8 => {
                let at = chance.ms(0, 120_000);
                self.wait_for_capacity = at + seconds(60);
                self.instances = vec![room(early.max(1), Duration::ZERO), room(count, at)];
            }
            _ => {
                self.has_room = false;
                self.wait_for_capacity = chance.ms(0, 60_000);
                self.instances = vec![room(early.max(1), Duration::ZERO)];
            }
        }
    }

    /// Whether a process is to stop what an earlier one may have begun.
    pub(crate) fn stops_after_a_crash(&self) -> bool {
        !self.crashes.is_empty() && (self.timeout.is_some() || self.interrupt_at.is_some())
    }

    pub(crate) fn plan(&self) -> Plan {
        let (seed, endless) = (self.seed, self.endless);
        Plan {
            seed,
            lives: Box::new(move |number, container| life(seed, endless, number, container)),
            instances: self.instances.clone(),
            faults: self.faults.clone(),
        }
    }

    /// How a container of the so many-th task ends when nobody stops it.
    pub(crate) fn end(&self, number: usize) -> End {
        life(self.seed, self.endless, number, "app").end
    }
}

fn faults(chance: &mut Chance, on_instances: bool) -> Faults {
    let mut rate = || if chance.percent(50) { 0 } else { chance.0.below(80) };
    let rates = [rate(), rate(), rate(), rate(), rate(), rate(), rate()];
    let [lost_requests, lost_replies, throttled, slow, stale, conflicts, empty_pages] = rates;
    Faults {
        latency: if chance.percent(12) { milliseconds(4) } else { chance.ms(20, 400) },
        lost_requests,
        lost_replies,
        throttled,
        slow,
        slow_by: chance.ms(0, 15_000),
        // StartTask has no client token: what it started is looked for in lists, which must be good for that.
        stale: if on_instances { 0 } else { stale },
        stale_by: chance.ms(0, 15_000),
        conflicts,
        empty_pages,
        log_lag: chance.ms(0, 3_000),
        until: None,
        at: Vec::new(),
    }
}

/// The same for the same task and container, whenever it is asked.
fn life(seed: u64, endless: bool, number: usize, container: &str) -> Life {
    let key = seed.wrapping_mul(1_000_003) + (number * 2) as u64 + u64::from(container == "side");
    let mut chance = Chance(Random::seeded(key));
    let after = chance.ms(0, 60_000);
    let end = match chance.0.below(100) {
        _ if container == "side" && chance.percent(50) => End::Never,
        _ if container == "side" => End::Exits { after, code: 9 },
        0..3 => End::CannotPrepare("CannotPullContainerError: no such image".into()),
        3..6 => End::CannotStart("CannotStartContainerError: no such command".into()),
        6..18 => End::HostLost { after },
        _ if endless => End::Never,
        18..24 => End::Exits { after, code: 1 + i32::try_from(chance.0.below(200)).unwrap() },
        _ => End::Exits { after, code: 0 },
    };
    let mut moments: Vec<Duration> = (0..chance.0.below(6)).map(|_| chance.ms(0, 60_000)).collect();
    moments.sort();
    let line =
        |(which, at): (usize, &Duration)| Line { at: *at, text: format!("{container} {number}: {which}") };
    Life {
        prepare: chance.ms(0, 15_000),
        start: chance.ms(0, 2_000),
        end,
        stop: chance.ms(0, 15_000),
        lines: moments.iter().enumerate().map(line).collect(),
    }
}
