//! The command line of `longshore run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use longshore_model::network::{CapacityProviderStrategyItem, LaunchType};
use longshore_model::placement::{PlacementConstraint, PlacementStrategy};
use longshore_model::tag::Tag;

use crate::run::request::MAX_TASKS;
use crate::run::words;

const EXAMPLES: &str = "\
Examples:
  longshore run migrate                                the latest revision of a family
  longshore run migrate:12 --cluster prod --timeout 30m
  longshore run task.json -e DEBUG=1 -- ./job --once   a file, with another command
  longshore run --like web -- rails db:version         what a service runs, where it runs
  longshore run job --launch-type FARGATE --subnet subnet-0abc --public-ip
  longshore run job --capacity-provider FARGATE_SPOT=3 --capacity-provider FARGATE=1 --count 12
  longshore run job --instance 0123abcd --instance 4567cdef
  longshore run job --env-file prod.env --accept-exit-code 3
  longshore run job --wait-for-capacity 10m --retry-infrastructure 2
  longshore run migrate --run-id \"release-$GIT_SHA\"    once, however often it is said
  longshore run --attach 0af3aaaabbbbccccddddeeeeffff0000
  longshore run job --output json | jq .exitCode       the log goes to stderr
  longshore run task.yaml --dry-run                    what would be sent to ECS

Ctrl-C stops the task; a second Ctrl-C leaves it to ECS.

Exit code: the container's own; 0 for one of --accept-exit-code; 1 when it never ran; 130 on
Ctrl-C, 143 on SIGTERM, 124 on --timeout.";

/// What starts tasks, and so has no meaning for tasks that run already.
const STARTS: [&str; 24] = [
    "task_definition",
    "command",
    "count",
    "environment",
    "env_files",
    "cpu",
    "memory",
    "overrides",
    "tags",
    "like",
    "launch_type",
    "capacity_providers",
    "platform_version",
    "subnets",
    "security_groups",
    "public_ip",
    "placement_constraints",
    "placement_strategies",
    "instances",
    "group",
    "run_id",
    "started_by",
    "wait_for_capacity",
    "retry_infrastructure",
];

/// What chooses instances, and so has no meaning where they are named.
const PLACES: [&str; 7] = [
    "count",
    "launch_type",
    "capacity_providers",
    "platform_version",
    "placement_constraints",
    "placement_strategies",
    "group",
];

/// Run a task, show its log, and exit with its exit code
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("network").args(["subnets", "like"]).multiple(true))]
pub(crate) struct Arguments {
    /// A family (its latest revision), FAMILY:REVISION, an ARN, or a JSON or YAML file, which is registered when it
    /// differs from its family's latest revision. With --like, it is the service's own
    #[arg(required_unless_present_any = ["like", "attach"])]
    pub(super) task_definition: Option<String>,
    /// Runs this instead of the container's own command
    #[arg(last = true)]
    pub(super) command: Vec<String>,
    #[command(flatten)]
    pub(super) what: What,
    #[command(flatten)]
    pub(super) place: Place,
    #[command(flatten)]
    pub(super) identity: Identity,
    #[command(flatten)]
    pub(super) end: End,
    #[command(flatten)]
    pub(super) show: Show,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What runs")]
pub(super) struct What {
    /// The container that COMMAND and -e are for, and whose exit code counts
    #[arg(long, value_name = "NAME")]
    pub(super) container: Option<String>,
    /// Sets an environment variable of the container; without =VALUE it is taken from here; can be repeated
    #[arg(short = 'e', long = "env", value_name = "NAME[=VALUE]")]
    pub(super) environment: Vec<String>,
    /// The same for each line of a file, as docker reads it: NAME=VALUE or NAME, # begins a comment, quotes are part of
    /// the value; -e wins; can be repeated
    #[arg(long = "env-file", value_name = "FILE")]
    pub(super) env_files: Vec<PathBuf>,
    /// CPU of the task (512, 0.5vCPU): on Fargate its size, on EC2 what it reserves and may not exceed
    #[arg(long, value_parser = words::cpu)]
    pub(super) cpu: Option<String>,
    /// Memory of the task (1024, 1GB): on Fargate its size, on EC2 what it reserves and may not exceed
    #[arg(long, value_parser = words::memory)]
    pub(super) memory: Option<String>,
    /// ECS's TaskOverride as JSON or YAML, sent as it is; COMMAND, -e, --cpu and --memory are put over it
    #[arg(long, value_name = "FILE")]
    pub(super) overrides: Option<PathBuf>,
    /// How many tasks: all of them or none
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=MAX_TASKS as i64))]
    pub(super) count: u16,
    /// A tag of the tasks; can be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = words::tag)]
    pub(super) tags: Vec<Tag>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Where it runs")]
