//! A plan while it is made: what is added to it is numbered, noted as an intent, and held back where it must be.

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Intent, Moment, Notice};

use super::seen::{Action, Look, Plan, Seen, SitePlan};
use super::took::LONGEST_BACKOFF_MS;
use super::{place, took};

/// While something is on its way it is looked at so often, for the case that an event is lost.
const BUSY_MS: i64 = 5_000;
/// While what is deployed has fewer tasks than it should.
const PATIENT_MS: i64 = 30_000;
/// A call that was begun so long ago at most may still make something that is not visible yet.
pub(super) const MAY_STILL_COME_MS: i64 = 30_000;
/// What could not be seen is looked at again after this.
const GAP_MS: i64 = 10_000;
/// What is as it should be is looked at so often.
const SETTLED_MS: i64 = 300_000;
/// A steady environment looks by itself so often: events and the sweep wake it before.
const STEADY_MS: i64 = 3_600_000;

#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) record: Environment,
    pub(super) seen: &'a Seen,
    pub(super) now: Timestamp,
    pub(super) site: Option<Option<Box<SitePlan>>>,
    pub(super) hooks: Vec<String>,
    pub(super) forget: bool,
    actions: Vec<Action>,
    notices: Vec<Notice>,
    look_again_at: Option<Timestamp>,
    /// Begun by earlier rounds, with outcomes that nobody knows.
    open: Vec<Intent>,
    /// Begun by this one.
    begun: Vec<Intent>,
    has_gap: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(record: &Environment, seen: &'a Seen, now: Timestamp) -> Self {
        let mut record = record.clone();
        record.waiting.clear();
        if !record.progress.steady {
            // The clock went back: what is bounded from then on has its bounds from now on.
            record.progress.changed_at = record.progress.changed_at.min(now);
        }
        let open = std::mem::take(&mut record.progress.intents);
        let mut draft = Self {
            record,
            seen,
            now,
            site: None,
            hooks: Vec::new(),
            forget: false,
            actions: Vec::new(),
            notices: Vec::new(),
            look_again_at: None,
            open,
            begun: Vec::new(),
            has_gap: false,
        };
        for (what, why) in gaps(seen) {
            draft.has_gap = true;
            draft.wait(format!("{what} could not be looked at: {why}"));
            draft.look_at(now.plus_ms(GAP_MS));
        }
        draft
    }

    /// Whether an error holds back every call for now.
    pub(super) fn is_blocked(&self) -> bool {
        is_blocked(&self.record, self.now)
    }

    pub(super) const fn has_gap(&self) -> bool {
        self.has_gap
    }

    pub(super) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// Why nothing more happens now.
    pub(super) fn wait(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.record.waiting.contains(&why) {
            self.record.waiting.push(why);
        }
    }

    /// Looks again at this moment at the latest.
    pub(super) fn look_at(&mut self, at: Timestamp) {
        self.look_again_at = Some(self.look_again_at.map_or(at, |before| before.min(at)));
    }

    /// Looks again soon: something is on its way.
    pub(super) fn look_soon(&mut self) {
        self.look_at(self.now.plus_ms(BUSY_MS));
    }

    /// Looks again in a while: ECS mends it, and says so.
    pub(super) fn look_patiently(&mut self) {
        self.look_at(self.now.plus_ms(PATIENT_MS));
    }

    /// Looks again only for what the sweep, which looks at all environments together, might have missed.
    pub(super) fn look_when_settled(&mut self) {
        self.look_at(self.now.plus_ms(STEADY_MS));
    }

    /// Looks again some time: nothing is on its way.
    pub(super) fn look_late(&mut self) {
        self.look_at(self.now.plus_ms(SETTLED_MS));
    }

    /// Adds a call, unless it has to wait. What takes something away waits for as long as there is a gap in what is seen.
    /// Says whether it was added.
    pub(super) fn push(&mut self, action: Action) -> bool {
        if self.is_blocked() || (action.takes_away() && self.has_gap) {
            return false;
        }
        let what = took::what(&self.record, &action);
        let ordinal = self.ordinal(&action);
        self.record.progress.actions = self.record.progress.actions.max(ordinal);
        self.record.progress.steady = false;
        self.begun.push(Intent { ordinal, what, at: self.now });
        self.actions.push(action);
        true
    }

    /// The number that this call has or gets: what was begun before and may have been done keeps its number, so that
    /// it carries the same token.
    pub(super) fn ordinal(&self, action: &Action) -> u32 {
        let what = took::what(&self.record, action);
        let before = self.open.iter().find(|intent| intent.what == what);
        before.map_or(self.record.progress.actions + 1, |intent| intent.ordinal)
    }

    /// Takes back what was planned so far.
    pub(super) fn drop_actions(&mut self) {
        self.actions.clear();
        self.begun.clear();
    }

    /// Nobody waits any more for what earlier rounds began.
    pub(super) fn close_intents(&mut self) {
        self.open.clear();
    }

    /// What earlier rounds began has been seen now, done or not. A listener or rule may still come: its name is no token,
    /// so that another one has been made in its place.
    pub(super) fn close_seen_intents(&mut self) {
        let now = self.now;
        let may_come = |intent: &Intent| {
            let has_no_token =
                ["create listener", "create rule"].iter().any(|it| intent.what.starts_with(it));
            has_no_token && is_within(intent.at, now, MAY_STILL_COME_MS)
        };
        self.open.retain(may_come);
        if let Some(at) = self.open.iter().map(|intent| intent.at.plus_ms(MAY_STILL_COME_MS)).min() {
            self.look_at(at);
        }
    }

    /// What was begun and may still come, such as a service whose creation was asked for and not answered.
    pub(super) fn open_intents(&self) -> &[Intent] {
        &self.open
    }

    /// Forgets earlier errors: something else is wanted now.
    pub(super) fn begin_anew(&mut self) {
        let progress = &mut self.record.progress;
        (progress.errors, progress.retry_at, progress.trouble) = (0, None, None);
        progress.changed_at = self.now;
        progress.steady = false;
    }

    /// Tells people, once for each key.
    pub(super) fn tell(&mut self, moment: Moment, key: &str, text: String, log_tail: Vec<String>) {
        if self.record.progress.announced.as_deref() == Some(key) {
            return;
        }
        self.record.progress.announced = Some(key.to_owned());
        let ends = matches!(moment, Moment::Removing | Moment::HookFailed | Moment::Removed);
        let answers = self.record.progress.deployed.is_some() && !ends;
        let policy = self.seen.policy.as_deref();
        self.notices.push(Notice {
            at: self.now,
            moment,
            environment: self.record.names.id.clone(),
            repository: self.record.repository.clone(),
            revision: self.record.wish.revision.clone(),
            url: answers.then(|| place::url(&self.record, policy)).flatten(),
            text,
            log_tail,
        });
    }

    pub(super) fn finish(mut self) -> Plan {
        if let Some(trouble) = self.record.progress.trouble.clone() {
            self.wait(format!("{trouble}; it is tried again"));
        }
        if let Some(at) = self.record.progress.retry_at.filter(|_| self.is_blocked()) {
            // Nothing can be done before, so that nothing needs to be looked at.
            self.look_again_at = Some(at);
        }
        let superseded = |open: &Intent| self.begun.iter().any(|begun| begun.what == open.what);
        self.open.retain(|open| !superseded(open));
        self.record.progress.intents = self.open;
        self.record.progress.intents.append(&mut self.begun);
        Plan {
            record: self.record,
            actions: self.actions,
            notices: self.notices,
            site: self.site,
            hooks: self.hooks,
            look_again_at: if self.forget { None } else { self.look_again_at },
            forget: self.forget,
        }
    }
}

