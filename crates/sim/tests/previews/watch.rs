//! Checkers that look on after every step. They know GitHub's truth, AWS's state and the records, and nothing of how
//! anything is decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use longshore_control::book::ENVIRONMENTS;
use longshore_control::preview::Object;
use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Policy, Presence, Subject};
use longshore_sim::stage::{Act, Hands, Stage};
use longshore_store::Memory;
use longshore_world::{Scan, Store};
use serde_json::{Value, json};

use super::machine::poll;
use super::notices::Notices;
use super::setting::{Setting, is_ours};

/// A round makes so many changes at most: twenty revisions, and everything of two services.
const MOST_ACTS: usize = 40;
/// Our proxy leads to a stopped task for so long at most while all goes well: two sweeps...
const LEADS_ASTRAY_MS: i64 = 150_000;
/// ...or the late look at what is settled, where another process has mended it: of two that drive at once, which the lease
/// prevents, each knows only what it has seen...
const LEADS_ASTRAY_OF_TWO_MS: i64 = 3_900_000;
/// ...and while calls fail and processes die.
const LEADS_ASTRAY_IN_TROUBLE_MS: i64 = 900_000;
/// Lines of the story that are kept.
const LINES: usize = 4000;

/// What was done while it was looked away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doing {
    pub(crate) process: usize,
    /// The moment in which it began.
    pub(crate) since: u64,
    /// It slept in its middle: what it does then may be out of date, and that is mended later.
    pub(crate) has_slept: bool,
    pub(crate) has_died: bool,
}

/// An announcement that a revision answers.
#[derive(Debug, Clone)]
struct Announced {
    process: usize,
    id: String,
    is_new: bool,
    sha: String,
}

pub(crate) struct Watch {
    pub(crate) stage: Arc<Stage>,
    policy: Policy,
    is_alone: bool,
    /// Counts everything that happens.
    pub(crate) moment: u64,
    pub(crate) wrongs: Vec<String>,
    pub(crate) lines: Vec<String>,
    /// The records, with their bytes.
    pub(crate) records: BTreeMap<String, (Vec<u8>, Environment)>,
    /// Of each subject, since which moment GitHub has wanted it there, or has not.
    wanted: BTreeMap<Subject, Vec<(u64, bool)>>,
    /// The heads of each subject, each from its moment on.
    heads: BTreeMap<Subject, Vec<(u64, Option<String>)>>,
    /// The first moment at which the commit that an environment wishes for can have been read.
    wished: BTreeMap<String, u64>,
    /// The commit of a revision of ours.
    commits: BTreeMap<String, String>,
    /// Environments that a person has asked something of.
    pub(crate) asked: BTreeSet<String>,
    pub(crate) is_confirmed: bool,
    /// Environments that a person has taken down while there was no policy, which says what their hooks are.
    pub(crate) given_up: BTreeSet<String>,
    /// Of each environment the hooks that had done well, by their ids, before its deploy began: whoever drops what came
    /// before would do nothing for these.
    before_deploy: BTreeMap<String, BTreeSet<String>>,
    announced: Vec<Announced>,
    pub(crate) notices: Notices,
    /// Since when our proxy leads to a task that does not run, by process, environment and task.
    astray: BTreeMap<(usize, String, String), Timestamp>,
    /// Target groups of ours that were deleted. A second DeleteTargetGroup does well and touches nothing: no ARN is given twice.
    gone: BTreeSet<String>,
    looked_at: Timestamp,
    /// Calls that changed something.
    pub(crate) acts: u64,
}

impl Watch {
    pub(crate) fn new(stage: Arc<Stage>, setting: &Setting) -> Self {
        let began = stage.now();
        Self {
            looked_at: began,
            stage,
            policy: setting.policy.clone(),
            is_alone: setting.controllers == 1,
            moment: 0,
            wrongs: Vec::new(),
            lines: Vec::new(),
            records: BTreeMap::new(),
            wanted: BTreeMap::new(),
            heads: BTreeMap::new(),
            wished: BTreeMap::new(),
            commits: BTreeMap::new(),
            asked: BTreeSet::new(),
            is_confirmed: false,
            given_up: BTreeSet::new(),
            before_deploy: BTreeMap::new(),
            announced: Vec::new(),
            notices: Notices::new(began),
            astray: BTreeMap::new(),
            gone: BTreeSet::new(),
            acts: 0,
        }
    }

