//! `longshore up`: the engine with a cluster made of this machine, an app of two services behind a load balancer, and an
//! environment for each branch of a repository that plays GitHub.

mod previews;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result, anyhow};
use longshore_engine::{LoadBalancer, Machine};

use self::previews::Previews;
use crate::serve::{self, Serving};
use crate::terminal::{self, Style};

/// The example's files, as they lie in the repository.
const EXAMPLE: [(&str, &str); 5] = [
    ("longshore.toml", include_str!("../../../../../examples/harbour/longshore.toml")),
    ("web.taskdef.yaml", include_str!("../../../../../examples/harbour/web.taskdef.yaml")),
    ("web.service.yaml", include_str!("../../../../../examples/harbour/web.service.yaml")),
    ("api.taskdef.yaml", include_str!("../../../../../examples/harbour/api.taskdef.yaml")),
    ("api.service.yaml", include_str!("../../../../../examples/harbour/api.service.yaml")),
];

const EXAMPLES: &str = "\
Examples:
  longshore up                 a local ECS with an example app; it serves until Ctrl-C
  eval \"$(longshore env)\"      in another terminal: now every AWS tool uses it
  longshore up --ephemeral     the same, and nothing stays behind

A second `up` finds everything that the first one left.";

/// Start a local ECS with an example app on it
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
    let mut previews = None;
    let told = tokio::select! {
        biased;
        told = serve::until_told_to_end() => Some(told),
        ran = introduce(&serving, &mut previews) => { ran?; None }
    };
    match told {
        Some(told) => told?,
        None => serve::until_told_to_end().await?,
    }
    if let Some(previews) = previews {
        previews.daemon.shutdown().await;
    }
    serving.engine.shutdown().await;
    Ok(0)
}

/// Shows where the engine is, brings up the example, and says how to go on.
async fn introduce(serving: &Serving, previews: &mut Option<Previews>) -> Result<()> {
    let access = &serving.access;
    terminal::talk(
        &format!("engine: {} in {} (cluster `default`, two instances)", access.endpoint, access.region),
        Style::Plain,
    );
    let made = serving.engine.make_load_balancer(&access.region, &balancer()).await;
    let made = made.map_err(|refusal| {
        anyhow!("cannot make the load balancer: {}", refusal.message.unwrap_or_default())
    })?;
    let directory = write_example(serving, &made.groups)?;
    terminal::talk(&format!("\n$ cd {} && longshore apply .", directory.display()), Style::Plain);
    let status = apply_example(serving, &directory).await?;
    match &made.url {
        Some(url) if status.success() => terminal::talk(&format!("\nopen {url}"), Style::Plain),
        Some(_) => terminal::talk("\nThe example did not come up; the lines above say why.", Style::Plain),
        None => {
            terminal::talk("\nThe load balancer could open no port; the log above says why.", Style::Plain)
        }
    }
    *previews = previews::begin(serving, &directory).await;
    if let Some(previews) = previews {
        previews.introduce(&directory);
    }
    terminal::talk("\nNow in another terminal, for this shell's AWS tools:\n", Style::Plain);
    terminal::data(access.exports().as_bytes())?;
    terminal::talk(
        "\nor `eval \"$(longshore env)\"`; then `longshore status` shows the services, `aws ecs list-tasks` their tasks.\n\
         Serving until Ctrl-C.",
        Style::Plain,
    );
    Ok(())
}

/// What the example's two services are behind.
fn balancer() -> LoadBalancer {
    LoadBalancer {
        name: "harbour".to_owned(),
        port: 8080,
        groups: vec![("web".to_owned(), None), ("api".to_owned(), Some("/api/*".to_owned()))],
        health_path: "/health".to_owned(),
    }
}

/// The example's files in the state directory, with this machine's values in them, so that they can be changed and
/// applied again.
fn write_example(serving: &Serving, groups: &[String]) -> Result<PathBuf> {
    let directory = serving.engine.directory().join("harbour");
    fs_err::create_dir_all(&directory)?;
    let image = serving.example_image.as_deref().unwrap_or("longshore/example");
    let region = &serving.access.region;
    for (name, text) in EXAMPLE {
        let path = directory.join(name);
        // What the user has changed stays changed.
        if path.exists() {
            continue;
        }
        let mut text = text.replace("{{ var.image }}", image).replace("{{ env.AWS_REGION }}", region);
        for ((group, _), arn) in balancer().groups.iter().zip(groups) {
            text = text.replace(&format!("{{{{ var.{group} }}}}"), arn);
        }
        fs_err::write(path, text)?;
    }
    Ok(directory)
}

/// Applies the example through the front door: this same program, told where the engine is as any tool is told.
async fn apply_example(serving: &Serving, directory: &Path) -> Result<ExitStatus> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = tokio::process::Command::new(program);
    command.args(["apply", "."]).current_dir(directory).kill_on_drop(true);
    // What would lead elsewhere, or to other credentials, must not reach it.
    for name in
        ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_ECS", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"]
    {
        command.env_remove(name);
    }
    command.env_remove("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").envs(serving.access.variables());
    command.status().await.context("cannot apply the example")
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
