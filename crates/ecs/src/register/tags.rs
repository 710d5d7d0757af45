//! The rules for tags, the same in every call that takes them.

use longshore_model::tag::Tag;

use super::checks::repeated;
use crate::fault::Fault;

const MAX_TAGS: usize = 50;
const MAX_KEY_CHARACTERS: usize = 128;
const MAX_VALUE_CHARACTERS: usize = 256;

/// At most 50 tags with different keys; keys of 1-128 and values of up to 256 allowed characters; no key of AWS's own.
///
/// # Errors
/// `InvalidParameterException` for the first tag that breaks a rule.
pub fn check_tags(tags: &[Tag]) -> Result<(), Fault> {
    if tags.len() > MAX_TAGS {
        return Err(Fault::invalid(format!("The number of tags exceeds the limit of {MAX_TAGS}.")));
    }
    tags.iter().try_for_each(check_tag)?;
    match repeated(tags.iter().map(|tag| &tag.key)) {
        Some(key) => Err(Fault::invalid(format!("Tag keys must be unique. Duplicate key: '{key}'."))),
        None => Ok(()),
    }
}

fn check_tag(tag: &Tag) -> Result<(), Fault> {
    let key = tag.key.as_str();
    let value = tag.value.as_deref().unwrap_or_default();
    let problem = if key.is_empty() {
        "Tag key can not be blank.".to_owned()
    } else if key.chars().count() > MAX_KEY_CHARACTERS {
        format!("Tag key longer than {MAX_KEY_CHARACTERS}.")
    } else if !key.chars().all(is_allowed) {
        format!("Tag key '{key}' contains invalid characters.")
    } else if is_reserved(key) {
        "Tag keys cannot start with the reserved prefix aws:".to_owned()
    } else if value.chars().count() > MAX_VALUE_CHARACTERS {
        format!("Tag value for key '{key}' longer than {MAX_VALUE_CHARACTERS}.")
    } else if !value.chars().all(is_allowed) {
        format!("Tag value for key '{key}' contains invalid characters.")
    } else {
        return Ok(());
    };
    Err(Fault::invalid(problem))
}

/// AWS keeps `aws:` for itself, in any mix of upper and lower case.
fn is_reserved(key: &str) -> bool {
    key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

/// Letters, digits and spaces of any script, and `+ - = . _ : / @`.
fn is_allowed(character: char) -> bool {
    character.is_alphanumeric() || character == ' ' || "+-=._:/@".contains(character)
}
