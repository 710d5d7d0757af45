//! Slack: what people type there, and what they are shown.

use longshore_model::preview::Notice;
use longshore_model::preview::view::EnvironmentView;
use serde_json::{Value, json};

use super::request::{self, Request};
use super::words::{self, cut};

/// The most characters of a section's text (Slack: "Reference: blocks", section).
const SECTION_LIMIT: usize = 3000;
/// So many characters of a log are shown: with its fence it fits a section.
const LOG_LIMIT: usize = 2900;

/// Reads a slash command's `text`.
///
/// # Errors
/// In a sentence, what is wrong and how it would be right.
pub fn slash(text: &str) -> Result<Request, String> {
    request::read(&unescaped(text), None)
}

/// Reads the `text` of an outgoing webhook. It begins with the word that set it off; what follows is what a slash
/// command has, or a branch alone, with its repository before it where there are several.
///
/// # Errors
/// As [`slash`].
pub fn outgoing(trigger_word: &str, text: &str) -> Result<Request, String> {
    let text = unescaped(text);
    let text = text.trim_start();
    let rest = match text.strip_prefix(trigger_word) {
        Some(rest) if !trigger_word.is_empty() && !rest.starts_with(|it: char| it.is_alphanumeric()) => rest,
        _ => text,
    };
    let rest = rest.trim_start_matches(':').trim();
    let is_bare = matches!(rest.split_whitespace().count(), 1 | 2);
    match request::read(rest, None) {
        // No verb, but what looks like a branch.
        Err(_) if is_bare && rest.contains(['/', '#']) => request::read(&format!("up {rest}"), None),
        other => other,
    }
}

/// Slack writes three characters as entities.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A text in which Slack sees no mention and no link (Slack: "Formatting text", escaping).
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text as code.
fn code(text: &str) -> String {
    format!("`{}`", escaped(&words::one_line(text)).replace('`', "'"))
}

/// A message: `blocks`, and `text` for notifications. The channel and which message it replaces are the sender's affair.
#[must_use]
pub fn message(notice: &Notice, view: Option<&EnvironmentView>) -> Value {
    let headline = headline(notice);
    let mut blocks = vec![section(&headline)];
    if !notice.text.is_empty() {
        blocks.push(section(&escaped(&notice.text)));
    }
    if let Some(tail) = fenced(&notice.log_tail) {
        blocks.push(section(&tail));
    }
    let facts: Vec<String> = words::facts(notice, view).iter().map(|fact| escaped(fact)).collect();
    blocks.push(json!({
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": cut(&facts.join(" · "), SECTION_LIMIT)}],
    }));
    let text = words::sentence(notice);
    json!({"text": cut(&escaped(&text), SECTION_LIMIT), "blocks": blocks})
}

/// In a line: what, which branch, and where.
#[must_use]
pub fn headline(notice: &Notice) -> String {
    let what = words::what(notice.moment);
    let url = notice.url.as_deref().map(|url| format!(" <{}>", link(url))).unwrap_or_default();
    let of = words::of(&notice.revision);
    format!("{} *{}* {what}{url} ({})", words::sign(notice.moment), escaped(&notice.environment), code(&of))
}

/// An address between `<` and `>`: what would end it is left out.
fn link(url: &str) -> String {
    url.chars()
        .filter(|it| !it.is_control() && !" <>|".contains(*it))
        .collect::<String>()
        .replace('&', "&amp;")
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION_LIMIT)}})
}

/// The last lines of a log as a block of code, escaped before it is cut, so that no more than fits is sent.
pub(super) fn fenced(lines: &[String]) -> Option<String> {
    let lines: Vec<String> = lines.iter().map(|line| words::one_line(line)).collect();
    let text = escaped(&lines.join("\n")).replace("```", "'''");
    let tail = words::tail(&text, LOG_LIMIT);
    (!tail.trim().is_empty()).then(|| format!("```\n{tail}\n```"))
}

#[cfg(test)]
#[path = "slack_tests.rs"]
mod tests;
