//! Random lives of a repository: pushes, deletions, closings, people, lists that fail, are empty or come late. In the end
//! there is what GitHub and people say, no failed list has removed anything, and a further look changes nothing.
#![expect(clippy::unwrap_used, reason = "a policy that cannot be read is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use longshore_decide::preview::record::{self, Afterwards};
use longshore_decide::preview::repository::{Plan, Seen, decide};
use longshore_model::Timestamp;
use longshore_model::preview::github::{Branch, PullRequest, Repository};
use longshore_model::preview::{Ended, Environment, Limits, Policy, Presence, State, Subject};
use proptest::prelude::*;
use serde_json::json;

const BRANCHES: [&str; 5] = ["feature/a", "feature/b", "feature/B", "topic", "wip/x"];

fn policy() -> Policy {
    let limits = Limits { environments: 3, removals: 2, ..Limits::default() };
    serde_json::from_value(json!({
        "repository": "octo/shop", "app": "shop", "cluster": "previews", "limits": serde_json::to_value(limits).unwrap(),
        "trigger": {"branches": ["feature/*"], "except": [], "strip": ["feature/"], "pull_requests": {
            "labels": [], "except_labels": [], "base": [], "drafts": false, "bots": false, "forks": false}},
        "services": [], "hooks": {"after_create": [], "after_update": [], "before_destroy": []},
        "route": {"proxy": {"domain": "example.com", "scheme": "https", "port": null, "access": "login"}},
    }))
    .unwrap()
}

#[derive(Debug, Clone)]
enum Event {
    Push(usize),
    Delete(usize),
    Open {
        draft: bool,
        fork: bool,
    },
    Close,
    /// A round that reads GitHub well.
    Look,
    /// One that reads it, and is given what is not so.
    Garbage(u8),
    Confirm,
    /// A person ends what is at this place.
    Down(usize),
    /// Its time is over.
    Expire(usize),
    /// A person asks for a branch, at its newest commit.
    Up(usize),
    /// Nothing is left of what was being removed at this place.
    Gone(usize),
    Minutes(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..BRANCHES.len()).prop_map(Event::Push),
        3 => (0..BRANCHES.len()).prop_map(Event::Delete),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(draft, fork)| Event::Open { draft, fork }),
        1 => Just(Event::Close),
        6 => Just(Event::Look),
        3 => (0_u8..3).prop_map(Event::Garbage),
        1 => Just(Event::Confirm),
        1 => (0_usize..5).prop_map(Event::Down),
        1 => (0_usize..5).prop_map(Event::Expire),
        1 => (0..BRANCHES.len()).prop_map(Event::Up),
        4 => (0_usize..5).prop_map(Event::Gone),
        1 => (0_i64..30).prop_map(Event::Minutes),
    ]
}

struct World {
    policy: Policy,
    github: Repository,
    kept: BTreeMap<String, Environment>,
    ended: BTreeMap<String, Ended>,
    /// The commits at which people or time ended an environment of a subject, and nobody has asked for it since.
    no_more: BTreeSet<(Subject, String)>,
    lives: BTreeMap<String, u32>,
    confirmed_at: Option<Timestamp>,
    now: Timestamp,
    commits: u32,
}

impl World {
    fn new() -> Self {
        let main = Branch { name: "main".to_owned(), sha: "main0".to_owned() };
        Self {
            policy: policy(),
            github: Repository {
                branches: vec![main],
                pull_requests: Vec::new(),
                default_branch: "main".to_owned(),
            },
            kept: BTreeMap::new(),
            ended: BTreeMap::new(),
            no_more: BTreeSet::new(),
            lives: BTreeMap::new(),
            confirmed_at: None,
            now: Timestamp(1_800_000_000_000),
            commits: 0,
        }
    }

    fn plan(&self, github: Result<&Repository, String>) -> Plan {
        let environments: Vec<Environment> = self.kept.values().cloned().collect();
        let ended: Vec<Ended> = self.ended.values().cloned().collect();
        let (policy, confirmed_at) = (&self.policy, self.confirmed_at);
        decide(&Seen { policy, github, environments: &environments, ended: &ended, confirmed_at }, self.now)
    }

    /// A round: what it writes, it writes whole.
    fn look(&mut self, github: Result<Repository, String>) {
        let plan = self.plan(github.as_ref().map_err(Clone::clone));
        let is_up = |it: &&Environment| matches!(it.wish.presence, Presence::Up { .. });
        let before = self.kept.values().filter(is_up).count();
        for record in plan.write {
            self.keep(record);
        }
        for id in plan.over {
            self.ended.remove(&id).unwrap();
        }
        let removed = before.saturating_sub(self.kept.values().filter(is_up).count());
        let confirmed = self.confirmed_at.is_some_and(|at| self.now.ms_since(at) <= 600_000);
        assert!(removed <= 2 || confirmed, "{removed} were removed without a person's word");
    }

    fn keep(&mut self, record: Environment) {
        if !self.kept.contains_key(&record.names.id) {
            let life = self.lives.insert(record.names.id.clone(), record.life);
            assert!(life.is_none_or(|life| life < record.life), "life {} comes twice", record.life);
        }
        self.kept.insert(record.names.id.clone(), record);
    }

    fn gone(&mut self, id: &str) {
        let record = self.kept.remove(id).unwrap();
        match record::afterwards(&record, Some(&self.policy), self.now) {
            Afterwards::Nothing => {}
            Afterwards::Again(next) => self.keep(*next),
            Afterwards::Ended(ended) => {
                self.no_more.insert((ended.subject.clone(), ended.sha.clone()));
                self.ended.insert(ended.environment.clone(), ended);
            }
        }
    }

