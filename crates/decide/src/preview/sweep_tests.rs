//! Who is woken by what.

use longshore_model::preview::{Deployed, HookRun, HookState, Intent};

use super::super::record;
use super::super::samples::{NOW, environment, policy};
use super::*;

/// A settled environment, a cluster that is as it says, and a policy.
struct World {
    record: Environment,
    policies: BTreeMap<String, Arc<Policy>>,
    clusters: BTreeMap<String, ClusterSeen>,
    sites: bool,
    leads_to: &'static str,
    known: bool,
}

impl World {
    fn new() -> Self {
        let mut record = environment("login");
        let name = record.names.services[0].clone();
        record.state = State::Ready;
        record.progress.actions = 3;
        record.progress.steady = true;
        // The shape is found out by asking for a deploy of it.
        let mut world = Self {
            record,
            policies: BTreeMap::from([("octo/shop".to_owned(), Arc::new(policy()))]),
            clusters: BTreeMap::new(),
            sites: true,
            leads_to: "arn:task/0",
            known: true,
        };
        let fresh = environment("login");
        let seen = environment::Seen {
            policy: Some(Arc::new(policy())),
            has_room: true,
            ..environment::Seen::default()
        };
        let shape = environment::decide(&fresh, &seen, NOW).record.progress.deploying.unwrap().shape;
        let revision = world.record.wish.revision.clone();
        let task_definitions = vec![format!("arn:task-definition/{name}:1")];
        world.record.progress.deployed =
            Some(Deployed { revision, attempt: 0, task_definitions, shape, at: NOW });
        world.see(1, &format!("arn:task-definition/{name}:1"));
        world
    }

    fn see(&mut self, tasks: usize, revision: &str) {
        let name = self.record.names.services[0].clone();
        let task = |index| Task {
            arn: format!("arn:task/{index}"),
            group: Some(format!("service:{name}")),
            task_definition_arn: revision.to_owned(),
            ..Task::default()
        };
        let seen = ClusterSeen {
            services: Look::Seen([name.clone(), "foreign".to_owned()].into()),
            tasks: Look::Seen((0..tasks).map(task).collect()),
        };
        self.clusters.insert("previews".to_owned(), seen);
    }

    fn plan(&self, now: Timestamp) -> Plan {
        let id = self.record.names.id.as_str();
        let known = HashSet::from([id.to_owned()]);
        let records = [Arc::new(self.record.clone())];
        let seen = Seen {
            records: &records,
            policies: &self.policies,
            clusters: &self.clusters,
            sites: Some(if self.sites { HashMap::from([(id, vec![self.leads_to])]) } else { HashMap::new() }),
            known: if self.known { &known } else { &HashSet::new() },
        };
        decide(&seen, now)
    }

    fn wakes(&self) -> bool {
        !self.plan(NOW).wake.is_empty()
    }
}

#[test]
fn what_is_as_recorded_is_left_alone() {
    let mut world = World::new();
    let plan = world.plan(NOW);
    assert_eq!(plan.wake, Vec::<String>::new());
    assert_eq!(plan.unknown, [("previews".to_owned(), "foreign".to_owned())]);
    world.known = false;
    assert!(!world.wakes(), "it has nothing to do");
}

#[test]
fn what_differs_is_woken() {
    type Case = (&'static str, fn(&mut World));
    let cases: [Case; 14] = [
        ("no task", |it| it.see(0, "arn:task-definition/shop_login:1")),
        ("a task too many", |it| it.see(2, "arn:task-definition/shop_login:1")),
        ("another revision", |it| it.see(1, "arn:task-definition/shop_login:2")),
        ("no service", |it| {
            let seen = it.clusters.get_mut("previews").unwrap();
            seen.services = Look::Seen(BTreeSet::new());
        }),
        ("no site", |it| it.sites = false),
        ("a site that leads to a task that is gone", |it| it.leads_to = "arn:task/9"),
        ("asleep with a task", |it| {
            it.record.state = State::Asleep;
            it.record.progress.asleep_since = Some(NOW);
        }),
        ("not steady", |it| it.record.progress.steady = false),
        ("an open intent", |it| {
            it.record.progress.intents.push(Intent { ordinal: 4, what: "x".into(), at: NOW });
        }),
        ("another commit", |it| it.record.wish.revision.sha = "bbb2".into()),
        ("another policy", |it| {
            let mut policy = policy();
            policy.services[0].image = Some("other".into());
            it.policies.insert("octo/shop".into(), Arc::new(policy));
        }),
        ("a warning of an end that is none any more", |it| {
            it.record.wish.pinned = true;
            it.record.progress.warned_of = Some(NOW);
        }),
        ("removed", |it| record::remove(&mut it.record, "x", "github", NOW)),
        ("its time is over", |it| {
            it.record.progress.created_at = NOW.plus_seconds(-30 * 24 * 3600);
            it.record.progress.deployed.as_mut().unwrap().at = NOW.plus_seconds(-30 * 24 * 3600);
        }),
    ];
    for (what, change) in cases {
        let mut world = World::new();
        change(&mut world);
        assert!(world.wakes(), "{what}");
    }
}

#[test]
fn a_gap_wakes_nobody() {
    let mut world = World::new();
    for change in [(|seen| seen.tasks = Look::Gap("throttled".into())) as fn(&mut ClusterSeen), |seen| {
        seen.services = Look::Gap("throttled".into())
    }] {
        change(world.clusters.get_mut("previews").unwrap());
        assert!(!world.wakes());
        assert_eq!(world.plan(NOW).hooks, Vec::<String>::new());
    }
    assert_eq!(world.plan(NOW).unknown, [], "a list that could not be seen has no orphans");
}

#[test]
fn who_waits_for_room_looks_once_in_a_process() {
    let mut world = World::new();
    world.record = environment("login");
    assert!(!world.wakes());
    world.known = false;
    assert!(world.wakes());
}

#[test]
fn a_hook_that_has_not_ended_is_begun_again() {
    let mut world = World::new();
    let run = HookRun { state: HookState::Running, attempts: 1, at: NOW };
    world.record.progress.hooks.insert("after_create/a/seed".into(), run.clone());
    let plan = world.plan(NOW);
    assert_eq!((plan.hooks.len(), plan.wake.len()), (1, 1));
    let state = HookState::Uncalled { why: "no answer".into(), again_at: NOW.plus_ms(1) };
    world.record.progress.hooks.insert("after_create/a/seed".into(), HookRun { state, ..run });
    assert_eq!(world.plan(NOW).hooks.len(), 0, "it backs off");
    assert_eq!(world.plan(NOW.plus_ms(1)).hooks.len(), 1);
}

#[test]
fn a_wish_to_sleep_is_seen_beside_others_that_are_settled() {
    let world = World::new();
    let mut wished = world.record.clone();
    wished.wish.sleep = Sleep::Asleep;
    let records = [Arc::new(world.record.clone()), Arc::new(wished)];
    let known = HashSet::from([world.record.names.id.clone()]);
    let sites = Some(known.iter().map(|id| (id.as_str(), Vec::new())).collect());
    let seen = Seen {
        records: &records,
        policies: &world.policies,
        clusters: &world.clusters,
        sites,
        known: &known,
    };
    assert_eq!(decide(&seen, NOW).wake.len(), 1);
}
