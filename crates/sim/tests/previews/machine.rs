//! A scheduler without tokio: it keeps when which object is due in which process, wakes from events, and polls rounds by
//! hand, so that it can drop one anywhere (a crash) or let it lie (a process that sleeps while others work).

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use longshore_control::book::Book;
use longshore_control::driver::Driver;
use longshore_control::preview::{Desk, Object, Previews, Round, World};
use longshore_ecs::random::Random;
use longshore_model::{Error, Timestamp};
use longshore_sim::Life;
use longshore_sim::stage::{Hands, Stage};
use longshore_store::Memory;

use super::setting::{Policies, Setting, furnish};
use super::watch::{Doing, Watch};

/// The driver wakes everything so often.
const EVERYTHING_MS: i64 = 120_000;
/// A process that died is there again after this.
const RESTART_MS: i64 = 5_000;
/// How long a process sleeps at most, in milliseconds.
const SLEEP_MS: usize = 90_000;
/// A round passes the wire less often than this.
const PASSAGES: usize = 120;
/// Polls until a round is held to wait for something that never comes.
const POLLS: usize = 10_000;
/// So many rounds within one moment are no progress any more.
const ROUNDS_AT_ONE_MOMENT: usize = 5_000;

type Pending = Pin<Box<dyn Future<Output = Result<Round, Error>>>>;

/// Polls a future by hand, to its end. It must not wait for a timer or another task.
pub(crate) fn poll<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    poll_up_to(&mut future, || false).expect("it waits for something that never comes")
}

fn poll_up_to<F: Future + ?Sized>(future: &mut Pin<Box<F>>, is_cut: impl Fn() -> bool) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS {
        if let Poll::Ready(end) = future.as_mut().poll(&mut context) {
            return Some(end);
        }
        if is_cut() {
            return None;
        }
    }
    panic!("a round waits for something that never comes");
}

/// The rounds of a process with these hands.
pub(crate) fn previews(hands: &Hands, store: &Arc<Memory>, policies: &Policies) -> Arc<Previews> {
    let all = Arc::new(hands.clone());
    let keep = Stage::keep(Arc::clone(store) as _, Arc::clone(hands.wire()));
    let world = World {
        services: Arc::clone(&all) as _,
        ecs: Arc::clone(&all) as _,
        logs: Arc::clone(&all) as _,
        balancers: Some(Arc::clone(&all) as _),
        github: Arc::clone(&all) as _,
        hooks: Arc::clone(&all) as _,
        notifiers: vec![Arc::clone(&all) as _],
        addresses: Arc::clone(&all) as _,
        routes: Some(Arc::clone(&all) as _),
        clock: all,
    };
    Arc::new(Previews::new(world, Book::new(Arc::new(keep)), policies.clone()))
}

/// A daemon.
pub(crate) struct Process {
    pub(crate) hands: Hands,
    pub(crate) desk: Desk,
    previews: Arc<Previews>,
    /// When which object has its next round, by the stage's clock.
    due: BTreeMap<Object, Timestamp>,
    errors: BTreeMap<Object, u32>,
    everything_at: Timestamp,
    asleep: Option<Asleep>,
}

/// A round that lies somewhere in its middle.
struct Asleep {
    round: Pending,
    object: Object,
    until: Timestamp,
    since: u64,
}

/// What may happen to a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Well,
    /// The process dies after so many passages of its wire.
    Dies(u32),
    Sleeps(u32),
}

pub(crate) struct Machine {
    pub(crate) stage: Arc<Stage>,
    pub(crate) setting: Setting,
    pub(crate) store: Arc<Memory>,
    pub(crate) processes: Vec<Process>,
    pub(crate) chance: Random,
    pub(crate) rounds: u64,
    pub(crate) watch: Watch,
    pub(crate) policies: Policies,
    /// Whether anything goes wrong.
    pub(crate) is_hostile: bool,
    /// Each round of an environment, a repository or a sweep is crashed, somewhere.
    pub(crate) crashes_always: bool,
}

