//! The end of a story: everything is mended, and then it must come to what GitHub and people want, and stay there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use longshore_control::book::{DELIVERIES, ENDED, ENTRIES, ENVIRONMENTS, NOTICES, PENDING, ROSTER};
use longshore_control::preview::Object;
use longshore_decide::preview::environment::schedule;
use longshore_decide::preview::names::names;
use longshore_model::preview::view::Command;
use longshore_model::preview::{
    Delivery, DeliveryState, Ended, Environment, Presence, Route, Schedule, State, Subject,
};
use longshore_sim::stage::Chances;
use longshore_world::{Row, Scan, Store};
use serde_json::{Value, json};

use super::machine::poll;
use super::setting::{FAMILY, Fortune, REPOSITORY, TAKEN, is_ours, others, tags_of};
use super::story::Story;

/// It is looked so often whether all is well...
const LOOK: Duration = Duration::from_secs(300);
/// ...and so many times at most: four hours, because clocks have jumped by up to 80 minutes.
const LOOKS: usize = 48;

impl Story {
    /// Mends everything, and demands what must be so then.
    pub(crate) fn end(&mut self, before: &[String]) {
        if self.machine.is_over() {
            return;
        }
        self.heal();
        let mut missing = vec!["it never ran".to_owned()];
        for _ in 0..LOOKS {
            self.mend();
            self.machine.run(LOOK);
            if self.machine.is_over() {
                return;
            }
            missing = self.missing(before);
            if missing.is_empty() {
                return self.stays();
            }
        }
        for name in self.records().flat_map(|it| it.names.services.clone()).collect::<Vec<_>>() {
            let seen = self.machine.stage.ask("DescribeServices", json!({"services": [name]})).unwrap();
            let event = seen["services"][0]["events"][0].clone();
            let listed =
                self.machine.stage.ask("ListTasks", json!({"serviceName": name})).unwrap_or_default();
            let tasks = self
                .machine
                .stage
                .ask("DescribeTasks", json!({"tasks": listed["taskArns"]}))
                .unwrap_or_default();
            let tasks = tasks["tasks"].as_array().into_iter().flatten();
            let tasks: Vec<String> =
                tasks.map(|it| format!("{} {}", it["lastStatus"], it["taskDefinitionArn"])).collect();
            self.machine.watch.say(format!("ECS of {name}: {tasks:?} {event}"));
        }
        missing.into_iter().for_each(|what| self.machine.watch.wrong(format!("at the end: {what}")));
    }

    fn heal(&mut self) {
        let machine = &mut self.machine;
        machine.watch.say("everything is mended");
        machine.stage.set_chances(Chances::default());
        machine.is_hostile = false;
        machine.crashes_always = false;
        machine.processes.iter().for_each(|process| process.hands.set_ahead_ms(0));
        machine.watch.heal();
        if machine.policies.is_empty() {
            self.give_policy();
        }
        // Whoever slept wakes up.
        self.machine.run(Duration::from_secs(10));
        self.ask_those_that_sleep();
    }

