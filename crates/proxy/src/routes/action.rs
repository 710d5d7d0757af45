//! What an action does with one request.

use std::collections::HashMap;

use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::Routes;
use crate::answer::Answer;
use crate::request::{Request, without_port};
use crate::rewrite::Origin;
use crate::state::cookie_of;
use crate::table::{Cookie, Forward, Redirect};

/// A forward action made ready.
#[derive(Debug)]
pub(crate) struct ForwardRoute {
    groups: Vec<(usize, u32)>,
    total: u64,
    stickiness: Option<Cookie>,
}

/// Where a request goes.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) group: usize,
    /// The target that the client's cookie names.
    pub(crate) cookie: Option<u64>,
    /// The cookie that keeps the client with this group.
    pub(crate) keep: Option<(Cookie, u64)>,
}

impl ForwardRoute {
    /// The error is the name of a group that there is not.
    pub(crate) fn new(forward: Forward, numbers: &HashMap<String, usize>) -> Result<Self, String> {
        let Forward { groups, stickiness } = forward;
        let mut ready = Vec::with_capacity(groups.len());
        for (id, weight) in groups {
            match numbers.get(&id) {
                Some(number) => ready.push((*number, weight)),
                None => return Err(id),
            }
        }
        if ready.iter().all(|(_, weight)| *weight == 0) {
            ready.iter_mut().for_each(|(_, weight)| *weight = 1);
        }
        let total = ready.iter().map(|(_, weight)| u64::from(*weight)).sum();
        if ready.is_empty() { Err(String::new()) } else { Ok(Self { groups: ready, total, stickiness }) }
    }

    /// The group for a request, and what its cookies say.
    pub(crate) fn choose(&self, request: &Request<'_>, routes: &Routes) -> Choice {
        let named = self.stickiness.as_ref().and_then(|cookie| cookie_value(request.cookie(&cookie.name)?));
        let known = named.and_then(|value| {
            self.groups
                .iter()
                .map(|(number, _)| *number)
                .find(|it| cookie_of(&routes.groups[*it].id) == value)
        });
        let group = known.unwrap_or_else(|| self.spread(routes));
        let chosen = &routes.groups[group];
        let cookie =
            chosen.stickiness.as_ref().and_then(|cookie| cookie_value(request.cookie(&cookie.name)?));
        let keep = self.stickiness.clone().map(|cookie| (cookie, cookie_of(&chosen.id)));
        Choice { group, cookie, keep }
    }

    fn spread(&self, routes: &Routes) -> usize {
        let (first, _) = self.groups[0];
        if self.groups.len() == 1 {
            return first;
        }
        let mut place = spread(routes.groups[first].state.turn() as u64, self.total);
        for (number, weight) in &self.groups {
            match place.checked_sub(u64::from(*weight)) {
                Some(rest) => place = rest,
                None => return *number,
            }
        }
        first
    }
}

/// A place below `total` for a turn: any run of turns is spread evenly, not in blocks.
fn spread(turn: u64, total: u64) -> u64 {
    // 2^64 divided by the golden ratio: multiples of it are as far from each other as can be.
    let even = turn.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    u64::try_from((u128::from(even) * u128::from(total)) >> 64).unwrap_or_default()
}

/// What a cookie of ours says.
pub(crate) fn cookie_value(value: &[u8]) -> Option<u64> {
    u64::from_str_radix(str::from_utf8(value).ok()?, 16).ok()
}

/// The answer that sends a client elsewhere.
pub(crate) fn redirect(redirect: &Redirect, request: &Request<'_>, origin: &Origin) -> Answer {
    let fill = |text: &str| {
        text.replace("#{protocol}", origin.scheme())
            .replace("#{port}", &origin.port.to_string())
            .replace("#{host}", without_port(request.host))
            .replace("#{path}", request.path.strip_prefix('/').unwrap_or(request.path))
            .replace("#{query}", request.query.unwrap_or_default())
    };
    let query = fill(&redirect.query);
    let location = format!(
        "{}://{}:{}{}{}{query}",
        fill(&redirect.protocol).to_ascii_lowercase(),
        fill(&redirect.host),
        fill(&redirect.port),
        fill(&redirect.path),
        if query.is_empty() { "" } else { "?" },
    );
    // The parts of a request and of a table are text that a header may hold, and the status is one of a redirect.
    let status = StatusCode::from_u16(redirect.status).unwrap_or(StatusCode::FOUND);
    Answer { location: HeaderValue::try_from(location).ok(), ..Answer::page(status) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(change: Redirect, line: &str) -> String {
        let head =
            hyper::Request::get(line).header("host", "example.com:8080").body(()).unwrap().into_parts().0;
        let origin = Origin::new([127, 0, 0, 1].into(), false, 8080);
        redirect(&change, &Request::of(&head), &origin).location.unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn redirects_keep_what_they_do_not_change() {
        let https = Redirect { protocol: "HTTPS".into(), port: "443".into(), ..Redirect::default() };
        assert_eq!(location(https.clone(), "/a/b?c=d"), "https://example.com:443/a/b?c=d");
        assert_eq!(location(https, "/"), "https://example.com:443/");
        let moved = Redirect {
            host: "www.#{host}".into(),
            path: "/new/#{path}".into(),
            query: "from=#{query}&p=#{protocol}".into(),
            ..Redirect::default()
        };
        assert_eq!(location(moved, "/a?b"), "http://www.example.com:8080/new/a?from=b&p=http");
    }

    #[test]
    fn turns_are_spread_by_weight_and_never_in_long_runs() {
        let mut runs = 0;
        let counts = (0..1000).fold([0; 2], |mut counts, turn| {
            let place = usize::from(spread(turn, 10) >= 9);
            runs = if place == 0 { runs + 1 } else { 0 };
            assert!(runs < 25, "the second group got nothing in {runs} turns");
            counts[place] += 1;
            counts
        });
        assert!((880..=920).contains(&counts[0]), "{counts:?}");
    }
}
