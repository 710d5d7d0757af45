//! What a webhook of GitHub speaks of: a hint where to look, never an instruction. Only a comment asks for something.

use longshore_model::preview::Subject;
use serde_json::Value;

use super::request::{self, Here, Request};

/// What a comment begins with that is for us.
const COMMAND: &str = "/preview";

/// Who may command by comments, at a first look (`author_association`): all others may be anybody. Of these, some may only
/// read; GitHub is asked before anything is done.
const MEMBERS: [&str; 3] = ["OWNER", "MEMBER", "COLLABORATOR"];

/// What may change which environments there should be, or what they run.
const PULL_REQUEST_ACTIONS: [&str; 9] = [
    "opened",
    "reopened",
    "synchronize",
    "closed",
    "edited",
    "labeled",
    "unlabeled",
    "ready_for_review",
    "converted_to_draft",
];

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// `OWNER/NAME`.
    pub repository: String,
    /// What it speaks of. Its display text is what a delivery is about, and what a plan's findings go by.
    pub subject: Subject,
    /// What somebody asks for in a comment.
    pub asked: Option<Asked>,
}

/// What somebody asks for in the comment of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Their login.
    pub who: String,
    /// What; or what is wrong with it, in a sentence for them.
    pub request: Result<Request, String>,
}

/// A webhook after which there is nothing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// `OWNER/NAME`, when it names one.
    pub repository: Option<String>,
    /// What it speaks of, when that is a branch or a pull request.
    pub subject: Option<Subject>,
    /// In words.
    pub why: String,
}

/// Reads a webhook: `event` is its `X-GitHub-Event`.
///
/// # Errors
/// [`Ignored`] when there is nothing to do: for good reasons, or because it is not what GitHub sends.
pub fn read(event: &str, payload: &Value) -> Result<Hint, Ignored> {
    let repository = payload["repository"]["full_name"].as_str();
    let repository = repository.filter(|name| is_full_name(name)).map(str::to_owned);
    let ignored =
        |subject: Option<Subject>, why: String| Err(Ignored { repository: repository.clone(), subject, why });
    let subject = match event {
        "ping" => return ignored(None, "GitHub asked whether anybody is here".to_owned()),
        "push" => branch_of_push(payload),
        "create" | "delete" => branch_of_ref(payload),
        "pull_request" | "issue_comment" => number(event, payload).map(Subject::PullRequest),
        other => Err(format!("environments do not depend on `{other}` events")),
    };
    let subject = match subject {
        Ok(subject) => subject,
        Err(why) => return ignored(None, why),
    };
    let asked = match asked(event, payload, repository.as_deref(), &subject) {
        Ok(asked) => asked,
        Err(why) => return ignored(Some(subject), why),
    };
    match repository {
        Some(repository) => Ok(Hint { repository, subject, asked }),
        None => ignored(Some(subject), format!("a `{event}` event without `repository.full_name`")),
    }
}

/// `OWNER/NAME`.
pub(super) fn is_full_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    name.split_once('/').is_some_and(|(owner, name)| is_part(owner) && is_part(name))
}

/// A push tells of new, moved and deleted branches alike: which it is, the look at GitHub finds out.
fn branch_of_push(payload: &Value) -> Result<Subject, String> {
    let name = payload["ref"].as_str().ok_or("a `push` event without `ref`")?;
    match name.strip_prefix("refs/heads/") {
        Some(branch) if !branch.is_empty() => Ok(Subject::Branch(branch.to_owned())),
        _ => Err(format!("`{name}` is no branch")),
    }
}

/// Here `ref` has no `refs/heads/` before it.
fn branch_of_ref(payload: &Value) -> Result<Subject, String> {
    match (payload["ref_type"].as_str(), payload["ref"].as_str()) {
        (Some("branch"), Some(branch)) if !branch.is_empty() => Ok(Subject::Branch(branch.to_owned())),
        (Some("tag"), _) => Err("it is about a tag".to_owned()),
        _ => Err("neither a branch nor a tag".to_owned()),
    }
}

/// The number alone: the head may be in a fork that is gone (`head.repo` is null), and is read from GitHub anyway.
fn number(event: &str, payload: &Value) -> Result<u64, String> {
    let number = match event {
        "pull_request" => &payload["number"],
        _ if payload["issue"]["pull_request"].is_object() => &payload["issue"]["number"],
        _ => return Err("the comment is not on a pull request".to_owned()),
    };
    number.as_u64().ok_or_else(|| format!("a `{event}` event without a number"))
}

/// What a comment asks for; `Err` when there is nothing to do after this event.
fn asked(
    event: &str,
    payload: &Value,
    repository: Option<&str>,
    subject: &Subject,
) -> Result<Option<Asked>, String> {
    let action = payload["action"].as_str().unwrap_or_default();
    if event == "pull_request" && !PULL_REQUEST_ACTIONS.contains(&action) {
        return Err(format!("`{action}` changes nothing for environments"));
    }
    if event != "issue_comment" {
        return Ok(None);
    }
    if action != "created" {
        return Err("only new comments are read".to_owned());
    }
    let comment = &payload["comment"];
    let first = comment["body"].as_str().unwrap_or_default().trim_start().lines().next().unwrap_or_default();
    let text = match first.strip_prefix(COMMAND) {
        Some(text) if text.is_empty() || text.starts_with(char::is_whitespace) => text,
        _ => return Err(format!("the comment does not begin with `{COMMAND}`")),
    };
    let who = comment["user"]["login"].as_str().unwrap_or_default();
    let association = comment["author_association"].as_str().unwrap_or_default();
    if who.is_empty() || !MEMBERS.contains(&association) {
        return Err(format!("`{who}` is no member of the repository, and may not command here"));
    }
    let Subject::PullRequest(pull_request) = *subject else { return Ok(None) };
    let Some(repository) = repository else { return Ok(None) };
    let request = request::read(text, Some(Here { repository, pull_request }));
    Ok(Some(Asked { who: who.to_owned(), request }))
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
