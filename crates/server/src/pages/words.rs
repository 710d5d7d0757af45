//! Small things in words: moments, money, states.

use longshore_model::Timestamp;
use maud::{Markup, html};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A moment (RFC 3339) in words, with the exact one beside it for those who want it.
pub(super) fn time(rfc3339: &str, now: Timestamp) -> Markup {
    let Ok(at) = rfc3339.parse::<jiff::Timestamp>() else { return html! { (rfc3339) } };
    let seconds = (at.as_millisecond() - now.0) / 1000;
    let exact = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    html! { time datetime=(rfc3339) title=(exact) { (relative(seconds)) } }
}

/// Seconds from now in words: negative ones are past. The script says the same as time goes by.
fn relative(seconds: i64) -> String {
    let (amount, unit) = match seconds.abs() {
        0..45 => return "just now".to_owned(),
        it @ 45..HOUR => (it.max(MINUTE) / MINUTE, "min"),
        it @ HOUR..DAY => (it / HOUR, "h"),
        it => (it / DAY, "d"),
    };
    if seconds < 0 { format!("{amount} {unit} ago") } else { format!("in {amount} {unit}") }
}

/// What a day costs.
pub(super) fn money(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { "< $0.01".to_owned() } else { format!("${usd:.2}") }
}

/// A commit as people say it.
pub(super) fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}

/// With a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> Markup {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    prose(&format!("{first}{}{end}", letters.as_str()))
}

/// What stands between backticks is code.
pub(super) fn prose(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 0 { (part) }
            @else if index + 1 < parts.len() { code { (part) } }
            // The last one has no twin.
            @else { "`" (part) }
        }
    }
}

/// So many of them.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// What kind of state it is: its colour, and the filter that finds it.
pub(super) fn group(state: &str) -> &'static str {
    match state {
        "ready" => "ready",
        "asleep" => "asleep",
        "failed" => "failed",
        _ => "busy",
    }
}

/// A state: a dot, and the word for those who do not see its colour.
pub(super) fn state(state: &str) -> Markup {
    dot(group(state), state)
}

/// The same with a colour that its word does not tell.
pub(super) fn dot(group: &str, word: &str) -> Markup {
    html! {
        span class=(format!("state {group}")) {
            span.dot aria-hidden="true" {}
            (word)
        }
    }
}

/// A host, path or branch that may break where people read it, behind dots and slashes.
pub(super) fn breakable(text: &str) -> Markup {
    html! { @for part in text.split_inclusive(['.', '/']) { (part) wbr; } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_said_in_their_largest_unit() {
        let cases = [
            (0, "just now"),
            (-44, "just now"),
            (-45, "1 min ago"),
            (-119, "1 min ago"),
            (-3600, "1 h ago"),
            (-86_399, "23 h ago"),
            (-3 * DAY, "3 d ago"),
            (90, "in 1 min"),
            (2 * HOUR, "in 2 h"),
            (DAY, "in 1 d"),
        ];
        for (seconds, words) in cases {
            assert_eq!(relative(seconds), words, "{seconds}");
        }
    }

    #[test]
    fn what_is_no_moment_is_shown_as_it_is() {
        assert_eq!(time("<b>", Timestamp(0)).into_string(), "&lt;b&gt;");
    }

    #[test]
    fn money_and_sentences() {
        assert_eq!([money(0.0), money(0.004), money(1.239)], ["$0.00", "< $0.01", "$1.24"]);
        assert_eq!(sentence("cannot do it: no room").into_string(), "Cannot do it: no room.");
        assert_eq!(sentence("Why?").into_string(), "Why?");
        assert_eq!(sentence("`<b>` is `it").into_string(), "<code>&lt;b&gt;</code> is `it.");
        assert_eq!((short("0123456789"), short("ü")), ("0123456", "ü"));
    }
}
