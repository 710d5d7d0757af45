//! What the user sees during a run: log lines as data, everything else as talk.
//!
//! On a terminal, talk is one live line; elsewhere it is a plain line for each change.

use std::io;
use std::time::Duration;

use longshore_decide::run::{News, Run};
use longshore_model::seen::LogLine;

use super::live::Live;
use crate::terminal::{self, Style};

/// Where log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// They are the data.
    ToStdout,
    /// The data is the result document.
    ToStderr,
}

/// The user's view of one run.
pub(crate) struct Show {
    lines: Lines,
    colours: bool,
    live: Live,
}

impl Show {
    pub(crate) fn new(lines: Lines) -> Self {
        let colours = match lines {
            Lines::ToStdout => terminal::colours(&io::stdout()),
            Lines::ToStderr => terminal::colours(&io::stderr()),
        };
        Self { lines, colours, live: Live::new() }
    }

    /// Shows what happens, so long after the beginning.
    pub(crate) fn news(&mut self, run: &Run, elapsed: Duration, news: News) -> io::Result<()> {
        match news {
            News::Lines { task, container, lines } => {
                let label = label(run, task, container);
                self.lines(label.as_deref(), container, &lines)?;
            }
            News::State(status) => {
                let only = run.tasks().next();
                let waits = match status.as_str() {
                    "RUNNING" if !run.spec().attach.is_empty() => "Ctrl-C leaves it alone",
                    status => waiting_for(status),
                };
                self.state(only.map_or("", |task| task.short_id()), &status, waits, elapsed);
            }
            News::States(counted) => self.states(&counted, elapsed),
            News::Stopping(why) => self.say(&format!("stopping the task {why}; Ctrl-C leaves it to ECS")),
            News::Say(text) => self.say(&text),
            News::Warn(text) => self.warn(&text),
        }
        Ok(())
    }

    /// Shows log lines. `label` names their container where there is a choice, `position` gives it its colour.
    fn lines(&self, label: Option<&str>, position: usize, lines: &[LogLine]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let label =
            label.map(|label| if self.colours { terminal::coloured(label, position) } else { label.into() });
        let text = render(label.as_deref(), lines);
        self.live.undisturbed(|| match self.lines {
            Lines::ToStdout => terminal::data(text.as_bytes()),
            Lines::ToStderr => {
                terminal::talk(text.trim_end_matches('\n'), Style::Plain);
                Ok(())
            }
        })
    }

    /// Shows where a task is. Called when it changed.
    fn state(&self, task: &str, last_status: &str, waits: &str, elapsed: Duration) {
        if self.live.is_shown() {
            self.live.set(format!("task {task} {last_status}: {waits}"));
        } else {
            terminal::talk(&format!("task {task}: {last_status} ({} s)", elapsed.as_secs()), Style::Plain);
        }
    }

    /// Shows how several tasks are doing. Called when it changed.
    fn states(&self, counted: &str, elapsed: Duration) {
        if self.live.is_shown() {
            self.live.set(counted.to_owned());
        } else {
            terminal::talk(&format!("tasks: {counted} ({} s)", elapsed.as_secs()), Style::Plain);
        }
    }

    /// Says something that stays.
    pub(crate) fn say(&self, line: &str) {
        self.live.say(line);
    }

    /// Says something that the user should not miss.
    pub(crate) fn warn(&self, line: &str) {
        self.live.warn(line);
    }

    /// Takes the live line away.
    pub(crate) fn finish(&mut self) {
        self.live.finish();
    }
}

/// The name before each line: of the container where there are several, with the task where there are several.
fn label(run: &Run, task: usize, container: usize) -> Option<String> {
    let containers = &run.spec().definition.containers;
    let name = &containers.get(container)?.name;
    match (run.tasks().len(), containers.len()) {
        (1, 1) => None,
        (1, _) => Some(name.clone()),
        _ => Some(format!("{name}/{}", run.tasks().nth(task)?.short_id())),
    }
}

/// What a task in this state waits for.
fn waiting_for(last_status: &str) -> &'static str {
    match last_status {
        "PROVISIONING" => "waiting for capacity and a network interface",
        "PENDING" => "waiting for its image and containers",
        "ACTIVATING" => "waiting to be registered where it is reached",
        "RUNNING" => "Ctrl-C stops it",
        "DEACTIVATING" => "waiting to be taken out of where it is reached",
        "STOPPING" => "waiting for its containers to stop",
        "DEPROVISIONING" => "giving back its network interface",
        "STOPPED" => "reading its last lines",
        _ => "waiting for ECS",
    }
}

/// One line of text for each line of each message: with awslogs-multiline-pattern a message has several.
pub(crate) fn render(label: Option<&str>, lines: &[LogLine]) -> String {
    let mut text = String::new();
    for line in lines {
        let message = line.message.strip_suffix('\n').unwrap_or(&line.message);
        for part in message.split('\n') {
            if let Some(label) = label {
                text.push_str(label);
                text.push_str(" | ");
            }
            text.push_str(part);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_label() {
        let line = |message: &str| LogLine { message: message.into(), ..LogLine::default() };
        let lines = [line("one"), line("two\n  of it\n"), line("")];
        assert_eq!(render(None, &lines), "one\ntwo\n  of it\n\n");
        assert_eq!(render(Some("app"), &lines), "app | one\napp | two\napp |   of it\napp | \n");
    }
}
