//! `longshore run TASK_DEFINITION [-- COMMAND...]`.

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use longshore_aws::{Aws, ContainerSummary, MAX_TASKS_PER_RUN, RunTask, Settings};
use longshore_model::network::{CapacityProviderStrategyItem, LaunchType};
use serde_json::json;

use crate::error::Failed;
use crate::run::request::{self, Choices};
use crate::run::spec::{self, Definition, Reference};
use crate::run::{self, Job, Lines};
use crate::{env, terminal};

const EXAMPLES: &str = "\
Examples:
  longshore run migrate                                the latest revision of a family
  longshore run migrate:12 --cluster prod --timeout 30m
  longshore run task.json -e DEBUG=1 -- ./job --once   a file, with another command
  longshore run job --launch-type FARGATE --subnet subnet-0abc --public-ip
  longshore run job --capacity-provider FARGATE_SPOT=3 --capacity-provider FARGATE=1
  longshore run job --output json | jq .exitCode       the log goes to stderr
  longshore run task.yaml --dry-run                    what would be sent to ECS

Ctrl-C stops the task; a second Ctrl-C leaves it to ECS.

Exit code: the container's own; 1 when it never ran; 130 on Ctrl-C, 143 on SIGTERM,
124 on --timeout.";

/// Run a task, show its log, and exit with its exit code
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A family (its latest revision), FAMILY:REVISION, an ARN, or a JSON or YAML file to register
    task_definition: String,
    /// Runs this instead of the container's own command
    #[arg(last = true)]
    command: Vec<String>,
    /// Name or ARN of the cluster
    #[arg(long, default_value = "default")]
    cluster: String,
    /// How many tasks
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_TASKS_PER_RUN)))]
    count: u8,
    /// EC2, FARGATE, EXTERNAL or MANAGED_INSTANCES; without it the cluster's default
    #[arg(long, ignore_case = true, value_parser = launch_type, conflicts_with = "capacity_providers")]
    launch_type: Option<LaunchType>,
    /// A capacity provider, with its share of the tasks; can be repeated
    #[arg(long = "capacity-provider", value_name = "NAME[=WEIGHT[,base=N]]", value_parser = request::capacity_provider)]
    capacity_providers: Vec<CapacityProviderStrategyItem>,
    /// A subnet of the task's network interface (networkMode awsvpc); can be repeated
    #[arg(long = "subnet", value_name = "ID")]
    subnets: Vec<String>,
    /// A security group of the task's network interface; can be repeated
    #[arg(long = "security-group", value_name = "ID", requires = "subnets")]
    security_groups: Vec<String>,
    /// Gives the task a public address
    #[arg(long, requires = "subnets")]
    public_ip: bool,
    /// The container that COMMAND and -e are for, and whose exit code counts
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// Sets an environment variable of the container; without =VALUE it is taken from here; can be repeated
    #[arg(short = 'e', long = "env", value_name = "NAME[=VALUE]")]
    environment: Vec<String>,
    /// Stops the task after this time (such as 90s, 15m, 1h 30m), counted from its start
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    timeout: Option<Duration>,
    /// Whom the task belongs to: its startedBy, at most 36 characters
    #[arg(long, value_name = "TEXT", default_value = "longshore", value_parser = started_by)]
    started_by: String,
    /// Prints the task's ARN once it is placed, and does not wait
    #[arg(long, conflicts_with = "timeout")]
    detach: bool,
    /// Prints what would be registered and the input of RunTask as JSON, and does nothing
    #[arg(long, conflicts_with = "detach")]
    dry_run: bool,
    /// What is on stdout: the log (text), or one result document for each task (json), with the log on stderr
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let choices = choices(&arguments)?;
    let definition = match spec::reference(&arguments.task_definition) {
        Reference::Registered(_) => None,
        Reference::File(path) => Some(read(&path)?),
    };
    if arguments.dry_run {
        return dry_run(&arguments, &choices, definition).await;
    }
    if let Some(definition) = &definition {
        // A choice that does not fit the file fails before anything is registered.
        request::build(&choices, &definition.family, &definition.containers)?;
    }
    let aws = Aws::connect(Settings::default()).await?;
    let registered = match definition {
        Some(file) => aws.register_task_definition(&file.family, file.input.to_string()).await?,
        None => aws.describe_task_definition(&arguments.task_definition).await?,
    };
    let mut request = request::build(&choices, &registered.arn, &registered.containers)?;
    request.client_token = Some(token()?);
    let job = Job {
        request,
        containers: registered.containers,
        container: arguments.container,
        timeout: arguments.timeout,
        detach: arguments.detach,
        lines: if arguments.output == Output::Json { Lines::ToStderr } else { Lines::ToStdout },
        who: who(),
    };
    run::run(&aws, &job).await
}

