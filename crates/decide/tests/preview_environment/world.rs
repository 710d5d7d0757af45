//! What drives the decisions over the fake: rounds, with what may go wrong in one, and a checker beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use longshore_decide::preview::activity::requested;
use longshore_decide::preview::environment::{
    Action, HookEnd, Look, Needs, Outcome, Plan, Seen, SitePlan, complete, decide, hook_due, hook_ended,
    needs, service_names, took,
};
use longshore_model::preview::{
    Environment, HookState, Moment, Names, Notice, Policy, Presence, Progress, Removal, Revision, Sleep,
    State, Subject, Wish,
};
use longshore_model::seen::TargetHealth;
use longshore_model::{Kind, Timestamp};
use serde_json::json;

use crate::fake::Aws;

/// What goes wrong in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// A look fails: which one.
    Gap(u8),
    /// The process ends behind this action: nobody hears its outcome.
    Crash(u8),
    /// This action is done, and the answer lost.
    LostReply(u8),
    /// This action is refused for now.
    Throttled(u8),
    /// Each action is done twice.
    Twice,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) aws: Aws,
    pub(crate) policy: Arc<Policy>,
    pub(crate) record: Option<Environment>,
    pub(crate) now: Timestamp,
    pub(crate) life: u32,
    pub(crate) notices: Vec<Notice>,
    pub(crate) site: Option<SitePlan>,
    /// Tasks that our proxy has found healthy.
    pub(crate) healthy: BTreeSet<String>,
    /// Hooks that do not do well.
    pub(crate) hooks_fail: bool,
    pub(crate) hooks_run: Vec<String>,
    pub(crate) has_room: bool,
    pub(crate) last: Option<Plan>,
}

pub(crate) fn revision(number: u8) -> Revision {
    Revision { sha: format!("{number:02x}").repeat(20), branch: "feature/x".into(), pull_request: None }
}

/// Each bit is a look that failed.
fn hide(seen: &mut Seen, gaps: u8) {
    fn gap<T>(look: &mut Look<T>, is_gap: bool) {
        if is_gap {
            *look = Look::Gap("throttled".to_owned());
        }
    }
    gap(&mut seen.services, gaps & 1 != 0);
    gap(&mut seen.tasks, gaps & 2 != 0);
    gap(&mut seen.stopped, gaps & 4 != 0);
    gap(&mut seen.task_definitions, gaps & 8 != 0);
    gap(&mut seen.like, gaps & 16 != 0);
    gap(&mut seen.balancer, gaps & 32 != 0);
    gap(&mut seen.target_health, gaps & 64 != 0);
    gap(&mut seen.revisions, gaps & 128 != 0);
}

