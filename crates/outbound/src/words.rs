//! What notices say at GitHub and in Slack.

use longshore_model::preview::{Moment, Notice};

/// The most characters of a deployment status's description.
/// <https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status>
const DESCRIPTION: usize = 140;
/// The most characters of a log in a comment, whose own bound is 65,536, and in a message of Slack.
const LOG: usize = 3000;

/// At most so many characters, the last of them an ellipsis where something was left out.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Of a deployment status.
pub(crate) fn description(notice: &Notice) -> String {
    cut(&notice.text, DESCRIPTION)
}

/// Of a comment on a pull request, in Markdown.
pub(crate) fn comment(notice: &Notice) -> String {
    let link = notice.url.as_ref().map_or_else(String::new, |url| format!(" · <{url}>"));
    let commit = cut(&notice.revision.sha, 8);
    let commit = commit.trim_end_matches('…');
    let log = log(notice).map_or_else(String::new, |log| {
        let fence = "`".repeat(longest_fence(&log).max(2) + 1);
        format!(
            "\n\n<details><summary>The last lines of the log</summary>\n\n{fence}\n{log}\n{fence}\n</details>"
        )
    });
    format!("**{}** {}{link} · {commit}\n\n{}{log}", notice.environment, word(notice.moment), notice.text)
}

/// Of a message in Slack, in its mrkdwn.
pub(crate) fn message(notice: &Notice) -> String {
    let link = notice.url.as_ref().map_or_else(String::new, |url| format!(" · <{}>", escaped(url)));
    let log = log(notice)
        .map_or_else(String::new, |log| format!("\n```\n{}\n```", escaped(&log.replace("```", "'''"))));
    let (environment, text) = (escaped(&notice.environment), escaped(&notice.text));
    format!("*{environment}* {}{link}\n{text}{log}", word(notice.moment))
}

/// What Slack reads as itself: <https://docs.slack.dev/messaging/formatting-message-text#escaping>
pub(crate) fn escaped(text: &str) -> String {
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
        long.text = "é".repeat(141);
        assert_eq!(description(&long).chars().count(), 140);
        assert!(description(&long).ends_with("é…"));
        long.text = "é".repeat(140);
        assert_eq!(description(&long), long.text);
    }

    #[test]
    fn a_log_cannot_leave_its_block_and_its_end_is_what_is_shown() {
        let mut failed = notice(Moment::Failed);
        failed.log_tail = vec!["x".repeat(4000), "before ```` after".into(), "<!channel> & out".into()];
        let comment = comment(&failed);
        assert!(comment.contains("\n`````\nbefore ```` after\n<!channel> & out\n`````\n"), "{comment}");
        assert!(!comment.contains("xxx"));
        let message = message(&failed);
        assert!(message.ends_with("\n```\nbefore '''` after\n&lt;!channel&gt; &amp; out\n```"), "{message}");
    }
}