    pub(crate) fn wrong(&mut self, what: String) {
        self.say(format!("WRONG: {what}"));
        self.wrongs.push(what);
    }

    /// A line of the story, at the stage's time.
    pub(crate) fn say(&mut self, what: impl std::fmt::Display) {
        if self.lines.len() < LINES {
            let second = self.stage.now().0 % 1_000_000_000;
            self.lines.push(format!("{:>7}.{:03} {what}", second / 1000, second % 1000));
        }
    }

    /// GitHub has this commit at this subject now, or has none, and wants an environment for it, or does not.
    pub(crate) fn github(&mut self, subject: &Subject, sha: Option<&str>, is_wanted: bool) {
        self.moment += 1;
        let heads = self.heads.entry(subject.clone()).or_default();
        heads.push((self.moment, sha.map(str::to_owned)));
        let is_wanted = sha.is_some() && is_wanted;
        self.wanted.entry(subject.clone()).or_default().push((self.moment, is_wanted));
        self.say(format!("GitHub: {subject} {} {is_wanted}", sha.map_or("-", |sha| &sha[..7])));
    }

    fn was_unwanted(&self, subject: &Subject, since: u64) -> bool {
        let Some(turns) = self.wanted.get(subject) else { return true };
        let before = turns.iter().rev().find(|(at, _)| *at <= since).is_none_or(|(_, wanted)| !wanted);
        before || turns.iter().any(|(at, wanted)| *at > since && !wanted)
    }

    /// The first and the last moment since then at which GitHub had this commit there.
    fn was_head(&self, subject: &Subject, sha: &str, since: u64) -> Option<(u64, u64)> {
        let heads = self.heads.get(subject)?;
        let ends = heads.iter().skip(1).map(|(at, _)| at - 1).chain([self.moment]);
        let spans = heads.iter().zip(ends).filter(|((_, head), _)| head.as_deref() == Some(sha));
        let spans = spans.map(|((from, _), to)| (since.max(*from), to)).filter(|(from, to)| from <= to);
        spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }

    /// An environment wishes for another commit: one that GitHub has had since it was read, and not from before the one
    /// that it wished for until now.
    fn wishes(&mut self, record: &Environment, since: u64) {
        let (id, sha) = (&record.names.id, &record.wish.revision.sha);
        let Some((first, last)) = self.was_head(&record.subject, sha, since) else {
            return self.wrong(format!("{id} is to run {sha}, which GitHub does not have"));
        };
        if self.wished.insert(id.clone(), first).is_some_and(|before| last < before) {
            self.wrong(format!("{id}: the older commit {sha} replaces a newer one"));
        }
    }

    /// Looks at what a round has done. `object` is absent while it has not ended.
    pub(crate) fn round(&mut self, store: &Memory, doing: Doing, object: Option<&Object>) {
        self.moment += 1;
        let before = self.look(store, doing);
        let acts = self.stage.take_acts();
        let count = acts.len();
        self.acts += u64::try_from(count).unwrap();
        if count > MOST_ACTS {
            self.wrong(format!("{count} changes in one round of {object:?}"));
        }
        for act in acts {
            self.act(&act, doing, &before);
        }
    }

