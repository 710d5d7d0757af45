//! The beginning and the end of a record: what is written when an environment is asked for, when it should go, and when
//! nothing of it is left.

use longshore_model::Timestamp;
use longshore_model::preview::{
    Ended, Environment, Policy, Presence, Progress, Removal, Revision, Sleep, State, Subject, Wish,
};

use super::names::names;

/// Who asks when nobody does: the policy, for what GitHub has.
pub const GITHUB: &str = "github";

/// A new record. Its life is the second of its making, so that it is greater than that of any before it, of which nothing
/// may be remembered.
#[must_use]
pub fn fresh(policy: &Policy, subject: Subject, revision: Revision, by: &str, now: Timestamp) -> Environment {
    let wish = Wish {
        presence: Presence::Up { by: by.to_owned() },
        revision,
        pinned: false,
        keep_until: None,
        sleep: Sleep::Auto,
        attempt: 0,
    };
    Environment {
        names: names(policy, &subject),
        repository: policy.repository.clone(),
        subject,
        life: u32::try_from(now.0 / 1000).unwrap_or_default(),
        wish,
        progress: Progress { created_at: now, changed_at: now, ..Progress::default() },
        state: State::Queued,
        held: None,
        waiting: Vec::new(),
    }
}

/// Writes that an environment should go.
pub fn remove(record: &mut Environment, why: &str, by: &str, now: Timestamp) {
    let removal =
        Removal { why: why.to_owned(), by: by.to_owned(), since: now, again: None, without_hooks: false };
    record.wish.presence = Presence::Down(removal);
    record.held = None;
    record.progress.changed_at = now;
    record.state = State::Removing;
}

/// Writes what an environment should run. Whether that is something else than before.
pub fn set_revision(record: &mut Environment, revision: &Revision, now: Timestamp) -> bool {
    if record.wish.revision == *revision {
        return false;
    }
    // A commit that only has another branch's name now (a renamed branch of a pull request) is no new deploy.
    if record.wish.revision.sha != revision.sha {
        record.progress.changed_at = now;
    }
    record.wish.revision = revision.clone();
    true
}

/// Whether an environment is among the first `limits.environments` of its repository: those that have begun come first,
/// then those that wait, in the order of their making. What is being removed counts until it is gone.
#[must_use]
pub fn has_room(policy: &Policy, record: &Environment, all: &[Environment]) -> bool {
    let rivals = all.iter().filter(|it| it.repository.eq_ignore_ascii_case(&record.repository));
    let before = rivals.filter(|it| place(it) < place(record)).count();
    u32::try_from(before).is_ok_and(|before| before < policy.limits.environments)
}

fn place(record: &Environment) -> (bool, Timestamp, &str) {
    (record.state == State::Queued, record.progress.created_at, &record.names.id)
}

/// What takes the place of a record when nothing of its environment is left.
#[derive(Debug, Clone, PartialEq)]
pub enum Afterwards {
    /// The record goes.
    Nothing,
    /// This one comes in its place, under the same id: somebody wants it back.
    Again(Box<Environment>),
    /// The record goes, and this is remembered.
    Ended(Ended),
}

/// What takes the place of a record when nothing of its environment is left. It is to be written together with the
/// record's removal.
#[must_use]
pub fn afterwards(record: &Environment, policy: Option<&Policy>, now: Timestamp) -> Afterwards {
    let Presence::Down(removal) = &record.wish.presence else { return Afterwards::Nothing };
    if let (Some(by), Some(policy)) = (&removal.again, policy) {
        let revision = record.wish.revision.clone();
        let mut next = fresh(policy, record.subject.clone(), revision, by, now);
        next.life = next.life.max(record.life.saturating_add(1));
        if next.names.id != record.names.id {
            next.names = record.names.clone();
        }
        return Afterwards::Again(Box::new(next));
    }
    if removal.by == GITHUB {
        return Afterwards::Nothing;
    }
    Afterwards::Ended(Ended {
        environment: record.names.id.clone(),
        repository: record.repository.clone(),
        subject: record.subject.clone(),
        sha: record.wish.revision.sha.clone(),
        why: removal.why.clone(),
        at: now,
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{NOW, environment, policy, revision};
    use super::*;

    fn down(by: &str, again: Option<&str>) -> Environment {
        let mut record = environment("feature/x");
        remove(&mut record, "for a reason", by, NOW);
        let Presence::Down(removal) = &mut record.wish.presence else { panic!("{record:?}") };
        removal.again = again.map(str::to_owned);
        record
    }

    #[test]
    fn what_github_ended_leaves_nothing_and_what_others_ended_is_remembered() {
        assert_eq!(afterwards(&down(GITHUB, None), Some(&policy()), NOW), Afterwards::Nothing);
        for by in ["ttl", "ada"] {
            let Afterwards::Ended(ended) = afterwards(&down(by, None), Some(&policy()), NOW) else {
                panic!("{by}")
            };
            assert_eq!((ended.sha.as_str(), ended.why.as_str()), ("aaa1", "for a reason"));
        }
    }

    #[test]
    fn what_is_wanted_back_is_another_life_of_the_same_name() {
        let record = down("ada", Some("grace"));
        // Within the same second, or with a clock that went back.
        for now in [NOW, Timestamp(0)] {
            let Afterwards::Again(next) = afterwards(&record, Some(&policy()), now) else { panic!() };
            assert!(next.life > record.life);
            assert_eq!(next.names, record.names);
            assert_eq!(next.wish.presence, Presence::Up { by: "grace".to_owned() });
            assert_eq!(next.progress, Progress { created_at: now, changed_at: now, ..Progress::default() });
        }
        assert!(matches!(afterwards(&record, None, NOW), Afterwards::Ended(_)));
    }

    #[test]
    fn room_is_given_in_the_order_of_making_and_never_taken_back() {
        let mut policy = policy();
        policy.limits.environments = 2;
        let made = |name: &str, second: i64| {
            let mut record = environment(&format!("feature/{name}"));
            record.progress.created_at = NOW.plus_seconds(second);
            record
        };
        let mut all = [made("c", 0), made("b", 1), made("a", 2)];
        let room = |all: &[Environment]| all.iter().map(|it| has_room(&policy, it, all)).collect::<Vec<_>>();
        assert_eq!(room(&all), [true, true, false]);
        // One that has begun keeps its place when the clock goes back and an older one seems to come.
        (all[1].state, all[2].state) = (State::Ready, State::Removing);
        assert_eq!(room(&all), [false, true, true]);
        let mut foreign = made("z", -1);
        foreign.repository = "octo/other".to_owned();
        assert!(has_room(&policy, &all[1], &[foreign.clone(), foreign, all[1].clone()]));
    }

    #[test]
    fn another_name_of_the_same_commit_is_no_change_to_wait_for() {
        let mut record = environment("feature/x");
        let later = NOW.plus_seconds(60);
        assert!(!set_revision(&mut record, &revision("aaa1", "feature/x"), later));
        assert!(set_revision(&mut record, &revision("aaa1", "feature/y"), later));
        assert_eq!(record.progress.changed_at, NOW);
        assert!(set_revision(&mut record, &revision("bbb2", "feature/y"), later));
        assert_eq!(record.progress.changed_at, later);
    }
}
