//! `longshore serve`: the control plane, its API and its dashboard.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use longshore_aws::Settings;

use crate::config::Config;
use crate::daemon::{self, Daemon, Place, Setup};
use crate::error::Failed;
use crate::serve::{log_to_stderr, until_told_to_end};
use crate::terminal::{self, Style};
use crate::{config, env};

const EXAMPLES: &str = "\
Examples:
  longshore serve                        with the longshore.toml of this directory, until Ctrl-C
  longshore serve --state /var/lib/longshore
  LONGSHORE_LOG=debug longshore serve    every round, with its id

It gives every branch and pull request that longshore.toml speaks of an environment of its own.
GitHub's token and the webhook's secret come from GITHUB_TOKEN and GITHUB_WEBHOOK_SECRET, or from
the variables that longshore.toml names.

`longshore up` has one inside, with a stand-in for GitHub: no account is needed to try it.";

/// Serve the control plane: preview environments, webhooks, API and dashboard
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Where its state is kept [default: longshore/serve in XDG_DATA_HOME or ~/.local/share]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    log_to_stderr();
    let config = Config::of(Path::new("."))?;
    if config.preview.is_empty() {
        return Err(Failed::usage(format!(
            "`{}` has no [[preview]], so there is nothing to serve",
            config::FILE
        ))
        .with_hint("docs/previews.md begins with one; `longshore up` serves an example")
        .into());
    }
    for warning in config.serve.warnings(|name| env::secret(name).is_some()) {
        terminal::talk(&format!("warning: {warning}"), Style::Warning);
    }
    let directory = match arguments.state {
        Some(directory) => directory,
        None => daemon::default_directory()?,
    };
    let place = Place::open(&directory)?;
    let listener = daemon::bind(config.serve.listen).await?;
    let setup = Setup {
        proxy: vec![config.serve.proxy],
        config,
        place,
        listener,
        aws: Settings::default(),
        secret: env::secret,
        secrets: BTreeMap::new(),
    };
    let daemon = daemon::start(setup).await?;
    introduce(&daemon, &directory);
    until_told_to_end().await?;
    daemon.shutdown().await;
    Ok(0)
}

fn introduce(daemon: &Daemon, directory: &Path) {
    terminal::talk(&format!("dashboard: {}", daemon.public_url), Style::Plain);
    terminal::talk(&format!("webhooks: {}/webhooks/github", daemon.public_url), Style::Plain);
    terminal::talk(&format!("environments: behind http://{}", daemon.proxy), Style::Plain);
    let token = directory.join("token");
    terminal::talk(&format!("an operator's token is in {}", token.display()), Style::Plain);
    terminal::talk("Serving until Ctrl-C.", Style::Plain);
}
