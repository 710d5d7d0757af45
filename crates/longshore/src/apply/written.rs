//! Documents as the text of a file that Longshore reads: JSON or YAML, and a template with nothing to fill in.

use anyhow::Result;
use serde_json::{Map, Value};

/// What the template engine would take for its own.
const MARKS: [&str; 3] = ["{{", "{%", "{#"];

/// The text of a file with this document.
pub(crate) fn text(document: &Map<String, Value>, yaml: bool) -> Result<String> {
    let text = if yaml {
        serde_saphyr::to_string(document)?
    } else {
        serde_json::to_string_pretty(document)? + "\n"
    };
    Ok(escaped(&text))
}

/// Text that a template gives back as it is here.
fn escaped(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = MARKS.iter().filter_map(|mark| rest.find(mark)).min() {
        let (before, behind) = rest.split_at(at);
        let (mark, behind) = behind.split_at(MARKS[0].len());
        out += before;
        out += &format!("{{{{ \"{mark}\" }}}}");
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::run::file::document;

    #[test]
    fn what_looks_like_a_template_is_text() {
        let cases = [
            ("plain { % # }}", "plain { % # }}"),
            ("{{.Name}}", r#"{{ "{{" }}.Name}}"#),
            ("{% x {# y", r#"{{ "{%" }} x {{ "{#" }} y"#),
            ("{{{", r#"{{ "{{" }}{"#),
            ("{{{{%", r#"{{ "{{" }}{{ "{{" }}%"#),
        ];
        for (text, expected) in cases {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn both_forms_are_read_as_what_was_written() {
        let strings = vec![
            "yes",
            "no",
            "null",
            "~",
            "1",
            "0x1f",
            "1e3",
            "012",
            "",
            " a ",
            "a: b",
            "- a",
            "#x",
            "a #b",
            "line\nline\n",
            "tab\t",
            "'q' \"q\"",
            "\\",
            "@x",
            "%x",
            "*x",
            "&x",
            "!x",
            "[x",
            "{x",
            "2026-01-01",
            "x:",
            "?",
            "=",
            "<<",
            ".inf",
            "é\u{1f600}\u{7}",
            "a very long line that goes on and on, with spaces and : colons # and so on, for more than one hundred characters",
        ];
        let Value::Object(whole) = json!({"strings": strings, "number": 3, "float": 0.5, "flag": true, "empty": [],
            "none": {}, "nested": {"list": [{"a": 1, "b": ["x"]}, {"a": 2}]}, "com.example/x": "y", "on": "off"})
        else {
            panic!()
        };
        for (name, yaml) in [("a.json", false), ("a.yaml", true)] {
            let text = text(&whole, yaml).unwrap();
            assert_eq!(document(name, &text).unwrap(), Value::Object(whole.clone()), "{text}");
        }
    }
}
