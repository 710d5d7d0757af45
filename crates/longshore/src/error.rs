//! How errors are shown: once, by one printer, with the chain of causes and the first hint.

use std::error::Error;
use std::fmt;

use crate::terminal;

/// An error of our own, with a hint and an exit code.
#[derive(Debug)]
pub(crate) struct Failed {
    message: String,
    hint: Option<String>,
    exit: u8,
    source: Option<anyhow::Error>,
}

impl Failed {
    /// Something went wrong: exit code 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: 1, source: None }
    }

    /// The command line is wrong: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: 2, ..Self::new(message) }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn caused_by(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Prints an error to stderr and gives back the exit code that belongs to it.
pub(crate) fn print(error: &anyhow::Error) -> u8 {
    let (text, exit) = render(error);
    for (position, line) in text.iter().enumerate() {
        terminal::talk(line, if position == 0 { terminal::Style::Error } else { terminal::Style::Plain });
    }
    exit
}

/// For verbs whose 2 says that something differs: every error is 1, so that a file that cannot be read does not look like
/// a difference.
pub(crate) fn as_unknown(end: anyhow::Result<u8>) -> anyhow::Result<u8> {
    const UNKNOWN: u8 = 1;
    if let Err(error) = &end {
        print(error);
        return Ok(UNKNOWN);
    }
    end
}

pub(crate) fn render(error: &anyhow::Error) -> (Vec<String>, u8) {
    let mut lines = Vec::new();
    let (mut hint, mut exit) = (None, None);
    for cause in error.chain() {
        let label = if lines.is_empty() { "error" } else { "  caused by" };
        lines.push(format!("{label}: {cause}"));
        if let Some(ours) = cause.downcast_ref::<Failed>() {
            hint = hint.or_else(|| ours.hint.clone());
            exit = exit.or(Some(ours.exit));
        }
        if let Some(call) = cause.downcast_ref::<longshore_model::Error>() {
            hint = hint.or_else(|| call.hint().map(ToOwned::to_owned));
        }
    }
    lines.extend(hint.map(|hint| format!("hint: {hint}")));
    (lines, exit.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_printed_once_with_the_first_hint() {
        let inner = Failed::new("the disk is full").with_hint("delete something");
        let outer = Failed::usage("cannot read `task.json`").caused_by(inner);
        let (lines, exit) = render(&outer.into());
        assert_eq!(
            lines,
            ["error: cannot read `task.json`", "  caused by: the disk is full", "hint: delete something"]
        );
        assert_eq!(exit, 2);
    }

    #[test]
    fn a_foreign_error_exits_with_1_and_has_no_hint() {
        assert_eq!(render(&anyhow::anyhow!("no")), (vec!["error: no".to_owned()], 1));
    }
}
