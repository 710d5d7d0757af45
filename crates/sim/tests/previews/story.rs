//! What people do from one seed: on GitHub, at the door, in the browser, and behind our back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use longshore_control::preview::Object;
use longshore_decide::preview::names::names;
use longshore_ecs::random::Random;
use longshore_model::preview::github::{Branch, PullRequest, Repository};
use longshore_model::preview::view::Command;
use longshore_model::preview::{Delivery, DeliveryState, Source, Subject};
use serde_json::json;

use super::machine::{Machine, poll};
use super::setting::{FAMILY, Fortune, Policies, REPOSITORY, Setting, TAKEN, often};

const BRANCHES: [&str; 12] = [
    "feature/a",
    "feature/b",
    "feature/c",
    "feature/a/x",
    "feature/b/x",
    "feature/Long_Name.With-Everything",
    "feature/pr-3",
    "feature/wip-one",
    "docs/readme",
    "hotfix",
    TAKEN,
    FAMILY,
];

pub(crate) struct Story {
    pub(crate) machine: Machine,
    pub(crate) chance: Random,
    pub(crate) branches: BTreeMap<String, String>,
    pub(crate) pulls: BTreeMap<u64, PullRequest>,
    pub(crate) fortunes: BTreeMap<String, Fortune>,
    /// Earlier commits of a branch.
    earlier: BTreeMap<String, Vec<String>>,
    commits: u64,
    deliveries: u64,
    /// Services whose names somebody else has taken.
    pub(crate) taken: BTreeSet<String>,
    /// The policy is gone until this many actions are done.
    without_policy: usize,
}

impl Story {
    pub(crate) fn new(setting: Setting, seed: u64) -> Self {
        let machine = Machine::new(setting, seed);
        let mut story = Self {
            machine,
            chance: Random::seeded(seed ^ 0x00ac_7104),
            branches: BTreeMap::new(),
            pulls: BTreeMap::new(),
            fortunes: BTreeMap::new(),
            earlier: BTreeMap::new(),
            commits: 0,
            deliveries: 0,
            taken: BTreeSet::new(),
            without_policy: 0,
        };
        story.publish();
        let chances = story.machine.setting.chances;
        story.machine.stage.set_chances(chances);
        story
    }

    /// So many actions with time between them.
    pub(crate) fn tell(&mut self, actions: usize) {
        for _ in 0..actions {
            self.act();
            let seconds = match self.chance.below(20) {
                0..8 => self.chance.below(5),
                8..15 => self.chance.below(60),
                15..19 => self.chance.below(240),
                _ => self.chance.below(2400),
            };
            self.machine
                .run(Duration::from_millis(u64::try_from(seconds * 1000 + self.chance.below(1000)).unwrap()));
            if self.machine.is_over() {
                return;
            }
            self.without_policy = self.without_policy.saturating_sub(1);
            if self.without_policy == 0 && self.machine.policies.is_empty() {
                self.give_policy();
            }
        }
    }

    /// Something that happens: mostly on GitHub.
    fn act(&mut self) {
        match self.chance.below(100) {
            0..22 => self.create_or_push(),
            22..28 => self.reset(),
            28..40 => self.delete(),
            40..52 => self.pull_request(),
            52..68 => self.command(),
            68..82 => self.request(),
            82..86 => self.stop_a_task(),
            86..89 => self.jump(),
            89..92 => self.machine_restarts(),
            92..94 => self.take_policy(),
            94..98 => self.meddle(),
            _ => self.leave_an_orphan(),
        }
    }

    /// For short stories: only what the forge does, and what it tells.
    pub(crate) fn act_on_github(&mut self) {
        match self.chance.below(10) {
            0..4 => self.create_or_push(),
            4 => self.reset(),
            5..8 => self.delete(),
            _ => self.pull_request(),
        }
    }