    /// Reads the records anew. Gives those that have changed, as they were.
    pub(crate) fn look(&mut self, store: &Memory, doing: Doing) -> BTreeMap<String, Environment> {
        let scan = Scan { limit: 10_000, ..Scan::default() };
        let rows = poll(store.scan(ENVIRONMENTS, &scan)).unwrap();
        let mut before = BTreeMap::new();
        let here: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        let gone: Vec<String> =
            self.records.keys().filter(|id| !here.contains(id.as_str())).cloned().collect();
        for id in gone {
            self.wished.remove(&id);
            self.say(format!("{id:<24} gone"));
            before.extend(self.records.remove(&id).map(|(_, record)| (id, record)));
        }
        let mut by_github = 0;
        for row in rows {
            if self.records.get(&row.key).is_some_and(|(body, _)| *body == row.body) {
                continue;
            }
            let document: Value = serde_json::from_slice(&row.body).unwrap();
            let after: Environment = serde_json::from_value(document["value"].clone()).unwrap();
            let known = self.records.insert(row.key.clone(), (row.body, after.clone())).map(|(_, it)| it);
            by_github += usize::from(self.changed(known.as_ref(), &after, doing));
            before.extend(known.map(|known| (row.key, known)));
        }
        let limit = usize::try_from(self.policy.limits.removals).unwrap();
        if by_github > limit && !self.is_confirmed {
            self.wrong(format!("{by_github} environments removed at once, and nobody has confirmed it"));
        }
        self.look_at_notices(store, &before);
        before
    }

    /// A record has changed. Says whether GitHub has ended it.
    fn changed(&mut self, before: Option<&Environment>, after: &Environment, doing: Doing) -> bool {
        let id = &after.names.id;
        if before.is_none() {
            self.unique(after);
        }
        if before.is_none_or(|before| before.life != after.life) {
            self.given_up.remove(id);
        }
        let begun = |record: &Environment| {
            let deploying = record.progress.deploying.as_ref()?;
            Some((deploying.revision.sha.clone(), deploying.attempt, deploying.at))
        };
        if begun(after).is_some() && begun(after) != before.and_then(begun) {
            let done = self.stage.hooks().into_keys().collect();
            self.before_deploy.insert(id.clone(), done);
        }
        let state = before.map_or("-", |before| before.state.word());
        if state != after.state.word() {
            let sha: String = after.wish.revision.sha.chars().take(7).collect();
            let why = after.waiting.first().or(after.progress.trouble.as_ref()).map_or("", String::as_str);
            self.say(format!("{id:<24} {state:>8} -> {:<8} {sha:<7} {why}", after.state.word()));
        }
        let wish = |record: &Environment| record.wish.revision.sha.clone();
        if before.map(wish) != Some(wish(after)) && !wish(after).is_empty() {
            self.wishes(after, doing.since);
        }
        let announced = |record: &Environment| record.progress.announced.clone();
        if announced(after) != before.and_then(announced)
            && let Some(word) = announced(after)
            && let Some((moment, key)) = word.split_once('/')
            && let ("ready" | "updated", Some((sha, _))) = (moment, key.split_once('/'))
        {
            let is_new = moment == "ready";
            self.announced.push(Announced {
                process: doing.process,
                id: id.clone(),
                is_new,
                sha: sha.to_owned(),
            });
        }
        let Presence::Down(removal) = &after.wish.presence else { return false };
        if before.is_some_and(|before| matches!(before.wish.presence, Presence::Down(_))) {
            return false;
        }
        let (by, why) = (removal.by.as_str(), removal.why.as_str());
        self.say(format!("{id:<24} goes: {why} (by {by})"));
        match by {
            "github" if !self.was_unwanted(&after.subject, doing.since) => {
                self.wrong(format!("{id} is removed by GitHub, which wants it: {why}"));
            }
            "github" | "ttl" | "sweep" => {}
            _ if self.asked.contains(id) => {}
            _ => self.wrong(format!("{id} is removed by {by}, who did not ask")),
        }
        by == "github" && before.is_some()
    }

    fn unique(&mut self, record: &Environment) {
        let id = &record.names.id;
        let others = self.records.values().filter(|(_, other)| other.names.id != *id);
        let names = |record: &Environment| {
            [record.names.services.clone(), record.names.target_groups.clone()].concat()
        };
        let own = names(record);
        let twin =
            others.map(|(_, other)| other).find(|other| names(other).iter().any(|name| own.contains(name)));
        if let Some(twin) = twin.map(|twin| twin.names.id.clone()) {
            self.wrong(format!("{id} and {twin} share a name"));
        }
    }

