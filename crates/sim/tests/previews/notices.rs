//! What people are told, against what is so: each notice when it is written, and all of them at the end. And what comes of
//! what they ask of an environment that sleeps.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_control::book::NOTICES;
use longshore_control::preview::Object;
use longshore_decide::preview::telling::moment;
use longshore_model::Timestamp;
use longshore_model::preview::view::Command;
use longshore_model::preview::{Environment, Moment, Notice, Presence, Route, State};
use longshore_store::Memory;
use longshore_world::{Scan, Store};
use serde_json::{Value, json};

use super::ending::value;
use super::machine::poll;
use super::setting::{is_ours, tags_of};
use super::story::Story;
use super::watch::Watch;

/// Who is asked has begun to wake after this.
const WAKES_WITHIN: Duration = Duration::from_secs(60);

/// A notifier that is new hears of what is this old at most.
const HEARS_MS: i64 = 10 * 60 * 1000;

/// All that was written for people.
pub(crate) struct Notices {
    /// When there was nothing yet.
    began: Timestamp,
    /// By their keys.
    written: BTreeMap<String, Notice>,
    /// What was said of each environment in its life.
    said: BTreeMap<String, Said>,
    /// Rounds of a notifier that did not come to their end: each may have told a notice that it tells again.
    interrupted: usize,
}

#[derive(Default)]
struct Said {
    life: u32,
    /// The commit that was last said to answer.
    answers: Option<String>,
    /// It was said that another one is on the way.
    goes_on: bool,
}

impl Notices {
    pub(crate) fn new(began: Timestamp) -> Self {
        Self { began, written: BTreeMap::new(), said: BTreeMap::new(), interrupted: 0 }
    }

    /// A round did not come to its end.
    pub(crate) fn interrupted(&mut self, object: &Object) {
        self.interrupted += usize::from(matches!(object, Object::Notifier(_)));
    }
}

impl Watch {
    /// Reads the notices anew. `before` has the records that have changed, as they were.
    pub(crate) fn look_at_notices(&mut self, store: &Memory, before: &BTreeMap<String, Environment>) {
        let rows = poll(store.scan(NOTICES, &Scan { limit: 100_000, ..Scan::default() })).unwrap();
        for row in rows {
            if !self.notices.written.contains_key(&row.key) {
                let notice: Notice = value(&row);
                self.judge(&notice, before.get(&notice.environment));
                self.notices.written.insert(row.key, notice);
            }
        }
    }

    /// A notice must be so at the moment at which it is written.
    fn judge(&mut self, notice: &Notice, before: Option<&Environment>) {
        let (id, sha) = (&notice.environment, &notice.revision.sha);
        let record = self.records.get(id).map(|(_, record)| record.clone());
        if notice.moment == Moment::Removed {
            if record.is_some_and(|it| matches!(it.wish.presence, Presence::Down(_))) {
                self.wrong(format!("{id} is said to be removed, and its record is there"));
            }
            let left = before.map(|before| self.left(before)).unwrap_or_default();
            if !left.is_empty() {
                self.wrong(format!("{id} is said to be removed, and there are {left:?}"));
            }
            return;
        }
        let Some(record) = record else { return };
        let said = self.notices.said.entry(id.clone()).or_default();
        if said.life != record.life {
            *said = Said { life: record.life, ..Said::default() };
        }
        let wrong = match notice.moment {
            Moment::Updating => {
                said.goes_on = true;
                return;
            }
            Moment::Ready if said.answers.is_some() => "ready, a second time",
            Moment::Updated if said.answers.is_none() => "updated, and was never ready",
            Moment::Updated if !said.goes_on => "updated, a second time",
            Moment::Ready | Moment::Updated => {
                (said.answers, said.goes_on) = (Some(sha.clone()), false);
                if record.progress.deployed.is_some_and(|it| it.revision.sha == *sha) {
                    return;
                }
                "to run what is not deployed"
            }
            _ => return,
        };
        self.wrong(format!("{id} is said to be {wrong} ({sha})"));
    }