    /// What people do when something does not come to what they want: say yes, and try again.
    fn mend(&mut self) {
        self.machine.watch.is_confirmed = true;
        self.ask(&Command::Confirm { repository: REPOSITORY.into() }, "nothing.shop");
        let failed = self.records().filter(|it| it.state == State::Failed).map(|it| it.subject.clone());
        let failed: Vec<Subject> = failed.filter(|subject| self.comes_to_run(subject)).collect();
        failed.iter().for_each(|subject| self.up(subject));
        self.ask_those_that_lag();
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Environment> {
        self.machine.watch.records.values().map(|(_, record)| record)
    }

    fn comes_to_run(&self, subject: &Subject) -> bool {
        let is_taken = [TAKEN, FAMILY].iter().any(|taken| *subject == Subject::Branch((*taken).into()));
        let own = names(&self.machine.setting.policy, subject).services;
        let is_taken = is_taken || own.iter().any(|name| self.taken.contains(name));
        let head = self.head(subject).or_else(|| {
            self.records().find(|it| it.subject == *subject).map(|it| it.wish.revision.sha.clone())
        });
        !is_taken
            && head
                .is_some_and(|sha| self.fortunes.get(&sha).is_some_and(|fortune| Fortune::is_good(*fortune)))
    }

    /// What is not as it should be.
    fn missing(&self, before: &[String]) -> Vec<String> {
        let mut missing = self.environments();
        missing.extend(self.services());
        missing.extend(self.families());
        missing.extend(self.balancing());
        missing.extend(self.sites());
        missing.extend(self.deliveries());
        missing.extend(self.untold());
        if others(&self.machine.stage) != before {
            missing.push("somebody else's things are not as they were".to_owned());
        }
        for service in &self.taken {
            let seen = self.machine.stage.ask("DescribeServices", json!({"services": [service]})).unwrap();
            if seen["services"][0]["status"] != "ACTIVE" || seen["services"][0]["desiredCount"] != 1 {
                missing.push(format!("service {service} is somebody else's, and was changed"));
            }
        }
        missing
    }

    fn environments(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let ended: Vec<Ended> = self.rows(ENDED).into_iter().map(|row| value(&row)).collect();
        let branches = self.branches.keys().map(|name| Subject::Branch(name.clone()));
        let subjects = branches.chain(self.pulls.keys().map(|number| Subject::PullRequest(*number)));
        let limit = usize::try_from(self.machine.setting.policy.limits.environments).unwrap();
        let is_full = self.machine.watch.records.len() > limit;
        for subject in subjects.filter(|subject| self.is_wanted(subject)) {
            let sha = self.head(&subject).unwrap();
            if ended.iter().any(|it| it.subject == subject && it.sha == sha) {
                continue;
            }
            let id = names(&self.machine.setting.policy, &subject).id;
            let Some((_, record)) = self.machine.watch.records.get(&id) else {
                missing.push(format!("{subject} has no environment"));
                continue;
            };
            let deployed = record.progress.deployed.as_ref().map(|it| it.revision.sha.as_str());
            let good = self.comes_to_run(&subject);
            let fits = match record.state {
                State::Ready => good && deployed == Some(sha.as_str()),
                State::Asleep => !good || deployed == Some(sha.as_str()),
                State::Failed => !good,
                State::Queued => is_full,
                _ => false,
            };
            if !fits || record.wish.revision.sha != sha {
                let (state, waiting) = (record.state, &record.waiting);
                missing
                    .push(format!("{id} is {state:?} with {deployed:?} and should run {sha}: {waiting:?}"));
            }
        }
        for record in self.records() {
            let (id, progress) = (&record.names.id, &record.progress);
            let by_github = matches!(&record.wish.presence, Presence::Up { by } if by == "github");
            let is_listed = self.head(&record.subject).is_some() && self.is_wanted(&record.subject);
            if matches!(record.wish.presence, Presence::Down(_)) {
                missing.push(format!("{id} is still being removed: {:?}", record.waiting));
            } else if by_github && !is_listed && !(record.wish.pinned && self.head(&record.subject).is_some())
            {
                missing.push(format!("{id} is there, and GitHub wants none"));
            }
            if !progress.intents.is_empty() {
                missing.push(format!("{id} has begun {:?}", progress.intents));
            }
            if progress.hooks.values().any(|run| run.state.is_open()) {
                missing.push(format!("a hook of {id} runs for ever"));
            }
            // A task may have ended by itself a moment ago.
            if !progress.steady && record.state != State::Queued {
                missing.push(format!("{id} does not come to rest: {:?}", record.waiting));
            }
            // The sweep comes to what its own timer is not there for.
            let now = self.machine.stage.now();
            let Schedule { expires_at, sleeps_at, .. } =
                schedule(record, Some(&self.machine.setting.policy), now);
            if expires_at.into_iter().chain(sleeps_at).any(|at| at <= now) {
                missing.push(format!("{id} is due and goes on"));
            }
        }
        missing
    }

    /// Our services are those of the records, and as they should be.
    fn services(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut there = BTreeMap::new();
        let stage = &self.machine.stage;
        let listed = stage.ask("ListServices", json!({"maxResults": 100})).unwrap();
        for ten in listed["serviceArns"].as_array().unwrap().chunks(10) {
            let seen = stage.ask("DescribeServices", json!({"services": ten, "include": ["TAGS"]})).unwrap();
            for service in seen["services"].as_array().unwrap() {
                let tags = service["tags"].as_array().cloned().unwrap_or_default();
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let tags = tags.iter().map(|tag| (text(&tag["key"]), text(&tag["value"]))).collect();
                if is_ours(&tags) {
                    there.insert(text(&service["serviceName"]), service.clone());
                }
            }
        }
        for record in self.records() {
            for (index, name) in record.names.services.iter().enumerate() {
                let policy = &self.machine.setting.policy.services[index];
                let service = there.remove(name);
                let deployed = record.progress.deployed.as_ref().map(|it| it.task_definitions[index].clone());
                let count = match record.state {
                    State::Ready => policy.count,
                    State::Asleep => 0,
                    _ => continue,
                };
                let runs = |it: &Value| {
                    it["desiredCount"] == count
                        && it["status"] == "ACTIVE"
                        && it["taskDefinition"].as_str() == deployed.as_deref()
                };
                // One that somebody has deleted is made anew when it wakes.
                let sleeps = |it: &Value| {
                    it["desiredCount"] == 0 && it["runningCount"] == 0 && it["pendingCount"] == 0
                };
                let fits = if count == 0 {
                    deployed.is_some() && service.as_ref().is_none_or(sleeps)
                } else {
                    service.as_ref().is_some_and(runs)
                };
                if !fits {
                    missing.push(format!("service {name} of {} is not as it should be", record.names.id));
                }
            }
        }
        missing.extend(there.keys().map(|name| format!("service {name} is an orphan")));
        missing
    }

    /// Families of ours have active revisions only while they have an environment.
    fn families(&self) -> Vec<String> {
        let body = json!({"familyPrefix": "shop_", "status": "ACTIVE", "maxResults": 100});
        let listed = self.machine.stage.ask("ListTaskDefinitionFamilies", body).unwrap();
        let mut known: BTreeSet<String> = self.records().flat_map(|it| it.names.services.clone()).collect();
        known.extend(names(&self.machine.setting.policy, &Subject::Branch(FAMILY.into())).services);
        let families =
            listed["families"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned());
        families
            .filter(|it| !known.contains(it))
            .map(|it| format!("family {it} has active revisions"))
            .collect()
    }

    fn balancing(&self) -> Vec<String> {
        let stage = &self.machine.stage;
        let mut ours: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let balancers = stage.balance("DescribeLoadBalancers", json!({})).unwrap();
        let balancer = json!({"LoadBalancerArn": balancers["LoadBalancers"][0]["LoadBalancerArn"]});
        let groups = stage.balance("DescribeTargetGroups", json!({})).unwrap();
        let listeners = stage.balance("DescribeListeners", balancer).unwrap();
        let arns = |list: &Value, member: &str| -> Vec<String> {
            list.as_array().unwrap().iter().map(|it| it[member].as_str().unwrap().to_owned()).collect()
        };
        let listeners = arns(&listeners["Listeners"], "ListenerArn");
        let rules = listeners.iter().flat_map(|listener| {
            arns(
                &stage.balance("DescribeRules", json!({"ListenerArn": listener})).unwrap()["Rules"],
                "RuleArn",
            )
        });
        let things = rules.map(|arn| (arn, "rule"));
        let things = things.chain(listeners.iter().cloned().map(|arn| (arn, "listener")));
        for (arn, kind) in things
            .chain(arns(&groups["TargetGroups"], "TargetGroupArn").into_iter().map(|arn| (arn, "group")))
        {
            let tags = tags_of(stage, &arn);
            if is_ours(&tags) {
                ours.entry(tags["longshore:environment"].clone()).or_default().push(kind);
            }
        }
        let mut missing = Vec::new();
        for record in self.records() {
            let found = ours.remove(&record.names.id).unwrap_or_default();
            let count = |kind: &str| found.iter().filter(|it| **it == kind).count();
            let services = record.names.services.len();
            let expected = match &self.machine.setting.policy.route {
                _ if record.state != State::Ready => continue,
                Route::Proxy { .. } => (0, 0, 0),
                Route::Port { .. } => (services, 1, services - 1),
                Route::Host { .. } => (services, 0, services),
            };
            let found = (count("group"), count("listener"), count("rule"));
            if found != expected {
                missing.push(format!(
                    "{} has {found:?} and not {expected:?} groups, listeners, rules",
                    record.names.id
                ));
            }
        }
        missing.extend(ours.into_iter().map(|(id, kinds)| format!("{kinds:?} of {id} are orphans")));
        missing
    }

    fn sites(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let is_proxy = matches!(self.machine.setting.policy.route, Route::Proxy { .. });
        for process in &self.machine.processes {
            let sites = process.hands.sites();
            for id in sites.keys().filter(|id| !self.machine.watch.records.contains_key(*id)) {
                missing.push(format!("there is a site for {id}, which is gone"));
            }
            for record in self.records().filter(|record| is_proxy && record.state == State::Ready) {
                let active = sites.get(&record.names.id).into_iter().flat_map(|site| &site.services);
                let active: Vec<usize> = active
                    .map(|service| {
                        service.active.iter().filter(|target| self.machine.stage.runs(&target.key)).count()
                    })
                    .collect();
                let wanted =
                    self.machine.setting.policy.services.iter().map(|it| usize::try_from(it.count).unwrap());
                if active != wanted.collect::<Vec<_>>() {
                    missing
                        .push(format!("the site of {} leads to {active:?} running tasks", record.names.id));
                }
            }
        }
        missing
    }

    /// Each delivery has ended.
    fn deliveries(&self) -> Vec<String> {
        let pending = self.rows(PENDING).into_iter().map(|row| format!("delivery {} is pending", row.key));
        let all = self.rows(DELIVERIES).into_iter().map(|row| value::<Delivery>(&row));
        let open = all
            .filter(|it| it.state == DeliveryState::Accepted)
            .map(|it| format!("delivery {} has no end", it.id));
        pending.chain(open).collect()
    }

    pub(crate) fn rows(&self, table: &'static str) -> Vec<Row> {
        poll(self.machine.store.scan(table, &Scan { limit: 100_000, ..Scan::default() })).unwrap()
    }

    /// Deciding again plans nothing: rounds of everything write nothing and change nothing.
    fn stays(&mut self) {
        let tables = [ENVIRONMENTS, ENTRIES, NOTICES, ENDED, DELIVERIES, PENDING, ROSTER];
        let all = |story: &Self| tables.map(|table| story.rows(table));
        let before = all(self);
        let acts = self.machine.watch.acts;
        let ids: Vec<String> = self.machine.watch.records.keys().cloned().collect();
        let objects = ids.into_iter().flat_map(|id| [Object::Environment(id.clone()), Object::Hooks(id)]);
        let more = [Object::Sweep, Object::Repository(REPOSITORY.into()), Object::Notifier("people".into())];
        for object in objects.chain(more) {
            for number in 0..self.machine.processes.len() {
                self.machine.wake(number, object.clone());
            }
        }
        self.machine.run(Duration::from_millis(1));
        let after = all(self);
        for (table, (before, after)) in tables.iter().zip(before.iter().zip(&after)) {
            if let Some(row) = after.iter().find(|row| !before.contains(row)) {
                let known = before.iter().find(|known| known.key == row.key);
                let differs =
                    known.map_or_else(|| "it is new".to_owned(), |known| difference(&known.body, &row.body));
                self.machine
                    .watch
                    .wrong(format!("rounds after the end write {table} {}: {differs}", row.key));
            }
        }
        if self.machine.watch.acts != acts {
            self.machine.watch.wrong("rounds after the end change something".to_owned());
        }
    }
}

/// Where two documents differ: the text around the first place.
fn difference(one: &[u8], other: &[u8]) -> String {
    let place =
        one.iter().zip(other).position(|(one, other)| one != other).unwrap_or(one.len().min(other.len()));
    let around = |body: &[u8]| {
        let part = &body[place.saturating_sub(60).min(body.len())..(place + 60).min(body.len())];
        String::from_utf8_lossy(part).into_owned()
    };
    format!("{} was {}", around(other), around(one))
}

pub(crate) fn value<T: serde::de::DeserializeOwned>(row: &Row) -> T {
    let document: Value = serde_json::from_slice(&row.body).unwrap();
    serde_json::from_value(document["value"].clone()).unwrap()
}
