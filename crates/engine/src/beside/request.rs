//! Reading a request: JSON into its struct, with the sentences that AWS has for a wrong type or a broken constraint.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::refusal::Refusal;
use crate::wire::strict::Strict;

/// The request, or a `SerializationException` that never quotes what was sent.
pub(super) fn parse<T: DeserializeOwned>(body: Value) -> Result<T, Refusal> {
    T::deserialize(Strict(body))
        .map_err(|error| Refusal::new("SerializationException", wrong_type(&error.to_string())))
}

/// What every service answers to an operation that it does not have.
pub(super) fn unknown_operation() -> Refusal {
    Refusal { message: None, ..Refusal::new("UnknownOperationException", "") }
}

/// AWS's sentence for serde's `invalid type: KIND VALUE, expected WANTED`.
fn wrong_type(error: &str) -> String {
    let kind =
        error.strip_prefix("invalid type: ").and_then(|rest| rest.split([' ', ',']).next()).unwrap_or("");
    let wanted = error.rsplit_once(", expected ").map_or("", |(_, wanted)| wanted);
    let found = match kind {
        "map" | "sequence" => return "Start of structure or map found where not expected.".into(),
        "string" => "STRING_VALUE",
        "boolean" if error.contains("boolean `true`") => "TRUE_VALUE",
        "boolean" => "FALSE_VALUE",
        "floating" => "DECIMAL_VALUE",
        _ => "NUMBER_VALUE",
    };
    match wanted {
        "a string" => format!("{found} can not be converted to a String"),
        "a boolean" => format!("{found} can not be converted to a Boolean"),
        "a sequence" => "Expected list or null".into(),
        _ if wanted.starts_with("struct") || wanted == "a map" => "Expected null".into(),
        _ => format!("{found} can not be converted to an Integer"),
    }
}

/// Collects the constraints of the API's model that a request breaks: AWS names all of them in one sentence.
#[derive(Debug)]
pub(super) struct Constraints {
    code: &'static str,
    broken: Vec<String>,
}

impl Constraints {
    /// `code` is the exception that the service uses for them.
    pub(super) fn new(code: &'static str) -> Self {
        Self { code, broken: Vec::new() }
    }

    /// The member must be there.
    pub(super) fn required<T>(&mut self, member: &str, value: Option<&T>) {
        if value.is_none() {
            self.add("Value null", member, "Member must not be null");
        }
    }

    /// The number of characters of a text.
    pub(super) fn length(&mut self, member: &str, value: &str, shortest: usize, longest: usize) {
        self.size(&format!("Value '{value}'"), member, value.chars().count(), shortest, longest);
    }

    /// The number of characters of a text that must not be repeated.
    pub(super) fn hidden_length(&mut self, member: &str, value: &str, shortest: usize, longest: usize) {
        self.size("Value", member, value.chars().count(), shortest, longest);
    }

    /// The number of items of a list.
    pub(super) fn count(&mut self, member: &str, items: usize, fewest: usize, most: usize) {
        self.size("Value", member, items, fewest, most);
    }

    fn size(&mut self, value: &str, member: &str, size: usize, least: usize, most: usize) {
        if size < least {
            self.add(value, member, &format!("Member must have length greater than or equal to {least}"));
        } else if size > most {
            self.add(value, member, &format!("Member must have length less than or equal to {most}"));
        }
    }

    /// The size of a number.
    pub(super) fn range(&mut self, member: &str, value: i64, least: i64, most: i64) {
        let shown = format!("Value '{value}'");
        if value < least {
            self.add(&shown, member, &format!("Member must have value greater than or equal to {least}"));
        } else if value > most {
            self.add(&shown, member, &format!("Member must have value less than or equal to {most}"));
        }
    }

    /// The word must be one of a set.
    pub(super) fn one_of(&mut self, member: &str, value: &str, words: &[&str]) {
        if !words.contains(&value) {
            let rule = format!("Member must satisfy enum value set: [{}]", words.join(", "));
            self.add(&format!("Value '{value}'"), member, &rule);
        }
    }

    /// Every character must be allowed; `pattern` is how the API's model writes that.
    pub(super) fn characters(
        &mut self,
        member: &str,
        value: &str,
        pattern: &str,
        allowed: impl Fn(char) -> bool,
    ) {
        if !value.chars().all(allowed) {
            let rule = format!("Member must satisfy regular expression pattern: {pattern}");
            self.add(&format!("Value '{value}'"), member, &rule);
        }
    }

    fn add(&mut self, value: &str, member: &str, rule: &str) {
        self.broken.push(format!("{value} at '{member}' failed to satisfy constraint: {rule}"));
    }

    /// The refusal, when anything was broken.
    pub(super) fn check(self) -> Result<(), Refusal> {
        let errors = if self.broken.len() == 1 { "error" } else { "errors" };
        match self.broken.len() {
            0 => Ok(()),
            count => {
                let all = self.broken.join("; ");
                Err(Refusal::new(self.code, format!("{count} validation {errors} detected: {all}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Request {
        text: Option<String>,
        number: Option<i64>,
        flag: Option<bool>,
        list: Option<Vec<String>>,
    }

    #[test]
    fn a_wrong_type_has_aws_sentence_and_shows_no_value() {
        let cases = [
            (json!({"text": 12345}), "NUMBER_VALUE can not be converted to a String"),
            (json!({"text": true}), "TRUE_VALUE can not be converted to a String"),
            (json!({"text": {"a": 1}}), "Start of structure or map found where not expected."),
            (
                json!({"number": "swordfish, expected a boolean"}),
                "STRING_VALUE can not be converted to an Integer",
            ),
            (json!({"number": 1.5}), "DECIMAL_VALUE can not be converted to an Integer"),
            (json!({"flag": "yes"}), "STRING_VALUE can not be converted to a Boolean"),
            (json!({"list": "x"}), "Expected list or null"),
        ];
        for (body, sentence) in cases {
            let refusal = parse::<Request>(body).unwrap_err();
            assert_eq!(
                (refusal.code.as_str(), refusal.message.as_deref()),
                ("SerializationException", Some(sentence))
            );
        }
        let read: Request = parse(json!({"text": "a", "unknown": 1})).unwrap();
        assert_eq!((read.text.as_deref(), read.number, read.flag, read.list), (Some("a"), None, None, None));
    }

    #[test]
    fn all_broken_constraints_are_named_at_once() {
        let mut constraints = Constraints::new("ValidationException");
        constraints.required("name", None::<&String>);
        constraints.length("path", "", 1, 2);
        constraints.hidden_length("secret", "abc", 1, 2);
        constraints.range("limit", 51, 1, 50);
        constraints.one_of("type", "x", &["a", "b"]);
        constraints.characters("stream", "a:b", "[^:*]*", |c| c != ':');
        let message = constraints.check().unwrap_err().message.unwrap();
        assert!(
            message.starts_with("6 validation errors detected: Value null at 'name' failed to satisfy"),
            "{message}"
        );
        assert!(message.contains("; Value at 'secret' failed to satisfy constraint: Member must have length less than or equal to 2; "));
        assert!(message.ends_with("Value 'a:b' at 'stream' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*"));
        assert_eq!(Constraints::new("ValidationException").check(), Ok(()));
    }
}
