//! `longshore.toml`: the one configuration file, beside the files of services or where Longshore is started.

mod apply;
pub(crate) mod duration;
mod preview;
mod serve;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::Failed;

pub(crate) use self::apply::{Apply, Gate};
pub(crate) use self::duration::Span;
pub(crate) use self::preview::{Preview, is_local};
pub(crate) use self::serve::{Notify, Serve};

/// The file's name.
pub(crate) const FILE: &str = "longshore.toml";

/// The configuration of a project.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "longshore.toml")]
pub(crate) struct Config {
    /// The files of services and task definitions.
    pub(crate) apply: Apply,
    /// The local engine.
    pub(crate) engine: Engine,
    /// The daemon.
    pub(crate) serve: Serve,
    /// Environments of branches and pull requests, for each repository.
    pub(crate) preview: Vec<Preview>,
    /// Whom `longshore serve` tells what happens to environments.
    pub(crate) notify: Vec<Notify>,
}

/// The local engine.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Engine {
    /// The process runtime.
    pub(crate) process: Process,
}

/// The process runtime.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Process {
    /// What stands for an image's own command, by image (with or without its tag): the process runtime has no images.
    pub(crate) commands: BTreeMap<String, Vec<String>>,
}

impl Config {
    /// The configuration beside a directory's files: its own where it has one, else that of where we are.
    pub(crate) fn near(directory: &Path) -> Result<Self> {
        if !directory.join(FILE).exists() {
            return Self::of(Path::new("."));
        }
        let mut config = Self::of(directory)?;
        config.apply.tfstate = config.apply.tfstate.map(|file| directory.join(file));
        Ok(config)
    }

    /// The configuration in a directory; without a file everything is at its default.
    pub(crate) fn of(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        match fs_err::read_to_string(&path) {
            Ok(text) => parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failed::usage(format!("cannot read `{FILE}`")).caused_by(error).into()),
        }
    }
}

fn parse(text: &str) -> Result<Config> {
    toml::from_str(text).map_err(|error| {
        let failed = Failed::usage(format!("`{FILE}` is wrong: {}", plain(error.message())));
        let failed = match error.span() {
            Some(span) => {
                let line = 1 + text[..span.start].matches('\n').count();
                failed.with_hint(match nearest(error.message()) {
                    Some(known) => format!("line {line}: did you mean `{known}`?"),
                    None => format!("look at line {line}"),
                })
            }
            None => failed,
        };
        failed.into()
    })
}

/// serde's sentence, with what a value may be in place of the name of a type.
fn plain(message: &str) -> String {
    let known = [
        ("expected u16", "expected a whole number from 0 to 65535"),
        ("expected u32", "expected a whole number that is not negative"),
        ("invalid socket address syntax", "an address has a port, as in 127.0.0.1:7400"),
    ];
    known.iter().fold(message.to_owned(), |message, (theirs, ours)| message.replace(theirs, ours))
}

/// The known key that is most like the unknown one, from serde's sentence about it.
fn nearest(message: &str) -> Option<&str> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    quoted.max_by(|a, b| strsim::jaro_winkler(unknown, a).total_cmp(&strsim::jaro_winkler(unknown, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_by_image() {
        let config =
            parse("[engine.process.commands]\nnginx = [\"python3\", \"-m\", \"http.server\"]\n").unwrap();
        assert_eq!(config.engine.process.commands["nginx"], ["python3", "-m", "http.server"]);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_the_nearest_known_one() {
        let error = parse("[engine.proces.commands]\n").unwrap_err();
        let failed = error.downcast_ref::<Failed>().unwrap();
        assert!(failed.to_string().contains("unknown field `proces`"), "{failed}");
        let error = parse("[engine]\n\n[serve]\nlisten = \"127.0.0.1:0\"\nprosy = 1\n").unwrap_err();
        let failed = error.downcast_ref::<Failed>().unwrap();
        assert!(format!("{failed:?}").contains("line 5: did you mean `proxy`?"), "{failed:?}");
        assert_eq!(nearest("unknown field `proces`, expected `process`"), Some("process"));
        assert_eq!(nearest("invalid type"), None);
    }

    #[test]
    fn a_value_of_another_kind_is_told_what_it_may_be() {
        let preview = "[[preview]]\nrepository = \"octo-org/shop\"\n";
        let service = "[[preview.service]]\nname = \"web\"\ntask_definition = \"web\"\nport = 70000\n";
        for (text, expected) in [
            ("[serve]\nlisten = \"127.0.0.1\"\n".to_owned(), "an address has a port, as in 127.0.0.1:7400"),
            (
                format!("{preview}limits.ttl = \"7 dogs\"\n"),
                "write how long, such as `12h` or `7d`, or `never`",
            ),
            (format!("{preview}limits.ttl = 7\n"), "write how long, such as `12h` or `7d`, or `never`"),
            (format!("{preview}limits.sleep = 7\n"), "write how long, such as `90s`, `12h` or `7d`"),
            (format!("{preview}{service}"), "expected a whole number from 0 to 65535"),
        ] {
            let said = parse(&text).unwrap_err().to_string();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }

    /// The published schema is this one: `LONGSHORE_ACCEPT=1 cargo test -p longshore schema` writes it anew.
    #[test]
    fn the_published_schema_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/longshore.schema.json");
        let schema = serde_json::to_string_pretty(&schemars::schema_for!(Config)).unwrap() + "\n";
        if crate::env::accept() {
            fs_err::write(&path, &schema).unwrap();
        }
        assert_eq!(fs_err::read_to_string(&path).unwrap(), schema);
    }
}
