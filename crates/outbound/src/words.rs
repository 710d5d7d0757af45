//! What notices say at GitHub and in Slack.

use longshore_model::preview::view::EnvironmentView;
use longshore_model::preview::{Moment, Notice};
use serde_json::{Value, json};

/// The most characters of a deployment status's description.
/// <https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status>
const DESCRIPTION: usize = 140;
/// The most characters of a log.
const LOG: usize = 3000;

/// The status of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployment {
    pub(crate) state: &'static str,
    pub(crate) description: String,
    pub(crate) environment_url: Option<String>,
}

/// At most so many characters, the last of them an ellipsis where something was left out.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// The name of the deployments' environment.
pub(crate) fn environment(id: &str) -> String {
    format!("preview/{id}")
}

/// The status that a notice comes to.
pub(crate) fn deployment(notice: &Notice) -> Deployment {
    let state = match notice.moment {
        Moment::Queued => "queued",
        Moment::Creating | Moment::Updating => "in_progress",
        // Who follows the link of one that sleeps wakes it.
        Moment::Ready | Moment::Updated | Moment::Asleep | Moment::Awake | Moment::Expiring => "success",
        Moment::Failed => "failure",
        Moment::HookFailed => "error",
        Moment::Removing | Moment::Removed => "inactive",
    };
    let description = cut(&format!("{}: {}", word(notice.moment), notice.text), DESCRIPTION);
    Deployment { state, description, environment_url: notice.url.clone() }
}

/// A line that nobody sees, by which an environment's comment is found again.
pub(crate) fn marker(id: &str) -> String {
    format!("<!-- longshore preview {id} -->")
}

/// Of a comment on a pull request, in Markdown, behind its marker.
pub(crate) fn comment(notice: &Notice, _: Option<&EnvironmentView>) -> String {
    let link = notice.url.as_ref().map_or_else(String::new, |url| format!(" · <{url}>"));
    let log = log(notice).map_or_else(String::new, |log| {
        let fence = "`".repeat(longest_fence(&log).max(2) + 1);
        format!("\n\n{fence}\n{log}\n{fence}")
    });
    let (marker, what) = (marker(&notice.environment), word(notice.moment));
    format!(
        "{marker}\n**{}** {what}{link} · {}\n\n{}{log}",
        notice.environment, notice.revision.sha, notice.text
    )
}

/// Of a message in Slack, in its mrkdwn.
pub(crate) fn message(notice: &Notice, _: Option<&EnvironmentView>) -> Value {
    let link = notice.url.as_ref().map_or_else(String::new, |url| format!(" · <{}>", escaped(url)));
    let log = log(notice)
        .map_or_else(String::new, |log| format!("\n```\n{}\n```", escaped(&log.replace("```", "'''"))));
    let (environment, text) = (escaped(&notice.environment), escaped(&notice.text));
    json!({"text": format!("*{environment}* {}{link}\n{text}{log}", word(notice.moment))})
}

/// What Slack reads as itself: <https://docs.slack.dev/messaging/formatting-message-text#escaping>
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const fn word(moment: Moment) -> &'static str {
    match moment {
        Moment::Queued => "waits for room",
        Moment::Creating => "is being created",
        Moment::Ready => "is ready",
        Moment::Updating => "is being updated",
        Moment::Updated => "is updated",
        Moment::Failed => "has failed",
        Moment::Asleep => "is asleep",
        Moment::Awake => "is awake",
        Moment::Expiring => "will end soon",
        Moment::Removing => "is being removed",
        Moment::HookFailed => "cannot be removed yet",
        Moment::Removed => "is removed",
    }
}

/// The last lines, as many as fit.
fn log(notice: &Notice) -> Option<String> {
    let mut left = LOG;
    let fits = |line: &&String| {
        let length = line.chars().count() + 1;
        let fits = length <= left;
        left = left.saturating_sub(length);
        fits
    };
    let mut lines: Vec<&String> = notice.log_tail.iter().rev().take_while(fits).collect();
    lines.reverse();
    (!lines.is_empty()).then(|| lines.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n"))
}

fn longest_fence(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand::notice;

    #[test]
    fn a_description_has_at_most_140_characters() {
        let mut long = notice(Moment::Failed);
        long.text = "é".repeat(200);
        let description = deployment(&long).description;
        assert_eq!(description.chars().count(), 140);
        assert!(description.ends_with("é…"));
    }

    #[test]
    fn a_log_cannot_leave_its_block_and_its_end_is_what_is_shown() {
        let mut failed = notice(Moment::Failed);
        failed.log_tail = vec!["x".repeat(4000), "before ```` after".into(), "<!channel> & out".into()];
        let comment = comment(&failed, None);
        assert!(comment.ends_with("\n`````\nbefore ```` after\n<!channel> & out\n`````"), "{comment}");
        assert!(!comment.contains("xxx"));
        let message = message(&failed, None);
        let text = message["text"].as_str().unwrap();
        assert!(text.ends_with("\n```\nbefore '''` after\n&lt;!channel&gt; &amp; out\n```"), "{text}");
    }
}
