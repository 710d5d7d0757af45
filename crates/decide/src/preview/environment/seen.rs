//! What a decision may use, and what it says.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::preview::{Entrance, Environment, Notice, Policy};
use longshore_model::seen::{Service, TargetHealth, Task};
use longshore_model::tag::Tag;
use serde_json::{Map, Value};

/// Something that was looked at, or not.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Look<T> {
    /// Nobody asked for it.
    #[default]
    Not,
    /// It could not be seen, and why: a reason to wait, never to remove.
    Gap(String),
    /// What was seen.
    Seen(T),
}

impl<T> Look<T> {
    /// What was seen.
    #[must_use]
    pub const fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(seen) => Some(seen),
            Self::Not | Self::Gap(_) => None,
        }
    }
}

/// What has to be looked at for the next decision, so that a settled environment costs no call of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// DescribeServices of the environment's services.
    pub services: bool,
    /// Their tasks that are not stopped, with addresses.
    pub tasks: bool,
    /// With `tasks`: those that events have named are enough, as long as there are some. It is about the first tasks of
    /// services that were made a moment ago.
    pub named_tasks: bool,
    /// Their stopped tasks, with the log tail of those that failed.
    pub stopped: bool,
    /// The task definitions and services that the policy varies.
    pub base: bool,
    /// Target groups, listeners and rules.
    pub balancer: bool,
    /// Health of the targets at the load balancer.
    pub target_health: bool,
    /// The active revisions of the environment's own families.
    pub revisions: bool,
}

/// All that a decision may use.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// Absent when longshore.toml speaks of the repository no more: then nothing is made, changed or removed, unless
    /// the wish is that it goes.
    pub policy: Option<Arc<Policy>>,
    /// Whether it is among the first `limits.environments` of its repository, in the order of their making.
    pub has_room: bool,
    /// The environment's services by name; one that does not exist is not in it. INACTIVE ones may be.
    pub services: Look<BTreeMap<String, Service>>,
    /// Tasks of these services that are not stopped.
    pub tasks: Look<Vec<Task>>,
    /// Addresses of container instances, by ARN, for tasks without an address of their own.
    pub addresses: BTreeMap<String, IpAddr>,
    /// Stopped tasks of these services, each with the last lines of the container that failed.
    pub stopped: Look<Vec<(Task, Vec<String>)>>,
    /// DescribeTaskDefinition's answers, by the policy's own reference; `None` when there is none.
    pub task_definitions: Look<BTreeMap<String, Option<Value>>>,
    /// The services that the policy names as `like`, by name.
    pub like: Look<BTreeMap<String, Option<Service>>>,
    /// For routes `port` and `host`.
    pub balancer: Look<BalancerSeen>,
    /// Health by target group ARN and `ID:PORT`.
    pub target_health: Look<BTreeMap<String, BTreeMap<String, TargetHealth>>>,
    /// Health of our own proxy's targets, by task ARN, as far as it has been found out: of what is not healthy, what its last
    /// check came to, in words.
    pub proxy_health: BTreeMap<String, Result<(), String>>,
    /// The ARNs of active revisions, by family of the environment.
    pub revisions: Look<BTreeMap<String, Vec<String>>>,
    /// A number that differs from environment to environment and from try to try, for ports and priorities.
    pub dice: u64,
}

/// What was seen of load balancers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BalancerSeen {
    /// The shared load balancer: ARN, DNS name and VPC.
    pub load_balancer: Option<(String, String, String)>,
    /// Our target groups by name: ARN and tags.
    pub target_groups: BTreeMap<String, (String, Vec<Tag>)>,
    /// `HTTP` or `HTTPS`: the protocol of the shared listener (route `host`), whose ARN and port are in `listeners`.
    pub protocol: Option<String>,
    /// All listeners of the load balancer (route `port`): ARN and port.
    pub listeners: Vec<(String, u16)>,
    /// All rules of the listener (route `host`; and of our own listener, route `port`): ARN, priority, hosts.
    pub rules: Vec<(String, u32, Vec<String>)>,
    /// Tags of the listeners and rules that may be ours, by ARN.
    pub tags: BTreeMap<String, Vec<Tag>>,
}

