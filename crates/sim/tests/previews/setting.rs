//! What a story is set in: a policy, the things that it varies, and other people's things beside ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use longshore_decide::preview::names::names;
use longshore_ecs::random::Random;
use longshore_model::preview::{
    Access, Hook, HookAction, Hooks, Limits, Network, Policy, PullRequests, Route, ServicePolicy, Subject,
    Trigger,
};
use longshore_sim::stage::{Chances, Stage};
use longshore_sim::{End, Life};
use serde_json::{Value, json};

pub(crate) const REPOSITORY: &str = "octo/shop";
/// A branch whose service's name somebody else has.
pub(crate) const TAKEN: &str = "feature/taken";
/// A branch whose family somebody else has revisions in.
pub(crate) const FAMILY: &str = "feature/family";

/// All that a seed decides beforehand.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) policy: Policy,
    pub(crate) controllers: usize,
    pub(crate) chances: Chances,
    /// Of 1000 rounds, in so many the process dies, or sleeps.
    pub(crate) crashes: usize,
    pub(crate) sleeps: usize,
    pub(crate) bridge: bool,
}

/// Whether something happens that happens so often in 100 times.
pub(crate) fn often(chance: &mut Random, percent: usize) -> bool {
    chance.below(100) < percent
}

impl Setting {
    /// The policy's ARNs of load balancers come with [`furnish`].
    pub(crate) fn of(chance: &mut Random) -> Self {
        let route = chance.below(10);
        let bridge = often(chance, 30);
        let mut service = service("web", bridge);
        service.count = if often(chance, 25) { 2 } else { 1 };
        let mut services = vec![service.clone()];
        if often(chance, 30) {
            services.push(ServicePolicy {
                name: "api".into(),
                paths: vec!["/api/*".into()],
                count: 1,
                ..service
            });
        }
        let hooks = if often(chance, 40) { hooks() } else { Hooks::default() };
        let limits = Limits {
            environments: if often(chance, 25) { 4 } else { 20 },
            ttl_s: Some(if often(chance, 30) { 3 * 3600 } else { 7 * 24 * 3600 }),
            warn_s: 1800,
            sleep_s: often(chance, 40).then_some(900),
            ..Limits::default()
        };
        let policy = Policy { services, hooks, limits, ..policy(route_of(route)) };
        let some = |chance: &mut Random, most: usize| if often(chance, 60) { chance.below(most) } else { 0 };
        let chances = Chances {
            lost_requests: some(chance, 40),
            lost_replies: some(chance, 40),
            throttled: some(chance, 60),
            stale: some(chance, 40),
            github: some(chance, 100),
            hooks: some(chance, 200),
        };
        let controllers = if often(chance, 35) { 2 } else { 1 };
        Self { policy, controllers, chances, crashes: some(chance, 60), sleeps: some(chance, 50), bridge }
    }
}

/// A route of this kind, without the ARNs.
pub(crate) fn route_of(number: usize) -> Route {
    let domain = || "preview.test".to_owned();
    match number {
        0..=5 => Route::Proxy { domain: domain(), scheme: "http".into(), port: None, access: Access::Public },
        6..=7 => Route::Port { load_balancer: String::new(), first: 8000, last: 8030 },
        _ => Route::Host { listener: String::new(), domain: domain() },
    }
}

pub(crate) fn service(name: &str, bridge: bool) -> ServicePolicy {
    let network = Network { subnets: vec!["subnet-0123abcd".into()], ..Network::default() };
    ServicePolicy {
        image: Some("shop:{{ sha }}".into()),
        network: (!bridge).then_some(network),
        ..ServicePolicy::new(name, "base", 8080)
    }
}

pub(crate) fn policy(route: Route) -> Policy {
    Policy {
        trigger: Trigger {
            branches: vec!["feature/**".into()],
            except: vec!["feature/wip-*".into()],
            strip: vec!["feature/".into()],
            pull_requests: Some(PullRequests {
                except_labels: vec!["no-preview".into()],
                ..PullRequests::default()
            }),
        },
        ..Policy::new(REPOSITORY, "default", vec![service("web", false)], route)
    }
}

