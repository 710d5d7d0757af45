//! What the template engine says of a file, in our words: what and where, and what to do.

use minijinja::{Error, ErrorKind};

use super::place::Place;
use super::template::Trouble;
use crate::error::Failed;

const FUNCTIONS: &str = "there are env.NAME, var.NAME, ssm(), ssm_arn(), secret_arn(), output(), export() and tfstate(); \
                         docs/templates.md explains them";

/// The error about a file's text.
pub(super) fn failed(path: &str, text: &str, error: &Error) -> Failed {
    let range = error.range().filter(|range| text.get(range.clone()).is_some());
    let expression = range.as_ref().map_or("", |range| &text[range.clone()]).trim();
    let place = match (range.as_ref(), error.line()) {
        (Some(range), _) => Place::of(text, range.start),
        (None, Some(line)) => Place { line, column: 1 },
        (None, None) => Place { line: 1, column: 1 },
    };
    let failed = |message: &str| place.failed(path, text, message);
    match trouble(error) {
        Some(Trouble::Call(call)) => {
            return failed(&format!("`{expression}` has no value")).caused_by(call.clone());
        }
        Some(Trouble::Said { why, hint }) => return failed(why).with_hint(hint),
        None => {}
    }
    let at = range.as_ref().map_or(0, |range| range.start);
    if let Some(name) = undefined(error) {
        let place = position(text, at, name).map_or(place, |start| Place::of(text, start));
        let message = format!("`{name}` is not defined");
        return place.failed(path, text, &message).with_hint(how_to_define(name));
    }
    let (message, hint) = in_words(error, expression, text[at..].starts_with('`'));
    match hint {
        Some(hint) => failed(&message).with_hint(hint),
        None => failed(&message),
    }
}

/// What one of our functions has to say.
fn trouble(error: &Error) -> Option<&Trouble> {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.into_iter().find_map(|cause| cause.downcast_ref::<Trouble>())
}

/// The name that is undefined, which is part of the file.
fn undefined(error: &Error) -> Option<&str> {
    let (before, _) = error.detail()?.rsplit_once("` is undefined")?;
    before.rsplit_once('`').map(|(_, name)| name)
}

/// Where a name is in the tag that has this byte: the engine points at a filter behind it, or at all of a sum.
fn position(text: &str, at: usize, name: &str) -> Option<usize> {
    let start = ["{{", "{%"].into_iter().filter_map(|begin| text[..at].rfind(begin)).max()?;
    let continues = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = text[start..].match_indices(name).map(|(offset, _)| start + offset);
    found.find(|found| !text[found + name.len()..].starts_with(continues))
}

fn how_to_define(name: &str) -> String {
    let default = format!("or give it a value of its own: {{{{ {name} | default(\"...\") }}}}");
    match (name.strip_prefix("env."), name.strip_prefix("var.")) {
        (Some(name), _) => format!("set the environment variable {name}, {default}"),
        (_, Some(name)) => format!("pass --var {name}=VALUE, {default}"),
        _ => FUNCTIONS.to_owned(),
    }
}

/// All else. The engine's own words are used where they are about the template; elsewhere they may show values.
fn in_words(error: &Error, expression: &str, is_backtick: bool) -> (String, Option<&'static str>) {
    let detail = error.detail().unwrap_or_default();
    match error.kind() {
        ErrorKind::SyntaxError | ErrorKind::BadEscape if is_backtick => (
            format!("this is no template: {detail}"),
            Some(
                "names are quoted with \" or ', and functions have parentheses: {{ ssm(\"/name\") }}, {{ env.NAME }}",
            ),
        ),
        ErrorKind::SyntaxError | ErrorKind::BadEscape => (
            format!("this is no template: {detail}"),
            Some(
                "text that is meant for others, such as Docker's {{.Name}}, goes between {% raw %} and {% endraw %}",
            ),
        ),
        ErrorKind::UnknownFunction => (detail.to_owned(), Some(FUNCTIONS)),
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownMethod => (
            detail.to_owned(),
            Some(
                "docs/templates.md names the filters; `json` writes a value as JSON, `default` stands in for a missing one",
            ),
        ),
        ErrorKind::OutOfFuel => ("the template does not come to an end".to_owned(), None),
        ErrorKind::MissingArgument => (format!("`{expression}` lacks an argument"), Some(FUNCTIONS)),
        ErrorKind::TooManyArguments => (format!("`{expression}` has too many arguments"), Some(FUNCTIONS)),
        kind => (format!("`{expression}` cannot be worked out: {kind}"), None),
    }
}