impl Machine {
    pub(crate) fn new(mut setting: Setting, seed: u64) -> Self {
        let life = |_: usize, _: &str| Life::ending(longshore_sim::End::Never);
        let stage = Arc::new(Stage::new(seed, Box::new(life)));
        furnish(&stage, &mut setting);
        stage.pass(Duration::from_secs(30));
        drop(stage.take_events());
        let policy = Arc::new(setting.policy.clone());
        let policies = Policies::from([(policy.repository.clone(), policy)]);
        let mut machine = Self {
            watch: Watch::new(Arc::clone(&stage), &setting),
            stage,
            store: Arc::new(Memory::new()),
            processes: Vec::new(),
            chance: Random::seeded(seed ^ 0x5eed),
            rounds: 0,
            policies,
            is_hostile: true,
            crashes_always: false,
            setting,
        };
        for _ in 0..machine.setting.controllers {
            let process = machine.process(machine.stage.now());
            machine.processes.push(process);
        }
        machine
    }

    /// A process that begins at this moment.
    fn process(&self, at: Timestamp) -> Process {
        let hands = Hands::new(Arc::clone(&self.stage));
        let previews = previews(&hands, &self.store, &self.policies);
        let clock = Arc::new(hands.clone());
        Process {
            desk: Desk::of(Arc::clone(&previews), Driver::new(clock)),
            hands,
            previews,
            due: BTreeMap::new(),
            errors: BTreeMap::new(),
            everything_at: at,
            asleep: None,
        }
    }

    /// The process dies, and its successor comes after a moment.
    pub(crate) fn restart(&mut self, number: usize) {
        let at = self.stage.now().plus_ms(RESTART_MS);
        self.processes[number] = self.process(at);
        self.watch.say(format!("process {number} ends, and begins anew"));
    }

    /// A process that is awake.
    pub(crate) fn awake(&self) -> Option<usize> {
        self.processes.iter().position(|process| process.asleep.is_none())
    }

    /// Wants a round of an object in a process.
    pub(crate) fn wake(&mut self, number: usize, object: Object) {
        let now = self.stage.now();
        self.processes[number].wake(object, now);
    }

    /// Lets this much time pass, with all rounds that are due in it.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.stage.now().plus_ms(i64::try_from(time.as_millis()).unwrap());
        let mut at_this_moment = 0;
        loop {
            if self.is_over() {
                return;
            }
            self.hear();
            self.awaken();
            if let Some((number, object)) = self.next() {
                at_this_moment += 1;
                if at_this_moment > ROUNDS_AT_ONE_MOMENT {
                    return self.watch.wrong(format!("{object} has round after round, and no time passes"));
                }
                self.round(number, object);
                continue;
            }
            at_this_moment = 0;
            let now = self.stage.now();
            if now >= end {
                return;
            }
            let due = self.processes.iter().map(Process::next_at).min();
            let next = due.into_iter().chain(self.stage.next_wake()).min().unwrap_or(end).min(end);
            let time = next.ms_since(now).max(1);
            self.stage.pass(Duration::from_millis(u64::try_from(time).unwrap()));
            let alive: Vec<&Hands> =
                self.processes.iter().filter(|it| it.asleep.is_none()).map(|it| &it.hands).collect();
            self.watch.look_at_sites(&alive, self.is_hostile);
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        !self.watch.wrongs.is_empty()
    }

    /// Events of EventBridge: each may be lost or come twice, and goes to whoever takes it from the queue.
    fn hear(&mut self) {
        for body in self.stage.take_events() {
            let times = match self.chance.below(100) {
                0..20 if self.is_hostile => 0,
                20..25 if self.is_hostile => 2,
                _ => 1,
            };
            for _ in 0..times {
                let number = self.chance.below(self.processes.len());
                let now = self.stage.now();
                let process = &mut self.processes[number];
                let woken = process.previews.on_event(&body);
                woken.into_iter().for_each(|object| process.wake(object, now));
            }
        }
    }

    /// Those whose sleep is over go on where they were.
    fn awaken(&mut self) {
        let now = self.stage.now();
        for number in 0..self.processes.len() {
            let process = &mut self.processes[number];
            let Some(mut asleep) = process.asleep.take_if(|asleep| asleep.until <= now || !self.is_hostile)
            else {
                continue;
            };
            process.hands.wire().mend();
            let end = poll_up_to(&mut asleep.round, || false).unwrap();
            let doing = Doing { process: number, since: asleep.since, has_slept: true, has_died: false };
            self.ended(doing, asleep.object, end);
        }
    }

    /// A round that is due: any of them, so that no order is taken for granted.
    fn next(&mut self) -> Option<(usize, Object)> {
        let now = self.stage.now();
        let mut due = Vec::new();
        for (number, process) in self.processes.iter_mut().enumerate().filter(|(_, it)| it.asleep.is_none()) {
            if process.everything_at <= now {
                process.everything_at = now.plus_ms(EVERYTHING_MS);
                let everything = process.previews.everything();
                everything.into_iter().for_each(|object| process.wake(object, now));
            }
            due.extend(process.due.iter().filter(|(_, at)| **at <= now).map(|(it, _)| (number, it.clone())));
        }
        let place = self.chance.below(due.len());
        (!due.is_empty()).then(|| due.swap_remove(place))
    }

