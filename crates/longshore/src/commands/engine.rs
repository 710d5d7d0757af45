//! `longshore engine`: the local ECS engine by itself.

use anyhow::Result;

use crate::serve;
use crate::terminal::{self, Style};

const EXAMPLES: &str = "\
Examples:
  longshore engine                                     state kept, port 4510
  eval \"$(longshore env)\"                              then any AWS tool uses it
  longshore engine --ephemeral --listen 127.0.0.1:0    for a test suite: nothing kept, any free port
  longshore engine --ephemeral --runtime simulated     nothing runs, tasks only seem to

When it serves, it prints the exports for a shell to stdout; everything else goes to stderr.
It listens on loopback only, and every request must be signed with its own key.
LONGSHORE_LOG=debug says what it does.";

/// Serve a local ECS that really runs tasks
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    serve: serve::EngineArguments,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    serve::log_to_stderr();
    let serving = serve::start(&arguments.serve).await?;
    terminal::data(serving.access.exports().as_bytes())?;
    let state = if arguments.serve.ephemeral {
        "nothing is kept".to_owned()
    } else {
        format!("state in {}", serving.engine.directory().display())
    };
    terminal::talk(&format!("engine: {} ({state}); Ctrl-C ends it", serving.access.endpoint), Style::Plain);
    serve::until_told_to_end().await?;
    serving.engine.shutdown().await;
    Ok(0)
}
