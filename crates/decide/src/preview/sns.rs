//! Notices for an SNS topic whose subscriber forwards to Slack: `channel`, `username`, `text` and `icon_url` as JSON, the
//! shape that the forwarder ijin/sns-slack expects and ijin/ecs-deity sends.

use longshore_model::preview::{Moment, Notice};
use serde_json::{Value, json};

use super::slack;
use super::words::{self, cut};

/// Slack cuts a message's text after so many characters. SNS takes 256 KiB, which that never comes to.
const TEXT_LIMIT: usize = 40_000;

/// As whom, and where, the forwarder speaks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Voice {
    /// Such as `#previews`.
    pub channel: String,
    /// The name that it shows.
    pub username: String,
    /// The picture that it shows.
    pub icon_url: Option<String>,
}

/// The text that is published, which is what the forwarder reads: each message whole and of its own, so that nothing of one sticks to the next.
#[must_use]
pub fn payload(notice: &Notice, voice: &Voice) -> Value {
    let mut lines = vec![slack::headline(notice)];
    if !notice.text.is_empty() {
        lines.push(format!("> {}", slack::escaped(&words::one_line(&notice.text))));
    }
    lines.extend(slack::fenced(&notice.log_tail));
    let is_trouble = matches!(notice.moment, Moment::Failed | Moment::HookFailed);
    let text = lines.join("\n");
    let mut payload = json!({
        "channel": voice.channel,
        "username": voice.username,
        "text": cut(&if is_trouble { format!("*ERROR*: {text}") } else { text }, TEXT_LIMIT),
    });
    if let (Some(url), Some(members)) = (&voice.icon_url, payload.as_object_mut()) {
        members.insert("icon_url".to_owned(), json!(url));
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::super::samples::notice;
    use super::*;

    fn voice() -> Voice {
        Voice { channel: "#previews".to_owned(), username: "longshore".to_owned(), icon_url: None }
    }

    #[test]
    fn a_forwarder_finds_what_it_expects() {
        let mut ready = notice(Moment::Ready);
        ready.url = Some("https://x.example/".to_owned());
        assert_eq!(
            payload(&ready, &voice()),
            json!({
                "channel": "#previews",
                "username": "longshore",
                "text": ":large_green_circle: *x.shop* is ready <https://x.example/> (`feature/x, commit 0123456`)\n\
                         > More of it.",
            })
        );
    }

    #[test]
    fn nothing_of_one_message_sticks_to_the_next() {
        let loud = Voice { icon_url: Some("https://x.example/icon.png".to_owned()), ..voice() };
        assert_eq!(payload(&notice(Moment::Ready), &loud)["icon_url"], "https://x.example/icon.png");
        assert_eq!(payload(&notice(Moment::Ready), &voice()).get("icon_url"), None);
    }

    #[test]
    fn a_failure_says_which_environment_and_shows_the_log() {
        let mut failed = notice(Moment::Failed);
        failed.log_tail = vec!["one".to_owned(), "two <!channel>".to_owned()];
        let text = payload(&failed, &voice())["text"].as_str().unwrap().to_owned();
        assert!(text.starts_with("*ERROR*: :red_circle: *x.shop* has failed (`feature/x"), "{text}");
        assert!(text.ends_with("```\none\ntwo &lt;!channel&gt;\n```"), "{text}");
    }
}