    /// What there is of an environment.
    fn left(&self, record: &Environment) -> Vec<String> {
        let (stage, mut left) = (&self.stage, Vec::new());
        let is_of = |tags: &BTreeMap<String, String>| {
            is_ours(tags) && tags["longshore:environment"] == record.names.id
        };
        let read = |tags: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let tags = tags.as_array().into_iter().flatten();
            tags.map(|tag| (text(&tag["key"]), text(&tag["value"]))).collect()
        };
        let services = json!({"services": record.names.services, "include": ["TAGS"]});
        let services = stage.ask("DescribeServices", services).unwrap();
        for service in services["services"].as_array().unwrap() {
            if service["status"] == "ACTIVE" && is_of(&read(&service["tags"])) {
                left.push(service["serviceArn"].to_string());
            }
        }
        for family in &record.names.services {
            let active = json!({"familyPrefix": family, "status": "ACTIVE", "maxResults": 100});
            let active = stage.ask("ListTaskDefinitions", active).unwrap();
            for arn in active["taskDefinitionArns"].as_array().unwrap() {
                let one = json!({"taskDefinition": arn, "include": ["TAGS"]});
                let one = stage.ask("DescribeTaskDefinition", one).unwrap();
                if is_of(&read(&one["tags"])) {
                    left.push(arn.to_string());
                }
            }
        }
        let groups = stage.balance("DescribeTargetGroups", json!({})).unwrap();
        let groups = groups["TargetGroups"].as_array().unwrap().iter();
        let groups = groups.map(|group| group["TargetGroupArn"].as_str().unwrap().to_owned());
        left.extend(groups.filter(|arn| is_of(&tags_of(stage, arn))));
        left
    }
}

impl Story {
    /// What people should have been told and were not, and what they were told and should not have been.
    pub(crate) fn untold(&self) -> Vec<String> {
        let Notices { began, written, said, interrupted } = &self.machine.watch.notices;
        let told = self.machine.stage.told();
        let mut missing = Vec::new();
        let from = moment(began.plus_ms(-HEARS_MS));
        let untold = written.range(from..).filter(|(_, notice)| !told.contains(notice));
        for (key, notice) in untold {
            missing.push(format!("nobody was told {key}: {}", notice.text));
        }
        let invented = told.iter().filter(|told| !written.values().any(|notice| notice == *told));
        missing
            .extend(invented.map(|told| format!("somebody was told what was never written: {}", told.text)));
        let doubled = told.len().saturating_sub(written.len());
        if doubled > *interrupted {
            missing.push(format!("{doubled} notices were told again, and {interrupted} rounds broke off"));
        }
        for record in self.records().filter(|it| matches!(it.state, State::Ready | State::Asleep)) {
            let id = &record.names.id;
            let deployed = record.progress.deployed.as_ref().map(|it| &it.revision.sha);
            let answers =
                said.get(id).filter(|said| said.life == record.life).and_then(|said| said.answers.as_ref());
            if deployed != answers {
                missing.push(format!("{id} runs {deployed:?}, and people know of {answers:?}"));
            }
        }
        missing
    }

    /// Whoever is asked wakes, whatever the clocks have done since it went to sleep.
    pub(crate) fn ask_those_that_sleep(&mut self) {
        let asleep = self.records().filter(|it| it.state == State::Asleep);
        let asleep: Vec<(String, Option<Timestamp>)> =
            asleep.map(|it| (it.names.id.clone(), it.progress.asleep_since)).collect();
        for (id, _) in &asleep {
            self.call(id);
        }
        self.machine.run(WAKES_WITHIN);
        for (id, since) in asleep {
            let record = self.machine.watch.records.get(&id).map(|(_, record)| record);
            if record.is_some_and(|it| it.state == State::Asleep && it.progress.asleep_since == since) {
                self.machine.watch.wrong(format!("{id} was asked for, and sleeps on"));
            }
        }
    }

    /// A push to one that sleeps is deployed when it wakes.
    pub(crate) fn ask_those_that_lag(&mut self) {
        let lags = |it: &&Environment| {
            let deployed = it.progress.deployed.as_ref().map(|it| &it.revision.sha);
            it.state == State::Asleep && deployed != Some(&it.wish.revision.sha)
        };
        let lagging: Vec<String> = self.records().filter(lags).map(|it| it.names.id.clone()).collect();
        lagging.iter().for_each(|id| self.call(id));
    }

    /// A request where our proxy sees it, else a person's word.
    fn call(&mut self, id: &str) {
        match self.machine.setting.policy.route {
            Route::Proxy { .. } => self.request_of(id),
            Route::Port { .. } | Route::Host { .. } => {
                self.ask(&Command::Wake { environment: id.to_owned() }, id);
            }
        }
    }
}