    pub(crate) fn commit(&mut self) -> String {
        self.commits += 1;
        let sha = format!("{:07x}{:033x}", self.commits, self.chance.next_u64());
        let fortune = Fortune::of(&mut self.chance);
        self.set_fortune(&sha, fortune);
        sha
    }

    pub(crate) fn set_fortune(&mut self, sha: &str, fortune: Fortune) {
        fortune.settle(&self.machine.stage, sha);
        self.fortunes.insert(sha.to_owned(), fortune);
    }

    fn branch(&mut self) -> String {
        // The first ones are the most popular.
        let most = 1 + self.chance.below(BRANCHES.len());
        BRANCHES[self.chance.below(most)].to_owned()
    }

    fn create_or_push(&mut self) {
        let branch = self.branch();
        let again = self.earlier.get(&branch).and_then(|earlier| earlier.last().cloned());
        let sha = match again {
            // Re-created where it was.
            Some(sha) if !self.branches.contains_key(&branch) && often(&mut self.chance, 40) => sha,
            _ => self.commit(),
        };
        self.set_branch(&branch, Some(sha));
    }

    /// A push by force to where it was before.
    fn reset(&mut self) {
        let branch = self.branch();
        let earlier = self.earlier.get(&branch).cloned().unwrap_or_default();
        if self.branches.contains_key(&branch) && !earlier.is_empty() {
            let sha = earlier[self.chance.below(earlier.len())].clone();
            self.set_branch(&branch, Some(sha));
        }
    }

    fn delete(&mut self) {
        let all: Vec<String> = self.branches.keys().cloned().collect();
        if let Some(branch) = all.get(self.chance.below(all.len())) {
            self.set_branch(branch, None);
        }
    }

    pub(crate) fn set_branch(&mut self, branch: &str, sha: Option<String>) {
        let before = match &sha {
            Some(sha) => self.branches.insert(branch.to_owned(), sha.clone()),
            None => self.branches.remove(branch),
        };
        self.earlier.entry(branch.to_owned()).or_default().extend(before);
        let subject = Subject::Branch(branch.to_owned());
        self.published(&subject, sha.as_deref());
    }

    fn pull_request(&mut self) {
        let number = u64::try_from(1 + self.chance.below(3)).unwrap();
        let sha = self.commit();
        let kind = self.chance.below(10);
        match self.pulls.get_mut(&number) {
            None => {
                let (branch, base) = (format!("topic-{number}"), "main".to_owned());
                let pull =
                    PullRequest { number, sha, branch, base, author: "ada".into(), ..PullRequest::default() };
                self.pulls.insert(number, PullRequest { draft: kind == 0, fork: kind == 1, ..pull });
            }
            Some(pull) => match kind {
                0..4 => pull.sha = sha,
                4 | 5 => pull.labels = vec!["no-preview".into()],
                6 => pull.labels.clear(),
                7 => pull.draft = !pull.draft,
                _ => drop(self.pulls.remove(&number)),
            },
        }
        let sha = self.pulls.get(&number).map(|pull| pull.sha.clone());
        self.published(&Subject::PullRequest(number), sha.as_deref());
    }

