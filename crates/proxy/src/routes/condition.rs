//! Whether a condition holds for a request.

use crate::pattern::matches;
use crate::request::Request;
use crate::rewrite::Origin;
use crate::table::Condition;

/// What conditions look at.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) request: &'a Request<'a>,
    /// The host in lower case, without its port.
    pub(crate) host: &'a str,
    pub(crate) origin: &'a Origin,
}

/// Whether one of the condition's values is what the request has.
pub(crate) fn holds(condition: &Condition, facts: &Facts<'_>) -> bool {
    let request = facts.request;
    match condition {
        Condition::Host(patterns) => any(patterns, facts.host.as_bytes(), true),
        Condition::Path(patterns) => any(patterns, request.path.as_bytes(), false),
        Condition::Header { name, values } => request.values(name).any(|value| any(values, value, true)),
        Condition::Query(pairs) => pairs
            .iter()
            .any(|(name, value)| has_pair(request.query.unwrap_or_default(), name.as_deref(), value)),
        Condition::SourceIp(ranges) => ranges.iter().any(|range| range.contains(facts.origin.ip)),
        Condition::Method(methods) => methods.iter().any(|method| method == request.method),
    }
}

fn any(patterns: &[String], text: &[u8], any_case: bool) -> bool {
    patterns.iter().any(|pattern| matches(pattern.as_bytes(), text, any_case))
}

/// Whether a query string has a pair, by name and value or by value alone.
fn has_pair(query: &str, name: Option<&str>, value: &str) -> bool {
    query.split('&').any(|pair| {
        let (pair_name, pair_value) = pair.split_once('=').unwrap_or((pair, ""));
        let named = name.is_none_or(|name| matches(name.as_bytes(), pair_name.as_bytes(), true));
        named && matches(value.as_bytes(), pair_value.as_bytes(), true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_for_the_requests_that_they_name() {
        let head =
            hyper::Request::get("/img/Cat.png?Version=V1&x=y%20z&flag").header("user-agent", "Mozilla/5.0");
        let head = head.header("user-agent", "second").body(()).unwrap().into_parts().0;
        let request = Request::of(&head);
        let origin = Origin::new("203.0.113.7".parse().unwrap(), false, 80);
        let facts = Facts { request: &request, host: "app.example.com", origin: &origin };
        let texts = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let header =
            |name: &str, value: &str| Condition::Header { name: name.into(), values: texts(&[value]) };
        let query =
            |name: Option<&str>, value: &str| Condition::Query(vec![(name.map(str::to_owned), value.into())]);
        let source = |range: &str| Condition::SourceIp(vec![range.parse().unwrap()]);
        let cases = [
            (Condition::Host(texts(&["APP.example.com"])), true),
            (Condition::Host(texts(&["other", "*.EXAMPLE.com"])), true),
            (Condition::Host(texts(&["app.example.com:8080"])), false),
            (Condition::Path(texts(&["/img/*.png"])), true),
            (Condition::Path(texts(&["/img/cat.png"])), false),
            (header("user-agent", "mozilla/*"), true),
            (header("User-Agent", "SECOND"), true),
            (header("accept", "*"), false),
            (query(Some("version"), "v1"), true),
            (query(Some("version"), "v2"), false),
            (query(None, "v?"), true),
            (query(Some("flag"), ""), true),
            (query(Some("x"), "y*z"), true),
            (source("203.0.113.0/24"), true),
            (source("198.51.100.0/24"), false),
            (Condition::Method(texts(&["POST", "GET"])), true),
            (Condition::Method(texts(&["get"])), false),
        ];
        for (condition, expected) in cases {
            assert_eq!(holds(&condition, &facts), expected, "{condition:?}");
        }
    }
}
