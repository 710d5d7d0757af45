//! What a repository's environments are like: a `[[preview]]` of longshore.toml with every default in its place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Route;
use crate::network::{CapacityProviderStrategyItem, LaunchType};

/// What the environments of one repository are like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// `OWNER/NAME`.
    pub repository: String,
    /// A DNS label: the second label of host names, and the beginning of service names.
    pub app: String,
    /// Which branches and pull requests get an environment.
    pub trigger: Trigger,
    /// The cluster of the services.
    pub cluster: String,
    /// At least one. The first is the one that answers where no other's path does.
    pub services: Vec<ServicePolicy>,
    /// How requests get there.
    pub route: Route,
    /// Bounds in number and time.
    pub limits: Limits,
    /// What else is done on the way.
    pub hooks: Hooks,
}

impl Policy {
    /// One whose app is called as its repository, with no trigger, no hook and the usual limits.
    #[must_use]
    pub fn new(repository: &str, cluster: &str, services: Vec<ServicePolicy>, route: Route) -> Self {
        let app = repository.rsplit('/').next().unwrap_or(repository);
        Self {
            repository: repository.to_owned(),
            app: app.to_owned(),
            trigger: Trigger::default(),
            cluster: cluster.to_owned(),
            services,
            route,
            limits: Limits::default(),
            hooks: Hooks::default(),
        }
    }
}

/// Which branches and pull requests get an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trigger {
    /// Globs of branch names: `*` stands for any text without `/`, `**` for any text. Empty: no branch by itself.
    pub branches: Vec<String>,
    /// Globs of branches that never get one, whatever `branches` says.
    pub except: Vec<String>,
    /// Prefixes that are left out of names, such as `feature/`; the longest that fits is.
    pub strip: Vec<String>,
    /// Absent: pull requests get none.
    pub pull_requests: Option<PullRequests>,
}

/// Which pull requests get an environment. All conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PullRequests {
    /// At least one of these labels; empty: none is needed.
    pub labels: Vec<String>,
    /// None of these labels.
    pub except_labels: Vec<String>,
    /// Globs of base branches; empty: any.
    pub base: Vec<String>,
    /// Drafts, too.
    pub drafts: bool,
    /// Those of bots, too.
    pub bots: bool,
    /// Those from forks, too. Off by default: a fork's author would run code with the tasks' role.
    pub forks: bool,
}

/// One service of each environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServicePolicy {
    /// A word, unique among the policy's services.
    pub name: String,
    /// The task definition that is varied: a family (its latest active revision), `family:revision` or an ARN.
    pub task_definition: String,
    /// A service of the same cluster whose network, launch type and placement are taken over.
    pub like: Option<String>,
    /// The container that gets image, environment and requests; absent: the first essential one.
    pub container: Option<String>,
    /// The port in that container that answers requests.
    pub port: u16,
    /// The image, with `{{ branch }}`, `{{ sha }}`, `{{ pr }}`, `{{ name }}` in it; absent: that of the task definition.
    pub image: Option<String>,
    /// Environment variables (values with the same placeholders), added to those of the task definition.
    pub environment: BTreeMap<String, String>,
    /// CPU units of the task, when not those of the task definition.
    pub cpu: Option<u32>,
    /// MiB of the task, when not those of the task definition.
    pub memory: Option<u32>,
    /// How many tasks.
    pub count: u32,
    /// `EC2`, `FARGATE` or `EXTERNAL`; absent: that of `like`, else the cluster's default.
    pub launch_type: Option<LaunchType>,
    /// Instead of a launch type.
    pub capacity_providers: Vec<CapacityProviderStrategyItem>,
    /// For awsvpc; absent: that of `like`.
    pub network: Option<Network>,
    /// Path patterns of the requests that it gets (`/api/*`). Must be there for all but the first service.
    pub paths: Vec<String>,
    /// What healthy means.
    pub health: Health,
}

