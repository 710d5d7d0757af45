//! The command line of every verb that reads a directory of files.

use std::path::PathBuf;

use anyhow::Result;
use longshore_decide::service::files::Rules;

use super::Options;
use crate::config::Config;
use crate::error::Failed;

/// Which files, and with which values.
#[derive(Debug, clap::Args)]
pub(crate) struct FileArguments {
    /// The directory with the NAME.taskdef and NAME.service files
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Only the files of this name; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// What templates know as {{ var.NAME }}; can be repeated
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<String>,
    /// Goes before NAME where a file has no family and no serviceName of its own
    #[arg(long)]
    pub(crate) prefix: Option<String>,
    /// The Terraform state that templates know as {{ tfstate("ADDRESS") }}
    #[arg(long, value_name = "FILE")]
    pub(crate) tfstate: Option<PathBuf>,
}

impl FileArguments {
    /// The command line goes before the configuration.
    pub(crate) fn options(&self, config: Config) -> Result<Options> {
        let variables = self.variables.iter().map(|pair| match pair.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            // What has no `=` may be a value.
            _ => Err(Failed::usage("a --var has no name and value").with_hint("write --var NAME=VALUE")),
        });
        let apply = config.apply;
        let rules = Rules {
            prefix: self.prefix.clone().or(apply.prefix).unwrap_or_default(),
            ..apply.autocreate.into()
        };
        Ok(Options {
            rules,
            variables: variables.collect::<Result<_, _>>()?,
            state_file: self.tfstate.clone().or(apply.tfstate),
            only: self.only.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Verb {
        #[command(flatten)]
        files: FileArguments,
    }

    fn options(arguments: &[&str], config: Config) -> Result<Options> {
        let words = ["longshore"].iter().chain(arguments);
        Verb::try_parse_from(words).unwrap().files.options(config)
    }

    #[test]
    fn the_command_line_goes_before_the_configuration() {
        let config = || Config {
            apply: crate::config::Apply {
                prefix: Some("dev-".into()),
                tfstate: Some("a.tfstate".into()),
                ..crate::config::Apply::default()
            },
            ..Config::default()
        };
        let read = options(&["ecs"], config()).unwrap();
        assert_eq!((read.rules.prefix.as_str(), read.state_file), ("dev-", Some("a.tfstate".into())));
        assert_eq!(read.rules.desired_count, 1);
        let line = [
            "ecs",
            "--only",
            "web",
            "--only",
            "api",
            "--prefix",
            "",
            "--tfstate",
            "b",
            "--var",
            "a=b=c",
            "--var",
            "d=",
        ];
        let read = options(&line, config()).unwrap();
        assert_eq!((read.rules.prefix.as_str(), read.state_file), ("", Some("b".into())));
        assert_eq!(read.only, ["web", "api"]);
        let variables = [("a", "b=c"), ("d", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read.variables, BTreeMap::from(variables));
        for wrong in ["hush", "=hush"] {
            let error = options(&["ecs", "--var", wrong], config()).unwrap_err();
            assert_eq!(error.to_string(), "a --var has no name and value");
        }
    }
}
