//! Which call goes wrong, and how: drawn from the seed, or as the plan says.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_ecs::random::Random;

use crate::plan::{Faults, Operation, Trouble};

/// What the rates in [`Faults`] count in.
const CALLS: usize = 1000;

/// Draws what goes wrong.
#[derive(Debug)]
pub(crate) struct Dice {
    faults: Faults,
    random: Random,
    calls: BTreeMap<Operation, u64>,
}

/// What will become of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    pub(crate) trouble: Option<Trouble>,
    /// Until it arrives.
    pub(crate) there: Duration,
    /// Until its answer arrives.
    pub(crate) back: Duration,
}

impl Dice {
    pub(crate) const fn new(faults: Faults, seed: u64) -> Self {
        Self { faults, random: Random::seeded(seed), calls: BTreeMap::new() }
    }

    /// Of the call that is made now, so long after the beginning.
    pub(crate) fn draw(&mut self, operation: Operation, now: Duration) -> Fate {
        let made = self.calls.entry(operation).or_default();
        let nth = *made;
        *made += 1;
        let half = self.faults.latency / 2;
        let (mut there, back) = (self.up_to(half), self.up_to(half));
        let trouble = self.trouble(operation, nth, now);
        if let Some(Trouble::Slow(longer)) = trouble {
            there += longer;
        }
        Fate { trouble, there, back }
    }

    fn trouble(&mut self, operation: Operation, nth: u64, now: Duration) -> Option<Trouble> {
        let drawn = self.drawn(operation);
        let planned = self.faults.at.iter().find(|(of, number, _)| (*of, *number) == (operation, nth));
        match planned {
            Some((_, _, trouble)) => Some(*trouble),
            None => drawn.filter(|_| self.faults.until.is_none_or(|until| now < until)),
        }
    }

    /// At most one thing goes wrong with a call. The same numbers are drawn whatever comes of them.
    fn drawn(&mut self, operation: Operation) -> Option<Trouble> {
        let slow = Trouble::Slow(self.up_to(self.faults.slow_by));
        let stale = Trouble::Stale(self.up_to(self.faults.stale_by));
        let looks = matches!(operation, Operation::DescribeTasks | Operation::ListTasks);
        let of = |applies: bool, rate: usize| if applies { rate } else { 0 };
        let rates = [
            (self.faults.lost_requests, Trouble::LostRequest),
            (self.faults.lost_replies, Trouble::LostReply),
            (self.faults.throttled, Trouble::Throttled),
            (self.faults.slow, slow),
            (of(looks, self.faults.stale), stale),
            (of(operation == Operation::RunTask, self.faults.conflicts), Trouble::Conflict),
            (of(operation == Operation::GetLogEvents, self.faults.empty_pages), Trouble::EmptyPage),
        ];
        let mut left = self.random.below(CALLS);
        for (rate, trouble) in rates {
            if left < rate {
                return Some(trouble);
            }
            left -= rate;
        }
        None
    }

    /// A time from nothing to `most`.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        let most = usize::try_from(most.as_micros()).unwrap_or(usize::MAX - 1);
        Duration::from_micros(self.random.below(most + 1) as u64)
    }
}