pub(super) struct Place {
    /// Name or ARN of the cluster
    #[arg(long, default_value = "default")]
    pub(super) cluster: String,
    /// Where this service runs: its launch type or capacity providers, network and placement; other flags win
    #[arg(long, value_name = "SERVICE")]
    pub(super) like: Option<String>,
    /// EC2, FARGATE, EXTERNAL or MANAGED_INSTANCES; without it the cluster's default
    #[arg(long, ignore_case = true, value_parser = words::launch_type, conflicts_with = "capacity_providers")]
    pub(super) launch_type: Option<LaunchType>,
    /// A capacity provider, with its share of the tasks; can be repeated
    #[arg(
        long = "capacity-provider",
        value_name = "NAME[=WEIGHT[,base=N]]",
        value_parser = words::capacity_provider
    )]
    pub(super) capacity_providers: Vec<CapacityProviderStrategyItem>,
    /// Fargate's platform version
    #[arg(long, value_name = "VERSION")]
    pub(super) platform_version: Option<String>,
    /// A subnet of the task's network interface (networkMode awsvpc); can be repeated
    #[arg(long = "subnet", value_name = "ID")]
    pub(super) subnets: Vec<String>,
    /// A security group of the task's network interface; can be repeated
    #[arg(long = "security-group", value_name = "ID", requires = "network")]
    pub(super) security_groups: Vec<String>,
    /// Gives the task a public address
    #[arg(long, requires = "network")]
    pub(super) public_ip: bool,
    /// distinctInstance, or an expression such as "attribute:ecs.instance-type =~ m5.*"; can be repeated
    #[arg(
        long = "placement-constraint",
        value_name = "RULE",
        value_parser = words::placement_constraint
    )]
    pub(super) placement_constraints: Vec<PlacementConstraint>,
    /// spread=FIELD, binpack=cpu, binpack=memory or random; can be repeated, the first counts most
    #[arg(
        long = "placement-strategy",
        value_name = "STRATEGY",
        value_parser = words::placement_strategy
    )]
    pub(super) placement_strategies: Vec<PlacementStrategy>,
    /// One task on this container instance, with StartTask; can be repeated. ECS has no client token there: instead, the
    /// tasks have the run's mark as their group, and are looked for before any is started
    #[arg(long = "instance", value_name = "ID|ARN", conflicts_with_all = PLACES)]
    pub(super) instances: Vec<String>,
    /// The group of the tasks, for distinctInstance and memberOf(task:group); without it family:NAME
    #[arg(long, value_name = "NAME")]
    pub(super) group: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Which run it is")]
pub(super) struct Identity {
    /// The run's name: the same name again finds its tasks and starts none, for a day, but no longer than an hour after
    /// they have ended
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(super) run_id: Option<String>,
    /// Follows a task that runs already; Ctrl-C and --timeout leave it alone; can be repeated
    #[arg(long, value_name = "ID|ARN", conflicts_with_all = STARTS)]
    pub(super) attach: Vec<String>,
    /// Whom the tasks belong to: their startedBy, at most 36 characters
    #[arg(long, value_name = "TEXT", default_value = "longshore", value_parser = words::started_by)]
    pub(super) started_by: String,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "How it ends")]
pub(super) struct End {
    /// Stops the tasks this long after the beginning (such as 90s, 15m, 1h 30m)
    #[arg(long, value_name = "DURATION", value_parser = words::timeout)]
    pub(super) timeout: Option<Duration>,
    /// For this long, what finds no place is tried again; without it not at all
    #[arg(long, value_name = "DURATION", value_parser = words::duration)]
    pub(super) wait_for_capacity: Option<Duration>,
    /// An exit code that is a success, beside 0; can be repeated
    #[arg(long = "accept-exit-code", value_name = "N")]
    pub(super) accept_exit_codes: Vec<i32>,
    /// How often a task is started again whose host was lost: only for what may run twice
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) retry_infrastructure: u32,
    /// Prints the tasks' ARNs once they are placed, and does not wait for their end
    #[arg(long, conflicts_with_all = ["timeout", "accept_exit_codes", "retry_infrastructure", "attach"])]
    pub(super) detach: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What is shown")]
pub(super) struct Show {
    /// What is on stdout: the log (text), or the run's result document (json), with the log on stderr
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
    /// Prints what would be registered and the calls that would start the tasks as JSON, and does nothing
    #[arg(long, conflicts_with_all = ["detach", "attach"])]
    pub(super) dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    Text,
    Json,
}
