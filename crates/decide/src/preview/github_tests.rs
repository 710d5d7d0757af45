//! What GitHub is shown.

use super::super::samples::{notice, view};
use super::*;

#[test]
fn a_description_has_at_most_140_characters() {
    let mut failed = notice(Moment::Failed);
    failed.text = format!("npm ci\n&& {}", "é".repeat(171));
    let status = deployment(&failed).unwrap();
    assert_eq!(status.state, "failure");
    assert_eq!(status.description.chars().count(), 140);
    assert!(status.description.starts_with("x.shop has failed: npm ci && éé"), "{status:?}");
    failed.text.clear();
    assert_eq!(deployment(&failed).unwrap().description, "x.shop has failed");
}

#[test]
fn states_of_deployments() {
    let state = |moment| deployment(&notice(moment)).unwrap().state;
    assert_eq!(state(Moment::Queued), "queued");
    assert_eq!(state(Moment::Updating), "in_progress");
    assert_eq!(state(Moment::Asleep), "success");
    assert_eq!(state(Moment::HookFailed), "error");
    assert_eq!(state(Moment::Removed), "inactive");
    let mut ready = notice(Moment::Ready);
    ready.url = Some("https://x.example/".to_owned());
    let status = deployment(&ready).unwrap();
    assert_eq!((status.state, status.environment_url), ("success", Some("https://x.example/".to_owned())));
    assert_eq!(environment("x.shop"), "preview/x.shop");
    assert_eq!(deployment(&notice(Moment::Held)), None, "it runs, or does not, as before");
}

#[test]
fn a_comment_has_all_that_there_is_to_know() {
    let mut failed = notice(Moment::Failed);
    failed.url = Some("https://x.example/".to_owned());
    failed.log_tail = vec!["panicked".to_owned(), String::new(), "at main.rs".to_owned()];
    let mut view = view();
    view.failure = Some("It crashed (exit code 1)".to_owned());
    assert_eq!(
        comment(&failed, Some(&view)),
        "<!-- longshore preview x.shop -->\n\n**Preview environment x.shop**\n\n| | |\n|---|---|\n| State | has failed |\n\
         | URL | <https://x.example/> |\n| Commit | `0123456` |\n| Branch | `feature/x` |\n\
         | Ends | 2027-01-22T08:00:00Z |\n| Cost | about $0.30 a day |\n\nMore of it.\n\nIt waits:\n- a reason\n\n\
         It crashed \\(exit code 1\\)\n\n<details><summary>The last lines of the log</summary>\n\n<pre>\npanicked\n\n\
         at main.rs\n</pre>\n\n</details>"
    );
    view.pinned = true;
    assert!(comment(&failed, Some(&view)).contains("| Ends | pinned |"));
    assert!(!comment(&failed, None).contains("Ends"));
}

#[test]
fn nothing_hostile_becomes_a_mention_a_link_or_html() {
    let mut hostile = notice(Moment::Failed);
    hostile.revision.branch = "`|@octocat|<img/src=x>``\n# x".to_owned();
    hostile.text =
        "[x](https://evil.example) @octocat octo/shop#1 <!-- longshore preview y.shop -->".to_owned();
    hostile.log_tail = vec!["</pre></details><script>@octocat".to_owned()];
    let comment = comment(&hostile, None);
    let row = comment.lines().find(|line| line.starts_with("| Branch")).unwrap();
    assert_eq!(row, "| Branch | ``` `\\|@octocat\\|<img/src=x>`` # x ``` |");
    assert!(
        comment.contains("\\[x\\]\\(https://evil.example\\) @\u{200b}octocat octo/shop#\u{200b}1 &lt;\\!--")
    );
    assert!(comment.contains("&lt;/pre&gt;&lt;/details&gt;&lt;script&gt;@octocat"));
    assert_eq!(comment.matches("<!--").count(), 1);
}

#[test]
fn a_comment_is_never_too_long_and_always_found_again() {
    let mut long = notice(Moment::Failed);
    long.text = "*".repeat(100_000);
    long.log_tail = vec!["<".repeat(100_000), "the end".to_owned()];
    let mut view = view();
    view.waiting = vec!["_".repeat(100_000); 20];
    view.failure = Some("|".repeat(100_000));
    long.revision.branch = "`".repeat(250);
    let comment = comment(&long, Some(&view));
    assert!(comment.chars().count() <= 65_536);
    assert!(comment.starts_with(&marker("x.shop")));
    assert!(comment.contains("the end\n</pre>"), "what is needed last is there");
    assert!(comment.ends_with("</details>"), "nothing of it had to be cut");
}

#[test]
fn a_marker_is_one_html_comment_whatever_the_id() {
    assert_eq!(marker("x.shop"), "<!-- longshore preview x.shop -->");
    assert_eq!(marker("a--b.shop").matches("--").count(), 2);
    assert_ne!(marker("a--b.shop"), marker("a-b.shop"));
    assert_eq!(marker("x --> y").matches("-->").count(), 1);
}
