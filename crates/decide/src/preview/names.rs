//! What an environment is called: the same branch has the same names for ever, and no two environments share one.
//!
//! A name depends on the repository, its policy and the branch alone, never on what else there is. A branch that is a
//! DNS label already keeps its name; any other gets a readable part and a hash of `repository#branch`. So two
//! environments meet only where 40 bits of SHA-256 do.

use longshore_model::preview::{Names, Policy, Subject, Trigger};
use sha2::{Digest, Sha256};

/// Characters of a DNS label (RFC 1035, 2.3.4).
pub(super) const LABEL_LIMIT: usize = 63;
/// Characters of an ECS service name (API reference of CreateService).
const SERVICE_LIMIT: usize = 255;
/// Characters of a target group name (API reference of CreateTargetGroup).
const TARGET_GROUP_LIMIT: usize = 32;
/// Hexadecimal digits of a hash: 40 bits.
const HASH_LENGTH: usize = 10;

/// The names of a branch's or pull request's environment.
#[must_use]
pub fn names(policy: &Policy, subject: &Subject) -> Names {
    of_label(policy, &label(policy, subject))
}

/// The names that belong to a label, whichever branch it was made for.
#[must_use]
pub fn of_label(policy: &Policy, label: &str) -> Names {
    let services = policy.services.iter().enumerate();
    let services = services.map(|(index, service)| {
        let further = (index > 0).then_some(service.name.as_str());
        (service_name(policy, label, further), target_group_name(policy, label, &service.name, index))
    });
    let (services, target_groups) = services.unzip();
    Names { id: format!("{label}.{}", policy.app), label: label.to_owned(), services, target_groups }
}

/// The longest of the policy's prefixes is left out, unless nothing would be left.
fn stripped<'a>(trigger: &Trigger, branch: &'a str) -> &'a str {
    let rests = trigger.strip.iter().filter_map(|prefix| branch.strip_prefix(prefix.as_str()));
    rests.filter(|rest| !rest.is_empty()).min_by_key(|rest| rest.len()).unwrap_or(branch)
}

fn label(policy: &Policy, subject: &Subject) -> String {
    let branch = match subject {
        Subject::PullRequest(number) => return format!("pr-{number}"),
        Subject::Branch(branch) => branch,
    };
    let rest = stripped(&policy.trigger, branch);
    if is_plain(rest) && owner(&policy.trigger, rest) == *branch {
        return rest.to_owned();
    }
    hashed(rest, LABEL_LIMIT, &[&policy.repository.to_ascii_lowercase(), "#", branch])
}

/// Which of the branches that come to the same rest keeps it as its label: the one that `branches` names as it is (so
/// that `main` stays `main`), else that with the first of the prefixes, else the one without any.
fn owner(trigger: &Trigger, rest: &str) -> String {
    let is_named = trigger.branches.iter().any(|glob| glob == rest) && stripped(trigger, rest) == rest;
    let mut prefixed = trigger.strip.iter().map(|prefix| format!("{prefix}{rest}"));
    let first = if is_named { None } else { prefixed.find(|branch| stripped(trigger, branch) == rest) };
    first.unwrap_or_else(|| rest.to_owned())
}

/// Whether a text can be a label as it is: a DNS label in lower case that is neither a name that we make for other
/// branches nor reserved (`xn--` and its like: RFC 5890, 2.3.1).
fn is_plain(text: &str) -> bool {
    is_dns_label(text) && !ends_in_hash(text) && !is_pull_request(text) && text.get(2..4) != Some("--")
}

/// Whether a text is a DNS label in lower case: letters, digits and inner hyphens, at most 63.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let has_length = (1..=LABEL_LIMIT).contains(&text.len());
    has_length && text.bytes().all(is_legal) && !text.starts_with('-') && !text.ends_with('-')
}

fn ends_in_hash(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let tail = text.rsplit_once('-').map_or(text, |(_, tail)| tail);
    tail.len() == HASH_LENGTH && tail.bytes().all(is_digit)
}

fn is_pull_request(text: &str) -> bool {
    text.strip_prefix("pr-").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `APP_LABEL`, and `APP_LABEL_SERVICE` for all but the first. Labels have no `_`, so that the parts cannot be taken for
/// others: app `a` with label `b-c` is not app `a-b` with label `c`.
fn service_name(policy: &Policy, label: &str, further: Option<&str>) -> String {
    let app = &policy.app;
    let name = further.map_or(format!("{app}_{label}"), |service| format!("{app}_{label}_{service}"));
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.len() <= SERVICE_LIMIT && name.bytes().all(is_legal) {
        return name;
    }
    hashed(&name, SERVICE_LIMIT, &[app, "_", label, "_", further.unwrap_or_default()])
}

/// Always with a hash, because 32 characters are too few to trust in. The cluster is part of it, so that two stages of
/// one repository in one account do not meet.
fn target_group_name(policy: &Policy, label: &str, service: &str, index: usize) -> String {
    let app = &policy.app;
    let words = if index == 0 { format!("{app}-{label}") } else { format!("{app}-{label}-{service}") };
    let repository = policy.repository.to_ascii_lowercase();
    hashed(
        &words,
        TARGET_GROUP_LIMIT,
        &[&repository, "#", &policy.cluster, "#", app, "#", label, "#", service],
    )
}

/// A readable part and a hash of `parts`, in at most `limit` characters. It is never what a pull request is called, and
/// does not begin with `internal-`, which Elastic Load Balancing keeps for itself.
fn hashed(text: &str, limit: usize, parts: &[&str]) -> String {
    let mut slug = slug(text);
    if slug.is_empty() || slug == "pr" || slug.starts_with("internal") {
        slug.insert_str(0, if slug.is_empty() { "x" } else { "x-" });
    }
    slug.truncate(limit - HASH_LENGTH - 1);
    let digest = hex::encode(Sha256::digest(parts.concat()));
    format!("{}-{}", slug.trim_end_matches('-'), digest.get(..HASH_LENGTH).unwrap_or(&digest))
}

/// Lower-case ASCII letters and digits; a single hyphen for any run of other characters between them.
fn slug(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let words = lower.split(|character: char| !character.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
