//! The two streams: stdout is data, stderr is talk.

use std::io::{self, IsTerminal, Write};

use crate::env;

/// How a line of talk looks on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    /// The word before the colon stands out in red.
    Error,
    /// The word before the colon stands out in yellow.
    Warning,
}

/// Colours of container names, far enough apart on dark and on light backgrounds.
const NAME_COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// Writes data to stdout. A reader that went away (`| head`) is no error: it has what it wanted.
pub(crate) fn data(bytes: &[u8]) -> io::Result<()> {
    data_while_read(bytes).map(drop)
}

/// The same, for what would go on for ever: false once the reader went away.
pub(crate) fn data_while_read(bytes: &[u8]) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        end => end.map(|()| true),
    }
}

/// Writes a line of talk to stderr. When nobody can read it there is nobody to tell, so failures are ignored.
pub(crate) fn talk(line: &str, style: Style) {
    let line = match (style, line.split_once(':')) {
        (Style::Error, Some((word, rest))) if colours(&io::stderr()) => {
            format!("\x1b[1;31m{word}:\x1b[0m{rest}")
        }
        (Style::Warning, Some((word, rest))) if colours(&io::stderr()) => {
            format!("\x1b[1;33m{word}:\x1b[0m{rest}")
        }
        _ => line.to_owned(),
    };
    drop(writeln!(io::stderr().lock(), "{line}"));
}

/// Asks a question on stderr and reads the line that answers it; `None` where there is nobody to ask.
pub(crate) fn ask(question: &str) -> io::Result<Option<String>> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    write!(io::stderr().lock(), "{question} ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(answer.trim().to_owned()))
}

/// Whether this stream is shown in colours.
pub(crate) fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && !env::no_color()
}

/// `name` in the colour that belongs to its position.
pub(crate) fn coloured(name: &str, position: usize) -> String {
    let colour = NAME_COLOURS[position % NAME_COLOURS.len()];
    format!("\x1b[{colour}m{name}\x1b[0m")
}
