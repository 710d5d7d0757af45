//! What many calls ask of their parameters, with ELB's sentences for what is wrong.

use std::fmt::Display;
use std::str::FromStr;

use longshore_model::UnknownWord;

use super::fault::Fault;

/// The longest name of a load balancer or a target group.
const NAME_CHARACTERS: usize = 32;

/// A constraint of the API's model that a value breaks.
fn broken(value: impl Display, member: &str, rule: impl Display) -> Fault {
    Fault::invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
    ))
}

/// The member must be there, and not be empty.
pub(super) fn required<'a>(member: &str, value: Option<&'a String>) -> Result<&'a str, Fault> {
    match value {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(Fault::invalid(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))),
    }
}

/// The text must be one of a set of words.
pub(super) fn word<T: FromStr<Err = UnknownWord>>(member: &str, text: &str) -> Result<T, Fault> {
    text.parse().map_err(|unknown: UnknownWord| broken(text, member, unknown))
}

/// The number must be in a range.
pub(super) fn number<T: TryFrom<i32>>(member: &str, value: i32, least: i32, most: i32) -> Result<T, Fault> {
    let greater =
        || broken(value, member, format_args!("Member must have value greater than or equal to {least}"));
    let less = || broken(value, member, format_args!("Member must have value less than or equal to {most}"));
    if value < least {
        return Err(greater());
    }
    if value > most {
        return Err(less());
    }
    T::try_from(value).map_err(|_| less())
}

/// A port that can be listened on.
pub(super) fn port(member: &str, value: i32) -> Result<u16, Fault> {
    number(member, value, 1, 65535)
}

/// The text may have only so many characters.
pub(super) fn longest(member: &str, value: &str, most: usize) -> Result<(), Fault> {
    if value.chars().count() <= most {
        return Ok(());
    }
    Err(broken(value, member, format_args!("Member must have length less than or equal to {most}")))
}

/// A name of a load balancer or a target group, which `what` says: 1-32 letters, digits and hyphens, none of these first or
/// last.
pub(super) fn name(what: &str, name: &str) -> Result<(), Fault> {
    let problem = if name.chars().count() > NAME_CHARACTERS {
        format!("{what} '{name}' cannot be longer than '{NAME_CHARACTERS}' characters")
    } else if !name.chars().all(|it| it.is_ascii_alphanumeric() || it == '-') {
        format!("{what} '{name}' can only contain characters that are alphanumeric characters and hyphens(-)")
    } else if name.starts_with('-') || name.ends_with('-') {
        format!("{what} '{name}' cannot begin or end with '-'")
    } else {
        return Ok(());
    };
    Err(Fault::invalid(problem))
}

/// An id as EC2 gives them: the prefix, a hyphen, and 8 or 17 hexadecimal digits.
pub(super) fn is_id(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| {
        [8, 17].contains(&digits.len()) && digits.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_of_32_characters() {
        for good in ["a", "web", "Web-1", &"a".repeat(32)] {
            assert_eq!(name("The load balancer name", good), Ok(()), "{good}");
        }
        for bad in ["-web", "web-", "-", "we b", "we_b", "wéb", &"a".repeat(33)] {
            assert!(name("The load balancer name", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_have_their_prefix_and_8_or_17_digits() {
        for good in ["subnet-0123abcd", "subnet-0123456789abcdef0"] {
            assert!(is_id(good, "subnet"), "{good}");
        }
        for bad in
            ["subnet-", "subnet-1234567", "subnet-0123ABCD", "sg-0123abcd", "0123abcd", "subnet0123abcd"]
        {
            assert!(!is_id(bad, "subnet"), "{bad}");
        }
    }

    #[test]
    fn numbers_have_both_ends() {
        assert_eq!(number::<u16>("priority", 50000, 1, 50000), Ok(50000));
        let low = number::<u16>("priority", 0, 1, 50000).unwrap_err().message;
        assert!(low.ends_with("Value '0' at 'priority' failed to satisfy constraint: Member must have value greater than or equal to 1"), "{low}");
        assert!(
            number::<u16>("priority", 50001, 1, 50000)
                .unwrap_err()
                .message
                .contains("less than or equal to 50000")
        );
        assert!(number::<u8>("priority", 300, 1, 50000).is_err());
    }
}
