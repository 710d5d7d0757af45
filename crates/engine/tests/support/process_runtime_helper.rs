//! For the tests of the process runtime only: as `supervise` a supervisor, as `engine STATE ID` an engine that runs
//! one container until it is killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use longshore_engine::runtime::process::{ProcessOptions, ProcessRuntime, supervise};
use longshore_engine::runtime::{ContainerPlan, REPORTS_LIMIT, Report, Runtime};
use tokio::sync::mpsc;

mod plans;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["supervise"] => supervise(),
        ["engine", state, engine_id, script] => run_one(state.into(), engine_id, script),
        _ => ExitCode::FAILURE,
    }
}

/// Runs a container, and shows its lines as they come.
#[tokio::main(flavor = "current_thread")]
async fn run_one(state: PathBuf, engine_id: &str, script: &str) -> ExitCode {
    let (reports, mut reported) = mpsc::channel(REPORTS_LIMIT);
    let Ok(this) = std::env::current_exe() else { return ExitCode::FAILURE };
    let options = ProcessOptions {
        state,
        engine_id: engine_id.to_owned(),
        supervisor: this,
        supervisor_arguments: vec!["supervise".to_owned()],
        path: "/usr/local/bin:/usr/bin:/bin".to_owned(),
        commands: BTreeMap::new(),
    };
    let runtime = ProcessRuntime::new(options, reports);
    let plan: ContainerPlan = plans::container(&plans::task("0123456789abcdef0123456789abcdef"), script);
    if runtime.prepare(&plan.task).await.is_err() || runtime.start(plan).await.is_err() {
        return ExitCode::FAILURE;
    }
    while let Some(report) = reported.recv().await {
        if let Report::Lines(_, lines) = report {
            for line in lines {
                #[expect(clippy::print_stdout, reason = "the test reads them here")]
                {
                    println!("{}", line.text);
                }
            }
        }
    }
    ExitCode::SUCCESS
}