    /// Looks at a call that changed something.
    fn act(&mut self, act: &Act, doing: Doing, before: &BTreeMap<String, Environment>) {
        let Act { operation, of, tags, .. } = act;
        self.say(format!("{operation} {of}{}", if act.is_done { "" } else { " is refused" }));
        let makes = operation.starts_with("Create") || *operation == "RegisterTaskDefinition";
        if !is_ours(tags) {
            // What is gone already has no tags.
            if (act.is_done && !self.gone.contains(of)) || makes {
                self.wrong(format!("{operation} of {of}, which is not ours: {tags:?}"));
            }
            return;
        }
        if act.is_done && *operation == "DeleteTargetGroup" {
            self.gone.insert(of.clone());
        }
        let id = &tags["longshore:environment"];
        let after = self.records.get(id).map(|(_, record)| record);
        let Some(record) = after.or(before.get(id)).cloned() else {
            if doing.has_slept {
                return;
            }
            return self.wrong(format!("{operation} of {of}, whose environment has no record"));
        };
        if doing.has_slept || !act.is_done {
            return;
        }
        let is_down = matches!(record.wish.presence, Presence::Down(_));
        let is_gone = after.is_none();
        let progress = &record.progress;
        match *operation {
            "DeleteService" | "DeleteTargetGroup" | "DeleteRule" | "DeregisterTaskDefinition" => {
                if !(is_down || is_gone) {
                    self.wrong(format!("{operation} of {of}, which should be there"));
                }
                self.saved_before(&record, of);
            }
            "CreateService" | "UpdateService" => {
                let revision = act.input["taskDefinition"].as_str().map(str::to_owned);
                let commit = revision.map(|revision| self.commit(&revision));
                let deploying = progress.deploying.as_ref().or(progress.deployed.as_ref());
                let expected = deploying.map(|it| it.revision.sha.clone());
                if commit.is_some() && commit != expected {
                    self.wrong(format!(
                        "{operation} of {of} to {commit:?}, and {expected:?} is being deployed"
                    ));
                }
                let is_still = progress.asleep_since.is_some() || progress.failure.is_some();
                if act.input["desiredCount"] == 0 && !is_still {
                    self.wrong(format!("{of} is scaled down, and nothing says that it should be"));
                }
                if is_down && *operation == "CreateService" {
                    self.wrong(format!("{of} is made while it is removed"));
                }
            }
            _ => {}
        }
    }

    /// The hooks before the removal have done well, when there was something to save: with a policy and without one, unless
    /// a person has given them up.
    fn saved_before(&mut self, record: &Environment, of: &str) {
        let id = &record.names.id;
        let left = record.progress.deployed.as_ref().or(record.progress.hooked.as_ref());
        let Some(left) = left.filter(|_| !self.given_up.contains(id)) else { return };
        for hook in &self.policy.hooks.before_destroy.clone() {
            let call = format!("{id}/{}/before_destroy/{}/{}/", record.life, left.revision.sha, hook.name);
            if !self.stage.hooks().keys().any(|id| id.starts_with(&call)) {
                self.wrong(format!("{of} is removed before hook `{}` has done well", hook.name));
            }
        }
    }

