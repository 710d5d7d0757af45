//! Webhooks that GitHub has sent: each is read, or ignored with a reason that people understand.

use std::path::{Path, PathBuf};

use longshore_decide::preview::webhook::{Hint, Ignored, read};
use longshore_model::preview::Subject;
use serde_json::Value;

/// The file, the event, and the subject or the reason.
const PAYLOADS: [(&str, &str, Result<Seen, &str>); 10] = [
    ("create-payload.json", "create", Err("it is about a tag")),
    ("create-with-organization.payload.json", "create", Err("it is about a tag")),
    ("delete-payload.json", "delete", Err("it is about a tag")),
    ("ping-payload.json", "ping", Err("GitHub asked whether anybody is here")),
    ("pull_request-opened.payload.json", "pull_request", Ok(Seen::PullRequest(2))),
    ("pull_request-synchronize.payload.json", "pull_request", Ok(Seen::PullRequest(2))),
    ("pull_request-reopened.payload.json", "pull_request", Ok(Seen::PullRequest(2))),
    ("pull_request-closed.payload.json", "pull_request", Ok(Seen::PullRequest(2))),
    ("push-1.payload.json", "push", Err("`refs/tags/simple-tag` is no branch")),
    ("push-with-new-branch.payload.json", "push", Ok(Seen::Branch("master"))),
];

#[derive(Clone, Copy)]
enum Seen {
    Branch(&'static str),
    PullRequest(u64),
}

impl From<Seen> for Subject {
    fn from(seen: Seen) -> Self {
        match seen {
            Seen::Branch(name) => Self::Branch(name.to_owned()),
            Seen::PullRequest(number) => Self::PullRequest(number),
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test may be told where its data is")]
fn real_webhooks_are_read() {
    let beside_the_repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder =
        std::env::var("LONGSHORE_DATA").map_or(beside_the_repository, PathBuf::from).join("github-webhooks");
    if !folder.is_dir() {
        println!("SKIPPED webhooks: no payloads of GitHub in {} (LONGSHORE_DATA)", folder.display());
        return;
    }
    for (file, event, expected) in PAYLOADS {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let payload: Value = serde_json::from_str(&text).unwrap();
        let repository = payload["repository"]["full_name"].as_str().unwrap().to_owned();
        let expected = match expected {
            Ok(seen) => Ok(Hint { repository, subject: seen.into(), asked: None }),
            Err(why) => Err(Ignored { repository: Some(repository), subject: None, why: why.to_owned() }),
        };
        assert_eq!(read(event, &payload), expected, "{file}");

        // Without any one of its members it is read or ignored, and never anything else of another repository.
        for member in payload.as_object().unwrap().keys() {
            let mut less = payload.clone();
            less.as_object_mut().unwrap().remove(member);
            match read(event, &less) {
                Ok(hint) => assert_eq!(Ok(hint), expected, "{file} without {member}"),
                Err(ignored) => assert!(!ignored.why.is_empty(), "{file} without {member}"),
            }
        }
    }
}