fn choices(arguments: &Arguments) -> Result<Choices> {
    let environment = arguments.environment.iter().map(|text| match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Ok((text.clone(), env::named(text)?)),
    });
    Ok(Choices {
        cluster: arguments.cluster.clone(),
        count: arguments.count,
        launch_type: arguments.launch_type,
        capacity_providers: arguments.capacity_providers.clone(),
        subnets: arguments.subnets.clone(),
        security_groups: arguments.security_groups.clone(),
        public_ip: arguments.public_ip,
        container: arguments.container.clone(),
        command: arguments.command.clone(),
        environment: environment.collect::<Result<_>>()?,
        started_by: arguments.started_by.clone(),
    })
}

fn read(path: &std::path::Path) -> Result<Definition> {
    let text = fs_err::read_to_string(path).map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let failed = Failed::usage("cannot read the task definition").caused_by(error);
        if missing {
            failed.with_hint("name a file, or a registered FAMILY, FAMILY:REVISION or ARN")
        } else {
            failed
        }
    })?;
    let definition = spec::parse(&path.display().to_string(), &text)?;
    for warning in &definition.warnings {
        terminal::talk(&format!("warning: {}: {warning}", path.display()), terminal::Style::Warning);
    }
    Ok(definition)
}

/// A file needs no server for this; a registered one is described, so that the exact revision is shown.
async fn dry_run(arguments: &Arguments, choices: &Choices, definition: Option<Definition>) -> Result<u8> {
    let build = |name: &str, containers: &[ContainerSummary]| -> Result<RunTask, Failed> {
        request::build(choices, name, containers)
    };
    let document = if let Some(definition) = definition {
        let request = build(&definition.family, &definition.containers)?;
        json!({"registerTaskDefinition": definition.input, "runTask": request})
    } else {
        let aws = Aws::connect(Settings::default()).await?;
        let described = aws.describe_task_definition(&arguments.task_definition).await?;
        json!({"runTask": build(&described.arn, &described.containers)?})
    };
    terminal::data(format!("{document:#}\n").as_bytes())?;
    terminal::talk(
        "nothing was sent; the run itself adds a clientToken and the exact revision",
        terminal::Style::Plain,
    );
    Ok(0)
}

fn launch_type(text: &str) -> Result<LaunchType, String> {
    text.to_uppercase().parse().map_err(|_| {
        let known: Vec<&str> = LaunchType::ALL.iter().map(|word| word.as_str()).collect();
        format!("it is one of {}", known.join(", "))
    })
}

fn timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(timeout) if timeout.is_zero() => Err("no task can run in no time".to_owned()),
        Ok(timeout) => Ok(timeout),
        Err(error) => Err(error.to_string()),
    }
}

fn started_by(text: &str) -> Result<String, String> {
    const LONGEST: usize = 36;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    if text.is_empty() || text.len() > LONGEST || !text.chars().all(allowed) {
        return Err(format!("it is 1-{LONGEST} letters, digits, `-`, `_` or `/`"));
    }
    Ok(text.to_owned())
}

/// A name that no other run has: with it, a repeated RunTask starts nothing twice.
fn token() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failed::new("the system has no random numbers").caused_by(error))?;
    Ok(hex::encode(bytes))
}

/// `user@host`, as far as they are known.
fn who() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    match env::user() {
        Some(user) => format!("{user}@{host}"),
        None => host,
    }
}