    /// The commit of a revision.
    fn commit(&mut self, revision: &str) -> String {
        if let Some(known) = self.commits.get(revision) {
            return known.clone();
        }
        let seen = self.stage.ask("DescribeTaskDefinition", json!({"taskDefinition": revision})).unwrap();
        let image = seen["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap();
        let commit = image.rsplit(':').next().unwrap().to_owned();
        self.commits.insert(revision.to_owned(), commit.clone());
        commit
    }

    /// Where it was said that a revision answers, it does, and its hooks have done well.
    pub(crate) fn look_at_announcements(&mut self, doing: Doing, hands: &Hands) {
        let (own, others) =
            std::mem::take(&mut self.announced).into_iter().partition(|it| it.process == doing.process);
        self.announced = others;
        let own: Vec<Announced> = own;
        for announced in own {
            let Announced { id, sha, .. } = &announced;
            let Some((_, record)) = self.records.get(id).cloned() else { continue };
            let hooks = &self.policy.hooks;
            let (moment, hooks) = if announced.is_new {
                ("after_create", &hooks.after_create)
            } else {
                ("after_update", &hooks.after_update)
            };
            for hook in hooks.clone() {
                let call = format!("{id}/{}/{moment}/{sha}/{}/", record.life, hook.name);
                let before = self.before_deploy.get(id);
                let is_new = |key: &&String| before.is_none_or(|before| !before.contains(*key));
                if !self.stage.hooks().keys().filter(is_new).any(|key| key.starts_with(&call)) {
                    self.wrong(format!("{id} is announced before hook `{}` has done well", hook.name));
                }
            }
            let site = hands.sites().get(id).cloned();
            for (index, service) in self.policy.services.clone().iter().enumerate() {
                let answering = self.answering(&record.names.services[index], sha);
                let wanted = usize::try_from(service.count).unwrap();
                let (found, where_from) = match (&site, doing.has_died || doing.has_slept) {
                    (Some(site), false) => {
                        let active = site.services.get(index).map_or(&[][..], |it| it.active.as_slice());
                        let all = active.iter().all(|target| answering.contains(&target.key));
                        (if all { active.len() } else { 0 }, "its site leads to")
                    }
                    _ => (answering.len(), "there answer"),
                };
                if found < wanted {
                    self.wrong(format!("{id} is announced with {sha}, and {where_from} {found} tasks of it"));
                }
            }
        }
    }

    /// The tasks of a service with a commit that answer.
    fn answering(&mut self, service: &str, sha: &str) -> BTreeSet<String> {
        let listed = self.stage.ask("ListTasks", json!({"serviceName": service})).unwrap_or_default();
        let arns: Vec<String> = serde_json::from_value(listed["taskArns"].clone()).unwrap_or_default();
        if arns.is_empty() {
            return BTreeSet::new();
        }
        let seen = self.stage.ask("DescribeTasks", json!({"tasks": arns})).unwrap();
        let tasks = seen["tasks"].as_array().unwrap().clone();
        let stage = Arc::clone(&self.stage);
        let answers = |task: &&Value| stage.answers(task["taskArn"].as_str().unwrap());
        let of_commit = |task: &Value, watch: &mut Self| {
            let revision = task["taskDefinitionArn"].as_str().unwrap();
            (watch.commit(revision) == sha).then(|| task["taskArn"].as_str().unwrap().to_owned())
        };
        tasks.iter().filter(answers).filter_map(|task| of_commit(task, self)).collect()
    }

    /// Our proxy must not lead to tasks that do not run for long.
    pub(crate) fn look_at_sites(&mut self, processes: &[&Hands], is_hostile: bool) {
        let now = self.stage.now();
        if now.ms_since(self.looked_at) < 5_000 {
            return;
        }
        self.looked_at = now;
        let bound = match (self.is_alone, is_hostile) {
            (true, true) => LEADS_ASTRAY_IN_TROUBLE_MS,
            (true, false) => LEADS_ASTRAY_MS,
            (false, _) => LEADS_ASTRAY_OF_TWO_MS,
        };
        let before = std::mem::take(&mut self.astray);
        for (number, hands) in processes.iter().enumerate() {
            for (id, site) in hands.sites() {
                let targets = site.services.iter().flat_map(|service| &service.active);
                for target in targets.filter(|target| !self.stage.runs(&target.key)) {
                    let key = (number, id.clone(), target.key.clone());
                    let since = before.get(&key).copied().unwrap_or(now);
                    if now.ms_since(since) > bound {
                        self.wrongs.push(format!(
                            "{id} leads to {} for {} s, which does not run",
                            target.key,
                            now.ms_since(since) / 1000
                        ));
                    }
                    self.astray.insert(key, since);
                }
            }
        }
    }

    /// Somebody has used the door, just now.
    pub(crate) fn at_the_door(&mut self, store: &Memory, process: usize) {
        self.moment += 1;
        let doing = Doing { process, since: self.moment, has_slept: false, has_died: false };
        drop(self.look(store, doing));
    }

    /// The trouble is over: bounds are counted anew.
    pub(crate) fn heal(&mut self) {
        self.astray.clear();
    }
}
