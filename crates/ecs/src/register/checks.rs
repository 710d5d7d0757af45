//! The forms that many checks share, so that each rule is one line where it stands.

use std::collections::BTreeSet;

use crate::fault::Fault;

/// The outcome of a rule.
pub(super) type Checked = Result<(), Fault>;

/// The longest name of a family, container or volume.
const MAX_NAME_CHARACTERS: usize = 255;

/// A refusal with this sentence.
pub(super) fn refuse<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::client(message))
}

/// Refuses with the sentence when `wrong` holds.
pub(super) fn refuse_if(wrong: bool, message: impl FnOnce() -> String) -> Checked {
    if wrong { refuse(message()) } else { Ok(()) }
}

/// Letters, digits, `-` and `_`, up to 255.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_CHARACTERS
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// An account in an ARN. AWS's have 12 digits, and there a role must be of the caller's own; here any word will do,
/// because published definitions have theirs blacked out, and no account that they name exists on this machine.
pub(super) fn is_account(account: &str) -> bool {
    !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// An absent value, or one of the words.
pub(super) fn one_of(value: Option<&str>, member: &str, words: &[&str]) -> Checked {
    match value {
        Some(value) if !words.contains(&value) => refuse(format!(
            "{value} is not a valid value for {member}. The value must be one of [{}]",
            words.join(",")
        )),
        _ => Ok(()),
    }
}

/// A member of a container that must not be below `least`; the sentence names both.
pub(super) fn at_least(value: Option<i32>, least: i32, member: &str, container: &str) -> Checked {
    refuse_if(value.is_some_and(|value| value < least), || invalid_setting(member, container))
}

/// ECS's sentence for a setting that is out of its range.
pub(super) fn invalid_setting(member: &str, container: &str) -> String {
    format!("Invalid '{member}' setting for container '{container}'.")
}

/// A required text.
pub(super) fn not_blank(value: &str, member: &str) -> Checked {
    refuse_if(value.trim().is_empty(), || format!("{member} should not be null or empty."))
}

/// The first value that appears twice.
pub(super) fn repeated<T: Ord + Copy>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut seen = BTreeSet::new();
    values.into_iter().find(|value| !seen.insert(*value))
}

/// The members of an optional list.
pub(super) fn each<T>(list: Option<&Vec<T>>) -> impl Iterator<Item = &T> {
    list.into_iter().flatten()
}