fn hooks() -> Hooks {
    let hook = |name: &str| Hook {
        name: name.into(),
        action: HookAction::Lambda { function: "deploy".into() },
        timeout_s: 60,
    };
    Hooks {
        after_create: vec![hook("seed")],
        after_update: vec![hook("migrate")],
        before_destroy: vec![hook("save")],
    }
}

/// Puts into the world what was there before us, and the ARNs of load balancers into the policy.
pub(crate) fn furnish(stage: &Stage, setting: &mut Setting) {
    stage.ask("RegisterTaskDefinition", definition("base", setting.bridge)).unwrap();
    let subnets = json!(["subnet-0123abcd", "subnet-0123abce"]);
    let balancer =
        stage.balance("CreateLoadBalancer", json!({"Name": "shared", "Subnets": subnets})).unwrap();
    let balancer = arn(&balancer["LoadBalancers"][0], "LoadBalancerArn");
    let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
    let listen = |port: u16| {
        let body =
            json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": fixed});
        arn(&stage.balance("CreateListener", body).unwrap()["Listeners"][0], "ListenerArn")
    };
    let shared = listen(80);
    // Somebody else's, on one of our ports, and among our rules.
    listen(8007);
    let condition =
        json!([{"Field": "host-header", "HostHeaderConfig": {"Values": ["a.other.preview.test"]}}]);
    let rule = json!({"ListenerArn": shared, "Priority": 30_000, "Conditions": condition, "Actions": fixed});
    stage.balance("CreateRule", rule).unwrap();
    match &mut setting.policy.route {
        Route::Port { load_balancer, .. } => *load_balancer = balancer,
        Route::Host { listener, .. } => *listener = shared,
        Route::Proxy { .. } => {}
    }
    foreign(stage, &setting.policy);
}

/// Other people's services and families with names like ours, and with some of our tags.
fn foreign(stage: &Stage, policy: &Policy) {
    let name = |branch: &str| names(policy, &Subject::Branch(branch.to_owned())).services[0].clone();
    stage.ask("RegisterTaskDefinition", definition(&name(FAMILY), true)).unwrap();
    stage.ask("RegisterTaskDefinition", definition("theirs", true)).unwrap();
    let (environment, repository) = ("longshore:environment", "longshore:repository");
    let tags = [
        (name(TAKEN), json!([])),
        ("shop_other".to_owned(), json!([{"key": environment, "value": "a.shop"}])),
        (
            "shop_theirs".to_owned(),
            json!([{"key": environment, "value": "a.shop"}, {"key": repository, "value": "other/shop"}]),
        ),
        (
            "shop_ours".to_owned(),
            json!([{"key": repository, "value": REPOSITORY}, {"key": "longshore:project", "value": "shop"}]),
        ),
    ];
    for (name, tags) in tags {
        let body = json!({"serviceName": name, "taskDefinition": "theirs", "desiredCount": 1, "tags": tags});
        stage.ask("CreateService", body).unwrap();
    }
    let group = |name: &str, tags: Value| {
        let body =
            json!({"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0123abcd", "Tags": tags});
        stage.balance("CreateTargetGroup", body).unwrap();
    };
    group("theirs", json!([{"Key": environment, "Value": "a.shop"}]));
    group(
        &names(policy, &Subject::Branch(TAKEN.to_owned())).target_groups[0],
        json!([{"Key": "team", "Value": "x"}]),
    );
}

fn definition(family: &str, bridge: bool) -> Value {
    let app = json!({"name": "app", "image": "shop:base", "cpu": 64, "memory": 128,
        "portMappings": [{"containerPort": 8080}]});
    let mode = if bridge { "bridge" } else { "awsvpc" };
    json!({"family": family, "networkMode": mode, "containerDefinitions": [app]})
}

fn arn(document: &Value, member: &str) -> String {
    document[member].as_str().unwrap().to_owned()
}

