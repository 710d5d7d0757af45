//! Preview environments, simulated: the real rounds of `control` and `decide` over the Amazon of `ecs`, with a workload, with
//! faults and with checkers, all from one seed. See the README of this crate.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod daemons;
mod ending;
mod machine;
mod many;
mod notices;
mod setting;
mod story;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use longshore_ecs::random::Random;
use setting::Setting;
use story::Story;

/// Seeds that have found something once. The workload has grown since the first ones did, so that they tell other stories
/// today: 2 (tasks too many for ever), 19 (what was waited for shown after it was there), 74 (a wish to sleep that waited for
/// a later look), 1038 (an image that crashes found healthy for a moment), 2228 (two deploys of a commit called a hook under
/// one id), 3031 (a hook before a removal skipped because its policy was gone), 4093 (a site that led on to a task which had
/// been replaced unheard), 7241 (a target group deleted twice after a stale look, which is no harm), 22040 and 22291 (a
/// listener or a rule that came late, beside the one made in its place), 32342 (a service found without a record for ever,
/// after somebody took its tags away), 33142 (a revision registered by a call that came when its environment was gone).
const FOUND: [u64; 12] = [2, 19, 74, 1038, 2228, 3031, 4093, 7241, 22040, 22291, 32342, 33142];

/// How a story went.
struct Told {
    rounds: u64,
    wrongs: Vec<String>,
    lines: Vec<String>,
}

/// Tells the story of a seed to its end.
fn tell(seed: u64) -> Told {
    let mut chance = Random::seeded(seed);
    let setting = Setting::of(&mut chance);
    let actions = 20 + chance.below(60);
    told(Story::new(setting, seed), |story| story.tell(actions))
}

/// A story in which every round is crashed somewhere.
fn tell_crashing(seed: u64) -> Told {
    let mut chance = Random::seeded(seed);
    let mut setting = Setting::of(&mut chance);
    (setting.controllers, setting.chances) = (1, longshore_sim::stage::Chances::default());
    let mut story = Story::new(setting, seed);
    story.machine.crashes_always = true;
    told(story, |story| {
        for _ in 0..8 {
            story.act_on_github();
            let seconds = u64::try_from(story.chance.below(90)).unwrap();
            story.machine.run(Duration::from_secs(seconds));
        }
    })
}

fn told(mut story: Story, tell: impl FnOnce(&mut Story)) -> Told {
    let before = setting::others(&story.machine.stage);
    let end = catch_unwind(AssertUnwindSafe(|| {
        tell(&mut story);
        story.end(&before);
    }));
    let watch = &mut story.machine.watch;
    if end.is_err() {
        watch.wrong("it panicked".to_owned());
    }
    Told { rounds: story.machine.rounds, wrongs: watch.wrongs.clone(), lines: watch.lines.clone() }
}

/// Tells the stories of seeds, and gives how many rounds there were.
fn all_is_well(name: &str, seeds: impl IntoIterator<Item = u64>, tell: fn(u64) -> Told) -> u64 {
    let mut rounds = 0;
    let mut wrong = Vec::new();
    for seed in seeds {
        let told = tell(seed);
        rounds += told.rounds;
        if !told.wrongs.is_empty() {
            let replay = format!(
                "LONGSHORE_SIM_SEED={seed} cargo test -p longshore-sim --test previews {name} -- --nocapture"
            );
            wrong.push(format!("seed {seed}: {}\n  {replay}", told.wrongs.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{} seeds ({rounds} rounds):\n{}", wrong.len(), wrong.join("\n"));
    rounds
}

#[expect(clippy::print_stdout, reason = "the rate is what one wants to see")]
fn measured(name: &str, work: impl FnOnce() -> u64) {
    #[expect(clippy::disallowed_methods, reason = "the rate of the simulator is real time")]
    let began = Instant::now();
    let rounds = work();
    let seconds = began.elapsed().as_secs_f64();
    println!("sim: {rounds} rounds in {seconds:.1} s, {:.0} rounds/s ({name})", rounds as f64 / seconds);
}

#[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[test]
fn whatever_happens_it_ends_as_github_says() {
    measured("stories", || {
        let first = variable("LONGSHORE_SIM_FROM").unwrap_or_default();
        let count = variable("LONGSHORE_SIM_STORIES").unwrap_or(60);
        all_is_well("replay", FOUND.into_iter().chain(2000 + first..2000 + first + count), tell)
    });
}

#[test]
fn a_crash_in_every_round_changes_nothing_but_time() {
    measured("a crash in every round", || {
        let first = variable("LONGSHORE_SIM_FROM").unwrap_or_default();
        let count = variable("LONGSHORE_SIM_STORIES").unwrap_or(1000);
        all_is_well("again_with_crashes", first..first + count, tell_crashing)
    });
}

#[expect(clippy::print_stdout, reason = "a replay is read")]
fn replay_of(tell: fn(u64) -> Told) {
    let Some(seed) = variable("LONGSHORE_SIM_SEED") else { return };
    let told = tell(seed);
    told.lines.iter().for_each(|line| println!("{line}"));
    assert!(told.wrongs.is_empty(), "seed {seed}:\n  {}", told.wrongs.join("\n  "));
}

#[test]
fn replay() {
    replay_of(tell);
}

#[test]
fn again_with_crashes() {
    replay_of(tell_crashing);
}
