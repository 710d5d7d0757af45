//! `longshore verify DIR`.

use anyhow::Result;
use clap::Args;
use longshore_control::service::verify;
use longshore_decide::service::{Check, Judged, State};
use serde_json::{Value, json};

use crate::apply::{Files, Output, Scene};
use crate::terminal::{self, Style};

const EXAMPLES: &str = "\
Examples:
  longshore verify deploy                   before `longshore apply deploy`, in a pull request
  longshore verify deploy --only web --var tag=v42
  longshore verify deploy --output json | jq '.checks[] | select(.state == \"failed\")'

Looks whether there is what the files need: cluster, roles and their trust, images, secrets (never their values),
target groups and ports, log groups. It has no effect. What it may not ask, or cannot, is `not checked`, with why.

Exit code: 0 when nothing failed, else 1.";

/// Look whether there is what the files need
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: Files,
    /// What is on stdout: a line for each check (text), or all of them (json)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let scene = Scene::open(&arguments.files, "verify").await?;
    let aws = &*scene.cluster.aws;
    let judged = verify(&scene.cluster.name, &scene.wanted, aws, aws).await?;
    let text = match arguments.output {
        Output::Text => judged.iter().map(|(check, judged)| line(check, judged)).collect(),
        Output::Json => {
            let checks: Vec<Value> = judged.iter().map(|(check, judged)| object(check, judged)).collect();
            let document = json!({"cluster": scene.cluster.name, "checks": checks});
            format!("{}\n", serde_json::to_string_pretty(&document)?)
        }
    };
    terminal::data(text.as_bytes())?;
    let count = |state| judged.iter().filter(|(_, judged)| judged.state == state).count();
    let (ok, failed, open) = (count(State::Ok), count(State::Failed), count(State::NotChecked));
    terminal::talk(&format!("{ok} ok, {failed} failed, {open} not checked"), Style::Plain);
    Ok(u8::from(failed > 0))
}

fn line(check: &Check, judged: &Judged) -> String {
    let state = match judged.state {
        State::Ok => "ok",
        State::Failed => "failed",
        State::NotChecked => "not checked",
    };
    let unit = if check.unit.is_empty() { String::new() } else { format!("{}: ", check.unit) };
    let why = judged.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let hint = judged.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{state:<12} {unit}{}{why}{hint}\n", check.what)
}

fn object(check: &Check, judged: &Judged) -> Value {
    let unit = (!check.unit.is_empty()).then_some(&check.unit);
    let mut object = json!({"unit": unit, "what": check.what});
    if let (Value::Object(members), Ok(Value::Object(judged))) = (&mut object, serde_json::to_value(judged)) {
        members.extend(judged);
    }
    object
}
