//! `longshore up`: the engine with a cluster made of this machine, and a first task before your eyes.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result, anyhow};
use longshore_engine::Machine;

use crate::serve::{self, Serving};
use crate::terminal::{self, Style};

/// The example's task definition, as it lies in the repository.
const EXAMPLE: &str = include_str!("../../../../examples/migrate.json");

const EXAMPLES: &str = "\
Examples:
  longshore up                 a local ECS, a first task, then it serves until Ctrl-C
  eval \"$(longshore env)\"      in another terminal: now every AWS tool uses it
  longshore up --ephemeral     the same, and nothing stays behind

A second `up` finds everything that the first one left.";

/// Start a local ECS and run a first task on it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    serve: serve::EngineArguments,
}

pub(crate) async fn execute(mut arguments: Arguments) -> Result<u8> {
    serve::log_to_stderr();
    arguments.serve.with_example = true;
    let serving = serve::start(&arguments.serve).await?;
    let machine = machine();
    let made = serving.engine.make_default_cluster(&serving.access.region, &machine).await;
    made.map_err(|refusal| {
        anyhow!("cannot make the cluster `default`: {}", refusal.message.unwrap_or_default())
    })?;
    let told = tokio::select! {
        biased;
        told = serve::until_told_to_end() => Some(told),
        ran = introduce(&serving) => { ran?; None }
    };
    match told {
        Some(told) => told?,
        None => serve::until_told_to_end().await?,
    }
    serving.engine.shutdown().await;
    Ok(0)
}

/// Shows where the engine is, runs the example, and says how to go on.
async fn introduce(serving: &Serving) -> Result<()> {
    let access = &serving.access;
    terminal::talk(
        &format!("engine: {} in {} (cluster `default`, two instances)", access.endpoint, access.region),
        Style::Plain,
    );
    let example = write_example(serving.engine.directory(), &access.region)?;
    terminal::talk(&format!("\n$ longshore run {}", example.display()), Style::Plain);
    let status = run_example(serving, &example).await?;
    let code = status.code().map_or_else(|| "none".to_owned(), |code| code.to_string());
    terminal::talk(
        &format!("exit code: {code}\n\nNow in another terminal, for this shell's AWS tools:\n"),
        Style::Plain,
    );
    terminal::data(access.exports().as_bytes())?;
    terminal::talk(
        "\nor `eval \"$(longshore env)\"`; then `aws ecs list-tasks --desired-status STOPPED` shows the task.\n\
         Serving until Ctrl-C.",
        Style::Plain,
    );
    Ok(())
}

/// The awslogs driver wants its region spelled out.
fn write_example(state: &Path, region: &str) -> Result<PathBuf> {
    let path = state.join("migrate.json");
    fs_err::write(&path, EXAMPLE.replace("us-east-1", region))?;
    Ok(path)
}

/// Runs the example through the front door: this same program, told where the engine is as any tool is told.
async fn run_example(serving: &Serving, example: &Path) -> Result<ExitStatus> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = tokio::process::Command::new(program);
    command.arg("run").arg(example).kill_on_drop(true);
    // What would lead elsewhere, or to other credentials, must not reach it.
    for name in
        ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_ECS", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"]
    {
        command.env_remove(name);
    }
    command.env_remove("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").envs(serving.access.variables());
    command.status().await.context("cannot run the example")
}

fn machine() -> Machine {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = rustix::system::sysinfo();
    let bytes = memory.totalram.saturating_mul(u64::from(memory.mem_unit));
    Machine {
        cpus: i32::try_from(cpus).unwrap_or(i32::MAX),
        memory_mib: i32::try_from(bytes / (1024 * 1024)).unwrap_or(i32::MAX),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
