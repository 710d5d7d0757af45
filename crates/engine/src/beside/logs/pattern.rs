//! CloudWatch's filter patterns for unstructured events: terms, "quoted phrases", -exclusions and ?alternatives.

use crate::refusal::Refusal;

/// A parsed filter pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pattern {
    required: Vec<String>,
    excluded: Vec<String>,
    optional: Vec<String>,
}

impl Pattern {
    /// Reads a pattern; an empty one matches everything.
    ///
    /// Patterns for JSON, for columns and regular expressions are refused rather than misread.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        if let Some(kind) = structured(text) {
            return Err(invalid(format!(
                "Longshore's engine does not offer {kind} in filter patterns, only terms: \
                 word \"quoted phrase\" -excluded ?optional"
            )));
        }
        let mut pattern = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let (list, after) = match rest.split_at_checked(1) {
                Some(("-", after)) => (&mut pattern.excluded, after),
                Some(("?", after)) => (&mut pattern.optional, after),
                _ => (&mut pattern.required, rest),
            };
            let (term, after) = term(after)?;
            list.push(term);
            rest = after.trim_start();
        }
        Ok(pattern)
    }

    /// Whether an event with this message is wanted. Terms are case-sensitive.
    pub(super) fn matches(&self, message: &str) -> bool {
        let contains = |term: &String| message.contains(term.as_str());
        // CloudWatch ignores the optional terms as soon as there are others.
        let alternatives = self.required.is_empty() && self.excluded.is_empty() && !self.optional.is_empty();
        self.required.iter().all(contains)
            && !self.excluded.iter().any(contains)
            && (!alternatives || self.optional.iter().any(contains))
    }
}

fn structured(text: &str) -> Option<&'static str> {
    match text.chars().next()? {
        '{' => Some("JSON selectors ({ ... })"),
        '[' => Some("space-delimited columns ([ ... ])"),
        '%' => Some("regular expressions (%...%)"),
        _ => None,
    }
}

/// The term at the beginning of `text`, and what follows it.
fn term(text: &str) -> Result<(String, &str), Refusal> {
    if let Some(quoted) = text.strip_prefix('"') {
        return phrase(quoted);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    let wrong = |c: char| !(c.is_alphanumeric() || c == '_');
    if let Some(start) = word.find(wrong) {
        let wrong: String = word[start..].chars().take_while(|&c| wrong(c)).collect();
        return Err(invalid(format!("Invalid character(s) in term '{wrong}'")));
    }
    if word.is_empty() {
        return Err(invalid("Invalid filter pattern".into()));
    }
    Ok((word.to_owned(), after))
}

/// What stands before the closing quote (a backslash takes the next character as it is), and what follows it.
fn phrase(text: &str) -> Result<(String, &str), Refusal> {
    let mut phrase = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((phrase, &text[index + 1..])),
            '\\' => phrase.extend(characters.next().map(|(_, escaped)| escaped)),
            other => phrase.push(other),
        }
    }
    Err(invalid("Invalid filter pattern: a quotation mark is not closed".into()))
}

fn invalid(message: String) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_phrases_exclusions_and_alternatives() {
        let cases = [
            ("", "anything", true),
            ("ERROR", "[ERROR 400] bad", true),
            ("ERROR", "[error 400] bad", false),
            ("ERROR bad", "[ERROR 400] bad", true),
            ("ERROR good", "[ERROR 400] bad", false),
            ("\"ERROR 400\"", "[ERROR 400] bad", true),
            ("\"400 ERROR\"", "[ERROR 400] bad", false),
            (r#""say \"hi\"""#, "say \"hi\" now", true),
            ("ERROR -bad", "[ERROR 400] bad", false),
            ("ERROR -\"so bad\"", "[ERROR 400] bad", true),
            ("-bad", "good", true),
            ("?ERROR ?WARN", "[WARN] x", true),
            ("?ERROR ?WARN", "[INFO] x", false),
            ("?ERROR x", "[INFO] x", true),
            ("  größe  ", "die größe", true),
        ];
        for (pattern, message, expected) in cases {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(message), expected, "{pattern:?} on {message}");
        }
    }

    #[test]
    fn what_is_not_a_term_is_refused() {
        let cases = [
            ("Status: timeout", "Invalid character(s) in term ':'"),
            ("a -b::$c", "Invalid character(s) in term '::$'"),
            ("\"open", "Invalid filter pattern: a quotation mark is not closed"),
            ("?", "Invalid filter pattern"),
        ];
        for (pattern, message) in cases {
            let refusal = Pattern::parse(pattern).unwrap_err();
            assert_eq!(refusal, Refusal::new("InvalidParameterException", message), "{pattern}");
        }
        for pattern in ["{ $.level = \"error\" }", "[ip, user]", "%AUTH%"] {
            let message = Pattern::parse(pattern).unwrap_err().message.unwrap();
            assert!(message.contains("does not offer"), "{message}");
        }
    }
}
