//! What a delivery of GitHub speaks of.

use serde_json::Value;

/// What there is to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its repository is looked at.
    Look,
    /// GitHub tries whether we are there.
    Ping,
    /// Nothing, and why.
    Ignore(String),
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) repository: Option<String>,
    pub(super) about: Option<String>,
    pub(super) verdict: Verdict,
}

/// Reads it.
pub(super) fn read(event: &str, payload: &Value) -> Reading {
    let repository = payload["repository"]["full_name"].as_str().map(str::to_owned);
    let ignored = |why: &str| Verdict::Ignore(why.to_owned());
    let (about, verdict) = match event {
        "ping" => (None, Verdict::Ping),
        "push" => match payload["ref"].as_str().and_then(|name| name.strip_prefix("refs/heads/")) {
            Some(branch) => (Some(format!("branch `{branch}`")), Verdict::Look),
            None => (None, ignored("it is about a tag")),
        },
        "create" | "delete" if payload["ref_type"] == "branch" => {
            let branch = payload["ref"].as_str().unwrap_or_default();
            (Some(format!("branch `{branch}`")), Verdict::Look)
        }
        "create" | "delete" => (None, ignored("it is about a tag")),
        "pull_request" => {
            let number = payload["number"].as_u64().unwrap_or_default();
            (Some(format!("pull request #{number}")), Verdict::Look)
        }
        other => (None, Verdict::Ignore(format!("events of the kind `{other}` change no environment"))),
    };
    Reading { repository, about, verdict }
}
