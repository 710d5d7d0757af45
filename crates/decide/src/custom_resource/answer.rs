//! The answer to a request: a JSON body of at most 4096 bytes, whatever is to be said.
//!
//! Of what does not fit, the log lines go first (the oldest before the others), then all of the reason but its first line,
//! then the data, and last the end of that first line. Values of environment variables are in no answer; what a program writes
//! to its own log is. Nothing in `Data` is secret, so `NoEcho` is not set.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::address::ReturnAddress;
use crate::run::{Ended, Outcome};

/// CloudFormation takes no longer body, this length included.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>
pub const MAX_BODY: usize = 4096;

/// The most log lines that are tried.
const MOST_LINES: usize = 50;

/// As much of one log line as is tried, in bytes as JSON writes them: a longer one leaves room for others.
const LONGEST_LINE: usize = 2048;

/// What is left of the oldest line is shown from so many bytes on.
const SHORTEST_LINE: usize = 40;

/// As much of any other text as is tried. ECS's own reasons are at most 1024 characters.
const LONGEST_TEXT: usize = 1024;

/// What `Fn::GetAtt` can ask for, always all of it: a key that is missing fails whoever refers to it. What tells least is
/// given up first.
const DATA: [&str; 5] = ["StoppedReason", "LogStream", "TaskDefinitionArn", "TaskArn", "ExitCode"];

/// The answer when a run is over.
#[must_use]
pub fn of_run(address: &ReturnAddress, outcome: &Outcome) -> String {
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let task = outcome.decisive();
    let containers = task.map_or(&[][..], |task| &task.containers);
    let decided = containers.iter().find(|container| Some(&container.name) == outcome.container.as_ref());
    let log_stream = decided.and_then(|container| container.log_stream.as_ref());
    let data = [
        text(task.and_then(|task| task.stopped_reason.as_ref())),
        text(log_stream),
        outcome.task_definition_arn.clone(),
        text(outcome.task_arn.as_ref()),
        outcome.exit_code.map(|code| code.to_string()).unwrap_or_default(),
    ];
    if outcome.result == Ended::Succeeded {
        return Draft::new("SUCCESS", &outcome.explanation, data).fit(address);
    }
    let mut draft = Draft::new("FAILED", &outcome.explanation, data);
    draft.details = one_line(&details(outcome), LONGEST_TEXT);
    let lines = outcome.log_tail.iter().rev().take(MOST_LINES).rev();
    draft.log = lines.map(|line| one_line(line, LONGEST_LINE)).collect();
    let look = log_stream.map(|stream| format!("Its log: {}", where_to_look(stream)));
    let next = outcome.next_step.as_ref().map(|next| format!("Next: {next}"));
    draft.rest = look.into_iter().chain(next).map(|line| one_line(&line, LONGEST_TEXT)).collect();
    draft.fit(address)
}

/// SUCCESS, without a run.
#[must_use]
pub fn succeeded(address: &ReturnAddress, why: &str) -> String {
    without_run("SUCCESS", why).fit(address)
}

/// FAILED, without a run. The first line of `why` is the cause.
#[must_use]
pub fn failed(address: &ReturnAddress, why: &str) -> String {
    without_run("FAILED", why).fit(address)
}

fn without_run(status: &'static str, why: &str) -> Draft {
    let (cause, rest) = why.split_once('\n').unwrap_or((why, ""));
    let mut draft = Draft::new(status, cause, Default::default());
    draft.rest = rest.lines().take(MOST_LINES).map(|line| one_line(line, LONGEST_TEXT)).collect();
    draft
}

/// The exit code, the container and the task.
fn details(outcome: &Outcome) -> String {
    let Some(task) = &outcome.task_arn else { return "No task was started.".to_owned() };
    let code =
        outcome.exit_code.map_or_else(|| "No exit code".to_owned(), |code| format!("Exit code {code}"));
    let container =
        outcome.container.as_ref().map(|name| format!(" of container `{name}`")).unwrap_or_default();
    let others = match outcome.tasks.len() {
        0 | 1 => String::new(),
        tasks => format!(", one of {tasks} tasks"),
    };
    format!("{code}{container} in task {task}{others}")
}

