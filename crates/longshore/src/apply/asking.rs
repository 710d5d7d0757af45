//! Asking before something is removed, and knowing whose it is.

use anyhow::Result;
use longshore_decide::service::DEFAULT_PROJECT;

use crate::config;
use crate::error::Failed;
use crate::terminal::{self, Style};

/// The project of the command line, or of longshore.toml. What removes needs one that somebody has named: everything
/// without one is marked alike.
pub(crate) fn named_project(given: Option<&str>, config: &config::Apply, verb: &str) -> Result<String> {
    match given.or(config.project.as_deref()) {
        Some(project) if project != DEFAULT_PROJECT && !project.is_empty() => Ok(project.to_owned()),
        _ => Err(Failed::usage(format!("no project is named: {verb} removes only what carries a project's tag"))
            .with_hint(
                "pass --project NAME or write `project` into [apply] of longshore.toml, and apply once with it: that \
                 sets the tag",
            )
            .into()),
    }
}

/// Says what would go, and asks whether it may. Where nobody can be asked, `yes` is needed.
pub(crate) fn agreed(yes: bool, what: &[String], question: &str) -> Result<bool> {
    for line in what {
        terminal::talk(line, Style::Plain);
    }
    if yes {
        return Ok(true);
    }
    let Some(answer) = terminal::ask(&format!("{question} [y/N]"))? else {
        return Err(Failed::usage("there is no terminal to ask on")
            .with_hint("--yes removes without asking; --dry-run prints the calls and makes none")
            .into());
    };
    let agreed = is_yes(&answer);
    if !agreed {
        terminal::talk("nothing was changed", Style::Plain);
    }
    Ok(agreed)
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(["y", "Y", "yes", "Yes"].into_iter().all(is_yes));
        assert!(!["", "n", "no", "ye", "yes please", "j"].into_iter().any(is_yes));
    }

    #[test]
    fn the_default_project_is_nobodys() {
        let config = |project: Option<&str>| config::Apply {
            project: project.map(ToOwned::to_owned),
            ..config::Apply::default()
        };
        assert_eq!(named_project(Some("a"), &config(Some("b")), "x").unwrap(), "a");
        assert_eq!(named_project(None, &config(Some("b")), "x").unwrap(), "b");
        for (given, configured) in
            [(None, None), (Some("default"), Some("b")), (None, Some("default")), (Some(""), None)]
        {
            let error = named_project(given, &config(configured), "destroy").unwrap_err();
            assert!(error.to_string().starts_with("no project is named: destroy"), "{error}");
        }
    }
}