    fn fate(&mut self, object: &Object) -> Fate {
        let passages = |chance: &mut Random| u32::try_from(chance.below(PASSAGES)).unwrap();
        if self.crashes_always && !matches!(object, Object::Tidy | Object::Notifier(_)) {
            // Rounds are short, most of them: so that the crash comes before their end, mostly.
            let most = 4 + self.chance.below(40);
            return Fate::Dies(u32::try_from(self.chance.below(most)).unwrap());
        }
        if !self.is_hostile {
            return Fate::Well;
        }
        let (crashes, sleeps) = (self.setting.crashes, self.setting.sleeps);
        match self.chance.below(1000) {
            drawn if drawn < crashes => Fate::Dies(passages(&mut self.chance)),
            drawn if drawn < crashes + sleeps => Fate::Sleeps(passages(&mut self.chance)),
            _ => Fate::Well,
        }
    }

    fn round(&mut self, number: usize, object: Object) {
        self.rounds += 1;
        let fate = self.fate(&object);
        let process = &mut self.processes[number];
        process.due.remove(&object);
        let (previews, own, id) =
            (Arc::clone(&process.previews), object.clone(), format!("r{}", self.rounds));
        let mut round: Pending = Box::pin(async move { previews.round(&own, &id).await });
        let wire = Arc::clone(process.hands.wire());
        match fate {
            Fate::Well => {}
            Fate::Dies(passages) | Fate::Sleeps(passages) => wire.cut_after(passages),
        }
        let since = self.watch.moment;
        let mut doing = Doing { process: number, since, has_slept: false, has_died: false };
        let end = poll_up_to(&mut round, || wire.is_cut());
        match (end, fate) {
            (Some(end), _) => {
                wire.mend();
                self.ended(doing, object, end);
            }
            (None, Fate::Sleeps(_)) => {
                let until = self.stage.now().plus_ms(i64::try_from(self.chance.below(SLEEP_MS)).unwrap());
                self.watch.say(format!("process {number} sleeps in its round of {object}"));
                self.watch.notices.interrupted(&object);
                process.asleep = Some(Asleep { round, object, until, since });
                self.watch.round(&self.store, doing, None);
            }
            (None, _) => {
                drop(round);
                doing.has_died = true;
                self.watch.say(format!("a crash in the round of {object}"));
                self.watch.notices.interrupted(&object);
                self.watch.round(&self.store, doing, Some(&object));
                self.watch.look_at_announcements(doing, &self.processes[number].hands);
                self.restart(number);
            }
        }
    }

    fn ended(&mut self, doing: Doing, object: Object, end: Result<Round, Error>) {
        let now = self.stage.now();
        let ahead = self.processes[doing.process].hands.ahead_ms();
        let process = &mut self.processes[doing.process];
        match end {
            Ok(round) => {
                process.errors.remove(&object);
                let at = round.look_again_at.filter(|_| !round.gone);
                process.due.remove(&object);
                if let Some(at) = at {
                    process.due.insert(object.clone(), at.plus_ms(-ahead));
                }
                round.wake.into_iter().for_each(|other| process.wake(other, now));
            }
            Err(error) => {
                self.watch.notices.interrupted(&object);
                let errors = process.errors.entry(object.clone()).or_default();
                *errors += 1;
                process.due.insert(object.clone(), now.plus_seconds(1 << (*errors).min(6)));
                if error.kind() == longshore_model::Kind::Bug || !self.is_hostile {
                    self.watch.wrong(format!("the round of {object} failed: {error}"));
                }
            }
        }
        self.watch.round(&self.store, doing, Some(&object));
        let hands = &self.processes[doing.process].hands;
        self.watch.look_at_announcements(doing, hands);
    }
}

impl Process {
    fn wake(&mut self, object: Object, now: Timestamp) {
        let at = self.due.entry(object).or_insert(now);
        *at = (*at).min(now);
    }

    /// When it has something to do.
    fn next_at(&self) -> Timestamp {
        match &self.asleep {
            Some(asleep) => asleep.until,
            None => self.due.values().copied().fold(self.everything_at, Timestamp::min),
        }
    }
}
