//! One file per verb.

pub(crate) mod apply;
pub(crate) mod cfn;
pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod diff;
pub(crate) mod drift;
pub(crate) mod engine;
pub(crate) mod env;
pub(crate) mod example;
pub(crate) mod gc;
pub(crate) mod init;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod preview;
pub(crate) mod render;
pub(crate) mod restart;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod scale;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod templates;
pub(crate) mod up;
pub(crate) mod verify;

use std::future::Future;

use anyhow::{Context, Result};

use crate::cli::Command;

/// Runs the verb and gives back the exit code of the process.
pub(crate) fn execute(command: Command) -> Result<u8> {
    match command {
        Command::Up(arguments) => block_on(up::execute(arguments)),
        Command::Run(arguments) => block_on(run::execute(*arguments)),
        Command::Apply(arguments) => block_on(apply::execute(arguments)),
        Command::Diff(arguments) => block_on(diff::execute(arguments)),
        Command::Destroy(arguments) => block_on(destroy::execute(arguments)),
        Command::Drift(arguments) => block_on(drift::execute(arguments)),
        Command::Gc(arguments) => block_on(gc::execute(arguments)),
        Command::Init(arguments) => block_on(init::execute(arguments)),
        Command::Verify(arguments) => block_on(verify::execute(arguments)),
        Command::Restart(arguments) => block_on(restart::execute(arguments)),
        Command::Rollback(arguments) => block_on(rollback::execute(arguments)),
        Command::Scale(arguments) => block_on(scale::execute(arguments)),
        Command::Status(arguments) => block_on(status::execute(arguments)),
        Command::Logs(arguments) => block_on(logs::execute(arguments)),
        Command::Cfn(arguments) => block_on(cfn::execute(arguments)),
        Command::Serve(arguments) => block_on(serve::execute(arguments)),
        Command::Preview(arguments) => block_on(preview::execute(arguments)),
        Command::Engine(arguments) => block_on(engine::execute(arguments)),
        Command::Env(arguments) => env::execute(arguments),
        Command::Completions(arguments) => completions::execute(&arguments),
        Command::Lambda(arguments) => block_on(lambda::execute(arguments)),
        Command::Man(arguments) => man::execute(&arguments),
        Command::Example(arguments) => block_on(example::execute(arguments)),
        Command::Render(arguments) => block_on(render::execute(arguments)),
        Command::Templates(arguments) => templates::execute(&arguments),
    }
}

fn block_on<T>(verb: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let end = runtime.block_on(verb);
    // A verb that is left early, as on a second Ctrl-C, does not wait for calls that are under way.
    runtime.shutdown_background();
    end
}