/// Whether an error holds back every call for now. Nothing waits for longer than the longest backoff: a moment beyond it
/// is of a clock that has gone back since.
pub(super) fn is_blocked(record: &Environment, now: Timestamp) -> bool {
    record.progress.retry_at.is_some_and(|at| (1..=LONGEST_BACKOFF_MS).contains(&at.ms_since(now)))
}

/// Whether a moment is less than this long ago. One that is as far in the future is of a clock that has gone back since,
/// and is over.
pub(super) fn is_within(at: Timestamp, now: Timestamp, ms: i64) -> bool {
    now.ms_since(at).abs() < ms
}

/// What could not be looked at, and why.
fn gaps(seen: &Seen) -> Vec<(&'static str, &str)> {
    fn gap<T>(look: &Look<T>) -> Option<&str> {
        match look {
            Look::Gap(why) => Some(why),
            Look::Not | Look::Seen(_) => None,
        }
    }
    let looks = [
        ("services", gap(&seen.services)),
        ("tasks", gap(&seen.tasks)),
        ("stopped tasks", gap(&seen.stopped)),
        ("task definitions", gap(&seen.task_definitions)),
        ("the services named as `like`", gap(&seen.like)),
        ("the load balancer", gap(&seen.balancer)),
        ("target health", gap(&seen.target_health)),
        ("revisions", gap(&seen.revisions)),
    ];
    looks.into_iter().filter_map(|(what, why)| Some((what, why?))).collect()
}
