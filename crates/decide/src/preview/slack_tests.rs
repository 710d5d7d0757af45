//! What is read from Slack, and what it is shown.

use longshore_model::preview::Moment;
use longshore_model::preview::view::Command;

use super::super::samples::{notice, view};
use super::*;

fn up(repository: Option<&str>, branch: &str) -> Request {
    let (repository, branch) = (repository.map(str::to_owned), Some(branch.to_owned()));
    Request::Command(Command::Up { repository, branch, pull_request: None })
}

#[test]
fn slash_commands_are_read_without_slacks_entities() {
    assert_eq!(slash("up a&amp;b&lt;c&gt;"), Ok(up(None, "a&b<c>")));
    assert_eq!(slash("up &amp;lt;"), Ok(up(None, "&lt;")));
    assert_eq!(slash(""), Ok(Request::Help));
}

#[test]
fn an_outgoing_webhook_begins_with_its_trigger_word() {
    assert_eq!(outgoing("dev", "dev feature/test"), Ok(up(None, "feature/test")));
    assert_eq!(outgoing("dev", "dev shop feature/test"), Ok(up(Some("shop"), "feature/test")));
    assert_eq!(outgoing("dev:", "dev: up login"), Ok(up(None, "login")));
    assert_eq!(outgoing("dev", "dev: list"), Ok(Request::List));
    assert_eq!(outgoing("dev", "dev"), Ok(Request::Help));
    let down = Command::Down { environment: "feature/test".to_owned() };
    assert_eq!(outgoing("dev", "dev down feature/test"), Ok(Request::Command(down)));
    assert_eq!(outgoing("up", "up feature/test"), Ok(up(None, "feature/test")));
    assert!(outgoing("dev", "devoted to you").is_err());
    assert!(outgoing("", "hello").is_err());
}

#[test]
fn a_message_says_all_in_a_few_blocks() {
    let mut failed = notice(Moment::Failed);
    failed.log_tail = vec!["panic".to_owned()];
    let message = message(&failed, Some(&view()));
    assert_eq!(message["text"], "x.shop has failed (feature/x, commit 0123456). More of it.");
    let blocks = message["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 4);
    assert_eq!(blocks[0]["text"]["text"], ":red_circle: *x.shop* has failed (`feature/x, commit 0123456`)");
    assert_eq!(blocks[2]["text"]["text"], "```\npanic\n```");
    let facts = blocks[3]["elements"][0]["text"].as_str().unwrap();
    assert_eq!(
        facts,
        "octo/shop · asked for by github · ends 2027-01-22T08:00:00Z · about $0.30 a day · a reason"
    );
}

#[test]
fn nothing_hostile_becomes_a_mention_or_a_link_and_nothing_is_too_long() {
    let mut hostile = notice(Moment::Ready);
    hostile.revision.branch = "`<!channel>`<https://evil.example|ok>\n*x*".to_owned();
    hostile.text = format!("<!here> {}", "&".repeat(4000));
    hostile.log_tail = vec!["<!channel>".repeat(500), "``` <!here>".repeat(20)];
    hostile.url = Some("https://x.example/>|<!here>".to_owned());
    let message = message(&hostile, Some(&view()));
    let mut texts = vec![message["text"].as_str().unwrap().to_owned()];
    for block in message["blocks"].as_array().unwrap() {
        let text = block["text"]["text"].as_str().or_else(|| block["elements"][0]["text"].as_str());
        texts.push(text.unwrap().to_owned());
    }
    for text in &texts {
        assert!(text.chars().count() <= 3000, "{} characters", text.chars().count());
        let without_url = text.replacen("<https://x.example/!here>", "", 1);
        assert!(!without_url.contains(['<', '>']), "{text}");
    }
    assert!(texts[1].contains("(`'&lt;!channel&gt;'&lt;https://evil.example|ok&gt; *x*, commit 0123456`)"));
    let log = texts.iter().find(|text| text.starts_with("```")).unwrap();
    assert_eq!(log.matches("```").count(), 2);
}