/// A result document names a stream as `GROUP:STREAM`; neither part may have a colon.
fn where_to_look(log_stream: &str) -> String {
    match log_stream.split_once(':') {
        Some((group, stream)) => format!("aws logs tail {group} --log-stream-names {stream}"),
        None => log_stream.to_owned(),
    }
}

/// An answer that may still be too long.
struct Draft {
    status: &'static str,
    cause: String,
    details: String,
    log: VecDeque<String>,
    rest: Vec<String>,
    /// In the order of [`DATA`].
    data: [String; DATA.len()],
}

impl Draft {
    fn new(status: &'static str, cause: &str, data: [String; DATA.len()]) -> Self {
        let cause = match one_line(cause, LONGEST_TEXT) {
            // A failure without a reason is no answer.
            cause if cause.is_empty() => "no reason is known".to_owned(),
            cause => cause,
        };
        let data = data.map(|text| one_line(&text, LONGEST_TEXT));
        Self { status, cause, details: String::new(), log: VecDeque::new(), rest: Vec::new(), data }
    }

    fn fit(mut self, address: &ReturnAddress) -> String {
        loop {
            let body = self.body(address).to_string();
            let excess = body.len().saturating_sub(MAX_BODY);
            if excess == 0 || self.cause.is_empty() {
                return body;
            }
            self.shorten(excess);
        }
    }

    /// Gives up what matters least.
    fn shorten(&mut self, excess: usize) {
        if let Some(oldest) = self.log.front_mut() {
            let room = encoded(oldest).saturating_sub(excess);
            if room < SHORTEST_LINE {
                self.log.pop_front();
            } else {
                *oldest = one_line(oldest, room);
            }
        } else if !self.details.is_empty() || !self.rest.is_empty() {
            self.details.clear();
            self.rest.clear();
        } else if let Some(value) = self.data.iter_mut().find(|value| !value.is_empty()) {
            value.clear();
        } else {
            self.cause = one_line(&self.cause, encoded(&self.cause).saturating_sub(excess));
        }
    }

    fn body(&self, address: &ReturnAddress) -> Value {
        let mut body = json!({"Status": self.status, "Reason": self.reason()});
        for (name, id) in address.ids() {
            body[name] = id.into();
        }
        for (name, value) in DATA.iter().zip(&self.data) {
            body["Data"][name] = value.as_str().into();
        }
        body
    }

    fn reason(&self) -> String {
        let heading = if self.log.is_empty() { None } else { Some("The last lines of its log:") };
        let details = Some(self.details.as_str()).filter(|details| !details.is_empty());
        let lines = std::iter::once(self.cause.as_str()).chain(details).chain(heading);
        let lines =
            lines.chain(self.log.iter().map(String::as_str)).chain(self.rest.iter().map(String::as_str));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// As much of a text as takes so many bytes in JSON, in whole characters, on one line and without control characters
/// (they take six bytes each, and say nothing to a reader).
fn one_line(text: &str, bytes: usize) -> String {
    const CUT: char = '…';
    let mut room = bytes;
    let mut line = String::new();
    for char in text.trim_end().chars().map(|char| if char.is_control() { ' ' } else { char }) {
        let takes = encoded_char(char);
        if takes > room {
            while room < CUT.len_utf8() {
                let Some(last) = line.pop() else { return line };
                room += encoded_char(last);
            }
            line.push(CUT);
            return line;
        }
        room -= takes;
        line.push(char);
    }
    line
}

/// The bytes that JSON writes for a text without control characters.
fn encoded(text: &str) -> usize {
    text.chars().map(encoded_char).sum()
}

const fn encoded_char(char: char) -> usize {
    match char {
        '"' | '\\' => 2,
        _ => char.len_utf8(),
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
