//! `longshore drift DIR`.

use anyhow::Result;
use clap::Args;
use longshore_decide::service::drift::{Member, is_path, members, without_file};
use longshore_decide::service::{self};
use serde_json::{Value, json};

use crate::apply::difference::differences;
use crate::apply::prune::described;
use crate::apply::{Files, Output, Scene};
use crate::error::{self, Failed};
use crate::terminal::{self, Style};

/// There is drift.
const DRIFTED: u8 = 2;

/// Values are shown up to this length.
const SHOWN: usize = 100;

const EXAMPLES: &str = "\
Examples:
  longshore drift deploy                    what is not as the files say; for cron
  longshore drift deploy --ignore desiredCount --ignore 'containerDefinitions.*.image'
  longshore drift deploy --output json | jq -r '.services[].title'

Paths have dots between the levels, and numbers or * for the items of lists. `ignore` in [apply] of longshore.toml
has more of them. Services of the project that have no file are drift as well.

Exit code: 0 when all is as the files say, 2 when it is not, 1 when it could not be found out.";

/// Say what is no longer as the files say
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: Files,
    /// A member that may differ, such as deploymentConfiguration.alarms; can be repeated
    #[arg(long, value_name = "PATH")]
    ignore: Vec<String>,
    /// What is on stdout: a line for each member (text), or a document (json)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Something that is not as it should be.
struct Drifted {
    title: String,
    members: Vec<Member>,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    error::as_unknown(look(arguments).await)
}

async fn look(arguments: Arguments) -> Result<u8> {
    let scene = Scene::open(&arguments.files, "drift").await?;
    let ignored: Vec<String> = scene.cluster.config.ignore.iter().chain(&arguments.ignore).cloned().collect();
    if let Some(wrong) = ignored.iter().find(|path| !is_path(path)) {
        let failed = Failed::usage(format!("`{wrong}` cannot be ignored: it is no path"));
        return Err(failed.with_hint("write names with dots between them, such as desiredCount").into());
    }
    let found = find(&scene, &ignored, arguments.files.files.only.is_empty()).await?;
    if arguments.output == Output::Json {
        let services: Vec<Value> =
            found.iter().map(|it| json!({"title": it.title, "members": it.members})).collect();
        let document = json!({"cluster": scene.cluster.name, "project": scene.project, "services": services});
        terminal::data(format!("{}\n", serde_json::to_string_pretty(&document)?).as_bytes())?;
    } else {
        let text: String = found.iter().map(in_words).collect();
        terminal::data(text.as_bytes())?;
        if found.is_empty() {
            terminal::talk("all is as the files say", Style::Plain);
        }
    }
    Ok(if found.is_empty() { 0 } else { DRIFTED })
}

/// `whole` when all files were read: else others have one too.
async fn find(scene: &Scene, ignored: &[String], whole: bool) -> Result<Vec<Drifted>> {
    let applier = &scene.cluster.applier;
    let observed = applier.observe(&scene.wanted, &scene.project).await?;
    let mut found: Vec<Drifted> = differences(&observed)
        .into_iter()
        .map(|it| Drifted { members: members(&it.live, &it.wanted, ignored), title: it.title })
        .filter(|it| !it.members.is_empty())
        .collect();
    if whole {
        let seen = applier.all_services().await?;
        let others = service::without_file(seen, &scene.project, &described(&scene.wanted));
        found.extend(others.iter().map(|service| Drifted {
            title: format!("service {}", service.name),
            members: vec![without_file(service)],
        }));
    }
    Ok(found)
}

fn in_words(drifted: &Drifted) -> String {
    let title = &drifted.title;
    let line = |member: &Member| match (member.path.as_str(), &member.live, &member.wanted) {
        ("", Value::Null, _) => format!("{title}: is not there\n"),
        ("", _, Value::Null) => format!("{title}: has no file\n"),
        (path, live, wanted) => {
            format!("{title}: {path} is {}, the file says {}\n", shown(live), shown(wanted))
        }
    };
    drifted.members.iter().map(line).collect()
}

fn shown(value: &Value) -> String {
    let text = if value.is_null() { "nothing".to_owned() } else { value.to_string() };
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars().take(SHOWN - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_said_in_a_line_for_each_member() {
        let member = |path: &str, live: Value, wanted: Value| Member { path: path.into(), live, wanted };
        let drifted = |members| in_words(&Drifted { title: "service web".into(), members });
        assert_eq!(
            drifted(vec![
                member("desiredCount", json!(3), json!(2)),
                member("tags", Value::Null, json!("x".repeat(200))),
            ]),
            format!(
                "service web: desiredCount is 3, the file says 2\nservice web: tags is nothing, the file says \"{}…\n",
                "x".repeat(98)
            )
        );
        assert_eq!(drifted(vec![member("", json!({}), Value::Null)]), "service web: has no file\n");
        assert_eq!(drifted(vec![member("", Value::Null, json!({}))]), "service web: is not there\n");
    }
}