impl ServicePolicy {
    /// One task of the task definition as it is.
    #[must_use]
    pub fn new(name: &str, task_definition: &str, port: u16) -> Self {
        Self {
            name: name.to_owned(),
            task_definition: task_definition.to_owned(),
            like: None,
            container: None,
            port,
            image: None,
            environment: BTreeMap::new(),
            cpu: None,
            memory: None,
            count: 1,
            launch_type: None,
            capacity_providers: Vec::new(),
            network: None,
            paths: Vec::new(),
            health: Health::default(),
        }
    }
}

/// Where tasks of mode awsvpc are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Network {
    /// Subnet ids, at least one.
    pub subnets: Vec<String>,
    /// Security group ids.
    pub security_groups: Vec<String>,
    /// Whether a task gets a public address.
    pub public_ip: bool,
}

/// A health check over HTTP, with the bounds of CreateTargetGroup: interval 5 to 300 s, timeout 2 to 120 s, thresholds
/// 2 to 10. Our own proxy uses it, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// With its first slash.
    pub path: String,
    /// Absent: the port of the requests.
    pub port: Option<u16>,
    /// Seconds between two checks.
    pub interval_s: u32,
    /// Seconds until a check has failed.
    pub timeout_s: u32,
    /// So many good checks in a row make it healthy.
    pub healthy: u32,
    /// So many failed ones make it unhealthy.
    pub unhealthy: u32,
    /// Status codes that are good, as ELB writes them: `200`, `200,204`, `200-399`.
    pub matcher: String,
    /// Seconds for which ECS does not mind failed checks of a new task.
    pub grace_s: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            protocol: "HTTP".to_owned(),
            path: "/".to_owned(),
            port: None,
            interval_s: 5,
            timeout_s: 4,
            healthy: 2,
            unhealthy: 3,
            matcher: "200-399".to_owned(),
            grace_s: 60,
        }
    }
}

/// Bounds in number and time. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Most environments of this repository at once; more wait.
    pub environments: u32,
    /// An environment ends so long after its last deploy or HTTP request. Absent: never by itself.
    pub ttl_s: Option<u32>,
    /// The warning comes so long before that.
    pub warn_s: u32,
    /// It goes to sleep after so long without a request. Absent: never by itself.
    pub sleep_s: Option<u32>,
    /// It has FAILED when it is not ready after so long.
    pub ready_s: u32,
    /// So many crashes of a new revision's tasks are a crash loop.
    pub crashes: u32,
    /// More removals at once than this need a person's word.
    pub removals: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            environments: 20,
            ttl_s: Some(7 * 24 * 3600),
            warn_s: 12 * 3600,
            sleep_s: None,
            ready_s: 600,
            crashes: 3,
            removals: 5,
        }
    }
}

/// What else is done on the way of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hooks {
    /// In their order, once the tasks of a new environment are healthy and before its URL is announced.
    pub after_create: Vec<Hook>,
    /// In their order, after each later deploy.
    pub after_update: Vec<Hook>,
    /// In their order, before anything of an environment is removed. One that fails is tried again until it does not.
    pub before_destroy: Vec<Hook>,
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// For people; unique among those of its moment.
    pub name: String,
    /// What is done.
    pub action: HookAction,
    /// It has failed when it takes longer, in seconds.
    pub timeout_s: u32,
}

/// What a hook does. Each is told the whole context of the environment as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookAction {
    /// A function is invoked and awaited.
    Lambda {
        /// Its ARN or name.
        function: String,
    },
    /// A task runs, and must end with 0.
    Task {
        /// Absent: the revision of the environment's first service.
        task_definition: Option<String>,
        /// Instead of the container's own command.
        command: Vec<String>,
        /// Absent: the first essential one.
        container: Option<String>,
    },
    /// A POST with `X-Longshore-Signature-256: sha256=HMAC` over the body; any 2xx is good.
    Https {
        /// The address.
        url: String,
        /// The environment variable of `serve` that holds the key.
        secret_env: String,
    },
}

/// When something is due, for people and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Schedule {
    /// When the environment ends by itself.
    pub expires_at: Option<crate::Timestamp>,
    /// When that is said.
    pub warns_at: Option<crate::Timestamp>,
    /// When it goes to sleep.
    pub sleeps_at: Option<crate::Timestamp>,
}
