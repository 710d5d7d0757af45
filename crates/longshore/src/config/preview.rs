//! `[[preview]]` of longshore.toml: the environments of one repository.

mod policy;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::duration::Span;

pub(crate) use self::policy::is_local;

/// The environments of one repository's branches and pull requests.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preview {
    /// `OWNER/NAME` on GitHub.
    repository: String,
    /// A word for host names and service names; the repository's name when it is not there.
    app: Option<String>,
    /// The cluster of the services; `default` when it is not there.
    cluster: Option<String>,
    /// Branches that get an environment, as globs: `*` stands for any text without a slash, `**` for any text.
    #[serde(default)]
    branches: Vec<String>,
    /// Branches that never get one.
    #[serde(default)]
    except: Vec<String>,
    /// Beginnings of branch names that names leave out, such as `feature/`.
    #[serde(default)]
    strip: Vec<String>,
    /// Pull requests get an environment, too.
    pull_requests: Option<PullRequests>,
    /// The services of each environment, at least one. The first answers where no other's path does.
    service: Vec<Service>,
    /// How requests get there; through `longshore serve` itself when it is not there.
    #[serde(default)]
    route: Route,
    /// Bounds in number and time.
    #[serde(default)]
    limits: Limits,
    /// What else is done on the way.
    #[serde(default)]
    hook: Vec<Hook>,
}

/// Which pull requests get an environment. All conditions must hold.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PullRequests {
    /// At least one of these labels; none is needed when it is empty.
    labels: Vec<String>,
    /// None of these labels.
    except_labels: Vec<String>,
    /// Base branches, as globs; any when it is empty.
    base: Vec<String>,
    /// Drafts, too.
    drafts: bool,
    /// Those of bots, too.
    bots: bool,
    /// Those from forks, too: then anybody on GitHub can run code in your cluster, with the tasks' role.
    forks: bool,
}

/// One service of each environment.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// A word, unique among the services.
    name: String,
    /// The task definition that is varied: a family, `family:revision` or an ARN.
    task_definition: String,
    /// A service of the same cluster whose network, launch type and placement are taken over.
    like: Option<String>,
    /// The container that gets image, environment and requests; the first essential one when it is not there.
    container: Option<String>,
    /// The port in that container that answers requests.
    port: u16,
    /// The image, with `{{ branch }}`, `{{ sha }}`, `{{ pr }}` and `{{ name }}` in it; that of the task definition when
    /// it is not there.
    image: Option<String>,
    /// Environment variables, with the same placeholders in their values.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// CPU units of a task, when not those of the task definition.
    cpu: Option<u32>,
    /// MiB of a task, when not those of the task definition.
    memory: Option<u32>,
    /// How many tasks; 1 when it is not there.
    count: Option<u32>,
    /// `EC2`, `FARGATE` or `EXTERNAL`.
    launch_type: Option<String>,
    /// Capacity providers and their weights, instead of a launch type.
    #[serde(default)]
    capacity_providers: BTreeMap<String, i32>,
    /// Subnets of tasks with the network mode awsvpc.
    #[serde(default)]
    subnets: Vec<String>,
    /// Their security groups.
    #[serde(default)]
    security_groups: Vec<String>,
    /// Whether they get a public address.
    #[serde(default)]
    public_ip: bool,
    /// Path patterns of the requests that it gets, such as `/api/*`; needed for all but the first service.
    #[serde(default)]
    paths: Vec<String>,
    /// What healthy means.
    #[serde(default)]
    health: Health,
}

