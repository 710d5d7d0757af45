//! What environments need beside ECS: GitHub, load balancers, a queue of events, hooks, and somebody to tell.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::preview::github::{Permission, Repository};
use longshore_model::preview::view::Role;
use longshore_model::preview::{Entrance, Hook, Notice, Policy, Revision, Subject};
use longshore_model::seen::TargetHealth;
use longshore_model::tag::Tag;
use longshore_model::{Error, Timestamp};
use serde_json::Value;

/// GitHub, as the source of truth, and where comments are answered.
#[async_trait]
pub trait GitHub: Send + Sync + std::fmt::Debug {
    /// Branches and open pull requests, from all pages. Any page that fails, any answer that is not what it should be
    /// fails the whole: an error is never an empty list.
    async fn repository(&self, name: &str) -> Result<Repository, Error>;

    /// What a branch or an open pull request is at now. `None` when the repository can be read and has none of it.
    async fn head(&self, repository: &str, subject: &Subject) -> Result<Option<Revision>, Error>;

    /// What somebody may do in a repository now. Who is nobody there may at most read.
    async fn permission(&self, repository: &str, login: &str) -> Result<Permission, Error>;

    /// Puts a new comment, in GitHub's Markdown, into a pull request.
    async fn comment(&self, repository: &str, pull_request: u64, text: &str) -> Result<(), Error>;
}

/// Somebody who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name at the place where people log in.
    pub login: String,
    /// What they may do here.
    pub role: Role,
}

/// Where people log in: OAuth 2.0's code flow (RFC 6749, 4.1).
#[async_trait]
pub trait Login: Send + Sync + std::fmt::Debug {
    /// Where a browser is sent. It comes back with `state` and a code; `state` must be unguessable and belong to this
    /// browser, which is the caller's affair.
    fn authorize_url(&self, state: &str) -> String;

    /// Who came back with this code. It is [`longshore_model::Kind::Denied`] for a code that does not hold, and for
    /// somebody who may do nothing here.
    async fn identify(&self, code: &str) -> Result<Person, Error>;
}

/// Whom notices are told: a Slack channel, an SNS topic, a webhook, GitHub's deployments and comments.
#[async_trait]
pub trait Notifier: Send + Sync + std::fmt::Debug {
    /// Its name among those of this configuration: the key of what it has been told.
    fn name(&self) -> &str;

    /// Whether all is told in one place, so that who is refused ([`longshore_model::Kind::Denied`] and its like) is
    /// refused whatever the notice is about. False where a refusal may be about one repository.
    fn is_one_place(&self) -> bool {
        true
    }

    /// Tells it. An error is [`longshore_model::Kind::Invalid`] only when it is about the notice itself: that one is not
    /// tried again. `memory` is what the last notice of the same environment left behind (such as the message to update);
    /// what comes back is kept for the next one.
    async fn tell(&self, notice: &Notice, memory: Option<&Value>) -> Result<Option<Value>, Error>;
}

/// What a hook is told, and how it is known again.
#[derive(Debug, Clone, PartialEq)]
pub struct HookCall {
    /// What is done.
    pub hook: Hook,
    /// The same for each attempt at the same hook of the same deploy, and for no other deploy: who is told twice can tell.
    pub id: String,
    /// When this attempt began, also in an earlier process: a task that was started for it is found again by that.
    pub began: Timestamp,
    /// The cluster of a task.
    pub cluster: String,
    /// The task definition of a task that names none.
    pub task_definition: String,
    /// Launch type and network for a task, as in CreateService.
    pub placement: Value,
    /// The whole context, for all kinds. No secrets are in it.
    pub context: Value,
    /// For tasks.
    pub tags: Vec<Tag>,
}

/// Hooks.
#[async_trait]
pub trait Hooks: Send + Sync + std::fmt::Debug {
    /// Does it, and waits for its end. `Ok(Err(why))` when it was done and did not do well, or took longer than it may.
    ///
    /// # Errors
    /// When it could not be done, or nobody knows whether it was. It is called again then, where that may help.
    async fn call(&self, call: &HookCall) -> Result<Result<(), String>, Error>;
}

/// A target group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// A listener of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listener {
    /// Its ARN.
    pub arn: String,
    /// Its port.
    pub port: u16,
    /// Its protocol.
    pub protocol: String,
}

/// A rule of a listener, without the default one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Its ARN.
    pub arn: String,
    /// Its priority.
    pub priority: u32,
    /// The host names of its conditions.
    pub hosts: Vec<String>,
}

/// A shared load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadBalancer {
    /// Its ARN.
    pub arn: String,
    /// Where clients reach it.
    pub dns_name: String,
    /// Its VPC, for target groups.
    pub vpc: String,
}

/// What a rule or a listener does with a request: a service's target group, and for which paths (empty: all others).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Share {
    /// The target group's ARN.
    pub target_group: String,
    /// Path patterns.
    pub paths: Vec<String>,
}

