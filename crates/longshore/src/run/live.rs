//! The live line at the bottom of a terminal, and what is said above it.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::{self, Style};

/// How often it shows the time that passed.
const TICK: Duration = Duration::from_millis(250);

/// A live line; nothing where stderr is no terminal.
pub(crate) struct Live(Option<ProgressBar>);

impl Live {
    pub(crate) fn new() -> Self {
        Self(io::stderr().is_terminal().then(line))
    }

    /// Whether there is one.
    pub(crate) const fn is_shown(&self) -> bool {
        self.0.is_some()
    }

    /// What it shows from now on.
    pub(crate) fn set(&self, text: String) {
        if let Some(live) = &self.0 {
            live.set_message(text);
        }
    }

    /// Says something that stays.
    pub(crate) fn say(&self, line: &str) {
        self.undisturbed(|| terminal::talk(line, Style::Plain));
    }

    /// Says something that the user should not miss.
    pub(crate) fn warn(&self, line: &str) {
        self.undisturbed(|| terminal::talk(&format!("warning: {line}"), Style::Warning));
    }

    /// Takes it away.
    pub(crate) fn finish(&mut self) {
        if let Some(live) = self.0.take() {
            live.finish_and_clear();
        }
    }

    /// Prints above it.
    pub(crate) fn undisturbed<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(live) => live.suspend(print),
            None => print(),
        }
    }
}

fn line() -> ProgressBar {
    let live = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        live.set_style(style);
    }
    live.enable_steady_tick(TICK);
    live
}