/// A health check, within the bounds of CreateTargetGroup.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Health {
    /// `HTTP` or `HTTPS`; HTTP when it is not there.
    protocol: Option<String>,
    /// With its first slash; `/` when it is not there.
    path: Option<String>,
    /// The port of the requests when it is not there.
    port: Option<u16>,
    /// Between two checks, from 5 seconds to 5 minutes; 5 seconds when it is not there.
    interval: Option<Span>,
    /// Until a check has failed, from 2 to 120 seconds; 4 seconds when it is not there.
    timeout: Option<Span>,
    /// So many good checks in a row make it healthy, from 2 to 10; 2 when it is not there.
    healthy: Option<u32>,
    /// So many failed ones make it unhealthy, from 2 to 10; 3 when it is not there.
    unhealthy: Option<u32>,
    /// Status codes that are good, such as `200,204` or `200-399`, which it is when it is not there.
    matcher: Option<String>,
    /// For so long ECS does not mind failed checks of a new task; a minute when it is not there.
    grace: Option<Span>,
}

/// How requests get there: one of `domain` alone, `load_balancer` with `ports`, or `listener` with `domain`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Route {
    /// Environments are at `BRANCH.APP.DOMAIN`.
    domain: Option<String>,
    /// What the URLs of our own proxy begin with, `http` or `https`; https unless the domain is `localhost`.
    scheme: Option<String>,
    /// The port in the URLs of our own proxy, when it is not the scheme's own.
    port: Option<u16>,
    /// Who our own proxy lets in: `login` or `public`; login unless the domain is `localhost`.
    access: Option<Access>,
    /// Each environment gets a listener of its own on this load balancer (its ARN).
    load_balancer: Option<String>,
    /// The first and the last port of these listeners.
    ports: Option<(u16, u16)>,
    /// Each environment gets a rule on this listener (its ARN).
    listener: Option<String>,
}

/// Who our own proxy lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Access {
    /// Who has logged in, or comes with a signed link.
    Login,
    /// Anybody.
    Public,
}

/// Bounds in number and time.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Most environments at once; more wait. 20 when it is not there.
    environments: Option<u32>,
    /// An environment ends so long after its last deploy or request, or `never`; 7 days when it is not there.
    ttl: Option<Ttl>,
    /// The warning comes so long before that; 12 hours when it is not there.
    warn: Option<Span>,
    /// It goes to sleep after so long without a request; never when it is not there.
    sleep: Option<Span>,
    /// It has failed when it is not ready after so long; 10 minutes when it is not there.
    ready: Option<Span>,
    /// So many crashes of a new revision are a crash loop; 3 when it is not there.
    crashes: Option<u32>,
    /// More removals at once than this need a person's word; 5 when it is not there.
    removals: Option<u32>,
}

/// How long an environment lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Ttl {
    /// It does not end by itself.
    Never(Never),
    /// So long.
    For(Span),
}

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Never {
    /// It does not end by itself.
    Never,
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer) {
            Ok(text) if text == "never" => Ok(Self::Never(Never::Never)),
            Ok(text) => Span::of(&text).map(Self::For),
            Err(_) => Err("a number alone does not say how long".to_owned()),
        }
        .map_err(|why| D::Error::custom(format!("{why}; write how long, such as `12h` or `7d`, or `never`")))
    }
}

/// Something that is done on the way: one of `function`, `command` and `url`.
#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hook {
    /// A word for people.
    name: String,
    /// When it is done.
    when: When,
    /// The function that is invoked: its ARN or name.
    function: Option<String>,
    /// The command of a task that runs to its end.
    command: Option<Vec<String>>,
    /// The task's definition; the revision of the environment's first service when it is not there.
    task_definition: Option<String>,
    /// The container of the command; the first essential one when it is not there.
    container: Option<String>,
    /// The address of a signed POST.
    url: Option<String>,
    /// The environment variable of `longshore serve` with the key of its signature.
    secret_env: Option<String>,
    /// It has failed when it takes longer; 10 minutes when it is not there.
    timeout: Option<Span>,
}

/// The moment of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum When {
    /// Once the tasks of a new environment are healthy, before its URL is announced.
    AfterCreate,
    /// After each later deploy.
    AfterUpdate,
    /// Before anything is removed; tried again until it does well.
    BeforeDestroy,
}
