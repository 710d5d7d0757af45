//! The command line as a whole. Each verb has its own file in `commands`.

use clap::{Parser, Subcommand};

use crate::commands::{
    apply, cfn, completions, destroy, diff, drift, engine, env, example, gc, init, lambda, logs, man,
    preview, render, restart, rollback, run, scale, serve, status, templates, up, verify,
};

const EXAMPLES: &str = "\
Examples:
  longshore up                              a local ECS on this machine, with an example app
  longshore run migrate                     the latest revision of a family
  longshore run task.json -- ./job --once   a file, with another command
  longshore run --help                      all that `run` can do
  longshore apply deploy                    services as their files in deploy/ say
  longshore serve                           every branch its own environment

Region, credentials and endpoint come from where every AWS tool takes them:
AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, SSO, roles.

Exit codes: 0 done, 1 failed, 2 wrong usage; `run` exits with the container's own.";

/// The dock crew for Amazon ECS: runs tasks, on AWS and on this machine.
#[derive(Debug, Parser)]
#[command(name = "longshore", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(up::Arguments),
    Run(Box<run::Arguments>),
    Apply(apply::Arguments),
    Diff(diff::Arguments),
    Verify(verify::Arguments),
    Status(status::Arguments),
    Logs(logs::Arguments),
    Rollback(rollback::Arguments),
    Scale(scale::Arguments),
    Restart(restart::Arguments),
    Drift(drift::Arguments),
    Init(init::Arguments),
    Gc(gc::Arguments),
    Destroy(destroy::Arguments),
    Serve(serve::Arguments),
    Preview(preview::Arguments),
    Cfn(cfn::Arguments),
    Engine(engine::Arguments),
    Env(env::Arguments),
    Completions(completions::Arguments),
    Lambda(lambda::Arguments),
    Man(man::Arguments),
    Render(render::Arguments),
    Templates(templates::Arguments),
    #[command(hide = true)]
    Example(example::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_says_what_it_does_and_shows_an_example() {
        for verb in Cli::command().get_subcommands() {
            assert!(verb.get_about().is_some(), "{} has no description", verb.get_name());
            assert!(verb.get_after_help().is_some(), "{} has no example", verb.get_name());
        }
    }
}