/// What is to be done. The round carries the actions out in their order, and ends at the first that fails.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a plan does nothing until it is carried out"]
pub struct Plan {
    /// The record as it should be kept: state, waiting and progress are up to date.
    pub record: Environment,
    /// In order; each complete, each safe to repeat.
    pub actions: Vec<Action>,
    /// What people should hear of; stored together with the record.
    pub notices: Vec<Notice>,
    /// What our own proxy should know: `Some(None)` takes the site away. Absent: as it is.
    pub site: Option<Option<Box<SitePlan>>>,
    /// Hooks that are to run now, by their key in the record's progress.
    pub hooks: Vec<String>,
    /// When to look again, events or not.
    pub look_again_at: Option<Timestamp>,
    /// Nothing is left: the record goes.
    pub forget: bool,
}

/// An environment at our own proxy: see `world::Site`.
#[derive(Debug, Clone, PartialEq)]
pub struct SitePlan {
    /// The host name.
    pub host: String,
    /// How clients come to it.
    pub entrance: Entrance,
    /// Task ARNs and addresses that requests go to, for each service of the policy.
    pub active: Vec<Vec<(String, core::net::SocketAddr)>>,
    /// Those that are only checked.
    pub probed: Vec<Vec<(String, core::net::SocketAddr)>>,
    /// Why it does not answer.
    pub closed: Option<String>,
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// RegisterTaskDefinition for the service at this index.
    Register(usize, Map<String, Value>),
    /// CreateService. `taskDefinition` names the revision at this index where it was registered in the same plan.
    CreateService(usize, Map<String, Value>),
    /// UpdateService; likewise.
    UpdateService(usize, Map<String, Value>),
    /// DeleteService, with its tasks.
    DeleteService {
        /// Its name.
        name: String,
    },
    /// CreateTargetGroup for the service at this index.
    CreateTargetGroup(usize, Value),
    /// CreateListener, to the first service's target group.
    CreateListener {
        /// The load balancer.
        load_balancer: String,
        /// The port.
        port: u16,
        /// Our tags.
        tags: Vec<Tag>,
    },
    /// CreateRule, to the target group of the service at this index.
    CreateRule {
        /// The listener; absent: the one that was created in the same plan.
        listener: Option<String>,
        /// The service.
        index: usize,
        /// The priority.
        priority: u32,
        /// The host name.
        host: Option<String>,
        /// Path patterns.
        paths: Vec<String>,
        /// Our tags.
        tags: Vec<Tag>,
    },
    /// DeleteRule.
    DeleteRule(String),
    /// DeleteListener.
    DeleteListener(String),
    /// DeleteTargetGroup.
    DeleteTargetGroup(String),
    /// DeregisterTaskDefinition.
    Deregister(String),
}

impl Action {
    /// Whether it takes something away: it waits for as long as there is a gap in what is seen, and what is gone already
    /// counts as done.
    #[must_use]
    pub const fn takes_away(&self) -> bool {
        match self {
            Self::DeleteService { .. }
            | Self::DeleteRule(_)
            | Self::DeleteListener(_)
            | Self::DeleteTargetGroup(_)
            | Self::Deregister(_) => true,
            Self::Register(..)
            | Self::CreateService(..)
            | Self::UpdateService(..)
            | Self::CreateTargetGroup(..)
            | Self::CreateListener { .. }
            | Self::CreateRule { .. } => false,
        }
    }
}

/// What an action came to, for [`crate::preview::environment`] to write into the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done; the ARN of what was made, if something was.
    Done(Option<String>),
    /// It was not, and why. The kind says whether it may be tried again as it is.
    Failed(longshore_model::Kind, String),
}
