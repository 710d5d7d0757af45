//! Files of environment variables, as `docker run --env-file` reads them: `NAME=VALUE` lines, `NAME` alone takes the
//! value from here, `#` begins a comment. Quotes are part of the value.
//!
//! No error shows anything of the file: it is where people keep their secrets.

use std::fmt;

/// What is wrong, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) line: usize,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    NoName,
    SpaceInName,
    NotSet,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match self.why {
            Why::NoName => write!(f, "line {line} has no name before `=`"),
            Why::SpaceInName => write!(f, "line {line} has a space in the variable's name"),
            Why::NotSet => write!(f, "line {line} has a name alone, and no such variable is set here"),
        }
    }
}

/// The variables in the order of the file. `here` looks a name up.
pub(crate) fn parse(
    text: &str,
    here: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, Wrong> {
    let mut variables = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        // Spaces at the end are part of the value.
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
        let wrong = |why| Wrong { line: index + 1, why };
        if name.is_empty() {
            return Err(wrong(Why::NoName));
        }
        if name.contains(char::is_whitespace) {
            return Err(wrong(Why::SpaceInName));
        }
        let value = match value {
            Some(value) => value.to_owned(),
            None => here(name).ok_or_else(|| wrong(Why::NotSet))?,
        };
        variables.push((name.to_owned(), value));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        parse(text, |name| (name == "HERE").then(|| "from here".to_owned()))
            .map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn lines_are_read_as_docker_reads_them() {
        let text = "\u{feff}# a comment\n\nA=1\r\n  B=two words  \nC=\"quoted\"\nD=\nE=a=b#c\nHERE\nA=2\n";
        let expected = [
            ("A", "1"),
            ("B", "two words  "),
            ("C", "\"quoted\""),
            ("D", ""),
            ("E", "a=b#c"),
            ("HERE", "from here"),
            ("A", "2"),
        ];
        assert_eq!(read(text).unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn an_error_has_the_line_and_nothing_of_its_text() {
        for (text, expected) in [
            ("A=1\n=hush", "line 2 has no name before `=`"),
            ("export PASSWORD=hush", "line 1 has a space in the variable's name"),
            ("KEY=hush\n\n# more\nhushhush", "line 4 has a name alone, and no such variable is set here"),
        ] {
            let said = read(text).unwrap_err();
            assert_eq!(said, expected);
        }
    }
}