    /// Whether a subject of GitHub gets an environment by itself.
    pub(crate) fn is_wanted(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Branch(name) => name.starts_with("feature/") && !name.starts_with("feature/wip-"),
            Subject::PullRequest(number) => {
                self.pulls.get(number).is_some_and(|pull| !pull.draft && !pull.fork && pull.labels.is_empty())
            }
        }
    }

    /// What GitHub has at a subject.
    pub(crate) fn head(&self, subject: &Subject) -> Option<String> {
        match subject {
            Subject::Branch(name) => self.branches.get(name).cloned(),
            Subject::PullRequest(number) => self.pulls.get(number).map(|pull| pull.sha.clone()),
        }
    }

    fn publish(&mut self) {
        let branch = |(name, sha): (&String, &String)| Branch { name: name.clone(), sha: sha.clone() };
        let main = Branch { name: "main".into(), sha: "0".repeat(40) };
        let github = Repository {
            branches: std::iter::once(main).chain(self.branches.iter().map(branch)).collect(),
            pull_requests: self.pulls.values().cloned().collect(),
            default_branch: "main".into(),
        };
        self.machine.stage.github(REPOSITORY, |repository| *repository = github);
    }

    /// GitHub has changed, and says so: once, twice, or not at all.
    fn published(&mut self, subject: &Subject, sha: Option<&str>) {
        self.publish();
        let is_wanted = self.is_wanted(subject);
        self.machine.watch.github(subject, sha, is_wanted);
        let times = match self.chance.below(100) {
            0..15 => 0,
            15..30 => 2,
            _ => 1,
        };
        self.deliveries += 1;
        for _ in 0..times {
            self.deliver(subject);
        }
    }

    fn deliver(&mut self, subject: &Subject) {
        let Some(number) = self.machine.awake() else { return };
        let delivery = Delivery {
            id: format!("delivery-{}", self.deliveries),
            source: Source::Github,
            event: "push".into(),
            repository: Some(REPOSITORY.into()),
            about: Some(subject.to_string()),
            at: self.machine.stage.now(),
            state: DeliveryState::Accepted,
        };
        poll(self.machine.processes[number].desk.deliver(delivery, b"{}".to_vec())).unwrap();
        self.machine.wake(number, Object::Repository(REPOSITORY.into()));
    }

    /// The id of an environment that there is.
    fn environment(&mut self) -> Option<String> {
        let ids: Vec<&String> = self.machine.watch.records.keys().collect();
        ids.get(self.chance.below(ids.len())).map(|id| (*id).clone())
    }

    fn command(&mut self) {
        let kind = self.chance.below(14);
        if kind < 3 {
            let branch = self.branch();
            return self.up(&Subject::Branch(branch));
        }
        let Some(environment) = self.environment() else { return };
        let seconds = Some(3600);
        let command = match kind {
            3 | 4 => {
                self.machine.watch.asked.insert(environment.clone());
                if self.machine.policies.is_empty() {
                    self.machine.watch.given_up.insert(environment.clone());
                }
                Command::Down { environment: environment.clone() }
            }
            5 => Command::Extend { environment: environment.clone(), seconds },
            6 | 7 => Command::Pin { environment: environment.clone(), pinned: kind == 6 },
            8..11 => Command::Sleep { environment: environment.clone() },
            11..13 => Command::Wake { environment: environment.clone() },
            _ => {
                self.machine.watch.is_confirmed = true;
                Command::Confirm { repository: REPOSITORY.into() }
            }
        };
        self.ask(&command, &environment);
    }

    /// Somebody asks for an environment, or for another try.
    pub(crate) fn up(&mut self, subject: &Subject) {
        let (branch, pull_request) = match subject {
            Subject::Branch(name) => (Some(name.clone()), None),
            Subject::PullRequest(number) => (None, Some(*number)),
        };
        let id = names(&self.machine.setting.policy, subject).id;
        self.ask(&Command::Up { repository: Some(REPOSITORY.into()), branch, pull_request }, &id);
    }

    pub(crate) fn ask(&mut self, command: &Command, id: &str) {
        let Some(number) = self.machine.awake() else { return };
        let answer = poll(self.machine.processes[number].desk.ask(command, "ada"));
        let answer = answer.map_or_else(|error| format!("refused: {error}"), |answer| answer.message);
        self.machine.watch.say(format!("ada: {command:?}: {answer}"));
        self.machine.watch.at_the_door(&self.machine.store, number);
        self.machine.wake(number, Object::Environment(id.to_owned()));
        self.machine.wake(number, Object::Repository(REPOSITORY.into()));
    }

    /// A client's request comes through our proxy.
    fn request(&mut self) {
        if let Some(environment) = self.environment() {
            self.request_of(&environment);
        }
    }

    pub(crate) fn request_of(&mut self, id: &str) {
        let Some(number) = self.machine.awake() else { return };
        let process = &self.machine.processes[number];
        let now = self.machine.stage.now().plus_ms(process.hands.ahead_ms());
        poll(process.desk.requested(&[(id.to_owned(), now)])).unwrap();
        self.machine.watch.at_the_door(&self.machine.store, number);
        self.machine.wake(number, Object::Environment(id.to_owned()));
    }

    /// A task ends that nobody asked to end.
    fn stop_a_task(&mut self) {
        let listed = self.machine.stage.ask("ListTasks", json!({})).unwrap();
        let tasks = listed["taskArns"].as_array().unwrap();
        if let Some(task) = tasks.get(self.chance.below(tasks.len())) {
            drop(self.machine.stage.ask("StopTask", json!({"task": task, "reason": "somebody else"})));
        }
    }

    /// The clock of a process jumps.
    fn jump(&mut self) {
        let minutes = i64::try_from(self.chance.below(120)).unwrap() - 40;
        let number = self.chance.below(self.machine.processes.len());
        self.machine.processes[number].hands.set_ahead_ms(minutes * 60_000);
        self.machine.watch.say(format!("the clock of process {number} is {minutes} minutes ahead"));
    }

    fn machine_restarts(&mut self) {
        let number = self.chance.below(self.machine.processes.len());
        self.machine.restart(number);
    }

    fn take_policy(&mut self) {
        self.without_policy = 3;
        self.machine.watch.say("longshore.toml has no policy any more");
        self.machine.policies = Policies::new();
        (0..self.machine.processes.len()).for_each(|number| self.machine.restart(number));
    }

    pub(crate) fn give_policy(&mut self) {
        let policy = self.machine.setting.policy.clone();
        self.machine.watch.say("longshore.toml has its policy again");
        self.machine.policies.insert(policy.repository.clone(), policy.into());
        (0..self.machine.processes.len()).for_each(|number| self.machine.restart(number));
    }

    /// Somebody deletes or scales one of our services by hand.
    fn meddle(&mut self) {
        let records = self.machine.watch.records.values();
        let services: Vec<String> = records.flat_map(|(_, it)| it.names.services.clone()).collect();
        let Some(service) = services.get(self.chance.below(services.len())).cloned() else { return };
        let is_taken =
            service == names(&self.machine.setting.policy, &Subject::Branch(TAKEN.into())).services[0];
        if is_taken || self.taken.contains(&service) {
            return;
        }
        let stage = &self.machine.stage;
        let gone = json!({"service": service, "force": true});
        match self.chance.below(5) {
            0 | 1 => drop(stage.ask("DeleteService", gone)),
            2 | 3 => drop(
                stage.ask("UpdateService", json!({"service": service, "desiredCount": self.chance.below(3)})),
            ),
            _ => {
                // In its place comes one of their own.
                drop(stage.ask("DeleteService", gone));
                stage.pass(Duration::from_secs(45));
                let own = json!({"serviceName": service, "taskDefinition": "theirs", "desiredCount": 1});
                if stage.ask("CreateService", own).is_ok() {
                    self.taken.insert(service.clone());
                }
            }
        }
        self.machine.watch.say(format!("somebody had their hands on service {service}"));
    }

    /// A service of ours that no record speaks of: its record was lost.
    fn leave_an_orphan(&mut self) {
        let tags = json!([{"key": "longshore:environment", "value": "lost.shop"},
            {"key": "longshore:repository", "value": REPOSITORY}, {"key": "longshore:service", "value": "web"}]);
        let name = &names(&self.machine.setting.policy, &Subject::Branch("feature/lost".into())).services[0];
        let body = json!({"serviceName": name, "taskDefinition": "theirs", "desiredCount": 1, "tags": tags});
        self.machine.watch.say("an environment is left without its record");
        drop(self.machine.stage.ask("CreateService", body));
    }
}