/// Everything that is not ours, as AWS shows it.
pub(crate) fn others(stage: &Stage) -> Vec<String> {
    let mut all = Vec::new();
    let names = ["shop_other", "shop_theirs", "shop_ours"];
    let seen = stage.ask("DescribeServices", json!({"services": names, "include": ["TAGS"]})).unwrap();
    for service in seen["services"].as_array().unwrap() {
        let of = |member: &str| service[member].to_string();
        all.push(
            [of("serviceName"), of("status"), of("desiredCount"), of("taskDefinition"), of("tags")].join(" "),
        );
    }
    for family in ["base", "theirs"] {
        let seen =
            stage.ask("ListTaskDefinitions", json!({"familyPrefix": family, "status": "ACTIVE"})).unwrap();
        all.push(seen["taskDefinitionArns"].to_string());
    }
    for (operation, list) in [("DescribeTargetGroups", "TargetGroups"), ("DescribeListeners", "Listeners")] {
        let mut body = json!({});
        if list == "Listeners" {
            let balancers = stage.balance("DescribeLoadBalancers", json!({})).unwrap();
            body = json!({"LoadBalancerArn": balancers["LoadBalancers"][0]["LoadBalancerArn"]});
        }
        let seen = stage.balance(operation, body).unwrap();
        for thing in seen[list].as_array().unwrap() {
            let own = thing["TargetGroupArn"].as_str().filter(|_| list == "TargetGroups");
            let own = own.or(thing["ListenerArn"].as_str()).unwrap();
            if !is_ours(&tags_of(stage, own)) {
                all.push(thing.to_string());
            }
        }
    }
    all
}

/// The tags of a thing of ELB.
pub(crate) fn tags_of(stage: &Stage, arn: &str) -> BTreeMap<String, String> {
    let seen = stage.balance("DescribeTags", json!({"ResourceArns": [arn]})).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tags = seen["TagDescriptions"][0]["Tags"].as_array().cloned().unwrap_or_default();
    tags.iter().map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect()
}

/// Whether tags make a thing an environment's of our repository.
pub(crate) fn is_ours(tags: &BTreeMap<String, String>) -> bool {
    let is_here = tags.get("longshore:repository").is_some_and(|it| it == REPOSITORY);
    is_here && tags.get("longshore:environment").is_some_and(|it| it.ends_with(".shop"))
}

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fortune {
    Good,
    Slow,
    /// Runs, and ends now and then.
    Flaky,
    Crashes,
    CannotBePulled,
    /// Runs, and never answers.
    Silent,
}

impl Fortune {
    pub(crate) fn of(chance: &mut Random) -> Self {
        match chance.below(20) {
            0 | 1 => Self::Crashes,
            2 => Self::CannotBePulled,
            3 | 4 => Self::Silent,
            5 | 6 => Self::Flaky,
            7 => Self::Slow,
            _ => Self::Good,
        }
    }

    /// Whether it comes to run in the end.
    pub(crate) const fn is_good(self) -> bool {
        matches!(self, Self::Good | Self::Slow | Self::Flaky)
    }

    /// Tells the stage.
    pub(crate) fn settle(self, stage: &Stage, sha: &str) {
        let image = format!("shop:{sha}");
        let lasting = Life::ending(End::Never);
        let seconds = Duration::from_secs;
        let life = match self {
            Self::Good => Life { prepare: seconds(3), start: seconds(1), stop: seconds(2), ..lasting },
            Self::Slow => Life { prepare: seconds(90), start: seconds(20), ..lasting },
            Self::Flaky => Life { prepare: seconds(2), ..Life::exits(seconds(1500), 1) },
            Self::Crashes => Life { prepare: seconds(2), ..Life::exits(seconds(2), 1) },
            Self::CannotBePulled => Life::ending(End::CannotPrepare(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found".into(),
            )),
            Self::Silent => {
                stage.silence(image.as_str());
                lasting
            }
        };
        stage.set_image(image, life);
    }
}

pub(crate) type Policies = BTreeMap<String, Arc<Policy>>;