impl World {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            aws: Aws::default(),
            policy: Arc::new(policy),
            record: None,
            now: Timestamp(1_000_000),
            life: 0,
            notices: Vec::new(),
            site: None,
            healthy: BTreeSet::new(),
            hooks_fail: false,
            hooks_run: Vec::new(),
            has_room: true,
            last: None,
        }
    }

    /// A client's request comes through our proxy.
    pub(crate) fn request(&mut self) {
        if let Some(record) = &mut self.record {
            requested(record, Some(&self.policy), self.now);
        }
    }

    /// Somebody wants it, at this revision.
    pub(crate) fn want(&mut self, number: u8) {
        let presence = Presence::Up { by: "github".into() };
        if let Some(record) = &mut self.record {
            record.wish.revision = revision(number);
            match &mut record.wish.presence {
                Presence::Down(removal) => removal.again = Some("github".into()),
                up @ Presence::Up { .. } => *up = presence,
            }
            return;
        }
        self.life += 1;
        let count = self.policy.services.len();
        let names = |suffix: &str| -> Vec<String> {
            (0..count).map(|index| format!("shop-x-{index}{suffix}")).collect()
        };
        self.record = Some(Environment {
            names: Names {
                id: "x.shop".into(),
                label: "x".into(),
                services: names(""),
                target_groups: names("-tg"),
            },
            repository: "octo/shop".into(),
            subject: Subject::Branch("feature/x".into()),
            life: self.life,
            wish: Wish {
                presence,
                revision: revision(number),
                pinned: false,
                keep_until: None,
                sleep: Sleep::Auto,
                attempt: 0,
            },
            progress: Progress { created_at: self.now, ..Progress::default() },
            state: State::Queued,
            held: None,
            waiting: Vec::new(),
        });
    }

    /// Nobody wants it any more; perhaps somebody wants it again after that.
    pub(crate) fn unwant(&mut self, again: bool) {
        let removal = Removal {
            why: "branch deleted".into(),
            by: "github".into(),
            since: self.now,
            again: again.then(|| "github".to_owned()),
            without_hooks: false,
        };
        if let Some(record) = &mut self.record {
            record.wish.presence = Presence::Down(removal);
            record.state = State::Removing;
        }
    }

    fn look(&self, record: &Environment, needs: &Needs, fault: Fault) -> Seen {
        fn look<T>(wanted: bool, value: T) -> Look<T> {
            if wanted { Look::Seen(value) } else { Look::Not }
        }
        let names = service_names(record);
        let own = |tasks: &[longshore_model::seen::Task]| {
            let groups: Vec<String> = names.iter().map(|name| format!("service:{name}")).collect();
            let of = |task: &&longshore_model::seen::Task| {
                task.group.as_ref().is_some_and(|group| groups.contains(group))
            };
            tasks.iter().filter(of).cloned().collect::<Vec<_>>()
        };
        let tail = |task| (task, vec!["panicked at main".to_owned()]);
        let base = json!({"taskDefinition": {"family": "base", "revision": 4, "status": "ACTIVE",
            "containerDefinitions": [{"name": "app", "image": "old", "essential": true,
                "portMappings": [{"containerPort": 80, "hostPort": 8080}]}]}, "tags": []});
        let mut seen = Seen {
            policy: Some(self.policy.clone()),
            has_room: self.has_room,
            services: look(needs.services, self.aws.seen_services(&names)),
            tasks: look(needs.tasks, own(&self.aws.tasks)),
            addresses: Aws::addresses(),
            stopped: look(needs.stopped, own(&self.aws.stopped).into_iter().map(tail).collect()),
            task_definitions: look(needs.base, BTreeMap::from([("base".to_owned(), Some(base))])),
            like: look(needs.base, BTreeMap::new()),
            balancer: look(needs.balancer, self.aws.seen_balancer(&record.names.target_groups)),
            target_health: look(needs.target_health, self.target_health()),
            proxy_health: self.healthy.iter().map(|arn| (arn.clone(), Ok(()))).collect(),
            revisions: look(needs.revisions, self.revisions(&names)),
            dice: u64::try_from(self.now.0).unwrap() / 7,
        };
        if let Fault::Gap(which) = fault {
            hide(&mut seen, 1 << (which % 8));
        }
        seen
    }

    /// Judges what would be planned when all was looked at and some of it failed; nothing of it is carried out.
    pub(crate) fn judge_with_gaps(&self, gaps: u8) {
        let Some(record) = &self.record else { return };
        let all = Needs {
            named_tasks: false,
            services: true,
            tasks: true,
            stopped: true,
            base: true,
            balancer: true,
            target_health: true,
            revisions: true,
        };
        let mut seen = self.look(record, &all, Fault::None);
        hide(&mut seen, gaps);
        crate::check::round(self, &seen, &decide(record, &seen, self.now));
    }

    fn target_health(&self) -> BTreeMap<String, BTreeMap<String, TargetHealth>> {
        let targets = self.aws.tasks.iter().map(|task| {
            let port = task.containers[0].bindings[0].host_port;
            let state = if self.healthy.contains(&task.arn) { "healthy" } else { "initial" };
            (format!("i-1:{port}"), TargetHealth { state: state.to_owned(), ..TargetHealth::default() })
        });
        let targets: BTreeMap<String, TargetHealth> = targets.collect();
        self.aws.target_groups.values().map(|(arn, _)| (arn.clone(), targets.clone())).collect()
    }

    fn revisions(&self, names: &[String]) -> BTreeMap<String, Vec<String>> {
        let of = |name: &String| {
            self.aws.revisions.keys().filter(|arn| Aws::family_of(arn) == name).cloned().collect()
        };
        names.iter().map(|name| (name.clone(), of(name))).collect()
    }

    /// One round, and a moment after it.
    pub(crate) fn round(&mut self, fault: Fault) {
        if let Some(record) = self.record.clone() {
            let needs = needs(&record, Some(&self.policy), self.now);
            let seen = self.look(&record, &needs, fault);
            let plan = decide(&record, &seen, self.now);
            crate::check::round(self, &seen, &plan);
            self.carry_out(&plan, fault);
            self.last = Some(plan);
        }
        self.pass();
    }

    fn carry_out(&mut self, plan: &Plan, fault: Fault) {
        self.notices.extend(plan.notices.iter().cloned());
        if let Some(site) = &plan.site {
            self.site = site.as_deref().cloned();
        }
        if plan.forget {
            let removal = self.record.take().map(|record| (record.wish.presence, record.wish.revision));
            if let Some((Presence::Down(Removal { again: Some(by), .. }), revision)) = removal {
                self.want(0);
                let next = self.record.as_mut().unwrap();
                next.wish.presence = Presence::Up { by };
                next.wish.revision = revision;
            }
            return;
        }
        let mut record = plan.record.clone();
        for (index, action) in plan.actions.iter().enumerate() {
            let is_this = |which: u8| usize::from(which) == index;
            if matches!(fault, Fault::Throttled(which) if is_this(which)) {
                let outcome = Outcome::Failed(Kind::Throttled, "Rate exceeded".into());
                record = took(&record, action, &outcome, self.now);
                break;
            }
            let completed = complete(action, &record);
            let groups: Vec<String> = record.progress.resources.target_groups.values().cloned().collect();
            let mut outcome = self.aws.act(&completed, &groups);
            if fault == Fault::Twice && !matches!(action, Action::Register(..)) {
                let again = self.aws.act(&completed, &groups);
                if matches!(again, Outcome::Done(_)) {
                    outcome = again;
                }
            }
            if matches!(fault, Fault::Crash(which) if is_this(which)) {
                break;
            }
            if matches!(fault, Fault::LostReply(which) if is_this(which)) {
                outcome = Outcome::Failed(Kind::Unavailable, "connection reset".into());
            }
            let failed = matches!(outcome, Outcome::Failed(..));
            record = took(&record, action, &outcome, self.now);
            if failed {
                break;
            }
        }
        let ended = plan.hooks.iter().filter(|_| !matches!(fault, Fault::Crash(_)));
        for key in ended {
            let due = hook_due(&record, &self.policy, key).unwrap();
            assert!(due.context["environment"] == "x.shop" && due.id.contains(key.as_str()));
            let end = if self.hooks_fail { HookEnd::Badly("exit 1".to_owned()) } else { HookEnd::Well };
            if record.progress.hooks[key].state == HookState::Running {
                self.hooks_run.push(key.clone());
            }
            record = hook_ended(&record, Some(&self.policy), key, due.began, &end, self.now);
        }
        self.record = Some(record);
    }

    fn pass(&mut self) {
        self.now = self.now.plus_ms(2_500);
        self.aws.step(self.now);
        // Health is found out for what the proxy, or the load balancer, knows; a step later.
        let known: BTreeSet<String> = self.aws.tasks.iter().map(|task| task.arn.clone()).collect();
        self.healthy.retain(|arn| known.contains(arn));
        let in_site = |arn: &String| {
            self.site.as_ref().is_none_or(|site| {
                site.active.iter().chain(&site.probed).flatten().any(|(known, _)| known == arn)
            })
        };
        let found: Vec<String> = known.iter().filter(|arn| in_site(arn)).cloned().collect();
        self.healthy.extend(found);
    }

    /// Rounds without faults until nothing changes any more.
    pub(crate) fn settle(&mut self) {
        for _ in 0..400 {
            let before = self.record.clone();
            self.round(Fault::None);
            if self.record.is_none() {
                return;
            }
            let retry = self.record.as_ref().and_then(|record| record.progress.retry_at);
            if let Some(at) = retry {
                self.now = self.now.max(at);
            }
            let quiet = self.last.as_ref().is_none_or(|plan| {
                plan.actions.is_empty() && plan.notices.is_empty() && plan.hooks.is_empty()
            });
            let steady = self.record.as_ref().is_none_or(|record| record.progress.steady);
            if quiet && steady && before == self.record {
                return;
            }
        }
        panic!("does not settle: {:#?}\n{:#?}", self.record, self.aws);
    }

    pub(crate) fn heard(&self, moment: Moment) -> usize {
        self.notices.iter().filter(|notice| notice.moment == moment).count()
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.record.as_ref().map(|record| record.state)
    }

    pub(crate) fn deployed(&self) -> Option<&str> {
        let deployed = self.record.as_ref()?.progress.deployed.as_ref()?;
        Some(&deployed.revision.sha)
    }
}