/// Elastic Load Balancing v2, as far as environments with a `port` or `host` route need it. Lists are of all pages.
#[async_trait]
pub trait Balancers: Send + Sync + std::fmt::Debug {
    /// DescribeLoadBalancers, by ARN.
    async fn load_balancer(&self, arn: &str) -> Result<Option<LoadBalancer>, Error>;

    /// DescribeTargetGroups by name, with their tags. One that does not exist is not in the answer.
    async fn target_groups(&self, names: &[String]) -> Result<Vec<TargetGroup>, Error>;

    /// CreateTargetGroup; `input` is its document. One of this name with other settings is a
    /// [`longshore_model::Kind::Conflict`].
    async fn create_target_group(&self, input: &Value) -> Result<TargetGroup, Error>;

    /// DeleteTargetGroup. One that is gone is no error.
    async fn delete_target_group(&self, arn: &str) -> Result<(), Error>;

    /// DescribeListeners of a load balancer.
    async fn listeners(&self, load_balancer: &str) -> Result<Vec<Listener>, Error>;

    /// DescribeListeners by ARN: the listener, and its load balancer's ARN. `None` when there is none.
    async fn listener(&self, arn: &str) -> Result<Option<(Listener, String)>, Error>;

    /// CreateListener for HTTP, to the share without paths. A port that is taken is a
    /// [`longshore_model::Kind::Conflict`].
    async fn create_listener(
        &self,
        load_balancer: &str,
        port: u16,
        target_group: &str,
        tags: &[Tag],
    ) -> Result<Listener, Error>;

    /// DeleteListener, with its rules. One that is gone is no error.
    async fn delete_listener(&self, arn: &str) -> Result<(), Error>;

    /// DescribeRules of a listener.
    async fn rules(&self, listener: &str) -> Result<Vec<Rule>, Error>;

    /// CreateRule. A priority that is taken is a [`longshore_model::Kind::Conflict`].
    async fn create_rule(
        &self,
        listener: &str,
        priority: u32,
        host: Option<&str>,
        share: &Share,
        tags: &[Tag],
    ) -> Result<Rule, Error>;

    /// DeleteRule. One that is gone is no error.
    async fn delete_rule(&self, arn: &str) -> Result<(), Error>;

    /// DescribeTags, by ARN: what listeners, rules and target groups are ours. One that is gone is not in the answer.
    async fn tags(&self, arns: &[String]) -> Result<BTreeMap<String, Vec<Tag>>, Error>;

    /// DescribeTargetHealth: what is found of each target, by `ID:PORT`.
    async fn target_health(&self, target_group: &str) -> Result<BTreeMap<String, TargetHealth>, Error>;
}

/// Where container instances are, for requests to the ports that their tasks publish.
#[async_trait]
pub trait Addresses: Send + Sync + std::fmt::Debug {
    /// DescribeContainerInstances, and DescribeInstances of EC2: the private address of each container instance, by its
    /// ARN. One that is gone, or is no EC2 instance, is not in the answer.
    async fn addresses(
        &self,
        cluster: &str,
        container_instances: &[String],
    ) -> Result<BTreeMap<String, IpAddr>, Error>;
}

/// A message of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// What deletes it.
    pub receipt: String,
    /// What EventBridge put there.
    pub body: String,
}

/// A queue of events. They are hints: lost, late and doubled ones change nothing.
#[async_trait]
pub trait Queue: Send + Sync + std::fmt::Debug {
    /// Up to ten messages; waits up to 20 seconds for the first.
    async fn receive(&self) -> Result<Vec<Message>, Error>;

    /// Deletes messages, by their receipts.
    async fn delete(&self, receipts: &[String]) -> Result<(), Error>;
}

/// Our own proxy, as the reconcilers see it.
#[async_trait]
pub trait Routes: Send + Sync + std::fmt::Debug {
    /// Sets what an environment's host leads to; from the return on, no request goes where it does not say.
    async fn set(&self, route: Site) -> Result<(), Error>;

    /// Takes an environment's host away.
    async fn remove(&self, environment: &str) -> Result<(), Error>;

    /// Health of an environment's targets by their key, as far as it has been found out: of what is not healthy, what its
    /// last check came to, in words.
    fn health(&self, environment: &str) -> BTreeMap<String, Result<(), String>>;
}

/// An environment at our own proxy.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Its id.
    pub environment: String,
    /// Its host name, without a port.
    pub host: String,
    /// How clients come to it. Its policy may have another route by now.
    pub entrance: Entrance,
    /// Its services, in the policy's order, with their tasks: none while it sleeps, and then a request is held and
    /// wakes it.
    pub services: Vec<SiteService>,
    /// Its policy: health checks and paths.
    pub policy: Arc<Policy>,
    /// Why it does not answer, for the page that is shown instead. Absent: requests are held until there are targets.
    pub closed: Option<String>,
}

/// A service of a site.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteService {
    /// Those that requests go to.
    pub active: Vec<SiteTarget>,
    /// Those that are only checked: of a revision that does not answer yet.
    pub probed: Vec<SiteTarget>,
}

/// A task behind a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SiteTarget {
    /// The task's ARN.
    pub key: String,
    /// Its address and port.
    pub address: std::net::SocketAddr,
}
