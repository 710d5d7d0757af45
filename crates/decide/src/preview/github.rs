//! What GitHub is shown: the status of a deployment, and the one comment of a pull request.

use longshore_model::preview::view::EnvironmentView;
use longshore_model::preview::{Moment, Notice};

use super::repository::short;
use super::words::{self, cut};

/// The most characters of a deployment status's description (GitHub: "REST API endpoints for deployment statuses").
const DESCRIPTION_LIMIT: usize = 140;
/// The most characters of a comment.
const COMMENT_LIMIT: usize = 65_536;
/// So many characters of a log are in a comment, and of each sentence: together they are far below the limit.
const LOG_LIMIT: usize = 8000;
const TEXT_LIMIT: usize = 1500;
/// So many sentences of what is waited for.
const WAITING_LIMIT: usize = 5;

/// The status of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// `queued`, `in_progress`, `success`, `failure`, `error` or `inactive`, which of a transient environment reads as
    /// destroyed.
    pub state: &'static str,
    /// At most 140 characters.
    pub description: String,
    /// Where it answers.
    pub environment_url: Option<String>,
}

/// The name of the deployments' environment: one for each of ours.
#[must_use]
pub fn environment(id: &str) -> String {
    format!("preview/{id}")
}

/// The status that a notice comes to; `None` when it says nothing of what runs.
#[must_use]
pub fn deployment(notice: &Notice) -> Option<Deployment> {
    let state = match notice.moment {
        Moment::Queued => "queued",
        Moment::Creating | Moment::Updating => "in_progress",
        Moment::Ready | Moment::Updated | Moment::Asleep | Moment::Awake | Moment::Expiring => "success",
        Moment::Failed => "failure",
        Moment::HookFailed => "error",
        Moment::Removing | Moment::Removed => "inactive",
        Moment::Held | Moment::Kept => return None,
    };
    let what = words::what(notice.moment);
    let more = if notice.text.is_empty() { String::new() } else { format!(": {}", notice.text) };
    let description =
        cut(&words::one_line(&format!("{} {what}{more}", notice.environment)), DESCRIPTION_LIMIT);
    Some(Deployment { state, description, environment_url: notice.url.clone() })
}

/// A line that nobody sees, by which an environment's comment is found again.
#[must_use]
pub fn marker(id: &str) -> String {
    let id: String = id.chars().filter(|it| it.is_ascii_alphanumeric() || "-.".contains(*it)).collect();
    // Two hyphens would end an HTML comment.
    format!("<!-- longshore preview {} -->", id.replace("--", "-\u{200b}-"))
}

/// The comment of a pull request, in GitHub's Markdown: a table of what there is to know, what is waited for, and why it
/// failed with the last lines of its log. Always at most 65,536 characters.
#[must_use]
pub fn comment(notice: &Notice, view: Option<&EnvironmentView>) -> String {
    let mut lines = vec![marker(&notice.environment), String::new()];
    lines.push(format!("**Preview environment {}**", escaped(&notice.environment)));
    lines.extend([String::new(), "| | |".to_owned(), "|---|---|".to_owned()]);
    for (name, value) in rows(notice, view) {
        lines.push(format!("| {name} | {value} |"));
    }
    if !notice.text.is_empty() {
        lines.extend([String::new(), escaped(&cut(&notice.text, TEXT_LIMIT))]);
    }
    let waiting = view.map(|view| view.waiting.as_slice()).unwrap_or_default();
    if !waiting.is_empty() {
        lines.extend([String::new(), "It waits:".to_owned()]);
        let sentences = waiting.iter().take(WAITING_LIMIT);
        lines.extend(sentences.map(|it| format!("- {}", escaped(&cut(it, TEXT_LIMIT)))));
    }
    if let Some(failure) = view.and_then(|view| view.failure.as_ref()).filter(|it| **it != notice.text) {
        lines.extend([String::new(), escaped(&cut(failure, TEXT_LIMIT))]);
    }
    let from_view = || view.map(|view| view.log_tail.as_slice()).unwrap_or_default();
    let log = if notice.log_tail.is_empty() { from_view() } else { &notice.log_tail };
    lines.extend(details(log));
    cut(&lines.join("\n"), COMMENT_LIMIT)
}

/// The answer to a comment that asked for something: it begins with who asked, so that it is no command itself. Lines of a
/// log are closed until somebody opens them.
#[must_use]
pub fn answer(who: &str, text: &str, log: &[String]) -> String {
    let text = format!("{who}: {text}");
    let mut lines: Vec<String> = text.lines().map(|line| escaped(&cut(line, TEXT_LIMIT))).collect();
    lines.extend(details(log));
    cut(&lines.join("\n"), COMMENT_LIMIT)
}

fn rows(notice: &Notice, view: Option<&EnvironmentView>) -> Vec<(&'static str, String)> {
    let mut rows = vec![("State", escaped(words::what(notice.moment)))];
    if let Some(url) = &notice.url {
        rows.push(("URL", format!("<{}>", link(url))));
    }
    rows.push(("Commit", code(&short(&notice.revision.sha))));
    rows.push(("Branch", code(&notice.revision.branch)));
    let Some(view) = view else { return rows };
    if let Some(ends) = words::ends(view) {
        rows.push(("Ends", escaped(ends.strip_prefix("ends ").unwrap_or(&ends))));
    }
    if let Some(usd) = view.usd_per_day {
        rows.push(("Cost", format!("about ${usd:.2} a day")));
    }
    rows
}

/// A text as code in a table: in a fence that is longer than any run of backticks in it. GitHub sees no mention there.
fn code(text: &str) -> String {
    let text = words::one_line(text).replace('|', "\\|");
    let runs = text.split(|it| it != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or_default() + 1);
    let space =
        if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A text in which GitHub sees neither format nor mention nor HTML, on one line.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in words::one_line(text).chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            // A mention, or an issue of another repository, is found in the text that is shown.
            '@' | '#' => shown.extend([character, '\u{200b}']),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' => {
                shown.extend(['\\', character]);
            }
            other => shown.push(other),
        }
    }
    shown
}

/// An address between `<` and `>`, in a table.
fn link(url: &str) -> String {
    url.chars().filter(|it| !it.is_control() && !it.is_whitespace() && !"<>|`".contains(*it)).collect()
}

/// The last lines of a log, closed until somebody opens it. HTML, in which no Markdown is read, escaped before it is cut.
fn details(log: &[String]) -> Option<String> {
    let lines: Vec<String> = log.iter().map(|line| words::one_line(line)).collect();
    let text = lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let tail = words::tail(&text, LOG_LIMIT);
    let summary = "The last lines of the log";
    (!tail.trim().is_empty())
        .then(|| format!("\n<details><summary>{summary}</summary>\n\n<pre>\n{tail}\n</pre>\n\n</details>"))
}

#[cfg(test)]
#[path = "github_tests.rs"]
mod tests;
