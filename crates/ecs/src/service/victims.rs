//! Which tasks a scheduler stops first: those on the fullest Availability Zone, there on the fullest instance.

use std::collections::BTreeMap;

use longshore_model::Timestamp;

use super::census::{Census, Member};

/// A task that may be stopped, with its zone and its instance as numbers.
struct Candidate<'a> {
    id: &'a String,
    created_at: Timestamp,
    zone: usize,
    instance: usize,
}

/// Picks so many of the tasks that `may_go`. "The scheduler attempts to maintain balance across the Availability
/// Zones", says the reference of UpdateService; of equals the youngest goes.
pub(super) fn pick(census: &Census, count: usize, may_go: impl Fn(&Member) -> bool) -> Vec<String> {
    if count == 0 {
        return Vec::new();
    }
    let (mut zones, mut instances) = (Numbered::default(), Numbered::default());
    let mut candidates = Vec::new();
    for (id, member) in census.members().filter(|(_, member)| member.is_live()) {
        let zone = zones.count(&member.zone);
        let instance = instances.count(member.instance.as_deref().unwrap_or_default());
        if may_go(member) {
            candidates.push(Candidate { id, created_at: member.created_at, zone, instance });
        }
    }
    if candidates.len() <= count {
        return candidates.into_iter().map(|candidate| candidate.id.clone()).collect();
    }
    let mut picked = Vec::with_capacity(count);
    for _ in 0..count {
        let fullness =
            |it: &Candidate<'_>| (zones.counts[it.zone], instances.counts[it.instance], it.created_at);
        let order =
            |a: &Candidate<'_>, b: &Candidate<'_>| fullness(a).cmp(&fullness(b)).then_with(|| a.id.cmp(b.id));
        let next = candidates.iter().enumerate().max_by(|(_, a), (_, b)| order(a, b));
        let Some((index, _)) = next else { break };
        let candidate = candidates.swap_remove(index);
        zones.counts[candidate.zone] -= 1;
        instances.counts[candidate.instance] -= 1;
        picked.push(candidate.id.clone());
    }
    picked
}

/// Names as numbers, and how often each was seen.
#[derive(Default)]
struct Numbered<'a> {
    numbers: BTreeMap<&'a str, usize>,
    counts: Vec<usize>,
}

impl<'a> Numbered<'a> {
    fn count(&mut self, name: &'a str) -> usize {
        let next = self.counts.len();
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.counts.push(0);
        }
        self.counts[number] += 1;
        number
    }
}