    fn at(&self, place: usize, is_down: bool) -> Option<String> {
        let fits = |it: &&Environment| matches!(it.wish.presence, Presence::Down(_)) == is_down;
        self.kept.values().filter(fits).nth(place).map(|it| it.names.id.clone())
    }

    fn commit(&mut self) -> String {
        self.commits += 1;
        format!("c{}", self.commits)
    }

    fn end(&mut self, place: usize, by: &str) {
        if let Some(id) = self.at(place, false) {
            let record = self.kept.get_mut(&id).unwrap();
            record::remove(record, "for a reason", by, self.now);
        }
    }

    fn up(&mut self, index: usize) {
        let Some(branch) = self.github.branches.iter().find(|it| it.name == BRANCHES[index]) else { return };
        let revision = longshore_model::preview::Revision {
            sha: branch.sha.clone(),
            branch: branch.name.clone(),
            pull_request: None,
        };
        let subject = Subject::Branch(branch.name.clone());
        if self.kept.values().all(|it| it.subject != subject) {
            self.no_more.retain(|(ended, _)| *ended != subject);
            let mut record = record::fresh(&self.policy, subject, revision, "ada", self.now);
            record.state = State::Queued;
            self.keep(record);
        }
    }

    fn happen(&mut self, event: &Event) {
        // A removal and another making take longer than a second.
        self.now = self.now.plus_seconds(1);
        match event {
            Event::Push(index) => {
                let sha = self.commit();
                self.github.branches.retain(|it| it.name != BRANCHES[*index]);
                self.github.branches.push(Branch { name: BRANCHES[*index].to_owned(), sha });
            }
            Event::Delete(index) => self.github.branches.retain(|it| it.name != BRANCHES[*index]),
            Event::Open { draft, fork } => {
                let (sha, draft, fork) = (self.commit(), *draft, *fork);
                self.github.pull_requests =
                    vec![PullRequest { number: 7, sha, draft, fork, ..PullRequest::default() }];
            }
            Event::Close => self.github.pull_requests.clear(),
            Event::Look => self.look(Ok(self.github.clone())),
            Event::Garbage(kind) => {
                let before = self.unheld();
                let default_branch = self.github.default_branch.clone();
                self.look(match kind {
                    0 => Err("502 Bad Gateway".to_owned()),
                    1 => Ok(Repository::default()),
                    _ => Ok(Repository { default_branch, ..Repository::default() }),
                });
                assert!(self.unheld() == before, "garbage changed something");
            }
            Event::Confirm => self.confirmed_at = Some(self.now),
            Event::Down(place) => self.end(*place, "ada"),
            Event::Expire(place) => self.end(*place, "ttl"),
            Event::Up(index) => self.up(*index),
            Event::Gone(place) => {
                if let Some(id) = self.at(*place, true) {
                    self.gone(&id);
                }
            }
            Event::Minutes(minutes) => self.now = self.now.plus_seconds(minutes * 60),
        }
    }

    /// What is kept, but for the words that say why it still is.
    fn unheld(&self) -> BTreeMap<String, Environment> {
        let unheld = |record: &Environment| Environment { held: None, ..record.clone() };
        self.kept.iter().map(|(id, record)| (id.clone(), unheld(record))).collect()
    }

    /// Everything works: looks and removals until nothing changes.
    fn settle(&mut self) {
        for _ in 0..10 {
            self.now = self.now.plus_seconds(1);
            self.confirmed_at = Some(self.now);
            self.look(Ok(self.github.clone()));
            let down: Vec<String> = (0..).map_while(|place| self.at(place, true)).collect();
            for id in down {
                self.gone(&id);
            }
        }
        let plan = self.plan(Ok(&self.github));
        assert_eq!((plan.write, plan.over), (Vec::new(), Vec::new()), "it does not come to rest");
    }

    /// What the policy asks for, said once more and simply.
    fn wanted(&self) -> BTreeMap<Subject, String> {
        let branches = self.github.branches.iter().filter(|it| it.name.starts_with("feature/"));
        let branches = branches.map(|it| (Subject::Branch(it.name.clone()), it.sha.clone()));
        let pulls = self.github.pull_requests.iter().filter(|it| !it.draft && !it.fork);
        branches.chain(pulls.map(|it| (Subject::PullRequest(it.number), it.sha.clone()))).collect()
    }

    fn check(&self) {
        for (subject, sha) in self.wanted() {
            let record = self.kept.values().find(|it| it.subject == subject);
            let ended = self.no_more.contains(&(subject.clone(), sha.clone()));
            assert_eq!(record.is_some(), !ended, "{subject} at {sha}");
            assert!(record.is_none_or(|it| it.wish.revision.sha == sha), "{subject} has an old commit");
        }
        let wanted = self.wanted();
        for record in self.kept.values() {
            let by = match &record.wish.presence {
                Presence::Up { by } => by.as_str(),
                Presence::Down(_) => panic!("{record:?} was not removed"),
            };
            assert_eq!(by == "github", wanted.contains_key(&record.subject), "{record:?}");
        }
        let rooms = self.kept.values().cloned().collect::<Vec<_>>();
        let have = rooms.iter().filter(|it| record::has_room(&self.policy, it, &rooms)).count();
        assert_eq!(have, rooms.len().min(3));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn in_the_end_there_is_what_github_and_people_say(events in proptest::collection::vec(event(), 0..60)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
        }
        world.settle();
        world.check();
    }
}
